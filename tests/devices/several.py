"""What one of several processes does in the tests, by torchrun:

python -m torch.distributed.run … several.py talk FOLDER
python -m torch.distributed.run … several.py remember|forget PHOTOS FOLDER
python -m torch.distributed.run … several.py fail FOLDER
python -m torch.distributed.run … several.py hang
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mobilevit.errors import InputError, SdkError
from mobilevit.training import peers
from mobilevit.training.batch_norm import MeanStatistics
from mobilevit.training.classifier import Classifier
from mobilevit.training.meeting import joined
from mobilevit.training.recipe import Recipe
from mobilevit.training.run_folder import all_bring_run, saved_step
from mobilevit.training.sources import all_read_images
from mobilevit.training.team import Team
from mobilevit.training.train import train


def refused(team: Team, work: Any) -> str:
    try:
        team.all_do(work)
    except SdkError as error:
        return f"{type(error).__name__}: {error}"
    return ""


def talk(folder: Path) -> None:
    """Everything that a team says to each other."""
    said: dict[str, Any] = {}
    with joined(timeout=60) as team, joined() as again:
        own = folder / str(team.rank)
        said["same team within"] = team is again
        said["gathered"] = [v.decode() for v in team.all_gather(b"x" * team.rank)]
        said["received"] = team.all_receive(b"first" if team.rank == 0 else None).decode()
        said["nothing"] = team.all_receive(b"" if team.rank == 0 else None).decode()

        def wrong() -> None:
            if team.rank == 1:
                raise InputError("the disk is red", "paint it")

        said["refused"] = refused(team, wrong)
        said["from first"] = team.all_from_first(lambda: str(team.rank).encode()).decode()
        try:
            team.all_same(str(team.rank), "photos")
        except InputError as error:
            said["same"] = str(error)

        # process 1 was the first of the last start, and has the newer save
        run = own / "run"
        run.mkdir(parents=True)
        torch.save({"global_step": 5 + 2 * team.rank}, run / "last.ckpt")
        (run / "recipe.json").write_text(str(team.rank))
        all_bring_run(team, run)
        said["brought"] = [saved_step(run / "last.ckpt"), (run / "recipe.json").read_text()]

        lines: list[str] = []
        train_images, val_images = all_read_images(team, folder / "photos", 0.2, 0, lines.append)
        said["images"] = [len(train_images), len(val_images)]
        said["first image"] = str(train_images.samples[0][0])  # type: ignore[union-attr]
        (own / "said.json").write_text(json.dumps(said))


def fail(folder: Path) -> None:
    """Process 1 has an error of its own, while the others wait for it."""
    try:
        with joined(timeout=60) as team:
            if team.rank == 1:
                raise InputError("the disk is red", "paint it")
            team.all_gather(b"")
    except SdkError as error:
        (folder / f"{team.rank}.txt").write_text(f"{type(error).__name__}: {error}")


def hang() -> None:
    """Process 1 is killed while process 0 waits in what does not fail, as on a GPU."""
    peers.GRACE = 1.0
    with joined(timeout=60) as team:
        if team.rank == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(100)


def remember(photos: Path, folder: Path, share: bool) -> None:
    """Train, and keep a hash of the averaged weights that this process validates."""
    hashes: list[str] = []
    validate = Classifier.validation_step

    def spy(self: Classifier, batch: Any, index: int) -> None:
        if index == 0:
            hashes.append(digest(self.model))
        validate(self, batch, index)

    Classifier.validation_step = spy  # type: ignore[method-assign]
    if not share:
        MeanStatistics.on_train_batch_end = lambda *arguments: None  # type: ignore[method-assign]
    recipe = Recipe(epochs=2, batch_size=8, image_size=32, warmup_epochs=0.5, ema_decay=0.9)
    with joined(timeout=60) as team:
        train(photos, folder / "run", recipe, workers=0)
        (folder / f"{team.rank}.json").write_text(json.dumps(hashes))


def digest(model: nn.Module) -> str:
    content = b"".join(value.numpy().tobytes() for value in model.state_dict().values())
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    task, *paths = sys.argv[1:]
    if task == "talk":
        talk(Path(paths[0]))
    elif task == "fail":
        fail(Path(paths[0]))
    elif task == "hang":
        hang()
    else:
        remember(Path(paths[0]), Path(paths[1]), task == "remember")
