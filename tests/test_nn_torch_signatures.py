"""Names, their order and defaults of what `nn`, `nn.functional`, `nn.init` and `optim` take: PyTorch's, wherever Python can tell."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from torch_twins import close, tj_F, tj_nn, torch, torch_F

import tracejit as tj

MODULES = """Linear Bilinear Conv1d Conv2d ConvTranspose1d ConvTranspose2d MaxPool1d MaxPool2d AvgPool1d AvgPool2d AdaptiveAvgPool1d
    AdaptiveAvgPool2d BatchNorm1d BatchNorm2d LayerNorm GroupNorm RMSNorm Embedding Dropout Dropout1d Dropout2d LSTMCell GRUCell
    MultiheadAttention TransformerEncoderLayer TransformerEncoder TransformerDecoderLayer TransformerDecoder Transformer Flatten
    Unflatten ReLU ReLU6 LeakyReLU ELU CELU SELU GELU SiLU Mish Softmax LogSoftmax Softmin Softplus Hardsigmoid Hardswish PReLU GLU
    Threshold Softshrink Hardshrink CrossEntropyLoss NLLLoss MSELoss L1Loss SmoothL1Loss HuberLoss BCELoss BCEWithLogitsLoss
    KLDivLoss ModuleList ModuleDict ParameterList""".split()
FUNCTIONS = """relu relu6 leaky_relu elu celu selu silu mish sigmoid tanh softmax log_softmax softmin softsign hardtanh hardsigmoid hardswish
    glu threshold tanhshrink batch_norm layer_norm group_norm rms_norm embedding dropout cross_entropy nll_loss mse_loss l1_loss
    smooth_l1_loss huber_loss binary_cross_entropy binary_cross_entropy_with_logits kl_div pad adaptive_avg_pool2d gumbel_softmax""".split()
INITIALISERS = """uniform_ normal_ trunc_normal_ constant_ ones_ zeros_ eye_ xavier_uniform_ xavier_normal_ kaiming_uniform_ kaiming_normal_
    orthogonal_ calculate_gain""".split()
OPTIMISERS = "SGD Adam AdamW RMSprop Adagrad".split()
SCHEDULES = """LambdaLR MultiplicativeLR StepLR MultiStepLR ConstantLR LinearLR ExponentialLR PolynomialLR CosineAnnealingLR
    CosineAnnealingWarmRestarts OneCycleLR ReduceLROnPlateau SequentialLR ChainedScheduler""".split()
PAIRS: dict[str, tuple[Any, Any, list[str]]] = {
    "nn": (tj_nn, torch.nn, MODULES), "functional": (tj_F, torch_F, FUNCTIONS), "init": (tj_nn.init, torch.nn.init, INITIALISERS),
    "optim": (tj.optim, torch.optim, OPTIMISERS), "lr_scheduler": (tj.optim.lr_scheduler, torch.optim.lr_scheduler, SCHEDULES),
    "utils": (tj_nn.utils, torch.nn.utils, ["clip_grad_norm_", "clip_grad_value_", "parameters_to_vector", "vector_to_parameters"]),
}  # fmt: skip
# PyTorch's choices of an implementation, and where it runs; `switches` is how the optimisers take the former.
OTHER = {"device", "dtype", "_stacklevel", "foreach", "fused", "capturable", "differentiable", "switches"}
CASES = [(room, name) for room, (_, theirs, names) in PAIRS.items() for name in names if hasattr(theirs, name)]


def parameters(function: Callable[..., Any]) -> list[tuple[str, Any]]:
    """(name, default) of each parameter; the default of one that is a function is its name."""
    found = [p for p in inspect.signature(function).parameters.values() if p.name not in OTHER]
    return [(p.name, getattr(p.default, "__name__", p.default)) for p in found]


@pytest.mark.parametrize("room, name", CASES, ids=lambda v: v)
def test_parameters_are_pytorchs(room: str, name: str) -> None:
    ours, theirs, _ = PAIRS[room]
    mine, wanted = parameters(getattr(ours, name)), parameters(getattr(theirs, name))
    if room == "optim":  # what `switches` stand among is by keyword here
        mine, wanted = sorted(mine), sorted(wanted)
    assert mine == wanted


@pytest.mark.parametrize("ndim", [1, 2, 3, 4])
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin"])
@pytest.mark.filterwarnings("ignore:Implicit dimension choice")
def test_an_axis_left_out_is_the_one_pytorch_takes(name: str, ndim: int) -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5)[:ndim])
    with pytest.warns(UserWarning, match=f"{name} without a dim"):
        ours = getattr(tj_F, name)(tj.asarray(x))
    close(ours, getattr(torch_F, name)(torch.from_numpy(x)), "float64", name)
