"""`verify=`: eager mode beside compiled code, compared to the bit."""

from .culprit import replay
from .snapshot import Run, Snapshot, like
from .verifier import Verifier, once_only

__all__ = ["Run", "Snapshot", "Verifier", "like", "once_only", "replay"]
