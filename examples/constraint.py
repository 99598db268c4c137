"""A constraint of one's own: a limit on the STAR board, named by `portfolios.extra_constraints`.

A linear constraint says what its rows are about, their matrix and their bounds on matrix · (weights − benchmark). It is solved,
verified and explained as those of the project (docs/portfolios.md, "Other constraints").
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from assets.portfolios.problem.constraints import HARD, Floats, Linear, Problem, one_row


@dataclass(frozen=True)
class StarBoard(Linear):
    """The weight of STAR names exceeds their benchmark weight by at most `limit`, a fraction of net asset value."""

    limit: float = 0.05
    name: str = "star_board"
    group: str = HARD  # or the group it is relaxed with: "industry", "value_size", "turnover", "styles"

    def rows(self, problem: Problem) -> tuple[str, ...]:
        return ("star",)

    def matrix(self, problem: Problem) -> sp.csr_array:
        return one_row(np.array([float(symbol.startswith("688")) for symbol in problem.symbols]))

    def bounds(self, problem: Problem) -> tuple[Floats, Floats]:
        return np.array([-np.inf]), np.array([self.limit])
