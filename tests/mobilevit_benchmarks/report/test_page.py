"""The page: whole in itself, safe whatever the names are, and fit for a phone."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from mobilevit_benchmarks.measurement import BenchmarkResult, ModelFacts, NotTimed, Round
from mobilevit_benchmarks.plan import ProtocolSettings
from mobilevit_benchmarks.profile.records import OperationProfile, OperationTime
from mobilevit_benchmarks.report import make_report, render_html
from mobilevit_benchmarks.statistics import throttling
from tests.mobilevit_benchmarks.report.results import (
    count,
    device,
    launch,
    measurement,
    result,
    sustained,
)

HOSTILE = "\"'><script>alert(1)</script></style></title>{{ 7*7 }}&amp;<img src=http://e/x>"
DRAWN = {"d", "x", "y", "cx", "cy", "viewbox"}
FETCHING = {"src", "srcset", "href", "xlink:href", "action", "data", "poster", "background"}


class Tags(HTMLParser):
    """Every tag with its attributes, and the text between."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def count(self, name: str) -> int:
        return sum(tag == name for tag, _ in self.tags)


THROTTLED = throttling(sustained(throttles=True).measurements[0]).after_s


@cache
def everything() -> str:
    """A page with every section."""
    facts = [
        ModelFacts(name=f"mobilevit_{n}", family=n, multiply_adds=k * 10**8, top1=k / 10, data="x")
        for k, n in enumerate(("xxs", "xs", "s", "m"), 1)
    ]
    profile = OperationProfile(
        artifact="m.onnx",
        artifact_sha256="0" * 64,
        runtime="onnxruntime",
        runtime_version="1.0",
        threads=1,
        runs=5,
        method="By hand.",
        whole_ns=1000,
        profiled_whole_ns=1100,
        outside_ns=0,
        deducted_ns=0,
        operations=(
            OperationTime(
                name="c",
                type="Conv",
                kind="convolution",
                stage="stem",
                median_ns=750,
                multiply_adds=20_000,
                precision="float32",
            ),
            OperationTime(name="m", type="MatMul", kind="linear", stage="head", median_ns=250),
        ),
        rates={"float32": 40},
    )
    first = result(
        *(measurement(ms=3 + k, model=model, batch=1 + k % 2) for k, model in enumerate(facts)),
        counts=(count("a"), count("b", 2 * 10**9)),
        profiles=(profile,),
        not_timed=(
            NotTimed(name="q", model="m", artifact="q.onnx", reason="no `Einsum`", refused=True),
        ),
        stopped="the battery fell out",
    )
    phone = device(address="android", model="Phone")
    return render_html(
        make_report(
            [
                first,
                result(measurement(model=facts[0]), day=9),
                result(measurement(model=facts[0]), day=10, device=phone),
                sustained(throttles=True).model_copy(update={"device": phone}),
            ]
        )
    )


def test_nothing_is_fetched_and_no_script_is_needed() -> None:
    tags = Tags(everything())
    assert not {"script", "link", "iframe", "img", "object"} & {tag for tag, _ in tags.tags}
    for tag, attributes in tags.tags:
        for name in FETCHING & set(attributes):
            value = attributes[name] or ""
            assert tag == "a" and value.startswith(("#", "data:application/json;base64,")), value
        assert not any(name.startswith("on") for name in attributes)
    assert not re.search(r"@import|url\(|@font-face", everything())


def test_every_section_is_there_in_its_order() -> None:
    ids = [attributes["id"] for tag, attributes in Tags(everything()).tags if tag == "section"]
    assert ids == [
        *("verdicts", "figures", "distributions", "time", "operations", "accuracy"),
        *("multiply-adds", "instructions", "published", "conditions", "again", "method"),
    ]


@pytest.mark.parametrize(
    "words",
    [
        "Incomplete: the run ended before its plan (the battery fell out).",
        "refused: m q ( q.onnx ): no `Einsum`",
        "a count, not a latency",
        "Published by others not measured here",
        f"throttles after {THROTTLED:.0f} s",
        "They were not measured in turns, so there is no ratio and no verdict.",
        "mobilevit benchmark bundle --json r.json",
        "CPUExecutionProvider",
        "stem 0.001 0.001 75.0%",
        "40.0 G/s in float32; the whole takes 2.00 times that; 1 operation is not in it",
    ],
)
def test_the_page_says(words: str) -> None:
    assert words in Tags(everything()).text


def test_no_throttling_is_no_throttling() -> None:
    said = '<td data-name="throttles after">no</td>'
    assert said in _page(sustained(throttles=False))
    assert said not in everything()


def test_samples_come_with_the_page() -> None:
    before = result(measurement())
    [link] = re.findall(r'href="data:application/json;base64,([^"]+)"', _page(before))
    assert BenchmarkResult.model_validate(json.loads(base64.b64decode(link))) == before


def _page(*results: BenchmarkResult) -> str:
    return render_html(make_report(results))


def hostile_result() -> BenchmarkResult:
    facts = [
        ModelFacts(name=HOSTILE + n, family=HOSTILE, multiply_adds=k, top1=0.5 * k, data=HOSTILE)
        for k, n in ((1, "a"), (2, "b"))
    ]
    return result(
        *(
            measurement(
                HOSTILE,
                k + 1,
                model=model,
                artifact=HOSTILE,
                artifact_sha256=HOSTILE,
                runtime=HOSTILE,
                runtime_version=HOSTILE,
                delegate=HOSTILE,
                delegate_ran=HOSTILE,
            )
            for k, model in enumerate(facts)
        ),
        command=HOSTILE,
        device=device(address=HOSTILE, model=HOSTILE, chip=HOSTILE, system=HOSTILE),
        not_timed=(NotTimed(name=HOSTILE, model=HOSTILE, artifact=HOSTILE, reason=HOSTILE),),
        stopped=HOSTILE,
    )


def test_names_stay_text() -> None:
    tags = Tags(_page(hostile_result()))
    ours = {tag for tag, _ in Tags(everything()).tags} | {"tspan"}  # of names that are cut
    assert {tag for tag, _ in tags.tags} <= ours
    assert tags.count("style") == 1
    assert HOSTILE in " ".join(tags.words)
    assert "49" not in tags.text


LONG = "long" * 500


ONE_SAMPLE = launch(1, [0]).model_copy(
    update={
        "rounds": (Round(number=0, started_ns=0, samples_ns=(1,)),),
        "peak_memory_bytes": None,
        "memory_rise_bytes": None,
    }
)


@pytest.mark.parametrize(
    "odd",
    [
        result(measurement(launches=[launch(4, [0])]), sentinel=(), states=()),
        result(measurement(launches=[ONE_SAMPLE])),
        result(counts=(count(),), sentinel=(), states=()),
        result(measurement(ms=2**63 // 10**7), measurement("b", 1)),
        result(measurement(LONG, model=ModelFacts(name=LONG), delegate_ran=LONG), command=LONG),
        result(measurement(""), device=device(model="", chip=None, address="")),
        result(measurement(), protocol=ProtocolSettings(sustained_s=0.5)),
        result(*(measurement(str(i), launches=[ONE_SAMPLE]) for i in range(20))),
    ],
    ids=["one round", "one sample", "counts", "huge", "long", "nameless", "short load", "many"],
)
def test_odd_results_make_a_page(odd: BenchmarkResult) -> None:
    tags = Tags(_page(odd))
    assert odd.device.machine in tags.text
    for tag, attributes in tags.tags:
        if tag in ("path", "text", "circle", "svg"):
            drawn = " ".join(value or "" for name, value in attributes.items() if name in DRAWN)
            assert not re.search(r"nan|inf|e\+", drawn), drawn
    for name in ("nan", "inf"):
        assert name not in re.split(r"[^a-z]+", tags.text.lower())


# in a browser

BROWSER = next(
    (
        path
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (path := shutil.which(name))
    ),
    None,
)
WIDTHS = (360, 390, 768, 1280)
MEASURE = """<!doctype html><script>
const found = {};
async function look(frame) {
  const page = frame.contentDocument, width = frame.width;
  const out = [...page.querySelectorAll("body *")].filter(
    x => x.getBoundingClientRect().right > +width + 1 && !x.closest(".scroll, svg, thead"));
  const asked = frame.contentWindow.performance.getEntriesByType("resource").map(x => x.name);
  found[width] = [page.documentElement.scrollWidth, out.map(x => x.outerHTML.slice(0, 80)), asked];
  document.title = JSON.stringify(found);
}
</script>"""


@pytest.mark.skipif(BROWSER is None, reason="needs Chromium")
@pytest.mark.parametrize("page", ["everything", "hostile", "long"])
def test_the_page_fits_its_window(tmp_path: Path, page: str) -> None:
    content = {
        "everything": everything,
        "hostile": lambda: _page(hostile_result()),
        "long": lambda: _page(result(measurement(LONG, model=ModelFacts(name=LONG), runtime=LONG))),
    }[page]()
    (tmp_path / "page.html").write_text(content)
    frames = "".join(
        f'<iframe src="page.html" width="{width}" height="900" onload="look(this)"></iframe>'
        for width in WIDTHS
    )
    (tmp_path / "frame.html").write_text(MEASURE + frames)
    assert BROWSER is not None
    done = subprocess.run(
        [
            *(BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"),
            *("--allow-file-access-from-files", "--virtual-time-budget=5000"),
            *(f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1400,1000"),
            (tmp_path / "frame.html").as_uri(),
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    title = re.search(r"<title>(.*?)</title>", done.stdout)
    assert title is not None, done.stdout[:500]
    measured = json.loads(unescape(title[1]))
    assert list(map(int, measured)) == list(WIDTHS)
    for width, (wide, out, asked) in measured.items():
        assert wide <= int(width)
        assert not out
        assert not asked
