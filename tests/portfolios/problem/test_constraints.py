"""Constraints and terms that are off by default: each against its formula, each through the whole optimiser."""

import sys
import types

import cvxpy as cp
import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from assets.portfolios.problem.constraints import HARD, MemberShare, StyleBand, portfolio_constraints
from assets.portfolios.problem.extra_constraints import extra_constraints
from assets.portfolios.problem.optimiser import CLARABEL, optimise
from assets.portfolios.problem.terms import (
    Covariance,
    RiskPenalty,
    TrackingError,
    covariance_from,
    past_returns,
    risk_of,
)
from assets.portfolios.reasons import CURVED_MUST_GIVE
from resources.errors import InputError, SettingsError
from resources.settings.portfolios import ELASTIC, IndexPortfolioSettings, PortfoliosSettings
from tests.portfolios.problem.portfolio_problems import plain_conditions, random_problem
from tests.portfolios.week.portfolio_market import SETTINGS, WEEKS, Market, solve_of

LOOSE = IndexPortfolioSettings(stock_deviation=0.05, turnover=0.9)


def solve(problem, bounds=LOOSE, extra=(), **options):
    return optimise(problem, [*portfolio_constraints(bounds, {})[0], *extra], order=ELASTIC, **options)


def market(seed: int, n: int = 120, **options):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, n, members=40, held=30, industries=4, **{"frozen": 0.05, **options})
    loadings = rng.normal(size=(n, 4)) * 0.01
    return problem, Covariance(tuple(problem.symbols.tolist()), loadings, rng.uniform(0.02, 0.06, n))


def test_a_member_share_is_kept_and_is_relaxed_with_industries() -> None:
    problem, _ = market(1)
    members = problem.benchmark > 0
    free, bound = solve(problem), solve(problem, LOOSE.model_copy(update={"member_share": 0.8}))
    assert free.weights[members].sum() < 0.8 - 1e-3
    assert bound.status == "optimal"
    assert bound.weights[members].sum() == pytest.approx(0.8, abs=1e-8)
    assert bound.objective < free.objective
    assert bound.multipliers["member_share"][0] < 0  # the lower bound binds
    stuck, _ = market(2, frozen=0.9)
    given = solve(stuck, LOOSE.model_copy(update={"member_share": 0.999}))
    slack = next(row.slack for row in given.relaxations if row.constraint == "member_share")
    assert given.weights[stuck.benchmark > 0].sum() == pytest.approx(0.999 - slack, abs=1e-8)


def test_bands_of_single_styles_may_be_asymmetric() -> None:
    problem, _ = market(3)
    bounds = LOOSE.model_copy(update={"exposure_bands": {"volatility": (-0.2, -0.1), "size": (0.0, 0.3)}})
    solution = solve(problem, bounds)
    assert solution.status == "optimal"
    active = solution.weights - problem.benchmark
    assert -0.2 - 1e-8 <= active @ problem.styles["volatility"] <= -0.1 + 1e-8
    assert -1e-8 <= active @ problem.styles["size"] <= 0.3 + 1e-8
    with pytest.raises(ValidationError, match="exposure_bands names 'beta'"):
        IndexPortfolioSettings(exposure_bands={"beta": (0.0, 1.0)})
    with pytest.raises(ValidationError, match="above"):
        IndexPortfolioSettings(exposure_bands={"size": (0.1, 0.0)})


def test_options_that_are_off_by_default_change_nothing() -> None:
    kept, _ = portfolio_constraints(IndexPortfolioSettings(), {})
    assert not any(isinstance(constraint, MemberShare) for constraint in kept)
    assert all(constraint.least is None for constraint in kept if isinstance(constraint, StyleBand))

    def never() -> Covariance:
        raise AssertionError("no covariance is asked for")

    assert risk_of(IndexPortfolioSettings(), never) == ([], [])


def by_clarabel(problem, bounds, *, limit=None, penalty=None):
    """SPEC's formulas and √(a'Σa) ≤ limit, or − aversion a'Σa, with Σ written out [n, n]."""
    w = cp.Variable(problem.n)
    active, conditions, goal = w - problem.benchmark, plain_conditions(w, problem, bounds), problem.mu @ w
    if limit is not None:
        conditions.append(cp.norm2(np.linalg.cholesky(limit[1]).T @ active) <= limit[0])
    if penalty is not None:
        goal = goal - penalty[0] * cp.quad_form(active, cp.psd_wrap(penalty[1]))
    program = cp.Problem(cp.Maximize(goal), conditions)
    program.solve(solver=cp.CLARABEL, tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)
    return program.value, w.value


@pytest.mark.parametrize("seed", range(4))
def test_a_tracking_error_is_kept_and_the_score_optimal(seed: int) -> None:
    problem, risk = market(seed)
    sigma = risk.factors @ risk.factors.T + np.diag(risk.specific**2)
    free = solve(problem)
    active = free.weights - problem.benchmark
    assert risk.variance(active) == pytest.approx(active @ sigma @ active, rel=1e-12)
    limit = 0.9 * float(np.sqrt(active @ sigma @ active))
    solution = solve(problem, extra=[TrackingError(limit, risk)])
    assert (solution.status, solution.solver) == ("optimal", CLARABEL), solution.reason
    active = solution.weights - problem.benchmark
    assert np.sqrt(active @ sigma @ active) == pytest.approx(limit, abs=1e-8)
    assert abs(solution.duality_gap) <= 1e-8
    assert solution.residual <= 1e-8
    value, _ = by_clarabel(problem, LOOSE, limit=(limit, sigma))
    assert solution.objective == pytest.approx(value, abs=1e-7)
    step = 1e-6
    wider = solve(problem, extra=[TrackingError(limit + step, risk)]).objective - solution.objective
    assert wider / step == pytest.approx(solution.multipliers["tracking_error"][0], rel=1e-2)


@pytest.mark.parametrize("seed", range(4))
def test_the_score_after_a_risk_penalty_is_optimal(seed: int) -> None:
    problem, risk = market(seed + 10)
    sigma = risk.factors @ risk.factors.T + np.diag(risk.specific**2)
    solution = solve(problem, terms=[RiskPenalty(300.0, risk)])
    assert (solution.status, solution.solver) == ("optimal", CLARABEL), solution.reason
    active = solution.weights - problem.benchmark
    assert solution.objective == pytest.approx(problem.mu @ solution.weights - 300 * active @ sigma @ active, abs=1e-12)
    assert abs(solution.duality_gap) <= 1e-8
    value, weights = by_clarabel(problem, LOOSE, penalty=(300.0, sigma))
    assert solution.objective == pytest.approx(value, abs=1e-8)
    assert np.abs(solution.weights - weights).max() < 1e-5
    assert risk.variance(active) < risk.variance(solve(problem).weights - problem.benchmark)


def test_a_tracking_error_is_relaxed_by_the_least() -> None:
    """Frozen stocks keep the risk above the limit: the tracking error is the smallest within all other constraints."""
    problem, risk = market(5, frozen=0.4)
    solution = solve(problem, extra=[TrackingError(1e-4, risk, group="styles")])
    assert solution.status == "relaxed", solution.reason
    row = next(row for row in solution.relaxations if row.constraint == "tracking_error")
    assert row.value == pytest.approx(1e-4 + row.slack, abs=1e-8)
    assert abs(solution.duality_gap) <= 1e-8
    tighter = solve(problem, extra=[TrackingError(row.value - 1e-5, risk, group="styles")])
    looser = solve(problem, extra=[TrackingError(row.value + 1e-5, risk, group="styles")])
    assert any(r.constraint == "tracking_error" for r in tighter.relaxations)
    assert not any(r.constraint == "tracking_error" for r in looser.relaxations)


def test_a_curved_constraint_that_is_relaxed_before_others_is_a_failure_with_a_reason() -> None:
    problem, risk = market(5, frozen=0.4)
    solution = solve(problem, extra=[TrackingError(1e-4, risk, group="turnover")])
    assert solution.status == "failed"
    assert solution.reason == CURVED_MUST_GIVE(constraints=("tracking_error",))


@pytest.mark.parametrize("seed", [0, 2, 4, 5, 9, 11, 13, 17])
def test_a_relaxed_week_is_solved_with_a_tracking_error_and_a_penalty(seed: int) -> None:
    """Suspended names force industries and exposures; the smallest violations are those without anything curved."""
    problem, risk = market(seed, frozen=0.5)
    plain = solve(problem)
    assert plain.status == "relaxed"
    penalised = solve(problem, terms=[RiskPenalty(300.0, risk)])
    bound = 0.97 * float(np.sqrt(risk.variance(plain.weights - problem.benchmark)))
    tracked = solve(problem, extra=[TrackingError(bound, risk, group="styles")])
    for solution in (penalised, tracked):
        assert solution.status == "relaxed", solution.reason
        assert abs(solution.duality_gap) <= 1e-8
        assert solution.residual <= 1e-8
    for group, total in plain.totals.items():
        assert penalised.totals[group] == pytest.approx(total, abs=1e-8)
    worth = problem.mu @ plain.weights - 300.0 * risk.variance(plain.weights - problem.benchmark)
    assert penalised.objective >= worth - 1e-7
    assert np.sqrt(risk.variance(tracked.weights - problem.benchmark)) <= bound + 1e-8 + tracked.totals["styles"]


def test_a_covariance_without_a_stock_or_of_another_type_is_an_error() -> None:
    problem, risk = market(6)
    short = Covariance(risk.symbols[1:], risk.factors[1:], risk.specific[1:])
    with pytest.raises(InputError, match=r"lacks 1 of .* first 000000\.SZ"):
        solve(problem, terms=[RiskPenalty(1.0, short)])
    with pytest.raises(ValueError, match="positive semidefinite"):
        Covariance.of(["a", "b"], np.array([[1.0, 2.0], [2.0, 1.0]]))
    with pytest.raises(ValueError, match="not finite"):
        Covariance(("a",), np.array([[np.nan]]), np.ones(1))
    sigma = risk.factors @ risk.factors.T
    active = np.random.default_rng(0).normal(size=len(risk.symbols))
    assert Covariance.of(risk.symbols, sigma).variance(active) == pytest.approx(active @ sigma @ active, rel=1e-9)


def test_the_setting_selects_a_covariance() -> None:
    with pytest.raises(ValidationError, match=r"csi500 has tracking_error or risk_aversion"):
        PortfoliosSettings(csi500=IndexPortfolioSettings(tracking_error=0.01))
    chosen = PortfoliosSettings(
        csi500=IndexPortfolioSettings(tracking_error=0.01, risk_aversion=2.0),
        covariance="assets.portfolios.problem.terms:past_returns",
    )
    days = pl.DataFrame(
        {
            "date": [1, 1, 2, 2, 3], "symbol": ["a", "b", "a", "b", "a"], "pre_close": [10.0] * 5,
            "close": [10.1, 9.9, 10.3, 10.0, 9.8],
        }
    )  # fmt: skip
    bound, penalty = risk_of(chosen.csi500, lambda: covariance_from(chosen.covariance, ["a", "b", "c"], days))
    assert (bound[0].limit, bound[0].group, penalty[0].aversion) == (0.01, "styles", 2.0)
    for wrong in ("nowhere:past_returns", "assets.portfolios.problem.terms:nothing", "past_returns"):
        with pytest.raises(SettingsError, match="cannot be loaded"):
            covariance_from(wrong, ["a"], days)
    with pytest.raises(SettingsError, match="instead of a Covariance"):
        covariance_from("builtins:zip", ["a"], days)
    with pytest.raises(SettingsError, match=r"portfolios.covariance = 'builtins:len' failed \(TypeError"):
        covariance_from("builtins:len", ["a"], days)
    with pytest.raises(InputError, match="at least two days"):
        covariance_from(chosen.covariance, ["a"], days.clear())


def test_past_returns_is_half_the_sample_covariance_and_half_its_diagonal() -> None:
    rng = np.random.default_rng(0)
    returns = rng.normal(0, 0.02, (12, 3))
    days = pl.DataFrame(
        [
            {"date": d, "symbol": s, "pre_close": 10.0, "close": 10.0 * (1 + returns[d, k])}
            for d in range(12)
            for k, s in enumerate("abc")
        ]
    )
    risk = past_returns(["a", "b", "c", "d"], days)
    sample = 5 * np.cov(returns.T)
    expected = 0.5 * sample + 0.5 * np.diag(np.diag(sample))
    sigma = risk.factors @ risk.factors.T + np.diag(risk.specific**2)
    assert sigma[:3, :3] == pytest.approx(expected, abs=1e-12)
    assert sigma[3, 3] == pytest.approx(np.median(np.diag(sample)), rel=1e-9)
    assert (sigma[3, :3] == 0).all()


@pytest.mark.parametrize(
    "own",
    [{"member_share": 0.9}, {"members_only": True}, {"tracking_error": 0.02}, {"risk_aversion": 5.0}],
    ids=lambda own: next(iter(own)),
)
def test_each_setting_runs_through_weeks(own: dict) -> None:
    """From settings to the stored solve: two weeks, solved and proved, another portfolio than without."""
    base = SETTINGS.model_copy(update={"covariance": "assets.portfolios.problem.terms:past_returns"})
    settings = base.model_copy(update={"csi500": base.csi500.model_copy(update=own)})
    plain, market = Market(), Market()
    for week in WEEKS[:2]:
        plain.week(week, base)
        made = market.week(week, settings)
        solve = solve_of(made)
        assert solve["status"] in ("optimal", "relaxed"), solve["reason"]
        assert abs(solve["duality_gap"]) <= 1e-8
        assert solve["residual"] <= 1e-8
    frame, without = market.made[WEEKS[0]].frame, plain.made[WEEKS[0]].frame
    members = frame.filter(pl.col("benchmark_weight") > 0)["weight"].sum()
    if "member_share" in own:
        assert members >= 0.9 - 1e-8
    if "members_only" in own:
        assert members == pytest.approx(1.0, abs=1e-8)
    assert frame.select("symbol", "weight").to_dicts() != without.select("symbol", "weight").to_dicts()


def test_a_users_own_constraints_keep_their_order_and_wrong_ones_are_refused(monkeypatch) -> None:
    module = types.ModuleType("desk_of_these_tests")
    module.Last = lambda: StyleBand("last", 1.0, "styles")
    module.First = lambda: StyleBand("first", 1.0, HARD)
    module.Taken = lambda: StyleBand("size", 1.0, "styles")
    module.Odd = lambda: StyleBand("odd", 1.0, "elastic")
    module.Nothing = lambda: None
    monkeypatch.setitem(sys.modules, module.__name__, module)

    def load(*names: str) -> list[str]:
        return [one.name for one in extra_constraints([f"{module.__name__}:{name}" for name in names], {"size"})]

    assert load("Last", "First") == ["last", "first"]
    for names, message in (
        (("Taken",), "has the name 'size', which another constraint has"),
        (("Last", "Last"), "has the name 'last', which another constraint has"),
        (("Odd",), "has the group 'elastic'; choose one of hard, industry"),
        (("Nothing",), "returned a NoneType instead of a Constraint"),
        (("Absent",), r"portfolios.extra_constraints = 'desk_of_these_tests:Absent' cannot be loaded"),
    ):
        with pytest.raises(SettingsError, match=message):
            load(*names)
    with pytest.raises(SettingsError, match=r"failed \(TypeError: .*called without arguments"):
        extra_constraints(["assets.portfolios.problem.constraints:MemberShare"], ())
