"""Kernels on disk: a second process compiles nothing; what is damaged is compiled again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tracejit.__main__ import main
from tracejit.runtime import store

PROGRAM = """
import sys
import numpy as np
import tracejit as tj
from tracejit.backends.native.jit import compiled_count

f = tj.compile(lambda x: tj.exp(x * 2).sum(axis=0) + x.max())
print(f(tj.asarray(np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4))).numpy().tobytes().hex())
print(compiled_count(), "numba" in sys.modules)
"""


def run(directory: Path) -> tuple[str, int]:
    """(bits of the result, kernels compiled) of the program in a process of its own. Numba is not loaded for either."""
    environment = {"TRACEJIT_CACHE_DIR": str(directory), "PYTHONPATH": str(Path(__file__).parents[1]), "PATH": ""}
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    bits, counts = done.stdout.splitlines()
    count, numba = counts.split()
    assert numba == "False"
    return bits, int(count)


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    directory = tmp_path_factory.mktemp("kernels")
    bits, count = run(directory)
    assert count >= 2
    return directory, bits


def test_a_process_with_its_kernels_on_disk_compiles_nothing(warm):
    directory, bits = warm
    assert run(directory) == (bits, 0)


DAMAGE = {
    "truncated": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "no pickle": lambda data: b"kernel" * 100,
    "another's pickle": lambda data: b"\x80\x04K\x01.",
    "another's object code": lambda data: data.replace(b"\x7fELF", b"\x7fFLE"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_damaged_is_compiled_again(warm, damage):
    directory, bits = warm
    files = sorted(directory.glob("*/*.bin"))
    for file in files:
        file.write_bytes(DAMAGE[damage](file.read_bytes()))
    assert run(directory) == (bits, len(files))
    assert run(directory) == (bits, 0)


def test_a_directory_that_cannot_be_written_costs_compiling_only(warm, tmp_path):
    blocked = tmp_path / "a file"
    blocked.write_text("")
    bits, count = run(blocked)
    assert bits == warm[1] and count


def test_what_was_used_longest_ago_goes_when_the_store_outgrows_its_limit(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TRACEJIT_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("TRACEJIT_CACHE_LIMIT", "30000")
    keys = [store.key_of(str(k)) for k in range(10)]
    for age, key in enumerate(keys):
        store.save(key, b"x" * 3500, "text")
        os.utime(tmp_path / key[:2] / f"{key}.bin", (age, age))
    store.load(keys[0])
    store.trim()
    left = [key for key in keys if store.load(key) is not None]
    assert left == [keys[0], *keys[-len(left) + 1 :]] and 5 <= len(left) <= 6
    assert all((tmp_path / key[:2] / f"{key}.py").exists() == (key in left) for key in keys)
    main(["cache", "info"])
    assert f"{len(left)} kernels" in capsys.readouterr().out
    main(["cache", "clear"])
    assert f"{len(left)} kernels taken away" in capsys.readouterr().out
    assert store.info()[1:3] == (0, 0)


@pytest.mark.parametrize("arguments", [[], ["cache"], ["cache", "other"]])
def test_the_command_line_says_what_it_takes(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2 and "usage: tracejit" in capsys.readouterr().err
