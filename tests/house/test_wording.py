"""Code decides on codes and types, never on the wording of a message: a lint over the modules, as far as one can see it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(path for folder in ("assets", "resources", "orchestration") for path in (ROOT / folder).rglob("*.py"))
WORDED = {
    "reason",
    "detail",
    "remedy",
    "message",
    "why",
    "outdated",
    "forced_by",
    "error",
    "refused",
    "failure",
}
"""Names of variables, attributes and columns that hold sentences."""
TESTS = {"startswith", "endswith", "removeprefix", "partition", "rpartition", "find", "rfind", "index", "count"}
COLUMN_TESTS = {"contains", "starts_with", "ends_with", "extract", "find", "replace_all"}
ALLOWED = {
    # reasons of rows that differ in their numbers alone are counted as one, for a message
    ("resources/reasons.py", "replace_all"),
    # the words of the settings' library are shortened for a message
    ("resources/settings/load.py", "removeprefix"),
}


def worded(node: ast.expr) -> bool:
    """Whether an expression is a sentence: reason, one.detail, row["reason"], str(error)."""
    if isinstance(node, ast.Name):
        return node.id in WORDED
    if isinstance(node, ast.Attribute):
        return node.attr in WORDED
    if isinstance(node, ast.Subscript):
        return isinstance(node.slice, ast.Constant) and node.slice.value in WORDED
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("str", "repr")
        and len(node.args) == 1
        and worded(node.args[0])
    )


def sentence(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value


def decisions(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and operation of everything that looks into a sentence."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            for op, left, right in zip(node.ops, sides[:-1], sides[1:], strict=True):
                if isinstance(op, ast.In | ast.NotIn) and isinstance(left, ast.Constant) and worded(right):
                    yield node.lineno, "in"
                if isinstance(op, ast.Eq | ast.NotEq) and (
                    (worded(left) and sentence(right)) or (worded(right) and sentence(left))
                ):
                    yield node.lineno, "=="
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of, name = node.func.value, node.func.attr
            if name in TESTS and worded(of):
                yield node.lineno, name
            if name == "split" and worded(of) and node.args:
                yield node.lineno, name
            if isinstance(of, ast.Name) and of.id == "re" and any(map(worded, node.args)):
                yield node.lineno, f"re.{name}"
            if name in COLUMN_TESTS and isinstance(of, ast.Attribute) and of.attr == "str":
                column = of.value.args[0] if isinstance(of.value, ast.Call) and of.value.args else of.value
                if worded(column) or (isinstance(column, ast.Constant) and column.value in WORDED):
                    yield node.lineno, name


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_decides_on_the_wording_of_a_message(path: Path) -> None:
    name = str(path.relative_to(ROOT))
    found = [
        (line, what) for line, what in decisions(ast.parse(path.read_text("utf-8"))) if (name, what) not in ALLOWED
    ]
    assert not found, f"{name}: {found} looks into a sentence; compare the code of a reason (resources/reasons.py)"


@pytest.mark.parametrize(
    "code",
    [
        'reason.startswith("[")', 'row["reason"].removeprefix("n/a: ")', '"suspended" in one.detail', 're.search("x", why)',
        'reason == "not built yet"', 'str(error).endswith("x")', 'message.split(" of ")',
        'pl.col("reason").str.contains("x")', 'frame["reason"].str.starts_with("x")', 'str(step.reason) == "a b"',
        '"x" in str(error)', 'detail.rpartition(" Remedy: ")',
    ],
)  # fmt: skip
def test_the_lint_sees(code: str) -> None:
    assert list(decisions(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        "reason.code == REFUSED_BEFORE.name", 'row["group"] == "n/a"', "name in reasons", '"in_universe" in known',
        'verdict == "set aside"', '" ".join(detail.split())', 'reason.parameters["cause"]', 'path.startswith("s3://")',
        'pl.col("symbol").str.contains("x")',
    ],
)  # fmt: skip
def test_the_lint_lets_pass(code: str) -> None:
    assert not list(decisions(ast.parse(code)))
