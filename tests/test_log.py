"""Logs: what the compiler does, one line each as it happens, and nothing unless asked for."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import tracejit as tj
from tracejit import logs

scale = 2.0


def f(x: Any) -> Any:
    y = tj.exp(x) * scale
    return y + 1 if y.sum() > 0 else y


def lines_of(caplog: pytest.LogCaptureFixture, name: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == f"tracejit.{name}"]


@pytest.fixture
def heard(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    for name in logs.NAMES:
        monkeypatch.setattr(logging.getLogger(f"tracejit.{name}"), "propagate", True)
        caplog.set_level(logging.INFO, f"tracejit.{name}")
    return caplog


def test_a_trace_says_why_and_what_it_became(heard: pytest.LogCaptureFixture) -> None:
    compiled = tj.compile(f)
    compiled(np.ones(3))
    compiled(np.ones(3))
    compiled(np.ones(4))
    first, second = lines_of(heard, "traces")
    assert first.startswith("f: traced in ") and first.endswith("call 1 (the first call): tree")
    assert second.endswith("call 3 (x was an array of shape (3,), dtype float64 and is an array of shape (4,), dtype float64): tree")


def test_a_trace_that_cannot_be_replayed_says_why(heard: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    tj.compile(lambda x: print(x.shape))(tj.ones(2))
    (line,) = lines_of(heard, "traces")
    assert "lazy because line" in line and line.endswith("calls print")


def test_guards_are_told_when_they_are_set_and_when_they_fail(heard: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = tj.compile(f)
    compiled(tj.ones(3))
    monkeypatch.setattr(f"{__name__}.scale", 3.0)
    compiled(tj.ones(3))
    place = "global `scale` of test_log.py was"
    assert lines_of(heard, "guards") == [f"f: guarded: {place} 2.0", f"f: {place} 2.0 and is 3.0", f"f: guarded: {place} 3.0"]


def test_paths_are_told_as_they_are_met(heard: pytest.LogCaptureFixture) -> None:
    compiled = tj.compile(lambda x: x + 1 if x.sum() > 0 else x - 1)
    compiled(tj.ones(3))
    compiled(-tj.ones(3))
    found = lines_of(heard, "paths")
    assert any("what test_log.py:" in line and "is told is False" in line for line in found)


def test_kernels_are_told_whether_compiled_or_loaded(tmp_path: Any) -> None:
    code = "import tracejit as tj; tj.compile(lambda x: x * 3 - 1)(tj.ones(5))"
    environment = {**os.environ, "TRACEJIT_LOG": "kernels", "TRACEJIT_CACHE_DIR": str(tmp_path)}
    told = [subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True).stderr for _ in range(2)]
    compiled, loaded = ([line for line in text.splitlines() if line.startswith("tracejit.kernels: ")] for text in told)
    assert compiled and all(" compiled in " in line for line in compiled)
    assert loaded and all(" loaded from disk in " in line for line in loaded)


def test_the_environment_names_what_is_told(tmp_path: Any) -> None:
    code = "import tracejit as tj; tj.compile(lambda x: x * 3)(tj.ones(5))"
    said = {}
    for asked in ("", "traces", "traces,kernels", "all", "kernel"):
        environment = {**os.environ, "TRACEJIT_LOG": asked, "TRACEJIT_CACHE_DIR": str(tmp_path)}
        text = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True).stderr
        said[asked] = {line.split(":")[0].removeprefix("tracejit.") for line in text.splitlines()}
    assert said[""] == set() and said["traces"] == {"traces"} and said["traces,kernels"] == {"traces", "kernels"} == said["all"]
    assert any("knows no kernel" in line for line in said["kernel"])


def test_nothing_is_told_unless_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    tj.compile(f)(tj.ones(6))
    assert not caplog.records
    assert not any(logging.getLogger(f"tracejit.{name}").isEnabledFor(logging.INFO) for name in logs.NAMES)


def test_calls_that_are_replayed_ask_no_logger(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = tj.compile(f)
    compiled(tj.ones(3))

    def ask(*_: Any) -> None:
        raise AssertionError("a logger was asked")

    for logger in (logs.traces, logs.guards, logs.kernels, logs.paths):
        monkeypatch.setattr(logger, "info", ask)
        monkeypatch.setattr(logger, "isEnabledFor", ask)
    for _ in range(40):
        compiled(tj.ones(3))
