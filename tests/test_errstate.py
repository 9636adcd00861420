"""Under `np.errstate` that asks for more than warnings, compiled NumPy code runs in Python: it raises, calls and logs as NumPy does."""

import numpy as np
import pytest

import tracejit as tj
from tracejit.compile import ADMITTED

QUIET = [{}, {"all": "ignore"}, {"divide": "ignore"}, {"all": "warn"}]
LOUD = [{kind: what} for kind in ("divide", "over", "under", "invalid") for what in ("raise", "call", "log", "print")]
OPERANDS = {  # that meet each kind of error
    "divide": (np.ones(8), np.zeros(8)),
    "over": (np.full(8, 1e300), np.full(8, 1e-300)),
    "under": (np.full(8, 1e-300), np.full(8, 1e300)),
    "invalid": (np.zeros(8), np.zeros(8)),
}


def quotient(x, y):
    return x / y


def compiled_quotient(calls):
    function = tj.compile(lambda x, y: x / y)
    for _ in range(calls):
        function(np.ones(8), np.full(8, 2.0))
    return function


class Heard:
    """What `np.errstate(call=…)` calls and writes to."""

    def __init__(self):
        self.told = []

    def __call__(self, kind, flag):
        self.told.append((kind, flag))

    def write(self, text):
        self.told.append(text)


def outcome(function, x, y, settings, capfd):
    """What a call under these settings does: its result, or its error; what is called, logged and printed."""
    heard = Heard()
    try:
        with np.errstate(**settings, call=heard):
            found = function(x, y).tobytes()
    except FloatingPointError as error:
        found = str(error)
    return found, heard.told, capfd.readouterr()


@pytest.mark.parametrize("calls", [0, 1, 2 * ADMITTED])
@pytest.mark.parametrize("settings", LOUD, ids=lambda s: " ".join(*s.items()))
def test_errors_are_numpys(settings, calls, capfd):
    function = compiled_quotient(calls)
    ((kind, _),) = settings.items()
    wanted = outcome(quotient, *OPERANDS[kind], settings, capfd)
    assert outcome(function, *OPERANDS[kind], settings, capfd) == wanted
    assert wanted[1] or "".join(wanted[2]) or "encountered" in str(wanted[0])
    before = function.cache_info().hits
    for _ in range(3):
        function(np.ones(8), np.full(8, 2.0))
    assert function.cache_info().hits >= before + 2  # outside, compiled code runs


@pytest.mark.parametrize("settings", QUIET, ids=str)
def test_quiet_settings_leave_calls_compiled(settings):
    function = compiled_quotient(2 * ADMITTED)
    with np.errstate(**settings):
        before = function.cache_info().hits
        function(np.ones(8), np.full(8, 2.0))
    assert function.cache_info().hits == before + 1


def test_nested_settings_are_those_of_the_innermost():
    function = compiled_quotient(2 * ADMITTED)
    x, y = OPERANDS["divide"]
    with np.errstate(divide="raise"):
        with np.errstate(divide="ignore"):
            assert np.isinf(function(x, y)).all()
        with pytest.raises(FloatingPointError):
            function(x, y)
        with np.errstate(invalid="ignore"), pytest.raises(FloatingPointError):
            function(x, y)
    assert np.isinf(function(x, y)).all()


def test_settings_of_the_thread_count_too():
    function = compiled_quotient(2 * ADMITTED)
    before = np.seterr(divide="raise")
    try:
        with pytest.raises(FloatingPointError):
            function(*OPERANDS["divide"])
    finally:
        np.seterr(**before)
    assert np.isinf(function(*OPERANDS["divide"])).all()


def test_tensors_are_not_asked_about():
    function = compiled_quotient(0)
    x, y = (tj.asarray(a) for a in OPERANDS["divide"])
    for _ in range(2 * ADMITTED):
        with np.errstate(divide="raise"):
            before = function.cache_info().hits
            function(x, tj.ones(8, dtype=tj.float64))
    assert function.cache_info().hits == before + 1
