"""ONNX graphs of a VideoBERT checkpoint, built from its weights without torch.

There are three graphs: `backbone` (pictures -> frame features), `text` (words -> embedding) and `fused` (frames and
words -> embedding and alignment logit), which give the results of `model.network`, for the configurations that
`model.encoder.load` sends here; and `sentence`, of another BERT. `model.encoder` looks up word embeddings, so that no
graph contains a vocabulary. Matrices are stored in float16, as in the checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Weights = Mapping[str, NDArray[Any]]

_OPSET = 20
_BN_EPSILON, _BERT_EPSILON, _EPSILON = 1e-3, 1e-12, 1e-5
_SHARPNESS = 0.7  # as in `model.network.heads.ClassNames`
_LEAST = -1e9  # added to the attention logits of padding


class _Graph:
    """A graph under construction: `op` adds a node and returns the name of its output."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"{kind}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        array = np.asarray(value, dtype)
        name = f"constant_{len(self._constants)}"
        self._constants[name] = numpy_helper.from_array(array, name)
        return name

    def weight(self, name: str) -> NDArray[np.float32]:
        """Return a weight of the checkpoint in float32."""
        array = self.weights[name]
        if array.dtype == np.int8:
            return array.astype(np.float32) * self.weights[name.removesuffix("weight") + "step"].astype(np.float32)
        return array.astype(np.float32)

    def initializer(self, name: str) -> str:
        return self.constant(self.weight(name))

    def matrix(self, array: NDArray[np.float32]) -> str:
        return self.op("Cast", self.constant(array, np.float16), to=TensorProto.FLOAT)

    def linear(self, x: str, name: str) -> str:
        """Apply a linear layer: (..., in) -> (..., out)."""
        product = self.op("MatMul", x, self.matrix(self.weight(f"{name}.weight").T))
        return self.op("Add", product, self.initializer(f"{name}.bias"))

    def layer_norm(self, x: str, name: str, epsilon: float) -> str:
        scale, shift = self.initializer(f"{name}.weight"), self.initializer(f"{name}.bias")
        return self.op("LayerNormalization", x, scale, shift, axis=-1, epsilon=epsilon)

    def unit(self, x: str) -> str:
        """Scale rows to unit length; zero rows stay zero."""
        length = self.op("ReduceL2", x, self.constant([-1], np.int64), keepdims=1)
        return self.op("Div", x, self.op("Max", length, self.constant(1e-12)))

    def mean(self, states: str, weights: str) -> str:
        """Weighted mean: (N, S, H), (N, S) -> (N, H); zeros where all weights are 0."""
        column = self.op("Unsqueeze", weights, self.constant([-1], np.int64))
        total = self.op("ReduceSum", self.op("Mul", states, column), self.constant([1], np.int64), keepdims=0)
        count = self.op("ReduceSum", weights, self.constant([1], np.int64), keepdims=1)
        return self.op("Div", total, self.op("Max", count, self.constant(1.0)))

    def attention(self, q: str, k: str, v: str, bias: str, heads: int, width: int) -> str:
        """Multi-head attention: three (N, S, H) and a bias of the logits (N, 1, 1, S) -> (N, S, H)."""
        split, joined = self.constant([0, 0, heads, width], np.int64), self.constant([0, 0, heads * width], np.int64)
        rows = self.op("Transpose", self.op("Reshape", q, split), perm=[0, 2, 1, 3])
        columns = self.op("Transpose", self.op("Reshape", k, split), perm=[0, 2, 3, 1])
        values = self.op("Transpose", self.op("Reshape", v, split), perm=[0, 2, 1, 3])
        scores = self.op("Mul", self.op("MatMul", rows, columns), self.constant(width**-0.5))
        shares = self.op("Softmax", self.op("Add", scores, bias), axis=-1)
        mixed = self.op("Transpose", self.op("MatMul", shares, values), perm=[0, 2, 1, 3])
        return self.op("Reshape", mixed, joined)

    def bias(self, mask: str) -> str:
        """Return the bias of attention logits (N, 1, 1, S) for a mask (N, S), 1 = real and 0 = padding."""
        hidden = self.op("Mul", self.op("Sub", self.constant(1.0), mask), self.constant(_LEAST))
        return self.op("Unsqueeze", hidden, self.constant([1, 2], np.int64))

    def model(self, name: str, inputs: Mapping[str, Sequence[Any]], outputs: Mapping[str, str]) -> onnx.ModelProto:
        """Return the finished graph.

        Args:
            name: of the graph.
            inputs: shapes, by name.
            outputs: names of node outputs, by the name of the graph's output.
        """
        nodes = [*self._nodes, *(helper.make_node("Identity", [made], [given]) for given, made in outputs.items())]
        graph = helper.make_graph(
            nodes,
            name,
            [helper.make_tensor_value_info(each, TensorProto.FLOAT, shape) for each, shape in inputs.items()],
            [helper.make_tensor_value_info(each, TensorProto.FLOAT, None) for each in outputs],
            list(self._constants.values()),
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=9)


def text_graph(weights: Weights, config: Mapping[str, Any]) -> onnx.ModelProto:
    """Graph: `words` (N, S, H), embedded with their positions, and `mask` (N, S) -> `embedding` (N, D), unit rows."""
    graph = _Graph(weights)
    states = _bert(graph, "words", "mask", config)
    point = graph.unit(graph.linear(graph.mean(states, "mask"), "retrieval.words"))
    hidden = config["hidden_size"]
    return graph.model("text", {"words": ["n", "s", hidden], "mask": ["n", "s"]}, {"embedding": point})


def sentence_graph(weights: Weights, config: Mapping[str, Any]) -> onnx.ModelProto:
    """BERT of transformers -> the mean of its states: `words` and `mask` as in `text_graph` -> `embedding` (N, H)."""
    graph = _Graph({f"bert.{name}": array for name, array in weights.items()})
    states = _bert(graph, "words", "mask", config)
    hidden = config["hidden_size"]
    point = graph.unit(graph.mean(states, "mask"))
    return graph.model("sentence", {"words": ["n", "s", hidden], "mask": ["n", "s"]}, {"embedding": point})


def fused_graph(weights: Weights, config: Mapping[str, Any]) -> onnx.ModelProto:
    """Graph: segments -> `embedding` (N, D), unit rows, and `alignment` (N,), logits.

    Inputs, all float32: `words` (N, S, H), embedded with their positions; `mask` (N, S), 1 for real words; `read`
    (N, S), 1 for words that are averaged; `has_words` (N, 1), 0 or 1; `features` (N, T, F); `shown` (N, T), 1 for real
    frames; `places` (N, T, H), BERT's position and type embeddings of frames; `times` (T, H), sinusoidal positions.
    """
    graph = _Graph(weights)
    name = _expected_name(graph)
    described = graph.op("Concat", "features", name, axis=-1)
    frames = _frame_reader(graph, described, "frame_projection")
    shown_column = graph.op("Unsqueeze", "shown", graph.constant([-1], np.int64))
    has_frames = graph.op("ReduceMax", "shown", graph.constant([1], np.int64), keepdims=1)
    frames = graph.op("Mul", _temporal(graph, frames, has_frames, config), shown_column)
    inputs = graph.op("Concat", "words", graph.op("Add", frames, "places"), axis=1)
    states = _bert(graph, inputs, graph.op("Concat", "mask", "shown", axis=1), config)
    words_count = graph.op("Shape", "mask", start=1, end=2)
    end, axis = graph.constant([np.iinfo(np.int64).max], np.int64), graph.constant([1], np.int64)
    of_words = graph.op("Slice", states, graph.constant([0], np.int64), words_count, axis)
    of_frames = graph.op("Slice", states, words_count, end, axis)
    of_frames = graph.op("Add", frames, graph.op("Mul", of_frames, graph.initializer("frame_gain")))
    words, pictures = graph.mean(of_words, "read"), graph.mean(of_frames, "shown")
    as_words, as_frames = graph.linear(words, "retrieval.words"), graph.linear(pictures, "retrieval.frames")
    segment = as_frames
    if config.get("glance_width"):
        points = graph.unit(_frame_reader(graph, described, "glance.read"))
        direct = graph.unit(graph.op("ReduceSum", graph.op("Mul", points, shown_column), axis, keepdims=0))
        turned = graph.unit(graph.op("Add", graph.unit(as_frames), direct))
        length = graph.op("ReduceL2", as_frames, graph.constant([-1], np.int64), keepdims=1)
        segment = graph.op("Mul", length, turned)
    subtitles = graph.op("Mul", graph.linear(words, "retrieval.subtitles"), "has_words")
    segment = graph.op("Add", segment, subtitles)
    # Rows without frames are embedded by their words alone.
    without = graph.op("Sub", graph.constant(1.0), has_frames)
    point = graph.op("Add", graph.op("Mul", segment, has_frames), graph.op("Mul", as_words, without))
    outputs = {"embedding": graph.unit(point), "alignment": _alignment(graph, of_words, as_words, as_frames)}
    hidden, features = config["hidden_size"], int(weights["class_names.classifier.weight"].shape[1])
    shapes = {
        "words": ["n", "s", hidden],
        "mask": ["n", "s"],
        "read": ["n", "s"],
        "has_words": ["n", 1],
        "features": ["n", "t", features],
        "shown": ["n", "t"],
        "places": ["n", "t", hidden],
        "times": ["t", hidden],
    }
    return graph.model("fused", shapes, outputs)


def backbone_graph(weights: Weights, *, blocks: int | None = None) -> onnx.ModelProto:
    """Graph of EfficientNet-Lite2: `pixels` (T, 3, H, W), -1..1, sides multiples of 32 -> `features` (T, 1280).

    Args:
        weights: of the checkpoint.
        blocks: number of blocks, whose maps (T, C, h, w) are then the output; None for all blocks and the mean.
    """
    graph = _Graph(weights)
    prefix = "backbone.blocks."
    last = max(int(name.split(".")[2]) for name in weights if name.startswith(prefix))
    maps = _relu6(graph, _convolution(graph, "pixels", f"{prefix}0.0.1", f"{prefix}0.1", stride=2))
    for number in range(1, last if blocks is None else blocks):
        maps = _inverted_residual(graph, maps, f"{prefix}{number}.layers")
    shape = {"pixels": ["t", 3, "h", "w"]}
    if blocks is not None:
        return graph.model("backbone", shape, {"maps": maps})
    maps = _relu6(graph, _convolution(graph, maps, f"{prefix}{last}.0", f"{prefix}{last}.1"))
    features = graph.op("ReduceMean", maps, graph.constant([2, 3], np.int64), keepdims=0)
    return graph.model("backbone", shape, {"features": features})


def _bert(graph: _Graph, inputs: str, mask: str, config: Mapping[str, Any]) -> str:
    heads = config["num_attention_heads"]
    width = config["hidden_size"] // heads
    states, bias = graph.layer_norm(inputs, "bert.embeddings.LayerNorm", _BERT_EPSILON), graph.bias(mask)
    for number in range(config["num_hidden_layers"]):
        layer = f"bert.encoder.layer.{number}"
        q, k, v = (graph.linear(states, f"{layer}.attention.self.{part}") for part in ("query", "key", "value"))
        read = graph.linear(graph.attention(q, k, v, bias, heads, width), f"{layer}.attention.output.dense")
        states = graph.layer_norm(graph.op("Add", read, states), f"{layer}.attention.output.LayerNorm", _BERT_EPSILON)
        wide = graph.op("Gelu", graph.linear(states, f"{layer}.intermediate.dense"))
        narrow = graph.linear(wide, f"{layer}.output.dense")
        states = graph.layer_norm(graph.op("Add", narrow, states), f"{layer}.output.LayerNorm", _BERT_EPSILON)
    return states


def _temporal(graph: _Graph, frames: str, has_frames: str, config: Mapping[str, Any]) -> str:
    if config["temporal"] == "none":
        return frames
    heads, hidden = config["temporal_heads"], config["hidden_size"]
    # A row without frames attends to its padding: softmax over nothing is NaN.
    attended = graph.op("Max", "shown", graph.op("Sub", graph.constant(1.0), has_frames))
    bias = graph.bias(attended)
    for number in range(config["temporal_layers"]):
        layer = f"temporal.layers.{number}"
        x = graph.op("Add", graph.layer_norm(frames, f"{layer}.norm", _EPSILON), "times")
        qkv = graph.linear(x, f"{layer}.qkv")
        cuts = [graph.constant([place * hidden], np.int64) for place in range(4)]
        last = graph.constant([2], np.int64)
        q, k, v = (graph.op("Slice", qkv, first, end, last) for first, end in pairwise(cuts))
        mixed = graph.attention(q, k, v, bias, heads, hidden // heads)
        frames = graph.op("Add", frames, graph.linear(mixed, f"{layer}.out"))
        inner = graph.layer_norm(frames, f"{layer}.feed_forward.0", _EPSILON)
        wide = graph.op("Gelu", graph.linear(inner, f"{layer}.feed_forward.1"))
        frames = graph.op("Add", frames, graph.linear(wide, f"{layer}.feed_forward.3"))
    return frames


def _expected_name(graph: _Graph) -> str:
    likely = graph.op("Softmax", graph.linear("features", "class_names.classifier"), axis=-1)
    likely = graph.op("Pow", graph.op("Max", likely, graph.constant(1e-6)), graph.constant(_SHARPNESS))
    total = graph.op("ReduceSum", likely, graph.constant([-1], np.int64), keepdims=1)
    return graph.op("MatMul", graph.op("Div", likely, total), graph.matrix(graph.weight("class_names.embeddings")))


def _frame_reader(graph: _Graph, described: str, name: str) -> str:
    centred = graph.op("Sub", described, graph.initializer(f"{name}.mean"))
    frames = graph.op("Div", centred, graph.initializer(f"{name}.deviation"))
    wide = graph.op("Gelu", graph.linear(frames, f"{name}.wide"))
    return graph.op("Add", graph.linear(wide, f"{name}.narrow"), graph.linear(frames, f"{name}.path"))


def _alignment(graph: _Graph, of_words: str, words: str, frames: str) -> str:
    cls = graph.op("Gather", of_words, graph.constant(0, np.int64), axis=1)
    product = graph.op("Mul", graph.unit(words), graph.unit(frames))
    dim = float(graph.weight("retrieval.words.weight").shape[0])
    state = graph.op("Concat", cls, graph.op("Mul", product, graph.constant(dim)), axis=-1)
    read = graph.linear(graph.op("Tanh", graph.linear(state, "alignment.dense")), "alignment.score")
    cosine = graph.op("ReduceSum", product, graph.constant([-1], np.int64), keepdims=1)
    logits = graph.op("Add", read, graph.op("Mul", cosine, graph.initializer("alignment.of_cosine")))
    return graph.op("Squeeze", logits, graph.constant([-1], np.int64))


def _inverted_residual(graph: _Graph, maps: str, name: str) -> str:
    weights = graph.weights
    out, place = maps, 0
    if f"{name}.7.weight" in weights:  # the first layer expands channels
        out, place = _relu6(graph, _convolution(graph, out, f"{name}.0", f"{name}.1")), 3
    strides = f"{name}.{place}.1.weight" in weights  # the convolution follows its padding
    around, narrow = f"{name}.{place}.1" if strides else f"{name}.{place}", f"{name}.{place + 3}"
    out = _relu6(graph, _convolution(graph, out, around, f"{name}.{place + 1}", stride=2 if strides else 1))
    out = _convolution(graph, out, narrow, f"{name}.{place + 4}")
    channels = weights[f"{name}.0.weight"].shape[1] if place else weights[f"{around}.weight"].shape[0]
    return graph.op("Add", maps, out) if not strides and channels == len(weights[f"{narrow}.weight"]) else out


def _convolution(graph: _Graph, maps: str, convolution: str, norm: str, *, stride: int = 1) -> str:
    """A convolution with the normalization after it folded in."""
    scale = graph.weight(f"{norm}.weight") / np.sqrt(graph.weight(f"{norm}.running_var") + _BN_EPSILON)
    weight = graph.weight(f"{convolution}.weight")
    shift = graph.weight(f"{norm}.bias") - graph.weight(f"{norm}.running_mean") * scale
    kernel = weight.shape[-1]
    # Strided convolutions pad like TensorFlow's "SAME" for even sides.
    before, after = (kernel // 2, kernel // 2) if stride == 1 else ((kernel - 2) // 2, kernel // 2)
    return graph.op(
        "Conv",
        maps,
        graph.constant(weight * scale[:, None, None, None]),
        graph.constant(shift),
        group=len(weight) if weight.shape[1] == 1 and kernel > 1 else 1,
        kernel_shape=[kernel, kernel],
        pads=[before, before, after, after],
        strides=[stride, stride],
    )


def _relu6(graph: _Graph, maps: str) -> str:
    return graph.op("Clip", maps, graph.constant(0.0), graph.constant(6.0))
