"""The scalar texts of elementwise ops: as plain Python and compiled, against NumPy."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from support import assert_bits_equal, elementwise_ops, run_native, takes, ulps

import tracejit.ops.activation  # noqa: F401
import tracejit.ops.transcendental
from tracejit.backends.text.scalar import FUNCTIONS
from tracejit.op import OPS
from tracejit.spec import SHORT_NAMES, SMALL_FLOATS, bool_, category, float16, float32, float64

SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, 3.0, -2.5, 2.5, 1e-3, 7.25, -7.0, 65.0, -300.0, 1e4, 3e-5, math.inf, -math.inf, math.nan]
WHOLE = [0, 1, 2, 3, 5, 7, 8, 31, 63, 64, 65, 100, 127, 128, 200, 255, 2**31, 2**63 - 1, 2**63, 2**64 - 1]
DTYPES = [np.dtype(t) for t in ("bool", "int8", "uint8", "int16", "uint32", "int64", "uint64", "float32", "float64")]
# Ops of several roundings, or that SciPy errs in: how many ulps. The others: 1, and what NumPy itself errs.
BOUNDS = {"logaddexp": 2, "logaddexp2": 2, "digamma": 8, "trigamma": 8, "lgamma": 16, "softplus": 2}


def operands(op, dtype):
    """All pairs of special values, cut down for three operands."""
    if dtype == bool_:
        line = np.array([False, True])
    elif dtype.kind in "iu":
        line = np.unique(np.array(WHOLE, np.uint64).astype(dtype))
    else:
        line = np.array(SPECIAL).astype(dtype)
    if op.arity == 3:
        line = line[:9]
    grid = [g.reshape(-1) for g in np.meshgrid(*[line] * op.arity, indexing="ij")]
    return grid if op.name != "where" else [grid[0] != 0, *grid[1:]]


def texts(dtype):
    """The ops that kernels compute for operands of this dtype, with their texts."""
    found = []
    for op in elementwise_ops():
        if op.name == "cast" or (op.floats and dtype.kind != "f") or not takes(op, dtype) or (dtype == bool_ and op.bools != bool_):
            continue
        if op.text(dtype) is not None:
            found.append((op, op.text(dtype)))
    return found


def expression(op, text, at=""):
    return text.format(*(f"{letter}{at}" for letter in "abc"[: op.arity]), T="T")


def in_python(op, text, arrays, dtype, function=None):
    """The text, run element by element as plain Python."""
    function = function or eval(f"lambda a, b=None, c=None: {expression(op, text)}", {**FUNCTIONS, "T": dtype.type})
    out = bool if op.result == "bool" else dtype.type
    with np.errstate(all="ignore"):
        return np.array([out(function(*element)) for element in zip(*arrays)], out)


def close(op, got, arrays, dtype, what):
    """Bits for what IEEE arithmetic fixes, ulps against float64 for the rest."""
    with np.errstate(all="ignore"):
        if op.exact or dtype.kind not in "f":
            wanted = op.numpy(*arrays)
            if op.name == "relu" or op.name == "where" or op.name == "clip":
                wanted = wanted.astype(dtype)
            return assert_bits_equal(got, wanted, what)
        reference = op.numpy(*(a.astype(np.float64) for a in arrays))
    distance = ulps(got, reference, floor=1.0 if op.name in ("digamma", "lgamma", "logaddexp", "logaddexp2") else 0.0)
    infinite = ~np.isfinite(got) | ~np.isfinite(reference)
    with np.errstate(all="ignore"):
        agree = np.isnan(got) == np.isnan(reference)
        agree &= ~infinite | np.isnan(got) | (got == reference.astype(dtype))
    assert agree.all(), f"{what}: {[a[~agree][:4] for a in arrays]} give {got[~agree][:4]}, not {reference[~agree][:4]}"
    worst = np.where(infinite, 0, distance)
    at = int(worst.argmax())
    limit = BOUNDS.get(op.name, 1) + (2 if dtype == float64 else 0.51)
    assert worst[at] <= limit, f"{what}: {[a[at] for a in arrays]} gives {got[at]!r}, {worst[at]:.2f} ulp from {reference[at]!r}"


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_texts_in_plain_python_agree_with_numpy(dtype):
    for op, text in texts(dtype):
        arrays = operands(op, dtype)
        close(op, in_python(op, text, arrays, dtype), arrays, dtype, f"{op.name} of {dtype}")


@pytest.mark.parametrize("dtype", SMALL_FLOATS, ids=str)
def test_small_floats_computed_in_float32_and_rounded_give_numpys_bits(dtype):
    for op, text in texts(float32):
        if not op.exact or op.name in ("nextafter", "where"):
            continue
        arrays = operands(op, dtype)
        wide = in_python(op, text, [a.astype(np.float32) for a in arrays], float32)
        with np.errstate(all="ignore"):
            assert_bits_equal(wide if op.result == "bool" else wide.astype(dtype), op.numpy(*arrays), f"{op.name} of {dtype}")


def all_in_one(group, dtype, loop):
    """One kernel for many texts: every text's results, in the rows of `out` or of `flags`."""
    kind, memory = ("boolean", "u8") if dtype == bool_ else (SHORT_NAMES[dtype],) * 2
    lines = ["def kernel(args):", *(f"    {name} = {memory}_pointer(args, {k})" for k, name in enumerate(("x", "y", "z", "out")))]
    lines += ["    flags = u8_pointer(args, 4)", "    n = args[5]", f"    for i in {loop}(0, n):"]
    lines += [f"        {name} = {kind}({source}[i])" for name, source in zip("abc", "xyz")]
    for row, (op, text) in enumerate(group):
        place, to = ("flags", "boolean") if op.result == "bool" else ("out", kind)
        stored = "u8" if to == "boolean" else ""
        lines.append(f"        {place}[i + n * {row}] = {stored}({to}({text.format(*'abc'[: op.arity], T=kind)}))")
    return "\n".join([*lines, "    return 0"])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_compiled_texts_agree_with_numpy_in_lanes_and_one_by_one(dtype):
    for found in texts(dtype):
        if found[0].name == "where":
            continue
        group = [found]
        arrays = operands(group[0][0], dtype)
        operands_ = (*arrays, *arrays, *arrays)[:3]
        results = []
        for loop in ("lanes", "range"):
            out, flags = np.zeros((len(group), arrays[0].size), dtype), np.zeros((len(group), arrays[0].size), bool)
            run_native(all_in_one(group, dtype, loop), *operands_, out, flags, arrays[0].size)
            results.append((out, flags))
        for row, (op, _) in enumerate(group):
            got, alone = ((flags if op.result == "bool" else out)[row] for out, flags in results)
            close(op, got, arrays, dtype, f"{op.name} of {dtype}, compiled")
            assert_bits_equal(got, alone, f"{op.name} of {dtype} in lanes and alone")


@pytest.mark.parametrize("source", [float32, float64], ids=str)
@pytest.mark.parametrize("target", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
def test_casts_of_floats_are_fixed_where_c_leaves_them_open(source, target):
    edges = [0.0, -0.5, 1.5, -1.5, 127.0, 128.0, -129.0, 300.7, 7e4, -7e4, 3e9, -3e9, 5e9, -5e9, 1e13, 1.2e19, 2e19, -1e19, -2e19, 1e30]
    powers = [s * 2.0**k for k in (31, 32, 63, 64) for s in (1, -1)]
    x = np.array([*edges, *powers, math.nan, math.inf, -math.inf]).astype(source)
    name = f"{np.dtype(target).kind}{8 * np.dtype(target).itemsize}_from_float"
    wanted = np.array([FUNCTIONS[name](v) for v in x])
    assert wanted.dtype == target
    for x_many in (np.repeat(x, 33), np.repeat(x, 2)[::2]):  # long and short, contiguous and strided
        got = OPS["cast"].numpy(x_many, dtype=np.dtype(target))
        assert_bits_equal(got, np.repeat(wanted, x_many.size // x.size), f"{source} to {target}")


def test_float64_reaches_float16_by_one_rounding_through_odd_float32():
    halves = np.arange(0, 31744, 7, dtype=np.uint16).view(float16)
    ties = (halves.astype(np.float64) + np.nextafter(halves, float16.type(math.inf)).astype(np.float64)) / 2
    x = np.concatenate([ties, np.nextafter(ties, 9e9), np.nextafter(ties, -9e9), [0.0, 1e300, math.inf, math.nan, 65519.99, 65520.0]])
    x = np.concatenate([x, -x])
    assert np.array_equal(run_function("odd_f32", x, result=np.float32).astype(float16), x.astype(float16), equal_nan=True)
    with np.errstate(all="ignore"):
        sample = x[::97]
        assert_bits_equal(np.array([FUNCTIONS["odd_f32"](v) for v in sample]).astype(float16), sample.astype(float16), "Python")


def run_function(name, *arrays, result=None):
    """A function of kernel text, compiled, over arrays of one dtype."""
    out = np.zeros(arrays[0].size, result or arrays[0].dtype)
    kind, to = SHORT_NAMES[arrays[0].dtype], SHORT_NAMES[out.dtype]
    lines = ["def kernel(args):", f"    y = {to}_pointer(args, {len(arrays)})"]
    lines += [f"    x{k} = {kind}_pointer(args, {k})" for k in range(len(arrays))]
    lines += [f"    for i in lanes(0, args[{len(arrays) + 1}]):", f"        y[i] = {to}({name}({', '.join(f'x{k}[i]' for k in range(len(arrays)))}))"]
    run_native("\n".join([*lines, "    return 0"]), *arrays, out, out.size)
    return out


@pytest.mark.parametrize(
    "name, x, wanted",  # DLMF 5.4, and 40-digit values
    [
        ("digamma", 1.0, -0.57721566490153286061), ("digamma", 0.5, -1.9635100260214234794), ("digamma", 10.0, 2.2517525890667211077),
        ("digamma", -0.5, 0.036489973978576520559), ("digamma", 1e10, 23.025850929890456840), ("digamma", 0.0, -math.inf),
        ("digamma", -0.0, math.inf), ("digamma", -3.0, math.nan), ("digamma", math.inf, math.inf), ("digamma", math.nan, math.nan),
        ("trigamma", 1.0, math.pi**2 / 6), ("trigamma", 0.5, math.pi**2 / 2), ("trigamma", -0.5, 8.9348022005446793094),
        ("trigamma", 20.0, 0.051270822935203119832), ("trigamma", 0.0, math.inf), ("trigamma", -2.0, math.inf), ("trigamma", math.inf, 0.0),
        ("lgamma", 0.0, math.inf), ("lgamma", -1.0, math.inf), ("lgamma", 1e306, math.inf), ("cbrt", -27.0, -3.0),
        ("cbrt", 1e308, 4.6415888336127788924e102), ("sigmoid", -800.0, 0.0), ("sigmoid", 800.0, 1.0), ("softplus", 800.0, 800.0),
        ("sigmoid", -700.0, 9.8596765437597708567e-305), ("logaddexp", (-math.inf, -math.inf), -math.inf), ("power", (2.0, 1.5), 2.0**1.5),
    ],
)  # fmt: skip
def test_known_values(name, x, wanted):
    x = x if isinstance(x, tuple) else (x,)
    for got in (FUNCTIONS[name](*map(np.float64, x)), run_function(name, *(np.array([v]) for v in x))[0]):
        assert got == wanted or (math.isnan(got) and math.isnan(wanted)) or abs(got - wanted) <= 1e-15 * max(1.0, abs(wanted)), got


def test_neither_numba_nor_scipy_is_loaded_for_them():
    check = "import sys, tracejit.backends.text.scalar, tracejit.ops.activation; assert not {'numba', 'scipy'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", check], check=True)


def test_float_texts_are_for_every_operand_category():
    for op in elementwise_ops():
        if isinstance(op.scalar, dict) and not op.floats:
            named = {category(d)[0] for d in DTYPES if op.text(d) is not None}
            assert named <= set(op.accepts) | {"b"}, op.name
    assert tracejit.ops.transcendental.sigmoid.text(float64) == "sigmoid({0})"
