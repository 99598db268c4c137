"""The orthogonal layer of SPEC §5.2: the residual of a network's outputs on styles and industries.

This module holds one date's exposures, the layer, and the panel of the exposures of a window. It does not hold the styles
(assets/factors/) or the residuals of the ten factors and of models 11–12, which have equal weights and no ridge
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

from assets.reference.schemas import UNKNOWN_INDUSTRY
from resources.settings.models import Style

# A residual below this share of the outputs is rounding, because float32 has seven digits.
NOTHING_LEFT = 1e-5


@dataclass(frozen=True)
class Exposures:
    """Exposures of one date's stocks: columns (names, k) float64, dummies first, and weight (names,) float64, mean 1."""

    columns: Tensor
    weight: Tensor
    _bases: dict[float, Tensor] = field(default_factory=dict, repr=False, compare=False)

    def basis(self, ridge: float) -> Tensor:
        """Return B (names, k) with B Bᵀ = √W X (XᵀWX + ridge·I)⁻¹ Xᵀ√W; cached, because every epoch uses it."""
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
    """Return e = p − X (XᵀWX + ridge·I)⁻¹ XᵀWp for one date's outputs p (names,), differentiable in p (SPEC §5.2).

    X are the exposures' columns and W their weights; e is uncorrelated with each column under these weights. The residual is
    taken twice in float64, because the ridge leaves a part of each coefficient, which matters where outputs vary little
    around a large mean. e is 0 where only rounding remains, as on a date with no more stocks than columns. It has the type of
    p, but at least float32.
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
    """Exposures of all stocks of a window by their positions.

    usable [day, stock] bool: the stock has total_mv, and an industry if the layer uses industries and the market has any
    left_out: style → days on which it is null for the whole market and therefore no column
    """

    days: tuple[dt.date, ...]
    usable: NDArray[np.bool_]
    left_out: Mapping[Style, tuple[dt.date, ...]]
    _groups: NDArray[np.int16]  # [day, stock] industry, −1 for none; all 0 without industries
    _styles: NDArray[np.float64]  # [day, stock, style], 0 where missing
    _present: NDArray[np.bool_]  # [day, style]
    _root_mv: NDArray[np.float64]  # [day, stock] √total_mv
    _made: dict[tuple[int, torch.device], tuple[NDArray[np.int64], Exposures]] = field(default_factory=dict, repr=False)

    def of(self, day: int, names: NDArray[np.int64], device: torch.device) -> Exposures:
        """Return the exposures of `names` (positions of usable stocks) on the day with this position.

        The last result of each day is cached, because training uses the same stocks in each epoch and for each seed.

        Raises:
            ValueError: One of the stocks is not usable.
        """
        kept = self._made.get((day, device))
        if kept is not None and np.array_equal(kept[0], names):
            return kept[1]
        if not self.usable[day, names].all():
            raise ValueError(
                f"{(~self.usable[day, names]).sum()} of {len(names)} stocks have no exposures on {self.days[day]}; pass only "
                "stocks that `usable` marks"
            )
        groups = self._groups[day, names]
        present = np.flatnonzero(np.bincount(groups))  # an industry without one of these stocks has no column
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
        """Return a digest of the content, which identifies the data of a training."""
        digest = hashlib.sha256(repr((self.days, sorted(self.left_out.items()))).encode())
        for array in (self.usable, self._groups, self._styles, self._present, self._root_mv):
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def _finish(device: torch.device) -> None:
    """Wait until cached tensors are computed, because the stream of another seed may read them next."""
    if device.type == "cuda":
        torch.cuda.current_stream(device).synchronize()


def arrange_exposures(
    styles: pl.LazyFrame, *, days: Sequence[dt.date], symbols: Sequence[str], columns: Sequence[Style]
) -> ExposurePanel:
    """Arrange the exposures `columns` of `symbols` on `days` from the table `styles` (one row per listed stock and day).

    Without industries, because `columns` has none or because the market has none on a day, one column of ones replaces the
    dummies, so that the residual still has mean zero.
    """
    by_industry = "industry" in columns
    named = [column for column in columns if column != "industry"]
    known = pl.col("industry").replace(UNKNOWN_INDUSTRY, None)
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
