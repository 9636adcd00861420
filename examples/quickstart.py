"""tracejit in one page: tensors, gradients, a model, and one decorator.

    python examples/quickstart.py [--device cuda]
"""

import argparse

import numpy as np

import tracejit as tj
import tracejit.nn.functional as F
from tracejit import nn


def tensors() -> None:
    """Arrays with NumPy's rules, sharing NumPy's memory."""
    x = tj.arange(6, dtype=tj.float32).reshape(2, 3)
    print(x @ x.mT + 1)
    print(tj.softmax(x, axis=-1).sum(axis=-1))
    shared = tj.asarray(np.zeros(3))
    shared += 1  # writes into the array it came from
    print(np.exp(shared))  # NumPy's functions take tensors, and give tensors


def gradients() -> None:
    """PyTorch's rules."""
    x = tj.tensor([1.0, 2.0, 3.0], requires_grad=True)
    (x**3).sum().backward()
    print("d(x³)/dx =", x.grad)


@tj.compile
def gelu_norm(x):
    """A few passes over memory, written plainly; fused, they are one."""
    y = F.gelu(x)
    return (y - y.mean(axis=-1, keepdims=True)) / tj.sqrt(y.var(axis=-1, keepdims=True) + 1e-5)


def compiling(device: str) -> None:
    """The decorated function gives the bits of the undecorated one."""
    x = tj.randn(512, 256).to(device)
    compiled, eager = gelu_norm(x), gelu_norm.__wrapped__(x)
    print("same bits:", bool((compiled == eager).all()), "· traces:", gelu_norm.trace_count)


def training(device: str) -> None:
    """A whole training step is one compiled function: forward, backward, update."""
    tj.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1)).to(device)
    optimizer = tj.optim.Adam(model.parameters(), lr=0.02)
    x = (tj.rand(256, 2) * 2 - 1).to(device)
    y = (x[:, :1] * x[:, 1:] > 0).astype(tj.float32)  # the same sign?

    @tj.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    for epoch in range(301):
        loss = step(x, y)
        if epoch % 100 == 0:
            print(f"step {epoch}: loss {loss.item():.4f}")
    print("traces:", step.trace_count)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", help='where the last two parts run: "cuda" is the first GPU')
    device = parser.parse_args().device
    tj.manual_seed(1)
    for part, arguments in ((tensors, ()), (gradients, ()), (compiling, (device,)), (training, (device,))):
        print(f"— {part.__doc__}")
        part(*arguments)
