"""Reasons as data: why something is not known, not built or had to give way, as a code with parameters.

Code decides on a reason's code and parameters, never on its wording. Here: the type, the declaration of a code, and how a
reason is stored (JSON) and read back; how the reasons of rows that were set aside are counted for a message. Not here: the
words of the codes, which stand in both languages in one place (resources/reason_words.py), and which codes a stage has
(assets/*/reasons.py).
"""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from resources.language import Language
from resources.reason_words import WORDS, describe

SHOWN_REASONS = 3
SHOWN_NAMES = 5


@dataclass(frozen=True)
class Reason:
    """Why something is as it is. `str(reason)` is its English wording.

    code: what happened, declared as a `Code`. parameters: the facts of this case by name: texts, numbers, None, other reasons,
    and tuples of these; days and weeks are ISO texts.
    """

    code: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash(self.dumps())

    def __str__(self) -> str:
        return describe(self)

    def to_json(self) -> Any:
        """What a manifest holds: {"code", "parameters"}; of a plain sentence (code text) the sentence itself."""
        return self.parameters["text"] if self.code == TEXT.name else _plain(self)

    def dumps(self) -> str:
        """`to_json` as a column of texts holds it. Equal reasons have equal texts."""
        said = self.to_json()
        return said if isinstance(said, str) else json.dumps(said, ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_json(cls, said: Any) -> "Reason":
        """The inverse of `to_json`. Raises ValueError for what no reason is stored as."""
        if isinstance(said, str):
            return TEXT(text=said)
        found = _read(said)
        if not isinstance(found, cls):
            raise ValueError(f"{said!r} is no stored reason")
        return found

    @classmethod
    def loads(cls, text: str) -> "Reason":
        """The inverse of `dumps`. What is no reason's JSON is a plain sentence: an earlier version's, or a third party's."""
        try:
            said = json.loads(text)
            return cls.from_json(said) if isinstance(said, dict) else TEXT(text=text)
        except ValueError:
            return TEXT(text=text)


Reasons = Mapping[str, Mapping[str, Reason]]
"""Table → column or item → why it is not known."""


@dataclass(frozen=True)
class Code:
    """A kind of reason: its name, which is stored, and the names of its parameters. Calling it makes a reason of the kind.

    >>> NO_WEIGHTS = Code("no_weights", ("index", "date"))
    >>> NO_WEIGHTS(index="000905.SH", date=dt.date(2023, 2, 1)).to_json()
    {'code': 'no_weights', 'parameters': {'index': '000905.SH', 'date': '2023-02-01'}}
    """

    name: str
    parameters: tuple[str, ...] = ()

    def __call__(self, **values: Any) -> Reason:
        if set(values) != set(self.parameters):
            raise TypeError(f"the reason {self.name} has the parameters {self.parameters}, not {tuple(values)}")
        return Reason(self.name, {name: _value(values[name]) for name in self.parameters})


SEVERAL = Code("several", ("reasons",))
TEXT = Code("text", ("text",))
"""A plain sentence: of a manifest that an earlier version wrote, or of a third party's stage. It is shown as it is."""


def joined(reasons: Sequence[Reason]) -> Reason | None:
    """One reason of several; None of none."""
    return reasons[0] if len(reasons) == 1 else SEVERAL(reasons=reasons) if reasons else None


def as_reason(said: Reason | str) -> Reason:
    """A reason as it is, a sentence as one of the code text."""
    return TEXT(text=said) if isinstance(said, str) else said


def _value(value: Any) -> Any:
    """A parameter in the form in which it is read back."""
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(map(_value, value))
    if value is None or isinstance(value, str | bool | int | float | Reason):
        return value
    raise TypeError(f"{value!r} cannot be the parameter of a reason")


def _plain(value: Any) -> Any:
    if isinstance(value, Reason):
        own = {name: _plain(one) for name, one in value.parameters.items()}
        return {"code": value.code, "parameters": own} if own else {"code": value.code}
    return list(map(_plain, value)) if isinstance(value, tuple) else value


def _read(said: Any) -> Any:
    if isinstance(said, dict):
        code, own = said.get("code"), said.get("parameters", {})
        if not isinstance(code, str) or not isinstance(own, dict) or set(said) - {"code", "parameters"}:
            raise ValueError(f"{said!r} is no stored reason")
        return Reason(code, {name: _read(one) for name, one in own.items()})
    return tuple(map(_read, said)) if isinstance(said, list) else said


def counted_reasons(frame: pl.DataFrame, reason: str, name: str | None) -> list[str]:
    """'12 × close = 0.0 must be above 0 (600519.SH, 000001.SZ …)' of each reason of a frame's rows, the commonest first.

    reason: the column of the sentences, none of them null. name: the column of what they are about, if any. Reasons that
    differ in their numbers alone count as one and are shown by the first of them; all but the three commonest are added up.
    """
    who = pl.col(name).drop_nulls().unique(maintain_order=True) if name else pl.lit(None)
    kinds = (
        frame.with_columns(_kind=pl.col(reason).str.replace_all(r"\d[\d.,:]*", "#"))
        .group_by("_kind", maintain_order=True)
        .agg(pl.len(), pl.col(reason).first().alias("_shown"), who.alias("_names"))
        .sort("len", descending=True, maintain_order=True)
        .select("len", "_shown", "_names")
    )
    told = []
    for count, shown, names in kinds.head(SHOWN_REASONS).iter_rows():
        listed = ", ".join(map(str, (names or [])[:SHOWN_NAMES]))
        more = " …" if names and len(names) > SHOWN_NAMES else ""
        told.append(f"{count} × {shown}" + (f" ({listed}{more})" if listed else ""))
    if kinds.height > SHOWN_REASONS:
        told.append(f"{kinds['len'][SHOWN_REASONS:].sum()} for {kinds.height - SHOWN_REASONS} other reasons")
    return told


def put_into_words(said: Any, language: Language = "en") -> Any:
    """JSON with each reason in it (`Reason.to_json`) replaced by its words: notes of a manifest as a person reads them."""
    if isinstance(said, Mapping):
        if said.get("code") in WORDS and set(said) <= {"code", "parameters"}:
            return describe(Reason.from_json(said), language)
        return {name: put_into_words(one, language) for name, one in said.items()}
    if isinstance(said, list | tuple):
        return [put_into_words(one, language) for one in said]
    return said
