"""Tests each rule of a usable row: rows that break it are set aside with the reason, and no other rows are."""

import datetime as dt
import math
from collections.abc import Callable

import polars as pl
import pytest

from assets.reference import reasons, validate
from resources.code_changes import REPEATED
from resources.reasons import Reason, describe_column
from resources.reference_tables import REFERENCE
from resources.rulebook import Rulebook

DAY = dt.date(2015, 6, 30)
RULES = Rulebook.on(dt.date(2023, 12, 15))
GOOD = {
    "date": DAY,
    "symbol": "600519.SH",
    "pre_close": 10.0,
    "open": 10.1,
    "high": 10.5,
    "low": 9.9,
    "close": 10.2,
    "volume": 1000,
    "amount": 10_200.0,
    "float_shares": 100,
    "total_shares": 200,
    "is_st": False,
    "limit_up": None,
    "limit_down": None,
}


def prices(*rows: dict) -> pl.DataFrame:
    return pl.DataFrame([GOOD | row for row in rows], schema=REFERENCE["daily_prices"].columns)


def sift(rule: Callable[[pl.DataFrame, Rulebook], validate.Sifted], rows: pl.DataFrame) -> validate.Sifted:
    return rule(rows, RULES)


def counts(sifted: validate.Sifted) -> dict[str, int]:
    return {str(reason): count for reason, count in sifted.counts().items()}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"symbol": "sh600519"}, "symbol is not of the form 600519.SH"),
        ({"symbol": None}, "symbol is not of the form 600519.SH"),
        ({"symbol": "900901.SH"}, reasons.NO_A_SHARE()),
        ({"symbol": "830799.BJ"}, reasons.BEIJING()),
        ({"symbol": "920002.BJ"}, reasons.BEIJING()),
        ({"symbol": "830799.SZ"}, reasons.NO_A_SHARE()),
        ({"volume": 0, "amount": 0.0, "open": 0.0, "high": 0.0, "low": 0.0}, reasons.NO_TRADE()),
        (dict.fromkeys(("volume", "amount", "open", "high", "low")), reasons.NO_FIGURES()),
        (dict.fromkeys(("volume", "amount", "open", "high", "low", "close")), reasons.NO_FIGURES()),
        (dict.fromkeys(("volume", "amount", "open", "high")), "open is missing"),
        (dict.fromkeys(("amount", "open", "high", "low")), "open is missing"),
        ({"close": None}, "close is missing"),
        ({"pre_close": math.nan}, "pre_close is missing"),
        ({"amount": math.inf}, "amount is infinite"),
        ({"close": -math.inf}, "close is infinite"),
        ({"is_st": None}, "is_st is missing"),
        ({"low": -1.0}, "low is not above 0"),
        ({"volume": -5}, "volume is not above 0"),
        ({"amount": 0.0}, "amount is not above 0"),
        ({"total_shares": 0}, "total_shares is not above 0"),
        ({"high": 9.0}, "high is below low"),
        ({"open": 10.6}, "open or close is outside [low, high]"),
        ({"close": 9.8}, "open or close is outside [low, high]"),
        (
            {"close": 10.2034},
            "a price is not in whole cents: prices must be as traded, not adjusted for dividends or splits",
        ),
    ],
)
def test_a_fault_is_set_aside_with_its_reason(fault: dict, reason: str | Reason) -> None:
    sifted = sift(validate.sift_daily_prices, prices({"symbol": "000001.SZ"}, fault))
    assert sifted.usable["symbol"].to_list() == ["000001.SZ"]
    assert describe_column(sifted.aside["reason"]).to_list() == [str(reason)]
    assert sifted.faults.height == (not isinstance(reason, Reason))  # those that are codes here are harmless
    assert counts(sifted) == {str(reason): 1}


def test_a_missing_optional_value_is_no_fault() -> None:
    sifted = sift(validate.sift_daily_prices, prices({"float_shares": None, "total_shares": None}))
    assert sifted.usable.height == 1


def test_float_noise_is_rounded_to_the_cent() -> None:
    noisy = {"high": 1801.00999999999999, "low": 9.899999999, "pre_close": 10.000000001, "limit_up": 11.0000001}
    row = sift(validate.sift_daily_prices, prices(noisy)).usable.row(0, named=True)
    assert (row["high"], row["low"], row["pre_close"], row["limit_up"]) == (1801.01, 9.9, 10.0, 11.0)


def test_every_price_of_whole_cents_survives_unchanged() -> None:
    cents = range(1, 40_000)
    rows = prices(*({"symbol": f"60{n % 10_000:04d}.SH", "date": DAY + dt.timedelta(n // 10_000)} for n in cents))
    rows = rows.with_columns(
        pl.Series(name, [n / 100 for n in cents]) for name in ("pre_close", "open", "high", "low", "close")
    )
    assert sift(validate.sift_daily_prices, rows).usable.equals(rows)


def test_rows_delivered_twice() -> None:
    same = sift(validate.sift_daily_prices, prices({}, {}, {"symbol": "000001.SZ"}))
    assert sorted(same.usable["symbol"]) == ["000001.SZ", "600519.SH"]
    assert same.counts() == {REPEATED(): 1}
    assert same.faults.is_empty()
    differing = sift(validate.sift_daily_prices, prices({}, {"close": 10.3}, {"symbol": "000001.SZ"}))
    assert differing.usable["symbol"].to_list() == ["000001.SZ"]
    assert counts(differing) == {"date, symbol delivered more than once with different values": 2}
    assert differing.faults.height == 2


def test_faults_of_the_other_tables() -> None:
    day, period = dt.date(2015, 8, 20), dt.date(2015, 6, 30)
    fundamentals = pl.DataFrame(
        {
            "symbol": ["000001.SZ", "000002.SZ", "000004.SZ"],
            "period": [period, dt.date(2015, 5, 31), period],
            "announce_date": [day, day, dt.date(2015, 6, 30)],
            "net_profit": [1.0, 1.0, None],
            "equity": [None, 1.0, 1.0],
            "version": [None] * 3,
        }
    )
    sifted = sift(validate.sift_fundamentals, fundamentals)
    assert sifted.usable["symbol"].to_list() == ["000001.SZ"]
    assert set(counts(sifted)) == {
        "period is not the last day of a quarter",
        "announce_date is not after the period's end",
    }
    instruments = pl.DataFrame(
        {"symbol": ["600000.SH", "600001.SH"], "list_date": [day, day], "delist_date": [None, period]}
    )
    assert counts(sift(validate.sift_instruments, instruments)) == {"delist_date is before list_date": 1}
    industries = pl.DataFrame({"symbol": ["600000.SH"] * 2, "start_date": [day, period], "industry": ["", "48"]})
    assert counts(sift(validate.sift_industries, industries)) == {"industry is empty": 1}
    weights = pl.DataFrame(
        {"index": ["000905.SH"] * 3, "date": [day] * 3, "symbol": ["600000.SH", "1", "600001.SH"], "weight": [0, 1, -1]}
    )
    assert set(counts(sift(validate.sift_index_weights, weights))) == {
        "symbol is not of the form 600519.SH",
        "weight is missing or negative",
    }
    members = weights.with_columns(symbol=pl.Series(["600000.HK", "000012.SH", "920001.BJ"]), weight=pl.lit(0.1))
    for followed, foreign in ((["000905.SH"], 2), ([], 0)):
        found = validate.sift_index_weights(members, Rulebook.on(day), followed)
        assert found.counts() == ({reasons.NO_MEMBER(): foreign} if foreign else {})
    closes = pl.DataFrame({"index": ["000905.SH"] * 2, "date": [day, period], "close": [0.0, 5.0]})
    assert counts(validate.sift_index_prices(closes)) == {"close is missing or not above 0": 1}


def limits(*rows: tuple[float | None, float | None]) -> list[tuple[float | None, float | None, bool]]:
    frame = pl.DataFrame(rows, schema={"limit_up": pl.Float64, "limit_down": pl.Float64}, orient="row")
    return validate.read_limits(frame, 10_000.0).rows()


@pytest.mark.parametrize(
    "stand_in",
    [(0.0, 0.0), (0.0, None), (99_999.99, 0.01), (99_999.99, 0.0), (10_000.0, None), (999_999_999.9999, 0.001)],
)
def test_a_placeholder_means_no_limit(stand_in: tuple[float, float]) -> None:
    """This applies beside a row with a limit; a limit_up just below 10 000 yuan, and a limit_down alone, are limits."""
    assert limits((11.0, 9.0), stand_in) == [(11.0, 9.0, False), (None, None, True)]
    assert limits((9_999.99, 8_181.81), (11.0, 0.0)) == [(9_999.99, 8_181.81, False), (11.0, None, False)]


def test_a_column_of_zeros_was_not_filled() -> None:
    assert limits((0.0, 0.0), (0.0, 0.0)) == [(None, None, False)] * 2
    assert limits((None, None), (0.0, 0.0)) == [(None, None, False)] * 2
