"""Ctrl-C between two steps.

Python raises KeyboardInterrupt wherever it is. In the middle of a step there is nothing whole to
save; and in a destructor, such as the one that ends a loader's processes after every validation, it
prints a traceback and goes on.
"""

from __future__ import annotations

import signal
import threading
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback


class StopAtStep(Callback):
    """Remembers the first Ctrl-C while training, for others to look at after a step. The second
    stops at once."""

    def __init__(self) -> None:
        self.asked = False
        self._before: Any = None  # the handler

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._ask)

    def _ask(self, signum: int, frame: object) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def on_validation_batch_end(self, *arguments: Any, **options: Any) -> None:
        self.stop_if_asked()

    def stop_if_asked(self) -> None:
        """
        Raises:
            KeyboardInterrupt: somebody pressed Ctrl-C.
        """
        if self.asked:
            raise KeyboardInterrupt

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._give_back()
        self.stop_if_asked()

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        if not isinstance(exception, KeyboardInterrupt):  # upon which Lightning ignores Ctrl-C
            self._give_back()

    def _give_back(self) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
