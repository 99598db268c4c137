"""The digest of the code that makes a table: its module and what that imports from assets/, resources/ and its own package.

Comments, docstrings and layout do not count; templates/ beside a module does. Nothing of the project is imported: the sources
are read. A function that the settings name may stand elsewhere on the path.
"""

import ast
import functools
import hashlib
import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("assets", "resources")
NO_FIGURE = ("resources.errors",)  # wording only: a clearer sentence makes no partition stale


@functools.cache
def code_digest(make: str) -> str:
    """32 hex digits for a "module:function"; of nothing where there is no such module, which its caller will say."""
    seen: set[str] = set()
    queue = list(filter(_exists, [make.split(":")[0]]))
    while queue:
        module = queue.pop()
        if module not in seen and module not in NO_FIGURE:
            seen.add(module)
            queue.extend(imports(module))
    hashed = hashlib.blake2b(digest_size=16)
    for module in sorted(seen):
        hashed.update(module.encode())
        hashed.update(_normal_form(module))
    for folder in sorted({_source(module).parent / "templates" for module in seen}):
        for path in sorted(folder.glob("*")):
            hashed.update(path.name.encode() + path.read_bytes())
    return hashed.hexdigest()


@functools.cache
def imports(module: str) -> tuple[str, ...]:
    """Modules of this project that `module` imports anywhere in its body."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(_source(module).read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    known = (*PACKAGES, module.split(".")[0])
    return tuple(sorted(name for name in found if name.split(".")[0] in known and _exists(name)))


@functools.cache
def _normal_form(module: str) -> bytes:
    tree = ast.parse(_source(module).read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(tree).encode()


def _source(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    own = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if own.is_file() or module.split(".")[0] in PACKAGES:
        return own
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:  # of a parent
        spec = None
    return Path(spec.origin) if spec is not None and spec.has_location and spec.origin else own


def _exists(module: str) -> bool:
    source = _source(module)
    return source.is_file() and source.suffix == ".py"
