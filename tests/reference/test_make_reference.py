"""Tests one day of daily_prices, securities and indices against plain loops over a random reference landing zone."""

import datetime as dt
import io
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.reference.assets import TABLES, daily_prices, indices, securities
from assets.reference.make_daily_prices import make_daily_prices
from assets.reference.make_indices import make_indices
from assets.reference.make_securities import make_securities
from assets.reference.reasons import NO_ROW_OF_DAY, NO_WEIGHTS_YET, NOT_ABOVE_0, NOT_DELIVERED
from resources.gate import Verdict, judge
from resources.landing import LandingZone
from resources.made import Made
from resources.reasons import Reason, describe_column, put_into_words
from resources.rulebook import A_SHARES, Rulebook, limit_cents
from resources.settings.reference import ReferenceSettings
from resources.settings.rulebook import ListingLimit, RulebookSettings
from resources.values import ROUNDED_DIGITS
from tests.making import run_make
from tests.reference.small_reference import CALENDAR, FIRST, LAST, cut_after, landed, noise_after, random_reference

SETTINGS = ReferenceSettings(min_listed_days=20, max_st_share=0.45)  # the random stocks are often ST
DAYS = CALENDAR.days(FIRST, LAST)
SOME_DAYS = [DAYS[0], DAYS[19], DAYS[45], DAYS[-1]]


def made(zone: LandingZone, day: dt.date, settings: ReferenceSettings = SETTINGS) -> dict[str, Made]:
    """Make the three tables of one day."""
    prices = run_make(
        make_daily_prices, date=day, landing=zone.view(day, daily_prices.lands), calendar=CALENDAR, settings=settings
    )
    names = run_make(
        make_securities,
        date=day,
        daily_prices=prices.frame,
        landing=zone.view(day, securities.lands),
        calendar=CALENDAR,
        settings=settings,
        unavailable={"daily_prices": prices.unavailable},
    )
    return {
        "daily_prices": prices,
        "securities": names,
        "indices": run_make(
            make_indices,
            date=day,
            daily_prices=prices.frame,
            landing=zone.view(day, indices.lands),
            calendar=CALENDAR,
            settings=settings,
        ),
    }


@pytest.fixture(scope="module")
def tables() -> dict[str, pl.DataFrame]:
    return random_reference(seed=1)


@pytest.fixture(scope="module")
def zone(tables: dict[str, pl.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> LandingZone:
    return landed(tmp_path_factory.mktemp("market"), tables)


def last(rows: list[dict[str, Any]], key: str) -> dict[str, Any] | None:
    return max(rows, key=lambda row: row[key], default=None)


def plain_securities(tables: dict[str, pl.DataFrame], day: dt.date) -> list[dict[str, Any]]:
    def known(name: str, symbol: str, key: str) -> list[dict[str, Any]]:
        return [row for row in tables[name].filter(symbol=symbol).iter_rows(named=True) if row[key] and row[key] <= day]

    result = []
    for name in tables["instruments"].sort("symbol").iter_rows(named=True):
        symbol, delisted = name["symbol"], name["delist_date"]
        prices = known("daily_prices", symbol, "date")
        traded = any(row["date"] == day for row in prices)
        if name["list_date"] > day or (delisted and delisted <= day and not traded):
            continue
        shown = last(prices, "date") or {}
        industry = last(known("industries", symbol, "start_date"), "start_date")
        nth = len(CALENDAR.days(name["list_date"], day))
        result.append(
            {
                "symbol": symbol,
                "listed_days": nth,
                "is_st": shown.get("is_st"),
                "traded": traded,
                "industry": industry["industry"] if industry else "unknown",
                "last_close": shown.get("close"),
                "total_mv": shown["close"] * shown["total_shares"] if shown else None,
                "float_mv": shown["close"] * shown["float_shares"] if shown else None,
                "in_universe": bool(traded and not shown["is_st"] and nth >= SETTINGS.min_listed_days),
            }
        )
    return result


@pytest.mark.parametrize("day", SOME_DAYS)
def test_securities_equal_plain_loops(zone: LandingZone, tables: dict[str, pl.DataFrame], day: dt.date) -> None:
    frame = made(zone, day)["securities"].frame
    assert frame.schema == pl.Schema(securities.schema)
    expected = plain_securities(tables, day)
    assert frame.select(list(expected[0])).to_dicts() == expected
    assert set(frame["board"]) <= {"main_sh", "main_sz", "chinext"}


def test_the_random_zone_contains_every_event(zone: LandingZone, tables: dict[str, pl.DataFrame]) -> None:
    last_day = made(zone, DAYS[-1])["securities"].frame
    assert 0 < last_day["traded"].sum() < last_day.height < tables["instruments"].height
    assert last_day["is_st"].any()
    assert (last_day["industry"] == "unknown").any()
    assert (last_day["equity"] < 0).any()
    young = pl.col("traded") & ~pl.col("is_st") & ~pl.col("in_universe")
    assert any(made(zone, day)["securities"].frame.filter(young).height for day in SOME_DAYS)


@pytest.mark.parametrize("day", SOME_DAYS)
def test_daily_prices_are_the_delivered_rows(zone: LandingZone, tables: dict[str, pl.DataFrame], day: dt.date) -> None:
    frame = made(zone, day)["daily_prices"].frame
    assert frame.schema == pl.Schema(daily_prices.schema)
    delivered = tables["daily_prices"].filter(date=day)
    assert_frame_equal(frame.select(delivered.columns), delivered, check_row_order=False)
    assert frame["vwap"].to_list() == (frame["amount"] / frame["volume"]).to_list()
    listed = dict(tables["instruments"].select("symbol", "list_date").iter_rows())
    for row in frame.iter_rows(named=True):
        up = 44 if listed[row["symbol"]] == day else 5 if row["is_st"] and row["symbol"][:2] != "30" else 10
        assert row["limit_up"] == (round(row["pre_close"] * 100) * (100 + up) + 50) // 100 / 100


def test_delivered_limits_take_precedence(tables: dict[str, pl.DataFrame], tmp_path: Path) -> None:
    """They do where the rulebook has their percentage for some board: here 5 % on a stock that is not ST."""
    plain = made(landed(tmp_path / "plain", tables), DAYS[50])["daily_prices"].frame
    name = plain.filter(~pl.col("is_st"))["symbol"][3]
    five = pl.when(pl.col("symbol") == name).then((pl.col("pre_close") * 1.05 + 1e-9).round(2))
    prices = tables["daily_prices"].with_columns(limit_up=five, limit_down=pl.lit(0.0))
    frame = made(landed(tmp_path / "one", tables | {"daily_prices": prices}), DAYS[50])["daily_prices"].frame
    row = frame.row(by_predicate=pl.col("symbol") == name, named=True)
    assert row["limit_up"] == pytest.approx(row["pre_close"] * 1.05, abs=0.0051)
    assert frame.filter(pl.col("symbol") != name).equals(plain.filter(pl.col("symbol") != name))
    assert (frame["limit_down"] > 0).all()


def with_limits(tables: dict[str, pl.DataFrame], none: pl.Expr, stand_in: float = 0.0) -> dict[str, pl.DataFrame]:
    """Deliver limits a cent inside the rule's for every stock, and the placeholder for no limit where the expression is true."""
    percent = pl.when(pl.col("is_st") & ~pl.col("symbol").str.starts_with("30")).then(5).otherwise(10)
    up, down = limit_cents((pl.col("pre_close") * 100).round().cast(pl.Int64), percent, percent)
    prices = tables["daily_prices"].with_columns(
        limit_up=pl.when(none).then(stand_in).otherwise(((up - 1) / 100).round(2)),
        limit_down=pl.when(none).then(0.0).otherwise(((down + 1) / 100).round(2)),
    )
    return tables | {"daily_prices": prices}


def limits_filled(found: Made, day: dt.date) -> Verdict:
    return judge(daily_prices.checks, {day: found.profile}, {day: found.unavailable})[day]["limits_filled"]


@pytest.mark.parametrize("stand_in", [0.0, 99_999.99])
@pytest.mark.parametrize("part", ["SZ", "SH"])
def test_limits_filled_for_one_exchange_leave_the_rule_to_the_other(
    tables: dict[str, pl.DataFrame], tmp_path: Path, part: str, stand_in: float
) -> None:
    day, own = DAYS[50], pl.col("symbol").str.ends_with(part)
    by_rule = made(landed(tmp_path / "rule", tables), day)["daily_prices"].frame.filter(own)
    found = made(landed(tmp_path / "half", with_limits(tables, own, stand_in)), day)["daily_prices"]
    assert by_rule["limit_up"].count() > 5
    assert found.frame.filter(own).equals(by_rule)
    others = found.frame.filter(~own)
    delivered = with_limits(tables, own, stand_in)["daily_prices"].filter(date=day)
    want = others.select("symbol").join(delivered, on="symbol", maintain_order="left")
    assert others["limit_up"].equals(want["limit_up"])
    verdict = limits_filled(found, day)
    assert not verdict.passed
    assert not verdict.critical
    assert f"limit_up of {by_rule['limit_up'].count()} of {found.frame.height} stocks" in put_into_words(
        found.notes["limits"]
    )


def test_few_stocks_without_a_limit_and_new_listings_have_none(tables: dict[str, pl.DataFrame], tmp_path: Path) -> None:
    day = DAYS[50]
    some = made(landed(tmp_path / "plain", tables), day)["daily_prices"].frame["symbol"].to_list()
    for count, settings in ((1, SETTINGS), (2, SETTINGS), (5, ReferenceSettings(always_unlimited=5))):
        zone = landed(tmp_path / str(count), with_limits(tables, pl.col("symbol").is_in(some[:count])))
        found = made(zone, day, settings)["daily_prices"]
        assert found.frame.filter(pl.col("limit_up").is_null())["symbol"].to_list() == some[:count]
        assert limits_filled(found, day).passed
    # Nine stocks list on the day and have no limit by the rule or the columns.
    listed = dt.date(2010, 1, 4)
    new = tables["instruments"].with_columns(
        list_date=pl.when(pl.col("symbol").is_in(some[:9])).then(day).otherwise(listed),
        delist_date=pl.lit(None, pl.Date),
    )
    rules = Rulebook.on(day, RulebookSettings(listing_limits=(
        ListingLimit(since=dt.date(2014, 1, 2), source="a test", boards=A_SHARES, days=5),
    )))  # fmt: skip
    changed = with_limits(tables, pl.col("symbol").is_in(some[:9])) | {"instruments": new}
    changed["daily_prices"] = changed["daily_prices"].filter(
        ~pl.col("symbol").is_in(some[:9]) | (pl.col("date") >= day)
    )
    zone = landed(tmp_path / "new", changed)
    found = run_make(
        make_daily_prices,
        date=day,
        landing=zone.view(day, daily_prices.lands),
        calendar=CALENDAR,
        settings=SETTINGS,
        rules=rules,
    )
    assert found.frame.filter(pl.col("limit_up").is_null())["symbol"].to_list() == some[:9]
    assert limits_filled(found, day).passed


def test_half_filled_limits_without_listing_days_are_a_failing_check(
    tables: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    """The limits of the rule are then unknown."""
    changed = with_limits(tables, pl.col("symbol").str.ends_with("SZ"))
    found = made(landed(tmp_path, changed, leave_out=("instruments",)), DAYS[50])["daily_prices"]
    assert not limits_filled(found, DAYS[50]).passed
    assert found.frame.filter(pl.col("symbol").str.ends_with("SZ"))["limit_up"].null_count() > 10


@pytest.mark.parametrize("day", SOME_DAYS)
def test_indices_are_the_latest_vectors(zone: LandingZone, tables: dict[str, pl.DataFrame], day: dt.date) -> None:
    result = made(zone, day)["indices"]
    assert result.frame.schema == pl.Schema(indices.schema)
    expected = []
    for index in ("000852.SH", "000905.SH"):
        own = tables["index_weights"].filter((pl.col("index") == index) & (pl.col("date") <= day))
        close = tables["index_prices"].filter((pl.col("index") == index) & (pl.col("date") == day))["close"][0]
        if own.is_empty():
            expected.append((day, index, None, None, None, close))
            assert result.notes[index]["members"] == 0
            continue
        published = own["date"].max()
        vector = own.filter(date=published).sort("symbol")
        expected += [(day, index, symbol, weight, published, close) for _, _, symbol, weight in vector.iter_rows()]
        assert result.notes[index]["weight_sum"] == pytest.approx(sum(vector["weight"]))
    assert result.frame.rows() == expected


def test_a_suspended_stock_keeps_its_last_figures_of_any_age(tables: dict[str, pl.DataFrame], tmp_path: Path) -> None:
    symbol = "000002.SZ"
    row = tables["daily_prices"].filter(pl.col("symbol") == symbol).head(1)
    for years, name in ((1, "one"), (6, "six")):
        long_ago = dt.date(2015 - years, 3, 2)
        prices = pl.concat(
            [row.with_columns(date=pl.lit(long_ago)), tables["daily_prices"].filter(pl.col("symbol") != symbol)]
        )
        zone = landed(tmp_path / name, tables | {"daily_prices": prices})
        own = made(zone, DAYS[60])["securities"].frame.filter(symbol=symbol).row(0, named=True)
        assert own["last_close"] == row["close"][0]
        assert not own["traded"]
        assert own["limit_up"] is None


def test_a_stock_is_listed_on_its_delisting_day_and_not_after_it(
    tables: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    symbol = "000002.SZ"
    day = tables["daily_prices"].filter(pl.col("symbol") == symbol)["date"][-10]
    instruments = tables["instruments"].with_columns(
        delist_date=pl.when(pl.col("symbol") == symbol).then(day).otherwise("delist_date")
    )
    prices = tables["daily_prices"].filter((pl.col("symbol") != symbol) | (pl.col("date") <= day))
    zone = landed(tmp_path, tables | {"instruments": instruments, "daily_prices": prices})
    assert symbol in made(zone, day)["securities"].frame["symbol"]
    assert symbol not in made(zone, CALENDAR.next_day(day))["securities"].frame["symbol"]


def test_a_missing_table_becomes_a_reason(tables: dict[str, pl.DataFrame], tmp_path: Path) -> None:
    day = DAYS[60]
    bare = made(landed(tmp_path / "bare", tables, leave_out=("daily_prices",)), day)
    for name in ("daily_prices", "securities"):
        assert bare[name].frame.is_empty()
        assert set(map(str, bare[name].unavailable.values())) == {"no reference/daily_prices in the landing zone"}
        assert set(bare[name].unavailable) == set(bare[name].frame.columns)

    for table, columns in {
        "fundamentals": ("equity", "net_profit", "profitability", "profitability_year_ago"),
        "instruments": ("listed_days", "in_universe"),
        "industries": ("industry",),
    }.items():
        without = made(landed(tmp_path / table, tables, leave_out=(table,)), day)["securities"]
        assert without.unavailable == dict.fromkeys(columns, NOT_DELIVERED(table=table))
        for column in columns:
            values = set(without.frame[column])
            assert values == ({"unknown"} if column == "industry" else {None})
        assert without.frame.height
    # Without listing dates, the stocks that have traded so far are listed, and their first days are unknown.
    no_dates = made(LandingZone(tmp_path / "instruments"), day)
    seen = tables["daily_prices"].filter(pl.col("date") <= day)["symbol"].unique().sort()
    assert no_dates["securities"].frame["symbol"].to_list() == seen.to_list()
    assert no_dates["daily_prices"].frame["limit_up"].null_count() == no_dates["daily_prices"].frame.height
    assert "no reference/instruments" in str(no_dates["daily_prices"].unavailable["limit_up"])

    no_weights = made(landed(tmp_path / "w", tables, leave_out=("index_weights",)), day)["indices"]
    assert no_weights.frame["symbol"].to_list() == [None, None]
    assert str(no_weights.unavailable["weight"]) == "no reference/index_weights in the landing zone"
    no_closes = made(landed(tmp_path / "c", tables, leave_out=("index_prices",)), day)["indices"]
    assert no_closes.frame["index_close"].null_count() == no_closes.frame.height > 2
    neither = made(landed(tmp_path / "n", tables, leave_out=("index_prices", "index_weights")), day)["indices"]
    assert neither.frame.is_empty()
    assert set(neither.unavailable) == {"symbol", "weight", "published_date", "index_close"}


def test_a_day_without_rows_has_a_reason(zone: LandingZone) -> None:
    later = CALENDAR.offset(LAST, 3)
    result = made(zone, later)
    reason = NO_ROW_OF_DAY(table="daily_prices", date=later)
    assert result["daily_prices"].unavailable["close"] == result["securities"].unavailable["in_universe"] == reason


def judged(result: Made) -> pl.DataFrame:
    """Return the rows that the builder passes to the checks."""
    return result.frame if result.profile is None else result.profile


def test_a_day_that_the_price_table_leaves_out_is_refused(tables: dict[str, pl.DataFrame], tmp_path: Path) -> None:
    """The day may be a hole, after the table's end, or have only B shares; a landing zone without the table is not refused."""
    hole, b_shares, later = DAYS[30], DAYS[40], CALENDAR.next_day(LAST)
    prices = tables["daily_prices"].filter(pl.col("date") != hole)
    prices = prices.filter((pl.col("date") != b_shares) | (pl.col("symbol") == prices["symbol"][0])).with_columns(
        symbol=pl.when(pl.col("date") == b_shares).then(pl.lit("900901.SH")).otherwise("symbol")
    )
    zone = landed(tmp_path / "hole", tables | {"daily_prices": prices})
    results = {day: made(zone, day)["daily_prices"] for day in (DAYS[29], hole, DAYS[31], b_shares, later)}
    profiles = {day: judged(result) for day, result in results.items()}
    verdicts = judge(daily_prices.checks, profiles, {day: result.unavailable for day, result in results.items()})
    for day in (hole, b_shares, later):
        refusals = {name: verdict.text() for name, verdict in verdicts[day].items() if verdict.refuses}
        assert list(refusals) == ["prices_of_the_day_delivered"]
        assert str(day) in refusals["prices_of_the_day_delivered"]
        assert "bring reference/daily_prices up to date" in refusals["prices_of_the_day_delivered"]
    for day in (DAYS[29], DAYS[31]):
        assert not any(verdict.refuses for verdict in verdicts[day].values())

    bare = made(landed(tmp_path / "bare", tables, leave_out=("daily_prices",)), hole)["daily_prices"]
    bare_verdicts = judge(daily_prices.checks, {hole: judged(bare)}, {hole: bare.unavailable})[hole]
    assert all(verdict.passed for verdict in bare_verdicts.values())


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("volume", pl.Series([100.0, 100.5])),
        ("volume", pl.Series(["100", "100.5"])),
        ("float_shares", pl.Series([None, 0.25])),
        ("is_st", pl.Series([1, 2])),
        ("is_st", pl.Series([0.0, 0.5])),
    ],
)
def test_a_number_that_its_column_cannot_represent_is_reported(
    tables: dict[str, pl.DataFrame], tmp_path: Path, column: str, values: pl.Series
) -> None:
    prices = tables["daily_prices"].head(2).with_columns(values.alias(column))
    frame = landed(tmp_path, {"daily_prices": prices}).frame("daily_prices")
    assert frame is not None
    assert frame["unreadable"][0] is None
    assert str(Reason.loads(frame["unreadable"][1])) in (
        f"{column} is no whole number",
        f"{column} is no flag: write true or false",
    )
    assert frame["delivered"][1] == f"{column} = {values[1]!r}"
    assert frame[column][1] is None


@pytest.mark.parametrize(
    ("volume", "is_st"),
    [
        (pl.Series([100.0, None]), pl.Series([1, 0])),
        (pl.Series(["100.0", ""]), pl.Series([1.0, 0.0])),
        (pl.Series([100, None], dtype=pl.UInt32), pl.Series(["1", "false"])),
    ],
)
def test_a_whole_number_may_come_in_any_type(
    tables: dict[str, pl.DataFrame], tmp_path: Path, volume: pl.Series, is_st: pl.Series
) -> None:
    prices = tables["daily_prices"].head(2).with_columns(volume.alias("volume"), is_st.alias("is_st"))
    frame = landed(tmp_path, {"daily_prices": prices}).frame("daily_prices")
    assert frame is not None
    assert frame["volume"].to_list() == [100, None]
    assert frame["is_st"].to_list() == [True, False]


def test_rows_set_aside_are_kept_with_their_reason_and_judged(tables: dict[str, pl.DataFrame], tmp_path: Path) -> None:
    day = DAYS[50]
    today = pl.col("date") == day
    first = tables["daily_prices"].filter(today)["symbol"][0]
    prices = tables["daily_prices"].with_columns(
        low=pl.when(today & (pl.col("symbol") == first)).then(-1.0).otherwise("low")
    )
    b_share = prices.filter(today).head(1).with_columns(symbol=pl.lit("900901.SH"), low=pl.lit(9.0))
    result = made(landed(tmp_path, tables | {"daily_prices": pl.concat([prices, b_share])}), day)["daily_prices"]
    aside = pl.read_parquet(io.BytesIO(result.files["set_aside.parquet"]))
    assert dict(aside.select("symbol", "reason").iter_rows())[first] == NOT_ABOVE_0(column="low").dumps()
    assert aside["table"].unique().to_list() == ["daily_prices"]
    assert "1 × low is not above 0" in put_into_words(result.notes["set_aside"]["daily_prices"])
    assert first not in result.frame["symbol"]
    verdicts = judge(daily_prices.checks, {day: result.profile}, {day: {}})[day]
    assert not verdicts["delivered_rows_usable"].passed
    assert "low is not above 0" in verdicts["delivered_rows_usable"].text()
    assert not verdicts["nearly_all_rows_usable"].refuses  # one stock is set aside; three of forty are too many
    bad = tables["daily_prices"].filter(today)["symbol"].head(3).to_list()
    prices = tables["daily_prices"].with_columns(
        low=pl.when(today & pl.col("symbol").is_in(bad)).then(-1.0).otherwise("low")
    )
    result = made(landed(tmp_path / "three", tables | {"daily_prices": prices}), day)["daily_prices"]
    verdict = judge(daily_prices.checks, {day: result.profile}, {day: {}})[day]["nearly_all_rows_usable"]
    assert verdict.refuses
    assert verdict.text().index("3 × low is not above 0") < verdict.text().index("Remedy")
    assert verdicts["symbol_unique"].passed


def test_weights_that_do_not_sum_to_one_are_refused(tables: dict[str, pl.DataFrame], tmp_path: Path) -> None:
    day = DAYS[50]
    off = tables["index_weights"].with_columns(pl.col("weight") * 0.985)
    result = made(landed(tmp_path, tables | {"index_weights": off}), day)["indices"]
    verdict = judge(indices.checks, {day: result.profile}, {day: {}})[day]["weights_sum_to_one"]
    assert verdict.refuses
    assert result.notes["000905.SH"]["weight_sum"] == pytest.approx(0.985, abs=1e-3)


def test_good_days_pass_every_check(zone: LandingZone) -> None:
    settings = ReferenceSettings(min_listed_days=20, max_st_share=0.5)  # by the end, 13 of 30 stocks have is_st
    profiles: dict[str, dict[dt.date, pl.DataFrame]] = {table.name: {} for table in TABLES}
    reasons: dict[str, dict[dt.date, Any]] = {table.name: {} for table in TABLES}
    for day in SOME_DAYS:
        for name, result in made(zone, day, settings).items():
            profiles[name][day] = result.profile
            reasons[name][day] = result.unavailable
    for table in TABLES:
        for day, verdicts in judge(table.checks, profiles[table.name], reasons[table.name]).items():
            failed = {name: verdict.text() for name, verdict in verdicts.items() if not verdict.passed}
            # Three of forty stocks without an industry are more than the 2 % that is allowed.
            allowed = {"industry_known", "equity_known", "vectors_are_of_the_whole_market"}
            assert set(failed) <= allowed, f"{table.name} of {day}: {failed}"


@pytest.mark.parametrize("day", SOME_DAYS[:3])
def test_later_tables_do_not_change_the_day(tables: dict[str, pl.DataFrame], tmp_path: Path, day: dt.date) -> None:
    whole = made(landed(tmp_path / "whole", tables), day)
    cut = landed(tmp_path / "cut", cut_after(tables, day))
    noisy = landed(tmp_path / "noisy", noise_after(tables, day, seed=2))
    for other in (cut, noisy):
        for name, result in made(other, day).items():
            assert_frame_equal(result.frame, whole[name].frame, check_exact=True)
            assert result.unavailable == whole[name].unavailable
            assert result.notes == whole[name].notes
            assert dict(result.files) == dict(whole[name].files)
    lands = {land.name: land.until for table in TABLES for land in table.lands}
    for name, until in lands.items():
        assert cut.digest(name, day, until) == noisy.digest(name, day, until)


@pytest.mark.parametrize("table", ["index_weights", "index_prices"])
@pytest.mark.parametrize("code", ["399905.SZ", "000905.CSI", "CSI500"])
def test_a_table_without_an_index_that_a_portfolio_follows_is_refused(
    tables: dict[str, pl.DataFrame], tmp_path: Path, table: str, code: str
) -> None:
    day = DAYS[60]
    strange = tables | {table: tables[table].with_columns(index=pl.lit(code)).unique(["index", "date"], keep="any")}
    if table == "index_weights":
        strange[table] = strange[table].with_columns(weight=pl.lit(1.0))
    result = made(landed(tmp_path, strange), day)["indices"]
    verdicts = judge(indices.checks, {day: judged(result)}, {day: result.unavailable})[day]
    refusals = {name: verdict.text() for name, verdict in verdicts.items() if verdict.refuses}
    assert list(refusals) == ["followed_indices_delivered"]
    assert (
        f"reference/{table} has {code} up to {day}, and does not have 000852.SH, 000905.SH"
        in refusals["followed_indices_delivered"]
    )
    assert "landing.indices.codes" in refusals["followed_indices_delivered"]


@pytest.mark.parametrize(
    ("code", "refused"), [("399852.SZ", True), ("CSI1000", True), ("000300.SH", False), ("H00852.CSI", False)]
)
def test_a_code_that_may_mean_a_missing_index_refuses_the_day(
    tables: dict[str, pl.DataFrame], tmp_path: Path, code: str, refused: bool
) -> None:
    day = DAYS[60]
    more = tables["index_weights"].with_columns(index=pl.col("index").replace("000852.SH", code))
    result = made(landed(tmp_path, tables | {"index_weights": more}), day)["indices"]
    verdict = judge(indices.checks, {day: judged(result)}, {day: result.unavailable})[day]["followed_indices_delivered"]
    assert verdict.refuses == refused
    if refused:
        assert (
            f"reference/index_weights has 000905.SH, {code} up to {day}, and does not have 000852.SH" in verdict.text()
        )


def test_other_indices_alone_leave_the_followed_ones_na(tables: dict[str, pl.DataFrame], tmp_path: Path) -> None:
    day = DAYS[60]
    other = tables["index_weights"].filter(pl.col("index") == "000905.SH").with_columns(index=pl.lit("000300.SH"))
    result = made(landed(tmp_path, tables | {"index_weights": other}), day)["indices"]
    verdicts = judge(indices.checks, {day: judged(result)}, {day: result.unavailable})[day]
    assert verdicts["followed_indices_delivered"].passed
    assert result.notes["000905.SH"] == {"members": 0, "reason": NO_WEIGHTS_YET().to_json()}


def test_a_cell_that_cannot_be_read_reaches_the_side_file_as_it_was_delivered(
    tables: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    day = DAYS[50]
    names = tables["daily_prices"].filter(pl.col("date") == day)["symbol"].to_list()
    row = pl.col("date") == day
    bad, next_to_nothing = row & (pl.col("symbol") == names[0]), row & (pl.col("symbol") == names[1])
    text = pl.col("volume").cast(pl.String)
    prices = tables["daily_prices"].with_columns(
        volume=pl.when(bad).then(pl.lit("8.03E+05")).when(next_to_nothing).then(pl.lit("5.9e-39")).otherwise(text)
    )
    result = made(landed(tmp_path, tables | {"daily_prices": prices}), day)["daily_prices"]
    aside = pl.read_parquet(io.BytesIO(result.files["set_aside.parquet"])).sort("symbol")
    cells = {
        symbol: (reason, cell)
        for symbol, reason, cell in zip(
            aside["symbol"], describe_column(aside["reason"]), aside["delivered"], strict=True
        )
    }
    assert cells[names[0]] == (
        "volume is rounded, as a spreadsheet shows large numbers: digits are lost",
        "volume = '8.03E+05'",
    )
    assert cells[names[1]] == ("volume is 0: the stock did not trade that day, as without a row", None)
    assert sorted(result.frame["symbol"]) == sorted({*names} - {*names[:2]})
    profile = judged(result)
    assert profile.filter(pl.col("reason").str.contains(ROUNDED_DIGITS.name))["symbol"].to_list() == names[:1]


def test_a_delisting_period_is_known_from_its_first_day_on(tables: dict[str, pl.DataFrame], tmp_path: Path) -> None:
    """Views and digests of earlier days do not contain `delisting_start`; a flag of the day alone sets the limit of the period."""
    day = CALENDAR.days(FIRST, LAST)[30]
    symbol = tables["daily_prices"].filter(pl.col("date") == day)["symbol"][0]
    starts = pl.when(pl.col("symbol") == symbol).then(pl.lit(day))
    with_start = tables["instruments"].with_columns(delisting_start=starts)
    plain, message = (
        landed(tmp_path / name, tables | {"instruments": frame})
        for name, frame in (("plain", tables["instruments"]), ("declared", with_start))
    )
    before = CALENDAR.previous_day(day)
    views = {date: message.view(date, daily_prices.lands).reference("instruments").collect() for date in (before, day)}
    known = {date: view.filter(pl.col("symbol") == symbol)["delisting_start"].item() for date, view in views.items()}
    assert known == {before: None, day: day}
    assert plain.digest("instruments", before, True) == message.digest("instruments", before, True)
    assert plain.digest("instruments", day, True) != message.digest("instruments", day, True)
    st = tables["daily_prices"].with_columns(is_st=pl.lit(True), is_delisting=pl.col("symbol") == symbol)
    flagged = landed(tmp_path / "flagged", tables | {"daily_prices": st})
    made = run_make(
        make_daily_prices,
        date=day,
        landing=flagged.view(day, daily_prices.lands),
        calendar=CALENDAR,
        settings=ReferenceSettings(),
    ).frame
    moves = (made["limit_up"] / made["pre_close"] - 1).round(2)
    leaving = made["symbol"] == symbol
    assert moves.filter(leaving).to_list() == [0.1]
    main = made["symbol"].str.contains("^(60|00)") & ~leaving
    assert set(moves.filter(main).drop_nulls()) <= {0.04, 0.05, 0.06, 0.44}


@pytest.mark.parametrize("declared", ["delisting_start", "is_delisting", "name"])
def test_a_stock_in_its_delisting_period_is_not_in_the_universe(
    tables: dict[str, pl.DataFrame], tmp_path: Path, declared: str
) -> None:
    """It leaves the universe from the first day on by any declaration, also while suspended, and nothing else changes."""
    first, later = DAYS[45], DAYS[50]
    plain = landed(tmp_path / "plain", tables)
    whole = tables["daily_prices"].filter(pl.col("date").is_between(DAYS[44], later), ~pl.col("is_st"))
    symbol = whole.group_by("symbol").len().filter(len=7)["symbol"].sort().first()
    assert made(plain, first)["securities"].frame.filter(symbol=symbol)["in_universe"].item()
    since = (pl.col("symbol") == symbol) & (pl.col("date") >= first)
    edited = dict(tables)
    if declared == "delisting_start":
        start = pl.when(pl.col("symbol") == symbol).then(pl.lit(first))
        edited["instruments"] = tables["instruments"].with_columns(delisting_start=start)
    elif declared == "is_delisting":
        edited["daily_prices"] = tables["daily_prices"].with_columns(is_delisting=since)
    else:
        name = pl.when(since).then(pl.lit("退市海润")).otherwise(pl.lit("海润光伏"))
        edited["daily_prices"] = tables["daily_prices"].with_columns(name=name)
    gap = (pl.col("symbol") == symbol) & (pl.col("date") == later)  # the stock is suspended on this day
    edited["daily_prices"] = edited["daily_prices"].filter(~gap)
    zone = landed(tmp_path / "declared", edited)
    own = pl.col("symbol") == symbol
    for day, leaving, traded in ((DAYS[44], False, True), (first, True, True), (DAYS[49], True, True), (later, True, False)):  # fmt: skip
        message, without = made(zone, day), made(plain, day)
        row = message["securities"].frame.row(by_predicate=own, named=True)
        assert (row["is_st"], row["in_universe"], row["traded"]) == (leaving, not leaving, traded)
        assert message["daily_prices"].frame.filter(own)["is_st"].to_list() == [leaving] * traded
        for table in ("daily_prices", "securities"):
            assert_frame_equal(message[table].frame.filter(~own), without[table].frame.filter(~own))
