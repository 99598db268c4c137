"""The settings tree: production by default, profiles that say what they shorten, errors that name the key."""

import datetime as dt
from collections import abc
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import annotated_types
import pytest

from orchestration.platform import PROFILES, Names
from resources.errors import SettingsError
from resources.settings import Settings
from resources.settings.base import Section
from resources.settings.load import flatten, load_profile

NAMES = sorted(path.stem for path in PROFILES.glob("*.toml"))


def test_the_shipped_profiles_are_these() -> None:
    assert NAMES == ["production", "sample", "summer_2015", "tiny"]


def test_production_is_the_defaults() -> None:
    profile = load_profile("production", PROFILES, {})
    assert profile.settings == Settings()
    assert profile.differences() == []


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_gives_a_reason_for_everything_it_changes(name: str) -> None:
    profile = load_profile(name, PROFILES, {})
    assert profile.description
    unexplained = [d["setting"] for d in profile.differences() if not d["reason"]]
    assert not unexplained
    changed = [d["setting"] for d in profile.differences()]
    assert all(any(f"{path}.".startswith(f"{key}.") for path in changed) for key in profile.shortens)


def test_an_unknown_key_is_named_with_the_known_ones(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[factors]\nwindw = 5\n", "utf-8")
    with pytest.raises(SettingsError, match=r"factors\.windw is no setting; known there: .*window"):
        load_profile(str(file), PROFILES, {})
    with pytest.raises(SettingsError, match=r"nonsense \(set by ZHOUBAO__NONSENSE in the environment\) is no setting"):
        load_profile("production", PROFILES, {"ZHOUBAO__NONSENSE": "1"})


def test_a_value_out_of_range_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"factors\.window \(set by ZHOUBAO__FACTORS__WINDOW in the environment\) = 0"
    ):
        load_profile("production", PROFILES, {"ZHOUBAO__FACTORS__WINDOW": "0"})


def test_a_file_extends_a_profile_and_the_environment_overrides_both(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[profile]\nextends = "sample"\n[factors]\nwindow = 5\nmin_days = 4\n', "utf-8")
    profile = load_profile(str(file), PROFILES, {"ZHOUBAO__FACTORS__MIN_DAYS": "3"})
    assert (profile.settings.factors.window, profile.settings.factors.min_days) == (5, 3)
    reasons = {d["setting"]: d["reason"] for d in profile.differences()}
    assert reasons["factors.min_days"] == "set by ZHOUBAO__FACTORS__MIN_DAYS in the environment"
    assert profile.settings.models == load_profile("sample", PROFILES, {}).settings.models


def test_an_unknown_profile_lists_the_known() -> None:
    with pytest.raises(SettingsError, match="Profiles: production, sample, summer_2015, tiny"):
        load_profile("weekly", PROFILES, {})


def test_every_setting_is_documented() -> None:
    def walk(section: type, path: str = "") -> None:
        for name, field in section.model_fields.items():
            if hasattr(field.annotation, "model_fields"):
                walk(field.annotation, f"{path}{name}.")
            else:
                assert field.description, f"{path}{name} has no description"

    walk(Settings)
    assert len(dict(flatten(Settings().model_dump()))) > 50


def leaves(section: type[Section] = Settings, path: str = "") -> Iterator[tuple[str, Any, list[Any]]]:
    """(path, plain type, constraints) of every value in the tree; of a tuple's, mapping's and union's parts one by one."""
    for name, field in section.model_fields.items():
        yield from parts(field.annotation, list(field.metadata), f"{path}{name}")


def parts(annotation: Any, metadata: list[Any], path: str) -> Iterator[tuple[str, Any, list[Any]]]:
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        yield from parts(inner, [*metadata, *(m for info in more for m in getattr(info, "metadata", [info]))], path)
    elif isinstance(annotation, type) and issubclass(annotation, Section):
        yield from leaves(annotation, f"{path}.")
    elif get_origin(annotation) in (tuple, Mapping, abc.Mapping):
        for one in set(get_args(annotation)) - {...}:
            yield from parts(one, [], f"{path}[]")
    elif get_origin(annotation) in (Union, UnionType):
        for one in get_args(annotation):
            yield from parts(one, metadata, path)
    else:
        yield path, annotation, metadata


def test_every_number_and_date_is_bounded_on_both_sides() -> None:
    numbers = [leaf for leaf in leaves() if leaf[1] in (int, float, dt.date)]
    assert len(numbers) > 100
    for path, _, metadata in numbers:
        low = any(isinstance(m, annotated_types.Ge | annotated_types.Gt) for m in metadata)
        high = any(isinstance(m, annotated_types.Le | annotated_types.Lt) for m in metadata)
        assert low, f"{path} has no lower bound"
        assert high, f"{path} has no upper bound"


def test_without_names_it_is_the_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Names.of().settings == "sample"
    monkeypatch.setenv("ZHOUBAO_MARKET", "elsewhere")
    assert Names.of().settings == "production"
