"""Reasons are stored and read unchanged, and worded in both languages."""

import datetime as dt
import importlib
import importlib.util
import json
import pkgutil
import re
import string
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import assets
import orchestration
import resources
from resources.gate import EQUAL_TO, Verdict, failed_as_reason
from resources.lake import content_digest
from resources.language import Bilingual, Language
from resources.manifest import Manifest
from resources.reason_words import COMMA, NOTHING, SEMICOLON, STAGES, WORDS, describe
from resources.reasons import (
    TEXT,
    Code,
    Listed,
    Nested,
    Reason,
    as_reason,
    code_column,
    counted_kinds,
    counted_reasons,
    describe_column,
    first_reasons,
    joined,
    put_into_words,
    rows_with_reasons,
    several_column,
)
from tests.resources.manifests import unsealed

POSTGRES = importlib.util.find_spec("dagster_postgres") is not None  # an extra
CHINESE = re.compile(r"[一-鿿]")
NO_WORDS_OF_ITS_OWN = {
    "text",
    "state",
    "names",
    "name_in_state",
    "several",
    "model_absent",
    "because",
    "not_judged",
    "finding",
    "reason_of",
    "row",
    "cell_unreadable",
    "file_because",
    "with_values",
    "cell_as_delivered",
    "counted",
    "counted_alone",
    "findings_of_day",
}  # what they hold is shown as it is


def declared() -> Iterator[tuple[str, Code]]:
    """The module and the code of every code that a module of the project declares."""
    for package in (resources, assets, orchestration):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if found.name.endswith("__main__") or (found.name.endswith("_postgres") and not POSTGRES):
                continue
            module = importlib.import_module(found.name)
            yield from ((found.name, one) for one in vars(module).values() if isinstance(one, Code))


CODES = {code.name: code for _, code in declared()}
SAMPLES = {
    "cause": TEXT(text="because"), "reasons": (TEXT(text="one"), TEXT(text="two")),
    "names": (TEXT(text="600000.SH"), TEXT(text="000001.SZ")), "values": ("low=3", "high=2"),
}  # fmt: skip


def sample(code: Code) -> Reason:
    """A reason with the code; every parameter is a number, except where its words need a text or other reasons."""
    return code(**{name: SAMPLES.get(name, 3) for name in code.parameters})


def test_every_code_has_one_declaration_of_its_parameters() -> None:
    by_name: dict[str, set[tuple[str, ...]]] = {}
    for _, code in declared():
        by_name.setdefault(code.name, set()).add(code.parameters)
    assert {name: parameters for name, parameters in by_name.items() if len(parameters) > 1} == {}
    assert len(by_name) > 40


def test_every_code_has_words_and_all_words_have_a_code() -> None:
    assert set(WORDS) == set(CODES)
    assert sum(len(stage.WORDS) for stage in STAGES) == len(WORDS)  # no code has words in two stages


@pytest.mark.parametrize("code", CODES.values(), ids=lambda code: code.name)
def test_the_words_of_a_code_show_its_parameters_in_both_languages(code: Code) -> None:
    words = WORDS[code.name]
    for language in ("zh", "en"):
        shown = {name for _, name, _, _ in string.Formatter().parse(words[language]) if name is not None}
        assert shown == set(code.parameters), language
        assert not describe(sample(code), language).startswith(f"{code.name} (")  # as what has no words is shown
    if code.name not in NO_WORDS_OF_ITS_OWN:
        assert CHINESE.search(words.zh)
    assert not CHINESE.search(words.en)
    assert str(sample(code)) == describe(sample(code), "en")


texts = st.text(max_size=12)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False)
    | texts
    | st.builds(Bilingual, texts, texts),
    lambda inner: (
        st.lists(inner, max_size=3).map(tuple)
        | st.builds(Reason, st.sampled_from(sorted(WORDS)), st.dictionaries(texts, inner, max_size=3))
    ),
    max_leaves=8,
)
reasons = st.builds(Reason, texts.filter(lambda code: code != "text"), st.dictionaries(texts, values, max_size=4))


@given(reasons | texts.map(as_reason))
def test_a_reason_is_read_back_as_it_was_stored(reason: Reason) -> None:
    assert Reason.from_json(json.loads(json.dumps(reason.to_json()))) == reason
    assert hash(Reason.from_json(json.loads(json.dumps(reason.to_json())))) == hash(reason)
    for language in ("zh", "en"):
        assert isinstance(describe(reason, language), str)


@given(reasons)
def test_a_column_of_texts_holds_a_reason(reason: Reason) -> None:
    assert Reason.loads(reason.dumps()) == reason


@given(texts)
def test_any_text_in_a_column_is_read_as_a_sentence(text: str) -> None:
    assert Reason.loads(text) == as_reason(text)
    assert str(Reason.loads(text)) == text
    assert as_reason(text).dumps() == text


@pytest.mark.parametrize("text", ["5", "null", "[1]", '"quoted"', '{"code": 3}', '{"code": "a", "more": 1}', "{"])
def test_json_that_is_no_reason_is_a_sentence_too(text: str) -> None:
    assert Reason.loads(text) == TEXT(text=text)


@pytest.mark.parametrize("value", [5, None, ["a"], {}, {"code": 3}, {"code": "a", "parameters": [1]}])
def test_anything_but_a_stored_reason_is_an_error(value: object) -> None:
    with pytest.raises(ValueError, match="is no stored reason"):
        Reason.from_json(value)


def test_a_code_takes_its_own_parameters_and_no_others() -> None:
    code = Code("late", ("day", "names"))
    made = code(names=["b", "a"], day=dt.date(2023, 2, 1))
    assert made == Reason("late", {"day": "2023-02-01", "names": ("b", "a")})
    assert made.dumps() == '{"code":"late","parameters":{"day":"2023-02-01","names":["b","a"]}}'
    for wrong in ({}, {"day": 1}, {"day": 1, "names": 1, "more": 1}):
        with pytest.raises(TypeError, match="the reason late has the parameters"):
            code(**wrong)
    with pytest.raises(TypeError, match="cannot be the parameter"):
        code(day={}, names=1)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_parts_are_joined_and_named_in_the_language(language: Language) -> None:
    cause = Reason("several", {"reasons": (Reason("style_null", {"style": "value"}), Reason("no_industry"))})
    parts = [describe(one, language, lambda parameter, text: f"<{text}>") for one in cause.parameters["reasons"]]
    assert describe(cause, language, lambda parameter, text: f"<{text}>") == SEMICOLON[language].join(parts)
    assert "<value>" in parts[0]
    both = Reason("no_score_yet", {"factors": ("a", "b"), "date": None})
    assert f"a{COMMA[language]}b" in describe(both, language)
    assert NOTHING in describe(both, language)


def test_a_code_of_another_version_is_shown_as_it_is_stored() -> None:
    assert str(Reason("gone", {"day": "2023-02-01"})) == "gone (day = 2023-02-01)"
    assert str(Reason("old_weights", {"index": "000905.SH"})) == "old_weights (index = 000905.SH)"


def test_notes_are_put_into_words() -> None:
    reason = Reason("style_null", {"style": "value"})
    notes = {"a": [reason.to_json(), 1, None], "b": {"code": 5}, "c": {"code": "no such code"}, "d": "text"}
    assert put_into_words(notes) == {**notes, "a": [str(reason), 1, None]}


class Facts(NamedTuple):
    """The values of three columns."""

    count: int | None
    price: float | None
    name: str | None


facts = st.builds(
    Facts,
    st.none() | st.integers(-(2**40), 2**40),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
    st.none() | texts,
)
FACTS = {"count": pl.Int64, "price": pl.Float64, "name": pl.String}
SHOWN = Code("shown", ("count", "name", "price"))
OUTER = Code("outer", ("cause", "fixed"))


@given(st.lists(facts, min_size=1, max_size=4))
def test_a_column_of_reasons_holds_the_reason_of_each_row(rows: list[Facts]) -> None:
    frame = pl.DataFrame(rows, schema=FACTS, orient="row")
    made = frame.select(reason=SHOWN.column(count="count", price=pl.col("price"), name="name"))["reason"]
    expected = [SHOWN(count=row.count, price=row.price, name=row.name) for row in rows]
    assert [Reason.loads(text) for text in made] == expected
    assert describe_column(made).to_list() == [str(one) for one in expected]
    nested = frame.with_columns(own=made).select(reason=OUTER.column(cause=Nested("own"), fixed=pl.lit(3)))["reason"]
    assert [Reason.loads(text) for text in nested] == [OUTER(cause=one, fixed=3) for one in expected]


@given(st.lists(st.tuples(st.none() | st.integers(0, 9), st.none() | texts.filter(bool)), min_size=1, max_size=4))
def test_several_reasons_of_a_row_are_one(rows: list[tuple[int | None, str | None]]) -> None:
    few = Code("few", ("count",))
    frame = pl.DataFrame(rows, schema={"count": pl.Int64, "name": pl.String}, orient="row").with_columns(
        few=pl.when(pl.col("count").is_not_null()).then(few.column(count="count")),
        named=pl.when(pl.col("name").is_not_null()).then(OUTER.column(cause="name", fixed=pl.lit(0.5))),
    )
    for (count, name), text in zip(rows, frame.select(reason=several_column(["few", "named"]))["reason"], strict=True):
        known = [few(count=count)] * (count is not None) + [OUTER(cause=name, fixed=0.5)] * (name is not None)
        assert (None if text is None else Reason.loads(text)) == joined(known)
    for (count, name), text in zip(rows, frame.select(reason=several_column(["few", "name"]))["reason"], strict=True):
        known = [few(count=count)] * (count is not None) + [as_reason(name or "")] * (name is not None)
        assert (None if text is None else str(Reason.loads(text))) == (str(joined(known)) if known else None)


@given(st.lists(st.tuples(st.none() | st.integers(0, 9), st.none() | texts.filter(bool)), min_size=1, max_size=4))
def test_the_known_reasons_of_columns_are_one_parameter(rows: list[tuple[int | None, str | None]]) -> None:
    few, listing = Code("few", ("count",)), Code("listing", ("faults",))
    frame = pl.DataFrame(rows, schema={"count": pl.Int64, "name": pl.String}, orient="row")
    counted = pl.when(pl.col("count").is_not_null()).then(few.column(count="count"))
    made = frame.select(reason=listing.column(faults=Listed([counted, "name"])))["reason"]
    for (count, name), text in zip(rows, made, strict=True):
        known = [few(count=count)] * (count is not None) + [name] * (name is not None)
        assert Reason.loads(text) == listing(faults=known)


@given(st.lists(st.tuples(st.none() | st.integers(-3, 3), st.none() | st.integers(-3, 3)), max_size=6))
def test_a_row_has_the_reason_of_the_first_rule_that_it_breaks(rows: list[tuple[int | None, int | None]]) -> None:
    negative, equal = Code("negative", ("value",)), Code("equal")
    frame = pl.DataFrame(rows, schema={"low": pl.Int64, "high": pl.Int64}, orient="row")
    rules = [
        (pl.col("low") < 0, negative.column(value="low")),
        (pl.col("low") == pl.col("high"), equal.column()),
    ]
    expected = [
        (low, high, negative(value=low) if low is not None and low < 0 else equal())
        for low, high in rows
        if low is not None and (low < 0 or low == high)
    ]
    found = rows_with_reasons(frame, rules)
    assert [(low, high, Reason.loads(text)) for low, high, text in found.rows()] == expected
    every = frame.with_columns(reason=first_reasons(frame, rules))
    assert every.filter(pl.col("reason").is_not_null()).rows() == found.rows()
    assert every.drop("reason").equals(frame)


@pytest.mark.parametrize("values", [[2.5, -2.5, 1e-9, -3.1e22, None], [7, -7, None, 10**12]])
def test_reasons_that_differ_in_numbers_are_one_kind(values: list[float | None]) -> None:
    """A number may be negative, have an exponent or be unknown; a text is a kind of its own."""
    frame = pl.DataFrame({"value": values, "at": range(len(values))}, strict=False)
    frame = frame.with_columns(name=pl.col("at").cast(pl.String))
    for placed in (["value", "at"], ["at", "value"]):  # a number before another parameter, and at the end
        order = dict(zip(("count", "price"), placed, strict=True))
        rows = frame.with_columns(why=SHOWN.column(name=pl.lit("close"), **order))
        counted = counted_reasons(rows, "why", "name")
        assert [one.code for one in counted] == ["counted"]
        assert counted[0].parameters["count"] == len(values)
        assert counted[0].parameters["reason"] == Reason.loads(rows["why"][0])
    lists = frame.with_columns(why=OUTER.column(cause=pl.concat_list("at", "value"), fixed=pl.lit(1)))
    assert len(counted_reasons(lists, "why", None)) == 1
    texts = frame.with_columns(why=SHOWN.column(count="at", price="value", name=pl.col("name").replace("0", None)))
    assert len(counted_reasons(texts.head(2), "why", None)) == 2
    assert len(counted_reasons(pl.DataFrame({"why": ["x = -1.5 is low", "x = 2e-3 is low"]}), "why", None)) == 1


def test_the_commonest_kinds_come_first() -> None:
    counted = joined(counted_kinds({"a": 1, "b": 7, "c": 2, "d": 1, "e": 1}))
    assert str(counted) == "7 × b; 2 × c; 1 × a; 2 for 2 other reasons"


@given(st.lists(st.none() | reasons | texts.map(as_reason), max_size=5))
def test_the_codes_of_a_column_are_those_of_its_reasons(rows: list[Reason | None]) -> None:
    column = pl.DataFrame({"why": [None if one is None else one.dumps() for one in rows]}, schema={"why": pl.String})
    plain = {'"', "\\"}  # characters that JSON escapes, which no code contains
    for one, found in zip(rows, column.select(code_column("why")).to_series(), strict=True):
        if one is None or one.code == TEXT.name:
            assert found is None
        elif one.code and not plain & set(one.code) and one.code.isprintable():
            assert found == one.code


def manifest(**unavailable: Reason) -> Manifest:
    return Manifest("prices", "2023-02-01", "v", "c", {}, {}, "s", "k", 0, unavailable=unavailable)


def test_a_manifest_keeps_its_reasons() -> None:
    reason = Reason("nothing_landed", {"table": "prices", "partition": "2023-02-01"})
    own = manifest(close=reason, open=as_reason("no bars"))
    assert Manifest.loads(own.dumps()) == own
    stored = json.loads(own.dumps())["unavailable"]
    assert stored == {"close": reason.to_json(), "open": "no bars"}


def test_a_manifest_of_an_earlier_version_is_read() -> None:
    """Its reasons are sentences, and its content digest is the stored one."""
    old = unsealed(manifest().dumps()) | {"unavailable": {"close": "no bars"}}
    read = Manifest.loads(json.dumps(old).encode())
    assert read is not None
    assert read.unavailable == {"close": TEXT(text="no bars")}
    assert unsealed(read.dumps()) == old
    assert content_digest(b"part", {}, read.unavailable) == content_digest(b"part", {}, {"close": as_reason("no bars")})


@pytest.mark.parametrize("stored", [5, ["no bars"], {"code": 3}])
def test_a_manifest_whose_reasons_are_damaged_is_no_manifest(stored: object) -> None:
    damaged = unsealed(manifest().dumps()) | {"unavailable": {"close": stored}}
    assert Manifest.loads(json.dumps(damaged).encode()) is None


def test_a_verdict_of_an_earlier_version_has_its_remedy_in_its_detail() -> None:
    old = unsealed(manifest().dumps())
    old["checks"] = {"high": {"passed": False, "critical": True, "detail": "x must be 0: x=1. Remedy: deliver again"}}
    read = Manifest.loads(json.dumps(old).encode())
    assert read is not None
    assert read.checks["high"].text() == "x must be 0: x=1. Remedy: deliver again"
    assert read.checks["high"].remedy is None
    new = replace(
        read,
        checks={"high": Verdict(False, True, TEXT(text="x must be 0: x=1."), Bilingual("重新提供", "deliver again"))},
    )
    assert Manifest.loads(new.dumps()) == new
    assert new.checks["high"].text() == read.checks["high"].text()


def test_a_manifest_holds_why_it_is_outdated_as_a_reason_or_as_an_earlier_sentence() -> None:
    assert json.loads(manifest().dumps())["outdated"] == ""
    for stored in ("the desk is closed", {"code": "not_built"}):
        saved = {**unsealed(manifest().dumps()), "outdated": stored}
        read = Manifest.loads(json.dumps(saved).encode())
        assert read is not None
        assert read.outdated == Reason.from_json(stored)
        assert json.loads(read.dumps())["outdated"] == stored
    earlier = unsealed(manifest().dumps())
    del earlier["outdated"]
    assert Manifest.loads(json.dumps(earlier).encode()) == manifest()


def test_failed_checks_are_one_reason_in_both_languages() -> None:
    assert failed_as_reason({}) is None
    remedy = Bilingual("重新提供", "deliver again")
    failed = failed_as_reason(
        {
            "adds_up": Verdict(False, True, EQUAL_TO(column="gap", value=0), remedy),
            "readable": Verdict(False, True, TEXT(text="x is no file")),
        }
    )
    assert failed is not None
    assert Reason.loads(failed.dumps()) == failed
    assert describe(failed) == "adds_up failed: gap must be 0 Remedy: deliver again; readable failed: x is no file"
    assert describe(failed, "zh") == "adds_up 未通过：gap 必须为 0处理办法：重新提供；readable 未通过：x is no file"
