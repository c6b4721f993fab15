"""The folder of a run that is resumed, on whichever host its last save is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError

from ..errors import CheckpointError, reason
from ..files import atomic_file
from .team import Team

CHECKPOINT_FILE = "checkpoint.safetensors"
RESUME_FILE = "last.ckpt"


def saved_step(path: Path) -> int:
    """Steps of the optimizer before the save at `path`; 0 where there is none.

    Raises:
        CheckpointError: the file is no save of a run, or damaged.
    """
    import torch

    if not path.is_file():
        return 0
    with reading_save(path):
        content = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
        return int(content["global_step"])


@contextmanager
def reading_save(path: Path) -> Iterator[None]:
    """
    Raises:
        CheckpointError: what is read within is no save of a run, or damaged.
    """
    try:
        yield
    except (UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"`{path}` is no save that can be resumed: {reason(error)}",
            "copy it again, or start a new run",
        ) from error


def all_begun(team: Team, out: Path) -> int:
    """Steps before the save that process 0 has in `out`. All processes call.

    Raises:
        CheckpointError: the save cannot be read.
    """
    return int(team.all_from_first(lambda: str(_step(out)).encode()))


def all_bring_run(team: Team, out: Path) -> None:
    """Have process 0 find the newest save in its `out`, wherever process 0 is this time.

    Where hosts share no disk, the run's folder is where process 0 was, and torchrun may give that
    number to another host when it starts again. All processes call.

    Raises:
        CheckpointError: a save cannot be read.
    """
    if team.processes == 1:
        return
    steps = [int(s) for s in team.all_gather(str(team.all_do(lambda: _step(out))).encode())]
    source = steps.index(max(steps))
    if steps[0] == steps[source]:
        return
    files = sorted(p for p in out.iterdir() if p.is_file()) if team.rank == source else []
    names = json.loads(team.all_receive(json.dumps([p.name for p in files]).encode(), source))
    for index, name in enumerate(names):
        own = files[index].read_bytes() if team.rank == source else None
        content = team.all_receive(own, source)
        if team.rank == 0:
            with atomic_file(out / Path(name).name) as aside:
                aside.write_bytes(content)


def _step(out: Path) -> int:
    return saved_step(out / RESUME_FILE)
