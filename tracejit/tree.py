"""Nested containers: flatten to leaves and a structure, and back (by optree)."""

from __future__ import annotations

from typing import Any, Callable

import optree

Structure = optree.PyTreeSpec


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """The leaves in order, and the hashable structure around them. `None` is a leaf: it is a value to Python code."""
    return optree.tree_flatten(tree, none_is_leaf=True, namespace="tracejit")


def is_leaf(structure: Structure) -> bool:
    """Whether the structure is that of one leaf alone."""
    return optree.treespec_is_leaf(structure)


def unflatten(structure: Structure, leaves: list[Any]) -> Any:
    return optree.tree_unflatten(structure, leaves)


def map_leaves(fn: Callable[..., Any], tree: Any, *rest: Any) -> Any:
    """`fn` of each leaf (and of the leaves at the same places of `rest`), in the same structure."""
    return optree.tree_map(fn, tree, *rest, none_is_leaf=True, namespace="tracejit")
