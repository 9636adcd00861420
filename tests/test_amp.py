"""Mixed precision: which dtype each operation computes in under autocast, what gradients it gives, and that compiling changes no bit."""

from __future__ import annotations

import contextlib
import threading

import numpy as np
import pytest
from support import assert_bits_equal

import tracejit as tj
import tracejit.nn.functional as F
from tracejit import nn
from tracejit.errors import ArgumentError, DeviceError, DTypeError, StateError

# What each row's function gives of `h` (bfloat16) and `x` (float32), both 4×4; `t` is the library, `f` its nn.functional.
UNARY = (
    "exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh asinh erf erfc erfinv lgamma digamma sigmoid rsqrt reciprocal "
    "sqrt square logit sinc abs relu sum prod mean var std amax trace softmax log_softmax elu celu selu mish logsigmoid softplus gelu silu "
    "hardswish glu normalize"
).split()
TABLE = {
    **{name: lambda t, f, h, x, name=name: _called(t, f, name, h) for name in UNARY},
    "pow": lambda t, f, h, x: h**2,
    "reflected pow": lambda t, f, h, x: 2.0**h,
    "logsumexp": lambda t, f, h, x: t.logsumexp(h, 0),
    "cumsum": lambda t, f, h, x: t.cumsum(h, 0),
    "cumprod": lambda t, f, h, x: t.cumprod(h, 0),
    "sum to a dtype": lambda t, f, h, x: h.sum(dtype=t.bfloat16),
    "logaddexp": lambda t, f, h, x: t.logaddexp(h, h),
    "xlogy": lambda t, f, h, x: t.xlogy(h, h),
    "atan2": lambda t, f, h, x: t.atan2(h, h),
    "atan2 of two": lambda t, f, h, x: t.atan2(h, x),
    "add": lambda t, f, h, x: h + h,
    "add of two": lambda t, f, h, x: h + x,
    "where": lambda t, f, h, x: t.where(x > 0, x, h),
    "concatenate": lambda t, f, h, x: t.cat([x, h]),
    "stack": lambda t, f, h, x: t.stack([x, h]),
    "matmul": lambda t, f, h, x: x @ x,
    "matmul of two": lambda t, f, h, x: t.matmul(h, x),
    "mm": lambda t, f, h, x: t.mm(x, x),
    "mv": lambda t, f, h, x: t.mv(x, row(x)),
    "bmm": lambda t, f, h, x: t.bmm(x.reshape(1, 4, 4), x.reshape(1, 4, 4)),
    "addmm": lambda t, f, h, x: t.addmm(x, x, x),
    "dot": lambda t, f, h, x: t.dot(row(x), row(x)),
    "dot in bfloat16": lambda t, f, h, x: t.dot(row(h), row(h)),
    "inner of two": lambda t, f, h, x: t.inner(h, x),
    "outer": lambda t, f, h, x: t.outer(row(x), row(x)),
    "tensordot": lambda t, f, h, x: t.tensordot(h, h),
    "vecdot": lambda t, f, h, x: t.linalg.vecdot(x, x),
    "multi_dot": lambda t, f, h, x: t.linalg.multi_dot([x, x, x]),
    "einsum": lambda t, f, h, x: t.einsum("ij,jk->ik", x, x),
    "matmul in float64": lambda t, f, h, x: x.double() @ x.double(),
    "vector_norm": lambda t, f, h, x: t.linalg.vector_norm(h),
    "matrix_norm": lambda t, f, h, x: t.linalg.matrix_norm(h),
    "linear": lambda t, f, h, x: f.linear(x, x, row(x)),
    "linear without bias": lambda t, f, h, x: f.linear(h, x),
    "bilinear": lambda t, f, h, x: f.bilinear(x, x, x.reshape(1, 4, 4)),
    "prelu": lambda t, f, h, x: f.prelu(x, row(x).narrow(0, 0, 1)),
    "conv1d": lambda t, f, h, x: f.conv1d(x.reshape(1, 2, 8), x.reshape(2, 2, 4)),
    "conv2d": lambda t, f, h, x: f.conv2d(x.reshape(1, 1, 4, 4), x.reshape(4, 1, 2, 2)),
    "conv_transpose2d": lambda t, f, h, x: f.conv_transpose2d(h.reshape(1, 1, 4, 4), x.reshape(1, 4, 2, 2)),
    "attention": lambda t, f, h, x: f.scaled_dot_product_attention(*[x.reshape(1, 1, 4, 4)] * 3),
    "max_pool": lambda t, f, h, x: f.max_pool2d(h.reshape(1, 1, 4, 4), 2),
    "layer_norm": lambda t, f, h, x: f.layer_norm(h, (4,)),
    "group_norm": lambda t, f, h, x: f.group_norm(h.reshape(1, 4, 4), 2),
    "rms_norm": lambda t, f, h, x: f.rms_norm(h, (4,)),
    "instance_norm": lambda t, f, h, x: f.instance_norm(h.reshape(1, 4, 4)),
    "cosine_similarity": lambda t, f, h, x: f.cosine_similarity(h, x * x),
    "cross_entropy": lambda t, f, h, x: f.cross_entropy(h, (row(x) > 0).long()),
    "kl_div": lambda t, f, h, x: f.kl_div(h, x, reduction="batchmean"),
    "losses of classes": lambda t, f, h, x: f.cross_entropy(h, (row(x) > 0).long(), reduction="none"),
    "nll_loss": lambda t, f, h, x: f.nll_loss(h, (row(x) > 0).long()),
    **{
        name: lambda t, f, h, x, name=name: getattr(f, name)(h, x * x)
        for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "poisson_nll_loss", "binary_cross_entropy_with_logits", "hinge_embedding_loss")
    },
}  # fmt: skip


def row(x):
    """The first row; PyTorch's tensors without values know no brackets."""
    return x.narrow(0, 0, 1).reshape(4)


def _called(t, f, name, h):
    return f.__dict__[name](h, dim=-1) if name in ("softmax", "log_softmax") else getattr(t if hasattr(t, name) else f, name)(h)


def operands(lib=tj):
    """`h` and `x`: between 0.1 and 0.9, so that all functions are defined."""
    x = np.linspace(0.1, 0.9, 16, dtype=np.float32).reshape(4, 4)
    x = lib.asarray(x)
    return (x * 0.9).to(lib.bfloat16), x


@pytest.fixture(scope="module")
def theirs():
    """The dtype of each row under PyTorch's autocast on CUDA, which needs no GPU: tensors without values."""
    torch = pytest.importorskip("torch")
    fake = pytest.importorskip("torch._subclasses.fake_tensor")
    before = torch.is_autocast_enabled("cuda"), torch.get_autocast_dtype("cuda")
    torch.set_autocast_enabled("cuda", True)
    torch.set_autocast_dtype("cuda", torch.bfloat16)
    try:
        with fake.FakeTensorMode():
            x = torch.empty(4, 4, device="cuda")
            h = torch.empty(4, 4, device="cuda", dtype=torch.bfloat16)
            return {name: _dtype_of(torch, function, h, x) for name, function in TABLE.items()}
    finally:
        torch.set_autocast_enabled("cuda", before[0])
        torch.set_autocast_dtype("cuda", before[1])


def _dtype_of(torch, function, h, x):
    try:
        return str(function(torch, torch.nn.functional, h, x).dtype).removeprefix("torch.")
    except RuntimeError as error:
        return str(error)


@pytest.mark.parametrize("name", TABLE)
def test_dtypes_are_those_of_pytorch_on_cuda(name, theirs):
    with tj.autocast("bfloat16"):
        assert TABLE[name](tj, F, *operands()).dtype.name == theirs[name]


def gap(got, wanted):
    """The largest error, in units of the largest value wanted."""
    wanted = np.asarray(wanted.detach().numpy(), np.float64)
    return np.abs(np.asarray(got.detach().numpy()).astype(np.float64) - wanted).max() / max(np.abs(wanted).max(), 1e-30)


@pytest.mark.parametrize("name", TABLE)
def test_values_and_gradients_are_right_to_the_digits_of_bfloat16_and_gradients_have_the_dtypes_of_the_leaves(name):
    h, x = operands()
    wide, leaves = [v.double().requires_grad_() for v in (h, x)], [v.requires_grad_() for v in (h, x)]
    wanted = TABLE[name](tj, F, *wide)
    with tj.autocast("bfloat16"):
        result = TABLE[name](tj, F, *leaves)
    assert gap(result, wanted) < 2**-6
    weights = tj.arange(wanted.numel(), dtype=tj.float64).cos().reshape(wanted.shape)  # the gradients of plain sums are 0 for some
    (wanted * weights).sum().backward()
    (result.double() * weights).sum().backward()
    for leaf, exact in zip(leaves, wide):
        assert (leaf.grad is None) == (exact.grad is None)
        if leaf.grad is not None:
            assert leaf.grad.dtype == leaf.dtype
            assert gap(leaf.grad, exact.grad) < 2**-4


def test_compiling_changes_no_bit_of_the_table():
    @tj.compile
    def all_rows(h, x):
        return [function(tj, F, h, x) for function in TABLE.values()]

    with tj.autocast("bfloat16"):
        for got, wanted, name in zip(all_rows(*operands()), all_rows.__wrapped__(*operands()), TABLE):
            assert_bits_equal(got, wanted, name)


# Where it is in force


def low():
    x = operands()[1]
    return (x @ x).dtype.name


def test_contexts_nest_and_are_left():
    assert low() == "float32"
    with tj.autocast("bfloat16"):
        assert low() == "bfloat16"
        with tj.autocast(dtype=tj.float16):
            assert low() == "float16"
            with tj.autocast(enabled=False):
                assert low() == "float32" and not tj.is_autocast_enabled()
            assert low() == "float16"
        with pytest.raises(ValueError, match="left"), tj.autocast("float16"):
            raise ValueError("left")
        assert low() == "bfloat16" and tj.is_autocast_enabled("cpu")
    assert low() == "float32" and not tj.is_autocast_enabled()


@pytest.mark.parametrize(
    "args, kwargs, dtype",
    [
        ((), {}, "bfloat16"),
        (("bfloat16",), {}, "bfloat16"),
        ((tj.float16,), {}, "float16"),
        (("cpu",), {}, "bfloat16"),
        (("cpu", tj.float16), {}, "float16"),
        (("cpu", "float16", True, False), {}, "float16"),
        ((), {"device_type": "cpu", "dtype": tj.bfloat16, "cache_enabled": True}, "bfloat16"),
        (("cuda",), {}, "float32"),
        (("cuda", tj.bfloat16), {}, "float32"),
        (("cpu",), {"enabled": False}, "float32"),
    ],
)
def test_it_is_called_as_in_pytorch_and_by_a_dtype_alone(args, kwargs, dtype):
    with tj.autocast(*args, **kwargs):
        assert low() == dtype


def test_each_device_has_its_own():
    with tj.autocast("cuda"), tj.autocast("cpu"):
        assert tj.get_autocast_dtype("cuda") == tj.float16 and tj.get_autocast_dtype("cpu") == tj.bfloat16
        with tj.autocast("cpu", enabled=False):
            assert low() == "float32" and tj.is_autocast_enabled("cuda:0") and not tj.is_autocast_enabled("cpu")


def test_errors_say_what_there_is():
    with pytest.raises(DTypeError, match="bfloat16"):
        tj.autocast("float64")
    with pytest.raises(DeviceError, match="tpu"):
        tj.autocast("tpu", dtype=tj.bfloat16)


def test_it_decorates_functions_and_generators():
    @tj.autocast("bfloat16")
    def turns():
        for _ in range(2):
            yield low()

    assert tj.autocast("bfloat16")(low)() == "bfloat16"
    assert [(inside, low()) for inside in turns()] == [("bfloat16", "float32")] * 2


def test_a_thread_has_its_own():
    found = []
    with tj.autocast("bfloat16"):
        thread = threading.Thread(target=lambda: found.append(low()))
        thread.start()
        thread.join()
        assert low() == "bfloat16"
    assert found == ["float32"]


def test_a_backward_pass_is_the_same_inside_and_outside():
    def gradient(inside):
        x = operands()[1].requires_grad_()
        with tj.autocast("bfloat16"):
            loss = F.elu(x @ x).exp().sum()
            if inside:
                loss.backward()
        if not inside:
            loss.backward()
        return x.grad

    assert_bits_equal(gradient(True), gradient(False))


def test_a_function_of_ones_own_gets_what_it_is_given():
    class Square(tj.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            assert x.dtype == tj.float32 and (x @ x).dtype == tj.bfloat16
            return x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            assert (x @ x).dtype == tj.float32
            return 2 * x * g

    x = operands()[1].requires_grad_()
    with tj.autocast("bfloat16"):
        y = Square.apply(x)
        assert y.dtype == tj.float32
        y.sum().backward()
    assert_bits_equal(x.grad, 2 * x.detach())


@pytest.mark.parametrize("cast_inputs, inside, behind", [(None, "bfloat16", "bfloat16"), (tj.float32, "float32", "float32"), (tj.float16, "float16", "float16")])
def test_a_function_of_ones_own_may_ask_for_a_dtype(cast_inputs, inside, behind):
    seen = []

    class Product(tj.autograd.Function):
        @staticmethod
        @tj.amp.custom_fwd(device_type="cpu", cast_inputs=cast_inputs)
        def forward(ctx, x):
            ctx.save_for_backward(x)
            seen.append((x @ x).dtype.name)
            return x @ x

        @staticmethod
        @tj.amp.custom_bwd(device_type="cpu")
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            seen.append((x @ x).dtype.name)
            return g @ x.mT + x.mT @ g

    x = operands()[1].requires_grad_()
    with tj.autocast("bfloat16"):
        y = Product.apply(x)
    assert y.dtype.name == inside
    y.sum().backward()
    assert seen == [inside, behind] and x.grad.dtype == tj.float32 and not tj.is_autocast_enabled()
    Product.apply(x)
    assert seen[-1] == "float32"


def test_numpy_code_is_not_altered_by_compiling():
    def products(a, b):
        half = b.astype(np.float16)
        return a @ b, np.dot(a, b), np.einsum("ij,jk", a, b), a.dot(b), np.exp(half), half**2, half.sum()

    a, b = (np.random.default_rng(seed).random((4, 4), np.float32) for seed in (0, 1))
    with tj.autocast("bfloat16"):
        for got, wanted in zip(tj.compile(products)(a, b), products(a, b)):
            assert got.dtype == wanted.dtype
            np.testing.assert_allclose(got, wanted, rtol=1e-3)


# Compiled


def test_the_state_is_part_of_what_a_trace_is_found_by():
    @tj.compile
    def product(x):
        return x @ x

    x = operands()[1]
    for _ in range(40):  # beyond the call from which native code answers
        for state, dtype in ((tj.autocast("bfloat16"), "bfloat16"), (tj.autocast("float16"), "float16"), (tj.autocast(enabled=False), "float32")):
            with state:
                assert product(x).dtype.name == dtype
    assert product.trace_count == 3
    assert product.explain(x).misses[1].what == "autocast"


def test_a_context_that_is_made_elsewhere_does_not_split_a_graph():
    context, none = tj.autocast("bfloat16"), contextlib.nullcontext()

    @tj.compile
    def loss(x, y):
        with context, none:
            return F.cross_entropy(x @ x, y)

    x, y = operands()[1], tj.asarray([0, 1, 2, 3])
    assert_bits_equal(loss(x, y), loss.__wrapped__(x, y))
    assert loss.newest(next(iter(loss._entries))).mode == "graph"


class Block(nn.Module):
    """Attention, as in a transformer, and a head."""

    def __init__(self):
        super().__init__()
        self.attention, self.norm, self.head = nn.MultiheadAttention(8, 2, batch_first=True), nn.LayerNorm(8), nn.Linear(8, 3)

    def forward(self, x):
        return self.head(self.norm(x + self.attention(x, x, x)[0])).mean(1)


MODELS = {
    "perceptron": (lambda: nn.Sequential(nn.Linear(8, 16), nn.LayerNorm(16), nn.GELU(), nn.Linear(16, 3)), (6, 8)),
    "convolutions": (lambda: nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3)), (6, 1, 4, 4)),
    "transformer": (Block, (6, 5, 8)),
}  # fmt: skip


def problem(name):
    """A model, and what it is to learn."""
    tj.manual_seed(0)
    make, shape = MODELS[name]
    return make(), tj.randn(*shape), tj.randint(0, 3, (shape[0],))


def trained(name, compiled, dtype="bfloat16", scale=None, steps=4):
    """The losses of a few steps, and all that training changed. scale: what a scaler begins with, if there is one."""
    model, x, y = problem(name)
    optimizer = tj.optim.Adam(model.parameters(), lr=1e-2)
    scaler = tj.GradScaler(init_scale=scale or 1.0, growth_interval=2, enabled=scale is not None)

    def step(x, y):
        optimizer.zero_grad()
        with tj.autocast(dtype):
            loss = F.cross_entropy(model(x), y)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        return loss

    run = tj.compile(step) if compiled else step
    with np.errstate(all="ignore"):
        losses = [run(x, y).item() for _ in range(steps)]
    if compiled:
        assert run.trace_count == 1 and run.newest(next(iter(run._entries))).mode == "graph"
    kept = [value for state in optimizer.state.values() for value in state.values()]
    return losses, [*model.parameters(), *model.buffers(), *(p.grad for p in model.parameters()), *kept], scaler


@pytest.mark.parametrize(
    "name, dtype, scale",
    [
        ("perceptron", "bfloat16", None),
        ("perceptron", "float16", 2.0**127),
        ("convolutions", "bfloat16", 2.0**10),
        ("transformer", "float16", 2.0**10),
    ],
)
def test_a_compiled_step_is_one_graph_and_the_eager_one_to_the_bit(name, dtype, scale):
    losses, state, scaler = trained(name, False, dtype, scale)
    again, compiled, other = trained(name, True, dtype, scale)
    assert again == losses and scaler.state_dict() == other.state_dict()
    for got, wanted in zip(compiled, state):
        assert got.dtype in (tj.float32, tj.float64, tj.int64)
        assert_bits_equal(got, wanted)
    if scale == 2.0**127:
        assert scaler.get_scale() < scale and losses[0] == losses[1]
    else:
        assert losses[-1] < losses[0]


# The scaler


def scaled_steps(lib, overflows, compiled=False, optimizer=None, **options):
    """(the scaler's state, the parameter) after steps whose gradients overflow or do not."""
    p = lib.tensor([1.0, 2.0], dtype=lib.float32, requires_grad=True)
    scaler = lib.amp.GradScaler("cpu", **options)
    optimizer = (optimizer or lib.optim.SGD)([p], lr=0.5)

    def step(factor):
        optimizer.zero_grad()
        scaler.scale((p * factor).sum()).backward()
        scaler.step(optimizer)
        scaler.update()

    run = lib.compile(step) if compiled else step
    found = []
    for overflow in overflows:
        with np.errstate(all="ignore"):
            run(lib.tensor([float("nan") if overflow == "nan" else float("inf") if overflow else 0.25, 0.5]))
        found.append((scaler.state_dict(), p.detach().tolist()))
    if compiled:
        assert run.trace_count == 1
    return found


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("options", [{}, {"init_scale": 8.0, "growth_interval": 2}, {"init_scale": 3.0, "growth_factor": 1.5, "backoff_factor": 0.1, "growth_interval": 1}])
def test_the_scale_moves_as_pytorchs(options, compiled):
    torch = pytest.importorskip("torch")
    overflows = [False, False, False, True, False, "nan", True, False, False, False]
    for (state, p), (wanted, p_wanted) in zip(scaled_steps(tj, overflows, compiled, **options), scaled_steps(torch, overflows, **options)):
        assert state == wanted
        np.testing.assert_allclose(p, p_wanted, rtol=1e-6)


def test_the_scale_stays_where_growing_would_overflow():
    assert [state["scale"] for state, _ in scaled_steps(tj, [False, False], init_scale=2.0**127, growth_interval=1)] == [2.0**127] * 2


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("kind", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"])
def test_a_step_left_out_changes_nothing_of_an_optimiser(kind, compiled):
    made = []

    def optimizer(params, lr):
        made.append(getattr(tj.optim, kind)(params, lr=lr, **({"momentum": 0.9} if kind == "SGD" else {})))
        return made[-1]

    with_overflows = scaled_steps(tj, [False, True, False, "nan", True, False], compiled, optimizer)
    without = scaled_steps(tj, [False, False, False], False, optimizer)
    assert with_overflows[-1][1] == without[-1][1]
    for got, wanted in zip(*[next(iter(each.state.values())).values() for each in made]):
        assert_bits_equal(got, wanted)


def test_an_optimiser_that_steps_in_its_own_way_is_asked_only_where_nothing_overflowed():
    class Mine(tj.optim.SGD):
        steps = 0

        def step(self, closure=None):
            self.steps += 1
            return super().step(closure)

    made = []
    scaled_steps(tj, [False, True, False], optimizer=lambda params, lr: made.append(Mine(params, lr)) or made[0])
    assert made[0].steps == 2


def test_two_optimisers_share_a_scaler_and_one_is_left_out_alone():
    a, b = (tj.ones(2).requires_grad_() for _ in range(2))
    first, second = tj.optim.SGD([a], lr=1.0), tj.optim.SGD([b], lr=1.0)
    scaler = tj.GradScaler(init_scale=4.0)
    scaler.scale([(a * float("inf")).sum(), b.sum()])[0].backward()
    scaler.scale(b.sum()).backward()
    for optimizer in (first, second):
        scaler.step(optimizer)
    scaler.update()
    assert a.tolist() == [1, 1] and b.tolist() == [0, 0] and scaler.get_scale() == 2.0


def test_a_scaler_that_is_off_does_nothing():
    p = tj.ones(2).requires_grad_()
    optimizer, scaler = tj.optim.SGD([p], lr=1.0), tj.GradScaler(enabled=False)
    loss = p.sum()
    assert scaler.scale(loss) is loss and not scaler.is_enabled() and scaler.get_scale() == 1.0 and scaler.state_dict() == {}
    loss.backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    assert p.tolist() == [0, 0]


def test_its_state_is_saved_and_loaded():
    scaler = tj.GradScaler(init_scale=8.0, growth_factor=3.0, growth_interval=7)
    other = tj.GradScaler()
    other.load_state_dict({**scaler.state_dict(), "_growth_tracker": 5})
    assert other.state_dict() == {"scale": 8.0, "growth_factor": 3.0, "backoff_factor": 0.5, "growth_interval": 7, "_growth_tracker": 5}
    other.update(16.0)
    assert other.get_scale() == 16.0
    with pytest.raises(ArgumentError, match="not enabled"):
        other.load_state_dict({})


def test_the_order_of_its_calls_is_checked():
    p = tj.ones(2).requires_grad_()
    optimizer, scaler = tj.optim.SGD([p], lr=1.0), tj.GradScaler()
    with pytest.raises(StateError, match="no gradients"):
        scaler.update()
    scaler.scale(p.sum()).backward()
    scaler.unscale_(optimizer)
    with pytest.raises(StateError, match="twice"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    with pytest.raises(StateError, match=r"step\(\) twice"):
        scaler.step(optimizer)
    with pytest.raises(StateError, match=r"after step\(\)"):
        scaler.unscale_(optimizer)
    scaler.update()
    with pytest.raises(ArgumentError, match="closure"):
        scaler.step(optimizer, lambda: None)
    with pytest.raises(ArgumentError, match="backoff_factor"):
        tj.GradScaler(backoff_factor=2.0)
    half = tj.ones(2, dtype=tj.float16).requires_grad_()
    half.sum().backward()
    with pytest.raises(DTypeError, match="float16"):
        scaler.unscale_(tj.optim.SGD([half], lr=1.0))


def test_a_scaler_whose_calls_are_compiled_apart_does_as_eagerly():
    def run(wrap):
        p = tj.ones(2).requires_grad_()
        optimizer, scaler = tj.optim.SGD([p], lr=0.5), tj.GradScaler(init_scale=4.0, growth_interval=2)
        unscale, step, update = wrap(lambda: scaler.unscale_(optimizer)), wrap(lambda: scaler.step(optimizer)), wrap(scaler.update)
        found = []
        for factor in (1.0, float("inf"), 1.0, 2.0, 1.0):
            optimizer.zero_grad()
            with np.errstate(all="ignore"):
                scaler.scale((p * factor).sum()).backward()
                unscale()
                step()
                update()
            found.append((p.tolist(), scaler.state_dict()))
        return found

    assert run(tj.compile) == run(lambda function: function)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN", "LSTMCell", "GRUCell"])
def test_recurrent_layers_compute_and_remember_in_the_low_dtype(kind):
    layer = getattr(nn, kind)(4, 3)
    with tj.autocast("bfloat16"):
        found = layer(tj.randn(2, 4) if kind.endswith("Cell") else tj.randn(2, 2, 4))
    results = [part for each in (found if isinstance(found, tuple) else (found,)) for part in (each if isinstance(each, tuple) else (each,))]
    assert all(result.dtype == tj.bfloat16 for result in results)
    sum(result.float().sum() for result in results).backward()
    assert all(parameter.grad.dtype == tj.float32 for parameter in layer.parameters())


# On a GPU, a simulated one


@pytest.mark.usefixtures("simulated_gpu")
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_gpu_multiplies_the_small_floats_themselves_and_gives_what_the_cpu_gives(dtype):
    x = operands()[1].requires_grad_()
    there = x.detach().to("cuda").requires_grad_()
    results = []
    for leaf in (x, there):
        with tj.autocast(dtype):
            y = F.linear(leaf, leaf) @ leaf
        assert y.dtype.name == dtype and y.device == leaf.device
        y.float().backward(tj.ones(4, 4))
        assert leaf.grad.dtype == tj.float32 and leaf.grad.device == leaf.device
        results.append((y, leaf.grad))
    for got, wanted in zip(results[1], results[0]):
        assert gap(got.cpu(), wanted) < 2**-6


@pytest.mark.usefixtures("simulated_gpu")
def test_autocast_of_one_device_leaves_tensors_on_others_alone():
    x = operands()[1]
    with tj.autocast("cuda", dtype=tj.bfloat16):
        assert (x @ x).dtype == tj.float32 and (x.to("cuda") @ x.to("cuda")).dtype == tj.bfloat16
    with tj.autocast("cpu"):
        assert (x @ x).dtype == tj.bfloat16 and (x.to("cuda") @ x.to("cuda")).dtype == tj.float32


@pytest.mark.usefixtures("simulated_gpu")
@pytest.mark.parametrize("scale", [2.0**10, 2.0**127], ids=["scaled", "overflowing"])
def test_a_scaled_step_on_a_gpu_is_one_graph_and_the_eager_one_to_the_bit(scale):
    def trained(wrap):
        model, x, y = problem("perceptron")
        model, x, y = model.to("cuda"), x.to("cuda"), y.to("cuda")
        optimizer, scaler = tj.optim.SGD(model.parameters(), lr=0.1, momentum=0.9), tj.GradScaler("cuda", init_scale=scale, growth_interval=1)

        def step(x, y):
            optimizer.zero_grad()
            with tj.autocast("cuda"):
                loss = F.cross_entropy(model(x), y)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            return loss

        run = wrap(step)
        losses = [run(x, y).item() for _ in range(3)]
        if run is not step:
            assert run.trace_count == 1 and run.newest(next(iter(run._entries))).mode == "graph"
        kept = [value for state in optimizer.state.values() for value in state.values()]
        assert all(value.device == "cuda:0" for value in kept)
        return losses, scaler.get_scale(), [value.tolist() for value in (*model.parameters(), *kept)]

    losses, moved, state = trained(lambda function: function)
    assert trained(tj.compile) == (losses, moved, state)
    assert (losses[-1] < losses[0], moved > scale) == ((True, True) if scale < 2.0**127 else (False, False))
