"""`explained`: gathers a report of one call."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Callable, Iterator

from ..backend import get_backend
from ..entry import Entry
from ..frontend import Signature
from ..lowering.kernel import Kernel
from ..lowering.plan import Plan
from ..lowering.steps import Move
from ..named import name_of, written_at
from ..precision import in_words
from ..paths import Leaf, Tree, Unseen
from ..verify import Snapshot
from .drawing import drawn
from .measure import Times, bytes_of, measured, operations_of, share_of, size_of
from .report import Held, Report, Step
from .units import size

if TYPE_CHECKING:
    from .inside import Inside

WARM = 16  # calls


def explained(compiled: Inside, args: tuple[Any, ...], kwargs: dict[str, Any], key: Any, leaves: list[Any]) -> Report:
    """What is known of a compiled function, and of a call with these arguments."""
    entry = compiled.find(key, leaves) or compiled.newest(key)
    times, plans, unmeasured = _measure(compiled, entry, args, kwargs, key, leaves)
    steps = _steps(plans, times)
    told = [seconds for plan in times.kernels for seconds in plan if seconds is not None] if times is not None else []
    inside = sum(told) if told else None
    pinned = None if compiled._verifier is None else compiled._verifier.pinned.get(key)
    return Report(
        name=name_of(compiled.__wrapped__),
        place=written_at(compiled.__wrapped__),
        mode="python" if pinned else _mode(compiled, entry, key),
        reasons=[pinned] if pinned else _reasons(compiled, entry, key),
        entries=[Held(_arguments(compiled._signature, k), e.mode, e is entry) for k, kept in compiled._entries.items() for e in kept],
        misses=list(compiled._causes.found),
        guards=_guards(entry),
        paths=drawn(entry) if isinstance(entry, Tree) else [],
        effects=[] if entry is None or entry.once_only is None else [entry.once_only],
        kernels=steps,
        compile_seconds=_stages(entry),
        eager_seconds=None if times is None else times.eager,
        compiled_seconds=None if times is None else times.compiled,
        dispatch_seconds=None if times is None or inside is None else max(0.0, times.compiled - inside),
        unmeasured=unmeasured,
        transfers=[] if entry is None else _transfers(entry),
    )


def _transfers(entry: Entry | Tree) -> list[str]:
    """What a call moves between the host and a device."""
    found = []
    for executable in entry.executables():
        inputs = executable.plan.inputs
        for numbers, what in ((executable.brought, f"brought to {executable.device}"), (executable.back, f"written back from {executable.device}")):
            if numbers:
                found.append(f"{_many(len(numbers), 'array')} of the host's, {size(sum(map(size_of, map(inputs.__getitem__, numbers))))}, {what}")
    ends = [node.entry for node in entry.nodes() if isinstance(node, Leaf)] if isinstance(entry, Tree) else [entry]
    for end in ends:
        fetched = sum(bool(result.form) for result in end.results) if end is not None and end.device != "cpu" else 0
        if end is not None and fetched:
            found.append(f"{_many(fetched, 'result')} fetched from {end.device}")
    return list(dict.fromkeys(found))


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def _measure(
    compiled: Inside, entry: Entry | Tree | None, args: tuple[Any, ...], kwargs: dict[str, Any], key: Any, leaves: list[Any]
) -> tuple[Times | None, list[Plan], str]:
    """The times of a call, the plans that it runs; or why it is not timed."""
    if entry is None:
        return None, [], "no trace of such a call is kept"
    known = [executable.plan for executable in entry.executables()]
    if not entry.holds(leaves):
        failed = entry.guard()
        return None, known, "the next call is traced anew" + (f", for {failed.change}" if failed is not None else "")
    if entry.mode == "python":
        return None, [], "it runs as it is"
    if entry.once_only is not None:
        return None, known, f"it would have to run several times, but {entry.once_only}"

    def lazily() -> Any:
        return compiled.retrace(args, kwargs, key, leaves)

    def replayed() -> Any:
        return entry.run(leaves) if compiled._verifier is not None else compiled(*args, **kwargs)  # type: ignore[operator]

    snapshot = Snapshot(leaves)
    reached, written = entry.reached(leaves)
    snapshot.take(reached)
    snapshot.take_leaves(written)
    try:
        with _uncounted(compiled, entry):
            if entry.mode != "lazy":
                _warm(entry, leaves, replayed, snapshot)
            times, plans = measured(snapshot, lambda: compiled.__wrapped__(*args, **kwargs), lazily if entry.mode == "lazy" else replayed, lazily, compiled._options.device)
    except Unseen:
        return None, known, "such a call takes a path that was not met yet"
    except Exception as error:  # the function's own
        return None, known, f"such a call raises {type(error).__name__}"
    return times, plans, ""


@contextlib.contextmanager
def _uncounted(compiled: Inside, entry: Entry | Tree) -> Iterator[None]:
    """Calls inside the block are not in the counts."""
    asked, hits, native = getattr(entry, "asked", 0), compiled._hits, compiled._gate.hits
    try:
        yield
    finally:
        compiled._hits, compiled._gate.hits = hits, native
        if isinstance(entry, Entry):
            entry.asked = asked


def _warm(entry: Entry | Tree, leaves: list[Any], call: Callable[[], Any], snapshot: Snapshot) -> None:
    """Call as often as it takes for the native gate to let such calls through. Raises Unseen if the call takes another path."""
    try:
        entry.run(leaves)
        for _ in range(WARM):
            snapshot.put_back()
            call()
    finally:
        snapshot.put_back()


def _steps(plans: list[Plan], times: Times | None) -> list[Step]:
    found: list[Step] = []
    for p, plan in enumerate(plans):
        for n, step in enumerate(plan.steps):
            if isinstance(step, Move):
                continue
            kernel = isinstance(step, Kernel)
            seconds = None if times is None else times.kernels[p][n]
            source = get_backend(plan.device).source(step) if isinstance(step, Kernel) else ""
            share = None if seconds is None else share_of(step, seconds)
            found.append(Step(step.title, kernel, bytes_of(step), operations_of(step), seconds, share, source))
    return found


def _mode(compiled: Inside, entry: Entry | Tree | None, key: Any) -> str:
    return "not kept" if entry is None else compiled._unreplayed.pace_of(key, entry)[0]


def _reasons(compiled: Inside, entry: Entry | Tree | None, key: Any) -> list[str]:
    """Why a call is not one graph."""
    if entry is None:
        return []
    ends = [node for node in entry.nodes() if isinstance(node, Leaf)] if isinstance(entry, Tree) else []
    return [*dict.fromkeys([*compiled._unreplayed.pace_of(key, entry)[1], *entry.reasons[1:], *[reason for leaf in ends for reason in leaf.reasons]])]


def _arguments(signature: Signature, key: Any) -> list[tuple[str, str]]:
    token, grad, autocast = key
    modes = [] if grad else [("gradients", "not recorded")]
    return [*signature.words(token), *modes, *([] if autocast is None else [("autocast", in_words(autocast))])]


def _guards(entry: Entry | Tree | None) -> list[str]:
    """What must stay as it is, in words."""
    places: list[Any] = list(entry.nodes()) if isinstance(entry, Tree) else [] if entry is None else [entry]
    return [*dict.fromkeys(guard.description for place in places for guard in getattr(place.guard, "guards", ()))]


def _stages(entry: Entry | Tree | None) -> dict[str, float]:
    """What it took to compile, by stage."""
    if entry is None:
        return {}
    found = {"trace": entry.seconds, "rules": 0.0, "lower": 0.0, "kernels": 0.0}
    for executable in entry.executables():
        for stage, seconds in executable.seconds.items():
            found[stage] += seconds
    return found


