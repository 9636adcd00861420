"""What test_sanitized.py runs under compute-sanitizer: kernels of every kind, eager, compiled, and as a training step."""

from __future__ import annotations

import numpy as np

import tracejit as tj
import tracejit.nn.functional as F
from tracejit import nn


def arrays() -> None:
    """Maps, views, reductions by rows and by columns, gathers, scatters and sorts, at sizes that fill no block."""
    for shape in ((1,), (7,), (3, 129), (33, 65), (5, 1, 1031)):
        x = tj.asarray(np.random.default_rng(0).standard_normal(shape).astype(np.float32), device="cuda")
        for y in (tj.exp(x) * 2 + x, x.T + 1, x.sum(), x.sum(0), x.sum(-1), x.mean(-1), x.var(-1), x.max(-1), F.softmax(x, -1), F.log_softmax(x, 0), tj.sort(x), x.cumsum(-1)):
            for each in y if isinstance(y, tuple) else (y,):
                each.cpu()
    rows = tj.asarray(np.arange(40.0).reshape(8, 5).astype(np.float32), device="cuda")
    which = tj.asarray(np.array([3, 0, 3, 7]), device="cuda")
    (rows[which] * 2).cpu()
    tj.index_add(rows, 0, which, rows[:4]).cpu()


def training() -> None:
    """A step of a small network, eager and compiled."""
    model = nn.Sequential(nn.Linear(20, 33), nn.ReLU(), nn.LayerNorm(33), nn.Linear(33, 10)).to("cuda")
    optimizer = tj.optim.Adam(model.parameters(), lr=1e-3)

    def step(x: tj.Tensor, y: tj.Tensor) -> tj.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    x, y = tj.randn(17, 20).to("cuda"), tj.randint(0, 10, (17,)).to("cuda")
    for function in (step, tj.compile(step)):
        for _ in range(3):
            function(x, y).item()


if __name__ == "__main__":
    arrays()
    training()
    tj.cuda.synchronize()
