"""The wheel, installed into an environment of its own, works away from the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

import search
from tests.support.media import render

ROOT = Path(__file__).parents[2]
PACKAGES = ("indexer", "model", "search", "store")

pytestmark = pytest.mark.slow


def pip(*arguments: object) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`videobert` of an environment that has the wheel, and the packages it needs from the environment of the tests."""
    environment = tmp_path_factory.mktemp("environment")
    venv.create(environment, with_pip=False, symlinks=True)
    pip("--python", environment, "install", "--no-deps", "--no-index", wheel)
    (packages,) = environment.glob("lib/python*/site-packages")
    # A path in a .pth file is searched last, and .pth files in it, such as an editable installation's, are not read.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return environment / "bin" / "videobert"


def test_a_wheel_holds_the_packages_and_no_more(wheel: Path):
    names = zipfile.ZipFile(wheel).namelist()
    information = f"videobert_search-{search.__version__}.dist-info"
    assert {name.split("/")[0] for name in names} == {*PACKAGES, information}
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(names)
    tracked = subprocess.run(["git", "ls-files", *PACKAGES], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode == 0:  # also from an unpacked archive
        assert set(tracked.stdout.splitlines()) <= set(names)


def test_an_installed_wheel_indexes_and_searches(program: Path, tmp_path: Path):
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}

    def run(*arguments: object) -> str:
        command = [str(program), *map(str, arguments)]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    code = "import search; print(search.__file__)"
    python = program.with_name("python")
    where = subprocess.run(
        [python, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert Path(where.stdout.strip()).is_relative_to(program.parents[1])

    assert run("--version").strip() == search.__version__
    assert "Usage" in run("--help")
    video = render(tmp_path / "red.mp4", frames=50)
    library = tmp_path / "library"
    run("index", video, "--library", library)
    (moment,) = json.loads(run("search", "a red square", "--library", library, "--json"))
    assert moment["path"] == str(video)
