"""Where there is no GPU its tests are skipped, and say why; a simulated one has none but the small ones."""

from __future__ import annotations

from functools import lru_cache

import pytest

from tracejit.backends.cuda.devices import driver_of, simulated
from tracejit.errors import DeviceError


@lru_cache(maxsize=None)
def why_not() -> str | None:
    """Why there is no GPU, in a line."""
    try:
        driver_of(0)
    except DeviceError as error:
        return str(error).partition("\n")[0]
    return None


def pytest_pycollect_makemodule() -> None:
    """No module is read where it would be skipped whole."""
    if reason := why_not():
        pytest.skip(reason, allow_module_level=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if simulated():
        others = [item for item in items if item.path.parent.name == "gpu" and "small" not in item.name]
        config.hook.pytest_deselected(items=others)
        left = set(others)
        items[:] = [item for item in items if item not in left]
