"""What the pages share: one style, one script, tables and pictures."""

from collections.abc import Mapping, Sequence
from html import escape

from convprior.report import vega

STYLE = """
:root { color-scheme: light; --ink: #1c1917; --soft: #78716c; --line: #e7e5e4; --accent: #c2410c; }
body { font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: #fafaf9;
  margin: 0 auto; max-width: 60rem; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 2rem; margin: 0; letter-spacing: -.02em; } h2 { margin: 3rem 0 .5rem; }
p { max-width: 44rem; } .lead { font-size: 1.15rem; color: #44403c; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums;
  font-size: .85rem; background: #fff; border: 1px solid var(--line); border-radius: .5rem; }
th, td { padding: .45rem .5rem; text-align: right; border-bottom: 1px solid var(--line); }
th { font-weight: 600; font-size: .8rem; color: var(--soft); vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; } .best { font-weight: 700; }
figure { margin: 1rem 0 1.5rem; }
figcaption { color: var(--soft); font-size: .9rem; margin-top: .4rem; }
.answer { border-left: 3px solid var(--accent); padding-left: .9rem; }
.strip { display: grid; grid-template-columns: repeat(4, 1fr); gap: .4rem; }
.strip img { width: 100%; image-rendering: pixelated; border-radius: .25rem; display: block; }
.strip div { text-align: center; font-size: .85rem; color: var(--soft); }
.frames { display: flex; flex-wrap: wrap; gap: .2rem; } .frames > div { flex: 1 0 30%; }
input[type=range] { width: 100%; accent-color: var(--accent); }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(6rem, 1fr));
  gap: .6rem; }
.pictures img { width: 100%; image-rendering: pixelated; border-radius: .25rem; display: block; }
.pictures div { font-size: .8rem; color: var(--soft); text-align: center; }
.pictures + .pictures { margin-top: .6rem; }
.chart { width: 100%; background: #fff; border: 1px solid var(--line); border-radius: .5rem;
  box-sizing: border-box; padding: .75rem; } .chart svg { max-width: 100%; height: auto;
  display: block; }
.chart.vega-embed { display: block; } td + td { white-space: nowrap; }
.maps { display: flex; flex-wrap: wrap; gap: .75rem; } .maps .chart { width: auto;
  max-width: 100%; }
.wide { overflow-x: auto; margin: .5rem 0; } summary { cursor: pointer; color: var(--soft); }
.matrices { display: flex; flex-wrap: wrap; gap: 1rem 1.5rem; } .matrices p { margin: .3rem 0; }
.matrices p { color: var(--soft); font-size: .85rem; } .matrix { width: auto; }
.matrix td { padding: .15rem .5rem; } .change { color: var(--soft); font-size: .9rem; }
@media print { body { max-width: none; padding: 0; } figure { break-inside: avoid; }
  .wide { overflow: visible; } input[type=range] { display: none; } table, th { font-size: .7rem; }
  th, td { padding: .2rem .25rem; } td + td { white-space: normal; }
  .chart { break-inside: avoid; } h2, .lead { break-after: avoid; }
  details::details-content { content-visibility: visible; } }
@media screen { .off { display: none; } } @media (max-width: 30rem) {
  .strip { grid-template-columns: repeat(2, 1fr); } }
code { background: #f5f5f4; padding: .1rem .3rem; } .change code { overflow-wrap: anywhere; }
"""

# Charts are drawn anew from what lies beside them; a film shows one step at a time.
SCRIPT = """
for (const chart of document.querySelectorAll(".chart")) {
  const specification = JSON.parse(chart.querySelector("script").textContent);
  vegaEmbed(chart, specification, {actions: false, renderer: "svg"});
}
for (const film of document.querySelectorAll(".film")) {
  const rows = [...film.querySelectorAll(".frames")].map(frames => [...frames.children]);
  const slider = document.createElement("input");
  slider.type = "range";
  slider.max = rows[0].length - 1;
  slider.value = film.dataset.first;
  slider.setAttribute("aria-label", "step");
  const show = () => {
    for (const frames of rows)
      frames.forEach((frame, number) => frame.classList.toggle("off", number != slider.value));
    slider.setAttribute("aria-valuetext", rows.map(row => row[slider.value].innerText).join("; "));
  };
  slider.addEventListener("input", show);
  film.before(slider);
  show();
}
// Paper cannot be opened: what is closed is open while the page is printed.
let closed = [];
addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("details:not([open])")];
  for (const part of closed) part.open = true;
});
addEventListener("afterprint", () => {
  for (const part of closed) part.open = false;
});
"""


def document(title: str, body: str) -> str:
    """Return a whole page, which needs nothing beside it: no file, no network."""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>{STYLE}</style></head><body>
{body}
<script>{vega.script()}</script><script>{SCRIPT}</script></body></html>
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
