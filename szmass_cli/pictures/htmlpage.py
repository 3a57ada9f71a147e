"""A page of HTML that loads nothing: escaping, tables, pictures inside it, and its style."""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CHART_DPI = 160

STYLE = """
:root { color-scheme: light; --ink: #1c2430; --soft: #5d6878; --line: #d9dee5; --warn: #b3261e; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 1240px; color: var(--ink); background: #fff;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.5rem; margin: .2rem 0; } h2 { font-size: 1.2rem; margin: 2rem 0 .6rem;
  border-bottom: 1px solid var(--line); } h3 { font-size: 1rem; margin: .2rem 0; }
p { margin: .4rem 0; } .soft { color: var(--soft); font-size: .87rem; } .flag { color: var(--warn); }
nav a { margin-right: 1rem; } a { color: #0b57a4; }
.wide { overflow-x: auto; margin: .6rem 0; } table { border-collapse: collapse; font-size: .87rem; }
th, td { text-align: left; padding: .2rem .6rem .2rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; } td.number, th.number { text-align: right; white-space: nowrap; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 380px), 1fr)); gap: 1rem; }
.charts figure { margin: 0; } .charts img { width: 100%; height: auto; }
.cluster { border: 1px solid var(--line); border-radius: 6px; padding: .6rem; margin: .8rem 0; }
.panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(102px, 190px)); gap: .5rem; }
.panels figure { margin: 0; } figcaption { font-size: .76rem; color: var(--soft); line-height: 1.25; }
.panels img, .panels svg { width: 100%; aspect-ratio: 1; display: block; border: 1px solid var(--line);
  image-rendering: pixelated; }
.made td + td + td { overflow-wrap: anywhere; }
ul { margin: .3rem 0; padding-left: 1.2rem; }
@media (max-width: 600px) { .panels { grid-template-columns: repeat(auto-fit, minmax(102px, 1fr)); }
  td:first-child { min-width: 6.5rem; }
  .tall table, .tall tbody { display: block; } .tall thead { display: none; } .tall td { border: 0; }
  .tall tr { display: grid; grid-template-columns: 1fr auto; border-bottom: 1px solid var(--line); }
  .tall td + td + td { grid-column: 1 / -1; } .flags td + td + td { color: var(--soft); }
  .rows tr { display: flex; flex-wrap: wrap; column-gap: .8rem; padding: .2rem 0; }
  .rows td, .rows td:first-child { min-width: 0; padding: 0; } .rows td:nth-child(2) { flex: 1 0 75%; }
  .rows td:nth-child(3)::before { content: "RA "; } .rows td:nth-child(4)::before { content: "Dec "; }
  .rows td:nth-child(5)::before { content: "z "; } .rows td:nth-child(6)::before { content: "S/N "; }
  .rows td:nth-child(7)::before { content: "M "; } .rows td:last-child { flex-basis: 100%; } }
"""


@dataclass(frozen=True)
class Html:
    """Text that is HTML already; any other text is escaped where it is put into a page.

    Parameters
    ----------
    text : str
        The HTML.
    """

    text: str

    def __str__(self) -> str:
        return self.text


def html(value: object) -> str:
    """Return a value as HTML, escaped unless it is `Html`; control characters are shown as a sign."""
    if isinstance(value, Html):
        return value.text
    text = "".join(
        one if one.isprintable() or one in " \n" else "\N{REPLACEMENT CHARACTER}" for one in str(value)
    )
    return escape(text, quote=True)


def element(tag: str, *content: object, **attributes: object) -> Html:
    """Return an element; a trailing underscore of an attribute's name is left out, as in ``class_``."""
    given = "".join(f' {name.rstrip("_")}="{html(value)}"' for name, value in attributes.items())
    return Html(f"<{tag}{given}>{''.join(map(html, content))}</{tag}>")


def joined(parts: Iterable[object]) -> Html:
    """Return parts one after another."""
    return Html("\n".join(map(html, parts)))


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], numeric: frozenset[int]) -> Html:
    """Return a table that scrolls by itself where the screen is narrow.

    Parameters
    ----------
    headings : sequence of str
        Names of the columns.
    rows : iterable of sequences
        The cells.
    numeric : frozenset of int
        Columns whose cells are numbers, and are put to the right.
    """

    def row(tag: str, cells: Sequence[object]) -> str:
        marks = ['class="number"' if index in numeric else "" for index in range(len(cells))]
        inside = (f"<{tag} {mark}>{html(cell)}</{tag}>" for mark, cell in zip(marks, cells, strict=True))
        return f"<tr>{''.join(inside)}</tr>"

    body = "\n".join(row("td", cells) for cells in rows)
    head = row("th", headings) if any(headings) else ""
    return Html(f'<div class="wide"><table><thead>{head}</thead><tbody>\n{body}\n</tbody></table></div>')


def picture(data: bytes, words: str) -> Html:
    """Return a PNG that is inside the page, with a description for those who cannot see it."""
    return Html(f'<img alt="{html(words)}" src="data:image/png;base64,{base64.b64encode(data).decode()}">')


def chart(figure: "Figure", words: str) -> Html:
    """Return a figure of matplotlib as a picture inside the page."""
    stream = BytesIO()
    figure.savefig(stream, format="png", dpi=CHART_DPI)
    return element("figure", picture(stream.getvalue(), words))


def page(title: str, body: Html) -> str:
    """Return a whole page."""
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{html(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # nothing is loaded or run, whatever the names of a catalogue hold
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        "style-src 'unsafe-inline'\">\n"
        # or a browser would ask for an icon
        f'<link rel="icon" href="data:,"><style>{STYLE}</style></head>\n<body>\n{body}\n</body></html>\n'
    )
