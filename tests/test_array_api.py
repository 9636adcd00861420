"""The array API standard 2024.12: names, signatures, introspection and dtypes (how each section behaves: test_array_api_behaviour)."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import tracejit as tj

NAMES = {
    "creation": (
        "arange asarray empty empty_like eye from_dlpack full full_like linspace meshgrid ones ones_like tril triu zeros zeros_like"
    ),
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
    assert info.devices()[0] == "cpu" and info.default_device() == "cpu"
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
        ("int8", 1, "int8"), ("uint16", True, "uint16"), ("float32", 1, "float32"), ("float32", 2.5, "float32"),
        ("complex64", 1.5, "complex64"),
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
