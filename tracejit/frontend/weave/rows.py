"""What a loop goes through by number: the rows of arrays, alone or side by side as `enumerate` and `zip` give them."""

from __future__ import annotations

from typing import Any, Iterator, NamedTuple
from weakref import ref

from ...control.body import Body
from ...tensor import Tensor
from ..numpy_code import Array, bound_of, implements, is_readonly, number_of
from .variables import FAR, Variables, is_scalar, is_traced, tensor_of


class View(NamedTuple):
    """A row that a turn begins with, a copy that stands for a view. name: the variable whose array it is of, if one holds it; node: what it was."""

    name: str
    row: Any
    node: Any
    place: Any


class Rows:
    """An iterator over tuples, one part of each source: arrays, ranges, and such iterators. alone: over the parts of one, no tuples."""

    def __init__(self, *sources: Any, alone: bool = False) -> None:
        self.sources, self.alone = sources, alone
        self.count = min(map(_length, sources))
        self.begun: Iterator[Any] | None = None

    def __iter__(self) -> Rows:
        return self

    def __next__(self) -> Any:
        if self.begun is None:
            self.begun = iter(self.sources[0]) if self.alone else zip(*self.sources)
        return next(self.begun)

    def at(self, place: Any, state: Variables) -> Any:
        """The element of this number, a Number maybe; arrays that are variables of a loop are as `state` has them."""
        parts = tuple([_part(source, place, state) for source in self.sources])
        return parts[0] if self.alone else parts

    def known_as(self, state: Variables) -> Rows:
        """The same, each array that is a variable's value by that variable's name."""
        names = {id(value): name for name, value in vars(state).items() if _has_rows(value)}
        made = Rows(*self.sources, alone=self.alone)
        made.sources = tuple([s.known_as(state) if type(s) is Rows else names.get(id(s), s) for s in self.sources])
        return made

    def views(self, item: Any, place: Any, state: Variables, body: Body) -> Iterator[View]:
        """The rows in an element; those of arrays that may be written may be written too: their trace writes them back."""
        for source, part in zip(self.sources, (item,) if self.alone else item):
            if type(source) is Rows:
                yield from source.views(part, place, state, body)
            elif is_traced(part) and not is_scalar(part):
                shown = body.shows(tensor_of(part))
                if shown is not None:
                    shown.writable = True
                if type(part) is Array:
                    part.readonly = is_readonly(getattr(state, source) if type(source) is str else source)
                yield View(source if type(source) is str else "", part, body.tracer.read(tensor_of(part)), place)


def rows_of(values: Any) -> Rows | None:
    """What a loop over these values goes through by number; None if it has to be Python's."""
    if _has_rows(values):
        return Rows(values, alone=True)
    return values if type(values) is Rows and _is_fresh(values) and _goes_alone(values) else None


def _part(source: Any, place: Any, state: Variables) -> Any:
    if type(source) is range:
        step = place * source.step + source.start
        return step if type(place) is int else number_of(step.tensor, int, max(bound_of(source.start), bound_of(source.stop)))
    if type(source) is Rows:
        return source.at(place, state)
    array = getattr(state, source) if type(source) is str else source
    return array[place]


def _has_rows(value: Any) -> bool:
    return bool(value.shape) and not value.is_scalar if type(value) is Array else isinstance(value, Tensor) and bool(value.shape)


def _goes_by_number(source: Any) -> bool:
    if type(source) is range:
        return abs(source.stop - source.start) < FAR
    return _has_rows(source) or (type(source) is Rows and _is_fresh(source))


def _is_fresh(rows: Rows) -> bool:
    return rows.begun is None and all(map(_is_fresh, (s for s in rows.sources if type(s) is Rows)))


def _goes_alone(rows: Rows) -> bool:
    """Whether nobody else knows the iterators that one goes through: a loop that is one op leaves them where they are."""
    given = rows.sources
    known = [ref(s) if type(s) is Rows else None for s in given]
    rows.sources = tuple([Rows(*s.sources, alone=s.alone) if type(s) is Rows else s for s in given])
    del given
    if any(r is not None and r() is not None for r in known):
        rows.sources = tuple([s if r is None else r() or s for r, s in zip(known, rows.sources)])
        return False
    return all(_goes_alone(s) for s in rows.sources if type(s) is Rows)


def _length(source: Any) -> int:
    return source.count if type(source) is Rows else len(source)


@implements(enumerate)
def enumerated(values: Any, start: Any = 0) -> Any:
    """enumerate()."""
    return Rows(range(start, start + _length(values)), values) if type(start) is int and _goes_by_number(values) else enumerate(values, start)


@implements(zip)
def zipped(*values: Any, **options: Any) -> Any:
    """zip()."""
    apart = len(set(map(id, values))) == len(values)
    return Rows(*values) if values and apart and not options and all(map(_goes_by_number, values)) else zip(*values, **options)


@implements(reversed)
def turned(values: Any) -> Any:
    """reversed()."""
    return Rows(values[::-1], alone=True) if type(values) is range or _has_rows(values) else reversed(values)
