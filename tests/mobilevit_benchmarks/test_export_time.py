"""The export benchmark times what it says, and refuses what it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobilevit.errors import InputError
from mobilevit_benchmarks.export_time import CASES, convert_alone, main, table_of
from mobilevit_export import inspect

pytest.importorskip("timm", reason="needs the `peers` extra")


@pytest.mark.parametrize("rounds", ["0", "-1"])
def test_no_rounds_are_refused(rounds: str) -> None:
    with pytest.raises(InputError, match=f"cannot time {rounds} rounds"):
        main(["--rounds", rounds])


@pytest.mark.parametrize("model", ["mobilevit_none", "../../etc/passwd", ""])
def test_a_model_without_shipped_weights_is_refused(model: str) -> None:
    with pytest.raises(InputError):
        main(["--model", model, "--rounds", "1"])


@pytest.mark.parametrize("arguments", [["--rounds", "many"], ["--rounds"], ["more"]])
def test_other_arguments_are_a_usage_error(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2


def test_coremltools_writes_the_precision_that_is_told(tmp_path: Path) -> None:
    """Of a model whose conversion is quick."""
    for name, precision in (("coremltools", "float16"), ("coremltools fp32", "float32")):
        path = convert_alone(name, "test_resnet", (32, 32), 3, tmp_path / precision)
        largest = max(inspect(path).weights, key=lambda item: item.elements)
        assert largest.precision == precision


def test_a_row_has_the_median_and_both_ends() -> None:
    table = table_of({name: [5.0, 1.0, 2.0] for name in CASES})
    cells = [list(column.cells) for column in table.columns]
    assert cells[0] == list(CASES)
    assert set(cells[2]) == {"2.0"}
    assert set(cells[3]) == {"1.0 to 5.0"}
