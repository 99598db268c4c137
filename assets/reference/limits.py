"""The exchanges' price-limit rule: from the previous close to the day's highest and lowest price, in whole cents.

What the limits are used for (locked names, bars at the limit) does not belong here.
"""

import datetime as dt

import polars as pl

from resources.settings.reference import ReferenceSettings


def limit_prices(names: pl.DataFrame, date: dt.date, settings: ReferenceSettings) -> pl.DataFrame:
    """`limit_up` and `limit_down` of each name on `date`, in yuan; null = no limit, or none known (SPEC §6).

    `names` holds board, pre_close (yuan), is_st, list_date and listed_days, one row per name; the rows of the result
    stand in the same order. Price = pre_close × (1 ± limit) rounded half up to the cent, in integer cents, since floats
    err on half cents. A name without a listing date has no known limit: its first days can't be told from later ones.
    """
    normal, special = _in_force(settings, date)
    percent = pl.when("is_st").then(_of_board(special)).otherwise(_of_board(normal))
    up: pl.Expr = pl.when(pl.col("listed_days").is_not_null()).then(percent)
    down = up
    for rule in settings.listing_rules:
        for board in rule.boards:
            replaced = [r.since for r in settings.listing_rules if board in r.boards and r.since > rule.since]
            first_days = (
                (pl.col("board") == board)
                & pl.col("list_date").is_between(rule.since, min(replaced, default=dt.date.max), closed="left")
                & (pl.col("listed_days") <= rule.days)
            )
            up = pl.when(first_days).then(pl.lit(rule.up_percent, pl.Int64)).otherwise(up)
            down = pl.when(first_days).then(pl.lit(rule.down_percent, pl.Int64)).otherwise(down)
    cents = (pl.col("pre_close") * 100).round().cast(pl.Int64)
    return names.select(
        # polars divides by a constant as × 1/100, which errs in the last bit; round(2) gives the nearest float.
        limit_up=((cents * (100 + up) + 50) // 100 / 100).round(2),
        limit_down=((cents * (100 - down) + 50) // 100 / 100).round(2),
    )


def _in_force(settings: ReferenceSettings, date: dt.date) -> tuple[dict[str, int], dict[str, int]]:
    """Board → percent on `date`, for ordinary names and for those under special treatment."""
    rules = sorted((rule for rule in settings.limit_rules if rule.since <= date), key=lambda rule: rule.since)
    return (
        {board: rule.percent for rule in rules for board in rule.boards},
        {board: rule.st_percent for rule in rules for board in rule.boards},
    )


def _of_board(percent: dict[str, int]) -> pl.Expr:
    return pl.col("board").replace_strict(percent, default=None, return_dtype=pl.Int64)
