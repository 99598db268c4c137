"""Settings of the landing zone: the form of the delivered tables, and when a delivery counts as finished.

The defaults are the documented form of SPEC §2.1. The declarations are applied once, where the landing zone is read
(resources/bar_forms.py, resources/reference_forms.py), so that no stage deals with units or labels.
"""

import functools
from collections.abc import Mapping
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from resources.settings.base import Day, Section

VolumeUnit = Literal["shares", "lots"]
ShareUnit = Literal["shares", "lots", "ten_thousand_shares"]
AmountUnit = Literal["yuan", "thousand_yuan", "ten_thousand_yuan"]
EXCHANGES = ("SH", "SZ", "BJ")


class LandingBarsSettings(Section):
    """The form of the files in bars/."""

    minute_labels: Literal["start", "end"] = Field(
        "start",
        description="What `minute` names: the bar's start (09:30 = 570 is the first minute) or its end (09:31 = 571 is). "
        "With ends, 570 is the opening auction, 690 the minute from 11:29, 900 the minute from 14:59. [c] SPEC §1",
    )
    opening_auction: Literal["own_bar", "first_bar"] = Field(
        "own_bar",
        description="Where the opening auction is delivered: in its own bar 565, or as part of the first minute from 09:30, from which it "
        "cannot be separated. The closing auction needs no declaration: bars 897 to 900 are all read as the closing bar. "
        "Bars without the auctions cannot be declared, since they do not add up to the day's volume. [c] SPEC §1",
    )
    volume_unit: VolumeUnit = Field("shares", description="Unit of volume; a lot (手) is 100 shares. SPEC §2.1")
    amount_unit: AmountUnit = Field("yuan", description="Unit of amount and of its buy and sell parts. SPEC §2.1")
    prices: Literal["raw", "adjusted"] = Field(
        "raw",
        description="Prices as traded, or adjusted for dividends and splits. Adjusted prices are read only with a column "
        "`adjust_factor` (adjusted price / raw price). SPEC §1",
    )
    extremes: Literal["trades", "snapshots"] = Field(
        "trades",
        description="What high and low of a bar are taken over: every trade, or snapshots every few seconds, which miss trades between "
        "them. With snapshots the highs and lows may be inside the day's range, and so may the open of a stock without an opening "
        "auction, but they may never be outside it. [c] SPEC §2.1",
    )


class LandingDailyPricesSettings(Section):
    """The form of reference/daily_prices."""

    volume_unit: VolumeUnit = Field("shares", description="Unit of volume; a lot (手) is 100 shares. SPEC §2.1")
    amount_unit: AmountUnit = Field("yuan", description="Unit of amount. SPEC §2.1")
    share_unit: ShareUnit = Field("shares", description="Unit of float_shares and total_shares. SPEC §2.1")
    prices: Literal["raw", "adjusted"] = Field(
        "raw",
        description="Prices as traded, or adjusted for dividends and splits. Adjusted prices are read only with a column "
        "`adjust_factor` (adjusted price / raw price), by which pre_close and limit prices are divided too. SPEC §1",
    )


class LandingIndicesSettings(Section):
    """The form of reference/index_weights and reference/index_prices."""

    codes: Mapping[str, str] = Field(
        {},
        description='The vendor\'s code of an index → the code of SPEC §2.1, e.g. {"399905.SZ" = "000905.SH"}. The forms '
        "000905.XSHG, SH000905, sh.000905 and 000905 need no entry",
    )
    bare_codes: Mapping[str, Literal["SH", "SZ", "BJ"]] = Field(
        {"000": "SH", "399": "SZ", "899": "BJ"},
        description="The first digits of an index's code without an exchange → the exchange. Entries of a profile are added to these",
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
            raise ValueError(
                f"{', '.join(chained)} is both a vendor's code and the code that another vendor's code is read as"
            )
        return codes


class LandingFundamentalsSettings(Section):
    """The form of reference/fundamentals."""

    profits: Literal["single_quarter", "year_to_date"] = Field(
        "single_quarter",
        description="net_profit is that of the single quarter, or of the year up to the quarter's end. The latter is converted to "
        "single quarters with the announcements known on each day. SPEC §2.1",
    )
    amount_unit: AmountUnit = Field("yuan", description="Unit of net_profit and equity. SPEC §2.1")


class LandingSettings(Section):
    """The form of deliveries, and the conditions under which the unattended run starts."""

    settle_minutes: float = Field(
        10.0,
        ge=0,
        le=7 * 24 * 60,
        allow_inf_nan=False,
        description="The sensors start a day or week only when none of its files has changed for this long, since a copy may be in "
        "progress. A day whose folder holds a file _SUCCESS is complete at once.",
    )
    same_files_as_before: bool = Field(
        True,
        description="Whether a day must have the kinds of files (names without digits) of the last landed day before it, so that a day of "
        "which a file is missing waits. A file _SUCCESS in its folder says that it is complete.",
    )
    watched_weeks: int = Field(
        4,
        ge=1,
        le=520,
        description="Number of the last complete weeks that the sensors watch: they request each of their days whose data changed, the "
        "report of the week and those of the weeks after it again. The next run takes up a correction further back.",
    )
    week_waits_for_days: bool = Field(
        True,
        description="Whether the report of a week waits until each of its days is built and none of the day's tables is refused. "
        "Otherwise the weekly run builds the days itself.",
    )
    most_attempts: int = Field(
        3,
        ge=1,
        le=100,
        description="Number of runs of a day or week in the same state of the data after which a run that ended without a fault of the "
        "data, such as one that was killed, is not requested again.",
    )
    again_minutes: float = Field(
        30.0,
        ge=0,
        le=7 * 24 * 60,
        allow_inf_nan=False,
        description="Time after which such a run is requested again.",
    )
    expected_until: Day | None = Field(
        None,
        description="The last day for which data is expected. Dagster's partitions end there. By default they end with the newest day that "
        "has landed; if it is at most 31 days old, they follow the machine's clock up to the end of the known calendar.",
    )
    time_zone: str = Field(
        "Asia/Shanghai",
        description="Zone of time stamps without one, in reference tables and in `minute`. A stamp with a zone is always converted to "
        "Asia/Shanghai. Plain dates have no zone",
    )
    date_order: Literal["year_first", "day_first", "month_first"] = Field(
        "year_first",
        description="Order of the parts of a date that does not begin with its year, such as 01/02/2023. With year_first such a date "
        "is refused, since it is ambiguous",
    )
    exchanges: Mapping[str, Literal["SH", "SZ", "BJ"]] = Field(
        {
            "SH": "SH", "XSHG": "SH", "SS": "SH", "SSE": "SH", "SHSE": "SH",
            "SZ": "SZ", "XSHE": "SZ", "SZSE": "SZ",
            "BJ": "BJ", "BSE": "BJ", "BJSE": "BJ",
        },
        description="The spellings of exchanges before or after a code, ignoring case → the exchange: 600519.XSHG, SH600519 and "
        "sh.600519 are all 600519.SH. Entries of a profile are added to these",
    )  # fmt: skip
    max_undated_share: float = Field(
        0.01,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of a reference table's rows whose date (list_date, announce_date …) cannot be read, above which the "
        "table is refused. Up to it such rows are left out, because it is not known when they became known, and every run reports them",
    )
    always_undated_rows: int = Field(
        1,
        ge=0,
        le=1000,
        description="Number of such rows up to which a table is read regardless of their share, so that one bad cell, or a line of totals "
        "below a small table, does not refuse it",
    )
    bars: LandingBarsSettings = Field(default_factory=LandingBarsSettings)
    daily_prices: LandingDailyPricesSettings = Field(default_factory=LandingDailyPricesSettings)
    indices: LandingIndicesSettings = Field(default_factory=LandingIndicesSettings)
    fundamentals: LandingFundamentalsSettings = Field(default_factory=LandingFundamentalsSettings)

    def declared(self, part: str) -> dict[str, Any]:
        """The declarations of one part of the landing zone ("bars", a reference table) that differ from the defaults: setting → value."""
        if part == "ticks":
            return {}
        section = {"index_weights": "indices", "index_prices": "indices"}.get(part, part)
        declarations: dict[str, Any] = {}
        for name in ("time_zone", "date_order", "exchanges", section):
            own, plain = getattr(self, name, None), getattr(_default(), name, None)
            if isinstance(own, Section) and isinstance(plain, Section):
                values, usual = own.decisive(), plain.decisive()
                declarations |= {f"landing.{name}.{key}": value for key, value in values.items() if value != usual[key]}
            elif own != plain:
                declarations[f"landing.{name}"] = dict(own) if isinstance(own, Mapping) else own
        if part == "index_prices":  # it has no weights
            declarations.pop("landing.indices.weight_unit", None)
        return declarations

    @field_validator("exchanges")
    @classmethod
    def _in_capitals(cls, exchanges: Mapping[str, Any]) -> Mapping[str, Any]:
        """Convert the spellings to capitals, in which they are compared."""
        found: dict[str, Any] = {}
        for spelling, exchange in exchanges.items():
            name = spelling.strip().upper()
            if not (name.isascii() and name.isalpha()):
                raise ValueError(
                    f"{spelling!r} is no spelling of an exchange, which consists of letters only, such as XSHG"
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
            raise ValueError(f"{zone!r} is no time zone; name one such as Asia/Shanghai or UTC") from error
        return zone

    @model_validator(mode="after")
    def _exchanges_keep_their_meaning(self) -> "LandingSettings":
        for name in EXCHANGES:
            if self.exchanges.get(name, name) != name:
                raise ValueError(f"exchanges: {name} always means {name} and cannot mean {self.exchanges[name]}")
        return self


@functools.cache
def _default() -> LandingSettings:
    return LandingSettings()
