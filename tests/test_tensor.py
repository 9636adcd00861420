"""Tensor itself: what it prints, what Python's protocols give, casts, writing in place, operators."""

from __future__ import annotations

import copy
import operator
import pickle

import numpy as np
import pytest

import tracejit as tj

# Printing

PRINTED = [
    (lambda: tj.asarray([1.0, 2.0]), "tensor([1., 2.])"),
    (lambda: tj.asarray([1.0, 2.0]).requires_grad_(), "tensor([1., 2.], requires_grad=True)"),
    (lambda: tj.asarray([1.0, 2.0], dtype=tj.float64), "tensor([1., 2.], dtype=float64)"),
    (lambda: tj.asarray([1.0, 0.25], dtype=tj.bfloat16), "tensor([1.  , 0.25], dtype=bfloat16)"),
    (lambda: tj.asarray(2.5), "tensor(2.5)"),
    (lambda: tj.asarray([1, -2]), "tensor([ 1, -2])"),
    (lambda: tj.asarray([1], dtype=tj.int8), "tensor([1], dtype=int8)"),
    (lambda: tj.asarray([True, False]), "tensor([ True, False])"),
    (lambda: tj.asarray([1 / 3]), "tensor([0.3333])"),
    (lambda: tj.zeros((0,)), "tensor([])"),
    (lambda: tj.zeros((2, 0)), "tensor([], shape=(2, 0))"),
    (lambda: tj.zeros((0,), dtype=tj.int64), "tensor([], dtype=int64)"),
    (lambda: tj.zeros(5000), "tensor([0., 0., 0., ..., 0., 0., 0.])"),
    (lambda: tj.ones((2, 2)), "tensor([[1., 1.],\n        [1., 1.]])"),
    (lambda: tj.ones(2).requires_grad_() * 2, "tensor([2., 2.], grad_fn=<multiply backward>)"),
]


@pytest.mark.parametrize(("make", "text"), PRINTED, ids=[text for _, text in PRINTED])
def test_repr(make, text):
    assert repr(make()) == text
    assert str(make()) == text


def test_print_options():
    tj.set_printoptions(precision=2)
    try:
        assert repr(tj.asarray([1 / 3])) == "tensor([0.33])"
    finally:
        tj.set_printoptions(precision=4)
    with pytest.raises(ValueError, match="precision"):
        tj.set_printoptions(colour=1)


def test_format():
    assert f"{tj.asarray(1.5):.3f}" == "1.500"
    assert f"{tj.asarray(7):>4d}" == "   7"
    assert f"{tj.asarray([1.0])}" == "tensor([1.])"


# Python's conversions


@pytest.mark.parametrize("kind", [bool, int, float, complex])
@pytest.mark.parametrize("value", [0, 1, 2.5, True, 3 + 0j])
def test_conversions_are_pythons(kind, value):
    t = tj.asarray(value)
    if isinstance(value, complex) and kind in (int, float):
        with pytest.raises(TypeError):
            kind(t)
        return
    assert kind(t) == kind(value)
    assert type(kind(t)) is kind
    assert kind(t.reshape(1, 1)) == kind(value)


def test_index_takes_only_integer_scalars():
    assert operator.index(tj.asarray(3)) == 3
    assert [10, 20, 30][tj.asarray(1, dtype=tj.uint8)] == 20
    assert list(range(tj.asarray(3))) == [0, 1, 2]
    for bad in (tj.asarray(1.0), tj.asarray([1]), tj.asarray(True)):
        with pytest.raises(TypeError, match="int"):
            operator.index(bad)


def test_a_tensor_of_several_elements_is_no_number():
    for kind in (bool, int, float):
        with pytest.raises(ValueError, match="shape"):
            kind(tj.ones(2))
    with pytest.raises(ValueError, match="shape"):
        bool(tj.zeros((0,)))


def test_len_iteration_and_contains():
    t = tj.asarray([[1, 2], [3, 4]])
    assert len(t) == 2
    assert [row.tolist() for row in t] == [[1, 2], [3, 4]]
    assert 3 in t and 5 not in t
    for function in (len, list):
        with pytest.raises(TypeError):
            function(tj.asarray(1))


def test_tensors_are_keys_by_identity():
    a, b = tj.ones(2), tj.ones(2)
    assert len({a: 1, b: 2}) == 2 and {a: 1}[a] == 1


def test_equality_with_foreign_things_is_false():
    t = tj.ones(2)
    assert (t == None) is False  # noqa: E711
    assert (t != None) is True  # noqa: E711
    assert (t == "a") is False
    with pytest.raises(TypeError):
        t < "a"  # noqa: B015
    with pytest.raises(TypeError):
        t + None


def test_the_other_operand_may_know_better():
    class Other:
        def __radd__(self, left):
            return "theirs"

        def __gt__(self, left):
            return "compared"

    assert tj.ones(2) + Other() == "theirs"
    assert (tj.ones(2) < Other()) == "compared"


def test_pickle_and_deepcopy():
    t = tj.asarray([1.0, 2.0]).requires_grad_()
    for again in (pickle.loads(pickle.dumps(t)), copy.deepcopy(t)):
        assert again.tolist() == [1.0, 2.0] and again.requires_grad and again is not t
        assert not np.shares_memory(again.detach().numpy(), t.detach().numpy())


# What is known without values


def test_attributes():
    t = tj.zeros((2, 3), dtype=tj.float16)
    assert (t.shape, t.ndim, t.dtype, t.device) == ((2, 3), 2, tj.float16, "cpu")
    assert t.size == 6 and t.size() == (2, 3) and t.size(1) == 3
    assert (t.dim(), t.numel(), t.itemsize, t.element_size(), t.nbytes) == (2, 6, 2, 2, 12)
    assert t.is_floating_point() and not t.is_complex()
    assert isinstance(t.size, int) and t.sum().dtype == tj.float16
    assert (tj.ones(4).sum() / tj.ones(4).size).item() == 1.0


def test_strides_and_contiguity():
    t = tj.zeros((2, 3, 4))
    assert t.stride() == (12, 4, 1) and t.stride(0) == 12 and t.is_contiguous()
    assert t.mT.stride() == (12, 1, 4) and not t.mT.is_contiguous()
    assert t.contiguous() is t
    packed = t.mT.contiguous()
    assert packed.stride() == (12, 3, 1) and packed.shape == (2, 4, 3)


# Casts

CASTS = {
    "float": "float32", "double": "float64", "half": "float16", "bfloat16": "bfloat16", "int": "int32", "long": "int64",
    "short": "int16", "char": "int8", "byte": "uint8", "bool": "bool",
}  # fmt: skip


@pytest.mark.parametrize(("name", "dtype"), CASTS.items())
def test_named_casts(name, dtype):
    t = tj.asarray([0, 1, 2])
    result = getattr(t, name)()
    assert result.dtype.name == dtype
    assert getattr(result, name)() is result
    assert result.double().tolist() == ([0.0, 1.0, 1.0] if name == "bool" else [0.0, 1.0, 2.0])


def test_astype_and_to():
    t = tj.asarray([1.5, -2.5])
    assert t.astype(tj.int64).tolist() == [1, -2]
    assert not np.shares_memory(t.astype(tj.float32).numpy(), t.numpy())
    assert t.astype(tj.float32, copy=False) is t
    assert tj.astype(t, tj.float64).dtype == tj.float64
    assert t.to(tj.float64).dtype == tj.float64
    assert t.to("float64").dtype == tj.float64
    assert t.to(dtype=tj.int8, device="cpu").dtype == tj.int8
    assert t.to("cpu") is t and t.to(tj.float32) is t and t.cpu() is t
    assert t.to(tj.zeros(1, dtype=tj.float16)).dtype == tj.float16
    assert t.type_as(tj.zeros(1, dtype=tj.int8)).dtype == tj.int8
    assert t.to_device("cpu") is t
    for device in ("cuda:x", "tpu:0"):
        with pytest.raises(ValueError, match="device"):
            t.to(device)


def test_casts_have_gradients():
    x = tj.ones(3).requires_grad_()
    (x.double() * 2).sum().backward()
    assert x.grad.dtype == tj.float32 and x.grad.tolist() == [2.0] * 3


# Handles and writing in place


def test_detach_shares_memory_and_cuts_the_history():
    x = tj.ones(3).requires_grad_()
    y = x * 2
    d = y.detach()
    assert not d.requires_grad and d.is_leaf and np.shares_memory(d.numpy(), y.detach().numpy())
    before = y._version
    d.add_(1)
    assert y._version == before + 1 and y.tolist() == [3.0] * 3
    y.detach_()
    assert not y.requires_grad and y.is_leaf


def test_data_reads_and_writes_the_same_memory():
    x = tj.ones(3).requires_grad_()
    held = x.detach()
    x.data = tj.asarray([5.0, 6.0, 7.0])
    assert held.tolist() == [5.0, 6.0, 7.0] and x.requires_grad and x.is_leaf
    x.data.mul_(2)
    assert held.tolist() == [10.0, 12.0, 14.0]
    with pytest.raises(ValueError, match="shape"):
        x.data = tj.ones(4)


WRITES = [
    ("zero_", lambda t: t.zero_(), lambda a: np.copyto(a, 0)),
    ("fill_", lambda t: t.fill_(3), lambda a: a.fill(3)),
    ("copy_", lambda t: t.copy_(tj.asarray([[9], [8]])), lambda a: np.copyto(a, np.asarray([[9], [8]], a.dtype))),
    ("add_", lambda t: t.add_(2), lambda a: np.add(a, 2, out=a)),
    ("sub_", lambda t: t.sub_(2), lambda a: np.subtract(a, 2, out=a)),
    ("mul_", lambda t: t.mul_(3), lambda a: np.multiply(a, 3, out=a)),
    ("div_", lambda t: t.div_(4), lambda a: np.divide(a, 4, out=a)),
    ("neg_", lambda t: t.neg_(), lambda a: np.negative(a, out=a)),
    ("+=", lambda t: operator.iadd(t, 1), lambda a: operator.iadd(a, 1)),
    ("-=", lambda t: operator.isub(t, 1), lambda a: operator.isub(a, 1)),
    ("*=", lambda t: operator.imul(t, 2), lambda a: operator.imul(a, 2)),
    ("/=", lambda t: operator.itruediv(t, 2), lambda a: operator.itruediv(a, 2)),
    ("//=", lambda t: operator.ifloordiv(t, 2), lambda a: operator.ifloordiv(a, 2)),
    ("%=", lambda t: operator.imod(t, 2), lambda a: operator.imod(a, 2)),
    ("**=", lambda t: operator.ipow(t, 2), lambda a: operator.ipow(a, 2)),
]


@pytest.mark.parametrize("part", ["whole", "slice", "transpose"])
@pytest.mark.parametrize(("name", "ours", "theirs"), WRITES, ids=[n for n, *_ in WRITES])
def test_writes_in_place(name, ours, theirs, part):
    a = np.arange(1, 7, dtype=np.float32).reshape(2, 3) if part != "transpose" else np.arange(1, 7, dtype=np.float32).reshape(3, 2)
    t = tj.asarray(a.copy())
    views = {"whole": lambda x: x, "slice": lambda x: x[:, ::2], "transpose": lambda x: x.T}
    view = views[part](t)
    assert ours(view) is view
    theirs(views[part](a))
    np.testing.assert_array_equal(t.numpy(), a)


def test_in_place_keeps_dtype_shape_and_identity():
    t = tj.asarray([1, 2], dtype=tj.int8)
    same, held = t, t.numpy()
    t += 1
    assert t is same and t.dtype == tj.int8 and held.tolist() == [2, 3]
    with pytest.raises(TypeError, match="int8"):
        t += 0.5
    with pytest.raises(TypeError, match="int8"):
        t.div_(2)
    with pytest.raises(ValueError, match="broadcast"):
        t += tj.ones((3, 2), dtype=tj.int8)
    assert t.tolist() == [2, 3]


def test_new_tensors_like_this():
    t = tj.ones(2, dtype=tj.float64)
    assert t.new_zeros(2, 3).dtype == tj.float64 and t.new_zeros((2, 3)).shape == (2, 3)
    assert t.new_full((2,), 7).tolist() == [7.0, 7.0]
    assert t.new_ones(1, dtype=tj.int8).dtype == tj.int8
    assert t.new_empty(4).shape == (4,)


# Operators against NumPy's, for tensors, scalars, arrays, and in both orders

BINARY = {
    "add": "bifc", "sub": "ifc", "mul": "bifc", "truediv": "ifc", "floordiv": "if", "mod": "if", "pow": "f", "and_": "bi", "or_": "bi",
    "xor": "bi", "lshift": "i", "rshift": "i", "lt": "bif", "le": "bif", "gt": "bif", "ge": "bif", "eq": "bifc", "ne": "bifc",
}  # fmt: skip
SAMPLES = {"b": np.array([True, False, True]), "i": np.array([3, 1, 7], np.int16), "f": np.array([0.5, 2.25, 3.0], np.float32),
           "c": np.array([1 + 2j, -1j, 3], np.complex64)}  # fmt: skip
CASES = [(name, kind) for name, kinds in BINARY.items() for kind in kinds]


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_operators_are_numpys(name, kind):
    function, a = getattr(operator, name), SAMPLES[kind]
    b = a[::-1].copy()
    scalar = {"b": True, "i": 2, "f": 2.0, "c": 2j}[kind]
    for x, y in ((a, b), (a, scalar), (scalar, a), (a.reshape(3, 1), b), (a[0], b), (a[:0], b[:0])):
        wanted = np.asarray(function(x, y))
        ours = [tj.asarray(v) if isinstance(v, (np.ndarray, np.generic)) else v for v in (x, y)]
        for left, right in (ours, (x, ours[1]) if isinstance(ours[1], tj.Tensor) else ours, (ours[0], y)):
            if not isinstance(left, tj.Tensor) and not isinstance(right, tj.Tensor):
                continue
            result = function(left, right)
            assert isinstance(result, tj.Tensor)
            assert result.dtype == wanted.dtype and result.shape == wanted.shape
            np.testing.assert_allclose(result.numpy(), wanted, rtol=3e-7)


@pytest.mark.parametrize("name", ["neg", "pos", "abs", "invert"])
def test_unary_operators_are_numpys(name):
    a = SAMPLES["i" if name == "invert" else "c"]
    np.testing.assert_array_equal(getattr(operator, name)(tj.asarray(a)).numpy(), getattr(operator, name)(a))


def test_matmul_operator():
    a, b = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal((tj.asarray(a) @ tj.asarray(b)).numpy(), a @ b)
    np.testing.assert_array_equal((a @ tj.asarray(b)).numpy(), a @ b)


def test_results_are_in_c_order_whatever_the_operands():
    a = tj.asarray(np.asfortranarray(np.ones((3, 4), np.float32)))
    for result in (a + a, a + 1, -a, a.T + a.T, tj.exp(a), a * tj.ones((3, 4))):
        assert result.is_contiguous() and result.numpy().flags.c_contiguous


def test_the_short_way_of_operators_is_the_long_way():
    """`a + b` without history takes a shortcut; it must be unobservable: errors, 0-d results, recording, interpreters."""
    zero_d = tj.asarray(1.0) + tj.asarray(2.0)
    assert isinstance(zero_d.numpy(), np.ndarray) and zero_d.shape == ()
    with pytest.raises(ValueError, match="broadcast") as caught:
        tj.ones((2, 3)) + tj.ones((4,))
    assert __file__ in str(caught.value)
    with pytest.raises(TypeError, match="subtract"):
        tj.asarray([True]) - tj.asarray([True])
    x = tj.ones(2).requires_grad_()
    assert (x + tj.ones(2)).requires_grad and (tj.ones(2) + x).requires_grad
    base = tj.ones(4)
    view = base[:2]
    base.mul_(x.sum())
    assert (view + tj.ones(2)).requires_grad
    mixed = tj.ones(2, dtype=tj.bfloat16) + tj.ones(2, dtype=tj.float16)
    assert mixed.dtype == tj.float32


# Methods with PyTorch's arguments, against the formula

TORCH_METHODS = [
    ("add", (2.0,), {"alpha": 3}, lambda a: a + 6),
    ("sub", (2.0,), {"alpha": 0.5}, lambda a: a - 1),
    ("div", (0.75,), {}, lambda a: a / 0.75),
    ("div", (0.75,), {"rounding_mode": "floor"}, lambda a: np.floor(a / 0.75)),
    ("div", (-0.75,), {"rounding_mode": "trunc"}, lambda a: np.trunc(a / -0.75)),
    ("true_divide", (2.0,), {}, lambda a: a / 2),
    ("addcmul", (tj.asarray(2.0), tj.asarray(3.0)), {"value": 0.5}, lambda a: a + 3),
    ("addcdiv", (tj.asarray(2.0), tj.asarray(4.0)), {"value": 2}, lambda a: a + 1),
    ("clamp", (-1, 1), {}, lambda a: np.clip(a, -1, 1)),
    ("clip", (), {"max": 1}, lambda a: np.minimum(a, 1)),
    ("clamp_min", (0.5,), {}, lambda a: np.maximum(a, 0.5)),
    ("clamp_max", (0.5,), {}, lambda a: np.minimum(a, 0.5)),
    ("frac", (), {}, lambda a: a - np.trunc(a)),
    ("round", (), {"decimals": 1}, lambda a: np.round(a, 1)),
    ("tril", (-1,), {}, lambda a: np.tril(a, -1)),
    ("triu", (), {"diagonal": 1}, lambda a: np.triu(a, 1)),
    ("lerp", (tj.asarray(4.0), 0.25), {}, lambda a: a + 0.25 * (4 - a)),
    ("nan_to_num", (), {}, lambda a: a),
]


@pytest.mark.parametrize(("name", "args", "kwargs", "formula"), TORCH_METHODS, ids=[n for n, *_ in TORCH_METHODS])
def test_torch_methods(name, args, kwargs, formula):
    a = np.linspace(-2.3, 2.6, 9, dtype=np.float32).reshape(3, 3)
    t = tj.asarray(a.copy())
    np.testing.assert_allclose(getattr(t, name)(*args, **kwargs).numpy(), formula(a), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(t.numpy(), a)
    assert getattr(t, name + "_")(*args, **kwargs) is t
    np.testing.assert_allclose(t.numpy(), formula(a), rtol=1e-5, atol=1e-6)


def test_max_min_and_sort_with_dim_are_pairs():
    a = np.array([[3.0, 1.0, 3.0], [0.5, 7.0, 2.0]], np.float32)
    t = tj.asarray(a)
    for result in (t.max(dim=1), t.max(1), tj.max(t, 1), tj.max(t, dim=1)):
        assert result.values.tolist() == [3.0, 7.0] and result.indices.tolist() == [0, 1]
    values, indices = t.min(0, keepdim=True)
    assert values.tolist() == [[0.5, 1.0, 2.0]] and indices.tolist() == [[1, 0, 1]]
    assert tj.max(t, axis=1).tolist() == [3.0, 7.0] and t.max().item() == 7.0
    assert tj.max(t, tj.asarray(2.5)).tolist() == np.maximum(a, 2.5).tolist()
    ordered = t.sort(descending=True)
    assert ordered.values.tolist() == [[3.0, 3.0, 1.0], [7.0, 2.0, 0.5]] and ordered.indices.tolist() == [[0, 2, 1], [1, 2, 0]]
    assert tj.sort(t, dim=0).values.tolist() == tj.sort(t, axis=0).tolist()
    x = tj.asarray(a).requires_grad_()
    x.max(dim=1).values.sum().backward()
    assert x.grad.tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]


def test_dim_and_keepdim_are_axis_and_keepdims():
    t = tj.asarray(np.arange(24.0).reshape(2, 3, 4))
    for name in ("sum", "mean", "prod", "std", "var", "argmax", "all", "any", "logsumexp", "amax"):
        function = getattr(tj, name)
        wanted = function(t, axis=1, keepdims=True).tolist()
        assert function(t, dim=1, keepdim=True).tolist() == wanted, name
        assert getattr(t, name)(dim=1, keepdim=True).tolist() == wanted, name
    for name in ("cumsum", "softmax", "flip", "argsort", "diff", "unstack", "stack", "concat", "squeeze", "expand_dims", "roll"):
        first = {"stack": [t, t], "concat": [t, t], "squeeze": t[:, :1], "roll": t}.get(name, t)
        extra = (1,) if name == "roll" else ()
        ours, theirs = getattr(tj, name)(first, *extra, axis=1), getattr(tj, name)(first, *extra, dim=1)
        assert np.array_equal(np.asarray(ours), np.asarray(theirs)), name
    with pytest.raises(ValueError, match="both"):
        tj.argsort(t, axis=0, dim=0)


def test_real_and_imag_are_properties():
    t = tj.asarray([1 + 2j, 3 - 1j])
    assert t.real.tolist() == [1.0, 3.0] and t.imag.tolist() == [2.0, -1.0]
    assert tj.ones(2).real.tolist() == [1.0, 1.0]
