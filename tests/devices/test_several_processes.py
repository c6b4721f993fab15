"""Several processes on this machine: they agree, and train what one does, and none waits for a dead
one."""

from __future__ import annotations

import csv
import json
import signal
import socket
import subprocess
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest
import torch
from typer.testing import CliRunner

from mobilevit.checkpoint import load_checkpoint
from mobilevit.cli import app
from mobilevit.evaluation.records import EvaluationReport
from mobilevit.training.logs import read_metrics
from tests.conftest import write_photos
from tests.devices.launching import COMMAND, ENVIRONMENT, options, run, several

pytestmark = pytest.mark.devices

# draws of dropout differ from process to process; 12 images of 32 pixels are 3 of 64
STILL = ["config.dropout=0", "config.head_dropout=0", "multi_scale=[32,64]"]


def metrics(out: Path, name: str) -> list[float]:
    with (out / "metrics.csv").open() as file:
        return [float(row[name]) for row in csv.DictReader(file) if row[name]]


def difference(first: Path, second: Path) -> float:
    """Of the weights, for their size; AdamW makes much of a last bit where a gradient is near 0."""
    models = [load_checkpoint(out / "checkpoint.safetensors").model for out in (first, second)]
    a, b = (torch.cat([p.detach().flatten() for p in model.parameters()]) for model in models)
    return float((a - b).norm() / a.norm())


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


def test_wrong_input_is_said_once(photo_folder: Path, tmp_path: Path) -> None:
    command = [*COMMAND, str(photo_folder), *options(tmp_path / "run", batch_size=7)]
    done = subprocess.run(
        [*command, "--devices", "2"], capture_output=True, text=True, timeout=120, env=ENVIRONMENT
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("error: ") == 1 and "Traceback" not in done.stderr
    assert "batch_size 7 cannot be divided evenly among 2 processes" in done.stderr
    assert not (tmp_path / "run").exists()


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


def test_of_two_processes_on_shards_from_a_server_one_writes(
    photo_folder: Path, tmp_path: Path
) -> None:
    sharded = CliRunner().invoke(app, ["shard", str(photo_folder), str(tmp_path / "shards")])
    assert sharded.exit_code == 0, sharded.stderr
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "shards"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/"
        settings = options(tmp_path / "run", "save_every=4", batch_size=8)
        done = run([*COMMAND, address, *settings, "--devices", "2"], timeout=250)
        server.shutdown()
    for epoch in (1, 2):
        assert done.stderr.count(f"epoch {epoch}/2: loss ") == 1
    assert "\r" not in done.stderr
    rows = read_metrics(tmp_path / "run" / "metrics.csv")
    assert [int(row["step"]) for row in rows] == [5, 9, 11]
    assert len(list((tmp_path / "run" / "tensorboard").glob("events.*"))) == 1
    assert (tmp_path / "run" / "curves.png").is_file()
    card = (tmp_path / "run" / "README.md").read_text()
    assert f"mobilevit train {address} --out" in card
    assert "of 2 processes" in card
    report = tmp_path / "run" / "evaluation" / "report.json"
    [result] = EvaluationReport.model_validate_json(report.read_text()).results
    assert result.images == 18  # all, and not one process's share
    assert result.top1 == pytest.approx(float(rows[-1]["val_accuracy"]), abs=1e-5) or (
        result.top1 == pytest.approx(float(rows[0]["val_accuracy"]), abs=1e-5)
    )
