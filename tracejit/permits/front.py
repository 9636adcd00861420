"""`front`: what is called in a compiled function's place where calls run on a GPU, whose arrays the native gate does not know.

It is a function of Python's that is written out for one trace: a call with tensors of the layouts that were traced goes straight to its
replay, and any other to `ask`.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations
from types import CodeType
from typing import Any, Callable, Sequence

from ..backend import LARGE
from ..dispatch import EAGER, anomaly, mode
from ..entry import Entry, Misfit
from ..tensor import Tensor
from .table import Own

HISTORY = ("not a{0}._requires_grad", "a{0}._requires_grad and a{0}._application is None", "a{0}._requires_grad and a{0}._application is not None")  # by a key's word


def front(
    owner: Any, ask: Callable[..., Any], replay: Callable[..., Any], entry: Entry, tokens: Sequence[Any], own: Sequence[Own]
) -> Callable[..., Any] | None:
    """What to call instead of `ask(*args, **kwargs)`: calls with arguments by position that have these tokens, and are all tensors of a device, are
    replayed, and counted by the owner; None where a token is of something else. own: what must hold in the thread that calls."""
    if not tokens or not all(type(t) is tuple and t and t[0] is Tensor and len(t) == 5 and type(t[4]) is tuple for t in tokens):
        return None
    numbers = range(len(tokens))
    asked = ["not kwargs", f"len(args) == {len(tokens)}", "mode.interpreter is EAGER", "not anomaly.enabled"]
    asked += [f"own{n}.{name} == wanted{n}" for n, (_, name, _) in enumerate(own)]
    alike = [f"type(a{n}) is Tensor" for n in numbers] + [f"a{n} is not a{k}" for n, k in combinations(numbers, 2)]
    for n, (_, _, _, _, (history, _)) in enumerate(tokens):
        alike += [f"((v{n} := a{n}._value) is known[{n}] or fits(v{n}, {n}))", HISTORY[history].format(n)]
    text = f"""def called(*args, **kwargs):
    if {" and ".join(asked)}:
        {"".join(f"a{n}, " for n in numbers)}= args
        if {" and ".join(alike)} and holds(args):
            try:
                result = replay(entry, args, args, {{}})
                owner._hits += 1
                return result
            except Misfit:
                pass
    return ask(*args, **kwargs)"""
    known: list[Any] = [None] * len(tokens)

    def fits(array: Any, number: int) -> bool:
        _, shape, strides, dtype, (_, device) = tokens[number]
        if getattr(array, "device", None) != device or array.shape != shape or array.strides != strides or array.dtype != dtype:
            return False
        known[number] = array if array.nbytes < LARGE else None  # what is large is not kept alive
        return True

    world = {f"own{n}": owner for n, (owner, _, _) in enumerate(own)} | {f"wanted{n}": wanted for n, (_, _, wanted) in enumerate(own)}
    world |= {
        "mode": mode, "EAGER": EAGER, "anomaly": anomaly, "Tensor": Tensor, "known": known, "fits": fits, "holds": entry.holds,
        "replay": replay, "owner": owner, "entry": entry, "Misfit": Misfit, "ask": ask,
    }  # fmt: skip
    exec(_code(text), world)
    return world["called"]  # type: ignore[no-any-return]


@lru_cache(maxsize=256)
def _code(text: str) -> CodeType:
    return compile(text, "<tracejit front>", "exec")
