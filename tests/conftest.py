"""What several test files share."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from mobilevit.checkpoint import Checkpoint
from mobilevit.models import create_model
from mobilevit.preprocessing import Preprocessing
from mobilevit_export import ExportResult, export
from mobilevit_export.photos import packaged_photos
from mobilevit_export.verify import photo_pixels

SHARED_DATA = Path(os.environ.get("MOBILEVIT_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_arrives() -> None:
    """Shells have what they start in the background ignore it, and its children too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def imagenette() -> Path:
    folder = SHARED_DATA / "imagenette2-224"
    if not folder.is_dir():
        pytest.skip(f"needs Imagenette in `{folder}`")
    return folder


@cache
def sample_pixels(count: int = 4, size: int = 256) -> Tensor:
    """Real photos, float32 (count, 3, size, size), RGB, 0..1"""
    record = Preprocessing(image_size=(size, size))
    pixels = photo_pixels(packaged_photos(count), record)  # [count, size, size, 3]
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float().contiguous() / 255


@torch.no_grad()
def liven(model: nn.Module, seed: int = 0) -> nn.Module:
    """Weights on which every part reaches the output, attention too.

    Unit gain, busy norms, and batch statistics of real photos. With a fresh initialisation,
    zeroing K changes the output by some 1e-6.
    """
    generator = torch.Generator().manual_seed(seed)
    model.eval()
    for module in model.modules():
        if isinstance(module, nn.Linear):
            module.weight.normal_(std=module.in_features**-0.5, generator=generator)
            module.bias.normal_(std=0.1, generator=generator)
        elif isinstance(module, nn.Conv2d):
            fan_in = module.weight[0].numel()
            module.weight.normal_(std=(2 / fan_in) ** 0.5, generator=generator)
        elif isinstance(module, (nn.BatchNorm2d, nn.LayerNorm)):
            module.weight.uniform_(0.5, 1.5, generator=generator)
            module.bias.normal_(std=0.2, generator=generator)
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
            module.train()
    model(sample_pixels())
    return model.eval()


@pytest.fixture(scope="session")
def small_checkpoint() -> Checkpoint:
    """A MobileViT with one transformer layer a stage, 64 pixels, 5 classes; quick to export."""
    model = create_model("mobilevit_xxs", num_classes=5, transformer_depths=(1, 1, 1))
    return Checkpoint(
        name="mobilevit_xxs",
        model=liven(model),
        labels=["anchor", "bell", "cup", "door", "engine"],
        preprocessing=Preprocessing(image_size=(64, 64)),
    )


def quiet_export(checkpoint: Checkpoint, out: Path, **options: object) -> ExportResult:
    return export(checkpoint, out, report=lambda line: None, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def exported(small_checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of every format in fp32 and fp16. Not to be changed."""
    out = tmp_path_factory.mktemp("export") / "bundle"
    result = quiet_export(small_checkpoint, out, images=8)
    assert not result.failures, [a.record.parity.faults for a in result.failures]
    return out


@pytest.fixture
def bundle(exported: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may damage."""
    return shutil.copytree(exported, tmp_path / "bundle")


def write_photos(root: Path, classes: tuple[str, ...], count: int, side: int = 48) -> Path:
    """Image folders that can be told apart: each class is a pattern of its own, with noise."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:side, :side]
    for index, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for number in range(count):
            wave = np.sin((rows if index % 2 else columns) * (0.3 + 0.4 * index) + number)
            pixels = np.stack([wave, -wave, wave * (index - 1)], axis=-1) * 90 + 128
            pixels = np.clip(pixels + rng.normal(0, 20, pixels.shape), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number}.jpg")
    return root


def interrupt(process: subprocess.Popen[str]) -> str:
    """Press Ctrl-C, again if it fell where Python ignores exceptions; standard error."""
    for _ in range(3):
        process.send_signal(signal.SIGINT)
        try:
            return process.communicate(timeout=40)[1]
        except subprocess.TimeoutExpired:
            continue
    process.kill()
    raise AssertionError("three interrupts did not end the process")


@pytest.fixture
def photo_folder(tmp_path: Path) -> Iterator[Path]:
    root = tmp_path / "photos"
    for part, count in (("train", 16), ("val", 6)):
        write_photos(root / part, ("a", "b", "c"), count)
    yield root
