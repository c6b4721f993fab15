"""One command from stdin, one answer on stdout: what the programs in an emulated Python do.

Not in `devices`, whose imports are of no use to them and take seconds under an emulator.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from mobilevit.errors import InputError, SdkError


def answer(respond: Callable[..., dict[str, Any]]) -> None:
    """Call `respond` with the fields of the JSON object in the first line of stdin.

    On stdout it writes what `respond` gives, or {"error": "input" or "conversion", "message",
    "hint"} of an error that the user can put right; any other ends the process with its traceback.
    """
    # what a runtime prints must not reach the reply
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        reply = respond(**json.loads(sys.stdin.readline()))
    except SdkError as error:
        kind = "input" if isinstance(error, InputError) else "conversion"
        reply = {"error": kind, "message": error.message, "hint": error.hint}
    replies.write(json.dumps(reply) + "\n")
    replies.flush()
