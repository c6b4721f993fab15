"""Foreign text in Markdown: shown as it is, whatever is in it."""

from __future__ import annotations

import re

# Everything that begins markup within a line of CommonMark or of a table, and `_` where it can end
# it: at the end of a word. HTML's signs become references. Without `://`, `www.` and `@`, GitHub
# makes no links of bare text.
_MARKUP = re.compile(
    r"[\\`*\[\]|~$#] | _++(?![^\W_]) | :(?=//) | (?<=www)\. | @",
    re.IGNORECASE | re.VERBOSE,
)
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


class Written(str):
    """Text that is Markdown or YAML already."""


def finalized(value: object) -> str:
    """What a template of Markdown writes for `value`; jinja2's `finalize`."""
    return value if isinstance(value, Written) else escaped(str(value))


def escaped(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    signs = "".join(_HTML.get(sign, sign) for sign in on_one_line(text))
    return _MARKUP.sub(lambda match: "".join(f"\\{sign}" for sign in match[0]), signs)


def on_one_line(text: str) -> str:
    """Line breaks, control characters and those that turn the direction of writing as spaces."""
    return "".join(sign if sign.isprintable() else " " for sign in text)
