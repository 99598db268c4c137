"""The exchanges' price-limit rule: from the previous close to the day's highest and lowest price, in whole cents.

What the limits are used for (locked names, bars at the limit) does not belong here, nor does how many percent hold
(resources/rulebook.py).
"""

import polars as pl

from resources.rulebook import Rulebook, limit_cents


def limit_prices(names: pl.DataFrame, rules: Rulebook) -> pl.DataFrame:
    """`limit_up` and `limit_down` of each name on the rulebook's day, in yuan; null = no limit, or none known (SPEC §6).

    `names` holds board, pre_close (yuan), is_st, list_date, listed_days and delisting_day (1 on the first day of the
    delisting period, more later, null outside of it), one row per name; the rows of the result stand in the same order. In
    integer cents, since floats err on half cents. A name without a listing date has no known limit: its first days can't
    be told from later ones.
    """
    cents = (pl.col("pre_close") * 100).round().cast(pl.Int64)
    up, down = limit_cents(cents, *rules.limit_percents())
    # polars divides by a constant as × 1/100, which errs in the last bit; round(2) gives the nearest float.
    return names.select(limit_up=(up / 100).round(2), limit_down=(down / 100).round(2))
