"""Whose industries are lacking or cannot be those of the names: findings about the table as a whole."""

from collections.abc import Callable, Mapping, Sequence

import polars as pl

from assets.reference.schemas import UNKNOWN_INDUSTRY
from resources.settings.reference import ReferenceSettings

_NEARLY_EVERY, _HARDLY_ANY = (
    0.98,
    0.05,
)  # of the names inside and outside the indices whose members alone have an industry
_MANY = 100  # names from which industries are counted


def industries_lacking(
    frame: pl.DataFrame, members: Callable[[], Mapping[str, Sequence[str]]], settings: ReferenceSettings
) -> str | None:
    """What says that too many names have no industry, or that industries are none; None where few have none.

    frame: symbol, industry. members: hands out index → the members of its last vector; asked for only where too many have none, since a
    table of index members alone is the commonest cause.
    """
    if strange := _strange_industries(frame, settings):
        return strange
    unknown = frame.filter(pl.col("industry") == UNKNOWN_INDUSTRY)["symbol"]
    least = min(frame.height, settings.always_set_aside + 1)
    if unknown.len() < least or unknown.len() <= settings.max_unknown_industries * frame.height:
        return None
    found = f"industries: {unknown.len()} of {frame.height} names have none ({', '.join(unknown[:3])} …)"
    listed = {*frame["symbol"]}
    known = listed - {*unknown}
    of = {index: listed.intersection(own) for index, own in members().items()}
    covered = {index: own for index, own in of.items() if own and len(own & known) >= _NEARLY_EVERY * len(own)}
    rest = listed.difference(*covered.values())
    if covered and len(rest & known) <= _HARDLY_ANY * len(rest):
        return (
            f"{found}: the table has those of every member of {' and '.join(sorted(covered))} and of {len(rest & known)} of the "
            f"{len(rest)} other names. Deliver the industries of every name; where those of index members alone are meant, set "
            "reference.max_unknown_industries = 1, and the other names have no factors"
        )
    return f"{found}: rows of the table are missing. Deliver the industries of every name"


def _strange_industries(frame: pl.DataFrame, settings: ReferenceSettings) -> str | None:
    """What says that the column holds no industries; None where nothing does."""
    known = frame.filter(pl.col("industry") != UNKNOWN_INDUSTRY)["industry"]
    kinds = known.n_unique()
    if known.len() >= _MANY and kinds > settings.max_industries_share * known.len():
        return (
            f"industries: {known.len()} names have {kinds} industries (e.g. {', '.join(known.unique().sort()[:3])}): the column holds something "
            "else. Deliver the name or code of the industry"
        )
    if known.len() >= settings.market_names and kinds == 1:
        return f"industries: all of {known.len()} names have the industry {known[0]}: the column was not filled. Deliver each name's own"
    return None
