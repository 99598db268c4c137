"""From networks to one score per stock on the signal day.

Here: inference on the last sequence, the z-score of each network's output, orthogonalising after the fact, the final clip
and z-score. Not here: which model scores which week (windows.py), how networks are stored.

A score needs features up to the signal day, a place in U(t), and styles where the settings name some: no label, no price.

Order of averaging: every network's output, after its orthogonal layer if it has one, is z-scored over the names scored;
the factor is the plain mean over all networks. Each has the same number of seeds per granularity, so this is the mean over
seeds of the mean over granularities, and the other way round.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl
from numpy.typing import NDArray
from torch import Tensor, nn

from assets.factors.cross_section import orthogonalise, standardise, zscore
from assets.models.orthogonal import NO_INDUSTRY, Exposures
from assets.models.training import outputs
from resources.settings.models import ModelSettings

Floats = NDArray[np.float64]


def seed_scores(
    networks: Mapping[int, nn.Module], sequences: Tensor, exposures: Exposures | None, settings: ModelSettings
) -> dict[int, Floats]:
    """Seed → its network's outputs [n] for (steps, names, features), z-scored over these names.

    On a CPU `threads` networks at a time, on one thread each inside `repeatable`, as in training.
    """

    def one(network: nn.Module) -> Floats:
        return zscore(outputs(network, sequences, exposures, settings).double().cpu().numpy())

    with ThreadPoolExecutor(settings.threads if sequences.device.type == "cpu" else 1) as pool:
        return dict(zip(networks, pool.map(one, networks.values()), strict=True))


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
