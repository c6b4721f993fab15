"""The packages that `make -C android_demo/ci apk` makes of the demo."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile

import pytest

from mobilevit.bundle import read_manifest
from mobilevit.check import check_bundle
from mobilevit.errors import BundleError
from tests.android.apk import (
    ABIS,
    PAGE,
    TOOLS,
    Dex,
    components,
    load_alignment,
    output,
    read_dex,
    unaligned,
)

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "android_demo" / "build"
APKS = {variant: BUILD / "apk" / f"{variant}.apk" for variant in ("debug", "release")}
MISSING = [tool for tool in TOOLS if not shutil.which(tool)] + [
    str(apk.relative_to(ROOT)) for apk in APKS.values() if not apk.is_file()
]
pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"{', '.join(MISSING)}: `make test-android` has it"
)


@pytest.fixture(params=APKS)
def apk(request: pytest.FixtureRequest) -> Path:
    return APKS[request.param]


@pytest.fixture(scope="module")
def dexes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Dex]:
    folder = tmp_path_factory.mktemp("dex")
    found = {}
    for variant, apk in APKS.items():
        with ZipFile(apk) as archive:
            found[variant] = read_dex(Path(archive.extract("classes.dex", folder / variant)))
    return found


@pytest.fixture(scope="module")
def with_lambda(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dex of one class with a lambda that nothing made plain code of."""
    folder = tmp_path_factory.mktemp("lambda")
    source = folder / "Shout.java"
    source.write_text("class Shout { Runnable make() { return () -> System.out.println(); } }")
    output("javac", "--release", "8", "-Xlint:-options", "-d", folder, source)
    r8 = (BUILD / "classpath" / "r8").read_text().strip()
    d8 = ("java", "-cp", r8, "com.android.tools.r8.D8", "--no-desugaring", "--min-api", "26")
    output(*d8, "--output", folder, folder / "Shout.class")
    return folder / "classes.dex"


@pytest.fixture
def embedded(apk: Path, tmp_path: Path) -> Path:
    """The bundle in the package's assets."""
    with ZipFile(apk) as archive:
        for name in archive.namelist():
            if name.startswith("assets/mobilevit/"):
                archive.extract(name, tmp_path)
    return tmp_path / "assets" / "mobilevit"


def test_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = {}
    for variant, apk in APKS.items():
        with ZipFile(apk) as archive:
            parts = {"dex": 0, "native libraries": 0, "bundle": 0}
            for entry in archive.infolist():
                for part, start in zip(parts, ("classes", "lib/", "assets/mobilevit"), strict=True):
                    if entry.filename.startswith(start):
                        parts[part] += entry.compress_size
        sizes[variant] = apk.stat().st_size
        text = ", ".join(f"{part} {size / 1e6:.2f}" for part, size in parts.items())
        with capsys.disabled():
            print(f"\n{variant}.apk: {sizes[variant] / 1e6:.1f} MB ({text})", end="")
        if variant == "release":
            assert parts["dex"] < 1e6
    assert sizes["release"] < sizes["debug"]


def test_what_it_says_of_itself(apk: Path) -> None:
    badging = output("aapt2", "dump", "badging", apk)
    assert re.search(r"^package: name='org\.mobilevit\.demo' ", badging, re.M)
    assert re.search(r"^sdkVersion:'26'$", badging, re.M)
    assert re.search(r"^targetSdkVersion:'35'$", badging, re.M)
    assert (
        len(re.findall(r"^launchable-activity: name='org\.mobilevit\.demo\.\w+'", badging, re.M))
        == 1
    )
    permissions = re.findall(r"^uses-permission: name='(.*?)'", badging, re.M)
    assert permissions == ["android.permission.CAMERA"]
    assert not re.findall(r"^\s*uses-feature: name='(android\.hardware\.camera.*?)'", badging, re.M)
    assert ("application-debuggable" in badging) == (apk.stem == "debug")
    native = re.search(r"^native-code: (.*)$", badging, re.M)
    assert native and tuple(native[1].replace("'", "").split()) == ABIS


def test_the_signature(apk: Path, tmp_path: Path) -> None:
    shown = output("apksigner", "verify", "--verbose", apk)
    assert "Verified using v2 scheme (APK Signature Scheme v2): true" in shown
    assert "Verified using v3 scheme (APK Signature Scheme v3): true" in shown
    content = bytearray(apk.read_bytes())
    content[content.index(b"classes.dex") + 4096] ^= 1
    changed = tmp_path / "changed.apk"
    changed.write_bytes(content)
    done = subprocess.run(["apksigner", "verify", changed], capture_output=True, check=False)
    assert done.returncode != 0


def test_one_dex_without_invoke_custom(dexes: dict[str, Dex], with_lambda: Path) -> None:
    for variant, apk in APKS.items():
        with ZipFile(apk) as archive:
            names = [name for name in archive.namelist() if name.endswith(".dex")]
        assert names == ["classes.dex"]
        assert not dexes[variant].invokes_custom
    assert read_dex(with_lambda).invokes_custom


def test_what_the_manifest_names_is_there(
    apk: Path, dexes: dict[str, Dex], with_lambda: Path
) -> None:
    named = components(apk)
    assert named["instrumentation"] == ["org.mobilevit.demo.BenchmarkInstrumentation"]
    assert named["activity"]
    classes = {name for names in named.values() for name in names}
    assert classes <= dexes[apk.stem].classes
    assert not classes <= read_dex(with_lambda).classes


@pytest.mark.parametrize("library", ["archives/litert.jar", "apk/onnxruntime.jar"])
def test_r8_keeps_what_native_code_reaches(
    library: str, dexes: dict[str, Dex], with_lambda: Path
) -> None:
    debug, release = dexes["debug"], dexes["release"]
    with ZipFile(BUILD / library) as jar:
        names = [name for name in jar.namelist() if name.endswith(".class")]
    classes = {name.removesuffix(".class").replace("/", ".") for name in names}
    methods = {name for name in debug.natives if name.rsplit(".", 1)[0] in classes}
    assert classes and methods
    assert classes <= release.classes
    assert methods <= release.natives
    assert not classes & read_dex(with_lambda).classes
    assert len(release.classes) < len(debug.classes) / 2


def test_the_bundle_is_whole(apk: Path, embedded: Path) -> None:
    manifest = read_manifest(embedded)
    [artifact] = manifest.artifacts
    assert artifact.file.endswith(".tflite") and artifact.precision == "fp16"
    assert [check for check in check_bundle(embedded) if check.faults] == []
    file = embedded / artifact.file
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    [fault] = [check for check in check_bundle(embedded) if check.what == "hash" and check.faults]
    assert fault.subject == artifact.file
    (embedded / "manifest.json").write_text("{}")
    with pytest.raises(BundleError):
        read_manifest(embedded)


def test_what_is_mapped_is_stored_and_aligned(apk: Path, tmp_path: Path) -> None:
    with ZipFile(apk) as archive:
        stored = [e.filename for e in archive.infolist() if e.compress_type == ZIP_STORED]
        mapped = [name for name in archive.namelist() if name.endswith((".tflite", ".onnx", ".so"))]
        assert set(mapped) <= set(stored)
        assert unaligned(apk) == []
        careless = tmp_path / "careless.apk"
        with ZipFile(careless, "w") as copy:
            for name in mapped:
                copy.writestr(name, archive.read(name), ZIP_STORED)
    assert unaligned(careless) == mapped
    output("zipalign", "-c", str(PAGE), apk)


def test_pages_that_the_native_libraries_are_made_for(apk: Path) -> None:
    """Those of Maven Central are for pages of 4 KB, two of them on 32 bits apart: a phone with
    pages of 16 KB needs those of Google's Maven, as Gradle takes them."""
    with ZipFile(apk) as archive:
        libraries = [name for name in archive.namelist() if name.startswith("lib/")]
        measured = {name: load_alignment(archive.read(name)) for name in libraries}
    assert measured == {
        f"lib/{abi}/lib{name}.so": 4096
        for abi in ABIS
        for name in ("tensorflowlite_jni", "tensorflowlite_gpu_jni")
    }
