"""The text of a verdict: the rule, the number of rows that break it, which ones they are, and the remedy."""

import datetime as dt

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources import expectations, gate
from resources.gate import Between, Check, InSet, NotNull, Unique, Verdict, advice, judge, shorten
from resources.language import Bilingual
from resources.reasons import TEXT

DAY = dt.date(2023, 1, 3)
REMEDY = Bilingual("重新提供当日文件", "deliver the day's files again")


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Between("too_few_covered", 0, 0), "too_few_covered must be 0"),
        (Between("coverage", 0.8, 1), "coverage must be between 0.8 and 1"),
        (Between("weight_sum", 1 - 1e-8, 1 + 1e-8), "weight_sum must be between 0.99999999 and 1.00000001"),
        (Between("volume", 0), "volume must be at least 0"),
        (Between("largest_distance", None, 1e-6), "largest_distance must be at most 1e-06"),
        (NotNull("industry"), "industry must be known"),
        (Unique(("date", "symbol")), "no two rows may have the same date, symbol"),
        (InSet("status", ("optimal", "relaxed")), "status must be one of: optimal, relaxed"),
    ],
)
def test_a_rule_is_worded(rule, words: str) -> None:
    assert str(rule.reason) == words


def test_a_verdict_names_the_rows_and_the_remedy() -> None:
    profile = pl.DataFrame(
        {
            "symbol": ["600000.SH", "000001.SZ", "000002.SZ"],
            "volume_difference": [0, 5, -1],
            "trades": [7, 8, 9],
        }
    )
    rule = Between("volume_difference", 0, 0)
    checks = [
        Check("volume_equals_exchange_total", rule, critical=True, remedy=REMEDY),
        Check("mostly_equal", rule, critical=True, remedy=REMEDY, mostly=0.3),
        Check("symbol_unique", Unique(("symbol",)), critical=True, remedy=REMEDY),
    ]
    verdicts = judge(checks, {DAY: profile}, {DAY: {}})[DAY]
    assert verdicts["volume_equals_exchange_total"].words() == (
        "volume_difference must be 0; not so in 2 of 3 rows: symbol=000001.SZ, volume_difference=5; "
        "symbol=000002.SZ, volume_difference=-1."
    )
    assert verdicts["volume_equals_exchange_total"].remedy == Bilingual(
        "重新提供当日文件", "deliver the day's files again"
    )
    assert verdicts["volume_equals_exchange_total"].text().endswith("=-1. Remedy: deliver the day's files again")
    assert verdicts["mostly_equal"].remedy is not None  # it passed, and rows break its rule
    assert (verdicts["symbol_unique"].remedy, verdicts["symbol_unique"].text()) == (None, "")
    assert verdicts["volume_equals_exchange_total"].refuses
    assert verdicts["mostly_equal"].passed
    assert verdicts["symbol_unique"].detail is None


def test_many_rows_are_shortened() -> None:
    profile = pl.DataFrame({"symbol": [f"{n:06d}.SZ" for n in range(9)], "industry": [None] * 9})
    check = Check("industry_known", NotNull("industry"), critical=False, remedy=REMEDY)
    detail = judge([check], {DAY: profile}, {DAY: {}})[DAY]["industry_known"].words()
    assert detail.startswith("industry must be known; not so in 9 of 9 rows: symbol=000000.SZ; ")
    assert detail.endswith("symbol=000004.SZ; … and 4 more.")


def shares(values: list[int], share: float) -> bool:
    """Whether a warning with this critical share refuses a partition with these values of `wrong` (None: not judged)."""
    profile = pl.DataFrame({"symbol": [f"{n:06d}.SZ" for n in range(len(values))], "wrong": values})
    check = Check("none_wrong", Between("wrong", 0, 0), critical=False, remedy=REMEDY, critical_share=share)
    verdict = judge([check], {DAY: profile}, {DAY: {}})[DAY]["none_wrong"]
    assert verdict.passed == (1 not in values)
    return verdict.refuses


@pytest.mark.parametrize("bad", range(9))
def test_a_warning_that_fails_for_more_than_its_share_refuses(bad: int) -> None:
    values = [1] * bad + [0] * (8 - bad)
    assert shares(values, 0.5) == (bad > 4)
    assert shares(values, 0.1) == (bad > 0)
    assert not shares(values, 1)
    # Rows that the rule leaves alone are no part of the whole.
    assert shares(values + [None] * 20, 0.5) == (bad > 4)


def test_the_commonest_reason_is_first_with_its_count() -> None:
    reasons = ["7 shares are missing", "close is missing", "9 shares are missing", "8.5 shares are missing", "x", "y"]
    profile = pl.DataFrame(
        {
            "symbol": [f"{n:06d}.SZ" for n in range(7)],
            "set_aside": [1] * 6 + [0],
            "detail": [*reasons, None],
        }
    )
    check = Check("no_symbol_set_aside", Between("set_aside", 0, 0), critical=False, remedy=REMEDY)
    verdict = judge([check], {DAY: profile}, {DAY: {}})[DAY]["no_symbol_set_aside"]
    assert verdict.words() == (
        "set_aside must be 0; not so in 6 of 7 rows: 3 × 7 shares are missing (000000.SZ, 000002.SZ, 000003.SZ); "
        "1 × close is missing (000001.SZ); 1 × x (000004.SZ); 1 for 1 other reasons."
    )
    assert verdict.refuses


def test_a_finding_about_a_whole_table_has_no_count_of_rows() -> None:
    """The profile has one row with the finding beside the rows of the table, which the rule does not judge."""
    profile = pl.DataFrame(
        {"symbol": ["600000.SH", "000001.SZ", None], "lost": [None, None, 1], "detail": [None, None, "a part is lost"]}
    )
    check = Check("nothing_lost", Between("lost", 0, 0), critical=True, remedy=REMEDY)
    verdict = judge([check], {DAY: profile}, {DAY: {}})[DAY]["nothing_lost"]
    assert verdict.words() == "lost must be 0: a part is lost."
    one_row = judge([check], {DAY: profile.tail(1)}, {DAY: {}})[DAY]["nothing_lost"]
    assert one_row.words() == "lost must be 0; not so in 1 of 1 rows: a part is lost."


WORDS, NUMBERS = st.sampled_from(["a", "b", "c", None]), st.sampled_from([0, 1, 2, 3, None])
VALUES = st.sampled_from([0.0, -0.0, 0.25, 0.5, 1.0, 1.5, -1.0, float("nan"), float("inf"), float("-inf"), None])
RULES = [
    Between("value", 0, 1),
    Between("value", None, 0.5),
    Between("value", 0.5, None),
    Between("value"),
    Between("count", 1, 2),
    NotNull("value"),
    NotNull("word"),
    Unique(("word",)),
    Unique(("word", "count")),
    InSet("word", ("a", "b")),
    InSet("count", (0, 3)),
    Between("flag", 1, 1),
    InSet("flag", (True,)),
]


@settings(max_examples=20)
@given(rows=st.lists(st.tuples(VALUES, NUMBERS, WORDS, st.sampled_from([True, False, None])), min_size=1, max_size=30))
def test_great_expectations_finds_the_same_rows(rows: list[tuple]) -> None:
    schema = {"value": pl.Float64, "count": pl.Int64, "word": pl.String, "flag": pl.Boolean}
    profile = pl.DataFrame(rows, schema, orient="row")
    for rule in RULES:
        judged = gate.breaking_rows(rule, profile)
        assert (judged.dtype, judged.null_count(), judged.len()) == (pl.Boolean, 0, len(rows))
        found = expectations.validate(rule, profile.with_columns(pl.lit("2023-01-03").alias(expectations.PARTITION)))
        assert judged.arg_true().to_list() == found, rule


def test_a_shortened_finding_keeps_its_remedy() -> None:
    sentence, remedy = (
        "x must be 0; not so in 9 of 9 rows: " + "many words " * 100 + ".",
        "declare landing.bars.volume_unit",
    )
    short = shorten(sentence, 200, advice(remedy))
    assert len(short) <= 201
    assert short.startswith("x must be 0; not so in 9 of 9 rows: many words")
    assert short.endswith("… Remedy: declare landing.bars.volume_unit")
    verdict = Verdict(False, True, TEXT(text=sentence), Bilingual("声明单位", remedy))
    assert shorten(sentence, 2000, verdict.advice()) == verdict.text() == f"{sentence} Remedy: {remedy}"
    assert verdict.text("zh") == f"{sentence}处理办法：声明单位"
    assert shorten(sentence, len(sentence)) == sentence
    assert shorten("no end " * 100, 50) == ("no end " * 100)[:50] + "…"
