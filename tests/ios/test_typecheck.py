"""That Apple's code type-checks on Linux says something only if mistakes do not."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
DEMO = REPOSITORY / "ios_demo"
FOLDER = DEMO / "build" / "snippets"  # in the repository: the compiler may not see anything else
pytestmark = pytest.mark.skipif(
    not (DEMO / "build" / "apple" / "ios" / "MobileViTKit.swiftmodule").is_file(),
    reason="`make -C ios_demo/ci typecheck` makes it",
)


@pytest.fixture(scope="module", autouse=True)
def folder() -> Iterator[None]:
    FOLDER.mkdir(parents=True, exist_ok=True)
    yield
    shutil.rmtree(FOLDER)


def check(code: str) -> str:
    """What the compiler says; empty where it has nothing to say."""
    file = FOLDER / "Snippet.swift"
    file.write_text("import CoreML\nimport MobileViTKit\n" + code, encoding="utf-8")
    command = ["make", "--silent", "-C", str(DEMO / "ci"), "snippet", f"SNIPPET={file}"]
    done = subprocess.run(command, capture_output=True, text=True)
    said = done.stdout + done.stderr
    assert (done.returncode == 0) == ("error:" not in said), said
    return said


def test_a_right_call_passes() -> None:
    assert "error:" not in check(
        "func compile(_ url: URL) async throws -> URL { try await MLModel.compileModel(at: url) }"
    )


def test_examples_of_the_readme_pass() -> None:
    text = (DEMO / "README.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```swift\n(.*?)```", text, re.DOTALL)
    assert "error:" not in check(example)
    assert "has no member" in check(example.replace("result.predictions", "result.labels"))


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "func f(_ url: URL) async throws -> URL { try await MLModel.compileModel(of: url) }",
            "incorrect argument label in call (have 'of:', expected 'at:')",
        ),
        (
            "func f(_ url: URL) async throws -> URL { await MLModel.compileModel(at: url) }",
            "call can throw but is not marked with 'try'",
        ),
        (
            "func f(_ url: URL) throws -> URL { try MLModel.compileModel(at: url) }",
            "'async' call in a function that does not support concurrency",
        ),
        ("func f(_ url: URL) { MLModel.warmUp(url) }", "type 'MLModel' has no member 'warmUp'"),
        ("let units: MLComputeUnits = .gpuOnly", "has no member 'gpuOnly'"),
        (
            "final class Box { var n = 0 }\nactor A { func take(_ box: Box) {} }\n"
            "func f(_ a: A) async { let box = Box(); await a.take(box); box.n = 1 }",
            "sending 'box' risks causing data races",
        ),
        ("func f() { let unused = MLComputeUnits.all }", "was never used"),
        ("func f() -> Int { if Bool.random() { return 1 } }", "missing return"),
    ],
)
def test_a_mistake_is_refused(code: str, message: str) -> None:
    assert message in check(code)
