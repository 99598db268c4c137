"""One week of the scores: every model in force on the signal day's cross-section."""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import polars as pl

from assets.models.checkpoint import CARD, CHECKPOINT, load_networks, read_card
from assets.models.device import choose_device, repeatable
from assets.models.panel import build_panel
from assets.models.schemas import MEASURE, SCORES
from assets.models.scoring import average_outputs, final_scores
from assets.models.training import eligible_names, last_sequences
from assets.models.windows import in_force, sequence_days
from resources.calendar import Calendar
from resources.made import Made
from resources.settings.models import ModelSettings, ModelsSettings


def make_scores(
    *,
    week: dt.date,
    date: dt.date,
    bar_features: pl.LazyFrame,
    securities: pl.LazyFrame,
    styles: pl.LazyFrame,
    settings: ModelsSettings,
    calendar: Calendar,
    start: dt.date,
    files: Callable[[str, dt.date, str], bytes],
    unavailable: Mapping[str, Mapping[str, str]],
) -> Made:
    """week, date (the signal day), symbol, factor (model key), raw (mean of the seeds), value.

    bar_features and securities hold the days of `windows.sequence_days`; styles the signal day. A model without a card in
    force has no rows and a reason.
    """
    days = sequence_days(calendar, week, settings, calendar.first)
    exposures = styles.collect()
    frames, missing = [pl.DataFrame(schema=SCORES)], {}
    for model, row in settings.rows.items():
        if model not in unavailable:
            continue  # no table of its own yet
        reason = unavailable.get(model, {}).get(MEASURE)
        serving = in_force(calendar, week, settings.train_lag_weeks, start)
        if reason is None and serving is None:
            reason = f"{model}: the week {settings.train_lag_weeks} weeks before {week} lies before the history"
        if reason is None and serving is not None:
            card = read_card(files(model, serving, CARD))
            checkpoint = files(model, dt.date.fromisoformat(card["trained_week"]), CHECKPOINT)
            frame = _score(card, checkpoint, bar_features, securities, exposures, days[-row.sequence_days :], row)
            if frame.is_empty():
                reason = f"{model}: no name of U({date}) has bars on enough of the {row.sequence_days} days to it"
            frames.append(frame.select(pl.lit(week).alias("week"), pl.lit(date).alias("date"), "symbol",
                                       pl.lit(model).alias("factor"), "raw", "value"))  # fmt: skip
        if reason is not None:
            missing[model] = reason
    frame = pl.concat(frames, how="vertical_relaxed")
    members = securities.filter((pl.col("date") == date) & pl.col("in_universe")).select(pl.len()).collect().item()
    share = pl.len().over("factor") / max(members, 1)
    profile = frame.with_columns(
        magnitude=pl.col("value").abs(),
        coverage=pl.when(pl.int_range(pl.len()).over("factor") == 0).then(share),  # once per factor
    )  # fmt: skip
    notes = {"universe": members, "scored": dict(frame.group_by("factor").len().sort("factor").iter_rows())}
    return Made(frame, profile=profile, unavailable=missing, notes=notes)


def _score(
    card: Mapping[str, Any],
    checkpoint: bytes,
    bar_features: pl.LazyFrame,
    securities: pl.LazyFrame,
    styles: pl.DataFrame,
    days: list[dt.date],
    settings: ModelSettings,
) -> pl.DataFrame:
    """symbol, raw, value of one model."""
    panel = build_panel(
        bar_features, securities, days=days, granularity=settings.granularities[0], features=card["features"],
        clip=settings.clip, keep_all=True,
    )  # fmt: skip
    names = np.flatnonzero(eligible_names(panel, len(days) - 1, settings))
    if len(names) == 0:
        return pl.DataFrame(schema={"symbol": pl.String, "raw": pl.Float64, "value": pl.Float64})
    symbols = [panel.symbols[name] for name in names]
    with repeatable():
        device = choose_device(settings.device)
        networks = load_networks(card, checkpoint, device)
        raw = average_outputs(networks.values(), last_sequences(panel, names, settings, device), settings)
    value = final_scores(raw, symbols, styles, settings)
    return pl.DataFrame({"symbol": symbols, "raw": raw, "value": value}).with_columns(pl.col("value").fill_nan(None))
