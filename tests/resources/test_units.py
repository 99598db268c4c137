"""The named unit is the one in which the figures were written, and the named setting reads them right."""

import re
from itertools import product
from math import inf, log10, nan

import polars as pl
import pytest

from resources.reasons import TEXT
from resources.reference_forms import UNITS
from resources.units import cause_of, column_units, power_of_ten, ratio_units

VOLUMES, AMOUNTS = ("shares", "lots"), ("yuan", "thousand_yuan", "ten_thousand_yuan")


def declaration(table: str, volume: str, amount: str) -> dict[str, str]:
    """The declarations that differ from the defaults."""
    units = {f"landing.{table}.volume_unit": volume, f"landing.{table}.amount_unit": amount}
    return {setting: unit for setting, unit in units.items() if unit not in ("shares", "yuan")}


def obeyed(declared: dict[str, str], text: str) -> dict[str, str]:
    """The declarations after following the message."""
    now = dict(declared)
    for setting, unit in re.findall(r"remove (landing\.\S+) = '(\w+)' from the settings", text):
        assert now.pop(setting) == unit
    return now | dict(re.findall(r"(landing\.\S+) = '(\w+)'", re.sub(r"remove \S+ = '\w+' from", "", text)))


@pytest.mark.parametrize("table", ["bars", "daily_prices"])
@pytest.mark.parametrize("declared", product(VOLUMES, AMOUNTS))
@pytest.mark.parametrize("written", product(VOLUMES, AMOUNTS))
def test_following_the_message_gives_the_right_figures(
    table: str, declared: tuple[str, str], written: tuple[str, str]
) -> None:
    shares, yuan, price = 7_500, 150_000.0, 20.0
    raw = shares / UNITS[written[0]], yuan / UNITS[written[1]]
    volume, amount = raw[0] * UNITS[declared[0]], raw[1] * UNITS[declared[1]]
    settings, right = declaration(table, *declared), declaration(table, *written)
    power = round(log10(amount / volume / price))
    if declared == written:
        assert power not in ratio_units(table, settings)
        return
    assert obeyed(settings, str(ratio_units(table, settings)[power])) == right
    single = dict(settings)
    for column, figure, truth in (("volume", volume, shares), ("amount", amount, yuan)):
        if power_of := round(log10(figure / truth)):
            single = obeyed(single, str(column_units(column, table, settings)[power_of]))
    assert single == right


def test_a_power_that_no_unit_explains_has_no_setting() -> None:
    assert set(column_units("amount", "bars", {})) == {-3, -4}
    assert set(ratio_units("bars", {})) == {2, -1, -2, -3, -4}


@pytest.mark.parametrize(
    ("ratio", "power", "cause"),
    [(99.0, 2, "two"), (1000.0, 3, "other"), (0.0098, -2, "less"), (1.01, 0, "other"), (50.0, 0, "other")]
    + [(ratio, 0, "other") for ratio in (0.0, -100.0, inf, nan, None)],
)
def test_each_power_of_ten_has_its_cause(ratio: float | None, power: int, cause: str) -> None:
    found = power_of_ten(pl.col("ratio"), tolerance=0.05)
    named = cause_of(found, {2: TEXT(text="two"), -2: TEXT(text="less")}, TEXT(text="other"))
    frame = pl.DataFrame({"ratio": [ratio]}, schema={"ratio": pl.Float64})
    assert frame.select(found, cause=named.reasons).row(0) == (power, cause)
