"""The digest of the code that decides what a table's partitions hold: its make function and what that uses.

The unit is the definition: a function, a class or a constant of a module. A definition is followed when its name occurs in one
that counts, so another network's class or another table's constants do not count, nor do the names of files and modules: moving
a definition changes no digest. What decides no figure is left out: comments, layout, docstrings, progress lines, the texts of
errors and the descriptions of settings. Annotations count, because a method that is called on a parameter is found through the
class that annotates it.

Sources are read and nothing of the project is imported. Definitions are followed through assets/, resources/ and the package of
the function itself, which settings may name from anywhere on the path. A function that is found by a text alone (a name in
`getattr`, a module in `import_module`) is not seen: a table declares it (`Table.functions`).
"""

import ast
import functools
import hashlib
import importlib.util
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("assets", "resources")
WORDING = ("resources.errors", "resources.reason_words")
"""Modules that decide on wording alone: a clearer sentence makes no partition stale."""
HANDED = ("resources.partition",)
"""Modules of what every make function is called with. Of the classes in it those count that the table declares
(`Builder.code_digest`); to follow their annotations would make every table stale by a change of any of them."""
PROGRESS = ("progress", "say")
"""Functions whose calls, where nothing is done with what they return, only report progress."""

Definition = tuple[str, str | None]
"""A module and a name in it; None: the whole module, where it is not known which of its names are used."""
Reference = tuple[str, ...]
"""A dotted name as it is written: ("pl", "col")."""


@functools.cache
def code_digest(make: str) -> str:
    """32 hex digits for a "module:function"; of nothing where there is no such module, which its caller reports."""
    module, _, name = make.partition(":")
    seen = _closure([(module, name or None)]) if _exists(module) else {}
    lines = {line for one in seen for line in _described(one)}
    hashed = hashlib.blake2b("\n".join(sorted(lines)).encode(), digest_size=16)
    for folder in sorted({_source(module).parent / "templates" for module, _ in seen}):
        for path in sorted(folder.glob("*")):
            hashed.update(path.name.encode() + path.read_bytes())
    return hashed.hexdigest()


def definitions(make: str) -> tuple[str, ...]:
    """The definitions that a digest covers, as "module:name". "module:" means what runs on import, "module:None" all of it."""
    module, _, name = make.partition(":")
    return tuple(
        sorted(f"{module}:{name}" for module, name in _closure([(module, name or None)]) if _hash((module, name)))
    )


@functools.cache
def imports(module: str) -> tuple[str, ...]:
    """Modules of this project that `module` imports anywhere in its body."""
    found: set[str] = set()
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _base(module, node)
            found.update((base, *(f"{base}.{alias.name}" for alias in node.names)))
    return tuple(sorted(name for name in found if _is_ours(name, module)))


def clear_caches() -> None:
    """Read all sources anew, as a process that starts now would."""
    for cached in (code_digest, imports, _module, _hash, _used, _described, _exists, _places):
        cached.cache_clear()


# --- one module -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Statement:
    """A statement at the top of a module."""

    module: str
    source: ast.stmt

    @functools.cached_property
    def imported(self) -> Mapping[str, Definition]:
        """Names that imports inside of it bind."""
        inner = [one for one in ast.walk(self.source) if isinstance(one, ast.Import | ast.ImportFrom)]
        return {name: origin for one in inner for name, origin in _imported(self.module, one).items()}

    @functools.cached_property
    def decisive(self) -> ast.stmt:
        """The statement without what decides no figure."""
        _ = self.imported  # the source is changed in place
        return _Decisive().visit(self.source)

    @functools.cached_property
    def digest(self) -> str:
        return hashlib.blake2b(ast.dump(self.decisive).encode(), digest_size=16).hexdigest()


@dataclass(frozen=True)
class _Module:
    """A module taken apart. bound: name → the statements that bind it. imported: name → module and name there, or None for
    the module itself. on_import: statements that do something when the module is imported."""

    bound: Mapping[str, Sequence[_Statement]]
    imported: Mapping[str, Definition]
    on_import: Sequence[_Statement]

    @property
    def all(self) -> list[_Statement]:
        """Every statement, once, in no particular order."""
        return list({id(one): one for own in (*self.bound.values(), self.on_import) for one in own}.values())


class _Names(ast.NodeVisitor):
    """The dotted names that statements use, those in quoted annotations included."""

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
    """Takes out what decides no figure: docstrings, imports (they are followed), progress lines, texts of errors, descriptions."""

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
    bound: dict[str, list[_Statement]] = {}
    imported: dict[str, Definition] = {}
    on_import: list[_Statement] = []
    for node in _tree(module).body:
        statement = _Statement(module, node)
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
    return _Module(bound, imported, on_import)


def _guard(statement: ast.stmt) -> str | None:
    """The name that an `if` looks at: `__name__` and `TYPE_CHECKING` hold nothing that runs on import."""
    if not isinstance(statement, ast.If):
        return None
    test = statement.test.left if isinstance(statement.test, ast.Compare) else statement.test
    return test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", None)


def _only_binds(statement: ast.stmt) -> bool:
    """Whether it only binds names: an assignment to an element or an attribute does something to another object."""
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
    """The module that `from … import` names, also where it is relative."""
    if node.level == 0:
        return node.module or ""
    above = module.split(".") if _source(module).name == "__init__.py" else module.split(".")[:-1]
    return ".".join([*above[: len(above) - node.level + 1], *([node.module] if node.module else [])])


def _tree(module: str) -> ast.Module:
    return ast.parse(_source(module).read_text("utf-8"))


# --- what a definition uses -----------------------------------------------------------------------------------------


def _closure(first: Iterable[Definition]) -> dict[Definition, None]:
    """All definitions that these use, in turn, and for each module among them what runs when it is imported."""
    seen: dict[Definition, None] = {}
    queue = list(first)
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
    """Dotted name as written → the definition it leads to, or the dotted name of what lies outside of the project."""
    module, _ = one
    names = _Names()
    known = dict(_module(module).imported)
    for statement in _statements(one):
        known.update(statement.imported)
        names.visit(statement.decisive)
    found = {name: _resolve(module, name, known) for name in names.found}
    return {name: target for name, target in found.items() if target is not None and target != one}


def _resolve(module: str, name: Reference, known: Mapping[str, Definition]) -> Definition | str | None:
    """What a dotted name of `module` leads to; None for a local variable or a builtin."""
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
    held = _module(module)
    if parts[0] in held.bound:
        return module, parts[0]
    if parts[0] in held.imported:
        return _resolve(module, tuple(parts), held.imported) or (module, None)
    return module, None


def _statements(one: Definition) -> Sequence[_Statement]:
    module, name = one
    held = _module(module)
    if name is None:
        return held.all
    if name == "":
        return held.on_import
    # A name that the module does not bind itself: whatever it is, the module decides it.
    return held.bound.get(name, () if name in held.imported else held.all)


@functools.cache
def _hash(one: Definition) -> str:
    """The digest of a definition's own text."""
    return "".join(sorted(statement.digest for statement in _statements(one)))


@functools.cache
def _described(one: Definition) -> tuple[str, ...]:
    """A definition's text, and to which texts its names lead. The names of modules are no part of it."""
    own = _hash(one)
    if not own:  # nothing that runs on import
        return ()
    lines = [f"{one[1]} {own}"]
    for name, target in _used(one).items():
        led = f"{target[1]} {_hash(target)}" if isinstance(target, tuple) else target
        lines.append(f"{own} {'.'.join(name)} → {led}")
    return tuple(lines)


# --- where sources lie ----------------------------------------------------------------------------------------------


def _source(module: str) -> Path:
    """Where a module's source lies, or would lie. The package on the path is found and nothing of it is imported."""
    package, *inner = module.split(".")
    places = [str(ROOT / package)] if package in PACKAGES else _places(package)
    paths = [Path(place, *inner) for place in places]
    found = (own for path in paths for own in (path / "__init__.py", path.with_suffix(".py")) if own.is_file())
    return next(found, ROOT.joinpath(*module.split(".")).with_suffix(".py"))


@functools.cache
def _places(package: str) -> list[str]:
    """Folders of a package on the path, or the path of a module without its suffix."""
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
