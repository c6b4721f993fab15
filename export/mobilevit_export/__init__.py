"""From a checkpoint to a verified bundle."""

from .export import Attempt, ExportResult, export
from .formats import FORMATS, Format

__all__ = ["FORMATS", "Attempt", "ExportResult", "Format", "export"]
