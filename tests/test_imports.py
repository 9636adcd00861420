"""The order of the rooms: a module imports only from rooms above it, nothing circular, nothing heavy, nothing inside a function."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "tracejit"
ROOMS = [
    "spec", "tree", "errors", "logs", "named", "forks", "scope", "tensor", "backend", "device", "whole", "interpreter", "precision", "application", "dispatch", "vjp", "printing", "op", "ops",
    "linalg", "fft", "random", "autograd", "nn", "optim", "amp", "graph", "control", "lowering", "runtime", "backends", "cuda", "frontend", "history", "entry", "reasons", "paths", "permits",
    "pace", "options", "disabled", "misses", "verify", "unreplayed", "report", "compile", "__main__",
]  # fmt: skip
UNDER = {"spec": {"errors"}}  # errors know nothing at all, so spec may raise them
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST = 400


def name_of(path: Path) -> str:
    parts = ("tracejit", *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {name_of(path): path for path in MODULES}


def room_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def imported(node: ast.AST, module: str, path: Path) -> list[str]:
    """The modules of this package that an import statement names."""
    if isinstance(node, ast.Import):
        return [a.name for a in node.names if a.name.split(".")[0] == "tracejit"]
    if not isinstance(node, ast.ImportFrom):
        return []
    if node.level:
        package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
        start = ".".join([*package[: len(package) - node.level + 1], *([node.module] if node.module else [])])
    elif (node.module or "").split(".")[0] == "tracejit":
        start = node.module or ""
    else:
        return []
    return [f"{start}.{a.name}" if f"{start}.{a.name}" in NAMES else start for a in node.names]


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def guarded(tree: ast.Module) -> set[ast.AST]:
    """The statements that only type checkers read."""
    blocks = [n for n in ast.walk(tree) if isinstance(n, ast.If) and isinstance(n.test, ast.Name) and n.test.id == "TYPE_CHECKING"]
    return {inner for block in blocks for statement in block.body for inner in ast.walk(statement)}


def imports(module: str, everywhere: bool = False) -> list[str]:
    path = NAMES[module]
    tree = tree_of(path)
    skip = guarded(tree)
    nodes = ast.walk(tree) if everywhere else tree.body
    return [name for node in nodes if node not in skip for name in imported(node, module, path)]


@pytest.mark.parametrize("module", [m for m in NAMES if m != "tracejit"])
def test_a_module_imports_only_from_rooms_above(module):
    assert room_of(module) in ROOMS, f"{module} is in no room of the design"
    here = ROOMS.index(room_of(module))
    for name in imports(module, everywhere=True):
        there = room_of(name)
        fine = there == room_of(module) or there in UNDER.get(room_of(module), ()) or (there and ROOMS.index(there) < here)
        assert fine, f"{module} imports {name}, which is below it"


@pytest.mark.parametrize("module", sorted(NAMES))
def test_no_import_of_our_own_stands_inside_a_function(module):
    path = NAMES[module]
    for function in ast.walk(tree_of(path)):
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            for node in ast.walk(function):
                assert not imported(node, module, path), f"{module}:{getattr(node, 'lineno', '?')} imports inside {function}"


def test_imports_have_no_circle():
    graph = {m: {i for i in imports(m) if i in NAMES and i != m} for m in NAMES}
    done: set[str] = set()
    while len(done) < len(graph):
        free = {m for m, needs in graph.items() if m not in done and needs <= done}
        stuck = {m: sorted(graph[m] - done) for m in graph if m not in done}
        assert free, f"a circle among {stuck}"
        done |= free


@pytest.mark.parametrize("module", sorted(NAMES))
def test_no_module_is_too_long(module):
    assert len(NAMES[module].read_text().splitlines()) <= LONGEST


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}\nimport sys; print(' '.join({{m.split('.')[0] for m in sys.modules}}))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    return set(run.stdout.split())


def test_importing_loads_nothing_heavy():
    heavy = {"numba", "llvmlite", "scipy", "torch", "jax", "matplotlib", "rich", "safetensors", "cuda", "cupy"}
    assert not heavy & loaded_by("import tracejit")


def test_the_check_for_heavy_modules_sees_them():
    assert "scipy" in loaded_by("import scipy")
