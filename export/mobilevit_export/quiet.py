"""What a converter says is kept for when it fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mobilevit.capture import captured
from mobilevit.errors import ConversionError

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
    """Run the body without its output.

    Raises:
        ConversionError: the body failed; what it printed last is the hint.
    """
    with captured() as lines:
        try:
            yield
        except _FAILURES as error:
            said = lines()
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ConversionError(
                f"{doing} failed: {type(error).__name__}: {reason}",
                f"the converter last said: {said[-1]}" if said else None,
            ) from error
