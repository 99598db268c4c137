"""Makes one day of indices: the published weights with their date, the index closes, and the profile that the checks judge.

This module combines the rules of rows (validate.py) and the findings about indices (diagnosis.py, index_moves.py).
"""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from assets.catalogue import PORTFOLIOS
from assets.reference.diagnosis import equal_weights, index_gaps, members_lost, members_without_prices, strange_days
from assets.reference.index_moves import StrayIndices, stray_indices
from assets.reference.reasons import (
    INDICES_LACKING,
    NO_ROW_OF_DAY,
    NO_VECTOR_YET,
    NO_WEIGHTS_YET,
    NOT_DELIVERED,
    VECTOR_AGE,
    WEIGHTS_ARE_FRACTIONS,
    WEIGHTS_ARE_PERCENT,
    WEIGHTS_SUM,
)
from assets.reference.schemas import INDICES
from assets.reference.set_aside import faults_of, side_file, unusable_tables
from assets.reference.validate import Sifted, sift_index_prices, sift_index_weights, with_closes_missing
from resources.calendar import Calendar
from resources.gate import DETAIL
from resources.made import Made
from resources.partition import Frames, Partition
from resources.reasons import Reason
from resources.rulebook import Rulebook
from resources.settings.reference import ReferenceSettings

CODES_SHOWN = 10  # codes of indices listed in a message
_FOLLOWED = tuple(one.index for one in PORTFOLIOS)


def make_indices(frames: Frames, partition: Partition, settings: ReferenceSettings) -> Made:
    """Make the latest published weights of each index with its close of the day.

    An index of which only the close is known has one row with null symbol and weight. Faults are reported in the profile and in
    set_aside.parquet, never raised.
    """
    date, calendar, rules = partition.date, partition.calendar, partition.rules
    landing: Any = partition.landing
    reasons: dict[str, Reason] = {}
    sifted: dict[str, Sifted] = {}
    weights = _latest_weights(landing, sifted, reasons, rules)
    closes = pl.DataFrame(schema={"index": pl.String, "index_close": pl.Float64})
    earlier = closes.rename({"index_close": "previous"})
    codes: dict[str, Sequence[str]] = {}
    gaps: list[pl.DataFrame] = []
    vectors = pl.DataFrame(schema={"index": pl.String, "date": pl.Date, "symbol": pl.String, "weight": pl.Float64})
    prices = landing.reference("index_prices")
    if "index_weights" in sifted:
        codes["index_weights"] = sifted["index_weights"].usable["index"].unique().sort().to_list()
        followed = pl.col("index").is_in(_FOLLOWED)
        vectors = (
            landing.reference("index_weights").filter(followed).select("index", "date", "symbol", "weight").collect()
        )
        if weights.is_empty():
            reasons |= dict.fromkeys(("symbol", "weight", "published_date"), NO_VECTOR_YET(date=date))
    if prices is None:
        reasons["index_close"] = NOT_DELIVERED(table="index_prices")
    else:
        sifted["index_prices"] = sift_index_prices(prices.filter(pl.col("date") == date).collect())
        closes = sifted["index_prices"].usable.select("index", index_close="close")
        if closes.is_empty():
            reasons["index_close"] = NO_ROW_OF_DAY(table="index_prices", date=date)
        codes["index_prices"] = prices.select(pl.col("index").drop_nulls().unique().sort()).collect()["index"].to_list()
        before = prices.filter(pl.col("date") == calendar.previous_day(date)).collect()
        earlier = sift_index_prices(before).usable.select("index", previous="close")
        if closes.height:
            sifted["index_prices"] = with_closes_missing(sifted["index_prices"], earlier, date)
        gaps.append(strange_days(prices.select("date").collect()["date"], date, calendar))
    moved = closes.join(earlier, on="index", how="inner", maintain_order="left")
    traded = frames["daily_prices"].select("symbol", "pre_close", "close").collect()
    stray = _stray_indices(date, landing, calendar, settings)
    gaps += [stray.findings, index_gaps(weights, moved, traded, settings)]  # the likelier cause first
    frame = weights.join(closes, on="index", how="full", coalesce=True).with_columns(date=pl.lit(date))
    frame = frame.select(*INDICES).sort("index", "symbol", nulls_last=True)
    summary = frame.group_by("index", maintain_order=True).agg(
        weight_sum=pl.col("weight").sum(), members=pl.col("symbol").count(), published=pl.col("published_date").first()
    )
    files, notes = side_file(sifted)
    for index, weight_sum, members, published in summary.iter_rows():
        if members:
            notes[index] = {"weight_sum": weight_sum, "members": members, "published": str(published)}
        else:
            notes[index] = {"members": 0, "reason": reasons.get("weight", NO_WEIGHTS_YET()).to_json()}
    if stray.unknown:
        notes["moves_not_judged"] = {index: reason.to_json() for index, reason in stray.unknown.items()}
    percent = landing.declared("index_weights").get("landing.indices.weight_unit") == "percent"
    findings = [
        members_lost(vectors.drop_nulls(), traded["symbol"].to_list(), settings),
        members_without_prices(weights, _lately_priced(date, landing, calendar, settings), _FOLLOWED),
        equal_weights(weights, _FOLLOWED, settings),
        *_vectors_judged(frame, percent),
    ]
    profile = pl.concat(
        [
            _indices_profile(frame, sifted, pl.concat([*gaps, *findings], how="diagonal"), settings),
            _strange_indices(date, codes, settings),
        ],
        how="diagonal",
    )
    return Made(frame, profile, files, reasons, notes)


def _stray_indices(date: dt.date, landing: Any, calendar: Calendar, settings: ReferenceSettings) -> StrayIndices:
    """Return the findings on the closes over the last `reference.index_days` trading days, from data known by the day."""
    weights, closes, prices = (landing.reference(name) for name in ("index_weights", "index_prices", "daily_prices"))
    if weights is None or closes is None or prices is None:
        return StrayIndices(pl.DataFrame(schema={"index": pl.String, "index_off": pl.Int64, "detail": pl.String}), {})
    first = calendar.offset(date, -min(settings.index_days, calendar.index(date)))
    days = calendar.days(first, date)
    before = pl.col("date").filter(pl.col("date") <= first).max().over("index")
    vectors = (
        weights.filter(pl.col("date") >= before.fill_null(first)).select("index", "date", "symbol", "weight").collect()
    )
    closes = sift_index_prices(closes.filter(pl.col("date") >= first).collect()).usable
    history = prices.collect()  # a slice of the landing zone's frame: nothing is copied
    since = min(vectors["date"].min() or date, first)
    moved = history[history["date"].search_sorted(since, side="right") :].filter(pl.col("volume") > 0)
    return stray_indices(vectors, closes, moved, days, settings)


def _lately_priced(date: dt.date, landing: Any, calendar: Calendar, settings: ReferenceSettings) -> list[str]:
    """Return the symbols that daily_prices had within the last `reference.index_days` trading days."""
    prices = landing.reference("daily_prices")
    if prices is None:
        return []
    history = prices.collect()  # a slice of the landing zone's frame: nothing is copied
    first = calendar.offset(date, -min(settings.index_days, calendar.index(date)))
    return history[history["date"].search_sorted(first, side="left") :]["symbol"].drop_nulls().unique().to_list()


def _latest_weights(
    landing: Any, sifted: dict[str, Sifted], reasons: dict[str, Reason], rules: Rulebook
) -> pl.DataFrame:
    """Return index, symbol, weight, published_date of the last vector of each index."""
    delivered = landing.reference("index_weights")
    if delivered is None:
        reasons |= dict.fromkeys(("symbol", "weight", "published_date"), NOT_DELIVERED(table="index_weights"))
        return pl.DataFrame(
            schema={"index": pl.String, "symbol": pl.String, "weight": pl.Float64, "published_date": pl.Date}
        )
    last = delivered.filter(pl.col("date") == pl.col("date").max().over("index")).collect()
    sifted["index_weights"] = sift_index_weights(last, rules, _FOLLOWED)
    return sifted["index_weights"].usable.select("index", "symbol", "weight", published_date="date")


def _indices_profile(
    frame: pl.DataFrame, sifted: Mapping[str, Sifted], gaps: pl.DataFrame, settings: ReferenceSettings
) -> pl.DataFrame:
    """Return the rows that the checks judge: those of the table, faults, unusable tables, and `gaps`, the findings per index."""
    kept = frame.with_columns(
        set_aside=pl.lit(0, pl.Int64),
        reason=pl.lit("used"),
    )
    faults = pl.concat(
        [faults_of(sifted), unusable_tables(sifted, settings), gaps.with_columns(reason=pl.lit("used"))], how="diagonal"
    ).with_columns(set_aside=pl.int_range(1, pl.len() + 1, dtype=pl.Int64))
    return pl.concat([kept, faults], how="diagonal")


def _vectors_judged(frame: pl.DataFrame, percent: bool) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (index, weight_sum, detail) and (index, weight_age in days, detail), one row of each per index with weights.

    percent: whether the settings declare weights in percent.
    """
    vectors = frame.filter(pl.col("weight").is_not_null()).group_by("index", maintain_order=True)
    summary = vectors.agg(
        weight_sum=pl.col("weight").sum(),
        weight_age=(pl.col("date") - pl.col("published_date")).dt.total_days().max(),
        _members=pl.len(),
        _published=pl.col("published_date").first().cast(pl.String),
    )
    total = pl.col("weight_sum")
    facts: dict[str, pl.Expr | str] = {
        "members": "_members",
        "index": "index",
        "date": "_published",
        "sum": total.round(6),
    }
    if percent:
        other, code = total.is_between(0.0099, 0.0101), WEIGHTS_ARE_FRACTIONS
    else:
        other, code = total.is_between(99, 101), WEIGHTS_ARE_PERCENT
    detail = pl.when(other).then(code.column(**facts)).otherwise(WEIGHTS_SUM.column(**facts))
    sums = summary.select("index", "weight_sum", detail=detail)
    ages = summary.select(
        "index", "weight_age", detail=VECTOR_AGE.column(index="index", date="_published", days="weight_age")
    )
    return sums, ages


def _strange_indices(date: dt.date, found: Mapping[str, Sequence[str]], settings: ReferenceSettings) -> pl.DataFrame:
    """Return one row per index table that lacks an index that a portfolio follows and has a code that may mean it.

    found: table → its codes up to the day. A table without such a code, such as one with only the CSI 300 before the others were
    published, is no fault: figures that need the followed index are n/a until its first vector. Where a table has one of the followed
    indices, any code that is not in `reference.other_indices` may mean the other.
    """
    known = {*_FOLLOWED, *settings.other_indices, *settings.total_return_indices.values()}
    lacking = {table: sorted({*_FOLLOWED} - {*codes}) for table, codes in found.items()}
    rows = [
        (
            date,
            f"reference/{table}",
            0,
            INDICES_LACKING(
                table=table,
                codes=[*codes[:CODES_SHOWN], *(["…"] if len(codes) > CODES_SHOWN else [])],
                date=date,
                lacking=lacking[table],
            ).dumps(),
        )
        for table, codes in found.items()
        if any(_may_mean(code, lacking[table]) for code in codes)
        or (0 < len(lacking[table]) < len(PORTFOLIOS) and not known.issuperset(codes))
    ]
    schema = {"date": pl.Date, "index": pl.String, "followed_indices": pl.Int64, DETAIL: pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _may_mean(code: str, wanted: Sequence[str]) -> bool:
    """Return whether a code may mean one of the wanted indices.

    It may where its last three digits are those of the index, or where it is neither a code of six digits nor that of a total-return
    index (H00905.CSI).

    >>> [_may_mean(code, ["000905.SH"]) for code in ("399905.SZ", "CSI500", "000300.SH", "H00905.CSI")]
    [True, True, False, False]
    """
    if re.match(r"H\d{5}\.", code):
        return False
    digits = re.findall(r"\d{6}", code)
    return bool(wanted) and (len(digits) != 1 or any(digits[0][3:] == index[3:6] for index in wanted))
