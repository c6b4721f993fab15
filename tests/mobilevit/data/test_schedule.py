"""The schedule: on any number of processes the same steps, of which each has its own part."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobilevit.data.schedule import BatchSampler, Draw, Schedule, ShareSampler
from mobilevit.errors import DataError
from mobilevit.training.recipe import Recipe

SIDES = (160, 192, 256, 288, 320)
RECIPE = Recipe(image_size=256)

MOST_PARTS = 12

sizes = st.lists(st.sampled_from(SIDES), max_size=5, unique=True).map(tuple)


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    """With images for a step of each size, in up to `MOST_PARTS` parts."""
    sides, batch_size = draw(sizes), draw(st.sampled_from([12, 24, 48, 96]))
    batches = [max(MOST_PARTS, round(batch_size * 256 * 256 / side**2)) for side in sides]
    least = sum(batches) if len(sides) > 1 else 24
    images = draw(st.integers(least, least + 276))
    return Schedule(images, batch_size, 256, sides, RECIPE.size_at, RECIPE.seed_at)


splits = st.sampled_from([(1, 1), (1, 4), (2, 1), (2, 3), (3, 2), (4, 1), (6, 2)])


def batches(schedule: Schedule, processes: int, position: int = 0) -> list[list[list[Draw]]]:
    """Those of every process, in the epoch of `position`, from there on."""
    return [
        list(BatchSampler(schedule, rank, processes, lambda: position)) for rank in range(processes)
    ]


def by_step(schedule: Schedule, processes: int) -> list[list[Draw]]:
    """What all processes together have in each step."""
    each = schedule.parts // processes
    ranks = batches(schedule, processes)
    return [
        list(chain.from_iterable(b for own in ranks for b in own[i * each : (i + 1) * each]))
        for i in range(len(schedule))
    ]


@given(schedules(), splits)
@settings(max_examples=60, deadline=None)
def test_processes_share_each_step_and_nothing_twice(
    schedule: Schedule, split: tuple[int, int]
) -> None:
    processes, accumulate = split
    schedule = replace(schedule, parts=processes * accumulate)
    ranks = batches(schedule, processes)
    lengths = {len(own) for own in ranks}
    assert lengths == {len(schedule) * accumulate}
    for at_once in zip(*ranks, strict=True):  # what the processes compute at the same time
        assert len({draw.side for batch in at_once for draw in batch}) == 1
        assert len({len(batch) for batch in at_once}) == 1
    steps = by_step(schedule, processes)
    assert [len(step) for step in steps] == [step.images for step in schedule.steps(0)]
    seen = [draw.image for step in steps for draw in step]
    assert len(seen) == len(set(seen)) <= schedule.images
    order = schedule.order(0)
    assert sorted(seen) == sorted(order[: len(seen)])


@given(schedules(), st.sampled_from([2, 3, 4, 6, 12]))
@settings(max_examples=40, deadline=None)
def test_accumulation_makes_up_for_fewer_processes(schedule: Schedule, parts: int) -> None:
    schedule = replace(schedule, parts=parts)
    alone = [sorted(step) for step in by_step(schedule, 1)]
    for processes in range(2, parts + 1):
        if parts % processes == 0:
            assert [sorted(step) for step in by_step(schedule, processes)] == alone


@given(schedules(), splits, st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_every_epoch_has_as_many_steps_of_each_size(
    schedule: Schedule, split: tuple[int, int], epoch: int
) -> None:
    schedule = replace(schedule, parts=split[0] * split[1])
    steps = schedule.steps(epoch)
    assert sorted(steps) == sorted(schedule.steps(0))
    assert len(steps) == len(schedule)
    of_size = Counter(step.side for step in steps)
    assert set(of_size) == set(schedule.multi_scale or (schedule.image_size,))
    assert max(of_size.values()) - min(of_size.values()) <= 1


@given(st.integers(1000, 4000), st.sampled_from([64, 128]), splits)
@settings(max_examples=30, deadline=None)
def test_the_batch_is_inverse_to_the_area(
    images: int, batch_size: int, split: tuple[int, int]
) -> None:
    parts = split[0] * split[1]
    schedule = Schedule(images, batch_size, 256, SIDES, RECIPE.size_at, RECIPE.seed_at, parts)
    for step in schedule.steps(0):
        exact = batch_size * 256 * 256 / step.side**2
        assert -parts < step.images - exact <= 0.5
        assert step.images % parts == 0


@given(schedules(), splits, st.data())
@settings(max_examples=40, deadline=None)
def test_a_run_goes_on_where_it_was_stopped(
    schedule: Schedule, split: tuple[int, int], data: st.DataObject
) -> None:
    processes, accumulate = split
    schedule = replace(schedule, parts=processes * accumulate)
    whole = len(schedule) * accumulate  # batches of an epoch
    position = data.draw(st.integers(0, 3 * whole - 1))
    begun = position - position % whole
    for rest, all_of_it in zip(
        batches(schedule, processes, position), batches(schedule, processes, begun), strict=True
    ):
        assert rest == all_of_it[position % whole :]


def test_epochs_differ_and_follow_from_the_seed() -> None:
    def drawn(seed: int, epoch: int) -> list[Draw]:
        recipe = Recipe(seed=seed)
        schedule = Schedule(50, 10, 256, (), recipe.size_at, recipe.seed_at)
        position = epoch * len(schedule)
        return list(chain.from_iterable(BatchSampler(schedule, 0, 1, lambda: position)))

    assert drawn(0, 0) == drawn(0, 0)
    assert len({tuple(drawn(seed, epoch)) for seed in (0, 1) for epoch in (0, 1)}) == 4


@given(st.integers(0, 50), st.integers(1, 9))
def test_validation_shares_are_each_image_once(images: int, processes: int) -> None:
    shares = [list(ShareSampler(images, rank, processes)) for rank in range(processes)]
    assert sorted(chain.from_iterable(shares)) == list(range(images))
    lengths = [len(share) for share in shares]
    assert max(lengths) - min(lengths) <= 1


def test_fewer_images_than_parts_are_refused() -> None:
    with pytest.raises(DataError, match="3 images are too few for steps in 4 parts"):
        Schedule(3, 8, 256, (), RECIPE.size_at, RECIPE.seed_at, parts=4)


@pytest.mark.parametrize(
    ("images", "batch_size", "sides"),
    [
        (38, 12, (160, 320)),  # 31 and 8 a step
        (24, 96, (160, 320)),  # each of them is more than there are
        (24, 96, SIDES),
    ],
)
def test_fewer_images_than_a_step_of_each_size_are_refused(
    images: int, batch_size: int, sides: tuple[int, ...]
) -> None:
    with pytest.raises(DataError, match=f"{images} images are too few for a step of each size"):
        Schedule(images, batch_size, 256, sides, RECIPE.size_at, RECIPE.seed_at)


def test_images_for_one_step_of_each_size_are_enough() -> None:
    schedule = Schedule(39, 12, 256, (160, 320), RECIPE.size_at, RECIPE.seed_at)
    assert sorted(schedule.steps(0)) == [(160, 31), (320, 8)]
