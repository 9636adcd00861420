"""What happened in a compiled function, and whether it paid."""

from .inside import Inside
from .report import Held, Report, Step

__all__ = ["Held", "Inside", "Report", "Step"]
