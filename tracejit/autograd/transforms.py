"""Derivatives of functions: `grad`, `value_and_grad`, `vjp`, `jacobian`, `hessian`.

Each takes a function of tensors, or of nested containers of them, and gives one back. They nest, they see through to what
the function closes over, and the results can be differentiated by `backward()` where something outside requires grad.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from ..application import Application
from ..dispatch import bind, mode
from ..errors import ArgumentError, DTypeError, GradError, fail
from ..ops.casts import cast
from ..ops.create import iota, zeros_like
from ..ops.join import stack
from ..ops.logic import equal
from ..ops.view import alias, reshape, same
from ..spec import int64, is_complex, is_inexact
from ..tensor import StandIn, Tensor
from ..tree import Structure, flatten, map_leaves, unflatten
from . import engine
from .modes import GradMode

Positions = int | Sequence[int]


def grad(fn: Callable[..., Any], argnums: Positions = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The function that gives the gradient of `fn`, whose result must be a real scalar.

    argnums: which positional arguments to differentiate by; a tuple gives a tuple of gradients. Each gradient has the
    structure of its argument. has_aux: `fn` returns (scalar, aux), and the result is (gradient, aux).
    """
    both = value_and_grad(fn, argnums, has_aux)

    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, result = both(*args, **kwargs)
        return (result, value[1]) if has_aux else result

    return _named(gradient, fn, "grad")


def value_and_grad(fn: Callable[..., Any], argnums: Positions = 0, has_aux: bool = False) -> Callable[..., Any]:
    """As `grad`, but the function gives (value, gradient), or ((value, aux), gradient)."""

    if not callable(fn):
        fail(ArgumentError, f"the gradient of a {type(fn).__name__}: {fn!r:.60}", "Give a function; backward() differentiates a tensor.")

    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        call = _Call(fn, args, kwargs, argnums, has_aux)
        value = call.output
        if not isinstance(value, Tensor) or value._value.size != 1 or is_complex(value.dtype):
            met = str(value.spec) if isinstance(value, Tensor) else f"a {type(value).__name__}"
            fail(GradError, f"grad of a function that returns {met}", "It must return one real number; use vjp or jacobian otherwise.")
        gradients = call.structured(call.pull([value], None))
        value = call.settled(value)
        return ((value, call.settled_aux()) if has_aux else value), gradients

    return _named(value_and_gradient, fn, "value_and_grad")


def vjp(fn: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """(fn(*primals), pull_back), or (output, pull_back, aux) with `has_aux`.

    `pull_back(cotangents)`, cotangents of the structure of the output, gives a tuple of gradients, one for each primal. It
    may be called any number of times.
    """
    call = _Call(fn, primals, {}, tuple(range(len(primals))), has_aux)
    leaves, structure = flatten(call.output)

    def pull_back(cotangents: Any) -> tuple[Any, ...]:
        given, given_structure = flatten(cotangents)
        if given_structure != structure:
            met = f"cotangents of structure {given_structure} for an output of structure {structure}"
            fail(ArgumentError, met, "Give equal structures.")
        return call.structured(call.pull(leaves, given, retain=True))

    output = unflatten(structure, [call.settled(leaf) for leaf in leaves])
    return (output, pull_back, call.settled_aux()) if has_aux else (output, pull_back)


def jacobian(fn: Callable[..., Any], argnums: Positions = 0) -> Callable[..., Any]:
    """The function that gives the Jacobian of `fn`, by one backward pass for each element of the output.

    For each tensor of the output: the structure of the argument, each tensor of it replaced by one of shape
    (*output.shape, *argument.shape). Rows of a complex output are conjugate Wirtinger derivatives, as `backward` gives.
    """

    def rows(*args: Any, **kwargs: Any) -> Any:
        call = _Call(fn, args, kwargs, argnums, False)
        leaves, structure = flatten(call.output)
        blocks = []
        for leaf in leaves:
            if not isinstance(leaf, Tensor):
                fail(GradError, f"jacobian of a function that returns a {type(leaf).__name__}", "It must return tensors.")
            pulled = [call.pull([leaf], [_unit(leaf, k)], retain=True) for k in range(leaf._value.size)]
            blocks.append(call.structured([_stack([row[i] for row in pulled], leaf, x) for i, x in enumerate(call.inputs)]))
        return unflatten(structure, blocks)

    return _named(rows, fn, "jacobian")


def hessian(fn: Callable[..., Any], argnums: Positions = 0) -> Callable[..., Any]:
    """The function that gives the Hessian of `fn`: the Jacobian of its Jacobian, in the same arguments."""
    return _named(jacobian(jacobian(fn, argnums), argnums), fn, "hessian")


def _tensor(value: Any) -> Any:
    return value.tensor if isinstance(value, StandIn) else value


class _Call:
    """One run of a function with some arguments replaced by tensors of its own, which nothing outside refers to.

    If something outside that the outputs depend on requires grad, what is computed here is recorded for it; else not.
    """

    def __init__(self, fn: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], argnums: Positions, has_aux: bool) -> None:
        self.single = isinstance(argnums, int)
        positions = [_position(p, len(args)) for p in ((argnums,) if isinstance(argnums, int) else argnums)]
        self.outside = mode.grad
        self.inputs: list[Tensor] = []
        self.sources: set[int] = set()  # the leaves made here
        self.shapes: list[Structure] = []
        held = list(args)
        with GradMode(True):
            for p in positions:
                leaves, structure = flatten(args[p])
                self.shapes.append(structure)
                held[p] = unflatten(structure, [self._own(leaf, p) for leaf in leaves])
            result = map_leaves(_tensor, mode.callee(fn)(*held, **kwargs))
        self.aux: Any = None
        if has_aux:
            if not isinstance(result, tuple) or len(result) != 2:
                fail(ArgumentError, "a function differentiated with has_aux=True did not return a pair", "Return (output, aux).")
            result, self.aux = result
        self.output = result
        self.recorded = self.outside and self._reaches_outside()

    def _own(self, given: Any, position: int) -> Any:
        leaf = _tensor(given)
        if not isinstance(leaf, Tensor):
            leaf = bind(alias, mode.interpreter.constant(leaf)) if hasattr(leaf, "__array__") else leaf
        if not isinstance(leaf, Tensor):
            met = f"argument {position} holds a {type(leaf).__name__}"
            fail(ArgumentError, met, "Differentiate by tensors only; pick them with argnums.")
        if not is_inexact(leaf.dtype):
            met = f"argument {position} holds a tensor of {leaf.dtype.name}"
            fail(DTypeError, met, "Only floating and complex tensors have gradients.")
        if self.outside and leaf.requires_grad:
            own = bind(same, leaf)
        else:
            own = bind(alias, leaf).requires_grad_()
            self.sources.add(id(own))
        self.inputs.append(own)
        return mode.in_kind(own, given)

    def _reaches_outside(self) -> bool:
        """Whether the outputs depend on a leaf that was not made here."""
        leaves = [leaf for leaf in flatten(self.output)[0] if isinstance(leaf, Tensor) and leaf.requires_grad]
        stack: list[Any] = [leaf._application or leaf for leaf in leaves]
        seen: set[int] = set()
        while stack:
            node = stack.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            if isinstance(node, Application):
                stack.extend(edge[0] for edge in node.edges if edge is not None)
            elif id(node) not in self.sources:
                return True
        return False

    def pull(self, outputs: list[Any], cotangents: list[Any] | None, retain: bool = False) -> list[Tensor]:
        """The gradients of some outputs in the inputs; zeros where there is none."""
        pairs = list(zip(outputs, cotangents if cotangents is not None else [None] * len(outputs)))
        moving = [(o, c) for o, c in pairs if isinstance(o, Tensor) and o.requires_grad]
        if not moving:
            return [zeros_like(x) for x in self.inputs]
        roots, weights = [o for o, _ in moving], [c for _, c in moving]
        found = engine.grad(
            roots, self.inputs, weights, retain_graph=retain or self.recorded, create_graph=self.recorded, materialize_grads=True
        )
        return list(found)  # type: ignore[arg-type]

    def structured(self, per_input: list[Any]) -> Any:
        """One value for each input, in the structure of the arguments."""
        results, start = [], 0
        for structure in self.shapes:
            count = structure.num_leaves
            results.append(unflatten(structure, per_input[start : start + count]))
            start += count
        return results[0] if self.single else tuple(results)

    def settled(self, output: Any) -> Any:
        """An output as the caller gets it: without history, if only this run's own leaves are behind it."""
        if self.recorded or not isinstance(output, Tensor) or not output.requires_grad:
            return output
        return bind(alias, output)

    def settled_aux(self) -> Any:
        leaves, structure = flatten(self.aux)
        return unflatten(structure, [self.settled(leaf) for leaf in leaves])


def _position(position: int, count: int) -> int:
    if not -count <= position < count:
        fail(ArgumentError, f"argnums names argument {position} of a call with {count} positional ones", f"Give one from 0 to {count - 1}.")
    return position % count


def _unit(output: Tensor, k: int) -> Tensor:
    """A cotangent that is 1 at element k, and 0 elsewhere."""
    places = bind(iota, shape=(output._value.size,), dtype=int64)
    return reshape(cast(equal(places, k), dtype=output.dtype), output.shape)


def _stack(rows: list[Tensor], output: Tensor, x: Tensor) -> Tensor:
    """Rows of a Jacobian as one tensor of shape (*output.shape, *x.shape)."""
    shape = (*output.shape, *x.shape)
    if not rows or not prod(shape):
        return zeros_like(x, dtype=x.dtype).reshape(-1)[:0].reshape(shape)
    return reshape(stack(rows), shape)


def _named(function: Callable[..., Any], of: Callable[..., Any], what: str) -> Callable[..., Any]:
    function.__name__ = f"{what}_of_{getattr(of, '__name__', 'function')}"
    function.__doc__ = f"`{what}` of {getattr(of, '__name__', 'a function')}."
    function.differentiates = of  # type: ignore[attr-defined]
    return function
