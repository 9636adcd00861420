"""`.safetensors` files: what is saved comes back to the bit, and only tensors can be in them."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

import tracejit as tj
from tracejit import nn
from tracejit.errors import ArgumentError
from tracejit.spec import DTYPES

ROUND_TRIP = [d for d in DTYPES if d != np.dtype("complex128")]  # the format has no complex128


@pytest.mark.parametrize("dtype", ROUND_TRIP, ids=lambda d: d.name)
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)])
def test_every_dtype_and_shape(tmp_path: Path, dtype: np.dtype, shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).integers(0, 100, shape).astype(dtype)
    nn.save_file({"x": tj.asarray(values)}, tmp_path / "x.safetensors")
    loaded = nn.load_file(tmp_path / "x.safetensors")["x"]
    assert loaded.dtype == dtype and loaded.shape == shape and loaded.numpy().tobytes() == values.tobytes()
    loaded.zero_()  # its memory is its own


@pytest.mark.parametrize("view", [lambda t: t.mT, lambda t: t[::2], lambda t: t[:, 1:], lambda t: t[0].broadcast_to((4, 3))])
def test_views_are_saved_as_what_they_show(tmp_path: Path, view: object) -> None:
    shown = view(tj.asarray(np.arange(12.0).reshape(4, 3)))  # type: ignore[operator]
    nn.save_file({"x": shown}, tmp_path / "x.safetensors")
    assert (nn.load_file(tmp_path / "x.safetensors")["x"].numpy() == shown.numpy()).all()


def test_a_model_comes_back(tmp_path: Path) -> None:
    def make() -> nn.Module:
        return nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 2))

    model, other = make(), make()
    x = tj.asarray(np.random.default_rng(1).standard_normal((5, 1, 4, 4)).astype("float32"))
    model(x)  # moves the running statistics
    nn.save_file(model.state_dict(), tmp_path / "model.safetensors", metadata={"step": "3"})
    assert nn.load_metadata(tmp_path / "model.safetensors") == {"step": "3"}
    other.load_state_dict(nn.load_file(tmp_path / "model.safetensors"))
    assert (model.eval()(x).detach().numpy() == other.eval()(x).detach().numpy()).all()


def test_the_file_is_numbers_only(tmp_path: Path) -> None:
    nn.save_file({"b": tj.ones(2), "a": tj.zeros(3)}, tmp_path / "x.safetensors")
    content = (tmp_path / "x.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    assert set(header) - {"__metadata__"} == {"a", "b"} and len(content) == 8 + length + 5 * 4
    assert nn.load_metadata(tmp_path / "x.safetensors") == {}


def test_shared_parameters(tmp_path: Path) -> None:
    tied = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
    tied[1].weight = tied[0].weight
    nn.save_file(tied.state_dict(), tmp_path / "x.safetensors")
    with tj.no_grad():
        kept = tied[0].weight.numpy().copy()
        tied[0].weight.zero_()
    tied.load_state_dict(nn.load_file(tmp_path / "x.safetensors"))
    assert (tied[1].weight.detach().numpy() == kept).all() and tied[1].weight is tied[0].weight


def test_other_things_are_refused(tmp_path: Path) -> None:
    for wrong in (3.0, [1, 2], {"w": tj.ones(1)}):
        with pytest.raises(ArgumentError, match="'x'"):
            nn.save_file({"x": wrong}, tmp_path / "x.safetensors")  # type: ignore[dict-item]
    with pytest.raises(FileNotFoundError):
        nn.load_file(tmp_path / "absent.safetensors")
