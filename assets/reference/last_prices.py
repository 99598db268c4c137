"""Finds the last row of daily_prices of stocks that have none on a day."""

import datetime as dt

import polars as pl

from assets.reference.validate import sift_daily_prices
from resources.rulebook import Rulebook

# Calendar days that are searched for a suspended stock's last prices, step by step; most are found in the first step.
LOOK_BACKS = (40, 400)


def last_rows(prices: pl.DataFrame, symbols: pl.Series, date: dt.date, rules: Rulebook) -> pl.DataFrame:
    """Return the latest usable row before `date` of each of `symbols`; a stock that has never traded has none.

    prices: daily_prices, sorted by date, so that most stocks are found in a short slice and few need the whole table.
    """
    found = [sift_daily_prices(prices.clear(), rules).usable]
    until = date
    for back in (*LOOK_BACKS, None):
        if symbols.is_empty():
            break
        since = dt.date.min if back is None else date - dt.timedelta(days=back)
        first, end = (prices["date"].search_sorted(day, side="left") for day in (since, until))
        rows = prices[first:end].filter(pl.col("symbol").is_in(symbols.to_list()))
        last = (
            sift_daily_prices(rows, rules)
            .usable.sort("symbol", "date")
            .unique("symbol", keep="last", maintain_order=True)
        )
        found.append(last)
        symbols = symbols.filter(~symbols.is_in(last["symbol"].to_list()))
        until = since
    return pl.concat(found)
