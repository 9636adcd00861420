"""`@compile`: joins the rooms above, in order. Signature → trace → plan → executable, kept under the signature."""

from __future__ import annotations

import functools
import inspect
from collections import OrderedDict
from contextlib import nullcontext
from typing import Any, Callable, Iterable, Sequence

from .backends.choice import run
from .dispatch import EAGER, anomaly, mode
from .autograd.segment import Segment
from .entry import Entry, Misfit, Trace
from .errors import ArgumentError, FullGraphError, LateIndexingError, LazyWarning, TracejitError, fail, warn
from .forks import lock_of
from .frontend import (
    TRANSPARENT, Method, Reach, Signature, Stage, Substitution, Unwoven, asks_for_errors, check_specs, compile_guards, form_of, held_elsewhere, in_form, nothing_to_check,
    own,
)  # fmt: skip
from .graph.trace import Tracer
from .misses import Clock, Misses
from .named import name_of
from .options import LIMIT, Options, options_of
from .pace import LEAD, REST, Pace
from .paths import OVERGROWN, Node, Tree, Unseen, way_of
from .permits import Gate, front, modes_of
from .reasons import DROP, reasons_of
from .report import Inside
from .runtime.executor import OutOfBounds
from .spec import TensorSpec
from .disabled import switch
from .tensor import StandIn, Tensor
from .tree import flatten, unflatten
from .unreplayed import Unreplayed
from .verify import Verifier, once_only

VARIANT_LIMIT = 8  # traces kept of one signature, for different states of what the function reads
ADMITTED = 8  # calls replayed by Python before the gate is told of a trace; at the 16th, 32nd … again: what it reads may have been replaced
_NEW: Any = object()  # what stands for the result of a call that no trace speaks of yet


def compile(
    function: Callable | None = None,
    *,
    fullgraph: bool = False,
    verify: str | float | None = None,
    specs: Iterable[TensorSpec] | None = None,
    limit: int = LIMIT,
    device: str | None = None,
) -> Any:
    """Compile a function: traced once per signature, then run natively, with the undecorated function's results to the bit.

    Use as `@tj.compile`, `@tj.compile(fullgraph=True)` or `tj.compile(f)`.

    fullgraph: a call that only Python can repeat raises FullGraphError and names the line; without, Python runs at such calls and
      its ops are compiled in segments.
    verify: run the undecorated function too, and compare results, arguments, captures, gradients and generators to the bit: "first",
      the call that traces each signature and the first that replays it; "always", every call; 0.01, that share of them. The caller
      gets eager mode's results. Where they differ, a VerifyWarning names the first operation that does, with its line, both values
      and a script that shows it again; the signature runs eagerly from then on. A function with effects is not run twice.
    specs: the only calls that are taken: one TensorSpec for each array among the arguments, in order; an extent that is None may
      be any. Another call raises SpecsError, which says what differs.
    limit: how many signatures are kept; the least recently used goes first.
    device: where graphs run: "cpu", "cuda", "cuda:1" …; without, where the tensors among the arguments lie. Arrays of the host's are brought
      there at each call, and written back if the function writes them; tensors that lie there are taken as they are. What NumPy code
      computes comes back as NumPy arrays; tensors stay there, but for gradients of the host's tensors; what shows an argument's memory
      lies where that does. Calls that Python runs as they are compute where their arguments lie. Raises DeviceError, for a device that
      does not exist here at the first call.
    """
    options = options_of(fullgraph, verify, specs, limit, device)
    if function is None:
        return functools.partial(compile, **options._asdict())
    if inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        fail(ArgumentError, f"compile() of {function.__name__}, a generator or a coroutine function", "Compile the functions that it calls.")
    if not callable(function):
        fail(ArgumentError, f"compile() of a {type(function).__name__}: {function!r:.60}", "Give a function, a method or a callable object.")
    return Compiled(function, options)


class _Called:
    """What is called lies in each instance, so that it may be native code."""

    __slots__ = ("__call__",)
    __call__: Callable[..., Any]


class Compiled(_Called, Inside):
    """A compiled function. Call it as the function; look inside with `explain`, `graph`, `source` and `plan`."""

    def __init__(self, function: Callable, options: Options = Options(), watched: bool = True) -> None:
        """`watched` False: the function is known to depend on nothing but its arguments, and to have no effects."""
        self.__wrapped__ = function
        self._options, self._watched = options, watched
        functools.update_wrapper(self, function)
        self._signature = Signature(function)
        self._lock = lock_of(self)
        self._gate = Gate(self._ask)
        self.clear()

    def clear(self) -> None:
        """Forget all traces."""
        self._entries: OrderedDict[Any, list[Entry | Tree]] = OrderedDict()
        self.trace_count = 0
        self._hits = self._misses = 0
        self._unreplayed = Unreplayed(self.__wrapped__, self.retrace, self._options)
        self._causes = Misses(self._signature)
        self._gate.clear()
        self.__call__ = self._gate.function
        self._verifier = None if self._options.verify is None else Verifier(self._signature, self._options.verify)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else Method(self, instance)

    def __reduce__(self) -> tuple[Any, ...]:
        return Compiled, (self.__wrapped__, self._options)

    def __deepcopy__(self, memo: dict[int, Any]) -> Compiled:
        return Compiled(self.__wrapped__, self._options)

    def __repr__(self) -> str:
        return f"<compiled {self.__wrapped__!r}>"

    def _ask(self, *args: Any, **kwargs: Any) -> Any:
        """A call that the gate does not let through."""
        if mode.interpreter is not EAGER or switch.off or anomaly.enabled:
            return self.__wrapped__(*args, **kwargs)
        token, leaves = self._signature.flatten(args, kwargs)
        if asks_for_errors() and not all([isinstance(leaf, Tensor) for leaf in leaves]):
            return self.__wrapped__(*args, **kwargs)
        key = token, mode.grad, mode.autocast
        if self._verifier is not None:
            return self._verifier.call(self, args, kwargs, key, leaves)
        return self.answer(args, kwargs, key, leaves)

    def answer(self, args: tuple[Any, ...], kwargs: dict[str, Any], key: Any, leaves: list[Any]) -> Any:
        """The result of a call whose key is known: from a trace that holds, or by tracing it now."""
        pace = self._unreplayed.paces.get(key)
        if pace is not None and pace.rests():
            return self._without_graph(pace, args, kwargs, key, leaves)
        kept = self._entries.get(key, ())
        result = self._recall(kept, args, kwargs, key, leaves)
        if result is not _NEW:
            return result
        if self._options.specs is not None:
            check_specs(self._options.specs, leaves, self._signature.arrays(key[0]))
        with self._lock:
            if self._entries.get(key, ()) is not kept:  # another thread has traced it meanwhile
                result = self._recall(self._entries.get(key, ()), args, kwargs, key, leaves)
                if result is not _NEW:
                    return result
            self._misses += 1
            self.trace_count += 1
            self._causes.note(key, kept, self._hits + self._gate.hits + self._misses)
            return self._trace(args, kwargs, key, leaves, keep=True)

    def find(self, key: Any, leaves: list[Any]) -> Entry | Tree | None:
        """The trace that holds now, if there is one."""
        return next((entry for entry in self._entries.get(key, ()) if entry.holds(leaves)), None)

    def newest(self, key: Any) -> Entry | Tree | None:
        """The trace made last for a key."""
        return next(reversed(self._entries.get(key, [])), None)

    def retrace(self, args: tuple[Any, ...], kwargs: dict[str, Any], key: Any, leaves: list[Any]) -> Any:
        """The result of a call by Python under a tracer, and nothing kept."""
        return self._trace(args, kwargs, key, leaves, keep=False)

    def _recall(self, kept: Sequence[Entry | Tree], args: tuple[Any, ...], kwargs: dict[str, Any], key: Any, leaves: list[Any]) -> Any:
        """The result of a call that one of these traces speaks of; _NEW, if none does."""
        for entry in kept:
            if not entry.holds(leaves):
                continue
            if entry.mode in ("lazy", "python"):
                return self._without_graph(self._unreplayed.met(key, kept), args, kwargs, key, leaves)
            self._keep_longer(key)
            try:
                result = self._paced(entry, args, kwargs, key, leaves)
            except Misfit:
                continue
            except Unseen as unseen:
                return self._go_on(args, kwargs, key, leaves, unseen)
            self._hits += 1
            return result
        return _NEW

    def _paced(self, entry: Entry | Tree, args: tuple[Any, ...], kwargs: dict[str, Any], key: Any, leaves: list[Any]) -> Any:
        """A call that a trace speaks of: replayed, or left to Python where that is faster."""
        pace: Pace | None = entry.pace
        if pace is None:
            return self._replay(entry, args, kwargs, key, leaves)
        pace.skip(1)
        result = pace.run(lambda: self._replay(entry, args, kwargs, key, leaves), lambda: self.__wrapped__(*args, **kwargs))
        self._leave(entry, pace, args, kwargs, key)
        return result

    def _replay(self, entry: Entry | Tree, args: tuple[Any, ...], kwargs: dict[str, Any], key: Any, leaves: list[Any]) -> Any:
        result = self._run(entry, leaves, args, kwargs)
        self._replayed(entry, args, kwargs, key)
        return result

    def _run(self, entry: Entry | Tree, leaves: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        try:
            return entry.run(leaves)
        except LateIndexingError:  # of what was computed before
            raise
        except (OutOfBounds, TracejitError, ValueError):  # raised again where the user stands, with all done that comes before
            return self.__wrapped__(*args, **kwargs)

    def _without_graph(self, pace: Pace, args: tuple[Any, ...], kwargs: dict[str, Any], key: Any, leaves: list[Any]) -> Any:
        """A call that no graph stands for."""
        if not pace.calls & 15:
            self._keep_longer(key)
        self._hits += 1
        result = self._unreplayed.run(pace, args, kwargs, key, leaves)
        self._leave(pace, pace, args, kwargs, key)
        return result

    def _leave(self, what: Any, pace: Pace, args: tuple[Any, ...], kwargs: dict[str, Any], key: Any) -> None:
        """Let the gate leave the calls to Python that are sure to be: those with such arguments; or any, where all others are left so too.

        `what`: whose calls they are."""
        calls = pace.foreseen()
        if not calls or self._verifier is not None or not self._unreplayed.left(key, self._entries.get(key, ())):
            return
        *tokens, _, same = key[0]
        leave = functools.partial(self._gate.leave, what, self.__wrapped__, spelling=self._signature.spelling(args, kwargs), own=modes_of(key))
        if same is not None or not leave(times=calls, tokens=tokens):
            calls = min(calls, max(REST, 2 * pace.calls))
            others = all([self._unreplayed.left(key, kept) for key, kept in list(self._entries.items())])
            if not others or not leave(times=calls, tokens=None):
                return
        pace.skip(calls)
        self.__call__ = self._gate.function

    def _go_on(self, args: tuple[Any, ...], kwargs: dict[str, Any], key: Any, leaves: list[Any], unseen: Unseen) -> Any:
        """Finish a call that has left the paths of its tree, by Python."""
        pace, new = unseen.tree.pace, unseen.keep and unseen.tree.mode != "lazy"
        following = nullcontext() if pace is None else pace.following(new)
        if not new:
            self._hits += 1
            with following:
                return self._trace(args, kwargs, key, leaves, keep=False, unseen=unseen)
        with self._lock, following:
            self._misses += 1
            self.trace_count += 1
            self._causes.note_path(unseen, self._hits + self._gate.hits + self._misses)
            return self._trace(args, kwargs, key, leaves, keep=True, unseen=unseen)

    def _replayed(self, entry: Entry | Tree, args: tuple[Any, ...], kwargs: dict[str, Any], key: Any) -> None:
        """Let further calls like this one through the gate, once there were a few."""
        if isinstance(entry, Tree):
            return
        entry.asked += 1
        *tokens, names, same = key[0]
        if same is not None or entry.asked < ADMITTED or entry.asked & (entry.asked - 1) or not (self._verifier is None or self._verifier.admits(entry)):
            return
        own = (*modes_of(key), (switch, "off", False))
        if entry.device == "cpu":
            self._gate.admit(entry, self._signature.spelling(args, kwargs), tokens, own)
            self.__call__ = self._gate.function
        elif names is None and entry.pace is None:
            self.__call__ = front(self, self._gate.function, self._run, entry, tokens, own) or self.__call__

    # Tracing

    def _trace(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], key: Any, leaves: list[Any], keep: bool, unseen: Unseen | None = None
    ) -> Any:
        try:
            stage = Stage(self.__wrapped__, leaves)
        except Unwoven as reason:
            return self._in_python(args, kwargs, key, str(reason), keep)
        past = None if unseen is None else unseen.past()
        options = self._options
        tracer = Tracer(functools.partial(run, device=options.device), keep=True, past=past, device=options.elsewhere) if keep else self._unreplayed.segments.tracer(past)
        tracer.arguments(stage.handles)
        call = Substitution(*self._signature.bind(args, kwargs), stage.shown)
        mode.interpreter, reach, clock = tracer, None, Clock()
        try:
            with stage:
                if keep and self._watched:
                    with Reach(self.__wrapped__, call.args, call.kwargs) as reach:
                        tracer.onlooker = reach
                        result = stage.function(*call.args, **call.kwargs)
                else:
                    result = stage.function(*call.args, **call.kwargs)
        except BaseException:
            mode.interpreter = EAGER
            tracer.settle()
            call.write_back(own)
            call.forget()
            stage.settle()
            raise
        finally:
            mode.interpreter = EAGER
        self._unreplayed.give_up(key, tracer.limits.too_much)
        seconds = clock.seconds()
        elsewhere = held_elsewhere([result], stage.touched)
        shell = [result] if elsewhere else []
        returned, structure = flatten(result)
        del result
        forms = tuple(map(form_of, returned))
        returned = [v.tensor if isinstance(v, StandIn) else v for v in returned]
        stage.let_go()
        grads = list(tracer.grads.values())
        trace = Trace(returned, structure, stage.handles, grads, tracer.grads_read, forms, [isinstance(leaf, Tensor) for leaf in leaves], elsewhere, options.device)
        try:
            if keep:
                kept = self._keep(key, tracer, reach, trace, stage, unseen)
                if kept.pace is None and not all(trace.tensors) and not options.fullgraph and not options.elsewhere:
                    kept.pace = Pace(kept.mode, LEAD if kept.mode == "graph" else 0.0)  # NumPy is no slow eager mode: replays must be worth it
                self._causes.traced(kept, seconds)
            else:
                tracer.settle()
        finally:
            call.write_back(own)
            shell = call.back(shell, own)  # in a list, for `settle` changes what frames hold nowhere
            call.forget()
            stage.settle()
        return shell[0] if elsewhere else _hand_back(trace, leaves)

    def _in_python(self, args: tuple[Any, ...], kwargs: dict[str, Any], key: Any, reason: str, keep: bool) -> Any:
        """A call of a function whose NumPy code cannot be followed: as it is."""
        if self._options.fullgraph:
            fail(FullGraphError, f"fullgraph=True, but {reason}", f"Write the function in a file, for tensors instead of arrays, or in parts. {DROP}")
        if keep:
            self._remember(key, Entry(nothing_to_check, [reason], in_python=True))
        return self.__wrapped__(*args, **kwargs)

    def _keep(self, key: Any, tracer: Tracer, reach: Reach | None, trace: Trace, stage: Stage, unseen: Unseen | None) -> Entry | Tree:
        """Settle a trace, and keep it: as an entry, or as a path of a tree."""
        if tracer.failed:  # and the function went on: a path that depends on what failed is none for other calls
            tracer.settle()
            return unseen.tree if unseen is not None else Entry(nothing_to_check, ["an operation failed, and the function went on"])
        reasons, history = reasons_of(tracer, reach, stage, trace)
        if self._options.fullgraph and reasons:
            fail(FullGraphError, f"fullgraph=True, but {reasons[0].what}", f"{reasons[0].ways_out} {DROP}")
        assert tracer.flushed is not None
        if unseen is not None and tracer.past is not None and tracer.past.parted:
            unseen.tree.give_up("Python was told the same as before, and went on in another way")
            return unseen.tree
        once = once_only(tracer, reach)
        way = way_of(tracer, reach, trace, reasons, history, 0 if unseen is None else len(unseen.log), self._compile_backward)
        if way is not None and unseen is not None:
            self._grow(unseen, way, once)
            return unseen.tree
        if way is not None:
            return self._remember(key, Tree(way, once))
        entry = Entry(compile_guards(reach.guards if reach is not None else [], tracer.flushed.captures()), [r.what for r in reasons])
        entry.once_only = once
        if history is not None:
            entry.fill(tracer.flushed, trace, history, self._compile_backward)
        return self._remember(key, entry)

    def _grow(self, unseen: Unseen, way: Node, once: str | None) -> None:
        """Add a path to a tree, if it does not have too many."""
        unseen.tree.once_only, unseen.tree.verified = unseen.tree.once_only or once, False
        unseen.lead_to(way)
        reason = unseen.tree.overgrown()
        if reason is not None:
            if self._options.fullgraph:
                fail(FullGraphError, f"fullgraph=True, but {reason}", f"{OVERGROWN} {DROP}")
            unseen.tree.give_up(reason)
            warn(LazyWarning, f"{name_of(self.__wrapped__)} runs in Python from now on, its operations compiled in pieces: {reason}", OVERGROWN)

    def _compile_backward(self, segment: Segment) -> Compiled:
        """A segment's backward pass, compiled. It is a function of its arguments alone, unless it runs code of the user's."""
        return Compiled(segment.pull_back, Options(verify=self._options.verify, device=self._options.device), watched=segment.user_code)

    def _keep_longer(self, key: Any) -> None:
        """A signature was asked for just now, or passed the gate since: those that did not go first."""
        try:
            self._entries.move_to_end(key)
        except KeyError:  # another thread has forgotten it meanwhile
            pass

    def _remember(self, key: Any, entry: Entry | Tree) -> Entry | Tree:
        kept = self._entries[key] = [*self._entries.pop(key, []), entry][-VARIANT_LIMIT:]
        self._unreplayed.keep(key, kept)
        while len(self._entries) > self._options.limit:
            oldest, traces = next(iter(self._entries.items()))
            if self._gate.used([*traces, self._unreplayed.paces.get(oldest)]):
                self._keep_longer(oldest)
            else:
                self._unreplayed.forget(oldest)
                self._entries.pop(oldest, None)
        return entry


TRANSPARENT.add(Compiled)


def _hand_back(trace: Trace, leaves: list[Any]) -> Any:
    """The first call's result: arguments as they came, arrays for arrays."""
    given = {id(h): leaf for h, leaf in zip(trace.handles, leaves)}
    values = [in_form(given.get(id(v), v), form) for v, form in zip(trace.returned, trace.forms)]
    return unflatten(trace.structure, values)
