"""The example cone through a portfolio's week: it binds, and is relaxed, by sums over the stored weights."""

import numpy as np
import pytest

from examples.cone import EffectiveNames
from resources.reason_words import describe
from resources.reasons import Reason
from tests.portfolios.week.portfolio_market import SETTINGS, WEEKS, Market, solve_of


def thousand() -> EffectiveNames:
    """More effective names than the test market has names."""
    return EffectiveNames(1000.0)


def norm_and_solve(*paths: str) -> tuple[float, dict]:
    """‖w‖ of a first build, and its row of solve.parquet."""
    made = Market(seed=11).week(WEEKS[0], SETTINGS.model_copy(update={"extra_constraints": paths}))
    return float(np.linalg.norm(made.frame["weight"].to_numpy())), solve_of(made)


def test_the_portfolio_spreads_over_as_many_names_as_the_setting_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    free, _ = norm_and_solve()
    least = free**-2 + 4.0  # effective names, four more than without the constraint
    monkeypatch.setattr(EffectiveNames.__init__, "__defaults__", (least, "effective_names", "styles"))
    spread, solve = norm_and_solve("examples.cone:EffectiveNames")
    assert solve["status"] == "optimal"
    assert spread**-2 == pytest.approx(least, rel=1e-6)
    (row,) = (row for row in solve["constraints"] if row["constraint"] == "effective_names")
    assert row["value"] == pytest.approx(spread, abs=1e-12)
    assert row["shadow_price"] > 0


def test_it_is_relaxed_by_the_least_where_the_market_is_too_small() -> None:
    norm, solve = norm_and_solve(f"{__name__}:thousand")
    assert solve["status"] == "relaxed"
    (row,) = (row for row in solve["relaxations"] if row["constraint"] == "effective_names")
    assert row["slack"] == pytest.approx(norm - 1000**-0.5, abs=1e-9)
    assert describe(Reason.loads(row["forced_by"]))
    assert "effective_names" in {
        member["constraint"] for conflict in solve["conflicts"] for member in conflict["members"]
    }
