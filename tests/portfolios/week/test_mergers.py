"""Mergers: old shares become new shares, against a ledger of shares, and over whole weeks of a portfolio."""

import datetime as dt
import functools
import io
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.portfolios.assets import TABLES
from assets.portfolios.problem.constraints import FREE
from assets.portfolios.week.execution import Terms, hold
from assets.portfolios.week.market import market_days
from assets.portfolios.week.mergers import ShareExchange, absorbed, add_up, exchange_shares, together
from resources.builder import Builder
from resources.code_changes import Change
from resources.errors import InputError
from resources.lake import Lake
from resources.landing import LandingZone
from resources.made import Made
from resources.partition import Frames, Partition
from resources.settings.portfolios import PortfoliosSettings
from tests.portfolios.week.ledger import Ledger, Quote, Rules, exact
from tests.portfolios.week.portfolio_market import CALENDAR, SETTINGS, WEEKS, Market, file, solve_of
from tests.portfolios.week.test_portfolio_tables import DAILY, DAYS, Tree, upstream

A, B, C, D = "600001.SH", "600002.SH", "600003.SH", "600004.SH"
NAMES = (A, B, C, D)
BAND, ANY = PortfoliosSettings().merger_growth_band, (0.0, float("inf"))
WEEK = CALENDAR.week_days(WEEKS[1])
BEFORE = CALENDAR.previous_day(WEEK[0])


def rows_of_a_week(rng: np.random.Generator, mergers: list[Change]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """daily_prices of the week and securities of it and of the day before; names suspended at random, absorbed ones gone."""
    prices, securities = [], []
    last = {name: round(float(rng.uniform(5, 50)), 2) for name in NAMES}
    securities += [{"date": BEFORE, "symbol": name, "last_close": last[name]} for name in NAMES]
    for day in WEEK:
        for name in NAMES:
            if any(one.old == name and one.date <= day for one in mergers):
                continue
            if rng.random() < 0.75:
                pre_close = round(last[name] * float(rng.choice([1.0, 1.0, 0.9])), 2)
                low, vwap, close, high = (round(pre_close * x, 2) for x in np.sort(rng.uniform(0.92, 1.08, 4)))
                prices.append(
                    {"date": day, "symbol": name, "pre_close": pre_close, "low": low, "high": high, "close": close,
                     "volume": 1000, "vwap": vwap}
                )  # fmt: skip
                last[name] = close
            securities.append({"date": day, "symbol": name, "last_close": last[name]})
    limits = {"limit_up": pl.lit(None, pl.Float64), "limit_down": pl.lit(None, pl.Float64)}
    return pl.DataFrame(prices), pl.DataFrame(securities).with_columns(**limits)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**9), days=st.lists(st.integers(0, 4), min_size=1, max_size=2), chained=st.booleans())
def test_mergers_equal_a_ledger_of_shares(seed: int, days: list[int], chained: bool) -> None:
    """A into B, then B into C (or D into C): the accounts of old shares that become `ratio` new ones each."""
    rng = np.random.default_rng(seed)
    days.sort()
    mergers = [Change(WEEK[days[0]], A, B, float(rng.uniform(0.2, 3)), True)]
    if len(days) == 2 and (not chained or days[1] > days[0]):
        mergers.append(Change(WEEK[days[1]], B if chained else D, C, float(rng.uniform(0.2, 3)), True))
    prices, securities = rows_of_a_week(rng, mergers)
    if prices.filter(pl.col("date").is_in(WEEK))["date"].n_unique() < len(WEEK):
        return  # a day on which nobody traded is a missing day
    weights = rng.dirichlet(np.ones(len(NAMES) + 1))
    target = rng.dirichlet(np.ones(len(NAMES)))
    continued, listed, exchanges = exchange_shares(mergers, prices, securities, ANY)
    assert {one.old for one in exchanges} == {one.old for one in mergers}
    held = hold(
        weights[:-1], float(weights[-1]), target, target,
        market_days(np.array(NAMES), WEEK, continued, listed), Terms(0.001, 0.002), delisting_recovery=0.0,
    )  # fmt: skip

    ledger = Ledger(1e8)
    last = dict(securities.filter(pl.col("date") == BEFORE).select("symbol", "last_close").iter_rows())
    for name, weight in zip(NAMES, weights, strict=False):
        ledger.price[name] = exact(last[name])
        ledger.shares[name] = exact(weight) * exact(1e8) / exact(last[name])
        ledger.post(f"stock {name}", "cash", ledger.shares[name] * ledger.price[name])
    own: dict[str, str] = {name: name for name in NAMES}  # whose shares an account holds
    quoted = {(row["date"], row["symbol"]): row for row in prices.iter_rows(named=True)}
    pending: dict[str, Decimal] = {}
    for number, (day, done) in enumerate(zip(WEEK, held.days, strict=True)):
        before = ledger.nav
        for merger in (one for one in mergers if one.date == day):
            eve = securities.filter(pl.col("date") < day).sort("date")
            last = {one: eve.filter(pl.col("symbol") == one)["last_close"][-1] for one in (merger.old, merger.new)}
            today = quoted.get((day, merger.new))
            new_price = today["pre_close"] if today else last[merger.new]
            for name, whose in own.items():
                if whose == merger.old:
                    own[name] = merger.new
                    # `ratio` new shares for each old one; booked when the new name trades.
                    value_of_one = exact(merger.ratio) * exact(new_price) / exact(last[merger.old])
                    pending[name] = pending.get(name, Decimal(1)) * value_of_one
        quotes = {}
        for name, whose in own.items():
            row = quoted.get((day, whose))
            quotes[name] = Quote(True) if row is None else Quote(True, row["pre_close"], row["vwap"], row["close"])
            if row is not None and name in pending:
                value = ledger.stock(name) * pending.pop(name)
                ledger.post(f"stock {name}", "gains", value - ledger.stock(name))
                ledger.shares[name] = ledger.stock(name) / exact(row["pre_close"])
                ledger.price[name] = exact(row["pre_close"])
        order = (dict(zip(NAMES, target, strict=True)),) * 2 if number == 0 else None
        ledger.day(quotes, (*order, Rules(0.001, 0.002)) if order else None, 0.0)
        assert float(ledger.nav / before - 1) == pytest.approx(done.net, abs=1e-12)
    assert held.weights == pytest.approx([float(ledger.stock(name) / ledger.nav) for name in NAMES], abs=1e-12)
    assert float(held.weights.sum()) + held.cash == pytest.approx(1.0, abs=1e-12)


def test_the_formula_in_yuan() -> None:
    """1 000 old shares at 8.00 become 1 500 new ones: 12 000 yuan at 8.00, 12 750 at the close."""
    prices = pl.DataFrame(
        {"date": [WEEK[1]], "symbol": [B], "pre_close": [8.0], "low": [7.9], "high": [8.6], "close": [8.5],
         "volume": [100], "vwap": [8.2]}
    )  # fmt: skip
    securities = pl.DataFrame({"date": [WEEK[0], WEEK[0], WEEK[1]], "symbol": [A, B, B], "last_close": [8.0, 9.9, 8.5]})
    continued, listed, exchanges = exchange_shares([Change(WEEK[1], A, B, 1.5, True)], prices, securities, BAND)
    assert exchanges == (ShareExchange(WEEK[1], A, B, 1.5, WEEK[1]),)
    row = continued.filter(pl.col("symbol") == A).row(0, named=True)
    assert 1000 * 8.0 * row["close"] / row["pre_close"] == pytest.approx(12_750, abs=1e-9)
    assert row["vwap"] / row["pre_close"] == pytest.approx(1.5 * 8.2 / 8.0, abs=1e-15)
    assert listed.filter(pl.col("date") == WEEK[1])["symbol"].to_list() == [B, A]


def test_a_merger_dated_on_a_day_without_trading_takes_the_next_day_s_reference_price() -> None:
    sunday, monday, friday = dt.date(2023, 6, 18), dt.date(2023, 6, 19), dt.date(2023, 6, 16)
    prices = pl.DataFrame({"date": [monday], "symbol": [B], "pre_close": [8.0], "close": [8.5], "volume": [1]})
    securities = pl.DataFrame({"date": [friday, friday], "symbol": [A, B], "last_close": [4.0, 9.0]})
    _, _, (exchange,) = exchange_shares([Change(sunday, A, B, 0.5, True)], prices, securities, BAND)
    assert (exchange.growth, exchange.settled) == (1.0, monday)


def test_a_stock_that_was_paid_out_is_not_exchanged() -> None:
    prices = pl.DataFrame({"date": [WEEK[1]], "symbol": [B], "pre_close": [8.0], "close": [8.5], "volume": [1]})
    securities = pl.DataFrame({"date": [WEEK[0], WEEK[1]], "symbol": [B, B], "last_close": [8.0, 8.5]})
    for gone in (securities, securities.filter(pl.col("date") == WEEK[1])):
        same = exchange_shares([Change(WEEK[1], A, B, 1.5, True)], prices, gone, BAND)
        assert same[0].equals(prices)
        assert same[1].equals(gone)
        assert same[2] == ()


@pytest.mark.parametrize(
    ("ratio", "new_price", "expected"),
    [
        (50.0, 8.0, "50 times its value, outside 0.5 to 2 .*at equal values it would be 1. If these are the terms"),
        (1e6, 8.0, "1e\\+06 times its value"),
        (3.0, 24.0, "9 times its value.*The ratio is inverted.*Deliver 0.333333"),
        (2.01, 8.0, "2.01 times its value"),
        (0.0099, 8.0, "0.0099 times its value"),
        (2.0, 8.0, None),
        (0.5, 8.0, None),
    ],
)
def test_an_implausible_ratio_is_refused_where_both_prices_are_known(
    ratio: float, new_price: float, expected: str | None
) -> None:
    prices = pl.DataFrame({"date": [WEEK[1]], "symbol": [B], "pre_close": [new_price], "close": [8.5], "volume": [1]})
    securities = pl.DataFrame({"date": [WEEK[0], WEEK[0], WEEK[1]], "symbol": [A, B, B], "last_close": [8.0, 9.9, 8.5]})
    merger = Change(WEEK[1], A, B, ratio, True)
    if expected is None:
        assert exchange_shares([merger], prices, securities, BAND)[2][0].growth == ratio
        return
    with pytest.raises(InputError, match=f"merges {A} into {B} on {WEEK[1]}.*{expected}"):
        exchange_shares([merger], prices, securities, BAND)
    unknown = securities.filter(
        (pl.col("symbol") != A) | (pl.col("date") != WEEK[0])
    )  # paid out before: nothing to exchange
    assert exchange_shares([merger], prices, unknown, BAND)[2] == ()


def test_weights_are_added_up_along_a_chain_of_mergers() -> None:
    chain = [ShareExchange(WEEK[0], A, B, 1.0, WEEK[1]), ShareExchange(WEEK[2], B, C, 1.0, WEEK[3])]
    assert together(chain, WEEK[0]) == {}
    assert together(chain, WEEK[2]) == {A: B}
    assert together([*chain, ShareExchange(WEEK[4], D, C, 1.0, None)], WEEK[4]) == {A: C, B: C}
    assert together(chain, WEEK[4]) == {A: C, B: C}
    assert absorbed(chain, WEEK[0]) == absorbed(chain, WEEK[1]) == {A: B}
    assert absorbed(chain, WEEK[2]) == {A: C, B: C}
    assert add_up({A: 0.25, B: 0.25, C: 0.125, D: 0.375}, together(chain, WEEK[4])) == {C: 0.625, D: 0.375}


# --- a merger on the trade day ------------------------------------------------------------------------------------------


def merged_on_the_trade_day(later: float, settings: PortfoliosSettings = SETTINGS) -> tuple[dict, dict, Market]:
    """The orders of the old and of the new name on the day on which the old one is absorbed, and the market.

    later: the scores of both at the signal close before, for which they are bought (above 0) or sold; at the close before
    that they had the opposite ones."""
    market, trade = Market(seed=9), CALENDAR.week_days(WEEKS[2])[0]
    old, new = "600003.SH", "600007.SH"
    pair = pl.col("symbol").is_in([old, new])
    gone = (pl.col("symbol") == old) & (pl.col("date") >= trade)
    market.prices = market.prices.filter(~gone)
    closes = market.prices.select("date", "symbol", last_close="close")
    market.securities = (
        market.securities.filter(~gone)
        .join(closes, on=["date", "symbol"], how="left", maintain_order="left")
        .with_columns(pl.col("last_close").forward_fill().over("symbol", order_by="date").fill_null(20.0))
    )
    early = pl.when(pl.col("date") < CALENDAR.signal_day(WEEKS[1])).then(-later).otherwise(later)
    market.factors = market.factors.filter(~gone).with_columns(value=pl.when(pair).then(early).otherwise("value"))
    market.mergers = [Change(trade, old, new, 1.25, True)]
    for week in WEEKS[:2]:
        market.week(week)
    market.week(WEEKS[2], settings)
    rows = file(market.made[WEEKS[2]], "executions.parquet").filter(pair).sort("symbol")
    return rows.row(0, named=True), rows.row(1, named=True), market


def test_a_name_absorbed_on_the_trade_day_is_not_bought() -> None:
    """Purchases of the new stock follow from its own target; the old stock can no longer be bought."""
    old, new, market = merged_on_the_trade_day(9.0)
    assert old["order"] > 0
    assert (old["state"], old["blocked"], old["filled"], old["topped_up"]) == ("merged", "not_buyable", 0.0, 0.0)
    assert new["state"] == FREE
    assert solve_of(market.made[WEEKS[2]])["not_buyable_bought"] == 0.0


def test_a_name_absorbed_on_the_trade_day_is_sold_as_the_new_shares_within_their_volume_once() -> None:
    old, new, _ = merged_on_the_trade_day(-9.0)
    assert old["filled"] == old["order"] < -0.01
    assert new["filled"] == new["order"] < -0.01
    capped = SETTINGS.execution.model_copy(update={"participation": 0.01, "capital": 1e4})
    old, new, market = merged_on_the_trade_day(-9.0, SETTINGS.model_copy(update={"execution": capped}))
    assert old["cut"] == new["cut"] == "participation"
    trade = CALENDAR.week_days(WEEKS[2])[0]
    volume = market.prices.filter(pl.col("date") == trade, pl.col("symbol") == "600007.SH")["volume"].item()
    # In fractions of the money at VWAP before trading, which days.parquet does not hold: within a day's move of the close.
    most = 0.01 * volume * new["vwap"] / (1e4 * solve_of(market.made[WEEKS[1]])["nav"])
    assert -(old["filled"] + new["filled"]) == pytest.approx(most, rel=0.06)


# --- whole weeks, through the wrapper ---------------------------------------------------------------------------------

HERE = "tests.portfolios.week.test_mergers"
OLD, NEW, RATIO = "600003.SH", "600007.SH", 0.625
DATE = CALENDAR.week_days(WEEKS[2])[2]  # a Wednesday


@functools.cache
def market(suspended: int = 0) -> Market:
    """`OLD` has no row from DATE on; both names are members of the index, and last closes are known."""
    market = Market(seed=9)
    left = (pl.col("symbol") == OLD) & (pl.col("date") >= DATE)
    still = CALENDAR.days(DATE, CALENDAR.offset(DATE, suspended))[:suspended]
    away = (pl.col("symbol") == NEW) & pl.col("date").is_in(still)
    market.prices = market.prices.filter(~left & ~away)
    market.securities = market.securities.with_columns(traded=pl.col("traded") & ~away)
    closes = market.prices.select("date", "symbol", "close")
    market.securities = (
        market.securities.filter(~left)
        .join(closes, on=["date", "symbol"], how="left", maintain_order="left")
        .with_columns(last_close=pl.col("close").forward_fill().over("symbol", order_by="date").fill_null(20.0))
        .drop("close")
    )
    market.styles = market.styles.filter(~left)
    liked = pl.when(pl.col("symbol") == OLD).then(5.0).otherwise("value")  # so that it is held
    market.factors = market.factors.filter(~left).with_columns(value=liked)
    return market


def make_daily(frames: Frames, partition: Partition, settings: None) -> Made:
    table = partition.table
    return Made(getattr(market(), DAILY.get(table, table)).filter(pl.col("date") == partition.date))


def make_daily_suspended(frames: Frames, partition: Partition, settings: None) -> Made:
    table = partition.table
    return Made(getattr(market(7), DAILY.get(table, table)).filter(pl.col("date") == partition.date))


def make_scores(frames: Frames, partition: Partition, settings: None) -> Made:
    return Made(market().scores.filter(pl.col("date") == partition.date))


def built(root: Path, *, declared: bool, daily: str = "make_daily") -> Builder:
    (root / "market" / "bars").mkdir(parents=True)
    (root / "market" / "reference").mkdir()
    for day in DAYS:
        frame = pl.DataFrame({"symbol": ["600000.SH"], "minute": [570], "close": [10.0]})
        frame.write_parquet(root / "market" / "bars" / f"{day:%Y%m%d}.parquet")
    if declared:
        row = pl.DataFrame({"old": [OLD], "new": [NEW], "date": [DATE], "ratio": [RATIO]})
        row.write_parquet(root / "market" / "reference" / "code_changes.parquet")
    weekly = ("scores", "offset_scores", "distribution_shifts")
    names = (*weekly, "factors", "daily_prices", "securities", "indices", "styles", "minute_bars")
    tables = {}
    for name in names:
        one = upstream(name)
        frame = getattr(market(), DAILY.get(name, "scores" if one.partition == "week" else name))
        make = f"{HERE}:make_scores" if one.partition == "week" else f"{HERE}:{daily}"
        tables[name] = type(one)(**{**one.__dict__, "schema": frame.schema, "make": make})
    tables |= {table.name: table for table in TABLES}
    lake = Lake(str(root / "lake"))
    zone = LandingZone(root / "market", lake.store)
    builder = Builder(tables=tables, lake=lake, zone=zone, calendar=CALENDAR, settings=Tree())
    for table in tables.values():
        keys = WEEKS if table.partition == "week" else DAYS
        outcomes = builder.build(table, keys)
        assert {one.state for one in outcomes} == {"built"}, outcomes
    return builder


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> Builder:
    return built(tmp_path_factory.mktemp("merged"), declared=True)


@pytest.fixture(scope="module")
def paid_out(tmp_path_factory: pytest.TempPathFactory) -> Builder:
    return built(tmp_path_factory.mktemp("paid_out"), declared=False)


def side(builder: Builder, week: dt.date, name: str) -> pl.DataFrame:
    return pl.read_parquet(io.BytesIO(builder.lake.read_file(TABLES[0], week, name)))


def test_weeks_before_the_merger_are_unchanged(merged: Builder, paid_out: Builder) -> None:
    for table in TABLES[:4]:
        for week in WEEKS[:2]:
            one, other = (builder.lake.manifest(table, week) for builder in (merged, paid_out))
            assert (one.content, one.version) == (other.content, other.version)
    assert WEEKS[2:] == [
        week
        for week in WEEKS
        if merged.lake.manifest(TABLES[0], week).content != paid_out.lake.manifest(TABLES[0], week).content
    ]


def plain_account(builder: Builder, own: Market, week: dt.date, settled: dt.date) -> tuple[dict, dict]:
    """(holdings, index weights) at the week's signal close, followed by hand from the trades that the week stored.

    settled: in the week; the day on which the new name first trades from DATE on."""
    days = CALENDAR.week_days(week)
    price = {(row["date"], row["symbol"]): row for row in own.prices.iter_rows(named=True)}
    last = {(row["date"], row["symbol"]): row["last_close"] for row in own.securities.iter_rows(named=True)}
    eve = CALENDAR.previous_day(DATE)
    reference = price[DATE, NEW]["pre_close"] if (DATE, NEW) in price else last[eve, NEW]
    exchanged = RATIO * reference / last[eve, OLD]
    assert abs(exchanged - 1) > 0.05  # so that it shows

    def growth(day: dt.date, symbol: str, since: str = "pre_close") -> float:
        if symbol == OLD and day >= settled:
            step = growth(day, NEW, since)
            return step * exchanged if day == settled else step
        row = price.get((day, symbol))
        return 1.0 if row is None else row["close"] / row[since]

    before = builder.lake.read(TABLES[0], [CALENDAR.offset_week(week, -1)]).collect()
    value = dict(before.select("symbol", "drifted_weight").iter_rows())
    filled = dict(side(builder, week, "executions.parquet").select("symbol", "filled").iter_rows())
    cash = side(builder, CALENDAR.offset_week(week, -1), "solve.parquet")["cash"].item()
    trade = days[0]
    at_vwap = {
        s: w * (price[trade, s]["vwap"] / price[trade, s]["pre_close"] if (trade, s) in price else 1.0)
        for s, w in value.items()
    }
    nav = sum(at_vwap.values()) + cash
    held = {s: (w + filled.get(s, 0.0) * nav) * growth(trade, s, "vwap") for s, w in at_vwap.items()}
    for day in days[1:]:
        held = {s: w * growth(day, s) for s, w in held.items()}
    assert held[OLD] > 0.01
    held[NEW] = held.get(NEW, 0.0) + held.pop(OLD)
    total = sum(held.values()) / (1.0 - side(builder, week, "days.parquet").sort("date")["cash"][-1])

    vector = own.indices.filter(pl.col("date") == days[-1])
    weights = dict(vector.select("symbol", "weight").iter_rows())
    for day in [one for one in DAYS if vector["published_date"][0] < one <= days[-1]]:
        weights = {s: w * growth(day, s) for s, w in weights.items()}
    weights[NEW] += weights.pop(OLD)
    return {s: w / total for s, w in held.items()}, {s: w / sum(weights.values()) for s, w in weights.items()}


def assert_accounts_agree(builder: Builder, own: Market, week: dt.date, settled: dt.date) -> None:
    held, benchmark = plain_account(builder, own, week, settled)
    stored = builder.lake.read(TABLES[0], [week]).collect()
    assert OLD not in stored["symbol"]
    drifted = dict(stored.select("symbol", "drifted_weight").iter_rows())
    members = dict(stored.filter(pl.col("benchmark_weight") > 0).select("symbol", "benchmark_weight").iter_rows())
    assert set(members) == set(benchmark)
    for symbol, weight in held.items():
        assert drifted.get(symbol, 0.0) == pytest.approx(weight, abs=1e-12)
    for symbol, weight in benchmark.items():
        assert members[symbol] == pytest.approx(weight, abs=1e-12)
    assert abs(builder.lake.manifest(TABLES[3], week).notes["csi500"]["gap"]) < 1e-12


def test_the_week_of_the_merger_equals_a_plain_computation(merged: Builder) -> None:
    """Cash, old and new shares computed from the executed trades to the signal close, and the index's weights."""
    assert_accounts_agree(merged, market(), WEEKS[2], DATE)


def test_later_weeks_contain_the_new_symbol_only(merged: Builder) -> None:
    """Also while the index is still drifted from a vector with the old name; the attribution adds up in every week."""
    for week in WEEKS[2:]:
        frame = merged.lake.read(TABLES[0], [week]).collect()
        assert OLD not in frame["symbol"]
        assert frame["benchmark_weight"].sum() == pytest.approx(1.0, abs=1e-12)
        assert frame.filter(pl.col("symbol") == NEW)["benchmark_weight"].item() > 0
        assert side(merged, week, "solve.parquet")["benchmark_delisted"].item() == 0
        assert abs(merged.lake.manifest(TABLES[3], week).notes["csi500"]["gap"]) < 1e-12


def test_without_a_declaration_the_old_name_is_paid_out(paid_out: Builder) -> None:
    frame = paid_out.lake.read(TABLES[0], [WEEKS[2]]).collect()
    assert OLD not in frame["symbol"]
    assert side(paid_out, WEEKS[2], "solve.parquet")["benchmark_delisted"].item() > 0
    cash = side(paid_out, WEEKS[2], "days.parquet").sort("date")["cash"].to_list()
    assert cash[2] > cash[1] + 0.01  # on the day it is no longer listed


def test_a_new_name_that_is_suspended_on_the_day_takes_the_holding_when_it_trades(tmp_path: Path) -> None:
    """Over a signal close the old stock stays separate and frozen; the exchange takes effect on the day of the first trade."""
    waiting = built(tmp_path, declared=True, daily="make_daily_suspended")
    frame = waiting.lake.read(TABLES[0], [WEEKS[2]]).collect()
    kept = frame.filter(pl.col("symbol") == OLD)
    assert kept["state"].item() == "suspended"
    assert kept["weight"].item() == pytest.approx(kept["drifted_weight"].item(), abs=1e-12)
    assert kept["benchmark_weight"].item() > 0
    first = CALENDAR.offset(DATE, 7)
    assert CALENDAR.week_of(first) == WEEKS[3]
    fills = dict(side(waiting, WEEKS[3], "executions.parquet").select("symbol", "filled").iter_rows())
    assert fills.get(OLD, 0.0) == 0.0
    assert_accounts_agree(waiting, market(7), WEEKS[3], first)
