"""Every example in a docstring runs as it stands."""

import ast
import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("sample_market", "assets", "resources", "orchestration", "benchmarks", "studies", "examples")
SKIP = doctest.OPTIONFLAGS_BY_NAME["SKIP"]


def examples_in(path: Path) -> list[doctest.Example]:
    """The examples of a file's docstrings that are to run; nothing is imported."""
    parser, found = doctest.DocTestParser(), []
    source = path.read_text("utf-8")
    if ">>>" not in source:
        return []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            examples = parser.get_examples(ast.get_docstring(node) or "")
            found += [one for one in examples if not one.options.get(SKIP)]
    return found


MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): len(found)
    for folder in FOLDERS
    for path in sorted((ROOT / folder).rglob("*.py"))
    if (found := examples_in(path))
}


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_a_module_run(module: str) -> None:
    outcome = doctest.testmod(importlib.import_module(module))
    assert outcome.failed == 0
    assert outcome.attempted >= MODULES[module]  # none is out of the finder's reach
