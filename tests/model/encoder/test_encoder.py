import numpy as np
import pytest
import torch

from model.encoder.contract import Encoder
from model.encoder.load import load
from model.network import checkpoint
from model.network.backbone import Backbone, folded
from model.network.preprocessing import prepare_frames, prepare_views
from model.network.temporal import TemporalModel, sinusoidal_positions


def test_frames_are_scaled_cropped_and_normalized():
    frames = torch.zeros(2, 3, 40, 80, dtype=torch.uint8)
    frames[:, :, :, 20:60] = 255  # the middle square is white
    prepared = prepare_frames(frames, 20)
    assert prepared.shape == (2, 3, 20, 20)
    assert prepared.dtype == torch.float32
    assert prepared[:, :, :, 2:18].min() == 1.0
    assert prepare_frames(torch.zeros(1, 3, 20, 20, dtype=torch.uint8), 20).max() == -1.0


def test_whole_frames_keep_their_edges_and_their_shape():
    frames = torch.zeros(2, 3, 360, 640, dtype=torch.uint8)
    frames[:, :, :, :20] = 255  # what the crop would leave out
    prepared = prepare_frames(frames, 224, fit="whole")
    assert prepared.shape == (2, 3, 160, 288)
    assert prepared[:, :, :, :6].min() == 1.0
    assert prepare_frames(frames, 224).max() == -1.0
    assert prepare_frames(torch.zeros(1, 3, 224, 224, dtype=torch.uint8), 224, fit="whole").shape[2:] == (224, 224)
    with pytest.raises(ValueError, match="fit must be one of middle, whole, got 'all'"):
        prepare_frames(frames, 224, fit="all")


def test_a_frame_may_be_looked_at_in_two_views():
    frames = torch.zeros(2, 3, 360, 640, dtype=torch.uint8)
    assert [view.shape[2:] for view in prepare_views(frames, 224, fit="both")] == [(224, 224), (160, 288)]
    assert [view.shape[2:] for view in prepare_views(frames, 224, fit="whole")] == [(160, 288)]
    assert len(prepare_views(frames[..., :360], 224, fit="both")) == 1  # a square, of which both are the same
    with pytest.raises(ValueError, match="fit must be one of middle, whole, both, got 'all'"):
        prepare_views(frames, 224, fit="all")


def test_the_feature_of_two_views_is_their_mean(tiny_checkpoint):
    class Brightness(torch.nn.Module):
        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            return pictures.mean(dim=(2, 3))

    frames = np.zeros((1, 3, 64, 128), np.uint8)
    frames[..., :32] = 255  # a quarter of the picture, beside the middle
    for fit, seen in (("middle", -1.0), ("whole", -0.5), ("both", -0.75)):
        encoder = load(tiny_checkpoint)
        encoder.model.config.frame_fit, encoder.model.backbone = fit, Brightness()
        assert encoder.features(frames)[0] == pytest.approx(seen, abs=0.02)


def test_what_decides_features_names_them(tiny_checkpoint):
    names = set()
    for fit in ("middle", "whole", "both"):
        encoder = load(tiny_checkpoint)
        encoder.model.config.frame_fit = fit
        names.add(encoder.feature_fingerprint)
    assert len(names) == 3


def test_frames_of_another_dtype_are_refused():
    with pytest.raises(ValueError, match=r"uint8 \(T, 3, H, W\), got torch.float32 \(1, 3, 8, 8\)"):
        prepare_frames(torch.zeros(1, 3, 8, 8), 8)


@pytest.mark.parametrize(("name", "width"), [("mobilenet_v2", 1280), ("resnet18", 512)])
def test_backbones_give_one_feature_vector_a_frame(name, width):
    backbone = Backbone(name).eval()
    assert backbone.feature_dim == width
    with torch.inference_mode():
        assert backbone(torch.zeros(2, 3, 64, 64)).shape == (2, width)


def test_the_default_backbone_pads_strided_maps_below_and_right_only():
    backbone = Backbone("mobilenet_v2").eval()
    picture = torch.zeros(1, 3, 64, 64)
    picture[:, :, 0, 0] = 1.0
    with torch.inference_mode():
        changed = (backbone.blocks[0](picture) != backbone.blocks[0](torch.zeros(1, 3, 64, 64))).any(dim=1)[0]
    assert changed.nonzero().tolist() == [[0, 0]]


@pytest.mark.parametrize("name", ["mobilenet_v2", "resnet18"])
def test_a_folded_network_sees_the_same_with_less(name):
    torch.manual_seed(0)
    backbone = Backbone(name).eval()
    for module in backbone.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # as after training, no longer the identity
            for tensor, low, high in ((module.running_mean, -0.5, 0.5), (module.running_var, 0.5, 2.0)):
                tensor.uniform_(low, high)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.bias, -0.5, 0.5)
    before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    looking = folded(backbone)
    picture = torch.rand(2, 3, 64, 64) * 2 - 1
    with torch.inference_mode():
        torch.testing.assert_close(looking(picture), backbone(picture), rtol=1e-3, atol=1e-4)
    left = sum(isinstance(module, torch.nn.BatchNorm2d) for module in looking.modules())
    assert left == {"mobilenet_v2": 0, "resnet18": 16}[name]  # ResNet's blocks are no chains
    mine, theirs = ({id(tensor) for tensor in net.parameters()} for net in (backbone, looking))
    assert bool(mine & theirs) == (name == "resnet18")  # what was not folded is not held twice
    for tensor, was in zip(backbone.state_dict().values(), before.values(), strict=True):
        assert torch.equal(tensor, was)


def test_sinusoidal_positions_follow_the_paper():
    table = sinusoidal_positions(5, 8)
    assert table[3, 0] == pytest.approx(np.sin(3))
    assert table[3, 3] == pytest.approx(np.cos(3 / 10000 ** (2 / 8)))


def test_no_temporal_model_is_the_identity():
    frames = torch.randn(1, 4, 24)
    mask = torch.tensor([[True, True, True, False]])
    assert torch.equal(TemporalModel("none", 24)(frames, mask), frames * mask[..., None])


def test_features_embeddings_and_text_share_one_space(encoder: Encoder):
    frames = np.random.default_rng(0).integers(0, 256, (5, 3, 40, 56), dtype=np.uint8)
    features = encoder.features(frames)
    assert features.shape == (5, encoder.feature_dim)
    assert features.dtype == np.float16
    shown = [features[:3], features]
    _, mask = encoder.pad(shown)
    assert mask.tolist() == [[True] * 3 + [False] * 2, [True] * 5]
    segments = encoder.embed_segments(shown, ["", "a red dog"])
    queries = encoder.embed_text(["a dog moves left"])
    assert segments.shape == (2, encoder.dim)
    assert queries.shape == (1, encoder.dim)
    assert np.linalg.norm(np.concatenate([segments, queries]), axis=1) == pytest.approx(1.0, abs=1e-5)
    assert encoder.align(shown, ["a dog", "a cat"]).shape == (2,)


def test_a_segment_embeds_the_same_alone_and_in_company(encoder: Encoder):
    rng = np.random.default_rng(1)
    segments = [rng.normal(size=(length, encoder.feature_dim)).astype(np.float16) for length in (1, 8, 3)]
    together = encoder.embed_segments(segments, ["a dog", "", "the cat moves"])
    for segment, text, expected in zip(segments, ["a dog", "", "the cat moves"], together, strict=True):
        alone = encoder.embed_segments([segment], [text])
        np.testing.assert_allclose(alone[0], expected, atol=1e-5)


def test_long_segments_are_thinned_evenly(encoder: Encoder):
    frames = np.arange(20, dtype=np.float16)[:, None].repeat(encoder.feature_dim, axis=1)
    padded, mask = encoder.pad([frames])
    assert mask.sum() == encoder.model.config.max_frames == 8
    assert padded[0, :, 0].tolist() == [0, 3, 5, 8, 11, 14, 16, 19]


def test_nothing_embeds_to_nothing(encoder: Encoder):
    assert encoder.embed_text([]).shape == (0, encoder.dim)
    assert encoder.embed_segments([], []).shape == (0, encoder.dim)


@pytest.mark.parametrize("text", ["", "  \n"])
def test_a_query_without_words_is_refused(encoder: Encoder, text):
    with pytest.raises(ValueError, match="at least one word"):
        encoder.embed_text([text])


def test_the_fingerprint_names_the_weights(encoder: Encoder, tiny_checkpoint):
    again = load(tiny_checkpoint)
    assert again.fingerprint == encoder.fingerprint
    assert again.fingerprint.startswith("tiny-")
    with torch.no_grad():
        again.model.retrieval.frames.bias += 1
    checkpoint.save(again.model, again.tokenizer, tiny_checkpoint)
    assert load(tiny_checkpoint).fingerprint != encoder.fingerprint


def test_a_folder_that_is_no_checkpoint_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=f"no config.json in {tmp_path}"):
        load(tmp_path)
