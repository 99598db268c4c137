"""How long a function may be, and how many parameters it may have. Numba kernels are excepted: numba counts references wherever an
array is handed on, so that a kernel is fastest as one function of plain arrays."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("sample_market", "assets", "resources", "orchestration", "benchmarks", "studies", "examples")
LINES, PARAMETERS = 80, 8
EXCEPTIONS: set[str] = set()
"""Names of functions that may be longer, none today."""
Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(source: str) -> Iterator[Function]:
    """Every function and method of a module that is no kernel, nested ones among them."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, Function) and not any("njit" in ast.unparse(mark) for mark in node.decorator_list):
            yield node


def faults(source: str) -> list[tuple[str, str]]:
    """(name of the function, what is too much of it)."""
    found = []
    for node in functions(source):
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        taken = node.args
        names = [*taken.posonlyargs, *taken.args, *taken.kwonlyargs, *filter(None, (taken.vararg, taken.kwarg))]
        own = sum(argument.arg not in ("self", "cls") for argument in names)
        if lines > LINES:
            found.append((node.name, f"{node.name} at line {node.lineno} has {lines} lines, more than {LINES}"))
        if own > PARAMETERS:
            found.append(
                (node.name, f"{node.name} at line {node.lineno} takes {own} parameters, more than {PARAMETERS}")
            )
    return found


@pytest.mark.parametrize("folder", FOLDERS)
def test_functions_are_short_and_take_few_parameters(folder: str) -> None:
    long = [
        f"{path.relative_to(ROOT)}: {text}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for name, text in faults(path.read_text("utf-8"))
        if name not in EXCEPTIONS
    ]
    assert not long, "split along its own steps, or put what belongs together into a dataclass:\n" + "\n".join(long)


def test_a_long_function_is_found_and_a_kernel_is_not() -> None:
    body = "\n".join(["    x = 1"] * LINES)
    many = ", ".join(f"a{n}" for n in range(PARAMETERS + 1))
    assert [name for name, _ in faults(f"def long():\n{body}\n")] == ["long"]
    assert not faults(f"def fits():\n{body[: body.rindex(chr(10))]}\n")
    assert [
        name for name, _ in faults(f"class A:\n    def wide(self, {many}): ...\n    def fits(self, {many[:-4]}): ...\n")
    ] == ["wide"]
    assert not faults(f"@njit(cache=True)\ndef kernel({many}):\n{body}\n")
