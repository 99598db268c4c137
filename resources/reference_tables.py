"""Defines the columns of the reference tables as they are delivered (SPEC §2.1)."""

from dataclasses import dataclass
from typing import Any

import polars as pl


@dataclass(frozen=True)
class ReferenceTable:
    """The columns of a reference table with their types. known: the column with the date on which a row became known."""

    known: str
    required: dict[str, Any]
    optional: dict[str, Any]

    @property
    def columns(self) -> dict[str, Any]:
        """All columns with their types."""
        return {**self.required, **self.optional}


REFERENCE: dict[str, ReferenceTable] = {
    "instruments": ReferenceTable(
        "list_date",
        {"symbol": pl.String, "list_date": pl.Date, "delist_date": pl.Date},
        {"delisting_start": pl.Date, "name": pl.String, "board": pl.String},
    ),
    "daily_prices": ReferenceTable(
        "date",
        {
            "date": pl.Date,
            "symbol": pl.String,
            "pre_close": pl.Float64,
            "open": pl.Float64,
            "high": pl.Float64,
            "low": pl.Float64,
            "close": pl.Float64,
            "volume": pl.Int64,
            "amount": pl.Float64,
            "float_shares": pl.Int64,
            "total_shares": pl.Int64,
            "is_st": pl.Boolean,
        },
        {"limit_up": pl.Float64, "limit_down": pl.Float64, "is_delisting": pl.Boolean, "name": pl.String},
    ),
    "index_weights": ReferenceTable(
        "date", {"index": pl.String, "date": pl.Date, "symbol": pl.String, "weight": pl.Float64}, {}
    ),
    "index_prices": ReferenceTable("date", {"index": pl.String, "date": pl.Date, "close": pl.Float64}, {}),
    "industries": ReferenceTable("start_date", {"symbol": pl.String, "start_date": pl.Date, "industry": pl.String}, {}),
    "fundamentals": ReferenceTable(
        "announce_date",
        {
            "symbol": pl.String,
            "period": pl.Date,
            "announce_date": pl.Date,
            "net_profit": pl.Float64,
            "equity": pl.Float64,
        },
        {"version": pl.Int64},
    ),
    "code_changes": ReferenceTable(
        "date",
        {"old": pl.String, "new": pl.String, "date": pl.Date},
        {"ratio": pl.Float64, "merger": pl.Boolean},
    ),
}
