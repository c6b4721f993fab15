"""Types in a manifest are strict, so that a reader in another language needs no conversions."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from mobilevit.bundle import MANIFEST_FILE, read_manifest
from mobilevit.errors import BundleError
from tests.fuzz.seeds import write_bundle


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A valid manifest."""
    folder = tmp_path_factory.mktemp("bundle")
    write_bundle(folder / "bundle")
    return (folder / "bundle" / MANIFEST_FILE).read_text(encoding="utf-8")


@pytest.fixture
def bundle(written: str, tmp_path: Path) -> Path:
    (tmp_path / MANIFEST_FILE).write_text(written, encoding="utf-8", newline="\n")
    return tmp_path


def change(bundle: Path, old: str, new: str) -> None:
    """Text of the manifest, once, and its digest with it."""
    path = bundle / MANIFEST_FILE
    text = path.read_text(encoding="utf-8")
    unsigned = text.replace(read_manifest(bundle).digest, "0" * 64)
    assert old in unsigned
    unsigned = unsigned.replace(old, new, 1)
    digest = hashlib.sha256(unsigned.encode()).hexdigest()
    path.write_text(digest.join(unsigned.rsplit("0" * 64, 1)), encoding="utf-8", newline="\n")


@pytest.mark.parametrize("version", ['"1"', "1.0", "true", "1e0", "null", "0", "-1"])
def test_a_version_that_only_looks_like_one(bundle: Path, version: str) -> None:
    change(bundle, '"schema_version": 1', f'"schema_version": {version}')
    with pytest.raises(BundleError, match="schema_version: Input should be"):
        read_manifest(bundle)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"count": 2', '"count": "2"', "labels.count: Input should be a valid integer"),
        ('"count": 2', '"count": 2.0', "labels.count: Input should be a valid integer"),
        ('"count": 2', '"count": 2147483648', "labels.count: .* less than or equal to 2147483647"),
        ('"scale": 0', '"scale": "1", "scale": 0', None),  # the last counts
        (
            '"scale": ',
            '"scale": true, "std": ',
            "preprocessing.scale: .* number",
        ),
        ('"interpolation": "', '"interpolation": 1, "channels": "', "interpolation: Input should"),
    ],
)
def test_a_value_of_another_type(bundle: Path, old: str, new: str, message: str | None) -> None:
    change(bundle, old, new)
    if message is None:
        read_manifest(bundle)
    else:
        with pytest.raises(BundleError, match=message):
            read_manifest(bundle)


@pytest.mark.parametrize(
    ("shape", "accepted"),
    [
        ("-1", True),
        ("2147483647", True),
        ("-2", False),
        ("2147483648", False),
        ("1.0", False),
        ("true", False),
    ],
)
def test_a_side_of_a_shape(bundle: Path, shape: str, accepted: bool) -> None:
    """The first, which fits any images."""
    change(bundle, '"shape": [\n          1,', f'"shape": [\n          {shape},')
    if accepted:
        assert read_manifest(bundle).artifacts[0].input.shape[0] == int(shape)
    else:
        with pytest.raises(BundleError, match=r"artifacts\.0\.input\.shape\.0: "):
            read_manifest(bundle)


def test_what_older_manifests_lack_has_a_default(bundle: Path) -> None:
    for field in ('"layout": "plain"', '"quantization": null', '"sibling": null', '"needs": {}'):
        change(bundle, f"{field},", "")
    artifact = read_manifest(bundle).artifacts[0]
    assert (artifact.layout, artifact.needs) == ("plain", {})
    assert artifact.quantization is artifact.sibling is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"layout": "plain"', '"layout": "mobile"', "layout: Input should be 'plain' or"),
        ('"quantization": null', '"quantization": {}', "quantization.calibration: Field required"),
        ('"sibling": null', '"sibling": {"file": "../a"}', "`../a` is not a path inside"),
        ('"needs": {}', '"needs": {"iOS": 16}', "needs.iOS: Input should be a valid string"),
    ],
)
def test_a_wrong_value_of_a_field_with_a_default(
    bundle: Path, old: str, new: str, message: str
) -> None:
    change(bundle, old, new)
    with pytest.raises(BundleError, match=message):
        read_manifest(bundle)


def test_a_number_may_be_written_as_an_integer(bundle: Path) -> None:
    """As JavaScript writes 1.0."""
    change(bundle, '"crop_fraction": 1.0', '"crop_fraction": 1')
    assert read_manifest(bundle).preprocessing.crop_fraction == 1.0
