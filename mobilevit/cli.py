"""The `mobilevit` command. Everything heavy is imported by the subcommand that needs it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from .errors import InputError, MissingDependencyError, SdkError, unknown_name

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from mobilevit_benchmarks import BenchmarkResult, Subject

    from .bundle import ArtifactRecord, ClassSummary
    from .check import Check
    from .data.image_folder import ImageFolder
    from .evaluation.records import Result
    from .training.recipe import Recipe
    from .training.team import Team


_SHOWN = 5  # classes and confusions, of an evaluation

# commands that need more than the base install, and the extra that brings it
EXTRAS = {
    "train": "train",
    "shard": "train",
    "models": "train",
    "eval": "train",
    "export": "export",
    "inspect": "export",
    "card": "report",
    "report": "report",
}


class Commands(TyperGroup):
    """Turns what a command raises into a message and an exit status.

    0: done and good; 1: done, and the answer is bad; 2: the input or the options are wrong;
    130: interrupted.
    """

    def invoke(self, ctx: Any) -> Any:
        try:
            try:
                return super().invoke(ctx)
            except ModuleNotFoundError as error:
                extra = EXTRAS.get(ctx.invoked_subcommand)
                if extra is None or error.name is None or error.name.startswith("mobilevit"):
                    raise
                raise MissingDependencyError(error.name, extra) from error
        except SdkError as error:
            if os.environ.get("MOBILEVIT_TRACEBACK"):
                raise
            note(f"error: {error}")
            raise typer.Exit(2) from error
        except KeyboardInterrupt as error:
            note("interrupted")
            raise typer.Exit(130) from error


app = typer.Typer(
    cls=Commands,
    name="mobilevit",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="MobileViT from photos to phones: train, export, verify, measure.",
)

Bundle = Annotated[Path, typer.Argument(metavar="BUNDLE", help="Folder made by `export`.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON to standard output.")]
ModelName = Annotated[
    str | None,
    typer.Option("--model", help="Architecture, for weights from elsewhere that do not say."),
]
CheckpointName = Annotated[
    str,
    typer.Argument(
        metavar="CHECKPOINT", help="A file, or shipped weights such as mobilevit_xxs.imagenette."
    ),
]


def main() -> None:
    """Entry point of the console script."""
    app()


def note(text: str) -> None:
    """A line for a person, on standard error."""
    print(text, file=sys.stderr, flush=True)


def emit(value: Any) -> None:
    """JSON on standard output."""
    import json

    print(json.dumps(value, indent=2))


def show(table: RenderableType) -> None:
    """A table on standard output, as wide as the terminal; where there is none, as wide as the
    table. Names and labels in it are text, whatever is in them."""
    from rich.console import Console
    from rich.table import Table

    plain = partial(Console, markup=False, emoji=False, highlight=False)
    width = None
    if not sys.stdout.isatty():
        needed = plain(width=10_000).measure(table).maximum if isinstance(table, Table) else 0
        width = max(160, needed)
    plain(width=width).print(table)


def new_table(*columns: str, text: tuple[str, ...] = ()) -> Table:
    """A table of figures, but for the first column and those named in `text`, which are broken into
    lines where the terminal is narrow."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        words = index == 0 or column in text
        table.add_column(
            column,
            justify="left" if words else "right",
            no_wrap=not words,
            overflow="fold",
        )
    return table


def parse_size(text: str) -> tuple[int, int]:
    """`256` or `192x256`, height first -> (H, W)"""
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.isascii() and side.isdigit() for side in sides):
        raise InputError(f"`{text}` is not an image size", "write 256, or 192x256, height first")
    return int(sides[0]), int(sides[-1])


@app.command()
def models(
    pattern: Annotated[str, typer.Argument(help="Part of a name, or a glob.")] = "*",
    as_json: Json = False,
) -> None:
    """List models: parameters, multiply-adds, shipped weights."""
    from fnmatch import fnmatch

    from .checkpoint import shipped_weights
    from .models import list_models
    from .models.cost import model_cost

    glob = pattern if any(sign in pattern for sign in "*?[") else f"*{pattern}*"
    names = [name for name in list_models() if fnmatch(name, glob)]
    if not names:
        raise unknown_name("model", pattern, list_models())
    weights = list(shipped_weights())
    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "parameters": model_cost(name).parameters,
            "multiply_adds": model_cost(name).multiply_adds,
            "weights": [w for w in weights if w.split(".")[0] == name],
        }
        for name in names
    ]
    if as_json:
        return emit(rows)
    table = new_table("model", "parameters", "multiply-adds, 256x256", "shipped weights")
    for row in rows:
        table.add_row(
            row["name"],
            f"{row['parameters']:,}",
            f"{row['multiply_adds'] / 1e9:.2f} G",
            ", ".join(row["weights"]) or "-",
        )
    show(table)
    note("any timm model can be named as timm:NAME")


@app.command()
def train(
    data: Annotated[
        str,
        typer.Argument(
            help="train/CLASS and val/CLASS folders, or CLASS ones; or shards, a folder or address."
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", help="Run folder: checkpoint, curves, recipe.")
    ] = Path("run"),
    recipe: Annotated[
        str | None,
        typer.Option(
            help="A TOML file, the recipe.json of a run, a checkpoint, or one that ships: "
            "imagenet, small, finetune, quick."
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Default: that of --weights, or mobilevit_xxs.")
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="Checkpoint to start from: a file, or shipped weights.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the photos.")] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Images of a step, of all processes together.")
    ] = None,
    image_size: Annotated[int | None, typer.Option(help="Pixels a side.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="The highest.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Any other field of the recipe."),
    ] = None,
    sweeps: Annotated[
        list[str] | None,
        typer.Option(
            "--sweep", metavar="KEY=A,B,C", help="Train with each, into a folder of --out each."
        ),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="JSON with a readable label for each class folder.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes that load images; default: spare cores.")
    ] = None,
    cache: Annotated[
        bool, typer.Option("--cache", help="Keep the decoded photos in memory.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    devices: Annotated[
        int | None,
        typer.Option(min=1, help="GPUs, or processes where there is none; default: all, or one."),
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=1, help="Seconds that processes wait for each other.")
    ] = 300,
    measure_speed: Annotated[
        bool,
        typer.Option("--measure-speed", help="Say what bounds it, in a minute; train nothing."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Train a classifier on a folder of photos.

    Also under torchrun and SLURM's srun, in several processes on one or more hosts.
    """
    from dataclasses import asdict

    given = {
        "model": model,
        "weights": weights,
        "epochs": epochs,
        "batch_size": batch_size,
        "image_size": image_size,
        "learning_rate": learning_rate,
    }
    fields = {key: value for key, value in given.items() if value is not None}
    from .training.launchers import launched_place
    from .training.recipe import Recipe, load_recipe, make_recipe, read_recipe

    for text in settings or []:
        key, value = _setting(text)
        if key in fields:
            raise InputError(f"`{key}` is given twice", "leave one out")
        fields[key] = value

    if measure_speed and (resume or sweeps or (devices or 1) > 1):
        raise InputError("`--measure-speed` is of one run in one process, from its start")
    if sweeps and resume:
        raise InputError("a sweep always goes on where it was stopped", "leave out `--resume`")
    if resume and recipe is not None:
        raise InputError("`--recipe` and `--resume` exclude each other", "leave out `--recipe`")

    def choose(others: Mapping[str, Any] = {}) -> Recipe:
        given = {**fields, **others}
        if resume:
            return make_recipe({**read_recipe(out).model_dump(), **given})
        return make_recipe(given) if recipe is None else load_recipe(recipe, given)

    if measure_speed:
        return _measure_speed(data, choose(), workers, cache)
    place = launched_place()
    chosen = choose() if place is None and not sweeps else None  # before torch is loaded
    if place is None or place.rank == 0:
        note("loading torch")
    from .training.run_folder import RESUME_FILE, all_bring_run
    from .training.train import train as run

    how: dict[str, Any] = {"labels": labels, "workers": workers, "cache": cache, "report": note}
    if sweeps:
        with _processes(devices, timeout) as team:
            return _sweep(team, data, out, sweeps, choose, as_json, how)
    with _processes(devices, timeout) as team:
        if resume:
            all_bring_run(team, out)
        decided = team.all_from_first(lambda: (chosen or choose()).model_dump_json().encode())
        try:
            result = run(
                data,
                out,
                Recipe.model_validate_json(decided),
                resume=resume,
                **how,
            )
        except KeyboardInterrupt:
            if team.rank == 0 and (out / RESUME_FILE).exists():
                note(f"stopped; go on with `mobilevit train {data} --out {out} --resume`")
            raise
        if team.rank:
            return
    note(
        f"top-1 {result.top1:.2%} on the validation images, reached in epoch {result.epoch} of "
        f"{result.epochs}; {result.minutes:.0f} min"
    )
    if as_json:
        return emit({**asdict(result), "checkpoint": str(result.checkpoint)})
    print(result.checkpoint)


def _measure_speed(data: str, recipe: Recipe, workers: int | None, cache: bool) -> None:
    note("loading torch")
    from .training.throughput import measure_speed, verdict

    speed = measure_speed(data, recipe, workers=workers, cache=cache, report=note)
    sides = ", ".join(map(str, speed.sides))
    table = new_table(f"{recipe.model}, {sides} pixels, batch {speed.batch_size}", "images/s")
    kept = ", photos in memory" if speed.cached else ""
    table.add_row(f"loading, workers: {speed.workers}{kept}", f"{speed.loading:.1f}")
    compiled = ", compiled" if speed.compiled else ""
    table.add_row(f"step, {speed.device}, {speed.precision}{compiled}", f"{speed.step:.1f}")
    table.add_row("both", f"{speed.both:.1f}")
    show(table)
    print(verdict(speed))


@contextmanager
def _processes(devices: int | None, timeout: float) -> Iterator[Team]:
    """Those that train together, of which one on each host tells of errors."""
    from .training.meeting import joined

    team: Team | None = None
    try:
        with joined(devices, timeout) as team:
            yield team
    except (SdkError, KeyboardInterrupt) as error:
        if team is None or team.speaks:
            raise
        raise typer.Exit(130 if isinstance(error, KeyboardInterrupt) else 2) from error


@app.command()
def shard(
    data: Annotated[Path, typer.Argument(help="train/CLASS and val/CLASS folders, or CLASS ones.")],
    out: Annotated[Path, typer.Argument(help="A new folder for the shards and their index.")],
    shard_size: Annotated[
        float, typer.Option(min=0.001, metavar="MB", help="Of the images in a shard, at most.")
    ] = 100,
    images: Annotated[int | None, typer.Option(min=1, help="In a shard, at most.")] = None,
    labels: Annotated[
        Path | None, typer.Option(help="JSON with a readable label for each class folder.")
    ] = None,
    val_fraction: Annotated[
        float, typer.Option(min=0.001, max=0.999, help="Held out where there is no val/.")
    ] = 0.1,
    seed: Annotated[int, typer.Option(min=0, help="Of the order, and of what is held out.")] = 0,
) -> None:
    """Copy photos into tar files, to train from over a network or a slow disk."""
    from .data.image_folder import read_folders, read_label_names
    from .data.shards import write_shards

    train, val = read_folders(data, val_fraction, seed, note)
    with _progress("writing", len(train) + len(val)) as progress:
        index = write_shards(
            train,
            val,
            out,
            labels=read_label_names(labels, train.classes) if labels else None,
            shard_bytes=round(shard_size * 1e6),
            shard_images=images,
            seed=seed,
            progress=progress,
        )
    written = len(index.train.shards) + len(index.val.shards)
    note(f"{written} shards; train with `mobilevit train {out}`, or from where `{out}` is served")
    print(out)


def _sweep(
    team: Team,
    data: str,
    out: Path,
    sweeps: list[str],
    choose: Callable[[Mapping[str, Any]], Recipe],
    as_json: bool,
    how: Mapping[str, Any],
) -> None:
    from .training.sweep import COLUMNS, TABLE_FILE, parse_sweeps, sweep, table_rows

    try:
        runs = sweep(data, out, parse_sweeps(sweeps), choose, **how)
    except KeyboardInterrupt:
        if team.rank == 0:
            note("stopped; the same command goes on")
        raise
    if team.rank:
        return
    if as_json:
        emit([run.model_dump() for run in runs])
    else:
        table = new_table(*COLUMNS)
        for row in table_rows(runs):
            table.add_row(*row)
        show(table)
    for run in runs:
        if run.error:
            note(f"{run.name}: {run.error}")
    note(f"also in `{out / TABLE_FILE}`")
    if any(run.error for run in runs):
        raise typer.Exit(1)


def _setting(text: str) -> tuple[str, Any]:
    """`KEY=VALUE`, the value in JSON or a bare word."""
    from .training.recipe import parse_value

    key, sign, value = text.partition("=")
    if not sign:
        raise InputError(f"`--set {text}` has no value", "write `--set KEY=VALUE`")
    return key, parse_value(value)


@app.command("eval")
def evaluate(
    subject: Annotated[str, typer.Argument(metavar="CHECKPOINT|BUNDLE")],
    data: Annotated[Path, typer.Option("--data", help="Folder of class folders, or its parent.")],
    model: ModelName = None,
    images: Annotated[
        int | None, typer.Option(help="How many, evenly spread; default: all.")
    ] = None,
    record: Annotated[
        bool, typer.Option(help="Write the accuracy into the bundle's manifest.")
    ] = True,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for a report in Markdown, JSON and plots.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Accuracy on photos: of the weights, or of every artifact of a bundle."""
    from .training.run_folder import CHECKPOINT_FILE

    if (Path(subject) / CHECKPOINT_FILE).is_file():
        subject = str(Path(subject) / CHECKPOINT_FILE)
    bundle = Path(subject) if Path(subject).is_dir() else None
    if bundle is not None and model is not None:
        raise InputError("`--model` is for checkpoints, and a bundle names its own")
    if out is not None:
        _check_report_folder(out, bundle)
    from .data.image_folder import skipped_lines, summarize

    if bundle is not None:
        results, folder, save = _evaluate_bundle(bundle, data, images, record)
    else:
        results, folder = _evaluate_checkpoint(subject, model, data, images)
        save = None
    for line in skipped_lines(folder.skipped):
        note(line)
    if as_json:
        emit([result.model_dump(mode="json") for result in results])
    else:
        _show_results(results)
    if out is not None or save is not None:
        photos = summarize(folder)
    if out is not None:
        from .evaluation.records import make_report
        from .evaluation.report import MARKDOWN_FILE, write_report

        write_report(make_report(subject, photos, results, len(folder.skipped)), out)
        note(f"report: {out / MARKDOWN_FILE}")
    if save is not None:  # what was measured is on the screen by now, whatever becomes of the file
        save(photos)
        note(f"accuracy written to `{Path(subject) / 'manifest.json'}`")


def _check_report_folder(out: Path, bundle: Path | None) -> None:
    """Say now that no report can be written there, and not in an hour."""
    from .evaluation.report import check_report_packages
    from .files import scratch_folder

    check_report_packages()
    if bundle is not None and out.resolve().is_relative_to(bundle.resolve()):
        raise InputError(
            f"`{out}` is in the bundle, whose manifest names every file", "choose another folder"
        )
    with scratch_folder(out / "report"):
        pass


def _show_results(results: list[Result]) -> None:
    from .evaluation.records import worst_classes
    from .markdown import on_one_line

    _show_accuracy(results)
    first = results[0]
    classes = new_table(f"lowest recall, of {len(first.classes)}", "images", "recall", "precision")
    for figures in worst_classes(first, _SHOWN):
        shares = (figures.recall, figures.precision)
        texts = ["-" if share is None else f"{share:.2%}" for share in shares]
        classes.add_row(on_one_line(figures.label), f"{figures.images}", *texts)
    show(classes)
    if first.confusions:
        words = ("most confused", "given label")
        pairs = new_table(*words, "images", "of the class", text=words)
        for pair in first.confusions[:_SHOWN]:
            own, given = first.classes[pair.label], first.classes[pair.given]
            pairs.add_row(
                on_one_line(own.label),
                on_one_line(given.label),
                f"{pair.images}",
                f"{pair.images / own.images:.2%}",
            )
        show(pairs)
    note("ECE: expected calibration error, the mean distance of confidence from accuracy")
    if len(results) > 1:
        note(f"classes and confusions are those of {first.name}")


def _show_accuracy(rows: list[Result]) -> None:
    agreement = ("same top-1", "same top-5", "swap") if len(rows) > 1 else ()
    table = new_table("evaluated", "images", "top-1", "top-5", "ECE", *agreement)
    for row in rows:
        same = row.agreement
        figures = (
            [f"{same.same_top1}", f"{same.same_top5}", f"{same.widest_swap:.1e}"] if same else []
        )
        table.add_row(
            row.name,
            f"{row.images}",
            f"{row.top1:.2%}",
            f"{row.top5:.2%}",
            f"{row.calibration.expected_error:.2%}" if row.calibration else "-",
            *figures,
        )
    show(table)
    if len(rows) > 1:
        note(
            f"same: images with the same label, and the same five in the same order, as "
            f"{rows[0].name}; swap: how far apart, there, the probabilities were of labels that "
            "changed places, at most"
        )


def _evaluate_checkpoint(
    subject: str, model: str | None, data: Path, images: int | None
) -> tuple[list[Result], ImageFolder]:
    from .checkpoint import load_checkpoint
    from .evaluation import accuracy as evaluation
    from .evaluation.records import result_of
    from .runtimes.torch import TorchSession, version

    checkpoint = load_checkpoint(subject, model)
    folder = evaluation.open_folder(data, checkpoint.classes, len(checkpoint.labels), images)
    session = {f"{subject} (torch)": TorchSession(checkpoint, threads=os.cpu_count() or 1)}
    with _progress("evaluating", len(folder.samples)) as advance:
        [row] = evaluation.evaluate(session, folder, checkpoint.preprocessing, advance)
    origin = {"sha256": checkpoint.sha256, "runtime": "torch", "runtime_version": version()}
    return [result_of(row, checkpoint.labels, **origin)], folder


def _evaluate_bundle(
    bundle: Path, data: Path, images: int | None, record: bool
) -> tuple[list[Result], ImageFolder, Callable[[ClassSummary], Any] | None]:
    """What every artifact got right, and what writes it into the manifest, if that is wanted, given
    which photos it was."""
    from .bundle import check_hash, find_file, read_labels, read_manifest
    from .evaluation import accuracy as evaluation
    from .evaluation.records import result_of
    from .runtimes import runtimes_for

    manifest = read_manifest(bundle)
    labels = read_labels(bundle, manifest)
    if record and not os.access(bundle, os.W_OK):
        raise InputError(f"`{bundle}` cannot be written to", "add `--no-record`")
    folder = evaluation.open_folder(data, manifest.classes, manifest.labels.count, images)
    chosen, sessions = [], {}
    for artifact in manifest.artifacts:
        path = find_file(bundle, artifact.file)
        check_hash(path, artifact.sha256)
        for runtime in runtimes_for(path)[:1]:
            sessions[f"{artifact.file} ({runtime.name})"] = runtime.load(path, os.cpu_count() or 1)
            chosen.append((artifact, runtime))
    if not sessions:
        raise InputError(f"no runtime here opens an artifact of `{bundle}`", "install one")
    with _progress("evaluating", len(folder.samples)) as advance:
        rows = evaluation.evaluate(sessions, folder, manifest.preprocessing, advance)
    measured = [(*pair, row) for pair, row in zip(chosen, rows, strict=True)]
    results = [
        result_of(
            row,
            labels,
            sha256=artifact.sha256,
            runtime=runtime.name,
            runtime_version=runtime.version(),
        )
        for artifact, runtime, row in measured
    ]
    save = partial(evaluation.record_accuracy, bundle, measured) if record else None
    return results, folder, save


@contextmanager
def _progress(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on standard error; entering it gives a function that is told the count."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(title, total=total)
        yield lambda done: progress.update(task, completed=done)


@app.command()
def export(
    checkpoint: CheckpointName,
    out: Annotated[Path, typer.Option("--out", help="Folder of the bundle.")],
    formats: Annotated[
        str, typer.Option("--format", help="Comma-separated: onnx, tflite, coreml, mlmodel.")
    ] = "onnx,tflite,coreml,mlmodel",
    precisions: Annotated[
        str,
        typer.Option(
            "--precision",
            help="Comma-separated: fp32, fp16, int8, int8-weights, palette6, palette4.",
        ),
    ] = "fp32,fp16",
    layouts: Annotated[
        str, typer.Option("--layout", help="Comma-separated, of Core ML: plain, neural-engine.")
    ] = "plain",
    model: ModelName = None,
    image_size: Annotated[
        str | None, typer.Option(help="256, or 192x256, height first; default: the checkpoint's.")
    ] = None,
    more_sizes: Annotated[
        str | None,
        typer.Option(help="192,320: sizes a Core ML package takes besides; multiples of 64."),
    ] = None,
    dynamic_batch: Annotated[
        bool, typer.Option("--dynamic-batch", help="ONNX takes any number of images at once.")
    ] = False,
    input: Annotated[
        str,
        typer.Option(help="image: as each platform hands them out; tensor: float32 NCHW."),
    ] = "image",
    photos: Annotated[
        Path | None, typer.Option(help="Compare on photos of this folder, not on packaged ones.")
    ] = None,
    images: Annotated[int, typer.Option(help="How many photos to compare on.")] = 32,
    calibration: Annotated[
        Path | None,
        typer.Option(help="Class folders that int8 takes ranges from, and loss is measured on."),
    ] = None,
    max_drop: Annotated[
        float, typer.Option(min=0, max=100, help="Points of accuracy that fewer bits may cost.")
    ] = 1.0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a bundle.")] = False,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Formats made side by side; default: one a core."),
    ] = None,
    time: Annotated[
        bool, typer.Option(help="Time what is not fp32 against the fp32 of its format.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Convert a checkpoint to phone formats, each compared with it, into a bundle."""
    import json

    size = parse_size(image_size) if image_size else None
    note("loading the converters")
    from mobilevit_export import export as run

    result = run(
        checkpoint,
        out,
        formats=[name.strip() for name in formats.split(",") if name.strip()],
        precisions=[name.strip() for name in precisions.split(",") if name.strip()],
        layouts=[name.strip() for name in layouts.split(",") if name.strip()],
        model=model,
        image_size=size,
        more_sizes=[parse_size(part.strip()) for part in (more_sizes or "").split(",") if part],
        dynamic_batch=dynamic_batch,
        input=input,
        photos=photos,
        images=images,
        calibration=calibration,
        max_drop=max_drop / 100,
        overwrite=overwrite,
        jobs=jobs or os.cpu_count() or 1,
        report=note,
    )
    records = {attempt.record.file: attempt.record for attempt in result.attempts}
    if time and result.bundle:
        from mobilevit_benchmarks.siblings import time_siblings

        timed = time_siblings(result.bundle, report=note)
        records |= {record.file: record for record in timed}
    if as_json:
        # by way of pydantic, which writes the NaN of a broken artifact as null
        emit([json.loads(record.model_dump_json()) for record in records.values()])
    else:
        _show_exported(records.values(), timed=time)
    for attempt in result.failures:
        record = attempt.record
        note(f"error: `{record.file}` does not compute what the model computes")
        for fault in record.parity.faults:
            note(f"  {fault}; the largest difference is on {record.parity.worst_image}")
    if result.bundle:
        note(f"bundle: {result.bundle}")
    if result.failures:
        note(f"\nhint: rejected files are in `{result.rejected}`; `bundle` lists only good ones")
        raise typer.Exit(1)


def _show_exported(records: Iterable[ArtifactRecord], timed: bool) -> None:
    columns = ("artifact", "size", "largest difference", "top-1 agrees", "PSNR", "")
    against = ("against fp32",) if timed else ()
    table = new_table(*columns, *against, "note", text=("note",))
    for record in records:
        parity = record.parity
        table.add_row(
            record.file,
            f"{record.size / 1e6:.2f} MB",
            f"{parity.max_abs_difference:.1e}",
            f"{parity.top1_agreement:.1%} of {parity.images}",
            "same" if parity.psnr_db is None else f"{parity.psnr_db:.0f} dB",
            "REJECTED" if parity.faults else "good",
            *([_against_fp32(record)] if timed else []),
            "; ".join(record.faults),
        )
    show(table)


def _against_fp32(record: ArtifactRecord) -> str:
    """How many times as fast, with the 95 % interval."""
    if record.precision == "fp32" or record.parity.faults:
        return "-"
    if (sibling := record.sibling) is None:
        return "not timed here"
    return f"{sibling.speedup:.2f}x ({sibling.low:.2f} to {sibling.high:.2f})"


@app.command()
def verify(bundle: Bundle, as_json: Json = False) -> None:
    """Check hashes, preprocessing, and golden outputs on each runtime present."""
    from dataclasses import asdict

    from .check import check_bundle

    checks = check_bundle(bundle)
    if as_json:
        emit([asdict(check) for check in checks])
    else:
        table = new_table("file", "checked", "result", text=("checked", "result"))
        for subject, what, result in _check_rows(checks):
            table.add_row(subject, what, result)
        show(table)
    bad = sorted({check.subject for check in checks if check.faults})
    if bad:
        note(f"error: {', '.join(f'`{name}`' for name in bad)}: not what was exported")
        raise typer.Exit(1)


def _check_rows(checks: list[Check]) -> Iterator[tuple[str, str, str]]:
    """Hashes and preprocessing that are good, counted; everything else by itself."""
    for what in ("hash", "preprocessing"):
        good = [check for check in checks if check.what == what and not check.faults]
        if good:
            yield f"{len(good)} files", what, "good"
    for check in checks:
        if check.faults or check.what not in ("hash", "preprocessing"):
            yield check.subject, check.what, "; ".join(check.faults) or "good"


@app.command()
def inspect(
    artifact: Annotated[Path, typer.Argument(metavar="ARTIFACT", help="One exported file.")],
    dynamic_batch: Annotated[
        bool, typer.Option("--dynamic-batch", help="An open first side is meant to be.")
    ] = False,
    placement: Annotated[
        bool, typer.Option("--placement", help="On a Mac: where Core ML would run each operation.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Operations, tensors, metadata, and what would cost the file an accelerator."""
    from dataclasses import asdict

    from mobilevit_export.inspection import inspect as read
    from mobilevit_export.inspection.placement import placements
    from mobilevit_export.inspection.table import placement_section, sections
    from mobilevit_export.lint import lint
    from mobilevit_export.partition import predict

    inspection = read(artifact)
    findings = lint(inspection, dynamic_batch=dynamic_batch)
    places = placements(artifact) if placement else []
    if as_json:
        told = {
            "findings": [asdict(finding) for finding in findings],
            "predictions": [
                {
                    "delegate": prediction.delegate.name,
                    "taken": prediction.taken,
                    "total": prediction.total,
                    "regions": len(prediction.regions),
                }
                for prediction in predict(inspection)
            ],
        }
        emit({**asdict(inspection), **told, "placement": [asdict(place) for place in places]})
    else:
        for section in sections(inspection, predict(inspection), findings):
            show(section)
        for section in placement_section(places) if placement else ():
            show(section)
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(1)


@app.command()
def classify(
    bundle: Bundle,
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...")],
    artifact: Annotated[str | None, typer.Option(help="File name of one artifact.")] = None,
    every: Annotated[bool, typer.Option("--every-artifact", help="Ask each of them.")] = False,
    top: Annotated[int, typer.Option(min=1, help="How many labels.")] = 5,
    as_json: Json = False,
) -> None:
    """Labels and probabilities for images."""
    from dataclasses import asdict

    from .bundle import read_manifest
    from .capture import captured
    from .client import load
    from .images import open_image
    from .preprocessing import resize_and_crop

    if every and artifact is not None:
        raise InputError("`--artifact` names one, and `--every-artifact` asks all", "choose one")
    manifest = read_manifest(bundle)
    names = [r.file for r in manifest.artifacts] if every else [artifact]
    with captured():  # decoders talk about odd files
        crops = [resize_and_crop(open_image(path), manifest.preprocessing) for path in images]
    rows: list[dict[str, Any]] = []
    for name in names:
        client = load(bundle, name)
        for path, pixels in zip(images, crops, strict=True):
            [probabilities] = client.probabilities(pixels[None])
            rows.append(
                {
                    "image": str(path),
                    "artifact": client.artifact.file,
                    "runtime": client.runtime.name,
                    "labels": [asdict(p) for p in client.most_probable(probabilities, top)],
                }
            )
    if as_json:
        return emit(rows)
    words = ("image", "artifact", "runtime", "labels")
    table = new_table(*words, text=words)
    for row in rows:
        text = ", ".join(f"{p['label']} {p['probability']:.1%}" for p in row["labels"])
        table.add_row(Path(row["image"]).name, row["artifact"], row["runtime"], text)
    show(table)


@app.command()
def benchmark(
    subjects: Annotated[
        list[Path] | None, typer.Argument(metavar="BUNDLE|ARTIFACT...", help="What to time.")
    ] = None,
    suite: Annotated[
        str | None, typer.Option(help="paper: MobileViT and its rivals, exported first.")
    ] = None,
    device: Annotated[
        str,
        typer.Option(help="local, ssh:HOST, android[:SERIAL], ios[:UDID], coreml, arm64-emulated."),
    ] = "local",
    threads: Annotated[str, typer.Option(help="Comma-separated, such as 1,2.")] = "1",
    batch: Annotated[str, typer.Option(help="Images in a run, such as 1,4.")] = "1",
    delegate: Annotated[
        str | None, typer.Option(help="Such as xnnpack,builtin; default: a runtime's first.")
    ] = None,
    rounds: Annotated[int, typer.Option(help="How often each artifact is visited.")] = 20,
    launches: Annotated[
        int, typer.Option(help="How often each is opened anew; the rounds are spread over them.")
    ] = 5,
    sustained: Annotated[
        str | None,
        typer.Option(help="Instead of rounds, each alone for this long, such as 5m or 90s."),
    ] = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="Besides, what each operation takes; local only.")
    ] = False,
    benchmark_model: Annotated[
        Path | None,
        typer.Option(help="Google's tool of this name, to run on the phone besides."),
    ] = None,
    results: Annotated[
        Path | None, typer.Option("--json", help="Write every sample to this file.")
    ] = None,
) -> None:
    """Time artifacts in interleaved rounds: load, first run, percentiles, memory."""
    from mobilevit_benchmarks import ProtocolSettings
    from mobilevit_benchmarks import benchmark as run
    from mobilevit_benchmarks.devices import open_device

    from .files import scratch_folder

    def keep(measured: BenchmarkResult) -> None:
        if results is not None:
            measured.write(results)

    def keep_partial(partial: BenchmarkResult) -> None:
        keep(partial)
        if results is not None:
            note(f"incomplete, samples so far: {results}")
        _show_result(partial)

    if results is not None:
        with scratch_folder(results):  # say now that it cannot be written, and not in an hour
            pass

    for name, number in (("rounds", rounds), ("launches", launches)):
        if number < 1:
            raise InputError(f"{number} {name} measure nothing", "give 1 or more")
    thread_counts, batches = _numbers("threads", threads), _numbers("batch", batch)
    if benchmark_model is not None and device.partition(":")[0] != "android":
        raise InputError("`--benchmark-model` runs on `--device android`", "leave it out elsewhere")
    if profile and device != "local":
        raise InputError("`--profile` profiles on this machine alone", "leave out --device")
    if device == "arm64-emulated":
        if sustained is not None or delegate is not None:
            raise InputError("an emulated device has neither time nor delegates to choose")
        from mobilevit_benchmarks.counting import check_options, count

        check_options(thread_counts, batches)
        result = count(
            _subjects(subjects or [], suite),
            processes=launches,
            command=_command_line(),
            report=note,
            keep_partial=keep_partial,
        )
    else:
        used = open_device(device)
        timed = _subjects(subjects or [], suite)
        result = run(
            timed,
            threads=thread_counts,
            batches=batches,
            delegates=[name.strip() for name in delegate.split(",")] if delegate else (),
            settings=ProtocolSettings(
                rounds=rounds,
                launches=launches,
                sustained_s=None if sustained is None else _seconds(sustained),
            ),
            device=used,
            command=_command_line(),
            report=note,
            keep_partial=keep_partial,
        )
        keep(result)  # before what may fail
        if benchmark_model is not None:
            from mobilevit_benchmarks.devices.android import with_tool_figures

            result = with_tool_figures(result, timed, used, benchmark_model, report=note)
        if device == "coreml":
            from mobilevit_benchmarks.devices.coreml import with_compute_plans

            result = with_compute_plans(result, timed, report=note)
        if profile:
            from mobilevit_benchmarks.profile.subjects import profile_result

            result = profile_result(result, timed, report=note)
    keep(result)
    _show_result(result)
    if results is not None:
        note(f"samples: {results}")
    if any(skipped.refused for skipped in result.not_timed):
        raise typer.Exit(1)


def _show_result(result: BenchmarkResult) -> None:
    from mobilevit_benchmarks.profile.table import profile_table
    from mobilevit_benchmarks.table import counts_table, result_table

    if result.measurements:
        show(result_table(result))
    if result.counts:
        show(counts_table(result))
    for profiled in result.profiles:
        show(profile_table(profiled))


def _subjects(paths: list[Path], suite: str | None) -> list[Subject]:
    from mobilevit_benchmarks import ModelFacts, Subject
    from mobilevit_benchmarks.cases import bundle_subjects

    if suite is not None:
        from mobilevit_benchmarks.suites import suite_subjects

        if paths:
            raise InputError("a suite has its own artifacts", "give `--suite` or artifacts")
        return suite_subjects(suite, report=note)
    timed: list[Subject] = []
    for path in paths:
        if path.is_dir() and path.suffix != ".mlpackage":
            timed += bundle_subjects(path)
        else:
            timed.append(Subject(path, path.name, ModelFacts(name=path.stem)))
    return timed


def _numbers(option: str, text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and len(part) < 6 for part in parts):
        raise InputError(f"`{text}` is not a choice of {option}", "write numbers, such as 1,2")
    return [int(part) for part in parts]


def _seconds(text: str) -> float:
    """Of `90s`, `5m`."""
    found = re.fullmatch(r"([0-9]{1,5}(?:\.[0-9]{1,3})?)(s|m)", text)
    if found is None or float(found[1]) == 0:
        raise InputError(f"`{text}` is not a time", "write minutes or seconds, such as 5m or 90s")
    return float(found[1]) * {"s": 1, "m": 60}[found[2]]


def _share(text: str) -> float:
    """Of `5%`."""
    found = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,3})?)%", text)
    if found is None or float(found[1]) == 0:
        raise InputError(f"`{text}` is not a share", "write a percentage, such as 5%")
    return float(found[1]) / 100


def _command_line() -> str:
    import shlex

    return shlex.join(["mobilevit", *sys.argv[1:]])


@app.command()
def compare(
    result: Annotated[Path, typer.Argument(metavar="RESULT.json", help="Of `benchmark --json`.")],
    other: Annotated[
        Path | None, typer.Argument(metavar="OTHER.json", help="A later one of the same.")
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(help="Of one result: what the others are compared with; default: the first."),
    ] = None,
    fail_slower: Annotated[
        str | None,
        typer.Option(help="Exit with 1 unless no case is found slower by this much, such as 5%."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Two artifacts of one result, or one of two: a ratio, its interval, a verdict."""
    from dataclasses import asdict

    from mobilevit_benchmarks import BenchmarkResult
    from mobilevit_benchmarks import compare as run
    from mobilevit_benchmarks.comparison import RESOLUTION, not_compared, passes
    from mobilevit_benchmarks.table import comparison_table

    if other is not None and reference is not None:
        raise InputError("`--reference` is for a single result", "leave it out, or OTHER.json")
    limit = None if fail_slower is None else _share(fail_slower)
    first = BenchmarkResult.read(result)
    second = None if other is None else BenchmarkResult.read(other)
    comparisons = run(
        first,
        second,
        reference=reference,
        resolution=limit or RESOLUTION,
    )
    if as_json:
        emit([asdict(comparison) for comparison in comparisons])
    else:
        show(comparison_table(comparisons))
    if limit is None:
        return
    faults = not_compared(comparisons, first, second)
    faults += [
        f"{c.name} against {c.reference}: {c.unfit or c.verdict}, at most {c.ratio.high:.3f} times"
        for c in comparisons
        if not passes(c, limit)
    ]
    for fault in faults:
        note(f"not shown to be within {fail_slower}: {fault}")
    if faults:
        raise typer.Exit(1)


@app.command()
def report(
    results: Annotated[
        list[Path], typer.Argument(metavar="RESULT.json...", help="Of `benchmark --json`.")
    ],
    html: Annotated[Path | None, typer.Option(help="A page that needs no other file.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Every sample, a row each.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="For a pull request.")] = None,
) -> None:
    """Results of any devices and days as one report; without an option, as tables."""
    from mobilevit_benchmarks.report import (
        make_report,
        read_results,
        write_csv,
        write_html,
        write_markdown,
    )
    from mobilevit_benchmarks.table import counts_table, result_table

    found = read_results(results, note)
    outputs = ((html, write_html), (csv, write_csv), (markdown, write_markdown))
    if not any(path for path, _ in outputs):
        for result in found:
            if result.measurements:
                show(result_table(result))
            if result.counts:
                show(counts_table(result))
        return
    made = make_report(found)
    for path, write in outputs:
        if path is not None:
            write(made, path)
            note(f"report: {path}")


@app.command()
def embed(
    bundle: Bundle,
    app_folder: Annotated[
        Path, typer.Argument(metavar="APP_DIR", help="An Android or iOS project, or a module.")
    ],
    platform: Annotated[
        str | None, typer.Option(help="android or ios, where the folder has both.")
    ] = None,
    module: Annotated[
        str | None, typer.Option(help="Gradle module or Xcode target, where there are several.")
    ] = None,
    artifacts: Annotated[
        list[str] | None,
        typer.Option("--artifact", metavar="FILE", help="Of the bundle; may be repeated."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Put artifact, labels, manifest and golden set into an app; twice is as good as once."""
    from dataclasses import asdict

    from .embed import embed as run

    result = run(bundle, app_folder, platform=platform, module=module, artifacts=artifacts or ())
    if as_json:
        return emit(asdict(result))
    print(f"{result.change}: {result.folder}")
    for file, size in result.artifacts.items():
        print(f"  {file}  {size / 1e6:.2f} MB")
    rest = result.size - sum(result.artifacts.values())
    print(f"  labels, manifest and golden set  {rest / 1e6:.2f} MB")
    for step in result.steps:
        note(f"next: {step}")
    note("in code: docs/embedding.md")


@app.command()
def card(
    bundle: Bundle,
    out: Annotated[
        Path | None, typer.Option("--out", help="File to write; default: standard output.")
    ] = None,
) -> None:
    """The model card of a bundle, in Markdown."""
    from .card import render_card
    from .files import atomic_file

    text = render_card(bundle)
    if out is None:
        return print(text, end="")
    with atomic_file(out) as aside:
        aside.write_text(text, encoding="utf-8")
    note(f"card: {out}")


if __name__ == "__main__":
    main()
