"""Does a day's tape add up to what the exchange says it traded (SPEC §2.3)? One row per symbol in, verdicts out.

Here: references, differences, which symbols are set aside and why. Not here: summing ticks (aggregate.py).
"""

import polars as pl

from resources.settings.bars import BarsSettings

FINAL = {
    "symbol": pl.String,
    "quoted_volume": pl.Int64,
    "quoted_amount": pl.Float64,
    "quoted_pre_close": pl.Float64,
    "quoted_limit_up": pl.Float64,
    "quoted_limit_down": pl.Float64,
    "booked": pl.Boolean,
}


def final_quotes(quotes: pl.LazyFrame, continuous: tuple[int, int]) -> pl.DataFrame:
    """Per symbol what its snapshots say in the end (yuan, shares), and whether any book stood during continuous trading.

    continuous: first and last ms of continuous trading. Cumulative fields only grow, so the largest is the last, in whatever
    order an engine aggregates.
    """
    book = pl.col("bid_price_1").is_not_null() | pl.col("ask_price_1").is_not_null()
    yuan = {
        "quoted_amount": "amount",
        "quoted_pre_close": "pre_close",
        "quoted_limit_up": "limit_up",
        "quoted_limit_down": "limit_down",
    }
    return (
        quotes.group_by("symbol")
        .agg(
            pl.col("volume").max().alias("quoted_volume"),
            *((pl.col(column).max() / 10_000).alias(name) for name, column in yuan.items()),
            (book & pl.col("time").is_between(*continuous, closed="left")).any().alias("booked"),
        )
        .sort("symbol")
        .collect()
        .cast(FINAL)  # type: ignore[arg-type]
    )


def reconcile(days: pl.DataFrame, settings: BarsSettings) -> pl.DataFrame:
    """Adds reference, volume_difference, amount_difference, close_difference and set_aside (a reason, or null).

    days: symbol, volume (shares), amount (yuan) and close of the delivered minutes (null where not delivered), and daily_volume,
    daily_amount, daily_close, quoted_volume, quoted_amount (null where unknown). The daily prices are the reference; without
    a row there the last snapshot is. What cannot be compared is accepted: its differences are null.
    """
    by_day = pl.col("daily_volume").is_not_null()
    reference_volume = pl.when(by_day).then("daily_volume").otherwise("quoted_volume")
    reference_amount = pl.when(by_day).then("daily_amount").otherwise("quoted_amount")
    compared = days.with_columns(
        reference=pl.when(by_day)
        .then(pl.lit("daily_prices"))
        .when(pl.col("quoted_volume").is_not_null())
        .then(pl.lit("the last snapshot")),
        reference_volume=reference_volume,
        reference_amount=reference_amount,
        volume_difference=pl.col("volume") - reference_volume,
        amount_difference=pl.col("amount") - reference_amount,
        close_difference=pl.col("close") - pl.col("daily_close"),
    )
    shares_off = (pl.col("volume_difference").abs() > settings.volume_tolerance).fill_null(False)
    yuan_off = (pl.col("amount_difference").abs() > settings.amount_tolerance).fill_null(False)
    told = [  # an unknown amount must not make the whole sentence null
        pl.col(name).round(2).cast(pl.String).fill_null("unknown") if name != "reference" else pl.col(name)
        for name in ("volume", "amount", "reference", "reference_volume", "reference_amount")
    ]
    story = pl.format(
        "its minutes or trades add up to {} shares and {} yuan, {} says {} and {}: rows are missing or stand twice",
        *told,
    )
    return compared.with_columns(set_aside=pl.when(shares_off | yuan_off).then(story))
