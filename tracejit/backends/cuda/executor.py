"""`DeviceExecutable`: a plan made ready to run on a GPU, as a function that is written out for it.

Its kernels are launched one after another, and the host waits for none of them: only where a word that a kernel computes says where the
program goes on.
"""

from __future__ import annotations

from functools import cached_property, partial
from time import perf_counter
from typing import Any, Callable, NamedTuple, Sequence

import numpy as np

from ...device import on_host
from ...lowering.kernel import Kernel, Slot
from ...lowering.plan import Plan
from ...lowering.steps import Call, Label, Move
from ...runtime.executor import OutOfBounds
from .bundles import bundled
from .devices import blocking
from .graphs import Graphs, may_be_captured
from .launches import Launch, Places, Segment, Whole, bits_as, written
from .moves import HostMove, Run, Words
from .text.source import Printed

Step = Callable[[Run], int | None]
WARM = 2  # calls whose kernels are launched one by one, before there is a graph


class Incoming(NamedTuple):
    """An input as an executable takes it: its strides in elements, and how it comes: it lies "there", is "brought" from the host at each
    call, or passed "by value" to the kernels that read its one element."""

    strides: tuple[int, ...]
    how: str = "there"


class DeviceExecutable:
    """Runs a plan on a GPU: inputs in its memory, or in the host's, from where they are brought; outputs in its memory.

    decides: whether the host waits for a value between steps. Inputs of the host's that are written are written back; where kernels
    check indices and the host gives arrays, the host waits, and OutOfBounds is raised before anything outlives the call.
    """

    long = True

    def __init__(
        self, backend: Any, plan: Plan, incoming: Sequence[Incoming], print_kernel: Callable[[Kernel, bool], Printed], told: bool = True
    ) -> None:
        """print_kernel: (kernel, whether packs are aligned) → its text. told: it tells the backend which lines' indices were checked."""
        self.backend, self.plan, self.device = backend, plan, backend.name
        self.seconds: dict[str, float] = {}
        self.incoming = list(incoming)
        self.brought = [n for n, given in enumerate(incoming) if given.how == "brought"]
        self.written = set[Slot]().union(*[step.writes() for step in plan.steps])
        self.back = [n for n in self.brought if plan.inputs[n] in self.written and 0 not in plan.inputs[n].shape]
        start = perf_counter()
        self.words = Words(plan, [n for n, given in enumerate(incoming) if given.how != "there"])
        self.decides = any(map(self.words.decides, self.words.moves))
        self.steps: list[Segment | HostMove] = []
        self._assemble(print_kernel, told)
        self.segments = [step for step in self.steps if isinstance(step, Segment)]
        for segment in self.segments:
            segment.steps = bundled(segment.steps, plan)
        self.walks = len(self.segments) < len(self.steps)
        launches = [step for segment in self.segments for step in segment.steps if isinstance(step, Launch)]
        self.checked = sorted({line for launch in launches for line in launch.lines}) if told else []
        self.checks = any(launch.checks for launch in launches)
        self.launched = self._written()
        self.run = self.launched
        if may_be_captured(self) and not blocking():
            self.calls, self.run = 0, self._before_capture
        self.seconds["kernels"] = perf_counter() - start

    def __call__(self, inputs: Sequence[Any]) -> list[Any]:
        """The new output arrays; inputs that the plan writes are changed in place."""
        return self.run(inputs)

    def _before_capture(self, inputs: Sequence[Any]) -> list[Any]:
        """The first calls, at which all that is loaded once is loaded; then comes a graph."""
        self.calls += 1
        if self.calls == WARM:
            lines = ["checked(lines)"] * bool(self.checked) + ["issue((ARRAYS), (PLACES))"]
            self.run = self.around(lines, {"issue": Graphs(self), "checked": self.backend.checked, "lines": self.checked}, arena=False)
        return self.launched(inputs)

    def _assemble(self, print_kernel: Callable[[Kernel, bool], Printed], told: bool) -> None:
        """Steps without a move between them are one segment."""
        places, labels = Places(self.plan), dict[Label, int]()
        fresh = True
        for step in self.plan.steps:
            if isinstance(step, Move):
                if step.moves:
                    self.steps.append(HostMove(self.backend, self.plan, places, self.words, step, labels))
                elif step.label is not None:
                    labels[step.label] = len(self.steps)
                fresh = fresh or step.moves or step.label is not None
                continue
            if fresh:
                self.steps.append(Segment(self.backend, len(self.plan.inputs) + len(self.plan.outputs), told))
                fresh = False
            whole = isinstance(step, Call)
            self.steps[-1].steps.append(Whole(self.backend, self.plan, step) if whole else Launch(self.backend, step, places, partial(print_kernel, step)))  # type: ignore[union-attr, arg-type]

    # The function of a call

    def _written(self) -> Callable[[Sequence[Any]], list[Any]]:
        """A plan of one segment is written out; one with moves is walked."""
        world: dict[str, Any] = {"launch": self.backend.driver.launch, "c": ()}
        if self.walks:
            return self.around(["walk((ARRAYS), (PLACES), m, launch)"], {**world, "walk": self.walk})
        return self.around([line for segment in self.segments for line in segment.lines(world)], world)

    def direct(self, arrays: Sequence[Any], places: Sequence[int]) -> None:
        """Launch everything for these arrays, which lie there."""
        arena = self.backend.empty((max(self.plan.arena, 1),), np.dtype(np.uint8))
        self.walk(arrays, places, arena.address, self.backend.driver.launch)

    def around(self, body: list[str], world: dict[str, Any], arena: bool = True) -> Callable[[Sequence[Any]], list[Any]]:
        """A function of the inputs that gathers the arrays of a call, runs these lines, and gives the outputs.

        In them ARRAYS and PLACES are the arrays and their addresses, comma after comma. arena: whether they need one."""
        plan, backend = self.plan, self.backend
        given, count = len(plan.inputs), len(plan.inputs) + len(plan.outputs)
        arrays, places = ("".join(f"{letter}{n}, " for n in range(count)) for letter in "ap")
        lines = ["(" + "".join(f"a{n}, " for n in range(given)) + ") = inputs"] if given else []
        for n, incoming in enumerate(self.incoming):
            if incoming.how == "by value":
                world[f"bits{n}"] = bits_as(plan.inputs[n].dtype)
            lines += [f"a{n} = upload(a{n})"] * (incoming.how == "brought")
            lines.append(f"p{n} = bits{n}(a{n})" if incoming.how == "by value" else f"p{n} = a{n}.address")
        for n, slot in enumerate(plan.outputs, given):
            world[f"new{n}"] = backend.maker(slot.shape, slot.dtype)
            lines += [f"a{n} = new{n}()", f"p{n} = a{n}.address"]
        if plan.arena and arena:
            world["arena"] = backend.maker((plan.arena,), np.dtype(np.uint8))
            lines += ["room = arena()", "m = room.address"]
        else:
            lines.append("m = 0")
        careful = self.checks and bool(self.brought)
        lines += ["check()"] * careful + [line.replace("ARRAYS", arrays).replace("PLACES", places) for line in body]
        lines += ["if failed(): raise OutOfBounds"] * careful
        lines += [f"back(inputs[{n}], a{n})" for n in self.back]
        lines.append("return [" + "".join(f"a{n}, " for n in range(given, count)) + "]")
        world.update(upload=backend.upload, back=_back, check=backend.check, failed=backend.has_failed, OutOfBounds=OutOfBounds)
        return written("run", "inputs", lines, world)

    @cached_property
    def walk(self) -> Callable[[Sequence[Any], Sequence[int], int, Callable[..., None]], None]:
        """What walks the steps, from move to move: a function of the arrays of a call, their addresses, the arena's, and what launches."""
        steps: list[Step] = [step if isinstance(step, HostMove) else _following(step.function()) for step in self.steps]
        end, cells = len(steps), self.plan.cells

        def walk(arrays: Sequence[Any], places: Sequence[int], m: int, launch: Callable[..., None]) -> None:
            run, at = Run(arrays, places, m, launch, cells), 0
            while at < end:
                there = steps[at](run)
                at = at + 1 if there is None else there

        return walk


def _following(segment: Callable[..., None]) -> Step:
    return lambda run: segment(run.arrays, run.places, run.m, run.cells, run.launch)  # type: ignore[func-returns-value]


def _back(host: Any, array: Any) -> None:
    """Write an input of the host's that was written on the device."""
    host[...] = on_host(array)
