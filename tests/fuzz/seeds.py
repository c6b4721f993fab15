"""What fuzzing starts from: small images of every kind that is read, and a small whole bundle."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from mobilevit.bundle import (
    LABELS_FILE,
    ArtifactRecord,
    ConformanceRecord,
    GoldenRecord,
    Manifest,
    ModelRecord,
    ParityRecord,
    PixelTolerance,
    TensorRecord,
    ToleranceRecord,
    hash_artifact,
    write_labels,
    write_manifest,
)
from mobilevit.preprocessing import Preprocessing

ORIENTATION = 0x0112
DESCRIPTION = 0x010E

_TIFF_COMPRESSIONS = ("raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "jpeg", "group4")


def photo(width: int = 24, height: int = 17) -> Image.Image:
    """A gradient with some noise, RGB."""
    rows, columns = np.mgrid[:height, :width]
    pixels = np.stack([rows * 7, columns * 9, rows * columns], axis=-1) % 256
    noise = np.random.default_rng(0).integers(0, 16, pixels.shape)
    return Image.fromarray(((pixels + noise) % 256).astype(np.uint8))


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """The bytes of an image file."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def exif(orientation: int = 6) -> Image.Exif:
    tags = Image.Exif()
    tags[ORIENTATION] = orientation
    tags[DESCRIPTION] = "a photo"
    tags.get_ifd(0x8769)[0x9003] = "2026:01:01 00:00:00"
    tags.get_ifd(0x8825)[2] = (48.0, 8.0, 0.0)
    return tags


def image_files() -> dict[str, bytes]:
    """Name -> bytes of an intact file, at least one for each decoder that `open_image` reaches."""
    rgb = photo()
    gray = rgb.convert("L")
    deep = Image.fromarray((np.asarray(gray).astype(np.uint16) << 8) | 255)
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "of no account")
    text.add_itxt("XML:com.adobe.xmp", '<x tiff:Orientation="6"/>', zip=True)
    text.add_text("Long", "a" * 300, zip=True)
    files = {
        "rgb.jpg": encoded(rgb, "JPEG"),
        "exif.jpg": encoded(rgb, "JPEG", exif=exif(), dpi=(72, 72)),
        "progressive.jpg": encoded(rgb, "JPEG", progressive=True, comment=b"hello"),
        "gray.jpg": encoded(gray, "JPEG"),
        "cmyk.jpg": encoded(rgb.convert("CMYK"), "JPEG"),
        "two.mpo": encoded(rgb, "MPO", save_all=True, append_images=[rgb]),
        "rgb.png": encoded(rgb, "PNG"),
        "exif.png": encoded(rgb, "PNG", exif=exif(), dpi=(72, 72)),
        "text.png": encoded(rgb, "PNG", pnginfo=text, icc_profile=b"profile"),
        "gray-16.png": encoded(deep, "PNG"),
        "alpha.png": encoded(rgb.convert("RGBA"), "PNG"),
        "gray-alpha.png": encoded(rgb.convert("LA"), "PNG"),
        "palette.png": encoded(rgb.quantize(16), "PNG", transparency=3, bits=4),
        "bits.png": encoded(rgb.convert("1"), "PNG"),
        "frames.png": encoded(rgb, "PNG", save_all=True, append_images=[rgb.rotate(9)]),
        "lossy.webp": encoded(rgb, "WEBP", exif=exif()),
        "lossless.webp": encoded(rgb.convert("RGBA"), "WEBP", lossless=True),
        "frames.webp": encoded(rgb, "WEBP", save_all=True, append_images=[rgb.rotate(9)]),
        "rgb.avif": encoded(rgb, "AVIF", exif=exif()),
        "alpha.avif": encoded(rgb.convert("RGBA"), "AVIF"),
        "palette.gif": encoded(rgb.quantize(16), "GIF", comment=b"hello"),
        "frames.gif": encoded(
            rgb, "GIF", save_all=True, append_images=[rgb.rotate(90)], disposal=2, loop=0
        ),
        "rgb.bmp": encoded(rgb, "BMP"),
        "palette.bmp": encoded(rgb.quantize(16), "BMP"),
        "alpha.bmp": encoded(rgb.convert("RGBA"), "BMP"),
        "runs.bmp": run_length_bmp(5, 3, b"\x05\x01\0\0\x03\x02\0\0\0\x02\x01\x01\0\x01"),
        "frames.tif": encoded(rgb, "TIFF", save_all=True, append_images=[rgb], exif=exif()),
        "gray-16.tif": encoded(deep, "TIFF"),
        "palette.tif": encoded(rgb.quantize(16), "TIFF"),
        "cmyk.tif": encoded(rgb.convert("CMYK"), "TIFF"),
        "lab.tif": encoded(Image.new("LAB", (9, 7)), "TIFF"),
        "floats.tif": encoded(gray.convert("F"), "TIFF"),
        "tiles.tif": tiled_tiff(),
        "rgb.ppm": encoded(rgb, "PPM"),
        "gray.pgm": encoded(gray, "PPM"),
        "bits.pbm": encoded(rgb.convert("1"), "PPM"),
        "floats.pfm": encoded(gray.convert("F"), "PPM"),
        "ascii.ppm": b"P3 # text\n2 2\n255\n1 2 3 4 5 6\n7 8 9 10 11 12\n",
        "ascii.pgm": b"P2\n2 2\n65535\n1 2 3 4\n",
        "ascii.pbm": b"P1\n2 2\n0 1 1 0\n",
    }
    for compression in _TIFF_COMPRESSIONS:
        image = rgb.convert("1") if compression == "group4" else rgb
        files[f"{compression}.tif"] = encoded(image, "TIFF", compression=compression)
    return files


def run_length_bmp(width: int, height: int, data: bytes) -> bytes:
    """A BMP of 8 bits a pixel with a palette of gray, compressed by runs (BI_RLE8)."""
    palette = bytes(value for level in range(256) for value in (level, level, level, 0))
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(data), 0, 0, 256, 256)
    offset = 14 + len(header) + len(palette)
    start = struct.pack("<2sIHHI", b"BM", offset + len(data), 0, 0, offset)
    return start + header + palette + data


def tiled_tiff(side: int = 32, tile: int = 16) -> bytes:
    """A little-endian TIFF of gray, in tiles without compression."""
    tiles = (side // tile) ** 2
    pixels = bytes(range(256)) * (tiles * tile * tile // 256)
    count = 9
    lists = 8 + 2 + 12 * count + 4
    starts = (lists + 8 * tiles + i * tile * tile for i in range(tiles))
    offsets = struct.pack(f"<{tiles}I", *starts)
    sizes = struct.pack(f"<{tiles}I", *[tile * tile] * tiles)
    tags = [(256, 4, 1, side), (257, 4, 1, side), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    tags += [(322, 4, 1, tile), (323, 4, 1, tile)]
    tags += [(324, 4, tiles, lists), (325, 4, tiles, lists + 4 * tiles)]
    directory = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    header = struct.pack("<2sHIH", b"II", 42, 8, count)
    return header + directory + bytes(4) + offsets + sizes + pixels


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of these chunks, with right checksums."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def png_header(width: int, height: int, bits: int = 8, colour: int = 2) -> tuple[bytes, bytes]:
    return b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)


def write_bundle(folder: Path) -> Manifest:
    """A whole bundle of some KB; its artifacts are bytes that no runtime takes."""
    (folder / "golden").mkdir(parents=True)
    package = folder / "model.mlpackage" / "Data" / "com.apple.CoreML"
    (package / "weights").mkdir(parents=True)
    (folder / "model.onnx").write_bytes(bytes(range(256)) * 4)
    (folder / "model.mlpackage" / "Manifest.json").write_text('{"fileFormatVersion": "1.0.0"}')
    (package / "model.mlmodel").write_bytes(b"program" * 20)
    (package / "weights" / "weight.bin").write_bytes(bytes(range(256)) * 8)
    record = Preprocessing(image_size=(32, 32), crop_fraction=1.0)
    photo(32, 32).save(folder / "golden" / "0.png")
    photo(32, 32).save(folder / "golden" / "0.pixels.png")
    source = TensorRecord(
        name="image", shape=(1, 32, 32, 3), dtype="uint8", layout="NHWC", range=(0, 255)
    )
    target = TensorRecord(
        name="probabilities", shape=(1, 2), dtype="float32", layout="NC", range=(0, 1)
    )
    parity = ParityRecord(
        runtime="onnxruntime",
        runtime_version="1",
        images=1,
        image_source="a photo",
        max_abs_difference=0,
        top1_agreement=1,
        psnr_db=None,
        worst_image="0.png",
        tolerance=ToleranceRecord(max_abs_difference=0.1, top1_agreement=0.9, psnr_db=40),
    )
    artifacts = []
    for kind in ("onnx", "mlpackage"):
        sha256, size = hash_artifact(folder / f"model.{kind}")
        artifacts.append(
            ArtifactRecord(
                file=f"model.{kind}",
                format=kind,
                precision="fp32",
                sha256=sha256,
                size=size,
                input=source,
                output=target,
                parity=parity,
                tools={"converter": "1"},
            )
        )
    image_sha256 = hash_artifact(folder / "golden" / "0.png")[0]
    exact = PixelTolerance(max_difference=0, mean_difference=0)
    manifest = Manifest(
        created="2026-01-01T00:00:00+00:00",
        sdk_version="0",
        model=ModelRecord(
            name="mobilevit_xxs",
            parameters=1,
            checkpoint="c.safetensors",
            checkpoint_sha256=None,
            recipe={"epochs": 1, "crop_scale": [0.25, 1.0], "nested": {"a": None}},
            measured={"top1": 0.5},
        ),
        preprocessing=record,
        labels=write_labels(folder, ["left", "right"]),
        classes=("l", "r"),
        artifacts=tuple(artifacts),
        golden=(
            GoldenRecord(file="golden/0.png", sha256=image_sha256, probabilities=(0.25, 0.75)),
        ),
        conformance=(
            ConformanceRecord(
                file="golden/0.png",
                sha256=image_sha256,
                pixels="golden/0.pixels.png",
                pixels_sha256=hash_artifact(folder / "golden" / "0.pixels.png")[0],
                tests="nothing to resize",
                same_kernel=exact,
                other_kernel=exact,
            ),
        ),
    )
    write_manifest(folder, manifest)
    return manifest


def record_anew(bundle: Path, manifest: Manifest) -> None:
    """Write the manifest again, with the hashes of the files as they are now."""

    def sha256(file: str) -> str:
        return hash_artifact(bundle / file)[0]

    update: dict[str, object] = {
        "labels": manifest.labels.model_copy(update={"sha256": sha256(LABELS_FILE)}),
        "artifacts": tuple(
            a.model_copy(update={"sha256": sha256(a.file)}) for a in manifest.artifacts
        ),
        "golden": tuple(g.model_copy(update={"sha256": sha256(g.file)}) for g in manifest.golden),
        "conformance": tuple(
            c.model_copy(update={"sha256": sha256(c.file), "pixels_sha256": sha256(c.pixels)})
            for c in manifest.conformance
        ),
    }
    write_manifest(bundle, manifest.model_copy(update=update))
