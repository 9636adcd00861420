"""The law of ufuncs: each of NumPy's, of every dtype, gives of stand-ins what it gives of arrays: value, dtype, shape, type, exception."""

from __future__ import annotations

import operator
from typing import Any, Iterator

import numpy as np
import pytest
from in_world import compare, traced

import tracejit as tj

UFUNCS = sorted({f for n in dir(np) if isinstance(f := getattr(np, n), np.ufunc)} - {np.isnat}, key=lambda f: f.__name__)
ROUNDED = {  # of elementary functions, 1 ulp from the right result, as NumPy's are: two apart
    "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "cbrt", "cos", "cosh", "exp", "exp2", "expm1", "hypot", "log",
    "log10", "log1p", "log2", "logaddexp", "logaddexp2", "sin", "sinh", "tan", "tanh", "power", "float_power", "matmul",
}  # fmt: skip
DTYPES = "?bBhHiIlLefdFD"
NUMBERS: list[Any] = [True, 2, -3, 300, 2.5, 1j, None, "a", [1, 2, 3], (1.5, 2.5, 3.5), np.float32(2), np.int8(3), np.bool_(True), np.uint64(3)]
pytestmark = pytest.mark.filterwarnings("ignore")


def values(dtype: str, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng([seed, ord(dtype)])
    made = rng.integers(0, 5, (2, 3)) if dtype in "?BHIL" else rng.integers(-4, 5, (2, 3)) if dtype in "bhil" else rng.uniform(-3, 3, (2, 3))
    return (made + 1j * rng.uniform(-3, 3, (2, 3)) if dtype in "FD" else made).astype(dtype)


def ulps(ufunc: Any, dtype: Any = "") -> int:
    if np.dtype(dtype or "d").kind == "c":  # whose products NumPy rounds once or twice, as elements lie in memory
        return 64 if ufunc.__name__ in ROUNDED else 4
    return 4 if ufunc.__name__ in ROUNDED else 0


def forms(x: np.ndarray) -> Iterator[np.ndarray]:
    yield from (x, x.T, x[:, ::-1], x[0, 1].reshape(()), x[:0])


@pytest.mark.parametrize("ufunc", [f for f in UFUNCS if f.nin == 1 and f.signature is None], ids=lambda f: f.__name__)
def test_of_one_operand(ufunc):
    for dtype in DTYPES:
        for x in forms(values(dtype)):
            wrong = compare(ufunc, x, ulps=ulps(ufunc, dtype))
            assert not wrong, f"{ufunc.__name__} of {dtype}{x.shape} {wrong}"
        wrong = compare(lambda x: ufunc(x[1, 1]), values(dtype), ulps=ulps(ufunc, dtype))
        assert not wrong, f"{ufunc.__name__} of a scalar of {dtype} {wrong}"


@pytest.mark.parametrize("ufunc", [f for f in UFUNCS if f.nin == 2 and f.signature is None], ids=lambda f: f.__name__)
def test_of_two_operands(ufunc):
    for a in DTYPES:
        for b in "?bLidFe":
            x, y = values(a), values(b, 1)
            wrong = compare(ufunc, x, y, ulps=ulps(ufunc, np.result_type(x, y)))
            assert not wrong, f"{ufunc.__name__} of {a} and {b} {wrong}"


@pytest.mark.parametrize("ufunc", [f for f in UFUNCS if f.nin == 2 and f.signature is None], ids=lambda f: f.__name__)
def test_of_an_array_and_a_number(ufunc):
    for dtype in "?bHlLefdD":
        for number in NUMBERS:
            x = values(dtype)
            rounding = ulps(ufunc, np.result_type(x, 1j if isinstance(number, complex) else 1))
            wrong = compare(lambda a: ufunc(a, number), x, ulps=rounding) or compare(lambda a: ufunc(number, a[0, 0]), x, ulps=rounding)
            assert not wrong, f"{ufunc.__name__} of {dtype} and {number!r} {wrong}"


LAID_OUT = [((2, 3), (3, 2), "T"), ((2, 3), (3,), ""), ((2, 1), (1, 3), ""), ((2, 3), (3, 3), ""), ((2, 3), (), ""), ((0, 3), (1, 3), "")]


@pytest.mark.parametrize("shapes", LAID_OUT, ids=str)
def test_shapes_and_layouts(shapes):
    first, second, turned = shapes
    x, plain = np.arange(np.prod(first), dtype=float).reshape(first), np.arange(np.prod(second), dtype="i4").reshape(second)
    for y in (plain.T, plain.copy().T) if turned else (plain,):
        for ufunc in (np.add, np.maximum, np.floor_divide, np.hypot, np.divmod, np.ldexp):
            wrong = compare(ufunc, x, y, ulps=2)
            assert not wrong, wrong


KEYWORDS: dict[str, Any] = {
    "dtype": lambda x, y, out: np.add(x, y, dtype="f4"),
    "dtype too small": lambda x, y, out: np.add(x, y, dtype="i4"),
    "unsafe": lambda x, y, out: np.add(x, y, dtype="i4", casting="unsafe"),
    "signature": lambda x, y, out: np.add(x, y, signature="ff->f", casting="same_kind"),
    "out": lambda x, y, out: (np.multiply(x, y, out=out), np.multiply(x, 2, out) is out),
    "out of integers": lambda x, y, out: np.multiply(x, y, out=np.zeros((2, 3), int)),
    "out of the wrong shape": lambda x, y, out: np.add(x, y, out=out[:1]),
    "out that is larger": lambda x, y, out: np.add(x[0], y[0], out=out),
    "out that overlaps": lambda x, y, out: np.add(x[:, :-1], y[:, 1:], out=x[:, 1:]),
    "out, unsafe": lambda x, y, out: np.add(x, y, out=np.zeros((2, 3), "i8"), casting="unsafe"),
    "out in a tuple": lambda x, y, out: np.add(x, y, out=(out,)),
    "out of two": lambda x, y, out: np.divmod(x, y, out=(out, None)),
    "two places": lambda x, y, out: np.modf(x, out, y),
    "out of one with two results": lambda x, y, out: np.modf(x, out=out),
    "where": lambda x, y, out: np.add(x, y, out=out, where=x > 0),
    "where of one row": lambda x, y, out: np.sqrt(x, out=out, where=[True, False, True]),
    "where of integers": lambda x, y, out: np.add(x, y, out=out, where=np.array([1, 0, 1])),
    "unknown": lambda x, y, out: np.add(x, y, nonsense=1),
    "one operand missing": lambda x, y, out: np.add(x),
    "one too many": lambda x, y, out: np.add(x, y, out, x),
    "order": lambda x, y, out: np.add(x, y, order="F"),
    "subok": lambda x, y, out: np.add(x, y, subok=False),
    "outer": lambda x, y, out: np.multiply.outer(x, y[0]),
    "outer of numbers": lambda x, y, out: np.add.outer(2, x),
    "outer of power": lambda x, y, out: np.power.outer(x[0], [1, 2]),
    "reduce": lambda x, y, out: [np.add.reduce(x), np.maximum.reduce(x, axis=1), np.hypot.reduce(x, axis=None), np.subtract.reduce(x)],
    "reduce into": lambda x, y, out: np.add.reduce(x, axis=0, out=out[0]),
    "reduce by what cannot": lambda x, y, out: np.sin.reduce(x),
    "accumulate": lambda x, y, out: [np.add.accumulate(x), np.maximum.accumulate(x, axis=1), np.multiply.accumulate(x, 0, "f4")],
    "accumulate into": lambda x, y, out: np.add.accumulate(x, out=out),
    "reduceat": lambda x, y, out: np.add.reduceat(x, [0, 2, 1], axis=1),
    "reduceat beyond": lambda x, y, out: np.add.reduceat(x, [0, 7], axis=1),
    "at": lambda x, y, out: np.add.at(x, np.array([0, 1, 0, 0]), y[0]),
    "at of a tuple": lambda x, y, out: np.add.at(x, (np.array([0, 1, 0]), np.array([2, 0, 2])), 1.5),
    "at of a slice": lambda x, y, out: np.multiply.at(x, slice(0, 1), 2.0),
    "at, beyond": lambda x, y, out: np.add.at(x, [0, 9], 1.0),
    "at of one operand": lambda x, y, out: np.negative.at(x, [0, 0]),
    "list of arrays": lambda x, y, out: np.add([x[0], x[1]], y),
    "sum of a tuple": lambda x, y, out: x + (1.0, 2.0, 3.0),
}  # fmt: skip


@pytest.mark.parametrize("what", KEYWORDS)
def test_what_a_ufunc_takes(what):
    for turned in (False, True):
        x, y, out = (np.arange(6.0).reshape(2, 3) * k - 2 for k in (1, 2, 0))
        if turned:
            x, out = np.asfortranarray(x), np.asfortranarray(out)
        wrong = compare(KEYWORDS[what], x, y, out)
        assert not wrong, f"{what} {wrong}"


COUNTED: dict[str, Any] = {
    "pairs": lambda t, i, v: np.add.at(t, (i, i[::-1]), 1.0),
    "values of their own": lambda t, i, v: np.add.at(t, (i, i), v),
    "crossed": lambda t, i, v: np.add.at(t, (i[:, None], i), 2.0),
    "rows": lambda t, i, v: np.add.at(t, i, t[0]),
    "one index": lambda t, i, v: np.add.at(t, (i,), 0.1),
}


@pytest.mark.parametrize("what", COUNTED)
def test_add_at_is_a_graph_and_adds_in_numpys_order(what):
    def counted(indices: Any, values: Any) -> Any:
        table = np.linspace(0.1, 1.6, 16).reshape(4, 4)
        COUNTED[what](table, indices, values)
        return table

    compiled = tj.compile(counted)
    for indices in ([0, 1, 0, 3, -1], [2, 2, 2, 2, 2]):
        given = np.array(indices), np.geomspace(1e-9, 1e9, 5)
        assert np.array_equal(compiled(*given), counted(*given))
    assert compiled.explain(*given).mode == "graph"
    with pytest.raises(IndexError) as numpys:
        counted(np.array([0, 1, 4, 0, 0]), given[1])
    with pytest.raises(IndexError, match=str(numpys.value)):
        compiled(np.array([0, 1, 4, 0, 0]), given[1])


IN_PLACE = ["iadd", "isub", "imul", "itruediv", "ifloordiv", "imod", "ipow", "iand", "ior", "ixor", "ilshift", "irshift", "imatmul"]


@pytest.mark.parametrize("name", IN_PLACE)
def test_in_place_operators(name):
    function = getattr(operator, name)

    def changed(a: Any, b: Any) -> Any:
        before = a
        after = function(a, b)
        return after, after is before, before

    for dtype in "?blLfdD":
        for other in (values(dtype, 1), values("d", 1), values("b", 1), 2, 2.5, 1j, values(dtype)[0], values(dtype)[:, :1]):
            if name == "ipow" and isinstance(other, np.ndarray) and other.dtype.kind == "i":
                other = abs(other)  # an error comes when NumPy has computed a part
            wrong = compare(changed, values(dtype), other, ulps=4)
            assert not wrong, f"{name} of {dtype} and {other!r} {wrong}"
            wrong = compare(lambda a, b: changed(a[1, 1], b), values(dtype), other, ulps=4)
            assert not wrong, f"{name} of a scalar of {dtype} and {other!r} {wrong}"


def test_common_calls_observe_nothing():
    x, y = np.arange(1.0, 7.0).reshape(2, 3), np.arange(6).reshape(2, 3)
    for ufunc in UFUNCS:
        if ufunc.signature is None and ufunc.nin == 1 and "d->" in "".join(ufunc.types):
            assert not traced(ufunc, x)[1], f"np.{ufunc.__name__} asks for a value"
        if ufunc.signature is None and ufunc.nin == 2 and "dd->" in "".join(ufunc.types):
            assert not traced(lambda a, b: (ufunc(a, b), ufunc(a, 2.5), ufunc(2, a), ufunc(a, np.float64(2)), ufunc(a, [1, 2, 3])), x, y)[1]
