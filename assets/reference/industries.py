"""Detects missing or implausible industries from the table as a whole."""

from collections.abc import Callable, Mapping, Sequence

import polars as pl

from assets.reference.reasons import INDUSTRIES_LACKING, INDUSTRIES_OF_MEMBERS, NO_INDUSTRIES, ONE_INDUSTRY
from assets.reference.schemas import UNKNOWN_INDUSTRY
from resources.reasons import Reason
from resources.settings.reference import ReferenceSettings

_NEARLY_EVERY, _HARDLY_ANY = (
    0.98,
    0.05,
)  # shares of the members and of the other stocks with an industry, where only index members have one
_MANY = 100  # least number of stocks for which distinct industries are counted


def industries_lacking(
    frame: pl.DataFrame, members: Callable[[], Mapping[str, Sequence[str]]], settings: ReferenceSettings
) -> Reason | None:
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
    facts = {"unknown": unknown.len(), "stocks": frame.height, "names": unknown[:3].to_list()}
    listed = {*frame["symbol"]}
    known = listed - {*unknown}
    of = {index: listed.intersection(own) for index, own in members().items()}
    covered = {index: own for index, own in of.items() if own and len(own & known) >= _NEARLY_EVERY * len(own)}
    rest = listed.difference(*covered.values())
    if covered and len(rest & known) <= _HARDLY_ANY * len(rest):
        return INDUSTRIES_OF_MEMBERS(**facts, indices=sorted(covered), others_known=len(rest & known), others=len(rest))
    return INDUSTRIES_LACKING(**facts)


def _strange_industries(frame: pl.DataFrame, settings: ReferenceSettings) -> Reason | None:
    """Return the finding that the column does not contain industries; None where there is no such evidence."""
    known = frame.filter(pl.col("industry") != UNKNOWN_INDUSTRY)["industry"]
    kinds = known.n_unique()
    if known.len() >= _MANY and kinds > settings.max_industries_share * known.len():
        examples = known.unique().sort()[:3].to_list()
        return NO_INDUSTRIES(stocks=known.len(), kinds=kinds, examples=examples)
    if known.len() >= settings.market_names and kinds == 1:
        return ONE_INDUSTRY(stocks=known.len(), industry=known[0])
    return None
