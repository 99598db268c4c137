"""Which numbers of the exchanges' channels a day's files hold: gaps are told where a channel is a whole feed.

Here: the union of what trades and orders saw, whether it is a whole feed, which numbers it lacks. Not here: verdicts of symbols.

The exchange numbers the rows of a channel 1, 2, 3, …; so a feed tells by itself what it lost, its beginning included. An
extract of some names has holes everywhere and tells nothing.
"""

import numpy as np
import polars as pl

from resources.settings.bars import BarsSettings

CHANNELS = {
    "exchange": pl.String,
    "channel": pl.Int32,
    "numbering": pl.String,
    "last": pl.Int64,
    "present": pl.Int64,
    "missing": pl.Int64,  # null where it is no whole feed
    "ranges": pl.String,
}
_SHOWN = 5  # ranges spelled out


def missing_numbers(trades: pl.DataFrame, orders: pl.DataFrame, settings: BarsSettings) -> pl.DataFrame:
    """One row per exchange, channel and numbering (schema CHANNELS) over what trades and orders saw (schema NUMBERS of assets/ticks/numbers.py).

    A joint numbering is judged only where both of its streams were delivered: trades alone are full of holes.
    """
    rows = []
    both = pl.concat([trades.with_columns(table=pl.lit("trades")), orders.with_columns(table=pl.lit("orders"))])
    for (exchange, channel, numbering), parts in both.sort("exchange", "channel", "numbering").group_by(
        "exchange", "channel", "numbering", maintain_order=True
    ):
        last = int(parts["last"].max())  # type: ignore[arg-type]
        seen = np.zeros(last + 1, np.bool_)
        for first, end, bits in parts.select("first", "last", "seen").iter_rows():
            own = np.unpackbits(np.frombuffer(bits, np.uint8), bitorder="little")[: end - first + 1]
            seen[first : end + 1] |= own.astype(np.bool_)
        present = int(seen[1:].sum())
        whole = _both_delivered(str(exchange), str(numbering), parts) and (
            present >= settings.whole_channel_share * last
        )
        missing = last - present if whole else None
        ranges = _ranges(seen) if missing else None
        rows.append((exchange, channel, numbering, last, present, missing, ranges))
    return pl.DataFrame(rows, schema=CHANNELS, orient="row")


def _both_delivered(exchange: str, numbering: str, parts: pl.DataFrame) -> bool:
    if numbering != "events":
        return True
    distinct = dict(parts.select("table", "distinct").iter_rows())
    if set(distinct) != {"trades", "orders"}:
        return False
    # SZSE cancels of the trade file are orders: only an order file adds numbers. An SSE merged stream gives both tables all.
    return exchange == "SH" or distinct["orders"] > distinct["trades"]


def _ranges(seen: np.ndarray) -> str:
    """'3, 17 to 20 and 4 more ranges' of the numbers from 1 that were not seen.

    >>> _ranges(np.array([False, True, False, True, False, False, True]))
    '2, 4 to 5'
    """
    absent = np.concatenate([[False], ~seen[1:], [False]])
    edges = np.flatnonzero(absent[1:] != absent[:-1]) + 1
    spans = [
        str(first) if first == end - 1 else f"{first} to {end - 1}"
        for first, end in zip(edges[::2][:_SHOWN], edges[1::2][:_SHOWN], strict=True)
    ]
    more = len(edges) // 2 - len(spans)
    return ", ".join(spans) + (f" and {more} more ranges" if more else "")
