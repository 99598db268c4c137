"""docs/portfolios.md is correct: its settings load, its code runs unchanged, and its columns are the stored ones."""

import datetime as dt
import re
from pathlib import Path

import numpy as np

from assets.portfolios.problem.constraints import FullyInvested, portfolio_constraints
from assets.portfolios.problem.optimiser import optimise
from assets.portfolios.problem.terms import past_returns
from assets.portfolios.schemas import COMPONENTS
from assets.portfolios.week.record import NESTED
from resources.settings.execution import ExecutionSettings
from resources.settings.fills import FillSettings
from resources.settings.load import load_profile
from resources.settings.portfolios import ELASTIC, IndexPortfolioSettings, PortfoliosSettings
from tests.portfolios.problem.portfolio_problems import random_problem
from tests.portfolios.week.portfolio_market import WEEKS, Market

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "portfolios.md").read_text(encoding="utf-8")
WEEK = dt.date(2023, 11, 20)  # the one the examples read


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, re.S)


def test_the_reading_example_runs(tmp_path, monkeypatch, capsys) -> None:
    market = Market(seed=3)
    for week in WEEKS[:2]:
        market.week(week)
    folder = tmp_path / "lake" / "csi500_portfolio" / f"week={WEEK}"
    folder.mkdir(parents=True)
    for name, data in market.made[WEEKS[1]].files.items():
        (folder / name).write_bytes(data)
    monkeypatch.chdir(tmp_path)
    (example,) = (block for block in blocks(PAGE, "python") if "solve.parquet" in block)
    exec(example, {})
    printed = capsys.readouterr().out
    assert "turnover_limit" in printed


def test_the_settings_file_is_valid(tmp_path) -> None:
    profile, lines = (
        load_profile(str(path), ROOT / "orchestration" / "profiles", {})
        for path in (tmp_path / "desk.toml", tmp_path / "lines.toml")
        if path.write_text(blocks(PAGE, "toml")[path.stem == "lines"])
    )
    assert len(lines.settings.lines.weekdays) == 5
    assert len(lines.settings.lines.alphas) == 2
    assert profile.settings.portfolios.csi500.member_share == 0.8
    assert profile.settings.portfolios.csi1000.members_only
    assert len(profile.settings.portfolios.alphas) == 2
    module, _, function = (profile.settings.portfolios.covariance or "").partition(":")
    assert (module, function) == (past_returns.__module__, past_returns.__name__)


def test_the_covariance_and_the_constraint_work() -> None:
    names: dict = {}
    for block in blocks(PAGE, "python"):
        if "solve.parquet" not in block:
            exec(block, names)
    problem = random_problem(np.random.default_rng(1), 40, members=20, held=15, industries=3)
    risk = names["two_factors"](problem.symbols.tolist(), None)
    assert risk.variance(np.full(problem.n, 1.0)) > 0
    board = names["StarBoard"](limit=0.1)
    solution = optimise(problem, [FullyInvested(), board], order=ELASTIC)
    assert solution.status == "optimal"
    assert board.name in solution.multipliers
    assert board.name not in {one.name for one in portfolio_constraints(IndexPortfolioSettings(), {})[0]}


def test_columns_components_and_settings_match_the_stored_ones() -> None:
    lists = PAGE[PAGE.index("| column | one entry per |") : PAGE.index("One week's explanation")]
    assert re.findall(r"^\| `(\w+)`", lists, re.M) == list(NESTED)
    assert all(f"`{component}`" in PAGE for component in COMPONENTS)
    trading = PAGE[PAGE.index("## Other ways to trade") : PAGE.index("## How it is checked")]
    rows = "".join(re.findall(r"^\|([^|]*)\|", trading, re.M)[2:])
    assert set(re.findall(r"`(\w+)`", rows)) == set(ExecutionSettings.model_fields) - {"fills"}
    assert set(re.findall(r"`fills\.(\w+)`", rows)) == set(FillSettings.model_fields)
    assert "relaxation_order" in PortfoliosSettings.model_fields
