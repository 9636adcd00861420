"""How parameters begin: the distributions of `nn.init`, and the defaults of the layers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import tracejit as tj
from tracejit import nn


def moments(tensor: tj.Tensor) -> tuple[float, float, float]:
    values = tensor.detach().numpy()
    return float(values.mean()), float(values.std()), float(np.abs(values).max())


def drawn(initialise: Any, *shape: int) -> tj.Tensor:
    tensor = nn.Parameter(tj.zeros(shape))
    tj.manual_seed(1)
    assert initialise(tensor) is tensor and tensor.requires_grad and tensor.is_leaf
    return tensor


INITS: dict[str, tuple[Any, tuple[int, ...], float, float]] = {  # the standard deviation, and the bound
    "uniform": (lambda t: nn.init.uniform_(t, -2, 2), (200, 300), 4 / math.sqrt(12), 2),
    "normal": (lambda t: nn.init.normal_(t, 0, 0.3), (200, 300), 0.3, math.inf),
    "xavier_uniform": (nn.init.xavier_uniform_, (200, 300), math.sqrt(2 / 500), math.sqrt(6 / 500)),
    "xavier_normal": (lambda t: nn.init.xavier_normal_(t, gain=2), (200, 300), 2 * math.sqrt(2 / 500), math.inf),
    "kaiming_uniform": (lambda t: nn.init.kaiming_uniform_(t, nonlinearity="relu"), (64, 32, 5, 3), math.sqrt(2 / 480), math.sqrt(6 / 480)),
    "kaiming_normal": (lambda t: nn.init.kaiming_normal_(t, mode="fan_out", nonlinearity="relu"), (64, 32, 5, 3), math.sqrt(2 / 960), math.inf),
    "trunc_normal": (lambda t: nn.init.trunc_normal_(t, std=1.0, a=-1.0, b=1.0), (200, 300), 0.53956, 1.0),
    "linear": (lambda t: nn.init.kaiming_uniform_(t, a=math.sqrt(5)), (200, 300), 1 / math.sqrt(3 * 300), 1 / math.sqrt(300)),
}


@pytest.mark.parametrize("name", INITS)
def test_init(name: str) -> None:
    initialise, shape, deviation, bound = INITS[name]
    mean, std, largest = moments(drawn(initialise, *shape))
    assert abs(mean) < 0.02 * deviation and abs(std / deviation - 1) < 0.02 and largest <= bound * (1 + 1e-6)
    assert bound == math.inf or largest > 0.99 * bound


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 2, 3)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    matrix = drawn(lambda t: nn.init.orthogonal_(t, gain=2.0), *shape).detach().numpy().reshape(shape[0], -1)
    product = matrix @ matrix.T if matrix.shape[0] < matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-5)


def test_constants_and_gains() -> None:
    assert (drawn(lambda t: nn.init.constant_(t, 3.0), 2, 3).detach().numpy() == 3).all()
    assert (drawn(nn.init.ones_, 2, 3).detach().numpy() == 1).all() and not drawn(nn.init.zeros_, 2).detach().numpy().any()
    assert (drawn(nn.init.eye_, 2, 3).detach().numpy() == np.eye(2, 3)).all()
    gains = {"linear": 1, "conv2d": 1, "sigmoid": 1, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 0.75}
    assert {name: nn.init.calculate_gain(name) for name in gains} == gains
    assert nn.init.calculate_gain("leaky_relu", math.sqrt(5)) == pytest.approx(math.sqrt(1 / 3))
    for wrong in (lambda: nn.init.calculate_gain("step"), lambda: nn.init.xavier_uniform_(tj.zeros(3)), lambda: nn.init.eye_(tj.zeros(3)),
                  lambda: nn.init.kaiming_normal_(tj.zeros((2, 2)), mode="fan"), lambda: nn.init.orthogonal_(tj.zeros(3))):  # fmt: skip
        with pytest.raises(ValueError):
            wrong()


BOUNDS: list[tuple[Any, float, str]] = [  # a layer, and the bound of its uniform parameters
    (lambda: nn.Linear(50, 40), 1 / math.sqrt(50), "weight"),
    (lambda: nn.Linear(400, 400), 1 / math.sqrt(400), "bias"),
    (lambda: nn.Conv2d(8, 64, 5), 1 / math.sqrt(200), "weight"),
    (lambda: nn.LSTM(16, 25), 1 / math.sqrt(25), "weight_hh_l0"),
    (lambda: nn.MultiheadAttention(32, 4), math.sqrt(6 / 128), "in_proj_weight"),
    (lambda: nn.MultiheadAttention(32, 4), 1 / math.sqrt(32), "out_proj.weight"),
]


@pytest.mark.parametrize(("make", "bound", "name"), BOUNDS)
def test_default_initialisation(make: Any, bound: float, name: str) -> None:
    tj.manual_seed(0)
    _, std, largest = moments(make().get_parameter(name))
    assert 0.97 * bound < largest <= bound * (1 + 1e-6) and abs(std * math.sqrt(3) / bound - 1) < 0.1


def test_default_constants() -> None:
    norm, attention, table = nn.BatchNorm2d(3), nn.MultiheadAttention(4, 2), nn.Embedding(5, 4, padding_idx=-1)
    assert moments(norm.weight)[0] == 1 and moments(norm.running_var)[0] == 1
    for zero in (norm.bias, norm.running_mean, attention.in_proj_bias, attention.out_proj.bias, table.weight[4]):
        assert not zero.detach().numpy().any()
    assert table.padding_idx == 4 and table.weight.detach().numpy()[:4].any()


def test_one_seed_one_model() -> None:
    models = []
    for _ in range(2):
        tj.manual_seed(3)
        models.append(nn.Sequential(nn.Linear(3, 4), nn.LSTM(4, 2), nn.Embedding(3, 2)))
    assert all((a.detach().numpy() == b.detach().numpy()).all() for a, b in zip(models[0].parameters(), models[1].parameters()))
