"""An inspection as a person reads it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from .records import Inspection, Port

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ..lint import Finding
    from ..partition import Prediction
    from .placement import Placement

_STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}
_NAMED = 3  # how many places of a finding are named
_NAME_LENGTH = 40
_VALUE_LENGTH = 96


def sections(
    inspection: Inspection, predictions: Sequence[Prediction], findings: Sequence[Finding]
) -> Iterator[RenderableType]:
    """Header, interface, metadata, operations, constants, predictions and findings."""
    yield Text(f"{inspection.file}: {inspection.format}, {_size(inspection.size)}\n", "bold")
    ports = [("input", port) for port in inspection.inputs]
    ports += [("output", port) for port in inspection.outputs]
    yield _grid(_port(direction, port) for direction, port in ports)
    if inspection.metadata:
        yield _title("metadata")
        yield _grid((key, _cut(value)) for key, value in inspection.metadata.items())
    rank = f", activations of rank {inspection.max_rank} at most" if inspection.max_rank else ""
    yield _title(f"{len(inspection.operations)} operations{rank}")
    yield _indented(", ".join(f"{number} {kind}" for kind, number in inspection.counts.items()))
    yield _title("constants")
    yield _grid(
        ((w.precision, f"{w.elements:,}", _size(w.bytes)) for w in inspection.weights),
        right=(1, 2),
    )
    if predictions:
        yield _title("predicted, not measured")
        yield _grid(map(_prediction, predictions))
    yield _title("lint")
    if not findings:
        yield _indented("nothing found")
    for finding in findings:
        yield from _finding(finding)


def placement_section(placements: Sequence[Placement]) -> Iterator[RenderableType]:
    """Where Core ML would run the program: by device, then what is not on the Neural Engine."""
    counts = Counter(place.preferred or "not said" for place in placements)
    yield _title("Core ML's plan on this Mac")
    yield _grid((device, _operations(number)) for device, number in counts.most_common())
    elsewhere = [place for place in placements if place.preferred != "NeuralEngine"]
    yield _grid(
        (
            place.operation,
            place.output,
            place.preferred or "",
            "" if place.cost is None else f"{place.cost:.1%}",
        )
        for place in elsewhere
    )


def _operations(number: int) -> str:
    return f"{number} operation" if number == 1 else f"{number} operations"


def _title(text: str) -> Text:
    return Text(f"\n{text}", "bold")


def _indented(content: str | Text | Table, by: int = 2) -> RenderableType:
    return Padding(content, (0, 0, 0, by), expand=False)


def _grid(rows: Iterable[Sequence[str]], right: Sequence[int] = ()) -> RenderableType:
    """Columns side by side; the last one is broken into lines where it does not fit."""
    rows = list(rows)
    columns = max(map(len, rows), default=0)
    table = Table.grid(padding=(0, 3, 0, 0))
    for column in range(columns):
        table.add_column(
            justify="right" if column in right else "left", no_wrap=column < columns - 1
        )
    for row in rows:
        table.add_row(*map(Text, row))
    return _indented(table)


def _cut(value: str) -> str:
    """Long metadata by its beginning; `--json` has all of it."""
    return value if len(value) <= _VALUE_LENGTH else f"{value[:_VALUE_LENGTH]}…"


def _size(count: int) -> str:
    return f"{count / 1e6:.2f} MB" if count >= 100_000 else f"{count / 1e3:.2f} kB"


def _port(direction: str, port: Port) -> tuple[str, ...]:
    shapes = port.shapes or (() if port.shape is None else (port.shape,))
    told = " or ".join(" x ".join(map(str, shape)) or "scalar" for shape in shapes)
    return direction, port.name, port.dtype, told, port.kind


def _prediction(p: Prediction) -> tuple[str, ...]:
    count = len(p.regions)
    regions = "one by one" if p.delegate.single else _regions(count)
    if len(p.kept) < count:
        largest = "the largest" if len(p.kept) == 1 else f"the {len(p.kept)} largest"
        regions = f"{largest} of {regions}"
    return p.delegate.name, f"{p.taken} of {p.total} operations", regions, p.delegate.read


def _regions(count: int) -> str:
    return "1 region" if count == 1 else f"{count} regions"


def _finding(finding: Finding) -> Iterator[RenderableType]:
    head = Text()
    head.append(finding.severity, _STYLES[finding.severity])
    head.append(f" {finding.rule}", "bold").append(f": {', '.join(finding.targets)}")
    yield _indented(head)
    yield _indented(Text(finding.what), 4)
    if finding.where:
        names = ", ".join(_short(name) for name in finding.where[:_NAMED])
        more = len(finding.where) - _NAMED
        yield _indented(Text(f"at: {names}{f' and {more} more' if more > 0 else ''}"), 4)
    yield _indented(Text(f"why: {finding.why}"), 4)
    yield _indented(Text(f"way out: {finding.way_out}"), 4)


def _short(name: str) -> str:
    """The end of a long name, which is the part that tells it apart."""
    last = name.rstrip(";").rsplit("/", 1)[-1]
    return last if len(last) <= _NAME_LENGTH else f"...{last[-_NAME_LENGTH:]}"
