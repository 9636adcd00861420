"""Results of compiled functions that carry history: gradients through a replay are eager mode's, to the last bit."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np
import pytest

import tracejit as tj
import tracejit.nn.functional as F
from tests.support import assert_bits_equal
from tracejit import nn
from tracejit.autograd import grad
from tracejit.autograd.segment import SegmentApplication
from tracejit.errors import GradError

CALLS = 4  # the first is the trace, the second traces the backward pass, the others replay both


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)


class World:
    """The same leaves and modules for each of two runs, so that one may be compiled."""

    def __init__(self) -> None:
        tj.manual_seed(7)
        self.w = tj.asarray(draw(5, 4, seed=1)).requires_grad_()
        self.b = tj.asarray(draw(4, seed=2)).requires_grad_()
        self.fixed = tj.asarray(draw(5, 4, seed=3))
        self.model = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.LayerNorm(7), nn.Linear(7, 3))
        self.tower = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
        self.leaves = [self.w, self.b, *self.model.parameters(), *self.tower.parameters()]


class Square(tj.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        ctx.double = x * 2
        return x * x

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return g * ctx.double + 0 * x


class Halves(tj.autograd.Function):
    """Two outputs, of which one may get no gradient."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.set_materialize_grads(False)
        return x * 0.5, x * 0.25

    @staticmethod
    def backward(ctx: Any, g: Any, h: Any) -> Any:
        g = 0 if g is None else g * 0.5
        return g if h is None else g + h * 0.25


def total(*results: Any) -> Any:
    """A loss outside the compiled function."""
    return sum((r * r).sum() + r.sum() for r in results)


def weighted(w: World) -> Any:
    return lambda x: x @ w.w + w.b


def two_results(w: World) -> Any:
    def function(x: Any) -> Any:
        h = (x @ w.w).tanh()
        return h * w.b, h.exp()

    return function


CLASSES = tj.asarray([0, 2, 1])


def result_and_its_result(w: World) -> Any:
    def function(x: Any) -> Any:
        logits = w.model(x)
        return F.cross_entropy(logits, CLASSES), logits

    return function


def penalised(w: World) -> Any:
    def function(x: Any) -> Any:
        h = x @ w.w
        penalty = (h * h).sum()
        y = h.sigmoid() + h
        return y, y.mean() + penalty * 0.1 + h.sum()

    return function


def used_thrice(w: World) -> Any:
    def function(x: Any) -> Any:
        for _ in range(3):
            x = (x @ w.w) @ w.w.mT * 0.1
        return x

    return function


def detached(w: World) -> Any:
    def function(x: Any) -> Any:
        h = x @ w.w
        with tj.no_grad():
            scale = h.abs().max()
        return h / scale + h.detach()

    return function


def only_data(w: World) -> Any:
    return lambda x: ((x @ w.fixed) * 2, x.detach() * 3, w.b * x.detach().sum())


def in_place_inside(w: World) -> Any:
    def function(x: Any) -> Any:
        h = x * 2
        h[:, 1:3] = x[:, :2] * 3
        h += 1
        return h.sin()

    return function


def several_outputs_of_one_op(w: World) -> Any:
    def function(x: Any) -> Any:
        q, r = tj.linalg.qr(x.mT @ x + 10 * tj.eye(5))
        return q, r.abs()

    return function


FUNCTIONS: dict[str, Callable[[World], Any]] = {
    "weights": weighted,
    "a model": lambda w: lambda x: w.model(x),
    "a model with buffers": lambda w: lambda x: w.tower(x),
    "two results": two_results,
    "a result that another depends on": result_and_its_result,
    "a hidden value that two results need": penalised,
    "weights used thrice": used_thrice,
    "detached parts": detached,
    "results without gradient": only_data,
    "changed in place": in_place_inside,
    "an op of two outputs": several_outputs_of_one_op,
    "a Function": lambda w: lambda x: Square.apply(x @ w.w) + w.b,
    "a Function of two outputs": lambda w: lambda x: Halves.apply(x @ w.w),
    "a Function, one output unused": lambda w: lambda x: Halves.apply(x @ w.w)[1] + w.b,
    "containers": lambda w: lambda x: {"y": [x @ w.w, None, (x.sum(), 3)]},
    "a view of a value": lambda w: lambda x: (x @ w.w).reshape(2, -1),
    "a view of an argument": lambda w: lambda x: x[1:].mT,
    "an argument": lambda w: lambda x: (x, x * 2),
    "gathers": lambda w: lambda x: x[tj.asarray([0, 2, 2])] @ w.w,
    "dropout": lambda w: lambda x: F.dropout(x @ w.w, 0.5),
}


def leaves_of(result: Any) -> list[Any]:
    return [r for r in tj.tree.flatten(result)[0] if isinstance(r, tj.Tensor)]


def run(make: Callable[[World], Any], compiled: bool, use: Callable[[World, Any, list[Any]], Any], leaf: bool = True) -> tuple[list[Any], Any]:
    """Everything that can be seen of CALLS calls, each followed by `use(world, x, results)`; and the function."""
    world, seen = World(), []
    function = make(world)
    if compiled:
        function = tj.compile(function)
    for call in range(CALLS):
        x = tj.asarray(draw(3, 5, seed=10 + call)).requires_grad_()
        given = x if leaf else x * 1
        results = leaves_of(function(given))
        seen += [r.detach().numpy().copy() for r in results] + [r.requires_grad for r in results]
        extra = use(world, given, results)
        seen += [x.grad, *(p.grad for p in world.leaves)]
        seen += [] if extra is None else list(extra)
        seen = [s.detach().numpy().copy() if isinstance(s, tj.Tensor) else s for s in seen]
    return seen, function


def compare(make: Callable[[World], Any], use: Callable[[World, Any, list[Any]], Any], **options: Any) -> Any:
    eager, _ = run(make, False, use, **options)
    replayed, function = run(make, True, use, **options)
    assert len(eager) == len(replayed)
    for position, (a, b) in enumerate(zip(eager, replayed)):
        if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
            assert_bits_equal(b, a, f"what is seen at {position}")
        else:
            assert type(a) is type(b) and (a is None or a == b)
    return function


def backward_of_all(_world: World, _x: Any, results: list[Any]) -> None:
    total(*[r for r in results if r.requires_grad]).backward()


def backward_of_first(_world: World, _x: Any, results: list[Any]) -> None:
    total([r for r in results if r.requires_grad][0]).backward()


def backward_twice(world: World, _x: Any, results: list[Any]) -> None:
    loss = total(*[r for r in results if r.requires_grad])
    loss.backward(retain_graph=True)
    loss.backward()


def with_weights_outside(world: World, x: Any, results: list[Any]) -> None:
    loss = total(*[r for r in results if r.requires_grad], world.w, x.sum(), world.w * world.w)
    loss.backward()


def gradients_of_results(world: World, x: Any, results: list[Any]) -> Any:
    roots = [r for r in results if r.requires_grad]
    return grad(total(*roots), [x, world.w, *roots], allow_unused=True)


def hooks_and_retained(world: World, x: Any, results: list[Any]) -> Any:
    roots = [r for r in results if r.requires_grad and not r.is_leaf]
    met: list[Any] = []
    for root in roots:
        root.retain_grad()
        root.register_hook(lambda g: met.append(g))
        root.register_hook(lambda g: g * 2)
    total(*roots).backward()
    return [*met, *(root.grad for root in roots)]


def second_order(world: World, x: Any, results: list[Any]) -> Any:
    roots = [r for r in results if r.requires_grad]
    first = [g for g in grad(total(*roots), [x, world.w], create_graph=True, allow_unused=True) if g is not None]
    (total(*roots) + total(*[g for g in first if g.requires_grad])).backward()
    return first


USES = {
    "backward": backward_of_all, "backward of one": backward_of_first, "backward twice": backward_twice, "weights outside": with_weights_outside,
    "grad": gradients_of_results, "hooks": hooks_and_retained, "second order": second_order,
}  # fmt: skip


@pytest.mark.parametrize("use", USES.values(), ids=USES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_through_a_replay_are_those_of_eager_mode(name: str, use: Callable[..., Any]) -> None:
    function = compare(FUNCTIONS[name], use)
    assert function.cache_info().modes == ("graph",) and function.trace_count == 1


@pytest.mark.parametrize("name", ["weights", "a model", "a result that another depends on", "a view of an argument", "a Function"])
def test_arguments_with_a_history_of_their_own(name: str) -> None:
    assert compare(FUNCTIONS[name], backward_of_all, leaf=False).trace_count == 1


def backward_passes(tensor: Any) -> list[Any]:
    """The compiled backward passes behind a result."""
    found, stack = {}, [tensor.grad_fn]
    while stack:
        node = stack.pop()
        if isinstance(node, SegmentApplication):
            found[id(node)] = node.backward
        stack += [e[0] for e in getattr(node, "edges", ()) if e is not None and not isinstance(e[0], tj.Tensor)]
    return list(found.values())


def test_the_backward_pass_is_compiled_once() -> None:
    world = World()
    model = tj.compile(lambda x: world.model(x))
    for call in range(5):
        loss = F.mse_loss(model(tj.asarray(draw(3, 5, seed=call))), tj.zeros((3, 3)))
        if call:
            (backward,) = backward_passes(loss)
        loss.backward()
    assert model.trace_count == 1
    assert backward.cache_info().modes == ("graph",) and backward.trace_count == 1 and backward.cache_info().hits == 3


def test_a_model_under_an_eager_loss_and_optimiser_trains_as_the_eager_one() -> None:
    losses: list[list[float]] = [[], []]
    models = []
    for kind in (0, 1):
        world = World()
        forward = tj.compile(world.tower) if kind else world.tower
        optimizer = tj.optim.Adam(world.tower.parameters(), lr=1e-2)
        for step in range(8):
            optimizer.zero_grad()
            loss = F.cross_entropy(forward(tj.asarray(draw(6, 5, seed=step))), tj.asarray([0, 1, 0, 1, 1, 0]))
            loss.backward()
            optimizer.step()
            losses[kind].append(loss.item())
        models.append(world.tower.state_dict())
    assert losses[0] == losses[1]
    for name, value in models[0].items():
        assert_bits_equal(models[1][name], value, name)


def test_two_compiled_functions_in_a_row_and_one_inside_another() -> None:
    def make(world: World) -> Any:
        first = tj.compile(lambda x: (x @ world.w).tanh())
        second = tj.compile(lambda h: h @ world.w.mT + first(h @ world.w.mT).sum())
        return lambda x: second(first(x))

    replayed, _ = run(make, False, backward_of_all)
    with tj.disable():
        undecorated, _ = run(make, False, backward_of_all)
    assert len(replayed) == len(undecorated)
    for a, b in zip(replayed, undecorated):
        assert type(a) is type(b)
        if isinstance(a, np.ndarray):
            assert_bits_equal(a, b)


def test_shared_weights_in_two_calls() -> None:
    def make(world: World, compiled: bool) -> Any:
        function = used_thrice(world)
        return tj.compile(function) if compiled else function

    found = []
    for compiled in (False, True):
        world = World()
        function = make(world, compiled)
        for call in range(3):
            a, b = (tj.asarray(draw(3, 5, seed=s + 2 * call)) for s in (0, 1))
            total(function(a), function(b), function(a + b)).backward()
        found.append(world.w.grad)
    assert_bits_equal(found[1], found[0])


# Errors are those of eager mode


def error_of(make: Callable[[World], Any], compiled: bool, use: Callable[[World, Any, Any], Any]) -> str:
    world = World()
    function = tj.compile(make(world)) if compiled else make(world)
    for call in range(3):
        x = tj.asarray(draw(3, 5, seed=call)).requires_grad_()
        y = function(x)
        if call == 2:
            with pytest.raises(GradError) as caught:
                use(world, x, y)
            return str(caught.value).split("\n")[0].partition(":")[0]
    raise AssertionError


def freed(_world: World, _x: Any, y: Any) -> None:
    y.sum().backward()
    y.sum().backward()


def changed_weight(world: World, _x: Any, y: Any) -> None:
    with tj.no_grad():
        world.w += 1
    y.sum().backward()


def changed_argument(_world: World, x: Any, y: Any) -> None:
    with tj.no_grad():
        x.mul_(2)
    y.sum().backward()


def changed_result(_world: World, _x: Any, y: Any) -> None:
    y.detach().add_(1)
    y.sum().backward()


@pytest.mark.parametrize("use", [freed, changed_weight, changed_argument])
def test_values_that_are_freed_or_changed(use: Callable[..., Any]) -> None:
    make = lambda w: lambda x: x @ w.w  # noqa: E731
    assert error_of(make, True, use) == error_of(make, False, use)


def test_a_result_that_the_backward_needs_is_changed() -> None:
    make = lambda w: lambda x: (x @ w.w).exp()  # noqa: E731
    assert error_of(make, True, changed_result) == error_of(make, False, changed_result)


def test_values_that_are_not_needed_may_change() -> None:
    def use(world: World, x: Any, results: list[Any]) -> Any:
        with tj.no_grad():
            world.b += 1
        (gradient,) = grad(total(*results), [x], retain_graph=True)
        return [gradient]

    compare(lambda w: lambda x: x @ w.w + w.b, use)


def test_anomaly_mode_names_an_op_inside_a_replay() -> None:
    function = tj.compile(lambda x: x.sqrt() * 0)
    for call in range(3):
        y = function(tj.zeros(3).requires_grad_())
        if call == 2:
            with pytest.raises(GradError, match="sqrt"), tj.autograd.detect_anomaly():
                y.sum().backward()


# What stays with Python


def leaf_inside(world: World) -> Any:
    return lambda x: x * tj.ones(5).requires_grad_()


def hook_inside(world: World) -> Any:
    def function(x: Any) -> Any:
        h = x * 2
        h.register_hook(lambda g: g * 3)
        return h * h

    return function


def history_for_an_outer_tensor(world: World) -> Any:
    kept = tj.zeros(5)

    def function(x: Any) -> Any:
        kept.copy_(kept.detach())
        kept[...] = x.sum()
        return kept * 1

    return function


@pytest.mark.parametrize("make", [leaf_inside, hook_inside, history_for_an_outer_tensor])
def test_histories_that_only_python_can_repeat(make: Callable[[World], Any]) -> None:
    def use(world: World, x: Any, results: list[Any]) -> None:
        total(*results).backward()

    assert compare(make, use).cache_info().modes[0] == "lazy"


def test_a_printing_backward_prints_each_time(capsys: pytest.CaptureFixture[str]) -> None:
    class Loud(tj.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 1

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            print("backward")
            return g * 1

    function = tj.compile(lambda x: Loud.apply(x))
    for _ in range(4):
        function(tj.ones(3).requires_grad_()).sum().backward()
    assert capsys.readouterr().out == "backward\n" * 4


def test_a_backward_that_reads_a_global_sees_it_change() -> None:
    settings = {"scale": 2.0}

    class Scaled(tj.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 1

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * settings["scale"]

    function = tj.compile(lambda x: Scaled.apply(x))
    for call in range(6):
        settings["scale"] = float(call // 2)
        x = tj.ones(3).requires_grad_()
        function(x).sum().backward()
        assert x.grad.tolist() == [settings["scale"]] * 3


def test_numpy_arguments_of_a_model() -> None:
    world = World()
    model = tj.compile(lambda x: world.model(x))
    for call in range(3):
        y = model(draw(3, 5, seed=call))
        y.sum().backward()
    assert world.model[0].weight.grad is not None


def asked_after(x):
    s = x[0] * 2 + x[1]
    if s > 3:
        pass
    return s


def written_and_asked_after(x):
    s = x * 2
    s += x
    if s.sum() > 3:
        pass
    return s


def asked_between(x):
    s = x * 2
    if s.sum() > 3:
        pass
    return s * x, s


def view_of_what_was_asked_after(x):
    s = x * x
    if s.sum() > 3:
        pass
    return s[1:]


def asked_twice(x):
    s = x * x
    if s.sum() > 3:
        s = s * 2
    t = s * x
    if t.sum() > 30:
        return t
    return s


def asked_and_unused(x):
    with tj.no_grad():
        large = bool(x.sum() > 6)
    return x * 3 if large else x * 2


ASKED = (asked_after, written_and_asked_after, asked_between, view_of_what_was_asked_after, asked_twice, asked_and_unused)


@pytest.mark.parametrize("function", ASKED, ids=lambda f: f.__name__)
def test_values_asked_for_leave_each_call_its_own_history(function):
    """Gradients go to this call's argument, never to another call's, whatever was asked for before a result was returned."""
    compiled, met = tj.compile(function), []
    for n in range(8):
        given = [tj.tensor(np.arange(4.0) + n % 3, requires_grad=True) for _ in range(2)]
        for f, x in zip((function, compiled), given):
            results = f(x)
            sum(r.sum() for r in (results if isinstance(results, tuple) else (results,))).backward()
        met.append((given[1], given[0].grad.tolist()))
    assert all(x.grad.tolist() == wanted for x, wanted in met)
