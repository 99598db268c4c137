"""The make function of the table `attribution`: it converts stored rows into the inputs of attribution.py.

This module holds which stored rows and prices are read, and the rows and files that are written. It does not hold the attribution
itself (attribution.py). Source: SPEC §6.

The week is reconstructed from stored data only: last week's partition (weights, target, benchmark, cash), this week's
executions.parquet and days.parquet, prices, and the benchmark of portfolio_returns. Holdings are computed from these to the end of
the week, so that the check `adds_up_to_the_excess` compares two independent computations of the week.
"""

import datetime as dt
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from assets.catalogue import PORTFOLIOS, Portfolio
from assets.factors.styles import STYLES
from assets.portfolios.reasons import NO_INDEX_RETURN, NO_INDUSTRY, NOTHING_HELD
from assets.portfolios.schemas import ATTRIBUTION, ATTRIBUTION_LEGS, ATTRIBUTION_NAMES
from assets.portfolios.week.attribution import Attribution, HeldWeek, NameTraits, attribute, classify_shortfall
from assets.portfolios.week.exposures import TRADED, missing_styles
from assets.portfolios.week.mergers import exchange_shares
from assets.reference.schemas import UNKNOWN_INDUSTRY
from resources.arrays import Bools, Floats
from resources.made import Made
from resources.parquet import encode
from resources.partition import Frames, Partition
from resources.reasons import Reason, joined
from resources.settings.portfolios import PortfoliosSettings


@dataclass(frozen=True, eq=False)
class _Stored:
    """The stored rows and side files of one portfolio's week. before, solve: of the previous week."""

    before: pl.DataFrame
    solve: Mapping[str, Any]
    executions: pl.DataFrame
    days: pl.DataFrame
    returns: pl.DataFrame


def make_attribution(frames: Frames, partition: Partition, settings: PortfoliosSettings) -> Made:
    """Make the items of both portfolios' excess in the week, and the side files legs.parquet and names.parquet.

    The frames of the portfolios hold this week's partition and the previous one; styles are of the previous signal day. A
    portfolio without holdings, or whose index has no return, has no rows and a reason. A row without a value has its own
    reason. Raises InputError as `exchange_shares`.
    """
    week, calendar, unavailable = partition.week, partition.calendar, partition.unavailable
    returns, carried = frames["portfolio_returns"].collect(), frames["styles"].collect()
    days, mergers, securities = pl.col("date").is_in(calendar.week_days(week)), partition.mergers, frames["securities"]
    traded = frames["daily_prices"].filter(TRADED & pl.col("vwap").is_not_null())
    if mergers:
        band = settings.merger_growth_band
        prices, listed, _ = exchange_shares(mergers, traded.collect(), securities.collect(), band)
        prices, listed = prices.filter(days), listed.filter(days)
    else:
        prices, listed = traded.filter(days).collect(), securities.filter(days).collect()
    items, legs, names = [], [], []
    reasons: dict[str, Reason] = {}
    notes: dict[str, Any] = {}
    for portfolio in PORTFOLIOS:
        own = returns.filter(pl.col("portfolio") == portfolio.key).sort("date")
        if own.is_empty():
            reasons[portfolio.key] = unavailable.get("portfolio_returns", {}).get(portfolio.key, NOTHING_HELD())
            continue
        if own["benchmark"].null_count():
            reasons[portfolio.key] = NO_INDEX_RETURN()
            continue
        stored = _stored(portfolio, frames[portfolio.asset], own, partition)
        absent = missing_styles(carried, STYLES, unavailable.get("styles", {}))
        described = _names(stored.before, carried, absent)
        found = attribute(
            _week(stored, described, _market(described, calendar.week_days(week), prices, listed), settings),
            described,
            names_per_factor=settings.attribution.names_per_factor,
        )
        if set(described.industry.tolist()) == {UNKNOWN_INDUSTRY}:
            absent = {**absent, "industry": unavailable.get("styles", {}).get("industry", NO_INDUSTRY())}
        items.append(_items(week, partition.date, portfolio, found, absent))
        legs.append(_legs(portfolio, found))
        names.append(_by_name(portfolio, found, described))
        notes[portfolio.key] = _note(found)
    frame = pl.concat(items) if items else pl.DataFrame(schema=ATTRIBUTION)
    profile = frame.with_columns(gap=pl.lit(None, pl.Float64), basis=pl.lit(None, pl.Float64))
    if items:
        gaps = pl.DataFrame({"portfolio": list(notes), "gap": [note["gap"] for note in notes.values()]})
        profile = frame.join(gaps, on="portfolio", how="left", maintain_order="left").with_columns(
            basis=pl.when(pl.col("component") == "benchmark_basis").then("value")
        )
    sides = {
        "legs.parquet": pl.concat(legs) if legs else pl.DataFrame(schema=ATTRIBUTION_LEGS),
        "names.parquet": pl.concat(names) if names else pl.DataFrame(schema=ATTRIBUTION_NAMES),
    }
    return Made(
        frame,
        profile=profile,
        files={name: encode(side) for name, side in sides.items()} if items else {},
        unavailable=reasons,
        notes=notes,
    )


def _stored(portfolio: Portfolio, table: pl.LazyFrame, returns: pl.DataFrame, partition: Partition) -> _Stored:
    week = partition.week
    last = partition.calendar.offset_week(week, -1)

    def side(of: dt.date, name: str) -> pl.DataFrame:
        return pl.read_parquet(io.BytesIO(partition.files(portfolio.asset, of, name)))

    return _Stored(
        before=table.filter(pl.col("week") == last).sort("symbol").collect(),
        solve=side(last, "solve.parquet").row(0, named=True),
        executions=side(week, "executions.parquet"),
        days=side(week, "days.parquet").sort("date"),
        returns=returns,
    )


@dataclass(frozen=True, eq=False)
class _MarketArrays:
    """Arrays [days, n]: growth is 1 where a stock did not trade; alive: whether it was listed up to and on the day."""

    growth: Floats
    to_vwap: Floats
    from_vwap: Floats
    traded: Bools
    alive: Bools


def _market(names: NameTraits, days: list[dt.date], prices: pl.DataFrame, securities: pl.DataFrame) -> _MarketArrays:
    grid = pl.DataFrame({"date": days}, schema={"date": pl.Date}).join(
        pl.DataFrame({"symbol": names.symbols.tolist()}), how="cross", maintain_order="left_right"
    )
    rows = grid.join(prices, on=["date", "symbol"], how="left", maintain_order="left").join(
        securities.select("date", "symbol", listed=pl.lit(True)),
        on=["date", "symbol"],
        how="left",
        maintain_order="left",
    )

    def array(value: pl.Expr) -> np.ndarray:
        return rows.select(value).to_series().to_numpy().reshape(len(days), -1)

    close, before, vwap = pl.col("close"), pl.col("pre_close"), pl.col("vwap")
    return _MarketArrays(
        growth=array((close / before).fill_null(1.0)),
        to_vwap=array((vwap / before).fill_null(1.0)),
        from_vwap=array((close / vwap).fill_null(1.0)),
        traded=array(close.is_not_null()),
        alive=np.logical_and.accumulate(array(pl.col("listed").fill_null(False))),
    )


def _names(before: pl.DataFrame, styles: pl.DataFrame, absent: Mapping[str, Reason]) -> NameTraits:
    """Every stock with styles, a holding, a target or a benchmark weight, by symbol; regression weights are 0 outside U(t)."""
    every = pl.concat([styles.select("symbol"), before.select("symbol")]).unique().sort("symbol")
    rows = (
        every.join(styles.select("symbol", "in_universe", "total_mv", "industry", *STYLES), on="symbol", how="left")
        .join(before.select("symbol", own_industry="industry"), on="symbol", how="left")
        .sort("symbol")
        .with_columns(industry=pl.coalesce("own_industry", "industry", pl.lit(UNKNOWN_INDUSTRY)))
    )
    member = pl.col("in_universe") & (pl.col("total_mv") > 0)
    weights = rows.select(pl.when(member).then(pl.col("total_mv").cast(pl.Float64).sqrt()).otherwise(0.0))
    return NameTraits(
        symbols=rows["symbol"].to_numpy().astype(str),
        industry=rows["industry"].to_numpy().astype(str),
        styles={
            style: rows[style].cast(pl.Float64).fill_nan(None).fill_null(0.0).to_numpy()
            for style in STYLES
            if style not in absent
        },
        weights=weights.to_series().fill_null(0.0).to_numpy(),
    )


def _week(stored: _Stored, names: NameTraits, market: _MarketArrays, settings: PortfoliosSettings) -> HeldWeek:
    """The week of one portfolio over all `names`, computed from stored rows and prices."""
    order = pl.DataFrame({"symbol": names.symbols.tolist()}, schema={"symbol": pl.String})

    def column(frame: pl.DataFrame, name: str, absent: float | str = 0.0) -> np.ndarray:
        joined = order.join(frame.select("symbol", name), on="symbol", how="left", maintain_order="left")
        return joined[name].fill_null(absent).to_numpy()

    kept = settings.delisting_recovery
    alive, holding, cash = market.alive, column(stored.before, "drifted_weight"), float(stored.solve["cash"])
    lost = np.where(alive[0], 0.0, holding * (1.0 - kept))
    to_vwap = np.where(alive[0], market.to_vwap[0], 1.0)
    at_vwap = np.where(alive[0], holding * to_vwap, 0.0)
    nav = float(at_vwap.sum()) + cash + kept * float(holding[~alive[0]].sum())
    after = at_vwap / nav + column(stored.executions, "filled")
    target, shortfall = None, {}
    if stored.solve["status"] != "failed":
        target = column(stored.before, "weight")
        blocked, cut = (column(stored.executions, name, "").astype(str) for name in ("blocked", "cut"))
        shortfall = classify_shortfall(
            after - target, column(stored.executions, "topped_up"), np.where(blocked == "", cut, blocked)
        )
    from_vwap, lost_after = _after_trade(market, after * nav, kept)
    return HeldWeek(
        holding=holding,
        benchmark=column(stored.before, "benchmark_weight"),
        cash=cash,
        target=target,
        after=after,
        shortfall=shortfall,
        growth=(to_vwap, from_vwap),
        observed=(market.traded[0], np.logical_or.reduce(market.traded)),
        lost=(lost, lost_after),
        cost=float(stored.days["cost"].sum()),
        net=float(np.prod(1.0 + stored.returns["net"].to_numpy())),
        index=float(np.prod(1.0 + stored.returns["benchmark"].to_numpy())),
    )


def _after_trade(market: _MarketArrays, amounts: Floats, kept: float) -> tuple[Floats, Floats]:
    """Growth of each stock from VWAP to the signal close or its delisting [n], and the losses of `amounts` by delisting [n]."""
    growth = np.where(market.alive[0], market.from_vwap[0], 1.0)
    lost = np.zeros_like(growth)
    for day in range(1, len(market.alive)):
        gone = market.alive[day - 1] & ~market.alive[day]
        lost = np.where(gone, amounts * growth * (1.0 - kept), lost)
        growth = np.where(market.alive[day], growth * market.growth[day], growth)
    return growth, lost


def _items(
    week: dt.date,
    date: dt.date,
    portfolio: Portfolio,
    found: Attribution,
    absent: Mapping[str, Reason],
) -> pl.DataFrame:
    """Rows of ATTRIBUTION. A value that could not be computed is null with its reason.

    A style or industry that was estimated in one leg only has both a value and a reason. absent: style, or "industry", → why it
    is null for the whole market.
    """
    causes = sorted({leg.absent for leg in found.legs.values() if leg.absent is not None}, key=Reason.dumps)
    not_estimated = joined(causes)
    rows: list[tuple[str, str, float | None, Reason | None]] = [
        (component, item, value, not_estimated if component in ("style", "industry") else None)
        for (component, item), value in found.totals().items()
        if component != "industry" or "industry" not in absent
    ]
    known = {(component, item) for component, item, *_ in rows}
    rows += [
        ("style", style, None, absent.get(style, not_estimated)) for style in STYLES if ("style", style) not in known
    ]
    if not any(component == "industry" for component, _ in known):
        rows.append(("industry", "all", None, absent.get("industry", not_estimated)))
    stored = [(*row, None if reason is None else reason.dumps()) for *row, reason in rows]
    return pl.DataFrame([(week, date, portfolio.key, *row) for row in stored], schema=ATTRIBUTION, orient="row")


def _legs(portfolio: Portfolio, found: Attribution) -> pl.DataFrame:
    rows = [
        (portfolio.key, one.leg, one.component, one.item, one.exposure, one.factor_return, one.value)
        for one in found.pieces
    ]
    return pl.DataFrame(rows, schema=ATTRIBUTION_LEGS, orient="row").sort("leg", "component", "item")


def _by_name(portfolio: Portfolio, found: Attribution, names: NameTraits) -> pl.DataFrame:
    """Rows of ATTRIBUTION_NAMES, for the stocks to which a part of the excess belongs."""
    frame = pl.DataFrame(
        {
            "portfolio": [portfolio.key] * len(names.symbols),
            "symbol": names.symbols.tolist(),
            "industry": names.industry.tolist(),
            **{component: found.names[component] for component in ("selection", "unfilled", "delisting")},
        },
        schema=ATTRIBUTION_NAMES,
    )
    return frame.filter(pl.any_horizontal(pl.col("selection", "unfilled", "delisting") != 0)).sort("symbol")


def _note(found: Attribution) -> dict[str, Any]:
    """The notes of a portfolio's week, for the manifest and the UI."""
    return {
        "excess": found.excess,
        **found.components(),
        "gap": found.gap,
        "regressions": {
            leg: {"names": one.names, "r2": one.r2, **({"absent": one.absent.to_json()} if one.absent else {})}
            for leg, one in found.legs.items()
        },
    }
