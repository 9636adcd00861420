"""Einstein summation, as a sequence of matmuls, multiplications and sums."""

from __future__ import annotations

import importlib
from functools import lru_cache
from math import prod
from typing import Any, Hashable, NamedTuple, Sequence

from ..dispatch import bind
from ..errors import ArgumentError, ShapeError, fail
from ..precision import precision
from ..spec import Shape, promote
from ..tensor import Tensor
from .elementwise import cast, multiply
from .linalg import matmul
from .manipulate import as_tensor, diagonal
from .reduce import sum
from .view import broadcast_to, permute, reshape

Label = Hashable  # a letter or an int; of an axis under "...", a pair ("...", its place from the end)
Labels = tuple[Label, ...]
ELLIPSIS = "..."
SEARCHED = 10  # operands among which the best order is searched for: it takes a millisecond for eight, three for ten, 300 for sixteen


class Plan(NamedTuple):
    """What a subscript says of operands of certain shapes."""

    terms: tuple[Labels, ...]
    output: Labels
    extents: dict[Label, int]
    path: tuple[tuple[int, ...], ...]  # which operands to contract at each step; their result joins the end of the list


@precision("low")
def einsum(subscripts: Any, *operands: Any, optimize: bool = True) -> Tensor:
    """The sum of products that `subscripts` names: `einsum("bij,bjk->bik", x, y)`.

    subscripts: a letter for each axis of each operand, commas between them; letters absent from the part after "->" are
      summed over. "..." stands for any further, broadcast axes. Without "->" the result has the letters that appear once, in
      alphabetical order. NumPy's other form, `einsum(x, [0, 1], y, [1, 2], [0, 2])`, works too.
    optimize: contract in the order of the fewest multiplications that opt_einsum finds (Smith and Gray, JOSS 2018), instead of from
      left to right.
    """
    inputs, output, tensors = _arguments(subscripts, operands)
    plan = _plan(inputs, output, tuple(tuple(t.shape) for t in tensors), bool(optimize))
    dtype = promote(*(t.dtype for t in tensors))
    pending = [
        (_spread(t if t.dtype == dtype else cast(t, dtype=dtype), labels, plan.extents), labels)
        for t, labels in zip(tensors, plan.terms)
    ]
    for step in plan.path:
        chosen = [pending[i] for i in step]
        pending = [p for i, p in enumerate(pending) if i not in step]
        kept = frozenset(plan.output).union(*(labels for _, labels in pending))
        while len(chosen) > 1:
            later = kept.union(*(labels for _, labels in chosen[2:]))
            chosen = [_contract(*chosen[0], *chosen[1], later), *chosen[2:]]
        pending.append(chosen[0])
    result, labels = _reduce(*pending[0], frozenset(plan.output))
    return _arranged(result, labels, plan.output)


# Reading the subscripts


def _arguments(subscripts: Any, operands: Sequence[Any]) -> tuple[tuple[Labels, ...], Labels | None, list[Tensor]]:
    """The labels of each operand (ELLIPSIS standing for itself), those of the output if given, and the operands."""
    if not isinstance(subscripts, str):
        everything = (subscripts, *operands)
        pairs = len(everything) // 2
        terms = tuple(tuple(ELLIPSIS if k is Ellipsis else k for k in everything[2 * i + 1]) for i in range(pairs))
        last = tuple(ELLIPSIS if k is Ellipsis else k for k in everything[-1]) if len(everything) % 2 else None
        return terms, last, [as_tensor(everything[2 * i]) for i in range(pairs)]
    left, arrow, right = subscripts.replace(" ", "").partition("->")
    terms = tuple(_letters(part, subscripts) for part in left.split(","))
    if len(operands) == 1 and isinstance(operands[0], (tuple, list)):
        operands = operands[0]
    if len(terms) != len(operands):
        fail(ArgumentError, f"einsum {subscripts!r} with {len(operands)} operands", f"It names {len(terms)}: one between two commas.")
    return terms, _letters(right, subscripts) if arrow else None, [as_tensor(x) for x in operands]


def _letters(part: str, subscripts: str) -> Labels:
    before, dots, after = part.partition(ELLIPSIS)
    if not all(c.isalpha() for c in before + after):
        fail(ArgumentError, f"einsum {subscripts!r}", 'Use letters, commas, at most one "..." for each operand, and one "->".')
    return (*before, *((ELLIPSIS,) if dots else ()), *after)


@lru_cache(maxsize=1024)
def _plan(inputs: tuple[Labels, ...], output: Labels | None, shapes: tuple[Shape, ...], optimize: bool) -> Plan:
    terms = tuple(_expanded(labels, len(shape)) for labels, shape in zip(inputs, shapes))
    dots = max((t for t in (_dots(term) for term in terms)), key=len, default=())
    if output is None:
        flat = [label for term in terms for label in term if label not in dots]
        once = [k for k in flat if flat.count(k) == 1]
        result: Labels = (*dots, *sorted(once))  # type: ignore[type-var]
    else:
        if dots and ELLIPSIS not in output:
            fail(ArgumentError, f"einsum with {len(dots)} axes under '...' and an output without", 'Write "..." after "->".')
        result = tuple(k for label in output for k in (dots if label == ELLIPSIS else (label,)))
    extents = _extents(terms, shapes)
    strange = [k for k in result if k not in extents]
    if strange or len(set(result)) != len(result):
        fail(ArgumentError, f"einsum with output {result}", "Each letter of the output must be in an operand, and stand there once.")
    return Plan(terms, result, extents, _path(terms, result, extents, optimize))


def _expanded(labels: Labels, ndim: int) -> Labels:
    """The labels, with those of the axes that the ellipsis stands for."""
    named = len(labels) - (ELLIPSIS in labels)
    if named > ndim or (named < ndim and ELLIPSIS not in labels):
        met = f"einsum labels {' '.join(map(str, labels))!r} for an operand of {ndim} axes"
        fail(ShapeError, met, 'Give one letter for each axis, or "...".')
    dots = tuple((ELLIPSIS, place) for place in reversed(range(ndim - named)))
    return tuple(k for label in labels for k in (dots if label == ELLIPSIS else (label,)))


def _dots(term: Labels) -> Labels:
    return tuple(k for k in term if isinstance(k, tuple))


def _extents(terms: Sequence[Labels], shapes: Sequence[Shape]) -> dict[Label, int]:
    """The extent of each label; one-long axes broadcast."""
    extents: dict[Label, int] = {}
    for term, shape in zip(terms, shapes):
        for label, n in zip(term, shape):
            before = extents.get(label, 1)
            if before != 1 and n not in (1, before):
                name = "..." if isinstance(label, tuple) else label
                fail(ShapeError, f"einsum axes named {name!r} of {before} and {n} elements", "Axes with one letter must be equally long.")
            extents[label] = n if before == 1 else before
    return extents


def _path(terms: Sequence[Labels], output: Labels, extents: dict[Label, int], optimize: bool) -> tuple[tuple[int, ...], ...]:
    """The order of the fewest multiplications, or one near it for many operands; from left to right for few, and if it is asked for."""
    count = len(terms)
    if count < 3 or not optimize:
        return tuple((0, 1) if i == 0 else (0, count - 1 - i) for i in range(count - 1))
    paths = importlib.import_module("opt_einsum.paths")
    search = paths.dynamic_programming if count <= SEARCHED else paths.auto
    number = {label: n for n, label in enumerate(extents)}  # sets of integers are walked in one order in every process, of texts not
    inputs = [frozenset(number[k] for k in term) for term in terms]
    sizes = {number[label]: extent for label, extent in extents.items()}
    return tuple(tuple(step) for step in search(inputs, frozenset(number[k] for k in output), sizes, None))


# Computing


def _spread(x: Tensor, labels: Labels, extents: dict[Label, int]) -> Tensor:
    """One-long axes repeated to the extent of their label."""
    shape = tuple(extents[k] for k in labels)
    return x if tuple(x.shape) == shape else broadcast_to(x, shape)


def _reduce(x: Tensor, labels: Labels, kept: frozenset[Label]) -> tuple[Tensor, Labels]:
    """Diagonals taken of axes with one label, and the labels that nobody needs summed over."""
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            x = diagonal(x, 0, first, second)
            labels = (*(k for d, k in enumerate(labels) if d not in (first, second)), label)
    gone = tuple(d for d, k in enumerate(labels) if k not in kept)
    if gone:
        x = sum(x, axis=gone, dtype=x.dtype)
        labels = tuple(k for k in labels if k in kept)
    return x, labels


def _arranged(x: Tensor, labels: Labels, order: Labels) -> Tensor:
    return x if labels == order else bind(permute, x, axes=tuple(labels.index(k) for k in order))


def _contract(a: Tensor, labels_a: Labels, b: Tensor, labels_b: Labels, kept: frozenset[Label]) -> tuple[Tensor, Labels]:
    """The product of two operands, summed over the labels that are not kept."""
    a, labels_a = _reduce(a, labels_a, kept.union(labels_b))
    b, labels_b = _reduce(b, labels_b, kept.union(labels_a))
    batch = tuple(k for k in labels_a if k in labels_b and k in kept)
    inner = tuple(k for k in labels_a if k in labels_b and k not in kept)
    rows = tuple(k for k in labels_a if k not in labels_b)
    columns = tuple(k for k in labels_b if k not in labels_a)
    result = (*batch, *rows, *columns)
    extent = {**dict(zip(labels_a, a.shape)), **dict(zip(labels_b, b.shape))}
    if not inner or not (rows or columns):
        every = (*result, *inner)
        product = multiply(_aligned(a, labels_a, every), _aligned(b, labels_b, every))
        return _reduce(product, every, frozenset(result))
    left = _grouped(a, labels_a, batch, rows, inner)
    right = _grouped(b, labels_b, batch, inner, columns)
    return reshape(matmul(left, right), tuple(extent[k] for k in result)), result


def _aligned(x: Tensor, labels: Labels, every: Labels) -> Tensor:
    """`x` with its axes in the order of `every`, and a one-long axis for each label it lacks."""
    x = _arranged(x, labels, tuple(k for k in every if k in labels))
    extents = iter(x.shape)
    return reshape(x, tuple(next(extents) if k in labels else 1 for k in every))


def _grouped(x: Tensor, labels: Labels, batch: Labels, first: Labels, second: Labels) -> Tensor:
    """`x` as a stack of matrices: the batch axes, then each group of labels joined into one axis."""
    extent = dict(zip(labels, x.shape))
    shape = (*(extent[k] for k in batch), prod(extent[k] for k in first), prod(extent[k] for k in second))
    return reshape(_arranged(x, labels, (*batch, *first, *second)), shape)
