"""Counts the numbers that a day's files lack of each channel of the exchanges, where a whole channel was delivered.

This module joins the numbers of trades and orders, decides whether they are a whole channel and lists the missing numbers. It does
not make verdicts of symbols.

The exchange numbers the rows of a channel 1, 2, 3, …, so that a delivered channel shows which rows it lacks, its first rows
included. An extract of some stocks has gaps everywhere, which show nothing.
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
    "missing": pl.Int64,  # null where the delivery is not a whole channel
    "ranges": pl.String,  # the first missing numbers, as "3, 17–20, …"
}
_SHOWN = 5  # ranges that are listed


def missing_numbers(trades: pl.DataFrame, orders: pl.DataFrame, settings: BarsSettings) -> pl.DataFrame:
    """Return one row per exchange, channel and numbering; schema CHANNELS.

    trades, orders: the numbers of each table, schema NUMBERS of assets/ticks/numbers.py. A joint numbering is judged only where both
    of its streams were delivered, since trades alone have gaps.
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
    # SZSE cancels in the trade file count as orders, and only an order file adds numbers. An SSE merged stream has all of both tables.
    return exchange == "SH" or distinct["orders"] > distinct["trades"]


def _ranges(seen: np.ndarray) -> str:
    """List the numbers from 1 that were not seen, as '3, 17–20, …'.

    >>> _ranges(np.array([False, True, False, True, False, False, True]))
    '2, 4–5'
    """
    absent = np.concatenate([[False], ~seen[1:], [False]])
    edges = np.flatnonzero(absent[1:] != absent[:-1]) + 1
    spans = [
        str(first) if first == end - 1 else f"{first}–{end - 1}"
        for first, end in zip(edges[::2][:_SHOWN], edges[1::2][:_SHOWN], strict=True)
    ]
    return ", ".join([*spans, "…"] if len(edges) > 2 * _SHOWN else spans)
