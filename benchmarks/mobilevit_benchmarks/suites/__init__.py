"""Sets of models that are measured together, one file each: a table, and what exports it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mobilevit.errors import unknown_name

from ..cases import Subject
from ..devices.arm64_root import cache_folder
from .preparation import Prepared, prepare

SUITES = ("paper",)


def suite_subjects(name: str, *, report: Callable[[str], None] = print) -> list[Subject]:
    """The artifacts of a suite, exported first where they are not in the cache yet.

    Raises:
        InputError: there is no such suite, or as `preparation.prepare`.
        MissingDependencyError: as `preparation.prepare`.
    """
    if name not in SUITES:
        raise unknown_name("suite", name, SUITES)
    from .paper import ENTRIES

    prepared = prepare(ENTRIES, cache_folder() / "suites" / name, report=report)
    return [subject for each in prepared for subject in _subjects(each)]


def _subjects(prepared: Prepared) -> list[Subject]:
    """With what a report sets against latency."""
    facts = {
        "name": prepared.entry.name,
        "parameters": prepared.record.parameters,
        "multiply_adds": prepared.record.multiply_adds,
        "family": prepared.entry.family,
        "label": prepared.entry.label,
        "variant": prepared.entry.series != "models",
    }
    return [
        replace(subject, model=subject.model.model_copy(update=facts))
        for subject in prepared.subjects()
    ]
