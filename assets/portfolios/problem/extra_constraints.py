"""A user's own constraints, which are listed in `portfolios.extra_constraints`.

This module loads them and checks that they satisfy the contract of `Constraint`, so that an error names the user's class. It does
not hold the contract (constraints.py) or the use of constraints (optimiser.py, conflict.py).
"""

from collections.abc import Collection, Sequence

import numpy as np

from assets.portfolios.problem.constraints import HARD, NAME_BOUNDS, Constraint, LinearRows, Problem
from resources.arrays import Floats
from resources.errors import SettingsError
from resources.named import call_named, load_named
from resources.settings.portfolios import ELASTIC

SETTING = "portfolios.extra_constraints"
NEAR = 1e-9  # the tolerance by which a tangent may exceed a value, relative to max(1, |value|)


def extra_constraints(paths: Sequence[str], known: Collection[str]) -> list[Constraint]:
    """Create the user's own constraints in the order of `portfolios.extra_constraints`.

    paths: "module:name" of classes or functions, which are called without arguments. known: names that other constraints have.

    Raises:
        SettingsError: A path cannot be loaded or called, its result is no `Constraint`, its group is unknown, or its name
            is used by another constraint.
    """
    found: list[Constraint] = []
    for path in paths:
        setting = f"{SETTING}: {path}"
        make = load_named(SETTING, path, "examples.constraint:StarBoard")
        try:
            made = make()
        except Exception as error:  # the user's class may raise anything; the setting leads to it
            raise SettingsError(
                f"{setting} failed ({type(error).__name__}: {error}); it is called without arguments and returns a Constraint"
            ) from error
        if not isinstance(made, Constraint):
            raise SettingsError(
                f"{setting} returned a {type(made).__name__} instead of a Constraint of {Constraint.__module__}"
            )
        if made.group not in (HARD, *ELASTIC):
            groups = ", ".join((HARD, *ELASTIC))
            raise SettingsError(f"{setting} has the group {made.group!r}; choose one of {groups}")
        if made.name in {NAME_BOUNDS, *known, *(one.name for one in found)}:
            raise SettingsError(
                f"{setting} has the name {made.name!r}, which another constraint has; choose another name"
            )
        found.append(made)
    return found


def require_sound(paths: Sequence[str], constraints: Sequence[Constraint], problem: Problem) -> None:
    """Check that the methods of a user's own constraints are consistent on `problem`. paths: as for `extra_constraints`.

    Rows, bounds, values and tangents must agree in number; bounds may not cross; values must be finite, and no tangent may exceed
    them, which is the first-order condition of convexity (Boyd and Vandenberghe, Convex Optimization, §3.1.3). They are
    compared at the benchmark, at equal weights and halfway between.

    Raises:
        SettingsError: A rule is violated, or a method of the constraint raises; the message names the path, the row and
            the rule.
    """
    for path, constraint in zip(paths, constraints, strict=True):
        where = f"{SETTING}: {path}"
        fault = call_named(_fault, where, "the Problem of a rebalance (assets.portfolios)", constraint, problem)
        if fault:
            raise SettingsError(f"{where}: {fault}")


def _fault(constraint: Constraint, problem: Problem) -> str:
    """The first violated rule of a constraint; "" if there is none."""
    rows, (lower, upper) = constraint.rows(problem), constraint.bounds(problem)
    own, equal = problem.benchmark / problem.benchmark.sum(), np.full(problem.n, 1.0 / problem.n)
    points = (own, equal, 0.5 * (own + equal))
    values, lines = (
        [constraint.values(w, problem) for w in points],
        [constraint.tangent(w, problem) for w in points],
    )
    found = {
        "lower bounds": lower,
        "upper bounds": upper,
        "values": values[0],
        "offsets of the tangent": lines[0].offset,
    }
    for what, numbers in found.items():
        if np.shape(numbers) != (len(rows),):
            return f"it has {len(rows)} rows, but {what} of shape {np.shape(numbers)}; return one number per row"
    if lines[0].matrix.shape != (len(rows), problem.n):
        shape = lines[0].matrix.shape
        return f"the matrix of its tangent has the shape {shape}; return [rows, names], here {(len(rows), problem.n)}"
    for r, label in enumerate(rows):
        if not lower[r] <= upper[r]:
            return f"row {label!r} has the bounds {lower[r]} and {upper[r]}; the lower bound may not exceed the upper"
        if constraint.curved and lower[r] > -np.inf:
            return (
                f"row {label!r} is curved and has the lower bound {lower[r]}; make it -inf, since only an upper bound is "
                "convex, or derive a linear constraint from Linear"
            )
    for w, value in zip(points, values, strict=True):
        for line in lines:
            above = _at(line, w, problem) - value
            wrong = ~(np.isfinite(value) & (above <= NEAR * np.maximum(1.0, abs(value))))
            if wrong.any():
                r = int(np.flatnonzero(wrong)[0])
                return (
                    f"the tangent of row {rows[r]!r} exceeds its value {value[r]:.6g} by {above[r]:.3g} at other weights; "
                    "the tangent of a convex function never exceeds it, and its values are finite"
                )
    return ""


def _at(line: LinearRows, weights: Floats, problem: Problem) -> Floats:
    """The rows' values [rows] at `weights` [n]."""
    sold = 0.0 if line.sold is None else line.sold * np.maximum(0.0, problem.drifted - weights).sum()
    return line.matrix @ weights + sold + line.offset
