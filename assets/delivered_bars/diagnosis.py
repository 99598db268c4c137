"""What a whole file of one-minute bars betrays of how it was made: minutes that occur for nobody, units, adjusted prices.

Here: findings about the file as a whole, each with its likely cause and the setting or remedy, and the measures by which a
name is held against its row of daily_prices. Not here: verdicts (assets/tape_health/verdicts.py), how a cell is read (resources/bar_forms.py).

A minute that occurs for nobody may be chance where few names trade seldom. With q the share of names that did not trade in
a minute in which another one did, n names leave L given minutes empty with probability q^(n·L); a gap is a finding where
that, times the 237 places it could stand at, is below `bars.gap_chance`. q is that of the day or, where it is greater, that of the
15 minutes before or after the gap: where most names are locked at their limits, trading becomes rare in the course of the day. Of closes
alone, a name at its limit shows no move; n and q are then those of the names that are not at their limits.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import polars as pl

from assets.ticks import clock
from resources.bar_forms import clock_time
from resources.settings.bars import BarsSettings
from resources.units import column_units, ratio_units

_MIN_SPACED = 4  # minutes from which an even spacing is one
_EVEN_SHARE = 0.8  # of the steps between minutes that are equal in bars of several minutes
_AROUND = 15  # minutes before and after a gap whose trading is that of the gap
_ONE_FACTOR = 0.001  # a close further off than this, with all prices in proportion, is adjusted
_SAME_PRICE = 1e-6  # yuan
_SAMPLED = ", or those of the bars are of snapshots, which miss trades between them: then declare landing.bars.extremes = 'snapshots'"
CENT_SLACK = 0.011  # yuan: two roundings to the cent


@dataclass(frozen=True)
class FileFinding:
    """Something that the file as a whole betrays. refuses: the day cannot be used; else it is noted (a halted market)."""

    code: str
    text: str
    refuses: bool


def minutes_of(landed: pl.DataFrame) -> pl.DataFrame:
    """symbol, minute, close and, where delivered, volume of a file's rows, as far as they are numbers."""
    types = {"symbol": pl.String, "minute": pl.Int32, "close": pl.Float64, "volume": pl.Float64}
    return landed.select(
        pl.col(name).cast(dtype, strict=False) for name, dtype in types.items() if name in landed.columns
    )


def diagnose_file(
    rows: pl.DataFrame, judged: pl.DataFrame, settings: BarsSettings, declared: Mapping[str, Any] = MappingProxyType({})
) -> list[FileFinding]:
    """Findings about the minutes of a day's file and, where it has none, about those of each exchange: vendors deliver them apart.

    rows: as `diagnose_minutes`. judged: symbol; adds_up, whether its volume is that of daily_prices; closes, whether its last close
    is the official one, null where that is unknown; lock, the limit price (yuan) that its last close is, else null. declared: what
    the settings declare of bars (`LandingView.declared`).
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
            FileFinding(one.code, f"of the bars of {name} alone: {one.text}", True)
            for one in diagnose_minutes(own, known, settings, declared)
            if one.refuses
        ]
    return found


def _share(holds: pl.Series) -> float:
    """Share of the known values that are true; 0 where none is known."""
    known = holds.drop_nulls()
    return float(known.sum()) / len(known) if len(known) else 0.0


def _has_volumes(rows: pl.DataFrame) -> bool:
    return "volume" in rows.columns and rows["volume"].count() > 0


def diagnose_minutes(
    rows: pl.DataFrame, judged: pl.DataFrame, settings: BarsSettings, declared: Mapping[str, Any] = MappingProxyType({})
) -> list[FileFinding]:
    """Findings about the minutes of a day's file.

    rows: symbol, minute, close and, where delivered, volume, as read. judged, declared: as `diagnose_file`. The shares of names
    whose volume adds up and whose last close is the official one distinguish a market that halted from a file that was cut.
    """
    volumes = _has_volumes(rows)
    present = rows.filter(pl.col("volume") > 0) if volumes else rows.filter(pl.col("close").is_not_null())
    found = _gaps(present, rows, {*present["minute"].drop_nulls()}, "occur for no name", judged, settings)
    if volumes and not found and declared.get("landing.bars.opening_auction") != "first_bar":
        found += _auction_elsewhere(rows, present, judged, settings)
    if volumes or any(finding.refuses for finding in found):
        return found
    before = pl.col("close").shift().over("symbol", order_by="minute")
    moved = present.with_columns(_before=before).filter(
        pl.col("_before").is_null() | (pl.col("close") != pl.col("_before"))
    )
    flat = _gaps(moved, rows, set(), "show no name's price move", judged, settings)
    return found + [one for one in flat if one.code not in {finding.code for finding in found}]


def _auction_elsewhere(
    rows: pl.DataFrame, present: pl.DataFrame, judged: pl.DataFrame, settings: BarsSettings
) -> list[FileFinding]:
    """Whether the volumes add up without a trade in the bar of the opening auction. Where that bar was delivered, and is empty by
    more than chance, the file contradicts itself; where it is absent, it may have been left out on purpose."""
    if _share(judged["adds_up"]) < 1 - settings.max_set_aside_share or clock.OPENING_AUCTION in present["minute"]:
        return []
    delivered = clock.OPENING_AUCTION in rows["minute"]
    names, inner = rows["symbol"].n_unique(), present.filter(pl.col("minute").is_in(clock.GRID)).height
    idle = (names * len(clock.GRID) - inner + 1) / (names * len(clock.GRID) + 2)
    if delivered and idle**names >= settings.gap_chance:
        return []
    seen = (
        "the bar of the opening auction (565) is empty for every name"
        if delivered
        else "no name has a bar of the opening auction (565)"
    )
    return [
        FileFinding(
            "opening_auction_in_another_bar",
            f"{seen}, and the volumes add up without it: it stands inside the first minute, whose volume and amount count it. Declare "
            "landing.bars.opening_auction = 'first_bar', so that its price is the open of that minute",
            delivered,
        )
    ]


def _unclear_labels(rows: pl.DataFrame, settings: BarsSettings, declared: Mapping[str, Any]) -> FileFinding | None:
    """Whether so few closes came that starts and ends cannot be told apart. Bars that are labelled by their ends have none at 13:00,
    and one of 09:25 and 09:30 alone; with volumes the last minute of the morning would be missing in their sum."""
    minutes = {*rows["minute"].drop_nulls()}
    if _has_volumes(rows) or "landing.bars.minute_labels" in declared or not minutes & {*clock.GRID}:
        return None
    if clock.AFTERNOON in minutes or {clock.OPENING_AUCTION, clock.MORNING} <= minutes:
        return None
    names, counts = rows["symbol"].n_unique(), _by_minute(rows.filter(pl.col("close").is_not_null()))
    if names > 1 and _chance(_idle(counts, names, [_PLACE[clock.AFTERNOON]]), names, 1) < settings.gap_chance:
        return None  # the gap at 13:00 was judged as such
    missing = ", ".join(
        clock_time(minute)
        for minute in (clock.OPENING_AUCTION, clock.MORNING, clock.AFTERNOON)
        if minute not in minutes
    )
    return FileFinding(
        "unclear_labels",
        f"it holds closes of {names} name{'s' * (names > 1)} alone and no bar of {missing}, so that its labels may be starts or ends of "
        "bars. Where they are ends, declare landing.bars.minute_labels = 'end'; where they are starts, deliver a row for each of the 239 "
        "minutes, with the last close where nothing traded",
        True,
    )


def _gaps(
    active: pl.DataFrame,
    rows: pl.DataFrame,
    delivered: set[int],
    what: str,
    judged: pl.DataFrame,
    settings: BarsSettings,
) -> list[FileFinding]:
    """active: rows that traded or whose close moved. rows: all of them. delivered: minutes that were delivered, for labels."""
    volumes, names = _has_volumes(rows), active["symbol"].n_unique()
    counts = _by_minute(active)
    held = sorted(_PLACE[minute] for minute in counts)
    if not held:
        return []
    missing = [minute for minute in clock.GRID if minute not in counts]
    step = _even_step(held)
    if step and missing and (names > 1 or len(held) > 20):
        ends = " and, by their labels, of its ends" if clock.MORNING not in counts and clock.LUNCH in delivered else ""
        return [
            FileFinding(
                "coarse_bars",
                f"its minutes stand {step} apart: these are {step}-minute bars{ends}. One-minute bars are needed: deliver those",
                True,
            )
        ]
    if names < 2:
        return []
    runs = [
        run
        for run in _runs([_PLACE[minute] for minute in missing])
        if _chance(_idle(counts, names, run), names, len(run)) < settings.gap_chance
    ]
    lost = [clock.GRID[position] for run in runs for position in run]
    if labels := _end_labels(counts, lost, delivered, what):
        return labels
    closed = clock.CLOSING_AUCTION not in {*active["minute"]}
    enough = 1 - settings.max_set_aside_share
    proven = _share(judged["adds_up" if volumes else "closes"]) >= enough
    found, halted, locked = [], [], []
    told: list[FileFinding] = []
    for run in runs:
        last = run[-1] == len(clock.GRID) - 1 and closed
        at_limit = set() if volumes else _locked(rows, judged, run)
        if at_limit and _explained(active, at_limit, run, settings):
            locked.append((run, len(at_limit)))
        elif last and run[0] == _PLACE[clock.AFTERNOON] and proven and not settings.halt_at_lunch:
            told.append(
                FileFinding(
                    "morning_alone",
                    f"no name traded in {_spans([run])}, and totals agree with daily_prices: both were fetched in the lunch break. Deliver them again, "
                    "complete; where the market was indeed halted from 13:00 on, set bars.halt_at_lunch = true",
                    True,
                )
            )
        elif proven and (last or (volumes and len(run) >= settings.halt_minutes)):
            halted.append(run)
        else:
            found.append(run)
    by = "the volumes of its names" if volumes else "the last closes of its names"
    return [*told, *_absent(found, what), *_halts(halted, by), *_locks(locked, names, what)]


def _end_labels(counts: Mapping[int, int], lost: Sequence[int], delivered: set[int], what: str) -> list[FileFinding]:
    """What minutes without a name say of the labels. lost: minutes of runs too long for chance."""
    missing = [minute for minute in clock.GRID if minute not in counts]
    # Labelled by its end, no bar is called 09:30 or 13:00, unless the opening auction is; but one is called 11:30.
    absent = [minute for minute in (clock.MORNING, clock.AFTERNOON) if minute in missing]
    both = len(absent) == 2 and ({*absent} <= {*lost} or clock.LUNCH in delivered) and clock.MORNING + 1 in counts
    if both or (absent == [clock.AFTERNOON] and clock.AFTERNOON in lost and clock.LUNCH in delivered):
        named = " and ".join(clock_time(minute) for minute in absent)
        seen = f", and {clock_time(clock.LUNCH)} does" if clock.LUNCH in delivered else ""
        return [
            FileFinding(
                "end_labels",
                f"minutes {named} {what}{seen}: the labels look like bar ends. Declare landing.bars.minute_labels = 'end', or label each "
                "bar by its start",
                True,
            )
        ]
    return []


def _absent(runs: Sequence[Sequence[int]], what: str) -> list[FileFinding]:
    """Runs of places in the grid that nothing explains."""
    if not runs:
        return []
    count = sum(map(len, runs))
    return [
        FileFinding(
            "absent_minutes",
            f"{count} of {len(clock.GRID)} minutes ({_spans(runs)}) {what}: a part of the day is lost or was filled in. "
            "Deliver the file again, complete",
            True,
        )
    ]


def _halts(runs: Sequence[Sequence[int]], by: str) -> list[FileFinding]:
    """Runs in which the market was halted. by: what proves it."""
    if not runs:
        return []
    return [
        FileFinding(
            "halt",
            f"no name traded in {_spans(runs)}, and {by} agree with daily_prices: the market was halted",
            False,
        )
    ]


def _locks(runs: Sequence[tuple[Sequence[int], int]], names: int, what: str) -> list[FileFinding]:
    """Runs, each with how many names are at their limit prices, which explains it."""
    if not runs:
        return []
    return [
        FileFinding(
            "locked",
            f"{_spans([run for run, _ in runs])} {what}: {min(count for _, count in runs)} of {names} names are at their limit "
            "prices then, and close there in daily_prices too",
            False,
        )
    ]


_PLACE = {minute: position for position, minute in enumerate(clock.GRID)}


def _by_minute(active: pl.DataFrame) -> dict[int, int]:
    """Minute of the grid → number of names; minutes without a name are left out."""
    inner = active.filter(pl.col("minute").is_in(clock.GRID))
    return dict(inner.group_by("minute").agg(pl.col("symbol").n_unique()).iter_rows())


def _idle(counts: Mapping[int, int], names: int, run: Sequence[int]) -> float:
    """Share of the names that did not trade in a minute in which another one did, of the day or, where it is greater, beside a run of
    places in the grid. Two names or more."""
    if not counts:
        return 1.0
    whole_day = (sum(names - count for count in counts.values()) + 1) / (len(counts) * (names - 1) + 2)
    by_place = {_PLACE[minute]: count for minute, count in counts.items()}
    beside = (range(run[0] - _AROUND, run[0]), range(run[-1] + 1, run[-1] + 1 + _AROUND))
    held = [[by_place[at] for at in places if at in by_place] for places in beside]
    nearby = [1 - sum(some) / (names * len(some)) for some in held if some]
    return max([whole_day, *(share * names / (names - 1) for share in nearby)])


def _locked(rows: pl.DataFrame, judged: pl.DataFrame, run: Sequence[int]) -> set[str]:
    """The names whose closes in these places of the grid, or the last ones before, all are the limit price at which they close."""
    first, last = clock.GRID[run[0]], clock.GRID[run[-1]]
    until = rows.filter(pl.col("close").is_not_null() & (pl.col("minute") <= last)).join(
        judged.filter(pl.col("lock").is_not_null()).select("symbol", "lock"), on="symbol"
    )
    before = pl.col("minute").filter(pl.col("minute") < first).max().over("symbol")
    inside = until.filter((pl.col("minute") >= first) | (pl.col("minute") == before).fill_null(False))
    held = inside.group_by("symbol").agg(holds=((pl.col("close") - pl.col("lock")).abs() < _SAME_PRICE).all())
    return {*held.filter("holds")["symbol"]}


def _explained(active: pl.DataFrame, at_limit: set[str], run: Sequence[int], settings: BarsSettings) -> bool:
    """Whether the names that are not at their limits may leave the run empty by chance; a name at its limit shows no move."""
    free = active.filter(~pl.col("symbol").is_in(list(at_limit)))
    names = free["symbol"].n_unique()
    if names < 2:
        return True
    return _chance(_idle(_by_minute(free), names, run), names, len(run)) >= settings.gap_chance


def _chance(q: float, names: int, length: int) -> float:
    """Expected number of gaps of this length by chance."""
    return len(clock.GRID) * math.exp(names * length * math.log(q)) if q > 0 else 0.0


def _even_step(held: Sequence[int]) -> int:
    """The step in minutes that nearly all neighbours stand apart by, where it is above 1; else 0."""
    steps = [later - earlier for earlier, later in pairwise(held)]
    if len(held) < _MIN_SPACED:
        return 0
    step = max(set(steps), key=steps.count)
    return step if step > 1 and steps.count(step) >= _EVEN_SHARE * len(steps) else 0


def _runs(positions: Sequence[int]) -> list[list[int]]:
    """Positions in rising order, cut where one is left out."""
    runs: list[list[int]] = []
    for position in positions:
        if runs and position == runs[-1][-1] + 1:
            runs[-1].append(position)
        else:
            runs.append([position])
    return runs


def _spans(runs: Sequence[Sequence[int]]) -> str:
    """'10:00–10:29, 13:05' of runs of positions in the grid."""
    shown = [
        clock_time(clock.GRID[run[0]]) + (f"–{clock_time(clock.GRID[run[-1]])}" if len(run) > 1 else "")
        for run in runs[:5]
    ]
    return ", ".join(shown) + (f" and {len(runs) - 5} more" if len(runs) > 5 else "")


def clock_times(column: str) -> pl.Expr:
    """The same of a column of minutes."""
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
"""What is measured of a name's bars: last close; highest and lowest price at which it traded, and the same where every bar that
traded says its high, its low; open and minute of its first bar that traded; whether the closing auction shows a trade, whether it traded
at all, amount / volume, and a lower code whose bars are the same."""


def measure_names(bars: pl.DataFrame, settings: BarsSettings) -> pl.DataFrame:
    """One row per symbol, schema MEASURES. bars: dense rows of minute_bars, without after-hours volume in the prices."""
    day = bars.filter(pl.col("minute") <= clock.CLOSING_AUCTION)
    volumes = pl.col("volume").count().over("symbol") > 0
    # A minute before the first trade carries pre_close, which may lie outside the day's range.
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
    """(holds, sentence) of what sets a name's bars aside against its row of daily_prices, the likeliest cause first.

    Judged are the columns of MEASURES, volume, amount, volume_difference, daily_volume, daily_amount and the daily prices. Bars
    that hold the whole day's volume hold its first trade, its highest and its lowest.
    averaged: exchanges ("SH") whose official close is no auction's on this day. unpriced: whether it traded, and
    daily_prices of the day has rows, and none of it. declared: what the settings declare of the bars (`LandingView.declared`).
    """
    own = pl.col("average") / ((pl.col("top") + pl.col("bottom")) / 2)
    return [
        (
            pl.col("same_as").is_not_null(),
            pl.format(
                "its bars are the same as those of {} in every minute: one company under two codes, as after a change of code, of "
                "which the lower one counts. Deliver one of them, or name the change in reference/code_changes",
                "same_as",
            ),
        ),
        (
            pl.col("unpriced"),
            pl.lit(
                "daily_prices of this day has no usable row of it, so that it did not trade, and yet its bars did. Deliver its "
                "row of reference/daily_prices (set_aside.parquet beside that table says why one was not used); where the company changed "
                "its code later (reference/code_changes), deliver these bars under its code of this day"
            ),
        ),
        *_scaled("volume", pl.col("volume") / pl.col("daily_volume"), settings, declared),
        *_scaled("amount", pl.col("amount") / pl.col("daily_amount"), settings, declared),
        (
            power_of_ten(own, settings) != 0,
            pl.format(
                "its amount / volume is 1e{} times its prices: {}",
                power_of_ten(own, settings),
                _said_of(power_of_ten(own, settings), ratio_units("bars", declared), "volume or amount is in another unit"),
            ),
        ),
        *_price_reasons(settings, averaged, of_snapshots(declared)),
    ]  # fmt: skip


def _price_reasons(settings: BarsSettings, averaged: Sequence[str], sampled: bool) -> list[tuple[pl.Expr, pl.Expr]]:
    """Those of `name_reasons` that prices show. sampled: whether highs and lows are those of snapshots."""
    against = _against_day(settings, averaged, sampled)
    one_factor, off, outside, beyond, opened = (
        against[name] for name in ("one_factor", "off", "outside", "beyond", "opened")
    )
    factor = pl.col("last_close") / pl.col("daily_close")
    return [
        (
            one_factor,
            pl.format(
                "its last close is {}, daily_prices says {}, and its other prices differ by the same factor of {}: the bars are "
                "adjusted for dividends or splits. Deliver prices as traded, or declare landing.bars.prices = 'adjusted' with the "
                "column adjust_factor",
                _number("last_close"), _number("daily_close"), factor.round(4),
            ),
        ),
        (
            off,
            pl.format(
                "its last close is {}, daily_prices says {}: rows are missing at the end or prices are altered",
                _number("last_close"), _number("daily_close"),
            ),
        ),
        (
            outside,
            pl.format(
                "its prices range from {} to {}, daily_prices says {} to {}",
                _number("bottom"), _number("top"), _number("daily_low"), _number("daily_high"),
            ),
        ),
        (
            beyond,
            pl.format(
                "its bars hold the whole day's volume and range from {} to {}, daily_prices says {} to {}: high or low there is wrong{}",
                _number("whole_bottom"), _number("whole_top"), _number("daily_low"), _number("daily_high"), pl.lit("" if sampled else _SAMPLED),
            ),
        ),
        (
            opened,
            pl.format(
                "its bars hold the whole day's volume and open at {}, daily_prices says {}: the open there is wrong, or that of the "
                "bars is not the price of the first trade",
                _number("first_open"), _number("daily_open"),
            ),
        ),
    ]  # fmt: skip


def of_snapshots(declared: Mapping[str, Any]) -> bool:
    """Whether the settings declare highs and lows to be those of snapshots, which miss trades between them."""
    return declared.get("landing.bars.extremes") == "snapshots"


def contradicts_day(settings: BarsSettings, averaged: Sequence[str], sampled: bool) -> pl.Expr:
    """Whether bars that hold the whole day's volume and amount have another open, high, low or close than daily_prices; columns as
    `name_reasons`. Either of the two is wrong, and portfolios are priced by daily_prices. Prices that are all off by one factor
    are adjusted, and no fault of daily_prices.
    """
    against = _against_day(settings, averaged, sampled)
    money = pl.col("amount_difference").abs() <= pl.col("amount_slack") + 1e-9
    differs = pl.any_horizontal(against[name].fill_null(False) for name in ("off", "outside", "beyond", "opened"))
    return (
        against["whole"].fill_null(False) & money.fill_null(False) & differs & ~against["one_factor"].fill_null(False)
    )


def _against_day(settings: BarsSettings, averaged: Sequence[str], sampled: bool) -> dict[str, pl.Expr]:
    """What of a name's bars daily_prices contradicts: the last close (off), all prices by one factor, prices outside the day's range,
    a range beyond that of bars that hold the whole volume, their open; and whether they hold it."""
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
    """The result where none of the values is null."""
    return pl.when(values.null_count() == 0).then(result)


def _number(name: str) -> pl.Expr:
    return pl.col(name).round(4).cast(pl.String)


def power_of_ten(ratio: pl.Expr, settings: BarsSettings) -> pl.Expr:
    """The power of ten that a ratio is within `unit_tolerance` of; 0 where it is near none, or near 1."""
    exponent = pl.when(ratio > 0).then(ratio).log10()
    whole = exponent.round()
    near = (exponent - whole).abs() <= math.log10(1 + settings.unit_tolerance)
    return pl.when(near & whole.is_finite()).then(whole).otherwise(0).fill_null(0).cast(pl.Int64)


def _scaled(
    column: str, ratio: pl.Expr, settings: BarsSettings, declared: Mapping[str, Any]
) -> list[tuple[pl.Expr, pl.Expr]]:
    power = power_of_ten(ratio, settings)
    units = {exponent: f"it is {text}" for exponent, text in column_units(column, "bars", declared).items()}
    cause = _said_of(power, units, "it is in another unit than daily_prices")
    return [(power != 0, pl.format("its {} is 1e{} times that of daily_prices: {}", pl.lit(column), power, cause))]


def _said_of(power: pl.Expr, causes: Mapping[int, str], otherwise: str) -> pl.Expr:
    """The cause of a power of ten."""
    said = pl.lit(otherwise)
    for exponent, text in causes.items():
        said = pl.when(power == exponent).then(pl.lit(text)).otherwise(said)
    return said
