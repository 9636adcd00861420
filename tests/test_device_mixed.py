"""Functions that compute on the host and on a simulated GPU: compiled, they give eager mode's values, each where it lies there."""

from __future__ import annotations

from typing import Any, Callable

import pytest

import tracejit as tj
from tracejit import nn

pytestmark = pytest.mark.usefixtures("simulated_gpu")


def numbers(*shape: int, device: str = "cuda") -> tj.Tensor:
    return tj.arange(6.0, device=device).reshape(shape or (2, 3))


class Program:
    """A function of a tensor, and the tensors that it keeps."""

    def __init__(self) -> None:
        tj.manual_seed(0)
        self.here, self.there = tj.ones(3), tj.ones(3, device="cuda")
        self.body, self.head = nn.Linear(3, 2, device="cuda"), nn.Linear(2, 1)

    def kept(self) -> list[tj.Tensor]:
        return [self.here, self.there, *self.body.parameters(), *self.head.parameters()]


def moved_inside(self: Program, x: tj.Tensor) -> Any:
    leaf = self.here.requires_grad_()
    leaf.grad = None
    loss = (leaf.to(x.device) * x).sum()
    loss.backward()
    return loss


def weights_of_the_host(self: Program, x: tj.Tensor) -> Any:
    self.here.requires_grad_()
    self.here.grad = None
    loss = (x * self.here).sum()
    loss.backward()
    with tj.no_grad():
        self.here.sub_(self.here.grad * 0.1)
    return loss


def a_model_on_both(self: Program, x: tj.Tensor) -> Any:
    self.body.zero_grad()
    self.head.zero_grad()
    loss = self.head(self.body(x).cpu()).sum()
    loss.backward()
    return loss


def copied_there(self: Program, x: tj.Tensor) -> Any:
    self.there.copy_(self.here)
    self.there.add_(1)
    return x * self.there


def copied_here(self: Program, x: tj.Tensor) -> Any:
    self.here.copy_(x[0] * 2)
    return self.here + 1


def counted_here(self: Program, x: tj.Tensor) -> Any:
    self.here.add_(1)
    return x * self.here, self.here * 2


def asked_for(self: Program, x: tj.Tensor) -> Any:
    total = tj.zeros(())
    for row in x:
        total = total + row.sum().cpu()
    return total, x * total, total.item()


@pytest.mark.parametrize("function", [moved_inside, weights_of_the_host, a_model_on_both, copied_there, copied_here, counted_here, asked_for])
def test_compiled_as_eager_on_both_devices(function: Callable[[Program, tj.Tensor], Any]) -> None:
    def calls(compiled: bool) -> list[Any]:
        program, seen = Program(), []
        run = tj.compile(lambda x: function(program, x)) if compiled else lambda x: function(program, x)
        for n in range(3):
            result = tj.tree.flatten(run(numbers() + n))[0]
            held = [t for kept in program.kept() for t in (kept, kept.grad)]
            seen.append([(str(t.device), t.detach().cpu().numpy().tobytes()) if isinstance(t, tj.Tensor) else t for t in (*result, *held)])
        return seen

    eager, compiled = calls(False), calls(True)
    assert compiled == eager and len(set(map(str, eager))) == 3
