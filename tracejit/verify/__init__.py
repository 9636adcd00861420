"""`verify=`: eager mode beside compiled code, compared to the bit."""

from .culprit import replay
from .snapshot import Snapshot
from .verifier import Verifier, once_only

__all__ = ["Snapshot", "Verifier", "once_only", "replay"]
