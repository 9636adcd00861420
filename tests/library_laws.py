"""Laws of ops on whole arrays on a GPU, whatever computes them: as exact as the CPU's, in every layout; eager and compiled to the bit; and nothing is
written beside a result. `test_cuda_libraries.py` asks them of a simulated GPU, `gpu/test_libraries.py` of one that is there."""

from __future__ import annotations

import numpy as np
from op_samples import CONSTANT, INVARIANT, SAMPLES

import tracejit as tj
from tracejit.backend import get_backend
from tracejit.backends.cuda.libraries.table import whole
from tracejit.backends.one_node import graph_of
from tracejit.errors import TracejitError
from tracejit.op import OPS, Library
from tracejit.spec import bfloat16, complex64, contiguous_strides, float16, float32, float64, real_dtype
from tracejit.tensor import Tensor, wrap

LIBRARY_OPS = sorted(name for name, op in OPS.items() if isinstance(op, Library))
WHOLE = {"matmul", "running_sum", "running_product"}  # they take integers too
ORDERED = {"argsort", "sort", "argmax", "argmin", "searchsorted", "isin", "unique", "nonzero", "assemble"}  # they take every dtype
MEASURES = {"float16": 2e-3, "bfloat16": 2e-2}
BESIDE = 64  # bytes
LAYOUTS = {
    "contiguous": lambda x: x,
    "transposed": lambda x: x.permute(tuple(range(x.ndim))[::-1]).clone().permute(tuple(range(x.ndim))[::-1]),
    "backwards": lambda x: x[(slice(None, None, -1),) * x.ndim].clone()[(slice(None, None, -1),) * x.ndim],
    "among others": lambda x: _among(x),
    "every other": lambda x: tj.stack([x, tj.zeros(x.shape, dtype=x.dtype)], axis=x.ndim)[..., 0] if x.ndim else x,
}


def _among(x: Tensor) -> Tensor:
    larger = tj.zeros(tuple(n + 2 for n in x.shape), dtype=x.dtype)
    inside = (slice(1, -1),) * x.ndim
    larger[inside] = x
    return larger[inside]


def there(x: Tensor, layout: str = "contiguous") -> Tensor:
    """A tensor on the GPU in a layout: the memory around it is copied too."""
    laid = LAYOUTS[layout](x)
    base = laid if laid._base is None and laid._aside is None else (laid._base if laid._base is not None else laid._aside)
    moved = base.to("cuda")
    for op, attrs in laid._chain:
        moved = op(moved, **dict(attrs))
    return moved


def cases(name: str) -> list[tuple[tuple[Tensor, ...], dict]]:
    """The operands and attributes of an op's samples; in single precision too, and those that compare and move elements in every dtype."""
    found = []
    for sample in SAMPLES[name]:
        args, attrs = sample()
        found.append((args, attrs))
        narrow = [a.astype(float32) if a.dtype == float64 else a.astype(complex64) if a.dtype.kind == "c" else a for a in args]
        found.append((tuple(narrow), {k: v for k, v in attrs.items()}))
        if name in WHOLE and all(a.dtype == float64 for a in args):
            for dtype in (tj.int8, tj.uint32, tj.int64, tj.bool):
                found.append((tuple([(abs(a) * 3 - (dtype != tj.uint32)).astype(dtype) for a in args]), attrs))
        if name in ORDERED and args and all(a.dtype == float64 for a in args):
            for dtype in (float16, bfloat16, tj.int8, tj.uint64, tj.bool):
                found.append((tuple([(a if dtype in (float16, bfloat16) else abs(a) * 3).astype(dtype) for a in args]), attrs))
    return [case for case in found if case[0]]


def results(found: object) -> tuple:
    return tuple(found) if isinstance(found, tuple) else (found,)


def _in_order(values: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues and what goes with them in one order."""
    order = tj.asarray(np.lexsort((np.round(values.numpy().imag, 4), np.round(values.numpy().real, 4))))
    return values[order], vectors[:, order]


def assert_close(name: str, found: object, wanted: object, scale: float = 200.0) -> None:
    """Both have the same dtypes and shapes, and values as near each other as the dtype lets two orders of sums be."""
    if name in INVARIANT:
        found, wanted = (INVARIANT[name](*[x.cpu() for x in results(side)]) for side in (found, wanted))
    if name == "eig":
        found, wanted = (_in_order(*side) for side in (found, wanted))
    for a, b in zip(results(found), results(wanted), strict=True):
        x, y = a.detach().cpu().numpy(), b.detach().cpu().numpy()
        assert (x.dtype, x.shape) == (y.dtype, y.shape), name
        if x.dtype.kind in "biu":
            assert np.array_equal(x, y), name
            continue
        exact = real_dtype(x.dtype)
        eps = MEASURES.get(exact.name) or float(np.finfo(exact).eps)
        x, y = (v.astype(np.complex128 if v.dtype.kind == "c" else np.float64) for v in (x, y))
        limit = scale * eps * max(1.0, float(np.abs(y[np.isfinite(y)]).max(initial=0.0)))
        assert np.allclose(x, y, rtol=scale * eps, atol=limit, equal_nan=True), f"{name}: {np.nanmax(np.abs(x - y))} of {limit}"


def defined(name: str, found: object, args: tuple, attrs: dict) -> object:
    """The part of a result that has a meaning."""
    if name == "convolution_by_positions":
        kernel, dilation = args[1].shape[2:], attrs["dilation"]
        extents = [n - d * (k - 1) for n, k, d in zip(args[0].shape[2:], kernel, dilation)]
        return found[(slice(None), slice(None), *[slice(0, n) for n in extents])]
    return found


def check_as_exact(name: str, layouts: tuple[str, ...] = tuple(LAYOUTS)) -> None:
    """An op on the GPU gives what it gives on the CPU."""
    op = OPS[name]
    for args, attrs in cases(name):
        try:
            wanted = op(*args, **attrs)
        except (TypeError, ValueError, TracejitError):
            continue
        for layout in layouts:
            moved = [there(a, layout) for a in args]
            assert all(m.device == "cuda:0" for m in moved)
            assert_close(name, defined(name, op(*moved, **attrs), args, attrs), defined(name, wanted, args, attrs))


def check_compiled(name: str) -> None:
    """A graph has the bits of eager mode, on operands of the same layouts."""
    op, device = OPS[name], get_backend("cuda:0")
    for args, attrs in cases(name):
        for layout in ("contiguous", "transposed"):
            values = tuple(there(a, layout)._value for a in args)
            try:
                eager = [r.to_host() for r in whole(device, op, values, attrs)]
                again = [r.to_host() for r in device.run(graph_of(op, values, attrs), list(values))]
            except (TypeError, ValueError, TracejitError):
                continue
            for a, b in zip(eager, again, strict=True):
                a, b = (defined(name, v, args, attrs) for v in (a, b))
                assert a.tobytes() == b.tobytes(), f"{name}, {layout}"


def check_writes(name: str) -> None:
    """Memory on both sides of a result is as it was."""
    op, device = OPS[name], get_backend("cuda:0")
    for args, attrs in cases(name):
        values = tuple(there(a)._value for a in args)
        specs = op.spec(*[a.spec for a in args], **attrs)
        held, inside = [], []
        for spec in specs if type(specs) is tuple else (specs,):
            beside = BESIDE // spec.dtype.itemsize
            size = int(np.prod(spec.shape, dtype=int))
            room = device.upload(np.full(2 * BESIDE + size * spec.dtype.itemsize, 0x5A, np.uint8).view(spec.dtype))
            held.append(room)
            inside.append(room.seen(spec.shape, contiguous_strides(spec.shape), beside))
        try:
            whole(device, op, values, attrs, inside)
        except (TypeError, ValueError, TracejitError):
            continue
        for room in held:
            raw = np.frombuffer(room.to_host().tobytes(), np.uint8)
            assert (raw[:BESIDE] == 0x5A).all() and (raw[-BESIDE:] == 0x5A).all(), name


def check_gradient(name: str) -> None:
    """The cotangents of the operands are those that the CPU finds."""
    op = OPS[name]
    for sample in SAMPLES[name]:
        args, attrs = sample()
        sides = []
        for place in ("cpu", "cuda"):
            moved = [a.to(place).requires_grad_(a.dtype.kind in "fc" and k not in CONSTANT.get(name, ())) for k, a in enumerate(args)]
            outputs = [defined(name, r, args, attrs) for r in results(op(*moved, **attrs))]
            weights = [tj.asarray(np.linspace(0.5, 1.5, max(r.size, 1))[: r.size].reshape(r.shape)).astype(r.dtype).to(place) for r in outputs]
            wanted = [m for m in moved if m.requires_grad]
            chosen = [(r, w) for r, w in zip(outputs, weights) if r.requires_grad]
            sides.append(tuple(tj.autograd.grad([r for r, _ in chosen], wanted, [w for _, w in chosen])) if chosen else ())
        assert_close("", sides[1], sides[0], 5000.0)


ODD = np.array([np.nan, -0.0, 0.0, np.inf, 1.5, -np.inf, np.nan, -2.0, 0.0, 1.5, -0.0, 3.0])
ODD_COMPLEX = np.array([complex(a, b) for a in (np.nan, 1.0, -0.0, 0.0, np.inf) for b in (2.0, np.nan, -1.0)])
ASKED = {
    "argsort": [{"axis": 0, "descending": d} for d in (False, True)], "sort": [{"axis": 0, "descending": d, "stable": True} for d in (False, True)],
    "argmax": [{"axis": 0, "keepdims": False}, {"axis": None, "keepdims": True}], "argmin": [{"axis": 0, "keepdims": True}], "unique": [{}],
}  # fmt: skip


def check_order(name: str) -> None:
    """NaN, infinities and zeros of both signs stand where NumPy puts them."""
    for dtype in (float16, bfloat16, float32, float64, np.dtype(np.complex64), np.dtype(np.complex128)):
        values = (ODD_COMPLEX if dtype.kind == "c" else ODD).astype(dtype)
        for x in (wrap(values), wrap(values[:12].reshape(4, 3)), wrap(values[1:2])):
            for attrs in ASKED[name]:
                for found, wanted in zip(results(OPS[name](x.to("cuda"), **attrs)), results(OPS[name](x, **attrs))):
                    assert found.cpu().numpy().tobytes() == wanted.numpy().tobytes(), (name, dtype, attrs)


REFUSED = {
    "solve": (np.zeros((2, 2)), np.ones((2, 1))), "inv": (np.ones((3, 3)),), "cholesky": (-np.eye(2),),
    "solve_triangular": (np.triu(np.ones((2, 2)), 1), np.ones((2, 1))), "numpy_inv": (np.zeros((2, 2)),), "svd": (np.full((2, 2), np.nan),),
}  # fmt: skip
ATTRS = {"solve_triangular": {"upper": True, "unit": False}, "svd": {"full": False}}


def check_refusal(name: str) -> None:
    """Values that the CPU refuses are refused with the same words."""
    said = []
    for place in ("cpu", "cuda"):
        try:
            OPS[name](*[wrap(v).to(place) for v in REFUSED[name]], **ATTRS.get(name, {}))
            said.append("nothing")
        except np.linalg.LinAlgError as error:
            said.append(f"{type(error)} {error}")
    assert said[0] == said[1] != "nothing", said


SHAPES = [
    ((3, 4), (4, 5)), ((1, 7), (7, 1)), ((7, 1), (1, 3)), ((2, 3, 4), (4, 5)), ((2, 3, 4), (2, 4, 5)), ((2, 1, 3, 4), (3, 4, 2)), ((3, 0), (0, 2)), ((0, 3), (3, 2)),
    ((2, 3, 2, 3, 4), (2, 1, 2, 4, 1)), ((1, 1), (1, 1)), ((3, 1, 2, 2), (1, 2, 2, 2)),
]  # fmt: skip


def check_products(dtype: np.dtype) -> None:
    """Products of every shape in every layout; small floats are added up in float32, and rounded once."""
    rng = np.random.default_rng(1)
    for shapes in SHAPES:
        drawn = [rng.uniform(-1, 1, (2, *shape)) for shape in shapes]
        arrays = [(a[0] + 1j * a[1] if dtype.kind == "c" else a[0]).astype(dtype) for a in drawn]
        wide = np.complex128 if dtype.kind == "c" else np.float64
        wanted = np.matmul(*[a.astype(wide) for a in arrays]).astype(dtype)
        for first in LAYOUTS:
            for second in LAYOUTS if dtype == float32 else [first]:
                assert_close("", OPS["matmul"](there(wrap(arrays[0]), first), there(wrap(arrays[1]), second)), wrap(wanted), 20.0)
