"""From networks to one score per stock on the signal day.

Here: inference on the last sequence, averaging the seeds, orthogonalising after the fact, the final clip and z-score. Not
here: which model scores which week (windows.py), how networks are stored.

A score needs features up to the signal day and a place in U(t): no label, no price.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray
from torch import Tensor, nn

from assets.factors.cross_section import orthogonalise, standardise, zscore
from assets.models.training import outputs
from resources.settings.models import ModelSettings

NO_INDUSTRY = "unknown"  # of styles: the name belongs to none

Floats = NDArray[np.float64]


def average_outputs(networks: Iterable[nn.Module], sequences: Tensor, settings: ModelSettings) -> Floats:
    """[n] Mean over seeds of their outputs for (steps, stocks, features), each z-scored over the cross-section."""
    each = [outputs(network, sequences, None, settings) for network in networks]
    return np.mean([zscore(output.cpu().numpy()) for output in each], axis=0)


def final_scores(average: Floats, symbols: Sequence[str], styles: pl.DataFrame, settings: ModelSettings) -> Floats:
    """The score [n]: residual on what the settings name (SPEC §5.2, models 11–12), then clip and z-score.

    styles: one row per listed name of the signal day. As for the ten factors, a name without industry or total_mv has no
    value; where the market has no industries or a style does not exist, they are left out.
    """
    if not settings.orthogonalise_on:
        return standardise(average, settings.clip)
    exposures = pl.DataFrame({"symbol": list(symbols)}, schema={"symbol": pl.String}).join(
        styles.unique("symbol"), on="symbol", how="left", maintain_order="left"
    )
    groups = np.where(exposures["total_mv"].is_null().to_numpy(), -1, 0)
    if "industry" in settings.orthogonalise_on:
        industry = exposures["industry"].replace(NO_INDUSTRY, None)
        if industry.null_count() < len(industry):
            codes = industry.rank("dense").cast(pl.Int64).fill_null(-1).to_numpy()
            groups = np.where(groups < 0, -1, codes)
    names = [
        style for style in settings.orthogonalise_on if style != "industry" and exposures[style].is_not_null().any()
    ]
    columns = exposures.select(pl.col(names).fill_null(0.0)).to_numpy() if names else np.empty((len(symbols), 0))
    return standardise(orthogonalise(average, columns, groups, settings.clip), settings.clip)
