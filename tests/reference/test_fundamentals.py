"""Tests the latest announced figures against plain loops over announcements."""

import datetime as dt

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.reference.fundamentals import latest_fundamentals

PERIODS = [dt.date(year, month, 31 if month in (3, 12) else 30) for year in (2013, 2014) for month in (3, 6, 9, 12)]
FIGURE = st.none() | st.floats(-1e9, 1e9).map(lambda x: round(x, 1))
ROWS = st.lists(
    st.tuples(st.sampled_from(["000001.SZ", "600000.SH"]), st.integers(0, 7), st.integers(1, 200), FIGURE, FIGURE),
    max_size=25,
    unique_by=lambda row: row[:3],
)


def plain(rows: list[tuple]) -> dict[str, tuple]:
    known: dict[tuple[str, int], tuple] = {}
    for symbol, quarter, _, profit, equity in sorted(rows, key=lambda r: PERIODS[r[1]] + dt.timedelta(days=r[2])):
        known[symbol, quarter] = (profit, equity)

    def profitability(symbol: str, quarter: int) -> float | None:
        profit, closing = known.get((symbol, quarter), (None, None))
        _, opening = known.get((symbol, quarter - 1), (None, None))
        if profit is None or closing is None or opening is None or (opening + closing) / 2 <= 0:
            return None
        return profit / ((opening + closing) / 2)

    result = {}
    for symbol in {row[0] for row in rows}:
        quarters = sorted(q for s, q in known if s == symbol)
        equity = next((known[symbol, q][1] for q in reversed(quarters) if known[symbol, q][1] is not None), None)
        profit = next((known[symbol, q][0] for q in reversed(quarters) if known[symbol, q][0] is not None), None)
        latest = next((q for q in reversed(quarters) if profitability(symbol, q) is not None), None)
        now = None if latest is None else profitability(symbol, latest)
        before = None if latest is None else profitability(symbol, latest - 4)
        result[symbol] = (equity, profit, now, before)
    return result


@settings(max_examples=200, deadline=None)
@given(ROWS)
def test_latest_figures_equal_plain_loops(rows: list[tuple]) -> None:
    announced = pl.DataFrame(
        [(s, PERIODS[q], PERIODS[q] + dt.timedelta(days=d), p, e) for s, q, d, p, e in rows],
        schema={
            "symbol": pl.String,
            "period": pl.Date,
            "announce_date": pl.Date,
            "net_profit": pl.Float64,
            "equity": pl.Float64,
        },
        orient="row",
    )
    latest = latest_fundamentals(announced)
    assert {row[0]: row[1:] for row in latest.iter_rows()} == plain(rows)


def test_a_restatement_and_a_partial_report() -> None:
    announced = pl.DataFrame(
        {
            "symbol": ["000001.SZ"] * 4,
            "period": [PERIODS[6], PERIODS[7], PERIODS[6], dt.date(2015, 3, 31)],
            "announce_date": [dt.date(2014, 10, 24), dt.date(2015, 3, 13), dt.date(2015, 4, 1), dt.date(2015, 4, 24)],
            "net_profit": [10.0, 20.0, 12.0, 30.0],
            "equity": [100.0, 140.0, 60.0, None],
        }
    )
    # The opening equity is the restated 60; the first quarter was announced without equity, so it has only a profit.
    assert latest_fundamentals(announced).row(0) == ("000001.SZ", 140.0, 30.0, 20.0 / 100.0, None)
