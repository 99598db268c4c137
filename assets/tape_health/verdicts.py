"""Makes the verdict of each symbol-day and its reason from the measures of its tape (SPEC §2.3).

This module compares totals with references and decides whether a tape is ok, repaired, set aside or missing. It does not measure
tapes (align_tapes.py and the side files of trades, orders and quotes) or judge files and the day (make_tape_health.py).

Verdicts. ok: nothing was found. repaired: duplicates were dropped, stamps were corrected to their bar or single snapshots were left
out, and the values are used. set aside: later tables keep the rows with null values. missing: the symbol should have traded and has
no tape; later tables have no rows of it. `verdict` is the verdict on the values: a book that is set aside (quotes_verdict) does not
affect the columns of the trades, and no bar reads orders.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from assets.delivered_bars.against_price import bound_of_share
from assets.delivered_bars.diagnosis import CENT_SLACK, contradicts_day, name_reasons, of_snapshots
from resources.reference_forms import LOT
from resources.rounding import Rounding
from resources.settings.bars import BarsSettings

OK, REPAIRED, SET_ASIDE, MISSING = "ok", "repaired", "set aside", "missing"
WITH, WITHOUT = "with", "without"
"""Values of reference_counts: whether the reference includes trades after hours."""
CLOSED_MS = 54_000_000  # 15:00: from here on a snapshot's cumulative fields are those of the day
_SHARES_OFF, _YUAN_OFF, _SHARES_SLACK, _YUAN_SLACK = (
    pl.col(name) for name in ("volume_difference", "amount_difference", "volume_slack", "amount_slack")
)
_FEWEST_LATE = 5
_REFERENCE = ("daily_prices", "the last snapshot")
Sentences = list[tuple[pl.Expr, pl.Expr]]


def judge_ticks(found: pl.DataFrame, settings: BarsSettings, rounding: Rounding) -> pl.DataFrame:
    """Add reference_volume, reference_amount, the differences, the verdicts and the reason to the measures of ticks.

    found, one row per symbol: the columns of align_tapes.TAPE and BOOK (trades and quotes null where it has none);
    daily_volume (shares), daily_amount (yuan); explicit: whether limit prices were delivered with them; the counts of
    symbols.parquet of trades, orders and quotes under `trades.`, `orders.` and `quotes.` (schemas in assets/ticks/day_of_files.py);
    overfilled_orders and, under `faults.`, the other counts of rebuilt_orders.FAULTS; gapped: whether its channel lacks numbers or
    ends early. Each row is judged independently, except for two facts about the daily prices: whether the day has any, and whether
    they are delivered to the cent. rounding: the units of the daily prices; their totals may be wrong by half a unit.
    """
    judged = _against_references(found, settings, rounding)
    traded = (pl.col("trades").fill_null(0) > 0) | (pl.col("quoted_volume").fill_null(0) > 0)
    judged = judged.with_columns(
        unpriced=_priced_day() & traded & pl.col("daily_volume").is_null(),
        contradicting=pl.col("overfilled_orders") - pl.col("faults.auctioned"),
    )
    judged = judged.with_columns(
        contradicted=pl.when(pl.col("contradicting").is_not_null()).then(_contradicted(settings))
    )
    told = {
        "trades": (pl.col("trades").is_not_null(), _trades_set_aside(settings), _trades_repaired(settings)),
        "quotes": (pl.col("quotes").is_not_null(), _quotes_set_aside(settings), _quotes_repaired()),
        "orders": (pl.col("orders").is_not_null(), _orders_set_aside(), _orders_repaired()),
    }
    for name, (delivered, aside, repaired) in told.items():
        judged = judged.with_columns(pl.when(delivered).then(_joined(aside)).alias(f"{name}_aside"))
        stands = delivered & pl.col(f"{name}_aside").is_null()
        judged = judged.with_columns(pl.when(stands).then(_joined(repaired)).alias(f"{name}_repaired"))
        judged = judged.with_columns(
            pl.when(pl.col(f"{name}_aside").is_not_null())
            .then(pl.lit(SET_ASIDE))
            .when(pl.col(f"{name}_repaired").is_not_null())
            .then(pl.lit(REPAIRED))
            .when(delivered)
            .then(pl.lit(OK))
            .alias(f"{name}_verdict")
        )
    should = (pl.col("daily_volume") > 0) | (pl.col("quoted_volume") > 0)
    judged = judged.with_columns(missing=pl.when(pl.col("trades").is_null() & should).then(_missing()))
    judged = judged.with_columns(
        trades_verdict=pl.when(pl.col("missing").is_not_null()).then(pl.lit(MISSING)).otherwise("trades_verdict")
    )
    stories = [f"{name}_{kind}" for name in told for kind in ("aside", "repaired")]
    return judged.with_columns(
        verdict=pl.when(pl.col("trades_verdict").is_in([MISSING, SET_ASIDE]))
        .then("trades_verdict")
        .when(pl.any_horizontal(pl.col(story).is_not_null() for story in stories))
        .then(pl.lit(REPAIRED))
        .otherwise(pl.lit(OK)),
        reason=_none_if_empty(pl.concat_str("missing", *stories, separator="; ", ignore_nulls=True)),
    )


def judge_bars(
    found: pl.DataFrame,
    averaged: Sequence[str],
    settings: BarsSettings,
    own: Rounding,
    daily: Rounding,
    declared: Mapping[str, Any] | None = None,
) -> pl.DataFrame:
    """Add the same columns to the measures of one-minute bars that were delivered instead of ticks.

    found: symbol, volume (shares) and amount (yuan, null where not delivered) of its minutes, daily_volume, daily_amount,
    daily_open, daily_high, daily_low, daily_close, the columns of diagnosis.MEASURES, rounded (rounding.rounded_rows), hides (whether
    minutes that traded may show nothing, because only volumes in lots were delivered), rejected (why rows of it are impossible, or
    null), odd (a fault of its minutes, name_minutes.py, or null), late_volume and late_amount (those of minute 905), after_hours
    (whether the stock's board trades after hours), delivered. averaged: exchanges without a closing auction on the day. own, daily:
    the rounding of the bars and of daily_prices; each figure may be wrong by half a unit, or by the share that 32-bit floats lose.
    declared: the settings about the bars.
    """
    against_daily = name_reasons(settings, averaged, declared or {})
    compared = _against_daily(found, settings, own, daily)
    unheard = pl.col("after_hours") & (pl.col("late_volume").fill_null(0) == 0) & (pl.col("volume_difference") < 0)
    cause = pl.when(unheard).then(
        pl.lit(
            ". Its board trades after hours on this day, and no minute 905 of it was delivered: if daily_prices includes these "
            "trades, deliver this minute"
        )
    )
    totals = pl.concat_str(_totals("minutes"), cause.fill_null(""))
    causes = [
        (pl.col("rejected").is_not_null(), pl.col("rejected")),
        *against_daily,
        *_lots_lost(own, unheard),
        *_amounts_cut(own),
        *_daily_rounded(own, daily),
        (_off() & ~pl.col("late_missing"), totals),
        (pl.col("odd").is_not_null(), pl.col("odd")),
    ]
    why = pl.coalesce(pl.when(holds).then(sentence) for holds, sentence in causes)
    absent = pl.format("daily_prices has a volume of {} shares, but no minute of it was delivered", "daily_volume")
    verdict = (
        pl.when(~pl.col("delivered"))
        .then(pl.lit(MISSING))
        .when(why.is_not_null())
        .then(pl.lit(SET_ASIDE))
        .otherwise(pl.lit(OK))
    )
    contradicts = (
        contradicts_day(settings, averaged, of_snapshots(declared or {}))
        & pl.col("rejected").is_null()
        & pl.col("same_as").is_null()
    )
    return compared.with_columns(
        contradicts_day=contradicts,
        verdict=verdict,
        trades_verdict=verdict,
        reason=pl.when("delivered").then(why).otherwise(absent),
    )


def _against_daily(found: pl.DataFrame, settings: BarsSettings, own: Rounding, daily: Rounding) -> pl.DataFrame:
    """Add to found (see `judge_bars`) its differences from daily_prices and the largest accepted values of them."""
    compared = found.with_columns(
        reference=pl.when(pl.col("daily_volume").is_not_null()).then(pl.lit(_REFERENCE[0])),
        reference_volume=pl.col("daily_volume"),
        reference_amount=pl.col("daily_amount"),
        volume_slack=pl.max_horizontal(
            pl.lit(settings.volume_tolerance),
            (own.volume * pl.col("rounded") + daily.volume) / 2
            + own.volume_share * pl.col("volume")
            + daily.volume_share * pl.col("daily_volume"),
        ),
        amount_slack=pl.max_horizontal(
            pl.lit(settings.amount_tolerance),
            (own.amount * pl.col("rounded") + daily.amount) / 2
            + own.amount_share * pl.col("amount")
            + daily.amount_share * pl.col("daily_amount"),
        ),
        unpriced=_priced_day()
        & pl.col("traded").fill_null(False)
        & pl.col("daily_volume").is_null()
        & pl.col("same_as").is_null(),  # daily_prices has the row under the other code
    )
    compared = _differences(compared, pl.col("daily_amount"), pl.lit(1))
    compared = compared.with_columns(late_missing=_late_missing(settings, own, daily))
    return compared.with_columns(
        reference_counts=pl.when("late_missing").then(pl.lit(WITH)).otherwise("reference_counts")
    )


def _late_missing(settings: BarsSettings, own: Rounding, daily: Rounding) -> pl.Expr:
    """Return whether a stock's bars lack only its trades after hours, which the reference includes.

    These trades are at the close (SPEC §1), so that the missing amount is the missing volume at the close, to the cent. A missing
    minute may look the same. This is therefore only accepted if no stock of the file has a bar 905, and if at least `_FEWEST_LATE`
    stocks and nearly all of those that lack volume lack it in this way.
    """
    missing = (
        pl.col("after_hours") & pl.col("closing_trade") & (_SHARES_OFF < 0) & (pl.col("late_volume").fill_null(0) == 0)
    ).fill_null(False)
    slack = (
        CENT_SLACK
        + (own.amount * pl.col("rounded") * int(own.amount > 1) + daily.amount * int(daily.amount > 1)) / 2
        + own.amount_share * pl.col("amount")
        + daily.amount_share * pl.col("daily_amount")
    )
    at_close = missing & ((_YUAN_OFF - _SHARES_OFF * pl.col("daily_close")).abs() <= slack).fill_null(False)
    usual = at_close.sum() >= pl.max_horizontal(
        pl.lit(_FEWEST_LATE, pl.Float64), (1 - settings.max_set_aside_share) * missing.sum()
    )
    return at_close & usual & (pl.col("late_volume").fill_null(0).sum() == 0)


def _lots_lost(own: Rounding, unheard: pl.Expr) -> Sentences:
    """Describe a difference in volume that rounding to lots explains and declared rounding to the nearest lot does not.

    unheard: whether trades after hours explain it.
    """
    half = LOT * pl.col("rounded") / 2
    cut_or_rounded = _SHARES_OFF.is_between(-2 * half, half)
    off = (_SHARES_OFF.abs() > _SHARES_SLACK) & cut_or_rounded
    lost = pl.lit(own.whole_lots) & off & ~unheard.fill_null(False)
    odd = (pl.col("reference_volume") % LOT != 0) | pl.lit(own.volume > 0)
    return [
        (
            lost & odd,
            pl.format(
                "its volumes are whole lots and add up to {} shares, but daily_prices has {}, less than a lot away for each minute that traded: "
                "they were rounded to lots. Deliver volumes in shares, or lots rounded to the nearest one with landing.bars.volume_unit = 'lots'",
                "volume", "reference_volume",
            ),
        )
    ]  # fmt: skip


def _amounts_cut(own: Rounding) -> Sentences:
    """Describe a difference only in amount that truncating amounts to their unit explains and rounding them does not."""
    same = (_SHARES_OFF.abs() <= _SHARES_SLACK).fill_null(False)
    cut = pl.lit(own.amount > 0) & same & (_YUAN_OFF < -_YUAN_SLACK) & (-own.amount * pl.col("rounded") <= _YUAN_OFF)
    return [
        (
            cut.fill_null(False),
            pl.format(
                "its amounts are multiples of {} yuan and add up to {}, but daily_prices has {}, less than that away for each minute that traded: "
                "they were truncated. Deliver amounts to the cent, or rounded to the nearest",
                pl.lit(own.amount), "amount", "reference_amount",
            ),
        )
    ]  # fmt: skip


_NAMED = {"daily_prices": "daily_prices", "bars": "the bars"}


def _daily_rounded(own: Rounding, daily: Rounding) -> Sentences:
    """Describe a difference that undeclared rounding of daily_prices, or of the amounts of the bars, explains."""
    shares, money = _SHARES_OFF.abs(), _YUAN_OFF.abs()
    lots = pl.lit(daily.whole_lots and not own.whole_lots) & (shares > _SHARES_SLACK) & (shares < LOT)
    same = (shares <= _SHARES_SLACK).fill_null(False) & (money > _YUAN_SLACK)
    unit = {
        1_000: " with landing.{}.amount_unit = 'thousand_yuan'",
        10_000: " with landing.{}.amount_unit = 'ten_thousand_yuan'",
    }

    def rounded(table: str, step: int) -> pl.Expr:
        declared = f", or in their unit{unit[step].format(table)}" if step in unit else ""
        return pl.format(
            "its amounts add up to {} yuan, but daily_prices has {}, and every amount of {} is a multiple of {} yuan: those of {} were "
            "rounded. Deliver amounts to the yuan{}",
            "amount", "reference_amount", pl.lit(_NAMED[table]), pl.lit(step), pl.lit(_NAMED[table]), pl.lit(declared),
        )  # fmt: skip

    return [
        (
            lots.fill_null(False),
            pl.format(
                "its volumes add up to {} shares, but daily_prices has {}, and every volume of daily_prices is whole lots: those of daily_prices "
                "were rounded. Deliver them in shares, or as lots rounded to the nearest one with landing.daily_prices.volume_unit = 'lots'",
                "volume", "reference_volume",
            ),
        ),
        (
            pl.lit(daily.whole_amount > own.whole_amount) & same & (money < daily.whole_amount),
            rounded("daily_prices", daily.whole_amount),
        ),
        (
            pl.lit(own.whole_amount > daily.whole_amount) & same & (money < own.whole_amount * pl.col("rounded")),
            rounded("bars", own.whole_amount),
        ),
    ]  # fmt: skip


def _priced_day() -> pl.Expr:
    """Return whether daily_prices has any row of the day; without one, it was not delivered."""
    return pl.col("daily_volume").is_not_null().any()


# --- totals ---------------------------------------------------------------------------------------------------------------


def _against_references(found: pl.DataFrame, settings: BarsSettings, rounding: Rounding) -> pl.DataFrame:
    """Compare the trades with their reference: daily_prices or, without a row there, the last snapshot if it is from after the close.

    Amounts are compared in whole 1/10 000 yuan and returned in yuan. They must be equal to the cent if the reference has cents. If no
    daily amount of the day has cents, the vendor rounds them.
    """
    cents = (found["daily_amount"] * 100).round()
    to_the_cent = bool((cents % 100 != 0).any())
    daily = (pl.col("daily_amount") * (100 if to_the_cent else 1)).round().cast(pl.Int64) * (
        100 if to_the_cent else 10_000
    )
    by_day = pl.col("daily_volume").is_not_null()
    by_book = ~by_day & (pl.col("quoted_volume").is_not_null()) & (pl.col("final_time") >= CLOSED_MS)
    whole = pl.when(by_day).then(pl.lit(not to_the_cent)).otherwise("whole_yuan")
    slack = pl.when(whole).then(settings.amount_tolerance).otherwise(settings.cent_tolerance)
    amount = pl.when(by_day).then(daily).when(by_book).then("quoted_amount")
    told = found.with_columns(
        reference=pl.when(by_day).then(pl.lit(_REFERENCE[0])).when(by_book).then(pl.lit(_REFERENCE[1])),
        reference_volume=pl.when(by_day).then("daily_volume").when(by_book).then("quoted_volume"),
        reference_amount=amount / 10_000,
        quoted_volume_difference=pl.when(pl.col("quoted_volume") == pl.col("volume") - pl.col("late_volume"))
        .then(0)
        .otherwise(
            pl.col("volume") - pl.col("quoted_volume")
        ),  # a snapshot of the close comes before the trades after hours
        _exact=amount,
    )
    told = told.with_columns(
        volume_slack=pl.max_horizontal(
            pl.lit(settings.volume_tolerance),
            pl.when(by_day).then(rounding.volume / 2 + rounding.volume_share * pl.col("daily_volume")),
        ),
        amount_slack=pl.max_horizontal(
            slack, pl.when(by_day).then(rounding.amount / 2 + rounding.amount_share * pl.col("daily_amount"))
        ),
    )
    differences = _differences(told, pl.col("_exact"), pl.lit(10_000))
    return differences.with_columns(amount=pl.col("amount") / 10_000).drop("_exact")


def _differences(found: pl.DataFrame, amount: pl.Expr, unit: pl.Expr) -> pl.DataFrame:
    """Add volume_difference (shares) and amount_difference (yuan) from the reference, and reference_counts.

    A reference may include the trades after hours or not (SPEC §1). Both are compared; if the totals agree only without these trades,
    the differences are those without them. amount: the reference's, in the unit of the columns amount and late_amount. unit: how many
    of this unit are a yuan.
    """

    late = pl.col("late_volume").fill_null(0) > 0
    shares = pl.col("volume") - pl.col("reference_volume")
    money = (pl.col("amount") - amount) / unit
    market_shares = shares - pl.col("late_volume")
    market_money = (pl.col("amount") - pl.col("late_amount") - amount) / unit
    compared = late & pl.col("reference_volume").is_not_null()
    counts = (
        pl.when(compared & ~_off(shares, money))
        .then(pl.lit(WITH))
        .when(compared & ~_off(market_shares, market_money))
        .then(pl.lit(WITHOUT))
    )
    found = found.with_columns(reference_counts=counts)
    left_out = pl.col("reference_counts").eq_missing(pl.lit(WITHOUT))
    return found.with_columns(
        volume_difference=pl.when(left_out).then(market_shares).otherwise(shares),
        amount_difference=pl.when(left_out).then(market_money).otherwise(money),
    )


def _off(
    shares: pl.Expr = _SHARES_OFF,
    money: pl.Expr = _YUAN_OFF,
) -> pl.Expr:
    """Return whether a difference from the reference, in shares or yuan, is more than rounding; an unknown one is not."""
    by_volume = (shares.abs() > _SHARES_SLACK).fill_null(False)
    return by_volume | (money.abs() > _YUAN_SLACK + 1e-9).fill_null(False)


def _totals(what: str) -> pl.Expr:
    def number(name: str) -> pl.Expr:  # an unknown amount must not make the whole sentence null
        return pl.col(name).round(4).cast(pl.String).str.strip_suffix(".0").fill_null("unknown")

    return pl.format(
        "its {} add up to {} shares and {} yuan, but {} has {} and {}: rows are missing, duplicated or altered",
        pl.lit(what), number("volume"), number("amount"), "reference", number("reference_volume"), number("reference_amount"),
    )  # fmt: skip


# --- reasons: pairs of a condition and a sentence -------------------------------------------------------------------------


def _joined(told: Sentences) -> pl.Expr:
    """Join the sentences whose conditions are true; null where none is."""
    sentences = [pl.when(holds).then(text) for holds, text in told]
    return _none_if_empty(pl.concat_str(sentences, separator="; ", ignore_nulls=True))


def _none_if_empty(text: pl.Expr) -> pl.Expr:
    return pl.when(text != "").then(text)


def clock_text(ms: str) -> pl.Expr:
    """Return '09:30:03.000' for a column of milliseconds since midnight."""
    parts = ((3_600_000, 24, 2), (60_000, 60, 2), (1000, 60, 2), (1, 1000, 3))
    return pl.format(
        "{}:{}:{}.{}", *((pl.col(ms) // unit % size).cast(pl.String).str.zfill(digits) for unit, size, digits in parts)
    )


def _proven(settings: BarsSettings) -> pl.Expr:
    """Return whether a total proves that the tape is complete."""
    return pl.col("reference").is_not_null() & ~_off()


def _contradicted(settings: BarsSettings) -> pl.Expr:
    """Return whether a symbol's trades and orders cannot be of one tape.

    If the trades differ from their total, that is the cause instead. For each order row that could not be used, one order may lack
    its row; orders that auctions filled may lack theirs (rebuilt_orders.py).
    """
    allowed = settings.max_faulty_order_share * pl.col("faults.orders") + pl.col("orders.rows_set_aside").fill_null(0)
    too_many = pl.col("contradicting") > allowed
    return too_many.fill_null(False) & pl.col("trades").is_not_null() & ~_off()


def sides_contradict_prices(settings: BarsSettings) -> pl.Expr:
    """Return whether against_price is a larger share of price_changes than the settings accept, beyond chance."""
    return (bound_of_share(settings, -1) > settings.max_against_price_share).fill_null(False)


def sides_agree_with_prices(settings: BarsSettings) -> pl.Expr:
    """Return whether against_price is a smaller share of price_changes than the settings accept, or than half, beyond chance.

    Half applies where the accepted share is below it: few changes prove that sides are not exchanged, but not that they are not random.
    """
    return (bound_of_share(settings, 1) < max(settings.max_against_price_share, 0.5)).fill_null(False)


def has_swept_levels(settings: BarsSettings) -> pl.Expr:
    """Whether enough best levels were taken whole for the volumes of a book to be judged by them."""
    return (pl.col("swept") >= settings.least_swept_levels).fill_null(False)


def levels_contradict_trades(settings: BarsSettings) -> pl.Expr:
    """Whether the volumes of a book are not those that the trades took of it: in another unit, or of the other side."""
    return _levels_in_another_unit(settings) | _levels_exchanged(settings)


def _levels_exchanged(settings: BarsSettings) -> pl.Expr:
    exact = pl.col("swept_own") + pl.col("swept_other")
    share = settings.max_contradicted_level_share
    exchanged = (exact >= settings.least_swept_levels) & (pl.col("swept_other") > share * exact)
    return exchanged.fill_null(False)


def _levels_in_another_unit(settings: BarsSettings) -> pl.Expr:
    off = pl.max_horizontal("swept_above", "swept_below")
    return has_swept_levels(settings) & (off > settings.max_contradicted_level_share * pl.col("swept")).fill_null(False)


def describe_levels(settings: BarsSettings) -> pl.Expr:
    """The likely cause of volumes that contradict the trades, with its counts and the remedy. Exchanged volumes may differ manifold as well,
    so that exact matches decide."""
    factor, share = pl.lit(f"{settings.swept_volume_factor:g}"), pl.lit(f"{settings.max_contradicted_level_share:.0%}")
    in_shares = pl.lit("Deliver the bid and ask volumes of the snapshots in shares")
    manifold = (
        "{}: next after a snapshot the trades took {} {} the volume shown, or {}, of {} of the {} best levels that they took whole "
        "(bars.swept_volume_factor), more than {} (bars.max_contradicted_level_share). {}"
    )
    larger = pl.lit("level volumes are in a larger unit than shares, such as lots of 100")
    multiplied = pl.lit("level volumes are multiplied, as where shares were taken for lots of 100")
    off = pl.max_horizontal("swept_above", "swept_below")
    return (
        pl.when(_levels_exchanged(settings) & (pl.col("swept_other") >= off))
        .then(
            pl.format(
                "bid and ask volumes are exchanged: next after a snapshot the trades took exactly the volume of one side of {} best levels, and "
                "of {} of them that of the wrong side, more than {} (bars.max_contradicted_level_share). Exchange the columns in the snapshot "
                "files, or in the layout that reads them (docs/layouts.md)",
                pl.col("swept_own") + pl.col("swept_other"),
                "swept_other",
                share,
            )
        )
        .when(pl.col("swept_above") >= pl.col("swept_below"))
        .then(pl.format(manifold, larger, factor, pl.lit("times"), pl.lit("more"), off, "swept", share, in_shares))
        .otherwise(
            pl.format(
                manifold,
                multiplied,
                pl.format("1/{}", factor),
                pl.lit("of"),
                pl.lit("less"),
                off,
                "swept",
                share,
                in_shares,
            )
        )
    )


def _cause_of_contradictions() -> pl.Expr:
    """Return the likely cause of orders that contradict the trades, which follows from the counts of each fault."""
    faulty, exchanged = pl.col("contradicting"), pl.col("faults.exchanged")
    return (
        pl.when((exchanged > 0) & (exchanged >= 0.9 * pl.col("faults.matched")))
        .then(
            pl.lit(
                "buyers and sellers are exchanged in one of the two: the order numbers of bid and ask in its trades, or the letters of the "
                "side in its orders"
            )
        )
        .when((pl.col("faults.mispriced") >= 0.5 * faulty) & (exchanged == 0))
        .then(
            pl.lit(
                "they were filled at worse prices than their limits: buyers and sellers are exchanged in trades and orders alike, or the "
                "prices of one are in another unit"
            )
        )
        .when(pl.col("faults.unknown") - pl.col("faults.auctioned") >= 0.5 * faulty)
        .then(
            pl.lit(
                "they never entered: rows of the order file are missing, or it is that of another day, of another security or numbered "
                "otherwise"
            )
        )
        .when(pl.col("faults.miscancelled") >= 0.5 * faulty)
        .then(pl.lit("cancels are not of the remaining quantity: rows of the trades or of the orders are missing"))
        .when(pl.col("faults.repeated") >= 0.5 * faulty)
        .then(pl.lit("they entered or were cancelled twice: order rows were delivered twice under other numbers"))
        .otherwise(
            pl.lit(
                "its orders and its trades are of different days or securities, or their quantities are in different units"
            )
        )
    )


def _trades_set_aside(settings: BarsSettings) -> Sentences:
    return [*_rows_in_doubt(settings), *_sides_in_doubt(settings), *_tapes_in_doubt()]


def _rows_in_doubt(settings: BarsSettings) -> Sentences:
    """List the faults of rows: trades that are duplicated, do not add up, contradict the snapshots, or have an impossible price or stamp."""
    away = pl.when(pl.col("first_off") >= 0).then(
        pl.format(" (its snapshots differ from the sums of its trades from {} on)", clock_text("first_off"))
    )
    proven = _proven(settings)
    agrees = proven & (pl.col("run") >= 2)
    return [
        (
            pl.col("trades.conflicting_duplicates") > 0,
            pl.format("{} of its trades were delivered twice with different values", "trades.conflicting_duplicates"),
        ),
        (_off(), pl.concat_str(_totals("trades"), away.fill_null(""))),
        (
            (pl.col("trades.rows_set_aside") > 0) & ~proven,
            pl.format(
                "{} of its rows in the trade files cannot be used, and no total proves that none of its trades is missing",
                "trades.rows_set_aside",
            ),
        ),
        (
            agrees,
            pl.format(
                "{} consecutive snapshots, from {} on, are not the sums of its trades, and that of {} is again: the snapshots or the trades "
                "in between are wrong",
                "run",
                clock_text("run_from"),
                clock_text("run_to"),
            ),
        ),
        (
            (pl.col("outside") > 0) & (pl.col("explicit") | pl.col("quoted_limit_up").is_not_null()),
            pl.format("{} of its trades are priced outside the limit prices delivered for the day", "outside"),
        ),
        (
            pl.col("uncertain") > 0,
            pl.format(
                "{} of its trades are stamped out of order, and the trades around them are not in one bar",
                "uncertain",
            ),
        ),
    ]


def _sides_in_doubt(settings: BarsSettings) -> Sentences:
    """List the faults of sides: trades that contradict their orders, or the sides of which contradict flags, books or prices."""
    return [
        (
            pl.col("trades.side_disagreements") > settings.max_side_disagreements,
            pl.format(
                "flag and order numbers of {} continuous prints disagree about the aggressor, more than {} "
                "(bars.max_side_disagreements)",
                "trades.side_disagreements",
                pl.lit(settings.max_side_disagreements),
            ),
        ),
        (
            pl.col("contradicted").fill_null(False),
            pl.format(
                "its trades contradict {} of its {} orders, more than {} (bars.max_faulty_order_share): {}",
                "contradicting",
                "faults.orders",
                pl.lit(f"{settings.max_faulty_order_share:.2%}"),
                _cause_of_contradictions(),
            ),
        ),
        (
            (pl.col("following") >= settings.least_following_trades)
            & (pl.col("against_book") > settings.max_against_book_share * pl.col("following")),
            pl.format(
                "{} of its {} trades next after a snapshot, at its best prices, are active on the other side than its book says, more than "
                "{} (bars.max_against_book_share): buyers and sellers are exchanged in its trades, in their order numbers or their flags",
                "against_book",
                "following",
                pl.lit(f"{settings.max_against_book_share:.0%}"),
            ),
        ),
        (
            sides_contradict_prices(settings),
            pl.format(
                "{} of its {} price changes go against the side of their trade (up by an active sell, or down by an active buy), more than "
                "{} (bars.max_against_price_share): buyers and sellers are exchanged in its trades, in their order numbers or their flags, or, where it is about half of "
                "them, the order numbers do not rise with time",
                "against_price",
                "price_changes",
                pl.lit(f"{settings.max_against_price_share:.0%}"),
            ),
        ),
        (
            pl.col("improving") > settings.max_improving_fills,
            pl.format(
                "{} of its trades fill an active order at a better price than the trade just before, more than {} "
                "(bars.max_improving_fills), where a book is taken from its best price on: rows are altered or out of order, or buyers and "
                "sellers are exchanged in its trades",
                "improving",
                pl.lit(settings.max_improving_fills),
            ),
        ),
    ]


def _tapes_in_doubt() -> Sentences:
    """List the faults of tapes: several channels, stocks that did not trade, or gaps without a total that proves the tape complete."""
    return [
        (
            pl.col("channels") > 1,
            pl.format("its trades before the close are on {} channels, but a stock has one channel", "channels"),
        ),
        (
            (pl.col("trades") > 0) & pl.col("unpriced"),
            pl.lit(
                "daily_prices of this day has no usable row of it, which means that it did not trade, but trades of it were delivered. "
                "Deliver its row of reference/daily_prices"
            ),
        ),
        (
            pl.col("gapped") & pl.col("reference").is_null(),
            pl.lit(
                "its channel lacks numbers or stops before the close, and no total proves that none of its trades is missing"
            ),
        ),
    ]


def _trades_repaired(settings: BarsSettings) -> Sentences:
    return [
        (
            pl.col("trades.duplicates") > 0,
            pl.format("{} of its trades were delivered twice and count once", "trades.duplicates"),
        ),
        (
            (pl.col("trades.rows_set_aside") > 0) & _proven(settings),
            pl.format(
                "{} of its rows in the trade files cannot be used; the total proves that no trade is missing",
                "trades.rows_set_aside",
            ),
        ),
        (
            (pl.col("disordered") > 0) & (pl.col("uncertain") == 0),
            pl.format("{} stamps of its trades are out of order and were corrected to their bar", "disordered"),
        ),
    ]


def _missing() -> pl.Expr:
    lost = pl.when(pl.col("trades.rows_set_aside") > 0).then(
        pl.format(": the {} rows of it that were delivered cannot be used", "trades.rows_set_aside")
    )
    reference = pl.when(pl.col("daily_volume") > 0).then(pl.lit(_REFERENCE[0])).otherwise(pl.lit(_REFERENCE[1]))
    volume = pl.when(pl.col("daily_volume") > 0).then("daily_volume").otherwise("quoted_volume")
    absent = pl.format("{} has a volume of {} shares, but no usable trade of it was delivered", reference, volume)
    return pl.concat_str(absent, lost.fill_null(""))


def _unusable() -> pl.Expr:
    """Return the number of snapshots left out. If the trades are wrong, snapshots that disagree with them are not counted."""
    own = pl.sum_horizontal("cumulative_decreases", "crossed_quotes", "odd_quotes")
    return pl.when(pl.col("trades_aside").is_null()).then("unusable_quotes").otherwise(own)


def _quotes_set_aside(settings: BarsSettings) -> Sentences:
    share = pl.lit(f"{settings.max_unusable_quote_share:.0%}")
    story = "its book is set aside: {} of {} snapshots cannot be used, more than {} (bars.max_unusable_quote_share): {}"
    # The virtual books of a halt are left out, but they are not faults.
    at_fault = _unusable() - pl.col("halted_quotes")
    too_many = at_fault > settings.max_unusable_quote_share * pl.col("judged")
    never = (pl.col("trades") > 0) & (pl.col("judged") > 0) & ~pl.col("booked")
    return [
        (too_many, pl.format(story, at_fault, "judged", share, _faults())),
        (
            never,
            pl.lit("its book is set aside: it traded, and none of its snapshots in continuous trading shows an order"),
        ),
        (
            pl.col("gap") > settings.max_quote_gap_seconds * 1000,
            pl.format(
                "its book is set aside: no snapshot includes its trade of {} until {} s later, more than {} "
                "(bars.max_quote_gap_seconds): snapshots are missing",
                clock_text("gap_from"),
                pl.col("gap") // 1000,
                pl.lit(f"{settings.max_quote_gap_seconds:g}"),
            ),
        ),
        (
            levels_contradict_trades(settings),
            pl.format("its book is set aside: {}", describe_levels(settings)),
        ),
    ]


def _quotes_repaired() -> Sentences:
    return [
        (
            _unusable() > 0,
            pl.format("{} of {} snapshots are left out of the book: {}", _unusable(), "judged", _faults()),
        ),
        (
            pl.col("repeated_quotes") > 0,
            pl.format("{} snapshots repeat the one before and count once", "repeated_quotes"),
        ),
        (
            pl.col("quotes.rows_set_aside") > 0,
            pl.format("{} of its rows in the snapshot files cannot be used", "quotes.rows_set_aside"),
        ),
    ]


def _orders_set_aside() -> Sentences:
    return [
        (
            pl.col("orders.conflicting_duplicates") > 0,
            pl.format(
                "its orders are set aside: {} were delivered twice with different values",
                "orders.conflicting_duplicates",
            ),
        ),
        (
            pl.col("orders.rows_set_aside") > 0,
            pl.format(
                "its orders are set aside: {} of its rows in the order files cannot be used", "orders.rows_set_aside"
            ),
        ),
        (
            pl.col("overfilled_orders") > 0,
            pl.format(
                "its orders are set aside: {} were filled or cancelled beyond their size, at a worse price than their limit, on the "
                "other side or without having entered",
                "overfilled_orders",
            ),
        ),
    ]


def _orders_repaired() -> Sentences:
    return [
        (
            pl.col("orders.duplicates") > 0,
            pl.format("{} of its order rows were delivered twice and count once", "orders.duplicates"),
        ),
        (
            pl.col("orders.out_of_order") > 0,
            pl.format("{} of its order rows are stamped out of order", "orders.out_of_order"),
        ),
    ]


def _faults() -> pl.Expr:
    """Return the counts of each fault, as '2 crossed, 1 with smaller sums than an earlier one'."""
    named = {
        "crossed_quotes": "crossed",
        "cumulative_decreases": "with smaller sums than an earlier one",
        "misaligned_quotes": "not the sums of its trades",
        "late_quotes": "stamped far from its trades",
        "odd_quotes": "inconsistent (levels out of order, prices outside the limits, another previous close)",
    }
    return pl.concat_str(
        [pl.when(pl.col(name) > 0).then(pl.format("{} {}", name, pl.lit(text))) for name, text in named.items()],
        separator=", ",
        ignore_nulls=True,
    )
