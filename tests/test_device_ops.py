"""Every op that is not elementwise, and PyTorch's functions of networks, with their gradients on a simulated GPU: the CPU's values, all on the device."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np
import pytest
from op_samples import CONSTANT, INVARIANT, SAMPLES

import tracejit as tj
from tracejit.dispatch import bind
from tracejit.op import OPS

pytestmark = pytest.mark.usefixtures("simulated_gpu")

# An op that makes its result of no tensor, and the one that moves it, are told where by their callers.
NAMES = [name for name, samples in SAMPLES.items() if any(isinstance(a, tj.Tensor) for a in samples[0]()[0]) and name != "transfer"]
TOLERANCE = {4: 2e-5, 8: 1e-9}  # by the bytes of a real number; relative to the largest: gradients are sums


def with_gradients(call: Callable[..., Any], args: tuple[Any, ...], device: str, constant: frozenset[int] = frozenset()) -> list[np.ndarray | None]:
    """The results of a call on a device, and the gradients of the sum of their squares."""
    args = tuple([a.detach().to(device) if isinstance(a, tj.Tensor) else a for a in args])
    leaves = [a.requires_grad_() for n, a in enumerate(args) if isinstance(a, tj.Tensor) and n not in constant and a.dtype.kind in "fc"]
    results = [y for y in tj.tree.flatten(call(*args))[0] if isinstance(y, tj.Tensor)]
    for y in results:
        if y.requires_grad:
            tj.real(y * tj.conj(y)).sum().backward(retain_graph=True)
    found = [*results, *[leaf.grad for leaf in leaves]]
    assert {t.device for t in found if t is not None} == {tj.device(device)}
    return [None if t is None else t.detach().cpu().numpy() for t in found]


def compare(call: Callable[..., Any], args: tuple[Any, ...], constant: frozenset[int] = frozenset()) -> None:
    here, there = [with_gradients(call, args, device, constant) for device in ("cpu", "cuda")]
    for a, b in zip(here, there, strict=True):
        assert (a is None) == (b is None)
        if a is not None and b is not None:
            assert (a.shape, a.dtype) == (b.shape, b.dtype)
            tolerance = TOLERANCE[a.real.itemsize] if a.dtype.kind in "fc" else 0
            np.testing.assert_allclose(b, a, rtol=tolerance, atol=tolerance * max(1, np.abs(a[np.isfinite(a)]).max(initial=0)))


@pytest.mark.parametrize("name", NAMES)
def test_an_op_and_its_gradient(name: str) -> None:
    args, attrs = SAMPLES[name][0]()
    shown = INVARIANT.get(name, lambda *results: results)

    def call(*given: Any) -> Any:
        result = bind(OPS[name], *given, **attrs)
        return shown(*result) if isinstance(result, tuple) else shown(result)

    compare(call, args, frozenset(CONSTANT.get(name, ())))
