"""Ops on whole arrays on a simulated GPU: NumPy stands for CuPy, and for cuBLAS what its documentation says of its arguments."""

from __future__ import annotations

import ctypes
import logging
from contextlib import nullcontext
from types import SimpleNamespace

import library_laws as laws
import numpy as np
import pytest
from op_samples import SAMPLES

import tracejit as tj
from tracejit.backend import get_backend
from tracejit.backends.cuda.libraries import convolutions, scans
from tracejit.backends.cuda.libraries.arrays import CupyArrays, Matrix, Product
from tracejit.backends.cuda.libraries.table import ROWS
from tracejit.backends.cuda.libraries.products import products_of
from tracejit.backends.cuda.assembler.ptx import ptx_of
from tracejit.backends.one_node import graph_of
from tracejit.errors import ArgumentError
from tracejit.op import OPS
from tracejit.spec import DTYPES, bfloat16, float16, is_inexact
from tracejit.tensor import wrap

pytestmark = [pytest.mark.filterwarnings("ignore::RuntimeWarning"), pytest.mark.usefixtures("simulated_gpu")]
every_op = pytest.mark.parametrize("name", laws.LIBRARY_OPS)
STATIC = [name for name in laws.LIBRARY_OPS if not OPS[name].dynamic]


@every_op
def test_an_op_is_as_exact_as_on_the_cpu_in_every_layout(name):
    laws.check_as_exact(name, ("contiguous",) if name.startswith("numpy") else tuple(laws.LAYOUTS))


@pytest.mark.parametrize("name", STATIC)
def test_a_graph_has_the_bits_of_eager_mode(name):
    laws.check_compiled(name)


@pytest.mark.parametrize("name", STATIC)
def test_nothing_is_written_beside_a_result(name):
    laws.check_writes(name)


@pytest.mark.parametrize("name", laws.ASKED)
def test_nan_and_zeros_stand_where_numpy_puts_them(name):
    laws.check_order(name)


@pytest.mark.parametrize("name", laws.REFUSED)
def test_values_are_refused_with_the_words_of_the_cpu(name):
    laws.check_refusal(name)


@pytest.mark.parametrize("dtype", [d for d in DTYPES if is_inexact(d)], ids=str)
def test_products_of_every_shape_and_layout(dtype):
    laws.check_products(dtype)


@pytest.mark.parametrize("name", [name for name in laws.LIBRARY_OPS if "convolution" in name])
def test_convolutions_in_portions(name, monkeypatch):
    monkeypatch.setattr(convolutions, "ROOM", 1)
    laws.check_as_exact(name, ("contiguous",))


def plan(a, b, *layouts):
    """The products that compute a @ b."""
    values = [laws.there(wrap(np.zeros(shape)), layout)._value for shape, layout in zip((a, b), layouts)]
    result = np.matmul(np.zeros(a), np.zeros(b))
    return products_of(*[(x.shape, x.strides) for x in (result, *values)], result.dtype, False)


def test_a_product_is_one_call_of_operands_as_they_lie():
    (one,) = plan((3, 4), (4, 5), "contiguous", "transposed")
    assert (one.m, one.n, one.k, one.times, one.turned) == (5, 3, 4, 1, (True, False))  # the transpose of b times that of a
    (one,) = plan((2, 6, 3, 4), (2, 6, 4, 5), "contiguous", "contiguous")
    assert (one.times, one.a.step, one.b.step, one.c.step) == (12, 20, 12, 15)
    (one,) = plan((6, 3, 4), (1, 4, 5), "contiguous", "contiguous")
    assert (one.times, one.a.step) == (6, 0)
    assert [p.times for p in plan((6, 1, 3, 4), (1, 2, 4, 5), "contiguous", "contiguous")] == [6, 6]


class Cublas:
    """cuBLAS as CuPy binds it, its arguments by the names that its documentation gives them."""

    CUBLAS_COMPUTE_32F, CUBLAS_COMPUTE_64F, CUBLAS_COMPUTE_32F_FAST_TF32 = range(3)
    dtypes = dict(zip((2, 14, 0, 1, 4, 5), (float16, bfloat16, *map(np.dtype, ("f4", "f8", "c8", "c16")))))

    def __init__(self, arrays):
        self.arrays, self.modes, self.computed = arrays, [], []

    def setMathMode(self, handle, mode):
        self.modes.append(mode)

    def gemmStridedBatchedEx(
        self, handle, transa, transb, m, n, k, alpha, A, Atype, lda, strideA, B, Btype, ldb, strideB, beta, C, Ctype, ldc, strideC, batchCount, computeType, algo
    ):  # fmt: skip
        dtype = self.dtypes[Atype]
        scalar = np.dtype("f4") if dtype in (float16, bfloat16) else dtype
        one, add = (np.frombuffer((ctypes.c_char * scalar.itemsize).from_address(at), scalar)[0] for at in (alpha, beta))
        assert Atype == Btype == Ctype and one == 1 and algo == -1
        self.computed.append(computeType)
        matrices = [Matrix(0, *numbers) for numbers in ((lda, strideA), (ldb, strideB), (ldc, strideC))]
        self.arrays.multiply(Product(dtype, (transa == 1, transb == 1), m, n, k, *matrices, batchCount, add == 1), (B, A, C), True)


@pytest.mark.parametrize("dtype", [d for d in DTYPES if is_inexact(d)], ids=str)
def test_cublas_is_given_what_its_documentation_asks_for(dtype, monkeypatch):
    device = get_backend("cuda:0")
    cupy = CupyArrays.__new__(CupyArrays)
    cupy._cublas, cupy._ready, cupy._on_stream = Cublas(device.arrays), set(), nullcontext
    cupy._handles = SimpleNamespace(get_cublas_handle=lambda: 1)
    monkeypatch.setattr(device, "arrays", cupy)
    a, b = (wrap(np.random.default_rng(k).uniform(-1, 1, shape).astype(dtype)) for k, shape in enumerate([(2, 3, 4), (2, 5, 4)]))
    laws.assert_close("", OPS["matmul"](a.to("cuda"), b.to("cuda").mT), wrap(np.matmul(*[x.numpy().astype(complex if dtype.kind == "c" else float) for x in (a, b.mT)]).astype(dtype)), 20.0)
    assert cupy._cublas.modes == [16] and cupy._cublas.computed == [int(dtype.itemsize // (2 if dtype.kind == "c" else 1) == 8)]


def test_the_precision_of_float32_products_is_asked_when_they_are_computed(monkeypatch):
    seen = []
    device = get_backend("cuda:0")
    monkeypatch.setattr(device.arrays, "multiply", lambda product, places, precise: seen.append(precise))
    multiply = tj.compile(lambda x: x @ x)
    x = tj.ones((2, 2)).to("cuda")
    multiply(x)
    try:
        for precision in ("high", "highest"):
            tj.set_float32_matmul_precision(precision)
            assert tj.get_float32_matmul_precision() == precision
            multiply(x)
            x @ x
    finally:
        tj.set_float32_matmul_precision("highest")
    assert seen == [True, False, False, True, True]
    with pytest.raises(ArgumentError, match="highest"):
        tj.set_float32_matmul_precision("low")


def test_what_the_host_computes_is_told_once(caplog):
    device = get_backend("cuda:0")
    device.on_host.clear()
    z = tj.asarray(np.array([1j, 2.0, 1.0])).to("cuda")
    with caplog.at_level(logging.INFO, "tracejit.cuda"):
        for _ in range(2):
            assert tj.argmax(z).cpu().item() == tj.argmax(z.cpu()).item() == 1
    assert [r.message for r in caplog.records] == ["argmax is computed on the host, for complex numbers are compared by NumPy alone"]


def test_a_plan_tells_what_the_host_computes():
    device, titles = get_backend("cuda:0"), []
    for x in (np.ones(3), np.ones(3) * 1j):
        value = device.upload(x)
        graph = graph_of(OPS["argmax"], (value,), {"axis": 0, "keepdims": False})
        titles += [step.title for step in device.executable(graph, [value]).plan.steps]
    assert titles == ["argmax: whole arrays", "argmax: whole arrays, on the host"]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("shape", [(300,), (2, 150, 3), (70, 66)], ids=str)
def test_scans_in_parts(shape, reverse):
    """A line of several parts has another order than the CPU's; a short one has its bits."""
    for name in ("running_sum", "running_product", "recurrence"):
        for dtype in (np.float32, np.complex128, np.int64):
            drawn = [np.random.default_rng(k).uniform(0.5, 1.2, shape) * (1 + 0.1j if dtype == np.complex128 else 3 if dtype == np.int64 else 1) for k in range(2)]
            args = [wrap(a.astype(dtype)) for a in drawn[: 2 if name == "recurrence" else 1]]
            wanted = OPS[name](*args, axis=len(shape) // 2, reverse=reverse)
            found = OPS[name](*[a.to("cuda") for a in args], axis=len(shape) // 2, reverse=reverse).cpu()
            laws.assert_close("", found, wanted, 2000.0)
            if dtype != np.complex128 and (name == "recurrence" or shape[len(shape) // 2] <= 2 * scans.PART):
                assert found.numpy().tobytes() == wanted.numpy().tobytes()


def test_our_own_kernels_are_machine_code_too(monkeypatch):
    texts = set()
    device = get_backend("cuda:0")
    function_of = device.function_of
    monkeypatch.setattr(device, "function_of", lambda text: (texts.add(text), function_of(text))[1])
    for dtype in (np.float32, np.complex64, np.int8, np.bool_):
        x = wrap(np.ones((2, 200), dtype)).to("cuda")
        for name in ("running_sum", "running_product"):
            OPS[name](x, axis=1, reverse=False)
        OPS["matmul"](x, x.mT)
    OPS["recurrence"](x.astype(tj.float64), x.astype(tj.float64), axis=1, reverse=True)
    ours = [text for text in texts if "for t in range" in text]
    assert len(ours) > 12 and all("st.global" in ptx_of(text, "sm_80") for text in ours)


@pytest.mark.parametrize("name", [name for name in STATIC if OPS[name].vjp is not None])
def test_gradients_are_those_of_the_cpu(name):
    laws.check_gradient(name)


def test_every_library_op_says_what_computes_it():
    assert set(ROWS) == set(laws.LIBRARY_OPS) <= set(SAMPLES)
    for name, row in ROWS.items():
        ways = [row.writes is not None, row.gives is not None]
        assert sum(ways) <= 1 and bool(row.reason) == (not any(ways) or row.only != "bifc"), name


@pytest.mark.parametrize("dtype", [float16, bfloat16], ids=str)
def test_small_floats_are_multiplied_as_they_are(dtype, monkeypatch):
    seen = []
    arrays = get_backend("cuda:0").arrays
    multiply = arrays.multiply
    monkeypatch.setattr(arrays, "multiply", lambda product, *where: (seen.append(product.dtype), multiply(product, *where)))
    x, w, image = (wrap(np.random.default_rng(k).uniform(-1, 1, shape).astype(dtype)) for k, shape in enumerate([(2, 3, 4), (4, 5), (1, 2, 6, 6)]))
    for f in (lambda x, w, _: x @ w, lambda x, _, image: tj.conv2d(image, tj.reshape(x, (4, 2, 3, 1)), stride=2)):
        wanted = f(x, w, image)
        found = [g(x.to("cuda"), w.to("cuda"), image.to("cuda")) for g in (f, tj.compile(f))]
        laws.assert_close("", found[0], wanted, 2.0)
        assert found[0].cpu().numpy().tobytes() == found[1].cpu().numpy().tobytes() and found[0].dtype == dtype
    assert len(seen) >= 4 and set(seen) == {dtype}
