"""Closes that are interpolated and rounded to the cent are found, in every width and rounding; honest ones are left alone."""

from collections.abc import Callable
from fractions import Fraction
from itertools import combinations_with_replacement, pairwise
from math import ceil, exp, floor

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.delivered_bars.straight_lines import _evidence, judge_lines
from resources import clock
from resources.settings.bars import BarsSettings
from tests.delivered_bars.test_diagnosis import CODES, aside, closes, honest, of, refusals

ONE = pl.col("symbol") == CODES[3]
ROUND: dict[str, Callable[[Fraction], int]] = {
    "nearest": round,  # half to even
    "half up": lambda value: floor(value + Fraction(1, 2)),
    "down": floor,
    "up": ceil,
}


def drawn_out(cents: list[int], nodes: list[int], how: str) -> list[int]:
    """The values at these places, and in between what lies on the straight lines, rounded; plain arithmetic of fractions."""
    values = list(cents)
    for left, right in pairwise(nodes):
        for place in range(left + 1, right):
            slope = Fraction(cents[right] - cents[left], right - left)
            values[place] = ROUND[how](cents[left] + slope * (place - left))
    return values


def interpolated(bars: pl.DataFrame, nodes: list[int], how: str = "nearest") -> pl.DataFrame:
    """Closes alone, those of continuous trading interpolated between these places of the grid."""
    parts = []
    for own in closes(bars).partition_by("symbol", maintain_order=True):
        inside = pl.col("minute").is_in(clock.GRID)
        cents = [round(100 * close) for close in own.filter(inside)["close"]]
        made = own.filter(inside).with_columns(close=pl.Series(drawn_out(cents, nodes, how)) / 100)
        parts.append(pl.concat([own.filter(~inside), made]).sort("minute"))
    return pl.concat(parts)


def every(width: int, first: int) -> list[int]:
    """Places of the grid this far apart, and its ends."""
    last = len(clock.GRID) - 1
    return sorted({0, *range(first, last, width), last})


@pytest.mark.parametrize("how", sorted(ROUND))
@pytest.mark.parametrize("width", [2, 3, 5, 10, 15, 30, 60])
@pytest.mark.parametrize("labels", ["start", "last"])
def test_interpolation_between_longer_bars_is_found(width: int, how: str, labels: str):
    bars, daily = honest(traded=1.0)
    nodes = every(width, 0 if labels == "start" else width - 1)
    made = interpolated(bars, nodes, how)
    set_aside = aside(of(pl.concat([closes(bars).filter(~ONE), made.filter(ONE)]), daily))
    assert [*set_aside] == [CODES[3]]
    assert "they are interpolated" in set_aside[CODES[3]]
    whole = of(made, daily)
    assert "the closes are interpolated" in refusals(whole)["minutes_are_those_of_the_day"]


@pytest.mark.parametrize("nodes", [[0, 236], [0, 119, 236], [0, 119, 120, 236]])
def test_a_day_or_half_a_day_on_one_line_is_found(nodes: list[int]):
    bars, daily = honest(traded=1.0)
    made = interpolated(bars, nodes)
    moved = {
        name: max(abs(cents[b] - cents[a]) for a, b in pairwise(nodes))
        for name, cents in (
            (
                own["symbol"][0],
                [round(100 * close) for close in own.filter(pl.col("minute").is_in(clock.GRID))["close"]],
            )
            for own in bars.partition_by("symbol", maintain_order=True)
        )
    }
    expected = {name for name, cents in moved.items() if cents >= 10}
    assert len(expected) > 4
    assert {*aside(of(made, daily))} >= expected
    assert "one straight line" in refusals(of(made, daily))["minutes_are_those_of_the_day"]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([1.0, 0.5, 0.1]), st.integers(1, 3))
def test_honest_closes_follow_no_lines(seed: int, traded: float, widest: int):
    """Cheap names, whose closes move by a cent or not at all, among them."""
    rng = np.random.default_rng(seed)
    moves = rng.integers(-widest, widest + 1, (6, len(clock.DAY_BARS))) * (
        rng.random((6, len(clock.DAY_BARS))) < traded
    )
    frame = pl.concat(
        pl.DataFrame({"symbol": name, "minute": clock.DAY_BARS, "close": (500 + row.cumsum()) / 100})
        for name, row in zip(CODES, moves, strict=False)
    )
    found = judge_lines(frame, BarsSettings())
    assert (found.faults.height, found.findings) == (0, [])


@pytest.mark.parametrize("width", [2, 3, 5, 6])
@pytest.mark.parametrize("steps", range(7))
def test_the_evidence_counts_the_paths(width: int, steps: int):
    """All monotone paths of so many steps, one by one, against those that lie on the line to half a cent."""
    line = [Fraction(steps * minute, width) for minute in range(1, width)]
    paths = on_line = 0
    for when in combinations_with_replacement(range(1, width + 1), steps):
        paths += 1
        path = [sum(at <= minute for at in when) for minute in range(1, width)]
        on_line += all(abs(place - aim) <= Fraction(1, 2) for place, aim in zip(path, line, strict=True))
    assert exp(_evidence(np.array([[steps]]), width)[0, 0]) == pytest.approx(paths / on_line)


def test_what_does_not_move_or_is_unknown_tells_nothing():
    still = pl.DataFrame({"symbol": CODES[0], "minute": clock.DAY_BARS, "close": 5.0})
    unknown = still.with_columns(pl.lit(None, pl.Float64).alias("close"))
    rare = still.with_columns(close=pl.col("close") + 0.01 * (pl.col("minute") >= 640))
    for frame in (still, unknown, rare):
        found = judge_lines(frame, BarsSettings())
        assert (found.faults.height, found.findings) == (0, [])
