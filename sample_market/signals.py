"""The planted truth: the latent weekly alpha, its imprints in the order flow, and the factors common to all stocks.

This module holds every number that decides what is predictable and how strongly. It does not hold the effect of an imprint on trading
(`book`).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np

from .book import MINUTES
from .plan import MarketPlan, monday, random
from .settings import MarketSettings

IMPRINTS = ("intention", "large", "skew", "closing", "outflow", "reversal")
STRENGTH = np.array([0.03, 0.38, 0.27, 0.07, 0.16, 0.0013])
"""Size of each imprint per unit of signal: two log-odds, jump asymmetry, log volumes, return of a day."""
SIGNAL_SHARE = 0.8
"""Correlation of an imprint with alpha at strength 1: its square is the share of alpha in the variance, the rest is noise."""


@dataclass(frozen=True)
class Signals:
    """Alpha (weeks, stocks), the week of each day, imprints (weeks, stocks, 6), and drift of each day (days, stocks)."""

    weeks: list[dt.date]
    week_of_day: np.ndarray
    alpha: np.ndarray
    imprints: np.ndarray
    drift: np.ndarray


def _z(x: np.ndarray) -> np.ndarray:
    return (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)


def make_signals(settings: MarketSettings, plan: MarketPlan) -> Signals:
    """Return the signals: alpha of week w moves the fundamental value in week w + 1 and the order flow in week w."""
    rng = random(settings, "alpha")
    weeks = sorted({monday(d) for d in plan.days})
    index = {w: k for k, w in enumerate(weeks)}
    n, a = len(plan.stocks), settings.alpha_persistence
    x = rng.normal(size=(len(weeks), n))
    noise = rng.normal(size=(len(weeks), n, len(IMPRINTS)))
    for w in range(1, len(weeks)):
        x[w] = a * x[w - 1] + np.sqrt(1.0 - a * a) * x[w]
        noise[w] = 0.5 * noise[w - 1] + np.sqrt(0.75) * noise[w]
    alpha = _z(x)
    mixed = settings.alpha * SIGNAL_SHARE * alpha[:, :, None] + np.sqrt(1.0 - SIGNAL_SHARE**2) * noise
    week_of_day = np.array([index[monday(d)] for d in plan.days])
    before = np.maximum(week_of_day - 1, 0)
    drift = settings.alpha * settings.alpha_weekly_return / 5.0 * alpha[before] * (week_of_day > 0)[:, None]
    return Signals(weeks, week_of_day, alpha, mixed * STRENGTH, drift)


@dataclass(frozen=True)
class CommonFactors:
    """Log returns of the market, (days,) overnight and (days, 237) by minute, and of the industries."""

    market_night: np.ndarray
    market: np.ndarray
    industry_night: np.ndarray
    """(days, industries)."""
    industry: np.ndarray
    """(days, 237, industries)."""
    volatility: np.ndarray
    """(days, stocks) log volatility of each stock about its mean: the sum of a common and an own state."""


def make_common_factors(settings: MarketSettings, plan: MarketPlan) -> CommonFactors:
    """Return market and industry returns with fat tails and volatility that clusters over days."""
    rng = random(settings, "factors")
    days, k, n = len(plan.days), settings.industries, len(plan.stocks)
    state, own = np.zeros(days), np.zeros((days, n))
    shocks, own_shocks = rng.normal(size=days), rng.normal(size=(days, n))
    for d in range(1, days):
        state[d] = 0.92 * state[d - 1] + 0.10 * shocks[d]
        own[d] = 0.90 * own[d - 1] + 0.12 * own_shocks[d]
    scale = np.exp(state)
    shape = np.sqrt(activity_shape())
    tails = rng.standard_t(5, size=(days, MINUTES)) * np.sqrt(3 / 5)
    market = 0.0075 / np.sqrt(MINUTES) * scale[:, None] * shape * tails
    night = 0.004 * scale * rng.standard_t(5, size=days) * np.sqrt(3 / 5)
    industry = 0.005 / np.sqrt(MINUTES) * shape[:, None] * rng.normal(size=(days, MINUTES, k))
    industry_night = 0.003 * rng.normal(size=(days, k))
    return CommonFactors(night, market, industry_night, industry, state[:, None] + own)


def activity_shape() -> np.ndarray:
    """Return the U shape of intraday activity over the 237 minutes of continuous trading, with mean 1."""
    m = np.arange(MINUTES)
    u = 0.72 + 1.5 * np.exp(-m / 16.0) + 0.55 * np.exp(-(MINUTES - 1 - m) / 20.0) + 0.3 * np.exp(-np.abs(m - 120) / 8.0)
    return u / u.mean()
