import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertModel

from model.network.videobert import Inputs, VideoBertModel
from tests.support.tiny_model import tiny_config


def inputs(words: list[int], frames: int, *, pad_words: int = 0, pad_frames: int = 0) -> Inputs:
    """One row with so many words and frames, padded on request with what must not matter."""
    features = torch.randn(1, frames, 1280, generator=torch.Generator().manual_seed(frames))
    return Inputs(
        torch.tensor([words + [9] * pad_words], dtype=torch.int64),
        torch.tensor([[True] * len(words) + [False] * pad_words], dtype=torch.bool),
        torch.cat([features, torch.full((1, pad_frames, 1280), 7.0)], dim=1),
        torch.tensor([[True] * frames + [False] * pad_frames], dtype=torch.bool),
    )


REGIMES = {"text": ([5, 6, 7], 0), "video": ([], 4), "both": ([5, 6, 7], 4)}


@pytest.mark.parametrize("regime", REGIMES)
def test_every_regime_embeds_to_unit_length(model, regime):
    embedded = model.embed(inputs(*REGIMES[regime]))
    assert embedded.shape == (1, 24)
    assert torch.linalg.norm(embedded).item() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("temporal", ["none", "gru", "lstm", "transformer"])
@pytest.mark.parametrize("regime", REGIMES)
def test_padding_changes_nothing(temporal, regime):
    model = VideoBertModel(tiny_config(temporal=temporal)).eval()
    words, frames = REGIMES[regime]
    with torch.inference_mode():
        bare = model.embed(inputs(words, frames))
        padded = model.embed(inputs(words, frames, pad_words=3, pad_frames=2))
        torch.testing.assert_close(padded, bare, atol=1e-5, rtol=0)
        torch.testing.assert_close(
            model.align(inputs(words, frames, pad_words=3, pad_frames=2)),
            model.align(inputs(words, frames)),
            atol=1e-5,
            rtol=0,
        )


def test_words_and_frames_both_count(model):
    with torch.inference_mode():
        both = model.embed(inputs([5, 6], 4))
        assert not torch.allclose(both, model.embed(inputs([], 4)), atol=1e-3)
        assert not torch.allclose(both, model.embed(inputs([5, 6], 0)), atol=1e-3)
        assert not torch.allclose(both, model.embed(inputs([6, 5], 4)), atol=1e-4)  # the order of words


@pytest.mark.parametrize("attention", ["standard", "positional"])
def test_the_order_of_frames_counts(attention):
    model = VideoBertModel(tiny_config(temporal_attention=attention)).eval()
    forward = inputs([], 5)
    backward = Inputs(forward.word_ids, forward.word_mask, forward.features.flip(1), forward.frame_mask)
    with torch.inference_mode():
        assert not torch.allclose(model.embed(forward), model.embed(backward), atol=1e-4)


def test_the_sequence_is_cls_words_video_frames_sep(model):
    _, mask, types = model(inputs([5, 6], 3, pad_words=1))
    assert mask.tolist() == [[True, True, True, False, True, True, True, True, True]]
    assert types.tolist() == [[0, 0, 0, 0, 1, 1, 1, 1, 1]]


def test_a_row_with_nothing_is_refused(model):
    with pytest.raises(ValueError, match="neither"):
        model.embed(inputs([], 0))


def test_masks_must_fit_what_they_mask():
    with pytest.raises(ValueError, match="frame_mask must be bool"):
        Inputs(torch.zeros(1, 2).long(), torch.ones(1, 2).bool(), torch.zeros(1, 3, 4), torch.ones(1, 2).bool())


def test_text_alone_starts_as_the_sentence_encoder_it_was_loaded_from(model, tmp_path):
    torch.manual_seed(1)
    shape = {name: getattr(model.config, name) for name in ("vocab_size", "hidden_size", "num_hidden_layers")}
    bert = BertModel(
        BertConfig(**shape, num_attention_heads=4, intermediate_size=48, max_position_embeddings=64),
        add_pooling_layer=False,
    ).eval()
    save_file(bert.state_dict(), tmp_path / "model.safetensors")
    model.load_bert(tmp_path)
    with torch.inference_mode():
        states = bert(torch.tensor([[3, 5, 6, 7, 4]])).last_hidden_state  # [CLS] words [SEP]
        expected = torch.nn.functional.normalize(states.mean(dim=1), dim=-1)
        torch.testing.assert_close(model.embed(inputs([5, 6, 7], 0)), expected, atol=1e-5, rtol=0)


def test_saved_and_loaded_it_is_the_same(model, tmp_path):
    model.save_pretrained(tmp_path)
    loaded = VideoBertModel.from_pretrained(tmp_path).eval()
    assert loaded.config.temporal == "transformer"
    with torch.inference_mode():
        torch.testing.assert_close(loaded.embed(inputs([5], 2)), model.embed(inputs([5], 2)), atol=1e-6, rtol=0)


def test_the_direct_frame_head_turns_what_frames_show_and_nothing_else():
    torch.manual_seed(0)
    model = VideoBertModel(tiny_config(glance_width=16)).eval()
    with torch.inference_mode():
        for words in ([], [5, 6]):
            plain, padded = (model.embed(inputs(words, 4, pad_frames=more)) for more in (0, 2))
            torch.testing.assert_close(padded, plain, atol=1e-5, rtol=0)
            assert not torch.allclose(model.embed(inputs(words, 4), direct=False), plain, atol=1e-3)
        torch.testing.assert_close(model.embed(inputs([5], 0)), model.embed(inputs([5], 0), direct=False))
        frames = inputs([], 4)
        direct = model.glance(frames.features, frames.frame_mask)
        halfway = torch.nn.functional.normalize(model.embed(frames, direct=False) + direct, dim=-1)
        torch.testing.assert_close(model.embed(frames), halfway)


@pytest.mark.parametrize(
    ("name", "value"), [("temporal", "rnn"), ("temporal_attention", "global"), ("backbone", "vgg")]
)
def test_a_wrong_choice_names_the_allowed_ones(name, value):
    with pytest.raises(ValueError, match=f"must be one of .*got '{value}'"):
        VideoBertModel(tiny_config(**{name: value}))


def with_class_names(**changes: object) -> VideoBertModel:
    torch.manual_seed(0)
    model = VideoBertModel(tiny_config(class_names=("cat", "dog", "square"), glance_width=16, **changes)).eval()
    model.class_names.embeddings.copy_(torch.nn.functional.normalize(torch.randn(3, 24), dim=-1))
    return model


def test_the_expected_name_is_the_mean_of_names_by_likelihood():
    model = with_class_names()
    names = model.class_names
    torch.nn.init.zeros_(names.classifier.weight)
    features = torch.randn(2, 5, model.backbone.feature_dim)
    names.classifier.bias.data = torch.tensor([50.0, 0.0, 0.0])
    assert torch.allclose(names(features), names.embeddings[0].expand(2, 5, -1), atol=1e-3)
    names.classifier.bias.data = torch.zeros(3)
    assert torch.allclose(names(features), names.embeddings.mean(dim=0).expand(2, 5, -1), atol=1e-6)
    assert torch.allclose(names.probabilities(features).sum(dim=-1), torch.ones(2, 5))


def test_frame_readers_begin_at_the_expected_name():
    model = with_class_names()
    features = np.random.default_rng(0).normal(2, 1, (200, model.backbone.feature_dim)).astype(np.float16)
    model.fit_frame_readers(features)
    reader = model.glance.read
    torch.nn.init.zeros_(reader.narrow.weight)
    torch.nn.init.zeros_(reader.narrow.bias)
    described = model.described(torch.from_numpy(features).float())
    standardized = ((described - reader.mean) / reader.deviation)[:, :-24]
    assert torch.allclose(standardized.std(dim=0), torch.ones(1), atol=0.01)
    point = reader(described[:1])
    expected = 2 * (described[:1] - reader.mean)[:, -24:]
    assert torch.allclose(point, torch.nn.functional.normalize(expected, dim=-1), atol=1e-4)
    before = reader.mean.clone()
    model.fit_frame_readers(features + 1)  # fitted once; what has learned is left alone
    assert torch.equal(reader.mean, before)


def test_frames_are_read_with_noise_in_training_only():
    model = with_class_names(frame_dropout=0.0)
    described = torch.randn(1, model.backbone.feature_dim + 24)
    reader = model.frame_projection
    assert torch.equal(reader(described), reader(described))
    reader.train()
    assert not torch.equal(reader(described), reader(described))


def test_masked_words_can_be_read_without_frames_beside_them():
    torch.manual_seed(0)
    model = VideoBertModel(tiny_config(masked_words=True, masked_words_alone=True)).eval()
    shown, others = inputs([5, 6, 7], 4), inputs([5, 6, 7], 3)
    at = torch.tensor([[False, True, False]])

    def logits(row: Inputs) -> torch.Tensor:
        return model.masked_logits(row, at, torch.zeros_like(row.frame_mask))[0]

    assert not torch.allclose(logits(shown), logits(others))  # frames count through their point
    with torch.no_grad():
        model.retrieval.frames.weight.zero_()
        model.retrieval.frames.bias.zero_()
    torch.testing.assert_close(logits(shown), logits(others))  # and through nothing else
    torch.testing.assert_close(logits(shown), logits(inputs([5, 6, 7], 0)))
    passes: list[int] = []
    model.bert.register_forward_hook(lambda *_: passes.append(1))
    logits(shown)
    assert len(passes) == 2  # frames, words; not both together
