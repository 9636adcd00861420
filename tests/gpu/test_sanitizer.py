"""No kernel reads or writes what is not its own, by the judgement of NVIDIA's `compute-sanitizer`, where that is on the PATH."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = shutil.which("compute-sanitizer")
OPS = Path(__file__).parent / "test_ops.py"


@pytest.mark.skipif(TOOL is None, reason="compute-sanitizer is not on the PATH")
@pytest.mark.parametrize("check", ["memcheck", "racecheck"])
def test_kernels_touch_their_own_memory(check):
    command = [TOOL, "--tool", check, "--error-exitcode", "1", sys.executable, "-m", "pytest", "-q", "-x", str(OPS), "-k", "small"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
