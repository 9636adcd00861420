"""Settings of all tests."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from tracejit.pace import Pace

MEASURED, FOLLOWING = Pace.run, Pace.following


def _unmeasured(pace, own, plainly, *call):
    return MEASURED(pace, own, plainly, *call) if pace.way == "lazy" else own(*call)


@pytest.fixture(autouse=True, scope="session")
def replays_are_not_measured():
    """What can be replayed is, whatever is faster at the sizes of tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pace, "run", _unmeasured)
        patch.setattr(Pace, "following", lambda pace, new: nullcontext())
        yield


@pytest.fixture
def simulated_gpu(monkeypatch):
    """Device "cuda" is a simulated one."""
    monkeypatch.setenv("TRACEJIT_CUDA", "simulator")
