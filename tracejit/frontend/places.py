"""Guards: a place that a trace read, and what it must still hold. A place is found again from an anchor, step by step.

Objects are held weakly. Containers cannot be, so a container is found again by the path that led to it: its contents
are what is guarded, not its identity.
"""

from __future__ import annotations

import keyword
import weakref
from collections import deque
from types import CellType, FunctionType, ModuleType
from typing import Any, Callable, Iterable

import numpy as np

from .lookup import METHOD, MISSING, find, in_class, instance_dict


class Gone(LookupError):
    """A place that cannot be reached any more."""


def reference_to(value: Any) -> Callable[[], Any]:
    """A weak reference where the class allows one, else a strong one. Modules and functions without state are held."""
    if isinstance(value, ModuleType) or (isinstance(value, FunctionType) and value.__closure__ is None):
        return Strong(value)
    try:
        return weakref.ref(value)
    except TypeError:
        return Strong(value)


class Strong:
    """A reference that keeps its object."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __call__(self) -> Any:
        return self.value


class Writer:
    """Collects the text of a check: names for its constants, variables for places that are read more than once.

    shared: ids of the places that are. held: objects that outlive the check, so that it need not ask whether they still exist.
    """

    def __init__(self, shared: set[int], held: Iterable[Any] = ()) -> None:
        self.scope: dict[str, Any] = {"same": same, "in_class": in_class}
        self.held = set(map(id, held))
        self.shared, self.names = shared, dict[int, str]()
        self._constants: dict[int, str] = {}

    def constant(self, value: Any) -> str:
        name = self._constants.get(id(value))
        if name is None:
            name = self._constants[id(value)] = f"k{len(self._constants)}"
            self.scope[name] = value
        return name

    def refers(self, reference: Callable[[], Any]) -> tuple[str, bool]:
        """An expression for what a reference leads to, and whether it may be None by now."""
        value = reference()
        if value is not None and id(value) in self.held:
            return self.constant(value), False
        return f"{self.constant(reference)}()", True

    def place(self, place: Place, keep: bool = False) -> str:
        """An expression for the value of a place; a variable once it has one."""
        name = self.names.get(id(place))
        if name is not None:
            return name
        text = place.text(self)
        if keep or id(place) in self.shared:
            name = self.names[id(place)] = f"v{len(self.names)}"
            return f"({name} := {text})"
        return text


class Place:
    """Where a value was read."""

    __slots__ = ("parent", "key", "words")

    def __init__(self, parent: Place | None, key: Any, words: str) -> None:
        self.parent, self.key = parent, key
        self.words = words  # as a person names it: "global `scale` of model.py"

    def get(self) -> Any:
        """The value now; raises Gone."""
        raise NotImplementedError

    def text(self, writer: Writer) -> str:
        """A Python expression that gives the value, and may raise."""
        raise NotImplementedError

    def up(self) -> Any:
        assert self.parent is not None
        return self.parent.get()


class Anchor(Place):
    """An object itself; `key` is a reference to it."""

    __slots__ = ()

    def get(self) -> Any:
        value = self.key()
        if value is None:
            raise Gone
        return value

    def text(self, writer: Writer) -> str:
        if isinstance(self.key, Strong):
            return writer.constant(self.key.value)
        return f"{writer.constant(self.key)}()"


class Entry(Place):
    """An entry of a dict that is held: a module's globals. `key` is (dict, name)."""

    __slots__ = ()

    def get(self) -> Any:
        table, name = self.key
        return table.get(name, MISSING)

    def text(self, writer: Writer) -> str:
        return f"{writer.constant(self.key[0])}[{self.key[1]!r}]"


class Cell(Place):
    """A closure cell's contents."""

    __slots__ = ()
    key: CellType

    def get(self) -> Any:
        try:
            return self.key.cell_contents
        except ValueError:
            return MISSING

    def text(self, writer: Writer) -> str:
        return f"{writer.constant(self.key)}.cell_contents"


class Attribute(Place):
    """An attribute of an object, or of a class through its object: `key` is (name, how it was found)."""

    __slots__ = ()

    def get(self) -> Any:
        value, how = find(self.up(), self.key[0])
        return value if (how == METHOD) == (self.key[1] == METHOD) else MISSING

    def text(self, writer: Writer) -> str:
        name, how = self.key
        assert self.parent is not None
        owner = writer.place(self.parent)
        if not is_plain_name(name):
            return f"{owner}.__dict__[{writer.constant(name)}]"
        return f"{owner}.{name}.__func__" if how == METHOD else f"{owner}.{name}"


class Careful(Attribute):
    """An attribute that plain syntax would not find without running the user's code."""

    __slots__ = ()

    def get(self) -> Any:
        return find(self.up(), self.key[0])[0]

    def text(self, writer: Writer) -> str:
        assert self.parent is not None
        writer.scope["find"] = find
        return f"find({writer.place(self.parent)}, {self.key[0]!r})[0]"


class OfClass(Place):
    """What an object's class holds under a name: a method, a property."""

    __slots__ = ()

    def get(self) -> Any:
        return in_class(type(self.up()), self.key)

    def text(self, writer: Writer) -> str:
        assert self.parent is not None
        owner = writer.place(self.parent)
        if isinstance(self.get(), property) and type(type(self.up())) is type:
            return f"type({owner}).{self.key}"  # a property gives itself to its class
        return f"in_class(type({owner}), {self.key!r})"


class Item(Place):
    """An item of a built-in container, or of one derived from it."""

    __slots__ = ()

    def get(self) -> Any:
        return item_of(self.up(), self.key)

    def text(self, writer: Writer) -> str:
        assert self.parent is not None
        owner = writer.place(self.parent)
        plain = type(self.key) is int or (type(self.key) is str and self.key.isascii())
        return f"{owner}[{repr(self.key) if plain else writer.constant(self.key)}]"


class ItemOfObject(Item):
    """An item of a dict whose key is an object; `key` is a reference to it."""

    __slots__ = ()

    def get(self) -> Any:
        key = self.key()
        return MISSING if key is None else item_of(self.up(), key)

    def text(self, writer: Writer) -> str:
        assert self.parent is not None
        return f"{writer.place(self.parent)}[{writer.refers(self.key)[0]}]"


class DerivedItem(Item):
    """An item of a container whose class redefines how items are found, or makes those that are missing."""

    __slots__ = ()

    def text(self, writer: Writer) -> str:
        assert self.parent is not None
        writer.scope["item_of"] = item_of
        return f"item_of({writer.place(self.parent)}, {writer.constant(self.key)})"


class Own(Place):
    """An object's `__dict__`, as a container."""

    __slots__ = ()

    def get(self) -> Any:
        found = instance_dict(self.up())
        if found is None:
            raise Gone
        return found

    def text(self, writer: Writer) -> str:
        assert self.parent is not None
        return f"{writer.place(self.parent)}.__dict__"


class Field(Place):
    """What `getattr` gives of an object of a built-in class: a function's defaults, a partial's keywords."""

    __slots__ = ()

    def get(self) -> Any:
        return getattr(self.up(), self.key, MISSING)

    def text(self, writer: Writer) -> str:
        assert self.parent is not None
        return f"{writer.place(self.parent)}.{self.key}"


_BASES = (dict, list, tuple, set, frozenset, deque)


def base_of(container: Any) -> Any:
    """The built-in class a container is, or is derived from."""
    kind = type(container)
    return kind if kind in _BASES else next((b for b in _BASES if isinstance(container, b)), kind)


def item_of(container: Any, key: Any) -> Any:
    """An item as the built-in class finds it, or MISSING; nothing is made."""
    if isinstance(container, dict):
        return dict.get(container, key, MISSING)
    try:
        return base_of(container).__getitem__(container, key)
    except (LookupError, TypeError, AttributeError):
        return MISSING


def is_plain_name(name: str) -> bool:
    """Whether a name can stand after a dot."""
    return name.isidentifier() and name.isascii() and not keyword.iskeyword(name)


_PLAIN_LOOKUPS: tuple[Any, ...] = tuple(kind.__getattribute__ for kind in (object, *_BASES))


def is_plain(value: Any) -> bool:
    """Whether `value.name` reads what `find` finds."""
    kind: Any = type(value)
    if isinstance(value, type):
        return kind.__getattribute__ is type.__getattribute__
    return kind.__getattribute__ in _PLAIN_LOOKUPS


def has_plain_items(container: Any) -> bool:
    """Whether `container[key]` reads what the built-in class holds."""
    kind = type(container)
    if kind in (dict, list, tuple):
        return True
    return kind.__getitem__ is base_of(container).__getitem__ and not hasattr(kind, "__missing__")


def same(a: Any, b: Any) -> bool:
    """Whether two immutable values are the same to a program: equal types, equal values, NaN to itself, -0.0 not to 0.0."""
    if a is b:
        return True
    kind = type(a)
    if kind is not type(b):
        return False
    if kind is float:
        return a == b and (a != 0.0 or str(a) == str(b)) or (a != a and b != b)
    if kind is complex:
        return same(a.real, b.real) and same(a.imag, b.imag)
    if isinstance(a, np.generic):
        return bool(a.dtype == b.dtype and a.tobytes() == b.tobytes())
    if kind is tuple:
        return len(a) == len(b) and all(map(same, a, b))
    if kind is frozenset:
        return a == b and {(type(v), v) for v in a} == {(type(v), v) for v in b}
    return bool(a == b)
