"""Gradient rules: what an op, or a composite of ops, says of its derivative."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from .dispatch import mode, record
from .precision import Precision, computed
from .tensor import Tensor
from .whole import Whole

VJP = Callable[..., Sequence[Any]] | tuple[Callable[..., Any] | None, ...]


class Differentiable:
    """What autograd asks of an op.

    `vjp(g, y, *inputs, **attrs)` returns one cotangent for each input (None where there is none). `g` is the cotangent of
    the output `y` (tuples, for an op of several outputs). A parameter whose name begins with an underscore is given as a
    TensorSpec: only its shape and dtype are known, and nothing is saved for it. Broadcasting and casts are undone by the
    caller, so a rule need not mention them. A cotangent that is dear to compute may be given as a function of no arguments:
    it is called only if that input's gradient is wanted. `vjp` may also be a tuple of rules with those parameters, one for
    each input (None where there is none): only the wanted ones are called, and only what they read is saved.
    """

    name: str
    outputs = 1
    precision: Precision | None = None  # in which dtype it computes under autocast
    takes_none = False  # whether the rule is given None, not zeros, for the cotangent of an output that has none, where there are several

    def __init__(self, vjp: VJP | None) -> None:
        self.vjp = vjp
        self.residuals_of: dict[int, tuple[tuple[int, ...], tuple[int, ...], bool]] = {}

    def outputs_of(self, attrs: dict[str, Any]) -> int:
        """How many outputs there are under these attributes."""
        return self.outputs

    def residuals(self, wanted: int) -> tuple[tuple[int, ...], tuple[int, ...], bool]:
        """The positions of the inputs whose values the VJP reads, those of the others, and whether it reads the output.

        wanted: which cotangents are wanted: a 1, then a bit for each input. What was found is kept in `residuals_of`.
        """
        bits = [bit == "1" for bit in f"{wanted:b}"[1:]]
        rules = [r for r, w in zip(self.vjp, bits) if w] if isinstance(self.vjp, tuple) else [self.vjp]
        needs = [_needed_inputs(rule) for rule in rules]
        saved = tuple(i for i in range(len(bits)) if any(n.get(i, n.get("*", False)) for n in needs))
        others = tuple(i for i in range(len(bits)) if i not in saved)
        found = self.residuals_of[wanted] = saved, others, any(n.get(-1, False) for n in needs)
        return found

    def cotangents(self, wanted: Sequence[Any], g: Any, y: Any, inputs: Sequence[Any], attrs: dict[str, Any]) -> Sequence[Any]:
        """The VJP: the wanted cotangents of the inputs; None for the others, and where there is none."""
        vjp = self.vjp
        if isinstance(vjp, tuple):
            return [rule(g, y, *inputs, **attrs) if w and rule is not None else None for rule, w in zip(vjp, wanted)]
        results = vjp(g, y, *inputs, **attrs)  # type: ignore[misc]
        if len(results) == 1 and isinstance(results[0], Tensor):
            return results
        return [(r if r is None or isinstance(r, Tensor) else r()) if w else None for r, w in zip(results, wanted)]


def _needed_inputs(vjp: Callable | None) -> dict[Any, bool]:
    """Which inputs (by position, -1 for the output, "*" for all further ones) a VJP reads, from its parameters' names."""
    if vjp is None:
        return {}
    needed: dict[Any, bool] = {}
    for position, parameter in enumerate(inspect.signature(vjp).parameters.values()):
        read = not parameter.name.startswith("_")
        if parameter.kind is parameter.VAR_POSITIONAL:
            needed["*"] = read
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD) and position >= 1:
            needed[position - 2] = read
    return needed


COMPOSITES: dict[str, Composite] = {}


class Composite(Differentiable):
    """A pure function of tensors, written in ops, whose gradient is given in closed form: fewer steps than its parts' take.

    It is recorded as one application. Its ops are traced, fused and compiled as ever; in eager mode the function, and
    its gradients where they are not recorded themselves, are a `Whole`.

    function: of tensors (or None, for one that is absent) by position and hashable attributes by keyword; returns a tensor
      of its own. With `residuals`, a tuple of it and of tensors for the gradient alone, which the VJP gets after the inputs.
    """

    def __init__(
        self, name: str, function: Callable[..., Any], vjp: VJP, residuals: bool = False, precision: Precision | None = None
    ) -> None:
        super().__init__(vjp)
        self.precision = precision
        self.name, self.function, self.has_residuals = name, function, residuals
        self.whole, self.whole_vjp = Whole(), Whole()
        if name in COMPOSITES:
            raise ValueError(f"the composite {name} is defined twice")
        COMPOSITES[name] = self

    def __call__(self, *args: Tensor | None, **attrs: Any) -> Tensor:
        if mode.autocast is not None:
            return computed(self.precision, self, args, attrs)
        tensors = [a for a in args if a is not None]
        key = (tuple([a is None for a in args]), *attrs.items())
        grad, mode.grad = mode.grad, False
        try:
            result = mode.interpreter.run_whole(self.whole, lambda: self.function(*args, **attrs), tensors, key)
        finally:
            mode.grad = grad
        recorded: tuple[Any, ...] = args
        if self.has_residuals:
            result, *residuals = result
            recorded = (*args, *residuals)
        if grad:
            record(self, recorded, attrs, result)
        return result

    def cotangents(self, wanted: Sequence[Any], g: Any, y: Any, inputs: Sequence[Any], attrs: dict[str, Any]) -> Sequence[Any]:
        compute = super().cotangents
        if mode.grad:
            return compute(wanted, g, y, inputs, attrs)
        asked = tuple([bool(w) for w in wanted])
        given = (g, y, *inputs)
        tensors = [t for t in given if isinstance(t, Tensor)]
        key = (asked, *[None if isinstance(t, Tensor) else t for t in given], *attrs.items())
        return mode.interpreter.run_whole(self.whole_vjp, lambda: compute(asked, g, y, inputs, attrs), tensors, key)
