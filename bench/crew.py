"""Processes that work for the benchmark, one for each peer: started, asked, and ended when they take too long."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from typing import Any


class Failed(Exception):
    """A peer gave no figure; the text says why."""


class Member:
    """One peer's process, which serves in a module. It is started when it is first asked, and anew after it was ended."""

    def __init__(self, name: str, environment: dict[str, str] | None = None, cores: int | None = None, module: str = "bench.worker") -> None:
        self.name, self._cores, self._module = name, cores, module
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[str] | None = None

    def ask(self, limit: float, **request: Any) -> Any:
        """The answer to a request. Raises Failed when the peer raised, died, or took longer than `limit` seconds."""
        process = self._process or self._start()
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            raise self._died() from None
        if not select.select([process.stdout], [], [], limit)[0]:
            self.end()
            raise Failed(f"over {limit:.0f} s")
        line = process.stdout.readline()
        if not line:
            raise self._died()
        answer = json.loads(line)
        if "error" in answer:
            raise Failed(answer["error"])
        return answer["value"]

    def _start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", self._module, self.name, *([str(self._cores)] if self._cores else [])]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=self._environment,
            start_new_session=True,  # so that the compilers which a library starts end with it
        )  # fmt: skip
        return self._process

    def _died(self) -> Failed:
        assert self._process is not None
        time.sleep(0.1)
        code = self._process.poll()
        self.end()
        return Failed(f"the process ended with {signal.Signals(-code).name if code is not None and code < 0 else code}")

    def end(self) -> None:
        if self._process is not None:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self._process.wait()
            self._process = None
