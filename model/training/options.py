"""TrainingOptions: the hyper-parameters of a training run."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class TrainingOptions:
    """Options that, with the data and the initial weights, reproduce a run. An objective of weight 0 is not computed.

    Raises:
        ValueError: a value is outside its range, or every objective has weight 0.
    """

    epochs: int = 10
    batch_size: int = 128  # examples per forward pass; contrastive losses compare within it
    accumulate: int = 1  # forward passes whose gradients are averaged for one step
    learning_rate: float = 5e-4  # of new layers
    bert_learning_rate: float = 3e-5  # of BERT and the query projection; 0 freezes both, and so all query embeddings
    frames_frozen: bool = False  # whether frame readers are frozen, to train heads only
    weight_decay: float = 0.01
    warmup: float = 0.05  # share of the steps
    ema: float = 0.0  # decay of the moving average of the weights, which becomes the result; 0 = none
    max_words: int = 20  # tokens of a caption; one longer caption would pad the whole batch
    silent_weight: float = 1.0  # contrast of queries and frames without subtitles
    fused_weight: float = 1.0  # contrast of queries and frames with subtitles
    alignment_weight: float = 1.0
    anchor_weight: float = 1.0
    masked_word_weight: float = 0.0
    masked_frame_weight: float = 0.0
    soft_labels: float = 0.0  # share of a contrastive target that follows the similarity of captions
    belief_weight: float = 0.0  # frames without subtitles against soft labels, for rows with "beliefs"
    drawn_frames: int = 0  # most frames drawn from an example; 0 for the model's max_frames
    right_subtitles: float = 0.45  # share of the examples whose subtitle is another caption of the same picture
    wrong_subtitles: float = 0.15  # share whose subtitle is a caption of another picture
    joined_sentences: float = 0.0  # share of sentences joined with a neighbour's, for alignment and masked words
    largest_step: int = 1  # alignment and masking use every n-th frame, n from 1 to this; 1: the frames of retrieval
    visual_branching: int = 0  # visual words to fit, branching**depth, if the start has none
    visual_depth: int = 0
    frame_input: str = "features"  # features, visual_words; the latter if this run fits visual words
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulate", "largest_step", "max_words"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name.endswith(("_weight", "_rate", "_decay")) and value < 0:
                raise ValueError(f"{field.name} must not be negative, got {value}")
            if field.name in ("warmup", "ema", "joined_sentences", "soft_labels") and not 0 <= value <= 1:
                raise ValueError(f"{field.name} must be between 0 and 1, got {value}")
        if not self.weights:
            raise ValueError("every objective has weight 0, so there is nothing to train")

    @property
    def frozen(self) -> bool:
        """Whether BERT and the query projection are frozen."""
        return self.bert_learning_rate == 0

    @property
    def weights(self) -> dict[str, float]:
        """Weights above 0 by the objective's name in reports. A frozen text encoder needs no anchor."""
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
