"""Makes one week of the table `offset_scores`: its days, and the week of their models. A day is scored in make_scores.py."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from assets.models.make_scores import SCORES_OF_A_DAY, score_day
from assets.models.offset_windows import offset_days, scoring_models
from assets.models.schemas import SCORES
from assets.models.windows import in_force
from resources.made import Made
from resources.partition import Frames, Partition
from resources.reasons import Reason
from resources.settings.models import ModelsSettings


def make_offset_scores(frames: Frames, partition: Partition, settings: Mapping[str, Any]) -> Made:
    """Make `offset_scores` of one week: the scores on its offset days by the models in force in the week before.

    settings: the sections models, lines (weekdays of the offset paths) and portfolios (models of the alpha).

    Raises:
        InputError: A checkpoint is not the one that its card describes.
    """
    week, calendar, start = partition.week, partition.calendar, partition.start
    days, models = offset_days.keys(calendar, week, settings, start), scoring_models(settings)
    if not days or not models:
        return Made(pl.DataFrame(schema=SCORES), notes={"offset_days": 0})
    rows: ModelsSettings = settings["models"]
    before = calendar.offset_week(week, -1) if week > calendar.week_of(start) else None
    serving = None if before is None else in_force(calendar, before, rows.train_lag_weeks, start)
    found: list[pl.DataFrame] = [pl.DataFrame(schema=SCORES)]
    missing: dict[str, Reason] = {}
    for day in days:
        scored = score_day(day, serving, models, frames, partition, rows)
        found.append(scored.names.select(pl.lit(week).alias("week"), pl.lit(day).alias("date"), *SCORES_OF_A_DAY))
        missing |= scored.missing
    frame = pl.concat(found, how="vertical_relaxed")
    return Made(frame, unavailable=missing, notes={"offset_days": len(days), "rows": frame.height})
