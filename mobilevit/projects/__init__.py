"""App projects, one file a kind: which modules a bundle can go into, and where in each.

`find_module(app, platform, name)` gives a `Module`: the folder of the bundle in it, and what its
developer still has to do. Project files are read, never written.
"""

from .base import PLATFORMS, Module, find_module

__all__ = ["PLATFORMS", "Module", "find_module"]
