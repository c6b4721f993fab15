"""The model card of a run, beside its checkpoint: what the checkpoint's record says, and what an
evaluation of the saved file on the validation images gave.

README.md     the card
evaluation/   the report of the evaluation, see `mobilevit.evaluation.report`
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import lightning as L
import torch

from .. import __version__
from ..card import per_class
from ..checkpoint import Checkpoint, load_checkpoint
from ..evaluation.accuracy import Targets, evaluate_batches
from ..evaluation.records import Result, make_report, result_of
from ..evaluation.report import (
    CONFUSION_FILE,
    FILTERS,
    MARKDOWN_FILE,
    RELIABILITY_FILE,
    REPORT_FILE,
    class_table,
    write_report,
)
from ..files import atomic_file
from ..markdown import Written, on_one_line
from ..prediction import Pixels
from ..runtimes.torch import TorchSession, version
from ..templates import render
from .curves import CURVES_FILE
from .recipe import RECIPE_FILE, Recipe
from .scheduled_data import ScheduledData

CARD_FILE = "README.md"
EVALUATION_FOLDER = "evaluation"

# fields of the recipe that have options of their own
_OPTIONS = ("model", "weights", "epochs", "batch_size", "image_size", "learning_rate")


@dataclass(frozen=True)
class Circumstances:
    """What a card tells of a run that neither its checkpoint nor the trainer knows."""

    data: Path | str  # as it was named
    labels: Path | None  # likewise
    minutes: float  # of the whole run


def write_run_card(
    checkpoint: Path, trainer: L.Trainer, run: Circumstances, report: Callable[[str], None]
) -> None:
    """Evaluate the checkpoint, and write card and report into its folder.

    Args:
        trainer: that is done with the run.
        report: is given a line for a person to read.

    Raises:
        InputError: a file cannot be written.
    """
    report(f"evaluating `{checkpoint}` on all validation images")
    out = checkpoint.parent
    saved = load_checkpoint(checkpoint)
    session = TorchSession(saved, torch.get_num_threads(), trainer.strategy.root_device)
    sessions = {f"{checkpoint.name} ({session.delegate})": session}
    [row] = evaluate_batches(sessions, _validation_batches(trainer))
    origin = {"sha256": saved.sha256, "runtime": "torch", "runtime_version": version()}
    result = result_of(row, saved.labels, **origin)
    evaluation = make_report(checkpoint.name, saved.data["val"], [result])
    write_report(evaluation, out / EVALUATION_FOLDER)
    with atomic_file(out / CARD_FILE) as aside:
        aside.write_text(_card(saved, checkpoint, result, run, trainer), encoding="utf-8")


def _validation_batches(trainer: L.Trainer) -> Iterator[tuple[Pixels, Targets]]:
    data: ScheduledData = trainer.datamodule  # type: ignore[attr-defined]
    for pixels, targets in data.val_loader(0, 1):
        yield pixels.permute(0, 2, 3, 1).numpy(), targets.numpy()  # [B, H, W, 3], [B]


def _card(
    saved: Checkpoint, file: Path, result: Result, run: Circumstances, trainer: L.Trainer
) -> str:
    recipe = Recipe.model_validate(saved.recipe)
    folder = EVALUATION_FOLDER
    return render(
        "training/run_card.md.j2",
        {**FILTERS, "per_class": per_class},
        checkpoint=saved,
        file=file.name,
        bytes=file.stat().st_size,
        parameters=sum(p.numel() for p in saved.model.parameters()),
        recipe=recipe,
        changed=_changed(recipe),
        recipe_file=RECIPE_FILE,
        command=Written(on_one_line(repeat_command(recipe, run, file.parent))),
        duration=timedelta(seconds=round(60 * run.minutes)),
        processes=trainer.world_size,
        machine=_machine(trainer.strategy.root_device),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        sdk_version=__version__,
        result=result,
        curves=CURVES_FILE,
        report=f"{folder}/{MARKDOWN_FILE}",
        confusion=f"{folder}/{CONFUSION_FILE}",
        reliability=f"{folder}/{RELIABILITY_FILE}",
        **class_table(result, f"{folder}/{REPORT_FILE}"),
    )


def repeat_command(recipe: Recipe, run: Circumstances, out: Path) -> str:
    """What makes the same run again, for a shell: every field that is not the default."""
    changed = _changed(recipe)
    words = ["mobilevit", "train", str(run.data), "--out", str(out)]
    if run.labels is not None:
        words += ["--labels", str(run.labels)]
    for name in _OPTIONS:
        if name in changed:
            words += [f"--{name.replace('_', '-')}", str(changed[name][0])]
    for name, (value, _) in changed.items():
        if name not in _OPTIONS:
            words += ["--set", f"{name}={_json(value)}"]
    return shlex.join(words)


def _changed(recipe: Recipe) -> dict[str, tuple[Any, Any]]:
    """Value and default, as JSON has them, of every field that is not the default."""
    values, defaults = recipe.model_dump(mode="json"), Recipe().model_dump(mode="json")
    return {n: (v, defaults[n]) for n, v in values.items() if v != defaults[n]}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _machine(device: torch.device) -> dict[str, str]:
    from mobilevit_benchmarks.runner.machine import describe

    found = describe()
    processor = f"{found['chip'] or found['machine']}, {found['cores']} cores"
    if device.type == "cuda":
        trained = f"{torch.cuda.get_device_name(device)}; {processor}"
    else:
        trained = processor if device.type == "cpu" else f"{device.type}; {processor}"
    return {
        "trained on": trained,
        "system": f"{found['system']}, {found['runner']}, torch {torch.__version__}",
    }
