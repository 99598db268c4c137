"""Detects profits in fundamentals that are not of single quarters, from the table as a whole.

The figures of single stocks are judged in announcements.py.
"""

from collections.abc import Mapping

from assets.reference.announcements import RisingYears, share_bounds
from resources.settings.reference import ReferenceSettings

_WIDER = 1.5  # factor of the interval where years of three quarters are judged


def profits_doubtful(found: RisingYears, parted: bool, settings: ReferenceSettings) -> str | None:
    """Return the finding of `profits_off` by the observed share alone, which a few stocks may exceed by chance; None otherwise."""
    return profits_off(found, parted, settings.model_copy(update={"profit_deviations": 0.0}))


def profits_off(years: RisingYears, parted: bool, settings: ReferenceSettings) -> str | None:
    """Return the finding that profits are of other periods than declared; None where there is no such evidence.

    parted: as in announcements.rising_profits. Years of three quarters are weaker evidence than years of four, so the confidence
    interval is then 1.5 times as wide.
    """
    if _beyond(years, parted, settings) <= 0:
        return None
    found = f"fundamentals: in {years.rises} of {years.years} years of a stock with a profit, net_profit rises from every quarter to the next"
    if parted:
        return (
            f"{found}, far less often than profits of the year so far do: these are profits of single quarters. Remove "
            "landing.fundamentals.profits = 'year_to_date' from the settings"
        )
    return (
        f"{found}, far more often than single quarters do: these are profits of the year so far. Declare "
        "landing.fundamentals.profits = 'year_to_date'"
    )


def profits_mixed(by_year: Mapping[int, RisingYears], parted: bool, settings: ReferenceSettings) -> str | None:
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
    counts = [f"{by_year[year].rises} of {by_year[year].years} stocks with a profit in {year}" for year in off]
    what = "single quarters" if parted else "the year so far"
    return (
        f"fundamentals: net_profit rises from every quarter to the next for {', '.join(counts)} and for {rest.rises} of "
        f"{rest.years} in other years: the profits of {', '.join(map(str, off))} are those of {what}, and those of "
        "the other years are not. Deliver every year in one form, which landing.fundamentals.profits declares for the whole table"
    )


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


def quarters_lacking(lacking: int, profits: int, settings: ReferenceSettings) -> str | None:
    """Return the finding that profits are those of half-years or years; None where there is no such evidence.

    lacking, profits: as returned by announcements.profits_without_a_quarter_before.
    """
    if profits < settings.min_profit_years or lacking <= settings.max_lacking_quarters * profits:
        return None
    return (
        f"fundamentals: for {lacking} of {profits} profits, that of the quarter before is missing: these are profits of half-years or "
        "years, not of single quarters. Deliver those of every quarter; where they are of the year so far, declare "
        "landing.fundamentals.profits = 'year_to_date' (a quarter whose earlier figure is missing is then n/a)"
    )
