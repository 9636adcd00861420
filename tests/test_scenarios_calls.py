"""How a function is called: spellings, structures and Python values among the arguments; and what can be decorated."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from twins import Layer, Pair, array, both, given, same, same_made, vectors

import tracejit as tj

# One signature, however it is spelt


@both
def test_positional_keyword_and_default_spellings_are_one_call(xp):
    def function(x, scale=2.0, *, shift=1.0):
        return x * scale + shift

    def arguments(n):
        x = array(xp, 6, seed=n)
        return [given(x), given(x, 2.0), given(x=x, scale=2.0), given(x, shift=1.0), given(shift=1.0, scale=2.0, x=x)][n]

    assert same(function, arguments).trace_count == 1


@both
def test_the_order_of_keywords_is_what_the_function_sees(xp):
    def function(**parts):
        return list(parts), sum(parts[k] * (i + 1) for i, k in enumerate(parts))

    def arguments(n):
        a, b = array(xp, 4, seed=n), array(xp, 4, seed=n + 9)
        return given(a=a, b=b) if n % 2 else given(b=b, a=a)

    same(function, arguments)


@both
def test_the_order_of_a_dict_is_what_the_function_sees(xp):
    def function(parts):
        total = 0.0
        for n, key in enumerate(parts):
            total = total + parts[key] * (n + 1)
        return {**parts, "total": total}

    def arguments(n):
        a, b = array(xp, 4, seed=n), array(xp, 4, seed=n + 9)
        return ({"a": a, "b": b} if n % 2 else {"b": b, "a": a},)

    same(function, arguments)


@both
def test_any_number_of_arguments(xp):
    def function(first, *others, **named):
        for other in others:
            first = first + other
        return first - named["minus"] if named else first

    def arguments(n):
        x, y = array(xp, 5, seed=n), array(xp, 5, seed=n + 9)
        return [given(x), given(x, y), given(x, y, x), given(x, minus=y), given(x, y, y, x, minus=x)][n]

    same(function, arguments)


@both
def test_one_array_as_two_arguments(xp):
    def function(x, y):
        x += 1
        return x + y, x is y

    def arguments(n):
        x, y = array(xp, 5, seed=n), array(xp, 5, seed=n + 9)
        return (x, x) if n in (1, 2, 4) else (x, y)

    same(function, arguments)


@both
def test_arguments_that_overlap_now_and_then(xp):
    def function(x, y):
        x[1:] = y[:-1] * 2
        return y.sum()

    def arguments(n):
        base = array(xp, 9, seed=n)
        return [(base[:6], array(xp, 6, seed=n)), (base[:6], base[3:]), (base[3:], base[:6]), (base[:6], base[5::-1]), (base[:6], base[:6])][n]

    same(function, arguments)


@both
def test_new_shapes_dtypes_and_ranks(xp):
    def function(x):
        return x * 2 + x.sum(axis=0)

    shapes = [(3,), (7,), (3, 4), (3,), (2, 3, 4), (0, 2), (3,)]
    dtypes = ["float64", "float32", "float32", "int64", "float64", "float64", "bool"]
    same(function, lambda n: (array(xp, *shapes[n], seed=n, dtype=dtypes[n]),), calls=7)


@both
def test_a_new_structure_of_the_arguments(xp):
    def function(parts):
        if isinstance(parts, dict):
            return {k: v + 1 for k, v in parts.items()}
        return type(parts)(v * 2 for v in parts)

    def arguments(n):
        x, y = array(xp, 3, seed=n), array(xp, 3, seed=n + 9)
        return ([[x, y], (x, y), {"x": x, "y": y}, [x], (x, y)][n],)

    same(function, arguments)


@both
def test_a_named_tuple_and_a_dataclass_as_arguments(xp):
    def function(pair, point):
        pair.left = pair.left + point.real
        return type(point)(point.real * 2, pair.right), pair

    def arguments(n):
        return Pair(array(xp, 3, seed=n), array(xp, 3, seed=n + 9)), Point(array(xp, 3, seed=n + 20), n)

    same(function, arguments)


class Point(tuple):
    """A tuple of one's own."""

    def __new__(cls, real, imag):
        return super().__new__(cls, (real, imag))

    real = property(lambda self: self[0])


@both
def test_true_one_and_one_point_zero(xp):
    def function(x, n):
        return x + n, n, type(n).__name__

    values = [True, 1, 1.0, 1 + 0j, np.int8(1), np.float32(1), np.True_, 1]
    same(function, lambda n: (array(xp, 4, seed=n, dtype="int32"), values[n]), calls=8)


@both
def test_zeros_and_nans_among_python_values(xp):
    def function(x, value):
        return x * value, value

    values = [0.0, -0.0, float("nan"), 0, float("inf"), -0.0, 0.0, float("nan")]
    same(function, lambda n: (array(xp, 4, seed=n), values[n]), calls=8)


@both
def test_strings_and_none_choose_what_is_done(xp):
    def function(x, how=None):
        match how:
            case None:
                return x
            case "double":
                return x * 2
            case ("shift", by):
                return x + by
            case _:
                raise ValueError(f"unknown: {how}")

    same(function, lambda n: (array(xp, 4, seed=n), [None, "double", ("shift", 3), "other", ("shift", 3.5), "double"][n]), calls=6)


@both
def test_a_slice_or_a_dtype_as_an_argument(xp):
    def function(x, where, dtype):
        return x[where].astype(dtype)

    places = [slice(1, 4), slice(None, None, -1), 2, slice(0, 0), ...]
    dtypes = [np.float32, "int64", np.dtype("f4"), float, "float64"]
    if xp is tj:
        dtypes = [tj.float32, tj.int64, tj.float32, tj.float64, tj.float64]
    same(function, lambda n: (array(xp, 5, seed=n), places[n], dtypes[n]))


@both
def test_python_lists_of_numbers_as_arguments(xp):
    def function(x, weights):
        for w in weights:
            x = x * w
        weights[0] += 1
        return x + len(weights)

    same(function, lambda n: (array(xp, 5, seed=n), [1.0, 2.0, n][: 2 + n % 2]))


def test_only_python_values_as_arguments():
    same(lambda a, b: (a + b, a // b if b else None), lambda n: (n, n % 3))


def test_arrays_made_inside_a_function_of_python_values():
    same(lambda n, scale: np.arange(n) * scale, lambda n: (n % 3, 0.5))


# What can be decorated


@both
def test_a_lambda_a_partial_and_a_partial_of_a_partial(xp):
    def function(x, y, scale=1):
        return x * scale - y

    fixed = array(xp, 6, seed=3)
    same(lambda x: x * 2, vectors(xp))
    same(functools.partial(function, fixed), vectors(xp))
    same(functools.partial(functools.partial(function, scale=3), y=fixed), vectors(xp))


@both
def test_bound_methods(xp):
    def make():
        layer = Layer(xp)
        return layer.learn, layer

    same_made(make, vectors(xp, 4))


@both
def test_class_and_static_methods(xp):
    same(Layer.of_class, vectors(xp))
    same(Layer.plain, vectors(xp))
    same(Layer(xp).of_class, vectors(xp))


@both
def test_callable_objects(xp):
    def make():
        layer = Layer(xp)
        return layer, layer

    same_made(make, vectors(xp, 4))


@both
def test_methods_decorated_in_the_class(xp):
    class Decorated:
        def __init__(self, scale):
            self.scale = scale

        @tj.compile
        def method(self, x):
            return x * self.scale

        @classmethod
        @tj.compile
        def of_class(cls, x):
            return x + len(cls.__name__)

        @staticmethod
        @tj.compile
        def static(x):
            return x - 1

        @property
        @tj.compile
        def doubled(self):
            return array(xp, 3, seed=self.scale) * self.scale

    one, two = Decorated(2), Decorated(3)
    for n in range(3):
        x = array(xp, 4, seed=n)
        for owner in (one, two):
            assert (owner.method(x) == x * owner.scale).all() and (owner.static(x) == x - 1).all()
            assert (owner.of_class(x) == x + 9).all() and (owner.doubled == array(xp, 3, seed=owner.scale) * owner.scale).all()
    one.scale = 7
    assert (one.method(x) == x * 7).all() and (two.method(x) == x * 3).all()


@both
def test_decorators_of_ones_own_around_and_inside(xp):
    calls = []

    def counted(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            calls.append(function.__name__)
            return function(*args, **kwargs)

        return wrapper

    @counted
    def helper(x):
        return x * 2

    for _ in range(2):
        calls.clear()
        same(counted(lambda x: helper(x) + 1), vectors(xp))
        assert calls == ["<lambda>", "helper"] * 10


@pytest.mark.parametrize("name", ["generator", "coroutine", "asynchronous generator"])
def test_generators_and_coroutines_are_refused_at_decoration(name):
    def generator(x):
        yield x

    async def coroutine(x):
        return x

    async def asynchronous(x):
        yield x

    function = {"generator": generator, "coroutine": coroutine}.get(name, asynchronous)
    with pytest.raises(TypeError):
        tj.compile(function)
    with pytest.raises(TypeError):
        tj.compile(fullgraph=True)(function)
