"""Tests that each contradiction within the reference tables refuses the day or sets the row aside with its cause."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assets.reference.assets import TABLES
from assets.reference.diagnosis import members_lost, members_without_prices
from assets.reference.validate import sift_industries
from resources.gate import judge, own_failures
from resources.made import Made
from resources.reasons import describe_column
from resources.rulebook import Rulebook
from resources.settings import Settings
from resources.settings.landing import LandingSettings
from resources.settings.portfolios import PortfoliosSettings
from resources.settings.reference import ReferenceSettings
from tests.reference.small_reference import CALENDAR, landed, random_reference
from tests.reference.test_make_reference import DAYS, made

DAY = DAYS[50]
TODAY = pl.col("date") == DAY
PRICES = ("pre_close", "open", "high", "low", "close")
Tables = dict[str, pl.DataFrame]


def worded(column: str) -> pl.Expr:
    """Return a column of reasons in words."""
    return pl.col(column).map_batches(describe_column, return_dtype=pl.String)


@pytest.fixture(scope="module")
def tables() -> Tables:
    return random_reference(seed=4)


def results(
    tables: Tables, folder: Path, day: dt.date = DAY, landing: LandingSettings | None = None
) -> dict[str, Made]:
    return made(landed(folder, tables, settings=landing), day)


def refusals(found: dict[str, Made], day: dt.date = DAY) -> dict[str, str]:
    message = {}
    for table in TABLES:
        result = found[table.name]
        profile = result.profile if result.profile is not None else result.frame
        for name, verdict in judge(table.checks, {day: profile}, {day: result.unavailable})[day].items():
            if verdict.refuses:
                message[f"{table.name}.{name}"] = verdict.text()
    return message


def aside(found: dict[str, Made], table: str = "daily_prices") -> dict[str, str]:
    data = found[table].files.get("set_aside.parquet")
    if data is None:
        return {}
    return dict(pl.read_parquet(data).select("symbol", worded("reason")).iter_rows())


def prices(tables: Tables, change: Callable[[pl.DataFrame], pl.DataFrame]) -> Tables:
    return tables | {"daily_prices": change(tables["daily_prices"])}


def of(*symbols: str) -> pl.Expr:
    return TODAY & pl.col("symbol").is_in(list(symbols))


def where(condition: pl.Expr, **values: Any) -> Callable[[pl.DataFrame], pl.DataFrame]:
    return lambda frame: frame.with_columns(
        pl.when(condition).then(value).otherwise(name).cast(frame.schema[name]).alias(name) for name, value in values.items()
    )  # fmt: skip


def a_name(tables: Tables, nth: int = 0) -> str:
    """Return a stock that traded on the day and, at its pre_close, on the day before, without new shares."""
    yesterday = (
        tables["daily_prices"]
        .filter(date=CALENDAR.previous_day(DAY))
        .select("symbol", last="close", were="total_shares")
    )
    both = tables["daily_prices"].filter(TODAY).join(yesterday, on="symbol")
    return both.filter((pl.col("pre_close") == pl.col("last")) & (pl.col("were") == pl.col("total_shares")))["symbol"][
        nth
    ]


def test_the_untouched_tables_contradict_nothing(tables: Tables, tmp_path: Path) -> None:
    found = results(tables, tmp_path)
    assert aside(found) == {}
    assert refusals(found) == {}


# --- units and adjusted prices ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("volume", "amount", "words"),
    [
        (0.01, 1, "landing.daily_prices.volume_unit = 'lots'"),
        (1, 1e-3, "landing.daily_prices.amount_unit = 'thousand_yuan'"),
        (1, 1e-4, "landing.daily_prices.amount_unit = 'ten_thousand_yuan'"),
        (0.01, 1e-3, "amount is in thousand_yuan: declare landing.daily_prices.amount_unit"),
        (0.01, 1e-4, "amount is in ten_thousand_yuan: declare landing.daily_prices.amount_unit"),
        (1e-5, 1, "volume or amount is in another unit"),
    ],
)
def test_units_are_named_with_their_settings(
    tables: Tables, tmp_path: Path, volume: float, amount: float, words: str
) -> None:
    name = a_name(tables)
    for symbols, path in ((tables["daily_prices"]["symbol"].unique().to_list(), "all"), ([name], "one")):
        chosen = of(*symbols)
        change = where(chosen, volume=pl.col("volume") * volume, amount=pl.col("amount") * amount)
        found = results(prices(tables, change), tmp_path / path)
        assert words in aside(found)[name]
        if path == "all":
            message = refusals(found)["daily_prices.nearly_all_rows_usable"]
            assert message.index(words) < message.index("Remedy")
            assert f"{len(aside(found))} × amount / volume is 1e" in message
        else:
            assert list(aside(found)) == [name]
            assert refusals(found) == {}


@pytest.mark.parametrize("unit", [1e3, 1e4])
def test_amounts_rounded_in_their_declared_unit_are_no_adjusted_prices(
    tables: Tables, tmp_path: Path, unit: float
) -> None:
    """With 4 700 shares traded, an amount in whole ten thousand yuan leaves a tenth of the price undetermined."""
    name = a_name(tables)
    middle = ((pl.col("open") + pl.col("close")) / 2).round(2)
    thin = where(of(name), volume=4_700, amount=4_700 * middle)
    tables = prices(tables, thin)
    exact = results(tables, tmp_path / "exact")["daily_prices"].frame
    rounded = prices(tables, lambda frame: frame.with_columns((pl.col("amount") / unit).round()))
    declared = {1e3: "thousand_yuan", 1e4: "ten_thousand_yuan"}[unit]
    landing = LandingSettings.model_validate({"daily_prices": {"amount_unit": declared}})
    found = results(rounded, tmp_path / "rounded", landing=landing)
    assert (aside(found), refusals(found)) == ({}, {})
    frame = found["daily_prices"].frame
    assert frame["symbol"].to_list() == exact["symbol"].to_list()
    assert frame.filter(~pl.col("vwap").is_between(pl.col("low") - 0.01, pl.col("high") + 0.01)).is_empty()
    adjusted = prices(rounded, where(TODAY, **{one: (pl.col(one) * 1.6).round(2) for one in PRICES}))
    assert len(aside(results(adjusted, tmp_path / "adjusted", landing=landing))) > 0.9 * frame.height


@pytest.mark.parametrize(("lots", "double"), [(2, False), (100, False), (101, True)])
def test_two_stocks_with_a_few_lots_at_one_price_all_day_are_no_doubles(
    tables: Tables, tmp_path: Path, lots: int, double: bool
) -> None:
    one, other = a_name(tables), a_name(tables, 1)
    row = tables["daily_prices"].filter(of(one)).row(0, named=True)
    price = dict.fromkeys(("pre_close", *PRICES), row["pre_close"])
    same = price | {"volume": lots * 100, "amount": lots * 100 * row["pre_close"]}
    shares = {name: row[name] for name in ("total_shares", "float_shares")}
    before = pl.col("symbol").is_in([other]) & (pl.col("date") < DAY)
    alike = prices(tables, lambda frame: where(of(one, other), **same, **shares)(frame.filter(~before)))
    message = [reason for reason in aside(results(alike, tmp_path)).values() if "one company under two codes" in reason]
    assert len(message) == int(double)


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.3, 12.0])
def test_adjusted_days_are_recognised_by_amount_and_volume(tables: Tables, tmp_path: Path, factor: float) -> None:
    change = where(TODAY, **{name: (pl.col(name) * factor).round(2) for name in PRICES})
    message = refusals(results(prices(tables, change), tmp_path))["daily_prices.nearly_all_rows_usable"]
    assert "the prices are adjusted for dividends or splits" in message or "1e-1 times its prices" in message


@pytest.mark.parametrize("column", ["high", "low"])
@pytest.mark.parametrize("factor", [100, 19, 10, 4, 1.25])
@pytest.mark.parametrize("limits", ["by the rule", "none known"])
def test_a_high_or_low_that_the_other_prices_contradict_is_set_aside(
    tables: Tables, tmp_path: Path, column: str, factor: float, limits: str
) -> None:
    """A wrong high or low would decide whether the stock is locked at its limit."""
    if limits == "none known":
        tables = {name: table for name, table in tables.items() if name != "instruments"}
        if factor == 1.25:
            pytest.skip("without limits a high may be so far above open and close")
    name, other = a_name(tables), a_name(tables, 1)
    wrong = pl.col(column) * (factor if column == "high" else 1 / factor)
    one = results(prices(tables, where(of(name), **{column: wrong.round(2)})), tmp_path / "one")
    assert list(aside(one)) == [name]
    assert "high or low is wrong" in aside(one)[name]
    assert other in one["daily_prices"].frame["symbol"]
    assert refusals(one) == {}
    every = results(prices(tables, where(TODAY, **{column: wrong.round(2)})), tmp_path / "all")
    message = refusals(every)["daily_prices.nearly_all_rows_usable"]
    assert message.index("high or low is wrong") < message.index("Remedy")


@pytest.mark.parametrize("column", ["high", "low"])
@pytest.mark.parametrize("other", ["volume", "amount", "total_shares"])
def test_a_high_or_low_from_another_column_is_set_aside(
    tables: Tables, tmp_path: Path, column: str, other: str
) -> None:
    name = a_name(tables)
    taken = where(of(name), **{column: pl.col(other).cast(pl.Float64)})
    assert list(aside(results(prices(tables, taken), tmp_path))) == [name]


def test_a_row_whose_range_reaches_its_limits_contradicts_nothing(tables: Tables, tmp_path: Path) -> None:
    name = a_name(tables)
    cents = (pl.col("pre_close") * 100).round().cast(pl.Int64)
    rate = pl.when("is_st").then(5).otherwise(10)
    limits = {
        "high": (cents * (100 + rate) + 50) // 100 / 100,
        "low": (cents * (100 - rate) + 50) // 100 / 100,
    }
    found = results(prices(tables, where(of(name), **limits)), tmp_path)
    assert aside(found) == {}
    assert found["daily_prices"].profile["outside_limits"].drop_nulls().max() == 0


def test_shares_in_another_unit_and_missing_shares_are_reported(tables: Tables, tmp_path: Path) -> None:
    names = tables["daily_prices"].filter(TODAY)["symbol"].to_list()
    tens = where(
        of(*names), float_shares=pl.col("float_shares") // 10_000, total_shares=pl.col("total_shares") // 10_000
    )
    messages = refusals(results(prices(tables, tens), tmp_path / "tens"))
    assert "landing.daily_prices.share_unit" in messages["daily_prices.nearly_all_rows_usable"]
    absent = where(of(*names), total_shares=None)
    messages = refusals(results(prices(tables, absent), tmp_path / "absent"))
    assert "daily_prices.shares_known" in messages
    one = results(prices(tables, where(of(names[3]), total_shares=None)), tmp_path / "one")
    assert refusals(one) == {}
    checks = {table.name: table.checks for table in TABLES}["daily_prices"]
    verdict = judge(checks, {DAY: one["daily_prices"].profile}, {DAY: {}})[DAY]["shares_known"]
    assert names[3] in verdict.text()


# --- previous closes and limits ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [0.1, 0.5, 0.7, 1.02, 1.5, 2.0, 10.0])
def test_an_impossible_previous_close_is_set_aside(tables: Tables, tmp_path: Path, factor: float) -> None:
    name = a_name(tables)
    found = results(prices(tables, where(of(name), pre_close=(pl.col("pre_close") * factor).round(2))), tmp_path)
    assert list(aside(found)) == [name]
    assert "and the last close, of" in aside(found)[name]
    assert name not in found["daily_prices"].frame["symbol"]
    assert refusals(found) == {}


def test_impossible_previous_closes_of_most_stocks_refuse_the_day(tables: Tables, tmp_path: Path) -> None:
    change = where(TODAY, pre_close=(pl.col("pre_close") * 2).round(2))
    message = refusals(results(prices(tables, change), tmp_path))["daily_prices.nearly_all_rows_usable"]
    assert "pre_close is" in message


@pytest.mark.parametrize(
    ("prices_by", "shares_by"),
    [
        (0.5, 2.0),  # a split
        (0.97, 1.0),  # a dividend
        (0.33, 3.0),
        (8.0, 0.125),  # eight shares consolidated into one
    ],
)
def test_ex_rights_days_are_no_contradiction(
    tables: Tables, tmp_path: Path, prices_by: float, shares_by: float
) -> None:
    name = a_name(tables)
    change = where(
        of(name),
        **{column: (pl.col(column) * prices_by).round(2) for column in PRICES},
        amount=(pl.col("amount") * prices_by).round(2),
        total_shares=pl.col("total_shares") * shares_by,
        float_shares=pl.col("float_shares") * shares_by,
        volume=pl.col("volume"),
    )
    found = results(prices(tables, lambda frame: change(_roomy(frame, name))), tmp_path)
    assert aside(found) == {}


def _roomy(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    """Reduce volumes, so that an eighth of the shares still covers them."""
    small = pl.col("volume") // 10
    return where(of(name), volume=small, amount=(pl.col("amount") / pl.col("volume") * small).round(2))(frame)


def test_a_resumption_is_compared_with_the_last_day_of_trading(tables: Tables, tmp_path: Path) -> None:
    name = a_name(tables)
    away = pl.col("date").is_between(DAYS[30], DAYS[49]) & (pl.col("symbol") == name)
    suspended = tables["daily_prices"].filter(~away)
    last = suspended.filter((pl.col("symbol") == name) & (pl.col("date") < DAY)).sort("date")["close"][-1]
    day = suspended.filter(of(name)).row(0, named=True)
    scale = last / day["pre_close"]
    resumed = where(
        of(name), **{column: (pl.col(column) * scale).round(2) for column in PRICES}, amount=pl.col("amount") * scale
    )
    assert aside(results(prices(tables, lambda _: resumed(suspended)), tmp_path / "right")) == {}
    wrong = where(of(name), pre_close=round(last * 1.2, 2))
    assert name in aside(results(prices(tables, lambda _: wrong(resumed(suspended))), tmp_path / "wrong"))


@pytest.mark.parametrize(
    ("up", "down"), [(0.99, 0.8), (1.2, 1.05), (0.999, 0.8)], ids=["below the day", "above the day", "below pre_close"]
)
def test_prices_outside_delivered_limits_are_set_aside(tables: Tables, tmp_path: Path, up: float, down: float) -> None:
    name = a_name(tables)
    limits = tables["daily_prices"].with_columns(
        limit_up=pl.when(of(name)).then((pl.col("pre_close") * up).round(2)),
        limit_down=pl.when(of(name)).then((pl.col("pre_close") * down).round(2)),
    )
    assert "limits delivered with them" in aside(results(tables | {"daily_prices": limits}, tmp_path))[name]


def test_later_rows_do_not_change_the_day(tables: Tables, tmp_path: Path) -> None:
    name = a_name(tables)
    later = where((pl.col("symbol") == name) & (pl.col("date") > DAY), pre_close=pl.col("pre_close") * 3)
    assert aside(results(prices(tables, later), tmp_path)) == {}


def test_a_day_that_lost_many_stocks_is_refused(tables: Tables, tmp_path: Path) -> None:
    kept = tables["daily_prices"].filter(TODAY)["symbol"].head(14).to_list()
    cut = prices(tables, lambda frame: frame.filter(~TODAY | pl.col("symbol").is_in(kept)))
    message = refusals(results(cut, tmp_path))["daily_prices.names_of_the_day_before_priced"]
    assert "14 stocks have a price" in message


# --- doubles, shares, unusable figures ---------------------------------------------------------------------------------------


def test_one_company_under_two_codes_counts_once(tables: Tables, tmp_path: Path) -> None:
    name = a_name(tables)
    double = tables["daily_prices"].filter(pl.col("symbol") == name).with_columns(symbol=pl.lit("603999.SH"))
    found = results(prices(tables, lambda frame: pl.concat([frame, double])), tmp_path)
    assert list(aside(found)) == ["603999.SH"]
    assert f"those of {name}" in aside(found)["603999.SH"]
    assert "reference/code_changes" in aside(found)["603999.SH"]


def test_a_row_copied_to_another_stock_sets_both_aside(tables: Tables, tmp_path: Path) -> None:
    """The copy is recognised by its previous close."""
    closes = dict(tables["daily_prices"].filter(TODAY).select("symbol", "pre_close").iter_rows())
    names = [a_name(tables, nth) for nth in range(8)]
    low, high = next((a, b) for a in names for b in names if a < b and closes[b] > 1.05 * closes[a])
    own = tables["daily_prices"].filter(TODAY & (pl.col("symbol") == high))
    copied = pl.concat([tables["daily_prices"].filter(~of(low)), own.with_columns(symbol=pl.lit(low))])
    message = aside(results(prices(tables, lambda _: copied), tmp_path))
    assert set(message) == {low, high}
    assert "and the last close, of" in message[low]


@pytest.mark.parametrize("value", [float("inf"), float("-inf")])
def test_infinite_figures_are_set_aside(tables: Tables, tmp_path: Path, value: float) -> None:
    first = tables["fundamentals"].filter(pl.col("announce_date") < DAY).row(0, named=True)
    row = (pl.col("symbol") == first["symbol"]) & (pl.col("period") == first["period"])
    broken = tables["fundamentals"].with_columns(equity=pl.when(row).then(value).otherwise("equity"))
    found = results(tables | {"fundamentals": broken}, tmp_path)
    assert aside(found, "securities")[first["symbol"]] == "equity is infinite"


def test_whole_numbers_with_and_without_a_point_are_one_industry(tables: Tables, tmp_path: Path) -> None:
    """A spreadsheet exports 10.0 where another program writes 10."""
    half = pl.col("symbol").str.slice(5, 1).str.to_integer() % 2 == 0
    pointed = tables["industries"].with_columns(
        industry=pl.when(half).then(pl.col("industry") + ".0").otherwise("industry")
    )
    assert pointed["industry"].n_unique() > tables["industries"]["industry"].n_unique()
    one, other = (
        results(part, tmp_path / name) for name, part in (("a", tables), ("b", tables | {"industries": pointed}))
    )
    assert one["securities"].frame.equals(other["securities"].frame)
    rows = (
        tables["industries"]
        .head(4)
        .with_columns(
            industry=pl.Series(["801010.00", "10.5", "C.0", "1.0.0"]),
            symbol=pl.Series([f"60000{n}.SH" for n in range(4)]),
        )
    )
    kept = sift_industries(rows, Rulebook.on(DAY)).usable
    assert kept["industry"].to_list() == ["801010", "10.5", "C.0", "1.0.0"]


def test_blanks_are_no_part_of_an_industry(tables: Tables, tmp_path: Path) -> None:
    padded = tables["industries"].with_columns(industry=" " + pl.col("industry") + "\t ")
    one, other = (
        results(part, tmp_path / name) for name, part in (("a", tables), ("b", tables | {"industries": padded}))
    )
    assert one["securities"].frame.equals(other["securities"].frame)


@pytest.mark.parametrize("table", ["instruments", "industries", "fundamentals"])
def test_a_table_of_which_no_row_is_usable_is_refused(tables: Tables, tmp_path: Path, table: str) -> None:
    symbol = pl.lit("9") + pl.col("symbol").str.slice(1, 5) + pl.lit(".SH")
    found = results(tables | {table: tables[table].with_columns(symbol=symbol)}, tmp_path)
    message = refusals(found)["securities.tables_usable"]
    assert f"{table}: none of " in message
    assert message.index(" × ") < message.index("Remedy")


# --- fundamentals -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", [1, 10_000])
def test_market_values_in_place_of_shares_are_refused(tables: Tables, tmp_path: Path, unit: int) -> None:
    """In yuan they move as the closes do; in ten thousand yuan they are also fewer than the day's volume."""
    shares = (pl.col("float_shares", "total_shares") * pl.col("close") / unit).round().cast(pl.Int64)
    found = results(prices(tables, lambda frame: frame.with_columns(shares)), tmp_path / "all")
    message = refusals(found)["daily_prices.nearly_all_rows_usable"]
    if unit == 1:
        assert (
            "stocks move from day to day as their closes do: these are market values. Deliver the numbers of shares"
            in message
        )


def test_shares_declared_in_another_unit_than_theirs_are_refused(tables: Tables, tmp_path: Path) -> None:
    """Each row is plausible by itself on every day; only the low turnover shows the unit."""
    declared = LandingSettings.model_validate({"daily_prices": {"share_unit": "ten_thousand_shares"}})
    messages = refusals(results(tables, tmp_path / "declared", landing=declared))
    assert (
        "Remove landing.daily_prices.share_unit = 'ten_thousand_shares' from"
        in messages["daily_prices.nearly_all_rows_usable"]
    )
    in_ten_thousands = prices(tables, lambda f: f.with_columns(pl.col("float_shares", "total_shares") // 10_000))
    assert refusals(results(in_ten_thousands, tmp_path / "rightly", landing=declared)) == {}
    few = prices(tables, lambda f: f.filter(pl.col("symbol").is_in(f["symbol"].unique().sort()[:8].implode())))
    messages = refusals(results(few, tmp_path / "few", landing=declared))
    assert set(messages) == {"daily_prices.nearly_all_rows_usable", "securities.fundamentals_in_yuan"}
    assert "share_unit = 'ten_thousand_shares' from" in messages["daily_prices.nearly_all_rows_usable"]
    books = messages["securities.fundamentals_in_yuan"]
    assert "share_unit = 'ten_thousand_shares' is declared: remove it" in books
    assert books.index("share_unit") < books.index("amount_unit")
    few["daily_prices"] = few["daily_prices"].with_columns(pl.col("float_shares", "total_shares") // 10_000)
    assert "daily_prices.nearly_all_rows_usable" not in refusals(results(few, tmp_path / "few-right", landing=declared))


def quarters(
    profit: Callable[[int, int], float], names: int = 8, years: tuple[int, ...] = (2013, 2014)
) -> pl.DataFrame:
    rows = []
    for number in range(names):
        for year in years:
            for quarter in range(1, 5):
                period = dt.date(year, 3 * quarter, 31 if quarter in (1, 4) else 30)
                symbol = f"{600000 + number}.SH"
                rows.append((symbol, period, period + dt.timedelta(days=40), profit(number, quarter), 1e9))
    return pl.DataFrame(rows, schema=["symbol", "period", "announce_date", "net_profit", "equity"], orient="row")


@pytest.mark.parametrize("names", [5, 8, 60])
def test_profits_of_the_year_so_far_are_reported(tables: Tables, tmp_path: Path, names: int) -> None:
    single = [[3.0, 4.0, 2.0, 5.0], [4.0, 4.0, 4.0, 4.0], [5.0, 1.0, 6.0, -2.0], [2.0, 3.0, 3.5, 9.0]]
    so_far = quarters(lambda number, quarter: 1e7 * sum(single[number % 4][:quarter]), names)
    messages = refusals(results(tables | {"fundamentals": so_far}, tmp_path / "so_far"))
    assert "landing.fundamentals.profits = 'year_to_date'" in messages["securities.profits_are_of_single_quarters"]
    alone = quarters(lambda number, quarter: 1e7 * single[number % 4][quarter - 1], names)
    assert refusals(results(tables | {"fundamentals": alone}, tmp_path / "alone")) == {}


@pytest.mark.parametrize("declared", [False, True])
def test_fourth_quarters_with_the_profit_of_the_year_refuse_securities(
    tables: Tables, tmp_path: Path, declared: bool
) -> None:
    """This applies also where the whole table is declared as profits of the year so far."""
    figures = quarters(lambda number, quarter: 1e7 * [3.0, 3.5, 4.0 + number / 10, 13.0 + number / 10][quarter - 1])
    landing = LandingSettings.model_validate(
        {"fundamentals": {"profits": "year_to_date" if declared else "single_quarter"}}
    )
    messages = refusals(results(tables | {"fundamentals": figures}, tmp_path, landing=landing))
    assert "securities.profits_are_of_single_quarters" in messages
    if not declared:
        assert "have the profit of the year" in messages["securities.profits_are_of_single_quarters"]


@pytest.mark.parametrize("names", [5, 60])
def test_single_quarters_declared_as_the_year_so_far_are_refused(tables: Tables, tmp_path: Path, names: int) -> None:
    """Three of four stocks have a profit in every quarter, as most of a market do."""
    single = [[3.0, 4.0, 2.0, 5.0], [4.0, 4.0, 4.0, 4.0], [5.0, 1.0, 6.0, -2.0], [4.0, 3.0, 3.5, 9.0]]
    declared = LandingSettings.model_validate({"fundamentals": {"profits": "year_to_date"}})
    alone = quarters(lambda number, quarter: 1e7 * single[number % 4][quarter - 1], names)
    messages = refusals(results(tables | {"fundamentals": alone}, tmp_path / "alone", landing=declared))
    assert (
        "Remove landing.fundamentals.profits = 'year_to_date' from"
        in messages["securities.profits_are_of_single_quarters"]
    )
    so_far = quarters(lambda number, quarter: 1e7 * sum(single[number % 4][:quarter]), names)
    assert refusals(results(tables | {"fundamentals": so_far}, tmp_path / "so_far", landing=declared)) == {}


@pytest.mark.parametrize("names", [8, 60])
@pytest.mark.parametrize("strange", [(2014,), (2013,), (2012, 2014)])
@pytest.mark.parametrize("declared", [False, True])
def test_years_in_another_form_than_the_rest_are_reported(
    tables: Tables, tmp_path: Path, names: int, strange: tuple[int, ...], declared: bool
) -> None:
    """Of three years, some have profits of the year so far and the rest single quarters; where declared so, the other way round."""
    single = [[3.0, 4.0, 2.0, 5.0], [4.0, 4.0, 4.0, 4.0], [5.0, 1.0, 6.0, 2.0], [2.0, 3.0, 2.5, 9.0]]
    every = (2012, 2013, 2014)
    so_far = [year for year in every if (year in strange) != declared]
    whole = pl.concat(
        quarters(lambda number, quarter: 1e7 * sum(single[number % 4][:quarter]), names, years=(year,))
        if year in so_far
        else quarters(lambda number, quarter: 1e7 * single[number % 4][quarter - 1], names, years=(year,))
        for year in every
    )
    landing = LandingSettings.model_validate({"fundamentals": {"profits": "year_to_date"}}) if declared else None
    messages = refusals(results(tables | {"fundamentals": whole}, tmp_path, landing=landing))
    form = "single quarters" if declared else "the year so far"
    assert (
        f"the profits of {', '.join(map(str, strange))} are those of {form}, and those of the other years are not"
        in messages["securities.profits_are_of_single_quarters"]
    )


@pytest.mark.parametrize("versions", [None, [2, 1], [None, None], [1, 2]])
def test_of_two_versions_of_an_announcement_the_later_is_used(
    tables: Tables, tmp_path: Path, versions: list[int | None] | None
) -> None:
    base = quarters(lambda number, quarter: 1e7 * (1 + quarter % 2))
    row = base.filter((pl.col("symbol") == "600003.SH") & (pl.col("period") == dt.date(2014, 12, 31)))
    pair = pl.concat([row.with_columns(net_profit=pl.lit(1.0)), row.with_columns(net_profit=pl.lit(2.0))])
    rest = base.join(row, on=["symbol", "period"], how="anti")
    if versions is not None:
        pair = pair.with_columns(version=pl.Series(versions, dtype=pl.Int64))
        rest = rest.with_columns(version=pl.lit(None, pl.Int64))
    named = {"instruments": _listed(tables, [f"{600000 + n}.SH" for n in range(8)])}
    for order, name in ((pair, "given"), (pair.reverse(), "turned")):
        found = results(tables | named | {"fundamentals": pl.concat([rest, order])}, tmp_path / name)
        profit = found["securities"].frame.filter(pl.col("symbol") == "600003.SH")["net_profit"].item()
        last = order["net_profit"][-1]
        assert profit == {None: last, 2: 1.0, 1: 2.0}[versions[0] if versions else None]
        assert "the later one is used" in aside(found, "securities")["600003.SH"]
        assert refusals(found) == {}


def _listed(tables: Tables, symbols: list[str]) -> pl.DataFrame:
    known = tables["instruments"].filter(~pl.col("symbol").is_in(symbols))
    new = pl.DataFrame({"symbol": symbols, "list_date": [dt.date(2001, 1, 4)] * len(symbols)})
    return pl.concat([known, new], how="diagonal")


def test_the_order_of_two_versions_is_part_of_the_data(tables: Tables, tmp_path: Path) -> None:
    base = quarters(lambda number, quarter: 1e7)
    twice = pl.concat([base, base.head(1).with_columns(net_profit=pl.lit(5.0))])
    digests = {
        landed(tmp_path / name, {"fundamentals": frame}).digest("fundamentals", DAY, True)
        for name, frame in (("one", twice), ("two", twice.reverse()))
    }
    assert len(digests) == 2


# --- indices ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [10.0, 0.1, 1.05, 0.96])
def test_an_index_that_does_not_move_as_its_members_is_refused(tables: Tables, tmp_path: Path, factor: float) -> None:
    row = TODAY & (pl.col("index") == "000905.SH")
    closes = tables["index_prices"].with_columns(close=pl.when(row).then(pl.col("close") * factor).otherwise("close"))
    changed = tables | {"index_prices": closes}
    for day, name in ((DAY, "today"), (CALENDAR.next_day(DAY), "next")):
        message = refusals(results(changed, tmp_path / name, day), day)["indices.index_moves_with_its_members"]
        assert "000905.SH moves by" in message
    before = CALENDAR.previous_day(DAY)
    assert refusals(results(changed, tmp_path / "before", before), before) == {}


def with_total_return(tables: Tables, code: str, factor: float) -> Tables:
    """Return the tables with 000905.SH also as a total-return index, 5 % higher by dividends, and its close times a factor."""
    total = (
        tables["index_prices"].filter(index="000905.SH").with_columns(index=pl.lit(code), close=pl.col("close") * 1.05)
    )
    total = total.with_columns(close=pl.when(TODAY).then(pl.col("close") * factor).otherwise("close"))
    return tables | {"index_prices": pl.concat([tables["index_prices"], total])}


@pytest.mark.parametrize(
    ("factor", "refused"), [(1.08, True), (0.9, True), (10.0, True), (1.0, False), (1.003, False), (1.01, False)]
)
@pytest.mark.parametrize("weights", [True, False])
def test_a_total_return_index_is_compared_as_its_price_index_is(
    tables: Tables, tmp_path: Path, factor: float, refused: bool, weights: bool
) -> None:
    changed = with_total_return(tables, "H00905.CSI", factor)
    if not weights:
        other = pl.lit("603") + pl.col("symbol").str.slice(3, 3) + pl.lit(".SH")
        changed |= {"index_weights": tables["index_weights"].with_columns(symbol=other)}
    messages = refusals(results(changed, tmp_path))
    moves, absent = "indices.index_moves_with_its_members", "indices.members_are_priced"
    assert set(messages) == ({moves} if refused else set()) | (set() if weights else {absent})
    if refused:
        against = "its members" if weights else "its price index 000905.SH"
        why = messages["indices.index_moves_with_its_members"]
        assert "H00905.CSI moves by" in why
        assert against in why


def test_which_total_return_index_belongs_to_an_index_is_a_setting(tables: Tables, tmp_path: Path) -> None:
    changed = with_total_return(tables, "TR.CSI", 1.08)
    zone = landed(tmp_path, changed)
    for codes, refused in (({"000905.SH": "TR.CSI"}, True), ({"000852.SH": "TR852.CSI"}, False)):
        found = made(zone, DAY, ReferenceSettings(total_return_indices=codes))
        assert ("indices.index_moves_with_its_members" in refusals(found)) == refused


def test_a_total_return_benchmark_is_one_that_is_checked() -> None:
    own = {"000905.SH": "A.CSI", "000852.SH": "B.CSI"}
    with pytest.raises(ValueError, match=r"reference\.total_return_indices H00905\.CSI: name the same code in both"):
        Settings(portfolios=PortfoliosSettings(benchmark="total_return", total_return_indices=own))
    both = Settings(
        portfolios=PortfoliosSettings(benchmark="total_return", total_return_indices=own),
        reference=ReferenceSettings(total_return_indices=own),
    )
    assert both.portfolios.benchmark_index("000905.SH") == "A.CSI"


def test_an_index_without_priced_members_is_refused(tables: Tables, tmp_path: Path) -> None:
    """The moves cannot be judged, so a tenfold close would pass; the vector is wrong."""
    closes = tables["index_prices"].with_columns(close=pl.when(TODAY).then(pl.col("close") * 3).otherwise("close"))
    others = tables["index_weights"].with_columns(
        symbol=pl.lit("603") + pl.col("symbol").str.slice(3, 3) + pl.lit(".SH")
    )
    messages = refusals(results(tables | {"index_prices": closes, "index_weights": others}, tmp_path))
    assert set(messages) == {"indices.members_are_priced"}
    count = others.filter(index="000905.SH", date=others["date"].max())["symbol"].n_unique()
    assert f"0 of {count} members of 000905.SH" in messages["indices.members_are_priced"]
    assert (
        "the prices are those of other stocks, or the vector is that of another index"
        in messages["indices.members_are_priced"]
    )


FOLLOWED = ("000905.SH", "000852.SH")


def vectors_of(**members: list[str]) -> pl.DataFrame:
    rows = [(f"{index[1:]}.SH", symbol, 1 / len(own), DAY) for index, own in members.items() for symbol in own]
    return pl.DataFrame(rows, schema=["index", "symbol", "weight", "published_date"], orient="row")


def judged_members(vectors: pl.DataFrame, priced: list[str]) -> dict[str, str]:
    """Return index → "absent" or "few"."""
    found = members_without_prices(vectors, priced, FOLLOWED)
    return {
        index: "absent" if absent else "few" for index, absent in found.select("index", "members_absent").iter_rows()
    }


def test_prices_of_a_part_of_the_market_are_legitimate() -> None:
    names = [f"{600000 + n}.SH" for n in range(400)]
    both = vectors_of(i000905=names[:50], i000852=names[50:150], i000300=names[390:])
    assert judged_members(both, names) == {}
    assert judged_members(both, names[:150]) == {"000300.SH": "few"}  # no portfolio follows it
    assert judged_members(both, names[:50]) == {
        "000852.SH": "few",
        "000300.SH": "few",
    }  # only members of the other index
    assert judged_members(both, names[50:150]) == {"000905.SH": "few", "000300.SH": "few"}
    assert judged_members(both, names[:20]) == {"000905.SH": "few", "000852.SH": "few", "000300.SH": "few"}
    assert judged_members(both, names[24:150]) == {"000300.SH": "few"}  # half of the weight
    # The rest of the market has prices, and these members have none.
    assert judged_members(both, names[50:]) == {"000905.SH": "absent"}
    assert judged_members(both, names[150:]) == {"000905.SH": "absent", "000852.SH": "absent"}
    assert judged_members(both, []) == {}


def test_members_under_another_exchange_are_reported() -> None:
    names = [f"{600000 + n}.SH" for n in range(40)]
    vector = vectors_of(i000905=[name.replace(".SH", ".SZ") for name in names[:10]])
    detail = describe_column(members_without_prices(vector, names, FOLLOWED)["detail"])[0]
    assert "0 of 10 members of 000905.SH" in detail
    assert "10 of the others are there under another exchange" in detail


# --- the unit of equity and profit --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (1e-3, "amount_unit = 'thousand_yuan'"),
        (1e-4, "amount_unit = 'ten_thousand_yuan'"),
        (1e-8, "about 1e-8 times"),
        (1e3, "remove landing.fundamentals.amount_unit"),
        (1e4, "remove landing.fundamentals.amount_unit"),
    ],
)
def test_equity_in_another_unit_is_refused_with_the_setting(tmp_path: Path, factor: float, words: str) -> None:
    for scaled in (["equity"], ["equity", "net_profit"]):
        wrong = fundamentals_of_market(lambda f, scaled=scaled: f.with_columns(pl.col(scaled) * factor))
        message = refusals(results(wrong, tmp_path / scaled[-1]))["securities.fundamentals_in_yuan"]
        assert words in message
        assert message.index(" stocks is ") < message.index(words)
        assert "landing.fundamentals.amount_unit" in message


@pytest.mark.parametrize(("total", "float_", "names"), [(100, 1, 40), (10_000, 1, 40), (1, 0.01, 40), (100, 1, 1)])
def test_one_of_two_share_counts_in_another_unit_is_reported(
    tables: Tables, tmp_path: Path, total: int, float_: float, names: int
) -> None:
    chosen = pl.col("symbol").is_in(tables["daily_prices"]["symbol"].unique().sort()[:names].implode())
    thin = where(pl.lit(True), volume=pl.col("volume") // 10_000 * 100, amount=pl.col("amount") / 100)
    tables = prices(tables, thin)
    tables = prices(
        tables, lambda frame: frame.with_columns(amount=pl.col("volume") * (pl.col("high") + pl.col("low")) / 2)
    )
    tables = prices(tables, lambda frame: frame.filter(pl.col("volume") > 0))
    right = results(tables, tmp_path / "right")
    changed = where(
        chosen,
        total_shares=pl.col("total_shares") * total,
        float_shares=(pl.col("float_shares") * float_).cast(pl.Int64),
    )
    found = results(prices(tables, changed), tmp_path / "wrong")
    message = refusals(found).get("daily_prices.nearly_all_rows_usable", "")
    words = "total_shares are in a smaller unit than declared, or float_shares in a larger one"
    assert (words in message) == (names > 1)
    reasons = {symbol: why for symbol, why in aside(found).items() if words in why}
    wrong = set(right["daily_prices"].frame.filter(chosen)["symbol"])
    assert set(reasons) == wrong
    kept = found["daily_prices"].frame.filter(pl.col("symbol").is_in([*wrong]))
    assert kept["total_shares"].null_count() == kept.height == len(wrong)


@pytest.mark.parametrize(
    ("factor", "first"), [(100, "share_unit"), (1_000, "share_unit"), (1, "fundamentals.amount_unit")]
)
def test_market_values_in_another_unit_name_the_shares_first(tmp_path: Path, factor: int, first: str) -> None:
    """Equity / market value is off in both cases; turnover shows whether the shares are at fault."""
    odd = pl.col("symbol").str.slice(3, 3).str.to_integer() % 2 == 0
    equity = pl.when(odd).then(pl.col("equity") / 1e4).otherwise("equity")
    tables = fundamentals_of_market(lambda f: f if factor > 1 else f.with_columns(equity=equity))
    thin = pl.col("volume") // 100, pl.col("amount") / 100  # a turnover of 0.4 %, and not of 40 %
    tables = prices(tables, lambda f: f.with_columns(pl.col("float_shares", "total_shares") * factor, *thin))
    message = refusals(results(tables, tmp_path))["securities.fundamentals_in_yuan"]
    other = ({"share_unit", "fundamentals.amount_unit"} - {first}).pop()
    assert message.index(first) < message.index(other)


@pytest.mark.parametrize("factor", [1e-3, 1e4])
def test_a_part_or_the_latest_quarter_in_another_unit_is_refused(tmp_path: Path, factor: float) -> None:
    half = pl.col("symbol").str.slice(3, 3).str.to_integer() % 2 == 0
    for part, name in ((half, "half"), (pl.col("period") == pl.col("period").max().over("symbol"), "latest")):
        messages = refusals(
            results(fundamentals_of_market(where(part, equity=pl.col("equity") * factor)), tmp_path / name)
        )
        assert "landing.fundamentals.amount_unit" in messages["securities.fundamentals_in_yuan"], name
    profits = fundamentals_of_market(lambda f: f.with_columns(pl.col("net_profit") * factor))
    messages = refusals(results(profits, tmp_path / "profit"))
    assert "net_profit is in another unit than equity" in messages["securities.fundamentals_in_yuan"]


@pytest.mark.parametrize("factor", [1e-3, 1e4, 1e-8, 1e290, 0.0])
def test_one_announcement_in_another_unit_is_set_aside(tmp_path: Path, factor: float) -> None:
    tables = fundamentals_of_market(lambda f: f)
    name = tables["fundamentals"]["symbol"][0]
    assert aside(results(tables, tmp_path / "right"), "securities") == {}
    for which in ("first", "third", "last"):
        own = tables["fundamentals"].filter(symbol=name)["period"]
        period = {"first": own[0], "third": own[2], "last": own[-1]}[which]
        row = (pl.col("symbol") == name) & (pl.col("period") == period)
        changed = fundamentals_of_market(where(row, equity=pl.col("equity") * factor))
        found = results(changed, tmp_path / which)
        assert refusals(found) == {}
        if which == "first":  # no earlier announcement shows it
            continue
        assert "landing.fundamentals.amount_unit" in aside(found, "securities")[name]
        data = pl.read_parquet(found["securities"].files["set_aside.parquet"])
        assert data.select("symbol", "period").rows() == [(name, period)]
        kept = tables["fundamentals"].filter((pl.col("symbol") == name) & (pl.col("period") != period))["equity"][-1]
        assert found["securities"].frame.filter(symbol=name)["equity"].item() == kept


def fundamentals_of_market(change: Callable[[pl.DataFrame], pl.DataFrame]) -> Tables:
    """Return random tables of 40 stocks with eight quarters of equity at a third of market value and 2 % profit a quarter."""
    tables = random_reference(seed=4)
    worth = tables["daily_prices"].filter(pl.col("date") <= DAY).group_by("symbol", maintain_order=True).last()
    rows = [
        (symbol, dt.date(year, 3 * quarter, 31 if quarter in (1, 4) else 30), value * 0.3 * (1 + quarter / 50))
        for symbol, value in worth.select("symbol", pl.col("close") * pl.col("total_shares")).sort("symbol").iter_rows()
        for year in (2013, 2014)
        for quarter in range(1, 5)
    ]
    made = pl.DataFrame(rows, schema=["symbol", "period", "equity"], orient="row").with_columns(
        announce_date=pl.col("period") + dt.timedelta(days=40),
        net_profit=pl.col("equity") * pl.when(pl.col("period").dt.quarter() == 2).then(0.03).otherwise(0.02),
    )
    return tables | {"fundamentals": change(made)}


def test_a_day_on_which_most_stocks_are_st_is_refused(tables: Tables, tmp_path: Path) -> None:
    for number, some in enumerate((pl.lit(True), pl.col("symbol") < "3")):
        found = results(prices(tables, where(TODAY & some, is_st=True)), tmp_path / str(number))
        message = refusals(found)["daily_prices.nearly_all_rows_usable"]
        assert "stocks: the column has another meaning" in message


# --- figures of one stock, and of half-years and years ------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [1e-3, 1e-4, 1e-8, 1e3])
@pytest.mark.parametrize("columns", [["equity", "net_profit"], ["equity"], ["net_profit"]], ids=",".join)
def test_one_stock_whose_whole_history_is_in_another_unit_is_set_aside(
    tmp_path: Path, factor: float, columns: list[str]
) -> None:
    tables = fundamentals_of_market(lambda f: f)
    name, other = tables["fundamentals"]["symbol"].unique().sort()[[3, 4]].to_list()
    whole = fundamentals_of_market(where(pl.col("symbol") == name, **{one: pl.col(one) * factor for one in columns}))
    right, found = results(tables, tmp_path / "right"), results(whole, tmp_path / "wrong")
    if columns == ["net_profit"] and factor > 1:  # losses of a hundred times the equity alone do not prove another unit
        return
    assert refusals(found) == {}
    assert set(aside(found, "securities")) == {name}
    assert "landing.fundamentals.amount_unit" in aside(found, "securities")[name]
    rest, all_of_it = found["securities"].frame, right["securities"].frame
    assert rest.filter(pl.col("symbol") != name).equals(all_of_it.filter(pl.col("symbol") != name))
    own = rest.row(by_predicate=pl.col("symbol") == name, named=True)
    assert {own[one] for one in ("equity", "net_profit", "profitability", "profitability_year_ago")} == {None}
    assert rest.filter(pl.col("symbol") == other)["equity"][0] is not None


def test_a_company_with_next_to_no_equity_keeps_it(tmp_path: Path) -> None:
    """The profits and losses of such a company are not as small."""
    name = fundamentals_of_market(lambda f: f)["fundamentals"]["symbol"].unique().sort()[3]
    shell = fundamentals_of_market(
        where(pl.col("symbol") == name, equity=pl.col("equity") / 1000, net_profit=pl.col("equity") / 300)
    )
    found = results(shell, tmp_path)
    assert aside(found, "securities") == {}
    assert found["securities"].frame.filter(symbol=name)["equity"][0] > 0


@pytest.mark.parametrize(
    ("quarters_left", "refused"), [((4,), True), ((2, 4), True), ((1, 2, 3, 4), False), ((1, 2, 4), False)], ids=str
)
@pytest.mark.parametrize("rows_kept", [True, False], ids=["equity of every quarter", "no rows of the others"])
def test_profits_of_years_or_half_years_alone_are_refused(
    tables: Tables, tmp_path: Path, quarters_left: tuple[int, ...], refused: bool, rows_kept: bool
) -> None:
    single = [[3.0, 4.0, 2.0, 5.0], [4.0, 4.0, 4.0, 4.0], [5.0, 1.0, 6.0, -2.0], [2.0, 3.0, 3.5, 9.0]]
    figures = quarters(lambda number, quarter: 1e7 * sum(single[number % 4][:quarter]), years=(2012, 2013, 2014))
    if not refused:
        figures = quarters(lambda number, quarter: 1e7 * single[number % 4][quarter - 1], years=(2012, 2013, 2014))
    kept = pl.col("period").dt.quarter().is_in(quarters_left)
    left = figures.with_columns(net_profit=pl.when(kept).then("net_profit")) if rows_kept else figures.filter(kept)
    messages = refusals(results(tables | {"fundamentals": left}, tmp_path / "plain"))
    assert ("securities.profits_are_of_single_quarters" in messages) == refused
    if refused:
        assert "profits of half-years or years" in messages["securities.profits_are_of_single_quarters"]
        assert "landing.fundamentals.profits = 'year_to_date'" in messages["securities.profits_are_of_single_quarters"]
        declared = LandingSettings.model_validate({"fundamentals": {"profits": "year_to_date"}})
        found = results(tables | {"fundamentals": left}, tmp_path / "declared", landing=declared)
        assert "securities.profits_are_of_single_quarters" not in refusals(found)
        assert (
            found["securities"].frame["net_profit"].count() == 0
        )  # no single quarter follows from the delivered figures


@pytest.mark.parametrize("factor", [4.0, 10.0, 100.0, 0.1, 0.01])
def test_equity_that_jumps_without_shares_or_profit_is_set_aside(tmp_path: Path, factor: float) -> None:
    tables = fundamentals_of_market(lambda f: f)
    name = tables["fundamentals"]["symbol"][0]
    last = (pl.col("symbol") == name) & (pl.col("period") == dt.date(2014, 12, 31))
    for columns in (["equity"], ["equity", "net_profit"]):
        wrong = fundamentals_of_market(where(last, **{one: pl.col(one) * factor for one in columns}))
        found = results(wrong, tmp_path / columns[-1])
        assert refusals(found) == {}
        assert "which do not explain the change" in aside(found, "securities")[name]
        kept = tables["fundamentals"].filter((pl.col("symbol") == name) & (pl.col("period") < dt.date(2014, 12, 31)))
        assert found["securities"].frame.filter(symbol=name)["equity"].item() == kept["equity"][-1]


def test_equity_that_profit_or_new_shares_explain_is_used(tmp_path: Path) -> None:
    tables = fundamentals_of_market(lambda f: f)
    name = tables["fundamentals"]["symbol"][0]
    last = (pl.col("symbol") == name) & (pl.col("period") == dt.date(2014, 12, 31))
    earned = fundamentals_of_market(where(last, equity=pl.col("equity") * 4, net_profit=pl.col("equity") * 3))
    lost = fundamentals_of_market(where(last, equity=pl.col("equity") / 10, net_profit=-pl.col("equity") * 0.9))
    unknown = fundamentals_of_market(where(last, equity=pl.col("equity") * 4, net_profit=None))
    shares = where(
        (pl.col("symbol") == name) & (pl.col("date") >= DAYS[20]),
        **{one: pl.col(one) * 2 for one in ("total_shares", "float_shares")},
    )
    issued = fundamentals_of_market(where(last, equity=pl.col("equity") * 4, announce_date=DAYS[30]))
    issued = prices(issued, shares)
    for number, own in enumerate((earned, lost, unknown, issued)):
        found = results(own, tmp_path / str(number))
        assert name not in aside(found, "securities"), number
        delivered = own["fundamentals"].filter(last)["equity"].item()
        assert found["securities"].frame.filter(symbol=name)["equity"].item() == delivered, number


# --- members of indices, and codes of indices -----------------------------------------------------------------------------------


CODES = [f"{600_000 + number}.SH" for number in range(1000)]


def vector(date: dt.date, names: list[int], index: str = "000905.SH") -> pl.DataFrame:
    symbols = [f"{600_000 + number}.SH" for number in names]
    return pl.DataFrame(
        {"index": [index] * len(names), "date": [date] * len(names), "symbol": symbols, "weight": [0.1] * len(names)}
    )


@pytest.mark.parametrize(
    ("members", "others", "lost"),
    [
        (500, [500], False),
        (499, [500], True),
        (499, [], True),
        (499, [499], True),  # judged by the index's own number, not by earlier vectors
        (501, [500], True),
        (450, [], True),
        (60, [], False),  # a small market, whose first vector is no evidence
        (60, [60, 60], False),
        (59, [60, 60], True),
        (59, [60, 59], True),
        (61, [60], False),
    ],
)
def test_a_vector_without_one_of_its_members_is_found(members: int, others: list[int], lost: bool) -> None:
    vectors = [vector(dt.date(2015, 1, 1 + n), list(range(count))) for n, count in enumerate(others)]
    vectors.append(vector(dt.date(2015, 6, 30), list(range(1000 - members, 1000))))
    priced = CODES if members >= 450 else pl.concat(vectors)["symbol"].unique().to_list()
    found = members_lost(pl.concat(vectors), priced, ReferenceSettings())
    short = not lost and members < 500  # as many as before, but not the index's 500
    assert found.select("members_lost", "members_short").rows() == [(1, None)] * lost + [(None, 1)] * short
    detail = describe_column(found["detail"])
    if short:
        assert detail[0].startswith(f"000905.SH has {members} of 500 members")
        own = ReferenceSettings(index_members={"000905.SH": members})
        assert members_lost(pl.concat(vectors), CODES, own).is_empty()
    if lost:
        assert f"has {members} members" in detail[0]
        assert "reference.index_members" in detail[0]
        own = ReferenceSettings(index_members={"000905.SH": members})
        assert members_lost(pl.concat(vectors), CODES, own).is_empty()


@pytest.mark.parametrize(
    ("members", "priced", "lost"), [(300, 501, True), (60, 1000, True), (300, 500, False), (500, 1000, None)]
)
def test_a_partial_first_vector_is_refused_where_more_stocks_are_priced(
    members: int, priced: int, lost: bool | None
) -> None:
    """A market with more stocks than the index has members could contain them all."""
    found = members_lost(vector(dt.date(2015, 6, 30), list(range(members))), CODES[:priced], ReferenceSettings())
    assert found["members_lost"].to_list() == {True: [1], False: [None], None: []}[lost]
    if lost:
        assert (
            f"has {members} members, and the index has (reference.index_members) 500"
            in describe_column(found["detail"])[0]
        )


def test_a_delisted_member_may_be_missing_and_a_row_without_weight_is_not_a_member() -> None:
    """One of 60 members no longer has rows in daily_prices; the next vector has 59, and so has the one after it."""
    dates = [dt.date(2015, month, 1) for month in (1, 2, 3)]
    vectors = [vector(dates[0], list(range(60))), *(vector(date, list(range(59))) for date in dates[1:])]
    for count in (2, 3):
        several = pl.concat(vectors[:count])
        assert members_lost(several, CODES[:100], ReferenceSettings())["members_lost"].to_list() == [1]
        assert members_lost(several, CODES[:59], ReferenceSettings())["members_lost"].to_list() == [None]
    long_ago = [vector(dt.date(2013, 1, 2), list(range(60))), vector(dt.date(2014, 6, 30), [*range(59), 70])]
    short = vector(dates[0], list(range(59)))  # lacks 70, which is priced; 59 left the index before its delisting
    assert members_lost(pl.concat([*long_ago, short]), [*CODES[:59], CODES[70]], ReferenceSettings())[
        "members_lost"
    ].to_list() == [1]
    whole = vector(dates[0], list(range(500)))
    weightless = whole.with_columns(weight=pl.when(pl.int_range(pl.len()) < 20).then(0.0).otherwise(0.1))
    assert members_lost(weightless, CODES, ReferenceSettings())["members_lost"].to_list() == [1]
    another = vector(dates[0], [700]).with_columns(weight=pl.lit(0.0))
    assert members_lost(pl.concat([whole, another]), CODES, ReferenceSettings()).is_empty()


@pytest.mark.parametrize("rescaled", [True, False])
def test_a_member_that_is_missing_refuses_the_indices(tables: Tables, tmp_path: Path, rescaled: bool) -> None:
    last = tables["index_weights"].filter((pl.col("index") == "000905.SH") & (pl.col("date") <= DAY))["date"].max()
    own = (pl.col("index") == "000905.SH") & (pl.col("date") == last)
    least = tables["index_weights"].filter(own).sort("weight")["symbol"][0]
    cut = tables["index_weights"].filter(~(own & (pl.col("symbol") == least)))
    if rescaled:
        cut = cut.with_columns(
            weight=pl.when(own).then(pl.col("weight") / pl.col("weight").filter(own).sum()).otherwise("weight")
        )
    message = refusals(results(tables | {"index_weights": cut}, tmp_path))["indices.vectors_are_whole"]
    assert "000905.SH" in message
    assert "has 9 members, and an earlier one has 10" in message


def warned(found: dict[str, Made], check: str, day: dt.date = DAY) -> str | None:
    """Return the detail of a check of indices that failed without refusing; None where it passed."""
    checks = {table.name: table.checks for table in TABLES}["indices"]
    verdict = judge(checks, {day: found["indices"].profile}, {day: found["indices"].unavailable})[day][check]
    assert not verdict.refuses
    return None if verdict.passed else verdict.text()


def test_a_vector_far_below_the_members_of_its_index_is_a_warning(tables: Tables, tmp_path: Path) -> None:
    check = "vectors_are_of_the_whole_market"
    found = results(tables, tmp_path / "small")
    message = warned(found, check)
    assert message is not None
    assert "000905.SH has 10 of 500 members" in message
    assert "not so in" not in message  # a finding about the table is not a row of it
    assert refusals(found) == {}
    own = ReferenceSettings(index_members={"000905.SH": 10, "000852.SH": 10}, min_listed_days=20)
    whole = made(landed(tmp_path / "own", tables), DAY, own)
    assert warned(whole, check) is None
    none = {name: frame for name, frame in tables.items() if name != "index_weights"}
    assert warned(results(none, tmp_path / "none"), check) is None


@pytest.mark.parametrize(
    ("unit", "factor", "expected"),
    [
        ("fraction", 100, "sum to 99.99"),
        ("fraction", 100, "they are in percent. Declare landing.indices.weight_unit = 'percent'"),
        ("percent", 1, "sum to 0.01: landing.indices.weight_unit = 'percent' is declared, and these are fractions"),
        ("fraction", 0.9, "sum to 0.8999"),
    ],
)
def test_weights_in_another_unit_are_reported_once_per_index(
    tables: Tables, tmp_path: Path, unit: str, factor: float, expected: str
) -> None:
    exact = tables["index_weights"].with_columns(
        weight=(pl.col("weight") / pl.col("weight").sum().over("index", "date"))
        * (0.9999 if "9" in expected else 1.0)
        * factor
    )
    settings = LandingSettings.model_validate({"indices": {"weight_unit": unit}})
    found = results(tables | {"index_weights": exact}, tmp_path, landing=settings)
    message = refusals(found)["indices.weights_sum_to_one"]
    assert expected in message
    assert message.count("of 000905.SH of") == 1
    assert "symbol=" not in message
    verdicts = judge(TABLES[2].checks, {DAY: found["indices"].profile}, {DAY: {}})[DAY]
    assert "weight_not_negative" not in own_failures(TABLES[2].checks, verdicts)


@pytest.mark.parametrize("table", ["index_weights", "index_prices"])
@pytest.mark.parametrize("code", ["930999.CSI", "700852.XX", "000046.SH"])
def test_one_followed_index_under_a_foreign_code_refuses_the_day(
    tables: Tables, tmp_path: Path, table: str, code: str
) -> None:
    foreign = where(pl.col("index") == "000852.SH", index=pl.lit(code))
    message = refusals(results(tables | {table: foreign(tables[table])}, tmp_path, DAYS[60]), DAYS[60])[
        "indices.followed_indices_delivered"
    ]
    assert code in message
    assert "000852.SH" in message
    assert "landing.indices.codes" in message


def test_a_known_other_index_beside_one_of_the_followed_ones_is_no_fault(tables: Tables, tmp_path: Path) -> None:
    other = where(pl.col("index") == "000852.SH", index=pl.lit("000300.SH"))
    both = {name: other(tables[name]) for name in ("index_weights", "index_prices")}
    found = results(tables | both, tmp_path, DAYS[60])
    assert "indices.followed_indices_delivered" not in refusals(found, DAYS[60])


# --- undeclared changes of code -------------------------------------------------------------------------------------------------


def suggestions(found: dict[str, Made], day: dt.date = DAY) -> str | None:
    checks = {table.name: table.checks for table in TABLES}["daily_prices"]
    verdict = judge(checks, {day: found["daily_prices"].profile}, {day: {}})[day]["changed_codes_declared"]
    assert not verdict.refuses
    return None if verdict.passed else verdict.text()


def a_renaming(frame: pl.DataFrame, name: str, new: str, gap: int = 0) -> pl.DataFrame:
    """Move a stock's rows from DAY on to a new code, and suspend it on the last `gap` days before."""
    at = DAYS.index(DAY)
    away = (pl.col("symbol") == name) & pl.col("date").is_between(DAYS[at - gap], DAY, closed="left")
    moved = pl.when((pl.col("symbol") == name) & (pl.col("date") >= DAY)).then(pl.lit(new)).otherwise("symbol")
    return frame.filter(~away).with_columns(symbol=moved)


@pytest.mark.parametrize("listed", [None, DAY], ids=["without a listing", "listed on the day"])
def test_an_undeclared_change_of_code_is_suggested(tables: Tables, tmp_path: Path, listed: dt.date | None) -> None:
    name, new = a_name(tables), "601990.SH"
    changed = prices(tables, lambda f: a_renaming(f, name, new))
    if listed is not None:
        row = tables["instruments"].head(1).with_columns(symbol=pl.lit(new), list_date=listed, delist_date=None)
        changed |= {"instruments": pl.concat([tables["instruments"], row.cast(tables["instruments"].schema)])}
    found = results(changed, tmp_path / "plain")
    message = suggestions(found)
    assert message is not None
    assert f"old = {name}, new = {new}, date = {DAY}" in message
    assert "reference/code_changes" in message
    assert found["daily_prices"].notes["changed_codes"]
    assert suggestions(results(changed, tmp_path / "later", DAYS[51]), DAYS[51]) is None
    declared = changed | {"code_changes": pl.DataFrame({"old": [name], "new": [new], "date": [DAY]})}
    assert suggestions(results(declared, tmp_path / "declared")) is None


def test_a_new_listing_and_other_prices_or_shares_suggest_nothing(tables: Tables, tmp_path: Path) -> None:
    name, new = a_name(tables), "601990.SH"
    assert suggestions(results(tables, tmp_path / "untouched")) is None
    for number, own in enumerate(
        ({"pre_close": pl.col("pre_close") + 0.02}, {"total_shares": pl.col("total_shares") * 2})
    ):
        other = where(pl.col("symbol") == new, **own)
        changed = prices(tables, lambda f, other=other: other(a_renaming(f, name, new)))
        assert suggestions(results(changed, tmp_path / str(number))) is None
    both = prices(tables, lambda f: pl.concat([f, a_renaming(f, name, new).filter(pl.col("symbol") == new)]))
    assert suggestions(results(both, tmp_path / "both")) is None  # the old code still trades
