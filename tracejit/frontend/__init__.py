"""What decides whether a cached trace may be replayed: the signature of a call, the guards of a trace, and its effects."""

from .effects import GLOBAL_GENERATORS, Effect
from .errstate import asks_for_errors
from .guards import Guard, compile_guards, nothing_to_check
from .method import Method
from .reach import Reach
from .signature import Signature, Spelling
from .specs import check_specs
from .stage import Stage, form_of, in_form, own
from .substitute import Substitution, held_elsewhere
from .weave import TRANSPARENT, Unwoven

__all__ = [
    "GLOBAL_GENERATORS", "Effect", "Guard", "Method", "Reach", "Signature", "Spelling", "Stage", "Substitution", "TRANSPARENT", "Unwoven", "asks_for_errors", "check_specs",
    "compile_guards",
    "form_of", "held_elsewhere", "in_form", "nothing_to_check", "own",
]  # fmt: skip
