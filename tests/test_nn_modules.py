"""Modules: what they hold and under which names, what they print, their hooks, their state, and the errors that teach."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import tracejit as tj
from tracejit import nn
from tracejit.errors import ArgumentError, DTypeError, DeviceError, IndexingError, StateError
from tracejit.nn import functional as F


class Net(nn.Module):
    """Parameters, buffers and modules of every kind."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 4)
        self.scale = nn.Parameter(tj.ones(4))
        self.register_buffer("shift", tj.zeros(4))
        self.register_buffer("scratch", tj.zeros(2), persistent=False)
        self.register_parameter("absent", None)
        self.plain = tj.ones(3)
        self.inner = nn.Sequential(nn.ReLU(), nn.BatchNorm1d(4))

    def forward(self, x: tj.Tensor) -> tj.Tensor:
        return self.inner(self.fc(x) * self.scale + self.shift)


def data(*shape: int, seed: int = 0) -> tj.Tensor:
    return tj.asarray(np.random.default_rng(seed).standard_normal(shape).astype("float32"))


# What a module holds


def test_names() -> None:
    net = Net()
    parameters = ["scale", "fc.weight", "fc.bias", "inner.1.weight", "inner.1.bias"]
    buffers = ["shift", "scratch", "inner.1.running_mean", "inner.1.running_var", "inner.1.num_batches_tracked"]
    assert [n for n, _ in net.named_parameters()] == parameters
    assert [n for n, _ in net.named_buffers()] == buffers
    assert [n for n, _ in net.named_parameters(prefix="net", recurse=False)] == ["net.scale"]
    assert [n for n, _ in net.named_modules()] == ["", "fc", "inner", "inner.0", "inner.1"]
    assert [n for n, _ in net.named_children()] == ["fc", "inner"]
    assert len(list(net.parameters())) == 5 and len(list(net.buffers())) == 5 and len(list(net.modules())) == 5
    assert list(net.state_dict()) == ["scale", "shift", "fc.weight", "fc.bias"] + [f"inner.1.{n}" for n in (
        "weight", "bias", "running_mean", "running_var", "num_batches_tracked")]  # fmt: skip
    assert list(net.state_dict(prefix="m."))[0] == "m.scale"


def test_everything_is_in_the_instance_dict() -> None:
    net = Net()
    for name in ("fc", "scale", "shift", "scratch", "absent", "plain", "inner", "training"):
        assert net.__dict__[name] is getattr(net, name)
    assert net.__dict__["_buffer_names"] == {"shift": True, "scratch": False}


def test_getters() -> None:
    net = Net()
    assert net.get_submodule("inner.1") is net.inner[1] and net.get_submodule("") is net
    assert net.get_parameter("fc.bias") is net.fc.bias and net.get_buffer("inner.1.running_var") is net.inner[1].running_var
    for wrong in (lambda: net.get_submodule("fc.2"), lambda: net.get_parameter("shift"), lambda: net.get_buffer("scale")):
        with pytest.raises(ArgumentError):
            wrong()


def test_shared_parameters_are_counted_once_and_saved_under_each_name() -> None:
    tied = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
    tied[1].weight = tied[0].weight
    assert [n for n, _ in tied.named_parameters()] == ["0.weight"]
    assert [n for n, _ in tied.named_parameters(remove_duplicate=False)] == ["0.weight", "1.weight"]
    assert list(tied.state_dict()) == ["0.weight", "1.weight"]
    twice = nn.Sequential(tied, tied)
    assert len(list(twice.parameters())) == 1 and [n for n, _ in twice.named_children()] == ["0"]
    assert list(twice.state_dict()) == ["0.0.weight", "0.1.weight", "1.0.weight", "1.1.weight"]


def test_assignment_rules() -> None:
    net = Net()
    with pytest.raises(TypeError, match="cannot assign 'Tensor' as parameter 'scale'"):
        net.scale = tj.ones(4)
    with pytest.raises(TypeError, match="cannot assign 'int' object to buffer 'shift'"):
        net.shift = 3
    net.scale = None
    net.shift = tj.ones(4)
    assert "shift" in dict(net.named_buffers()) and "scale" not in dict(net.named_parameters())
    net.scale = nn.Parameter(tj.zeros(4))
    assert "scale" in dict(net.named_parameters())
    net.shift = nn.Parameter(tj.zeros(4))
    assert "shift" in dict(net.named_parameters()) and "shift" not in dict(net.named_buffers())
    del net.scratch
    assert "scratch" not in dict(net.named_buffers()) and not hasattr(net, "scratch")
    for name, wrong in (("a.b", None), ("", None), ("forward", None)):
        with pytest.raises(ArgumentError):
            net.register_parameter(name, wrong)
        with pytest.raises(ArgumentError):
            net.register_buffer(name, wrong)
        with pytest.raises(ArgumentError):
            net.add_module(name, wrong)
    for register, wrong_value in ((net.register_parameter, tj.ones(1)), (net.register_buffer, 1), (net.add_module, tj.ones(1))):
        with pytest.raises(ArgumentError):
            register("fresh", wrong_value)


def test_setting_before_init_is_an_error() -> None:
    class Wrong(nn.Module):
        def __init__(self) -> None:
            self.fc = nn.Linear(1, 1)

    with pytest.raises(ArgumentError, match="super"):
        Wrong()


def test_a_module_without_forward() -> None:
    with pytest.raises(NotImplementedError, match="forward"):
        nn.Module()(1)


def test_parameter() -> None:
    source = tj.zeros(3)
    parameter = nn.Parameter(source)
    assert isinstance(parameter, tj.Tensor) and parameter.requires_grad and parameter.is_leaf
    assert not nn.Parameter(tj.ones(2), requires_grad=False).requires_grad
    source += 1
    assert (parameter.detach().numpy() == 1).all()
    with tj.no_grad():
        parameter *= 3
    assert isinstance(parameter, nn.Parameter) and (source.numpy() == 3).all()
    history = (nn.Parameter(tj.ones(2)) * 2)
    assert nn.Parameter(history).is_leaf
    assert repr(parameter).startswith("Parameter containing:\ntensor(")
    assert not isinstance(parameter + 1, nn.Parameter)


# Changing all of a model


def test_train_apply_and_requires_grad() -> None:
    net, seen = Net(), []
    assert net.eval() is net and not any(m.training for m in net.modules())
    net.train()
    assert all(m.training for m in net.modules())
    net.apply(lambda m: seen.append(type(m).__name__))
    assert seen == ["Linear", "ReLU", "BatchNorm1d", "Sequential", "Net"]
    net.requires_grad_(False)
    assert not any(p.requires_grad for p in net.parameters())


def test_zero_grad() -> None:
    layer = nn.Linear(2, 2)
    layer(data(3, 2)).sum().backward()
    before = layer.weight.grad
    layer.zero_grad(set_to_none=False)
    assert layer.weight.grad is before and not before.numpy().any()
    layer.zero_grad()
    assert layer.weight.grad is None and layer.bias.grad is None


def test_casts_keep_the_parameter_objects() -> None:
    net = Net()
    net(data(5, 3)).sum().backward()
    held, values = list(net.parameters()), [p.detach().numpy().copy() for p in net.parameters()]
    assert net.double() is net
    assert all(a is b for a, b in zip(held, net.parameters()))
    assert {p.dtype for p in held} == {p.grad.dtype for p in held} == {tj.float64}
    assert all((v == p.detach().numpy()).all() for v, p in zip(values, held))
    assert net.inner[1].num_batches_tracked.dtype == tj.int64 and net.inner[1].running_mean.dtype == tj.float64
    assert net(data(5, 3).astype(tj.float64)).dtype == tj.float64
    for cast, dtype in ((net.half, tj.float16), (net.bfloat16, tj.bfloat16), (net.float, tj.float32)):
        cast()
        assert held[0].dtype == dtype
    assert net.to("cpu").to(tj.float64).to(data(1)).to("cpu", tj.float64).to(dtype=tj.float32).cpu() is net
    assert held[0].dtype == tj.float32
    with pytest.raises(ArgumentError):
        net.to(tj.int32)
    for elsewhere in (lambda: net.to("cuda:7"), lambda: nn.Linear(1, 1, device="cuda:7"), lambda: net.to("tpu")):
        with pytest.raises((DeviceError, ArgumentError, DTypeError)):
            elsewhere()
    assert nn.Linear(2, 2, dtype=tj.float64).weight.dtype == tj.float64


def test_copies_and_pickles() -> None:
    net = Net()
    net(data(5, 3))
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert list(other.state_dict()) == list(net.state_dict())
        for (name, a), b in zip(other.state_dict().items(), net.state_dict().values()):
            assert (a.numpy() == b.numpy()).all() and not np.shares_memory(a.numpy(), b.numpy()), name
        assert isinstance(other.scale, nn.Parameter) and other.scale.requires_grad
    tied = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    tied[1].weight = tied[0].weight
    copied = copy.deepcopy(tied)
    assert copied[0].weight is copied[1].weight


# State


def test_state_dict_shares_memory_and_is_detached() -> None:
    layer = nn.Linear(2, 2)
    state = layer.state_dict()
    assert not state["weight"].requires_grad
    state["weight"][0, 0] = 7
    assert layer.weight[0, 0].item() == 7
    assert layer.state_dict(keep_vars=True)["weight"] is layer.weight


def test_load_state_dict_writes_in_place() -> None:
    source, target = nn.Linear(2, 3), nn.Linear(2, 3)
    weight, memory = target.weight, target.weight.detach().numpy()
    keys = target.load_state_dict(source.state_dict())
    assert str(keys) == "<All keys matched successfully>"
    assert target.weight is weight and (memory == source.weight.detach().numpy()).all()
    target.load_state_dict({k: v.numpy().astype("float64") for k, v in source.state_dict().items()})
    assert target.weight.dtype == tj.float32
    target.load_state_dict(source.state_dict(), assign=True)
    assert target.weight is not weight and isinstance(target.weight, nn.Parameter)


def test_load_state_dict_says_what_does_not_fit() -> None:
    layer = nn.Linear(2, 3)
    before = layer.bias.detach().numpy().copy()
    wrong = {"weight": tj.ones((3, 3)), "foo": tj.ones(1)}
    with pytest.raises(RuntimeError) as caught:
        layer.load_state_dict({**wrong, "bias": tj.ones(3)} | {"bias2": tj.ones(1)})
    text = str(caught.value)
    assert text.startswith("Error(s) in loading state_dict for Linear:\n\t")
    assert 'Unexpected key(s) in state_dict: "foo", "bias2". ' in text
    assert "size mismatch for weight: copying a param with shape (3, 3) from checkpoint, the shape in current model is (3, 2)." in text
    assert (layer.bias.detach().numpy() == before).all()
    with pytest.raises(StateError, match='Missing key'):
        layer.load_state_dict({})
    keys = layer.load_state_dict({"weight": tj.ones((3, 2)), "foo": tj.ones(1)}, strict=False)
    assert keys.missing_keys == ["bias"] and keys.unexpected_keys == ["foo"]
    with pytest.raises(StateError, match="size mismatch"):
        layer.load_state_dict(wrong, strict=False)


# Hooks


def test_forward_hooks() -> None:
    layer, calls = nn.Linear(2, 2), []

    def double(module: Any, args: Any) -> Any:
        calls.append("pre")
        return (args[0] * 2,)

    def negate(module: Any, args: Any, result: Any) -> Any:
        calls.append("post")
        return -result

    x = data(3, 2)
    expected = -layer(x * 2)
    handles = [layer.register_forward_pre_hook(double), layer.register_forward_hook(negate)]
    assert (layer(x).detach().numpy() == expected.detach().numpy()).all()
    with layer.register_forward_pre_hook(lambda m, a: calls.append("first"), prepend=True):
        layer(x)
    assert calls == ["pre", "post", "first", "pre", "post"]
    for handle in handles:
        handle.remove()
    assert (layer(x / 1).detach().numpy() != expected.detach().numpy()).any() and len(calls) == 5


def test_hooks_with_keywords_and_after_errors() -> None:
    class Scaled(nn.Module):
        def forward(self, x: Any, *, by: float = 1.0) -> Any:
            if by == 0:
                raise ZeroDivisionError
            return x * by

    module, seen = Scaled(), []
    module.register_forward_pre_hook(lambda m, a, k: (a, {"by": k["by"] + 1}), with_kwargs=True)
    module.register_forward_hook(lambda m, a, k, r: seen.append(k), with_kwargs=True)
    module.register_forward_hook(lambda m, a, r: seen.append(r), always_call=True)
    assert module(2.0, by=2.0) == 6.0 and seen == [{"by": 3.0}, 6.0]
    with pytest.raises(ZeroDivisionError):
        module(2.0, by=-1.0)
    assert seen == [{"by": 3.0}, 6.0, None]


def test_backward_hooks() -> None:
    layer, seen = nn.Linear(2, 3), {}

    def pre(module: Any, grad_output: Any) -> Any:
        return (grad_output[0] * 2,)

    def post(module: Any, grad_input: Any, grad_output: Any) -> Any:
        seen["in"], seen["out"] = grad_input, grad_output
        return None if grad_input[0] is None else (grad_input[0] * 10,)

    layer.register_full_backward_pre_hook(pre)
    layer.register_full_backward_hook(post)
    x = data(4, 2).requires_grad_()
    layer(x).sum().backward()
    assert (seen["out"][0].numpy() == 2).all()
    plain = np.full((4, 3), 2.0, "float32") @ layer.weight.detach().numpy()
    np.testing.assert_allclose(seen["in"][0].numpy(), plain, rtol=1e-5)
    np.testing.assert_allclose(x.grad.numpy(), plain * 10, rtol=1e-5)
    np.testing.assert_allclose(layer.bias.grad.numpy(), np.full(3, 8.0))
    layer(data(4, 2)).sum().backward()  # no input requires grad
    assert seen["in"] == (None,)


# Containers


def test_sequential() -> None:
    a, b, c, d = (nn.Linear(2, 2) for _ in range(4))
    row = nn.Sequential(a, b)
    assert row.append(c) is row and len(row) == 3 and row[-1] is c and list(row) == [a, b, c]
    row.insert(0, d)
    assert list(row) == [d, a, b, c] and [n for n, _ in row.named_children()] == ["0", "1", "2", "3"]
    assert isinstance(row[1:3], nn.Sequential) and list(row[1:3]) == [a, b]
    del row[0]
    row[1] = d
    assert list(row) == [a, d, c] and row.pop(0) is a and len(row) == 2
    assert list(nn.Sequential(a) + nn.Sequential(b)) == [a, b] and d in row and a not in row
    named = nn.Sequential({"first": a, "second": b})
    assert list(named.state_dict())[0] == "first.weight" and named.first is a and named[1] is b
    x = data(3, 2)
    assert (named(x).detach().numpy() == b(a(x)).detach().numpy()).all()
    with pytest.raises(IndexingError):
        row[5]
    with pytest.raises(ArgumentError):
        row.append(3)


def test_lists_and_dicts() -> None:
    modules = nn.ModuleList([nn.Linear(1, 1) for _ in range(3)])
    modules += [nn.ReLU()]
    assert len(modules) == 4 and len(list(modules.parameters())) == 6 and isinstance(modules[:2], nn.ModuleList)
    named = nn.ModuleDict({"a": nn.ReLU(), "b": nn.Linear(1, 1)})
    named["c"] = nn.Tanh()
    assert list(named) == named.keys() == ["a", "b", "c"] and "b" in named and len(named) == 3
    assert isinstance(named.pop("a"), nn.ReLU) and "a" not in named and named.get("a") is None
    with pytest.raises(KeyError):
        named["a"]
    with pytest.raises(ArgumentError):
        named["keys"] = nn.ReLU()
    named.clear()
    assert not len(named)
    weights = nn.ParameterList([tj.ones(2), nn.Parameter(tj.zeros(3))])
    assert all(isinstance(p, nn.Parameter) for p in weights) and [n for n, _ in weights.named_parameters()] == ["0", "1"]
    table = nn.ParameterDict({"w": tj.ones(2)})
    assert isinstance(table["w"], nn.Parameter) and list(table.state_dict()) == ["w"]
    assert repr(weights).startswith("ParameterList(\n  (0): Parameter containing: [float32 of shape (2,)]")


def test_repr() -> None:
    assert repr(Net()) == (
        "Net(\n"
        "  (fc): Linear(in_features=3, out_features=4, bias=True)\n"
        "  (inner): Sequential(\n"
        "    (0): ReLU()\n"
        "    (1): BatchNorm1d(4, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)\n"
        "  )\n"
        ")"
    )


# Wrong arguments

WRONG: list[Any] = [
    lambda: nn.Conv2d(3, 4, 3, groups=2), lambda: nn.Conv1d(2, 2, 3, padding_mode="mirror"), lambda: nn.Dropout(1.5),
    lambda: nn.GroupNorm(3, 4), lambda: nn.MultiheadAttention(6, 4), lambda: nn.LSTM(2, 3, proj_size=3), lambda: nn.GRU(2, 3, proj_size=1),
    lambda: nn.RNN(2, 3, nonlinearity="sine"), lambda: nn.Embedding(3, 2, padding_idx=3), lambda: nn.Embedding(3, 2, sparse=True),
    lambda: nn.TransformerEncoderLayer(4, 2, activation="step"), lambda: nn.MaxPool2d(2, return_indices=True),
    lambda: nn.ConvTranspose2d(2, 2, 3, padding_mode="reflect"), lambda: nn.MSELoss(reduction="total"),
    lambda: nn.Linear(3, 2)(data(4, 5)), lambda: nn.BatchNorm1d(3)(data(2, 3, 4, 5)), lambda: nn.BatchNorm2d(3)(data(2, 3)),
    lambda: nn.BatchNorm1d(3)(data(1, 3)), lambda: nn.LayerNorm(3)(data(3, 4)), lambda: nn.LSTM(3, 4)(data(5, 2, 2)),
    lambda: nn.LSTM(3, 4)(data(5, 2, 3), (data(1, 2, 3), data(1, 2, 4))), lambda: nn.MultiheadAttention(4, 2)(*[data(4)] * 3),
    lambda: nn.MultiheadAttention(4, 2)(*[data(3, 2, 4)] * 3, is_causal=True), lambda: nn.Embedding(3, 2)(data(3)),
    lambda: F.cross_entropy(data(3, 4), data(3)), lambda: F.cross_entropy(data(3, 4), tj.asarray([0, 1])),
    lambda: F.cross_entropy(data(3, 4), tj.asarray([0, 1, 2]), label_smoothing=2), lambda: F.huber_loss(data(2), data(2), delta=0),
    lambda: F.pad(data(3), (1, 1, 1, 1)), lambda: F.pad(data(3), (1, 1), mode="mirror"), lambda: F.pad(data(3), (3, 1), mode="reflect"),
    lambda: F.scaled_dot_product_attention(*[data(3, 4)] * 3, attn_mask=data(3, 3), is_causal=True), lambda: F.one_hot(data(3)),
]  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_arguments_teach(wrong: Any) -> None:
    with pytest.raises(tj.TracejitError) as caught:
        wrong()
    lines = str(caught.value).split("\n")
    *_, where, instead, page = lines
    assert "test_nn_modules.py:" in where and instead.startswith("  ") and len(instead) > 12 and "docs/errors.md#" in page
