"""`Module`: what layers and models are made of. Everything a module holds is an entry of its own `__dict__`."""

from __future__ import annotations

from typing import Any, Callable

from ..autograd.hooks import RemovableHandle
from ..errors import ArgumentError, fail
from ..interpreter import mode
from ..spec import as_dtype, check_device, float16, float32, float64, is_inexact, names_device
from ..spec import bfloat16 as _bfloat16
from ..tensor import Tensor
from . import state
from .hooks import BACKWARD, BACKWARD_PRE, POST, PRE, Hook, call_with_hooks, register
from .parameter import Parameter, change_memory, overwrite
from .walk import Walk


class Module(Walk):
    """The base of layers and models: define `__init__` (call `super().__init__()` first) and `forward`.

    Parameters, buffers and submodules are plain attributes: a Parameter or a Module is found by its type, a buffer by
    its name in `_buffer_names` (whose value says whether it belongs to the state_dict).
    """

    training: bool
    forward: Callable[..., Any]

    def __init__(self) -> None:
        held = self.__dict__
        held["training"] = True
        held["_buffer_names"] = {}
        held["_hooks"] = {}

    def forward(self, *args: Any, **kwargs: Any) -> Any:  # type: ignore[no-redef]
        """The computation; every module defines its own."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._hooks:
            return call_with_hooks(self, args, kwargs)
        return mode.callee(self.forward)(*args, **kwargs)

    # Attributes

    def __setattr__(self, name: str, value: Any) -> None:
        held = self.__dict__
        if isinstance(value, (Parameter, Module)):
            if "_buffer_names" not in held:
                fail(ArgumentError, f"attribute {name!r} set before Module.__init__() ran", "Call super().__init__() first.")
            self._buffer_names.pop(name, None)
        elif isinstance(held.get(name), Parameter) and value is not None:
            kind = type(value).__name__
            fail(
                ArgumentError,
                f"cannot assign '{kind}' as parameter '{name}' (nn.Parameter or None expected)",
                "Wrap it in nn.Parameter, or `del` the parameter first.",
            )
        elif name in held.get("_buffer_names", ()) and value is not None and not isinstance(value, Tensor):
            kind = type(value).__name__
            fail(ArgumentError, f"cannot assign '{kind}' object to buffer '{name}'", "Give a Tensor or None.")
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        self._buffer_names.pop(name, None)
        object.__delattr__(self, name)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter under this name; None for one that is absent."""
        self._check_name(name, "parameter")
        if param is not None and not isinstance(param, Parameter):
            fail(ArgumentError, f"parameter {name!r} is a {type(param).__name__}", "Give an nn.Parameter or None.")
        setattr(self, name, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is part of the state but is not trained; in the state_dict if `persistent`."""
        if name not in self.__dict__.get("_buffer_names", ()):
            self._check_name(name, "buffer")
        if tensor is not None and not isinstance(tensor, Tensor):
            fail(ArgumentError, f"buffer {name!r} is a {type(tensor).__name__}", "Give a Tensor or None.")
        self._buffer_names[name] = persistent
        object.__setattr__(self, name, tensor)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a submodule under this name."""
        if not isinstance(self.__dict__.get(name), Module):
            self._check_name(name, "module")
        if module is not None and not isinstance(module, Module):
            fail(ArgumentError, f"{type(module).__name__} is not a Module subclass", "Give an nn.Module or None.")
        setattr(self, name, module)

    register_module = add_module

    def _check_name(self, name: Any, what: str) -> None:
        if "_buffer_names" not in self.__dict__:
            fail(ArgumentError, f"a {what} was registered before Module.__init__() ran", "Call super().__init__() first.")
        if not isinstance(name, str) or not name or "." in name:
            fail(ArgumentError, f"{name!r} cannot name a {what}", 'Give a non-empty string without ".".')
        held = self.__dict__.get(name, self)
        if hasattr(self, name) and not (held is None or isinstance(held, Tensor)):
            fail(ArgumentError, f"attribute '{name}' already exists", f"Give the {what} another name.")

    # Changing all of a model

    def apply(self, fn: Callable[[Module], None]) -> Module:
        """Call `fn` on every submodule, then on this module."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def train(self, mode: bool = True) -> Module:
        """Set `training` here and in every submodule (dropout and batch norm look at it)."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Module:
        """`train(False)`."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Module:
        """Turn recording on or off for every parameter."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters; with `set_to_none=False`, fill them with zeros."""
        interpreter = mode.interpreter
        for parameter in self.parameters():
            gradient = interpreter.read_grad(parameter)
            if gradient is not None and set_to_none:
                interpreter.write_grad(parameter, None)
            elif gradient is not None:
                overwrite(gradient, gradient * 0)

    def to(self, *args: Any, **kwargs: Any) -> Module:
        """Move or cast in place: `to(device)`, `to(dtype)`, `to(device, dtype)` or `to(tensor)`. Only floating tensors are cast."""
        dtype, device = kwargs.pop("dtype", None), kwargs.pop("device", None)
        kwargs.pop("non_blocking", None)
        if kwargs:
            fail(ArgumentError, f"to() has no argument {next(iter(kwargs))!r}", "It takes a device, a dtype or a tensor.")
        for given in args:
            if isinstance(given, Tensor):
                dtype, device = given.dtype, given.device
            elif names_device(given):
                device = given
            elif given is not None and not isinstance(given, bool):
                dtype = given
        return self._changed(None if dtype is None else as_dtype(dtype), None if device is None else check_device(device))

    def _changed(self, dtype: Any, device: str | None = None) -> Module:
        if dtype is not None and not is_inexact(dtype):
            fail(ArgumentError, f"a module cannot be cast to {dtype.name}", "Give a floating or complex dtype.")
        for tensor in [*self.parameters(), *self.buffers()]:
            wanted = tensor.dtype if dtype is None or not is_inexact(tensor.dtype) else dtype
            change_memory(tensor, wanted, tensor.device if device is None else device)
        return self

    def type(self, dst_type: Any) -> Module:
        """Cast all floating parameters and buffers."""
        return self._changed(as_dtype(dst_type))

    def float(self) -> Module:
        """Cast to float32."""
        return self._changed(float32)

    def double(self) -> Module:
        """Cast to float64."""
        return self._changed(float64)

    def half(self) -> Module:
        """Cast to float16."""
        return self._changed(float16)

    def bfloat16(self) -> Module:
        """Cast to bfloat16."""
        return self._changed(_bfloat16)

    def cpu(self) -> Module:
        """Move to the CPU."""
        return self.to("cpu")

    def to_empty(self, *, device: Any) -> Module:
        """As `to(device)`; PyTorch leaves the values open."""
        return self.to(device)

    def cuda(self, device: Any = None) -> Module:
        """Move to a GPU: by its number, or the first."""
        return self.to(device="cuda" if device is None else device)

    # State

    def state_dict(self, *, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> dict[str, Tensor]:
        """Every parameter and persistent buffer by its dotted name: detached, on the same memory (`keep_vars`: the tensors themselves)."""
        return state.state_dict(self, {} if destination is None else destination, prefix, keep_vars)

    def load_state_dict(self, state_dict: Any, strict: bool = True, assign: bool = False) -> state.IncompatibleKeys:
        """Copy values in by name. `strict`: an error unless the names match exactly. `assign`: take the tensors instead of copying."""
        return state.load_state_dict(self, state_dict, strict, assign)

    # Hooks

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """`hook(module, args) -> None or new args`, before `forward`."""
        return register(self._hooks, Hook(PRE, hook, with_kwargs), prepend)

    def register_forward_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """`hook(module, args, output) -> None or new output`, after `forward`."""
        return register(self._hooks, Hook(POST, hook, with_kwargs, always_call), prepend)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """`hook(module, grad_output) -> None or new grad_output`, before the module's backward."""
        return register(self._hooks, Hook(BACKWARD_PRE, hook), prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """`hook(module, grad_input, grad_output) -> None or new grad_input`, after the module's backward."""
        return register(self._hooks, Hook(BACKWARD, hook), prepend)

    # Printing

    def extra_repr(self) -> str:
        """What is printed between the parentheses, beside the submodules."""
        return ""

    def _get_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        children = [f"({name}): {_indent(repr(child))}" for name, child in self._named_members(Module)]
        return wrap_lines(self._get_name(), self.extra_repr(), children)


def wrap_lines(name: str, extra: str, children: list[str]) -> str:
    """A module's printed form from its parts."""
    lines = extra.split("\n") if extra else []
    if len(lines) == 1 and not children:
        return f"{name}({extra})"
    body = lines + children
    return f"{name}(" + ("\n  " + "\n  ".join(body) + "\n" if body else "") + ")"


def _indent(text: str) -> str:
    first, *rest = text.split("\n")
    return "\n".join([first] + ["  " + line for line in rest])
