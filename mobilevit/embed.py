"""Puts a bundle with the artifact a phone needs where an Android or iOS project expects it.

What is put there is itself a bundle: the chosen artifacts, the labels, the whole golden set, and a
manifest with these artifacts alone. So `mobilevit verify` and every client read it like any other.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .bundle import (
    BROWSER_FILES,
    ArtifactRecord,
    Manifest,
    check_hash,
    find_file,
    read_labels,
    read_manifest,
    unlisted,
    write_manifest,
)
from .client import find_record
from .errors import BundleError, InputError
from .files import atomic_folder
from .projects import find_module
from .projects.base import Platform


@dataclass(frozen=True)
class Embedded:
    """A bundle in an app."""

    folder: str
    platform: str  # android or ios
    module: str  # Gradle module, Xcode target or package target, within the app
    change: Literal["written", "replaced", "already there"]
    artifacts: dict[str, int]  # file -> bytes
    files: int  # in the folder
    size: int  # of the folder, bytes
    steps: tuple[str, ...]  # what is left to do, a sentence each


def embed(
    bundle: str | Path,
    app: str | Path,
    *,
    platform: str | None = None,
    module: str | None = None,
    artifacts: Sequence[str] = (),
) -> Embedded:
    """Copy a bundle into an app's project; a second time changes nothing.

    Another bundle that was embedded there is replaced whole. No other file is written or removed.

    Args:
        bundle: its folder.
        app: folder of the app's project, or of one of its modules.
        platform: `android` or `ios`; needed where `app` has both.
        module: Gradle module, Xcode target or package target; needed where it is not clear.
        artifacts: file names of the bundle's; by default the one the platform prefers.

    Raises:
        BundleError: not a bundle, not as it was exported, or it has no such artifact.
        InputError: there is no project, or it does not say where; or the place is taken by
            something else, is behind a link out of `app`, or cannot be written to.
    """
    bundle, app = Path(bundle), Path(app)
    manifest = read_manifest(bundle)
    row, place = find_module(app, platform, module)
    chosen = _chosen(bundle, manifest, row, artifacts)
    reduced = manifest.model_copy(update={"artifacts": chosen})
    read_labels(bundle, manifest)
    _check_files(bundle, reduced)
    folder = _inside(place.folder, app)
    there = _embedded_before(folder)
    change: Literal["written", "replaced", "already there"] = "replaced" if there else "written"
    if there and _unsigned(there) == _unsigned(reduced) and _is_whole(folder, reduced):
        change = "already there"
    else:
        _write(bundle, reduced, folder)
    content = [path for path in _files(folder) if path.name not in BROWSER_FILES]
    return Embedded(
        folder=str(place.folder),
        platform=row.name,
        module=place.path,
        change=change,
        artifacts={record.file: record.size for record in chosen},
        files=len(content),
        size=sum(path.stat().st_size for path in content),
        steps=tuple(place.steps([record.file for record in chosen])),
    )


def _chosen(
    bundle: Path, manifest: Manifest, platform: Platform, artifacts: Sequence[str]
) -> tuple[ArtifactRecord, ...]:
    """In the manifest's order, each once."""
    named = [find_record(bundle, manifest, file) for file in artifacts]
    for record in named:
        if Path(record.file).suffix not in platform.suffixes:
            raise InputError(
                f"nothing on {platform.title} opens `{record.file}`",
                f"choose one of {', '.join(platform.suffixes)}",
            )
    if named:
        return tuple(record for record in manifest.artifacts if record in named)
    fit = []
    for record in manifest.artifacts:
        kind = (Path(record.file).suffix, record.precision)
        if kind in platform.preferred:
            rank = platform.preferred.index(kind)
            fit.append(((bool(record.faults), rank, record.layout != "plain"), record))
    if fit:
        return (min(fit, key=lambda ranked: ranked[0])[1],)
    kinds = ", ".join(f"{suffix} {precision}" for suffix, precision in platform.preferred)
    names = ", ".join(record.file for record in manifest.artifacts)
    raise InputError(
        f"`{bundle}` has nothing that {platform.title} takes by default ({kinds})",
        f"name one with `--artifact`; it has {names}",
    )


def _inside(folder: Path, app: Path) -> Path:
    """`folder` behind all links, in `app` still."""
    try:
        place, root = folder.resolve(), app.resolve()
    except RuntimeError as error:  # what Python 3.11 raises for links in a circle
        raise InputError(f"`{folder}` is behind links that lead in a circle") from error
    if not place.is_relative_to(root):
        raise InputError(
            f"`{folder}` is outside `{app}`: its path has a link or `..` that leads to `{place}`",
            "name a folder that holds both, or replace the link by a folder",
        )
    return place


def _embedded_before(folder: Path) -> Manifest | None:
    """The manifest of the bundle in `folder`; None if there is nothing.

    Raises:
        InputError: there is something that may not be replaced.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return None
    try:
        manifest = read_manifest(folder)
    except BundleError as error:
        raise InputError(
            f"`{folder}` is taken, and not by a bundle: {error.message}", "move it away first"
        ) from error
    for path in unlisted(folder, manifest):
        raise InputError(
            f"`{path}` is not a file of the bundle it is in, and would be lost",
            "move it away first",
        )
    return manifest


def _unsigned(manifest: Manifest) -> Manifest:
    return manifest.model_copy(update={"digest": ""})


def _is_whole(folder: Path, manifest: Manifest) -> bool:
    try:
        _check_files(folder, manifest)
    except BundleError:
        return False
    return True


def _check_files(bundle: Path, manifest: Manifest) -> None:
    for file, digest in manifest.files().items():
        check_hash(find_file(bundle, file), digest)


def _write(bundle: Path, manifest: Manifest, folder: Path) -> None:
    """Contents alone are copied: the folders of an `.mlpackage` come without others' rights."""
    with atomic_folder(folder) as aside:
        for file in manifest.files():
            source = find_file(bundle, file)
            for path in _files(source):
                copy = aside / file / path.relative_to(source)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
        write_manifest(aside, manifest)


def _files(path: Path) -> list[Path]:
    """`path` if it is a file, and every file in it if it is a folder."""
    return [part for part in (path, *path.rglob("*")) if part.is_file()]
