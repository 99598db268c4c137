"""Day indicators, bar features and daily features of a whole market, beside a direct polars group-by of the same definitions.

    python -m benchmarks indicators

The market has 5 300 stocks and 20 days, which are computed one at a time as in the platform. Both sides start from the same frames in
memory (bar features and indicators: the day's `minute_bars`; daily features: sixty days of `daily_prices`) and return a frame; the
results of the first day are compared before anything is timed. In the rows "from Parquet" both sides start from a Parquet file of the
lake, and the floor is the decoding of its columns, which takes most of the time.
"""

import datetime as dt
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from assets.factors.block import SLOTS
from assets.factors.indicators import FIELDS, INDICATORS
from assets.factors.make_day_indicators import make_day_indicators
from assets.features.bars import FIELDS as FEATURE_FIELDS
from assets.features.bars import STARTS
from assets.features.daily import LOOK_BACK
from assets.features.make_bar_features import make_bar_features
from assets.features.make_daily_features import make_daily_features
from assets.features.names import BAR_FEATURES, DAILY_FEATURES
from resources.calendar import Calendar
from resources.made import Made
from resources.partition import Frames, Partition
from resources.settings.factors import FactorsSettings
from resources.settings.features import FeaturesSettings

STOCKS, DAYS, PARQUET_DAYS = 5300, 20, 5
DAY = ("date", "symbol")
BAR = (*DAY, "granularity", "bar")
SYMBOLS = [f"{s:06d}.SZ" for s in range(STOCKS)]
Inputs = tuple[pl.LazyFrame, ...]


def main() -> list[dict[str, Any]]:
    """Return result rows: name, unit, ours, peer, ratio, target, floor."""
    calendar = Calendar.xshg()
    dates = calendar.days(dt.date(2023, 1, 3), dt.date(2023, 12, 29))[: LOOK_BACK - 1 + DAYS]

    def day_indicators(date: dt.date, bars: pl.LazyFrame, daily: pl.LazyFrame) -> Made:
        return make_day_indicators(
            Frames({"minute_bars": bars, "daily_prices": daily}), Partition.of(date), FactorsSettings()
        )

    def bar_features(date: dt.date, bars: pl.LazyFrame, daily: pl.LazyFrame) -> Made:
        return make_bar_features(
            Frames({"minute_bars": bars, "daily_prices": daily}), Partition.of(date), FeaturesSettings()
        )

    def daily_features(date: dt.date, prices: pl.LazyFrame) -> Made:
        return make_daily_features(
            Frames({"daily_prices": prices}), Partition.of(date, calendar=calendar), FeaturesSettings()
        )

    sides: dict[str, tuple[Callable[..., Made], Callable[..., pl.DataFrame]]] = {
        "day indicators": (day_indicators, polars_indicators),
        "63 bar features, 30 and 60 minutes": (bar_features, polars_features),
        "26 daily features": (daily_features, polars_daily_features),
    }
    compared = {
        "day indicators": (DAY, INDICATORS, 1e-9),
        "63 bar features, 30 and 60 minutes": (BAR, BAR_FEATURES, 1e-3),
        "26 daily features": (DAY, DAILY_FEATURES, 1e-4),
    }
    seconds: dict[str, dict[str, list[float]]] = {}

    def run(name: str, suffix: str, date: dt.date, frames: Inputs, columns: tuple[str, ...] = ()) -> None:
        taken = seconds.setdefault(name + suffix, {"ours": [], "peer": [], "floor": []})
        ours, peer = sides[name]
        if not taken["ours"]:  # the comparison also compiles the kernels
            _require_equal(ours(date, *frames).frame, peer(*frames), *compared[name])
        taken["ours"].append(_seconds(lambda: ours(date, *frames)))
        taken["peer"].append(_seconds(lambda: peer(*frames)))
        if columns:
            taken["floor"].append(_seconds(frames[0].select("symbol", "minute", *columns).collect))

    with tempfile.TemporaryDirectory() as folder:
        for number, (date, bars, daily) in enumerate(market(dates[-DAYS:])):
            for name in ("day indicators", "63 bar features, 30 and 60 minutes"):
                run(name, "", date, (bars.lazy(), daily.lazy()))
            if number < PARQUET_DAYS:
                file = Path(folder) / "part.parquet"
                bars.write_parquet(file, compression="zstd", statistics=True)
                frames = (pl.scan_parquet(file), daily.lazy())
                run("day indicators", ", from Parquet", date, frames, FIELDS)
                run("63 bar features, 30 and 60 minutes", ", from Parquet", date, frames, FEATURE_FIELDS)
    prices = history(dates)
    for number in range(DAYS):
        window = dates[number : number + LOOK_BACK]
        run("26 daily features", "", window[-1], (prices.filter(pl.col("date").is_in(window)).lazy(),))
    return [_row(name, taken) for name, taken in seconds.items()]


def market(dates: list[dt.date]) -> Iterator[tuple[dt.date, pl.DataFrame, pl.DataFrame]]:
    """Yield random `minute_bars` and `daily_prices` of each day.

    One minute in ten is empty, every third stock trades after hours, and nothing is null.
    """
    shape = (STOCKS, SLOTS.size)
    for seed, date in enumerate(dates):
        rng = np.random.default_rng(seed)
        volume = rng.integers(1, 5000, shape) * 100 * (rng.random(shape) > 0.1)
        volume[:, 1] = 100  # bar 570 always has trades, so that the peer needs only one rule for the first bar
        step = np.where(volume > 0, rng.normal(0, 2e-3, shape), 0)
        close = np.round(20 * np.exp(np.cumsum(step, axis=1)), 2)
        amount = volume * close
        bought, large = amount * rng.random(shape), rng.random(shape)
        columns = {
            "open": close, "high": close * 1.001, "low": close * 0.999, "close": close, "volume": volume, "amount": amount,
            "trades": np.where(volume > 0, rng.integers(1, 50, shape), 0), "buy_amount": bought,
            "sell_amount": amount - bought, "large_buy_amount": large * bought,
            "large_sell_amount": large * (amount - bought), "net_bid_change": rng.normal(0, 1e5, shape),
            "spread": rng.random(shape), "imbalance": rng.normal(size=shape), "imbalance_5": rng.normal(size=shape),
            "at_limit_up": rng.random(shape) < 0.01, "at_limit_down": rng.random(shape) < 0.01,
        }  # fmt: skip
        bars = pl.DataFrame(
            {
                "symbol": pl.Series(SYMBOLS).gather(np.repeat(np.arange(STOCKS), SLOTS.size)),
                "minute": np.tile(SLOTS, STOCKS).astype(np.int32),
                **{name: values.ravel() for name, values in columns.items()},
            }
        ).select(pl.lit(date).alias("date"), pl.all())
        closing = bars.filter(minute=SLOTS[-1])
        daily = closing.select(
            *DAY, "close", "volume", high=pl.col("high") + 1, low=pl.col("low") - 1, pre_close=pl.col("close")
        )
        late = closing.gather_every(3).with_columns(minute=pl.lit(905, pl.Int32))
        yield date, pl.concat([bars, late]).sort("symbol", "minute"), daily


def history(dates: list[dt.date]) -> pl.DataFrame:
    """Return random `daily_prices` in which every stock trades every day."""
    rng = np.random.default_rng(0)
    shape = (len(dates), STOCKS)
    close = np.round(20 * np.exp(np.cumsum(rng.normal(0, 0.02, shape), axis=0)), 2)
    pre_close = np.vstack([np.full(STOCKS, 20.0), close[:-1]])
    volume = rng.integers(10**4, 10**7, shape)
    columns = {
        "pre_close": pre_close, "open": pre_close * 1.001, "high": np.maximum(pre_close, close) * 1.01,
        "low": np.minimum(pre_close, close) * 0.99, "close": close, "volume": volume, "amount": volume * close,
        "float_shares": np.full(shape, 10**8), "vwap": close * 1.0001,
    }  # fmt: skip
    return pl.DataFrame(
        {
            "date": pl.Series(dates).gather(np.repeat(np.arange(len(dates)), STOCKS)),
            "symbol": pl.Series(SYMBOLS).gather(np.tile(np.arange(STOCKS), len(dates))),
            **{name: values.ravel() for name, values in columns.items()},
        }
    )


# --- the peer: SPEC §3 and §5.1 as polars expressions ----------------------------------------------------------------

A, V, T, R = pl.col("amount"), pl.col("volume"), pl.col("trades"), pl.col("r")
BUY, SELL, Q = pl.col("buy_amount"), pl.col("sell_amount"), pl.col("net_bid_change")
LARGE_BUY, LARGE_SELL = pl.col("large_buy_amount"), pl.col("large_sell_amount")
NET_BUY, NET_LARGE = BUY - SELL, LARGE_BUY - LARGE_SELL


def _with_returns(bars: pl.LazyFrame) -> pl.LazyFrame:
    first = pl.col("minute") == 570
    previous = pl.when(first).then("open").otherwise(pl.col("close").shift(1).over(DAY))
    return bars.with_columns((pl.col("close") / previous).log().alias("r"))


def _large_trades(x: pl.Expr) -> pl.Expr:
    """x of the 30 % of bars with the highest amount per trade, among those with trades."""
    count = ((T > 0).sum() * 0.3 + 1e-9).floor().cast(pl.Int64)
    return x.filter(T > 0).sort_by((A / T).filter(T > 0), descending=True, maintain_order=True).head(count)


def polars_indicators(bars: pl.LazyFrame, daily: pl.LazyFrame) -> pl.DataFrame:
    """Return the day indicators by a polars group-by."""
    grid = pl.col("minute").is_between(570, 896)
    opening = pl.col("minute").is_between(570, 599)
    kept = opening & ~pl.col("at_limit_up") & ~pl.col("at_limit_down")
    W, r, amount, trades = NET_BUY + Q, R.filter(grid), A.filter(grid), T.filter(grid)
    count = ((grid & (T > 0)).sum() * 0.3 + 1e-9).floor().cast(pl.Int64)
    traded = grid & (T > 0)
    return (
        _with_returns(bars)
        .group_by(DAY)
        .agg(
            (237**0.5 * r.pow(3).sum() / r.pow(2).sum().pow(1.5)).alias("skewness"),
            (R.pow(2).filter(grid & (R < 0)).sum() / r.pow(2).sum()).alias("downside_volatility_share"),
            (W.filter(kept).sum() / A.filter(kept).sum()).alias("buying_intention_share"),
            (W.filter(kept).mean() / W.filter(kept).std(ddof=0)).alias("buying_intention_strength"),
            NET_LARGE.filter(opening).sum().alias("large_net_buy"),
            A.filter(opening).sum().alias("open_amount"),
            pl.col("close").filter(pl.col("minute") == 599).first().alias("at_ten"),
            (V.filter(pl.col("minute").is_between(870, 897)).sum() / V.filter(pl.col("minute") <= 897).sum()).alias("closing_volume_share"),
            (A.filter(grid & (R < 0)).sum() / T.filter(grid & (R < 0)).sum() / (amount.sum() / trades.sum())).alias(
                "outflow_per_trade"
            ),
            R.filter(traded).sort_by((A / T).filter(traded), descending=True, maintain_order=True).head(count).sum().exp()
            .alias("large_trade_growth"),
            (r == 0).mean().alias("flat_share"),
        )
        .join(daily.select(*DAY, "close"), on=DAY)
        .with_columns((pl.col("close") / pl.col("at_ten")).alias("post_open_growth"))
        .select(*DAY, *INDICATORS)
        .sort(DAY)
        .collect()
    )  # fmt: skip


def _bar_expressions() -> list[pl.Expr]:
    close, high, low, n = pl.col("close").last(), pl.col("high").max(), pl.col("low").min(), pl.len()
    s2 = R.pow(2).sum()
    series = {"amount": A, "volume": V, "trades": T, "variance": R.pow(2), "buy": BUY, "sell": SELL,
              "large_buy": LARGE_BUY, "large_sell": LARGE_SELL}  # fmt: skip
    flows = {"net_buy": NET_BUY, "net_bid": Q, "intention": NET_BUY + Q, "net_large": NET_LARGE}
    per_trade = A.sum() / T.sum()
    return [
        R.sum(), (high / low).log(), (close - low) / (high - low), A.sum() / V.sum() / close - 1, s2,
        n.sqrt() * R.pow(3).sum() / s2.pow(1.5), n * R.pow(4).sum() / s2.pow(2), R.abs().max(),
        *(x.filter(R < 0).sum() / x.sum() for x in series.values()),
        *((1 + x.sum()).log() for name, x in series.items() if name != "variance"),
        *(x.sum() / A.sum() for x in (*flows.values(), LARGE_BUY, LARGE_SELL, BUY)),
        *(x.mean() / x.std(ddof=0) for x in (*flows.values(), A, V)),
        *(
            statistic for x in (pl.col("spread"), pl.col("imbalance"), pl.col("imbalance_5"))
            for statistic in (x.mean(), x.std(ddof=0))
        ),
        pl.corr(R, A), pl.corr(R, T), pl.corr(R, NET_BUY), pl.corr(R, Q), pl.corr("close", V),
        pl.corr(A.slice(1), A.head(n - 1)),
        per_trade.log(), A.filter(R < 0).sum() / T.filter(R < 0).sum() / per_trade,
        A.filter(R > 0).sum() / T.filter(R > 0).sum() / per_trade,
        _large_trades(R).sum().exp() - 1, _large_trades(A).sum() / A.sum(),
        (A / A.sum()).pow(2).sum(), A.max() / A.sum(), A.head(5).sum() / A.sum(), A.tail(5).sum() / A.sum(),
        (T == 0).mean(),
        *(x.sum() / pl.col(f"{name}_so_far").last() for name, x in
          {"amount": A, "volume": V, "trades": T, "net_buy": NET_BUY, "net_large": NET_LARGE}.items()),
    ]  # fmt: skip


def polars_features(bars: pl.LazyFrame, _: pl.LazyFrame) -> pl.DataFrame:
    """Return the bar features by a polars group-by."""
    sums = {"amount": A, "volume": V, "trades": T, "net_buy": NET_BUY, "net_large": NET_LARGE}
    minutes = (
        _with_returns(bars)
        .with_columns(x.cum_sum().over(DAY).alias(f"{name}_so_far") for name, x in sums.items())
        .filter(pl.col("minute").is_between(570, 896))
    )
    frames = []
    for size, starts in STARTS.items():
        bar = pl.col("minute").cut(list(starts[1:]), labels=[str(start) for start in starts], left_closed=True)
        frames.append(
            minutes.with_columns(bar.cast(pl.String).cast(pl.Int32).alias("bar"))
            .group_by(*DAY, "bar")
            .agg(x.cast(pl.Float32).alias(name) for name, x in zip(BAR_FEATURES, _bar_expressions(), strict=True))
            .with_columns(pl.lit(size, pl.Int32).alias("granularity"))
        )
    return pl.concat(frames).select(*BAR, *BAR_FEATURES).sort(BAR).collect()


def polars_daily_features(prices: pl.LazyFrame) -> pl.DataFrame:
    """Return the daily features by a polars group-by."""
    P, O, H, L, C, VWAP = (pl.col(name) for name in ("pre_close", "open", "high", "low", "close", "vwap"))  # noqa: E741
    G = C / P
    chained = C.last() * G.cum_prod() / G.cum_prod().last()
    p, o, h, low, c, v = P.last(), O.last(), H.last(), L.last(), C.last(), V.last()
    expressions = [
        o / p - 1, h / p - 1, low / p - 1, c / p - 1, VWAP.last() / p - 1,
        v.log(), A.last().log(), v / pl.col("float_shares").last(),
        (h - low) / p, (h - pl.max_horizontal(o, c)) / p, (pl.min_horizontal(o, c) - low) / p,
        *(G.tail(days).product() - 1 for days in (5, 10, 20, 60)),
        *((G - 1).tail(days).std(ddof=0) for days in (5, 20, 60)),
        *(v / V.tail(days).mean() for days in (5, 20)),
        *(pl.corr(chained.tail(days), V.tail(days)) for days in (10, 20)),
        ((G - 1).abs() / A).tail(20).mean() * 1e8,
        *(c / chained.tail(days).mean() - 1 for days in (5, 20)),
        c / (H / C * chained).tail(20).max() - 1,
    ]  # fmt: skip
    named = [x.cast(pl.Float32).alias(name) for name, x in zip(DAILY_FEATURES, expressions, strict=True)]
    return (
        prices.filter(pl.col("volume") > 0)
        .group_by("symbol")
        .agg(pl.col("date").last(), *named)
        .select(*DAY, *DAILY_FEATURES)
        .sort("symbol")
        .collect()
    )


# --- measuring -------------------------------------------------------------------------------------------------------


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _row(name: str, taken: dict[str, list[float]]) -> dict[str, Any]:
    """The result row: symbol-days per second of both sides, by the median day."""
    speed = {side: STOCKS / statistics.median(times) for side, times in taken.items() if times}
    source = "Parquet" if "from Parquet" in name else "memory"
    return {
        "name": f"{name}, {STOCKS} stocks x {len(taken['ours'])} days, against a polars group-by",
        "unit": "symbol-days/s",
        "ours": speed["ours"],
        "peer": speed["peer"],
        "ratio": speed["ours"] / speed["peer"],
        "target": 3.0 if source == "memory" else None,
        "floor": speed.get("floor"),
        "conditions": {"from": source, "polars_threads": pl.thread_pool_size()},
    }


def _require_equal(
    ours: pl.DataFrame | Path, peer: pl.DataFrame, keys: tuple[str, ...], columns: tuple[str, ...], tolerance: float
) -> None:
    """Raise AssertionError if the two sides differ, so that they are not timed."""
    assert isinstance(ours, pl.DataFrame)
    if not ours.select(keys).equals(peer.select(keys)):
        raise AssertionError("the two sides have different rows")
    for name in columns:
        a, b = (frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy() for frame in (ours, peer))
        if not np.allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True):
            worst = np.nanmax(np.abs(a - b))
            raise AssertionError(f"the two sides disagree on {name} by up to {worst:g}")
