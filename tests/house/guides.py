"""What the guides show: their fenced blocks, and the rows of their tables of messages.

A block of a language in `RUN` is executed by tests/orchestration/test_guides.py as it is printed, in order, unless the line before
it names the tests that cover it:

    <!-- tested by tests/orchestration/test_ui.py::test_the_command_serves_a_guarded_ui -->

A block ```text that follows a block is its output, where … replaces any text.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OPERATIONS, RESEARCH = ROOT / "docs" / "operations.md", ROOT / "docs" / "research.md"
SCALE = ROOT / "docs" / "scale.md"
GUIDES = (OPERATIONS, RESEARCH, SCALE)
RUN = ("bash", "python")
CODE = ("assets", "resources", "orchestration")
GAP = "…"
_FENCE = re.compile(r"^ *```(\w*)$")
_MARK = re.compile(r"<!-- tested by (.+) -->")


@dataclass(frozen=True)
class Block:
    """A fenced block of a guide. tests: "file::name" of those that cover it in place of its execution. output: what it prints."""

    guide: Path
    line: int
    language: str
    text: str
    tests: tuple[str, ...] = ()
    output: str | None = None

    def __str__(self) -> str:
        return f"{self.guide.name}:{self.line}"

    def prints(self, printed: str) -> bool:
        """Whether the text printed by the block is the one that the guide shows."""
        wanted = ".*?".join(map(re.escape, (self.output or "").strip().split(GAP)))
        return re.fullmatch(wanted, printed.strip(), re.S) is not None


def read_blocks(guide: Path) -> list[Block]:
    """The blocks of a guide, in order; a block of output belongs to the one before it."""
    lines, found = guide.read_text("utf-8").splitlines(), []
    at, before = 0, None
    while at < len(lines):
        if (opened := _FENCE.match(lines[at])) is None:
            before = None if lines[at].strip() else before
            at += 1
            continue
        end = next(one for one in range(at + 1, len(lines)) if lines[one].strip() == "```")
        text = "\n".join(lines[at + 1 : end]) + "\n"
        mark = _MARK.fullmatch(lines[at - 1].strip())
        if opened[1] == "text" and before is not None:
            found[-1] = before = Block(**(vars(before) | {"output": text}))
        else:
            tests = tuple(mark[1].split(", ")) if mark else ()
            found.append(before := Block(guide, at + 1, opened[1], text, tests))
        at = end + 1
    return found


def names_a_test(name: str) -> bool:
    """Whether "file::function" is a test of this repository."""
    file, _, function = name.partition("::")
    path = ROOT / file
    if not (path.is_file() and path.name.startswith("test_") and function.startswith("test_")):
        return False
    return any(isinstance(one, ast.FunctionDef) and one.name == function for one in ast.walk(_tree(path)))


def rows(guide: Path, heading: str) -> list[list[str]]:
    """The cells of the rows below a heading whose first cell is in backquotes, up to the next heading of that level or above."""
    text = guide.read_text("utf-8")
    mark = re.search(rf"^(#+) {re.escape(heading)}$", text, re.M)
    assert mark is not None, f"{guide.name} has no heading {heading}"
    own = re.split(rf"^#{{1,{len(mark[1])}}} ", text[mark.end() :], maxsplit=1, flags=re.M)[0]
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in own.splitlines() if line.startswith("| `")
    ]


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def _texts(tree: ast.AST) -> Iterator[str]:
    """The texts of a piece of code, with … for what is filled in."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(one.value) if isinstance(one, ast.Constant) else GAP for one in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@cache
def _calls() -> list[tuple[str, ast.Call, Path]]:
    """The calls with an argument in the code: the name that is called, the call and its file."""
    return [
        (_called(node), node, path)
        for folder in CODE
        for path in sorted((ROOT / folder).rglob("*.py"))
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Call) and node.args
    ]


@cache
def messages(raised: str) -> frozenset[str]:
    """The texts with which the code creates a class or calls a function of this name.

    Of a module that hands over a variable, all its texts.
    """
    found: set[str] = set()
    for called, node, path in _calls():
        if called == raised:
            spelt = isinstance(node.args[0], ast.Constant | ast.JoinedStr | ast.BinOp | ast.IfExp)
            found |= set(_texts(node.args[0] if spelt else _tree(path)))
    return frozenset(found)


def _called(node: ast.Call) -> str:
    function = node.func
    return (
        function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""
    )
