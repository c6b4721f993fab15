"""Training that is killed ten times at random moments ends with the weights of one that was not."""

from __future__ import annotations

import os
import random
import shutil
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import write_photos
from tests.mobilevit.training.killing import (
    OPTIONS,
    Forks,
    assert_same_end,
    command,
    forks,
    resumed,
    write_teacher,
)

pytestmark = [pytest.mark.devices, pytest.mark.timeout(1800)]
KILLS = 10
# where chance seldom falls: in writing a save, and in validating
FAULTS = ["saving:1", "saving:2", "saving:4", "validating:1", "validating:2"]


@pytest.mark.parametrize("workers", [0, 1])
def test_ten_kills_at_random_moments_change_nothing(tmp_path: Path, workers: int) -> None:
    data, options = _task(tmp_path)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    moments = random.Random(workers)
    kills = 0
    with forks(tmp_path / "log") as runs:
        begun = time.monotonic()
        assert runs.run(command(data, whole, options, workers)) == 0, runs.said()
        duration = time.monotonic() - begun
        ended = False
        while kills < KILLS or not ended:
            moment = moments.uniform(0, duration / 3) if kills < KILLS else None
            ending = _run(runs, resumed(data, killed, options, workers), moment)
            if ending == -signal.SIGKILL:
                kills += 1
                print(f"kill {kills}: after {moment:.3f} s of {duration:.1f}")
                continue
            assert ending == 0, runs.said()
            assert_same_end(whole, killed)  # before or after the tenth
            ended = True
            if kills < KILLS:  # once more
                ended = False
                shutil.rmtree(killed)
    print(f"{kills} kills, and the same weights")


def test_kills_while_saving_and_while_validating_change_nothing(tmp_path: Path) -> None:
    data, options = _task(tmp_path)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    with forks(tmp_path / "log") as runs:
        assert runs.run(command(data, whole, options)) == 0, runs.said()
        for fault in FAULTS:
            ending = runs.run(resumed(data, killed, options), fault)
            assert ending == -signal.SIGKILL, (fault, runs.said())
        assert runs.run(resumed(data, killed, options)) == 0, runs.said()
    assert_same_end(whole, killed)


def _task(folder: Path) -> tuple[Path, dict[str, Any]]:
    for part, count in (("train", 16), ("val", 6)):
        write_photos(folder / "data" / part, ("a", "b", "c"), count)
    teacher = write_teacher(folder / "teacher.safetensors")
    return folder / "data", {**OPTIONS, "epochs": 6, "teacher": str(teacher)}


def _run(runs: Forks, arguments: list[str], moment: float | None) -> int:
    """Exit status, -9 if it was killed `moment` seconds after its start, before it ended."""
    number = runs.start(arguments)
    killer = threading.Timer(moment or 0, os.kill, (number, signal.SIGKILL))
    if moment is not None:
        killer.start()
    ending = runs.wait()
    killer.cancel()
    return ending
