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


class SGD(Optimizer):
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
        """(lr, momentum, what is left of a gradient after dampening, weight decay)."""
        fresh = group.read_if_on("dampening")
        if fresh is not None:  # the first step's buffer is the gradient itself
            fresh = where(counts["step"] == 0.0, 1.0, 1.0 - fresh)
        assign(counts["step"], counts["step"] + 1.0)
        return group.read("lr"), group.read_if_on("momentum"), fresh, group.read_if_on("weight_decay")

    def update(self, param: Tensor, grad: Tensor, state: dict[str, Tensor], scalars: Scalars, group: ParamGroup) -> None:
        """Move one parameter."""
        lr, momentum, fresh, weight_decay = scalars
        on = group.on
        if "weight_decay" in on:
            grad = grad + param * weight_decay
        if "momentum" in on:
            if "momentum_buffer" not in state:  # momentum was switched on later
                state.update(self.init(param, group))
            buffer = state["momentum_buffer"] * momentum + (grad if fresh is None else grad * fresh)
            assign(state["momentum_buffer"], buffer)
            grad = grad + buffer * momentum if "nesterov" in on else buffer
        assign(param, param - grad * lr)
