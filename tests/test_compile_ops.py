"""The law of the op table: every op, every dtype it takes, every layout: compiled and eager to the bit, and near NumPy in float64.

Ops join by their entry in the table, and by their samples where they are not elementwise; `test_gradients.py` asks for those.
"""

from __future__ import annotations

import numpy as np
import pytest
from op_samples import INVARIANT, SAMPLES
from support import ATTRS, LAYOUTS, RELAID, assert_bits_equal, elementwise_ops

import tracejit as tj
from tracejit.errors import DTypeError
from tracejit.op import OPS, Reduction
from tracejit.spec import DTYPES, SMALL_FLOATS, TensorSpec, bool_, complex64, complex128, float32, float64, int32, is_complex, is_inexact
from tracejit.tensor import wrap

REDUCTIONS = [op for op in OPS.values() if isinstance(op, Reduction)]
OTHERS = [op for op in OPS.values() if op not in elementwise_ops()]
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def draw(dtype, shape, low, high, seed):
    rng = np.random.default_rng(seed)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype.kind in "iu":
        return rng.integers(0 if dtype.kind == "u" else -9, 10, shape).astype(dtype)
    drawn = rng.uniform(low, high, shape)
    return (drawn + 1j * rng.uniform(low, high, shape) if dtype.kind == "c" else drawn).astype(dtype)


@every_dtype
@pytest.mark.parametrize("op", elementwise_ops(), ids=lambda op: op.name)
def test_elementwise(op, dtype):
    """One program computes the op in all layouts; how it reads them does not depend on the dtype, so one real dtype of each op will do,
    and the complex ones, of which NumPy computes some by layout.

    Of the values in each layout, for every dtype: `test_elementwise.py`.
    """
    dtypes = [bool_ if op.name == "where" and i == 0 else dtype for i in range(op.arity)]
    arrays = [draw(d, (3, 5), *op.domain[i], seed=i) for i, d in enumerate(dtypes)]
    attrs = ATTRS.get(op.name, {})
    chosen = dtype == (float32 if "f" in op.accepts else bool_ if "b" in op.accepts else int32) or is_complex(dtype)
    layouts = LAYOUTS if chosen else {"contiguous": LAYOUTS["contiguous"]}
    laid = [[wrap(layout(a)) for a in arrays] for layout in layouts.values()]
    compiled = tj.compile(lambda laid: [op(*xs, **attrs) for xs in laid])
    try:
        op.spec(*(TensorSpec(a.shape, a.dtype) for a in arrays), **attrs)
    except DTypeError:
        with pytest.raises(DTypeError):
            compiled(laid)
        return
    try:
        eager = [op(*xs, **attrs) for xs in laid]
    except ValueError:
        pytest.skip("an operation NumPy refuses for these values")
    for layout, xs, wanted, found in zip(layouts, laid, eager, compiled(laid)):
        assert wanted.spec == op.spec(*(x.spec for x in xs), **attrs)
        assert_bits_equal(found, wanted, f"{op.name} of {dtype}, {layout}")


@every_dtype
@pytest.mark.parametrize("op", REDUCTIONS, ids=lambda op: op.name)
def test_reductions(op, dtype):
    """Of the order of floats, over many more shapes: `test_reduction_order.py`."""
    if dtype in SMALL_FLOATS:
        return  # the functions reduce these in float32
    x = draw(dtype, (4, 150), *((0.35, 1.05) if is_complex(dtype) else (0.5, 1.5)), 0)  # of magnitude about 1: products stay in range
    cases = [("contiguous", x, axes) for axes in [(), (0,), (1,), (0, 1)]]
    cases += [(name, layout(x), (1,)) for name, layout in LAYOUTS.items() if name not in ("contiguous", "0-d", "empty")]
    cases += [("0-d", LAYOUTS["0-d"](x), ())] + ([("empty", x[:, :0], (0,))] if op.name in ("max", "min") else [("empty", x[:0], (0,))])
    tensors = [wrap(a) for _, a, _ in cases]
    compiled = tj.compile(lambda *xs: [op(x, axes=axes, keepdims=False) for x, (_, _, axes) in zip(xs, cases)])
    try:
        op.spec(tensors[0].spec, axes=(1,))
    except DTypeError:
        with pytest.raises(DTypeError):
            compiled(*tensors)
        return
    for (layout, a, axes), t, found in zip(cases, tensors, compiled(*tensors)):
        eager = op(t, axes=axes, keepdims=False)
        assert eager.spec == op.spec(t.spec, axes=axes)
        assert_bits_equal(found, eager, f"{op.name} of {dtype}, {layout}, over {axes}")
        if not is_inexact(dtype):
            assert_bits_equal(eager, op.numpy(a, axis=axes), f"{op.name} of {dtype}, {layout}, over {axes}")
        elif a.size:
            wide = op.numpy(a.astype(np.complex128 if is_complex(dtype) else np.float64), axis=axes)
            np.testing.assert_allclose(eager.numpy(), wide, rtol=64 * np.finfo(dtype).eps)


NARROW = {float64: float32, complex128: complex64}


def recast(value: tj.Tensor, layout: str, narrow: bool) -> tj.Tensor:
    """A sample laid out in another way, in single precision if asked."""
    array = value.numpy()
    return wrap(RELAID[layout](array.astype(NARROW.get(array.dtype, array.dtype)) if narrow else array))


def outputs(result):
    return list(result) if isinstance(result, tuple) else [result]


@pytest.mark.parametrize("narrow", [False, True], ids=["double", "single"])
@pytest.mark.parametrize("op", OTHERS, ids=lambda op: op.name)
def test_samples_in_every_layout(op, narrow):
    if narrow and op.kind == "control":
        pytest.skip("its graphs are of one dtype")
    for make in SAMPLES[op.name]:
        args, attrs = make()
        if not set("fc") & set(getattr(op, "accepts", "f")):
            args = tuple(wrap(a.numpy().astype(bool)) for a in args)
        laid = {layout: [recast(a, layout, narrow) for a in args] for layout in RELAID}
        eager = {}
        for layout, xs in laid.items():
            try:
                eager[layout] = outputs(op(*xs, **attrs))
            except ValueError:
                assert op.is_view and layout != "contiguous", "only a view may have no strides for a layout"
        compiled = tj.compile(lambda *laid: [op(*xs, **attrs) for xs in laid])(*[laid[layout] for layout in eager])
        stable = INVARIANT.get(op.name, lambda *results: results)
        exact = outputs(stable(*outputs(op(*args, **attrs))))
        tolerance = 1e-4 if narrow else 1e-12
        for (layout, results), found in zip(eager.items(), compiled):
            what = f"{op.name} {attrs}, {layout}"
            for got, wanted in zip(outputs(found), results):
                assert_bits_equal(got, wanted, what)
            for got, wanted in zip(outputs(stable(*results)), exact):
                assert got.shape == wanted.shape, what
                np.testing.assert_allclose(got.numpy(), wanted.numpy(), rtol=tolerance, atol=tolerance, err_msg=what)
