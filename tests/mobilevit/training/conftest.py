"""The process that runs are forked from, which takes longer to start than they do to train."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.mobilevit.training.killing import Forks, forks


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    with forks(tmp_path_factory.mktemp("runs") / "log") as started:
        yield started
