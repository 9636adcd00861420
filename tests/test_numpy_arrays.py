"""The laws of `Array`: keys, views, scalars and attributes give of stand-ins what they give of arrays, arguments after the call included."""

from __future__ import annotations

import copy
import pickle
from typing import Any, Callable

import numpy as np
import pytest
from in_world import compare, traced

pytestmark = pytest.mark.filterwarnings("ignore")


def array(shape: Any = (4, 5), dtype: Any = float) -> np.ndarray:
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


KEYS = [  # of the indices i and j, a mask m of two axes and r of one, and a number n in an array without axes
    "1", "-2", "4", "1, -1", "1, 7", "1, 1, 1", "1:3", "::-1", "::2, 4:0:-2", "3:1", "...", "None", "..., 0", "1, 1, ...", "()", "None, 1:2, None, 3",
    "np.int8(2)", "..., ...", "1.0", "'a'", "i", ":, i", "1:3, i", "j, i", "i, 1", "i, None, 2", "i + 9", ":, i + 9", "i * 1.0", "[0, 3]", "[0, 9]",
    "[0, 1], [2, 3]", "[0, 1, 2], [2, 3]", "(0, 1), 2", "range(2)", "[]", "np.ix_([0, 2], [1, 4])", "[i[0], n]", "m", "r", "r, 1", ":, m[0]", "r, [1, 2]",
    "[True, False, True, False]", "True", "np.bool_(False)", "r[:3]", "m & ~m | m", "n", "n, 1", "n, 1:3", "n * 1.0", "n + 0", "n + 1, n + 0", "n:",
]  # fmt: skip
SILENT_READS = ["1", "1, -1", "::2, 4:0:-2", "...", "None, 1:2, None, 3", "i", ":, i", "j, i", "[0, 3]", "[0, 1], [2, 3]", "n, 1", "n + 1, n + 0", "np.ix_([0, 2], [1, 4])"]
SILENT_WRITES = ["1", "i", "m", "r", "m & ~m | m", "n", "n, 1:3", "n + 1, n + 0", "::2, 4:0:-2"]
VALUES: list[Any] = [7, 2.5, [1, 2, 3, 4, 5], np.float32(3), array(5), array((4, 5)), array((2, 1)), np.nan, 1j, "x", None]
OTHERS = (np.array([0, 2, 2, -1]), np.array([[1], [3]]), np.array([[True, False, True, True, False]] * 4), np.array([True, False, False, True]), np.array(2))


def program(text: str) -> Callable:
    """A function of an array and `OTHERS`, whose body this is."""
    scope: dict[str, Any] = {"np": np}
    exec(f"def function(x, i, j, m, r, n, value=None):\n {text}", scope)
    return scope["function"]


@pytest.mark.parametrize("key", KEYS)
def test_keys(key):
    for x in (array(), array(dtype="i4"), array((5, 4)).T, array((3, 4, 5))[1], array(4), array(())):
        for text in (f"return x[{key}]", f"x[{key}] += 10; return x[{key}]"):
            wrong = compare(program(text), x, *OTHERS)
            assert not wrong, f"{text} of {x.shape} {wrong}"
        for value in VALUES if x.ndim == 2 and x.dtype.kind in "if" else VALUES[:2]:
            wrong = compare(program(f"x[{key}] = value"), x, *OTHERS, value)
            assert not wrong, f"x[{key}] = {value!r} of {x.shape} {x.dtype} {wrong}"
    wrong = compare(program(f"return x[1, 2][{key}]"), array(), *OTHERS)
    assert not wrong, f"a scalar's [{key}] {wrong}"


@pytest.mark.parametrize("text", [*(f"return x[{key}]" for key in SILENT_READS), *(f"x[{key}] = 3.0" for key in SILENT_WRITES)])
def test_no_value_is_asked_for(text):
    assert not traced(program(text), array(), *OTHERS)[1]


# Aliasing


def a_view_of_a_view(x):
    y = x[1:][:, ::-1]
    y[0] = -1
    y[:, 1:] *= 2
    return x, y, y.base is x


def reversed_and_written(x):
    x[::-1][:2] = x[:2]
    x[1:] += x[:-1]
    return x


def transposes(x):
    x.T[1] = x[:, 0] + 5
    z = x.transpose(1, 0)
    z += 1
    return z, z.shape, z.strides


def reshaped(x):
    y = x.reshape(-1)
    y[3] = 99
    z = x.T.reshape(-1)
    z[0] = -7
    return x, y, z


def rows_changed(x):
    for row in x:
        row += 1
    for number, row in enumerate(x):
        row[number] = 0
    return x


def a_scalar_is_a_copy(x):
    s = x[1, 1]
    t = s
    x[1, 1] = 50
    s += 1
    return s, t, x[1, 1], isinstance(s, float), isinstance(s, np.floating)


def whole_of_scalars(x):
    y = x[1, 1, ...]
    y[...] = 3
    return y, x, y.ndim, x[0, 0][()], x[0, 0][...]


def swapped(x):
    x[0], x[1] = x[1], x[0].copy()
    x[[2, 3]] = x[[3, 2]]
    return x


def swapped_without_copy(x):
    x[0], x[1] = x[1], x[0]
    return x


def in_place_of_views(x):
    y = x[::2]
    y -= x[1::2]
    x[:, 0] **= 2
    x[...] = x + x.T[:4, :1]
    return x


def last_of_equal_places_wins(x):
    x[[0, 0, 1], [1, 1, 2]] = [5.0, 6.0, 7.0]
    x[[1, 1]] += 1
    return x


def masked(x):
    x[x > 10] = 0
    x[(x > 2) & (x < 8)] *= -1
    x[x < 0] += x[x < 0]
    return x, x[x != 0].sum()


def kept_after_the_write(x):
    y, z = x[0], x + 0
    x += 1
    return y, z


def both_of_one(x):
    y = x
    y += 1
    return x is y, x, y


def results_share(x):
    y = x * 2
    z = y[1:]
    y[2] = 0
    return y, z, z.base is y, y.base is None


def divides(x):
    q, r = divmod(x, 3)
    return q, r, divmod(7.0, x + 1), divmod(x[1, 1], 2)


def contains(x):
    return 3.0 in x, 99 in x, x[0, 1] in [0.0, 1.0], 1.0 in x[0]


def scalars(x):
    s = x[2, 3]
    return s + 1, s * x, 2**s, -s, abs(s), s == 13, s.dtype, s.shape, s.ndim, s.size, float(s), int(s), f"{s:.3f} {s} {s!r}", s.item(), bool(s), s // 2, s % 5


def of_a_scalar_refused(x):
    x[0, 0][0] = 1


def of_a_scalar_iterated(x):
    return list(x[0, 0])


def a_length(x):
    return len(x), len(x[0]), len(x[0, 0])


def unpacked(x):
    a, b, *c = x
    (p, q), r = x[:2, :2], x[0]
    return a, b, c, p, q, r


def copies(x):
    y, z, w = copy.copy(x), copy.deepcopy(x), x.copy()
    y[0] = z[1] = w[2] = -1
    return x, y, z, w, copy.deepcopy([x, x[0, 0]])


def pickled(x):
    return pickle.loads(pickle.dumps(x[1:])), pickle.loads(pickle.dumps(x[0, 0]))


def formatted(x):
    return f"{x[0, 0]:6.2f}|{x[1]}|{x!r}", "{:>8}".format(x[1, 1]), "%5.1f" % x[2, 2], str(x[0])  # noqa: UP031, UP032


def compared(x):
    return x == x.T[:4, :1], x != 3, x == None, x[0, 0] == None, x == "a", (x < 3) | (x > 12)  # noqa: E711


def refused(x):
    return [x[0], 1][0] if (x[0, 0] < 1) else None, hash(x[0, 0]), {x[0, 0]: 1}[x[0, 0]]


def hashed(x):
    return hash(x)


def truth_of_many(x):
    return bool(x)


def known(x):
    return x.shape, x.ndim, x.size, x.dtype, x.itemsize, x.nbytes, x.T.shape, isinstance(x, np.ndarray), type(x.dtype), x.strides, x.flags.c_contiguous


PROGRAMS = [
    a_view_of_a_view, reversed_and_written, transposes, reshaped, rows_changed, a_scalar_is_a_copy, whole_of_scalars, swapped, swapped_without_copy,
    in_place_of_views, last_of_equal_places_wins, masked, kept_after_the_write, both_of_one, results_share, divides, contains, scalars,
    of_a_scalar_refused, of_a_scalar_iterated, a_length, unpacked, copies, pickled, formatted, compared, refused, hashed, truth_of_many, known,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
@pytest.mark.parametrize("laid_out", ["C", "F", "strided", "read-only"])
def test_programs(program, laid_out):
    x = {"C": array(), "F": np.asfortranarray(array()), "strided": array((8, 10))[::2, ::-2], "read-only": array()}[laid_out]
    x.flags.writeable = laid_out != "read-only"
    wrong = compare(program, x)
    assert not wrong, wrong
