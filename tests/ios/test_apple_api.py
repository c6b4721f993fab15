"""The interfaces that Apple's code is checked against on Linux declare what Apple has: each name is
looked up in listings that others made of Apple's headers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.ios import apple_listing
from tests.ios.apple_listing import listing
from tests.ios.swift_code import (
    SWIFT_ONLY,
    Declaration,
    Version,
    all_declarations,
    declarations,
    unasked,
)

DEMO = Path(__file__).parents[2] / "ios_demo"
OLDEST: Version = (16,)  # iOS that the package runs on
pytestmark = pytest.mark.skipif(
    not apple_listing.fetched(), reason="`make -C ios_demo/ci listing` brings the listings"
)

ALL = all_declarations()
NAMED = [d for d in ALL if d.mark and not d.mark.startswith("Swift")]


def dotted(version: Version) -> str:
    return ".".join(map(str, version))


def beyond(declaration: Declaration) -> str | None:
    """What is wrong with it by NativeScript's listing."""
    known = listing().find(declaration.mark or "")
    if known is None:
        return "is not in the listing"
    if known.since > max(OLDEST, declaration.available):
        return f"came with iOS {dotted(known.since)}, and has no @available that says so"
    if known.deprecated <= OLDEST:
        return f"is deprecated since iOS {dotted(known.deprecated)}"
    return None


def unnamed(found: list[Declaration]) -> list[str]:
    return [
        str(d)
        for d in found
        if d.module not in SWIFT_ONLY and not (d.mark or d.within_swift or d.imported)
    ]


def test_every_name_is_apples() -> None:
    assert len(NAMED) > 100
    faults = [f"{d} // {d.mark}: {fault}" for d in NAMED if (fault := beyond(d))]
    assert faults == []


def test_every_declaration_names_what_it_is_of() -> None:
    assert unnamed(ALL) == []


def test_constants_are_pyobjcs_too() -> None:
    """Names and values; those of its three frameworks."""
    table = apple_listing.constants()
    compared, faults = 0, []
    for declaration in NAMED:
        _, _, name = (declaration.mark or "").partition(" ")
        owner, _, member = name.partition(".")
        for key in (name, member, owner + member):
            if key in table:
                compared += 1
                given = re.search(r"case \w+ = (-?\d+)", declaration.text)
                if given and table[key] is not None and int(given[1]) != table[key]:
                    faults.append(f"{declaration}: {key} is {table[key]}")
                break
    assert faults == []
    assert compared > 50


MADE_UP = """
// ObjC MLModel
open class MLModel : NSObject {
  // ObjC +[MLModel compileModelAtURL:completionHandler:]
  open class func compileModel(at modelURL: URL) async throws -> URL
  // ObjC +[MLModel compileModelAtURL:options:completionHandler:]
  open class func compileModel(at modelURL: URL, options: Int) async throws -> URL
  // ObjC -[MLModel compileModelAtURL:completionHandler:]
  open func compileModel() async throws -> URL
  // ObjC MLModel.neuralEngine
  open var neuralEngine: Bool { get }
  // ObjC +[MLModel compileModelAtURL:error:]
  open class func compileModel(at modelURL: URL) throws -> URL
  // ObjC MLModel.availableComputeDevices
  open class var availableComputeDevices: [Any] { get }
  // ObjC MLModel.availableComputeDevices
  @available(iOS 17.0, *)
  open class var allComputeDevices: [Any] { get }
  open func forgotten()
}
// ObjC MLComputeUnits
public enum MLComputeUnits : Int, Sendable {
  // ObjC MLComputeUnits.CPUOnly
  case cpuOnly = 0
  // ObjC MLComputeUnits.GPUOnly
  case gpuOnly = 4
}
// C CVPixelBufferMakeUp
public func CVPixelBufferMakeUp()
"""


def test_what_is_made_up_is_told() -> None:
    found = declarations("Made", MADE_UP)
    faults = {d.mark: beyond(d) for d in found if d.mark and beyond(d)}
    assert faults == {
        "ObjC +[MLModel compileModelAtURL:options:completionHandler:]": "is not in the listing",
        "ObjC -[MLModel compileModelAtURL:completionHandler:]": "is not in the listing",
        "ObjC MLModel.neuralEngine": "is not in the listing",
        "ObjC MLModel.availableComputeDevices": "came with iOS 17, and has no @available that "
        "says so",
        "ObjC MLComputeUnits.GPUOnly": "is not in the listing",
        "C CVPixelBufferMakeUp": "is not in the listing",
    }
    assert unnamed(found) == ["Made:19:   open func forgotten()".replace("   ", " ")]


def test_what_is_newer_is_asked_for() -> None:
    newer = [d for d in ALL if d.available > OLDEST]
    sources = [f for part in ("Sources", "MobileViTDemo") for f in (DEMO / part).rglob("*.swift")]
    assert [
        f"{file.name}:{line}: {declaration.name}"
        for file in sources
        for declaration in newer
        for line in unasked(file.read_text("utf-8"), declaration.name, declaration.available)
    ] == []


def test_what_is_not_asked_for_is_told() -> None:
    code = """
func turn(_ connection: Connection) {
    if #available(iOS 17, *) {
        do { connection.angle = 90 }
    } else {
        connection.angle = 1
    }
    connection.angle = 2
    if #available(iOS 16, *) { connection.angle = 3 }
    guard #available(iOS 17, *) else { connection.angle = 4 }
}
@available(iOS 17.1, *)
func newer(_ connection: Connection) { connection.angle = 90 }
func older(_ connection: Connection) { connection.angle = 5 }
"""
    assert unasked(code, "angle", (17,)) == [6, 8, 9, 10, 14]


@pytest.mark.parametrize(
    ("line", "since"),
    [
        ("ObjC -[MLModel predictionFromFeatures:error:]", (11,)),
        ("ObjC +[AVCaptureDevice requestAccessForMediaType:completionHandler:]", (7,)),
        ("ObjC MLComputeUnits.CPUAndNeuralEngine", (12,)),
        ("C CVPixelBufferCreate", (4,)),
    ],
)
def test_listing_tells_versions(line: str, since: Version) -> None:
    known = listing().find(line)
    assert known is not None
    assert known.since == since
