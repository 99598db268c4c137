"""Call auctions within continuous hours: a halted name resumes with one, and its prints have no aggressor.

Trading halts for ten minutes and more: new listings that move by 30 or 60 percent, whole markets under a circuit breaker
(2016-01-04, 2016-01-07), names suspended until later in the morning. No clock says when they resume. Here: finding these prints
among a day's trades, which `canonical.py` read row by row. Not here: auctions at the open and the close.

A continuous print's aggressor is the later of its two orders, and one aggressor comes after the other. So prints are of an
auction where they share one stamp and one price after a halt and

- the later order of one came before that of an earlier print (in none of 115 310 continuous prints of the real tapes, in each of
  their ten auctions), or buyers are the later ones in some and sellers in others (in 0.07 % of the stamps of continuous prints,
  and in each auction), or
- all their orders were there before: on a Shenzhen channel, which numbers orders and trades jointly, an aggressor's first fill has
  the number after its own (each of 68 012 aggressors of 000001 on 2023-02-01), or
- Shanghai says of them all, and of no other continuous print of the name, that they have no aggressor, and the name trades regularly but
  for its halts: each of its silences ends in such prints, and enough other prints have a flag. Flags that a vendor lost are missing
  elsewhere too.

A name whose auction fits none, as one of few prints in a thin name, keeps what its order numbers say: on Shanghai they contradict its flags
and tape_health sets it aside, on Shenzhen without joint numbers they tell its sides.
"""

import polars as pl

from assets.ticks import clock
from assets.ticks.canonical import CONTINUOUS_FROM, CONTINUOUS_TO

_NAME = ("code", "channel")
_GROUP = (*_NAME, "time", "price")
_LATER = pl.max_horizontal("bid_order", "ask_order")


def settle_reopenings(
    frame: pl.DataFrame, exchange: str, min_halt_minutes: float, least_flagged: int = 20
) -> pl.DataFrame:
    """The trades with `side` 0 and without `disagrees` where they are prints of an auction that ended a halt.

    frame: columns of canonical.TRADES with `code` and `disagrees`, sorted by code, channel and seq. min_halt_minutes: minutes of
    trading hours before these prints in which the name did not trade (since the open, where it had not traded yet). least_flagged:
    continuous prints with an aggressor that a name of Shanghai must have for its flags to be believed alone. Shenzhen has none.
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
        groups = groups.join(_numbered_jointly(frame, prints), on=_NAME, how="left")
        auction |= pl.col("before") & pl.col("joint").fill_null(False)
    else:
        groups = groups.join(_flagged_but_for_halts(frame, prints, least_flagged), on=_NAME, how="left")
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
    """code, channel, time, price of the first prints after a halt."""
    morning = pl.col("time").clip(CONTINUOUS_FROM, clock.LUNCH * clock.MINUTE_MS) - CONTINUOUS_FROM
    hours = morning + (pl.col("time") - clock.AFTERNOON * clock.MINUTE_MS).clip(lower_bound=0)
    follows = (pl.col("code") == pl.col("code").shift(1)) & (pl.col("channel") == pl.col("channel").shift(1))
    silent = hours - pl.when(follows).then(hours.shift(1)).otherwise(0)
    first = (silent >= min_halt_minutes * clock.MINUTE_MS) & _continuous()
    return frame.filter(first).select(_GROUP).unique()


def _continuous() -> pl.Expr:
    return pl.col("time").is_between(CONTINUOUS_FROM, CONTINUOUS_TO, closed="left")


def _flagged_but_for_halts(frame: pl.DataFrame, prints: pl.DataFrame, least: int) -> pl.DataFrame:
    """code, channel, flagged: whether a name's prints after halts have no aggressor, all others of continuous trading have one, and those are
    `least` or more. prints: those after halts."""
    none = (pl.col("side") == 0).sum()
    own = frame.filter(_continuous()).join(prints.select(_NAME).unique(), on=_NAME, how="semi")
    counts = own.group_by(_NAME).agg(none=none, others=(pl.col("side") != 0).sum())
    after = prints.group_by(_NAME).agg(after=none, every=(pl.col("side") == 0).all())
    flagged = pl.col("every") & (pl.col("after") == pl.col("none")) & (pl.col("others") >= least)
    return counts.join(after, on=_NAME).select(*_NAME, flagged=flagged)


def _numbered_jointly(frame: pl.DataFrame, prints: pl.DataFrame) -> pl.DataFrame:
    """code, channel, joint: whether most aggressors of a name's other prints have the number before that of their first fill."""
    own = frame.with_row_index("row").join(prints.select(_NAME).unique(), on=_NAME, how="semi", maintain_order="left")
    others = own.filter(_continuous()).join(prints.select("row"), on="row", how="anti", maintain_order="left")
    first = others.filter((_LATER.shift(1) != _LATER).fill_null(True))
    return first.group_by(_NAME).agg(joint=(pl.col("event") == _LATER + 1).fill_null(False).mean() > 0.5)
