"""What a function returns: containers, dataclasses, Python values, arguments; and what goes on with arrays once it was returned."""

from __future__ import annotations

import collections
import dataclasses
import functools

import numpy as np
import pytest
from twins import Pair, array, both, same, same_made, vectors

import tracejit as tj


@both
def test_nested_containers(xp):
    def function(x):
        y = x * 2
        return {"b": [y, (x + 1, None, {"deep": y[0]})], "a": 3, 1: "text", None: (), "set": {1, 2}}

    same(function, vectors(xp))


Line = collections.namedtuple("Line", "start end")


@both
def test_dataclasses_named_tuples_and_other_containers(xp):
    @dataclasses.dataclass(frozen=True)
    class Frozen:
        value: object
        tag: str = "none"

    def function(x):
        frozen = Frozen(x + 1)
        return Pair(x * 2, [x]), Line(x[0], x[-1]), frozen, dataclasses.replace(frozen, tag="new"), collections.OrderedDict(b=x, a=1), collections.deque([x, 2], maxlen=2)

    same(function, vectors(xp))


@both
def test_none_python_values_and_nothing_at_all(xp):
    same(lambda x: None, vectors(xp))
    same(lambda x: (1, True, 2.5, "text", 1j, b"bytes", None, ..., range(3), slice(1, 2), float, len), vectors(xp))

    def nothing(x):
        x * 2

    same(nothing, vectors(xp))


@both
def test_the_argument_itself_and_one_array_twice(xp):
    def function(x, y):
        z = x + y
        return x, z, [z, y], {"x": x, "z": z}

    same(function, vectors(xp, count=2))
    same(lambda x: x, vectors(xp))


@both
def test_the_container_that_was_given(xp):
    same(lambda parts: (parts, parts[0]), lambda n: ([array(xp, 3, seed=n), 2],))
    same(lambda parts: {**parts, "more": parts}, lambda n: ({"x": array(xp, 3, seed=n)},))


@both
def test_results_are_kept_and_fed_back(xp):
    def function(x, y):
        return x + y, y * 2

    compiled = tj.compile(function)
    mine, theirs = [], []
    for run, results in ((compiled, mine), (function, theirs)):
        x, y = array(xp, 4, seed=1), array(xp, 4, seed=2)
        for _ in range(12):
            x, y = run(x, y)
            results += [x, y]
    assert all((a == b).all() for a, b in zip(mine, theirs))
    assert compiled.trace_count == 1


@both
def test_results_written_to_by_the_caller(xp):
    def function(x):
        return x * 2, x[1:]

    compiled = tj.compile(function)
    for n in range(4):
        x = array(xp, 4, seed=n)
        first, view = compiled(x)
        first += 100
        view *= 3
        assert (compiled(x)[0] == x * 2).all() and (view == x[1:]).all()


@both
def test_an_outer_array_as_the_result(xp):
    def make():
        outer = array(xp, 3, seed=8)
        return (lambda x: (outer, x + outer, outer[1:])), [outer]

    same_made(make, vectors(xp, 3))


@both
def test_a_container_held_elsewhere_too(xp):
    def make():
        log, table = [], {"rows": []}

        def function(x):
            log.append(x[0])
            inner = [x, 1]
            table["rows"].append(inner)
            return log, inner, [inner, inner], table

        return function, (log, table)

    same_made(make, vectors(xp))


def generator(x):
    def pieces():
        z = x + 1
        yield z
        z += 1
        yield from (z.sum(), x)

    going = pieces()
    next(going)
    return going


def closure(x):
    z = x * 2
    return lambda y: (y + z, type(z).__name__, np.sum(y * z))


LATER = {  # what is returned, and what is done with it when the call is over
    "a generator that is under way": (generator, list),
    "a generator expression": (lambda x: (v * 2 for v in [x, x + 1]), list),
    "a closure": (closure, lambda f: f(np.ones(6))),
    "iterators": (lambda x: (iter(x), zip(x, x), map(lambda v: v + 1, x), enumerate(x)), lambda found: [list(i) for i in found]),
    "a partial": (lambda x: functools.partial(np.add, x * 2), lambda f: f(np.ones(6))),
    "methods": (lambda x: ((x * 2).sum, x.tolist), lambda found: [f() for f in found]),
    "sets and keys": (lambda x: ({x[0]}, frozenset([x[1]]), {x[k]: k for k in range(3)}), lambda found: found),
}


@pytest.mark.parametrize("way", LATER)
def test_what_is_returned_is_used_later(way):
    function, use = LATER[way]

    def and_use(run):
        return lambda x: use(run(x))

    same(and_use(function), vectors(np), compile=lambda _: and_use(tj.compile(function)))
