"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any, Iterable

from ..dispatch import assign
from ..errors import ArgumentError, fail
from ..ops.create import zeros_like
from ..ops.elementwise import where
from ..tensor import Tensor
from .group import ParamGroup
from .optimizer import Optimizer, Scalars


class SGD(Optimizer, pure=True):
    """g += weight_decay·p; with momentum, b = momentum·b + (1 - dampening)·g (b = g at first), and g = b, or g + momentum·b
    if Nesterov's (Sutskever et al., ICML 2013); p -= lr·g."""

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, momentum: float = 0.0, dampening: float = 0.0, weight_decay: float = 0.0,
        nesterov: bool = False, *, maximize: bool = False, **switches: Any,
    ) -> None:  # fmt: skip
        if nesterov and (momentum <= 0 or dampening != 0):
            fail(ArgumentError, "Nesterov momentum with no momentum or with dampening", "Give momentum > 0 and dampening 0.")
        defaults = dict(lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay, nesterov=nesterov, maximize=maximize)
        super().__init__(params, defaults, switches)

    def init(self, param: Tensor, group: ParamGroup) -> dict[str, Tensor]:
        """The momentum buffer, if there is momentum."""
        return {"momentum_buffer": zeros_like(param)} if "momentum" in group.on else {}

    def advance(self, counts: dict[str, Tensor], group: ParamGroup) -> Scalars:
        """With dampening, (what is left of a gradient after it,): all at the first step, whose buffer is the gradient itself."""
        step = counts["step"]
        fresh = (where(step == 0.0, 1.0, 1.0 - group.read("dampening")),) if "dampening" in group.on else ()
        assign(step, step + 1.0)
        return fresh

    def update(self, param: Tensor, grad: Tensor, state: dict[str, Tensor], scalars: Scalars, group: ParamGroup) -> None:
        """Move one parameter."""
        on, dtype = group.on, param.dtype
        if "weight_decay" in on:
            grad = grad + param * group.read("weight_decay", dtype)
        if "momentum" in on:
            if "momentum_buffer" not in state:  # momentum was switched on later
                state.update(self.init(param, group))
            momentum = group.read("momentum", dtype)
            buffer = state["momentum_buffer"]
            buffer = assign(buffer, buffer * momentum + (grad * scalars[0] if scalars else grad))
            grad = grad + buffer * momentum if "nesterov" in on else buffer
        assign(param, param - grad * group.read("lr", dtype))
