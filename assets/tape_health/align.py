"""Numba kernels that compare a day's snapshots with its trades, aligned by cumulative counts and not by time stamps.

This module computes running sums of a tape, finds stamps out of order and decides which snapshots are aligned with the tape. It does
not make verdicts (verdicts.py) or handle batches and frames (align_tapes.py).

On a real tape (600519 on 2023-02-01, 27 135 trades, 5 109 snapshots) the cumulative volume and amount of every snapshot equal the
sums of the first k trades to the share and the cent, where k is its cumulative count; its stamp is up to 0.99 s before its last
trade and up to 0.05 s after the next one. A snapshot is therefore aligned if both sums are those of the first k trades. If
snapshots are aligned by volume instead of count, k is found by bisection, because cumulative volumes do not fall.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from assets.ticks.slots import slot_of
from resources import clock

_MORNING_MS = clock.MORNING * clock.MINUTE_MS
_CLOSING_MS = clock.CLOSING_AUCTION * clock.MINUTE_MS
_CLOSE_MS = clock.CLOSING_END * clock.MINUTE_MS
_LUNCH_MS, _AFTERNOON_MS = clock.LUNCH * clock.MINUTE_MS, clock.AFTERNOON * clock.MINUTE_MS
_YUAN = 10_000
NO_LIMIT = np.iinfo(np.int64).max

(TRADES, VOLUME, AMOUNT, OUTSIDE, LATE_VOLUME, LATE_AMOUNT, DISORDERED, UNCERTAIN, CHANNELS, PRICE_CHANGES,
 AGAINST_PRICE, IMPROVING) = range(12)  # fmt: skip
"""Columns of `tape_sums`. LATE_VOLUME and LATE_AMOUNT are after-hours. DISORDERED counts stamps earlier than the previous one, and
UNCERTAIN those whose bar cannot be determined. PRICE_CHANGES counts the changes from one trade to the next on its channel where both have
an aggressor, AGAINST_PRICE those to a higher price by an active sell or to a lower one by an active buy, and IMPROVING those by which one
active order was filled at a better price than by its previous fill."""
FELL, MISALIGNED, CROSSED, LATE, ODD, REPEATED = 1, 2, 4, 8, 16, 32
"""Bits of a snapshot's faults. FELL: its cumulative fields fell. MISALIGNED: they are not sums of the trades. CROSSED: bid ≥ ask. LATE: it
is stamped far from its trades. ODD: its previous close or limit prices differ from those of the other snapshots, its levels are out of order
or its best prices are outside the limits. REPEATED: it equals the previous row."""
(JUDGED, N_FELL, N_MISALIGNED, N_CROSSED, N_LATE, N_ODD, N_REPEATED, N_UNUSABLE, RUN, RUN_FROM, RUN_TO, FIRST_OFF, FINAL_VOLUME,
 FINAL_AMOUNT, PRE_CLOSE, LIMIT_UP, LIMIT_DOWN, FINAL_TIME, WHOLE_YUAN, BOOKED, GAP, GAP_FROM, FOLLOWING,
 AGAINST_BOOK, N_HALTED, SWEPT, SWEPT_ABOVE, SWEPT_BELOW, SWEPT_OWN, SWEPT_OTHER) = range(30)  # fmt: skip
"""Columns of `judge_quotes`; see there."""


class Trades(NamedTuple):
    """A tape in its order, one entry per trade; the trades of symbol s are starts[s] … starts[s + 1] − 1."""

    starts: np.ndarray
    time: np.ndarray  # ms since midnight
    channel: np.ndarray
    price: np.ndarray  # 1/10 000 yuan
    volume: np.ndarray  # shares
    side: np.ndarray  # +1 active buy, −1 active sell, 0 neither
    bid: np.ndarray  # order numbers
    ask: np.ndarray


class TradeSums(NamedTuple):
    """The running sums of the trades and their stamps.

    `tape_sums` fills the arrays, one entry per trade.
    """

    volumes: np.ndarray  # shares up to and including the trade
    amounts: np.ndarray  # 1/10 000 yuan up to and including the trade
    stamps: np.ndarray  # see `tape_sums`


class Quotes(NamedTuple):
    """Snapshots, one entry each; the snapshots of symbol s are starts[s] … starts[s + 1] − 1.

    Unknown counts, volumes and amounts are −1, unknown prices 0. Prices and amounts are in 1/10 000 yuan.
    """

    starts: np.ndarray
    time: np.ndarray  # ms since midnight
    trades: np.ndarray  # cumulative count, as are the next two
    volume: np.ndarray
    amount: np.ndarray
    bid: np.ndarray
    bid_volume: np.ndarray
    ask: np.ndarray
    ask_volume: np.ndarray
    bid_2: np.ndarray
    ask_2: np.ndarray
    pre_close: np.ndarray
    limit_up: np.ndarray
    limit_down: np.ndarray


class Tolerances(NamedTuple):
    """The differences that are accepted between a snapshot and its tape."""

    by_count: bool  # whether snapshots are aligned by their count of trades; else by their volume
    whole_yuan: (
        int  # 1/10 000 yuan by which an amount may differ from the sum if all amounts of the symbol are whole yuan
    )
    amount: int  # the same if they are not
    max_lag: int  # ms between a snapshot and the trades around it
    min_halt: int  # ms of trading hours without a trade that may be a halt
    volume_factor: float  # times by which the shares that trades took of a level may differ from its volume


@njit(cache=True, nogil=True)
def in_order(values):
    """Mark the members of a longest non-decreasing subsequence of `values`, found by patience sorting in n log n steps.

    >>> in_order(np.array([1, 2, 9, 3, 3, 4])).tolist()
    [True, True, False, True, True, True]
    """
    n = len(values)
    kept = np.zeros(n, np.bool_)
    tails = np.empty(n, np.int64)  # rows that end the best run of each length
    before = np.empty(n, np.int64)
    length = 0
    for i in range(n):
        low, high = 0, length
        while low < high:
            middle = (low + high) // 2
            if values[tails[middle]] <= values[i]:
                low = middle + 1
            else:
                high = middle
        before[i] = tails[low - 1] if low > 0 else -1
        tails[low] = i
        length = max(length, low + 1)
    at = tails[length - 1] if length > 0 else -1
    while at >= 0:
        kept[at] = True
        at = before[at]
    return kept


@njit(cache=True, nogil=True)
def tape_sums(trades, low, high, sums, out):
    """Compute the running sums of each symbol's tape, and count the faults of its rows.

    trades: Trades. low, high: price limits per symbol, 1/10 000 yuan. Fills sums (TradeSums) and out (symbols, 12) by column. The stamps of
    sums are −1 for a row in order. For a row out of order, they are the previous stamp in order if the stamps in order around the row
    are in one bar, which then is the bar of the row. They are −2 if these stamps are in two bars, or if either these stamps or the
    row's own stamp, but not both, are in an auction; then the bar or the side of the row is uncertain.
    """
    starts, time, channel, price, volume, side, bid, ask = trades
    volumes, amounts, stamps = sums
    for s in range(len(starts) - 1):
        first, last = starts[s], starts[s + 1]
        shares = np.int64(0)
        money = np.int64(0)
        begins = first
        for i in range(first, last):
            shares += volume[i]
            money += price[i] * volume[i]
            volumes[i] = shares
            amounts[i] = money
            stamps[i] = -1
            if price[i] < low[s] or price[i] > high[s]:
                out[s, OUTSIDE] += 1
            if time[i] >= _CLOSE_MS:
                out[s, LATE_VOLUME] += volume[i]
                out[s, LATE_AMOUNT] += price[i] * volume[i]
            if i > begins and channel[i] != channel[i - 1]:
                _restamp(begins, i, time, stamps, out[s])
                begins = i
            if i > begins and side[i] != 0 and side[i - 1] != 0 and price[i] != price[i - 1]:
                out[s, PRICE_CHANGES] += 1
                against = (price[i] > price[i - 1]) != (side[i] > 0)
                out[s, AGAINST_PRICE] += against
                same = bid[i] == bid[i - 1] > ask[i] if side[i] > 0 else ask[i] == ask[i - 1] > bid[i]
                out[s, IMPROVING] += against and same and side[i] == side[i - 1]
        if last > first:
            _restamp(begins, last, time, stamps, out[s])
        out[s, TRADES] = last - first
        out[s, VOLUME] = shares
        out[s, AMOUNT] = money


@njit(cache=True, nogil=True, inline="always")
def _in_auction(time):
    return time < _MORNING_MS or _CLOSING_MS <= time < _CLOSE_MS


@njit(cache=True, nogil=True)
def _restamp(first, last, time, stamps, out):
    """Fill the stamps of one symbol on one channel (see `tape_sums`), and count the channel if it traded before the close."""
    falls = 0
    regular = False
    for i in range(first, last):
        if time[i] < _CLOSE_MS:
            regular = True
        if i > first and time[i] < time[i - 1]:
            falls += 1
    if regular:
        out[CHANNELS] += 1
    if falls == 0:
        return
    out[DISORDERED] += falls
    kept = in_order(time[first:last])
    before = np.int64(-1)
    for i in range(first, last):
        if kept[i - first]:
            before = time[i]
            continue
        after = np.int64(-1)
        for j in range(i + 1, last):
            if kept[j - first]:
                after = time[j]
                break
        in_one_bar = before >= 0 and after >= 0 and slot_of(before) == slot_of(after)
        if in_one_bar and _in_auction(before) == _in_auction(
            time[i]
        ):  # the sides of Shenzhen's trades depend on the stamp
            stamps[i] = before
        else:
            stamps[i] = -2
            out[UNCERTAIN] += 1


@njit(cache=True, nogil=True)
def _majority(values, first, last):
    """Return the value above 0 that most rows have, by the majority vote of Boyer and Moore; 0 where no row has one."""
    value, votes = np.int64(0), 0
    for i in range(first, last):
        if values[i] <= 0:
            continue
        if votes == 0:
            value, votes = values[i], 1
        elif values[i] == value:
            votes += 1
        else:
            votes -= 1
    return value


@njit(cache=True, nogil=True)
def fill_limits(starts, limit_up, limit_down, low, high):
    """Set low and high to the limit prices of most snapshots, for symbols without a known limit (low 0, high the largest integer)."""
    for s in range(len(starts) - 1):
        down, up = _majority(limit_down, starts[s], starts[s + 1]), _majority(limit_up, starts[s], starts[s + 1])
        if low[s] == 0 and high[s] == NO_LIMIT:
            low[s] = down
            high[s] = up if up > 0 else NO_LIMIT


@njit(cache=True, nogil=True)
def _on_tape(count, volume, amount, by_count, volumes, amounts, first, last, tolerance):
    """Return the number k of trades that a snapshot includes if its sums are those of the first k trades; else −1."""
    k = count
    if not by_count or count < 0:
        low, high = first, last
        while low < high:
            middle = (low + high) // 2
            if volumes[middle] < volume:
                low = middle + 1
            else:
                high = middle
        k = low - first + 1 if volume > 0 else 0
    if k > last - first:
        return -1
    shares = volumes[first + k - 1] if k > 0 else 0
    money = amounts[first + k - 1] if k > 0 else 0
    if volume >= 0 and shares != volume:
        return -1
    return k if amount < 0 or abs(money - amount) <= tolerance else -1


@njit(cache=True, nogil=True)
def _trading_ms(first, last):
    """Return the milliseconds from first to last without the lunch break."""
    rest = min(last, _AFTERNOON_MS) - max(first, _LUNCH_MS)
    return last - first - max(rest, 0)


@njit(cache=True, nogil=True, inline="always")
def _swept_shares(price, volume, side, first, last, level):
    """Shares that the trades first … last − 1 took of a best price `level`, where the first of them took from it, all have its side, and
    one of them went on to a worse price; 0 where they did not, so that the level may have lasted."""
    own = side[first]
    shares = np.int64(0)
    for i in range(first, last):
        if side[i] != own or own == 0:
            return np.int64(0)
        if price[i] != level:
            return shares if (price[i] - level) * own > 0 else np.int64(0)
        shares += volume[i]
    return np.int64(0)


@njit(cache=True, nogil=True)
def judge_quotes(quotes, trades, sums, low, high, tolerances, faults, twins, out):
    """Compare the snapshots of each symbol, sorted by time and then as delivered, with the trades of the same symbol, if it has any.

    quotes: Quotes. trades: Trades, with the stamps in order. sums: TradeSums of the trades. low, high: price limits per symbol. tolerances:
    Tolerances. Only snapshots from 09:30 are judged, because earlier ones are virtual.

    Fills faults (snapshots,) with the bits above; twins (snapshots,), for a REPEATED row, with the earlier row that it equals in all
    columns read here; and out (symbols, 30) by column:

    JUDGED: the number of snapshots judged; N_…: the number with each fault. N_UNUSABLE: the number in continuous trading with any fault
    but REPEATED, and of those at any time that FELL. N_HALTED: the snapshots of N_UNUSABLE whose only fault is that bid and ask are
    equal, between trades at least min_halt apart: the book of a halted stock is that of the coming auction, and virtual.
    RUN: the length of the longest run of misaligned snapshots that is followed by an aligned one; RUN_FROM: its first stamp;
    RUN_TO: the stamp of that aligned one. FIRST_OFF: the stamp of the first misaligned snapshot (−1: none).
    FINAL_VOLUME, FINAL_AMOUNT: the last cumulative fields (−1: none). FINAL_TIME: the stamp of the last snapshot that did not fall.
    PRE_CLOSE, LIMIT_UP, LIMIT_DOWN: the values of the majority. WHOLE_YUAN: whether no amount has cents. BOOKED: whether any snapshot of
    continuous trading shows an order.
    GAP: the longest time in ms of continuous trading, without lunch, between a trade and the first snapshot that includes it; GAP_FROM:
    the stamp of this trade. Each trade changes the book, and a snapshot follows within seconds.
    FOLLOWING: first trades of continuous trading after a snapshot, at or above its best ask or at or below its best bid.
    AGAINST_BOOK: the trades of FOLLOWING whose side is the other one.
    SWEPT: best levels that the trades next after a snapshot took whole, before the next snapshot on the tape (_swept_shares). SWEPT_ABOVE:
    those of them of which the trades took volume_factor times the volume shown or more; SWEPT_BELOW: a volume_factor-th of it or less.
    SWEPT_OWN, SWEPT_OTHER: those that show two different volumes at the best prices, of which the trades took exactly that of their own
    side, of the other side.
    """
    (
        starts,
        time,
        count,
        volume,
        amount,
        bid,
        bid_volume,
        ask,
        ask_volume,
        bid_2,
        ask_2,
        pre_close,
        limit_up,
        limit_down,
    ) = quotes
    tape_starts, tape_time, _, tape_price, tape_volume, tape_side, _, _ = trades
    volumes, amounts, _ = sums
    by_count, yuan_tolerance, tolerance, max_lag, min_halt, volume_factor = tolerances
    for s in range(len(starts) - 1):
        first, last = starts[s], starts[s + 1]
        measured = out[s]
        measured[FIRST_OFF] = measured[FINAL_VOLUME] = measured[FINAL_AMOUNT] = -1
        close, up, down = (
            _majority(pre_close, first, last),
            _majority(limit_up, first, last),
            _majority(limit_down, first, last),
        )
        measured[PRE_CLOSE], measured[LIMIT_UP], measured[LIMIT_DOWN] = close, up, down
        whole_yuan = True
        begins = last
        falls = False
        for i in range(first, last):
            faults[i] = 0
            if amount[i] > 0 and amount[i] % _YUAN != 0:
                whole_yuan = False
            if time[i] >= _MORNING_MS and begins == last:
                begins = i
            if time[i] >= _MORNING_MS and i > begins and volume[i] < volume[i - 1]:
                falls = True
        slack = yuan_tolerance if whole_yuan else tolerance
        measured[JUDGED], measured[WHOLE_YUAN] = last - begins, whole_yuan
        if falls:
            kept = in_order(volume[begins:last])
            for i in range(begins, last):
                if not kept[i - begins]:
                    faults[i] |= FELL
        tape_first, tape_last = tape_starts[s], tape_starts[s + 1]
        taped = tape_last > tape_first
        counted = np.int64(
            0
        )  # trades that a snapshot includes, or that none need include: those of the opening auction
        while tape_first + counted < tape_last and tape_time[tape_first + counted] < _MORNING_MS:
            counted += 1
        run = 0
        run_from = np.int64(-1)
        shown = np.int64(
            -1
        )  # trades that the last snapshot with a usable book includes; next, its best prices and volumes
        shown_bid = shown_ask = shown_bid_volume = shown_ask_volume = np.int64(0)
        before = -1  # the last row that is not a repetition and did not fall
        distinct = np.int64(-2)
        for i in range(begins, last):
            continuous = time[i] < _CLOSING_MS
            halted = False
            if continuous and (bid[i] > 0 or ask[i] > 0):
                measured[BOOKED] = 1
            if before >= 0 and (
                time[i] == time[before]
                and volume[i] == volume[before]
                and amount[i] == amount[before]
                and count[i] == count[before]
                and bid[i] == bid[before]
                and bid_volume[i] == bid_volume[before]
                and ask[i] == ask[before]
                and ask_volume[i] == ask_volume[before]
            ):
                faults[i] |= REPEATED
                twins[i] = before
            if not faults[i] & (FELL | REPEATED):
                before = i
                measured[FINAL_TIME] = time[i]
                if volume[i] >= 0:
                    measured[FINAL_VOLUME] = volume[i]
                if amount[i] >= 0:
                    measured[FINAL_AMOUNT] = amount[i]
            if (
                (pre_close[i] > 0 and pre_close[i] != close)
                or (limit_up[i] > 0 and limit_up[i] != up)
                or (limit_down[i] > 0 and limit_down[i] != down)
            ):
                faults[i] |= ODD
            if continuous and (
                (bid[i] > 0 and (bid[i] < low[s] or bid[i] > high[s]))
                or (ask[i] > 0 and (ask[i] < low[s] or ask[i] > high[s]))
                or (bid_2[i] > 0 and bid_2[i] >= bid[i])
                or (ask_2[i] > 0 and (ask_2[i] <= ask[i] or ask[i] <= 0))
            ):
                faults[i] |= ODD
            if continuous and bid[i] > 0 and ask[i] > 0 and bid[i] >= ask[i]:
                faults[i] |= CROSSED
            if taped and not faults[i] & FELL:
                k = _on_tape(count[i], volume[i], amount[i], by_count, volumes, amounts, tape_first, tape_last, slack)
                if k < 0:
                    faults[i] |= MISALIGNED
                    if measured[FIRST_OFF] < 0:
                        measured[FIRST_OFF] = time[i]
                    if run == 0:
                        run_from = time[i]
                    if volume[i] != distinct or run == 0:
                        run += 1
                    distinct = volume[i]
                else:
                    if run > measured[RUN]:
                        measured[RUN], measured[RUN_FROM], measured[RUN_TO] = run, run_from, time[i]
                    run = 0
                    if k > shown >= 0:
                        next_price, next_side = tape_price[tape_first + shown], tape_side[tape_first + shown]
                        expected = 1 if next_price >= shown_ask else -1 if next_price <= shown_bid else 0
                        if expected != 0 and next_side != 0:
                            measured[FOLLOWING] += 1
                            measured[AGAINST_BOOK] += next_side != expected
                        level = shown_ask if next_side > 0 else shown_bid
                        shares = _swept_shares(
                            tape_price, tape_volume, tape_side, tape_first + shown, tape_first + k, level
                        )
                        own, other = shown_ask_volume, shown_bid_volume
                        if next_side < 0:
                            own, other = other, own
                        if shares > 0 and own > 0:
                            measured[SWEPT] += 1
                            measured[SWEPT_ABOVE] += shares >= volume_factor * own
                            measured[SWEPT_BELOW] += volume_factor * shares <= own
                            measured[SWEPT_OWN] += shares == own != other
                            measured[SWEPT_OTHER] += shares == other != own
                    shown = np.int64(-1)
                    if continuous and bid[i] > 0 and ask[i] > 0 and not faults[i] & (ODD | CROSSED):
                        shown, shown_bid, shown_ask = np.int64(k), np.int64(bid[i]), np.int64(ask[i])
                        shown_bid_volume, shown_ask_volume = np.int64(bid_volume[i]), np.int64(ask_volume[i])
                    if k > counted:
                        waiting = tape_time[tape_first + counted]
                        waited = _trading_ms(waiting, min(time[i], _CLOSING_MS))
                        if waited > measured[GAP]:
                            measured[GAP], measured[GAP_FROM] = waited, waiting
                        counted = k
                    at = tape_first + k
                    silent_from = max(tape_time[at - 1], _MORNING_MS) if k > 0 else _MORNING_MS
                    silent_to = min(tape_time[at], _CLOSING_MS) if at < tape_last else _CLOSING_MS
                    halted = bid[i] == ask[i] and _trading_ms(silent_from, silent_to) >= min_halt
                    if continuous and (
                        (at < tape_last and time[i] - tape_time[at] > max_lag)
                        or (k > 0 and tape_time[at - 1] - time[i] > max_lag)
                    ):
                        faults[i] |= LATE
            measured[N_FELL] += faults[i] & FELL != 0
            measured[N_MISALIGNED] += faults[i] & MISALIGNED != 0
            measured[N_CROSSED] += faults[i] & CROSSED != 0
            measured[N_LATE] += faults[i] & LATE != 0
            measured[N_ODD] += faults[i] & ODD != 0
            measured[N_REPEATED] += faults[i] & REPEATED != 0
            measured[N_HALTED] += halted and faults[i] & ~REPEATED == CROSSED
            measured[N_UNUSABLE] += (continuous or faults[i] & FELL != 0) and faults[i] & ~REPEATED != 0
        if begins == last:  # all snapshots are virtual
            for i in range(first, last):
                measured[FINAL_VOLUME] = max(measured[FINAL_VOLUME], volume[i])
                measured[FINAL_AMOUNT] = max(measured[FINAL_AMOUNT], amount[i])
