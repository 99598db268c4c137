"""The reader of values: a value in any form is read exactly, or is unreadable with a reason."""

import datetime as dt
import math
import re
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.reasons import describe_column
from resources.settings.landing import LandingSettings
from resources.settings.rulebook import BoardCodes, RulebookSettings
from resources.symbols import StockCodes, index_ranges, read_symbols, stock_ranges
from resources.values import Stamps, read_column

EXCHANGES, STOCKS = LandingSettings().exchanges, stock_ranges()
INDICES = index_ranges(LandingSettings().indices)
# From 1992 on: in the summers before, clocks in Shanghai were an hour ahead, and midnight of +08:00 was not midnight there.
DAYS = st.dates(dt.date(1992, 1, 1), dt.date(2099, 12, 31))
SHANGHAI, UTC = ZoneInfo("Asia/Shanghai"), ZoneInfo("UTC")


def cell(text, dtype, **how):
    """The value and the reason of one cell."""
    read = read_column(pl.Series([text]), dtype, **how)
    return read.values[0], describe_column(read.reasons.cast(pl.String))[0]


# --- dates --------------------------------------------------------------------------------------------------------------


def spellings_of(day: dt.date) -> list[str]:
    y, m, d = day.year, day.month, day.day
    dates = [
        f"{y}-{m:02}-{d:02}",
        f"{y}-{m}-{d}",
        f"{y}/{m}/{d}",
        f"{y}/{m:02}/{d:02}",
        f"{y}.{m:02}.{d:02}",
        f"{y}年{m}月{d}日",
    ]
    compact = [f"{y}{m:02}{d:02}", f"{y}{m:02}{d:02}.0"]
    midnights = [f"{one} {time}" for one in dates for time in ("00:00:00", "0:00", "00:00:00.000", "00:00:00+08:00")]
    midnights += [f"{dates[0]}T00:00:00", f"{dates[0]}T00:00:00Z", f"{day - dt.timedelta(days=1)}T16:00:00Z"]
    return [*dates, *compact, *midnights]


@settings(deadline=None)
@given(
    st.lists(st.tuples(DAYS, st.integers(0, 200), st.sampled_from(["", " ", "\t", "\u3000"])), min_size=1, max_size=20)
)
def test_a_date_is_read_in_every_spelling(rows) -> None:
    texts = [blank + spellings_of(day)[at % len(spellings_of(day))] + blank for day, at, blank in rows]
    read = read_column(pl.Series(texts), pl.Date)
    assert read.reasons.null_count() == len(rows)
    assert read.values.to_list() == [day for day, _, _ in rows]


@settings(deadline=None)
@given(DAYS, st.sampled_from([UTC, SHANGHAI, None]), st.sampled_from(["ms", "us", "ns"]))
def test_a_midnight_is_its_day_in_shanghai(day, zone, unit) -> None:
    midnight = dt.datetime.combine(day, dt.time(0), SHANGHAI)
    stamps = pl.Series([midnight]).dt.cast_time_unit(unit)
    cells = (
        stamps.dt.convert_time_zone(zone.key)
        if zone
        else stamps.dt.convert_time_zone("Asia/Shanghai").dt.replace_time_zone(None)
    )
    assert cell_of(cells) == (day, None)
    if zone is None:  # the same moments in UTC, and nothing says so, until the setting does
        naive = stamps.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        value, reason = cell_of(naive)
        assert value is None
        assert "time of day in Shanghai" in reason
        assert cell_of(naive, stamps=Stamps("UTC")) == (day, None)


def cell_of(cells, dtype=pl.Date, **how):
    read = read_column(cells, dtype, **how)
    return read.values[0], describe_column(read.reasons.cast(pl.String))[0]


def test_a_plain_date_that_a_data_frame_holds_in_utc_is_that_date() -> None:
    day = pl.Series([dt.datetime(2023, 1, 30)]).dt.replace_time_zone("UTC")
    assert cell_of(day) == (dt.date(2023, 1, 30), None)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("01/02/2023", "day or month first"),
        ("1-2-2023", "day or month first"),
        ("44958", "serial numbers"),
        ("44958.0", "serial numbers"),
        ("2023-02-30", "no day of the calendar"),
        ("20230230", "no day of the calendar"),
        ("230201", "is no date"),
        ("2023-02", "is no date"),
        ("2023-02-01 09:30:00", "time of day"),
        ("2023-02-01T00:00:00-05:00", "time of day"),
        ("2023-02-01 25:00", "no time of day"),
        ("first of May", "is no date"),
    ],
)
def test_a_date_that_may_be_another_is_refused(text, why) -> None:
    value, reason = cell(text, pl.Date)
    assert value is None
    assert why in reason


@pytest.mark.parametrize("number", [44958, 2023, 230201, 20230230, 20230201.5])
def test_a_number_is_a_date_only_as_year_month_day(number) -> None:
    value, reason = cell_of(pl.Series([number]))
    assert value is None
    assert reason
    assert cell_of(pl.Series([20230201])) == cell_of(pl.Series([20230201.0])) == (dt.date(2023, 2, 1), None)


@settings(deadline=None)
@given(DAYS)
def test_the_order_of_a_dates_parts_can_be_declared(day) -> None:
    for order, text in (
        ("day_first", f"{day.day}/{day.month}/{day.year}"),
        ("month_first", f"{day.month:02}-{day.day:02}-{day.year}"),
    ):
        assert cell(text, pl.Date, stamps=Stamps(date_order=order)) == (day, None)
        assert cell(str(day), pl.Date, stamps=Stamps(date_order=order)) == (day, None)


# --- numbers ------------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(
    st.lists(st.integers(-(2**63) + 1, 2**63 - 1), min_size=1, max_size=10),
    st.sampled_from(["{}", "{:,}", "{}.0", " {} ", '"{}"', "{:,}.00"]),
)
def test_a_whole_number_in_text_is_exact_to_64_bits(numbers, form) -> None:
    read = read_column(pl.Series([form.format(number) for number in numbers]), pl.Int64)
    assert read.values.to_list() == numbers
    assert not read.faulty


@settings(deadline=None)
@given(st.integers(0, 10**12), st.integers(0, 14))
def test_a_number_with_an_exponent_is_read_exactly_or_refused(number, decimals) -> None:
    text = f"{number:.{decimals}E}"
    value, reason = cell(text, pl.Int64)
    assert value == number or (value is None and "digits are lost" in reason) or float(text) != number
    if value is not None:
        assert value == float(text)
        assert decimals == 0 or decimals >= int(text.split("E")[1])


@settings(deadline=None)
@given(st.floats(-1e12, 1e12, allow_subnormal=False))
def test_a_float_survives_as_any_program_prints_it(number) -> None:
    for text in (repr(number), f"{number:.17g}"):
        value, reason = cell(text, pl.Float64)
        assert (value == number and reason is None) or re.search(r"e\+", text)


@pytest.mark.parametrize(
    "nothing", ["", " ", "nan", "NaN", "None", "NULL", "null", "--", "-", "N/A", "#N/A", "<NA>", "NaT"]
)
@pytest.mark.parametrize("dtype", [pl.Int64, pl.Float64, pl.Date, pl.Boolean, pl.String])
def test_words_for_a_missing_value_are_null(nothing, dtype) -> None:
    assert cell(nothing, dtype) == (None, None)


def test_nan_is_null_and_infinity_is_a_fault() -> None:
    for dtype in (pl.Int64, pl.Float64):
        read = read_column(pl.Series([math.nan, math.inf, -math.inf, None, 1.0]), dtype)
        assert read.values.to_list() == [None, None, None, None, 1]
        assert describe_column(read.reasons).to_list() == [None, "is infinite", "is infinite", None, None]
        assert cell("inf", dtype) == (None, "is no number")


@pytest.mark.parametrize(
    ("text", "dtype", "why"),
    [
        ("8.03E+05", pl.Int64, "digits are lost"),
        ("2.32e+07", pl.Float64, "digits are lost"),
        ("1.5", pl.Int64, "no whole number"),
        ("12,34", pl.Int64, "decimal comma"),
        ("1,2345", pl.Float64, "decimal comma"),
        ("5%", pl.Float64, "percent sign"),
        ("#REF!", pl.Float64, "error of a spreadsheet"),
        ("ten", pl.Float64, "no number"),
        ("9223372036854775808", pl.Int64, "beyond"),
        ("1e400", pl.Float64, "beyond"),
        ("maybe", pl.Boolean, "no flag"),
        ("2", pl.Boolean, "no flag"),
        ("\ufffd\ufffd", pl.String, "no text"),
    ],
)
def test_an_impossible_value_is_unreadable_with_a_reason(text, dtype, why) -> None:
    value, reason = cell(text, dtype)
    assert value is None
    assert why in reason


@pytest.mark.parametrize(
    "typed",
    [
        pl.Series([[1]]),
        pl.Series([{"a": 1}]),
        pl.Series([b"1"]),
        pl.Series([dt.date(2023, 1, 1)]),
        pl.Series([dt.timedelta(1)]),
    ],
)
def test_every_cell_of_an_impossible_type_is_unreadable(typed) -> None:
    assert cell_of(typed, pl.Float64)[1]


def test_full_width_digits_and_separators_are_read() -> None:
    assert cell("８１８，６００", pl.Int64) == (818600, None)
    assert cell("２０２３－０２－０１", pl.Date) == (dt.date(2023, 2, 1), None)


@pytest.mark.parametrize(
    ("text", "flag"),
    [
        ("TRUE", True),
        ("False", False),
        ("1", True),
        ("0", False),
        ("Y", True),
        ("n", False),
        ("是", True),
        ("否", False),
        ("1.0", True),
    ],
)
def test_a_flag_is_read_in_every_spelling(text, flag) -> None:
    assert cell(text, pl.Boolean) == (flag, None)


def test_a_volume_that_is_almost_0_is_0() -> None:
    assert cell_of(pl.Series([5.877e-39]), pl.Int64) == cell("5.9e-39", pl.Int64) == (0, None)


@settings(deadline=None)
@given(st.integers(0, 10**10), st.sampled_from([100, 10_000]))
def test_another_unit_gives_the_exact_whole_number(shares, scale) -> None:
    assert cell_of(pl.Series([shares / scale]), pl.Int64, scale=scale) == (shares, None)
    assert cell(f"{shares / scale:.4f}", pl.Int64, scale=scale) == (shares, None)
    assert cell_of(pl.Series([shares]), pl.Int64, scale=scale) == (shares * scale, None)


@pytest.mark.parametrize(
    ("cells", "dtype", "read"),
    [
        (["28,83", "28,830", "29.5"], pl.Float64, [None, None, 29.5]),  # a decimal comma
        (["0,125", "1,250"], pl.Float64, [None, None]),
        (["1.234,5", "1,234"], pl.Float64, [None, None]),
        (["1,234", "1,234.5"], pl.Float64, [1234.0, 1234.5]),
        (["818.600", "818.000", "700"], pl.Int64, [None, None, 700]),  # points between thousands
        (["1.234.567", "818.000"], pl.Int64, [None, None]),
        (["818.000", "700.000"], pl.Int64, [818, 700]),
    ],
)
def test_marks_between_digits_are_read_by_the_form_of_their_column(cells, dtype, read) -> None:
    column = read_column(pl.Series(cells), dtype)
    assert column.values.to_list() == read
    assert [reason is not None for reason in column.reasons] == [value is None for value in read]


# --- symbols ------------------------------------------------------------------------------------------------------------

CODES = st.one_of(
    st.builds(lambda n: f"60{n:04}.SH", st.integers(0, 9999)), st.builds(lambda n: f"688{n:03}.SH", st.integers(0, 999)),
    st.builds(lambda n: f"00{n:04}.SZ", st.integers(1, 9999)), st.builds(lambda n: f"30{n:04}.SZ", st.integers(0, 9999)),
)  # fmt: skip


def symbol_forms(symbol: str) -> list[str]:
    code, exchange = symbol.split(".")
    long = {"SH": "XSHG", "SZ": "XSHE"}[exchange]
    other = {"SH": "SS", "SZ": "SZSE"}[exchange]
    return [
        symbol, symbol.lower(), f" {symbol} ", f"{code}.{long}", f"{code}.{other}", f"{exchange}{code}", f"{exchange.lower()}.{code}",
        f"{code}{exchange}", f"{other}:{code}", code, f'="{code}"', f"'{code}", f"{code}\t", f"{long}.{code}", f"{code}.{long.lower()}",
    ]  # fmt: skip


@settings(deadline=None)
@given(st.lists(st.tuples(CODES, st.integers(0, 14)), min_size=1, max_size=20))
def test_a_stock_is_read_in_every_form(rows) -> None:
    cells = pl.Series([symbol_forms(symbol)[at] for symbol, at in rows])
    assert read_symbols(cells, EXCHANGES, STOCKS).to_list() == [symbol for symbol, _ in rows]


@settings(deadline=None)
@given(st.lists(CODES, min_size=1, max_size=20), st.sampled_from([pl.Int64, pl.Int32, pl.Float64]))
def test_a_number_is_a_code_that_lost_its_zeros(symbols, dtype) -> None:
    cells = pl.Series([int(symbol[:6]) for symbol in symbols], dtype=pl.Int64).cast(dtype)
    assert read_symbols(cells, EXCHANGES, STOCKS).to_list() == symbols


def test_an_index_is_no_stock_of_the_same_number() -> None:
    forms = pl.Series(["000001", "000905.XSHG", "SH000905", "sh.000905", "399905", "905"])
    assert read_symbols(forms, EXCHANGES, INDICES).to_list() == [
        "000001.SH",
        "000905.SH",
        "000905.SH",
        "000905.SH",
        "399905.SZ",
        "000905.SH",
    ]
    assert read_symbols(pl.Series(["000001"]), EXCHANGES, STOCKS).to_list() == ["000001.SZ"]


@pytest.mark.parametrize(
    "text", ["00700.HK", "00700", "510050", "AAPL", "000905.CSI", "600519.XX", "6005190", "贵州茅台"]
)
def test_a_code_of_no_stock_stays_as_delivered(text) -> None:
    assert read_symbols(pl.Series([text, None]), EXCHANGES, STOCKS).to_list() == [text, None]


def test_a_new_range_of_the_rulebook_is_read() -> None:
    assert read_symbols(pl.Series(["700001"]), EXCHANGES, STOCKS).to_list() == ["700001"]
    assert read_symbols(pl.Series(["700001"]), EXCHANGES, [*STOCKS, (700_000, 700_999, "SZ")]).to_list() == [
        "700001.SZ"
    ]
    disputed = [*STOCKS, (600_000, 600_999, "SZ")]  # a code of two exchanges is not guessed
    assert read_symbols(pl.Series(["600519", "600519.SS"]), EXCHANGES, disputed).to_list() == ["600519", "600519.SH"]


def test_codes_of_beijing_are_read() -> None:
    assert read_symbols(pl.Series(["830799", "920001", "bj430047"]), EXCHANGES, STOCKS).to_list() == [
        "830799.BJ",
        "920001.BJ",
        "430047.BJ",
    ]


# --- codes of stocks by day -----------------------------------------------------------------------------------------------------


def codes_with(since: dt.date) -> StockCodes:
    """The shipped codes, and 700000 to 700999 of Shanghai from a day on."""
    row = BoardCodes(
        since=since, source="a test", board="main_sh", exchange="SH", first=700_000, last=700_999
    )  # fmt: skip
    return StockCodes.of((*RulebookSettings().boards, row))


@settings(deadline=None)
@given(st.dates(dt.date(2020, 1, 1), dt.date(2020, 12, 31)), st.dates(dt.date(2020, 1, 1), dt.date(2020, 12, 31)))
def test_a_range_that_a_user_adds_applies_from_its_day_on(since: dt.date, day: dt.date) -> None:
    codes, cells = codes_with(since), pl.Series(["700001", "600519", "1", "430001"])
    dates = pl.Series([day] * 4)
    read = codes.read(cells, dates, EXCHANGES).to_list()
    assert read == ["700001.SH" if day >= since else "700001", "600519.SH", "000001.SZ", "430001.BJ"]
    assert read == read_symbols(cells, EXCHANGES, codes.on(day)).to_list()
    shipped = StockCodes.of(RulebookSettings().boards)
    assert shipped == StockCodes.of()
    if day < since:
        assert read == shipped.read(cells, dates, EXCHANGES).to_list()


def test_rows_of_one_table_are_read_by_their_own_days() -> None:
    since = dt.date(2020, 6, 1)
    dates = pl.Series([since - dt.timedelta(days=1), since, None, since + dt.timedelta(days=9)])
    read = codes_with(since).read(pl.Series(["700001"] * 4), dates, EXCHANGES)
    assert read.to_list() == ["700001", "700001.SH", "700001.SH", "700001.SH"]
