"""Tests new shares that are counted after or before the ex-date: the row is used, and its counts where they correspond to its prices."""

import datetime as dt
import random
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.reference.assets import daily_prices
from assets.reference.late_shares import with_late_shares
from assets.reference.make_daily_prices import make_daily_prices
from resources.gate import judge
from resources.made import Made
from resources.reasons import describe_column
from resources.settings.reference import ReferenceSettings
from tests.making import run_make
from tests.reference.small_reference import CALENDAR, landed

DAYS = CALENDAR.days(dt.date(2023, 4, 3), dt.date(2023, 4, 24))
EX = 7  # the ex-date's place among the days
NAMES = [f"{600000 + n}.SH" for n in range(36)]
SETTINGS = ReferenceSettings()
Tables = dict[str, pl.DataFrame]


def market(issues: dict[str, tuple[float, int]], seed: int = 2) -> Tables:
    """Return a market of 36 stocks.

    issues: stock → (factor on the ex-date, days from it until the new shares are counted, negative if before it).
    """
    rng = random.Random(seed)
    rows = []
    for name in NAMES:
        close, shares = rng.randint(2000, 6000), 120_000_000
        factor, delay = issues.get(name, (1.0, 0))
        for number, day in enumerate(DAYS):
            pre = round(close / factor) if number == EX else close
            counted = round(shares * factor) if number >= EX + delay else shares
            close = round(pre * (1 + rng.uniform(-0.03, 0.03)))
            low, high = min(pre, close), max(pre, close)
            volume = 1_000_000
            prices = (pre, pre, high, low, close)
            amount = volume * (low + high) / 200
            rows.append((day, name, *(p / 100 for p in prices), volume, amount, counted // 2, counted, False))
    columns = ["date", "symbol", "pre_close", "open", "high", "low", "close", "volume", "amount", "float_shares",
               "total_shares", "is_st"]  # fmt: skip
    listed = pl.DataFrame({"symbol": NAMES, "list_date": dt.date(2001, 1, 4), "delist_date": None})
    return {
        "daily_prices": pl.DataFrame(rows, schema=columns, orient="row"),
        "instruments": listed.with_columns(pl.col("delist_date").cast(pl.Date)),
    }


def built(
    tables: Tables, folder: Path, number: int, settings: ReferenceSettings = SETTINGS
) -> tuple[Made, list[str], dict[str, str]]:
    """Return (the partition of a day, the checks that refuse it, stock → the reason of a row or count set aside)."""
    day = DAYS[number]
    made = run_make(
        make_daily_prices,
        date=day,
        landing=landed(folder, tables).view(day, daily_prices.lands),
        calendar=CALENDAR,
        settings=settings,
    )
    verdicts = judge(daily_prices.checks, {day: made.profile}, {day: made.unavailable})[day]
    files = made.files.get("set_aside.parquet")
    aside = {} if files is None else _in_words(pl.read_parquet(files))
    return made, [name for name, verdict in verdicts.items() if verdict.refuses], aside


def _in_words(aside: pl.DataFrame) -> dict[str, str]:
    return dict(zip(aside["symbol"], describe_column(aside["reason"]), strict=True))


@pytest.mark.parametrize("factor", [1.4, 2.0, 3.0])
@pytest.mark.parametrize("delay", [-3, -1, 0, 1, 2, 3, 4, 60])
def test_counts_are_left_out_until_they_correspond_to_prices(tmp_path: Path, factor: float, delay: int) -> None:
    """Four of 36 stocks have an issue on one day; every day is built with the prices of every stock."""
    chosen = NAMES[8:12]
    tables = market(dict.fromkeys(chosen, (factor, delay)))
    for number in range(EX - 3, len(DAYS)):
        made, refused, aside = built(tables, tmp_path / str(number), number)
        assert made.frame["symbol"].to_list() == NAMES
        late = chosen if EX <= number < EX + min(delay, SETTINGS.late_share_days + 1) else []
        assert sorted(aside) == late
        assert made.frame.filter(pl.col("total_shares").is_null())["symbol"].to_list() == late
        assert made.frame.filter(pl.col("float_shares").is_null())["symbol"].to_list() == late
        for reason in aside.values():
            assert f"on {DAYS[EX]}, as when shares are divided, and total_shares = 120000000 after 120000000" in reason
        # Counts that jump before the price does, or long after it, are taken for another unit.
        strange = number == EX + delay and (delay < 0 or delay > SETTINGS.late_share_days)
        assert refused == (["nearly_all_rows_usable"] if strange else [])


@pytest.mark.parametrize("first", [EX, EX + 1, EX + 2])
def test_the_first_counts_of_a_table_are_used(tmp_path: Path, first: int) -> None:
    """Counts are delivered from the ex-date on, or from a later day on: there is no earlier count that they could repeat."""
    chosen = NAMES[8:20]
    tables = market(dict.fromkeys(chosen, (2.0, 0)))
    prices = tables["daily_prices"]
    known = [pl.when(pl.col("date") >= DAYS[first]).then(n).alias(n) for n in ("float_shares", "total_shares")]
    tables |= {"daily_prices": prices.with_columns(known)}
    for number in range(first, EX + 5):
        made, refused, aside = built(tables, tmp_path / str(number), number)
        assert (refused, aside) == ([], {})
        own = prices.filter(pl.col("date") == DAYS[number])
        for name in ("symbol", "float_shares", "total_shares"):
            assert made.frame[name].to_list() == own[name].to_list()


@pytest.mark.parametrize("delay", [0, 2])
def test_late_counts_are_left_out_where_the_day_before_has_none(tmp_path: Path, delay: int) -> None:
    chosen = NAMES[8:12]
    tables = market(dict.fromkeys(chosen, (2.0, delay)))
    lost = (pl.col("date") == DAYS[EX - 1]) & pl.col("symbol").is_in(chosen)
    counts = [pl.when(~lost).then(name).alias(name) for name in ("float_shares", "total_shares")]
    tables |= {"daily_prices": tables["daily_prices"].with_columns(counts)}
    for number in range(EX, EX + 4):
        made, _, aside = built(tables, tmp_path / str(number), number)
        late = chosen if number < EX + delay else []
        assert made.frame["symbol"].to_list() == NAMES
        assert sorted(aside) == late
        assert made.frame.filter(pl.col("total_shares").is_null())["symbol"].to_list() == late


def test_a_market_of_late_counts_is_refused(tmp_path: Path) -> None:
    tables = market(dict.fromkeys(NAMES[:12], (2.0, 1)))
    made, refused, _ = built(tables, tmp_path, EX)
    assert refused == ["nearly_all_rows_usable"]
    assert made.frame.height == 36
    assert built(tables, tmp_path, EX, ReferenceSettings(max_late_shares=0.5))[1] == []
    assert built(tables, tmp_path, EX + 1)[1] == []


def test_a_wrong_previous_close_is_no_issue(tmp_path: Path) -> None:
    """With a halved pre_close and unchanged prices, the row is set aside, and the days after it are used completely."""
    row = (pl.col("date") == DAYS[EX]) & (pl.col("symbol") == NAMES[3])
    tables = market({})
    halved = pl.when(row).then((pl.col("pre_close") / 2).round(2)).otherwise("pre_close").alias("pre_close")
    tables |= {"daily_prices": tables["daily_prices"].with_columns(halved)}
    made, refused, aside = built(tables, tmp_path, EX)
    assert "no new shares explain it" in aside[NAMES[3]]
    assert NAMES[3] not in made.frame["symbol"]
    assert refused == []
    for number in range(EX + 1, len(DAYS)):
        made, refused, aside = built(tables, tmp_path, number)
        assert (refused, aside) == ([], {})
        assert made.frame["total_shares"].null_count() == 0


def test_without_the_setting_the_row_is_set_aside(tmp_path: Path) -> None:
    made, _, aside = built(market({NAMES[3]: (2.0, 1)}), tmp_path, EX, ReferenceSettings(late_share_days=0))
    assert NAMES[3] not in made.frame["symbol"]
    assert "no new shares explain it" in aside[NAMES[3]]


@pytest.mark.parametrize("delay", [-2, 1, 2])
def test_later_data_do_not_change_a_day(tmp_path: Path, delay: int) -> None:
    tables = market({NAMES[3]: (2.0, delay)})
    for number in range(EX - 2, EX + 4):
        cut = tables | {"daily_prices": tables["daily_prices"].filter(pl.col("date") <= DAYS[number])}
        whole, alone = built(tables, tmp_path / "whole", number), built(cut, tmp_path / f"cut_{number}", number)
        assert whole[0].frame.equals(alone[0].frame)
        assert whole[1:] == alone[1:]


Row = tuple[float, float, int]


@given(
    st.lists(st.tuples(st.sampled_from([1.0, 1.0, 1.0, 1.3, 2.0]), st.floats(0.92, 1.08), st.sampled_from([1, 1, 2])), min_size=5, max_size=9),
    st.integers(1, 4),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_late_and_following_counts_equal_plain_loops(steps: list[Row], late_days: int) -> None:
    """pre_close may fall and the shares of one stock may rise in any way."""
    days = DAYS[: len(steps)]
    close, shares, rows = 100.0, 1_000_000, []
    for fall, move, more in steps:
        pre, shares = close / fall, shares * more
        close = pre * move
        rows.append((pre, close, shares))
    slack = 1.2

    def plain() -> tuple[bool, bool]:
        for e in range(len(rows) - 1, max(0, len(rows) - 1 - late_days) - 1, -1):
            if e == 0:
                continue
            pre, ex_close, count = rows[e]
            factor = rows[e - 1][1] / pre
            if not factor * 0.8 > max(count / rows[e - 1][2], 1.0):
                continue
            if e == len(rows) - 1 and not ex_close < rows[e - 1][1] * 0.9 - 0.005:
                return False, False
            lags = [rows[e - k][2] for k in range(1, late_days + 2) if e - k >= 0]
            follows = any(1 / slack <= rows[-1][2] / lag / factor <= slack for lag in lags)
            return not follows, follows
        return False, False

    frame = pl.DataFrame(
        [(day, "A", pre, max(pre, now), min(pre, now), now, 1, count) for day, (pre, now, count) in zip(days, rows, strict=True)],
        schema=["date", "symbol", "pre_close", "high", "low", "close", "volume", "total_shares"], orient="row",
    )  # fmt: skip
    today = frame[-1:].with_columns(last_close=frame["close"][-2], limit_down=pl.col("pre_close") * 0.9)
    chosen = ReferenceSettings(late_share_days=late_days)
    found = with_late_shares(today, frame[:-1], list(days[-1 - late_days : -1]), chosen)
    assert found.select("shares_late", "shares_follow").row(0) == plain()
