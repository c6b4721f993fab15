"""Which images of the shards a process gets, and in which order.

An epoch has the shards in an order of its own, one after the other as a single row of images. Each
process takes a stretch of it, all of one length: it reads its own shards, and the processes beside
it share the one in which a stretch ends. Within its stretch, images are shuffled in blocks that fit
into memory. All of this follows from the seed of the epoch, the process's number and how many there
are; not from the number of workers, which are handed the files' bytes to decode.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset, Sampler

from ..errors import DataError, InputError
from ..images import open_image
from ..preprocessing import Preprocessing
from .dataset import Item, TrainItem
from .schedule import ProcessBatches, Schedule
from .seeds import seed_of
from .shard_stream import Encoded, read_shard
from .shards import ShardSet
from .transforms import Augmentation, drawing_from, eval_transform

BLOCK = 1024  # images that are shuffled among themselves; two blocks are in memory


class EncodedDraw(NamedTuple):
    """One image as one epoch sees it."""

    image: Encoded
    number: int  # of the image, among those of all shards
    side: int  # of the crop, pixels
    seed: int  # of everything random about it


class ShardBatches(ProcessBatches[EncodedDraw]):
    """The batches of one process, in training.

    Args:
        rank, processes: this process's number, and how many there are.
        position: see `ProcessBatches`.

    Raises, in passing:
        DataError: a shard cannot be read, or is not what its index says.
    """

    def __init__(
        self,
        shards: ShardSet,
        schedule: Schedule,
        rank: int,
        processes: int,
        position: Callable[[], int],
    ) -> None:
        super().__init__(schedule, rank, processes, position)
        self.shards = shards

    def __iter__(self) -> Iterator[list[EncodedDraw]]:
        epoch, done = divmod(self.position(), len(self))
        parts = self.schedule.parts
        batches = [
            (step.side, step.images // parts)
            for step in self.schedule.steps(epoch)
            for _ in range(parts // self.processes)
        ]
        taken = sum(size for _, size in batches)
        images = self._images(epoch, taken, sum(size for _, size in batches[:done]))
        seed = self.schedule.seed_at(epoch)
        for side, size in batches[done:]:
            drawn = [next(images) for _ in range(size)]
            yield [EncodedDraw(image, n, side, seed_of(seed, n)) for n, image in drawn]

    def _images(self, epoch: int, count: int, skip: int) -> Iterator[tuple[int, Encoded]]:
        """The `count` images of this process but the first `skip`, each with its number among all;
        shards and blocks that are skipped are not opened."""
        schedule = self.schedule
        start = self.rank * count
        generator = torch.Generator().manual_seed(schedule.seed_at(epoch))
        row = torch.randperm(len(self.shards.shards), generator=generator).tolist()
        first = skip // BLOCK
        stretch = _stretch(self.shards, row, start + first * BLOCK, start + count)

        def block(number: int) -> list[tuple[int, Encoded]]:
            size = min(BLOCK, count - number * BLOCK)
            held = [next(stretch) for _ in range(size)]
            seed = seed_of(schedule.seed_at(epoch), schedule.images + 1 + start + number * BLOCK)
            order = torch.randperm(size, generator=torch.Generator().manual_seed(seed))
            return [held[i] for i in order.tolist()]

        numbers = range(first, -(-count // BLOCK))
        with ThreadPoolExecutor(1) as pool:  # reads a block while the one before is used
            ahead = [pool.submit(block, n) for n in numbers[:1]]
            for n in numbers:
                held = ahead.pop().result()
                ahead += [pool.submit(block, n + 1)] if n + 1 in numbers else []
                yield from held[skip - n * BLOCK :] if n == first else held


class ShardShare(Sampler[list[Encoded]]):
    """The batches of one process, to validate on: a stretch of the shards in order; together each
    image once."""

    def __init__(self, shards: ShardSet, batch_size: int, rank: int, processes: int) -> None:
        self.shards = shards
        self.batch_size = batch_size
        self.start = len(shards) * rank // processes
        self.stop = len(shards) * (rank + 1) // processes

    def __len__(self) -> int:
        return -(-(self.stop - self.start) // self.batch_size)

    def __iter__(self) -> Iterator[list[Encoded]]:
        row = list(range(len(self.shards.shards)))
        images = _stretch(self.shards, row, self.start, self.stop)
        batch: list[Encoded] = []
        for _, image in images:
            batch.append(image)
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch:
            yield batch


class EncodedTrain(Dataset[TrainItem]):
    """Decodes and augments, by `EncodedDraw`, as `TrainDataset` does by `Draw`."""

    def __init__(self, augmentation: Augmentation) -> None:
        self.augmentation = augmentation

    def __getitem__(self, draw: EncodedDraw) -> TrainItem:
        image = np.array(_opened(draw.image))  # [H, W, 3]
        pixels = torch.from_numpy(image).permute(2, 0, 1)  # [3, H, W]
        with drawing_from(draw.seed):
            pixels = self.augmentation(pixels, draw.side)
        return pixels, draw.image.target, draw.number


class EncodedEval(Dataset[Item]):
    """Decodes, resizes and crops, as `EvalDataset` does."""

    def __init__(self, preprocessing: Preprocessing) -> None:
        self.transform = eval_transform(preprocessing)

    def __getitem__(self, image: Encoded) -> Item:
        return self.transform(_opened(image)), image.target


def _opened(image: Encoded) -> Image.Image:
    try:
        return open_image(image.content)
    except InputError as error:
        raise DataError(f"{image.name}: {error.message}", "make the shards again") from error


def _stretch(
    shards: ShardSet, row: list[int], start: int, stop: int
) -> Iterator[tuple[int, Encoded]]:
    """From `start` to `stop` of the images of the shards numbered in `row`, one after the other;
    each with its number among all."""
    before = [0, *accumulate(shard.images for shard in shards.shards)]
    position = 0
    for index in row:
        shard = shards.shards[index]
        skip, end = max(0, start - position), min(shard.images, stop - position)
        if skip < end:
            images = read_shard(shards.source, shard, len(shards.classes), skip, end - skip)
            for image in images:
                yield before[index] + image.number, image
        position += shard.images
