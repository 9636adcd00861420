"""The gate: a call that it lets through gives what eager mode gives, and leaves no reference behind; any other call reaches Python."""

from __future__ import annotations

import collections
import copy
import gc
import inspect
import pickle
import sys
import threading
import weakref

import numpy as np
import pytest

import tracejit as tj
import tracejit.nn.functional as F
from tracejit import nn, permits
from tracejit.permits import table
from tracejit.permits.check import Unread, read_check
from tracejit.compile import ADMITTED

ROUNDS = 2 * ADMITTED  # calls after which a trace has its permit


def admitted(function, *args):
    """A compiled function whose gate lets a call with these arguments through."""
    compiled = tj.compile(function)
    for _ in range(ROUNDS):
        compiled(*args)
    before = compiled._gate.hits
    compiled(*args)
    assert compiled._gate.hits == before + 1
    return compiled


def same(a, b) -> bool:
    """Whether two results are alike to the bit, in type, dtype, shape and history."""
    if isinstance(a, (tuple, list)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return type(b) is dict and same(list(a.items()), list(b.items()))
    if isinstance(a, tj.Tensor):
        return type(b) is type(a) and a.requires_grad == b.requires_grad and same(a.detach().numpy(), b.detach().numpy())
    if isinstance(a, (np.ndarray, np.generic)):
        return type(a) is type(b) and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return type(a) is type(b) and a == b


def draw(*shape, dtype=np.float32):
    return np.random.default_rng(len(shape)).uniform(-1, 1, shape).astype(dtype)


# Arguments


def scaled(x, y, factor=2.0, flag=True, name="a"):
    return x * factor + y if flag and name == "a" else x - y


class Tagged(tj.Tensor):
    pass


def tagged(array):
    found = object.__new__(Tagged)
    found._value = array
    return found


X, Y = draw(4, 6), draw(4, 6) + 1
CALLS = {
    "as before": lambda: ((tj.asarray(X), tj.asarray(Y), 2.0, True, "a"), {}),
    "another value": lambda: ((tj.asarray(X + 1), tj.asarray(Y), 2.0, True, "a"), {}),
    "an equal float": lambda: ((tj.asarray(X), tj.asarray(Y), float("2.0"), True, "a"), {}),
    "another float": lambda: ((tj.asarray(X), tj.asarray(Y), 3.0, True, "a"), {}),
    "an integer for a float": lambda: ((tj.asarray(X), tj.asarray(Y), 2, True, "a"), {}),
    "NaN": lambda: ((tj.asarray(X), tj.asarray(Y), float("nan"), True, "a"), {}),
    "minus zero": lambda: ((tj.asarray(X), tj.asarray(Y), -0.0, True, "a"), {}),
    "a NumPy scalar": lambda: ((tj.asarray(X), tj.asarray(Y), np.float32(2), True, "a"), {}),
    "False": lambda: ((tj.asarray(X), tj.asarray(Y), 2.0, False, "a"), {}),
    "1 for True": lambda: ((tj.asarray(X), tj.asarray(Y), 2.0, 1, "a"), {}),
    "another string": lambda: ((tj.asarray(X), tj.asarray(Y), 2.0, True, "b"), {}),
    "another dtype": lambda: ((tj.asarray(X.astype("f8")), tj.asarray(Y), 2.0, True, "a"), {}),
    "another shape": lambda: ((tj.asarray(X[:2]), tj.asarray(Y[:2]), 2.0, True, "a"), {}),
    "another rank": lambda: ((tj.asarray(X[0]), tj.asarray(Y), 2.0, True, "a"), {}),
    "no elements": lambda: ((tj.asarray(X[:0]), tj.asarray(Y[:0]), 2.0, True, "a"), {}),
    "transposed": lambda: ((tj.asarray(np.asfortranarray(X)), tj.asarray(Y), 2.0, True, "a"), {}),
    "reversed": lambda: ((tj.asarray(X[:, ::-1]), tj.asarray(Y), 2.0, True, "a"), {}),
    "broadcast": lambda: ((tj.asarray(np.broadcast_to(X[0], X.shape)), tj.asarray(Y), 2.0, True, "a"), {}),
    "one array twice": lambda: ((t := tj.asarray(X), t, 2.0, True, "a"), {}),
    "NumPy arrays": lambda: ((X, Y, 2.0, True, "a"), {}),
    "one NumPy array": lambda: ((tj.asarray(X), Y, 2.0, True, "a"), {}),
    "a number": lambda: ((tj.asarray(X), 5.0, 2.0, True, "a"), {}),
    "requires grad": lambda: ((tj.asarray(X).requires_grad_(), tj.asarray(Y), 2.0, True, "a"), {}),
    "a history": lambda: ((tj.asarray(X).requires_grad_() * 1, tj.asarray(Y), 2.0, True, "a"), {}),
    "a parameter": lambda: ((nn.Parameter(tj.asarray(X)), tj.asarray(Y), 2.0, True, "a"), {}),
    "a subclass": lambda: ((tagged(X), tj.asarray(Y), 2.0, True, "a"), {}),
    "by keyword": lambda: ((tj.asarray(X),), dict(y=tj.asarray(Y), factor=2.0, flag=True, name="a")),
    "by default": lambda: ((tj.asarray(X), tj.asarray(Y)), {}),
    "too few": lambda: ((tj.asarray(X),), {}),
    "too many": lambda: ((tj.asarray(X), tj.asarray(Y), 2.0, True, "a", 1), {}),
    "an unknown keyword": lambda: ((tj.asarray(X), tj.asarray(Y)), {"other": 1}),
}  # fmt: skip
LET_THROUGH = {"as before", "another value", "an equal float"}


def outcome(function, args, kwargs):
    try:
        return function(*args, **kwargs)
    except Exception as error:
        return type(error)


@pytest.fixture(scope="module")
def gate_of_scaled():
    return admitted(scaled, *CALLS["as before"]()[0])


@pytest.mark.parametrize("change", CALLS)
def test_a_call_with_other_arguments_gives_what_eager_mode_gives(gate_of_scaled, change):
    args, kwargs = CALLS[change]()
    before = gate_of_scaled._gate.hits
    got = outcome(gate_of_scaled, args, kwargs)
    assert (gate_of_scaled._gate.hits > before) == (change in LET_THROUGH)
    assert same(got, outcome(scaled, args, kwargs))


@pytest.mark.parametrize("change", CALLS)
def test_each_call_has_a_pass_of_its_own_or_none(change):
    args, kwargs = CALLS[change]()
    compiled = tj.compile(scaled)
    for _ in range(ROUNDS + 1):
        assert same(outcome(compiled, args, kwargs), outcome(scaled, args, kwargs))


def spelt(x, y=2.0, /, z=3.0, *rest, k=4.0, **more):
    total = x * y + z - k
    for value in (*rest, *more.values()):
        total = total + value
    return total


def plain(x, y=2.0, z=None):
    return x * y if z is None else x * y + z


T = [tj.asarray(X + n) for n in range(4)]
SPELLINGS = [
    (plain, (T[0],), {}), (plain, (T[0], T[1]), {}), (plain, (T[0],), {"y": T[1]}), (plain, (T[0],), {"z": T[1]}), (plain, (T[0],), {"z": T[1], "y": T[2]}),
    (plain, (), {"z": T[1], "x": T[2], "y": 5.0}), (plain, (T[0], 2.0, None), {}), (plain, (T[0], T[1]), {"z": T[2]}),
    (spelt, (T[0],), {"k": T[1]}), (spelt, (T[0], T[1], T[2], T[3], 7.0), {"k": 1.0}), (spelt, (T[0], 1.0), {"z": T[1], "k": T[2]}),
    (spelt, (T[0],), {"y": T[1], "k": 1.0}), (spelt, (T[0], 1.0, 2.0), {"b": T[1], "a": T[2], "k": 3.0}), (spelt, (T[0],), {}),
]  # fmt: skip


@pytest.mark.parametrize("function, args, kwargs", SPELLINGS)
def test_however_a_call_is_spelt_it_is_let_through(function, args, kwargs):
    compiled = tj.compile(function)
    for _ in range(ROUNDS):
        assert same(compiled(*args, **kwargs), function(*args, **kwargs))
    hits = compiled._gate.hits
    assert same(compiled(*args, **kwargs), function(*args, **kwargs))
    if function is plain or "k" in kwargs and "y" not in kwargs and len(args) > 1:
        assert compiled._gate.hits == hits + 1
    for other, given, named in SPELLINGS:
        if other is function:
            assert same(compiled(*given, **named), function(*given, **named))


def test_defaults_are_read_at_each_call():
    def scaled(x, factor=2.0):
        return x * factor

    compiled, x = admitted(scaled, T[0]), T[0]
    scaled.__defaults__ = (5.0,)
    assert same(compiled(x), x * 5.0)


def test_several_signatures_are_let_through_side_by_side():
    compiled = tj.compile(lambda x: x * 2)
    arrays = [draw(n) for n in range(1, permits.LIMIT + 1)]
    for _ in range(ROUNDS):
        for array in arrays:
            compiled(array)
    before = compiled._gate.hits
    assert all(same(compiled(array), array * 2) for array in arrays)
    assert compiled._gate.hits == before + len(arrays)


class Scale:
    def __init__(self, factor):
        self.factor = factor


def test_objects_are_known_by_identity_and_not_kept():
    def times(x, scale):
        return x * scale.factor

    x, scale = tj.asarray(X), Scale(2.0)
    compiled = admitted(times, x, scale)
    assert same(compiled(x, Scale(3.0)), x * 3.0)
    scale.factor = 5.0
    assert same(compiled(x, scale), x * 5.0)
    count = sys.getrefcount(scale)
    compiled.clear()
    assert sys.getrefcount(scale) == count


# Results


RESULTS = {
    "one": lambda x: x + 1,
    "a tuple": lambda x: (x + 1, x.sum()),
    "a dict": lambda x: {"a": x + 1, "b": [x > 0]},
    "a scalar": lambda x: x.sum(),
    "of another dtype": lambda x: tj.asarray(x).astype(tj.int16),
    "an argument": lambda x: (x, x + 1),
    "a view": lambda x: (x[1:], x + 1),
    "constants": lambda x: (x + 1, None, 3, "s"),
}


@pytest.mark.parametrize("kind", ["Tensor", "NumPy"])
@pytest.mark.parametrize("name", RESULTS)
def test_results_have_eager_modes_form(name, kind):
    function, x = RESULTS[name], X if kind == "NumPy" else tj.asarray(X)
    if kind == "NumPy" and name == "of another dtype":
        return
    compiled = tj.compile(function)
    results = [compiled(x) for _ in range(ROUNDS + 2)]
    assert (compiled._gate.hits > 0) == (name not in ("an argument", "a view"))
    assert all(same(r, function(x)) for r in results)


def test_references_are_as_they_were():
    x, y = tj.asarray(X), tj.asarray(Y)
    compiled = admitted(lambda x, y, s: (x * s, y.sum()), x, y, 2.5)
    scale = float("2.5")
    gc.collect()
    objects = (x, y, x._value, scale, None, True, False, X.dtype, tj.Tensor, np.ndarray, compiled)
    before = list(map(sys.getrefcount, objects))
    for _ in range(1000):
        result = compiled(x, y, scale)
    del result
    after = list(map(sys.getrefcount, objects))
    assert all(abs(a - b) < 100 for a, b in zip(before, after))
    assert [sys.getrefcount(r) for r in compiled(x, y, scale)] == [3, 3]  # the tuple, `r`, the call


def test_misses_leave_no_reference_either():
    x, y = tj.asarray(X), tj.asarray(Y)
    compiled = admitted(lambda x, y: x * y, x, y)
    gc.collect()
    before = sys.getrefcount(x), sys.getrefcount(x._value), sys.getrefcount(None)
    for _ in range(300):
        compiled(x, x)
        compiled(x, y=y)
    assert all(abs(a - b) < 50 for a, b in zip(before, (sys.getrefcount(x), sys.getrefcount(x._value), sys.getrefcount(None))))


def test_memory_is_flat():
    x = tj.asarray(X)
    compiled = admitted(lambda x: (x * 2, x.sum()), x)
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(20_000):
        compiled(x)
    gc.collect()
    assert sys.getallocatedblocks() - before < 500


def test_arguments_die_with_the_call():
    compiled = admitted(lambda x: x + 1, tj.asarray(X))
    x = tj.asarray(X.copy())
    held = weakref.ref(x), weakref.ref(x._value)
    compiled(x)
    del x
    assert [r() for r in held] == [None, None]


def test_a_function_that_is_deleted_is_collected_with_its_captures():
    def references():
        outside = tj.asarray(draw(6).copy())
        compiled = admitted(lambda x: x * outside, tj.asarray(X))
        return [weakref.ref(o) for o in (compiled, outside, outside._value)]

    held = references()
    gc.collect()
    assert [r() for r in held] == [None] * 3


# The world


WORLD = tj.asarray(draw(6))
SCALE = 2.0


def reads_the_world(x):
    return x * WORLD * SCALE


def test_what_a_function_reads_is_seen(monkeypatch):
    x = tj.asarray(X)
    compiled = admitted(reads_the_world, x)
    WORLD._value[0] += 1  # in place
    assert same(compiled(x), reads_the_world(x))
    WORLD.requires_grad_(True)
    assert same(compiled(x), reads_the_world(x))
    WORLD.requires_grad_(False)
    kept, WORLD._value = WORLD._value, WORLD._value + 1  # another array
    assert same(compiled(x), reads_the_world(x))
    WORLD._value = kept.astype(np.float64)
    assert same(compiled(x), reads_the_world(x))
    WORLD._value = kept
    monkeypatch.setattr(sys.modules[__name__], "SCALE", 3.0)
    assert same(compiled(x), reads_the_world(x))
    monkeypatch.setattr(sys.modules[__name__], "WORLD", tj.asarray(draw(6) * 7))
    assert same(compiled(x), reads_the_world(x))


def switched(world):
    """Reads places of every kind that guards speak of."""

    def run(x):
        y = x * world["list"][1] if world["flag"] else -x
        for key, value in world["scales"].items():
            y = y * value if key != "b" else y + value
        if "extra" in world["scales"] or world["object"].deep.quiet:
            y = y + 1
        return y * len(world["names"]) * world["object"].factor()

    return run


class Deep:
    def __init__(self):
        self.deep, self.quiet, self.scale = None, False, 2.0

    def factor(self):
        return self.scale


def world():
    top = Deep()
    top.deep = Deep()
    return {"list": [1.0, 2.0], "flag": True, "scales": {"a": 3.0, "b": 0.5}, "names": ("x", "y"), "object": top}


CHANGES = {
    "nothing": lambda w: None,
    "an item": lambda w: w["list"].__setitem__(1, 7.0),
    "an item to an equal one": lambda w: w["list"].__setitem__(1, float("2.0")),
    "an item's type": lambda w: w["list"].__setitem__(1, 2),
    "a flag": lambda w: w.__setitem__("flag", False),
    "another flag of that truth": lambda w: w.__setitem__("flag", 1),
    "a key more": lambda w: w["scales"].__setitem__("c", 4.0),
    "a key less": lambda w: w["scales"].pop("a"),
    "the order of keys": lambda w: w["scales"].__setitem__("a", w["scales"].pop("a")),
    "a key that was absent": lambda w: w["scales"].__setitem__("extra", 1.0),
    "a longer tuple": lambda w: w.__setitem__("names", ("x", "y", "z")),
    "a container's class": lambda w: w.__setitem__("scales", collections.OrderedDict(w["scales"])),
    "another object": lambda w: w.__setitem__("object", world()["object"]),
    "an attribute": lambda w: setattr(w["object"], "scale", 5.0),
    "an attribute far off": lambda w: setattr(w["object"].deep, "quiet", True),
    "a method of the object's own": lambda w: setattr(w["object"], "factor", lambda: 9.0),
    "a list for a tuple": lambda w: w.__setitem__("names", ["x", "y", "z"]),
    "what is gone": lambda w: w["object"].__dict__.pop("scale"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_that_guards_see_the_gate_sees(change):
    here = world()
    run, x = switched(here), tj.asarray(X)
    compiled = admitted(run, x)
    CHANGES[change](here)
    for _ in range(ROUNDS):
        assert same(outcome(compiled, (x,), {}), outcome(run, (x,), {}))


def test_a_method_replaced_in_the_class_is_seen(monkeypatch):
    here = world()
    run, x = switched(here), tj.asarray(X)
    compiled = admitted(run, x)
    monkeypatch.setattr(Deep, "factor", lambda self: 11.0)
    assert same(compiled(x), run(x))


def test_checks_are_read_as_steps():
    here = world()
    compiled = admitted(switched(here), tj.asarray(X))
    entry = compiled._entry((tj.asarray(X),), {})
    steps, free = read_check(entry.guard, 0)
    assert len(steps) > 20 and 0 < free < len(steps)
    with pytest.raises(Unread):
        read_check(lambda: None, 0)


def test_modes_are_seen():
    w = nn.Parameter(tj.asarray(draw(6)))
    calls = []

    def product(x):
        calls.append(0)
        return x * w

    def quiet(x):
        return x * 2

    x = tj.asarray(X)
    with tj.no_grad():
        compiled = admitted(lambda x: x * w, x)
        hits = compiled._gate.hits
    assert compiled(x).requires_grad and compiled._gate.hits == hits
    with tj.no_grad():
        assert not compiled(x).requires_grad and compiled._gate.hits == hits + 1
        with tj.disable():
            compiled(x)
    assert compiled._gate.hits == hits + 1
    inner = admitted(quiet, x)
    outer = tj.compile(lambda x: inner(x) + 1)
    hits = inner._gate.hits
    assert same(outer(x), x * 2 + 1) and inner._gate.hits == hits  # traced through
    with tj.autograd.set_detect_anomaly(True):
        inner(x)
    assert inner._gate.hits == hits


def test_another_thread_has_modes_of_its_own():
    w = nn.Parameter(tj.asarray(draw(6)))
    x = tj.asarray(X)
    compiled = admitted(lambda x: x * w.detach(), x)
    recorded = admitted(lambda x: (x * 2).sum(), x)
    wrong: list[object] = []

    def work(number):
        own = tj.asarray(X + number)
        for turn in range(300):
            if (number + turn) % 2:
                with tj.no_grad():
                    results = compiled(own), recorded(own)
            else:
                results = compiled(own), recorded(own)
            if not same(results, ((own * w).detach(), (own * 2).sum())):
                wrong.append((number, turn))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert not wrong
    assert compiled._gate.hits > 300 and recorded._gate.hits > 300


def test_long_programs_run_beside_other_threads():
    big = tj.asarray(draw(700, 700))
    compiled = admitted(lambda x: tj.exp(tj.sin(x)).sum(), big)
    entry = compiled._entry((big,), {})
    assert entry.executable.long
    expected, wrong = compiled(big).item(), []

    def work():
        wrong.extend(r for r in (compiled(big).item() for _ in range(20)) if r != expected)

    threads = [threading.Thread(target=work) for _ in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert not wrong


def test_an_index_out_of_bounds_raises_eager_modes_error():
    x, index = tj.asarray(X), tj.asarray(np.array([0, 3]))
    compiled = admitted(lambda x, i: x[i] * 2, x, index)
    bad = tj.asarray(np.array([0, 4]))
    with pytest.raises(IndexError, match="index 4 on an axis of 4 elements"):
        compiled(x, bad)
    assert same(compiled(x, index), x[index] * 2)


# Training steps


def trainer():
    tj.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Dropout(0.2), nn.Linear(5, 3))
    optimizer = tj.optim.Adam(model.parameters(), lr=0.01)

    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return model, optimizer, step


def test_training_steps_are_eager_modes():
    x, y = tj.asarray(X), tj.asarray(np.array([0, 2, 1, 1]))
    worlds = []
    for road in ("eager", "Python", "gate"):
        model, optimizer, step = trainer()
        run = step if road == "eager" else tj.compile(step)
        if road == "Python":
            run._gate.admit = lambda *_: False
        losses, states, versions = [], [], []
        for turn in range(3 * ROUNDS):
            if turn == ROUNDS:
                optimizer.param_groups[0]["lr"] = 0.02
            if turn == 2 * ROUNDS:
                model.eval()
            loss = run(tj.asarray(x.numpy() + turn), y)
            losses.append((loss.item(), loss.requires_grad))
            states.append([(p.detach().numpy().tobytes(), p.grad.numpy().tobytes()) for p in model.parameters()])
            versions.append([p._version for p in model.parameters()])
        worlds.append((losses, states, versions))
        if road == "gate":
            assert run._gate.hits > ROUNDS
    assert worlds[1] == worlds[2]
    assert worlds[0][:2] == worlds[1][:2]


def test_an_argument_that_shares_memory_with_what_is_written_is_python_s():
    total = tj.zeros(4, 6)

    def accumulate(x):
        total.add_(x)
        return total.sum()

    compiled = admitted(accumulate, tj.asarray(X))
    hits = compiled._gate.hits
    for shared in (total[...], total.detach(), tj.asarray(total.numpy()), tj.asarray(total.numpy()[::-1])):
        before = total.numpy().copy()
        expected = before + shared.numpy()
        compiled(shared)
        assert same(total.numpy(), expected)
    assert compiled._gate.hits == hits


def test_views_of_what_is_written_know_of_it():
    w = tj.ones(4, 6)
    x = tj.asarray(X)

    def double(x):
        w.mul_(2.0)
        return x + 1

    compiled = admitted(double, x)
    leaf = tj.asarray(Y).requires_grad_()
    product = (leaf * w).sum()
    compiled(x)
    with pytest.raises(tj.errors.GradError):
        product.backward()


# What it looks like from outside


def test_a_compiled_function_still_looks_like_the_function():
    x, y = tj.asarray(X), tj.asarray(Y)
    compiled = admitted(scaled, x, y, 2.0, True, "a")
    assert inspect.signature(compiled) == inspect.signature(scaled)
    assert compiled.__wrapped__ is scaled and compiled.__name__ == "scaled" and callable(compiled)
    for twin in (pickle.loads(pickle.dumps(compiled)), copy.deepcopy(compiled), copy.copy(compiled), tj.compile(compiled)):
        assert same(twin(x, y), scaled(x, y)) and same(twin(x, factor=3.0, y=y), scaled(x, y, 3.0))
    assert compiled.cache_info()[:2] == (ROUNDS, 1)


def test_methods_are_let_through():
    class Model:
        def __init__(self, scale):
            self.scale = scale

        @tj.compile
        def __call__(self, x):
            return x * self.scale

    one, other, x = Model(2.0), Model(3.0), tj.asarray(X)
    for _ in range(ROUNDS):
        assert same(one(x), x * 2.0) and same(other(x), x * 3.0)
    hits = Model.__dict__["__call__"]._gate.hits
    assert same(one(x), x * 2.0) and same(other(x), x * 3.0)
    assert Model.__dict__["__call__"]._gate.hits == hits + 2


def test_without_the_known_layout_python_replays(monkeypatch):
    monkeypatch.setattr(table, "measured", lambda: False)
    x = tj.asarray(X)
    compiled = tj.compile(lambda x: x * 2)
    assert all(same(compiled(x), x * 2) for _ in range(ROUNDS + 2))
    assert compiled._gate.hits == 0


def test_a_signature_whose_calls_pass_the_gate_is_not_forgotten():
    compiled = tj.compile(lambda x: x + 1, limit=4)
    often, x = tj.ones(3), [tj.ones(n) for n in range(4, 14)]
    for _ in range(ROUNDS):
        compiled(often)
    for other in x:
        compiled(other)
        hits = compiled._gate.hits
        compiled(often)
        assert compiled._gate.hits == hits + 1
    traces = compiled.trace_count
    compiled._gate.clear()
    compiled(often)
    assert compiled.trace_count == traces and compiled.cache_info().entries == 4


def test_one_whose_calls_no_longer_pass_is():
    compiled = tj.compile(lambda x: x + 1, limit=4)
    for _ in range(ROUNDS):
        compiled(tj.ones(3))
    for n in range(4, 14):
        compiled(tj.ones(n))
    compiled._gate.clear()
    traces = compiled.trace_count
    compiled(tj.ones(3))
    assert compiled.trace_count == traces + 1
