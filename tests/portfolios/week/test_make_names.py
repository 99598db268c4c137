"""Frozen and forbidden stocks, drift, index reviews, delistings and gaps, as specified in advance.py, exposures.py, execution.py."""

import datetime as dt

import polars as pl
import pytest

from assets.catalogue import PORTFOLIOS
from assets.portfolios.reasons import FIRST_BUILD_LATER
from assets.portfolios.week.advance import PortfolioState, SolvedWeek, Tables, advance
from assets.portfolios.week.alphas import alpha_scores
from assets.portfolios.week.exposures import drift_benchmark
from resources.errors import InputError
from resources.reasons import Reason
from resources.settings.execution import ExecutionSettings
from resources.settings.fills import FillSettings
from tests.portfolios.week.portfolio_market import BOUNDS, CALENDAR, SETTINGS, WEEKS, Market, file, solve_of

CSI500 = PORTFOLIOS[0]
KEPT = pl.min_horizontal("weight", "drifted_weight")  # held, and not about to be sold


def suspend(market: Market, symbol: str, since: dt.date) -> None:
    """Remove the trades from a day on; the stocks stay listed."""
    after = (pl.col("symbol") == symbol) & (pl.col("date") >= since)
    market.prices = market.prices.filter(~after)
    market.securities = market.securities.with_columns(traded=pl.col("traded") & ~after)


def delist(market: Market, symbol: str, since: dt.date) -> None:
    gone = (pl.col("symbol") == symbol) & (pl.col("date") >= since)
    market.prices, market.securities = market.prices.filter(~gone), market.securities.filter(~gone)


def review(market: Market, since: dt.date, leaving: list[str], joining: list[str]) -> None:
    """Replace some members by other stocks in the vector that is known from the close of `since`."""
    swap = dict(zip(leaving, joining, strict=True))
    old, new = market.indices.filter(pl.col("date") < since), market.indices.filter(pl.col("date") >= since)
    new = new.with_columns(pl.col("symbol").replace(swap), published_date=pl.lit(since))
    market.indices = pl.concat([old, new])


def row_of(market: Market, week: dt.date, symbol: str) -> dict:
    return market.made[week].frame.filter(pl.col("symbol") == symbol).row(0, named=True)


def largest(market: Market, week: dt.date, column: str = "weight") -> str:
    return market.made[week].frame.sort(column, "symbol", descending=True)["symbol"][0]


def advance_market(
    market: Market, state: PortfolioState | None, days: list[dt.date], settings=SETTINGS
) -> SolvedWeek | Reason:
    """The pure step on the market's tables."""
    date = days[-1]
    tables = Tables(
        alpha_scores(market.scores.lazy(), market.factors.lazy(), settings.alpha, date),
        market.styles.filter(pl.col("date") == date),
        market.prices.filter(pl.col("date") <= date),
        market.securities.filter(pl.col("date").is_in(days)),
        market.indices.filter(pl.col("date") == date),
    )
    return advance(CSI500, state, tables, days, CALENDAR, settings, market.unavailable)


def test_the_pure_step_equals_the_stored_week_and_accepts_any_days() -> None:
    market, state = Market(seed=1), None
    for week in WEEKS[:3]:
        made = market.week(week)
        step = advance_market(market, state, CALENDAR.week_days(week))
        assert isinstance(step, SolvedWeek)
        held = step.names.filter((pl.col("weight") > 0) | (pl.col("drifted_weight") > 0))
        stored = made.frame.filter((pl.col("weight") > 0) | (pl.col("drifted_weight") > 0))
        assert held.select("symbol", "weight", "upper").equals(stored.select("symbol", "weight", "upper"))
        assert solve_of(made)["nav"] == step.state.nav
        state = step.state
    # from Thursday to Wednesday: a path that is offset by days
    thursday = [d for d in CALENDAR.days(WEEKS[1], WEEKS[3]) if d > CALENDAR.week_days(WEEKS[1])[2]][:5]
    first = advance_market(market, None, thursday[:1])
    assert isinstance(first, SolvedWeek)
    step = advance_market(market, first.state, thursday[1:])
    assert isinstance(step, SolvedWeek)
    assert [day.date for day in step.held.days] == thursday[1:]
    assert set(step.executions["date"]) == {thursday[1]}
    waiting = advance_market(market, None, thursday, SETTINGS.model_copy(update={"start": WEEKS[3]}))
    assert waiting == FIRST_BUILD_LATER(week=WEEKS[3])


def test_holdings_drift_with_prices_from_fill_to_signal_close() -> None:
    market = Market(seed=2)
    for week in WEEKS[:3]:
        market.week(week)
    before = {r["symbol"]: r for r in market.made[WEEKS[1]].frame.iter_rows(named=True)}
    orders = {r["symbol"]: r for r in file(market.made[WEEKS[2]], "executions.parquet").iter_rows(named=True)}
    days = CALENDAR.week_days(WEEKS[2])
    prices = {(r["date"], r["symbol"]): r for r in market.prices.iter_rows(named=True)}
    cash = solve_of(market.made[WEEKS[1]])["cash"]
    value = {}
    for symbol, row in before.items():
        bar = prices.get((days[0], symbol))
        value[symbol] = row["drifted_weight"] * (bar["vwap"] / bar["pre_close"] if bar else 1.0)
    nav = sum(value.values()) + cash
    for symbol in value:
        filled = orders[symbol]["filled"] if symbol in orders else 0.0
        value[symbol] = value[symbol] / nav + filled
    traded = [row["filled"] for row in orders.values()]
    cash = cash / nav - sum(traded) - SETTINGS.cost * sum(map(abs, traded))
    for number, day in enumerate(days):
        for symbol in value:
            if bar := prices.get((day, symbol)):
                value[symbol] *= bar["close"] / bar["vwap" if number == 0 else "pre_close"]
    total = sum(value.values()) + cash
    for symbol, amount in value.items():
        stored = market.made[WEEKS[2]].frame.filter(pl.col("symbol") == symbol)["drifted_weight"]
        assert (stored[0] if len(stored) else 0.0) == pytest.approx(amount / total, abs=1e-12)
    assert solve_of(market.made[WEEKS[2]])["cash"] == pytest.approx(cash / total, abs=1e-12)


def test_a_suspended_holding_is_frozen_and_counted_until_it_trades_again() -> None:
    market = Market(seed=3)
    for week in WEEKS[:2]:
        market.week(week)
    symbol = largest(market, WEEKS[1], "drifted_weight")
    suspend(market, symbol, CALENDAR.week_days(WEEKS[2])[0])
    for before, week in ((WEEKS[1], WEEKS[2]), (WEEKS[2], WEEKS[3])):
        made = market.week(week)
        row = row_of(market, week, symbol)
        assert row["state"] == "suspended"
        assert row["lower"] == row["upper"] == row["drifted_weight"] > 0
        assert row["weight"] == pytest.approx(row["drifted_weight"], abs=1e-12)
        assert solve_of(made)["frozen_weight"] >= row["drifted_weight"]
        assert made.frame["weight"].sum() == pytest.approx(1.0, abs=1e-8)  # the others fill the budget that it leaves
        # its value does not change, while the portfolio's does
        last, solve = row_of(market, before, symbol), solve_of(market.made[before])
        worth = last["drifted_weight"] * solve["nav"]
        assert row["drifted_weight"] * solve_of(made)["nav"] == pytest.approx(worth, abs=1e-12)
        orders = file(made, "executions.parquet").filter(pl.col("symbol") == symbol)
        assert set(orders["blocked"]) <= {"suspended"}
        assert orders["filled"].abs().sum() == 0


def test_a_name_that_leaves_the_index_is_sold_within_the_turnover_limit() -> None:
    market = Market(seed=4)
    for week in WEEKS[:2]:
        market.week(week)
    held = market.made[WEEKS[1]].frame.filter((pl.col("benchmark_weight") > 0) & (KEPT > 0.005))
    leaving = held.sort("symbol")["symbol"].to_list()[:4]
    joining = market.symbols[40:44]
    review(market, CALENDAR.week_days(WEEKS[2])[2], leaving, joining)
    suspend(market, leaving[0], CALENDAR.week_days(WEEKS[2])[0])
    # the score favours the stock that left
    market.factors = market.factors.with_columns(
        value=pl.when(pl.col("symbol").is_in(leaving)).then(5.0).otherwise("value")
    )
    solve = solve_of(market.week(WEEKS[2]))
    assert str(solve["benchmark_published"]) == str(CALENDAR.week_days(WEEKS[2])[2])
    assert solve["turnover"] <= BOUNDS.turnover + 1e-8
    for symbol in leaving:
        row = row_of(market, WEEKS[2], symbol)
        assert row["benchmark_weight"] == 0
        if row["state"] == "suspended":
            assert row["weight"] == pytest.approx(row["drifted_weight"], abs=1e-12)
        else:  # no member: held for its score, up to the stock deviation
            assert row["state"] == "tradable"
            assert row["upper"] == pytest.approx(BOUNDS.stock_deviation, abs=1e-15)
            assert row["weight"] <= BOUNDS.stock_deviation + 1e-9
    assert row_of(market, WEEKS[2], leaving[0])["state"] == "suspended"
    assert row_of(market, WEEKS[2], joining[0])["benchmark_weight"] > 0
    only = SETTINGS.model_copy(update={"csi500": BOUNDS.model_copy(update={"members_only": True})})
    made = market.week(WEEKS[2], only)
    for symbol in leaving[1:]:
        assert row_of(market, WEEKS[2], symbol)["upper"] == 0.0
    assert solve_of(made)["turnover"] <= BOUNDS.turnover + 1e-8


def test_a_delisted_member_is_removed_from_the_benchmark_and_reported() -> None:
    """After a merger its value is paid in cash, no portfolio is underweight in its industry, and the removal is recorded."""
    market = Market(seed=5)
    for week in WEEKS[:2]:
        market.week(week)
    held = market.made[WEEKS[1]].frame.filter(pl.col("benchmark_weight") > 0)
    symbol = held.sort("drifted_weight", descending=True)["symbol"][0]
    delist(market, symbol, CALENDAR.week_days(WEEKS[2])[1])
    made = market.week(WEEKS[2])
    solve = solve_of(made)
    assert made.frame.filter(pl.col("symbol") == symbol).is_empty()
    assert 0.005 < solve["benchmark_delisted"] < 0.1
    assert made.notes["benchmark_delisted"] == solve["benchmark_delisted"]
    assert solve["benchmark_sum"] == pytest.approx(1.0, abs=1e-12)
    assert solve["benchmark_raw_sum"] == pytest.approx(1.0, abs=1e-12)
    assert solve["cash"] > 0.005
    assert solve["status"] == "optimal"
    assert solve_of(market.made[WEEKS[1]])["benchmark_delisted"] == 0.0
    assert market.week(WEEKS[3]).frame["weight"].sum() == pytest.approx(1.0, abs=1e-8)
    assert solve_of(market.made[WEEKS[3]])["cash"] < 0.005


def test_a_target_delisted_before_it_was_traded_is_blocked() -> None:
    market = Market(seed=6)
    market.week(WEEKS[0])
    symbol = largest(market, WEEKS[0])
    delist(market, symbol, CALENDAR.week_days(WEEKS[1])[0])
    orders = file(market.week(WEEKS[1]), "executions.parquet").filter(pl.col("symbol") == symbol)
    assert orders["blocked"].to_list() == ["not_listed"]
    assert orders["filled"].to_list() == [0.0]
    assert solve_of(market.made[WEEKS[1]])["blocked_orders"] >= 1


def test_delisted_members_are_removed_before_the_division() -> None:
    days = [dt.date(2023, 7, 3), dt.date(2023, 7, 4)]
    published = pl.DataFrame({"symbol": list("ABC"), "weight": [0.5, 0.3, 0.198], "published_date": [days[0]] * 3})
    prices = pl.DataFrame(
        [
            {"date": days[1], "symbol": "A", "pre_close": 10.0, "close": 11.0, "volume": 1},
            {"date": days[1], "symbol": "B", "pre_close": 10.0, "close": 9.0, "volume": 1},
        ]
    )
    every = drift_benchmark(published, prices, days[1:], index="I", tolerance=0.01, listed=set("ABC"))
    total = 0.5 * 1.1 + 0.3 * 0.9 + 0.198
    assert every.weights == pytest.approx({"A": 0.55 / total, "B": 0.27 / total, "C": 0.198 / total}, abs=1e-15)
    assert every.raw_sum == pytest.approx(0.998, abs=1e-15)
    assert every.delisted == {}
    left = drift_benchmark(published, prices, days[1:], index="I", tolerance=0.01, listed=set("AC"))
    assert left.weights == pytest.approx({"A": 0.55 / (0.55 + 0.198), "C": 0.198 / (0.55 + 0.198)}, abs=1e-15)
    assert left.delisted == pytest.approx({"B": 0.27 / total}, abs=1e-15)
    with pytest.raises(InputError, match="No member of I dated 2023-07-03 is listed"):
        drift_benchmark(published, prices, days[1:], index="I", tolerance=0.01, listed=set())


def test_published_weights_that_sum_to_less_are_divided_by_their_sum_and_the_sum_is_kept() -> None:
    market, plain = Market(seed=7), Market(seed=7)
    market.indices = market.indices.with_columns(weight=pl.col("weight") * 0.998)
    made, same = market.week(WEEKS[0]), plain.week(WEEKS[0])
    solve = solve_of(made)
    assert solve["benchmark_raw_sum"] == pytest.approx(0.998, abs=1e-12)
    assert made.notes["benchmark_raw_sum"] == solve["benchmark_raw_sum"]
    assert solve["benchmark_sum"] == pytest.approx(1.0, abs=1e-12)
    assert made.frame["benchmark_weight"].to_numpy() == pytest.approx(
        same.frame["benchmark_weight"].to_numpy(), abs=1e-15
    )
    market.indices = market.indices.with_columns(weight=pl.col("weight") * 0.98)
    with pytest.raises(InputError, match=r"sum to 0\.978"):
        market.week(WEEKS[0])


def test_a_holding_that_loses_its_score_has_no_view() -> None:
    market = Market(seed=8)
    market.week(WEEKS[0])
    market.week(WEEKS[1])
    symbol = market.made[WEEKS[1]].frame.sort(KEPT, "symbol")["symbol"][-1]
    market.factors = market.factors.filter((pl.col("symbol") != symbol) | (pl.col("date") < WEEKS[2]))
    market.week(WEEKS[2])
    row = row_of(market, WEEKS[2], symbol)
    assert row["state"] == "no_score"
    assert row["score"] is None
    assert row["lower"] <= row["weight"] <= row["drifted_weight"] + 1e-10
    step = advance_market(market, None, CALENDAR.week_days(WEEKS[2]))
    assert isinstance(step, SolvedWeek)
    assert step.problem.mu[step.problem.symbols == symbol].tolist() == [0.0]
    assert row_of(market, WEEKS[2], symbol)["upper"] == row["drifted_weight"] > 0
    assert step.names.filter(pl.col("symbol") == symbol)["weight"].to_list() == [0.0]  # not held: can't be bought


def test_stocks_without_industry_form_one_and_stocks_without_style_have_exposure_zero() -> None:
    market = Market(seed=9)
    bare, unstyled = market.symbols[:6] + market.symbols[50:54], market.symbols[10]
    market.securities = market.securities.with_columns(
        industry=pl.when(pl.col("symbol").is_in(bare)).then(pl.lit("unknown")).otherwise("industry")
    )
    market.styles = market.styles.filter(pl.col("symbol") != unstyled)
    made = market.week(WEEKS[0])
    frame, solve = made.frame, solve_of(made)
    unknown = frame.filter(pl.col("industry") == "unknown")
    assert set(unknown["symbol"]) <= set(bare)
    assert unknown["weight"].sum() == pytest.approx(unknown["benchmark_weight"].sum(), abs=1e-8)
    assert solve["benchmark_without_industry"] == pytest.approx(unknown["benchmark_weight"].sum(), abs=1e-15)
    own = dict(frame.select("symbol", "benchmark_weight").iter_rows())
    assert solve["benchmark_without_style"] == pytest.approx(own[unstyled], abs=1e-15)
    assert made.notes["benchmark_without_style"] == solve["benchmark_without_style"]
    styles = {
        row["symbol"]: row["size"]
        for row in market.styles.filter(pl.col("date") == frame["date"][0]).iter_rows(named=True)
    }
    exposure = sum(
        (row["weight"] - row["benchmark_weight"]) * styles.get(row["symbol"], 0.0)
        for row in frame.iter_rows(named=True)
    )
    assert exposure == pytest.approx(0.0, abs=1e-8)


def test_options_reach_the_trade_day() -> None:
    plain, market = Market(seed=10), Market(seed=10)
    how = ExecutionSettings(lots=True, participation=0.5, dated_fees=True, capital=1e5)
    settings = SETTINGS.model_copy(update={"execution": how})
    for week in WEEKS[:2]:
        plain.week(week)
        market.week(week, settings)
    orders, solve = file(market.made[WEEKS[1]], "executions.parquet"), solve_of(market.made[WEEKS[1]])
    days = CALENDAR.week_days(WEEKS[1])
    volume = dict(market.prices.filter(pl.col("date") == days[0]).select("symbol", "volume").iter_rows())
    assert set(orders["cut"]) >= {"lots"}
    assert solve["cut_orders"] == orders.filter(pl.col("cut") != "").height > 0
    # NAV_v is the capital here: the first build's cash
    for row in orders.filter(pl.col("filled") != 0).iter_rows(named=True):
        shares = row["filled"] * 1e5 / row["vwap"]
        assert shares == pytest.approx(100 * round(shares / 100), abs=1e-6)
        assert shares <= 0.5 * volume[row["symbol"]] + 1e-6
    assert solve["execution_cost"] == pytest.approx(0.00025 * orders["filled"].sum(), abs=1e-15)
    assert market.made[WEEKS[1]].notes["execution_cost_bp"] == pytest.approx(1e4 * solve["execution_cost"])
    assert solve_of(plain.made[WEEKS[1]])["cut_orders"] != solve["cut_orders"]


def test_minute_bars_of_the_trade_day_decide_which_stocks_are_blocked() -> None:
    plain, market = Market(seed=11), Market(seed=11)
    for one in (plain, market):
        one.week(WEEKS[0])
    day, symbol = CALENDAR.week_days(WEEKS[1])[0], largest(market, WEEKS[0])
    limit = market.securities.filter((pl.col("symbol") == symbol) & (pl.col("date") == day))["limit_up"][0]
    own = (pl.col("symbol") == symbol) & (pl.col("date") == day)
    for one in (plain, market):
        low, price = limit * 0.99, limit * 0.9999
        one.prices = one.prices.with_columns(
            low=pl.when(own).then(low).otherwise("low"),
            high=pl.when(own).then(limit).otherwise("high"),
            vwap=pl.when(own).then(price).otherwise("vwap"),
        )
    rows = [(571, limit * 0.99, limit * 0.99, 10), (572, limit, limit, 990)]
    bars = [{"date": day, "symbol": symbol, "minute": m, "low": a, "high": b, "volume": v, "amount": v * (a + b) / 2}
            for m, a, b, v in rows]  # fmt: skip
    market.minute_bars = pl.concat([market.minute_bars, pl.DataFrame(bars)], how="diagonal_relaxed")
    minutes = ExecutionSettings(fills=FillSettings(rule="minutes"))
    strict = SETTINGS.model_copy(update={"execution": minutes})
    cases = ((plain, strict, ""), (market, SETTINGS, ""), (market, strict, "limit_up"))
    for one, settings, blocked in cases:  # by the day's low; by the default, which reads no minutes; by them
        orders = file(one.week(WEEKS[1], settings), "executions.parquet").filter(pl.col("symbol") == symbol)
        assert orders["blocked"].to_list() == [blocked]
        assert (orders["filled"][0] > 0) == (blocked == "")
    minutes = ExecutionSettings(fills=FillSettings(rule="minutes", min_inside_share=0.01))
    lenient = SETTINGS.model_copy(update={"execution": minutes})
    orders = file(market.week(WEEKS[1], lenient), "executions.parquet").filter(pl.col("symbol") == symbol)
    assert orders["blocked"].to_list() == [""]
    assert orders["filled"][0] > 0
