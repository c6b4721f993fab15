"""Manifests and bundles that were changed, by property: refused, or used without harm; and every
byte of a bundle is accounted for."""

from __future__ import annotations

import json
import os
import random
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mobilevit import check, client
from mobilevit.bundle import (
    LABELS_FILE,
    MANIFEST_FILE,
    find_file,
    hash_artifact,
    read_labels,
    read_manifest,
)
from mobilevit.check import check_bundle
from mobilevit.client import load
from mobilevit.errors import BundleError, MissingDependencyError, SdkError
from mobilevit.preprocessing import Preprocessing, resize_and_crop
from mobilevit.runtimes import Runtime, TensorSpec
from tests.fuzz.seeds import photo, record_anew, write_bundle

LINKS = pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**400), 10**400)
    | st.floats()
    | st.text(st.characters(), max_size=9)
    | st.sampled_from(
        [LABELS_FILE, MANIFEST_FILE, "golden", "../x", "a/" * 150, "0" * 64, "\ud800"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


class Session:
    """A session that answers 1/4 and 3/4, which is what the bundle's golden image expects."""

    inputs = (TensorSpec("image", (1, 32, 32, 3), "uint8"),)
    outputs = (TensorSpec("probabilities", (1, 2), "float32"),)

    def run(self, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        if feeds["image"].shape != (1, 32, 32, 3):
            raise RuntimeError("a runtime fails in ways of its own")
        return {"probabilities": np.array([[0.25, 0.75]], np.float32)}


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """No artifact is opened."""
    monkeypatch.setattr(Runtime, "load", lambda *_, **__: Session())
    monkeypatch.setattr(Runtime, "version", lambda _: "1")
    monkeypatch.setattr(Runtime, "available", property(lambda runtime: runtime.timed))


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    write_bundle(tmp_path / "bundle")
    return tmp_path / "bundle"


@pytest.fixture
def no_runtimes(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (check, client):
        monkeypatch.setattr(module, "runtimes_for", lambda *_, **__: [])


def sign(bundle: Path, manifest: object) -> None:
    """Write a manifest as it is, with the digest that makes it look untouched."""
    from hashlib import sha256

    if isinstance(manifest, dict) and "digest" in manifest:
        content = json.dumps({**manifest, "digest": "0" * 64}).encode()
        digest = sha256(content).hexdigest().encode()
        content = digest.join(content.rsplit(b"0" * 64, 1))
    else:
        content = json.dumps(manifest).encode()
    (bundle / MANIFEST_FILE).write_bytes(content)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) within a JSON value."""
    if isinstance(value, (dict, list)):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from places(value[key])


def use(bundle: Path) -> bool:
    """Everything that is done with a bundle; whether it was accepted."""
    try:
        manifest = read_manifest(bundle)
    except BundleError as error:
        assert error.message.isprintable()
        return False
    actions: tuple[Callable[[], object], ...] = (
        lambda: read_labels(bundle, manifest),
        lambda: check_bundle(bundle),
        lambda: load(bundle, manifest.artifacts[-1].file),
        lambda: load(bundle).classify(photo()),
    )
    for action in actions:
        try:
            action()
        except SdkError as error:
            assert error.message
    return True


def test_the_bundle_is_good(bundle: Path, stand_in: None) -> None:
    """Control of what follows."""
    checks = check_bundle(bundle)
    what = {check.what for check in checks}
    assert what == {"hash", "labels", "preprocessing", "onnxruntime", "coreml"}
    assert not [check for check in checks if check.faults]
    assert load(bundle).classify(photo())[0].label == "right"
    assert use(bundle)


@pytest.mark.usefixtures("stand_in")
@given(data=st.data())
@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_change_of_structure_is_refused_or_does_no_harm(
    bundle: Path, data: st.DataObject
) -> None:
    manifest = json.loads(manifest_text(bundle))
    for _ in range(data.draw(st.integers(1, 2))):
        container, key = data.draw(st.sampled_from(list(places(manifest))))
        if data.draw(st.booleans()):
            container[key] = data.draw(JSON)
        else:
            del container[key]
    sign(bundle, manifest)
    use(bundle)


def manifest_text(bundle: Path) -> bytes:
    """The valid manifest, kept aside from what a test writes over it."""
    kept = bundle.parent / "valid.json"
    if not kept.exists():
        kept.write_bytes((bundle / MANIFEST_FILE).read_bytes())
    return kept.read_bytes()


@pytest.mark.usefixtures("stand_in")
@given(content=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_anything_else_is_no_manifest(bundle: Path, content: bytes) -> None:
    (bundle / MANIFEST_FILE).write_bytes(content)
    assert not use(bundle)


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"schema_version": ' + b"9" * 5000 + b"}",
        b'{"schema_version": 1e999}',
        b'{"schema_version": NaN}',
        b'{"schema_version": 1, "\\ud800": 1}',
        b'{"schema_version": 1, "\\u001b[31m": 1}',
        b'{"schema_version": 1, "' + b"a" * 100_000 + b'": 1}',
        b"\0" * 100,
        b"",
    ],
    ids=lambda content: repr(content[:24]),
)
def test_manifests_that_are_none(bundle: Path, content: bytes) -> None:
    (bundle / MANIFEST_FILE).write_bytes(content)
    with pytest.raises(BundleError) as caught:
        read_manifest(bundle)
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 1000


def changed(*path: str | int, value: object) -> Callable[[dict[str, Any]], None]:
    def change(manifest: dict[str, Any]) -> None:
        at: Any = manifest
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = value

    return change


NAN = float("nan")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (changed("preprocessing", "crop_fraction", value=5e-324), "crop_fraction"),
        (changed("preprocessing", "scale", value=float("inf")), "finite"),
        (changed("preprocessing", "mean", value=[0, NAN, 0]), "finite"),
        (changed("preprocessing", "image_size", value=[64, 64]), "images are 64x64"),
        (changed("artifacts", 0, "input", "shape", value=[]), "images are 32x32"),
        (changed("artifacts", 0, "parity", "tolerance", "top1_agreement", value=NAN), "top1"),
        (changed("artifacts", 0, "parity", "tolerance", "top1_agreement", value=-1e308), "top1"),
        (changed("artifacts", 0, "input", "name", value="\0"), "artifacts.0.input.name"),
        (changed("golden", 0, "probabilities", value=[1e308, 0]), "less than or equal to 1"),
    ],
)
def test_values_that_would_fail_later_are_refused(
    bundle: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    manifest = json.loads((bundle / MANIFEST_FILE).read_bytes())
    change(manifest)
    sign(bundle, manifest)
    with pytest.raises(BundleError, match=message):
        read_manifest(bundle)


@pytest.mark.parametrize("file", [LABELS_FILE, MANIFEST_FILE, "golden", "model"])
def test_an_artifact_that_no_runtime_opens(bundle: Path, file: str) -> None:
    manifest = json.loads((bundle / MANIFEST_FILE).read_bytes())
    manifest["artifacts"] = manifest["artifacts"][:1]
    manifest["artifacts"][0]["file"] = file
    sign(bundle, manifest)
    for artifact in (file, None):
        with pytest.raises(BundleError, match="no runtime opens"):
            load(bundle, artifact)


def test_a_runtime_that_is_not_installed(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Runtime, "available", False)
    with pytest.raises(MissingDependencyError):
        load(bundle)


@pytest.mark.usefixtures("stand_in")
def test_an_artifact_that_is_not_what_the_manifest_tells(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = (TensorSpec("probabilities", (1, 1000), "float32"),)
    monkeypatch.setattr(Session, "outputs", more)
    with pytest.raises(BundleError, match=r"output is .* the manifest says"):
        load(bundle)


@given(content=st.binary(max_size=60) | st.text(max_size=30).map(lambda t: t.encode("utf-8")))
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_labels_of_any_bytes(bundle: Path, content: bytes) -> None:
    """As many as the manifest says, or refused; in a manifest that has their hash."""
    (bundle / LABELS_FILE).write_bytes(content)
    manifest = json.loads(manifest_text(bundle))
    manifest["labels"]["sha256"] = hash_artifact(bundle / LABELS_FILE)[0]
    sign(bundle, manifest)
    try:
        assert len(read_labels(bundle, read_manifest(bundle))) == 2
    except BundleError as error:
        assert "labels" in error.message


@pytest.mark.parametrize(
    "path", ["\0", "\ud800", "a" * 300, "a/" * 3000, ""], ids=lambda p: ascii(p[:9])
)
def test_paths_that_are_no_bundle(path: str) -> None:
    with pytest.raises(BundleError):
        load(path)


def golden_that_is_text(bundle: Path) -> None:
    """With the hash of it."""
    (bundle / "golden" / "0.pixels.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n")
    manifest = json.loads((bundle / MANIFEST_FILE).read_bytes())
    case = manifest["conformance"][0]
    case["pixels_sha256"] = hash_artifact(bundle / case["pixels"])[0]
    sign(bundle, manifest)


@pytest.mark.usefixtures("stand_in")
def test_expected_pixels_that_are_no_image(bundle: Path) -> None:
    golden_that_is_text(bundle)
    faults = [fault for check in check_bundle(bundle) for fault in check.faults]
    assert len(faults) == 1
    assert "is not an image" in faults[0]


@pytest.mark.usefixtures("no_runtimes")
@pytest.mark.parametrize("file", ["model.onnx", LABELS_FILE, "golden/0.png", "model.mlpackage"])
def test_files_and_folders_in_each_others_place(bundle: Path, file: str) -> None:
    path = bundle / file
    if path.is_dir():
        shutil.rmtree(path)
        path.write_bytes(b"")
    else:
        path.unlink()
        path.mkdir()
    assert file in {check.subject for check in check_bundle(bundle) if check.faults}


def circle(path: Path) -> None:
    path.symlink_to(path.with_name("other"))
    path.with_name("other").symlink_to(path)


@LINKS
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (circle, "link to nothing"),
        (lambda path: path.symlink_to("nothing"), "link to nothing"),
        (lambda path: path.symlink_to("/dev/zero"), "out of the bundle"),
        (os.mkfifo, "neither a file nor a folder"),
    ],
    ids=["circle", "nothing", "device", "pipe"],
)
@pytest.mark.parametrize("where", ["golden/1.png", "model.mlpackage/Data/more"])
def test_links_and_pipes(
    bundle: Path, make: Callable[[Path], None], message: str, where: str
) -> None:
    make(bundle / where)
    file = where if where.startswith("golden") else "model.mlpackage"
    with pytest.raises(BundleError, match=message):
        find_file(bundle, file)


@LINKS
@pytest.mark.parametrize("make", [circle, os.mkfifo, Path.mkdir])
def test_a_manifest_that_is_no_file(bundle: Path, make: Callable[[Path], None]) -> None:
    (bundle / MANIFEST_FILE).unlink()
    make(bundle / MANIFEST_FILE)
    with pytest.raises(BundleError, match="is not a bundle"):
        read_manifest(bundle)


@pytest.mark.skipif(os.name != "posix", reason="names are text on this system")
def test_a_file_name_that_is_no_text(bundle: Path) -> None:
    name = os.fsdecode(b"\xff.bin")
    try:
        (bundle / "model.mlpackage" / name).write_bytes(b"more")
    except OSError:
        pytest.skip("this file system takes no such name")
    with pytest.raises(BundleError, match="is not the file that was exported"):
        check.check_hash(bundle / "model.mlpackage", read_manifest(bundle).artifacts[1].sha256)


# every byte


def files_of(bundle: Path) -> list[Path]:
    return sorted(path for path in bundle.rglob("*") if path.is_file())


def flipped(path: Path, rng: random.Random) -> bytes:
    """Its content with one bit changed."""
    content = bytearray(path.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return bytes(content)


def faults_of(bundle: Path) -> list[str]:
    try:
        return [check.subject for check in check_bundle(bundle) if check.faults]
    except BundleError:
        return [MANIFEST_FILE]


@pytest.mark.usefixtures("no_runtimes")
def test_200_flips_over_all_bytes_are_caught(bundle: Path) -> None:
    """In each file at least one, the others in proportion to its size."""
    rng = random.Random(0)
    files = files_of(bundle)
    assert len(files) == 8
    assert sum("mlpackage" in str(path) for path in files) == 3
    drawn = rng.choices(files, [path.stat().st_size for path in files], k=200 - len(files))
    assert not faults_of(bundle)
    for path in [*files, *drawn]:
        content, mode = path.read_bytes(), stat.S_IMODE(path.stat().st_mode)
        path.write_bytes(flipped(path, rng))
        assert faults_of(bundle), path
        path.write_bytes(content)
        path.chmod(mode)
    assert not faults_of(bundle)


@pytest.mark.usefixtures("no_runtimes")
def test_it_is_the_hash_that_catches_a_flip(bundle: Path) -> None:
    """Control: with the hash of the flipped artifact in the manifest, nothing is found."""
    manifest, rng = read_manifest(bundle), random.Random(0)
    weights = next(path for path in files_of(bundle) if path.name == "weight.bin")
    for path in (bundle / "model.onnx", weights):
        path.write_bytes(flipped(path, rng))
        assert faults_of(bundle)
        record_anew(bundle, manifest)
        assert not faults_of(bundle)


@given(place=st.integers(0, 10**6), bit=st.integers(0, 7))
@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_flip_in_the_manifest_is_refused(bundle: Path, place: int, bit: int) -> None:
    content = bytearray(manifest_text(bundle))
    content[place % len(content)] ^= 1 << bit
    (bundle / MANIFEST_FILE).write_bytes(content)
    with pytest.raises(BundleError):
        read_manifest(bundle)


def test_it_is_the_digest_that_refuses_many(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: without it, some flips pass."""
    monkeypatch.setattr("mobilevit.bundle._digest", lambda content, written: written)
    content = (bundle / MANIFEST_FILE).read_bytes()
    passed = 0
    for place in range(0, len(content), 7):
        changed = bytearray(content)
        changed[place] ^= 1
        (bundle / MANIFEST_FILE).write_bytes(changed)
        try:
            read_manifest(bundle)
            passed += 1
        except BundleError:
            continue
    assert passed > 100


def test_a_narrow_crop_gives_our_error() -> None:
    with pytest.raises(SdkError, match="too narrow"):
        resize_and_crop(photo(), Preprocessing(image_size=(4096, 4096), crop_fraction=0.01))
