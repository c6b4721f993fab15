"""A profile as a table for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from .grouping import floors, grouped
from .records import KINDS, UNKNOWN, Kind, OperationProfile

_HEADINGS: dict[Kind, str] = {
    "convolution": "convo-\nlution",
    "attention": "atten-\ntion",
    "linear": "\nlinear",
    "normalization": "normali-\nzation",
    "activation": "acti-\nvation",
    "data movement": "data\nmoved",
    "other": "\nother",
}


def profile_table(profile: OperationProfile) -> Table:
    """Stages down, kinds across, in ms, with sums and shares; about 90 columns wide."""
    table = Table(
        title=_title(profile),
        title_justify="left",
        caption=_caption(profile),
        caption_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    table.add_column("\nms", overflow="fold")
    for kind in KINDS:
        table.add_column(_HEADINGS[kind], justify="right", no_wrap=True)
    table.add_column("\nsum", justify="right", no_wrap=True)
    table.add_column("share\n%", justify="right", no_wrap=True)
    rows = grouped(profile)
    for stage, times in rows.items():
        _add(table, profile, stage, times.values())
    table.add_section()
    sums = [sum(times[kind] for times in rows.values()) for kind in KINDS]
    _add(table, profile, "operations", sums)
    table.add_row("share %", *(f"{100 * profile.share(ns):.1f}" for ns in sums))
    lowest = [floors(profile)[kind] for kind in KINDS]
    if any(lowest):
        _add_floor(table, [*sums, sum(sums)], [*lowest, sum(lowest)])
    blank = [""] * len(KINDS)
    table.add_row("the rest", *blank, _milliseconds(profile.rest_ns))
    table.add_row("whole", *blank, _milliseconds(profile.whole_ns))
    return table


def _add(table: Table, profile: OperationProfile, name: str, times: Iterable[float]) -> None:
    times = list(times)
    cells = [_milliseconds(ns) if ns else "" for ns in times]
    share = f"{100 * profile.share(sum(times)):.1f}"
    table.add_row(escape(name), *cells, _milliseconds(sum(times)), share)


def _add_floor(table: Table, times: Sequence[float], lowest: Sequence[float]) -> None:
    """What the multiply-adds alone would take, and how many times that it takes."""
    table.add_row("floor", *(_milliseconds(ns) if ns else "" for ns in lowest))
    ratios = (f"{ns / least:.2f}" if least else "" for ns, least in zip(times, lowest, strict=True))
    table.add_row("x floor", *ratios)


def _milliseconds(ns: float) -> str:
    return f"{ns / 1e6:.3f}"


def _title(profile: OperationProfile) -> str:
    threads = "1 thread" if profile.threads == 1 else f"{profile.threads} threads"
    return escape(
        f"{profile.artifact} on {profile.runtime} {profile.runtime_version}, {threads}: "
        f"median of {profile.runs} runs"
    )


def _caption(profile: OperationProfile) -> str:
    lines = [
        f"with the profiler on, a run takes {_milliseconds(profile.profiled_whole_ns)} ms, "
        f"{_milliseconds(profile.outside_ns)} ms of it in no operation",
        profile.method,
    ]
    if profile.deducted_ns:
        lines.insert(
            1, f"{profile.deducted_ns / 1e3:.2f} µs of the profiler's taken off each operation"
        )
    if any(floors(profile).values()):
        lines.append(floor_line(profile))
    nameless = sum(operation.stage == UNKNOWN for operation in profile.operations)
    if nameless:
        lines.append(
            f"{UNKNOWN}: the file names no module for {nameless} of "
            f"{len(profile.operations)} operations"
        )
    return escape("\n".join(lines))


def floor_line(profile: OperationProfile) -> str:
    """What the floor is made of, and how far the whole is from it; for a profile that has one."""
    counted = sum(operation.multiply_adds or 0 for operation in profile.operations)
    rates = ", ".join(f"{rate:.1f} G/s in {name}" for name, rate in profile.rates.items())
    times = profile.whole_ns / sum(floors(profile).values())
    line = (
        f"floor: {counted / 1e9:.3f} G multiply-adds at the rate of a large dense product, "
        f"{rates}; the whole takes {times:.2f} times that"
    )
    unknown = sum(operation.multiply_adds is None for operation in profile.operations)
    if not unknown:
        return line
    words = "operation is" if unknown == 1 else "operations are"
    return f"{line}; {unknown} {words} not in it: the file does not tell enough of them"
