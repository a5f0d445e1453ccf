"""Tell what came out, on one self-contained page.

    python -m convprior.stages.report reports data reports/index.html reports/strip.png

Reads only what the other stages wrote; every figure on the page is one of theirs. The strip is for
the README: the first picture of each task.
"""

import csv
import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from convprior import atomic, chart, decoding, images, params, tracking
from convprior.stages import StageError, arguments, start

STRIP = ("observed", "classical", "restored", "reference")
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
  border-radius: .5rem; }
.wide { overflow-x: auto; } code { background: #f5f5f4; padding: .1rem .3rem; }
"""

TASKS = {
    "denoise": ("Denoising", "non-local means"),
    "inpaint": ("Inpainting", "biharmonic inpainting"),
}

Json = dict[str, Any]


class Named(params.Section, extra="ignore"):
    """Of the section `train` only the names of the networks."""

    networks: dict[str, Any]


def read_json(path: Path) -> Json:
    """Read a stage's metrics. Raises StageError."""
    try:
        content: Json = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StageError(f"{path}: cannot be read ({error}): run `dvc repro`") from None
    return content


def read_curve(path: Path, x: str, y: str) -> list[tuple[float, float]]:
    """Read two columns of a stage's curve.csv."""
    with path.open(newline="", encoding="utf-8") as rows:
        return [(float(row[x]), float(row[y])) for row in csv.DictReader(rows)]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return an HTML table; cells are HTML already."""
    head = "".join(f"<th>{cell}</th>" for cell in header)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    rest = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="wide">{rest}</div>'


def strip_pictures(data: Path, task: str, name: str) -> list[Tensor]:
    """Return observed, classical, restored and reference of one picture."""
    degraded, restored = data / "degraded" / task, data / "restored" / task
    observed = images.read_float(degraded / "observed" / f"{name}.tiff")
    files = [
        restored / "classical" / f"{name}.png",
        restored / "restored" / f"{name}.png",
        degraded / "reference" / f"{name}.png",
    ]
    return [observed, *(images.read(file).pixels for file in files)]


def baselines(reports: Path, names: Sequence[str]) -> str:
    """Return the section on position: the shift curves and the cost of each baseline."""
    rows, curves = [], {}
    for name in names:
        trained = read_json(reports / "train" / name / "metrics.json")
        evaluated = read_json(reports / "evaluate" / name / "metrics.json")
        curves[name] = read_curve(reports / "evaluate" / name / "curve.csv", "shift", "accuracy")
        rows.append([
            html.escape(name),
            f"{trained['parameters']:,}",
            f"{trained['multiply_adds']:,}",
            f"{trained['train_accuracy']:.1%}",
            f"{trained['val_accuracy']:.1%}",
            *("–" if evaluated[key] is None else f"{evaluated[key]:.1%}"
              for key in ("accuracy_in_place", "accuracy_moved")),
            f"{trained['seconds']:.0f}",
        ])  # fmt: skip
    header = ("network", "parameters", "multiply-adds", "training accuracy", "validation accuracy",
              "at the trained place", "moved, mean", "seconds to train")  # fmt: skip
    figure = chart.lines(
        curves, "shift from the trained place, pixels", "accuracy", percent=True, dots=True
    )
    return f"""<h2>What sharing and pooling buy</h2>
<p>The same validation objects on the same backgrounds, moved right, down and both from the corner,
where the training pictures show them (unless <code>prepare.positions</code> says otherwise). A
convolution shares its weights over position; whether the <em>class</em> survives a move is decided
by what comes after it.</p>
<figure>{figure}<figcaption>Accuracy by shift, mean of the three directions. The convolutional
networks halve the size four times: at shifts that are multiples of 16 the object lies on the same
grid again.</figcaption></figure>{table(header, rows)}"""


def restoration(reports: Path, data: Path, task: str) -> str:
    """Return the section on one task: its table and a strip for each picture."""
    measured = read_json(reports / "restore" / task / "metrics.json")
    rows, strips = [], []
    for name, m in measured.items():
        best = max(("classical", "restored"), key=lambda kind: m[f"psnr_{kind}"])
        rows.append([
            html.escape(name),
            *(f'<span class="{"best" if kind == best else ""}">{m[f"psnr_{kind}"]:.2f}</span>'
              for kind in ("observed", "classical", "last", "network", "restored")),
            f"{m['stop_gap']:.2f}",
            f"{m['ssim_classical']:.3f}",
            f"{m['ssim_restored']:.3f}",
            f"{m['stop_step']} of {m['steps']}",
            f"{m['seconds']:.0f}",
        ])  # fmt: skip
        pictures = zip(STRIP, strip_pictures(data, task, name), strict=True)
        cells = "".join(
            f'<div><img src="{decoding.data_uri(picture, optimize=True)}" '
            f'alt="{html.escape(name)}, {kind}">{kind}'
            + ("" if kind == "reference" else f", {m[f'psnr_{kind}']:.2f} dB")
            + "</div>"
            for kind, picture in pictures
        )
        strips.append(f'<figure><div class="strip">{cells}</div></figure>')
    header = ("picture", "observed", "classical", "last iterate", "network alone", "restored",
              "stop gap", "SSIM classical", "SSIM restored", "step returned",
              "seconds")  # fmt: skip
    title, classical = TASKS[task]
    return f"""<h2>{title}</h2>
<p>PSNR in dB. Classical: {classical}. <em>Network alone</em> is the running average that the
held-out pixels chose; <em>restored</em> is what comes back, after patches that look alike were
filtered together. The <em>stop gap</em> is what choosing without the reference cost: by so much the
best average of the run is better than the one chosen.</p>
{table(header, rows)}{"".join(strips)}"""


def lay_out(reports: Path, data: Path) -> Tensor:
    """Return one picture: for each task a row of observed, classical, restored and reference."""
    rows = []
    for task in TASKS:
        name = next(iter(read_json(reports / "restore" / task / "metrics.json")))
        pictures = [F.pad(p, (2, 2, 2, 2), value=1.0) for p in strip_pictures(data, task, name)]
        rows.append(torch.cat(pictures, dim=2))
    return F.interpolate(torch.cat(rows, dim=1)[None], scale_factor=2)[0]


def main(argv: Sequence[str]) -> None:
    """Run the stage."""
    args = arguments(__doc__, argv, "reports", "data", "page", "strip")
    manifest = read_json(args.reports / "prepare" / "manifest.json")
    networks = params.load(args.params, "train", Named).networks
    sections = [baselines(args.reports, list(networks))]
    sections += [restoration(args.reports, args.data, task) for task in TASKS]
    counts = {split: manifest[split]["pictures"] for split in ("train", "val")}
    page = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>convprior: what came out</title><style>{STYLE}</style></head><body>
<h1>What a convolutional network knows</h1>
<p class="lead">Before it has seen any data, a convolutional network already prefers pictures to
noise. Trained, it knows what it was shown, and where. This page measures both:
{counts["train"]:,} training and {counts["val"]:,} validation pictures of
{len(manifest["train"]["per_class"])} classes for the baselines; untrained networks, each fitted to
one damaged picture, for the restoration.</p>
{"".join(sections)}
<p class="lead">Every figure comes from the JSON and CSV files beside this page. <code>dvc
repro</code> makes them, <code>dvc metrics diff</code> compares two versions, <code>make ui</code>
shows the restored pictures step by step.</p>
</body></html>
"""
    with tracking.run("report", "report") as run:
        atomic.write_text(args.page, page)
        with atomic.file(args.strip) as strip:
            decoding.to_pillow(lay_out(args.reports, args.data)).save(strip)
        run.metrics({"sections": len(sections)})


if __name__ == "__main__":
    start(main)
