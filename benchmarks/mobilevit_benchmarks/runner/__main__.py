"""`python -m mobilevit_benchmarks.runner FOLDER [--clean-up]`, or the same of `runner.pyz`.

FOLDER holds `plan.json` and what it names. Records go to stdout and to FOLDER/records.jsonl. The
end of stdin means that the host is gone: everything is stopped, and with `--clean-up` FOLDER is
removed. `--describe` prints the machine and its state, and ends.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import threading
from pathlib import Path
from typing import IO, Any

from .conduct import conduct
from .machine import describe, state
from .processes import Processes


def main() -> None:
    parser = argparse.ArgumentParser(prog="runner", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--clean-up", action="store_true")
    parser.add_argument("--describe", action="store_true")
    options = parser.parse_args()
    if options.describe or options.folder is None:
        print(json.dumps({"device": describe(), "state": state()}))
        return
    # Ctrl-C reaches the whole process group; the host answers it, and closes stdin
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    folder: Path = options.folder.absolute()
    processes = Processes()

    def end_with_host() -> None:
        while os.read(0, 4096):
            pass
        processes.kill()
        if options.clean_up:
            shutil.rmtree(folder, ignore_errors=True)
        os._exit(3)

    threading.Thread(target=end_with_host, daemon=True).start()
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    with (folder / "records.jsonl").open("w", encoding="utf-8") as kept, processes:
        conduct(plan, folder, processes, lambda record: _tell(record, kept))


def _tell(record: dict[str, Any], kept: IO[str]) -> None:
    line = json.dumps(record) + "\n"
    for to in (kept, sys.stdout):
        to.write(line)
        to.flush()


if __name__ == "__main__":
    main()
