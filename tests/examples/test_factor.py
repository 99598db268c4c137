"""The example factor in day_indicators and factors: its raw value is compared with loops over bars and days."""

import datetime as dt

import numpy as np
import polars as pl
import pytest

from assets.factors.extra import EXTRA
from assets.factors.make_day_indicators import make_day_indicators
from assets.factors.make_factors import make_factors
from resources.settings.factors import FactorsSettings
from tests.factors import plain
from tests.making import run_make

SETTINGS = FactorsSettings(window=3, min_days=2, extra_factors=("examples.factor:amihud_illiquidity",))
KINDS = (*(("normal",) * 12), "sparse", "no_trades", "set_aside")


def illiquidity(rows: list[dict]) -> float | None:
    moves = [abs(row["close"] / row["open"] - 1) / row["amount"] * 1e9 for row in rows if row["amount"]]
    return sum(moves) / len(moves) if moves else None


def test_the_factor_is_the_mean_over_days_of_the_loop_over_bars() -> None:
    days = [plain.DATE - dt.timedelta(days=n) for n in (2, 1, 0)]
    markets = [plain.market_day(seed, KINDS, day) for seed, day in enumerate(days)]
    made = {
        day: run_make(make_day_indicators, minute_bars=bars, daily_prices=prices, date=day, settings=SETTINGS)
        for day, (bars, prices) in zip(days, markets, strict=True)
    }
    symbols = made[days[0]].frame["symbol"].to_list()
    expected = {}
    for symbol in symbols:
        values = [illiquidity(list(bars.filter(symbol=symbol).iter_rows(named=True))) for bars, _ in markets]
        known = [value for value in values if value is not None]
        expected[symbol] = sum(known) / len(known) if len(known) >= 2 else None
    rng = np.random.default_rng(0)
    names = ("size", "mid_cap", "turnover", "reversal", "volatility", "value", "profitability", "growth")
    universe = {"date": [plain.DATE] * len(symbols), "symbol": symbols, "in_universe": [True] * len(symbols)}
    sorted_into = {"industry": ["one"] * len(symbols), "total_mv": [1e9] * len(symbols)}
    styles = pl.DataFrame(universe | sorted_into | {"size": rng.normal(size=len(symbols))}).with_columns(
        pl.lit(None, pl.Float64).alias(name) for name in names[1:]
    )
    factors = run_make(
        make_factors,
        day_indicators=pl.concat([made[day].frame for day in days]),
        styles=styles,
        date=plain.DATE,
        settings=SETTINGS,
        unavailable={},
        files=lambda table, day, name: made[day].files[name] if (table, name) == ("day_indicators", EXTRA) else b"",
    )
    own = factors.frame.filter(factor="amihud_illiquidity").sort("symbol")
    assert own["symbol"].to_list() == symbols
    for symbol, raw in own.select("symbol", "raw").iter_rows():
        assert raw == (None if expected[symbol] is None else pytest.approx(expected[symbol], rel=1e-12))
    assert expected[symbols[KINDS.index("no_trades")]] is None
    # value: the residual of clipped z-scores on a constant and size, scaled to a standard deviation of 1.
    known = np.array([value is not None for value in expected.values()])
    y, x = own["raw"].to_numpy()[known], styles["size"].to_numpy()[known]
    z = (np.clip(y, y.mean() - 3 * y.std(), y.mean() + 3 * y.std()) - y.mean()) / y.std()
    design = np.column_stack([np.ones_like(x), x])
    residual = z - design @ np.linalg.lstsq(design, z, rcond=None)[0]
    assert own["value"].to_numpy()[known] == pytest.approx(residual / residual.std(), abs=1e-9)
    assert factors.profile is not None
    assert factors.profile["factor"].to_list()[-1] == "amihud_illiquidity"
