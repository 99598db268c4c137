"""Compares an index's closes with its members over weeks, to detect closes of another day or index, and slow drifts.

The move of a single day is judged by diagnosis.index_gaps.

In windows of 20 days of the real market of 2010–2016, the median absolute difference between the CSI 500's move and that of its
drifted members is at most 0.0005, with vectors a year old 0.0016, and with an unofficial substitute for the vectors of the CSI 1000
0.0033. With the closes of the day before it is at least 0.0040, and the members' moves of the day before are then closer by a factor
of 5 or more. The median of the signed differences is at most 0.0002, 0.0011 and 0.0017.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets.reference.reasons import (
    CLOSES_A_DAY_EARLY,
    CLOSES_A_DAY_LATE,
    CLOSES_BEGIN_EARLY,
    CLOSES_EXCHANGED,
    INDEX_DRIFTS,
    INDEX_DRIFTS_FAR,
    INDICES_EXCHANGED,
    ITS_MEMBERS,
    ITS_PRICE_INDEX,
    TOO_FEW_MOVES,
)
from resources.reasons import Reason
from resources.settings.reference import ReferenceSettings

_TRADED = 0.5  # share of the weight that must trade for the members' move to be known
_WILD = 3.0  # a price does not move by this factor in a day, so such a row is wrong and drifts no weight
_STILL = 0.0005  # median difference up to which closes and members agree, even if other moves agree better
Moves = NDArray[np.float64]


@dataclass(frozen=True)
class StrayIndices:
    """Result of `stray_indices`.

    findings: index, index_off (1) and detail of each index whose closes do not move as its members do. unknown: index → the reason why it
    could not be judged.
    """

    findings: pl.DataFrame
    unknown: Mapping[str, Reason]


@dataclass(frozen=True, eq=False)
class _Compared:
    """An index with its members, or its price index: both moves [days − 1], and the reason parameter that names the latter."""

    index: str
    move: Moves
    members: Moves
    against: Reason
    days: Sequence[dt.date]

    @property
    def facts(self) -> dict[str, Any]:
        """The parameters that the reasons about this index have in common."""
        return {"index": self.index, "against": self.against, **_window(self.days)}


def stray_indices(
    vectors: pl.DataFrame,
    closes: pl.DataFrame,
    prices: pl.DataFrame,
    days: Sequence[dt.date],
    settings: ReferenceSettings,
) -> StrayIndices:
    """Compare the moves of each index with those of its members over a window of trading days.

    vectors: index, date, symbol, weight of every vector from the last one before the window on. closes: index, date, close. prices:
    date, symbol, pre_close, close from the oldest of these vectors on. days: the trading days of the window and the one before it,
    ascending; the last is the day that is judged. Indices with at least `reference.min_index_days` days on which both moves are known
    are judged, by medians over the days:

    - Where the members' moves of the trading day before (or after) are closer than those of the same day by the factor
      `reference.max_index_fit`, the closes are dated on the wrong day.
    - Where two indices are that much closer to each other's members than to their own, they are exchanged. The same applies to an
      index whose members are followed that much more closely by another delivered index without members.
    - Otherwise an absolute difference above `reference.max_index_gap`, or a signed one above `reference.max_index_drift`, is a drift.

    Closes that begin on a day without trading are judged from a single day on: if they are dated a day early, they move as the members
    do on the next trading day; if they repeat the last close, as the members do on the same day.

    A total-return index is compared with the members of its price index or, where these are not known, with the price index.
    """
    moves = _moves(closes, days)
    expected = _expected_moves(vectors, prices, days)
    price_index = {total: index for index, total in settings.total_return_indices.items()}
    findings: list[tuple[str, Reason]] = []
    unknown: dict[str, Reason] = {}
    of = {
        index: price_index.get(index, index) for index in moves
    }  # index → the index with whose members it is compared
    if not any(base in expected for base in of.values()):
        return StrayIndices(_findings([]), unknown)
    for index, move in moves.items():
        members = expected.get(of[index], moves.get(of[index]) if index in price_index else None)
        if members is None:
            continue
        own = _gap(move, members, settings)
        against = ITS_MEMBERS() if of[index] in expected else ITS_PRICE_INDEX(index=of[index])
        one = _Compared(index, move, members, against, days)
        if early := _begins_early(one, closes, settings):
            findings.append((index, early))
            continue
        if own is None:
            known = int(np.count_nonzero(~np.isnan(move - members)))
            unknown[index] = TOO_FEW_MOVES(known=known, days=len(days) - 1, least=settings.min_index_days)
            continue
        cause = _wrong_day(one, own, settings)
        cause = cause or _exchanged(index, of, moves, expected, own, days, settings)
        if cause := cause or _drifts(one, own, settings):
            findings.append((index, cause))
    return StrayIndices(_findings(findings), unknown)


def _findings(found: Sequence[tuple[str, Reason]]) -> pl.DataFrame:
    rows = [(index, 1, detail.dumps()) for index, detail in found]
    return pl.DataFrame(rows, schema={"index": pl.String, "index_off": pl.Int64, "detail": pl.String}, orient="row")


def _wrong_day(one: _Compared, own: float, settings: ReferenceSettings) -> Reason | None:
    late = _gap(one.move[1:], one.members[:-1], settings)
    early = _gap(one.move[:-1], one.members[1:], settings)
    known = [(gap, code) for gap, code in ((late, CLOSES_A_DAY_LATE), (early, CLOSES_A_DAY_EARLY)) if gap is not None]
    if not known:
        return None
    gap, code = min(known, key=lambda one: (one[0], one[1].name))
    return code(**one.facts, gap=100 * gap, same=100 * own) if _fits(gap, own, settings) else None


def _begins_early(one: _Compared, closes: pl.DataFrame, settings: ReferenceSettings) -> Reason | None:
    """Return the finding that an index's closes, which begin on a day without trading, are dated a day early; None otherwise."""
    own, days, members = closes.filter(pl.col("index") == one.index).sort("date"), one.days, one.members
    first = own["date"][0]
    after = next((number for number, day in enumerate(days) if day > first), 0)
    if first in days or not after:
        return None
    known = dict(own.select("date", "close").iter_rows())
    move = one.move.copy()
    move[after - 1] = known.get(days[after], np.nan) / known[first] - 1
    same, early = np.abs(move - members), np.abs(move[:-1] - members[1:])
    if np.isnan(same).all():
        return None
    gap = float(np.nanmedian(same))
    ahead = np.inf if np.isnan(early).all() else float(np.nanmedian(early))
    if gap <= settings.max_index_gap and not _fits(ahead, gap, settings):
        return None
    return CLOSES_BEGIN_EARLY(index=one.index, first=first, against=one.against, gap=100 * gap, until=days[-1])


def _exchanged(
    index: str, of: Mapping[str, str], moves: Mapping[str, Moves], expected: Mapping[str, Moves], own: float,
    days: Sequence[dt.date], settings: ReferenceSettings,
) -> Reason | None:  # fmt: skip
    """Return the finding that the closes of `index` are another's, or None. Two indices with members are compared with both."""
    if of[index] not in expected:
        return None
    totals = set(settings.total_return_indices.values())
    best: tuple[float, Reason] | None = None
    for other, move in moves.items():
        base = of[other]
        if base == of[index] or (index in totals) != (other in totals):
            continue
        theirs = _gap(move, expected[of[index]], settings)
        if theirs is None:
            continue
        if base in expected:
            here, there = _gap(moves[index], expected[base], settings), _gap(move, expected[base], settings)
            if here is None or there is None:
                continue
            ratio, fits = (here + theirs) / (own + there), _fits(here + theirs, own + there, settings)
            detail = INDICES_EXCHANGED(
                **_window(days), index=index, other=other, base=base, own=of[index], gap=100 * here, same=100 * own
            )
        else:
            ratio, fits = theirs / own, _fits(theirs, own, settings)
            detail = CLOSES_EXCHANGED(
                **_window(days), index=index, other=other, own=of[index], gap=100 * theirs, same=100 * own
            )
        if fits and (best is None or ratio < best[0]):
            best = ratio, detail
    return None if best is None else best[1]


def _drifts(one: _Compared, own: float, settings: ReferenceSettings) -> Reason | None:
    drift = float(np.nanmedian(one.move - one.members))
    if own <= settings.max_index_gap and abs(drift) <= settings.max_index_drift:
        return None
    facts = {**one.facts, "drift": 100 * drift}
    if own > settings.max_index_gap:
        return INDEX_DRIFTS_FAR(**facts, gap=100 * own, bound=100 * settings.max_index_gap)
    return INDEX_DRIFTS(**facts, bound=100 * settings.max_index_drift)


def _fits(other: float, own: float, settings: ReferenceSettings) -> bool:
    return own > _STILL and other < settings.max_index_fit * own


def _gap(move: Moves, members: Moves, settings: ReferenceSettings) -> float | None:
    """Return the median absolute difference; None where too few days are known."""
    gaps = np.abs(move - members)
    known = gaps[~np.isnan(gaps)]
    return float(np.median(known)) if len(known) >= settings.min_index_days else None


def _window(days: Sequence[dt.date]) -> dict[str, Any]:
    """Return the number of trading days over which moves are compared, and the last of them."""
    return {"days": len(days) - 1, "until": days[-1]}


def _moves(closes: pl.DataFrame, days: Sequence[dt.date]) -> dict[str, Moves]:
    """Return index → its move on each day except the first, [days − 1]; NaN where one of the two closes is not known."""
    position = {day: number for number, day in enumerate(days)}
    found: dict[str, Moves] = {}
    for index, day, close in closes.select("index", "date", "close").sort("index").iter_rows():
        if day in position:
            found.setdefault(index, np.full(len(days), np.nan))[position[day]] = close
    return {index: close[1:] / close[:-1] - 1 for index, close in found.items()}


def _expected_moves(vectors: pl.DataFrame, prices: pl.DataFrame, days: Sequence[dt.date]) -> dict[str, Moves]:
    """Return index → the move of its members on each day except the first, [days − 1].

    The move is NaN where members with less than half the weight traded. A vector published on a day applies from the next day until the
    next vector, and drifts with the prices in between.
    """
    prices = prices.select("date", "symbol", growth=pl.col("close") / pl.col("pre_close")).filter(
        pl.col("growth").is_between(1 / _WILD, _WILD)
    )
    vectors = vectors.filter(pl.col("weight").is_finite() & (pl.col("weight") > 0)).drop_nulls()
    found: dict[str, Moves] = {}
    for (index,), own in vectors.group_by("index", maintain_order=True):
        moves = np.full(len(days) - 1, np.nan)
        dates = own["date"].unique().sort().to_list()
        for date, until in zip(dates, [*dates[1:], days[-1]], strict=True):
            covered = [number for number, day in enumerate(days[1:]) if date < day <= until]
            if covered:
                vector = own.filter(pl.col("date") == date)
                moves[covered] = _drifted_moves(vector, prices, date, [days[number + 1] for number in covered])
        if not np.isnan(moves).all():
            found[str(index)] = moves
    return found


def _drifted_moves(vector: pl.DataFrame, prices: pl.DataFrame, date: dt.date, days: Sequence[dt.date]) -> Moves:
    """Return the moves [days] of a portfolio with the vector's weights at the close of `date` that is not traded afterwards."""
    own = prices.filter(pl.col("date").is_between(date, days[-1], closed="right"))
    own = own.join(vector.select("symbol").with_row_index("_member"), on="symbol")
    every = sorted({*own["date"].to_list(), *days})
    position = pl.col("date").replace_strict({day: number for number, day in enumerate(every)}, return_dtype=pl.Int64)
    growth = np.ones((len(every), vector.height))
    traded = np.zeros((len(every), vector.height), dtype=bool)
    place = (own.select(position).to_series().to_numpy(), own["_member"].to_numpy())
    growth[place], traded[place] = own["growth"].to_numpy(), True
    value = vector["weight"].to_numpy() * np.vstack([np.ones((1, vector.height)), np.cumprod(growth, axis=0)])
    level = value.sum(axis=1)
    enough = (value[:-1] * traded).sum(axis=1) >= _TRADED * level[:-1]
    move = np.where(enough, level[1:] / level[:-1] - 1, np.nan)
    return move[[every.index(day) for day in days]]
