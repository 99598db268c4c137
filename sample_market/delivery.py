"""Writes a day of both exchanges as the vendor DataYes delivers it: files, numbering and formats (SPEC §2.3).

This module merges the stocks of a channel, numbers orders and trades, and holds the headers and the CSV writer. It does not hold the
trading (`book`), or the choice of rows that the vendor lost or corrected (arguments, chosen in `plan`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numba import njit

from . import book as bk

SSE_TRADES = (
    "DataStatus,TradeIndex,TradeChan,SecurityID,TradTime,TradPrice,TradVolume,TradeMoney,TradeBuyNo,TradeSellNo,"
    "TradeBSFlag,BizIndex,LocalTime,SeqNo"
)
SSE_ORDERS = (
    "DataStatus,OrderIndex,OrderChannel,SecurityID,OrderTime,OrderType,OrderNO,OrderPrice,Balance,OrderBSFlag,"
    "BizIndex,LocalTime,SeqNo"
)
SZSE_ORDERS = (
    "ChannelNo,ApplSeqNum,MDStreamID,SecurityID,SecurityIDSource,Price,OrderQty,Side,TransactTime,OrdType,"
    "LocalTime,SeqNo"
)
SZSE_TRADES = (
    "ChannelNo,ApplSeqNum,MDStreamID,BidApplSeqNum,OfferApplSeqNum,SecurityID,SecurityIDSource,LastPx,LastQty,"
    "ExecType,TransactTime,LocalTime,SeqNo"
)


def _levels(ask_first: str) -> str:
    sides = ("Ask", "Bid")
    prices = ",".join(f"{s}Price{k},{s}Volume{k}" for s in sides for k in range(1, 11))
    counts = ",".join(f"NumOrders{s}{k}" for s in "BS" for k in range(1, 11))
    return f"{ask_first},{prices},{counts},LocalTime,SeqNo"


SSE_SNAPSHOTS = _levels(
    "UpdateTime,SecurityID,ImageStatus,PreCloPrice,OpenPrice,HighPrice,LowPrice,LastPrice,ClosePrice,InstruStatus,"
    "TradNumber,TradVolume,Turnover,TotalBidVol,WAvgBidPri,AltWAvgBidPri,TotalAskVol,WAvgAskPri,AltWAvgAskPri,"
    "EtfBuyNumber,EtfBuyVolume,EtfBuyMoney,EtfSellNumber,EtfSellVolume,ETFSellMoney,YieldToMatu,TotWarExNum,"
    "WarLowerPri,WarUpperPri,WiDBuyNum,WiDBuyVol,WiDBuyMon,WiDSellNum,WiDSellVol,WiDSellMon,TotBidNum,TotSellNum,"
    "MaxBidDur,MaxSellDur,BidNum,SellNum,IOPV"
)
SZSE_SNAPSHOTS = _levels(
    "UpdateTime,MDStreamID,SecurityID,SecurityIDSource,TradingPhaseCode,PreCloPrice,TurnNum,Volume,Turnover,LastPrice,"
    "OpenPrice,HighPrice,LowPrice,DifPrice1,DifPrice2,PE1,PE2,PreCloseIOPV,IOPV,TotalBidQty,WeightedAvgBidPx,"
    "TotalOfferQty,WeightedAvgOfferPx,HighLimitPrice,LowLimitPrice,OpenInt,OptPremiumRatio"
)

INT, CENTS, MILLI, CLOCK, CODE, WORD = range(6)
"""Column kinds: integer; hundredths and thousandths without trailing zeros; HH:MM:SS.mmm; six digits; entry of WORDS."""
BLANK = -(1 << 62)
WORDS = (
    *("", "B", "S", "N", "A", "D", "010", "011", "102", "102 ", "START", "OCALL", "TRADE", "CCALL", "CLOSE"),
    *("S0      ", "O0      ", "B0      ", "T0      ", "C0      ", "E0      "),
)
_WORD = {w: i for i, w in enumerate(WORDS)}
_WORD_BYTES = np.zeros((len(WORDS), 8), np.uint8)
_WORD_LENGTH = np.array([len(w) for w in WORDS], np.int64)
for _i, _w in enumerate(WORDS):
    _WORD_BYTES[_i, : len(_w)] = np.frombuffer(_w.encode(), np.uint8)
_SSE_STATUS = np.array([_WORD[w] for w in ("START", "OCALL", "TRADE", "TRADE", "CCALL", "CLOSE")])
_SZSE_STATUS = np.array([_WORD[f"{c}0      "] for c in "SOBTCE"])


@njit(cache=True, nogil=True)
def _put_digits(out: np.ndarray, n: int, value: int, width: int) -> int:
    """Write value in decimal with at least `width` digits, and return the new end."""
    k = 1
    x = value
    while x >= 10:
        x //= 10
        k += 1
    k = max(k, width)
    for i in range(n + k - 1, n - 1, -1):
        out[i] = 48 + value % 10
        value //= 10
    return n + k


@njit(cache=True, nogil=True)
def format_rows(table: np.ndarray, kinds: np.ndarray, words: np.ndarray, lengths: np.ndarray, out: np.ndarray) -> int:
    """Write rows of int64 [rows, columns] as CSV bytes into `out`, and return the number of bytes."""
    n = 0
    columns = table.shape[1]
    for i in range(table.shape[0]):
        for c in range(columns):
            if c > 0:
                out[n] = 44
                n += 1
            x = table[i, c]
            if x == BLANK:
                continue
            kind = kinds[c]
            if kind == WORD:
                for k in range(lengths[x]):
                    out[n + k] = words[x, k]
                n += lengths[x]
                continue
            if x < 0:
                out[n] = 45
                n += 1
                x = -x
            if kind == INT:
                n = _put_digits(out, n, x, 1)
            elif kind == CODE:
                n = _put_digits(out, n, x, 6)
            elif kind == CLOCK:
                n = _put_digits(out, n, x // 3_600_000, 2)
                out[n] = 58
                n = _put_digits(out, n + 1, x // 60_000 % 60, 2)
                out[n] = 58
                n = _put_digits(out, n + 1, x // 1000 % 60, 2)
                out[n] = 46
                n = _put_digits(out, n + 1, x % 1000, 3)
            else:
                places = 2 if kind == CENTS else 3
                unit = 100 if kind == CENTS else 1000
                n = _put_digits(out, n, x // unit, 1)
                if x % unit:
                    out[n] = 46
                    n = _put_digits(out, n + 1, x % unit, places)
                    while out[n - 1] == 48:
                        n -= 1
        out[n] = 10
        n += 1
    return n


def write_csv(path: Path, header: str, columns: list[tuple[int, np.ndarray | int]]) -> int:
    """Write columns of (kind, values or one value for all rows) under the header, and return the size in bytes.

    Raises:
        ValueError: The number of columns is not that of the header.
    """
    rows = max((len(v) for _, v in columns if isinstance(v, np.ndarray)), default=0)
    if len(columns) != header.count(",") + 1:
        raise ValueError(f"{path.name}: {len(columns)} columns, but the header has {header.count(',') + 1}")
    table = np.empty((rows, len(columns)), np.int64)
    for c, (_, values) in enumerate(columns):
        table[:, c] = values
    kinds = np.array([k for k, _ in columns], np.int64)
    out = np.empty(rows * len(columns) * 14 + 16, np.uint8)
    n = format_rows(table, kinds, _WORD_BYTES, _WORD_LENGTH, out)
    with path.open("wb") as file:
        file.write(header.encode() + b"\n")
        file.write(out[:n].data)
    return len(header) + 1 + n


@dataclass(frozen=True)
class Tape:
    """One stock-day of the engine. Prices are in cents; a limit of 0 means no limit."""

    code: int
    channel: int
    events: np.ndarray
    snapshots: np.ndarray
    orders: int
    pre_close: int
    limit_up: int
    limit_down: int


def _local_time(time: np.ndarray) -> np.ndarray:
    return time + 40 + (np.arange(len(time)) * 7919) % 97


def _delivery_order(time: np.ndarray) -> np.ndarray:
    """Running number of each row in the order of time, which is the vendor's SeqNo."""
    seq = np.empty(len(time), np.int64)
    seq[np.argsort(time, kind="stable")] = np.arange(1, len(time) + 1)
    return seq


def _merge(tapes: list[Tape]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A channel's events in the order of time, with the code, bid and ask of each event as order keys of the channel."""
    events = np.concatenate([t.events for t in tapes])
    lengths = [len(t.events) for t in tapes]
    offsets = np.repeat(np.cumsum([0] + [t.orders for t in tapes[:-1]]), lengths)
    codes = np.repeat([t.code for t in tapes], lengths)
    order = np.argsort(events[:, bk.TIME], kind="stable")
    events, codes, offsets = events[order], codes[order], offsets[order]
    bid = np.where(events[:, bk.BID] >= 0, events[:, bk.BID] + offsets, -1)
    ask = np.where(events[:, bk.ASK] >= 0, events[:, bk.ASK] + offsets, -1)
    return events, codes, bid, ask


def _number(numbers: np.ndarray, keys: np.ndarray) -> np.ndarray:
    return np.where(keys >= 0, numbers[keys], 0)


def _by_channel(tapes: list[Tape]) -> list[tuple[int, list[Tape]]]:
    channels = sorted({t.channel for t in tapes})
    return [(c, [t for t in tapes if t.channel == c]) for c in channels]


def write_sse(folder: Path, day: str, tapes: list[Tape]) -> int:
    """Write trades, orders and snapshots of the Shanghai exchange, and return the number of bytes.

    TradeIndex and OrderIndex count within a channel, BizIndex over both. An order that is filled at once has no row; the add
    row of another order follows its first fills and has the remaining volume.
    """
    trades: list[list[np.ndarray]] = []
    orders: list[list[np.ndarray]] = []
    for channel, members in _by_channel(tapes):
        e, codes, bid, ask = _merge(members)
        kind = e[:, bk.KIND]
        arrival = kind == bk.ARRIVAL
        numbers = np.zeros(sum(t.orders for t in members) + 1, np.int64)
        numbers[np.where(bid >= 0, bid, ask)[arrival]] = np.arange(1, arrival.sum() + 1)
        biz = np.cumsum(~arrival)
        buy, sell = _number(numbers, bid), _number(numbers, ask)
        k = kind == bk.TRADE
        flag = np.array([_WORD["B"], _WORD["S"], _WORD["N"]])[e[k, bk.SIDE]]
        index = np.arange(1, k.sum() + 1)
        trades.append(
            [
                *(index, np.full(len(index), channel), codes[k], e[k, bk.TIME], e[k, bk.PRICE], e[k, bk.QTY]),
                *(e[k, bk.PRICE] * e[k, bk.QTY], buy[k], sell[k], flag, biz[k]),
            ]
        )
        k = (kind == bk.REST) | (kind == bk.CANCEL)
        index = np.arange(1, k.sum() + 1)
        what = np.where(kind[k] == bk.REST, _WORD["A"], _WORD["D"])
        side = np.array([_WORD["B"], _WORD["S"]])[e[k, bk.SIDE]]
        orders.append(
            [
                *(index, np.full(len(index), channel), codes[k], e[k, bk.TIME], what, (buy + sell)[k]),
                *(e[k, bk.PRICE], e[k, bk.QTY], side, biz[k]),
            ]
        )
    t = [np.concatenate(c) for c in zip(*trades, strict=True)]
    o = [np.concatenate(c) for c in zip(*orders, strict=True)]
    trade_kinds = (INT, INT, CODE, CLOCK, CENTS, INT, CENTS, INT, INT, WORD, INT)
    size = write_csv(
        folder / f"{day}_Transaction.csv",
        SSE_TRADES,
        [(INT, 0), *zip(trade_kinds, t, strict=True), (CLOCK, _local_time(t[3])), (INT, _delivery_order(t[3]))],
    )
    order_kinds = (INT, INT, CODE, CLOCK, WORD, INT, CENTS, INT, WORD, INT)
    size += write_csv(
        folder / "mdl_4_19_0.csv",
        SSE_ORDERS,
        [(INT, 0), *zip(order_kinds, o, strict=True), (CLOCK, _local_time(o[3])), (INT, _delivery_order(o[3]))],
    )
    return size + _write_sse_snapshots(folder / f"{day}_MarketData.csv", tapes)


def write_szse(folder: Path, tapes: list[Tape], *, lost_channel: int | None = None, lost_after: int = 0) -> int:
    """Write orders, trades with cancels, and snapshots of the Shenzhen exchange, and return the number of bytes.

    ApplSeqNum is one sequence per channel without gaps over orders and trades. Rows of `lost_channel` with a time at or after
    `lost_after` (ms) are not delivered, including snapshots.
    """
    orders: list[list[np.ndarray]] = []
    trades: list[list[np.ndarray]] = []
    for channel, members in _by_channel(tapes):
        e, codes, bid, ask = _merge(members)
        keep = e[:, bk.KIND] != bk.REST
        e, codes, bid, ask = e[keep], codes[keep], bid[keep], ask[keep]
        seq = np.arange(1, len(e) + 1)
        kind = e[:, bk.KIND]
        arrival = kind == bk.ARRIVAL
        numbers = np.zeros(sum(t.orders for t in members) + 1, np.int64)
        numbers[np.where(bid >= 0, bid, ask)[arrival]] = seq[arrival]
        buy, sell = _number(numbers, bid), _number(numbers, ask)
        here = e[:, bk.TIME] < lost_after if channel == lost_channel else np.ones(len(e), bool)
        k = arrival & here
        otype = np.array([50, 49, 85])[e[k, bk.TYPE]]
        orders.append(
            [
                *(np.full(k.sum(), channel), seq[k], codes[k], e[k, bk.PRICE], e[k, bk.QTY]),
                *(49 + e[k, bk.SIDE], e[k, bk.TIME], otype),
            ]
        )
        k = ~arrival & here
        trade = kind[k] == bk.TRADE
        trades.append(
            [
                *(np.full(k.sum(), channel), seq[k], buy[k], sell[k], codes[k], np.where(trade, e[k, bk.PRICE], 0)),
                *(e[k, bk.QTY], np.where(trade, 70, 52), e[k, bk.TIME]),
            ]
        )
    o = [np.concatenate(c) for c in zip(*orders, strict=True)]
    t = [np.concatenate(c) for c in zip(*trades, strict=True)]
    stream, source = (WORD, _WORD["011"]), (WORD, _WORD["102 "])
    size = write_csv(
        folder / "mdl_6_33_0.csv",
        SZSE_ORDERS,
        [
            *((INT, o[0]), (INT, o[1]), stream, (CODE, o[2]), source, (CENTS, o[3]), (INT, o[4]), (INT, o[5])),
            *((CLOCK, o[6]), (INT, o[7]), (CLOCK, _local_time(o[6])), (INT, _delivery_order(o[6]))),
        ],
    )
    size += write_csv(
        folder / "mdl_6_36_0.csv",
        SZSE_TRADES,
        [
            *((INT, t[0]), (INT, t[1]), stream, (INT, t[2]), (INT, t[3]), (CODE, t[4]), source, (CENTS, t[5])),
            *((INT, t[6]), (INT, t[7]), (CLOCK, t[8]), (CLOCK, _local_time(t[8])), (INT, _delivery_order(t[8]))),
        ],
    )
    cut = {t.code: lost_after for t in tapes if t.channel == lost_channel}
    return size + _write_szse_snapshots(folder / "mdl_6_28_0.csv", tapes, cut)


def _stack(tapes: list[Tape], cut: dict[int, int]) -> tuple[np.ndarray, ...]:
    """The snapshots of all stocks in the order of time, with code, pre_close and limits of each row."""
    kept = [t.snapshots[t.snapshots[:, bk.S_TIME] < cut[t.code]] if t.code in cut else t.snapshots for t in tapes]
    lengths = [len(q) for q in kept]
    q = np.concatenate(kept)
    extra = np.repeat([(t.code, t.pre_close, t.limit_up, t.limit_down) for t in tapes], lengths, axis=0)
    order = np.argsort(q[:, bk.S_TIME], kind="stable")
    return q[order], *extra[order].T


def _average(value: np.ndarray, volume: np.ndarray) -> np.ndarray:
    """Volume-weighted price in thousandths of a yuan from Σ cents × shares; 0 without volume."""
    return np.where(volume > 0, (value * 20 + volume) // np.maximum(2 * volume, 1), 0)


def _level_columns(q: np.ndarray, *, zeros: bool) -> list[tuple[int, np.ndarray | int]]:
    """Ten ask and ten bid levels and their order counts; empty levels are blank.

    In call phases the second level has price 0 and the unmatched volume. With `zeros` the first two levels of a side without
    them are 0, as in Shanghai; in Shenzhen they are blank.
    """
    phase = q[:, bk.S_PHASE]
    call = (phase == bk.OPEN_CALL) | (phase == bk.CLOSE_CALL)
    columns: list[tuple[int, np.ndarray | int]] = []
    for price, volume in ((bk.S_ASK_PRICE, bk.S_ASK_VOLUME), (bk.S_BID_PRICE, bk.S_BID_VOLUME)):
        for k in range(10):
            p, v = q[:, price + k], q[:, volume + k]
            there = p > 0
            if k < 2:
                there = there | (call if zeros else call & (v > 0))
            columns += [(CENTS, np.where(there, p, BLANK)), (INT, np.where(there, v, BLANK))]
    for count, price in ((bk.S_BID_COUNT, bk.S_BID_PRICE), (bk.S_ASK_COUNT, bk.S_ASK_PRICE)):
        for k in range(10):
            there = q[:, price + k] > 0
            if k < 2 and zeros:
                there = there | call
            columns.append((INT, np.where(there, q[:, count + k], BLANK)))
    return columns


def _write_sse_snapshots(path: Path, tapes: list[Tape]) -> int:
    q, code, pre_close, _, _ = _stack(tapes, {})
    time, phase = q[:, bk.S_TIME], q[:, bk.S_PHASE]
    bid_volume, bid_value, ask_volume, ask_value = q[:, bk.S_TOTAL : bk.S_TOTAL + 4].T
    duration = np.where((phase == bk.PRE_OPEN) | (phase == bk.OPEN_CALL), -1, 0)
    zero: tuple[int, int] = (INT, 0)
    columns: list[tuple[int, np.ndarray | int]] = [
        *((CLOCK, time), (CODE, code), (INT, np.where(phase == bk.TRADING, 3, 1)), (CENTS, pre_close)),
        *((CENTS, q[:, c]) for c in (bk.S_OPEN, bk.S_HIGH, bk.S_LOW, bk.S_LAST, bk.S_CLOSE)),
        *((WORD, _SSE_STATUS[phase]), (INT, q[:, bk.S_TRADES]), (INT, q[:, bk.S_VOLUME]), (CENTS, q[:, bk.S_AMOUNT])),
        *((INT, bid_volume), (MILLI, _average(bid_value, bid_volume)), zero),
        *((INT, ask_volume), (MILLI, _average(ask_value, ask_volume)), zero),
        *([zero] * 10),
        *((CENTS if c % 3 == 2 else INT, q[:, bk.S_WITHDRAWN + c]) for c in range(6)),
        *((INT, q[:, bk.S_ORDERS]), (INT, q[:, bk.S_ORDERS + 1]), (INT, duration), (INT, duration)),
        *((INT, q[:, bk.S_ORDERS + 2]), (INT, q[:, bk.S_ORDERS + 3]), zero),
        *_level_columns(q, zeros=True),
        *((CLOCK, _local_time(time)), (INT, np.arange(1, len(q) + 1))),
    ]
    return write_csv(path, SSE_SNAPSHOTS, columns)


def _write_szse_snapshots(path: Path, tapes: list[Tape], cut: dict[int, int]) -> int:
    q, code, pre_close, limit_up, limit_down = _stack(tapes, cut)
    time, phase, last = q[:, bk.S_TIME], q[:, bk.S_PHASE], q[:, bk.S_LAST]
    bid_volume, bid_value, ask_volume, ask_value = q[:, bk.S_TOTAL : bk.S_TOTAL + 4].T
    zero: tuple[int, int] = (INT, 0)
    columns: list[tuple[int, np.ndarray | int]] = [
        *((CLOCK, time), (WORD, _WORD["010"]), (CODE, code), (WORD, _WORD["102"]), (WORD, _SZSE_STATUS[phase])),
        *((CENTS, pre_close), (INT, q[:, bk.S_TRADES]), (INT, q[:, bk.S_VOLUME]), (CENTS, q[:, bk.S_AMOUNT])),
        (CENTS, last),
        *((CENTS, q[:, c]) for c in (bk.S_OPEN, bk.S_HIGH, bk.S_LOW)),
        (CENTS, np.where(last > 0, last - pre_close, 0)),
        *([zero] * 5),
        *((INT, bid_volume), (MILLI, _average(bid_value, bid_volume))),
        *((INT, ask_volume), (MILLI, _average(ask_value, ask_volume))),
        *((CENTS, np.where(x > 0, x, BLANK)) for x in (limit_up, limit_down)),
        *(zero, zero),
        *_level_columns(q, zeros=False),
        *((CLOCK, _local_time(time)), (INT, np.arange(1, len(q) + 1))),
    ]
    return write_csv(path, SZSE_SNAPSHOTS, columns)
