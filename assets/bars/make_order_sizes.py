"""One day's order_sizes: summed from trades, or read as they were delivered, and which rows can't be used.

Here: putting sums, verdicts and the delivered file together. Not here: sums (sums.py), delivered sizes held against the day's
amounts (assets/delivered_bars/sizes.py).
"""

import datetime as dt

import polars as pl

from assets.bars.reasons import (
    none_left,
)
from assets.bars.schemas import ORDER_SIZES
from assets.bars.sums import order_size_sums
from assets.delivered_bars.sizes import judged_against_amounts
from assets.tape_health.reasons import NEITHER_NOR_FILE, NO_TRADES
from assets.tape_health.verdicts import SET_ASIDE
from resources.errors import InputError
from resources.made import Made
from resources.partition import Frames, Partition
from resources.settings.bars import BarsSettings
from resources.values import read_column, shown

_SQUARES_SLACK = 1e-9  # of (Σ ln amount)²: equal amounts have no variance, and sums are rounded


def make_order_sizes(frames: Frames, partition: Partition, settings: BarsSettings) -> Made:
    """Per symbol the number of orders with a fill, Σ ln amount and Σ (ln amount)², yuan, buy and sell orders pooled (SPEC §3);
    without ticks the delivered table. `trades` in the lake's order.

    A symbol that tape_health set aside has null sums: half a day's orders would bias the thresholds of the next 20 days.
    """
    date, tape_health = partition.date, frames["tape_health"]
    sums = order_size_sums(frames["trades"], settings)
    if sums.height:
        aside = tape_health.filter(pl.col("verdict") == SET_ASIDE).select("symbol", set_aside="reason").collect()
        sums = sums.join(aside, on="symbol", how="left", maintain_order="left")
        accepted = pl.col("set_aside").is_null()
        frame = sums.select(
            pl.lit(date).alias("date"),
            "symbol",
            *(pl.when(accepted).then(name).alias(name) for name in ("orders", "sum_ln", "sum_ln2")),
        )
        return _judged_sizes(frame, sums["set_aside"], f"ticks/{date:%Y%m%d}")
    landed = partition.landing.order_sizes()
    name = f"bars/{date:%Y%m%d}.order_sizes.parquet"
    if landed is None:
        why = partition.unavailable.get("trades", {}).get("bid_order", NO_TRADES())
        gone = dict.fromkeys(ORDER_SIZES, NEITHER_NOR_FILE(cause=why, file=name))
        return Made(pl.DataFrame(schema=ORDER_SIZES), unavailable=gone)
    lacking = [column for column in ORDER_SIZES if column not in (*landed.columns, "date")]
    if lacking:
        raise InputError(f"{name} lacks the column {', '.join(lacking)}. Deliver it in the schema of SPEC §2.2.")
    frame, bad = _read_sizes(landed, date, name)
    amounts = tape_health.select("symbol", amount=pl.coalesce("amount", "reference_amount")).collect()
    frame, bad = judged_against_amounts(frame, bad, amounts, name, settings)
    return _judged_sizes(frame, bad, name)


def _read_sizes(landed: pl.DataFrame, date: dt.date, name: str) -> tuple[pl.DataFrame, pl.Series]:
    """The delivered sums in the schema ORDER_SIZES and why a row's cannot be used, else null; a row with a reason has null sums.
    Raises InputError where no cell of a column can be read."""
    columns = ("orders", "sum_ln", "sum_ln2")
    frame = landed.select(pl.lit(date).alias("date"), pl.col("symbol").cast(pl.String))
    reasons = pl.Series("reason", [None] * landed.height, pl.String)
    for column in columns:
        cells = landed[column]
        read = read_column(cells, ORDER_SIZES[column])
        why = read.reasons.cast(pl.String)
        if read.faulty and why.null_count() == 0 and cells.dtype != ORDER_SIZES[column]:
            raise InputError(
                f"{name}: {column} = {shown(cells.to_list()[0])} {why[0]}, and no other of its {landed.height} rows can be read either. "
                "Deliver it in the schema of SPEC §2.2."
            )
        frame = frame.with_columns(read.values.alias(column))
        said = pl.DataFrame({"cell": [shown(cell) for cell in cells.to_list()], "why": why})
        said = said.select(
            pl.format("{}: {} = {} {}", pl.lit(name), pl.lit(column), "cell", "why")
        )  # null without a why
        reasons = reasons.zip_with(reasons.is_not_null(), said.to_series())
    squares = pl.col("sum_ln2") * pl.col("orders")
    rules = [
        *(
            (
                pl.col(column).is_finite().fill_null(True),
                pl.format("{}: {} = {} is no number", pl.lit(name), pl.lit(column), column),
            )
            for column in ("sum_ln", "sum_ln2")
        ),
        (
            (pl.col("orders") >= 0).fill_null(True),
            pl.format("{}: orders = {} is negative", pl.lit(name), "orders"),
        ),
        (
            (squares >= pl.col("sum_ln") ** 2 * (1 - _SQUARES_SLACK)).fill_null(True),
            pl.format(
                "{}: the variance of ln amount is negative: orders = {}, sum_ln = {}, sum_ln2 = {}",
                pl.lit(name),
                "orders",
                "sum_ln",
                "sum_ln2",
            ),
        ),
    ]
    broken = frame.select(pl.coalesce(pl.when(~holds).then(text) for holds, text in rules)).to_series()
    reasons = reasons.zip_with(reasons.is_not_null(), broken)
    frame = frame.with_columns(pl.when(reasons.is_null()).then(column).alias(column) for column in columns)
    return frame.select(pl.col(column).cast(dtype) for column, dtype in ORDER_SIZES.items()), reasons


def _judged_sizes(frame: pl.DataFrame, set_aside: pl.Series, source: str) -> Made:
    """The frame with its profile. set_aside: the reason or null, per row. source: where the rows came from, for messages."""
    profile = frame.with_columns(set_aside=set_aside.is_not_null().cast(pl.Int64), detail=set_aside)
    if frame["orders"].count():
        return Made(frame, profile)
    return Made(
        frame, profile, unavailable=dict.fromkeys(("orders", "sum_ln", "sum_ln2"), none_left(source, set_aside))
    )
