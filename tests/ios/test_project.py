"""The Xcode project and what lies beside it, as far as can be told where there is no Xcode."""

from __future__ import annotations

import json
import plistlib
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from pbxproj import XcodeProject
from PIL import Image

from mobilevit.embed import embed
from mobilevit.projects.pbxproj import read_targets
from mobilevit_benchmarks.devices.iphone import BUNDLE_ID
from tests.mobilevit.test_embed import make_bundle

REPOSITORY = Path(__file__).parents[2]
DEMO = REPOSITORY / "ios_demo"
APP = DEMO / "MobileViTDemo"
TESTS = DEMO / "MobileViTDemoTests"
PROJECT = "MobileViTDemo.xcodeproj"
SDK = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
MODEL = "MobileViT.bundle/mobilevit_xxs_fp16.mlpackage"


class Project:
    """Read by PyPI's `pbxproj`."""

    def __init__(self, folder: Path) -> None:
        self._project = XcodeProject.load(str(folder / PROJECT / "project.pbxproj"))
        self._folder = folder
        [self.root] = self.objects("PBXProject")
        self._paths = dict(self._walk(self.root.mainGroup, folder))

    def objects(self, kind: str) -> list[Any]:
        return list(self._project.objects.get_objects_in_section(kind))

    def __getitem__(self, identifier: str) -> Any:
        return self._project.objects[identifier]

    def _walk(self, identifier: str, folder: Path) -> Iterator[tuple[str, Path]]:
        item = self[identifier]
        if getattr(item, "sourceTree", None) == "BUILT_PRODUCTS_DIR":
            return
        path = folder / getattr(item, "path", "")
        if item.isa == "PBXGroup":
            for child in item.children:
                yield from self._walk(child, path)
        else:
            yield identifier, path

    @property
    def files(self) -> set[Path]:
        return set(self._paths.values())

    def target(self, name: str) -> Any:
        [target] = [t for t in self.objects("PBXNativeTarget") if t.name == name]
        return target

    def phase(self, target: str, kind: str) -> set[Path]:
        """What a phase lists, from the project's folder; products of packages by their names."""
        listed = set()
        for identifier in self.target(target).buildPhases:
            if self[identifier].isa != f"PBX{kind}BuildPhase":
                continue
            for file in map(self.__getitem__, self[identifier].files):
                if hasattr(file, "productRef"):
                    listed.add(Path(self[file.productRef].productName))
                else:
                    listed.add(self._paths[file.fileRef].relative_to(self._folder))
        return listed

    def settings(self, owner: Any, configuration: str) -> dict[str, str]:
        found = [self[c] for c in self[owner.buildConfigurationList].buildConfigurations]
        [chosen] = [c for c in found if c.name == configuration]
        return {key: chosen.buildSettings[key] for key in chosen.buildSettings.get_keys()}


@pytest.fixture(scope="module")
def project() -> Project:
    return Project(DEMO)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The demo without what it is built with, and without the bundle."""
    ignored = shutil.ignore_patterns("build", "Sources", "Tests", "MobileViT.bundle", "__pycache__")
    return shutil.copytree(DEMO, tmp_path / "ios_demo", ignore=ignored)


def generate(demo: Path, *options: str) -> subprocess.CompletedProcess[str]:
    script = demo / "ci" / "xcode_project.py"
    return subprocess.run([sys.executable, script, *options], capture_output=True, text=True)


def swift_files(folder: Path) -> set[Path]:
    return {path.relative_to(DEMO) for path in folder.rglob("*.swift")}


def test_project_is_what_the_script_makes() -> None:
    done = generate(DEMO, "--check")
    assert (done.returncode, done.stdout) == (0, ""), "run `make -C ios_demo/ci project`"


def test_a_new_file_is_noticed_and_listed(copy: Path) -> None:
    (copy / "MobileViTDemo" / "New").mkdir()
    (copy / "MobileViTDemo" / "New" / "Added.swift").write_text("struct Added {}\n")
    assert generate(copy, "--check").stdout == f"{PROJECT}/project.pbxproj differs\n"
    assert generate(copy, "--check").returncode == 1
    assert generate(copy).returncode == 0
    made = Project(copy)
    assert Path("MobileViTDemo/New/Added.swift") in made.phase("MobileViTDemo", "Sources")
    before = (copy / PROJECT / "project.pbxproj").read_bytes()
    assert generate(copy).stdout == ""
    assert (copy / PROJECT / "project.pbxproj").read_bytes() == before


def test_a_file_of_an_unknown_kind_is_refused(copy: Path) -> None:
    (copy / "MobileViTDemo" / "notes.docx").touch()
    done = generate(copy)
    assert done.returncode != 0
    assert "notes.docx` is of a kind that xcode_project.py does not know" in done.stderr


def test_every_source_is_in_its_target(project: Project) -> None:
    model = Path("MobileViTDemo") / MODEL
    assert project.phase("MobileViTDemo", "Sources") == swift_files(APP) | {model}
    assert project.phase("MobileViTDemoTests", "Sources") == swift_files(TESTS)
    assert swift_files(APP)
    assert swift_files(TESTS)


def test_no_listed_file_is_missing(project: Project) -> None:
    """But for the bundle, which `mobilevit embed` puts there."""
    bundle = APP / "MobileViT.bundle"
    missing = {p for p in project.files if not p.exists()}
    assert missing <= {bundle, APP / MODEL}
    assert {bundle, APP / MODEL} <= project.files


def test_resources(project: Project) -> None:
    listed = {path.as_posix() for path in project.phase("MobileViTDemo", "Resources")}
    names = ("Assets.xcassets", "MobileViT.bundle", "PrivacyInfo.xcprivacy")
    assert listed == {f"MobileViTDemo/{name}" for name in names}


def test_package_is_that_of_this_repository(project: Project) -> None:
    [reference] = project.root.packageReferences
    assert (DEMO / project[reference].relativePath).resolve() == REPOSITORY
    products = {path.name for path in project.phase("MobileViTDemo", "Frameworks")}
    manifest = (REPOSITORY / "Package.swift").read_text(encoding="utf-8")
    offered = set(re.findall(r'\.library\(name: "(\w+)"', manifest))
    imported = {
        name
        for file in swift_files(APP)
        for name in re.findall(r"^import (\w+)", (DEMO / file).read_text(), re.MULTILINE)
        if name.startswith("MobileViT")
    }
    assert imported <= products <= offered


def test_settings(project: Project) -> None:
    package = (REPOSITORY / "Package.swift").read_text(encoding="utf-8")
    for name in ("Debug", "Release"):
        shared = project.settings(project.root, name)
        assert shared["SWIFT_VERSION"] == "6.0"
        assert shared["SWIFT_STRICT_CONCURRENCY"] == "complete"
        assert shared["COREML_CODEGEN_LANGUAGE"] == "None"
        assert shared["MARKETING_VERSION"] == SDK["project"]["version"]
        version = shared["IPHONEOS_DEPLOYMENT_TARGET"]
        assert f".iOS(.v{version.removesuffix('.0')})" in package
        app = project.settings(project.target("MobileViTDemo"), name)
        assert app["PRODUCT_BUNDLE_IDENTIFIER"] == BUNDLE_ID
        assert (DEMO / app["INFOPLIST_FILE"]).is_file()
        for asset in ("APPICON", "GLOBAL_ACCENT_COLOR"):
            wanted = app[f"ASSETCATALOG_COMPILER_{asset}_NAME"]
            assert [p for p in (APP / "Assets.xcassets").iterdir() if p.stem == wanted]


def test_own_reader_sees_the_same(project: Project) -> None:
    app, tests = read_targets(DEMO / PROJECT)
    assert (app.name, tests.name) == ("MobileViTDemo", "MobileViTDemoTests")
    assert {p.relative_to(DEMO) for p in app.sources} == project.phase(app.name, "Sources")
    assert {p.relative_to(DEMO) for p in tests.sources} == project.phase(tests.name, "Sources")


def test_scheme_names_the_targets(project: Project) -> None:
    schemes = DEMO / PROJECT / "xcshareddata" / "xcschemes"
    scheme = ElementTree.parse(schemes / "MobileViTDemo.xcscheme").getroot()
    for reference in scheme.iter("BuildableReference"):
        target = project.target(reference.attrib["BlueprintName"])
        assert reference.attrib["BlueprintIdentifier"] == target.get_id()
        assert reference.attrib["BuildableName"] == project[target.productReference].path
        assert reference.attrib["ReferencedContainer"] == f"container:{PROJECT}"
    arguments = [a.attrib for a in scheme.iter("CommandLineArgument")]
    assert {a["isEnabled"] for a in arguments} == {"NO"}
    assert {a["argument"].split()[0] for a in arguments} == {"--describe", "--benchmark"}
    workspace = DEMO / PROJECT / "project.xcworkspace" / "contents.xcworkspacedata"
    assert [f.attrib["location"] for f in ElementTree.parse(workspace).iter("FileRef")] == ["self:"]


def test_info_plist() -> None:
    info = plistlib.loads((APP / "Info.plist").read_bytes())
    assert info["NSCameraUsageDescription"]
    [url_type] = info["CFBundleURLTypes"]
    assert url_type["CFBundleURLSchemes"] == ["mobilevit-demo"]
    # the host reads and writes Documents, and Files shows it
    assert info["UIFileSharingEnabled"] is info["LSSupportsOpeningDocumentsInPlace"] is True
    assert "UILaunchScreen" in info
    assert "UIInterfaceOrientationPortrait" in info["UISupportedInterfaceOrientations"]
    assert len(info["UISupportedInterfaceOrientations~ipad"]) == 4


# "required reason" API, as Apple's article on privacy manifests lists it
REASONS = {
    "FileTimestamp": r"\b(creationDate|modificationDate|fileModificationDate"
    r"|contentModificationDateKey|creationDateKey|getattrlist\w*|fstat(at)?|lstat)\b|\bstat\(",
    "SystemBootTime": r"\b(systemUptime|mach_absolute_time)\b",
    "DiskSpace": r"\b(volumeAvailableCapacity\w*|systemFreeSize|systemSize|f?statv?fs)\b"
    r"|\bvolumeTotalCapacityKey\b",
    "ActiveKeyboards": r"\bactiveInputModes\b",
    "UserDefaults": r"\b(UserDefaults|AppStorage|SceneStorage)\b",
}


def required_reasons(code: str) -> set[str]:
    return {name for name, used in REASONS.items() if re.search(used, code)}


def test_privacy_manifest_names_what_the_sources_use() -> None:
    manifest = plistlib.loads((APP / "PrivacyInfo.xcprivacy").read_bytes())
    assert manifest["NSPrivacyTracking"] is False
    assert manifest["NSPrivacyTrackingDomains"] == manifest["NSPrivacyCollectedDataTypes"] == []
    declared = {
        entry["NSPrivacyAccessedAPIType"].removeprefix("NSPrivacyAccessedAPICategory"): entry[
            "NSPrivacyAccessedAPITypeReasons"
        ]
        for entry in manifest["NSPrivacyAccessedAPITypes"]
    }
    assert all(declared.values())
    folders = [APP, *(DEMO / "Sources" / f"MobileViT{n}" for n in ("Core", "Kit", "DemoModel"))]
    used = {
        name
        for folder in folders
        for file in folder.rglob("*.swift")
        for name in required_reasons(re.sub(r"//.*", "", file.read_text(encoding="utf-8")))
    }
    assert used == declared.keys()


def test_a_use_of_such_api_is_seen() -> None:
    assert required_reasons("let at = ProcessInfo.processInfo.systemUptime") == {"SystemBootTime"}
    assert required_reasons("@AppStorage(key) var seen = false") == {"UserDefaults"}
    assert required_reasons("let size = attributes[.size]; let status = 1") == set()


def test_assets() -> None:
    for file in (APP / "Assets.xcassets").rglob("Contents.json"):
        contents = json.loads(file.read_text(encoding="utf-8"))
        assert contents["info"]["version"] == 1
        for image in contents.get("images", []):
            assert (file.parent / image["filename"]).is_file()
    with Image.open(APP / "Assets.xcassets/AppIcon.appiconset/AppIcon.png") as icon:
        assert (icon.size, icon.mode) == ((1024, 1024), "RGB")  # the App Store refuses alpha


def test_embed_leaves_nothing_to_do(copy: Path, tmp_path: Path) -> None:
    names = ("mobilevit_xxs_fp32.mlpackage", "mobilevit_xxs_fp16.mlpackage")
    done = embed(make_bundle(tmp_path / "made", *names), copy)
    assert done.module == f"{PROJECT}/MobileViTDemo"
    assert done.steps == ()
    assert (copy / "MobileViTDemo" / MODEL).is_dir()
    assert (copy / "MobileViTDemo" / "MobileViT.bundle" / "manifest.json").is_file()
    assert generate(copy, "--check").returncode == 0  # the bundle was listed before it was there
    assert {p for p in Project(copy).files if not p.exists()} == set()


def test_git_ignores_what_embed_puts_there() -> None:
    asked = ["git", "check-ignore", "--quiet", str(APP / MODEL)]
    assert subprocess.run(asked, cwd=REPOSITORY, check=False).returncode == 0
