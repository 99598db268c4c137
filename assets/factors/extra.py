"""Factors of a user's own, which `factors.extra_factors` names: what they measure on one day, checked, and their window.

Here: calling the user's functions, what they must return, and reading back what was stored. Not here: the mean over the
window and the residual on industries and styles, which are those of the ten factors (ten.py).

A function is called once a day with that day's `minute_bars` and `daily_prices` and returns one value per stock. Its values
are stored beside the partition of `day_indicators`, in the file EXTRA, so that a window reads one row per stock and day.
"""

import io
from collections.abc import Iterable, Sequence

import polars as pl

from assets import catalogue
from resources.errors import SettingsError
from resources.named import call_named, load_named
from resources.partition import Files

EXTRA = "extra_factors.parquet"
SCHEMA: dict[str, type[pl.DataType]] = {"symbol": pl.String, "factor": pl.String, "value": pl.Float64}
SETTING = "factors.extra_factors"


def extra_keys(paths: Iterable[str]) -> tuple[str, ...]:
    """The keys of the factors in the order of the setting: the functions' names.

    Raises SettingsError where two have one name, or one has the name of a factor of the catalogue.
    """
    keys: dict[str, str] = {}
    for path in paths:
        key = path.partition(":")[2]
        if key in catalogue.BY_KEY or key in keys:
            other = keys.get(key, "a factor of the report")
            raise SettingsError(f"{SETTING}: {path} has the name of {other}; give the function another name")
        keys[key] = path
    return tuple(keys)


def measure_extra(paths: Sequence[str], minute_bars: pl.LazyFrame, daily_prices: pl.LazyFrame) -> pl.DataFrame:
    """The day's values of the factors that `paths` name: a frame of SCHEMA, sorted by factor and symbol.

    minute_bars, daily_prices: the day's partitions with all their columns. A value that is null or not finite makes the day
    invalid for the name and is not stored. Raises SettingsError where a function can't be loaded, fails, or returns anything
    but a frame with the columns symbol and value and one row per symbol.
    """
    extra_keys(paths)
    bars, prices = minute_bars.collect(), daily_prices.collect()
    frames = [pl.DataFrame(schema=SCHEMA)]
    for path in paths:
        measure = load_named(SETTING, path, "examples.factor:amihud_illiquidity")
        contract = "the day's minute_bars and daily_prices and returns a frame with the columns symbol and value"
        values = call_named(measure, f"{SETTING}: {path}", contract, bars, prices)
        frames.append(_checked(path, values))
    return pl.concat(frames).sort("factor", "symbol")


def _checked(path: str, values: object) -> pl.DataFrame:
    if not isinstance(values, pl.DataFrame) or set(values.columns) != {"symbol", "value"}:
        columns = values.columns if isinstance(values, pl.DataFrame) else type(values).__name__
        raise SettingsError(
            f"{SETTING}: {path} returned {columns}, no polars DataFrame with the columns symbol and value"
        )
    if values.schema["symbol"] != pl.String or not values.schema["value"].is_numeric():
        raise SettingsError(f"{SETTING}: {path} returned {dict(values.schema)}; symbol is text and value a number")
    if values["symbol"].is_duplicated().any():
        twice = values.filter(values["symbol"].is_duplicated())["symbol"]
        raise SettingsError(f"{SETTING}: {path} returned {twice.n_unique()} symbols twice, first {twice[0]}")
    kept = values.with_columns(pl.col("value").cast(pl.Float64)).filter(pl.col("value").is_finite())
    return kept.select("symbol", pl.lit(path.partition(":")[2]).alias("factor"), "value")


def with_extra(days: pl.DataFrame, keys: Sequence[str], files: Files) -> pl.DataFrame:
    """`day_indicators` of a window with one more column per factor of `keys`, null where the day has no value."""
    stored = [
        pl.read_parquet(io.BytesIO(files("day_indicators", day, EXTRA))).select(pl.lit(day).alias("date"), *SCHEMA)
        for day in days["date"].unique().sort()
    ]
    values = pl.concat([pl.DataFrame(schema={"date": pl.Date, **SCHEMA}), *stored])
    for key in keys:
        own = values.filter(pl.col("factor") == key).select("date", "symbol", pl.col("value").alias(key))
        days = days.join(own, on=["date", "symbol"], how="left", maintain_order="left")
    return days
