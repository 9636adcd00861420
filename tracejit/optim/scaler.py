"""`GradScaler`: losses are scaled up so that gradients in float16 do not vanish, and steps whose gradients overflow are left out."""

from __future__ import annotations

from typing import Any

from ..autograd.modes import GradMode
from ..dispatch import assign
from ..errors import ArgumentError, DTypeError, StateError, fail
from ..ops.casts import cast, where
from ..ops.create import fill
from ..ops.elementwise import reciprocal
from ..ops.logic import isfinite
from ..ops.reduce import all as all_of
from ..ops.transfer import made_on, on_device
from ..spec import bool_, float16, float32, float64, int32
from ..tensor import Tensor
from .optimizer import Optimizer


class _Found:
    """What is known of an optimiser's gradients since the last `update`: whether one is not finite, and whether its step was made."""

    def __init__(self, overflow: Tensor) -> None:
        self.overflow, self.stepped = overflow, False


class GradScaler:
    """Scales losses, and leaves out the steps whose gradients overflowed; with PyTorch's names and rules.

    scaler.scale(loss).backward(); scaler.step(optimizer); scaler.update(): the scale is multiplied by `backoff_factor` after gradients
    with an infinity or NaN, and by `growth_factor` after `growth_interval` steps without. It is only needed for float16: bfloat16 has
    float32's range.

    device: where the scale is kept at first; it follows the losses. enabled: False makes `scale` the identity, and `step` the optimiser's.

    Scale, count and what was found are tensors, and a step that is left out is one that writes what was there before: in a compiled
    function no value is asked for, so a training step with its scaler is one graph.
    """

    def __init__(
        self, device: Any = None, init_scale: float = 2.0**16, growth_factor: float = 2.0, backoff_factor: float = 0.5,
        growth_interval: int = 2000, enabled: bool = True,
    ) -> None:  # fmt: skip
        if enabled and (growth_factor <= 1 or not 0 < backoff_factor < 1):
            met = f"growth_factor={growth_factor} and backoff_factor={backoff_factor}"
            fail(ArgumentError, met, "Give a growth_factor above 1, and a backoff_factor between 0 and 1.")
        self._growth_factor, self._backoff_factor, self._growth_interval, self._enabled = growth_factor, backoff_factor, growth_interval, enabled
        self._scale = made_on(device if enabled else None, fill, shape=(), dtype=float32, value=float(init_scale))
        self._growth_tracker = made_on(device if enabled else None, fill, shape=(), dtype=int32, value=0)
        self._found: dict[Optimizer, _Found] = {}

    def scale(self, outputs: Any) -> Any:
        """A loss times the scale; of a list or tuple, each."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, (list, tuple)):
            return type(outputs)(map(self.scale, outputs))
        if not isinstance(outputs, Tensor):
            fail(ArgumentError, f"scale() of a {type(outputs).__name__}", "Give a tensor, or a list or tuple of tensors.")
        if outputs.device != self._scale.device:
            self._scale, self._growth_tracker = (on_device(t, outputs.device) for t in (self._scale, self._growth_tracker))
        return outputs * self._scale

    def unscale_(self, optimizer: Optimizer) -> None:
        """Divide the gradients of an optimiser's parameters by the scale, in place: to clip them, say, before `step`.

        Raises StateError the second time before an `update`, DTypeError for gradients in float16.
        """
        if not self._enabled:
            return
        if (known := self._found.get(optimizer)) is not None:
            met = "unscale_() after step()" if known.stepped else "unscale_() twice of one optimiser"
            fail(StateError, f"{met}, with no update() between them", "Call unscale_(optimizer), step(optimizer), then update().")
        overflow: Any = None
        with GradMode(False):
            factor = cast(reciprocal(cast(self._scale, dtype=float64)), dtype=float32)
            for grad in optimizer.gradients():
                if grad.dtype == float16:
                    fail(DTypeError, "gradients in float16, which would vanish unscaled", "Keep the parameters in float32, and compute under tj.autocast.")
                wrong = ~all_of(isfinite(grad))
                overflow = wrong if overflow is None else overflow | wrong
                assign(grad, grad * (factor if grad.dtype == float32 else cast(factor, dtype=grad.dtype)))
        self._found = {**self._found, optimizer: _Found(self._none() if overflow is None else overflow)}

    def step(self, optimizer: Optimizer, *args: Any, **kwargs: Any) -> Any:
        """The optimiser's step, of gradients that are unscaled first, if they are not yet; left out where one is infinite or NaN."""
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if args or kwargs:
            fail(ArgumentError, "a closure given to a scaler's step()", "Call it yourself, and scale its loss.")
        if optimizer not in self._found:
            self.unscale_(optimizer)
        found = self._found[optimizer]
        if found.stepped:
            fail(StateError, "step() twice of one optimiser, with no update() between them", "Call update() after each step.")
        found.stepped = True
        return optimizer.step_unless(found.overflow)

    def update(self, new_scale: Any = None) -> None:
        """Set the scale for the next steps: to `new_scale`, if given, else by what was found since the last update."""
        if not self._enabled:
            return
        scale, tracker = self._scale, self._growth_tracker
        with GradMode(False):
            if new_scale is not None:
                assign(scale, cast(new_scale, dtype=float32) if isinstance(new_scale, Tensor) else self._number(new_scale))
            elif not self._found:
                fail(StateError, "update() of a scaler that saw no gradients", "Call scaler.step(optimizer) first, or give new_scale.")
            else:
                overflow = self._none()
                for found in self._found.values():
                    overflow = overflow | found.overflow
                wide = cast(scale, dtype=float64)
                count = tracker + 1
                full = count == self._growth_interval
                grown = cast(wide * self._growth_factor, dtype=float32)
                kept = where(full & isfinite(grown), grown, scale)
                assign(tracker, where(overflow | full, 0, count))
                assign(scale, where(overflow, cast(wide * self._backoff_factor, dtype=float32), kept))
        self._found = {}

    def _none(self) -> Tensor:
        """That nothing overflowed."""
        return made_on(self._scale.device, fill, shape=(), dtype=bool_, value=False)

    def _number(self, value: float) -> Tensor:
        return made_on(self._scale.device, fill, shape=(), dtype=float32, value=float(value))

    # What is asked and set

    def is_enabled(self) -> bool:
        """Whether it does anything."""
        return self._enabled

    def get_scale(self) -> float:
        """The scale, a Python number: in a compiled function an observation. 1.0 of a scaler that is not enabled."""
        return self._scale.item() if self._enabled else 1.0  # type: ignore[attr-defined]

    def get_growth_factor(self) -> float:
        """What the scale is multiplied by after `growth_interval` steps without overflow."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """See `get_growth_factor`."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """What the scale is multiplied by after an overflow."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """See `get_backoff_factor`."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """How many steps without overflow the scale is multiplied after."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """See `get_growth_interval`."""
        self._growth_interval = new_interval

    def state_dict(self) -> dict[str, Any]:
        """PyTorch's: scale, factors, interval, and the steps without overflow so far, as Python numbers; of one not enabled, nothing."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(), "growth_factor": self._growth_factor, "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval, "_growth_tracker": self._growth_tracker.item(),  # type: ignore[attr-defined]
        }  # fmt: skip

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what `state_dict()` gave, PyTorch's too."""
        if not self._enabled:
            return
        if not state_dict:
            fail(ArgumentError, "the state of a scaler that was not enabled", "Save the state of one that is, or load it into GradScaler(enabled=False).")
        self._growth_factor, self._backoff_factor = state_dict["growth_factor"], state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        with GradMode(False):
            assign(self._scale, self._number(state_dict["scale"]))
            assign(self._growth_tracker, cast(self._number(state_dict["_growth_tracker"]), dtype=int32))
