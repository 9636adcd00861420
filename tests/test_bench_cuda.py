"""`python -m bench cuda` without a GPU: its rows compute what they say, on a simulated one, and figures become what is told of them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import cuda, cuda_peers, cuda_tasks, cuda_worker
from bench.cpu import Cell, Row
from bench.cuda_peers import Repeated
from bench.workload import Target
from tracejit.errors import DeviceError, fail

ROOT = Path(__file__).parent.parent
LONG = ("Black", "ocean", "training step: conv", "training step: trans", "layer norm, with", "cross-entropy, with")  # a simulated GPU takes long
DISTINCT = [row for row in cuda.unlike(cuda_tasks.WORKLOADS) if row.dtype != "bfloat16" and not row.name.startswith(LONG)]


@pytest.mark.parametrize("row", DISTINCT, ids=lambda row: row.name)
@pytest.mark.usefixtures("simulated_gpu")
def test_compiled_rows_have_the_bits_of_eager_ones(row):
    results = {}
    for name in ("eager", "compiled"):
        session = cuda_worker.Session(name)
        answer = session.prepare(row.name, tiny=True)
        if "absent" not in answer:
            results[name] = answer["results"]
            assert session.turn(row.clock, 1) > 0 and answer["first"] > 0 and answer["bytes"] > 0
    assert "compiled" in results and all(found == results["compiled"] for found in results.values())


def test_rows_are_told_apart():
    assert len(cuda_tasks.ROWS_BY_NAME) == len(cuda_tasks.WORKLOADS)
    assert [row.group for row in cuda.in_turns(cuda_tasks.WORKLOADS)[:7]] == list(dict.fromkeys(row.group for row in cuda_tasks.WORKLOADS))


def test_a_large_array_is_a_small_one_repeated():
    x, w = cuda_tasks.repeated(cuda_tasks.normal, cuda_tasks.weights)("float32", 1 << 12, 1 << 15)
    assert x.nbytes == 4 << 27 and x.array.nbytes == 4 * cuda_tasks.DRAWN and w.array.shape == (1 << 15,)
    device = cuda_peers.Device(cuda_peers.Peer("NumPy", "numpy", np), "", 0, lambda _: None, lambda x: x, lambda _: lambda: None)
    np.testing.assert_array_equal(device.array(Repeated(np.arange(4).reshape(2, 2), 2)), [[0, 1], [2, 3]] * 2)


class Told:
    """A process that answers as it is told, and notes what it was asked."""

    def __init__(self, name: str, result: float, seconds: float = 1.0) -> None:
        self.name, self.seconds, self.asked = name, seconds, list[str]()
        self.result = {"dtype": "float32", "shape": [1], "sample": [result]}

    def ask(self, limit: float, do: str, **_: Any) -> Any:
        self.asked.append(do)
        if do == "prepare":
            return {"first": 2.0, "once": 1.0, "elements": 1, "bytes": 8, "results": [self.result]}
        return self.seconds


def measured(*members: Told) -> Row:
    row = replace(cuda_tasks.ELEMENTWISE[0], target=Target(1.0, "torch.compile", 0.5))
    return cuda.measure(row, cuda.Crew(list(members)), 4, float("inf"), 1.0, tiny=False)


def test_who_computes_something_else_is_not_timed():
    wrong, right = Told("JAX", 2.0), Told("torch", 1.0)
    row = measured(wrong, Told("compiled", 1.0), Told("eager", 1.0), right)
    assert row.cells["JAX"].note.startswith("WRONG, unlike torch") and "turn" not in wrong.asked
    assert right.asked == ["prepare", *["turn"] * 4, "forget"] and row.cells["torch"].rounds == [1.0] * 4
    assert "WRONG" in cuda.line(cuda.entry(row, {4: 1.0}))


def test_compiled_has_the_bits_of_eager_or_is_wrong():
    row = measured(Told("compiled", 1.00001), Told("eager", 1.0))
    assert row.cells["compiled"].note == "WRONG, unlike eager: other bits" and row.cells["eager"].rounds


def test_a_row_is_judged_by_a_copy_of_as_many_bytes():
    row = measured(Told("compiled", 1.0, 4.0), Told("torch.compile", 1.0, 8.0))
    found = cuda.entry(row, {2: 1.0, 4: 3.0, 8: 5.0})
    assert (found["share"], found["target"]["reached"], found["met"]) == (0.75, 2.0, True)
    assert [cuda.copying(moved, {2: 1.0, 4: 3.0}) for moved in (4, 6, 8, 16)] == [1.0, 2.0, 3.0, 6.0]
    assert found["bandwidth"] == {"compiled": 2.0, "torch.compile": 1.0} and found["cells"]["compiled"]["first"] == 2.0


def test_the_hosts_time_has_a_target_in_seconds():
    row = Row(cuda_tasks.LAUNCH[0], {"compiled": Cell([4e-6])})
    assert cuda.entry(row, {})["met"] and not cuda.entry(replace(row, cells={"compiled": Cell([6e-6])}), {})["met"]
    assert "at most 5 µs" in cuda.line(cuda.entry(row, {}))


def test_a_run_keeps_its_time():
    rows = cuda_tasks.WORKLOADS[:2]
    crew = cuda.Crew([], {"compiled": {"capacity": 1 << 40}})
    assert list(cuda.run(rows, crew, 1, -1.0)) == [] and len(list(cuda.run(rows, crew, 1, 5.0))) == 2
    crew.members = [Told("compiled", 1.0)]
    crew.about["compiled"]["capacity"] = 8
    assert [row.cells["compiled"].note for row in cuda.run(rows[:1], crew, 1, 5.0)] == ["no room on this GPU"]


def test_a_simulated_gpu_gives_no_figures(monkeypatch):
    monkeypatch.setenv("TRACEJIT_CUDA", "simulator")
    before = sorted((ROOT / "bench" / "results").iterdir())
    done = subprocess.run([sys.executable, "-m", "bench", "cuda", "--quick", "--only", "launch", "a·b + c"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.endswith("none is kept.\n") and "a·b + c, 10⁶, f32" in done.stdout, done.stdout + done.stderr
    assert sorted((ROOT / "bench" / "results").iterdir()) == before


def test_where_there_is_no_gpu_a_line_says_what_is_missing(monkeypatch):
    def absent(number: int) -> Any:
        fail(DeviceError, "no CUDA device was found", "Look for one.")

    monkeypatch.setattr(cuda, "driver_of", absent)
    assert cuda.what_is_missing() == "no CUDA device was found"
