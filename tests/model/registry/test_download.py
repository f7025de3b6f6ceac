"""The table of models, fetching from a hub on this machine, locks, and what is said where there is no network."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torchvision import models as torchvision_models
from typer.testing import CliRunner

from model.encoder.load import load
from model.registry import download as fetch
from model.registry import lock, registry
from search.cli.app import app
from tests.support.hub import COMMIT, served
from tests.support.towers import save_towers


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VIDEOBERT_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    return tmp_path / "models"


@pytest.fixture
def clip(tmp_path: Path) -> dict[str, bytes]:
    saved = save_towers("clip", tmp_path)
    files = {path.name: path.read_bytes() for path in saved.iterdir()}
    return files | {"flax_model.msgpack": b"not wanted", "README.md": b"a card"}


def run(*arguments: str):
    return CliRunner().invoke(app, ["models", *arguments])


def point_to(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
    monkeypatch.setattr(
        "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}"
    )


def test_the_table_is_whole():
    assert registry.DEFAULT_MODEL in registry.entries()
    for entry in registry.entries().values():
        assert entry.summary
        assert entry.licence
        assert bool(entry.repo) + bool(entry.url) + entry.bundled + bool(entry.package) == 1
        assert bool(entry.package) == bool(entry.sha256)
        assert entry.bundled or entry.size_mb > 0
        assert all(not registry.entry(name).bundled for name in entry.needs)
    with pytest.raises(ValueError, match="no model 'clop'; there are videobert-mini, "):
        registry.entry("clop")


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("s3d-kinetics400", torchvision_models.video.S3D_Weights.KINETICS400_V1),
        ("mobilenet-v3-imagenet", torchvision_models.MobileNet_V3_Large_Weights.IMAGENET1K_V2),
        ("resnet50-imagenet", torchvision_models.ResNet50_Weights.IMAGENET1K_V2),
    ],
)
def test_files_of_torchvision_are_those_of_its_own_table(name, weights):
    entry = registry.entry(name)
    assert entry.url == weights.url
    assert entry.size_mb == pytest.approx(weights.meta["_file_size"], abs=0.6)


def test_a_model_of_the_hub_is_fetched_pinned_and_loaded_by_name(clip, folder: Path, monkeypatch):
    with served({"openai/clip-vit-base-patch32": clip}) as (address, requested):
        point_to(monkeypatch, address)
        done = run("fetch", "clip-vit-b32")
    assert done.exit_code == 0, done.output
    assert done.stdout == f"Fetched clip-vit-b32 into {folder / 'clip-vit-b32'} and pinned it there.\n"
    assert not any("msgpack" in path or "README" in path for path in requested)
    pinned = lock.read(folder / "clip-vit-b32")
    assert (pinned["source"], pinned["revision"]) == ("openai/clip-vit-base-patch32", COMMIT)
    assert pinned["licence"] == "apache-2.0"
    expected = {
        name: hashlib.sha256(content).hexdigest()
        for name, content in clip.items()
        if name.endswith(("json", "safetensors"))
    }
    assert {name: file["sha256"] for name, file in pinned["files"].items()} == expected
    assert sorted(path.name for path in (folder / "clip-vit-b32").iterdir()) == sorted([*expected, "lock.json"])
    encoder = load("clip-vit-b32")
    assert (encoder.name, encoder.tier) == ("clip-vit-b32", "fetched, pinned")
    assert encoder.embed_text(["a dog"]).shape == (1, 20)
    again = run("fetch", "clip-vit-b32")
    assert again.exit_code == 0
    assert "is here already" in again.stdout
    shown = run("show", "clip-vit-b32").stdout
    assert COMMIT in shown
    assert expected["model.safetensors"] in shown
    listed = {row["name"]: row["here"] for row in json.loads(run("list", "--json").stdout)}
    assert listed["clip-vit-b32"]
    assert not listed["siglip2-base"]
    assert run("remove", "clip-vit-b32").exit_code == 0
    assert not (folder / "clip-vit-b32").exists()
    assert run("remove", "clip-vit-b32").exit_code == 1


def test_a_revision_can_be_chosen(clip, folder: Path, monkeypatch):
    with served({"openai/clip-vit-base-patch32": clip}) as (address, requested):
        point_to(monkeypatch, address)
        assert run("fetch", "clip-vit-b32", "--revision", "v1.0").exit_code == 0
    assert any(path.startswith("/api/models/openai/clip-vit-base-patch32/revision/v1.0") for path in requested)
    assert all(f"/resolve/{COMMIT}/" in path for path in requested if "/resolve/" in path)


def test_pickled_weights_become_safetensors(clip, folder: Path, monkeypatch, tmp_path: Path):
    weights = load_file(tmp_path / "clip" / "model.safetensors")
    pickled = io.BytesIO()
    torch.save(weights, pickled)
    files = {name: content for name, content in clip.items() if name != "model.safetensors"}
    with served({"openai/clip-vit-base-patch32": files | {"pytorch_model.bin": pickled.getvalue()}}) as (address, _):
        point_to(monkeypatch, address)
        fetch.fetch(registry.entry("clip-vit-b32"))
    assert not (folder / "clip-vit-b32" / "pytorch_model.bin").exists()
    pictures = np.zeros((1, 3, 32, 32), np.uint8)
    expected = load(tmp_path / "clip").features(pictures)
    np.testing.assert_array_equal(load("clip-vit-b32").features(pictures), expected)


def test_bytes_other_than_promised_are_not_used(clip, folder: Path, monkeypatch):
    with served({"openai/clip-vit-base-patch32": clip}) as (address, _):
        point_to(monkeypatch, address)
        with monkeypatch.context() as patch:
            patch.setattr("tests.support.hub.hashlib.sha256", lambda content: hashlib.blake2s(content))
            done = run("fetch", "clip-vit-b32")
        assert done.exit_code == 1
        assert "model.safetensors is not the file of SHA-256" in done.stderr
        assert not registry.entry("clip-vit-b32").here
        assert run("fetch", "clip-vit-b32").exit_code == 0  # goes on with what is there
    assert registry.entry("clip-vit-b32").here


def test_a_repository_without_weights_is_refused(clip, monkeypatch):
    files = {name: content for name, content in clip.items() if name != "model.safetensors"}
    with served({"openai/clip-vit-base-patch32": files}) as (address, _):
        point_to(monkeypatch, address)
        with pytest.raises(fetch.FetchFailed, match=r"holds neither model\.safetensors nor pytorch_model\.bin"):
            fetch.fetch(registry.entry("clip-vit-b32"))


def test_a_file_of_torchvision_is_checked_by_its_name(folder: Path):
    pickled = io.BytesIO()
    torch.save({"features.0.weight": torch.ones(2)}, pickled)
    content = pickled.getvalue()
    name = f"tiny-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    with served({name: {name: content}, "tiny-00000000.pth": {"": content}}) as (address, _):
        known = replace(registry.entry("s3d-kinetics400"), url=f"{address}/files/{name}")
        assert fetch.fetch(known) == folder / "s3d-kinetics400"
        assert load_file(folder / "s3d-kinetics400" / "model.safetensors")["features.0.weight"].tolist() == [1, 1]
        assert set(lock.pinned(folder / "s3d-kinetics400")) == {"model.safetensors", "config.json"}
        shutil.rmtree(folder)
        with pytest.raises(fetch.FetchFailed, match="invalid hash value"):
            fetch.fetch(replace(known, url=f"{address}/files/tiny-00000000.pth"))
    with pytest.raises(ValueError, match="one file of torchvision and has no revisions, got 'main'"):
        fetch.fetch(known, revision="main")


def test_a_file_that_changed_since_it_was_fetched_is_noticed(clip, folder: Path, monkeypatch):
    with served({"openai/clip-vit-base-patch32": clip}) as (address, _):
        point_to(monkeypatch, address)
        fetch.fetch(registry.entry("clip-vit-b32"))
    weights = folder / "clip-vit-b32" / "model.safetensors"
    save_file({name: tensor * 2 for name, tensor in load_file(weights).items()}, weights, metadata={"format": "pt"})
    (folder / "clip-vit-b32" / "extra.json").write_text("{}")
    with pytest.raises(ValueError, match=r"extra\.json, model\.safetensors differs from lock\.json"):
        load("clip-vit-b32")


def test_without_a_network_it_says_what_to_do(folder: Path, monkeypatch):
    with pytest.raises(registry.NotFetched, match="`videobert models fetch siglip2-base` downloads it"):
        load("siglip2-base")
    point_to(monkeypatch, "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    done = run("fetch", "siglip2-base")
    assert done.exit_code == 1
    assert "siglip2-base could not be fetched; run the same command again to resume" in done.stderr
    assert not registry.entry("siglip2-base").here


def test_what_comes_with_the_program_stays():
    for command in ("fetch", "remove"):
        done = run(command, "videobert-mini")
        assert done.exit_code == 1
        assert "comes with the program" in done.stderr
    assert "nothing to fetch; it needs siglip2-base" in run("fetch", "videobert-over-siglip2").stderr
    with pytest.raises(ValueError, match="a configuration to train with, not a model to load"):
        load("videobert-paper")
    with pytest.raises(FileNotFoundError, match="neither the name of one"):
        load("nowhere")


def test_the_list_is_for_people():
    lines = run("list").stdout.splitlines()
    assert len(lines) >= 1 + len(registry.entries())
    assert any(line.startswith("videobert-mini") and " yes " in line for line in lines)
    assert any(line.startswith("siglip2-base") and " no " in line for line in lines)
    assert "Apache-2.0" in run("show", "siglip2-base").stdout


def test_a_model_of_speech_is_fetched_pinned_and_checked(folder: Path, monkeypatch: pytest.MonkeyPatch):
    known = registry.entry("whisper-tiny")
    files = {name: name.encode() for name in ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt")}
    with served({known.repo: files | {"README.md": b"a card"}}) as (address, _):
        point_to(monkeypatch, address)
        assert run("fetch", known.name).exit_code == 0
    assert {path.name for path in (folder / known.name).iterdir()} == {*files, lock.LOCK_FILE}
    known.verify()
    (folder / known.name / "model.bin").write_bytes(b"others")
    with pytest.raises(ValueError, match=r"model\.bin"):
        known.verify()
