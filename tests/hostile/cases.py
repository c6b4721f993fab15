"""Hostile inputs: each builds a folder and gives the command line that meets it.

A case is a function of (folder, checkpoint file) that returns the arguments of `mobilevit`; its
decorator says what exit status it must have and what the message must contain.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from mobilevit.bundle import hash_artifact
from mobilevit.checkpoint import load_checkpoint, save_checkpoint
from tests.conftest import write_photos


@dataclass(frozen=True)
class Hostile:
    name: str
    build: Callable[[Path, Path], list[str]]
    message: str
    status: int


CASES: list[Hostile] = []


def hostile(
    message: str, status: int = 2
) -> Callable[[Callable[[Path, Path], list[str]]], Callable[[Path, Path], list[str]]]:
    def decorator(build: Callable[[Path, Path], list[str]]) -> Callable[[Path, Path], list[str]]:
        CASES.append(Hostile(build.__name__, build, message, status))
        return build

    return decorator


def train(folder: Path, data: Path | str, *options: str) -> list[str]:
    out = str(folder / "out")
    return ["train", str(data), "--out", out, "--epochs", "1", "--workers", "0", *options]


def export(folder: Path, checkpoint: Path | str, *options: str) -> list[str]:
    out = str(folder / "out")
    return ["export", str(checkpoint), "--out", out, "--images", "2", *options]


# image folders


@hostile("there is no folder")
def missing_image_folder(folder: Path, checkpoint: Path) -> list[str]:
    return train(folder, folder / "nowhere")


@hostile("there is no folder")
def image_folder_is_a_file(folder: Path, checkpoint: Path) -> list[str]:
    return train(folder, checkpoint)


@hostile("has no class folders")
def empty_image_folder(folder: Path, checkpoint: Path) -> list[str]:
    (folder / "data").mkdir()
    return train(folder, folder / "data")


@hostile("has no class folders")
def images_without_class_folders(folder: Path, checkpoint: Path) -> list[str]:
    write_photos(folder / "photos", ("a",), 3)
    return train(folder, folder / "photos" / "a")


@hostile("class `b` has no readable image")
def class_with_no_images(folder: Path, checkpoint: Path) -> list[str]:
    write_photos(folder / "data", ("a",), 3)
    (folder / "data" / "b").mkdir()
    return train(folder, folder / "data")


@hostile("class `b` has no readable image")
def class_of_broken_images_alone(folder: Path, checkpoint: Path) -> list[str]:
    write_photos(folder / "data", ("a", "b"), 3)
    for path in (folder / "data" / "b").iterdir():
        path.write_bytes(path.read_bytes()[:100])
    return train(folder, folder / "data")


@hostile("has one image")
def class_of_one_image(folder: Path, checkpoint: Path) -> list[str]:
    write_photos(folder / "data", ("a", "b"), 1)
    return train(folder, folder / "data")


@hostile("is not a class of the model")
def validation_class_that_is_not_trained(folder: Path, checkpoint: Path) -> list[str]:
    write_photos(folder / "data" / "train", ("a", "b"), 2)
    write_photos(folder / "data" / "val", ("a", "c"), 2)
    return train(folder, folder / "data")


@hostile("is not a table of labels")
def labels_that_are_not_json(folder: Path, checkpoint: Path) -> list[str]:
    write_photos(folder / "data", ("a", "b"), 3)
    (folder / "labels.json").write_text("a,b")
    return train(folder, folder / "data", "--labels", str(folder / "labels.json"))


@hostile("no label for class `b`")
def labels_that_lack_a_class(folder: Path, checkpoint: Path) -> list[str]:
    write_photos(folder / "data", ("a", "b"), 3)
    (folder / "labels.json").write_text('{"a": "first"}')
    return train(folder, folder / "data", "--labels", str(folder / "labels.json"))


# options of training


@hostile("or `mobilevit_xxs`")
def unknown_model(folder: Path, checkpoint: Path) -> list[str]:
    write_photos(folder / "data", ("a", "b"), 3)
    return train(folder, folder / "data", "--model", "mobilevit_xss")


@hostile("did you mean")
def unknown_timm_model(folder: Path, checkpoint: Path) -> list[str]:
    write_photos(folder / "data", ("a", "b"), 3)
    return train(folder, folder / "data", "--model", "timm:mobilevit_xxss")


@hostile("image_size")
def training_size_too_small(folder: Path, checkpoint: Path) -> list[str]:
    write_photos(folder / "data", ("a", "b"), 3)
    return train(folder, folder / "data", "--image-size", "16")


@hostile("did you mean `learning_rate`")
def unknown_recipe_field(folder: Path, checkpoint: Path) -> list[str]:
    return train(folder, folder, "--set", "leraning_rate=1")


@hostile("has no value")
def recipe_field_without_value(folder: Path, checkpoint: Path) -> list[str]:
    return train(folder, folder, "--set", "seed")


@hostile("weight_decay")
def recipe_field_of_the_wrong_type(folder: Path, checkpoint: Path) -> list[str]:
    return train(folder, folder, "--set", "weight_decay=much")


@hostile("is not an empty folder")
def run_folder_with_something_in_it(folder: Path, checkpoint: Path) -> list[str]:
    write_photos(folder / "data", ("a", "b"), 3)
    return ["train", str(folder / "data"), "--out", str(folder / "data")]


@hostile("no run to resume")
def nothing_to_resume(folder: Path, checkpoint: Path) -> list[str]:
    return ["train", str(folder), "--out", str(folder / "out"), "--resume"]


# checkpoints


@hostile("there is no file")
def missing_checkpoint(folder: Path, checkpoint: Path) -> list[str]:
    return export(folder, folder / "none.safetensors")


@hostile("unknown checkpoint")
def unknown_shipped_weights(folder: Path, checkpoint: Path) -> list[str]:
    return export(folder, "mobilevit_xxs.imagenet_99")


@hostile("is a folder")
def checkpoint_is_a_folder(folder: Path, checkpoint: Path) -> list[str]:
    return export(folder, checkpoint.parent)


@hostile("cannot be read as safetensors")
def checkpoint_cut_off(folder: Path, checkpoint: Path) -> list[str]:
    (folder / "cut.safetensors").write_bytes(checkpoint.read_bytes()[:100_000])
    return export(folder, folder / "cut.safetensors")


@hostile("cannot be read as safetensors")
def checkpoint_with_a_huge_header(folder: Path, checkpoint: Path) -> list[str]:
    (folder / "huge.safetensors").write_bytes((2**62).to_bytes(8, "little") + b"{}")
    return export(folder, folder / "huge.safetensors")


@hostile("was not opened")
def checkpoint_is_a_pickle_with_code(folder: Path, checkpoint: Path) -> list[str]:
    class Payload:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (folder / "ran",)  # type: ignore[return-value]

    torch.save({"x": Payload()}, folder / "evil.pt")
    return export(folder, folder / "evil.pt", "--model", "mobilevit_xxs")


@hostile("cannot be read")
def checkpoint_is_a_zip_of_something(folder: Path, checkpoint: Path) -> list[str]:
    with zipfile.ZipFile(folder / "some.pth", "w") as archive:
        archive.writestr("../../escape", "text")
    return export(folder, folder / "some.pth", "--model", "mobilevit_xxs")


@hostile("holds no state dict")
def checkpoint_is_a_list(folder: Path, checkpoint: Path) -> list[str]:
    torch.save([1, 2, 3], folder / "list.pt")
    return export(folder, folder / "list.pt", "--model", "mobilevit_xxs")


@hostile("is not a checkpoint")
def checkpoint_with_another_suffix(folder: Path, checkpoint: Path) -> list[str]:
    (folder / "model.pkl").write_bytes(pickle.dumps({}))
    return export(folder, folder / "model.pkl")


@hostile("does not name its architecture")
def weights_without_a_name(folder: Path, checkpoint: Path) -> list[str]:
    save_file(load_file(checkpoint), folder / "bare.safetensors")
    return export(folder, folder / "bare.safetensors")


@hostile("not a MobileViT's")
def weights_of_another_architecture(folder: Path, checkpoint: Path) -> list[str]:
    save_file({"layer.weight": torch.zeros(3)}, folder / "other.safetensors")
    return export(folder, folder / "other.safetensors", "--model", "mobilevit_xxs")


@hostile("holds `mobilevit_xxs`, not `mobilevit_s`")
def checkpoint_of_another_variant(folder: Path, checkpoint: Path) -> list[str]:
    return export(folder, checkpoint, "--model", "mobilevit_s")


# options of exporting


@hostile("did you mean `onnx`")
def unknown_format(folder: Path, checkpoint: Path) -> list[str]:
    return export(folder, checkpoint, "--format", "onx")


@hostile("unknown precision `fp8`")
def unknown_precision(folder: Path, checkpoint: Path) -> list[str]:
    return export(folder, checkpoint, "--format", "onnx", "--precision", "fp8")


@hostile("16x16 is out of range")
def export_size_too_small(folder: Path, checkpoint: Path) -> list[str]:
    return export(folder, checkpoint, "--image-size", "16")


@hostile("is not an image size")
def export_size_that_is_no_number(folder: Path, checkpoint: Path) -> list[str]:
    return export(folder, checkpoint, "--image-size", "big")


@hostile("is not a bundle")
def export_over_somebodys_files(folder: Path, checkpoint: Path) -> list[str]:
    (folder / "out").mkdir()
    (folder / "out" / "thesis.txt").write_text("years of work")
    return export(folder, checkpoint, "--overwrite")


@hostile("no readable photo")
def comparing_on_no_photo(folder: Path, checkpoint: Path) -> list[str]:
    (folder / "photos").mkdir()
    (folder / "photos" / "x.jpg").write_text("not a photo")
    return export(folder, checkpoint, "--photos", str(folder / "photos"))


# bundles and images


def sign(bundle: Path, manifest: dict[str, object]) -> None:
    """Write a manifest as it is, with the digest that makes it look untouched."""
    content = json.dumps({**manifest, "digest": "0" * 64})
    digest = hashlib.sha256(content.encode()).hexdigest()
    (bundle / "manifest.json").write_text(digest.join(content.rsplit("0" * 64, 1)))


def fake_bundle(folder: Path, artifact: dict[str, object] | None = None, **changes: object) -> Path:
    """A bundle whose manifest is well formed, with some of it or of its artifact's record changed;
    its artifact is garbage, with the hash it should have."""
    bundle = folder / "bundle"
    (bundle / "golden").mkdir(parents=True)
    (bundle / "model.onnx").write_bytes(b"not a model")
    (bundle / "labels.txt").write_text("a\nb\n")
    golden = bundle / "golden" / "0.png"
    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(golden)
    image_sha256 = hash_artifact(golden)[0]
    pixels = bundle / "golden" / "0.pixels.png"
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(pixels)
    exact = {"max_difference": 0, "mean_difference": 0}
    source = {"name": "x", "shape": [1, 32, 32, 3], "dtype": "uint8", "layout": "NHWC"}
    target = {"name": "y", "shape": [1, 2], "dtype": "float32", "layout": "NC"}
    tolerance = {"max_abs_difference": 1, "top1_agreement": 1, "psnr_db": 1}
    parity = {
        "runtime": "onnxruntime",
        "runtime_version": "1",
        "images": 1,
        "image_source": "folder",
        "max_abs_difference": 0,
        "top1_agreement": 1,
        "psnr_db": None,
        "worst_image": "x",
        "tolerance": tolerance,
    }
    record = {
        "file": "model.onnx",
        "format": "onnx",
        "precision": "fp32",
        "sha256": hash_artifact(bundle / "model.onnx")[0],
        "size": 1,
        "input": {**source, "range": [0, 255]},
        "output": {**target, "range": [0, 1]},
        "parity": parity,
        "tools": {},
        **(artifact or {}),
    }
    manifest = {
        "schema_version": 1,
        "created": "2026-01-01",
        "sdk_version": "0",
        "model": {
            "name": "m",
            "parameters": 1,
            "checkpoint": "c",
            "checkpoint_sha256": "0" * 64,
            "recipe": {},
            "measured": {},
        },
        "preprocessing": {"image_size": [32, 32]},
        "labels": {"sha256": hash_artifact(bundle / "labels.txt")[0], "count": 2},
        "artifacts": [record],
        "golden": [
            {"file": "golden/0.png", "sha256": image_sha256, "probabilities": [0.5, 0.5]},
        ],
        "conformance": [
            {
                "file": "golden/0.png",
                "sha256": image_sha256,
                "pixels": "golden/0.pixels.png",
                "pixels_sha256": hash_artifact(pixels)[0],
                "tests": "black",
                "same_kernel": exact,
                "other_kernel": exact,
            }
        ],
    }
    sign(bundle, {**manifest, **changes})
    return bundle


@hostile("is not a bundle")
def bundle_without_manifest(folder: Path, checkpoint: Path) -> list[str]:
    return ["verify", str(folder)]


@hostile("is not a manifest this version understands")
def manifest_cut_off(folder: Path, checkpoint: Path) -> list[str]:
    bundle = fake_bundle(folder)
    text = (bundle / "manifest.json").read_text()
    (bundle / "manifest.json").write_text(text[: len(text) // 2])
    return ["verify", str(bundle)]


@hostile("unknown input `tensors`")
def unknown_input(folder: Path, checkpoint: Path) -> list[str]:
    return export(folder, checkpoint, "--input", "tensors")


@hostile("2 labels are `x y`, and format `coreml` gives one probability a label")
def labels_that_are_the_same(folder: Path, checkpoint: Path) -> list[str]:
    loaded = load_checkpoint(checkpoint)
    loaded.labels = ["x y", "b", "c", "x\ny", "e"]
    save_checkpoint(folder / "twice.safetensors", loaded)
    return export(folder, folder / "twice.safetensors")


@hostile("is not a path inside the bundle")
def manifest_that_points_outside(folder: Path, checkpoint: Path) -> list[str]:
    return ["verify", str(fake_bundle(folder, {"file": "../../etc/passwd"}))]


@hostile("is a link out of the bundle")
def artifact_that_is_a_link_outside(folder: Path, checkpoint: Path) -> list[str]:
    bundle = fake_bundle(folder)
    (bundle / "model.onnx").unlink()
    (bundle / "model.onnx").symlink_to(checkpoint)
    write_photos(folder / "photos", ("a",), 1)
    return ["classify", str(bundle), str(folder / "photos" / "a" / "0.jpg")]


@hostile("`golden/0.png`", status=1)
def golden_image_that_is_a_link_outside(folder: Path, checkpoint: Path) -> list[str]:
    bundle = fake_bundle(folder)
    (bundle / "golden" / "0.png").rename(folder / "0.png")
    (bundle / "golden" / "0.png").symlink_to(folder / "0.png")
    return ["verify", str(bundle)]


@hostile("onnxruntime cannot open")
def artifact_that_is_garbage(folder: Path, checkpoint: Path) -> list[str]:
    write_photos(folder / "photos", ("a",), 1)
    return ["classify", str(fake_bundle(folder)), str(folder / "photos" / "a" / "0.jpg")]


@hostile("not what was exported", status=1)
def artifact_that_was_replaced(folder: Path, checkpoint: Path) -> list[str]:
    bundle = fake_bundle(folder)
    (bundle / "model.onnx").write_bytes(b"another")
    return ["verify", str(bundle)]


@hostile("is not the file that was exported")
def classifying_with_a_replaced_artifact(folder: Path, checkpoint: Path) -> list[str]:
    bundle = fake_bundle(folder)
    (bundle / "model.onnx").write_bytes(b"another")
    write_photos(folder / "photos", ("a",), 1)
    return ["classify", str(bundle), str(folder / "photos" / "a" / "0.jpg")]


@hostile("model.onnx` is missing")
def bundle_without_its_artifact(folder: Path, checkpoint: Path) -> list[str]:
    bundle = fake_bundle(folder)
    (bundle / "model.onnx").unlink()
    write_photos(folder / "photos", ("a",), 1)
    return ["classify", str(bundle), str(folder / "photos" / "a" / "0.jpg")]


@hostile("schema version 2, and this release reads 1")
def manifest_of_a_newer_schema(folder: Path, checkpoint: Path) -> list[str]:
    return ["verify", str(fake_bundle(folder, schema_version=2, added="field"))]


@hostile("the line ends of")
def manifest_with_the_line_ends_of_windows(folder: Path, checkpoint: Path) -> list[str]:
    bundle = fake_bundle(folder)
    manifest = json.loads((bundle / "manifest.json").read_text())
    content = json.dumps({**manifest, "digest": "0" * 64}, indent=2).encode()
    digest = hashlib.sha256(content).hexdigest().encode()
    content = digest.join(content.rsplit(b"0" * 64, 1))
    (bundle / "manifest.json").write_bytes(content.replace(b"\n", b"\r\n"))
    return ["verify", str(bundle)]


@hostile("two artifacts are the same file")
def manifest_with_one_artifact_twice(folder: Path, checkpoint: Path) -> list[str]:
    bundle = fake_bundle(folder)
    manifest = json.loads((bundle / "manifest.json").read_text())
    sign(bundle, {**manifest, "artifacts": manifest["artifacts"] * 2})
    return ["verify", str(bundle)]


@hostile("`--artifact` names one")
def one_artifact_and_every_one(folder: Path, checkpoint: Path) -> list[str]:
    bundle = str(fake_bundle(folder))
    return ["classify", bundle, "x.jpg", "--artifact", "model.onnx", "--every-artifact"]


@hostile("`--model` is for checkpoints")
def model_name_for_a_bundle(folder: Path, checkpoint: Path) -> list[str]:
    data = write_photos(folder / "data", ("a", "b"), 1)
    return ["eval", str(fake_bundle(folder)), "--data", str(data), "--model", "mobilevit_xxs"]


@hostile("was changed after it was written")
def manifest_that_was_edited(folder: Path, checkpoint: Path) -> list[str]:
    bundle = fake_bundle(folder)
    text = (bundle / "manifest.json").read_text()
    (bundle / "manifest.json").write_text(text.replace("black", "white"))
    return ["verify", str(bundle)]


@hostile("is not the file that was exported")
def labels_that_were_edited(folder: Path, checkpoint: Path) -> list[str]:
    bundle = fake_bundle(folder)
    (bundle / "labels.txt").write_text("b\na\n")
    write_photos(folder / "photos", ("a",), 1)
    return ["classify", str(bundle), str(folder / "photos" / "a" / "0.jpg")]


@hostile("there are 3 labels")
def labels_that_do_not_match_the_output(folder: Path, checkpoint: Path) -> list[str]:
    labels = {"sha256": "0" * 64, "count": 3}
    return ["verify", str(fake_bundle(folder, labels=labels))]


@hostile("has 3 labels, the manifest says 2")
def labels_file_with_one_too_many(folder: Path, checkpoint: Path) -> list[str]:
    bundle = fake_bundle(folder)
    (bundle / "labels.txt").write_text("a\nb\nc\n")
    labels = {"sha256": hash_artifact(bundle / "labels.txt")[0], "count": 2}
    manifest = json.loads((bundle / "manifest.json").read_text())
    sign(bundle, {**manifest, "labels": labels})
    write_photos(folder / "photos", ("a",), 1)
    return ["classify", str(bundle), str(folder / "photos" / "a" / "0.jpg")]


@hostile("there is no image")
def missing_image(folder: Path, checkpoint: Path) -> list[str]:
    return ["classify", str(fake_bundle(folder)), str(folder / "none.jpg")]


@hostile("is not an image")
def image_that_is_text(folder: Path, checkpoint: Path) -> list[str]:
    (folder / "x.jpg").write_text("text")
    return ["classify", str(fake_bundle(folder)), str(folder / "x.jpg")]


@hostile("is empty")
def image_that_is_empty(folder: Path, checkpoint: Path) -> list[str]:
    (folder / "x.jpg").write_bytes(b"")
    return ["classify", str(fake_bundle(folder)), str(folder / "x.jpg")]


@hostile("decompression bomb")
def image_that_is_a_bomb(folder: Path, checkpoint: Path) -> list[str]:
    """400 million pixels in half a megabyte."""
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 1, 0, 0, 0, 0)
    data = zlib.compress(bytes(20_000 * 2_501), 9)
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    (folder / "x.png").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
            for kind, body in chunks
        )
    )
    return ["classify", str(fake_bundle(folder)), str(folder / "x.png")]


@hostile("is not an image")
def image_that_would_run_a_program(folder: Path, checkpoint: Path) -> list[str]:
    (folder / "x.jpg").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")
    return ["classify", str(fake_bundle(folder)), str(folder / "x.jpg")]


@hostile("cannot be decoded")
def image_cut_off(folder: Path, checkpoint: Path) -> list[str]:
    write_photos(folder / "photos", ("a",), 1)
    path = folder / "photos" / "a" / "0.jpg"
    path.write_bytes(path.read_bytes()[:700])
    return ["classify", str(fake_bundle(folder)), str(path)]


@hostile("has 5 outputs")
def evaluating_on_other_classes(folder: Path, checkpoint: Path) -> list[str]:
    write_photos(folder / "data", ("a", "b"), 1)
    return ["eval", str(checkpoint), "--data", str(folder / "data")]


@hostile("is not a choice of threads")
def threads_that_are_no_number(folder: Path, checkpoint: Path) -> list[str]:
    return ["benchmark", str(fake_bundle(folder)), "--threads", "many"]


@hostile("unknown device")
def unknown_device(folder: Path, checkpoint: Path) -> list[str]:
    return ["benchmark", str(fake_bundle(folder)), "--device", "toaster"]


@hostile("is not a choice of batch")
def a_batch_of_none(folder: Path, checkpoint: Path) -> list[str]:
    return ["benchmark", str(fake_bundle(folder)), "--batch", "1,x"]


@hostile("0 rounds measure nothing")
def no_rounds(folder: Path, checkpoint: Path) -> list[str]:
    return ["benchmark", str(fake_bundle(folder)), "--rounds", "0"]


@hostile("`0m` is not a time")
def sustained_for_no_time(folder: Path, checkpoint: Path) -> list[str]:
    return ["benchmark", str(fake_bundle(folder)), "--sustained", "0m"]


@hostile("unknown suite `papers`")
def unknown_suite(folder: Path, checkpoint: Path) -> list[str]:
    return ["benchmark", "--suite", "papers"]


@hostile("a suite has its own artifacts")
def a_suite_and_artifacts(folder: Path, checkpoint: Path) -> list[str]:
    return ["benchmark", str(fake_bundle(folder)), "--suite", "paper"]


@hostile("there is nothing to benchmark")
def benchmarking_without_a_subject(folder: Path, checkpoint: Path) -> list[str]:
    return ["benchmark"]


@hostile("counts one thread and one image")
def counting_two_threads(folder: Path, checkpoint: Path) -> list[str]:
    where = ("--device", "arm64-emulated", "--threads", "2")
    return ["benchmark", str(fake_bundle(folder)), *where]


@hostile("`--profile` profiles on this machine alone")
def profiling_elsewhere(folder: Path, checkpoint: Path) -> list[str]:
    return ["benchmark", str(fake_bundle(folder)), "--device", "ssh:pi", "--profile"]


@hostile("`--benchmark-model` runs on `--device android`")
def a_phones_tool_elsewhere(folder: Path, checkpoint: Path) -> list[str]:
    return ["benchmark", str(fake_bundle(folder)), "--benchmark-model", "tool"]


@hostile("-oProxyCommand")
def an_option_in_place_of_a_host(folder: Path, checkpoint: Path) -> list[str]:
    device = f"ssh:-oProxyCommand=touch {folder / 'owned'}"
    return ["benchmark", str(fake_bundle(folder)), "--device", device]


@hostile("cannot read")
def reporting_nothing(folder: Path, checkpoint: Path) -> list[str]:
    return ["report", str(folder / "none.json"), "--html", str(folder / "report.html")]


@hostile("is not JSON")
def reporting_what_was_cut_off(folder: Path, checkpoint: Path) -> list[str]:
    (folder / "result.json").write_text('{"schema_version": 2, "measurem')
    return ["report", str(folder / "result.json"), "--html", str(folder / "report.html")]


@hostile("cannot read")
def comparing_nothing(folder: Path, checkpoint: Path) -> list[str]:
    return ["compare", str(folder / "none.json")]


@hostile("is not JSON")
def comparing_what_was_cut_off(folder: Path, checkpoint: Path) -> list[str]:
    (folder / "result.json").write_text('{"schema_version": 2, "measurem')
    return ["compare", str(folder / "result.json")]


@hostile("has schema version 1, and this release reads 2")
def comparing_an_old_result(folder: Path, checkpoint: Path) -> list[str]:
    (folder / "result.json").write_text('{"schema_version": 1}')
    return ["compare", str(folder / "result.json")]


@hostile("`5` is not a share")
def a_limit_without_its_unit(folder: Path, checkpoint: Path) -> list[str]:
    (folder / "result.json").write_text('{"schema_version": 2}')
    return ["compare", str(folder / "result.json"), "--fail-slower", "5"]


@hostile("there is no artifact")
def benchmarking_nothing(folder: Path, checkpoint: Path) -> list[str]:
    return ["benchmark", str(folder / "none.onnx")]


# apps


def android_app(folder: Path, *modules: str) -> Path:
    app = folder / "app"
    for module in modules or ("phone",):
        (app / module / "src" / "main").mkdir(parents=True)
        (app / module / "build.gradle").write_text("apply plugin: 'com.android.application'\n")
    return app


def embed(folder: Path, app: Path, *options: str) -> list[str]:
    options = options or ("--artifact", "model.onnx")
    return ["embed", str(fake_bundle(folder)), str(app), *options]


@hostile("there is no folder")
def app_that_is_missing(folder: Path, checkpoint: Path) -> list[str]:
    return embed(folder, folder / "nowhere")


@hostile("has no Android or iOS project")
def app_without_a_project(folder: Path, checkpoint: Path) -> list[str]:
    (folder / "app").mkdir()
    return embed(folder, folder / "app")


@hostile("several modules that the bundle could go into: `phone`, `watch`")
def app_with_two_modules(folder: Path, checkpoint: Path) -> list[str]:
    return embed(folder, android_app(folder, "phone", "watch"))


@hostile("did you mean `phone`")
def module_that_is_unknown(folder: Path, checkpoint: Path) -> list[str]:
    return embed(folder, android_app(folder), "--module", "phones")


@hostile("unknown platform `windows`")
def platform_that_is_unknown(folder: Path, checkpoint: Path) -> list[str]:
    return embed(folder, android_app(folder), "--platform", "windows")


@hostile("has an Android and an iOS project")
def app_for_both_platforms(folder: Path, checkpoint: Path) -> list[str]:
    app = android_app(folder)
    (app / "Demo.xcodeproj").mkdir()
    (app / "Demo.xcodeproj" / "project.pbxproj").write_text(
        "{objects = {P = {isa = PBXProject; targets = (T, ); }; T = {isa = PBXNativeTarget; }; };"
        "rootObject = P; }"
    )
    return embed(folder, app)


@hostile("is not a project that can be read: it is cut off")
def xcode_project_cut_off(folder: Path, checkpoint: Path) -> list[str]:
    (folder / "Demo.xcodeproj").mkdir()
    (folder / "Demo.xcodeproj" / "project.pbxproj").write_text("{ objects = { P = {isa")
    return embed(folder, folder)


@hostile("is taken, and not by a bundle")
def app_with_somebodys_files_in_the_place(folder: Path, checkpoint: Path) -> list[str]:
    app = android_app(folder)
    (app / "phone" / "src" / "main" / "assets" / "mobilevit").mkdir(parents=True)
    thesis = app / "phone" / "src" / "main" / "assets" / "mobilevit" / "thesis.txt"
    thesis.write_text("years of work")
    return embed(folder, app)


@hostile("is not a bundle: it has no manifest.json")
def app_with_a_file_in_the_place(folder: Path, checkpoint: Path) -> list[str]:
    app = android_app(folder)
    (app / "phone" / "src" / "main" / "assets").mkdir()
    (app / "phone" / "src" / "main" / "assets" / "mobilevit").write_text("years of work")
    return embed(folder, app)


@hostile("has a link or `..` that leads to")
def app_with_a_link_outside(folder: Path, checkpoint: Path) -> list[str]:
    app = android_app(folder)
    (folder / "elsewhere").mkdir()
    (app / "phone" / "src" / "main" / "assets").symlink_to(folder / "elsewhere")
    return embed(folder, app)


@hostile("is not the file that was exported")
def embedding_a_replaced_artifact(folder: Path, checkpoint: Path) -> list[str]:
    arguments = embed(folder, android_app(folder))
    (folder / "bundle" / "model.onnx").write_bytes(b"another")
    return arguments


@hostile("has no artifact `model.tflite`")
def embedding_an_unknown_artifact(folder: Path, checkpoint: Path) -> list[str]:
    return embed(folder, android_app(folder), "--artifact", "model.tflite")


@hostile("nothing that iOS takes by default")
def embedding_what_the_platform_does_not_prefer(folder: Path, checkpoint: Path) -> list[str]:
    (folder / "Sources" / "Kit").mkdir(parents=True)
    (folder / "Package.swift").write_text('let package = Package(targets: [.target(name: "Kit")])')
    return embed(folder, folder, "--platform", "ios")


@hostile("was changed after it was written")
def card_of_an_edited_manifest(folder: Path, checkpoint: Path) -> list[str]:
    bundle = fake_bundle(folder)
    text = (bundle / "manifest.json").read_text()
    (bundle / "manifest.json").write_text(text.replace("onnxruntime", "my own runtime"))
    return ["card", str(bundle)]


@hostile("cannot write")
def card_over_a_folder(folder: Path, checkpoint: Path) -> list[str]:
    return ["card", str(fake_bundle(folder)), "--out", str(folder / "bundle")]


# the file system


@hostile("cannot write")
def output_below_a_file(folder: Path, checkpoint: Path) -> list[str]:
    shutil.copy(checkpoint, folder / "file")
    return ["export", str(checkpoint), "--out", str(folder / "file" / "out"), "--images", "2"]
