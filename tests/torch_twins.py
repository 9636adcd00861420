"""The same code on tracejit and on PyTorch, with the same values: what the tests of agreement share. Without torch they are skipped."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np
import pytest

import tracejit as tj
import tracejit.nn.functional as tj_F
from tracejit import nn as tj_nn

torch = pytest.importorskip("torch")
torch_F = torch.nn.functional

TOLERANCE = {"float64": 1e-10, "float32": 2e-4}
Make = Callable[[Any], Any]


def close(ours: Any, theirs: Any, dtype: str, what: str) -> None:
    """Equal shapes, and values within the tolerance of the dtype, relative to the largest."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape, what
    assert ours.dtype == theirs.dtype, what
    limit = TOLERANCE[dtype] * max(1.0, float(np.abs(theirs[np.isfinite(theirs)]).max(initial=0)))
    np.testing.assert_allclose(ours, theirs, rtol=TOLERANCE[dtype], atol=limit, err_msg=what)


def arrays_of(specs: tuple[Any, ...], dtype: str, seed: int = 0) -> list[Any]:
    """Floats for a shape; an array, or None, as it is (floats in the dtype)."""
    rng = np.random.default_rng(seed)
    made = []
    for spec in specs:
        if isinstance(spec, np.ndarray):
            made.append(spec.astype(dtype) if spec.dtype.kind == "f" else spec)
        else:
            made.append(spec if spec is None else rng.standard_normal(spec).astype(dtype))
    return made


def ours_of(array: Any, requires_grad: bool = True) -> Any:
    if array is None:
        return None
    return tj.asarray(array.copy()).requires_grad_(requires_grad and array.dtype.kind == "f")


def theirs_of(array: Any, requires_grad: bool = True) -> Any:
    if array is None:
        return None
    return torch.from_numpy(array.copy()).requires_grad_(requires_grad and array.dtype.kind == "f")


def flat(result: Any) -> list[Any]:
    """The tensors of nested tuples."""
    if isinstance(result, (tuple, list)):
        return [t for part in result for t in flat(part)]
    return [] if result is None else [result]


def compare_results(ours: Any, theirs: Any, dtype: str) -> None:
    """Equal outputs; then a backward pass from all of them, with equal random cotangents."""
    rng = np.random.default_rng(1)
    ours, theirs = flat(ours), flat(theirs)
    assert len(ours) == len(theirs)
    totals: list[Any] = [0, 0]
    for i, (a, b) in enumerate(zip(ours, theirs)):
        close(a.detach().numpy(), b.detach().numpy(), dtype, f"output {i}")
        assert a.requires_grad == b.requires_grad
        if b.requires_grad:
            cotangent = rng.standard_normal(b.shape).astype(dtype)
            totals[0] = totals[0] + (a * tj.asarray(cotangent)).sum()
            totals[1] = totals[1] + (b * torch.from_numpy(cotangent)).sum()
    if not isinstance(totals[1], int):
        totals[0].backward()
        totals[1].backward()


def compare_gradients(ours: Any, theirs: Any, dtype: str, what: str) -> None:
    if theirs.grad is None:
        assert ours.grad is None or not ours.grad.numpy().any(), what
    else:
        close(ours.grad.numpy(), theirs.grad.numpy(), dtype, f"gradient of {what}")


def twins(make: Make, dtype: str) -> tuple[Any, Any]:
    """The module of each library, with equal parameters and buffers."""
    torch.manual_seed(0)
    theirs = make(torch.nn).to(getattr(torch, dtype))
    ours = make(tj_nn).to(getattr(tj, dtype))
    with torch.no_grad():
        for parameter in theirs.parameters():
            if not parameter.any():
                parameter.normal_()  # so that a bias of zeros is not overlooked
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    return ours, theirs


def compare_modules(make: Make, specs: tuple[Any, ...], dtype: str, call: Callable | None = None, training: bool = True) -> None:
    call = call or (lambda module, *inputs: module(*inputs))
    ours, theirs = twins(make, dtype)
    ours.train(training), theirs.train(training)
    arrays = arrays_of(specs, dtype)
    our_inputs, their_inputs = [ours_of(a) for a in arrays], [theirs_of(a) for a in arrays]
    compare_results(call(ours, *our_inputs), call(theirs, *their_inputs), dtype)
    for i, (a, b) in enumerate(zip(our_inputs, their_inputs)):
        if b is not None and b.requires_grad:
            compare_gradients(a, b, dtype, f"input {i}")
    for (name, a), (other, b) in zip(ours.named_parameters(), theirs.named_parameters()):
        assert name == other
        compare_gradients(a, b, dtype, name)
    for (name, a), (other, b) in zip(ours.named_buffers(), theirs.named_buffers()):
        assert name == other
        if a.dtype.kind == "f":
            close(a.numpy(), b.numpy(), dtype, name)
        else:
            assert (a.numpy() == b.numpy()).all()


def compare_functions(call: Callable[..., Any], specs: tuple[Any, ...], dtype: str) -> None:
    """`call(F, *inputs)`, with F the functions of each library: equal outputs and gradients of the inputs."""
    arrays = arrays_of(specs, dtype, seed=2)
    our_inputs, their_inputs = [ours_of(a) for a in arrays], [theirs_of(a) for a in arrays]
    compare_results(call(tj_F, *our_inputs), call(torch_F, *their_inputs), dtype)
    for i, (a, b) in enumerate(zip(our_inputs, their_inputs)):
        if b.requires_grad:
            compare_gradients(a, b, dtype, f"input {i}")
