"""Shared functions of the studies: weekly RankICs and deciles of scores, intervals of their means, and the record of a run.

This module computes statistics of weekly figures and writes them with the conditions of the run. It does not hold a study.
"""

import argparse
import datetime as dt
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy.stats import t as student

from assets.performance.evaluation import Signal, decile_returns
from assets.performance.price_paths import PricePaths
from assets.performance.rank_ics import correlate_ranks, holding_returns
from assets.performance.rebalancing import Rebalance
from assets.performance.statistics import default_lags, judge_ics, newey_west_error
from resources.arrays import Floats
from resources.calendar import Calendar
from resources.errors import ZhoubaoError

ROOT = Path(__file__).resolve().parents[1]
WEEKS_PER_YEAR = 52
Say = Callable[[str], None]
DECILE_NAMES = 100  # least number of stocks for deciles
PROJECT = ("assets", "orchestration", "resources", "sample_market", "studies")  # folders whose changes a record marks


def run_study(study: Callable[[argparse.Namespace, Say], None], options: argparse.Namespace) -> int:
    """Run a study, print its lines with the time, and return the exit status: 0, or 1 with the error on stderr."""
    try:
        study(options, lambda line: print(f"{dt.datetime.now(dt.UTC):%H:%M:%S} {line}", flush=True))
    except ZhoubaoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


@dataclass(frozen=True)
class Interval:
    """A mean of weekly figures with its 95 % interval. icir: mean / std · √52. positive: the share of weeks above zero."""

    weeks: int
    mean: float
    low: float
    high: float
    icir: float | None
    positive: float

    @property
    def above_zero(self) -> bool:
        """Whether the whole interval is above zero."""
        return self.low > 0

    @property
    def contains_zero(self) -> bool:
        """Whether zero is inside the interval."""
        return self.low <= 0 <= self.high


def mean_interval(values: Sequence[float] | Floats) -> Interval:
    """Return mean ± Student's quantile (n − 1 degrees of freedom) × Newey–West error, with lags by the rule of thumb.

    values: in the order of time, at least three. Student's quantile is used because a study has only some dozens of weeks.

    Raises:
        ValueError: There are fewer than three values, or one is not finite.
    """
    ics = np.asarray(values, dtype=np.float64)
    if len(ics) < 3 or not np.isfinite(ics).all():
        raise ValueError(f"an interval needs at least three finite weekly figures, not {ics.tolist()}")
    judged = judge_ics(ics, WEEKS_PER_YEAR)
    mean = float(ics.mean())
    half = float(student.ppf(0.975, len(ics) - 1)) * newey_west_error(ics, default_lags(len(ics)))
    return Interval(len(ics), mean, mean - half, mean + half, judged.icir, float((ics > 0).mean()))


# --- weekly figures ----------------------------------------------------------------------------------------------------


def holding_periods(
    calendar: Calendar, first: dt.date, last: dt.date, known: dt.date
) -> list[tuple[dt.date, Rebalance, Rebalance]]:
    """Return (week, entry, exit) of the weeks with a signal day from `first` to `last` and a holding period up to `known`."""
    weeks = [
        week
        for week in calendar.weeks(calendar.week_of(first), calendar.week_of(last))
        if first <= calendar.signal_day(week) <= last
    ]
    periods = []
    for week in weeks:
        after = calendar.offset_week(week, 1)
        entry, leave = (Rebalance(calendar.signal_day(one), calendar.trade_day(one)) for one in (week, after))
        if leave.trade <= known:
            periods.append((week, entry, leave))
    return periods


def judge(
    scores: Mapping[dt.date, pl.DataFrame],
    paths: PricePaths,
    periods: Iterable[tuple[dt.date, Rebalance, Rebalance]],
) -> pl.DataFrame:
    """Return one row per week and factor: week, signal, factor, names, rank_ic, deciles.

    scores: week → (symbol, factor, value) of its signal day. deciles: mean returns of the ten groups less the mean of all ten,
    lowest group first; null with fewer than a hundred stocks, where a group would be noise.
    """
    rows = []
    for week, entry, leave in periods:
        returns = holding_returns(paths, entry, leave)
        groups = decile_returns(Signal.of(entry.signal, scores[week]), returns)
        cut = {factor: own["value"].to_numpy() for (factor,), own in groups.group_by("factor", maintain_order=True)}
        for factor, rank_ic, names in correlate_ranks(scores[week], paths, entry, leave).iter_rows():
            deciles = (cut[factor] - cut[factor].mean()).tolist() if names >= DECILE_NAMES else None
            rows.append(
                {
                    "week": week,
                    "signal": entry.signal,
                    "factor": factor,
                    "names": names,
                    "rank_ic": rank_ic,
                    "deciles": deciles,
                }
            )
    return pl.DataFrame(rows, schema_overrides={"deciles": pl.List(pl.Float64)})


# --- the record ---------------------------------------------------------------------------------------------------------


def conditions(command: str) -> dict[str, Any]:
    """Return the conditions of a run: command, date, commit, machine, library versions."""
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "command": command,
        "date": f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC",
        "commit": _commit(),
        "machine": f"{os.cpu_count()} cores of {_processor()}" + (f", {gpu}" if gpu else ", no GPU"),
        "versions": f"Python {platform.python_version()}, torch {torch.__version__}, polars {pl.__version__}",
    }


def _commit() -> str:
    """The commit of the run, with a "+" if files of the project differ from it."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", *PROJECT)
    return git("rev-parse", "--short=10", "HEAD") + ("+" if changed else "")


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    models = [line for line in info.read_text().splitlines() if line.startswith("model name")] if info.is_file() else []
    return models[0].split(":", 1)[1].strip() if models else platform.machine()


def write_record(path: Path, record: Mapping[str, Any], text: str) -> None:
    """Write `path`.json with the figures and `path`.md with the text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".json").write_text(
        json.dumps(record, indent=1, ensure_ascii=False, default=_plain) + "\n", "utf-8"
    )
    path.with_suffix(".md").write_text(text, "utf-8")


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table with the first column aligned left and the others right.

    >>> print(markdown_table(["who", "how much"], [["a", "1"]]))
    | who | how much |
    |---|---:|
    | a | 1 |
    """
    lines = ["| " + " | ".join(row) + " |" for row in [header, *rows]]
    return "\n".join([lines[0], "|---" + "|---:" * (len(header) - 1) + "|", *lines[1:]])


def show(interval: Interval) -> list[str]:
    """Return mean, interval and ICIR as cells of a table."""
    icir = "–" if interval.icir is None else f"{interval.icir:.2f}"
    return [f"{interval.mean:.4f}", f"[{interval.low:.4f}, {interval.high:.4f}]", icir]


def _plain(value: Any) -> Any:
    if isinstance(value, Interval):
        return asdict(value)
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, dt.date):
        return str(value)
    raise TypeError(f"a record cannot contain a value of the type {type(value)}")
