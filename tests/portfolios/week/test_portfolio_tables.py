"""The declared tables, built by the wrapper into a lake: look-backs, schema, self-read, gate, n/a, staleness."""

import functools
from pathlib import Path

import polars as pl
import pytest

from assets.portfolios.assets import TABLES
from resources import code_digest
from resources.builder import Builder
from resources.lake import Lake
from resources.landing import LandingZone
from resources.made import Made
from resources.partition import Frames, Partition
from resources.settings.base import Section
from resources.settings.lines import LinesSettings
from resources.settings.portfolios import PortfoliosSettings
from resources.settings.rulebook import RulebookSettings
from resources.table import Table
from tests.portfolios.week.portfolio_market import CALENDAR, SETTINGS, WEEKS, Market

HERE = "tests.portfolios.week.test_portfolio_tables"
DAILY = {"daily_prices": "prices", "securities": "securities", "indices": "indices", "styles": "styles"}
DAYS = CALENDAR.days(CALENDAR.first, CALENDAR.last)


class Tree(Section):
    portfolios: PortfoliosSettings = SETTINGS
    lines: LinesSettings = LinesSettings()
    rulebook: RulebookSettings = RulebookSettings()


@functools.cache
def market() -> Market:
    return Market(seed=9)


def make_daily(frames: Frames, partition: Partition, settings: None) -> Made:
    table = partition.table
    return Made(getattr(market(), DAILY.get(table, table)).filter(pl.col("date") == partition.date))


def make_scores(frames: Frames, partition: Partition, settings: None) -> Made:
    return Made(market().scores.filter(pl.col("date") == partition.date))


def upstream(name: str) -> Table:
    weekly = name in ("scores", "offset_scores", "distribution_shifts")  # portfolios read no rows of the last
    return Table(
        name=name,
        group="factors",
        partition="week" if weekly else "day",
        description=name,
        schema=getattr(market(), DAILY.get(name, "scores" if weekly else name)).schema,
        make=f"{HERE}:make_scores" if weekly else f"{HERE}:make_daily",
    )


def world(root: Path, tree: Section) -> Builder:
    """A lake with all inputs of the stage."""
    (root / "market" / "bars").mkdir(parents=True)
    for day in DAYS:
        frame = pl.DataFrame({"symbol": ["600000.SH"], "minute": [570], "close": [10.0]})
        frame.write_parquet(root / "market" / "bars" / f"{day:%Y%m%d}.parquet")
    weekly = ("scores", "offset_scores", "distribution_shifts")
    names = (*weekly, "factors", "daily_prices", "securities", "indices", "styles", "minute_bars")
    tables = {name: upstream(name) for name in names} | {table.name: table for table in TABLES}
    lake = Lake(str(root / "lake"))
    zone = LandingZone(root / "market", lake.store)
    built = Builder(tables=tables, lake=lake, zone=zone, calendar=CALENDAR, settings=tree)
    for name in names:
        keys = WEEKS if tables[name].partition == "week" else DAYS
        assert {one.state for one in built.build(tables[name], keys)} == {"built"}
    return built


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Builder:
    return world(tmp_path_factory.mktemp("world"), Tree())


def test_a_week_without_its_previous_week_is_blocked_with_a_reason(builder: Builder) -> None:
    (outcome,) = builder.build(TABLES[0], [WEEKS[1]])
    assert outcome.state == "blocked"
    assert "csi500_portfolio" in str(outcome.detail)
    assert str(WEEKS[0]) in str(outcome.detail)


def test_weeks_in_order_pass_their_gate(builder: Builder) -> None:
    for table in TABLES:
        outcomes = builder.build(table, WEEKS)
        assert [outcome.state for outcome in outcomes] == ["built"] * len(WEEKS), outcomes
        assert {one.state for one in builder.build(table, WEEKS)} == {"unchanged"}
    for week in WEEKS:
        manifest = builder.lake.manifest(TABLES[0], week)
        assert all(verdict.passed for verdict in manifest.checks.values() if verdict.critical), manifest.checks
        assert not any("n/a" in verdict.words() for verdict in manifest.checks.values())
        assert manifest.notes["status"] in ("optimal", "relaxed")
        absent = builder.lake.manifest(TABLES[1], week)
        assert absent.rows == 0
        assert "no weights of 000852.SH" in str(absent.unavailable["weight"])
    parts = builder.lake.read(TABLES[3], WEEKS).collect()
    assert set(parts["portfolio"]) == {"csi500"}
    assert set(parts["week"]) == set(WEEKS[1:])
    assert "no weights" in str(builder.lake.manifest(TABLES[3], WEEKS[-1]).unavailable["csi1000"])
    assert abs(builder.lake.manifest(TABLES[3], WEEKS[-1]).notes["csi500"]["gap"]) < 1e-12
    returns = builder.lake.read(TABLES[2], WEEKS).collect()
    assert set(returns["portfolio"]) == {"csi500"}
    assert returns.height == len(DAYS) - len(CALENDAR.week_days(WEEKS[0]))
    assert "no weights" in str(builder.lake.manifest(TABLES[2], WEEKS[-1]).unavailable["csi1000"])


def test_a_backfill_equals_weeks_made_one_by_one(builder: Builder) -> None:
    """Backfilled by the wrapper or made one by one from whole tables: the same weights."""
    own = Market(seed=9)
    for week in WEEKS[:3]:
        made = own.week(week)
        stored = builder.lake.read(TABLES[0], [week]).collect()
        assert stored.equals(made.frame)
        solve = builder.lake.read_file(TABLES[0], week, "solve.parquet")
        assert solve == made.files["solve.parquet"]


@pytest.mark.parametrize("setting", ["covariance", "extra_constraints"])
def test_the_code_of_a_users_own_makes_portfolios_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    desk = f"desk_of_{setting}"  # a package is imported once per process
    package = tmp_path / desk
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "numbers.py").write_text("FIVE = 5\n")
    (package / "risk.py").write_text(f"from {desk}.numbers import FIVE\n\ndef two(symbols, prices): return FIVE\n")
    monkeypatch.syspath_prepend(tmp_path)

    def digests(path: str | None) -> list[str]:
        code_digest.clear_caches()
        value = path if setting == "covariance" else (path,) if path else ()
        settings = SETTINGS.model_copy(update={setting: value})
        lake = Lake(str(tmp_path / "lake"))
        tree = Tree(portfolios=settings)
        zone = LandingZone(tmp_path, lake.store)
        own = Builder(tables={t.name: t for t in TABLES}, lake=lake, zone=zone, calendar=CALENDAR, settings=tree)
        return [own.code_digest(table) for table in TABLES]

    names = [table.name for table in TABLES]
    plain, before = digests(None), digests(f"{desk}.risk:two")
    assert before == digests(f"{desk}.risk:two")
    (package / "numbers.py").write_text("FIVE = 6  # now\n")
    after = digests(f"{desk}.risk:two")
    changed = {name for name, one, other in zip(names, before, after, strict=True) if one != other}
    assert changed == {"csi500_portfolio", "csi1000_portfolio", "portfolio_lines"}
    assert changed == {name for name, one, other in zip(names, plain, before, strict=True) if one != other}
    digests(f"{desk}.nowhere:two")  # an error when it is loaded, not before
