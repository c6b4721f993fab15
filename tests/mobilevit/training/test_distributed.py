"""Several processes, over gloo on this machine: they do what one does, and wait for no dead one."""

from __future__ import annotations

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
import torch
from torch import nn

from mobilevit.checkpoint import load_checkpoint
from mobilevit.errors import InputError, ProcessLostError
from mobilevit.training.batch_norm import layer_sync
from mobilevit.training.ddp import check_batch
from mobilevit.training.distributed import Place, find_place, launched_place
from mobilevit.training.peers import Loss, Peer, Watch
from mobilevit.training.recipe import Recipe
from tests.conftest import write_photos

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
# draws of dropout differ from process to process; 12 images of 32 pixels are 3 of 64
STILL = ["config.dropout=0", "config.head_dropout=0", "multi_scale=[32,64]"]
COMMAND = [sys.executable, "-m", "mobilevit.cli", "train"]


def options(out: Path, *settings: str, epochs: int = 2, batch_size: int = 6) -> list[str]:
    numbers = ["--epochs", str(epochs), "--batch-size", str(batch_size), "--image-size", "32"]
    chosen = ["warmup_epochs=0.5", "crop_scale=[0.5,1]", "learning_rate=0.001", *settings]
    sets = [word for setting in chosen for word in ("--set", setting)]
    return ["--out", str(out), *numbers, "--workers", "0", *sets]


def run(command: list[str], *, timeout: float = 200) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    return done


def several(task: str, *paths: Path) -> list[str]:
    """The command by which two processes do a task of several.py."""
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    script = Path(__file__).with_name("several.py")
    return [sys.executable, *launch, str(script), task, *map(str, paths)]


def metrics(out: Path, name: str) -> list[float]:
    with (out / "metrics.csv").open() as file:
        return [float(row[name]) for row in csv.DictReader(file) if row[name]]


def difference(first: Path, second: Path) -> float:
    """Of the weights, for their size; AdamW makes much of a last bit where a gradient is near 0."""
    models = [load_checkpoint(out / "checkpoint.safetensors").model for out in (first, second)]
    a, b = (torch.cat([p.detach().flatten() for p in model.parameters()]) for model in models)
    return float((a - b).norm() / a.norm())


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one process, beside its photos: as many to validate on as there are classes."""
    folder = tmp_path_factory.mktemp("one")
    write_photos(folder / "photos" / "train", ("a", "b"), 12)
    write_photos(folder / "photos" / "val", ("a", "b"), 1)
    run([*COMMAND, str(folder / "photos"), *options(folder / "run", *STILL, batch_size=12)])
    return folder


@pytest.mark.parametrize("shared", [True, False])
def test_three_processes_with_shared_statistics_give_the_figures_of_one(
    one: Path, tmp_path: Path, shared: bool
) -> None:
    """Though one of them has nothing to validate. Without, they give others: the control."""
    out = tmp_path / "run"
    settings = [*STILL, f"sync_batchnorm={str(shared).lower()}"]
    command = [*COMMAND, str(one / "photos"), *options(out, *settings, batch_size=12)]
    done = run([*command, "--devices", "3"])
    assert done.stderr.count("24 images to train on") == 1  # one process speaks
    assert done.stdout == f"{out / 'checkpoint.safetensors'}\n"
    names = ("train_loss", "val_loss", "val_accuracy")
    mine, theirs = ([metrics(folder, n) for n in names] for folder in (out, one / "run"))
    assert [len(values) for values in mine] == [2, 2, 2]
    close = [m == pytest.approx(t, abs=1e-4) for m, t in zip(mine, theirs, strict=True)]
    assert close[0] == shared
    if shared:
        assert all(close)
        assert difference(one / "run", out) < 1e-3
    else:
        assert difference(one / "run", out) > 1e-2
    records = [load_checkpoint(r / "checkpoint.safetensors").data for r in (one / "run", out)]
    assert records[0] == records[1]


@pytest.mark.parametrize("task", ["remember", "forget"])
def test_processes_average_the_same_weights(photo_folder: Path, tmp_path: Path, task: str) -> None:
    """And statistics; were they not shared, each process would validate other ones."""
    run(several(task, photo_folder, tmp_path))
    hashes = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2)]
    assert len(hashes[0]) == len(hashes[1]) == 2
    assert (hashes[0] == hashes[1]) == (task == "remember")


def test_a_team_agrees(tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", ("a", "b"), 5)
    run(several("talk", tmp_path))
    first, second = (json.loads((tmp_path / str(r) / "said.json").read_text()) for r in range(2))
    host = socket.gethostname()
    for said in (first, second):
        assert said["same team within"]
        assert said["gathered"] == ["", "x"]
        assert said["received"] == "first" and said["nothing"] == ""
        assert said["from first"] == "0"
        assert f"process 1 on host `{host}` has other photos than process 0" in said["same"]
        assert said["images"] == [8, 2]
    reason = "the disk is red\n\nhint: paint it"
    assert first["refused"] == f"InputError: process 1 on host `{host}`: {reason}"
    assert second["refused"] == f"InputError: {reason}"
    assert first["brought"] == [7, "1"] and second["brought"] == [7, "1"]
    assert first["first image"] == second["first image"]


def test_an_error_of_one_process_is_told_by_the_others(tmp_path: Path) -> None:
    run(several("fail", tmp_path))
    said = "the disk is red\n\nhint: paint it"
    assert (tmp_path / "1.txt").read_text() == f"InputError: {said}"
    told = (tmp_path / "0.txt").read_text()
    assert told == f"ProcessLostError: process 1 on host `{socket.gethostname()}`: {said}"


def test_a_process_that_waits_for_a_dead_one_is_ended(tmp_path: Path) -> None:
    begun = time.monotonic()
    done = subprocess.run(
        several("hang"), capture_output=True, text=True, timeout=200, env=ENVIRONMENT
    )
    assert time.monotonic() - begun < 100
    assert done.stderr.count("error: process 1 on host") == 1, done.stderr
    assert "exitcode  : 2" in done.stderr


def children(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children()


def test_a_killed_process_stops_the_other_and_both_go_on(
    photo_folder: Path, tmp_path: Path
) -> None:
    settings = ["save_every=3"]
    two = ["--devices", "2"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    run([*COMMAND, str(photo_folder), *options(whole, *settings, epochs=3), *two])
    command = [*COMMAND, str(photo_folder), *options(killed, *settings, epochs=3), *two]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
    deadline = time.monotonic() + 120
    while not (killed / "last.ckpt").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    [other] = [c for c in children(process) if "mobilevit.cli" in " ".join(c.cmdline())]
    other.send_signal(signal.SIGKILL)
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == 2, errors
    assert errors.count("error: ") == 1 and "Traceback" not in errors
    assert f"process 1 on host `{socket.gethostname()}` is gone" in errors
    assert f"the last save is `{killed / 'last.ckpt'}`, of step " in errors
    assert "--resume" in errors
    assert torch.load(killed / "last.ckpt", weights_only=True)["global_step"] < 3 * 8
    resumed = ["--out", str(killed), "--resume", "--workers", "1"]  # which begin ahead of time
    run([*COMMAND, str(photo_folder), *resumed, *two])
    saved = [torch.load(p / "last.ckpt", weights_only=True) for p in (whole, killed)]
    assert saved[0]["global_step"] == saved[1]["global_step"] == 3 * 8
    for key in ("state_dict", "current_model_state"):
        for name, value in saved[0][key].items():
            assert torch.equal(value, saved[1][key][name]), f"{key} {name}"


def test_wrong_input_is_said_once(photo_folder: Path, tmp_path: Path) -> None:
    command = [*COMMAND, str(photo_folder), *options(tmp_path / "run", batch_size=7)]
    done = subprocess.run(
        [*command, "--devices", "2"], capture_output=True, text=True, timeout=120, env=ENVIRONMENT
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("error: ") == 1 and "Traceback" not in done.stderr
    assert "batch_size 7 cannot be divided evenly among 2 processes" in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("fields", "processes", "message"),
    [
        ({"batch_size": 100}, 8, r"100 cannot be divided evenly among 8 processes"),
        ({"batch_size": 8, "accumulate": 3}, 1, "among one process in 3 parts each"),
        ({"batch_size": 24, "accumulate": 3}, 16, "among 16 processes in 3 parts each"),
        ({"batch_size": 8}, 8, "less than two images at a time"),
    ],
)
def test_batches_that_cannot_be_divided_are_refused(
    fields: dict[str, int], processes: int, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        check_batch(Recipe(**fields), processes)  # type: ignore[arg-type]


def test_batches_that_can_be_divided_are_not() -> None:
    check_batch(Recipe(batch_size=1024), 8)
    check_batch(Recipe(batch_size=24, accumulate=3), 4)
    check_batch(Recipe(batch_size=7), 1)


TORCHRUN = {
    "TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": "16", "LOCAL_WORLD_SIZE": "8", "RANK": "11",
    "LOCAL_RANK": "3",
}  # fmt: skip
SLURM = {
    "SLURM_NTASKS": "16", "SLURM_NNODES": "2", "SLURM_NTASKS_PER_NODE": "8", "SLURM_PROCID": "11",
    "SLURM_LOCALID": "3", "SLURM_STEP_ID": "0",
}  # fmt: skip


@pytest.fixture
def nothing_launched(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in [*TORCHRUN, *SLURM, "SLURM_JOB_NAME"]:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_launchers_say_where_a_process_stands(nothing_launched: pytest.MonkeyPatch) -> None:
    def place(environment: dict[str, str]) -> Place | None:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            return launched_place()

    assert place({}) is None
    assert place(TORCHRUN) == Place("torchrun", 16, 2, 11, 3)
    assert place(SLURM) == Place("slurm", 16, 2, 11, 3)
    assert place({**SLURM, **TORCHRUN}) == Place("torchrun", 16, 2, 11, 3)
    assert place({**SLURM, "SLURM_JOB_NAME": "bash"}) is None  # a shell of `srun --pty`
    assert place({"SLURM_NTASKS": "1"}) is None
    assert place({"WORLD_SIZE": "2", "LOCAL_RANK": "1"}) == Place("lightning", 2, 1, 1, 1)
    with pytest.raises(InputError, match="not the same number on every host, 7 on this one"):
        place({**TORCHRUN, "LOCAL_WORLD_SIZE": "7"})
    with pytest.raises(InputError, match="job of SLURM for 16 tasks, and none of its tasks"):
        place({k: v for k, v in SLURM.items() if k != "SLURM_STEP_ID"})
    with pytest.raises(InputError, match="without saying how many on each node"):
        place({k: v for k, v in SLURM.items() if k != "SLURM_NTASKS_PER_NODE"})


def test_a_start_by_hand_takes_all_gpus(nothing_launched: pytest.MonkeyPatch) -> None:
    patch = nothing_launched
    assert find_place() == Place("lightning", 1, 1, 0, 0)
    assert find_place(3).processes == 3
    patch.setattr(torch.cuda, "device_count", lambda: 4)
    assert find_place() == Place("lightning", 4, 1, 0, 0)
    assert find_place(2).processes == 2
    with pytest.raises(InputError, match="5 processes are started where 4 GPUs can be seen"):
        find_place(5)
    for name, value in TORCHRUN.items():
        patch.setenv(name, value)
    with pytest.raises(InputError, match="8 processes are started where 4 GPUs can be seen"):
        find_place()
    with pytest.raises(InputError, match="`--devices` is for a start by hand"):
        find_place(4)


def test_layers_that_do_more_than_normalize_are_not_exchanged() -> None:
    class Activated(nn.BatchNorm2d):
        pass

    with pytest.raises(InputError, match="`1` of the model is a Activated"):
        layer_sync(nn.Sequential(nn.BatchNorm2d(2), Activated(2)), "cpu")


def watches() -> tuple[Watch, Watch]:
    """Of two processes, connected."""
    first, second = (
        Watch(Peer(rank, rank, f"host-{rank}"), lambda loss: ProcessLostError(str(loss)))
        for rank in range(2)
    )
    told: list[bytes] = []
    published = threading.Event()

    def publish(content: bytes) -> None:
        told.append(content)
        published.set()

    listening = threading.Thread(target=first.listen, args=("127.0.0.1", 2, 20.0, publish))
    listening.start()
    assert published.wait(10)
    with socket.create_connection(("127.0.0.1", json.loads(told[0])["port"])) as stranger:
        stranger.sendall(b"GET / HTTP/1.0\r\n\r\n")  # whoever else finds the port is sent away
        assert stranger.recv(10) == b""
    second.connect("127.0.0.1", told[0], 10)
    listening.join(10)
    return first, second


def test_the_reason_of_an_end_reaches_the_others() -> None:
    first, second = watches()
    second.tell("shard 7 is cut off", "copy it")
    expected = Loss(second.me, "shard 7 is cut off", "copy it")
    assert first.loss(10) == expected
    assert second.loss(10) == expected  # it hears of itself, and is about to end
    for watch in (first, second):
        watch.close()


def test_an_end_in_order_is_no_loss() -> None:
    first, second = watches()
    second.close()
    assert first.loss(0.2) is None
    first.close()
    assert second.loss(0.2) is None


def test_processes_that_do_not_come_are_counted() -> None:
    watch = Watch(Peer(0, 0, "here"), lambda loss: ProcessLostError(str(loss)))
    with pytest.raises(ProcessLostError, match="2 of 3 processes did not come within 0 s"):
        watch.listen("127.0.0.1", 3, 0.1, lambda told: None)
