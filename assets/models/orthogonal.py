"""The orthogonal layer of SPEC §5.2: what remains of a network's outputs once styles and industries are taken out.

Here: one date's exposures, the layer, and the panel that finds a date's exposures by position. Not here: how styles are
made (assets/factors/), and the residuals of the ten factors and of models 11–12, which have equal weights and no ridge
(assets/factors/cross_section.py).
"""

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from resources.settings.models import Style

NO_INDUSTRY = "unknown"  # of styles: the name belongs to none
# A remainder below this share of the outputs is rounding: they come in seven digits.
NOTHING_LEFT = 1e-5


@dataclass(frozen=True)
class Exposures:
    """One date's names on the device: columns (names, k) float64, dummies first, and weight (names,) float64, mean 1."""

    columns: Tensor
    weight: Tensor
    _bases: dict[float, Tensor] = field(default_factory=dict, repr=False, compare=False)

    def basis(self, ridge: float) -> Tensor:
        """B (names, k) with B Bᵀ = √W X (XᵀWX + ridge·I)⁻¹ Xᵀ√W; computed once, since a date's names come every epoch."""
        if ridge not in self._bases:
            weighted = self.weight.sqrt()[:, None] * self.columns
            gram = weighted.T @ weighted
            gram.diagonal().add_(ridge)
            factor, _ = torch.linalg.cholesky_ex(gram)  # lower triangular (k, k)
            basis = torch.linalg.solve_triangular(factor, weighted.T, upper=False).T
            _finish(basis.device)
            self._bases[ridge] = basis
        return self._bases[ridge]


def orthogonal_layer(p: Tensor, exposures: Exposures, ridge: float) -> Tensor:
    """e = p − X (XᵀWX + ridge·I)⁻¹ XᵀWp for one date's outputs p (names,), solved in float64; differentiable in p.

    X are the exposures' columns and W their weights: e is uncorrelated with each column under these weights. Taken twice:
    the ridge leaves its share of each coefficient behind, which shows where outputs vary little around a large mean.
    0 where nothing remains, as on a date with no more names than columns. e has p's type, float32 at least.
    """
    basis, root = exposures.basis(ridge), exposures.weight.sqrt()
    y = root * p.double()
    rest = y - basis @ (basis.T @ y)
    rest = rest - basis @ (basis.T @ rest)
    some_left = rest.detach().norm() > NOTHING_LEFT * y.detach().norm()
    rest = rest * (some_left & (basis.shape[0] > basis.shape[1]))
    return (rest / root).to(torch.promote_types(p.dtype, torch.float32))


@dataclass(frozen=True)
class ExposurePanel:
    """Exposures of all names of a window, found by position.

    usable [day, stock] bool: has total_mv, and an industry where one is asked for and the market has any
    left_out: style → days on which it is null for the whole market and so no column
    """

    days: tuple[dt.date, ...]
    usable: NDArray[np.bool_]
    left_out: Mapping[Style, tuple[dt.date, ...]]
    _groups: NDArray[np.int16]  # [day, stock] industry, −1 none; all 0 where there are no industries to tell apart
    _styles: NDArray[np.float64]  # [day, stock, style], a missing one 0
    _present: NDArray[np.bool_]  # [day, style]
    _root_mv: NDArray[np.float64]  # [day, stock] √total_mv
    _made: dict[tuple[int, torch.device], tuple[NDArray[np.int64], Exposures]] = field(default_factory=dict, repr=False)

    def of(self, day: int, names: NDArray[np.int64], device: torch.device) -> Exposures:
        """Exposures of `names` (positions of stocks, all usable) on the day with this position.

        The last answer of each day is kept: training asks for the same names in each epoch and for each seed.
        Raises ValueError if one of the names is not usable.
        """
        kept = self._made.get((day, device))
        if kept is not None and np.array_equal(kept[0], names):
            return kept[1]
        if not self.usable[day, names].all():
            raise ValueError(
                f"{(~self.usable[day, names]).sum()} of {len(names)} names have no exposures on {self.days[day]}: "
                "take those that `usable` marks"
            )
        groups = self._groups[day, names]
        present = np.flatnonzero(np.bincount(groups))  # industries without a name here are no columns
        dummies = groups[:, None] == present
        columns = np.hstack([dummies, self._styles[day, names][:, self._present[day]]])
        root = self._root_mv[day, names]
        made = Exposures(
            torch.from_numpy(columns).to(device), torch.from_numpy(root / root.mean() if len(root) else root).to(device)
        )
        _finish(device)
        self._made[day, device] = names, made
        return made

    def digest(self) -> str:
        """Identifies the content: what a training has seen."""
        digest = hashlib.sha256(repr((self.days, sorted(self.left_out.items()))).encode())
        for array in (self.usable, self._groups, self._styles, self._present, self._root_mv):
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def _finish(device: torch.device) -> None:
    """Wait for what is kept: the stream of another seed may be the next to read it."""
    if device.type == "cuda":
        torch.cuda.current_stream(device).synchronize()


def arrange_exposures(
    styles: pl.LazyFrame, *, days: Sequence[dt.date], symbols: Sequence[str], columns: Sequence[Style]
) -> ExposurePanel:
    """The exposures `columns` of `symbols` on `days`, from the table `styles` (one row per listed name and day).

    Without industries, because none are asked for or because the market has none on a day, one column of ones stands in
    their place: a correlation is about the mean.
    """
    by_industry = "industry" in columns
    named = [column for column in columns if column != "industry"]
    known = pl.col("industry").replace(NO_INDUSTRY, None)
    rows = (
        styles.filter(pl.col("date").is_in(list(days)))
        .select("date", "symbol", "total_mv", *named, industry=known.rank("dense").cast(pl.Int64) - 1)
        .collect()
    )
    market = rows.group_by("date").agg(pl.col("industry", *named).is_not_null().any())
    day_at = pl.DataFrame({"date": list(days), "day": np.arange(len(days))}, schema_overrides={"date": pl.Date})
    stock_at = pl.DataFrame(
        {"symbol": list(symbols), "stock": np.arange(len(symbols))}, schema_overrides={"symbol": pl.String}
    )
    exists = day_at.join(market, on="date", how="left", maintain_order="left").fill_null(False)
    own = rows.join(day_at, on="date").join(stock_at, on="symbol")
    at = own["day"].to_numpy(), own["stock"].to_numpy()

    shape = (len(days), len(symbols))
    total_mv = np.zeros(shape)
    total_mv[at] = own["total_mv"].fill_null(0.0).to_numpy()
    groups = np.full(shape, -1, dtype=np.int16)
    groups[at] = own["industry"].fill_null(-1).to_numpy()
    groups[~(exists["industry"].to_numpy() & by_industry)] = 0
    exposures = np.zeros((*shape, len(named)))
    exposures[at] = own.select(pl.col(named).fill_null(0.0)).to_numpy() if named else np.empty((len(own), 0))
    present = exists.select(named).to_numpy() if named else np.ones((len(days), 0), dtype=bool)
    left_out = {
        column: tuple(day for day, some in zip(days, exists[column], strict=True) if not some) for column in columns
    }
    return ExposurePanel(
        days=tuple(days),
        usable=(total_mv > 0) & (groups >= 0),
        left_out={column: when for column, when in left_out.items() if when},
        _groups=groups,
        _styles=exposures,
        _present=present,
        _root_mv=np.sqrt(total_mv),
    )
