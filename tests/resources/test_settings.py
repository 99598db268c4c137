"""The settings tree: production by default, profiles with a reason for each change, errors that name the key."""

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
from resources.named import PATH
from resources.settings import Settings
from resources.settings.base import Section
from resources.settings.load import Profile, code_paths, flatten, load_profile

NAMES = sorted(path.stem for path in PROFILES.glob("*.toml"))


def test_the_documents_name_every_shipped_profile() -> None:
    root = PROFILES.parents[1]
    pages = (root / "README.md", *(root / "docs").glob("*.md"))
    text = "".join(page.read_text("utf-8") for page in pages)
    assert {"production", "sample", "tiny"} <= set(NAMES)
    assert all(f"`{name}`" in text for name in NAMES)


def test_production_is_the_defaults() -> None:
    profile = load_profile("production", PROFILES, {})
    assert profile.settings == Settings()
    assert profile.differences() == []


@pytest.mark.parametrize(
    "change",
    [
        {"ZHOUBAO__MODELS__GRU_50_1__THREADS": "7", "ZHOUBAO__MODELS__GRU_50_2__DEVICE": "cuda:3"},
        {"ZHOUBAO__EXECUTION__ENGINE": "processes", "ZHOUBAO__LAKE__HEARTBEAT_SECONDS": "20"},
        {"ZHOUBAO__ALERTS__LANGUAGE": "en"},
    ],
)
def test_settings_that_only_affect_execution_do_not_change_the_description_of_a_run(change: dict[str, str]) -> None:
    usual, changed = (load_profile("sample", PROFILES, one) for one in ({}, change))
    assert changed.settings != usual.settings
    assert changed.describe() == usual.describe()
    other = load_profile("sample", PROFILES, {"ZHOUBAO__FACTORS__CLIP_STD": "2.5"}).describe()
    assert other["profile"]["shortens"]["factors.clip_std"].endswith("in the environment")
    assert len(other["differences"]) == len(usual.differences()) + 1


def unexplained(profile: Profile) -> tuple[set[str], set[str]]:
    """Changed settings without a reason, and reasons for settings that are not changed. Threads and the like need none."""
    default, own = (dict(flatten(one.decisive())) for one in (Settings(), profile.settings))
    changed = {path for path in own if path not in default or own[path] != default[path]}
    stated = {one["setting"]: one["reason"] for one in profile.differences()}
    assert set(stated) == {path for path in changed if not path.startswith("rulebook.")}
    return {path for path, reason in stated.items() if not reason.strip()}, {
        reason for reason in profile.shortens if not any(f"{path}.".startswith(f"{reason}.") for path in changed)
    }


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"production"}))
def test_a_profile_gives_a_reason_for_everything_it_changes(name: str) -> None:
    profile = load_profile(name, PROFILES, {})
    assert profile.description
    assert profile.differences()
    assert unexplained(profile) == (set(), set())


def test_a_change_without_a_reason_and_a_reason_without_a_change_are_found(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        '[profile]\nextends = "tiny"\n[profile.shortens]\n"factors.clip_std" = "an example of none"\n'
        "[reference]\nmin_st_names = 3\n",
        "utf-8",
    )
    profile = load_profile(str(tmp_path / "mine.toml"), PROFILES, {})
    assert unexplained(profile) == ({"reference.min_st_names"}, {"factors.clip_std"})


def test_an_unknown_key_is_named_with_the_known_ones(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[factors]\nwindw = 5\n", "utf-8")
    with pytest.raises(SettingsError, match=r"factors\.windw is no setting; known there: .*window"):
        load_profile(str(file), PROFILES, {})
    with pytest.raises(SettingsError, match=r"factors\.windw .*; the nearest is window"):
        load_profile("production", PROFILES, {"ZHOUBAO__FACTORS__WINDW": "5"})
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
    """(path, plain type, constraints) of every value in the tree, including the parts of tuples, mappings and unions."""
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


def test_the_sample_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Names.of().settings == "sample"
    monkeypatch.setenv("ZHOUBAO_MARKET", "elsewhere")
    assert Names.of().settings == "production"


FILES: dict[str, tuple[bytes, str]] = {
    "UTF-16": ("[factors]\nwindow = 5\n".encode("utf-16"), "is no UTF-8 text, but UTF-16"),
    "UTF-16 without a mark": ("[factors]\nwindow = 5\n".encode("utf-16-le"), "is no UTF-8 text, but UTF-16"),
    "GBK": ("[factors]\nwindow = 12  # 交易日\n".encode("gbk"), "line 2 holds the byte 0xbd, as text in GBK does"),
    "a Parquet file": (b"PAR1\x15\x04\x15\x00\x00", "no text at all"),
    "no TOML": (b"window: 5", "is no valid TOML"),
    "a key twice": (b"[factors]\nwindow = 5\nwindow = 6\n", "is no valid TOML: .*line 3"),
    "a table twice": (b"[factors]\nwindow = 5\n[factors]\nmin_days = 3\n", "is no valid TOML"),
    "a table nested a thousand deep": (b"a = " + b"[" * 5000 + b"]" * 5000, "is no valid TOML"),
    "a number of ten thousand digits": (b"[factors]\nwindow = " + b"9" * 10_000, "is no valid TOML"),
    "profile is no table": (b"profile = 3", r"profile = 3 must be a table, \[profile\]"),
    "profiles": (b"[[profile]]\nname = 'x'", r"must be a table, \[profile\]"),
    "an unknown key of the profile": (
        b"[profile]\nextend = 'sample'",
        "unknown key extend; known there: name, .*extends",
    ),
    "a name that is none": (b"[profile]\nname = 3", "profile.name = 3 must be a text"),
    "extends a list": (b"[profile]\nextends = ['sample']", r"profile.extends = \['sample'\] must be a text"),
    "extends nothing": (b"[profile]\nextends = ''", "profile.extends = '' must be a text"),
    "extends itself": (b"[profile]\nextends = 'mine.toml'", r"mine.toml extends itself: .*mine.toml → .*mine.toml"),
    "extends what is not there": (
        b"[profile]\nextends = 'smple'",
        "extends 'smple': There is no .*did you mean sample?",
    ),
    "reasons that are none": (b"[profile]\nshortens = ['factors']", "holds reasons, one text for a setting"),
    "a reason that is none": (b"[profile.shortens]\n'factors.window' = 5", "holds reasons, one text for a setting"),
    "a reason for no setting": (
        b"[profile.shortens]\n'factors.windw' = 'x'",
        "for factors.windw, which is no setting.*window",
    ),
    "a section that is a value": (b"factors = 5", r"factors = 5 is a section, \[factors\], and takes no value"),
    "a section that is a list": (b"[[factors]]\nwindow = 5", "factors = .* is a section"),
    "a value that is a section": (b"[factors.window]\ndays = 5", "factors.window: Input should be a valid integer"),
    "a number as text": (b"[factors]\nwindow = '5'", "factors.window = '5': Input should be a valid integer"),
    "a whole number with a point": (
        b"[factors]\nwindow = 5.0",
        "factors.window = 5.0: Input should be a valid integer",
    ),
    "a truth for a number": (b"[factors]\nwindow = true", "factors.window = True: Input should be a valid integer"),
    "a number for a truth": (b"[factors]\ndrop_flat_days = 1", "drop_flat_days = 1: Input should be a valid boolean"),
    "nan": (b"[bars]\nlarge_order_std = nan", "bars.large_order_std = nan: Input should be a finite number"),
    "inf": (b"[bars]\nlarge_order_std = -inf", "bars.large_order_std = -inf: Input should be a finite number"),
    "a style twice": (b"[models.gru_50_1]\northogonalise_on = ['size', 'size']", "orthogonalise_on names size twice"),
    "more days than the window": (b"[factors]\nwindow = 5", "min_days = 10 is more than window = 5"),
}


@pytest.mark.parametrize("name", FILES)
def test_an_impossible_file_is_an_error_that_names_the_key(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, message = FILES[name]
    (tmp_path / "mine.toml").write_bytes(data)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=message) as refused:
        load_profile("mine.toml", PROFILES, {})
    assert "mine.toml" in str(refused.value)


def test_files_that_extend_each_other_in_a_circle_are_an_error(tmp_path: Path) -> None:
    for one, other in (("a", "b"), ("b", "c"), ("c", "b")):
        (tmp_path / f"{one}.toml").write_text(f'[profile]\nextends = "{other}.toml"\n', "utf-8")
    with pytest.raises(SettingsError, match=r"b.toml extends itself: \S+b.toml → \S+c.toml → \S+b.toml"):
        load_profile(str(tmp_path / "a.toml"), PROFILES, {})


def test_a_file_extends_one_beside_it_and_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_bytes(b"\xef\xbb\xbf[factors]\r\nwindow = 15\r\n")
    (tmp_path / "mine.toml").write_text('[profile]\nextends = "base.toml"\n[factors]\nmin_days = 4\n', "utf-8")
    settings = load_profile(str(tmp_path / "mine.toml"), PROFILES, {}).settings
    assert (settings.factors.window, settings.factors.min_days) == (15, 4)


def test_another_file_than_a_settings_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "mine.txt").write_text("", "utf-8")
    for name, message in (
        (str(tmp_path / "folder.toml"), "is a folder"),
        (str(tmp_path / "mine.txt"), "does not end in .toml"),
        (str(tmp_path / "none.toml"), "There is no profile or settings file"),
        ("x" * 5000, "cannot be opened|There is no profile"),
        ("productoin", r"did you mean production\?"),
    ):
        with pytest.raises(SettingsError, match=message):
            load_profile(name, PROFILES, {})


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("ZHOUBAO_MARKT", "x", "ZHOUBAO_MARKT is not known.*the nearest is ZHOUBAO_MARKET"),
        ("ZHOUBAO_FACTORS__WINDOW", "5", "is not known.*the nearest is ZHOUBAO__FACTORS__WINDOW"),
        ("zhoubao__factors__window", "5", "is not known.*the nearest is ZHOUBAO__FACTORS__WINDOW"),
        ("ZHOUBAO", "x", "ZHOUBAO is not known"),
        ("ZHOUBAO__", "x", "ZHOUBAO__ is not known"),
        ("ZHOUBAO__FACTORS__", "5", "ZHOUBAO__FACTORS__ is not known"),
        ("ZHOUBAO__FACTORS____WINDOW", "5", "is not known.*the nearest is ZHOUBAO__FACTORS__WINDOW"),
        ("ZHOUBAO__FACTORS__WINDOW", "", r"factors.window \(set by .*\) = '': Input should be a valid integer"),
        ("ZHOUBAO__FACTORS__WINDOW", '"5"', "factors.window .* = '5': Input should be a valid integer"),
        ("ZHOUBAO__FACTORS__WINDOW", "null", "factors.window .* = None: Input should be a valid integer"),
        ("ZHOUBAO__BARS__LARGE_ORDER_STD", "NaN", "large_order_std .* = nan: Input should be a finite number"),
        ("ZHOUBAO__BARS__LARGE_ORDER_STD", "1e999", "large_order_std .* = inf: Input should be a finite number"),
        ("ZHOUBAO__FACTORS", "5", r"factors \(set by .*\) = 5 is a section"),
        ("ZHOUBAO__FACTORS", '{"window": 12, "window": 13}', "names window twice"),
        ("ZHOUBAO__FACTORS__WINDOW", "[" * 100_000, "Input should be a valid integer"),
        ("ZHOUBAO__FACTORS__WINDOW", "9" * 100_000, "Input should be a valid integer"),
        ("ZHOUBAO__REPORT__LANGUAGE", "\udcb5", "bytes that are no UTF-8"),
    ],
)
def test_an_impossible_variable_is_an_error_that_names_it(variable: str, value: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as refused:
        load_profile("production", PROFILES, {variable: value})
    assert len(str(refused.value)) < 1000


def test_two_variables_of_one_setting_are_refused() -> None:
    with pytest.raises(
        SettingsError, match=r"ZHOUBAO__FACTORS__WINDOW and ZHOUBAO__factors__window .* both set factors.window"
    ):
        load_profile("production", PROFILES, {"ZHOUBAO__FACTORS__WINDOW": "15", "ZHOUBAO__factors__window": "16"})


def test_the_names_of_places_are_no_settings_and_a_whole_section_may_be_set() -> None:
    names = dict.fromkeys(("ZHOUBAO_MARKET", "ZHOUBAO_LAKE", "ZHOUBAO_SETTINGS"), "x")
    other = {"PATH": "/bin", "ZHOU": "1", "ZHOUBAO__FACTORS": '{"window": 15}', "ZHOUBAO__FACTORS__MIN_DAYS": "7"}
    factors = load_profile("production", PROFILES, names | other).settings.factors
    assert (factors.window, factors.min_days) == (15, 7)
    dates = {"ZHOUBAO__PORTFOLIOS__START": "2023-01-02", "ZHOUBAO__REPORT__CHART_START": '"2015-01-01"'}
    assert load_profile("production", PROFILES, dates).settings.portfolios.start == dt.date(2023, 1, 2)


def test_a_tilde_is_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home-of-a-test")
    names = Names.of("~/market", "~/lake", "~/mine.toml")
    assert names == Names("/home-of-a-test/market", "/home-of-a-test/lake", "/home-of-a-test/mine.toml")
    monkeypatch.setenv("ZHOUBAO_MARKET", "~/market")
    assert Names.of(lake="s3://bucket/~lake", settings="sample") == Names(
        "/home-of-a-test/market", "s3://bucket/~lake", "sample"
    )


OWN_RULE = """
[[rulebook.price_limits]]
since = 2027-01-04
boards = [{boards}]
percent = {percent}
source = "a test"
"""


@pytest.mark.parametrize(
    ("text", "expected", "unexpected"),
    [
        (
            OWN_RULE.format(boards='"STAR"', percent="0.3"),
            (
                "rulebook.price_limits: boards[0] of your row 1 (since 2027-01-04, STAR) = 'STAR'",
                "did you mean star?",
                "percent of your row 1 (since 2027-01-04, STAR) = 0.3",
                "a whole number of percent, such as 30",
                "st_percent of your row 1 (since 2027-01-04, STAR) is missing: add the key",
            ),
            ("at least 1 item", "price_limits[", "Field required"),
        ),
        (
            OWN_RULE.format(boards='"star"', percent="30") * 2,
            (
                "st_percent of your row 1 (",
                "st_percent of your row 2 (since 2027-01-04, star) is missing: add the key.",
            ),
            ("Correct or remove",),
        ),
        (OWN_RULE.format(boards="", percent="30"), ("your row 1 (since 2027-01-04) = []", "at least 1 item"), ()),
        ("[rulebook]\nlots = [5]", ("rulebook.lots: your row 1 = 5: a row must be a table of keys",), ("lots[",)),
        (
            '[landing.index_weights]\nweight_unit = "percent"',
            ("landing.index_weights is no setting; it is declared in landing.indices. Correct",),
            (),
        ),
        ('[landing.bars]\nvolume_unit = "Lots"', ("landing.bars.volume_unit = 'Lots'", "did you mean lots?"), ()),
    ],
)
def test_an_error_names_the_row_of_the_file_and_what_was_meant(
    tmp_path: Path, text: str, expected: tuple[str, ...], unexpected: tuple[str, ...]
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as refused:
        load_profile(str(file), PROFILES, {})
    for words in expected:
        assert words in str(refused.value)
    for words in unexpected:
        assert words not in str(refused.value)


NAMED = {
    "factors.extra_factors": ("ZHOUBAO__FACTORS__EXTRA_FACTORS", '["os:system"]'),
    "ticks.extra_layouts": ("ZHOUBAO__TICKS__EXTRA_LAYOUTS", '["os:system"]'),
    "portfolios.extra_constraints": ("ZHOUBAO__PORTFOLIOS__EXTRA_CONSTRAINTS", '["assets.a:b", "os.path:join"]'),
    "portfolios.covariance": ("ZHOUBAO__PORTFOLIOS__COVARIANCE", "os:system"),
    "models.gru_50_1.network": ("ZHOUBAO__MODELS__GRU_50_1__NETWORK", "os:system"),
}


@pytest.mark.parametrize("setting", NAMED)
def test_code_is_named_only_of_listed_packages(setting: str) -> None:
    variable, value = NAMED[setting]
    for listed in ({}, {"ZHOUBAO_CODE_PACKAGES": "desk, examples"}, {"ZHOUBAO_CODE_PACKAGES": "os.path"}):
        with pytest.raises(
            SettingsError, match=rf"{setting} = 'os.*of the package 'os'.*ZHOUBAO_CODE_PACKAGES=.*\bos in the"
        ):
            load_profile("production", PROFILES, {variable: value, **listed})
    settings = load_profile("production", PROFILES, {variable: value, "ZHOUBAO_CODE_PACKAGES": "desk, os"}).settings
    assert [path for path, _ in code_paths(settings)] == [setting] * value.count(":")


def test_every_setting_that_names_code_is_known() -> None:
    """No field with a path of code is outside the list above, also where no section has a value for it."""

    def fields(section: type[Section], above: str) -> Iterator[str]:
        for key, field in section.model_fields.items():
            inner = field.annotation
            if isinstance(inner, type) and issubclass(inner, Section):
                yield from fields(inner, f"{above}{key}.")
            elif repr(PATH)[1:-1] in repr(field):
                yield f"{above}{key}"

    found = set(fields(Settings, ""))
    assert {path for path in found if not path.startswith("models.")} | {"models.gru_50_1.network"} == set(NAMED)
    assert {path.rpartition(".")[2] for path in found if path.startswith("models.")} == {"network"}
