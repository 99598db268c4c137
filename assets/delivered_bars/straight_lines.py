"""Finds closes that were interpolated between longer bars, or over the day, on straight lines rounded to the cent.

This module measures how exactly a stock's closes follow straight lines. It does not find steps instead of lines or prices that are
not whole cents (name_minutes.py), or volumes that are spread over minutes (columns.py).

Between two closes k minutes apart that differ by d cents there are C(k + d − 1, d) monotone paths in steps of a cent. Interpolation
takes one of them, or one of a few where the line passes half a cent. The evidence of a block of minutes on its line is the
logarithm of the ratio of these numbers. On 27 515 symbol-days of 2015, also at a twelfth of their prices to resemble cheap stocks,
the evidence of the blocks on lines is never more than 22; if only every fifth close is kept and the others are interpolated, it is
more than 25 on 98 % of them. Likewise, in no morning or afternoon with a move of more than 4 cents are all closes within a cent of
one line.
"""

from collections import Counter
from math import log

import numpy as np
import polars as pl

from assets.delivered_bars.columns import Columns, of_most
from assets.delivered_bars.diagnosis import FileFinding
from assets.delivered_bars.reasons import CLOSES_ON_LINE, CLOSES_ON_LINES, INTERPOLATED_CLOSES
from resources import clock
from resources.bar_forms import clock_time
from resources.reasons import Reason
from resources.settings.bars import BarsSettings

_WIDTHS = (60, 30, 15, 10, 5, 3, 2)  # minutes
_EPS = 1e-6  # cents
_ROUNDINGS = ((-0.5 - _EPS, 0.5 + _EPS), (-1 + _EPS, _EPS), (-_EPS, 1 - _EPS))  # cents: to the nearest, down, up
_NOON = clock.GRID.index(clock.AFTERNOON)
_SPANS = (slice(0, _NOON), slice(_NOON, None), slice(0, None))  # the morning, the afternoon, the day


def judge_lines(bars: pl.DataFrame, settings: BarsSettings) -> Columns:
    """Find the stocks whose closes are interpolated, with a finding about the file if most of the judged stocks are.

    bars: dense rows of minute_bars; closes in yuan.
    """
    names = bars["symbol"].unique(maintain_order=True)
    if names.is_empty():
        return Columns(pl.DataFrame(schema={"symbol": pl.String, "fault": pl.String}), [])
    cents = _matrix(bars, names)
    judged, causes = np.zeros(len(names), bool), np.full(len(names), None, object)
    for minutes in _SPANS:
        enough, straight = _one_line(cents[:, minutes], settings.least_line_cents)
        judged |= enough
        start, end = (clock_time(clock.GRID[minutes][at]) for at in (0, -1))
        causes[straight] = CLOSES_ON_LINE(start=start, end=end).dumps()
    bends = np.abs(cents[:, 2:] - 2 * cents[:, 1:-1] + cents[:, :-2]) > 1 + _EPS
    crooked = (
        bends.mean(axis=1) > 1 - settings.line_block_share / 2
    )  # lines of two minutes have a bend at every second close
    judged |= crooked
    travelled = np.nansum(np.abs(np.diff(cents)), axis=1)
    # Each step of a cent can be at one of at most k minutes.
    rest = np.flatnonzero(~crooked & (travelled * log(_WIDTHS[0]) >= settings.least_line_evidence))
    for width in _WIDTHS:
        for first in (0, width - 1):
            enough, straight = _lines(cents[rest, first:], width, settings)
            judged[rest] |= enough
            new = rest[straight & np.array([cause is None for cause in causes[rest]], bool)]
            causes[new] = CLOSES_ON_LINES(width=width).dumps()
    faults = pl.DataFrame({"symbol": names, "fault": pl.Series(causes.tolist(), dtype=pl.String)}).drop_nulls()
    findings, stocks = [], int(judged.sum())
    if of_most(faults.height, stocks):
        # Of equally common reasons, the first is used.
        ((commonest, _),) = Counter(faults["fault"]).most_common(1)
        reason = INTERPOLATED_CLOSES(count=faults.height, stocks=stocks, cause=Reason.loads(commonest))
        findings.append(FileFinding(reason, True))
    return Columns(faults, findings)


def _matrix(bars: pl.DataFrame, names: pl.Series) -> np.ndarray:
    """Return the closes in cents, [stocks, minutes of the grid]; nan where unknown."""
    inner = bars.filter(pl.col("minute").is_in(clock.GRID) & pl.col("close").is_not_null())
    places = {minute: place for place, minute in enumerate(clock.GRID)}
    cents = np.full((len(names), len(clock.GRID)), np.nan)
    rows = inner["symbol"].replace_strict(names, pl.Series(range(len(names)), dtype=pl.Int64), return_dtype=pl.Int64)
    columns = inner["minute"].replace_strict(places, return_dtype=pl.Int64)
    cents[rows.to_numpy(), columns.to_numpy()] = inner["close"].to_numpy() * 100
    return cents


def _one_line(cents: np.ndarray, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Return per stock whether its closes move by at least `least` cents, and whether they are also within a cent of one line."""
    away = _deviations(cents[:, None, :])[:, 0]
    moved = np.abs(cents[:, -1] - cents[:, 0]) >= least
    return moved, moved & (np.abs(away) < 1 - _EPS).all(axis=1)


def _lines(cents: np.ndarray, width: int, settings: BarsSettings) -> tuple[np.ndarray, np.ndarray]:
    """Return per stock whether it is judged and whether its closes are on straight lines of `width` minutes.

    A block starts with the close before it. A block in which no close moves, or every path of which is on the line, is no evidence.
    """
    count = (cents.shape[1] - 1) // width
    if count < 1:
        return np.zeros(len(cents), bool), np.zeros(len(cents), bool)
    places = np.arange(count)[:, None] * width + np.arange(width + 1)
    blocks = cents[:, places]  # [stocks, blocks, k + 1]
    steps = np.abs(np.rint(blocks[..., -1] - blocks[..., 0]))
    away = _deviations(blocks)
    evidence = _evidence(steps, width)
    off = np.isnan(away).any(axis=2) | (np.abs(away) > _ROUNDINGS[0][1]).any(axis=2)
    moves = (np.abs(blocks - blocks[..., :1]) > _EPS).any(axis=2)
    telling = moves & ((evidence > _EPS) | off)
    on_line = [((low <= away) & (away <= high)).all(axis=2) & telling for low, high in _ROUNDINGS]
    best = np.stack([one.sum(axis=1) for one in on_line]).argmax(axis=0)
    chosen = np.stack(on_line)[best, np.arange(len(cents))]
    share = chosen.sum(axis=1) / np.maximum(telling.sum(axis=1), 1)
    judged = np.where(telling, np.maximum(evidence, 1), 0).sum(axis=1) >= settings.least_line_evidence
    enough = np.where(chosen, evidence, 0).sum(axis=1) >= settings.least_line_evidence
    return judged, enough & (share >= settings.line_block_share)


def _deviations(blocks: np.ndarray) -> np.ndarray:
    """Return the deviation in cents of each close from the line between the first and last. blocks: [stocks, blocks, k + 1]."""
    width = blocks.shape[2] - 1
    first, last = blocks[..., :1], blocks[..., -1:]
    return np.asarray(blocks - first - (last - first) * np.arange(width + 1) / width)


def _evidence(steps: np.ndarray, width: int) -> np.ndarray:
    """Return ln of the number of monotone paths of `steps` steps of a cent in `width` minutes, less ln 2 for each minute at which the
    line passes half a cent; 0 where steps are unknown."""
    known = np.nan_to_num(steps).astype(np.int64)
    counts = np.unique(known)
    paths = np.zeros(len(counts))
    for minute in range(1, width):  # C(k + d − 1, d) = Π (d + j) / j over j = 1 … k − 1
        paths += np.log((counts + minute) / minute)
        paths -= log(2) * (2 * counts * minute % (2 * width) == width)
    return np.asarray(paths[np.searchsorted(counts, known)])
