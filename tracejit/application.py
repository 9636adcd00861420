"""What autograd keeps of each use of an op: `Application`, the node of its graph."""

from __future__ import annotations

import itertools
from typing import Any, Callable, NoReturn, Sequence


from .errors import GradError, fail, user_line
from .interpreter import EAGER, mode
from .spec import TensorSpec
from .tensor import Storage, Tensor


class Anomaly:
    """Whether Applications remember the user's line, for `set_detect_anomaly`: in all threads, as in PyTorch."""

    enabled: bool = False


anomaly = Anomaly()
_order = itertools.count().__next__
_new, _new_tuple = object.__new__, tuple.__new__


Replace = Callable[[Tensor, int], tuple[Tensor, int]]


class Application:
    """What autograd keeps of one use of an op or function: where each input's gradient goes. Abstract.

    edges: for each input (Application, output index), (leaf, 0), or None where no gradient is wanted.
    adds: whether the engine hands it the sums of its inputs' gradients so far, to add to (`pull_back_onto`).
    inputs: for each input its TensorSpec; the tensor itself, if it is saved; or whatever else it is.
    order: grows with time, so an Application's is greater than that of any it leads to.
    """

    __slots__ = ("name", "outputs", "order", "edges", "inputs", "hooks", "retained", "line", "__weakref__")

    adds: bool = False
    name: str
    outputs: int
    order: float
    edges: list[tuple[Any, int] | None]
    inputs: list[Any]
    hooks: dict[int, dict[int, Any]] | None  # by output index
    retained: dict[int, Any] | None  # weak references to tensors that want their gradient, by output index
    line: tuple[str, int] | None

    def __init__(self, name: str, outputs: int, args: tuple[Any, ...]) -> None:
        self.name, self.outputs, self.order = name, outputs, _order()
        self.edges = [edge_of(a) if isinstance(a, Tensor) and a._requires_grad else None for a in args]
        self.inputs = [TensorSpec(a.shape, a.dtype) if isinstance(a, Tensor) else a for a in args]
        self.hooks = self.retained = None
        self.line = user_line() if anomaly.enabled else None

    def pull_back(self, cotangents: list[Any], wanted: Sequence[Any]) -> Sequence[Any]:
        """The cotangents of the wanted inputs, from those of the outputs (None: zero)."""
        raise NotImplementedError

    def pull_back_onto(self, sums: Sequence[Any], cotangents: list[Any], wanted: Sequence[Any]) -> Sequence[Any]:
        """As `pull_back`; each cotangent is added to the sum so far of its input's (None: zero)."""
        raise NotImplementedError

    def unfolded(self, index: int) -> tuple[Application, int]:
        """The slot that an output has in a backward pass that is itself recorded."""
        return self, index

    def free(self) -> None:
        """Let go of the saved values."""

    def saves(self) -> bool:
        """Whether values are saved."""
        return False

    def freed(self) -> bool:
        """Whether saved values were let go of."""
        return False

    def rebuilt(self, replace: Replace, edges: list[tuple[Any, int] | None]) -> Application:
        """The same application of other tensors: `replace` says, for a saved tensor and its version, what is in its place."""
        raise NotImplementedError

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """Where the gradient of each input goes."""
        return tuple((None, 0) if edge is None else edge for edge in self.edges)

    def __repr__(self) -> str:
        return f"<{self.name} backward>"


def edge_of(tensor: Tensor) -> tuple[Any, int]:
    """Where a gradient of this tensor goes: (Application, output index), or (leaf, 0)."""
    application = tensor._application
    return (tensor, 0) if application is None else (application, tensor._index)


class OpApplication(Application):
    """One recorded use of an op, and the values that the op's VJP reads."""

    __slots__ = ("op", "attrs", "results", "saved")

    saved: list[tuple[Tensor, int]] | None  # the saved tensors, with the versions they had
    results: list[Any] | None  # of the outputs: aliases where the VJP reads them; specs, of several; else None

    def __init__(self, op: Any, attrs: dict[str, Any], args: tuple[Any, ...], outputs: tuple[Tensor, ...]) -> None:
        # Written out, with no call that can be spared: this is what recording costs each op.
        self.op, self.attrs, self.order = op, attrs, _order()
        self.hooks = self.retained = self.results = None
        self.line = user_line() if anomaly.enabled else None
        edges: list[tuple[Any, int] | None] = []
        wanted = 1  # a leading bit, then one for each input
        for a in args:
            if isinstance(a, Tensor) and a._requires_grad:
                application = a._application
                edges.append((a, 0) if application is None else (application, a._index))
                wanted += wanted + 1
            else:
                edges.append(None)
                wanted += wanted
        self.edges = edges
        saved_inputs, others, reads_output = op.residuals_of.get(wanted) or op.residuals(wanted)
        saved: list[tuple[Tensor, int]] = []
        self.saved, self.inputs = saved, list(args)
        for i in others:
            a = args[i]
            if isinstance(a, Tensor):
                value = a._value
                self.inputs[i] = _new_tuple(TensorSpec, (value.shape, value.dtype, value.device))
        for i in saved_inputs:
            a = args[i]
            if isinstance(a, Tensor):
                storage = a._storage
                saved.append((a, 0 if storage is None else storage.version))
        if reads_output:
            self.results = [alias_of(o) for o in outputs]
            saved.extend([(alias, alias._version) for alias in self.results])
        elif len(outputs) > 1:
            self.results = [TensorSpec(o.shape, o.dtype) for o in outputs]

    @property
    def name(self) -> str:  # type: ignore[override]
        return self.op.name

    @property
    def outputs(self) -> int:  # type: ignore[override]
        return self.op.outputs_of(self.attrs)

    def pull_back(self, cotangents: list[Any], wanted: Sequence[Any]) -> Sequence[Any]:
        if self.saved is None:
            fail_freed(self.name)
        for tensor, version in self.saved:
            storage = tensor._storage
            if storage is not None and storage.version != version:
                fail_changed(self.name, version, storage.version)
        y: Any
        if len(cotangents) == 1:
            g = cotangents[0]
            if self.results is None:
                value = g._value
                y = _new_tuple(TensorSpec, (value.shape, value.dtype, value.device))
            else:
                y = self.with_history(self.results[0], 0)
        else:
            y = tuple(self.with_history(r, i) if isinstance(r, Tensor) else r for i, r in enumerate(self.results or ()))
            g = tuple(cotangents)
        return self.op.cotangents(wanted, g, y, self.inputs, self.attrs)

    def with_history(self, alias: Tensor, index: int) -> Tensor:
        """A saved output, as the tensor it was."""
        tensor = alias_of(alias)
        tensor._application, tensor._index, tensor._requires_grad = self, index, True
        return tensor

    def free(self) -> None:
        """Let go of the saved values, if there are any: an Application that saved nothing can be walked again."""
        if self.saved:
            self.saved = self.results = None
            self.inputs = []

    def saves(self) -> bool:
        return bool(self.saved)

    def freed(self) -> bool:
        return self.saved is None

    def rebuilt(self, replace: Replace, edges: list[tuple[Any, int] | None]) -> OpApplication:
        new = _new(OpApplication)
        new.op, new.attrs, new.order, new.edges, new.line = self.op, self.attrs, _order(), edges, self.line
        new.hooks = new.retained = new.saved = None
        found = {id(tensor): replace(tensor, version) for tensor, version in self.saved or ()}
        if self.saved is not None:
            new.saved = [found[id(tensor)] for tensor, _ in self.saved]
        new.inputs = [found[id(i)][0] if isinstance(i, Tensor) else i for i in self.inputs]
        new.results = None if self.results is None else [found[id(r)][0] if isinstance(r, Tensor) else r for r in self.results]
        return new

    def keep(self, before: Tensor, copied: Tensor) -> None:
        """Read `copied` where `before` was saved: it is about to be overwritten by this op's own result."""
        self.inputs = [copied if i is before else i for i in self.inputs]
        self.saved = [(copied, copied._version) if t is before else (t, v) for t, v in self.saved or ()]

    def reads(self, tensor: Tensor) -> bool:
        """Whether the VJP reads this very tensor."""
        return any(t is tensor for t, _ in self.saved or ())


def fail_freed(name: str) -> NoReturn:
    fail(
        GradError,
        f"the values that the backward of {name} needs have been freed by an earlier backward pass",
        "Pass retain_graph=True to the first backward() or grad() if you need a second one.",
    )


def fail_changed(name: str, before: int, now: int) -> NoReturn:
    fail(
        GradError,
        f"a value that the backward of {name} needs was changed in place: it was at version {before} and is now at version {now}",
        "Write the change out of place (x = x + 1), or make it on a .clone().",
    )


def alias_of(tensor: Tensor) -> Tensor:
    """Another handle on the same storage, without history: keeping it in an Application makes no cycle."""
    value = tensor._value
    if mode.interpreter is EAGER:
        alias = _new(Tensor)
        alias._value = value
    else:
        alias = mode.interpreter.handle(tensor)
    storage = tensor._storage
    if storage is None:
        storage = tensor._storage = Storage()
    else:
        alias._chain, alias._seen = tensor._chain, tensor._seen
    alias._storage = storage
    return alias


def set_history(tensor: Tensor, application: Application | None, index: int) -> None:
    """Say which Application a tensor comes from now; that its gradient is to be retained stays with the tensor."""
    if tensor._retains_grad and tensor._application is not None:
        retained = tensor._application.retained
        reference = None if retained is None else retained.pop(tensor._index, None)
        if application is not None and reference is not None:
            application.retained = {**(application.retained or {}), index: reference}
    tensor._application, tensor._index, tensor._requires_grad = application, index, application is not None
