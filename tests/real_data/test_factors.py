"""Factors on the real market: the closes of summer 2015 and the tapes of 2023, against plain recomputations."""

import csv
import datetime as dt
import functools
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assets.factors.indicators import make_day_indicators
from assets.factors.ten import aggregate_days
from assets.features.bars import make_bar_features
from assets.features.names import BAR_FEATURES
from assets.ticks.make import make_quotes, make_trades
from resources.calendar import Calendar
from resources.settings.factors import FactorsSettings
from resources.settings.features import FeaturesSettings
from resources.settings.ticks import TicksSettings
from tests.bars.tapes import Day
from tests.bars.tapes import Landing as NoLanding
from tests.factors import plain

DATA = Path(__file__).parents[2].parent / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"REAL DATA ABSENT: no {DATA}, factors are not tested on it")
SECTION = FactorsSettings()


# --- one-minute closes of 2015 ---------------------------------------------------------------------------------------


@functools.cache
def daily_prices() -> pl.DataFrame:
    file = DATA / "reference_2010_2016" / "daily_prices.parquet"
    summer = pl.col("date").is_between(dt.date(2015, 5, 4), dt.date(2015, 7, 31))
    return pl.scan_parquet(file).filter(summer).with_columns(vwap=pl.col("amount") / pl.col("volume")).collect()


def closes_of(file: Path) -> pl.DataFrame:
    """`minute_bars` with nothing but closes."""
    day = dt.datetime.strptime(file.stem, "%Y%m%d").date()
    frame = pl.read_parquet(file).with_columns(pl.lit(day).alias("date"), pl.col("minute").cast(pl.Int32))
    absent = [pl.lit(None, dtype).alias(name) for name, dtype in plain.SCHEMA.items() if name not in frame.columns]
    return frame.with_columns(absent).sort("symbol", "minute")


def files() -> list[Path]:
    return sorted((DATA / "bars_2015").glob("2015*.parquet"))


@functools.cache
def summer() -> pl.DataFrame:
    days = []
    for file in files():
        bars = closes_of(file)
        day = bars["date"][0]
        days.append(make_day_indicators(bars.lazy(), daily_prices().filter(date=day).lazy(), day, SECTION).frame)
    return pl.concat(days)


@functools.cache
def plain_summer() -> dict[tuple[dt.date, str], tuple[float | None, float | None, float | None]]:
    """(date, symbol) → skewness, downside share, post-open growth, from the closes as matrices."""
    result = {}
    for file in files():
        day = dt.datetime.strptime(file.stem, "%Y%m%d").date()
        frame = pl.read_parquet(file).sort("symbol", "minute")
        symbols = frame["symbol"].unique(maintain_order=True).to_list()
        closes = frame["close"].to_numpy().reshape(len(symbols), 239)
        official = {
            row[0]: row[1:] for row in daily_prices().filter(date=day).select("symbol", "close", "high", "low").rows()
        }
        r = np.log(closes[:, 1:-1] / closes[:, :-2])
        for n, symbol in enumerate(symbols):
            close, high, low = official[symbol]
            s2, s3, down = (math.fsum(r[n] ** 2), math.fsum(r[n] ** 3), math.fsum(np.where(r[n] < 0, r[n], 0) ** 2))
            valid = high > low and s2 > 0
            skewness = math.sqrt(237) * s3 / s2**1.5 if valid else None
            result[day, symbol] = (skewness, down / s2 if valid else None, close / closes[n, 30])
    return result


@pytest.mark.slow
def test_factors_1_2_7_of_summer_2015_equal_a_plain_recomputation() -> None:
    expected = plain_summer()
    columns = ("skewness", "downside_volatility_share", "post_open_growth")
    rows = {row[:2]: row[2:] for row in summer().select("date", "symbol", *columns).rows()}
    assert rows.keys() == expected.keys()
    assert len(rows) == 83_137
    for key, values in expected.items():
        for found, value in zip(rows[key], values, strict=True):
            assert (found is None) == (value is None), key
            assert value is None or math.isclose(found, value, rel_tol=1e-12, abs_tol=1e-12), key

    days = sorted({day for day, _ in expected})
    for end in (19, 40, 63):
        window = days[end - 19 : end + 1]
        raw, _ = aggregate_days(summer().filter(pl.col("date").is_in(window)), SECTION)
        for symbol, *found in raw.select(
            "symbol", "skewness", "downside_volatility_share", "improved_reversal"
        ).iter_rows():
            own = [expected[day, symbol] for day in window if (day, symbol) in expected]
            plains = []
            for column, sign in ((0, -1), (1, 1)):
                values = [day[column] for day in own if day[column] is not None]
                plains.append(sign * math.fsum(values) / len(values) if len(values) >= 10 else None)
            plains.append(-(math.prod(day[2] for day in own) - 1) if len(own) >= 10 else None)
            for one, other in zip(found, plains, strict=True):
                assert (one is None) == (other is None), symbol
                assert other is None or math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-12), symbol


@pytest.mark.slow
def test_correlation_of_factors_1_and_2() -> None:
    calendar, days = Calendar.xshg(), summer()["date"].unique().sort()
    listed = pl.read_parquet(DATA / "reference_2010_2016" / "instruments.parquet")
    correlations = []
    for end in range(19, len(days)):
        raw, _ = aggregate_days(summer().filter(pl.col("date").is_in(days[end - 19 : end + 1].implode())), SECTION)
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


@pytest.mark.slow
def test_closes_alone_leave_volume_indicators_null() -> None:
    kept = {"skewness", "downside_volatility_share", "post_open_growth", "flat_share"}
    floats = {name for name, dtype in summer().schema.items() if dtype == pl.Float64}
    assert {name for name in floats if summer()[name].null_count() < summer().height} == kept
    assert summer()["traded"].all()
    day = files()[30]
    features = make_bar_features(
        closes_of(day).lazy(), daily_prices().lazy().filter(date=dt.date(2015, 6, 16)), dt.date(2015, 6, 16), FeaturesSettings()
    ).frame  # fmt: skip
    known = {name for name in BAR_FEATURES if features[name].null_count() < features.height}
    assert known == {"bar_return", "realised_variance", "skewness", "kurtosis", "max_abs_return", "down_variance"}


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
    made = {"trades": make_trades(**ticks), "quotes": make_quotes(**ticks)}
    of = Day(made["trades"].frame, quotes=made["quotes"].frame, landing=NoLanding(date=date))
    of.beside |= {(name, file): data for name, one in made.items() for file, data in one.files.items()}
    return of.bars.frame


@pytest.mark.parametrize("date", list(TAPES))
def test_indicators_on_the_tapes_equal_a_plain_recomputation_from_the_files(date: dt.date) -> None:
    bars = made_bars(date)
    daily = pl.DataFrame(
        [dict.fromkeys(plain.DAILY_SCHEMA) | {"date": date, "symbol": symbol, "close": close, "volume": 1}
         for symbol, close in CLOSES.items() if date.month == 2],
        schema=plain.DAILY_SCHEMA,
    )  # fmt: skip
    prices = {row["symbol"]: row for row in daily.to_dicts()}
    made = make_day_indicators(bars.lazy(), daily.lazy(), date, SECTION)
    found = {row["symbol"]: row for row in made.frame.iter_rows(named=True)}
    loose = make_day_indicators(bars.lazy(), daily.lazy(), date, FactorsSettings(drop_limit_bars=False))
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
