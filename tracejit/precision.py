"""Mixed precision: `tj.autocast`, and the `precision` that a definition has: in which dtype it computes while autocast is in force.

| precision | float16, bfloat16 and float32 operands become | so compute |
|---|---|---|
| "low" | the dtype that autocast was given | products: linear layers, matmul, einsum, convolutions, attention |
| "full" | float32 | what loses digits or overflows: exp, log, pow, softmax, norms, sums, losses |
| "widest" | the widest dtype among them | functions made of the above that PyTorch computes in their operands' dtype: elu, tensordot |
| None | what they are: dtypes are promoted as ever | all else |

Where an operand has more bits than float32 has (float64, complex numbers), all stay what they are. A cast is recorded like any other, so
the gradient of a parameter has the parameter's dtype. Functions that have a precision, composites, backward passes and steps of optimisers
run with no autocast in force: what they are made of computes in what it is given. So does NumPy code in a trace, as outside it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, TypeVar

from .errors import DTypeError, fail
from .interpreter import Lows, mode
from .scope import Scope
from .spec import SMALL_FLOATS, DType, as_dtype, bfloat16, check_device, float16, float32, is_complex, float64, promote
from .tensor import Tensor

Precision = Literal["low", "full", "widest"]
F = TypeVar("F", bound=Callable[..., Any])

KINDS = ("cpu", "cuda")
_DEFAULTS = {"cpu": bfloat16, "cuda": float16}  # PyTorch's
_CAST = (*SMALL_FLOATS, float32)
_interned: dict[Lows, Lows] = {}  # so that compiled code compares identities


def precision(kind: Precision) -> Callable[[F], F]:
    """Decorates a function of tensors: it computes in this precision while autocast is in force."""

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def in_precision(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs) if mode.autocast is None else computed(kind, function, args, kwargs)

        in_precision.precision = kind  # type: ignore[attr-defined]
        return in_precision  # type: ignore[return-value]

    return decorate


def computed(kind: Precision | None, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What a function of this precision gives, autocast being in force."""
    lows, mode.autocast = mode.autocast, None
    try:
        if kind is not None and lows is not None:
            dtypes = _dtypes(kind, lows, _tensors((*args, *kwargs.values())))
            if dtypes:
                args = tuple([_cast(a, dtypes) for a in args])
                kwargs = {name: _cast(value, dtypes) for name, value in kwargs.items()}
        return function(*args, **kwargs)
    finally:
        mode.autocast = lows


def without_autocast(function: F) -> F:
    """Decorates a function that computes in the dtypes it is given."""

    @functools.wraps(function)
    def plain(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs) if mode.autocast is None else computed(None, function, args, kwargs)

    return plain  # type: ignore[return-value]


def _tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (tuple, list)):
            yield from _tensors(value)


def _dtypes(kind: Precision, lows: Lows, tensors: Iterable[Tensor]) -> dict[str, DType]:
    """What the operands on each kind of device become; none, where they are to stay what they are."""
    found: dict[str, list[DType]] = {}
    for tensor in tensors:
        dtype = tensor.dtype
        if dtype == float64 or is_complex(dtype):
            return {}
        if dtype in _CAST:
            found.setdefault(_kind_of(tensor.device), []).append(dtype)
    if kind == "widest":
        return {device: promote(*found[device]) for device, _ in lows if device in found}
    return {device: low if kind == "low" else float32 for device, low in lows if device in found}


def _kind_of(device: str) -> str:
    return device.partition(":")[0]


def _cast(value: Any, dtypes: dict[str, DType]) -> Any:
    if isinstance(value, Tensor):
        if value.dtype not in _CAST:
            return value
        dtype = dtypes.get(_kind_of(value.device), value.dtype)
        return value if value.dtype == dtype else value.astype(dtype)  # type: ignore[attr-defined]
    if type(value) in (tuple, list):
        return type(value)([_cast(v, dtypes) for v in value])
    return value


class autocast(Scope):
    """Mixed precision, in this thread: products of matrices in a low dtype, what needs all digits in float32.

    Use as `with tj.autocast("bfloat16"):`, `@tj.autocast("bfloat16")` or, as in PyTorch, `tj.autocast("cuda", dtype=tj.float16)`.

    device_type: "cpu" or "cuda", for tensors there alone; a dtype, or None, for all.
    dtype: bfloat16 or float16; if None, PyTorch's choice: bfloat16, float16 on "cuda" where that is named.
    enabled: False switches autocast off inside.
    cache_enabled: PyTorch's; nothing is kept here, and a compiled function casts a parameter once in any case.

    Which operation computes in which dtype is PyTorch's table for CUDA, for every device. Parameters, gradients and the states of
    optimisers stay in the dtypes they have. Raises DTypeError for another dtype, DeviceError for an unknown device.
    """

    def __init__(self, device_type: Any = None, dtype: Any = None, enabled: bool = True, cache_enabled: bool | None = None) -> None:
        if device_type is not None and not _names_device(device_type):
            if dtype is not None:
                check_device(device_type)  # which says what is known
            device_type, dtype = None, device_type
        self.device = None if device_type is None else _kind_of(check_device(device_type))
        self.dtype = _DEFAULTS[self.device or "cpu"] if dtype is None else as_dtype(dtype)
        if self.dtype not in SMALL_FLOATS:
            fail(DTypeError, f"autocast to {self.dtype.name}", "Give tj.bfloat16 or tj.float16; autocast(enabled=False) casts nothing.")
        self.enabled = bool(enabled)
        self.before: list[Lows | None] = []

    def again(self) -> autocast:
        return autocast(self.device, self.dtype, self.enabled)

    def __enter__(self) -> autocast:
        self.before.append(mode.autocast)
        kept = dict(mode.autocast or ())
        for device in KINDS if self.device is None else (self.device,):
            kept.pop(device, None)
            if self.enabled:
                kept[device] = self.dtype
        lows = tuple(sorted(kept.items(), key=lambda item: item[0]))
        mode.autocast = _interned.setdefault(lows, lows) if lows else None
        return self

    def __exit__(self, *_: Any) -> None:
        mode.autocast = self.before.pop()


def _names_device(value: Any) -> bool:
    return isinstance(value, str) and value.partition(":")[0] in KINDS


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """Whether autocast is in force now, in this thread: for a device, or for any."""
    return bool(mode.autocast) if device_type is None else _kind_of(check_device(device_type)) in dict(mode.autocast or ())


def get_autocast_dtype(device_type: str) -> DType:
    """The low dtype on a device: of the autocast in force, or of one that names no other."""
    kind = _kind_of(check_device(device_type))
    return dict(mode.autocast or ()).get(kind, _DEFAULTS[kind])


# Of functions with a gradient of their own


def custom_fwd(forward: Any = None, *, device_type: str | None = None, cast_inputs: Any = None) -> Any:
    """Decorates the `forward` of a `tj.autograd.Function`, beside `custom_bwd`: `@custom_fwd` or `@custom_fwd(cast_inputs=tj.float32)`.

    Where autocast is in force (on `device_type`, if that is given), the small floats and float32 among the arguments are cast to `cast_inputs`,
    and it is not in force inside. Without `cast_inputs` nothing is cast, and `forward` runs as it is called.
    """
    if forward is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)
    dtype = None if cast_inputs is None else as_dtype(cast_inputs)

    @functools.wraps(forward)
    def asked(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        lows = mode.autocast
        if dtype is None or not is_autocast_enabled(device_type):
            ctx.autocast = lows
            return forward(ctx, *args, **kwargs)
        ctx.autocast = None
        dtypes = {kind: dtype for kind in KINDS}
        given = {name: _cast(value, dtypes) for name, value in kwargs.items()}
        return computed(None, forward, (ctx, *[_cast(a, dtypes) for a in args]), given)

    return asked


def custom_bwd(backward: Any = None, *, device_type: str | None = None) -> Any:
    """Decorates the `backward` of a Function whose `forward` has `custom_fwd`: it runs under the autocast that `forward` ran under."""
    if backward is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(backward)
    def asked(ctx: Any, *grads: Any) -> Any:
        outside, mode.autocast = mode.autocast, ctx.autocast
        try:
            return backward(ctx, *grads)
        finally:
            mode.autocast = outside

    return asked


def in_words(lows: Lows) -> str:
    """Such as: bfloat16; float16 on cuda."""
    dtypes = {dtype for _, dtype in lows}
    if len(dtypes) == 1 and len(lows) == len(KINDS):
        return dtypes.pop().name
    return "; ".join(f"{dtype.name} on {device}" for device, dtype in lows)
