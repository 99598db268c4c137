"""The score of each stock on the signal day, from the outputs of the networks.

This module holds inference on the last sequence, the z-score of each network's output, the orthogonalisation after training, and
the final clip and z-score. It does not decide which model scores which week (windows.py) or how networks are stored.

A score requires features up to the signal day, membership in U(t), and styles where the settings name some. It uses no labels and no
prices.

The order of averaging: the output of every network, after its orthogonal layer if it has one, is z-scored over the scored stocks. The
raw score is the mean over all networks. Every granularity has the same number of seeds, so that this equals the mean over seeds of
the mean over granularities.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl
from torch import Tensor, nn

from assets.factors.cross_section import orthogonalise, standardise, zscore
from assets.models.device import adopt_threads
from assets.models.orthogonal import Exposures
from assets.models.training import outputs
from assets.reference.schemas import UNKNOWN_INDUSTRY
from resources.arrays import Floats
from resources.settings.models import ModelSettings


def seed_scores(
    networks: Mapping[int, nn.Module], sequences: Tensor, exposures: Exposures | None, settings: ModelSettings
) -> dict[int, Floats]:
    """Return seed → the outputs [n] of its network for sequences (steps, names, features), z-scored over these stocks.

    On a CPU, `threads` networks run in parallel, each on one thread inside `repeatable`, as in training.
    """

    def one(network: nn.Module) -> Floats:
        return zscore(outputs(network, sequences, exposures, settings).double().cpu().numpy())

    workers = settings.threads if sequences.device.type == "cpu" else 1
    with ThreadPoolExecutor(workers, initializer=adopt_threads) as pool:
        return dict(zip(networks, pool.map(one, networks.values()), strict=True))


def final_scores(average: Floats, symbols: Sequence[str], styles: pl.DataFrame, settings: ModelSettings) -> Floats:
    """Return the scores [n]: residual on `orthogonalise_on` (SPEC §5.2, models 11–12), then clip and z-score.

    average: mean of the networks [n] of `symbols`. styles: one row per listed stock of the signal day. As for the ten factors, a
    stock without industry or total_mv is NaN; industries and styles without any value are left out.
    """
    if not settings.orthogonalise_on:
        return standardise(average, settings.clip)
    exposures = pl.DataFrame({"symbol": list(symbols)}, schema={"symbol": pl.String}).join(
        styles.unique("symbol"), on="symbol", how="left", maintain_order="left"
    )
    groups = np.where(exposures["total_mv"].is_null().to_numpy(), -1, 0)
    if "industry" in settings.orthogonalise_on:
        industry = exposures["industry"].replace(UNKNOWN_INDUSTRY, None)
        if industry.null_count() < len(industry):
            codes = industry.rank("dense").cast(pl.Int64).fill_null(-1).to_numpy()
            groups = np.where(groups < 0, -1, codes)
    names = [
        style for style in settings.orthogonalise_on if style != "industry" and exposures[style].is_not_null().any()
    ]
    columns = exposures.select(pl.col(names).fill_null(0.0)).to_numpy() if names else np.empty((len(symbols), 0))
    return standardise(orthogonalise(average, columns, groups, settings.clip), settings.clip)
