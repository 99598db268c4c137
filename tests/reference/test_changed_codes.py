"""Tests changes of code on daily_prices, securities, indices, styles and daily_features of a random market, day by day.

From the day of the change on, the tables equal those of a market in which the company had the new code from the beginning; before
it, those of a market in which it kept the old code.
"""

import datetime as dt
import io
from pathlib import Path

import polars as pl
import pytest

from assets.factors.assets import styles
from assets.features.assets import daily_features
from assets.reference.assets import TABLES
from resources.builder import Builder
from resources.lake import Lake
from resources.landing import LandingZone
from resources.reasons import describe_column
from resources.reference_tables import REFERENCE
from resources.settings import Settings
from resources.settings.reference import ReferenceSettings
from tests.reference.small_reference import CALENDAR, FIRST, LAST, landed, random_reference

OLD, NEW = "601001.SH", "601990.SH"
DAYS = CALENDAR.days(FIRST, LAST)
SETTINGS = Settings(reference=ReferenceSettings(min_listed_days=20))
CHANGE = DAYS[45]
NEAR = DAYS[40:52]
BUILT = (*TABLES, styles, daily_features)


def renamed(tables: dict[str, pl.DataFrame], since: dt.date, old: str = OLD, new: str = NEW) -> dict[str, pl.DataFrame]:
    """Return the tables as delivered when a stock's code changes on `since`; with dt.date.min it always had the new code."""
    found = {}
    for name, frame in tables.items():
        if "symbol" not in frame.columns:
            found[name] = frame
        elif name == "instruments" and since > dt.date.min:
            own = pl.col("symbol") == old
            ended = frame.with_columns(delist_date=pl.when(own).then(pl.lit(since)).otherwise("delist_date"))
            begun = frame.filter(own).with_columns(symbol=pl.lit(new), list_date=pl.lit(since))
            found[name] = pl.concat([ended, begun])
        else:
            moved = pl.lit(True) if name == "instruments" else pl.col(REFERENCE[name].known) >= since
            now = pl.when(moved).then(pl.col("symbol").replace({old: new})).otherwise("symbol")
            found[name] = frame.with_columns(symbol=now)
    return found


def change(*rows: tuple, **columns: list) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["old", "new", "date"], orient="row").with_columns(
        pl.Series(name, values) for name, values in columns.items()
    )


def build(root: Path, tables: dict[str, pl.DataFrame], days: list[dt.date] = NEAR, *, windows: bool = True) -> Builder:
    """Build the tables; windows: also those that look back, and the days in their look-backs."""
    zone_root = landed(root / "market", tables).root
    (zone_root / "bars").mkdir(exist_ok=True)
    pl.DataFrame({"symbol": ["600000.SH"], "minute": [570], "close": [10.0]}).write_parquet(
        zone_root / "bars" / f"{DAYS[0]:%Y%m%d}.parquet"
    )
    lake = Lake(str(root / "lake"))
    zone = LandingZone(zone_root, lake.store)
    builder = Builder(
        tables={table.name: table for table in BUILT}, lake=lake, zone=zone, calendar=CALENDAR, settings=SETTINGS
    )
    for table in BUILT if windows else TABLES:
        builder.build(table, [day for day in DAYS if day <= days[-1]] if windows and table in TABLES else days)
    return builder


def rows(builder: Builder, name: str, day: dt.date) -> pl.DataFrame:
    path = f"{builder.lake.store.url}/{builder.lake.folder(builder.tables[name], day)}/part.parquet"
    return pl.read_parquet(path)


def assert_joined(found: Builder, always: Builder, never: Builder, since: dt.date, days: list[dt.date] = NEAR) -> None:
    for table in BUILT:
        for day in days:
            expected = rows(always if day >= since else never, table.name, day)
            assert rows(found, table.name, day).equals(expected), (table.name, day)
            verdicts = found.lake.manifest(table, day).checks
            assert all(verdict.passed for verdict in verdicts.values() if verdict.critical), verdicts


@pytest.fixture(scope="module")
def market() -> dict[str, pl.DataFrame]:
    tables = random_reference(seed=4)
    members = tables["index_weights"].filter(pl.col("date") < CHANGE, pl.col("index") == "000905.SH")
    members = members.filter(pl.col("date") == pl.col("date").max())["symbol"]
    if OLD not in members:  # it must be a member in the vector in force on the day of the change
        swapped = pl.col("symbol").replace({members[0]: OLD, OLD: members[0]})
        tables["index_weights"] = tables["index_weights"].with_columns(symbol=swapped)
    return tables


@pytest.fixture(scope="module")
def never(market: dict[str, pl.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> Builder:
    return build(tmp_path_factory.mktemp("never"), market)


@pytest.fixture(scope="module")
def always(market: dict[str, pl.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> Builder:
    return build(tmp_path_factory.mktemp("always"), renamed(market, dt.date.min))


@pytest.mark.slow
def test_a_declared_change_joins_the_history(market, always: Builder, never: Builder, tmp_path: Path) -> None:
    tables = renamed(market, CHANGE) | {"code_changes": change((OLD, NEW, CHANGE))}
    found = build(tmp_path, tables)
    assert_joined(found, always, never, CHANGE)
    before = DAYS[44]
    listed = {
        day: dict(rows(found, "securities", day).select("symbol", "listed_days").iter_rows())
        for day in (before, CHANGE)
    }
    assert listed[CHANGE][NEW] == listed[before][OLD] + 1
    assert OLD not in listed[CHANGE]
    vector = rows(found, "indices", CHANGE).filter(pl.col("published_date") < CHANGE)
    assert NEW in vector["symbol"]
    assert OLD not in vector["symbol"]


@pytest.mark.slow
def test_a_change_while_the_stock_is_suspended(market, tmp_path: Path) -> None:
    """The stock has no row for five days before and after the change, so its last close is under the old code."""
    away = pl.col("date").is_between(DAYS[40], DAYS[50]) & (pl.col("symbol") == OLD)
    market = market | {"daily_prices": market["daily_prices"].filter(~away)}
    days = DAYS[43:52]
    found = build(tmp_path / "a", renamed(market, CHANGE) | {"code_changes": change((OLD, NEW, CHANGE))})
    worlds = [build(tmp_path / name, tables) for name, tables in (("b", renamed(market, dt.date.min)), ("c", market))]
    assert_joined(found, *worlds, CHANGE, days)
    suspended = rows(found, "securities", DAYS[47]).filter(pl.col("symbol") == NEW)
    last = market["daily_prices"].filter(pl.col("symbol") == OLD, pl.col("date") < CHANGE).sort("date")
    assert suspended["last_close"].item() == last["close"][-1]
    assert not suspended["traded"].item()


@pytest.mark.slow
def test_a_chain_of_changes(market, always: Builder, never: Builder, tmp_path: Path) -> None:
    between, first = "601500.SH", DAYS[25]
    tables = renamed(renamed(market, first, OLD, between), CHANGE, between, NEW)
    found = build(tmp_path, tables | {"code_changes": change((OLD, between, first), (between, NEW, CHANGE))})
    days = DAYS[45:52]
    assert_joined(found, always, never, CHANGE, days)


@pytest.mark.slow
def test_lists_that_keep_the_old_code_after_the_change(market, always: Builder, never: Builder, tmp_path: Path) -> None:
    """Weights, industries and announcements under the company's former code are attributed to the company."""
    tables = renamed(market, CHANGE)
    kept = {name: market[name] for name in ("index_weights", "industries", "fundamentals")}
    found = build(tmp_path, tables | kept | {"code_changes": change((OLD, NEW, CHANGE))})
    assert_joined(found, always, never, CHANGE)


def test_instruments_with_only_the_new_code_are_compared_with_trades_of_the_old_one(market, tmp_path: Path) -> None:
    """The list_date is the day of the change; listed_days would begin there, although the stock traded before."""
    tables = renamed(market, CHANGE) | {"code_changes": change((OLD, NEW, CHANGE))}
    tables["instruments"] = tables["instruments"].filter(pl.col("symbol") != OLD)
    found = build(tmp_path, tables, [CHANGE], windows=False)
    row = rows(found, "securities", CHANGE).filter(symbol=NEW)
    assert row["listed_days"].item() is None
    assert not row["in_universe"].item()
    aside = pl.read_parquet(Path(f"{found.lake.store.url}/securities/date={CHANGE}/set_aside.parquet")).filter(
        symbol=NEW
    )
    first = market["daily_prices"].filter(pl.col("symbol") == OLD)["date"].min()
    assert (
        f"list_date is {CHANGE}, and daily_prices has trades of it from {first} on"
        in describe_column(aside["reason"])[0]
    )


def failed(builder: Builder, table: str, day: dt.date) -> dict[str, str]:
    """Return the details of the checks of a partition that failed without refusing it, by check."""
    verdicts = builder.lake.manifest(builder.tables[table], day).checks
    assert not any(verdict.refuses for verdict in verdicts.values())
    return {name: verdict.text() for name, verdict in verdicts.items() if not verdict.passed}


def test_a_declared_change_is_named_in_the_notes(market, tmp_path: Path) -> None:
    tables = renamed(market, CHANGE) | {"code_changes": change((OLD, NEW, CHANGE), ("603999.SH", "603998.SH", CHANGE))}
    found = build(tmp_path, tables, DAYS[44:47], windows=False)
    notes = {day: found.lake.manifest(found.tables["securities"], day).notes.get("code_changes") for day in DAYS[44:47]}
    assert notes == {DAYS[44]: None, CHANGE: [f"{OLD} → {NEW}, {CHANGE}"], DAYS[46]: [f"{OLD} → {NEW}, {CHANGE}"]}
    assert "code_changes_take_part" not in failed(found, "daily_prices", DAYS[46])


def test_an_old_code_that_never_traded_is_reported(market, tmp_path: Path) -> None:
    wrong = "601130.SH"
    tables = renamed(market, CHANGE) | {"code_changes": change((wrong, NEW, CHANGE))}
    found = build(tmp_path / "wrong", tables, DAYS[44:48], windows=False)
    assert "code_changes_take_part" not in failed(found, "daily_prices", DAYS[44])
    for day in DAYS[45:48]:
        message = failed(found, "daily_prices", day)["code_changes_take_part"]
        assert (
            f"old = {wrong}, new = {NEW}, date = {CHANGE}: {wrong} trades on no day of daily_prices, and {NEW} trades from {CHANGE}"
            in message
        )
    # Where the table begins after the change, it cannot contain the old code.
    later = tables | {"daily_prices": tables["daily_prices"].filter(pl.col("date") >= CHANGE)}
    found = build(tmp_path / "later", later, [DAYS[47]], windows=False)
    assert "code_changes_take_part" not in failed(found, "daily_prices", DAYS[47])


def test_a_change_into_a_wrong_code_is_reported_in_the_delivered_codes(market, tmp_path: Path) -> None:
    never_traded = "601998.SH"
    tables = renamed(market, CHANGE) | {"code_changes": change((OLD, never_traded, CHANGE))}
    found = build(tmp_path, tables, [CHANGE], windows=False)
    message = failed(found, "daily_prices", CHANGE)["changed_codes_declared"]
    assert f"{OLD} last traded on" in message
    assert f"reference/code_changes declares that {OLD} became {never_traded}, which has not traded since" in message
    assert f"Correct that row (old = {OLD}, new = {NEW}, date = {CHANGE})" in message
    assert f"old = {never_traded}" not in message


def test_a_price_under_a_code_that_was_changed_is_set_aside(market, tmp_path: Path) -> None:
    tables = renamed(market, CHANGE)
    late = market["daily_prices"].filter(pl.col("symbol") == OLD, pl.col("date") == DAYS[50])
    assert late.height == 1
    tables["daily_prices"] = pl.concat([tables["daily_prices"], late])
    found = build(tmp_path, tables | {"code_changes": change((OLD, NEW, CHANGE))}, DAYS[49:52], windows=False)
    aside = pl.read_parquet(
        io.BytesIO(Path(f"{found.lake.store.url}/daily_prices/date={DAYS[50]}/set_aside.parquet").read_bytes())
    ).filter(pl.col("symbol") == OLD)
    assert f"the code was changed to {NEW} on {CHANGE}" in describe_column(aside["reason"]).item()
    assert OLD not in rows(found, "daily_prices", DAYS[50])["symbol"]
    assert NEW in rows(found, "daily_prices", DAYS[50])["symbol"]


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        (change((OLD, "601006.SH", CHANGE)), "601006.SH traded under that code before the change, first on"),
        (
            change((OLD, NEW, DAYS[48])),
            f"{NEW} traded under that code before the change, first on {CHANGE}, when {OLD} no longer traded: the date {DAYS[48]} "
            f"is too late, the change is dated {CHANGE} or before",
        ),
        (
            change((OLD, NEW, DAYS[44])),
            f"of the days from the date {DAYS[44]} on, last on {DAYS[44]}: the date is too early. It is the first day without {OLD}, the trading day "
            f"after {DAYS[44]} or later",
        ),
        (change((OLD, "601006.SH", DAYS[43]), merger=[True]), f"{OLD} still traded under that code on "),
        (change((OLD, NEW, CHANGE), ratio=[0.0]), "ratio is not a number above 0"),
        (change((OLD, NEW, CHANGE), ratio=[-1.0]), "ratio is not a number above 0"),
        (change((OLD, NEW, CHANGE), (OLD, "601991.SH", CHANGE)), "continued as more than one code"),
        (change((OLD, OLD, CHANGE)), "old and new are the same code"),
    ],
)
def test_a_change_that_cannot_be_used_refuses_the_days_from_its_date_on(
    market, declared: pl.DataFrame, expected: str, tmp_path: Path
) -> None:
    date = declared["date"][0]
    days = sorted({DAYS[42], DAYS[44], CALENDAR.previous_day(date), date, DAYS[60]})
    found = build(tmp_path, renamed(market, CHANGE) | {"code_changes": declared}, days, windows=False)
    prices = found.tables["daily_prices"]
    for day in days:
        refused = found.lake.manifest(prices, day).refusals
        assert set(refused) == ({"code_changes_usable"} if day >= date else set())
        assert day < date or expected in refused["code_changes_usable"].text()


@pytest.mark.slow
def test_no_window_is_made_from_a_change_that_is_dated_too_late(market, tmp_path: Path) -> None:
    """daily_features, which reads only daily_prices, is not built from the date of the change on.

    It would otherwise count the days on which the new code traded before as suspended.
    """
    late = DAYS[48]
    found = build(tmp_path, renamed(market, CHANGE) | {"code_changes": change((OLD, NEW, late))})
    features = found.tables["daily_features"]
    built = {day for day in NEAR if found.lake.manifest(features, day) is not None}
    assert built == {day for day in NEAR if day < late}


@pytest.mark.slow
def test_a_change_of_a_stock_outside_the_market_is_no_fault(market, never: Builder, tmp_path: Path) -> None:
    found = build(
        tmp_path, market | {"code_changes": change(("603999.SH", "603998.SH", CHANGE))}, DAYS[44:47], windows=False
    )
    for day in DAYS[44:47]:
        assert rows(found, "securities", day).equals(rows(never, "securities", day))
        manifest = found.lake.manifest(found.tables["daily_prices"], day)
        assert not manifest.refusals
        message = manifest.notes.get("set_aside", {}).get("code_changes")
        assert (message is None) == (day < CHANGE)


def test_the_absorbed_stock_of_a_merger_is_no_longer_listed(market, never: Builder, tmp_path: Path) -> None:
    """The prices of the absorbed stock end; the other stock keeps its history, its listing and its figures bit for bit."""
    into = "601006.SH"
    tables = dict(market)
    tables["daily_prices"] = market["daily_prices"].filter((pl.col("symbol") != OLD) | (pl.col("date") < CHANGE))
    found = build(
        tmp_path, tables | {"code_changes": change((OLD, into, CHANGE), ratio=[0.8])}, DAYS[44:47], windows=False
    )
    for day in DAYS[45:47]:
        own = rows(found, "securities", day)
        assert OLD not in own["symbol"]
        expected = rows(never, "securities", day).filter(pl.col("symbol") != OLD)
        assert own.equals(expected)
        assert rows(found, "indices", day).equals(rows(never, "indices", day))
