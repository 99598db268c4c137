"""Reference tables in the forms of other systems are read as the documented form, or refused or set aside with a reason."""

import datetime as dt
import random
import re
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resources.errors import InputError, SettingsError
from resources.lake import Lake
from resources.landing import LandingZone
from resources.reasons import describe_column
from resources.reference_forms import NOTES, single_quarters
from resources.reference_tables import REFERENCE
from resources.settings.base import Section
from resources.settings.landing import LandingSettings
from resources.settings.load import load_profile
from resources.settings.rulebook import RulebookSettings
from resources.symbols import StockCodes
from resources.table import Land
from tests.resources.deliveries import (
    DAYS,
    ENCODINGS,
    INDEX,
    NOTHINGS,
    SPELLINGS,
    SYMBOL_SPELLINGS,
    SYMBOLS,
    as_csv,
    land,
    plain_tables,
    read,
)

TABLES = plain_tables()
PRICES = TABLES["daily_prices"]


ADJUSTED = LandingSettings.model_validate({"daily_prices": {"prices": "adjusted"}})


def same(frame: pl.DataFrame, expected: pl.DataFrame) -> None:
    assert all(frame[note].null_count() == frame.height for note in NOTES)
    keys = [name for name in ("date", "list_date", "start_date", "index", "symbol") if name in expected.columns]
    assert frame.drop(*NOTES).sort(keys).equals(expected.sort(keys))


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(sorted(TABLES)), seed=st.integers(0, 2**32), separator=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(ENCODINGS), header=st.sampled_from([str, str.upper, str.title, lambda s: f" {s} ", lambda s: s.replace("_", " ")]),
    trailing=st.booleans(), blank_lines=st.booleans(), newline=st.sampled_from(["\n", "\r\n"]),
)  # fmt: skip
def test_a_table_reads_the_same_in_every_form(
    tmp_path_factory: pytest.TempPathFactory, name, seed, separator, encoding, header, trailing, blank_lines, newline
) -> None:
    """Every column or every cell has its own spelling; separator, encoding and header vary."""
    chosen = random.Random(seed)
    per_column = {column: chosen.random() for column in TABLES[name].columns}
    mixed = chosen.random() < 0.5

    def spell(column, dtype, value):
        share = chosen.random() if mixed else per_column[column]
        if value is None:
            return NOTHINGS[int(share * len(NOTHINGS))]
        spellings = SYMBOL_SPELLINGS if column in ("symbol", "index") else SPELLINGS[dtype]
        return spellings[int(share * len(spellings))](value)

    data = as_csv(TABLES[name], separator=separator, encoding=encoding, header=header, spell=spell, trailing=trailing,
                  blank_lines=blank_lines, newline=newline)  # fmt: skip
    root = land(tmp_path_factory.mktemp("zone"), {name: data})
    same(read(root, name), TABLES[name])


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_csv_and_a_parquet_file_have_the_same_digests(tmp_path: Path, name: str) -> None:
    def digest(root: Path, day: dt.date) -> str:
        return LandingZone(root).digest(name, day, True)

    parquet, text = (
        land(tmp_path / "parquet", {name: TABLES[name]}),
        land(tmp_path / "csv", {name: as_csv(TABLES[name])}),
    )
    for day in DAYS:
        assert digest(parquet, day) == digest(text, day)


# --- one bad cell, one bad line ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "bad", "why"),
    [
        ("volume", "8.03E+05", "volume is rounded"),
        ("volume", "1.5", "volume is no whole number"),
        ("close", "#REF!", "close is an error of a spreadsheet"),
        ("is_st", "perhaps", "is_st is no flag"),
        ("limit_up", "ten", "limit_up is no number"),
        ("float_shares", "1,2", "float_shares has a decimal comma"),
    ],
)
def test_one_bad_cell_sets_its_row_aside_and_keeps_the_cell(tmp_path: Path, column: str, bad: str, why: str) -> None:
    key = (DAYS[1], SYMBOLS[2])
    rows = [row == key for row in PRICES.select("date", "symbol").iter_rows()]
    at = rows.index(True)
    counter = iter(range(10**6))

    def spell(name, dtype, value):
        if name == "date":
            spell.row = next(counter)  # type: ignore[attr-defined]
        return bad if (name, spell.row) == (column, at) else "" if value is None else str(value)  # type: ignore[attr-defined]

    frame = read(land(tmp_path, {"daily_prices": as_csv(PRICES, spell=spell)}), "daily_prices")
    faulty = frame.filter(pl.col("unreadable").is_not_null())
    assert faulty.select("date", "symbol").rows() == [key]
    assert describe_column(faulty["unreadable"])[0].startswith(why)
    assert faulty["delivered"][0] == f"{column} = {bad!r}"
    assert faulty[column][0] is None
    rest = pl.col("date").eq(DAYS[1]) & pl.col("symbol").eq(SYMBOLS[2])
    same(frame.filter(~rest), PRICES.filter(~rest))


def test_a_line_that_does_not_fit_the_header_is_set_aside_and_the_others_are_read(tmp_path: Path) -> None:
    """A thousands separator without quotes shifts the fields after it."""
    lines = as_csv(TABLES["index_prices"]).decode().splitlines()
    lines[2] = f"{INDEX},{DAYS[1]},6,001.5"
    zone = LandingZone(land(tmp_path, {"index_prices": "\n".join(lines).encode()}))
    frame = zone.frame("index_prices")
    assert frame is not None
    same(frame, TABLES["index_prices"].filter(pl.col("date") != DAYS[1]))
    assert zone.undated["index_prices"].rows == 1
    with pytest.raises(InputError, match=r"index_prices\.csv: 1 of 3 rows cannot be placed in time: 1 × .*date"):
        LandingZone(zone.root, settings=LandingSettings(always_undated_rows=0)).frame("index_prices")


@pytest.mark.parametrize("line", ["合计,,,,,,,19000000,,,,", "数据来源:通达信"])
def test_a_line_below_a_small_table_does_not_refuse_it(tmp_path: Path, line: str) -> None:
    zone = LandingZone(land(tmp_path, {"daily_prices": as_csv(PRICES) + line.encode()}))
    frame = zone.frame("daily_prices")
    assert frame is not None
    same(frame, PRICES)
    assert zone.undated["daily_prices"].rows == 1
    again = as_csv(PRICES) + line.encode() + b"\n" + line.encode()
    with pytest.raises(InputError, match="2 of 20 rows cannot be placed in time"):
        LandingZone(land(tmp_path / "twice", {"daily_prices": again})).frame("daily_prices")


def test_rows_without_a_date_are_reported_and_left_out_up_to_a_share(tmp_path: Path) -> None:
    bad = PRICES.with_columns(pl.col("date").cast(pl.String)).with_columns(
        date=pl.when(pl.int_range(pl.len()) == 4).then(pl.lit("2023-02-30")).otherwise("date")
    )
    root = land(tmp_path, {"daily_prices": bad})
    zone = LandingZone(root, settings=LandingSettings(max_undated_share=0.06, always_undated_rows=0))
    frame = zone.frame("daily_prices")
    assert frame is not None
    assert frame.height == PRICES.height - 1
    undated = zone.undated["daily_prices"]
    assert undated.rows == 1
    assert "1 of 18 rows cannot be placed in time: 1 × date is no day of the calendar" in undated.remark
    assert f"symbol = '{SYMBOLS[4]}', date = '2023-02-30'" in undated.remark
    with pytest.raises(InputError, match="1 of 18 rows cannot be placed in time"):
        LandingZone(root, settings=LandingSettings(max_undated_share=0.05, always_undated_rows=0)).frame("daily_prices")
    PRICES.write_parquet(root / "reference" / "daily_prices.parquet")
    assert zone.frame("daily_prices") is not None
    assert not zone.undated  # once it is delivered again, nothing is reported


def test_the_remark_on_a_table_is_reported_again_by_the_next_run(tmp_path: Path) -> None:
    bad = PRICES.with_columns(pl.when(pl.int_range(pl.len()) > 0).then("date").alias("date"))
    root = land(tmp_path / "market", {"daily_prices": bad})
    remarks = []
    for _ in range(2):
        zone = LandingZone(root, Lake(str(tmp_path / "lake")).store, LandingSettings(max_undated_share=0.1))
        zone.digest("daily_prices", DAYS[0], False)
        remarks.append(zone.undated["daily_prices"])
    assert remarks[0] == remarks[1]
    assert remarks[0].rows == 1


@pytest.mark.parametrize(
    ("tables", "why"),
    [
        ({"daily_prices": PRICES.with_columns(volume=pl.lit("8.19E+05"))}, "18 × volume is rounded"),
        ({"industries": TABLES["industries"].with_columns(symbol=pl.lit("STEEL"))}, "6 × symbol is not of the form 600519.SH"),
        ({"instruments": TABLES["instruments"].with_columns(list_date=pl.lit("44958"))}, "6 × list_date is no date"),
        ({"index_prices": TABLES["index_prices"].with_columns(close=pl.lit("#DIV/0!"))}, "3 × close is an error of a spreadsheet"),
    ],
)  # fmt: skip
def test_a_table_without_a_usable_row_is_refused_with_the_commonest_reasons(tmp_path: Path, tables, why: str) -> None:
    root = land(tmp_path, tables)
    with pytest.raises(InputError, match=rf"none of the \d+ rows can be used: {why}"):
        read(root, next(iter(tables)))


def test_a_nested_column_is_unreadable_not_a_crash(tmp_path: Path) -> None:
    nested = PRICES.with_columns(volume=pl.concat_list("volume"))
    with pytest.raises(InputError, match="18 × volume is of type List"):
        read(land(tmp_path, {"daily_prices": nested}), "daily_prices")


# --- files --------------------------------------------------------------------------------------------------------------


def test_the_error_names_a_header_in_another_language(tmp_path: Path) -> None:
    data = as_csv(TABLES["index_prices"], header=lambda name: {"close": "收盘价"}.get(name, name), encoding="gbk")
    with pytest.raises(
        InputError, match=r"the column close is missing.*it has index, date, 收盘价.*rename the headers"
    ):
        read(land(tmp_path, {"index_prices": data}), "index_prices")
    english = as_csv(TABLES["index_prices"].rename({"close": "last", "date": "day"}))
    with pytest.raises(InputError, match=r"the columns date, close are missing.*Add them"):
        read(land(tmp_path, {"index_prices": english}), "index_prices")


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    for twin in (b"index,date,close,Close\nX,2023-01-30,1,2\n", b"index,date,close,close\nX,2023-01-30,1,2\n"):
        with pytest.raises(InputError, match="more than one column close"):
            read(land(tmp_path, {"index_prices": twin}), "index_prices")


def test_a_spreadsheet_may_state_its_separator(tmp_path: Path) -> None:
    data = b"sep=;\r\n" + as_csv(TABLES["index_prices"], separator=";", newline="\r\n")
    same(read(land(tmp_path, {"index_prices": data}), "index_prices"), TABLES["index_prices"])


def test_a_byte_that_is_no_text_sets_its_row_aside(tmp_path: Path) -> None:
    data = as_csv(TABLES["industries"]).replace(b"steel", b"\xff\xff", 1)
    frame = read(land(tmp_path, {"industries": data}), "industries")
    assert describe_column(frame["unreadable"].drop_nulls()).to_list() == ["industry holds bytes that are no text"]


# --- what is declared ---------------------------------------------------------------------------------------------------


def declared(tmp_path: Path, text: str) -> LandingSettings:
    file = tmp_path / "mine.toml"
    file.write_text(text, "utf-8")
    return load_profile(str(file), tmp_path, {}).settings.landing


DELIVERIES = {
    "days in lots and thousand yuan": (
        "daily_prices",
        PRICES.with_columns(pl.col("volume") / 100, pl.col("amount") / 1000),
        '[landing.daily_prices]\nvolume_unit = "lots"\namount_unit = "thousand_yuan"\n',
    ),
    "shares in ten thousand": (
        "daily_prices",
        PRICES.with_columns(pl.col("float_shares", "total_shares") / 10_000),
        '[landing.daily_prices]\nshare_unit = "ten_thousand_shares"\n',
    ),
    "amounts in ten thousand yuan": (
        "daily_prices",
        PRICES.with_columns(pl.col("amount") / 10_000),
        '[landing.daily_prices]\namount_unit = "ten_thousand_yuan"\n',
    ),
    "weights in percent": (
        "index_weights", TABLES["index_weights"].with_columns(pl.col("weight") * 100), '[landing.indices]\nweight_unit = "percent"\n'
    ),
    "an index under the other exchange's code": (
        "index_weights", TABLES["index_weights"].with_columns(index=pl.lit("399905.XSHE")), f'[landing.indices.codes]\n"399905.SZ" = "{INDEX}"\n'
    ),
    "an index under its publisher's code": (
        "index_prices", TABLES["index_prices"].with_columns(index=pl.lit("000905.CSI")), f'[landing.indices.codes]\n"000905.CSI" = "{INDEX}"\n'
    ),
    "midnight in UTC that does not say so": (
        "daily_prices",
        PRICES.with_columns(date=pl.col("date").cast(pl.Datetime) - pl.duration(hours=8)),
        '[landing]\ntime_zone = "UTC"\n',
    ),
    "the day first": (
        "industries", TABLES["industries"].with_columns(start_date=pl.lit("4/1/2010")), '[landing]\ndate_order = "day_first"\n'
    ),
    "the month first": (
        "industries", TABLES["industries"].with_columns(start_date=pl.lit("01-04-2010")), '[landing]\ndate_order = "month_first"\n'
    ),
    "an exchange of its own spelling": (
        "industries",
        TABLES["industries"].with_columns(symbol=pl.col("symbol").str.slice(0, 6) + pl.when(pl.col("symbol").str.ends_with("SH")).then(pl.lit("@A")).otherwise(pl.lit("@B")).str.slice(1)),
        '[landing.exchanges]\nA = "SH"\nB = "SZ"\n',
    ),
    "adjusted days with their factor": (
        "daily_prices",
        PRICES.with_columns(pl.col("pre_close", "open", "high", "low", "close") * 1.25, adjust_factor=pl.lit(1.25)),
        '[landing.daily_prices]\nprices = "adjusted"\n',
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", sorted(DELIVERIES))
def test_declared_forms_are_converted(tmp_path: Path, what: str) -> None:
    name, delivered, text = DELIVERIES[what]
    root = land(tmp_path / "market", {name: delivered})
    own = declared(tmp_path, text)
    frame = read(root, name, settings=own)
    floats = [column for column, dtype in frame.schema.items() if dtype == pl.Float64]
    rounded = pl.col(floats).round(8)
    same(frame.with_columns(rounded), TABLES[name].with_columns(rounded))
    assert LandingZone(root, settings=own).declared(name)
    assert LandingZone(root, settings=own).declared("ticks") == {}


@pytest.mark.parametrize("what", sorted(DELIVERIES))
def test_declarations_are_part_of_the_digest(tmp_path: Path, what: str) -> None:
    """The same bytes with another declaration are another input."""
    name, delivered, text = DELIVERIES[what]
    root = land(tmp_path / "market", {name: delivered, "instruments": TABLES["instruments"]})
    own = declared(tmp_path, text)
    plain, meant = LandingZone(root), LandingZone(root, settings=own)
    if what not in (
        "midnight in UTC that does not say so",
        "the day first",
        "the month first",
        "an exchange of its own spelling",
    ):
        assert plain.digest(name, DAYS[2], True) != meant.digest(name, DAYS[2], True)
    again = LandingZone(root, settings=own)
    assert again.digest(name, DAYS[2], True) == meant.digest(name, DAYS[2], True)


def test_appending_a_day_changes_no_earlier_digest(tmp_path: Path) -> None:
    settings_ = LandingSettings.model_validate({"daily_prices": {"volume_unit": "lots"}})
    lots = PRICES.with_columns(volume=(pl.col("volume") / 100).cast(pl.String))
    bad = lots.filter(pl.col("date") == DAYS[2]).with_columns(volume=pl.lit("8.1E+05"))
    short = land(tmp_path / "short", {"daily_prices": lots.filter(pl.col("date") < DAYS[2])})
    long = land(tmp_path / "long", {"daily_prices": pl.concat([lots.filter(pl.col("date") < DAYS[2]), bad])})
    for day in DAYS[:2]:
        digests = {LandingZone(root, settings=settings_).digest("daily_prices", day, True) for root in (short, long)}
        assert len(digests) == 1
    one, other = (LandingZone(root, settings=settings_).digest("daily_prices", DAYS[2], True) for root in (short, long))
    assert one != other


def test_reading_does_not_hide_a_wrong_unit(tmp_path: Path) -> None:
    """Undeclared lots stay lots; the checks of the tables find them, not the reader."""
    lots = PRICES.with_columns(volume=pl.col("volume") // 100)
    assert read(land(tmp_path, {"daily_prices": lots}), "daily_prices")["volume"].max() < 10_000


def test_adjusted_prices_without_a_factor_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InputError,
        match=r"landing\.daily_prices\.prices declares adjusted prices, but the column adjust_factor",
    ):
        read(land(tmp_path, {"daily_prices": PRICES}), "daily_prices", settings=ADJUSTED)
    holed = PRICES.with_columns(adjust_factor=pl.when(pl.int_range(pl.len()) != 3).then(1.0))
    frame = read(land(tmp_path, {"daily_prices": holed}), "daily_prices", settings=ADJUSTED)
    assert describe_column(frame["unreadable"].drop_nulls()).to_list() == ["adjust_factor is missing or not above 0"]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(1.0, 80.0), min_size=18, max_size=18), st.booleans())
def test_daily_prices_adjusted_upwards_and_rounded_to_the_cent_become_raw_again(
    tmp_path_factory: pytest.TempPathFactory, factors: list[float], empty: bool
) -> None:
    columns = ("pre_close", "open", "high", "low", "close")
    raw = PRICES
    if empty:  # a suspended name has neither prices nor a factor
        raw = raw.with_columns(pl.when(pl.int_range(pl.len()) != 3).then(name).alias(name) for name in columns)
    adjusted = raw.with_columns(adjust_factor=pl.Series([round(factor, 4) for factor in factors]))
    adjusted = adjusted.with_columns((pl.col(*columns) * pl.col("adjust_factor")).round(2))
    if empty:
        adjusted = adjusted.with_columns(adjust_factor=pl.when(pl.col("close").is_not_null()).then("adjust_factor"))
    root = land(tmp_path_factory.mktemp("zone"), {"daily_prices": adjusted})
    frame = read(root, "daily_prices", settings=ADJUSTED)
    same(frame, raw)


def test_daily_prices_adjusted_downwards_and_rounded_cannot_be_read(tmp_path: Path) -> None:
    """Of 27.95 × .93 = 25.99 the raw price may be 27.94, 27.95 or 27.96."""
    key = PRICES.row(3, named=True)
    one = (pl.col("date") == key["date"]) & (pl.col("symbol") == key["symbol"])
    factor = pl.when(one).then(0.93).otherwise(1.25)
    prices = (pl.col("pre_close", "open", "high", "low", "close") * factor).round(2)
    root = land(tmp_path, {"daily_prices": PRICES.with_columns(prices, adjust_factor=factor)})
    frame = read(root, "daily_prices", settings=ADJUSTED)
    bad = frame.filter(pl.col("unreadable").is_not_null())
    assert bad.select("date", "symbol").rows() == [(key["date"], key["symbol"])]
    assert (
        "rounded to the cent, which leaves the raw price open by 0.0054 yuan" in describe_column(bad["unreadable"])[0]
    )
    same(frame.filter(~one), PRICES.filter(~one))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[landing]\ntime_zone = "Shanghai"\n', r"landing\.time_zone.*no time zone"),
        (
            '[landing.indices.codes]\n"000905.SH" = "399905.SZ"\n"399905.SZ" = "000905.SH"\n',
            r"both a vendor's code and the code",
        ),
        ('[landing.indices.codes]\n"" = "000905.SH"\n', "both codes must be named"),
        ('[landing.exchanges]\nSH = "SZ"\n', "SH always means SH"),
        ('[landing.exchanges]\nXSHG = "HK"\n', r"landing\.exchanges\.XSHG"),
        ('[landing.bars]\nminute_labels = "middle"\n', r"landing\.bars\.minute_labels = 'middle'"),
        (
            '[landing.bars]\nvolume_units = "lots"\n',
            r"landing\.bars\.volume_units is no setting; known there: .*volume_unit",
        ),
        ("[landing]\nmax_undated_share = nan\n", r"landing\.max_undated_share"),
        ("[landing]\nmax_undated_share = 1.5\n", r"landing\.max_undated_share"),
    ],
)
def test_an_impossible_declaration_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        declared(tmp_path, text)


def test_a_declaration_is_among_the_settings_that_the_report_prints(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        '[landing.bars]\nminute_labels = "end"\n[landing.indices.codes]\n"399905.SZ" = "000905.SH"\n', "utf-8"
    )
    printed = {one["setting"]: one["value"] for one in load_profile(str(file), tmp_path, {}).differences()}
    assert printed == {"landing.bars.minute_labels": "end", "landing.indices.codes.399905.SZ": "000905.SH"}


def test_the_defaults_declare_nothing() -> None:
    assert all(LandingSettings().declared(name) == {} for name in (*REFERENCE, "bars", "ticks"))


# --- profits of the year so far -----------------------------------------------------------------------------------------

QUARTERS = [dt.date(2022, 3, 31), dt.date(2022, 6, 30), dt.date(2022, 9, 30), dt.date(2022, 12, 31)]
ANNOUNCED = [dt.date(2022, 4, 20), dt.date(2022, 8, 20), dt.date(2022, 10, 20), dt.date(2023, 1, 31)]


def announcements(*rows: tuple) -> pl.DataFrame:
    return pl.DataFrame(
        [("600101.SH", period, day, profit, 1e9) for period, day, profit in rows],
        schema=REFERENCE["fundamentals"].required, orient="row",
    )  # fmt: skip


def plain_quarters(rows: list[tuple], day: dt.date) -> dict[tuple, float | None]:
    """The single quarters' profits by (period, announced) from the announcements known on a day, one at a time."""
    known = [row for row in rows if row[1] <= day]
    result: dict[tuple, float | None] = {}
    for period, announced, profit in known:
        if period.month == 3:
            result[period, announced] = profit
            continue
        before = QUARTERS[QUARTERS.index(period) - 1]
        stated = [(one[1], one[2]) for one in known if one[0] == before and one[2] is not None]
        last = [figure for when, figure in stated if when == max(stated)[0]] if stated else []
        result[period, announced] = profit - last[0] if len({*last}) == 1 and profit is not None else None
    return result


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(st.sampled_from(QUARTERS), st.integers(0, 400), st.one_of(st.none(), st.integers(-100, 100).map(float))),
        min_size=1, max_size=8, unique_by=lambda row: (row[0], row[1]),
    ),
    st.integers(0, 500),
)  # fmt: skip
def test_single_quarters_are_computed_from_known_announcements(rows, days) -> None:
    rows = [(period, period + dt.timedelta(days=1 + late), profit) for period, late, profit in rows]
    day = QUARTERS[0] + dt.timedelta(days=days)
    expected = plain_quarters(rows, day)
    known = announcements(*(row for row in rows if row[1] <= day))
    read_ = single_quarters(known)
    assert {(p, a): x for p, a, x in read_.select("period", "announce_date", "net_profit").iter_rows()} == expected


def test_two_figures_of_one_day_leave_the_next_quarter_unknown() -> None:
    rows = announcements(
        (QUARTERS[0], ANNOUNCED[0], 1.0), (QUARTERS[0], ANNOUNCED[0], 2.0), (QUARTERS[1], ANNOUNCED[1], 5.0)
    )
    assert single_quarters(rows)["net_profit"].to_list() == [1.0, 2.0, None]
    versions = rows.with_columns(version=pl.Series([1, 2, None]))
    assert single_quarters(versions)["net_profit"].to_list() == [1.0, 2.0, 3.0]


def test_a_view_computes_profits_from_the_announcements_of_its_day(tmp_path: Path) -> None:
    """A restated half-year changes the third quarter from the day of its announcement on, and not before."""
    restated = dt.date(2022, 11, 30)
    rows = announcements(
        (QUARTERS[0], ANNOUNCED[0], 10.0), (QUARTERS[1], ANNOUNCED[1], 25.0), (QUARTERS[2], ANNOUNCED[2], 45.0), (QUARTERS[1], restated, 30.0),
    )  # fmt: skip
    own = LandingSettings.model_validate({"fundamentals": {"profits": "year_to_date"}})
    zone = LandingZone(land(tmp_path, {"fundamentals": rows}), settings=own)

    def quarters(day: dt.date) -> dict:
        frame = zone.view(day, [Land("fundamentals")]).reference("fundamentals")
        assert frame is not None
        return dict(frame.collect().select("period", "net_profit").iter_rows())

    assert quarters(restated - dt.timedelta(days=1)) == {QUARTERS[0]: 10.0, QUARTERS[1]: 15.0, QUARTERS[2]: 20.0}
    assert quarters(restated)[QUARTERS[2]] == 15.0
    assert LandingZone(zone.root).digest("fundamentals", restated, True) != zone.digest("fundamentals", restated, True)


# --- the page that says all this ----------------------------------------------------------------------------------------

PAGE = Path(__file__).resolve().parents[2] / "docs" / "deliveries.md"


def test_the_pages_name_every_declaration() -> None:
    """operations.md names the settings of the sensors."""
    text = PAGE.read_text("utf-8") + PAGE.with_name("operations.md").read_text("utf-8")
    plain = LandingSettings()
    for name in type(plain).model_fields:
        section = getattr(plain, name)
        for one in [*type(section).model_fields] if isinstance(section, Section) else [name]:
            assert one in text, one


def test_the_page_s_settings_are_settings(tmp_path: Path) -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    (tmp_path / "production.toml").write_text("", "utf-8")
    own = declared(tmp_path, block)
    plain = LandingSettings()
    changed = {name for part in (*REFERENCE, "bars") for name in own.declared(part)}
    fields = {
        f"landing.{n}.{key}"
        for n in ("bars", "daily_prices", "indices", "fundamentals")
        for key in type(getattr(plain, n)).model_fields
    }
    left_out = {"landing.bars.prices", "landing.daily_prices.prices", "landing.indices.bare_codes"}
    assert changed == (fields - left_out) | {"landing.time_zone", "landing.date_order", "landing.exchanges"}


# --- spellings of exchanges and dated ranges of codes ---------------------------------------------------------------------------


@pytest.mark.parametrize("spelling", ["SHEX", "shex", "Shex", " shEx "])
def test_a_declared_spelling_of_an_exchange_matches_in_any_letter_case(tmp_path: Path, spelling: str) -> None:
    own = LandingSettings(exchanges={**LandingSettings().exchanges, spelling: "SH"})
    assert own == LandingSettings(exchanges={**LandingSettings().exchanges, "SHEX": "SH"})
    for number, form in enumerate(("600519.shex", "SHEX600519", "600519.Shex")):
        table = PRICES.head(1).with_columns(symbol=pl.lit(form))
        root = land(tmp_path / str(number), {"daily_prices": table})
        assert read(root, "daily_prices", settings=own)["symbol"].to_list() == ["600519.SH"]


@pytest.mark.parametrize(
    ("spellings", "words"),
    [
        ({"sh": "SZ"}, "SH"),
        ({"SHEX": "SH", "shex": "SZ"}, "other letter case"),
        ({"SH-EX": "SH"}, "letters only"),
        ({"": "SH"}, "letters only"),
    ],
)
def test_spellings_that_can_never_match_or_contradict_each_other_are_refused(
    spellings: dict[str, str], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        LandingSettings.model_validate({"exchanges": {**LandingSettings().exchanges, **spellings}})


def test_a_range_of_codes_dated_after_the_data_changes_nothing(tmp_path: Path) -> None:
    """The frames and the digests before the row's day stay the same; the digests from its day on change."""
    table = PRICES.with_columns(symbol=pl.lit("700001")).unique("date", keep="first", maintain_order=True)
    root, days = land(tmp_path, {"daily_prices": table}), sorted(set(PRICES["date"].to_list()))
    last = days[-1]

    def zone(since: dt.date | None) -> LandingZone:
        row = {
            "since": since,
            "source": "a test",
            "board": "main_sh",
            "exchange": "SH",
            "first": 700_000,
            "last": 700_999,
        }
        boards = (
            RulebookSettings().boards
            if since is None
            else RulebookSettings(boards=(*RulebookSettings().boards, row)).boards
        )
        return LandingZone(root, Lake(str(tmp_path / "lake")).store, stocks=StockCodes.of(boards))

    def seen(of: LandingZone) -> list[str]:
        digests = [of.digest("daily_prices", day, True) for day in days]
        of.flush()
        return digests

    without = "none of the .* rows can be used: .* symbol is not of the form"
    with pytest.raises(InputError, match=without):
        seen(zone(None))
    with pytest.raises(InputError, match=without):
        seen(zone(last + dt.timedelta(days=1)))
    honest = table.vstack(table.with_columns(symbol=pl.lit("600519")))
    honest.write_parquet(root / "reference" / "daily_prices.parquet")
    plain, later, inside = (seen(zone(since)) for since in (None, last + dt.timedelta(days=1), last))
    assert later == plain
    assert inside[:-1] == plain[:-1]
    assert inside[-1] != plain[-1]
