"""The 20-day large-order threshold from stored daily sums, against all raw orders of the window pooled (SPEC §3).

A day leaves three numbers per stock: orders, Σ ln a, Σ (ln a)². Nothing of a window is updated in place: its days' sums are
added, so a window says the same however it was reached. What sums of squares lose beside the pooled orders is bounded here:

    with u = 2⁻⁵³, n the most orders of a day, m and q the means of x = ln a and x²:
    the mean is off by e₁ ≤ (n + 20) u m, the variance by e₂ ≤ 3 (n + 20) u q, ln K by e₁ + min(e₂ / std, √e₂).

That is the worst case; rounding mostly cancels. Real orders have a std of ln a of one to two, and K is right to 10⁻¹¹ of
itself then. Only where all orders of a stock are of one size does it get worse, √e₂: below 10⁻⁴ even with 100 000 orders a day.
"""

import datetime as dt
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.bars import aggregate
from assets.bars.schemas import ORDER_SIZES
from assets.bars.sums import order_size_sums
from assets.bars.thresholds import large_order_thresholds
from resources.settings.bars import BarsSettings

SECTION = BarsSettings()
WINDOW = SECTION.large_order_days
DAYS = [dt.date(2023, 1, 2) + dt.timedelta(days=n) for n in range(WINDOW + 3)]
UNIT = 2.0**-53


def tape(rng: np.random.Generator, fills: int, mu: float, sigma: float) -> pl.DataFrame:
    """Trades of one stock and day: two channels, orders of one to several fills, amounts log-normal."""
    seq = np.arange(fills)
    amount = np.exp(rng.normal(mu, sigma, fills))
    price = rng.integers(20_000, 200_000, fills)
    return pl.DataFrame(
        {
            "symbol": ["600519.SH"] * fills,
            "channel": np.sort(rng.integers(1, 3, fills)).astype(np.int32),
            "seq": seq,
            "price": price,
            "volume": np.maximum(1, amount * 10_000 // price).astype(np.int64),
            "bid_order": rng.integers(0, fills, fills),
            "ask_order": rng.integers(0, fills, fills),
        }
    )


def raw_orders(trades: pl.DataFrame) -> list[float]:
    """Amounts in yuan of the day's orders, both sides pooled, from its trades row by row; order number 0 is none."""
    amounts: dict[tuple[str, int, int], int] = {}
    for row in trades.iter_rows(named=True):
        for side in ("bid_order", "ask_order"):
            if row[side]:
                key = (side, row["channel"], row[side])
                amounts[key] = amounts.get(key, 0) + row["price"] * row["volume"]
    return [amount / 10_000 for amount in amounts.values()]


def pooled_threshold(days: list[list[float]]) -> tuple[float, float]:
    """ln K from the raw orders of all days, in two passes; and how far ln K from daily sums may be from it."""
    logs = [math.log(amount) for day in days for amount in day]
    mean = math.fsum(logs) / len(logs)
    std = math.sqrt(math.fsum((x - mean) ** 2 for x in logs) / len(logs))
    steps = max(map(len, days)) + len(days)
    off_mean = steps * UNIT * abs(mean)
    off_variance = 3 * steps * UNIT * math.fsum(x * x for x in logs) / len(logs)
    off_std = min(off_variance / std, math.sqrt(off_variance)) if std > 0 else math.sqrt(off_variance)
    return mean + std, off_mean + off_std + 1e-15  # 10⁻¹⁵: exp and log back


def stored(day: dt.date, trades: pl.DataFrame) -> pl.DataFrame:
    """The day's row of order_sizes."""
    return order_size_sums(trades.lazy(), SECTION).select(pl.lit(day).alias("date"), pl.all()).cast(ORDER_SIZES)


@given(
    seed=st.integers(0, 2**32 - 1),
    fills=st.integers(30, 120),
    mu=st.floats(7, 14),
    sigma=st.one_of(st.floats(0, 1e-3), st.floats(0.01, 2.5)),
)
@settings(max_examples=15, deadline=None)
def test_a_sliding_window_of_stored_sums_equals_all_raw_orders_pooled(
    seed: int, fills: int, mu: float, sigma: float
) -> None:
    rng = np.random.default_rng(seed)
    tapes = [tape(rng, fills, mu, sigma) for _ in DAYS]
    rows = [stored(day, trades) for day, trades in zip(DAYS, tapes, strict=True)]
    orders = [raw_orders(trades) for trades in tapes]
    for first in range(len(DAYS) - WINDOW + 1):
        window = slice(first, first + WINDOW)
        found = large_order_thresholds(pl.concat(rows[window]), SECTION)["threshold"].item()
        expected, tolerance = pooled_threshold(orders[window])
        assert abs(math.log(found) - expected) <= tolerance
        if sigma >= 0.5:
            assert math.isclose(found, math.exp(expected), rel_tol=1e-11)


@pytest.mark.slow
@pytest.mark.parametrize(("sigma", "tolerance"), [(1.5, 1e-12), (0.5, 1e-11), (0.0, 1e-4)])
def test_a_hundred_thousand_orders_a_day(sigma: float, tolerance: float) -> None:
    rng = np.random.default_rng(1)
    days, logs = [], []
    for _ in range(WINDOW):
        amount = np.maximum(1, np.exp(rng.normal(10, sigma, 100_000)) * 10_000).astype(np.int64)
        sums = np.zeros((1, 3))
        one = np.ones_like(amount)
        starts, channel = np.array([0, len(amount)]), np.ones(len(amount), np.int32)
        aggregate.order_sums(starts, channel, amount, one, np.arange(1, len(amount) + 1), sums)
        days.append((sums[0, 0], sums[0, 1], sums[0, 2]))
        logs.append(np.log(amount / 10_000))
    sizes = pl.DataFrame(
        [(day, "600519.SH", int(n), first, second) for day, (n, first, second) in zip(DAYS, days, strict=False)],
        schema=ORDER_SIZES,
        orient="row",
    )
    found = large_order_thresholds(sizes, SECTION)["threshold"].item()
    pooled = np.concatenate(logs).astype(np.longdouble)
    expected = pooled.mean() + np.sqrt(((pooled - pooled.mean()) ** 2).mean())
    assert abs(math.log(found) - float(expected)) <= tolerance


def test_a_stock_s_threshold_does_not_depend_on_its_neighbours() -> None:
    rng = np.random.default_rng(2)
    rows = pl.concat(
        pl.DataFrame(
            {
                "date": [day] * 300,
                "symbol": [f"{n:06d}.SZ" for n in range(300)],
                "orders": rng.integers(100, 10_000, 300),
                "sum_ln": rng.random(300) * 1e5,
                "sum_ln2": rng.random(300) * 1e7,
            },
            schema=ORDER_SIZES,
        )
        for day in DAYS[:WINDOW]
    )
    whole = large_order_thresholds(rows, SECTION)
    one = pl.col("symbol") == "000042.SZ"
    assert large_order_thresholds(rows.filter(one), SECTION).equals(whole.filter(one))
