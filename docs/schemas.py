"""Write the JSON Schemas beside this file: `python docs/schemas.py`, or `make schema`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mobilevit.bundle import Manifest
from mobilevit.evaluation.report import EvaluationReport
from mobilevit_benchmarks.measurement import BenchmarkResult
from mobilevit_benchmarks.plan import Plan
from mobilevit_benchmarks.records import record_schema

FOLDER = Path(__file__).parent


def schemas() -> dict[str, dict[str, Any]]:
    """By the name of the file."""
    return {
        "manifest.schema.json": Manifest.model_json_schema(mode="serialization"),
        "benchmark-plan.schema.json": Plan.model_json_schema(mode="serialization"),
        "benchmark-record.schema.json": record_schema(),
        "benchmark-result.schema.json": BenchmarkResult.model_json_schema(mode="serialization"),
        "evaluation-report.schema.json": EvaluationReport.model_json_schema(mode="serialization"),
    }


if __name__ == "__main__":
    for name, schema in schemas().items():
        (FOLDER / name).write_text(json.dumps(schema, indent=2) + "\n", encoding="utf-8")
