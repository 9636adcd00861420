"""Gradients checked against finite differences: `gradcheck`, `gradgradcheck`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..dispatch import mode
from ..errors import ArgumentError, DTypeError, TracejitError, fail, page_of
from ..ops.transfer import on_device
from ..spec import is_complex
from ..tensor import Tensor, wrap
from .engine import grad
from .modes import GradMode


class GradcheckError(TracejitError, RuntimeError):
    """A gradient that differs from the finite differences."""


def gradcheck(
    func: Callable[..., Any],
    inputs: Tensor | Sequence[Any],
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
) -> bool:
    """Whether the gradients of `func(*inputs)` agree with central differences.

    inputs: those that require grad are checked, and must be float64 or complex128.
    |backward - differences| must be at most atol + rtol·|differences| for every element of every Jacobian. A complex number
    counts as two real ones, so nothing is assumed of the function but that it is differentiable over the reals.
    nondet_tol: how far two backward passes may differ.
    Raises GradcheckError, showing both Jacobians, or returns False if not `raise_exception`.
    """
    arguments: list[Any] = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
    checked = [i for i, a in enumerate(arguments) if isinstance(a, Tensor) and a.requires_grad]
    if not checked:
        fail(ArgumentError, "gradcheck: no input requires grad", "Call .requires_grad_() on those to check.")
    for i in checked:
        if arguments[i].dtype.itemsize // (2 if is_complex(arguments[i].dtype) else 1) != 8:
            fail(DTypeError, f"gradcheck: input {i} is {arguments[i].dtype.name}", "Finite differences need float64 or complex128.")
    try:
        _check(func, arguments, checked, eps, atol, rtol, nondet_tol)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Tensor | Sequence[Any],
    grad_outputs: Tensor | Sequence[Tensor] | None = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
) -> bool:
    """Whether the second derivatives agree with differences of the first: `gradcheck` of the backward pass of `func`.

    It is checked in the inputs that require grad and in the cotangents, `grad_outputs` (random ones if not given).
    """
    arguments: list[Any] = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
    checked = [i for i, a in enumerate(arguments) if isinstance(a, Tensor) and a.requires_grad]
    if grad_outputs is None:
        cotangents = _random_like(_outputs(func, arguments))
    else:
        cotangents = [grad_outputs] if isinstance(grad_outputs, Tensor) else list(grad_outputs)

    def first_gradients(*values: Any) -> tuple[Tensor, ...]:
        held = list(values[: len(arguments)])
        for i in checked:
            held[i] = held[i] * 1  # no leaf: func may change it in place
        outputs = _outputs(func, held)
        results = grad(
            outputs, [held[i] for i in checked], list(values[len(arguments) :]), create_graph=True, materialize_grads=True
        )
        return tuple(r for r in results if r is not None and r.requires_grad)

    options: dict[str, Any] = {"eps": eps, "atol": atol, "rtol": rtol, "raise_exception": raise_exception, "nondet_tol": nondet_tol}
    if not first_gradients(*arguments, *cotangents):
        return True
    return gradcheck(first_gradients, [*arguments, *cotangents], **options)


def _outputs(func: Callable[..., Any], arguments: Sequence[Any]) -> list[Tensor]:
    """The outputs of `func` that have gradients."""
    with GradMode(True):
        result = func(*arguments)
    several = result if isinstance(result, (list, tuple)) else [result]
    return [o for o in several if isinstance(o, Tensor) and o.requires_grad]


def _random_like(tensors: Sequence[Tensor]) -> list[Tensor]:
    draw = np.random.default_rng(0)
    made = []
    for t in tensors:
        values = draw.uniform(0.5, 1.5, t.shape) * draw.choice([-1.0, 1.0], t.shape)
        if is_complex(t.dtype):
            values = values + 1j * draw.uniform(0.5, 1.5, t.shape)
        made.append(on_device(wrap(np.asarray(values, t.dtype)), t.device).requires_grad_())
    return made


def _check(
    func: Callable[..., Any], arguments: list[Any], checked: list[int], eps: float, atol: float, rtol: float, nondet_tol: float
) -> None:
    outputs = _outputs(func, arguments)
    if not outputs:
        fail(ArgumentError, "gradcheck: no output of the function requires grad", "Compute it from the inputs that do, in ops.")
    analytical = [_backward_jacobians(o, [arguments[i] for i in checked]) for o in outputs]
    again = [_backward_jacobians(o, [arguments[i] for i in checked]) for o in outputs]
    numerical = [_difference_jacobians(func, arguments, i, eps) for i in checked]
    for o in range(len(outputs)):
        for place, i in enumerate(checked):
            by_backward, by_differences = analytical[o][place], numerical[place][o]
            if not np.allclose(by_backward, again[o][place], rtol=0, atol=nondet_tol, equal_nan=True):
                _report("two backward passes differ", o, i, by_backward, again[o][place], ("first:", "second:"))
            if not np.allclose(by_backward, by_differences, rtol=rtol, atol=atol, equal_nan=True):
                _report("the gradient is not that of the function", o, i, by_differences, by_backward)


def _report(
    what: str, output: int, position: int, first: np.ndarray, second: np.ndarray, names: tuple[str, str] = ("differences:", "backward:")
) -> None:
    worst = np.nanmax(np.abs(first - second), initial=0.0)
    raise GradcheckError(
        f"{what}: output {output} with respect to input {position} (largest difference {worst:.3g}; rows are elements of the "
        f"output, columns of the input, complex ones as real and imaginary part)\n{names[0]}\n{first}\n{names[1]}\n{second}\n  {page_of(GradcheckError)}"
    )


def _parts(array: np.ndarray) -> np.ndarray:
    """The elements as a vector of real numbers: real and imaginary part in turn."""
    flat = np.array(array, order="C").reshape(-1)
    return flat.view(flat.real.dtype) if flat.dtype.kind == "c" else flat


def _values(tensor: Tensor) -> np.ndarray:
    return mode.interpreter.value(tensor)


def _backward_jacobians(output: Tensor, inputs: list[Tensor]) -> list[np.ndarray]:
    """The Jacobian of `output` in each input, over the reals: one backward pass for each row."""
    steps = (1, 1j) if is_complex(output.dtype) else (1,)
    rows: list[list[np.ndarray]] = [[] for _ in inputs]
    for k in range(output._value.size):
        for unit in steps:
            cotangent = np.zeros(output.shape, output.dtype)
            cotangent.reshape(-1)[k] = unit
            gradients = grad(output, inputs, on_device(wrap(cotangent), output.device), retain_graph=True, materialize_grads=True)
            for row, g in zip(rows, gradients):
                row.append(_parts(_values(g)))  # type: ignore[arg-type]
    return [np.array(row) if row else np.zeros((0, _parts(_values(x)).size)) for row, x in zip(rows, inputs)]


def _difference_jacobians(func: Callable[..., Any], arguments: list[Any], position: int, eps: float) -> list[np.ndarray]:
    """The Jacobian of each output in one input, by central differences: two evaluations for each column."""
    centre = np.array(_values(arguments[position]), order="C")
    columns: list[list[np.ndarray]] = []
    for k in range(centre.size):
        for unit in (1, 1j) if centre.dtype.kind == "c" else (1,):
            sides = []
            for side in (eps, -eps):
                moved = centre.copy()
                moved.reshape(-1)[k] += side * unit
                held = [a * 1 if isinstance(a, Tensor) and a.requires_grad else a for a in arguments]
                held[position] = on_device(wrap(moved), arguments[position].device).requires_grad_() * 1
                sides.append([_parts(_values(o)) for o in _outputs(func, held)])
            columns.append([(plus - minus) / (2 * eps) for plus, minus in zip(*sides)])
    if not columns:
        return [np.zeros((_parts(_values(o)).size, 0)) for o in _outputs(func, arguments)]
    return [np.stack(column, axis=-1) for column in zip(*columns)]
