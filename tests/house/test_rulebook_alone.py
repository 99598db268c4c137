"""No date, board or code range of an exchange's rule stands anywhere but in the rulebook, and docs/rulebook.md is its table.

Looked for in the syntax trees of assets/, resources/ and orchestration/, docstrings left out: dates, numbers in the range of
six-digit codes of shares, and texts that match such codes. Dates that are no rule's are named below with their reason.
"""

import ast
import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from resources.rulebook_page import PAGE, page
from resources.settings.rulebook import BOARDS, KINDS, RulebookSettings

ROOT = Path(__file__).resolve().parents[2]
ALONE = {"resources/settings/rulebook.py"}
MODULES = sorted(
    path
    for folder in ("assets", "resources", "orchestration")
    for path in (ROOT / folder).rglob("*.py")
    if str(path.relative_to(ROOT)) not in ALONE
)
NO_RULES = {
    (
        "resources/calendar.py",
        dt.date(1990, 12, 19),
    ): "the first session of the Shanghai exchange, where the calendar begins",
    ("resources/settings/report.py", dt.date(2014, 1, 1)): "the first day of the charts",
}
SINCE = {row.since for kind in KINDS for row in getattr(RulebookSettings(), kind)}
RANGES = [(row.first, row.last) for row in BOARDS if row.first >= 100_000]
CODE_TEXT = re.compile(
    r"(?<![\d.])\^?\(?\[?(?:60|68|688|689|30|300|301|002|003|920|900|200|43|83|87)(?:\d{0,4}|\[|\\d|x+)*\.?(?:SH|SZ|BJ)?$"
)
BOARD_NAMES = {row.board for row in BOARDS}


def constants(path: Path) -> Iterator[tuple[int, object]]:
    """(line, value) of every constant that is no docstring, and of every dt.date(...) of constants."""
    tree = ast.parse(path.read_text("utf-8"))
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in docstrings:
            yield node.lineno, node.value
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "date":
            values = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
            if len(values) == 3 and all(isinstance(value, int) for value in values):
                yield node.lineno, dt.date(*values)


def rules_in(path: Path) -> list[str]:
    name, found = str(path.relative_to(ROOT)), []
    for line, value in constants(path):
        if isinstance(value, dt.date):
            if value in SINCE and (name, value) not in NO_RULES:
                found.append(f"{name}:{line}: {value}")
        elif isinstance(value, bool):
            continue
        elif isinstance(value, int):
            if any(first <= value <= last for first, last in RANGES) and value % 100_000:
                found.append(f"{name}:{line}: {value}")
        elif isinstance(value, str):
            dates = {
                dt.date(*map(int, digits))
                for digits in re.findall(r"(?<!\d)((?:19|20)\d\d)-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|30)(?!\d)", value)
            }
            if dates & SINCE or CODE_TEXT.fullmatch(value) or re.search(r"\[[0368]+\]0?\\d\{[45]\}|6\[08\]", value):
                found.append(f"{name}:{line}: {value!r}")
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_rule_stands_outside_the_rulebook(path: Path) -> None:
    assert rules_in(path) == []


@pytest.mark.parametrize(
    "line",
    [
        "SINCE = dt.date(2020, 8, 24)",
        'SINCE = "2026-07-06"',
        'SINCE = "20190722"',
        "A_SHARES = {'SH': ((600_000, 609_999), (680_000, 689_999))}",
        'BOARDS = {"60.SH": "main", "68.SH": "star"}',
        'SYMBOL = r"^(6[08]\\d{4}\\.SH|[03]0\\d{4}\\.SZ)$"',
        'star = symbol.startswith("688")',
        'chinext = code[:2] == "30"',
    ],
)
def test_a_rule_in_code_would_be_found(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    (tmp_path / "module.py").write_text(f'"""A module."""\n{line}\n', "utf-8")
    assert rules_in(tmp_path / "module.py")


def test_the_page_is_the_table() -> None:
    """python -m resources.rulebook_page writes it."""
    assert PAGE.read_text("utf-8") == page()
    text = PAGE.read_text("utf-8")
    for kind in KINDS:
        for row in getattr(RulebookSettings(), kind):
            assert f"| {row.since} |" in text
            assert row.source in text
