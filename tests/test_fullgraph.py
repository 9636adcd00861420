"""`fullgraph=True`: whatever only Python can repeat is an error that names the user's line, what was met, and ways out."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any

import pytest

import tracejit as tj

log: list[Any] = []
numbers = iter(range(10**6))
weight = tj.ones(3, requires_grad=True)


class Box:
    count = 0


box = Box()


def prints(x: Any) -> Any:
    print("here")  # met
    return x


def appends(x: Any) -> Any:
    log.append(1)  # met
    return x


def sets(x: Any) -> Any:
    box.count += 1  # met
    return x


def changes_argument(x: Any, found: list[int]) -> Any:
    found[0] = 2
    return x


def draws(x: Any) -> Any:
    return x * random.random()  # met


def iterates(x: Any) -> Any:
    return x * next(numbers)  # met


def returns_object(x: Any) -> Any:  # met
    return {1, 2}, x


def keeps(x: Any) -> Any:
    box.kept = x * 2  # type: ignore[attr-defined]  # met
    return x


def lists(x: Any) -> Any:
    return [v + 1 for v in x.tolist()]  # met


def hooks(x: Any) -> Any:  # met
    y = x * weight
    y.register_hook(lambda g: g * 2)
    return y.sum()


# what is met, and the way out
CASES: dict[Callable[..., Any], tuple[str, str]] = {
    prints: ("calls print", "where the function is called"),
    appends: ("changes a list from outside", "Return the new value"),
    sets: ("sets the attribute `count` of Box", "Return the new value"),
    changes_argument: ("changes a list among its arguments", "change the argument where"),
    draws: ("draws from random", "tj.rand"),
    iterates: ("moves the iterator", r"next\(\) outside"),
    returns_object: ("a result is a set", "Return tensors, arrays"),
    keeps: ("attribute `kept`", "Return the new value"),
    lists: ("Python asks for 100 values", "Keep the value in a tensor"),
    hooks: ("a gradient hook", "hooks outside"),
}


def arguments_of(program: Callable[..., Any]) -> tuple[Any, ...]:
    if program is lists:
        return (tj.ones(100),)
    return (tj.ones(3), [1]) if program is changes_argument else (tj.ones(3),)


def met_line(program: Callable[..., Any]) -> int | None:
    first = program.__code__.co_firstlineno
    lines = open(__file__, encoding="utf-8").read().splitlines()[first - 1 : first + 4]
    return next((first + n for n, line in enumerate(lines) if line.endswith("# met")), None)


@pytest.mark.parametrize("program", CASES, ids=lambda f: f.__name__)
def test_what_only_python_can_repeat_is_an_error_that_teaches(program: Callable[..., Any]) -> None:
    met, way = CASES[program]
    arguments = arguments_of(program)
    with pytest.raises(tj.FullGraphError) as caught:
        tj.compile(program, fullgraph=True)(*arguments)
    message = str(caught.value)
    first, at, advice, page = message.split("\n  ")
    assert re.search(met, first) and re.search(way, advice) and "leave fullgraph=True out" in advice, message
    assert at.startswith(f"at {__file__}:") and page == "docs/errors.md#fullgrapherror"
    line = met_line(program)
    if line is not None:
        assert re.search(rf"(line {line} of test_fullgraph.py|test_fullgraph.py:{line}\b)", first), first


@pytest.mark.parametrize("program", CASES, ids=lambda f: f.__name__)
def test_without_it_the_same_is_the_reason_that_explain_names(program: Callable[..., Any]) -> None:
    compiled = tj.compile(program)
    compiled(*arguments_of(program))
    report = compiled.explain(*arguments_of(program))
    assert report.mode in ("lazy", "tree") and re.search(CASES[program][0], " ".join(report.reasons)), report.reasons
