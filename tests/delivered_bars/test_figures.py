"""Columns of bars whose figures are another column's, no counts of trades, exchanged sides or in another unit."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assets.delivered_bars.figures import judge_figures
from assets.delivered_bars.reasons import (
    COPIED_COLUMN,
    SIDES_EXCHANGED,
    SIDES_OF_EXCHANGE_EXCHANGED,
    SPREAD_BELOW_TICK,
    SPREAD_IN_YUAN,
    SPREAD_TOO_LARGE,
    TRADES_ARE_CONSTANT,
    TRADES_ARE_LOTS,
    TRADES_ARE_SHARES,
)
from resources import clock
from resources.reasons import Code
from resources.settings.bars import BarsSettings

SETTINGS = BarsSettings()
NAMES = [f"{600101 + k}.SH" for k in range(18)] + [f"{k:06d}.SZ" for k in range(11, 29)]
TICKS = Path(__file__).parents[2].parent / "shared" / "data" / "datayes" / "20230201"


def day(seed: int, names: int = 36, last: int = clock.CLOSING_AUCTION) -> pl.DataFrame:
    """Bars made of trades one by one: the side of a trade moves the price more often than not."""
    rng = np.random.default_rng(seed)
    rows = []
    for name in NAMES[-names:]:
        cents = int(rng.integers(800, 9000))
        for minute in (565, *(m for m in clock.GRID if m < last), 897):
            count = 1 if minute in (565, 897) else int(rng.integers(0, 9))
            buys = rng.uniform(0.2, 0.8)
            sides = rng.choice([1, -1], count, p=[buys, 1 - buys])
            prices, volumes = [], rng.integers(1, 40, count) * 100
            for side in sides:
                cents += int(side * rng.integers(0, 4) - (rng.random() < 0.1) * side)
                prices.append(cents)
            money = np.array(prices) * volumes / 100
            ends = [prices[0], max(prices), min(prices), prices[-1]] if prices else [cents] * 4
            rows.append((name, minute, *(p / 100 for p in ends), int(volumes.sum()), float(money.sum()), count,
                         float(money[sides > 0].sum()), float(money[sides < 0].sum()), 0.01 * int(rng.integers(1, 3)) / (cents / 100)))  # fmt: skip
    columns = [
        "symbol",
        "minute",
        "open",
        "high",
        "low",
        "close",
        "volume",
        "amount",
        "trades",
        "buy_amount",
        "sell_amount",
        "spread",
    ]
    return pl.DataFrame(rows, schema=columns, orient="row")


def findings(bars: pl.DataFrame, settings: BarsSettings = SETTINGS) -> dict[str, str]:
    found = judge_figures(bars, settings)
    assert all(one.refuses for one in found)
    return {one.reason.code: str(one.reason) for one in found}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("names", [1, 5, 36])
def test_honest_bars_are_not_named(seed: int, names: int) -> None:
    bars = day(seed, names)
    for form in (bars, bars.drop("open", "volume"), bars.select("symbol", "minute", "close"), bars.clear()):
        assert findings(form) == {}


def test_names_at_their_limits_are_not_named() -> None:
    """They close at the day's highest price, minute after minute, while sales now and then print below."""
    locked = pl.col("minute") > 600
    top = pl.col("high").max().over("symbol")
    bars = day(3).with_columns(
        *(pl.when(locked).then(top).otherwise(name).alias(name) for name in ("high", "close")),
        low=pl.when(locked).then(top - 0.05).otherwise("low"),
    )
    assert COPIED_COLUMN.name not in findings(bars)


@pytest.mark.parametrize("column", ["open", "high", "low"])
def test_a_close_that_is_another_price(column: str) -> None:
    assert f"close is {column}" in findings(day(1).with_columns(close=column))[COPIED_COLUMN.name]
    assert findings(day(1, 5).with_columns(close=column)) == {}  # a few names: other rules judge them


@pytest.mark.parametrize("column", ["close", "high", "low"])
def test_an_open_that_is_another_price(column: str) -> None:
    assert COPIED_COLUMN.name in findings(day(2).with_columns(open=column))


@pytest.mark.parametrize(
    ("trades", "code"),
    [
        (pl.lit(1), TRADES_ARE_CONSTANT),
        (pl.lit(20), TRADES_ARE_CONSTANT),
        (pl.col("volume"), TRADES_ARE_SHARES),
        (pl.col("volume") // 100, TRADES_ARE_LOTS),
    ],
)
def test_trades_that_are_none(trades: pl.Expr, code: Code) -> None:
    bars = day(4).with_columns(trades=pl.when(pl.col("volume") > 0).then(trades).otherwise(0))
    assert [*findings(bars)] == [code.name]


def test_exchanged_sides() -> None:
    """Of all names, of one exchange, and of a few names alone: there are minutes enough."""
    swap = {"buy_amount": pl.col("sell_amount"), "sell_amount": pl.col("buy_amount")}
    assert "buy_amount and sell_amount are exchanged" in findings(day(5).with_columns(**swap))[SIDES_EXCHANGED.name]
    assert SIDES_EXCHANGED.name in findings(day(5, 5).with_columns(**swap))
    shenzhen = pl.col("symbol").str.ends_with("SZ")
    half = day(6).with_columns(**{name: pl.when(shenzhen).then(value).otherwise(name) for name, value in swap.items()})
    assert "the close of SZ falls" in findings(half)[SIDES_OF_EXCHANGE_EXCHANGED.name]
    assert findings(half, BarsSettings(max_against_flow_share=1.0)) == {}


@pytest.mark.parametrize(
    ("unit", "code"),
    [(1e4, SPREAD_TOO_LARGE), (100.0, SPREAD_TOO_LARGE), ("yuan", SPREAD_IN_YUAN), (1e-2, SPREAD_BELOW_TICK)],
)
def test_spreads_in_another_unit(unit: float | str, code: Code) -> None:
    bars = day(7)
    factor = pl.col("close") if unit == "yuan" else pl.lit(unit)
    spread = (pl.col("spread") * factor).round(2) if unit == "yuan" else pl.col("spread") * factor
    assert [*findings(bars.with_columns(spread=spread))] == [code.name]


@pytest.mark.skipif(not TICKS.is_dir(), reason=f"REAL DATA ABSENT: no {TICKS}")
def test_the_minutes_of_a_real_tape() -> None:
    """Bars of 600519 and 600000, summed plainly from their trades: nothing is named, and exchanged sides are."""
    rows = pl.read_csv(TICKS / "20230201_Transaction.csv", infer_schema=False).select(
        symbol=pl.col("SecurityID").str.zfill(6) + ".SH",
        minute=pl.col("TradTime").str.slice(0, 2).cast(pl.Int64) * 60
        + pl.col("TradTime").str.slice(3, 2).cast(pl.Int64),
        price=pl.col("TradPrice").cast(pl.Float64),
        volume=pl.col("TradVolume").cast(pl.Float64),
        flag=pl.col("TradeBSFlag").str.strip_chars(),
    )
    money = pl.col("price") * pl.col("volume")
    bars = rows.group_by("symbol", "minute", maintain_order=True).agg(
        open=pl.col("price").first(), high=pl.col("price").max(), low=pl.col("price").min(), close=pl.col("price").last(),
        volume=pl.col("volume").sum(), amount=money.sum(), trades=pl.len().cast(pl.Int64),
        buy_amount=money.filter(pl.col("flag") == "B").sum(), sell_amount=money.filter(pl.col("flag") == "S").sum(),
    )  # fmt: skip
    few = BarsSettings(least_copied_names=1, max_against_flow_share=0.5)  # of two names there are few minutes
    assert findings(bars, few) == {}
    exchanged = bars.rename({"buy_amount": "sell_amount", "sell_amount": "buy_amount"})
    assert {*findings(exchanged, few)} == {SIDES_EXCHANGED.name}
