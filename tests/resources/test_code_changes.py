"""Code changes: usable rows, and the present code of an earlier one, compared with a plain simulation."""

import datetime as dt

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.code_changes import SCHEMA, CodeChanges, Renames, sift_changes
from resources.reasons import describe_column

FIRST = dt.date(2024, 1, 1)
A, B, C, D = "600001.SH", "600002.SH", "600003.SH", "600004.SH"


def day(n: int) -> dt.date:
    return FIRST + dt.timedelta(days=n)


def table(*rows: tuple) -> pl.DataFrame:
    """Rows of code_changes from (old, new, day number, ratio, merger); omitted values are null."""
    full = [(old, new, day(n), *rest, *[None] * (2 - len(rest))) for old, new, n, *rest in rows]
    return pl.DataFrame(full, schema=SCHEMA, orient="row")


def reasons(changes: CodeChanges) -> list[str]:
    return describe_column(changes.aside["reason"]).to_list()


@st.composite
def histories(draw) -> tuple[list[dict[int, str]], list[tuple]]:
    """Ten days of eight companies' codes (company → code, day by day), and the rows that state the changes."""
    codes = [f"60000{n}.SH" for n in range(10)]
    held = {company: codes[company] for company in range(6)}
    days, rows = [dict(held)], []
    for n in range(1, 10):
        movers = draw(st.lists(st.sampled_from(sorted(held)), unique=True, max_size=3))
        targets = [code for code in codes if code not in held.values() or code in {held[m] for m in movers}]
        for mover, code in zip(movers, draw(st.permutations(targets)), strict=False):
            if code != held[mover]:
                rows.append((held[mover], code, n, draw(st.sampled_from([None, 1.0]))))
        moved = {old: new for old, new, when, _ in rows if when == n}
        left_alone = {code for code in held.values() if code not in moved}
        if set(moved.values()) & left_alone:  # somebody drew his own code: the day stays as it was
            rows, moved = [row for row in rows if row[2] != n], {}
        held = {company: moved.get(code, code) for company, code in held.items()}
        days.append(dict(held))
    return days, rows


@settings(max_examples=200, deadline=None)
@given(histories())
def test_a_company_s_earlier_code_becomes_its_present_one(drawn: tuple[list[dict[int, str]], list[tuple]]) -> None:
    """Chains, swaps and reused codes, for every pair of days."""
    days, rows = drawn
    changes = sift_changes(table(*rows))
    assert changes.aside.is_empty()
    for k in range(10):
        for d in range(k, 10):
            renames = changes.renames(day(k), day(d))
            for company, code in days[k].items():
                assert code not in renames.void
                assert renames.code.get(code, code) == days[d][company]
            assert not renames.void & set(days[k].values())
            frame = renames.apply(pl.DataFrame({"symbol": list(days[k].values())}))
            assert frame["symbol"].to_list() == list(days[d].values())


@settings(max_examples=100, deadline=None)
@given(histories(), st.integers(0, 9))
def test_later_changes_do_not_apply(drawn: tuple[list[dict[int, str]], list[tuple]], cut: int) -> None:
    _, rows = drawn
    # Among the later rows also ones that contradict.
    later = [(A, B, 9), (A, C, 9), ("nonsense", C, 9)]
    whole = sift_changes(table(*rows, *(row for row in later if cut < 9)))
    known = sift_changes(table(*(row for row in rows if row[2] <= cut)))
    assert whole.until(day(cut)).changes == known.changes
    assert whole.until(day(cut)).aside.equals(known.aside)
    assert whole.gone(day(cut)) == known.gone(day(cut))
    for k in range(cut + 1):
        assert whole.renames(day(k), day(cut)) == known.renames(day(k), day(cut))


@settings(max_examples=100, deadline=None)
@given(histories())
def test_a_history_is_renamed_row_by_row(drawn: tuple[list[dict[int, str]], list[tuple]]) -> None:
    days, rows = drawn
    changes = sift_changes(table(*rows))
    history = pl.DataFrame(
        [(day(k), code, company) for k, held in enumerate(days) for company, code in held.items()],
        schema=["date", "symbol", "company"],
        orient="row",
    )
    for d in range(10):
        renamed = changes.rename_history(history.filter(pl.col("date") <= day(d)), "date", day(d))
        assert renamed["symbol"].to_list() == [days[d][company] for company in renamed["company"]]
        assert renamed.drop("symbol").equals(history.filter(pl.col("date") <= day(d)).drop("symbol"))


def test_rows_under_a_code_that_no_stock_had_are_left_out() -> None:
    changes = sift_changes(table((A, B, 5)))
    rows = pl.DataFrame({"symbol": [A, B, C], "value": [1, 2, 3]})
    assert changes.renames(day(4), day(5)) == Renames({A: B}, frozenset({B}))
    assert changes.renames(day(4), day(5)).apply(rows).rows() == [(B, 1), (C, 3)]
    for after, until in ((0, 4), (5, 9)):
        assert not changes.renames(day(after), day(until))


def test_a_merger_joins_no_rows() -> None:
    changes = sift_changes(table((A, B, 5, 1.1), (C, B, 6, 1.0, True)))
    assert not changes.renames(day(0), day(9))
    assert [(one.old, one.ratio) for one in changes.mergers(day(4), day(9))] == [(A, 1.1), (C, 1.0)]
    assert changes.mergers(day(5), day(5)) == ()
    assert set(changes.gone(day(5))) == {A}
    assert set(changes.gone(day(6))) == {A, C}


def test_a_stock_that_changed_its_code_can_be_merged_later() -> None:
    changes = sift_changes(table((A, B, 2), (B, C, 5, 0.5)))
    assert changes.renames(day(0), day(9)).code == {A: B}
    assert set(changes.gone(day(9))) == {A, B}


@pytest.mark.parametrize(
    ("rows", "used", "expected"),
    [
        ([(A, B, 1, 0.0)], [], ["ratio is not a number above 0"]),
        ([(A, B, 1, -1.0)], [], ["ratio is not a number above 0"]),
        ([(A, B, 1, float("nan"))], [], ["ratio is not a number above 0"]),
        ([(A, B, 1, float("inf"))], [], ["ratio is not a number above 0"]),
        ([(A, A, 1)], [], ["old and new are the same code"]),
        ([("600001", B, 1)], [], ["old is not of the form 600519.SH"]),
        ([(A, None, 1)], [], ["new is not of the form 600519.SH"]),
        ([(A, B, 1), (A, B, 1)], [(A, B)], ["delivered more than once with the same values"]),
        ([(A, B, 1), (A, C, 1)], [], ["continued as more than one code"] * 2),
        ([(A, B, 1), (A, C, 2)], [(A, B)], [f"no stock has the code {A} since {day(1)}"]),
        ([(A, C, 1), (B, C, 1)], [], ["more than one stock is continued as"] * 2),
        ([(A, C, 1), (B, C, 2)], [(A, C)], [f"another stock has the code {C} since"]),
        ([(A, B, 1), (C, A, 2, 2.0)], [(A, B)], [f"no stock has the code {A} on that day"]),
        ([(A, C, 1, None, True), (B, C, 1, None, True)], [(A, C), (B, C)], []),
        ([(A, B, 1), (B, A, 1)], [(A, B), (B, A)], []),
        ([(A, B, 1), (C, A, 2)], [(A, B), (C, A)], []),
    ],
)
def test_rows_that_conflict_are_set_aside_with_their_reason(rows: list, used: list, expected: list[str]) -> None:
    changes = sift_changes(table(*rows))
    assert [(one.old, one.new) for one in changes.changes] == used
    assert len(reasons(changes)) == len(expected)
    assert all(part in reason for part, reason in zip(expected, reasons(changes), strict=True))


def test_an_unreadable_row_does_not_count_as_a_change_at_one_to_one() -> None:
    rows = table((A, B, 1), (C, D, 1)).with_columns(unreadable=pl.Series(["ratio is no number", None]))
    changes = sift_changes(rows)
    assert [one.old for one in changes.changes] == [C]
    assert reasons(changes) == ["ratio is no number"]


def test_lists_kept_by_a_former_code_are_renamed() -> None:
    changes = sift_changes(table((A, B, 3), (B, C, 6)))
    rows = pl.DataFrame({"date": [day(n) for n in (1, 4, 4, 7)], "symbol": [A, A, B, A]})
    assert changes.rename_history(rows, "date", day(9), late=True)["symbol"].to_list() == [C, C, C, C]
    assert changes.rename_history(rows, "date", day(9))["symbol"].to_list() == [C, A, C, A]
    assert changes.rename_history(rows[:3], "date", day(5), late=True)["symbol"].to_list() == [B, B, B]


def test_a_listing_begins_with_the_first_code() -> None:
    listings = pl.DataFrame(
        {
            "symbol": [A, B, D],
            "list_date": [day(-900), day(3), day(-50)],
            "delist_date": [day(3), None, day(4)],
        },
        schema_overrides={"delist_date": pl.Date},
    )
    changes = sift_changes(table((A, B, 3), (B, C, 6), (D, B, 9)))
    assert changes.continue_listings(listings, day(2)).equals(listings)
    assert sorted(changes.continue_listings(listings, day(3)).rows()) == [
        (B, day(-900), None),
        (D, day(-50), day(4)),
    ]
    # No row of its own: the last code's, without that code's end.
    assert (C, day(-900), None) in changes.continue_listings(listings, day(6)).rows()
    assert {row[0] for row in changes.continue_listings(listings, day(9)).rows()} == {B, C}


def test_two_names_that_swap_their_codes_swap_their_listings() -> None:
    listings = pl.DataFrame(
        {"symbol": [A, B], "list_date": [day(-900), day(-100)], "delist_date": [None, None]},
        schema_overrides={"delist_date": pl.Date},
    )
    swapped = sift_changes(table((A, B, 3), (B, A, 3))).continue_listings(listings, day(3))
    assert sorted(swapped.rows()) == [(A, day(-100), None), (B, day(-900), None)]


def test_the_absorbed_name_is_listed_no_more_and_the_other_keeps_its_own_listing() -> None:
    listings = pl.DataFrame(
        {"symbol": [A, B], "list_date": [day(-900), day(-100)], "delist_date": [None, None]},
        schema_overrides={"delist_date": pl.Date},
    )
    assert sift_changes(table((A, B, 3, 1.1))).continue_listings(listings, day(3)).rows() == [(B, day(-100), None)]
