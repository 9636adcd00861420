"""The README's two commands: that they are there, near the top, and are the ones CI runs; and that what it shows runs."""

import linecache
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"<!-- (.+) -->\n```bash\n(.+)\n```", README)
PYTHON_BLOCKS = {
    f"{path.name} {number}": block
    for path in (ROOT / "README.md", ROOT / "docs" / "index.md")
    for number, block in enumerate(re.findall(r"```python\n(.+?)```", path.read_text(), re.DOTALL))
}


def test_two_commands_stand_near_the_top():
    assert [name for name, _ in COMMANDS] == ["main job", "tests"]
    assert README.index(COMMANDS[1][1]) < 1500


def test_the_commands_name_files_and_extras_that_exist():
    pyproject = (ROOT / "pyproject.toml").read_text()
    for _, command in COMMANDS:
        for extra in re.findall(r"\[(\w+)\]", command):
            assert re.search(rf"^{extra} = \[", pyproject, re.MULTILINE), extra
        for path in re.findall(r"python (\S+\.py)", command) + re.findall(r"pytest .*?(\w+)$", command):
            assert (ROOT / path).exists(), path


def test_ci_runs_these_commands():
    printed = subprocess.run([ROOT / ".ci" / "run", "--print"], capture_output=True, text=True, check=True).stdout
    assert printed.splitlines() == [command for _, command in COMMANDS]


@pytest.mark.parametrize("path", [ROOT / "README.md", ROOT / "docs" / "index.md"], ids=lambda p: p.name)
def test_links_lead_somewhere(path):
    text = path.read_text()
    headings = {"#" + re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert links
    for link in links:
        assert link in headings or link.startswith("http") or (path.parent / link).exists(), link


def test_the_code_shown_runs():
    """Blocks of one file share their names, as a reader's session would."""
    for name in ("README.md", "index.md"):
        scope: dict = {}
        for label, block in PYTHON_BLOCKS.items():
            if label.startswith(name):
                linecache.cache[label] = len(block), None, block.splitlines(keepends=True), label  # as a notebook does: functions have their source
                exec(compile(block, label, "exec"), scope)
        assert "step" in scope
