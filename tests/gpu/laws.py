"""What holds of a function on a GPU, whatever it computes."""

from __future__ import annotations

from typing import Any, Callable, Sequence

import numpy as np
from support import assert_bits_equal, ulps

import tracejit as tj
from tracejit.spec import is_inexact
from tracejit.tensor import wrap

Layout = Callable[[tj.Tensor], tj.Tensor]


def run(function: Callable[..., Any], arguments: Sequence[Any]) -> list[tj.Tensor]:
    """The tensors that a function gives."""
    found = function(*arguments)
    return [t for t in (found if isinstance(found, (tuple, list)) else [found]) if isinstance(t, tj.Tensor)]


def there(value: Any) -> Any:
    """A tensor on the GPU; anything else as it is."""
    return value.detach().to("cuda").requires_grad_(value.requires_grad) if isinstance(value, tj.Tensor) else value


def here(tensor: tj.Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()


def assert_alike(function: Callable[..., Any], arguments: Sequence[Any], within: float, compiled: bool = True) -> list[tj.Tensor]:
    """On the GPU a function gives the CPU's values within so many units in the last place of the largest of an array (what is not inexact
    to the bit), and compiled the same bits as eagerly. What it gives there."""
    wanted = run(function, arguments)
    given = [there(a) for a in arguments]
    eager = run(function, given)
    again = run(tj.compile(function), given) if compiled else eager
    assert len(wanted) == len(eager) == len(again)
    for place, (cpu, first, second) in enumerate(zip(wanted, eager, again)):
        assert first.device == second.device == "cuda:0", f"result {place} lies on {first.device}, compiled on {second.device}"
        assert_bits_equal(here(second), here(first), f"result {place}, compiled")
        assert_near(here(first), here(cpu), within, f"result {place}")
    return eager


def assert_near(found: np.ndarray, wanted: np.ndarray, within: float, what: str) -> None:
    if not is_inexact(wanted.dtype) or within == 0:
        assert_bits_equal(found, wanted, what)
        return
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape), f"{what}: {found.dtype}{found.shape} instead of {wanted.dtype}{wanted.shape}"
    exact = wanted.astype(np.complex128 if wanted.dtype.kind == "c" else np.float64)
    finite = np.isfinite(exact)
    largest = np.abs(exact[finite]).max(initial=0.0)
    apart = ulps(found, exact, floor=float(largest) if within > 2 else 0.0)
    assert apart.max(initial=0.0) <= within, f"{what}: {apart.max():.3g} units apart"


def tensors(arrays: Sequence[np.ndarray]) -> list[tj.Tensor]:
    """With gradients, where they may be asked for."""
    return [wrap(a).requires_grad_(is_inexact(a.dtype)) for a in arrays]


def with_gradients(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function's inexact results, and the gradients of all inexact arguments, each result's cotangent being its own values."""

    def both(*arguments: Any) -> Any:
        results = [r for r in run(function, arguments) if is_inexact(r.dtype) and r.requires_grad]
        asked = [a for a in arguments if isinstance(a, tj.Tensor) and a.requires_grad]
        gradients = tj.autograd.grad(results, asked, [r.detach() for r in results], allow_unused=True) if results else []
        return [*results, *[g for g in gradients if g is not None]]

    return both
