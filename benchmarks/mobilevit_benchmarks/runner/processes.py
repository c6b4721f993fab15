"""The processes that a plan is run in: one worker per case and launch, and the sentinel."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

Json = Mapping[str, Any]


class Refusal(Exception):
    """A runtime does not open or run an artifact, or its process ended; one line says why."""


class Processes:
    """Starts workers, and ends all of them at once when the host is gone."""

    def __init__(self) -> None:
        self._living: set[subprocess.Popen[bytes]] = set()

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        for process in list(self._living):
            process.kill()

    @contextmanager
    def worker(self, case: Json, folder: Path, seed: int) -> Iterator[Worker]:
        """A worker for a case of a plan; no trace of it is left when the context ends."""
        with (
            tempfile.TemporaryFile() as errors,  # a pipe that nobody reads could fill up
            subprocess.Popen(
                [sys.executable, "-m", "mobilevit_benchmarks.runner.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=_environment(case["threads"]),
                cwd=folder,  # paths of the plan are relative to it
            ) as process,
        ):
            self._living.add(process)
            try:
                yield Worker(case, seed, process, errors)
            finally:
                process.kill()
                self._living.discard(process)

    @contextmanager
    def sentinel(self) -> Iterator[Worker]:
        """A worker that has the sentinel open."""
        case = {"runtime": "sentinel", "artifact": "", "delegate": "", "threads": 1, "batch": 1}
        with self.worker({**case, "feeds": []}, Path(), seed=0) as worker:
            worker.open_sentinel()
            yield worker


class Worker:
    """This end of a worker's pipes. Each method gives the fields of a record.

    Every method raises Refusal when the runtime or the process fails.
    """

    def __init__(
        self,
        case: Json,
        seed: int,
        process: subprocess.Popen[bytes],
        errors: IO[bytes],
    ) -> None:
        self._case = case
        self._seed = seed
        self._process = process
        self._errors = errors
        self._resident_bytes = 0

    def open(self) -> dict[str, Any]:
        opened = self._open()
        self._resident_bytes = opened.pop("resident_bytes")
        return {**opened, "first_run_ns": self._ask("first_run")["took_ns"]}

    def open_sentinel(self) -> None:
        self._open()

    def _open(self) -> dict[str, Any]:
        return self._ask(
            "open",
            artifact=self._case["artifact"],
            runtime=self._case["runtime"],
            delegate=self._case["delegate"],
            threads=self._case["threads"],
            batch=self._case["batch"],
            seed=self._seed,
            feeds=self._case["feeds"],
        )

    def warm_up(self, protocol: Json) -> dict[str, Any]:
        return self._ask(
            "warm_up",
            min_runs=protocol["warmup_min_runs"],
            min_ns=round(protocol["warmup_min_s"] * 1e9),
            cap_ns=round(protocol["warmup_cap_s"] * 1e9),
            agreement=protocol["warmup_agreement"],
        )

    def round(self, protocol: Json) -> dict[str, Any]:
        return self._round(protocol["round_min_runs"], protocol["round_min_s"])

    def window(self, protocol: Json) -> dict[str, Any]:
        return self._round(1, protocol["sustained_window_s"])

    def sentinel(self, protocol: Json) -> dict[str, Any]:
        return self._round(3, protocol["sentinel_min_s"])

    def memory(self) -> dict[str, Any]:
        peak = self._ask("peak_memory")["peak_bytes"]
        return {"peak_memory_bytes": peak, "memory_rise_bytes": peak - self._resident_bytes}

    def _round(self, min_runs: int, min_s: float) -> dict[str, Any]:
        return self._ask("round", min_runs=min_runs, min_ns=round(min_s * 1e9))

    def _ask(self, do: str, **options: Any) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        command = json.dumps({"do": do, **options}) + "\n"
        rest = memoryview(command.encode())
        try:
            # past the buffer: what it held for a dead process would fail again when closed
            while rest:
                rest = rest[os.write(self._process.stdin.fileno(), rest) :]
        except BrokenPipeError as error:
            raise self._ended() from error
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise self._ended()
        reply: dict[str, Any] = json.loads(line)
        if "refused" in reply:
            raise Refusal(reply["refused"])
        return reply

    def _ended(self) -> Refusal:
        """The error for a worker that ended by itself."""
        status = self._process.wait()
        what = f"{self._case['runtime']} with `{self._case['artifact']}`: the worker"
        if status == -signal.SIGKILL:
            return Refusal(f"{what} was killed, which the system does when memory runs out")
        how = f"ended with status {status}"
        if status < 0:
            how = f"was ended by signal {-status}, {signal.strsignal(-status)}"
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(said) if line.strip()), "it said nothing")
        return Refusal(f"{what} {how}: {last}")


def _environment(threads: int) -> dict[str, str]:
    return {
        **os.environ,
        # NumPy's and the runtimes' own pools
        "OMP_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": "1",
        **import_paths(),
    }


def import_paths() -> dict[str, str]:
    """The environment of a Python that imports from where this one does, and nowhere else."""
    return {
        "PYTHONPATH": os.pathsep.join(str(Path(path).absolute()) for path in sys.path),
        "PYTHONSAFEPATH": "1",
    }
