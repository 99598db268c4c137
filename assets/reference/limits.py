"""Price limits of a day's names: the exchanges' rule in whole cents, what was delivered, and which of the two is in force.

What the limits are used for (locked names, bars at the limit) does not belong here, nor does how many percent hold
(resources/rulebook.py).
"""

import polars as pl

from assets.reference.validate import read_limits
from resources.reasons import counted_reasons
from resources.rulebook import Rulebook, limit_cents
from resources.settings.reference import ReferenceSettings

HALF_CENT = 0.005  # yuan: prices are whole cents
_SAMEHALF_CENTER = 0.002  # how far the middle of two limits may lie from pre_close, as a fraction, by rounding


def limit_prices(names: pl.DataFrame, rules: Rulebook) -> pl.DataFrame:
    """`limit_up` and `limit_down` of each name on the rulebook's day, in yuan; null = no limit, or none known (SPEC §6).

    `names` holds board, pre_close (yuan), is_st, list_date, listed_days and delisting_day (1 on the first day of the
    delisting period, more later, null outside of it), one row per name; the rows of the result stand in the same order. In
    integer cents, since floats err on half cents. A name without a listing date has no known limit: its first days can't
    be told from later ones.
    """
    return names.select(*_of_percents(*rules.limit_percents()))


def limits_in_force(names: pl.DataFrame, rules: Rulebook, settings: ReferenceSettings) -> pl.DataFrame:
    """The rows of `names` with limit_up and limit_down in force (yuan, null: none), and what was delivered of them.

    names: as of `limit_prices`, with limit_up and limit_down as delivered. Delivered limits win over the rule. The rule holds where
    none were delivered, where too many names say "no limit" against it (limit_not_filled: 1), and where what was delivered is no
    limit of pre_close by any percent of the rulebook.

    Columns more: delivered_up, delivered_down (null where none was delivered), limit_not_filled, limits_compared (whether a
    delivered limit can be held against the rule's), rule_percent, and limits_off (why they differ by more than
    `reference.limit_tolerance`, and which of them count; null where they agree) and delivered_percent (of the rulebook, by which the
    delivered limits are those of pre_close; null where there is none).
    """
    rule = limit_prices(names, rules)
    delivered = read_limits(names, settings.no_limit_from)
    # A rule that says "no limit" is known by the listing day alone.
    against = delivered["unlimited"] & (rule["limit_up"].is_not_null() | names["listed_days"].is_null())
    unfilled = against if too_many_unlimited(int(against.sum()), names.height, settings) else against & False
    unlimited = delivered["unlimited"] & ~unfilled
    frame = names.with_columns(
        delivered_up=delivered["limit_up"],
        delivered_down=delivered["limit_down"],
        rule_up=rule["limit_up"],
        rule_down=rule["limit_down"],
        rule_percent=rules.limit_percents()[0],
        limit_not_filled=unfilled.cast(pl.Int64),
        _negative=((pl.col("limit_up") < 0) | (pl.col("limit_down") < 0)).fill_null(False),
    )
    ruled = pl.col("rule_up").is_not_null()
    frame = frame.with_columns(
        limits_compared=ruled
        & (pl.col("delivered_up").is_not_null() | pl.col("delivered_down").is_not_null() | pl.col("_negative")),
        _off=ruled & (_differ(pl.col("rule_up"), pl.col("rule_down"), settings) | pl.col("_negative")),
        delivered_percent=_percent_that_fits(rules, settings),
    )
    strange = pl.col("_off") & (pl.col("_negative") | pl.col("delivered_percent").is_null())
    in_force = [
        pl.when(strange).then(rule[name]).when(~unlimited).then(pl.coalesce(delivered[name], rule[name])).alias(name)
        for name in ("limit_up", "limit_down")
    ]
    return frame.with_columns(*in_force, limits_off=pl.when("_off").then(_why_off(rules))).drop(
        "rule_up", "rule_down", "_negative", "_off"
    )


def limits_refused(judged: pl.DataFrame, settings: ReferenceSettings) -> str | None:
    """What says that the limits delivered for a day are not the exchanges'; None where single names differ at most.

    judged: as `limits_in_force` returns it. Refused are more names than `max_limits_off_share`, and two or more names of one
    percent of the rule of which none agrees, as where 10 % were taken for every board; ST names with limits by another percent of the
    rulebook are not counted there, since they may be in a delisting period that nothing declares.
    """
    compared = judged.filter("limits_compared")
    off = compared.filter(pl.col("limits_off").is_not_null())
    leaving = pl.col("is_st").fill_null(False) & pl.col("delivered_percent").is_not_null()
    groups = (
        compared.filter(pl.col("limits_off").is_null() | ~leaving)
        .group_by("rule_percent")
        .agg(pl.len(), off=pl.col("limits_off").count())
    )
    whole = groups.filter((pl.col("len") >= 2) & (pl.col("off") == pl.col("len"))).height > 0
    if off.height <= max(settings.always_set_aside, settings.max_limits_off_share * compared.height) and not whole:
        return None
    return (
        f"the limits delivered for {off.height} of {compared.height} names are not the rulebook's: "
        f"{'; '.join(counted_reasons(off, 'limits_off', 'symbol'))}"
    )


def too_many_unlimited(count: int, rows: int, settings: ReferenceSettings) -> bool:
    """Whether so many rows say "no limit" against the rule that the column of the limits was not filled for them."""
    return count > max(settings.always_unlimited, settings.max_unlimited_share * rows)


def _of_percents(up: pl.Expr | int, down: pl.Expr | int) -> tuple[pl.Expr, pl.Expr]:
    cents = (pl.col("pre_close") * 100).round().cast(pl.Int64)
    # polars divides by a constant as × 1/100, which errs in the last bit; round(2) gives the nearest float.
    above, below = limit_cents(cents, up, down)
    return (above / 100).round(2).alias("limit_up"), (below / 100).round(2).alias("limit_down")


def _differ(up: pl.Expr, down: pl.Expr, settings: ReferenceSettings) -> pl.Expr:
    """Whether a delivered limit is further than the tolerance from these."""
    sides = zip(("delivered_up", "delivered_down"), (up, down), strict=True)
    return pl.any_horizontal(
        (pl.col(name) - other).abs() > settings.limit_tolerance + HALF_CENT for name, other in sides
    ).fill_null(False)


def _percents(rules: Rulebook) -> list[tuple[int, int]]:
    """(up, down) of every rule on price limits that is in force on the day, on any board, the commonest first."""
    usual = [(percent, percent) for row in rules.rows("price_limits") for percent in (row.percent, row.st_percent)]
    leaving = [(row.percent, row.percent) for row in rules.rows("delisting_limits")]
    listing = [
        (row.up_percent, row.down_percent)
        for row in rules.rows("listing_limits")
        if row.up_percent is not None and row.down_percent is not None
    ]
    return list(dict.fromkeys([*usual, *leaving, *listing]))


def _percent_that_fits(rules: Rulebook, settings: ReferenceSettings) -> pl.Expr:
    """The percent up of which the delivered limits are those of pre_close; null where there is none."""
    return pl.coalesce(
        *(
            pl.when(~_differ(*_of_percents(up, down), settings)).then(pl.lit(up, pl.Int64))
            for up, down in _percents(rules)
        ),
        pl.lit(None, pl.Int64),
    )


def _why_off(rules: Rulebook) -> pl.Expr:
    up, down = pl.col("delivered_up"), pl.col("delivered_down")
    center, width = (up + down) / 2, (up - down) / (up + down) * 100
    known = {percent for pair in _percents(rules) if pair[0] == pair[1] for percent in pair}
    moved = (center / pl.col("pre_close") - 1).abs() > _SAMEHALF_CENTER
    usual = pl.any_horizontal((width - percent).abs() < percent * 0.02 for percent in sorted(known))
    holds = pl.format("the rule's limits, {} to {}, hold", "rule_down", "rule_up")
    return (
        pl.when("_negative")
        .then(pl.format("limit_up = {} and limit_down = {} are negative, no prices: {}", "limit_up", "limit_down", holds))
        .when(pl.col("delivered_percent").is_not_null())
        .then(
            pl.format(
                "its limits are delivered by {} % of pre_close, and the rule of its board and day gives {} %: they count as delivered",
                "delivered_percent", "rule_percent",
            )
        )
        .when(moved & usual)
        .then(
            pl.format(
                "its delivered limits, {} to {}, lie around {}, and pre_close is {}: they are limits of another day or of a previous "
                "close before rights: {}",
                down, up, center.round(2), "pre_close", holds,
            )
        )
        .otherwise(
            pl.format(
                "its delivered limits, {} to {}, are none of pre_close = {} (a limit_up that stands for 'no limit' is one from "
                "reference.no_limit_from on): {}",
                down.cast(pl.String).fill_null("none"), up.cast(pl.String).fill_null("none"), "pre_close", holds,
            )
        )
    )  # fmt: skip
