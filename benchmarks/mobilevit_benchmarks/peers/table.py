"""The comparison as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from mobilevit.markdown import escaped

from ..table import milliseconds
from .record import GraphRow, PeersRecord, Row

_NOT_ENOUGH = "not enough data"


def markdown(record: PeersRecord) -> str:
    """GitHub's Markdown, ending with a line break."""
    blocks = [_conditions(record)]
    if record.rows:
        blocks.append(_timed_table(record))
    if record.graphs:
        blocks.append(_graph_table(record.graphs))
    if record.left_out:
        blocks.append(
            "Not there:\n\n"
            + "\n".join(f"- {escaped(x.what)}: {escaped(x.reason)}" for x in record.left_out)
        )
    return "\n\n".join(blocks) + "\n"


def _conditions(record: PeersRecord) -> str:
    height, width = record.image_size
    device = record.device
    where = "" if device is None else f"{device.chip or device.machine}, {device.cores} cores; "
    tools = ", ".join(f"{name} {version}" for name, version in sorted(record.tools.items()))
    return escaped(
        f"{where}one thread, {width}x{height} pixels, {record.launches} launches, "
        f"{record.rounds} rounds in turns, {record.created[:10]}; calibrated on "
        f"{record.calibration}; {tools}"
    )


def _timed_table(record: PeersRecord) -> str:
    headings = ["model", "runtime", "export", "MB", "p50, ms", "times as fast (95 %)", "same label"]
    if record.data is not None:
        headings.append(f"top-1, {record.data.images} photos")
    if record.processor is not None:
        headings.append(f"M instructions, emulated {record.processor}")
    lines = [
        _line(
            row.model,
            f"{row.runtime} {row.runtime_version}",
            f"{row.maker} {row.precision}",
            f"{row.artifact_bytes / 1e6:.2f}",
            "" if row.p50_ns is None else milliseconds(row.p50_ns),
            _speed(row),
            f"{row.same_top1:.1%} of {row.images}",
            *([_or_nothing(row.top1, "{:.2%}")] if record.data is not None else []),
            *([_millions(row.instructions)] if record.processor is not None else []),
        )
        for row in record.rows
    ]
    notes = [
        "Times as fast: as timm's float export on the same runtime, with its 95 % interval. Same "
        "label: as the checkpoint in torch, on photos that come with packages."
    ]
    unsure = [row for row in record.rows if row.speed and row.speed.verdict == _NOT_ENOUGH]
    if unsure:
        notes.append("?: not enough data for a verdict.")
    if record.processor is not None:
        notes.append("Instructions are a count, not a latency.")
    return "\n".join([*_heading(headings, text=3), *lines]) + "\n\n" + " ".join(notes)


def _graph_table(rows: Sequence[GraphRow]) -> str:
    headings = ["model", "Core ML export", "MB", "operations", "highest rank", "same label"]
    lines = [
        _line(
            row.model,
            f"{row.maker} {row.precision}",
            f"{row.artifact_bytes / 1e6:.2f}",
            str(row.operations),
            _or_nothing(row.max_rank, "{}"),
            f"{row.same_top1:.1%} of {row.images}",
        )
        for row in rows
    ]
    note = "Core ML was not run: these are of the file, and its label is by `coreml_reference`."
    return "\n".join([*_heading(headings, text=2), *lines]) + f"\n\n{note}"


def _speed(row: Row) -> str:
    if row.speed is None:
        return "" if row.p50_ns is None else "1"
    sign = "?" if row.speed.verdict == _NOT_ENOUGH else ""
    return f"{row.speed.times:.2f} ({row.speed.low:.2f}-{row.speed.high:.2f}){sign}"


def _millions(count: int | None) -> str:
    return "" if count is None else f"{count / 1e6:.0f}"


def _or_nothing(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)


def _heading(headings: Sequence[str], text: int) -> list[str]:
    """With the first `text` columns to the left, and the others to the right."""
    rule = ["---" if place < text else "--:" for place in range(len(headings))]
    return [_line(*headings), f"|{'|'.join(rule)}|"]


def _line(*cells: str) -> str:
    return f"| {' | '.join(escaped(cell) for cell in cells)} |"
