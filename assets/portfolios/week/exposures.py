"""The benchmark vector of a week, and the style exposures of stocks.

This module drifts published index weights to the signal close and selects style exposures. It does not hold the bounds on active
exposures (problem/constraints.py) or index returns (returns.py). Source: SPEC §6.
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from assets.portfolios.reasons import STYLE_NULL
from assets.reference.drift import drift_weights
from resources.arrays import Floats
from resources.errors import InputError
from resources.reasons import Reason

BEIJING = ".BJ"  # the suffix of symbols of the Beijing exchange
TRADED = (pl.col("volume") > 0) & pl.col("pre_close").is_not_null() & pl.col("close").is_not_null()


@dataclass(frozen=True)
class Benchmark:
    """Index weights at a close.

    weights: symbol → fraction; they sum to 1. raw_sum: the sum of the published weights. published: the date of the published
    vector. delisted: members that were removed because they are no longer listed → the fraction they would have had. beijing:
    the same for members on the Beijing exchange, which is outside the selection space.
    """

    index: str
    weights: Mapping[str, float]
    raw_sum: float
    published: dt.date
    delisted: Mapping[str, float] = field(default_factory=dict)
    beijing: Mapping[str, float] = field(default_factory=dict)


def published_weights(indices: pl.DataFrame, index: str) -> pl.DataFrame | None:
    """Return the vector known for `index` as rows (symbol, weight, published_date), sorted by symbol; None if there is none.

    indices: the rows of one day of the table `indices`.
    """
    rows = indices.filter((pl.col("index") == index) & pl.col("symbol").is_not_null() & pl.col("weight").is_not_null())
    return None if rows.is_empty() else rows.select("symbol", "weight", "published_date").sort("symbol")


def growth_between(prices: pl.DataFrame, days: Sequence[dt.date]) -> dict[str, float]:
    """Map each symbol to the product of close / pre_close over `days`; a day without trading counts as 1.

    prices: rows (date, symbol, pre_close, close, volume) of daily_prices.

    Raises:
        InputError: A day has no row at all, so that its prices are missing rather than all stocks suspended.
    """
    window = prices.filter(pl.col("date").is_in(list(days)))
    missing = sorted(set(days) - set(window["date"].unique()))
    if missing:
        raise InputError(
            f"daily_prices has no row on {', '.join(map(str, missing[:5]))}{' …' if len(missing) > 5 else ''} "
            f"({len(missing)} of {len(days)} trading days from {days[0]} to {days[-1]}), so weights can't be drifted over "
            "them. Deliver reference/daily_prices for these days."
        )
    products = (
        window.filter(TRADED)
        .sort("symbol", "date")
        .group_by("symbol", maintain_order=True)
        .agg((pl.col("close") / pl.col("pre_close")).product().alias("growth"))
    )
    return dict(zip(products["symbol"].to_list(), products["growth"].to_list(), strict=True))


def drift_benchmark(
    published: pl.DataFrame,
    prices: pl.DataFrame,
    days: Sequence[dt.date],
    *,
    index: str,
    tolerance: float,
    listed: Collection[str] | None = None,
) -> Benchmark:
    """Drift the published vector over `days`, the trading days after its publication (SPEC §6).

    published: rows (symbol, weight, published_date). prices: as for `growth_between`. tolerance: the largest accepted distance
    of the published sum from 1. listed: the symbols listed on the last of the days; None if all are.

    Each published weight times its stock's growth is divided by the sum of these products. Published weights are rounded and
    sum to .998 to 1.002; `raw_sum` is that sum. A suspended member keeps its last price. A member that is no longer listed
    (merged or delisted) is removed before the division, and the fraction that it would have had is stored in `delisted`: it
    cannot be held, so with it every portfolio would have to be underweight in its industry. A member on the Beijing exchange,
    whose prices the platform does not read, is also removed and stored in `beijing`. In CSI 500's published vectors of
    2011–2016 eight members were delisted while in a vector, one of which stayed in the vectors of three more months.

    Raises:
        InputError: The published weights do not sum to 1 within `tolerance`, a member occurs twice, no member is listed, or a
            day has no prices.
    """
    raw_sum = float(published["weight"].sum())
    date = published["published_date"][0]
    if not abs(raw_sum - 1.0) <= tolerance:
        raise InputError(
            f"index_weights of {index} dated {date} sum to {raw_sum:.6f}; they must be fractions that sum to 1 within "
            f"{tolerance:g}. Deliver the full vector, in fractions rather than percent."
        )
    growth = growth_between(prices, days) if days else {}
    symbols = published["symbol"].to_list()
    if twice := published["symbol"].filter(published["symbol"].is_duplicated()).to_list():
        raise InputError(
            f"index_weights of {index} dated {date} name {twice[0]} {twice.count(twice[0])} times; a vector has one row per "
            "member. Deliver the vector again."
        )
    ratios = np.array([growth.get(symbol, np.nan) for symbol in symbols])
    weights, _, _ = drift_weights(published["weight"].to_numpy().astype(float), ratios)
    every = dict(zip(symbols, weights.tolist(), strict=True))
    beijing = {s: w for s, w in every.items() if s.endswith(BEIJING) and (listed is None or s not in listed)}
    delisted = {} if listed is None else {s: w for s, w in every.items() if s not in listed and s not in beijing}
    gone = beijing | delisted
    if not gone:
        return Benchmark(index, every, raw_sum, date)
    if len(gone) == len(every):
        raise InputError(f"No member of {index} dated {date} is listed in securities. Deliver reference/instruments.")
    left = {symbol: w for symbol, w in every.items() if symbol not in gone}
    total = sum(left.values())
    return Benchmark(index, {symbol: w / total for symbol, w in left.items()}, raw_sum, date, delisted, beijing)


def style_exposures(styles: pl.DataFrame, symbols: Sequence[str], wanted: Sequence[str]) -> dict[str, Floats]:
    """Map each wanted style to the full-market z-scores of `symbols` [n]; 0, the market's mean, where missing (SPEC §4).

    styles: the rows of the signal day. A stock without a row (suspended, new) or with a null style adds nothing to the exposure
    of the portfolio or of the benchmark. A style that is null for every stock is not an exposure of 0: its constraint is
    not applied (`missing_styles`).
    """
    own = pl.DataFrame({"symbol": list(symbols)}, schema={"symbol": pl.String}).join(
        styles, on="symbol", how="left", maintain_order="left"
    )
    return {style: own[style].cast(pl.Float64).fill_nan(None).fill_null(0.0).to_numpy() for style in wanted}


def missing_styles(styles: pl.DataFrame, wanted: Sequence[str], reasons: Mapping[str, Reason]) -> dict[str, Reason]:
    """Map each wanted style that is null for the whole market to its entry in `reasons`, or else to STYLE_NULL."""
    return {
        style: reasons.get(style, STYLE_NULL(style=style))
        for style in wanted
        if styles[style].null_count() == styles.height
    }
