"""Families of random programs: any ops and dtypes; asking for values; differentiated; the same in NumPy; smooth.

A statement is drawn blindly and tried eagerly; it stays if eager mode takes it and its result is small and not mostly NaN.
"""

from __future__ import annotations

from random import Random
from typing import Any, Callable, NamedTuple

import numpy as np
from program_forms import (
    ELEMENTWISE, FIXED, FIXED_COMPOSITES, FIXED_TABLE, FORMS, OBSERVING, OFTEN, Drawer, Form, Impossible, assignment, composite, elementwise,
    fixed_reduction, from_table, in_place, reduction, without_powers,
)  # fmt: skip
from random_programs import LAYOUTS, Input, Program, World, as_numpy, numpy_scope

import tracejit as tj
from tracejit.spec import DTYPES, as_dtype, is_complex, is_floating

LARGEST = 200  # elements of a result


class Kind(NamedTuple):
    """A kind of statement: how often, its form, and whether it names a new value."""

    often: int
    form: Form
    names: bool = True


KINDS = [
    Kind(8, elementwise), Kind(3, reduction), Kind(6, from_table), Kind(2, composite), Kind(3, in_place, False), Kind(3, assignment, False),
]  # fmt: skip
# Programs

COMMON = ("float32", "float64", "int64", "int32", "bool")


def _input(d: Drawer, name: str, before: list[Input], dtypes: list[str]) -> Input:
    sources = [i.name for i in before if i.shape and not i.of and not (i.name[0] == "a" and name[0] == "c")]
    shape = tuple(d.chance.choices([0, 1, 2, 3, 4, 5, 9], [1, 3, 4, 6, 4, 2, 1])[0] for _ in range(d.chance.choices([0, 1, 2, 3], [1, 3, 5, 2])[0]))
    if before and d.coin(0.5):  # so that inputs meet
        shape = d.pick(before).shape
    layout = d.pick(LAYOUTS) if d.coin(0.4) else "contiguous"
    of = ""
    if sources and d.coin(0.12):
        source = d.pick(sources)
        of = d.pick([source, f"{source}[1:]", f"{source}[::-1]", f"wrap({source}.detach().numpy()[:-1])", f"wrap({source}.detach().numpy())"])
    return Input(name, d.pick(dtypes), shape, layout, d.chance.choices(["plain", "coarse", "special"], [6, 3, 1])[0], of)


def draw_inputs(d: Drawer, dtypes: list[str]) -> list[Input]:
    inputs: list[Input] = []
    for k in range(d.number(0, 2)):
        inputs.append(_input(d, f"c{k}", inputs, dtypes))
    for k in range(d.number(1, 3)):
        inputs.append(_input(d, f"a{k}", inputs, dtypes))
    return inputs


def tame(value: Any, d: Drawer) -> bool:
    """Whether a value may stand in a program that is compared with finite differences."""
    return acceptable(value, d) and value.dtype.itemsize >= 8 and bool((abs(value.detach().numpy()) < 50).all())


def acceptable(value: Any, d: Drawer) -> bool:
    if not isinstance(value, tj.Tensor) or value.size > LARGEST or value.ndim > 5:
        return False
    if is_floating(value.dtype) and value.size and d.coin(0.8):
        return bool(np.isfinite(value.detach().numpy().astype(np.float64)).mean() >= 0.5)
    return True


# What eager mode may say to a statement that makes no sense.
REFUSED = (Impossible, tj.TracejitError, ValueError, TypeError, AttributeError, ArithmeticError, LookupError, NameError, np.linalg.LinAlgError)


def draw_body(d: Drawer, kinds: list[Kind], length: int, wanted: Callable[[Any, Drawer], bool] = acceptable) -> list[str]:
    body: list[str] = []
    for _ in range(4 * length):
        if len(body) == length:
            break
        kind = d.chance.choices(kinds, [k.often for k in kinds])[0]
        try:
            text = kind.form(d)
            name = f"v{len(body)}"
            statement = f"{name} = {text}" if kind.names else text
            trial = dict(d.scope)
            with np.errstate(all="ignore"):
                exec(statement, trial)
                if d.numpy is not None:
                    exec(as_numpy(statement), d.numpy)
        except REFUSED:
            continue
        if kind.names and not wanted(trial[name], d):
            continue
        d.scope.update(trial)
        body.append(statement)
        if kind.names:
            d.names.append(name)
    return body


def nested(d: Drawer, names: list[str]) -> str:
    """An expression that returns these names, in containers now and then."""
    if len(names) == 1 and d.coin(0.6):
        return names[0]
    parts = [nested(d, names[k : k + 2]) if d.coin(0.2) and len(names) > 2 else names[k] for k in range(len(names))]
    return d.pick(["({}, 3)", "({},)", "[{}]", "{{'k': [{}], 'l': None}}"]).format(", ".join(parts))


def begin(chance: Random, dtypes: list[str], requires_grad: bool = False) -> tuple[Drawer, list[Input]]:
    """A drawer that knows some inputs."""
    d = Drawer(chance, {})
    inputs = draw_inputs(d, dtypes)
    if requires_grad:
        chosen = [as_dtype(i.dtype).kind in "fcV" and not i.of and d.coin(0.8) for i in inputs]
        inputs = [i._replace(requires_grad=c) for i, c in zip(inputs, chosen)]
    world = World(Program(tuple(inputs), (), "None"))
    d.scope = {**world.scope, **world.tensors}
    d.names = list(world.tensors)
    return d, inputs


def draw(chance: Random, observing: bool = False) -> Program:
    """A program of any ops and dtypes; `observing` also asks for values now and then, so that Python runs at every call."""
    dtypes = [chance.choice(COMMON), chance.choice(COMMON if chance.random() < 0.4 else [t.name for t in DTYPES])]
    d, inputs = begin(chance, dtypes)
    kinds = [*KINDS, Kind(2, lambda d: d.pick(OBSERVING)(d))] if observing else KINDS
    body = draw_body(d, kinds, d.number(2, 12))
    made = [n for n in d.names if n[0] == "v"]
    results = made[-1:] + [d.name() for _ in range(d.number(0, 3))]
    return Program(tuple(inputs), tuple(body), nested(d, results or d.names[:1]))


def draw_observing(chance: Random) -> Program:
    """A program that asks for values."""
    return draw(chance, observing=True)


def draw_backward(chance: Random) -> Program:
    """A program that differentiates a scalar made of what it computed."""
    dtypes = [chance.choice(["float32", "float64"]), chance.choice(["float32", "float64", "float16", "bfloat16", "complex64", "complex128"])]
    d, inputs = begin(chance, dtypes, requires_grad=True)
    body = draw_body(d, KINDS, d.number(2, 8))
    terms = [n for n in d.names if d[n].requires_grad]
    forms = ["tj.sum({} * {})", "tj.sum(tj.sin({}))", "tj.mean({})", "tj.sum({})"]
    lost = [d.pick(forms).format(*[f"tj.real({n})" if is_complex(d[n].dtype) else n] * 2) for n in terms[-d.number(1, 3):]]
    if lost:
        body += [f"loss = {' + '.join(lost)}", "loss.backward()"]
    results = ["loss.detach()"] if lost else []
    results += [f"{d.name()}.detach()" for _ in range(d.number(0, 1) if lost else 1)]
    return Program(tuple(inputs), tuple(body), nested(d, results))


# Programs that NumPy runs too

PLAIN = [
    Kind(8, without_powers(lambda d: elementwise(d, FIXED))), Kind(3, fixed_reduction), Kind(6, lambda d: d.pick(FORMS[d.pick(FIXED_TABLE)])(d)),
    Kind(3, lambda d: d.pick(FIXED_COMPOSITES)(d)), Kind(3, without_powers(in_place), False), Kind(3, assignment, False),
]  # fmt: skip


def draw_plain(chance: Random) -> Program:
    """A program that NumPy runs too, with the same bits."""
    d, inputs = begin(chance, [chance.choice(["float64", "float32", "int64"]), chance.choice(["float64", "int32", "bool", "uint8"])])
    d.numpy = numpy_scope({n: d[n] for n in d.names})
    body = draw_body(d, PLAIN, d.number(2, 12))
    return Program(tuple(inputs), tuple(body), nested(d, [d.name() for _ in range(d.number(1, 4))]))


# Programs with gradients

SMOOTH = [op for op in ELEMENTWISE if op.vjp is not None]
SMOOTH_TABLE = (*OFTEN, "diagonal", "windows", "index_put", "index_add", "fill", "random_bits", "running_sum", "running_product", "recurrence", "sort", "det", "inv", "solve")
DIFFERENTIABLE = [
    Kind(8, lambda d: elementwise(d, SMOOTH)), Kind(3, reduction), Kind(6, lambda d: d.pick(FORMS[d.pick(SMOOTH_TABLE)])(d)),
    Kind(3, composite), Kind(2, in_place, False), Kind(2, assignment, False),
]  # fmt: skip


def draw_smooth(chance: Random) -> Program:
    """A program of float64 arguments, whose gradients finite differences can tell."""
    d = Drawer(chance, {})
    shape = tuple(d.number(1, 3) for _ in range(d.number(0, 3)))
    inputs = [Input(f"a{k}", "float64", d.pick([shape, shape[1:]]), d.pick(LAYOUTS), "plain", requires_grad=True) for k in range(d.number(1, 3))]
    world = World(Program(tuple(inputs), (), "None"))
    d.scope, d.names = {**world.scope, **world.tensors}, list(world.tensors)
    body = draw_body(d, DIFFERENTIABLE, d.number(2, 8), tame)
    return Program(tuple(inputs), tuple(body), nested(d, [d.name() for _ in range(d.number(1, 2))]))
