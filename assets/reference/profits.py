"""Detects profits in fundamentals that are not of single quarters, from the table as a whole.

The figures of single stocks are judged in announcements.py.
"""

from collections.abc import Mapping

from assets.reference.announcements import RisingYears, share_bounds
from assets.reference.reasons import (
    PROFITS_RISE_OFTEN,
    PROFITS_RISE_SELDOM,
    QUARTERS_LACKING,
    RISES_OF_YEAR,
    SOME_YEARS_SINGLE,
    SOME_YEARS_SO_FAR,
)
from resources.reasons import Reason
from resources.settings.reference import ReferenceSettings

_WIDER = 1.5  # factor of the interval where years of three quarters are judged


def profits_doubtful(found: RisingYears, parted: bool, settings: ReferenceSettings) -> Reason | None:
    """Return the finding of `profits_off` by the observed share alone, which a few stocks may exceed by chance; None otherwise."""
    return profits_off(found, parted, settings.model_copy(update={"profit_deviations": 0.0}))


def profits_off(years: RisingYears, parted: bool, settings: ReferenceSettings) -> Reason | None:
    """Return the finding that profits are of other periods than declared; None where there is no such evidence.

    parted: as in announcements.rising_profits. Years of three quarters are weaker evidence than years of four, so the confidence
    interval is then 1.5 times as wide.
    """
    if _beyond(years, parted, settings) <= 0:
        return None
    code = PROFITS_RISE_SELDOM if parted else PROFITS_RISE_OFTEN
    return code(rises=years.rises, years=years.years)


def profits_mixed(by_year: Mapping[int, RisingYears], parted: bool, settings: ReferenceSettings) -> Reason | None:
    """Return the finding that the profits of some years, and not of all, are of other periods than declared; None otherwise.

    by_year: as returned by announcements.rising_profits_by_year. parted: as in announcements.rising_profits. Each year is judged as in
    `profits_off`; in 2014–2016 no year of any industry or random small subset of stocks is found.
    """
    off = [year for year, years in by_year.items() if _beyond(years, parted, settings) > 0]
    others = [years for year, years in by_year.items() if year not in off]
    rest = RisingYears(
        sum(one.rises for one in others), sum(one.years for one in others), all(one.whole for one in others)
    )
    if not off or _beyond(rest, parted, settings) >= 0:
        return None
    counts = [RISES_OF_YEAR(rises=by_year[year].rises, stocks=by_year[year].years, year=year) for year in off]
    code = SOME_YEARS_SINGLE if parted else SOME_YEARS_SO_FAR
    return code(counts=counts, rises=rest.rises, others=rest.years, years=off)


def _beyond(years: RisingYears, parted: bool, settings: ReferenceSettings) -> int:
    """Return 1 where the share of rising years shows other periods than declared, −1 where it shows the declared ones, 0 where the
    years are too few to decide."""
    if years.years < settings.min_profit_years:
        return 0
    deviations = settings.profit_deviations * (1 if years.whole else _WIDER)
    least, most = share_bounds(years.rises, years.years, deviations)
    if parted:
        return int(most < settings.min_rising_profits) - int(least > settings.min_rising_profits)
    return int(least > settings.max_rising_profits) - int(most < settings.max_rising_profits)


def quarters_lacking(lacking: int, profits: int, settings: ReferenceSettings) -> Reason | None:
    """Return the finding that profits are those of half-years or years; None where there is no such evidence.

    lacking, profits: as returned by announcements.profits_without_a_quarter_before.
    """
    if profits < settings.min_profit_years or lacking <= settings.max_lacking_quarters * profits:
        return None
    return QUARTERS_LACKING(lacking=lacking, profits=profits)
