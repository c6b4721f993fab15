"""Latency and memory of exported models: artifacts and a device -> measurements -> report.

    from mobilevit_benchmarks import Subject, benchmark, result_table

    result = benchmark([Subject(Path("model.onnx"), "onnx fp32", "mobilevit_xxs")], threads=(1, 4))
    rich.print(result_table(result))
    result.write(Path("result.json"))

How the times are taken is told in `mobilevit_benchmarks.protocol`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .cases import Subject
    from .measurement import BenchmarkResult, Measurement, ProtocolSettings
    from .protocol import benchmark
    from .statistics import Ratio, Summary, paired_ratio, summarize
    from .table import result_table

__all__ = [
    "BenchmarkResult",
    "Measurement",
    "ProtocolSettings",
    "Ratio",
    "Subject",
    "Summary",
    "benchmark",
    "paired_ratio",
    "result_table",
    "summarize",
]

_HOMES = {
    "BenchmarkResult": "measurement",
    "Measurement": "measurement",
    "ProtocolSettings": "measurement",
    "Ratio": "statistics",
    "Subject": "cases",
    "Summary": "statistics",
    "benchmark": "protocol",
    "paired_ratio": "statistics",
    "result_table": "table",
    "summarize": "statistics",
}


def __getattr__(name: str) -> Any:
    # late: a worker imports this package too, and its memory is part of what it reports
    if name not in _HOMES:
        raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
