"""Loads a settings tree: production defaults, then a profile or file, then the environment.

This module reads and merges the sources, words errors that name the key, and lists the differences from production. Each section has
its own module in this folder.
"""

import codecs
import datetime as dt
import difflib
import json
import os
import re
import tomllib
from collections import abc
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import ValidationError

from resources.errors import SettingsError
from resources.named import PATH
from resources.present import SIMULATED
from resources.settings import Settings
from resources.settings.alerts import SECRET_VARIABLES
from resources.settings.base import Section
from resources.settings.rulebook import KINDS

_KEYS_SHOWN = 30  # keys of a section that a message names
# Variables that are no settings.
NAME_VARIABLES = (
    "ZHOUBAO_MARKET", "ZHOUBAO_LAKE", "ZHOUBAO_SETTINGS", "ZHOUBAO_CODE_PACKAGES", "ZHOUBAO_UI_HOSTS", "ZHOUBAO_KEY_PREFIX",
    SIMULATED,
)  # fmt: skip
CODE_PACKAGES = "ZHOUBAO_CODE_PACKAGES"
OWN_PACKAGES = ("assets", "resources")
ENVIRONMENT_PREFIX = "ZHOUBAO__"
CALENDAR_DATES = ("extra_holidays", "announced_until", "announced_holidays")
DECLARED_ELSEWHERE = {"landing.index_weights": "landing.indices", "landing.index_prices": "landing.indices"}
LISTED = 10  # keys that a message names


@dataclass(frozen=True)
class Profile:
    """A settings tree with its name and description, and the reasons for settings that differ from production (`shortens`)."""

    name: str
    description: str
    shortens: Mapping[str, str]
    settings: Settings

    def differences(self, gates: Mapping[str, Mapping[str, Any]] | None = None) -> list[dict[str, Any]]:
        """List every setting that decides figures and differs from SPEC's value: setting, value, production, reason.

        The rulebook's rows are excluded, because the day decides which of them are in force (`describe_rulebook`).

        Args:
            gates: the changed checks by setting (`describe_gates`). These rows have `looser` too: whether the value is looser than the
                declared one, which is its value in production. A setting that is not in `gates` equals the declared value.
        """
        production = dict(flatten(_dump(Settings())))
        gates = gates or {}
        rows: list[dict[str, Any]] = [
            {"setting": path, "value": value, "production": production.get(path), "reason": self._reason(path)}
            for path, value in flatten(_dump(self.settings))
            if path.partition(".")[0] != "gates" and (path not in production or production[path] != value)
        ]
        return rows + [
            {
                "setting": path,
                "value": change["value"],
                "production": change["declared"],
                "reason": self._reason(path),
                "looser": change["looser"],
            }
            for path, change in gates.items()
        ]

    def _reason(self, path: str) -> str:
        return next((why for prefix, why in self.shortens.items() if f"{path}.".startswith(f"{prefix}.")), "")

    def describe(self, gates: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, Any]:
        """Describe the settings of a run for the report. Those that decide no figure (threads, alerts) are no part of a report.

        gates: the changed checks, as for `differences`.
        """
        described = ["rulebook.", *(f"{path}." for path, _ in flatten(_dump(self.settings)))]
        reasons = {
            path: why
            for path, why in self.shortens.items()
            if path.startswith("rulebook.") or any(one.startswith(f"{path}.") for one in described)
        }
        return {
            "profile": {"name": self.name, "description": self.description, "shortens": reasons},
            "settings": _dump(self.settings),
            "differences": self.differences(gates),
        }


def load_profile(name_or_file: str, profiles: Path, environment: Mapping[str, str] | None = None) -> Profile:
    """Load a profile or a settings file, with the overrides `ZHOUBAO__SECTION__KEY=value` of the environment.

    A file may extend a profile or another file: `[profile] extends = "sample"`. Values of the environment are JSON or plain text.
    Types are strict: "5" and true are no integers.

    Args:
        name_or_file: the name of a profile `profiles/<name>.toml`, or the path of a settings file.
        profiles: the folder of the profiles.
        environment: the environment variables; by default those of the process.

    Raises:
        SettingsError: there is no such profile, a file cannot be read, or a key in it or in the environment is unknown, of another
            type, or out of bounds. The message names the key, and the variable or file. Or a setting names code of a package that
            ZHOUBAO_CODE_PACKAGES does not list.
    """
    environment = os.environ if environment is None else environment
    values, about = _read(name_or_file, profiles)
    reasons = about["shortens"]
    for variable, path, value in _overrides(environment):
        _merge(values, _nest(path, value))
        reasons.setdefault(".".join(path), f"set by {variable} in the environment")
    # The values are merged into the production tree and not into each class's defaults, because sections such as
    # portfolios.csi1000 have their own defaults.
    tree = Settings().model_dump(mode="json")
    _merge(tree, values)
    try:
        settings = Settings.model_validate_json(json.dumps(tree, default=_as_json), strict=True)
    except ValidationError as error:
        raise SettingsError(_explain(error, name_or_file, reasons, tree)) from error
    except (
        ValueError,
        RecursionError,
    ) as error:  # an integer of thousands of digits, a table nested a thousand levels deep
        raise SettingsError(f"Settings {name_or_file!r}: {error}. Correct or remove the key.") from error
    _require_listed_packages(settings, environment)
    for path in reasons:
        if (unknown := _unknown_part(path)) is not None:
            raise SettingsError(
                f"Settings {name_or_file!r}: [profile.shortens] has a reason for {path}, which is no setting; {unknown}."
            )
    return Profile(about["name"], about["description"], reasons, settings)


def code_paths(settings: Section, above: str = "") -> Iterator[tuple[str, str]]:
    """Iterate over the settings that name code: (setting, "module:name"). Their fields have the pattern of such a path."""
    for key, field in type(settings).model_fields.items():
        value = getattr(settings, key)
        if isinstance(value, Section):
            yield from code_paths(value, f"{above}{key}.")
        elif any(getattr(one, "pattern", None) == f"^{PATH}$" for one in _metadata(field)):
            paths = [value] if isinstance(value, str) else value or ()
            yield from ((f"{above}{key}", path) for path in paths if ":" in path)


def _metadata(part: Any) -> Iterator[Any]:
    """The constraints of a field, those inside its annotation included."""
    yield from getattr(part, "metadata", ())
    for inner in get_args(getattr(part, "annotation", part)):
        yield from _metadata(inner)


def _require_listed_packages(settings: Settings, environment: Mapping[str, str]) -> None:
    """Code runs with all rights of the platform, so that the environment, and no settings file, lists the packages that may be named."""
    listed = list(filter(None, (one.strip() for one in environment.get(CODE_PACKAGES, "").split(","))))
    for setting, path in code_paths(settings):
        package = path.partition(":")[0].partition(".")[0]
        if package not in (*OWN_PACKAGES, *listed):
            raise SettingsError(
                f"{setting} = {path!r} names code of the package {package!r}, which {CODE_PACKAGES} does not list. If this code may run "
                f"here, set {CODE_PACKAGES}={','.join([*listed, package])} in the environment."
            )


def described_on(described: Mapping[str, Any], day: dt.date) -> dict[str, Any]:
    """The description of `Profile.describe` without holidays after a day, so that later announcements change no earlier report."""

    def known(value: Any) -> Any:
        if isinstance(value, list):
            return [one for one in value if one <= str(day)]
        return value if value is None or value <= str(day) else None

    calendar = described.get("settings", {}).get("calendar", {})
    cut = {f"calendar.{key}": known(calendar[key]) for key in CALENDAR_DATES if key in calendar}
    differences = [
        one | {"value": cut.get(one["setting"], one["value"])}
        for one in described.get("differences", [])
        if cut.get(one["setting"], one["value"]) not in (None, []) or one["setting"] not in cut
    ]
    if not cut:
        return dict(described)
    dated = calendar | {key.removeprefix("calendar."): value for key, value in cut.items()}
    return {**described, "settings": {**described["settings"], "calendar": dated}, "differences": differences}


def flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Iterate over the leaves of nested dictionaries as ("a.b.c", value)."""
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _overrides(environment: Mapping[str, str]) -> list[tuple[str, list[str], Any]]:
    """The overrides of the environment: (variable, path of the setting, value). An unknown ZHOUBAO* variable is an error."""
    found: dict[str, tuple[str, list[str], Any]] = {}
    for variable, text in sorted(environment.items()):
        if variable in (*NAME_VARIABLES, *SECRET_VARIABLES) or not variable.upper().startswith("ZHOUBAO"):
            continue
        path = variable.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
        if not variable.startswith(ENVIRONMENT_PREFIX) or not all(path):
            settings = (f"{ENVIRONMENT_PREFIX}{'__'.join(one).upper()}" for one in _paths())
            known = [*NAME_VARIABLES, *SECRET_VARIABLES, *settings]
            near = difflib.get_close_matches(variable.upper(), known, 1, 0.5)
            raise SettingsError(
                f"The environment variable {variable} is not known. Known are {', '.join(NAME_VARIABLES)} and "
                f"{ENVIRONMENT_PREFIX}SECTION__KEY{f'; the nearest is {near[0]}' if near else ''}. Correct it or unset it."
            )
        name = ".".join(path)
        if name in found:
            raise SettingsError(
                f"{found[name][0]} and {variable} in the environment both set {name}. Unset one of them."
            )
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise SettingsError(
                f"The environment variable {variable} holds bytes that are no UTF-8 text. Set it again in UTF-8."
            ) from None
        found[name] = (variable, path, _literal(variable, text))
    return list(found.values())


def _read(name_or_file: str, profiles: Path, chain: tuple[Path, ...] = ()) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values of a profile or file merged with those that it extends, and its [profile] table. chain: the files that extend it."""
    path = _locate(name_or_file, profiles, chain[-1].parent if chain else None)
    if path in chain:
        circle = " → ".join(map(str, (*chain[chain.index(path) :], path)))
        raise SettingsError(f"{path} extends itself: {circle}. Remove one [profile] extends.")
    try:
        values = tomllib.loads(_text(path))
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path} is no valid TOML: {error}. Correct the file.") from error
    about = _about(path, values.pop("profile", {}))
    if about["extends"] is not None:
        try:
            base, base_about = _read(about["extends"], profiles, (*chain, path))
        except SettingsError as error:
            raise error if chain else SettingsError(f"{path} extends {about['extends']!r}: {error}") from error
        _merge(base, values)
        values = base
        about["shortens"] = {**base_about["shortens"], **about["shortens"]}
    return values, about


def _locate(name_or_file: str, profiles: Path, beside: Path | None) -> Path:
    """The path of a profile, or of a settings file, which may be relative to the file that extends it."""
    known = sorted(p.stem for p in profiles.glob("*.toml"))
    if name_or_file in known:
        return (profiles / f"{name_or_file}.toml").resolve()
    named = Path(name_or_file).expanduser()
    try:
        for path in (named,) if beside is None else (beside / named, named):
            if path.is_dir():
                raise SettingsError(f"{path} is a folder; name a settings file, which ends in .toml.")
            if path.is_file() and path.suffix.lower() == ".toml":
                return path.resolve()
            if path.is_file():
                raise SettingsError(f"{path} does not end in .toml, as a settings file must. Rename it.")
    except OSError as error:
        raise SettingsError(f"{name_or_file!r} cannot be opened: {error.strerror}.") from error
    near = difflib.get_close_matches(name_or_file, known, 1)
    raise SettingsError(
        f"There is no profile or settings file {name_or_file!r}{f'; did you mean {near[0]}?' if near else '.'} Profiles: "
        f"{', '.join(known)}; or name a .toml file."
    )


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from error
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in data:
        raise SettingsError(f"{path} is no UTF-8 text, but UTF-16 or no text at all. Save it as UTF-8.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise SettingsError(
            f"{path} is no UTF-8 text: line {line} holds the byte {data[error.start]:#04x}, as text in GBK does. Save it as UTF-8."
        ) from error


def _about(path: Path, head: Any) -> dict[str, Any]:
    """The content of the [profile] table: name, description, extends (or None) and the reasons by setting."""
    if not isinstance(head, dict):
        raise SettingsError(f"{path}: profile = {_short(head)} must be a table, [profile].")
    known = ("name", "description", "extends", "shortens")
    if unknown := sorted(set(head) - set(known)):
        raise SettingsError(
            f"{path}: [profile] has the unknown key {', '.join(unknown)}; known there: {', '.join(known)}."
        )
    for key in ("name", "description", "extends"):
        if not isinstance(head.get(key, ""), str) or head.get(key, "-") == "":
            raise SettingsError(f"{path}: profile.{key} = {_short(head[key])} must be a text.")
    reasons = head.get("shortens", {})
    if not isinstance(reasons, dict) or not all(isinstance(why, str) for _, why in flatten(reasons)):
        raise SettingsError(
            f'{path}: [profile.shortens] holds reasons, one text for a setting: "factors.window" = "…".'
        )
    return {
        "name": head.get("name", path.stem),
        "description": head.get("description", ""),
        "extends": head.get("extends"),
        "shortens": dict(flatten(reasons)),
    }


def _dump(settings: Settings) -> dict[str, Any]:
    """The settings that decide figures, in JSON's types, without the rulebook's rows and the date of its review."""
    tree = settings.decisive()
    for section in ("lake", "execution", "retention", "sensors", "alerts"):
        del tree[section]
    for name in (*KINDS, "reviewed"):
        tree["rulebook"].pop(name, None)
    return tree


def _merge(base: dict[str, Any], over: Mapping[str, Any], path: tuple[str, ...] = ()) -> None:
    """Merge `over` into `base`: values replace values, and rows of the rulebook are added to rows."""
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(base.get(key), dict):
            _merge(base[key], value, (*path, key))
        elif path == ("rulebook",) and key in KINDS and isinstance(value, list):
            base[key] = [*base.get(key, ()), *value]
        else:
            base[key] = value


def _nest(path: list[str], value: Any) -> dict[str, Any]:
    return {path[0]: _nest(path[1:], value) if len(path) > 1 else value}


def _literal(variable: str, text: str) -> Any:
    """Parse a value of the environment: JSON, or else the text itself."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        if twice := {key for key in keys if keys.count(key) > 1}:
            raise SettingsError(f"{variable} in the environment names {', '.join(sorted(twice))} twice.")
        return dict(pairs)

    try:
        return json.loads(text, object_pairs_hook=once)
    except (ValueError, RecursionError):
        return text


def _as_json(value: Any) -> str:
    """The text of a TOML date or time in JSON."""
    return value.isoformat()


def _explain(error: ValidationError, source: str, origins: Mapping[str, str], tree: Mapping[str, Any]) -> str:
    """Word pydantic's errors with one clause per key: its value, the rule, and the variable that set it."""
    lines: dict[str, list[str]] = {}
    problems = [(_path_of(problem["loc"]), problem) for problem in error.errors()]
    for path, problem in problems:
        kind, value = problem["type"], problem["input"]
        if kind == "too_short" and any(other.startswith(f"{path}[") for other, _ in problems):
            continue  # its wrong items are reported and not counted
        origin = next((o for p, o in origins.items() if path == p or path.startswith((f"{p}.", f"{p}["))), "")
        named = _named_row(path, tree)
        subject = f"{named} ({origin})" if origin.endswith(" in the environment") else named
        message = problem["msg"].removeprefix("Value error, ") + _hint(path, problem)
        if kind == "missing" and not path.endswith("]"):
            line = f"{subject} is missing: add the key"
        elif kind == "extra_forbidden" and path in DECLARED_ELSEWHERE:
            line = f"{subject} is no setting; it is declared in {DECLARED_ELSEWHERE[path]}"
        elif kind == "extra_forbidden":
            parent, _, key = path.rpartition(".")
            line = f"{subject} is no setting; {_known_there(parent, key)}"
        elif kind == "model_type" and path.endswith("]"):
            line = f"{subject} = {_short(value)}: a row must be a table of keys"
        elif kind == "model_type":
            line = f"{subject} = {_short(value)} is a section, [{path}], and takes no value"
        elif isinstance(value, dict):  # a rule between settings of a section
            line = f"{subject}: {message}" if subject else message
        elif subject in lines:  # another branch of a union
            lines[subject].append(message.removeprefix("Input should be "))
            continue
        else:
            line = f"{subject} = {_short(value)}: {message}"
        lines.setdefault(subject, []).append(line)
    clauses = [" or ".join(parts) for parts in lines.values()]
    shown = "; ".join(clauses[:LISTED]) + (f"; and {len(clauses) - LISTED} more" if len(clauses) > LISTED else "")
    # The items of a list are not keys, so that the remedy cannot be to add one.
    lacking = all(problem["type"] == "missing" and not path.endswith("]") for path, problem in problems)
    remedy = "" if lacking else " Correct or remove the key."
    return f"Settings {source!r}: {shown}.{remedy}"


def _named_row(path: str, tree: Mapping[str, Any]) -> str:
    """The name of a path in a message. A row that was added to the rulebook is named by its position, its day and its subject."""
    found = re.fullmatch(r"rulebook\.(\w+)\[(\d+)\]\.?(.*)", path)
    if found is None or found[1] not in KINDS:
        return path
    kind, place, key = found[1], int(found[2]), found[3]
    shipped = len(getattr(Settings().rulebook, kind))
    row = tree["rulebook"][kind][place]
    about: list[str] = []
    if isinstance(row, dict):
        about += [f"since {row['since']}"] if "since" in row else []
        for whose in ("boards", "exchanges", "board", "name"):
            about += [str(one) for one in (row[whose] if isinstance(row.get(whose), list) else [row.get(whose)]) if one]
    details = ", ".join(about)
    which = f"your row {place - shipped + 1}" + (f" ({details[:80]})" if details else "")
    return f"rulebook.{kind}: {f'{key} of ' if key else ''}{which}"


def _hint(path: str, problem: Mapping[str, Any]) -> str:
    """A suggestion that completes a message; "" where there is none."""
    value = problem["input"]
    if problem["type"] == "literal_error" and isinstance(value, str):
        known = re.findall(r"'([^']*)'", str(problem.get("ctx", {}).get("expected", "")))
        near = difflib.get_close_matches(value.strip().lower(), known, 1)
        return f" (did you mean {near[0]}?)" if near else ""
    if path.endswith("percent") and isinstance(value, float) and 0 < value < 1:
        return f"; it is a whole number of percent, such as {value * 100:.0f}"
    return ""


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


def _path_of(location: tuple[Any, ...]) -> str:
    """Convert pydantic's location to a setting's path, without the names of a union's branches and with rows by their position."""
    path, here = "", Settings
    for key in location:
        if isinstance(key, int):
            path, here = f"{path}[{key}]", _inside(here)
        elif _fields(here) is not None:
            path, here = f"{path}.{key}".lstrip("."), _annotation(here, key)
        elif get_origin(here) is abc.Mapping:
            path, here = f"{path}.{key}", get_args(here)[1]
    return path


def _fields(annotation: Any) -> Mapping[str, Any] | None:
    """The fields of a section's class; None for anything else."""
    return getattr(annotation, "model_fields", None)


def _annotation(section: Any, key: str) -> Any:
    field = (_fields(section) or {}).get(key)
    return None if field is None else field.annotation


def _inside(annotation: Any) -> Any:
    """The type of a tuple's items."""
    return next(iter(get_args(annotation)), None)


def _paths(section: Any = Settings, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Iterate over the paths of all settings."""
    for key, field in (_fields(section) or {}).items():
        yield (*above, key)
        yield from _paths(field.annotation, (*above, key))


def _unknown_part(path: str) -> str | None:
    """A message for a path that leads to no setting; None where it leads to one."""
    here, parent = Settings, ""
    for key in path.split("."):
        if _fields(here) is None:
            return None  # a key inside a table such as exposure_bands
        if key not in (_fields(here) or {}):
            return _known_there(parent, key)
        here, parent = _annotation(here, key), f"{parent}.{key}".lstrip(".")
    return None


def _known_there(parent: str, key: str) -> str:
    """A message with the keys of a section (of a long one those most similar to `key`) and the most similar key."""
    here: Any = Settings
    for part in filter(None, re.sub(r"\[\d+\]", ".[]", parent).split(".")):
        here = (
            get_args(here)[1]
            if get_origin(here) is abc.Mapping
            else _inside(here)
            if part == "[]"
            else _annotation(here, part)
        )
    known = sorted(_fields(here) or {})
    near = difflib.get_close_matches(key, known, 1)
    shown = known if len(known) <= _KEYS_SHOWN else difflib.get_close_matches(key, known, _KEYS_SHOWN, cutoff=0.0)
    rest = f" and {len(known) - len(shown)} more (docs/settings.md)" if len(shown) < len(known) else ""
    return f"known there: {', '.join(sorted(shown))}{rest}" + (f"; the nearest is {near[0]}" if near else "")
