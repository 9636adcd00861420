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


class Adam(Optimizer):
    """Adam (Kingma and Ba, ICLR 2015, algorithm 1), optionally AMSGrad (Reddi et al., ICLR 2018).

    m = β₁m + (1-β₁)g, v = β₂v + (1-β₂)g², p -= lr · m/(1-β₁ᵗ) / (sqrt(v/(1-β₂ᵗ)) + eps). The bias corrections are made
    once, in float64 scalars: p -= a·m / (sqrt(v) + b) with s = sqrt(1-β₂ᵗ), a = lr·s/(1-β₁ᵗ), b = eps·s.
    `weight_decay` adds weight_decay·p to the gradient; with `decoupled_weight_decay` it shrinks p by lr·weight_decay instead.
    """

    counted = ("betas",)

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
        """(1-β₁, β₂, 1-β₂, a, b, weight decay), as the class says."""
        beta1, beta2 = group.tensors["betas"]
        lr, eps = group.read("lr"), group.read("eps")
        power1, power2 = counts["power1"] * beta1, counts["power2"] * beta2
        assign(counts["step"], counts["step"] + 1.0)
        assign(counts["power1"], power1)
        assign(counts["power2"], power2)
        correction = sqrt(1.0 - power2)
        shrink = group.read_if_on("weight_decay")
        if shrink is not None and "decoupled_weight_decay" in group.on:
            shrink = 1.0 - lr * shrink
        return 1.0 - beta1, beta2, 1.0 - beta2, lr * correction / (1.0 - power1), eps * correction, shrink

    def update(self, param: Tensor, grad: Tensor, state: dict[str, Tensor], scalars: Scalars, group: ParamGroup) -> None:
        """Move one parameter."""
        fresh1, beta2, fresh2, rate, eps, decay = scalars
        on = group.on
        start = param
        if "weight_decay" in on:
            if "decoupled_weight_decay" in on:
                start = param * decay
            else:
                grad = grad + param * decay
        first = state["exp_avg"]
        first = assign(first, first + (grad - first) * fresh1)
        second = state["exp_avg_sq"]
        second = assign(second, second * beta2 + grad * grad * fresh2)
        if "amsgrad" in on:
            if "max_exp_avg_sq" not in state:  # AMSGrad was switched on later
                state.update(self.init(param, group) | state)
            second = assign(state["max_exp_avg_sq"], maximum(state["max_exp_avg_sq"], second))
        assign(param, start - first * rate / (sqrt(second) + eps))


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, ICLR 2019): p shrinks by lr·weight_decay before each step."""

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 1e-2, amsgrad: bool = False, *, maximize: bool = False, **switches: Any,
    ) -> None:  # fmt: skip
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize, decoupled_weight_decay=True, **switches)
