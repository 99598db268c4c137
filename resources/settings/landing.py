"""Settings of the landing zone: how the delivered tables are meant, and when a delivery counts as finished.

The defaults are the documented form of SPEC §2.1. What is declared here is applied once, where the landing zone is read
(resources/bar_forms.py, resources/reference_forms.py); no stage knows of units or labels.
"""

import functools
from collections.abc import Mapping
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from resources.settings.base import Section

VolumeUnit = Literal["shares", "lots"]
ShareUnit = Literal["shares", "lots", "ten_thousand_shares"]
AmountUnit = Literal["yuan", "thousand_yuan", "ten_thousand_yuan"]
EXCHANGES = ("SH", "SZ", "BJ")


class LandingBarsSettings(Section):
    """How the files of bars/ are meant."""

    minute_labels: Literal["start", "end"] = Field(
        "start",
        description="What `minute` names: the bar's start (09:30 = 570 is the first minute) or its end (09:31 = 571 is). "
        "With ends, 570 is the opening auction, 690 the minute from 11:29, 900 the minute from 14:59. [c] SPEC §1",
    )
    opening_auction: Literal["own_bar", "first_bar"] = Field(
        "own_bar",
        description="Where the opening auction stands: in bar 565 of its own, or inside the first minute from 09:30, from "
        "which it cannot be parted. The closing auction needs no declaration: bars 897 to 900 are all read as the closing bar. "
        "Bars without the auctions cannot be declared, since they do not add up to the day's volume. [c] SPEC §1",
    )
    volume_unit: VolumeUnit = Field("shares", description="Unit of volume; a lot (手) is 100 shares. SPEC §2.1")
    amount_unit: AmountUnit = Field("yuan", description="Unit of amount and of its buy and sell parts. SPEC §2.1")
    prices: Literal["raw", "adjusted"] = Field(
        "raw",
        description="Prices as traded, or adjusted for dividends and splits. Adjusted prices are read only where a column "
        "`adjust_factor` (adjusted price / raw price) stands beside them. SPEC §1",
    )
    extremes: Literal["trades", "snapshots"] = Field(
        "trades",
        description="What high and low of a bar are taken over: every trade, or snapshots every few seconds, which miss trades between "
        "them. Of snapshots the highs and lows may lie inside the day's range, and so may the open of a name without an opening auction; "
        "they may never lie outside. [c] SPEC §2.1",
    )


class LandingDailyPricesSettings(Section):
    """How reference/daily_prices is meant."""

    volume_unit: VolumeUnit = Field("shares", description="Unit of volume; a lot (手) is 100 shares. SPEC §2.1")
    amount_unit: AmountUnit = Field("yuan", description="Unit of amount. SPEC §2.1")
    share_unit: ShareUnit = Field("shares", description="Unit of float_shares and total_shares. SPEC §2.1")
    prices: Literal["raw", "adjusted"] = Field(
        "raw",
        description="Prices as traded, or adjusted for dividends and splits. Adjusted prices are read only where a column "
        "`adjust_factor` (adjusted price / raw price) stands beside them; pre_close and limit prices are divided by it too. "
        "SPEC §1",
    )


class LandingIndicesSettings(Section):
    """How reference/index_weights and reference/index_prices are meant."""

    codes: Mapping[str, str] = Field(
        {},
        description='The vendor\'s code of an index → the code of SPEC §2.1, e.g. {"399905.SZ" = "000905.SH"}. The forms '
        "000905.XSHG, SH000905, sh.000905 and 000905 need no entry",
    )
    bare_codes: Mapping[str, Literal["SH", "SZ", "BJ"]] = Field(
        {"000": "SH", "399": "SZ", "899": "BJ"},
        description="First digits of an index's code that comes without an exchange → the exchange. Entries of a profile are "
        "added to these",
    )
    weight_unit: Literal["fraction", "percent"] = Field("fraction", description="Unit of index weights. SPEC §2.1")

    @field_validator("bare_codes")
    @classmethod
    def _digits(cls, codes: Mapping[str, str]) -> Mapping[str, str]:
        for first in codes:
            if not (first.isascii() and first.isdigit() and len(first) <= 6):
                raise ValueError(f"{first!r} is not the beginning of a code of six digits")
        return codes

    @field_validator("codes")
    @classmethod
    def _whole_codes(cls, codes: Mapping[str, str]) -> Mapping[str, str]:
        for vendor, code in codes.items():
            if not vendor.strip() or not code.strip():
                raise ValueError(f"{vendor!r} = {code!r}: both codes must be named")
        chained = sorted(set(codes) & {code for vendor, code in codes.items() if vendor != code})
        if chained:
            raise ValueError(f"{', '.join(chained)} is both a vendor's code and the code that another one stands for")
        return codes


class LandingFundamentalsSettings(Section):
    """How reference/fundamentals is meant."""

    profits: Literal["single_quarter", "year_to_date"] = Field(
        "single_quarter",
        description="net_profit is of the quarter alone, or of the year up to the quarter's end. The latter is parted into "
        "quarters with what had been announced by each day. SPEC §2.1",
    )
    amount_unit: AmountUnit = Field("yuan", description="Unit of net_profit and equity. SPEC §2.1")


class LandingSettings(Section):
    """What is delivered, and what the unattended run waits for."""

    settle_minutes: float = Field(
        10.0,
        ge=0,
        le=7 * 24 * 60,
        allow_inf_nan=False,
        description="The sensor starts a week only when none of its files has changed for so long: a copy may still be going on.",
    )
    watched_weeks: int = Field(
        4,
        ge=1,
        le=520,
        description="How many of the last complete weeks the sensor watches: it asks again for the report of each whose data "
        "changed, and of those after it. A correction further back is taken up by the next run, which plans for itself.",
    )
    time_zone: str = Field(
        "Asia/Shanghai",
        description="Zone of time stamps that carry none, in reference tables and in `minute`. A stamp with a zone is always "
        "converted to Asia/Shanghai. Plain dates have no zone",
    )
    date_order: Literal["year_first", "day_first", "month_first"] = Field(
        "year_first",
        description="Order of the parts of a date that does not begin with its year, as 01/02/2023. With year_first such a date "
        "is refused, since it may be either",
    )
    exchanges: Mapping[str, Literal["SH", "SZ", "BJ"]] = Field(
        {
            "SH": "SH", "XSHG": "SH", "SS": "SH", "SSE": "SH", "SHSE": "SH",
            "SZ": "SZ", "XSHE": "SZ", "SZSE": "SZ",
            "BJ": "BJ", "BSE": "BJ", "BJSE": "BJ",
        },
        description="How exchanges are written before or after a code, without regard to case → the exchange: 600519.XSHG, "
        "SH600519 and sh.600519 are all 600519.SH. Entries of a profile are added to these",
    )  # fmt: skip
    max_undated_share: float = Field(
        0.01,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of a reference table's rows whose date (list_date, announce_date …) cannot be read, above which the "
        "table is refused. Up to it such rows are left out, and every run says so: they cannot be placed in time",
    )
    always_undated_rows: int = Field(
        1,
        ge=0,
        le=1000,
        description="Number of such rows up to which a table is read whatever their share: one bad cell, or a line of totals below a small "
        "table, does not stop it",
    )
    bars: LandingBarsSettings = Field(default_factory=LandingBarsSettings)
    daily_prices: LandingDailyPricesSettings = Field(default_factory=LandingDailyPricesSettings)
    indices: LandingIndicesSettings = Field(default_factory=LandingIndicesSettings)
    fundamentals: LandingFundamentalsSettings = Field(default_factory=LandingFundamentalsSettings)

    def declared(self, part: str) -> dict[str, Any]:
        """What is declared of one part of the landing zone ("bars", a reference table) otherwise than by default: the name of
        the setting → its value."""
        if part == "ticks":
            return {}
        section = {"index_weights": "indices", "index_prices": "indices"}.get(part, part)
        said: dict[str, Any] = {}
        for name in ("time_zone", "date_order", "exchanges", section):
            own, plain = getattr(self, name, None), getattr(_default(), name, None)
            if isinstance(own, Section) and isinstance(plain, Section):
                values, usual = own.decisive(), plain.decisive()
                said |= {f"landing.{name}.{key}": value for key, value in values.items() if value != usual[key]}
            elif own != plain:
                said[f"landing.{name}"] = dict(own) if isinstance(own, Mapping) else own
        if part == "index_prices":  # has no weights
            said.pop("landing.indices.weight_unit", None)
        return said

    @field_validator("exchanges")
    @classmethod
    def _in_capitals(cls, exchanges: Mapping[str, Any]) -> Mapping[str, Any]:
        """Spellings in capitals, in which the codes are compared."""
        found: dict[str, Any] = {}
        for spelling, exchange in exchanges.items():
            name = spelling.strip().upper()
            if not (name.isascii() and name.isalpha()):
                raise ValueError(
                    f"{spelling!r} is no spelling of an exchange: it consists of letters alone, as XSHG does"
                )
            if found.setdefault(name, exchange) != exchange:
                raise ValueError(f"{spelling!r} means {exchange}, and {name} in other letter case {found[name]}")
        return found

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{zone!r} is no time zone; name one as Asia/Shanghai or UTC") from error
        return zone

    @model_validator(mode="after")
    def _exchanges_stand_for_themselves(self) -> "LandingSettings":
        for name in EXCHANGES:
            if self.exchanges.get(name, name) != name:
                raise ValueError(f"exchanges: {name} stands for itself and cannot mean {self.exchanges[name]}")
        return self


@functools.cache
def _default() -> LandingSettings:
    return LandingSettings()
