"""Mixed precision under PyTorch's names: `tj.amp.autocast`, `tj.amp.GradScaler`."""

from __future__ import annotations

from .optim.scaler import GradScaler
from .precision import autocast, custom_bwd, custom_fwd, is_autocast_enabled

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd", "is_autocast_enabled"]
