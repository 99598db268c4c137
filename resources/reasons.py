"""Reasons as data: a code with parameters that states why something is unavailable, not built or relaxed.

Programs decide on a reason's code and parameters, never on its wording. This module defines the type, the declaration of codes and
their JSON form, and counts the reasons of rows that were set aside. The words of all codes in both languages are in
resources/reason_words/, and the codes of a stage in assets/*/reasons.py.
"""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from resources.language import Bilingual, Language
from resources.reason_words import WORDS, describe

SHOWN_REASONS = 3
SHOWN_NAMES = 5


@dataclass(frozen=True)
class Reason:
    """The reason for a state. `str(reason)` is its English wording.

    code: the name of a declared `Code`. parameters: the facts of this case by name: texts, numbers, None, other reasons, and tuples
    of these. Days and weeks are ISO texts.
    """

    code: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash(self.dumps())

    def __str__(self) -> str:
        return describe(self)

    def to_json(self) -> Any:
        """The form in manifests: {"code", "parameters"}, or the plain sentence of a reason with the code "text"."""
        return self.parameters["text"] if self.code == TEXT.name else _plain(self)

    def dumps(self) -> str:
        """`to_json` as one text, for a column. Equal reasons have equal texts."""
        stored = self.to_json()
        if isinstance(stored, str):
            return stored
        return json.dumps(stored, ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, stored: Any) -> "Reason":
        """The inverse of `to_json`.

        Raises:
            ValueError: the value is not the JSON form of a reason.
        """
        if isinstance(stored, str):
            return TEXT(text=stored)
        found = _read(stored)
        if not isinstance(found, cls):
            raise ValueError(f"{stored!r} is no stored reason")
        return found

    @classmethod
    def loads(cls, text: str) -> "Reason":
        """The inverse of `dumps`. Any other text becomes a reason with the code "text", as of earlier versions or third parties."""
        try:
            stored = json.loads(text)
            return cls.from_json(stored) if isinstance(stored, dict) else TEXT(text=text)
        except ValueError:
            return TEXT(text=text)


Reasons = Mapping[str, Mapping[str, Reason]]
"""Table → column or item → the reason why it is unavailable."""


@dataclass(frozen=True)
class Code:
    """A kind of reason: its stored name and the names of its parameters. Calling it creates a reason of this kind.

    >>> NO_WEIGHTS = Code("no_weights", ("index", "date"))
    >>> NO_WEIGHTS(index="000905.SH", date=dt.date(2023, 2, 1)).to_json()
    {'code': 'no_weights', 'parameters': {'index': '000905.SH', 'date': '2023-02-01'}}
    """

    name: str
    parameters: tuple[str, ...] = ()

    def __call__(self, **values: Any) -> Reason:
        """Create a reason of this kind. Other parameters than the declared ones raise TypeError."""
        self._require(values)
        return Reason(self.name, {name: _value(values[name]) for name in self.parameters})

    def _require(self, values: Mapping[str, Any]) -> None:
        if set(values) != set(self.parameters):
            raise TypeError(f"the reason {self.name} has the parameters {self.parameters}, not {tuple(values)}")

    def column(self, **values: "pl.Expr | str | Nested | Listed") -> pl.Expr:
        """Create a column of reasons of this kind in the form of `Reason.dumps`, so that `Reason.loads` reads each of its values.

        No value is null: a null parameter is stored as None. The cost is that of `pl.format`, so word only the rows that need it.

        Args:
            values: the parameters. As elsewhere in polars, a text is the name of a column, and a constant is a `pl.lit`. `Nested` wraps
                a column that itself holds reasons, and `Listed` several of them. A number that is not finite is stored as None.

        Raises:
            TypeError: other parameters than the declared ones.

        >>> LATE = Code("late", ("minutes",))
        >>> pl.DataFrame({"by": [3]}).select(reason=LATE.column(minutes="by"))["reason"].item()
        '{"code":"late","parameters":{"minutes":3}}'
        """
        self._require(values)
        if not values:
            return pl.lit(self().dumps())
        parts: list[pl.Expr] = []
        for name in sorted(values):
            opening = "{" if not parts else ","
            parts += [pl.lit(f"{opening}{json.dumps(name)}:"), _json_column(values[name])]
        return pl.concat_str(pl.lit(f'{{"code":{json.dumps(self.name)},"parameters":'), *parts, pl.lit("}}"))


@dataclass(frozen=True)
class Nested:
    """A column whose values are themselves reasons, as a parameter of `Code.column`. Its nulls are stored as None."""

    reasons: pl.Expr | str


@dataclass(frozen=True)
class Listed:
    """Columns whose values are reasons, as a parameter of `Code.column`: a tuple of those that are not null."""

    reasons: Sequence[pl.Expr | str]


def _json_column(value: "pl.Expr | str | Nested | Listed") -> pl.Expr:
    """The JSON of each value of a parameter."""
    if isinstance(value, Listed):
        known = [pl.when(one.is_not_null()).then(_json_column(Nested(one))) for one in map(_expression, value.reasons)]
        return pl.format("[{}]", pl.concat_str(known, separator=",", ignore_nulls=True))
    if isinstance(value, Nested):
        own = _expression(value.reasons)
        coded = own.str.starts_with('{"code":')
        return pl.when(coded).then(own).otherwise(_json_column(own))
    return pl.struct(v=_expression(value)).struct.json_encode().str.slice(len('{"v":')).str.head(-1)


def _expression(column: pl.Expr | str) -> pl.Expr:
    """An expression, or the column of this name."""
    return pl.col(column) if isinstance(column, str) else column


SEVERAL = Code("several", ("reasons",))
COUNTED = Code("counted", ("count", "reason", "names"))
COUNTED_ALONE = Code("counted_alone", ("count", "reason"))
OTHER_KINDS = Code("other_kinds", ("count", "kinds"))
BECAUSE = Code("because", ("what", "cause"))
FILE_BECAUSE = Code("file_because", ("file", "cause"))
TEXT = Code("text", ("text",))
"""A plain sentence from a manifest of an earlier version or from a third party's stage. It is shown unchanged."""


def joined(reasons: Sequence[Reason]) -> Reason | None:
    """Combine reasons into one; None where there are none."""
    return reasons[0] if len(reasons) == 1 else SEVERAL(reasons=reasons) if reasons else None


def with_cause(what: Reason, cause: Reason | None) -> Reason:
    """Return a reason with its cause, or unchanged without one."""
    return what if cause is None else BECAUSE(what=what, cause=cause)


def as_reason(reason: Reason | str) -> Reason:
    """Turn a plain sentence into a reason with the code "text"; a reason stays unchanged."""
    return TEXT(text=reason) if isinstance(reason, str) else reason


def _value(value: Any) -> Any:
    """A parameter in the form that it has after storing and reading."""
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(map(_value, value))
    if value is None or isinstance(value, str | bool | int | float | Bilingual | Reason):
        return value
    raise TypeError(f"{value!r} cannot be the parameter of a reason")


def _plain(value: Any) -> Any:
    if isinstance(value, Reason):
        own = {name: _plain(one) for name, one in value.parameters.items()}
        return {"code": value.code, "parameters": own} if own else {"code": value.code}
    if isinstance(value, Bilingual):
        return {"zh": value.zh, "en": value.en}
    return list(map(_plain, value)) if isinstance(value, tuple) else value


def _read(stored: Any) -> Any:
    if isinstance(stored, dict):
        if set(stored) == {"zh", "en"} and all(isinstance(text, str) for text in stored.values()):
            return Bilingual(**stored)
        code, own = stored.get("code"), stored.get("parameters", {})
        if not isinstance(code, str) or not isinstance(own, dict) or set(stored) - {"code", "parameters"}:
            raise ValueError(f"{stored!r} is no stored reason")
        return Reason(code, {name: _read(one) for name, one in own.items()})
    return tuple(map(_read, stored)) if isinstance(stored, list) else stored


def counted_reasons(frame: pl.DataFrame, reason: str, name: str | None) -> tuple[Reason, ...]:
    """Count the reasons of a frame's rows, worded as '12 × close = 0.0 must be above 0 (600519.SH, 000001.SZ, …)', the commonest first.

    Args:
        frame: the rows.
        reason: the column with the reasons (`Reason.dumps` or sentences), without nulls.
        name: the column with what the reasons are about, such as the symbol; None for none.

    Returns:
        One reason per kind. Reasons that differ only in numbers, of which some may be unknown, are one kind, shown by its first row.
        All kinds but the three commonest are summed up in a last reason.
    """
    who = pl.col(name).drop_nulls().unique(maintain_order=True) if name else pl.lit(None)
    numbers = pl.col(reason).str.replace_all(_UNKNOWN, "${1}0${2}").str.replace_all(_NUMBER, "#")
    kinds = (
        frame.with_columns(_kind=numbers)
        .group_by("_kind", maintain_order=True)
        .agg(pl.len(), pl.col(reason).first().alias("_shown"), who.alias("_names"))
        .sort("len", descending=True, maintain_order=True)
        .select("len", "_shown", "_names")
    )
    return _commonest([(count, stored, names or ()) for count, stored, names in kinds.iter_rows()])


_UNKNOWN = r"([:\[,])null([,}\]])"  # a parameter of a stored reason that is None
_NUMBER = r"[+-]?\d(?:[\d.:]|,[+-]?|[eE][+-]?\d)*"


def counted_kinds(counts: Mapping[str, int]) -> tuple[Reason, ...]:
    """Count reasons as `counted_reasons` does. counts: reason (`Reason.dumps`) → number of rows."""
    ranked = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return _commonest([(count, stored, ()) for stored, count in ranked])


def _commonest(kinds: Sequence[tuple[int, str, Sequence[object]]]) -> tuple[Reason, ...]:
    """kinds: (number of rows, reason (`Reason.dumps`), what the rows are about), the commonest first."""
    counted = []
    for count, stored, names in kinds[:SHOWN_REASONS]:
        shown = Reason.loads(stored)
        listed = [*map(str, names[:SHOWN_NAMES]), *(["…"] if len(names) > SHOWN_NAMES else [])]
        counted.append(
            COUNTED(count=count, reason=shown, names=listed) if listed else COUNTED_ALONE(count=count, reason=shown)
        )
    if others := [count for count, _, _ in kinds[SHOWN_REASONS:]]:
        counted.append(OTHER_KINDS(count=sum(others), kinds=len(others)))
    return tuple(counted)


def rows_with_reasons(frame: pl.DataFrame, rules: Sequence[tuple[pl.Expr, pl.Expr]]) -> pl.DataFrame:
    """Return the rows that break a rule, with an additional column `reason`, that of the first rule which they break.

    rules: (condition that is true where the rule is broken, reason). Null counts as not broken. The conditions are computed over all
    rows, and the reasons only over the rows that break a rule, since wording is expensive.
    """
    broken = pl.coalesce(pl.when(condition).then(pl.lit(at)) for at, (condition, _) in enumerate(rules))
    rows = frame.with_columns(_rule=broken).filter(pl.col("_rule").is_not_null()).with_row_index("_nth")
    # polars computes every branch of a choice for all rows, so the rows of each rule are worded on their own.
    worded = [pl.DataFrame(schema={"_nth": pl.get_index_type(), "reason": pl.String})]
    for (at,), part in rows.partition_by("_rule", as_dict=True).items():
        worded.append(part.select("_nth", reason=rules[at][1].cast(pl.String)))
    return rows.drop("_rule", "_nth").with_columns(pl.concat(worded).sort("_nth")["reason"])


def first_reasons(frame: pl.DataFrame, rules: Sequence[tuple[pl.Expr, pl.Expr]]) -> pl.Series:
    """Return the column `reason` of `rows_with_reasons` for every row of a frame, null where the row breaks no rule."""
    found = rows_with_reasons(frame.with_row_index("_at"), rules).select("_at", "reason")
    every = pl.int_range(frame.height, dtype=pl.get_index_type(), eager=True).alias("_at").to_frame()
    return every.join(found, on="_at", how="left", maintain_order="left")["reason"]


def code_column(reasons: pl.Expr | str) -> pl.Expr:
    """The code of each value of a column of reasons, null where it is null or a sentence."""
    return _expression(reasons).str.extract(r'^\{"code":"([^"]+)"')


def describe_column(reasons: pl.Series, language: Language = "en") -> pl.Series:
    """Word a column of reasons (`Reason.dumps` or sentences); null stays null."""
    distinct = {stored: describe(Reason.loads(stored), language) for stored in reasons.drop_nulls().unique()}
    return reasons.replace_strict(distinct, return_dtype=pl.String)


def several_column(reasons: Sequence[pl.Expr | str]) -> pl.Expr:
    """Combine columns of reasons into one column: null where all are null, the reason where one is known, else `SEVERAL` of them."""
    columns = [_expression(one) for one in reasons]
    known = pl.sum_horizontal(one.is_not_null() for one in columns)
    return pl.when(known > 1).then(SEVERAL.column(reasons=Listed(columns))).otherwise(pl.coalesce(columns))


def put_into_words(notes: Any, language: Language = "en") -> Any:
    """Replace each stored reason (`Reason.to_json`) in JSON data, such as the notes of a manifest, by its words."""
    if isinstance(notes, Mapping):
        if notes.get("code") in WORDS and set(notes) <= {"code", "parameters"}:
            return describe(Reason.from_json(notes), language)
        return {name: put_into_words(one, language) for name, one in notes.items()}
    if isinstance(notes, list | tuple):
        return [put_into_words(one, language) for one in notes]
    return notes
