"""The rulebook: every rule of the exchanges that the platform reads, as one dated row each (SPEC §1, §6).

This module defines the rows, their fields and the shipped table; resources/rulebook.py answers queries. No other code contains a
date, a board or a code range of a rule, which a test checks.

Of two rows for one board (exchange, fee) the later one is in force; of two rows of the same day, the last one. Rows of a settings file
are added to the shipped ones (`EXTENDED`), so that a new rule is one row.
"""

import datetime as dt
import difflib
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from resources.settings.base import Day, Section

Board = Literal["main_sh", "main_sz", "star", "chinext", "beijing"]
SymbolSuffix = Literal["SH", "SZ", "BJ"]
MAIN: tuple[Board, ...] = ("main_sh", "main_sz")
A_SHARES: tuple[Board, ...] = (*MAIN, "star", "chinext")
EXTENDED: dict[str, Any] = {"extended": True}
"""The mark of a list whose rows in a settings file are added to the earlier rows instead of replacing them."""


class Rule(Section):
    """One rule of the exchanges from a day on."""

    since: Day = Field(description="First trading day on which the rule is in force.")
    source: str = Field(min_length=1, description="Where the rule was published; printed in docs/rulebook.md.")


class BoardCodes(Rule):
    """The codes that an exchange assigns to the shares of a board. No code may belong to two boards."""

    board: Board = Field(description="main_sh, main_sz, star, chinext, or beijing, which is counted but never in U(t).")
    exchange: SymbolSuffix = Field(description="SH, SZ or BJ, the suffix of the symbol.")
    first: int = Field(ge=0, le=999_999, description="The lowest six-digit code.")
    last: int = Field(ge=0, le=999_999, description="The highest six-digit code.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last < self.first:
            raise ValueError(f"last = {self.last:06d} is below first = {self.first:06d}")
        return self


class AfterHours(Rule):
    """Whether boards trade after hours at the closing price (15:05 to 15:30)."""

    boards: tuple[Board, ...] = Field(min_length=1, description="Boards the rule is about.")
    traded: bool = Field(True, description="False where the rule ends after-hours trading.")


class ClosingAuction(Rule):
    """Whether exchanges close with a call auction (14:57 to 15:00) instead of continuous trading."""

    exchanges: tuple[SymbolSuffix, ...] = Field(min_length=1, description="SH, SZ.")
    held: bool = Field(True, description="False where the rule ends the closing auction.")


class Lot(Rule):
    """The sizes of orders on boards. The rest of a position may always be sold as a whole."""

    boards: tuple[Board, ...] = Field(min_length=1, description="Boards the rule is about.")
    least: int = Field(ge=1, le=1_000_000, description="Shares of the smallest order.")
    step: int = Field(ge=1, le=1_000_000, description="Shares by which larger orders increase.")


class Fee(Rule):
    """One charge on traded value."""

    name: str = Field(min_length=1, description="The charge, such as stamp_duty or commission.")
    rate: float = Field(ge=0, lt=0.1, description="Fraction of the traded value.")
    sides: Literal["both", "buys", "sells"] = Field("both", description="Which trades pay it.")
    additional: bool = Field(
        False,
        description="True for a charge that the shipped rows do not have, such as a transfer fee; otherwise an unknown name is an error.",
    )


class PriceLimit(Rule):
    """The largest distance of a day's prices from pre_close."""

    boards: tuple[Board, ...] = Field(min_length=1, description="Boards the rule is about.")
    percent: int = Field(ge=1, le=100, description="Whole percent of pre_close, up and down.")
    st_percent: int = Field(ge=1, le=100, description="The same for stocks under special treatment (ST).")


class ListingLimit(Rule):
    """The price limits on a stock's first trading days. since: the earliest list_date to which the rule applies."""

    boards: tuple[Board, ...] = Field(min_length=1, description="Boards the rule is about.")
    days: int = Field(ge=0, le=1000, description="Number of trading days from the listing day on.")
    up_percent: int | None = Field(None, ge=1, le=1000, description="Whole percent up; not given: no limit.")
    down_percent: int | None = Field(None, ge=1, le=100, description="Whole percent down; not given: no limit.")


class DelistingLimit(Rule):
    """The price limits in the delisting period, for ST and other stocks."""

    boards: tuple[Board, ...] = Field(min_length=1, description="Boards the rule is about.")
    percent: int = Field(ge=1, le=100, description="Whole percent of pre_close, up and down.")
    free_days: int = Field(0, ge=0, le=100, description="First trading days of the period without a limit.")


SPECIFIED = "as stated in the specification"
_OPENED = "opening of the board"
BOARDS = (
    BoardCodes(since=dt.date(1990, 12, 19), source=f"SSE, {_OPENED}", board="main_sh", exchange="SH", first=600_000, last=609_999),
    BoardCodes(since=dt.date(1990, 12, 19), source=f"SZSE, {_OPENED}; 002 and 003 since merged into it", board="main_sz", exchange="SZ", first=0, last=9_999),
    BoardCodes(since=dt.date(2009, 10, 30), source=f"SZSE, {_OPENED}", board="chinext", exchange="SZ", first=300_000, last=309_999),
    BoardCodes(since=dt.date(2019, 7, 22), source=f"SSE, {_OPENED}; 689 are its depositary receipts", board="star", exchange="SH", first=688_000, last=689_999),
    BoardCodes(since=dt.date(2021, 11, 15), source=f"BSE, {_OPENED}, codes 4xxxxx {SPECIFIED}", board="beijing", exchange="BJ", first=400_000, last=499_999),
    BoardCodes(since=dt.date(2021, 11, 15), source=f"BSE, {_OPENED}, codes 8xxxxx {SPECIFIED}", board="beijing", exchange="BJ", first=800_000, last=899_999),
    BoardCodes(since=dt.date(2021, 11, 15), source=f"BSE, codes 920xxx {SPECIFIED}; they came after the board", board="beijing", exchange="BJ", first=920_000, last=920_999),
)  # fmt: skip
AFTER_HOURS = (
    AfterHours(since=dt.date(2019, 7, 22), source="SSE, trading rules of the STAR market", boards=("star",)),
    AfterHours(since=dt.date(2020, 8, 24), source="SZSE, trading rules of ChiNext under registration", boards=("chinext",)),
    AfterHours(since=dt.date(2026, 7, 6), source=f"SSE and SZSE, every A-share, {SPECIFIED}", boards=A_SHARES),
)  # fmt: skip
CLOSING_AUCTIONS = (
    ClosingAuction(since=dt.date(2006, 7, 1), source="SZSE, trading rules of 2006", exchanges=("SZ",)),
    ClosingAuction(since=dt.date(2018, 8, 20), source="SSE, trading rules as revised in 2018", exchanges=("SH",)),
)
LOTS = (
    Lot(since=dt.date(1990, 12, 19), source="Trading rules of both exchanges", boards=MAIN, least=100, step=100),
    Lot(since=dt.date(2009, 10, 30), source="SZSE, trading rules", boards=("chinext",), least=100, step=100),
    Lot(
        since=dt.date(2019, 7, 22), source="SSE, trading rules of the STAR market", boards=("star",), least=200, step=1
    ),
)
# Commission: 2.5 bp with the exchanges' handling fees in it, what an institution pays. [c]
FEES = (
    Fee(since=dt.date(2008, 9, 19), source="Ministry of Finance: the seller alone pays", name="stamp_duty", rate=0.001, sides="sells"),
    Fee(since=dt.date(2023, 8, 28), source="Ministry of Finance, 2023 No. 39: halved", name="stamp_duty", rate=0.0005, sides="sells"),
    Fee(since=dt.date(2008, 9, 19), source="Our choice: 2.5 bp, handling fees of the exchanges included", name="commission", rate=0.00025),
)  # fmt: skip
PRICE_LIMITS = (
    PriceLimit(since=dt.date(1996, 12, 16), source="SSE and SZSE: price limits; ST 5 % since there are ST names", boards=MAIN, percent=10, st_percent=5),
    PriceLimit(since=dt.date(2009, 10, 30), source="SZSE, opening of ChiNext", boards=("chinext",), percent=10, st_percent=10),
    PriceLimit(since=dt.date(2019, 7, 22), source="SSE, trading rules of the STAR market", boards=("star",), percent=20, st_percent=20),
    PriceLimit(since=dt.date(2020, 8, 24), source="SZSE, trading rules of ChiNext under registration", boards=("chinext",), percent=20, st_percent=20),
    PriceLimit(since=dt.date(2026, 7, 6), source=f"SSE and SZSE, ST names of the main boards, {SPECIFIED}", boards=MAIN, percent=10, st_percent=10),
)  # fmt: skip
# The +44/−36 % of 2014 held on ChiNext too: of its 216 listings of 2014–2016 in the market's own prices, 202 touch
# exactly that limit on the listing day.
LISTING_LIMITS = (
    ListingLimit(since=dt.date(1990, 12, 19), source="Trading rules of both exchanges", boards=MAIN, days=1),
    ListingLimit(since=dt.date(2009, 10, 30), source="SZSE, trading rules", boards=("chinext",), days=1),
    ListingLimit(since=dt.date(2014, 1, 1), source="SSE and SZSE: effective price range of the first day", boards=(*MAIN, "chinext"), days=1, up_percent=44, down_percent=36),
    ListingLimit(since=dt.date(2019, 7, 22), source="SSE, trading rules of the STAR market", boards=("star",), days=5),
    ListingLimit(since=dt.date(2020, 8, 24), source="SZSE, trading rules of ChiNext under registration", boards=("chinext",), days=5),
    ListingLimit(since=dt.date(2023, 4, 10), source="SSE and SZSE, trading rules of 2023 under full registration", boards=MAIN, days=5),
)  # fmt: skip
DELISTING_LIMITS = (
    DelistingLimit(since=dt.date(2012, 7, 7), source=f"SSE and SZSE, listing rules of 2012; 10 % {SPECIFIED}", boards=(*MAIN, "chinext"), percent=10),
    DelistingLimit(since=dt.date(2019, 7, 22), source=f"SSE, trading rules of the STAR market; 20 % {SPECIFIED}", boards=("star",), percent=20),
    DelistingLimit(since=dt.date(2020, 8, 24), source=f"SZSE, trading rules of ChiNext under registration; 20 % {SPECIFIED}", boards=("chinext",), percent=20),
    DelistingLimit(since=dt.date(2021, 1, 1), source=f"SSE and SZSE, delisting rules of the end of 2020; first day {SPECIFIED}", boards=MAIN, percent=10, free_days=1),
    DelistingLimit(since=dt.date(2021, 1, 1), source=f"SSE and SZSE, delisting rules of the end of 2020; first day {SPECIFIED}", boards=("star", "chinext"), percent=20, free_days=1),
)  # fmt: skip


class RulebookSettings(Section):
    """Every dated rule of the exchanges. Rows in a settings file are added to these."""

    boards: tuple[BoardCodes, ...] = Field(
        BOARDS, json_schema_extra=EXTENDED, description="Boards by exchange and code. SPEC §6"
    )
    after_hours: tuple[AfterHours, ...] = Field(
        AFTER_HOURS, json_schema_extra=EXTENDED, description="Boards with after-hours trading. SPEC §1"
    )
    closing_auctions: tuple[ClosingAuction, ...] = Field(
        CLOSING_AUCTIONS, json_schema_extra=EXTENDED, description="Exchanges with a closing auction. SPEC §1"
    )
    lots: tuple[Lot, ...] = Field(LOTS, json_schema_extra=EXTENDED, description="Sizes of orders by board. SPEC §6")
    fees: tuple[Fee, ...] = Field(
        FEES, json_schema_extra=EXTENDED, description="Charges, used where portfolios.execution.dated_fees is on. [c]"
    )
    price_limits: tuple[PriceLimit, ...] = Field(
        PRICE_LIMITS,
        json_schema_extra=EXTENDED,
        description="Price limits by board; delivered limit columns take precedence. SPEC §6",
    )
    listing_limits: tuple[ListingLimit, ...] = Field(
        LISTING_LIMITS,
        json_schema_extra=EXTENDED,
        description="Price limits of the first trading days, by board and list_date. SPEC §6",
    )
    delisting_limits: tuple[DelistingLimit, ...] = Field(
        DELISTING_LIMITS, json_schema_extra=EXTENDED, description="Price limits of the delisting period. SPEC §6"
    )
    reviewed: Day = Field(
        dt.date(2026, 11, 29),
        description="The date on which the table was last compared with the publications of the exchanges.",
    )
    warn_after_days: int = Field(
        400,
        ge=1,
        le=100_000,
        description="Days of data after the newest rule and `reviewed` from which a report warns that the table is old. SPEC §6",
    )

    @model_validator(mode="after")
    def _known_fees(self) -> Self:
        known = {row.name for row in FEES} | {row.name for row in self.fees if row.additional}
        for row in self.fees:
            if row.name not in known:
                near = difflib.get_close_matches(row.name.lower(), sorted(known), 1, 0.4)
                raise ValueError(
                    f"fees: {row.name!r} since {row.since} is none of {', '.join(sorted(known))}"
                    f"{f' (did you mean {near[0]}?)' if near else ''}, and would be charged in addition to them. Correct the name, or "
                    "declare a further charge with additional = true"
                )
        return self

    @model_validator(mode="after")
    def _one_board_for_a_code(self) -> Self:
        for n, row in enumerate(self.boards):
            for other in self.boards[:n]:
                if (
                    (other.board, other.exchange) != (row.board, row.exchange)
                    and (other.exchange == row.exchange or {other.exchange, row.exchange} == {"SH", "SZ"})
                    and other.first <= row.last
                    and row.first <= other.last
                ):
                    raise ValueError(
                        f"boards: {row.board} {row.first:06d}–{row.last:06d}.{row.exchange} overlaps {other.board} "
                        f"{other.first:06d}–{other.last:06d}.{other.exchange}: a code belongs to one board"
                    )
        return self


KINDS = tuple(name for name, field in RulebookSettings.model_fields.items() if field.json_schema_extra == EXTENDED)
"""The kinds of rules, in the order of the table."""
