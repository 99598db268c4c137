"""Both portfolios on the real market of 2011–2016: every weekly solve, the relaxed constraints and why, and holdings against bounds.

    python -m studies.portfolios_2011_2016 [--data DIR] [--work DIR] [--window N | --scores FILE --alpha NAME]

csi500_portfolio runs every week from the last of 2010 to the last of 2016 on real daily prices, official weights, real industries
and index closes; csi1000_portfolio every week of 2015 and 2016 on weights that replace the official ones (the README of the data
describes how they were made). The builder makes the project's own tables under production settings; only `scores` is replaced, by a
score that needs daily data only. The study tests the implementation; its returns are no evidence about network 16.

Every stored week is then verified from the stored tables by independent code (here and in second_look.py): the bounds, the least
relaxation and the best score by another solver, the conflicts, the fills and the accounts. The tables are kept in --work, so that an
interrupted run can be resumed, and a second run only reads. The score of the daily network is used with these commands:

    python -m studies.daily_network_2016 --work W …          # writes W/scores.parquet
    python -m studies.portfolios_2011_2016 --scores W/scores.parquet --alpha network \\
        --first 2016-01-04 --last 2016-12-12 --work V --out studies/portfolios_2016_network
"""

import argparse
import datetime as dt
import hashlib
import io
import itertools
import json
import math
import sys
import time
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from assets.bars.assets import minute_bars
from assets.catalogue import PORTFOLIOS, Portfolio
from assets.distributions.assets import distribution_shifts
from assets.factors.assets import factors, styles
from assets.factors.styles import STYLES
from assets.performance.statistics import relative_strength
from assets.portfolios.assets import attribution, csi500_portfolio, csi1000_portfolio, portfolio_returns
from assets.portfolios.problem.constraints import FREE
from assets.portfolios.schemas import COMPONENTS
from assets.portfolios.week.returns import drifted_return, index_returns
from assets.reference.assets import daily_prices, indices, securities
from assets.report.render.charts import Curve, draw_lines
from orchestration.plan import make_plan
from resources.arrays import Floats
from resources.builder import Builder
from resources.calendar import Calendar
from resources.errors import InputError
from resources.lake import Lake
from resources.landing import LandingZone
from resources.manifest import Manifest
from resources.reasons import Reason
from resources.settings import Settings
from resources.settings.portfolios import IndexPortfolioSettings, PortfoliosSettings
from studies.demonstration import DemonstrationSettings, empty, scores
from studies.evidence import ROOT, Say, conditions, markdown_table, run_study
from studies.second_look import Limits, account, irreducible, restate, solve_again, wrong_fills

RESULT = Path(__file__).with_suffix("")
DATA = ROOT.parent / "shared" / "data" / "reference_2010_2016"
FIRST, LAST = dt.date(2010, 12, 27), dt.date(2016, 12, 26)  # Mondays: built on the last signal day before 2011
STANDIN = "csi1000_standin_weights"
TOTAL_RETURN = {"000905.SH": "H00905.CSI", "000852.SH": "H00852.CSI"}
TOLERANCE = 1e-8
SHOWN_STATES = 5  # number of stocks of one state that the text of a conflict lists
RISK_DAYS = 60  # days of returns for the past tracking error of a target
DAYS_PER_YEAR = 244
SUMMER = (dt.date(2015, 6, 1), dt.date(2015, 9, 30))
CONFLICT = "cannot all be satisfied: "  # begins the text of a conflict


# The names of Shenwan's level-1 industries of 2014 by the codes of the data.
INDUSTRIES = {
    "11": "agriculture", "21": "mining", "22": "chemicals", "23": "steel", "24": "non-ferrous metals", "27": "electronics",
    "28": "automobiles", "33": "household appliances", "34": "food and beverage", "35": "textiles", "36": "light manufacturing",
    "37": "pharmaceuticals", "41": "utilities", "42": "transportation", "43": "real estate", "45": "commerce",
    "46": "leisure services", "48": "banks", "49": "non-bank finance", "51": "conglomerates", "61": "building materials",
    "62": "construction", "63": "electrical equipment", "64": "machinery", "65": "defence", "71": "computers", "72": "media",
    "73": "communications",
    # industries of the scheme before 2014
    "25": "construction and materials", "26": "machinery", "29": "information equipment", "44": "financial services",
    "47": "information services",
}  # fmt: skip


class StudySettings(Settings):
    """The settings of the project and those of the demonstration score."""

    demonstration: DemonstrationSettings = DemonstrationSettings()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the study with the arguments of the command line, and return the exit status."""
    return run_study(run, parse(arguments))


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the options."""
    parser = argparse.ArgumentParser(prog="python -m studies.portfolios_2011_2016", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder of reference tables, 2010–2016")
    parser.add_argument(
        "--work", type=Path, default=ROOT / "lakes" / "portfolios_2011_2016", help="folder for the tables"
    )
    parser.add_argument("--out", type=Path, default=RESULT, help="path of the record: .json, .md and two charts")
    parser.add_argument("--first", type=dt.date.fromisoformat, default=FIRST, help=f"first week, a Monday ({FIRST})")
    parser.add_argument("--last", type=dt.date.fromisoformat, default=LAST, help=f"last week, a Monday ({LAST})")
    parser.add_argument(
        "--window", type=int, default=20, help="days of the return whose negative is the score (default: 20)"
    )
    parser.add_argument(
        "--scores", type=Path, help="Parquet file of scores to use instead: date, symbol, factor, value"
    )
    parser.add_argument("--alpha", help="with --scores: the factor in the file")
    options = parser.parse_args(arguments)
    if (options.scores is None) != (options.alpha is None):
        parser.error("--scores names a file and --alpha the factor in it: set both or neither")
    return options


def command(options: argparse.Namespace) -> str:
    """Return the command that repeats the run."""
    asked = f"--window {options.window}"
    if options.scores is not None:
        asked = f"--scores {options.scores.name} --alpha {options.alpha}"
    return f"python -m studies.portfolios_2011_2016 {asked} --first {options.first} --last {options.last}"


def study_settings(options: argparse.Namespace) -> StudySettings:
    """Return production's settings with the demonstration score as μ, starting in the first week.

    Raises:
        InputError: The file of scores does not exist.
    """
    if options.scores is None:
        score = DemonstrationSettings(score=f"reversal_{options.window}", window=options.window)
    else:
        if not options.scores.is_file():
            raise InputError(
                f"{options.scores} is not a file. --scores must name a Parquet file of date, symbol, factor, value."
            )
        digest = hashlib.blake2b(options.scores.read_bytes(), digest_size=16).hexdigest()
        score = DemonstrationSettings(score=options.alpha, window=1, file=str(options.scores.resolve()), digest=digest)
    portfolios = {**Settings().portfolios.model_dump(), "alpha": score.score, "start": options.first}
    return StudySettings(demonstration=score, portfolios=PortfoliosSettings.model_validate(portfolios))


# --- the tables ---------------------------------------------------------------------------------------------------------


def lay_out_market(data: Path, market: Path) -> None:
    """Write a landing zone that links to the reference folder; only index_weights is copied, with the replacement appended.

    Raises:
        InputError: The folder has no daily_prices.parquet.
    """
    if not (data / "daily_prices.parquet").is_file():
        raise InputError(
            f"{data} has no daily_prices.parquet. Name a folder of reference tables (SPEC §2.1) with --data."
        )
    folder = market / "reference"
    folder.mkdir(parents=True, exist_ok=True)
    for source in sorted(data.glob("*.parquet")):
        link = folder / source.name
        if source.stem not in ("index_weights", STANDIN) and not link.is_symlink():
            link.symlink_to(source.resolve())
    target = folder / "index_weights.parquet"
    parts = [path for name in ("index_weights", STANDIN) if (path := data / f"{name}.parquet").is_file()]
    if not target.is_file() or target.stat().st_mtime < max(part.stat().st_mtime for part in parts):
        columns = ("index", "date", "symbol", "weight")
        pl.concat([pl.read_parquet(part).select(columns) for part in parts]).write_parquet(target)


def open_builder(options: argparse.Namespace, say: Say) -> Builder:
    """Return the builder of the study's tables."""
    market = options.work / "market"
    lay_out_market(options.data, market)
    lake = Lake(str(options.work / "lake"))
    own = (
        daily_prices, securities, indices, empty(minute_bars), styles, empty(factors),
        scores, empty(distribution_shifts),
    )  # fmt: skip
    # Portfolios begin with the prices here, because there are no minute data.
    made = (
        replace(table, history="reference")
        for table in (csi500_portfolio, csi1000_portfolio, portfolio_returns, attribution)
    )
    return Builder(
        tables={table.name: table for table in (*own, *made)}, lake=lake, zone=LandingZone(market, lake.store),
        calendar=Calendar.xshg(), settings=study_settings(options), say=say,
    )  # fmt: skip


def build_tables(builder: Builder, weeks: Sequence[dt.date], say: Say) -> int:
    """Build the attribution of these weeks and everything that it is made from; return the number of partitions built.

    Raises:
        InputError: A partition is refused or blocked.
    """
    plan = make_plan(builder, [(attribution.name, week) for week in weeks])
    if plan.blocked:
        one = plan.blocked[0]
        raise InputError(f"{one.table.name} of {one.key} is not usable: {one.reason}")
    for name, steps in itertools.groupby(plan.steps, key=lambda step: step.table.name):
        keys = [step.key for step in steps]
        began = time.monotonic()
        for start in range(0, len(keys), 100):
            outcomes = builder.build(builder.tables[name], keys[start : start + 100])
            bad = [one for one in outcomes if one.state in ("refused", "blocked")]
            if bad:
                raise InputError(f"{name} of {bad[0].key} could not be built: {bad[0].detail}")
            done = min(start + 100, len(keys))
            say(f"{name}: {done} of {len(keys)} partitions, {time.monotonic() - began:.0f} s")
    return len(plan.steps)


def read(builder: Builder, name: str, keys: Iterable[dt.date]) -> pl.LazyFrame:
    """Read the partitions of a table."""
    return builder.lake.read(builder.tables[name], keys)


def read_beside(builder: Builder, name: str, week: dt.date, file: str) -> pl.DataFrame:
    """Read a file beside a week's partition of a table."""
    return pl.read_parquet(io.BytesIO(builder.lake.read_file(builder.tables[name], week, file)))


# --- verification -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measured:
    """Figures of a vector of weights relative to the benchmark, from stored tables, without the optimiser's code.

    total, lowest: Σ w and the least w. exposures: style → Σ (w − b) z. industries: industry → Σ (w − b). band: the largest
    |w − b| of a tradable stock. turnover: ½ (Σ|w − drifted| + |change of cash|), None without drifted weights.
    """

    total: float
    lowest: float
    band: float
    exposures: Mapping[str, float | None]
    industries: Mapping[str, float]
    turnover: float | None = None

    @property
    def industry(self) -> float:
        """The largest |active weight| of an industry."""
        return max((abs(value) for value in self.industries.values()), default=0.0)


def measure(names: pl.DataFrame, column: str, cash: float | None = None) -> Measured:
    """Measure the weights in `column` of `names`.

    names: symbol, `column`, benchmark_weight, drifted_weight, industry, state and the styles. cash: the drifted weight of cash,
    None if turnover is not measured. The exposure to a style that is null for every stock is None; a single null is 0 (SPEC §4).
    """
    weights, benchmark = names[column].to_list(), names["benchmark_weight"].to_list()
    active = [w - b for w, b in zip(weights, benchmark, strict=True)]
    exposures: dict[str, float | None] = {}
    for style in STYLES:
        z = names[style].to_list()
        known = any(value is not None for value in z)
        exposures[style] = sum(a * (value or 0.0) for a, value in zip(active, z, strict=True)) if known else None
    industries: dict[str, float] = {}
    for industry, a in zip(names["industry"].to_list(), active, strict=True):
        industries[industry] = industries.get(industry, 0.0) + a
    free = [abs(a) for a, state in zip(active, names["state"].to_list(), strict=True) if state == "tradable"]
    turnover = None
    if cash is not None:
        moved = sum(abs(w - d) for w, d in zip(weights, names["drifted_weight"].to_list(), strict=True))
        turnover = 0.5 * (moved + abs(1.0 - sum(weights) - cash))
    return Measured(sum(weights), min(weights), max(free, default=0.0), exposures, industries, turnover)


def breaches(found: Measured, bounds: IndexPortfolioSettings, *, first_build: bool) -> dict[str, float]:
    """Return elastic group → total violation of its bounds, and the violations of hard constraints by their names."""
    limit = {"value": bounds.value_exposure, "size": bounds.size_exposure}
    over = {
        style: max(0.0, abs(value) - limit.get(style, bounds.style_exposure))
        for style, value in found.exposures.items()
        if value is not None
    }
    turnover = 0.0 if first_build or found.turnover is None else max(0.0, found.turnover - bounds.turnover)
    return {
        "industry": sum(max(0.0, abs(value) - bounds.industry_deviation) for value in found.industries.values()),
        "value_size": over.get("value", 0.0) + over.get("size", 0.0),
        "turnover": turnover,
        "styles": sum(over.get(style, 0.0) for style in bounds.other_styles),
        "sum": abs(found.total - 1.0),
        "negative": max(0.0, -found.lowest),
        "band": max(0.0, found.band - bounds.stock_deviation),
    }


def unexplained(broken: Mapping[str, float], allowed: Mapping[str, float]) -> dict[str, float]:
    """Return the violations that exceed the relaxation that the solve reports; empty if every bound is explained."""
    return {name: value for name, value in broken.items() if value > allowed.get(name, 0.0) + TOLERANCE}


# --- one week -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Stored:
    """The stored partition of one portfolio and week. names: rows of the table; solve, orders, days: the files beside it."""

    week: dt.date
    signal: dt.date
    names: pl.DataFrame
    solve: Mapping[str, Any]
    orders: pl.DataFrame
    days: pl.DataFrame


def open_week(builder: Builder, portfolio: Portfolio, week: dt.date) -> Stored | None:
    """Read the stored week of a portfolio; None before its first build."""
    names = read(builder, portfolio.asset, [week]).collect()
    if names.is_empty():
        return None
    files = ("solve", "executions", "days")
    solve, orders, days = (read_beside(builder, portfolio.asset, week, f"{file}.parquet") for file in files)
    return Stored(week, builder.calendar.signal_day(week), names, solve.row(0, named=True), orders, days)


def verify_week(
    builder: Builder, portfolio: Portfolio, stored: Stored, last: Stored | None, returns: "Returns"
) -> dict[str, Any]:
    """Return the record of one week. last: the week before, whose target is traded on the first day of this one."""
    settings, solve, frame = builder.settings.portfolios, stored.solve, stored.names
    bounds: IndexPortfolioSettings = getattr(settings, portfolio.key)
    z = read(builder, "styles", [stored.signal]).collect()
    missing = [style for style in STYLES if z[style].null_count() == z.height]
    names = frame.join(z.select("symbol", *STYLES), on="symbol", how="left", maintain_order="left").with_columns(
        pl.lit(None, pl.Float64).alias(style) if style in missing else pl.col(style).fill_null(0.0) for style in STYLES
    )
    target = measure(names, "weight", solve["cash"])
    held = None if solve["first_build"] else measure(names, "drifted_weight")
    again = solve_week_again(builder, portfolio, stored, z, missing, returns)
    broken = breaches(target, bounds, first_build=solve["first_build"]) | {"names": again.pop("names_outside")}
    allowed = {group: solve[f"{group}_violation"] for group in settings.relaxation_order}
    suspended = frame.filter(pl.col("state") == "suspended")
    return {
        "portfolio": portfolio.key,
        "week": stored.week,
        "signal": stored.signal,
        "status": solve["status"],
        "first_build": solve["first_build"],
        "residual": solve["residual"],
        "duality_gap": solve["duality_gap"],
        "holdings": frame.filter(pl.col("weight") > TOLERANCE).height,
        "benchmark_suspended": float(suspended["benchmark_weight"].sum()),
        "members_suspended": suspended.filter(pl.col("benchmark_weight") > 0).height,
        "benchmark_delisted": solve["benchmark_delisted"],
        "frozen": float(suspended["drifted_weight"].sum()),
        "relaxed_by": {group: value for group, value in allowed.items() if value > TOLERANCE},
        "relaxations": relaxations(solve),
        "conflicts": [describe_conflict(one["members"]) for one in solve["conflicts"]],
        "conflicting_industries": sorted(
            {m["row"] for one in solve["conflicts"] for m in one["members"] if m["constraint"] == "industry"}
        ),
        "refused": [f"{one['stage']} {one['solver']}: {one['refused']}" for one in solve["attempts"] if one["refused"]],
        "unexplained": unexplained(broken, allowed),
        "verified": again,
        "target": as_record(target),
        "held": None if held is None else as_record(held),
        "not_applied": missing,
        "coverage": coverage(z),
        "expected_tracking_error": returns.tracking_error(frame, stored.signal),
        "executed_turnover": solve["executed_turnover"],
        "cost": solve["execution_cost"],
        "cash": solve["cash"],
        "built": last is not None and last.solve["first_build"],
        **({} if last is None else traded_week(builder, portfolio, stored, last)),
        "net": float((stored.days["net"] + 1.0).product()) - 1.0 if stored.days.height else None,
        "checks": sorted(
            name for name, verdict in _manifest(builder, portfolio, stored.week).checks.items() if not verdict.passed
        ),
    }


def solve_week_again(
    builder: Builder, portfolio: Portfolio, stored: Stored, z: pl.DataFrame, missing: Sequence[str], returns: "Returns"
) -> dict[str, Any]:
    """State and solve the week's problem again from securities, scores, styles and the stored benchmark and drifted weights.

    Returns:
        benchmark_off: the largest difference of a stored benchmark weight from the published ones, drifted here. score_short: the
        best score found less the score of the stored weights. totals_off: the largest difference of a group's total violation.
        names_outside: the largest violation of a stock's own bounds. irreducible: for each conflict, whether it is irreducible.
    """
    settings, solve = builder.settings.portfolios, stored.solve
    limits = limits_of(getattr(settings, portfolio.key), missing)
    listed = read(builder, "securities", [stored.signal]).select("symbol", "traded", "is_st", "listed_days", "industry")
    alpha = read(builder, "scores", [stored.week]).filter(pl.col("factor") == settings.alpha)
    frame = (
        listed.join(alpha.select("symbol", score="value"), on="symbol", how="left")
        .join(
            stored.names.lazy().select("symbol", "weight", "benchmark_weight", "drifted_weight"),
            on="symbol",
            how="left",
        )
        .join(z.lazy().select("symbol", *limits.styles), on="symbol", how="left")
        .sort("symbol")
        .collect()
    )
    names = restate(frame, solve["cash"], limits, settings.min_listed_days, first_build=solve["first_build"])
    best = solve_again(names, limits, settings.relaxation_order)
    weights = frame["weight"].fill_null(0.0).to_numpy()
    drifted = returns.drift(published(builder, portfolio.index, stored.signal), stored.signal, set(names.symbols))
    both = zip(names.symbols, names.benchmark.tolist(), strict=True)
    return {
        "benchmark_off": max(abs(weight - drifted.get(symbol, 0.0)) for symbol, weight in both),
        "score_short": best.score - float(weights @ names.mu),
        "totals_off": max(abs(total - solve[f"{group}_violation"]) for group, total in best.totals.items()),
        "names_outside": float(np.maximum(names.low - weights, weights - names.high).max()),
        "irreducible": [irreducible(names, limits, one["members"]) for one in solve["conflicts"]],
    }


def published(builder: Builder, index: str, day: dt.date) -> pl.DataFrame:
    """Return the latest delivered weights of `index` that are known after the close of `day`: date, symbol, weight."""
    vectors = builder.zone.frame("index_weights")
    assert vectors is not None
    known = vectors.filter((pl.col("index") == index) & (pl.col("date") <= day))
    return known.filter(pl.col("date") == pl.col("date").max())


def limits_of(bounds: IndexPortfolioSettings, missing: Sequence[str]) -> Limits:
    """Return the bounds of SPEC §6, with those styles that exist on the day."""
    styles: dict[str, tuple[str, float]] = {
        "value": ("value_size", bounds.value_exposure),
        "size": ("value_size", bounds.size_exposure),
        **dict.fromkeys(bounds.other_styles, ("styles", bounds.style_exposure)),
    }
    known = {style: limit for style, limit in styles.items() if style not in missing}
    return Limits(bounds.stock_deviation, bounds.industry_deviation, bounds.turnover, known)


def traded_week(builder: Builder, portfolio: Portfolio, stored: Stored, last: Stored) -> dict[str, Any]:
    """Return how the last target was filled, and the differences of the recomputed accounts of the week.

    nav_off: the recomputed NAV at the week's end less the stored one; weight_off: the largest difference of a weight; both are
    shares.
    """
    prices = read(builder, "daily_prices", stored.days["date"]).sort("date").collect()
    first = prices.filter(pl.col("date") == stored.days["date"][0])
    before = last.names.filter(pl.col("drifted_weight") > 0).select("symbol", weight="drifted_weight")
    nav, weights = account(before, last.solve["cash"], stored.orders, prices, builder.settings.portfolios.cost)
    frozen = last.names.filter(pl.col("state") == "suspended")["symbol"].to_list()
    here = dict(stored.names.select("symbol", "drifted_weight").iter_rows())
    return {
        "blocked": blocked_orders(stored.orders, frozen),
        "orders": stored.orders.height,
        "ordered": float(stored.orders.filter(~pl.col("symbol").is_in(list(frozen)))["order"].abs().sum()),
        "wrong_fills": wrong_fills(
            stored.orders, first, last.names.filter(pl.col("state") == FREE)["symbol"].to_list()
        ),
        "nav_off": nav - float((stored.days["net"] + 1.0).product()),
        "weight_off": max((abs(weights.get(symbol, 0.0) - weight) for symbol, weight in here.items()), default=0.0),
    }


def _manifest(builder: Builder, portfolio: Portfolio, week: dt.date) -> Manifest:
    manifest = builder.lake.manifest(builder.tables[portfolio.asset], week)
    assert manifest is not None
    return manifest


@dataclass(frozen=True, eq=False)
class Returns:
    """Daily returns close to close [days, symbols] of all stocks; 0 on a day without trading."""

    days: Mapping[dt.date, int]
    symbols: Mapping[str, int]
    values: Floats

    @classmethod
    def of(cls, prices: pl.DataFrame) -> "Returns":
        """Arrange the returns of `prices`: date, symbol, pre_close, close, volume."""
        traded = prices.filter((pl.col("volume") > 0) & (pl.col("pre_close") > 0))
        days = {day: row for row, day in enumerate(prices["date"].unique().sort())}
        symbols = {symbol: column for column, symbol in enumerate(prices["symbol"].unique().sort())}
        values = np.zeros((len(days), len(symbols)))
        rows, columns = (traded[name].replace_strict(place) for name, place in (("date", days), ("symbol", symbols)))
        values[rows.to_numpy(), columns.to_numpy()] = (traded["close"] / traded["pre_close"] - 1.0).to_numpy()
        return cls(days, symbols, values)

    def drift(self, vector: pl.DataFrame, day: dt.date, listed: Container[str]) -> dict[str, float]:
        """Return symbol → published weight drifted with prices to the close of `day`, of listed stocks, with sum one."""
        first = 1 + max(row for known, row in self.days.items() if known <= vector["date"][0])
        growth = (1.0 + self.values[first : self.days[day] + 1]).prod(axis=0)
        pairs = vector.select("symbol", "weight").iter_rows()
        grown = {
            symbol: weight * (growth[self.symbols[symbol]] if symbol in self.symbols else 1.0)
            for symbol, weight in pairs
            if symbol in listed
        }
        whole = sum(grown.values())
        return {symbol: weight / whole for symbol, weight in grown.items()}

    def tracking_error(self, names: pl.DataFrame, day: dt.date) -> float | None:
        """Return the annualised tracking error of the active weights over the last RISK_DAYS days; None without these days."""
        end = self.days[day] + 1
        if end < RISK_DAYS:
            return None
        active = np.zeros(len(self.symbols))
        own = names.filter(pl.col("symbol").is_in(list(self.symbols)))
        active[[self.symbols[one] for one in own["symbol"]]] = (own["weight"] - own["benchmark_weight"]).to_numpy()
        return float((self.values[end - RISK_DAYS : end] @ active).std(ddof=1)) * DAYS_PER_YEAR**0.5


def coverage(z: pl.DataFrame) -> dict[str, float]:
    """Return style → share of U(t) with a raw value, that is without a median of the industry."""
    universe = z.filter(pl.col("in_universe"))
    return {style: 1.0 - universe[f"{style}_raw"].null_count() / max(1, universe.height) for style in STYLES}


def as_record(found: Measured) -> dict[str, Any]:
    """Return the figures for the record, rounded to twelve digits."""
    return {
        "exposures": {name: None if value is None else round(value, 12) for name, value in found.exposures.items()},
        "industry": round(found.industry, 12),
        "turnover": None if found.turnover is None else round(found.turnover, 12),
    }


def relaxations(solve: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the relaxed rows of elastic constraints in a week: constraint, group, row, value, slack, forced_by."""
    columns = ("constraint", "group", "row", "value", "slack", "forced_by")
    return [
        {name: str(Reason.loads(one[name])) if name == "forced_by" else one[name] for name in columns}
        for one in solve["relaxations"]
        if one["group"] != "hard"
    ]


def describe_conflict(members: Sequence[Mapping[str, Any]]) -> str:
    """Return a stored conflict in words: 'cannot all be satisfied: industry I1 at most its benchmark weight of 4.00%; …'."""
    return CONFLICT + "; ".join(_phrases(members))


def _phrases(members: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for member in members:
        side = "at most" if member["side"] == "upper" else "at least"
        if member["constraint"] == "industry":
            sign = "+" if member["side"] == "upper" else ""
            active = f" {sign}{member['bound']:.2%}" if member["bound"] else ""
            yield f"industry {member['row']} {side} its benchmark weight of {member['benchmark']:.2%}{active}"
        elif member["constraint"] == "turnover_limit":
            yield f"one-way turnover {side} {member['bound']:.2%}"
        elif member["kind"] == "constraint":
            label = (
                member["row"] if member["row"] == member["constraint"] else f"{member['constraint']} {member['row']}"
            )
            yield f"{label} {side} {member['bound']:g}"
        elif member["kind"] == "stock_bands":
            yield f"the stock bands ({member['names']} stocks at their {member['side']} bound)"
        elif member["kind"] == "members_only":
            yield f"members only ({member['names']} other stocks excluded)"
    states = [member for member in members if member["kind"] == "state"]
    for state, side in dict.fromkeys((member["constraint"], member["side"]) for member in states):
        own = sorted(
            (m for m in states if (m["constraint"], m["side"]) == (state, side)), key=lambda m: (-m["bound"], m["row"])
        )
        shown = ", ".join(
            f"{m['row']} {'at most' if side == 'upper' else 'at least'} {m['bound']:.2%}" for m in own[:SHOWN_STATES]
        )
        more = f" and {len(own) - SHOWN_STATES} more" if len(own) > SHOWN_STATES else ""
        yield f"{state}: {shown}{more}"


def blocked_orders(orders: pl.DataFrame, frozen: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return reason → number of blocked orders and their amount as a share of NAV.

    A stock that was frozen at the signal close has no order; its row only has the change of its weight with the NAV until the
    VWAP, and is counted as "frozen".
    """
    blocked = orders.filter(pl.col("blocked") != "").with_columns(
        blocked=pl.when(pl.col("symbol").is_in(list(frozen)) & (pl.col("blocked") == "suspended"))
        .then(pl.lit("frozen"))
        .otherwise("blocked")
    )
    groups = blocked.group_by("blocked").agg(pl.len(), pl.col("order").abs().sum())
    return {reason: {"orders": count, "nav": amount} for reason, count, amount in groups.sort("blocked").iter_rows()}


# --- the benchmark ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Followed:
    """Daily returns of drifted weights against an index: correlation, differences in bp, both compounded returns."""

    index: str
    against: str
    days: int
    correlation: float
    mean_bp: float
    std_bp: float
    drifted: float
    published: float


def compare_daily(index: str, against: str, drifted: Sequence[float], published: Sequence[float]) -> Followed:
    """Compare daily returns of the drifted weights of `index` with those of the published index `against`."""
    a, b = np.asarray(drifted, dtype=np.float64), np.asarray(published, dtype=np.float64)
    difference = a - b
    return Followed(
        index, against, len(a), float(np.corrcoef(a, b)[0, 1]), 1e4 * float(difference.mean()),
        1e4 * float(difference.std()), float(np.prod(1 + a)) - 1, float(np.prod(1 + b)) - 1,
    )  # fmt: skip


def follow_index(builder: Builder, index: str, days: Sequence[dt.date]) -> list[Followed]:
    """Compare the weights drifted by the portfolios' code with the published indices, on the days with known weights."""
    calendar = builder.calendar
    tolerance = builder.settings.portfolios.benchmark_sum_tolerance
    window = calendar.days(calendar.previous_day(days[0]), days[-1])
    closes = read(builder, "indices", window).collect()
    by_day = closes.filter(pl.col("index") == index).partition_by("date", as_dict=True)
    columns = ("date", "symbol", "pre_close", "close", "volume")
    needed = calendar.days(calendar.offset(days[0], -70), days[-1])
    prices = read(builder, "daily_prices", needed).select(columns).collect().partition_by("date", as_dict=True)
    own: list[float | None] = []
    for day in days:
        rows = by_day.get((calendar.previous_day(day),), closes.clear())
        published = rows["published_date"].drop_nulls()
        if published.is_empty():
            own.append(None)
            continue
        known = calendar.days(calendar.next_day(published[0]), day)
        frame = pl.concat([prices[(one,)] for one in known])
        own.append(drifted_return(rows, frame, index, day, calendar, tolerance=tolerance))
    result = []
    for against in (TOTAL_RETURN[index], index):
        returns = index_returns(closes, against, days, calendar)
        both = [(a, b) for a, b in zip(own, returns, strict=True) if a is not None and b is not None]
        if len(both) > 2:
            result.append(compare_daily(index, against, *zip(*both, strict=True)))
    return result


# --- the study ----------------------------------------------------------------------------------------------------------


def run(options: argparse.Namespace, say: Say) -> None:
    """Run the study and write its record.

    Raises:
        InputError: An input file is missing, or a partition cannot be built.
    """
    began, where = time.monotonic(), conditions(command(options))
    builder = open_builder(options, say)
    calendar = builder.calendar
    weeks = calendar.weeks(options.first, options.last)
    built = build_tables(builder, weeks, say)
    build_seconds = round(time.monotonic() - began)
    say(f"all tables are built after {time.monotonic() - began:.0f} s")
    weekly = verify_weeks(builder, weeks, say)
    daily = read(builder, portfolio_returns.name, weeks).collect().sort("portfolio", "date")
    days = calendar.days(calendar.next_day(calendar.signal_day(weeks[0])), calendar.signal_day(weeks[-1]))
    followed = [one for portfolio in PORTFOLIOS for one in follow_index(builder, portfolio.index, days)]
    record = {
        "conditions": {
            **where,
            "built": built,
            "build_seconds": build_seconds,
            "seconds": round(time.monotonic() - began),
        },
        "score": builder.settings.demonstration.model_dump(mode="json", exclude={"file"}),
        "settings": builder.settings.portfolios.model_dump(mode="json"),
        "styles_begin": styles_begin(weekly),
        "benchmark": [vars(one) for one in followed],
        "attribution": split_excess(read(builder, attribution.name, weeks).collect()),
        "stored": stored_content(builder, weeks),
        "years": [vars(one) for one in by_year(daily, weekly)],
        "bounds": against_bounds(weekly, builder.settings.portfolios),
        "weekly": weekly,
    }
    charts = draw(daily, weekly)
    for name, svg in charts.items():
        options.out.with_name(f"{options.out.name}_{name}.svg").write_text(svg, "utf-8")
    text = describe(record, [f"{options.out.name}_{name}.svg" for name in charts])
    options.out.with_suffix(".md").write_text(text, "utf-8")
    options.out.with_suffix(".json").write_text(dump(record), "utf-8")
    for line in verdict(record):
        say(line)
    say(f"written to {options.out.name}.md, .json and charts after {time.monotonic() - began:.0f} s")


def dump(record: Mapping[str, Any]) -> str:
    """Return the record as JSON with one week per line, without empty entries, and with six digits."""

    def short(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: short(one) for key, one in value.items()}
        if isinstance(value, list):
            return [short(one) for one in value]
        return float(f"{value:.6g}") if isinstance(value, float) else value

    def line(row: Mapping[str, Any]) -> str:
        kept = {
            name: one
            for name, one in row.items()
            if name != "coverage" and one is not None and one is not False and one != [] and one != {}
        }
        return json.dumps(short(kept), ensure_ascii=False, separators=(",", ":"), default=str)

    rest = json.dumps(
        {key: one for key, one in record.items() if key != "weekly"}, indent=1, ensure_ascii=False, default=str
    )
    weeks = ",\n  ".join(line(row) for row in record["weekly"])
    return f'{rest[:-2]},\n "weekly": [\n  {weeks}\n ]\n}}\n'


def verify_weeks(builder: Builder, weeks: Sequence[dt.date], say: Say) -> list[dict[str, Any]]:
    """Return the records of every week of both portfolios, in order."""
    calendar, began = builder.calendar, time.monotonic()
    days = calendar.days(calendar.offset(calendar.signal_day(weeks[0]), -RISK_DAYS), calendar.signal_day(weeks[-1]))
    columns = ("date", "symbol", "pre_close", "close", "volume")
    returns = Returns.of(read(builder, "daily_prices", days).select(columns).collect())
    weekly = []
    for portfolio in PORTFOLIOS:
        last = None
        for week in weeks:
            stored = open_week(builder, portfolio, week)
            if stored is not None:
                weekly.append(verify_week(builder, portfolio, stored, last, returns))
                last = stored
        say(f"{portfolio.key}: every week is verified after {time.monotonic() - began:.0f} s")
    return weekly


def stored_content(builder: Builder, weeks: Sequence[dt.date]) -> dict[str, str]:
    """Return portfolio → digest of all its stored rows, which is equal for equal results."""
    found = {}
    for portfolio in PORTFOLIOS:
        digest = hashlib.blake2b(digest_size=16)
        for week in weeks:
            digest.update(_manifest(builder, portfolio, week).content.encode())
        found[portfolio.key] = digest.hexdigest()
    return found


def styles_begin(weekly: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, dt.date | None]]:
    """Return style → the first signal day on which any stock has it ("any"), and half of U(t) ("half"); None if never."""
    return {
        style: {
            "any": min((row["signal"] for row in weekly if style not in row["not_applied"]), default=None),
            "half": min((row["signal"] for row in weekly if row["coverage"][style] >= 0.5), default=None),
        }
        for style in STYLES
    }


@dataclass(frozen=True)
class Year:
    """One calendar year of a portfolio, or "all" years.

    excess: relative strength of net against the price index. tracking_error: realised. expected: median of the targets' tracking
    errors over the RISK_DAYS days before. turnover: executed, mean of the weeks without the first, which builds the portfolio.
    cost: sum, including the first week.
    """

    portfolio: str
    year: str
    weeks: int
    net: float
    index: float
    excess: float
    tracking_error: float
    expected: float | None
    turnover: float
    cost: float
    relaxed: int


def by_year(daily: pl.DataFrame, weekly: Sequence[Mapping[str, Any]]) -> list[Year]:
    """Summarise the years of both portfolios.

    daily: date, portfolio, net, benchmark, turnover, cost. weekly: the records of the weeks. The tracking error is the standard
    deviation of daily net − index, times √244.
    """
    years = []
    for portfolio in PORTFOLIOS:
        mine = daily.filter(pl.col("portfolio") == portfolio.key).sort("date")
        rows = [row for row in weekly if row["portfolio"] == portfolio.key]
        if mine.is_empty():
            continue
        built = mine.filter(pl.col("turnover") > 0)["date"].min()
        numbers = mine["date"].dt.year().unique().sort().to_list()
        for year in (*numbers, *([None] if len(numbers) > 1 else [])):
            own = mine if year is None else mine.filter(pl.col("date").dt.year() == year)
            weeks = [row for row in rows if year is None or row["signal"].year == year]
            net, index = own["net"].to_numpy(), own["benchmark"].to_numpy().astype(np.float64)
            traded = own.filter((pl.col("turnover") > 0) & (pl.col("date") != built))
            expected = [row["expected_tracking_error"] for row in weeks if row["expected_tracking_error"] is not None]
            years.append(
                Year(
                    portfolio.key,
                    "all" if year is None else str(year),
                    len(weeks),
                    float(np.prod(1 + net)) - 1,
                    float(np.prod(1 + index)) - 1,
                    float(np.prod((1 + net) / (1 + index))) - 1,
                    float((net - index).std(ddof=1)) * DAYS_PER_YEAR**0.5,
                    float(np.median(expected)) if expected else None,
                    float(traded["turnover"].mean() or 0.0),  # type: ignore[arg-type]
                    float(own["cost"].sum()),
                    sum(row["status"] == "relaxed" for row in weeks),
                )
            )
    return years


def split_excess(items: pl.DataFrame) -> list[dict[str, Any]]:
    """Return the excess per portfolio and year, and of all years, with the part of each component; the parts add up to it.

    items: week, date, portfolio, component, value; a week belongs to the year of its date. The parts of a week are multiplied by
    the relative strength at its beginning.
    """
    result = []
    for portfolio in PORTFOLIOS:
        mine = items.filter(pl.col("portfolio") == portfolio.key).drop_nulls("value").sort("week")
        numbers = mine["date"].dt.year().unique().sort().to_list()
        for year in (*numbers, *([None] if len(numbers) > 1 else [])):
            own = mine if year is None else mine.filter(pl.col("date").dt.year() == year)
            parts, strength = dict.fromkeys(COMPONENTS, 0.0), 1.0
            for (_,), week in own.group_by("week", maintain_order=True):
                for component, values in week.group_by("component").agg("value").iter_rows():
                    parts[component] += strength * math.fsum(values)
                strength *= 1.0 + math.fsum(week["value"])
            if own.height:
                when = "all" if year is None else str(year)
                result.append({"portfolio": portfolio.key, "year": when, "excess": strength - 1.0, **parts})
    return result


def against_bounds(weekly: Sequence[Mapping[str, Any]], settings: PortfoliosSettings) -> list[dict[str, Any]]:
    """Return per portfolio and constraint the bound, quantiles of targets and holdings, and how often targets reach the bound.

    Holdings are the executed ones at the next signal close before its rebalance, against that day's benchmark, z-scores and
    industries. Weeks in which the constraint is n/a are left out.
    """
    rows = []
    for portfolio in PORTFOLIOS:
        own = [row for row in weekly if row["portfolio"] == portfolio.key]
        if not own:
            continue
        bounds: IndexPortfolioSettings = getattr(settings, portfolio.key)
        limits = {
            **dict.fromkeys(STYLES, bounds.style_exposure),
            "value": bounds.value_exposure,
            "size": bounds.size_exposure,
            "industry": bounds.industry_deviation,
            "one_way_turnover": bounds.turnover,
        }
        for name, limit in limits.items():
            target = [
                _of(row["target"], name) for row in own if not (name == "one_way_turnover" and row["first_build"])
            ]
            if name == "one_way_turnover":
                held = [row["executed_turnover"] for row in own[2:]]  # the first execution builds the portfolio
            else:
                held = [_of(row["held"], name) for row in own if row["held"]]
            rows.append({"portfolio": portfolio.key, "constraint": name, "bound": limit, **spread(target, held, limit)})
    return rows


def _of(found: Mapping[str, Any], name: str) -> float | None:
    return found["exposures"][name] if name in STYLES else found[name.removeprefix("one_way_")]


def spread(target: Sequence[float | None], held: Sequence[float | None], limit: float) -> dict[str, Any]:
    """Return the number of weeks, the share of targets at the bound, and quantiles of |target| and |held|."""
    a, b = (np.abs(np.array([one for one in values if one is not None], dtype=np.float64)) for values in (target, held))
    found: dict[str, Any] = {"weeks": len(a), "at_bound": float((a >= limit - 1e-6).mean()) if a.size else None}
    for what, values in (("target", a), ("held", b)):
        for name, share in (("median", 0.5), ("95", 0.95), ("max", 1.0)):
            found[f"{what}_{name}"] = float(np.quantile(values, share)) if values.size else None
    return found


# --- the text of the record ---------------------------------------------------------------------------------------------


def draw(daily: pl.DataFrame, weekly: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Draw two charts as SVG.

    excess: relative strength of net against the price index. suspended: suspended shares of benchmark and holdings, and the total
    violation of relaxed constraints.
    """
    lines = []
    for portfolio in PORTFOLIOS:
        own = daily.filter(pl.col("portfolio") == portfolio.key)
        if own.height:
            strength = relative_strength(own["net"].to_numpy(), own["benchmark"].to_numpy().astype(np.float64))
            lines.append(Curve(portfolio.key, own["date"].to_list(), strength.tolist()))
    rows = [row for row in weekly if row["portfolio"] == PORTFOLIOS[0].key]
    dates = [row["signal"] for row in rows]
    strained = [
        Curve("CSI 500 suspended", dates, [row["benchmark_suspended"] for row in rows]),
        Curve("held suspended", dates, [row["frozen"] for row in rows]),
        Curve("relaxed by", dates, [sum(row["relaxed_by"].values()) for row in rows]),
    ]
    return {
        "excess": draw_lines(lines, prefix="excess", percent=False),
        "suspended": draw_lines(strained, prefix="suspended", percent=True),
    }


def verdict(record: Mapping[str, Any]) -> list[str]:
    """Return the findings of the study, one line each."""
    lines = []
    for portfolio in PORTFOLIOS:
        rows = [row for row in record["weekly"] if row["portfolio"] == portfolio.key]
        if not rows:
            continue
        relaxed = [row for row in rows if row["status"] == "relaxed"]
        failed = [row for row in rows if row["status"] not in ("optimal", "relaxed")]
        without = [
            row for row in relaxed if not all(one["forced_by"] for one in row["relaxations"]) or not row["conflicts"]
        ]
        groups = sorted({group for row in rows for group in row["relaxed_by"]})
        lines.append(
            f"**{portfolio.key}: {len(rows)} weeks, {len(rows) - len(relaxed) - len(failed)} solved strictly, {len(relaxed)} "
            f"relaxed, {len(failed)} failed.** Relaxed constraints: {', '.join(groups) or 'none'}; weeks relaxed without a cause or a "
            f"conflict in words: {len(without)}."
        )
        summer = [row for row in rows if SUMMER[0] <= row["signal"] <= SUMMER[1]]
        if summer:
            turned = [row["executed_turnover"] or 0.0 for row in summer]
            lines.append(
                f"{portfolio.key}, June–September 2015: {sum(row['status'] == 'relaxed' for row in summer)} of {len(summer)} "
                f"weeks relaxed, with up to {max(row['benchmark_suspended'] for row in summer):.0%} of the benchmark "
                f"({max(row['members_suspended'] for row in summer)} members) and {max(row['frozen'] for row in summer):.0%} of "
                f"the holdings suspended; the executed turnover was {min(turned):.1%} to {max(turned):.1%} a week."
            )
    return lines


def proofs(record: Mapping[str, Any]) -> list[str]:
    """Return the results of the verification, one line each; every count of faults should be 0."""
    rows = record["weekly"]
    residuals = [row["residual"] for row in rows if row["residual"] is not None]
    gaps = [abs(row["duality_gap"]) for row in rows if row["duality_gap"] is not None]
    sets = [one for row in rows for one in row["verified"]["irreducible"]]
    filled = [row for row in rows if "wrong_fills" in row]
    wrong = sum(len(row["wrong_fills"]) for row in filled)
    refused = sum(len(row["refused"]) for row in rows)
    lines = [
        f"Figures stored by the solver, largest of {len(rows)} weeks: residual {max(residuals, default=0.0):.1e}, duality gap "
        f"{max(gaps, default=0.0):.1e} (SPEC §6 allows 1e-9 for a total and 1e-10 for the tie-break); refused attempts of a solver: "
        f"{refused}",
        f"Weeks with a violation beyond the reported relaxation (Σw, w ≥ 0, every stock, industry, style, turnover, to "
        f"{TOLERANCE:g}): {sum(bool(row['unexplained']) for row in rows)}",
        "Benchmark weights, drifted again from the published file: largest difference "
        f"{max(row['verified']['benchmark_off'] for row in rows):.1e}",
        "Problems, stated again and solved by scipy's linprog: largest score above the stored one "
        f"{max(row['verified']['score_short'] for row in rows):.1e}, largest difference of a total violation "
        f"{max(row['verified']['totals_off'] for row in rows):.1e}",
        f"Conflicts that linprog confirms as infeasible and irreducible: {sum(sets)} of {len(sets)}",
    ]
    if filled:
        lines.append(
            f"Orders that were filled although they could not be, or blocked although they could be filled, by limit prices to the "
            f"cent: {wrong} of {sum(row['orders'] for row in filled):,}"
        )
        lines.append(
            "Accounts, recomputed from orders and prices: largest difference of a week's NAV "
            f"{max(abs(row['nav_off']) for row in filled):.1e}, of a weight at its end {max(row['weight_off'] for row in filled):.1e}"
        )
    return lines


def describe(record: Mapping[str, Any], charts: Sequence[str]) -> str:
    """Return the record as Markdown. charts: names of the SVG files."""
    sections = [*_conditions(record), *_verification(record), *_results(record)]
    return "\n\n".join([*sections, "## Charts", "\n\n".join(f"![{name}]({name})" for name in charts)]) + "\n"


def _has_replacement_weights(record: Mapping[str, Any]) -> bool:
    return PORTFOLIOS[1].key in {row["portfolio"] for row in record["weekly"]}


def _conditions(record: Mapping[str, Any]) -> list[str]:
    """Return what was run, on which data, and what it can be evidence of."""
    where, weekly = record["conditions"], record["weekly"]
    first = min(row["signal"] for row in weekly)
    late = {style: days for style, days in record["styles_begin"].items() if days["half"] != first}
    begins = "; ".join(f"{style} {days['any'] or 'never'} ({days['half'] or 'never'})" for style, days in late.items())
    gone = max((row["benchmark_delisted"] for row in weekly if row["portfolio"] == PORTFOLIOS[1].key), default=0.0)
    score = record["score"]
    what = (
        f"μ is the demonstration score `{score['score']}` (minus the return compounded over {score['window']} days, for stocks of "
        "U(t), clipped and z-scored), which needs only daily prices"
        if not score["digest"]
        else f"μ is the score `{score['score']}` of a file (digest {score['digest'][:10]}), clipped and z-scored over U(t)"
    )
    sections = [
        f"# Both portfolios on the real market, signal days {first} to {max(row['signal'] for row in weekly)}",
        f"`{where['command']}`",
        f"{where['date']}, commit {where['commit']}, {where['machine']}, {where['versions']}. {where['built']:,} partitions were built "
        f"in {where['build_seconds']:,} s, the others existed; the verification took {where['seconds'] - where['build_seconds']:,} s.",
        f"{what}. **The returns below show that the implementation works; they are no evidence about network 16.** Bounds, costs and "
        "rules are those of production (SPEC §6). CSI 500 has official weights at month ends."
        + (
            " **CSI 1000 has none here: its benchmark consists of the replacement weights that the README of the data describes, and "
            f"every figure of csi1000 refers to them.** Up to {gone:.1%} of them are stocks that had been delisted (merged companies); "
            "they are removed, and the check benchmark_members_listed warns."
            if _has_replacement_weights(record)
            else ""
        )
        + " There are no minute volumes, so that price limits are judged by daily bars.",
        "\n".join(f"- {line}" for line in verdict(record)),
    ]
    if late:
        sections.append(
            f"Styles that begin later than the study, with the first signal day on which any stock has it (half of U(t) has it): "
            f"{begins}. **Before the first day a style is n/a and not bounded**; between the two days most stocks have the median of "
            "their industry."
        )
    return sections


def _verification(record: Mapping[str, Any]) -> list[str]:
    """Return what was verified, and the weeks in which constraints were relaxed."""
    weekly = record["weekly"]
    summer = [row for row in weekly if SUMMER[0] <= row["signal"] <= SUMMER[1]]
    sections = [
        "## Verification",
        "The stored tables are verified by code that is independent of assets/portfolios.",
        "\n".join(f"- {line}" for line in proofs(record)),
        f"Digests of all stored rows: {', '.join(f'{key} `{value}`' for key, value in record['stored'].items())}.",
        "## Relaxed weeks",
        why_relaxed(weekly),
    ]
    if any(row["status"] == "relaxed" for row in weekly):
        sections += [
            episodes_table(weekly),
            "The table has one row per week. *Forced*: the industries that cannot be brought to the benchmark's weight. *Offsetting*: "
            "all weights sum to 1, so that other industries are underweight by the same amount; the score decides which ones. *Total*: "
            "the sum of both, which is minimised.",
            "\n".join(relaxed_table(weekly)),
        ]
    if summer:
        sections += [
            "## June–September 2015",
            "*Suspended* and *relaxed by* are at the signal close. *Executed* (one-way) and *blocked* (two-way, share of NAV) are of the "
            "week's trade day, on which the target of the previous signal day is traded.",
            summer_table(summer),
        ]
    return sections


def _results(record: Mapping[str, Any]) -> list[str]:
    """Return targets and holdings, years, attribution, benchmark and execution."""
    weekly, score = record["weekly"], record["score"]
    return [
        "## Targets and holdings against the bounds",
        "Absolute values. *Target*: the optimiser's weights at the signal close, to which the bounds apply. *Held*: the holdings after "
        "execution and a week of drift, at the next signal close before its rebalance; prices, z-scores, benchmark weights and "
        "industries have changed since, and no bound applies. For turnover, *held* is the executed part of the at most 30 % that were "
        "ordered.",
        *(
            [
                "The score and the style reversal are the same return except for sign and standardisation, so that the bound of reversal "
                "is active in every week and many portfolios have the same score; the smallest turnover decides among them (SPEC §6). At "
                "the first build, from cash, turnover does not decide, and the solver's own order does. Another version of the optimiser "
                "may therefore find another path with the same scores and other relaxed weeks."
            ]
            if not score["digest"] and score["window"] == 20
            else []
        ),
        bounds_table(record["bounds"]),
        "## Years",
        f"*Excess* is the relative strength of net against the price index. *Tracking error* is the standard deviation of daily net − "
        f"index, ·√{DAYS_PER_YEAR}. *Expected* is the same for the target's active weights over the {RISK_DAYS} days before the signal "
        "close, as the median of the weeks. **SPEC §6 has no bound on it** (`portfolios.csi500.tracking_error` sets one). *Turnover* is "
        "the executed one-way turnover, as the mean of the weeks after the first; *cost* is the sum.",
        years_table(record["years"]),
        "## Attribution of the excess",
        "The components of the table attribution (defined in its module) are chained by relative strength, so that each row adds up to "
        "its excess; years are by signal day. The basis contains the dividends, which the price index excludes"
        + (
            ", and for csi1000 the difference between the replacement weights and the index."
            if _has_replacement_weights(record)
            else "."
        ),
        "*Cash* is the return of the index until the first build was executed, at the VWAP of its trade day, and no result of the "
        "portfolio.",
        split_table(record["attribution"]),
        "## The drifted benchmark",
        "Daily returns of the published weights, drifted by close/pre_close, against the published index; differences are in basis "
        "points per day. H00905.CSI and H00852.CSI are total-return indices, 000905.SH and 000852.SH exclude dividends.",
        follow_table(record["benchmark"]),
        "## Execution",
        "Means of the weeks that trade, in basis points of NAV: ordered and filled (one-way), cost, and blocked (two-way). *Suspended*: "
        "suspended after the signal close. *Limit*: locked at the limit price all day. Stocks that were suspended at the signal close "
        "are frozen and have no order.",
        execution_table(weekly),
    ]


def label(industry: str) -> str:
    """Return an industry's code with its name, if it is known."""
    return f"{industry} {INDUSTRIES[industry]}" if industry in INDUSTRIES else industry


def bp(value: float) -> str:
    """Return a share in basis points with three digits.

    >>> bp(0.0165), bp(0.00123), bp(0.0000005)
    ('165', '12.3', '0.005')
    """
    return f"{1e4 * value:.3g}"


def forced(row: Mapping[str, Any]) -> list[str]:
    """Return the industries of the week's conflicts; other industries are relaxed as a consequence."""
    return sorted({one["row"] for one in row["relaxations"]} & set(row["conflicting_industries"]))


def why_relaxed(weekly: Sequence[Mapping[str, Any]]) -> str:
    """Return the text that explains the relaxed weeks."""
    relaxed = [row for row in weekly if row["status"] == "relaxed"]
    if not relaxed:
        return "None: the strict problem was solved in every week."
    worst = max(relaxed, key=lambda row: sum(row["relaxed_by"].values()))
    return (
        "In all other weeks the strict problem was solved. A suspended holding keeps its drifted weight (SPEC §6: lower = upper = "
        "drifted weight). If the suspended holdings of an industry weigh more than the industry in the benchmark, the portfolio cannot "
        "be neutral with w ≥ 0, and the difference is the smallest possible violation. SPEC's bounds allow this case: the stock band "
        "allows a weight of 1 % for a stock that is not a member, even if its whole industry weighs less, and a later suspension is not "
        "known at the signal close. The number of such weeks depends on the holdings at the time of the suspension, and so on the "
        f"score. The largest total is {10000 * sum(worst['relaxed_by'].values()):.0f} bp ({worst['portfolio']}, {worst['signal']}). A conflict "
        "is irreducible: without any one of its members the others can be satisfied."
    )


def episodes(weekly: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """Return runs of consecutive relaxed weeks of a portfolio in which the same industries are forced."""
    runs: list[list[Mapping[str, Any]]] = []
    previous = None
    for row in weekly:
        if row["status"] == "relaxed":
            joins = (
                previous is not None
                and previous["portfolio"] == row["portfolio"]
                and previous["status"] == "relaxed"
                and forced(previous) == forced(row)
            )
            runs[-1:] = [[*runs[-1], row]] if joins else [*runs[-1:], [row]]
        previous = row
    return runs


def episodes_table(weekly: Sequence[Mapping[str, Any]]) -> str:
    """Return the causes as a table: one row per run of weeks, with the conflict of the week with the largest violation."""
    cells = []
    for run in episodes(weekly):
        worst = max(run, key=lambda row: sum(row["relaxed_by"].values()))
        span = str(run[0]["signal"]) + (f" to {run[-1]['signal']}" if len(run) > 1 else "")
        totals = sorted(sum(row["relaxed_by"].values()) for row in run)
        size = bp(totals[0]) + (f" to {bp(totals[-1])}" if len(run) > 1 else "")
        why = [words.removeprefix(CONFLICT) for words in worst["conflicts"]]
        what = ", ".join(label(one) for one in forced(worst))
        cells.append([f"{run[0]['portfolio']}, {span}", str(len(run)), size, what, "<br>".join(why)])
    header = [
        "portfolio, signal days",
        "weeks",
        "relaxed by in total, bp",
        "forced",
        "conflict (in the week with the largest violation)",
    ]
    return markdown_table(header, cells)


def relaxed_table(weekly: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the lines of a table with one row per relaxed week: suspended shares and the violations of relaxed rows."""
    rows = []
    for row in weekly:
        if row["status"] != "relaxed":
            continue
        causes = forced(row)
        shown: dict[bool, list[str]] = {True: [], False: []}
        for one in sorted(row["relaxations"], key=lambda one: -one["slack"]):
            industry = one["constraint"] == "industry"
            what = one["row"] if industry or one["constraint"] == one["row"] else f"{one['constraint']} {one['row']}"
            sign = "+" if one["value"] > 0 else "−"
            shown[not industry or one["row"] in causes].append(f"{what} {sign}{bp(one['slack'])}")
        suspended = f"{row['benchmark_suspended']:.0%} / {row['frozen']:.0%}"
        total = ", ".join(bp(value) for value in row["relaxed_by"].values())
        rows.append(
            [f"{row['portfolio']}, {row['signal']}", suspended, total, ", ".join(shown[True]), ", ".join(shown[False])]
        )
    header = ["portfolio, signal day", "suspended: benchmark / held", "total, bp", "forced", "offsetting"]
    return markdown_table(header, rows).split("\n")


def summer_table(summer: Sequence[Mapping[str, Any]]) -> str:
    """Return a table of both portfolios by week: suspended shares, violations, executed turnover and blocked orders."""
    keys = [portfolio.key for portfolio in PORTFOLIOS if any(row["portfolio"] == portfolio.key for row in summer)]
    weeks: dict[dt.date, dict[str, Mapping[str, Any]]] = {}
    for one in summer:
        weeks.setdefault(one["signal"], {})[one["portfolio"]] = one
    cells = []
    for signal, own in sorted(weeks.items()):
        cell = [str(signal)]
        for key in keys:
            row = own.get(key)
            if row is None:
                cell += ["–"] * 4
                continue
            total = sum(row["relaxed_by"].values())
            cell += [
                f"{row['benchmark_suspended']:.0%} / {row['frozen']:.0%}",
                bp(total) if total else "–",
                "–" if row["executed_turnover"] is None else f"{row['executed_turnover']:.1%}",
                f"{1e4 * _blocked(row):.0f}",
            ]
        cells.append(cell)
    what = ("suspended: benchmark / held", "relaxed by, bp", "executed", "blocked, bp")
    return markdown_table(["signal day", *(f"{key}: {one}" for key in keys for one in what)], cells)


def _blocked(row: Mapping[str, Any], *reasons: str) -> float:
    """Blocked orders as a share of NAV, for these reasons, or for all reasons except "frozen"."""
    return sum(
        one["nav"]
        for reason, one in row.get("blocked", {}).items()
        if (reason in reasons if reasons else reason != "frozen")
    )


def bounds_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the table of `against_bounds`."""

    def show(value: float | None) -> str:
        return "n/a" if value is None else f"{value:.4f}"

    header = ["portfolio, constraint", "bound", "weeks", "at the bound"]
    header += [f"{what}, {which}" for what in ("target", "held") for which in ("median", "95 %", "largest")]
    figures = [f"{what}_{which}" for what in ("target", "held") for which in ("median", "95", "max")]
    return markdown_table(
        header,
        [
            [
                f"{row['portfolio']}, {row['constraint'].replace('_', ' ')}", f"{row['bound']:g}", str(row["weeks"]),
                "–" if row["at_bound"] is None or not row["bound"] else f"{row['at_bound']:.0%}",
                *(show(row[name]) for name in figures),
            ]
            for row in rows
        ],
    )  # fmt: skip


def years_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the table of `by_year`."""
    shares = ("net", "index", "excess", "tracking_error", "expected", "turnover", "cost")
    names = {"tracking_error": "tracking error", "turnover": "turnover a week"}
    return markdown_table(
        ["portfolio, year", "weeks", "relaxed", *(names.get(name, name) for name in shares)],
        [
            [
                f"{row['portfolio']}, {row['year']}",
                str(row["weeks"]),
                str(row["relaxed"]),
                *("n/a" if row[name] is None else f"{row[name]:.2%}" for name in shares),
            ]
            for row in rows
        ],
    )


def split_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the table of `split_excess`."""
    cells = [
        [f"{row['portfolio']}, {row['year']}", *(f"{row[name]:+.2%}" for name in ("excess", *COMPONENTS))]
        for row in rows
    ]
    return markdown_table(["portfolio, year", "excess", *(name.replace("_", " ") for name in COMPONENTS)], cells)


def follow_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the table of `follow_index`."""
    header = ["weights, index", "days", "correlation", "mean, bp", "std, bp", "return of weights", "return of index"]
    return markdown_table(
        header,
        [
            [
                f"{row['index']}{' (replacement)' if row['index'] == PORTFOLIOS[1].index else ''}, {row['against']}", str(row["days"]),
                f"{row['correlation']:.6f}", f"{row['mean_bp']:+.2f}", f"{row['std_bp']:.2f}", f"{row['drifted']:.2%}", f"{row['published']:.2%}",
            ]
            for row in rows
        ],
    )  # fmt: skip


def execution_table(weekly: Sequence[Mapping[str, Any]]) -> str:
    """Return a table per portfolio and year, and for the summer of 2015, without the week that builds a portfolio."""
    periods: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in weekly:
        if "blocked" not in row or row["built"]:
            continue
        periods.setdefault((row["portfolio"], str(row["signal"].year)), []).append(row)
        if SUMMER[0] <= row["signal"] <= SUMMER[1]:
            periods.setdefault((row["portfolio"], "June–September 2015"), []).append(row)
    cells = []
    order = [portfolio.key for portfolio in PORTFOLIOS]
    for (portfolio, period), rows in sorted(periods.items(), key=lambda one: (order.index(one[0][0]), one[0][1])):
        figures = [
            [row["ordered"] / 2 for row in rows],
            [row["executed_turnover"] for row in rows],
            [row["cost"] for row in rows],
            [_blocked(row, "suspended") for row in rows],
            [_blocked(row, "limit_up", "limit_down") for row in rows],
        ]
        counts = [
            sum(one["orders"] for row in rows for reason, one in row["blocked"].items() if reason in reasons)
            for reasons in (("suspended",), ("limit_up", "limit_down"))
        ]
        most = max(_blocked(row) for row in rows)
        means = [f"{1e4 * float(np.mean(one)):.1f}" for one in figures]
        cells.append([f"{portfolio}, {period}", str(len(rows)), *means, *map(str, counts), f"{1e4 * most:.0f}"])
    if not cells:
        return "None."
    header = ["portfolio, period", "weeks", "ordered", "filled", "cost", "blocked: suspended", "blocked: limit"]
    header += ["orders: suspended", "orders: limit", "blocked, largest week"]
    return markdown_table(header, cells)


if __name__ == "__main__":
    sys.exit(main())
