"""Makes one week of the table `scores`, and scores the stocks on one day, which make_offset_scores.py uses too."""

import datetime as dt
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from assets.models.checkpoint import load_networks, read_card
from assets.models.device import choose_device, repeatable
from assets.models.orthogonal import arrange_exposures
from assets.models.panel import FeaturePanel, PanelStore, build_panel
from assets.models.reasons import MODEL_ABSENT, NO_MODEL_YET, NOBODY_COVERED, NOBODY_PLACED
from assets.models.schemas import CARD, CHECKPOINT, MEASURE, SCORES, SEED_SCORES, SEEDS
from assets.models.scoring import final_scores, seed_scores
from assets.models.training import eligible_names, last_sequences
from assets.models.windows import days_to, in_force
from resources.arrays import Floats
from resources.made import LEFT_OUT, Made
from resources.parquet import encode
from resources.partition import Frames, Partition
from resources.reasons import Reason
from resources.settings.models import Granularity, ModelSettings, ModelsSettings

EACH = {column: dtype for column, dtype in SEED_SCORES.items() if column != "factor"}  # SEED_SCORES of one model
SCORES_OF_A_DAY = ("symbol", "factor", "raw", "value")
# (granularity, settings, features) → the panel of the sequence that ends on the signal day
Panels = Callable[[Granularity, ModelSettings, tuple[str, ...]], FeaturePanel]


def make_scores(frames: Frames, partition: Partition, settings: ModelsSettings) -> Made:
    """Make `scores` of one week: week, date (the signal day), symbol, factor (model key), raw (mean of the networks), value.

    The frames bar_features, daily_features and securities hold the days of the longest sequence, styles the signal day. A
    model that is not available has no rows and a reason. The score of each network is stored beside the table (SEED_SCORES).

    Raises:
        InputError: A checkpoint is not the one that its card describes.
    """
    week, date, securities = partition.week, partition.date, frames["securities"]
    serving = in_force(partition.calendar, week, settings.train_lag_weeks, partition.start)
    scored = score_day(date, serving, tuple(settings.rows), frames, partition, settings)
    frame = scored.names.select(pl.lit(week).alias("week"), pl.lit(date).alias("date"), *SCORES_OF_A_DAY)
    members = securities.filter((pl.col("date") == date) & pl.col("in_universe")).select(pl.len()).collect().item()
    known = frame.filter(pl.col("value").is_not_null())
    notes: dict[str, Any] = {
        "universe": members,
        "scored": dict(known.group_by("factor").len().sort("factor").iter_rows()),
    }
    left_out = styles_left_out(frames["styles"].filter(pl.col("date") == date).collect(), settings.rows)
    if left_out:
        notes[LEFT_OUT] = {"styles": left_out}
    beside = {SEEDS: encode(scored.seeds)}
    return Made(frame, profile=_profile(frame, members), files=beside, unavailable=scored.missing, notes=notes)


def styles_left_out(styles: pl.DataFrame, rows: Mapping[str, ModelSettings]) -> dict[str, list[str]]:
    """Return model → the styles without any value that its score should be orthogonal to, in or after the network."""
    if styles.is_empty():
        return {}
    absent = {name for name in styles.columns if styles[name].null_count() == styles.height}
    asked = {model: {*row.orthogonal_layer, *row.orthogonalise_on} & absent for model, row in rows.items()}
    return {model: sorted(names) for model, names in asked.items() if names}


@dataclass(frozen=True)
class Scored:
    """The scores of one day. names: SCORES_OF_A_DAY. seeds: SEED_SCORES. missing: model → why it has no score."""

    names: pl.DataFrame
    seeds: pl.DataFrame
    missing: Mapping[str, Reason]


def score_day(
    date: dt.date,
    serving: dt.date | None,
    models: Sequence[str],
    frames: Frames,
    partition: Partition,
    settings: ModelsSettings,
) -> Scored:
    """Score the stocks at the close of `date` with the models in force in the week `serving`. Later rows are ignored.

    serving: None if that week is before the history. partition: the partition that the scores are made for.

    Raises:
        InputError: A checkpoint is not the one that its card describes.
    """
    files = partition.files
    exposures = frames["styles"].filter(pl.col("date") == date).collect()

    @functools.cache  # models on the same bars share a panel; the cache is released when the day is scored
    def panel_of(
        granularity: Granularity, count: int, clip: float, storage: Any, features: tuple[str, ...]
    ) -> FeaturePanel:
        rows, calendar = frames["daily_features" if granularity == "daily" else "bar_features"], partition.calendar
        return build_panel(
            rows, frames["securities"], days=days_to(calendar, date, count, calendar.first), granularity=granularity,
            features=features, clip=clip, store=PanelStore(storage), keep_all=True,
        )  # fmt: skip

    def panels(granularity: Granularity, row: ModelSettings, features: tuple[str, ...]) -> FeaturePanel:
        return panel_of(granularity, row.sequence_days, row.clip, row.storage, features)

    found = [pl.DataFrame(schema={name: SCORES[name] for name in SCORES_OF_A_DAY})]
    seeds, missing = [pl.DataFrame(schema=SEED_SCORES)], {}
    for model in models:
        row = settings.rows[model]
        if serving is None:
            missing[model] = MODEL_ABSENT(model=model, cause=NO_MODEL_YET(date=date))
        elif failed := partition.unavailable.get(model, {}).get(MEASURE):
            missing[model] = failed
        else:
            card = read_card(files(model, serving, CARD))
            checkpoint = files(model, dt.date.fromisoformat(card["trained_week"]), CHECKPOINT)
            frame, each = score_names(card, checkpoint, panels, exposures, date, row)
            if frame.is_empty():
                uncovered = NOBODY_COVERED(date=date, granularities=row.granularities, days=row.sequence_days)
                missing[model] = MODEL_ABSENT(model=model, cause=uncovered)
            elif frame["value"].null_count() == frame.height:
                missing[model] = MODEL_ABSENT(model=model, cause=NOBODY_PLACED(date=date))
            found.append(frame.select("symbol", pl.lit(model).alias("factor"), "raw", "value"))
            seeds.append(each.select(pl.lit(model).alias("factor"), *EACH))
    return Scored(pl.concat(found, how="vertical_relaxed"), pl.concat(seeds), missing)


def score_names(
    card: Mapping[str, Any],
    checkpoint: bytes,
    panels: Panels,
    styles: pl.DataFrame,
    date: dt.date,
    settings: ModelSettings,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (symbol, raw, value) of one model, and (symbol, granularity, seed, value) of each of its networks.

    Members of U(t) that are covered in every granularity are scored. A member without the market value or industry that the
    orthogonal layer needs has nulls.

    Raises:
        InputError: The checkpoint is not the one that the card describes.
    """
    own = {g: panels(g, settings, tuple(card["granularities"][g]["features"])) for g in settings.granularities}
    eligible = [
        {panel.symbols[name] for name in np.flatnonzero(eligible_names(panel, len(panel.days) - 1, settings))}
        for panel in own.values()
    ]
    covered = sorted(set.intersection(*eligible))
    placed, usable = None, np.ones(len(covered), dtype=bool)
    if settings.orthogonal_layer:
        placed = arrange_exposures(styles.lazy(), days=[date], symbols=covered, columns=settings.orthogonal_layer)
        usable = placed.usable[0]
    symbols = [symbol for symbol, inside in zip(covered, usable, strict=True) if inside]
    if not symbols:
        rows = pl.DataFrame({"symbol": covered}, schema={"symbol": pl.String})
        return rows.with_columns(pl.lit(None, pl.Float64).alias(c) for c in ("raw", "value")), pl.DataFrame(schema=EACH)
    found: dict[tuple[Granularity, int], Floats] = {}  # in the order of the settings
    with repeatable():
        device = choose_device(settings.device)
        networks = load_networks(card, checkpoint, device)
        exposures = None if placed is None else placed.of(0, np.flatnonzero(usable), device)
        for granularity, panel in own.items():
            names = np.searchsorted(np.array(panel.symbols), np.array(symbols))
            sequences = last_sequences(panel, names, settings, device)
            of_seed = seed_scores(networks[granularity], sequences, exposures, settings)
            found |= {(granularity, seed): values for seed, values in of_seed.items()}
    raw = np.mean(list(found.values()), axis=0)
    scored = pl.DataFrame({"symbol": symbols, "raw": raw, "value": final_scores(raw, symbols, styles, settings)})
    frame = pl.DataFrame({"symbol": covered}).join(
        scored.with_columns(pl.col("value").fill_nan(None)), on="symbol", how="left", maintain_order="left"
    )
    each = [
        pl.DataFrame({"symbol": symbols, "granularity": granularity, "seed": seed, "value": values}, schema=EACH)
        for (granularity, seed), values in found.items()
    ]
    return frame, pl.concat(each)


def _profile(frame: pl.DataFrame, members: int) -> pl.DataFrame:
    """Figures for the checks: |value| / √(number of scores) of each row; once per model, coverage of U(t) and std of value."""
    once = pl.int_range(pl.len()).over("factor") == 0
    return frame.with_columns(
        magnitude=pl.col("value").abs() / pl.col("value").count().over("factor").sqrt(),
        coverage=pl.when(once).then(pl.col("value").is_not_null().sum().over("factor") / max(members, 1)),
        spread=pl.when(once).then(pl.col("value").std(ddof=0).over("factor")),
    )
