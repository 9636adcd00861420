"""`explain()`: it tells what happened with a call, and changes nothing: no state, no cache, no effect done again."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from support import bits

import tracejit as tj
from tracejit.report import Report
from tracejit.report.measure import bandwidth, share_of

log: list[Any] = []
scale = 2.0
weight = tj.ones(4, requires_grad=True)


def data(*shape: int) -> tj.Tensor:
    return tj.asarray(np.random.default_rng(0).standard_normal(shape).astype(np.float32))


def doubles(x: Any) -> Any:
    return x * 2


def scales(x: Any) -> Any:
    return tj.exp(x) * scale


def writes(x: Any) -> Any:
    x[1:] *= 2
    return x[:2]


def trains(x: Any) -> Any:
    weight.grad = None
    loss = ((weight * x).tanh() * tj.rand(4)).sum()
    loss.backward()
    with tj.no_grad():
        weight.sub_(0.1 * weight.grad)
    return loss


def branches(x: Any) -> Any:
    if x.sum() > 0:
        return x * 2
    return x - 1


def prints(x: Any) -> Any:
    print("here")
    return x + 1


def appends(x: Any) -> Any:
    log.append(len(log))
    return x + 1


def draws(x: Any) -> Any:
    return x * np.random.random(4)


def gives_object(x: Any) -> Any:
    return {1, 2}, x + 1


# the mode, and the reason
PROGRAMS: dict[Callable[..., Any], tuple[str, str]] = {
    doubles: ("graph", ""),
    scales: ("graph", ""),
    writes: ("graph", ""),
    trains: ("graph", ""),
    branches: ("tree", ""),
    prints: ("lazy", r"line \d+ of test_explain.py calls print"),
    appends: ("lazy", "changes a list from outside"),
    draws: ("tree", ""),
    gives_object: ("lazy", "a result is a set"),
}
ALL = pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)


@ALL
def test_mode_and_reasons_are_named(program: Callable[..., Any]) -> None:
    mode, reason = PROGRAMS[program]
    compiled = tj.compile(program)
    compiled(data(4))
    report = compiled.explain(data(4))
    assert report.mode == mode and report.name == program.__name__
    assert report.place == f"test_explain.py:{program.__code__.co_firstlineno}"
    assert re.search(reason, " ".join(report.reasons)) and bool(report.reasons) == bool(reason)
    if reason:
        assert report.verdict.startswith(f"{mode} because ")
    again = program in (prints, appends)
    assert (report.eager_seconds is None) == again and bool(report.effects) == again
    assert again == ("not measured" in report.verdict)


# It changes nothing


def history_of(function: Callable[..., Any], look: Callable[..., Any]) -> list[Any]:
    """What five calls give and leave, where somebody looks inside before each."""
    tj.manual_seed(3), np.random.seed(3)
    with tj.no_grad():
        weight[...] = 1.0
    weight.grad = None
    log.clear()
    seen: list[Any] = []
    for k in range(5):
        x = data(4) + k
        look(x)
        result = function(x)
        result = result[1] if isinstance(result, tuple) else result
        seen += [bits(t.detach().numpy()).tolist() for t in (result, x, weight, weight.grad) if t is not None]
        seen += [tj.get_rng_state().tolist(), np.random.random(), list(log)]
    return seen


@pytest.mark.parametrize(
    "program, called",  # nothing can put back what is appended by the call that is made to look inside
    [(program, called) for program in PROGRAMS for called in (True, False) if called or program is not appends],
    ids=lambda value: getattr(value, "__name__", "called before" if value else "not called before"),
)
def test_later_calls_do_as_they_would_have_done(program: Callable[..., Any], called: bool, capsys: pytest.CaptureFixture[str]) -> None:
    compiled = tj.compile(program)

    def look(x: Any) -> None:
        if called and not compiled.trace_count:
            compiled(x.clone())
            tj.manual_seed(3), np.random.seed(3), log.clear()
            with tj.no_grad():
                weight[...] = 1.0
            weight.grad = None
            capsys.readouterr()
        before = compiled.cache_info(), len(log)
        compiled.explain(x)
        assert not called or (compiled.cache_info(), len(log)) == before

    wanted = history_of(program, lambda x: None)
    capsys.readouterr()
    assert history_of(compiled, look) == wanted
    printed = capsys.readouterr().out.count("here")
    assert printed == (5 + (not called) if program is prints else 0), "an effect is not done again"


def test_what_is_put_back_has_its_version_back() -> None:
    compiled = tj.compile(writes)
    x, y = data(4), tj.ones(4, requires_grad=True)
    compiled(x.clone())
    loss = (x * y).sum()  # saves x
    compiled.explain(x)
    loss.backward()
    assert y.grad is not None and y.grad.tolist() == x.tolist()


# What it tells


@pytest.mark.filterwarnings("ignore::tracejit.RetraceWarning")
def test_calls_that_were_traced_say_what_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    def f(batch: Any, k: int = 0) -> Any:
        return batch["a"][0] * scale + k

    compiled = tj.compile(f)
    compiled({"a": [data(3)]})
    compiled({"a": [data(4)]})
    compiled({"a": [data(4)]}, k=1)
    monkeypatch.setattr(f"{__name__}.scale", 3.0)
    compiled({"a": [data(4)]}, k=1)
    with tj.no_grad():
        compiled({"a": [data(4)]}, k=1)
    misses = [(m.number, m.kind, m.what) for m in compiled.explain({"a": [data(4)]}, 1).misses]
    assert misses[:4] == [(1, "first", ""), (2, "argument", "batch['a'][0]"), (3, "argument", "k"), (4, "guard", "global `scale` of test_explain.py")]
    assert misses[4] == (5, "mode", "gradients")
    changes = [str(m) for m in compiled.explain({"a": [data(4)]}, 1).misses]
    assert "was a Tensor of shape (3,), dtype float32 and is a Tensor of shape (4,), dtype float32" in changes[1]
    assert changes[3] == "global `scale` of test_explain.py was 2.0 and is 3.0"


def test_what_keeps_a_trace_from_holding_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = tj.compile(scales)
    compiled(data(3))
    monkeypatch.setattr(f"{__name__}.scale", 4.0)
    report = compiled.explain(data(3))
    assert report.unmeasured == "the next call is traced anew, for global `scale` of test_explain.py was 2.0 and is 4.0"
    assert compiled.trace_count == 1 and [e.here for e in report.entries] == [True]


def test_what_the_cache_holds() -> None:
    compiled = tj.compile(lambda x, k: x * k)
    compiled(data(3), 2)
    compiled(data(5), 2.5)
    held = compiled.explain(data(5), 2.5).entries
    assert [(e.mode, e.here, e.arguments[1]) for e in held] == [("graph", False, ("k", "2")), ("graph", True, ("k", "2.5"))]


def test_guards_are_in_words() -> None:
    assert tj.compile(scales).explain(data(3)).guards == ["global `scale` of test_explain.py was 2.0"]


def test_paths_are_drawn_with_what_python_is_told() -> None:
    compiled = tj.compile(branches)
    compiled(data(4) + 9)
    compiled(data(4) - 9)
    line = branches.__code__.co_firstlineno + 1
    assert compiled.explain(data(4) - 9).paths == [
        f"2 operations, then a truth is asked for at test_explain.py:{line}",
        "├ True: 1 operation, then the results",
        "└ False: 1 operation, then the results",
    ]


def test_a_path_that_was_not_met_is_not_taken() -> None:
    compiled = tj.compile(branches)
    compiled(data(4) + 9)
    report = compiled.explain(data(4) - 9)
    assert compiled.trace_count == 1 and "not met" in report.unmeasured and len(report.paths) == 2


def test_kernels_tell_their_work_and_source() -> None:
    compiled = tj.compile(lambda x, y: (x * 2 + 1, x @ y))
    x = data(64, 64)
    report = compiled.explain(x, x + 1)
    ours = [step for step in report.kernels if step.native]
    routine = [step for step in report.kernels if not step.native]
    assert [(s.bytes, s.operations) for s in ours] == [(2 * 4 * 64 * 64, 2 * 64 * 64)]
    assert [(s.bytes, s.operations) for s in routine] == [(3 * 4 * 64 * 64, None)]
    assert ours[0].source.splitlines()[1:] == compiled.source(x, x + 1).splitlines()[1:]
    assert all(s.seconds is not None and s.seconds > 0 for s in report.kernels)
    assert report.compiled_seconds is not None and report.dispatch_seconds is not None
    assert 0 <= report.dispatch_seconds <= report.compiled_seconds
    assert list(report.compile_seconds) == ["trace", "rules", "lower", "kernels"] and min(report.compile_seconds.values()) > 0


def test_the_share_of_memorys_speed_is_told_of_what_caches_cannot_hold() -> None:
    compiled = tj.compile(doubles)
    small, large = compiled.explain(data(1000)).kernels, compiled.explain(data(1 << 22)).kernels
    assert [s.share is None for s in (*small, *large)] == [True, False]
    step = compiled._entry((data(1 << 22),), {}).executables()[0].plan.steps[0]
    assert share_of(step, 2 * (1 << 25) / bandwidth()) == 0.5


def test_a_function_that_cannot_be_followed_and_a_pinned_one_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    scope: dict[str, Any] = {"np": np}
    exec("def f(x):\n    return np.exp(x)", scope)
    report = tj.compile(scope["f"]).explain(np.ones(3))
    assert report.mode == "python" and report.verdict.startswith("python because ") and report.unmeasured == "it runs as it is"
    pinned = tj.compile(doubles, verify="first")
    pinned._verifier.pinned[pinned._keyed((data(3),), {})[0]] = "verify= found a difference"
    report = pinned.explain(data(3))
    assert report.mode == "python" and report.reasons == ["verify= found a difference"] and pinned.trace_count == 0


# What is made of times

SOME = Report("f", "f.py:1", "graph", [], [], [], [], [], [], [], {"trace": 0.5, "kernels": 0.5})


def timed(eager: float, compiled: float, **more: Any) -> Report:
    return dataclasses.replace(SOME, eager_seconds=eager, compiled_seconds=compiled, **more)


def test_verdicts() -> None:
    assert timed(7e-3, 1e-3).verdict == "compiled is 7× eager (1 ms against 7 ms); pays after 167 calls"
    assert timed(1e-6, 2e-6).verdict == "eager is faster here: 1 µs against 2 µs" and timed(1.0, 2.0).break_even is None
    assert timed(1.01e-3, 1e-3).verdict == "compiled and eager take the same time (1 ms against 1.01 ms)"
    assert timed(2.0, 1.0, mode="lazy", reasons=["line 3 of f.py calls print"]).verdict.startswith("lazy because line 3 of f.py calls print; compiled is 2×")
    assert dataclasses.replace(SOME, unmeasured="it prints").verdict == "not measured: it prints"
    assert timed(3.0, 1.0).break_even == 1 and timed(1.25, 1.0).break_even == 4 and timed(3.0, 1.0).speedup == 3


# How it prints


def test_text_is_plain_and_fits() -> None:
    compiled = tj.compile(trains)
    report = compiled.explain(data(4))
    text = str(report)
    assert repr(report) == text and text.isprintable() is False and "\x1b" not in text
    assert all(len(line) <= 100 for line in text.split("\nkernel 0")[0].splitlines())
    for part in ("eager", "compiled", "kernels", "time to compile", "traces kept", "guards", "calls that were traced", report.verdict[:40]):
        assert part in text


def test_html_is_one_element_and_everything_in_it_is_escaped() -> None:
    compiled = tj.compile(lambda x, name: x * 2)
    report = compiled.explain(data(3), "<script>&'\"")
    html = report._repr_html_()
    tree = ElementTree.fromstring(html)
    assert tree.tag == "div" and not list(tree.iter("script")) and "<script>" not in html
    shown = "".join(tree.itertext())
    assert "<script>&" in shown and "<lambda>" in shown and report.verdict in shown
    assert not re.search(r"(src|href|url\()", html), "it needs nothing else"


def test_long_tables_are_cut_in_a_terminal_alone() -> None:
    report = dataclasses.replace(SOME, guards=[f"guard {n}" for n in range(100)])
    assert "guard 29" in str(report) and "guard 99" not in str(report) and "more" in str(report)
    assert "guard 99" in report._repr_html_()


class Scaled:
    def __init__(self, factor: float) -> None:
        self.factor = factor

    @tj.compile
    def times(self, x: Any) -> Any:
        """The factor times x."""
        return x * self.factor


def test_of_a_method_through_its_object() -> None:
    thing, x = Scaled(3.0), np.arange(4.0)
    assert str(thing.times.explain(x)).startswith("Scaled.times ")
    assert thing.times.graph(x) == Scaled.times.graph(thing, x) and "multiply" in thing.times.source(x) and thing.times.plan(x)
    assert thing.times.cache_info() == Scaled.times.cache_info() and thing.times.__name__ == "times"
    with pytest.raises(AttributeError, match="no attribute 'explains'"):
        thing.times.explains  # noqa: B018


def test_a_compiled_method_is_an_argument_like_a_partial() -> None:
    thing, x = Scaled(3.0), np.arange(4.0)
    applied = tj.compile(lambda function, x: function(x) + 1)
    for _ in range(3):
        assert (applied(thing.times, x) == x * 3 + 1).all()
    assert applied.cache_info().modes == ("graph",) and applied.trace_count == 1
