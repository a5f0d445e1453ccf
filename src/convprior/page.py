"""What the pages share: one style, one script, and tables."""

import re
from collections.abc import Sequence
from itertools import count

STYLE = """
:root { color-scheme: light; --ink: #1c1917; --soft: #78716c; --line: #e7e5e4; }
body { font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: #fafaf9;
  margin: 0 auto; max-width: 60rem; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 2rem; margin: 0; letter-spacing: -.02em; } h2 { margin: 3rem 0 .5rem; }
p { max-width: 44rem; } .lead { font-size: 1.15rem; color: #44403c; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums;
  font-size: .85rem; background: #fff; border: 1px solid var(--line); border-radius: .5rem; }
th, td { padding: .45rem .5rem; text-align: right; border-bottom: 1px solid var(--line); }
th { font-weight: 600; font-size: .8rem; color: var(--soft); vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; } .best { font-weight: 700; }
figure { margin: 1rem 0 1.5rem; } figcaption { color: var(--soft); font-size: .9rem; }
.strip { display: grid; grid-template-columns: repeat(4, 1fr); gap: .4rem; }
.strip img { width: 100%; image-rendering: pixelated; border-radius: .25rem; display: block; }
.strip div { text-align: center; font-size: .85rem; color: var(--soft); }
svg { width: 100%; height: auto; background: #fff; border: 1px solid var(--line);
  border-radius: .5rem; box-sizing: border-box; } td + td { white-space: nowrap; }
.wide { overflow-x: auto; margin: .5rem 0; } summary { cursor: pointer; color: var(--soft); }
.matrices { display: flex; flex-wrap: wrap; gap: 1rem 1.5rem; } .matrices p { margin: .3rem 0; }
.matrices p { color: var(--soft); font-size: .85rem; } .matrix { width: auto; }
.matrix td { padding: .15rem .5rem; } .change { color: var(--soft); font-size: .9rem; }
figure > div { overflow-x: auto; } figure > div > svg { min-width: 34rem; }
@media print { body { max-width: none; padding: 0; } figure { break-inside: avoid; }
  .wide, figure > div { overflow: visible; } table, th { font-size: .7rem; }
  th, td { padding: .2rem .25rem; } td + td { white-space: normal; }
  details::details-content { content-visibility: visible; } }
code { background: #f5f5f4; padding: .1rem .3rem; }
"""

# A curve's name in the legend of `chart.lines` is a button, by mouse or keyboard: it hides the
# curve and shows it again. Without this script it is text, so the buttons are made here.
SCRIPT = """
for (const svg of document.querySelectorAll("svg"))
  for (const name of svg.querySelectorAll("[id*=-name-]")) {
    const parts = ["curve", "band"]
      .map(part => document.getElementById(name.id.replace("-name-", `-${part}-`)))
      .filter(part => part);
    if (!parts.length) continue;
    name.style.cursor = "pointer";
    const attributes = {tabindex: 0, role: "button", "aria-pressed": true};
    for (const [key, value] of Object.entries(attributes)) name.setAttribute(key, value);
    const turn = () => {
      const hide = name.getAttribute("aria-pressed") === "true";
      name.setAttribute("aria-pressed", !hide);
      name.style.opacity = hide ? "0.35" : "1";
      for (const part of parts) part.style.display = hide ? "none" : "";
    };
    name.addEventListener("click", turn);
    name.addEventListener("keydown", event => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      turn();
    });
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


def with_distinct_ids(page: str) -> str:
    """Return a page on which the ids of each SVG, and what refers to them, are its own."""
    numbers = count()

    def named(svg: re.Match[str]) -> str:
        prefix = f"svg{next(numbers)}-"
        return re.sub(r'( id="|url\(#|href="#)', rf"\g<1>{prefix}", svg[0])

    return re.sub(r"<svg.*?</svg>", named, page, flags=re.DOTALL)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return an HTML table; cells are HTML already."""
    head = "".join(f"<th>{cell}</th>" for cell in header)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    rest = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="wide">{rest}</div>'
