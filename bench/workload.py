"""What a workload is: one row of the report, with a program for each library that can do it."""

from __future__ import annotations

import importlib
import math
import re
from dataclasses import dataclass
from typing import Any, Callable, Mapping

import numpy as np

from .peers import Peer

Call = Callable[[], Any]  # does the work once; what it returns is ready to be read
Program = Callable[[Peer, tuple[Any, ...]], Call | None]  # makes the call in a peer's own process, from NumPy arrays; None: it has none
Data = Callable[..., tuple[np.ndarray, ...]]  # data(dtype, *shape)


@dataclass(frozen=True)
class Target:
    """What a row should reach: `times` faster than a peer ("best": the best of all), a `share` of the machine's bandwidth, at most `seconds`."""

    times: float | None = None
    than: str = "best"
    share: float | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Workload:
    """One row. `shape` is what `data` makes arguments from, `tiny` a shape for tests; `flops(*shape)` counts those of matmuls."""

    name: str
    group: str
    programs: Mapping[str, Program]  # by library
    data: Data
    shape: tuple[int, ...]
    tiny: tuple[int, ...]
    target: Target
    dtype: str = "float32"
    by_element: bool = True  # told in ns an element of the largest argument, else in µs a call
    flops: Callable[..., float] | None = None
    warm_up: int = 3  # calls before the clock starts; the third call's result is compared
    clock: str = "wall"  # on a GPU: see bench.cuda_worker

    def arguments(self, tiny: bool = False) -> tuple[np.ndarray, ...]:
        return self.data(self.dtype, *(self.tiny if tiny else self.shape))


def program(build: Callable[[Peer], Callable[..., Any]], own_arrays: bool = True) -> Program:
    """The usual program: the peer compiles the function that `build` gives, and calls it with its own arrays, made beforehand."""

    def make(peer: Peer, arrays: tuple[np.ndarray, ...]) -> Call:
        ready, wait = peer.compile(build(peer)), peer.wait
        arguments = tuple(peer.array(a) for a in arrays) if own_arrays else arrays
        if wait is None:
            return lambda: ready(*arguments)
        return lambda: wait(ready(*arguments))

    return make


def everywhere(body: Callable[..., Any], *libraries: str, own_arrays: bool = True) -> dict[str, Program]:
    """One text for several libraries: `body(xp, *arrays)`."""
    return {name: program(lambda peer: lambda *arrays: body(peer.xp, *arrays), own_arrays) for name in libraries or ARRAY_LIBRARIES}


def functional(**bodies: Callable[..., Any]) -> dict[str, Program]:
    """A text for each library, `body(functional, *arrays)`: of the module that holds its own softmax and the like."""

    def one(body: Callable[..., Any]) -> Program:
        return program(lambda peer: lambda *arrays: body(peer.functional, *arrays))

    return {library: one(body) for library, body in bodies.items()}


ARRAY_LIBRARIES = ("numpy", "torch", "jax", "tracejit")


def loops(name: str) -> dict[str, Program]:
    """The hand-written loops of that name in `bench.loops`."""
    return {"numba": program(lambda peer: getattr(importlib.import_module("bench.loops"), name))}


def numexpr(text: str, *names: str) -> dict[str, Program]:
    """An expression of the arrays of those names.

    numexpr takes a literal for float64, and the result with it; scalars of the arrays' dtype stand for literals, so float32 stays.
    """

    def make(peer: Peer, arrays: tuple[np.ndarray, ...]) -> Call:
        scalars: dict[str, str] = {}  # a name for each literal

        def scalar(literal: re.Match[str]) -> str:
            return scalars.setdefault(literal.group(), f"c{len(scalars)}")

        own = re.sub(r"(?<![\w.])\d+\.\d+", scalar, text) if arrays[0].dtype == np.float32 else text
        values = dict(zip(names, arrays)) | {name: np.float32(literal) for literal, name in scalars.items()}
        return lambda: peer.xp.evaluate(own, local_dict=values)

    return {"numexpr": make}


def uniform(*ranges: tuple[float, float]) -> Data:
    """One array for each range, all of the row's shape."""

    def data(dtype: str, *shape: int) -> tuple[np.ndarray, ...]:
        draw = np.random.default_rng(0)
        return tuple(draw.uniform(low, high, shape).astype(dtype) for low, high in ranges)

    return data


def amount(*shape: int) -> str:
    """`4 k`, `16 M`, `64×1024`: a size as rows name it."""
    if len(shape) > 1:
        return "×".join(map(str, shape))
    count = math.prod(shape)
    for unit, scale in (("M", 1 << 20), ("k", 1 << 10)):
        if count >= scale:
            return f"{count / scale:g} {unit}"
    return str(count)
