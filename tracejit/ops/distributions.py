"""Random numbers of named distributions, random orders, and the in-place draws of Tensor."""

from __future__ import annotations

from typing import Any

from ..dispatch import assign
from ..errors import ArgumentError, DTypeError, ShapeError, fail
from ..spec import as_dtype, as_shape, broadcast_shapes, get_default_dtype, int64, is_floating
from ..tensor import Tensor, method
from .elementwise import cast
from .random import Generator, bits_of, rand, randint, randn
from .view import put


def _common_shape(size: Any, *parameters: Any) -> tuple[int, ...]:
    if size is not None:
        return as_shape(size)
    return broadcast_shapes((), *(tuple(p.shape) for p in parameters if isinstance(p, Tensor)))


def _common_dtype(dtype: Any, *parameters: Any) -> Any:
    if dtype is not None:
        return as_dtype(dtype)
    given = [p.dtype for p in parameters if isinstance(p, Tensor) and is_floating(p.dtype)]
    return given[0] if given else get_default_dtype()


def _common_device(device: Any, *parameters: Any) -> Any:
    return next((p.device for p in parameters if isinstance(p, Tensor) and p.device != "cpu"), None) if device is None else device


def uniform(
    low: Any = 0.0, high: Any = 1.0, size: Any = None, *, generator: Generator | None = None, dtype: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Uniform on [low, high); the bounds are numbers or tensors, and the shape is `size` or their common one."""
    drawn = rand(_common_shape(size, low, high), generator=generator, dtype=_common_dtype(dtype, low, high), device=_common_device(device, low, high))
    result = drawn * (high - low) + low
    return result.requires_grad_() if requires_grad else result


def normal(
    mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, generator: Generator | None = None, dtype: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Normal with this mean and standard deviation, numbers or tensors; the shape is `size` or their common one."""
    if isinstance(std, (int, float)) and std < 0:
        fail(ArgumentError, f"a standard deviation of {std}", "Give 0 or more.")
    drawn = randn(_common_shape(size, mean, std), generator=generator, dtype=_common_dtype(dtype, mean, std), device=_common_device(device, mean, std))
    result = drawn * std + mean
    return result.requires_grad_() if requires_grad else result


def exponential(
    scale: Any = 1.0, size: Any = None, *, generator: Generator | None = None, dtype: Any = None, device: Any = None
) -> Tensor:
    """Exponential with mean `scale`, by inversion: -log(1 - u)."""
    drawn = rand(_common_shape(size, scale), generator=generator, dtype=_common_dtype(dtype, scale), device=_common_device(device, scale))
    return -(1.0 - drawn).log() * scale


def bernoulli(probability: Any, size: Any = None, *, generator: Generator | None = None, dtype: Any = None) -> Tensor:
    """1 with this probability (a number or a tensor, whose dtype the result takes), else 0."""
    if isinstance(probability, Tensor) and not is_floating(probability.dtype):
        fail(DTypeError, f"bernoulli of {probability.dtype.name} probabilities", "Cast them: .astype(tj.float32).")
    dtype = _common_dtype(dtype, probability)
    drawn = rand(_common_shape(size, probability), generator=generator, dtype=_common_dtype(None, probability), device=_common_device(None, probability))
    return cast(drawn < probability, dtype=dtype)


def multinomial(weights: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None) -> Tensor:
    """Indices (int64) drawn along the last axis, each as likely as its weight; shape (..., num_samples).

    The largest of weight/e, e exponential, falls on each index with the right probability («exponential races»); without
    replacement the first `num_samples` of the order are taken.
    """
    if weights.ndim not in (1, 2) or not is_floating(weights.dtype):
        fail(ShapeError, f"multinomial of {weights.spec}", "Give floating weights of one or two axes.")
    categories = weights.shape[-1]
    if num_samples < 1 or (num_samples > categories and not replacement):
        fail(ArgumentError, f"{num_samples} samples of {categories} categories", "Pass replacement=True to draw an index more than once.")
    if replacement:
        shape = (*weights.shape[:-1], num_samples, categories)
        return (weights[..., None, :] / exponential(1.0, shape, generator=generator, dtype=weights.dtype, device=weights.device)).argmax(-1)
    race = weights / exponential(1.0, weights.shape, generator=generator, dtype=weights.dtype, device=weights.device)
    return (-race).argsort(axis=-1)[..., :num_samples]


def randperm(n: int, *, generator: Generator | None = None, dtype: Any = None, device: Any = None) -> Tensor:
    """0 … n-1 in random order: the order of n random 64-bit numbers."""
    if n < 0:
        fail(ArgumentError, f"a permutation of {n} numbers", "Give 0 or more.")
    order = bits_of((int(n),), generator, device).argsort(axis=-1)
    return cast(order, dtype=int64 if dtype is None else as_dtype(dtype))


def permutation(x: Any, *, generator: Generator | None = None) -> Tensor:
    """The slices of `x` along its first axis in random order; of an int, `randperm`."""
    if not isinstance(x, Tensor):
        return randperm(x, generator=generator)
    if not x.ndim:
        fail(ShapeError, "a permutation of a 0-d tensor", "Give an int or a tensor of one axis or more.")
    return x[randperm(x.shape[0], generator=generator)]


def shuffle(x: Tensor, *, generator: Generator | None = None) -> Tensor:
    """Put the slices of `x` along its first axis in random order, in place."""
    return assign(x, permutation(x, generator=generator), put)


@method()
def uniform_(self: Tensor, low: float = 0.0, high: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Fill with numbers uniform on [low, high)."""
    return assign(self, uniform(low, high, self.shape, generator=generator, dtype=self.dtype), put)


@method()
def normal_(self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Fill with normal numbers of this mean and standard deviation."""
    return assign(self, normal(mean, std, self.shape, generator=generator, dtype=self.dtype), put)


@method()
def exponential_(self: Tensor, lambd: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Fill with exponential numbers of rate `lambd`."""
    return assign(self, exponential(1.0 / lambd, self.shape, generator=generator, dtype=self.dtype, device=self.device), put)


@method()
def bernoulli_(self: Tensor, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Fill with ones with probability `p` (a number or a tensor), and zeros."""
    return assign(self, bernoulli(p, self.shape, generator=generator, dtype=self.dtype), put)


@method()
def random_(self: Tensor, low: int = 0, high: int | None = None, *, generator: Generator | None = None) -> Tensor:
    """Fill with integers from `low` up to `high`, not included; with one bound, from 0 up to it; with none, all the dtype exactly holds."""
    if high is None:
        low, high = (0, low) if low else (0, _all_integers(self.dtype))
    return assign(self, cast(randint(low, high, self.shape, generator=generator), dtype=self.dtype), put)


def _all_integers(dtype: Any) -> int:
    if is_floating(dtype):
        return 2 ** {2: 11, 4: 24, 8: 53}[dtype.itemsize]
    return 2 if dtype.kind == "b" else min(2**63, 2 ** (8 * dtype.itemsize - (dtype.kind == "i")))


@method("bernoulli")
def _bernoulli_method(self: Tensor, *, generator: Generator | None = None) -> Tensor:
    """1 with the probability each element gives, else 0."""
    return bernoulli(self, generator=generator)


@method("multinomial")
def _multinomial_method(self: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None) -> Tensor:
    """`multinomial` of these weights."""
    return multinomial(self, num_samples, replacement, generator=generator)
