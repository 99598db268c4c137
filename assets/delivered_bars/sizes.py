"""Compares delivered order sizes with the day's amounts.

This module does not read the delivered table (assets/bars/make_order_sizes.py) or sum ticks (assets/bars/sums.py).
"""

import math
from collections.abc import Mapping
from typing import Any

import polars as pl

from assets.delivered_bars.reasons import ORDER_SIZE_CONTRADICTED, ORDER_SIZES_CONTRADICTED, ORDER_SIZES_TO_BASE
from resources.reasons import FILE_BECAUSE, Nested, Reason, first_reasons
from resources.settings.bars import BarsSettings
from resources.values import median_of

_ROUNDING = 0.05  # relative, of a geometric mean: bars may leave trades after hours out that orders include


def judged_against_amounts(
    frame: pl.DataFrame, reasons: pl.Series, amounts: pl.DataFrame, name: str, settings: BarsSettings
) -> tuple[pl.DataFrame, pl.Series]:
    """Return the sums and reasons with the rows set aside that the day's amounts contradict.

    frame, reasons: as read from the file; a row with a reason has null sums. amounts: symbol, amount (yuan) of the day. name: the
    file, for messages.

    Every trade fills a buy and a sell order, so that the mean order is 2 · amount / orders. The geometric mean exp(Σ ln a / n) is
    never above it. The mean of log-normal sizes, exp(μ + σ²/2), is near it: 0.76 to 0.87 of it on six tapes of 2023. With
    logarithms to the base of 10 this ratio is 0.004 at most.
    """
    mean = pl.col("sum_ln") / pl.col("orders")
    spread = (pl.col("sum_ln2") / pl.col("orders") - mean * mean).clip(0)
    usable = pl.col("orders") > 0
    judged = frame.join(amounts, on="symbol", how="left", maintain_order="left").with_columns(
        _order=pl.when(usable & (pl.col("amount") > 0)).then(2 * pl.col("amount") / pl.col("orders")),
        _mean=mean,
        _spread=spread,
    )
    judged = judged.with_columns(
        _fit=(pl.col("_mean") + pl.col("_spread") / 2).exp() / pl.col("_order"),
        _geometric=pl.col("_mean").exp() / pl.col("_order"),
    )
    fits = judged["_fit"].drop_nulls()
    (low, high), (least, most) = settings.order_sizes_band, settings.median_order_sizes_band
    of_file = None
    if fits.len() >= settings.order_sizes_names and not least <= (median := median_of(fits)) <= most:
        of_file = _of_file(judged, {"stocks": fits.len(), "ratio": median}, (least, most))
    astray = ~pl.col("_fit").is_between(low, high) | (pl.col("_geometric") > 1 + _ROUNDING)
    contradiction = ORDER_SIZE_CONTRADICTED.column(
        orders="orders",
        by_sums=(pl.col("_mean") + pl.col("_spread") / 2).exp().round(2),
        by_amount=pl.col("_order").round(2),
    )
    fitted = pl.col("_fit").is_not_null()
    broken, cause = (fitted, pl.lit(of_file.dumps())) if of_file else (fitted & astray, contradiction)
    rule = (broken, FILE_BECAUSE.column(file=pl.lit(name), cause=Nested(cause)))
    reasons = reasons.zip_with(reasons.is_not_null(), first_reasons(judged, [rule]))
    columns = ("orders", "sum_ln", "sum_ln2")
    return frame.with_columns(pl.when(reasons.is_null()).then(column).alias(column) for column in columns), reasons


def _of_file(judged: pl.DataFrame, facts: Mapping[str, Any], band: tuple[float, float]) -> Reason:
    """Return the reason with the likely cause of sums that contradict the amounts: logarithms to another base, if natural ones would agree."""
    for base in (10, 2):
        natural = math.log(base)
        fit = (pl.col("_mean") * natural + pl.col("_spread") * natural**2 / 2).exp() / pl.col("_order")
        if band[0] <= float(judged.select(fit.median()).item() or 0.0) <= band[1]:
            return ORDER_SIZES_TO_BASE(base=base, **facts)
    return ORDER_SIZES_CONTRADICTED(**facts)
