"""The bundle and the photo that every install is asked about, and the table of what it took."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from adbutils import AdbClient
from rich import box
from rich.console import Console
from rich.table import Table

from mobilevit_benchmarks import Subject
from mobilevit_export.photos import packaged_part
from tests.devices.android_rig import adb_server
from tests.devices.benchmarks import tiny_subject
from tests.devices.installs import REPOSITORY, Install, Row, development
from tests.mobilevit_export.damage import onnx_weight, tflite_weight

SCRATCH = REPOSITORY / "build" / "devices"
ROWS = pytest.StashKey[list[Row]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--bundle", type=Path, default=SCRATCH / "bundle", help="bundle to test with")
    parser.addoption("--devices-json", type=Path, help="write the table of installs to this file")


@pytest.fixture(scope="session")
def bundle(pytestconfig: pytest.Config) -> Path:
    folder: Path = pytestconfig.getoption("bundle").absolute()
    if not (folder / "manifest.json").is_file():
        pytest.fail(f"there is no bundle in `{folder}`; `make test-devices` makes one")
    return folder


@pytest.fixture(scope="session")
def damaged(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the bundle with one weight of each fp32 artifact flipped."""
    folder = shutil.copytree(bundle, tmp_path_factory.mktemp("damaged") / "bundle")
    onnx_weight(next(folder.glob("*_fp32.onnx")))
    tflite_weight(next(folder.glob("*_fp32.tflite")))
    return folder


@pytest.fixture(scope="session")
def photo() -> Path:
    SCRATCH.mkdir(parents=True, exist_ok=True)
    path = SCRATCH / "photo.png"
    packaged_part("china.jpg", 1).save(path)
    return path


@pytest.fixture
def adb() -> Iterator[AdbClient]:
    with adb_server() as client:
        yield client


@pytest.fixture
def tiny(tmp_path: Path) -> Subject:
    return tiny_subject(tmp_path / "tiny.onnx")


@pytest.fixture(scope="session")
def here() -> Install:
    return development()


@pytest.fixture(scope="session")
def rows(pytestconfig: pytest.Config) -> Iterator[list[Row]]:
    """Rows of the table; it is shown when the tests are done."""
    pytestconfig.stash[ROWS] = []
    yield pytestconfig.stash[ROWS]
    path = pytestconfig.getoption("devices_json")
    if path is not None:
        path.write_text(json.dumps([asdict(row) for row in pytestconfig.stash[ROWS]], indent=2))


def pytest_terminal_summary(config: pytest.Config) -> None:
    rows = config.stash.get(ROWS, [])
    if not rows:
        return
    table = Table(
        box=box.SIMPLE_HEAD,
        title="The Python client: medians of fresh processes",
        title_justify="left",
        pad_edge=False,
    )
    for heading in ("install", "runtime", "artifact", "answer"):
        table.add_column(heading, no_wrap=True)
    for heading in ("import, ms", "load and first label, ms", "peak memory, MB", "installed, MB"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in sorted(rows, key=lambda row: (row.import_ms is None, row.install)):
        table.add_row(
            row.install,
            row.runtime,
            row.artifact,
            row.answer,
            _figure(row.import_ms, 1, 1),
            _figure(row.first_label_ms, 1, 0),
            _figure(row.peak_bytes, 1e6, 0),
            _figure(row.installed_bytes, 1e6, 0),
        )
    Console(width=170, highlight=False).print(table)


def _figure(value: float | None, unit: float, digits: int) -> str:
    return "-" if value is None else f"{value / unit:.{digits}f}"
