"""Runtimes and converters talk on the terminal, in Python and below it."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def captured() -> Iterator[Callable[[], list[str]]]:
    """Send file descriptors 1 and 2, warnings and logs of the body to a file.

    Yields a function that gives the lines so far, blank ones left out.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    with tempfile.TemporaryFile("w+", errors="replace") as log:

        def lines() -> list[str]:
            sys.stdout.flush()
            sys.stderr.flush()
            position = os.lseek(log.fileno(), 0, os.SEEK_CUR)
            log.seek(0)
            said = [line.strip() for line in log.read().splitlines() if line.strip()]
            os.lseek(log.fileno(), position, os.SEEK_SET)
            return said

        kept = os.dup(1), os.dup(2)
        level = logging.root.manager.disable
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        try:
            logging.disable(logging.WARNING)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield lines
        finally:
            logging.disable(level)
            sys.stdout.flush()
            sys.stderr.flush()
            os.dup2(kept[0], 1)
            os.dup2(kept[1], 2)
            for descriptor in kept:
                os.close(descriptor)
