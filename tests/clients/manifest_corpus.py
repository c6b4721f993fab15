"""Manifests, changed in some thousand ways, with what the Python reader says of each.

python tests/clients/manifest_corpus.py BUNDLE OUT.jsonl

One line of JSON a manifest: `change` tells what was done, `content` is the file in base64, and
`message` is that of the error, or null where the manifest was accepted. The clients' tests
read it. Nearly all have a right digest, so that the rules for the fields decide.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
import sys
import tempfile
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

from mobilevit.bundle import MANIFEST_FILE, read_manifest
from mobilevit.errors import BundleError
from mobilevit.files import atomic_file

Change = tuple[str, bytes]  # what was done, and the manifest after it

_UNSIGNED = b"0" * 64
_LITERAL = "\ue000"  # between two of them stands text that is to be written as it is, unquoted
_QUOTED = re.compile(rf'"{_LITERAL}((?:[^"\\]|\\.)*){_LITERAL}"')
_SHA = "ab" * 32


def literal(text: str) -> str:
    """A value that `written` writes as `text`, be it JSON or not."""
    return f"{_LITERAL}{text}{_LITERAL}"


# what stands in place of a value, whichever it is
_VALUES: tuple[object, ...] = (
    *(None, True, False, [], {}, "", "x", "1", "labels.txt", [1], [[]], {"a": 1}, [None], _SHA),
    *(0, 1, -1, -2, 2, 31, 32, 4096, 4097, 0.5, 1.0, 1.5, -0.5, 0.009, 0.01, 1.0000000000000002),
    *(2**31 - 1, 2**31, 2**53 - 1, 2**53, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 10**400),
    *(1e308, -1e308, 5e-324, float("nan"), float("inf"), float("-inf"), "\0", "é\u2028😀"),
    *(literal(text) for text in ("-0", "1E0", "0e9", "1e400", "1e-400", "-1e-400", "0.0000e-9")),
)

# what stands in the recipe, where every JSON is right; `written` puts no quotes around it
_SYNTAX = (
    *("01", "-01", "-", "1.", ".5", "1e", "1e+", "1E5", "+1", "0x1", "1_0", "--1", "- 1", "1.5.5"),
    *("NaN", "Infinity", "-Infinity", "-NaN", "nan", "inf", "Nan", "Infinit", "-I", "+Infinity"),
    *("true", "True", "tru", "truee", "null", "nul", "nil", "", " ", "undefined", "'a'", "a"),
    *("9" * 4300, "9" * 4301, "-" + "9" * 4299, "-" + "9" * 4300, "9" * 4301 + ".5"),
    *("9" * 4300 + ".5", "0." + "9" * 5000, "1e" + "9" * 5000, "1" + "0" * 4299 + "e-4300"),
    *("[1,]", "[,1]", "[1 2]", "[", "]", "[1]]", "{}", '{"a":1,}', "{a:1}", '{"a"}', '{"a":}'),
    *('{"a":1 "b":2}', "{1:1}", "{,}", '{"a":1,"a":2}', "[[],{},[{}]]", "[\t1\r\n, 2 ]", "[\f1]"),
    *('"a\tb"', '"\x7f"', '"\x1f"', '"\\x"', '"\\u12"', '"\\u12g4"', '"\\u00E9"', '"\\/\\b\\f"'),
    *('"\\ud83d\\ude00"', '"\\ud83d"', '"\\ude00"', '"\\ud83d\\ud83d"', '"\\ud83dx"'),
    *('"\\ud83d\\n"', '"\\U0041"', '"\\u0000"', '"', '"\\"', '"\\', '"a\nb"', "/**/1", "1//"),
    *('"\u2028"', '"\ufeff"'),
    *("[" * n + "]" * n for n in (198, 199, 200, 201)),
    *("[" * n + "1" + "]" * n for n in (197, 198, 199, 200)),
    *('{"a":' * n + "{}" + "}" * n for n in (197, 198, 199, 200)),
    *('{"a":' * n + "1" + "}" * n for n in (197, 198, 199, 200)),
)
_NOT_UTF8 = (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x80")
_AROUND = (b"\xef\xbb\xbf", b" \t\r\n", b"\x0b", b"\x0c", b"\0", b"\xa0", b"x", b"{}", b",")

_PATHS = (
    *("a", "a.b", "a/b", "a/b/c-d_e+f.g", "+", "-", "_", "A/9", "a/" * 99 + "aa", "a" * 200),
    *("a" * 201, "a/" * 100 + "a", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/.b", ".a"),
    *("a\\b", "C:a", "a b", "a\n", "a\0", "é", "a/é", "~", "%2e", "a:b", "a*", "a?", "", " "),
    "a/.",
    *("😀" * 201, "\u202ea", "a\u2028"),
)
_HASHES = (
    *("0" * 63, "0" * 65, "A" * 64, "g" * 64, "a" * 64, "a" * 64 + "\n", " " + "a" * 63),
    *("٠" * 64, "", "f" * 32),
)
_NULLABLE = (
    *("parity.psnr_db", "checkpoint_sha256", "calibration.sha256", ".calibration"),
    *(".quantization", ".sibling", ".agreement", ".top1_drop"),
)
_OPTIONAL = (
    *("kind", "more_shapes", "accuracy", "quantization", "sibling", "needs"),
    *("repairs", "kept_float", "agreement", "top1_drop", "faults"),
)
_NAMES = ("!", "~", "a" * 200, "a" * 201, "", "a b", "a\n", "é", "\x7f", "image:0", "\0")


def written(manifest: object, **options: Any) -> bytes:
    """Its JSON, with what `literal` made as it is."""
    text = json.dumps(manifest, ensure_ascii=False, **options)
    text = _QUOTED.sub(lambda quoted: json.loads(f'"{quoted[1]}"'), text)
    return text.encode("utf-8", "surrogatepass")


def signed(content: bytes) -> bytes:
    """With its own digest where the last 64 zeros stand."""
    return hashlib.sha256(content).hexdigest().encode().join(content.rsplit(_UNSIGNED, 1))


def places(value: Any, where: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(way, container, key) of every value within a JSON value."""
    if isinstance(value, (dict, list)):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            way = f"{where}.{key}" if where else f"{key}"
            yield way, value, key
            yield from places(value[key], way)


def at(manifest: Any, way: str) -> tuple[Any, Any]:
    """(container, key) of the value there."""
    return next((container, key) for found, container, key in places(manifest) if found == way)


def small(manifest: dict[str, Any]) -> dict[str, Any]:
    """A manifest with every kind of record and little else, unsigned."""
    manifest = deepcopy(manifest)
    for name in ("artifacts", "golden", "conformance"):
        manifest[name] = manifest[name][:2]
    H, W = manifest["preprocessing"]["image_size"]
    manifest["preprocessing"] |= {"image_size": [H, W]}
    artifact = manifest["artifacts"][0]
    artifact["input"]["more_shapes"] = [[2, H, W, 3]]
    data = {"name": "photos", "images": 2, "sha256": _SHA}
    artifact["accuracy"] = [
        {"runtime": "onnxruntime", "runtime_version": "1", "data": data}
        | {"top1": 0.5, "top5": 1.0, "measured": "2026-01-01T00:00:00+00:00"}
    ]
    calibration = {"source": "photos", "images": 2, "sha256": _SHA}
    artifact |= {
        "layout": "neural-engine",
        "needs": {"iOS": "16"},
        "quantization": {"calibration": calibration, "repairs": ["bias correction"]}
        | {"kept_float": ["stem"], "agreement": 1.0, "top1_drop": -0.01, "max_drop": 0.01},
        "sibling": {"file": "model.onnx", "runtime": "onnxruntime", "runtime_version": "1"}
        | {"machine": "a machine", "speedup": 0.5, "low": 0.4, "high": 0.6, "faults": ["slower"]},
    }
    manifest["model"]["data"] = {"train": data | {"classes": {"a": 1, "b": 1}}}
    manifest["model"]["recipe"] = {"epochs": 1}
    manifest["classes"] = [f"class {i}" for i in range(manifest["labels"]["count"])]
    manifest["digest"] = _UNSIGNED.decode()
    return manifest


def replaced(manifest: dict[str, Any], way: str, value: object) -> Change:
    changed = deepcopy(manifest)
    container, key = at(changed, way)
    container[key] = value
    shown = ascii(value).replace("\\ue000", "")
    return f"{way} = {shown[:80]}", signed(written(changed))


def structure(manifest: dict[str, Any], rng: random.Random) -> Iterator[Change]:
    """At every place: nothing, something else, a key more, a key twice."""
    for way, container, key in list(places(manifest)):
        changed = deepcopy(manifest)
        there, _ = at(changed, way)
        del there[key]
        yield f"without {way}", signed(written(changed))
        # of a field's type some, whatever they are
        for value in rng.sample(_VALUES, 8):
            yield replaced(manifest, way, value)
        if isinstance(container, dict):
            # a key that stands twice, right first or right last
            for first in (True, False):
                changed = deepcopy(manifest)
                there, _ = at(changed, way)
                wrong = f"{_LITERAL}{json.dumps(key)}{_LITERAL}"
                items = [(wrong, rng.choice(_VALUES)), *there.items()]
                there.clear()
                there.update(items if first else [*items[1:], items[0]])
                yield (
                    f"{way} twice, the other {'first' if first else 'last'}",
                    signed(written(changed)),
                )
        if isinstance(container[key], dict):
            changed = deepcopy(manifest)
            there, _ = at(changed, way)
            there[key][rng.choice(["extra", "File", "sha256 ", "", "a\u202e"])] = 1
            yield f"{way} with a key more", signed(written(changed))
        if isinstance(container[key], list):
            for more in (container[key] * 2, container[key][:-1], [*container[key], None]):
                yield replaced(manifest, way, deepcopy(more))


def rules(manifest: dict[str, Any]) -> Iterator[Change]:
    """What a field's own rule decides."""
    for way, container, key in list(places(manifest)):
        value = container[key]
        if key in ("file", "pixels"):
            values: tuple[object, ...] = _PATHS
        elif str(key).endswith("sha256") or key == "digest":
            values = _HASHES
        elif key == "name" and ("input" in way or "output" in way):
            values = _NAMES
        elif isinstance(value, (int, float)) and "probabilities" not in way:
            values = tuple(v for v in _VALUES if isinstance(v, (int, float, bool)))
            values += tuple(literal(text) for text in ("1E0", "1e400", "-0", "0.5e1", "1.0"))
        elif isinstance(value, str) and key in ("kind", "dtype", "layout", "interpolation"):
            values = ("plain", "neural-engine", "neural_engine")
            values += ("tensor", "image", "dictionary", "float32", "float16", "uint8", "int8")
            values += ("NCHW", "NHWC", "NC", "bilinear", "bicubic", "Tensor", "tensor ", "")
        elif isinstance(value, list):
            values = ([], value[:1], value + value)
        else:
            continue
        for value in values:
            yield replaced(manifest, way, value)


def together(manifest: dict[str, Any]) -> Iterator[Change]:
    """What several fields decide together."""
    count, (H, W) = manifest["labels"]["count"], manifest["preprocessing"]["image_size"]

    def change(what: str, **values: object) -> Change:
        changed = deepcopy(manifest)
        for way, value in values.items():
            container, key = at(changed, way.replace("__", "."))
            container[key] = value
        return what, signed(written(changed))

    for labels in (1, count - 1, count + 1, 1000):
        every: dict[str, object] = {f"golden__{i}__probabilities": [0.5] * labels for i in range(2)}
        every |= {f"artifacts__{i}__output__shape": [1, labels] for i in range(2)}
        every |= {"labels__count": labels, "classes": ["c"] * labels}
        yield change(f"{labels} labels everywhere", **every)
        for left in every:
            some = {way: value for way, value in every.items() if way != left}
            yield change(f"{labels} labels, but for {left}", **some)
        yield change(f"{labels} labels, no classes", **(every | {"classes": []}))
    for height, width in ((32, 32), (H + 1, W), (H, W + 32), (4096, 32), (31, 32), (32, 4097)):
        size = {"preprocessing__image_size": [height, width]}
        for layout, shape in (
            ("NHWC", [1, height, width, 3]),
            ("NHWC", [-1, height, width, 3]),
            ("NHWC", [2**31 - 1, height, width, 3]),
            ("NHWC", [height, width, 3]),
            ("NHWC", [1, 3, height, width]),
            ("NHWC", [1, width, height, 3]),
            ("NHWC", [1, height, width, 1]),
            ("NHWC", [1, height, width, 3, 1]),
            ("NCHW", [1, 3, height, width]),
            ("NCHW", [0, 3, height, width]),
            ("NCHW", [1, height, width, 3]),
            ("NC", [1, height, width, 3]),
            ("NC", []),
            ("NC", [1]),
        ):
            inputs: dict[str, object] = {}
            for i in range(2):
                inputs |= {f"artifacts__{i}__input__layout": layout}
                inputs |= {f"artifacts__{i}__input__shape": shape}
            yield change(f"{height}x{width} for {layout} {shape}", **size, **inputs)
    for shape in ([count], [], [1, 1, count], [count, 1], [2**31 - 1, -1, 0, count], [1, 2, 3]):
        yield change(f"an output of {shape}", artifacts__0__output__shape=shape)
    file = manifest["artifacts"][0]["file"]
    yield change("one file twice", artifacts__1__file=file)
    yield change("another case", artifacts__1__file=file.upper())
    yield change("labels as an artifact", labels__file=file)
    yield change("one golden twice", golden__1__file=manifest["golden"][0]["file"])


def versions(manifest: dict[str, Any]) -> Iterator[Change]:
    """The schema's version, which decides before all else."""
    broken = manifest | {"model": None}
    for value in (2, 0, -1, 10**400, literal("1e0"), literal("-0"), 1.0, True, "1", None, [1], 1.5):
        yield replaced(manifest, "schema_version", value)
        yield replaced(broken, "schema_version", value)
    for first, second in ((1, 2), (2, 1), ("x", 1), (1, "x")):
        text = written(manifest).replace(
            b'"schema_version": 1',
            f'"schema_version": {first}, "schema_version": {second}'.encode(),
        )
        yield f"version {first}, then {second}", signed(text.replace(b": x", b': "x"'))
    yield "only a version", b'{"schema_version": 1}'
    yield "only a newer version", b'{"schema_version": 2}'
    for content in (b"[]", b"null", b"1", b'"x"', b"{}", b"", b" ", b"\0", b"NaN"):
        yield ascii(content), content


def digests(manifest: dict[str, Any]) -> Iterator[Change]:
    """How it is signed."""
    text = written(manifest)
    good = signed(text)
    digest = hashlib.sha256(text).hexdigest()
    yield "unsigned", text
    yield "signed", good
    yield "signed twice", signed(good)
    yield "a wrong digest", text.replace(_UNSIGNED, _SHA.encode())
    yield "without a digest", written({k: v for k, v in manifest.items() if k != "digest"})
    yield "in capitals", good.replace(digest.encode(), digest.upper().encode())
    yield "escaped", good.replace(digest.encode(), f"\\u{ord(digest[0]):04x}{digest[1:]}".encode())
    first = {"digest": manifest["digest"]} | manifest
    yield "the digest first", signed(written(first))
    yield (
        "zeros in the recipe",
        signed(written(manifest | {"model": manifest["model"] | {"recipe": {"a": "0" * 64}}})),
    )
    zeros = written(manifest | {"created": "0" * 64})
    yield "zeros before it", signed(zeros)
    last = {k: v for k, v in first.items() if k != "conformance"}
    tests = deepcopy(manifest["conformance"])
    tests[-1]["tests"] = "0" * 64
    yield "zeros after it", signed(written(last | {"conformance": tests}))
    tests[-1]["tests"] = digest
    yield "its digits after it", signed(written(last | {"conformance": tests}))
    for indent in (None, 0, 1, 2, "\t"):
        lines = written(manifest, indent=indent) + b"\n"
        yield f"indent {indent!r}", signed(lines)
        yield f"indent {indent!r}, CRLF later", signed(lines).replace(b"\n", b"\r\n")
        yield f"indent {indent!r}, CRLF before", signed(lines.replace(b"\n", b"\r\n"))
        yield f"indent {indent!r}, CR later", signed(lines).replace(b"\n", b"\r")
        mixed = signed(lines.replace(b"\n", b"\r\n", 1)).replace(b"\n", b"\r\n")
        yield f"indent {indent!r}, CR twice", mixed
    compact = written(manifest, separators=(",", ":"))
    yield "compact", signed(compact)
    yield "compact, a space later", signed(compact) + b" "
    yield "keys sorted", signed(written(manifest, sort_keys=True))
    yield "in ASCII", signed(json.dumps(manifest).encode())


def syntax(manifest: dict[str, Any]) -> Iterator[Change]:
    """What is JSON and what is none, in the recipe, around the manifest and in a key."""
    for value in _SYNTAX:
        yield replaced(manifest, "model.recipe.epochs", literal(value))
    text = written(manifest)
    for around in _AROUND:
        yield f"{around!r} before", signed(around + text)
        yield f"{around!r} after", signed(text + around)
    for encoding in ("utf-16", "utf-16-le", "utf-32", "utf-7"):
        yield encoding, signed(text).decode().encode(encoding)
    for content in _NOT_UTF8:
        for where, damaged in (
            ("in text", b'"new": "' + content + b'", "epochs"'),
            ("in a key", b'"' + content + b'"'),
            ("between", content + b'"epochs"'),
        ):
            yield f"{content!r} {where}", signed(text.replace(b'"epochs"', damaged))
    for key in ("\\ud800", "\\u0065pochs", "\\n", "a\tb", "é", "\ufeff", ""):
        yield f"key {key!r}", signed(text.replace(b'"epochs"', f'"{key}"'.encode()))
    yield "an escaped field", signed(text.replace(b'"labels"', b'"l\\u0061bels"'))
    yield "an escaped extra", signed(text.replace(b'"epochs"', b'"\\u001b"'))


def damage(manifest: dict[str, Any], rng: random.Random) -> Iterator[Change]:
    """Bytes that change, go or come, signed as before and signed anew."""
    text = written(manifest)
    end = text.rindex(_UNSIGNED)
    for _ in range(150):
        place, bit = rng.randrange(end), rng.randrange(8)
        changed = bytearray(text)
        changed[place] ^= 1 << bit
        yield f"bit {bit} of byte {place}, signed", signed(bytes(changed))
        changed = bytearray(signed(text))
        changed[place] ^= 1 << bit
        if place % 4 == 0:
            yield f"bit {bit} of byte {place}", bytes(changed)
    for _ in range(60):
        place, more = rng.randrange(end), rng.choice(b'{}[],:"\\ \n019.eE-x\x00\xff')
        without = text[:place] + text[place + 1 :]
        yield f"without byte {place}", signed(without)
        yield f"{more} before byte {place}", signed(text[:place] + bytes([more]) + text[place:])
    for _ in range(25):
        place = rng.randrange(len(text))
        yield f"the first {place} bytes", signed(text)[:place]
    for _ in range(150):
        changed_twice = deepcopy(manifest)
        for _ in range(2):
            _, container, key = rng.choice(list(places(changed_twice)))
            container[key] = rng.choice(_VALUES)
        yield "two values", signed(written(changed_twice))


def harmless(manifest: dict[str, Any], rng: random.Random) -> Iterator[Change]:
    """What no reader may refuse."""
    for _ in range(200):
        changed = deepcopy(manifest)
        for way, container, key in list(places(changed)):
            value = container[key]
            if way.endswith(_NULLABLE) and rng.random() < 0.3:
                container[key] = None
            elif isinstance(value, float) and rng.random() < 0.3:
                container[key] = rng.choice([0, 1, 0.5, literal("5e-1"), literal("1.0E+0"), 0.99])
            elif key in ("created", "sdk_version", "format", "tests", "runtime", "worst_image"):
                container[key] = rng.choice(["", "é", "😀", "\0\n\u2028", "a" * 500, value])
            elif key in ("images", "parameters", "epochs") and rng.random() < 0.3:
                least = 1 if ".calibration." in way else 0
                container[key] = rng.choice([least, 1, 2**63, 10**400])
            elif key in _OPTIONAL and rng.random() < 0.3:
                del container[key]
        for name in ("scale", "mean", "std", "crop_fraction", "interpolation", "channels"):
            if rng.random() < 0.3:
                changed["preprocessing"].pop(name)
        changed["preprocessing"].pop("scale", None)
        keys = list(changed)
        rng.shuffle(keys)
        yield "harmless", signed(written({key: changed[key] for key in keys}))


def corpus(manifest: dict[str, Any], seed: int = 0) -> Iterator[Change]:
    """Each content once."""
    rng = random.Random(seed)
    base = small(manifest)
    seen: set[bytes] = set()
    for changes in (
        digests(base),
        versions(base),
        together(base),
        syntax(base),
        damage(base, rng),
        harmless(base, rng),
        structure(base, rng),
        rules(base),
    ):
        for change, content in changes:
            if content not in seen:
                seen.add(content)
                yield change, content


def main(bundle: Path, out: Path) -> None:
    with tempfile.TemporaryDirectory() as folder, atomic_file(out) as aside:
        place = Path(folder) / MANIFEST_FILE
        accepted = written_lines = 0
        with aside.open("w", encoding="ascii") as lines:
            originals = [("as it is", (bundle / MANIFEST_FILE).read_bytes())]
            for change, content in (*originals, *corpus(json.loads(originals[0][1]))):
                place.write_bytes(content)
                message = None
                try:
                    read_manifest(place.parent)
                    accepted += 1
                except BundleError as error:
                    message = error.message.replace(str(place), MANIFEST_FILE)
                line = {"change": change, "message": message}
                line["content"] = base64.b64encode(content).decode()
                lines.write(json.dumps(line) + "\n")
                written_lines += 1
    print(f"{written_lines} manifests, {accepted} of them accepted")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
