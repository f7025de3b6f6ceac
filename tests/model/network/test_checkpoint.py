"""How checkpoints are stored."""

import torch
from safetensors.torch import load_file, save_file

from model.network import checkpoint

WORDS = "bert.embeddings.word_embeddings"


def test_the_matrices_of_bert_are_stored_in_eight_bits_and_hardly_move(tiny_checkpoint, tmp_path):
    model, tokenizer = checkpoint.load(tiny_checkpoint)
    words = model.bert.embeddings.word_embeddings.weight
    with torch.no_grad():
        words[5] = 0.0  # a row of nothing
        words[6, 0] = 100.0  # one number that is much larger than the others
    checkpoint.save(model, tokenizer, tmp_path / "once")
    stored = load_file(tmp_path / "once" / "model.safetensors")
    matrices = {
        n for n, w in model.state_dict().items() if n.startswith("bert.") and n.endswith(".weight") and w.ndim == 2
    }
    assert f"{WORDS}.weight" in matrices
    for name, tensor in model.state_dict().items():
        stored_dtype = torch.float16 if tensor.is_floating_point() else tensor.dtype  # counts stay counts
        assert stored[name].dtype == (torch.int8 if name in matrices else stored_dtype), name
    again, _ = checkpoint.load(tmp_path / "once")
    for name in matrices:
        was, read = model.state_dict()[name], again.state_dict()[name]
        assert (read - was).abs().amax(dim=1).le(was.abs().amax(dim=1) / 200 + 1e-6).all(), name
    checkpoint.save(again, tokenizer, tmp_path / "twice")
    assert all(
        torch.equal(tensor, stored[name])
        for name, tensor in load_file(tmp_path / "twice" / "model.safetensors").items()
    )


def test_matrices_in_half_precision_are_read_too(tiny_checkpoint, tmp_path):
    model, tokenizer = checkpoint.load(tiny_checkpoint)
    checkpoint.save(model, tokenizer, tmp_path)
    save_file({name: tensor.half() for name, tensor in model.state_dict().items()}, tmp_path / "model.safetensors")
    read, _ = checkpoint.load(tmp_path)
    torch.testing.assert_close(
        read.bert.embeddings.word_embeddings.weight, model.bert.embeddings.word_embeddings.weight, atol=1e-3, rtol=0
    )
