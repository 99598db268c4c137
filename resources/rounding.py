"""The error of totals that rounded deliveries allow: half a unit for each rounded figure.

This module finds the unit of which the volumes and amounts of a file or of a day's prices are whole numbers, given the declarations
in the settings section `landing`, and whether they are 32-bit floats, which hold 24 binary digits. It does not compare totals.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from resources.landing import LandingView
from resources.reference_forms import LOT, UNITS

_SINGLE = 2.0**-24  # half the distance between neighbouring 32-bit floats, as a share of the figure
_EXACT = 2.0**24  # a 32-bit float represents every whole number up to here


@dataclass(frozen=True)
class Rounding:
    """The rounding of the volumes and amounts of a table.

    volume (shares), amount (yuan): the unit of which every figure is a whole number; 0 where they are exact, to the share and the
    cent. whole_lots: whether every volume is a number of whole lots, declared or not. whole_amount: likewise the power of ten, at most
    10 000 yuan, of which every amount is a multiple. volume_share, amount_share: the relative error of each figure where all of them
    are 32-bit floats; else 0.
    """

    volume: int = 0
    amount: int = 0
    whole_lots: bool = False
    whole_amount: int = 1
    volume_share: float = 0.0
    amount_share: float = 0.0


def rounding_of(volume: pl.Series, amount: pl.Series, table: str, declared: Mapping[str, Any]) -> Rounding:
    """Find the rounding of a table's volumes (shares) and amounts (yuan).

    Volumes are rounded where lots are declared and have no fraction. The unit of amounts is the largest of the declared unit, its
    tenth, its hundredth and so on down to a yuan, of which all amounts are whole numbers.

    Args:
        volume: the volumes in shares.
        amount: the amounts in yuan.
        table: "bars" or "daily_prices".
        declared: the table's declarations in the settings (`LandingView.declared`).
    """
    volume, amount = volume.drop_nulls(), amount.drop_nulls()
    lots = bool((volume % LOT == 0).all()) and volume.len() > 0
    shares, money = (
        int(UNITS[declared.get(f"landing.{table}.{figure}_unit", plain)])
        for figure, plain in (("volume", "shares"), ("amount", "yuan"))
    )
    steps = (money // 10**digits for digits in range(len(str(money))))
    step = next((one for one in steps if _whole_numbers_of(amount, one)), 0)
    whole = next((one for one in (10_000, 1_000, 100, 10) if _whole_numbers_of(amount, one)), 1)
    return Rounding(
        LOT if lots and shares == LOT else 0,
        step,
        lots,
        whole,
        _single_share(volume / shares),
        _single_share(amount / money),
    )


def _whole_numbers_of(amount: pl.Series, unit: int) -> bool:
    return amount.len() > 0 and bool((((amount / unit).round() * unit - amount).abs() < 1e-3).all())


def _single_share(values: pl.Series) -> float:
    """The relative error of each figure where all of them are 32-bit floats and one is too large or too fine to be exact; else 0."""
    values = values.cast(pl.Float64)
    single = values.cast(pl.Float32).cast(pl.Float64)
    alike = ((values - single).abs() <= 1e-12 * values.abs()).all()
    return _SINGLE if alike and ((values % 1 != 0) | (values.abs() > _EXACT)).any() else 0.0


def file_rounding(bars: pl.DataFrame, landing: LandingView) -> Rounding:
    """Find the rounding of a day's bars as read, with their declarations in the settings."""
    nothing = pl.Series(dtype=pl.Float64)
    volume, amount = (bars[name] if name in bars.columns else nothing for name in ("volume", "amount"))
    return rounding_of(volume, amount, "bars", landing.declared("bars"))


def rounded_rows() -> pl.Expr:
    """The number of a stock's bars that may be off by half a unit: those with trades, or all where only volume was delivered."""
    silent = (pl.col("volume") == 0) & (pl.col("amount").fill_null(0) == 0) & (pl.col("trades").fill_null(0) == 0)
    alone = (pl.col("amount").count() == 0) & (pl.col("trades").count() == 0)
    return pl.when(alone).then(pl.len()).otherwise((~silent.fill_null(False)).sum())
