"""Which units a delivery is in, told from the power of ten by which its figures miss what they should be, and the setting to say it.

Here: the words and settings for volumes and amounts. Not here: conversion (reference_forms.py, bar_forms.py) and the ratios
(assets/reference/diagnosis.py, assets/delivered_bars/diagnosis.py).
"""

import math
from collections.abc import Mapping
from itertools import product
from typing import Any

from resources.reference_forms import UNITS

PLAIN = {"volume": "shares", "amount": "yuan"}
"""The unit of SPEC §2.1."""
_POSSIBLE = {"volume": ("shares", "lots"), "amount": ("yuan", "thousand_yuan", "ten_thousand_yuan")}


def column_units(column: str, table: str, declared: Mapping[str, Any]) -> dict[int, str]:
    """Power of ten by which a column (volume, amount), as converted, is a multiple of what it should be → what it is in, and the
    setting. table: "bars" or "daily_prices". declared: what the settings declare of it (`LandingView.declared`).

    >>> column_units("volume", "bars", {})
    {-2: "in lots: declare landing.bars.volume_unit = 'lots'"}
    """
    own = _own(column, table, declared)
    return {_power(own) - _power(unit): _words(column, table, unit, own) for unit in _POSSIBLE[column] if unit != own}


def ratio_units(table: str, declared: Mapping[str, Any]) -> dict[int, str]:
    """The same of amount / volume against the prices: power of ten → a sentence without its full stop.

    Each pair of units gives another power. Prices that are in cents or in 1/10 000 yuan look like amounts that are too small.

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
            said = (f"{_written(units[column])}" for column in other)
            settings = (f"{_setting(column, table)} = {units[column]!r}" for column in other)
            found[power] = "volume is in {} and amount in {}: declare ".format(*said) + " and ".join(settings)
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
        return f"in {unit} already: take {setting} = {own!r} out of the settings"
    instead = "" if own == PLAIN[column] else f" in place of {own!r}"
    return f"in {_written(unit)}: declare {setting} = {unit!r}{instead}"
