"""Modules and losses on a GPU: forward and backward near the CPU's values, all on the device; compiled, they have the bits that eager mode has there."""

from __future__ import annotations

import numpy as np
import pytest

import tracejit as tj
from tracejit import nn

pytestmark = pytest.mark.usefixtures("simulated_gpu")


def drawn(*shape, seed=0):
    return tj.asarray(np.random.default_rng([seed, *shape]).normal(size=shape).astype(np.float32))


LABELS = tj.asarray([0, 2, 1, 1])
MODULES = {
    "linear": (lambda: nn.Linear(5, 3), lambda: (drawn(4, 5),)),
    "conv2d": (lambda: nn.Conv2d(2, 2, 3, stride=2), lambda: (drawn(1, 2, 5, 5),)),
    "batch norm": (lambda: nn.BatchNorm2d(3), lambda: (drawn(2, 3, 2, 2),)),
    "layer norm": (lambda: nn.LayerNorm(6), lambda: (drawn(4, 6),)),
    "RMS norm": (lambda: nn.RMSNorm(6), lambda: (drawn(4, 6),)),
    "max pool": (lambda: nn.MaxPool2d(2), lambda: (drawn(1, 2, 4, 4),)),
    "softmax": (lambda: nn.Softmax(-1), lambda: (drawn(3, 5),)),
    "GELU": (nn.GELU, lambda: (drawn(9),)),
    "embedding": (lambda: nn.Embedding(7, 3), lambda: (tj.asarray([1, 2, 5, 1]),)),
    "GRU": (lambda: nn.GRU(2, 3), lambda: (drawn(2, 2, 2),)),
    "LSTM": (lambda: nn.LSTM(2, 3), lambda: (drawn(2, 2, 2),)),
    "conv1d": (lambda: nn.Conv1d(2, 3, 3, padding=1), lambda: (drawn(2, 2, 7),)),
    "transposed conv": (lambda: nn.ConvTranspose2d(2, 3, 3), lambda: (drawn(1, 2, 3, 3),)),
    "group norm": (lambda: nn.GroupNorm(2, 4), lambda: (drawn(2, 4, 3),)),
    "bilinear": (lambda: nn.Bilinear(3, 2, 2), lambda: (drawn(4, 3), drawn(4, 2, seed=1))),
    "average pool": (lambda: nn.AvgPool2d(2), lambda: (drawn(1, 2, 4, 4),)),
    "log-softmax": (lambda: nn.LogSoftmax(-1), lambda: (drawn(3, 5),)),
    "PReLU": (nn.PReLU, lambda: (drawn(9),)),
    "encoder layer": (lambda: nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True), lambda: (drawn(2, 3, 8),)),
    "attention": (lambda: nn.MultiheadAttention(4, 2, batch_first=True), lambda: tuple(drawn(1, 3, 4, seed=n) for n in range(3))),
    "cross-entropy": (nn.CrossEntropyLoss, lambda: (drawn(4, 3), LABELS)),
    "Huber": (nn.HuberLoss, lambda: (drawn(4, 3), drawn(4, 3, seed=1))),
}


def run(name, device, compiled=False):
    """The result, and the gradients of parameters and inputs, of a step on a device."""
    tj.manual_seed(0)
    make, inputs = MODULES[name]
    module = make().to(device)
    given = [x.to(device) for x in inputs()]
    leaves = [x.requires_grad_() for x in given if x.dtype == tj.float32] + list(module.parameters())

    def step(*given):
        y = module(*given)
        y = y[0] if isinstance(y, tuple) else y
        y.square().sum().backward()
        return y

    function = tj.compile(step) if compiled else step
    for _ in range(2 if compiled else 1):
        for leaf in leaves:
            leaf.grad = None
        y = function(*given)
    found = [y, *[leaf.grad for leaf in leaves], *([] if compiled else module.buffers())]
    assert {x.device for x in found} == {tj.zeros(1, device=device).device}
    return [x.detach().cpu().numpy() for x in found]


@pytest.mark.parametrize("name", MODULES)
def test_a_module_on_a_device(name):
    here, there, compiled = run(name, "cpu"), run(name, "cuda"), run(name, "cuda", compiled=True)
    for a, b in zip(here, there, strict=True):
        np.testing.assert_allclose(b, a, rtol=2e-5, atol=2e-5)
    for a, b in zip(there, compiled):
        assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_a_training_step_on_a_device(compiled):
    def train(device, compiled):
        tj.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2)).to(device)
        optimiser = tj.optim.AdamW(model.parameters(), lr=0.05)
        x, labels = drawn(6, 3).to(device), tj.asarray([0, 1, 1, 0, 1, 0]).to(device)

        def step(x, labels):
            optimiser.zero_grad()
            loss = nn.functional.cross_entropy(model(x), labels)
            loss.backward()
            optimiser.step()
            return loss

        function = tj.compile(step) if compiled else step
        losses = [function(x, labels).item() for _ in range(4)]
        assert {t.device for t in (*model.parameters(), *[t for kept in optimiser.state.values() for t in kept.values()])} == {x.device}
        return losses, [p.detach().cpu().numpy() for p in model.parameters()]

    losses, parameters = train("cuda", compiled)
    wanted, others = train("cpu", False)
    assert losses[-1] < losses[0]
    np.testing.assert_allclose(losses, wanted, rtol=1e-5)
    for a, b in zip(parameters, others):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    if compiled:
        assert losses == train("cuda", False)[0]


def test_what_an_optimiser_keeps_follows_a_module_that_is_moved():
    model = nn.Linear(2, 2)
    optimiser = tj.optim.Adam(model.parameters())
    weight = model.weight
    model.cuda()
    assert model.weight is weight and weight.device == "cuda:0"
    model(drawn(3, 2).cuda()).sum().backward()
    optimiser.step()
    assert {kept.device for kept in optimiser.state[weight].values()} == {"cuda:0"} == {weight.grad.device}
    model.cpu()
    assert weight.device == weight.grad.device == "cpu"
    optimiser.step()


def test_random_numbers_on_a_device_are_those_of_the_hosts_stream():
    for draw in (lambda **o: tj.rand(5, **o), lambda **o: tj.randn(3, 2, **o), lambda **o: tj.randint(0, 9, (4,), **o)):
        tj.manual_seed(7)
        here = draw()
        tj.manual_seed(7)
        there = draw(device="cuda")
        assert there.device == "cuda:0" and there.cpu().numpy().tobytes() == here.numpy().tobytes()
