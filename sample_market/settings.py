"""Settings of the sample market and its profiles.

What belongs here: every number that a user may turn. What does not: the microstructure constants of `book`, which are
part of the simulated exchange, not of an experiment with it.
"""

from __future__ import annotations

import datetime as dt

from pydantic import BaseModel, ConfigDict, Field, model_validator


class MarketSettings(BaseModel):
    """One market. Equal settings and version give equal bytes.

    Examples
    --------
    >>> profile("tiny").days
    60
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    profile: str
    seed: int = Field(20231124, ge=0)
    last_day: dt.date = Field(
        dt.date(2023, 11, 24),
        description="last trading day: a week's last. It decides which of the exchanges' rules hold; the vendor files keep their "
        "layout of 2023",
    )
    days: int = Field(description="trading days with minute data")
    tick_days: int = Field(ge=8, description="the most recent of them, delivered as vendor files instead of bars")
    history_days: int = Field(75, ge=70, description="trading days with daily prices only, before the first minute day")
    sse_main: int = Field(ge=4)
    star: int = Field(ge=1)
    szse_main: int = Field(ge=4)
    chinext: int = Field(ge=1)
    csi500: int = Field(ge=4, description="members of 000905.SH")
    csi1000: int = Field(ge=4, description="members of 000852.SH")
    industries: int = Field(ge=2, le=12)
    st_locks: int = Field(0, ge=0, description="ST names locked at their price limit, one vendor day each")
    sse_channels: int = 3
    szse_channels: int = 4
    alpha: float = Field(1.0, ge=0, description="strength of the planted alpha; 0 is the null market")
    alpha_persistence: float = Field(0.9, ge=0, lt=1, description="AR(1) coefficient of the latent alpha, week to week")
    alpha_weekly_return: float = Field(0.009, description="return of the next week per unit of alpha, at strength 1")
    activity: float = Field(
        0.82, gt=0, description="bursts of orders per minute of a typical stock at a typical minute"
    )

    @model_validator(mode="after")
    def _room_for_events(self) -> MarketSettings:
        if self.days < self.tick_days + 24:
            raise ValueError(
                f"{self.days} days hold too few before the {self.tick_days} vendor days: at least 24 are needed"
            )
        return self

    @property
    def names(self) -> int:
        """Number of stocks, those listed or delisted within the span included."""
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
    """The settings of a profile, with changes.

    Raises
    ------
    ValueError
        If no profile has that name; the message lists them.
    """
    if name not in PROFILES:
        raise ValueError(f"unknown sample market profile {name!r}: choose one of {', '.join(sorted(PROFILES))}")
    return MarketSettings(profile=name, **{**PROFILES[name], **changes})
