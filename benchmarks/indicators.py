"""Day indicators and bar features from minute bars, beside a direct polars group-by of the same definitions.

    python -m benchmarks indicators

Both start from the same `minute_bars` in memory and end in a frame; the results are compared before anything is timed.
"""

import datetime as dt
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from assets.factors.block import SLOTS
from assets.factors.indicators import INDICATORS, make_day_indicators
from assets.features.bars import STARTS, make_bar_features
from assets.features.names import BAR_FEATURES
from resources.settings.factors import FactorsSettings
from resources.settings.features import FeaturesSettings

STOCKS, DAYS, ROUNDS = 1000, 5, 3
DATES = [dt.date(2023, 1, 9) + dt.timedelta(days=n) for n in range(DAYS)]
DAY = ("date", "symbol")


def main() -> list[dict[str, Any]]:
    """Result rows: name, unit, ours, peer, ratio, target, floor."""
    bars, daily = market()
    days = [(bars.filter(date=date).lazy(), daily.filter(date=date).lazy(), date) for date in DATES]

    def our_indicators() -> pl.DataFrame:
        return pl.concat(make_day_indicators(*day, FactorsSettings()).frame for day in days)

    def our_features() -> pl.DataFrame:
        return pl.concat(make_bar_features(*day, FeaturesSettings()).frame for day in days)

    return [
        _row("day indicators", our_indicators, lambda: polars_indicators(bars, daily), DAY, INDICATORS, 1e-9),
        _row(
            "63 bar features, 30 and 60 minutes", our_features, lambda: polars_features(bars),
            (*DAY, "granularity", "bar"), BAR_FEATURES, 1e-3,
        ),
    ]  # fmt: skip


def market() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Random `minute_bars` and `daily_prices`; one minute in ten is empty, none has nulls."""
    rng = np.random.default_rng(0)
    shape = (DAYS, STOCKS, SLOTS.size)
    n = DAYS * STOCKS * SLOTS.size
    volume = rng.integers(1, 5000, shape) * 100 * (rng.random(shape) > 0.1)
    volume[:, :, 1] = 100  # every bar 570 trades, so that the peer needs one rule for the first bar
    step = np.where(volume > 0, rng.normal(0, 2e-3, shape), 0)
    close = np.round(20 * np.exp(np.cumsum(step, axis=2)), 2)
    trades = np.where(volume > 0, rng.integers(1, 50, shape), 0)
    amount = volume * close
    bought, large = amount * rng.random(shape), rng.random(shape)
    columns = {
        "open": close, "high": close * 1.001, "low": close * 0.999, "close": close, "volume": volume, "amount": amount,
        "trades": trades, "buy_amount": bought, "sell_amount": amount - bought, "large_buy_amount": large * bought,
        "large_sell_amount": large * (amount - bought), "net_bid_change": rng.normal(0, 1e5, shape),
        "spread": rng.random(shape), "imbalance": rng.normal(size=shape), "imbalance_5": rng.normal(size=shape),
        "at_limit_up": rng.random(shape) < 0.01, "at_limit_down": rng.random(shape) < 0.01,
    }  # fmt: skip
    bars = pl.DataFrame(
        {
            "date": pl.Series(DATES).gather(np.repeat(np.arange(DAYS), STOCKS * SLOTS.size)),
            "symbol": pl.Series([f"{s:06d}.SZ" for s in range(STOCKS)]).gather(
                np.tile(np.repeat(np.arange(STOCKS), SLOTS.size), DAYS)
            ),
            "minute": np.resize(SLOTS, n).astype(np.int32),
            **{name: values.ravel() for name, values in columns.items()},
        }
    )
    daily = bars.filter(minute=SLOTS[-1]).select(
        *DAY, "high", "low", "close", "volume", pl.col("close").alias("pre_close")
    )
    return bars, daily.with_columns(pl.col("high") + 1, pl.col("low") - 1)


# --- the peer: SPEC §3 and §5.1 as polars expressions ----------------------------------------------------------------

A, V, T, R = pl.col("amount"), pl.col("volume"), pl.col("trades"), pl.col("r")
BUY, SELL, Q = pl.col("buy_amount"), pl.col("sell_amount"), pl.col("net_bid_change")
LARGE_BUY, LARGE_SELL = pl.col("large_buy_amount"), pl.col("large_sell_amount")
NET_BUY, NET_LARGE = BUY - SELL, LARGE_BUY - LARGE_SELL


def _with_returns(bars: pl.DataFrame) -> pl.LazyFrame:
    first = pl.col("minute") == 570
    previous = pl.when(first).then("open").otherwise(pl.col("close").shift(1).over(DAY))
    return bars.lazy().with_columns((pl.col("close") / previous).log().alias("r"))


def _large_trades(x: pl.Expr) -> pl.Expr:
    """x of the 30 % of bars with trades of highest amount per trade."""
    count = ((T > 0).sum() * 0.3 + 1e-9).floor().cast(pl.Int64)
    return x.filter(T > 0).sort_by((A / T).filter(T > 0), descending=True, maintain_order=True).head(count)


def polars_indicators(bars: pl.DataFrame, daily: pl.DataFrame) -> pl.DataFrame:
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
            (V.filter(pl.col("minute") >= 870).sum() / V.sum()).alias("closing_volume_share"),
            (A.filter(grid & (R < 0)).sum() / T.filter(grid & (R < 0)).sum() / (amount.sum() / trades.sum())).alias(
                "outflow_per_trade"
            ),
            R.filter(traded).sort_by((A / T).filter(traded), descending=True, maintain_order=True).head(count).sum().exp()
            .alias("large_trade_growth"),
            (r == 0).mean().alias("flat_share"),
        )
        .join(daily.lazy().select(*DAY, "close"), on=DAY)
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


def polars_features(bars: pl.DataFrame) -> pl.DataFrame:
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
    keys = (*DAY, "granularity", "bar")
    return pl.concat(frames).select(*keys, *BAR_FEATURES).sort(keys).collect()


# --- measuring -------------------------------------------------------------------------------------------------------


def _row(
    name: str,
    ours: Callable[[], pl.DataFrame],
    peer: Callable[[], pl.DataFrame],
    keys: tuple[str, ...],
    columns: tuple[str, ...],
    tolerance: float,
) -> dict[str, Any]:
    """Symbol-days per second of both, in turns; refuses to time two sides that disagree."""
    _require_equal(ours().sort(keys), peer(), keys, columns, tolerance)
    seconds: dict[str, list[float]] = {"ours": [], "peer": []}
    for _ in range(ROUNDS):
        for side, run in (("ours", ours), ("peer", peer)):
            began = time.perf_counter()
            run()
            seconds[side].append(time.perf_counter() - began)
    speed = {side: STOCKS * DAYS / statistics.median(taken) for side, taken in seconds.items()}
    return {
        "name": f"{name}, {STOCKS} stocks x {DAYS} days of minute bars, against a polars group-by",
        "unit": "symbol-days/s",
        **speed,
        "ratio": speed["ours"] / speed["peer"],
        "target": 3.0,
        "floor": 1.0,
        "conditions": {"rounds": ROUNDS, "polars_threads": pl.thread_pool_size()},
    }


def _require_equal(
    ours: pl.DataFrame, peer: pl.DataFrame, keys: tuple[str, ...], columns: tuple[str, ...], tolerance: float
) -> None:
    if not ours.select(keys).equals(peer.select(keys)):
        raise AssertionError("the two sides have different rows")
    for name in columns:
        a, b = (frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy() for frame in (ours, peer))
        if not np.allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True):
            worst = np.nanmax(np.abs(a - b))
            raise AssertionError(f"the two sides disagree on {name} by up to {worst:g}")
