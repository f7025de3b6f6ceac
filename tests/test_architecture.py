"""The house: imports only point down ORDER, store and model never meet, and no files import each other in a circle."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from search.library import Library

ROOT = Path(__file__).parents[1]
ORDER = """
search search.cli search.service search.service.routes search.service.backend search.training search.evaluation
search.library search.engine search.tasks search.export search.clips search.ranking search.query
indexer indexer.features indexer.workers indexer.text indexer.media store.vectors store.catalog store
model.training model.encoder model.runtime model.network model.registry model
""".split()  # noqa: SIM905 - as it is drawn
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for top in ("search", "indexer", "store", "model")
    for path in sorted((ROOT / top).rglob("*.py"))
}


def folder(module: str) -> str:
    """The folder of ORDER that a file of the house stands in."""
    if FILES[module].name != "__init__.py":
        module = module.rpartition(".")[0]
    while module not in ORDER:
        module = module.rpartition(".")[0]
    return module


def imported(name: str) -> set[str]:
    """The modules that a file imports, now or when it runs."""
    modules = set()
    for node in ast.walk(ast.parse(FILES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are written in full"
            named = {f"{node.module}.{alias.name}" for alias in node.names} - {"search.__version__"}
            modules |= named & FILES.keys() | ({str(node.module)} if named - FILES.keys() else set())
    return modules


@pytest.mark.parametrize("name", FILES)
def test_imports_point_down(name: str):
    here, ours = folder(name), imported(name) & FILES.keys()
    assert not {module for module in ours if ORDER.index(folder(module)) < ORDER.index(here)}
    assert not {module.split(".")[0] for module in imported(name)} & {"recipes", "benchmarks", "tests"}
    if name.startswith("store"):
        assert not {module for module in ours if module.startswith("model")}
    if here in ("search.query", "search.ranking", "search.clips", "search.engine"):
        assert {folder(module) for module in ours if module.startswith("indexer")} <= {"indexer.features"}


@pytest.mark.parametrize("name", FILES)
def test_only_the_command_line_prints_or_exits(name: str):
    if folder(name) == "search.cli":
        return
    calls = {
        node.func.id
        for node in ast.walk(ast.parse(FILES[name].read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not calls & {"print", "exit", "quit"}


def test_no_files_import_each_other_in_a_circle():
    TopologicalSorter({name: imported(name) & FILES.keys() for name in FILES}).prepare()


def test_few_folders_know_a_decoder():
    knowing = {folder(name) for name in FILES if {module.split(".")[0] for module in imported(name)} & {"decord", "av"}}
    assert knowing <= {"search.cli", "indexer.media", "indexer.text", "indexer.workers"}


@pytest.mark.parametrize("name", ["model.registry.registry", "search.library", "indexer.plan", "search.cli"])
def test_light_imports(name: str):
    code = f"import sys, {name}; assert not {{'torch', 'faiss', 'transformers'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_commands_that_only_list_import_little(tmp_path):
    with Library(tmp_path):
        pass
    code = (
        "import sys; from search.cli import app; from search.library import Library\n"
        f"with Library({str(tmp_path)!r}) as held: held.videos(), held.catalog.failures.all(), held.status()\n"
        "assert not {'numpy', 'lark', 'sqlite_utils'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
