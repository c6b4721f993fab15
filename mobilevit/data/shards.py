"""Images in shards: tar files of a few thousand each, which are read from end to end.

train-000000.tar …   as WebDataset has them: `000000007.jpg`, a file as it was, and `000000007.cls`,
val-000000.tar …     the index of its class in decimal; in shuffled order
index.json           the classes, and of each shard how many images, how many bytes and which hash

A disk or a server is read in long stretches, where a folder of a million files would be sought in,
and each process reads but its own part. Tar files are written and told apart by `webdataset`; they
are not opened by it, since its reader runs shell commands for addresses, unpickles what is called
`.pkl`, and retries nothing.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    StringConstraints,
    ValidationError,
    model_validator,
)

from ..bundle import ClassSummary, Sha256
from ..errors import DataError, InputError, first_fault
from ..files import atomic_file, atomic_folder
from .image_folder import ImageFolder, summarize
from .shard_stream import ShardSource

INDEX_FILE = "index.json"
_LARGEST_INDEX = 1 << 26  # bytes


class Shard(BaseModel):
    """One tar file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: Annotated[str, StringConstraints(pattern=r"^(train|val)-[0-9]{6,9}\.tar$")]
    images: PositiveInt
    bytes: PositiveInt
    sha256: Sha256


class Part(BaseModel):
    """The shards to train on, or to validate on."""

    model_config = ConfigDict(extra="forbid")

    data: ClassSummary  # of the folder they were made from
    shards: list[Shard] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> Part:
        if sum(shard.images for shard in self.shards) != self.data.images:
            raise ValueError(f"the shards do not add up to {self.data.images} images")
        if len({shard.file for shard in self.shards}) != len(self.shards):
            raise ValueError("a shard is listed twice")
        return self


class ShardIndex(BaseModel):
    """What `index.json` says."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["mobilevit-shards"] = "mobilevit-shards"
    schema_version: Literal[1] = 1
    classes: list[str] = Field(min_length=1)
    labels: list[str]
    train: Part
    val: Part

    @model_validator(mode="after")
    def _check(self) -> ShardIndex:
        if len(self.labels) != len(self.classes):
            raise ValueError(f"{len(self.labels)} labels for {len(self.classes)} classes")
        return self


@dataclass(frozen=True)
class ShardSet:
    """The shards to train on, or to validate on, and where they are."""

    source: ShardSource
    classes: tuple[str, ...]
    labels: list[str]
    shards: tuple[Shard, ...]
    summary: ClassSummary
    index_sha256: str

    def __len__(self) -> int:
        return self.summary.images


def has_shards(data: Path | str) -> bool:
    """Whether `data` is an address or a folder with an index, and not one of images."""
    return ShardSource.is_address(str(data)) or (Path(data) / INDEX_FILE).is_file()


def open_shards(data: Path | str) -> tuple[ShardSet, ShardSet]:
    """Those to train on and those to validate on, by the index in a folder or at an address.

    Raises:
        DataError: there is no index, or it is damaged; or the server does not give it.
    """
    source = ShardSource(str(data))
    content = source.read(INDEX_FILE, _LARGEST_INDEX)
    try:
        index = ShardIndex.model_validate_json(content)
    except ValidationError as error:
        raise DataError(
            f"`{source.place(INDEX_FILE)}` is not an index of shards: {first_fault(error)}",
            "make it again with `mobilevit shard`",
        ) from error
    digest = hashlib.sha256(content).hexdigest()
    train, val = (
        ShardSet(source, tuple(index.classes), index.labels, tuple(part.shards), part.data, digest)
        for part in (index.train, index.val)
    )
    return train, val


def write_shards(
    train: ImageFolder,
    val: ImageFolder,
    out: Path,
    *,
    labels: list[str] | None = None,
    shard_bytes: int = 100_000_000,
    shard_images: int | None = None,
    seed: int = 0,
    progress: Callable[[int], None] = lambda images: None,
) -> ShardIndex:
    """Copy the images of two folders into shards, in an order that follows from `seed`.

    The same images give the same bytes.

    Args:
        out: a new or empty folder; it is there once all of it is.
        labels: for people, in the order of the classes.
        shard_bytes: of the images in one shard, after which the next is begun.
        shard_images: likewise, if it comes first.
        progress: told how many images are written.

    Raises:
        InputError: `out` is not empty, or cannot be written to.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"`{out}` exists and is not an empty folder", "choose another")
    written = 0

    def count() -> None:
        nonlocal written
        written += 1
        progress(written)

    with atomic_folder(out) as aside:
        parts = [
            Part(
                data=summarize(folder),
                shards=_write_part(
                    folder, aside, name, shard_bytes, shard_images or len(folder), seed, count
                ),
            )
            for name, folder in (("train", train), ("val", val))
        ]
        index = ShardIndex(
            classes=list(train.classes),
            labels=labels or list(train.classes),
            train=parts[0],
            val=parts[1],
        )
        with atomic_file(aside / INDEX_FILE) as file:
            file.write_text(json.dumps(index.model_dump(), indent=1) + "\n")
    return index


class _Hashed:
    """A file that is written from beginning to end."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, content: bytes) -> int:
        self.digest.update(content)
        self.size += len(content)
        return self.file.write(content)


def _write_part(
    folder: ImageFolder,
    out: Path,
    name: str,
    shard_bytes: int,
    shard_images: int,
    seed: int,
    count: Callable[[], None],
) -> list[Shard]:
    from webdataset.writer import ShardWriter

    shards: list[Shard] = []
    files: list[_Hashed] = []

    def opened(file: str) -> _Hashed:
        files.append(_Hashed((out / file).open("wb")))
        return files[-1]

    def finished(file: str) -> None:
        files[-1].file.close()
        shards.append(
            Shard(
                file=file,
                images=writer.count,
                bytes=files[-1].size,
                sha256=files[-1].digest.hexdigest(),
            )
        )

    samples = list(folder.samples)
    random.Random(seed).shuffle(samples)
    writer = ShardWriter(
        f"{name}-%06d.tar",
        maxcount=shard_images,
        maxsize=shard_bytes,
        opener=opened,
        post=finished,
        verbose=0,
        encoder=False,  # bytes as they are
        user="",
        group="",
        mtime=0,
    )
    with writer:
        for number, (path, target) in enumerate(samples):
            suffix = path.suffix[1:].lower()
            sample = {"__key__": f"{number:09d}", suffix: _content(path), "cls": b"%d" % target}
            writer.write(sample)
            count()
    return shards


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"`{path}` cannot be read any more: {error.strerror}") from error
