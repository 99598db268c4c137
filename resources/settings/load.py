"""How a settings tree is put together: production defaults, then a profile or file, then the environment.

Here: reading, merging, errors that name the key, and what differs from production. Not here: the settings themselves
(one module per section beside this one).
"""

import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from resources.errors import SettingsError
from resources.settings import Settings
from resources.settings.rulebook import KINDS

ENVIRONMENT_PREFIX = "ZHOUBAO__"


@dataclass(frozen=True)
class Profile:
    """A settings tree with its name, what it is for, and why each setting that differs from production does."""

    name: str
    description: str
    shortens: Mapping[str, str]
    settings: Settings

    def differences(self) -> list[dict[str, Any]]:
        """Every setting that is not SPEC's value: setting, value, production, reason.

        Without the rulebook's rows: which of them count depends on the day (resources/rulebook.py, describe_rulebook).
        """
        production = dict(flatten(_dump(Settings())))
        return [
            {"setting": path, "value": value, "production": production.get(path), "reason": self._reason(path)}
            for path, value in flatten(_dump(self.settings))
            if path not in production or production[path] != value
        ]

    def _reason(self, path: str) -> str:
        return next((why for prefix, why in self.shortens.items() if f"{path}.".startswith(f"{prefix}.")), "")

    def describe(self) -> dict[str, Any]:
        """What the report prints and stores of a run's settings."""
        return {
            "profile": {"name": self.name, "description": self.description, "shortens": dict(self.shortens)},
            "settings": _dump(self.settings),
            "differences": self.differences(),
        }


def load_profile(name_or_file: str, profiles: Path, environment: Mapping[str, str] | None = None) -> Profile:
    """The profile `profiles/<name>.toml`, or a settings file, under `ZHOUBAO__SECTION__KEY=value` of the environment.

    A file may build on a profile: `[profile] extends = "sample"`. Values of the environment are JSON, or plain text.
    """
    values, about = _read(name_or_file, profiles)
    for variable, text in sorted((os.environ if environment is None else environment).items()):
        if variable.startswith(ENVIRONMENT_PREFIX):
            path = variable.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
            _merge(values, _nest(path, _literal(text)))
            about["shortens"].setdefault(".".join(path), f"set by {variable} in the environment")
    # On top of the production tree, not of each class's defaults: a row such as portfolios.csi1000 has defaults of its own.
    tree = Settings().model_dump()
    _merge(tree, values)
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as error:
        raise SettingsError(_explain(error, name_or_file, about["shortens"])) from error
    return Profile(about["name"], about["description"], about["shortens"], settings)


def flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """("a.b.c", value) for every leaf of a tree of dictionaries."""
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _read(name_or_file: str, profiles: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    path = Path(name_or_file) if name_or_file.endswith(".toml") else profiles / f"{name_or_file}.toml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in profiles.glob("*.toml")))
        raise SettingsError(
            f"There is no profile or settings file {name_or_file!r}. Profiles: {known}; or name a .toml file."
        )
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is no valid TOML: {error}.") from error
    head = values.pop("profile", {})
    unknown = set(head) - {"name", "description", "extends", "shortens"}
    if unknown:
        raise SettingsError(f"{path}: [profile] has the unknown key {', '.join(sorted(unknown))}.")
    about = {
        "name": head.get("name", path.stem),
        "description": head.get("description", ""),
        "shortens": dict(head.get("shortens", {})),
    }
    if "extends" in head:
        try:
            base, base_about = _read(head["extends"], profiles)
        except SettingsError as error:
            raise SettingsError(f"{path} extends {head['extends']!r}: {error}") from error
        _merge(base, values)
        values = base
        about["shortens"] = {**base_about["shortens"], **about["shortens"]}
    return values, about


def _dump(settings: Settings) -> dict[str, Any]:
    """The tree in JSON's types, without what the rulebook says of single days."""
    return settings.model_dump(mode="json", exclude={"rulebook": {*KINDS, "reviewed"}})


def _merge(base: dict[str, Any], over: Mapping[str, Any], path: tuple[str, ...] = ()) -> None:
    """Put `over` on top of `base`: values take the place of values, rows of the rulebook are added to rows."""
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(base.get(key), dict):
            _merge(base[key], value, (*path, key))
        elif path == ("rulebook",) and key in KINDS and isinstance(value, list):
            base[key] = [*base.get(key, ()), *value]
        else:
            base[key] = value


def _nest(path: list[str], value: Any) -> dict[str, Any]:
    return {path[0]: _nest(path[1:], value) if len(path) > 1 else value}


def _literal(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _explain(error: ValidationError, source: str, origins: Mapping[str, str]) -> str:
    lines = []
    for problem in error.errors():
        path = ".".join(map(str, problem["loc"]))
        if "in the environment" in origins.get(path, ""):
            path = f"{path} ({origins[path]})"
        if problem["type"] == "extra_forbidden":
            lines.append(f"{path} is no setting; known there: {', '.join(_known_keys(problem['loc'][:-1]))}")
        else:
            lines.append(f"{path} = {problem['input']!r}: {problem['msg']}")
    return f"Settings {source!r}: " + "; ".join(lines) + ". Correct or remove the key."


def _known_keys(path: tuple[Any, ...]) -> list[str]:
    section: Any = Settings
    for key in path:
        field = section.model_fields.get(key) if hasattr(section, "model_fields") else None
        if field is None:
            return []
        section = field.annotation
    return sorted(getattr(section, "model_fields", {}))
