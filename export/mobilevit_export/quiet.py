"""Converters talk, in Python and below it; what they say is kept for when they fail."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from mobilevit.errors import ConversionError, SdkError

# what the converters were seen to raise for a model or an option they cannot handle
_FAILURES = (
    RuntimeError,  # torch.export's and litert's errors derive from it
    ValueError,
    TypeError,
    NotImplementedError,
    AttributeError,
    LookupError,
    AssertionError,
)


@contextmanager
def quiet(doing: str) -> Iterator[None]:
    """Run the body with file descriptors 1 and 2 sent to a file.

    Raises:
        ConversionError: the body failed; what it printed last is the hint.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    with tempfile.TemporaryFile("w+", errors="replace") as log:
        kept = os.dup(1), os.dup(2)
        level = logging.root.manager.disable
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        try:
            logging.disable(logging.WARNING)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        except SdkError:
            raise
        except _FAILURES as error:
            sys.stdout.flush()
            sys.stderr.flush()
            log.seek(0)
            said = [line.strip() for line in log.read().splitlines() if line.strip()]
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ConversionError(
                f"{doing} failed: {type(error).__name__}: {reason}",
                f"the converter last said: {said[-1]}" if said else None,
            ) from error
        finally:
            logging.disable(level)
            sys.stdout.flush()
            sys.stderr.flush()
            os.dup2(kept[0], 1)
            os.dup2(kept[1], 2)
            for descriptor in kept:
                os.close(descriptor)
