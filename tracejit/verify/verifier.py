"""`Verifier`: runs eager mode beside a compiled function, compares to the bit, and keeps to eager mode where they differ.

The compiled call comes first: only it knows what the function reaches, and whether it may be run twice. Then all that it changed is put
back, the undecorated function runs, and its results are what the caller gets.
"""

from __future__ import annotations

import random
from typing import Any, Callable, Protocol

import numpy as np

from ..entry import Entry
from ..errors import VerifyWarning, warn
from ..forks import lock_of
from ..frontend import GLOBAL_GENERATORS, Reach, Signature
from ..graph.ir import Node
from ..graph.trace import Tracer
from ..named import name_of
from ..paths import Tree
from ..tensor import Tensor
from ..tree import flatten
from .culprit import first_that_differs, write_script
from .outcome import Difference, State, differences, outcome_of
from .snapshot import Snapshot, owner

SLACK = 64.0  # units in the last place, for each operation that is not NumPy's to the bit


class Answers(Protocol):
    """The compiled function that is verified."""

    def find(self, key: Any, leaves: list[Any]) -> Entry | Tree | None: ...
    def newest(self, key: Any) -> Entry | Tree | None: ...
    def retrace(self, args: tuple[Any, ...], kwargs: dict[str, Any], key: Any, leaves: list[Any]) -> Any: ...
    def answer(self, args: tuple[Any, ...], kwargs: dict[str, Any], key: Any, leaves: list[Any]) -> Any: ...


class Verifier:
    """Verifies the calls of one function. `pinned`: of signatures that run eagerly from now on, why."""

    def __init__(self, signature: Signature, when: str | float) -> None:
        self.signature, self.function, self.when = signature, signature.function, when
        self.pinned: dict[Any, str] = {}
        self._spoken = False
        self._dice = random.Random()  # of its own: it takes no number from the user's
        self._lock = lock_of(self)

    def admits(self, entry: Entry) -> bool:
        """Whether calls may reach this entry natively, past the verifier."""
        return self.when == "first" and entry.verified

    def call(self, compiled: Answers, args: tuple[Any, ...], kwargs: dict[str, Any], key: Any, leaves: list[Any]) -> Any:
        """One call; verified, if that is due."""
        if key in self.pinned:
            return self.function(*args, **kwargs)
        entry = compiled.find(key, leaves)
        if not self._is_due(entry):
            return compiled.answer(args, kwargs, key, leaves)
        with self._lock:
            return _Verification(self, compiled, key, leaves, entry).run(args, kwargs)

    def _is_due(self, entry: Entry | Tree | None) -> bool:
        if entry is None:
            return True  # it is traced now
        if entry.once_only or entry.in_python:
            return False
        if self.when == "first":
            return not entry.verified
        return self.when == "always" or self._dice.random() < float(self.when)

    def passes_over(self, reason: str) -> None:
        """Say once that a function cannot be run twice."""
        if not self._spoken:
            self._spoken = True
            instead = "It is not verified. Take the effect out of the function, or verify the functions that it calls."
            warn(VerifyWarning, f"verify= would run {name_of(self.function)} twice, but {reason}", instead)


class _Verification:
    """One call that is verified."""

    def __init__(self, verifier: Verifier, compiled: Answers, key: Any, leaves: list[Any], entry: Entry | Tree | None) -> None:
        self.verifier, self.compiled, self.key, self.leaves, self.entry = verifier, compiled, key, leaves, entry
        arrays = [owner(leaf._value if isinstance(leaf, Tensor) else leaf) for leaf in leaves]
        self.given = dict(zip(map(id, arrays), verifier.signature.arrays(key[0])))
        self.snapshot = Snapshot(leaves)
        if entry is not None:
            reached, written = entry.reached(leaves)
            self.snapshot.take(reached)
            self.snapshot.take_leaves(written)

    def run(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        with self.snapshot:
            given = self.compiled.answer(args, kwargs, self.key, self.leaves)
        entry = self.entry or self.compiled.newest(self.key)
        if entry is not None and entry.in_python:
            return given
        if entry is None or entry.once_only:
            self.verifier.passes_over(entry.once_only or "" if entry is not None else "nothing of it is kept")
            return given
        state = self._state(given)
        compiled = outcome_of(given, state)
        del given
        self.snapshot.put_back()
        try:
            result = self.verifier.function(*args, **kwargs)
        except Exception as error:
            self._tell([Difference("the call", f"raises {type(error).__name__}: {error}", "returns")])
            raise
        found = differences(outcome_of(result, state), compiled, self._slack(entry, result))
        if found:
            result = self._after(found, args, kwargs, result)
        elif self.entry is not None:
            entry.verified = True
        return result

    def _state(self, given: Any) -> Callable[[], State]:
        """What tells all that a call may have changed, by name. What it made and returns is no state."""
        returned = [owner(v._value if isinstance(v, Tensor) else v) for v in flatten(given)[0] if isinstance(v, (Tensor, np.ndarray))]
        made = {id(array) for array in returned} - self.given.keys()
        arrays = [array for array, _ in self.snapshot.arrays() if id(array) not in made]
        leaves = [leaf for leaf, _ in self.snapshot.leaves.values()]

        def state() -> State:
            found: State = [(f"{self._name(array)} after the call", array.copy()) for array in arrays]
            found += [(f"the .grad of {self._name(t._value)}", None if t._grad is None else t._grad._value.copy()) for t in leaves]
            return [*found, *self.snapshot.generators()]

        return state

    def _name(self, array: np.ndarray) -> str:
        name = self.given.get(id(owner(array)))
        return f"a capture ({array.dtype}{list(array.shape)})" if name is None else f"the argument {name}"

    def _slack(self, entry: Entry | Tree, result: Any) -> float:
        """NumPy code may differ where NumPy's functions are not those that a kernel has; tensor code in no bit."""
        if not any(isinstance(value, (np.ndarray, np.generic)) for value in (*self.leaves, *flatten(result)[0])):
            return 0.0
        graphs = [*[run.graph for run in self.snapshot.runs], *[executable.plan.graph for executable in entry.executables()]]
        return SLACK * sum(_is_inexact(node) for graph in graphs for node in graph.nodes())

    def _after(self, found: list[Difference], args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> Any:
        """Tell of what was found; the call's result. What a replay ran is known once it is traced again."""
        if self.entry is not None:
            self.snapshot.put_back()
            self.snapshot.runs.clear()
            with self.snapshot:
                self.compiled.retrace(args, kwargs, self.key, self.leaves)
            self.snapshot.put_back()
            result = self.verifier.function(*args, **kwargs)
        self._tell(found)
        return result

    def _tell(self, found: list[Difference]) -> None:
        """Keep to eager mode, and tell."""
        met = f"{name_of(self.verifier.function)} differs between eager and compiled in {found[0]}"
        self.verifier.pinned[self.key] = f"verify= found that {met}"
        try:
            why, script = self._culprit(met)
        except Exception as error:  # whatever is wrong there, the call has its result
            why, script = "The operation that differs was not found.", f" Looking for it raised {type(error).__name__}: {error}."
        warn(VerifyWarning, f"{met}. {why}", f"Calls of this signature run eagerly from now on.{script} Please report it.")

    def _culprit(self, met: str) -> tuple[str, str]:
        """Which operation differs; and a script that runs it."""
        culprit = first_that_differs(self.snapshot.runs)
        if culprit is not None:
            return str(culprit), f" {write_script(met, culprit.run)} shows it again."
        scripts = [f" {write_script(met, run)} runs the graph." for run in self.snapshot.runs[:1]]
        return "No operation differs by itself: the graph is not what the function does now.", "".join(scripts)


def once_only(tracer: Tracer, reach: Reach | None) -> str | None:
    """Why a function cannot be run twice with the outcome of once; None if it can, generators of random numbers being put back."""
    if reach is None:
        return tracer.once_only
    effects = [str(e) for e in reach.effects if e.kind != "random" or e.what not in GLOBAL_GENERATORS]
    return next(iter([*effects, *([reach.incomplete] if reach.incomplete else [])]), tracer.once_only)


def _is_inexact(node: Node) -> bool:
    """Whether NumPy's bits may differ from a kernel's."""
    op: Any = node.op
    return op.kind == "library" or (op.kind in ("elementwise", "reduction") and not getattr(op, "exact", True))
