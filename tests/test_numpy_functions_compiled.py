"""NumPy's functions in compiled code: traced where their shapes do not depend on values; what is made of Python values is new at each
call; random numbers are drawn at each call from the user's own generators."""

from __future__ import annotations

import array
import contextlib
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from in_world import same
from numpy_functions import ROUNDED, TABLE

import tracejit as tj

pytestmark = pytest.mark.filterwarnings("ignore")

# Functions that give as many as values say, or whether something holds of values: events of a path
EVENTS = (
    "np.unique", "np.nonzero", "np.argwhere", "np.flatnonzero", "np.where({x})", "np.extract", "np.allclose", "np.array_equal", "np.count_nonzero",
    "np.piecewise", "np.linalg.eigvals", "np.linalg.lstsq", "np.nanmean", "np.nanmax", "np.nanprod", "np.average", "np.unwrap", "np.histogram",
)  # fmt: skip
CREATORS = [
    "np.zeros(3)", "np.ones((2, 2), order='F')", "np.empty(0)", "np.full(3, 2.5)", "np.arange(4)", "np.arange(0.0, 1.0, 0.3)", "np.linspace(0, 1, 4)",
    "np.logspace(0, 1, 3)", "np.geomspace(1, 8, 4)", "np.hanning(4)", "np.kaiser(4, 2.0)", "np.eye(2)", "np.identity(3)", "np.tri(3)", "np.vander([1, 2, 3])",
    "np.array([1.0, 2.0])", "np.array([[1, 2], [3, 4]])", "np.asarray([1, 2])", "np.ascontiguousarray([[1.0, 2.0]])", "np.asfortranarray([[1.0, 2.0]])",
    "np.meshgrid([1, 2], [3.0])[0]", "np.mgrid[0:2, 0:3]", "np.ogrid[0:2, 0:3][1]", "np.r_[1:4, 0]", "np.c_[[1, 2], [3, 4]]", "np.indices((2, 2))",
    "np.sin([1.0, 2.0])", "np.add.outer([1, 2], [3, 4])", "np.concatenate([[1.0], [2.0]])", "np.fromiter((i for i in range(3)), float)",
    "np.fromfunction(lambda i, j: i + j, (2, 2))", "np.diag([1, 2])", "np.tril_indices(3)[0]", "np.random.default_rng(3).normal(size=3)",
    "np.random.RandomState(3).rand(2)", "np.fft.fftfreq(4)", "np.bincount([0, 1, 1])", "np.polyfit([0, 1, 2], [1, 2, 5], 1)", "np.zeros_like([1, 2])",
    "np.array([x[0], 2, x[1]])", "np.array([x[0], x[1]] * 8)",
    "np.array([x[0], x[1]] * 9)", "np.array([x, x])", "np.array([[x[0], 1.0], [2, 3]])", "np.stack([x, x])", "np.full(2, x[0])", "np.float32(x)",
    "np.array(x, ndmin=2)", "np.linspace(x[0], x[1], 4)", "np.zeros(int(3))", "np.frombuffer(b'12345678', 'u1').copy()", "np.array([len(x), 2.0])",
]  # fmt: skip
KNOWN = [  # what is known without asking: a graph all the same
    "sum((x * i for i in np.arange(3)), x)", "x if np.all(np.array([1, 2]) > 0) else -x", "x.reshape(tuple(np.array([2, 3])))", "x[np.arange(3)[1]]",
    "x[:int(np.prod((2, 1)))]", "x.reshape(np.array([6]))[np.argsort([2, 0, 1])]", "x * len(np.zeros(3))", "np.pad(x, [(1, 1)])", "x[tuple(np.array([1]))]", "np.linspace(x[0], x[1], 5)",
]  # fmt: skip
ORDERED = [  # an array that lies as asked, or a copy that does
    "np.ascontiguousarray({})", "np.asfortranarray({})", "np.asarray({}, order='C')", "np.asarray({}, order='F')", "np.asarray({}, order='K')",
    "np.array({}, copy=None, order='C')", "np.array({}, copy=False, order='C')", "np.array({}, copy=False, order='F')", "np.require({}, requirements='C')",
    "np.require({}, requirements='F')", "{}.astype(float, copy=False, order='C')", "{}.astype(float, copy=False)", "np.asanyarray({}, order='A')",
]  # fmt: skip
DRAWS = [
    "np.random.rand(3)", "np.random.normal(size=3)", "np.random.randint(0, 9, 3)", "np.random.permutation(6)", "np.random.choice(6, 2)", "rng.normal(size=3)",
    "rng.integers(0, 9)", "rng.permutation(x)", "np.random.default_rng(5).uniform(size=2)", "[np.random.seed(1), np.random.rand(2)][1]", "random.random()",
    "(random.seed(2), random.gauss(0, 1))[1]", "np.random.standard_normal((2, 2)) @ x[:2]", "in_a_loop(x)",
]  # fmt: skip
IN_A_LOOP = """

def in_a_loop(x):
    for _ in range(3):
        x = np.where(np.random.random(x.shape) < 0.5, x + 1, x)
        x[x > 2] *= 0.5
    return x
"""


def module_of(path: Path, rows: list[str], further: str = "") -> ModuleType:
    """A module with a function of `x` for each row: woven functions have a source."""
    functions = "".join(f"\n\ndef function_{i}(x):\n    return {row}\n" for i, row in enumerate(rows))
    path.write_text(f"import random\n\nimport numpy as np\n\nrng = np.random.default_rng(1)\n{functions}{further}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def data(family: str, seed: int) -> np.ndarray:
    shape = {"matrices": (3, 3), "row": (6,)}.get(family, (2, 3))
    x: Any = np.random.default_rng(seed).uniform(0.1, 3, shape)
    return x + 1j * x[::-1] if family == "transforms" else x


@pytest.mark.parametrize("family", TABLE)
def test_compiled_is_numpy_and_traced_where_it_can_be(family, tmp_path):
    rows, wrong = TABLE[family], []
    module = module_of(tmp_path / f"of_{family}.py", [row.format(x="x") for row in rows])
    for number, row in enumerate(rows):
        function = getattr(module, f"function_{number}")
        compiled = tj.compile(function)
        for seed in range(3):
            x = data(family, seed)
            got, wanted = compiled(x.copy()), function(x.copy())
            if not same(got, wanted, ROUNDED.get(family, 0)):
                wrong.append(f"{row} gives {got!r:.150}, NumPy {wanted!r:.150}")
                break
        modes = compiled.cache_info().modes
        if not row.startswith(EVENTS) and modes != ("graph",):
            wrong.append(f"{row} is {modes}: {compiled.cache_info().reasons}")
    assert not wrong, "\n".join(wrong)


def test_arrays_made_of_python_values_are_new_at_each_call(tmp_path):
    rows, wrong = [f"changed({creator})" for creator in CREATORS], []
    module = module_of(tmp_path / "creators.py", rows, "\n\ndef changed(z):\n    z += 1\n    z[...] = z * 2\n    return z\n")
    for number, creator in enumerate(CREATORS):
        function = getattr(module, f"function_{number}")
        compiled, kept = tj.compile(function), []
        for _ in range(3):
            x = data("row", 0)
            kept.append(compiled(x))
            wanted = function(x)
            if not all(same(got, wanted, 2) for got in kept):
                wrong.append(f"{creator} gives {kept!r:.300}, NumPy {wanted!r:.150}")
                break
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("view", ["x", "x.T", "x[::2]", "x[:, ::-1]", "x[1, ::2]", "x[:1]", "(x + 1)[:, 1:]", "x[0, 0]"])
def test_an_array_is_copied_where_it_does_not_lie_as_asked(view, tmp_path):
    rows, wrong = [f"changed(x, lambda: {row.format(view)})" for row in ORDERED], []
    further = """

def changed(x, make):
    try:
        y = make()
    except ValueError as error:
        return str(error)
    y += 1
    return y, y.flags.c_contiguous, y.flags.f_contiguous, x
"""
    module = module_of(tmp_path / "ordered.py", rows, further)
    for number, row in enumerate(rows):
        function = getattr(module, f"function_{number}")
        compiled = tj.compile(function)
        for order in "CFC":
            got, wanted = (f(np.asarray(data("matrices", 0), order=order)) for f in (compiled, function))
            if not same(got, wanted):
                wrong.append(f"{row} in order {order} gives {got!r:.300}, NumPy {wanted!r:.300}")
    assert not wrong, "\n".join(wrong)


def test_what_is_made_of_constants_is_known_while_it_is_traced(tmp_path):
    module, wrong = module_of(tmp_path / "known.py", KNOWN), []
    for number, row in enumerate(KNOWN):
        function = getattr(module, f"function_{number}")
        compiled = tj.compile(function)
        for seed in range(2):
            x = data("row", seed)
            if not same(compiled(x), function(x)):
                wrong.append(f"{row} gives {compiled(x)!r:.150}, NumPy {function(x)!r:.150}")
        if compiled.cache_info().modes != ("graph",):
            wrong.append(f"{row} is {compiled.cache_info()}")
    assert not wrong, "\n".join(wrong)


def test_random_numbers_are_drawn_at_each_call_from_the_users_generators(tmp_path):
    rows = [f"(x + 1, {draw}, x * 2)" for draw in DRAWS]
    module, wrong = module_of(tmp_path / "draws.py", rows, IN_A_LOOP), []

    def streams(function: Any) -> Any:
        np.random.seed(3)
        module.random.seed(4)
        module.rng = np.random.default_rng(5)
        results = [function(data("row", seed)) for seed in range(4)]
        return results, np.random.rand(), module.random.random(), module.rng.random()

    for number, draw in enumerate(DRAWS):
        function = getattr(module, f"function_{number}")
        got, wanted = streams(tj.compile(function)), streams(function)
        if not same(got, wanted, 64):
            wrong.append(f"{draw} gives {got!r:.300}, NumPy {wanted!r:.300}")
    assert not wrong, "\n".join(wrong)


TRIES = """

def inverse_or_text(x):
    try:
        return np.linalg.inv(x)
    except np.linalg.LinAlgError as error:
        return str(error)


def steps_before_it_raises(x):
    done = []
    for shift in range(3):
        try:
            factor = np.linalg.cholesky(x - shift * np.eye(3))
            done.append(factor[0, 0])
        except np.linalg.LinAlgError:
            done.append(-1.0)
            break
        finally:
            done.append(shift)
    return done


def in_a_helper(x):
    try:
        y = solved(x) + 1
    except ValueError:
        x = x * 2
        y = x.sum()
    else:
        y = y.mean()
    return y, x


def solved(x):
    return np.linalg.solve(x, x[0])


def held_back(x):
    written = x.copy()
    with contextlib.suppress(IndexError):
        written[0] = 7
        written[x.astype(int)[0]] = 8
        written[1] = 9
    return written
"""


def test_what_is_raised_in_a_try_is_met_there(tmp_path):
    module, wrong = module_of(tmp_path / "tries.py", [], TRIES), []
    module.contextlib = contextlib
    bad, good = np.ones((3, 3)), np.diag([3.0, 2.0, 1.5])
    for name in ("inverse_or_text", "steps_before_it_raises", "in_a_helper", "held_back"):
        function = getattr(module, name)
        for order in ((good, bad, good, 9 * bad, bad), (9 * bad, bad, good, good)):
            compiled = tj.compile(function)
            for x in order:
                got, wanted = compiled(x.copy()), function(x.copy())
                if not same(got, wanted, 8):
                    wrong.append(f"{name} gives {got!r:.200}, NumPy {wanted!r:.200}")
    assert not wrong, "\n".join(wrong)


OUTER = """

class Held:
    pass


held = Held()


def of_a_list(x):
    return np.array(held.arrays) * x, np.vstack(held.arrays), np.stack(held.arrays), np.full((2, 3), held.arrays[0]), np.mean(held.arrays, axis=0)


def of_memory(x):
    return np.frombuffer(held.bytes, dtype="u1") + x, np.array(held.numbers) + x, np.asarray(memoryview(held.numbers)) * 2
"""


def test_what_outer_objects_hold_is_read_at_each_call(tmp_path):
    module = module_of(tmp_path / "outer.py", [], OUTER)
    held = module.held
    held.arrays, held.bytes, held.numbers = [np.arange(3.0), np.ones(3)], bytearray(b"\x01\x02\x03"), array.array("d", [1.0, 2.0, 3.0])
    for function in (module.of_a_list, module.of_memory):
        compiled = tj.compile(function)
        for step in range(4):
            x = np.arange(3.0) + step
            assert same(compiled(x), function(x)), f"{function.__name__}, call {step}"
            held.arrays[0][1] += 1
            held.bytes[0] += 1
            held.numbers[2] += 1
