"""What a training run is made of."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class TrainingOptions:
    """Together with the data and the start these reproduce a run. An objective of weight 0 is not computed."""

    epochs: int = 10
    batch_size: int = 128  # of one pass through the network; contrastive losses compare within it
    accumulate: int = 1  # passes whose gradients are averaged for one step
    learning_rate: float = 5e-4  # of what starts at random
    bert_learning_rate: float = 3e-5  # of what starts from BERT; 0 freezes it, and with it what a query means
    frames_frozen: bool = False  # whether the reading of frames stays as it is, as when only heads are to learn
    weight_decay: float = 0.01
    warmup: float = 0.05  # share of the steps
    ema: float = 0.0  # decay of the moving average of the weights, which is then the result; 0 = none
    max_words: int = 20  # tokens of a caption; a single long one would pad the whole batch
    silent_weight: float = 1.0  # query against frames alone
    fused_weight: float = 1.0  # query against frames with a subtitle
    alignment_weight: float = 1.0
    anchor_weight: float = 1.0
    masked_word_weight: float = 0.0
    masked_frame_weight: float = 0.0
    soft_labels: float = 0.0  # share of a contrast's target that follows how alike the captions are
    belief_weight: float = 0.0  # frames alone against the soft labels of a classifier, where rows have "beliefs"
    drawn_frames: int = 0  # frames drawn of an example at most; 0 for as many as the model reads
    right_subtitles: float = 0.45  # share of the examples that get another caption of the same picture as subtitle
    wrong_subtitles: float = 0.15  # share that get a caption of another picture
    joined_sentences: float = 0.0  # share of the sentences that are joined with a neighbour's, aligned and masked ones
    largest_step: int = 1  # every n-th frame is aligned and masked, n from 1 to this; 1 aligns as retrieval sees them
    visual_branching: int = 0  # visual words to fit, branching**depth, where the start has none
    visual_depth: int = 0
    frame_input: str = "features"  # features, visual_words; the latter with visual words fitted in this run
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulate", "largest_step", "max_words"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 at least, got {getattr(self, name)}")
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name.endswith(("_weight", "_rate", "_decay")) and value < 0:
                raise ValueError(f"{field.name} must not be negative, got {value}")
            if field.name in ("warmup", "ema", "joined_sentences", "soft_labels") and not 0 <= value <= 1:
                raise ValueError(f"{field.name} must be between 0 and 1, got {value}")
        if not self.weights:
            raise ValueError("every objective has weight 0, so there is nothing to learn")

    @property
    def frozen(self) -> bool:
        """Whether BERT and the query's projection stay as they are."""
        return self.bert_learning_rate == 0

    @property
    def weights(self) -> dict[str, float]:
        """The objectives that count, by the names that reports use. What is frozen needs no anchor."""
        weights = {
            "silent": self.silent_weight,
            "fused": self.fused_weight,
            "alignment": self.alignment_weight,
            "anchor": 0.0 if self.frozen else self.anchor_weight,
            "masked_words": self.masked_word_weight,
            "masked_frames": self.masked_frame_weight,
            "beliefs": self.belief_weight,
        }
        return {name: weight for name, weight in weights.items() if weight}
