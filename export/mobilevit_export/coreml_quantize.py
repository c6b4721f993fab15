"""Fewer bits for Core ML: weights and activations of 8 bits, weights of 8, palettes of 6 and 4.

Weights are compressed by `coremltools.optimize.coreml`, activations here: its own calibration
predicts, for which it needs a Mac, keeps the range of the last sample alone (coremltools 9.0,
`_update_tensor_range`), and quantizes what a convolution gives before SiLU, and not after.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import coremltools.optimize.coreml as cto
import torch
import torch.ao.quantization.fx._decomposed  # registers torch.ops.quantized_decomposed
from torch import Tensor, fx

from mobilevit.prediction import Pixels

from .ranges import Observations

_LAYERS = (torch.ops.aten.conv2d.default, torch.ops.aten.linear.default)
_LOW, _HIGH = -128, 127

Ranges = dict[str, tuple[float, float]]  # least and largest value, by the name of a node

# Biases and scales stay as they are. Palettes of a few thousand weights would hardly be smaller:
# depthwise convolutions, which lose most by them, stay halves.
COMPRESSED = {
    "int8": cto.OpLinearQuantizerConfig(mode="linear_symmetric", weight_threshold=0),
    "int8-weights": cto.OpLinearQuantizerConfig(mode="linear_symmetric", weight_threshold=0),
    "palette6": cto.OpPalettizerConfig(nbits=6),
    # 16 values are too few for a whole layer: one palette for every four channels
    "palette4": cto.OpPalettizerConfig(nbits=4, granularity="per_grouped_channel", group_size=4),
}


def compress_weights(model: Any, precision: str) -> Any:
    """A `ct.models.MLModel` with its weights as `precision` has them; as it is if in halves."""
    if precision not in COMPRESSED:
        return model
    config = cto.OptimizationConfig(global_config=COMPRESSED[precision])
    if precision.startswith("palette"):
        return cto.palettize_weights(model, config)
    return cto.linear_quantize_weights(model, config)


def activation_ranges(graph: fx.GraphModule, photos: Pixels) -> Ranges:
    """Of what convolutions and linear layers read, from what photos make of it.

    Args:
        graph: an exported program's module.
        photos: uint8 (N, H, W, 3), RGB.
    """
    observer = _Observer(graph, _sources(graph))
    with torch.inference_mode():
        for image in _images(photos):
            observer.run(image)
    return observer.observations.ranges()


def quantize_activations(graph: fx.GraphModule, ranges: Ranges) -> fx.GraphModule:
    """What convolutions and linear layers of `graph` read, as int8 and back to float.

    Each tensor has one scale and one zero point.
    Scores, softmax, norms and sums stay in float.

    Args:
        graph: an exported program's module; it is changed.
        ranges: `activation_ranges` of it, or of another module of the same program.
    """
    for source in _sources(graph):
        rounded = _round_trip(graph.graph, source, *ranges[source.name])
        for reader in [node for node in source.users if node.target in _LAYERS]:
            reader.update_arg(0, rounded)
    graph.recompile()
    return graph


def _sources(graph: fx.GraphModule) -> list[fx.Node]:
    """In the order they are computed."""
    read = (node.args[0] for node in graph.graph.nodes if node.target in _LAYERS)
    return list(dict.fromkeys(source for source in read if isinstance(source, fx.Node)))


class _Observer(fx.Interpreter):
    """Keeps what a graph makes of some tensors."""

    def __init__(self, graph: fx.GraphModule, sources: Collection[fx.Node]) -> None:
        super().__init__(graph)
        self.sources = sources
        self.observations = Observations()

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if n in self.sources:
            self.observations.add({n.name: result.numpy()})
        return result


def _images(photos: Pixels) -> Iterator[Tensor]:
    """Each as the graph takes it: float32 (1, 3, H, W), 0..255"""
    for photo in photos:
        yield torch.from_numpy(photo).permute(2, 0, 1)[None].float()


def _round_trip(graph: fx.Graph, source: fx.Node, low: float, high: float) -> fx.Node:
    """`source` rounded to 255 steps between `low` and `high`."""
    ops = torch.ops.quantized_decomposed
    scale = max(high - low, 1e-6) / (_HIGH - _LOW)
    zero_point = _LOW - round(low / scale)
    how = (scale, zero_point, _LOW, _HIGH, torch.int8)
    with graph.inserting_after(source):
        quantized = graph.call_function(ops.quantize_per_tensor.default, (source, *how))
    with graph.inserting_after(quantized):
        return graph.call_function(ops.dequantize_per_tensor.default, (quantized, *how))
