"""The same code on `tracejit.nn` and on `torch.nn`, with the same parameters: equal outputs, gradients and buffers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from torch_twins import Make, compare_modules, tj_nn, torch, torch_F, twins

import tracejit as tj
import tracejit.nn.functional as tj_F

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
