"""Settings of the sample market and its profiles.

This module holds every number that a user may change. It does not hold the microstructure constants of `book`, which are part of the
simulated exchange.
"""

from __future__ import annotations

import datetime as dt

from pydantic import BaseModel, ConfigDict, Field, model_validator


class MarketSettings(BaseModel):
    """Settings of one market. Equal settings and versions of the generator give equal bytes.

    >>> profile("tiny").days
    60
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    profile: str
    seed: int = Field(20231124, ge=0)
    last_day: dt.date = Field(
        dt.date(2023, 11, 24),
        description="last day, which must be a week's last trading day. It decides which rules of the exchanges are in force; the "
        "vendor files always have their layout of 2023",
    )
    days: int = Field(description="number of trading days with minute data")
    tick_days: int = Field(
        ge=8, description="number of the most recent of them that are delivered as vendor files instead of bars"
    )
    history_days: int = Field(
        75, ge=70, description="number of trading days with daily prices only, before the first minute day"
    )
    sse_main: int = Field(ge=4)
    star: int = Field(ge=1)
    szse_main: int = Field(ge=4)
    chinext: int = Field(ge=1)
    csi500: int = Field(ge=4, description="members of 000905.SH")
    csi1000: int = Field(ge=4, description="members of 000852.SH")
    industries: int = Field(ge=2, le=12)
    st_locks: int = Field(
        0, ge=0, description="number of ST stocks that are locked at their price limit, on one vendor day each"
    )
    sse_channels: int = 3
    szse_channels: int = 4
    alpha: float = Field(1.0, ge=0, description="strength of the planted alpha; with 0 nothing predicts returns")
    alpha_persistence: float = Field(0.9, ge=0, lt=1, description="weekly AR(1) coefficient of the latent alpha")
    alpha_weekly_return: float = Field(0.009, description="return of the next week per unit of alpha, at strength 1")
    activity: float = Field(
        0.82, gt=0, description="bursts of orders per minute of a typical stock at a typical minute"
    )

    @model_validator(mode="after")
    def _room_for_events(self) -> MarketSettings:
        if self.days < self.tick_days + 24:
            raise ValueError(
                f"days = {self.days} leaves {self.days - self.tick_days} days before the tick_days = {self.tick_days} vendor days; "
                "at least 24 are needed"
            )
        return self

    @property
    def names(self) -> int:
        """The number of stocks, including those that are listed or delisted within the days."""
        return self.sse_main + self.star + self.szse_main + self.chinext


PROFILES: dict[str, dict[str, int]] = {
    "sample": {
        "days": 200,
        "tick_days": 40,
        "sse_main": 48,
        "star": 14,
        "szse_main": 42,
        "chinext": 20,
        "csi500": 40,
        "csi1000": 50,
        "industries": 8,
    },
    "tiny": {
        "days": 60,
        "tick_days": 10,
        "sse_main": 12,
        "star": 4,
        "szse_main": 10,
        "chinext": 5,
        "csi500": 10,
        "csi1000": 12,
        "industries": 4,
    },
}


def profile(name: str, **changes: object) -> MarketSettings:
    """Return the settings of a profile, with changes.

    Raises:
        ValueError: No profile has that name, or the settings are invalid.
    """
    if name not in PROFILES:
        raise ValueError(f"unknown sample market profile {name!r}: choose one of {', '.join(sorted(PROFILES))}")
    return MarketSettings(profile=name, **{**PROFILES[name], **changes})
