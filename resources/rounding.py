"""How far totals may be off because what was delivered is rounded: half a unit for each rounded figure, and nothing more.

Here: which unit the volumes and amounts of a file or of a day's prices are whole numbers of, as declared in the settings section
`landing`, and whether they are 32-bit floats, which hold 24 binary digits. Not here: comparing totals (assets/tape_health/verdicts.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from resources.landing import LandingView
from resources.reference_forms import LOT, UNITS

_SINGLE = 2.0**-24  # half the distance between neighbouring 32-bit floats, as a share of the figure
_EXACT = 2.0**24  # up to here a 32-bit float holds every whole number


@dataclass(frozen=True)
class Rounding:
    """volume (shares), amount (yuan): the unit that every figure is a whole number of; 0 where they are exact, to the share and the
    cent. whole_lots: whether every volume is of whole lots, declared or not. whole_amount: likewise the power of ten, at most 10 000 yuan,
    that every amount is a multiple of. volume_share, amount_share: the share of each figure by
    which it may be off since all of them are 32-bit floats; else 0."""

    volume: int = 0
    amount: int = 0
    whole_lots: bool = False
    whole_amount: int = 1
    volume_share: float = 0.0
    amount_share: float = 0.0


def rounding_of(volume: pl.Series, amount: pl.Series, table: str, declared: Mapping[str, Any]) -> Rounding:
    """The rounding of a table's volumes (shares) and amounts (yuan). table: "bars" or "daily_prices". declared: what the settings
    declare of it (`LandingView.declared`).

    Lots that are declared and have no fraction are rounded. Of an amount the unit is the largest tenth, hundredth … of the
    declared unit that all are whole numbers of, down to a yuan.
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
    """The share by which each figure may be off where all of them are 32-bit floats and one of them is too large or too fine to be
    exact; else 0."""
    values = values.cast(pl.Float64)
    single = values.cast(pl.Float32).cast(pl.Float64)
    alike = ((values - single).abs() <= 1e-12 * values.abs()).all()
    return _SINGLE if alike and ((values % 1 != 0) | (values.abs() > _EXACT)).any() else 0.0


def file_rounding(bars: pl.DataFrame, landing: LandingView) -> Rounding:
    """That of a day's bars as read, and as the settings declare them."""
    nothing = pl.Series(dtype=pl.Float64)
    volume, amount = (bars[name] if name in bars.columns else nothing for name in ("volume", "amount"))
    return rounding_of(volume, amount, "bars", landing.declared("bars"))


def rounded_rows() -> pl.Expr:
    """How many of a name's bars may be off by half a unit: those that traded, or, where volume alone was delivered, all of them."""
    silent = (pl.col("volume") == 0) & (pl.col("amount").fill_null(0) == 0) & (pl.col("trades").fill_null(0) == 0)
    alone = (pl.col("amount").count() == 0) & (pl.col("trades").count() == 0)
    return pl.when(alone).then(pl.len()).otherwise((~silent.fill_null(False)).sum())
