"""What the pages share: one style, one script, and tables."""

from collections.abc import Sequence

STYLE = """
:root { color-scheme: light; --ink: #1c1917; --soft: #78716c; --line: #e7e5e4; }
body { font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: #fafaf9;
  margin: 0 auto; max-width: 60rem; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 2rem; margin: 0; letter-spacing: -.02em; } h2 { margin: 3rem 0 .5rem; }
p { max-width: 44rem; } .lead { font-size: 1.15rem; color: #44403c; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums;
  background: #fff; border: 1px solid var(--line); border-radius: .5rem; }
th, td { padding: .45rem .7rem; text-align: right; border-bottom: 1px solid var(--line); }
th { font-weight: 600; font-size: .85rem; color: var(--soft); vertical-align: bottom; }
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
@media print { body { max-width: none; padding: 0; } figure { break-inside: avoid; } }
code { background: #f5f5f4; padding: .1rem .3rem; }
"""

# A click on a curve's name in the legend of `chart.lines` hides it, another shows it again.
SCRIPT = """
for (const svg of document.querySelectorAll("svg"))
  for (const name of svg.querySelectorAll("[id^=name-]")) {
    const number = name.id.slice(5);
    const shown = ["curve", "band"].map(part => svg.querySelector(`#${part}-${number}`));
    if (!shown[0]) continue;
    name.style.cursor = "pointer";
    name.addEventListener("click", () => {
      const hide = name.style.opacity !== "0.35";
      name.style.opacity = hide ? "0.35" : "1";
      for (const part of shown) if (part) part.style.display = hide ? "none" : "";
    });
  }
"""


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return an HTML table; cells are HTML already."""
    head = "".join(f"<th>{cell}</th>" for cell in header)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    rest = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="wide">{rest}</div>'
