"""One command that trains with each of several settings, and one table of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from mobilevit.checkpoint import load_checkpoint
from mobilevit.cli import app
from mobilevit.errors import InputError
from mobilevit.training.recipe import make_recipe
from mobilevit.training.sweep import SweepRun, folder_name, parse_sweeps, sweep, table_rows
from mobilevit.training.train import train
from tests.conftest import write_photos

QUICK: dict[str, Any] = {
    "config": {"transformer_depths": [1, 1, 1]},
    "epochs": 1,
    "batch_size": 8,
    "image_size": 32,
}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write_photos(tmp_path / "photos", ("a", "b"), 10)


def run(photos: Path, out: Path, *options: str, status: int = 0) -> Any:
    settings = [f"--set={key}={json.dumps(value)}" for key, value in QUICK.items()]
    command = ["train", str(photos), "--out", str(out), "--workers", "0", *settings, *options]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == status, result.stderr
    return result


def quick_sweep(photos: Path, out: Path, text: str, report: Any = lambda line: None) -> Any:
    def recipe_with(settings: Any) -> Any:
        return make_recipe({**QUICK, **settings})

    return sweep(photos, out, parse_sweeps([text]), recipe_with, workers=0, report=report)


@pytest.mark.parametrize(
    ("texts", "choices"),
    [
        (["seed=0,1"], [{"seed": 0}, {"seed": 1}]),
        (["weight_decay=0.1,1e-4"], [{"weight_decay": 0.1}, {"weight_decay": 1e-4}]),
        (["model=mobilevit_xs,mobilevit_s"], [{"model": "mobilevit_xs"}, {"model": "mobilevit_s"}]),
        (["config.fusion_skip=true,false"], [{"config.fusion_skip": v} for v in (True, False)]),
        (
            ["config.patch_sizes=[2,2,2],[8,4,2]"],
            [{"config.patch_sizes": [2, 2, 2]}, {"config.patch_sizes": [8, 4, 2]}],
        ),
        (["multi_scale=[],[160,192]"], [{"multi_scale": []}, {"multi_scale": [160, 192]}]),
        (
            ["ema_decay=0,0.9", "seed=1,2"],
            [{"ema_decay": e, "seed": s} for e in (0, 0.9) for s in (1, 2)],
        ),
        (["teacher=,timm:resnet18"], [{"teacher": ""}, {"teacher": "timm:resnet18"}]),
    ],
)
def test_values_are_read(texts: list[str], choices: list[dict[str, Any]]) -> None:
    assert parse_sweeps(texts) == choices


@pytest.mark.parametrize("text", ["seed", "seed=", "=1,2"])
def test_what_has_no_values_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="has no values"):
        parse_sweeps([text])
    with pytest.raises(InputError, match="`seed` twice"):
        parse_sweeps(["seed=1", "seed=2"])


def test_folders_are_named_by_their_settings() -> None:
    assert folder_name({"weight_decay": 0.1, "seed": 2}) == "weight_decay=0.1,seed=2"
    assert folder_name({"config.patch_sizes": [8, 4, 2]}) == "config.patch_sizes=8-4-2"
    assert folder_name({"multi_scale": []}) == "multi_scale=none"
    assert folder_name({"weights": "../../etc/x"}) == "weights=..-..-etc-x"
    long = [folder_name({"weights": "w" * 300 + end}) for end in "ab"]
    assert long[0] != long[1] and max(map(len, long)) < 200


def test_a_sweep_trains_each_once_and_prints_one_table(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "sweep"
    first = run(photos, out, "--sweep", "seed=0,1", "--json")
    rows = json.loads(first.stdout)
    assert [row["settings"] for row in rows] == [{"seed": 0}, {"seed": 1}]
    for row in rows:
        kept = load_checkpoint(out / row["name"] / "checkpoint.safetensors")
        assert kept.measured["top1"] == pytest.approx(row["top1"], abs=1e-4)
        assert (row["epoch"], row["epochs"], row["error"]) == (1, 1, "")
        assert kept.recipe["seed"] == row["settings"]["seed"]

    alone = make_recipe({**QUICK, "seed": 1})  # as in a run of its own, whatever ran before it
    train(photos, tmp_path / "alone", alone, workers=0, report=lambda line: None)
    states = [
        torch.load(folder / "last.ckpt", weights_only=True)["state_dict"]
        for folder in (tmp_path / "alone", out / "seed=1")
    ]
    assert all(torch.equal(states[0][key], value) for key, value in states[1].items())

    before = (out / "seed=1" / "checkpoint.safetensors").stat().st_mtime_ns
    again = run(photos, out, "--sweep", "seed=1,2")
    assert "seed=1: trained already" in again.stderr
    assert (out / "seed=1" / "checkpoint.safetensors").stat().st_mtime_ns == before
    lines = again.stdout.splitlines()
    assert any("1 of 1" in line and "seed=2" in line for line in lines), again.stdout
    assert not any("seed=0" in line for line in lines)
    table = (out / "sweep.md").read_text()
    assert table.startswith("| run | top-1 | in epoch |") and "| seed=2 | " in table
    assert "| 3 seeds | " in table


def test_seeds_are_summed_up() -> None:
    def ended(top1: float | None, **settings: float) -> SweepRun:
        return SweepRun(name=folder_name(settings), settings=settings, top1=top1)

    decays = [ended(top1, weight_decay=0.1, seed=seed) for seed, top1 in enumerate((0.7, 0.72))]
    alone, failed = ended(0.5, weight_decay=0.2, seed=0), ended(None, weight_decay=0.2, seed=1)
    rows = table_rows([*decays, alone, failed, ended(0.1, dropout=0), ended(0.2, dropout=1)])
    assert [row[:2] for row in rows[6:]] == [["weight_decay=0.1, 2 seeds", "71.00% ± 1.41"]]


def test_one_that_fails_is_told_and_stops_no_other(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "sweep"
    result = run(photos, out, "--sweep", "learning_rate=1e25,0.002", "--json", status=1)
    failed, good = json.loads(result.stdout)
    assert "the loss" in failed["error"] or "a weight" in failed["error"]
    assert failed["top1"] is None and good["top1"] is not None
    assert "| learning_rate=1e+25 | failed |" in (out / "sweep.md").read_text()
    lines: list[str] = []
    quick_sweep(photos, out, "learning_rate=1e25,0.002", lines.append)
    assert any("1 of 2" in line for line in lines)  # tried again, and the other not
    assert "learning_rate=0.002: trained already" in lines


def test_a_sweep_that_was_stopped_goes_on(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "sweep"

    def stop(line: str) -> None:
        if line == "seed=1: 2 of 2":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        quick_sweep(photos, out, "seed=0,1", stop)
    lines: list[str] = []
    runs = quick_sweep(photos, out, "seed=0,1", lines.append)
    assert lines[:2] == ["seed=0: trained already", "seed=1: 2 of 2"]
    assert all(run.top1 is not None for run in runs)


def test_a_folder_of_something_else_is_left_alone(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "sweep"
    out.mkdir()
    (out / "thesis.txt").write_text("all I have")
    with pytest.raises(InputError, match="something else than a sweep"):
        quick_sweep(photos, out, "seed=0,1")
    (out / "thesis.txt").unlink()
    quick_sweep(photos, out, "seed=0")
    with pytest.raises(InputError, match="trained with another recipe: epochs: 1, not 2"):
        sweep(
            photos,
            out,
            [{"seed": 3}, {"seed": 0}],
            lambda settings: make_recipe({**QUICK, "epochs": 2, **settings}),
            report=lambda line: None,
        )
    assert not (out / "seed=3").exists()  # nothing is trained before all are known to be right
    with pytest.raises(InputError, match="twice"):
        quick_sweep(photos, out, "seed=4,4")
    photos.rename(tmp_path / "others")
    with pytest.raises(InputError, match="the sweep in"):
        quick_sweep(tmp_path / "others", out, "seed=0")
    (out / "sweep.json").write_text('{"runs": 1}')
    with pytest.raises(InputError, match="not of this version"):
        quick_sweep(tmp_path / "others", out, "seed=0")


def test_a_sweep_needs_no_resume(photos: Path, tmp_path: Path) -> None:
    result = run(photos, tmp_path / "sweep", "--sweep", "seed=0,1", "--resume", status=2)
    assert "always goes on" in result.stderr
