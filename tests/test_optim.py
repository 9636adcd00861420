"""Optimisers: PyTorch's updates (an oracle where it is installed), PyTorch's bookkeeping, and laws that need no oracle."""

import copy
import pickle

import numpy as np
import pytest

import tracejit as tj

OPTIMISERS = {
    "sgd": ("SGD", {"lr": 0.1}),
    "momentum": ("SGD", {"lr": 0.1, "momentum": 0.9}),
    "dampened": ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.4, "weight_decay": 0.01}),
    "nesterov": ("SGD", {"lr": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.1}),
    "sgd upwards": ("SGD", {"lr": 0.1, "momentum": 0.9, "maximize": True}),
    "adam": ("Adam", {}),
    "adam decayed": ("Adam", {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": 0.05}),
    "amsgrad": ("Adam", {"lr": 0.05, "amsgrad": True}),
    "adam upwards": ("Adam", {"lr": 0.05, "maximize": True}),
    "adamw": ("AdamW", {"lr": 0.05, "weight_decay": 0.3}),
    "adamw amsgrad": ("AdamW", {"lr": 0.05, "amsgrad": True}),
    "rmsprop": ("RMSprop", {"lr": 0.01}),
    "rmsprop centred": ("RMSprop", {"lr": 0.01, "alpha": 0.9, "momentum": 0.5, "centered": True, "weight_decay": 0.1}),
    "adagrad": ("Adagrad", {"lr": 0.1}),
    "adagrad decayed": ("Adagrad", {"lr": 0.1, "lr_decay": 0.2, "weight_decay": 0.1, "initial_accumulator_value": 0.3}),
}
TOLERANCE = {"float32": 1e-6, "float64": 1e-12}
SHAPES = [(3, 4), (5,), ()]


def optimiser(name, params, **changes):
    kind, settings = OPTIMISERS[name]
    return getattr(tj.optim, kind)(params, **{**settings, **changes})


def starts(dtype, seed=0):
    draw = np.random.default_rng(seed)
    return [np.asarray(draw.normal(size=shape), dtype) for shape in SHAPES]


def gradients(dtype, steps, seed=1):
    draw = np.random.default_rng(seed)
    return [[np.asarray(draw.normal(size=shape), dtype) for shape in SHAPES] for _ in range(steps)]


def leaves(arrays):
    return [tj.asarray(a.copy()).requires_grad_() for a in arrays]


def give(params, grads):
    for param, grad in zip(params, grads):
        param.grad = None if grad is None else tj.asarray(grad.copy())


def values(params):
    return [p.detach().numpy().copy() for p in params]


def run(optimizer, params, batches):
    for grads in batches:
        give(params, grads)
        optimizer.step()
    return values(params)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", OPTIMISERS)
def test_twenty_steps_equal_pytorchs(name, dtype):
    """Also when a parameter has no gradient at some steps, and hyperparameters change on the way."""
    torch = pytest.importorskip("torch")
    kind, settings = OPTIMISERS[name]
    mine = leaves(starts(dtype))
    theirs = [torch.tensor(a, requires_grad=True) for a in starts(dtype)]
    ours, oracle = optimiser(name, mine), getattr(torch.optim, kind)(theirs, **settings)
    for step, grads in enumerate(gradients(dtype, 20)):
        if step in (4, 5, 11):
            grads[1] = None
        if step == 8:
            for optimizer in (ours, oracle):
                group = optimizer.param_groups[0]
                group["lr"] *= 0.5
                if "betas" in group:
                    group["betas"] = (0.7, 0.9)
        give(mine, grads)
        for param, grad in zip(theirs, grads):
            param.grad = None if grad is None else torch.tensor(grad)
        ours.step()
        oracle.step()
        for a, b in zip(mine, theirs):
            np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
    assert all((a != b).any() for a, b in zip(values(mine), starts(dtype)))


@pytest.mark.parametrize("name", OPTIMISERS)
def test_a_saved_optimiser_goes_on_to_the_same_bits(name):
    batches = gradients("float32", 12)
    batches[2][0] = None  # so that step counts differ
    params = leaves(starts("float32"))
    expected = run(optimiser(name, params), params, batches)

    params = leaves(starts("float32"))
    first = optimiser(name, params)
    run(first, params, batches[:5])
    resumed = leaves(values(params))
    second = optimiser(name, resumed, lr=123.0)
    second.load_state_dict(first.state_dict())
    got = run(second, resumed, batches[5:])
    if "adam" in name or name == "amsgrad":  # powers of the betas are taken anew, not multiplied up
        for a, b in zip(got, expected):
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)
    else:
        assert all(np.array_equal(a, b) for a, b in zip(got, expected))


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))], ids=["deepcopy", "pickle"])
def test_copies_step_alike_and_apart(duplicate):
    params = leaves(starts("float32"))
    optimizer = optimiser("adam decayed", params)
    batches = gradients("float32", 6)
    run(optimizer, params, batches[:3])
    other = duplicate(optimizer)
    twins = other.param_groups[0]["params"]
    before = values(params)
    got = run(other, twins, batches[3:])
    assert all(np.array_equal(a, b) for a, b in zip(values(params), before))
    assert all(np.array_equal(a, b) for a, b in zip(got, run(optimizer, params, batches[3:])))


@pytest.mark.parametrize("name", OPTIMISERS)
def test_no_gradient_is_skipped_and_a_zero_one_takes_a_step(name):
    params = leaves(starts("float64"))
    optimizer = optimiser(name, params, **({"momentum": 0.9} if name == "sgd" else {}))
    run(optimizer, params, gradients("float64", 2))
    before = values(params)
    give(params, [np.zeros(SHAPES[0]), None, None])
    optimizer.step()
    after = values(params)
    assert np.array_equal(after[1], before[1]) and np.array_equal(after[2], before[2])
    assert [float(optimizer.state[p]["step"].item()) for p in params] == [3.0, 2.0, 2.0]
    assert name in ("adagrad", "rmsprop") or not np.array_equal(after[0], before[0])


def test_zero_grad_sets_to_none_or_to_zero():
    (param, *_) = params = leaves(starts("float32"))
    optimizer = optimiser("sgd", params)
    give(params, gradients("float32", 1)[0])
    held = param.grad
    optimizer.zero_grad(set_to_none=False)
    assert param.grad is held and not held.numpy().any()
    optimizer.zero_grad()
    assert all(p.grad is None for p in params)


def test_the_closure_runs_with_gradients_and_its_loss_is_returned():
    x = tj.asarray(np.array([3.0])).requires_grad_()
    optimizer = tj.optim.SGD([x], lr=0.25)

    def closure():
        optimizer.zero_grad()
        loss = (x * x).sum()
        loss.backward()
        return loss

    with tj.no_grad():
        loss = optimizer.step(closure)
    assert loss.item() == 9.0 and x.item() == 1.5


def test_groups_have_their_own_hyperparameters():
    a, b, c = leaves(starts("float64"))
    optimizer = tj.optim.SGD([{"params": [a]}, {"params": b, "lr": 2.0}], lr=1.0)
    optimizer.add_param_group({"params": [("bias", c)], "lr": 3.0})
    before = values([a, b, c])
    give([a, b, c], [np.ones(s) for s in SHAPES])
    optimizer.step()
    for value, start, lr in zip(values([a, b, c]), before, (1.0, 2.0, 3.0)):
        np.testing.assert_array_equal(value, start - lr)


def test_hyperparameters_may_be_written_in_every_way_a_dict_has():
    (x,) = leaves([np.zeros(1)])
    optimizer = tj.optim.SGD([x], lr=1.0)
    group = optimizer.param_groups[0]
    ways = [
        lambda: group.__setitem__("lr", 2.0),
        lambda: group.update(lr=3.0),
        lambda: group.update({"lr": 4.0}),
        lambda: group.__ior__({"lr": 5.0}),
        lambda: group.__setitem__("lr", tj.asarray(np.array(6.0))),
    ]
    for expected, write in enumerate(ways, 2):
        write()
        before = x.item()
        give([x], [np.ones(1)])
        optimizer.step()
        assert group["lr"] == expected and before - x.item() == expected


def test_a_hyperparameter_switched_on_later_takes_effect():
    torch = pytest.importorskip("torch")
    mine, theirs = tj.asarray(np.ones(3)).requires_grad_(), torch.ones(3, dtype=torch.float64, requires_grad=True)
    ours, oracle = tj.optim.SGD([mine], lr=0.1), torch.optim.SGD([theirs], lr=0.1)
    for step in range(6):
        if step == 2:
            ours.param_groups[0].update(momentum=0.9, weight_decay=0.1)
            oracle.param_groups[0].update(momentum=0.9, weight_decay=0.1)
        mine.grad, theirs.grad = tj.asarray(np.full(3, step + 1.0)), torch.full((3,), step + 1.0, dtype=torch.float64)
        ours.step()
        oracle.step()
    np.testing.assert_allclose(mine.detach().numpy(), theirs.detach().numpy(), rtol=1e-12)


def test_state_has_pytorchs_names_and_loads_pytorchs():
    torch = pytest.importorskip("torch")
    theirs = [torch.tensor(a, requires_grad=True) for a in starts("float32")]
    oracle = torch.optim.Adam(theirs, lr=0.05)
    mine = leaves(starts("float32"))
    batches = gradients("float32", 6)
    for grads in batches[:3]:
        for param, grad in zip(theirs, grads):
            param.grad = torch.tensor(grad)
        oracle.step()
    saved = oracle.state_dict()
    ours = tj.optim.Adam(leaves([t.detach().numpy() for t in theirs]))
    mine = ours.param_groups[0]["params"]
    assert set(ours.state[mine[0]]) == set(saved["state"][0])
    ours.load_state_dict({
        "param_groups": saved["param_groups"],
        "state": {k: {n: tj.asarray(t.numpy()) for n, t in kept.items()} for k, kept in saved["state"].items()},
    })
    got = run(ours, mine, batches[3:])
    for grads in batches[3:]:
        for param, grad in zip(theirs, grads):
            param.grad = torch.tensor(grad)
        oracle.step()
    for a, b in zip(got, theirs):
        np.testing.assert_allclose(a, b.detach().numpy(), rtol=1e-6, atol=1e-6)


def test_minimises():
    """Each optimiser finds the bottom of a bowl from the same place."""
    for name in OPTIMISERS:
        if "upwards" in name or name == "adagrad decayed":
            continue
        (x,) = leaves([np.array([1.0, -2.0])])
        optimizer = optimiser(name, [x], weight_decay=0.0, lr=0.5 if "adagrad" in name else 0.05)
        for _ in range(1500):
            optimizer.zero_grad()
            ((x - 0.5) * (x - 0.5)).sum().backward()
            optimizer.step()
        assert np.abs(values([x])[0] - 0.5).max() < 0.1, name


@pytest.mark.parametrize(
    "make, says",
    [
        (lambda x: tj.optim.SGD([], lr=0.1), "no parameters"),
        (lambda x: tj.optim.SGD(x, lr=0.1), "list of tensors"),
        (lambda x: tj.optim.SGD([x, x], lr=0.1), "twice"),
        (lambda x: tj.optim.SGD([np.zeros(3)], lr=0.1), "ndarray"),
        (lambda x: tj.optim.SGD([x * 2], lr=0.1), "leaf"),
        (lambda x: tj.optim.SGD([tj.asarray(np.arange(3))], lr=0.1), "int64"),
        (lambda x: tj.optim.SGD([x], lr=0.1, nesterov=True), "momentum"),
        (lambda x: tj.optim.Adam([x], betas=(0.9, 1.0)), "betas"),
        (lambda x: tj.optim.Adam([x]).load_state_dict({"state": {}, "param_groups": []}), "groups of"),
    ],
)
def test_errors_teach(make, says):
    with pytest.raises(tj.TracejitError, match=says) as caught:
        make(tj.asarray(np.zeros(3)).requires_grad_())
    assert __file__ in str(caught.value)


def test_unknown_keywords_are_refused_and_pytorchs_switches_taken():
    (x,) = leaves([np.zeros(1)])
    with pytest.raises(TypeError, match="learning_rate"):
        tj.optim.Adam([x], learning_rate=0.1)
    tj.optim.Adam([x], fused=True, foreach=False, capturable=True)


def _train(name, wrap, steps=12):
    """A small regression; the learning rate changes at each step."""
    draw = np.random.default_rng(5)
    x, y = (tj.asarray(draw.normal(size=shape).astype(np.float32)) for shape in ((16, 4), (16, 5)))
    params = leaves([draw.normal(size=(4, 5)).astype(np.float32), np.zeros(5, np.float32)])
    optimizer = optimiser(name, params)
    schedule = tj.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)

    def step(x, y):
        optimizer.zero_grad()
        loss = ((x @ params[0] + params[1] - y) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss

    step = wrap(step)
    losses = []
    for _ in range(steps):
        losses.append(step(x, y).item())
        schedule.step()
    state = [t.numpy().copy() for p in params for t in optimizer.state[p].values()]
    return losses, values(params) + state, step


@pytest.mark.parametrize("name", OPTIMISERS)
def test_a_compiled_step_gives_the_bits_of_an_eager_one_and_a_changing_rate_never_retraces(name):
    losses, eager, _ = _train(name, lambda f: f)
    compiled_losses, compiled, step = _train(name, tj.compile)
    assert compiled_losses == losses
    assert all(a.tobytes() == b.tobytes() for a, b in zip(compiled, eager))
    info = step.cache_info()
    assert step.trace_count == 1 and info.modes == ("graph",), info


def test_changing_momenta_do_not_retrace_either():
    found = []
    for wrap in (lambda f: f, tj.compile):
        (x,) = leaves([np.array([1.0, -2.0])])
        optimizer = tj.optim.Adam([x], lr=0.1)
        schedule = tj.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.3, total_steps=20)

        def step(x=x, optimizer=optimizer):
            optimizer.zero_grad()
            (x * x).sum().backward()
            optimizer.step()

        step = wrap(step)
        for _ in range(10):
            step()
            schedule.step()
        found.append(x.detach().numpy().tobytes())
    assert found[0] == found[1] and step.trace_count == 1
