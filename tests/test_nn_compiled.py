"""Whole training steps of every kind of layer, eager and compiled: one graph, and the same losses, parameters and buffers to the bit."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np
import pytest
from support import assert_bits_equal

import tracejit as tj
from tracejit import nn
from tracejit.nn import functional as F

Make = Callable[[], nn.Module]
IDS = np.array([[1, 2, 0], [3, 4, 5]])

MODELS: dict[str, tuple[Make, Any]] = {
    "perceptron": (lambda: nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 6)), (4, 8)),
    "dropout": (lambda: nn.Sequential(nn.Linear(8, 16), nn.Dropout(0.5), nn.GELU(), nn.Linear(16, 6)), (4, 8)),
    "norms": (lambda: nn.Sequential(nn.LayerNorm(8), nn.Linear(8, 6), nn.BatchNorm1d(6), nn.SiLU(), nn.RMSNorm(6)), (4, 8)),
    "images": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout2d(0.3), nn.AdaptiveAvgPool2d(1),
            nn.Flatten(), nn.Linear(4, 6),
        ),
        (4, 1, 6, 6),
    ),
    "signals": (
        lambda: nn.Sequential(nn.Conv1d(2, 4, 3), nn.GroupNorm(2, 4), nn.Tanh(), nn.AvgPool1d(2), nn.Flatten(), nn.Linear(8, 6)), (4, 2, 6)
    ),
    "words": (lambda: nn.Sequential(nn.Embedding(10, 4, padding_idx=0), nn.Flatten(), nn.Linear(12, 6)), IDS),
    "attention": (lambda: nn.TransformerEncoderLayer(6, 2, 8, batch_first=True), (2, 3, 6)),
    "lstm": (lambda: nn.LSTM(3, 6, 2, batch_first=True), (2, 3, 3)),
    "gru": (lambda: nn.GRU(3, 3, bidirectional=True, batch_first=True), (2, 3, 3)),
}  # fmt: skip


def train(make: Make, given: Any, compiled: bool, device: str = "cpu") -> tuple[list[bytes], nn.Module, Any]:
    """Three steps from one seed: the losses, the model, and the step."""
    tj.manual_seed(0)
    model, rng = make(), np.random.default_rng(0)
    x = tj.asarray(given if isinstance(given, np.ndarray) else rng.standard_normal(given).astype("float32"))
    optimiser = tj.optim.Adam(model.parameters(), lr=1e-2)
    model.to(device)
    x = x.to(device)

    def step(x: tj.Tensor, y: tj.Tensor) -> tj.Tensor:
        optimiser.zero_grad()
        scores = model(x)
        scores = scores[0] if isinstance(scores, tuple) else scores
        loss = F.cross_entropy(scores.reshape((-1, 6)), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        return loss

    probe = model.eval()(x)
    model.train()
    y = tj.asarray(rng.integers(0, 6, (probe[0] if isinstance(probe, tuple) else probe).numel() // 6), device=device)
    step = tj.compile(step) if compiled else step
    return [step(x, y).detach().cpu().numpy().tobytes() for _ in range(3)], model, step


@pytest.mark.parametrize("name", MODELS)
def test_a_training_step_is_one_graph_with_eager_bits(name: str) -> None:
    losses, eager, _ = train(*MODELS[name], compiled=False)
    compiled_losses, compiled, step = train(*MODELS[name], compiled=True)
    assert losses == compiled_losses and len(set(losses)) == 3
    for key, tensor in eager.state_dict().items():
        assert_bits_equal(compiled.state_dict()[key].numpy(), tensor.numpy())
    assert step.trace_count == 1 and step.cache_info().modes == ("graph",), step.cache_info()


@pytest.mark.parametrize("name", ["dropout", "norms", "images", "words"])
def test_on_a_device_too(name: str, simulated_gpu: None) -> None:
    losses, eager, _ = train(*MODELS[name], compiled=False, device="cuda")
    compiled_losses, compiled, step = train(*MODELS[name], compiled=True, device="cuda")
    assert losses == compiled_losses and len(set(losses)) == 3
    for key, tensor in eager.state_dict().items():
        assert tensor.device == compiled.state_dict()[key].device == "cuda:0"
        assert_bits_equal(compiled.state_dict()[key].cpu().numpy(), tensor.cpu().numpy())
    assert step.trace_count == 1 and step.cache_info().modes == ("graph",), step.cache_info()


CLASS_LOSSES: dict[str, Callable[[tj.Tensor, tj.Tensor], tj.Tensor]] = {
    "cross entropy": lambda x, y: F.cross_entropy(x, y),
    "cross entropy, smoothed": lambda x, y: F.cross_entropy(x, y, label_smoothing=0.1),
    "cross entropy, weighted": lambda x, y: F.cross_entropy(x, y, weight=tj.asarray([1.0, 2.0, 3.0])),
    "nll": lambda x, y: F.nll_loss(x, y),
    "one hot": lambda x, y: (x * F.one_hot(tj.abs(y), 3)).sum(),
}


@pytest.mark.parametrize("computed", [False, True], ids=["given", "computed"])
@pytest.mark.parametrize("name", CLASS_LOSSES)
def test_a_wrong_class_is_an_error_also_in_a_replay(name: str, computed: bool) -> None:
    x, loss = tj.asarray(np.ones((2, 3), "float32")), CLASS_LOSSES[name]
    loss_of = tj.compile(lambda x, y: loss(x, y + 0 if computed else y))
    for classes in ([0, 2], [0, 3], [-100, 1], [-1, 1], [1, 1], [2**40, 0]):
        y = tj.asarray(classes)
        try:
            wanted = loss(x, y).item()
        except tj.IndexingError:
            with pytest.raises(tj.IndexingError):
                loss_of(x, y)
        else:
            assert loss_of(x, y).item() == wanted
    assert loss_of.trace_count == 1 and loss_of.cache_info().modes == ("graph",)
    fresh = tj.compile(lambda x, y: loss(x, y + 0 if computed else y))
    with pytest.raises(tj.IndexingError):
        fresh(x, tj.asarray([0, 3]))


def test_train_and_eval_take_effect() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    forward = tj.compile(lambda x: model(x))
    x = tj.asarray(np.random.default_rng(1).standard_normal((5, 3)).astype("float32"))
    with tj.no_grad():
        for mode in (True, False, True, False):
            tj.manual_seed(2)
            model.train(mode)
            before = {k: v.numpy().copy() for k, v in model.state_dict().items()}
            compiled = forward(x).numpy()
            after = {k: v.numpy().copy() for k, v in model.state_dict().items()}
            model.load_state_dict(before)
            tj.manual_seed(2)
            assert_bits_equal(compiled, model(x).numpy())
            for key, value in model.state_dict().items():
                assert_bits_equal(after[key], value.numpy())


def test_a_module_of_ones_own_is_a_graph_and_the_arrays_its_forward_reads_are_read_at_each_call():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.factor = nn.Linear(3, 3), np.ones(3, np.float32)

        def forward(self, x):
            return self.layer(x) * (self.factor * 2)

    model, x = Scaled(), tj.ones(2, 3)
    for compiled in (tj.compile(lambda x: model(x)), tj.compile(model)):
        for scale in (1, 5):
            model.factor[:] = scale
            assert_bits_equal(compiled(x), model(x))
        assert compiled.explain(x).mode == "graph" and compiled.trace_count == 1
