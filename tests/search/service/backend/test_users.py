"""Users with tokens of their own."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from model.encoder.contract import Encoder
from search.service.backend.users import TokenFile
from tests.support.service import API, problem, serving, tiny_encoder

ANN, TV = "ann-has-a-long-token", "a-screen-in-the-hall"


def written(path: Path, *lines: str, mode: int = 0o600) -> Path:
    path.write_text("\n".join(lines))
    path.chmod(mode)
    return path


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def test_users_have_rights_and_searches_of_their_own(tmp_path: Path) -> None:
    encoder: Encoder = tiny_encoder(tmp_path / "model")
    path = written(tmp_path / "users", "# people", f"ann write {ANN}", "", f"tv  read   {TV}", f"bob write {ANN[::-1]}")
    with serving(
        tmp_path / "library",
        encoder,
        token="the-owner-has-this-one",
        users=TokenFile(path),
        base_url="http://127.0.0.1:8420",
    ) as client:
        saved = f"{API}/searches/dogs"
        assert client.put(saved, json={"query": "dog"}, headers=bearer(ANN)).status_code < 300
        assert client.get(f"{API}/searches", headers=bearer(ANN)).json()["total"] == 1
        for other in (TV, ANN[::-1], "the-owner-has-this-one"):
            assert client.get(f"{API}/searches", headers=bearer(other)).json()["total"] == 0
        problem(client.put(saved, json={"query": "dog"}, headers=bearer(TV)), 403)
        problem(client.post(f"{API}/jobs", json={"targets": ["/v"]}, headers=bearer(ANN)), 403)
        assert client.get(f"{API}/status", headers=bearer(ANN)).json()["local"] is False
        assert client.get(f"/?token={ANN}", follow_redirects=False).status_code == 303
        assert client.get(f"{API}/searches").json()["total"] == 1  # by the cookie
        written(path, f"tv  read   {TV}", "# ann is gone")
        assert client.get(f"{API}/searches").status_code == 401
        assert client.get(f"{API}/searches", headers=bearer(ANN)).status_code == 401
        written(path, "what is this?")
        assert client.get(f"{API}/searches", headers=bearer(TV)).status_code == 200  # the last users stay
        path.unlink()
        assert client.get(f"{API}/searches", headers=bearer(TV)).status_code == 200


def test_digests_may_be_read_by_others(tmp_path: Path) -> None:
    digest = hashlib.sha256(TV.encode()).hexdigest()
    users = TokenFile(written(tmp_path / "users", f"tv read sha256:{digest}", mode=0o644))
    assert (found := users.find(TV)) is not None
    assert (found.name, found.role) == ("tv", "read")
    assert users.find(ANN) is None
    assert users.find("tv-é-\udcff") is None
    assert users.knows("tv", "read")
    assert not users.knows("tv", "write")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["ann write"], "line 1: a user is a name, read or write, and a token"),
        (["", "ann admin " + ANN], "line 2: a user is a name"),
        (["an:n read " + ANN], "a user is a name"),
        (["ann read short"], "at least 16 characters, got 5"),
        ([f"ann read {ANN}", f"ann write {TV}"], "line 2: there are two users ann"),
        ([f"ann read {ANN}", f"bob write {ANN}"], "line 2: another user has the token of bob"),
    ],
)
def test_a_line_that_makes_no_sense_is_told(lines: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        TokenFile(written(tmp_path / "users", *lines))


def test_a_file_of_tokens_that_others_may_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="others may read the tokens"):
        TokenFile(written(tmp_path / "users", f"ann read {ANN}", mode=0o640))
    with pytest.raises(FileNotFoundError):
        TokenFile(tmp_path / "none")
