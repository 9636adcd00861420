"""`trying`: the body of a `try`, in woven code. What raises there raises at once, so that the user's handlers see it, and nothing
that stands after it is done before."""

from __future__ import annotations

from typing import Any, Callable

from ...dispatch import mode
from ...graph.trace import Tracer


class trying:
    """A context in which an op that may raise, for the values it is given, is computed at once: an event of the trace."""

    def __enter__(self) -> None:
        self.tracer = mode.interpreter
        if isinstance(self.tracer, Tracer):
            self.before = self.tracer.__dict__.get("apply")
            self.tracer.__dict__["apply"] = _at_once(self.tracer, self.tracer.apply)

    def __exit__(self, *_: Any) -> None:
        if isinstance(self.tracer, Tracer):
            self.tracer.__dict__.pop("apply", None)  # it is gone where the call was left to eager mode meanwhile
            if self.before is not None:
                self.tracer.__dict__["apply"] = self.before


def _at_once(tracer: Tracer, apply: Callable[..., Any]) -> Callable[..., Any]:
    def run(op: Any, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        count = len(tracer.may_raise)
        result = apply(op, args, attrs)
        if len(tracer.may_raise) > count and mode.interpreter is tracer:
            try:
                tracer.host(_nothing, ())
            except Exception:
                tracer.outside("an exception is met in a try")
                raise
        return result

    return run


def _nothing() -> None: ...
