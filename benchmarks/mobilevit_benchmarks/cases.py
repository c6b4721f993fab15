"""What is timed: subjects, and the cases they unfold into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from mobilevit.bundle import find_file, read_manifest
from mobilevit.check import golden_pixels
from mobilevit.errors import InputError, unknown_name
from mobilevit.prediction import feed
from mobilevit.runtimes import RUNTIMES, Runtime, runtimes_for

from .measurement import NotTimed


@dataclass(frozen=True, eq=False)
class Subject:
    """An artifact to time.

    Args:
        artifact: the file, or the `.mlpackage` folder.
        name: what tables call it, such as "onnx fp32".
        model: the model it was exported from.
        runtime: the one to time it on; None for every timed runtime present that opens it.
        feeds: every input by name, in the artifact's shapes and dtypes; None to draw them from
            the protocol's seed.
    """

    artifact: Path
    name: str
    model: str
    runtime: str | None = None
    feeds: Mapping[str, NDArray[Any]] | None = None


def bundle_subjects(bundle: Path) -> list[Subject]:
    """Every artifact of a bundle, fed with its first golden image.

    Raises:
        BundleError: there is no bundle, or one of its files is missing.
    """
    manifest = read_manifest(bundle)
    pixels = golden_pixels(bundle, manifest)[:1]  # [1, H, W, 3]
    return [
        Subject(
            artifact=find_file(bundle, record.file),
            name=f"{record.format} {record.precision}",
            model=manifest.model.name,
            feeds={record.input.name: feed(pixels, record.input.shape, record.input.dtype)},
        )
        for record in manifest.artifacts
    ]


@dataclass(frozen=True, eq=False)
class Case:
    """One subject on one runtime with one number of threads: what one worker times."""

    subject: Subject
    runtime: str
    threads: int

    def __str__(self) -> str:
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return f"{self.subject.model} {self.subject.name} on {self.runtime} with {threads}"


def unfold(
    subjects: Sequence[Subject], threads: Sequence[int]
) -> tuple[list[Case], list[NotTimed]]:
    """Every case of `subjects`, and the subjects that no runtime present can time.

    Raises:
        InputError: no subject or no number of threads is given, a number of threads is below 1,
            a subject's artifact is missing, its runtime is unknown or not one that is timed, or
            nothing at all can be timed here.
        MissingDependencyError: the runtime a subject names is not installed.
    """
    if not subjects:
        raise InputError("there is nothing to benchmark", "give at least one artifact")
    if not threads or min(threads) < 1:
        raise InputError(f"{list(threads)} is not a choice of threads", "give 1 or more, such as 1")
    cases: list[Case] = []
    not_timed: list[NotTimed] = []
    reasons: list[InputError] = []
    for subject in subjects:
        present, reason = _timed_runtimes(subject)
        cases += [
            Case(subject, runtime.name, count)
            for runtime in present
            for count in dict.fromkeys(threads)
        ]
        if reason is not None:
            reasons.append(reason)
            hint = f" ({reason.hint})" if reason.hint else ""
            not_timed.append(
                NotTimed(
                    name=subject.name,
                    model=subject.model,
                    artifact=subject.artifact.name,
                    reason=reason.message + hint,
                )
            )
    if not cases:
        raise reasons[0]
    return cases, not_timed


def _timed_runtimes(subject: Subject) -> tuple[list[Runtime], InputError | None]:
    """The runtimes to time `subject` on, or why there is none here."""
    artifact = subject.artifact
    if not artifact.exists():
        raise InputError(f"there is no artifact `{artifact}`", "check the path")
    if subject.runtime is not None:
        if subject.runtime not in RUNTIMES:
            raise unknown_name("runtime", subject.runtime, RUNTIMES)
        runtime = RUNTIMES[subject.runtime]
        if not runtime.timed:
            raise InputError(
                f"runtime `{runtime.name}` is not timed: it computes what the format means, "
                "not how a device would run it"
            )
        runtime.require()
        return [runtime], None
    known = [runtime for runtime in runtimes_for(artifact, available=False) if runtime.timed]
    if not known:
        opened = sorted({s for r in RUNTIMES.values() if r.timed for s in r.suffixes})
        raise InputError(f"no runtime opens `{artifact.name}`", f"known: {', '.join(opened)}")
    present = [runtime for runtime in known if runtime.available]
    if present:
        return present, None
    try:
        known[0].require()
    except InputError as error:
        return [], error
    raise AssertionError(f"`{known[0].name}` is and is not available")
