"""Sample inputs of every op that is not elementwise: small, in double precision, where the op is smooth.

`SAMPLES[op name]` is a list of functions that make (args, attrs) anew: tensors, and the op's attributes. An elementwise op's
samples are drawn from its own `domain`, by `elementwise_samples`. Ops whose outputs have a free sign or phase have in
`INVARIANT` a function of the outputs that does not depend on it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tracejit as tj
from tracejit.graph.text import parse_graph
from tracejit.op import Elementwise
from tracejit.ops.view import basic_index, diagonal_view, permute, step

Sample = Callable[[], tuple[tuple[Any, ...], dict[str, Any]]]


def real(*shape: int, low: float = -2.0, high: float = 2.0, seed: int = 0) -> tj.Tensor:
    return tj.asarray(np.random.default_rng([seed, *shape]).uniform(low, high, shape))


def cplx(*shape: int, low: float = -2.0, high: float = 2.0, seed: int = 0) -> tj.Tensor:
    parts = np.random.default_rng([seed, *shape]).uniform(low, high, (2, *shape))
    return tj.asarray(parts[0] + 1j * parts[1])


def ints(*values: Any) -> tj.Tensor:
    return tj.asarray(np.array(values, np.int64))


def matrix(n: int, seed: int = 0, kind: Callable[..., tj.Tensor] = real, batch: tuple[int, ...] = ()) -> tj.Tensor:
    """Well-conditioned square matrices with distinct singular values."""
    return kind(*batch, n, n, seed=seed) * 0.5 + tj.asarray(np.diag(np.arange(2.0, 2 + n)))


def positive(n: int, kind: Callable[..., tj.Tensor] = real) -> tj.Tensor:
    """A Hermitian positive definite matrix with distinct eigenvalues."""
    x = matrix(n, 3, kind)
    return x @ tj.conj(x).mT


def sample(*args: Callable[[], tj.Tensor], **attrs: Any) -> Sample:
    return lambda: (tuple(a() for a in args), attrs)


def both(make: Callable[..., tj.Tensor], *args: Any, **options: Any) -> list[Callable[[], tj.Tensor]]:
    """The same array, real and complex."""
    return [lambda kind=kind: make(*args, kind=kind, **options) for kind in (real, cplx)]


X, Y, Z = (lambda: real(2, 3)), (lambda: real(2, 3, seed=1)), (lambda: cplx(2, 3))
APART = lambda: tj.asarray(np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]]))  # no two elements near each other
COLUMNS = step(basic_index, key=((0, 2, 1), (1, 3, 1)))
CORNER = step(permute, axes=(1, 0)) + step(basic_index, key=((0, 3, 2), 1))

TURN = parse_graph("""
def graph(x0: "i64[]", x1: "f64[2,3]", x2: "f64[3]", x3: "f64[2,3]"):
    t0 = multiply(x1, x3)
    t1 = add(t0, x2)
    t2 = sum(t1, axes=(1, ), keepdims=False)
    return (t1, t2, )
""")
GROWING = parse_graph("""
def graph(x0: "i64[]", x1: "f64[2,3]", x2: "f64[2,3]"):
    t0 = multiply(x1, x1)
    t1 = add(t0, x2)
    return (t1, )
""")
BELOW = parse_graph("""
def graph(x0: "i64[]", x1: "f64[2,3]", x2: "f64[2,3]"):
    t0 = max(x1, axes=(0, 1, ), keepdims=False)
    t1 = constant(20.0, float64)
    t2 = less(t0, t1)
    return (t2, )
""")
BRANCHES = tuple([parse_graph(f"""
def graph(x0: "f64[2,3]", x1: "f64[2,3]"):
    t0 = {op}(x{n % 2}, x0)
    return (t0, )
""") for n, op in enumerate(("multiply", "add", "multiply"))])  # fmt: skip


def turns(**attrs: Any) -> dict[str, Any]:
    """The attributes of a loop, those that are not given as they usually are."""
    return {"cond": None, "scanned": 0, "start": 0, "length": 0, "reverse": False, "keep": False, "checkpoint": None, "pull": None, "carries": 1, **attrs}


SAMPLES: dict[str, list[Sample]] = {
    # control
    "loop": [
        sample(X, lambda: real(4, 3), Y, **turns(body=TURN, scanned=1, length=4)),
        sample(X, lambda: real(4, 3), Y, **turns(body=TURN, scanned=1, length=4, reverse=True, keep=True)),
        sample(X, lambda: real(0, 3), Y, **turns(body=TURN, scanned=1)),
        sample(lambda: real(2, 3, low=1.0), lambda: real(2, 3, low=0.5, seed=1), **turns(body=GROWING, cond=BELOW)),
    ],
    "branch": [sample(lambda n=n: tj.asarray(n), X, Y, branches=BRANCHES, pulls=None) for n in range(3)],
    "transfer": [sample(each, device="cpu") for each in (X, Z)],
    # reductions
    "sum": [sample(X, axes=(0,)), sample(X, axes=(0, 1), keepdims=True), sample(Z, axes=(1,)), sample(X, axes=())],
    "prod": [sample(X, axes=(1,)), sample(X, axes=(0, 1)), sample(Z, axes=(0,), keepdims=True), sample(lambda: X() * ints(1, 0, 1), axes=(1,))],
    "max": [sample(APART, axes=(1,)), sample(APART, axes=(0, 1), keepdims=True)],
    "min": [sample(APART, axes=(0,)), sample(APART, axes=(0, 1))],
    "all": [sample(lambda: ints([1, 0], [1, 1]) > 0, axes=(1,))],
    "any": [sample(lambda: ints([1, 0], [0, 0]) > 0, axes=(1,))],
    # views
    "alias": [sample(X)],
    "same": [sample(X), sample(Z)],
    "reshape": [sample(X, shape=(3, 2)), sample(X, shape=(6, 1))],
    "permute": [sample(X, axes=(1, 0)), sample(lambda: cplx(2, 1, 3), axes=(2, 0, 1))],
    "broadcast": [sample(lambda: real(3, 1), shape=(2, 3, 2)), sample(lambda: real(), shape=(2,))],
    "basic_index": [sample(X, key=(1, (0, 3, 2))), sample(X, key=(None, (1, None, -1), 0)), sample(X, key=((0, 0, 1),))],
    "diagonal": [sample(lambda: real(3, 3), offset=0), sample(lambda: real(2, 2, 3), offset=1), sample(lambda: real(3, 2), offset=-1)],
    "windows": [sample(lambda: real(5), axis=0, size=3, step=1), sample(lambda: real(2, 5), axis=1, size=2, step=3)],
    # creation
    "fill": [sample(shape=(2, 3), dtype=tj.float64, value=1.5)],
    "iota": [sample(shape=(4,), dtype=tj.int64)],
    "random_bits": [sample(lambda: tj.asarray(np.uint64(7)), lambda: tj.asarray(np.uint64(3)), shape=(2, 3), dtype=tj.uint64)],
    # indexing
    "gather": [sample(X, lambda: ints(1, 0, 1)), sample(X, lambda: ints([1, 0]), lambda: ints([2, 2])), sample(Z, lambda: ints(0))],
    "index_put": [
        sample(X, lambda: real(2, 3, seed=1), lambda: ints(1, 0)),
        sample(X, lambda: real(2, seed=1), lambda: ints(1, 0), lambda: ints(2, 2)),
    ],
    "index_add": [
        sample(X, lambda: real(3, 3, seed=1), lambda: ints(1, 0, 1)),
        sample(Z, lambda: cplx(2, seed=1), lambda: ints(1, 1), lambda: ints(2, 2)),
    ],
    "put": [
        sample(X, lambda: real(2, 2, seed=1), chain=COLUMNS), sample(X, lambda: real(2, seed=1), chain=CORNER), sample(X, Y, chain=()),
        sample(lambda: real(3, 3), lambda: real(3), chain=step(diagonal_view, offset=0)), sample(X, lambda: real(), chain=COLUMNS),
    ],
    "put_first": [sample(lambda: real(2, 3) * 0, lambda: real(2, 2, seed=1), chain=COLUMNS)],
    "assemble": [sample(X, Y), sample(lambda: real())],
    # NumPy's own
    "host": [sample(X, function="add.reduce", options=(("axis", (1,)), ("dtype", "float64"), ("keepdims", False)), named=(), shape=(2,), dtype=tj.float64)],
    "host_pair": [sample(X, function="frexp", options=(), named=(), shape=((2, 3), (2, 3)), dtype=(tj.float64, tj.int32))],
    # scans
    "running_sum": [sample(X, axis=1, reverse=False), sample(Z, axis=0, reverse=True)],
    "running_product": [sample(X, axis=1, reverse=False), sample(lambda: X() * ints(1, 0, 1), axis=1, reverse=True), sample(Z, axis=1, reverse=False)],
    "recurrence": [sample(X, Y, axis=1, reverse=False), sample(Z, lambda: cplx(2, 3, seed=1), axis=0, reverse=True)],
    # sorting and searching
    "argmax": [sample(APART, axis=1, keepdims=False), sample(APART, axis=None, keepdims=True)],
    "argmin": [sample(APART, axis=0, keepdims=True)],
    "argsort": [sample(APART, axis=1, descending=False), sample(APART, axis=0, descending=True)],
    "sort": [sample(APART, axis=1, descending=False, stable=True), sample(APART, axis=0, descending=True, stable=True)],
    "interval": [sample(lambda: real(4) * 0 + ints(1, 2, 2, 5), lambda: tj.asarray([0.0, 2.0, 9.0], dtype=tj.float64))],
    "searchsorted": [sample(lambda: real(4) * 0 + ints(1, 2, 2, 5), lambda: tj.asarray([0.0, 2.0, 9.0], dtype=tj.float64), side="left")],
    "nonzero": [sample(lambda: ints([1, 0], [0, 2]))],
    "unique": [sample(lambda: ints(3, 1, 3, 2))],
    "isin": [sample(lambda: ints(3, 1, 4), lambda: ints(1, 3), invert=False)],
    "histogram": [sample(X, bins=3, bounds=None, density=False)],
    # Fourier transforms
    "fft": [sample(Z, axes=(0, 1), inverse=False, norm="backward"), sample(lambda: cplx(5), axes=(0,), inverse=True, norm="ortho")],
    "rfft": [sample(lambda: real(2, 4), axis=1, norm="backward"), sample(lambda: real(5, 2), axis=0, norm="forward")],
    "irfft": [sample(lambda: cplx(2, 3), n=4, axis=1, norm="backward"), sample(lambda: cplx(3), n=5, axis=0, norm="ortho")],
    # linear algebra
    "matmul": [
        sample(X, lambda: real(3, 2)), sample(lambda: real(2, 1, 2, 3), lambda: real(2, 3, 1)), sample(Z, lambda: cplx(3, 2, seed=1)),
    ],
    "convolution_by_positions": [
        sample(lambda: real(2, 4, 9), lambda: real(6, 2, 3), dilation=(2,), groups=2),
        sample(lambda: cplx(1, 2, 4, 3), lambda: cplx(2, 2, 2, 1), dilation=(1, 1), groups=1),
    ],
    "convolution_by_channels": [
        sample(lambda: real(2, 4, 5, 6), lambda: real(2, 2, 3, 6), stride=(2, 1), dilation=(1, 2), groups=2),
        sample(lambda: cplx(1, 2, 5), lambda: cplx(2, 2, 3), stride=(1,), dilation=(1,), groups=1),
    ],
    "convolution_by_lines": [
        sample(lambda: real(2, 4, 6, 11), lambda: real(2, 6, 2, 9), kernel=(3, 2), stride=(2, 1), dilation=(1, 2), groups=2),
        sample(lambda: cplx(1, 2, 5), lambda: cplx(1, 2, 3), kernel=(3,), stride=(1,), dilation=(1,), groups=1),
    ],
    "solve": [sample(a, lambda: real(2, 3)) for a in both(matrix, 2)[:1]] + [
        sample(lambda: matrix(2, kind=cplx, batch=(2,)), lambda: cplx(2, 2, 1)), sample(lambda: matrix(3), lambda: real(3, 1)),
    ],
    "solve_triangular": [
        sample(lambda: matrix(3), lambda: real(3, 2), upper=True, unit=False), sample(lambda: matrix(2), lambda: real(2, 1), upper=False, unit=True),
        sample(lambda: matrix(2, kind=cplx), lambda: cplx(2, 1), upper=False, unit=False),
    ],
    "inv": [sample(a) for a in both(matrix, 2)] + [sample(lambda: matrix(2, batch=(2,)))],
    "det": [sample(a) for a in both(matrix, 2)] + [sample(lambda: matrix(3)), sample(lambda: real(1, 3) * real(3, 1))],
    "cofactors": [sample(a) for a in both(matrix, 3)],
    "slogdet": [sample(a) for a in both(matrix, 2)],
    "cholesky": [sample(a) for a in both(positive, 2)],
    "qr": [sample(lambda: real(3, 2), mode="reduced"), sample(lambda: matrix(2, kind=cplx), mode="reduced"), sample(X, mode="reduced")],
    "svd": [sample(lambda: matrix(2), full=False), sample(X, full=False), sample(lambda: real(3, 2), full=False), sample(lambda: matrix(2, kind=cplx), full=False)],
    "svdvals": [sample(a) for a in both(matrix, 2)] + [sample(X)],
    "eigh": [sample(a) for a in both(positive, 2)],
    "eigvalsh": [sample(a) for a in both(positive, 2)],
    "eig": [sample(a) for a in both(matrix, 2)],
    "pinv": [sample(lambda: real(3, 2), lambda: real(low=1e-9, high=1e-8)), sample(Z, lambda: real(low=1e-9, high=1e-8))],
}  # fmt: skip

# Inputs (by position) that an op takes as constants, whatever their dtype.
CONSTANT = {"put_first": {0}, "pinv": {1}}

# Of a Hermitian matrix only one triangle is read: what the function is checked as a function of is the matrix made Hermitian.
SYMMETRIC = {"cholesky", "eigh", "eigvalsh"}

INVARIANT: dict[str, Callable[..., Any]] = {
    "svd": lambda u, s, vh: (u * vh[..., :, 0][..., None, :], s, vh * u[..., 0, :][..., :, None]),
    "eigh": lambda w, v: (w, v * tj.conj(v[..., :1, :])),
    "eig": lambda w, v: (w, v / v[..., :1, :]),
}

for _name in ("inv", "solve", "cholesky", "qr", "svd", "svdvals", "eigh", "eigvalsh"):  # those whose errors are NumPy's
    SAMPLES[f"numpy_{_name}"] = SAMPLES[_name]
    INVARIANT |= {f"numpy_{_name}": INVARIANT[_name]} if _name in INVARIANT else {}
    SYMMETRIC |= {f"numpy_{_name}"} & {f"numpy_{s}" for s in SYMMETRIC}
SAMPLES["real_part"] = SAMPLES["imaginary_part"] = [sample(lambda: cplx(2, 3))]

ATTRS: dict[str, list[dict[str, Any]]] = {
    "cast": [{"dtype": tj.float64}, {"dtype": tj.complex128}], "polygamma": [{"n": 1}, {"n": 2}],
}  # fmt: skip


def elementwise_samples(op: Elementwise) -> list[Sample]:
    """Samples from an op's domain: real; complex where it takes that; and with its operands broadcast."""

    def make(kind: Callable[..., tj.Tensor], shapes: list[tuple[int, ...]], attrs: dict[str, Any]) -> Sample:
        def made() -> tuple[tuple[Any, ...], dict[str, Any]]:
            args = [kind(*shape, low=low, high=high, seed=i) for i, (shape, (low, high)) in enumerate(zip(shapes, op.domain))]
            if op.name == "where":
                args[0] = tj.asarray(np.resize([True, False], shapes[0]))
            return tuple(args), attrs

        return made

    plain, broadcast = [(3,)] * op.arity, [(2, 1), (2,), (1,)][: op.arity]
    kinds = [real] * (op.accepts != "c") + [cplx] * ("c" in op.accepts)
    samples = [make(kind, plain, attrs) for kind in kinds for attrs in ATTRS.get(op.name, [{}])]
    return samples + ([make(real, broadcast, ATTRS.get(op.name, [{}])[0])] if op.arity > 1 else [])
