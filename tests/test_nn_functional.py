"""Laws of the functions that need no other library: gradients by finite differences, random drops, identities, small floats."""

from __future__ import annotations

import math
from typing import Any, Callable

import numpy as np
import pytest

import tracejit as tj
from tracejit import nn
from tracejit.errors import GradError, IndexingError
from tracejit.nn import functional as F

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((4, 3)), RNG.standard_normal((4, 3))
CLASSES = tj.asarray([2, 0, 1, 1])


def slope(function: Callable[[tj.Tensor], tj.Tensor], x: np.ndarray, direction: np.ndarray, step: float = 1e-6) -> float:
    """The derivative of the sum of squares of the results along a direction, by central differences."""
    ends = [(function(tj.asarray(x + s * step * direction)).detach().numpy() ** 2).sum() for s in (1, -1)]
    return (ends[0] - ends[1]) / (2 * step)


GRADIENTS: dict[str, tuple[Callable[[tj.Tensor], tj.Tensor], np.ndarray]] = {
    "linear": (lambda x: F.linear(x, tj.asarray(Y)), X),
    "layer_norm": (lambda x: F.layer_norm(x, (3,), tj.asarray(Y[0])), X),
    "rms_norm": (lambda x: F.rms_norm(x, (3,)) + x, X),
    "group_norm": (lambda x: F.group_norm(x.reshape((1, 4, 3)), 2) * x, X),
    "batch_norm": (lambda x: F.batch_norm(x, None, None, training=True) * x, X),
    "attention": (lambda x: F.scaled_dot_product_attention(x, x * 2, x, is_causal=True), X),
    "cross_entropy": (lambda x: F.cross_entropy(x, CLASSES, label_smoothing=0.1), X),
    "nll_loss": (lambda x: F.nll_loss(x, CLASSES, reduction="none"), X),
    "normalize": (lambda x: F.normalize(x) + x, X),
    "cosine_similarity": (lambda x: F.cosine_similarity(x, tj.asarray(Y)), X),
    "pad": (lambda x: F.pad(x, (2, 1), mode="reflect"), X),
    "glu": (lambda x: F.glu(x, dim=0), X),
    "dropped channels": (lambda x: _seeded(lambda: F.dropout2d(x.reshape((1, 4, 3, 1)), 0.5)), X),
    "bilinear": (lambda x: F.bilinear(x, x, tj.asarray(RNG.standard_normal((2, 3, 3)) * 0 + 0.5)), X),
}


def _seeded(draw: Callable[[], Any], seed: int = 5) -> Any:
    tj.manual_seed(seed)
    return draw()


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradient_is_the_slope(name: str) -> None:
    function, start = GRADIENTS[name]
    direction = np.random.default_rng(1).standard_normal(start.shape)
    x = tj.asarray(start.copy()).requires_grad_()
    (function(x) ** 2).sum().backward()
    assert (x.grad.numpy() * direction).sum() == pytest.approx(slope(function, start, direction), rel=1e-6)


# Drops


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_keeps_the_mean(p: float) -> None:
    x = tj.ones((200, 300), requires_grad=True)
    y = _seeded(lambda: F.dropout(x, p))
    values = y.detach().numpy()
    assert set(np.unique(values)) == {0.0, np.float32(1 / (1 - p))}
    assert abs((values == 0).mean() - p) < 0.01
    y.sum().backward()
    assert (x.grad.numpy() == values).all()
    assert (_seeded(lambda: F.dropout(x, p)).detach().numpy() == values).all()
    assert (F.dropout(x, p).detach().numpy() != values).any()


def test_dropout_off_and_on() -> None:
    x = tj.asarray(X)
    assert F.dropout(x, 0.5, training=False) is x and F.dropout(x, 0.0) is x and not F.dropout(x, 1.0).numpy().any()
    layer = nn.Dropout(0.5)
    assert (layer.eval()(x).numpy() == X).all() and (_seeded(lambda: layer.train()(x)).numpy() == 0).any()
    inside = tj.asarray(X.copy())
    assert F.dropout(inside, 0.5, inplace=True) is inside and (inside.numpy() == 0).any()


def test_dropout_of_channels() -> None:
    for function, shape in ((F.dropout1d, (50, 40, 3)), (F.dropout2d, (50, 40, 3, 2))):
        values = _seeded(lambda f=function, s=shape: f(tj.ones(s), 0.3)).numpy().reshape(2000, -1)
        assert (values == values[:, :1]).all() and abs((values[:, 0] == 0).mean() - 0.3) < 0.05


def test_alpha_dropout_keeps_mean_and_variance() -> None:
    x = tj.asarray(np.random.default_rng(2).standard_normal(100_000).astype("float32"))
    y = _seeded(lambda: F.alpha_dropout(x, 0.2, training=True)).numpy()
    assert abs(y.mean()) < 0.02 and abs(y.std() - 1) < 0.02


def test_gumbel_softmax() -> None:
    logits = tj.asarray(np.log([[0.2, 0.5, 0.3]] * 20_000).astype("float32")).requires_grad_()
    hard = _seeded(lambda: F.gumbel_softmax(logits, tau=0.5, hard=True))
    values = hard.detach().numpy()
    assert set(np.unique(values.round(5))) == {0.0, 1.0} and np.abs(values.mean(0) - [0.2, 0.5, 0.3]).max() < 0.015
    (hard * tj.asarray([1.0, 2.0, 3.0])).sum().backward()
    assert logits.grad.numpy().any()


# In place


@pytest.mark.parametrize("name", ["relu", "relu6", "leaky_relu", "elu", "celu", "selu", "silu", "mish", "hardswish", "hardtanh"])
def test_in_place_equals_out_of_place(name: str) -> None:
    function = getattr(F, name)
    results = []
    for inplace in (False, True):
        x = tj.asarray(X.copy()).requires_grad_()
        y = x * 2
        z = function(y, inplace=inplace)
        assert (z is y) == inplace
        z.square().sum().backward()
        results.append((z.detach().numpy(), x.grad.numpy()))
    assert all((a == b).all() for a, b in zip(*results))


# Losses


def test_cross_entropy_is_nll_of_log_softmax() -> None:
    x = tj.asarray(X)
    for options in ({}, {"reduction": "sum"}, {"reduction": "none"}, {"weight": tj.asarray([1.0, 2.0, 3.0])}, {"ignore_index": 1}):
        a, b = F.cross_entropy(x, CLASSES, **options), F.nll_loss(F.log_softmax(x, 1), CLASSES, **options)
        assert (a.numpy() == b.numpy()).all()


def test_second_derivatives_of_cross_entropy() -> None:
    """Of -log softmax(x)[t] the Hessian is diag(p) - p pᵀ."""
    x = tj.asarray(X[:1]).requires_grad_()
    (gradient,) = tj.autograd.grad(F.cross_entropy(x, tj.asarray([1])), [x], create_graph=True)
    rows = [tj.autograd.grad(gradient[0, i], [x], retain_graph=True)[0].numpy()[0] for i in range(3)]
    p = np.exp(X[0]) / np.exp(X[0]).sum()
    np.testing.assert_allclose(rows, np.diag(p) - np.outer(p, p), rtol=1e-10, atol=1e-14)


def test_scores_changed_before_backward() -> None:
    for change_classes in (False, True):
        x, y = tj.asarray(X.copy()).requires_grad_(), tj.asarray([0, 1, 2, 0])
        scores = x * 1
        loss = F.cross_entropy(scores, y)
        if change_classes:
            y += 0
        else:
            scores += 1
        with pytest.raises(GradError, match="changed in place"):
            loss.backward()
    loss = F.cross_entropy(x, y)
    loss.backward()
    with pytest.raises(GradError, match="retain_graph"):
        loss.backward()


def test_one_hot_probabilities_are_class_indices() -> None:
    x = tj.asarray(X)
    soft = F.one_hot(CLASSES, 3).astype(tj.float64)
    for options in ({}, {"label_smoothing": 0.3}, {"reduction": "none"}):
        np.testing.assert_allclose(F.cross_entropy(x, CLASSES, **options).numpy(), F.cross_entropy(x, soft, **options).numpy(), rtol=1e-12)


def test_many_classes_and_extreme_logits() -> None:
    logits = np.random.default_rng(3).standard_normal((4, 50_000)).astype("float32") * 1e3
    target = np.array([0, 49_999, 7, 123])
    x = tj.asarray(logits).requires_grad_()
    loss = F.cross_entropy(x, tj.asarray(target))
    loss.backward()
    wide = logits.astype("float64")
    exact = wide - wide.max(1, keepdims=True)
    exact = np.log(np.exp(exact).sum(1)) - exact[np.arange(4), target]
    assert loss.item() == pytest.approx(exact.mean(), rel=1e-6)
    np.testing.assert_allclose(x.grad.numpy().sum(1), 0, atol=1e-6)


def test_minus_infinity_is_a_class_that_cannot_be() -> None:
    logits = np.array([[0.0, -np.inf, 1.0]])
    x = tj.asarray(logits).requires_grad_()
    F.cross_entropy(x, tj.asarray([0])).backward()
    assert x.grad.numpy()[0, 1] == 0 and np.isfinite(x.grad.numpy()).all()


def test_targets_out_of_bounds() -> None:
    for wrong in (3, -1):
        with pytest.raises(IndexError, match=f"Target {wrong} is out of bounds"):
            F.cross_entropy(tj.asarray(X), tj.asarray([0, 1, wrong, 2]))
    with pytest.raises(IndexingError):
        F.nll_loss(tj.asarray(X), tj.asarray([0, 1, -100, 2]), ignore_index=-1)
    assert math.isnan(F.cross_entropy(tj.asarray(X), tj.asarray([-100] * 4)).item())


def test_binary_losses_at_the_ends() -> None:
    p = tj.asarray([0.0, 1.0, 0.0, 1.0]).requires_grad_()
    t = tj.asarray([0.0, 1.0, 1.0, 0.0])
    losses = F.binary_cross_entropy(p, t, reduction="none")
    assert losses.detach().numpy().tolist() == [0.0, 0.0, 100.0, 100.0]
    losses.sum().backward()
    assert np.isfinite(p.grad.numpy()).all()
    z = tj.asarray([-1e4, 1e4, -1e4, 1e4])
    assert F.binary_cross_entropy_with_logits(z, t, reduction="none").numpy().tolist() == [0.0, 0.0, 1e4, 1e4]


def test_unequal_shapes_warn() -> None:
    with pytest.warns(UserWarning, match="broadcast"):
        F.mse_loss(tj.ones((3, 1)), tj.ones(3))


def test_integers_have_no_gradient_path() -> None:
    x = tj.asarray(X).requires_grad_()
    assert not F.one_hot(CLASSES).requires_grad and F.cross_entropy(x, CLASSES).requires_grad
    with pytest.raises(GradError):
        F.cross_entropy(x, CLASSES).backward(retain_graph=False), F.one_hot(CLASSES).backward()


# Small floats


@pytest.mark.parametrize("dtype", [tj.float16, tj.bfloat16])
@pytest.mark.parametrize(
    "function",
    [
        lambda x: F.layer_norm(x, (64,)),
        lambda x: F.rms_norm(x, (64,), eps=1e-6),
        lambda x: F.group_norm(x, 4),
        lambda x: F.batch_norm(x, None, None, training=True),
        lambda x: F.cross_entropy(x, tj.arange(32)),
        lambda x: F.scaled_dot_product_attention(x, x, x),
    ],
)
def test_small_floats_are_computed_in_float32(dtype: Any, function: Callable[[tj.Tensor], tj.Tensor]) -> None:
    values = (np.random.default_rng(4).standard_normal((32, 64)) * 30).astype(dtype)
    x = tj.asarray(values).requires_grad_()
    small, wide = function(x), function(tj.asarray(values.astype("float32")))
    assert small.dtype == dtype and wide.dtype == tj.float32
    spacing = 2.0**-10 if dtype == tj.float16 else 2.0**-7
    np.testing.assert_allclose(small.detach().numpy().astype("float32"), wide.numpy(), rtol=spacing, atol=4 * spacing)
    small.sum().backward()
    assert x.grad.dtype == dtype and np.isfinite(x.grad.numpy().astype("float32")).all()


# Buffers


def test_running_statistics_are_written_in_place() -> None:
    layer = nn.BatchNorm1d(3)
    mean, count = layer.running_mean.numpy(), layer.num_batches_tracked.numpy()
    for _ in range(3):
        layer(tj.asarray(X.astype("float32")))
    expected = X.mean(0) * (1 - 0.9**3)
    np.testing.assert_allclose(mean, expected, rtol=1e-5)
    np.testing.assert_allclose(layer.running_var.numpy(), X.var(0, ddof=1) * (1 - 0.9**3) + 0.9**3, rtol=1e-5)
    assert count == 3
    layer.eval()(tj.asarray(X.astype("float32")))
    assert count == 3 and layer.running_mean.numpy() is not None and np.shares_memory(mean, layer.running_mean.numpy())


def test_embedding_rows_are_limited_in_place() -> None:
    layer = nn.Embedding(6, 8, max_norm=1.0)
    before = layer.weight.detach().numpy().copy()
    layer(tj.asarray([1, 1, 4]))
    norms = np.linalg.norm(layer.weight.detach().numpy(), axis=1)
    assert (norms[[1, 4]] <= 1).all() and (layer.weight.detach().numpy()[[0, 2, 3, 5]] == before[[0, 2, 3, 5]]).all()


# Gradients clipped, parameters as a vector


@pytest.mark.parametrize("order", [1.0, 2.0, 3.0, math.inf])
def test_clip_grad_norm(order: float) -> None:
    parameters = [nn.Parameter(tj.asarray(X.copy())), nn.Parameter(tj.asarray(Y[0].copy())), nn.Parameter(tj.ones(2))]
    ((parameters[0] ** 2).sum() + (parameters[1] ** 3).sum()).backward()
    gradients = [p.grad.numpy().copy() for p in parameters[:2]]
    whole = np.concatenate([g.ravel() for g in gradients])
    norm = np.linalg.norm(whole, order)
    held = parameters[0].grad
    total = nn.utils.clip_grad_norm_(parameters, 1.0, norm_type=order)
    assert total.item() == pytest.approx(norm) and parameters[0].grad is held
    after = np.concatenate([p.grad.numpy().ravel() for p in parameters[:2]])
    np.testing.assert_allclose(after, whole / norm, rtol=1e-5)
    nn.utils.clip_grad_norm_(parameters, 100.0)
    np.testing.assert_allclose(np.concatenate([p.grad.numpy().ravel() for p in parameters[:2]]), after)
    nn.utils.clip_grad_value_(parameters, 0.1)
    np.testing.assert_allclose(parameters[0].grad.numpy().ravel(), after[:12].clip(-0.1, 0.1))
    parameters[0].grad *= math.nan
    with pytest.raises(RuntimeError, match="total norm"):
        nn.utils.clip_grad_norm_(parameters, 1.0, error_if_nonfinite=True)


def test_parameters_as_a_vector() -> None:
    layer, other = nn.Linear(3, 2), nn.Linear(3, 2)
    vector = nn.utils.parameters_to_vector(layer.parameters())
    assert vector.shape == (8,) and vector.requires_grad
    nn.utils.vector_to_parameters(vector, other.parameters())
    assert (other.weight.detach().numpy() == layer.weight.detach().numpy()).all() and other.weight.is_leaf
    with pytest.raises(ValueError):
        nn.utils.vector_to_parameters(tj.ones(9), other.parameters())


# Recurrent layers

SMALL: dict[str, Any] = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}


@pytest.mark.parametrize("name", SMALL)
def test_a_sequence_is_its_parts(name: str) -> None:
    """Running over a sequence equals running over its two halves, the state handed on."""
    layer = SMALL[name](3, 4, num_layers=2).double()
    x = tj.asarray(np.random.default_rng(6).standard_normal((6, 2, 3)))
    whole, end = layer(x)
    first, state = layer(x[:3])
    second, final = layer(x[3:], state)
    np.testing.assert_allclose(whole.detach().numpy(), np.concatenate([first.detach().numpy(), second.detach().numpy()]), rtol=1e-12)
    for a, b in zip(end if isinstance(end, tuple) else (end,), final if isinstance(final, tuple) else (final,)):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-12)


def test_dropout_between_layers_only_in_training() -> None:
    layer = nn.GRU(3, 4, num_layers=2, dropout=0.5)
    x = tj.asarray(X.astype("float32").reshape(2, 2, 3))
    draws = [_seeded(lambda: layer(x)[0], seed).detach().numpy() for seed in (1, 1, 2)]
    assert (draws[0] == draws[1]).all() and (draws[0] != draws[2]).any()
    layer.eval()
    assert (layer(x)[0].detach().numpy() == layer(x)[0].detach().numpy()).all()


def test_second_derivatives_pass_through_recurrent_layers() -> None:
    layer = nn.LSTM(2, 3).double()
    x = tj.asarray(np.random.default_rng(7).standard_normal((3, 1, 2))).requires_grad_()
    (first,) = tj.autograd.grad(layer(x)[0].square().sum(), [x], create_graph=True)
    first.square().sum().backward()

    def squared_gradient(values: np.ndarray) -> float:
        y = tj.asarray(values).requires_grad_()
        (g,) = tj.autograd.grad(layer(y)[0].square().sum(), [y])
        return float((g.numpy() ** 2).sum())

    direction, start = np.random.default_rng(8).standard_normal((3, 1, 2)), x.detach().numpy()
    numeric = (squared_gradient(start + 1e-6 * direction) - squared_gradient(start - 1e-6 * direction)) / 2e-6
    assert (x.grad.numpy() * direction).sum() == pytest.approx(numeric, rel=1e-5)
