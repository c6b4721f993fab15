"""The folder of a plan: everything a device needs, and nothing else."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mobilevit.bundle import hash_artifact
from mobilevit.errors import InputError
from mobilevit.files import room_for

from .cases import Case, Subject
from .plan import PLAN_FILE, Plan, PlannedCase, PlannedFeed, ProtocolSettings
from .runner.archive import RUNNER_FILE, write_archive


def write_plan(cases: Sequence[Case], settings: ProtocolSettings, folder: Path) -> Plan:
    """Fill `folder`, which is empty: the plan, artifacts, feeds, and the Python runner.

    Raises:
        InputError: an artifact cannot be read, or the disk is full.
    """
    artifacts: dict[Path, tuple[str, str]] = {}  # -> its path in the folder, and its hash
    feeds: dict[tuple[int, int], tuple[PlannedFeed, ...] | None] = {}  # by subject and batch
    planned = []
    with room_for(folder):
        for number, case in enumerate(cases):
            subject = case.subject
            if subject.artifact not in artifacts:
                place = f"artifacts/{len(artifacts)}/{_plain(subject.artifact.name)}"
                artifacts[subject.artifact] = place, _copy(subject.artifact, folder / place)
            key = id(subject), case.batch
            if key not in feeds:
                feeds[key] = _write_feeds(subject, case.batch, folder, f"feeds/{len(feeds)}")
            place, sha256 = artifacts[subject.artifact]
            planned.append(
                PlannedCase(
                    id=str(number),
                    artifact=place,
                    artifact_sha256=sha256,
                    runtime=case.runtime,
                    delegate=case.delegate,
                    threads=case.threads,
                    batch=case.batch,
                    feeds=feeds[key],
                )
            )
        plan = Plan(run=secrets.token_hex(6), protocol=settings, cases=tuple(planned))
        (folder / PLAN_FILE).write_text(plan.model_dump_json(indent=1) + "\n", encoding="utf-8")
        write_archive(folder / RUNNER_FILE)
    return plan


def _plain(name: str) -> str:
    """A file's name without what some system's shell or file system does not take."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", name).lstrip(".") or "artifact"


def _copy(artifact: Path, to: Path) -> str:
    """Copies, with the weights that ONNX may keep beside its file; gives the artifact's hash."""
    to.parent.mkdir(parents=True)
    try:
        sha256, _ = hash_artifact(artifact)
        if artifact.is_dir():
            shutil.copytree(artifact, to)
        else:
            shutil.copyfile(artifact, to)
            weights = artifact.with_name(artifact.name + ".data")
            if weights.is_file():
                shutil.copyfile(weights, to.with_name(weights.name))
    except shutil.Error as error:
        raise InputError(f"cannot read `{artifact}`: {error.args[0][0][2]}") from error
    except OSError as error:
        if error.filename != str(artifact):
            raise
        raise InputError(f"cannot read `{artifact}`: {error.strerror}") from error
    return sha256


def _write_feeds(
    subject: Subject, batch: int, folder: Path, place: str
) -> tuple[PlannedFeed, ...] | None:
    if subject.feeds is None:
        return None
    (folder / place).mkdir(parents=True)
    written = []
    for number, (name, array) in enumerate(subject.feeds.items()):
        several = np.concatenate([array] * batch) if batch > 1 else array
        file = f"{place}/{number}.bin"
        several.astype(several.dtype.newbyteorder("<")).tofile(folder / file)
        written.append(
            PlannedFeed(name=name, dtype=several.dtype.name, shape=several.shape, file=file)
        )
    return tuple(written)
