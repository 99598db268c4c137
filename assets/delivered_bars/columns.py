"""Finds columns of delivered bars that hold running totals, longer bars spread over minutes, or flows in another unit.

This module compares the values of a column over the day, and flows with amount and volume, for each stock and for the file. It does
not judge which minutes occur or compare totals with daily_prices (diagnosis.py), and it does not hold the rules of a single row
(rows.py).

None of these faults is visible in one row. The probability that n different values of single minutes increase through the day by
chance is 1 / n!. Adjacent minutes of a correct file sometimes have equal volumes, but never in nearly every block of the day. All
trades of continuous trading are active buys or sells, so that the sum of both flows is the amount.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from assets.delivered_bars.diagnosis import FileFinding
from assets.delivered_bars.reasons import (
    AMOUNT_IN_LARGER_UNIT,
    CUMULATIVE_COLUMN,
    CUMULATIVE_COLUMNS_OF_STOCK,
    FLOW_UNIT,
    FLOW_UNIT_OF_STOCK,
    FLOWS_ARE_COUNTS,
    FLOWS_IN_ANOTHER_UNIT,
    FLOWS_IN_LARGER_UNIT,
    SPREAD_BARS,
    SPREAD_BARS_OF_STOCK,
)
from resources import clock
from resources.reasons import Nested, Reason
from resources.reference_forms import LOT
from resources.settings.bars import BarsSettings
from resources.units import power_of_ten

_SPREAD = ("volume", "amount", "trades")
_WIDTHS = (
    30,
    15,
    10,
    5,
    3,
    2,
)  # minutes, the longest first, because bars of 10 minutes that are spread also look like bars of 5
_BLOCK_UNITS = 10  # units that a minute of a block must have on average; with fewer, rounding makes minutes equal
_SIDES, _PARTS = "buy_amount + sell_amount", ("buy_amount", "sell_amount", "large_buy_amount", "large_sell_amount")
_USUAL_PART = 0.4  # usual fraction of amount, for its order of magnitude
_MOST = 1.5  # largest accepted fraction of amount; the true one is at most 1
_FEWEST_COMPARED = 5  # fewest stocks for which the dispersions of two ratios are compared
_FAULTS = {"symbol": pl.String, "fault": pl.String}


@dataclass(frozen=True)
class Columns:
    """The faults of columns. faults: symbol and fault (a reason) of the stocks set aside. findings: about the file as a whole."""

    faults: pl.DataFrame
    findings: list[FileFinding]


def judge_columns(rows: pl.DataFrame, settings: BarsSettings) -> Columns:
    """Find the faults of the columns of a day's file.

    rows: symbol, minute and the columns of counts and flows that were delivered, as resources/bar_forms.read_bars reads them. A stock
    with too few values is not judged. A fault of more than half of the judged stocks is a finding about the file.
    """
    day = rows.filter(pl.col("symbol").is_not_null() & pl.col("minute").is_not_null()).sort("symbol", "minute")
    given = [name for name in (*_SPREAD, *_PARTS) if name in day.columns]
    totals, cumulative = _cumulative(day, given, settings)
    single = [name for name in given if name not in cumulative]
    parts = [totals, _spread(day, single, settings), _flows(day, single, settings)]
    faults = pl.concat(part.faults for part in parts).unique("symbol", keep="first", maintain_order=True)
    return Columns(faults.sort("symbol"), [finding for part in parts for finding in part.findings])


def of_most(names: int, judged: int) -> bool:
    """Return whether more than half of the judged stocks have a fault, so that it is a fault of the file."""
    return judged > 1 and 2 * names > judged


# --- running totals -------------------------------------------------------------------------------------------------------


def _cumulative(day: pl.DataFrame, given: Sequence[str], settings: BarsSettings) -> tuple[Columns, list[str]]:
    """Find columns that never fall in the morning or in the afternoon; they may restart after the break.

    Returns the faults, and the columns that are cumulative in the file as a whole.
    """
    cumulative, findings, columns = [], [], []
    for name in given:
        values = day.select(
            "symbol", afternoon=pl.col("minute") >= clock.AFTERNOON, value=pl.col(name).cast(pl.Float64)
        ).filter(pl.col("value") > 0)
        step = pl.col("value").diff().over("symbol", "afternoon")
        by_name = (
            values.with_columns(step=step)
            .group_by("symbol", maintain_order=True)
            .agg(count=pl.len(), rises=(pl.col("step") > 0).sum(), falls=(pl.col("step") < 0).sum())
            .filter(pl.col("count") > settings.least_cumulative_rises)
        )
        rising = by_name.filter((pl.col("falls") == 0) & (pl.col("rises") >= settings.least_cumulative_rises))
        cumulative.append(rising.select("symbol", column=pl.lit(name)))
        if of_most(rising.height, by_name.height):
            columns.append(name)
            reason = CUMULATIVE_COLUMN(column=name, count=rising.height, stocks=by_name.height)
            findings.append(FileFinding(reason, True))
    both = pl.concat(cumulative or [pl.DataFrame(schema={"symbol": pl.String, "column": pl.String})])
    faults = both.group_by("symbol", maintain_order=True).agg("column")
    faults = faults.select("symbol", fault=CUMULATIVE_COLUMNS_OF_STOCK.column(columns="column"))
    return Columns(faults, findings), columns


# --- longer bars spread over minutes ----------------------------------------------------------------------------------------


def _spread(day: pl.DataFrame, given: Sequence[str], settings: BarsSettings) -> Columns:
    """Find volumes that are divided alike in nearly every block of k minutes, as if bars of k minutes were divided by k."""
    place = pl.DataFrame(
        {"minute": clock.GRID, "place": range(len(clock.GRID))}, schema={"minute": pl.Int32, "place": pl.Int64}
    )
    names = day.select(pl.col("symbol").unique(maintain_order=True)).with_row_index("row")
    inner = day.join(place, on="minute", how="inner", maintain_order="left").join(
        names, on="symbol", maintain_order="left"
    )
    counts = {name: inner[name].count() for name in _SPREAD if name in given}
    # A volume that division made fractional cannot be read; an amount can.
    name = next((one for one in counts if 2 * counts[one] > max(counts.values())), None)
    faults = pl.DataFrame(schema=_FAULTS)
    if name is None:
        return Columns(faults, [])
    known = inner.filter(pl.col(name).is_not_null())
    values = np.zeros((names.height, len(clock.GRID)))
    values[known["row"].to_numpy(), known["place"].to_numpy()] = known[name].cast(pl.Float64).to_numpy()
    for width in _WIDTHS:
        judged, alike = _parted_alike(values, width, _unit(name, known[name]), settings)
        fault = SPREAD_BARS_OF_STOCK(column=name, width=width).dumps()
        who = names.filter(pl.Series(alike)).select("symbol", fault=pl.lit(fault))
        faults = pl.concat([faults, who]).unique("symbol", keep="first", maintain_order=True)
        count, stocks = int(alike.sum()), int(judged.sum())
        if of_most(count, stocks):
            reason = SPREAD_BARS(column=name, count=count, stocks=stocks, width=width)
            return Columns(faults, [FileFinding(reason, True)])
    return Columns(faults, [])


def _unit(name: str, values: pl.Series) -> float:
    """Return the unit to which a column is rounded: a lot if every volume is a multiple of it, else 1."""
    return float(LOT) if name == "volume" and (values % LOT == 0).all() else 1.0


def _parted_alike(values: np.ndarray, width: int, unit: float, settings: BarsSettings) -> tuple[np.ndarray, np.ndarray]:
    """Return per stock whether it is judged and whether its blocks are divided alike. values: [stocks, minutes of the grid].

    A block is judged if its minutes have `_BLOCK_UNITS` units on average, and a stock if its judged blocks have
    `bars.least_spread_minutes` free minutes. A block is divided alike if all its minutes but one (which may have the remainder of
    a division; of two minutes, both) traded and have the stock's usual share of the block, or an equal share, within a unit.
    """
    noon = clock.GRID.index(clock.AFTERNOON)
    halves = [half[:, : half.shape[1] // width * width] for half in (values[:, :noon], values[:, noon:])]
    blocks = np.concatenate([half.reshape(len(values), -1, width) for half in halves], axis=1)  # (names, blocks, k)
    whole = blocks.sum(axis=2, keepdims=True)
    counts = whole[..., 0] >= _BLOCK_UNITS * unit * width
    shares = np.divide(blocks, whole, out=np.full(blocks.shape, np.nan), where=whole > 0)
    shares[~counts] = np.nan
    enough = counts.sum(axis=1) * (width - 1) >= settings.least_spread_minutes
    usual = np.zeros((len(values), 1, width))
    if enough.any():
        usual[enough, 0] = np.nanmedian(shares[enough], axis=1)
    alike = np.zeros(counts.shape, bool)
    for share in (usual, np.full_like(usual, 1 / width)):
        near = (np.abs(blocks - share * whole) <= unit * (1 + 1e-9)) & (blocks > 0)
        alike |= near.sum(axis=2) >= max(2, width - 1)
    share_alike = (alike & counts).sum(axis=1) / np.maximum(counts.sum(axis=1), 1)
    return enough, enough & (share_alike >= settings.spread_block_share)


# --- flows in another unit ------------------------------------------------------------------------------------------------


def _flows(day: pl.DataFrame, given: Sequence[str], settings: BarsSettings) -> Columns:
    """Find flows that by their order of magnitude are not parts of the amount, over the minutes of continuous trading."""
    faults: list[pl.DataFrame] = [pl.DataFrame(schema=_FAULTS)]
    findings: list[FileFinding] = []
    inner = day.filter(pl.col("minute").is_in(clock.GRID))
    if {"buy_amount", "sell_amount"} <= {*given}:
        inner = inner.with_columns((pl.col("buy_amount") + pl.col("sell_amount")).alias(_SIDES))
    for flow in (_SIDES, *_PARTS):
        if "amount" not in given or flow not in inner.columns or (flow in _PARTS[:2] and findings):
            continue
        ratios = _ratios(inner, flow)
        counts = (pl.col("money") < settings.min_flow_share) & _of_counts(settings)
        odd = (pl.col("money") > _MOST) | (
            pl.lit(flow == _SIDES) & ((power_of_ten(pl.col("money"), settings.unit_tolerance) != 0) | counts)
        )
        cause = pl.when(counts.fill_null(False)).then(pl.lit(FLOWS_ARE_COUNTS().dumps()))
        fault = FLOW_UNIT_OF_STOCK.column(
            flow=pl.lit(flow),
            ratio=pl.col("money").round_sig_figs(3),
            cause=Nested(cause.otherwise(pl.lit(FLOWS_IN_ANOTHER_UNIT().dumps()))),
        )
        faults.append(ratios.filter(odd.fill_null(False)).select("symbol", fault=fault))
        median = _median(ratios)
        least = settings.min_flow_share if flow == _SIDES else settings.min_part_share
        if ratios.height > 1 and not least <= median <= _MOST:
            cause_of_file = _flow_cause(flow, ratios, settings)
            reason = FLOW_UNIT(flow=flow, ratio=median, stocks=ratios.height, cause=cause_of_file)
            findings.append(FileFinding(reason, True))
    return Columns(pl.concat(faults), findings)


def _ratios(inner: pl.DataFrame, flow: str) -> pl.DataFrame:
    """Return symbol, money and shares: the flow over amount and over volume, of the minutes with both; only stocks with a flow."""
    volume = pl.col("volume") if "volume" in inner.columns else pl.lit(None, pl.Float64)
    sums = (
        inner.filter(pl.col(flow).is_not_null() & pl.col("amount").is_not_null())
        .group_by("symbol", maintain_order=True)
        .agg(pl.col(flow).sum(), amount=pl.col("amount").sum(), volume=volume.cast(pl.Float64).sum())
    )
    return sums.filter((pl.col(flow) > 0) & (pl.col("amount") > 0)).select(
        "symbol",
        money=pl.col(flow) / pl.col("amount"),
        shares=pl.when(pl.col("volume") > 0).then(pl.col(flow) / pl.col("volume")),
    )


def _median(ratios: pl.DataFrame) -> float:
    return float(np.median(ratios["money"].to_numpy())) if ratios.height else math.nan


def _of_counts(settings: BarsSettings) -> pl.Expr:
    """Return whether the flow is the volume in shares or in lots."""
    slack = 1 + settings.unit_tolerance
    return pl.any_horizontal(pl.col("shares").is_between(unit / slack, unit * slack) for unit in (1.0, 1 / LOT))


def _flow_cause(flow: str, ratios: pl.DataFrame, settings: BarsSettings) -> Reason:
    """Return the likely cause. If flows are numbers of shares, their ratio to volume is similar for all stocks, at any price."""
    logarithms = ratios.select(pl.col("shares", "money").log()).drop_nulls()
    shares, money = (logarithms[column].to_numpy() for column in ("shares", "money"))
    if len(shares) >= _FEWEST_COMPARED and shares.std() < money.std() / 2:
        return FLOWS_ARE_COUNTS()
    power = round(math.log10(_median(ratios) / (1.0 if flow == _SIDES else _USUAL_PART)))
    if power > 0:
        return AMOUNT_IN_LARGER_UNIT(power=power)
    return FLOWS_IN_LARGER_UNIT(yuan=10**-power) if power in (-3, -4) else FLOWS_IN_ANOTHER_UNIT()
