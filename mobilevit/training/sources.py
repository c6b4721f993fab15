"""The images to train and to validate on, as every process has them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from ..bundle import ClassSummary
from ..data.image_folder import (
    ImageFolder,
    class_folders,
    read_folders,
    summarize,
    training_folder,
)
from ..data.shards import ShardSet, has_shards, open_shards
from ..errors import DataError, InputError
from ..preprocessing import Preprocessing
from .folder_data import FolderData
from .recipe import Recipe
from .scheduled_data import ScheduledData
from .sharded import ShardedData
from .team import Team

Images = ImageFolder | ShardSet


def all_read_classes(team: Team, data: Path | str) -> tuple[str, ...]:
    """Names of the classes, in order, before all images are looked through. All processes call.

    Raises:
        DataError: there is nothing to train on, or one class alone.
    """

    def read() -> bytes:
        if has_shards(data):
            classes = open_shards(data)[0].classes
        else:
            classes = class_folders(training_folder(Path(data)))
        if len(classes) < 2:
            raise DataError(
                f"`{data}` has the one class `{classes[0]}`", "add another to tell it from"
            )
        return json.dumps(classes).encode()

    return tuple(json.loads(team.all_from_first(read)))


def all_read_images(
    team: Team,
    data: Path | str,
    val_fraction: float,
    seed: int,
    report: Callable[[str], None],
) -> tuple[Images, Images]:
    """Those to train on, and to validate on. All processes call.

    Args:
        data: folders of images, which may be another disk's on each host; or the folder or address
            of shards.
        val_fraction, seed: see `read_folders`, which one process of each host calls.

    Raises:
        DataError: they cannot be trained on, or are not the same on each host.
    """
    if has_shards(data):
        sets = team.all_do(lambda: open_shards(data))
        team.all_same(sets[0].index_sha256, "shards")
        train, val = sets
        report(
            f"{len(train)} images in {len(train.shards)} shards to train on, {len(val)} in "
            f"{len(val.shards)} to validate on, {len(train.classes)} classes"
        )
        return sets
    root = Path(data)
    looks = team.place.local_rank == 0
    mine = team.all_do(lambda: read_folders(root, val_fraction, seed, report) if looks else None)
    if mine is not None and team.processes == 1:
        return mine
    own = None if mine is None else [_listed(folder, root) for folder in mine]
    told = [team.all_receive(own[i].encode() if own else None).decode() for i in range(2)]
    team.all_do(lambda: _check_same(root, own or told, told))
    return _of_list(told[0], root), _of_list(told[1], root)


def summary_of(images: Images) -> ClassSummary:
    """For the record of what was made with them."""
    return images.summary if isinstance(images, ShardSet) else summarize(images)


def make_batches(
    train: Images,
    val: Images,
    recipe: Recipe,
    preprocessing: Preprocessing,
    workers: int,
    cache: bool = False,
    sharers: int = 1,
) -> ScheduledData:
    """
    Args:
        cache: keep decoded training images in memory.
        sharers: processes on this machine that do so, together in at most half of what is free.

    Raises:
        InputError: `cache` or a teacher of whole images, for images that are in shards.
    """
    if isinstance(train, ImageFolder) and isinstance(val, ImageFolder):
        room = _free_memory() // 2 // sharers if cache else 0
        return FolderData(train, val, recipe, preprocessing, workers, room)
    assert isinstance(train, ShardSet)
    assert isinstance(val, ShardSet)
    if cache:
        raise InputError("`--cache` is for images in folders, not in shards", "leave it out")
    if recipe.teacher and recipe.teacher_view == "image":
        raise InputError(
            "`teacher_view=image` is for images in folders, not in shards",
            "set `teacher_view=crop`",
        )
    return ShardedData(train, val, recipe, preprocessing, workers)


def _free_memory() -> int:
    """Bytes that programs can take without others being pushed out."""
    import psutil

    return int(psutil.virtual_memory().available)


def _listed(folder: ImageFolder, root: Path) -> str:
    """Without the place of `root`, which may be another on each host."""
    samples = [[p.relative_to(root).as_posix(), target] for p, target in folder.samples]
    inside = folder.root.relative_to(root).as_posix()
    return json.dumps({"root": inside, "classes": folder.classes, "samples": samples})


def _of_list(text: str, root: Path) -> ImageFolder:
    content = json.loads(text)
    samples = tuple((root / name, target) for name, target in content["samples"])
    return ImageFolder(root / content["root"], tuple(content["classes"]), samples, ())


def _check_same(root: Path, own: list[str], told: list[str]) -> None:
    for mine, first in zip(own, told, strict=True):
        if mine == first:
            continue
        here, there = (
            {tuple(sample) for sample in json.loads(text)["samples"]} for text in (mine, first)
        )
        odd = sorted(here ^ there)[:1]
        named = f", such as `{odd[0][0]}`" if odd else ""
        raise DataError(
            f"`{root}` has other images here than where process 0 is{named}",
            "copy the folder again, or train from shards over HTTP",
        )
