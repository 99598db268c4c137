"""A lake of models and scores without the builder: each week receives exactly the partitions that the declarations name."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from assets.features.names import BAR_FEATURES, DAILY_FEATURES, HOUR_FEATURE
from assets.models import assets
from assets.models.make_model import make_model
from assets.models.make_scores import make_scores
from resources.lookback import same
from resources.settings.models import ModelSettings, ModelsSettings
from tests.making import run_make
from tests.reasons import to_reasons

BARS = (570, 600)
FRAMES = ("bar_features", "daily_features", "daily_prices", "securities", "styles")
TABLES = {table.name: table for table in assets.TABLES}
MODELS = tuple(name for name in TABLES if name not in ("scores", "offset_scores"))
SHORT = {
    "hidden": 8, "sequence_days": 3, "horizon": 2, "train_days": 8, "valid_days": 3, "epochs": 2, "seeds": (0, 1),
    "device": "cpu", "threads": 1, "retrain_every_weeks": 2, "retrain_every_days": 1, "first_training": None,
    "risk_days": 6,
}  # fmt: skip


def short_settings(changes: Mapping[str, object] | None = None, **section: object) -> ModelsSettings:
    """All six models with small windows of 18 days, trained every second week."""
    rows = {
        model: ModelSettings.model_validate(row.model_dump() | SHORT | (changes or {}))
        for model, row in ModelsSettings().rows.items()
    }
    return ModelsSettings(**rows, **section)


def widen(market, seed: int = 1):
    """The market with 60-minute bars, daily features, and styles for the orthogonal layer."""
    rng = np.random.default_rng(seed)
    half_hours = market.bar_features.with_columns(pl.lit(None, pl.Float32).alias(HOUR_FEATURE))
    hours = half_hours.filter(pl.col("bar").is_in(BARS[::2])).with_columns(
        pl.lit(60, pl.Int32).alias("granularity"),
        pl.Series(HOUR_FEATURE, rng.normal(size=market.bar_features.filter(pl.col("bar").is_in(BARS[::2])).height)),
    )
    market.bar_features = pl.concat([half_hours, hours], how="vertical_relaxed").cast({HOUR_FEATURE: pl.Float32})
    first = half_hours.filter(pl.col("bar") == BARS[0])
    others = {name: rng.normal(size=first.height).astype(np.float32) for name in DAILY_FEATURES[1:]}
    market.daily_features = first.select(
        "date", "symbol", pl.col(BAR_FEATURES[0]).alias(DAILY_FEATURES[0])
    ).with_columns(
        pl.Series(name, np.where(rng.random(first.height) < 0.03, np.nan, values)).fill_nan(None).cast(pl.Float32)
        for name, values in others.items()
    )
    market.styles = market.styles.with_columns(
        pl.Series(name, rng.normal(size=market.styles.height)) for name in ("mid_cap", "value", "volatility")
    )
    return market


class Lake:
    """Makes weeks in order and keeps the results. reasons: why features, prices or styles are n/a."""

    def __init__(self, market, settings: ModelsSettings, folder: Path, reasons=None):
        self.market, self.settings, self.folder, self.start = market, settings, folder, market.days[0]
        self.reasons = {name: {} for name in FRAMES} | (reasons or {})
        self.models: dict[tuple[str, object], object] = {}
        self.scored: dict[object, object] = {}
        self.lines: list[str] = []

    @property
    def weeks(self):
        calendar = self.market.calendar
        return calendar.weeks(calendar.week_of(self.start), calendar.week_of(self.market.days[-1]))

    def read(self, table, name, week, section):
        over = table.read(name).over
        keys = over.keys(self.market.calendar, week, section, self.start)
        if over is same:
            keys = [self.market.calendar.signal_day(week)]
        return getattr(self.market, name).filter(pl.col("date").is_in(keys)).lazy()

    def frames(self, table, week, section):
        return {name: self.read(table, name, week, section) for name in FRAMES if table.read(name) is not None}

    def files(self, allowed):
        def read(name, week, file):
            assert week in allowed[name], f"{name} of {week} is not declared"
            return self.models[name, week].files[file]

        return read

    def known(self, name, weeks):
        held = [self.models[name, week].unavailable for week in weeks]
        return dict(held[-1]) if held else dict.fromkeys(TABLES[name].schema, "the data begins here")

    def model(self, name, week):
        row, table = getattr(self.settings, name), TABLES[name]
        own = table.read(name).over.keys(self.market.calendar, week, row, self.start)
        scratch, work = (self.folder / kind / name / str(week) for kind in ("scratch", "work"))
        for path in (scratch, work):
            path.mkdir(parents=True, exist_ok=True)
        made = run_make(
            make_model,
            table=name,
            week=week,
            **self.frames(table, week, row),
            settings=row,
            calendar=self.market.calendar,
            start=self.start,
            files=self.files({name: own}),
            unavailable=to_reasons(self.reasons | {name: self.known(name, own)}),
            scratch=scratch,
            work=work,
            progress=self.lines.append,
        )
        self.models[name, week] = made
        return made

    def score(self, week):
        calendar, table = self.market.calendar, TABLES["scores"]
        keys = {name: table.read(name).over.keys(calendar, week, self.settings, self.start) for name in MODELS}
        made = run_make(
            make_scores,
            week=week,
            date=calendar.signal_day(week),
            **self.frames(table, week, self.settings),
            settings=self.settings,
            calendar=calendar,
            start=self.start,
            files=self.files(keys),
            unavailable=to_reasons(
                self.reasons
                | {
                    name: self.known(name, weeks)
                    if all((name, week) in self.models for week in weeks)
                    else {"valid_loss": f"{name} is not made in this test"}
                    for name, weeks in keys.items()
                }
            ),
        )
        self.scored[week] = made
        return made

    def run(self, weeks: Sequence | None = None, models: Sequence[str] = MODELS, *, scores: bool = True):
        for week in weeks or self.weeks:
            for name in models:
                self.model(name, week)
            if scores:
                self.score(week)
        return self
