"""Adagrad."""

from __future__ import annotations

from typing import Any, Iterable

from ..dispatch import assign
from ..ops.create import zeros_like
from ..ops.elementwise import sqrt
from ..tensor import Tensor
from .group import ParamGroup
from .optimizer import Optimizer, Scalars


class Adagrad(Optimizer, pure=True):
    """s += g² (Duchi, Hazan and Singer, JMLR 2011), p -= lr/(1 + (t-1)·lr_decay) · g/(sqrt(s) + eps), t the step from 1."""

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, lr_decay: float = 0.0, weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0, eps: float = 1e-10, *, maximize: bool = False, **switches: Any,
    ) -> None:  # fmt: skip
        defaults = dict(
            lr=lr, lr_decay=lr_decay, weight_decay=weight_decay, initial_accumulator_value=initial_accumulator_value, eps=eps,
            maximize=maximize,
        )  # fmt: skip
        super().__init__(params, defaults, switches)

    def init(self, param: Tensor, group: ParamGroup) -> dict[str, Tensor]:
        """The sum of squares, from its initial value."""
        return {"sum": zeros_like(param) + float(group["initial_accumulator_value"])}

    def advance(self, counts: dict[str, Tensor], group: ParamGroup) -> Scalars:
        """(the decayed lr,)."""
        step = counts["step"]
        rate = group.read("lr") / (1.0 + step * group.read("lr_decay"))
        assign(step, step + 1.0)
        return (rate,)

    def update(self, param: Tensor, grad: Tensor, state: dict[str, Tensor], scalars: Scalars, group: ParamGroup) -> None:
        """Move one parameter."""
        dtype = param.dtype
        if "weight_decay" in group.on:
            grad = grad + param * group.read("weight_decay", dtype)
        total = assign(state["sum"], state["sum"] + grad * grad)
        assign(param, param - grad * scalars[0] / (sqrt(total) + group.read("eps", dtype)))
