"""Adam and AdamW."""

from __future__ import annotations

from typing import Any, Iterable

from ..dispatch import assign
from ..errors import ArgumentError, fail
from ..ops.create import zeros_like
from ..ops.elementwise import maximum, sqrt
from ..tensor import Tensor
from .group import ParamGroup
from .optimizer import Optimizer, Scalars


def _complements(betas: tuple[float, ...]) -> tuple[float, ...]:
    return tuple([1.0 - beta for beta in betas])


def _one(_: float) -> tuple[float, ...]:
    return (1.0,)


class Adam(Optimizer, pure=True):
    """Adam (Kingma and Ba, ICLR 2015, algorithm 1), optionally AMSGrad (Reddi et al., ICLR 2018).

    m = β₁m + (1-β₁)g, v = β₂v + (1-β₂)g², p -= lr · m/(1-β₁ᵗ) / (sqrt(v/(1-β₂ᵗ)) + eps). The bias corrections are made
    once, in float64 scalars: p -= a·m / (sqrt(v) + b) with s = sqrt(1-β₂ᵗ), a = lr·s/(1-β₁ᵗ), b = eps·s.
    `weight_decay` adds weight_decay·p to the gradient; with `decoupled_weight_decay` it shrinks p by lr·weight_decay instead.
    """

    counted = ("betas",)
    derived = {"betas": ("fresh", _complements), "eps": ("one", _one)}

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0.0, amsgrad: bool = False, *, maximize: bool = False, decoupled_weight_decay: bool = False, **switches: Any,
    ) -> None:  # fmt: skip
        if not all(0 <= float(beta) < 1 for beta in betas):
            fail(ArgumentError, f"betas {betas}", "Give two numbers from 0 up to, not including, 1.")
        defaults = dict(
            lr=lr, betas=tuple(betas), eps=eps, weight_decay=weight_decay, amsgrad=amsgrad, maximize=maximize,
            decoupled_weight_decay=decoupled_weight_decay,
        )  # fmt: skip
        super().__init__(params, defaults, switches)

    def init(self, param: Tensor, group: ParamGroup) -> dict[str, Tensor]:
        """The two moments, and the largest second moment of AMSGrad."""
        state = {"exp_avg": zeros_like(param), "exp_avg_sq": zeros_like(param)}
        return {**state, "max_exp_avg_sq": zeros_like(param)} if "amsgrad" in group.on else state

    def counts_at(self, step: float, group: ParamGroup) -> dict[str, float]:
        """The step count and the powers βᵗ, which `advance` keeps as running products."""
        beta1, beta2 = group["betas"]
        return {"step": step, "power1": beta1**step, "power2": beta2**step}

    def advance(self, counts: dict[str, Tensor], group: ParamGroup) -> Scalars:
        """(a, b), as the class says; and with decoupled decay what it leaves of a parameter."""
        beta1, beta2 = group.reads("betas")
        lr, one = group.read("lr"), group.read("one")
        power1, power2 = counts["power1"], counts["power2"]
        power1, power2 = assign(power1, power1 * beta1), assign(power2, power2 * beta2)
        assign(counts["step"], counts["step"] + one)
        correction = sqrt(one - power2)
        scalars = lr * correction / (one - power1), group.read("eps") * correction
        if "weight_decay" in group.on and "decoupled_weight_decay" in group.on:
            return *scalars, one - lr * group.read("weight_decay")
        return scalars

    def update(self, param: Tensor, grad: Tensor, state: dict[str, Tensor], scalars: Scalars, group: ParamGroup) -> None:
        """Move one parameter."""
        on, dtype = group.on, param.dtype
        start = param
        if "weight_decay" in on:
            if "decoupled_weight_decay" in on:
                start = param * scalars[2]
            else:
                grad = grad + param * group.read("weight_decay", dtype)
        fresh1, fresh2 = group.reads("fresh", dtype)
        first, second = state["exp_avg"], state["exp_avg_sq"]
        first = assign(first, first + (grad - first) * fresh1)
        second = assign(second, second * group.reads("betas", dtype)[1] + grad * grad * fresh2)
        if "amsgrad" in on:
            if "max_exp_avg_sq" not in state:  # AMSGrad was switched on later
                state.update(self.init(param, group) | state)
            second = assign(state["max_exp_avg_sq"], maximum(state["max_exp_avg_sq"], second))
        assign(param, start - first * scalars[0] / (sqrt(second) + scalars[1]))


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, ICLR 2019): p shrinks by lr·weight_decay before each step."""

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 1e-2, amsgrad: bool = False, *, maximize: bool = False, **switches: Any,
    ) -> None:  # fmt: skip
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize, decoupled_weight_decay=True, **switches)
