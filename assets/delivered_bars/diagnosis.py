"""Finds faults of a file of one-minute bars as a whole: minutes that are absent for all stocks, units, adjusted prices.

This module makes findings about the file as a whole, each with its likely cause and the setting or remedy, and the measures by which
a stock is compared with its row of daily_prices. It does not make verdicts (assets/tape_health/verdicts.py) or read cells
(resources/bar_forms.py).

A minute may be absent for all stocks by chance if few stocks trade rarely. With q the share of stocks that did not trade in a minute in
which another stock did, n stocks leave L given minutes empty with probability q^(n·L). A gap is a finding if this probability, times
the 237 minutes at which the gap could begin, is below `bars.gap_chance`. q is that of the day or, if greater, that of the 15 minutes
before or after the gap, because trading becomes rare over the day when most stocks are locked at their limits. If only closes were
delivered, a stock at its limit shows no move; n and q are then those of the stocks that are not at their limits.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import polars as pl

from assets.delivered_bars.reasons import (
    ABSENT_MINUTES,
    ANOTHER_UNIT_THAN_DAILY,
    AUCTION_BAR_ABSENT,
    AUCTION_BAR_EMPTY,
    BAR_AVERAGE_SCALED,
    BAR_TOTAL_SCALED,
    BARS_ADJUSTED,
    BARS_WITHOUT_DAILY_PRICES,
    CLOSES_AT_LIMITS,
    COARSE_BARS,
    COARSE_BARS_BY_ENDS,
    DAILY_OPEN_WRONG,
    DAILY_RANGE_WRONG,
    DAILY_RANGE_WRONG_OR_SAMPLED,
    END_LABELS,
    END_LABELS_OF_MOVES,
    END_LABELS_WITH_LUNCH,
    HALT_BY_CLOSES,
    HALT_BY_VOLUMES,
    LAST_CLOSE_DIFFERS,
    MORNING_ALONE,
    OF_ONE_EXCHANGE,
    RANGE_BEYOND_DAY,
    SAME_BARS,
    UNCLEAR_LABELS,
    UNMOVED_MINUTES,
)
from resources import clock
from resources.bar_forms import clock_time
from resources.reasons import Code, Reason
from resources.settings.bars import BarsSettings
from resources.units import ANOTHER_UNIT, cause_of, column_units, power_of_ten, ratio_units

_MIN_SPACED = 4  # fewest minutes of which an even spacing is judged
_EVEN_SHARE = 0.8  # share of equal steps between minutes from which bars are of several minutes
_AROUND = 15  # minutes before and after a gap from which its frequency of trades is estimated
_ONE_FACTOR = 0.001  # relative difference of the close from which proportional prices count as adjusted
_SAME_PRICE = 1e-6  # yuan
_SHOWN_SPANS = 5
CENT_SLACK = 0.011  # yuan: two roundings to the cent


@dataclass(frozen=True)
class FileFinding:
    """A finding about the file as a whole. refuses: whether the day is refused; else the finding is a note (a halted market)."""

    reason: Reason
    refuses: bool


def minutes_of(landed: pl.DataFrame) -> pl.DataFrame:
    """Return symbol, minute, close and, if delivered, volume of a file's rows; cells that are not numbers are null."""
    types = {"symbol": pl.String, "minute": pl.Int32, "close": pl.Float64, "volume": pl.Float64}
    return landed.select(
        pl.col(name).cast(dtype, strict=False) for name, dtype in types.items() if name in landed.columns
    )


def diagnose_file(
    rows: pl.DataFrame, judged: pl.DataFrame, settings: BarsSettings, declared: Mapping[str, Any] = MappingProxyType({})
) -> list[FileFinding]:
    """Find the faults of the minutes of a day's file and, if it has none, of those of each exchange, which some vendors deliver apart.

    rows: as in `diagnose_minutes`. judged: symbol; adds_up, whether its volume is that of daily_prices; closes, whether its last close
    is the official one, null if unknown; lock, the limit price (yuan) that its last close equals, else null. declared: the settings
    about bars (`LandingView.declared`).
    """
    exchange = pl.col("symbol").str.tail(2)
    found = diagnose_minutes(rows, judged, settings, declared)
    if any(finding.refuses for finding in found):
        return found
    if (unclear := _unclear_labels(rows, settings, declared)) is not None:
        return [*found, unclear]
    for name in ("SH", "SZ"):
        own, known = rows.filter(exchange == name), judged.filter(exchange == name)
        if own.height == rows.height:
            continue
        found += [
            FileFinding(OF_ONE_EXCHANGE(exchange=name, cause=one.reason), True)
            for one in diagnose_minutes(own, known, settings, declared)
            if one.refuses
        ]
    return found


def _share(holds: pl.Series) -> float:
    """Return the share of the known values that are true; 0 where none is known."""
    known = holds.drop_nulls()
    return float(known.sum()) / len(known) if len(known) else 0.0


def _has_volumes(rows: pl.DataFrame) -> bool:
    return "volume" in rows.columns and rows["volume"].count() > 0


def diagnose_minutes(
    rows: pl.DataFrame, judged: pl.DataFrame, settings: BarsSettings, declared: Mapping[str, Any] = MappingProxyType({})
) -> list[FileFinding]:
    """Find the faults of the minutes of a day's file.

    rows: symbol, minute, close and, if delivered, volume, as read. judged, declared: as in `diagnose_file`. The shares of stocks whose
    volume adds up and whose last close is the official one distinguish a halted market from a file that was cut off.
    """
    volumes = _has_volumes(rows)
    present = rows.filter(pl.col("volume") > 0) if volumes else rows.filter(pl.col("close").is_not_null())
    found = _gaps(present, rows, {*present["minute"].drop_nulls()}, ABSENT_MINUTES, judged, settings)
    if volumes and not found and declared.get("landing.bars.opening_auction") != "first_bar":
        found += _auction_elsewhere(rows, present, judged, settings)
    if volumes or any(finding.refuses for finding in found):
        return found
    before = pl.col("close").shift().over("symbol", order_by="minute")
    moved = present.with_columns(_before=before).filter(
        pl.col("_before").is_null() | (pl.col("close") != pl.col("_before"))
    )
    flat = _gaps(moved, rows, set(), UNMOVED_MINUTES, judged, settings)
    known = {finding.reason.code for finding in found}
    return found + [one for one in flat if one.reason.code not in known]


def _auction_elsewhere(
    rows: pl.DataFrame, present: pl.DataFrame, judged: pl.DataFrame, settings: BarsSettings
) -> list[FileFinding]:
    """Find volumes that add up without a trade in the bar of the opening auction.

    If this bar was delivered and is empty beyond chance, the file is inconsistent; if it is absent, it may have been left out on purpose.
    """
    if _share(judged["adds_up"]) < 1 - settings.max_set_aside_share or clock.OPENING_AUCTION in present["minute"]:
        return []
    delivered = clock.OPENING_AUCTION in rows["minute"]
    names, inner = rows["symbol"].n_unique(), present.filter(pl.col("minute").is_in(clock.GRID)).height
    idle = (names * len(clock.GRID) - inner + 1) / (names * len(clock.GRID) + 2)
    if delivered and idle**names >= settings.gap_chance:
        return []
    return [FileFinding(AUCTION_BAR_EMPTY() if delivered else AUCTION_BAR_ABSENT(), delivered)]


def _unclear_labels(rows: pl.DataFrame, settings: BarsSettings, declared: Mapping[str, Any]) -> FileFinding | None:
    """Find files with so few closes that labels by starts and by ends cannot be distinguished.

    Bars that are labelled by their ends have none at 13:00, and only one of 09:25 and 09:30. With volumes, the last minute of the morning
    would be missing in their sum.
    """
    minutes = {*rows["minute"].drop_nulls()}
    if _has_volumes(rows) or "landing.bars.minute_labels" in declared or not minutes & {*clock.GRID}:
        return None
    if clock.AFTERNOON in minutes or {clock.OPENING_AUCTION, clock.MORNING} <= minutes:
        return None
    names, counts = rows["symbol"].n_unique(), _by_minute(rows.filter(pl.col("close").is_not_null()))
    if names > 1 and _chance(_idle(counts, names, [_PLACE[clock.AFTERNOON]]), names, 1) < settings.gap_chance:
        return None  # the gap at 13:00 was judged as such
    labels = (clock.OPENING_AUCTION, clock.MORNING, clock.AFTERNOON)
    missing = [clock_time(minute) for minute in labels if minute not in minutes]
    return FileFinding(UNCLEAR_LABELS(stocks=names, times=missing), True)


def _gaps(
    active: pl.DataFrame,
    rows: pl.DataFrame,
    delivered: set[int],
    kind: Code,
    judged: pl.DataFrame,
    settings: BarsSettings,
) -> list[FileFinding]:
    """Find gaps.

    active: rows that traded or whose close moved. rows: all rows. delivered: the delivered minutes, for labels. kind: ABSENT_MINUTES or,
    if active are the rows whose close moved, UNMOVED_MINUTES.
    """
    volumes, names = _has_volumes(rows), active["symbol"].n_unique()
    counts = _by_minute(active)
    held = sorted(_PLACE[minute] for minute in counts)
    if not held:
        return []
    missing = [minute for minute in clock.GRID if minute not in counts]
    step = _even_step(held)
    if step and missing and (names > 1 or len(held) > 20):
        by_ends = clock.MORNING not in counts and clock.LUNCH in delivered
        return [FileFinding((COARSE_BARS_BY_ENDS if by_ends else COARSE_BARS)(step=step), True)]
    if names < 2:
        return []
    runs = [
        run
        for run in _runs([_PLACE[minute] for minute in missing])
        if _chance(_idle(counts, names, run), names, len(run)) < settings.gap_chance
    ]
    lost = [clock.GRID[position] for run in runs for position in run]
    if labels := _end_labels(counts, lost, delivered, kind):
        return labels
    closed = clock.CLOSING_AUCTION not in {*active["minute"]}
    enough = 1 - settings.max_set_aside_share
    proven = _share(judged["adds_up" if volumes else "closes"]) >= enough
    found, halted, locked = [], [], []
    alone: list[FileFinding] = []
    for run in runs:
        last = run[-1] == len(clock.GRID) - 1 and closed
        at_limit = set() if volumes else _locked(rows, judged, run)
        if at_limit and _explained(active, at_limit, run, settings):
            locked.append((run, len(at_limit)))
        elif last and run[0] == _PLACE[clock.AFTERNOON] and proven and not settings.halt_at_lunch:
            alone.append(FileFinding(MORNING_ALONE(times=_spans([run])), True))
        elif proven and (last or (volumes and len(run) >= settings.halt_minutes)):
            halted.append(run)
        else:
            found.append(run)
    halt = HALT_BY_VOLUMES if volumes else HALT_BY_CLOSES
    return [*alone, *_absent(found, kind), *_halts(halted, halt), *_locks(locked, names)]


def _end_labels(counts: Mapping[int, int], lost: Sequence[int], delivered: set[int], kind: Code) -> list[FileFinding]:
    """Find labels by the ends of bars from the minutes that no stock has. lost: minutes of gaps that are improbable by chance."""
    missing = [minute for minute in clock.GRID if minute not in counts]
    # With labels by ends, no bar is labelled 09:30 (except the opening auction) or 13:00, but one is labelled 11:30.
    absent = [minute for minute in (clock.MORNING, clock.AFTERNOON) if minute in missing]
    both = len(absent) == 2 and ({*absent} <= {*lost} or clock.LUNCH in delivered) and clock.MORNING + 1 in counts
    if not both and not (absent == [clock.AFTERNOON] and clock.AFTERNOON in lost and clock.LUNCH in delivered):
        return []
    times = [clock_time(minute) for minute in absent]
    if kind == UNMOVED_MINUTES:
        return [FileFinding(END_LABELS_OF_MOVES(times=times), True)]
    if clock.LUNCH in delivered:
        return [FileFinding(END_LABELS_WITH_LUNCH(times=times, lunch=clock_time(clock.LUNCH)), True)]
    return [FileFinding(END_LABELS(times=times), True)]


def _absent(runs: Sequence[Sequence[int]], kind: Code) -> list[FileFinding]:
    """Describe gaps that nothing explains. runs: positions in the grid."""
    if not runs:
        return []
    return [FileFinding(kind(count=sum(map(len, runs)), minutes=len(clock.GRID), times=_spans(runs)), True)]


def _halts(runs: Sequence[Sequence[int]], halt: Code) -> list[FileFinding]:
    """Describe gaps in which the market was halted. halt: HALT_BY_VOLUMES or HALT_BY_CLOSES, by the proof."""
    return [FileFinding(halt(times=_spans(runs)), False)] if runs else []


def _locks(runs: Sequence[tuple[Sequence[int], int]], names: int) -> list[FileFinding]:
    """Describe gaps that are explained by the number of stocks at their limit prices, which is the second entry of each pair."""
    if not runs:
        return []
    times, count = _spans([run for run, _ in runs]), min(count for _, count in runs)
    return [FileFinding(CLOSES_AT_LIMITS(times=times, count=count, stocks=names), False)]


_PLACE = {minute: position for position, minute in enumerate(clock.GRID)}


def _by_minute(active: pl.DataFrame) -> dict[int, int]:
    """Return minute of the grid → number of stocks; minutes without a stock are left out."""
    inner = active.filter(pl.col("minute").is_in(clock.GRID))
    return dict(inner.group_by("minute").agg(pl.col("symbol").n_unique()).iter_rows())


def _idle(counts: Mapping[int, int], names: int, run: Sequence[int]) -> float:
    """Return the share of stocks that did not trade in a minute in which another stock did, of at least two stocks.

    It is that of the day or, if greater, that of the minutes beside `run`, a run of positions in the grid.
    """
    if not counts:
        return 1.0
    whole_day = (sum(names - count for count in counts.values()) + 1) / (len(counts) * (names - 1) + 2)
    by_place = {_PLACE[minute]: count for minute, count in counts.items()}
    beside = (range(run[0] - _AROUND, run[0]), range(run[-1] + 1, run[-1] + 1 + _AROUND))
    held = [[by_place[at] for at in places if at in by_place] for places in beside]
    nearby = [1 - sum(some) / (names * len(some)) for some in held if some]
    return max([whole_day, *(share * names / (names - 1) for share in nearby)])


def _locked(rows: pl.DataFrame, judged: pl.DataFrame, run: Sequence[int]) -> set[str]:
    """Return the symbols whose closes at these positions of the grid, and the last ones before, all are the limit price at which they
    close."""
    first, last = clock.GRID[run[0]], clock.GRID[run[-1]]
    until = rows.filter(pl.col("close").is_not_null() & (pl.col("minute") <= last)).join(
        judged.filter(pl.col("lock").is_not_null()).select("symbol", "lock"), on="symbol"
    )
    before = pl.col("minute").filter(pl.col("minute") < first).max().over("symbol")
    inside = until.filter((pl.col("minute") >= first) | (pl.col("minute") == before).fill_null(False))
    held = inside.group_by("symbol").agg(holds=((pl.col("close") - pl.col("lock")).abs() < _SAME_PRICE).all())
    return {*held.filter("holds")["symbol"]}


def _explained(active: pl.DataFrame, at_limit: set[str], run: Sequence[int], settings: BarsSettings) -> bool:
    """Return whether the stocks that are not at their limits may leave the run empty by chance; a stock at its limit shows no move."""
    free = active.filter(~pl.col("symbol").is_in(list(at_limit)))
    names = free["symbol"].n_unique()
    if names < 2:
        return True
    return _chance(_idle(_by_minute(free), names, run), names, len(run)) >= settings.gap_chance


def _chance(q: float, names: int, length: int) -> float:
    """Return the expected number of gaps of this length by chance."""
    return len(clock.GRID) * math.exp(names * length * math.log(q)) if q > 0 else 0.0


def _even_step(held: Sequence[int]) -> int:
    """Return the step between nearly all adjacent positions if it is above 1, else 0."""
    steps = [later - earlier for earlier, later in pairwise(held)]
    if len(held) < _MIN_SPACED:
        return 0
    step = max(set(steps), key=steps.count)
    return step if step > 1 and steps.count(step) >= _EVEN_SHARE * len(steps) else 0


def _runs(positions: Sequence[int]) -> list[list[int]]:
    """Split sorted positions into runs of consecutive ones."""
    runs: list[list[int]] = []
    for position in positions:
        if runs and position == runs[-1][-1] + 1:
            runs[-1].append(position)
        else:
            runs.append([position])
    return runs


def _spans(runs: Sequence[Sequence[int]]) -> list[str]:
    """Return the first runs of positions in the grid as times, such as "10:00–10:29" and "13:05", and "…" if there are more."""
    shown = [
        clock_time(clock.GRID[run[0]]) + (f"–{clock_time(clock.GRID[run[-1]])}" if len(run) > 1 else "")
        for run in runs[:_SHOWN_SPANS]
    ]
    return [*shown, *(["…"] if len(runs) > _SHOWN_SPANS else [])]


def clock_times(column: str) -> pl.Expr:
    """Format a column of minutes since midnight as '09:31'."""
    parts = (pl.col(column) // 60, pl.col(column) % 60)
    return pl.format("{}:{}", *(part.cast(pl.String).str.zfill(2) for part in parts))


# --- names against daily_prices -------------------------------------------------------------------------------------------

MEASURES = {
    "symbol": pl.String,
    "last_close": pl.Float64,
    "top": pl.Float64,
    "bottom": pl.Float64,
    "whole_top": pl.Float64,
    "whole_bottom": pl.Float64,
    "first_open": pl.Float64,
    "first_trading": pl.Int32,
    "closing_trade": pl.Boolean,
    "traded": pl.Boolean,
    "average": pl.Float64,
    "same_as": pl.String,
}
"""The measures of a stock's bars: its last close; the highest and lowest price at which it traded, and the same where every bar that
traded has a high, a low; the open and the minute of its first bar that traded; whether the closing auction has a trade; whether it traded
at all; amount / volume; and the lowest other code with equal bars, if it is lower."""


def measure_names(bars: pl.DataFrame, settings: BarsSettings) -> pl.DataFrame:
    """Measure each symbol; schema MEASURES. bars: dense rows of minute_bars; rows after hours are left out."""
    day = bars.filter(pl.col("minute") <= clock.CLOSING_AUCTION)
    volumes = pl.col("volume").count().over("symbol") > 0
    # A minute before the first trade has pre_close, which may be outside the day's range.
    opened = (pl.col("close") != pl.col("close").first()).cum_max().over("symbol", order_by="minute")
    # A volume rounded to lots may be 0 where shares traded.
    traded = (pl.col("volume") > 0) | (pl.col("amount") > 0).fill_null(False) | (pl.col("trades") > 0).fill_null(False)
    trading = pl.when(volumes).then(traded).otherwise(opened)
    day = day.with_columns(_trading=trading.fill_null(False), _volumes=volumes)
    measured = day.group_by("symbol", maintain_order=True).agg(
        last_close=pl.col("close").sort_by("minute").last(),
        top=pl.max_horizontal("high", "close").filter("_trading").max(),
        bottom=pl.min_horizontal("low", "close").filter("_trading").min(),
        whole_top=_of_all(pl.col("high").filter("_trading"), pl.col("high").filter("_trading").max()),
        whole_bottom=_of_all(pl.col("low").filter("_trading"), pl.col("low").filter("_trading").min()),
        first_open=pl.when(pl.col("_volumes").first()).then(
            pl.col("open").filter("_trading").sort_by(pl.col("minute").filter("_trading")).first()
        ),
        first_trading=pl.col("minute").filter("_trading").min(),
        closing_trade=~pl.col("_volumes").first()
        | (pl.col("volume").filter(pl.col("minute") == clock.CLOSING_AUCTION).sum() > 0),
        traded=pl.col("_trading").any(),
        average=pl.when(pl.col("volume").sum() > 0).then(pl.col("amount").sum() / pl.col("volume").sum()),
        _closes=pl.col("close").n_unique(),
        _row=pl.struct("close", "volume").hash(seed=11).sort_by("minute").implode().hash(seed=12),
    )
    measured = measured.with_columns(
        average=pl.when(pl.col("average") > 0).then("average"),
        _row=pl.when(pl.col("_closes") >= settings.least_distinct_closes).then("_row"),
    )
    same = measured.filter(pl.col("_row").is_not_null() & pl.col("_row").is_duplicated())
    pairs = same.select("symbol", "_row").join(same.select(same_as="symbol", _row="_row"), on="_row")
    pairs = pairs.filter(pl.col("same_as") < pl.col("symbol")).group_by("symbol").agg(pl.col("same_as").min())
    joined = measured.join(pairs, on="symbol", how="left", maintain_order="left")
    return joined.select(pl.col(name).cast(dtype) for name, dtype in MEASURES.items())


def name_reasons(
    settings: BarsSettings, averaged: Sequence[str], declared: Mapping[str, Any]
) -> list[tuple[pl.Expr, pl.Expr]]:
    """Return conditions on which a stock's bars contradict its row of daily_prices, with reasons, the likeliest cause first.

    The conditions read the columns of MEASURES, volume, amount, volume_difference, daily_volume, daily_amount, the daily prices and
    unpriced (whether the stock traded and daily_prices of the day has rows, but none of it). Bars with the whole volume of the day
    include its first, its highest and its lowest trade. averaged: exchanges ("SH") whose official close is not the price of an
    auction on this day. declared: the settings about the bars (`LandingView.declared`).
    """
    own = pl.col("average") / ((pl.col("top") + pl.col("bottom")) / 2)
    power = power_of_ten(own, settings.unit_tolerance)
    unit = cause_of(power, ratio_units("bars", declared), ANOTHER_UNIT())
    return [
        (pl.col("same_as").is_not_null(), SAME_BARS.column(symbol="same_as")),
        (pl.col("unpriced"), BARS_WITHOUT_DAILY_PRICES.column()),
        *_scaled("volume", pl.col("volume") / pl.col("daily_volume"), settings, declared),
        *_scaled("amount", pl.col("amount") / pl.col("daily_amount"), settings, declared),
        (power != 0, BAR_AVERAGE_SCALED.column(power=power, cause=unit)),
        *_price_reasons(settings, averaged, of_snapshots(declared)),
    ]


def _price_reasons(settings: BarsSettings, averaged: Sequence[str], sampled: bool) -> list[tuple[pl.Expr, pl.Expr]]:
    """Return the conditions of `name_reasons` on prices. sampled: whether highs and lows are those of snapshots."""
    against = _against_day(settings, averaged, sampled)
    closes = {"close": pl.col("last_close").round(4), "daily_close": pl.col("daily_close").round(4)}
    day = {name: pl.col(name).round(4) for name in ("daily_low", "daily_high")}
    own = {"low": pl.col("bottom").round(4), "high": pl.col("top").round(4), **day}
    whole = {"low": pl.col("whole_bottom").round(4), "high": pl.col("whole_top").round(4), **day}
    wrong = DAILY_RANGE_WRONG if sampled else DAILY_RANGE_WRONG_OR_SAMPLED
    return [
        (
            against["one_factor"],
            BARS_ADJUSTED.column(factor=(pl.col("last_close") / pl.col("daily_close")).round(4), **closes),
        ),
        (against["off"], LAST_CLOSE_DIFFERS.column(**closes)),
        (
            against["outside"] & pl.all_horizontal(one.is_not_null() for one in own.values()),
            RANGE_BEYOND_DAY.column(**own),
        ),
        (
            against["beyond"] & pl.all_horizontal(one.is_not_null() for one in whole.values()),
            wrong.column(**whole),
        ),
        (
            against["opened"],
            DAILY_OPEN_WRONG.column(open=pl.col("first_open").round(4), daily_open=pl.col("daily_open").round(4)),
        ),
    ]


def of_snapshots(declared: Mapping[str, Any]) -> bool:
    """Return whether the settings declare highs and lows to be those of snapshots, which miss trades between them."""
    return declared.get("landing.bars.extremes") == "snapshots"


def contradicts_day(settings: BarsSettings, averaged: Sequence[str], sampled: bool) -> pl.Expr:
    """Return whether bars with the whole volume and amount of the day have another open, high, low or close than daily_prices.

    The columns are those of `name_reasons`. One of the two is wrong, and portfolios use the prices of daily_prices. Prices that all
    differ by one factor are adjusted and are not a fault of daily_prices.
    """
    against = _against_day(settings, averaged, sampled)
    money = pl.col("amount_difference").abs() <= pl.col("amount_slack") + 1e-9
    differs = pl.any_horizontal(against[name].fill_null(False) for name in ("off", "outside", "beyond", "opened"))
    return (
        against["whole"].fill_null(False) & money.fill_null(False) & differs & ~against["one_factor"].fill_null(False)
    )


def _against_day(settings: BarsSettings, averaged: Sequence[str], sampled: bool) -> dict[str, pl.Expr]:
    """Return the conditions on which daily_prices contradicts a stock's bars.

    off: the last close differs. one_factor: all prices differ by one factor. outside: prices are outside the day's range. whole: the bars
    have the whole volume. beyond, opened: such bars have a narrower range, or another open, than daily_prices.
    """
    away = (pl.col("last_close") - pl.col("daily_close")).abs()
    mean = pl.col("symbol").str.tail(2).is_in(list(averaged)) | ~pl.col("closing_trade")
    slack = (
        pl.when(mean)
        .then(settings.averaged_close_tolerance * pl.col("daily_close"))
        .otherwise(settings.price_tolerance)
    )
    off = away > slack + 1e-9
    factor = pl.col("last_close") / pl.col("daily_close")
    cents = CENT_SLACK * pl.max_horizontal(factor, pl.lit(1.0))
    one_factor = (
        off
        & ((factor - 1).abs() > _ONE_FACTOR)
        & (pl.col("bottom") >= factor * pl.col("daily_low") - cents)
        & (pl.col("top") <= factor * pl.col("daily_high") + cents)
    )
    outside = (pl.col("top") > pl.col("daily_high") + settings.price_tolerance + 1e-9) | (
        pl.col("bottom") < pl.col("daily_low") - settings.price_tolerance - 1e-9
    )
    whole = (pl.col("volume_difference").abs() <= pl.col("volume_slack")) & ~pl.col("hides")
    missed = (
        settings.sampled_extremes_tolerance * pl.col("daily_close") if sampled else pl.lit(settings.price_tolerance)
    )
    beyond = whole & (
        (pl.col("daily_high") > pl.col("whole_top") + missed + 1e-9).fill_null(False)
        | (pl.col("daily_low") < pl.col("whole_bottom") - missed - 1e-9).fill_null(False)
    )
    opened = whole & ((pl.col("first_open") - pl.col("daily_open")).abs() > settings.price_tolerance + 1e-9)
    if sampled:
        opened = opened & (pl.col("first_trading") == clock.OPENING_AUCTION)
    return {
        "off": off,
        "one_factor": one_factor,
        "outside": outside,
        "whole": whole,
        "beyond": beyond,
        "opened": opened,
    }


def _of_all(values: pl.Expr, result: pl.Expr) -> pl.Expr:
    """Return the result if none of the values is null."""
    return pl.when(values.null_count() == 0).then(result)


def _scaled(
    column: str, ratio: pl.Expr, settings: BarsSettings, declared: Mapping[str, Any]
) -> list[tuple[pl.Expr, pl.Expr]]:
    power = power_of_ten(ratio, settings.unit_tolerance)
    unit = cause_of(power, column_units(column, "bars", declared), ANOTHER_UNIT_THAN_DAILY())
    return [(power != 0, BAR_TOTAL_SCALED.column(column=pl.lit(column), power=power, cause=unit))]
