"""Which operations a delegate takes, and in how many regions: the runtimes' own algorithms.

Both runtimes ask a delegate of each operation whether it takes it, and then cut the graph into
regions, each all taken or all left. Every change of region is a copy, and on some a
synchronisation, so one region is the aim. This is a prediction from tables; `delegates` has them.

LiteRT (`PartitionGraphIntoIndependentNodeSubsets` in tflite/graph_info.cc, greedy by default):
the first operation that is ready opens a region of its kind; operations of that kind are added, in
the order of the file and over again, as long as one is ready; then the next region begins.

onnxruntime (`CreateSupportedPartitionNodeGroups` in core/providers/partitioning_utils.cc): ready
operations are taken in turn into the open region; one that is left and reads from the open region
waits for the next, and the region closes when nothing else is ready.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from .delegates import DELEGATES, Delegate, is_unpacked, refusal
from .inspection import Inspection, Operation


@dataclass(frozen=True)
class Prediction:
    """What one delegate would do with one artifact. Numbers are places in `operations`."""

    delegate: Delegate
    total: int  # operations that run; those folded at load are not counted
    regions: tuple[tuple[int, ...], ...]  # that the delegate can take
    refused: tuple[tuple[int, str], ...]  # with the reason

    @property
    def kept(self) -> tuple[tuple[int, ...], ...]:
        """The regions that the delegate takes by default, the largest first."""
        largest = sorted(self.regions, key=len, reverse=True)
        return tuple(largest[: self.delegate.max_regions])

    @property
    def taken(self) -> int:
        return sum(map(len, self.kept))


def predict(inspection: Inspection) -> list[Prediction]:
    """One prediction for each delegate that has a table for the format; none for Core ML, which
    documents no table."""
    return [
        partition(inspection, delegate)
        for delegate in DELEGATES
        if delegate.format == inspection.format
    ]


def partition(inspection: Inspection, delegate: Delegate) -> Prediction:
    """Cut the graph of `inspection` as the runtime of `delegate` does."""
    running = [
        place
        for place, operation in enumerate(inspection.operations)
        if not operation.outputs or inspection.activations(operation.outputs)
    ]
    refused, unpacking = {}, set()
    for place in running:
        operation = inspection.operations[place]
        if is_unpacked(delegate, operation, inspection):
            unpacking.add(place)
        elif reason := refusal(delegate, operation, inspection):
            refused[place] = reason
    readers = _readers(inspection, running)
    for place in unpacking:  # an unpacked constant is of use to a delegate that reads it alone
        if any(reader in refused for reader in readers[place]):
            refused[place] = "unpacks a constant for an operation that is left"
    taken = set(running) - refused.keys()
    cut = _cut_litert if delegate.format == "TFLite" else _cut_onnxruntime
    return Prediction(
        delegate=delegate,
        total=len(running),
        regions=tuple(cut(running, readers, taken)),
        refused=tuple(sorted(refused.items())),
    )


def _readers(inspection: Inspection, running: Sequence[int]) -> dict[int, list[int]]:
    """For each operation, those that read what it makes, in the order of the file."""
    makers = {name: p for p in running for name in inspection.operations[p].outputs if name}
    readers: dict[int, list[int]] = {place: [] for place in running}
    for place in running:
        for maker in _makers(inspection.operations[place], makers):
            readers[maker].append(place)
    return readers


def _makers(operation: Operation, makers: dict[str, int]) -> set[int]:
    return {makers[name] for name in operation.inputs if name in makers}


def _waiting(running: Sequence[int], readers: dict[int, list[int]]) -> dict[int, int]:
    """For each operation, how many others it waits for."""
    waiting = dict.fromkeys(running, 0)
    for places in readers.values():
        for place in places:
            waiting[place] += 1
    return waiting


def _cut_litert(
    running: Sequence[int], readers: dict[int, list[int]], taken: set[int]
) -> list[tuple[int, ...]]:
    waiting, left, regions = _waiting(running, readers), list(running), []
    while ready := [place for place in left if not waiting[place]]:
        kind, region = ready[0] in taken, []
        while step := [p for p in left if not waiting[p] and (p in taken) == kind]:
            for place in step:
                region.append(place)
                for reader in readers[place]:
                    waiting[reader] -= 1
            done = set(step)
            left = [place for place in left if place not in done]
        if kind:
            regions.append(tuple(sorted(region)))
    return regions


def _cut_onnxruntime(
    running: Sequence[int], readers: dict[int, list[int]], taken: set[int]
) -> list[tuple[int, ...]]:
    waiting, regions = _waiting(running, readers), []
    ready = deque(place for place in running if not waiting[place])
    later: deque[int] = deque()
    region: list[int] = []
    border: set[int] = set()  # what reads from the open region
    while ready or later:
        if not ready:
            if region:
                regions.append(tuple(region))
            region, border, ready, later = [], set(), later, deque()
            continue
        place = ready.popleft()
        if place in taken:
            region.append(place)
            border |= set(readers[place])
        elif place in border:
            later.append(place)
            continue
        for reader in readers[place]:
            waiting[reader] -= 1
            if not waiting[reader]:
                ready.append(reader)
    if region:
        regions.append(tuple(region))
    return regions
