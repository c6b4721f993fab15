"""The client: any form of image, in batches and streams, from the artifact that is best here."""

from __future__ import annotations

import io
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mobilevit
from mobilevit.bundle import SiblingRecord, read_manifest, write_manifest
from mobilevit.errors import BundleError, InputError
from mobilevit.runtimes import RUNTIMES
from mobilevit_export.photos import packaged_photos


@pytest.fixture(scope="module")
def client(exported: Path) -> mobilevit.Client:
    return mobilevit.load(exported)


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    return packaged_photos(1)[0].image


def test_a_path_bytes_an_array_and_a_pillow_image_are_the_same(
    client: mobilevit.Client, photo: Image.Image, tmp_path: Path
) -> None:
    path = tmp_path / "photo.png"
    photo.save(path)
    expected = client.classify(photo)
    assert len(expected) == 5
    assert [p.label for p in expected] != sorted(p.label for p in expected)
    assert sum(p.probability for p in expected) == pytest.approx(1, abs=1e-5)
    rgba = photo.convert("RGBA")
    with Image.open(path) as lazy:
        sources = [str(path), path, path.read_bytes(), np.asarray(photo), np.asarray(rgba), lazy]
        for source in sources:
            assert client.classify(source) == expected
    blue_first = client.classify(np.asarray(photo)[..., ::-1].copy())
    assert blue_first != expected  # the control: the order of channels does matter


def test_a_gray_array_is_its_rgb(client: mobilevit.Client, photo: Image.Image) -> None:
    gray = photo.convert("L")
    assert client.classify(np.asarray(gray)) == client.classify(gray.convert("RGB"))


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((8, 8, 3), np.float32),
        np.zeros((8, 8, 2), np.uint8),
        np.zeros((3, 8, 8), np.uint8),
        np.zeros((1, 8, 8, 3), np.uint8),
        np.zeros((0, 8, 3), np.uint8),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_an_array_that_is_no_image_is_refused(client: mobilevit.Client, array: np.ndarray) -> None:
    with pytest.raises(InputError):
        client.classify(array)


def test_a_batch_and_a_stream_give_what_single_images_give(client: mobilevit.Client) -> None:
    photos = [photo.image for photo in packaged_photos(7)]
    expected = [client.classify(photo, top=3) for photo in photos]
    assert client.classify_batch(photos, top=3) == expected
    assert list(client.stream(iter(photos), top=3)) == expected
    assert client.classify_batch([]) == []
    assert list(client.stream([])) == []


def test_a_stream_answers_before_it_asks_for_more(
    client: mobilevit.Client, photo: Image.Image
) -> None:
    taken = 0

    def endless() -> Iterator[Image.Image]:
        nonlocal taken
        while True:
            taken += 1
            yield photo

    assert len(list(itertools.islice(client.stream(endless()), 3))) == 3
    assert taken == 3


def test_a_source_may_reuse_its_buffer(client: mobilevit.Client) -> None:
    """As cameras do."""
    photos = [np.asarray(p.image.resize((90, 90))) for p in packaged_photos(4)]

    def camera() -> Iterator[np.ndarray]:
        frame = np.empty_like(photos[0])
        for photo in photos:
            frame[:] = photo
            yield frame

    assert list(client.stream(camera())) == [client.classify(photo) for photo in photos]


def test_a_batch_may_be_one_array(client: mobilevit.Client) -> None:
    photos = np.stack([np.asarray(p.image.resize((90, 70))) for p in packaged_photos(3)])
    assert client.classify_batch(photos) == [client.classify(photo) for photo in photos]


def test_what_cannot_be_asked_is_refused(client: mobilevit.Client, photo: Image.Image) -> None:
    for top in (0, -1):
        with pytest.raises(InputError, match=f"the {top} most probable labels"):
            client.classify(photo, top)
        with pytest.raises(InputError, match=f"the {top} most probable labels"):
            client.classify_batch([photo], top)
    assert len(client.classify(photo, top=99)) == 5
    for image in (None, 3, io.BytesIO(b"x"), ["a.jpg"]):
        with pytest.raises(InputError, match="is not an image"):
            client.classify(image)  # type: ignore[arg-type]
    for batch in ("photo.jpg", b"photo"):
        with pytest.raises(InputError, match="one image is not a batch"):
            client.classify_batch(batch)  # type: ignore[arg-type]
    pixels = client.pixels(photo)
    for wrong in (pixels, pixels[None, :-1], pixels[None] / np.float32(255), pixels[None][:0]):
        with pytest.raises(InputError, match="should be uint8"):
            client.probabilities(wrong)
    buffer = io.BytesIO()
    photo.save(buffer, "PNG")
    for form in (bytearray, memoryview):
        assert client.classify(form(buffer.getvalue())) == client.classify(photo)


def test_a_bad_image_among_good_ones_is_named(client: mobilevit.Client, photo: Image.Image) -> None:
    buffer = io.BytesIO()
    photo.save(buffer, "PNG")
    images = [photo, buffer.getvalue()[:500], photo]
    with pytest.raises(InputError, match="image 1: the image cannot be decoded"):
        client.classify_batch(images)
    answers = client.stream(images)
    assert next(answers) == client.classify(photo)
    with pytest.raises(InputError, match="image 1: "):
        next(answers)


def test_the_most_precise_artifact_of_a_timed_runtime_is_taken(exported: Path) -> None:
    assert mobilevit.load(exported).artifact.file == "mobilevit_xxs_fp32.onnx"


@pytest.mark.parametrize(
    ("absent", "file", "runtime"),
    [
        ({"onnxruntime"}, "mobilevit_xxs_fp32.tflite", "litert"),
        ({"onnxruntime", "litert"}, "mobilevit_xxs_fp32.mlpackage", "coreml_reference"),
    ],
)
def test_what_is_there_is_used(
    exported: Path, monkeypatch: pytest.MonkeyPatch, absent: set[str], file: str, runtime: str
) -> None:
    import mobilevit.runtimes.base as base

    present = base.find_spec
    hidden = {package for name in absent for package in RUNTIMES[name].packages}
    monkeypatch.setattr(base, "find_spec", lambda name: None if name in hidden else present(name))
    client = mobilevit.load(exported)
    assert (client.artifact.file, client.runtime.name) == (file, runtime)


def test_a_plain_graph_and_one_without_a_fault_come_first(bundle: Path) -> None:
    manifest = read_manifest(bundle)

    def taken(**changes: dict[str, object]) -> str:
        records = [r.model_copy(update=changes.get(r.precision, {})) for r in manifest.artifacts]
        write_manifest(bundle, manifest.model_copy(update={"artifacts": tuple(records)}))
        return mobilevit.load(bundle).artifact.file

    slow = SiblingRecord(
        **{"file": "x.onnx", "runtime": "onnxruntime", "runtime_version": "1", "machine": "m"},
        **{"speedup": 0.5, "low": 0.4, "high": 0.6, "faults": ("slower than fp32",)},
    )
    precise, other = "mobilevit_xxs_fp32.onnx", "mobilevit_xxs_fp16.onnx"
    engine = {"precision": "fp16", "layout": "neural-engine"}
    assert taken(fp16={"sibling": slow}) == precise
    assert taken(fp32={"sibling": slow}) == other
    assert taken(fp32=engine) == other
    assert taken(fp32={"precision": "int8"}) == other
    assert taken(fp32={"precision": "int8"}, fp16={"sibling": slow}) == precise


def test_order_in_the_manifest_does_not_decide(bundle: Path) -> None:
    manifest = read_manifest(bundle)
    turned = manifest.model_copy(update={"artifacts": manifest.artifacts[::-1]})
    write_manifest(bundle, turned)
    assert mobilevit.load(bundle).artifact.file == "mobilevit_xxs_fp32.onnx"


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("manifest.json", "was changed after it was written|is not a manifest"),
        ("labels.txt", "is not the file that was exported"),
        ("mobilevit_xxs_fp32.onnx", "is not the file that was exported"),
    ],
)
def test_a_changed_byte_of_what_it_reads_is_refused(bundle: Path, file: str, said: str) -> None:
    mobilevit.load(bundle)
    content = bytearray((bundle / file).read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / file).write_bytes(bytes(content))
    with pytest.raises(BundleError, match=said):
        mobilevit.load(bundle)


def test_an_artifact_is_chosen_by_name(exported: Path) -> None:
    assert mobilevit.load(exported, "mobilevit_xxs_fp16.tflite").runtime.name == "litert"
    with pytest.raises(BundleError, match=r"has no artifact `x\.onnx`"):
        mobilevit.load(exported, "x.onnx")


def test_threads_below_one_are_refused(exported: Path) -> None:
    for file in ("mobilevit_xxs_fp32.onnx", "mobilevit_xxs_fp32.tflite"):
        with pytest.raises(InputError, match="0 threads cannot run anything"):
            mobilevit.load(exported, file, threads=0)


def test_no_torch_is_needed() -> None:
    import subprocess

    code = "import sys, mobilevit.client, mobilevit.check; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
