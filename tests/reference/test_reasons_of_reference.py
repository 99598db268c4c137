"""Tests that rows, findings and notes of the reference tables have reasons with codes, and no sentence anywhere inside them."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from resources.made import Made
from resources.reason_words import WORDS
from resources.reasons import TEXT, Reason
from tests.reference.small_reference import landed, random_reference
from tests.reference.test_make_reference import DAYS, made

DAY = DAYS[50]
Tables = dict[str, pl.DataFrame]


def damaged(seed: int) -> Tables:
    """Return random tables in which figures of some rows are multiplied, missing, delivered twice or under other codes."""
    tables = random_reference(seed)
    factor = pl.Series([0.0, -1.0, 0.1, 0.5, 1.3, 2.0, 10.0, 1e4])
    for table, columns in {
        "daily_prices": ("pre_close", "high", "low", "volume", "amount", "float_shares", "total_shares"),
        "fundamentals": ("net_profit", "equity"),
        "index_prices": ("close",),
        "index_weights": ("weight",),
    }.items():
        frame = tables[table]
        for number, column in enumerate(columns):
            row = pl.int_range(pl.len()) + 7 * number
            by = factor[pl.int_range(frame.height, eager=True) % factor.len()]
            value = (pl.col(column) * by).cast(frame.schema[column], strict=False)
            cell = pl.when(row % 61 == 0).then(value).when(row % 61 == 30).then(None).otherwise(column)
            frame = frame.with_columns(cell.alias(column))
        tables[table] = frame
    prices = tables["daily_prices"]
    strange = prices.filter(date=DAY).head(3)
    tables["daily_prices"] = pl.concat(
        [
            prices,
            strange,
            strange.with_columns(pl.col("close") + 0.01),
            strange.head(1).with_columns(symbol=pl.lit("900901.SH")),
            strange.tail(1).with_columns(symbol=pl.lit("603999.SH")),
        ]
    )
    symbols = tables["instruments"]["symbol"]
    tables["code_changes"] = pl.DataFrame(
        {"old": [symbols[0], symbols[1], symbols[2]], "new": ["605001.SH", symbols[3], symbols[2]], "date": DAYS[30]}
    )
    listed = pl.when(pl.int_range(pl.len()) % 9 == 0).then(DAYS[30]).otherwise("list_date")
    ended = pl.when(pl.int_range(pl.len()) % 9 == 1).then(DAYS[20]).otherwise("delist_date")
    tables["instruments"] = tables["instruments"].with_columns(list_date=listed, delist_date=ended)
    return tables


def reasons_in(value: Any) -> Iterator[Reason]:
    """Yield a reason and every reason among its parameters."""
    if isinstance(value, Reason):
        yield value
        for one in value.parameters.values():
            yield from reasons_in(one)
    elif isinstance(value, tuple):
        for one in value:
            yield from reasons_in(one)


def stored(result: Made) -> Iterator[str]:
    """Yield the reasons of a partition's side file and of the rows that its checks judge."""
    profile = result.frame if result.profile is None else result.profile
    for column in {"reason", "detail"}.intersection(profile.columns):
        yield from profile[column].drop_nulls().unique().to_list()
    if "set_aside.parquet" in result.files:
        yield from pl.read_parquet(result.files["set_aside.parquet"])["reason"].to_list()


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("day", [DAYS[13], DAY], ids=str)
def test_no_reason_of_a_damaged_market_is_a_sentence(seed: int, day: dt.date, tmp_path: Path) -> None:
    codes: set[str] = set()
    for result in made(landed(tmp_path, damaged(seed)), day).values():
        for text in set(stored(result)) - {"used"}:
            codes |= {reason.code for reason in reasons_in(Reason.loads(text))}
    assert TEXT.name not in codes
    assert codes <= set(WORDS)
    assert len(codes) > 7
