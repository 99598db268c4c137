"""What a whole file of bars betrays: each way in which vendors deliver something else than one-minute bars as traded."""

import datetime as dt
from collections.abc import Iterable

import numpy as np
import polars as pl
import pytest

from assets.delivered_bars import diagnosis
from assets.delivered_bars.reasons import (
    ABSENT_MINUTES,
    AUCTION_BAR_ABSENT,
    CLOSES_AT_LIMITS,
    COARSE_BARS,
    COARSE_BARS_BY_ENDS,
    END_LABELS,
    END_LABELS_WITH_LUNCH,
    HALT_BY_CLOSES,
    HALT_BY_VOLUMES,
)
from assets.tape_health.assets import tape_health
from resources import clock
from resources.gate import judge
from resources.reason_words import describe
from resources.reasons import Code, Reason
from resources.settings.bars import BarsSettings
from tests.tapes import DAILY, Day, Landing, as_read

DATE = dt.date(2023, 2, 1)
NAME = "bars/20230201.parquet"
NO_TICKS = {"trades": {"price": "no ticks/20230201 in the landing zone", "bid_order": "no ticks/20230201"}}
CODES = ("600101.SH", "600102.SH", "601103.SH", "688104.SH", "000201.SZ", "000202.SZ", "002203.SZ", "300204.SZ")


def honest(
    names: int = 8, *, traded: float = 0.97, seed: int = 1, grid: tuple[int, ...] = clock.DAY_BARS
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Dense bars of a day on these minutes and the day's prices that agree with them."""
    rng = np.random.default_rng(seed)
    bars, days = [], []
    for name in CODES[:names]:
        cents, pre = 1000 + int(rng.integers(0, 3000)), None
        low = high = first = None
        volumes, amounts = 0, 0.0
        pre = cents
        for minute in grid:
            ends = minute in (clock.OPENING_AUCTION, clock.CLOSING_AUCTION)
            if not ends and rng.random() > traded:
                bars.append((name, minute, *[cents / 100] * 4, 0, 0.0))
                continue
            opened = cents
            cents = max(900, cents + int(rng.integers(-3, 4)))
            top, bottom = max(opened, cents), min(opened, cents)
            if ends:
                opened = top = bottom = cents
            volume = int(rng.integers(1, 90)) * 100
            amount = volume * (opened + cents) / 200
            bars.append((name, minute, opened / 100, top / 100, bottom / 100, cents / 100, volume, amount))
            low, high, first = min(low or bottom, bottom), max(high or top, top), first or opened
            volumes, amounts = volumes + volume, amounts + amount
        days.append((name, pre / 100, first / 100, high / 100, low / 100, cents / 100, volumes, amounts))
    schema = ["symbol", "minute", "open", "high", "low", "close", "volume", "amount"]
    return pl.DataFrame(bars, schema=schema, orient="row"), pl.DataFrame(days, schema=DAILY, orient="row")


def closes(bars: pl.DataFrame) -> pl.DataFrame:
    return bars.select("symbol", "minute", "close")


def of(bars: pl.DataFrame, daily: pl.DataFrame | None, **settings) -> Day:
    landing = Landing(bars, path=NAME, date=DATE)
    return Day(daily=daily, landing=landing, unavailable=NO_TICKS, **settings)


def refusals(day: Day) -> dict[str, str]:
    verdicts = judge(tape_health.checks, {DATE: day.health.profile}, {DATE: day.health.unavailable})[DATE]
    refused = {name: verdict for name, verdict in verdicts.items() if verdict.refuses}
    assert_worded(verdict.text(language) for verdict in refused.values() for language in ("zh", "en"))
    return {name: verdict.text() for name, verdict in refused.items()}


def assert_worded(texts: Iterable[str]) -> None:
    """No reason is shown as it is stored, alone or inside another one."""
    assert [text for text in texts if "{" in text or "(cause = " in text] == []


def aside(day: Day) -> dict[str, str]:
    """The reasons of the stocks that are set aside, in words."""
    found = day.health.frame.filter(pl.col("verdict") == "set aside")
    reasons = {name: Reason.loads(reason) for name, reason in found.select("symbol", "reason").iter_rows()}
    assert_worded(describe(reason, language) for reason in reasons.values() for language in ("zh", "en"))
    return {name: str(reason) for name, reason in reasons.items()}


def judged(rows: pl.DataFrame, proven: bool) -> pl.DataFrame:
    """What diagnosis is handed of names of which all, or none, agree with daily_prices."""
    names = rows.select(pl.col("symbol").unique())
    return names.with_columns(adds_up=pl.lit(proven), closes=pl.lit(proven), lock=pl.lit(None, pl.Float64))


# --- honest deliveries ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("traded", [1.0, 0.97, 0.6, 0.2])
@pytest.mark.parametrize("names", [1, 2, 3, 8])
@pytest.mark.parametrize("form", ["all", "closes", "sparse", "sparse closes"])
def test_an_honest_file_of_any_size_and_liquidity_is_ok(traded: float, names: int, form: str):
    bars, daily = honest(names, traded=traded)
    if "sparse" in form:
        bars = bars.filter(pl.col("volume") > 0)
    if "closes" in form:
        bars = closes(bars)
    day = of(bars, daily)
    assert aside(day) == {}
    minutes = {*bars["minute"]}
    if "sparse closes" in form and clock.AFTERNOON not in minutes and not {565, 570} <= minutes:
        assert "starts or ends of bars" in refusals(day)["minutes_are_those_of_the_day"]
    else:
        assert refusals(day) == {}


def test_a_file_without_a_row_says_that_every_name_is_missing():
    bars, daily = honest()
    assert "were not delivered" in refusals(of(bars.clear(), daily))["tapes_cover_the_market"]


def test_without_daily_prices_nothing_is_compared():
    bars, _ = honest()
    day = of(bars, None)
    assert (aside(day), refusals(day)) == ({}, {})


# --- the day's prices against the bars ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "factor", "words"),
    [
        ("high", 1.01, "high or low there is wrong"),
        ("high", 10.0, "high or low there is wrong"),
        ("low", 0.99, "high or low there is wrong"),
        ("open", 1.01, "the open there is wrong"),
        ("high", 0.99, "its prices range from"),
        ("low", 1.01, "its prices range from"),
    ],
)
def test_a_daily_range_or_open_that_whole_bars_contradict(column: str, factor: float, words: str):
    bars, daily = honest()
    scaled = (pl.col(column) * factor).round(2)
    wrong = daily.with_columns(pl.when(pl.col("symbol") == CODES[2]).then(scaled).otherwise(column).alias(column))
    day = of(bars, wrong)
    assert list(aside(day)) == [CODES[2]]
    assert words in aside(day)[CODES[2]]
    assert refusals(day) == {}
    every = of(bars, daily.with_columns(scaled.alias(column)))
    assert words in refusals(every)["tapes_add_up"]


WHOLE = next(one for one in tape_health.checks if one.name == "daily_prices_agree_with_whole_bars")


def whole_bars_agree(day: Day) -> bool:
    return judge((WHOLE,), {DATE: day.health.profile}, {DATE: {}})[DATE][WHOLE.name].passed


@pytest.mark.parametrize(
    ("column", "cents"), [("open", 2), ("high", 1), ("high", 5000), ("low", -1), ("low", 1), ("close", 1)]
)
def test_a_price_of_daily_prices_that_whole_bars_contradict_is_implausible(column: str, cents: int):
    """The bars are set aside; the daily row is kept, and portfolios are priced by it."""
    bars, daily = honest()
    assert WHOLE.plausibility
    other = pl.col(column) + cents / 100
    wrong = daily.with_columns(pl.when(pl.col("symbol") == CODES[2]).then(other).otherwise(column).alias(column))
    assert whole_bars_agree(of(bars, daily))
    assert list(aside(of(bars, wrong))) == [CODES[2]]
    assert not whole_bars_agree(of(bars, wrong))


def test_bars_that_are_not_whole_or_are_adjusted_say_nothing_of_daily_prices():
    bars, daily = honest()
    first = pl.col("symbol") == CODES[0]
    prices = ("open", "high", "low", "close")
    adjusted = bars.with_columns(pl.when(first).then(pl.col(name) * 0.9).otherwise(name).alias(name) for name in prices)
    lost = bars.filter(~first | (pl.col("minute") < 880))
    for frame in (adjusted, lost, closes(bars)):
        assert whole_bars_agree(of(frame, daily))
    assert list(aside(of(adjusted, daily))) == list(aside(of(lost, daily))) == [CODES[0]]


def test_bars_that_lack_volume_or_prices_do_not_judge_the_daily_range():
    bars, daily = honest()
    wider = daily.with_columns(pl.col("high") + 1, pl.col("low") - 1)
    assert aside(of(closes(bars), wider)) == {}
    assert aside(of(bars.drop("high", "low"), wider)) == {}


def test_a_name_that_traded_without_a_row_of_daily_prices_is_implausible():
    bars, daily = honest()
    day = of(bars, daily.filter(pl.col("symbol") != CODES[2]))
    assert CODES[2] in aside(day)
    check = next(one for one in tape_health.checks if one.name == "traded_names_have_prices")
    assert check.plausibility
    verdict = judge((check,), {DATE: day.health.profile}, {DATE: {}})[DATE][check.name]
    assert not verdict.passed
    assert CODES[2] in verdict.text()
    for whole in (of(bars, daily), of(bars, None), of(bars.filter(pl.col("symbol") != CODES[2]), daily)):
        assert judge((check,), {DATE: whole.health.profile}, {DATE: {}})[DATE][check.name].passed


# --- minutes that occur for nobody ------------------------------------------------------------------------------------------


def ends(bars: pl.DataFrame) -> pl.DataFrame:
    """The same bars labelled by their ends; the auctions keep their labels."""
    inner = pl.col("minute").is_in(clock.GRID)
    return bars.with_columns(minute=pl.col("minute") + inner.cast(pl.Int64)).unique(["symbol", "minute"], keep="first")


def all_ends(bars: pl.DataFrame) -> pl.DataFrame:
    """The same with the opening auction at 09:30 and the closing auction at 15:00, as docs/deliveries.md describes ends."""
    return ends(bars).with_columns(pl.col("minute").replace({clock.OPENING_AUCTION: 570, clock.CLOSING_AUCTION: 900}))


def coarse(bars: pl.DataFrame, width: int, late: bool = False) -> pl.DataFrame:
    """Bars of several minutes, labelled by the start of the first or the end of the last."""
    start = pl.when(pl.col("minute") < 690).then(pl.lit(570)).otherwise(pl.lit(780))
    inside = pl.col("minute").clip(570, 899)
    label = start + (inside - start) // width * width + (width if late else 0)
    return (
        bars.with_columns(minute=label)
        .group_by("symbol", "minute", maintain_order=True)
        .agg(
            pl.col("open").first(), pl.col("high").max(), pl.col("low").min(), pl.col("close").last(), pl.col("volume", "amount").sum()
        )
    )  # fmt: skip


@pytest.mark.parametrize("form", ["all", "closes"])
@pytest.mark.parametrize(
    ("mutate", "code", "words"),
    [
        (ends, END_LABELS_WITH_LUNCH, "landing.bars.minute_labels = 'end'"),
        (lambda bars: ends(bars).filter(pl.col("minute") != 690), END_LABELS, "look like bar ends"),
        (lambda bars: all_ends(bars), END_LABELS_WITH_LUNCH, "minutes 13:00 occur for no stock, and 11:30 does"),
        (lambda bars: all_ends(bars).filter(pl.col("minute") <= 690), END_LABELS_WITH_LUNCH, "landing.bars.minute_labels = 'end'"),
        (lambda bars: coarse(bars, 5), COARSE_BARS, "these are 5-minute bars"),
        (lambda bars: coarse(bars, 5, late=True), COARSE_BARS_BY_ENDS, "of its ends"),
        (lambda bars: coarse(bars, 2), COARSE_BARS, "these are 2-minute bars"),
        (lambda bars: coarse(bars, 15), COARSE_BARS, "these are 15-minute bars"),
        (lambda bars: coarse(bars, 60), COARSE_BARS, "these are 60-minute bars"),
        (lambda bars: coarse(bars, 60, late=True), ABSENT_MINUTES, "a part of the day is lost"),
        (lambda bars: bars.filter(pl.col("minute") < 690), ABSENT_MINUTES, "13:00–14:56"),
        (lambda bars: bars.filter(pl.col("minute") >= 780), ABSENT_MINUTES, "09:30–11:29"),
        (lambda bars: bars.filter(~pl.col("minute").is_between(600, 629)), ABSENT_MINUTES, "30 of 237 minutes (10:00–10:29)"),
        (lambda bars: bars.filter(pl.col("minute") != 600), ABSENT_MINUTES, "1 of 237 minutes (10:00)"),
    ],
)  # fmt: skip
def test_minutes_that_occur_for_nobody_refuse_the_day(form: str, mutate, code: Code, words: str):
    bars, daily = honest()
    bars = mutate(bars)
    day = of(bars if form == "all" else closes(bars), daily)
    assert words in refusals(day)["minutes_are_those_of_the_day"]
    rows = diagnosis.minutes_of(bars if form == "all" else closes(bars))
    found = diagnosis.diagnose_minutes(rows, judged(rows, False), day.settings)
    assert [finding.reason.code for finding in found] == [code.name]


def with_the_auction_in_the_first_minute(bars: pl.DataFrame) -> pl.DataFrame:
    inside = pl.when(pl.col("minute") == clock.OPENING_AUCTION).then(570).otherwise("minute")
    return (
        bars.with_columns(minute=inside)
        .group_by("symbol", "minute", maintain_order=True)
        .agg(
            pl.col("open").first(), pl.col("high").max(), pl.col("low").min(), pl.col("close").last(), pl.col("volume", "amount").sum()
        )
    )  # fmt: skip


def test_an_opening_auction_inside_the_first_minute_is_noted_unless_it_is_declared():
    """The volumes add up, so that the auction is in another bar, the first minute."""
    bars, daily = honest()
    merged = with_the_auction_in_the_first_minute(bars)
    assert "landing.bars.opening_auction = 'first_bar'" in of(merged, daily).notes[AUCTION_BAR_ABSENT.name]
    declared = {"landing.bars.opening_auction": "first_bar"}
    for rows, known in ((as_read(merged, opening_auction="first_bar"), declared), (merged, declared), (bars, {})):
        minutes = diagnosis.minutes_of(rows)
        assert diagnosis.diagnose_minutes(minutes, judged(minutes, True), BarsSettings(), known) == []


def test_an_empty_bar_of_the_opening_auction_beside_one_that_is_in_the_first_minute_is_refused_unless_declared():
    bars, daily = honest()
    merged = with_the_auction_in_the_first_minute(bars)
    empty = bars.filter(pl.col("minute") == clock.OPENING_AUCTION).with_columns(
        pl.lit(0).cast(bars.schema[name]).alias(name) for name in ("volume", "amount")
    )
    both = pl.concat([merged.select(bars.columns), empty]).sort("symbol", "minute")
    refusal = refusals(of(both, daily))["minutes_are_those_of_the_day"]
    assert "(565) is empty for every stock" in refusal
    assert "landing.bars.opening_auction = 'first_bar'" in refusal
    minutes = diagnosis.minutes_of(as_read(both, opening_auction="first_bar"))
    declared = {"landing.bars.opening_auction": "first_bar"}
    assert diagnosis.diagnose_minutes(minutes, judged(minutes, True), BarsSettings(), declared) == []


def test_names_that_seldom_trade_may_all_miss_the_opening_auction():
    bars, daily = honest(3, traded=0.5)
    auction = pl.col("minute") == clock.OPENING_AUCTION
    first = bars.filter(~auction & (pl.col("volume") > 0)).group_by("symbol", maintain_order=True).first()
    bars = bars.with_columns(
        pl.when(auction).then(0).otherwise(name).cast(bars.schema[name]).alias(name) for name in ("volume", "amount")
    )
    sums = bars.group_by("symbol").agg(pl.col("volume", "amount").sum())
    left = bars.filter(pl.col("volume") > 0).group_by("symbol").agg(pl.col("high").max(), pl.col("low").min())
    day = (
        daily.drop("volume", "amount", "open", "high", "low").join(sums, on="symbol").join(left, on="symbol")
        .join(first.select("symbol", "open"), on="symbol").select(daily.columns)
    )  # fmt: skip
    assert refusals(of(bars, day)) == {}


@pytest.mark.parametrize("form", ["all", "closes"])
@pytest.mark.parametrize("first", [690, 780, 840])
def test_padding_is_no_trading(form: str, first: int):
    """The rest of the day filled in with the last price known."""
    bars, daily = honest()
    late = pl.col("minute") >= first
    last = pl.col("close").filter(~late).last().over("symbol")
    bars = bars.with_columns(
        *(pl.when(late).then(last).otherwise(name).alias(name) for name in ("open", "high", "low", "close")),
        *(pl.when(late).then(0).otherwise(name).alias(name) for name in ("volume", "amount")),
    )
    day = of(bars if form == "all" else closes(bars), daily)
    assert "a part of the day is lost or was filled in" in refusals(day)["minutes_are_those_of_the_day"]


@pytest.mark.parametrize("form", ["all", "closes", "dense closes"])
def test_a_halted_market_is_no_lost_part_of_the_day(form: str):
    """The circuit breaker of January 2016: trading ended at 09:59, for everybody."""
    grid = tuple(minute for minute in clock.DAY_BARS if minute < 600)
    bars, daily = honest(grid=grid)
    if form == "dense closes":
        whole = pl.DataFrame({"symbol": CODES}).join(pl.DataFrame({"minute": clock.DAY_BARS}), how="cross")
        bars = whole.join(bars.cast({"minute": pl.Int64}), on=["symbol", "minute"], how="left")
        bars = bars.with_columns(pl.col("close").forward_fill().over("symbol"))
    day = of(bars if form == "all" else closes(bars), daily)
    assert (refusals(day), aside(day)) == ({}, {})
    assert "the market was halted" in day.notes[(HALT_BY_VOLUMES if form == "all" else HALT_BY_CLOSES).name]


@pytest.mark.parametrize("form", ["all", "closes"])
def test_bars_and_days_of_the_lunch_break_agree_and_are_refused(form: str):
    """Both hold the morning alone, so that they add up. A halt that began in the break must be declared."""
    bars, daily = honest(grid=tuple(minute for minute in clock.DAY_BARS if minute < clock.LUNCH))
    bars = bars if form == "all" else closes(bars)
    assert "fetched in the lunch break" in refusals(of(bars, daily))["minutes_are_those_of_the_day"]
    halted = of(bars, daily, halt_at_lunch=True)
    assert (refusals(halted), aside(halted)) == ({}, {})
    assert "the market was halted" in halted.notes[(HALT_BY_VOLUMES if form == "all" else HALT_BY_CLOSES).name]


@pytest.mark.parametrize("noon", [False, True])
def test_a_halted_market_whose_grid_is_filled_up_has_no_end_labels(noon: bool):
    """The empty row of 11:30 is padding, not the last bar of the morning."""
    short, daily = honest(grid=tuple(minute for minute in clock.DAY_BARS if minute < 600))
    grid = sorted({*clock.DAY_BARS} | ({clock.LUNCH} if noon else set()))
    whole = pl.DataFrame({"symbol": CODES}).join(pl.DataFrame({"minute": grid}), how="cross")
    bars = whole.join(short, on=["symbol", "minute"], how="left").with_columns(
        pl.col("close").forward_fill().over("symbol"), pl.col("volume", "amount").fill_null(0)
    )
    prices = (pl.coalesce(name, "close").alias(name) for name in ("open", "high", "low"))
    day = of(bars.with_columns(*prices), daily)
    assert (refusals(day), aside(day)) == ({}, {})
    assert "the market was halted" in day.notes[HALT_BY_VOLUMES.name]


def test_a_halt_within_the_day_is_believed_only_where_volumes_prove_it():
    grid = tuple(minute for minute in clock.DAY_BARS if not 793 <= minute < 808)
    bars, daily = honest(grid=grid)
    assert refusals(of(bars, daily)) == {}
    assert "13:13–13:27" in refusals(of(closes(bars), daily))["minutes_are_those_of_the_day"]
    lost = bars.filter(~pl.col("minute").is_between(820, 849))  # these traded
    assert "13:40–14:09" in refusals(of(lost, daily))["minutes_are_those_of_the_day"]


# --- units, adjusted prices, doubles ----------------------------------------------------------------------------------------


def scaled(bars: pl.DataFrame, symbols=CODES, **factors: float) -> pl.DataFrame:
    chosen = pl.col("symbol").is_in(list(symbols))
    return bars.with_columns(
        pl.when(chosen).then(pl.col(name) * factor).otherwise(name).cast(bars.schema[name]).alias(name)
        for name, factor in factors.items()
    )


@pytest.mark.parametrize(
    ("factors", "words"),
    [
        ({"volume": 0.01}, "landing.bars.volume_unit = 'lots'"),
        ({"volume": 100}, "1e2 times that of daily_prices: it is in another unit"),
        ({"amount": 1e-3}, "landing.bars.amount_unit = 'thousand_yuan'"),
        ({"amount": 1e-4}, "landing.bars.amount_unit = 'ten_thousand_yuan'"),
        ({"amount": 1e3}, "1e3 times that of daily_prices: it is in another unit"),
        ({"volume": 1e-4}, "1e-4 times that of daily_prices: it is in another unit"),
        ({"volume": 0.01, "amount": 1e-3}, "landing.bars.volume_unit = 'lots'"),
    ],
)
def test_another_unit_is_named_with_its_setting(factors: dict, words: str):
    bars, daily = honest()
    bars = bars.with_columns(volume=pl.col("volume") * 100, amount=pl.col("amount") * 100)
    daily = daily.with_columns(volume=pl.col("volume") * 100, amount=pl.col("amount") * 100)
    day = of(scaled(bars, **factors), daily)
    refusal = refusals(day)["tapes_add_up"]
    assert refusal.index("8 × ") < refusal.index(words) < refusal.index("Remedy")
    assert "raise" not in refusal
    one = of(scaled(bars, CODES[:1], **factors), daily)
    assert list(aside(one)) == [CODES[0]]
    assert words in aside(one)[CODES[0]]
    assert refusals(one) == {}


def test_without_daily_prices_amount_over_volume_betrays_the_unit():
    bars, _ = honest()
    day = of(scaled(bars, volume=0.01), None)
    assert "landing.bars.volume_unit" in refusals(day)["tapes_add_up"]


@pytest.mark.parametrize("factor", [0.93, 0.5, 1.1, 8.0])
@pytest.mark.parametrize("form", ["all", "closes", "rounded"])
def test_adjusted_prices_set_the_name_aside_and_refuse_the_day(factor: float, form: str):
    bars, daily = honest()
    prices = dict.fromkeys(("open", "high", "low", "close"), factor)

    def adjusted(symbols) -> pl.DataFrame:
        frame = scaled(bars, symbols, **prices)
        if form == "rounded":
            frame = frame.with_columns(pl.col(*prices).round(2))
        return closes(frame) if form == "closes" else frame

    set_aside = aside(of(adjusted(CODES[:1]), daily))
    assert list(set_aside) == [CODES[0]]
    assert "adjusted for dividends or splits" in set_aside[CODES[0]]
    assert "8 × its last close" in refusals(of(adjusted(CODES), daily))["tapes_add_up"]


def test_prices_that_daily_prices_contradicts_set_the_name_aside():
    bars, daily = honest()
    first = pl.col("symbol") == CODES[0]
    higher = daily.with_columns(high=pl.when(first).then(pl.col("high") - 0.01).otherwise("high"))
    assert "its prices range from" in aside(of(bars, higher))[CODES[0]]
    closed = daily.with_columns(close=pl.when(first).then(pl.col("close") + 0.01).otherwise("close"))
    assert "its last close is" in aside(of(bars, closed))[CODES[0]]
    # Where no auction makes the close it is an average of the last minute.
    silent = bars.filter((pl.col("minute") != clock.CLOSING_AUCTION) | ~first)
    total = silent.filter(first).select(pl.col("volume", "amount").sum()).row(0)
    averaged = closed.with_columns(
        volume=pl.when(first).then(total[0]).otherwise("volume"),
        amount=pl.when(first).then(total[1]).otherwise("amount"),
    )
    set_aside = aside(of(silent, averaged))
    assert "its last close" not in set_aside.get(CODES[0], "")


@pytest.mark.parametrize(("date", "exchanges"), [(dt.date(2018, 8, 17), {"SZ"}), (dt.date(2018, 8, 20), {"SH", "SZ"})])
def test_the_official_close_was_an_average_where_no_auction_made_it(date: dt.date, exchanges: set[str]):
    """Shanghai has a closing auction since 2018-08-20, Shenzhen since 2006 (the rulebook)."""
    bars, daily = honest()
    inside = pl.when(pl.col("close") < pl.col("high")).then(0.01).otherwise(-0.01)
    other = daily.with_columns(close=pl.col("close") + inside)
    day = Day(daily=other, landing=Landing(bars, path=NAME, date=date), unavailable=NO_TICKS)
    assert {name[-2:] for name, row in day.verdicts.items() if row["verdict"] == "set aside"} == exchanges


def test_a_name_that_traded_without_a_row_of_daily_prices_is_set_aside():
    bars, daily = honest()
    for form in (bars, closes(bars)):
        set_aside = aside(of(form, daily.filter(pl.col("symbol") != CODES[3])))
        assert list(set_aside) == [CODES[3]]
        assert "no usable row of it" in set_aside[CODES[3]]
        assert "deliver these bars under its code of this day" in set_aside[CODES[3]]
    flat = bars.with_columns(
        *(pl.when(pl.col("symbol") == CODES[3]).then(10.0).otherwise(name).alias(name) for name in ("open", "high", "low", "close")),
        volume=pl.when(pl.col("symbol") == CODES[3]).then(0).otherwise("volume"),
        amount=pl.when(pl.col("symbol") == CODES[3]).then(0.0).otherwise("amount"),
    )  # fmt: skip
    for form in (flat, closes(flat)):  # suspended, and delivered as flat bars
        assert aside(of(form, daily.filter(pl.col("symbol") != CODES[3]))) == {}


@pytest.mark.parametrize("form", ["all", "closes"])
def test_of_two_symbols_with_the_same_bars_one_counts(form: str):
    bars, daily = honest()
    double = bars.filter(pl.col("symbol") == CODES[0]).with_columns(symbol=pl.lit("600999.SH"))
    both = pl.concat([bars, double])
    days = pl.concat([daily, daily.filter(pl.col("symbol") == CODES[0]).with_columns(symbol=pl.lit("600999.SH"))])
    set_aside = aside(of(both if form == "all" else closes(both), days))
    assert list(set_aside) == ["600999.SH"]
    assert f"{CODES[0]} in every minute" in set_aside["600999.SH"]


def test_bars_of_one_exchange_alone_do_not_cover_the_market():
    bars, daily = honest()
    half = bars.filter(pl.col("symbol").str.ends_with("SH"))
    assert "4 of 8 stocks" in refusals(of(half, daily))["tapes_cover_the_market"]
    assert refusals(of(half, daily, max_uncovered_share=0.5)) == {}


# --- closes of a market at its limits, labels of few closes ---------------------------------------------------------------------


def locked_market(start: int, free: int, seed: int = 1) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Closes, daily prices and limits of a day on which all stocks but so many are at their upper limit from a minute on; the free
    ones do not move from then on, but in the closing auction."""
    bars, daily = honest(seed=seed, traded=1.0)
    late, own = pl.col("minute") >= start, pl.col("symbol").is_in(CODES[:free])
    stays = late & ~(own & (pl.col("minute") == clock.CLOSING_AUCTION))
    lock = pl.col("close").filter(pl.col("minute") < start).max().over("symbol")
    bars = closes(bars).with_columns(close=pl.when(stays).then(lock).otherwise("close"))
    day = bars.group_by("symbol").agg(
        close=pl.col("close").last(), high=pl.col("close").max() + 0.03, low=pl.col("close").min() - 0.03
    )
    day = daily.drop("close", "high", "low").join(day, on="symbol").select(daily.columns)
    limits = bars.group_by("symbol").agg(limit_up=pl.col("close").max(), limit_down=pl.lit(1.0))
    limits = limits.with_columns(limit_up=pl.col("limit_up") + own.cast(pl.Float64))
    return bars, day, limits


def with_limits(bars: pl.DataFrame, daily: pl.DataFrame, limits: pl.DataFrame | None) -> Day:
    return Day(daily=daily, landing=Landing(bars, path=NAME, date=DATE, limits=limits), unavailable=NO_TICKS)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("start", [600, 780, 800])
@pytest.mark.parametrize("free", [0, 1])
def test_closes_of_a_market_at_its_limits_need_not_move(start: int, free: int, sparse: bool):
    bars, daily, limits = locked_market(start, free)
    if sparse:  # rows where something traded: of the locked names in the closing auction alone
        bars = bars.filter((pl.col("minute") <= start) | (pl.col("minute") == clock.CLOSING_AUCTION))
    day = with_limits(bars, daily, limits)
    assert (refusals(day), [*aside(day)]) == ({}, [*CODES[:free]])  # the free one may have been halted
    assert f"{8 - free} of 8 stocks are at their limit prices then" in day.notes[CLOSES_AT_LIMITS.name]


def test_closes_that_stand_still_elsewhere_are_lost_or_filled_in():
    bars, daily, limits = locked_market(780, 1)
    lost = "13:01–14:56) show no stock's price move"
    for other in (None, limits.with_columns(pl.col("limit_up") + 0.01)):
        day = with_limits(bars, daily, other)
        assert lost in refusals(day)["minutes_are_those_of_the_day"]
    more, days, prices = locked_market(780, 3)  # three names that are not at their limits, and yet none of them moves
    assert lost in refusals(with_limits(more, days, prices))["minutes_are_those_of_the_day"]
    opened = days.with_columns(pl.col("close") - 0.01)  # filled up, and closed elsewhere in truth
    assert refusals(with_limits(more, opened, prices))


@pytest.mark.parametrize("names", [1, 2, 3])
@pytest.mark.parametrize("traded", [1.0, 0.97, 0.3])
@pytest.mark.parametrize("auction", [565, 566, 570, None])
def test_labels_of_few_closes_are_not_guessed(names: int, traded: float, auction: int | None):
    """Labelled by the ends, without a bar of the last minute of the morning, as where 11:30 is no minute of the grid."""
    bars, daily = honest(names, traded=traded)
    bars = bars.filter(pl.col("volume") > 0)
    last = ends(closes(bars)).with_columns(
        minute=pl.col("minute").replace({clock.OPENING_AUCTION: auction, clock.CLOSING_AUCTION: 900})
    )
    last = last.filter((pl.col("minute") != 690) & pl.col("minute").is_not_null()).unique(
        ["symbol", "minute"], keep="last"
    )
    refusal = refusals(of(last, daily))["minutes_are_those_of_the_day"]
    assert "landing.bars.minute_labels = 'end'" in refusal
    declared = Day(daily=daily, landing=Landing(last, path=NAME, date=DATE, minute_labels="end"), unavailable=NO_TICKS)
    assert "minutes_are_those_of_the_day" not in refusals(declared)


@pytest.mark.parametrize("names", [1, 2, 3])
def test_few_closes_with_the_first_minutes_of_the_day_are_labelled_by_their_starts(names: int):
    bars, daily = honest(names)
    for form in (
        bars,
        bars.filter(pl.col("minute") != clock.AFTERNOON),
        bars.filter(~pl.col("minute").is_in([565, 570])),
    ):
        day = of(closes(form), daily)
        assert (refusals(day), aside(day)) == ({}, {})


# --- highs and lows of snapshots ------------------------------------------------------------------------------------------------


def sampled(bars: pl.DataFrame, daily: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Bars whose highs and lows are those of snapshots, on a day whose extremes fell between two of them, for every name."""
    return bars, daily.with_columns(pl.col("high") + 0.02, pl.col("low") - 0.02)


def declared_sampled(bars: pl.DataFrame, daily: pl.DataFrame) -> Day:
    return Day(daily=daily, landing=Landing(bars, path=NAME, date=DATE, extremes="snapshots"), unavailable=NO_TICKS)


def test_highs_and_lows_of_snapshots_are_named_and_read_where_they_are_declared():
    bars, daily = sampled(*honest())
    plain = of(bars, daily)
    assert "landing.bars.extremes = 'snapshots'" in refusals(plain)["tapes_add_up"]
    assert not whole_bars_agree(plain)
    day = declared_sampled(bars, daily)
    assert (refusals(day), aside(day)) == ({}, {})
    assert whole_bars_agree(day)


@pytest.mark.parametrize(("column", "cents"), [("high", -3), ("low", 3), ("close", 1), ("high", 5000), ("low", -500)])
def test_declared_snapshots_never_lie_outside_the_day_nor_far_inside(column: str, cents: int):
    """The close and what lies outside are as strict as ever; an extreme that is far away is no trade between snapshots."""
    bars, daily = sampled(*honest())
    other = pl.when(pl.col("symbol") == CODES[2]).then(pl.col(column) + cents / 100).otherwise(column)
    day = declared_sampled(bars, daily.with_columns(other.round(2).alias(column)))
    assert [*aside(day)] == [CODES[2]]
    assert "landing.bars.extremes" not in aside(day)[CODES[2]]


@pytest.mark.parametrize("auction", [True, False])
def test_the_first_snapshot_may_miss_the_first_trade_but_not_the_auction(auction: bool):
    bars, daily = sampled(*honest())
    if not auction:
        opening = pl.col("minute") == clock.OPENING_AUCTION
        sums = bars.filter(~opening).group_by("symbol").agg(pl.col("volume", "amount").sum())
        bars = bars.filter(~opening)
        daily = daily.drop("volume", "amount").join(sums, on="symbol").select(daily.columns)
    other = pl.when(pl.col("symbol") == CODES[2]).then(pl.col("open") + 0.01).otherwise("open")
    day = declared_sampled(bars, daily.with_columns(other.round(2).alias("open")))
    assert [*aside(day)] == ([CODES[2]] if auction else [])
