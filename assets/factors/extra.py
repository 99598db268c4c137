"""Factors of a user's own, which the setting `factors.extra_factors` names.

This module calls the user's functions, checks their results and reads the stored results of a window. It does not hold the mean
over the window and the residual on industries and styles, which are those of the ten factors (ten.py).

A function is called once a day with that day's `minute_bars` and `daily_prices` and returns one value per stock. The values are
stored beside the partition of `day_indicators`, in the file EXTRA, so that a window reads one row per stock and day.
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
    """Return the keys of the factors, which are the names of their functions, in the order of the setting.

    Raises:
        SettingsError: Two functions have the same name, or one has the name of a factor of the catalogue.
    """
    keys: dict[str, str] = {}
    for path in paths:
        key = path.partition(":")[2]
        if key in catalogue.BY_KEY or key in keys:
            other = keys.get(key, "a factor of the report")
            raise SettingsError(f"{SETTING}: {path} has the same name as {other}; give the function another name")
        keys[key] = path
    return tuple(keys)


def measure_extra(paths: Sequence[str], minute_bars: pl.LazyFrame, daily_prices: pl.LazyFrame) -> pl.DataFrame:
    """Return the day's values of the factors that `paths` name: a frame of SCHEMA, sorted by factor and symbol.

    minute_bars, daily_prices: the day's partitions with all their columns. A value that is null or not finite makes the day
    invalid for the stock and is not stored.

    Raises:
        SettingsError: A function cannot be loaded, fails, or does not return a frame with the columns symbol and value and
            one row per symbol.
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
            f"{SETTING}: {path} returned {columns}; it must return a polars DataFrame with the columns symbol and value"
        )
    if values.schema["symbol"] != pl.String or not values.schema["value"].is_numeric():
        raise SettingsError(
            f"{SETTING}: {path} returned the types {dict(values.schema)}; symbol must be text and value a number"
        )
    if values["symbol"].is_duplicated().any():
        twice = values.filter(values["symbol"].is_duplicated())["symbol"]
        raise SettingsError(
            f"{SETTING}: {path} returned more than one row for {twice.n_unique()} symbols, the first {twice[0]}; it must return "
            "one row per symbol"
        )
    kept = values.with_columns(pl.col("value").cast(pl.Float64)).filter(pl.col("value").is_finite())
    return kept.select("symbol", pl.lit(path.partition(":")[2]).alias("factor"), "value")


def with_extra(days: pl.DataFrame, keys: Sequence[str], files: Files) -> pl.DataFrame:
    """Return `day_indicators` of a window with one more column per factor of `keys`, null where the day has no value.

    days: the window's `day_indicators`. files: reads the file EXTRA beside each of its partitions.
    """
    stored = [
        pl.read_parquet(io.BytesIO(files("day_indicators", day, EXTRA))).select(pl.lit(day).alias("date"), *SCHEMA)
        for day in days["date"].unique().sort()
    ]
    values = pl.concat([pl.DataFrame(schema={"date": pl.Date, **SCHEMA}), *stored])
    for key in keys:
        own = values.filter(pl.col("factor") == key).select("date", "symbol", pl.col("value").alias(key))
        days = days.join(own, on=["date", "symbol"], how="left", maintain_order="left")
    return days
