"""One-minute bars that a user delivers instead of ticks (SPEC §2.1) → the rows of minute_bars, dense, as far as they go.

Here: which rows can be right, what an absent minute means, what was not delivered. Not here: bars made from ticks.

A minute without a row had no trade where volumes are delivered, and is unknown in everything but its carried close where
they are not. A row that breaks a rule puts its whole symbol-day aside: the rest of the day can't be trusted either.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from assets.bars.schemas import KEY, MINUTE_BARS, VALUES
from assets.ticks import clock
from resources.bar_forms import UNREADABLE
from resources.errors import InputError
from resources.rulebook import Rulebook

_PRICES = ("open", "high", "low", "close")
_PARTS = ("buy_amount", "sell_amount", "large_buy_amount", "large_sell_amount")
_COUNTED = ("volume", "amount", "trades", *_PARTS)
_PRICE_SLACK = 5e-5  # half of 1/10 000 yuan
_YUAN_SLACK, _RELATIVE_SLACK = 1.0, 1e-6  # amounts may be rounded to a yuan, or have been 32-bit floats


@dataclass(frozen=True)
class Delivered:
    """frame: dense rows, schema MINUTE_BARS. rejected: symbol, minute, reason. unavailable: column → reason.
    others: rows of securities that are no A-shares."""

    frame: pl.DataFrame
    rejected: pl.DataFrame
    unavailable: dict[str, str]
    others: int


def delivered_bars(
    bars: pl.DataFrame, date: dt.date, name: str, pre_close: Mapping[str, float], rules: Rulebook
) -> Delivered:
    """Checks and completes the bars of one day.

    bars: as read by resources/bar_forms.read_bars. name: the file, for messages. pre_close: symbol → yuan, where known. rules:
    boards and trading hours of the day. A minute 905 without volume is no trade and no row (SPEC §1).
    Raises InputError where no row is of a stock.
    """
    missing = [column for column in VALUES if column not in bars.columns]
    given = [column for column in VALUES if column in bars.columns]
    names = bars.select(pl.col("symbol").unique().sort()).with_columns(board=rules.board(), share=rules.is_a_share())
    named = bars.join(names, on="symbol", how="left", maintain_order="left", nulls_equal=True)
    others = named.filter(~pl.col("share"))
    rows = named.filter(pl.col("share")).drop("share")
    if rows.is_empty() and others.height:
        raise InputError(
            f"{name}: none of the {others.height} rows is of a stock of Shanghai or Shenzhen; the first symbol is "
            f"{others['symbol'][0]!r}. Write symbols as 600519.SH (README names the other forms that are read)."
        )
    late_boards = rules.after_hours_boards()
    rows = rows.filter(~_no_trade_after_hours(given, late_boards))
    rejected = _rejected(rows, date, late_boards)
    rows = rows.join(rejected.select("symbol").unique(), on="symbol", how="anti").drop("board")
    symbols = names.filter("share").select("symbol")
    grid = symbols.join(pl.DataFrame({"minute": pl.Series(clock.DAY_BARS, dtype=pl.Int32)}), how="cross")
    late = rows.filter(pl.col("minute") == clock.AFTER_HOURS).select("symbol", "minute")
    delivered = rows.with_columns(absent=False)
    dense = pl.concat([grid, late]).join(delivered, on=["symbol", "minute"], how="left").sort("symbol", "minute")
    dense = dense.with_columns(pl.col("absent").fill_null(True))
    first = pl.DataFrame(
        {"symbol": list(pre_close), "pre_close": list(pre_close.values())},
        schema={"symbol": pl.String, "pre_close": pl.Float64},
    )
    dense = dense.join(first, on="symbol", how="left", maintain_order="left").with_columns(
        close=pl.coalesce(pl.col("close").forward_fill().over("symbol"), "pre_close")
    )
    if "volume" in given:
        silent = pl.col("absent") | pl.col("volume").is_null()  # what has no volume has no amount either (_rejected)
        empty = (silent & _known("volume")) | (pl.col("volume") == 0).fill_null(False)
        dense = dense.with_columns(
            *(
                pl.when(empty).then("close").otherwise(column).alias(column)
                for column in _PRICES[:3]
                if column in given
            ),
            *(
                pl.when(empty & _known(column)).then(0).otherwise(column).alias(column)
                for column in _COUNTED
                if column in given
            ),
        )
    for flag in ("at_limit_up", "at_limit_down"):
        if flag in given:  # an absent minute closes where the one before it did, at the limit or not
            before_any = pl.when(_known(flag)).then(pl.lit(False))  # pre_close is no limit
            carried = pl.coalesce(pl.col(flag).forward_fill().over("symbol"), before_any)
            dense = dense.with_columns(pl.when("absent").then(carried).otherwise(flag).alias(flag))
    if "net_bid_change" in given:
        dense = dense.with_columns(pl.when(_known("net_bid_change")).then(pl.col("net_bid_change").fill_null(0.0)))
    dense = dense.with_columns(
        *(pl.lit(None, MINUTE_BARS[column]).alias(column) for column in missing), date=pl.lit(date)
    )
    reason = f"{name} gives {', '.join(given)} only"
    unavailable = dict.fromkeys(missing, reason)
    return Delivered(dense.select(*MINUTE_BARS), rejected, unavailable, others.height)


def _known(column: str) -> pl.Expr:
    """Whether the symbol has a value of the column in any minute; where it has none, an empty minute's is not 0."""
    return pl.col(column).count().over("symbol") > 0


def _no_trade_after_hours(given: Sequence[str], boards: Sequence[str]) -> pl.Expr:
    """Whether a row is the after-hours bar of a name that did not trade then: vendors fill up their grids."""
    idle = pl.col("volume").fill_null(0) == 0 if "volume" in given else ~pl.col("board").is_in(list(boards))
    return (pl.col("minute") == clock.AFTER_HOURS).fill_null(False) & idle


def _rejected(rows: pl.DataFrame, date: dt.date, late_boards: Sequence[str]) -> pl.DataFrame:
    """symbol, minute, reason of every row that breaks a rule. late_boards: those that trade after hours on `date`."""
    minutes = (*clock.DAY_BARS, clock.AFTER_HOURS)
    rules = [
        (pl.col(UNREADABLE).is_null(), pl.col(UNREADABLE)),
        (
            pl.col("minute").is_in(minutes).fill_null(False),
            pl.format("minute {} is no bar of SPEC §1", pl.col("minute").cast(pl.String).fill_null("null")),
        ),
        (~pl.struct("symbol", "minute").is_duplicated(), pl.lit("the minute stands there twice")),
        (
            (pl.col("minute") != clock.AFTER_HOURS).fill_null(True) | pl.col("board").is_in(list(late_boards)),
            pl.format(
                "minute 905 has trades, and the board {} has no after-hours trading on {} (rulebook.after_hours)",
                "board",
                pl.lit(str(date)),
            ),
        ),
        *(
            [
                (
                    pl.col("close").is_not_null() | (pl.col("volume").fill_null(0) == 0),
                    pl.format("volume = {} without a close", "volume"),
                )
            ]
            if "volume" in rows.columns
            else []
        ),
        *(
            [
                (
                    pl.col("volume").is_not_null() | (pl.col("amount").fill_null(0) == 0) | ~_known("volume"),
                    pl.format("amount = {} without a volume", "amount"),
                )
            ]
            if {"volume", "amount"} <= {*rows.columns}
            else []
        ),
        *(
            (
                pl.col(column).is_not_null() | (pl.col("volume").fill_null(0) == 0) | ~_known(column),
                pl.format("volume = {} without {}, which its other minutes have", "volume", pl.lit(column)),
            )
            for column in _PRICES[:3]
            if {"volume", column} <= {*rows.columns}
        ),
        *(
            ((pl.col(column) > 0).fill_null(True), pl.format("{} = {} must be above 0", pl.lit(column), column))
            for column in _PRICES
            if column in rows.columns
        ),
        *(
            ((pl.col(column) >= 0).fill_null(True), pl.format("{} = {} is negative", pl.lit(column), column))
            for column in _COUNTED
            if column in rows.columns
        ),
        *(
            (
                (pl.col("high") >= pl.col(column) - _PRICE_SLACK).fill_null(True),
                pl.format("high = {} is below {} = {}", "high", pl.lit(column), column),
            )
            for column in ("open", "close", "low")
            if {"high", column} <= {*rows.columns}
        ),
        *(
            (
                (pl.col("low") <= pl.col(column) + _PRICE_SLACK).fill_null(True),
                pl.format("low = {} is above {} = {}", "low", pl.lit(column), column),
            )
            for column in ("open", "close")
            if {"low", column} <= {*rows.columns}
        ),
        *(
            (
                (pl.col(part) <= pl.col("amount") * (1 + _RELATIVE_SLACK) + _YUAN_SLACK).fill_null(True),
                pl.format("{} = {} is above amount = {}", pl.lit(part), part, "amount"),
            )
            for part in _PARTS
            if {part, "amount"} <= {*rows.columns}
        ),
    ]
    judged = rows.select(
        *(name for name in KEY if name in rows.columns),
        reason=pl.coalesce(pl.when(~holds).then(text) for holds, text in rules),
    )
    return judged.filter(pl.col("reason").is_not_null())
