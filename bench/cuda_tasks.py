"""The rows of `python -m bench cuda`. Large arrays are small ones repeated on the device (`Repeated`)."""

from __future__ import annotations

import functools
import importlib
from dataclasses import replace
from typing import Any, Callable, Mapping

import ml_dtypes
import numpy as np

from . import jax_programs
from .cuda_peers import Repeated
from .peers import Peer
from .program_worker import catalogue
from .workload import Call, Data, Program, Target, Workload, everywhere, functional, program
from .workloads import calls, training
from .workloads.elementwise import black_scholes, gelu
from .workloads.rows import jax_cross_entropy, torch_cross_entropy, tracejit_cross_entropy

LIBRARIES = ("torch", "jax", "cupy", "tracejit")
DRAWN = 1 << 20  # elements of an array that are drawn; the others repeat them
SHORT = {"float32": "f32", "bfloat16": "bf16"}
MEMORY, ROWWISE = Target(1.0, "torch.compile", 0.9), Target(1.0, "torch.compile", 0.85)


def repeated(*makers: Callable[[Any, tuple[int, ...]], np.ndarray]) -> Data:
    """Arrays drawn by `makers` (of a generator and a shape), of the row's shape, as far as its first axis can be cut short."""

    def data(dtype: str, *shape: int) -> tuple[Any, ...]:
        draw, times = np.random.default_rng(0), 1
        while np.prod(shape) > DRAWN * times and shape[0] % (2 * times) == 0:
            times *= 2
        small = (shape[0] // times, *shape[1:])
        return tuple(each if isinstance(each, Repeated) else Repeated(each, times) for each in (_in(dtype, make(draw, small)) for make in makers))

    return data


def _in(dtype: str, drawn: Any) -> Any:
    """Drawn numbers in the row's dtype; integers as they are."""
    if isinstance(drawn, Repeated):
        return drawn._replace(array=_in(dtype, drawn.array))
    return drawn if drawn.dtype.kind == "i" else drawn.astype(getattr(ml_dtypes, dtype, dtype))


def normal(draw: Any, shape: tuple[int, ...]) -> np.ndarray:
    return draw.normal(size=shape)


def between(low: float, high: float) -> Callable[..., np.ndarray]:
    return lambda draw, shape: draw.uniform(low, high, shape)


def weights(draw: Any, shape: tuple[int, ...]) -> Repeated:
    """One for each column."""
    return Repeated(draw.uniform(0.5, 1.5, shape[-1]))


def labels(draw: Any, shape: tuple[int, ...]) -> np.ndarray:
    """One for each row."""
    return draw.integers(0, shape[-1], shape[0])


# Elementwise

CHAINS = {
    "a·b + c": (everywhere(calls.multiply_add, *LIBRARIES), repeated(normal, normal, normal)),
    "GELU": (everywhere(gelu, *LIBRARIES), repeated(normal)),
    "Black–Scholes": (everywhere(black_scholes, *LIBRARIES), repeated(between(10, 50), between(10, 50), between(0.1, 2))),
}
SIZES = {"10⁶": 10**6, "10⁷": 10**7, "10⁸": 10**8, "10⁹": 10**9}
ELEMENTWISE = [
    Workload(f"{name}, {size}, {short}", "elementwise", programs, data, (n,), (37,), MEMORY, dtype, clock="device")
    for size, n in SIZES.items()
    for dtype, short in SHORT.items()
    for name, (programs, data) in CHAINS.items()
]

# Rows: what a row of a matrix becomes, and the gradient


def forward(**bodies: Callable[..., Any]) -> dict[str, Program]:
    return functional(**bodies)


def backward(**bodies: Callable[..., Any]) -> dict[str, Program]:
    """The value and the gradients of all arguments but the last, which is the cotangent: in one compiled function, where a library can."""

    def by_jax(body: Callable[..., Any]) -> Program:
        def both(peer: Peer) -> Callable[..., Any]:
            def value_and_gradients(*arrays: Any) -> Any:
                *arguments, cotangent = arrays
                value, pull = importlib.import_module("jax").vjp(lambda *a: body(peer.functional, *a), *arguments)
                return value, *pull(cotangent)

            return value_and_gradients

        return program(both)

    def by_torch(body: Callable[..., Any]) -> Program:
        def make(peer: Peer, arrays: tuple[Any, ...]) -> Call:
            ready = peer.compile(lambda *arguments: body(peer.functional, *arguments))
            *arguments, cotangent = (a.requires_grad_(n < len(arrays) - 1) for n, a in enumerate(arrays))

            def call() -> Any:
                value = ready(*arguments)
                return value, *peer.xp.autograd.grad(value, arguments, cotangent)

            return call

        return make

    def by_us(body: Callable[..., Any]) -> Program:
        def make(peer: Peer, arrays: tuple[Any, ...]) -> Call:
            *arguments, cotangent = (a.requires_grad_(n < len(arrays) - 1) for n, a in enumerate(arrays))

            def both(*given: Any) -> Any:
                value = body(peer.functional, *given[:-1])
                return value, *peer.xp.autograd.grad(value, given[:-1], given[-1])

            ready = peer.compile(both)
            return lambda: ready(*arguments, cotangent)

        return make

    makers = {"jax": by_jax, "torch": by_torch, "tracejit": by_us}
    return {library: makers[library](body) for library, body in bodies.items()}


def jax_layer_norm(f: Any, x: Any, weight: Any, bias: Any) -> Any:
    centred = x - x.mean(-1, keepdims=True)
    return centred / (x.var(-1, keepdims=True) + 1e-5) ** 0.5 * weight + bias


def jax_rms_norm(f: Any, x: Any, weight: Any) -> Any:
    return x / ((x * x).mean(-1, keepdims=True) + 1e-5) ** 0.5 * weight


def jax_loss(f: Any, x: Any, labels: Any) -> Any:
    return -importlib.import_module("jax.numpy").take_along_axis(f.log_softmax(x), labels[:, None], 1).mean()


def softmax(f: Any, x: Any) -> Any:
    return f.softmax(x, -1)


def layer_norm(f: Any, x: Any, weight: Any, bias: Any) -> Any:
    return f.layer_norm(x, weight.shape, weight, bias)


def rms_norm(f: Any, x: Any, weight: Any) -> Any:
    return f.rms_norm(x, weight.shape, weight, eps=1e-5)


def cross_entropy(f: Any, x: Any, labels: Any) -> Any:
    return f.cross_entropy(x, labels)


BODIES: dict[str, tuple[dict[str, Callable[..., Any]], list[Any]]] = {
    "softmax": (dict(torch=softmax, jax=softmax, tracejit=softmax), [normal]),
    "layer norm": (dict(torch=layer_norm, jax=jax_layer_norm, tracejit=layer_norm), [normal, weights, weights]),
    "RMS norm": (dict(torch=rms_norm, jax=jax_rms_norm, tracejit=rms_norm), [normal, weights]),
}
LOSS = dict(torch=cross_entropy, jax=jax_loss, tracejit=cross_entropy)
KINDS: dict[str, tuple[Mapping[str, Program], Data]] = {
    **{name: (forward(**bodies), repeated(*makers)) for name, (bodies, makers) in BODIES.items()},
    "cross-entropy": (forward(**LOSS), repeated(normal, labels)),
    **{f"{name}, with gradients": (backward(**bodies), repeated(*makers, normal)) for name, (bodies, makers) in BODIES.items()},
    "cross-entropy, with gradients": (
        {"torch": torch_cross_entropy, "jax": jax_cross_entropy, "tracejit": tracejit_cross_entropy}, repeated(normal, labels),
    ),
}  # fmt: skip
SHAPES = [(1 << 14, 1 << 11), (1 << 16, 1 << 8), (1 << 12, 1 << 15)]
ROWS = [
    Workload(f"{name}, {shape[0]}×{shape[1]}, {short}", "rows", programs, data, shape, (6, 19), ROWWISE, dtype, clock="device")
    for shape in SHAPES
    for dtype, short in SHORT.items()
    for name, (programs, data) in KINDS.items()
]

# Reductions


def reduced(name: str, axis: int | None, **options: Any) -> Callable[..., Any]:
    def body(xp: Any, x: Any) -> Any:
        return getattr(xp, name)(x, **options) if axis is None else getattr(xp, name)(x, axis, **options)

    return body


PLACES: dict[str, int | None] = {"all": None, "along rows": -1, "along columns": 0}
REDUCED = [
    *(("sum", place, dtype) for dtype in SHORT for place in PLACES), ("mean", "along rows", "float32"), ("var", "along rows", "float32"),
    ("var", "along columns", "float32"), ("argmax", "along rows", "float32"), ("argmax", "along columns", "float32"),
]  # fmt: skip
REDUCTIONS = [
    Workload(
        f"{name}, {place}, 16384×8192, {SHORT[dtype]}", "reductions",
        everywhere(reduced(name, PLACES[place]), *LIBRARIES) | (everywhere(reduced(name, PLACES[place], correction=0), "torch") if name == "var" else {}),
        repeated(normal if name == "argmax" else between(0, 1)), (1 << 14, 1 << 13), (9, 7), Target(1.0, "torch.compile", 0.9), dtype, clock="device",
    )
    for name, place, dtype in REDUCED
]  # fmt: skip

# Products of matrices


def product(activation: str) -> dict[str, Program]:
    """activation(x w + b)."""
    if activation == "GELU":
        return everywhere(lambda xp, x, w, b: gelu(xp, x @ w + b), *LIBRARIES)
    by_name = dict.fromkeys(("torch", "jax", "tracejit"), lambda f, x, w, b: f.relu(x @ w + b))
    return functional(**by_name) | everywhere(lambda xp, x, w, b: xp.maximum(x @ w + b, 0), "cupy")


def factors(dtype: str, m: int, k: int, n: int) -> tuple[Any, ...]:
    draw = np.random.default_rng(0)
    drawn = draw.normal(size=(m, k)), draw.normal(size=(k, n)) / k**0.5, draw.normal(size=n)
    return tuple(Repeated(_in(dtype, each)) for each in drawn)


PRODUCTS = [
    Workload(
        f"{activation}(x w + b), {m}×{k}×{n}, {SHORT[dtype]}", "products", product(activation), factors, (m, k, n), (5, 4, 3),
        Target(0.95, "torch.compile"), dtype, by_element=False, clock="device",
    )
    for dtype in SHORT
    for activation, m, k, n in (("ReLU", 4096, 4096, 4096), ("GELU", 8192, 1024, 4096), ("ReLU", 1024, 1024, 1024))
]  # fmt: skip

# Training steps, launches, NumPy programs


def with_graphs(programs: Mapping[str, Program]) -> dict[str, Program]:
    """The same; torch.compile uses CUDA graphs."""

    def by_torch(peer: Peer, arrays: tuple[Any, ...]) -> Call:
        graphs = replace(peer, compile=functools.partial(peer.compile, mode="reduce-overhead")) if peer.compiles else peer
        return programs["torch"](graphs, arrays)

    return {"jax": programs["jax"], "torch": by_torch, "tracejit": programs["tracejit"]}


def whole(data: Data) -> Data:
    """Data of the CPU's rows, each array sent as it is."""
    return lambda *shape: tuple(map(Repeated, data(*shape)))


TRAINING = [
    Workload(row.name, "training", with_graphs(row.programs), whole(row.data), row.shape, row.tiny, Target(1.0, "torch.compile"), by_element=False)
    for row in (*training.ROWS, *training.LARGE)
]
LAUNCH = [
    Workload(
        "a·b + 1, 16 elements: the host's time", "launch", everywhere(calls.multiply_add_one, *LIBRARIES), repeated(normal, normal),
        (16,), (16,), Target(seconds=5e-6), by_element=False, clock="host",
    )
]  # fmt: skip


def numpy_program(name: str) -> dict[str, Program]:
    """What the program gives, and its arguments after it: unmodified, but for JAX, which has a port of its own."""

    def make(peer: Peer, arrays: tuple[Any, ...]) -> Call | None:
        if peer.name == "eager":
            return None  # undecorated, it runs on the CPU
        ready = peer.compile(catalogue()[name].function)

        def call() -> Any:
            result = ready(*arrays)
            return arrays if result is None else result

        return call

    return {"tracejit": make, "cupy": make, "jax": program(lambda peer: getattr(jax_programs, name))}


def program_data(name: str) -> Data:
    """`size`: 0 for tests."""
    return lambda dtype, size: tuple(map(Repeated, catalogue()[name].arguments("large" if size else "small")))


PROGRAMS = [
    Workload(f"{name} (NumPy)", "programs", numpy_program(name), program_data(name), (1,), (0,), Target(1.0, "JAX"), "float64", by_element=False)
    for name in ("ocean_expansion", "tracer_mixing", "kmeans")
]

def without_bfloat16(row: Workload) -> Workload:
    """CuPy has no such numbers."""
    return replace(row, programs={k: v for k, v in row.programs.items() if k != "cupy"}) if row.dtype == "bfloat16" else row


WORKLOADS = [without_bfloat16(row) for row in (*LAUNCH, *ELEMENTWISE, *ROWS, *REDUCTIONS, *PRODUCTS, *TRAINING, *PROGRAMS)]
ROWS_BY_NAME = {workload.name: workload for workload in WORKLOADS}
