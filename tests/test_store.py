"""Kernels on disk: a second process compiles nothing; what is damaged is compiled again."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tracejit.__main__ import main
from tracejit.runtime import store

PROGRAM = """
import sys
import numpy as np
import tracejit as tj
from tracejit.backends.native.jit import compiled_count

{limits}
f = tj.compile(lambda x: tj.sin(x * 2).sum(axis=0) + x.max())  # large angles are another function, which the kernel calls
print(f(tj.asarray(np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4))).numpy().tobytes().hex())
print(compiled_count(), "numba" in sys.modules)
"""


def start(directory: Path, limits: str = "") -> subprocess.Popen:
    """The program, begun in a process of its own."""
    environment = {"TRACEJIT_CACHE_DIR": str(directory), "PYTHONPATH": str(Path(__file__).parents[1]), "PATH": ""}
    command = [sys.executable, "-c", PROGRAM.replace("{limits}", limits)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def finished(process: subprocess.Popen) -> tuple[str, int]:
    """(bits of the result, kernels compiled) of a program. Numba is not loaded for either."""
    out, errors = process.communicate()
    assert process.returncode == 0, errors
    bits, counts = out.splitlines()
    count, numba = counts.split()
    assert numba == "False"
    return bits, int(count)


def run(directory: Path, limits: str = "") -> tuple[str, int]:
    return finished(start(directory, limits))


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


def test_what_is_gone_is_compiled_again_and_all_that_calls_it(warm):
    directory, bits = warm
    for file in sorted(directory.glob("*/*.bin")):
        file.unlink()
        again, count = run(directory)
        assert again == bits and 1 <= count <= 3  # a kernel calls a function, which calls another
    assert run(directory) == (bits, 0)


def test_processes_that_begin_at_once_share_a_store(warm, tmp_path):
    processes = [start(tmp_path) for _ in range(4)]
    assert {finished(process)[0] for process in processes} == {warm[1]}
    assert run(tmp_path) == (warm[1], 0)
    assert not [file for file in tmp_path.glob("*/*") if file.suffix not in (".bin", ".py")], "temporary files are left"


FULL = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))"  # no file gets longer, as on a full disk


def test_a_directory_that_cannot_be_written_costs_compiling_only(warm, tmp_path):
    blocked = tmp_path / "a file"
    blocked.write_text("")
    bits, count = run(blocked)
    assert bits == warm[1] and count


def test_a_full_disk_costs_compiling_only_and_leaves_no_half_files(warm, tmp_path):
    for _ in range(2):
        bits, count = run(tmp_path, FULL)
        assert bits == warm[1] and count
    assert not [file for file in tmp_path.glob("*/*") if file.suffix != ".py"]


def test_a_store_that_can_only_be_read_is_read(tmp_path, monkeypatch):
    def refused(*args, **kwargs):
        raise PermissionError("read-only")

    monkeypatch.setenv("TRACEJIT_CACHE_DIR", str(tmp_path))
    known, other = store.key_of("known"), store.key_of("other")
    store.save(known, b"code", "text")
    for module, name in ((tempfile, "mkstemp"), (os, "utime"), (os, "replace"), (os, "unlink")):
        monkeypatch.setattr(module, name, refused)
    assert store.load(known) == b"code"
    store.save(other, b"code", "text")
    assert store.load(other) is None


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
