"""Records which numbers of each channel's sequence the files contain, as evidence of missing rows.

This module keeps the numbers as sets of bits by exchange, channel and numbering, over every row that is read, of any security.
assets/tape_health decides what a gap means.
"""

from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numba import njit

from assets.ticks.layouts import Layout

NUMBERS = {
    "exchange": pl.String,
    "channel": pl.Int32,
    "numbering": pl.String,
    "first": pl.Int64,
    "last": pl.Int64,
    "distinct": pl.Int64,
    "rows": pl.Int64,
    "seen": pl.Binary,
}
"""Columns of numbers.parquet. numbering: the rows that are counted: "trades" or "orders" of the channel, or its joint "events".
seen: bit i (numpy's packbits, bitorder="little") is set where the number first + i was read. rows: the rows that carried a
number, repetitions included."""
LARGEST = 1 << 28
"""No channel reaches this number in a day: a number beyond it is damaged and is not counted."""
MOST_CHANNELS = 4096
"""An exchange has fewer channels: with more distinct values, the column does not hold channels."""


@dataclass
class _Seen:
    bits: np.ndarray = field(default_factory=lambda: np.zeros(1 << 10, np.uint8))  # bit n is the number n
    rows: int = 0


@dataclass
class Numbers:
    """The numbers seen so far, filled block by block with `count`."""

    _seen: dict[tuple[str, int, str], _Seen] = field(default_factory=dict)

    def count(self, frame: pl.DataFrame, layout: Layout) -> None:
        """Add the rows of a block, before or after the rules are applied; a row without a readable number is not counted."""
        if layout.numbering is None or "channel" not in frame.columns or frame.is_empty():
            return
        counted = {"seq": layout.numbering}
        if layout.numbering != "events" and "event" in frame.columns:
            counted["event"] = "events"
        channels, own = _channels(frame["channel"].fill_null(-1).to_numpy(), MOST_CHANNELS)
        for column, numbering in counted.items():
            numbers = frame[column].fill_null(-1).to_numpy()
            for at, channel in enumerate(channels.tolist()):
                key = (layout.exchange, channel, numbering)
                largest = _largest(numbers, own, at)
                if largest >= 0 and 0 <= channel < 2**31 and (key in self._seen or len(self._seen) < MOST_CHANNELS):
                    seen = self._seen.setdefault(key, _Seen())
                    need = (largest >> 3) + 1
                    if need > len(seen.bits):
                        more = max(need, 2 * len(seen.bits)) - len(seen.bits)
                        seen.bits = np.append(seen.bits, np.zeros(more, np.uint8))
                    seen.rows += _set_bits(seen.bits, numbers, own, at)

    def frame(self) -> pl.DataFrame:
        """Return the sets as a frame of schema NUMBERS, sorted by exchange, channel and numbering."""
        rows = []
        for (exchange, channel, numbering), seen in sorted(self._seen.items(), key=lambda item: item[0]):
            joint = self._seen.get((exchange, channel, "events"))
            if numbering != "events" and joint is not None and _same(seen.bits, joint.bits):
                continue  # the vendor repeats the joint number as the row's own number
            bits = np.unpackbits(seen.bits, bitorder="little")
            last = len(bits) - 1 - int(bits[::-1].argmax())
            first = int(bits.argmax())
            bits = bits[first : last + 1]
            packed = np.packbits(bits, bitorder="little").tobytes()
            rows.append((exchange, channel, numbering, first, last, int(bits.sum(dtype=np.int64)), seen.rows, packed))
        return pl.DataFrame(rows, schema=NUMBERS, orient="row")


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    return np.array_equal(np.trim_zeros(one, "b"), np.trim_zeros(other, "b"))


@njit(cache=True, nogil=True)
def _channels(channel: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (the channels of a block, at most `most`; the position of each row's channel among them, -1 for none).

    A linear search is used because channels are few: it is faster than hashing.
    """
    found = np.empty(most, np.int64)
    count = 0
    own = np.empty(len(channel), np.int32)
    at = 0
    for i in range(len(channel)):
        if at >= count or found[at] != channel[i]:
            at = 0
            while at < count and found[at] != channel[i]:
                at += 1
            if at == count and count < most:
                found[count] = channel[i]
                count += 1
        own[i] = at if at < count else -1
    return found[:count].copy(), own


@njit(cache=True, nogil=True)
def _largest(numbers: np.ndarray, own: np.ndarray, channel: int) -> int:
    largest = -1
    for i in range(len(numbers)):
        if own[i] == channel and largest < numbers[i] < LARGEST:
            largest = numbers[i]
    return largest


@njit(cache=True, nogil=True)
def _set_bits(bits: np.ndarray, numbers: np.ndarray, own: np.ndarray, channel: int) -> int:
    """Set the bits of the channel's numbers; return how many rows carried one."""
    rows = 0
    for i in range(len(numbers)):
        number = numbers[i]
        if own[i] == channel and 0 <= number < LARGEST:
            bits[number >> 3] |= np.uint8(1 << (number & 7))
            rows += 1
    return rows
