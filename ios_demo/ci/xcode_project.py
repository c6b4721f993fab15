"""Writes MobileViTDemo.xcodeproj from the files of the app and of its tests.

    python ios_demo/ci/xcode_project.py [--check]

What it writes depends on nothing but the names of these files: the project is committed, and a
file that was added or moved is put into it by running this again. `--check` writes nothing, and
ends with status 1 where running it would change something.

The model is in the project twice. `MobileViT.bundle`, which `mobilevit embed` puts there, is copied
whole, so that its files are those that the manifest has the hashes of; and the `.mlpackage` in it
is one of the sources, so that Xcode compiles it.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

FOLDER = Path(__file__).parents[1]
NAME = "MobileViTDemo"
TESTS = f"{NAME}Tests"
PROJECT = FOLDER / f"{NAME}.xcodeproj"
BUNDLE = "MobileViT.bundle"
MODEL = "mobilevit_xxs_fp16.mlpackage"  # that `mobilevit embed` takes of the shipped model's bundle
PACKAGE = ".."  # where Package.swift is, from the folder of the project
PRODUCTS = ("MobileViTCore", "MobileViTDemoModel", "MobileViTKit")  # of the package
BUNDLE_ID = "org.mobilevit.demo"
ARGUMENTS = ("--describe", "--benchmark RUN")  # devices/iphone.py, offered in the scheme, off

# by the end of a file's name: what Xcode calls it, and the phase that it belongs to
KINDS: Mapping[str, tuple[str, str | None]] = {
    ".swift": ("sourcecode.swift", "Sources"),
    ".mlpackage": ("folder.mlpackage", "Sources"),
    ".xcassets": ("folder.assetcatalog", "Resources"),
    ".xcprivacy": ("text.xml", "Resources"),
    ".bundle": ("wrapper.plug-in", "Resources"),
    ".plist": ("text.plist.xml", None),  # a build setting names it
}

SHARED_SETTINGS: Mapping[str, str] = {
    "ALWAYS_SEARCH_USER_PATHS": "NO",
    "ASSETCATALOG_COMPILER_GENERATE_SWIFT_ASSET_SYMBOL_EXTENSIONS": "YES",
    "CLANG_ENABLE_MODULES": "YES",
    "COREML_CODEGEN_LANGUAGE": "None",  # MobileViTKit reads any bundle's model
    "CURRENT_PROJECT_VERSION": "1",
    "ENABLE_USER_SCRIPT_SANDBOXING": "YES",
    "IPHONEOS_DEPLOYMENT_TARGET": "16.0",
    "MARKETING_VERSION": "0.1.0",
    "SDKROOT": "iphoneos",
    "SWIFT_STRICT_CONCURRENCY": "complete",
    "SWIFT_VERSION": "6.0",
    "TARGETED_DEVICE_FAMILY": "1,2",  # iPhone, iPad
}
CONFIGURATIONS: Mapping[str, Mapping[str, str]] = {
    "Debug": {
        "DEBUG_INFORMATION_FORMAT": "dwarf",
        "ENABLE_TESTABILITY": "YES",
        "GCC_OPTIMIZATION_LEVEL": "0",
        "ONLY_ACTIVE_ARCH": "YES",
        "SWIFT_ACTIVE_COMPILATION_CONDITIONS": "DEBUG",
        "SWIFT_OPTIMIZATION_LEVEL": "-Onone",
    },
    "Release": {
        "DEBUG_INFORMATION_FORMAT": "dwarf-with-dsym",
        "ENABLE_TESTABILITY": "YES",  # what is measured is what is shipped
        "SWIFT_COMPILATION_MODE": "wholemodule",
        "VALIDATE_PRODUCT": "YES",
    },
}
APP_SETTINGS: Mapping[str, str] = {
    "ASSETCATALOG_COMPILER_APPICON_NAME": "AppIcon",
    "ASSETCATALOG_COMPILER_GLOBAL_ACCENT_COLOR_NAME": "AccentColor",
    "CODE_SIGN_STYLE": "Automatic",
    "INFOPLIST_FILE": f"{NAME}/Info.plist",
    "LD_RUNPATH_SEARCH_PATHS": "$(inherited) @executable_path/Frameworks",
    "PRODUCT_BUNDLE_IDENTIFIER": BUNDLE_ID,
    "PRODUCT_NAME": "$(TARGET_NAME)",
}
TEST_SETTINGS: Mapping[str, str] = {
    "BUNDLE_LOADER": "$(TEST_HOST)",
    "CODE_SIGN_STYLE": "Automatic",
    "GENERATE_INFOPLIST_FILE": "YES",
    "PRODUCT_BUNDLE_IDENTIFIER": f"{BUNDLE_ID}.tests",
    "PRODUCT_NAME": "$(TARGET_NAME)",
    "TEST_HOST": f"$(BUILT_PRODUCTS_DIR)/{NAME}.app/{NAME}",
}


@dataclass(frozen=True)
class Reference:
    """To another object of the project; Xcode writes its name beside it."""

    identifier: str
    name: str


Value: TypeAlias = "str | Reference | Sequence[Value] | Mapping[str, Value]"


class Objects:
    """The objects of a project, each under an identifier that is made of what it is."""

    def __init__(self) -> None:
        self._objects: dict[str, list[tuple[Reference, Mapping[str, Value]]]] = {}

    def add(self, isa: str, key: str, name: str, fields: Mapping[str, Value]) -> Reference:
        """
        Args:
            key: tells it from the others of its class; it is not shown.
            name: as Xcode shows it.
        """
        reference = self.reference(isa, key, name)
        self._objects.setdefault(isa, []).append((reference, fields))
        return reference

    @staticmethod
    def reference(isa: str, key: str, name: str) -> Reference:
        return Reference(hashlib.sha256(f"{isa} {key}".encode()).hexdigest()[:24].upper(), name)

    def text(self, root: Reference) -> str:
        """`project.pbxproj`, laid out as Xcode does."""
        lines = ["// !$*UTF8*$!", "{", "\tarchiveVersion = 1;", "\tclasses = {", "\t};"]
        lines += [
            "\tobjectVersion = 60;",
            "\tobjects = {",
        ]  # Xcode 15: the first with local packages
        for isa, objects in sorted(self._objects.items()):
            lines += ["", f"/* Begin {isa} section */"]
            for reference, fields in sorted(objects, key=lambda entry: entry[0].identifier):
                one_line = isa in ("PBXBuildFile", "PBXFileReference")
                value = _written({"isa": isa, **fields}, 2, one_line)
                lines.append(f"\t\t{_written(reference, 0)} = {value};")
            lines.append(f"/* End {isa} section */")
        lines += ["\t};", f"\trootObject = {_written(root, 0)};", "}", ""]
        return "\n".join(lines)


def _written(value: Value, depth: int, one_line: bool = False) -> str:
    if isinstance(value, Reference):
        return f"{value.identifier} /* {value.name} */"
    if isinstance(value, str):
        bare = re.fullmatch(r"[\w./$]+", value, re.ASCII)
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return value if bare else f'"{escaped}"'
    end, inner = ("", "") if one_line else ("\n" + "\t" * depth, "\n" + "\t" * (depth + 1))
    gap = " " if one_line else ""
    if isinstance(value, Mapping):
        entries = (
            f"{inner}{_written(k, 0)} = {_written(v, depth + 1, one_line)};{gap}"
            for k, v in value.items()
        )
        return "{" + "".join(entries) + end + "}"
    return "(" + "".join(f"{inner}{_written(v, depth + 1)},{gap}" for v in value) + end + ")"


@dataclass(frozen=True)
class Tree:
    """A folder as the project shows it, and what the phases of its target take of it."""

    group: Reference
    phases: Mapping[str, list[Reference]]  # by phase: build files


def _children(folder: Path) -> Iterator[Path]:
    """Folders first, as Xcode sorts them; the bundle is ignored by Git, and may not be there."""
    found = {p for p in folder.iterdir() if not p.name.startswith(".")}
    if folder == FOLDER / NAME:
        found.add(folder / BUNDLE)
    yield from sorted(found, key=lambda path: (path.suffix != "", path.name))


def _tree(objects: Objects, folder: Path) -> Tree:
    phases: dict[str, list[Reference]] = {"Sources": [], "Resources": []}

    def group(folder: Path) -> Reference:
        children: list[Reference] = []
        for path in _children(folder):
            if not path.suffix and path.is_dir():
                children.append(group(path))
                continue
            children.append(file(path, path.name))
            if path.name == BUNDLE:
                children.append(file(path / MODEL, f"{BUNDLE}/{MODEL}"))
        key = folder.relative_to(FOLDER).as_posix()
        return objects.add(
            "PBXGroup",
            key,
            folder.name,
            {"children": children, "path": folder.name, "sourceTree": "<group>"},
        )

    def file(path: Path, within: str) -> Reference:
        if path.suffix not in KINDS:
            raise SystemExit(f"`{path}` is of a kind that {Path(__file__).name} does not know")
        kind, phase = KINDS[path.suffix]
        key = path.relative_to(FOLDER).as_posix()
        named = {} if within == path.name else {"name": path.name}
        reference = objects.add(
            "PBXFileReference",
            key,
            path.name,
            {"lastKnownFileType": kind, **named, "path": within, "sourceTree": "<group>"},
        )
        if phase:
            name = f"{path.name} in {phase}"
            built = objects.add("PBXBuildFile", key, name, {"fileRef": reference})
            phases[phase].append(built)
        return reference

    return Tree(group(folder), phases)


def _configurations(objects: Objects, owner: str, settings: Mapping[str, str]) -> Reference:
    """Of a target; of the project too, whose configurations have settings of their own."""
    configurations = []
    for name, own in CONFIGURATIONS.items():
        merged = {**settings, **own} if owner == "project" else settings
        fields: Mapping[str, Value] = {"buildSettings": dict(sorted(merged.items())), "name": name}
        configurations.append(objects.add("XCBuildConfiguration", f"{owner} {name}", name, fields))
    return objects.add(
        "XCConfigurationList",
        owner,
        f"Build configuration list for {owner}",
        {
            "buildConfigurations": configurations,
            "defaultConfigurationIsVisible": "0",
            "defaultConfigurationName": "Release",
        },
    )


def _target(
    objects: Objects,
    name: str,
    kind: tuple[str, str, str],
    tree: Tree,
    settings: Mapping[str, str],
    products: Sequence[str] = (),
    dependencies: Sequence[Reference] = (),
) -> tuple[Reference, Reference]:
    """The target and its product.

    Args:
        kind: the product's type, Xcode's name for it, and the end of its file's name.
        products: of the package, linked into it.
    """
    product_type, file_type, suffix = kind
    file = objects.add(
        "PBXFileReference",
        f"product {name}",
        name + suffix,
        {
            "explicitFileType": file_type,
            "includeInIndex": "0",
            "path": name + suffix,
            "sourceTree": "BUILT_PRODUCTS_DIR",
        },
    )
    linked, frameworks = [], []
    for product in products:
        dependency = objects.add(
            "XCSwiftPackageProductDependency", product, product, {"productName": product}
        )
        linked.append(dependency)
        title = f"{product} in Frameworks"
        frameworks.append(objects.add("PBXBuildFile", product, title, {"productRef": dependency}))
    phases = [
        objects.add(
            f"PBX{phase}BuildPhase",
            name,
            phase,
            {
                "buildActionMask": "2147483647",
                "files": files,
                "runOnlyForDeploymentPostprocessing": "0",
            },
        )
        for phase, files in {**tree.phases, "Frameworks": frameworks}.items()
    ]
    target = objects.add(
        "PBXNativeTarget",
        name,
        name,
        {
            "buildConfigurationList": _configurations(objects, name, settings),
            "buildPhases": phases,
            "buildRules": [],
            "dependencies": dependencies,
            "name": name,
            "packageProductDependencies": linked,
            "productName": name,
            "productReference": file,
            "productType": product_type,
        },
    )
    return target, file


def _project() -> tuple[str, Reference, Reference]:
    """`project.pbxproj`, and the targets of the app and of its tests."""
    objects = Objects()
    root = Objects.reference("PBXProject", NAME, "Project object")
    app_tree, test_tree = (_tree(objects, FOLDER / name) for name in (NAME, TESTS))
    app, app_file = _target(
        objects,
        NAME,
        ("com.apple.product-type.application", "wrapper.application", ".app"),
        app_tree,
        APP_SETTINGS,
        products=PRODUCTS,
    )
    proxy = objects.add(
        "PBXContainerItemProxy",
        NAME,
        "PBXContainerItemProxy",
        {
            "containerPortal": root,
            "proxyType": "1",
            "remoteGlobalIDString": app.identifier,
            "remoteInfo": NAME,
        },
    )
    on_app = objects.add(
        "PBXTargetDependency", NAME, "PBXTargetDependency", {"target": app, "targetProxy": proxy}
    )
    # it is loaded into the app, and finds the package's products there
    tests, test_file = _target(
        objects,
        TESTS,
        ("com.apple.product-type.bundle.unit-test", "wrapper.cfbundle", ".xctest"),
        test_tree,
        TEST_SETTINGS,
        dependencies=[on_app],
    )
    products = objects.add(
        "PBXGroup",
        "Products",
        "Products",
        {"children": [app_file, test_file], "name": "Products", "sourceTree": "<group>"},
    )
    main = objects.add(
        "PBXGroup",
        "",
        NAME,
        {"children": [app_tree.group, test_tree.group, products], "sourceTree": "<group>"},
    )
    package = objects.add(
        "XCLocalSwiftPackageReference",
        PACKAGE,
        f'XCLocalSwiftPackageReference "{PACKAGE}"',
        {"relativePath": PACKAGE},
    )
    objects.add(
        "PBXProject",
        NAME,
        root.name,
        {
            "attributes": {
                "BuildIndependentTargetsInParallel": "1",
                "LastSwiftUpdateCheck": "1600",
                "LastUpgradeCheck": "1600",
                "TargetAttributes": {
                    app.identifier: {"CreatedOnToolsVersion": "16.0"},
                    tests.identifier: {
                        "CreatedOnToolsVersion": "16.0",
                        "TestTargetID": app.identifier,
                    },
                },
            },
            "buildConfigurationList": _configurations(objects, "project", SHARED_SETTINGS),
            "compatibilityVersion": "Xcode 15.0",
            "developmentRegion": "en",
            "hasScannedForEncodings": "0",
            "knownRegions": ["en", "Base"],
            "mainGroup": main,
            "packageReferences": [package],
            "productRefGroup": products,
            "projectDirPath": "",
            "projectRoot": "",
            "targets": [app, tests],
        },
    )
    return objects.text(root), app, tests


WORKSPACE = """\
<?xml version="1.0" encoding="UTF-8"?>
<Workspace
   version = "1.0">
   <FileRef
      location = "self:">
   </FileRef>
</Workspace>
"""


def _buildable(target: Reference, file: str) -> str:
    return f"""\
<BuildableReference
   BuildableIdentifier = "primary"
   BlueprintIdentifier = "{target.identifier}"
   BuildableName = "{file}"
   BlueprintName = "{target.name}"
   ReferencedContainer = "container:{PROJECT.name}">
</BuildableReference>"""


def _indented(text: str, by: int) -> str:
    return text.replace("\n", "\n" + " " * by)


def _scheme(app: Reference, tests: Reference) -> str:
    """Builds, runs and tests in Release: what is slow unoptimised is what this app measures."""
    app_reference = _buildable(app, f"{NAME}.app")
    arguments = "".join(
        f"""
         <CommandLineArgument
            argument = "{argument}"
            isEnabled = "NO">
         </CommandLineArgument>"""
        for argument in ARGUMENTS
    )
    runnable = f"""\
<BuildableProductRunnable
   runnableDebuggingMode = "0">
   {_indented(app_reference, 3)}
</BuildableProductRunnable>"""
    return f"""\
<?xml version="1.0" encoding="UTF-8"?>
<Scheme
   LastUpgradeVersion = "1600"
   version = "1.7">
   <BuildAction
      parallelizeBuildables = "YES"
      buildImplicitDependencies = "YES">
      <BuildActionEntries>
         <BuildActionEntry
            buildForTesting = "YES"
            buildForRunning = "YES"
            buildForProfiling = "YES"
            buildForArchiving = "YES"
            buildForAnalyzing = "YES">
            {_indented(app_reference, 12)}
         </BuildActionEntry>
      </BuildActionEntries>
   </BuildAction>
   <TestAction
      buildConfiguration = "Release"
      selectedDebuggerIdentifier = ""
      selectedLauncherIdentifier = "Xcode.IDEFoundation.Launcher.PosixSpawn"
      shouldUseLaunchSchemeArgsEnv = "NO">
      <Testables>
         <TestableReference
            skipped = "NO">
            {_indented(_buildable(tests, f"{TESTS}.xctest"), 12)}
         </TestableReference>
      </Testables>
   </TestAction>
   <LaunchAction
      buildConfiguration = "Release"
      selectedDebuggerIdentifier = "Xcode.DebuggerFoundation.Debugger.LLDB"
      selectedLauncherIdentifier = "Xcode.DebuggerFoundation.Launcher.LLDB"
      launchStyle = "0"
      useCustomWorkingDirectory = "NO"
      ignoresPersistentStateOnLaunch = "NO"
      debugDocumentVersioning = "YES"
      debugServiceExtension = "internal"
      allowLocationSimulation = "YES">
      {_indented(runnable, 6)}
      <CommandLineArguments>{arguments}
      </CommandLineArguments>
   </LaunchAction>
   <ProfileAction
      buildConfiguration = "Release"
      shouldUseLaunchSchemeArgsEnv = "YES"
      savedToolIdentifier = ""
      useCustomWorkingDirectory = "NO"
      debugDocumentVersioning = "YES">
      {_indented(runnable, 6)}
   </ProfileAction>
   <AnalyzeAction
      buildConfiguration = "Debug">
   </AnalyzeAction>
   <ArchiveAction
      buildConfiguration = "Release"
      revealArchiveInOrganizer = "YES">
   </ArchiveAction>
</Scheme>
"""


def files() -> dict[Path, str]:
    """What belongs into the project's folder, by path."""
    text, app, tests = _project()
    return {
        PROJECT / "project.pbxproj": text,
        PROJECT / "project.xcworkspace" / "contents.xcworkspacedata": WORKSPACE,
        PROJECT / "xcshareddata" / "xcschemes" / f"{NAME}.xcscheme": _scheme(app, tests),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; tell what differs")
    check = parser.parse_args().check
    differs = False
    for path, text in files().items():
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        differs = True
        print(f"{path.relative_to(FOLDER)} {'differs' if check else 'written'}")
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    sys.exit(1 if check and differs else 0)


if __name__ == "__main__":
    main()
