"""Bars in the forms of other systems: labels of starts and ends, times of day, units, auctions in other bars."""

import datetime as dt
import io
import random
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.delivered_bars.rows import delivered_bars
from resources import bar_forms, clock
from resources.bar_forms import BARS, read_bars, start_minute
from resources.delivered_files import DeliveredTable
from resources.errors import InputError
from resources.landing import LandingZone
from resources.reasons import describe_column
from resources.rulebook import Rulebook
from resources.settings.landing import LandingSettings
from resources.table import Land
from tests.resources.deliveries import SYMBOL_SPELLINGS
from tests.tapes import as_read

DATE = dt.date(2023, 2, 1)
NAME = "bars/20230201.parquet"
NAMES = ["600101.SH", "000201.SZ"]
RULES = Rulebook.on(DATE)
CLOSING_PARTS = (897, 898, 899)


def minutes_of_a_day(seed: int = 0, names=NAMES, closing=CLOSING_PARTS, opening: bool = True) -> pl.DataFrame:
    """Start-labelled bars with every part of the closing bar by itself: whole shares and cents."""
    generator = np.random.default_rng(seed)
    rows = []
    for symbol in names:
        price = 20.0
        for minute in (*([565] if opening else []), *clock.GRID, *closing):
            steps = np.round(price + generator.integers(-3, 4, 4) / 100, 2)
            volume = int(generator.integers(0, 50)) * 100
            if volume == 0:
                steps[:] = price
            price = float(steps[3])
            rows.append((symbol, minute, float(steps[0]), float(steps.max()), float(steps.min()), price, volume, round(volume * price, 2), volume // 100))  # fmt: skip
    schema = {
        name: BARS[name] for name in ("symbol", "minute", "open", "high", "low", "close", "volume", "amount", "trades")
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def plain_folded(bars: pl.DataFrame) -> dict[tuple[str, int], tuple]:
    """(symbol, bar) → open, high, low, close, volume, amount, trades; row by row."""
    parts: dict[tuple[str, int], list[tuple]] = {}
    for symbol, minute, *values in bars.sort("symbol", "minute").iter_rows():
        bar = 897 if 897 <= minute <= 900 else 905 if minute >= 905 else minute
        parts.setdefault((symbol, bar), []).append(tuple(values))
    result = {}
    for key, rows in parts.items():
        traded = [row for row in rows if row[4] > 0] or rows
        result[key] = (
            traded[0][0], max(r[1] for r in traded), min(r[2] for r in traded), traded[-1][3],
            sum(r[4] for r in rows), sum(r[5] for r in rows), sum(r[6] for r in rows),
        )  # fmt: skip
    return result


def as_dict(bars: pl.DataFrame) -> dict[tuple[str, int], tuple]:
    assert bars["unreadable"].null_count() == bars.height
    assert not bars.select(pl.struct("symbol", "minute").is_duplicated()).to_series().any()
    return {(row[0], row[1]): row[2:] for row in bars.drop("unreadable").iter_rows()}


def close_to(one: dict, other: dict) -> None:
    assert one.keys() == other.keys()
    for key, values in one.items():
        assert values == pytest.approx(other[key], abs=1e-6), key


def to_ends(bars: pl.DataFrame, opening: int = 570) -> pl.DataFrame:
    """The same bars labelled by their ends; the opening auction as 09:25, 09:26 or 09:30."""
    return bars.with_columns(
        minute=pl.when(pl.col("minute") == 565).then(opening).otherwise(pl.col("minute") + 1).cast(pl.Int32)
    )


# --- which minutes make a bar -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "closing", [(897,), CLOSING_PARTS, (899,), (896, 897, 898, 899)[1:], (897, 898, 899, 900), (900,)]
)
def test_the_parts_of_the_closing_bar_are_folded(closing) -> None:
    bars = minutes_of_a_day(1, closing=closing)
    close_to(as_dict(as_read(bars)), plain_folded(bars))
    shuffled = bars.sample(fraction=1, shuffle=True, seed=3)
    close_to(as_dict(as_read(shuffled)), plain_folded(bars))


@settings(deadline=None, max_examples=25)
@given(
    st.integers(0, 2**31),
    st.sampled_from([565, 566, 570]),
    st.sampled_from([CLOSING_PARTS, (899,), (897, 898, 899, 900)]),
)
def test_ends_read_as_the_starts_they_are(seed, opening, closing) -> None:
    bars = minutes_of_a_day(seed, names=NAMES[:1], closing=closing)
    close_to(as_dict(as_read(to_ends(bars, opening), minute_labels="end")), plain_folded(bars))


def test_every_label_of_a_day_is_one_bar_or_none() -> None:
    """Against SPEC §1 written out: the minute from m to m + 1 has the start m and the end m + 1."""
    labels = pl.DataFrame({"minute": pl.Series(range(0, 1440), dtype=pl.Int32)})
    starts = dict(zip(range(1440), labels.select(start_minute("start")).to_series(), strict=True))
    ends = dict(zip(range(1440), labels.select(start_minute("end")).to_series(), strict=True))
    for minute in range(1440):
        if 897 <= minute <= 900:
            assert starts[minute] == 897
        elif 905 <= minute <= 930:
            assert starts[minute] == 905
        else:
            assert starts[minute] == minute
    for start in clock.GRID:
        assert ends[start + 1] == start
    assert {ends[m] for m in (898, 899, 900, 901)} == {897}
    assert {ends[m] for m in (565, 566, 570)} == {565}
    assert {ends[m] for m in range(905, 932)} == {905}
    read = {*(m + 1 for m in clock.GRID), 898, 899, 900, 901, 565, 566, 570, *range(905, 932)}
    assert {m for m in range(1440) if ends[m] is not None} == read


def test_a_label_of_ends_that_names_no_bar_is_reported() -> None:
    bars = minutes_of_a_day()  # starts, read as ends: 780 is the end of the minute from 12:59
    with pytest.raises(
        InputError, match=r"labelled 13:00 and none 11:30.*the labels are bar starts\. Remove the setting"
    ):
        as_read(bars, minute_labels="end")
    other = to_ends(bars.filter(pl.col("symbol") == NAMES[0])).with_columns(symbol=pl.lit("300204.SZ"))
    read = as_read(pl.concat([bars, other.select(bars.columns)]), minute_labels="end")
    unreadable = read.filter(pl.col("unreadable").is_not_null())
    assert unreadable["symbol"].unique().sort().to_list() == sorted(NAMES)
    assert (
        "minute = 780 is the end of no bar (landing.bars.minute_labels = 'end')"
        in describe_column(unreadable["unreadable"]).to_list()
    )
    assert delivered_bars(read, DATE, NAME, {}, RULES).rejected["symbol"].unique().sort().to_list() == sorted(NAMES)


def test_ends_that_nobody_declared_are_no_bars() -> None:
    delivered = delivered_bars(as_read(to_ends(minutes_of_a_day())), DATE, NAME, {}, RULES)
    assert describe_column(delivered.rejected["reason"]).unique().to_list() == ["minute 690 is not a bar of SPEC §1"]
    assert delivered.rejected["symbol"].unique().sort().to_list() == sorted(NAMES)


def test_a_repeated_minute_is_not_added_up() -> None:
    bars = minutes_of_a_day(names=NAMES[:1])
    twice = pl.concat([bars, bars.filter(pl.col("minute") == 898)])
    rejected = delivered_bars(as_read(twice), DATE, NAME, {}, RULES).rejected
    assert "the minute is duplicated" in describe_column(rejected["reason"]).to_list()


def test_closes_alone_fold_to_the_last_close() -> None:
    bars = minutes_of_a_day(names=NAMES[:1]).select("symbol", "minute", "close")
    read = as_read(bars)
    assert (
        read.filter(pl.col("minute") == 897)["close"].to_list()
        == bars.filter(pl.col("minute") == 899)["close"].to_list()
    )


def test_after_hours_minutes_make_one_bar() -> None:
    bars = minutes_of_a_day(names=NAMES[:1], closing=(897, 905, 910, 929))
    close_to(as_dict(as_read(bars)), plain_folded(bars))


def test_the_opening_auction_may_be_in_the_first_minute() -> None:
    bars = minutes_of_a_day(names=NAMES[:1], opening=False)
    read = as_read(bars, opening_auction="first_bar")
    first, auction = (read.filter(pl.col("minute") == minute).row(0, named=True) for minute in (570, 565))
    assert (auction["open"], auction["close"], auction["volume"], auction["amount"]) == (
        first["open"],
        first["open"],
        0,
        0.0,
    )
    close_to({k: v for k, v in as_dict(read).items() if k[1] != 565}, plain_folded(bars))
    with pytest.raises(InputError, match=r"opening_auction = 'first_bar'"):
        as_read(minutes_of_a_day().with_columns(volume=pl.lit(100)), opening_auction="first_bar")
    # The message names the labels of the file.
    ends = to_ends(minutes_of_a_day(opening=False)).with_columns(volume=pl.lit(100))
    ends = pl.concat(
        [ends, ends.filter(pl.col("minute") == 571).with_columns(minute=pl.lit(570, ends.schema["minute"]))]
    )
    message = r"2 bars of the opening auction \(labelled 09:30, which landing.bars.minute_labels = 'end' reads as the opening auction"
    with pytest.raises(InputError, match=message):
        as_read(ends, opening_auction="first_bar", minute_labels="end")


# --- what `minute` and `symbol` may look like ---------------------------------------------------------------------------

SHANGHAI_MINUTE = (pl.lit(DATE).cast(pl.Datetime) + pl.duration(minutes="minute")).alias("minute")
MINUTE_FORMS = {
    "integer": pl.col("minute").cast(pl.Int16),
    "float": pl.col("minute").cast(pl.Float64),
    "text": pl.col("minute").cast(pl.String),
    "clock": pl.format("{}:{}", (pl.col("minute") // 60).cast(pl.String).str.zfill(2), (pl.col("minute") % 60).cast(pl.String).str.zfill(2)),
    "clock with seconds": pl.format("{}:{}:00", pl.col("minute") // 60, (pl.col("minute") % 60).cast(pl.String).str.zfill(2)),
    "digits": pl.format("{}{}", (pl.col("minute") // 60).cast(pl.String).str.zfill(2), (pl.col("minute") % 60).cast(pl.String).str.zfill(2)),
    "six digits": pl.format("{}{}00", (pl.col("minute") // 60).cast(pl.String).str.zfill(2), (pl.col("minute") % 60).cast(pl.String).str.zfill(2)),
    "category": SHANGHAI_MINUTE.dt.to_string("%H:%M").cast(pl.Categorical),
    "time": SHANGHAI_MINUTE.dt.time(),
    "stamp": SHANGHAI_MINUTE,
    "stamp in Shanghai": SHANGHAI_MINUTE.dt.replace_time_zone("Asia/Shanghai"),
    "stamp in UTC": SHANGHAI_MINUTE.dt.replace_time_zone("Asia/Shanghai").dt.convert_time_zone("UTC").dt.cast_time_unit("ns"),
    "text stamp": SHANGHAI_MINUTE.dt.to_string("%Y-%m-%d %H:%M:%S"),
    "compact stamp": SHANGHAI_MINUTE.dt.to_string("%Y%m%d%H%M%S000"),
    "number stamp": SHANGHAI_MINUTE.dt.to_string("%Y%m%d%H%M").cast(pl.Int64),
}  # fmt: skip


@pytest.mark.parametrize("form", sorted(MINUTE_FORMS))
def test_a_minute_is_read_in_every_unambiguous_form(form: str) -> None:
    bars = minutes_of_a_day(names=NAMES[:1])
    read = as_read(bars.with_columns(MINUTE_FORMS[form].alias("minute")), date=DATE)
    close_to(as_dict(read), plain_folded(bars))


@pytest.mark.parametrize(
    ("minute", "why"),
    [
        (MINUTE_FORMS["digits"].cast(pl.Int64), "time of day without its colon"),
        (
            (SHANGHAI_MINUTE - pl.duration(days=1)).alias("minute"),
            "is of 2023-01-31 in Shanghai, not of the file's day",
        ),
        ((SHANGHAI_MINUTE + pl.duration(seconds=3)).alias("minute"), "no whole minute"),
        (pl.lit("half past nine"), "no minute of the day"),
        (pl.col("minute").cast(pl.Float64) + 0.5, "no whole number"),
        (pl.lit("25:00"), "no time of day"),
    ],
)
def test_a_minute_that_may_be_another_is_refused(minute: pl.Expr, why: str) -> None:
    bars = minutes_of_a_day(names=NAMES[:1]).with_columns(minute.alias("minute"))
    with pytest.raises(InputError, match=rf"none of the \d+ rows can be read: .*{why}") as caught:
        as_read(bars, date=DATE)
    assert bar_forms.WHAT_MINUTE_IS in str(caught.value)


@pytest.mark.parametrize("seconds", [100, 100_000])
@pytest.mark.parametrize("dtype", [pl.Int64, pl.Float64, pl.String])
def test_a_time_with_seconds_may_lose_its_0(seconds: int, dtype: type[pl.DataType]) -> None:
    """93000 and 93000000 are 09:30: no minute of the day is so large."""
    bars = minutes_of_a_day(names=NAMES[:1])
    clock = (pl.col("minute") // 60 * 100 + pl.col("minute") % 60).cast(pl.Int64) * seconds
    read = as_read(bars.with_columns(minute=clock.cast(dtype)), date=DATE)
    close_to(as_dict(read), plain_folded(bars))


@pytest.mark.parametrize("stamps", [False, True])
def test_minutes_in_utc_are_named(stamps: bool) -> None:
    bars = minutes_of_a_day()
    minute = pl.col("minute") - 480
    day = dt.datetime.combine(DATE, dt.time())
    early = bars.with_columns(minute=pl.lit(day) + pl.duration(minutes=minute) if stamps else minute)
    with pytest.raises(InputError, match=r"run from 01:25 to 0\d:\d\d, .*landing\.time_zone = 'UTC' where"):
        as_read(early, date=DATE)
    if stamps:
        table = DeliveredTable(early, pl.Series([None], dtype=pl.String).new_from_index(0, early.height))
        read = read_bars(table, DATE, NAME, LandingSettings(time_zone="UTC"))
        close_to(as_dict(read), plain_folded(bars))


def test_a_time_of_day_that_lost_its_0_sets_its_symbol_aside() -> None:
    """1300 is the time of day that it looks like, and 930 may be the minute 930 too."""
    bars = minutes_of_a_day(names=NAMES[:1]).with_columns(
        MINUTE_FORMS["digits"].str.strip_chars_start("0").alias("minute")
    )
    read = as_read(bars, date=DATE)
    assert describe_column(read["unreadable"].drop_nulls()).str.contains("lost its 0").all()
    assert delivered_bars(read, DATE, NAME, {}, RULES).rejected["symbol"].unique().to_list() == NAMES[:1]


def test_one_impossible_minute_sets_its_symbol_aside_alone() -> None:
    bars = minutes_of_a_day()
    bad = bars.with_columns(minute=pl.when(pl.int_range(pl.len()) == 5).then(9999).otherwise("minute"))
    rejected = delivered_bars(as_read(bad), DATE, NAME, {}, RULES).rejected
    assert rejected["symbol"].unique().to_list() == NAMES[:1]


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**31))
def test_bars_read_the_same_in_every_form(seed) -> None:
    """Each column in a spelling of its own: symbols, minutes, numbers as text, NaN for nothing."""
    chosen = random.Random(seed)
    bars = minutes_of_a_day(seed, names=NAMES)
    spelling = chosen.choice(SYMBOL_SPELLINGS)
    spelt = bars.with_columns(
        MINUTE_FORMS[chosen.choice(sorted(MINUTE_FORMS))].alias("minute"),
        symbol=pl.Series([spelling(symbol) for symbol in bars["symbol"]]),
        volume=chosen.choice(
            [pl.col("volume").cast(pl.String), pl.col("volume").cast(pl.Float64), pl.col("volume").cast(pl.UInt32)]
        ),
        amount=chosen.choice([pl.col("amount"), pl.col("amount").cast(pl.String)]),
    )
    close_to(as_dict(as_read(spelt, date=DATE)), plain_folded(bars))


def test_a_symbol_may_be_a_number() -> None:
    bars = minutes_of_a_day().with_columns(symbol=pl.col("symbol").str.slice(0, 6).cast(pl.Int64))
    assert as_read(bars)["symbol"].unique().sort().to_list() == sorted(NAMES)


# --- units, adjusted prices, what says nothing --------------------------------------------------------------------------


@pytest.mark.parametrize("as_text", [False, True])
def test_lots_and_thousand_yuan_are_read_where_declared(as_text: bool) -> None:
    bars = minutes_of_a_day()
    lots = bars.with_columns(pl.col("volume") / 100, pl.col("amount") / 1000)
    if as_text:
        lots = lots.with_columns(pl.col("volume", "amount").cast(pl.String))
    read = as_read(lots, volume_unit="lots", amount_unit="thousand_yuan")
    close_to(as_dict(read), plain_folded(bars))
    assert (
        as_read(bars.with_columns(pl.col("volume") // 100), volume_unit="lots")["volume"].sum() == bars["volume"].sum()
    )


def test_adjusted_bars_are_read_with_their_factor_alone() -> None:
    bars = minutes_of_a_day()
    adjusted = bars.with_columns(pl.col("open", "high", "low", "close") * 1.3, adjust_factor=pl.lit(1.3))
    close_to(as_dict(as_read(adjusted, prices="adjusted")), plain_folded(bars))
    with pytest.raises(
        InputError, match=r"landing\.bars\.prices declares adjusted prices, but the column adjust_factor"
    ):
        as_read(bars, prices="adjusted")


def test_nan_and_a_price_of_0_are_no_values() -> None:
    bars = minutes_of_a_day(names=NAMES[:1], closing=(897,))
    silent = bars.with_columns(
        pl.when(pl.col("volume") > 0).then(column).otherwise(float("nan")).alias(column)
        for column in ("volume", "amount", "close")
    )
    dense = delivered_bars(as_read(silent), DATE, NAME, {NAMES[0]: 20.0}, RULES)
    assert dense.rejected.is_empty()
    whole = delivered_bars(as_read(bars), DATE, NAME, {NAMES[0]: 20.0}, RULES)
    assert dense.frame.equals(whole.frame)
    zero = delivered_bars(as_read(bars.with_columns(open=pl.lit(0.0))), DATE, NAME, {NAMES[0]: 20.0}, RULES)
    assert zero.rejected.is_empty()
    traded = zero.frame.filter(pl.col("volume") > 0)
    assert traded["open"].null_count() == traded.height
    assert zero.frame["close"].equals(whole.frame["close"])


def test_an_amount_without_a_volume_sets_its_symbol_aside() -> None:
    bars = minutes_of_a_day()
    holed = bars.with_columns(
        volume=pl.when((pl.col("minute") == 600) & (pl.col("symbol") == NAMES[0]))
        .then(float("nan"))
        .otherwise("volume")
    )
    rejected = delivered_bars(as_read(holed.with_columns(amount=pl.col("amount") + 1)), DATE, NAME, {}, RULES).rejected
    assert rejected["symbol"].to_list() == NAMES[:1]
    assert "without a volume" in describe_column(rejected["reason"])[0]


# --- through the landing zone -------------------------------------------------------------------------------------------


def zone_of(tmp_path, bars: pl.DataFrame, **declared) -> LandingZone:
    (tmp_path / "bars").mkdir(exist_ok=True)
    buffer = io.BytesIO()
    bars.write_parquet(buffer)
    (tmp_path / "bars" / "20230201.parquet").write_bytes(buffer.getvalue())
    return LandingZone(tmp_path, settings=LandingSettings.model_validate({"bars": declared}))


def test_a_view_hands_out_what_is_declared_and_the_digest_says_so(tmp_path) -> None:
    bars = minutes_of_a_day()
    ends = to_ends(bars).rename({"symbol": "Symbol", "minute": " Minute"})
    plain, meant = zone_of(tmp_path, ends), zone_of(tmp_path, ends, minute_labels="end")
    read = meant.view(DATE, [Land("bars")]).bars()
    assert read is not None
    close_to(as_dict(read), plain_folded(bars))
    assert plain.digest("bars", DATE, False) != meant.digest("bars", DATE, False)
    assert meant.declared("bars") == {"landing.bars.minute_labels": "end"}
    assert zone_of(tmp_path, ends, minute_labels="end").digest("bars", DATE, False) == meant.digest("bars", DATE, False)


def test_rows_without_a_stocks_symbol_are_counted() -> None:
    bars = minutes_of_a_day()
    strange = pl.concat([bars, bars.head(3).with_columns(symbol=pl.Series(["", "AAPL", "510300.SH"]))])
    assert delivered_bars(as_read(strange), DATE, NAME, {}, RULES).others == 3


# --- a column of dates ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["date", "text", "number", "zoned"])
def test_a_column_date_must_name_the_day_of_the_file(form: str):
    day, other = dt.date(2023, 5, 12), dt.date(2023, 5, 11)

    def dated(days: list[dt.date]) -> DeliveredTable:
        dates: list[Any] = {
            "date": days,
            "text": [f"{one:%Y/%m/%d}" for one in days],
            "number": [int(f"{one:%Y%m%d}") for one in days],
            "zoned": [dt.datetime(one.year, one.month, one.day, tzinfo=ZoneInfo("Asia/Shanghai")) for one in days],
        }[form]
        rows = {"symbol": ["600519.SH"] * 3, "minute": [570, 571, 572], "close": [10.0, 10.1, 10.2], "date": dates}
        frame = pl.DataFrame(rows)
        return DeliveredTable(frame, pl.Series([None] * 3, dtype=pl.String))

    def read(days: list[dt.date]) -> pl.DataFrame:
        return read_bars(dated(days), day, "bars/20230512.parquet", LandingSettings())

    assert read([day] * 3)["unreadable"].null_count() == 3
    with pytest.raises(
        InputError, match="its column date holds 2023-05-11 in all of its 3 rows, but its name is of 2023-05-12"
    ):
        read([other] * 3)
    described = describe_column(read([day, other, day]).sort("minute")["unreadable"]).to_list()
    assert described == [None, "date = 2023-05-11 is another day than the file's, 2023-05-12", None]
