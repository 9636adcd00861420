"""The functions and losses of `tracejit.nn.functional` and of `torch.nn.functional`: equal values and gradients, equal names printed."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np
import pytest
from torch_twins import Make, compare_functions, compare_modules, tj_nn, torch

BOOL_MASK = np.triu(np.ones((5, 4), bool), 2)
WORDS = np.array([[1, 4, 0], [3, 3, 2]])

POSITIVE = np.abs(np.random.default_rng(5).standard_normal((4, 3))) + 0.1
UNIT = np.random.default_rng(6).uniform(0.05, 0.95, (4, 3))
SIGNS = np.array([1.0, -1.0, 1.0, -1.0])
CLASSES = np.array([2, 0, 1, 2])
IMAGE_CLASSES = np.array([[[0, 1], [2, 2]], [[1, -100], [0, 1]]])
WEIGHT = np.array([0.2, 1.0, 3.0])
SOFT = np.random.default_rng(7).dirichlet(np.ones(3), 4)

FUNCTIONS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    **{
        name: (lambda F, x, _name=name: getattr(F, _name)(x), ((4, 3),))
        for name in (
            "relu", "relu6", "leaky_relu", "elu", "celu", "selu", "gelu", "silu", "mish", "hardswish", "hardsigmoid", "hardtanh",
            "softplus", "softsign", "tanhshrink", "hardshrink", "softshrink", "logsigmoid", "sigmoid", "tanh",
        )
    },
    "gelu tanh": (lambda F, x: F.gelu(x, approximate="tanh"), ((4, 3),)),
    "elu 2": (lambda F, x: F.elu(x, alpha=2.0), ((4, 3),)),
    "softplus 3": (lambda F, x: F.softplus(x, beta=3.0, threshold=2.0), ((4, 3),)),
    "threshold": (lambda F, x: F.threshold(x, 0.1, -3.0), ((4, 3),)),
    "prelu": (lambda F, x, w: F.prelu(x, w), ((4, 3), (3,))),
    "glu": (lambda F, x: F.glu(x, dim=1), ((4, 6),)),
    "softmax": (lambda F, x: F.softmax(x, dim=0), ((4, 3),)),
    "softmin": (lambda F, x: F.softmin(x, dim=-1), ((4, 3),)),
    "log_softmax": (lambda F, x: F.log_softmax(x, dim=1), ((4, 3, 2),)),
    "linear": (lambda F, x, w, b: F.linear(x, w, b), ((4, 3), (2, 3), (2,))),
    "bilinear": (lambda F, x, y, w: F.bilinear(x, y, w), ((4, 3), (4, 2), (5, 3, 2))),
    "pad": (lambda F, x: F.pad(x, (1, 2, 0, 1), value=3.0), ((2, 3, 4),)),
    "pad crop": (lambda F, x: F.pad(x, (-1, 2, 1, -2)), ((2, 3, 4),)),
    "pad reflect": (lambda F, x: F.pad(x, (2, 1), mode="reflect"), ((2, 3, 4),)),
    "pad replicate": (lambda F, x: F.pad(x, (5, 1), mode="replicate"), ((2, 3, 4),)),
    "pad circular": (lambda F, x: F.pad(x, (2, 3, 1, 0), mode="circular"), ((1, 2, 3, 4),)),
    "pixel_shuffle": (lambda F, x: F.pixel_shuffle(x, 2), ((2, 8, 3, 2),)),
    "unfold": (lambda F, x: F.unfold(x, 2, padding=1), ((2, 3, 4, 3),)),
    "embedding": (lambda F, w, i: F.embedding(i, w, padding_idx=-3), ((6, 4), WORDS)),
    "normalize": (lambda F, x: F.normalize(x), ((4, 3),)),
    "normalize p": (lambda F, x: F.normalize(x, p=3.0, dim=0), (POSITIVE,)),
    "normalize 1": (lambda F, x: F.normalize(x, p=1.0, dim=-1), ((4, 3),)),
    "normalize inf": (lambda F, x: F.normalize(x, p=float("inf")), ((4, 3),)),
    "cosine_similarity": (lambda F, x, y: F.cosine_similarity(x, y), ((4, 3), (4, 3))),
    "pairwise_distance": (lambda F, x, y: F.pairwise_distance(x, y, p=3.0), ((4, 3), (4, 3))),
    "batch_norm": (lambda F, x, m, v, w, b: F.batch_norm(x, m.detach(), v.detach(), w, b), ((4, 3), (3,), np.ones(3), (3,), (3,))),
    "instance_norm": (lambda F, x, w, b: F.instance_norm(x, weight=w, bias=b), ((2, 3, 4), (3,), (3,))),
    "attention": (lambda F, q, k, v: F.scaled_dot_product_attention(q, k, v), ((2, 4, 3), (2, 5, 3), (2, 5, 6))),
    "attention causal": (
        lambda F, q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=0.3), ((2, 4, 3), (2, 5, 3), (2, 5, 6))
    ),
    "attention bools": (
        lambda F, q, k, v, m: F.scaled_dot_product_attention(q, k, v, attn_mask=m), ((2, 5, 3), (2, 4, 3), (2, 4, 6), ~BOOL_MASK)
    ),
    "attention to nothing": (
        lambda F, q, k, v, m: F.scaled_dot_product_attention(q, k, v, attn_mask=m), ((2, 5, 3), (2, 4, 3), (2, 4, 6), np.tri(5, 4, -1, bool))
    ),
    "attention numbers": (
        lambda F, q, k, v, m: F.scaled_dot_product_attention(q, k, v, attn_mask=m), ((2, 5, 3), (2, 4, 3), (2, 4, 6), (5, 4))
    ),
    "attention shared heads": (
        lambda F, q, k, v: F.scaled_dot_product_attention(q, k, v, enable_gqa=True), ((2, 4, 5, 3), (2, 2, 5, 3), (2, 2, 5, 3))
    ),
    "one_hot": (lambda F, i: F.one_hot(i, 4), (CLASSES,)),
    "one_hot inferred": (lambda F, i: F.one_hot(i), (CLASSES,)),
}  # fmt: skip

LOSSES: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "cross_entropy": (lambda F, r, x, t: F.cross_entropy(x, t, reduction=r), ((4, 3), CLASSES)),
    "cross_entropy weight": (lambda F, r, x, t, w: F.cross_entropy(x, t, w.detach(), reduction=r), ((4, 3), CLASSES, WEIGHT)),
    "cross_entropy images": (lambda F, r, x, t: F.cross_entropy(x, t, reduction=r), ((2, 3, 2, 2), IMAGE_CLASSES)),
    "cross_entropy ignoring a class": (lambda F, r, x, t: F.cross_entropy(x, t, ignore_index=2, reduction=r), ((4, 3), CLASSES)),
    "cross_entropy smooth": (lambda F, r, x, t: F.cross_entropy(x, t, label_smoothing=0.2, reduction=r), ((2, 3, 2, 2), IMAGE_CLASSES)),
    "cross_entropy smooth weight": (
        lambda F, r, x, t, w: F.cross_entropy(x, t, w.detach(), label_smoothing=0.2, ignore_index=0, reduction=r), ((4, 3), CLASSES, WEIGHT)
    ),
    "cross_entropy soft": (lambda F, r, x, t: F.cross_entropy(x, t, reduction=r), ((4, 3), SOFT)),
    "cross_entropy soft weight": (
        lambda F, r, x, t, w: F.cross_entropy(x, t, w.detach(), label_smoothing=0.1, reduction=r), ((4, 3), SOFT, WEIGHT)
    ),
    "cross_entropy one": (lambda F, r, x, t: F.cross_entropy(x, t, reduction=r), ((3,), np.array(1))),
    "nll_loss": (lambda F, r, x, t: F.nll_loss(x, t, reduction=r), ((4, 3), CLASSES)),
    "nll_loss weight": (lambda F, r, x, t, w: F.nll_loss(x, t, w.detach(), ignore_index=0, reduction=r), ((4, 3), CLASSES, WEIGHT)),
    "mse_loss": (lambda F, r, x, y: F.mse_loss(x, y, reduction=r), ((4, 3), (4, 3))),
    "l1_loss": (lambda F, r, x, y: F.l1_loss(x, y, reduction=r), ((4, 3), (4, 3))),
    "smooth_l1_loss": (lambda F, r, x, y: F.smooth_l1_loss(x, y, reduction=r, beta=0.7), ((4, 3), (4, 3))),
    "smooth_l1_loss 0": (lambda F, r, x, y: F.smooth_l1_loss(x, y, reduction=r, beta=0.0), ((4, 3), (4, 3))),
    "huber_loss": (lambda F, r, x, y: F.huber_loss(x, y, reduction=r, delta=0.7), ((4, 3), (4, 3))),
    "bce": (lambda F, r, x, y: F.binary_cross_entropy(x, y.detach(), reduction=r), (UNIT, UNIT[::-1].copy())),
    "bce weight": (lambda F, r, x, y, w: F.binary_cross_entropy(x, y.detach(), w.detach(), reduction=r), (UNIT, UNIT[::-1].copy(), WEIGHT)),
    "bce logits": (lambda F, r, x, y: F.binary_cross_entropy_with_logits(x, y, reduction=r), ((4, 3), UNIT)),
    "bce logits pos_weight": (
        lambda F, r, x, y, w: F.binary_cross_entropy_with_logits(x, y, reduction=r, pos_weight=w.detach()), ((4, 3), UNIT, WEIGHT)
    ),
    "bce logits large": (lambda F, r, x, y: F.binary_cross_entropy_with_logits(x * 100, y, reduction=r), ((4, 3), (UNIT > 0.5) * 1.0)),
    "kl_div": (lambda F, r, x, y: F.kl_div(x, y, reduction=r), ((4, 3), SOFT)),
    "kl_div log": (lambda F, r, x, y: F.kl_div(x, y, reduction=r, log_target=True), ((4, 3), (4, 3))),
    "poisson": (lambda F, r, x, y: F.poisson_nll_loss(x, y, reduction=r, full=True), ((4, 3), POSITIVE * 3)),
    "poisson rate": (lambda F, r, x, y: F.poisson_nll_loss(x, y, log_input=False, reduction=r), (POSITIVE, POSITIVE[::-1].copy())),
    "gaussian": (lambda F, r, x, y, v: F.gaussian_nll_loss(x, y, v, full=True, reduction=r), ((4, 3), (4, 3), POSITIVE)),
    "cosine_embedding": (
        lambda F, r, x, y, t: F.cosine_embedding_loss(x, y, t.detach(), margin=-0.5, reduction=r), ((4, 3), (4, 3), SIGNS)
    ),
    "margin_ranking": (lambda F, r, x, y, t: F.margin_ranking_loss(x, y, t.detach(), margin=0.3, reduction=r), ((4,), (4,), SIGNS)),
    "hinge_embedding": (lambda F, r, x, t: F.hinge_embedding_loss(x, t.detach(), reduction=r), ((4,), SIGNS)),
    "triplet": (lambda F, r, x, y, z: F.triplet_margin_loss(x, y, z, swap=True, reduction=r), ((4, 3), (4, 3), (4, 3))),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name: str, dtype: str) -> None:
    if (name, dtype) == ("hardsigmoid", "float64"):
        pytest.skip("torch multiplies its gradient by the float32 nearest 1/6")
    compare_functions(*FUNCTIONS[name], dtype)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", LOSSES)
def test_loss(name: str, reduction: str) -> None:
    call, specs = LOSSES[name]
    compare_functions(lambda F, *inputs: call(F, reduction, *inputs), specs, "float64")


def test_batchmean() -> None:
    compare_functions(lambda F, x, y: F.kl_div(x, y, reduction="batchmean"), ((4, 3), SOFT), "float64")


# Modules of functions print and behave as the functions

PRINTED: list[Make] = [
    lambda nn: nn.ReLU(), lambda nn: nn.ReLU(inplace=True), lambda nn: nn.ELU(0.5), lambda nn: nn.GELU(), lambda nn: nn.Softmax(dim=1),
    lambda nn: nn.LeakyReLU(0.2), lambda nn: nn.Softplus(), lambda nn: nn.Hardtanh(), lambda nn: nn.Softshrink(), lambda nn: nn.PReLU(),
    lambda nn: nn.Threshold(0.1, 20.0), lambda nn: nn.GLU(), lambda nn: nn.Tanh(), lambda nn: nn.SiLU(), lambda nn: nn.Dropout(0.3),
    lambda nn: nn.Linear(3, 4, bias=False), lambda nn: nn.Bilinear(2, 3, 4), lambda nn: nn.Flatten(), lambda nn: nn.Identity(),
    lambda nn: nn.Conv2d(2, 4, 3, stride=2, padding=1, dilation=2, groups=2, bias=False), lambda nn: nn.Conv1d(1, 2, 3),
    lambda nn: nn.MaxPool2d(2), lambda nn: nn.AvgPool2d(2, padding=1), lambda nn: nn.AdaptiveAvgPool2d((1, 2)),
    lambda nn: nn.BatchNorm2d(3), lambda nn: nn.BatchNorm1d(3, affine=False), lambda nn: nn.GroupNorm(2, 4, bias=False),
    lambda nn: nn.LayerNorm(4), lambda nn: nn.LayerNorm((2, 3), bias=False), lambda nn: nn.RMSNorm(3), lambda nn: nn.Embedding(5, 3, padding_idx=1),
    lambda nn: nn.LSTM(3, 4, num_layers=2, batch_first=True, dropout=0.5), lambda nn: nn.GRUCell(3, 4), lambda nn: nn.MSELoss(),
    lambda nn: nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.ReLU(), nn.Linear(4, 2))),
    lambda nn: nn.ModuleList([nn.Linear(3, 3) for _ in range(3)] + [nn.ReLU()]),
    lambda nn: nn.ModuleDict({"a": nn.Linear(2, 2), "b": nn.ModuleList()}),
    lambda nn: nn.Sequential(),
]  # fmt: skip


@pytest.mark.parametrize("make", PRINTED)
def test_repr(make: Make) -> None:
    assert repr(make(tj_nn)) == repr(make(torch.nn))


LOSS_MODULES: list[tuple[Make, tuple[Any, ...]]] = [
    (lambda nn: nn.CrossEntropyLoss(label_smoothing=0.1, ignore_index=1), ((4, 3), CLASSES)),
    (lambda nn: nn.NLLLoss(), ((4, 3), CLASSES)),
    (lambda nn: nn.MSELoss(reduction="sum"), ((4, 3), (4, 3))),
    (lambda nn: nn.L1Loss(), ((4, 3), (4, 3))),
    (lambda nn: nn.SmoothL1Loss(beta=0.5), ((4, 3), (4, 3))),
    (lambda nn: nn.HuberLoss(delta=0.5), ((4, 3), (4, 3))),
    (lambda nn: nn.BCEWithLogitsLoss(), ((4, 3), (4, 3))),
    (lambda nn: nn.KLDivLoss(reduction="batchmean"), ((4, 3), SOFT)),
    (lambda nn: nn.GaussianNLLLoss(), ((4, 3), (4, 3), POSITIVE)),
    (lambda nn: nn.PoissonNLLLoss(), ((4, 3), POSITIVE)),
    (lambda nn: nn.TripletMarginLoss(margin=2.0), ((4, 3), (4, 3), (4, 3))),
    (lambda nn: nn.MarginRankingLoss(0.2), ((4,), (4,), (4,))),
]


@pytest.mark.parametrize(("make", "specs"), LOSS_MODULES)
def test_loss_module(make: Make, specs: tuple[Any, ...]) -> None:
    compare_modules(make, specs, "float64")
