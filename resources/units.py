"""Infers the units of a delivery from the power of ten by which its figures are off, and names the setting that declares them.

This module has the words and settings for volumes and amounts. reference_forms.py and bar_forms.py convert units, and
the modules named diagnosis.py in assets/ compute the ratios.
"""

import math
from collections.abc import Mapping
from itertools import product
from typing import Any

from resources.reference_forms import UNITS

PLAIN = {"volume": "shares", "amount": "yuan"}
"""The units of SPEC §2.1."""
_POSSIBLE = {"volume": ("shares", "lots"), "amount": ("yuan", "thousand_yuan", "ten_thousand_yuan")}


def column_units(column: str, table: str, declared: Mapping[str, Any]) -> dict[int, str]:
    """The possible units of a column by power of ten: the power by which the converted column is a multiple of the right value.

    Args:
        column: "volume" or "amount".
        table: "bars" or "daily_prices".
        declared: the table's declarations in the settings (`LandingView.declared`).

    Returns:
        Power of ten → the unit and the setting that declares it, as a phrase.

    >>> column_units("volume", "bars", {})
    {-2: "in lots: declare landing.bars.volume_unit = 'lots'"}
    """
    own = _own(column, table, declared)
    return {_power(own) - _power(unit): _words(column, table, unit, own) for unit in _POSSIBLE[column] if unit != own}


def ratio_units(table: str, declared: Mapping[str, Any]) -> dict[int, str]:
    """The possible units by the power of ten between amount / volume and the prices, each as a sentence without its full stop.

    Every pair of units has its own power. Prices in cents or in 1/10 000 yuan have the same effect as amounts that are too small.

    >>> ratio_units("daily_prices", {})[2]
    "volume is in lots: declare landing.daily_prices.volume_unit = 'lots'"
    """
    own = {column: _own(column, table, declared) for column in _POSSIBLE}
    found = {}
    for volume, amount in product(_POSSIBLE["volume"], _POSSIBLE["amount"]):
        power = _power(own["amount"]) - _power(amount) - _power(own["volume"]) + _power(volume)
        units = {"volume": volume, "amount": amount}
        other = [column for column, unit in units.items() if unit != own[column]]
        if all(units[column] != PLAIN[column] for column in other) and len(other) > 1:
            written = (_written(units[column]) for column in other)
            settings = (f"{_setting(column, table)} = {units[column]!r}" for column in other)
            found[power] = "volume is in {} and amount in {}: declare ".format(*written) + " and ".join(settings)
        else:
            found[power] = "; ".join(
                f"{column} is {_words(column, table, units[column], own[column])}" for column in other
            )
        if power in (-2, -4):
            found[power] += " (or prices are in another unit: deliver yuan)"
    found.pop(0)
    return found


def _own(column: str, table: str, declared: Mapping[str, Any]) -> str:
    return str(declared.get(_setting(column, table), PLAIN[column]))


def _setting(column: str, table: str) -> str:
    return f"landing.{table}.{column}_unit"


def _power(unit: str) -> int:
    return round(math.log10(UNITS[unit]))


def _written(unit: str) -> str:
    return unit.replace("_", " ")


def _words(column: str, table: str, unit: str, own: str) -> str:
    setting = _setting(column, table)
    if unit == PLAIN[column]:
        return f"in {unit} already: remove {setting} = {own!r} from the settings"
    instead = "" if own == PLAIN[column] else f" in place of {own!r}"
    return f"in {_written(unit)}: declare {setting} = {unit!r}{instead}"
