"""The house: imports only point down, and store and model never meet."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ALLOWED = {
    "store": {"store"},
    "model": {"model"},
    "indexer": {"indexer", "store", "model"},
    "search": {"search", "indexer", "store", "model"},
}
# What ranks knows of the indexer only what reads a clip; the API and the command line put everything together.
COMPOSING = {"library.py", "cli.py", "console.py", "training.py", "tuning.py", "progress.py", "wording.py", "doctor.py"}
COMPOSING |= {"problems.py", "jobs.py", "uploads.py", "warm.py"}  # of the service
COMPOSING |= {"watch.py", "assistant.py"}  # what follows folders, and what serves assistants
FILES = sorted(path for room in ALLOWED for path in (ROOT / room).rglob("*.py"))


def imported(path: Path) -> set[str]:
    modules = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules.add(node.module)
    return modules


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_imports_point_down(path: Path):
    room = path.relative_to(ROOT).parts[0]
    ours = {module for module in imported(path) if module.split(".")[0] in {*ALLOWED, "recipes", "tests"}}
    assert {module.split(".")[0] for module in ours} <= ALLOWED[room]
    if room == "search" and path.name not in COMPOSING and path.parent.name != "commands":
        assert {module for module in ours if module.startswith("indexer")} <= {"indexer.clip", "indexer.film"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_only_the_command_line_prints_or_exits(path: Path):
    if path.name == "cli.py":
        return
    calls = {
        node.func.id
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not calls & {"print", "exit", "quit"}


def test_few_files_know_a_decoder():
    knowing = {path.name for path in FILES if {m.split(".")[0] for m in imported(path)} & {"decord", "av"}}
    assert knowing <= {"child.py", "cut.py", "decode.py", "media.py", "remux.py", "subtitles.py", "doctor.py"}
