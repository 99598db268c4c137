"""Settings of daily_prices, securities and indices: the universe and the exchanges' price-limit rules (SPEC §4, §6)."""

import datetime as dt

from pydantic import Field

from resources.settings.base import Day, Section

MAIN = ("main_sh", "main_sz")


class LimitRule(Section):
    """Daily limits of some boards from a day on; of two rules for a board the later one holds."""

    boards: tuple[str, ...] = Field(description="Boards: main_sh, main_sz, star, chinext.")
    since: Day = Field(description="First trading day on which the rule holds.")
    percent: int = Field(ge=0, le=1000, description="Whole percent of pre_close a price may move, up or down.")
    st_percent: int = Field(ge=0, le=1000, description="The same for names under special treatment.")


class ListingRule(Section):
    """What holds instead on a name's first trading days; of two rules for a board the later one holds."""

    boards: tuple[str, ...] = Field(description="Boards: main_sh, main_sz, star, chinext.")
    since: Day = Field(description="Earliest list_date the rule applies to.")
    days: int = Field(ge=0, le=1000, description="Number of trading days from the listing day on.")
    up_percent: int | None = Field(None, ge=0, le=1000, description="Whole percent up; empty = no limit.")
    down_percent: int | None = Field(None, ge=0, le=1000, description="Whole percent down; empty = no limit.")


LIMIT_RULES = (
    LimitRule(boards=MAIN, since=dt.date(1996, 12, 16), percent=10, st_percent=5),
    LimitRule(boards=("chinext",), since=dt.date(2009, 10, 30), percent=10, st_percent=10),
    LimitRule(boards=("star",), since=dt.date(2019, 7, 22), percent=20, st_percent=20),
    LimitRule(boards=("chinext",), since=dt.date(2020, 8, 24), percent=20, st_percent=20),
)
# The +44/−36 % of 2014 held on ChiNext too: of its 216 listings of 2014–2016 in the market's own prices, 202 touch
# exactly that limit on the listing day.
LISTING_RULES = (
    ListingRule(boards=(*MAIN, "chinext"), since=dt.date(1990, 12, 19), days=1),
    ListingRule(boards=(*MAIN, "chinext"), since=dt.date(2014, 1, 1), days=1, up_percent=44, down_percent=36),
    ListingRule(boards=("star",), since=dt.date(2019, 7, 22), days=5),
    ListingRule(boards=("chinext",), since=dt.date(2020, 8, 24), days=5),
    ListingRule(boards=MAIN, since=dt.date(2023, 4, 10), days=5),
)


class ReferenceSettings(Section):
    """What `daily_prices`, `securities` and `indices` are handed."""

    min_listed_days: int = Field(
        120,
        ge=1,
        le=10_000,
        description="Trading days since listing (the listing day is 1) from which a name is in U(t). SPEC §4",
    )
    limit_rules: tuple[LimitRule, ...] = Field(
        LIMIT_RULES, description="Price limits by board and date; limit columns delivered with the prices win. SPEC §6"
    )
    listing_rules: tuple[ListingRule, ...] = Field(
        LISTING_RULES, description="Price limits of the first trading days, by board and list_date. SPEC §6"
    )
