"""The command line: quick to answer, JSON on standard output, people's lines on standard error."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from mobilevit.checkpoint import Checkpoint, save_checkpoint, shipped_weights
from mobilevit.cli import app, parse_size
from mobilevit.errors import InputError
from mobilevit_export.photos import packaged_part, packaged_photo, packaged_photos
from tests.conftest import quiet_export, write_photos

HEAVY = {"torch", "lightning", "coremltools", "onnxruntime", "numpy", "pydantic"}


def run(*arguments: str, status: int = 0) -> str:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == status, result.stderr
    return result.stdout


def imported_by(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {name.split(".")[0] for name in done.stdout.splitlines()[-1].split()}


def test_help_imports_nothing_heavy() -> None:
    modules = imported_by(
        "from mobilevit.cli import app\ntry: app(['--help'])\nexcept SystemExit: 0"
    )
    assert "typer" in modules
    assert not modules & HEAVY


def test_classifying_needs_no_torch(shipped_bundle: Path) -> None:
    photo = packaged_photo("china.jpg")
    modules = imported_by(
        f"import mobilevit\nprint(mobilevit.load({str(shipped_bundle)!r}).classify({str(photo)!r}))"
    )
    assert "onnxruntime" in modules
    assert not modules & {"torch", "lightning", "coremltools", "safetensors", "mobilevit_export"}


@pytest.mark.parametrize(
    ("arguments", "package", "extra"),
    [
        (["models"], "torch", "train"),
        (["train", "data", "--out", "run"], "lightning", "train"),
        (["export", "c.safetensors", "--out", "bundle"], "torch", "export"),
        (["eval", "c.safetensors", "--data", "data"], "torch", "train"),
        (["card", "bundle"], "jinja2", "report"),
        (["report", "r.json", "--html", "r.html"], "jinja2", "report"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(
    arguments: list[str], package: str, extra: str
) -> None:
    without = f"import sys; sys.modules[{package!r}] = None; from mobilevit.cli import main; main()"
    command = [sys.executable, "-c", without, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert f"error: `{package}` is not installed" in done.stderr
    assert f"pip install 'mobilevit-sdk[{extra}]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def shipped_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("cli") / "bundle"
    text = run(
        *("export", "mobilevit_xxs.imagenette", "--out", str(out), "--format", "onnx"),
        *("--precision", "fp32", "--images", "4", "--json"),
    )
    [record] = json.loads(text)
    assert record["parity"]["max_abs_difference"] < 1e-4
    return out


def test_shipped_weights_are_small_and_know_a_church(shipped_bundle: Path, tmp_path: Path) -> None:
    assert shipped_weights()["mobilevit_xxs.imagenette"].stat().st_size < 3_000_000
    packaged_part("china.jpg", 1).save(tmp_path / "temple.png")
    [row] = json.loads(
        run("classify", str(shipped_bundle), str(tmp_path / "temple.png"), "--top", "3", "--json")
    )
    assert row["runtime"] == "onnxruntime"
    assert len(row["labels"]) == 3
    assert row["labels"][0]["label"] == "church"
    assert row["labels"][0]["probability"] > 0.8


@pytest.mark.parametrize("name", shipped_weights())
def test_shipped_weights_have_the_accuracy_of_their_card(imagenette: Path, name: str) -> None:
    """Every eighth validation photo; the card has the figure of all of them."""
    from mobilevit.checkpoint import load_checkpoint
    from mobilevit.evaluation.accuracy import evaluate, open_folder
    from mobilevit.runtimes.torch import TorchSession

    checkpoint = load_checkpoint(name)
    folder = open_folder(imagenette, checkpoint.classes, 10, images=490)
    [measured] = evaluate({"x": TorchSession(checkpoint)}, folder, checkpoint.preprocessing)
    assert measured.top1 == pytest.approx(checkpoint.measured["top1"], abs=0.03)
    assert measured.top1 > (0.8 if name == "mobilevit_xxs.imagenette" else 0.7)
    card = shipped_weights()[name].with_suffix(".md").read_text()
    assert f"{checkpoint.measured['top1']:.2%}".replace("%", " %") in card


def test_help_and_defaults_of_export_are_those_of_the_table() -> None:
    from mobilevit_export.formats import FORMATS, LAYOUTS, PRECISIONS, USUAL_PRECISIONS

    options = {option.name: option for option in get_command(app).commands["export"].params}
    for name, known, usual in (
        ("formats", tuple(FORMATS), tuple(FORMATS)),
        ("precisions", PRECISIONS, USUAL_PRECISIONS),
        ("layouts", LAYOUTS, LAYOUTS[:1]),
    ):
        assert options[name].default == ",".join(usual)
        assert ", ".join(known) in options[name].help


def test_models_as_json() -> None:
    rows = json.loads(run("models", "xxs", "--json"))
    assert [row["name"] for row in rows] == ["mobilevit_xxs"]
    assert rows[0]["parameters"] == 1_272_024
    assert rows[0]["weights"] == ["mobilevit_xxs.imagenette"]


def test_eval_of_a_checkpoint_and_of_a_bundle_agree(
    small_checkpoint: Checkpoint, tmp_path: Path
) -> None:
    data = write_photos(tmp_path / "data", tuple(small_checkpoint.labels), 3)
    save_checkpoint(tmp_path / "c.safetensors", small_checkpoint)
    arguments = ("--format", "onnx", "--precision", "fp32", "--images", "2")
    run("export", str(tmp_path / "c.safetensors"), "--out", str(tmp_path / "b"), *arguments)
    rows = [
        json.loads(run("eval", str(tmp_path / subject), "--data", str(data), "--json"))[0]
        for subject in ("c.safetensors", "b")
    ]
    assert rows[0]["images"] == rows[1]["images"] == 15
    assert rows[0]["top1"] == rows[1]["top1"]
    assert rows[0]["top5"] == rows[1]["top5"] == 1


def test_benchmark_writes_every_sample(shipped_bundle: Path, tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    few = ("--rounds", "2", "--launches", "1")
    text = run("benchmark", str(shipped_bundle), *few, "--json", str(file))
    assert "onnx fp32" in text
    result = json.loads(file.read_text())
    [measurement] = result["measurements"]
    [launch] = measurement["launches"]
    assert len(launch["rounds"]) == 2
    assert all(len(one["samples_ns"]) >= 5 for one in launch["rounds"])


def test_sizes() -> None:
    assert parse_size("256") == (256, 256)
    assert parse_size("192x256") == (192, 256)
    for text in ("", "x", "1x2x3", "-1", "2.5", "٣"):
        with pytest.raises(InputError):
            parse_size(text)


def test_names_and_labels_in_tables_are_text(
    small_checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Brackets and colons mean something to what draws the tables."""
    labels = ["[/b]", "[red]door", ":cat:", "d" * 200, "e"]
    bundle = tmp_path / "candidate [old]"
    odd = replace(small_checkpoint, labels=labels)
    quiet_export(odd, bundle, formats=["onnx"], precisions=["fp32"], images=2)
    photo = tmp_path / "a[copy].png"
    packaged_photos(1)[0].image.save(photo)
    done = CliRunner().invoke(app, ["classify", str(bundle), str(photo)])
    assert done.exit_code == 0, done.output
    for text in ("a[copy].png", *labels):
        assert text in done.stdout
    (bundle / "labels.txt").write_text("x")
    done = CliRunner().invoke(app, ["verify", str(bundle)])
    assert done.exit_code == 1
    assert f"`{bundle / 'labels.txt'}` is not the file that was exported" in done.stdout
