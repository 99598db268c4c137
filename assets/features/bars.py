"""Bar features: what the minutes inside one 30- or 60-minute bar say, raw (SPEC §5.1; definitions in names.py).

Here: the 63 features, and the 64th of 60-minute bars. Not here: daily features (daily.py), standardising across names
(the models do it, on the universe of their day).
"""

import datetime as dt
import math

import numpy as np
import polars as pl
from numba import njit
from numpy.typing import NDArray

from assets.factors.block import (
    GRID,
    MINUTES,
    Bools,
    Floats,
    MinuteBlock,
    dense_block,
    known_activity,
    large_trade_minutes,
    minute_returns,
    traded_minutes,
)
from assets.features.names import BAR_FEATURES, HOUR_FEATURE
from resources.made import Made
from resources.settings.features import FeaturesSettings

FIELDS = (
    "open", "high", "low", "close", "volume", "amount", "trades", "buy_amount", "sell_amount",
    "large_buy_amount", "large_sell_amount", "net_bid_change", "spread", "imbalance", "imbalance_5",
)  # fmt: skip
STARTS = {30: (570, 600, 630, 660, 780, 810, 840, 870), 60: (570, 630, 780, 840)}
# Bar k of a granularity covers the minutes edges[k] … edges[k+1] − 1 of G; the day's last has 27 (57) of them.
EDGES = {size: np.r_[np.searchsorted(GRID, starts), MINUTES] for size, starts in STARTS.items()}
ROUNDING = 1e-12  # a sum this small beside the sum of absolute values is zero but for rounding


def make_bar_features(
    minute_bars: pl.LazyFrame, daily_prices: pl.LazyFrame, date: dt.date, settings: FeaturesSettings
) -> Made:
    """`bar_features` of one day: a row per symbol with bars, granularity and bar."""
    block = dense_block(minute_bars, FIELDS)
    pre_close = (
        pl.DataFrame({"symbol": block.symbols})
        .join(daily_prices.select("symbol", "pre_close").collect(), on="symbol", how="left", maintain_order="left")
        ["pre_close"].fill_null(float("nan")).to_numpy()
    )  # fmt: skip
    frames = []
    for size, starts in STARTS.items():
        values = measure_bars(block, pre_close, size, settings)
        hour = np.full(values.shape[:2], np.nan)
        if size == 60:
            hour = np.log(block.grid("close")[:, EDGES[60][1:] - 1] / pre_close[:, None])
        flat = np.concatenate([values, hour[:, :, None]], axis=2).reshape(-1, values.shape[2] + 1).astype(np.float32)
        flat[~np.isfinite(flat)] = np.nan
        symbol = pl.DataFrame({"symbol": block.symbols}).select(pl.col("symbol").repeat_by(len(starts)).explode())
        frames.append(
            symbol.with_columns(
                pl.lit(date).alias("date"),
                pl.lit(size, pl.Int32).alias("granularity"),
                pl.Series("bar", np.tile(starts, len(block)), pl.Int32),
                *(
                    pl.Series(name, np.ascontiguousarray(flat[:, k]), nan_to_null=True)
                    for k, name in enumerate((*BAR_FEATURES, HOUR_FEATURE))
                ),
            )
        )
    frame = pl.concat(frames).sort("symbol", "granularity", "bar").select("date", pl.exclude("date"))
    return Made(frame, profile=_profile(frame))


def measure_bars(block: MinuteBlock, pre_close: Floats, size: int, settings: FeaturesSettings) -> Floats:
    """[n, bars, 63] float64 in the order of `BAR_FEATURES`, NaN for null; `size` is 30 or 60."""
    edges = EDGES[size]
    amount, trades = block.grid("amount"), block.grid("trades")
    # Whether a minute is empty is unknown (NaN) where neither trade counts nor volumes were delivered.
    empty = np.where(known_activity(block)[:, None], 1.0 - traded_minutes(block), np.nan)
    return _measure(
        minute_returns(block, pre_close),
        block.grid("high"),
        block.grid("low"),
        block.grid("close"),
        block.grid("volume"),
        amount,
        trades,
        block.grid("buy_amount"),
        block.grid("sell_amount"),
        block.grid("large_buy_amount"),
        block.grid("large_sell_amount"),
        block.grid("net_bid_change"),
        block.grid("spread"),
        block.grid("imbalance"),
        block.grid("imbalance_5"),
        empty,
        large_trade_minutes(amount, trades, edges, settings.large_trade_share),
        np.column_stack([block.opening_auction(name) for name in OF_DAY]),
        edges,
        settings.edge_minutes,
    )


# Fields whose opening auction the day-to-date totals begin with.
OF_DAY = ("amount", "volume", "trades", "buy_amount", "sell_amount", "large_buy_amount", "large_sell_amount")


def _profile(frame: pl.DataFrame) -> pl.DataFrame:
    """One row per granularity and bar, for the checks."""
    shares = [n for n in frame.columns if n.startswith("down_")]
    return frame.group_by("granularity", "bar", maintain_order=True).agg(
        pl.len().alias("rows"),
        (pl.len() - pl.col("symbol").n_unique()).alias("duplicates"),
        pl.sum_horizontal(pl.col(pl.Float32).is_infinite().sum(), pl.col(pl.Float32).is_nan().sum()).alias(
            "not_finite"
        ),
        pl.min_horizontal(pl.col(*shares).min()).alias("least_downside_share"),
        pl.max_horizontal(pl.col(*shares).max()).alias("largest_downside_share"),
        pl.col("bar_return").is_not_null().mean().alias("return_coverage"),
    )


# --- the kernel: one pass over the minutes of each bar, in plain loops; NaN spreads ----------------------------------


@njit(cache=True, error_model="numpy")
def _sum(x: Floats, a: int, b: int) -> float:
    total = 0.0
    for t in range(a, b):
        total += x[t]
    return total


@njit(cache=True, error_model="numpy")
def _down_share(x: Floats, r: Floats, a: int, b: int) -> float:
    total = down = 0.0
    for t in range(a, b):
        total += x[t]
        if r[t] < 0:
            down += x[t]
    return down / total


@njit(cache=True, error_model="numpy")
def _varies(x: Floats, a: int, b: int) -> bool:
    for t in range(a + 1, b):  # noqa: SIM110  (numba compiles no generator)
        if x[t] != x[a]:
            return True
    return False


@njit(cache=True, error_model="numpy")
def _mean_std(x: Floats, a: int, b: int) -> tuple[float, float, int]:
    """Mean, std (ddof 0) and number of the entries that are not NaN."""
    total, count = 0.0, 0
    for t in range(a, b):
        if not np.isnan(x[t]):
            total += x[t]
            count += 1
    mean, square = total / count, 0.0
    for t in range(a, b):
        if not np.isnan(x[t]):
            square += (x[t] - mean) ** 2
    return mean, math.sqrt(square / count), count


@njit(cache=True, error_model="numpy")
def _strength(x: Floats, a: int, b: int) -> float:
    if not _varies(x, a, b):
        return np.nan
    mean, std, count = _mean_std(x, a, b)
    return mean / std if count == b - a else np.nan


@njit(cache=True, error_model="numpy")
def _correlation(x: Floats, y: Floats, a: int, b: int, lag: int) -> float:
    """Correlation of x[t] with y[t − lag] for t and t − lag in [a, b); NaN where one does not vary."""
    if not (_varies(x, a + lag, b) and _varies(y, a, b - lag)):
        return np.nan
    mean_x, mean_y, n = 0.0, 0.0, b - a - lag
    for t in range(a + lag, b):
        mean_x += x[t]
        mean_y += y[t - lag]
    mean_x, mean_y = mean_x / n, mean_y / n
    xx = yy = xy = 0.0
    for t in range(a + lag, b):
        dx, dy = x[t] - mean_x, y[t - lag] - mean_y
        xx += dx * dx
        yy += dy * dy
        xy += dx * dy
    return max(-1.0, min(1.0, xy / (math.sqrt(xx) * math.sqrt(yy)))) if xx > 0 and yy > 0 else np.nan


@njit(cache=True, error_model="numpy")
def _share_of_day(x: Floats, auction: float, a: int, b: int) -> float:
    """Σ over the bar, over the auction and everything up to the bar's end; NaN where that is zero but for rounding."""
    total, size = auction, abs(auction)
    for t in range(b):
        total += x[t]
        size += abs(x[t])
    return _sum(x, a, b) / total if abs(total) > ROUNDING * size else np.nan


@njit(cache=True, error_model="numpy")
def _measure(
    returns: Floats,  # [n, 237], like all below
    high: Floats,
    low: Floats,
    close: Floats,
    volume: Floats,
    amount: Floats,
    trades: Floats,
    buy: Floats,
    sell: Floats,
    large_buy: Floats,
    large_sell: Floats,
    net_bid_change: Floats,
    spread: Floats,
    imbalance: Floats,
    imbalance_5: Floats,
    empty: Floats,
    large_trades: Bools,
    auction: Floats,  # [n, 7], the fields of OF_DAY
    edges: NDArray[np.int64],
    edge_minutes: int,
) -> Floats:
    n, minutes = returns.shape
    bars = edges.size - 1
    out = np.full((n, bars, 63), np.nan)
    net_buy, intention, net_large = np.empty(minutes), np.empty(minutes), np.empty(minutes)
    square = np.empty(minutes)
    for s in range(n):
        r, c, v, amt, trd = returns[s], close[s], volume[s], amount[s], trades[s]
        nbc = net_bid_change[s]
        for t in range(minutes):
            net_buy[t] = buy[s, t] - sell[s, t]
            intention[t] = net_buy[t] + nbc[t]
            net_large[t] = large_buy[s, t] - large_sell[s, t]
            square[t] = r[t] * r[t]
        for k in range(bars):
            a, b = edges[k], edges[k + 1]
            f = out[s, k]
            all_amount, all_trades, all_volume = _sum(amt, a, b), _sum(trd, a, b), _sum(v, a, b)
            last = c[b - 1]

            # price
            s2 = s3 = s4 = largest = bar_return = 0.0
            top, bottom = high[s, a], low[s, a]
            for t in range(a, b):
                bar_return += r[t]
                s2 += square[t]
                s3 += square[t] * r[t]
                s4 += square[t] * square[t]
                largest = max(largest, abs(r[t]))
                if np.isnan(top) or high[s, t] > top:
                    top = high[s, t]
                if np.isnan(bottom) or low[s, t] < bottom:
                    bottom = low[s, t]
            if not np.isnan(last):
                f[0] = bar_return
                f[1] = math.log(top / bottom)
                f[2] = (last - bottom) / (top - bottom)
                f[3] = all_amount / all_volume / last - 1
                f[4] = s2
                if s2 > 0:
                    f[5] = math.sqrt(b - a) * s3 / s2**1.5
                    f[6] = (b - a) * s4 / (s2 * s2)
                f[7] = largest

            # downside shares
            f[8], f[9], f[10] = _down_share(amt, r, a, b), _down_share(v, r, a, b), _down_share(trd, r, a, b)
            f[11] = _down_share(square, r, a, b)
            f[12], f[13] = _down_share(buy[s], r, a, b), _down_share(sell[s], r, a, b)
            f[14], f[15] = _down_share(large_buy[s], r, a, b), _down_share(large_sell[s], r, a, b)

            # sizes
            all_buy, all_sell = _sum(buy[s], a, b), _sum(sell[s], a, b)
            all_large_buy, all_large_sell = _sum(large_buy[s], a, b), _sum(large_sell[s], a, b)
            f[16], f[17], f[18] = math.log(1 + all_amount), math.log(1 + all_volume), math.log(1 + all_trades)
            f[19], f[20] = math.log(1 + all_buy), math.log(1 + all_sell)
            f[21], f[22] = math.log(1 + all_large_buy), math.log(1 + all_large_sell)

            # shares of the amount
            f[23], f[24] = _sum(net_buy, a, b) / all_amount, _sum(nbc, a, b) / all_amount
            f[25], f[26] = _sum(intention, a, b) / all_amount, _sum(net_large, a, b) / all_amount
            f[27], f[28] = all_large_buy / all_amount, all_large_sell / all_amount
            f[29] = all_buy / all_amount

            # strengths
            f[30], f[31] = _strength(net_buy, a, b), _strength(nbc, a, b)
            f[32], f[33] = _strength(intention, a, b), _strength(net_large, a, b)
            f[34], f[35] = _strength(amt, a, b), _strength(v, a, b)

            # quotes
            for j, x in enumerate((spread[s], imbalance[s], imbalance_5[s])):
                mean, std, count = _mean_std(x, a, b)
                if count > 0:
                    f[36 + 2 * j] = mean
                if count > 1:
                    f[37 + 2 * j] = std

            # correlations
            f[42], f[43] = _correlation(r, amt, a, b, 0), _correlation(r, trd, a, b, 0)
            f[44], f[45] = _correlation(r, net_buy, a, b, 0), _correlation(r, nbc, a, b, 0)
            f[46], f[47] = _correlation(c, v, a, b, 0), _correlation(amt, amt, a, b, 1)

            # size of trades
            down_amount = down_trades = up_amount = up_trades = gain = large_amount = 0.0
            traded, peak, hhi = 0, 0.0, 0.0
            for t in range(a, b):
                if r[t] < 0:
                    down_amount += amt[t]
                    down_trades += trd[t]
                elif r[t] > 0:
                    up_amount += amt[t]
                    up_trades += trd[t]
                if trd[t] > 0:
                    traded += 1
                if large_trades[s, t]:
                    gain += r[t]
                    large_amount += amt[t]
                share = amt[t] / all_amount
                hhi += share * share
                peak = max(peak, share)
            if traded > 0 and all_amount > 0:
                f[48] = math.log(all_amount / all_trades)
                if down_trades > 0:
                    f[49] = (down_amount / down_trades) / (all_amount / all_trades)
                if up_trades > 0:
                    f[50] = (up_amount / up_trades) / (all_amount / all_trades)
                f[51] = math.exp(gain) - 1
                f[52] = large_amount / all_amount

            # concentration
            if all_amount > 0:
                f[53] = hhi
                f[54] = peak
                f[55] = _sum(amt, a, min(a + edge_minutes, b)) / all_amount
                f[56] = _sum(amt, max(b - edge_minutes, a), b) / all_amount
            f[57] = _sum(empty[s], a, b) / (b - a)

            # the bar in the day so far
            f[58] = _share_of_day(amt, auction[s, 0], a, b)
            f[59] = _share_of_day(v, auction[s, 1], a, b)
            f[60] = _share_of_day(trd, auction[s, 2], a, b)
            f[61] = _share_of_day(net_buy, auction[s, 3] - auction[s, 4], a, b)
            f[62] = _share_of_day(net_large, auction[s, 5] - auction[s, 6], a, b)
    return out
