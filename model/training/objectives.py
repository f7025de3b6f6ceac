"""Seven training objectives over text only, video only, and both.

- *silent*, *fused*: contrastive loss between a caption and its frames, without or with a subtitle, which may be wrong;
- *alignment*: a classifier over [CLS] learns which sentences and frames match (Sun et al., 2019);
- *masked words*, *masked frames*: masked positions are predicted from their context, in text only, video only and both
  in turn (Sun et al., 2019);
- *beliefs*: frames match the names that soft labels give a high probability (Hinton et al., "Distilling the knowledge
  in a neural network", 2015, with names as the classes);
- *anchor*: text embeddings stay near those of the initial sentence encoder, since captions cover far fewer words than
  queries do.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from model.encoder.two_tower import TwoTowerEncoder
from model.encoder.videobert import VideoBertEncoder
from model.network.tokenizer import TextTokenizer
from model.network.videobert import Inputs, VideoBertModel
from model.runtime.hardware import bf16_is_native
from model.training import losses
from model.training.dataset import Batch
from model.training.options import TrainingOptions

_ANCHORS_AT_ONCE = 64
_SHARE = 0.15  # of words and of frames that are masked (Devlin et al., 2019; Sun et al., 2019)
Frames = tuple[Tensor, Tensor]  # float (N, T, F), bool (N, T)


class Objectives:
    """The losses of a batch. Construction copies the model's text encoder, the anchor of text embeddings."""

    def __init__(
        self,
        model: VideoBertModel,
        tokenizer: TextTokenizer,
        texts: list[str],
        options: TrainingOptions,
        *,
        label_sentences: Sequence[str] = (),
        anchor: Anchor | None = None,
    ) -> None:
        self.model, self.tokenizer, self.options = model, tokenizer, options
        over_towers = model.config.over_towers
        if over_towers and anchor is None:
            raise ValueError("a network over towers is trained on queries of its text tower: pass `anchor`")
        self.wanted = options.weights.keys() - ({"anchor"} if over_towers else set())
        self.queries_stay = options.frozen or over_towers
        self.anchor = anchor or Anchor(model, tokenizer, texts, options.max_words)
        self.label_sentences = list(label_sentences)  # all in `texts`; one per column of soft labels
        self.sentence_words = options.max_words * (2 if options.joined_sentences else 1)

    def __call__(self, batch: Batch, *, step: int) -> dict[str, Tensor]:
        """Return the losses that this step computes, by objective: scalars, unweighted."""
        terms: dict[str, Tensor] = {}
        if self.wanted & {"silent", "fused", "alignment", "anchor", "beliefs"}:
            terms |= self._of_pairs(batch)
        if self.wanted & {"masked_words", "masked_frames"}:
            terms |= self._masked(batch, step)
        return terms

    def _of_pairs(self, batch: Batch) -> dict[str, Tensor]:
        model, options, wanted = self.model, self.options, self.wanted
        terms: dict[str, Tensor] = {}
        features, frame_mask = self._frames(batch.features, batch.frame_mask)
        same = torch.from_numpy(batch.same).to(model.device)
        needed = self.queries_stay or options.soft_labels or "anchor" in wanted
        anchors = self.anchor(batch.queries) if needed else None
        if self.queries_stay and anchors is not None:
            queries = anchors
        else:
            with torch.set_grad_enabled(bool(wanted & {"silent", "fused", "anchor"})):
                queries = model.embed(self._inputs(batch.queries))
        if "anchor" in wanted and anchors is not None:
            terms["anchor"] = losses.anchoring(queries, anchors)
        scale = model.retrieval.scale
        # Sequences of words and frames are long: half of the batch gets subtitles, a quarter is aligned.
        half, quarter = max(len(same) // 2, 2), max(len(same) // 4, 2)
        target = same.float()
        if anchors is not None:
            target = losses.soft_target(same, anchors, options.soft_labels)
        if wanted & {"silent", "alignment", "beliefs"}:
            with torch.set_grad_enabled(bool(wanted & {"silent", "beliefs"})):
                embeddings = self._frame_embeddings((features, frame_mask))
        if "silent" in wanted:
            found = [losses.multi_positive_contrastive(queries, points, target, scale) for points in embeddings]
            terms["silent"] = torch.stack(found).sum()
        if "beliefs" in wanted:
            soft_labels, names = torch.from_numpy(batch.soft_labels).to(model.device), self.anchor(self.label_sentences)
            costs = [losses.soft_label_loss(points, names, soft_labels, scale) for points in embeddings]
            terms["beliefs"] = torch.stack(costs).sum()
        if "fused" in wanted:
            fused = model.embed(self._inputs(batch.subtitles[:half], (features[:half], frame_mask[:half])))
            terms["fused"] = losses.multi_positive_contrastive(queries[:half], fused, target[:half, :half], scale)
        if "alignment" in wanted:
            similarity = queries.detach() @ embeddings[0].detach().T
            terms["alignment"] = self._alignment(batch, quarter, similarity, (features, frame_mask))
        return terms

    def _frame_embeddings(self, frames: Frames) -> list[Tensor]:
        """Embed frames alone, each (N, D): by the Transformers unless frozen, and by the direct frame head.

        Each has its own loss: with a loss on their mean, neither would learn what the other knows.
        """
        model, embeddings = self.model, []
        if not (self.options.frames_frozen and model.config.glance_width):
            embeddings.append(model.embed(self._inputs([], frames), direct=False))
        if model.config.glance_width:
            embeddings.append(model.glance(model.described(frames[0]), frames[1]))
        return embeddings

    def _alignment(self, batch: Batch, count: int, similarity: Tensor, frames: Frames) -> Tensor:
        if self.options.largest_step > 1:
            frames = self._frames(batch.paced_features, batch.paced_mask)
        rows = torch.arange(count) % len(batch.queries)  # odd rows get a wrong sentence
        aligned = rows % 2 == 0
        wrong = _hard_negatives(similarity.cpu(), torch.from_numpy(batch.relevant))
        sentence_of = torch.where(aligned, rows, wrong[rows])
        sentences = [batch.sentences[i] for i in sentence_of.tolist()]
        inputs = self._inputs(sentences, (frames[0][rows], frames[1][rows]), max_words=self.sentence_words)
        logits = self.model.align(inputs)
        return losses.alignment(logits, aligned.to(logits.device))

    def _masked(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Alternate between half of the batch as text only, half as video only, and a quarter as both."""
        turns = [["masked_words"], ["masked_frames"], ["masked_words", "masked_frames"]]
        possible = [turn for turn in turns if self.wanted & set(turn)]
        turn = possible[step % len(possible)]
        rows = max(len(batch.queries) // (4 if len(turn) == 2 else 2), 1)
        features, frame_mask = self._frames(batch.paced_features[:rows], batch.paced_mask[:rows])
        if "masked_frames" not in turn:
            features, frame_mask = features[:, :0], frame_mask[:, :0]
        texts = batch.sentences[:rows] if "masked_words" in turn else [""] * rows
        inputs = self._inputs(texts, (features, frame_mask), max_words=self.sentence_words)
        return masked_losses(self.model, inputs, self.wanted & set(turn))

    def _inputs(self, texts: list[str], frames: Frames | None = None, *, max_words: int = 0) -> Inputs:
        """Build inputs of texts, frames (`texts` empty) or both; texts are truncated to caption length by default."""
        features, mask = frames or self._frames(*_nothing(len(texts), self.model.backbone.feature_dim))
        ids, word_mask = self.tokenizer(texts or [""] * len(features), max_tokens=max_words or self.options.max_words)
        return Inputs(ids, word_mask, features, mask).to(self.model.device)

    def _frames(self, features: NDArray[np.float16], mask: NDArray[np.bool_]) -> Frames:
        device = self.model.device
        return torch.from_numpy(features).float().to(device), torch.from_numpy(mask).to(device)


def masked_losses(model: VideoBertModel, inputs: Inputs, wanted: set[str]) -> dict[str, Tensor]:
    """Mask words, frames or both and return the mean cross-entropy of predicting each.

    Args:
        model: the network.
        inputs: unmasked.
        wanted: of "masked_words" and "masked_frames"; the other kind stays unmasked.
    """
    device, config = model.device, model.config
    terms: dict[str, Tensor] = {}
    ids, words_at = inputs.word_ids, torch.zeros_like(inputs.word_mask)
    frames_at = torch.zeros_like(inputs.frame_mask)
    if "masked_words" in wanted:
        masked = mask_words(
            ids.cpu(), inputs.word_mask.cpu(), mask_token_id=config.mask_token_id, vocab_size=config.vocab_size
        )
        ids, words_at = (tensor.to(device) for tensor in masked)
    if "masked_frames" in wanted:
        frames_at = choose(inputs.frame_mask.cpu()).to(device)
    hidden = frames_at if "masked_frames" in wanted else None
    shown = Inputs(ids, inputs.word_mask, inputs.features, inputs.frame_mask, hidden)
    words, frames = model.masked_logits(shown, words_at, frames_at)
    if len(words):
        terms["masked_words"] = F.cross_entropy(words, inputs.word_ids[words_at])
    if len(frames):
        terms["masked_frames"] = F.cross_entropy(frames, model.visual_words(inputs.features[frames_at]))
    return terms


def mask_words(ids: Tensor, mask: Tensor, *, mask_token_id: int, vocab_size: int) -> tuple[Tensor, Tensor]:
    """Choose words to predict; of these 80 % become `[MASK]`, 10 % a random word, 10 % stay unchanged.

    Args:
        ids: int64 (N, L).
        mask: bool (N, L), True = real.
        mask_token_id: of `[MASK]`.
        vocab_size: random words have ids below it.

    Returns:
        The masked ids, int64 (N, L), and the chosen positions, bool (N, L).
    """
    chosen = choose(mask)
    fate = torch.rand(ids.shape)
    masked = torch.where(chosen & (fate < 0.8), mask_token_id, ids)
    anything = torch.randint(vocab_size, ids.shape)
    return torch.where(chosen & (fate >= 0.9), anything, masked), chosen


def choose(mask: Tensor) -> Tensor:
    """Choose 15 % of the real positions, at least one in every row that has any: bool (N, L) -> bool (N, L).

    Draws come from torch's global CPU generator, which training seeds at every step.
    """
    if mask.shape[1] == 0:
        return mask
    draw = torch.rand(mask.shape).masked_fill(~mask, 2.0)
    return mask & ((draw < _SHARE) | (draw == draw.min(dim=1, keepdim=True).values))


def _nothing(rows: int, feature_dim: int) -> tuple[NDArray[np.float16], NDArray[np.bool_]]:
    return np.zeros((rows, 0, feature_dim), np.float16), np.zeros((rows, 0), bool)


def _hard_negatives(similarity: Tensor, relevant: Tensor) -> Tensor:
    """For each item draw the index of a hard negative query, int64 (N,).

    The model's own similarities are the weights, as in ALBEF (Li et al., 2021).
    """
    likely = torch.softmax(10 * similarity.T.float(), dim=1) + 1e-6
    # The floor matters only where the whole batch has one label, so that there is no negative to draw.
    return torch.multinomial(likely.masked_fill(relevant.T, 0.0).clamp(min=1e-12), 1).squeeze(1)


class Anchor:
    """Text embeddings of the model before training, computed once per text; runs with one start may share them.

    Texts are always batched the same way: the other texts of a batch change the last bits of an embedding, and a
    resumed run would differ from an uninterrupted one. Batches hold texts of similar length, since padding costs time.
    """

    def __init__(self, model: VideoBertModel, tokenizer: TextTokenizer, texts: list[str], max_words: int) -> None:
        self.max_words = max_words
        self.bert = copy.deepcopy(model)
        self.bert.eval()  # type: ignore[no-untyped-call]
        self.tokenizer = tokenizer
        self.device = model.device
        self._place(texts)

    def _place(self, texts: list[str]) -> None:
        self.texts = sorted(texts, key=len)
        self.places = {text: divmod(i, _ANCHORS_AT_ONCE) for i, text in enumerate(self.texts)}
        self.known: dict[int, Tensor] = {}

    def keep(self, path: Path) -> None:
        """Load all embeddings from a file, or compute them and write it. A file of other texts or weights is replaced.

        Runs with a frozen text encoder share the file: embedding 100,000 captions takes minutes.
        """
        groups = -(-len(self.texts) // _ANCHORS_AT_ONCE)
        key = self._key()
        if path.exists():
            with safe_open(path, framework="pt") as file:
                if file.metadata()["key"] == key:
                    embeddings = file.get_tensor("embeddings").to(self.device)
                    self.known = dict(enumerate(embeddings.split(_ANCHORS_AT_ONCE)))
                    return
        with torch.autocast(self.device.type, torch.bfloat16, enabled=bf16_is_native(self.device)):
            self([self.texts[group * _ANCHORS_AT_ONCE] for group in range(groups)])
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        save_file({"embeddings": torch.cat([self.known[group] for group in range(groups)])}, part, {"key": key})
        part.replace(path)

    def _key(self) -> str:
        digest = hashlib.blake2b(json.dumps([self.max_words, self.texts]).encode(), digest_size=16)
        for part in (self.bert.bert, self.bert.retrieval.words):
            for tensor in part.state_dict().values():
                digest.update(tensor.cpu().contiguous().numpy())
        return digest.hexdigest()

    @torch.no_grad()
    def __call__(self, texts: list[str]) -> Tensor:
        """Return float32 (N, D), unit rows. The texts are among those given at construction."""
        places = [self.places[text] for text in texts]
        for group in {group for group, _ in places} - self.known.keys():
            self.known[group] = self._embed(self.texts[group * _ANCHORS_AT_ONCE : (group + 1) * _ANCHORS_AT_ONCE])
        return torch.stack([self.known[group][row] for group, row in places])

    def _embed(self, texts: list[str]) -> Tensor:
        ids, mask = (t.to(self.device) for t in self.tokenizer(texts, max_tokens=self.max_words))
        nothing = torch.zeros(len(texts), 0, self.bert.backbone.feature_dim, device=ids.device)
        return self.bert.embed(Inputs(ids, mask, nothing, mask[:, :0]))


class TowerAnchor(Anchor):
    """Text embeddings of a text tower, which training never changes."""

    def __init__(self, towers: TwoTowerEncoder, texts: list[str]) -> None:
        self.towers, self.device = towers, towers.device
        self._place(texts)

    def _key(self) -> str:
        return hashlib.blake2b(json.dumps([self.towers.fingerprint, self.texts]).encode(), digest_size=16).hexdigest()

    def _embed(self, texts: list[str]) -> Tensor:
        with torch.autocast(self.device.type, enabled=False):  # as the encoder embeds them
            return torch.from_numpy(self.towers.embed_text(texts)).to(self.device)


def anchor_of(encoder: VideoBertEncoder, texts: list[str], max_words: int) -> Anchor:
    """The anchor of an encoder's queries; the network's own text encoder truncates them to `max_words` tokens."""
    if encoder.towers is not None:
        return TowerAnchor(encoder.towers, texts)
    return Anchor(encoder.model, encoder.tokenizer, texts, max_words)
