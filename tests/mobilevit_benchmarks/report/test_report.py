"""Reports: what is read, what is compared, and what the files for machines say."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mobilevit.cli import app
from mobilevit.errors import InputError
from mobilevit_benchmarks.comparison import Verdict
from mobilevit_benchmarks.measurement import BenchmarkResult, Measurement, ModelFacts
from mobilevit_benchmarks.report import (
    make_report,
    read_results,
    render_markdown,
    write_csv,
)
from mobilevit_benchmarks.report.wording import Sentence
from mobilevit_benchmarks.statistics import summarize
from mobilevit_benchmarks.table import milliseconds
from tests.mobilevit_benchmarks.report.results import (
    MS,
    count,
    device,
    launch,
    measurement,
    result,
    sustained,
)


def written(folder: Path, *results: BenchmarkResult) -> list[Path]:
    paths = []
    for number, each in enumerate(results):
        paths.append(folder / f"{number}.json")
        each.write(paths[-1])
    return paths


def sentences(*results: BenchmarkResult) -> list[Sentence]:
    return [s for run in make_report(results).runs for s in run.sentences]


# reading


def test_results_are_read_in_the_order_of_their_dates(tmp_path: Path) -> None:
    paths = written(tmp_path, result(measurement(), day=5), result(measurement(), day=3))
    assert [each.created.day for each in read_results(paths)] == [3, 5]


def test_a_run_given_twice_is_taken_once_and_that_is_told(tmp_path: Path) -> None:
    told: list[str] = []
    paths = written(tmp_path, result(measurement()), result(measurement()))
    assert len(read_results(paths, told.append)) == 1
    assert told == [f"left out: `{paths[1]}` is the same run as `{paths[0]}`"]


def test_two_files_of_one_run_that_differ_are_refused(tmp_path: Path) -> None:
    paths = written(tmp_path, result(measurement()), result(measurement(ms=5)))
    with pytest.raises(InputError, match="are of the same run and differ") as caught:
        read_results(paths)
    assert all(str(path) in caught.value.message for path in paths)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text.replace('"schema_version":2', '"schema_version":1'),
        lambda text: "[]",
        lambda text: text.replace('"load_average":[0.5', '"load_average":[NaN'),
        lambda text: text.replace('"load_average":[0.5', '"load_average":[1e999'),
        lambda text: text.replace('"load_ns":50000000', '"load_ns":1' + 400 * "0"),
        lambda text: text.replace('"load_ns":50000000', f'"load_ns":{2**63}'),
    ],
    ids=["cut off", "old schema", "no record", "nan", "infinity", "huge", "above 64 bits"],
)
def test_a_damaged_file_is_named(tmp_path: Path, damage: Any) -> None:
    good, bad = written(tmp_path, result(measurement(), day=1), result(measurement()))
    bad.write_text(damage(bad.read_text()))
    with pytest.raises(InputError) as caught:
        read_results([good, bad])
    assert str(bad) in caught.value.message


def test_a_measurement_without_samples_is_refused(tmp_path: Path) -> None:
    [path] = written(tmp_path, result(measurement()))
    content = json.loads(path.read_text())
    for one in content["measurements"][0]["launches"]:
        one["rounds"] = []
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"measurements\.0: .*there are no rounds"):
        read_results([path])


def test_names_are_one_printable_line(tmp_path: Path) -> None:
    [path] = written(tmp_path, result(measurement("a\nb\x00c\u202ed")))
    content = json.loads(path.read_text())
    content["device"]["model"] = "half \ud800 a sign"
    path.write_text(json.dumps(content))
    [read] = read_results([path])
    assert read.measurements[0].name == "a b c d"
    assert read.device.model == "half   a sign"


def test_no_file_is_no_report() -> None:
    with pytest.raises(InputError, match="no result to report"):
        read_results([])


# verdicts


def noisy(name: str, ms: float, spread: float = 0) -> Measurement:
    """Five launches whose times lie `spread` apart, as a share."""
    launches = [launch(ms * (1 + spread * (i - 2)), range(5 * i, 5 * i + 5)) for i in range(5)]
    return measurement(name, launches=launches)


@pytest.mark.parametrize(
    ("case", "verdict", "claim", "figures"),
    [
        (noisy("b", 3, 0), Verdict.FASTER, "is faster than", "0.75 times as long"),
        (noisy("b", 5, 0), Verdict.SLOWER, "is slower than", "1.25 times as long"),
        (noisy("b", 4, 0), Verdict.WITHIN_NOISE, "takes as long as", "too small to matter"),
        (noisy("b", 4, 0.008), Verdict.NO_DIFFERENCE, "shows no difference from", "5%"),
        (noisy("b", 4, 0.1), Verdict.NOT_ENOUGH_DATA, "cannot be ranked against", "may hide in it"),
    ],
)
def test_wording_of_the_five_verdicts(
    case: Measurement, verdict: Verdict, claim: str, figures: str
) -> None:
    [sentence] = sentences(result(noisy("a", 4), case, sentinel=()))
    assert (sentence.verdict, sentence.claim) == (verdict, claim)
    assert (sentence.subject, sentence.reference) == ("b", "a")
    assert figures in sentence.figures
    assert sentence.word == str(verdict)


def test_no_winner_where_the_interval_spans_1() -> None:
    """The control: with the spread gone, the same case is slower."""
    steady = noisy("a", 4)
    [open_] = sentences(result(steady, noisy("b", 4.2, 0.1), sentinel=()))
    [shut] = sentences(result(steady, noisy("b", 4.2), sentinel=()))
    assert not {"faster", "slower"} & set(str(open_).split())
    assert "slower" in str(shut).split()


def test_fewer_instructions_are_not_faster() -> None:
    report = make_report([result(counts=(count("a"), count("b", 9 * 10**8)))])
    [sentence] = report.runs[0].sentences
    assert sentence.word == "fewer instructions"
    assert "faster" not in str(sentence)
    assert "a count, not a latency" in str(sentence)


@pytest.mark.parametrize(
    ("silent", "why"),
    [
        (sustained(throttles=True), "sustained load"),
        (
            result(measurement("a"), measurement("b", 8), device=device(emulated=True)),
            "emulated",
        ),
        (result(measurement()), "one case"),
        (result(measurement("a"), measurement("b", threads=2)), "nothing to compare"),
    ],
)
def test_where_there_is_no_verdict_it_is_said_why(silent: BenchmarkResult, why: str) -> None:
    [run] = make_report([silent]).runs
    assert not run.sentences
    assert why in (run.no_verdicts or "")


# several results


def test_one_device_on_several_days_is_a_history() -> None:
    report = make_report([result(measurement(ms=6), day=4), result(measurement(), day=2)])
    [history] = report.histories
    assert [day.created.day for day in history.days] == [2, 4]
    assert [round(day.summary.p50_ns / MS) for day in history.days] == [4, 6]
    assert history.latest.verdict is Verdict.SLOWER
    assert "2030-01-04" in history.latest.subject
    assert not report.across_devices


def test_devices_stand_side_by_side_and_are_never_compared() -> None:
    phone = device(address="android", model="Phone", chip="Chip 2")
    report = make_report([result(measurement()), result(measurement(ms=8), day=3, device=phone)])
    [case] = report.across_devices
    assert list(report.devices.values()) == ["Test Board, Chip 1", "Phone, Chip 2"]
    assert [round(row.summary.p50_ns / MS) for row in case.rows if row] == [4, 8]
    assert not report.histories
    assert not sentences(*(run.result for run in report.runs))


def test_two_devices_of_one_name_are_told_apart_by_their_address() -> None:
    other = device(address="ssh:two")
    report = make_report([result(measurement()), result(measurement(), day=3, device=other)])
    assert list(report.devices.values()) == [
        "Test Board, Chip 1, local",
        "Test Board, Chip 1, ssh:two",
    ]


def test_the_same_artifact_twice_in_one_run_is_no_history() -> None:
    assert not make_report([result(measurement(), measurement())]).histories


def test_emulated_times_are_neither_history_nor_point() -> None:
    emulated = device(emulated=True)
    facts = [ModelFacts(name=name, multiply_adds=adds) for name, adds in (("a", 1), ("b", 2))]
    cases = [measurement(model=model) for model in facts]
    days = [result(*cases, day=day, device=emulated) for day in (2, 3)]
    report = make_report(days)
    assert not report.histories and not report.by_multiply_adds
    assert make_report([result(*cases)]).by_multiply_adds  # control


def test_scatters_take_what_is_known() -> None:
    facts = [
        ModelFacts(name="a", multiply_adds=10**9, top1=0.7, data="x"),
        ModelFacts(name="b", multiply_adds=2 * 10**9, top1=0.8, data="x"),
        ModelFacts(name="c", top1=0.9, data="y"),
        ModelFacts(name="d"),
    ]
    report = make_report(
        [result(*(measurement(ms=i + 1, model=model) for i, model in enumerate(facts)))]
    )
    [by_accuracy] = report.by_accuracy  # `c` is of other photos, and alone
    assert [(p.x, round(p.y)) for p in by_accuracy.points] == [(1.0, 70), (2.0, 80)]
    [by_work] = report.by_multiply_adds
    assert [p.x for p in by_work.points] == [10**9, 2 * 10**9]
    assert by_work.correlation is None  # two models


def test_dates_of_any_zone_and_year() -> None:
    early = result(measurement(), created=datetime(1, 1, 1, tzinfo=UTC))
    late = result(measurement(), created=datetime(9999, 12, 31, 23, 59, tzinfo=UTC))
    assert [run.result for run in make_report([late, early]).runs] == [early, late]


# files


def test_the_command_writes_what_is_asked_for(tmp_path: Path) -> None:
    paths = [str(path) for path in written(tmp_path, result(measurement()))]
    wanted = {name: tmp_path / f"new/report.{name}" for name in ("html", "csv", "markdown")}
    options = [word for name, path in wanted.items() for word in (f"--{name}", str(path))]
    done = CliRunner().invoke(app, ["report", *paths, *options])
    assert done.exit_code == 0, done.stderr
    assert all(path.stat().st_size for path in wanted.values())
    assert not done.stdout
    table = CliRunner().invoke(app, ["report", *paths])
    assert "onnx fp32" in table.stdout


def test_the_command_names_a_file_it_cannot_read(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["report", str(tmp_path / "no.json"), "--html", "r.html"])
    assert done.exit_code == 2
    assert "no.json" in done.stderr


def test_csv_has_every_sample(tmp_path: Path) -> None:
    cases = (measurement("a"), measurement("b", 8, threads=2, batch=4))
    report = make_report([result(*cases)])
    write_csv(report, tmp_path / "s.csv")
    rows = list(csv.DictReader((tmp_path / "s.csv").open(newline="")))
    for case in cases:
        of_case = [row for row in rows if row["name"] == case.name]
        assert [int(row["ns"]) for row in of_case] == case.samples_ns
        places = [(int(r["launch"]), int(r["round"]), int(r["index"])) for r in of_case]
        assert places == [
            (number, timed.number, index)
            for number, each in enumerate(case.launches)
            for timed in each.rounds
            for index in range(len(timed.samples_ns))
        ]
        assert {(r["threads"], r["batch"]) for r in of_case} == {
            (str(case.threads), str(case.batch))
        }
    assert rows[0]["artifact_sha256"] == "0" * 64


def test_csv_tells_marked_rounds(tmp_path: Path) -> None:
    calm = result(measurement())
    readings = list(calm.sentinel)
    readings[3] = readings[3].model_copy(
        update={"samples_ns": (2 * MS,)}
    )  # round 2 after, 3 before
    write_csv(make_report([result(measurement(), sentinel=readings)]), tmp_path / "s.csv")
    rows = csv.DictReader((tmp_path / "s.csv").open(newline=""))
    assert {row["round"] for row in rows if row["disturbed"] == "1"} == {"2", "3"}


def test_csv_has_no_formulas(tmp_path: Path) -> None:
    write_csv(make_report([result(measurement("=HYPERLINK(1)"))]), tmp_path / "s.csv")
    [name] = {row["name"] for row in csv.DictReader((tmp_path / "s.csv").open(newline=""))}
    assert name == "'=HYPERLINK(1)"


def test_markdown_has_the_figures_of_the_statistics() -> None:
    case = measurement("b", 8.25)
    text = render_markdown(make_report([result(measurement("a"), case)]))
    [line] = [line for line in text.splitlines() if line.startswith("| b |")]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    summary = summarize(case.launches)
    assert cells[2:5] == [milliseconds(x) for x in (summary.p50_ns, summary.p90_ns, summary.p99_ns)]
    mean = summary.mean_ns
    assert cells[5] == (
        f"{milliseconds(mean.estimate)} ({milliseconds(mean.low)}–{milliseconds(mean.high)})"
    )
    assert "▲ **slower**: b is slower than a" in text


def test_markdown_shows_names_as_they_are() -> None:
    text = render_markdown(make_report([result(measurement("<b>|x|`y`[z](http://e)"))]))
    assert "<b>" not in text
    assert "](http:" not in text
    assert r"&lt;b&gt;\|x\|\`y\`" in text
