"""requirements.lock: the versions of constraints.txt, each file of them with its hash."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


def pins(file: str) -> dict[str, str]:
    """Versions by names, in the spelling of package indexes."""
    found = PIN.findall((ROOT / file).read_text(encoding="utf-8"))
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


def test_locked_versions_are_those_that_the_tests_run_with():
    locked, tested = pins("requirements.lock"), pins("constraints.txt")
    assert len(locked) > 40
    assert {name: version for name, version in locked.items() if tested.get(name, version) != version} == {}


def test_every_locked_package_has_hashes():
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)
    assert [entry.split("==")[0] for entry in entries if "==" in entry and "--hash=sha256:" not in entry] == []
