"""The raw features of 30- and 60-minute bars, computed from the minutes of each bar (SPEC §5.1; definitions in names.py).

This module computes the 63 features of a bar. It does not compute daily features (daily.py) or standardise features across
stocks, which the models do on the universe of each day.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from assets.factors.block import GRID, MINUTES, MinuteBlock, in_parts, large_trade_minutes
from assets.features.names import BAR_FEATURES
from resources.arrays import Bools, Floats
from resources.settings.features import FeaturesSettings


class Fields(NamedTuple):
    """The columns of minute_bars that the kernel reads: [n, 239] float64 each, in the order of `block.SLOTS`, NaN for null."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    amount: Floats
    trades: Floats
    buy_amount: Floats
    sell_amount: Floats
    large_buy_amount: Floats
    large_sell_amount: Floats
    net_bid_change: Floats
    spread: Floats
    imbalance: Floats
    imbalance_5: Floats


FIELDS = Fields._fields
ROW = np.dtype([(name, np.float64) for name in BAR_FEATURES])
"""The record that the kernel writes for one bar of one stock. It has a field per feature, so that the kernel writes features by name.
The fields are part of the kernel's signature: when the list of names changes, which numba's cache on disk would not notice, numba
compiles the kernel again."""
STARTS = {30: (570, 600, 630, 660, 780, 810, 840, 870), 60: (570, 630, 780, 840)}
# Bar k of a granularity covers the minutes edges[k] … edges[k+1] − 1 of G; the last bar of the day has 27 (57) minutes.
EDGES = {size: np.r_[np.searchsorted(GRID, starts), MINUTES] for size, starts in STARTS.items()}
ROUNDING = 1e-12  # a sum of at most this fraction of the sum of absolute values is treated as zero


def measure_bars(block: MinuteBlock, returns: Floats, size: int, settings: FeaturesSettings) -> Floats:
    """Compute the features of all bars, [63, n, bars] float64 in the order of `BAR_FEATURES`, NaN for null (SPEC §5.1).

    block: n symbol-days. returns: [n, 237] their one-minute returns. size: minutes of a bar, 30 or 60.
    """
    edges, fields = EDGES[size], Fields(*block.arrays(FIELDS))
    large = large_trade_minutes(block.grid("amount"), block.grid("trades"), edges, settings.large_trade_share)
    rows = np.empty((len(block), len(STARTS[size])), ROW)
    values = rows.view(np.float64).reshape(*rows.shape, len(BAR_FEATURES))  # the same memory
    in_parts(
        len(block),
        lambda first, last: _measure(first, last, fields, returns, large, edges, settings.edge_minutes, rows, values),
    )
    return np.moveaxis(values, -1, 0)


# --- the kernel: loops over the minutes of each bar, in which NaN propagates -----------------------------------------

# The series that are summed. They are adjacent for each minute, so that one pass over a bar's minutes sums all of them.
(
    AMOUNT, VOLUME, TRADES, SQUARE, BUY, SELL, LARGE_BUY, LARGE_SELL,  # the eight series of the downside shares, in their order
    NET_BUY, NET_BID, INTENTION, NET_LARGE, RETURN,
) = range(13)  # fmt: skip
SERIES = 13


@njit(cache=True, nogil=True, error_model="numpy")
def _mean_std(x: Floats) -> tuple[float, float]:
    """Return mean and std (ddof 0) of the entries that are not NaN: NaN without an entry; the std is NaN with one entry."""
    total, count = 0.0, 0
    for t in range(x.size):
        if not np.isnan(x[t]):
            total += x[t]
            count += 1
    mean, square = total / count, 0.0
    for t in range(x.size):
        if not np.isnan(x[t]):
            square += (x[t] - mean) ** 2
    return mean, math.sqrt(square / count) if count > 1 else np.nan


@njit(cache=True, nogil=True, error_model="numpy")
def _correlation(x: Floats, y: Floats) -> float:
    """Return Pearson's correlation of x and y, or NaN where one is constant."""
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
    """Return a correlation from the sums of squares and of products of deviations; NaN where a sum of squares is 0."""
    return max(-1.0, min(1.0, xy / (math.sqrt(xx) * math.sqrt(yy)))) if xx > 0 and yy > 0 else np.nan


class Sums(NamedTuple):
    """The sums of each series, [SERIES] each."""

    total: Floats  # Σ over the bar
    down: Floats  # Σ over the bar's minutes with R < 0
    mean: Floats
    squares: Floats  # Σ of squared deviations from the mean
    with_return: Floats  # Σ of products of the deviations and those of R
    varies: Bools  # whether the series is not constant in the bar
    day: Floats  # Σ over the day so far, including the opening auction
    size: Floats  # Σ of absolute values over the day so far


@njit(cache=True, nogil=True, error_model="numpy")
def _fill_series(s: int, fields: Fields, returns: Floats, x: Floats) -> None:
    """Fill x [237, SERIES] with the series of symbol s. Minute t of G is at slot t + 1."""
    for t in range(x.shape[0]):
        r, slot = returns[s, t], t + 1
        x[t, AMOUNT], x[t, VOLUME], x[t, TRADES] = (
            fields.amount[s, slot],
            fields.volume[s, slot],
            fields.trades[s, slot],
        )
        x[t, SQUARE], x[t, RETURN] = r * r, r
        x[t, BUY], x[t, SELL] = fields.buy_amount[s, slot], fields.sell_amount[s, slot]
        x[t, LARGE_BUY], x[t, LARGE_SELL] = fields.large_buy_amount[s, slot], fields.large_sell_amount[s, slot]
        x[t, NET_BUY] = x[t, BUY] - x[t, SELL]
        x[t, NET_BID] = fields.net_bid_change[s, slot]
        x[t, INTENTION] = x[t, NET_BUY] + x[t, NET_BID]
        x[t, NET_LARGE] = x[t, LARGE_BUY] - x[t, LARGE_SELL]


@njit(cache=True, nogil=True, error_model="numpy")
def _open_day(s: int, fields: Fields, sums: Sums) -> bool:
    """Start the day's sums with the opening auction.

    Returns whether trade counts or volumes were delivered; without them no minute is known to be empty.
    """
    day, size = sums.day, sums.size
    for j in range(SERIES):
        day[j] = 0.0
    day[AMOUNT], day[VOLUME], day[TRADES] = fields.amount[s, 0], fields.volume[s, 0], fields.trades[s, 0]
    day[NET_BUY] = fields.buy_amount[s, 0] - fields.sell_amount[s, 0]
    day[NET_LARGE] = fields.large_buy_amount[s, 0] - fields.large_sell_amount[s, 0]
    for j in range(SERIES):
        size[j] = abs(day[j])
    known = False
    for t in range(fields.close.shape[1]):
        known |= not (np.isnan(fields.trades[s, t]) and np.isnan(fields.volume[s, t]))
    return known


@njit(cache=True, nogil=True, error_model="numpy")
def _add_up(x: Floats, a: int, b: int, sums: Sums) -> None:
    """Compute the sums of the minutes a … b − 1 in two passes, and add these minutes to the sums of the day."""
    total, down, mean, squares, with_return, varies, day, size = sums
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
        mean[j] = total[j] / (b - a)
    for t in range(a, b):
        r = x[t, RETURN] - mean[RETURN]
        for j in range(SERIES):
            deviation = x[t, j] - mean[j]
            squares[j] += deviation * deviation
            with_return[j] += r * deviation


# Each of the following functions fills one group of names.py in `row`, a record of ROW, for the minutes a … b − 1 of G of symbol s.
# The functions that take many arrays are inlined, because passing the arrays takes a tenth of the kernel's time.


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _price(row: Any, s: int, a: int, b: int, x: Floats, fields: Fields, total: Floats) -> None:
    n, square, final = b - a, total[SQUARE], fields.close[s, b]
    cube = fourth = largest = 0.0
    top, bottom = fields.high[s, a + 1], fields.low[s, a + 1]
    for t in range(a, b):
        r, rr = x[t, RETURN], x[t, SQUARE]
        cube += rr * r
        fourth += rr * rr
        largest = max(largest, abs(r))
        high, low = fields.high[s, t + 1], fields.low[s, t + 1]
        if np.isnan(top) or high > top:
            top = high
        if np.isnan(bottom) or low < bottom:
            bottom = low
    if np.isnan(final):
        return
    row.bar_return = total[RETURN]
    row.ln_high_low = math.log(top / bottom)
    row.close_location = (final - bottom) / (top - bottom)
    row.vwap_over_close = total[AMOUNT] / total[VOLUME] / final - 1
    row.realised_variance = square
    if square > 0:
        row.skewness = math.sqrt(n) * cube / square**1.5
        row.kurtosis = n * fourth / (square * square)
    row.max_abs_return = largest


@njit(cache=True, nogil=True, error_model="numpy")
def _downside(row: Any, down: Floats, total: Floats) -> None:
    row.down_amount = down[AMOUNT] / total[AMOUNT]
    row.down_volume = down[VOLUME] / total[VOLUME]
    row.down_trades = down[TRADES] / total[TRADES]
    row.down_variance = down[SQUARE] / total[SQUARE]
    row.down_buy = down[BUY] / total[BUY]
    row.down_sell = down[SELL] / total[SELL]
    row.down_large_buy = down[LARGE_BUY] / total[LARGE_BUY]
    row.down_large_sell = down[LARGE_SELL] / total[LARGE_SELL]


@njit(cache=True, nogil=True, error_model="numpy")
def _sizes(row: Any, total: Floats) -> None:
    row.ln_amount = math.log(1 + total[AMOUNT])
    row.ln_volume = math.log(1 + total[VOLUME])
    row.ln_trades = math.log(1 + total[TRADES])
    row.ln_buy = math.log(1 + total[BUY])
    row.ln_sell = math.log(1 + total[SELL])
    row.ln_large_buy = math.log(1 + total[LARGE_BUY])
    row.ln_large_sell = math.log(1 + total[LARGE_SELL])


@njit(cache=True, nogil=True, error_model="numpy")
def _shares(row: Any, total: Floats) -> None:
    row.net_buy_share = total[NET_BUY] / total[AMOUNT]
    row.net_bid_share = total[NET_BID] / total[AMOUNT]
    row.intention_share = total[INTENTION] / total[AMOUNT]
    row.net_large_share = total[NET_LARGE] / total[AMOUNT]
    row.large_buy_share = total[LARGE_BUY] / total[AMOUNT]
    row.large_sell_share = total[LARGE_SELL] / total[AMOUNT]
    row.buy_share = total[BUY] / total[AMOUNT]


@njit(cache=True, nogil=True, error_model="numpy")
def _strength(j: int, n: int, sums: Sums) -> float:
    """Return the mean of series j over its std; NaN where the series is constant."""
    return sums.mean[j] / math.sqrt(sums.squares[j] / n) if sums.varies[j] else np.nan


@njit(cache=True, nogil=True, error_model="numpy")
def _strengths(row: Any, n: int, sums: Sums) -> None:
    row.net_buy_strength = _strength(NET_BUY, n, sums)
    row.net_bid_strength = _strength(NET_BID, n, sums)
    row.intention_strength = _strength(INTENTION, n, sums)
    row.net_large_strength = _strength(NET_LARGE, n, sums)
    row.amount_strength = _strength(AMOUNT, n, sums)
    row.volume_strength = _strength(VOLUME, n, sums)


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _quotes(row: Any, s: int, a: int, b: int, fields: Fields) -> None:
    row.spread_mean, row.spread_std = _mean_std(fields.spread[s, a + 1 : b + 1])
    row.imbalance_mean, row.imbalance_std = _mean_std(fields.imbalance[s, a + 1 : b + 1])
    row.imbalance_5_mean, row.imbalance_5_std = _mean_std(fields.imbalance_5[s, a + 1 : b + 1])


@njit(cache=True, nogil=True, error_model="numpy")
def _with_return(j: int, sums: Sums) -> float:
    """Return the correlation of series j with R; NaN where one is constant."""
    if not (sums.varies[RETURN] and sums.varies[j]):
        return np.nan
    return _quotient(sums.squares[RETURN], sums.squares[j], sums.with_return[j])


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _correlations(row: Any, s: int, a: int, b: int, fields: Fields, sums: Sums) -> None:
    row.corr_return_amount = _with_return(AMOUNT, sums)
    row.corr_return_trades = _with_return(TRADES, sums)
    row.corr_return_net_buy = _with_return(NET_BUY, sums)
    row.corr_return_net_bid = _with_return(NET_BID, sums)
    row.corr_close_volume = _correlation(fields.close[s, a + 1 : b + 1], fields.volume[s, a + 1 : b + 1])
    row.autocorr_amount = _correlation(fields.amount[s, a + 2 : b + 1], fields.amount[s, a + 1 : b])


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _trade_sizes(row: Any, s: int, a: int, b: int, x: Floats, large: Bools, sums: Sums) -> None:
    """large [n, 237]: minutes of large trades."""
    total, down = sums.total, sums.down
    up_amount = up_trades = gain = large_amount = 0.0
    traded = 0
    for t in range(a, b):
        if x[t, RETURN] > 0:
            up_amount += x[t, AMOUNT]
            up_trades += x[t, TRADES]
        if large[s, t]:
            gain += x[t, RETURN]
            large_amount += x[t, AMOUNT]
        traded += x[t, TRADES] > 0
    if traded == 0 or not total[AMOUNT] > 0:
        return
    per_trade = total[AMOUNT] / total[TRADES]
    row.ln_amount_per_trade = math.log(per_trade)
    if down[TRADES] > 0:
        row.outflow_per_trade = (down[AMOUNT] / down[TRADES]) / per_trade
    if up_trades > 0:
        row.inflow_per_trade = (up_amount / up_trades) / per_trade
    row.large_trade_return = math.exp(gain) - 1
    row.large_trade_amount_share = large_amount / total[AMOUNT]


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _concentration(row: Any, a: int, b: int, x: Floats, edge_minutes: int, known: bool, total: Floats) -> None:
    hhi = peak = start = end = 0.0
    empty = 0
    for t in range(a, b):
        each = x[t, AMOUNT]
        share = each / total[AMOUNT]
        hhi += share * share
        peak = max(peak, share)
        if t < a + edge_minutes:
            start += each
        if t >= b - edge_minutes:
            end += each
        empty += not (x[t, VOLUME] if np.isnan(x[t, TRADES]) else x[t, TRADES]) > 0
    if total[AMOUNT] > 0:
        row.amount_hhi, row.amount_max_share = hhi, peak
        row.first_minutes_share, row.last_minutes_share = start / total[AMOUNT], end / total[AMOUNT]
    if known:
        row.empty_share = empty / (b - a)


@njit(cache=True, nogil=True, error_model="numpy")
def _of_day(j: int, sums: Sums) -> float:
    """Return the sum of the bar over the sum of the day so far; NaN where the latter is 0 within rounding."""
    return sums.total[j] / sums.day[j] if abs(sums.day[j]) > ROUNDING * sums.size[j] else np.nan


@njit(cache=True, nogil=True, error_model="numpy")
def _in_the_day(row: Any, sums: Sums) -> None:
    row.amount_of_day = _of_day(AMOUNT, sums)
    row.volume_of_day = _of_day(VOLUME, sums)
    row.trades_of_day = _of_day(TRADES, sums)
    row.net_buy_of_day = _of_day(NET_BUY, sums)
    row.net_large_of_day = _of_day(NET_LARGE, sums)


@njit(cache=True, nogil=True, error_model="numpy")
def _measure(
    first: int,
    last: int,
    fields: Fields,
    returns: Floats,  # [n, 237]
    large: Bools,  # [n, 237]
    edges: NDArray[np.int64],
    edge_minutes: int,
    rows: NDArray[np.void],  # [n, bars] of ROW
    values: Floats,  # [n, bars, 63], the memory of rows
) -> None:
    x = np.empty((returns.shape[1], SERIES))
    sums = Sums(
        np.empty(SERIES), np.empty(SERIES), np.empty(SERIES), np.empty(SERIES), np.empty(SERIES),
        np.empty(SERIES, dtype=np.bool_), np.empty(SERIES), np.empty(SERIES),
    )  # fmt: skip
    for s in range(first, last):
        _fill_series(s, fields, returns, x)
        known = _open_day(s, fields, sums)
        for k in range(edges.size - 1):
            a, b, row = edges[k], edges[k + 1], rows[s, k]
            for i in range(values.shape[2]):
                values[s, k, i] = np.nan
            _add_up(x, a, b, sums)
            _price(row, s, a, b, x, fields, sums.total)
            _downside(row, sums.down, sums.total)
            _sizes(row, sums.total)
            _shares(row, sums.total)
            _strengths(row, b - a, sums)
            _quotes(row, s, a, b, fields)
            _correlations(row, s, a, b, fields, sums)
            _trade_sizes(row, s, a, b, x, large, sums)
            _concentration(row, a, b, x, edge_minutes, known, sums.total)
            _in_the_day(row, sums)
            for i in range(values.shape[2]):
                if not np.isfinite(values[s, k, i]):
                    values[s, k, i] = np.nan
