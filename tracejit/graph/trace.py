"""`Tracer`, the interpreter that gives nodes instead of arrays.

It traces with the real arguments at hand: a tensor whose value Python asks to see (an observation) is computed by running
the graph so far, and the trace goes on from there.
"""

from __future__ import annotations

import weakref
from functools import partial
from typing import Any, Callable, Sequence

import numpy as np

from ..device import DeviceArray, device_of, is_array, memory_of, on_host
from ..dispatch import EAGER, mode, operand
from ..interpreter import fail_across
from ..errors import user_line
from ..op import Op
from ..ops.transfer import placed
from ..spec import get_default_dtype
from ..tensor import Tensor, storage_of, wrap
from .applications import Applications
from .evaluate import known
from .handlers import is_handled
from .flush import flush
from .flushed import CAPTURED, Flushed, Source
from .ir import Graph, Node, exact
from .limits import Limits
from .onlooker import NOBODY, Onlooker
from .past import ANSWER_BYTES, Answer, Applied, Past, answer_to
from .recording import Recording
from .regions import overlapped, see_changes
from .wholes import whole_with

_new, _ref = object.__new__, weakref.ref

Run = Callable[[Graph, list[np.ndarray], tuple[int, ...]], list[np.ndarray]]


class Tracer(Recording):
    """Records applications as nodes. `run` computes a graph on arrays, writing some outputs into some inputs.

    again: whoever traces runs the function again where `run` fails; else the graph is then computed up to the op that fails.
    make: what makes the nodes of all graphs, where traces have much in common; an application that it knows costs a look-up.
    keep: segments that end in events are kept, to be replayed. past: what a replay of the same call has done, which is not done again.
    device: the one that `run` brings the host's arrays to, if so.
    """

    once_only: str | None = None  # why the function may not be run again, if so
    flushed: Flushed | None = None
    onlooker: Onlooker = NOBODY
    events = 0  # those of all segments

    def __init__(
        self, run: Run, again: bool = False, make: Applications | None = None, keep: bool = False, past: Past | None = None, device: str | None = None
    ) -> None:
        self.run, self.again, self.keep, self.past, self.trying = run, again, keep, past, 0
        self.device = device
        self.reasons: list[tuple[str, Any, int, str]] = []  # why a replay would not do, where, after how many events, and of what kind
        self.segments: list[Flushed] = []  # those that ended in an event
        self.failed = False  # an op raised: where the function goes on all the same, others cannot take its path
        self.answers: list[Any] = []  # what came of each of them
        self.grads: dict[int, tuple[Tensor, Tensor | None]] = {}
        self.grads_read: dict[int, tuple[Tensor, bool]] = {}  # of outside tensors: whether their .grad was None at first
        super().__init__(make, keep or past is not None, Limits(bounded=not again))


    # The interpreter's answers

    def apply(self, op: Op, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        if len(self.made) >= self.room:
            self.leave()
            return EAGER.apply(op, args, attrs)
        if not op.simple and op.dynamic:
            return self._apply_now(op, args, attrs)
        if self.written:
            see_changes(self, args)
        if self.make.changing:
            args = self.make.as_inputs(op, args, len(self.made))
        given: list[Any] = [op]  # and its operands (nodes, and Python scalars with their types) and attributes
        changed = self.changed
        for a in args:
            if type(a) is Tensor or isinstance(a, Tensor):
                value = a._value
                if type(value) is Node:
                    if changed and a._storage in changed and a._traced_at != a._storage.version:
                        value = self.read(a)
                elif id(a) in self.numbers and a._storage not in changed:
                    value = self.inputs[self.numbers[id(a)]]
                else:
                    value = self.read(a)
                given.append(value)
            else:
                self._give(a, given)
        for name, attribute in attrs.items():
            given += (name, attribute if type(attribute) is tuple else exact(attribute))
        if not args or type(given[1]) is not Node:
            given.append(get_default_dtype())  # of scalars alone, the result has it
        key = tuple(given)
        found = self.known.get(key)
        if found is None:
            found = self.make.given(op, key, args, attrs, len(self.made))
        self.made.append(found)
        if op.simple or op.is_view:
            tensor = _new(Tensor)  # as `_tensor` does
            tensor._value = found
            self.live.append(_ref(tensor))
            if op.is_view:
                source = args[0]
                if type(source._value) is not Node or source._storage not in self.contents:
                    self.enroll(source)
                if changed:
                    tensor._traced_at = source._storage.version
            return tensor
        if op.raises and (op.kind != "put" or len(args) > 2):
            self.may_raise.setdefault(found if op.outputs == 1 else found[0], user_line())
        results = [self._tensor(n) for n in (found if op.outputs != 1 else (found,))]
        if op.raises and (self.trying or is_handled()):
            self.check()  # where it raises, the user's handler has to see it now
        return results[0] if op.outputs == 1 else tuple(results)

    def _give(self, value: Any, given: list[Any]) -> None:
        """Add an operand that is no tensor to what an application is known by."""
        value = value if type(value) is float else operand(value)
        if isinstance(value, np.ndarray):
            given.append(self.read(wrap(value)))
        else:
            given += exact(value)

    def assign(self, target: Tensor, value: Tensor) -> None:
        if 0 in target._value.shape:
            return  # there is nothing to write, and an empty view does not tell whose memory it shows
        if self.written:
            see_changes(self, (target, value))
        entry = self.contents_of(target) if type(target._value) is Node else None
        if entry is None:
            self.read(target)
            entry = self.enroll(target)
        if entry.home is not None and not self.arrays[entry.home].flags.writeable:
            raise ValueError("assignment destination is read-only")  # as NumPy says it in eager mode
        if entry.home is not None and overlapped(self, entry.home):
            self.outside("memory that is changed here is also reached as another tensor", "memory")
            self.once_only = "it changes memory that it reaches in two ways"
            self.leave()  # eager mode sees all aliases
            return EAGER.assign(target, value)
        node = self.make.fit(self.read(value), target._value.shape, target._value.dtype)
        if type(value._value) is not Node:  # what was met may be the whole of the target
            self.read(target)
            entry = self.enroll(target)
        chain = target._chain[entry.start :]
        home = None if entry.home is None else self.arrays[entry.home]
        if self.device is None and entry.node.device == "cpu" != node.device:
            fail_across(node.device)
        if node.device == "cpu" != entry.node.device:  # what is written depends on nothing that lies there
            node = self.make.apply(placed, (node,), {"device": entry.node.device})
        entry.node = whole_with(self.make, entry.node, node, chain, home) if chain else node
        entry.changed = True
        storage = storage_of(target)
        self.changed.add(storage)
        if entry.home is not None:
            self.written.append((entry.home, entry.node, len(self.made)))
        if isinstance(target._value, Node):
            target._value = node
        target._traced_at = storage.version + 1

    def observe(self, tensor: Tensor) -> np.ndarray:
        self.outside("Python asks for an array's memory")
        self.read(tensor)
        held = self.tensors()
        self.flush()
        if self.device is not None and type(tensor._value) is DeviceArray:
            memory = tensor._value.memory
            for other in {id(t): t for t in (tensor, *held, *self.left.tensors())}.values():
                if type(other._value) is DeviceArray and other._value.memory is memory:
                    other._value = other._value.at_home()
        return memory_of(tensor._value)

    def array(self, tensor: Tensor) -> Any:
        self.outside("Python asks for an array's memory")
        self.read(tensor)
        self.flush()
        return tensor._value

    def at_hand(self, tensor: Tensor) -> np.ndarray | None:
        return tensor._value if isinstance(tensor._value, np.ndarray) and self.contents_of(tensor) is None else self._constant(tensor)

    def _constant(self, tensor: Tensor) -> np.ndarray | None:
        return known(self.read(tensor), self.constants)

    def value(self, tensor: Tensor) -> np.ndarray:
        constant = self._constant(tensor)
        if constant is not None:
            return constant
        if tensor.nbytes > ANSWER_BYTES:
            self.outside(f"Python asks for {tensor.size} values")
        return self._ask("value", [tensor]).told

    def truth(self, tensor: Tensor) -> bool:
        return self._ask("truth", [tensor]).told if (constant := self._constant(tensor)) is None else bool(constant.item())

    def constant(self, array: np.ndarray) -> Tensor:
        node = self.enter(wrap(array), CAPTURED)
        self.constants[node] = array
        return self._tensor(node)  # new at each call: what is written is never the array itself

    def handle(self, tensor: Tensor) -> Tensor:
        """Another Tensor on the same value; followed as every traced tensor is."""
        value = tensor._value if tensor._storage not in self.changed else self.read(tensor)  # what was written into parts of it, too
        if not isinstance(value, Node):
            handle = wrap(value)
            left = self.left.of(tensor)
            if left is not None:
                self.left.leave(handle, tensor if left.whole is None else left.whole, left.chain)
                return handle
            self.enter(tensor, CAPTURED)
            self.numbers[id(handle)] = self.numbers[id(tensor)]
            self.aliases.append(handle)
            return handle
        handle = self._tensor(value)
        handle._traced_at = tensor._traced_at
        return handle

    def read_grad(self, leaf: Tensor) -> Tensor | None:
        if id(leaf) in self.grads:
            return self.grads[id(leaf)][1]
        if not isinstance(leaf._value, Node):
            self.grads_read.setdefault(id(leaf), (leaf, leaf._grad is None))
        grad = leaf._grad
        if grad is not None and is_array(grad._value) and id(grad) not in self.numbers:
            self.enter(grad, Source("grad", leaf))
        return grad

    def write_grad(self, leaf: Tensor, grad: Tensor | None) -> None:
        if isinstance(leaf._value, Node):
            leaf._grad = grad  # it was made in the trace, and need not outlive it
        else:
            self.grads[id(leaf)] = (leaf, grad)

    def run_whole(self, whole: Any, function: Callable[[], Any], tensors: Sequence[Tensor], key: Any) -> Any:
        return function()  # its ops are nodes as any others

    def outside(self, what: str, kind: str = "value") -> None:
        """Note that the function does something that only Python can do again."""
        self.reasons.append((what, user_line(), len(self.segments), kind))

    def _apply_now(self, op: Op, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        """An op whose result's shape depends on values, or lies on another device: a call that eager mode does."""
        if op.kind == "transfer" and attrs["device"] == (self.device or device_of(self.arrays)):
            return self.apply(placed, args, attrs)  # all that a graph computes lies on its device
        tensors = [a if isinstance(a, Tensor) else wrap(np.asarray(a)) for a in args if isinstance(a, (Tensor, np.ndarray, np.generic))]
        return self.host(Applied(op, args, attrs), tensors)

    # Events

    def _ask(self, kind: str, tensors: Sequence[Tensor], function: Callable[..., Any] | None = None) -> Answer:
        """End the segment, for Python asks something of these tensors."""
        self.events += 1
        for tensor in tensors:
            self.read(tensor)
        self.flush(kind, tensors, function)
        past = self.past if self.past is not None and self.past.ahead else None
        told = partial(answer_to, kind, [tensor._value for tensor in tensors], function)
        answer = self.onlooker.aside(told) if past is None else past.answer()
        if self.keep:
            self.answers.append(answer.key)
            self.onlooker.mark()
        return answer

    def check(self) -> None:
        """Have what may raise raise now."""
        if not self.again:
            self._ask("check", ())

    def host(self, function: Callable[..., Any], tensors: Sequence[Tensor], show: Callable[[Tensor, str], Any] = lambda tensor, _: tensor) -> Any:
        """What a function that is not traced gives, called on the arrays of these tensors; it is called again at each replay.

        What it depends on beside the arrays it holds itself; other than arrays and NumPy scalars, it is to return constants.
        show: gives what stands in the result for an array, or a NumPy scalar, given as a tensor, and which it is ("array", "scalar").
        """
        answer = self._ask("call", tensors, function)
        self.failed = self.failed or answer.forms is None
        if answer.forms is None:
            raise answer.told
        if not answer.followable():
            self.outside(f"{getattr(function, '__name__', function)!s:.40} returns what is neither an array of its own nor a constant")
        tensors = list(map(wrap, answer.arrays))
        if self.follows and self.flushed is not None:
            first = len(self.flushed.graph.outputs) - len(self.flushed.writes)
            for number, tensor in enumerate(tensors, first):
                self.left.leave_whole(tensor, Source("call", (len(self.segments) - 1, number)))
        return answer.filled(map(show, tensors, filter(None, answer.forms)))

    def knows(self, tensor: Tensor) -> bool:
        """Whether it is found at a replay: it was met, or made, in the trace."""
        return id(tensor) in self.numbers or self.left.of(tensor) is not None or any(t is tensor for f in self.segments for t in f.handles)

    # Making values real

    def flush(self, kind: str = "", asked: Sequence[Tensor] = (), function: Callable[..., Any] | None = None) -> None:
        """Compute everything that is held or was written, make it real, and begin a new graph. `kind`: what Python asks of which tensors."""
        self.flushed = flush(self, kind, asked, function)
        if kind and self.keep and self.flushed is not None:
            self.segments.append(self.flushed)
        passed = self.limits.spend(len(self.made))
        if passed is not None:
            self.outside(passed)
        self.start()

    def leave(self) -> None:
        """Leave the rest of the call to eager mode."""
        self.settle()
        mode.interpreter = EAGER
        self.once_only = "what it does is too much to be traced"
        self.onlooker.let_go()

    def settle(self) -> None:
        """Flush, and hand the gradients that were written to their leaves: the trace is over."""
        self.flush()
        for leaf, grad in self.grads.values():
            leaf._grad = grad
            if grad is not None and grad.device != leaf.device:
                grad._value = on_host(grad._value)
        self.grads.clear()

