"""`specs=`, `limit=`, and the warning that a function is traced again and again."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import numpy as np
import pytest

import tracejit as tj

F32 = tj.float32


def double(x: Any) -> Any:
    return x * 2


def second_of(batch: Any, scale: float = 1.0) -> Any:
    return batch["b"][0] * scale


SPECS = [tj.TensorSpec((None, 4), F32)]
WRONG = {
    "extent": (np.ones((2, 5), np.float32), "x has 5 elements along axis 1, not 4"),
    "rank": (np.ones(4, np.float32), "x has 1 axes, not 2"),
    "dtype": (np.ones((2, 4)), "x has dtype float64, not float32"),
    "number": (3.0, r"1 specs, but this call has 0 arrays \(none\)"),
    "more": ([np.ones((2, 4), np.float32)] * 2, r"1 specs, but this call has 2 arrays \(x\[0\], x\[1\]\)"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_call_that_the_specs_do_not_name_is_an_error_that_says_what_differs(name: str) -> None:
    f = tj.compile(double, specs=SPECS)
    value, message = WRONG[name]
    for _ in range(2):
        with pytest.raises(tj.SpecsError, match=f"(?s){message}.*None for an extent"):
            f(value)
    assert f.trace_count == 0
    for rows in (1, 3):
        assert f(np.ones((rows, 4), np.float32)).tolist() == [[2.0] * 4] * rows


def test_specs_are_those_of_the_arrays_inside_arguments_in_order() -> None:
    f = tj.compile(second_of, specs=[tj.TensorSpec((2,), F32), tj.TensorSpec((), tj.float64)])
    batch = {"a": tj.ones(2), "b": [np.float64(3.0), "text"]}
    assert float(f(batch)) == 3 and float(f(batch, scale=2.0)) == 6
    batch["b"][0] = np.float32(3.0)
    with pytest.raises(tj.SpecsError, match=r"batch\['b'\]\[0\] has dtype float32"):
        f(batch)


@pytest.mark.parametrize("specs", [3, tj.TensorSpec((2,), F32), [(2, 3)], [tj.TensorSpec((-1,), F32)]])
def test_specs_that_are_none_are_an_error(specs: Any) -> None:
    with pytest.raises(tj.ArgumentError, match="TensorSpec"):
        tj.compile(double, specs=specs)


def test_at_most_so_many_signatures_are_kept() -> None:
    f = tj.compile(double, limit=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tj.RetraceWarning)
        for n in (1, 2, 3, 1):
            f(np.ones(n))
    assert f.cache_info().entries == 2 and f.trace_count == 4


@pytest.mark.parametrize("limit", [0, -1, 2.5, "2"])
def test_a_limit_that_is_none_is_an_error(limit: Any) -> None:
    with pytest.raises(tj.ArgumentError, match="limit"):
        tj.compile(double, limit=limit)


def test_the_options_go_with_copies() -> None:
    f = tj.compile(double, specs=SPECS, limit=3)
    for other in (copy.deepcopy(f), pickle.loads(pickle.dumps(f))):
        with pytest.raises(tj.SpecsError):
            other(np.ones(3))


# Traced again and again

scale = 1.0


def scaled(x: Any) -> Any:
    return x * scale


def test_one_warning_names_the_argument_that_keeps_changing() -> None:
    f = tj.compile(lambda x, options: x * options["scale"])
    with pytest.warns(tj.RetraceWarning, match=r"5 times within 10 calls, because of options\['scale'\]: it was 3.0 and is 4.0") as caught:
        for k in range(12):
            f(np.ones(3), {"scale": float(k), "other": 0})
    assert len(caught) == 1 and caught[0].filename == __file__


def test_one_warning_names_the_global_that_keeps_changing(monkeypatch: pytest.MonkeyPatch) -> None:
    f = tj.compile(scaled)
    with pytest.warns(tj.RetraceWarning, match="because of global `scale`"):
        for k in range(8):
            monkeypatch.setattr(f"{__name__}.scale", float(k))
            f(np.ones(3))


def test_a_few_signatures_are_no_reason_to_warn() -> None:
    f = tj.compile(double)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for n in range(1, 9):
            for _ in range(1 if n < 3 else 4):
                f(np.ones(n))
