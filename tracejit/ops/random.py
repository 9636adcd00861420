"""Counter-based random numbers: a generator is two 0-d tensors, so a compiled function draws fresh numbers at each call.

The bits are those of Philox4x32-10 (Salmon, Moraes, Dror, Shaw: «Parallel random numbers: as easy as 1, 2, 3», SC 2011):
element `i` of a draw is a pure function of the key and of `counter + i`, so eager, compiled and threaded code agree.
"""

from __future__ import annotations

import math
import operator
import os
from typing import Any

import numpy as np

from ..dispatch import assign, bind, mode
from ..errors import ArgumentError, DTypeError, ShapeError, fail
from ..forks import lock_of
from ..op import Create
from ..spec import (
    SMALL_FLOATS,
    Shape,
    as_dtype,
    as_shape,
    bfloat16,
    check_device,
    float16,
    float32,
    float64,
    get_default_dtype,
    int64,
    is_complex,
    is_floating,
    real_dtype,
    uint64,
)  # fmt: skip
from ..tensor import Tensor
from .create import fill
from .elementwise import cast
from .philox import philox
from .transfer import made_on

_SIGNIFICANT = {float16: 11, bfloat16: 8, float32: 24, float64: 53}  # bits of a uniform number of each dtype


def _random_bits(key: Any, counter: Any, *, shape: Shape, dtype: Any) -> np.ndarray:
    index = np.arange(math.prod(shape), dtype=np.uint64)
    return philox(key, counter + index, np.uint64(0)).reshape(shape).astype(dtype, copy=False)


random_bits = Create(
    "random_bits", numpy=_random_bits, scalar="philox({0}, {1} + u64({i}), u64(0))", exact=False,
    parameters="key, counter, /, *, shape, dtype", doc="64 random bits for each element: Philox4x32-10 of `counter` plus its linear index.",
)  # fmt: skip


class Generator:
    """A stream of random numbers. Its state is two 0-d uint64 tensors of the host's, `key` (the seed) and `counter` (numbers drawn so far).

    device: where its numbers are put, if a draw does not say. They are the same on all.
    """

    def __init__(self, device: Any = None) -> None:
        self.device = check_device(device)
        self.key = bind(fill, shape=(), dtype=uint64, value=_entropy())
        self.counter = bind(fill, shape=(), dtype=uint64, value=0)
        self._lock = lock_of(self)

    def bits(self, shape: Shape, device: Any = None) -> Tensor:
        """The next uint64 numbers of the stream, on a device, its own if none is named; the counter moves on by as many."""
        with self._lock:
            drawn = made_on(self.device if device is None else device, random_bits, self.key, self.counter, shape=shape, dtype=uint64)
            assign(self.counter, self.counter + math.prod(shape))
        return drawn

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream that belongs to this seed, an integer, from its first number."""
        try:
            number = operator.index(seed)
        except TypeError:
            fail(ArgumentError, f"a seed that is a {type(seed).__name__}: {seed!r:.60}", "Give an integer.")
        assign(self.key, bind(fill, shape=(), dtype=uint64, value=number % 2**64))
        assign(self.counter, bind(fill, shape=(), dtype=uint64, value=0))
        return self

    def seed(self) -> int:
        """Seed from the operating system's entropy, and return the seed."""
        chosen = _entropy()
        self.manual_seed(chosen)
        return chosen

    def initial_seed(self) -> int:
        """The seed this stream began with."""
        return int(self.key.item())

    def get_state(self) -> Tensor:
        """The state, as a uint64 tensor of two elements: key and counter."""
        return mode.interpreter.constant(np.array([self.key.item(), self.counter.item()], np.uint64))

    def set_state(self, state: Tensor) -> None:
        """Go on from a state that `get_state` gave."""
        if not isinstance(state, Tensor) or state.dtype != uint64 or tuple(state.shape) != (2,):
            fail(ArgumentError, "set_state of what is no generator state", "Give what get_state() returned: a uint64 tensor of shape (2,).")
        assign(self.key, state[0])
        assign(self.counter, state[1])

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.key.item(), self.counter.item(), self.device)

    def __repr__(self) -> str:
        return f"<Generator key={self.key.item()} counter={self.counter.item()}>"


def _entropy() -> int:
    return int.from_bytes(os.urandom(8), "little")


def _restore(key: int, counter: int, device: str) -> Generator:
    generator = Generator(device).manual_seed(key)
    assign(generator.counter, bind(fill, shape=(), dtype=uint64, value=counter))
    return generator


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Seed the default generator, and return it."""
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Seed the default generator from the operating system's entropy, and return the seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed of the default generator."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The state of the default generator."""
    return default_generator.get_state()


def set_rng_state(state: Tensor) -> None:
    """Set the state of the default generator to one that `get_rng_state` gave."""
    default_generator.set_state(state)


# Draws of a shape


def bits_of(shape: Shape, generator: Generator | None, device: Any = None) -> Tensor:
    """The next numbers of a generator, the default one if it is None."""
    if generator is not None and not isinstance(generator, Generator):
        fail(ArgumentError, f"a generator that is a {type(generator).__name__}", "Give a tj.Generator, or None for the default one.")
    return (default_generator if generator is None else generator).bits(shape, device)


def _shape(size: tuple[Any, ...]) -> Shape:
    return as_shape(size[0] if len(size) == 1 else size)


def _float_dtype(dtype: Any, name: str) -> Any:
    dtype = get_default_dtype() if dtype is None else as_dtype(dtype)
    if not is_floating(dtype) and not (is_complex(dtype) and name == "randn"):
        fail(DTypeError, f"{name} of dtype {dtype.name}", "Give a floating dtype, or use randint for integers.")
    return dtype


def _uniform(bits: Tensor, dtype: Any) -> Tensor:
    """Multiples of 2**-n in [0, 1), each as likely, from the upper n bits (n: the significant bits of the dtype)."""
    digits = _SIGNIFICANT[dtype]
    return cast(bits >> (64 - digits), dtype=dtype) * 2.0**-digits


def _standard_normal(shape: Shape, dtype: Any, generator: Generator | None, device: Any) -> Tensor:
    """Box and Muller's transform (Ann. Math. Stat. 29, 1958): sqrt(-2 log u) cos(2 pi v), u in (0, 1], v in [0, 1)."""
    if is_complex(dtype):
        part = real_dtype(dtype)
        real, imaginary = [_standard_normal(shape, part, generator, device) for _ in range(2)]
        return cast(real * math.sqrt(0.5) + imaginary * (1j * math.sqrt(0.5)), dtype=dtype)
    if dtype in SMALL_FLOATS:
        return cast(_standard_normal(shape, float32, generator, device), dtype=dtype)
    bits = bits_of(shape, generator, device)
    if dtype == float32:  # the upper half gives u, the lower v
        u = cast((bits >> 32) + 1, dtype=dtype) * 2.0**-32
        v = cast(bits & 0xFFFFFF, dtype=dtype) * (math.tau * 2.0**-24)
    else:
        u = cast((bits >> 11) + 1, dtype=dtype) * 2.0**-53
        v = cast(bits_of(shape, generator, device) >> 11, dtype=dtype) * (math.tau * 2.0**-53)
    return (u.log() * -2.0).sqrt() * v.cos()


def rand(*size: Any, generator: Generator | None = None, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Uniform on [0, 1). The size is given as ints or as one tuple."""
    dtype = _float_dtype(dtype, "rand")
    return _uniform(bits_of(_shape(size), generator, device), dtype).requires_grad_(requires_grad)


def randn(*size: Any, generator: Generator | None = None, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Normal with mean 0 and variance 1 (of a complex number: ½ in each part). The size is given as ints or as one tuple."""
    dtype = _float_dtype(dtype, "randn")
    return _standard_normal(_shape(size), dtype, generator, device).requires_grad_(requires_grad)


def randint(
    low: int, high: Any = None, size: Any = None, *, generator: Generator | None = None, dtype: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Integers from `low` (0 if left out) up to `high`, which is not included; int64 unless `dtype` is given.

    Called as `randint(low, high, size)` or `randint(high, size)`.
    """
    if size is None:
        low, high, size = 0, low, high
    if size is None:
        fail(ShapeError, "randint without a size", "Write randint(low, high, (3, 4)) or randint(high, (3, 4)).")
    low, high = int(low), int(high)
    if not low < high or high - low > 2**64:
        fail(ArgumentError, f"randint from {low} up to {high}", "`low` must be less than `high`, which is not included.")
    bits = bits_of(as_shape(size), generator, device)
    dtype = int64 if dtype is None else as_dtype(dtype)
    offset = bits if high - low == 2**64 else bits % (high - low)
    if dtype == uint64:
        return offset + low
    return cast(cast(offset, dtype=int64) + low, dtype=dtype).requires_grad_(requires_grad)


def rand_like(
    x: Tensor, /, *, generator: Generator | None = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """`rand` of the shape and dtype of `x`."""
    return rand(tuple(x.shape), generator=generator, dtype=x.dtype if dtype is None else dtype, device=x.device if device is None else device, requires_grad=requires_grad)


def randn_like(
    x: Tensor, /, *, generator: Generator | None = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """`randn` of the shape and dtype of `x`."""
    return randn(tuple(x.shape), generator=generator, dtype=x.dtype if dtype is None else dtype, device=x.device if device is None else device, requires_grad=requires_grad)


def randint_like(
    x: Tensor, /, low: int, high: int | None = None, *, generator: Generator | None = None, dtype: Any = None, device: Any = None
) -> Tensor:
    """`randint` of the shape and dtype of `x`, on its device unless another is named."""
    if high is None:
        low, high = 0, low
    return randint(low, high, tuple(x.shape), generator=generator, dtype=x.dtype if dtype is None else dtype, device=device or x.device)
