"""The files that a repository is expected to have: version, licence, templates and hooks say what is so."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
TEMPLATES = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


def test_the_changelog_begins_with_what_is_unreleased_and_the_projects_version() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)
    assert headings[0] == "[Unreleased]"
    assert headings[1].startswith(f"[{PROJECT['version']}] - ")
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", heading) for heading in headings[1:])


def test_a_version_lists_its_changes_under_the_usual_headings() -> None:
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    found = re.findall(r"^### (.+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)
    assert found
    assert set(found) <= kinds


def test_the_licence_is_the_one_that_is_named() -> None:
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert PROJECT["license"] == "Apache-2.0"
    assert "Apache License" in text.splitlines()[1]
    assert "END OF TERMS AND CONDITIONS" in text
    for name in ("README.md", "CONTRIBUTING.md"):
        assert "[Apache License 2.0](LICENSE)" in (ROOT / name).read_text("utf-8").replace("\n", " ")


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_an_issue_template_asks_for_what_is_needed(path: Path) -> None:
    form = yaml.safe_load(path.read_text("utf-8"))
    if path.stem == "config":
        return
    assert form["name"]
    fields = {part["id"]: part for part in form["body"] if part["type"] != "markdown"}
    required = {name for name, part in fields.items() if part.get("validations", {}).get("required")}
    expected = {
        "bug": {"what", "command", "manifest", "refused", "settings", "version"},
        "refused_data": {"refused", "sample", "meaning"},
        "feature": {"need", "source"},
    }
    assert required == expected[path.stem]


def test_the_hooks_run_what_the_lint_runs() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    entries = [hook["entry"] for repo in config["repos"] if repo["repo"] == "local" for hook in repo["hooks"]]
    lint = (ROOT / "Makefile").read_text("utf-8").split("lint:", 1)[1].split("\n\n")[0]
    for tool in ("ruff check", "ruff format", "mypy"):
        assert f"$(VENV)/bin/{tool}" in lint
        assert any(entry.startswith(f".venv/bin/{tool}") for entry in entries)
    assert any(hook["id"] == "gitleaks" for repo in config["repos"] for hook in repo["hooks"])
