"""What decides whether a cached trace may be replayed: the signature of a call, the guards of a trace, and its effects."""

from .effects import Effect
from .guards import Guard, compile_guards, nothing_to_check
from .reach import Reach
from .signature import Signature, Spelling
from .substitute import Substitution

__all__ = ["Effect", "Guard", "Reach", "Signature", "Spelling", "Substitution", "compile_guards", "nothing_to_check"]
