"""Whether the six networks find the alpha planted in the sample market, and find none where none was planted.

    python -m studies.planted_alpha [--work DIR] [--strengths 1 0]

Two simulated markets that differ only in the strength of the planted alpha are processed up to the scores: tables, trainings and
scores are made by the project under the settings of planted_alpha.toml. The measure of each network is its weekly RankIC out of
sample, for the average of its seeds and for each seed. The study tests the implementation and is no evidence about real markets.

All results are kept in --work, so that an interrupted run can be resumed.
"""

import argparse
import datetime as dt
import io
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from assets import catalogue
from assets.models.schemas import SEEDS
from assets.models.scoring import final_scores
from assets.models.windows import trained_week
from assets.performance.price_paths import lay_out_prices
from orchestration.plan import make_plan
from orchestration.platform import PROFILES, Names, open_builder
from resources.builder import Builder
from resources.errors import NotReadyError
from resources.settings.load import Profile, load_profile
from sample_market.folder import is_made
from sample_market.settings import MarketSettings, profile
from studies.evidence import (
    ROOT,
    Interval,
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
SETTINGS = Path(__file__).with_suffix(".toml")
DAYS, TICK_DAYS = 320, 8


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the study with the arguments of the command line, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m studies.planted_alpha", description=__doc__.split("\n")[0])
    parser.add_argument(
        "--work", type=Path, default=ROOT / "lakes" / "planted_alpha", help="folder for the markets and lakes"
    )
    parser.add_argument("--out", type=Path, default=RESULT, help="path of the record, written as .json and .md")
    parser.add_argument(
        "--strengths", type=float, nargs="+", default=[1.0, 0.0], help="strengths of the planted alpha, one market each"
    )
    parser.add_argument("--days", type=int, default=DAYS, help=f"trading days of each market (default: {DAYS})")
    options = parser.parse_args(arguments)
    return run_study(run, options)


def run(options: argparse.Namespace, say: Say) -> None:
    """Run the study and write its record."""
    asked = f"--strengths {' '.join(f'{strength:g}' for strength in options.strengths)} --days {options.days}"
    began, where = time.monotonic(), conditions(f"python -m studies.planted_alpha {asked}")
    chosen = load_profile(str(SETTINGS), PROFILES)
    markets = [
        study_market(
            profile("sample", days=options.days, tick_days=TICK_DAYS, alpha=strength), options.work, chosen, say
        )
        for strength in options.strengths
    ]
    record: dict[str, Any] = {
        "conditions": where,
        "settings": {key: row.model_dump(mode="json") for key, row in chosen.settings.models.rows.items()},
        "markets": markets,
    }
    record["conditions"]["seconds"] = round(time.monotonic() - began)
    write_record(options.out, record, describe(record, chosen))
    for line in results(markets):
        say(line)


# --- one market ---------------------------------------------------------------------------------------------------------


def study_market(market: MarketSettings, work: Path, chosen: Profile, say: Say) -> dict[str, Any]:
    """Make the market, build the scores of every week that all six models can score, and return their statistics."""
    began = time.monotonic()
    folder = work / f"alpha_{market.alpha:g}"
    if not is_made(folder / "market", market):
        from sample_market.generate import generate

        generate(market, folder / "market", report=say)
    builder = open_builder(
        Names(str(folder / "market"), str(folder / "lake"), ""), profile=chosen, say=lambda line: say(f"  {line}")
    )
    calendar, start, last = builder.calendar, builder.start, builder.zone.days()[-1]
    rows = chosen.settings.models.rows
    periods = [
        period
        for period in holding_periods(calendar, start, last, known=last)
        if all(trained_week(calendar, period[0], row, start) for row in rows.values())
    ]
    weeks = [week for week, _, _ in periods]
    build_scores(builder, weeks, lambda line: say(f"strength {market.alpha:g}: {line}"))
    days = calendar.days(periods[0][1].signal, last)
    paths = lay_out_prices(builder.lake.read(builder.tables["daily_prices"], days), days)
    judged = judge({week: read_scores(builder, week) for week in weeks}, paths, periods)
    return {
        "alpha": market.alpha,
        "market": market.model_dump(mode="json"),
        "weeks": [weeks[0], weeks[-1]],
        "trained_weeks": {
            key: sorted({str(trained_week(calendar, week, row, start)) for week in weeks}) for key, row in rows.items()
        },
        "models": summarise(judged, list(rows)),
        "weekly": judged.drop("deciles").to_dicts(),
        "seconds": round(time.monotonic() - began),
    }


def build_scores(builder: Builder, weeks: Sequence[dt.date], say: Say) -> None:
    """Build the scores of these weeks and everything that they are made from, table by table.

    Raises:
        NotReadyError: A partition is refused or blocked.
    """
    plan = make_plan(builder, [("scores", week) for week in weeks])
    for table in builder.tables.values():
        keys = [step.key for step in plan.steps if step.table.name == table.name]
        if not keys:
            continue
        began = time.monotonic()
        outcomes = builder.build(table, keys)
        bad = [one for one in outcomes if one.state in ("refused", "blocked")]
        if bad:
            raise NotReadyError(f"{table.name} of {bad[0].key} could not be built: {bad[0].detail}")
        say(f"{table.name}: {len(keys)} partitions, {time.monotonic() - began:.0f} s")


def read_scores(builder: Builder, week: dt.date) -> pl.DataFrame:
    """Return (symbol, factor, value): the score of each model, and as "<model> seed <n>" the score from that seed only."""
    table = builder.tables["scores"]
    scores = builder.lake.read(table, [week]).collect()
    styles = builder.lake.read(builder.tables["styles"], [builder.calendar.signal_day(week)]).collect()
    seeds = pl.read_parquet(io.BytesIO(builder.lake.read_file(table, week, SEEDS)))
    alone = seeds.group_by("factor", "seed", "symbol").agg(pl.col("value").mean()).sort("factor", "seed", "symbol")
    parts = [scores.select("symbol", "factor", "value")]
    for (model, seed), frame in alone.group_by("factor", "seed", maintain_order=True):
        row = builder.settings.models.rows[model]
        value = final_scores(frame["value"].to_numpy(), frame["symbol"].to_list(), styles, row)
        own = frame.select("symbol", factor=pl.lit(f"{model} seed {seed}")).with_columns(value=value)
        parts.append(own.with_columns(pl.col("value").fill_nan(None)))
    return pl.concat(parts)


# --- results ------------------------------------------------------------------------------------------------------------


def summarise(judged: pl.DataFrame, models: Sequence[str]) -> dict[str, Any]:
    """Return model → the interval of the score of all its seeds ("all") and of each seed ("seeds")."""
    weekly = {name: frame.sort("week")["rank_ic"].to_numpy() for (name,), frame in judged.group_by("factor")}
    return {
        model: {
            "all": mean_interval(weekly[model]),
            "seeds": {
                name: mean_interval(weekly[name]) for name in sorted(weekly) if name.startswith(f"{model} seed ")
            },
        }
        for model in models
    }


def verdict(alpha: float, interval: Interval) -> str:
    """Return whether the claim is true for a market of this strength, in words."""
    if alpha > 0:
        return "above zero" if interval.above_zero else "NOT above zero"
    return "contains zero" if interval.contains_zero else "does NOT contain zero"


def results(markets: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the lines of the record's tables."""
    lines: list[str] = []
    header = [
        "network",
        "weekly RankIC",
        "95 % interval",
        "ICIR",
        "verdict",
        "single seeds: mean ± std",
        "their intervals",
    ]
    for market in markets:
        rows = []
        for model, found in market["models"].items():
            means = [one.mean for one in found["seeds"].values()]
            alike = [
                verdict(market["alpha"], one) == verdict(market["alpha"], found["all"])
                for one in found["seeds"].values()
            ]
            rows.append(
                [
                    f"{catalogue.BY_KEY[model].number} {model}",
                    *show(found["all"]),
                    verdict(market["alpha"], found["all"]),
                    f"{np.mean(means):.4f} ± {np.std(means, ddof=1):.4f}",
                    f"{sum(alike)} of {len(alike)} {verdict(market['alpha'], found['all'])}",
                ]
            )
        weeks = next(iter(market["models"].values()))["all"].weeks
        lines += [f"Strength {market['alpha']:g}, {weeks} weeks {market['weeks'][0]} to {market['weeks'][1]}:", ""]
        lines += [*markdown_table(header, rows).split("\n"), ""]
    return lines


def describe(record: Mapping[str, Any], chosen: Profile) -> str:
    """Return the record as Markdown."""
    where, first = record["conditions"], record["markets"][0]["market"]
    names = first["sse_main"] + first["star"] + first["szse_main"] + first["chinext"]
    trained = {", ".join(weeks) for market in record["markets"] for weeks in market["trained_weeks"].values()}
    return "\n".join(
        [
            "# The planted alpha, found by all six networks",
            "",
            "The market is simulated: the study tests the implementation and is no evidence about real markets.",
            "",
            f"`{where['command']}`",
            "",
            f"{where['date']}, commit {where['commit']}, {where['machine']}, {where['versions']}; "
            + ", ".join(f"{market['seconds']:,} s for strength {market['alpha']:g}" for market in record["markets"])
            + " (less where markets, tables or trainings existed before).",
            "",
            f"The sample market has {names} stocks and {first['days']} days, seed {first['seed']}. Settings: "
            f"{chosen.shortens['models']}. The models were trained in the weeks of {' or '.join(sorted(trained))}; every week is scored "
            "out of sample.",
            "",
            "The weekly RankIC (SPEC §7) is Spearman's correlation of the signal day's score with the return from the trade day's VWAP "
            "to the next trade day's. Intervals use Newey–West errors over the weeks and Student's quantile. The score of a network is "
            "the average of its five seeds; the last columns are for single seeds. The claim is that the interval is above zero with "
            "the planted alpha, and contains zero without it.",
            "",
            *results(record["markets"]),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
