"""Rows of the table `evaluation`, made up: random statistics of some factors over some weeks. No assertion."""

import datetime as dt
import itertools

import numpy as np
import polars as pl

from assets import catalogue
from assets.factors.styles import STYLES
from assets.performance.evaluation import SCHEMA
from resources.calendar import Calendar

HORIZONS = (1, 2, 3, 4, 8)


def random_rows(
    *, weeks: int, factors: tuple[str, ...], last: dt.date = dt.date(2023, 12, 11), seed: int = 0
) -> pl.DataFrame:
    """Rows of `weeks` weeks up to the Monday `last`; some values are missing, with a reason."""
    rng = np.random.default_rng(seed)
    calendar = Calendar.xshg()
    every = [calendar.offset_week(last, -n) for n in range(weeks)][::-1]
    level = {factor: rng.uniform(0.02, 0.1) for factor in factors}
    rows = []

    def add(
        week: dt.date, back: int, statistic: str, factor: str, item: str | None, horizon: int, value: float
    ) -> None:
        lost = rng.random() < 0.03
        day = calendar.signal_day(calendar.offset_week(week, -back))
        rows.append(
            (week, factor, statistic, item, horizon, None if lost else value, 100, day, "few names" if lost else None)
        )

    for week in every:
        for factor in factors:
            for horizon in HORIZONS:
                add(week, horizon + 1, "rank_ic", factor, None, horizon, rng.normal(level[factor] * 0.9**horizon, 0.08))
            for decile in range(1, 11):
                add(week, 2, "decile_return", factor, str(decile), 1, rng.normal(0.001 * (decile - 5), 0.01))
            if catalogue.BY_KEY[factor].kind == "model":
                for one in range(3):
                    add(week, 2, "seed_rank_ic", factor, str(one), 1, rng.normal(level[factor] * 0.8, 0.08))
            add(week, 0, "autocorrelation", factor, None, 1, rng.uniform(0.5, 0.9))
            add(week, 0, "turnover", factor, None, 1, rng.uniform(0.2, 0.6))
            for style in STYLES:
                add(week, 0, "exposure", factor, style, 0, rng.normal(0, 0.1))
        for one, other in itertools.combinations(factors, 2):
            add(week, 0, "correlation", one, other, 0, rng.uniform(-0.3, 0.9))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")
