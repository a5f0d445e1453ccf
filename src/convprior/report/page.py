"""What the pages share: one style, one script, tables and pictures."""

from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources

from convprior.report import vega

FILES = resources.files("convprior.report")
STYLE = "".join((FILES / name).read_text(encoding="utf-8") for name in ("page.css", "slider.css"))
# Charts are drawn anew from what lies beside them; a film shows one step at a time, a strip what
# was observed and restored under a slider.
SCRIPT = "".join((FILES / name).read_text(encoding="utf-8") for name in ("page.js", "slider.js"))


def document(title: str, body: str) -> str:
    """Return a whole page, which needs nothing beside it: no file, no network."""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>
{STYLE}</style></head><body>
{body}
<script>{vega.script()}</script><script>
{SCRIPT}</script></body></html>
"""


def pictures(named: Mapping[str, str], columns: int | None = None) -> str:
    """Return pictures (data URIs) over their names: so many in a row, or as there is room."""
    cells = "".join(
        f'<div><img src="{uri}" alt="{escape(name, quote=True)}">{escape(name)}</div>'
        for name, uri in named.items()
    )
    layout = (
        f' style="grid-template-columns: repeat({columns}, minmax(0, 8rem))"' if columns else ""
    )
    return f'<div class="pictures"{layout}>{cells}</div>'


def film(
    still: Mapping[str, str], moving: Mapping[str, Sequence[tuple[str, str]]], first: int
) -> str:
    """Return pictures beside others that change, each change with its caption.

    With a script, a slider shows one at a time, the one numbered ``first`` at first; without, and
    on paper, all are there.
    """
    cells = [f'<div><img src="{uri}" alt="{name}">{name}</div>' for name, uri in still.items()]
    for name, frames in moving.items():
        each = "".join(
            f'<div><img src="{uri}" alt="{name}, {caption}">{caption}</div>'
            for caption, uri in frames
        )
        cells.append(f'<div><div class="frames">{each}</div>{name}</div>')
    return f'<div class="film strip" data-first="{first}">{"".join(cells)}</div>'


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return an HTML table; cells are HTML already."""
    head = "".join(f"<th>{cell}</th>" for cell in header)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    rest = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="wide">{rest}</div>'


def opened(summary: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table that opens."""
    return f"<details><summary>{summary}</summary>{table(header, rows)}</details>"
