"""A user's own constraint: a limit on the STAR board, named by `portfolios.extra_constraints`.

A linear constraint provides the names of its rows, their matrix, and their bounds on matrix · (weights − benchmark). It is solved,
verified and explained like the project's constraints (docs/portfolios.md, "Other constraints").
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from assets.portfolios.problem.constraints import HARD, Linear, Problem, one_row
from resources.arrays import Floats


@dataclass(frozen=True)
class StarBoard(Linear):
    """The weight of STAR stocks exceeds their benchmark weight by at most `limit`, a fraction of net asset value."""

    limit: float = 0.05
    name: str = "star_board"
    group: str = HARD  # or the group with which it is relaxed: "industry", "value_size", "turnover", "styles"

    def rows(self, problem: Problem) -> tuple[str, ...]:
        """The name of the one row."""
        return ("star",)

    def matrix(self, problem: Problem) -> sp.csr_array:
        """A row [1, stocks] with 1 for each STAR stock."""
        return one_row(np.array([float(symbol.startswith(("688", "689"))) for symbol in problem.symbols]))

    def bounds(self, problem: Problem) -> tuple[Floats, Floats]:
        """The lower and the upper bound of the row, as fractions of net asset value."""
        return np.array([-np.inf]), np.array([self.limit])
