"""Several runs that differ in some settings, and one table of how they ended.

`OUT` gets a folder for each run, named by its settings, and `sweep.json` and `sweep.md`, which are
written anew after every run. The same command again goes on: what is finished is not trained again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from statistics import mean, median, stdev
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from ..errors import InputError, SdkError, first_fault
from ..files import atomic_file
from ..markdown import escaped
from .guards import DivergedError
from .logs import METRICS_FILE, read_metrics
from .recipe import RECIPE_FILE, Recipe, parse_value, read_recipe

if TYPE_CHECKING:
    from .train import TrainResult

SWEEP_FILE = "sweep.json"
TABLE_FILE = "sweep.md"
COLUMNS = ("run", "top-1", "in epoch", "last top-1", "train loss", "minutes", "images/s")

_LONGEST = 120  # characters of a folder's name


class SweepRun(BaseModel):
    """How one run ended; of figures those that are known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str  # of its folder in `OUT`
    settings: dict[str, Any]  # those in which it differs
    top1: float | None = None  # of the weights that are kept, on the validation images, 0..1
    epoch: int | None = None  # in which it was reached, from 1
    epochs: int | None = None
    last_top1: float | None = None  # after the last epoch
    train_loss: float | None = None  # mean of the last epoch
    minutes: float | None = None
    images_per_s: float | None = None  # median over the run
    error: str = ""  # why there are no figures

    def cells(self) -> list[str]:
        """As in `COLUMNS`, without the name."""
        if self.error:
            return ["failed", *["-"] * (len(COLUMNS) - 2)]
        figures = (
            (self.top1, "{:.2%}"),
            (self.epoch, f"{{}} of {self.epochs}"),
            (self.last_top1, "{:.2%}"),
            (self.train_loss, "{:.4f}"),
            (self.minutes, "{:.1f}"),
            (self.images_per_s, "{:.0f}"),
        )
        return ["-" if value is None else form.format(value) for value, form in figures]


class _Planned(BaseModel):
    name: str
    settings: dict[str, Any]
    recipe: Recipe
    begun: bool = False  # and stopped, or ended, or failed


class _Plan(BaseModel):
    """What process 0 tells the others to train."""

    runs: list[_Planned]


class _Sweep(BaseModel):
    model_config = ConfigDict(extra="forbid")

    data: str
    runs: list[SweepRun]  # those that ended, of every sweep into this folder


def parse_sweeps(texts: Sequence[str]) -> list[dict[str, Any]]:
    """`KEY=VALUE,VALUE,…` each -> every combination of their values, the last key's first.

    Values are JSON, or words where they are not: `config.patch_sizes=[2,2,2],[8,4,2]`.

    Raises:
        InputError: no values, or a key or a value twice.
    """
    choices: dict[str, list[Any]] = {}
    for text in texts:
        key, sign, values = text.partition("=")
        if not sign or not key or not values.strip():
            raise InputError(f"`--sweep {text}` has no values", "write `--sweep KEY=VALUE,VALUE`")
        if key in choices:
            raise InputError(f"`--sweep` has `{key}` twice", "give its values in one")
        choices[key] = _values(values)
    return [dict(zip(choices, values, strict=True)) for values in product(*choices.values())]


def _values(text: str) -> list[Any]:
    try:
        return list(json.loads(f"[{text}]"))
    except (ValueError, RecursionError):
        return [parse_value(word.strip()) for word in text.split(",")]


def table_rows(runs: Sequence[SweepRun]) -> list[list[str]]:
    """As in `COLUMNS`; after the runs the mean and the standard deviation of those that differ in
    their seed alone, which is what chance does."""
    by_seeds: dict[str, list[float]] = {}
    for run in runs:
        others = {key: value for key, value in run.settings.items() if key != "seed"}
        if "seed" in run.settings and run.top1 is not None:
            by_seeds.setdefault(folder_name(others), []).append(run.top1)
    rows = [[run.name, *run.cells()] for run in runs]
    for name, top1s in by_seeds.items():
        if len(top1s) > 1:
            title = f"{name}, {len(top1s)} seeds" if name else f"{len(top1s)} seeds"
            figure = f"{mean(top1s):.2%} ± {100 * stdev(top1s):.2f}"
            rows.append([title, figure, *["-"] * (len(COLUMNS) - 2)])
    return rows


def folder_name(settings: Mapping[str, Any]) -> str:
    """`KEY=VALUE,KEY=VALUE`, with dashes for what no file should be called."""
    parts = []
    for key, value in settings.items():
        text = value if isinstance(value, str) else json.dumps(value)
        parts.append(f"{key}={re.sub(r'[^A-Za-z0-9._+]+', '-', text).strip('-') or 'none'}")
    name = ",".join(parts)
    if len(name) > _LONGEST:
        name = f"{name[:_LONGEST]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return name


def sweep(
    data: Path | str,
    out: Path,
    choices: Sequence[Mapping[str, Any]],
    recipe_with: Callable[[Mapping[str, Any]], Recipe],
    *,
    labels: Path | None = None,
    workers: int | None = None,
    cache: bool = False,
    report: Callable[[str], None] = print,
) -> list[SweepRun]:
    """Train once for each of `choices`, into a folder of `out` each; one that fails stops no other,
    unless there are several processes, of which some may not know.

    Args:
        data, labels, workers, cache, report: as for `train`.
        out: new or empty, or with the runs of an earlier sweep.
        choices: the settings of each run.
        recipe_with: the whole recipe of the run with these settings; called by process 0.

    Returns: how they ended, in process 0; nothing in others.

    Raises:
        InputError: a setting that no recipe has, the same run twice, or `out` holds something else,
            or a run of the same name with another recipe; before anything is trained.
        KeyboardInterrupt: stopped; the same sweep again goes on.
    """
    from .meeting import joined
    from .train import train

    with joined() as team:
        first = team.rank == 0
        ended: dict[str, SweepRun] = {}

        def choose() -> bytes:
            plan = _Plan(runs=_planned(choices, recipe_with))
            ended.update((run.name, run) for run in _read(data, out))
            for run in plan.runs:
                run.begun = _is_begun(out / run.name, run.recipe)
            return plan.model_dump_json().encode()

        plan = _Plan.model_validate_json(team.all_from_first(choose))
        runs: list[SweepRun] = []
        for number, planned in enumerate(plan.runs, 1):
            name = planned.name
            known = first and name in ended and not ended[name].error and planned.begun
            if team.all_from_first(lambda known=known: b"known" if known else b""):  # type: ignore[misc]
                if first:
                    report(f"{name}: trained already")
                    runs.append(ended[name])
                continue
            if first:
                report(f"{name}: {number} of {len(plan.runs)}")
            error, result = "", None
            try:
                result = train(
                    data,
                    out / name,
                    planned.recipe,
                    resume=planned.begun,
                    labels=labels,
                    workers=workers,
                    cache=cache,
                    report=report,
                )
            except SdkError as fault:
                if team.processes > 1 and not isinstance(fault, DivergedError):
                    raise
                error = fault.message
                if first:
                    report(f"error: {fault}")
            if first:
                ended[name] = _ended(planned, out / name, result, error)
                runs.append(ended[name])
                _write(out, data, list(ended.values()))
        if first:
            _write(out, data, list(ended.values()))
    return runs


def _planned(
    choices: Sequence[Mapping[str, Any]], recipe_with: Callable[[Mapping[str, Any]], Recipe]
) -> list[_Planned]:
    from ..models.registry import check_config

    runs: dict[str, _Planned] = {}
    for settings in choices:
        name = folder_name(settings)
        if name in runs:
            raise InputError(f"`--sweep` gives `{name}` twice", "leave one out")
        recipe = recipe_with(settings)
        check_config(recipe.model, recipe.config)
        runs[name] = _Planned(name=name, settings=dict(settings), recipe=recipe)
    return list(runs.values())


def _is_begun(run: Path, recipe: Recipe) -> bool:
    if not (run / RECIPE_FILE).is_file():
        return False
    differences = read_recipe(run).differences(recipe)
    if differences:
        raise InputError(
            f"`{run}` was trained with another recipe: {'; '.join(differences)}",
            "sweep into another folder",
        )
    return True


def _ended(planned: _Planned, run: Path, result: TrainResult | None, error: str) -> SweepRun:
    if result is None:
        return SweepRun(name=planned.name, settings=planned.settings, error=error)
    rows = read_metrics(run / METRICS_FILE)
    accuracies, losses = _column(rows, "val_accuracy"), _column(rows, "train_loss")
    speeds = _column(rows, "images_per_s")
    return SweepRun(
        name=planned.name,
        settings=planned.settings,
        top1=result.top1,
        epoch=result.epoch,
        epochs=result.epochs,
        last_top1=accuracies[-1] if accuracies else None,
        train_loss=losses[-1] if losses else None,
        minutes=result.minutes,
        images_per_s=median(speeds) if speeds else None,
    )


def _column(rows: list[dict[str, str]], name: str) -> list[float]:
    return [float(row[name]) for row in rows if row.get(name)]


def _read(data: Path | str, out: Path) -> list[SweepRun]:
    """The runs that ended, of the sweep in `out`."""
    file = out / SWEEP_FILE
    if not file.is_file():
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise InputError(f"`{out}` holds something else than a sweep", "choose another folder")
        _write(out, data, [])
        return []
    try:
        record = _Sweep.model_validate_json(file.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"`{file}` cannot be read: {error}", "sweep elsewhere") from error
    except ValidationError as error:
        raise InputError(
            f"`{file}` is not of this version: {first_fault(error)}", "sweep into another folder"
        ) from error
    if record.data != _address(data):
        raise InputError(
            f"the sweep in `{out}` is of `{record.data}`, not of `{data}`",
            "sweep into another folder",
        )
    return record.runs


def _write(out: Path, data: Path | str, ended: list[SweepRun]) -> None:
    record = _Sweep(data=_address(data), runs=ended)
    with atomic_file(out / SWEEP_FILE) as aside:
        aside.write_text(record.model_dump_json(indent=2) + "\n")
    with atomic_file(out / TABLE_FILE) as aside:
        aside.write_text(_markdown(ended))


def _address(data: Path | str) -> str:
    return str(Path(data).resolve()) if Path(data).exists() else str(data)


def _markdown(runs: list[SweepRun]) -> str:
    lines = [list(COLUMNS), ["---", *["---:"] * (len(COLUMNS) - 1)]]
    lines += [[escaped(cell) for cell in row] for row in table_rows(runs)]
    text = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return text + "".join(
        f"\n{escaped(run.name)}: {escaped(run.error)}\n" for run in runs if run.error
    )
