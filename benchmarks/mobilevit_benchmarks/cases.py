"""What is timed: subjects, and the cases they unfold into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from mobilevit.bundle import (
    ArtifactRecord,
    Manifest,
    find_file,
    hash_artifact,
    read_manifest,
)
from mobilevit.check import golden_pixels
from mobilevit.errors import InputError, unknown_name
from mobilevit.prediction import feed
from mobilevit.runtimes import RUNTIMES, Runtime, runtimes_for

from .measurement import ModelFacts, NotTimed

# runtimes that a device has, and the delegates of each, the one to take unless asked first
Offer = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, eq=False)
class Subject:
    """An artifact to time.

    Args:
        artifact: the file, or the `.mlpackage` folder.
        name: what tables call it, such as "onnx fp32".
        model: the model it was exported from.
        runtime: the one to time it on; None for every timed runtime present that opens it.
        feeds: every input by name, in the artifact's shapes and dtypes, for a batch of one; None
            to draw them from the protocol's seed.
        any_batch: whether it takes batches other than one; None where that is not known.
    """

    artifact: Path
    name: str
    model: ModelFacts
    runtime: str | None = None
    feeds: Mapping[str, NDArray[Any]] | None = None
    any_batch: bool | None = None


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
            name=f"{record.format} {record.variant}",
            model=_facts(manifest, record),
            feeds={
                record.input.name: feed(
                    pixels, tuple(abs(side) for side in record.input.shape), record.input.dtype
                )
            },
            any_batch=record.input.shape[0] == -1,
        )
        for record in manifest.artifacts
    ]


def _facts(manifest: Manifest, record: ArtifactRecord) -> ModelFacts:
    accuracy = record.accuracy[-1] if record.accuracy else None
    return ModelFacts(
        name=manifest.model.name,
        parameters=manifest.model.parameters,
        image_size=manifest.preprocessing.image_size,
        top1=None if accuracy is None else accuracy.top1,
        data=None if accuracy is None else f"{accuracy.data.name}, {accuracy.data.images} images",
    )


@dataclass(frozen=True, eq=False)
class Case:
    """One subject on one runtime, with one delegate, number of threads and batch."""

    subject: Subject
    runtime: str
    delegate: str
    threads: int
    batch: int = 1

    def __str__(self) -> str:
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        batch = "" if self.batch == 1 else f", batch {self.batch}"
        return (
            f"{self.subject.model.name} {self.subject.name} on {self.runtime} "
            f"({self.delegate}) with {threads}{batch}"
        )


def unfold(
    subjects: Sequence[Subject],
    *,
    threads: Sequence[int] = (1,),
    batches: Sequence[int] = (1,),
    delegates: Sequence[str] = (),
    offer: Offer | None = None,
) -> tuple[list[Case], list[NotTimed]]:
    """Every case of `subjects`, and the subjects that the device cannot time.

    Args:
        delegates: to time with; none: the first of each runtime.
        offer: what the device has; None: what this Python has.

    Raises:
        InputError: no subject or no number of threads is given, a number is below 1, a subject's
            artifact is missing, its runtime or a delegate is unknown or not one that is timed, or
            nothing at all can be timed there.
        MissingDependencyError: the runtime a subject names is not installed.
    """
    if not subjects:
        raise InputError("there is nothing to benchmark", "give at least one artifact")
    for what, numbers in (("threads", threads), ("batches", batches)):
        if not numbers or min(numbers) < 1:
            raise InputError(
                f"{list(numbers)} is not a choice of {what}", "give 1 or more, such as 1"
            )
    cases: list[Case] = []
    left_out: list[tuple[Subject, InputError]] = []
    known_delegates: set[str] = set()
    for subject in subjects:
        present, reason = _timed_runtimes(subject, offer)
        if reason is not None:
            left_out.append((subject, reason))
        for runtime, offered in present.items():
            known_delegates.update(offered)
            chosen = [x for x in dict.fromkeys(delegates or offered[:1]) if x in offered]
            if not chosen:
                asked = ", ".join(delegates) or "any"
                left_out.append((subject, InputError(f"{runtime} has no delegate of {asked}")))
            for batch in dict.fromkeys(batches):
                if batch > 1 and subject.any_batch is False:
                    left_out.append((subject, _fixed_batch(batch)))
                    continue
                cases += [
                    Case(subject, runtime, delegate, count, batch)
                    for delegate in chosen
                    for count in dict.fromkeys(threads)
                ]
    for name in delegates:
        if known_delegates and name not in known_delegates:
            raise unknown_name("delegate", name, known_delegates)
    if not cases:
        raise left_out[0][1]
    return cases, [
        NotTimed(
            name=subject.name,
            model=subject.model.name,
            artifact=subject.artifact.name,
            reason=error.message + (f" ({error.hint})" if error.hint else ""),
        )
        for subject, error in left_out
    ]


def _fixed_batch(batch: int) -> InputError:
    return InputError(
        f"it takes one image at a time, not {batch}",
        "`mobilevit export --dynamic-batch` makes an ONNX file that takes any number",
    )


def _timed_runtimes(
    subject: Subject, offer: Offer | None
) -> tuple[dict[str, tuple[str, ...]], InputError | None]:
    """The runtimes to time `subject` on with their delegates, or why there is none there."""
    artifact = subject.artifact
    if not artifact.exists():
        raise InputError(f"there is no artifact `{artifact}`", "check the path")
    if subject.runtime is not None:
        known = [_named(subject.runtime, artifact)]
    else:
        known = [runtime for runtime in runtimes_for(artifact, available=False) if runtime.timed]
    if not known:
        opened = sorted({s for r in RUNTIMES.values() if r.timed for s in r.suffixes})
        raise InputError(f"no runtime opens `{artifact.name}`", f"known: {', '.join(opened)}")
    if offer is not None:
        present = {r.name: offer[r.name] for r in known if r.name in offer}
        names = " or ".join(f"`{runtime.name}`" for runtime in known)
        return present, None if present else InputError(f"the device has no {names}")
    if subject.runtime is not None:
        known[0].require()
    present = {runtime.name: runtime.delegates for runtime in known if runtime.available}
    if present:
        return present, None
    try:
        known[0].require()
    except InputError as error:
        return {}, error
    raise AssertionError(f"`{known[0].name}` is and is not available")


def _named(name: str, artifact: Path) -> Runtime:
    if name not in RUNTIMES:
        raise unknown_name("runtime", name, RUNTIMES)
    if not RUNTIMES[name].timed:
        raise InputError(
            f"runtime `{name}` is not timed: it computes what the format means, "
            "not how a device would run it"
        )
    if artifact.suffix not in RUNTIMES[name].suffixes:
        opens = ", ".join(RUNTIMES[name].suffixes)
        raise InputError(f"runtime `{name}` opens {opens}, not `{artifact.name}`")
    return RUNTIMES[name]


def subjects_by_hash(subjects: Sequence[Subject]) -> dict[str, Subject]:
    """By the hash of the artifact, as results name it: two bundles may have files of one name."""
    return {hash_artifact(subject.artifact)[0]: subject for subject in subjects}
