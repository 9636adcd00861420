"""Threads change no bit, whoever calls; they survive a fork and the end of the interpreter; small work starts none."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import tracejit as tj
import tracejit.nn.functional as F
from tracejit.backends import schedule
from tracejit.backends.native import threads
from tracejit.backends.native.crew import WEIGHT
from tracejit.backends.cpu import backend
from tracejit.backends.recent import Recent

FUNCTIONS = {
    "one long loop": lambda x: tj.exp(x) * 2 + x,
    "several results": lambda x: (x + 1, x > 0, (x * 100).astype(tj.int16)),
    "rows": lambda x: x[:, 3:] - x[:, :1],
    "columns first": lambda x: x.T + tj.arange(x.shape[0], dtype=x.dtype),
    "sums of rows": lambda x: tj.sum(x, axis=1),
    "sums of columns": lambda x: tj.sum(x, axis=0),
    "a sum of all": lambda x: tj.sum(x * x),
    "largest of rows": lambda x: tj.argmax(x, axis=1),
    "softmax": lambda x: F.softmax(x, -1),
    "layer norm": lambda x: F.layer_norm(x, x.shape[1:]),
    "cross-entropy": lambda x: F.cross_entropy(x, tj.arange(x.shape[0]) % x.shape[1]),
    "a gather": lambda x: x[tj.arange(x.shape[0] - 1, -1, -1)],
    "a put": lambda x: tj.index_add(tj.zeros_like(x), 0, tj.arange(x.shape[0]) % 7, x),
    "products": lambda x: F.relu(x @ x.T) @ x,
    "small products": lambda x: (x[:, :60].reshape(-1, 6, 10) @ x[:, :60].reshape(-1, 10, 6)) @ x[0, :24].reshape(6, 4),
    "half floats": lambda x: x.astype(tj.bfloat16) * 3 + x.astype(tj.float16).astype(tj.bfloat16),
}
SHAPES = [(1000, 65), (3, 20011), (64, 64)]


@pytest.fixture
def small_chunks(monkeypatch):
    """Even small loops are cut, and executables made without that are forgotten."""
    monkeypatch.setattr(schedule, "CHUNK", 10)
    monkeypatch.setattr(backend, "executables", Recent(100))
    monkeypatch.setattr(backend, "one_node", Recent(100))


@pytest.fixture(autouse=True)
def same_number_after():
    before = tj.get_num_threads()
    yield
    tj.set_num_threads(before)


def bits(results) -> list[bytes]:
    return [r.numpy().tobytes() for r in (results if isinstance(results, tuple) else (results,))]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_results_do_not_depend_on_the_number_of_threads(name, shape, small_chunks):
    x = tj.asarray(np.random.default_rng(0).standard_normal(shape).astype(np.float32))
    compiled = tj.compile(FUNCTIONS[name])
    expected = bits(FUNCTIONS[name](x))
    for number in (1, 2, 5):
        tj.set_num_threads(number)
        assert all(bits(compiled(x)) == expected for _ in range(5)), number


def test_every_element_is_computed_once_however_many_call(small_chunks):
    tj.set_num_threads(4)
    callers, calls = 5, 200
    arrays = [np.zeros(5000 + 321 * n, np.int64) for n in range(callers)]

    @tj.compile
    def count(x):
        x += 1

    def call(x):
        for _ in range(calls):
            count(x)

    together = [threading.Thread(target=call, args=(x,)) for x in arrays]
    for thread in together:
        thread.start()
    for thread in together:
        thread.join()
    assert all((x == calls).all() for x in arrays)
    assert threads.started() >= 3


def test_the_number_of_threads_can_be_set_and_asked():
    tj.set_num_threads(3)
    assert tj.get_num_threads() == 3


@pytest.mark.parametrize("number", [0, -1, 2.0, "2", None, True])
def test_what_is_no_number_of_threads_is_refused(number):
    with pytest.raises(tj.ArgumentError, match="1 or more"):
        tj.set_num_threads(number)


# Whole processes

PREPARE = """
import gc, os, signal, sys, threading, multiprocessing
import numpy as np
import tracejit as tj
from tracejit.backends.native import threads
from tracejit.backends.native.crew import WEIGHT

def function(x):
    return tj.exp(x) * 2 + 1

compiled = tj.compile(function)
large = np.linspace(-1, 1, 1_000_000, dtype=np.float32)

def check():
    assert compiled(large).numpy().tobytes() == function(tj.asarray(large)).numpy().tobytes()
"""
PROGRAMS = {
    "small work starts no thread": """
compiled(large[:1000])
assert threads.started() == 0
check()
assert threads.started() == tj.get_num_threads() - 1 == 2
""",
    "small loops start threads once they have done alone what that costs": """
compiled(large[:50_000])
assert threads.started() == 0
for _ in range(16):
    compiled(large[:50_000])
assert threads.started() == 2
""",
    "one thread is none besides the caller's": "tj.set_num_threads(1); check(); assert threads.started() == 0",
    "a fork after use": """
check()
for _ in range(3):
    child = os.fork()
    if not child:
        assert threads.started() == 0
        check()
        assert threads.started() == 2
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    check()
""",
    "forks while another thread is inside": """
check()
stop = False
def work():
    while not stop:
        compiled(large)
other = threading.Thread(target=work)
other.start()
for _ in range(20):
    child = os.fork()
    if not child:
        check()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
stop = True
other.join()
""",
    "forks while another thread compiles": """
stop = False
def work():
    k = 0
    while not stop:
        k += 1
        tj.compile(lambda x: tj.exp(x) * 2 + x[: k % 50 + 1].sum() - x ** (k % 7))(large[:100])
other = threading.Thread(target=work)
other.start()
for n in range(10):
    child = os.fork()
    if not child:
        tj.compile(lambda x: tj.log(x) * n - x[n])(large[:100])
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
stop = True
other.join()
""",
    "a fork while another thread traces the same function": """
tracing, goes_on = threading.Event(), threading.Event()
@tj.compile
def slow(x):
    tracing.set()
    goes_on.wait()
    return x * 2
other = threading.Thread(target=slow, args=(large[:100],))
other.start()
tracing.wait()
assert not gc.isenabled()
child = os.fork()
goes_on.set()
if not child:
    signal.alarm(60)  # rather than to wait for a thread that is not there
    assert gc.isenabled() and slow(large[:100])[0] == -2
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
other.join()
assert gc.isenabled()
""",
    "a pool of processes": """
if __name__ == "__main__":
    check()
    for method in ("fork", "spawn"):
        context = multiprocessing.get_context(method)
        children = [context.Process(target=check) for _ in range(2)]
        for child in children:
            child.start()
        for child in children:
            child.join()
            assert child.exitcode == 0, method
""",
    "the end, with a call under way": """
def work():
    while True:
        compiled(large)
check()
for _ in range(2):
    threading.Thread(target=work, daemon=True).start()
""",
}


def run(program: str, path: Path, number: str = "3") -> subprocess.CompletedProcess:
    file = path / "program.py"
    file.write_text(PREPARE + program)
    environment = {"TRACEJIT_NUM_THREADS": number, "PYTHONPATH": str(Path(__file__).parents[1]), "TRACEJIT_CACHE_DIR": str(path), "PATH": ""}
    return subprocess.run([sys.executable, file], capture_output=True, text=True, env=environment, timeout=300)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("threads")


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_process(name, cache):
    done = run(PROGRAMS[name], cache)
    assert done.returncode == 0, done.stderr
    assert not done.stderr


@pytest.mark.parametrize("number", ["0", "-2", "many", ""])
def test_a_setting_that_is_no_number_says_so(number, cache):
    done = run("tj.get_num_threads()", cache, number)
    assert "TRACEJIT_NUM_THREADS=" in done.stderr and "1 or more" in done.stderr


@pytest.mark.parametrize("turns, cost", [(2, 10**7), (16, 10**6), (1000, 300), (10**6, 1), (64, 99_999)])
def test_a_grain_weighs_what_its_turns_cost(turns, cost):
    grain = schedule.grain_of_turns(turns, cost)
    least, weight = grain % WEIGHT, grain // WEIGHT
    assert least * cost >= schedule.CHUNK and turns >= 2 * least
    assert weight <= least * cost / schedule.CHUNK < weight + 1
