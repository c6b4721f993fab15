"""What in an artifact will cost it an accelerator, and the way out.

Every finding is read off the file by a documented limit; nothing is measured. An error is a form
that the accelerators named refuse, or run worse, whatever the device: this SDK does not write one.
A warning leaves some of the graph off an accelerator. A note is worth knowing. `mobilevit inspect`
exits with 1 for an error, and with 0 for the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from .inspection import Inspection, Operation
from .inspection.records import NO_TENSOR, Shape, is_static
from .partition import Prediction, predict

Severity = Literal["error", "warning", "note"]

MAX_RANK = 4  # what TFLite's GPU delegate takes, and Apple's advice for the Neural Engine
_COREML_MAX_RANK = 5

_RANK_TARGETS = {
    "TFLite": ("GPU delegate", "NNAPI delegate"),
    "ONNX": ("onnxruntime NNAPI",),
    "Core ML": ("Apple Neural Engine",),
}
_INT64_TARGETS = {
    "TFLite": ("XNNPACK delegate", "GPU delegate", "NNAPI delegate"),
    "ONNX": ("onnxruntime NNAPI",),
    "Core ML": ("Core ML",),
}
_RANK_REASONS = {
    "TFLite": "the GPU delegate leaves every operation with a tensor of rank 5 to the CPU "
    "(IsAllAllowedTensors in its model_builder.cc), and NNAPI's takes four sides in RESHAPE",
    "ONNX": "onnxruntime's NNAPI provider takes up to four sides in Reshape, Transpose and Concat; "
    "its Core ML provider takes five",
    "Core ML": "four sides, channels first, is what suits the Neural Engine (Apple, Deploying "
    "Transformers on the Apple Neural Engine); where it runs five is not documented",
}


@dataclass(frozen=True)
class Finding:
    """One fault: `what` is wrong, `where`, on which `targets`, `why` it matters, `way_out`."""

    rule: str
    severity: Severity
    targets: tuple[str, ...]
    what: str
    where: tuple[str, ...]  # names of operations, inputs or outputs
    why: str
    way_out: str


def lint(inspection: Inspection, *, dynamic_batch: bool = False) -> list[Finding]:
    """Every finding, the gravest first.

    Args:
        dynamic_batch: an open first side of inputs and outputs is meant to be.
    """
    predictions = predict(inspection)
    findings = [
        *_rank(inspection),
        *_dynamic(inspection, dynamic_batch),
        *_int64(inspection),
        *_strided_slices(inspection),
        *(finding for p in predictions for finding in _unsupported(inspection, p)),
        *_neural_engine(inspection),
    ]
    order: list[Severity] = ["error", "warning", "note"]
    return sorted(findings, key=lambda finding: order.index(finding.severity))


def _family(inspection: Inspection) -> str:
    return inspection.format.split(",")[0]


def _numbered(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _by_type(operations: Sequence[Operation]) -> str:
    counts = Counter(operation.type for operation in operations)
    return ", ".join(f"{number} {name}" for name, number in counts.most_common())


def _rank(inspection: Inspection) -> Iterator[Finding]:
    """Activations of more than four sides, each named by the operation that makes it."""
    made = [
        (operation, max((tensor.rank or 0) for tensor in tensors))
        for operation in inspection.operations
        if (tensors := inspection.activations(operation.outputs))
    ]
    high = [operation for operation, rank in made if rank > MAX_RANK]
    ports = [port for port in inspection.inputs if port.shape and len(port.shape) > MAX_RANK]
    if not high and not ports:
        return
    top = max([rank for _, rank in made] + [len(port.shape or ()) for port in ports])
    family = _family(inspection)
    targets, why = _RANK_TARGETS[family], _RANK_REASONS[family]
    if family == "Core ML" and top > _COREML_MAX_RANK:
        targets = ("Core ML",)
        why = "Core ML takes tensors of rank 5 at most (coremltools issue 1723)"
    what = f"tensors of rank {top}" if top == MAX_RANK + 1 else f"tensors of rank up to {top}"
    yield Finding(
        rule="rank",
        severity="error",
        targets=targets,
        what=f"{what}, made by {_by_type(high)}" if high else f"inputs of rank {top}",
        where=(*(operation.name for operation in high), *(port.name for port in ports)),
        why=why,
        way_out="write the reshape with four sides: fold the batch into its neighbour, or split "
        "q, k and v by three projections instead of one of five sides",
    )


def _dynamic(inspection: Inspection, dynamic_batch: bool) -> Iterator[Finding]:
    def is_open(shape: Shape | None) -> bool:
        return shape is not None and not is_static(shape[1:] if dynamic_batch else shape)

    ports = [p.name for p in (*inspection.inputs, *inspection.outputs) if is_open(p.shape)]
    inner = [
        operation.name
        for operation in inspection.operations
        if any(is_open(tensor.shape) for tensor in inspection.activations(operation.outputs))
    ]
    if not ports and not inner:
        return
    by_family = {
        "TFLite": (
            ("GPU delegate", "NNAPI delegate"),
            "a delegate plans its memory when it loads; LiteRT takes 1 for an open side until "
            "the input is resized, which makes it plan again",
        ),
        "ONNX": (
            ("onnxruntime NNAPI",),
            "onnxruntime's NNAPI provider refuses an operation with an open side "
            "(BaseOpBuilder::HasSupportedInputOutputs)",
        ),
        "Core ML": (
            ("Apple Neural Engine",),
            "of a range of shapes the Neural Engine runs the default alone (Apple's answer in its "
            "developer forums, thread 724930)",
        ),
    }
    targets, why = by_family[_family(inspection)]
    yield Finding(
        rule="dynamic-shape",
        severity="warning",
        targets=targets,
        what=f"{_numbered(len(ports), 'input or output')} and "
        f"{_numbered(len(inner), 'operation')} with an open side",
        where=(*ports, *inner),
        why=why,
        way_out="export at one image size; one file for each size where more are needed",
    )


def _int64(inspection: Inspection) -> Iterator[Finding]:
    """Numbers of 64 bits that are computed when the model runs. Constants, and what a runtime
    folds when it loads the file, are none."""
    makers = [
        operation
        for operation in inspection.operations
        if any(t.dtype in ("int64", "uint64") for t in inspection.activations(operation.outputs))
    ]
    if makers:
        yield Finding(
            rule="int64",
            severity="warning",
            targets=_INT64_TARGETS[_family(inspection)],
            what=f"int64 computed at run time by {_by_type(makers)}",
            where=tuple(operation.name for operation in makers),
            why="what these accelerators take between operations has 32 bits at most",
            way_out="fix the shapes, so that what is computed from them folds; cast indices to "
            "int32",
        )


def _strided_slices(inspection: Inspection) -> Iterator[Finding]:
    slices = [
        operation
        for operation in inspection.operations
        if operation.type == "STRIDED_SLICE"
        and (
            any(step != 1 for step in operation.attributes.get("strides", ()))
            or any(
                operation.attributes.get(mask)
                for mask in ("ellipsisMask", "newAxisMask", "shrinkAxisMask")
            )
        )
    ]
    if slices:
        yield Finding(
            rule="strided-slice",
            severity="warning",
            targets=("XNNPACK delegate",),
            what=f"{_numbered(len(slices), 'strided slice')} with a stride other than 1, or an "
            "axis added or dropped",
            where=tuple(operation.name for operation in slices),
            why="XNNPACK takes strides of 1 without such masks only "
            "(VisitStridedSliceNode in xnnpack_delegate.cc), so each cuts its region in two",
            way_out="reshape and take a plain slice, or a convolution with that stride",
        )


def _unsupported(inspection: Inspection, prediction: Prediction) -> Iterator[Finding]:
    """What a delegate leaves to the CPU, by type and reason, and into how many regions that cuts
    the graph."""
    if not prediction.refused:
        return
    delegate, regions = prediction.delegate, len(prediction.regions)
    reasons = Counter(
        (inspection.operations[place].type, reason) for place, reason in prediction.refused
    )
    what = f"{len(prediction.refused)} of {prediction.total} operations cannot be taken: "
    what += ", ".join(f"{n} {kind} ({reason})" for (kind, reason), n in reasons.most_common())
    if regions > 1 and not delegate.single:
        what += f"; that cuts the rest into {regions} regions"
        if len(prediction.kept) < regions:
            most = (
                "the largest"
                if delegate.max_regions == 1
                else f"the {delegate.max_regions} largest"
            )
            what += f", of which it takes {most}: {_numbered(prediction.taken, 'operation')}"
    yield Finding(
        rule="unsupported",
        severity="note" if delegate.single else "warning",
        targets=(delegate.name,),
        what=what,
        where=tuple(inspection.operations[place].name for place, _ in prediction.refused),
        why=f"{delegate.source}; not checked: {delegate.unchecked}",
        way_out="the CPU runs what is left; each change between the two copies and waits, so time "
        "it against the CPU alone",
    )


def _neural_engine(inspection: Inspection) -> Iterator[Finding]:
    """What is known of the Neural Engine beyond rank and open shapes, which is little."""
    if _family(inspection) != "Core ML":
        return
    if inspection.format == "Core ML, ML Program":
        wide = [
            operation
            for operation in inspection.operations
            if any(t.dtype == "float32" for t in inspection.activations(operation.outputs))
            and operation.type not in ("cast", "classify")
        ]
        if wide:
            yield Finding(
                rule="precision",
                severity="note",
                targets=("Apple Neural Engine",),
                what=f"{len(wide)} of {len(inspection.operations)} operations compute in float32",
                where=tuple(operation.name for operation in wide),
                why="a program typed float32 runs on GPU and CPU (coremltools guide, Typed "
                "Execution Workflow Example)",
                way_out="export fp16",
            )
    unknown = [
        operation.name
        for operation in inspection.operations
        if any(t.shape is None and t.dtype not in NO_TENSOR for t in
               inspection.activations(operation.outputs))
    ]  # fmt: skip
    if unknown:
        yield Finding(
            rule="unknown-shape",
            severity="note",
            targets=("Apple Neural Engine",),
            what=f"{_numbered(len(unknown), 'operation')} whose shapes are not known",
            where=tuple(unknown),
            why=inspection.metadata.get("shapes", "the file does not declare them"),
            way_out="judge their rank by the model they come from",
        )
    yield Finding(
        rule="not-documented",
        severity="note",
        targets=("Apple Neural Engine",),
        what="which operations the Neural Engine takes is not documented",
        where=(),
        why="Apple publishes no table, and Core ML decides on the device",
        way_out="ask Core ML itself: `mobilevit inspect --placement`, on a Mac",
    )
