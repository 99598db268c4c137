"""The digest of the code that decides the content of a table's partitions: its make function and everything that it uses.

The unit is the definition: a function, a class or a constant of a module. The digest covers a definition where its name occurs in
one that it covers already. Another network's class or another table's constants are therefore not covered. The names of files and
modules are not covered either, so that moving a definition changes no digest. Code that decides no figure is excluded: comments,
layout, docstrings, progress lines, the texts of errors and the descriptions of settings. Annotations are covered, because a method
that is called on a parameter is found through the class in the parameter's annotation.

The module parses sources and imports nothing of what it follows. It follows definitions through assets/, resources/ and the package of
the function itself, which settings may name from anywhere on the path. Libraries are named by their versions (`libraries`). A function that is only named by a text (a name in
`getattr`, a module in `import_module`) is not found; a table declares it (`Table.functions`).
"""

import ast
import contextlib
import functools
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import sys
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from sys import stdlib_module_names
from typing import Any

from resources.user_cache import user_cache

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("assets", "resources")
WORDING = ("resources.errors", "resources.reason_words")
"""Modules with nothing but wording, which are excluded: an improved sentence makes no partition stale."""
HANDED = ("resources.partition",)
"""Modules with the arguments of every make function, which are excluded. `Builder.code_digest` adds the classes of the services that
a table declares; following the annotations would make every table stale after a change of any of them."""
PROGRESS = ("progress", "say")
"""Functions that only report progress. Calls of them whose result is not used are excluded."""

ALWAYS = ("polars",)
"""Libraries of every table: polars encodes every part."""
COMPANIONS = {
    "cvxpy": ("clarabel", "scipy"),
    "jinja2": ("markupsafe",),
    "numba": ("llvmlite",),
}
"""Library → libraries that compute its results and that no code of the project imports: solvers and the compiler of kernels."""
DECIDE_NOTHING = (
    "exchange_calendars",
    "filelock",
    "fsspec",
    "pydantic",
    "pydantic_core",
    "pydantic_settings",
    "typing_extensions",
)
"""Libraries that decide no content: locks and stores, the types of settings, whose values are in the digest of settings, and the
calendar, whose past trading days do not change with its version and whose days are the inputs of partitions."""
DISTRIBUTIONS = {"fontTools": "fonttools", "vl_convert": "vl-convert-python"}
"""Module → its distribution, where they have different names."""

_MEMORY = "code_digests.json"

Definition = tuple[str, str | None]
"""A module and a name in it. None stands for the whole module, where the used names are not known; "" for what runs on import."""
Reference = tuple[str, ...]
"""A dotted name as it is written: ("pl", "col")."""


@functools.cache
def code_digest(make: str) -> str:
    """The digest of a "module:function" with 32 hex digits. Where the module does not exist, it is the digest of nothing."""
    return str(_remembered(make)["digest"])


@functools.cache
def libraries(*makes: str) -> dict[str, str]:
    """The libraries whose versions decide what these "module:function" return, each with its installed version, by name.

    They are those that the covered definitions name, with their `COMPANIONS`. The standard library changes with Python, whose version
    changes the digests themselves. A library that is not installed has no version and is left out.
    """
    named = {*ALWAYS}
    for make in makes:
        named.update(_remembered(make)["packages"])
    named -= {*PACKAGES, *DECIDE_NOTHING, *stdlib_module_names}
    named |= {other for name in named for other in COMPANIONS.get(name, ())}
    return {name: found for name in sorted(named) if (found := installed_version(name))}


# --- what earlier processes computed --------------------------------------------------------------------------------------

# Parsing the sources takes seconds of every process. The results are kept in the cache of this user, as Python keeps compiled modules.


@functools.cache
def _remembered(make: str) -> Mapping[str, Any]:
    """The digest and the names of the packages of a "module:function", from the user's cache if no source has changed since."""
    sources = _sources(make.split(":")[0].split(".")[0])
    known = _read_memory().get(make)
    if isinstance(known, dict) and known.get("sources") == sources:
        return known
    found = {"sources": sources, "digest": _computed(make), "packages": sorted(_packages(make))}
    _sources.cache_clear()
    if _sources(make.split(":")[0].split(".")[0]) == sources:  # nothing was edited meanwhile
        _write_memory(_read_memory() | {make: found})
    return found


def _computed(make: str) -> str:
    seen = _covered(make)
    lines = {line for one in seen for line in _described(one)}
    hashed = hashlib.blake2b("\n".join(sorted(lines)).encode(), digest_size=16)
    for folder in sorted({_source(module).parent / "templates" for module, _ in seen}):
        for path in sorted(folder.glob("*")):
            hashed.update(path.name.encode() + path.read_bytes())
    return hashed.hexdigest()


def _packages(make: str) -> set[str]:
    targets = (target for one in _covered(make) for target in _used(one).values())
    return {target.split(".")[0] for target in targets if isinstance(target, str)}


@functools.cache
def _sources(package: str) -> str:
    """The digest of everything that digests of code in a package can depend on: all files of the packages that they follow."""
    hashed = hashlib.blake2b(sys.version.encode(), digest_size=16)
    for name in sorted({*PACKAGES, package}):
        for place in [str(ROOT / name)] if name in PACKAGES else _places(name):
            for path in [Path(f"{place}.py"), *sorted(Path(place).rglob("*"))]:
                if path.is_file() and path.suffix != ".pyc":
                    data = path.read_bytes()
                    hashed.update(
                        f"{name} {os.path.relpath(path, place)} {len(data)} ".encode("utf-8", "surrogateescape")
                    )
                    hashed.update(data)
    return hashed.hexdigest()


def _read_memory() -> dict[str, Any]:
    """What is remembered by "module:function"; {} where there is nothing or it is damaged."""
    try:
        known = json.loads((user_cache() / _MEMORY).read_bytes()) if _has_home() else {}
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _write_memory(known: Mapping[str, Any]) -> None:
    with contextlib.suppress(OSError):  # a home folder that may only be read
        if _has_home():
            user_cache().mkdir(parents=True, exist_ok=True)
            temporary = user_cache() / f".{_MEMORY}.{os.getpid()}.tmp"
            temporary.write_text(json.dumps(known))
            os.replace(temporary, user_cache() / _MEMORY)


def _has_home() -> bool:
    """Whether the user has a cache of their own. Others could write one among the temporary files."""
    return not {"XDG_CACHE_HOME", "HOME"}.isdisjoint(os.environ)


# --- libraries ------------------------------------------------------------------------------------------------------------


def installed_version(module: str) -> str:
    """The version of the distribution with a module; "" where there is none."""
    try:
        return importlib.metadata.version(DISTRIBUTIONS.get(module, module))
    except importlib.metadata.PackageNotFoundError:
        names = _distributions().get(module, ())  # takes 0.3 s
        return importlib.metadata.version(names[0]) if names else ""


@functools.cache
def _distributions() -> Mapping[str, Sequence[str]]:
    return importlib.metadata.packages_distributions()


def definitions(make: str) -> tuple[str, ...]:
    """The definitions that a digest covers, as "module:name"; "module:" is what runs on import, "module:None" the whole module."""
    return tuple(sorted(f"{module}:{name}" for module, name in _covered(make) if _hash((module, name))))


@functools.cache
def imports(module: str) -> tuple[str, ...]:
    """The modules of this project that `module` imports anywhere in its body."""
    return tuple(sorted(name for name in _module(module).names if _is_ours(name, module)))


def clear_caches() -> None:
    """Clear all caches, so that the sources are read again."""
    for cached in (
        code_digest,
        libraries,
        _remembered,
        _sources,
        _covered,
        imports,
        _module,
        _hash,
        _used,
        _described,
        _exists,
        _places,
    ):
        cached.cache_clear()


# --- one module -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _TopStatement:
    """A statement at the top level of a module."""

    module: str
    source: ast.stmt

    @functools.cached_property
    def imports(self) -> Sequence[ast.Import | ast.ImportFrom]:
        """The imports inside the statement."""
        return [one for one in ast.walk(self.source) if isinstance(one, ast.Import | ast.ImportFrom)]

    @functools.cached_property
    def imported(self) -> Mapping[str, Definition]:
        """The names that imports inside the statement bind."""
        return {name: origin for one in self.imports for name, origin in _imported(self.module, one).items()}

    @functools.cached_property
    def decisive(self) -> ast.stmt:
        """The statement without the parts that decide no figure."""
        _ = self.imported  # computed first, because the visitor changes the source in place
        return _Decisive().visit(self.source)

    @functools.cached_property
    def digest(self) -> str:
        """The digest of the decisive statement."""
        return hashlib.blake2b(ast.dump(self.decisive).encode(), digest_size=16).hexdigest()


@dataclass(frozen=True)
class _Module:
    """The statements of a module.

    bound: name → the statements that bind it. imported: name → the module and the name there, or None for the module itself.
    on_import: the statements with an effect when the module is imported. names: the dotted names that imports anywhere in its body name.
    """

    bound: Mapping[str, Sequence[_TopStatement]]
    imported: Mapping[str, Definition]
    on_import: Sequence[_TopStatement]
    names: Set[str]

    @property
    def all(self) -> list[_TopStatement]:
        """Every statement once, in no particular order."""
        return list({id(one): one for own in (*self.bound.values(), self.on_import) for one in own}.values())


class _UsedNames(ast.NodeVisitor):
    """Collects the dotted names that statements use, including those in quoted annotations."""

    def __init__(self) -> None:
        self.found: set[Reference] = set()

    def visit_Name(self, node: ast.Name) -> None:
        self.found.add((node.id,))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        parts: list[str] = []
        inner: ast.expr = node
        while isinstance(inner, ast.Attribute):
            parts.append(inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name):
            self.found.add((inner.id, *reversed(parts)))
        else:
            self.visit(inner)

    def visit_arg(self, node: ast.arg) -> None:
        self._annotation(node.annotation)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._annotation(node.returns)
        self.generic_visit(node)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._annotation(node.annotation)
        self.generic_visit(node)

    def _annotation(self, annotation: ast.expr | None) -> None:
        if annotation is None:
            return
        self.visit(annotation)
        for one in ast.walk(annotation):
            if isinstance(one, ast.Constant) and isinstance(one.value, str):
                try:
                    self.visit(ast.parse(one.value, mode="eval"))
                except SyntaxError:
                    continue  # a text in Literal[...]


class _Decisive(ast.NodeTransformer):
    """Removes what decides no figure: docstrings, imports (which are followed), progress lines, texts of errors, descriptions."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            return None
        if isinstance(node.value, ast.Call):
            called = node.value.func
            last = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", None)
            if last in PROGRESS:
                return None
        return self.generic_visit(node)

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        return None

    visit_ImportFrom = visit_Import

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        if isinstance(node.exc, ast.Call):
            return ast.Raise(exc=node.exc.func, cause=None)
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id == "Field":
            node.keywords = [one for one in node.keywords if one.arg != "description"]
        return self.generic_visit(node)


@functools.cache
def _module(module: str) -> _Module:
    bound: dict[str, list[_TopStatement]] = {}
    imported: dict[str, Definition] = {}
    on_import: list[_TopStatement] = []
    names: set[str] = set()
    for node in ast.parse(_source(module).read_text("utf-8")).body:
        statement = _TopStatement(module, node)
        names.update(name for one in statement.imports for name in _imported_names(module, one))
        if isinstance(node, ast.Import | ast.ImportFrom):
            imported.update(_imported(module, node))
            continue
        if _guard(node) == "__name__" or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            continue
        for name in _names_bound(node):
            bound.setdefault(name, []).append(statement)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        imported.update(statement.imported)
        if _guard(node) != "TYPE_CHECKING" and not _only_binds(node):
            on_import.append(statement)
    return _Module(bound, imported, on_import, names)


def _guard(statement: ast.stmt) -> str | None:
    """The name that an `if` tests. The bodies of `__name__` and `TYPE_CHECKING` do not run on import."""
    if not isinstance(statement, ast.If):
        return None
    test = statement.test.left if isinstance(statement.test, ast.Compare) else statement.test
    return test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", None)


def _only_binds(statement: ast.stmt) -> bool:
    """Whether a statement only binds names. An assignment to an element or an attribute changes another object."""
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    if isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    flat = [one for target in targets for one in (target.elts if isinstance(target, ast.Tuple) else [target])]
    return bool(flat) and all(isinstance(one, ast.Name) for one in flat)


def _names_bound(statement: ast.stmt) -> set[str]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    return {
        node.id if isinstance(node, ast.Name) else node.name
        for node in ast.walk(statement)
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    }


def _imported(module: str, node: ast.Import | ast.ImportFrom) -> dict[str, Definition]:
    if isinstance(node, ast.Import):
        return {
            alias.asname or alias.name.split(".")[0]: (alias.name if alias.asname else alias.name.split(".")[0], None)
            for alias in node.names
        }
    base = _base(module, node)
    return {alias.asname or alias.name: (base, alias.name) for alias in node.names}


def _base(module: str, node: ast.ImportFrom) -> str:
    """The module that `from … import` names, absolute or relative."""
    if node.level == 0:
        return node.module or ""
    above = module.split(".") if _source(module).name == "__init__.py" else module.split(".")[:-1]
    return ".".join([*above[: len(above) - node.level + 1], *([node.module] if node.module else [])])


def _imported_names(module: str, node: ast.Import | ast.ImportFrom) -> list[str]:
    """The dotted names that an import names: modules, and names in modules, which may be modules themselves."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = _base(module, node)
    return [base, *(f"{base}.{alias.name}" for alias in node.names)]


# --- what a definition uses -----------------------------------------------------------------------------------------


@functools.cache
def _covered(make: str) -> Mapping[Definition, None]:
    """All definitions that a "module:function" uses directly or indirectly, and for each of their modules what runs on import."""
    module, _, name = make.partition(":")
    seen: dict[Definition, None] = {}
    queue: list[Definition] = [(module, name or None)] if _exists(module) else []
    while queue:
        one = queue.pop()
        if one in seen:
            continue
        seen[one] = None
        queue.extend(target for target in _used(one).values() if isinstance(target, tuple))
        queue.extend((module, "") for module in (one[0], *imports(one[0])))
    return seen


@functools.cache
def _used(one: Definition) -> Mapping[Reference, Definition | str]:
    """The dotted names of a definition, each with the definition that it refers to or the dotted name outside the project."""
    module, _ = one
    names = _UsedNames()
    known = dict(_module(module).imported)
    for statement in _statements(one):
        known.update(statement.imported)
        names.visit(statement.decisive)
    found = {name: _resolve(module, name, known) for name in names.found}
    return {name: target for name, target in found.items() if target is not None and target != one}


def _resolve(module: str, name: Reference, known: Mapping[str, Definition]) -> Definition | str | None:
    """The target of a dotted name in `module`; None for a local variable or a builtin."""
    root, *rest = name
    if root in known:
        origin, attribute = known[root]
        return _descend(origin, [*([attribute] if attribute else []), *rest], module)
    if root in _module(module).bound:
        return module, root
    return None


def _descend(module: str, parts: list[str], reader: str) -> Definition | str:
    while parts and _is_ours(f"{module}.{parts[0]}", reader):
        module, parts = f"{module}.{parts[0]}", parts[1:]
    if not _is_ours(module, reader):
        return ".".join([module, *parts])
    if not parts or parts[0] == "*":
        return module, None
    parsed = _module(module)
    if parts[0] in parsed.bound:
        return module, parts[0]
    if parts[0] in parsed.imported:
        return _resolve(module, tuple(parts), parsed.imported) or (module, None)
    return module, None


def _statements(one: Definition) -> Sequence[_TopStatement]:
    module, name = one
    parsed = _module(module)
    if name is None:
        return parsed.all
    if name == "":
        return parsed.on_import
    # The whole module decides a name that it does not bind by a statement.
    return parsed.bound.get(name, () if name in parsed.imported else parsed.all)


@functools.cache
def _hash(one: Definition) -> str:
    """The digest of a definition's own text."""
    return "".join(sorted(statement.digest for statement in _statements(one)))


@functools.cache
def _described(one: Definition) -> tuple[str, ...]:
    """The lines that the digest hashes for a definition: its text, and the texts that its names refer to, without module names."""
    own = _hash(one)
    if not own:  # nothing runs on import
        return ()
    lines = [f"{one[1]} {own}"]
    for name, target in _used(one).items():
        referenced = f"{target[1]} {_hash(target)}" if isinstance(target, tuple) else target
        lines.append(f"{own} {'.'.join(name)} → {referenced}")
    return tuple(lines)


# --- source files ---------------------------------------------------------------------------------------------------


def _source(module: str) -> Path:
    """The path of a module's source, which need not exist. The package is located on the path without being imported."""
    package, *inner = module.split(".")
    places = [str(ROOT / package)] if package in PACKAGES else _places(package)
    paths = [Path(place, *inner) for place in places]
    found = (own for path in paths for own in (path / "__init__.py", path.with_suffix(".py")) if own.is_file())
    return next(found, ROOT.joinpath(*module.split(".")).with_suffix(".py"))


@functools.cache
def _places(package: str) -> list[str]:
    """The folders of a package on the path, or the path of a module without its suffix."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        return []
    return list(spec.submodule_search_locations or ([spec.origin.removesuffix(".py")] if spec.origin else []))


@functools.cache
def _exists(module: str) -> bool:
    source = _source(module)
    return source.is_file() and source.suffix == ".py"


def _is_ours(module: str, reader: str) -> bool:
    return (
        module.split(".")[0] in (*PACKAGES, reader.split(".")[0])
        and module not in (*WORDING, *HANDED)
        and _exists(module)
    )
