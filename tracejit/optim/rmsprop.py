"""RMSprop."""

from __future__ import annotations

from typing import Any, Iterable

from ..dispatch import assign
from ..ops.create import zeros_like
from ..ops.elementwise import sqrt
from ..tensor import Tensor
from .group import ParamGroup
from .optimizer import Optimizer, Scalars


def _complement(alpha: float) -> tuple[float, ...]:
    return (1.0 - alpha,)


class RMSprop(Optimizer, pure=True):
    """v = alpha·v + (1-alpha)·g² (Tieleman and Hinton, Coursera 2012, lecture 6.5), p -= lr·g/(sqrt(v) + eps); optionally
    with v less the square of the mean gradient («centered», Graves 2013), and with momentum over the steps."""

    derived = {"alpha": ("fresh", _complement)}

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0.0,
        momentum: float = 0.0, centered: bool = False, *, maximize: bool = False, **switches: Any,
    ) -> None:  # fmt: skip
        defaults = dict(lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum, centered=centered, maximize=maximize)
        super().__init__(params, defaults, switches)

    def init(self, param: Tensor, group: ParamGroup) -> dict[str, Tensor]:
        """The mean square; with momentum its buffer, and if centered the mean gradient."""
        kept = ["square_avg", *(["momentum_buffer"] if "momentum" in group.on else []), *(["grad_avg"] if "centered" in group.on else [])]
        return {name: zeros_like(param) for name in kept}

    def advance(self, counts: dict[str, Tensor], group: ParamGroup) -> Scalars:
        """None change with the step."""
        assign(counts["step"], counts["step"] + 1.0)
        return ()

    def update(self, param: Tensor, grad: Tensor, state: dict[str, Tensor], scalars: Scalars, group: ParamGroup) -> None:
        """Move one parameter."""
        on, dtype = group.on, param.dtype
        if ("momentum" in on and "momentum_buffer" not in state) or ("centered" in on and "grad_avg" not in state):
            state.update(self.init(param, group) | state)  # switched on later
        if "weight_decay" in on:
            grad = grad + param * group.read("weight_decay", dtype)
        square, fresh = state["square_avg"], group.read("fresh", dtype)
        square = assign(square, square * group.read("alpha", dtype) + grad * grad * fresh)
        if "centered" in on:
            mean = state["grad_avg"]
            mean = assign(mean, mean + (grad - mean) * fresh)
            square = square - mean * mean
        move = grad / (sqrt(square) + group.read("eps", dtype))
        if "momentum" in on:
            move = assign(state["momentum_buffer"], state["momentum_buffer"] * group.read("momentum", dtype) + move)
        assign(param, param - move * group.read("lr", dtype))
