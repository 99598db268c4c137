"""The gate's rules on a range of profiles → verdicts, beside Great Expectations on the same rows.

    python -m benchmarks gate

Twenty days of 300 names, six checks, as the daily tables of a small market have them. Great Expectations judges each rule once over the
whole range, because one validation per day takes ten times as long; its import (3–4 s, once per process) is not in the figures. Both
find the same rows, which is compared before anything is timed. The floor reads each judged column once.
"""

import datetime as dt
import os
from typing import Any

import numpy as np
import polars as pl

from benchmarks._side_by_side import alternate, row
from resources.expectations import PARTITION, validate
from resources.gate import Between, Check, CheckRule, InSet, NotNull, Unique, breaking_rows, judge
from resources.language import Bilingual

DAYS, NAMES, ROUNDS, BROKEN = 20, 300, 5, 0.002
REMEDY = Bilingual("重新提供当日文件", "deliver the day's files again")
RULES: tuple[CheckRule, ...] = (
    Between("volume", 0),
    Between("difference", 0, 0),
    Between("coverage", 0.5, 1),
    NotNull("close"),
    InSet("status", ("traded", "suspended")),
    Unique(("symbol",)),
)


def main() -> list[dict[str, Any]]:
    """Return result rows: name, unit, ours, peer, ratio, target, floor, conditions."""
    profiles = {dt.date(2023, 1, 1) + dt.timedelta(days=day): _profile(day) for day in range(DAYS)}
    stacked = pl.concat(profile.with_columns(pl.lit(str(key)).alias(PARTITION)) for key, profile in profiles.items())
    checks = [Check(f"check_{n}", rule, critical=True, remedy=REMEDY) for n, rule in enumerate(RULES)]
    for rule in RULES:
        ours = pl.concat([breaking_rows(rule, profile) for profile in profiles.values()]).arg_true().to_list()
        assert ours == validate(rule, stacked), rule
    medians = alternate(
        {
            "ours": lambda: judge(checks, profiles, {key: {} for key in profiles}),
            "great_expectations": lambda: [validate(rule, stacked) for rule in RULES],
            "floor": lambda: [
                profile[column].n_unique() for profile in profiles.values() for column in profile.columns
            ],
        },
        ROUNDS,
    )
    conditions = {"shape": [DAYS, NAMES, len(RULES)], "rounds": ROUNDS, "load_1_min": round(os.getloadavg()[0], 1)}
    return [
        row(
            f"gate of {DAYS} days × {NAMES} names × {len(RULES)} checks",
            medians,
            ("great_expectations",),
            10,
            conditions,
        )
    ]


def _profile(seed: int) -> pl.DataFrame:
    generator = np.random.default_rng(seed)
    broken = generator.random(NAMES) < BROKEN
    return pl.DataFrame(
        {
            "symbol": [f"{n:06d}.SZ" for n in range(NAMES)],
            "volume": generator.integers(0, 10**9, NAMES),
            "difference": np.where(broken, 7, 0),
            "coverage": generator.uniform(0.5, 1, NAMES),
            "close": pl.Series(generator.uniform(1, 100, NAMES)).set(pl.Series(broken), None),
            "status": generator.choice(["traded", "suspended"], NAMES),
        }
    )
