"""The daily-granularity attention GRU of networks 15–16 on the real market, over the weeks of 2016.

    python -m studies.daily_network_2016 --data DIR [--train-days N --valid-days N --seeds N --epochs N …]

The network is trained on real daily prices of all stocks (a reference folder as in SPEC §2.1, 2010–2016, which is only read) and
scores each week's signal day. It is compared with a linear model on the last day's 26 standardised features, trained on the same
days and labels, and with the 20-day reversal, on the same stocks and weeks. The measure is the weekly RankIC of SPEC §7.

The study uses the project's own code: the builder makes daily_prices, securities and daily_features in a separate lake, and panel,
labels, windows, training and scoring are those of a model's week. This module connects them and holds the linear model. With a GPU
the defaults are those of production (1 200 + 120 days, five seeds, retrained every 120 days). On a CPU they are smaller (every fifth
day, two seeds, trained once), which the record states. Trainings and tables are kept in --work, so that an interrupted run can be
resumed.
"""

import argparse
import datetime as dt
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from assets.factors.cross_section import standardise, zscore
from assets.features.assets import daily_features
from assets.models.device import choose_device, repeatable
from assets.models.labels import make_labels
from assets.models.networks import build_network
from assets.models.panel import FeaturePanel, build_panel, features_of
from assets.models.training import Samples, Trained, eligible_names, make_samples, outputs, train_networks
from assets.models.windows import trained_week, training_window, window_days
from assets.performance.price_paths import lay_out_prices
from assets.reference.assets import daily_prices, securities
from resources.builder import Builder
from resources.calendar import Calendar
from resources.errors import InputError
from resources.lake import Lake
from resources.landing import LandingZone
from resources.settings import Settings
from resources.settings.models import ModelSettings
from studies.evidence import (
    ROOT,
    Say,
    conditions,
    holding_periods,
    judge,
    markdown_table,
    mean_interval,
    run_study,
    show,
    write_record,
)

RESULT = Path(__file__).with_suffix("")
DATA = ROOT.parent / "shared" / "data" / "reference_2010_2016"
FIRST, LAST = dt.date(2016, 1, 1), dt.date(2016, 12, 31)
# Neighbouring days share most of a 60-day sequence and of a 10-day label, so that every fifth day has nearly the same information.
CPU = {"train_days": 1200, "valid_days": 120, "every": 5, "seeds": 2, "epochs": 6, "retrain_days": 400}
PUBLISHED = (
    "published for this network on the full market, 2017–2023: weekly RankIC about .12 (series 选股因子系列研究, 87)"
)
NETWORK, LINEAR, REVERSAL = "network", "linear", "reversal_20"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the study with the arguments of the command line, and return the exit status."""
    return run_study(run, parse(arguments))


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the options; the defaults are those of production with a GPU, and `CPU` otherwise."""
    production = Settings().models.multi_granularity_10d
    preset = {
        "train_days": production.train_days,
        "valid_days": production.valid_days,
        "every": 1,
        "seeds": len(production.seeds),
        "epochs": production.epochs,
        "retrain_days": production.retrain_every_days,
    }
    if not torch.cuda.is_available():
        preset = CPU
    parser = argparse.ArgumentParser(prog="python -m studies.daily_network_2016", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder of reference tables, 2010–2016")
    parser.add_argument(
        "--work", type=Path, default=ROOT / "lakes" / "daily_network_2016", help="folder for tables and trainings"
    )
    parser.add_argument("--out", type=Path, default=RESULT, help="path of the record, written as .json and .md")
    parser.add_argument(
        "--horizon",
        type=int,
        choices=(5, 10),
        default=10,
        help="days of the label: 5 for network 15, 10 for network 16",
    )
    helps = {
        "train_days": "training days of a window",
        "valid_days": "validation days of a window",
        "every": "train and validate only on every n-th of these days",
        "seeds": "number of networks to average",
        "epochs": "largest number of epochs",
        "retrain_days": "least number of trading days between trainings",
    }
    for name, value in preset.items():
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=int, default=value, help=f"{helps[name]} (default on this machine: {value})")
    parser.add_argument(
        "--threads", type=int, default=production.threads, help="number of seeds trained in parallel on a CPU"
    )
    return parser.parse_args(arguments)


def row_of(options: argparse.Namespace) -> ModelSettings:
    """Return the settings of network 15 or 16 with its daily network only and the changes of the options."""
    models = Settings().models
    row = models.multi_granularity_5d if options.horizon == 5 else models.multi_granularity_10d
    changes = {
        "granularities": ("daily",),
        "train_days": options.train_days,
        "valid_days": options.valid_days,
        "retrain_every_days": options.retrain_days,
        "first_training": FIRST,
        "epochs": options.epochs,
        "seeds": tuple(range(options.seeds)),
        "threads": options.threads,
    }
    return ModelSettings.model_validate({**row.model_dump(), **changes})


# --- the tables ---------------------------------------------------------------------------------------------------------


def open_builder(data: Path, work: Path, say: Say) -> Builder:
    """Return a builder of the three tables, with a landing zone that links to the reference folder.

    Raises:
        InputError: The folder has no daily_prices.parquet.
    """
    if not (data / "daily_prices.parquet").is_file():
        raise InputError(
            f"{data} has no daily_prices.parquet. Name a folder of reference tables (SPEC §2.1) with --data."
        )
    link = work / "market" / "reference"
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink():
        link.symlink_to(data.resolve(), target_is_directory=True)
    lake = Lake(str(work / "lake"))
    # Daily features begin with the prices here, because there are no minute data.
    tables = {table.name: table for table in (daily_prices, securities, replace(daily_features, history="reference"))}
    return Builder(
        tables=tables, lake=lake, zone=LandingZone(work / "market", lake.store), calendar=Calendar.xshg(),
        settings=Settings(), say=say,
    )  # fmt: skip


def build_tables(builder: Builder, first: dt.date, last: dt.date, say: Say) -> None:
    """Build the days from `first` to `last` of all three tables, and the earlier prices that their look-backs need.

    Raises:
        InputError: A partition is refused or blocked.
    """
    calendar, start = builder.calendar, builder.start_of(builder.tables["daily_prices"])
    days = calendar.days(first, last)
    earliest = max(start, calendar.offset(first, -min(60, calendar.index(first))))
    for name, wanted in (
        ("daily_prices", calendar.days(earliest, last)),
        ("securities", days),
        ("daily_features", days),
    ):
        began = time.monotonic()
        outcomes = builder.build(builder.tables[name], wanted)
        bad = [one for one in outcomes if one.state in ("refused", "blocked")]
        if bad:
            raise InputError(f"{name} of {bad[0].key} could not be built: {bad[0].detail}")
        say(
            f"{name}: {len(outcomes)} days, {sum(one.state == 'built' for one in outcomes)} built, {time.monotonic() - began:.0f} s"
        )


def read(builder: Builder, name: str, days: Sequence[dt.date]) -> pl.LazyFrame:
    """Read the partitions of a table."""
    return builder.lake.read(builder.tables[name], days)


# --- training and scoring -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fitted:
    """The results of one training week: networks per seed, the linear model on the same samples, and a description."""

    networks: Mapping[int, Trained]
    coefficients: NDArray[np.float64]  # (features,)
    about: Mapping[str, Any]


def fit(
    builder: Builder, week: dt.date, settings: ModelSettings, start: dt.date, options: argparse.Namespace, say: Any
) -> Fitted:
    """Train as a model's week does: only on labels known at the close of its signal day, purged at both borders."""
    calendar = builder.calendar
    window = training_window(calendar, week, settings, start)
    known = window_days(calendar, week, settings, start)
    listings = read(builder, "securities", known)
    panel = make_panel(builder, window.feature_days(calendar), listings, settings)
    labels = make_labels(
        read(builder, "daily_prices", known),
        listings,
        price_days=known,
        days=panel.days,
        symbols=panel.symbols,
        settings=settings,
    )
    samples = make_samples(panel, labels, settings, choose_device(settings.device))
    train = thin(samples.of(window.first_train, window.last_train), options.every)
    valid = thin(samples.of(window.first_valid, window.last_valid), options.every)
    say(
        f"week of {week}: train {window.first_train} to {window.last_train}, validation {window.first_valid} to "
        f"{window.last_valid}, signal day {window.signal_day}; {train.count} and {valid.count} samples of "
        f"{len(train.names)} and {len(valid.names)} days"
    )
    began = time.monotonic()
    work = (
        options.work
        / "training"
        / f"{week}-h{options.horizon}-{options.train_days}+{options.valid_days}-every{options.every}"
    )
    with repeatable():
        networks = train_networks(train, valid, settings, work=work, progress=lambda line: say(f"  {line}"))
    seconds = time.monotonic() - began
    curves = {seed: [asdict(epoch) for epoch in trained.curve] for seed, trained in networks.items()}
    about = {
        "week": str(week), "window": {name: str(value) for name, value in asdict(window).items()},
        "train_days": len(train.names), "train_samples": train.count, "valid_days": len(valid.names),
        "valid_samples": valid.count, "names": len(panel.symbols), "training_seconds": round(seconds), "curves": curves,
    }  # fmt: skip
    return Fitted(networks, least_squares(train), about)


def make_panel(
    builder: Builder, days: Sequence[dt.date], listings: pl.LazyFrame, settings: ModelSettings
) -> FeaturePanel:
    """Build the panel of daily features."""
    return build_panel(
        read(builder, "daily_features", days), listings, days=days, granularity="daily", features=features_of("daily"),
        clip=settings.clip, keep_all=True,
    )  # fmt: skip


def thin(samples: Samples, every: int) -> Samples:
    """Return the samples of every n-th day, counted back from the last one."""
    days = sorted(samples.names)[::-1][::every]
    return replace(samples, names={day: samples.names[day] for day in reversed(days)})


def least_squares(samples: Samples) -> NDArray[np.float64]:
    """Return the coefficients (features,) of the label on the last day's standardised features, without intercept.

    Features and labels have mean zero on each date. With collinear features the solution of least norm is returned.
    """
    width = samples.values.shape[-1]
    gram, moment = np.zeros((width, width)), np.zeros(width)
    for day, names in samples.names.items():
        x = samples.sequences(day, names)[-1].double().cpu().numpy()
        y = samples.targets(day, names).double().cpu().numpy()
        gram += x.T @ x
        moment += x.T @ y
    return np.asarray(np.linalg.lstsq(gram, moment, rcond=1e-10)[0], dtype=np.float64)


def score_week(
    fitted: Fitted, panel: FeaturePanel, day: int, raw: pl.DataFrame, settings: ModelSettings
) -> pl.DataFrame:
    """Return (symbol, factor, value) of the network, each of its seeds, the linear model and the reversal on one signal day.

    day: its position in the panel; raw: the day's daily_features. All score the same stocks, which are those that the network
    covers.
    """
    device = choose_device(settings.device)
    chosen = np.flatnonzero(eligible_names(panel, day, settings))
    symbols = [panel.symbols[name] for name in chosen]
    sequences = torch.from_numpy(panel.sequence(day, settings.sequence_days)[:, chosen]).float().to(device)
    seeds: dict[str, NDArray[np.float64]] = {}
    with repeatable():
        for seed, trained in fitted.networks.items():
            network = build_network(settings, len(panel.features), seed)
            network.load_state_dict(trained.weights)
            seeds[f"seed {seed}"] = zscore(outputs(network.to(device), sequences, None, settings).cpu().numpy())
    last_day = panel.values[day, 0, chosen].astype(np.float64)
    reversal = pl.DataFrame({"symbol": symbols}).join(raw, on="symbol", how="left", maintain_order="left")["return_20"]
    values = {
        NETWORK: standardise(np.mean(list(seeds.values()), axis=0), settings.clip),
        **seeds,
        LINEAR: last_day @ fitted.coefficients,
        REVERSAL: -reversal.cast(pl.Float64).fill_null(float("nan")).to_numpy(),
    }
    return pl.concat(
        pl.DataFrame({"symbol": symbols, "value": value}).select("symbol", factor=pl.lit(name), value="value")
        for name, value in values.items()
    )


def write_scores(scores: Mapping[dt.date, pl.DataFrame], calendar: Calendar, path: Path) -> None:
    """Write the scores of all weeks to one file (date, symbol, factor, value), which portfolios_2011_2016 --scores reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.concat(
        frame.select(pl.lit(calendar.signal_day(week)).alias("date"), "symbol", "factor", "value")
        for week, frame in scores.items()
    ).write_parquet(path)


# --- the study ----------------------------------------------------------------------------------------------------------


def summarise(judged: pl.DataFrame) -> dict[str, Any]:
    """Return the interval and mean decile returns of each factor, and the network's weekly RankIC less those of the others."""
    weekly = {name: frame.sort("week") for (name,), frame in judged.partition_by("factor", as_dict=True).items()}
    factors = {
        name: {
            "rank_ic": mean_interval(frame["rank_ic"].to_numpy()),
            "deciles": np.mean(frame["deciles"].to_list(), axis=0),
        }
        for name, frame in weekly.items()
    }
    own = weekly[NETWORK].select("week", "rank_ic")
    less = {
        name: mean_interval((both["rank_ic"] - both["other"]).to_numpy())
        for name in (LINEAR, REVERSAL)
        if (both := own.join(weekly[name].select("week", other="rank_ic"), on="week").sort("week")).height
    }
    return {"factors": factors, "network_less": less}


def run(options: argparse.Namespace, say: Say) -> None:
    """Run the study and write its record.

    Raises:
        InputError: The folder has no prices, a partition cannot be built, or the window is too long for 2016.
    """
    began, where = time.monotonic(), conditions(command(options))
    settings = row_of(options)
    builder = open_builder(options.data, options.work, say)
    calendar = builder.calendar
    start = builder.start_of(builder.tables["daily_prices"])
    prices = builder.zone.frame("daily_prices")
    assert prices is not None
    last = prices["date"][-1]
    periods = [
        (week, trained, entry, leave)
        for week, entry, leave in holding_periods(calendar, FIRST, LAST, last)
        if (trained := trained_week(calendar, week, settings, start)) is not None
    ]
    if not periods:
        raise InputError(
            f"no week of 2016 has {options.train_days} + {options.valid_days} days before it: set a smaller --train-days or "
            "--valid-days"
        )
    first_window = training_window(calendar, periods[0][1], settings, start)
    build_tables(builder, first_window.first_feature, last, say)

    signals = [entry.signal for _, _, entry, _ in periods]
    score_days = calendar.days(calendar.offset(signals[0], 1 - settings.sequence_days), signals[-1])
    panel = make_panel(builder, score_days, read(builder, "securities", score_days), settings)
    fitted: dict[dt.date, Fitted] = {}
    scores: dict[dt.date, pl.DataFrame] = {}
    for week, trained, entry, _ in periods:
        if trained not in fitted:
            fitted[trained] = fit(builder, trained, settings, start, options, say)
        raw = read(builder, "daily_features", [entry.signal]).select("symbol", "return_20").collect()
        scores[week] = score_week(fitted[trained], panel, panel.days.index(entry.signal), raw, settings)
    write_scores(scores, calendar, options.work / "scores.parquet")
    paths = lay_out_prices(read(builder, "daily_prices", days := calendar.days(signals[0], last)), days)
    judged = judge(scores, paths, [(week, entry, leave) for week, _, entry, leave in periods])
    summary = summarise(judged)
    record = {
        "conditions": {**where, "seconds": round(time.monotonic() - began)},
        "settings": settings.model_dump(mode="json"),
        "every": options.every,
        "trainings": [one.about for one in fitted.values()],
        "summary": summary,
        "weekly": judged.to_dicts(),
        "published": PUBLISHED,
    }
    write_record(options.out, record, describe(record, settings))
    for line in results(summary):
        say(line)
    say(f"written to {options.out.with_suffix('.json').name} and .md after {time.monotonic() - began:.0f} s")


def command(options: argparse.Namespace) -> str:
    """Return the command that repeats the run."""
    names = ("horizon", "train_days", "valid_days", "every", "seeds", "epochs", "retrain_days", "threads")
    asked = " ".join(f"--{name.replace('_', '-')} {getattr(options, name)}" for name in names)
    return f"python -m studies.daily_network_2016 {asked}"


def results(summary: Mapping[str, Any]) -> list[str]:
    """Return the lines of the record's tables: RankICs, differences, deciles."""
    factors: Mapping[str, Any] = summary["factors"]
    ordered = [NETWORK, LINEAR, REVERSAL, *sorted(name for name in factors if name.startswith("seed "))]
    header = ["score", "weekly RankIC", "95 % interval", "ICIR", "weeks above 0", "weeks"]
    rows = [
        [name, *show(one), f"{one.positive:.0%}", str(one.weeks)]
        for name in ordered
        for one in (factors[name]["rank_ic"],)
    ]
    rows += [
        [f"network less {name}", *show(one), f"{one.positive:.0%}", str(one.weeks)]
        for name, one in summary["network_less"].items()
    ]
    groups = [[name, *(f"{10_000 * value:+.0f}" for value in factors[name]["deciles"])] for name in ordered[:3]]
    deciles = markdown_table(
        ["bp a week over the mean of all", "1 (low)", *map(str, range(2, 10)), "10 (high)"], groups
    )
    return [*markdown_table(header, rows).split("\n"), "", *deciles.split("\n")]


def describe(record: Mapping[str, Any], settings: ModelSettings) -> str:
    """Return the record as Markdown: method, conditions and results."""
    where, trainings = record["conditions"], record["trainings"]
    windows = [
        f"- Trained after the close of {one['window']['signal_day']}: {one['window']['first_train']} to "
        f"{one['window']['last_train']} ({one['train_days']} days, {one['train_samples']:,} samples), validated on "
        f"{one['window']['first_valid']} to {one['window']['last_valid']} ({one['valid_days']} days); epochs run per seed "
        f"{', '.join(str(len(curve)) for curve in one['curves'].values())}, kept "
        f"{', '.join(str(epoch['epoch']) for curve in one['curves'].values() for epoch in curve if epoch['kept'])}; "
        f"{one['training_seconds']:,} s."
        for one in trainings
    ]
    thinned = f" Every {record['every']}th day of the windows is a sample." if record["every"] > 1 else ""
    return "\n".join(
        [
            "# The daily attention GRU on the real market, weeks of 2016",
            "",
            f"`{where['command']}`",
            "",
            f"{where['date']}, commit {where['commit']}, {where['machine']}, {where['versions']}; {where['seconds']:,} s in total.",
            "",
            f"The network is the bidirectional attention GRU of networks 15–16 (only the daily granularity: {settings.sequence_days} "
            f"days of 26 features). Its label is the Gaussian rank of the {settings.horizon}-day return, its loss the squared error. "
            f"{len(settings.seeds)} seeds are averaged, with at most {settings.epochs} epochs, patience {settings.patience} and a "
            f"window of {settings.train_days} + {settings.valid_days} days (production: 1 200 + 120 days, five seeds, at most 50 "
            f"epochs, retrained every 120 days), purged by {settings.horizon} days at both borders.{thinned}",
            "",
            *windows,
            "",
            "The weekly RankIC (SPEC §7) is Spearman's correlation of the signal day's score with the return from the trade day's VWAP "
            "to the next trade day's, over the stocks of U(t) that the network covers, on real daily prices of all stocks. Intervals "
            "use Newey–West errors and Student's quantile. The linear model is least squares on the last day's 26 standardised "
            'features, on the same samples; the reversal is minus the 20-day return; "network" is the mean of the z-scored outputs of '
            "its seeds.",
            "",
            *results(record["summary"]),
            "",
            f"For comparison, {record['published']}, for other years and with all three granularities.",
            "",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
