"""Tests of a user's own factors: the required result of a function, distinct names, and valid days."""

import datetime as dt
import sys
import types

import polars as pl
import pytest

from assets.factors.extra import EXTRA, extra_keys, measure_extra, with_extra
from resources.errors import SettingsError
from resources.parquet import encode

BARS = pl.DataFrame({"symbol": ["a", "a", "b"], "amount": [1.0, 3.0, 5.0]}).lazy()
PRICES = pl.DataFrame({"symbol": ["a", "b", "c", "d"], "close": [1.0, 2.0, 3.0, 4.0]}).lazy()
DAY = dt.date(2023, 2, 1)


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    module = types.ModuleType("desk_of_factors")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def paths(*names: str) -> list[str]:
    return [f"desk_of_factors:{name}" for name in names]


def test_values_are_kept_where_they_are_numbers(desk: types.ModuleType) -> None:
    odd = pl.Series([1.5, None, float("nan"), float("inf")])
    desk.zeta = lambda bars, prices: prices.select("symbol", value=odd)
    desk.alpha = lambda bars, prices: bars.group_by("symbol").agg(value=pl.col("amount").sum().cast(pl.Int64))
    found = measure_extra(paths("zeta", "alpha"), BARS, PRICES)
    assert found.rows() == [("a", "alpha", 4.0), ("b", "alpha", 5.0), ("a", "zeta", 1.5)]


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (None, "returned NoneType; it must return a polars DataFrame with the columns symbol and value"),
        (pl.DataFrame({"symbol": ["a"], "score": [1.0]}), r"returned \['symbol', 'score'\]; it must return a polars"),
        (pl.DataFrame({"symbol": [1], "value": [1.0]}), "symbol must be text and value a number"),
        (pl.DataFrame({"symbol": ["a"], "value": ["1"]}), "symbol must be text and value a number"),
        (
            pl.DataFrame({"symbol": ["a", "b", "a"], "value": [1, 2, 3]}),
            "returned more than one row for 1 symbols, the first a",
        ),
    ],
)
def test_a_result_of_another_form_is_refused(desk: types.ModuleType, returned: object, message: str) -> None:
    desk.own = lambda bars, prices: returned
    with pytest.raises(SettingsError, match=rf"factors.extra_factors: desk_of_factors:own .*{message}"):
        measure_extra(paths("own"), BARS, PRICES)


def test_an_exception_of_the_function_names_the_setting(desk: types.ModuleType) -> None:
    desk.own = lambda bars, prices: bars.select("absent")
    with pytest.raises(SettingsError, match=r"desk_of_factors:own failed \(ColumnNotFoundError"):
        measure_extra(paths("own"), BARS, PRICES)
    with pytest.raises(SettingsError, match=r"factors.extra_factors = 'desk_of_factors:nothing' cannot be loaded"):
        measure_extra(paths("nothing"), BARS, PRICES)


def test_the_names_of_factors_must_be_distinct() -> None:
    assert extra_keys(["desk.a:one", "desk.b:two"]) == ("one", "two")
    with pytest.raises(SettingsError, match=r"desk.b:one has the same name as desk.a:one"):
        extra_keys(["desk.a:one", "desk.b:one"])
    with pytest.raises(SettingsError, match=r"desk.a:skewness has the same name as a factor of the report"):
        extra_keys(["desk.a:skewness"])


def test_a_window_has_the_values_of_its_days(desk: types.ModuleType) -> None:
    desk.own = lambda bars, prices: prices.select("symbol", value=pl.col("close") * 10)
    stored = encode(measure_extra(paths("own"), BARS, PRICES.filter(pl.col("symbol") != "b")))
    days = pl.DataFrame({"date": [DAY] * 3, "symbol": ["b", "a", "c"]})
    assert with_extra(days, ("own",), lambda table, day, name: {EXTRA: stored}[name])["own"].to_list() == [None, 10, 30]
