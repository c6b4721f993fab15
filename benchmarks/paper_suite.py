"""Figure and table of the paper suite, from its result.

    mobilevit benchmark --suite paper --threads 1,2 --json build/paper.json
    python benchmarks/paper_suite.py build/paper.json docs/images/paper_suite.png

The figure has multiply-adds against latency, with the rank correlation; paper_suite_published.png
beside it has what others published of the same models. The table goes to the terminal.
"""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console

from mobilevit_benchmarks import BenchmarkResult
from mobilevit_benchmarks.correlation import paper_example, rank_correlation
from mobilevit_benchmarks.published import load_published
from mobilevit_benchmarks.scatter import Panel, draw, published_panels
from mobilevit_benchmarks.suites.paper import panels
from mobilevit_benchmarks.table import new_table


def show(found: list[Panel], console: Console) -> None:
    table = new_table("median latency, ms", "model")
    table.add_column("multiply-adds\nG", justify="right")
    for panel in found:
        table.add_column(panel.title.replace(", ", "\n"), justify="right")
    latencies = [{p.name: p for p in (*panel.points, *panel.variants)} for panel in found]
    for point in (*found[0].points, *found[0].variants):
        cells = [f"{of[point.name].latency_ms:.1f}" if point.name in of else "" for of in latencies]
        table.add_row(point.name, f"{point.multiply_adds / 1e9:.2f}", *cells)
    console.print(table)
    for panel in found:
        console.print(f"{panel.title}: {rank_correlation(panel.points)}")
        for comparison in paper_example(panel.points):
            console.print(f"  {comparison}")


def main(result_file: Path, figure_file: Path) -> None:
    result = BenchmarkResult.read(result_file)
    found = panels(result)
    show(found, Console(width=110, highlight=False))
    device = result.device
    heading = f"{device.chip or device.machine}, {device.cores} cores, {result.created:%Y-%m-%d}"
    draw(found, figure_file, heading=heading)
    published = figure_file.with_name(f"{figure_file.stem}_published.png")
    draw(published_panels(load_published()), published, heading="Published, not measured here")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
