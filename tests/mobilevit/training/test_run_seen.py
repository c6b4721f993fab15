"""What a run shows while it goes on, and what it leaves behind for people: the same after Ctrl-C in
mid-epoch and a resume as of a run that was never stopped."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import shlex
import shutil
import signal
import struct
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import torch
from markdown_it import MarkdownIt
from PIL import Image
from rich.console import Console
from typer.testing import CliRunner

from mobilevit.checkpoint import load_checkpoint
from mobilevit.cli import app
from mobilevit.errors import InputError
from mobilevit.evaluation.records import EvaluationReport
from mobilevit.training import logs, progress
from mobilevit.training.curves import curve_points, draw_curves
from mobilevit.training.logs import COLUMNS, MetricsFile, loggers, read_metrics
from mobilevit.training.recipe import Recipe
from mobilevit.training.train import TrainResult, train
from tests.conftest import write_photos
from tests.mobilevit.training.killing import Forks

CLASSES = ("$x$ <b>\x1b[31m", "a", "b | c")
RECIPE = Recipe(
    config={"transformer_depths": [1, 1, 1]},
    epochs=3,
    batch_size=8,
    image_size=32,
    save_every=4,
    learning_rate=3e-3,
    warmup_epochs=0.5,
    crop_scale=(0.5, 1),
)
STEPS = 6  # of an epoch


@dataclass
class Run:
    folder: Path
    lines: list[str]  # that `report` was given
    printed: str
    result: TrainResult | None = None


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    for part, count in (("train", 16), ("val", 6)):
        write_photos(root / part, CLASSES, count)
    return root


@pytest.fixture(scope="module")
def often() -> Iterator[None]:
    """A line after every step; and a terminal is not believed in because of the environment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(progress, "FIRST_LINE_S", 0.0)
        patch.setattr(progress, "LINE_S", 0.0)
        patch.setenv("FORCE_COLOR", "1")
        patch.setenv("TTY_COMPATIBLE", "1")
        yield


@pytest.fixture(scope="module")
def whole(photos: Path, often: None, tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = Run(tmp_path_factory.mktemp("whole") / "run", [], "")
    written = io.StringIO()
    with redirect_stderr(written), redirect_stdout(written):
        run.result = train(photos, run.folder, RECIPE, workers=0, report=run.lines.append)
    run.printed = written.getvalue()
    return run


@pytest.fixture(scope="module")
def short(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One epoch, too short for a line about its steps."""
    run = Run(tmp_path_factory.mktemp("short") / "run", [], "")
    recipe = RECIPE.model_copy(update={"epochs": 1})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(progress, "FIRST_LINE_S", 3600.0)
        run.result = train(photos, run.folder, recipe, workers=0, report=run.lines.append)
    return run


@pytest.fixture(scope="module")
def stopped(photos: Path, often: None, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Interrupted in the second epoch, two steps after it was last saved."""
    run = Run(tmp_path_factory.mktemp("stopped") / "run", [], "")
    handler = signal.getsignal(signal.SIGINT)

    def report(line: str) -> None:
        run.lines.append(line)
        if line.startswith(f"epoch 2/3, step 5/{STEPS}"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(photos, run.folder, RECIPE, workers=0, report=report)
    assert signal.getsignal(signal.SIGINT) == handler  # the next Ctrl-C ends what comes next
    return run


@pytest.fixture(scope="module")
def resumed(
    stopped: Run, photos: Path, runs: Forks, tmp_path_factory: pytest.TempPathFactory
) -> Run:
    """On a terminal, and another copy than `stopped`."""
    folder = shutil.copytree(stopped.folder, tmp_path_factory.mktemp("resumed") / "run")
    arguments = ["train", str(photos), "--out", str(folder), "--resume", "--workers", "0"]
    screen, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 130, 0, 0))
    shown: list[bytes] = []
    chunks = iter(partial(_read, screen), b"")
    reading = threading.Thread(target=shown.extend, args=(chunks,), daemon=True)
    reading.start()
    ending = runs.run(arguments, terminal=os.ttyname(terminal))
    os.close(terminal)
    reading.join()
    os.close(screen)
    printed = b"".join(shown).decode()
    assert ending == 0, printed
    return Run(folder, [], printed)


def _read(screen: int) -> bytes:
    try:
        return os.read(screen, 65536)
    except OSError:  # nobody has the other end any more
        return b""


def test_without_a_terminal_there_are_plain_lines(whole: Run) -> None:
    assert not re.search(r"[^\x20-\x7e\n]", whole.printed)
    assert all(line.isprintable() for line in whole.lines)
    steps = [line for line in whole.lines if ", step " in line]
    assert len(steps) == RECIPE.epochs * STEPS
    figures = r"loss \d\.\d{3}, lr \d\.\de-\d\d, [\d.]+ images/s, \d:\d\d:\d\d left"
    assert re.fullmatch(rf"epoch 2/3, step 4/6: {figures}", steps[9])
    assert "time left not known yet" in steps[0]
    epochs = [line for line in whole.lines if re.match(r"epoch \d/3: loss ", line)]
    assert len(epochs) == RECIPE.epochs
    assert epochs[-1].endswith("0:00:00 left")
    assert whole.result is not None
    shown = [float(re.search(r"top-1 ([\d.]+)%", line)[1]) for line in epochs]  # type: ignore[index]
    assert max(shown) == pytest.approx(100 * whole.result.top1, abs=0.01)
    assert ", best; " in epochs[whole.result.epoch - 1]


def test_lines_are_rare(short: Run) -> None:
    assert not any(", step " in line for line in short.lines)
    assert sum(line.startswith("epoch 1/1: ") for line in short.lines) == 1


def test_on_a_terminal_the_bar_knows_where_a_resumed_epoch_is(resumed: Run) -> None:
    assert "\x1b[" in resumed.printed  # a live bar
    assert resumed.printed.rindex("\x1b[?25h") > resumed.printed.rindex("\x1b[?25l")  # the cursor
    text = re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", resumed.printed)
    assert re.search(r"epoch 2/3 +[━╸╺ ]+ +3/6 +loss \d", text)  # saved after two of six
    assert "/?" not in text
    assert "epoch 1/3" not in text
    for epoch in (2, 3):
        assert re.search(rf"[\r\n]epoch {epoch}/3: loss .* left *\r?\n", text)
    assert "Traceback" not in text


def test_the_bar_is_closed_on_errors(photos: Path, tmp_path: Path) -> None:
    screen, terminal = io.StringIO(), sys.stderr
    console = Console(file=screen, force_terminal=True, width=100, _environ={})

    def report(line: str) -> None:
        if line.startswith("epoch 1/3:"):
            assert sys.stderr is not terminal  # goes through the bar, which is drawn below
            raise InputError("the disk is full")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(progress, "_terminal", lambda: console)
        with pytest.raises(InputError, match="the disk is full"):
            train(photos, tmp_path / "run", RECIPE, workers=0, report=report)
    assert sys.stderr is terminal
    text = screen.getvalue()
    assert "epoch 1/3" in text
    assert text.endswith("\x1b[1A\x1b[2K")  # nothing of it is left
    # were the process killed, the terminal would have its cursor
    assert re.search(r"\x1b\[\?25l[^e]*\x1b\[\?25h.*epoch", text, re.S)


def test_metrics_are_those_of_a_run_that_was_not_stopped(
    whole: Run, stopped: Run, resumed: Run
) -> None:
    expected, before, after = (
        read_metrics(run.folder / "metrics.csv") for run in (whole, stopped, resumed)
    )
    assert [int(row["step"]) for row in expected] == [5, 9, 11, 17]
    assert [int(row["step"]) for row in before] == [5, 9]  # 9 is done again, from 8 on
    assert [row["epoch"] for row in expected] == ["0", "1", "1", "2"]
    changing = {"images_per_s"}
    for index, (one, other) in enumerate(zip(expected, after, strict=True)):
        # the mean of the epoch that was stopped is of what came after
        loose = changing | ({"train_loss"} if index == 2 else set())
        assert {k: v for k, v in one.items() if k not in loose} == {
            k: v for k, v in other.items() if k not in loose
        }
    step, end = expected[1], expected[2]
    assert float(step["images_per_s"]) > 0
    assert 0 < float(step["learning_rate"]) <= RECIPE.learning_rate
    assert step["loss"] and not step["val_loss"]
    assert end["train_loss"] and end["val_loss"] and not end["loss"]
    text = (resumed.folder / "metrics.csv").read_text()
    assert text.splitlines()[0] == ",".join(COLUMNS)


def test_tensorboard_shows_no_step_twice(whole: Run, resumed: Run) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    for run in (whole, resumed):
        events = accumulator.EventAccumulator(str(run.folder / "tensorboard")).Reload()
        for tag, steps in (("val_accuracy", [5, 11, 17]), ("loss", [9]), ("learning_rate", [9])):
            assert [event.step for event in events.Scalars(tag)] == steps, tag
    assert len(list((resumed.folder / "tensorboard").glob("events.*"))) == 2


def test_without_tensorboard_there_is_the_csv(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(loggers(tmp_path)) == 2
    monkeypatch.setattr(logs, "find_spec", lambda name: None)
    assert [type(logger) for logger in loggers(tmp_path)] == [MetricsFile]


def test_a_row_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "metrics.csv"
    log = MetricsFile(file)
    log.log_metrics({"epoch": 0, "loss": 1.5}, 9)
    log.log_metrics({"epoch": 0, "val_accuracy": 0.25, "unknown": 1.0}, 11)
    log.log_metrics({"epoch": 0, "train_loss": 1.25}, 11)  # the same row
    rows = read_metrics(file)
    assert [(row["step"], row["val_accuracy"], row["train_loss"]) for row in rows] == [
        ("9", "", ""), ("11", "0.25", "1.25"),
    ]  # fmt: skip
    file.write_bytes(file.read_bytes()[:-3])
    again = MetricsFile(file)
    again.log_metrics({"epoch": 1, "loss": 1.0}, 19)
    assert [row["step"] for row in read_metrics(file)] == ["9", "19"]
    file.unlink()
    again.log_metrics({"epoch": 1, "loss": 0.5}, 29)
    assert [row["step"] for row in read_metrics(file)] == ["29"]


def test_curves_are_drawn_however_a_run_ends_and_anew_when_it_goes_on(
    whole: Run, stopped: Run, resumed: Run, tmp_path: Path
) -> None:
    pictures = [(run.folder / "curves.png").read_bytes() for run in (stopped, resumed)]
    assert pictures[0] != pictures[1]
    with Image.open(resumed.folder / "curves.png") as image:
        assert min(image.size) > 500
    # what is drawn is what the CSV says, where it says it
    rows = read_metrics(resumed.folder / "metrics.csv")
    assert curve_points(rows, "val_accuracy", STEPS)[0] == [1, 2, 3]
    assert curve_points(rows, "loss", STEPS)[0] == [10 / 6]
    draw_curves(resumed.folder / "metrics.csv", STEPS, tmp_path / "again.png")
    assert (tmp_path / "again.png").read_bytes() == pictures[1]
    draw_curves(tmp_path / "none.csv", STEPS, tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()


def test_the_card_says_what_was_measured_of_the_saved_file(whole: Run, stopped: Run) -> None:
    assert not (stopped.folder / "README.md").exists()  # it is not done
    card = (whole.folder / "README.md").read_text()
    folder = whole.folder / "evaluation"
    report = EvaluationReport.model_validate_json((folder / "report.json").read_text())
    [result] = report.results
    checkpoint = load_checkpoint(whole.folder / "checkpoint.safetensors")
    assert whole.result is not None
    assert result.top1 == pytest.approx(whole.result.top1)
    assert result.sha256 == checkpoint.sha256
    assert report.data == checkpoint.data["val"]
    assert result.calibration is not None
    ece = f"{result.calibration.expected_error:.2%}"
    assert f"| 18 | {result.top1:.2%} | 100.00% | {ece} |" in card
    for text in (
        checkpoint.sha256,
        f"{sum(p.numel() for p in checkpoint.model.parameters()):,} parameters",
        "| train | " + checkpoint.data["train"].name + " | 48 |",
        f"torch {torch.__version__}",
        "| epochs | 3 | 30 |",
        "## What is not known",
    ):
        assert text in card
    assert "| seed |" not in card  # it is the default
    for link in re.findall(r"\]\((.+?)\)", card):
        assert (whole.folder / link).is_file(), link


def test_labels_are_text_in_the_card(whole: Run) -> None:
    card = (whole.folder / "README.md").read_text()
    assert all(sign.isprintable() or sign == "\n" for sign in card)
    page = MarkdownIt("commonmark").enable("table").render(card.split("---\n", 2)[2])
    assert "<td>$x$ &lt;b&gt; [31m</td>" in page
    assert "<td>b | c</td>" in page


def test_the_cards_command_repeats_the_run(short: Run, tmp_path: Path) -> None:
    card = (short.folder / "README.md").read_text()
    [command] = re.findall(r"^    (mobilevit train .*)$", card, re.M)
    words = shlex.split(command)
    words[words.index("--out") + 1] = str(tmp_path / "again")
    done = CliRunner().invoke(app, [*words[1:], "--workers", "0"])
    assert done.exit_code == 0, done.stderr
    one, other = (
        load_checkpoint(folder / "checkpoint.safetensors")
        for folder in (short.folder, tmp_path / "again")
    )
    assert one.recipe == other.recipe
    weights = other.model.state_dict()
    assert all(torch.equal(value, weights[key]) for key, value in one.model.state_dict().items())
