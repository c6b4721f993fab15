"""What kind of work each operation of a graph does: by its type, and where that leaves it open, by
what it reads and what reads it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from mobilevit_export.inspection import Inspection, Operation

from .records import Kind

# The one table of types, ONNX's and onnxruntime's (without the domain) and TFLite's in capitals.
# What is in no row is "other": arithmetic on elements, pooling, reductions, resizing. The rules
# below move some of these to where they belong.
_TYPES: dict[Kind, str] = {
    "convolution": """
        Conv ConvInteger ConvTranspose FusedConv NhwcConv NhwcFusedConv QLinearConv
        CONV_2D CONV_3D DEPTHWISE_CONV_2D TRANSPOSE_CONV
        """,
    "attention": """
        Attention GroupQueryAttention MultiHeadAttention PackedMultiHeadAttention QAttention
        """,
    "linear": """
        DynamicQuantizeMatMul FusedGemm FusedMatMul Gemm MatMul MatMulInteger MatMulIntegerToFloat
        MatMulNBits QGemm QLinearMatMul
        BATCH_MATMUL FULLY_CONNECTED
        """,
    "normalization": """
        BatchNormalization GroupNorm GroupNormalization InstanceNormalization LayerNormalization
        LpNormalization LRN RMSNormalization SimplifiedLayerNormalization SkipGroupNorm
        SkipLayerNormalization SkipSimplifiedLayerNormalization
        L2_NORMALIZATION LOCAL_RESPONSE_NORMALIZATION RSQRT SQUARED_DIFFERENCE
        """,
    "activation": """
        BiasGelu Celu Clip Elu Erf FastGelu Gelu HardSigmoid HardSwish LeakyRelu LogSoftmax Mish
        PRelu QLinearSigmoid QLinearSoftmax QuickGelu Relu Selu Sigmoid Softmax Softplus Softsign
        Swish Tanh ThresholdedRelu
        ELU GELU HARD_SWISH LEAKY_RELU LOGISTIC LOG_SOFTMAX PRELU RELU RELU6 RELU_N1_TO_1 SOFTMAX
        TANH
        """,
    "data movement": """
        Cast CastLike Concat ConcatFromSequence DepthToSpace DequantizeLinear
        DynamicQuantizeLinear Expand Flatten Gather GatherElements GatherND Identity Pad
        QLinearConcat QuantizeLinear ReorderInput ReorderOutput Reshape ScatterND Shape Slice
        SpaceToDepth Split SplitToSequence Squeeze Tile Transpose Unsqueeze
        BATCH_TO_SPACE_ND BROADCAST_TO CAST CONCATENATION DEPTH_TO_SPACE DEQUANTIZE EXPAND_DIMS
        GATHER GATHER_ND MIRROR_PAD PACK PAD PADV2 QUANTIZE RESHAPE REVERSE_V2 SHAPE SLICE
        SPACE_TO_BATCH_ND SPACE_TO_DEPTH SPLIT SPLIT_V SQUEEZE STRIDED_SLICE TILE TRANSPOSE UNPACK
        """,
}
_KIND_OF: dict[str, Kind] = {name: kind for kind, row in _TYPES.items() for name in row.split()}

_PRODUCTS = frozenset(_TYPES["linear"].split())
_SUMS = frozenset(("Add", "ADD"))
_MULTIPLIES = frozenset(("Mul", "MUL"))
_GATES = frozenset(("Sigmoid", "HardSigmoid", "Erf", "Tanh", "LOGISTIC", "TANH"))
# torch modules, which names in a TFLite file tell; its LayerNorm is a dozen operations
_NORMS = ("LayerNorm", "RMSNorm", "GroupNorm", "BatchNorm", "InstanceNorm")


def kind_of_type(type: str) -> Kind:
    """The table alone. `type` is an operation's, with or without a domain before a colon."""
    return _KIND_OF.get(type.rpartition(":")[2], "other")


def kinds(graph: Inspection, modules: Sequence[str] | None = None) -> list[Kind]:
    """The kind of each operation of `graph`.

    The table decides, and then these rules:

    - a product of two matrices that are both computed is attention; one with a weight is linear;
    - what is computed on the way from one such product to another is attention too: the softmax, in
      as many operations as it comes, a mask, a scale; any other softmax is an activation;
    - x * sigmoid(x) is an activation;
    - the sum of what a product or a convolution made and a constant vector is of that kind, a bias;
    - what else a normalization's module does, where `modules` tells it, is normalization.

    Args:
        modules: the class of the module each operation comes from; empty where it is not known.
    """
    operations = graph.operations
    found: list[Kind] = [kind_of_type(operation.type) for operation in operations]
    fixed = _fixed(graph)
    makers = {
        name: i for i, operation in enumerate(operations) for name in operation.outputs if name
    }
    for i, operation in enumerate(operations):
        if _type(operation) in _PRODUCTS and _multiplies_computed(operation, fixed):
            found[i] = "attention"
    _mark_between_products(operations, found, makers)
    for i, operation in enumerate(operations):
        if found[i] != "other":
            continue
        given = [name for name in operation.inputs if name and name not in fixed]
        if _type(operation) in _MULTIPLIES and _is_gated(given, operations, makers):
            found[i] = "activation"
        elif _type(operation) in _SUMS and len(given) == 1 < len(operation.inputs):
            (constant,) = (name for name in operation.inputs if name not in given)
            maker = makers.get(given[0])
            vector = constant in graph.tensors and graph.tensors[constant].rank == 1
            if vector and maker is not None and found[maker] in ("linear", "convolution"):
                found[i] = found[maker]
    for i, module in enumerate(modules or ()):
        if found[i] in ("other", "data movement") and any(norm in module for norm in _NORMS):
            found[i] = "normalization"
    return found


def _type(operation: Operation) -> str:
    return operation.type.rpartition(":")[2]


def _fixed(graph: Inspection) -> set[str]:
    """Tensors that no input of the model reaches: constants, and what is computed from them."""
    fixed = {name for name, tensor in graph.tensors.items() if tensor.constant}
    for operation in graph.operations:
        if operation.inputs and all(not name or name in fixed for name in operation.inputs):
            fixed.update(operation.outputs)
    return fixed


def _multiplies_computed(operation: Operation, fixed: set[str]) -> bool:
    factors = operation.inputs[:2]
    return len(factors) == 2 and not any(name in fixed for name in factors)


def _mark_between_products(
    operations: Sequence[Operation], found: list[Kind], makers: dict[str, int]
) -> None:
    """What is computed between two products of attention, without another product in between."""
    readers = defaultdict(list)
    for i, operation in enumerate(operations):
        for name in operation.inputs:
            readers[name].append(i)

    def before(i: int) -> list[int]:
        return [makers[name] for name in operations[i].inputs if name in makers]

    def behind(i: int) -> list[int]:
        return [reader for name in operations[i].outputs if name for reader in readers[name]]

    products = [i for i, kind in enumerate(found) if kind == "attention"]
    reached = []
    for step in (before, behind):
        met: set[int] = set()
        waiting = [place for i in products for place in step(i)]
        while waiting:
            place = waiting.pop()
            if place not in met and found[place] in ("other", "activation", "data movement"):
                met.add(place)
                waiting += step(place)
        reached.append(met)
    for place in reached[0] & reached[1]:
        if found[place] != "data movement":
            found[place] = "attention"


def _is_gated(
    factors: Sequence[str], operations: Sequence[Operation], makers: dict[str, int]
) -> bool:
    """Whether one factor is a function of the other: x * sigmoid(x)."""
    for x, gate in (factors, factors[::-1]) if len(factors) == 2 else ():
        maker = operations[makers[gate]] if gate in makers else None
        if maker is not None and _type(maker) in _GATES and x in maker.inputs:
            return True
    return False
