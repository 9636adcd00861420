"""`while_loop`, `fori_loop`, `scan` and `map`: loops that are one op, natively and to autograd."""

from __future__ import annotations

from typing import Any, Callable, Sequence

from ..dispatch import EAGER, bind, mode
from ..errors import ArgumentError, ShapeError, fail
from ..ops.casts import cast, copy
from ..ops.convert import as_tensor, asarray
from ..ops.join import stack
from ..spec import bool_, int64
from ..tensor import Tensor
from .body import Untraceable
from .carry import Form
from .functions import has_effects, remember
from .run import run_loop


class Recorded(Exception):
    """A turn gave something to differentiate."""


def choose(python: Callable[[], Any], traced: Callable[[], Any], tensors: Sequence[Tensor], functions: Sequence[Any]) -> Any:
    """Eager code with no gradients runs in Python; else the functions are traced, if they can be, and do nothing besides."""
    if has_effects(functions):
        return python()
    if mode.interpreter is EAGER and not (mode.grad and any(t.requires_grad for t in tensors)):
        try:
            return python()
        except Recorded:
            pass
    try:
        return traced()
    except Untraceable as reason:
        if reason.effect:
            remember(functions)
        return python()


def unrecorded(tensors: Sequence[Tensor], before: Sequence[Tensor]) -> None:
    """See to it that gradients of what a function captured are not those of single turns. Raises Recorded."""
    if mode.interpreter is EAGER and mode.grad and any(t._requires_grad for t in tensors) and not any(t._requires_grad for t in before):
        raise Recorded


def truth(value: Any, what: str) -> Tensor:
    """A condition's answer as one bool."""
    tensor = as_tensor(value)
    if tensor.size != 1:
        fail(ShapeError, f"{what} is a tensor of shape {tuple(tensor.shape)}", "It must be one bool: reduce it with .any() or .all().")
    if tensor.shape:
        tensor = tensor.reshape(())
    return tensor if tensor.dtype == bool_ else bind(cast, tensor, dtype=bool_)


def own(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Tensors that a function may change in place."""
    return [bind(copy, t) for t in tensors]


def while_loop(cond_fn: Callable[[Any], Any], body_fn: Callable[[Any], Any], init: Any, *, checkpoint: int | None = None) -> Any:
    """`while cond_fn(val): val = body_fn(val)`, from `init` on; the last `val`.

    init: nested containers of tensors and numbers; `body_fn` returns the same structure, shapes and dtypes. cond_fn: of the same, to one
    bool. Both may read tensors from outside, which are differentiated too. checkpoint: for gradients, the carries of only every so many
    turns are kept, and the others computed again.
    Raises ShapeError, DTypeError, ArgumentError: `body_fn` returns another shape, dtype, structure.
    """
    form = Form(init, "the carry", "body_fn")
    _check(checkpoint)

    def holds(_: Any, state: Sequence[Tensor]) -> Tensor:
        return truth(cond_fn(form.tree(state)), "what cond_fn returned")

    def python() -> list[Tensor]:
        state = own(form.tensors)
        while holds(None, state):
            after = form.same(body_fn(form.tree(state)))
            unrecorded(after, form.tensors)
            state = own(after)
        return state

    def traced() -> Sequence[Tensor]:
        return run_loop(
            lambda _, state, __: (form.same(body_fn(form.tree(state))), []), form.tensors, [], condition=holds, checkpoint=checkpoint
        )[:-1]

    return form.tree(choose(python, traced, form.tensors, (cond_fn, body_fn)))


def fori_loop(lower: Any, upper: Any, body_fn: Callable[[Tensor, Any], Any], init: Any, *, checkpoint: int | None = None) -> Any:
    """`for i in range(lower, upper): val = body_fn(i, val)`, from `init` on; the last `val`.

    lower, upper: ints, or 0-d integer tensors. body_fn sees `i` as a 0-d int64 tensor. The rest as for `while_loop`.
    """
    if not isinstance(lower, Tensor) and not isinstance(upper, Tensor):
        length = max(upper - lower, 0)
        return _scan("fori_loop", lambda i, val, _: (body_fn(i, val), ()), init, (), lower, length, False, checkpoint, "body_fn", body_fn)[0]
    first, last = (as_tensor(bound).astype(int64).reshape(()) for bound in (lower, upper))
    _, val = while_loop(lambda pair: pair[0] < last, lambda pair: (pair[0] + 1, body_fn(*pair)), (first, init), checkpoint=checkpoint)
    return val


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]], init: Any, xs: Any = None, length: int | None = None, reverse: bool = False, *,
    checkpoint: int | None = None,
) -> tuple[Any, Any]:  # fmt: skip
    """`for x in xs: carry, y = f(carry, x)`, from `init` on; the last carry, and the `y`s stacked along a new first axis.

    xs: nested containers of tensors of equal first extents, which are walked together; None, with `length`. reverse: the last comes first;
    each y stands where its x did. f returns the carry in the structure, shapes and dtypes that it came in. checkpoint: for gradients, the
    carries of only every so many turns are kept, and the others computed again.
    Raises ShapeError, DTypeError, ArgumentError: another shape, dtype, structure of the carry; first extents that differ.
    """
    return _scan("scan", lambda _, carry, x: f(carry, x), init, xs, 0, length, reverse, checkpoint, "f", f)


def map(f: Callable[[Any], Any], xs: Any, *, checkpoint: int | None = None) -> Any:
    """`f(x)` for each x along the first axis of `xs`, stacked along a new first axis. Trees and errors as for `scan`."""
    return _scan("map", lambda _, __, x: ((), f(x)), (), xs, 0, None, False, checkpoint, "f", f)[1]


def _scan(
    what: str, f: Callable[[Tensor, Any, Any], tuple[Any, Any]], init: Any, xs: Any, start: int, length: int | None, reverse: bool,
    checkpoint: int | None, who: str, function: Any,
) -> tuple[Any, Any]:  # fmt: skip
    form, inputs = Form(init, "the carry", who), Form(xs, "xs", who)
    length = _length(inputs, length)
    _check(checkpoint)
    ys: list[Form] = []

    def turn(number: Tensor, state: Sequence[Tensor], slices: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        pair = f(number, form.tree(state), inputs.tree(slices))
        if not isinstance(pair, tuple) or len(pair) != 2:
            fail(ArgumentError, f"{who} returned a {type(pair).__name__}", f"{what} takes the pair of the next carry and of what is stacked.")
        if not ys:
            ys.append(Form(pair[1], "what is stacked", who))
            return form.same(pair[0]), ys[0].tensors
        return form.same(pair[0]), ys[0].same(pair[1])

    def python() -> tuple[Any, Any]:
        ys.clear()
        state, rows = own(form.tensors), []
        for k in reversed(range(length)) if reverse else range(length):
            after, row = turn(asarray(start + k, dtype=int64), state, [x[k] for x in inputs.tensors])
            unrecorded([*after, *row], [*form.tensors, *inputs.tensors])
            state = own(after)
            rows.append(own(row))
        stacks = [stack(column) for column in zip(*(rows[::-1] if reverse else rows))]
        return form.tree(state), ys[0].tree(stacks)

    def traced() -> tuple[Any, Any]:
        ys.clear()
        results = run_loop(turn, form.tensors, inputs.tensors, start=start, length=length, reverse=reverse, checkpoint=checkpoint)
        count = len(form.tensors)
        return form.tree(results[:count]), ys[0].tree(results[count:])

    if not length:
        return traced()
    return choose(python, traced, [*form.tensors, *inputs.tensors], (function,))


def _length(xs: Form, length: int | None) -> int:
    lengths = {name: t.shape[0] if t.shape else None for name, t in zip(xs.names, xs.tensors)}
    if None in lengths.values():
        name = next(name for name, n in lengths.items() if n is None)
        fail(ShapeError, f"{name} is a 0-d tensor", "There is nothing to walk along; give it a first axis, or let the function capture it.")
    found = {*lengths.values(), *([] if length is None else [length])}
    if len(found) > 1:
        shown = ", ".join([f"{name}: {n}" for name, n in lengths.items()] + ([] if length is None else [f"length: {length}"]))
        fail(ShapeError, f"different numbers of turns ({shown})", "All first extents must be equal.")
    if not found:
        fail(ArgumentError, "a loop of nobody knows how many turns", "Give xs or length.")
    (turns,) = found
    return turns  # type: ignore[return-value]


def _check(checkpoint: int | None) -> None:
    if checkpoint is not None and (not isinstance(checkpoint, int) or checkpoint < 1):
        fail(ArgumentError, f"checkpoint={checkpoint!r}", "Give a number of turns, 1 or more, or leave it out.")
