"""The benchmark vector of a week, and what each name is exposed to.

What belongs here: published index weights drifted to the signal close; the styles that names carry. What does not: bounds
on active exposures (problem/constraints.py) and index returns (returns.py). Source: SPEC §6.
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets.portfolios.reasons import STYLE_NULL
from assets.reference.drift import drift_weights
from resources.errors import InputError
from resources.reasons import Reason

Floats = NDArray[np.float64]

BEIJING = ".BJ"  # how a symbol of the Beijing exchange ends
TRADED = (pl.col("volume") > 0) & pl.col("pre_close").is_not_null() & pl.col("close").is_not_null()


@dataclass(frozen=True)
class Benchmark:
    """Index weights at a close.

    weights: symbol → fraction, summing to 1. raw_sum: what the published weights sum to. published: the day they are
    dated. delisted: members taken out because they are no longer listed → the fraction they would have had. beijing: those
    taken out because they are listed on the Beijing exchange, which is outside the selection space → likewise.
    """

    index: str
    weights: Mapping[str, float]
    raw_sum: float
    published: dt.date
    delisted: Mapping[str, float] = field(default_factory=dict)
    beijing: Mapping[str, float] = field(default_factory=dict)


def published_weights(indices: pl.DataFrame, index: str) -> pl.DataFrame | None:
    """The vector known for `index`: symbol, weight, published_date sorted by symbol; None where there is none.

    `indices` holds one day of the table `indices`.
    """
    rows = indices.filter((pl.col("index") == index) & pl.col("symbol").is_not_null() & pl.col("weight").is_not_null())
    return None if rows.is_empty() else rows.select("symbol", "weight", "published_date").sort("symbol")


def growth_between(prices: pl.DataFrame, days: Sequence[dt.date]) -> dict[str, float]:
    """symbol → product of close / pre_close over `days`; a day without trading counts as 1.

    `prices` holds daily_prices rows (date, symbol, pre_close, close, volume). Raises InputError where a day has no row
    at all: then prices are missing, not suspended.
    """
    window = prices.filter(pl.col("date").is_in(list(days)))
    missing = sorted(set(days) - set(window["date"].unique()))
    if missing:
        raise InputError(
            f"daily_prices holds no row on {', '.join(map(str, missing[:5]))}{' …' if len(missing) > 5 else ''} "
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
    """The published vector drifted over `days`, the trading days after it was published.

    published: symbol, weight, published_date. tolerance: how far the published sum may be from 1 (InputError beyond).
    listed: the names listed on the last of the days; None: all are.

    What is divided by what: each published weight times its name's growth, by the sum of these products. Published
    weights are rounded and sum to .998 to 1.002; that sum is kept as `raw_sum`. A suspended member keeps its last price.
    A member of a vector that is no longer listed has left the index (merged, delisted): it counts in neither, and the
    fraction that it would have had is kept in `delisted`. It can't be held, so leaving it in would demand of every
    portfolio to be short of its industry. The same holds of a member on the Beijing exchange, whose prices the platform does
    not read: it is kept in `beijing`, by name, and not taken for a delisting. Of CSI 500's published vectors of 2011–2016 eight members left so, and one stood in
    the vectors of three more months.
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
        raise InputError(f"no member of {index} dated {date} is listed in securities; deliver reference/instruments.")
    left = {symbol: w for symbol, w in every.items() if symbol not in gone}
    total = sum(left.values())
    return Benchmark(index, {symbol: w / total for symbol, w in left.items()}, raw_sum, date, delisted, beijing)


def style_exposures(styles: pl.DataFrame, symbols: Sequence[str], wanted: Sequence[str]) -> dict[str, Floats]:
    """style → full-market z-score [n] of each of `symbols`; 0, the market's mean, where a name has none (SPEC §4).

    styles: the signal day's rows of the table. A name without a row (suspended, new) or with a null style adds nothing
    to the exposure, neither in the portfolio nor in the benchmark; a style that is null for every name is no exposure of 0
    but no constraint at all (`missing_styles`), recorded as not applied.
    """
    own = pl.DataFrame({"symbol": list(symbols)}, schema={"symbol": pl.String}).join(
        styles, on="symbol", how="left", maintain_order="left"
    )
    return {style: own[style].cast(pl.Float64).fill_nan(None).fill_null(0.0).to_numpy() for style in wanted}


def missing_styles(styles: pl.DataFrame, wanted: Sequence[str], reasons: Mapping[str, Reason]) -> dict[str, Reason]:
    """The styles that are null for the whole market → why, as the table says or else in general terms."""
    return {
        style: reasons.get(style, STYLE_NULL(style=style))
        for style in wanted
        if styles[style].null_count() == styles.height
    }
