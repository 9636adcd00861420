"""NVIDIA's compute-sanitizer finds nothing in programs: no access out of bounds, no read of what was not written, no race, no wrong barrier.

Any other program runs under it as `compute-sanitizer --tool memcheck python program.py`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = shutil.which("compute-sanitizer") or shutil.which("compute-sanitizer", path="/usr/local/cuda/bin")


@pytest.mark.skipif(TOOL is None, reason="compute-sanitizer is not installed: it is part of the CUDA toolkit")
@pytest.mark.parametrize("check", ["memcheck", "initcheck", "racecheck", "synccheck"])
def test_nothing_is_found(check: str) -> None:
    command = [str(TOOL), "--tool", check, "--error-exitcode", "9", sys.executable, str(Path(__file__).with_name("sanitized.py"))]
    run = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]


@pytest.mark.skipif(TOOL is None, reason="compute-sanitizer is not installed: it is part of the CUDA toolkit")
def test_no_op_touches_memory_that_is_not_its_own() -> None:
    command = [str(TOOL), "--error-exitcode", "9", sys.executable, "-m", "pytest", "-q", "-x", str(Path(__file__).with_name("test_ops.py")), "-k", "small"]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
