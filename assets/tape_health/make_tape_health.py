"""Makes one day of tape_health: the inputs, the symbols, and the findings about the day as a whole.

This module combines measures, references, channels and delivered bars, and makes the side files that minute_bars reads and the
profile that the checks read. It does not measure tapes (align_tapes.py) or make the verdict of a symbol (verdicts.py).
"""

import datetime as dt
import io
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import polars as pl

from assets.delivered_bars.columns import judge_columns
from assets.delivered_bars.diagnosis import FileFinding, clock_times, diagnose_file, measure_names, minutes_of
from assets.delivered_bars.figures import judge_figures
from assets.delivered_bars.name_minutes import judge_minutes
from assets.delivered_bars.rows import delivered_bars
from assets.delivered_bars.straight_lines import judge_lines
from assets.tape_health import reasons
from assets.tape_health.align_tapes import TAPE, Measured, measure_tapes
from assets.tape_health.channels import CHANNELS, missing_numbers
from assets.tape_health.rebuilt_orders import FAULTS as ORDER_FAULTS
from assets.tape_health.rebuilt_orders import count_order_faults
from assets.tape_health.replay import replay_day
from assets.tape_health.schemas import TAPE_HEALTH
from assets.tape_health.tape_ends import ENDED, judge_ends, proves
from assets.tape_health.verdicts import (
    MISSING,
    OK,
    REPAIRED,
    SET_ASIDE,
    WITH,
    WITHOUT,
    clock_text,
    has_swept_levels,
    judge_bars,
    judge_ticks,
    levels_contradict_trades,
    reason_of_levels,
    sides_agree_with_prices,
    sides_contradict_prices,
)
from assets.ticks.day_of_files import ENDS, SYMBOLS
from assets.ticks.numbers import NUMBERS
from resources import clock
from resources.errors import NotReadyError
from resources.landing import LandingView
from resources.made import Made
from resources.parquet import encode
from resources.partition import Files, Frames, Partition
from resources.reasons import Nested, Reason, counted_reasons, joined
from resources.rounding import Rounding, file_rounding, rounded_rows, rounding_of
from resources.rulebook import Rulebook
from resources.settings.bars import BarsSettings

FINAL = {
    "symbol": pl.String,
    "quoted_volume": pl.Int64,
    "quoted_pre_close": pl.Float64,
    "quoted_limit_up": pl.Float64,
    "quoted_limit_down": pl.Float64,
    "booked": pl.Boolean,
}
"""final_quotes.parquet: the last cumulative volume (shares) and the prices (yuan) of a symbol's snapshots, and whether any snapshot of
continuous trading shows an order."""
PROFILE = {
    "symbol": pl.String,  # null in the rows about the day and its channels
    "set_aside": pl.Int64,
    "unpriced": pl.Int64,  # whether it traded without a row of daily_prices
    "contradicts_day": pl.Int64,  # whether bars that are proven complete have other prices than daily_prices
    "orders_aside": pl.Int64,
    "mirrored": pl.Int64,  # 1 for an exchange whose trades have buyers and sellers exchanged
    "levels_contradicted": pl.Int64,  # of an exchange whose books show other volumes than the trades took of them
    "orders_absent": pl.Int64,  # 1 for an exchange whose orders were not delivered, although the other's were
    "uncompared": pl.Int64,
    "misaligned_quotes": pl.Int64,
    "outside_limits": pl.Int64,
    "book_mismatches": pl.Int64,
    "too_many_set_aside": pl.Int64,
    "too_many_contradicted": pl.Int64,
    "too_few_covered": pl.Int64,
    "too_many_uncovered": pl.Int64,
    "misread": pl.Int64,  # findings about the file as a whole that refuse the day (assets/delivered_bars/diagnosis.py)
    "missing_numbers": pl.Int64,
    "stops_early": pl.Int64,
    "cut_off": pl.Int64,
    "too_many_missing": pl.Int64,
    "day_not_delivered": pl.Int64,  # 1 for a day without trades and without bars
    "detail": pl.String,
}
"""One row per symbol, one for the day and one per channel that lacks numbers; a measure that does not apply to a row is null."""
_SAME_PRICE = 1e-6  # yuan
_LISTED = 20  # symbols that a reason lists


def make_tape_health(frames: Frames, partition: Partition, settings: BarsSettings) -> Made:
    """Make tape_health: one row per symbol that was delivered, as ticks or as bars, or that should have traded; schema TAPE_HEALTH.

    For ticks, the side files are final_quotes.parquet (FINAL), channels.parquet (CHANNELS) and the rows of trades and quotes that
    minute_bars repairs: stamps.parquet (align_tapes.STAMPS) and faults.parquet (align_tapes.FAULTS).
    """
    date, landing, files = partition.date, partition.landing, partition.files
    tapes = {name: frames[name] for name in ("trades", "orders", "quotes")}
    columns = ("pre_close", "open", "high", "low", "close", "volume", "amount")
    prices = frames["daily_prices"].select("symbol", **{f"daily_{name}": name for name in columns}).collect()
    daily = prices.select("symbol", "daily_volume", "daily_amount")
    sides = {name: _side(files, name, date, rows) for name, rows in tapes.items()}
    landed = None if _holds_rows(tapes["trades"]) or sides["trades"].height else landing.bars()
    if landed is None and any(side.height for side in sides.values()):
        return _of_ticks(frames, partition, settings, daily, sides)
    if landed is None:
        why = partition.unavailable.get("trades", {}).get("price", reasons.NO_TRADES())
        neither = reasons.NEITHER_NOR_FILE(cause=why, file=f"bars/{date:%Y%m%d}.parquet")
        unjudged = [name for name in PROFILE if name not in TAPE_HEALTH and name not in ("day_not_delivered", "detail")]
        gone = dict.fromkeys([*TAPE_HEALTH, *unjudged], neither)
        return Made(pl.DataFrame(schema=TAPE_HEALTH), _day_without_minutes(neither, daily), unavailable=gone)
    name = f"bars/{landing.bars_path().name}"
    limits = _limits(frames["securities"].collect()) | _delivered_limits(landing)
    return _of_bars(date, name, landed, prices, limits, landing, settings, partition.rules)


def _of_ticks(
    frames: Frames,
    partition: Partition,
    settings: BarsSettings,
    daily: pl.DataFrame,
    sides: Mapping[str, pl.DataFrame],
) -> Made:
    date, landing, files = partition.date, partition.landing, partition.files
    trades, orders, quotes = frames["trades"], frames["orders"], frames["quotes"]
    explicit, rule = _delivered_limits(landing), _limits(frames["securities"].collect())
    with ThreadPoolExecutor(max_workers=1) as second:  # the kernels release the interpreter's lock
        counting = second.submit(_order_faults, trades, orders, settings)
        measured = measure_tapes(trades, quotes, explicit, rule, settings)
        faulty = counting.result()
    numbers = {name: _numbers(files, name, date, rows) for name, rows in (("trades", trades), ("orders", orders))}
    channels = missing_numbers(numbers["trades"], numbers["orders"], settings)
    replayed = pl.DataFrame(schema={"symbol": pl.String, "book_mismatches": pl.Int64})
    if settings.replay_book:
        replayed = replay_day(trades, orders, quotes, settings.batch_rows).select(
            "symbol", book_mismatches="mismatches"
        )
    channels = _with_ends(channels, measured.channels)
    found = _found(measured, sides, daily, channels, faulty).join(replayed, on="symbol", how="left")
    judged = judge_ticks(
        found.with_columns(explicit=pl.col("symbol").is_in(list(explicit))), settings, _daily_rounding(daily, landing)
    )
    ends = {
        name: _read(files, name, date, "ends.parquet", ENDS, rows)
        for name, rows in (("trades", trades), ("quotes", quotes))
    }
    ended = judge_ends(ends["trades"], ends["quotes"], measured.channels, judged, settings)
    channels = _with_proofs(channels, measured.channels, judged, settings)
    frame = judged.with_columns(date=pl.lit(date), source=pl.lit("ticks"))
    unavailable = {} if settings.replay_book else {"book_mismatches": reasons.REPLAY_IS_OFF()}
    final = measured.book.select(
        "symbol",
        "quoted_volume",
        *(pl.col(f"quoted_{name}") / 10_000 for name in ("pre_close", "limit_up", "limit_down")),
        "booked",
    )
    beside = {
        "final_quotes.parquet": final.select(pl.col(name).cast(dtype) for name, dtype in FINAL.items()),
        "stamps.parquet": measured.stamps,
        "faults.parquet": measured.faults,
        "channels.parquet": channels,
    }
    return Made(
        frame.select(pl.col(name).cast(dtype) for name, dtype in TAPE_HEALTH.items()),
        _profile(frame, channels, settings, ended=ended),
        files={name: encode(side) for name, side in beside.items()},
        unavailable=unavailable,
        notes=_counts(frame)
        | {"whole_channels": channels["missing"].count(), "channels": channels.height}
        | ({"halted": halted} if (halted := _halts(ended)) else {}),
    )


def _of_bars(
    date: dt.date,
    name: str,
    landed: pl.DataFrame,
    daily: pl.DataFrame,
    limits: Mapping[str, tuple[float, float]],
    landing: LandingView,
    settings: BarsSettings,
    rules: Rulebook,
) -> Made:
    """limits: symbol → (limit_down, limit_up), yuan."""
    own = file_rounding(landed, landing)
    delivered = delivered_bars(landed, date, name, {}, rules, own)
    columns, lines = judge_columns(landed, settings), judge_lines(delivered.frame, settings)
    faults = pl.concat([columns.faults, lines.faults]).unique("symbol", keep="first", maintain_order=True)
    prices = daily.select("symbol", *(f"daily_{name}" for name in ("pre_close", "open", "high", "low", "close")))
    declared = landing.declared("bars")
    adjusted = declared.get("landing.bars.prices") == "adjusted"

    found = (
        _bar_sums(delivered.frame, own)
        .with_columns(delivered=pl.lit(True))
        .join(daily, on="symbol", how="full", coalesce=True)
        .filter(pl.col("delivered") | (pl.col("daily_volume") > 0))
        .with_columns(pl.col("delivered").fill_null(False))
        .join(_bad_rows(delivered.rejected, name), on="symbol", how="left")
        .join(
            faults, on="symbol", how="left"
        )  # the fault is the cause of the impossible rows, and takes precedence over them
        .with_columns(rejected=pl.coalesce("fault", "rejected"))
        .join(measure_names(delivered.frame, settings), on="symbol", how="left")
        .join(judge_minutes(delivered.frame, prices, own, settings, adjusted), on="symbol", how="left")
        .sort("symbol")
    )
    found = found.with_columns(after_hours=rules.board().is_in(list(rules.after_hours_boards())).fill_null(False))
    averaged = [exchange for exchange in ("SH", "SZ") if not rules.has_closing_auction(exchange)]
    judged = judge_bars(found, averaged, settings, own, _daily_rounding(daily, landing), declared).with_columns(
        date=pl.lit(date),
        source=pl.lit("bars"),
        rows_set_aside=pl.when("delivered").then(pl.col("rows_set_aside").fill_null(0)),
    )
    absent = [column for column in TAPE_HEALTH if column not in judged.columns]
    frame = judged.with_columns(pl.lit(None, TAPE_HEALTH[column]).alias(column) for column in absent)
    totals = frame.filter("delivered").select(
        "symbol",
        adds_up=(pl.col("volume_difference").abs() <= pl.col("volume_slack")) | pl.col("late_missing"),
        closes=(pl.col("last_close") - pl.col("daily_close")).abs() <= settings.price_tolerance + 1e-9,
        close="last_close",
    )
    totals = totals.with_columns(lock=pl.when(_at_limit(limits) & pl.col("closes")).then("close"))
    findings = [
        *diagnose_file(minutes_of(landed), totals, settings, declared),
        *columns.findings,
        *lines.findings,
        *judge_figures(landed, settings),
    ]
    notes = {finding.reason.code: finding.reason.to_json() for finding in findings if not finding.refuses}
    return Made(
        frame.select(pl.col(column).cast(dtype) for column, dtype in TAPE_HEALTH.items()),
        _profile(
            frame, pl.DataFrame(schema=CHANNELS | {"stops_at": pl.Int32, "proven": pl.Boolean}), settings, findings
        ),
        unavailable=dict.fromkeys(absent, reasons.BARS_HOLD_NO_TICKS(file=name)),
        notes=_counts(frame) | notes | _late_note(frame),
    )


def _bad_rows(rejected: pl.DataFrame, name: str) -> pl.DataFrame:
    """Return symbol, rejected (the reason of its bad rows of file `name`) and rows_set_aside (their number)."""
    first = rejected.group_by("symbol", maintain_order=True).agg(
        pl.first("minute", "reason"), time=clock_times("minute").first(), rows_set_aside=pl.len()
    )
    bad: dict[str, pl.Expr | Nested] = {
        "file": pl.lit(name),
        "time": pl.col("time"),
        "minute": pl.col("minute"),
        "cause": Nested("reason"),
    }
    return first.select(
        "symbol",
        rejected=pl.when(pl.col("rows_set_aside") == 1)
        .then(reasons.BAD_ROW.column(**bad))
        .otherwise(reasons.BAD_ROWS.column(count="rows_set_aside", **bad)),
        rows_set_aside="rows_set_aside",
    )


def _bar_sums(bars: pl.DataFrame, own: Rounding) -> pl.DataFrame:
    """Return one row per symbol: trades, volume and amount of its bars, late_volume and late_amount (after hours), rounded (how many
    rows may be rounded) and hides (whether minutes that traded may show nothing)."""

    def total(column: str) -> pl.Expr:  # the sum of no value is unknown, not 0
        return pl.when(pl.col(column).count() > 0).then(pl.col(column).sum())

    return bars.group_by("symbol").agg(
        *(total(column).alias(column) for column in ("trades", "volume", "amount")),
        *(
            pl.col(column).filter(pl.col("minute") == clock.AFTER_HOURS).sum().alias(f"late_{column}")
            for column in ("volume", "amount")
        ),
        rounded=rounded_rows(),
        hides=pl.lit(own.volume > 0) & (pl.col("amount").count() == 0) & (pl.col("trades").count() == 0),
    )


def _late_note(frame: pl.DataFrame) -> dict[str, Any]:
    """Return the day's note about trades after hours that daily_prices includes and the bars do not."""
    late = frame.filter("late_missing")
    if late.is_empty():
        return {}
    note = reasons.AFTER_HOURS_IN_DAILY_ALONE(stocks=late.height, volume=-late["volume_difference"].sum())
    return {"after_hours": note.to_json()}


def _daily_rounding(daily: pl.DataFrame, landing: LandingView) -> Rounding:
    return rounding_of(daily["daily_volume"], daily["daily_amount"], "daily_prices", landing.declared("daily_prices"))


# --- what is read ---------------------------------------------------------------------------------------------------------


def _holds_rows(rows: pl.LazyFrame) -> bool:
    return rows.select(pl.len()).collect().item() > 0


def _side(files: Files, table: str, date: dt.date, rows: pl.LazyFrame) -> pl.DataFrame:
    return _read(files, table, date, "symbols.parquet", SYMBOLS[table], rows)


def _numbers(files: Files, table: str, date: dt.date, rows: pl.LazyFrame) -> pl.DataFrame:
    return _read(files, table, date, "numbers.parquet", NUMBERS, rows)


def _read(
    files: Files, table: str, date: dt.date, name: str, schema: Mapping[str, Any], rows: pl.LazyFrame
) -> pl.DataFrame:
    """Read a side file; it is empty if the table is empty because nothing was delivered."""
    try:
        data = files(table, date, name)
    except NotReadyError:
        if _holds_rows(rows):
            raise
        return pl.DataFrame(schema=schema)
    return pl.read_parquet(io.BytesIO(data)).select(pl.col(column).cast(dtype) for column, dtype in schema.items())


def _delivered_limits(landing: LandingView) -> dict[str, tuple[float, float]]:
    """Return symbol → (limit_down, limit_up), in yuan, of the symbols for which daily_prices delivers both."""
    rows = landing.reference("daily_prices")
    return {} if rows is None else _limits(rows.filter(pl.col("date") == landing.date).collect())


def _limits(frame: pl.DataFrame) -> dict[str, tuple[float, float]]:
    known = frame.filter((pl.col("limit_down") > 0) & (pl.col("limit_up") > 0))
    return {symbol: (low, high) for symbol, low, high in known.select("symbol", "limit_down", "limit_up").iter_rows()}


def _at_limit(limits: Mapping[str, tuple[float, float]]) -> pl.Expr:
    """Return whether `close` (yuan) is one of the limit prices of `symbol`; null where they are unknown."""
    down, up = (
        pl.col("symbol").replace_strict(
            list(limits), [pair[end] for pair in limits.values()], default=None, return_dtype=pl.Float64
        )
        for end in (0, 1)
    )
    return ((pl.col("close") - down).abs() < _SAME_PRICE) | ((pl.col("close") - up).abs() < _SAME_PRICE)


def _order_faults(trades: pl.LazyFrame, orders: pl.LazyFrame, settings: BarsSettings) -> pl.DataFrame:
    if not _holds_rows(orders):
        return pl.DataFrame(schema=ORDER_FAULTS)
    return count_order_faults(trades, orders, settings.batch_rows)


def _found(
    measured: Measured,
    sides: Mapping[str, pl.DataFrame],
    daily: pl.DataFrame,
    channels: pl.DataFrame,
    faulty: pl.DataFrame,
) -> pl.DataFrame:
    """Return one row per symbol with all its measures."""
    traded = daily.filter(pl.col("daily_volume") > 0)
    parts = (measured.tape, measured.book, traded, *sides.values())
    symbols = pl.concat([part.select("symbol") for part in parts]).unique().sort("symbol")
    found = symbols.join(measured.tape, on="symbol", how="left").join(measured.book, on="symbol", how="left")
    for name, side in sides.items():
        counts_of_rows = side.rename({column: f"{name}.{column}" for column in side.columns if column != "symbol"})
        found = found.join(counts_of_rows, on="symbol", how="left")
    renamed = {name: f"faults.{name}" for name in ORDER_FAULTS if name != "symbol"} | {"faulty": "overfilled_orders"}
    found = found.join(daily, on="symbol", how="left").join(faulty.rename(renamed), on="symbol", how="left")
    # A symbol that could trade on the whole day and did not has an empty tape, which is complete.
    silent = (
        pl.col("trades").is_null()
        & pl.col("booked").fill_null(False)
        & (pl.col("quoted_volume").fill_null(0) == 0)
        & (pl.col("daily_volume").fill_null(0) == 0)
        & (pl.col("trades.rows_set_aside").fill_null(0) == 0)
    )
    counts = [name for name in TAPE if name != "symbol"]
    of_trades = pl.col("numbering").is_in(["trades", "events"])
    gapped = channels.filter(of_trades & ((pl.col("missing") > 0) | pl.col("stops_at").is_not_null()))
    lost = _exchange(measured.channels).join(gapped, on=["exchange", "channel"], how="semi")
    return found.with_columns(
        *(pl.when(silent).then(0).otherwise(name).alias(name) for name in counts),
        orders=pl.when(pl.col("orders.rows").fill_null(0) + pl.col("orders.rows_set_aside").fill_null(0) > 0).then(
            "orders.rows"
        ),
        gapped=pl.col("symbol").is_in(lost["symbol"].unique().to_list()),
    ).with_columns(
        **{
            name: _sum(*(f"{table}.{name}" for table in sides if name in SYMBOLS[table]))
            for name in ("rows_set_aside", "duplicates", "conflicting_duplicates")
        },
        out_of_order=_sum("disordered", "orders.out_of_order"),
        outside_limits=_sum("outside", "quotes.outside_limits"),
        side_disagreements=pl.col("trades.side_disagreements"),
        misaligned_quotes=pl.when(pl.col("trades").is_not_null()).then("misaligned_quotes"),
    )


def _exchange(channels: pl.DataFrame) -> pl.DataFrame:
    return channels.with_columns(exchange=pl.col("symbol").str.tail(2))


def _with_ends(channels: pl.DataFrame, traded: pl.DataFrame) -> pl.DataFrame:
    """Add stops_at: the last stamp of a whole channel whose trades end before the closing auction; else null."""
    ends = _exchange(traded).group_by("exchange", "channel").agg(pl.col("last_time").max())
    early = pl.col("missing").is_not_null() & (pl.col("last_time") < clock.CLOSING_AUCTION * clock.MINUTE_MS)
    return channels.join(ends, on=["exchange", "channel"], how="left", maintain_order="left").select(
        *CHANNELS, stops_at=pl.when(early).then("last_time")
    )


def _with_proofs(
    channels: pl.DataFrame, traded: pl.DataFrame, judged: pl.DataFrame, settings: BarsSettings
) -> pl.DataFrame:
    """Add `proven`: whether totals prove the tapes of the channel's stocks complete and no stock of its exchange is missing.

    A channel whose tapes are proven has no stops_at, because trading was halted. The rows that a proven channel lacks are those of
    stocks that were not delivered, or orders.
    """
    own = _exchange(traded).join(judged.select("symbol", proven=proves(settings)), on="symbol", how="left")
    share = own.group_by("exchange", "channel").agg(unproven=1 - pl.col("proven").fill_null(False).mean())
    whole = (pl.col("unproven") <= settings.max_unproven_share).fill_null(False)
    missing = judged.filter(pl.col("verdict") == MISSING)["symbol"].str.tail(2).unique().to_list()
    return channels.join(share, on=["exchange", "channel"], how="left", maintain_order="left").select(
        *CHANNELS, stops_at=pl.when(~whole).then("stops_at"), proven=whole & ~pl.col("exchange").is_in(missing)
    )


def _sum(*names: str) -> pl.Expr:
    """Return the sum of the known values; null where none is known."""
    known = pl.any_horizontal(pl.col(name).is_not_null() for name in names)
    return pl.when(known).then(pl.sum_horizontal(pl.col(name).fill_null(0) for name in names))


# --- notes and profile ----------------------------------------------------------------------------------------------------


def _counts(frame: pl.DataFrame) -> dict[str, object]:
    return {
        "verdicts": dict(frame["verdict"].value_counts(sort=True).sort("verdict").iter_rows()),
        "symbols_set_aside": (frame["verdict"] == SET_ASIDE).sum(),
        "references_with_after_hours": (frame["reference_counts"] == WITH).sum(),
        "references_without_after_hours": (frame["reference_counts"] == WITHOUT).sum(),
    }


def _halts(ended: pl.DataFrame) -> list[Any]:
    """Return the day's notes about files that stop early and were not cut off."""
    halted = ended.filter(~pl.col("cut") & (pl.col("names") > 0)).select(
        reason=reasons.MARKET_HALTED.column(file="file", time=clock_text("last_time"), count="proven", stocks="names")
    )
    return [Reason.loads(text).to_json() for text in halted["reason"]]


def _profile(
    frame: pl.DataFrame,
    channels: pl.DataFrame,
    settings: BarsSettings,
    findings: Sequence[FileFinding] = (),
    ended: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Make the profile that the checks read; schema PROFILE."""
    ticked = "explicit" in frame.columns
    rows = [
        _symbol_rows(frame, ticked),
        _day_row(frame, ticked, settings, findings),
        _mirrored(frame, settings) if ticked else pl.DataFrame(schema={"mirrored": pl.Int64}),
        _contradicted_levels(frame, settings) if ticked else pl.DataFrame(schema={"levels_contradicted": pl.Int64}),
        _order_streams(frame),
        _gap_rows(channels, settings),
        _early_ends(channels),
        _file_ends(pl.DataFrame(schema=ENDED) if ended is None else ended),
    ]
    return pl.concat(rows, how="diagonal_relaxed").select(
        pl.col(name).cast(dtype) if name != "symbol" else pl.col(name) for name, dtype in PROFILE.items()
    )


def _delivered() -> pl.Expr:
    return (pl.col("verdict") != MISSING) & pl.col("trades_verdict").is_not_null()


def _symbol_rows(frame: pl.DataFrame, ticked: bool) -> pl.DataFrame:
    """Return one row per symbol. ticked: whether the day was delivered as ticks."""
    delivered = _delivered()
    accepted = delivered & (pl.col("verdict") != SET_ASIDE)
    return frame.select(
        "symbol",
        set_aside=pl.when(delivered).then((pl.col("verdict") == SET_ASIDE).cast(pl.Int64)),
        unpriced=pl.col("unpriced").cast(pl.Int64),
        contradicts_day=pl.lit(None, pl.Int64) if ticked else pl.col("contradicts_day").cast(pl.Int64),
        orders_aside=(pl.col("orders_verdict") == SET_ASIDE).cast(pl.Int64),
        uncompared=pl.when(accepted).then(pl.col("volume_difference").is_null().cast(pl.Int64)),
        misaligned_quotes=pl.when(accepted).then("misaligned_quotes"),
        outside_limits=pl.when(accepted).then("outside_limits"),
        book_mismatches=pl.when(accepted).then("book_mismatches") if ticked else pl.lit(None, pl.Int64),
        detail=pl.when(
            (pl.col("verdict") == SET_ASIDE) | pl.col("unpriced") | (pl.col("orders_verdict") == SET_ASIDE)
        ).then("reason"),
    )


def _day_row(
    frame: pl.DataFrame, ticked: bool, settings: BarsSettings, findings: Sequence[FileFinding]
) -> pl.DataFrame:
    """Return one row: whether too many stocks of the day are set aside, contradicted or absent, or the file has findings that refuse it."""
    there = frame.filter(_delivered())
    aside = frame.filter(pl.col("verdict") == SET_ASIDE)
    missing = frame.filter(pl.col("verdict") == MISSING)
    official = frame.filter(pl.col("daily_volume") > 0)
    untaped = missing.filter(pl.col("daily_volume") > 0)
    traded = frame.filter((pl.col("trades_verdict").is_not_null()) & _should_trade(frame)).height
    share = aside.height / there.height if there.height else 0.0
    coverage = 1 - missing.height / traded if traded else 1.0
    too_many, too_few = share > settings.max_set_aside_share, coverage < settings.min_coverage
    lost = untaped.height > settings.max_uncovered_share * official.height
    found = [finding.reason for finding in findings if finding.refuses]
    misread = len(found)
    contradicted = frame.filter("contradicted") if ticked else frame.clear()
    measured = frame["contradicted"].count() if ticked else 0
    contradict = contradicted.height > settings.max_contradicted_share * measured
    if contradict:
        found.append(
            reasons.TOO_MANY_CONTRADICTED(
                count=contradicted.height,
                symbols=measured,
                limit=settings.max_contradicted_share,
                reasons=counted_reasons(contradicted, "reason", "symbol"),
            )
        )
    if too_many:
        found.append(
            reasons.TOO_MANY_SET_ASIDE(
                count=aside.height,
                symbols=there.height,
                limit=settings.max_set_aside_share,
                reasons=counted_reasons(aside, "reason", "symbol"),
            )
        )
    if lost:
        found.append(
            reasons.TOO_MANY_UNCOVERED(
                count=untaped.height,
                stocks=official.height,
                limit=settings.max_uncovered_share,
                names=_names(untaped["symbol"]),
            )
        )
    elif too_few:
        found.append(reasons.NOT_ALL_COVERED(count=missing.height, stocks=traded, names=_names(missing["symbol"])))
    detail = joined(found)
    day = {
        "day_not_delivered": 0,
        "too_many_set_aside": int(too_many),
        "too_many_contradicted": int(contradict),
        "too_few_covered": int(too_few),
        "too_many_uncovered": int(lost),
        "misread": misread,
        "detail": detail.dumps() if detail else None,
    }
    return pl.DataFrame([day], schema={name: PROFILE[name] for name in day})


def _day_without_minutes(cause: Reason, daily: pl.DataFrame) -> pl.DataFrame:
    """Return the profile of a trading day without trades and without bars."""
    stocks = (daily["daily_volume"] > 0).sum()
    detail = reasons.DAY_NOT_DELIVERED(cause=cause, stocks=stocks) if stocks else cause
    return pl.DataFrame([{"day_not_delivered": 1, "detail": detail.dumps()}], schema=PROFILE)


def _gap_rows(channels: pl.DataFrame, settings: BarsSettings) -> pl.DataFrame:
    """Return one row per channel that lacks numbers."""
    return channels.filter(pl.col("missing") > 0).select(
        missing_numbers="missing",
        too_many_missing=(~pl.col("proven") & (pl.col("missing") > settings.max_missing_share * pl.col("last"))).cast(
            pl.Int64
        ),
        detail=reasons.CHANNEL_LACKS_NUMBERS.column(
            channel="channel",
            exchange="exchange",
            count="missing",
            last="last",
            numbering="numbering",
            ranges="ranges",
        ),
    )


def _early_ends(channels: pl.DataFrame) -> pl.DataFrame:
    """Return one row per channel of trades that stops before the close."""
    return channels.filter(pl.col("stops_at").is_not_null() & (pl.col("numbering") != "orders")).select(
        stops_early=pl.lit(1, pl.Int64),
        detail=reasons.CHANNEL_ENDS_EARLY.column(channel="channel", exchange="exchange", time=clock_text("stops_at")),
    )


def _file_ends(ended: pl.DataFrame) -> pl.DataFrame:
    """Return one row per file that ends early (schema ENDED): whether it was cut off."""
    unproven = reasons.FILE_CUT_OFF.column(
        file="file",
        time=clock_text("last_time"),
        count=pl.col("names") - pl.col("proven"),
        stocks="names",
        symbols="unproven",
    )
    return ended.select(cut_off=pl.col("cut").cast(pl.Int64), detail=pl.when("cut").then(unproven))


def _mirrored(frame: pl.DataFrame, settings: BarsSettings) -> pl.DataFrame:
    """Return one row per exchange with too many stocks whose sides contradict their prices.

    The stocks with too few price changes for a verdict are judged together, as one.
    """
    counts = frame.select(
        "price_changes",
        "against_price",
        exchange=pl.col("symbol").str.tail(2),
        contradict=sides_contradict_prices(settings),
        agree=sides_agree_with_prices(settings),
    )
    judged = pl.col("contradict") | pl.col("agree")
    thin = counts.filter(~judged).group_by("exchange").agg(pl.col("price_changes", "against_price").sum())
    thin = thin.with_columns(contradict=sides_contradict_prices(settings), agree=sides_agree_with_prices(settings))
    units = pl.concat([counts, thin], how="diagonal_relaxed").filter(judged)
    by_exchange = units.group_by("exchange").agg(
        pl.col("price_changes", "against_price", "contradict").sum(), units=pl.len()
    )
    too_many = pl.col("contradict") > settings.max_contradicted_share * pl.col("units")
    return (
        by_exchange.filter(too_many)
        .sort("exchange")
        .select(
            mirrored=pl.lit(1, pl.Int64),
            detail=reasons.SIDES_CONTRADICT_PRICES.column(
                count="against_price",
                changes="price_changes",
                exchange="exchange",
                stocks="contradict",
                judged="units",
                limit=pl.lit(settings.max_contradicted_share),
                cause=Nested(pl.col("exchange").replace_strict(_side_columns(), return_dtype=pl.String)),
            ),
        )
    )


def _side_columns() -> dict[str, str]:
    return {exchange: code().dumps() for exchange, code in reasons.SIDE_COLUMNS.items()}


def _contradicted_levels(frame: pl.DataFrame, settings: BarsSettings) -> pl.DataFrame:
    """One row per exchange of whose names too many have books with other volumes than the trades took of them. Names whose trades are
    set aside are not judged; names with too few levels to be judged one by one are judged together, as one."""
    names = ("swept", "swept_above", "swept_below", "swept_own", "swept_other")
    sound = frame.filter(pl.col("trades_verdict").is_in([OK, REPAIRED]))
    counts = sound.select(*names, exchange=pl.col("symbol").str.tail(2))
    thin = counts.filter(~has_swept_levels(settings)).group_by("exchange").agg(pl.col(names).sum())
    units = pl.concat([counts, thin.select(counts.columns)]).filter(has_swept_levels(settings))
    judged = units.with_columns(contradict=levels_contradict_trades(settings))
    by_exchange = (
        judged.group_by("exchange")
        .agg(pl.col(names).filter("contradict").sum(), pl.col("contradict").sum(), units=pl.len())
        .filter(pl.col("contradict") > settings.max_contradicted_share * pl.col("units"))
        .sort("exchange")
    )
    return by_exchange.select(
        levels_contradicted=pl.lit(1, pl.Int64),
        detail=reasons.LEVELS_CONTRADICT_TRADES.column(
            count="contradict",
            judged="units",
            exchange="exchange",
            limit=pl.lit(settings.max_contradicted_share),
            cause=Nested(reason_of_levels(settings)),
        ),
    )


def _order_streams(frame: pl.DataFrame) -> pl.DataFrame:
    """Return one row per exchange whose stocks traded and of which no order was delivered, although the other's orders were.

    Shenzhen's cancels in the trade file do not count as orders: overfilled_orders is null for a stock with only these.
    """
    traded = frame.filter(pl.col("trades").fill_null(0) > 0)
    by_exchange = traded.group_by(exchange=pl.col("symbol").str.tail(2), maintain_order=True).agg(
        names=pl.len(), ordered=pl.col("overfilled_orders").count()
    )
    absent = (pl.col("ordered") == 0) & (pl.col("ordered").sum() > 0)
    return by_exchange.filter(absent).select(
        orders_absent=pl.lit(1, pl.Int64),
        detail=reasons.ORDERS_OF_EXCHANGE_ABSENT.column(stocks="names", exchange="exchange"),
    )


def _should_trade(frame: pl.DataFrame) -> pl.Expr:
    should = pl.col("daily_volume") > 0
    return (should | (pl.col("quoted_volume") > 0) if "quoted_volume" in frame.columns else should).fill_null(False)


def _names(symbols: pl.Series) -> tuple[str, ...]:
    more = ("…",) if len(symbols) > _LISTED else ()
    return (*symbols.sort().head(_LISTED), *more)
