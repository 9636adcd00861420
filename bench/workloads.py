"""What is measured. A workload gives, for each library that can do it, a function and its arguments as NumPy arrays."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, Callable

import numpy as np

from . import training

Program = tuple[Callable[..., Any], tuple[Any, ...]]
Builder = Callable[[], Callable[..., Any]]  # imports its library only when it is called


@dataclass(frozen=True)
class Workload:
    """`programs[library]()` gives (function, arguments). With `raw` the function is timed as it is, and not compiled."""

    name: str
    programs: dict[str, Callable[[], Program]]
    raw: bool = False  # already compiled where it should be (or never): the peers' `compile` is not applied
    eager_only: bool = False
    warm_up: int = 2  # calls before the clock starts


WORKLOADS: list[Workload] = []
ARRAYS = {"numpy": "numpy", "torch": "torch", "jax": "jax.numpy", "tracejit": "tracejit"}
FUNCTIONAL = {"numpy": "numpy", "torch": "torch.nn.functional", "jax": "jax.nn", "tracejit": "tracejit.nn.functional"}


def _add(name: str, functions: dict[str, Builder], arguments: Callable[[], tuple[Any, ...]], **settings: Any) -> None:
    made: list[tuple[Any, ...]] = []

    def program(build: Builder) -> Callable[[], Program]:
        def ready() -> Program:
            if not made:
                made.append(arguments())
            return build(), made[0]

        return ready

    WORKLOADS.append(Workload(name, {library: program(build) for library, build in functions.items()}, **settings))


def _everywhere(body: Callable[..., Any], libraries: tuple[str, ...] = tuple(ARRAYS)) -> dict[str, Builder]:
    """The same text for every library: `body(xp, *arrays)`."""

    def builder(library: str) -> Builder:
        def build() -> Callable[..., Any]:
            xp = importlib.import_module(ARRAYS[library])
            return lambda *arrays: body(xp, *arrays)

        return build

    return {library: builder(library) for library in libraries}


def _by_library(**bodies: Callable[..., Any]) -> dict[str, Builder]:
    """A text for each library: `body(functional, *arrays)`, of the module that holds the library's own softmax and the like."""

    def builder(library: str, body: Callable[..., Any]) -> Builder:
        def build() -> Callable[..., Any]:
            functional = importlib.import_module(FUNCTIONAL[library])
            return lambda *arrays: body(functional, *arrays)

        return build

    return {library: builder(library, body) for library, body in bodies.items()}


def _random(*shape: int, low: float = -2.0, high: float = 2.0) -> np.ndarray:
    return np.random.default_rng(0).uniform(low, high, shape).astype(np.float32)


# Elementwise


def _gelu(xp: Any, x: Any) -> Any:
    return 0.5 * x * (1.0 + xp.tanh(0.7978845608 * (x + 0.044715 * x * x * x)))


def _normal_cdf(xp: Any, x: Any) -> Any:
    t = 1.0 / (1.0 + 0.2316419 * xp.abs(x))
    poly = t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
    tail = xp.exp(-0.5 * x * x) * 0.3989422804 * poly
    return xp.where(x > 0, 1.0 - tail, tail)


def _black_scholes(xp: Any, spot: Any, strike: Any, years: Any) -> Any:
    spread = 0.3 * xp.sqrt(years)
    d1 = (xp.log(spot / strike) + 0.075 * years) / spread
    return spot * _normal_cdf(xp, d1) - strike * xp.exp(-0.03 * years) * _normal_cdf(xp, d1 - spread)


def _numexpr(expression: str, *names: str) -> Builder:
    def build() -> Callable[..., Any]:
        evaluate = importlib.import_module("numexpr").evaluate
        return lambda *arrays: evaluate(expression, local_dict=dict(zip(names, arrays)))

    return build


GELU_TEXT = "0.5 * x * (1.0 + tanh(0.7978845608 * (x + 0.044715 * x * x * x)))"
for _label, _n in (("4 k", 4096), ("4 M", 4 << 20)):
    _add(
        f"GELU, {_label}",
        {**_everywhere(_gelu), "numexpr": _numexpr(GELU_TEXT, "x")},
        lambda n=_n: (_random(n),),
    )
    _add(
        f"Black–Scholes, {_label}", _everywhere(_black_scholes),
        lambda n=_n: (_random(n, low=10, high=50), _random(n, low=10, high=50), _random(n, low=0.1, high=2)),
    )  # fmt: skip


# Rows and sums


def _softmax(xp: Any, x: Any) -> Any:
    shifted = xp.exp(x - x.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)


def _layer_norm(xp: Any, x: Any) -> Any:
    centred = x - x.mean(-1, keepdims=True)
    return centred / xp.sqrt((centred * centred).mean(-1, keepdims=True) + 1e-5)


def _own_layer_norm(functional: Any, x: Any) -> Any:
    return functional.layer_norm(x, x.shape[-1:])


for _label, _shape in (("64×1024", (64, 1024)), ("4096×1024", (4096, 1024))):
    _add(
        f"softmax rows, {_label}",
        _by_library(
            numpy=_softmax, torch=lambda f, x: f.softmax(x, -1), jax=lambda f, x: f.softmax(x, -1),
            tracejit=lambda f, x: f.softmax(x, dim=-1),
        ),
        lambda shape=_shape: (_random(*shape),),
    )  # fmt: skip
    _add(
        f"layer norm, {_label}",
        {**_everywhere(_layer_norm, ("numpy", "jax")), **_by_library(torch=_own_layer_norm, tracejit=_own_layer_norm)},
        lambda shape=_shape: (_random(*shape),),
    )
_add("sum, 4 M", _everywhere(lambda xp, x: x.sum()), lambda: (_random(4 << 20),))


# Matmul, and small calls


def _mlp(xp: Any, x: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
    return xp.tanh(x @ w1 + b1) @ w2 + b2


def _mlp_arguments(batch: int, inner: int) -> tuple[np.ndarray, ...]:
    return _random(batch, inner), _random(inner, inner), _random(inner), _random(inner, 10), _random(10)


_add(
    "MLP forward, 32×100→128→10", _everywhere(_mlp),
    lambda: (_random(32, 100), _random(100, 128), _random(128), _random(128, 10), _random(10)),
)  # fmt: skip
_add("MLP forward, 256×512→512→10", _everywhere(_mlp), lambda: _mlp_arguments(256, 512))
_add("tiny call: a·b + 1, 16 floats", _everywhere(lambda xp, a, b: a * b + 1.0), lambda: (_random(16), _random(16)))
_add(
    "a + b, 16 floats", _everywhere(lambda xp, a, b: a + b, ("numpy", "torch", "tracejit")), lambda: (_random(16), _random(16)),
    eager_only=True,
)  # fmt: skip


# Training: whole steps

WORKLOADS.append(Workload("training step: MLP 100→128→10, batch 32, Adam", training.PROGRAMS, raw=True, warm_up=3200))
