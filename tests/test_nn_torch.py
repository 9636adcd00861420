"""The same code on `tracejit.nn` and on `torch.nn`, with the same parameters: equal outputs, gradients and buffers."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np
import pytest

import tracejit as tj
import tracejit.nn.functional as tj_F
from tracejit import nn as tj_nn

torch = pytest.importorskip("torch")
torch_F = torch.nn.functional

TOLERANCE = {"float64": 1e-10, "float32": 2e-4}
Make = Callable[[Any], Any]


def close(ours: Any, theirs: Any, dtype: str, what: str) -> None:
    """Equal shapes, and values within the tolerance of the dtype, relative to the largest."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape, what
    assert ours.dtype == theirs.dtype, what
    limit = TOLERANCE[dtype] * max(1.0, float(np.abs(theirs[np.isfinite(theirs)]).max(initial=0)))
    np.testing.assert_allclose(ours, theirs, rtol=TOLERANCE[dtype], atol=limit, err_msg=what)


def arrays_of(specs: tuple[Any, ...], dtype: str, seed: int = 0) -> list[Any]:
    """Floats for a shape; an array, or None, as it is (floats in the dtype)."""
    rng = np.random.default_rng(seed)
    made = []
    for spec in specs:
        if isinstance(spec, np.ndarray):
            made.append(spec.astype(dtype) if spec.dtype.kind == "f" else spec)
        else:
            made.append(spec if spec is None else rng.standard_normal(spec).astype(dtype))
    return made


def ours_of(array: Any, requires_grad: bool = True) -> Any:
    if array is None:
        return None
    return tj.asarray(array.copy()).requires_grad_(requires_grad and array.dtype.kind == "f")


def theirs_of(array: Any, requires_grad: bool = True) -> Any:
    if array is None:
        return None
    return torch.from_numpy(array.copy()).requires_grad_(requires_grad and array.dtype.kind == "f")


def flat(result: Any) -> list[Any]:
    """The tensors of nested tuples."""
    if isinstance(result, (tuple, list)):
        return [t for part in result for t in flat(part)]
    return [] if result is None else [result]


def compare_results(ours: Any, theirs: Any, dtype: str) -> None:
    """Equal outputs; then a backward pass from all of them, with equal random cotangents."""
    rng = np.random.default_rng(1)
    ours, theirs = flat(ours), flat(theirs)
    assert len(ours) == len(theirs)
    totals: list[Any] = [0, 0]
    for i, (a, b) in enumerate(zip(ours, theirs)):
        close(a.detach().numpy(), b.detach().numpy(), dtype, f"output {i}")
        assert a.requires_grad == b.requires_grad
        if b.requires_grad:
            cotangent = rng.standard_normal(b.shape).astype(dtype)
            totals[0] = totals[0] + (a * tj.asarray(cotangent)).sum()
            totals[1] = totals[1] + (b * torch.from_numpy(cotangent)).sum()
    if not isinstance(totals[1], int):
        totals[0].backward()
        totals[1].backward()


def compare_gradients(ours: Any, theirs: Any, dtype: str, what: str) -> None:
    if theirs.grad is None:
        assert ours.grad is None or not ours.grad.numpy().any(), what
    else:
        close(ours.grad.numpy(), theirs.grad.numpy(), dtype, f"gradient of {what}")


def twins(make: Make, dtype: str) -> tuple[Any, Any]:
    """The module of each library, with equal parameters and buffers."""
    torch.manual_seed(0)
    theirs = make(torch.nn).to(getattr(torch, dtype))
    ours = make(tj_nn).to(getattr(tj, dtype))
    with torch.no_grad():
        for parameter in theirs.parameters():
            if not parameter.any():
                parameter.normal_()  # so that a bias of zeros is not overlooked
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    return ours, theirs


def compare_modules(make: Make, specs: tuple[Any, ...], dtype: str, call: Callable | None = None, training: bool = True) -> None:
    call = call or (lambda module, *inputs: module(*inputs))
    ours, theirs = twins(make, dtype)
    ours.train(training), theirs.train(training)
    arrays = arrays_of(specs, dtype)
    our_inputs, their_inputs = [ours_of(a) for a in arrays], [theirs_of(a) for a in arrays]
    compare_results(call(ours, *our_inputs), call(theirs, *their_inputs), dtype)
    for i, (a, b) in enumerate(zip(our_inputs, their_inputs)):
        if b is not None and b.requires_grad:
            compare_gradients(a, b, dtype, f"input {i}")
    for (name, a), (other, b) in zip(ours.named_parameters(), theirs.named_parameters()):
        assert name == other
        compare_gradients(a, b, dtype, name)
    for (name, a), (other, b) in zip(ours.named_buffers(), theirs.named_buffers()):
        assert name == other
        if a.dtype.kind == "f":
            close(a.numpy(), b.numpy(), dtype, name)
        else:
            assert (a.numpy() == b.numpy()).all()


WORDS = np.array([[1, 4, 0], [3, 3, 2]])
PADDING = np.array([[False, False, False, True], [False, True, False, False], [False, False, False, False]])

MODULES: dict[str, tuple[Make, tuple[Any, ...]]] = {
    "linear": (lambda nn: nn.Linear(5, 3), ((4, 5),)),
    "linear 3-d, no bias": (lambda nn: nn.Linear(5, 3, bias=False), ((2, 4, 5),)),
    "linear 1-d": (lambda nn: nn.Linear(5, 3), ((5,),)),
    "bilinear": (lambda nn: nn.Bilinear(3, 4, 5), ((2, 6, 3), (2, 6, 4))),
    "flatten": (lambda nn: nn.Flatten(), ((2, 3, 4),)),
    "unflatten": (lambda nn: nn.Unflatten(1, (2, 3)), ((4, 6),)),
    "sequential": (lambda nn: nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Identity(), nn.Linear(6, 2)), ((3, 4),)),
    "conv1d": (lambda nn: nn.Conv1d(3, 4, 3, stride=2, padding=1), ((2, 3, 9),)),
    "conv1d causal groups": (lambda nn: nn.Conv1d(4, 6, 2, dilation=2, groups=2, bias=False), ((2, 4, 8),)),
    "conv2d": (lambda nn: nn.Conv2d(2, 4, 3), ((2, 2, 6, 5),)),
    "conv2d all": (lambda nn: nn.Conv2d(4, 4, (3, 2), stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2), ((2, 4, 7, 6),)),
    "conv2d same": (lambda nn: nn.Conv2d(2, 3, 4, padding="same"), ((2, 2, 5, 6),)),
    "conv2d reflect": (lambda nn: nn.Conv2d(2, 3, 3, padding=1, padding_mode="reflect"), ((2, 2, 5, 4),)),
    "conv2d circular same": (lambda nn: nn.Conv2d(2, 3, 3, padding="same", padding_mode="circular"), ((2, 2, 5, 4),)),
    "conv2d replicate": (lambda nn: nn.Conv2d(2, 3, 3, padding=(2, 1), padding_mode="replicate"), ((2, 2, 5, 4),)),
    "conv transpose1d": (lambda nn: nn.ConvTranspose1d(3, 4, 3, stride=2, padding=1, output_padding=1), ((2, 3, 5),)),
    "conv transpose2d": (lambda nn: nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2), ((2, 4, 3, 4),)),
    "max pool1d": (lambda nn: nn.MaxPool1d(3, 2, 1), ((2, 3, 9),)),
    "max pool2d": (lambda nn: nn.MaxPool2d(2), ((2, 3, 6, 4),)),
    "max pool2d overlapping": (lambda nn: nn.MaxPool2d(3, stride=1, padding=1), ((2, 3, 5, 4),)),
    "avg pool1d": (lambda nn: nn.AvgPool1d(2), ((2, 3, 8),)),
    "avg pool2d": (lambda nn: nn.AvgPool2d(3, 2, 1, count_include_pad=False), ((2, 3, 7, 6),)),
    "adaptive avg pool1d": (lambda nn: nn.AdaptiveAvgPool1d(3), ((2, 3, 8),)),
    "adaptive avg pool2d": (lambda nn: nn.AdaptiveAvgPool2d((1, 1)), ((2, 3, 5, 4),)),
    "adaptive avg pool2d uneven": (lambda nn: nn.AdaptiveAvgPool2d((2, 3)), ((2, 3, 5, 4),)),
    "batch norm 2-d": (lambda nn: nn.BatchNorm1d(4), ((6, 4),)),
    "batch norm 3-d": (lambda nn: nn.BatchNorm1d(4, eps=1e-3, momentum=0.3), ((3, 4, 5),)),
    "batch norm 4-d": (lambda nn: nn.BatchNorm2d(3), ((2, 3, 4, 5),)),
    "batch norm averaging": (lambda nn: nn.BatchNorm2d(3, momentum=None), ((2, 3, 4, 5),)),
    "batch norm plain": (lambda nn: nn.BatchNorm1d(4, affine=False, track_running_stats=False), ((6, 4),)),
    "layer norm": (lambda nn: nn.LayerNorm(6), ((2, 3, 6),)),
    "layer norm 2 axes": (lambda nn: nn.LayerNorm((3, 6), eps=1e-3, bias=False), ((2, 3, 6),)),
    "layer norm plain": (lambda nn: nn.LayerNorm(6, elementwise_affine=False), ((4, 6),)),
    "group norm": (lambda nn: nn.GroupNorm(2, 6), ((2, 6, 4),)),
    "group norm 2-d": (lambda nn: nn.GroupNorm(3, 6, affine=False), ((5, 6),)),
    "rms norm": (lambda nn: nn.RMSNorm(6), ((4, 6),)),
    "rms norm eps": (lambda nn: nn.RMSNorm((3, 6), eps=0.1, elementwise_affine=False), ((2, 3, 6),)),
    "embedding": (lambda nn: nn.Embedding(6, 4), (WORDS,)),
    "embedding padding": (lambda nn: nn.Embedding(6, 4, padding_idx=3), (WORDS,)),
    "embedding max norm": (lambda nn: nn.Embedding(6, 4, max_norm=1.0), (np.array([1, 4, 0]),)),
    "prelu": (lambda nn: nn.PReLU(3), ((2, 3, 4),)),
    "lstm": (lambda nn: nn.LSTM(3, 4), ((5, 2, 3),)),
    "lstm deep": (lambda nn: nn.LSTM(3, 4, num_layers=2, bidirectional=True, batch_first=True), ((2, 5, 3),)),
    "lstm projected": (lambda nn: nn.LSTM(3, 5, num_layers=2, proj_size=2, bias=False), ((4, 2, 3),)),
    "lstm unbatched": (lambda nn: nn.LSTM(3, 4, bidirectional=True), ((5, 3),)),
    "gru": (lambda nn: nn.GRU(3, 4, 2, bias=False), ((5, 2, 3),)),
    "gru both ways": (lambda nn: nn.GRU(3, 4, bidirectional=True, batch_first=True), ((2, 5, 3),)),
    "rnn": (lambda nn: nn.RNN(3, 4, 2, bidirectional=True), ((5, 2, 3),)),
    "rnn relu": (lambda nn: nn.RNN(3, 4, nonlinearity="relu"), ((5, 2, 3),)),
    "lstm cell": (lambda nn: nn.LSTMCell(3, 4), ((2, 3),)),
    "gru cell": (lambda nn: nn.GRUCell(3, 4), ((2, 3),)),
    "encoder layer": (lambda nn: nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0), ((4, 3, 8),)),
    "encoder layer, norm first": (
        lambda nn: nn.TransformerEncoderLayer(8, 4, 16, dropout=0.0, activation="gelu", batch_first=True, norm_first=True), ((3, 4, 8),)
    ),
    "encoder": (
        lambda nn: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True), 2, nn.LayerNorm(8)), ((3, 4, 8),)
    ),
    "decoder layer": (lambda nn: nn.TransformerDecoderLayer(8, 2, 16, dropout=0.0), ((4, 3, 8), (5, 3, 8))),
    "decoder, norm first": (
        lambda nn: nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16, dropout=0.0, norm_first=True), 2), ((4, 3, 8), (5, 3, 8))
    ),
    "transformer": (lambda nn: nn.Transformer(8, 2, 1, 1, 16, dropout=0.0, batch_first=True), ((3, 4, 8), (3, 5, 8))),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", MODULES)
def test_module(name: str, dtype: str) -> None:
    make, specs = MODULES[name]
    compare_modules(make, specs, dtype)


@pytest.mark.parametrize("name", ["batch norm 2-d", "batch norm 4-d", "batch norm plain", "encoder layer", "lstm deep"])
def test_module_in_eval(name: str) -> None:
    make, specs = MODULES[name]
    compare_modules(make, specs, "float64", training=False)


LAYERS = {name: (make, specs) for name, (make, specs) in MODULES.items() if name.split()[0] in ("lstm", "gru", "rnn")}


@pytest.mark.parametrize("name", [n for n in LAYERS if "cell" not in n and "unbatched" not in n and "projected" not in n])
def test_recurrent_with_an_initial_state(name: str) -> None:
    make, specs = LAYERS[name]
    layers = make(tj_nn).num_layers * make(tj_nn)._directions
    tensors = 2 if name.startswith("lstm") else 1
    states = ((layers, 2, 4),) * tensors
    call = (lambda m, x, h, c: m(x, (h, c))) if tensors == 2 else (lambda m, x, h: m(x, h))
    compare_modules(make, (*specs, *states), "float64", call)


# Attention

FLOAT_MASK = np.random.default_rng(3).standard_normal((5, 4))
BOOL_MASK = np.triu(np.ones((5, 4), bool), 2)
ATTENTION: dict[str, tuple[dict[str, Any], tuple[Any, ...], dict[str, Any]]] = {
    "plain": ({}, (None, None), {}),
    "no weights": ({"bias": False}, (None, None), {"need_weights": False}),
    "each head's weights": ({}, (None, None), {"average_attn_weights": False}),
    "bool mask": ({}, (BOOL_MASK, None), {}),
    "float mask": ({}, (FLOAT_MASK, None), {}),
    "mask per head": ({}, (np.random.default_rng(4).standard_normal((6, 5, 4)), None), {}),
    "padding": ({}, (None, PADDING), {}),
    "both": ({}, (BOOL_MASK, PADDING), {}),
    "float and padding": ({}, (FLOAT_MASK, PADDING), {}),
    "learned and zero keys": ({"add_bias_kv": True, "add_zero_attn": True}, (BOOL_MASK, PADDING), {}),
    "own widths": ({"kdim": 8, "vdim": 8}, (None, None), {}),
}


@pytest.mark.filterwarnings("ignore:Support for mismatched")
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("name", ATTENTION)
def test_attention(name: str, batch_first: bool) -> None:
    options, masks, how = ATTENTION[name]
    keys = options.get("kdim", 6)

    def make(nn: Any) -> Any:
        return nn.MultiheadAttention(6, 2, batch_first=batch_first, **options)

    def call(module: Any, q: Any, k: Any, v: Any, mask: Any, padding: Any) -> Any:
        mask = mask if mask is None else mask.detach()
        return module(q, k, v, attn_mask=mask, key_padding_mask=padding, **how)

    shapes = ((3, 5, 6), (3, 4, keys), (3, 4, keys)) if batch_first else ((5, 3, 6), (4, 3, keys), (4, 3, keys))
    compare_modules(make, (*shapes, *masks), "float64", call)


def test_self_attention_and_unbatched() -> None:
    compare_modules(lambda nn: nn.MultiheadAttention(6, 3), ((4, 2, 6),), "float64", lambda m, x: m(x, x, x))
    compare_modules(lambda nn: nn.MultiheadAttention(6, 3), ((4, 6),), "float64", lambda m, x: m(x, x, x))


def test_encoder_with_masks() -> None:
    mask = np.triu(np.ones((4, 4), bool), 1)

    def call(module: Any, x: Any, attn: Any, padding: Any) -> Any:
        return module(x, src_mask=attn, src_key_padding_mask=padding)

    make = MODULES["encoder layer"][0]
    compare_modules(make, ((4, 3, 8), mask, PADDING), "float64", call)


def test_square_subsequent_mask() -> None:
    ours, theirs = (nn.Transformer.generate_square_subsequent_mask(4) for nn in (tj_nn, torch.nn))
    assert (ours.numpy() == theirs.numpy()).all()


# Functions

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


def compare_functions(call: Callable[..., Any], specs: tuple[Any, ...], dtype: str) -> None:
    arrays = arrays_of(specs, dtype, seed=2)
    our_inputs, their_inputs = [ours_of(a) for a in arrays], [theirs_of(a) for a in arrays]
    compare_results(call(tj_F, *our_inputs), call(torch_F, *their_inputs), dtype)
    for i, (a, b) in enumerate(zip(our_inputs, their_inputs)):
        if b.requires_grad:
            compare_gradients(a, b, dtype, f"input {i}")


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


# Training


def train(nn: Any, F: Any, optim: Any, model: Any, x: Any, y: Any) -> list[float]:
    optimiser = optim.Adam(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(20):
        optimiser.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        losses.append(loss.item())
    return losses


MODELS: dict[str, Make] = {
    "perceptron": lambda nn: nn.Sequential(nn.Linear(100, 128), nn.ReLU(), nn.Linear(128, 10)),
    "with batch norm": lambda nn: nn.Sequential(nn.Linear(100, 64), nn.BatchNorm1d(64), nn.GELU(), nn.Linear(64, 10)),
}


@pytest.mark.parametrize("name", MODELS)
def test_twenty_steps(name: str) -> None:
    ours, theirs = twins(MODELS[name], "float32")
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((32, 100)).astype("float32"), rng.integers(0, 10, 32)
    our_losses = train(tj_nn, tj_F, tj.optim, ours, tj.asarray(x), tj.asarray(y))
    their_losses = train(torch.nn, torch_F, torch.optim, theirs, torch.from_numpy(x), torch.from_numpy(y))
    np.testing.assert_allclose(our_losses, their_losses, atol=1e-5)
    assert our_losses[-1] < our_losses[0]


def test_state_dict_goes_over_and_back(tmp_path: Any) -> None:
    numpy_files = pytest.importorskip("safetensors.torch")
    ours, theirs = twins(MODULES["lstm deep"][0], "float32")
    tj_nn.save_file(ours.state_dict(), tmp_path / "ours.safetensors")
    back = numpy_files.load_file(tmp_path / "ours.safetensors")
    theirs.load_state_dict(back)
    numpy_files.save_file(theirs.state_dict(), tmp_path / "theirs.safetensors")
    ours.load_state_dict(tj_nn.load_file(tmp_path / "theirs.safetensors"))
