"""Bar features: what the minutes inside one 30- or 60-minute bar say, raw (SPEC §5.1; definitions in names.py).

Here: the 63 features, and the 64th of 60-minute bars. Not here: daily features (daily.py), standardising across names
(the models do it, on the universe of their day).
"""

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
    dense_day,
    in_parts,
    large_trade_minutes,
    minute_returns,
)
from assets.features.names import BAR_FEATURES, HOUR_FEATURE
from resources.made import Made
from resources.partition import Frames, Partition
from resources.settings.features import FeaturesSettings

FIELDS = (
    "open", "high", "low", "close", "volume", "amount", "trades", "buy_amount", "sell_amount",
    "large_buy_amount", "large_sell_amount", "net_bid_change", "spread", "imbalance", "imbalance_5",
)  # fmt: skip
STARTS = {30: (570, 600, 630, 660, 780, 810, 840, 870), 60: (570, 630, 780, 840)}
# Bar k of a granularity covers the minutes edges[k] … edges[k+1] − 1 of G; the day's last has 27 (57) of them.
EDGES = {size: np.r_[np.searchsorted(GRID, starts), MINUTES] for size, starts in STARTS.items()}
ROUNDING = 1e-12  # a sum this small beside the sum of absolute values is zero but for rounding


def make_bar_features(frames: Frames, partition: Partition, settings: FeaturesSettings) -> Made:
    """`bar_features` of one day: a row per symbol with bars, granularity and bar."""
    block, daily = dense_day(frames["minute_bars"], frames["daily_prices"], FIELDS, ("pre_close",))
    pre_close = daily["pre_close"]
    returns = minute_returns(block, pre_close)
    bars = sum(map(len, STARTS.values()))
    values = np.full((len(BAR_FEATURES) + 1, len(block), bars), np.nan, np.float32)  # a row of the table: symbol, bar
    end = 0
    for size, starts in STARTS.items():
        begin, end = end, end + len(starts)
        values[:-1, :, begin:end] = measure_bars(block, returns, size, settings)
        if size == 60:
            hour = np.log(block.grid("close")[:, EDGES[60][1:] - 1] / pre_close[:, None])
            values[-1, :, begin:end] = np.where(np.isfinite(hour), hour, np.nan)
    granularity = np.repeat([*STARTS], [len(starts) for starts in STARTS.values()]).astype(np.int32)
    frame = pl.DataFrame(
        {
            "symbol": block.symbols.gather(np.repeat(np.arange(len(block)), bars)),
            "granularity": np.tile(granularity, len(block)),
            "bar": np.tile(np.concatenate([*STARTS.values()]).astype(np.int32), len(block)),
            **dict(zip((*BAR_FEATURES, HOUR_FEATURE), values.reshape(len(values), -1), strict=True)),
        }
    )
    frame = frame.select(
        pl.lit(partition.date).alias("date"), pl.exclude(pl.Float32), pl.col(pl.Float32).fill_nan(None)
    )
    return Made(frame, profile=_profile(frame))


def measure_bars(block: MinuteBlock, returns: Floats, size: int, settings: FeaturesSettings) -> Floats:
    """[63, n, bars] float64 in the order of `BAR_FEATURES`, NaN for null; `size` is 30 or 60, `returns` are the block's."""
    edges, fields = EDGES[size], block.arrays(FIELDS)
    large = large_trade_minutes(block.grid("amount"), block.grid("trades"), edges, settings.large_trade_share)
    out = np.empty((len(BAR_FEATURES), len(block), len(STARTS[size])))
    in_parts(
        len(block),
        lambda first, last: _measure(first, last, fields, returns, large, edges, settings.edge_minutes, out),
    )
    return out


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


# --- the kernel: plain loops over the minutes of each bar; NaN spreads -----------------------------------------------

# What is summed, side by side per minute, so that one pass over a bar's minutes sums all of them at once.
(
    AMOUNT, VOLUME, TRADES, SQUARE, BUY, SELL, LARGE_BUY, LARGE_SELL,  # the eight of the downside shares, in their order
    NET_BUY, NET_BID, INTENTION, NET_LARGE, RETURN,
) = range(13)  # fmt: skip
SERIES = 13


@njit(cache=True, nogil=True, error_model="numpy")
def _mean_std(x: Floats) -> tuple[float, float, int]:
    """Mean, std (ddof 0) and number of the entries that are not NaN."""
    total, count = 0.0, 0
    for t in range(x.size):
        if not np.isnan(x[t]):
            total += x[t]
            count += 1
    mean, square = total / count, 0.0
    for t in range(x.size):
        if not np.isnan(x[t]):
            square += (x[t] - mean) ** 2
    return mean, math.sqrt(square / count), count


@njit(cache=True, nogil=True, error_model="numpy")
def _correlation(x: Floats, y: Floats) -> float:
    """NaN where one does not vary."""
    varies_x = varies_y = False
    mean_x = mean_y = 0.0
    for t in range(x.size):
        varies_x |= x[t] != x[0]
        varies_y |= y[t] != y[0]
        mean_x += x[t]
        mean_y += y[t]
    mean_x, mean_y = mean_x / x.size, mean_y / x.size
    xx = yy = xy = 0.0
    for t in range(x.size):
        dx, dy = x[t] - mean_x, y[t] - mean_y
        xx += dx * dx
        yy += dy * dy
        xy += dx * dy
    return _quotient(xx, yy, xy) if varies_x and varies_y else np.nan


@njit(cache=True, nogil=True, error_model="numpy")
def _quotient(xx: float, yy: float, xy: float) -> float:
    """A correlation from sums of squared and crossed deviations."""
    return max(-1.0, min(1.0, xy / (math.sqrt(xx) * math.sqrt(yy)))) if xx > 0 and yy > 0 else np.nan


@njit(cache=True, nogil=True, error_model="numpy")
def _fill_series(s: int, fields: tuple[Floats, ...], returns: Floats, x: Floats) -> None:
    """x [237, SERIES] of one symbol. Bar t of G stands at slot t + 1."""
    _, _, _, _, volume, amount, trades, buy, sell, large_buy, large_sell, net_bid_change, _, _, _ = fields
    for t in range(x.shape[0]):
        r = returns[s, t]
        x[t, AMOUNT], x[t, VOLUME], x[t, TRADES] = amount[s, t + 1], volume[s, t + 1], trades[s, t + 1]
        x[t, SQUARE], x[t, RETURN] = r * r, r
        x[t, BUY], x[t, SELL] = buy[s, t + 1], sell[s, t + 1]
        x[t, LARGE_BUY], x[t, LARGE_SELL] = large_buy[s, t + 1], large_sell[s, t + 1]
        x[t, NET_BUY] = buy[s, t + 1] - sell[s, t + 1]
        x[t, NET_BID] = net_bid_change[s, t + 1]
        x[t, INTENTION] = x[t, NET_BUY] + x[t, NET_BID]
        x[t, NET_LARGE] = large_buy[s, t + 1] - large_sell[s, t + 1]


@njit(cache=True, nogil=True, error_model="numpy")
def _measure(
    first: int,
    last: int,
    fields: tuple[Floats, ...],  # arrays [n, 239] in the order of FIELDS
    returns: Floats,  # [n, 237]
    large: Bools,  # [n, 237]
    edges: NDArray[np.int64],
    edge_minutes: int,
    out: Floats,  # [63, n, bars]
) -> None:
    _, high, low, close, volume, amount, trades, buy, sell, large_buy, large_sell, _, spread, imbalance, imbalance_5 = (
        fields
    )
    f = np.empty(out.shape[0])
    x = np.empty((returns.shape[1], SERIES))
    total, down, mean = np.empty(SERIES), np.empty(SERIES), np.empty(SERIES)
    squares, with_return = np.empty(SERIES), np.empty(SERIES)  # of deviations from the means
    varies = np.empty(SERIES, dtype=np.bool_)
    day, size = np.empty(SERIES), np.empty(SERIES)  # Σ and Σ|·| of the day so far, auction included
    for s in range(first, last):
        _fill_series(s, fields, returns, x)
        known = False  # whether trade counts or volumes were delivered: else no minute is known to be empty
        for t in range(close.shape[1]):
            known |= not (np.isnan(trades[s, t]) and np.isnan(volume[s, t]))
        for j in range(SERIES):
            day[j] = size[j] = 0.0
        day[AMOUNT], day[VOLUME], day[TRADES] = amount[s, 0], volume[s, 0], trades[s, 0]
        day[NET_BUY], day[NET_LARGE] = buy[s, 0] - sell[s, 0], large_buy[s, 0] - large_sell[s, 0]
        for j in range(SERIES):
            size[j] = abs(day[j])

        for k in range(edges.size - 1):
            a, b = edges[k], edges[k + 1]
            n = b - a
            for i in range(f.size):
                f[i] = np.nan
            for j in range(SERIES):
                total[j] = down[j] = squares[j] = with_return[j] = 0.0
                varies[j] = False
            for t in range(a, b):
                fell = x[t, RETURN] < 0
                for j in range(SERIES):
                    total[j] += x[t, j]
                    down[j] += x[t, j] if fell else 0.0
                    day[j] += x[t, j]
                    size[j] += abs(x[t, j])
                    varies[j] |= x[t, j] != x[a, j]
            for j in range(SERIES):
                mean[j] = total[j] / n
            for t in range(a, b):
                r = x[t, RETURN] - mean[RETURN]
                for j in range(SERIES):
                    deviation = x[t, j] - mean[j]
                    squares[j] += deviation * deviation
                    with_return[j] += r * deviation

            # price
            cube = fourth = largest = 0.0
            top, bottom = high[s, a + 1], low[s, a + 1]
            for t in range(a, b):
                r, rr = x[t, RETURN], x[t, SQUARE]
                cube += rr * r
                fourth += rr * rr
                largest = max(largest, abs(r))
                if np.isnan(top) or high[s, t + 1] > top:
                    top = high[s, t + 1]
                if np.isnan(bottom) or low[s, t + 1] < bottom:
                    bottom = low[s, t + 1]
            final, square = close[s, b], total[SQUARE]
            if not np.isnan(final):
                f[0] = total[RETURN]
                f[1] = math.log(top / bottom)
                f[2] = (final - bottom) / (top - bottom)
                f[3] = total[AMOUNT] / total[VOLUME] / final - 1
                f[4] = square
                if square > 0:
                    f[5] = math.sqrt(n) * cube / square**1.5
                    f[6] = n * fourth / (square * square)
                f[7] = largest

            # downside shares
            for j in range(LARGE_SELL + 1):
                f[8 + j] = down[j] / total[j]

            # sizes
            for i, j in enumerate((AMOUNT, VOLUME, TRADES, BUY, SELL, LARGE_BUY, LARGE_SELL)):
                f[16 + i] = math.log(1 + total[j])

            # shares of the amount
            for i, j in enumerate((NET_BUY, NET_BID, INTENTION, NET_LARGE, LARGE_BUY, LARGE_SELL, BUY)):
                f[23 + i] = total[j] / total[AMOUNT]

            # strengths
            for i, j in enumerate((NET_BUY, NET_BID, INTENTION, NET_LARGE, AMOUNT, VOLUME)):
                if varies[j]:
                    f[30 + i] = mean[j] / math.sqrt(squares[j] / n)

            # quotes
            for i, quoted in enumerate((spread, imbalance, imbalance_5)):
                average, std, count = _mean_std(quoted[s, a + 1 : b + 1])
                if count > 0:
                    f[36 + 2 * i] = average
                if count > 1:
                    f[37 + 2 * i] = std

            # correlations
            for i, j in enumerate((AMOUNT, TRADES, NET_BUY, NET_BID)):
                if varies[RETURN] and varies[j]:
                    f[42 + i] = _quotient(squares[RETURN], squares[j], with_return[j])
            f[46] = _correlation(close[s, a + 1 : b + 1], volume[s, a + 1 : b + 1])
            f[47] = _correlation(amount[s, a + 2 : b + 1], amount[s, a + 1 : b])

            # size of trades, concentration
            up_amount = up_trades = gain = large_amount = hhi = peak = start = end = 0.0
            traded = empty = 0
            for t in range(a, b):
                each = x[t, AMOUNT]
                if x[t, RETURN] > 0:
                    up_amount += each
                    up_trades += x[t, TRADES]
                if large[s, t]:
                    gain += x[t, RETURN]
                    large_amount += each
                traded += x[t, TRADES] > 0
                empty += not (x[t, VOLUME] if np.isnan(x[t, TRADES]) else x[t, TRADES]) > 0
                share = each / total[AMOUNT]
                hhi += share * share
                peak = max(peak, share)
                if t < a + edge_minutes:
                    start += each
                if t >= b - edge_minutes:
                    end += each
            if traded > 0 and total[AMOUNT] > 0:
                per_trade = total[AMOUNT] / total[TRADES]
                f[48] = math.log(per_trade)
                if down[TRADES] > 0:
                    f[49] = (down[AMOUNT] / down[TRADES]) / per_trade
                if up_trades > 0:
                    f[50] = (up_amount / up_trades) / per_trade
                f[51] = math.exp(gain) - 1
                f[52] = large_amount / total[AMOUNT]
            if total[AMOUNT] > 0:
                f[53], f[54] = hhi, peak
                f[55], f[56] = start / total[AMOUNT], end / total[AMOUNT]
            if known:
                f[57] = empty / n

            # the bar in the day so far
            for i, j in enumerate((AMOUNT, VOLUME, TRADES, NET_BUY, NET_LARGE)):
                if abs(day[j]) > ROUNDING * size[j]:
                    f[58 + i] = total[j] / day[j]

            for j in range(f.size):
                out[j, s, k] = f[j] if np.isfinite(f[j]) else np.nan
