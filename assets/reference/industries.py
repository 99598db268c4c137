"""Detects missing or implausible industries from the table as a whole."""

from collections.abc import Callable, Mapping, Sequence

import polars as pl

from assets.reference.schemas import UNKNOWN_INDUSTRY
from resources.settings.reference import ReferenceSettings

_NEARLY_EVERY, _HARDLY_ANY = (
    0.98,
    0.05,
)  # shares of the members and of the other stocks with an industry, where only index members have one
_MANY = 100  # least number of stocks for which distinct industries are counted


def industries_lacking(
    frame: pl.DataFrame, members: Callable[[], Mapping[str, Sequence[str]]], settings: ReferenceSettings
) -> str | None:
    """Return the finding that too many stocks have no industry, or that the column has no industries; None otherwise.

    frame: symbol, industry. members: returns index → the members of its last vector; it is called only where too many stocks have no
    industry, since a table with index members only is the commonest cause.
    """
    if strange := _strange_industries(frame, settings):
        return strange
    unknown = frame.filter(pl.col("industry") == UNKNOWN_INDUSTRY)["symbol"]
    least = min(frame.height, settings.always_set_aside + 1)
    if unknown.len() < least or unknown.len() <= settings.max_unknown_industries * frame.height:
        return None
    found = f"industries: {unknown.len()} of {frame.height} stocks have none ({', '.join(unknown[:3])} …)"
    listed = {*frame["symbol"]}
    known = listed - {*unknown}
    of = {index: listed.intersection(own) for index, own in members().items()}
    covered = {index: own for index, own in of.items() if own and len(own & known) >= _NEARLY_EVERY * len(own)}
    rest = listed.difference(*covered.values())
    if covered and len(rest & known) <= _HARDLY_ANY * len(rest):
        return (
            f"{found}: the table has those of every member of {' and '.join(sorted(covered))} and of {len(rest & known)} of the "
            f"{len(rest)} other stocks. Deliver the industries of every stock; to use index members only, set "
            "reference.max_unknown_industries = 1, and the other stocks have no factors"
        )
    return f"{found}: rows of the table are missing. Deliver the industries of every stock"


def _strange_industries(frame: pl.DataFrame, settings: ReferenceSettings) -> str | None:
    """Return the finding that the column does not contain industries; None where there is no such evidence."""
    known = frame.filter(pl.col("industry") != UNKNOWN_INDUSTRY)["industry"]
    kinds = known.n_unique()
    if known.len() >= _MANY and kinds > settings.max_industries_share * known.len():
        return (
            f"industries: {known.len()} stocks have {kinds} industries (e.g. {', '.join(known.unique().sort()[:3])}): the column contains something "
            "else. Deliver the name or code of the industry"
        )
    if known.len() >= settings.market_names and kinds == 1:
        return f"industries: all of {known.len()} stocks have the industry {known[0]}: the column was not filled. Deliver each stock's own"
    return None
