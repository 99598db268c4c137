"""Finds the call auctions within continuous hours by which a halted stock resumes trading; their prints have no aggressor.

Trading is halted for ten minutes or more for new listings that move by 30 or 60 percent, for the whole market under a circuit
breaker (2016-01-04, 2016-01-07), and for stocks that are suspended until later in the morning. The tapes do not state when it
resumes. This module finds the prints of these auctions among a day's trades, after `canonical.py` has typed them row by row.
The auctions at the open and the close are handled there.

The aggressor of a continuous print is the later of its two orders, and aggressors arrive one after another. Prints that share
one stamp and one price after a halt are therefore prints of an auction if one of these conditions holds:

- The later order of one print is older than the later order of an earlier print (true of none of 115 310 continuous prints of
  the real tapes, and in each of their ten auctions), or the buyer is later in some prints and the seller in others (true of
  0.07 % of the stamps of continuous prints, and in each auction).
- All their orders were entered before. On a Shenzhen channel, which numbers orders and trades jointly, an aggressor's first
  fill has the number after its own (each of 68 012 aggressors of 000001 on 2023-02-01).
- Shanghai's flag denies an aggressor for all of them and for no other continuous print of the stock, and the stock trades
  regularly apart from its halts: every silence ends in such prints, and enough other prints have a flag. A vendor that lost
  flags would lack them elsewhere too.

Where an auction meets none of them, as one with few prints in a thinly traded stock, the sides stay as they are. On Shanghai
the order numbers then contradict the flags and tape_health sets the stock aside; on Shenzhen without joint numbers the order
numbers determine the sides.
"""

import polars as pl

from assets.ticks.canonical import CONTINUOUS_FROM, CONTINUOUS_TO
from resources import clock

_STOCK = ("code", "channel")
_GROUP = (*_STOCK, "time", "price")
_LATER = pl.max_horizontal("bid_order", "ask_order")


def settle_reopenings(
    frame: pl.DataFrame, exchange: str, min_halt_minutes: float, least_flagged: int = 20
) -> pl.DataFrame:
    """Return the trades, with `side` 0 and `disagrees` false in the prints of auctions that ended a halt.

    frame: columns of canonical.TRADES with `code` and `disagrees`, sorted by code, channel and seq. min_halt_minutes: minutes of
    trading hours without a trade of the stock before these prints, counted from the open where it had not traded yet.
    least_flagged: continuous prints with an aggressor that a Shanghai stock must have for its flags to suffice as evidence
    (unused for Shenzhen, which has no flags).
    """
    halted = _halted(frame, min_halt_minutes)
    if halted.is_empty():
        return frame
    prints = frame.with_row_index("row").join(halted, on=_GROUP, how="semi", maintain_order="left")
    first = pl.col("event").min()
    before = (_LATER.max() < first - 1) | ((_LATER.max() < first) & (_LATER.n_unique() > 1))
    buyers = pl.col("bid_order") > pl.col("ask_order")
    groups = prints.group_by(_GROUP).agg(
        mixed=(_LATER.diff() < 0).any() | (buyers.n_unique() > 1), before=before.fill_null(False)
    )
    auction = pl.col("mixed")
    if exchange == "SZ":
        groups = groups.join(_numbered_jointly(frame, prints), on=_STOCK, how="left")
        auction |= pl.col("before") & pl.col("joint").fill_null(False)
    else:
        groups = groups.join(_flagged_but_for_halts(frame, prints, least_flagged), on=_STOCK, how="left")
        auction |= pl.col("flagged").fill_null(False)
        prints = prints.filter(pl.col("side") == 0)
    rows = prints.join(groups.filter(auction), on=_GROUP, how="semi")["row"]
    if rows.is_empty():
        return frame
    auctioned = pl.Series(pl.int_range(frame.height, dtype=pl.UInt32, eager=True)).is_in(rows.implode())
    return frame.with_columns(
        side=pl.when(auctioned).then(pl.lit(0, pl.Int8)).otherwise("side"), disagrees=pl.col("disagrees") & ~auctioned
    )


def _halted(frame: pl.DataFrame, min_halt_minutes: float) -> pl.DataFrame:
    """Return the distinct code, channel, time, price of the first prints after a halt."""
    morning = pl.col("time").clip(CONTINUOUS_FROM, clock.LUNCH * clock.MINUTE_MS) - CONTINUOUS_FROM
    hours = morning + (pl.col("time") - clock.AFTERNOON * clock.MINUTE_MS).clip(lower_bound=0)
    follows = (pl.col("code") == pl.col("code").shift(1)) & (pl.col("channel") == pl.col("channel").shift(1))
    silent = hours - pl.when(follows).then(hours.shift(1)).otherwise(0)
    first = (silent >= min_halt_minutes * clock.MINUTE_MS) & _continuous()
    return frame.filter(first).select(_GROUP).unique()


def _continuous() -> pl.Expr:
    return pl.col("time").is_between(CONTINUOUS_FROM, CONTINUOUS_TO, closed="left")


def _flagged_but_for_halts(frame: pl.DataFrame, prints: pl.DataFrame, least: int) -> pl.DataFrame:
    """Return the columns code, channel, flagged.

    flagged: the stock's prints after halts have no aggressor, all its other continuous prints have one, and those are `least` or
    more. prints: the prints after halts.
    """
    none = (pl.col("side") == 0).sum()
    own = frame.filter(_continuous()).join(prints.select(_STOCK).unique(), on=_STOCK, how="semi")
    counts = own.group_by(_STOCK).agg(none=none, others=(pl.col("side") != 0).sum())
    after = prints.group_by(_STOCK).agg(after=none, every=(pl.col("side") == 0).all())
    flagged = pl.col("every") & (pl.col("after") == pl.col("none")) & (pl.col("others") >= least)
    return counts.join(after, on=_STOCK).select(*_STOCK, flagged=flagged)


def _numbered_jointly(frame: pl.DataFrame, prints: pl.DataFrame) -> pl.DataFrame:
    """Return code, channel, joint: most aggressors of a stock's other prints have the number before that of their first fill."""
    own = frame.with_row_index("row").join(prints.select(_STOCK).unique(), on=_STOCK, how="semi", maintain_order="left")
    others = own.filter(_continuous()).join(prints.select("row"), on="row", how="anti", maintain_order="left")
    first = others.filter((_LATER.shift(1) != _LATER).fill_null(True))
    return first.group_by(_STOCK).agg(joint=(pl.col("event") == _LATER + 1).fill_null(False).mean() > 0.5)
