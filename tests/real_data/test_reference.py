"""The reference tables of the real market 2010–2016: limit rule, drifted index weights, equity coverage, time to build."""

import datetime as dt
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assets.factors.make_styles import make_styles
from assets.factors.reasons import VOLATILITY_IS_R2
from assets.factors.styles import window_and_formation_days, window_days
from assets.reference.announcements import (
    amounts_in_other_units,
    equity_jumps,
    largest_profits,
    names_in_other_units,
    profits_without_a_quarter_before,
    rising_profits,
    rising_profits_by_year,
)
from assets.reference.assets import TABLES, daily_prices, indices, securities
from assets.reference.drift import drift_weights
from assets.reference.fundamentals import latest_fundamentals
from assets.reference.index_moves import stray_indices
from assets.reference.limits import limit_prices
from assets.reference.listing import delisting_days, listed_days
from assets.reference.make_daily_prices import make_daily_prices
from assets.reference.make_indices import make_indices
from assets.reference.make_securities import make_securities
from assets.reference.profits import profits_mixed, profits_off
from assets.reference.reasons import TWO_CODES
from resources.calendar import Calendar
from resources.gate import judge
from resources.landing import LandingZone
from resources.made import Made
from resources.reasons import Reason
from resources.rulebook import Rulebook
from resources.settings.reference import ReferenceSettings
from resources.settings.styles import StylesSettings
from tests.making import run_make

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "reference_2010_2016"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"REAL DATA ABSENT: no {DATA}, the reference is not tested")
CALENDAR = Calendar.xshg()
SETTINGS = ReferenceSettings()


@pytest.fixture(scope="module")
def zone(tmp_path_factory: pytest.TempPathFactory) -> LandingZone:
    folder = tmp_path_factory.mktemp("market")
    os.symlink(DATA, folder / "reference")
    zone = LandingZone(folder)
    zone.frame("daily_prices")
    return zone


def prices_of(zone: LandingZone, day: dt.date) -> Made:
    return run_make(
        make_daily_prices, date=day, landing=zone.view(day, daily_prices.lands), calendar=CALENDAR, settings=SETTINGS
    )


def securities_of(zone: LandingZone, day: dt.date, prices: pl.DataFrame) -> Made:
    return run_make(
        make_securities,
        date=day,
        daily_prices=prices,
        landing=zone.view(day, securities.lands),
        calendar=CALENDAR,
        settings=SETTINGS,
        unavailable={},
    )


# First trading days of the three delisting periods of these years, after a year of suspension each.
DELISTING_STARTS = {
    "600087.SH": dt.date(2014, 4, 21),
    "000594.SZ": dt.date(2015, 5, 29),
    "600656.SH": dt.date(2016, 3, 29),
}


@pytest.mark.slow
def test_the_limit_rule_is_broken_as_often_as_the_acceptance_facts_say(zone: LandingZone) -> None:
    """26 of 3 732 149 non-ST and 88 of 124 953 ST stock-days, where nobody knows who was in a delisting period. "After
    listing" means every day but the listing day itself (date > list_date): this reading alone gives these numbers of
    stock-days.

    With the delisting periods known, whose limit is 10 %, 50 of the 88 keep the rule and 38 are left, as resumptions after
    reforms; the 26 are all resumptions.
    """
    prices = zone.frame("daily_prices")
    listings = zone.frame("instruments").select("symbol", "list_date", "delist_date")
    starts = pl.DataFrame({"symbol": list(DELISTING_STARTS), "delisting_start": list(DELISTING_STARTS.values())})
    counted = {known: {False: [0, 0], True: [0, 0]} for known in (False, True)}
    joined = prices.join(listings, on="symbol").join(starts, on="symbol", how="left")
    for part in joined.partition_by("date"):
        day = part["date"][0]
        rules = Rulebook.on(day)
        part = part.with_columns(board=rules.board(), listed_days=listed_days(part["list_date"], day, CALENDAR))
        for known, totals in counted.items():
            own = part if known else part.with_columns(delisting_start=pl.lit(None, pl.Date))
            own = own.with_columns(delisting_day=delisting_days(own, day, CALENDAR)).drop("limit_up", "limit_down")
            own = pl.concat([own, limit_prices(own, rules)], how="horizontal").filter(
                pl.col("date") > pl.col("list_date")
            )
            broken = (pl.col("high").round(2) > pl.col("limit_up")) | (pl.col("low").round(2) < pl.col("limit_down"))
            for is_st, rows, breaks in own.group_by("is_st").agg(pl.len(), broken.sum()).iter_rows():
                totals[is_st][0] += breaks
                totals[is_st][1] += rows
    assert counted[False] == {False: [26, 3_732_149], True: [88, 124_953]}
    assert counted[True] == {False: [26, 3_732_149], True: [38, 124_953]}


@pytest.mark.slow
def test_drifted_index_weights_follow_the_total_return_index(zone: LandingZone) -> None:
    """Correlation .99991, mean −0.03 bp, standard deviation 2.5 bp of daily differences over 1 458 days."""
    weights = zone.frame("index_weights").filter(index="000905.SH")
    published = dict(weights.partition_by("date", as_dict=True).items())
    prices = zone.frame("daily_prices").select("date", "symbol", growth=pl.col("close") / pl.col("pre_close"))
    growth_of = prices.partition_by("date", as_dict=True)
    total_return = zone.frame("index_prices").filter(index="H00905.CSI").sort("date")
    index = total_return.with_columns(r=pl.col("close") / pl.col("close").shift(1) - 1).filter(
        pl.col("date") > weights["date"].min()
    )
    vector = published[(weights["date"].min(),)]
    symbols, held = vector["symbol"], vector["weight"].to_numpy()
    ours = []
    for day in index["date"]:
        growth = pl.DataFrame({"symbol": symbols}).join(
            growth_of[(day,)].select("symbol", "growth"), on="symbol", how="left", maintain_order="left"
        )["growth"]
        held, _, whole = drift_weights(held, growth.cast(pl.Float64).fill_null(np.nan).to_numpy())
        ours.append(whole - 1)
        if (day,) in published:
            vector = published[(day,)]
            symbols, held = vector["symbol"], vector["weight"].to_numpy()
    theirs = index["r"].to_numpy()
    difference = (np.array(ours) - theirs) * 1e4
    assert len(ours) == 1458
    assert np.corrcoef(ours, theirs)[0, 1] == pytest.approx(0.99991, abs=5e-6)
    assert difference.mean() == pytest.approx(-0.03, abs=0.005)
    assert difference.std() == pytest.approx(2.5, abs=0.05)
    assert np.prod(1 + np.array(ours)) - 1 == pytest.approx(0.324, abs=5e-4)
    assert np.prod(1 + theirs) - 1 == pytest.approx(0.330, abs=5e-4)


@pytest.mark.parametrize(
    ("day", "coverage", "book_to_price"), [(dt.date(2015, 6, 30), 0.995, 0.16), (dt.date(2016, 6, 30), 0.997, 0.22)]
)
def test_latest_announced_equity_covers_the_market(
    zone: LandingZone, day: dt.date, coverage: float, book_to_price: float
) -> None:
    prices = prices_of(zone, day)
    traded = securities_of(zone, day, prices.frame).frame.filter("traded")
    notes = prices.notes["set_aside"]["daily_prices"]
    twice = sum(note["parameters"]["count"] for note in notes)  # delivered under a second code, which has no equity
    assert twice == 1
    assert round(1 - (traded["equity"].null_count() + twice) / (traded.height + twice), 3) == coverage
    assert round((traded["equity"] / traded["total_mv"]).median(), 2) == book_to_price


def test_the_crash_of_2015(zone: LandingZone) -> None:
    """On 8 July 2015, 223 of the 500 members are suspended; no check fails but for a company delivered under two codes and figures of
    equity that jump without a cause."""
    day = dt.date(2015, 7, 8)
    prices = prices_of(zone, day)
    names = securities_of(zone, day, prices.frame)
    members = run_make(
        make_indices,
        date=day,
        daily_prices=prices.frame,
        landing=zone.view(day, indices.lands),
        calendar=CALENDAR,
        settings=SETTINGS,
    )
    held = members.frame.filter(index="000905.SH").join(names.frame, on="symbol", how="left")
    assert held.height == 500
    assert held["traded"].is_not_null().all()
    assert (~held["traded"]).sum() == 223
    assert held["total_mv"].is_not_null().all()
    for table, result in zip(TABLES, (prices, names, members), strict=True):
        verdicts = judge(table.checks, {day: result.profile}, {day: result.unavailable})[day]
        failed = {name for name, verdict in verdicts.items() if not verdict.passed}
        expected = {daily_prices.name: {"delivered_rows_usable"}, securities.name: {"reference_rows_usable"}}
        assert failed == expected.get(table.name, set()), verdicts
        assert not [name for name, verdict in verdicts.items() if verdict.refuses]


@pytest.mark.slow
def test_styles_of_the_real_market(zone: LandingZone) -> None:
    """Known ties of the market: big names trade less, cheap names trade less, and size is not mid-cap."""
    day, settings = dt.date(2016, 6, 30), StylesSettings()
    start = dt.date(2010, 1, 4)
    prices = {d: prices_of(zone, d).frame for d in window_and_formation_days.keys(CALENDAR, day, settings, start)}
    names = [securities_of(zone, d, frame) for d, frame in prices.items()]
    result = run_make(
        make_styles,
        date=day,
        daily_prices=pl.concat([prices[d] for d in window_days.keys(CALENDAR, day, settings, start)]),
        securities=pl.concat([one.frame for one in names]),
        calendar=CALENDAR,
        settings=settings,
        unavailable={},
    )
    assert result.unavailable == {}
    assert result.notes["volatility"] == VOLATILITY_IS_R2().to_json()
    inside = result.frame.filter("in_universe")
    assert inside.height == 2487  # 2 488 delivered, one of them a company under a second code
    assert inside.select(pl.corr("size", "mid_cap")).item() == pytest.approx(0, abs=0.25)
    assert inside.select(pl.corr("size", "turnover")).item() < -0.3
    assert inside.select(pl.corr("value", "turnover")).item() < -0.3
    assert inside["volatility_raw"].median() == pytest.approx(0.59, abs=0.01)


FALSE_ALARMS = {
    ("2010-06-09", "600728.SH"), ("2011-03-01", "600891.SH"), ("2012-06-15", "000722.SZ"), ("2013-02-08", "600817.SH"),
    ("2013-06-04", "600751.SH"), ("2013-07-26", "000545.SZ"), ("2014-06-16", "600401.SH"), ("2014-11-25", "600610.SH"),
    ("2015-08-12", "002506.SZ"),
}  # fmt: skip
"""All name-days of 2010–2016 whose pre_close contradicts the last close or the limits: resumptions. Counted over all 1 699
days, of which none is refused and no index leaves its members."""
LATE = {("2014-06-03", "002065.SZ"), ("2014-06-04", "002065.SZ")}
"""Days on which the new shares of an ex-date were not counted yet: the row counts without its share counts."""
EARLY = {("2010-06-24", "000063.SZ"), ("2010-06-24", "600031.SH")}
"""Ex-dates whose new shares were counted a day before: the row counts as it is."""
DOUBLES = {"001872.SZ": "000022.SZ", "001914.SZ": "000043.SZ", "601360.SH": "601313.SH"}
"""Codes of three companies after a change of code → before it: their rows are delivered under both, on 1 543 days the same."""
CRASH = [dt.date(2015, 6, 26), *CALENDAR.days(dt.date(2015, 7, 6), dt.date(2015, 7, 10)), dt.date(2015, 8, 24)]


@pytest.mark.parametrize(
    "day", sorted({dt.date.fromisoformat(day) for day, _ in FALSE_ALARMS | LATE | EARLY} | set(CRASH))
)
def test_what_contradicts_itself_in_the_real_market(zone: LandingZone, day: dt.date) -> None:
    prices = prices_of(zone, day)
    none = pl.DataFrame(schema={"symbol": pl.String, "reason": pl.String})
    aside = pl.read_parquet(prices.files["set_aside.parquet"]) if prices.files else none
    own = {symbol for date, symbol in FALSE_ALARMS | LATE if date == str(day)}
    assert set(aside["symbol"]) - {*DOUBLES} == own
    for date, symbol in FALSE_ALARMS | LATE | EARLY:
        if date == str(day):
            shares = prices.frame.filter(symbol=symbol)["total_shares"].to_list()
            assert len(shares) == ((date, symbol) not in FALSE_ALARMS)
            assert (None in shares) == ((date, symbol) in LATE)
    for symbol, reason in aside.filter(pl.col("symbol").is_in([*DOUBLES])).select("symbol", "reason").iter_rows():
        assert Reason.loads(reason) == TWO_CODES(other=DOUBLES[symbol])
    members = run_make(
        make_indices,
        date=day,
        daily_prices=prices.frame,
        landing=zone.view(day, indices.lands),
        calendar=CALENDAR,
        settings=SETTINGS,
    )
    for table, result in ((daily_prices, prices), (indices, members)):
        verdicts = judge(table.checks, {day: result.profile}, {day: result.unavailable})[day]
        assert not [name for name, verdict in verdicts.items() if verdict.refuses]


def test_no_real_equity_or_profit_is_taken_for_another_unit() -> None:
    """No false alarm: none of 18 209 comparable figures of equity, and none of every ninth day since 2014-05. Six figures of equity
    jump by more than three without shares, profits or losses: approximations of what was not published, among them equity of
    33 thousand million yuan of 600020.SH after 8."""
    read = pl.read_parquet(DATA / "fundamentals.parquet")
    prices = pl.read_parquet(DATA / "daily_prices.parquet", columns=["date", "symbol", "close", "total_shares"])
    listings = pl.read_parquet(DATA / "instruments.parquet", columns=["symbol", "list_date"])
    judged, [(jumps, _), (unexplained, _)] = equity_jumps(read, prices, listings, SETTINGS)
    assert judged["_before"].count() == 18_209
    assert judged.filter(jumps).is_empty()
    assert judged.filter(unexplained)["symbol"].to_list() == [
        "000829.SZ", "000862.SZ", "000985.SZ", "002027.SZ", "600020.SH", "600243.SH"
    ]  # fmt: skip
    days = prices["date"].unique().sort().to_list()[1050::9]
    for day in days:
        known = latest_fundamentals(read.filter(pl.col("announce_date") <= day))
        names = prices.filter(date=day).join(known, on="symbol", how="left")
        names = names.with_columns(total_mv=pl.col("close") * pl.col("total_shares"))
        assert amounts_in_other_units(names, SETTINGS) is None, day
        so_far = read.filter(pl.col("announce_date") <= day)
        lacking, profits = profits_without_a_quarter_before(so_far, day)
        assert lacking <= 0.24 * profits, day
        own = names.join(largest_profits(so_far), on="symbol", how="left")
        assert names_in_other_units(own, SETTINGS).is_empty(), day
        for factor, share in ((1e-3, 0.95), (1e-4, 0.99)):
            other = own.filter(pl.col("equity").is_not_null()).with_columns(pl.col("equity", "largest_profit") * factor)
            assert names_in_other_units(other, SETTINGS).height > share * other.height, day
        assert "thousand_yuan'" in str(amounts_in_other_units(names.with_columns(pl.col("equity") / 1000), SETTINGS)), (
            day
        )
    assert len(days) == 73


@pytest.mark.parametrize("day", [dt.date(2014, 11, 15), dt.date(2015, 11, 15), dt.date(2016, 9, 15)], ids=str)
@pytest.mark.parametrize("parted", [False, True])
def test_profits_of_no_industry_and_no_small_zone_are_refused(day: dt.date, parted: bool) -> None:
    """The real quarters, as single ones and as parted from the year so far. The whole market, declared wrongly, is refused."""
    known = pl.read_parquet(DATA / "fundamentals.parquet").filter(pl.col("announce_date") <= day)
    industries = pl.read_parquet(DATA / "industries.parquet").sort("start_date").unique("symbol", keep="last")
    of = {
        name: own.drop("industry")
        for (name,), own in known.join(industries.select("symbol", "industry"), on="symbol").group_by("industry")
    }
    names = known["symbol"].unique().sort()
    zones = [
        *of.values(),
        *(known.filter(pl.col("symbol").is_in(names.sample(n, seed=n + k))) for n in (8, 20, 50) for k in range(40)),
    ]
    for zone in zones:
        assert profits_off(rising_profits(zone, day, SETTINGS, parted=parted), parted, SETTINGS) is None
        assert profits_mixed(rising_profits_by_year(zone, day, SETTINGS, parted=parted), parted, SETTINGS) is None
    wrong = known.sort("symbol", "period").with_columns(
        net_profit=(pl.col("net_profit").diff() if parted else pl.col("net_profit").cum_sum()).over(
            "symbol", pl.col("period").dt.year()
        )
    )
    if parted:  # single quarters that were parted: the first stays, the others are differences
        wrong = wrong.with_columns(net_profit=pl.coalesce("net_profit", known.sort("symbol", "period")["net_profit"]))
    assert profits_off(rising_profits(wrong, day, SETTINGS, parted=parted), parted, SETTINGS)


FIRST, SECOND = "000905.SH", "000852.SH"
CLOSES = {
    "right": lambda closes: closes,
    "late": lambda closes: closes.with_columns(close=pl.col("close").shift(1).over("index")),
    "early": lambda closes: closes.with_columns(close=pl.col("close").shift(-1).over("index")),
    "exchanged": lambda closes: closes.with_columns(pl.col("index").replace({FIRST: SECOND, SECOND: FIRST})),
}
WORDS = {
    "late": "are late by one trading day",
    "early": "are early by one trading day",
    "exchanged": "is exchanged with",
}


@pytest.mark.parametrize("case", CLOSES)
def test_closes_of_another_day_or_index_are_distinguished_from_right_ones(case: str) -> None:
    """The CSI 500 by its vectors, by those of every June and beside the stand-in for the CSI 1000: no right close is taken for
    another's, and the CSI 500's wrong ones are found; exchanged ones not with every vector that is old or a stand-in. Windows that end on
    every 37th day."""
    prices = pl.read_parquet(DATA / "daily_prices.parquet", columns=["date", "symbol", "pre_close", "close", "volume"])
    prices = prices.filter(pl.col("volume") > 0).sort("date")
    monthly = pl.read_parquet(DATA / "index_weights.parquet")
    standin = pl.read_parquet(DATA / "csi1000_standin_weights.parquet").select(monthly.columns)
    closes = CLOSES[case](pl.read_parquet(DATA / "index_prices.parquet").sort("index", "date")).drop_nulls()
    days = CALENDAR.days(dt.date(2011, 1, 24), dt.date(2016, 12, 29))[::37]
    for day in days:
        window = CALENDAR.days(CALENDAR.offset(day, -SETTINGS.index_days), day)
        for vectors in (monthly, monthly.filter(pl.col("date").dt.month() == 6), pl.concat([monthly, standin])):
            before = pl.col("date").filter(pl.col("date") <= window[0]).max().over("index")
            own = vectors.filter(pl.col("date") <= day, pl.col("date") >= before)
            if own.is_empty():
                continue
            first = prices["date"].search_sorted(own["date"].min(), side="right")
            moved = prices[first : prices["date"].search_sorted(day, side="right")]
            found = stray_indices(own, closes.filter(pl.col("date") <= day), moved, window, SETTINGS).findings
            if case == "right":
                assert found.is_empty(), found["detail"].to_list()
            elif (
                closes.filter(pl.col("index") == FIRST, pl.col("date").is_between(window[0], day)).height
                < SETTINGS.min_index_days
            ):
                assert case == "exchanged"  # the CSI 1000 has no closes in 2011: nothing to judge
                assert found.is_empty()
            elif case != "exchanged" or vectors is monthly:
                assert WORDS[case] in str(Reason.loads(found.filter(index=FIRST)["detail"].item()))
    assert len(days) == 39


def test_the_real_year_that_is_delivered_otherwise_is_named() -> None:
    known = pl.read_parquet(DATA / "fundamentals.parquet").filter(pl.col("announce_date") <= dt.date(2016, 9, 15))
    known = known.sort("symbol", "period")
    so_far = pl.col("net_profit").cum_sum().over("symbol", pl.col("period").dt.year())
    for year in (2014, 2015):
        changed = known.with_columns(
            net_profit=pl.when(pl.col("period").dt.year() == year).then(so_far).otherwise("net_profit")
        )
        by_year = rising_profits_by_year(changed, dt.date(2016, 9, 15), SETTINGS)
        reason = profits_mixed(by_year, False, SETTINGS)
        assert reason is not None
        assert f"the profits of {year} are those of the year so far, and those of the other years are not" in str(
            reason
        )
