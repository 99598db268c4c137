"""Reasons as data: a code with parameters that states why something is unavailable, not built or relaxed.

Programs decide on a reason's code and parameters, never on its wording. This module defines the type, the declaration of codes and
their JSON form, and counts the reasons of rows that were set aside. The words of all codes in both languages are in
resources/reason_words.py, and the codes of a stage in assets/*/reasons.py.
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
        return stored if isinstance(stored, str) else json.dumps(stored, ensure_ascii=False, sort_keys=True)

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
        if set(values) != set(self.parameters):
            raise TypeError(f"the reason {self.name} has the parameters {self.parameters}, not {tuple(values)}")
        return Reason(self.name, {name: _value(values[name]) for name in self.parameters})


SEVERAL = Code("several", ("reasons",))
TEXT = Code("text", ("text",))
"""A plain sentence from a manifest of an earlier version or from a third party's stage. It is shown unchanged."""


def joined(reasons: Sequence[Reason]) -> Reason | None:
    """Combine reasons into one; None where there are none."""
    return reasons[0] if len(reasons) == 1 else SEVERAL(reasons=reasons) if reasons else None


def as_reason(reason: Reason | str) -> Reason:
    """Turn a plain sentence into a reason with the code "text"; a reason stays unchanged."""
    return TEXT(text=reason) if isinstance(reason, str) else reason


def _value(value: Any) -> Any:
    """A parameter in the form that it has after storing and reading."""
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


def _read(stored: Any) -> Any:
    if isinstance(stored, dict):
        code, own = stored.get("code"), stored.get("parameters", {})
        if not isinstance(code, str) or not isinstance(own, dict) or set(stored) - {"code", "parameters"}:
            raise ValueError(f"{stored!r} is no stored reason")
        return Reason(code, {name: _read(one) for name, one in own.items()})
    return tuple(map(_read, stored)) if isinstance(stored, list) else stored


def counted_reasons(frame: pl.DataFrame, reason: str, name: str | None) -> list[str]:
    """Count the reasons of a frame's rows, as '12 × close = 0.0 must be above 0 (600519.SH, 000001.SZ …)', the commonest first.

    Args:
        frame: the rows.
        reason: the column with the reasons as sentences, without nulls.
        name: the column with what the reasons are about, such as the symbol; None for none.

    Returns:
        One text per kind of reason. Reasons that differ only in numbers are one kind, shown by its first sentence. All kinds but the
        three commonest are summed up in a last text.
    """
    who = pl.col(name).drop_nulls().unique(maintain_order=True) if name else pl.lit(None)
    kinds = (
        frame.with_columns(_kind=pl.col(reason).str.replace_all(r"\d[\d.,:]*", "#"))
        .group_by("_kind", maintain_order=True)
        .agg(pl.len(), pl.col(reason).first().alias("_shown"), who.alias("_names"))
        .sort("len", descending=True, maintain_order=True)
        .select("len", "_shown", "_names")
    )
    texts = []
    for count, shown, names in kinds.head(SHOWN_REASONS).iter_rows():
        listed = ", ".join(map(str, (names or [])[:SHOWN_NAMES]))
        more = " …" if names and len(names) > SHOWN_NAMES else ""
        texts.append(f"{count} × {shown}" + (f" ({listed}{more})" if listed else ""))
    if kinds.height > SHOWN_REASONS:
        texts.append(f"{kinds['len'][SHOWN_REASONS:].sum()} for {kinds.height - SHOWN_REASONS} other reasons")
    return texts


def put_into_words(notes: Any, language: Language = "en") -> Any:
    """Replace each stored reason (`Reason.to_json`) in JSON data, such as the notes of a manifest, by its words."""
    if isinstance(notes, Mapping):
        if notes.get("code") in WORDS and set(notes) <= {"code", "parameters"}:
            return describe(Reason.from_json(notes), language)
        return {name: put_into_words(one, language) for name, one in notes.items()}
    if isinstance(notes, list | tuple):
        return [put_into_words(one, language) for one in notes]
    return notes
