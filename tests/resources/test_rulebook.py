"""The rulebook: the rules in force on a day, rules that a user adds, and the partitions that a new rule makes stale."""

import datetime as dt
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.plan import make_plan
from orchestration.platform import PROFILES
from orchestration.tables import load_tables
from resources.builder import Builder
from resources.calendar import Calendar
from resources.errors import SettingsError
from resources.lake import Lake
from resources.landing import LandingZone
from resources.made import Made
from resources.partition import Frames, Partition
from resources.rulebook import Rulebook, age_in_days, describe_idle_rules, describe_rulebook, limit_cents
from resources.settings.load import load_profile
from resources.settings.rulebook import A_SHARES, KINDS, Fee, PriceLimit, RulebookSettings
from resources.stale import SETTINGS_CHANGED
from tests.resources import fake_tables
from tests.resources.fake_tables import AVERAGES, PRICES, TOTALS, FakeSettings
from tests.resources.small_market import DAYS, WEEKS

CALENDAR = Calendar.xshg()


class Tree(FakeSettings):
    rulebook: RulebookSettings = RulebookSettings()


# --- what holds on a day --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "boards"),
    [
        ((2019, 7, 19), ()),
        ((2019, 7, 22), ("star",)),
        ((2020, 8, 21), ("star",)),
        ((2020, 8, 24), ("star", "chinext")),
        ((2026, 7, 3), ("star", "chinext")),
        ((2026, 7, 6), A_SHARES),
    ],
)
def test_boards_that_trade_after_hours(day: tuple[int, int, int], boards: tuple[str, ...]) -> None:
    assert Rulebook.on(dt.date(*day)).after_hours_boards() == boards


def test_closing_auctions_lots_and_fees() -> None:
    before, after = Rulebook.on(dt.date(2018, 8, 17)), Rulebook.on(dt.date(2018, 8, 20))
    assert [before.has_closing_auction(exchange) for exchange in ("SH", "SZ")] == [False, True]
    assert [after.has_closing_auction(exchange) for exchange in ("SH", "SZ")] == [True, True]
    assert not Rulebook.on(dt.date(2006, 6, 30)).has_closing_auction("SZ")
    rules = Rulebook.on(dt.date(2023, 8, 25))
    sizes = {board: (rules.lot(board).least, rules.lot(board).step) for board in A_SHARES}
    assert sizes == {"main_sh": (100, 100), "main_sz": (100, 100), "star": (200, 1), "chinext": (100, 100)}
    assert rules.costs() == pytest.approx((0.00025, 0.00125))
    assert Rulebook.on(dt.date(2023, 8, 28)).costs() == pytest.approx((0.00025, 0.00075))
    with pytest.raises(SettingsError, match=r"rulebook\.lots has no row for star in force on 2018-08-20"):
        after.lot("star")
    with pytest.raises(SettingsError, match=r"rulebook\.fees has no row in force on 2008-09-18"):
        Rulebook.on(dt.date(2008, 9, 18)).costs()


def test_a_fee_on_one_side_and_a_later_rate() -> None:
    levy = Fee(name="levy", since=dt.date(2024, 1, 2), rate=0.01, sides="buys", source="a test", additional=True)
    lower = Fee(name="commission", since=dt.date(2024, 7, 1), rate=0.0002, source="a test")
    table = RulebookSettings(fees=(lower, levy, *RulebookSettings().fees))
    assert Rulebook.on(dt.date(2024, 6, 28), table).costs() == pytest.approx((0.01025, 0.00075))
    assert Rulebook.on(dt.date(2024, 7, 1), table).costs() == pytest.approx((0.0102, 0.0007))


@pytest.mark.parametrize("name", ["stamp_dutty", "Stamp_Duty", "stamp duty", "commision", "commission ", "levy"])
def test_a_fee_under_a_name_that_is_none_of_the_shipped_ones_is_refused(name: str) -> None:
    row = Fee(name=name, since=dt.date(2024, 1, 2), rate=0.0005, sides="sells", source="a test")
    with pytest.raises(ValueError, match=r"would be charged in addition to them.*additional = true") as error:
        RulebookSettings(fees=(*RulebookSettings().fees, row))
    assert ("did you mean" in str(error.value)) == (name != "levy")
    more = row.model_copy(update={"additional": True})
    rules = Rulebook.on(dt.date(2024, 1, 2), RulebookSettings(fees=(*RulebookSettings().fees, more)))
    assert rules.costs() == pytest.approx((0.00025, 0.00075 + 0.0005))


def test_an_undeclared_kind_cannot_be_read() -> None:
    rules = Rulebook.on(dt.date(2024, 1, 2), kinds=("boards",))
    assert rules.boards_of(["600000.SH"]) == ["main_sh"]
    with pytest.raises(KeyError, match="does not declare rules of the kind 'lots'"):
        rules.lot("star")


@given(st.dates(dt.date(1990, 1, 1), dt.date(2030, 12, 31)), st.sampled_from(KINDS))
def test_only_rules_of_the_past_are_in_force(day: dt.date, kind: str) -> None:
    rows = Rulebook.on(day).rows(kind)
    assert set(rows) == {row for row in getattr(RulebookSettings(), kind) if row.since <= day}
    assert [row.since for row in rows] == sorted(row.since for row in rows)


@given(st.integers(1, 500_000), st.sampled_from([5, 10, 20, 30]))
def test_limits_in_cents_are_symmetric_and_a_tick_away(cents: int, percent: int) -> None:
    up, down = limit_cents(cents, percent, percent)
    assert up > cents
    assert 1 <= down <= cents
    assert down < cents or cents == 1
    assert abs(up - cents * (100 + percent) / 100) <= 1
    assert abs(down - cents * (100 - percent) / 100) <= 1


def test_a_code_belongs_to_one_board() -> None:
    row = RulebookSettings().boards[0].model_copy(update={"board": "star", "first": 605_000, "last": 605_999})
    with pytest.raises(ValueError, match=r"star 605000–605999\.SH overlaps main_sh 600000–609999\.SH"):
        RulebookSettings(boards=(*RulebookSettings().boards, row))
    with pytest.raises(ValueError, match="is below first"):
        RulebookSettings(boards=({**row.model_dump(), "last": 5},))


# --- a user adds a rule ---------------------------------------------------------------------------------------------------

ADDED = """
[[rulebook.price_limits]]
since = 2027-01-04
boards = ["star"]
percent = 30
st_percent = 30
source = "SSE, a notice of 2026"
"""


def test_rows_of_a_settings_file_are_added(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(f'[profile]\nextends = "production"\n{ADDED}', "utf-8")
    profile = load_profile(str(file), PROFILES, {})
    shipped, own = RulebookSettings(), profile.settings.rulebook
    assert own.price_limits[:-1] == shipped.price_limits
    assert own.price_limits[-1] == PriceLimit(
        since=dt.date(2027, 1, 4), boards=("star",), percent=30, st_percent=30, source="SSE, a notice of 2026"
    )
    assert all(getattr(own, kind) == getattr(shipped, kind) for kind in KINDS if kind != "price_limits")
    assert profile.differences() == []  # which rules count depends on the day


def test_rows_of_files_that_extend_each_other_and_of_the_environment_all_count(tmp_path: Path) -> None:
    first, second = tmp_path / "first.toml", tmp_path / "second.toml"
    first.write_text(ADDED, "utf-8")
    second.write_text(f'[profile]\nextends = "{first}"\n{ADDED.replace("2027", "2028")}', "utf-8")
    variable = '[{"since": "2029-01-02", "boards": ["star"], "percent": 9, "st_percent": 9, "source": "x"}]'
    profile = load_profile(str(second), PROFILES, {"ZHOUBAO__RULEBOOK__PRICE_LIMITS": variable})
    assert [row.since.year for row in profile.settings.rulebook.price_limits[-3:]] == [2027, 2028, 2029]


def test_a_later_row_of_the_same_day_replaces_a_shipped_one() -> None:
    row = PriceLimit(since=dt.date(2026, 7, 6), boards=("main_sh",), percent=10, st_percent=7, source="a test")
    table = RulebookSettings(price_limits=(*RulebookSettings().price_limits, row))
    up, _ = Rulebook.on(dt.date(2026, 7, 6), table).limit_percents()
    names = pl.DataFrame({"board": ["main_sh", "main_sz"], "is_st": [True, True], "listed_days": [900, 900]})
    names = names.with_columns(list_date=pl.lit(dt.date(2000, 1, 4)), delisting_day=pl.lit(None, pl.Int32))
    assert names.select(up=up)["up"].to_list() == [7, 10]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('boards = ["mian_sh"]', "boards"),
        ("percent = 0", "percent"),
        ('source = ""', "source"),
        ("since = 12-01-04", "since"),
    ],
)
def test_an_impossible_rule_is_an_error_that_names_it(line: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    key = line.split(" ")[0]
    text = "\n".join(line if old.startswith(f"{key} ") else old for old in ADDED.splitlines())
    file.write_text(text.replace("since = 12-01-04", 'since = "0012-01-04"'), "utf-8")
    with pytest.raises(SettingsError, match=rf"rulebook\.price_limits: .*{message}"):
        load_profile(str(file), PROFILES, {})


# --- what a rule makes stale ----------------------------------------------------------------------------------------------


def make_ruled_averages(frames: Frames, partition: Partition, settings: fake_tables.AverageSettings) -> Made:
    assert partition.rules.date == partition.date
    partition.rules.rows("price_limits")
    return fake_tables.make_averages(frames, partition, settings)


def make_ruled_totals(frames: Frames, partition: Partition, settings: None) -> Made:
    assert partition.rules.date == CALENDAR.signal_day(partition.week)
    return fake_tables.make_totals(frames, partition, settings)


RULED = {
    "prices": PRICES,
    "averages": replace(AVERAGES, rules=("price_limits",), make="tests.resources.test_rulebook:make_ruled_averages"),
    "totals": replace(TOTALS, rules=("fees",), make="tests.resources.test_rulebook:make_ruled_totals"),
}


def world(market: Path, rules: RulebookSettings) -> Builder:
    store = Lake(str(market.parent / "lake"))
    return Builder(
        tables=RULED,
        lake=store,
        zone=LandingZone(market, store.store),
        calendar=CALENDAR,
        settings=Tree(rulebook=rules),
    )


def stale(market: Path, **added: tuple) -> list[tuple[str, dt.date]]:
    shipped = RulebookSettings()
    rules = RulebookSettings(**{kind: (*getattr(shipped, kind), *rows) for kind, rows in added.items()})
    plan = make_plan(world(market, rules), [("totals", week) for week in WEEKS])
    return [(step.table.name, step.key) for step in plan.steps if step.reason.code == SETTINGS_CHANGED.name]


def test_a_rule_makes_stale_the_days_in_force_of_tables_that_read_its_kind(market: Path) -> None:
    builder = world(market, RulebookSettings())
    for table in RULED.values():
        keys = [step.key for step in make_plan(builder, [("totals", WEEKS[-1])]).steps if step.table is table]
        assert all(outcome.state == "built" for outcome in builder.build(table, keys))
    assert stale(market) == []

    def limit(day: dt.date) -> PriceLimit:
        return PriceLimit(since=day, boards=("star",), percent=30, st_percent=30, source="a test")

    def fee(day: dt.date) -> Fee:
        return Fee(name="levy", since=day, rate=0.001, source="a test", additional=True)

    later = dt.date(2027, 1, 4)
    assert stale(market, price_limits=(limit(later),), fees=(fee(later),)) == []
    inside = DAYS[6]  # a Wednesday
    assert stale(market, price_limits=(limit(inside),)) == [("averages", day) for day in DAYS[6:]]
    weeks = [week for week in WEEKS if CALENDAR.signal_day(week) >= inside]
    assert stale(market, fees=(fee(inside),)) == [("totals", week) for week in weeks]
    assert stale(market, lots=(RulebookSettings().lots[0].model_copy(update={"since": inside}),)) == []
    reworded = tuple(row.model_copy(update={"source": "in other words"}) for row in RulebookSettings().price_limits)
    assert [
        step.key
        for step in make_plan(world(market, RulebookSettings(price_limits=reworded)), [("totals", WEEKS[-1])]).steps
    ] == []


def test_the_description_of_the_rules_is_that_of_the_week() -> None:
    """Neither a rule dated after its week nor another review of the table makes a report stale."""
    day, shipped = dt.date(2023, 11, 24), RulebookSettings()
    later = PriceLimit(since=dt.date(2027, 1, 4), boards=("star",), percent=30, st_percent=30, source="a test")
    table = RulebookSettings(price_limits=(*shipped.price_limits, later), reviewed=dt.date(2027, 1, 4))
    assert describe_rulebook(table, day) == describe_rulebook(shipped, day)
    described = describe_rulebook(table, dt.date(2027, 1, 8))
    assert described["newest"]["since"] == "2027-01-04"
    assert described["newest"]["kind"] == "price_limits"
    assert [row["percent"] for row in described["added"]] == [30]
    assert describe_rulebook(shipped, day)["added"] == []
    assert describe_rulebook(shipped, day)["newest"]["since"] == "2023-08-28"


def test_an_old_table_is_reported() -> None:
    table = RulebookSettings(reviewed=dt.date(2026, 11, 29))
    assert age_in_days(table, dt.date(2026, 11, 29)) == 0
    assert age_in_days(table, dt.date(2015, 6, 30)) == 0
    last = dt.date(2026, 11, 29) + dt.timedelta(days=400)
    assert describe_rulebook(table, last)["too_old_days"] is None
    assert describe_rulebook(table, last + dt.timedelta(days=1))["too_old_days"] == 401
    newer = PriceLimit(since=dt.date(2027, 12, 1), boards=("star",), percent=30, st_percent=30, source="a test")
    assert age_in_days(RulebookSettings(price_limits=(newer,)), dt.date(2028, 1, 4)) == 34
    # A row that is not in force yet says nothing of what is.
    later = PriceLimit(since=dt.date(2030, 1, 1), boards=("star",), percent=30, st_percent=30, source="a test")
    for until in (last, last + dt.timedelta(days=300)):
        known = RulebookSettings(reviewed=table.reviewed, price_limits=(*table.price_limits, later))
        assert describe_rulebook(known, until) == describe_rulebook(table, until)


def test_tables_declare_kinds_of_rules_that_exist() -> None:
    for table in load_tables().values():
        assert set(table.rules) <= set(KINDS), table.name


def test_rules_without_effect_yet_are_reported() -> None:
    shipped = RulebookSettings()
    limit = PriceLimit(since=dt.date(2027, 1, 4), boards=("star",), percent=30, st_percent=30, source="a test")
    fee = Fee(name="levy", since=dt.date(2024, 1, 2), rate=0.001, source="a test", additional=True)
    table = RulebookSettings(price_limits=(*shipped.price_limits, limit), fees=(*shipped.fees, fee))
    eve = dt.date(2027, 1, 3)
    assert describe_idle_rules(table, eve, dated_fees=True) == [
        "declared and not in force by 2027-01-03: rulebook.price_limits since 2027-01-04 (star)"
    ]
    assert describe_idle_rules(table, limit.since, dated_fees=True) == []
    (line,) = describe_idle_rules(table, limit.since, dated_fees=False)
    assert line.startswith("warning: portfolios.execution.dated_fees is off")
    assert "levy since 2024-01-02" in line
    for day in (eve, dt.date(2000, 1, 1)):
        assert describe_idle_rules(shipped, day, dated_fees=False) == []
    both = describe_idle_rules(table, dt.date(2023, 1, 3), dated_fees=True)
    assert both == [
        "declared and not in force by 2023-01-03: rulebook.fees since 2024-01-02 (levy); rulebook.price_limits since "
        "2027-01-04 (star)"
    ]
