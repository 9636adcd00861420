"""Maps on a GPU: every op, every dtype it takes, every way its operands may lie, has the bits that it has on the CPU, for its text is the same."""

from __future__ import annotations

import numpy as np
import pytest
from op_samples import SAMPLES
from support import ATTRS, SEEN, elementwise_ops
from test_compile_ops import draw

import tracejit as tj
from tracejit.backends.cuda.text.source import pack_of, print_map
from tracejit.device import DeviceArray, may_share_memory
from tracejit.errors import DeviceError
from tracejit.graph.ir import Graph, Interner
from tracejit.lowering.plan import make_plan
from tracejit.op import OPS
from tracejit.spec import DTYPES, TensorSpec, bool_, element_strides, float16, float32, float64
from tracejit.tensor import wrap

pytestmark = [pytest.mark.filterwarnings("ignore::RuntimeWarning"), pytest.mark.usefixtures("simulated_gpu")]


def assert_same(there, here):
    assert there.device == "cuda:0" and here.device == "cpu"
    found, wanted = there.detach().cpu()._value, here.detach()._value
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape) and found.tobytes() == wanted.tobytes()


@pytest.mark.parametrize("op", elementwise_ops(), ids=lambda op: op.name)
def test_elementwise(op):
    for dtype in DTYPES:
        arrays = [draw(bool_ if op.name == "where" and i == 0 else dtype, (3, 4), *op.domain[i], seed=i) for i in range(op.arity)]
        attrs = ATTRS.get(op.name, {})
        try:
            here = op(*map(wrap, arrays), **attrs)
        except (TypeError, ValueError):
            continue
        assert_same(op(*[wrap(a).to("cuda") for a in arrays], **attrs), here)


@pytest.mark.parametrize("name", [name for name in SAMPLES if OPS[name].kind not in ("reduction", "control", "transfer", "library")])
def test_other_ops(name):
    for sample in SAMPLES[name]:
        args, attrs = sample()
        if not any(isinstance(a, tj.Tensor) for a in args):
            continue
        here = OPS[name](*args, **attrs)
        there = OPS[name](*[a.to("cuda") if isinstance(a, tj.Tensor) else a for a in args], **attrs)
        for a, b in zip(there, here) if isinstance(here, tuple) else [(there, here)]:
            assert_same(a, b)


@pytest.mark.parametrize("dtype", [float16, float32, float64, np.dtype(np.int8), np.dtype(np.complex64)], ids=str)
@pytest.mark.parametrize("layout", SEEN)
def test_layouts(layout, dtype):
    x = wrap(draw(dtype, (9, 9), -2, 2, seed=3))
    y = wrap(draw(dtype, (9, 9), -2, 2, seed=4))
    for f in (lambda x: x + x * 2, lambda x: tj.where(x != 0, x, 1)):
        assert_same(f(SEEN[layout](x.to("cuda"))), f(SEEN[layout](x)))
    there = y.to("cuda")
    target, source = SEEN[layout](there), SEEN[layout](x.to("cuda"))
    if layout != "broadcast":
        target.copy_(source)
        SEEN[layout](y).copy_(SEEN[layout](x))
        assert_same(there, y)


def kernel_of(dtype, shape):
    make = Interner()
    x = make.input(TensorSpec(shape, dtype))
    graph = Graph((x,), (make.apply(OPS["negative"], (x,), {}),))
    (kernel,) = make_plan(graph, [None]).kernels()
    return kernel


@pytest.mark.parametrize(("dtype", "shape", "pack"), [(float32, (8,), 4), (float64, (8,), 2), (float16, (8,), 8), (float32, (6,), 2), (float32, (7,), 1), (float64, (3, 4), 2)])
def test_a_thread_takes_what_one_access_of_sixteen_bytes_holds(dtype, shape, pack):
    kernel = kernel_of(dtype, shape)
    printed = print_map(kernel)
    assert pack_of(kernel) == pack and printed.turns * pack == np.prod(shape)
    assert (f"lanes(0, {pack})" in printed.text) == (pack > 1)
    assert set(printed.aligned.values()) == ({pack * dtype.itemsize} if pack > 1 else set())
    assert "lanes" not in print_map(kernel, packed=False).text


def test_what_lies_on_the_host_goes_where_it_is_needed():
    x = tj.arange(6.0).to("cuda")
    assert_same(x + tj.ones(6), tj.arange(6.0) + 1)
    assert_same(np.ones(6, np.float32) + x, tj.arange(6.0) + 1)
    assert_same(x * tj.tensor(2.5), tj.arange(6.0) * 2.5)
    host = tj.zeros(6)
    with pytest.raises(DeviceError, match="cpu()"):
        host += x
    with pytest.raises(DeviceError, match="together"):
        x + tj.arange(6.0).to("cuda:1")
    with pytest.raises(DeviceError, match="cpu()"):
        np.asarray(x)


def test_views_share_memory_and_copies_do_not():
    x = tj.arange(12.0).to("cuda").reshape(3, 4)
    row = x[1]
    row += 10
    assert x.cpu().tolist()[1] == [14.0, 15.0, 16.0, 17.0]
    assert may_share_memory(x._value, row._value) and not may_share_memory(x[0]._value, row._value) and not may_share_memory(x._value, x.clone()._value)
    assert isinstance(row._value, DeviceArray) and element_strides(x[:, ::2]._value) == (4, 2)
    assert x.device == row.device == "cuda:0" and x.spec.device == "cuda:0"


@pytest.mark.parametrize("name", ["real_part", "imaginary_part"])
def test_a_view_of_the_parts_of_complex_numbers(name):
    z = wrap(draw(np.dtype(np.complex64), (3, 4), -2, 2, seed=5))
    there, op = z.to("cuda"), OPS[name]
    for layout in ("contiguous", "transposed", "every other"):
        seen = SEEN[layout]
        for function in (lambda x: op(seen(x)), lambda x: op(seen(x)) * 2):
            assert_same(function(there), function(z))
            assert_same(tj.compile(function)(there), function(z))
    assert may_share_memory(op(there)._value, there._value)
