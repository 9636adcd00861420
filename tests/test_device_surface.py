"""What is read, written and differentiated on a simulated GPU: the CPU's values, where the tensor lies; compiled, to the bit."""

from __future__ import annotations

import numpy as np
import pytest
from support import assert_bits_equal
from test_optim import OPTIMISERS, gradients, starts

import tracejit as tj
from tracejit import nn
from tracejit.errors import DeviceError, GradError, IndexingError

pytestmark = pytest.mark.usefixtures("simulated_gpu")


def numbers():
    return tj.asarray(np.arange(12, dtype=np.float32).reshape(3, 4) - 5)


def alike(there, here):
    """The same values in the same structure, each tensor on its device."""
    there, here = tj.tree.flatten(there)[0], tj.tree.flatten(here)[0]
    for a, b in zip(there, here, strict=True):
        assert isinstance(a, tj.Tensor) == isinstance(b, tj.Tensor)
        if isinstance(a, tj.Tensor):
            assert a.device == "cuda:0" and (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(a.detach().cpu() if isinstance(a, tj.Tensor) else a, b.detach() if isinstance(b, tj.Tensor) else b, rtol=1e-6)


# Indexing

KEYS = {
    "a number": 1, "numbers": (1, -1), "a slice": slice(None, None, -2), "columns": (slice(None), slice(1, 3)), "an axis more": (None, 2),
    "a list": [0, 2, 0], "a tensor": lambda device: tj.tensor([2, 0], device=device), "a tensor of the CPU's": tj.tensor([2, 0]),
    "pairs": lambda device: (tj.tensor([0, 2], device=device), tj.tensor([1, -1], device=device)), "NumPy's": np.array([1, 1]),
    "mixed": ([0, 2], slice(None, 2)), "a mask of rows": np.array([True, False, True]), "nothing": [],
}  # fmt: skip


def key_of(name, device):
    return KEYS[name](device) if callable(KEYS[name]) else KEYS[name]


@pytest.mark.parametrize("name", KEYS)
def test_what_an_index_names_is_read_and_written(name):
    def use(device):
        x, key = numbers().to(device), key_of(name, device)
        found = x[key].clone()
        x[key] = 7
        x[key] += x[key] * 2
        x[key] = numbers()[0, 0]
        x[:, ::2][1:] -= 1
        return found, x

    alike(use("cuda"), use("cpu"))


@pytest.mark.parametrize(
    "write",
    [
        lambda x: x.__setitem__(x > 2, 0),
        lambda x: x.__setitem__(x > 2, x[x > 2] * 3),
        lambda x: x.T[1:].mul_(2),
        lambda x: x[0].copy_(tj.ones(4)),
        lambda x: x.masked_fill_(x < 0, 1.0),
        lambda x: x.diagonal().fill_(9),
        lambda x: np.add(np.ones(4, np.float32), x[1], out=x[2]),
        lambda x: setattr(x, "data", x * 2),
        lambda x: x.clamp_(-1, 1).add_(x, alpha=2).zero_().sub_(3),
    ],
)  # fmt: skip
def test_what_is_written_is_seen_by_all_views(write):
    def use(device):
        x = numbers().to(device)
        row, whole = x[1], x.reshape(-1)
        write(x)
        return x, row, whole

    alike(use("cuda"), use("cpu"))


@pytest.mark.parametrize(
    "use",
    [
        lambda x, at: x[at],
        lambda x, at: x.__setitem__(at, 1.0),
        lambda x, at: x.gather(1, at.reshape(2, 1)),
        lambda x, at: tj.index_add(x, 0, at, x[:2]),
        lambda x, at: nn.functional.embedding(at, x),
        lambda x, at: nn.functional.cross_entropy(x[:2], at),
    ],
)
def test_an_index_of_the_cpus_that_is_out_of_bounds_is_told_as_there(use):
    x, at = numbers(), tj.tensor([0, 7])
    with pytest.raises(IndexingError) as here:
        use(x, at)
    with pytest.raises(IndexingError) as there:
        use(x.to("cuda"), at)
    assert str(there.value).splitlines()[0] == str(here.value).splitlines()[0]
    assert x.to("cuda").tolist() == numbers().tolist()  # nothing is left to be told


FUNCTIONS = {
    "ufunc": lambda x: np.exp(x), "two": lambda x: np.add(x, 1), "reduced": lambda x: np.add.reduce(x), "sum": lambda x: np.sum(x, axis=1),
    "joined": lambda x: np.concatenate([x, x]), "chosen": lambda x: np.where(x > 0, x, 0), "like": lambda x: np.zeros_like(x),
    "full like": lambda x: np.full_like(x, 3), "norm": lambda x: np.linalg.norm(x), "array first": lambda x: np.ones((3, 4), np.float32) + x,
    "scalar first": lambda x: np.float32(2) * x, "in": lambda x: 2.0 in x, "iterated": lambda x: [2 * row for row in x], "triangle": tj.tril,
    "masked": lambda x: x[x > 2], "found": lambda x: tj.nonzero(x > 2), "distinct": lambda x: tj.unique(x % 3), "sorted": lambda x: tj.sort(x),
    "as index": lambda x: [10, 20, 30][x[1, 2].to(tj.int64)], "formatted": lambda x: float(f"{x[2, 3]:.3f}"), "equal": lambda x: tj.array_equal(x, numbers()),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_give_tensors_where_theirs_lie_and_numbers(name):
    alike(FUNCTIONS[name](numbers().to("cuda")), FUNCTIONS[name](numbers()))


@pytest.mark.parametrize("ask", [np.asarray, np.array, lambda x: x.numpy(), lambda x: np.array([x, x]), lambda x: np.ones((3, 4)).__setitem__(..., x)])
def test_what_wants_numpys_memory_says_how_to_get_it(ask):
    with pytest.raises(DeviceError, match=r"x\.cpu\(\)"):
        ask(numbers().to("cuda"))


def test_the_namespace_tells_of_the_gpu():
    assert tj.__array_namespace_info__().devices() == ["cpu", "cuda:0"]


# Autograd


class Square(tj.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 2 * g * x


def hooked(x, seen):
    y = x * 3
    y.retain_grad()
    y.register_hook(lambda g: seen.append(g.device) or g * 2)
    (y * y).sum().backward()
    return y.grad, x.grad


def twice(x):
    (g,) = tj.autograd.grad((x**3).sum(), x, create_graph=True)
    (g * g).sum().backward()
    return x.grad


def after(call):
    def run(x):
        call(x)
        return x.grad

    return run


GRADIENTS = {
    "twice": twice, "hooks": lambda x: hooked(x, []), "of one's own": after(lambda x: Square.apply(x).sum().backward()),
    "seeded from the CPU": after(lambda x: (x * 2).backward(tj.ones(3, 4))), "seeded at the leaf": after(lambda x: x.backward(tj.ones(3, 4))),
    "added up": after(lambda x: [x.T.backward(tj.ones(4, 3)) for _ in range(2)]), "there and back": after(lambda x: (x.cpu().to(x.device) * x).sum().backward()),
    "beside the CPU's": after(lambda x: (x * numbers() + tj.ones(4)).sum().backward()), "of an item": after(lambda x: (x[1] * x[:, 2:3]).sum().backward()),
    "of a mask": after(lambda x: (x[x > 0] ** 2).sum().backward()), "vjp": lambda x: tj.vjp(lambda y: y * y, x)[1](numbers()),
    "jacobian": lambda x: tj.jacobian(lambda y: y * y)(x[0, :2]), "grad": lambda x: tj.grad(lambda y: (y * y).sum())(x),
}  # fmt: skip


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_are_the_cpus_and_lie_where_the_leaf_does(name):
    alike(GRADIENTS[name](numbers().to("cuda").requires_grad_()), GRADIENTS[name](numbers().requires_grad_()))


def test_a_hook_is_given_what_lies_there():
    seen = []
    hooked(numbers().to("cuda").requires_grad_(), seen)
    assert seen == ["cuda:0"]


def test_a_leaf_of_the_cpus_has_its_gradient_there():
    for scale in (tj.tensor(2.0), tj.ones(4)):
        scale.requires_grad_()
        (numbers().to("cuda") * scale).sum().backward()
        assert scale.grad.device == "cpu"
        np.testing.assert_array_equal(scale.grad, numbers().sum(0) if scale.ndim else numbers().sum())


def test_a_gradient_that_is_given_lies_where_the_leaf_does():
    x = tj.ones(3, device="cuda", requires_grad=True)
    x.grad = tj.zeros(3, device="cuda")
    x.sum().backward()
    assert x.grad.device == "cuda:0" and x.grad.tolist() == [1, 1, 1]
    with pytest.raises(GradError, match="device"):
        x.grad = tj.zeros(3)


def test_gradients_are_checked_where_they_lie():
    x = tj.asarray([0.5, 1.5], dtype=tj.float64, device="cuda").requires_grad_()
    assert tj.autograd.gradcheck(lambda x: x * x.exp(), x) and tj.autograd.gradgradcheck(lambda x: x**3, x)
    wrong = lambda x: Square.apply(x) * x.detach()  # noqa: E731
    assert not tj.autograd.gradcheck(wrong, x, raise_exception=False)


# Optimisers and schedules

SCHEDULES = {
    "plain": lambda o: None, "steps": lambda o: tj.optim.lr_scheduler.StepLR(o, 1, 0.5),
    "one cycle": lambda o: tj.optim.lr_scheduler.OneCycleLR(o, 0.1, total_steps=6),
}  # fmt: skip


def steps(name, schedule, device, compiled):
    """The parameters after three steps, and the step."""
    kind, settings = OPTIMISERS[name]
    params = [nn.Parameter(tj.asarray(a.copy())) for a in starts("float32")[:2]]
    optimizer = getattr(tj.optim, kind)(params, **settings)
    scheduler = SCHEDULES[schedule](optimizer)
    nn.ParameterList(params).to(device)

    def step(*factors):
        optimizer.zero_grad()
        sum((p * p * f).sum() for p, f in zip(params, factors)).backward()
        nn.utils.clip_grad_norm_(params, 1.0)
        optimizer.step()

    function = tj.compile(step) if compiled else step
    for grads in gradients("float32", 3):
        function(*[tj.asarray(g).to(device) for g in grads[:2]])
        if scheduler is not None:
            scheduler.step()
    kept = [value for state in optimizer.state.values() for value in state.values()]
    assert {t.device for t in (*params, *kept)} == {tj.device(device)}
    return [t.detach().cpu() for t in (*params, *kept)], function


@pytest.mark.parametrize("name, schedule", [*[(name, "plain") for name in OPTIMISERS], *[("nesterov", schedule) for schedule in SCHEDULES]])
def test_optimisers_step_there_as_on_the_cpu_and_compiled_to_the_bit(name, schedule):
    (here, _), (there, _), (compiled, step) = [steps(name, schedule, *how) for how in (("cpu", False), ("cuda", False), ("cuda", True))]
    for a, b, c in zip(here, there, compiled, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-6)
        assert_bits_equal(c, b)
    assert step.trace_count == 1 and step.cache_info().modes == ("graph",)


def test_a_state_of_an_optimiser_is_loaded_from_any_device():
    def trained(device):
        """An optimiser that has made a step."""
        layer = nn.Linear(2, 2).to(device)
        optimizer = tj.optim.Adam(layer.parameters())
        layer(tj.ones(1, 2, device=device)).sum().backward()
        optimizer.step()
        return optimizer

    for source, target in (("cuda", "cpu"), ("cpu", "cuda")):
        saved, optimizer = trained(source), trained(target)
        optimizer.load_state_dict(saved.state_dict())
        for (_, ours), (_, theirs) in zip(optimizer.state.items(), saved.state.items()):
            assert {v.device for v in ours.values()} == {tj.device(target)}
            assert [v.tolist() for v in ours.values()] == [v.tolist() for v in theirs.values()]
        optimizer.step()


# Compiled

MADE_OF_THE_HOSTS = {
    "made here": lambda x: tj.zeros(3) + 1, "made on the CPU by name": lambda x: tj.ones(3, device="cpu") * 2,
    "made there": lambda x: tj.ones(3, device=x.device) * 2, "brought there": lambda x: tj.ones(3).to(x.device) * 2, "brought here": lambda x: x.cpu() * 2,
    "asked for, and more": lambda x: tj.zeros(3) + x.sum().cpu(), "beside": lambda x: (tj.zeros(3)[1:], x * tj.ones(4), tj.ones(4).to(x) * 2),
}  # fmt: skip


@pytest.mark.parametrize("name", MADE_OF_THE_HOSTS)
def test_what_is_computed_of_the_hosts_values_lies_where_it_does_in_eager_mode(name):
    function, x = MADE_OF_THE_HOSTS[name], numbers().to("cuda")
    compiled, wanted = tj.compile(function), tj.tree.flatten(function(x))[0]
    for _ in range(3):
        for found, value in zip(tj.tree.flatten(compiled(x))[0], wanted, strict=True):
            assert found.device == value.device
            np.testing.assert_allclose(found.cpu(), value.cpu(), rtol=1e-6)


def test_a_function_is_traced_anew_for_what_was_moved_and_each_trace_is_kept():
    layer, x = nn.Linear(4, 2), numbers()
    compiled = tj.compile(lambda x: layer(x))
    for device in ("cpu", "cuda", "cpu", "cuda"):
        layer.to(device)
        found = compiled(x.to(device))
        assert_bits_equal(found.detach().cpu(), layer(x.to(device)).detach().cpu())
        assert found.device == tj.device(device)
    assert compiled.trace_count == 2
    assert "on cuda:0" in str(compiled.explain(x.to("cuda")))
