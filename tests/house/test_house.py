"""The three rules of the house, the directions of imports, and what importing may cost."""

import ast
import functools
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from orchestration.tables import STAGES, load_tables

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(
    p
    for folder in ("sample_market", "assets", "resources", "orchestration", "benchmarks", "studies", "examples")
    for p in (ROOT / folder).rglob("*.py")
)
BESIDE = ("sample_market", "benchmarks", "studies", "examples", "tests")  # no part of the platform imports them
ROOMS = [room for stage in STAGES for room in (("delivered_bars", stage) if stage == "tape_health" else (stage,))]
"""The folders of assets/ in the order the data flows: the stages, and those that declare no table."""
HEAVY = ("torch", "great_expectations", "cvxpy", "numba", "vl_convert", "typst", "duckdb", "ray")


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


KNOWN = frozenset(map(name_of, MODULES))


@functools.cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


@functools.cache
def imports_of(path: Path) -> list[ast.Import | ast.ImportFrom]:
    """The imports of a module, also those inside its functions."""
    return [node for node in ast.walk(parsed(path)) if isinstance(node, ast.Import | ast.ImportFrom)]


def imported(path: Path) -> set[str]:
    found = set()
    for node in imports_of(path):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        else:
            # The code digest follows absolute imports; the sample market makes no table and stays inside its package.
            assert node.level == 0 or "sample_market" in path.parts, f"{path}: relative import"
            if node.level == 0:
                found.add(node.module or "")
    return found


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_module_says_what_belongs_in_it(path: Path) -> None:
    assert ast.get_docstring(parsed(path)), f"{path} has no module docstring"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_run_one_way(path: Path) -> None:
    name = name_of(path)
    for other in imported(path):
        top = other.split(".")[0]
        if name.startswith("resources"):
            assert top not in ("assets", "orchestration", *BESIDE), f"{name} imports {other}"
        if name.startswith("sample_market"):
            assert top not in ("assets", "orchestration", "benchmarks", "studies", "tests"), f"{name} imports {other}"
        if name.startswith("assets"):
            assert top not in ("orchestration", "dagster", *BESIDE), f"{name} imports {other}"
            if other.startswith("assets.") and other.split(".")[1] in ROOMS and name.split(".")[1] in ROOMS:
                assert ROOMS.index(other.split(".")[1]) <= ROOMS.index(name.split(".")[1]), f"{name} imports {other}"
        if name.startswith("orchestration"):
            assert top not in BESIDE, f"{name} imports {other}"
        if name.startswith("benchmarks"):
            assert top not in ("studies", "tests"), f"{name} imports {other}"


def modules_imported(path: Path) -> set[str]:
    """Modules of the project that a module imports anywhere in its body: at the top, in a function, or for type checkers alone."""
    own = name_of(path).split(".")
    found = set()
    for node in imports_of(path):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        else:
            package = own[: len(own) - node.level + (path.name == "__init__.py")] if node.level else []
            base = ".".join([*package, *([node.module] if node.module else [])])
            found.update(name if (name := f"{base}.{alias.name}") in KNOWN else base for alias in node.names)
    return (found & KNOWN) - {name_of(path)}


def in_cycles(graph: Mapping[str, set[str]]) -> set[str]:
    """The nodes that lead back to themselves, and those between two such: what is left when ends are taken off one by one."""
    left = {name: set(others) for name, others in graph.items()}
    while ends := {name for name, others in left.items() if not others} | (
        left.keys() - {other for others in left.values() for other in others}
    ):
        left = {name: others - ends for name, others in left.items() if name not in ends}
    return set(left)


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Also not through an import that only a type checker follows, nor through one inside a function."""
    assert not in_cycles({name_of(path): modules_imported(path) for path in MODULES})


def test_a_circle_would_be_found() -> None:
    assert in_cycles({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}) == {"b", "c"}
    assert not in_cycles({"a": {"b", "c"}, "b": {"c"}, "c": set()})


def types_of(tree: ast.Module) -> Iterator[str]:
    """The classes and the names of types of a module, without type variables and without leading underscores."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield node.name.lstrip("_")
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            made_by = getattr(node.value, "func", None)
            if isinstance(targets[0], ast.Name) and not (isinstance(made_by, ast.Name) and made_by.id == "TypeVar"):
                name = targets[0].id.lstrip("_")
                if name[:1].isupper() and not name.isupper():
                    yield name


def test_a_type_has_a_name_of_its_own() -> None:
    """In assets/, resources/, orchestration/ and sample_market/ together: a reader who searches for a type finds one."""
    modules: dict[str, list[str]] = {}
    for path in MODULES:
        if name_of(path).split(".")[0] in ("assets", "resources", "orchestration", "sample_market"):
            for name in types_of(parsed(path)):
                modules.setdefault(name, []).append(name_of(path))
    assert not {name: where for name, where in modules.items() if len(where) > 1}


def test_names_of_types_are_found() -> None:
    code = 'class _Day: ...\nRows = list[int]\nKind: TypeAlias = str\nItem = TypeVar("Item")\nLIMIT, Other = 1, 2\nROWS = 3'
    assert [*types_of(ast.parse(code))] == ["Day", "Rows", "Kind"]


def test_every_folder_of_assets_has_its_place() -> None:
    assert {path.parent.name for path in (ROOT / "assets").glob("*/__init__.py")} == set(ROOMS)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_only_declares(stage: str) -> None:
    """Rule 1: no loops, no exception handling, no partition arithmetic in assets.py."""
    tree = ast.parse((ROOT / "assets" / stage / "assets.py").read_text("utf-8"))
    for node in ast.walk(tree):
        assert not isinstance(node, ast.For | ast.While | ast.Try | ast.AsyncFor), f"{stage}/assets.py:{node.lineno}"
        if isinstance(node, ast.Attribute):
            assert node.attr not in ("offset", "timedelta", "next_day", "previous_day"), (
                f"{stage}/assets.py:{node.lineno}"
            )


@pytest.mark.parametrize("make", sorted({table.make for table in load_tables().values()}))
def test_a_make_function_has_a_file_of_its_own(make: str) -> None:
    """`make_<table>.py` beside the pure modules; tables of one kind, such as the six models, share one."""
    module, name = make.split(":")
    assert module.split(".")[-1] == name
    assert name.startswith("make_")
    tree = ast.parse((ROOT / module.replace(".", "/")).with_suffix(".py").read_text("utf-8"))
    made = {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("make_")}
    assert made == {name}


@pytest.mark.parametrize("table", load_tables().values(), ids=lambda table: table.name)
def test_a_declaration_is_sound(table) -> None:
    """Rules 2 and 3: needs and checks name things that exist; a section, never the tree."""
    from resources.settings import Settings

    tables = load_tables()
    reads = {read.table for read in table.reads}
    assert set(table.sort) <= set(table.schema)
    for name, sources in table.needs.items():
        assert table.items is not None or name in table.schema
        for source in sources:
            upstream, column = source.split(".", 1)
            assert upstream in reads, f"{name} needs {source}, which is not read"
            assert tables[upstream].items is not None or column in tables[upstream].schema, f"{source} is no column"
    assert len({check.name for check in table.checks}) == len(table.checks)
    assert table.checks, f"{table.name} has no suite"
    causes = {check.name: {cause for cause in check.explained_by if "." not in cause} for check in table.checks}
    for upstream, cause in (one.split(".") for check in table.checks for one in check.explained_by if "." in one):
        assert upstream in reads, f"{table.name} does not read {upstream}"
        assert cause in {check.name for check in tables[upstream].checks}, f"{upstream} has no check {cause}"
    while roots := {
        name for name, left in causes.items() if not left
    }:  # each failure leads back to one that nothing explains
        causes = {name: left - roots for name, left in causes.items() if name not in roots}
    assert not causes, f"{table.name}: {causes} name no check, or explain each other"
    assert all(re.fullmatch(r"[a-z0-9_]+", check.name) for check in table.checks)
    for name in table.sections:
        section = Settings()
        for part in name.split("."):
            section = getattr(section, part)
        assert not isinstance(section, Settings)


@functools.cache
def definitions_in(module: str) -> tuple[dict[str, ast.AST], dict[str, tuple[str, str]]]:
    """Functions and classes of a module by their names, and of each name that it imports from a stage the module and the name there."""
    tree = ast.parse((ROOT / module.replace(".", "/")).with_suffix(".py").read_text("utf-8"))
    bodies = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    imports = {
        alias.asname or alias.name: (node.module, alias.name)
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("assets.")
        if (ROOT / node.module.replace(".", "/")).with_suffix(".py").is_file()
        for alias in node.names
    }
    return bodies, imports


def used_by(make: str) -> tuple[list[str], set[str], set[str]]:
    """Of a "module:function": its parameters; what it and the functions that it leads to take from a partition, and which
    tables they name among the frames."""
    module, name = make.split(":")
    reached, queue = set(), [(module, name)]
    taken, named = set(), set()
    while queue:
        one = queue.pop()
        bodies, imports = definitions_in(one[0])
        if one in reached:
            continue
        reached.add(one)
        if one[1] not in bodies:
            queue.extend([imports[one[1]]] if one[1] in imports else [])
            continue
        for node in ast.walk(bodies[one[1]]):
            if isinstance(node, ast.Name):
                queue.append((one[0], node.id))
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "partition":
                taken.add(node.attr)
            elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "frames":
                key = node.slice
                chosen = (key.body, key.orelse) if isinstance(key, ast.IfExp) else (key,)
                named.update(table.value for table in chosen if isinstance(table, ast.Constant))
    function = definitions_in(module)[0][name]
    assert isinstance(function, ast.FunctionDef)
    return [argument.arg for argument in function.args.args], taken, named


@pytest.mark.parametrize("table", load_tables().values(), ids=lambda table: table.name)
def test_a_table_declares_what_its_function_uses(table) -> None:
    """And nothing more: what is declared is part of its version."""
    parameters, taken, named = used_by(table.make)
    assert parameters == ["frames", "partition", "settings"]
    assert ("landing" in taken) == bool(table.lands)
    assert ("rules" in taken) == bool(table.rules)
    assert ("start" in taken) == table.reads_start
    assert ("record" in taken) == table.reads_record
    assert ("week" in taken) <= (table.partition == "week")
    assert named <= {read.table for read in table.reads}


def test_no_stage_touches_the_settings_tree() -> None:
    for path in MODULES:
        if name_of(path).startswith("assets"):
            assert "resources.settings" not in imported(path), f"{path} imports the tree"
            assert "os.environ" not in path.read_text("utf-8"), f"{path} reads the environment"


def test_loading_the_definitions_is_light() -> None:
    code = (
        "import json, sys; from orchestration.definitions import build_defs; build_defs();"
        f"print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == []


def test_packages_come_from_this_repository() -> None:
    import assets
    import orchestration
    import resources

    for package in (assets, orchestration, resources):
        assert Path(package.__file__).resolve().is_relative_to(ROOT)


def test_nothing_tracked_names_a_machine() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    pattern = re.compile(r"(?<![\w.])/(work|root|farm|home/\w+)/")
    for name in filter(None, tracked):
        path = ROOT / name
        if path.suffix in {".py", ".md", ".toml", ".yaml", ".txt", ".j2", ""} and path.is_file():
            found = pattern.search(path.read_text("utf-8", errors="ignore"))
            assert found is None, f"{name} names {found and found.group()}"


def test_bound_names_stand() -> None:
    """Asset names, partitions and the columns others rely on."""
    bound = json.loads((Path(__file__).parent / "bound_names.json").read_text("utf-8"))
    tables = load_tables()
    for name, facts in bound.items():
        assert tables[name].partition == facts["partition"], name
        assert set(facts["columns"]) <= set(tables[name].schema), name
