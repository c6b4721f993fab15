"""Which images go into which step of an epoch, at which size, and which part of it a process gets.

All of it follows from the seed of the epoch alone: not from the number of processes, nor from what
ran before, so that a run goes on where it was stopped and is the same on one process or on many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import torch
from torch.utils.data import Sampler

from ..errors import DataError
from .seeds import seed_of

Item = TypeVar("Item")


class Draw(NamedTuple):
    """One image as one epoch sees it."""

    image: int  # its index
    side: int  # of the crop, pixels
    seed: int  # of everything random about it


class Step(NamedTuple):
    """One step of the optimizer, of all processes together."""

    side: int  # of the crops, pixels
    images: int


@dataclass(frozen=True)
class Schedule:
    """The steps of every epoch: of one size each, or of several in shuffled order.

    Source of the latter: MobileViT (arXiv:2110.02178), section 3.2 and algorithm 1 of appendix B,
    multi-scale sampling with variably-sized batches, b_t = H W b / (H_t W_t). The paper draws a
    size for each step; here each epoch has as many steps of each, or one more of some, shuffled,
    and with it the same number of steps.

    `parts`: shares each step is computed in, by processes and one after the other; batches are
    multiples of it.
    """

    images: int  # to choose from
    batch_size: int  # at `image_size`
    image_size: int
    multi_scale: tuple[int, ...]  # sides; none: `size_at` says
    size_at: Callable[[int], int]  # epoch -> side
    seed_at: Callable[[int], int]  # epoch -> seed
    parts: int = 1

    def __post_init__(self) -> None:
        if self.images < self.parts:
            raise DataError(
                f"{self.images} images are too few for steps in {self.parts} parts",
                "use fewer processes, or a smaller `accumulate`",
            )
        needed = sum(kind.images for kind in self._kinds())
        if needed > self.images:
            raise DataError(
                f"{self.images} images are too few for a step of each size, which take {needed}",
                "lower `batch_size`, or leave sizes out of `multi_scale`",
            )

    def steps(self, epoch: int) -> list[Step]:
        """In order. Every epoch has as many; images that would not fill a step are left out."""
        if not self.multi_scale:
            step = self._step(self.size_at(epoch), self.batch_size)
            return [step] * (self.images // step.images)
        kinds = self._kinds()
        rounds, left = divmod(self.images, sum(kind.images for kind in kinds))
        steps = kinds * rounds
        for kind in kinds:
            if kind.images <= left:
                steps.append(kind)
                left -= kind.images
        generator = torch.Generator().manual_seed(seed_of(self.seed_at(epoch), self.images))
        return [steps[i] for i in torch.randperm(len(steps), generator=generator).tolist()]

    def _kinds(self) -> list[Step]:
        """A step of each size."""
        area = self.image_size * self.image_size
        return [
            self._step(side, round(self.batch_size * area / (side * side)))
            for side in self.multi_scale
        ]

    def _step(self, side: int, batch_size: int) -> Step:
        images = max(self.parts, min(batch_size, self.images) // self.parts * self.parts)
        return Step(side, images)

    def __len__(self) -> int:
        """Steps of an epoch."""
        return len(self.steps(0))

    def order(self, epoch: int) -> list[int]:
        """Every image once, shuffled."""
        generator = torch.Generator().manual_seed(self.seed_at(epoch))
        return torch.randperm(self.images, generator=generator).tolist()


class ProcessBatches(Sampler[list[Item]]):
    """The batches of one process, wherever it reads.

    Args:
        rank, processes: this process's number, and how many there are.
        position: asked when a pass begins, for the number of batches this process has had since
            training began.
    """

    def __init__(
        self, schedule: Schedule, rank: int, processes: int, position: Callable[[], int]
    ) -> None:
        self.schedule = schedule
        self.rank = rank
        self.processes = processes
        self.position = position

    def __len__(self) -> int:
        """Batches of an epoch, of this process."""
        return len(self.schedule) * (self.schedule.parts // self.processes)


class BatchSampler(ProcessBatches[Draw]):
    """Of each step its parts, in order, from images that can be had by index."""

    def __iter__(self) -> Iterator[list[Draw]]:
        epoch, done = divmod(self.position(), len(self))
        batches = list(self._batches(epoch))
        yield from batches[done:]

    def _batches(self, epoch: int) -> Iterator[list[Draw]]:
        schedule = self.schedule
        order, seed = schedule.order(epoch), schedule.seed_at(epoch)
        start = 0
        for side, images in schedule.steps(epoch):
            taken = order[start : start + images]
            start += images
            for part in _parts(taken, schedule.parts)[self.rank :: self.processes]:
                yield [Draw(index, side, seed_of(seed, index)) for index in part]


def _parts(items: Sequence[int], count: int) -> list[Sequence[int]]:
    size = len(items) // count
    return [items[i * size : (i + 1) * size] for i in range(count)]


class ShareSampler(Sampler[int]):
    """Every `processes`-th image, from `rank` on: together each image once, none twice."""

    def __init__(self, images: int, rank: int, processes: int) -> None:
        self.share = range(rank, images, processes)

    def __len__(self) -> int:
        return len(self.share)

    def __iter__(self) -> Iterator[int]:
        return iter(self.share)
