"""Infers the units of a delivery from the power of ten by which its figures are off, and names the setting that declares them.

This module has the reasons and settings for volumes and amounts. reference_forms.py and bar_forms.py convert units, and
the modules named diagnosis.py in assets/ compute the ratios.
"""

import math
from collections.abc import Mapping
from itertools import product
from typing import Any

import polars as pl

from resources.reasons import Code, Nested, Reason, joined
from resources.reference_forms import UNITS

PLAIN = {"volume": "shares", "amount": "yuan"}
"""The units of SPEC §2.1."""
IN_UNIT = Code("in_unit", ("column", "unit", "setting"))
IN_UNIT_NOT_AS_DECLARED = Code("in_unit_not_as_declared", ("column", "unit", "setting", "declared"))
IN_PLAIN_UNIT = Code("in_plain_unit", ("column", "unit", "setting", "declared"))
OR_PRICES_IN_UNIT = Code("or_prices_in_unit", ("cause",))
ANOTHER_UNIT = Code("another_unit")
"""A ratio of amount, volume and prices that no pair of units explains."""
_POSSIBLE = {"volume": ("shares", "lots"), "amount": ("yuan", "thousand_yuan", "ten_thousand_yuan")}


def column_units(column: str, table: str, declared: Mapping[str, Any]) -> dict[int, Reason]:
    """The possible units of a column by power of ten: the power by which the converted column is a multiple of the right value.

    Args:
        column: "volume" or "amount".
        table: "bars" or "daily_prices".
        declared: the table's declarations in the settings (`LandingView.declared`).

    Returns:
        Power of ten → the unit and the setting that declares it.

    >>> str(column_units("volume", "bars", {})[-2])
    "volume is in lots: declare landing.bars.volume_unit = 'lots'"
    """
    own = _own(column, table, declared)
    return {_power(own) - _power(unit): _unit(column, table, unit, own) for unit in _POSSIBLE[column] if unit != own}


def ratio_units(table: str, declared: Mapping[str, Any]) -> dict[int, Reason]:
    """The possible units by the power of ten between amount / volume and the prices, each with the settings that declare them.

    Every pair of units has its own power. Prices in cents or in 1/10 000 yuan have the same effect as amounts that are too small.

    >>> str(ratio_units("daily_prices", {})[2])
    "volume is in lots: declare landing.daily_prices.volume_unit = 'lots'"
    """
    own = {column: _own(column, table, declared) for column in _POSSIBLE}
    found: dict[int, Reason] = {}
    for volume, amount in product(_POSSIBLE["volume"], _POSSIBLE["amount"]):
        units = {"volume": volume, "amount": amount}
        other = [_unit(column, table, unit, own[column]) for column, unit in units.items() if unit != own[column]]
        if (cause := joined(other)) is not None:
            power = _power(own["amount"]) - _power(amount) - _power(own["volume"]) + _power(volume)
            found[power] = OR_PRICES_IN_UNIT(cause=cause) if power in (-2, -4) else cause
    return found


def power_of_ten(ratio: pl.Expr, tolerance: float) -> pl.Expr:
    """The power of ten to which a ratio is equal within the relative `tolerance`; 0 where there is none, or the ratio is near 1."""
    exponent = pl.when(ratio > 0).then(ratio).log10()
    whole = exponent.round()
    near = (exponent - whole).abs() <= math.log10(1 + tolerance)
    return pl.when(near & whole.is_finite()).then(whole).otherwise(0).fill_null(0).cast(pl.Int64)


def cause_of(power: pl.Expr, causes: Mapping[int, Reason], otherwise: Reason) -> Nested:
    """The cause of a power of ten, as a parameter of a column of reasons. causes: as from `column_units` or `ratio_units`."""
    stored = {exponent: reason.dumps() for exponent, reason in causes.items()}
    return Nested(power.replace_strict(stored, default=otherwise.dumps(), return_dtype=pl.String))


def _own(column: str, table: str, declared: Mapping[str, Any]) -> str:
    return str(declared.get(_setting(column, table), PLAIN[column]))


def _setting(column: str, table: str) -> str:
    return f"landing.{table}.{column}_unit"


def _power(unit: str) -> int:
    return round(math.log10(UNITS[unit]))


def _unit(column: str, table: str, unit: str, own: str) -> Reason:
    """The reason for figures that are in a unit. own: the unit that the settings declare."""
    facts = {"column": column, "unit": unit, "setting": _setting(column, table)}
    if unit == PLAIN[column]:
        return IN_PLAIN_UNIT(declared=own, **facts)
    return IN_UNIT(**facts) if own == PLAIN[column] else IN_UNIT_NOT_AS_DECLARED(declared=own, **facts)
