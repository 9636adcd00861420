"""einsum: values against NumPy, any order of contraction, gradients by finite differences."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradients import check_gradients
from hypothesis import given, settings
from hypothesis import strategies as st
from support import assert_bits_equal

import tracejit as tj
from tracejit.ops.einsum import _plan
from tracejit.tensor import wrap

RNG = np.random.default_rng(3)
CASES = [
    ("i->i", (3,)), ("i->", (3,)), ("ij->ji", (2, 3)), ("ij->i", (2, 3)), ("ba", (2, 3)), ("ii", (3, 3)), ("ii->i", (3, 3)),
    ("iij->j", (3, 3, 2)), ("iii->i", (3, 3, 3)), ("ijij->ji", (2, 3, 2, 3)), ("...ij->...ji", (4, 2, 3)), ("...", (2, 3)),
    ("a...->...", (2, 3, 4)),
    ("i,i", (3,), (3,)), ("i,i->i", (3,), (3,)), ("i,j->ij", (2,), (3,)), ("i,j->ji", (2,), (3,)), ("ij,jk", (2, 3), (3, 4)),
    ("ij,jk->ki", (2, 3), (3, 4)), ("ij,kj->ik", (2, 3), (4, 3)), ("ij,ij->", (2, 3), (2, 3)), ("bij,bjk->bik", (5, 2, 3), (5, 3, 4)),
    ("bij,bkj->bik", (5, 2, 3), (5, 4, 3)), ("bhqd,bhkd->bhqk", (2, 3, 4, 5), (2, 3, 6, 5)),
    ("bqhd,bkhd->bhqk", (2, 4, 3, 5), (2, 6, 3, 5)),
    ("...ij,...jk->...ik", (4, 2, 3), (3, 5)), ("...i,...i", (2, 3), (3,)), ("...,...", (2, 3), (3,)), ("i...,i...->...", (3, 2), (3, 2)),
    ("...a,b...->ab...", (2, 3), (4, 2)), ("ij,k->ik", (2, 3), (4,)), ("ij,jj->i", (2, 3), (3, 3)), ("abc,bad->dc", (2, 3, 4), (3, 2, 5)),
    ("ij,jk,kl->il", (2, 3), (3, 4), (4, 5)), ("i,i,i", (3,), (3,), (3,)), ("ij,ij,ij->ji", (2, 3), (2, 3), (2, 3)),
    ("abcd,ae,bf,cg,dh->efgh", (2, 3, 2, 3), (2, 4), (3, 2), (2, 3), (3, 2)), ("i,j,k->kji", (2,), (3,), (4,)),
    (",i->i", (), (3,)), (",", (), ()),
    ("ij,ij->i", (1, 3), (2, 3)), ("ij,jk->ik", (2, 1), (3, 4)), ("ij,jk->ik", (0, 3), (3, 2)), ("ij,jk->ik", (2, 0), (0, 2)),
    ("aB,Bc->ac", (2, 3), (3, 4)),
    (" i j , j k -> i k ", (2, 3), (3, 4)),
]  # fmt: skip


def arrays_of(shapes: Any, dtype: str) -> list[np.ndarray]:
    if np.dtype(dtype).kind in "iub":
        return [RNG.integers(0, 4, s).astype(dtype) for s in shapes]
    values = [RNG.standard_normal(s) for s in shapes]
    return [np.asarray(v + 1j * RNG.standard_normal(v.shape) if np.dtype(dtype).kind == "c" else v, dtype) for v in values]


def close(found: Any, wanted: Any) -> None:
    found, wanted = found.numpy(), np.asarray(wanted)
    assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
    if found.dtype.kind in "iub":
        np.testing.assert_array_equal(found, wanted)
    else:
        limit = 1e-4 if found.dtype in (np.float32, np.complex64) else 1e-12
        np.testing.assert_allclose(found, wanted, rtol=limit, atol=limit * max(1.0, np.abs(wanted).max(initial=0)))


@pytest.mark.parametrize("case", CASES, ids=lambda c: c[0])
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128", "int64", "int8", "bool"])
def test_einsum_is_numpys(case: Any, dtype: str) -> None:
    subscripts, *shapes = case
    arrays = arrays_of(shapes, dtype)
    wanted = np.einsum(subscripts, *arrays)
    for optimize in (True, False):
        close(tj.einsum(subscripts, *map(wrap, arrays), optimize=optimize), wanted)


def test_numpys_other_form() -> None:
    a, b = arrays_of([(2, 3, 4), (4, 3)], "float64")
    close(tj.einsum(wrap(a), [0, 1, 2], wrap(b), [2, 1], [1, 0]), np.einsum(a, [0, 1, 2], b, [2, 1], [1, 0]))
    close(tj.einsum(wrap(a), [5, 1, 2], wrap(b), [2, 1]), np.einsum(a, [5, 1, 2], b, [2, 1]))
    close(tj.einsum(wrap(a), [..., 0], wrap(b), [0, 1], [1, ...]), np.einsum(a, [..., 0], b, [0, 1], [1, ...]))


def test_operands_promote() -> None:
    a, b = RNG.integers(0, 4, (2, 3)), RNG.standard_normal((3, 4)).astype(np.float32)
    close(tj.einsum("ij,jk", wrap(a), wrap(b)), np.einsum("ij,jk", a, b))
    close(tj.einsum("ij,jk", a, wrap(b)), np.einsum("ij,jk", a, b))
    half = tj.einsum("ij,jk", wrap(b.T.astype(np.float16)), wrap(b.astype(np.float16)))
    assert half.dtype == tj.float16


@st.composite
def contractions(draw: Any) -> tuple[str, list[tuple[int, ...]]]:
    extents = {c: draw(st.integers(1, 3)) for c in "abcde"}
    terms = draw(st.lists(st.lists(st.sampled_from("abcde"), max_size=4), min_size=1, max_size=4))
    used = sorted({c for term in terms for c in term})
    output = draw(st.permutations(draw(st.lists(st.sampled_from(used), unique=True)) if used else []))
    text = ",".join("".join(term) for term in terms) + "->" + "".join(output)
    return text, [tuple(extents[c] for c in term) for term in terms]


@given(contractions())
@settings(max_examples=150, deadline=None)
def test_any_contraction(case: tuple[str, list[tuple[int, ...]]]) -> None:
    subscripts, shapes = case
    arrays = arrays_of(shapes, "float64")
    close(tj.einsum(subscripts, *map(wrap, arrays)), np.einsum(subscripts, *arrays))


def test_the_order_of_contraction_is_searched() -> None:
    """A chain whose cheap order is from the right is not contracted from the left."""
    inputs = (("i", "j"), ("j", "k"), ("k", "l"))
    shapes = ((1000, 1000), (1000, 1000), (1000, 2))
    assert _plan(inputs, None, shapes, True).path[0] == (1, 2)
    assert _plan(inputs, None, shapes, False).path[0] == (0, 1)


# Contractions as people write them: attention, bilinear forms, chains, and networks of four to eleven operands.
NETWORKS = {
    "bhqd,bhkd,bhkv->bhqv": {"b": 4, "h": 2, "q": 32, "k": 16, "d": 8, "v": 8},
    "bi,oij,bj->bo": {"b": 8, "i": 16, "j": 16, "o": 4},
    "ab,bc,cd,de,ef->af": {"a": 10, "b": 100, "c": 20, "d": 80, "e": 30, "f": 50},
    "abc,ai,bj,ck->ijk": {"a": 2, "b": 3, "c": 4, "i": 20, "j": 10, "k": 5},
    "ai,abj,bck,cl->ijkl": {"a": 8, "b": 8, "c": 8, "i": 2, "j": 2, "k": 2, "l": 2},
    "ai,xi,abj,xyj,bck,yzk,cl,zl->": {"a": 8, "b": 8, "c": 8, "x": 8, "y": 8, "z": 8, "i": 4, "j": 4, "k": 4, "l": 4},
    "ab,bcd,def,fg,ah,hci,iej,jg->": {"a": 6, "b": 2, "c": 5, "d": 6, "e": 4, "f": 3, "g": 8, "h": 5, "i": 2, "j": 6},
    "ir,jr,kr,lr,mr,nr->ijklmn": {"i": 3, "j": 3, "k": 3, "l": 3, "m": 3, "n": 3, "r": 4},
    "a,b,c,d,e,f,g,h,i,j,k->a": dict.fromkeys("abcdefghijk", 2),
}


def multiplications(text: str, extents: dict[str, int], path: Any) -> int:
    left, output = text.split("->")
    terms, total = [set(term) for term in left.split(",")], 0
    for step in path:
        chosen = [terms[i] for i in step]
        terms = [t for i, t in enumerate(terms) if i not in step]
        while len(chosen) > 1:
            kept = set(output).union(*terms, *chosen[2:])
            total += int(np.prod([extents[k] for k in chosen[0] | chosen[1]]))
            chosen = [(chosen[0] | chosen[1]) & kept, *chosen[2:]]
        terms.append(chosen[0])
    return total


def shapes_of(text: str) -> list[tuple[int, ...]]:
    return [tuple(NETWORKS[text][k] for k in term) for term in text.split("->")[0].split(",")]


def path_of(text: str, optimize: bool = True) -> Any:
    left, output = text.split("->")
    return _plan(tuple(tuple(term) for term in left.split(",")), tuple(output), tuple(shapes_of(text)), optimize).path


@pytest.mark.parametrize("text", NETWORKS)
def test_networks(text: str) -> None:
    """The order found takes no more multiplications than NumPy's greedy search or the order as written; one order for both modes."""
    arrays = arrays_of(shapes_of(text), "float32")
    close(tj.einsum(text, *map(wrap, arrays)), np.einsum(text, *arrays, optimize=True))
    compiled = tj.compile(lambda *tensors: tj.einsum(text, *tensors))(*map(wrap, arrays))
    assert_bits_equal(compiled, tj.einsum(text, *map(wrap, arrays)))
    found, written = (multiplications(text, NETWORKS[text], path_of(text, optimize)) for optimize in (True, False))
    greedy = np.einsum_path(text, *arrays, optimize=("greedy", 2**62))[0][1:]
    assert found <= min(written, multiplications(text, NETWORKS[text], greedy))


def test_the_order_is_the_same_in_every_process() -> None:
    """Ties are not decided by how Python hashes texts, which differs from process to process."""
    code = "import test_einsum; print([test_einsum.path_of(text) for text in test_einsum.NETWORKS])"
    wanted = str([path_of(text) for text in NETWORKS])
    for seed in "1", "2":
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent, env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == wanted


@pytest.mark.parametrize("case", [c for c in CASES if all(0 not in s for s in c[1:])], ids=lambda c: c[0])
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_gradients(case: Any, dtype: str) -> None:
    subscripts, *shapes = case
    check_gradients(lambda *tensors: tj.einsum(subscripts, *tensors), *arrays_of(shapes, dtype), order=1 if dtype == "complex128" else 2)


ERRORS = {
    "operands": (("ij,jk", (2, 3)), tj.ArgumentError, "names 2"),
    "characters": (("i1->i", (2, 3)), tj.ArgumentError, "Use letters"),
    "two ellipses": (("......->", (2, 3)), tj.ArgumentError, "Use letters"),
    "rank": (("ijk", (2, 3)), tj.ShapeError, "one letter for each axis"),
    "rank below": (("i", (2, 3)), tj.ShapeError, "one letter for each axis"),
    "extents": (("ij,jk", (2, 3), (4, 2)), tj.ShapeError, "of 3 and 4 elements"),
    "strange output": (("ij->ik", (2, 3)), tj.ArgumentError, "must be in an operand"),
    "double output": (("ij->ii", (2, 3)), tj.ArgumentError, "stand there once"),
    "lost ellipsis": (("...i->i", (2, 3)), tj.ArgumentError, 'Write "..."'),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_teach(name: str) -> None:
    (subscripts, *shapes), kind, text = ERRORS[name]
    with pytest.raises(kind, match=text):
        tj.einsum(subscripts, *map(wrap, arrays_of(shapes, "float64")))
