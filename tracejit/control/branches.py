"""`cond` and `switch`: one of several functions, by a value."""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, Sequence

from ..dispatch import bind
from ..errors import ArgumentError, fail
from ..ops.casts import cast
from ..ops.elementwise import clip
from ..spec import int64, is_integer
from ..tensor import Tensor
from .carry import Form
from .loops import choose, own, truth, unrecorded
from .run import run_branch


def cond(pred: Any, true_fn: Callable[..., Any], false_fn: Callable[..., Any], *operands: Any) -> Any:
    """`true_fn(*operands)` if `pred`, else `false_fn(*operands)`: one of them runs, which a tensor says when its value is known.

    pred: one bool, a tensor or Python's. operands: nested containers of tensors and numbers; the functions may read tensors from outside
    too. Both return the same structure, shapes and dtypes (ShapeError, DTypeError, ArgumentError, where one does not).
    """
    if not isinstance(pred, Tensor):
        return true_fn(*operands) if pred else false_fn(*operands)
    return _branch("cond", bind(cast, truth(pred, "pred"), dtype=int64), (false_fn, true_fn), operands, ("false_fn", "true_fn"))


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """`branches[index](*operands)`; an index below 0 is the first's, one beyond the last the last's.

    index: an int, or a 0-d integer tensor. The rest as for `cond`.
    """
    branches = tuple(branches)
    if not branches:
        fail(ArgumentError, "switch() of no branches", "Give one function, or more.")
    if not isinstance(index, Tensor):
        return branches[min(max(int(index), 0), len(branches) - 1)](*operands)
    if index.size != 1 or not is_integer(index.dtype):
        fail(ArgumentError, f"the index of switch() is {index.spec}", "Give one integer.")
    number = clip(index.astype(int64).reshape(()), 0, len(branches) - 1)
    return _branch("switch", number, branches, operands, tuple([f"branches[{n}]" for n in range(len(branches))]))


def _branch(what: str, number: Tensor, functions: Sequence[Callable[..., Any]], operands: tuple[Any, ...], names: Sequence[str]) -> Any:
    given = Form(operands, "the operands", what)
    results: list[Form] = []

    def run(which: int, tensors: Sequence[Tensor]) -> list[Tensor]:
        tree = functions[which](*given.tree(tensors))
        if not results:
            results.append(Form(tree, f"what {names[which]} returned", names[which]))
            return results[0].tensors
        results[0].who = names[which]
        return results[0].same(tree)

    def python() -> Any:
        tree = functions[int(number)](*given.tree(own(given.tensors)))
        found = Form(tree, f"what {names[0]} returned", names[0])
        unrecorded(found.tensors, given.tensors)
        return found.tree(found.tensors)

    def traced() -> Any:
        results.clear()
        found = run_branch(number, [partial(run, n) for n in range(len(functions))], given.tensors)
        return results[0].tree(found)

    return choose(python, traced, given.tensors, functions)
