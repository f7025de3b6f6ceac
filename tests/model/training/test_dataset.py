"""Captions files, batches, and what is masked in them."""

import json
import random

import numpy as np
import torch

from model.training.dataset import Batch, CaptionedSet, Example, Sampling, read_captions
from model.training.objectives import choose, mask_words


def test_captions_with_bad_rows(tmp_path):
    rows = [
        '{"media": "a.mp4", "captions": ["a dog", " "], "start": 1, "end": 2.5}',
        "not json",
        '{"media": "b.jpg", "label": "cat"}',
        '{"captions": ["no media"]}',
        '{"media": "c.jpg"}',
        "",
        '{"media": "d.jpg", "captions": "a string"}',
        '{"media": "e.jpg", "label": "cat", "beliefs": {"tabby": 3, "lynx": 1, "dog": 0}}',
        '{"media": "f.jpg", "label": "cat", "beliefs": ["tabby"]}',
        '{"media": "g.jpg", "label": "cat", "beliefs": {"tabby": -0.1}}',
    ]
    path = tmp_path / "captions.jsonl"
    path.write_text("\n".join(rows))
    good, problems = read_captions(path)
    assert [(row.media, row.captions, row.label, row.start, row.end) for row in good] == [
        ("a.mp4", ("a dog",), "", 1.0, 2.5),
        ("b.jpg", (), "cat", None, None),
        ("e.jpg", (), "cat", None, None),
    ]
    assert [problem.split(":")[1] for problem in problems] == ["2", "4", "5", "7", "9", "10"]
    assert [row.soft_labels for row in good] == [{}, {}, {"tabby": 0.75, "lynx": 0.25}]


def example(i: int, **kwargs) -> Example:
    features = np.full((3, 4), i, np.float16) + np.arange(3, dtype=np.float16)[:, None] / 8
    return Example(features, **kwargs)


def drawn(examples: list[Example], **sampling: object) -> Batch:
    options = Sampling(**({"max_frames": 2} | sampling))
    return CaptionedSet(examples).batch(range(len(examples)), rng=random.Random(0), sampling=options)


def test_an_epoch_is_a_shuffle_of_its_own():
    examples = CaptionedSet([example(i, captions=("x",)) for i in range(20)])
    first, second = examples.order(seed=0, epoch=0), examples.order(seed=0, epoch=1)
    assert sorted(first) == sorted(second) == list(range(20))
    assert first != second
    assert first == examples.order(seed=0, epoch=0)
    assert first != examples.order(seed=1, epoch=0)


def test_batches_keep_rows_together():
    examples = [example(i, captions=(f"{i} one", f"{i} two")) for i in range(10)]
    batch = drawn(examples, right_subtitles=1.0, wrong_subtitles=0.0)
    assert batch.same.tolist() == np.eye(10, dtype=bool).tolist()
    for row, query in enumerate(batch.queries):
        assert int(query.split()[0]) == row
        assert int(batch.subtitles[row].split()[0]) == row
        assert batch.subtitles[row] != query
        frames = batch.features[row][batch.frame_mask[row]]
        assert 1 <= len(frames) <= 2
        assert (frames.astype(int) == row).all()
        assert (np.diff(frames[:, 0]) >= 0).all()  # in the order of time
    assert {len(row[mask]) for row, mask in zip(batch.features, batch.frame_mask, strict=True)} == {1, 2}


def test_wrong_and_missing_subtitles_come_in_the_asked_shares():
    examples = [example(i, captions=(f"{i} one", f"{i} two")) for i in range(200)]
    batch = drawn(examples, right_subtitles=0.5, wrong_subtitles=0.2)
    missing = sum(not subtitle for subtitle in batch.subtitles)
    right = sum(s.split()[:1] == q.split()[:1] for s, q in zip(batch.subtitles, batch.queries, strict=True))
    assert 40 <= missing <= 80
    assert 80 <= right <= 120


def test_beliefs_stand_in_the_columns_of_their_names():
    examples = [
        example(0, captions=("x",), soft_labels={"tabby": 0.75, "lynx": 0.25}),
        example(1, captions=("y",)),
        example(2, captions=("z",), soft_labels={"dog": 1.0}),
    ]
    of = CaptionedSet(examples)
    assert of.names == ["dog", "lynx", "tabby"]
    assert of.label_sentences() == ["a photo of a dog", "a photo of a lynx", "a photo of a tabby"]
    assert set(of.texts()) == {"x", "y", "z", *of.label_sentences()}
    assert drawn(examples).soft_labels.tolist() == [[0, 0.25, 0.75], [0, 0, 0], [1, 0, 0]]
    assert drawn(examples[1:2]).soft_labels.shape == (1, 0)


def test_examples_of_one_label_are_right_for_each_other():
    examples = [example(0, captions=(), label="cat"), example(1, captions=(), label="cat"), example(2, captions=("x",))]
    cats = [True, True, False]
    batch = drawn(examples)
    assert ["cat" in query for query in batch.queries] == cats
    assert batch.same.tolist() == [[(a and b) or i == j for j, b in enumerate(cats)] for i, a in enumerate(cats)]


def test_sentences_go_on_with_the_neighbour_in_time():
    clip = [example(i, captions=(f"part {i}",), media="a.mp4", start=start) for i, start in enumerate([4.0, 0.0, 9.0])]
    other = example(3, captions=("another clip",), media="b.mp4", start=5.0)
    photo = example(4, captions=("one", "two"), media="c.jpg")
    label = example(5, captions=(), label="cat", media="d.jpg")
    batch = drawn([*clip, other, photo, label], joined_sentences=1.0)
    assert batch.sentences[:4] == ["part 0 part 2", "part 1 part 0", "part 2", "another clip"]
    assert set(batch.sentences[4].split()) == {"one", "two"}
    assert batch.sentences[5] == batch.queries[5]
    # What a sentence tells of is no wrong pair for it.
    expected = np.eye(6, dtype=bool)
    expected[0, 2] = expected[1, 0] = True
    assert batch.relevant.tolist() == expected.tolist()
    assert drawn([*clip, other, photo, label]).sentences == drawn([*clip, other, photo, label]).queries


def test_half_of_the_sentences_are_joined_where_asked():
    examples = [example(i, captions=("one", "two")) for i in range(200)]
    joined = sum(" " in sentence for sentence in drawn(examples, joined_sentences=0.5).sentences)
    assert 80 <= joined <= 120


def test_paced_frames_are_every_nth_once():
    film = Example(np.arange(40, dtype=np.float16)[:, None], ("x",))
    batch = drawn([film] * 100, max_frames=6, largest_step=5)
    steps, firsts = set(), set()
    for features, mask in zip(batch.paced_features, batch.paced_mask, strict=True):
        frames = features[mask][:, 0]
        assert len(frames) == 6
        steps |= set(np.diff(frames))
        firsts.add(frames[0])
    assert steps == {1, 2, 3, 4, 5}
    assert len(firsts) > 10
    every = drawn([film], max_frames=40)
    assert every.paced_features[0, :, 0].tolist() == list(range(40))
    short = drawn([Example(film.features[:2], ("x",))] * 50, max_frames=6, largest_step=5)
    assert set(short.paced_mask.sum(axis=1)) == {1, 2}


def test_masking_words_is_bert_s():
    torch.manual_seed(0)
    mask = torch.arange(50).expand(400, 50) < torch.randint(1, 51, (400, 1))
    ids = torch.randint(5, 100, (400, 50))
    masked_ids, chosen = mask_words(ids, mask, mask_token_id=4, vocab_size=1000)
    assert not (chosen & ~mask).any()
    assert chosen.any(dim=1).all()
    assert torch.equal(masked_ids[~chosen], ids[~chosen])
    assert 0.14 < (chosen.sum() / mask.sum()).item() < 0.18  # short rows hide one all the same
    assert 0.77 < (masked_ids[chosen] == 4).float().mean().item() < 0.83
    unchanged = (masked_ids[chosen] == ids[chosen]).float().mean().item()
    assert 0.08 < unchanged < 0.13
    assert masked_ids.max() > 500  # any word of the vocabulary can stand there
    assert choose(torch.zeros(3, 0, dtype=torch.bool)).shape == (3, 0)
    assert not choose(torch.zeros(3, 5, dtype=torch.bool)).any()


def test_captions_file_is_json_lines(tmp_path):
    path = tmp_path / "one.jsonl"
    path.write_text(json.dumps({"media": "ä.mp4", "captions": ["größer"]}), encoding="utf-8")
    assert read_captions(path)[0][0].captions == ("größer",)


def test_several_pictures_are_frames_of_one_video(tmp_path):
    rows = [{"media": ["a.png", "b.png"], "captions": ["a cat"]}, {"media": [], "captions": ["a dog"]}]
    (tmp_path / "rows.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    good, problems = read_captions(tmp_path / "rows.jsonl")
    assert [(row.media, row.following) for row in good] == [("a.png", ("b.png",))]
    assert problems == ["rows.jsonl:2: 'media' must name a file, or several pictures in a list, got []"]
