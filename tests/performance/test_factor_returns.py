"""The legs' daily returns against a bookkeeping of yuan and names, day by day, in plain loops."""

import datetime as dt
import itertools
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy import stats

from assets import catalogue
from assets.bars.schemas import MINUTE_BARS
from assets.performance import rank_ics as ics
from assets.performance import rebalancing
from assets.performance.factor_returns import cut_groups
from assets.performance.make_factor_returns import make_factor_returns
from assets.performance.make_rank_ics import make_rank_ics
from assets.performance.price_paths import lay_out_prices
from resources.calendar import Calendar
from resources.settings.fills import FillSettings
from resources.settings.returns import ReturnsSettings
from tests.making import run_make
from tests.performance.small_market import SmallMarket, make_market
from tests.reasons import to_reasons

FIRST, LAST = dt.date(2023, 1, 16), dt.date(2023, 5, 12)  # spans New Year's and Labour Day weeks


def returns_of_week(market: SmallMarket, week: dt.date) -> pl.DataFrame:
    """One partition, given exactly what its look-backs name."""
    return run_make(
        make_factor_returns,
        week=week,
        factors=market.cut(market.factors, week, rebalancing.month_signals),
        scores=market.cut(market.scores, week, rebalancing.score_weeks, "week"),
        securities=market.cut(market.securities, week, rebalancing.signals),
        daily_prices=market.cut(market.daily_prices, week, rebalancing.holding_days),
        minute_bars=pl.LazyFrame(schema=MINUTE_BARS),
        settings={"returns": ReturnsSettings(), "portfolios.execution.fills": FillSettings()},
        calendar=market.calendar,
        unavailable={},
    ).frame


def ics_of_week(market: SmallMarket, week: dt.date) -> pl.DataFrame:
    return run_make(
        make_rank_ics,
        week=week,
        factors=market.cut(market.factors, week, rebalancing.closed_month_signals),
        scores=market.cut(market.scores, week, rebalancing.closed_score_weeks, "week"),
        securities=market.cut(market.securities, week, rebalancing.closed_signals),
        daily_prices=market.cut(market.daily_prices, week, rebalancing.closed_days),
        calendar=market.calendar,
    ).frame


def all_weeks(market: SmallMarket, one=returns_of_week) -> pl.DataFrame:
    weeks = market.calendar.weeks(Calendar.week_of(market.days[0]), Calendar.week_of(market.days[-1]))
    return pl.concat([one(market, week) for week in weeks])


def plain_legs(market: SmallMarket, values: pl.DataFrame, signals: list[dt.date]) -> dict[dt.date, dict[str, float]]:
    """Yuan held per name and leg, walked through all days: the independent computation."""
    price = {(row["date"], row["symbol"]): row for row in market.daily_prices.iter_rows(named=True)}
    universe = {(d, s) for d, s, inside in market.securities.iter_rows() if inside}
    value = {(row["date"], row["symbol"]): row["value"] for row in values.iter_rows(named=True)}
    trades = {market.calendar.next_day(signal): signal for signal in signals}
    books: dict[str, dict[str, float]] = {"long": {}, "short": {}, "market": {}}
    result: dict[dt.date, dict[str, float]] = {}
    for day in market.days:
        result[day] = {}
        for leg, book in books.items():
            factor = math.nan
            if book:
                before = sum(book.values())
                for symbol in book:
                    bar = price.get((day, symbol))
                    if bar:
                        book[symbol] *= (bar["vwap"] if day in trades else bar["close"]) / bar["pre_close"]
                factor = sum(book.values()) / before
            if day in trades:
                book.clear()
                signal = trades[day]
                ranked = sorted(
                    (-v, s) for (d, s), v in value.items() if d == signal and v is not None and (d, s) in universe
                )
                names = [symbol for _, symbol in ranked]
                n = len(names) // 10
                wanted = {"long": names[:n], "short": names[len(names) - n :], "market": names}[leg]
                for symbol in wanted:
                    bar = price.get((day, symbol))
                    locked = "limit_down" if leg == "short" else "limit_up"
                    side = "high" if leg == "short" else "low"
                    if bar and abs(bar[side] - bar[locked]) > 1e-6:
                        book[symbol] = bar["close"] / bar["vwap"]
                if book:
                    entered = sum(book.values()) / len(book)
                    factor = entered if math.isnan(factor) else factor * entered
            result[day][leg] = factor - 1
    return result


@pytest.mark.parametrize("seed", range(4))
def test_weeks_alone_equal_one_walk_through_all_days(seed):
    market = make_market(seed, FIRST, LAST)
    frame = all_weeks(market)
    cases = [(key, market.factors) for key in catalogue.TEN[:2]] + [
        (key, market.scores) for key in catalogue.MODELS[:2]
    ]
    for key, table in cases:
        values = table.filter(pl.col("factor") == key).select("date", "symbol", "value")
        signals = [d for d in sorted(values["date"].unique()) if d < market.days[-1]]
        expected = plain_legs(market, values, signals)
        got = {row["date"]: row for row in frame.filter(pl.col("factor") == key).iter_rows(named=True)}
        compared = 0
        for day, legs in expected.items():
            for leg, number in legs.items():
                ours = got.get(day, {}).get(leg)
                assert (ours is None) == math.isnan(number), (key, day, leg)
                if ours is not None:
                    assert ours == pytest.approx(number, abs=1e-12), (key, day, leg)
                    compared += 1
        assert compared > 150


def test_the_small_market_contains_every_event():
    market = make_market(0, FIRST, LAST)
    prices = market.daily_prices
    assert (prices["low"] == prices["limit_up"]).any()
    assert (prices["high"] == prices["limit_down"]).any()
    assert prices.height < len(market.days) * 30
    assert prices.filter(pl.col("pre_close") < 0.6 * pl.col("close").shift().over("symbol")).height
    month_trades = [market.calendar.next_day(d) for d in market.factors["date"].unique()]
    assert any(market.calendar.week_days(Calendar.week_of(d))[0] != d for d in month_trades)  # inside a week
    assert any(market.calendar.week_days(Calendar.week_of(d))[0] == d for d in month_trades)  # on a week's first day


def test_order_of_rows_does_not_matter_to_the_bit():
    market = make_market(5, FIRST, LAST)
    shuffled = SmallMarket(
        market.calendar,
        market.days,
        *(frame.sample(fraction=1, shuffle=True, seed=1) for frame in (market.daily_prices, market.securities)),
        *(frame.sample(fraction=1, shuffle=True, seed=2) for frame in (market.factors, market.scores)),
    )
    week = dt.date(2023, 4, 3)
    assert returns_of_week(market, week).equals(returns_of_week(shuffled, week))
    assert ics_of_week(market, week).equals(ics_of_week(shuffled, week))


def test_before_the_first_entry_there_are_no_rows_and_a_reason():
    market = make_market(1, FIRST, LAST)
    week = Calendar.week_of(FIRST)
    made = run_make(
        make_factor_returns,
        week=week,
        factors=market.factors.head(0),
        scores=market.scores.head(0),
        securities=market.securities.head(0),
        daily_prices=market.daily_prices.filter(pl.col("date").dt.truncate("1w") == week),
        minute_bars=pl.LazyFrame(schema=MINUTE_BARS),
        settings={"returns": ReturnsSettings(), "portfolios.execution.fills": FillSettings()},
        calendar=market.calendar,
        unavailable=to_reasons({"factors": {"skewness": "landing bars have no volume"}}),
    )
    assert made.frame.is_empty()
    assert set(made.unavailable) == set(catalogue.TEN) - {"skewness"}  # its own reason travels from upstream


@given(
    values=st.lists(st.one_of(st.none(), st.integers(-3, 3)), max_size=60),
    share=st.sampled_from([0.1, 0.29, 0.5]),
)
@hypothesis_settings(max_examples=60, deadline=None)
def test_groups_are_disjoint_equal_in_size_and_ordered(values, share):
    frame = pl.DataFrame(
        {
            "symbol": [f"{n:06d}" for n in range(len(values))],
            "factor": ["f"] * len(values),
            "value": [None if v is None else float(v) for v in values],
        },
        schema={"symbol": pl.String, "factor": pl.String, "value": pl.Float64},
    )
    groups = cut_groups(frame, share)
    known = sorted((-v, f"{n:06d}") for n, v in enumerate(values) if v is not None)
    size = len(known) * round(share * 100) // 100
    assert groups.filter(pl.col("long"))["symbol"].to_list() == [s for _, s in known[:size]]
    assert groups.filter(pl.col("short"))["symbol"].to_list() == [s for _, s in known[len(known) - size :]]
    assert not groups.filter(pl.col("long") & pl.col("short")).height
    assert groups["market"].sum() == len(known)


def test_rank_ics_equal_scipy_and_appear_when_known():
    market = make_market(3, FIRST, LAST)
    frame = all_weeks(market, ics_of_week)
    price = {(row["date"], row["symbol"]): row for row in market.daily_prices.iter_rows(named=True)}
    universe = {(d, s) for d, s, inside in market.securities.iter_rows() if inside}
    calendar, checked = market.calendar, 0
    for key, table in (("skewness", market.factors), ("gru_50_1", market.scores)):
        signals = sorted(table.filter(pl.col("factor") == key)["date"].unique())
        for signal, following in itertools.pairwise(signals):
            if following == market.days[-1]:
                continue
            entry, exit = calendar.next_day(signal), calendar.next_day(following)
            values, returns = [], []
            for row in table.filter((pl.col("factor") == key) & (pl.col("date") == signal)).iter_rows(named=True):
                symbol = row["symbol"]
                if row["value"] is None or (signal, symbol) not in universe:
                    continue
                if (entry, symbol) not in price or (exit, symbol) not in price:
                    continue
                growth = price[entry, symbol]["close"] / price[entry, symbol]["vwap"]
                for day in calendar.days(entry, exit)[1:-1]:
                    if (day, symbol) in price:
                        growth *= price[day, symbol]["close"] / price[day, symbol]["pre_close"]
                growth *= price[exit, symbol]["vwap"] / price[exit, symbol]["pre_close"]
                values.append(row["value"])
                returns.append(growth)
            ours = frame.filter((pl.col("factor") == key) & (pl.col("signal_date") == signal)).row(0, named=True)
            assert ours["rank_ic"] == pytest.approx(stats.spearmanr(values, returns).statistic, abs=1e-12)
            assert ours["names"] == len(values)
            assert (ours["trade_date"], ours["next_trade_date"]) == (entry, exit)
            assert ours["week"] == Calendar.week_of(exit)
            checked += 1
    assert checked >= 15


def test_a_perfect_factor_has_rank_ic_one():
    market = make_market(3, FIRST, LAST)
    paths = lay_out_prices(market.daily_prices.lazy(), market.days)
    entry, exit = rebalancing.week_rebalances(market.calendar, dt.date(2023, 3, 6))
    returns = ics.holding_returns(paths, entry, exit)
    values = returns.select("symbol", pl.lit("f").alias("factor"), (pl.col("return") ** 3).alias("value"))
    row = ics.correlate_ranks(values, paths, entry, exit).row(0, named=True)
    assert row["rank_ic"] == pytest.approx(1, abs=1e-12)


class TestRebalances:
    calendar = Calendar.xshg()

    def test_a_week_inside_a_month_holds_one_monthly_signal(self):
        held = rebalancing.month_rebalances(self.calendar, dt.date(2023, 12, 11))
        assert held == [rebalancing.Rebalance(dt.date(2023, 11, 30), dt.date(2023, 12, 1))]

    def test_a_month_that_ends_inside_a_week_holds_both(self):
        held = rebalancing.month_rebalances(self.calendar, dt.date(2023, 11, 27))
        assert [r.signal for r in held] == [dt.date(2023, 10, 31), dt.date(2023, 11, 30)]

    def test_a_month_that_ends_with_the_week_is_entered_next_week(self):
        held = rebalancing.month_rebalances(self.calendar, dt.date(2023, 6, 26))  # 30 June is a Friday
        assert [r.signal for r in held] == [dt.date(2023, 5, 31)]
        held = rebalancing.month_rebalances(self.calendar, dt.date(2023, 7, 3))
        assert [r.signal for r in held] == [dt.date(2023, 5, 31), dt.date(2023, 6, 30)]

    def test_weekly_signals_step_over_a_closed_week(self):
        held = rebalancing.week_rebalances(self.calendar, dt.date(2023, 10, 9))  # after the October week
        assert [r.signal for r in held] == [dt.date(2023, 9, 22), dt.date(2023, 9, 28)]
        assert held[1].trade == dt.date(2023, 10, 9)

    def test_look_backs_contain_no_day_after_the_week(self):
        for week in self.calendar.weeks(dt.date(2015, 1, 5), dt.date(2016, 12, 26)):
            last = self.calendar.signal_day(week)
            for over in (rebalancing.month_signals, rebalancing.signals, rebalancing.closed_signals):
                assert all(day < last for day in over.keys(self.calendar, week, None, dt.date(2010, 1, 1)))
            assert rebalancing.holding_days.keys(self.calendar, week, None, dt.date(2010, 1, 1))[-1] == last
            assert len(rebalancing.holding_days.keys(self.calendar, week, None, dt.date(2010, 1, 1))) < 35


def test_rank_ics_of_a_week_without_monthly_rebalance_are_the_models_alone():
    market = make_market(2, FIRST, LAST)
    assert set(ics_of_week(market, dt.date(2023, 3, 13))["factor"]) == set(catalogue.MODELS[:2])


def test_growth_without_trades_is_one():
    market = make_market(2, FIRST, LAST)
    paths = lay_out_prices(market.daily_prices.lazy(), market.days)
    assert np.all(paths.growth[~paths.traded] == 1)
    assert not (paths.buyable & ~paths.traded).any()
