"""Every sample as a row of CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from mobilevit.files import atomic_file

from .model import Report, Row, Run, device_name

COLUMNS = (
    "device",
    "created",
    "model",
    "name",
    "artifact",
    "artifact_sha256",
    "runtime",
    "runtime_version",
    "delegate",
    "delegate_ran",
    "threads",
    "batch",
    "launch",
    "round",
    "index",
    "ns",
    "disturbed",
)
_FORMULA = ("=", "+", "-", "@")  # what a spreadsheet would compute


def write_csv(report: Report, path: Path) -> None:
    """Write one row per sample, with the columns of `COLUMNS`: `launch`, `round` and `index` count
    from 0, `ns` is the time of the run, `disturbed` is 1 in a round that the sentinel marks.

    A name that a spreadsheet would take for a formula has an apostrophe before it. Warm-up runs and
    instruction counts are not among the rows.

    Raises:
        InputError: the file cannot be written.
    """
    with atomic_file(path) as aside, aside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for run in report.runs:
            for row in run.rows:
                writer.writerows(_samples(run, row))


def _samples(run: Run, row: Row) -> Iterator[tuple[str | int, ...]]:
    m = row.measurement
    case: tuple[str | int, ...] = (
        *map(_plain, (device_name(run.result.device), run.result.created.isoformat())),
        *map(_plain, (m.model.name, m.name, m.artifact, m.artifact_sha256)),
        *map(_plain, (m.runtime, m.runtime_version, m.delegate, m.delegate_ran)),
        m.threads,
        m.batch,
    )
    launches = chain.from_iterable(
        ((number, timed) for timed in launch.rounds) for number, launch in enumerate(m.launches)
    )
    for launch, timed in launches:
        disturbed = int(timed.number in row.disturbed)
        for index, ns in enumerate(timed.samples_ns):
            yield (*case, launch, timed.number, index, ns, disturbed)


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
