"""Determines the price limits of a day's stocks from the exchanges' rule in whole cents and the delivered limits.

The percentages are in resources/rulebook.py. The use of the limits (locked stocks, bars at the limit) is in later stages.
"""

import polars as pl

from assets.reference.reasons import (
    LIMITS_NEGATIVE,
    LIMITS_NOT_THE_RULES,
    LIMITS_OF_ANOTHER_CLOSE,
    LIMITS_OF_ANOTHER_PERCENT,
    LIMITS_OFF_PRE_CLOSE,
)
from assets.reference.validate import read_limits
from resources.reasons import Reason, counted_reasons, first_reasons
from resources.rulebook import Rulebook, limit_cents
from resources.settings.reference import ReferenceSettings

HALF_CENT = 0.005  # yuan: prices are whole cents
_CENTER_TOLERANCE = 0.002  # relative distance, due to rounding, of the middle of two limits from pre_close


def limit_prices(names: pl.DataFrame, rules: Rulebook) -> pl.DataFrame:
    """Return limit_up and limit_down of each stock on the rulebook's day, in yuan; null where there is or is known no limit (SPEC §6).

    names: board, pre_close (yuan), is_st, list_date, listed_days and delisting_day (1 on the first day of the delisting period, more
    later, null outside it), one row per stock; the result has the same order. Limits are computed in integer cents, since floats err
    on half cents. The limits of a stock without a listing date are null, since its first days cannot be distinguished from later ones.
    """
    return names.select(*_of_percents(*rules.limit_percents()))


def limits_in_force(names: pl.DataFrame, rules: Rulebook, settings: ReferenceSettings) -> pl.DataFrame:
    """Return the rows of `names` with limit_up and limit_down in force (yuan, null: no limit), and columns about the delivered limits.

    names: as in `limit_prices`, with limit_up and limit_down as delivered. Delivered limits take precedence over the rule. The rule
    applies where none were delivered, where too many stocks declare "no limit" against it (limit_not_filled is 1), and where the
    delivered limits do not follow from pre_close by any percentage of the rulebook.

    Additional columns: delivered_up, delivered_down (null where none was delivered), limit_not_filled, limits_compared (whether a
    delivered limit can be compared with the rule's), rule_percent, limits_off (the reason why they differ by more than
    `reference.limit_tolerance`, and which of them apply; null where they agree) and delivered_percent (the percentage of the rulebook
    by which the delivered limits follow from pre_close; null where there is none).
    """
    rule = limit_prices(names, rules)
    delivered = read_limits(names, settings.no_limit_from)
    # Whether the rule sets no limit is known only with the listing day.
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
    off = first_reasons(frame, _limits_off(rules))
    return frame.with_columns(*in_force, limits_off=off).drop("rule_up", "rule_down", "_negative", "_off")


def limits_refused(judged: pl.DataFrame, settings: ReferenceSettings) -> Reason | None:
    """Return the finding that the limits delivered for a day are not the exchanges'; None where only single stocks differ.

    judged: as returned by `limits_in_force`. The day is refused where more than `max_limits_off_share` of the stocks differ, and where two or
    more stocks have the same percentage by the rule and none of them agrees, as where 10 % is applied to every board. ST stocks with
    limits by another percentage of the rulebook are not counted in the second case, since they may be in an undeclared delisting period.
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
    return LIMITS_NOT_THE_RULES(
        off=off.height, compared=compared.height, reasons=counted_reasons(off, "limits_off", "symbol")
    )


def too_many_unlimited(count: int, rows: int, settings: ReferenceSettings) -> bool:
    """Return whether so many rows declare "no limit" against the rule that the column must have been left unfilled."""
    return count > max(settings.always_unlimited, settings.max_unlimited_share * rows)


def _of_percents(up: pl.Expr | int, down: pl.Expr | int) -> tuple[pl.Expr, pl.Expr]:
    cents = (pl.col("pre_close") * 100).round().cast(pl.Int64)
    # polars divides by a constant as × 1/100, which errs in the last bit; round(2) returns the nearest float.
    above, below = limit_cents(cents, up, down)
    return (above / 100).round(2).alias("limit_up"), (below / 100).round(2).alias("limit_down")


def _differ(up: pl.Expr, down: pl.Expr, settings: ReferenceSettings) -> pl.Expr:
    """Return whether a delivered limit differs from these by more than the tolerance."""
    sides = zip(("delivered_up", "delivered_down"), (up, down), strict=True)
    return pl.any_horizontal(
        (pl.col(name) - other).abs() > settings.limit_tolerance + HALF_CENT for name, other in sides
    ).fill_null(False)


def _percents(rules: Rulebook) -> list[tuple[int, int]]:
    """Return (up, down) of every rule on price limits that is in force on the day, on any board, the commonest first."""
    usual = [(percent, percent) for row in rules.rows("price_limits") for percent in (row.percent, row.st_percent)]
    leaving = [(row.percent, row.percent) for row in rules.rows("delisting_limits")]
    listing = [
        (row.up_percent, row.down_percent)
        for row in rules.rows("listing_limits")
        if row.up_percent is not None and row.down_percent is not None
    ]
    return list(dict.fromkeys([*usual, *leaving, *listing]))


def _percent_that_fits(rules: Rulebook, settings: ReferenceSettings) -> pl.Expr:
    """Return the percentage up by which the delivered limits follow from pre_close; null where there is none."""
    return pl.coalesce(
        *(
            pl.when(~_differ(*_of_percents(up, down), settings)).then(pl.lit(up, pl.Int64))
            for up, down in _percents(rules)
        ),
        pl.lit(None, pl.Int64),
    )


def _limits_off(rules: Rulebook) -> list[tuple[pl.Expr, pl.Expr]]:
    """Return the rules (condition, reason) on rows of `limits_in_force` whose delivered limits are not the rule's, the first that holds."""
    up, down = pl.col("delivered_up"), pl.col("delivered_down")
    center, width = (up + down) / 2, (up - down) / (up + down) * 100
    known = {percent for pair in _percents(rules) if pair[0] == pair[1] for percent in pair}
    moved = (center / pl.col("pre_close") - 1).abs() > _CENTER_TOLERANCE
    usual = pl.any_horizontal((width - percent).abs() < percent * 0.02 for percent in sorted(known))
    rule = {"rule_down": "rule_down", "rule_up": "rule_up"}
    off = pl.col("_off")
    return [
        (off & pl.col("_negative"), LIMITS_NEGATIVE.column(limit_up="limit_up", limit_down="limit_down", **rule)),
        (
            off & pl.col("delivered_percent").is_not_null(),
            LIMITS_OF_ANOTHER_PERCENT.column(delivered="delivered_percent", rule="rule_percent"),
        ),
        (
            off & moved & usual,
            LIMITS_OF_ANOTHER_CLOSE.column(down=down, up=up, center=center.round(2), pre_close="pre_close", **rule),
        ),
        (off, LIMITS_OFF_PRE_CLOSE.column(down=down, up=up, pre_close="pre_close", **rule)),
    ]
