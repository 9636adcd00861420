"""`Explorer`: turns what a function can read into guards, and follows it further.

Whatever was there before the trace is *known* once a chain of reads has led to it from a global, a closure, a default or
an object among the arguments. What the function makes for itself is not known, and not guarded.
"""

from __future__ import annotations

import functools
import operator
import threading
import weakref
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from ..tensor import StandIn, Tensor
from .effects import Streams, digest, is_stream
from .guards import Absent, Alive, Guard, Identical, KeyObjects, Keys, Kind, Length, Members, Same, SameObject
from .lookup import (
    ABSENT, CLASS, DESCRIPTOR, INSTANCE, METHOD, MISSING, class_with, find, in_class, instance_dict, is_data_descriptor,
)  # fmt: skip
from .places import (
    Anchor, Attribute, Careful, DerivedItem, Entry, Field, Item, ItemOfObject, OfClass, Own, Place, Strong, base_of,
    has_plain_items, is_plain, item_of, reference_to,
)  # fmt: skip
from .values import CONTAINERS, has_attributes, inner_parts, is_immutable, is_leaf, is_library_class, is_ours, is_sealed

_MANY = 32  # elements that are guarded one by one; more are guarded together
_BUDGET = 20_000  # things looked at in one trace
_DIGESTIBLE = 1 << 26  # bytes of outer arrays whose contents are compared in full


class Explorer:
    """The guards found so far, and what they stand on."""

    def __init__(self, streams: Streams, outside: set[int]) -> None:
        self.guards: list[Guard] = []
        self.streams, self.outside = streams, outside
        self.incomplete: str | None = None
        self.arrays: dict[int, tuple[np.ndarray, str, Any, bool]] = {}  # with words, a digest, and whether in full
        self.functions: dict[int, list[FunctionType]] = {}  # by id of the code
        self.names: set[str] = set()  # attributes that are taken of things only a run can know
        self.keys: dict[Any, None] = {}
        self._places: dict[int, Place] = {}  # of known objects and containers
        self._keep: list[Any] = []  # so that no id is used again during the trace
        self._read: dict[tuple[int, Any], tuple[Any, Place | None]] = {}
        self._whole: set[int] = set()
        self._objects: list[Any] = []
        self._dicts: list[Any] = []
        self._made: dict[int, Any] = {}
        self._given: dict[type, frozenset[str]] = {}
        self._budget, self._digestible = _BUDGET, _DIGESTIBLE
        self._unsealed = False

    # Knowing things

    def known(self, value: Any) -> Place | None:
        """The place of something that is known."""
        return self._places.get(id(value))

    def place_of(self, number: int) -> Place | None:
        """The place of what is known by this id."""
        return self._places.get(number)

    def adopt(self, value: Any) -> Place | None:
        """The place of an object that was met as an argument; None for what the trace made, and for values that have no identity."""
        place = self._places.get(id(value))
        if place is not None:
            return place
        if isinstance(value, StandIn) or (isinstance(value, (*CONTAINERS, Tensor)) and not has_attributes(value)):
            return None
        if is_immutable(value) or is_leaf(value) or self.is_made(value):  # a leaf is read by reference
            return None
        place = Anchor(None, reference_to(value), f"the {type(value).__name__} object")
        if not isinstance(place.key, Strong):
            self.guards.append(Alive(place, None))
        self._look_into(place, value, passed=True)
        return place

    def adopt_elements(self, container: Any, depth: int = 0) -> None:
        """The objects in a container that is not known: one given as an argument, or made by the trace."""
        self._budget -= len(container) >> 4
        if self._budget < 0 or depth > 8:
            self.incomplete = self.incomplete or "its arguments hold too many objects"
            return
        for value in [*container, *dict.values(container)] if isinstance(container, dict) else list(container):
            if isinstance(value, CONTAINERS) and not has_attributes(value):
                if id(value) not in self._places and not is_immutable(value):
                    self.adopt_elements(value, depth + 1)
            elif not isinstance(value, (StandIn, Tensor, np.ndarray)):
                self.adopt(value)

    def made(self, value: Any) -> None:
        """Note an object that the trace itself makes."""
        if id(value) not in self._places:
            try:
                self._made[id(value)] = weakref.ref(value)
            except TypeError:
                self._made[id(value)] = functools.partial(_itself, value)

    def is_made(self, value: Any) -> bool:
        reference = self._made.get(id(value))
        return reference is not None and reference() is value

    def reach(self, place: Place, value: Any, guarded: bool = True) -> None:
        """A read gave `value` at `place`: guard it, and know what it is."""
        if isinstance(value, StandIn):  # the trace made it
            return
        if is_immutable(value):
            if guarded:
                self.guards.append(Same(place, value))
            return
        before = self._places.get(id(value))
        if isinstance(value, CONTAINERS) and not has_attributes(value):
            if guarded:
                self.guards.append(Kind(place, type(value)) if before is None else SameObject(place, before))
        elif guarded:
            self.guards.append(Identical(place, value, before))
        if before is None:
            self._look_into(place, value)

    def _look_into(self, place: Place, value: Any, passed: bool = False) -> None:
        # An iterator that is `passed` was made during the trace, or met before it at a place of its own.
        self._budget -= 1
        if self._budget < 0:
            self.incomplete = self.incomplete or f"it reaches more than {_BUDGET} objects"
            return
        self._places[id(value)] = place
        self._keep.append(value)
        if isinstance(value, np.ndarray):
            self._digestible -= value.nbytes
            self.arrays[id(value)] = (value, place.words, digest(value, self._digestible > 0), self._digestible > 0)
            self.outside.add(id(value))
        stream = is_stream(value)
        if stream is not None and not (passed and stream == "iterator"):
            what = f"draws from {place.words}" if stream == "random" else f"moves the iterator in {place.words}"
            self.streams.keep(value, stream, what)
            self.outside.add(id(value))
        if isinstance(value, CONTAINERS):
            self.outside.add(id(value))
            if isinstance(value, dict):
                self._dicts.append(value)
                for key in self.keys:
                    self.item(value, key, optional=True)
        if isinstance(value, FunctionType):
            self.functions.setdefault(id(value.__code__), []).append(value)
        for field, part in inner_parts(value):
            if field:
                self.reach(Field(place, field, f"`{field}` of {place.words}"), part, guarded=False)
                self.whole(part)
            else:
                self.adopt(part)
        if isinstance(value, operator.attrgetter):
            self.take_names(frozenset(name for path in value.__reduce__()[1] for name in path.split(".")))
        elif isinstance(value, operator.itemgetter):
            self.take_keys(tuple(k for k in value.__reduce__()[1] if is_immutable(k)))
        if not is_leaf(value) and (not isinstance(value, CONTAINERS) or has_attributes(value)) and not isinstance(value, ModuleType):
            self._objects.append(value)
            self._take(value, self.names)

    # Names and keys used on what only a run can know

    def take_names(self, names: frozenset[str]) -> None:
        """From now on, these attributes are read of every known object."""
        fresh = names - self.names
        if fresh:
            self.names |= fresh
            for value in list(self._objects):
                self._take(value, fresh)

    def _take(self, value: Any, names: set[str] | frozenset[str]) -> None:
        held = instance_dict(value)
        given = self._given.get(type(value))
        if given is None:  # every name that a class of the object gives
            given = self._given[type(value)] = frozenset().union(*(vars(base) for base in type(value).__mro__))
        for name in names:
            if name in given or (held is not None and name in held) or isinstance(value, type):
                self.attribute(value, name, optional=True)

    def take_keys(self, keys: tuple[Any, ...]) -> None:
        """From now on, these items are read of every known dict."""
        fresh = [k for k in keys if k not in self.keys]
        if fresh:
            self.keys.update(dict.fromkeys(fresh))
            for value in list(self._dicts):
                for key in fresh:
                    self.item(value, key, optional=True)

    # Single reads

    def attribute(self, value: Any, name: str, optional: bool = False, trusted: bool = False) -> tuple[Any, Place | None]:
        """Read one attribute of a known object: (what it is or MISSING, its place). `optional`: it may never be read.
        `trusted`: the reader is tracejit's own code, whose methods nobody replaces (but `forward` of an object)."""
        found = self._read.get((id(value), name))
        if found is not None:
            return found
        if name == "__dict__":
            return self._own_dict(value)
        if name == "__class__":
            return type(value), self.adopt(type(value))
        parent = self._places[id(value)]
        attribute, how = (getattr(value, name, MISSING), INSTANCE) if isinstance(value, threading.local) else find(value, name)
        if optional and (how in (ABSENT, DESCRIPTOR) or (how == METHOD and not isinstance(value, type))):
            return MISSING, None
        if trusted and how in (CLASS, METHOD) and name != "forward" and is_library_class(class_with(value, name)):
            return attribute, None
        words = f"attribute `{name}` of {value.__name__ if isinstance(value, type) else type(value).__name__}"
        result = self._read[id(value), name] = self._attribute_found(value, parent, name, attribute, how, words)
        return result

    def _attribute_found(self, value: Any, parent: Place, name: str, attribute: Any, how: str, words: str) -> tuple[Any, Place | None]:
        if how == ABSENT:
            if instance_dict(value) is not None or isinstance(value, type):
                self.guards.append(Absent(Careful(parent, (name, how), words)))
            return MISSING, None
        if how == DESCRIPTOR:
            raw = in_class(type(value), name)
            if not is_library_class(type(value)) and raw is not MISSING:
                self.guards.append(Identical(OfClass(parent, name, words), raw))
                if instance_dict(value) is not None and not is_data_descriptor(raw):
                    self.guards.append(Absent(Item(Own(parent, None, words), name, words)))
            return MISSING, None
        place: Place
        if isinstance(value, threading.local):
            place = Field(parent, name, words)
        else:
            place = Attribute(parent, (name, how), words) if is_plain(value) else Careful(parent, (name, how), words)
        owner = value if isinstance(value, type) else type(value)
        constant = how in (CLASS, METHOD) and is_library_class(owner) and not is_ours(value)
        self.reach(place, attribute, guarded=not constant)
        return attribute, place

    def _own_dict(self, value: Any) -> tuple[Any, Place | None]:
        """All of an object's attributes: their names, and each."""
        held = instance_dict(value)
        if held is None or isinstance(value, type):
            return MISSING, None
        if id(held) not in self._whole:
            self._whole.add(id(held))
            words = f"the attributes of {type(value).__name__}"
            place = self._places[id(held)] = Own(self._places[id(value)], None, words)
            self._keep.append(held)
            self.outside.add(id(held))
            self._guard_keys(place, held)
            for name in list(held):
                if isinstance(name, str):
                    self.attribute(value, name)
        return held, self._places[id(held)]

    def item(self, container: Any, key: Any, optional: bool = False) -> tuple[Any, Place | None]:
        """Read one item of a known container."""
        found = self._read.get((id(container), ("item", key)))
        if found is not None:
            return found
        parent = self._places[id(container)]
        value = item_of(container, key)
        if value is MISSING and optional:
            return MISSING, None
        words = f"item {key!r} of {parent.words}"
        place = (Item if has_plain_items(container) else DerivedItem)(parent, key, words)
        self._read[id(container), ("item", key)] = (value, place)
        if value is not MISSING:
            self.reach(place, value)
        elif isinstance(container, dict):
            self.guards.append(Absent(place))
        return value, place

    def plain_item(self, container: Any, key: Any) -> Any:
        """An item of a container that is not known: nothing is guarded."""
        return item_of(container, key)

    def entry_known(self, table: dict[str, Any], name: str) -> tuple[Any, Place | None] | None:
        """A global that was read before."""
        return self._read.get((id(table), ("entry", name)))

    def entry(self, table: dict[str, Any], name: str, words: str) -> tuple[Any, Place | None]:
        """Read a global."""
        found = self.entry_known(table, name)
        if found is not None:
            return found
        place = Entry(None, (table, name), words)
        value = table.get(name, MISSING)
        result = self._read[id(table), ("entry", name)] = (value, place)
        self._keep.append(table)
        if value is MISSING:
            self.guards.append(Absent(place))
        else:
            self.reach(place, value)
        return result

    def at(self, place: Place, value: Any, owner: Any) -> None:
        """Read a place of its own kind, a cell or a function's defaults, once; `owner` and the place's class tell it apart."""
        key = (id(owner), (type(place).__name__, place.key if isinstance(place.key, str) else ""))
        if key not in self._read:
            self._read[key] = (value, place)
            self._keep.append(owner)
            if value is MISSING:
                self.guards.append(Absent(place))
            else:
                self.reach(place, value)

    # Whole containers

    def unseal(self) -> None:
        """Code of the user's reads containers in ways that cannot be told: the dicts that tracejit keeps may be among them."""
        if not self._unsealed:
            self._unsealed = True
            for value in list(self._dicts):
                if is_sealed(value):
                    self.whole(value)

    def whole(self, container: Any, sealed: bool = False) -> None:
        """All of a known container is read: its length or keys, and its elements; containers among them too.
        `sealed`: even if it is one that tracejit keeps."""
        place = self._places.get(id(container))
        if place is None or id(container) in self._whole or not isinstance(container, CONTAINERS):
            return
        if is_sealed(container) and not sealed and not self._unsealed:
            return
        self._whole.add(id(container))
        count = base_of(container).__len__(container)
        if isinstance(container, dict):
            self._guard_keys(place, container)
            parts = list(dict.items(container))
        elif isinstance(container, (set, frozenset)):
            self.guards.append(Members(place, list(container), is_immutable))
            for value in container:
                self.adopt(value)
            return
        else:
            self.guards.append(Length(place, count))
            parts = list(enumerate(base_of(container).__iter__(container)))
        many = count > _MANY
        if many:
            self.guards.append(Members(place, [v for _, v in parts], is_immutable))
        kind = Item if has_plain_items(container) else DerivedItem
        for key, value in parts:
            simple = is_immutable(key)
            memo = (id(container), ("item", key) if simple else ("object", id(key)))
            if memo in self._read or (many and is_immutable(value)):
                continue
            words = f"item {_word(key)} of {place.words}"
            at: Place = kind(place, key, words) if simple else ItemOfObject(place, reference_to(key), words)
            self._read[memo] = (value, at)
            self.reach(at, value, guarded=not many)
            self.whole(value)

    def _guard_keys(self, place: Place, container: dict[Any, Any]) -> None:
        keys = list(dict.__iter__(container))
        plain = all(map(is_immutable, keys))
        self.guards.append(Keys(place, keys) if plain else KeyObjects(place, keys, is_immutable))

    def everything(self, value: Any) -> None:
        """Attributes of this object are read whose names cannot be known."""
        if self.known(value) is not None and not isinstance(value, (ModuleType, type)) and not is_leaf(value):
            held, _ = self.attribute(value, "__dict__")
            for part in list(held.values()) if isinstance(held, dict) else ():
                self.whole(part)

    def functions_of(self, code: CodeType) -> list[FunctionType]:
        """The known functions that run this code."""
        return self.functions.get(id(code), [])

    def keep(self, value: Any) -> None:
        """Let no id of this be used again during the trace."""
        self._keep.append(value)

    def release(self) -> None:
        """Let go of everything that only the trace needed."""
        for held in (self._places, self._keep, self._read, self._objects, self._dicts, self._made, self._given, self.functions):
            held.clear()


def _itself(value: Any) -> Any:
    return value


def _word(key: Any) -> str:
    return repr(key) if isinstance(key, (int, str, float)) else f"a {type(key).__name__}"
