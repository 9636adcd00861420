"""Arrays of all kinds as arguments: scalars, no elements, no axes, layouts, read-only, subclasses, dtypes that only NumPy has."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from twins import array, both, same, same_made

import tracejit as tj


def mixed(x):
    """A bit of everything, for arrays of any shape."""
    y = x * 2 + 1
    return y, y.sum(), x[...], y.reshape(-1), (x > 0).any(), x.T, x.astype("float32"), x.shape, x.ndim, len(x) if x.ndim else -1


@both
@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 3), (), (1,), (1, 1, 1)], ids=str)
def test_arrays_without_elements_or_axes(xp, shape):
    def function(x):
        y = x * 2 + 1
        return y, y.sum(), y.reshape(-1), (x > 0).any(), (x > 0).all(), x.shape, y.sum(axis=None, keepdims=True)

    same(function, lambda n: (array(xp, *shape, seed=n),))


def test_a_scalar_of_numpys_in_and_out():
    def function(x, y):
        return x * 2, x + y, y[0], y.sum(), type(x).__name__, type(x * 2).__name__, isinstance(x, np.floating), x.dtype, x.item()

    types = [np.float64, np.float64, np.float32, np.int8, np.float64, np.bool_]
    same(function, lambda n: (types[n](n), array(np, 3, seed=n)), calls=6)


def test_only_scalars_of_numpys():
    same(lambda a, b: (a + b, a / b, np.sqrt(a), max(a, b)), lambda n: (np.float64(n + 1), np.float32(n + 2)))


def test_zero_dimensional_arrays_stay_arrays_where_numpys_do():
    def function(x, y):
        z = x[()]
        y[...] = x + 1
        return x + 1, x, y, z, x.reshape(1), np.asarray(x), y.sum(), x.copy()

    same(function, lambda n: (np.array(float(n)), np.array(1.5)))


def test_scalars_out_of_arrays_are_numpys():
    def function(x):
        a, b = x[0], x.max()
        return a, b, a + b, a * 2, -a, a > b, x[0, ...], x.sum(axis=0), np.float32(a) * x, a.dtype, isinstance(a, float), hash(a) == hash(float(a))

    same(function, lambda n: (array(np, 5, seed=n),))


LAYOUTS = {
    "Fortran": lambda a: np.asfortranarray(a),
    "transposed": lambda a: a.T,
    "every other": lambda a: a[::2, ::3],
    "reversed": lambda a: a[::-1, ::-1],
    "a column": lambda a: a[:, 1:2],
    "broadcast": lambda a: np.broadcast_to(a[:1], a.shape),
    "unaligned": lambda a: np.frombuffer(b"x" + a.tobytes(), dtype=a.dtype, offset=1).reshape(a.shape),
    "windows": lambda a: np.lib.stride_tricks.sliding_window_view(a, 2, axis=1),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout):
    def function(x):
        y = x * 2 + x[:1]
        return y, x.sum(), x.sum(axis=0), x.reshape(-1), x[1], x.T

    same(function, lambda n: (LAYOUTS[layout](array(np, 6, 9, seed=n)),))


@pytest.mark.parametrize("layout", ["Fortran", "transposed", "every other", "reversed", "a column"])
def test_layouts_are_written_to(layout):
    owners = []

    def arguments(n):
        owners.append(array(np, 6, 9, seed=n))
        return (LAYOUTS[layout](owners[-1]),)

    def function(x):
        x += 1
        x[1:] *= x[:-1]
        x[:, 0] = 7
        return x

    same(function, arguments)
    assert all(np.array_equal(a, b) for a, b in zip(owners[::2], owners[1::2]))


def test_the_layout_changes_from_call_to_call():
    same(lambda x: (x + 1, x.sum(axis=0)), lambda n: ([*LAYOUTS.values()][n](array(np, 9, 9, seed=n)),), calls=7)


def test_read_only_arrays():
    def arguments(n):
        x = array(np, 4, seed=n)
        x.flags.writeable = n % 2 == 0
        return (x,)

    same(lambda x: (x * 2, x[1:]), arguments)

    def change(x):
        x[0] = 1
        return x

    same(change, arguments)


def test_broadcast_arrays_are_not_written_to():
    def function(x):
        x += 1

    same(function, lambda n: (np.broadcast_to(np.float64(n), (3,)),))


def test_arguments_that_overlap_and_are_written_to():
    def function(x, y, z):
        x[:] = y + 1
        z += x[0]
        return y.sum(), z

    def arguments(n):
        owner = array(np, 12, seed=n)
        return [(owner[:6], owner[6:], owner[3:9]), (owner[:6], owner[1:7], owner), (owner[::2], owner[1::2], owner[:3])][n % 3]

    same(function, arguments, calls=6)


def test_memory_mapped_arrays(tmp_path):
    def make():
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.bin"
        array(np, 8, seed=5).tofile(path)

        def function(x):
            mapped[2:4] = x[:2]
            return mapped.sum() + x, mapped[1]

        mapped = np.memmap(path, dtype="float64", mode="r+", shape=(8,))
        return function, [mapped]

    same_made(make, lambda n: (array(np, 4, seed=n),))
    path = tmp_path / "argument.bin"
    array(np, 8, seed=5).tofile(path)
    same(lambda m, x: (m[:4] * x, m.sum(), type(m).__name__), lambda n: (np.memmap(path, dtype="float64", mode="c", shape=(8,)), array(np, 4, seed=n)))


# What only NumPy knows: such arguments are left to NumPy


class Unit(np.ndarray):
    """An array with a unit."""

    unit = "m"

    def __array_finalize__(self, other):
        self.unit = getattr(other, "unit", "m")

    def __mul__(self, other):
        result = super().__mul__(other)
        result.unit = self.unit + "²"
        return result


PECULIAR = {
    "matrix": lambda n: np.matrix(array(np, 3, 3, seed=n)),
    "masked": lambda n: np.ma.masked_less(array(np, 3, 3, seed=n), 0),
    "subclass": lambda n: array(np, 3, 3, seed=n).view(Unit),
    "record array": lambda n: np.rec.array(array(np, 3, 3, seed=n)),
}


@pytest.mark.parametrize("kind", PECULIAR)
def test_subclasses_of_arrays(kind):
    def function(x, y):
        z = x * y
        x[0] = 7
        return z, x + y, x.sum(), getattr(z, "unit", None), type(z).__name__, isinstance(x, np.matrix)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        same(function, lambda n: (PECULIAR[kind](n), array(np, 3, 3, seed=n + 9)))
        same(function, lambda n: (PECULIAR[kind](n) if n % 2 else array(np, 3, 3, seed=n), array(np, 3, 3, seed=n + 9)))


DTYPES = {
    "big-endian": lambda n: array(np, 4, seed=n).astype(">f8"),
    "big-endian integers": lambda n: array(np, 4, seed=n, dtype="int32").astype(">i4"),
    "long double": lambda n: array(np, 4, seed=n).astype(np.longdouble),
    "objects": lambda n: np.array([n, 2.5, "2"[n % 1 :] and 3, n + 1], object),
    "fractions": lambda n: np.array([n, 10**30, 1.5, True], object),
}


@pytest.mark.parametrize("dtype", DTYPES)
def test_numbers_of_dtypes_that_only_numpy_has(dtype):
    def function(x, y):
        z = x + y
        x[1] = 3
        return z, x * 2, x[0], x.sum(), x.dtype, x == z

    same(function, lambda n: (DTYPES[dtype](n), array(np, 4, seed=n + 9)))


OTHERS = {
    "strings": lambda n: np.array(["a", f"b{n}", "ccc"]),
    "bytes": lambda n: np.array([b"a", b"bb", b"ccc"[: n % 3 + 1]]),
    "dates": lambda n: np.array(["2024-01-01", "2024-02-28", f"2024-03-0{n + 1}"], "datetime64[D]"),
    "spans": lambda n: np.array([n, 2, 3], "timedelta64[s]"),
    "structured": lambda n: np.array([(1, 2.5), (n, 3.5)], [("k", "i4"), ("v", "f8")]),
    "nothing at all": lambda n: np.zeros(3, "V4"),
}


@pytest.mark.parametrize("dtype", OTHERS)
def test_arrays_of_other_things_than_numbers(dtype):
    def function(x, y):
        return x[::-1], x == x[0], x.shape, y * 2 + len(x), x.dtype.names and x["v"] * 2, x

    same(function, lambda n: (OTHERS[dtype](n), array(np, 3, seed=n)))


def test_a_field_of_a_structured_array_is_an_argument():
    def arguments(n):
        table = np.zeros(4, [("k", "i4"), ("v", "f8")])
        table["v"] = array(np, 4, seed=n)
        return (table["v"], table)

    def function(x, table):
        x += 1
        return table["v"].sum(), x * 2

    same(function, arguments)

    def makes_one(x):
        table = np.zeros(3, [("k", "i4"), ("v", "f8")])
        table["v"] = x
        return table["v"].sum() + x, table["v"] * 2, table

    same(makes_one, lambda n: (array(np, 3, seed=n),))
    with pytest.raises(tj.DTypeError):
        tj.asarray(arguments(0)[0])


def test_objects_that_only_look_like_arrays():
    class Wrapped:
        def __init__(self, values):
            self.values = values

        def __array__(self, dtype=None, copy=None):
            return np.asarray(self.values, dtype)

        def __array_ufunc__(self, ufunc, method, *inputs, **options):
            return "mine", ufunc.__name__

    same(lambda x, w: (x + w, np.asarray(w) * x, w * 2), lambda n: (array(np, 3, seed=n), Wrapped([1.0, 2.0, n])))


def test_arrays_in_arrays_of_objects():
    def function(x):
        held = np.empty(2, object)
        held[0], held[1] = x, x[0]
        return held

    same(function, lambda n: (array(np, 3, seed=n),))


def test_what_reads_an_arrays_memory():
    def function(x):
        return bytes(memoryview(x * 2)), bytes(x[:1]), bytearray(x[1:]), memoryview(x).nbytes, (x + 1).tobytes(), list(np.ndenumerate(x))

    same(function, lambda n: (array(np, 3, seed=n),))


def test_python_lists_where_arrays_are_meant():
    same(lambda x, rows: (x + rows, np.dot(rows, x), np.array(rows) * x, np.concatenate([rows, x])), lambda n: (array(np, 3, seed=n), [1, 2, n]))


def test_tensors_and_arrays_in_one_call():
    def function(x, y):
        return x + 1, y * 2, type(x).__name__, type(y).__name__

    same(function, lambda n: (array(np, 3, seed=n), array(tj, 3, seed=n + 9)) if n % 2 else (array(tj, 3, seed=n), array(tj, 3, seed=n + 9)))


# Floating-point errors


def test_errors_of_arithmetic_are_raised_where_asked_for():
    def function(x):
        y = x + 1
        with np.errstate(divide="raise"):
            return y / x

    same(function, lambda n: (np.array([1.0, 2.0, n % 2]),), calls=6)

    def around(x):
        return 1 / x, np.sqrt(x)

    with np.errstate(all="raise"):
        same(around, lambda n: (np.array([1.0, 2.0, n % 2]),), calls=6)
    with np.errstate(invalid="raise", divide="ignore"):
        same(around, lambda n: (np.array([1.0, 0.0, n % 2 - 1]),), calls=6)


def test_errors_of_arithmetic_are_raised_in_a_helper():
    def helper(x):
        with np.errstate(all="raise"):
            return np.log(x)

    def function(x):
        before = np.seterr(all="ignore")
        try:
            return helper(x * 2) + 1 / x
        finally:
            np.seterr(**before)

    same(function, lambda n: (np.array([1.0, 2.0, n % 2]),), calls=6, allowed=1)


@pytest.mark.parametrize("kind", ["recorded", "raised", "caught"])
def test_warnings_that_a_function_asks_for(kind):
    def recorded(x):
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            y = 1 / x
        return y, len(found)

    def raised(x):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return 1 / x

    def caught(x):
        try:
            return 1 / x
        except (ValueError, RuntimeWarning) as reason:
            return str(reason)

    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        same({"recorded": recorded, "raised": raised, "caught": caught}[kind], lambda n: (np.array([1.0, 2.0, n % 2]),), calls=6)


def test_errors_of_arithmetic_are_handed_to_a_function():
    met = []

    def function(x):
        met.clear()
        with np.errstate(divide="call", call=lambda kind, flag: met.append(kind)):
            return 1 / x, list(met)

    same(function, lambda n: (np.array([1.0, 2.0, n % 2]),))
