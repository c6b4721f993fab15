"""Latency and memory of exported models: artifacts and a device -> measurements -> report.

    from mobilevit_benchmarks import Subject, benchmark, result_table

    subject = Subject(Path("model.onnx"), "onnx fp32", ModelFacts(name="mobilevit_xxs"))
    result = benchmark([subject], threads=(1, 4))
    rich.print(result_table(result))
    result.write(Path("result.json"))

How the times are taken is told in `mobilevit_benchmarks.runner.conduct`, and in
`mobilevit_benchmarks.profile` how those of single operations are.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .cases import Subject
    from .comparison import Comparison, compare
    from .measurement import BenchmarkResult, Measurement, ModelFacts
    from .plan import ProtocolSettings
    from .profile import OperationProfile, grouped, profile_operations, profile_table
    from .protocol import benchmark
    from .statistics import Summary, summarize
    from .table import result_table

_HOMES = {
    "BenchmarkResult": "measurement",
    "Comparison": "comparison",
    "Measurement": "measurement",
    "ModelFacts": "measurement",
    "OperationProfile": "profile",
    "ProtocolSettings": "plan",
    "Subject": "cases",
    "Summary": "statistics",
    "benchmark": "protocol",
    "compare": "comparison",
    "grouped": "profile",
    "profile_operations": "profile",
    "profile_table": "profile",
    "result_table": "table",
    "summarize": "statistics",
}

__all__ = [
    "BenchmarkResult",
    "Comparison",
    "Measurement",
    "ModelFacts",
    "OperationProfile",
    "ProtocolSettings",
    "Subject",
    "Summary",
    "benchmark",
    "compare",
    "grouped",
    "profile_operations",
    "profile_table",
    "result_table",
    "summarize",
]


def __getattr__(name: str) -> Any:
    # late: a worker imports this package too, and its memory is part of what it reports
    if name not in _HOMES:
        raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
