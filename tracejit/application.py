"""What autograd keeps of each use of an op: `Application`, the node of its graph."""

from __future__ import annotations

import itertools
import threading
from typing import Any, NoReturn, Sequence

from .errors import GradError, fail, user_line
from .interpreter import mode
from .spec import TensorSpec
from .tensor import Tensor, storage_of


class Anomaly(threading.local):
    """Whether Applications remember the user's line, for `set_detect_anomaly`."""

    enabled: bool = False


anomaly = Anomaly()
_order = itertools.count().__next__


class Application:
    """What autograd keeps of one use of an op or function: where each input's gradient goes. Abstract.

    edges: for each input (Application, output index), (leaf, 0), or None where no gradient is wanted.
    specs: the TensorSpec of each input, or the input itself where it is not a Tensor.
    order: grows with time, so an Application's is greater than that of any it leads to.
    """

    __slots__ = ("name", "outputs", "order", "edges", "specs", "hooks", "retained", "line", "__weakref__")

    def __init__(self, name: str, outputs: int, args: tuple[Any, ...]) -> None:
        self.name, self.outputs, self.order = name, outputs, _order()
        edges: list[tuple[Any, int] | None] = []
        specs: list[Any] = []
        for a in args:
            if isinstance(a, Tensor):
                value = a._value
                specs.append(TensorSpec(value.shape, value.dtype))
                if a._requires_grad:
                    application = a._application
                    edges.append((a, 0) if application is None else (application, a._index))
                else:
                    edges.append(None)
            else:
                specs.append(a)
                edges.append(None)
        self.edges, self.specs = edges, specs
        self.hooks: dict[int, dict[int, Any]] | None = None  # by output index
        self.retained: dict[int, Any] | None = None  # weak references to tensors that want their gradient, by output index
        self.line = user_line() if anomaly.enabled else None

    def pull_back(self, cotangents: list[Any], wanted: list[bool]) -> Sequence[Any]:
        """The cotangents of the wanted inputs, from those of the outputs (None: zero)."""
        raise NotImplementedError

    def free(self) -> None:
        """Let go of the saved values."""

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """Where the gradient of each input goes."""
        return tuple((None, 0) if edge is None else edge for edge in self.edges)

    def __repr__(self) -> str:
        return f"<{self.name} backward>"


class OpApplication(Application):
    """One recorded use of an op, and the values that the op's VJP reads."""

    __slots__ = ("op", "attrs", "inputs", "results", "saved")

    def __init__(self, op: Any, attrs: dict[str, Any], args: tuple[Any, ...], outputs: tuple[Tensor, ...]) -> None:
        Application.__init__(self, op.name, len(outputs), args)
        self.op, self.attrs = op, attrs
        positions, reads_output = op.residuals(tuple([edge is not None for edge in self.edges]))
        self.inputs: list[Any] = self.specs
        self.saved: list[tuple[Tensor, int]] | None = []  # with the versions they had
        if positions:
            self.inputs = list(self.specs)
            for i in positions:
                a = self.inputs[i] = args[i]
                if isinstance(a, Tensor):
                    self.saved.append((a, a._version))
        self.results: list[Any] | None = None  # of the outputs: aliases where the VJP reads them
        if reads_output:
            self.results = [alias_of(o) for o in outputs]
            self.saved.extend((alias, alias._version) for alias in self.results)
        elif len(outputs) > 1:
            self.results = [TensorSpec(o.shape, o.dtype) for o in outputs]

    def pull_back(self, cotangents: list[Any], wanted: list[bool]) -> Sequence[Any]:
        if self.saved is None:
            fail_freed(self.name)
        for tensor, version in self.saved:
            if tensor._version != version:
                fail_changed(self.name, version, tensor._version)
        y: Any
        if self.outputs == 1:
            g = cotangents[0]
            y = TensorSpec(g.shape, g.dtype) if self.results is None else self.with_history(self.results[0], 0)
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
    storage = storage_of(tensor)
    alias = mode.interpreter.handle(tensor)
    alias._storage, alias._chain, alias._seen = storage, tensor._chain, tensor._seen
    return alias


def set_history(tensor: Tensor, application: Application | None, index: int) -> None:
    """Say which Application a tensor comes from now; that its gradient is to be retained stays with the tensor."""
    if tensor._retains_grad and tensor._application is not None:
        retained = tensor._application.retained
        reference = None if retained is None else retained.pop(tensor._index, None)
        if application is not None and reference is not None:
            application.retained = {**(application.retained or {}), index: reference}
    tensor._application, tensor._index, tensor._requires_grad = application, index, application is not None
