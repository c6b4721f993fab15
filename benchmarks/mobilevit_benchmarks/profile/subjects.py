"""Profiles beside a result: what the operations of each of its measurements take."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..cases import Subject, subjects_by_hash
from ..measurement import BenchmarkResult
from . import PROFILED, OperationProfile, profile_operations


def profile_result(
    result: BenchmarkResult, subjects: Sequence[Subject], *, report: Callable[[str], None] = print
) -> BenchmarkResult:
    """`result` with a profile of every measurement of one image on a runtime that has a profiler,
    by the delegate it takes unless asked.

    Args:
        subjects: what was measured, on this machine.

    Raises:
        ConversionError, MissingDependencyError: as `profile_operations`.
    """
    by_hash = subjects_by_hash(subjects)
    profiles: dict[tuple[str, str, int], OperationProfile] = {}
    for m in result.measurements:
        key = m.artifact_sha256, m.runtime, m.threads
        if m.runtime not in PROFILED or m.batch != 1 or key in profiles or m.delegate == "builtin":
            continue
        subject = by_hash[m.artifact_sha256]
        profiles[key] = profile_operations(subject.artifact, m.runtime, m.threads, subject.feeds)
        report(
            f"{m.model.name} {m.name} on {m.runtime}: {len(profiles[key].operations)} operations"
        )
    return result.model_copy(update={"profiles": tuple(profiles.values())})
