"""One rule at the price limit for portfolios and factor legs: the same names are blocked, whichever rule is in force."""

import datetime as dt
from typing import Any

import numpy as np
import polars as pl
import pytest

from assets.bars.schemas import MINUTE_BARS
from assets.performance import rebalancing
from assets.performance.assets import TABLES
from assets.performance.make_factor_returns import make_factor_returns
from assets.performance.price_paths import lay_out_prices
from assets.portfolios import windows
from assets.portfolios.week.market import market_days
from resources.calendar import Calendar
from resources.settings import Settings
from resources.settings.execution import ExecutionSettings
from resources.settings.fills import FillSettings
from resources.settings.portfolios import PortfoliosSettings
from resources.settings.returns import ReturnsSettings
from tests.making import run_make
from tests.performance.small_market import SmallMarket, make_market

FIRST, LAST = dt.date(2023, 2, 20), dt.date(2023, 3, 31)


def minutes_of(market: SmallMarket, seed: int) -> tuple[pl.DataFrame, dict[tuple[dt.date, str], tuple[float, float]]]:
    """Three bars a name and day that agree with its daily bar, and (day, symbol) → shares traded below limit-up and above
    limit-down. A bar is wholly at a limit or wholly inside, so that nothing has to be estimated."""
    rng = np.random.default_rng(seed)
    rows, inside = [], {}
    for row in market.daily_prices.iter_rows(named=True):
        volumes = rng.multinomial(1000, [0.02, 0.08, 0.9] if rng.random() < 0.5 else [0.4, 0.3, 0.3]).tolist()
        prices = [row["low"], row["vwap"], row["high"]]
        below = sum(v for v, p in zip(volumes, prices, strict=True) if round(p * 100) < round(row["limit_up"] * 100))
        above = sum(v for v, p in zip(volumes, prices, strict=True) if round(p * 100) > round(row["limit_down"] * 100))
        inside[row["date"], row["symbol"]] = (below, above)
        for minute, (volume, price) in enumerate(zip(volumes, prices, strict=True)):
            rows.append((row["date"], row["symbol"], 570 + minute, price, price, volume, price * volume))
    schema = ["date", "symbol", "minute", "low", "high", "volume", "amount"]
    bars = pl.DataFrame(rows, schema=schema, orient="row")
    return pl.concat([pl.DataFrame(schema=MINUTE_BARS), bars], how="diagonal_relaxed"), inside


def touching(seed: int) -> SmallMarket:
    """A market in which many names touch a limit without being locked there."""
    market = make_market(seed, FIRST, LAST)
    rng = np.random.default_rng(seed)
    n, at = market.daily_prices.height, pl.col("low") < pl.col("high")
    up, down = pl.Series(rng.random(n) < 0.3), pl.Series(rng.random(n) < 0.3)
    prices = market.daily_prices.with_columns(
        high=pl.when(at & up).then("limit_up").otherwise("high"),
        low=pl.when(at & down).then("limit_down").otherwise("low"),
    )
    return SmallMarket(market.calendar, market.days, prices, market.securities, market.factors, market.scores)


@pytest.mark.parametrize("rule", ["daily", "minutes"])
@pytest.mark.parametrize("seed", range(3))
def test_portfolios_and_legs_block_the_same_names_by_the_rule_in_force(rule: str, seed: int) -> None:
    market = touching(seed)
    bars, inside = minutes_of(market, seed)
    given = bars if rule == "minutes" else None
    paths = lay_out_prices(market.daily_prices.lazy(), market.days, given, min_inside_share=0.1)
    limits = market.daily_prices.select("date", "symbol", "limit_up", "limit_down")
    listed = pl.DataFrame({"date": market.days}).join(pl.DataFrame({"symbol": paths.symbols}), how="cross")
    securities = listed.join(limits, on=["date", "symbol"], how="left")
    days = market_days(
        np.array(paths.symbols), market.days, market.daily_prices, securities, given, min_inside_share=0.1
    )
    rows = {(row["date"], row["symbol"]): row for row in market.daily_prices.iter_rows(named=True)}
    blocked = 0
    for d, day in enumerate(days):
        assert (paths.buyable[d] == (day.traded & ~day.locked_up)).all()
        assert (paths.shortable[d] == (day.traded & ~day.locked_down)).all()
        for s, symbol in enumerate(paths.symbols):
            row = rows.get((day.date, symbol))
            if row is None:
                assert not paths.buyable[d, s]
                continue
            if rule == "daily":
                buyable, shortable = row["low"] != row["limit_up"], row["high"] != row["limit_down"]
            else:
                buyable, shortable = (shares >= 100 for shares in inside[day.date, symbol])
            assert paths.buyable[d, s] == buyable
            assert paths.shortable[d, s] == shortable
            blocked += (not buyable and row["low"] != row["limit_up"]) + (
                not shortable and row["high"] != row["limit_down"]
            )
    assert (blocked > 5) == (rule == "minutes")


def legs(market: SmallMarket, bars: pl.DataFrame, week: dt.date, fills: FillSettings) -> pl.DataFrame:
    section: dict[str, Any] = {"returns": ReturnsSettings(), "portfolios.execution.fills": fills}

    def cut(frame: pl.DataFrame, over: Any, column: str = "date") -> pl.LazyFrame:
        return market.cut(frame, week, over, column, section)

    return run_make(
        make_factor_returns,
        week=week,
        factors=cut(market.factors, rebalancing.month_signals),
        scores=cut(market.scores, rebalancing.score_weeks, "week"),
        securities=cut(market.securities, rebalancing.signals),
        daily_prices=cut(market.daily_prices, rebalancing.holding_days),
        minute_bars=cut(bars, rebalancing.entry_days),
        settings=section,
        calendar=market.calendar,
        unavailable={},
    ).frame


def test_the_setting_reaches_the_legs_through_the_tables_look_backs() -> None:
    """A long name that touched limit-up and traded 2 % below it on the trade day leaves the leg under the rule minutes alone."""
    market, week = make_market(5, FIRST, LAST), dt.date(2023, 3, 13)
    bars, _ = minutes_of(market, 5)
    trade = market.calendar.week_days(week)[0]
    daily, minutes = FillSettings(), FillSettings(rule="minutes")
    assert legs(market, bars, week, daily).equals(legs(market, bars.clear(), week, daily))
    traded = market.daily_prices.filter(pl.col("date") == trade).select("symbol", "low", "limit_up")
    key = market.scores["factor"][0]
    signal = market.calendar.previous_day(trade)
    best = (
        market.scores.filter((pl.col("date") == signal) & (pl.col("factor") == key))
        .join(market.securities.filter(pl.col("date") == signal).filter("in_universe"), on="symbol", how="semi")
        .drop_nulls("value")
        .filter(pl.col("value").is_finite())
        .sort("value", "symbol", descending=[True, False])
    )
    size = int(0.1 * best.height + 1e-9)
    long = best.head(size).join(traded.filter(pl.col("low") < pl.col("limit_up")), on="symbol", how="semi")["symbol"]
    assert len(long) > 1
    own = (pl.col("symbol") == long[0]) & (pl.col("date") == trade)
    price = pl.col("limit_up").filter(own).first()
    prices = market.daily_prices.with_columns(
        high=pl.when(own).then(price).otherwise("high"), vwap=pl.when(own).then(price - 0.01).otherwise("vwap")
    )
    limit = float(prices.filter(own)["limit_up"][0])
    low = float(prices.filter(own)["low"][0])
    locked = pl.DataFrame(
        {
            "date": [trade] * 2, "symbol": [long[0]] * 2, "minute": [570, 571], "low": [low, limit], "high": [low, limit],
            "volume": [20, 980], "amount": [20 * low, 980 * limit],
        }
    )  # fmt: skip
    bars = pl.concat([bars.filter(~own), locked], how="diagonal_relaxed")
    market = SmallMarket(market.calendar, market.days, prices, market.securities, market.factors, market.scores)
    with_, without = (
        legs(market, bars, week, fills).filter((pl.col("date") == trade) & (pl.col("factor") == key))
        for fills in (daily, minutes)
    )
    assert with_["long"][0] != without["long"][0]
    other = legs(market, bars, week, FillSettings(rule="minutes", min_inside_share=0.0))
    assert other.filter((pl.col("date") == trade) & (pl.col("factor") == key))["long"][0] == with_["long"][0]


def test_minute_bars_are_read_under_the_rule_minutes_alone_and_one_setting_changes_both() -> None:
    calendar, week, start = Calendar.xshg(), dt.date(2023, 3, 6), dt.date(2023, 1, 3)
    table = next(table for table in TABLES if table.name == "factor_returns")
    assert table.settings == ("returns", "portfolios.execution.fills")
    for rule in ("daily", "minutes"):
        fills = FillSettings(rule=rule)  # type: ignore[arg-type]
        portfolios = PortfoliosSettings(execution=ExecutionSettings(fills=fills))
        tree = Settings(portfolios=portfolios)
        section = {"returns": tree.returns, "portfolios.execution.fills": tree.portfolios.execution.fills}
        legs_days = rebalancing.entry_days.keys(calendar, week, section, start)
        week_days = windows.trade_day.keys(calendar, week, portfolios, start)
        if rule == "daily":
            assert legs_days == week_days == []
        else:  # month and week rebalances: their trade days, each on or before the week's last day
            assert legs_days == [dt.date(2023, 2, 27), dt.date(2023, 3, 1), dt.date(2023, 3, 6)]
            assert week_days == [dt.date(2023, 3, 6)]
