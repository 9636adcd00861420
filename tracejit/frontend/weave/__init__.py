"""Woven functions: the user's own code, with hooks by which a trace meets the arrays it comes upon and what it calls."""

from .hooks import TRANSPARENT, callee, root
from .source import Unwoven
from .twin import original_of

__all__ = ["TRANSPARENT", "Unwoven", "callee", "original_of", "root"]
