"""Elements of SVG as text, in which foreign text is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape

NARROW = 520  # a picture below this width is for a phone
_LETTER = 0.56  # mean width of a letter, as a share of the font's size
FONT = 12.0

Place = tuple[float, float]  # x to the right, y down


def element(name: str, *content: object, **attributes: object) -> Markup:
    """`class_` is written `class`, and `text_anchor` `text-anchor`; None is left out."""
    written = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _value(value))
        for key, value in attributes.items()
        if value is not None
    )
    inner = Markup("").join(escape(part) for part in content)
    return Markup("<{}{}>{}</{}>").format(Markup(name), written, inner, Markup(name))


def picture(width: float, height: float, label: str, parts: Iterable[Markup]) -> Markup:
    """An `svg` of so many CSS pixels, which shrinks with its column."""
    return element(
        "svg",
        *parts,
        viewBox=f"0 0 {width:g} {height:g}",
        width=width,
        height=height,
        role="img",
        aria_label=label,
    )


def text(at: Place, words: str, style: str = "", anchor: str = "start") -> Markup:
    return element(
        "text",
        words,
        x=at[0],
        y=at[1],
        class_=style or None,
        text_anchor=None if anchor == "start" else anchor,
    )


def line(start: Place, end: Place, style: str) -> Markup:
    return element("path", d=f"M{_place(start)}L{_place(end)}", class_=style)


def polyline(places: Sequence[Place], style: str) -> Markup:
    return element("path", d="M" + "L".join(map(_place, places)), class_=style)


def dots(places: Iterable[Place], style: str) -> Markup:
    """Round dots in one path: strokes of no length with round ends."""
    return element("path", d="".join(f"M{_place(place)}h0" for place in places), class_=style)


def circle(at: Place, radius: float, style: str) -> Markup:
    return element("circle", cx=at[0], cy=at[1], r=radius, class_=style)


def fitted(words: str, width: float, size: float = FONT) -> Markup | str:
    """`words` cut so as to fit; what was cut is in the tooltip."""
    most = max(4, int(width / (_LETTER * size)))
    if len(words) <= most:
        return words
    return element("title", words) + element("tspan", words[: most - 1].rstrip() + "…")


def text_width(words: str, size: float = FONT) -> float:
    return _LETTER * size * len(words)


def label(at: Place, words: str, width: float, style: str = "", anchor: str = "start") -> Markup:
    """A name that may be too long."""
    return element(
        "text",
        fitted(words, width),
        x=at[0],
        y=at[1],
        class_=style or None,
        text_anchor=None if anchor == "start" else anchor,
    )


def _place(place: Place) -> str:
    return f"{_value(place[0])} {_value(place[1])}"


def _value(value: object) -> object:
    return f"{round(value, 1):g}" if isinstance(value, float) else value
