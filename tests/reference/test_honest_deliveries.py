"""Tests that correct deliveries of unusual kinds are not refused: late histories, suspended rows, new listings, shells, old vectors."""

import datetime as dt
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.reference.announcements import (
    largest_profits,
    names_in_other_units,
    rising_profits_by_year,
    share_bounds,
)
from assets.reference.assets import TABLES
from assets.reference.assets import securities as SECURITIES
from assets.reference.industries import industries_lacking
from assets.reference.profits import profits_mixed
from assets.reference.reasons import NO_MEMBERSHIP_YET
from resources.errors import InputError
from resources.gate import judge
from resources.made import Made
from resources.reasons import Reason
from resources.settings.landing import LandingSettings
from resources.settings.reference import ReferenceSettings
from tests.reference.small_reference import landed, random_reference
from tests.reference.test_diagnosis import (
    DAY,
    TODAY,
    Tables,
    aside,
    fundamentals_of_market,
    of,
    prices,
    quarters,
    refusals,
    results,
    where,
)
from tests.reference.test_make_reference import SETTINGS, made


@pytest.fixture(scope="module")
def tables() -> Tables:
    return random_reference(seed=4)


# --- daily_prices ---------------------------------------------------------------------------------------------------------


def test_rows_of_suspended_stocks_without_figures_are_no_trades(tables: Tables, tmp_path: Path) -> None:
    """Vendors that fill a whole day's frame deliver such rows with only the last close."""
    names = tables["daily_prices"].filter(TODAY)["symbol"][:6].to_list()
    gone = TODAY & pl.col("symbol").is_in(names)
    empty = where(gone, **dict.fromkeys(("volume", "amount", "open", "high", "low")), close=pl.col("pre_close"))
    found = results(prices(tables, empty), tmp_path / "nulls")
    absent = results(prices(tables, lambda f: f.filter(~gone)), tmp_path / "absent")
    assert refusals(found) == {}
    for table in ("daily_prices", "securities"):
        assert found[table].frame.equals(absent[table].frame)
    assert set(aside(found)) == set(names)


def test_a_column_that_is_empty_for_every_stock_is_refused(tables: Tables, tmp_path: Path) -> None:
    empty = where(TODAY, **dict.fromkeys(("volume", "amount", "open", "high", "low")))
    assert "daily_prices.prices_of_the_day_delivered" in refusals(results(prices(tables, empty), tmp_path))


# --- industries -----------------------------------------------------------------------------------------------------------


def test_industries_that_begin_after_the_prices_are_na_until_then(tables: Tables, tmp_path: Path) -> None:
    later = tables["industries"].with_columns(start_date=pl.lit(DAY + dt.timedelta(days=1)))
    found = results(tables | {"industries": later}, tmp_path)
    assert refusals(found) == {}
    assert found["securities"].unavailable == {"industry": NO_MEMBERSHIP_YET(date=DAY)}
    assert set(found["securities"].frame["industry"]) == {"unknown"}


def test_industries_of_index_members_only_are_a_setting(tables: Tables, tmp_path: Path) -> None:
    weights = tables["index_weights"].filter(pl.col("date") <= DAY)
    last = weights.filter(pl.col("date") == pl.col("date").max().over("index"))
    indices = last["index"].unique().sort().to_list()
    some = tables["industries"].filter(pl.col("symbol").is_in(last["symbol"].implode()))
    members = tables | {"industries": some}
    # Members without an industry in the random tables are given one, so that every member has one.
    lacking = last.filter(~pl.col("symbol").is_in(some["symbol"].implode())).select("symbol").unique()
    added = lacking.select("symbol", start_date=pl.lit(dt.date(2000, 1, 1)), industry=pl.lit("10"))
    members |= {"industries": pl.concat([some, added])}
    message = refusals(results(members, tmp_path / "refused"))["securities.industries_delivered"]
    assert f"the table has those of every member of {', '.join(indices)} and of 0 of the" in message
    assert "set reference.max_unknown_industries = 1" in message
    zone = landed(tmp_path / "allowed", members)
    allowed = made(zone, DAY, SETTINGS.model_copy(update={"max_unknown_industries": 1.0}))
    assert refusals(allowed) == {}
    frame = allowed["securities"].frame.filter(pl.col("industry") != "unknown")
    assert set(frame["symbol"]) == set(last["symbol"]) & set(allowed["securities"].frame["symbol"])


def test_industries_of_a_part_that_is_no_index_are_missing_rows(tables: Tables, tmp_path: Path) -> None:
    some = tables["industries"].filter(pl.col("symbol") < "3")
    for name, chosen in (("with", tables), ("without", {k: v for k, v in tables.items() if k != "index_weights"})):
        message = refusals(results(chosen | {"industries": some}, tmp_path / name))["securities.industries_delivered"]
        assert "rows of the table are missing. Deliver the industries of every stock" in message
        assert "reference.max_unknown_industries" not in message


@given(st.sets(st.integers(0, 99), min_size=5), st.sets(st.integers(0, 99)), st.sets(st.integers(0, 99)))
def test_the_cause_of_missing_industries_equals_plain_sets(own: set[int], more: set[int], known: set[int]) -> None:
    for have in (known, own | (known if len(known) < 5 else set())):
        industries = ["10" if n in have else "unknown" for n in range(100)]
        frame = pl.DataFrame({"symbol": [str(n) for n in range(100)], "industry": industries})
        found = industries_lacking(
            frame,
            lambda: {"A": [*map(str, own)], "B": [*map(str, more)]},
            ReferenceSettings(max_unknown_industries=0.4),
        )
        assert (found is None) == (100 - len(have) <= 40)
        if found is None:
            continue
        message = str(found)
        covered = {name: one for name, one in (("A", own), ("B", more)) if one and len(one & have) >= 0.98 * len(one)}
        rest = set(range(100)).difference(*covered.values())
        members = bool(covered) and len(rest & have) <= 0.05 * len(rest)
        assert ("reference.max_unknown_industries = 1" in message) == members
        assert members or "rows of the table are missing" in message
        if members:
            assert (
                f"every member of {', '.join(covered)} and of {len(rest & have)} of the {len(rest)} other stocks"
                in message
            )


# --- announcements --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("listed", "traded_since", "judged"),
    [
        (dt.date(2015, 1, 20), dt.date(2015, 1, 20), False),
        (dt.date(2013, 10, 8), None, False),
        (dt.date(2013, 9, 2), None, True),
        (dt.date(2013, 9, 2), dt.date(2015, 2, 10), True),
        (None, None, True),
        (None, dt.date(2015, 2, 10), False),
    ],
    ids=str,
)
def test_equity_of_a_stock_listed_since_is_not_compared_with_its_shares(
    tmp_path: Path, listed: dt.date | None, traded_since: dt.date | None, judged: bool
) -> None:
    """The quarter ends on 2014-12-31; shares are searched from 2013-09-30 on, and the IPO is between the two."""
    tables = fundamentals_of_market(lambda f: f)
    name = tables["fundamentals"]["symbol"][0]
    last = (pl.col("symbol") == name) & (pl.col("period") == dt.date(2014, 12, 31))
    raised = fundamentals_of_market(where(last, equity=pl.col("equity") * 4.5))
    listing = where(pl.col("symbol") == name, list_date=pl.lit(listed, pl.Date))(tables["instruments"])
    listing = listing.filter(pl.col("list_date").is_not_null())
    other = (pl.col("symbol") != name) | (pl.col("date") >= (traded_since or dt.date.min))
    begins = raised["daily_prices"].filter(other)
    found = results(raised | {"instruments": listing, "daily_prices": begins}, tmp_path)
    assert refusals(found) == {}
    reason = (
        dict(
            pl.read_parquet(found["securities"].files["set_aside.parquet"])
            .filter(table="fundamentals")
            .select("symbol", "reason")
            .iter_rows()
        )
        if "set_aside.parquet" in found["securities"].files
        else {}
    )
    assert (name in reason) == judged


def test_a_shell_with_large_profits_long_ago_keeps_its_equity(tmp_path: Path) -> None:
    tables = fundamentals_of_market(lambda f: f)
    name = tables["fundamentals"]["symbol"][0]
    own = pl.col("symbol") == name
    last_profit, last_equity = tables["fundamentals"].filter(own).select("net_profit", "equity").row(-1)
    now = where(own, equity=pl.lit(last_equity / 300), net_profit=pl.lit(-last_profit / 10))(tables["fundamentals"])
    old = (
        tables["fundamentals"]
        .filter(own)
        .with_columns(
            pl.col("period").dt.offset_by("-48mo").dt.month_end(), pl.col("announce_date").dt.offset_by("-48mo")
        )
    )
    found = results(tables | {"fundamentals": pl.concat([old, now])}, tmp_path)
    assert refusals(found) == {}
    assert aside(found, "securities") == {}
    assert found["securities"].frame.filter(own)["equity"].item() == last_equity / 300


def test_the_largest_profit_is_that_of_the_last_eight_quarters() -> None:
    ends = [
        dt.date(year, month, 31 if month in (3, 12) else 30) for year in (2012, 2013, 2014) for month in (3, 6, 9, 12)
    ]
    rows = [
        (name, end, profit)
        for name, profits in (("a", range(12, 0, -1)), ("b", [None] * 11 + [-3]))
        for end, profit in zip(ends, profits, strict=True)
    ]
    announced = pl.DataFrame(
        rows, schema={"symbol": pl.String, "period": pl.Date, "net_profit": pl.Float64}, orient="row"
    )
    assert largest_profits(announced).sort("symbol").rows() == [("a", 8.0, 8), ("b", 3.0, 1)]


@pytest.mark.parametrize(("profits", "strange"), [(1, False), (2, False), (3, False), (4, True), (8, True)])
def test_a_stock_that_breaks_even_in_a_few_quarters_is_in_no_other_unit(profits: int, strange: bool) -> None:
    one = pl.DataFrame(
        {"symbol": ["a"], "equity": [1e9], "largest_profit": [1e5], "profits": [profits], "total_mv": [3e9]}
    )
    assert names_in_other_units(one, ReferenceSettings()).height == strange


# --- indices --------------------------------------------------------------------------------------------------------------


def test_weights_older_than_45_days_are_a_warning(tables: Tables, tmp_path: Path) -> None:
    """All vectors are old, so that no row of the day has a recent one."""
    first = tables["index_weights"].filter(pl.col("date") <= dt.date(2015, 1, 31))
    day = dt.date(2015, 4, 1)
    found = made(
        landed(tmp_path, tables | {"index_weights": first.with_columns(pl.col("date").min().over("index"))}), day
    )
    verdicts = {
        name: verdict
        for table in TABLES
        if table.name == "indices"
        for name, verdict in judge(table.checks, {day: found["indices"].profile}, {day: {}})[day].items()
    }
    assert not verdicts["weights_recent"].passed
    assert not verdicts["weights_recent"].refuses


# --- small markets and unusual forms----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("special", "refused"), [(2, False), (4, False), (7, False), (8, True)])
def test_half_of_a_few_stocks_may_be_st(tables: Tables, tmp_path: Path, special: int, refused: bool) -> None:
    names = tables["daily_prices"].filter(TODAY)["symbol"].unique().sort()[:8].to_list()
    few = prices(tables, lambda f: f.filter(pl.col("symbol").is_in(names)))
    marked = prices(few, where(TODAY, is_st=pl.col("symbol").is_in(names[:special])))
    messages = refusals(results(marked, tmp_path))
    assert ("daily_prices.nearly_all_rows_usable" in messages) == refused


@pytest.mark.parametrize("as_text", [False, True])
def test_an_infinite_limit_means_no_limit(tables: Tables, tmp_path: Path, as_text: bool) -> None:
    """A vendor writes the limits of two new listings as infinite; other infinite values are faults."""
    names = tables["daily_prices"].filter(TODAY)["symbol"][:2].to_list()
    wrong = tables["daily_prices"].filter(TODAY)["symbol"][3]
    listed = where(pl.col("symbol").is_in(names), list_date=pl.lit(DAY))(tables["instruments"])
    own = tables | {"instruments": listed}
    own = prices(own, lambda f: f.filter(~pl.col("symbol").is_in(names) | (pl.col("date") >= DAY)))
    limits = results(own, tmp_path / "plain")["daily_prices"].frame.select("date", "symbol", "limit_up", "limit_down")
    given = prices(own, lambda f: f.join(limits, on=["date", "symbol"], how="left"))

    def read(name: str, change: Callable[[pl.DataFrame], pl.DataFrame]) -> dict[str, Made]:
        delivered = prices(given, change)
        if as_text:
            delivered = prices(delivered, lambda f: f.with_columns(pl.col("limit_up", "limit_down").cast(pl.String)))
        return results(delivered, tmp_path / name)

    new = TODAY & pl.col("symbol").is_in(names)
    infinite = read("infinite", where(new, limit_up=pl.lit(math.inf), limit_down=pl.lit(-math.inf)))
    stand_in = read("stand_in", where(new, limit_up=pl.lit(99_999.0), limit_down=pl.lit(0.0)))
    assert infinite["daily_prices"].frame.equals(stand_in["daily_prices"].frame)
    assert infinite["daily_prices"].frame.filter(new)["limit_up"].null_count() == 2
    assert refusals(infinite) == refusals(stand_in) == {}
    assert set(aside(infinite)) & set(names) == set()
    for number, fault in enumerate(({"limit_up": -math.inf}, {"limit_down": math.inf}, {"limit_down": -math.inf})):
        found = read(str(number), where(of(wrong), **{name: pl.lit(value) for name, value in fault.items()}))
        assert ("no number" if as_text else "infinite") in aside(found)[wrong]


def test_float_shares_that_are_empty_leave_the_prices(tables: Tables, tmp_path: Path) -> None:
    found = results(prices(tables, where(pl.lit(True), float_shares=None)), tmp_path)
    assert refusals(found) == {}
    assert found["securities"].frame["float_mv"].null_count() == found["securities"].frame.height
    assert found["securities"].frame["total_mv"].null_count() < found["securities"].frame.height


def test_rows_of_quarters_to_be_announced_are_left_out(tmp_path: Path) -> None:
    tables = fundamentals_of_market(lambda f: f)
    one = tables["fundamentals"].filter(period=dt.date(2014, 12, 31))
    empty = one.with_columns(
        period=pl.lit(dt.date(2015, 3, 31)), announce_date=pl.lit(None, pl.Date),
        net_profit=pl.lit(None, pl.Float64), equity=pl.lit(None, pl.Float64),
    )  # fmt: skip
    awaited = tables | {"fundamentals": pl.concat([tables["fundamentals"], empty])}
    right, found = results(tables, tmp_path / "right"), results(awaited, tmp_path / "awaited")
    assert found["securities"].frame.equals(right["securities"].frame)
    assert refusals(found) == {}
    with_figures = tables | {
        "fundamentals": pl.concat([tables["fundamentals"], empty.with_columns(equity=pl.lit(1e9))])
    }
    with pytest.raises(InputError, match="announce_date is missing"):
        results(with_figures, tmp_path / "figures")


# --- profits of other periods than declared: how many years are enough ----------------------------------------------------


@given(st.integers(1, 5000), st.data(), st.floats(0.1, 5))
def test_bounds_of_a_share_are_the_roots_of_the_score(of: int, data: st.DataObject, deviations: float) -> None:
    count = data.draw(st.integers(0, of))
    for bound in share_bounds(count, of, deviations):
        assert -1e-9 <= bound <= 1 + 1e-9
        assert (count / of - bound) ** 2 == pytest.approx(deviations**2 * bound * (1 - bound) / of, abs=1e-9)
    least, most = share_bounds(count, of, deviations)
    assert least <= count / of + 1e-9 and count / of - 1e-9 <= most  # noqa: PT018


LOSSES = [[-3.0, -4.0, -2.0, -5.0], [3.0, 4.0, 2.0, -30.0], [5.0, 1.0, 6.0, 2.0], [2.0, 3.0, 3.5, -1.0]]


@pytest.mark.parametrize(("names", "declared"), [(8, True), (60, True), (8, False), (60, False)])
def test_years_that_end_in_a_loss_are_not_judged(tables: Tables, tmp_path: Path, names: int, declared: bool) -> None:
    """Three of four stocks make losses: profits of the year so far fall in some quarters, and single quarters rise in some."""
    so_far = quarters(lambda number, quarter: 1e7 * sum(LOSSES[number % 4][:quarter]), names)
    alone = quarters(lambda number, quarter: 1e7 * LOSSES[number % 4][quarter - 1], names)
    landing = LandingSettings.model_validate({"fundamentals": {"profits": "year_to_date"}})
    if declared:
        found = results(tables | {"fundamentals": so_far}, tmp_path, landing=landing)
    else:
        found = results(tables | {"fundamentals": alone}, tmp_path)
    assert "securities.profits_are_of_single_quarters" not in refusals(found)


@pytest.mark.parametrize(("rising", "refused", "warned"), [(8, True, False), (6, False, True), (3, False, False)])
def test_a_few_years_warn_and_many_refuse(
    tables: Tables, tmp_path: Path, rising: int, refused: bool, warned: bool
) -> None:
    """Of one year of each of eight stocks, `rising` rise throughout."""

    def profit(number: int, quarter: int) -> float:
        return 1e7 * (quarter if number < rising else 5 - quarter)

    found = results(tables | {"fundamentals": quarters(profit, 8, years=(2014,))}, tmp_path)
    profile = found["securities"].profile
    assert profile is not None
    verdicts = judge(SECURITIES.checks, {DAY: profile}, {DAY: found["securities"].unavailable})[DAY]
    assert verdicts["profits_are_of_single_quarters"].refuses == refused
    assert verdicts["profits_rise_as_declared"].passed == (not warned)
    assert not verdicts["profits_rise_as_declared"].refuses


@given(st.integers(8, 60), st.lists(st.floats(0, 0.12), min_size=3, max_size=3), st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_the_verdict_on_a_year_follows_its_share(names: int, shares: list[float], seed: int) -> None:
    """A normal share of years rises, and then all of one more year: only that year is reported."""
    rng = np.random.default_rng(seed)
    rises = {
        year: [n < share * names for n in range(names)] for year, share in zip((2012, 2013, 2014), shares, strict=True)
    }

    def finding(rising: dict[int, list[bool]]) -> Reason | None:
        rows = []
        for year, own in rising.items():
            for number, up in enumerate(own):
                profits = np.cumsum(rng.uniform(1, 9, 4))
                profits = profits if up else profits[[0, 2, 1, 3]]
                for quarter, profit in enumerate(profits.tolist(), start=1):
                    period = dt.date(year, 3 * quarter, 31 if quarter in (1, 4) else 30)
                    rows.append((f"{600000 + number}.SH", period, period + dt.timedelta(days=40), profit))
        frame = pl.DataFrame(rows, schema=["symbol", "period", "announce_date", "net_profit"], orient="row")
        by_year = rising_profits_by_year(frame, dt.date(2015, 5, 1), ReferenceSettings())
        assert {year: (one.rises, one.years) for year, one in by_year.items()} == {
            year: (sum(own), len(own)) for year, own in rising.items()
        }
        return profits_mixed(by_year, False, ReferenceSettings())

    assert finding(rises) is None
    wrong = finding(rises | {2013: [True] * names})
    assert wrong is not None
    assert "the profits of 2013 are those of the year so far, and those of the other years are not" in str(wrong)
