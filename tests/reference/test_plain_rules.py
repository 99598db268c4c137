"""Tests single rules of the reference tables, each against a plain computation or on rows that break it."""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.reference.diagnosis import (
    listed_at_start,
    share_faults,
    share_jumps,
    shifted_prices,
    strange_days,
    turnover_off,
)
from assets.reference.validate import Sifted, set_aside_unlisted, without_false_ends
from resources.reasons import describe_column
from resources.settings.reference import ReferenceSettings
from tests.reference.small_reference import CALENDAR, random_reference
from tests.reference.test_diagnosis import DAY, refusals, results

SETTINGS = ReferenceSettings()
D = dt.date

# --- share counts -------------------------------------------------------------------------------------------------------------

Shares = tuple[int | None, int | None, int, float, float | None, int | None]
SCHEMA = {
    "float_shares": pl.Int64,
    "total_shares": pl.Int64,
    "volume": pl.Int64,
    "pre_close": pl.Float64,
    "last_close": pl.Float64,
    "last_shares": pl.Int64,
}


def plain_jump(row: Shares) -> bool:
    _, total, _, pre_close, last_close, before = row
    if total is None or before is None or last_close is None:
        return False
    low, high = 1 / (1 + SETTINGS.max_unexplained_fall), 1 + SETTINGS.max_unexplained_fall
    ratio = total / before
    return not low <= ratio <= high and not low <= pre_close * ratio / last_close <= high


def plain_fault(row: Shares) -> str | None:
    floating, total, volume, _, _, before = row
    largest = (2**31 - 1, 2**32 - 1)
    if floating in largest or total in largest:
        return f"float_shares = {'–' if floating is None else floating} and total_shares = {'–' if total is None else total}: one of them is the largest"
    if floating is not None and total is not None and floating > total:
        return f"float_shares = {floating} are more than total_shares = {total}"
    if floating is not None and volume > floating:
        return f"volume = {volume} of one day is more than float_shares = {floating}"
    if floating is not None and total is not None and floating < 0.012 * total:
        return f"float_shares = {floating} are "
    if plain_jump(row):
        assert total is not None
        assert before is not None
        if not 1 / SETTINGS.max_share_change <= total / before <= SETTINGS.max_share_change:
            return f"total_shares = {total} are "
    return None


def judged_rows(rows: list[Shares]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCHEMA, orient="row").with_columns(shares_follow=pl.lit(False))


def found_faults(rows: list[Shares]) -> list[str | None]:
    frame = judged_rows(rows)
    message = [pl.when(holds).then(sentence) for holds, sentence in share_faults(SETTINGS)]
    return describe_column(frame.select(pl.coalesce(message)).to_series()).to_list()


counts = st.one_of(st.none(), st.integers(1, 10**10))
closes = st.floats(0.5, 500)
shares = st.tuples(counts, counts, st.integers(0, 10**9), closes, st.one_of(st.none(), closes), counts)


@given(st.lists(shares, min_size=1, max_size=20))
def test_share_faults_equal_plain_arithmetic(rows: list[Shares]) -> None:
    frame = judged_rows(rows)
    assert frame.select(share_jumps(SETTINGS)).to_series().to_list() == [plain_jump(row) for row in rows]
    for text, expected in zip(found_faults(rows), (plain_fault(row) for row in rows), strict=True):
        assert (text is None) == (expected is None)
        assert expected is None or text.startswith(expected)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ((1000, 1000, 1000, 10.0, 10.0, 1000), None),  # the whole float trades
        ((1001, 1000, 10, 10.0, 10.0, 1000), "float_shares = 1001 are more"),
        ((1000, 1000, 1001, 10.0, 10.0, 1000), "volume = 1001 of one day is more"),
        ((1200, 100_000, 10, 10.0, 10.0, 100_000), None),
        ((1199, 100_000, 10, 10.0, 10.0, 100_000), "float_shares = 1199 are 0.01199 of total_shares = 100000"),
        ((1000, 60_000, 10, 10.0, 10.0, 1000), "60.0 times those of the last day"),
        ((1000, 50_000, 10, 10.0, 10.0, 1000), None),  # a backdoor listing, at the bound and not beyond it
        ((1000, 60_000, 10, 10.0, 600.0, 1000), None),  # a split into sixty
        ((1000, 60_000, 10, 12.1, 600.0, 1000), "60.0 times"),  # the price does not show the split
        ((20, 20, 10, 10.0, 10.0, 1001), "0.01998 times"),
        ((20, 20, 10, 10.0, 10.0, 1000), None),
        ((None, 1000, 10**9, 10.0, 10.0, 1000), None),
        ((1000, 60_000, 10, 10.0, None, None), None),  # the first day of the stock
    ],
)
def test_share_counts_at_the_bounds(row: Shares, words: str | None) -> None:
    (text,) = found_faults([row])
    assert (text is None) == (words is None)
    assert words is None or words in text
    assert (text is None) == (plain_fault(row) is None)


def test_the_share_rules_are_ordered_by_likelihood() -> None:
    """A row that breaks all three is set aside by the first."""
    (text,) = found_faults([(10**8, 10**7, 10**9, 10.0, 10.0, 1000)])
    assert text is not None
    assert text.startswith("float_shares = 100000000 are more")


# --- dates of index closes ----------------------------------------------------------------------------------------------------

WINDOW = [D(2023, 9, 1) + dt.timedelta(days=n) for n in range(31)]  # to Sunday, 1 October 2023
FRIDAY = D(2023, 9, 22)


def strange(dates: list[dt.date], day: dt.date) -> list[str]:
    found = strange_days(pl.Series(sorted(dates), dtype=pl.Date), day, CALENDAR)
    return describe_column(found["detail"]).to_list()


def trading(day: dt.date) -> list[dt.date]:
    return CALENDAR.days(day - dt.timedelta(days=30), day)


@pytest.mark.parametrize("by", [1, -1, 2, 3])
def test_shifted_closes_are_reported(by: int) -> None:
    day = D(2023, 9, 26)
    shifted = [one + dt.timedelta(days=by) for one in trading(day)]
    (message,) = strange([one for one in shifted if one <= day], day)
    assert "its dates are shifted. Deliver each close under its own day" in message
    off = max(one for one in shifted if one <= day and not CALENDAR.is_trading_day(one))
    assert f"has closes of {off}, which is no trading day" in message


def test_habits_of_vendors_are_no_shift() -> None:
    every = trading(FRIDAY)
    assert strange(every, FRIDAY) == []
    assert strange([], FRIDAY) == []
    saturdays = [one + dt.timedelta(days=1) for one in every if one.weekday() == 4 and one < FRIDAY]
    assert strange([*every, *saturdays], FRIDAY) == []  # closes are repeated over the weekend
    assert strange([one for one in every if one != every[5]], FRIDAY) == []  # one close is lost
    assert strange(every[:-1], FRIDAY) == []  # today's close is missing, which another check reports
    assert strange(every[-3:], FRIDAY) == []  # the table begins here
    long_ago = [D(2023, 6, 3), *(one for one in CALENDAR.days(D(2023, 6, 1), FRIDAY) if one != D(2023, 6, 5))]
    assert strange(long_ago, FRIDAY) == []


@given(st.sets(st.sampled_from(WINDOW), min_size=1), st.integers(20, 30))
def test_strange_days_equal_a_plain_search(dates: set[dt.date], last: int) -> None:
    day = WINDOW[last]
    known = {one for one in dates if one <= day}
    off = [one for one in known if not CALENDAR.is_trading_day(one)]
    gone = [
        one for one in WINDOW[:last] if known and one > min(known) and CALENDAR.is_trading_day(one) and one not in known
    ]
    message = strange(sorted(known), day)
    assert bool(message) == bool(off and gone)
    if message:
        assert f"closes of {max(off)}, which is no trading day, and none of {max(gone)}, which is one" in message[0]


# --- equity -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("book", [0.003, 0.009, 0.011, 0.3, 9.9, 10.1, 15.0])
def test_an_implausible_median_book_refuses_the_day(tmp_path: Path, book: float) -> None:
    """The equity of every stock is inside the bounds of single stocks, which another check judges."""
    messages = refusals(results(with_books({}, book), tmp_path))
    bounds = SETTINGS.min_median_book <= book <= SETTINGS.max_median_book
    assert set(messages) == (set() if bounds else {"securities.fundamentals_in_yuan"})
    if not bounds:
        assert (
            f"is {book:.3g}. Equity, or the share counts of daily_prices, are in another unit" in messages.popitem()[1]
        )


@pytest.mark.parametrize("names", [4, 5])
def test_the_median_book_of_few_stocks_is_not_judged(tmp_path: Path, names: int) -> None:
    tables = with_books({}, 0.005)
    traded = tables["daily_prices"].filter(pl.col("date") == DAY)["symbol"].sort().head(names).to_list()
    tables["fundamentals"] = tables["fundamentals"].filter(pl.col("symbol").is_in(traded))
    messages = refusals(results(tables, tmp_path))
    assert ("securities.fundamentals_in_yuan" in messages) == (names >= SETTINGS.min_books)


def with_books(others: dict[str, float], book: float) -> dict[str, pl.DataFrame]:
    """Return a market in which each stock's equity is `book` times its market value, and its profit a fiftieth of that."""
    tables = random_reference(seed=4)
    last = tables["daily_prices"].filter(pl.col("date") <= DAY).sort("date").unique("symbol", keep="last")
    rows = [
        (symbol, period, period + dt.timedelta(days=30), 0.02 * equity, equity)
        for symbol, close, total in last.select("symbol", "close", "total_shares").sort("symbol").iter_rows()
        for period in (D(2014, 3, 31), D(2014, 6, 30), D(2014, 9, 30))
        if (equity := others.get(symbol, book) * close * total)
    ]
    schema = ["symbol", "period", "announce_date", "net_profit", "equity"]
    fundamentals = pl.DataFrame(rows, schema=schema, orient="row")
    return tables | {"fundamentals": fundamentals.cast(tables["fundamentals"].schema)}  # type: ignore[arg-type]


def test_the_median_is_judged_and_not_the_mean(tmp_path: Path) -> None:
    symbols = random_reference(seed=4)["instruments"]["symbol"].sort().to_list()
    few = dict.fromkeys(symbols[: len(symbols) // 3], 0.003)
    assert "securities.fundamentals_in_yuan" not in refusals(results(with_books(few, 0.5), tmp_path / "few"))
    most = dict.fromkeys(symbols[: 2 * len(symbols) // 3], 0.003)
    assert "securities.fundamentals_in_yuan" in refusals(results(with_books(most, 0.5), tmp_path / "most"))


# --- listing days ---------------------------------------------------------------------------------------------------------------

dates = st.dates(D(2014, 1, 1), D(2015, 4, 30))


@given(
    st.dictionaries(st.sampled_from([f"60000{n}.SH" for n in range(8)]), dates, min_size=1),
    st.dictionaries(st.sampled_from([f"60000{n}.SH" for n in range(8)]), dates),
)
def test_a_listing_after_the_first_trade_is_set_aside(listed: dict[str, dt.date], traded: dict[str, dt.date]) -> None:
    rows = pl.DataFrame({"symbol": list(listed), "list_date": list(listed.values())})
    before = rows.head(1).with_columns(reason=pl.lit("set aside before"))
    found = set_aside_unlisted(Sifted(rows, before), traded)
    wrong = [symbol for symbol, day in listed.items() if symbol in traded and traded[symbol] < day]
    assert found.usable["symbol"].to_list() == [symbol for symbol in listed if symbol not in wrong]
    assert found.usable.columns == ["symbol", "list_date"]
    assert found.aside["symbol"].to_list() == [before["symbol"][0], *wrong]
    late = found.aside.tail(len(wrong))
    for symbol, reason in zip(late["symbol"], describe_column(late["reason"]), strict=True) if wrong else ():
        since = f"list_date is {listed[symbol]}, and daily_prices has trades of it from {traded[symbol]} on, under this code or an earlier one"
        assert reason == since


def test_the_listing_of_a_stock_listed_after_its_first_trade_is_unknown(tmp_path: Path) -> None:
    tables = random_reference(seed=4)
    prices = tables["daily_prices"].filter(pl.col("volume") > 0)
    name = prices.filter(pl.col("date") == DAY)["symbol"].sort()[0]
    first = prices.filter(pl.col("symbol") == name)["date"].min()
    for late, known in ((0, True), (1, False)):
        day = first + dt.timedelta(days=late)  # type: ignore[operator]
        listed = pl.when(pl.col("symbol") == name).then(pl.lit(day)).otherwise("list_date")
        changed = tables | {"instruments": tables["instruments"].with_columns(list_date=listed)}
        found = results(changed, tmp_path / str(late))["securities"]
        assert (found.frame.filter(symbol=name)["listed_days"].item() is not None) == known
        aside = pl.read_parquet(found.files["set_aside.parquet"]) if "set_aside.parquet" in found.files else None
        message = aside is not None and name in aside.filter(pl.col("table") == "instruments")["symbol"].to_list()
        assert message != known


@given(
    st.dictionaries(st.sampled_from([f"60000{n}.SH" for n in range(8)]), st.none() | dates, min_size=1),
    st.dictionaries(st.sampled_from([f"60000{n}.SH" for n in range(8)]), dates),
)
@settings(deadline=None)
def test_a_delisting_date_before_later_trades_is_ignored(
    ends: dict[str, dt.date | None], traded: dict[str, dt.date]
) -> None:
    rows = pl.DataFrame(
        {"symbol": list(ends), "delist_date": list(ends.values())}, schema={"symbol": pl.String, "delist_date": pl.Date}
    )
    found = without_false_ends(Sifted(rows, rows.clear().with_columns(reason=pl.lit(""))), traded)
    wrong = [name for name, end in ends.items() if end is not None and name in traded and traded[name] > end]
    assert dict(found.usable.iter_rows()) == ends | dict.fromkeys(wrong)
    assert found.aside["symbol"].to_list() == wrong
    assert found.both == len(wrong)


@pytest.mark.parametrize(("names", "back", "refused"), [(1, 10, False), (1, 0, False), (40, 10, True), (40, 0, False)])
def test_delisting_dates_before_later_trades(tmp_path: Path, names: int, back: int, refused: bool) -> None:
    """back: trading days from the delist_date to the day; 0: a stock trades on its delist_date."""
    tables = random_reference(seed=4)
    today = tables["daily_prices"].filter(pl.col("date") == DAY, pl.col("volume") > 0)["symbol"].sort()
    chosen, honest = today[:names].to_list(), results(tables, tmp_path / "honest")["securities"]
    end = CALENDAR.offset(DAY, -back)
    wrong = (
        pl.when(pl.col("symbol").is_in(chosen) & (pl.col("list_date") < end)).then(pl.lit(end)).otherwise("delist_date")
    )
    found = results(tables | {"instruments": tables["instruments"].with_columns(delist_date=wrong)}, tmp_path / "wrong")
    messages = refusals(found, DAY)
    assert (set(messages) == {"securities.tables_usable"}) == refused
    if refused:
        assert "delist_date is" in messages["securities.tables_usable"]
    elif back:
        assert found["securities"].frame.equals(honest.frame)
        aside = pl.read_parquet(found["securities"].files["set_aside.parquet"]).filter(symbol=chosen[0])
        assert (
            f"delist_date is {end}, and daily_prices has trades of it after that"
            in describe_column(aside["reason"]).item()
        )
    else:
        assert "set_aside.parquet" not in found["securities"].files or honest.files == found["securities"].files


def test_a_disproved_delisting_date_does_not_remove_a_suspended_stock(tmp_path: Path) -> None:
    tables = random_reference(seed=4)
    prices, days = tables["daily_prices"], [CALENDAR.offset(DAY, -back) for back in (2, 1)]
    name = prices.filter(pl.col("date") == days[1], pl.col("volume") > 0)["symbol"].sort()[0]
    suspended = prices.filter(~((pl.col("symbol") == name) & (pl.col("date") == DAY)))
    for end, listed in zip(days, (True, False), strict=True):
        wrong = pl.when(pl.col("symbol") == name).then(pl.lit(end)).otherwise("delist_date")
        changed = {"instruments": tables["instruments"].with_columns(delist_date=wrong), "daily_prices": suspended}
        found = results(tables | changed, tmp_path / str(end))["securities"]
        assert (name in found.frame["symbol"].to_list()) == listed


@pytest.mark.parametrize(
    ("names", "listed", "move", "refused"),
    [
        (8, 8, 0.0, True),
        (8, 5, 0.0, False),
        (36, 36, 0.09, True),
        (36, 7, 0.0, False),
        (36, 8, 0.0, True),
        (25, 25, 0.8, False),  # the first stocks of a new board, all listed on one day
    ],
)
def test_listing_days_made_from_the_prices_are_reported(names: int, listed: int, move: float, refused: bool) -> None:
    start, symbols = D(2019, 7, 22), [f"688{n:03d}.SH" for n in range(names)]
    days = [start if n < listed else D(2010, 1, 4) for n in range(names)]
    rows = pl.DataFrame(
        {"symbol": symbols, "date": start, "pre_close": 10.0, "close": 10.0 * (1 + move), "volume": 100}
    )
    message = listed_at_start(pl.DataFrame({"symbol": symbols, "list_date": days}), rows, ReferenceSettings())
    assert (message is not None) == refused
    assert message is None or f"list_date of {listed} of the {names} stocks that traded on {start}" in str(message)


def test_instruments_made_from_the_prices_refuse_securities(tmp_path: Path) -> None:
    tables = random_reference(seed=4)
    first = tables["daily_prices"].group_by("symbol").agg(list_date=pl.col("date").min())
    made_up = tables["instruments"].drop("list_date").join(first, on="symbol").select(tables["instruments"].columns)
    messages = refusals(results(tables | {"instruments": made_up}, tmp_path), DAY)
    assert set(messages) == {"securities.listing_days_are_not_the_first_prices"}


# --- turnover and dates of prices ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("turnover", "names", "listed", "unit", "refused"),
    [
        (0.06, 500, 400, None, False),
        (0.0004, 20, 400, None, True),
        (0.0004, 19, 400, None, False),
        (0.31, 20, 400, None, True),
        (0.31, 19, 400, None, False),
        (0.77, 25, 1, None, False),  # the first day of a new board
        (0.31, 20, None, None, True),
        (4e-6, 8, 400, "ten_thousand_shares", True),
        (4e-6, 2, 400, "ten_thousand_shares", False),
        (4e-6, 8, 400, None, False),
        (3e-5, 8, 400, "ten_thousand_shares", False),
    ],
)
def test_an_implausible_median_turnover(
    turnover: float, names: int, listed: int | None, unit: str | None, refused: bool
) -> None:
    """The other two fifths of the stocks trade a hundred times as much or as little, since only the median is judged."""
    factors = [1.0 if n % 5 < 3 else 100.0 if n % 5 == 3 else 0.01 for n in range(names)]
    rows = pl.DataFrame(
        {
            "volume": [turnover * factor * 1e9 for factor in factors],
            "float_shares": 1e9,
            "listed_days": [listed] * names,
        },
        schema_overrides={"listed_days": pl.Int32},
    )
    assert (turnover_off(rows, unit, SETTINGS) is not None) == refused


def prices_of(dates: list[dt.date], names: int = 4) -> pl.DataFrame:
    rows = [(day, 100) for day in sorted(dates) for _ in range(names)]
    return pl.DataFrame(rows, schema={"date": pl.Date, "volume": pl.Int64}, orient="row")


@pytest.mark.parametrize("by", [-1, 1, 2])
def test_shifted_prices_are_reported_on_every_day(by: int) -> None:
    moved = [one + dt.timedelta(days=by) for one in CALENDAR.days(D(2023, 8, 1), D(2023, 9, 28))]
    for day in CALENDAR.days(D(2023, 8, 16), D(2023, 9, 25)):
        known = [one for one in moved if one <= day]
        assert (
            "its dates are shifted" in describe_column(shifted_prices(prices_of(known), day, CALENDAR)["detail"]).item()
        )


def test_habits_of_vendors_shift_no_prices() -> None:
    every = trading(FRIDAY)
    saturdays = [one + dt.timedelta(days=1) for one in every if one.weekday() == 4 and one < FRIDAY]
    for honest in (every, [], every[:-1], every[-3:], [every[0], *every[5:]], [*every, *saturdays]):
        assert shifted_prices(prices_of(honest), FRIDAY, CALENDAR).is_empty()
    lost = [*(one for one in every if one != every[5]), *saturdays]
    assert shifted_prices(prices_of(lost), FRIDAY, CALENDAR).is_empty()  # one day is lost, Saturdays repeat Fridays
    lacking = [one for one in every if one != every[5]]
    single = pl.concat([prices_of(lacking), prices_of(saturdays[:1], names=1)]).sort("date")
    assert shifted_prices(single, FRIDAY, CALENDAR).is_empty()  # one row with a wrong date
    idle = pl.concat([prices_of(lacking), prices_of(saturdays[:1]).with_columns(volume=pl.lit(0, pl.Int64))]).sort(
        "date"
    )
    assert shifted_prices(idle, FRIDAY, CALENDAR).is_empty()  # rows without a trade


def test_a_table_dated_a_day_early_is_refused_on_every_day(tmp_path: Path) -> None:
    tables = random_reference(seed=4)
    early = tables["daily_prices"].with_columns(pl.col("date") - dt.timedelta(days=1))
    for back in range(5):
        day = CALENDAR.offset(DAY, -back)
        messages = refusals(results(tables | {"daily_prices": early}, tmp_path / str(back), day), day)
        assert "its dates are shifted" in messages["daily_prices.prices_dated_on_trading_days"]
