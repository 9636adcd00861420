"""One function twice: undecorated and compiled, on equal arguments. Nothing that can be seen of a call may differ.

Seen are: the result, what was raised, what was printed, warnings, and the arguments afterwards; of arrays their type, dtype,
shape, bits, which of them are one object or share memory; how far the generators of random numbers got; and, in the end, what
became of the results of all calls.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import io
import itertools
import linecache
import random
import types
import warnings
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple

import numpy as np
import pytest
from support import bits, ulps

import tracejit as tj
from tracejit.spec import DTYPES

CALLS = 5  # each on other contents

both = pytest.mark.parametrize("xp", [np, tj], ids=["NumPy", "Tensor"])


class Given(NamedTuple):
    """What a call is made with."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def given(*args: Any, **kwargs: Any) -> Given:
    return Given(args, kwargs)


def array(xp: Any, *shape: int, seed: int = 0, dtype: str = "float64") -> Any:
    """Small whole numbers and halves, so that many are equal: NumPy's array, or a Tensor."""
    numbers = np.random.default_rng(seed).integers(-8, 9, shape)
    return xp.asarray((numbers / 2 if np.dtype(dtype).kind in "fc" else numbers).astype(dtype))


def vectors(xp: Any, *shape: int, count: int = 1) -> Callable[[int], Given]:
    """Arguments for `same`: arrays of this shape, other ones for each call."""
    return lambda n: Given(tuple(array(xp, *(shape or (6,)), seed=10 * n + k) for k in range(count)), {})


# What is seen of a value


class Leaf(NamedTuple):
    """An array, a Tensor or a NumPy scalar."""

    kind: str
    about: tuple[Any, ...]
    contents: np.ndarray | str


class Looker:
    """Makes values comparable. An object that was met before is only named: what is one object must be one object in both runs."""

    def __init__(self) -> None:
        self.met: dict[int, int] = {}
        self.kept: list[Any] = []
        self.arrays: list[np.ndarray] = []

    def look(self, value: Any) -> Any:
        if value is None or isinstance(value, (str, bytes, range, np.dtype, types.EllipsisType)) or (isinstance(value, (int, float, complex)) and not isinstance(value, np.generic)):
            return type(value).__name__, repr(value)
        if isinstance(value, np.generic):
            return _leaf(type(value).__name__, (value.dtype.str,), np.asarray(value))
        if isinstance(value, tuple) and not isinstance(value, np.ndarray):
            return type(value).__name__, [self.look(v) for v in value]
        if id(value) in self.met:
            return "met before", self.met[id(value)]
        self.met[id(value)] = len(self.met)
        self.kept.append(value)
        return self._look(value)

    def _look(self, value: Any) -> Any:
        name = type(value).__name__
        if isinstance(value, tj.Tensor):
            seen = value.detach().numpy()
            self.arrays.append(seen)
            grad = self.look(value.grad) if value.is_leaf else None
            return _leaf(name, (seen.dtype.str, seen.shape, value.requires_grad, grad), seen)
        if isinstance(value, np.ma.MaskedArray):
            return name, self.look(value.data), self.look(np.ma.getmaskarray(value))
        if isinstance(value, np.ndarray):
            self.arrays.append(np.asarray(value))
            if value.dtype.hasobject:
                return name, value.shape, [self.look(v) for v in value.reshape(-1).tolist()]
            return _leaf(name, (value.dtype.str, value.shape, value.flags.writeable), np.asarray(value))
        if isinstance(value, dict):
            return name, [(self.look(k), self.look(v)) for k, v in value.items()]
        if isinstance(value, (set, frozenset)):
            return name, sorted(map(repr, value))
        if isinstance(value, list):
            return name, [self.look(v) for v in value]
        if isinstance(value, BaseException):
            return name, self.look(value.args), str(value)
        if callable(value) or isinstance(value, (types.ModuleType, type)):
            return name, getattr(value, "__name__", "")
        return name, [(k, self.look(v)) for k, v in getattr(value, "__dict__", {}).items()]

    def shared(self) -> list[tuple[int, int]]:
        """Which of the arrays met so far share memory."""
        numbered = itertools.combinations(enumerate(self.arrays), 2)
        return [(m, n) for (m, a), (n, b) in numbered if np.shares_memory(a, b)]


def _leaf(kind: str, about: tuple[Any, ...], values: np.ndarray) -> Leaf:
    return Leaf(kind, about, np.array(values) if values.dtype in DTYPES else repr(values.tolist()))


def differ(path: str, mine: Any, theirs: Any, allowed: float) -> Iterator[str]:
    """Where two looks differ, by more than `allowed` units in the last place."""
    if isinstance(mine, Leaf) and isinstance(theirs, Leaf) and (mine.kind, mine.about[:2]) == (theirs.kind, theirs.about[:2]):
        yield from differ(f"{path}'s flags", mine.about[2:], theirs.about[2:], allowed)
        if not _equal(mine.contents, theirs.contents, allowed):
            yield f"{path}: {mine.contents!r} instead of {theirs.contents!r}"
    elif isinstance(mine, (tuple, list)) and type(mine) is type(theirs) and len(mine) == len(theirs) and not isinstance(mine, Leaf):
        for n, (a, b) in enumerate(zip(mine, theirs)):
            yield from differ(f"{path}.{n}", a, b, allowed)
    elif mine != theirs:
        yield f"{path}: {mine!r} instead of {theirs!r}"


def _equal(mine: Any, theirs: Any, allowed: float) -> bool:
    if isinstance(mine, str) or isinstance(theirs, str) or not allowed or mine.dtype.kind not in "fc":
        return bool(np.array_equal(bits(mine), bits(theirs))) if isinstance(mine, np.ndarray) and isinstance(theirs, np.ndarray) else mine == theirs
    return bool((ulps(mine, theirs) <= allowed).all())


# A call


def observe(function: Callable[..., Any], call: Given, kept: list[Any], watched: Any = None) -> dict[str, Any]:
    """Make a call; what can be seen of it."""
    result, raised, out, err = None, None, io.StringIO(), io.StringIO()
    with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        warnings.simplefilter("always")
        try:
            result = function(*call.args, **call.kwargs)
        except Exception as error:  # noqa: BLE001 the undecorated function's error is the reference
            raised = error
    looker = Looker()
    arguments = looker.look(call.args), looker.look(call.kwargs)
    kept.append(result)
    return {
        "raised": None if raised is None else looker.look(raised), "printed": (out.getvalue(), err.getvalue()), "arguments": arguments,
        "result": looker.look(result), "state": looker.look(watched() if isinstance(watched, types.FunctionType) else watched), "shared memory": looker.shared(),
        "warnings": [(w.category.__name__, str(w.message)) for w in caught if not _free(w.category)],
        "random numbers": (np.random.random(), random.random(), tj.rand(1).item()),
    }  # fmt: skip


def _free(category: type) -> bool:
    """Whether warnings of this kind may differ: NumPy's of floating point, and the compiler's own."""
    return issubclass(category, RuntimeWarning) or category.__module__.partition(".")[0] == "tracejit"


def _seed(n: int) -> None:
    np.random.seed(n)
    random.seed(n)
    tj.manual_seed(n)


Make = Callable[[], Any]


def differences(make: Make, arguments: Callable[[int], Any], calls: int = CALLS, allowed: float = 0, compile: Callable[..., Any] = tj.compile) -> tuple[list[str], Any]:
    """What a compiled function does otherwise than the undecorated one, at the first call where it does; and the compiled function.

    `make()` gives the function, with state of its own; or that and what else is to be looked at after each call, or a function that gives it.
    `arguments(n)` gives fresh ones for call n: `given(...)`, or a tuple.
    """
    made = [m if isinstance(m, tuple) else (m, None) for m in (make(), make())]
    (plain, theirs), (function, mine) = made
    compiled = compile(function)
    kept: tuple[list[Any], list[Any]] = ([], [])
    for n in range(calls):
        seen = []
        for run, watched, results in ((plain, theirs, kept[0]), (compiled, mine, kept[1])):
            call = arguments(n)
            _seed(n)
            seen.append(observe(run, call if isinstance(call, Given) else Given(tuple(call), {}), results, watched))
        found = [line for key in seen[0] for line in differ(key, seen[1][key], seen[0][key], allowed)]
        if found:
            return [f"call {n}, {_modes(compiled)}:", *found], compiled
    looks = [Looker().look(results) for results in kept]
    return list(differ("results in the end", looks[1], looks[0], allowed)), compiled


def _modes(compiled: Any) -> str:
    info = compiled.cache_info() if hasattr(compiled, "cache_info") else None
    return "" if info is None else f"modes {info.modes}, because {info.reasons}"


def same_made(make: Make, arguments: Callable[[int], Any], calls: int = CALLS, allowed: float = 0, compile: Callable[..., Any] = tj.compile) -> Any:
    """Fail unless a function with state of its own (`make` gives it) does the same undecorated and compiled. The compiled one."""
    found, compiled = differences(make, arguments, calls, allowed, compile)
    if found:
        pytest.fail("\n".join(found), pytrace=False)
    return compiled


def same(function: Callable[..., Any], arguments: Callable[[int], Any], calls: int = CALLS, allowed: float = 0, compile: Callable[..., Any] = tj.compile) -> Any:
    """Fail unless a function does the same undecorated and compiled, on fresh `arguments(n)` for call n. The compiled one."""
    return same_made(lambda: function, arguments, calls, allowed, compile)


def module_of(path: Path, text: str) -> types.ModuleType:
    """A module of this text, in a file of its own."""
    path.write_text(text)
    linecache.checkcache(str(path))
    spec: Any = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# What functions are given


@dataclasses.dataclass
class Pair:
    """What a function may take and return."""

    left: Any
    right: Any


class Layer:
    """An object with arrays, numbers and a list of its own."""

    scale = 1.5

    def __init__(self, xp):
        self.weight = array(xp, 4, seed=4)
        self.steps = 0
        self.training = True
        self.history = []

    def __call__(self, x):
        self.steps += 1
        return x * self.weight + self.steps

    def forward(self, x):
        y = x * self.scale + self.weight
        return y * 2 if self.training else y

    def learn(self, x):
        self.weight -= x * 0.5
        self.weight = self.weight + 1
        self.history.append(self.weight.sum())
        return self.weight

    @property
    def doubled(self):
        return self.weight * 2

    @classmethod
    def of_class(cls, x):
        return x * cls.scale

    @staticmethod
    def plain(x):
        return x + 1
