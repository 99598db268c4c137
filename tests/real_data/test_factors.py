"""Factors on the real market: the closes of summer 2015 and the tapes of 2023, against plain recomputations."""

import csv
import datetime as dt
import functools
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assets.bars.schemas import MINUTE_BARS
from assets.factors.indicators import INDICATORS
from assets.factors.make_day_indicators import make_day_indicators
from assets.factors.ten import aggregate_days
from assets.factors.windows import INDICATOR_NEEDS
from assets.features.make_bar_features import make_bar_features
from assets.features.names import BAR_FEATURES, BAR_NEEDS
from assets.ticks.make_quotes import make_quotes
from assets.ticks.make_trades import make_trades
from resources.calendar import Calendar
from resources.settings.factors import FactorsSettings
from resources.settings.features import FeaturesSettings
from resources.settings.ticks import TicksSettings
from tests.factors import plain
from tests.making import run_make
from tests.tapes import Day
from tests.tapes import Landing as NoLanding

DATA = Path(__file__).parents[2].parent / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"REAL DATA ABSENT: no {DATA}, factors are not tested on it")
SECTION = FactorsSettings()


# --- one-minute closes of 2015 ---------------------------------------------------------------------------------------


@functools.cache
def daily_prices() -> pl.DataFrame:
    file = DATA / "reference_2010_2016" / "daily_prices.parquet"
    summer = pl.col("date").is_between(dt.date(2015, 5, 4), dt.date(2015, 7, 31))
    return pl.scan_parquet(file).filter(summer).with_columns(vwap=pl.col("amount") / pl.col("volume")).collect()


def files() -> list[Path]:
    return sorted((DATA / "bars_2015").glob("2015*.parquet"))


@dataclass
class MadeDay:
    """One day of closes from the landing zone's `bars/` to indicators and features, as the platform makes it."""

    date: dt.date
    verdicts: set[str]  # of the names that were delivered
    closes_kept: bool
    unavailable: dict[str, str]  # columns of minute_bars
    indicators: pl.DataFrame
    known_features: set[str]
    undefined_returns: int  # bar features whose first, the return, is null


def make_day(file: Path) -> MadeDay:
    date, landed = date_of(file), pl.read_parquet(file)
    daily = daily_prices().filter(date=date)
    day = Day(daily=daily, landing=NoLanding(bars=landed, path=file, date=date))
    made = day.bars
    delivered = day.health.frame.filter(pl.col("symbol").is_in(landed["symbol"].unique().implode()))
    bars = made.frame.lazy()
    features = run_make(
        make_bar_features, minute_bars=bars, daily_prices=daily, date=date, settings=FeaturesSettings()
    ).frame
    return MadeDay(
        date=date,
        verdicts=set(delivered["verdict"]),
        closes_kept=made.frame["close"].equals(landed.sort("symbol", "minute")["close"]),
        unavailable=dict(made.unavailable),
        indicators=run_make(
            make_day_indicators, minute_bars=bars, daily_prices=daily, date=date, settings=SECTION
        ).frame,
        known_features={name for name in BAR_FEATURES if features[name].null_count() < features.height},
        undefined_returns=features["bar_return"].null_count(),
    )


def date_of(file: Path) -> dt.date:
    return dt.datetime.strptime(file.stem, "%Y%m%d").date()


@functools.cache
def made_summer() -> list[MadeDay]:
    return [make_day(file) for file in files()]


def summer() -> pl.DataFrame:
    return pl.concat(day.indicators for day in made_summer())


MEASURES = ("skewness", "downside_volatility_share", "post_open_growth")


@functools.cache
def plain_summer() -> tuple[list[str], dict[str, np.ndarray]]:
    """Symbols, and per measure [days, symbols], NaN where a name was not delivered or the day is none: from the closes alone."""
    days = [pl.read_parquet(file).sort("symbol", "minute") for file in files()]
    names = sorted(set().union(*(day["symbol"].unique() for day in days)))
    found = {name: np.full((len(days), len(names)), np.nan) for name in MEASURES}
    for number, (file, frame) in enumerate(zip(files(), days, strict=True)):
        symbols = frame["symbol"].unique(maintain_order=True).to_list()
        closes = frame["close"].to_numpy().reshape(len(symbols), 239)
        own = {row[0]: row[1:] for row in
               daily_prices().filter(date=date_of(file)).select("symbol", "close", "high", "low").rows()}  # fmt: skip
        official, high, low = np.array([own[symbol] for symbol in symbols]).T
        r = np.log(closes[:, 1:-1] / closes[:, :-2])
        s2, s3, down = (r**2).sum(axis=1), (r**3).sum(axis=1), (np.where(r < 0, r, 0) ** 2).sum(axis=1)
        valid = (high > low) & (s2 > 0)
        s2 = np.where(valid, s2, np.nan)
        at = np.searchsorted(names, symbols)
        found["skewness"][number, at] = math.sqrt(237) * s3 / s2**1.5
        found["downside_volatility_share"][number, at] = down / s2
        found["post_open_growth"][number, at] = official / closes[:, 30]
    return names, found


def assert_equal(found: np.ndarray, expected: np.ndarray, where: str) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12, equal_nan=True, err_msg=where)


@pytest.mark.slow
def test_every_day_of_summer_2015_goes_from_landed_closes_to_features() -> None:
    closes = {"date", "symbol", "minute", "close"}
    assert len(made_summer()) == 64
    for day in made_summer():
        assert day.verdicts == {"ok"}, day.date
        assert day.closes_kept, day.date
        assert closes | day.unavailable.keys() == {*MINUTE_BARS}, day.date
        for column, reason in day.unavailable.items():
            wanted = "no limit prices" if "limit" in column else f"bars/{day.date:%Y%m%d}.parquet has only close"
            assert str(reason).startswith(wanted), (day.date, column)
        # n/a exactly where a column that was not delivered is needed; its reason travels along the same table.
        for known, needs in (
            ({name for name in INDICATORS if day.indicators[name].count()}, INDICATOR_NEEDS),
            (day.known_features, {name: BAR_NEEDS[name] for name in BAR_FEATURES}),
        ):
            assert known == {
                name for name, columns in needs.items()
                if not {column.removeprefix("minute_bars.") for column in columns} & day.unavailable.keys()
            }, day.date  # fmt: skip
        assert day.undefined_returns == 0, day.date
        assert day.indicators["traded"].all(), day.date


@pytest.mark.slow
def test_factors_1_2_7_of_summer_2015_equal_a_plain_recomputation() -> None:
    names, expected = plain_summer()
    days = [day.date for day in made_summer()]
    whole = summer()
    assert whole.height == np.isfinite(expected["post_open_growth"]).sum() == 83_137
    for number, day in enumerate(made_summer()):
        at = np.searchsorted(names, day.indicators["symbol"].to_list())
        for name in MEASURES:
            found = np.full(len(names), np.nan)
            found[at] = day.indicators[name].fill_null(float("nan")).to_numpy()
            assert_equal(found, expected[name][number], f"{name} of {day.date}")

    for end in range(SECTION.window - 1, len(days)):
        window = slice(end - SECTION.window + 1, end + 1)
        raw, _ = aggregate_days(whole.filter(pl.col("date").is_in(days[window])), SECTION)
        at = np.searchsorted(names, raw["symbol"].to_list())
        count = {name: np.isfinite(values[window]).sum(axis=0) for name, values in expected.items()}
        few = {name: np.where(n >= SECTION.min_days, 1.0, np.nan) for name, n in count.items()}
        mean = {name: np.nansum(expected[name][window], axis=0) / np.maximum(count[name], 1) for name in MEASURES[:2]}
        plains = {
            "skewness": -mean["skewness"] * few["skewness"],
            "downside_volatility_share": mean["downside_volatility_share"] * few["downside_volatility_share"],
            "improved_reversal": (1 - np.nanprod(expected["post_open_growth"][window], axis=0))
            * few["post_open_growth"],
        }
        for key, values in plains.items():
            found = np.full(len(names), np.nan)
            found[at] = raw[key].fill_null(float("nan")).to_numpy()
            assert_equal(found, values, f"{key} of {days[end]}")
            assert np.isfinite(values).sum() > 1000


@pytest.mark.slow
def test_correlation_of_factors_1_and_2() -> None:
    calendar, whole = Calendar.xshg(), summer()
    days = whole["date"].unique().sort()
    listed = pl.read_parquet(DATA / "reference_2010_2016" / "instruments.parquet")
    correlations = []
    for end in range(19, len(days)):
        raw, _ = aggregate_days(whole.filter(pl.col("date").is_in(days[end - 19 : end + 1].implode())), SECTION)
        universe = (
            daily_prices()
            .filter(~pl.col("is_st"), date=days[end])
            .join(listed.filter(pl.col("list_date") <= calendar.offset(days[end], -119)), on="symbol", how="semi")
        )
        both = raw.join(universe, on="symbol", how="semi").drop_nulls(["skewness", "downside_volatility_share"])
        assert both.height > 500
        correlations.append(np.corrcoef(both["skewness"], both["downside_volatility_share"])[0, 1])
    assert min(correlations) > 0.85
    assert max(correlations) < 0.93


# --- the tapes of 2023 -----------------------------------------------------------------------------------------------

CLOSES = {"600519.SH": 1844.97, "000001.SZ": 14.70, "600000.SH": 7.36}  # official, 2023-02-01
TAPES = {
    dt.date(2023, 2, 1): ("600519.SH", "600000.SH", "000001.SZ"),
    dt.date(2023, 7, 11): ("600536.SH", "600761.SH", "605580.SH"),
}


def milliseconds(text: str) -> int:
    hours, minutes, seconds = text.split(":")
    return round((int(hours) * 60 + int(minutes)) * 60_000 + float(seconds) * 1000)


@functools.cache
def tape(date: dt.date) -> dict[str, list[tuple]]:
    """symbol → trades (channel, seq, time, price in 1/10 000 yuan, volume, side), read with the csv module, in order."""
    trades: dict[str, list[tuple]] = {symbol: [] for symbol in TAPES[date]}
    if date == dt.date(2023, 2, 1):
        folder = DATA / "datayes" / "20230201"
        with (folder / "20230201_Transaction.csv").open() as file:
            for row in csv.DictReader(file):
                side = {"B": 1, "S": -1}.get(row["TradeBSFlag"], 0)
                price = round(float(row["TradPrice"]) * 10_000)
                trades[f"{row['SecurityID']}.SH"].append(
                    (int(row["TradeChan"]), int(row["TradeIndex"]), milliseconds(row["TradTime"]), price, int(row["TradVolume"]), side)
                )  # fmt: skip
        with (folder / "mdl_6_36_0.csv").open() as file:
            for row in csv.DictReader(file):
                if row["ExecType"] == "70":
                    bid, ask = int(row["BidApplSeqNum"]), int(row["OfferApplSeqNum"])
                    price = round(float(row["LastPx"]) * 10_000)
                    trades[f"{row['SecurityID']}.SZ"].append(
                        (int(row["ChannelNo"]), int(row["ApplSeqNum"]), milliseconds(row["TransactTime"]), price, int(row["LastQty"]), 1 if bid > ask else -1)
                    )  # fmt: skip
    else:
        with (DATA / "insight" / "20230711" / "SHtrans.csv").open() as file:
            for row in csv.DictReader(file):
                side = {"1": 1, "2": -1}.get(row["TradeBSFlag"], 0)
                price = round(float(row["TradePrice"]) * 10_000)
                trades[row["SecurityID"]].append(
                    (int(row["ChannelNo"]), int(row["TradeIndex"]), milliseconds(row["MDTime"]), price, int(row["TradeQty"]), side)
                )  # fmt: skip
    return {symbol: sorted(rows) for symbol, rows in trades.items()}


def minute_of(time: int) -> int:
    """SPEC §1: the bar that a print belongs to."""
    minute = time // 60_000
    if minute < 570:
        return 565
    if 690 <= minute < 780:
        return 689
    return 897 if minute >= 897 else minute


def plain_bars(date: dt.date, symbol: str) -> list[dict]:
    """The 239 rows of a symbol-day from its tape; no quotes, no thresholds."""
    bars: dict[int, dict] = {}
    for _, _, time, price, volume, side in tape(date)[symbol]:
        bar = bars.setdefault(
            minute_of(time), {"open": price, "high": price, "low": price, "volume": 0, "amount": 0, "trades": 0, 1: 0, -1: 0, 0: 0}
        )  # fmt: skip
        bar["high"], bar["low"], bar["close"] = max(bar["high"], price), min(bar["low"], price), price
        bar["volume"] += volume
        bar["amount"] += price * volume
        bar["trades"] += 1
        bar[side] += price * volume
    rows, last = [], None
    for minute in plain.SLOTS:
        row = dict.fromkeys(plain.SCHEMA) | {"date": date, "symbol": symbol, "minute": minute}
        if minute in bars:
            bar = bars[minute]
            row |= {side: bar[side] / 10_000 for side in ("open", "high", "low", "close", "amount")}
            row |= {"volume": bar["volume"], "trades": bar["trades"]}
            row |= {"buy_amount": bar[1] / 10_000, "sell_amount": bar[-1] / 10_000}
            last = row["close"]
        else:
            row |= dict.fromkeys(("open", "high", "low", "close"), last)
            row |= {"volume": 0, "trades": 0, "amount": 0.0, "buy_amount": 0.0, "sell_amount": 0.0}
        rows.append(row)
    return rows


class Landing:
    """The part of a landing view that ticks and bars use: a folder of vendor files and nothing else."""

    def __init__(self, path: Path):
        self.path = path

    def tick_files(self) -> list[Path]:
        return sorted(path for path in self.path.rglob("*") if path.is_file())

    def bars(self) -> None:
        return None


def made_bars(date: dt.date) -> pl.DataFrame:
    """`minute_bars` of the tapes' day as the platform makes them."""
    folder = {2: "datayes/20230201", 7: "insight/20230711"}[date.month]
    landing = Landing(DATA / folder)
    ticks = {"date": date, "landing": landing, "settings": TicksSettings()}
    made = {"trades": run_make(make_trades, **ticks), "quotes": run_make(make_quotes, **ticks)}
    of = Day(made["trades"].frame, quotes=made["quotes"].frame, landing=NoLanding(date=date))
    of.beside |= {(name, file): data for name, one in made.items() for file, data in one.files.items()}
    return of.bars.frame


FIRST, *OTHERS = TAPES


@pytest.mark.parametrize("date", [FIRST, *(pytest.param(date, marks=pytest.mark.slow) for date in OTHERS)])
def test_indicators_on_the_tapes_equal_a_plain_recomputation_from_the_files(date: dt.date) -> None:
    bars = made_bars(date)
    daily = pl.DataFrame(
        [dict.fromkeys(plain.DAILY_SCHEMA) | {"date": date, "symbol": symbol, "close": close, "volume": 1}
         for symbol, close in CLOSES.items() if date.month == 2],
        schema=plain.DAILY_SCHEMA,
    )  # fmt: skip
    prices = {row["symbol"]: row for row in daily.to_dicts()}
    made = run_make(make_day_indicators, minute_bars=bars, daily_prices=daily, date=date, settings=SECTION)
    found = {row["symbol"]: row for row in made.frame.iter_rows(named=True)}
    loose = run_make(
        make_day_indicators,
        minute_bars=bars,
        daily_prices=daily,
        date=date,
        settings=FactorsSettings(drop_limit_bars=False),
    )
    undropped = {row["symbol"]: row for row in loose.frame.iter_rows(named=True)}
    assert set(TAPES[date]) <= set(found)
    for symbol in TAPES[date]:
        expected = plain.plain_indicators(plain_bars(date, symbol), prices.get(symbol))
        for name in (
            "skewness", "downside_volatility_share", "post_open_growth", "closing_volume_share", "outflow_per_trade",
            "large_trade_growth",
        ):  # fmt: skip
            assert expected[name] is not None
            assert math.isclose(found[symbol][name], expected[name], rel_tol=1e-12, abs_tol=1e-12), (symbol, name)
        # Buying intention needs quotes, and of these tapes only 600519 has them, and limit prices unless bars at a limit
        # stay; large orders need earlier days.
        rows = bars.filter(pl.col("minute") < 905, symbol=symbol).to_dicts()
        for name in ("buying_intention_share", "buying_intention_strength"):
            value = plain.plain_indicators(rows, prices.get(symbol))[name]
            assert (value is not None) == (symbol == "600519.SH")
            assert value is None or math.isclose(undropped[symbol][name], value, rel_tol=1e-12), name
            assert found[symbol][name] is None
        assert found[symbol]["large_net_buy"] is None
