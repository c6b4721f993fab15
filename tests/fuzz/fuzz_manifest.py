"""Manifests, damaged: only the library's own error may come out of reading one and what follows.

python tests/fuzz/fuzz_manifest.py -max_total_time=600 CORPUS

CORPUS is a folder for the inputs found, filled with a valid manifest if it is empty. Options are
libFuzzer's. What fails is written to `crash-…` in the working folder; run it alone by its name.
Each input is read as it is, and again with the digest that makes it look untouched. The artifacts
are not opened: a stand-in gives uniform probabilities.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import sys
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["mobilevit"]):
    from mobilevit.bundle import MANIFEST_FILE, Manifest, read_labels, read_manifest
    from mobilevit.check import check_bundle
    from mobilevit.client import load
    from mobilevit.errors import SdkError
    from mobilevit.runtimes import Runtime, TensorSpec

import numpy as np
from numpy.typing import NDArray

from tests.fuzz.seeds import photo, write_bundle

_DIGEST = re.compile(rb'(?s)(.*"digest"\s*:\s*")([0-9a-f]{64})(".*)')
_VALUES: tuple[object, ...] = (
    *(None, True, [], {}, "", "x", "labels.txt", "manifest.json", "golden", "a/" * 99 + "a"),
    *(0, -1, 1, 2**31, 2**63, 10**400, 0.5, 1e308, -1e308, 5e-324),
    *(float("nan"), float("inf"), "0" * 64, [1], [[]], {"a": 1}, "\0", "\ud800", "\u2028"),
)


class UniformSession:
    """A session that answers 1/2 and 1/2."""

    inputs = (TensorSpec("image", (1, 32, 32, 3), "uint8"),)
    outputs = (TensorSpec("probabilities", (1, 2), "float32"),)

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        assert all(feeds[spec.name].shape == spec.shape for spec in self.inputs)
        return {"probabilities": np.full((1, 2), 0.5, np.float32)}


def signed(content: bytes) -> bytes:
    """The same with a right digest, if it has a place for one."""
    match = _DIGEST.fullmatch(content)
    if match is None:
        return content
    before, _, after = match.groups()
    return before + hashlib.sha256(before + b"0" * 64 + after).hexdigest().encode() + after


def mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """libFuzzer's mutation of the bytes, or a change of the structure where they are JSON."""
    if seed % 2:
        return atheris.Mutate(data, max_size)
    try:
        changed = json.dumps(changed_value(json.loads(data), random.Random(seed)), indent=1)
    except (ValueError, RecursionError):
        return atheris.Mutate(data, max_size)
    return changed.encode()[:max_size]


def changed_value(value: Any, rng: random.Random) -> Any:
    """A JSON value with something in it dropped, doubled or replaced, in place where it can be."""
    places = [(None, None), *_places(value)]
    container, key = rng.choice(places)
    if container is None:
        return rng.choice(_VALUES)
    action = rng.randrange(8)
    if action == 0:
        del container[key]
    elif action == 1 and isinstance(container, list):
        container.append(container[key])
    elif action == 1:
        container[str(rng.choice(_VALUES))[:300]] = container[key]
    elif action == 2:
        other, name = rng.choice(_places(value))
        container[key] = json.loads(json.dumps(other[name]))
    else:
        container[key] = rng.choice(_VALUES)
    return value


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) within a JSON value."""
    if isinstance(value, dict):
        keys: list[Any] = list(value)
    elif isinstance(value, list):
        keys = list(range(len(value)))
    else:
        return []
    places = [(value, key) for key in keys]
    for key in keys:
        places += _places(value[key])
    return places


def use(bundle: Path) -> Manifest | None:
    """Read, verify and classify; the manifest, or None if it was refused."""
    try:
        manifest = read_manifest(bundle)
    except SdkError as error:
        _is_told_well(error)
        return None
    for action in (
        lambda: read_labels(bundle, manifest),
        lambda: check_bundle(bundle),
        lambda: load(bundle, manifest.artifacts[-1].file),
        lambda: load(bundle).classify(photo(), top=3),
    ):
        try:
            action()
        except SdkError as error:
            _is_told_well(error)
    return manifest


def _is_told_well(error: SdkError) -> None:
    assert error.message
    assert len(error.message) < 3000
    assert error.message.isprintable(), repr(error.message)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder) / "bundle"
        write_bundle(bundle)
        manifest = bundle / MANIFEST_FILE
        for argument in sys.argv[1:]:
            corpus = Path(argument)
            if corpus.is_dir() and not any(corpus.iterdir()):
                (corpus / "valid").write_bytes(manifest.read_bytes())
        Runtime.load = lambda *_, **__: UniformSession()  # type: ignore[method-assign]
        Runtime.version = lambda _: "1"  # type: ignore[method-assign]
        warnings.simplefilter("ignore")

        def test_one_input(data: bytes) -> None:
            for content in (data, signed(data)):
                manifest.write_bytes(content)
                use(bundle)

        atheris.Setup(sys.argv, test_one_input, custom_mutator=mutate)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
