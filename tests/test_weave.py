"""Woven functions: unmodified NumPy code, whatever way it reaches arrays and whatever it calls, does what it does undecorated."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import functools

import numpy as np
import pytest

import tracejit as tj
from tracejit.frontend.weave import Unwoven, root

WEIGHT = np.arange(5.0)
ROWS = [np.ones(5), np.full(5, 2.0)]
NAMED = {"a": np.arange(5.0)}
COUNTS = np.zeros(5)


class Layer:
    scale = 2.0

    def __init__(self, weight):
        self.weight = weight
        self.kept = []

    def __call__(self, x):
        return x * self.weight * self.scale

    def forward(self, x):
        return self(x) + WEIGHT

    @property
    def doubled(self):
        return self.weight * 2

    @staticmethod
    def plus_one(x):
        return x + 1

    @classmethod
    def scaled(cls, x):
        return x * cls.scale

    def keep(self, x):
        self.last = x * 2
        self.kept.append(x + 1)
        return self.last


class Deep(Layer):
    def forward(self, x):
        return super().forward(x) - 1

    def __hidden(self, x):
        return x * 3

    def use_hidden(self, x):
        return self.__hidden(x)


@dataclasses.dataclass
class Pair:
    first: object
    second: object = 2


LAYER, DEEP = Layer(np.ones(5)), Deep(np.ones(5))


def keywords(x, *rest, k=WEIGHT, **named):
    return x + k + sum(rest) + sum(named.values())


def every_other(x):
    for i in range(3):
        yield x * i


def writes_outside(x):
    COUNTS[1:3] += x[1:3]
    return COUNTS


def unpacks(x):
    a, b = ROWS
    return a * x, b


def recursive(x, n=3):
    return x if n == 0 else recursive(x * 2, n - 1)


def makes_an_object(x):
    layer = Layer(x)
    return layer(x), layer.doubled


def handles(x):
    try:
        return x[100]
    except IndexError:
        return x
    finally:
        x[0] = 7


def asks_for_types(x):
    return type(x) is np.ndarray, isinstance(x, np.ndarray), type(x[0]) is np.float64, isinstance(x[0], float)


def has_a_function(x):
    def inner(y):
        return y + x * WEIGHT

    return inner(x)


def sets_a_global(x):
    global LAST
    LAST = x * 2
    return x


def matches(x):
    match x.shape:
        case (n,):
            return x * n


def with_block(x):
    with contextlib.nullcontext(WEIGHT) as weight:
        return weight * x


def written_backwards(x):
    view = x[::-1]
    view[1:] = x[0] * np.zeros(4)
    return view


def held_back(x):
    last = None
    with contextlib.suppress(IndexError):
        for i in range(300):
            last = x[i] * 2
    return last


CASES = {
    "a method": LAYER.forward, "a callable object": LAYER, "super()": DEEP.forward, "a private name": DEEP.use_hidden,
    "a static method": Layer.plus_one, "a class method": Layer.scaled, "a write to an outer array": writes_outside,
    "comprehensions": lambda x: [w * x for w in ROWS] + [a * b for a, b in zip(ROWS, ROWS)], "unpacking": unpacks,
    "a dict's items": lambda x: {k: v + x for k, v in NAMED.items()}, "a default": lambda x: (lambda a, b=WEIGHT: a + b)(x),
    "recursion": recursive, "a generator": lambda x: sum(every_other(x)), "a dataclass": lambda x: Pair(x, x + 1),
    "an object made inside": makes_an_object, "exceptions": handles, "types": asks_for_types, "keywords": keywords,
    "starred arguments": lambda x: keywords(x, *ROWS, k=2, **NAMED), "an inner function": has_a_function,
    "outer arrays as results": lambda x: (WEIGHT, x, WEIGHT), "kept values": LAYER.keep, "a global": sets_a_global,
    "an assignment in an expression": lambda x: (y := x * 2) + y, "match": matches, "with": with_block,
    "map": lambda x: list(map(lambda w: w * x, ROWS)), "builtins": lambda x: (len(x), max(1, 2), abs(x)),
    "a value as text": lambda x: f"{x[0]:.3f} {x.shape}", "a branch": lambda x: x if x[0] > 0 else -x,
    "a partial inside": lambda x: functools.partial(keywords, k=1)(x), "a partial": functools.partial(keywords, k=3),
    "a reversed view": written_backwards, "which bool it is": lambda x: ((x > -9).all() is np.True_, (x[0] > 9) is np.False_, x is None),
    "a held exception in a loop": held_back,
}  # fmt: skip


def alike(a, b):
    """Whether two results are of one type and, to the bit, one value."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(alike, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(alike(a[k], b[k]) for k in a)
    return alike(vars(a), vars(b)) if dataclasses.is_dataclass(a) else a == b


def state():
    return [COUNTS, WEIGHT, *ROWS, NAMED["a"], LAYER.weight]


@pytest.mark.parametrize("function", CASES.values(), ids=CASES)
def test_compiled_numpy_code_does_what_it_does_undecorated(function):
    compiled = tj.compile(function)
    for call in range(4):
        x = np.linspace(call - 1, 1, 5)
        before, given = copy.deepcopy(state()), x.copy()
        expected = copy.deepcopy(function(given))
        after = copy.deepcopy(state())
        for array, contents in zip(state(), before):
            array[:] = contents
        assert alike(compiled(x), expected)
        assert alike(x, given) and alike(state(), after)
        ROWS[0][1] += 1  # what is outside is read anew at each call
        WEIGHT[2] += 1
        NAMED["a"][0] -= 1
        LAYER.weight[1] += 1
    assert all(type(value) is np.ndarray for value in (*LAYER.kept, *([LAYER.last] if LAYER.kept else [])))


def test_what_is_read_by_reference_makes_no_new_trace():
    compiled = tj.compile(lambda x: [w * x + WEIGHT + LAYER(x) for w in ROWS])
    for _ in range(3):
        compiled(np.ones(5))
        WEIGHT[0] += 1
        ROWS[1][0] += 1
    assert compiled.cache_info().traces == 1 and compiled.cache_info().modes == ("graph",)


def test_an_array_that_untraced_code_makes_is_made_at_each_call():
    compiled = tj.compile(lambda x: x + sum(ROWS))
    for _ in range(3):
        x = np.ones(5)
        assert alike(compiled(x), x + sum(ROWS))
        ROWS[0][:] += 1


@pytest.mark.parametrize("text", ["locals()", "eval('x')", "__import__('sys')._getframe()"])
def test_a_function_that_looks_at_its_own_frame_runs_as_it_is(text, tmp_path):
    path = tmp_path / "frames.py"
    path.write_text(f"def f(x):\n    {text}\n    return x * 2\n")
    scope = {}
    exec(compile(path.read_text(), str(path), "exec"), scope)
    compiled = tj.compile(scope["f"])
    assert alike(compiled(np.ones(3)), np.full(3, 2.0))
    assert compiled.cache_info().modes == ("python",)


def test_a_function_whose_source_is_not_at_hand_or_has_changed_runs_as_it_is(tmp_path):
    path = tmp_path / "changed.py"
    for name, text in (("<nowhere>", "def f(x): return x * 2\n"), (str(path), "def f(x): return x * 3\n")):
        scope = {}
        path.write_text("def f(x): return x * 2\n")
        exec(compile(text, name, "exec"), scope)
        with pytest.raises(Unwoven, match="at hand|changed"):
            root(scope["f"])
        assert alike(tj.compile(scope["f"])(np.ones(3)), scope["f"](np.ones(3)))


def test_a_function_that_was_kept_is_as_it_was_outside_a_trace():
    def make(x):
        return lambda y: y * WEIGHT + x

    kept = tj.compile(make)(np.ones(5))
    assert alike(kept(np.ones(5)), np.ones(5) * WEIGHT + 1)


def test_errors_stand_at_the_users_line():
    def fails(x):
        y = x * 2
        return y.reshape(7)

    with pytest.raises(ValueError) as error:
        tj.compile(fails)(np.ones(5))
    lines = []
    trace = error.value.__traceback__
    while trace is not None:
        lines.append((trace.tb_frame.f_code.co_name, trace.tb_lineno))
        trace = trace.tb_next
    assert ("fails", fails.__code__.co_firstlineno + 2) in lines


def slices(x):
    y = np.zeros(5)
    y[1:4] = x[1:4] ** 2
    return y.sum() + np.sin(x[::-1]).mean()


def turns(x):
    total = 0.0
    for i in range(300):
        total = total + np.sin(x[i % 5] * i) * 0.01
    return total * x.max()


def methods(x):
    a = np.outer(x, x) + np.eye(5)
    return np.linalg.norm(np.linalg.solve(a, x.copy())) + a.T.reshape(-1)[3:9].std() + np.where(x > 0, x, 0.1 * x).prod()


@pytest.mark.parametrize("function", [slices, turns, methods], ids=lambda f: f.__name__)
def test_unmodified_numpy_code_is_differentiated(function):
    x, step = np.linspace(-1, 1.5, 5), 1e-6
    wanted = [(function(x + step * e) - function(x - step * e)) / (2 * step) for e in np.eye(5)]
    compiled = tj.compile(tj.grad(function))
    for _ in range(2):
        np.testing.assert_allclose(compiled(x).numpy(), wanted, rtol=1e-5, atol=1e-6)
    value, gradient = tj.compile(tj.value_and_grad(function))(x)
    np.testing.assert_allclose([value.item(), *gradient.numpy()], [function(x), *wanted], rtol=1e-5, atol=1e-6)


def test_a_block_without_gradients_splits_no_graph():
    def function(x, i):
        with tj.no_grad():
            return x[i] * 2

    compiled = tj.compile(function)
    compiled(tj.arange(5), tj.asarray([1, 2]))
    assert compiled.cache_info().modes == ("graph",)
