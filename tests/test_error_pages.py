"""docs/errors.md: a section for each error and warning, each with an example that meets it, and the message that is shown there."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pytest

import tracejit as tj
from tracejit import errors

PAGE = (Path(__file__).parents[1] / "docs" / "errors.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))
BASES = {errors.TracejitError, errors.TracejitWarning}


def below(kind: type) -> set[type]:
    """All classes of the library that derive from one."""
    found = {c for c in kind.__subclasses__() if c.__module__.startswith("tracejit.")}
    return found.union(*[below(c) for c in found])


KINDS = {kind.__name__: kind for kind in below(errors.TracejitError) | below(errors.TracejitWarning)}


def test_each_error_has_its_section_and_each_section_its_error() -> None:
    assert set(SECTIONS) == set(KINDS)


def test_the_list_at_the_top_links_to_each_section() -> None:
    listed = re.findall(r"\[(\w+)\]\(#(\w+)\)", PAGE.split("\n## ")[0])
    assert {name for name, _ in listed} == set(SECTIONS)
    assert all(errors.page_of(KINDS[name]) == f"docs/errors.md#{anchor}" for name, anchor in listed)


@pytest.mark.parametrize("name", sorted(KINDS))
def test_errors_are_public(name: str) -> None:
    assert KINDS[name] in (getattr(tj, name, None), getattr(tj.autograd, name, None))


@pytest.mark.parametrize("name", sorted(SECTIONS))
def test_the_example_meets_what_its_section_says(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if not tj.cuda.is_available():
        monkeypatch.setenv("TRACEJIT_CUDA", "simulator")
    kind = KINDS[name]
    example, message = re.findall(r"```(?:python|text)\n(.*?)```", SECTIONS[name], re.DOTALL)
    with warnings.catch_warnings():
        warnings.simplefilter("error", errors.TracejitWarning)
        with pytest.raises(kind) as caught:
            exec(compile(example, "<example>", "exec"), {"tj": tj})
    assert type(caught.value) is kind
    shown = str(caught.value)
    assert shown.startswith(message.strip()), shown
    assert shown.endswith(f"\n  docs/errors.md#{name.lower()}")


@pytest.mark.parametrize("name", sorted(SECTIONS))
def test_a_section_says_what_it_also_is_and_ways_out(name: str) -> None:
    section, kind = SECTIONS[name], KINDS[name]
    also = re.match(r"\nAlso (.*?)\. ", section, re.DOTALL)
    named = {name.rpartition(".")[2] for name in re.findall(r"`([\w.]+)`", also[1])} if also else set()
    assert named == {base.__name__ for base in kind.__bases__} - {base.__name__ for base in BASES}
    assert len(re.findall(r"^- ", section, re.MULTILINE)) >= 2
