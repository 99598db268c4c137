"""Both portfolios on the real market of 2011–2016: every weekly solve, what gave in it and why, every bound against what was held.

    python -m benchmarks.studies.portfolios_2011_2016 [--data DIR] [--work DIR] [--window N | --scores FILE --alpha NAME]

csi500_portfolio runs every week from the last of 2010 to the last of 2016 on real daily prices, official weights, real industries
and index closes; csi1000_portfolio every week of 2015 and 2016 on weights that stand in for the official ones (the data README
says how they were made). The tables are the project's own, through the builder, under production settings; alone `scores` is
replaced, by a score that needs daily data only. It demonstrates the machinery: its returns say nothing about network 16.

Then every stored portfolio is verified again from the stored tables by arithmetic of this module. What is built is kept in
--work: a run that was stopped goes on, and a second one only reads.
"""

import argparse
import datetime as dt
import hashlib
import io
import itertools
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets.bars.assets import minute_bars
from assets.catalogue import PORTFOLIOS, Portfolio
from assets.factors.assets import factors, styles
from assets.factors.styles import STYLES
from assets.portfolios.assets import attribution, csi500_portfolio, csi1000_portfolio, portfolio_returns
from assets.portfolios.returns import drifted_return, index_returns
from assets.portfolios.schemas import COMPONENTS
from assets.reference.assets import daily_prices, indices, securities
from assets.report.charts import Line, draw_lines
from assets.report.statistics import relative_strength
from benchmarks.studies.demonstration import DemonstrationSettings, empty, scores
from benchmarks.studies.evidence import ROOT, Say, carry_out, conditions, markdown_table, write_record
from orchestration.plan import make_plan
from resources.builder import Builder
from resources.calendar import Calendar
from resources.errors import InputError
from resources.lake import Lake
from resources.landing import LandingZone
from resources.settings import Settings
from resources.settings.portfolios import IndexPortfolioSettings, PortfoliosSettings

Floats = NDArray[np.float64]

RESULT = Path(__file__).with_suffix("")
DATA = ROOT.parent / "shared" / "data" / "reference_2010_2016"
FIRST, LAST = dt.date(2010, 12, 27), dt.date(2016, 12, 26)  # Mondays: built on the last signal day before 2011
STANDIN = "csi1000_standin_weights"
TOTAL_RETURN = {"000905.SH": "H00905.CSI", "000852.SH": "H00852.CSI"}
TOLERANCE = 1e-8
DAYS_PER_YEAR = 244
SUMMER = (dt.date(2015, 6, 1), dt.date(2015, 9, 30))


# Shenwan's level 1 of 2014 by the codes of the data, for the words; earlier codes (25, 26, 44, 47 …) are of the scheme before.
INDUSTRIES = {
    "11": "agriculture", "21": "mining", "22": "chemicals", "23": "steel", "24": "non-ferrous metals", "27": "electronics",
    "28": "automobiles", "33": "household appliances", "34": "food and beverage", "35": "textiles", "36": "light manufacturing",
    "37": "pharmaceuticals", "41": "utilities", "42": "transportation", "43": "real estate", "45": "commerce",
    "46": "leisure services", "48": "banks", "49": "non-bank finance", "51": "conglomerates", "61": "building materials",
    "62": "construction", "63": "electrical equipment", "64": "machinery", "65": "defence", "71": "computers", "72": "media",
    "73": "communications",
}  # fmt: skip


class StudySettings(Settings):
    """The project's settings and the demonstration score's."""

    demonstration: DemonstrationSettings = DemonstrationSettings()


def main(arguments: Sequence[str] | None = None) -> int:
    return carry_out(run, parse(arguments))


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.studies.portfolios_2011_2016", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--data", type=Path, default=DATA, help="folder of reference tables, 2010–2016")
    parser.add_argument(
        "--work", type=Path, default=ROOT / "lakes" / "portfolios_2011_2016", help="what is built is kept there"
    )
    parser.add_argument("--out", type=Path, default=RESULT, help="the record, as .json, .md and two charts")
    parser.add_argument("--first", type=dt.date.fromisoformat, default=FIRST, help=f"first week, a Monday ({FIRST})")
    parser.add_argument("--last", type=dt.date.fromisoformat, default=LAST, help=f"last week, a Monday ({LAST})")
    parser.add_argument("--window", type=int, default=20, help="the score is minus the return of so many days (20)")
    parser.add_argument("--scores", type=Path, help="a Parquet file of scores instead: date, symbol, factor, value")
    parser.add_argument("--alpha", help="with --scores: the factor of the file")
    options = parser.parse_args(arguments)
    if (options.scores is None) != (options.alpha is None):
        parser.error("--scores names a file and --alpha the factor in it: give both or neither")
    return options


def command(options: argparse.Namespace) -> str:
    asked = f"--window {options.window}"
    if options.scores is not None:
        asked = f"--scores {options.scores.name} --alpha {options.alpha}"
    return f"python -m benchmarks.studies.portfolios_2011_2016 {asked} --first {options.first} --last {options.last}"


def study_settings(options: argparse.Namespace) -> StudySettings:
    """Production's settings with the demonstration score as μ and the first week as anchor."""
    if options.scores is None:
        score = DemonstrationSettings(score=f"reversal_{options.window}", window=options.window)
    else:
        if not options.scores.is_file():
            raise InputError(
                f"{options.scores} is no file of scores (--scores): date, symbol, factor, value as Parquet."
            )
        digest = hashlib.blake2b(options.scores.read_bytes(), digest_size=16).hexdigest()
        score = DemonstrationSettings(score=options.alpha, window=1, file=str(options.scores.resolve()), digest=digest)
    portfolios = {**Settings().portfolios.model_dump(), "alpha": score.score, "start": options.first}
    return StudySettings(demonstration=score, portfolios=PortfoliosSettings.model_validate(portfolios))


# --- the tables ---------------------------------------------------------------------------------------------------------


def lay_out_market(data: Path, market: Path) -> None:
    """A landing zone that points to the reference folder; alone index_weights is written, with the stand-in appended."""
    if not (data / "daily_prices.parquet").is_file():
        raise InputError(
            f"{data} holds no daily_prices.parquet. Name a folder of reference tables (SPEC §2.1) with --data."
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
    """The builder of the study's tables, in the order the data flows."""
    market = options.work / "market"
    lay_out_market(options.data, market)
    lake = Lake(str(options.work / "lake"))
    own = (
        daily_prices, securities, indices, empty(minute_bars), styles, empty(factors),
        scores,
    )  # fmt: skip
    # Here portfolios begin with the prices: there are no minutes that they could begin with.
    made = (
        replace(table, history="reference")
        for table in (csi500_portfolio, csi1000_portfolio, portfolio_returns, attribution)
    )
    return Builder(
        tables={table.name: table for table in (*own, *made)}, lake=lake, zone=LandingZone(market, lake.store),
        calendar=Calendar.xshg(), settings=study_settings(options), say=say,
    )  # fmt: skip


def build_tables(builder: Builder, weeks: Sequence[dt.date], say: Say) -> None:
    """The excess of these weeks, split, and all it is made from; what can't be built ends the study with its reason."""
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


def read(builder: Builder, name: str, keys: Iterable[dt.date]) -> pl.LazyFrame:
    return builder.lake.read(builder.tables[name], keys)


def read_beside(builder: Builder, name: str, week: dt.date, file: str) -> pl.DataFrame:
    return pl.read_parquet(io.BytesIO(builder.lake.read_file(builder.tables[name], week, file)))


# --- verification -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measured:
    """What a vector of weights comes to against the benchmark, from stored tables, without the optimiser's code.

    exposures: style → Σ (w − b) z. industries: industry → Σ (w − b). band: the largest |w − b| of a name that trades
    freely. turnover: ½ (Σ|w − drifted| + |change of cash|), None without drifted weights.
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
    """`names`: symbol, `column` (the weights), benchmark_weight, drifted_weight, industry, state and the styles.

    A style that is null for every name is None: there is nothing to expose to. A single null is 0 (SPEC §4).
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
    """Elastic group → how far the weights are outside its bounds in all; hard constraints under their own names."""
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
    """What is broken beyond what the solve says gave: empty where every bound holds or has its relaxation."""
    return {name: value for name, value in broken.items() if value > allowed.get(name, 0.0) + TOLERANCE}


# --- one week -----------------------------------------------------------------------------------------------------------


def look_at_week(builder: Builder, portfolio: Portfolio, week: dt.date) -> dict[str, Any] | None:
    """Everything the record says of one week; None before the first build."""
    table = builder.tables[portfolio.asset]
    frame = read(builder, portfolio.asset, [week]).collect()
    if frame.is_empty():
        return None
    settings = builder.settings.portfolios
    bounds: IndexPortfolioSettings = getattr(settings, portfolio.key)
    signal = builder.calendar.signal_day(week)
    solve = read_beside(builder, portfolio.asset, week, "solve.parquet").row(0, named=True)
    z = read(builder, "styles", [signal]).collect()
    missing = [style for style in STYLES if z[style].null_count() == z.height]
    names = frame.join(z.select("symbol", *STYLES), on="symbol", how="left", maintain_order="left").with_columns(
        pl.lit(None, pl.Float64).alias(style) if style in missing else pl.col(style).fill_null(0.0) for style in STYLES
    )
    target = measure(names, "weight", solve["cash"])
    held = None if solve["first_build"] else measure(names, "drifted_weight")
    broken = breaches(target, bounds, first_build=solve["first_build"])
    allowed = {group: solve[f"{group}_violation"] for group in settings.relaxation_order}
    orders = read_beside(builder, portfolio.asset, week, "executions.parquet")
    days = read_beside(builder, portfolio.asset, week, "days.parquet")
    suspended = frame.filter(pl.col("state").is_in(["suspended", "not_listed"]))
    return {
        "portfolio": portfolio.key,
        "week": week,
        "signal": signal,
        "status": solve["status"],
        "first_build": solve["first_build"],
        "residual": solve["residual"],
        "duality_gap": solve["duality_gap"],
        "holdings": solve["holdings"],
        "benchmark_suspended": float(suspended["benchmark_weight"].sum()),
        "members_suspended": suspended.filter(pl.col("benchmark_weight") > 0).height,
        "frozen": float(suspended["drifted_weight"].sum()),
        "gave": {group: value for group, value in allowed.items() if value > TOLERANCE},
        "relaxations": relaxations(solve),
        "conflicts": [one["words"] for one in solve["conflicts"]],
        "attempts": len(solve["attempts"]),
        "refused": [f"{one['stage']} {one['solver']}: {one['refused']}" for one in solve["attempts"] if one["refused"]],
        "unexplained": unexplained(broken, allowed),
        "target": as_record(target),
        "held": None if held is None else as_record(held),
        "not_applied": missing,
        "coverage": coverage(z),
        "benchmark_delisted": solve["benchmark_delisted"],
        "executed_turnover": solve["executed_turnover"],
        "cost": solve["execution_cost"],
        "cash": solve["cash"],
        "blocked": blocked_orders(orders),
        "net": float((days["net"] + 1.0).product()) - 1.0 if days.height else None,
        "checks": sorted(name for name, verdict in _manifest(builder, table, week).items() if not verdict.passed),
    }


def _manifest(builder: Builder, table: Any, week: dt.date) -> Mapping[str, Any]:
    manifest = builder.lake.manifest(table, week)
    return {} if manifest is None else manifest.checks


def coverage(z: pl.DataFrame) -> dict[str, float]:
    """Style → share of U(t) of which it is measured, and not filled with the median of an industry."""
    universe = z.filter(pl.col("in_universe"))
    return {style: 1.0 - universe[f"{style}_raw"].null_count() / max(1, universe.height) for style in STYLES}


def as_record(found: Measured) -> dict[str, Any]:
    return {
        "exposures": dict(found.exposures),
        "industry": found.industry,
        "industries_off": {name: value for name, value in found.industries.items() if abs(value) > TOLERANCE},
        "band": found.band,
        "turnover": found.turnover,
    }


def relaxations(solve: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What gave in a week: constraint, row, value, slack and what forced it; elastic groups alone."""
    columns = ("constraint", "group", "row", "value", "slack", "forced_by")
    return [{name: one[name] for name in columns} for one in solve["relaxations"] if one["group"] != "hard"]


def blocked_orders(orders: pl.DataFrame) -> dict[str, dict[str, float]]:
    """Reason → number of orders blocked by it and their share of all that was ordered."""
    whole = float(orders["order"].abs().sum())
    groups = orders.filter(pl.col("blocked") != "").group_by("blocked").agg(pl.len(), pl.col("order").abs().sum())
    return {
        reason: {"orders": count, "share": amount / whole if whole else 0.0}
        for reason, count, amount in groups.sort("blocked").iter_rows()
    }


# --- the benchmark ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Followed:
    """Daily returns of drifted weights against an index's: correlation, differences in bp, both compounded."""

    index: str
    against: str
    days: int
    correlation: float
    mean_bp: float
    std_bp: float
    drifted: float
    published: float


def compare_daily(index: str, against: str, drifted: Sequence[float], published: Sequence[float]) -> Followed:
    a, b = np.asarray(drifted, dtype=np.float64), np.asarray(published, dtype=np.float64)
    difference = a - b
    return Followed(
        index, against, len(a), float(np.corrcoef(a, b)[0, 1]), 1e4 * float(difference.mean()),
        1e4 * float(difference.std()), float(np.prod(1 + a)) - 1, float(np.prod(1 + b)) - 1,
    )  # fmt: skip


def follow_index(builder: Builder, index: str, days: Sequence[dt.date]) -> list[Followed]:
    """The weights drifted by the portfolios' code against the published indices, on the days where weights are known."""
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
    began, where = time.monotonic(), conditions(command(options))
    builder = open_builder(options, say)
    calendar = builder.calendar
    weeks = calendar.weeks(options.first, options.last)
    build_tables(builder, weeks, say)
    say(f"all tables stand after {time.monotonic() - began:.0f} s")
    weekly = [row for portfolio in PORTFOLIOS for week in weeks if (row := look_at_week(builder, portfolio, week))]
    daily = read(builder, portfolio_returns.name, weeks).collect().sort("portfolio", "date")
    days = calendar.days(calendar.next_day(calendar.signal_day(weeks[0])), calendar.signal_day(weeks[-1]))
    followed = [one for portfolio in PORTFOLIOS for one in follow_index(builder, portfolio.index, days)]
    record = {
        "conditions": {**where, "seconds": round(time.monotonic() - began)},
        "score": builder.settings.demonstration.model_dump(mode="json", exclude={"file"}),
        "settings": builder.settings.portfolios.model_dump(mode="json"),
        "styles_begin": styles_begin(weekly),
        "benchmark": [vars(one) for one in followed],
        "attribution": split_excess(read(builder, attribution.name, weeks).collect()),
        "years": [vars(one) for one in by_year(daily, weekly)],
        "bounds": against_bounds(weekly, builder.settings.portfolios),
        "weekly": weekly,
    }
    charts = draw(daily, weekly)
    for name, svg in charts.items():
        options.out.with_name(f"{options.out.name}_{name}.svg").write_text(svg, "utf-8")
    write_record(options.out, record, describe(record, [f"{options.out.name}_{name}.svg" for name in charts]))
    for line in verdict(record):
        say(line)
    say(f"written to {options.out.name}.md, .json and charts after {time.monotonic() - began:.0f} s")


def styles_begin(weekly: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, dt.date | None]]:
    """Style → the first signal day on which it is known of any name, and of half of U(t); None where it never is."""
    return {
        style: {
            "any": min((row["signal"] for row in weekly if style not in row["not_applied"]), default=None),
            "half": min((row["signal"] for row in weekly if row["coverage"][style] >= 0.5), default=None),
        }
        for style in STYLES
    }


@dataclass(frozen=True)
class Year:
    """One calendar year of a portfolio; excess is the relative strength of net against the price index."""

    portfolio: str
    year: int
    weeks: int
    net: float
    index: float
    excess: float
    tracking_error: float
    turnover: float
    cost: float
    relaxed: int


def by_year(daily: pl.DataFrame, weekly: Sequence[Mapping[str, Any]]) -> list[Year]:
    """daily: date, portfolio, net, benchmark, turnover, cost. Tracking error: std of daily net − index · √244."""
    years = []
    order = {portfolio.key: place for place, portfolio in enumerate(PORTFOLIOS)}
    ordered = daily.sort(pl.col("portfolio").replace_strict(order), "date")
    for (portfolio, year), own in ordered.group_by("portfolio", pl.col("date").dt.year(), maintain_order=True):
        net, index = own["net"].to_numpy(), own["benchmark"].to_numpy().astype(np.float64)
        weeks = [row for row in weekly if row["portfolio"] == portfolio and row["signal"].year == year]
        traded = own.filter(pl.col("turnover") > 0)
        years.append(
            Year(
                str(portfolio),
                int(str(year)),
                len(weeks),
                float(np.prod(1 + net)) - 1,
                float(np.prod(1 + index)) - 1,
                float(np.prod((1 + net) / (1 + index))) - 1,
                float((net - index).std(ddof=1)) * DAYS_PER_YEAR**0.5,
                float(traded["turnover"].mean() or 0.0),  # type: ignore[arg-type]
                float(own["cost"].sum()),
                sum(row["status"] == "relaxed" for row in weeks),
            )
        )
    return years


def split_excess(items: pl.DataFrame) -> list[dict[str, Any]]:
    """Per portfolio: component → its part of the excess of all weeks, which they add up to.

    items: week, portfolio, component, value. A week's part counts times the relative strength at which the week began.
    """
    result = []
    for (portfolio,), own in items.group_by("portfolio", maintain_order=True):
        parts, strength = dict.fromkeys(COMPONENTS, 0.0), 1.0
        for (_,), week in own.sort("week").group_by("week", maintain_order=True):
            values = week.group_by("component").agg(pl.col("value").sum())
            for component, value in values.sort("component").iter_rows():
                parts[component] += strength * value
            strength *= 1.0 + float(values["value"].sum())
        result.append({"portfolio": portfolio, "excess": strength - 1.0, **parts})
    return result


def against_bounds(weekly: Sequence[Mapping[str, Any]], settings: PortfoliosSettings) -> list[dict[str, Any]]:
    """Per portfolio and constraint: the bound, the targets' and the holdings' largest, and how often the target reaches it.

    Holdings are those of the next signal close, before its rebalance: executed, a week older, against that day's
    benchmark, z-scores and industries. Weeks in which the constraint was n/a are left out.
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
    """How many weeks, the share of targets at the bound, the largest |target|; median, 95th percentile, largest |held|."""
    a = np.abs(np.array([value for value in target if value is not None], dtype=np.float64))
    b = np.abs(np.array([value for value in held if value is not None], dtype=np.float64))
    median, high = (float(np.quantile(b, q)) if b.size else None for q in (0.5, 0.95))
    return {
        "weeks": len(a),
        "at_bound": float((a >= limit - 1e-6).mean()) if a.size else None,
        "target_max": float(a.max()) if a.size else None,
        "held_median": median,
        "held_95": high,
        "held_max": float(b.max()) if b.size else None,
    }


# --- the record for people ----------------------------------------------------------------------------------------------


def draw(daily: pl.DataFrame, weekly: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """excess: relative strength of net against the price index; suspended: weights of the benchmark and what gave."""
    lines = []
    for portfolio in PORTFOLIOS:
        own = daily.filter(pl.col("portfolio") == portfolio.key)
        if own.height:
            strength = relative_strength(own["net"].to_numpy(), own["benchmark"].to_numpy().astype(np.float64))
            lines.append(Line(portfolio.key, own["date"].to_list(), strength.tolist()))
    rows = [row for row in weekly if row["portfolio"] == PORTFOLIOS[0].key]
    dates = [row["signal"] for row in rows]
    strained = [
        Line("suspended weight of the CSI 500", dates, [row["benchmark_suspended"] for row in rows]),
        Line("total industry deviation that was forced", dates, [row["gave"].get("industry", 0.0) for row in rows]),
    ]
    return {
        "excess": draw_lines(lines, prefix="excess", percent=False),
        "suspended": draw_lines(strained, prefix="suspended", percent=True),
    }


def verdict(record: Mapping[str, Any]) -> list[str]:
    """The study's findings, a line each."""
    lines = []
    for portfolio in PORTFOLIOS:
        rows = [row for row in record["weekly"] if row["portfolio"] == portfolio.key]
        if not rows:
            continue
        relaxed = [row for row in rows if row["status"] == "relaxed"]
        without = [row for row in relaxed if not all(one["forced_by"] for one in row["relaxations"])]
        broken = [row for row in rows if row["unexplained"]]
        failed = [row for row in rows if row["status"] not in ("optimal", "relaxed")]
        worst = max((row["residual"] for row in rows if row["residual"] is not None), default=0.0)
        gap = max((abs(row["duality_gap"]) for row in rows if row["duality_gap"] is not None), default=0.0)
        summer = [row for row in rows if SUMMER[0] <= row["signal"] <= SUMMER[1]]
        lines.append(
            f"{portfolio.key}: {len(rows)} weeks, {len(rows) - len(relaxed) - len(failed)} optimal, {len(relaxed)} relaxed, "
            f"{len(failed)} failed; relaxations without a cause: {len(without)}; bounds broken beyond what the solve says gave: "
            f"{len(broken)}; largest residual {worst:.1e}, largest gap {gap:.1e}"
        )
        if summer:
            lines.append(
                f"{portfolio.key}, June–September 2015: {sum(row['status'] == 'relaxed' for row in summer)} of {len(summer)} weeks "
                f"relaxed, at most {max(row['benchmark_suspended'] for row in summer):.0%} of the benchmark "
                f"({max(row['members_suspended'] for row in summer)} members) suspended at a signal close; executed turnover "
                f"{min(row['executed_turnover'] or 0.0 for row in summer):.1%} to {max(row['executed_turnover'] or 0.0 for row in summer):.1%}"
            )
    return lines


def describe(record: Mapping[str, Any], charts: Sequence[str]) -> str:
    where, weekly = record["conditions"], record["weekly"]
    first = min(row["signal"] for row in weekly)
    late = {style: days for style, days in record["styles_begin"].items() if days["half"] != first}
    begins = "; ".join(f"{style} {days['any'] or 'never'} ({days['half'] or 'never'})" for style, days in late.items())
    gone = max((row["benchmark_delisted"] for row in weekly if row["portfolio"] == PORTFOLIOS[1].key), default=0.0)
    return "\n".join(
        [
            "# Both portfolios on the real market, 2011–2016",
            "",
            f"`{where['command']}`",
            "",
            f"{where['date']}, commit {where['commit']}, {where['machine']}, {where['versions']}; {where['seconds']:,} s, of which "
            "the tables already built took none.",
            "",
            f"μ is the demonstration score `{record['score']['score']}` (minus the return compounded over the window, names of U(t), "
            "clipped and z-scored), which needs daily prices alone: **the returns below show that the machinery runs, and are no "
            "evidence about network 16.** CSI 500 has official weights at month ends. **CSI 1000 has no official weights here: its "
            "benchmark are the stand-in weights that the data README describes**, so its figures are those of a stand-in. All "
            "bounds, costs and rules are production's (SPEC §6). Limits by daily bars: there are no minute volumes.",
            "",
            *(f"- {line}" for line in verdict(record)),
            "",
            f"Styles that begin later than the study: first signal day on which any name has it (half of the universe): {begins}. "
            "Before the first it is n/a and bounds nothing; between the two most names have their industry's median.",
            "",
            f"Of the stand-in weights up to {gone:.1%} are names that were delisted before (merged companies): they are taken out "
            "of the benchmark, and the check benchmark_members_listed warns.",
            "",
            "## Weeks in which something gave",
            "",
            "In all other weeks the strict problem was solved. A conflict is irreducible: without any of its members the rest holds. "
            f"Industries: {named(weekly)}.",
            "",
            *relaxed_table(weekly),
            "",
            "## Targets and holdings against the bounds",
            "",
            "Largest absolute values over all weeks. *Held* is what executed trades and a week of drift made of the last target, at the "
            "next signal close before its rebalance; turnover's *held* is what was executed at VWAP. Bounds hold at the signal close: "
            "in between, prices and new z-scores, weights and industries move what is held.",
            "",
            bounds_table(record["bounds"]),
            "",
            "## Years",
            "",
            "Excess: relative strength of net against the price index. Tracking error: standard deviation of daily net − index, "
            f"·√{DAYS_PER_YEAR}; no bound is set on it. Turnover: executed, one-way, mean of the weeks; cost: sum of the year.",
            "",
            years_table(record["years"]),
            "",
            "## Where the excess came from",
            "",
            "Over all weeks, components of the table attribution (its module says what each is), chained by relative strength: a row "
            "adds up to its excess. The basis holds the dividends that the price index leaves out and, for CSI 1000, the stand-in.",
            "",
            split_table(record["attribution"]),
            "",
            "## The benchmark drifted by our code",
            "",
            "Daily returns of the published weights, drifted by close/pre_close, against the published index; differences in basis points. "
            "H00905.CSI and H00852.CSI are total-return indices, 000905.SH and 000852.SH leave dividends out.",
            "",
            follow_table(record["benchmark"]),
            "",
            "## Trades that could not be made",
            "",
            blocked_table(weekly),
            "",
            "## Charts",
            "",
            *(f"![{name}]({name})\n" for name in charts),
        ]
    )


def named(weekly: Sequence[Mapping[str, Any]]) -> str:
    """The names of the industries that gave."""
    codes = {one["row"] for row in weekly for one in row["relaxations"] if one["constraint"] == "industry"}
    return ", ".join(f"{code} {INDUSTRIES[code]}" for code in sorted(codes) if code in INDUSTRIES) or "none gave"


def relaxed_table(weekly: Sequence[Mapping[str, Any]]) -> list[str]:
    """One row per relaxed week: how much was suspended, what gave by how much, and what could not hold together."""
    rows = []
    for row in weekly:
        if row["status"] != "relaxed":
            continue
        gave = []
        for one in sorted(row["relaxations"], key=lambda one: -one["slack"]):
            what = f"{one['constraint']} {one['row']}" if one["constraint"] != one["row"] else one["constraint"]
            gave.append(f"{what} {one['slack']:.3%}")
        total = ", ".join(f"{group} {value:.3%}" for group, value in row["gave"].items())
        suspended = f"{row['benchmark_suspended']:.0%} / {row['frozen']:.0%}"
        why = [words.removeprefix("can't hold together: ") for words in row["conflicts"]]
        rows.append([f"{row['portfolio']}, {row['signal']}", suspended, total, "; ".join(gave), "<br>".join(why)])
    if not rows:
        return ["None."]
    header = ["portfolio, signal day", "suspended: benchmark / held", "in all", "what gave", "what can't hold together"]
    return markdown_table(header, rows).split("\n")


def bounds_table(rows: Sequence[Mapping[str, Any]]) -> str:
    def show(value: float | None) -> str:
        return "n/a" if value is None else f"{value:.4f}"

    header = [
        "portfolio, constraint",
        "bound",
        "weeks",
        "at the bound",
        "target, largest",
        "held, median",
        "held, 95 %",
        "held, largest",
    ]
    return markdown_table(
        header,
        [
            [
                f"{row['portfolio']}, {row['constraint']}", f"{row['bound']:g}", str(row["weeks"]),
                "–" if row["at_bound"] is None or not row["bound"] else f"{row['at_bound']:.0%}",
                *(show(row[name]) for name in ("target_max", "held_median", "held_95", "held_max")),
            ]
            for row in rows
        ],
    )  # fmt: skip


def years_table(rows: Sequence[Mapping[str, Any]]) -> str:
    header = [
        "portfolio, year",
        "weeks",
        "relaxed",
        "net",
        "index",
        "excess",
        "tracking error",
        "turnover a week",
        "cost",
    ]
    shares = ("net", "index", "excess", "tracking_error", "turnover", "cost")
    return markdown_table(
        header,
        [
            [
                f"{row['portfolio']}, {row['year']}",
                str(row["weeks"]),
                str(row["relaxed"]),
                *(f"{row[name]:.2%}" for name in shares),
            ]
            for row in rows
        ],
    )


def split_table(rows: Sequence[Mapping[str, Any]]) -> str:
    cells = [[row["portfolio"], *(f"{row[name]:+.2%}" for name in ("excess", *COMPONENTS))] for row in rows]
    return markdown_table(["portfolio", "excess", *(name.replace("_", " ") for name in COMPONENTS)], cells)


def follow_table(rows: Sequence[Mapping[str, Any]]) -> str:
    header = ["weights, index", "days", "correlation", "mean, bp", "std, bp", "weights in all", "index in all"]
    return markdown_table(
        header,
        [
            [
                f"{row['index']}{' (stand-in)' if row['index'] == PORTFOLIOS[1].index else ''}, {row['against']}", str(row["days"]),
                f"{row['correlation']:.6f}", f"{row['mean_bp']:+.2f}", f"{row['std_bp']:.2f}", f"{row['drifted']:.2%}", f"{row['published']:.2%}",
            ]
            for row in rows
        ],
    )  # fmt: skip


def blocked_table(weekly: Sequence[Mapping[str, Any]]) -> str:
    """Per portfolio and year, and for the summer of 2015: orders blocked by each reason, and the share of what was ordered."""
    periods: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in weekly:
        periods.setdefault((row["portfolio"], str(row["signal"].year)), []).append(row)
        if SUMMER[0] <= row["signal"] <= SUMMER[1]:
            periods.setdefault((row["portfolio"], "June–September 2015"), []).append(row)
    reasons = sorted({reason for row in weekly for reason in row["blocked"]})
    cells = []
    for (portfolio, period), rows in sorted(periods.items()):
        counts = [sum(row["blocked"].get(reason, {}).get("orders", 0) for row in rows) for reason in reasons]
        share = max((sum(one["share"] for one in row["blocked"].values()) for row in rows), default=0.0)
        cells.append([f"{portfolio}, {period}", *(f"{count:g}" for count in counts), f"{share:.1%}"])
    return markdown_table(["portfolio, period", *reasons, "largest share of a week's orders"], cells)


if __name__ == "__main__":
    sys.exit(main())
