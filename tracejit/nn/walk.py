"""The tree of a model: parameters, buffers and submodules, found by walking instance dictionaries."""

from __future__ import annotations

from typing import Any, Iterator

from ..errors import ArgumentError, fail
from ..tensor import Tensor
from .parameter import Parameter


class Walk:
    """The part of Module that finds what a module holds. A tensor or module held twice is given once, under its first name."""

    _buffer_names: dict[str, bool]
    _hooks: dict[int, Any]

    def _named_members(self, kind: type) -> Iterator[tuple[str, Any]]:
        for name, value in list(self.__dict__.items()):
            if isinstance(value, kind):
                yield name, value

    def _named_own_buffers(self) -> Iterator[tuple[str, Tensor]]:
        for name in list(self._buffer_names):
            value = self.__dict__[name]
            if value is not None:
                yield name, value

    def named_modules(self, memo: set[int] | None = None, prefix: str = "", remove_duplicate: bool = True) -> Iterator[tuple[str, Any]]:
        """(dotted name, module) of this module ("") and all below it."""
        memo = set() if memo is None else memo
        if id(self) in memo:
            return
        if remove_duplicate:
            memo.add(id(self))
        yield prefix, self
        for name, child in self._named_members(Walk):
            yield from child.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self) -> Iterator[Any]:
        """This module and all below it."""
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Any]]:
        """(name, module) of the modules directly below."""
        seen: set[int] = set()
        for name, child in self._named_members(Walk):
            if id(child) not in seen:
                seen.add(id(child))
                yield name, child

    def children(self) -> Iterator[Any]:
        """The modules directly below."""
        return (child for _, child in self.named_children())

    def named_parameters(self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True) -> Iterator[tuple[str, Parameter]]:
        """(dotted name, parameter) of this module and, unless `recurse=False`, of all below it."""
        return self._collect(lambda m: m._named_members(Parameter), prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters of this module and, unless `recurse=False`, of all below it."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True) -> Iterator[tuple[str, Tensor]]:
        """(dotted name, buffer) of this module and, unless `recurse=False`, of all below it."""
        return self._collect(lambda m: m._named_own_buffers(), prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers of this module and, unless `recurse=False`, of all below it."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def _collect(self, members: Any, prefix: str, recurse: bool, remove_duplicate: bool) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        within = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, module in within:
            for name, value in members(module):
                if remove_duplicate and id(value) in seen:
                    continue
                seen.add(id(value))
                yield f"{path}.{name}" if path else name, value

    def get_submodule(self, target: str) -> Any:
        """The module at this dotted path; "" is this module."""
        module: Any = self
        for name in target.split(".") if target else ():
            module = module.__dict__.get(name) if isinstance(module, Walk) else None
            if not isinstance(module, Walk):
                fail(ArgumentError, f"{type(self).__name__} has no submodule {target!r}", "See named_modules() for the names.")
        return module

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at this dotted path."""
        path, _, name = target.rpartition(".")
        found = self.get_submodule(path).__dict__.get(name)
        if not isinstance(found, Parameter):
            fail(ArgumentError, f"{type(self).__name__} has no parameter {target!r}", "See named_parameters() for the names.")
        return found

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at this dotted path."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if name not in module._buffer_names:
            fail(ArgumentError, f"{type(self).__name__} has no buffer {target!r}", "See named_buffers() for the names.")
        return module.__dict__[name]
