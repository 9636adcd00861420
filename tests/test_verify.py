"""`verify=`: what is equal passes unseen, what differs is named, kept out of the caller's results, and shown again by a file."""

from __future__ import annotations

import random
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import bits

import tracejit as tj
from tracejit.backends.cpu import backend
from tracejit.backends.recent import Recent
from tracejit.compile import Compiled
from tracejit.graph import rules
from tracejit.op import OPS
from tracejit.options import Options

WHEN = ("first", "always", 0.5)


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Faults are put in for one test: what is compiled meanwhile is forgotten."""
    monkeypatch.setattr(backend, "executables", Recent(512))
    monkeypatch.setattr(backend, "one_node", Recent(512))
    return monkeypatch


@pytest.fixture(autouse=True)
def scripts_in_the_tests_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def data(*shape: int) -> tj.Tensor:
    return tj.asarray(np.random.default_rng(0).standard_normal(shape).astype(np.float32))


# What is equal

calls: list[str] = []
weight = tj.ones(4, requires_grad=True)
own = np.random.default_rng(3)
START = own.bit_generator.state


def mixes(x: Any) -> Any:
    return {"a": tj.exp(x) * 2, "b": [x.sum(), 3, None]}


def writes(x: Any) -> Any:
    x[1:] *= 2
    return x[:2]


def trains(x: Any) -> Any:
    loss = ((weight * x).tanh() * tj.rand(4)).sum()
    loss.backward()
    with tj.no_grad():
        weight.sub_(0.1 * weight.grad)
    return loss


def observes(x: Any) -> Any:
    return x * 2 if x.sum() > 0 else x - 1


def draws(x: Any) -> Any:
    return x * float(np.random.random()) + random.random()


def draws_from_its_own(x: Any) -> Any:
    return x + own.random(4).astype(np.float32)


def gives_history(x: Any) -> Any:
    return (weight * x).sum()


PROGRAMS = [mixes, writes, trains, observes, draws, draws_from_its_own, gives_history]


def history_of(function: Callable[..., Any]) -> list[Any]:
    """Everything that five calls of a function give and leave."""
    tj.manual_seed(3), random.seed(3), np.random.seed(3)
    own.bit_generator.state = START
    with tj.no_grad():
        weight[...] = 1.0
    weight.grad = None
    seen: list[Any] = []
    for k in range(5):
        x = data(4) + k
        seen += [frozen(function(x)), frozen(x), frozen(weight), frozen(weight.grad), tj.get_rng_state().numpy().tolist(), random.random(), own.bit_generator.state]
    return seen


def frozen(value: Any) -> Any:
    if isinstance(value, tj.Tensor):
        return bits(value.detach().numpy()).tolist(), value.requires_grad
    if isinstance(value, (list, dict)):
        return [frozen(v) for v in (value.values() if isinstance(value, dict) else value)]
    return value


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_verified_calls_give_and_leave_what_the_function_does(program: Callable[..., Any], when: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", tj.VerifyWarning)
        assert history_of(tj.compile(program, verify=when)) == history_of(program)


@pytest.mark.parametrize("when, runs", [("first", 2), ("always", 6)])
def test_how_often_the_function_runs_beside_its_compiled_form(when: str, runs: int) -> None:
    def f(x: Any) -> Any:
        return x * 2 + 1

    entered = 0

    def profile(frame: Any, event: str, argument: Any) -> None:
        nonlocal entered
        entered += event == "call" and frame.f_code is f.__code__

    compiled = tj.compile(f, verify=when)
    compiled(data(3))
    sys.setprofile(profile)
    try:
        for _ in range(6):
            compiled(data(3))
    finally:
        sys.setprofile(None)
    assert entered == (runs if when == "always" else runs - 1), "the first call traced it too"
    assert compiled.trace_count == 1


def test_arrays_stay_arrays() -> None:
    def f(x: Any) -> Any:
        y = np.exp(x)
        y[0] = np.linalg.norm(x)
        return y, np.sum(y), tj.asarray(x) + 1

    compiled = tj.compile(f, verify="always")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for k in range(3):
            assert [type(v) for v in compiled(np.arange(3.0) + k)] == [np.ndarray, np.float64, tj.Tensor]


def test_effects_happen_once_and_are_said_to_keep_the_function_from_being_verified(capsys: pytest.CaptureFixture[str]) -> None:
    @tj.compile(verify="always")
    def f(x: Any) -> Any:
        print("here")
        return x + 1

    with pytest.warns(tj.VerifyWarning, match=r"line \d+ of test_verify.py calls print") as caught:
        for _ in range(3):
            f(data(3))
    assert len(caught) == 1 and capsys.readouterr().out == "here\n" * 3


def test_an_exception_of_the_function_is_its_own() -> None:
    @tj.compile(verify="always")
    def f(x: Any, k: int) -> Any:
        x += 1
        return [1, 2][k] * x

    x = tj.zeros(2)
    for _ in range(2):
        with pytest.raises(IndexError, match="list index out of range"):
            f(x, 5)
    assert x.tolist() == [2, 2] and f(x, 1).tolist() == [6, 6]


# What differs


def wrong_kernel(patch: pytest.MonkeyPatch) -> str:
    patch.setattr(OPS["multiply"], "scalar", "{0} * {1} + {0}")
    return "multiply"


def wrong_rule(patch: pytest.MonkeyPatch) -> str:
    multiply, tanh = OPS["multiply"], OPS["tanh"]
    patch.setattr(rules, "RULES", [*rules.RULES, rules.Rule("f", lambda x, y: multiply(tanh(x), y), lambda x, y: multiply(x, y))])
    return "multiply"


@pytest.mark.parametrize("fault", [wrong_kernel, wrong_rule])
def test_the_first_operation_that_differs_is_named_and_shown_again(fault: Callable[..., str], fresh: pytest.MonkeyPatch) -> None:
    def f(x: Any, y: Any) -> Any:
        a = tj.tanh(x + 1)
        b = a * y
        return b.sum() - 1, x

    x, y = data(3, 5), data(5)
    wanted = f(x, y)
    op = fault(fresh)
    line = f.__code__.co_firstlineno + 2
    compiled = tj.compile(f, verify="first")
    with pytest.warns(tj.VerifyWarning, match=rf"(?s)f differs.*The first operation that differs is {op} \(test_verify.py:{line}\)") as caught:
        found = compiled(x, y)
    assert frozen(list(found)) == frozen(list(wanted)), "the caller gets eager mode's results"
    assert str(caught[0].filename) == __file__
    values = re.search(r"eagerly (\S+), compiled (\S+) ", str(caught[0].message).split("first operation")[1])
    assert values is not None and float(values[1]) != float(values[2])
    calls.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert frozen(list(compiled(x, y))) == frozen(list(wanted)), "it runs eagerly from then on"
    assert compiled.trace_count == 1
    script = re.search(r"(\S+reproduce\.py) shows it again", str(caught[0].message))
    assert script is not None
    if fault is wrong_rule:  # the fault is in this process alone
        shown = subprocess.run([sys.executable, script[1]], capture_output=True, text=True, check=True).stdout
        assert "eager and compiled are equal" in shown
    scope: dict[str, Any] = {"__name__": "shown", "__file__": script[1]}
    exec(Path(script[1]).read_text(), scope)
    assert scope["replay"](scope["GRAPH"], Path(script[1]).with_name("inputs.npz")).startswith(f"{op} -> f32[3,5] at [0, 0]: eagerly {values[1]}")


def test_a_fault_that_shows_in_arguments_alone_is_found(fresh: pytest.MonkeyPatch) -> None:
    @tj.compile(verify="always")
    def f(x: Any) -> None:
        x *= 3

    wrong_kernel(fresh)
    x = tj.ones(2)
    with pytest.warns(tj.VerifyWarning, match=r"the argument x after the call at \[0\]: eagerly 3.0, compiled 4.0"):
        f(x)
    assert x.tolist() == [3, 3]


def test_a_fault_that_shows_in_a_gradient_outside_is_found(fresh: pytest.MonkeyPatch) -> None:
    f = tj.compile(lambda x: tj.tanh(x).sum(), verify="first")
    for _ in range(2):
        f(tj.ones(2, requires_grad=True))  # verified, before the backward pass has a fault
    wrong_kernel(fresh)
    x = tj.ones(2, requires_grad=True)
    with pytest.warns(tj.VerifyWarning, match="first operation that differs is multiply"):
        f(x).backward()
    fresh.undo()
    wanted = tj.ones(2, requires_grad=True)
    tj.tanh(wanted).sum().backward()
    assert frozen(x.grad) == frozen(wanted.grad)


factor = 2.0


def test_a_graph_that_is_not_the_function_any_more_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def f(x: Any) -> Any:
        return x * factor

    unguarded = Compiled(f, Options(verify="always"), watched=False)
    unguarded(data(3))
    monkeypatch.setattr(sys.modules[__name__], "factor", 3.0)
    with pytest.warns(tj.VerifyWarning, match="No operation differs by itself"):
        assert frozen(unguarded(data(3))) == frozen(f(data(3)))


@pytest.mark.parametrize("verify", ["last", True, 0, 1.5, -0.1])
def test_other_words_are_an_error(verify: Any) -> None:
    with pytest.raises(tj.ArgumentError, match='"first", "always"'):
        tj.compile(lambda x: x, verify=verify)


def test_a_difference_whose_operation_is_not_found_is_told_all_the_same(fresh: pytest.MonkeyPatch) -> None:
    @tj.compile(verify="always")
    def f(x: Any) -> Any:
        return x * 3

    def fails(runs: Any) -> None:
        raise ArithmeticError("not today")

    wrong_kernel(fresh)
    fresh.setattr("tracejit.verify.verifier.first_that_differs", fails)
    with pytest.warns(tj.VerifyWarning, match="(?s)operation that differs was not found.*ArithmeticError: not today"):
        assert f(tj.ones(2)).tolist() == [3, 3]


def numpy_program(x: Any) -> Any:
    """Asks for values, makes arrays, changes them in place, draws, and calls what is not traced."""
    state = np.ones(x.shape, bool)
    y = np.exp(x) + np.random.random(x.shape)
    for _ in range(3):
        state &= y < 2.5
        y[state] *= 1.25
        if not state.any():
            break
    y[:] = np.linalg.solve(np.eye(len(y)) * 2, y) + complex(0, 1).imag
    return y, state


@pytest.mark.parametrize("when", WHEN)
def test_what_numpy_code_makes_on_the_way_is_no_difference(when: Any) -> None:
    compiled = tj.compile(numpy_program, verify=when)
    with warnings.catch_warnings():
        warnings.simplefilter("error", tj.VerifyWarning)
        for seed in (0, 1, 2, 0, 1, 2):
            x = np.random.default_rng(seed).standard_normal(5)
            np.random.seed(seed)
            wanted = numpy_program(x.copy())
            np.random.seed(seed)
            found = compiled(x.copy())
            np.testing.assert_allclose(found[0], wanted[0], rtol=1e-13)
            assert found[1].tolist() == wanted[1].tolist()
