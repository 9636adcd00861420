"""`Method`: a compiled function met as an attribute of an object."""

from __future__ import annotations

import functools
from typing import Any

_OF_CALLS = ("explain", "graph", "source", "plan")  # what is asked of a compiled function with a call's arguments
_NAMES = ("__name__", "__qualname__")


class Method(functools.partial):
    """Called with the object in front of the other arguments; so is what looks inside: `model.step.explain(x)`."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") and name not in _NAMES:
            raise AttributeError(f"a compiled method has no attribute {name!r}", name=name, obj=self)
        found = getattr(self.func, name)
        return functools.partial(found, *self.args) if name in _OF_CALLS else found


PARTIALS = (functools.partial, Method)
