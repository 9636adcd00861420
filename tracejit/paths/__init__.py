"""Replays of functions that ask for values: the paths that their calls take."""

from .grow import way_of
from .tree import OUTCOME_LIMIT, OVERGROWN, PATH_LIMIT, Junction, Leaf, Node, Tree, Unseen

__all__ = ["OUTCOME_LIMIT", "OVERGROWN", "PATH_LIMIT", "Junction", "Leaf", "Node", "Tree", "Unseen", "way_of"]
