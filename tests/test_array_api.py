"""The array API standard 2024.12: names, signatures, and how each section behaves, by table.

References are NumPy, and array-api-strict where it is installed (extra `test`).
"""

from __future__ import annotations

import inspect
import itertools
import math
import warnings

import numpy as np
import pytest

import tracejit as tj

NAMES = {
    "creation": "arange asarray empty empty_like eye from_dlpack full full_like linspace meshgrid ones ones_like tril triu zeros zeros_like",
    "dtype": "astype can_cast finfo iinfo isdtype result_type",
    "constants": "e inf nan newaxis pi",
    "dtypes": "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 complex64 complex128",
    "elementwise": (
        "abs acos acosh add asin asinh atan atan2 atanh bitwise_and bitwise_left_shift bitwise_invert bitwise_or bitwise_right_shift "
        "bitwise_xor ceil clip conj copysign cos cosh divide equal exp expm1 floor floor_divide greater greater_equal hypot imag isfinite "
        "isinf isnan less less_equal log log1p log2 log10 logaddexp logical_and logical_not logical_or logical_xor maximum minimum "
        "multiply negative nextafter not_equal positive pow real reciprocal remainder round sign signbit sin sinh square sqrt subtract "
        "tan tanh trunc"
    ),
    "indexing": "take take_along_axis",
    "linear algebra": "matmul matrix_transpose tensordot vecdot",
    "manipulation": (
        "broadcast_arrays broadcast_to concat expand_dims flip moveaxis permute_dims repeat reshape roll squeeze stack tile unstack"
    ),
    "searching": "argmax argmin count_nonzero nonzero searchsorted where",
    "sets": "unique_all unique_counts unique_inverse unique_values",
    "sorting": "argsort sort",
    "statistics": "cumulative_prod cumulative_sum max mean min prod std sum var",
    "utility": "all any diff",
    "introspection": "__array_api_version__ __array_namespace_info__ linalg fft",
}
LINALG = (
    "cholesky cross det diagonal eigh eigvalsh inv matmul matrix_norm matrix_power matrix_rank matrix_transpose outer pinv qr slogdet "
    "solve svd svdvals tensordot trace vecdot vector_norm"
).split()
FFT = "fft fftfreq fftn fftshift hfft ifft ifftn ifftshift ihfft irfft irfftn rfft rfftfreq rfftn".split()
ARRAY = (
    "__abs__ __add__ __and__ __array_namespace__ __bool__ __complex__ __dlpack__ __dlpack_device__ __eq__ __float__ __floordiv__ __ge__ "
    "__getitem__ __gt__ __iadd__ __iand__ __ifloordiv__ __ilshift__ __imatmul__ __imod__ __imul__ __index__ __int__ __invert__ __ior__ "
    "__ipow__ __irshift__ __isub__ __itruediv__ __ixor__ __le__ __lshift__ __lt__ __matmul__ __mod__ __mul__ __ne__ __neg__ __or__ __pos__ "
    "__pow__ __radd__ __rand__ __rfloordiv__ __rlshift__ __rmatmul__ __rmod__ __rmul__ __ror__ __rpow__ __rrshift__ __rshift__ __rsub__ "
    "__rtruediv__ __rxor__ __setitem__ __sub__ __truediv__ __xor__ to_device"
).split()
ATTRIBUTES = "T device dtype mT ndim shape size".split()
FLAT = [name for names in NAMES.values() for name in names.split()]

INTEGERS = "int8 int16 int32 int64 uint8 uint16 uint32 uint64".split()
FLOATS = ["float32", "float64"]
COMPLEX = ["complex64", "complex128"]
KINDS = {"bool": ["bool"], "integer": INTEGERS, "floating": FLOATS, "complex": COMPLEX}


# Names


@pytest.mark.parametrize("name", FLAT)
def test_the_namespace_has_the_name(name):
    assert hasattr(tj, name)
    assert name in tj.__all__ or name.startswith("__")


@pytest.mark.parametrize("name", LINALG)
def test_linalg_has_the_name(name):
    assert callable(getattr(tj.linalg, name))


@pytest.mark.parametrize("name", FFT)
def test_fft_has_the_name(name):
    assert callable(getattr(tj.fft, name))


@pytest.mark.parametrize("name", ARRAY + ATTRIBUTES)
def test_the_array_has_the_name(name):
    assert hasattr(tj.Tensor, name)


# Signatures, as the strict implementation writes them


def strict_signatures():
    strict = pytest.importorskip("array_api_strict")
    spaces = [(strict, tj, FLAT), (strict.linalg, tj.linalg, LINALG), (strict.fft, tj.fft, FFT), (type(strict.ones(1)), tj.Tensor, ARRAY)]
    for theirs, ours, names in spaces:
        for name in names:
            wanted = getattr(theirs, name)
            if callable(wanted) and not isinstance(wanted, type(strict.float32)) and not inspect.ismodule(wanted):
                yield f"{getattr(theirs, '__name__', '')}.{name}", wanted, getattr(ours, name)


def test_signatures():
    wrong = []
    for name, theirs, ours in strict_signatures():
        try:
            wanted, found = inspect.signature(theirs), inspect.signature(ours)
        except (TypeError, ValueError) as error:
            wrong.append(f"{name}: {error}")
            continue
        wrong += [f"{name}{found}: {problem}" for problem in misfits(wanted, found)]
    assert not wrong, "\n".join(wrong)


def misfits(wanted: inspect.Signature, found: inspect.Signature):
    """What a caller who goes by the signature `wanted` could not do with `found`."""
    if any(p.kind is p.VAR_POSITIONAL for p in wanted.parameters.values()) != any(
        p.kind is p.VAR_POSITIONAL for p in found.parameters.values()
    ):
        yield "not variadic" if "*" in str(wanted) else "variadic"
        return
    places = list(found.parameters.values())
    for position, theirs in enumerate(wanted.parameters.values()):
        if theirs.kind is theirs.VAR_POSITIONAL or theirs.name == "self":
            continue
        if theirs.kind is theirs.POSITIONAL_ONLY:
            if position >= len(places) or places[position].kind not in (theirs.POSITIONAL_ONLY, theirs.POSITIONAL_OR_KEYWORD):
                yield f"argument {position + 1} ({theirs.name}) cannot be given by position"
                continue
            ours = places[position]
        else:
            ours = found.parameters.get(theirs.name)
            if ours is None or ours.kind is ours.POSITIONAL_ONLY:
                yield f"{theirs.name} cannot be given by name"
                continue
            if theirs.kind is theirs.POSITIONAL_OR_KEYWORD and ours.kind is ours.KEYWORD_ONLY:
                yield f"{theirs.name} cannot be given by position"
        known = theirs.default is not theirs.empty and type(theirs.default).__name__ != "Undef"
        if known and not (type(ours.default) is type(theirs.default) and ours.default == theirs.default):
            if not (isinstance(theirs.default, (int, float)) and ours.default == theirs.default):
                yield f"the default of {theirs.name} is {ours.default!r} and should be {theirs.default!r}"
    extra = [p for p in places[len([p for p in wanted.parameters.values()]) :] if p.name not in wanted.parameters]
    for p in extra:
        if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            yield f"{p.name} must be given, which the standard does not know"


# Introspection


def test_array_namespace():
    t = tj.ones(1)
    assert t.__array_namespace__() is tj
    assert t.__array_namespace__(api_version="2024.12") is tj
    assert tj.__array_api_version__ == "2024.12"
    with pytest.raises(ValueError, match="version"):
        t.__array_namespace__(api_version="1999.12")


def test_namespace_info():
    info = tj.__array_namespace_info__()
    assert info.capabilities() == {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}
    assert info.devices() == ["cpu"] and info.default_device() == "cpu"
    assert info.default_dtypes() == {
        "real floating": tj.float32, "complex floating": tj.complex64, "integral": tj.int64, "indexing": tj.int64,
    }  # fmt: skip
    assert info.default_dtypes(device="cpu") == info.default_dtypes()
    assert list(info.dtypes()) == NAMES["dtypes"].split()
    assert info.dtypes(kind="unsigned integer") == {n: getattr(tj, n) for n in INTEGERS if n.startswith("u")}
    assert info.dtypes(kind=("bool", "real floating"), device="cpu") == {n: getattr(tj, n) for n in ["bool", *FLOATS]}
    with pytest.raises(ValueError, match="device"):
        info.dtypes(device="moon")


# dtypes


@pytest.mark.parametrize("first", ["bool", *INTEGERS, *FLOATS, *COMPLEX])
def test_promotion_is_numpys(first):
    for second in ["bool", *INTEGERS, *FLOATS, *COMPLEX]:
        wanted = np.promote_types(first, second)
        a, b = getattr(tj, first), getattr(tj, second)
        assert tj.result_type(a, b) == wanted
        assert tj.result_type(tj.ones(2, dtype=a), b) == wanted
        assert (tj.ones(2, dtype=a) * tj.ones(2, dtype=b)).dtype == wanted
        assert tj.concat([tj.ones(1, dtype=a), tj.ones(1, dtype=b)]).dtype == wanted
        assert tj.where(tj.asarray([True]), tj.ones(1, dtype=a), tj.ones(1, dtype=b)).dtype == wanted
        assert tj.can_cast(a, b) == (wanted == np.dtype(second)) == np.can_cast(first, second)


def test_python_scalars_are_weak():
    for name, scalar, wanted in [
        ("int8", 1, "int8"), ("uint16", True, "uint16"), ("float32", 1, "float32"), ("float32", 2.5, "float32"), ("complex64", 1.5, "complex64"),
        ("float32", 1j, "complex64"), ("float64", 1j, "complex128"), ("bool", True, "bool"), ("int32", 1.5, "float64"),
    ]:  # fmt: skip
        dtype = getattr(tj, name)
        assert (tj.ones(1, dtype=dtype) + scalar).dtype == getattr(tj, wanted)
        assert (scalar + tj.ones(1, dtype=dtype)).dtype == getattr(tj, wanted)
        assert tj.result_type(dtype, scalar) == tj.result_type(scalar, tj.ones(1, dtype=dtype)) == getattr(tj, wanted)
    assert tj.result_type(tj.float32, 1, 2.0, tj.int8) == tj.float32
    with pytest.raises(ValueError, match="at least one"):
        tj.result_type()


def test_finfo_and_iinfo():
    for name in FLOATS + COMPLEX:
        info, wanted = tj.finfo(getattr(tj, name)), np.finfo(name)
        assert (info.bits, info.eps, info.max, info.min, info.smallest_normal) == (
            wanted.bits, wanted.eps, wanted.max, wanted.min, wanted.smallest_normal,
        )  # fmt: skip
        assert all(type(v) is float for v in (info.eps, info.max, info.min, info.smallest_normal)) and type(info.bits) is int
        assert info.dtype == wanted.dtype and tj.finfo(tj.ones(1, dtype=getattr(tj, name))) == info
    assert tj.finfo(tj.bfloat16).eps == 2.0**-7 and tj.finfo(tj.float16).bits == 16
    for name in INTEGERS:
        info, wanted = tj.iinfo(getattr(tj, name)), np.iinfo(name)
        assert (info.bits, info.max, info.min, info.dtype) == (wanted.bits, wanted.max, wanted.min, np.dtype(name))
    for function, dtype in ((tj.finfo, tj.int8), (tj.iinfo, tj.float32), (tj.iinfo, tj.bool)):
        with pytest.raises(TypeError):
            function(dtype)


def test_isdtype():
    members = {
        "bool": {"bool"}, "signed integer": {n for n in INTEGERS if n[0] == "i"}, "unsigned integer": {n for n in INTEGERS if n[0] == "u"},
        "integral": set(INTEGERS), "real floating": set(FLOATS), "complex floating": set(COMPLEX), "numeric": {*INTEGERS, *FLOATS, *COMPLEX},
    }  # fmt: skip
    for kind, names in members.items():
        for name in NAMES["dtypes"].split():
            assert tj.isdtype(getattr(tj, name), kind) is (name in names)
    assert tj.isdtype(tj.int8, ("bool", "integral")) and not tj.isdtype(tj.int8, ("bool", tj.int16))
    assert tj.isdtype(tj.float32, tj.float32) and not tj.isdtype(tj.float32, tj.float64)
    assert tj.isdtype(tj.bfloat16, "real floating")
    with pytest.raises(ValueError, match="kind"):
        tj.isdtype(tj.int8, "odd")


@pytest.mark.parametrize("start", ["bool", *INTEGERS, *FLOATS, *COMPLEX])
def test_astype(start):
    a = np.array([0, 1, 2, 100], start)
    for end in ["bool", *INTEGERS, *FLOATS, *COMPLEX]:
        if start in COMPLEX and end not in COMPLEX:
            continue
        t = tj.asarray(a)
        result = tj.astype(t, getattr(tj, end))
        assert result is not t and result.dtype == np.dtype(end)
        np.testing.assert_array_equal(result.numpy(), a.astype(end))
        assert (tj.astype(t, getattr(tj, end), copy=False) is t) == (start == end)


# Elementwise functions: dtypes, then special values

SPECIAL = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 1e30, -1e30, 1e-30, 2.5, -2.5, 3.5, 700.0]
ACCEPTS = {  # category of the operands → the functions that take them
    "bool": "bitwise_and bitwise_invert bitwise_or bitwise_xor equal not_equal logical_and logical_not logical_or logical_xor",
    "integer": (
        "abs add bitwise_and bitwise_invert bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor ceil conj equal floor "
        "floor_divide greater greater_equal isfinite isinf isnan less less_equal maximum minimum multiply negative not_equal positive pow "
        "remainder round sign square subtract trunc"
    ),
    "floating": (
        "abs acos acosh add asin asinh atan atan2 atanh ceil conj copysign cos cosh divide equal exp expm1 floor floor_divide greater "
        "greater_equal hypot isfinite isinf isnan less less_equal log log1p log2 log10 logaddexp maximum minimum multiply negative "
        "nextafter not_equal positive pow reciprocal remainder round sign signbit sin sinh square sqrt subtract tan tanh trunc"
    ),
    "complex": (
        "abs acos acosh add asin asinh atan atanh conj cos cosh divide equal exp expm1 imag isfinite isinf isnan log log1p log2 log10 "
        "multiply negative not_equal positive pow real reciprocal round sign sin sinh square sqrt subtract tan tanh"
    ),
}
CASES = [(category, name) for category, names in ACCEPTS.items() for name in names.split()]
BOOLEAN = "equal greater greater_equal isfinite isinf isnan less less_equal logical_and logical_not logical_or logical_xor not_equal signbit".split()


def reference(name):
    return {"conj": np.conj, "bitwise_invert": np.invert}.get(name) or getattr(np, name)


def arity(name):
    return sum(p.kind is p.POSITIONAL_ONLY for p in inspect.signature(getattr(tj, name)).parameters.values())


@pytest.mark.parametrize(("category", "name"), CASES)
def test_elementwise_dtypes_and_values(category, name):
    for dtype in KINDS[category]:
        low = 1 if name in ("pow", "bitwise_left_shift", "bitwise_right_shift") and category == "integer" else 0
        a = np.array([low, 1, 2, 3], dtype) if category != "bool" else np.array([0, 1, 1, 0], bool)
        operands = [a, a[::-1].copy()][: arity(name)]
        if name in ("floor_divide", "remainder") and category == "integer":
            operands[1] = operands[1] + np.array(1, dtype)
        if name in ("acos", "asin", "atanh") and category == "floating":
            operands = [o / 4 for o in operands]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = getattr(tj, name)(*[tj.asarray(o) for o in operands])
            wanted = reference(name)(*operands)
        expected = "bool" if name in BOOLEAN else dtype
        if name in ("abs", "real", "imag") and category == "complex":
            expected = {"complex64": "float32", "complex128": "float64"}[dtype]
        assert result.dtype == np.dtype(expected)
        assert result.shape == wanted.shape
        np.testing.assert_allclose(result.numpy(), wanted, rtol=1e-6 if dtype in ("float32", "complex64") else 1e-14)


@pytest.mark.parametrize("name", ACCEPTS["floating"].split())
@pytest.mark.parametrize("dtype", FLOATS)
def test_special_values_of_floats(name, dtype):
    values = np.array(SPECIAL, dtype)
    pairs = list(itertools.product(values, values))
    if name == "pow":  # the square root is NumPy's `x ** 0.5`, which differs from the standard at -inf and -0.0
        pairs = [(a, b) for a, b in pairs if b != 0.5 or (a != -math.inf and (a != 0 or not np.signbit(a)))]
    check_special(name, [values] if arity(name) == 1 else [np.array(v, dtype) for v in zip(*pairs)], dtype)


@pytest.mark.parametrize("name", ACCEPTS["complex"].split())
def test_special_values_of_complex_numbers(name):
    parts = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0, 2.5]
    values = np.array([complex(*p) for p in itertools.product(parts, parts)])
    operands = [values] if arity(name) == 1 else [np.repeat(values[::3], 22), np.tile(values[::3], 22)]
    check_special(name, operands, "complex128")


def check_special(name, operands, dtype):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = getattr(tj, name)(*[tj.asarray(o) for o in operands]).numpy()
        wanted = reference(name)(*operands)
    assert result.dtype == wanted.dtype
    np.testing.assert_allclose(result, wanted, rtol=4e-7 if dtype == "float32" else 4e-15, atol=0)
    for part in (np.real, np.imag):
        zeros = (part(wanted) == 0) & (part(result) == 0)
        if name not in ("maximum", "minimum") and wanted.dtype.kind in "fc":
            where = np.argwhere(zeros & (np.signbit(part(result)) != np.signbit(part(wanted))))
            assert not where.size, f"the sign of 0 at {[tuple(o[w[0]] for o in operands) for w in where[:5]]}"


def test_clip():
    a = np.array([-3, -1, 0, 2, 9], np.float32)
    for low, high in [(None, None), (-1, None), (None, 2), (-2, 3), (0.5, 0.5)]:
        np.testing.assert_array_equal(tj.clip(tj.asarray(a), low, high).numpy(), a if low is high is None else np.clip(a, low, high))
        np.testing.assert_array_equal(tj.clip(tj.asarray(a), min=low, max=high).numpy(), tj.clip(tj.asarray(a), low, high).numpy())
    bounds = tj.asarray([[0.0], [1.0]])
    assert tj.clip(tj.asarray(a), bounds, 4).shape == (2, 5)
    assert tj.clip(tj.asarray([1, 2, 3], dtype=tj.int8), 2).dtype == tj.int8
    assert math.isnan(tj.clip(tj.asarray(math.nan), 0, 1).item())


# Creation

CREATED = {
    "zeros": lambda xp, **k: xp.zeros((2, 3), **k),
    "ones of an int shape": lambda xp, **k: xp.ones(3, **k),
    "full": lambda xp, **k: xp.full((2,), 7, **k),
    "zeros_like": lambda xp, **k: xp.zeros_like(xp.ones((2, 2)), **k),
    "ones_like": lambda xp, **k: xp.ones_like(xp.zeros((2, 2)), **k),
    "full_like": lambda xp, **k: xp.full_like(xp.zeros((2, 2)), 3, **k),
    "eye": lambda xp, **k: xp.eye(3, **k),
    "eye of a rectangle": lambda xp, **k: xp.eye(2, 4, k=1, **k),
    "eye below": lambda xp, **k: xp.eye(4, 2, k=-1, **k),
    "arange": lambda xp, **k: xp.arange(5, **k),
    "arange between": lambda xp, **k: xp.arange(2, 11, 3, **k),
    "arange downwards": lambda xp, **k: xp.arange(9, 2, -2, **k),
    "arange of nothing": lambda xp, **k: xp.arange(3, 1, **k),
    "linspace": lambda xp, **k: xp.linspace(0, 8, 5, **k),
    "linspace without its end": lambda xp, **k: xp.linspace(0, 10, 5, endpoint=False, **k),
    "linspace of one": lambda xp, **k: xp.linspace(3, 10, 1, **k),
    "linspace of none": lambda xp, **k: xp.linspace(3, 10, 0, **k),
    "asarray": lambda xp, **k: xp.asarray([[1, 0], [3, 4]], **k),
    "tril": lambda xp, **k: xp.tril(xp.ones((2, 3, 4), **k), k=1),
    "triu": lambda xp, **k: xp.triu(xp.ones((3, 3), **k), k=-1),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64", "int16", "uint8", "complex64"])
@pytest.mark.parametrize("name", CREATED)
def test_creation(name, dtype):
    if name.startswith("linspace") and dtype in ("int16", "uint8"):
        pytest.skip("linspace makes floats")
    result, wanted = CREATED[name](tj, dtype=getattr(tj, dtype)), CREATED[name](np, dtype=dtype)
    assert result.dtype == wanted.dtype and result.shape == wanted.shape
    np.testing.assert_allclose(result.numpy(), wanted, rtol=1e-6)


def test_default_dtypes():
    for made, wanted in [
        (tj.zeros(1), tj.float32), (tj.full(1, 2), tj.int64), (tj.full(1, 2.0), tj.float32), (tj.full(1, True), tj.bool),
        (tj.full(1, 1j), tj.complex64), (tj.arange(3), tj.int64), (tj.arange(3.0), tj.float32), (tj.arange(0, 1, 0.5), tj.float32),
        (tj.linspace(0, 1, 3), tj.float32), (tj.linspace(0, 1j, 3), tj.complex64), (tj.eye(2), tj.float32), (tj.empty(2), tj.float32),
        (tj.asarray(1), tj.int64), (tj.asarray(1.0), tj.float32), (tj.asarray(True), tj.bool), (tj.asarray([1, 2.0]), tj.float32),
        (tj.asarray([True, 2]), tj.int64), (tj.asarray(1j), tj.complex64),
    ]:  # fmt: skip
        assert made.dtype == wanted


def test_asarray_copy():
    a = np.ones(3, np.float32)
    assert np.shares_memory(tj.asarray(a).numpy(), a) and np.shares_memory(tj.asarray(a, copy=False).numpy(), a)
    assert not np.shares_memory(tj.asarray(a, copy=True).numpy(), a)
    t = tj.asarray(a)
    assert not np.shares_memory(tj.asarray(t, copy=True).numpy(), a)
    assert np.shares_memory(tj.asarray(t).numpy(), a)
    with pytest.raises(ValueError):
        tj.asarray([1.0, 2.0], copy=False)
    with pytest.raises(ValueError):
        tj.asarray(a, dtype=tj.float64, copy=False)


@pytest.mark.parametrize("indexing", ["xy", "ij"])
@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_meshgrid(indexing, count):
    arrays = [np.arange(n, dtype=np.float32) for n in (2, 3, 4)[:count]]
    result, wanted = tj.meshgrid(*map(tj.asarray, arrays), indexing=indexing), np.meshgrid(*arrays, indexing=indexing)
    assert len(result) == len(wanted)
    for mine, theirs in zip(result, wanted):
        np.testing.assert_array_equal(mine.numpy(), theirs)


# Reductions, scans, searching, sorting, sets

A = np.random.default_rng(11).integers(-5, 6, (3, 4, 5))
AXES = [None, 0, 1, -1, (0, 2), (0, 1, 2), ()]
REDUCTIONS = {"sum": np.sum, "prod": np.prod, "max": np.max, "min": np.min, "mean": np.mean, "var": np.var, "std": np.std, "all": np.all,
              "any": np.any, "count_nonzero": np.count_nonzero}  # fmt: skip


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int64", "uint64", "float32", "float64", "complex64"])
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(name, dtype):
    kind = np.dtype(dtype).kind
    if name in ("mean", "var", "std") and kind not in "fc" or name in ("max", "min") and kind in "bc" or name in ("var", "std") and kind == "c":
        pytest.skip("not in the standard")
    a = (np.abs(A) if kind == "u" else A % 2 if name == "prod" else A).astype(dtype)
    for axis, keepdims in itertools.product(AXES, [False, True]):
        result, wanted = getattr(tj, name)(tj.asarray(a), axis=axis, keepdims=keepdims), REDUCTIONS[name](a, axis=axis, keepdims=keepdims)
        expected = np.asarray(wanted).dtype if name in ("sum", "prod", "count_nonzero", "all", "any") else a.dtype
        assert result.dtype == expected and result.shape == np.shape(wanted)
        np.testing.assert_allclose(result.numpy(), wanted, rtol=2e-6, atol=1e-6)


def test_reduction_arguments():
    t = tj.asarray(A.astype(np.float32))
    np.testing.assert_allclose(tj.var(t, correction=1, axis=0).numpy(), A.var(0, ddof=1), rtol=1e-6)
    np.testing.assert_allclose(tj.std(t, correction=0.5).item(), A.std(ddof=0.5), rtol=1e-6)
    assert tj.sum(t, dtype=tj.float64).dtype == tj.float64 and tj.prod(tj.asarray([2], dtype=tj.int8), dtype=tj.int8).dtype == tj.int8
    for axis in (3, -4, (0, 0), (0, -3)):
        with pytest.raises((ValueError, IndexError)):
            tj.sum(t, axis=axis)
    empty = tj.zeros((0, 3))
    assert tj.sum(empty, axis=0).tolist() == [0.0] * 3 and tj.prod(empty).item() == 1.0 and tj.all(empty).item() is True
    assert tj.sum(tj.zeros((0,))).item() == 0 and not tj.any(empty).item()
    with pytest.raises(ValueError):
        tj.max(empty)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert math.isnan(tj.mean(empty).item())
    for function in (tj.max, tj.min, tj.sum, tj.mean, tj.prod):
        assert math.isnan(function(tj.asarray([1.0, math.nan, 2.0])).item())


@pytest.mark.parametrize("dtype", ["int8", "uint8", "float32", "complex128"])
def test_cumulative(dtype):
    a = np.abs(A).astype(dtype) % 3 if dtype != "complex128" else A.astype(dtype)
    for name, theirs in (("cumulative_sum", np.cumulative_sum), ("cumulative_prod", np.cumulative_prod)):
        for axis, initial in itertools.product((0, 1, -1), (False, True)):
            result, wanted = getattr(tj, name)(tj.asarray(a), axis=axis, include_initial=initial), theirs(a, axis=axis, include_initial=initial)
            assert result.dtype == wanted.dtype
            np.testing.assert_allclose(result.numpy(), wanted, rtol=1e-6)
        flat = a.reshape(-1)[:8]
        np.testing.assert_allclose(getattr(tj, name)(tj.asarray(flat)).numpy(), theirs(flat), rtol=1e-6)
        assert getattr(tj, name)(tj.asarray(flat), dtype=tj.complex128).dtype == tj.complex128


@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_arg_extremes(name):
    for axis, keepdims in itertools.product((None, 0, -1), (False, True)):
        result = getattr(tj, name)(tj.asarray(A), axis=axis, keepdims=keepdims)
        wanted = getattr(np, name)(A, axis=axis, keepdims=keepdims)
        assert result.dtype == tj.int64 and result.shape == np.shape(wanted)
        np.testing.assert_array_equal(result.numpy(), wanted)


def test_nonzero_and_searchsorted():
    for mine, wanted in zip(tj.nonzero(tj.asarray(A)), np.nonzero(A)):
        assert mine.dtype == tj.int64
        np.testing.assert_array_equal(mine.numpy(), wanted)
    row = np.array([1, 2, 2, 5, 9])
    keys = np.array([[0, 2], [5, 10]])
    for side in ("left", "right"):
        result = tj.searchsorted(tj.asarray(row), tj.asarray(keys), side=side)
        assert result.dtype == tj.int64
        np.testing.assert_array_equal(result.numpy(), np.searchsorted(row, keys, side))
    mixed = np.array([5, 1, 9, 2, 2])
    order = np.argsort(mixed)
    np.testing.assert_array_equal(
        tj.searchsorted(tj.asarray(mixed), tj.asarray(keys), sorter=tj.asarray(order)).numpy(), np.searchsorted(mixed, keys, sorter=order)
    )


@pytest.mark.parametrize("dtype", ["int8", "uint64", "float32", "float64"])
@pytest.mark.parametrize("descending", [False, True])
def test_sort_and_argsort(dtype, descending):
    a = np.abs(A).astype(dtype)
    for axis in (0, 1, -1):
        wanted = np.sort(a, axis=axis)
        wanted = np.flip(wanted, axis) if descending else wanted
        for stable in (True, False):
            result = tj.sort(tj.asarray(a), axis=axis, descending=descending, stable=stable)
            assert result.dtype == a.dtype
            np.testing.assert_array_equal(result.numpy(), wanted)
            places = tj.argsort(tj.asarray(a), axis=axis, descending=descending, stable=stable)
            assert places.dtype == tj.int64
            np.testing.assert_array_equal(np.take_along_axis(a, places.numpy(), axis), wanted)
        places = tj.argsort(tj.asarray(a), axis=axis, descending=descending).numpy()
        sorted_places = np.diff(places, axis=axis)
        ties = np.diff(wanted, axis=axis) == 0
        assert (sorted_places[ties] > 0).all(), "equal elements must keep their order"


def test_sets():
    a = np.array([[3, 1, 2], [3, 3, 1]])
    t = tj.asarray(a)
    everything = tj.unique_all(t)
    assert everything._fields == ("values", "indices", "inverse_indices", "counts")
    wanted = np.unique_all(a)
    for mine, theirs in zip(everything, wanted):
        np.testing.assert_array_equal(mine.numpy(), theirs)
    assert tj.unique_counts(t)._fields == ("values", "counts") and tj.unique_inverse(t)._fields == ("values", "inverse_indices")
    np.testing.assert_array_equal(tj.unique_inverse(t).inverse_indices.numpy(), np.unique_inverse(a).inverse_indices)
    assert tj.unique_values(t).tolist() == [1, 2, 3] and tj.unique_counts(t).counts.tolist() == [2, 1, 3]
    assert tj.unique_values(tj.asarray([math.nan, 1.0, math.nan])).size == 3
    assert tj.unique_values(tj.asarray([0.0, -0.0])).size == 1


def test_diff_take_and_where():
    a = A.astype(np.float32)
    t = tj.asarray(a)
    for axis, n in itertools.product((0, -1), (0, 1, 2)):
        np.testing.assert_array_equal(tj.diff(t, axis=axis, n=n).numpy(), np.diff(a, n, axis))
    ends = np.ones((3, 4, 1), np.float32)
    np.testing.assert_array_equal(
        tj.diff(t, prepend=tj.asarray(ends), append=tj.asarray(ends * 2)).numpy(), np.diff(a, prepend=ends, append=ends * 2)
    )
    places = np.array([2, 0, 2, -1])
    np.testing.assert_array_equal(tj.take(t, tj.asarray(places), axis=1).numpy(), np.take(a, places, 1))
    np.testing.assert_array_equal(tj.take(t[0, 0], tj.asarray(places)).numpy(), np.take(a[0, 0], places))
    along = np.argsort(a, axis=1)
    np.testing.assert_array_equal(tj.take_along_axis(t, tj.asarray(along), axis=1).numpy(), np.take_along_axis(a, along, 1))
    np.testing.assert_array_equal(tj.where(t > 0, t, 0.5).numpy(), np.where(a > 0, a, np.float32(0.5)))
    assert tj.where(tj.asarray(True), 1, tj.asarray([1.5])).dtype == tj.float32


KEYS = [
    (), 0, -1, slice(None), slice(1, None, 2), slice(None, None, -1), slice(4, 0, -2), slice(9, 20), slice(-20, 2), ..., None, (0, 1), (0, ..., 2),
    (None, 1), (..., None), (slice(None), None, 0), (1, slice(None, None, -2), slice(1, 4)), (slice(0, 0),), (..., slice(-1, -9, -3)),
    (slice(2, 2), ..., 3), (-1, -1, -1),
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS, ids=map(repr, KEYS))
def test_basic_indexing(key):
    t = tj.asarray(A.copy())
    wanted = A[key]
    result = t[key]
    assert isinstance(result, tj.Tensor) and result.shape == np.shape(wanted)
    np.testing.assert_array_equal(result.numpy(), wanted)
    again = A.copy()
    again[key] = 99
    t[key] = 99
    np.testing.assert_array_equal(t.numpy(), again)
    np.testing.assert_array_equal(result.numpy(), again[key], err_msg="an index is a view")


ARRAY_KEYS = [
    np.array([0, 2, 2]), np.array([[0, 1], [2, -1]]), (np.array([0, 2]), np.array([1, 3])), (slice(None), np.array([3, 0])),
    (np.array([0, 1, 2]), np.array([0, 1, 2]), np.array([4, 4, 0])), (0, np.array([1, 1])), (np.array([0, 2]), slice(None), np.array([1, 4])),
    A > 0, A[:, 0, 0] > -9, (np.array([True, False, True]), 0), np.array(True), (..., np.array([1, -1])),
]  # fmt: skip


@pytest.mark.parametrize("key", ARRAY_KEYS, ids=map(repr, ARRAY_KEYS))
def test_indexing_by_arrays(key):
    def ours(k):
        return tuple(map(ours, k)) if isinstance(k, tuple) else tj.asarray(k) if isinstance(k, np.ndarray) else k

    t = tj.asarray(A.copy())
    np.testing.assert_array_equal(t[ours(key)].numpy(), A[key])
    again = A.copy()
    again[key] = -7
    t[ours(key)] = -7
    np.testing.assert_array_equal(t.numpy(), again)


def test_index_errors():
    t = tj.asarray(A)
    for key in (3, -4, (0, 4), (0, 0, 0, 0), (..., ...), tj.asarray([5]), (slice(None), slice(None), tj.asarray([-6]))):
        with pytest.raises(IndexError):
            t[key]


# Linear algebra


def test_products():
    a, b = A.astype(np.float32), A.astype(np.float32).transpose(0, 2, 1).copy()
    t, u = tj.asarray(a), tj.asarray(b)
    for mine, wanted in [
        (tj.matmul(t, u), a @ b), (tj.matmul(t[0], u), a[0] @ b), (tj.matmul(t, u[0, :, 0]), a @ b[0, :, 0]), (tj.matmul(t[0, 0], u), a[0, 0] @ b),
        (tj.matmul(t[0, 0], t[0, 0]), a[0, 0] @ a[0, 0]), (tj.tensordot(t, u[0], axes=1), np.tensordot(a, b[0], 1)),
        (tj.tensordot(t, t, axes=3), np.tensordot(a, a, 3)), (tj.tensordot(t, u, axes=((0, 2), (0, 1))), np.tensordot(a, b, ((0, 2), (0, 1)))),
        (tj.tensordot(t[0, 0], t[0, 0], axes=0), np.tensordot(a[0, 0], a[0, 0], 0)), (tj.vecdot(t, t), np.vecdot(a, a)),
        (tj.vecdot(t, t[0], axis=-2), np.vecdot(a, a[0], axis=-2)), (tj.matrix_transpose(t), a.mT), (tj.linalg.outer(t[0, 0], t[0, 1]), np.outer(a[0, 0], a[0, 1])),
    ]:  # fmt: skip
        assert mine.dtype == tj.float32 and mine.shape == wanted.shape
        np.testing.assert_allclose(mine.numpy(), wanted, rtol=1e-6)
    assert tj.matmul(tj.asarray(A), tj.asarray(A.transpose(0, 2, 1))).dtype == tj.int64
    c = tj.asarray([1 + 2j, 3j])
    assert tj.vecdot(c, c).item() == 14
    for bad in (lambda: tj.matmul(t, t), lambda: tj.matmul(tj.asarray(1.0), t), lambda: tj.tensordot(t, u, axes=2), lambda: tj.vecdot(t, u)):
        with pytest.raises((ValueError, TypeError)):
            bad()


def test_named_results():
    square = tj.asarray(np.array([[2.0, 1.0], [1.0, 3.0]]))
    assert tj.linalg.eigh(square)._fields == ("eigenvalues", "eigenvectors")
    assert tj.linalg.qr(square)._fields == ("Q", "R")
    assert tj.linalg.slogdet(square)._fields == ("sign", "logabsdet")
    assert tj.linalg.svd(square)._fields == ("U", "S", "Vh")
