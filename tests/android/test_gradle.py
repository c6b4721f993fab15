"""What can be told of the build for Android Studio where Gradle cannot run."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest

from mobilevit.bundle import read_manifest
from mobilevit.embed import embed
from tests.mobilevit.test_embed import make_bundle

REPOSITORY = Path(__file__).parents[2]
DEMO = REPOSITORY / "android_demo"
SCRIPTS = [DEMO / "settings.gradle.kts", *DEMO.glob("**/build.gradle.kts")]
CATALOG = tomllib.loads((DEMO / "gradle" / "libs.versions.toml").read_text(encoding="utf-8"))
# a library that a phone has under another name, and CI from another place
SAME_AS = {"com.microsoft.onnxruntime:onnxruntime-android": "com.microsoft.onnxruntime:onnxruntime"}
POM = "{http://maven.apache.org/POM/4.0.0}"


def pom_versions() -> dict[str, str]:
    """`group:artifact` -> version, of everything that CI is made of."""
    root = ElementTree.parse(DEMO / "ci" / "pom.xml").getroot()
    properties = {
        element.tag.removeprefix(POM): element.text or ""
        for element in root.find(f"{POM}properties") or ()
    }
    versions = {}
    for dependency in root.iter(f"{POM}dependency"):
        group, artifact, version = (
            dependency.findtext(f"{POM}{part}", "") for part in ("groupId", "artifactId", "version")
        )
        versions[f"{group}:{artifact}"] = properties[version[2:-1]]
    return versions


def catalog_versions() -> dict[str, str]:
    versions = CATALOG["versions"]
    return {
        entry["module"]: versions[entry["version"]["ref"]]
        for entry in CATALOG["libraries"].values()
    }


def code(script: Path) -> str:
    return re.sub(r"//.*", "", script.read_text(encoding="utf-8"))


def test_libraries_are_of_the_versions_that_ci_has() -> None:
    here, there = catalog_versions(), pom_versions()
    shared = {module for module in here if SAME_AS.get(module, module) in there}
    assert {SAME_AS.get(module, module) for module in shared} >= {
        "com.microsoft.onnxruntime:onnxruntime",
        "junit:junit",
    }
    for module in shared:
        assert here[module] == there[SAME_AS.get(module, module)], module
    assert CATALOG["versions"]["kotlin"] == there["org.jetbrains.kotlin:kotlin-compiler-embeddable"]
    assert here["org.bytedeco:tensorflow-lite-platform"] == there["org.bytedeco:tensorflow-lite"]


def test_scripts_use_what_the_catalog_has() -> None:
    aliases = {alias.replace("-", ".") for alias in CATALOG["libraries"]}
    plugins = {alias.replace("-", ".") for alias in CATALOG["plugins"]}
    used: set[str] = set()
    for script in SCRIPTS:
        used |= set(re.findall(r"\blibs\.([\w.]+)", code(script)))
    assert {
        name.removeprefix("plugins.") for name in used if name.startswith("plugins.")
    } == plugins
    assert {name for name in used if not name.startswith("plugins.")} == aliases


def test_modules_and_folders_are_there() -> None:
    modules = re.findall(r'include\(":([\w:]+)"\)', code(DEMO / "settings.gradle.kts"))
    assert sorted(modules) == ["app", "sdk", "sdk:jvm"]
    for module in modules:
        folder = DEMO / module.replace(":", "/")
        script = code(folder / "build.gradle.kts")
        named = re.findall(r'"((?:\.\./)*(?:\w+/)*src/\w+/kotlin)"', script)
        named += re.findall(r'(?:Files|consumer)\w*\(?\s*"([\w-]+\.pro)"', script)
        assert module == "app" or named
        assert [name for name in named if not (folder / name).exists()] == []


def test_nothing_comes_from_an_address_but_gradle() -> None:
    addresses = set()
    files = [*SCRIPTS, DEMO / "gradle.properties", DEMO / "gradle/libs.versions.toml"]
    for file in [*files, DEMO / "gradle/wrapper/gradle-wrapper.properties"]:
        addresses |= set(re.findall(r"https?\S+", file.read_text(encoding="utf-8")))
    assert len(addresses) == 1
    assert re.fullmatch(
        r"https\\://services\.gradle\.org/distributions/gradle-9\.\d+\.\d+-bin\.zip",
        addresses.pop(),
    )
    repositories = re.findall(r"repositories \{([^}]*)\}", code(DEMO / "settings.gradle.kts"))
    assert [block.split() for block in repositories] == [["google()", "mavenCentral()"]] * 2


def test_versions_are_those_of_the_sdk() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    settings = dict(re.findall(r"(\w+) = \"?([\w.]+)\"?", code(DEMO / "app/build.gradle.kts")))
    assert settings["versionName"] == project["project"]["version"]
    assert (settings["minSdk"], settings["targetSdk"]) == ("26", "35")
    assert f"minSdk = {settings['minSdk']}" in code(DEMO / "sdk/build.gradle.kts")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """As it is committed: what Git knows or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", DEMO],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (REPOSITORY / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(REPOSITORY / name, tmp_path / name)
    return tmp_path / "android_demo"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    names = (
        f"m_{precision}.{kind}" for precision in ("fp32", "fp16") for kind in ("onnx", "tflite")
    )
    return make_bundle(tmp_path, *names)


def test_embed_finds_the_app(project: Path, bundle: Path) -> None:
    embedded = embed(bundle, project)
    assert (embedded.platform, embedded.module, embedded.steps) == ("android", "app", ())
    [artifact] = read_manifest(project / "app/src/main/assets/mobilevit").artifacts
    assert artifact.file == "m_fp16.tflite"
    assert embed(bundle, project, artifacts=["m_fp32.onnx"]).steps == ()  # it is stored as it is
    ignored = (project / ".gitignore").read_text(encoding="utf-8").split()
    assert "assets/mobilevit/" in ignored


def test_without_the_app_the_library_is_what_is_found(project: Path, bundle: Path) -> None:
    shutil.rmtree(project / "app")
    assert embed(bundle, project).module == "sdk"
