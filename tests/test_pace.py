"""Of calls that only Python can run: the faster way is taken, it is found by the clock, and no result depends on it."""

import functools
import sys

import numpy as np
import pytest
from conftest import FOLLOWING, MEASURED

import tracejit as tj
from tracejit import pace
from tracejit.compile import _Called
from tracejit.pace import LEAD, PATHS, REST, SHARE, TRIES, Pace

CALLS = 6 + 2 * TRIES  # until the first choice is made


class Clock:
    """Time passes only as the test says."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr(pace, "perf_counter", lambda: self.now)

    def ways(self, lazy, python):
        """Two functions that take so long, and tell which of them was called."""

        def taking(seconds, name):
            def way():
                self.now += seconds
                return name

            return way

        return taking(lazy, "lazy"), taking(python, "python")


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def run(chosen, ways, calls):
    found = []
    for _ in range(calls):
        chosen.rests()
        found.append(chosen.run(*ways))
    return found


@pytest.mark.parametrize(("lazy", "python"), [(1e-5, 2e-5), (2e-5, 1e-5), (3.0, 1.0), (1.0, 3.0), (1e-5, 1e-5)])
def test_the_faster_way_is_taken(clock, lazy, python):
    chosen, ways = Pace(), clock.ways(lazy, python)
    run(chosen, ways, 2 * TRIES)
    faster = "python" if python < lazy else "lazy"
    assert chosen.mode == faster
    assert set(run(chosen, ways, REST // 2)) == {faster}


def test_both_ways_are_measured_in_turns(clock):
    found = run(Pace(), clock.ways(1e-5, 1e-5), 2 * TRIES)
    assert all({a, b} == {"lazy", "python"} for a, b in zip(found[::2], found[1::2]))


def test_long_calls_are_measured_once_each(clock):
    found = run(Pace(), clock.ways(1.0, 2.0), 2 * TRIES)
    assert found.count("python") == 1


def test_it_is_measured_again_at_rarer_and_rarer_calls(clock):
    chosen = Pace()
    run(chosen, clock.ways(1e-5, 1.2e-5), 2 * TRIES)
    found = run(chosen, clock.ways(1.2e-5, 1e-5), REST + 2 * TRIES)
    assert found[-1] == chosen.mode == "python"
    counts = [run(chosen, clock.ways(1e-5, 1.2e-5), 1000).count("lazy") for _ in range(2)]
    assert chosen.mode == "lazy" and counts[0] > 0
    measured = run(chosen, clock.ways(1e-5, 1.2e-5), 10_000).count("python")
    assert 0 < measured <= 4 * TRIES


BEHIND = [1.01, 1.3, 1.8, 4.0, 10.0, 1000.0]  # times as long as the faster way


@pytest.mark.parametrize("slower", ["lazy", "python"])
@pytest.mark.parametrize("times", BEHIND)
def test_what_measuring_loses_is_a_small_share_of_all_time(clock, slower, times):
    """After the first choice, at whatever call one looks: at most SHARE, and the one measurement that is under way."""
    chosen, seconds = Pace(), {"lazy": 1e-5, "python": 1e-5, slower: times * 1e-5}
    ways = clock.ways(**seconds)
    run(chosen, ways, 2 * TRIES)
    lost, most = 0, TRIES * (times - 1)
    for call in range(1, 20_000):
        lost += run(chosen, ways, 1).count(slower) * (times - 1)  # in calls of the faster way
        assert lost <= SHARE * call + most


@pytest.mark.parametrize("slower", ["lazy", "python"])
@pytest.mark.parametrize("times", BEHIND)
def test_a_way_far_behind_is_tried_twice_and_then_once_at_a_time(clock, slower, times):
    seconds = {"lazy": 1e-5, "python": 1e-5, slower: times * 1e-5}
    chosen, ways = Pace(), clock.ways(**seconds)
    first = run(chosen, ways, REST).count(slower)
    again = 0
    while not again:
        again = run(chosen, ways, REST // 2).count(slower)
    again += run(chosen, ways, 2 * TRIES).count(slower)  # of those that had only begun
    assert (first, again) == {1.01: (4, 4), 1.3: (4, 4), 1.8: (3, 3)}.get(times, (2, 1))


def test_a_way_that_was_far_behind_is_taken_once_it_is_ahead(clock):
    chosen = Pace()
    run(chosen, clock.ways(8e-5, 1e-5), REST)
    assert chosen.mode == "python"
    run(chosen, clock.ways(1e-6, 1e-5), 100 * REST)
    assert chosen.mode == "lazy"


def test_what_is_pinned_is_not_measured(clock):
    chosen = Pace()
    chosen.pin("because")
    assert set(run(chosen, clock.ways(1e-6, 1.0), 10 * REST)) == {"python"}


def test_a_measurement_that_raises_is_none(clock):
    chosen, (lazily, plainly) = Pace(), clock.ways(2e-5, 1e-5)

    def fails():
        raise KeyError("the user's own")

    for _ in range(2 * TRIES):
        chosen.rests()
        with pytest.raises(KeyError):
            chosen.run(fails, fails)
    assert chosen.mode == "lazy"
    run(chosen, (lazily, plainly), 2 * TRIES)
    assert chosen.mode == "python"


def told(monkeypatch, **seconds):
    """Measurements of compiled functions give these seconds."""
    note = Pace._note
    monkeypatch.setattr(Pace, "_note", lambda self, way, _: note(self, way, seconds[way]))


@pytest.mark.parametrize("faster", ["lazy", "python"])
def test_modes_and_reasons_say_what_was_chosen(monkeypatch, faster):
    told(monkeypatch, **{"lazy": 4e-5, "python": 4e-5, faster: 1e-5})
    log = []

    @tj.compile
    def function(x):
        log.append(1)
        return x * 2 + 1

    x = tj.ones(5)
    for n in range(CALLS + REST):
        assert (function(x).numpy() == 3).all() and len(log) == n + 1
    info = function.cache_info()
    assert info.modes[-1] == faster
    assert all("(.append)" in reason for reason in info.reasons)
    assert ("eager is faster here: 10 µs against 40 µs" in info.reasons[-1]) is (faster == "python")


def test_a_function_that_becomes_stable_is_found_out_in_python_mode(monkeypatch):
    told(monkeypatch, lazy=4e-5, python=1e-5)
    log, settings = [], {"keep": True}

    @tj.compile
    def function(x):
        if settings["keep"]:
            log.append(1)
        return x * 2

    x = tj.ones(3)
    for _ in range(CALLS):
        function(x)
    assert function.cache_info().modes[-1] == "python"
    settings["keep"] = False
    for _ in range(4 * REST):
        function(x)
    assert function.cache_info().modes[-1] == "graph" and len(log) == CALLS


# What is left to Python passes the gate

ARGUMENTS = {
    "tensors": lambda: ((tj.ones(3), tj.ones(3)), {}),
    "arrays": lambda: ((np.ones(3), np.ones(3)), {}),
    "numbers": lambda: ((3, 4.5), {}),
    "by keyword": lambda: ((np.ones(3),), {"y": tj.ones(3)}),
    "lists": lambda: (([np.ones(3)], [4]), {}),
    "one array twice": lambda: ((array := np.ones(3), array), {}),
}


def left_to_python(monkeypatch, body):
    """A compiled function that is faster in Python, and what it was called with."""
    told(monkeypatch, lazy=4e-5, python=1e-5)
    seen = []

    @tj.compile
    def function(x, y):
        seen.append((x, y))
        return body(x, y)

    return function, seen


@pytest.mark.parametrize("name", ARGUMENTS)
def test_calls_left_to_python_pass_the_gate_as_they_came(monkeypatch, name):
    function, seen = left_to_python(monkeypatch, lambda x, y: x)
    for _ in range(10 * REST):
        (x, *rest), kwargs = ARGUMENTS[name]()
        before = function._gate.hits
        found = function(x, *rest, **kwargs)
        if function._gate.hits > before:
            y = rest[0] if rest else kwargs["y"]
            assert found is x and seen[-1][0] is x and seen[-1][1] is y
    assert len(seen) == 10 * REST and function._gate.hits > 5 * REST
    assert function.cache_info().hits + function.cache_info().traces == 10 * REST


def test_other_arguments_are_looked_at(monkeypatch):
    function, _ = left_to_python(monkeypatch, lambda x, y: x + y)
    for _ in range(2 * REST):
        function(tj.ones(3), tj.ones(3))
    traces, before = function.trace_count, function._gate.hits
    function(tj.ones(4), tj.ones(4))
    assert function.trace_count == traces + 1 and function._gate.hits == before


def test_arguments_that_a_permit_cannot_tell_are_looked_at_now_and_then(monkeypatch):
    function, _ = left_to_python(monkeypatch, lambda x, y: x[0] + y[0])
    for _ in range(2 * REST):
        function([tj.ones(3)], [tj.ones(3)])
    traces = function.trace_count
    for _ in range(10 * REST):
        function([tj.ones(4)], [tj.ones(4)])
    assert function.trace_count > traces


def test_an_error_passes_the_gate(monkeypatch):
    function, _ = left_to_python(monkeypatch, lambda x, y: x / y)
    for _ in range(3 * REST):
        function(3, 2)
    before = function._gate.hits
    assert function(3, 2) == 1.5 and function._gate.hits == before + 1
    with pytest.raises(ZeroDivisionError):
        function(3, 0)
    with pytest.raises(TypeError, match="missing"):
        function(3)


def test_no_reference_is_held_while_python_runs(monkeypatch):
    function, seen = left_to_python(monkeypatch, lambda x, y: sys.getrefcount(x))
    x = np.arange(3.0)
    other = _Called()  # any object whose `__call__` is written in C
    other.__call__ = functools.partial(function.__wrapped__)
    for _ in range(4 * REST):
        seen.clear()
        wanted = other(x, 1)
        seen.clear()
        before = function._gate.hits
        found = function(x, 1)
        assert found == wanted or function._gate.hits == before
    assert function._gate.hits > REST


def test_references_are_given_back(monkeypatch):
    function, seen = left_to_python(monkeypatch, lambda x, y: None)
    x, y = np.ones(3), tj.ones(3)
    for _ in range(3 * REST):
        function(x, y)
    seen.clear()
    before, hits = [sys.getrefcount(v) for v in (x, y, None)], function._gate.hits
    for _ in range(10):
        function(x, y)
    seen.clear()
    assert function._gate.hits == hits + 10
    assert [sys.getrefcount(v) for v in (x, y)] == before[:2] and abs(sys.getrefcount(None) - before[2]) < 5


# Replays of NumPy code


@pytest.fixture
def replays_are_measured(monkeypatch):
    monkeypatch.setattr(Pace, "run", MEASURED)
    monkeypatch.setattr(Pace, "following", FOLLOWING)


def straight(x):
    return x * 2 + 1


def branches(x):
    return x * 2 + 1 if x[0] > 0 else x - 1


@pytest.mark.usefixtures("replays_are_measured")
@pytest.mark.parametrize(("function", "way"), [(straight, "graph"), (branches, "tree")])
@pytest.mark.parametrize("faster", ["replay", "python"])
def test_numpy_code_is_replayed_where_that_is_faster(monkeypatch, function, way, faster):
    told(monkeypatch, **{way: 4e-3, "python": 4e-3, {"replay": way, "python": "python"}[faster]: 1e-3})
    compiled = tj.compile(function)
    for n in range(CALLS + REST):
        x = np.arange(n + 1.0, n + 4.0)
        np.testing.assert_array_equal(compiled(x), function(x))
    info = compiled.cache_info()
    assert info.modes == ("python" if faster == "python" else way,) and compiled.trace_count == 1
    assert info.reasons == (("eager is faster here: 1 ms against 4 ms",) if faster == "python" else ())


@pytest.mark.usefixtures("replays_are_measured")
@pytest.mark.parametrize(("function", "way", "chosen"), [(straight, "graph", "graph"), (branches, "tree", "python")])
def test_python_must_be_ahead_by_what_the_gate_saves_where_calls_will_pass_it(monkeypatch, function, way, chosen):
    told(monkeypatch, **{way: 1e-3 + LEAD / 2, "python": 1e-3})
    compiled = tj.compile(function)
    for _ in range(CALLS):
        compiled(np.arange(1.0, 4.0))
    assert compiled.cache_info().modes == (chosen,)


@pytest.mark.usefixtures("replays_are_measured")
def test_replays_of_tensors_and_of_whole_graphs_are_not_measured(monkeypatch):
    told(monkeypatch, graph=4e-3, python=1e-3)
    ours, whole = tj.compile(straight), tj.compile(straight, fullgraph=True)
    for _ in range(CALLS):
        ours(tj.ones(3)), whole(np.ones(3))
    assert ours.cache_info().modes == whole.cache_info().modes == ("graph",)


@pytest.mark.usefixtures("replays_are_measured")
def test_an_exception_in_python_mode_is_raised_once(monkeypatch):
    """No replay is tried after it, nor is the function called again."""
    told(monkeypatch, graph=4e-3, python=1e-3)
    calls = []

    def body(x, fails=False):
        if fails:
            calls.append(x)
            raise ValueError("the user's own")
        return x[:, np.newaxis] * 2

    compiled = tj.compile(body)
    for _ in range(CALLS):
        compiled(np.ones(3))
    assert compiled.cache_info().modes == ("python",)
    with pytest.raises(ValueError, match="the user's own"):
        compiled(np.ones(3), True)
    assert len(calls) == 1


@pytest.mark.usefixtures("replays_are_measured")
@pytest.mark.parametrize(("function", "way"), [(straight, "graph"), (branches, "tree")])
def test_replays_that_are_left_to_python_pass_the_gate(monkeypatch, function, way):
    told(monkeypatch, **{way: 4e-3, "python": 1e-3})
    compiled = tj.compile(function)
    for n in range(10 * REST):
        x = np.arange(n + 1.0, n + 4.0)
        np.testing.assert_array_equal(compiled(x), function(x))
    info = compiled.cache_info()
    assert info.hits + info.traces == 10 * REST and compiled._gate.hits > 8 * REST
    x = np.arange(4.0)
    np.testing.assert_array_equal(compiled(x), function(x))
    assert compiled.trace_count == 2


# Trees that grow


def calls_that_take_new_paths(chosen, clock, python, seconds, calls):
    """Each call in its own way leaves the tree; how many did."""
    new = 0
    for _ in range(calls):

        def own():
            raise LookupError

        def plainly():
            clock.now += python

        chosen.skip(1)
        try:
            chosen.run(own, plainly)
        except LookupError:
            new += 1
            with chosen.following(new=True):
                clock.now += seconds
    return new


@pytest.mark.usefixtures("replays_are_measured")
@pytest.mark.parametrize("seconds", [1e-4, 1e-3, 0.1, 1.0])
def test_following_new_paths_takes_at_most_as_long_as_the_calls(clock, seconds):
    """But for the first few, and the last."""
    chosen = Pace("tree")
    first = calls_that_take_new_paths(chosen, clock, 1e-3, seconds, PATHS)
    assert first == PATHS - 1  # the call that was traced at first has another
    for calls in (10, 100, 1000):
        began = clock.now
        new = calls_that_take_new_paths(chosen, clock, 1e-3, seconds, calls)
        assert new * seconds <= calls * 1e-3 + seconds and clock.now - began <= 2 * calls * 1e-3 + seconds


@pytest.mark.usefixtures("replays_are_measured")
def test_where_python_is_faster_new_paths_are_followed_as_rarely_as_the_clock_is_asked(clock):
    chosen, ways = Pace("tree"), clock.ways(2e-3, 1e-3)
    run(chosen, ways, REST)
    assert chosen.mode == "python"
    new = calls_that_take_new_paths(chosen, clock, 1e-3, 0.1, 20_000)
    assert 0 < new * 0.1 <= SHARE * 20_000 * 1e-3 + 0.1 and chosen.mode == "python"


@pytest.mark.usefixtures("replays_are_measured")
def test_calls_that_leave_their_tree_and_add_nothing_are_measured(clock):
    chosen, ways = Pace("tree"), clock.ways(0.0, 1e-3)
    run(chosen, ways, 1)
    for _ in range(2):
        with chosen.following(new=False):
            clock.now += 5e-3
        run(chosen, ways, 1)
    assert chosen.mode == "python"
