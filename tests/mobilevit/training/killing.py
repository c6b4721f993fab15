"""Runs that are killed and resumed, and what they have to end with.

As a program: a process that has imported everything and forks one that trains for each line of
standard input, since starting Python and Torch anew takes longer than training on a few images.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from mobilevit.checkpoint import Checkpoint, save_checkpoint
from mobilevit.models import create_model
from mobilevit.preprocessing import Preprocessing

# everything that is random, or that a step leaves behind for the next
OPTIONS = {
    "config": {"transformer_depths": [1, 1, 1], "dropout": 0.2},
    "batch_size": 4,
    "accumulate": 2,
    "image_size": 48,
    "multi_scale": [32, 48],
    "warmup_epochs": 0.5,
    "save_every": 3,
    "ema_decay": 0.9,
    "mixup": 0.2,
    "cutmix": 0.5,
    "rand_augment": 5,
    "distillation_head": True,
    "teacher_precision": "fp32",
}


def write_teacher(path: Path, classes: tuple[str, ...] = ("a", "b", "c")) -> Path:
    torch.manual_seed(7)
    model = create_model("mobilevit_xxs", num_classes=len(classes), transformer_depths=(1, 1, 1))
    record = Preprocessing(image_size=(32, 32))
    names = list(classes)
    save_checkpoint(path, Checkpoint("mobilevit_xxs", model.eval(), names, record, names))
    return path


def command(data: Path, out: Path, options: Mapping[str, Any], workers: int = 1) -> list[str]:
    """Arguments of `mobilevit` for a new run."""
    settings = [f"--set={key}={json.dumps(value)}" for key, value in options.items()]
    return ["train", str(data), "--out", str(out), "--workers", str(workers), *settings]


def resumed(data: Path, out: Path, options: Mapping[str, Any], workers: int = 1) -> list[str]:
    """The same for a run that may have been killed before there was anything to resume."""
    if (out / "recipe.json").is_file():
        return ["train", str(data), "--out", str(out), "--workers", str(workers), "--resume"]
    return command(data, out, options, workers)


def assert_same_end(one: Path, other: Path) -> None:
    """Weights, average, optimizer and counts, bit for bit; and what they kept as best."""
    states = [torch.load(run / "last.ckpt", weights_only=True) for run in (one, other)]
    for key in ("state_dict", "current_model_state", "averaging_state", "optimizer_states"):
        _assert_same(states[0][key], states[1][key], key)
    for key in ("epoch", "global_step", "lr_schedulers"):
        assert states[0][key] == states[1][key], key
    kept = []
    for run in (one, other):
        with safe_open(run / "checkpoint.safetensors", framework="pt") as file:
            measured = json.loads(file.metadata()["mobilevit"])["measured"]
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        kept.append((measured["top1"], measured["epoch"], tensors))
    assert kept[0][:2] == kept[1][:2]
    _assert_same(kept[0][2], kept[1][2], "checkpoint")
    assert not list(other.glob(".*"))


def _assert_same(one: Any, other: Any, where: str) -> None:
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            _assert_same(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, list):
        assert len(one) == len(other), where
        for index, (a, b) in enumerate(zip(one, other, strict=True)):
            _assert_same(a, b, f"{where}.{index}")
    else:
        assert one == other, where


class Forks:
    """Runs `mobilevit` in a fork of the process below."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process = process
        self.log = log
        self.began = 0  # in the log, of the run started last

    def start(self, arguments: list[str], fault: str = "", terminal: str = "") -> int:
        """The number of the process.

        Args:
            fault: where it is to kill itself, see `_inject`.
            terminal: device it writes to, in place of the log.
        """
        self.began = self.log.stat().st_size
        self._send(json.dumps([arguments, fault, terminal]))
        return int(self._receive())

    def run(self, arguments: list[str], fault: str = "", terminal: str = "") -> int:
        """Start, and wait."""
        self.start(arguments, fault, terminal)
        return self.wait()

    def wait(self) -> int:
        """Exit status of the one started last; -9 if it was killed."""
        return int(self._receive())

    def said(self) -> str:
        """By the one started last."""
        return self.log.read_bytes()[self.began :].decode(errors="replace")

    def _send(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def _receive(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()


@contextmanager
def forks(log: Path) -> Iterator[Forks]:
    """`log`: gets what the runs say."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}  # sums in the same order
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment,
        )
        try:
            yield Forks(process, log)
        finally:
            process.communicate(timeout=60)


class _InItsEnd:
    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)


def _inject(fault: str) -> None:
    """Have this process kill itself: `saving:N`, with the N-th `last.ckpt` half written;
    `validating:N`, at the second batch of the N-th validation; `training:N:S`, S seconds after the
    N-th batch began. Or ask itself to end, in the N-th batch: `terminated:N`, or `interrupted:N`,
    where Python ignores exceptions."""
    from mobilevit.training.classifier import Classifier

    kind, count, delay = [*fault.split(":"), "0", "0"][:3]
    left = [int(count)]

    def kill_the_last() -> None:
        left[0] -= 1
        if not left[0] and kind == "terminated":
            os.kill(os.getpid(), signal.SIGTERM)
        elif not left[0] and kind == "interrupted":
            _InItsEnd()
        elif not left[0]:
            threading.Timer(float(delay), os.kill, (os.getpid(), signal.SIGKILL)).start()
            if kind != "training":
                signal.pause()

    whole, validate = Path.write_bytes, Classifier.validation_step
    begin = Classifier.on_train_batch_start

    def write(path: Path, content: Any) -> int:
        if path.name.startswith(".last.ckpt"):
            with path.open("wb") as file:
                file.write(content[: len(content) // 2])
            kill_the_last()
        return whole(path, content)

    def step(module: Any, batch: Any, index: int) -> None:
        validate(module, batch, index)
        if index == 1:
            kill_the_last()

    def batch(module: Any, content: Any, index: int) -> None:
        begin(module, content, index)
        kill_the_last()

    if kind == "saving":
        Path.write_bytes = write  # type: ignore[method-assign, assignment]
    elif kind == "validating":
        Classifier.validation_step = step  # type: ignore[method-assign]
    elif kind in ("training", "terminated", "interrupted"):
        Classifier.on_train_batch_start = batch  # type: ignore[method-assign]


def _serve() -> None:
    import lightning  # noqa: F401

    import mobilevit.training.train  # noqa: F401
    from mobilevit.cli import main

    for line in sys.stdin:
        arguments, fault, terminal = json.loads(line)
        child = os.fork()
        if child == 0:
            if terminal:
                os.environ["TERM"] = "xterm"
                os.dup2(os.open(terminal, os.O_RDWR | os.O_NOCTTY), 2)
            os.dup2(2, 1)
            _inject(fault)
            sys.argv = ["mobilevit", *arguments]
            try:
                main()
            except SystemExit as ending:
                sys.stderr.flush()
                os._exit(int(ending.code or 0))
            os._exit(0)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    _serve()
