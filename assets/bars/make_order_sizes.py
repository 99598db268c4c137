"""Makes one day of order_sizes by summing trades or by reading the delivered table, and sets aside rows that cannot be used.

This module combines sums, verdicts and the delivered file. It does not sum ticks (sums.py) or compare delivered sizes with the
day's amounts (assets/delivered_bars/sizes.py).
"""

import datetime as dt

import polars as pl

from assets.bars.reasons import NEGATIVE_ORDERS, NEGATIVE_VARIANCE, SUM_NOT_FINITE, none_left
from assets.bars.schemas import ORDER_SIZES
from assets.bars.sums import order_size_sums
from assets.delivered_bars.sizes import judged_against_amounts
from assets.tape_health.reasons import NEITHER_NOR_FILE, NO_TRADES
from assets.tape_health.verdicts import SET_ASIDE
from resources.errors import InputError
from resources.made import Made
from resources.partition import Frames, Partition
from resources.reasons import FILE_BECAUSE, Nested, Reason, first_reasons
from resources.reference_forms import VALUE_MISSING
from resources.settings.bars import BarsSettings
from resources.values import CELL_AS_DELIVERED, put, read_column, shown

_SQUARES_SLACK = 1e-9  # relative to (Σ ln amount)², for rounded sums of equal amounts, which have no variance


def make_order_sizes(frames: Frames, partition: Partition, settings: BarsSettings) -> Made:
    """Make order_sizes: per symbol the number of orders with a fill, Σ ln amount and Σ (ln amount)² in yuan (SPEC §3).

    Buy and sell orders are pooled. frames: `trades` is in the lake's order. On a day without ticks the delivered table is read. A
    symbol that tape_health set aside has null sums, because the orders of an incomplete day would bias the thresholds of the next
    20 days.

    Raises:
        InputError: if the delivered table lacks a column or no cell of a column can be read.
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
        raise InputError(f"{name} lacks the column {', '.join(lacking)}. Deliver the table in the schema of SPEC §2.2.")
    frame, bad = _read_sizes(landed, date, name)
    amounts = tape_health.select("symbol", amount=pl.coalesce("amount", "reference_amount")).collect()
    frame, bad = judged_against_amounts(frame, bad, amounts, name, settings)
    return _judged_sizes(frame, bad, name)


def _read_sizes(landed: pl.DataFrame, date: dt.date, name: str) -> tuple[pl.DataFrame, pl.Series]:
    """Return the delivered sums in the schema ORDER_SIZES and, per row, the reason (`Reason.dumps`) why they cannot be used, or
    null.

    A row with a reason has null sums. Raises InputError where no cell of a column can be read.
    """

    def of_file(cause: pl.Expr) -> pl.Expr:
        return FILE_BECAUSE.column(file=pl.lit(name), cause=Nested(cause))

    columns = ("orders", "sum_ln", "sum_ln2")
    frame = landed.select(pl.lit(date).alias("date"), pl.col("symbol").cast(pl.String))
    reasons = pl.Series("reason", [None] * landed.height, pl.String)
    for column in columns:
        cells = landed[column]
        read = read_column(cells, ORDER_SIZES[column])
        why = read.reasons.cast(pl.String)
        if read.faulty and why.null_count() == 0 and cells.dtype != ORDER_SIZES[column]:
            first = CELL_AS_DELIVERED(column=column, cell=shown(cells.to_list()[0]), cause=Reason.loads(why[0]))
            raise InputError(
                f"{name}: {first}, and no other of its {landed.height} rows can be read either. Deliver the table in the schema of "
                "SPEC §2.2."
            )
        frame = frame.with_columns(read.values.alias(column))
        faulty = why.is_not_null() & reasons.is_null()
        bad = pl.DataFrame(
            {"cell": [shown(cell) for cell in cells.filter(faulty).to_list()], "why": why.filter(faulty)}
        )
        cause = CELL_AS_DELIVERED.column(
            column=pl.lit(column), cell=pl.col("cell").cast(pl.String), cause=Nested("why")
        )
        reasons = put(reasons, faulty, bad.select(of_file(cause)).to_series())
    squares = pl.col("sum_ln2") * pl.col("orders")
    sums = ("sum_ln", "sum_ln2")
    rules = [
        *(
            (
                ~pl.col(column).is_finite(),
                of_file(SUM_NOT_FINITE.column(column=pl.lit(column), value=pl.col(column).cast(pl.String))),
            )
            for column in sums
        ),
        *(
            (
                pl.col(column).is_null() & (pl.col("orders") > 0),
                of_file(VALUE_MISSING.column(column=pl.lit(column))),
            )
            for column in sums
        ),
        (pl.col("orders") < 0, of_file(NEGATIVE_ORDERS.column(orders="orders"))),
        (
            squares < pl.col("sum_ln") ** 2 * (1 - _SQUARES_SLACK),
            of_file(NEGATIVE_VARIANCE.column(orders="orders", sum_ln="sum_ln", sum_ln2="sum_ln2")),
        ),
    ]
    reasons = reasons.zip_with(reasons.is_not_null(), first_reasons(frame, rules))
    frame = frame.with_columns(pl.when(reasons.is_null()).then(column).alias(column) for column in columns)
    return frame.select(pl.col(column).cast(dtype) for column, dtype in ORDER_SIZES.items()), reasons


def _judged_sizes(frame: pl.DataFrame, set_aside: pl.Series, source: str) -> Made:
    """Return the frame with its profile. set_aside: the reason or null, per row. source: the file or folder, for messages."""
    profile = frame.with_columns(set_aside=set_aside.is_not_null().cast(pl.Int64), detail=set_aside)
    if frame["orders"].count():
        return Made(frame, profile)
    return Made(
        frame, profile, unavailable=dict.fromkeys(("orders", "sum_ln", "sum_ln2"), none_left(source, set_aside))
    )
