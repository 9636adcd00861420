"""What goes from turn to turn: nested containers of tensors and numbers, whose structure, shapes and dtypes stay as they are."""

from __future__ import annotations

from typing import Any, Sequence

import optree

from ..errors import ArgumentError, DTypeError, ShapeError, fail
from ..ops.convert import as_tensor, beside
from ..tensor import Tensor
from ..tree import flatten, unflatten


class Form:
    """The structure of a tree, and the specs of its tensors. `what` names the tree to the user, `who` the function that gives it."""

    def __init__(self, tree: Any, what: str, who: str) -> None:
        leaves, self.structure = flatten(tree)
        self.what, self.who = what, who
        self.fixed = {n: leaf for n, leaf in enumerate(leaves) if leaf is None}
        self.tensors = [as_tensor(leaf) for n, leaf in enumerate(leaves) if n not in self.fixed]
        self.names = [self._name(path) for n, path in enumerate(optree.treespec_paths(self.structure)) if n not in self.fixed]
        self.count = len(leaves)

    def _name(self, path: Sequence[Any]) -> str:
        return self.what + "".join(f"[{entry!r}]" for entry in path)

    def tree(self, tensors: Sequence[Tensor]) -> Any:
        """The tree of other tensors."""
        each = iter(tensors)
        return unflatten(self.structure, [None if n in self.fixed else next(each) for n in range(self.count)])

    def same(self, tree: Any) -> list[Tensor]:
        """The tensors of a tree that must have this form."""
        leaves, structure = flatten(tree)
        if structure != self.structure or any((leaf is None) != (n in self.fixed) for n, leaf in enumerate(leaves)):
            fail(
                ArgumentError,
                f"{self.who} returned {self.what} of another structure: {_shown(structure)} where {_shown(self.structure)} was",
                f"Return {self.what} with the structure that it came in.",
            )
        given = [leaf for n, leaf in enumerate(leaves) if n not in self.fixed]
        tensors = [beside(leaf, t.dtype) for leaf, t in zip(given, self.tensors)]
        for tensor, first, name in zip(tensors, self.tensors, self.names):
            if tuple(tensor.shape) != tuple(first.shape):
                fail(
                    ShapeError,
                    f"{self.who} changed the shape of {name}: it was {tuple(first.shape)} and is now {tuple(tensor.shape)}",
                    "What goes from turn to turn keeps its shape; begin with that shape, or reduce or reshape it before it is returned.",
                )
            if tensor.dtype != first.dtype:
                fail(
                    DTypeError,
                    f"{self.who} changed the dtype of {name}: it was {first.dtype.name} and is now {tensor.dtype.name}",
                    f"Begin with that dtype (tj.asarray(…, dtype=tj.{tensor.dtype.name})), or return it .astype(tj.{first.dtype.name}).",
                )
        return tensors


def _shown(structure: Any) -> str:
    return str(structure).replace("PyTreeSpec(", "").split(", NoneIsLeaf")[0]
