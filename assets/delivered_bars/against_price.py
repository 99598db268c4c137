"""The confidence bounds of the share of price changes that contradict the side of the trades, for tapes and for delivered bars."""

import polars as pl

from resources.settings.bars import BarsSettings


def bound_of_share(settings: BarsSettings, sign: int) -> pl.Expr:
    """Return the lower (sign −1) or upper (+1) bound of against_price / price_changes by Wilson's score interval; null without changes.

    Wilson (1927), Journal of the American Statistical Association 22, 209-212.
    """
    of = pl.when(pl.col("price_changes") > 0).then("price_changes")
    share, spread = pl.col("against_price") / of, settings.against_price_deviations**2 / of
    half = (share * (1 - share) * spread + spread**2 / 4).sqrt()
    return (share + spread / 2 + sign * half) / (1 + spread)
