"""`Tree`: the paths that calls of one signature take, by what Python is told on the way.

A function that asks for values runs as segments. A `Junction` is one of them, and the event at its end: what Python would be told
there decides where the call goes on. A `Leaf` is the last segment, and the results. A call whose answers were all met before runs
without Python; one that meets another is `Unseen`: the function is traced again, catches up with what the call has done
(`graph/past.py`), and the tree grows by the path it takes.
"""

from __future__ import annotations

from typing import Any, Callable, Iterable, Iterator, Sequence

import numpy as np

from ..backends.choice import executable_of, parts_of
from ..entry import Entry, Misfit, Trace, outside_of
from ..errors import LateIndexingError, TracejitError, place
from ..frontend import nothing_to_check
from ..graph.flushed import Flushed, view_of
from ..graph.past import Answer, Past, Step, answer_to
from ..history import History
from ..runtime.executor import Executable, OutOfBounds
from ..tensor import Tensor, storage_of
from .inputs import Inputs

OUTCOME_LIMIT = 8  # of one event: what comes out in more ways is no choice among paths
PATH_LIMIT = 64  # of one tree
PATIENCE = 2.0  # seconds that Python may take to follow the paths of one tree, where more than every fourth call takes a new one
OVERGROWN = "Keep the value in a tensor: tj.where chooses between values; tj.cond, tj.while_loop and tj.switch between computations."
_ANSWERS = {"check": "None", "truth": "bool({0}.item())", "value": "{0}.tobytes()", "call": "answer_to('call', [{0}], function)"}

Arrays = list[np.ndarray]
Log = list[tuple["Junction", Arrays, Arrays, Arrays, Any]]  # of each junction: inputs, outputs, what was written as it had been, answer


class Unseen(Exception):
    """A call has left the paths of its tree. What it has done is in its log; a trace goes on from there."""

    def __init__(self, tree: Tree, log: Log, keep: bool) -> None:
        self.tree, self.log, self.keep = tree, log, keep  # keep: the trace is worth keeping

    def past(self) -> Past:
        """What a trace of the same call has to catch up with."""
        return Past([Step(j.kind, j.graph, j.writes, arrays, out, before, j.answer(told)) for j, arrays, out, before, told in self.log])

    def lead_to(self, node: Node) -> None:
        """Have calls like this one go on there."""
        junction, *_, told = self.log[-1]
        junction.add(junction.answer(told).key, node)


class Node:
    """A place in a tree. What must hold for a call to come here was found after the event before."""

    def __init__(self, guard: Callable[[], Any], requires: Sequence[tuple[Tensor, bool]] = ()) -> None:
        self.guard, self.requires = guard, requires
        self.free = guard is nothing_to_check and not requires

    def holds(self, leaves: list[Any]) -> bool:
        """Whether the state of the world is as it was when this path was traced."""
        return self.guard() is None and all(tensor._requires_grad is flag for tensor, flag in self.requires)


class Junction(Node):
    """A segment that ends in an event."""

    def __init__(self, flushed: Flushed, guard: Callable[[], Any], trace: Trace) -> None:
        assert flushed.event is not None
        inputs = Inputs(flushed, trace)
        self.sources = inputs.sources
        super().__init__(guard, inputs.requires)
        self.kind, places, self.line, function = flushed.event
        self.function = function  # of a call: what is called
        self.graph, self.writes = flushed.graph, flushed.writes
        self.ways: dict[Any, tuple[Node, ...]] = {}  # by answer; several, for different states of the world
        self.executable: Executable | None = None
        if flushed.graph.outputs:
            self.executable = executable_of(flushed.graph, [h._value for h in flushed.handles], flushed.writes, trace.device)
        shown = [f"{'arrays' if where == 'input' else 'outputs'}[{number}]" for where, number, _ in places]
        asked = [f"view({array}, chains[{n}])" if place[2] else array for n, (array, place) in enumerate(zip(shown, places))]
        rest = [
            f"before = [{', '.join(f'arrays[{n}].copy()' for n in self.writes)}]",
            f"outputs = {'[]' if self.executable is None else 'executable(arrays)'}",
            f"answer = {_ANSWERS[self.kind].format(', '.join(asked))}",
            f"done.append({'outputs' if function is None else '[*outputs, *answer.arrays]'})",
            "log.append((here, arrays, outputs, before, answer))",
            f"return ways.get({'answer' if function is None else 'answer.key'}, ())",
        ]
        self.run = inputs.function(
            rest, executable=self.executable, here=self, ways=self.ways, view=view_of, chains=[chain for *_, chain in places], answer_to=answer_to,
            function=function,
        )  # fmt: skip
        self.form: tuple[Any, Any] | None = None
        if self.kind == "value":
            ((where, number, chain),) = places
            node = (flushed.graph.inputs if where == "input" else flushed.graph.outputs[len(self.writes) :])[number]
            seen = view_of(np.broadcast_to(np.empty((), node.dtype), node.shape), chain)
            self.form = seen.dtype, seen.shape

    def answer(self, found: Any) -> Answer:
        """What came of the event, given what `run` put down of it: of a call all, else what ways are told apart by."""
        if self.kind == "call":
            return found
        return Answer(found, found if self.form is None else np.frombuffer(found, self.form[0]).reshape(self.form[1]))

    def words(self, answer: Any) -> str:
        """What Python is told, for a person."""
        if self.kind == "call":
            return ", ".join(map(_described, answer[1])) or "nothing"
        return str(answer) if self.form is None else str(np.frombuffer(answer, self.form[0]).tolist()).strip("[]")

    def add(self, answer: Any, node: Node) -> None:
        """Go on there after this answer."""
        self.ways[answer] = (*self.ways.get(answer, ()), node)


def _described(leaf: Any) -> str:
    """One leaf of what a call gave, as its key says it: an array, or a value."""
    if isinstance(leaf, tuple) and len(leaf) > 3 and isinstance(leaf[3], np.dtype):
        return f"{leaf[3]}{list(leaf[1])}"
    return f"{leaf!r:.40}"


class Leaf(Node):
    """The last segment of a path, and the results; or, with none, a place from where on only Python can go on."""

    def __init__(self, guard: Callable[[], Any], reasons: list[str]) -> None:
        """`reasons`: why only Python can go on, if so."""
        super().__init__(guard)
        self.reasons = reasons
        self.entry: Entry | None = None

    def fill(self, segments: Sequence[Flushed], last: Flushed, trace: Trace, history: History, compile_backward: Callable[[Any], Callable]) -> None:
        """Take what a trace found, after these segments."""
        self.entry = Entry(nothing_to_check, [])
        self.entry.fill(last, trace, history, compile_backward, alone=False)
        self.free = self.free and not (self.entry.requires or self.entry.grads_read)
        inputs = Inputs(last, trace)
        sources = [flushed.sources[n] for flushed in segments for n in flushed.writes]
        self.written = list(dict.fromkeys(what for kind, what in sources if kind == "argument")), _distinct(what for kind, what in sources if kind == "capture")
        self.run = inputs.function(["count(leaves)"] * any(self.written) + ["return give(leaves, arrays)"], give=self.entry.give, count=self._count)

    def holds(self, leaves: list[Any]) -> bool:
        return super().holds(leaves) and (self.entry is None or self.entry.holds(leaves))

    def _count(self, leaves: list[Any]) -> None:
        """Give what earlier segments have written a new version."""
        positions, captures = self.written
        for tensor in [*(leaves[p] for p in positions), *captures]:
            if isinstance(tensor, Tensor):
                storage = storage_of(tensor)
                storage.version = tensor._seen = storage.version + 1


def _distinct(tensors: Iterable[Tensor]) -> list[Tensor]:
    return list({id(t): t for t in tensors}.values())


class Tree:
    """The paths of one signature that begin alike. It stands among the entries of its signature."""

    in_python = False

    def __init__(self, root: Node, once_only: str | None = None) -> None:
        assert isinstance(root, Junction), "a path of no events is an entry"
        self.root = root
        self.once_only = once_only  # why the function may not be run twice, if so
        self.verified = False
        self.seconds = 0.0  # that Python ran under tracers
        self.calls = 0
        self.pace: Any = None  # a Pace, where replays are measured beside the undecorated function
        self.reasons: list[str] = []  # why it is lazy now

    @property
    def mode(self) -> str:
        """How calls run: "tree" (replayed natively, from event to event), or "lazy" (Python runs, its ops compiled)."""
        return "lazy" if self.reasons else "tree"

    @property
    def guard(self) -> Callable[[], Any]:
        """The guards of where all paths begin."""
        return self.root.guard

    def executables(self) -> list[Executable]:
        """What is run, each before what may follow it."""
        found = [node.executable if isinstance(node, Junction) else node.entry and node.entry.executable for node in self.nodes()]  # type: ignore[attr-defined]
        return [part for e in found if e is not None for part in parts_of(e)]

    def holds(self, leaves: list[Any]) -> bool:
        """Whether a call begins as these paths do."""
        return self.root.holds(leaves)

    def run(self, leaves: list[Any]) -> Any:
        """One call. Raises Unseen, or Misfit if nothing was done yet."""
        self.calls += 1
        done: list[list[np.ndarray]] = []
        log: Log = []
        node: Any = self.root
        try:
            while type(node) is Junction:
                for following in node.run(leaves, done, log):
                    if following.free or following.holds(leaves):
                        node = following
                        break
                else:
                    raise Unseen(self, log, node.answer(log[-1][-1]).forms is not None or node.kind != "call")
            if node.entry is not None:
                return node.run(leaves, done, log)
        except Misfit:
            if not log:
                raise
            raise Unseen(self, log, True) from None
        except LateIndexingError:  # of what was computed before
            raise
        except (OutOfBounds, TracejitError, ValueError):  # raised again where the user stands, with all done that comes before
            pass
        raise Unseen(self, log, False)

    def reached(self, leaves: list[Any]) -> tuple[list[Any], list[Tensor]]:
        """What a replay may read or write from outside: tensors and arrays, and leaves whose .grad it may set."""
        nodes = list(self.nodes())
        ends = [node.entry.reached(leaves) for node in nodes if isinstance(node, Leaf) and node.entry is not None]
        arrays = [array for node in nodes if isinstance(node, Junction) for array in outside_of(node.sources, leaves)]
        return arrays + [array for found, _ in ends for array in found], [leaf for _, found in ends for leaf in found]

    def nodes(self) -> Iterator[Node]:
        """All places, each before those it leads to."""
        pending: list[Node] = [self.root]
        while pending:
            node = pending.pop()
            yield node
            if isinstance(node, Junction):
                pending += [n for nodes in reversed(list(node.ways.values())) for n in nodes]

    def overgrown(self) -> str | None:
        """Where Python is told too much, if so: the tree would cost more than it spares."""
        junctions = [n for n in self.nodes() if isinstance(n, Junction)]
        many = next((j for j in junctions if len(j.ways) > OUTCOME_LIMIT), None)
        if many is not None:
            return f"more than {OUTCOME_LIMIT} different values at {place(many.line)}"
        paths = sum(isinstance(n, Leaf) for n in self.nodes())
        if paths > PATH_LIMIT:
            return f"more than {PATH_LIMIT} ways to go on from {place(self.root.line)}"
        if self.seconds > PATIENCE and 4 * paths > (self.calls if self.pace is None else self.pace.calls):
            return f"nearly every call takes a way of its own from {place(self.root.line)}, and to follow one takes {self.seconds / paths:.1f} s"
        return None

    def give_up(self, reason: str) -> None:
        """Leave all further calls to Python."""
        self.reasons = [reason]
