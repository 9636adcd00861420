"""Of calls that only Python can run: the faster way is taken, it is found by the clock, and no result depends on it."""

import pytest

import tracejit as tj
from tracejit import pace
from tracejit.pace import REST, TRIES, WARM, Pace

CALLS = 6 + WARM + 2 * TRIES  # until the first choice is made


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
    run(chosen, ways, WARM + 2 * TRIES)
    faster = "python" if python < lazy else "lazy"
    assert chosen.mode == faster
    assert set(run(chosen, ways, REST // 2)) == {faster}


def test_both_ways_are_measured_in_turns(clock):
    found = run(Pace(), clock.ways(1e-5, 1e-5), WARM + 2 * TRIES)
    assert found[:WARM] == ["lazy"] * WARM
    assert all({a, b} == {"lazy", "python"} for a, b in zip(found[WARM::2], found[WARM + 1 :: 2]))


def test_long_calls_are_measured_once_each(clock):
    found = run(Pace(), clock.ways(1.0, 2.0), WARM + 2 * TRIES)
    assert found.count("python") == 1


def test_it_is_measured_again_at_rarer_and_rarer_calls(clock):
    chosen = Pace()
    run(chosen, clock.ways(1e-5, 2e-5), WARM + 2 * TRIES)
    found = run(chosen, clock.ways(2e-5, 1e-5), REST)
    assert found[-1] == chosen.mode == "python"
    counts = [run(chosen, clock.ways(1e-5, 2e-5), 1000).count("lazy") for _ in range(2)]
    assert chosen.mode == "lazy" and counts[0] > 0
    measured = run(chosen, clock.ways(1e-5, 2e-5), 10_000).count("python")
    assert measured <= 4 * TRIES


def test_what_is_pinned_is_not_measured(clock):
    chosen = Pace()
    chosen.pin("because")
    assert set(run(chosen, clock.ways(1e-6, 1.0), 10 * REST)) == {"python"}


def test_a_measurement_that_raises_is_none(clock):
    chosen, (lazily, plainly) = Pace(), clock.ways(2e-5, 1e-5)

    def fails():
        raise KeyError("the user's own")

    for _ in range(WARM + 2 * TRIES):
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
