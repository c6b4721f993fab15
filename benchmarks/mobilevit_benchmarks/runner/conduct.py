"""The protocol of a measurement, and the run of a plan by it.

Every case (artifact, runtime, delegate, threads, batch) is opened anew in each of the plan's
`launches`, in a process of its own where the device has such. In each:

1. The runtime is imported, and the memory resident then is noted. *Load* is the time from asking
   the runtime to open the artifact until its session is ready. *First run* is timed alone: runtimes
   put off work until then.
2. *Warm-up* runs until a fast and a slow moving average of the times agree within
   `warmup_agreement`, ten runs in a row, after `warmup_min_runs` and `warmup_min_s`; but no longer
   than `warmup_cap_s`, and that it came to that is recorded. The rule is androidx's
   (benchmark-common, WarmupManager), with averages that fit runs of milliseconds.
3. *Rounds*: each is `round_min_runs` or more runs back to back, `round_min_s` or more in all. The
   plan's `rounds` are spread over its launches.
4. *Peak memory* is the most that the process ever had resident; its *rise* is counted from step 1.

Why several launches: where memory comes to lie differs from process to process, and so do times, by
a few percent and for as long as the process lives. An interval from one process would be too sure.

Rounds interleave. All cases are loaded and warm before any round begins; then every round visits
every case once, in an order drawn anew, while the others' processes sleep. So what the machine does
meanwhile (heat, clocks, neighbours) falls on all cases alike, and two cases are best compared round
by round. The price is that each round begins with caches another case has used, which made its
first run 1 to 3 % slower where this was tried; it is counted.

The *sentinel* is a fixed piece of work that has nothing to do with the artifacts. It is timed
before the first round, after the last, and between any two: where it is slower than in the rest of
the run, the machine was busy, hot or throttled, and the rounds next to it are marked.

*Sustained mode* (`sustained_s`) asks what the machine does under load that lasts: each case runs
alone, without a pause, in rounds of `sustained_window_s`, and the state of the machine is read
after each. One launch, no sentinel between: it would be a pause.

A run is one `session.run`: copies into and out of the runtime are in its time, as they are in an
app's, and the making of the feeds is not. Python's garbage collector is off.

A case whose artifact the runtime refuses is recorded as refused; the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from random import Random
from time import monotonic_ns
from typing import Any

from .machine import describe, state
from .processes import Processes, Refusal, Worker

Tell = Callable[[dict[str, Any]], None]
Json = Mapping[str, Any]


def conduct(plan: Json, folder: Path, processes: Processes, tell: Tell) -> None:
    """Run a plan.

    Args:
        plan: the content of `plan.json`.
        folder: where it and what it names lie.
        processes: starts the workers.
        tell: is given each record (`mobilevit_benchmarks.records`) as it comes.
    """
    protocol: Json = plan["protocol"]
    tell({"record": "started", "schema_version": 1, "run": plan["run"], "device": describe()})
    _read_state(tell)
    if protocol["sustained_s"] is None:
        _interleave(plan, folder, processes, tell)
    else:
        _sustain(plan, folder, processes, tell)
    _read_state(tell)
    tell({"record": "ended"})


def _interleave(plan: Json, folder: Path, processes: Processes, tell: Tell) -> None:
    protocol: Json = plan["protocol"]
    random = Random(protocol["seed"])
    cases: list[Json] = list(plan["cases"])
    number = 0
    with processes.sentinel() as sentinel:
        sentinel.warm_up(protocol)
        for launch, rounds in enumerate(_shares(protocol["rounds"], protocol["launches"])):
            with ExitStack() as stack:
                workers = _launch(cases, launch, folder, protocol, processes, stack, tell)
                _read_sentinel(sentinel, protocol, tell)
                for _ in range(rounds):
                    order = list(workers)
                    random.shuffle(order)  # or one case would always run in the wake of another
                    for case in order:
                        done = _attempt(case, tell, partial(workers[case].round, protocol))
                        if done is None:
                            del workers[case]
                        else:
                            tell(_of("round", case, launch, round=number, **done))
                        _read_sentinel(sentinel, protocol, tell)
                    number += 1
                for case, worker in list(workers.items()):
                    memory = _attempt(case, tell, worker.memory)
                    if memory is None:
                        del workers[case]
                    else:
                        tell(_of("closed", case, launch, **memory))
            cases = [case for case in cases if case["id"] in workers]
            if not cases:
                return


def _launch(
    cases: Sequence[Json],
    launch: int,
    folder: Path,
    protocol: Json,
    processes: Processes,
    stack: ExitStack,
    tell: Tell,
) -> dict[str, Worker]:
    """A warm worker for every case that is not refused, by its id."""
    workers: dict[str, Worker] = {}
    for case in cases:
        worker = stack.enter_context(processes.worker(case, folder, protocol["seed"]))
        opened = _attempt(case["id"], tell, worker.open)
        if opened is not None:
            tell(_of("opened", case["id"], launch, **opened))
            workers[case["id"]] = worker
    for case_id in list(workers):
        warm = _attempt(case_id, tell, partial(workers[case_id].warm_up, protocol))
        if warm is None:
            del workers[case_id]
        else:
            tell(_of("warmed_up", case_id, launch, **warm))
    return workers


def _sustain(plan: Json, folder: Path, processes: Processes, tell: Tell) -> None:
    protocol: Json = plan["protocol"]
    with processes.sentinel() as sentinel:
        sentinel.warm_up(protocol)
        for case in plan["cases"]:
            _read_sentinel(sentinel, protocol, tell)
            with ExitStack() as stack:
                workers = _launch([case], 0, folder, protocol, processes, stack, tell)
                for case_id, worker in workers.items():
                    for number in _until(monotonic_ns() + round(protocol["sustained_s"] * 1e9)):
                        done = _attempt(case_id, tell, partial(worker.window, protocol))
                        if done is None:
                            break
                        tell(_of("round", case_id, 0, round=number, **done))
                        _read_state(tell)
                    else:
                        memory = _attempt(case_id, tell, worker.memory)
                        if memory is not None:
                            tell(_of("closed", case_id, 0, **memory))
            _read_sentinel(sentinel, protocol, tell)


def _until(end_ns: int) -> Iterator[int]:
    """0, 1, 2 … for as long as the clock is before `end_ns`."""
    number = 0
    while monotonic_ns() < end_ns:
        yield number
        number += 1


def _attempt(case: str, tell: Tell, ask: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
    """The worker's answer, or None when it is refused, which is told."""
    try:
        return ask()
    except Refusal as refusal:
        tell({"record": "refused", "case": case, "reason": str(refusal)})
        return None


def _shares(rounds: int, launches: int) -> list[int]:
    """`rounds` spread over `launches` as evenly as can be; no launch without a round."""
    launches = min(launches, rounds)
    return [rounds // launches + (i < rounds % launches) for i in range(launches)]


def _of(record: str, case: str, launch: int, **fields: Any) -> dict[str, Any]:
    return {"record": record, "case": case, "launch": launch, **fields}


def _read_state(tell: Tell) -> None:
    tell({"record": "state", "at_ns": monotonic_ns(), "state": state()})


def _read_sentinel(sentinel: Worker, protocol: Json, tell: Tell) -> None:
    tell({"record": "sentinel", **sentinel.sentinel(protocol)})
