"""The benchmark vector, index returns and exposures against plain loops."""

import datetime as dt
import itertools

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.portfolios.reasons import STYLE_NULL
from assets.portfolios.week.exposures import (
    drift_benchmark,
    growth_between,
    missing_styles,
    published_weights,
    style_exposures,
)
from assets.portfolios.week.returns import drifted_return, filled_returns, index_returns
from resources.calendar import Calendar
from resources.errors import InputError
from resources.reasons import as_reason

DAYS = [dt.date(2023, 7, day) for day in (3, 4, 5, 6, 7)]
CALENDAR = Calendar(DAYS)
INDEX = "000905.SH"


def prices(rng: np.random.Generator, symbols: str = "ABCDE") -> pl.DataFrame:
    rows = [
        {"date": day, "symbol": s, "pre_close": 10.0, "close": 10 * np.exp(rng.normal(0, 0.03)), "volume": 100}
        for day in DAYS
        for s in symbols
        if rng.random() < 0.8
    ]
    return pl.DataFrame(rows)


def published(weights: list[float], date: dt.date = DAYS[0]) -> pl.DataFrame:
    symbols = list("ABCDE")[: len(weights)]
    return pl.DataFrame({"symbol": symbols, "weight": weights, "published_date": [date] * len(weights)})


@pytest.mark.parametrize("seed", range(10))
def test_the_drifted_vector_equals_a_day_by_day_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frame = prices(rng)
    raw = rng.dirichlet(np.ones(5)) * 1.004
    benchmark = drift_benchmark(published(raw.tolist()), frame, DAYS[1:], index=INDEX, tolerance=0.01)
    value = dict(zip("ABCDE", raw, strict=True))
    for day in DAYS[1:]:
        for row in frame.filter(pl.col("date") == day).iter_rows(named=True):
            value[row["symbol"]] *= row["close"] / row["pre_close"]
    total = sum(value.values())
    assert benchmark.weights == pytest.approx({s: v / total for s, v in value.items()}, abs=1e-15)
    assert benchmark.raw_sum == pytest.approx(1.004)
    assert sum(benchmark.weights.values()) == pytest.approx(1.0, abs=1e-15)


def test_a_vector_that_does_not_sum_to_one_is_an_error() -> None:
    with pytest.raises(InputError, match=r"dated 2023-07-03 sum to 0\.98.*Deliver the full vector"):
        drift_benchmark(published([0.5, 0.48]), prices(np.random.default_rng(0)), [], index=INDEX, tolerance=0.01)


def test_a_member_that_occurs_twice_is_an_error() -> None:
    twice = published([0.5, 0.3, 0.2]).with_columns(symbol=pl.Series(["A", "B", "B"]))
    with pytest.raises(InputError, match=r"000905.SH dated 2023-07-03 name B 2 times.*Deliver the vector again"):
        drift_benchmark(twice, prices(np.random.default_rng(0)), [], index=INDEX, tolerance=0.01)


def test_a_day_without_any_price_is_missing_and_not_suspended() -> None:
    frame = prices(np.random.default_rng(0)).filter(pl.col("date") != DAYS[2])
    with pytest.raises(InputError, match="no row on 2023-07-05"):
        growth_between(frame, DAYS)


def test_no_published_vector() -> None:
    nothing = {"weight": [None], "published_date": [None], "index_close": [6000.0]}
    frame = pl.DataFrame(
        {"index": [INDEX], "symbol": [None], **nothing},
        schema_overrides={"symbol": pl.String, "weight": pl.Float64, "published_date": pl.Date},
    )
    assert published_weights(frame, INDEX) is None
    assert published_weights(frame, "000852.SH") is None


def test_styles_are_aligned_to_symbols_and_missing_ones_are_reported() -> None:
    styles = pl.DataFrame({"symbol": ["B", "A", "C"], "size": [1.0, None, 3.0], "value": [None, None, None]})
    z = style_exposures(styles, ["A", "B", "D"], ["size", "value"])
    assert z["size"].tolist() == [0.0, 1.0, 0.0]
    assert z["value"].tolist() == [0.0, 0.0, 0.0]
    known = {"value": as_reason("no fundamentals")}
    assert missing_styles(styles, ["size", "value"], known) == known
    assert missing_styles(styles, ["value"], {}) == {"value": STYLE_NULL(style="value")}


def test_index_returns_close_to_close() -> None:
    closes = [6000.0, 6060.0, None, 6000.0, 6300.0]
    frame = pl.DataFrame({"date": DAYS, "index": [INDEX] * 5, "index_close": closes})
    returns = index_returns(frame, INDEX, DAYS[1:], CALENDAR)
    assert returns[0] == pytest.approx(0.01)
    assert returns[1:3] == [None, None]
    assert returns[3] == pytest.approx(0.05)


@given(
    absent=st.sets(st.integers(0, 4)),
    moves=st.lists(st.floats(-0.1, 0.1), min_size=5, max_size=5),
    own=st.lists(st.none() | st.floats(-0.1, 0.1), min_size=5, max_size=5),
)
def test_a_gap_between_two_closes_preserves_the_move_of_the_index(
    absent: set[int], moves: list[float], own: list[float | None]
) -> None:
    """Between any two known closes the returns compound to the index's; without a gap they equal `index_returns`."""
    closes = (6000 * np.cumprod(1 + np.array(moves))).tolist()
    shown = [None if k in absent else close for k, close in enumerate(closes)]
    frame = pl.DataFrame({"date": DAYS, "index": [INDEX] * 5, "index_close": shown})
    stand_in = dict(zip(DAYS, own, strict=True))
    found = filled_returns(frame, INDEX, DAYS[1:], CALENDAR, stand_in.__getitem__)
    plain = index_returns(frame, INDEX, DAYS[1:], CALENDAR)
    for k, (one, other) in enumerate(zip(found, plain, strict=True), start=1):
        if other is not None:
            assert one == other
        elif k in absent or not set(range(k)) - absent:
            assert one == own[k]
    known = [k for k in range(5) if k not in absent]
    for first, last in itertools.pairwise(known):
        between = found[first:last]
        if None not in between:
            assert np.prod(1 + np.array(between)) == pytest.approx(closes[last] / closes[first], rel=1e-12)
        else:  # a day without close and without members leaves the end of its gap to the members too
            assert None in own[first + 1 : last + 1]


def test_the_fallback_takes_out_members_that_are_not_listed_and_those_in_beijing() -> None:
    days = DAYS[:2]
    symbols = ["600001.SH", "600002.SH", "600003.SH", "920002.BJ"]
    indices = pl.DataFrame(
        {"date": days[0], "index": INDEX, "symbol": symbols, "weight": [0.3, 0.3, 0.2, 0.2], "published_date": days[0]}
    )
    rows = [(day, symbols[0], 10.0, 11.0, 1) for day in days]
    frame = pl.DataFrame(rows, ["date", "symbol", "pre_close", "close", "volume"], orient="row")
    for listed, weight in ((None, 0.3 / 0.8), (symbols[:2], 0.5), (symbols[:3], 0.3 / 0.8)):
        got = drifted_return(indices, frame, INDEX, days[1], CALENDAR, tolerance=0.01, listed=listed)
        assert got == pytest.approx(0.1 * weight, abs=1e-15)


def test_the_fallback_is_the_return_of_the_vector_known_the_day_before() -> None:
    rng = np.random.default_rng(4)
    frame = prices(rng)
    first, second = rng.dirichlet(np.ones(5)), rng.dirichlet(np.ones(5))
    indices = pl.concat(
        [
            published((second if day >= DAYS[3] else first).tolist(), DAYS[3] if day >= DAYS[3] else DAYS[0]).select(
                pl.lit(day).alias("date"), pl.lit(INDEX).alias("index"), "symbol", "weight", "published_date"
            )
            for day in DAYS
        ]
    )
    value = dict(zip("ABCDE", first, strict=True))
    for k, day in enumerate(DAYS[1:], start=1):
        before = sum(value.values())
        for row in frame.filter(pl.col("date") == day).iter_rows(named=True):
            value[row["symbol"]] *= row["close"] / row["pre_close"]
        expected = sum(value.values()) / before - 1
        got = drifted_return(indices, frame, INDEX, day, CALENDAR, tolerance=0.01)
        assert got == pytest.approx(expected, abs=1e-14)
        if k == 3:  # published at this close, in force from it on
            value = dict(zip("ABCDE", second, strict=True))
