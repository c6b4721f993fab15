"""Writing so that a reader never meets half a file: aside, then rename."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import InputError

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; on success it becomes `path`, else it is removed.

    Raises:
        InputError: the folder cannot be written to, or the disk is full.
    """
    aside = path.parent / f".{path.name}.{os.getpid()}.partial"
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.touch()  # a folder that cannot be written to shows here
    try:
        with room_for(path):
            yield aside
        with _writing(path):
            os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside `path`; on success it replaces `path`, else it is removed.

    Raises:
        InputError: the folder cannot be written to, or the disk is full.
    """
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent))
    replaced = aside.with_suffix(".replaced")
    try:
        with room_for(path):
            yield aside
        with _writing(path):
            aside.chmod(0o755)  # mkdtemp leaves 0700
            if path.exists():
                os.replace(path, replaced)
            os.replace(aside, path)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(replaced, ignore_errors=True)


@contextmanager
def scratch_folder(near: Path) -> Iterator[Path]:
    """Yield an empty folder on the same disk as `near`, which is removed in any case.

    Raises:
        InputError: the folder cannot be written to, or the disk is full.
    """
    with _writing(near):
        near.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{near.name}.", suffix=".scratch", dir=near.parent))
    try:
        with room_for(near):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def room_for(path: Path) -> Iterator[None]:
    """A full disk, met while writing to `path`, becomes our error; other errors pass.

    Raises:
        InputError: the disk is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise _cannot_write(path, error) from error


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _cannot_write(path, error) from error


def _cannot_write(path: Path, error: OSError) -> InputError:
    reason = error.strerror or str(error)
    full = error.errno in _NO_ROOM
    return InputError(
        f"cannot write `{path}`: {reason}",
        "free some space, or choose another folder" if full else "choose another folder",
    )
