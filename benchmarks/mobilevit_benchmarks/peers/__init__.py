"""Our exports against timm's model through each toolchain's default exporter.

    python -m mobilevit_benchmarks.peers

Both carry the same weights, those that ship with this package. timm's model goes through
`litert_torch.convert`, `torch.onnx.export` and so on as their own pages show them, float 0..1 in
and logits out, and then through the same toolchains' own quantization. Ours is what `mobilevit
export` writes: pixels 0..255 in, probabilities out, so that its graph does scaling and softmax
besides.

Before anything is timed, every float artifact must give what the checkpoint gives in torch, on real
photos; of the quantized ones it is told how often they do.
"""
