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
from assets.tape_health import reasons
from resources import clock
from resources.reasons import Code, Listed, Nested, first_reasons, several_column
from resources.reference_forms import LOT
from resources.rounding import Rounding
from resources.settings.bars import BarsSettings

OK, REPAIRED, SET_ASIDE, MISSING = "ok", "repaired", "set aside", "missing"
WITH, WITHOUT = "with", "without"
"""Values of reference_counts: whether the reference includes trades after hours."""
# From this time on, the cumulative fields of a snapshot are those of the day.
_CLOSING_TIME_MS = clock.CLOSING_TIME * clock.MINUTE_MS
_SHARES_OFF, _YUAN_OFF, _SHARES_SLACK, _YUAN_SLACK = (
    pl.col(name) for name in ("volume_difference", "amount_difference", "volume_slack", "amount_slack")
)
_FEWEST_LATE = 5
_DAILY, _SNAPSHOT = "daily_prices", "the last snapshot"
_AMOUNT_UNITS = {1_000: "thousand_yuan", 10_000: "ten_thousand_yuan"}  # yuan → value of landing.*.amount_unit
Rules = list[tuple[pl.Expr, pl.Expr]]
"""Pairs of a condition, true where a fault is found, and the column of its reasons."""


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
    rules_of = {
        "trades": (_trades_set_aside(settings), _trades_repaired(settings)),
        "quotes": (_quotes_set_aside(settings), _quotes_repaired()),
        "orders": (_orders_set_aside(), _orders_repaired()),
    }
    found_rules: Rules = []
    for name, (aside, repaired) in rules_of.items():
        delivered, is_aside = pl.col(name).is_not_null(), pl.col(f"{name}_aside")
        judged = judged.with_columns((delivered & _any(aside)).alias(f"{name}_aside"))
        judged = judged.with_columns((delivered & ~is_aside & _any(repaired)).alias(f"{name}_repaired"))
        judged = judged.with_columns(
            pl.when(is_aside)
            .then(pl.lit(SET_ASIDE))
            .when(f"{name}_repaired")
            .then(pl.lit(REPAIRED))
            .when(delivered)
            .then(pl.lit(OK))
            .alias(f"{name}_verdict")
        )
        found_rules += [(is_aside & broken, reason) for broken, reason in aside]
        found_rules += [(pl.col(f"{name}_repaired") & broken, reason) for broken, reason in repaired]
    should = (pl.col("daily_volume") > 0) | (pl.col("quoted_volume") > 0)
    judged = judged.with_columns(missing=pl.col("trades").is_null() & should.fill_null(False))
    judged = judged.with_columns(
        trades_verdict=pl.when("missing").then(pl.lit(MISSING)).otherwise("trades_verdict"),
    )
    faults = [f"{name}_{kind}" for name in rules_of for kind in ("aside", "repaired")]
    judged = judged.with_columns(
        verdict=pl.when(pl.col("trades_verdict").is_in([MISSING, SET_ASIDE]))
        .then("trades_verdict")
        .when(pl.any_horizontal(faults))
        .then(pl.lit(REPAIRED))
        .otherwise(pl.lit(OK)),
    )
    return _with_reasons(judged, [*_missing(), *found_rules])


def _with_reasons(judged: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Add `reason`: the reasons of all rules that a symbol breaks; null where its verdict is ok. Only the other symbols are worded."""
    faulty = judged.filter(pl.col("verdict") != OK)
    each = faulty.select(
        "symbol", *(pl.when(broken).then(reason).alias(str(at)) for at, (broken, reason) in enumerate(rules))
    )
    worded = each.select("symbol", reason=several_column([str(at) for at in range(len(rules))]))
    return judged.join(worded, on="symbol", how="left", maintain_order="left")


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
    late = pl.when(unheard).then(reasons.AFTER_HOURS_NOT_DELIVERED.column())
    rules: Rules = [
        (~pl.col("delivered"), reasons.NO_MINUTE_OF_VOLUME.column(volume="daily_volume")),
        (pl.col("rejected").is_not_null(), pl.col("rejected")),
        *against_daily,
        *_lots_lost(own, unheard),
        *_amounts_cut(own),
        *_daily_rounded(own, daily),
        (_off() & ~pl.col("late_missing"), several_column([_totals(reasons.MINUTES_DO_NOT_ADD_UP), late])),
        (pl.col("odd").is_not_null(), pl.col("odd")),
    ]
    judged = compared.with_columns(reason=first_reasons(compared, rules))
    verdict = (
        pl.when(~pl.col("delivered"))
        .then(pl.lit(MISSING))
        .when(pl.col("reason").is_not_null())
        .then(pl.lit(SET_ASIDE))
        .otherwise(pl.lit(OK))
    )
    contradicts = (
        contradicts_day(settings, averaged, of_snapshots(declared or {}))
        & pl.col("rejected").is_null()
        & pl.col("same_as").is_null()
    )
    return judged.with_columns(contradicts_day=contradicts, verdict=verdict, trades_verdict=verdict)


def _against_daily(found: pl.DataFrame, settings: BarsSettings, own: Rounding, daily: Rounding) -> pl.DataFrame:
    """Add to found (see `judge_bars`) its differences from daily_prices and the largest accepted values of them."""
    compared = found.with_columns(
        reference=pl.when(pl.col("daily_volume").is_not_null()).then(pl.lit(_DAILY)),
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


def _lots_lost(own: Rounding, unheard: pl.Expr) -> Rules:
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
            reasons.VOLUMES_IN_LOTS.column(volume="volume", reference_volume="reference_volume"),
        )
    ]


def _amounts_cut(own: Rounding) -> Rules:
    """Describe a difference only in amount that truncating amounts to their unit explains and rounding them does not."""
    same = (_SHARES_OFF.abs() <= _SHARES_SLACK).fill_null(False)
    cut = pl.lit(own.amount > 0) & same & (_YUAN_OFF < -_YUAN_SLACK) & (-own.amount * pl.col("rounded") <= _YUAN_OFF)
    return [
        (
            cut.fill_null(False),
            reasons.AMOUNTS_TRUNCATED.column(step=pl.lit(own.amount), **_amounts()),
        )
    ]


def _amounts() -> dict[str, pl.Expr]:
    """The amounts of the bars and of daily_prices (yuan), as parameters of a reason."""
    return {name: pl.col(name).round(4) for name in ("amount", "reference_amount")}


def _daily_rounded(own: Rounding, daily: Rounding) -> Rules:
    """Describe a difference that undeclared rounding of daily_prices, or of the amounts of the bars, explains."""
    shares, money = _SHARES_OFF.abs(), _YUAN_OFF.abs()
    lots = pl.lit(daily.whole_lots and not own.whole_lots) & (shares > _SHARES_SLACK) & (shares < LOT)
    same = (shares <= _SHARES_SLACK).fill_null(False) & (money > _YUAN_SLACK)

    def rounded(table: str, step: int) -> pl.Expr:
        values = {"table": pl.lit(table), "step": pl.lit(step), **_amounts()}
        unit = _AMOUNT_UNITS.get(step)
        return (
            reasons.AMOUNTS_ROUNDED_TO_UNIT.column(unit=pl.lit(unit), **values)
            if unit
            else reasons.AMOUNTS_ROUNDED.column(**values)
        )

    return [
        (
            lots.fill_null(False),
            reasons.DAILY_VOLUMES_IN_LOTS.column(volume="volume", reference_volume="reference_volume"),
        ),
        (
            pl.lit(daily.whole_amount > own.whole_amount) & same & (money < daily.whole_amount),
            rounded("daily_prices", daily.whole_amount),
        ),
        (
            pl.lit(own.whole_amount > daily.whole_amount) & same & (money < own.whole_amount * pl.col("rounded")),
            rounded("bars", own.whole_amount),
        ),
    ]


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
    by_book = ~by_day & (pl.col("quoted_volume").is_not_null()) & (pl.col("final_time") >= _CLOSING_TIME_MS)
    whole = pl.when(by_day).then(pl.lit(not to_the_cent)).otherwise("whole_yuan")
    slack = pl.when(whole).then(settings.amount_tolerance).otherwise(settings.cent_tolerance)
    amount = pl.when(by_day).then(daily).when(by_book).then("quoted_amount")
    compared = found.with_columns(
        reference=pl.when(by_day).then(pl.lit(_DAILY)).when(by_book).then(pl.lit(_SNAPSHOT)),
        reference_volume=pl.when(by_day).then("daily_volume").when(by_book).then("quoted_volume"),
        reference_amount=amount / 10_000,
        quoted_volume_difference=pl.when(pl.col("quoted_volume") == pl.col("volume") - pl.col("late_volume"))
        .then(0)
        .otherwise(
            pl.col("volume") - pl.col("quoted_volume")
        ),  # a snapshot of the close comes before the trades after hours
        _exact=amount,
    )
    compared = compared.with_columns(
        volume_slack=pl.max_horizontal(
            pl.lit(settings.volume_tolerance),
            pl.when(by_day).then(rounding.volume / 2 + rounding.volume_share * pl.col("daily_volume")),
        ),
        amount_slack=pl.max_horizontal(
            slack, pl.when(by_day).then(rounding.amount / 2 + rounding.amount_share * pl.col("daily_amount"))
        ),
    )
    differences = _differences(compared, pl.col("_exact"), pl.lit(10_000))
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


def _totals(code: Code) -> pl.Expr:
    """Return the reason `code` with the sums and the reference's totals; an unknown one is shown as "–"."""
    return code.column(volume="volume", reference_volume="reference_volume", **_amounts())


# --- rules ----------------------------------------------------------------------------------------------------------------


def _any(rules: Rules) -> pl.Expr:
    """Return whether any of the conditions is true."""
    return pl.any_horizontal(broken for broken, _ in rules).fill_null(False)


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


def reason_of_levels(settings: BarsSettings) -> pl.Expr:
    """The reason of volumes that contradict the trades: the likely cause. Exchanged volumes may differ manifold as well, so that exact
    matches decide."""
    limit = pl.lit(settings.max_contradicted_level_share)
    off = pl.max_horizontal("swept_above", "swept_below")
    manifold = {"factor": pl.lit(settings.swept_volume_factor), "count": off, "levels": pl.col("swept"), "limit": limit}
    exact = pl.col("swept_own") + pl.col("swept_other")
    return (
        pl.when(_levels_exchanged(settings) & (pl.col("swept_other") >= off))
        .then(reasons.LEVELS_EXCHANGED.column(levels=exact, wrong="swept_other", limit=limit))
        .when(pl.col("swept_above") >= pl.col("swept_below"))
        .then(reasons.LEVELS_IN_LARGER_UNIT.column(**manifold))
        .otherwise(reasons.LEVELS_MULTIPLIED.column(**manifold))
    )


def _cause_of_contradictions() -> pl.Expr:
    """Return the likely cause of orders that contradict the trades, which follows from the counts of each fault."""
    faulty, exchanged = pl.col("contradicting"), pl.col("faults.exchanged")
    return (
        pl.when((exchanged > 0) & (exchanged >= 0.9 * pl.col("faults.matched")))
        .then(reasons.ORDER_SIDES_EXCHANGED.column())
        .when((pl.col("faults.mispriced") >= 0.5 * faulty) & (exchanged == 0))
        .then(reasons.ORDERS_MISPRICED.column())
        .when(pl.col("faults.unknown") - pl.col("faults.auctioned") >= 0.5 * faulty)
        .then(reasons.ORDERS_NEVER_ENTERED.column())
        .when(pl.col("faults.miscancelled") >= 0.5 * faulty)
        .then(reasons.CANCELS_OFF.column())
        .when(pl.col("faults.repeated") >= 0.5 * faulty)
        .then(reasons.ORDERS_REPEATED.column())
        .otherwise(reasons.ORDERS_OF_ANOTHER_TAPE.column())
    )


def _trades_set_aside(settings: BarsSettings) -> Rules:
    return [*_rows_in_doubt(settings), *_sides_in_doubt(settings), *_tapes_in_doubt()]


def _rows_in_doubt(settings: BarsSettings) -> Rules:
    """List the faults of rows: trades that are duplicated, do not add up, contradict the snapshots, or have an impossible price or stamp."""
    proven, by_snapshot = _proven(settings), pl.col("reference") == _SNAPSHOT
    agrees = proven & (pl.col("run") >= 2)
    return [
        (
            pl.col("trades.conflicting_duplicates") > 0,
            reasons.TRADES_CONFLICT.column(count="trades.conflicting_duplicates"),
        ),
        (_off() & ~by_snapshot, _totals(reasons.TRADES_DO_NOT_ADD_UP)),
        (_off() & by_snapshot, _totals(reasons.TRADES_DIFFER_FROM_SNAPSHOT)),
        (_off() & (pl.col("first_off") >= 0), reasons.SNAPSHOTS_DIFFER_FROM.column(time=clock_text("first_off"))),
        (
            (pl.col("trades.rows_set_aside") > 0) & ~proven,
            reasons.TRADE_ROWS_UNPROVEN.column(count="trades.rows_set_aside"),
        ),
        (
            agrees,
            reasons.SNAPSHOTS_OFF.column(count="run", first=clock_text("run_from"), next=clock_text("run_to")),
        ),
        (
            (pl.col("outside") > 0) & (pl.col("explicit") | pl.col("quoted_limit_up").is_not_null()),
            reasons.TRADES_OUTSIDE_LIMITS.column(count="outside"),
        ),
        (pl.col("uncertain") > 0, reasons.TRADES_OUT_OF_ORDER.column(count="uncertain")),
    ]


def _sides_in_doubt(settings: BarsSettings) -> Rules:
    """List the faults of sides: trades that contradict their orders, or the sides of which contradict flags, books or prices."""
    return [
        (
            pl.col("trades.side_disagreements") > settings.max_side_disagreements,
            reasons.AGGRESSORS_DISAGREE.column(
                count="trades.side_disagreements", limit=pl.lit(settings.max_side_disagreements)
            ),
        ),
        (
            pl.col("contradicted").fill_null(False),
            reasons.ORDERS_CONTRADICTED.column(
                count="contradicting",
                orders="faults.orders",
                limit=pl.lit(settings.max_faulty_order_share),
                cause=Nested(_cause_of_contradictions()),
            ),
        ),
        (
            (pl.col("following") >= settings.least_following_trades)
            & (pl.col("against_book") > settings.max_against_book_share * pl.col("following")),
            reasons.TRADES_AGAINST_BOOK.column(
                count="against_book", trades="following", limit=pl.lit(settings.max_against_book_share)
            ),
        ),
        (
            sides_contradict_prices(settings),
            reasons.TRADES_AGAINST_PRICE.column(
                count="against_price", changes="price_changes", limit=pl.lit(settings.max_against_price_share)
            ),
        ),
        (
            pl.col("improving") > settings.max_improving_fills,
            reasons.FILLS_IMPROVE.column(count="improving", limit=pl.lit(settings.max_improving_fills)),
        ),
    ]


def _tapes_in_doubt() -> Rules:
    """List the faults of tapes: several channels, stocks that did not trade, or gaps without a total that proves the tape complete."""
    return [
        (pl.col("channels") > 1, reasons.SEVERAL_CHANNELS.column(count="channels")),
        ((pl.col("trades") > 0) & pl.col("unpriced"), reasons.TRADED_WITHOUT_DAILY_ROW.column()),
        (pl.col("gapped") & pl.col("reference").is_null(), reasons.CHANNEL_UNPROVEN.column()),
    ]


def _trades_repaired(settings: BarsSettings) -> Rules:
    return [
        (pl.col("trades.duplicates") > 0, reasons.TRADES_DUPLICATED.column(count="trades.duplicates")),
        (
            (pl.col("trades.rows_set_aside") > 0) & _proven(settings),
            reasons.TRADE_ROWS_UNUSABLE.column(count="trades.rows_set_aside"),
        ),
        ((pl.col("disordered") > 0) & (pl.col("uncertain") == 0), reasons.STAMPS_CORRECTED.column(count="disordered")),
    ]


def _missing() -> Rules:
    missing, by_day = pl.col("missing"), (pl.col("daily_volume") > 0).fill_null(False)
    return [
        (missing & by_day, reasons.NO_TRADE_OF_VOLUME.column(volume="daily_volume")),
        (missing & ~by_day, reasons.NO_TRADE_OF_SNAPSHOT.column(volume="quoted_volume")),
        (missing & (pl.col("trades.rows_set_aside") > 0), reasons.NO_ROW_USABLE.column(count="trades.rows_set_aside")),
    ]


def _unusable() -> pl.Expr:
    """Return the number of snapshots left out. If the trades are wrong, snapshots that disagree with them are not counted."""
    own = pl.sum_horizontal("cumulative_decreases", "crossed_quotes", "odd_quotes")
    return pl.when("trades_aside").then(own).otherwise("unusable_quotes")


def _quotes_set_aside(settings: BarsSettings) -> Rules:
    # The virtual books of a halt are left out, but they are not faults.
    at_fault = _unusable() - pl.col("halted_quotes")
    rules = [
        (
            at_fault > settings.max_unusable_quote_share * pl.col("judged"),
            reasons.SNAPSHOTS_UNUSABLE.column(
                count=at_fault,
                snapshots="judged",
                limit=pl.lit(settings.max_unusable_quote_share),
                faults=_faults_of_quotes(),
            ),
        ),
        ((pl.col("trades") > 0) & (pl.col("judged") > 0) & ~pl.col("booked"), reasons.BOOK_EMPTY.column()),
        (
            pl.col("gap") > settings.max_quote_gap_seconds * 1000,
            reasons.SNAPSHOTS_MISSING.column(
                time=clock_text("gap_from"),
                seconds=pl.col("gap") // 1000,
                limit=pl.lit(settings.max_quote_gap_seconds),
            ),
        ),
        (levels_contradict_trades(settings), reason_of_levels(settings)),
    ]
    return [(broken, reasons.BOOK_SET_ASIDE.column(cause=Nested(reason))) for broken, reason in rules]


def _quotes_repaired() -> Rules:
    return [
        (
            _unusable() > 0,
            reasons.SNAPSHOTS_LEFT_OUT.column(count=_unusable(), snapshots="judged", faults=_faults_of_quotes()),
        ),
        (pl.col("repeated_quotes") > 0, reasons.SNAPSHOTS_REPEATED.column(count="repeated_quotes")),
        (pl.col("quotes.rows_set_aside") > 0, reasons.SNAPSHOT_ROWS_UNUSABLE.column(count="quotes.rows_set_aside")),
    ]


def _faults_of_quotes() -> Listed:
    """Return the counts of each fault of snapshots, worded as '2 crossed, 1 with smaller sums than an earlier one'."""
    counts = {
        "crossed_quotes": reasons.QUOTES_CROSSED,
        "cumulative_decreases": reasons.QUOTES_DECREASE,
        "misaligned_quotes": reasons.QUOTES_MISALIGNED,
        "late_quotes": reasons.QUOTES_LATE,
        "odd_quotes": reasons.QUOTES_INCONSISTENT,
    }
    return Listed([pl.when(pl.col(name) > 0).then(code.column(count=name)) for name, code in counts.items()])


def _orders_set_aside() -> Rules:
    rules = [
        (
            pl.col("orders.conflicting_duplicates") > 0,
            reasons.ORDERS_CONFLICT.column(count="orders.conflicting_duplicates"),
        ),
        (pl.col("orders.rows_set_aside") > 0, reasons.ORDER_ROWS_UNUSABLE.column(count="orders.rows_set_aside")),
        (pl.col("overfilled_orders") > 0, reasons.ORDERS_OVERFILLED.column(count="overfilled_orders")),
    ]
    return [(broken, reasons.ORDERS_SET_ASIDE.column(cause=Nested(reason))) for broken, reason in rules]


def _orders_repaired() -> Rules:
    return [
        (pl.col("orders.duplicates") > 0, reasons.ORDERS_DUPLICATED.column(count="orders.duplicates")),
        (pl.col("orders.out_of_order") > 0, reasons.ORDERS_OUT_OF_ORDER.column(count="orders.out_of_order")),
    ]
