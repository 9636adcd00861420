"""Every example runs, in a process of its own, with small settings; and says what it must."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
SAYS = {
    "digits": ["parameters identical to the last bit: yes", "speed-up", "test accuracy"],
    "quickstart": ["same bits: True · traces: 1", "traces: 1"],
    "custom_function": ["identical to the last bit: True"],
    "convnet": ["identical to the last bit: yes"],
    "transformer": ["traces: 1"],
    "black_scholes": ["result: ndarray float32 (10000,)"],
    "numpy/ocean": ["(published: 1062.53817)", "× · first call"],
    "numpy/waves": ["identical to the last bit: yes"],
    "numpy/bodies": ["identical to the last bit: yes"],
    "numpy/gradients": ["identical to the last bit: yes", "8×8 unknowns"],
    "inspect_kernel": ["── graph ──", "── source ──", "── plan ──", "two calls, traces: 1"],
}
QUICK = {"digits", "convnet", "transformer", "black_scholes", "numpy/ocean", "numpy/waves", "numpy/bodies", "numpy/gradients"}
SHARED = {"digits_data", "numpy/side_by_side"}  # what examples import


def run(name, *arguments, **settings):
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent), "COLUMNS": "200", **settings}
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


def test_every_example_is_here():
    assert {path.relative_to(EXAMPLES).with_suffix("").as_posix() for path in EXAMPLES.rglob("*.py")} - SHARED == set(SAYS)


@pytest.mark.parametrize("name", SAYS)
def test_example(name, tmp_path):
    arguments = ["--quick"] if name in QUICK else []
    picture = tmp_path / "curves.png"
    if name == "digits":
        arguments += ["--out", str(picture)]
    printed = run(name, *arguments)
    for phrase in SAYS[name]:
        assert phrase in printed, printed
    if name == "digits":
        assert picture.read_bytes().startswith(b"\x89PNG") and picture.stat().st_size > 5000


def test_a_transformer_trained_eagerly_has_the_same_bits():
    """The other examples that train compare the two themselves."""
    compiled, eager = run("transformer", "--quick"), run("transformer", "--quick", TRACEJIT_DISABLE="1")
    checksums = [re.search(r"CRC-32: (\w+)", printed)[1] for printed in (compiled, eager)]
    assert "traces: 1" in compiled and "traces: 0" in eager
    assert checksums[0] == checksums[1]
    assert compiled.splitlines()[-1] == eager.splitlines()[-1]  # the text that the model writes


def test_the_digits_are_the_1797_of_the_uci_test_set():
    sys.path.insert(0, str(EXAMPLES))
    try:
        import digits_data
    finally:
        sys.path.pop(0)
    (images, labels), (test_images, test_labels) = digits_data.load()
    assert len(images) + len(test_images) == 1797 and images.shape[1] == 64
    assert images.min() == 0 and images.max() == 1
    assert set(labels.tolist()) == set(test_labels.tolist()) == set(range(10))
