"""The example constraint through a portfolio's week: it binds where the setting names it, by a sum over the stored weights."""

import itertools

import polars as pl
import pytest

from resources.settings.portfolios import PortfoliosSettings
from tests.portfolios.week.portfolio_market import SETTINGS, WEEKS, Market, solve_of

LIMIT = 0.05
PATHS = ("examples.constraint:StarBoard",)


def star_weight(settings: PortfoliosSettings) -> tuple[float, dict]:
    """The weight of the STAR stocks above their benchmark weight after a first build, and its row of solve.parquet."""
    market = Market(seed=11)
    codes = itertools.cycle(("6880", "6890"))
    star = {symbol: symbol.replace("6000", next(codes)) for symbol in market.symbols[::4]}
    for name in ("prices", "securities", "indices", "styles", "factors"):
        setattr(market, name, getattr(market, name).with_columns(pl.col("symbol").replace(star)))
    likes = pl.when(pl.col("symbol").is_in(list(star.values()))).then(2.0).otherwise(0.0)
    market.factors = market.factors.with_columns(pl.col("value") + likes)  # scores that favour STAR stocks
    made = market.week(WEEKS[0], settings)
    held = [row for row in made.frame.iter_rows(named=True) if row["symbol"] in star.values()]
    return sum(row["weight"] - row["benchmark_weight"] for row in held), solve_of(made)


def test_the_star_board_is_limited_where_the_setting_names_the_constraint() -> None:
    free, _ = star_weight(SETTINGS)
    assert free > LIMIT + 0.01  # the limit costs something
    limited, solve = star_weight(SETTINGS.model_copy(update={"extra_constraints": PATHS}))
    assert limited == pytest.approx(LIMIT, abs=1e-8)
    assert solve["status"] == "optimal"
    (row,) = (row for row in solve["constraints"] if row["constraint"] == "star_board")
    assert (row["row"], row["upper"]) == ("star", LIMIT)
    assert row["value"] == pytest.approx(limited, abs=1e-12)
    assert row["shadow_price"] > 0
