"""The life of a compiled function: threads, forks, pickles, copies, deletion, switches, and source text that is not there."""

from __future__ import annotations

import copy
import gc
import linecache
import os
import pickle
import sys
import threading
import types
import weakref

import numpy as np
import pytest
from twins import array, both, module_of, same, same_made, vectors

import tracejit as tj


def work(x, scale=2.0):
    y = x * scale
    for _ in range(3):
        y = y + x[0]
    return y, y.sum()


compiled_work = tj.compile(work)


class Counter:
    """An object with state of its own, to be pickled and copied."""

    def __init__(self):
        self.count = 0

    def step(self, x):
        self.count += 1
        return x * self.count


# Threads and processes


@both
def test_thirty_two_threads_on_the_first_call(xp):
    compiled = tj.compile(work)
    barrier, found, errors = threading.Barrier(32), {}, []

    def run(n):
        x = array(xp, 50, seed=n)
        barrier.wait()
        try:
            found[n] = [[v.tolist() for v in compiled(x)] for _ in range(3)]
        except Exception as error:  # noqa: BLE001 told below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert found == {n: [[v.tolist() for v in work(array(xp, 50, seed=n))]] * 3 for n in range(32)}
    assert compiled.trace_count == 1


@both
def test_threads_on_several_paths_and_signatures(xp):
    def function(x):
        if x.sum() > 0:
            return x * 2
        return x[::-1] - 1

    compiled, found = tj.compile(function), {}

    def run(n):
        found[n] = [compiled(array(xp, 3 + n % 4, seed=k)).tolist() for k in range(8)]

    threads = [threading.Thread(target=run, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n: [function(array(xp, 3 + n % 4, seed=k)).tolist() for k in range(8)] for n in range(12)}


@both
def test_a_forked_child_goes_on(xp):
    x = array(xp, 70_000)
    wanted = [v.tolist() for v in work(x)]
    compiled = tj.compile(work)
    compiled(x)
    child = os.fork()
    if child == 0:
        fresh = tj.compile(lambda x: x * 3 + 1)
        good = [v.tolist() for v in compiled(x)] == wanted and (fresh(x) == x * 3 + 1).all()
        os._exit(0 if good else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert [v.tolist() for v in compiled(x)] == wanted


# Pickles and copies


@both
def test_pickles(xp):
    x = array(xp, 6)
    for function in (compiled_work, pickle.loads(pickle.dumps(compiled_work))):
        same(work, vectors(xp), compile=lambda _, f=function: f)
    revived = pickle.loads(pickle.dumps({"f": compiled_work, "x": x}))
    assert (revived["f"](revived["x"])[0] == work(x)[0]).all() and revived["f"].__name__ == "work"


@both
def test_bound_methods_are_pickled_with_their_object(xp):
    step = tj.compile(Counter().step)
    x = array(xp, 3)
    step(x)
    other = pickle.loads(pickle.dumps(step))
    assert [float(f(x)[0] / x[0]) for f in (step, other, step, other)] == [2, 2, 3, 3]


@both
def test_deep_copies(xp):
    copied = copy.deepcopy(compiled_work)
    same(work, vectors(xp), compile=lambda _: copied)
    model = types.SimpleNamespace(weight=array(xp, 6), act=compiled_work)
    twin = copy.deepcopy(model)
    twin.weight[0] = 99
    assert float(model.weight[0]) != 99 and (twin.act(twin.weight)[0] == work(twin.weight)[0]).all()
    assert copy.copy(compiled_work)(model.weight)[1] == work(model.weight)[1]


# Memory


@both
def test_what_is_deleted_frees_its_memory(xp):
    class Held:
        def __init__(self, weight):
            self.weight = weight

    def make():
        held = Held(array(xp, 1000))
        return (lambda x: x + held.weight), weakref.ref(held)

    function, held = make()
    compiled = tj.compile(function)
    for _ in range(20):
        compiled(array(xp, 1000))
    alive = weakref.ref(compiled)
    del function, compiled
    gc.collect()
    assert alive() is None and held() is None


@both
def test_arguments_and_results_are_not_kept(xp):
    compiled = tj.compile(lambda x: (x * 2, x[1:]))
    x = array(xp, 1_000_000)  # small arrays of the last call may be
    for _ in range(20):
        results = compiled(x)
    watched = [weakref.ref(v) for v in (x, *results)]
    del x, results
    gc.collect()
    assert [w() is None for w in watched] == [True] * 3


@both
def test_an_object_among_the_arguments_is_not_kept(xp):
    compiled = tj.compile(lambda counter, x: counter.step(x))
    counter = Counter()
    for _ in range(4):
        compiled(counter, array(xp, 3))
    watched = weakref.ref(counter)
    del counter
    gc.collect()
    assert watched() is None


def test_kernels_and_traces_are_bounded():
    compiled = tj.compile(lambda x, n: x + n)
    for n in range(300):
        compiled(array(np, 3), n)
    assert compiled.cache_info().entries <= 256
    compiled.clear()
    assert compiled.cache_info().entries == 0 and (compiled(array(np, 3), 1) == array(np, 3) + 1).all()


# Switches


def noted(xp, notes):
    """A function that notes what kind of value it sees when Python runs."""

    def function(x):
        notes.append(type(x * 2))
        return x * 2

    return function


@both
def test_disabled_in_a_block(xp):
    notes = []
    compiled = tj.compile(noted(xp, notes))
    x = array(xp, 3)
    with tj.disable():
        for n in range(3):
            assert (compiled(x) == x * 2).all() and len(notes) == n + 1
        assert compiled.trace_count == 0
    assert (compiled(x) == x * 2).all() and compiled.trace_count == 1
    with pytest.raises(KeyError), tj.disable():
        raise KeyError
    compiled(x)
    assert notes[:3] == [type(x)] * 3


def test_disabled_by_the_environment():
    text = "import numpy as np, tracejit as tj\nf = tj.compile(lambda x: x + 1)\nprint(f(np.ones(2)), f(tj.ones(2)).tolist(), f.trace_count)"
    out = os.popen(f"TRACEJIT_DISABLE=1 {sys.executable} -c '{text}'").read()
    assert out == "[2. 2.] [2.0, 2.0] 0\n"


@both
def test_fullgraph_takes_graphs_and_names_the_line_of_anything_else(xp):
    strict = tj.compile(lambda x: x * 2 + x.sum(), fullgraph=True)
    same(strict.__wrapped__, vectors(xp), compile=lambda _: strict)

    def printing(x):
        y = x + 1
        print("there")
        return y

    with pytest.raises(tj.CompileError, match=r"test_scenarios_life.py:\d+|line \d+ of test_scenarios_life.py"):
        tj.compile(printing, fullgraph=True)(array(xp, 3))


# Source text


@both
def test_helpers_in_another_module(xp, tmp_path):
    module = module_of(tmp_path / "helpers.py", "SHIFT = 3\n\ndef helper(x, by=2):\n    x[0] = SHIFT\n    return x * by + SHIFT\n")

    def arguments(n):
        module.SHIFT = n // 2
        return (array(xp, 4, seed=n),)

    same(lambda x: module.helper(x) - module.helper(x, by=5), arguments)


@both
def test_a_function_without_source(xp):
    scope = {"xp": xp}
    exec("def function(x):\n    y = x * 2\n    y[0] = 7\n    return y, y.sum(), xp.exp(x * 0)", scope)
    same(scope["function"], vectors(xp))
    same(eval("lambda x: (x[::-1] + 1, type(x[0]).__name__)"), vectors(xp))


@both
def test_a_source_file_that_has_changed_or_gone_since(xp, tmp_path):
    path = tmp_path / "changed.py"
    module = module_of(path, "def helper(x):\n    return x * 2\n\ndef function(x):\n    return helper(x) + 1, type(x).__name__\n")
    path.write_text("def helper(x):\n    return x * 3\n\ndef function(x):\n    return helper(x) + 100, type(x).__name__\n")
    same(module.function, vectors(xp))
    module = module_of(path, "def function(x):\n    return x * 2\n")
    path.unlink()
    linecache.clearcache()
    same(module.function, vectors(xp))


@both
def test_two_lambdas_on_one_line(xp):
    first, second = (lambda x: x + 1), (lambda x: x * 2)
    same(first, vectors(xp))
    same(second, vectors(xp))
    for function in [lambda x: x - 1, lambda x: x - 2]:  # noqa: B007
        same(function, vectors(xp))


@both
def test_locals_eval_exec_and_frames(xp):
    def function(x):
        y = x * 2
        names = sorted(k for k in locals() if k in "xy")
        z = eval("y + 1", {"y": y})
        frame = sys._getframe()
        return names, z, frame.f_code.co_name, vars() is not None

    same(function, vectors(xp))


@both
def test_names_hidden_mangled_and_shadowed(xp):
    class Secret:
        __scale = 3

        def __init__(self):
            self.__bonus = 2

        def work(self, x):
            return x * self.__scale + self.__bonus

        def chained(self, x):
            return super().__class__ is type(self), __class__.__name__, self.work(x)

    def function(x, sum=max, len=3):  # noqa: A002 what is tested
        abs = x + len  # noqa: A001
        return sum(1, 2), abs

    same(Secret().work, vectors(xp))
    same(Secret().chained, vectors(xp))
    same(function, vectors(xp))


class Base:
    def work(self, x):
        return x + 1


class Derived(Base):
    def work(self, x):
        return super().work(x) * 2


@both
def test_super_and_overridden_methods(xp):
    def make():
        child = Derived()
        return child.work, child

    same_made(make, vectors(xp))
