"""Settings of all tests."""

from __future__ import annotations

import pytest

from tracejit.pace import Pace

MEASURED = Pace.run


def _unmeasured(pace, own, plainly, *call):
    return MEASURED(pace, own, plainly, *call) if pace.way == "lazy" else own(*call)


@pytest.fixture(autouse=True, scope="session")
def replays_are_not_measured():
    """What can be replayed is, whatever is faster at the sizes of tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pace, "run", _unmeasured)
        yield
