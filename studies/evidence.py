"""What the studies share: weekly RankICs and deciles of scores, how sure their mean is, and the record of a run.

Here: arithmetic on a study's weekly figures, and writing them down with the conditions they were found under. Not here:
what is studied.
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
from numpy.typing import NDArray
from scipy.stats import t as student

from assets.performance.evaluation import Signal, decile_returns
from assets.performance.price_paths import PricePaths
from assets.performance.rank_ics import correlate_ranks, holding_returns
from assets.performance.rebalancing import Rebalance
from assets.performance.statistics import default_lags, judge_ics, newey_west_error
from resources.calendar import Calendar
from resources.errors import ZhoubaoError

ROOT = Path(__file__).resolve().parents[1]
WEEKS_PER_YEAR = 52
Say = Callable[[str], None]
DECILE_NAMES = 100
Floats = NDArray[np.float64]


def carry_out(study: Callable[[argparse.Namespace, Say], None], options: argparse.Namespace) -> int:
    """Runs a study, its lines stamped with the time: the exit code, 1 where it was refused with its reason."""
    try:
        study(options, lambda line: print(f"{dt.datetime.now(dt.UTC):%H:%M:%S} {line}", flush=True))
    except ZhoubaoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


@dataclass(frozen=True)
class Interval:
    """A mean of weekly figures with its 95 % interval; icir = mean / std · √52, positive the share above zero."""

    weeks: int
    mean: float
    low: float
    high: float
    icir: float | None
    positive: float

    @property
    def above_zero(self) -> bool:
        return self.low > 0

    @property
    def holds_zero(self) -> bool:
        return self.low <= 0 <= self.high


def mean_interval(values: Sequence[float] | Floats) -> Interval:
    """Mean ± Student's quantile (n − 1 degrees of freedom) × Newey–West error, lags by the rule of thumb.

    values: in order of time, at least three. Student's quantile rather than the normal's, since a study has some dozens of
    weeks.
    """
    ics = np.asarray(values, dtype=np.float64)
    if len(ics) < 3 or not np.isfinite(ics).all():
        raise ValueError(f"an interval needs three finite weekly figures or more, not {ics.tolist()}")
    judged = judge_ics(ics, WEEKS_PER_YEAR)
    mean = float(ics.mean())
    half = float(student.ppf(0.975, len(ics) - 1)) * newey_west_error(ics, default_lags(len(ics)))
    return Interval(len(ics), mean, mean - half, mean + half, judged.icir, float((ics > 0).mean()))


# --- weekly figures ----------------------------------------------------------------------------------------------------


def holding_periods(
    calendar: Calendar, first: dt.date, last: dt.date, known: dt.date
) -> list[tuple[dt.date, Rebalance, Rebalance]]:
    """(week, entry, exit) of the weeks with a signal day from `first` to `last` whose holding period ends by `known`."""
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
    """One row per week and factor: week, signal, factor, names, rank_ic, deciles.

    scores: week → (symbol, factor, value) of its signal day. deciles: mean returns of the ten groups over that of all ten,
    lowest first; null with fewer than a hundred names, of which a group would be noise.
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
    """When, where and with what a study ran: command, date, commit, machine, library versions."""
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
    """The commit that ran; "+" says that files of the project differed from it."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", "assets", "resources", "benchmarks")
    return git("rev-parse", "--short=10", "HEAD") + ("+" if changed else "")


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    models = [line for line in info.read_text().splitlines() if line.startswith("model name")] if info.is_file() else []
    return models[0].split(":", 1)[1].strip() if models else platform.machine()


def write_record(path: Path, record: Mapping[str, Any], text: str) -> None:
    """`path`.json with the figures and `path`.md for people."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".json").write_text(
        json.dumps(record, indent=1, ensure_ascii=False, default=_plain) + "\n", "utf-8"
    )
    path.with_suffix(".md").write_text(text, "utf-8")


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; the first column left, figures right.

    >>> print(markdown_table(["who", "how much"], [["a", "1"]]))
    | who | how much |
    |---|---:|
    | a | 1 |
    """
    lines = ["| " + " | ".join(row) + " |" for row in [header, *rows]]
    return "\n".join([lines[0], "|---" + "|---:" * (len(header) - 1) + "|", *lines[1:]])


def show(interval: Interval) -> list[str]:
    """Mean, interval and ICIR as cells."""
    icir = "–" if interval.icir is None else f"{interval.icir:.2f}"
    return [f"{interval.mean:.4f}", f"[{interval.low:.4f}, {interval.high:.4f}]", icir]


def _plain(value: Any) -> Any:
    if isinstance(value, Interval):
        return asdict(value)
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, dt.date):
        return str(value)
    raise TypeError(f"{type(value)} has no place in a record")
