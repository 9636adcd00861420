"""`Options`: what a person may say to `@compile` beside the function."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from .errors import ArgumentError, fail
from .spec import TensorSpec, as_dtype, check_device

LIMIT = 256  # signatures kept by one function; the least recently used goes first
WHEN = ("first", "always")


class Options(NamedTuple):
    """The switches of one compiled function.

    fullgraph: an error instead of a mode in which Python runs.
    verify: "first", "always", or the share of calls that are run eagerly too and compared; None for none.
    specs: one for each array among the arguments; None where any call is taken.
    limit: the signatures that are kept.
    device: where graphs run; None: where their arrays lie.
    """

    fullgraph: bool = False
    verify: str | float | None = None
    specs: tuple[TensorSpec, ...] | None = None
    limit: int = LIMIT
    device: str | None = None

    @property
    def elsewhere(self) -> str | None:
        """The device that arrays of the host's are brought to, if so."""
        return None if self.device == "cpu" else self.device


def options_of(fullgraph: bool, verify: str | float | None, specs: Iterable[TensorSpec] | None, limit: int, device: Any = None) -> Options:
    """The options, looked over. Raises ArgumentError, and DeviceError for a device that has no such name."""
    share = isinstance(verify, (int, float)) and not isinstance(verify, bool) and 0 < verify <= 1
    if verify is not None and verify not in WHEN and not share:
        fail(ArgumentError, f"compile(verify={verify!r})", 'Give "first", "always", a share of the calls such as 0.01, or None.')
    if not isinstance(limit, int) or limit < 1:
        fail(ArgumentError, f"compile(limit={limit!r})", "Give how many signatures may be kept: an int from 1 on.")
    found = Options(bool(fullgraph), verify, None if specs is None else tuple([_spec(s) for s in _listed(specs)]), limit, device and check_device(device))
    if found.elsewhere and verify is not None:
        met = f"compile(verify={verify!r}, device={device!r}): eager mode computes where the arrays lie, in bits of its own"
        fail(ArgumentError, met, "Leave device out, and give tensors on the device: x.to(device).")
    return found


def _listed(specs: Any) -> Any:
    if isinstance(specs, TensorSpec) or not isinstance(specs, Iterable):
        fail(ArgumentError, f"compile(specs={specs!r:.60})", "Give a list: one tj.TensorSpec for each array among the arguments, in order.")
    return specs


def _spec(given: Any) -> TensorSpec:
    """A spec whose dtype is one of ours, and whose extents are ints or None."""
    if not isinstance(given, TensorSpec) or not all(n is None or isinstance(n, int) and n >= 0 for n in given.shape):
        fail(ArgumentError, f"compile(specs=) with {given!r:.60}", "Give tj.TensorSpec(shape, dtype); an extent that is None may be any.")
    return TensorSpec(tuple(given.shape), as_dtype(given.dtype), given.device)
