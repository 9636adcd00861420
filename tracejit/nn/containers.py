"""Modules that hold modules or parameters: in a row, in a list, by name."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..errors import ArgumentError, IndexingError, fail
from ..tensor import Tensor
from .module import Module, wrap_lines
from .parameter import Parameter


class _Row(Module):
    """Members under the names "0", "1", … in order."""

    _member: type = Module

    def _members(self) -> list[Any]:
        return [value for _, value in self._named_members(self._member)]

    def _replace(self, members: Iterable[Any]) -> None:
        for name, _ in list(self._named_members(self._member)):
            delattr(self, name)
        for index, member in enumerate(members):
            setattr(self, str(index), self._accept(member))

    def _accept(self, member: Any) -> Any:
        if not isinstance(member, Module):
            fail(ArgumentError, f"{type(member).__name__} is not a Module subclass", "Give an nn.Module.")
        return member

    def _name_at(self, index: Any) -> str:
        names = [name for name, _ in self._named_members(self._member)]
        position = operator.index(index)
        if not -len(names) <= position < len(names):
            fail(IndexingError, f"index {position} is out of range of {len(names)} members", "See len() of the container.")
        return names[position]

    def __len__(self) -> int:
        return len(self._members())

    def __iter__(self) -> Iterator[Any]:
        return iter(self._members())

    def __contains__(self, member: Any) -> bool:
        return any(member is m for m in self._members())

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)._of(self._members()[index])
        return self.__dict__[self._name_at(index)]

    @classmethod
    def _of(cls, members: list[Any]) -> Any:
        return cls(members)  # type: ignore[call-arg]

    def __setitem__(self, index: Any, member: Any) -> None:
        setattr(self, self._name_at(index), self._accept(member))

    def __delitem__(self, index: Any) -> None:
        members = self._members()
        del members[index]
        self._replace(members)

    def append(self, member: Any) -> Any:
        """Add one member at the end."""
        setattr(self, str(len(self)), self._accept(member))
        return self

    def extend(self, members: Iterable[Any]) -> Any:
        """Add members at the end."""
        for member in list(members):
            self.append(member)
        return self

    def insert(self, index: int, member: Any) -> Any:
        """Add one member before `index`."""
        members = self._members()
        members.insert(index, member)
        self._replace(members)
        return self

    def pop(self, index: Any = -1) -> Any:
        """Take one member out, and return it."""
        member = self[index]
        del self[index]
        return member

    def __add__(self, other: Iterable[Any]) -> Any:
        return type(self)._of([*self, *other])

    def __iadd__(self, other: Iterable[Any]) -> Any:
        return self.extend(other)


class Sequential(_Row):
    """Modules applied one after the other: `Sequential(a, b)`, or a dict of names and modules."""

    def __init__(self, *args: Any) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], Mapping):
            for name, module in args[0].items():
                self.add_module(name, module)
        else:
            for module in args:
                self.append(module)

    @classmethod
    def _of(cls, members: list[Any]) -> Any:
        return Sequential(*members)

    def forward(self, input: Any) -> Any:
        for module in self:
            input = module(input)
        return input


class ModuleList(_Row):
    """A list of modules whose parameters belong to the holder."""

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        self.extend(modules or ())

    def __repr__(self) -> str:
        """Neighbours that print alike are printed once, with their number."""
        runs: list[tuple[int, int, str]] = []
        for index, module in enumerate(self):
            text = repr(module).replace("\n", "\n  ")
            if runs and runs[-1][2] == text:
                runs[-1] = (runs[-1][0], index, text)
            else:
                runs.append((index, index, text))
        lines = [f"({a}): {text}" if a == b else f"({a}-{b}): {b - a + 1} x {text}" for a, b, text in runs]
        return wrap_lines(self._get_name(), "", lines)


class ParameterList(_Row):
    """A list of parameters; tensors put in become parameters."""

    _member = Parameter

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self.extend(values or ())

    def _accept(self, member: Any) -> Parameter:
        if not isinstance(member, Tensor):
            fail(ArgumentError, f"a {type(member).__name__} in a ParameterList", "Give a Tensor or an nn.Parameter.")
        return member if isinstance(member, Parameter) else Parameter(member)

    def __repr__(self) -> str:
        return wrap_lines(self._get_name(), "", [_describe(name, p) for name, p in self._named_members(Parameter)])


def _describe(name: str, parameter: Parameter) -> str:
    return f"({name}): Parameter containing: [{parameter.dtype.name} of shape {tuple(parameter.shape)}]"


class _Named(Module):
    """Members under names the user gives, in the order they came."""

    _member: type = Module

    def _add(self, key: str, value: Any) -> None:
        self.add_module(key, value)

    def keys(self) -> list[str]:
        """The names, in order."""
        return [name for name, _ in self._named_members(self._member)]

    def values(self) -> list[Any]:
        """The members, in order."""
        return [value for _, value in self._named_members(self._member)]

    def items(self) -> list[tuple[str, Any]]:
        """(name, member), in order."""
        return list(self._named_members(self._member))

    def __getitem__(self, key: str) -> Any:
        if key not in self:
            raise KeyError(key)
        return self.__dict__[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._add(key, value)

    def __delitem__(self, key: str) -> None:
        delattr(self, key) if key in self else self[key]

    def __contains__(self, key: Any) -> bool:
        return isinstance(self.__dict__.get(key), self._member)

    def __len__(self) -> int:
        return len(self.keys())

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def update(self, members: Any) -> None:
        """Add or replace members, from a mapping or pairs."""
        for key, value in members.items() if hasattr(members, "items") else members:
            self[key] = value

    def pop(self, key: str) -> Any:
        """Take one member out, and return it."""
        value = self[key]
        del self[key]
        return value

    def clear(self) -> None:
        """Take all members out."""
        for key in self.keys():
            del self[key]

    def get(self, key: str, default: Any = None) -> Any:
        """The member under this name, or `default`."""
        return self[key] if key in self else default


class ModuleDict(_Named):
    """Modules by name, whose parameters belong to the holder."""

    def __init__(self, modules: Any = None) -> None:
        super().__init__()
        self.update(modules or {})


class ParameterDict(_Named):
    """Parameters by name; tensors put in become parameters."""

    _member = Parameter

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self.update(parameters or {})

    def _add(self, key: str, value: Any) -> None:
        if not isinstance(value, Tensor):
            fail(ArgumentError, f"a {type(value).__name__} in a ParameterDict", "Give a Tensor or an nn.Parameter.")
        self.register_parameter(key, value if isinstance(value, Parameter) else Parameter(value))

    def __repr__(self) -> str:
        return wrap_lines(self._get_name(), "", [_describe(name, p) for name, p in self.items()])
