"""Accuracy on emulated processors, as far as it goes without QEMU. `make test-devices` computes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mobilevit.bundle import read_manifest
from mobilevit.errors import BundleError, ConversionError, InputError
from mobilevit.prediction import predict
from mobilevit.runtimes import load_session
from mobilevit_benchmarks.devices import arm64_root, predicted_photos
from mobilevit_benchmarks.devices.emulated_predictions import predict_emulated
from mobilevit_benchmarks.emulated_accuracy import (
    HALVES_ENTRY,
    Settings,
    evaluate_bundle,
    main,
    without_halves,
)
from tests.conftest import write_photos

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8)


def tflite(bundle: Path, precision: str) -> Path:
    return bundle / f"mobilevit_xxs_{precision}.tflite"


def add_tool(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the only one on PATH, and a tree that is as it should be."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("MOBILEVIT_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "cache" / "arm64"
    root.mkdir(parents=True)
    (root / "stamp").write_text(arm64_root._stamp(), encoding="utf-8")
    return folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write_photos(tmp_path / "photos", ("a", "b", "c", "d", "e"), 1)


# the program that runs in the emulator, here


def run_here(artifact: Path, pixels: Path, out: Path) -> dict[str, object]:
    command = {
        "artifact": str(artifact),
        "runtime": "litert",
        "pixels": str(pixels),
        "probabilities": str(out),
    }
    done = subprocess.run(
        [sys.executable, predicted_photos.__file__],
        input=json.dumps(command) + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    reply: dict[str, object] = json.loads(done.stdout)
    return reply


def test_it_gives_what_the_runtime_gives(exported: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "pixels.npy", PIXELS)
    artifact = tflite(exported, "fp32")
    reply = run_here(artifact, tmp_path / "pixels.npy", tmp_path / "out.npy")
    assert reply.keys() == {"runtime_version", "seconds"}
    given = np.load(tmp_path / "out.npy", allow_pickle=False)
    np.testing.assert_array_equal(given, predict(load_session(artifact, "litert"), PIXELS))


def test_photos_of_another_size_are_named(exported: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "pixels.npy", PIXELS[:, :32])
    reply = run_here(tflite(exported, "fp32"), tmp_path / "pixels.npy", tmp_path / "out.npy")
    assert reply["error"] == "input"
    assert "(1, 64, 64, 3), and not photos of 64x32" in str(reply["message"])
    assert not (tmp_path / "out.npy").exists()


# the control


def test_the_control_differs_by_the_name_of_the_entry(exported: Path, tmp_path: Path) -> None:
    source, control = tflite(exported, "fp16"), tmp_path / "control.tflite"
    assert without_halves(source, control)
    before, after = source.read_bytes(), control.read_bytes()
    place = before.index(HALVES_ENTRY)
    end = place + len(HALVES_ENTRY)
    assert before[place:end].upper() == after[place:end] != before[place:end]
    assert before[:place] + before[end:] == after[:place] + after[end:]
    here = [predict(load_session(path, "litert"), PIXELS) for path in (source, control)]
    np.testing.assert_array_equal(*here)


def test_a_file_without_the_entry_has_no_control(exported: Path, tmp_path: Path) -> None:
    assert not without_halves(tflite(exported, "fp32"), tmp_path / "control.tflite")
    assert not (tmp_path / "control.tflite").exists()


def test_a_name_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "odd.tflite"
    path.write_bytes(HALVES_ENTRY * 2)
    with pytest.raises(InputError, match=r"odd\.tflite` names `reduced_precision_support` 2 times"):
        without_halves(path, tmp_path / "control.tflite")


# what is told where it cannot be done


def test_without_qemu_it_tells_how_to_get_it(exported: Path, photos: Path, tools: Path) -> None:
    with pytest.raises(InputError, match="`qemu-aarch64` is not installed") as caught:
        evaluate_bundle(Settings(exported, photos), print)
    assert caught.value.hint is not None and "apt-get install" in caught.value.hint


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"cpus": ("cortex-a77",)}, "unknown emulated processor `cortex-a77`"),
        ({"precision": "int8"}, "has no TFLite artifact of int8"),
        ({"images": 0}, "cannot evaluate on 0 images"),
        ({"data": Path("nowhere")}, "there is no folder `nowhere`"),
        ({"bundle": Path("nowhere")}, "nowhere"),
    ],
)
def test_wrong_options_are_told(
    exported: Path, photos: Path, tools: Path, change: dict[str, object], said: str
) -> None:
    options = {"bundle": exported, "data": photos} | change
    with pytest.raises(InputError, match=said):
        evaluate_bundle(Settings(**options), print)  # type: ignore[arg-type]


def test_no_processor_is_refused(exported: Path, photos: Path) -> None:
    with pytest.raises(InputError, match="no processor"):
        evaluate_bundle(Settings(exported, photos, cpus=()), print)


def test_photos_of_other_classes_are_refused(exported: Path, tmp_path: Path, tools: Path) -> None:
    data = write_photos(tmp_path / "photos", ("cat", "dog"), 1)
    with pytest.raises(InputError, match="has 2 class folders, the model has 5 outputs"):
        evaluate_bundle(Settings(exported, data), print)


def test_an_artifact_that_was_changed_is_refused(bundle: Path, photos: Path, tools: Path) -> None:
    path = tflite(bundle, "fp16")
    assert path.name in {record.file for record in read_manifest(bundle).artifacts}
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(BundleError, match="is not the file that was exported"):
        evaluate_bundle(Settings(bundle, photos), print)


def test_a_json_file_that_cannot_be_written_is_told_at_once(
    exported: Path, photos: Path, tools: Path, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(InputError, match="cannot write"):
        main([str(exported), "--data", str(photos), "--json", str(blocked / "out.json")])


def test_no_photo_is_refused(exported: Path) -> None:
    with pytest.raises(InputError, match="no photo"):
        predict_emulated(tflite(exported, "fp16"), PIXELS[:0])


def test_an_emulator_that_crashes(exported: Path, tools: Path) -> None:
    add_tool(tools, "qemu-aarch64", "echo qemu: uncaught target signal 11 >&2; kill -11 $$")
    with pytest.raises(ConversionError, match=r"fp16\.tflite` on cortex-a57: .*signal 11"):
        predict_emulated(tflite(exported, "fp16"), PIXELS, cpu="cortex-a57")


# an emulator that is this machine, and rounds to halves for one of the processors
NATIVE = """
import sys
from pathlib import Path
import numpy as np
from mobilevit_benchmarks.answering import answer
from mobilevit_benchmarks.devices.predicted_photos import predict_photos

def respond(**command):
    reply = predict_photos(**command)
    if sys.argv[1] == "cortex-a76" and ENTRY in Path(command["artifact"]).read_bytes():
        file = command["probabilities"]
        np.save(file, np.load(file).astype(np.float16).astype(np.float32))
    return reply

answer(respond)
"""


def test_rounding_to_halves_is_found_where_it_is_done(
    exported: Path,
    photos: Path,
    tools: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    program, out = tmp_path / "native.py", tmp_path / "out.json"
    program.write_text(NATIVE.replace("ENTRY", repr(HALVES_ENTRY)))
    add_tool(
        tools,
        "qemu-aarch64",
        'if [ "$1" = --version ]; then echo "qemu version 7.2.0"; exit; fi\n'
        f'exec {sys.executable} {program} "$2"',
    )
    main([str(exported), "--data", str(photos), "--json", str(out)])
    record = json.loads(out.read_text())
    phone, old = record["rows"]
    assert (phone["cpu"], phone["halves"]) == ("cortex-a76", True)
    assert (old["cpu"], old["halves"]) == ("cortex-a57", False)
    for row in (phone, old):
        assert row["same_label"] == 1 and row["top1"] == record["reference"]["top1"]
        assert row["qemu_version"] == "7.2.0" and row["instructions"] is None
    assert 1e-6 < phone["largest_difference"] < 5e-3
    assert record["photos"]["images"] == 5
    shown = capsys.readouterr().out
    assert "halves" in shown and "QEMU 7.2.0" in shown
    main([str(exported), "--data", str(photos), "--precision", "fp32", "--cpu", "max"])
    assert "halves" not in capsys.readouterr().out


FAKE = """
exec {python} -c '
import json, sys, numpy as np
command = json.loads(sys.stdin.readline())
np.save(command["probabilities"], np.array({rows}, np.float32))
print(json.dumps({{"runtime_version": "1", "seconds": 1.0}}))
'
"""


def test_values_that_are_not_finite(exported: Path, tools: Path) -> None:
    rows = "[[1, 0], [np.nan, 1], [0, 1]]"
    add_tool(tools, "qemu-aarch64", FAKE.format(python=sys.executable, rows=rows))
    with pytest.raises(ConversionError, match="1 of 3 photos give values that are not finite"):
        predict_emulated(tflite(exported, "fp16"), PIXELS)
