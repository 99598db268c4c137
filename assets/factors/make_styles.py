"""Makes one day of the table `styles`: its rows, and the reasons of styles without values. The formulas are in styles.py."""

import datetime as dt
import math
from typing import Any

import numpy as np
import polars as pl

from assets.factors.reasons import (
    NO_STYLE_VALUE,
    NOBODY_IN_SECURITIES,
    TOO_FEW_DAYS,
    VOLATILITY_IS_DEVIATION,
    VOLATILITY_IS_R2,
)
from assets.factors.styles import (
    NEEDS,
    SCHEMA,
    STYLES,
    DailyPanel,
    deviation,
    explained_share,
    factor_returns,
    floats_of,
    mid_cap,
    positive,
    reversal,
    standardised,
    turnover,
    window_days,
)
from resources.made import LEFT_OUT, Made
from resources.partition import Frames, Partition
from resources.settings.styles import StylesSettings


def make_styles(frames: Frames, partition: Partition, settings: StylesSettings) -> Made:
    """Make `styles` of one day, one row per listed stock.

    A missing standardised style is 0, and a style without a value in U(t) is a null column with its reason. The frame
    `daily_prices` covers the window, `securities` the window and the formation days.
    """
    date, calendar, unavailable = partition.date, partition.calendar, partition.unavailable
    history = frames["securities"].filter(pl.col("date") <= date).collect()
    listed = history.filter(pl.col("date") == date).sort("symbol")
    upstream = unavailable.get("securities", {})
    if listed.is_empty():
        return Made(
            pl.DataFrame(schema=SCHEMA),
            unavailable=dict.fromkeys(SCHEMA, upstream.get("symbol", NOBODY_IN_SECURITIES(date=date))),
        )
    window = window_days.keys(calendar, date, settings, dt.date.min)
    panel = DailyPanel.of(frames["daily_prices"].collect(), history, window)
    minimum = math.ceil(settings.min_share * settings.window)
    rows = panel.positions(listed["symbol"])
    factors, why_not = factor_returns(panel, history, calendar, settings)
    measured = int(np.isfinite(factors).all(axis=1).sum())
    if measured >= minimum:
        volatility = explained_share(panel.returns, factors, minimum)
        volatility_is = VOLATILITY_IS_R2()
    else:
        volatility = deviation(panel.returns, minimum)
        volatility_is = VOLATILITY_IS_DEVIATION(cause=why_not)

    universe = listed["in_universe"].fill_null(False).to_numpy()
    equity, total_mv = floats_of(listed["equity"]), floats_of(listed["total_mv"])
    raw = {
        "size": np.log(positive(total_mv)),
        "turnover": turnover(panel, minimum)[rows],
        "reversal": reversal(panel, minimum)[rows],
        "volatility": volatility[rows],
        "value": equity / positive(total_mv),
        "profitability": floats_of(listed["profitability"]),
        "growth": floats_of(listed["profitability"]) - floats_of(listed["profitability_year_ago"]),
    }
    raw["mid_cap"] = mid_cap(raw["size"], universe, settings.clip_std)
    frame, profile = standardised(listed, raw, universe, settings)

    days = int(np.isfinite(panel.returns).any(axis=0).sum())
    short = TOO_FEW_DAYS(needed=minimum, window=settings.window, held=days)
    reasons = {"industry": upstream["industry"]} if "industry" in upstream else {}
    for style in STYLES:
        if frame[style].null_count() == frame.height and not any(
            unavailable.get(table, {}).get(column) for table, column in (one.split(".") for one in NEEDS[style])
        ):
            windowed = style in ("turnover", "reversal", "volatility") and days < minimum
            reasons[style] = short if windowed else NO_STYLE_VALUE(style=style, date=date)
        if style in reasons and frame[f"{style}_raw"].null_count() == frame.height:
            reasons[f"{style}_raw"] = reasons[style]
    notes: dict[str, Any] = {"in_universe": int(universe.sum()), "volatility": volatility_is.to_json()}
    if measured < minimum and why_not is not None:
        notes[LEFT_OUT] = {"volatility_factors": {"volatility": why_not.to_json()}}
    return Made(frame, profile, unavailable=reasons, notes=notes)
