"""A bundle goes where the project expects it, whole or not at all, and nothing else is touched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mobilevit.bundle import hash_artifact, read_manifest
from mobilevit.check import check_bundle
from mobilevit.cli import app as cli
from mobilevit.embed import embed
from mobilevit.errors import BundleError, InputError
from mobilevit.projects.pbxproj import read_targets
from tests.hostile.cases import fake_bundle, sign

ASSETS = Path("src/main/assets/mobilevit")

KOTLIN_ROOT = """\
plugins {
    alias(libs.plugins.android.application) apply false
    alias(libs.plugins.androidLibrary) apply false
}
"""
CATALOG = """\
[versions]
agp = "8.7.0"
[plugins]
android-application = { id = "com.android.application", version.ref = "agp" }
androidLibrary = "com.android.library:8.7.0"
app-of-ours = { id = "com.android.application", version.ref = "agp" }
"""
KOTLIN_APP = """\
plugins {
    alias(libs.plugins.android.application)
}
android {
    namespace = "com.example.demo"
}
"""
GROOVY_APP = """\
// apply plugin: 'com.android.library'
apply plugin: 'com.android.application'
android {
    namespace 'com.example.demo'
}
"""


def make_bundle(folder: Path, *names: str) -> Path:
    """A bundle with these artifacts; `m_fp16.tflite` is one of format tflite and precision fp16."""
    folder.mkdir(exist_ok=True)
    bundle = fake_bundle(folder)
    manifest = json.loads((bundle / "manifest.json").read_text())
    [record] = manifest["artifacts"]
    (bundle / record["file"]).unlink()
    manifest["artifacts"] = []
    for name in names:
        path = bundle / name
        precision, format = path.stem.rsplit("_", 1)[-1], path.suffix[1:]
        inner = path / "Data" / "model" if format == "mlpackage" else path
        inner.parent.mkdir(parents=True, exist_ok=True)
        inner.write_bytes(name.encode())
        digest, size = hash_artifact(path)
        entry = {"file": name, "format": format, "precision": precision}
        manifest["artifacts"].append({**record, **entry, "sha256": digest, "size": size})
    sign(bundle, manifest)
    return bundle


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    kinds = ("onnx", "tflite", "mlpackage", "mlmodel")
    return make_bundle(tmp_path, *(f"m_{p}.{kind}" for kind in kinds for p in ("fp32", "fp16")))


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def kotlin_project(root: Path) -> Path:
    return write(
        root,
        {
            "settings.gradle.kts": 'include(":app", ":core")',
            "build.gradle.kts": KOTLIN_ROOT,
            "gradle/libs.versions.toml": CATALOG,
            "app/build.gradle.kts": KOTLIN_APP,
            "app/src/main/AndroidManifest.xml": "<manifest/>",
            "core/build.gradle.kts": "plugins { alias(libs.plugins.androidLibrary) }",
            "core/src/main/AndroidManifest.xml": "<manifest/>",
            "server/build.gradle.kts": 'plugins { id("java-library") }',
        },
    )


def groovy_project(root: Path) -> Path:
    return write(
        root,
        {
            "settings.gradle": "include ':app'",
            "build.gradle": "plugins { id 'com.android.application' version '8.7.0' apply false }",
            "app/build.gradle": GROOVY_APP,
        },
    )


def pbxproj(objects: str, targets: str = "T1", groups: str = "G1") -> str:
    return f"""// !$*UTF8*$!
{{
	archiveVersion = 1;
	objectVersion = 77;
	objects = {{
		P1 /* Project object */ = {{isa = PBXProject; mainGroup = G0; targets = ({targets}, ); }};
		G0 = {{isa = PBXGroup; children = ({groups}, ); sourceTree = "<group>"; }};
{objects}
	}};
	rootObject = P1 /* Project object */;
}}
"""


APP_TARGET = """
		T1 /* Demo */ = {isa = PBXNativeTarget; name = Demo;
			buildPhases = (B1 /* Sources */, B2 /* Resources */, );
			productType = "com.apple.product-type.application"; };
		T2 = {isa = PBXNativeTarget; name = DemoTests;
			productType = "com.apple.product-type.bundle.unit-test"; };
		B1 = {isa = PBXSourcesBuildPhase; files = (F1, ); };
		F1 /* AppDelegate.swift in Sources */ = {isa = PBXBuildFile; fileRef = R1; };
		R1 = {isa = PBXFileReference; path = AppDelegate.swift; sourceTree = "<group>"; };
"""
GROUPED = (
    APP_TARGET
    + """
		G1 = {isa = PBXGroup; children = (R1, V1, ); path = %s; sourceTree = "<group>"; };
		V1 = {isa = PBXVariantGroup; name = Main.storyboard; children = (R3, );
			sourceTree = "<group>"; };
		R3 = {isa = PBXFileReference; path = Base.lproj/Main.storyboard; sourceTree = "<group>"; };
		F3 = {isa = PBXBuildFile; fileRef = V1; };
		B2 = {isa = PBXResourcesBuildPhase; files = (F3, ); };
"""
)
LISTED = (
    APP_TARGET
    + """
		G1 = {isa = PBXGroup; children = (R1, R2, ); path = Demo; sourceTree = "<group>"; };
		R2 = {isa = PBXFileReference; lastKnownFileType = "wrapper.plug-in";
			path = "MobileViT.bundle"; sourceTree = "<group>"; };
		F2 = {isa = PBXBuildFile; fileRef = R2; };
		B2 = {isa = PBXResourcesBuildPhase; files = (F2, ); };
"""
)
SYNCHRONIZED = """
		T1 = {isa = PBXNativeTarget; name = Demo; fileSystemSynchronizedGroups = (G1, );
			productType = "com.apple.product-type.application"; };
		T2 = {isa = PBXNativeTarget; name = DemoUITests;
			productType = "com.apple.product-type.bundle.ui-testing"; };
		G1 = {isa = PBXFileSystemSynchronizedRootGroup; path = Demo; sourceTree = "<group>";
			exceptions = (E1, ); };
		E1 = {isa = PBXFileSystemSynchronizedBuildFileExceptionSet; target = T1;
			membershipExceptions = (%s, ); };
"""


def xcode_project(root: Path, text: str, folder: str = "Demo") -> Path:
    return write(
        root,
        {
            "Demo.xcodeproj/project.pbxproj": text,
            "Demo.xcworkspace/contents.xcworkspacedata": "<Workspace/>",
            "Pods/Pods.xcodeproj/project.pbxproj": "not to be read",
            f"{folder}/AppDelegate.swift": "",
        },
    )


def tree(folder: Path) -> dict[str, tuple[bytes, int, int]]:
    return {
        path.relative_to(folder).as_posix(): (
            path.read_bytes() if path.is_file() else b"",
            path.stat().st_mtime_ns,
            path.stat().st_mode,
        )
        for path in sorted(folder.rglob("*"))
    }


# what is put there


def test_what_is_put_there_is_a_bundle(bundle: Path, tmp_path: Path) -> None:
    project = kotlin_project(tmp_path / "project")
    before = tree(project)
    result = embed(bundle, project)
    folder = project / "app" / ASSETS
    assert (result.folder, result.module, result.change) == (str(folder), "app", "written")
    checks = check_bundle(folder)
    kept = {"hash", "labels", "preprocessing"}  # its artifact is garbage
    assert {check.what for check in checks} >= kept
    assert not [check for check in checks if check.what in kept and check.faults]
    assert [record.file for record in read_manifest(folder).artifacts] == ["m_fp16.tflite"]
    golden = {"golden", "golden/0.pixels.png", "golden/0.png"}
    assert set(tree(folder)) == golden | {"labels.txt", "m_fp16.tflite", "manifest.json"}
    original = read_manifest(bundle)
    changed = {"artifacts", "digest"}
    copy = read_manifest(folder).model_dump(exclude=changed)
    assert copy == original.model_dump(exclude=changed)
    # nothing else was touched
    after = tree(project)
    made_in = "app/src/main"  # whose time of change therefore differs
    assert all(after[name] == before[name] for name in before if name != made_in)
    assert all(name.startswith("app/src/main/assets") for name in after.keys() - before.keys())


def test_a_second_time_changes_nothing(bundle: Path, tmp_path: Path) -> None:
    for project in (
        kotlin_project(tmp_path / "android"),
        xcode_project(tmp_path / "ios", pbxproj(SYNCHRONIZED % "Info.plist")),
    ):
        first = embed(bundle, project)
        before = tree(project)
        again = embed(bundle, project)
        assert again.change == "already there"
        assert tree(project) == before
        assert (again.files, again.size) == (first.files, first.size)


def test_another_artifact_leaves_nothing_of_the_first(bundle: Path, tmp_path: Path) -> None:
    project = kotlin_project(tmp_path / "project")
    embed(bundle, project)
    result = embed(bundle, project, artifacts=["m_fp32.onnx"])
    folder = project / "app" / ASSETS
    assert result.change == "replaced"
    assert {path.suffix for path in folder.glob("m_*")} == {".onnx"}
    assert not [path.name for path in folder.parent.iterdir() if path.name.startswith(".")]


def test_several_artifacts_come_in_the_manifests_order(bundle: Path, tmp_path: Path) -> None:
    project = kotlin_project(tmp_path / "project")
    named = ["m_fp16.tflite", "m_fp32.onnx", "m_fp16.tflite"]
    result = embed(bundle, project, artifacts=named)
    assert list(result.artifacts) == ["m_fp32.onnx", "m_fp16.tflite"]
    assert embed(bundle, project, artifacts=named).change == "already there"


def test_a_damaged_copy_is_put_right(bundle: Path, tmp_path: Path) -> None:
    project = kotlin_project(tmp_path / "project")
    embed(bundle, project)
    folder = project / "app" / ASSETS
    for damage in (
        lambda: (folder / "m_fp16.tflite").write_bytes(b"x"),
        lambda: (folder / "golden" / "0.png").unlink(),
    ):
        damage()
        assert embed(bundle, project).change == "replaced"
        assert not [c for c in check_bundle(folder) if c.what == "hash" and c.faults]


@pytest.mark.parametrize(
    "file", ["m_fp16.tflite", "labels.txt", "golden/0.png", "golden/0.pixels.png", "manifest.json"]
)
def test_a_changed_source_is_refused(bundle: Path, tmp_path: Path, file: str) -> None:
    project = kotlin_project(tmp_path / "project")
    content = bytearray((bundle / file).read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / file).write_bytes(content)
    before = tree(project)
    with pytest.raises(BundleError):
        embed(bundle, project)
    assert tree(project) == before


def test_a_change_in_what_is_not_copied_does_not_matter(bundle: Path, tmp_path: Path) -> None:
    """Control of the test above."""
    (bundle / "m_fp32.mlmodel").write_bytes(b"x")
    assert embed(bundle, kotlin_project(tmp_path / "project")).change == "written"


def test_rights_of_others_folders_are_not_copied(bundle: Path, tmp_path: Path) -> None:
    """coremltools leaves folders that only their owner can enter."""
    (bundle / "m_fp16.mlpackage" / "Data").chmod(0o700)
    (bundle / "m_fp16.mlpackage" / "Data" / "model").chmod(0o600)
    project = xcode_project(tmp_path / "ios", pbxproj(SYNCHRONIZED % "Info.plist"))
    copy = Path(embed(bundle, project).folder) / "m_fp16.mlpackage" / "Data"
    assert copy.stat().st_mode & 0o055 == 0o055
    assert (copy / "model").stat().st_mode & 0o044 == 0o044


def test_what_is_not_ours_stays(bundle: Path, tmp_path: Path) -> None:
    project = kotlin_project(tmp_path / "project")
    folder = project / "app" / ASSETS
    write(folder, {"thesis.txt": "years of work"})
    with pytest.raises(InputError, match="is taken, and not by a bundle"):
        embed(bundle, project)
    (folder / "thesis.txt").unlink()
    embed(bundle, project)  # into the empty folder
    write(folder, {"thesis.txt": "years of work", ".DS_Store": ""})
    with pytest.raises(InputError, match=r"thesis.txt` is not a file of the bundle"):
        embed(bundle, project)
    (folder / "thesis.txt").unlink()
    assert embed(bundle, project).change == "already there"


def test_links_may_not_lead_out(bundle: Path, tmp_path: Path) -> None:
    project = kotlin_project(tmp_path / "project")
    (tmp_path / "elsewhere").mkdir()
    link = project / "app" / "src" / "main" / "assets"
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="is outside"):
        embed(bundle, project)
    assert not list((tmp_path / "elsewhere").iterdir())
    link.unlink()
    link.symlink_to(link)
    with pytest.raises(InputError, match="in a circle"):
        embed(bundle, project)
    link.unlink()
    (project / "shared").mkdir()
    link.symlink_to(project / "shared")  # within the project
    embed(bundle, project)
    assert (project / "shared" / "mobilevit" / "manifest.json").exists()
    (tmp_path / "alias").symlink_to(project)  # the project itself behind a link
    assert embed(bundle, tmp_path / "alias").change == "already there"


# which artifact

SIBLING = {"file": "m_fp32.tflite", "runtime": "litert", "runtime_version": "1", "machine": "m"}
SIBLING |= {"speedup": 0.5, "low": 0.4, "high": 0.6}


@pytest.mark.parametrize(
    ("names", "android", "ios"),
    [
        (("m_fp32.tflite", "m_fp16.tflite"), "m_fp16.tflite", None),
        (("m_fp32.onnx", "m_fp32.tflite"), "m_fp32.tflite", None),
        (("m_fp16.onnx", "m_fp32.onnx"), "m_fp32.onnx", None),
        (("m_fp32.mlpackage", "m_fp16.mlmodel"), None, "m_fp32.mlpackage"),
        (("m_fp32.mlmodel", "m_fp16.mlmodel"), None, "m_fp16.mlmodel"),
        (("m_fp16.mlpackage", "m_fp32.mlpackage"), None, "m_fp16.mlpackage"),
    ],
)
def test_the_artifact_a_platform_prefers(
    tmp_path: Path, names: tuple[str, ...], android: str | None, ios: str | None
) -> None:
    bundle = make_bundle(tmp_path, *names)
    projects = (
        (android, kotlin_project(tmp_path / "android")),
        (ios, xcode_project(tmp_path / "ios", pbxproj(SYNCHRONIZED % "Info.plist"))),
    )
    for expected, project in projects:
        if expected is None:
            with pytest.raises(InputError, match="takes by default"):
                embed(bundle, project)
        else:
            assert list(embed(bundle, project).artifacts) == [expected]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"a_fp16.tflite": {"layout": "neural-engine"}}, "b_fp16.tflite"),
        ({"a_fp16.tflite": {"faults": ["slower"]}}, "b_fp16.tflite"),
        ({f"{n}_fp16.tflite": {"faults": ["slower"]} for n in "ab"}, "m_fp32.tflite"),
        ({"m_fp32.tflite": {"layout": "neural-engine"}}, "a_fp16.tflite"),
    ],
)
def test_a_plain_graph_and_one_without_a_fault_come_first(
    tmp_path: Path, changes: dict[str, dict[str, object]], expected: str
) -> None:
    bundle = make_bundle(
        tmp_path, "m_int8.tflite", "m_fp32.tflite", "a_fp16.tflite", "b_fp16.tflite"
    )
    manifest = json.loads((bundle / "manifest.json").read_text())
    for artifact in manifest["artifacts"]:
        change = changes.get(artifact["file"], {})
        if "faults" in change:
            change = {"sibling": {**SIBLING, **change}}
        artifact |= change
    sign(bundle, manifest)
    assert list(embed(bundle, kotlin_project(tmp_path / "app")).artifacts) == [expected]


def test_an_artifact_the_platform_cannot_open(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing on Android opens `m_fp16.mlpackage`"):
        embed(bundle, kotlin_project(tmp_path / "android"), artifacts=["m_fp16.mlpackage"])


# Android


def test_android_modules(bundle: Path, tmp_path: Path) -> None:
    project = kotlin_project(tmp_path / "project")
    assert embed(bundle, project).module == "app"
    assert embed(bundle, project / "app").change == "already there"
    for name in ("core", ":core"):
        assert embed(bundle, project, module=name).folder == str(project / "core" / ASSETS)
    with pytest.raises(InputError, match="unknown module `sever`"):
        embed(bundle, project, module="sever")
    write(project, {"wear/build.gradle.kts": "plugins { alias(libs.plugins.app.of.ours) }"})
    with pytest.raises(InputError, match="`app`, `wear`"):
        embed(bundle, project)
    assert embed(bundle, project, module="wear").change == "written"


def test_a_module_that_only_its_manifest_tells(bundle: Path, tmp_path: Path) -> None:
    convention = 'plugins { id("example.app") }'
    files = {"app/build.gradle.kts": convention, "app/src/main/AndroidManifest.xml": "<manifest/>"}
    assert embed(bundle, write(tmp_path / "project", files)).module == "app"


def test_groovy_and_commented_plugins(bundle: Path, tmp_path: Path) -> None:
    project = groovy_project(tmp_path / "project")
    assert embed(bundle, project).module == "app"
    script = "// id 'com.android.application'\n/* id 'com.android.application' */"
    write(project, {"app/build.gradle": script})
    with pytest.raises(InputError, match="has no Android or iOS project"):
        embed(bundle, project)


def test_the_line_that_keeps_onnx_unpacked(bundle: Path, tmp_path: Path) -> None:
    kotlin = kotlin_project(tmp_path / "kotlin")
    assert not embed(bundle, kotlin).steps  # Gradle keeps tflite as it is by itself
    onnx = ["m_fp32.onnx"]
    [step] = embed(bundle, kotlin, artifacts=onnx).steps
    assert "`app/build.gradle.kts`" in step
    assert 'androidResources { noCompress += "onnx" }' in step
    [step] = embed(bundle, groovy_project(tmp_path / "groovy"), artifacts=onnx).steps
    assert "androidResources { noCompress.add('onnx') }" in step
    [step] = embed(bundle, kotlin, module="core", artifacts=onnx).steps
    assert "script of the application" in step
    line = '    androidResources { noCompress += "onnx" }\n}'
    write(kotlin, {"app/build.gradle.kts": KOTLIN_APP.rstrip().removesuffix("}") + line})
    assert not embed(bundle, kotlin, artifacts=onnx).steps


# iOS


def test_synchronized_folders_need_no_step(bundle: Path, tmp_path: Path) -> None:
    project = xcode_project(tmp_path / "ios", pbxproj(SYNCHRONIZED % "Info.plist", "T1, T2"))
    result = embed(bundle, project)
    assert result.folder == str(project / "Demo" / "MobileViT.bundle")
    assert (result.platform, result.module, result.steps) == ("ios", "Demo.xcodeproj/Demo", ())
    excluded = pbxproj(SYNCHRONIZED % '"MobileViT.bundle"')
    write(project, {"Demo.xcodeproj/project.pbxproj": excluded})
    assert embed(bundle, project).steps


def test_groups_need_one_step_until_the_bundle_is_listed(bundle: Path, tmp_path: Path) -> None:
    project = xcode_project(tmp_path / "ios", pbxproj(GROUPED % "Demo", "T1, T2"))
    result = embed(bundle, project)
    assert result.folder == str(project / "Demo" / "MobileViT.bundle")
    [step] = result.steps
    assert "drag `MobileViT.bundle` into `Demo.xcodeproj`" in step
    write(project, {"Demo.xcodeproj/project.pbxproj": pbxproj(LISTED)})
    assert not embed(bundle, project).steps


def test_a_folder_with_another_name_is_found_by_its_sources(bundle: Path, tmp_path: Path) -> None:
    text = pbxproj(GROUPED % '"Source Code"')
    project = xcode_project(tmp_path / "ios", text, folder="Source Code")
    assert embed(bundle, project).folder == str(project / "Source Code" / "MobileViT.bundle")


def test_several_targets(bundle: Path, tmp_path: Path) -> None:
    library = 'T3 = {isa = PBXNativeTarget; name = Kit; productType = "com.apple.framework"; };'
    project = xcode_project(tmp_path / "ios", pbxproj(SYNCHRONIZED % "x" + library, "T1, T3"))
    assert embed(bundle, project).module == "Demo.xcodeproj/Demo"
    (project / "Kit").mkdir()
    kit = embed(bundle, project, module="Kit")
    assert kit.folder == str(project / "Kit" / "MobileViT.bundle")
    second = library.replace("com.apple.framework", "com.apple.product-type.application")
    text = pbxproj(SYNCHRONIZED % "x" + second, "T1, T3")
    write(project, {"Demo.xcodeproj/project.pbxproj": text})
    with pytest.raises(InputError, match=r"`Demo.xcodeproj/Demo`, `Demo.xcodeproj/Kit`"):
        embed(bundle, project)


PACKAGE = """\
// swift-tools-version: 5.9
import PackageDescription
let package = Package(
    name: "Vision", // .target(name: "Old"),
    dependencies: [.package(url: "https://example.com/x.git", from: "1.0.0")],
    targets: [
        .target(name: "Vision", dependencies: ["Core"]%s),
        .testTarget(name: "VisionTests", dependencies: [.target(name: "Vision")]),
    ]
)
"""


def test_swift_packages(bundle: Path, tmp_path: Path) -> None:
    files = {"Package.swift": PACKAGE % "", "Sources/Vision/Vision.swift": ""}
    package = write(tmp_path / "package", files)
    result = embed(bundle, package)
    assert result.module == "Package.swift/Vision"
    assert result.folder == str(package / "Sources/Vision/Resources/MobileViT.bundle")
    [step] = result.steps
    assert step.endswith('.copy("Resources/MobileViT.bundle")')
    write(package, {"Package.swift": PACKAGE % ', resources: [.process("Resources")]'})
    [step] = embed(bundle, package).steps
    assert 'in place of .process("Resources")' in step
    declared = ', resources: [.copy("Resources/MobileViT.bundle")]'
    write(package, {"Package.swift": PACKAGE % declared})
    assert not embed(bundle, package).steps
    write(package, {"Package.swift": PACKAGE % ', path: "Code"', "Code/Vision.swift": ""})
    assert embed(bundle, package).folder == str(package / "Code/Resources/MobileViT.bundle")
    write(package, {"Package.swift": PACKAGE % ', path: "../outside"'})
    (tmp_path / "outside").mkdir()
    with pytest.raises(InputError, match="is outside"):
        embed(bundle, package)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{ objects = { A = {isa = PBXProject; }; }; rootObject = B; }",
        "{ objects = 3; }",
        "( ) ( )",
        "{ a b; }",
        "{ a = ; }",
        "(" * 10_000,
        '{ a = "open }',
        "\x00\xff",
        '<?xml version="1.0"?><plist></plist>',
    ],
)
def test_damaged_projects(bundle: Path, tmp_path: Path, text: str) -> None:
    project = xcode_project(tmp_path / "ios", text)
    with pytest.raises(InputError, match="is not a project that can be read"):
        embed(bundle, project)


def test_groups_in_a_circle_end(tmp_path: Path) -> None:
    objects = (GROUPED % "Demo").replace("children = (R1, V1, )", "children = (R1, V1, G0, )")
    project = xcode_project(tmp_path / "ios", pbxproj(objects))
    [target] = read_targets(project / "Demo.xcodeproj")
    assert target.sources == (project / "Demo" / "AppDelegate.swift",)


# both, neither


def test_both_platforms_in_one_folder(bundle: Path, tmp_path: Path) -> None:
    """As Flutter and React Native have it."""
    root = tmp_path / "both"
    kotlin_project(root / "android")
    xcode_project(root / "ios", pbxproj(SYNCHRONIZED % "x"))
    with pytest.raises(InputError, match="has an Android and an iOS project") as caught:
        embed(bundle, root)
    assert "`--platform android` or `--platform ios`" in str(caught.value.hint)
    assert embed(bundle, root, platform="android").module == "android/app"
    assert embed(bundle, root, platform="ios").module == "ios/Demo.xcodeproj/Demo"


def test_neither(bundle: Path, tmp_path: Path) -> None:
    write(tmp_path / "empty", {"node_modules/x/build.gradle": GROOVY_APP})
    with pytest.raises(InputError, match="has no Android or iOS project") as caught:
        embed(bundle, tmp_path / "empty")
    assert "build.gradle" in str(caught.value.hint)
    assert "xcodeproj" in str(caught.value.hint)
    with pytest.raises(InputError, match="is a project file"):
        embed(bundle, xcode_project(tmp_path / "ios", "") / "Demo.xcodeproj")


# the command


def run(*arguments: str) -> Any:
    result = CliRunner().invoke(cli, ["embed", *arguments])
    assert result.exit_code == 0, result.stderr
    return result


def test_the_command(bundle: Path, tmp_path: Path) -> None:
    project = kotlin_project(tmp_path / "project")
    arguments = (str(bundle), str(project), "--artifact", "m_fp32.onnx")
    result = run(*arguments)
    assert f"written: {project / 'app' / ASSETS}" in result.stdout
    assert "m_fp32.onnx" in result.stdout
    assert "next: " in result.stderr
    assert "docs/embedding.md" in result.stderr
    record = json.loads(run(*arguments, "--json").stdout)
    assert record["change"] == "already there"
    assert record["platform"] == "android"
    assert record["artifacts"] == {"m_fp32.onnx": 11}
    assert len(record["steps"]) == 1
