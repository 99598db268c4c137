"""The guides are complete: their blocks are run or name the tests that cover them, and their messages are those of the code."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from orchestration.platform import PROFILES
from resources import errors
from resources.reason_words import WORDS
from resources.reasons import Code
from resources.settings.load import load_profile
from tests.house.guides import (
    GAP,
    GUIDES,
    OPERATIONS,
    ROOT,
    RUN,
    Block,
    messages,
    names_a_test,
    read_blocks,
    rows,
)
from tests.house.test_documents import documents

LANGUAGES = {*RUN, "toml", "yaml", "text", ""}
TABLES = (
    "Settings and arguments",
    "The landing zone",
    "Partitions that are not ready",
    "The lake and its writer",
    "Alerts, gates and Dagster",
)
PLAN = {  # codes of a plan that state why a partition is built, and stop nothing
    "forced", "not_built", "settings_changed", "code_changed", "libraries_changed", "libraries_unknown", "declaration_changed",
    "landing_changed", "input_changed", "input_new", "input_gone", "input_again", "inputs_again",
}  # fmt: skip
OWN = ("stale", "builder", "making", "lake", "gate")  # the modules of resources/ whose codes stop partitions


def declared(module: str) -> set[str]:
    """The names of the codes that a module of resources/ declares."""
    tree = ast.parse((ROOT / "resources" / f"{module}.py").read_text("utf-8"))
    calls = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == Code.__name__
    ]
    return {node.args[0].value for node in calls if isinstance(node.args[0], ast.Constant)}


@pytest.mark.parametrize("block", [block for guide in GUIDES for block in read_blocks(guide)], ids=str)
def test_a_block_is_run_or_names_the_tests_that_cover_it(block: Block, tmp_path: Path) -> None:
    assert block.language in LANGUAGES
    assert [name for name in block.tests if not names_a_test(name)] == []
    if block.language == "toml":
        own = tmp_path / "desk.toml"
        own.write_text(block.text if "[profile]" in block.text else f'[profile]\nextends = "production"\n{block.text}')
        load_profile(str(own), PROFILES, {"ZHOUBAO_CODE_PACKAGES": "desk, examples"})
    if not block.language:
        assert block.tests or "python -m" not in block.text


def test_no_command_is_outside_of_a_block() -> None:
    for guide in GUIDES:
        outside = re.sub(r"^```.*?^```", "", guide.read_text("utf-8"), flags=re.M | re.S)
        assert re.findall(r"^    (?:python -m|[A-Z_]+=\S+ python -m) .*", outside, re.M) == [], guide.name


def options(module: str) -> set[str]:
    """The options that a module of the project declares, by itself or by `add_names` of orchestration/platform.py."""
    path = ROOT.joinpath(*module.split("."))
    text = (path.with_suffix(".py") if path.with_suffix(".py").exists() else path / "__main__.py").read_text("utf-8")
    shared = "add_names(parser)" in text and module != "orchestration.platform"
    calls = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_argument"
    ]
    own = {one.value for call in calls for one in call.args if isinstance(one, ast.Constant)}
    return own | {"--help"} | (options("orchestration.platform") if shared else set())


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_in_the_text_have_these_options(path: Path) -> None:
    """The options of orchestration.ui are those of Dagster's own commands."""
    named = re.findall(r"python -m ((?:orchestration|sample_market)\b[\w.]*)([^`\n#]*)", path.read_text("utf-8"))
    if path.name == "CHANGELOG.md":
        return
    for module, rest in named:
        if module != "orchestration.ui":
            assert set(re.findall(r"(?<= )--[\w-]+", rest)) <= options(module), f"python -m {module}{rest}"


@pytest.mark.parametrize("heading", TABLES)
def test_a_listed_message_is_one_of_the_code(heading: str) -> None:
    listed = rows(OPERATIONS, heading)
    assert len(listed) >= 4
    for message, raised, cause, remedy in listed:
        begins = message.strip("`").removesuffix(GAP).strip()
        known = messages(raised.strip("`"))
        assert any(re.sub(f"{GAP}+", GAP, one).startswith(begins) for one in known), f"{message} is no {raised}"
        assert cause
        assert remedy


def test_a_message_that_is_gone_would_be_found() -> None:
    assert not any(one.startswith("There is no sea at") for one in messages("NotReadyError"))
    assert any(one.startswith(f"There is no lake at {GAP}") for one in messages("NotReadyError"))
    assert not any(one.startswith("There is no lake at") for one in messages("MachineError"))


def test_every_kind_of_error_has_an_entry() -> None:
    kinds = {name for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, Exception)}
    listed = {
        cells[0].strip("`") for cells in rows(OPERATIONS, "Troubleshooting") if re.fullmatch(r"`\w+Error`", cells[0])
    }
    assert kinds == listed
    raised = {cells[1].strip("`") for heading in TABLES for cells in rows(OPERATIONS, heading)}
    assert kinds - {errors.ZhoubaoError.__name__} <= raised


def test_every_code_that_stops_a_partition_has_an_entry() -> None:
    """Of the checks' own codes, `check_failed` contains the others; those of the stages are in its words."""
    listed = {cells[0].strip("`"): cells[1].strip("`") for cells in rows(OPERATIONS, "Reasons of a partition")}
    own = {module: declared(module) for module in OWN}
    assert own["stale"] - PLAN <= set(listed)
    assert own["stale"] >= PLAN
    assert own["builder"] | own["making"] | own["lake"] <= set(listed)
    assert "check_failed" in own["gate"] & set(listed)
    assert set(listed) <= set().union(*own.values())
    for code, words in listed.items():
        assert re.sub(r"\{[^}]*\}", GAP, WORDS[code].en).startswith(words.removesuffix(GAP)), code


def test_an_installation_takes_the_pinned_packages_and_happens_once(tmp_path: Path) -> None:
    """`make install` in a copy, with a program in the place of Python that writes down what pip is asked for."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    asked = tmp_path / "asked"
    stub = tmp_path / "python"
    stub.write_text(
        f'#!/bin/sh\ncase "$*" in\n  "-m venv "*) mkdir -p "$3/bin" && cp "{stub}" "$3/bin/python" ;;\n'
        f'  "-m pip "*) echo "$*" >> "{asked}" ;;\n  *) exec python3 "$@" ;;\nesac\n'
    )
    stub.chmod(0o755)
    for _ in range(2):
        subprocess.run(["make", "install", f"PYTHON={stub}"], cwd=tmp_path, check=True, capture_output=True)
    lines = asked.read_text().splitlines()
    assert len(lines) == 2
    assert all("--constraint constraints.txt" in line for line in lines)
    wanted = (tmp_path / ".venv" / "wanted.txt").read_text()
    assert {"polars", "dagster-postgres"} <= {re.split(r"[\[<>=~!; ]", line)[0] for line in wanted.splitlines()}


def test_the_profiles_of_the_guides_exist() -> None:
    named = {
        one
        for guide in GUIDES
        for one in re.findall(r"(?:--profile|SETTINGS=)\s*(\w+)(?![\w./])", guide.read_text("utf-8"))
    }
    assert named
    for name in named:
        load_profile(name, PROFILES, {})
