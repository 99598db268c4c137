"""The eight styles of SPEC §4 on one day: raw, and standardised over U(t).

This module does not hold factors or regressions on styles. Location, scale and clip of each style come from U(t) and are applied
to every listed stock, including suspended and ST stocks. Windows count exchange trading days. A day on which a stock did not trade
is no observation; only inside a compounded return it counts as return 0.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets.factors.cross_section import moments, standardise
from assets.factors.reasons import (
    FEW_BOOK_VALUES,
    NO_UNIVERSE,
    ONE_SIDED,
)
from assets.reference.schemas import UNKNOWN_INDUSTRY
from resources.arrays import Floats
from resources.calendar import Calendar
from resources.lookback import Lookback
from resources.reasons import Reason
from resources.settings.styles import StylesSettings

STYLES = ("size", "mid_cap", "turnover", "reversal", "volatility", "value", "profitability", "growth")
# A missing value of these styles is replaced by the median of the stock's industry before standardising.
FUNDAMENTAL = ("value", "profitability", "growth")
SCHEMA = {
    "date": pl.Date,
    "symbol": pl.String,
    "in_universe": pl.Boolean,
    "industry": pl.String,
    "total_mv": pl.Float64,
    "float_mv": pl.Float64,
    **dict.fromkeys(STYLES, pl.Float64),
    **{f"{style}_raw": pl.Float64 for style in STYLES},
}
# Style → the columns it is computed from; where one of them is n/a, its reason is that of the style.
NEEDS = {
    "size": ("securities.total_mv",),
    "mid_cap": ("securities.total_mv",),
    "turnover": ("daily_prices.amount",),
    "reversal": ("daily_prices.close",),
    "volatility": ("daily_prices.close",),
    "value": ("securities.equity",),
    "profitability": ("securities.profitability",),
    "growth": ("securities.profitability", "securities.profitability_year_ago"),
}
NEEDS = {
    # Location and scale of every style come from U(t).
    **{style: (*columns, "securities.in_universe") for style, columns in NEEDS.items()},
    **{f"{style}_raw": columns for style, columns in NEEDS.items()},
    "mid_cap_raw": ("securities.total_mv", "securities.in_universe"),
    "in_universe": ("securities.in_universe",),
}


# --- which days are read ------------------------------------------------------------------------------------------------


@Lookback
def window_days(calendar: Calendar, day: dt.date, settings: StylesSettings, start: dt.date) -> list[dt.date]:
    """Return the trading days of the window that ends on `day`, none before `start`."""
    first = calendar.offset(day, -min(settings.window - 1, calendar.index(day)))
    return [d for d in calendar.days(first, day) if d >= start]


def formation_day(calendar: Calendar, day: dt.date) -> dt.date:
    """Return the last trading day before the month of `day`; the 2×3 sorts of its close are used throughout that month."""
    return calendar.previous_day(day.replace(day=1))


@Lookback
def window_and_formation_days(
    calendar: Calendar, day: dt.date, settings: StylesSettings, start: dt.date
) -> list[dt.date]:
    """Return the window's trading days and their formation days, none before `start`."""
    window = window_days.keys(calendar, day, settings, start)
    return sorted({*window, *(d for one in window if (d := formation_day(calendar, one)) >= start)})


# --- one day ------------------------------------------------------------------------------------------------------------


def standardised(
    listed: pl.DataFrame, raw: Mapping[str, Floats], universe: NDArray[np.bool_], settings: StylesSettings
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the table, and a profile for the checks: mean, standard deviation and coverage of each style on U(t)."""
    columns: dict[str, pl.Series] = {}
    judged = []
    for style in STYLES:
        x = raw[style]
        if style in FUNDAMENTAL:
            x = fill_with_median(x, listed["industry"], universe)
        z = standardise(x, settings.clip_std, universe)
        exists = bool(np.isfinite(z).any())
        columns[style] = (
            pl.Series(np.nan_to_num(z, nan=0.0)) if exists else pl.Series([None] * len(z), dtype=pl.Float64)
        )
        columns[f"{style}_raw"] = pl.Series(raw[style]).fill_nan(None)
        mean, std = moments(z, universe)
        known = float(np.isfinite(raw[style][universe]).mean()) if exists else None
        # A style that is equal for all stocks has standard deviation 0 and is not checked.
        judged.append((style, mean, std, known) if exists and std > 0 else (style, None, None, known))
    frame = listed.select("date", "symbol", pl.col("in_universe"), "industry", "total_mv", "float_mv")
    profile = pl.DataFrame(
        judged,
        schema={"style": pl.String, "mean": pl.Float64, "std": pl.Float64, "coverage": pl.Float64},
        orient="row",
    )
    return frame.with_columns(**columns).select(*SCHEMA), profile


# --- statistics of a window ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DailyPanel:
    """Daily observations of a window as arrays [stocks, days], NaN where a stock did not trade."""

    symbols: pl.Series  # sorted
    days: list[dt.date]
    returns: Floats  # close / pre_close − 1
    turnover: Floats  # amount / (close × float shares)
    opening_mv: Floats  # pre_close × float shares: the float capitalisation before the day's move
    members: NDArray[np.bool_]  # in U(day)

    @classmethod
    def of(cls, prices: pl.DataFrame, securities: pl.DataFrame, days: list[dt.date]) -> "DailyPanel":
        """Arrange the rows of daily_prices and securities on `days` (ascending); rows of other days are ignored."""
        symbols = pl.concat([prices["symbol"], securities["symbol"]]).unique().sort()
        names = pl.DataFrame({"symbol": symbols, "row": np.arange(len(symbols))})
        calendar = pl.DataFrame({"date": days, "column": np.arange(len(days))}, schema_overrides={"date": pl.Date})

        def placed(frame: pl.DataFrame) -> pl.DataFrame:
            on_row = frame.join(names, on="symbol", how="inner", maintain_order="left")
            return on_row.join(calendar, on="date", how="inner", maintain_order="left")

        prices, inside = placed(prices), placed(securities.filter("in_universe"))

        def spread(values: pl.Expr) -> Floats:
            matrix = np.full((len(symbols), len(days)), np.nan)
            found = prices.select(values.alias("value"))["value"].cast(pl.Float64).to_numpy()
            matrix[prices["row"].to_numpy(), prices["column"].to_numpy()] = found
            return np.where(np.isfinite(matrix), matrix, np.nan)

        members = np.zeros((len(symbols), len(days)), dtype=bool)
        members[inside["row"].to_numpy(), inside["column"].to_numpy()] = True
        return cls(
            symbols,
            days,
            returns=spread(pl.col("close") / pl.col("pre_close") - 1),
            turnover=spread(pl.col("amount") / (pl.col("close") * pl.col("float_shares"))),
            opening_mv=spread(pl.col("pre_close") * pl.col("float_shares")),
            members=members,
        )

    def positions(self, symbols: pl.Series) -> NDArray[np.int64]:
        """Return the row numbers of `symbols`, each of which must be in the panel."""
        return self.symbols.search_sorted(symbols).to_numpy().astype(np.int64)


def turnover(panel: DailyPanel, minimum: int) -> Floats:
    """Return ln of the mean daily amount / float_mv [stocks]; NaN with fewer than `minimum` traded days."""
    return np.log(positive(_mean(panel.turnover, minimum)))


def reversal(panel: DailyPanel, minimum: int) -> Floats:
    """Return the compounded return of the window [stocks], 0 on days without trades; NaN with fewer than `minimum` days."""
    enough = np.isfinite(panel.returns).sum(axis=1) >= minimum
    compounded = np.prod(1.0 + np.nan_to_num(panel.returns, nan=0.0), axis=1) - 1.0
    return np.where(enough, compounded, np.nan)


def deviation(returns: Floats, minimum: int) -> Floats:
    """Return each stock's standard deviation (ddof 0) of the returns [stocks, days]; NaN with fewer than `minimum`."""
    centred = returns - _mean(returns, minimum)[:, None]
    return np.sqrt(_mean(centred**2, minimum))


def explained_share(returns: Floats, factors: Floats, minimum: int) -> Floats:
    """Return each stock's R² of the returns [stocks, days] on an intercept and the factors [days, k].

    The regression uses the days that have both. The result is NaN with fewer than `minimum` days, or if the returns do not
    vary.
    """
    used = np.isfinite(returns) & np.isfinite(factors).all(axis=1)
    count = used.sum(axis=1)
    enough = count >= minimum
    used, count = used[enough], count[enough][:, None]
    y = np.where(used, returns[enough], 0.0)
    y = (y - y.sum(axis=1, keepdims=True) / count) * used
    design = np.where(np.isfinite(factors), factors, 0.0)
    design = (design[None] - (used @ design / count)[:, None, :]) * used[:, :, None]  # (names, days, k)
    left, singular, _ = np.linalg.svd(design, full_matrices=False)
    fitted = np.einsum("ntk,nt->nk", left, y) ** 2 * (singular > 1e-10 * singular[:, :1])
    total = (y**2).sum(axis=1)
    share = np.full(len(returns), np.nan)
    share[enough] = np.divide(fitted.sum(axis=1), total, out=np.full(len(total), np.nan), where=total > 0)
    return np.clip(share, 0.0, 1.0)


def mid_cap(size: Floats, universe: NDArray[np.bool_], clip_std: float) -> Floats:
    """Return z³ less its least-squares line in z [stocks], with z the standardised size (SPEC §4).

    The line and the standardisation are computed on U(t) and applied to every stock.
    """
    z = standardise(size, clip_std, universe)
    cube = z**3
    used = universe & np.isfinite(z)
    spread = float((z[used] ** 2).sum())
    slope = float((z[used] * cube[used]).sum()) / spread if spread > 0 else 0.0
    intercept = float(cube[used].mean()) if used.any() else np.nan
    return cube - intercept - slope * z


def fill_with_median(x: Floats, industry: pl.Series, universe: NDArray[np.bool_]) -> Floats:
    """Replace missing entries of `x` [stocks] by the median of the stock's industry in U(t).

    An entry stays missing if the stock has no industry, or the industry no value.
    """
    frame = pl.DataFrame({"x": x, "industry": industry, "universe": universe}).with_columns(pl.col("x").fill_nan(None))
    medians = (
        frame.filter(pl.col("universe") & (pl.col("industry") != UNKNOWN_INDUSTRY) & pl.col("x").is_not_null())
        .group_by("industry")
        .agg(median=pl.col("x").median())
    )
    filled = frame.join(medians, on="industry", how="left", maintain_order="left")
    return floats_of(filled.select(pl.coalesce("x", "median"))["x"])


# --- Fama–French factors ------------------------------------------------------------------------------------------------


def factor_returns(
    panel: DailyPanel, history: pl.DataFrame, calendar: Calendar, settings: StylesSettings
) -> tuple[Floats, Reason | None]:
    """Return MKT, SMB and HML of each day of the panel [days, 3], and the reason of the first day without them (or None).

    MKT is the float-capitalisation-weighted return of U(day). SMB and HML follow Fama and French (1993): at the close of
    the month before, U is split at the median of float_mv and at the low and high quantiles of book/total_mv, without the
    stocks that have no positive equity; the six portfolios are weighted by float capitalisation before the day's move. SMB is
    the mean over the three book groups of small − big, HML the mean over the two size groups of high − low. A pair with an
    empty side is left out, which only happens in a market of a few dozen stocks.
    """
    factors = np.full((len(panel.days), 3), np.nan)
    groups: dict[dt.date, NDArray[np.int64] | Reason] = {}
    why_not: Reason | None = None
    for column, day in enumerate(panel.days):
        formed = formation_day(calendar, day)
        if formed not in groups:
            at = history.filter((pl.col("date") == formed) & pl.col("in_universe"))
            groups[formed] = sort_groups(panel, at, formed, settings)
        group = groups[formed]
        if isinstance(group, Reason):
            why_not = why_not or group
            continue
        r, w = panel.returns[:, column], panel.opening_mv[:, column]
        traded = np.isfinite(r) & np.isfinite(w)
        market = _weighted_mean(r, w, traded & panel.members[:, column])
        small, big = (
            np.array([_weighted_mean(r, w, traded & (group == 3 * side + book)) for book in range(3)])
            for side in range(2)
        )
        smb = small - big
        hml = np.array([small[2] - small[0], big[2] - big[0]])
        if np.isfinite(market) and np.isfinite(smb).any() and np.isfinite(hml).any():
            factors[column] = market, np.nanmean(smb), np.nanmean(hml)
        else:
            why_not = why_not or ONE_SIDED(formed=formed, date=day)
    return factors, why_not


def sort_groups(
    panel: DailyPanel, at: pl.DataFrame, formed: dt.date, settings: StylesSettings
) -> NDArray[np.int64] | Reason:
    """Return the 2×3 group of each stock of the panel: 3 × (0 small, 1 big) + (0 low, 1 middle, 2 high book); −1 for none.

    `at` holds U(t) of the formation day. If too few of its stocks have positive equity, the result is the reason instead.
    """
    if at.is_empty():
        return NO_UNIVERSE(date=formed)
    sized = at.filter((pl.col("equity") > 0) & (pl.col("total_mv") > 0) & (pl.col("float_mv") > 0))
    if sized.height < max(settings.min_book_coverage * at.height, 1):
        return FEW_BOOK_VALUES(known=sized.height, names=at.height, date=formed)
    cap = sized["float_mv"].to_numpy()
    book = (sized["equity"] / sized["total_mv"]).to_numpy()
    low, high = np.quantile(book, [settings.low_book_share, 1 - settings.low_book_share])
    group = np.full(len(panel.symbols), -1)
    group[panel.positions(sized["symbol"])] = 3 * (cap > np.median(cap)) + (book > low) + (book > high)
    return group


# --- small arithmetic ---------------------------------------------------------------------------------------------------


def floats_of(series: pl.Series) -> Floats:
    """Return a column as float64, NaN where null."""
    return series.cast(pl.Float64).to_numpy().astype(np.float64)


def positive(x: Floats) -> Floats:
    """Return x where it is positive, NaN elsewhere."""
    return np.where(x > 0, x, np.nan)


def _mean(x: Floats, minimum: int) -> Floats:
    """Mean of the finite entries over days, [stocks, days] → [stocks]; NaN with fewer than `minimum`."""
    used = np.isfinite(x)
    count = used.sum(axis=1)
    total = np.where(used, x, 0.0).sum(axis=1)
    return np.divide(total, count, out=np.full(len(x), np.nan), where=count >= max(minimum, 1))


def _weighted_mean(x: Floats, weights: Floats, used: NDArray[np.bool_]) -> float:
    total = float(weights[used].sum())
    return float((x[used] * weights[used]).sum()) / total if total > 0 else float("nan")
