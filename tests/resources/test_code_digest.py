"""The code digest: what decides a figure changes it, wording and what is not used do not."""

import importlib
import re
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from assets.catalogue import MODELS, NETWORKS
from orchestration.platform import PROFILES
from orchestration.tables import load_tables
from resources import code_digest
from resources.builder import Builder
from resources.code_digest import definitions
from resources.settings.load import load_profile

Files = Mapping[str, str]

DESK: Files = {
    "__init__.py": "",
    "make.py": '''
"""A table of a desk."""

from math import exp

from .sums import Window, add, LIMIT
import desk.kinds as kinds


def make(date, progress, window: "Window"):
    """Makes it."""
    progress(f"making {date}")
    kinds.SEEN.append(1)
    if date is None:
        raise ValueError("no date was named")
    return add(exp(LIMIT), kinds.chosen(date)) + window.length()


def unused():
    return add(1, 2)
''',
    "sums.py": '''
from desk.numbers import ONE

LIMIT = ONE + 1  # a limit
TABLE = {"a": 1}
TABLE["b"] = 2


def twice(function):
    return lambda *values: 2 * function(*values)


@twice
def add(a, b=ONE):
    from desk.late import shift

    return shift(a) + b


class Window:
    """Days."""

    days: int = 5

    def length(self):
        return self.days * other()


def other():
    return 7


def of_nobody():
    return 8
''',
    "numbers.py": "ONE = 1\nTWO = 2\n",
    "late.py": "def shift(value):\n    return value + 1\n",
    "kinds.py": "SEEN = []\n\n\ndef chosen(date):\n    return 3\n\n\ndef other_kind(date):\n    return 4\n",
    "apart.py": "X = 1\n",
    "templates/page.txt": "a page",
}


@pytest.fixture
def digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Files], str]:
    """The digest of desk.make:make, for a package `desk` of these files."""
    monkeypatch.syspath_prepend(tmp_path)

    def of(files: Files) -> str:
        for path in sorted((tmp_path / "desk").rglob("*.*")):
            path.unlink()
        for name, text in files.items():
            path = tmp_path / "desk" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        code_digest.clear_caches()
        importlib.invalidate_caches()
        return code_digest.code_digest("desk.make:make")

    return of


def edited(name: str, old: str, new: str) -> Files:
    assert DESK[name].count(old) == 1, (name, old)
    return {**DESK, name: DESK[name].replace(old, new)}


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("make.py", '"""A table of a desk."""', '"""Another sentence."""'),
        ("make.py", '"""Makes it."""', '"""Makes the table."""'),
        ("make.py", 'progress(f"making {date}")', 'progress(f"{date} is being made")'),
        ("make.py", 'progress(f"making {date}")\n    ', ""),
        ("make.py", '"no date was named"', '"name a date", date'),
        ("make.py", "return add(1, 2)", "return add(2, 2)"),
        ("make.py", "\n\ndef unused", "\n# a comment\n\n\ndef unused"),
        ("sums.py", "  # a limit", ""),
        ("sums.py", '"""Days."""', '"""Trading days."""'),
        ("sums.py", "return 8", "return 9"),
        ("numbers.py", "TWO = 2", "TWO = 3"),
        ("kinds.py", "return 4", "return 5"),
        ("apart.py", "X = 1", "X = 2"),
    ],
)
def test_wording_and_what_is_not_used_change_nothing(
    digest: Callable[[Files], str], name: str, old: str, new: str
) -> None:
    assert digest(edited(name, old, new)) == digest(DESK)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("make.py", "+ window.length()", "- window.length()"),
        ("make.py", "if date is None:", "if not date:"),
        (
            "make.py",
            "kinds.SEEN.append(1)",
            "kinds.SEEN.append(2)",
        ),  # nothing is done with what it returns, and yet it counts
        ("make.py", "raise ValueError(", "raise TypeError("),
        ("make.py", "from math import exp", "from numpy import exp"),
        ("make.py", "kinds.chosen(date)", "kinds.other_kind(date)"),
        ("make.py", "import desk.kinds as kinds", "import desk.numbers as kinds"),
        ("sums.py", "LIMIT = ONE + 1", "LIMIT = ONE + 2"),
        ("sums.py", 'TABLE["b"] = 2', 'TABLE["b"] = 3'),
        ("sums.py", "return lambda *values: 2", "return lambda *values: 3"),
        ("sums.py", "@twice\n", ""),
        ("sums.py", "shift(a) + b", "shift(a) - b"),
        ("sums.py", "from desk.late import shift", "from desk.numbers import ONE as shift"),
        ("sums.py", "days: int = 5", "days: int = 6"),  # found through the quoted annotation
        ("sums.py", "return 7", "return 8"),
        ("numbers.py", "ONE = 1", "ONE = 2"),
        ("late.py", "value + 1", "value + 2"),
        ("kinds.py", "return 3", "return 4"),
        ("templates/page.txt", "a page", "another page"),
    ],
)
def test_what_decides_a_figure_changes_it(digest: Callable[[Files], str], name: str, old: str, new: str) -> None:
    assert digest(edited(name, old, new)) != digest(DESK)


def test_a_definition_may_move(digest: Callable[[Files], str]) -> None:
    moved = {
        **edited("sums.py", "from desk.late import shift", "from desk.far.shifts import shift"),
        "far/__init__.py": "",
        "far/shifts.py": DESK["late.py"],
    }
    del moved["late.py"]
    assert digest(moved) == digest(DESK)


def test_two_definitions_that_change_their_names_are_seen(digest: Callable[[Files], str]) -> None:
    swapped = DESK["kinds.py"].replace("chosen", "_").replace("other_kind", "chosen").replace("_(", "other_kind(")
    assert digest({**DESK, "kinds.py": swapped}) != digest(DESK)


def test_what_runs_on_import_counts_even_where_no_name_is_used(digest: Callable[[Files], str]) -> None:
    quiet = edited("kinds.py", "def chosen", "import desk.apart\n\n\ndef chosen")
    loud = {**quiet, "apart.py": "from desk import sums\n\nsums.TABLE['c'] = 1\n"}
    louder = {**quiet, "apart.py": "from desk import sums\n\nsums.TABLE['c'] = 2\n"}
    assert digest(quiet) == digest(DESK)
    assert len({digest(DESK), digest(loud), digest(louder)}) == 3


def test_a_module_that_is_passed_on_counts_whole(digest: Callable[[Files], str]) -> None:
    passed = edited("make.py", "kinds.chosen(date)", "getattr(kinds, 'chosen')(date)")
    other = {**passed, "kinds.py": DESK["kinds.py"].replace("return 4", "return 5")}
    assert digest(passed) != digest(other)


def test_of_the_platform_it_covers_what_is_called_and_no_more() -> None:
    code_digest.clear_caches()
    covered = definitions("assets.factors.make_factors:make_factors")
    assert "assets.factors.cross_section:zscore" in covered
    assert not [one for one in covered if one.startswith(("assets.models", "assets.bars", "resources.landing"))]
    assert code_digest.code_digest("assets.factors.make_styles:make_styles") != code_digest.code_digest(
        "assets.factors.make_factors:make_factors"
    )


def test_a_model_counts_the_network_that_its_settings_choose_and_no_other() -> None:
    code_digest.clear_caches()
    covered = set(definitions("assets.models.make_model:make_model"))
    assert "assets.models.networks:initialise" in covered
    networks = set(NETWORKS.values())
    assert not covered & networks
    own = {path: set(definitions(path)) - covered for path in networks}
    assert all(networks & inner == {path} for path, inner in own.items())
    assert "assets.models.networks:AdditiveAttention" in own[NETWORKS["attention_gru"]]
    assert "assets.models.networks:AdditiveAttention" not in own[NETWORKS["gru"]]


@pytest.fixture(scope="module")
def used() -> dict[str, set[str]]:
    """Table → the libraries whose versions are part of its partitions' versions, under the default settings."""
    code_digest.clear_caches()
    settings, tables = load_profile("production", PROFILES, {}).settings, load_tables()
    builder = Builder(tables=tables, lake=None, zone=None, calendar=None, settings=settings)
    return {name: set(builder.libraries(table)) for name, table in builder.tables.items()}


def test_the_libraries_that_decide_a_table_are_part_of_its_version(used: dict[str, set[str]]) -> None:
    kernels, solvers = {"numba", "llvmlite", "numpy"}, {"cvxpy", "clarabel", "highspy", "scipy", "numpy"}
    assert all("polars" in one for one in used.values())
    for table in ("trades", "minute_bars", "day_indicators", "bar_features", "daily_features"):
        assert kernels <= used[table]
    for table in (*MODELS, "scores"):
        assert {"torch", "safetensors", *kernels} <= used[table]
    for table in ("csi500_portfolio", "csi1000_portfolio", "portfolio_lines"):
        assert solvers <= used[table]
    assert {"fontTools", "jinja2", "pylopdf_fonts_zh_cn", "typst", "vl_convert", "xlsxwriter"} <= used["report"]
    assert used["factors"] == {"numpy", "polars"}
    assert not [
        name for name, one in used.items() if "torch" in one and name not in (*MODELS, "scores", "offset_scores")
    ]


def test_every_dependency_decides_content_or_is_known_to_decide_none(used: dict[str, set[str]]) -> None:
    """A new dependency of pyproject.toml is found in the code of a table, or is listed here with what it is used for."""
    project = tomllib.loads((code_digest.ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    named = {re.match(r"[\w-]+", one)[0].replace("-", "_") for one in project}
    found = {code_digest.DISTRIBUTIONS.get(name, name).replace("-", "_") for one in used.values() for name in one}
    elsewhere = {
        "dagster", "dagster_graphql", "dagster_webserver",  # order and record the work
        "great_expectations", "pandas",  # judge what is made
        "exchange_calendars", "filelock", "fsspec", "pydantic", "s3fs",  # see DECIDE_NOTHING
    }  # fmt: skip
    assert named - found == elsewhere


def test_a_library_of_a_desk_is_found(digest: Callable[[Files], str]) -> None:
    digest(edited("make.py", "from math import exp", "from scipy.special import exp2 as exp\nimport xarray_of_nobody"))
    assert set(code_digest.libraries("desk.make:make")) == {"polars", "scipy"}
    digest(DESK)
    assert set(code_digest.libraries("desk.make:make")) == {"polars"}
    assert code_digest.libraries("desk_of_nobody.risk:two").keys() == {"polars"}


def test_of_no_module_it_is_the_digest_of_nothing() -> None:
    assert "desk" not in sys.modules  # sources are read, never run
    assert code_digest.code_digest("desk_of_nobody.risk:two") == code_digest.code_digest("desk_of_nobody.far:three")


# --- what earlier processes computed --------------------------------------------------------------------------------------


@pytest.fixture
def parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The modules that are parsed, with an empty cache of the user."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found: list[str] = []
    source = code_digest._source

    def _source(module: str) -> Path:
        found.append(module)
        return source(module)

    monkeypatch.setattr(code_digest, "_source", _source)
    return found


def test_a_later_process_parses_nothing_unless_a_source_has_changed(
    digest: Callable[[Files], str], parsed: list[str]
) -> None:
    first = digest(DESK)
    assert parsed
    packages = code_digest.libraries("desk.make:make")
    parsed.clear()
    assert digest(DESK) == first
    assert code_digest.libraries("desk.make:make") == packages
    assert parsed == []
    assert digest(edited("numbers.py", "TWO = 2", "TWO = 3")) == first  # it is not used
    assert parsed
    assert digest(edited("numbers.py", "ONE = 1", "ONE = 3")) != first
    assert digest({**DESK, "templates/page.txt": "another page"}) != first
    assert digest(DESK) == first


@pytest.mark.parametrize(
    "kept", ["", "[]", "{", '{"desk.make:make": 3}', '{"desk.make:make": {"digest": "x"}}', "\udcff"]
)
def test_a_damaged_memory_of_digests_costs_only_time(
    digest: Callable[[Files], str], parsed: list[str], tmp_path: Path, kept: str
) -> None:
    first = digest(DESK)
    (tmp_path / "cache" / "zhoubao" / "code_digests.json").write_text(kept, errors="surrogateescape")
    assert digest(DESK) == first


def test_nothing_is_remembered_without_a_home(
    digest: Callable[[Files], str], parsed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("HOME", raising=False)
    digest(DESK)
    parsed.clear()
    digest(DESK)
    assert parsed
