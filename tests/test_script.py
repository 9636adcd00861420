"""A PyTorch training script, run as it stands and with `torch` replaced by `tracejit`: the same losses, eager and compiled.

What the script uses is what a script that moves over uses first: layers, a loss, an optimiser, `no_grad`, `detach`, and an
`autograd.Function` of its own.
"""

from __future__ import annotations

from typing import Any, Callable

import numpy as np
import pytest
from support import assert_bits_equal

import tracejit as tj

SCRIPT = '''
import torch
import torch.nn as nn
import torch.nn.functional as F


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return 2 * x * grad_output


class Perceptron(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(100, 128)
        self.second = nn.Linear(128, 10)

    def forward(self, x):
        hidden = F.relu(self.first(x))
        return self.second(hidden), hidden


def make():
    torch.manual_seed(0)
    return Perceptron(), torch.randn(32, 100), torch.randint(0, 10, (32,))


def train(model, x, y, decorate, steps=20):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    @decorate
    def step(x, y):
        optimizer.zero_grad()
        logits, hidden = model(x)
        spread = Square.apply(hidden - hidden.detach().mean(0)).mean()
        loss = F.cross_entropy(logits, y) + 0.1 * spread
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            accuracy = (model(x)[0].argmax(dim=1) == y).float().mean()
        return loss, accuracy

    history = []
    for _ in range(steps):
        loss, accuracy = step(x, y)
        history.append((loss.item(), accuracy.item()))
    return history, step
'''

Start = tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]


def script(library: str) -> dict[str, Any]:
    """What the script defines, run on a library."""
    names: dict[str, Any] = {}
    exec(compile(SCRIPT.replace("torch", library), f"<script on {library}>", "exec"), names)
    return names


def start_of(names: dict[str, Any]) -> Start:
    """The parameters and the data that a library's random numbers give."""
    model, x, y = names["make"]()
    return {k: v.numpy().copy() for k, v in model.state_dict().items()}, x.numpy(), y.numpy()


def ours(start: Start, decorate: Callable[[Callable], Callable]) -> tuple[np.ndarray, Any, Any]:
    """(losses and accuracies, the model, the step) of the script on tracejit, from this start."""
    names = script("tracejit")
    parameters, x, y = start
    model = names["make"]()[0]
    model.load_state_dict(parameters)
    history, step = names["train"](model, tj.from_numpy(x), tj.from_numpy(y), decorate)
    return np.array(history), model, step


def same(function: Callable) -> Callable:
    return function


@pytest.mark.parametrize("decorate", [same, tj.compile], ids=["eager", "compiled"])
def test_the_losses_are_those_of_pytorch(decorate: Callable[[Callable], Callable]) -> None:
    pytest.importorskip("torch")
    theirs = script("torch")
    model, x, y = theirs["make"]()
    start = start_of(theirs)  # from the same seed
    history = np.array(theirs["train"](model, x, y, same)[0])
    assert history[-1, 0] < history[0, 0] - 0.1
    np.testing.assert_allclose(ours(start, decorate)[0], history, rtol=0, atol=1e-5)


def test_eager_and_compiled_agree_to_the_last_bit() -> None:
    start = start_of(script("tracejit"))
    history, eager, _ = ours(start, same)
    compiled_history, compiled, step = ours(start, tj.compile)
    assert_bits_equal(compiled_history, history)
    for name, tensor in eager.state_dict().items():
        assert_bits_equal(compiled.state_dict()[name], tensor, name)
        assert not np.array_equal(tensor.numpy(), start[0][name]), f"{name} was not trained"
    assert step.trace_count == 1 and step.cache_info().modes == ("graph",), step.cache_info()
