"""Which numbers of a channel's sequence the files hold: the evidence for what is missing.

Here: sets of numbers as bits, by exchange, channel and numbering, over every row that is read, whatever security it is of.
Not here: what a gap means (assets/tape_health).
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
"""Columns of numbers.parquet. numbering: what is counted, "trades" or "orders" of the channel, or its joint "events".
seen: bit i (numpy's packbits, bitorder="little") is set where the number first + i was read. rows: how many rows carried a
number, repetitions included."""
LARGEST = 1 << 28
"""No channel counts this far in a day: a number beyond it is a damaged one, and told as none."""
MOST_CHANNELS = 4096
"""Beyond so many channels of an exchange what stands in the column is no channel."""


@dataclass
class _Seen:
    bits: np.ndarray = field(default_factory=lambda: np.zeros(1 << 10, np.uint8))  # bit n is the number n
    rows: int = 0


@dataclass
class Numbers:
    """The numbers seen so far."""

    _seen: dict[tuple[str, int, str], _Seen] = field(default_factory=dict)

    def count(self, frame: pl.DataFrame, layout: Layout) -> None:
        """Takes the rows of a block, canonical or not; a row without a readable number is not counted."""
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
        """NUMBERS, sorted by exchange, channel and numbering."""
        rows = []
        for (exchange, channel, numbering), seen in sorted(self._seen.items(), key=lambda item: item[0]):
            joint = self._seen.get((exchange, channel, "events"))
            if numbering != "events" and joint is not None and _same(seen.bits, joint.bits):
                continue  # the vendor gives the joint number as the row's own: one numbering, not two
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
    """(the channels of a block, at most so many; which of them each row has, -1 for none): they are few, so a search from
    the front beats any hashing."""
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
    """How many numbers of the channel there were."""
    rows = 0
    for i in range(len(numbers)):
        number = numbers[i]
        if own[i] == channel and 0 <= number < LARGEST:
            bits[number >> 3] |= np.uint8(1 << (number & 7))
            rows += 1
    return rows
