"""Making a random program that fails small: statements, results and inputs are left out while it still fails."""

from __future__ import annotations

import re
from typing import Callable, Iterator

from random_programs import Program, World

Check = Callable[[Program], list[str]]


def _runs(program: Program) -> bool:
    """Whether the names that are left mean something."""
    try:
        world = World(program)
        error = world.call(program.function(world.scope), 0).get("error", "")
    except NameError:  # an input that showed the memory of another
        return False
    return not error.startswith(("NameError", "UnboundLocalError"))


def _smaller(program: Program) -> Iterator[Program]:
    body, inputs = program.body, program.inputs
    for i in reversed(range(len(body))):
        yield program._replace(body=body[:i] + body[i + 1 :])
    names = list(dict.fromkeys(re.findall(r"\b(?:[acv]\d+|loss)\b(?:\.detach\(\))?", program.result)))
    for some in [[n] for n in names] + [[m for m in names if m != n] for n in names]:
        result = some[0] if len(some) == 1 else f"({', '.join(some)})"
        if len(result) < len(program.result):
            yield program._replace(result=result)
    for i, given in enumerate(inputs):
        yield program._replace(inputs=inputs[:i] + inputs[i + 1 :])
        for change in ({"layout": "contiguous"}, {"values": "plain"}, {"of": ""}, {"requires_grad": False}):
            if given != given._replace(**change):
                yield program._replace(inputs=(*inputs[:i], given._replace(**change), *inputs[i + 1 :]))


def reduced(program: Program, check: Check) -> Program:
    """The smallest program found that still fails the check."""
    while True:
        program, before = next((p for p in _smaller(program) if _runs(p) and check(p)), program), program
        if program is before:
            return program
