"""Tests the price-limit rule against a plain implementation in decimals, and on dated cases."""

import datetime as dt
from decimal import ROUND_HALF_UP, Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.reference.limits import limit_prices, limits_in_force, limits_refused
from resources.reasons import Reason
from resources.rulebook import Rulebook
from resources.settings.reference import ReferenceSettings
from resources.settings.rulebook import PriceLimit, RulebookSettings

BOARDS = ("main_sh", "main_sz", "star", "chinext")
OLD = dt.date(2001, 1, 2)


def plain_percent(
    board: str, is_st: bool, listing: dt.date, nth: int, delisting: int | None, day: dt.date
) -> tuple[int | None, int | None]:
    """Return the percentages of SPEC §6; (None, None): no limit. nth: trading days listed. delisting: day of the delisting period."""
    main = board.startswith("main")
    if board == "star" and nth <= 5:
        return None, None
    if board == "chinext" and listing >= dt.date(2020, 8, 24) and nth <= 5:
        return None, None
    if main and listing >= dt.date(2023, 4, 10) and nth <= 5:
        return None, None
    if nth == 1 and board != "star":
        reformed = dt.date(2023, 4, 10) if main else dt.date(2020, 8, 24)
        if listing < dt.date(2014, 1, 1):
            return None, None
        if listing < reformed:
            return 44, 36
    wide = board == "star" or (board == "chinext" and day >= dt.date(2020, 8, 24))
    if delisting is not None and day >= dt.date(2012, 7, 7):
        if delisting == 1 and day >= dt.date(2021, 1, 1):
            return None, None
        return (20, 20) if wide else (10, 10)
    if wide:
        return 20, 20
    if main and is_st and day < dt.date(2026, 7, 6):
        return 5, 5
    return 10, 10


def plain_limit(cents: int, percent: int | None) -> float | None:
    if percent is None:
        return None
    price = (Decimal(cents) * (100 + percent) / 10_000).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
    tick = Decimal("0.01")
    before = Decimal(cents) / 100
    return float(max(price, before + tick) if percent > 0 else max(tick, min(price, before - tick)))


NAMES = st.lists(
    st.tuples(
        st.sampled_from(BOARDS),
        st.booleans(),
        st.dates(dt.date(2009, 11, 2), dt.date(2026, 12, 29)),
        st.integers(1, 8),
        st.integers(1, 300_000) | st.integers(1, 30),
        st.none() | st.integers(1, 30),
    ),
    min_size=1,
    max_size=8,
)


@settings(deadline=None)
@given(NAMES, st.integers(0, 3000))
def test_the_rule_equals_its_plain_reading(
    names: list[tuple[str, bool, dt.date, int, int, int | None]], later: int
) -> None:
    day = max(name[2] for name in names) + dt.timedelta(days=later)
    names = [n for n in names if n[0] != "star" or n[2] >= dt.date(2019, 7, 22)]
    frame = pl.DataFrame(
        [
            (board, cents / 100, is_st, listing, nth, delisting)
            for board, is_st, listing, nth, cents, delisting in names
        ],
        schema={
            "board": pl.String,
            "pre_close": pl.Float64,
            "is_st": pl.Boolean,
            "list_date": pl.Date,
            "listed_days": pl.Int32,
            "delisting_day": pl.Int32,
        },
        orient="row",
    )
    limits = limit_prices(frame, Rulebook.on(day))
    for (board, is_st, listing, nth, cents, delisting), (up, down) in zip(names, limits.iter_rows(), strict=True):
        up_percent, down_percent = plain_percent(board, is_st, listing, nth, delisting, day)
        assert up == plain_limit(cents, up_percent)
        assert down == plain_limit(cents, None if down_percent is None else -down_percent)


def one(
    board: str,
    day: dt.date,
    *,
    pre_close: float = 10.0,
    is_st: bool = False,
    nth: int | None = 999,
    listing: dt.date | None = OLD,
    delisting: int | None = None,
) -> tuple[float | None, float | None]:
    names = {
        "board": [board],
        "pre_close": [pre_close],
        "is_st": [is_st],
        "list_date": [listing],
        "listed_days": [nth],
        "delisting_day": [delisting],
    }
    types = {"listed_days": pl.Int32, "list_date": pl.Date, "delisting_day": pl.Int32}
    return limit_prices(pl.DataFrame(names, schema_overrides=types), Rulebook.on(day)).row(0)


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (one("main_sh", dt.date(2015, 7, 8)), (11.0, 9.0)),
        (one("main_sz", dt.date(2015, 7, 8), is_st=True), (10.5, 9.5)),
        (one("main_sh", dt.date(2015, 7, 8), pre_close=4.25, is_st=True), (4.46, 4.04)),  # 4.4625, 4.0375
        (one("main_sh", dt.date(2015, 7, 8), pre_close=1.15), (1.27, 1.04)),  # 1.265 and 1.035: half up
        (one("chinext", dt.date(2020, 8, 21)), (11.0, 9.0)),
        (one("chinext", dt.date(2020, 8, 24)), (12.0, 8.0)),
        (one("chinext", dt.date(2020, 8, 24), is_st=True), (12.0, 8.0)),
        (one("star", dt.date(2021, 1, 4), nth=5, listing=dt.date(2020, 12, 28)), (None, None)),
        (one("star", dt.date(2021, 1, 5), nth=6, listing=dt.date(2020, 12, 28)), (12.0, 8.0)),
        (one("main_sh", dt.date(2015, 7, 1), nth=1, listing=dt.date(2015, 7, 1)), (14.4, 6.4)),
        (one("main_sh", dt.date(2015, 7, 2), nth=2, listing=dt.date(2015, 7, 1)), (11.0, 9.0)),
        (one("main_sh", dt.date(2012, 7, 2), nth=1, listing=dt.date(2012, 7, 2)), (None, None)),
        (one("main_sz", dt.date(2023, 4, 14), nth=5, listing=dt.date(2023, 4, 10)), (None, None)),
        (one("main_sz", dt.date(2023, 4, 17), nth=6, listing=dt.date(2023, 4, 10)), (11.0, 9.0)),
        (one("main_sz", dt.date(2023, 4, 17), nth=None, listing=None), (None, None)),
        (one("main_sh", dt.date(2026, 7, 3), is_st=True), (10.5, 9.5)),
        (one("main_sh", dt.date(2026, 7, 6), is_st=True), (11.0, 9.0)),
        (one("main_sz", dt.date(2026, 7, 6), is_st=True), (11.0, 9.0)),
        (one("star", dt.date(2026, 7, 6), is_st=True), (12.0, 8.0)),
        (one("main_sh", dt.date(2014, 4, 21), pre_close=1.63, is_st=True, delisting=1), (1.79, 1.47)),  # 600087: 1.47
        (one("main_sh", dt.date(2012, 7, 6), is_st=True, delisting=1), (10.5, 9.5)),  # there was no such period yet
        (one("main_sz", dt.date(2020, 12, 31), is_st=True, delisting=1), (11.0, 9.0)),
        (one("main_sz", dt.date(2021, 1, 4), is_st=True, delisting=1), (None, None)),
        (one("main_sz", dt.date(2021, 1, 4), is_st=True, delisting=2), (11.0, 9.0)),
        (one("star", dt.date(2021, 1, 4), is_st=True, delisting=1), (None, None)),
        (one("chinext", dt.date(2021, 1, 4), is_st=True, delisting=2), (12.0, 8.0)),
        (one("chinext", dt.date(2020, 8, 21), is_st=True, delisting=2), (11.0, 9.0)),
        (one("main_sh", dt.date(2015, 7, 8), pre_close=0.04), (0.05, 0.03)),  # .044 and .036 are less than a tick away
        (one("main_sh", dt.date(2015, 7, 8), pre_close=0.09, is_st=True), (0.1, 0.08)),
        (one("main_sh", dt.date(2015, 7, 8), pre_close=0.01), (0.02, 0.01)),
    ],
)
def test_dated_cases(case: tuple[float | None, float | None], expected: tuple[float | None, float | None]) -> None:
    assert case == expected


def test_the_table_is_a_setting() -> None:
    rows = (PriceLimit(boards=("main_sh",), since=dt.date(2000, 1, 1), percent=7, st_percent=3, source="a test"),)
    amended = Rulebook.on(dt.date(2020, 1, 2), RulebookSettings(price_limits=rows))
    frame = pl.DataFrame(
        {"board": ["main_sh", "star"], "pre_close": [10.0, 10.0], "is_st": [False, False], "listed_days": [9, 9]}
    ).with_columns(list_date=pl.lit(OLD), delisting_day=pl.lit(None, pl.Int32))
    assert limit_prices(frame, amended).rows() == [(10.7, 9.3), (None, None)]


# --- delivered limits against the rule --------------------------------------------------------------------------------------

DAY = dt.date(2024, 3, 4)


def a_day(count: int = 200) -> pl.DataFrame:
    """Return stocks of every board, a few of them ST, with delivered limits by the plain rule."""
    rows = []
    for number in range(count):
        board = BOARDS[number % 4]
        special = number % 40 == 0
        cents = 300 + 37 * number
        percent = plain_percent(board, special, dt.date(2020, 1, 2), 1000, None, DAY)
        up, down = plain_limit(cents, percent[0]), plain_limit(cents, -percent[1])
        rows.append((f"{600_000 + number}.SH", board, cents / 100, special, up, down))
    schema = ["symbol", "board", "pre_close", "is_st", "limit_up", "limit_down"]
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        list_date=pl.lit(dt.date(2020, 1, 2)),
        listed_days=pl.lit(1000, pl.Int32),
        delisting_day=pl.lit(None, pl.Int32),
    )


def in_force(frame: pl.DataFrame, **settings: float) -> tuple[pl.DataFrame, Reason | None]:
    own = ReferenceSettings(**settings)
    found = limits_in_force(frame, Rulebook.on(DAY), own)
    return found, limits_refused(found, own)


def test_limits_by_the_rule_or_a_cent_off_agree_with_it() -> None:
    honest = a_day()
    for frame in (honest, honest.with_columns(pl.col("limit_up") + 0.01, pl.col("limit_down") - 0.01)):
        found, refused = in_force(frame)
        assert refused is None
        assert found["limits_off"].null_count() == found.height
        assert found.select("limit_up", "limit_down").equals(frame.select("limit_up", "limit_down"))
    none = honest.with_columns(limit_up=pl.lit(None, pl.Float64), limit_down=pl.lit(None, pl.Float64))
    found, refused = in_force(none)
    assert refused is None
    assert not found["limits_compared"].any()
    assert found.select("limit_up", "limit_down").equals(honest.select("limit_up", "limit_down"))


WIDE = pl.col("board").is_in(["star", "chinext"])
TEN = {
    "limit_up": pl.when(WIDE).then((pl.col("pre_close") * 1.1).round(2)).otherwise("limit_up"),
    "limit_down": pl.when(WIDE).then((pl.col("pre_close") * 0.9).round(2)).otherwise("limit_down"),
}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (TEN, "100 × its delivered limits are 10 % from pre_close, and the rule of its board and day is 20 %"),
        ({"limit_up": pl.lit(9999.99)}, "reference.no_limit_from"),
        ({"limit_up": pl.lit(-1.0), "limit_down": pl.lit(-1.0)}, "are negative: the rule's limits"),
        ({"limit_down": pl.lit(0.01)}, "do not follow from pre_close"),
        ({"limit_up": pl.col("limit_up") * 1.05, "limit_down": pl.col("limit_down") * 1.05}, "limits of another day"),
        ({"limit_up": pl.col("limit_up").shift(4).backward_fill(), "limit_down": pl.col("limit_down").shift(4).backward_fill()}, "of another day"),
        ({"limit_up": pl.col("pre_close") * 1.2, "limit_down": pl.col("pre_close") * 0.8}, "limits are 20 % from pre_close"),
        ({"limit_up": pl.col("limit_up") * 100, "limit_down": pl.col("limit_down") * 100}, "not the rulebook's"),
    ],
    ids=["10 % on every board", "9999.99 for all", "-1 for all", "no limit down", "another day", "another name", "20 % on every board", "cents"],
)  # fmt: skip
def test_limits_that_are_not_the_rules_refuse_the_day(change: dict[str, pl.Expr], words: str) -> None:
    _, refused = in_force(a_day().with_columns(**change))
    assert refused is not None
    text = str(refused)
    assert words in text
    assert text.index("not the rulebook's") < text.index(words) or words == "not the rulebook's"


def test_a_small_market_without_one_right_limit_of_a_board_is_refused() -> None:
    few = a_day(8)
    _, refused = in_force(few.with_columns(**TEN))
    assert refused is not None
    assert "4 of 8 stocks" in str(refused)
    two = few.filter(~WIDE | (pl.col("board") == "star"))
    assert in_force(two)[1] is None
    assert in_force(two.with_columns(**TEN))[1] is not None  # two stocks are more than the allowed share


def test_two_stocks_in_an_undeclared_delisting_period_refuse_nothing() -> None:
    """They are ST and have limits of 10 %; two ordinary stocks with the limits of another percentage do refuse the day."""
    day = a_day(8)
    two = pl.int_range(pl.len()).is_in(day.with_row_index().filter(~WIDE)["index"][:2].to_list())
    special = day.with_columns(is_st=two)
    for percent, refuses in ((10, False), (7, True)):
        up, down = ((pl.col("pre_close") * (1 + sign * percent / 100)).round(2) for sign in (1, -1))
        limits = {
            "limit_up": pl.when(two).then(up).otherwise("limit_up"),
            "limit_down": pl.when(two).then(down).otherwise("limit_down"),
        }
        found, refused = in_force(special.with_columns(**limits))
        assert found["limits_off"].drop_nulls().len() == 2
        assert (refused is not None) == refuses


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 199), st.sampled_from([0.02, 0.5, 1.0, 30.0, -2e4]), st.booleans())
def test_a_single_wrong_limit_is_replaced_by_the_rule_and_reported(number: int, by: float, above: bool) -> None:
    honest = a_day()
    column = "limit_up" if above else "limit_down"
    off = pl.int_range(pl.len()) == number
    found, refused = in_force(
        honest.with_columns(pl.when(off).then(pl.col(column) + by).otherwise(column).alias(column))
    )
    assert refused is None
    message = found.filter(pl.col("limits_off").is_not_null())
    assert message["symbol"].to_list() == [honest["symbol"][number]]
    assert found.select("limit_up", "limit_down").equals(honest.select("limit_up", "limit_down"))


@pytest.mark.parametrize(("negative", "empty"), [("limit_up", "limit_down"), ("limit_down", "limit_up")])
def test_a_negative_limit_beside_an_empty_one_is_replaced_by_the_rule_and_reported(negative: str, empty: str) -> None:
    honest = a_day()
    off = pl.int_range(pl.len()) == 7
    found, refused = in_force(
        honest.with_columns(
            pl.when(off).then(-1.0).otherwise(negative).alias(negative), pl.when(~off).then(empty).alias(empty)
        )
    )
    assert refused is None
    assert found.select("limit_up", "limit_down").equals(honest.select("limit_up", "limit_down"))
    reasons = dict(found.select("symbol", "limits_off").drop_nulls().iter_rows())
    assert [*reasons] == [honest["symbol"][7]]
    up, down = ("-1.0", "–") if negative == "limit_up" else ("–", "-1.0")
    text = str(Reason.loads(reasons[honest["symbol"][7]]))
    assert f"limit_up = {up} and limit_down = {down} are negative: the rule's limits" in text


def test_a_single_limit_of_another_percent_of_the_rulebook_is_used() -> None:
    """The stock may be ST without is_st."""
    honest = a_day()
    off = pl.int_range(pl.len()) == 5
    own = honest.with_columns(
        limit_up=pl.when(off).then((pl.col("pre_close") * 1.05).round(2)).otherwise("limit_up"),
        limit_down=pl.when(off).then((pl.col("pre_close") * 0.95).round(2)).otherwise("limit_down"),
    )
    found, refused = in_force(own)
    assert refused is None
    assert found["limit_up"].equals(own["limit_up"])
    reason = str(Reason.loads(found["limits_off"][5]))
    assert "5 % from pre_close" in reason
    assert "the delivered limits are used" in reason


def test_new_listings_and_stocks_without_a_listing_day_are_not_compared() -> None:
    free = a_day(8).with_columns(
        list_date=pl.lit(dt.date(2024, 2, 28)), listed_days=pl.lit(3, pl.Int32), limit_up=pl.lit(9999.99)
    )
    unknown = a_day(8).with_columns(listed_days=pl.lit(None, pl.Int32), limit_up=pl.lit(12.34))
    for frame in (free, unknown):
        found, refused = in_force(frame)
        assert refused is None
        assert not found["limits_compared"].any()
