"""Every setting of the tree made wrong in every way that a hand or a script makes it wrong, through both doors.

Here: the mutants, and what became of each. Not here: what must become of them (test_settings_mutations.py). Counts of a whole
run: `python -m tests.resources.settings_mutations`.
"""

import datetime as dt
import json
import math
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestration.platform import PROFILES
from resources.errors import SettingsError
from resources.settings import Settings
from resources.settings.base import Section
from resources.settings.load import load_profile

# Rows of one class with gru_50_1 and multi_granularity_10d.
SAME_ROWS = {f"models.{row}" for row in ("gru_50_2", "improved_gru", "residual_attention_lstm", "multi_granularity_5d")}


@dataclass(frozen=True)
class Mutant:
    """A setting, the kind of its fault, and its wrong value."""

    path: str
    kind: str
    value: Any


@dataclass(frozen=True)
class Fate:
    """The outcome of a mutant: refused with a message, accepted with the resulting value, or a traceback."""

    mutant: Mutant
    door: str
    outcome: str
    detail: str
    value: Any = None


def leaves(section: Section | None = None, above: str = "") -> dict[str, Any]:
    """The defaults of all settings by path, in JSON's types."""
    found: dict[str, Any] = {}
    here = section or Settings()
    dumped = here.model_dump(mode="json")
    for name in type(here).model_fields:
        value, path = getattr(here, name), f"{above}{name}"
        if path in SAME_ROWS:
            continue
        found |= leaves(value, f"{path}.") if isinstance(value, Section) else {path: dumped[name]}
    return found


def mutants() -> Iterator[Mutant]:
    for path, default in leaves().items():
        for kind, value in _values(default).items():
            yield Mutant(path, kind, value)
        yield Mutant(f"{path}x", "unknown key", 1)
    for section in {path.rpartition(".")[0] for path in leaves()}:
        for kind, value in {"a number": 5, "a text": "x", "a list": [], "a list of tables": [{}]}.items():
            yield Mutant(section, f"section: {kind}", value)


def _values(default: Any) -> dict[str, Any]:
    wrong: dict[str, Any] = {
        "nan": math.nan,
        "inf": math.inf,
        "-inf": -math.inf,
        "-1": -1,
        "0": 0,
        "huge": 10**18,
        "huge float": 1e300,
        "beyond 64 bits": 10**30,
        "empty text": "",
        "blank text": " ",
        "a text": "nonsense",
        "a number as text": "5",
        "true": True,
        "empty list": [],
        "a list of a number": [1],
        "a list of texts": ["nonsense", ""],
        "twice the same": ["nonsense", "nonsense"],
        "a table": {"nonsense": 1},
        "an early date": dt.date(1, 1, 1),
        "a late date": dt.date(9999, 12, 31),
        "a date and time": dt.datetime(2023, 1, 2, 15, 30),
    }
    if isinstance(default, int | float) and not isinstance(default, bool):
        wrong |= {"half": default + 0.5, "negated": -default, "list of itself": [default]}
    if isinstance(default, str):
        wrong |= {"upper case": default.upper(), "with a blank": f"{default} "}
    return wrong


def fate(mutant: Mutant, door: str, folder: Path) -> Fate:
    """Load the production profile with the mutant in a settings file, or in the environment."""
    try:
        if door == "file":
            file = folder / "mutant.toml"
            section, _, key = mutant.path.rpartition(".")
            head = f"[{section}]\n" if section else ""
            file.write_text(f"{head}{key} = {toml(mutant.value)}\n", "utf-8")
            profile = load_profile(str(file), PROFILES, {})
        else:
            variable = "ZHOUBAO__" + mutant.path.upper().replace(".", "__")
            profile = load_profile("production", PROFILES, {variable: json.dumps(mutant.value, default=str)})
    except SettingsError as error:
        return Fate(mutant, door, "refused", str(error))
    except Exception as error:
        return Fate(mutant, door, "traceback", f"{type(error).__name__}: {error}")
    return Fate(mutant, door, "accepted", "", leaves(profile.settings).get(mutant.path))


def toml(value: Any) -> str:
    """Format a value in TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{json.dumps(key)} = {toml(one)}' for key, one in value.items())}}}"
    return repr(value)


def run(folder: Path) -> list[Fate]:
    return [fate(mutant, door, folder) for mutant in mutants() for door in ("file", "environment")]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        fates = run(Path(name))
    for (kind, outcome), count in sorted(Counter((f.mutant.kind, f.outcome) for f in fates).items()):
        print(f"{kind:<22} {outcome:<10} {count:>5}")
    print(len(fates), dict(Counter(f.outcome for f in fates)))
