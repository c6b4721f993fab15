"""Exporting a suite: what is kept, what is made again, and what a converter refuses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from mobilevit.bundle import MANIFEST_FILE, read_manifest
from mobilevit.errors import InputError
from mobilevit.models import registry
from mobilevit_benchmarks import ProtocolSettings, benchmark
from mobilevit_benchmarks.suites.preparation import RECORD_FILE, Entry, Prepared, prepare

TINY = Entry(
    name="tiny",
    label="Tiny",
    model="mobilevit_xxs",
    family="MobileViT",
    image_size=64,
    role="quick to export",
    config={"transformer_depths": (1, 1, 1)},
)
REFUSED = Entry("refused", "Refused", "stubborn", "CNN", 32, "no converter takes it")


@dataclass(frozen=True)
class StubbornConfig:
    num_classes: int = 1000
    interrupt: bool = False


class Stubborn(nn.Module):
    """What it computes depends on what it is given, which no graph can hold."""

    def __init__(self, config: StubbornConfig) -> None:
        super().__init__()
        self.config = config
        self.classifier = nn.Linear(3, config.num_classes)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.classifier(x.mean((2, 3)))
        if x.device.type == "meta":  # is counted
            return y
        if self.config.interrupt:
            raise KeyboardInterrupt
        return y * (1 if float(x.mean()) > 0 else 2)


@pytest.fixture(scope="module", autouse=True)
def stubborn() -> Iterator[None]:
    registry._MODELS["stubborn"] = registry.ModelEntry("stubborn", Stubborn, StubbornConfig)
    yield
    del registry._MODELS["stubborn"]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> list[Prepared]:
    return prepare([REFUSED, TINY], tmp_path_factory.mktemp("suite"), report=lambda line: None)


def run(entry: Entry, folder: Path) -> str:
    """The one line that is reported."""
    lines: list[str] = []
    prepare([entry], folder, report=lines.append)
    (line,) = lines
    return line


def test_what_converters_refuse_has_its_reason_and_the_others_go_on(
    prepared: list[Prepared],
) -> None:
    refused, tiny = prepared
    assert not refused.bundles
    assert set(refused.record.refused) == {"onnx", "tflite"}
    assert "converting to tflite fp32 failed" in refused.record.refused["tflite"]
    assert refused.subjects() == []
    assert not tiny.record.refused
    for format, bundle in tiny.bundles.items():
        (artifact,) = read_manifest(bundle).artifacts
        assert (artifact.format, artifact.precision) == (format, "fp32")
        assert artifact.input.shape == (1, 64, 64, 3)
        assert artifact.output.shape == (1, 1000)


def test_a_record_tells_the_cost_of_what_was_exported(prepared: list[Prepared]) -> None:
    model = registry.create_model("mobilevit_xxs", transformer_depths=(1, 1, 1))
    record = prepared[1].record
    assert record.parameters == sum(p.numel() for p in model.parameters())
    assert 0 < record.multiply_adds < 0.407e9 / 16  # of the whole XXS, at a sixteenth of the area
    assert not record.resizes


def test_the_artifacts_can_be_timed_on_both_runtimes(prepared: list[Prepared]) -> None:
    settings = ProtocolSettings(
        launches=1,
        rounds=1,
        warmup_min_runs=1,
        warmup_min_s=0,
        warmup_cap_s=0.1,
        round_min_runs=1,
        round_min_s=0,
    )
    subjects = [subject for each in prepared for subject in each.subjects()]
    result = benchmark(subjects, settings=settings, report=lambda line: None)
    timed = [(m.model.name, m.runtime) for m in result.measurements]
    assert timed == [("tiny", "onnxruntime"), ("tiny", "litert")]


def test_what_is_there_is_kept(prepared: list[Prepared]) -> None:
    home = prepared[1].bundles["onnx"].parent
    before = (home / "onnx" / MANIFEST_FILE).stat().st_mtime_ns
    again = prepare([REFUSED, TINY], home.parent, report=lambda line: None)
    assert (home / "onnx" / MANIFEST_FILE).stat().st_mtime_ns == before
    assert again == prepared
    # names for people are no reason to export again
    assert "there already" in run(replace(TINY, label="Other", role="other"), home.parent)


def test_what_was_made_from_something_else_is_made_again(tmp_path: Path) -> None:
    assert "exported as nothing" in run(REFUSED, tmp_path)
    assert "there already" in run(REFUSED, tmp_path)
    assert "exported" in run(replace(REFUSED, image_size=64), tmp_path)
    assert "exported" in run(REFUSED, tmp_path)
    record = tmp_path / REFUSED.name / RECORD_FILE
    record.write_text(record.read_text().replace('"stamp": "', '"stamp": "0'))  # of other sources
    assert "exported" in run(REFUSED, tmp_path)
    record.write_text("{")
    assert "exported" in run(REFUSED, tmp_path)
    assert "there already" in run(REFUSED, tmp_path)


def test_after_an_interruption_what_was_finished_is_kept(tmp_path: Path) -> None:
    interrupted = replace(REFUSED, name="interrupted", config={"interrupt": True})
    lines: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        prepare([REFUSED, interrupted], tmp_path, report=lines.append)
    assert len(lines) == 1
    assert [path.name for path in tmp_path.iterdir()] == [REFUSED.name]  # and no half of the other
    assert "there already" in run(REFUSED, tmp_path)


def test_a_mistake_in_a_table_is_no_refusal(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown model"):
        run(replace(REFUSED, model="mobilevit_xxxs"), tmp_path)
    with pytest.raises(InputError, match="unknown config field"):
        run(replace(TINY, config={"patch": (2, 2, 2)}), tmp_path)
    assert not list(tmp_path.iterdir())


def test_drawing_weights_leaves_torchs_generator_alone(tmp_path: Path) -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    run(REFUSED, tmp_path)
    assert torch.equal(torch.rand(3), expected)
