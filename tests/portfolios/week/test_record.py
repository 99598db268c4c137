"""solve.parquet: one row with the whole record of the week's solve."""

import polars as pl
import pytest

from assets.portfolios.assets import TABLES
from assets.portfolios.problem.constraints import FREE
from assets.portfolios.reasons import STATE
from assets.portfolios.week.record import NESTED, unnest
from tests.portfolios.week.portfolio_market import BOUNDS, SETTINGS, WEEKS, Market, file, solve_of


@pytest.fixture(scope="module")
def market() -> Market:
    market = Market(seed=3)
    for week in WEEKS[:3]:
        market.week(week)
    return market


def test_the_solve_is_one_row_with_every_list(market: Market) -> None:
    for week in WEEKS[:3]:
        made = market.made[week]
        solve = file(made, "solve.parquet")
        assert solve.height == 1
        assert {name: solve.schema[name] for name in NESTED} == dict(NESTED)
        assert set(made.files) == {"solve.parquet", "executions.parquet", "days.parquet"}


def test_the_checks_use_the_numbers_of_the_week(market: Market) -> None:
    table = next(table for table in TABLES if table.name == "csi500_portfolio")
    for week in WEEKS[:3]:
        made = market.made[week]
        assert made.profile is not None
        assert not any(dtype.is_nested() for dtype in made.profile.schema.values())
        judged, names = made.profile.row(0, named=True), made.frame
        assert {check.rule.column for check in table.checks} <= set(judged)
        assert judged["weight_sum"] == pytest.approx(sum(names["weight"]), abs=1e-12)
        assert judged["lowest_weight"] == pytest.approx(min(0.0, *names["weight"]), abs=1e-12)
        assert judged["benchmark_sum"] == pytest.approx(sum(names["benchmark_weight"]), abs=1e-12)
        assert judged["cash"] == pytest.approx(1 - sum(names["drifted_weight"]), abs=1e-12)
        active = (names["weight"] - names["benchmark_weight"]).abs()
        free = names["state"] == FREE
        assert active.filter(free).max() <= BOUNDS.stock_deviation + judged["residual"] + 1e-12


def test_the_lists_equal_the_weeks_solution(market: Market) -> None:
    solve, frame = solve_of(market.made[WEEKS[1]]), market.made[WEEKS[1]].frame
    rows, costs, names = (unnest(solve, name) for name in ("constraints", "costs", "binding_names"))
    assert {"industry", "turnover_limit", "size", "value", "fully_invested"} <= set(rows["constraint"])
    prices = rows.group_by("constraint").agg(pl.col("shadow_price").abs().sum())
    both = costs.join(prices, on="constraint", suffix="_of_rows")
    assert both.height >= 10
    assert (both["shadow_price"] - both["shadow_price_of_rows"]).abs().max() < 1e-7
    turnover = rows.filter(pl.col("constraint") == "turnover_limit").row(0, named=True)
    assert turnover["upper"] == BOUNDS.turnover
    assert turnover["value"] == pytest.approx(solve["turnover"], abs=1e-12)
    held = names.join(frame, on="symbol", how="inner")
    assert held.height > 0
    assert (held["weight"] - held["bound"]).abs().max() < 1e-9
    attempts = unnest(solve, "attempts")
    assert attempts.filter(pl.col("refused") == "").height > 0
    assert (attempts["residual"].drop_nulls() <= 1e-8).all()


def test_the_totals_equal_the_sums_over_stocks() -> None:
    market = Market(seed=2)
    market.factors = market.factors.filter(pl.col("symbol") != "600002.SH")
    for week in WEEKS[:3]:
        made = market.week(week)
    solve, names = solve_of(made), made.frame
    day = market.prices.filter(pl.col("date") == solve["date"])["symbol"]
    still = names.filter(~pl.col("symbol").is_in(day.to_list()))  # not traded on the signal day
    assert solve["frozen_weight"] == pytest.approx(still["drifted_weight"].sum(), abs=1e-15)
    assert solve["frozen_weight"] > 0
    assert solve["frozen_weight"] != pytest.approx(still["benchmark_weight"].sum(), abs=1e-6)
    assert solve["holdings"] == (names["weight"] > 0).sum()
    unscored = names.filter(pl.col("symbol") == "600002.SH")["benchmark_weight"].item()
    assert solve["benchmark_without_score"] == pytest.approx(unscored, abs=1e-15)
    assert solve["objective"] == pytest.approx(
        names.filter(pl.col("state") != "suspended").select((pl.col("weight") * pl.col("score")).sum()).item(),
        abs=1e-12,
    )
    orders = file(made, "executions.parquet")
    assert solve["blocked_orders"] == (orders["blocked"] != "").sum() > 0
    assert solve["cut_orders"] == (orders["cut"] != "").sum()
    assert solve["executed_turnover"] == file(made, "days.parquet")["turnover"].sum()
    assert solve["lowest_cash"] == pytest.approx(min(file(made, "days.parquet")["cash"].min(), solve["cash"]), abs=1e-9)


def test_a_relaxed_week_stores_its_conflicts() -> None:
    market = Market(seed=4)
    market.week(WEEKS[0])
    tight = BOUNDS.model_copy(update={"turnover": 0.0})
    made = market.week(WEEKS[1], SETTINGS.model_copy(update={"csi500": tight}))
    solve = solve_of(made)
    assert solve["status"] == "relaxed"
    assert solve["conflicts"]
    for one in solve["conflicts"]:
        assert one["violation"] > 1e-8
        assert one["members"]
    assert made.notes["conflicts"] == solve["conflicts"]
    assert [row["constraint"] for row in made.notes["relaxed"]] == [row["constraint"] for row in solve["relaxations"]]


def test_a_constraint_that_was_not_applied_is_a_row_without_numbers() -> None:
    market = Market(seed=5)
    market.styles = market.styles.with_columns(value=pl.lit(None, pl.Float64))
    market.unavailable = {"styles": {"value": "no fundamentals"}}
    made = market.week(WEEKS[0])
    (row,) = unnest(solve_of(made), "constraints").filter(pl.col("group") == "n/a").iter_rows(named=True)
    assert (row["constraint"], row["forced_by"], row["value"]) == ("value", "no fundamentals", None)
    assert made.notes["constraints_not_applied"] == {"value": "no fundamentals"}


def test_exact_costs_by_setting() -> None:
    market = Market(seed=6)
    market.week(WEEKS[0])
    plain = solve_of(market.week(WEEKS[1]))
    exact = solve_of(market.week(WEEKS[1], SETTINGS.model_copy(update={"exact_explanation": True})))
    assert {cost["exact"] for cost in plain["costs"]} == {None}
    known = [cost for cost in exact["costs"] if cost["exact"] is not None]
    assert len(known) >= 5
    assert max(cost["exact"] for cost in known) > 0
    assert exact["objective"] == plain["objective"]


def test_a_stock_outside_its_band_is_recorded_with_its_distance() -> None:
    outside = []
    for seed in range(4):
        market = Market(seed=seed)
        for week in WEEKS[:3]:
            rows = unnest(solve_of(market.week(week)), "relaxations").filter(pl.col("constraint") == "stock_deviation")
            frame = market.made[week].frame
            for row in rows.join(frame, left_on="row", right_on="symbol").iter_rows(named=True):
                low, high = max(0.0, row["benchmark_weight"] - 0.08), row["benchmark_weight"] + 0.08
                assert row["value"] == row["drifted_weight"] == row["weight"]
                assert row["slack"] == pytest.approx(max(low - row["value"], row["value"] - high), abs=1e-15)
                assert row["slack"] > 0
                outside.append(row["forced_by"])
    assert STATE(state="suspended").dumps() in outside
