"""Whether the profits of fundamentals are those of single quarters: findings about the table as a whole.

Here: what the announced profits betray together. Not here: profits of single names (announcements.py).
"""

from collections.abc import Mapping

from assets.reference.announcements import RisingYears, share_bounds
from resources.settings.reference import ReferenceSettings

_WIDER = 1.5  # the bound of a share of years of which three quarters are known


def profits_doubtful(found: RisingYears, parted: bool, settings: ReferenceSettings) -> str | None:
    """The same as `profits_off`, by the share alone: what a small zone or one industry may show honestly."""
    told = profits_off(found, parted, settings.model_copy(update={"profit_deviations": 0.0}))
    return told


def profits_off(years: RisingYears, parted: bool, settings: ReferenceSettings) -> str | None:
    """What says that profits are of other periods than is declared; None where nothing does. parted: as in
    announcements.rising_profits. Three quarters of a year say less than four: the bound is then half as wide again."""
    if _beyond(years, parted, settings) <= 0:
        return None
    found = f"fundamentals: in {years.rises} of {years.years} years of a name with a profit net_profit rises from every quarter to the next"
    if parted:
        return (
            f"{found}, far more seldom than profits of the year so far do: these are profits of single quarters. Take "
            "landing.fundamentals.profits = 'year_to_date' out of the settings"
        )
    return (
        f"{found}, far more often than single quarters do: these are profits of the year so far. Declare "
        "landing.fundamentals.profits = 'year_to_date'"
    )


def profits_mixed(by_year: Mapping[int, RisingYears], parted: bool, settings: ReferenceSettings) -> str | None:
    """What says that the profits of some years are of other periods than is declared, and not those of all; None where nothing does.

    by_year: as of announcements.rising_profits_by_year. parted: as of announcements.rising_profits. The evidence for each year is that
    of `profits_off`: of 2014–2016 no industry's and no random small zone's year is off.
    """
    off = [year for year, years in by_year.items() if _beyond(years, parted, settings) > 0]
    others = [years for year, years in by_year.items() if year not in off]
    rest = RisingYears(
        sum(one.rises for one in others), sum(one.years for one in others), all(one.whole for one in others)
    )
    if not off or _beyond(rest, parted, settings) >= 0:
        return None
    counts = [f"{by_year[year].rises} of {by_year[year].years} names with a profit in {year}" for year in off]
    what = "single quarters" if parted else "the year so far"
    return (
        f"fundamentals: net_profit rises from every quarter to the next for {', '.join(counts)} and for {rest.rises} of "
        f"{rest.years} in other years: the profits of {', '.join(map(str, off))} are those of {what}, and those of "
        "the other years are not. Deliver every year in one form; landing.fundamentals.profits says which, for the whole table"
    )


def _beyond(years: RisingYears, parted: bool, settings: ReferenceSettings) -> int:
    """1 where so many names' years rise, or so few, that their profits are of other periods than is declared; −1 where so few, or so many,
    that they are not; 0 where the years are too few to tell."""
    if years.years < settings.min_profit_years:
        return 0
    deviations = settings.profit_deviations * (1 if years.whole else _WIDER)
    least, most = share_bounds(years.rises, years.years, deviations)
    if parted:
        return int(most < settings.min_rising_profits) - int(least > settings.min_rising_profits)
    return int(least > settings.max_rising_profits) - int(most < settings.max_rising_profits)


def quarters_lacking(lacking: int, profits: int, settings: ReferenceSettings) -> str | None:
    """What says that profits are those of half-years or years; None where nothing does. lacking, profits: as in
    announcements.profits_without_a_quarter_before."""
    if profits < settings.min_profit_years or lacking <= settings.max_lacking_quarters * profits:
        return None
    return (
        f"fundamentals: of {lacking} of {profits} profits that of the quarter before is not there: these are profits of half-years or "
        "years, not of single quarters. Deliver those of every quarter; where they are of the year so far, declare "
        "landing.fundamentals.profits = 'year_to_date' (a quarter whose earlier figure is not there is n/a then)"
    )
