"""Tell what came out, on one self-contained page.

    python -m convprior.stages.report reports data reports/index.html reports/strip.png

Reads only what the other stages wrote; every figure on the page is one of theirs. The strip is for
the README: the first picture of each task.
"""

import csv
import html
import json
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from convprior.ground import atomic, params, tracking
from convprior.pictures import decoding, files
from convprior.report import chart
from convprior.report.chapters import QUESTIONS
from convprior.report.chapters.chapter import Chapter, between
from convprior.report.page import document, table
from convprior.stages import StageError, arguments, start

STRIP = ("observed", "classical", "restored", "reference")
LEARNED = {  # where trained and where shown, of reports/learn
    "corner_shown_corner": "trained in the corner: shown there",
    "corner_shown_uniform": "trained in the corner: shown anywhere",
    "uniform_shown_corner": "trained anywhere: shown in the corner",
    "uniform_shown_uniform": "trained anywhere: shown anywhere",
    "uniform_shown_nowhere": "trained anywhere: shown a background alone",
}
TASKS = {
    "denoise": ("Denoising", "non-local means"),
    "inpaint": ("Inpainting", "biharmonic inpainting"),
}

Json = dict[str, Any]


class Named(params.Section, extra="ignore"):
    """Of the sections `train` and `learn` only the names of the networks."""

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


def strip_pictures(data: Path, task: str, name: str) -> list[Tensor]:
    """Return observed, classical, restored and reference of one picture."""
    degraded, restored = data / "degraded" / task, data / "restored" / task
    observed = files.read_float(degraded / "observed" / f"{name}.tiff")
    made = [
        restored / "classical" / f"{name}.png",
        restored / "restored" / f"{name}.png",
        degraded / "reference" / f"{name}.png",
    ]
    return [observed, *(files.read(file).pixels for file in made)]


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


def learned(reports: Path, names: Sequence[str]) -> str:
    """Return the opening of the study: every network, what it costs, and what it knows where."""
    measured = {name: read_json(reports / "learn" / name / "metrics.json") for name in names}
    rows = [
        [
            f"<code>{html.escape(name)}</code>{' *' if m['moved'] else ''}",
            f"{m['parameters']:,}",
            f"{m['multiply_adds']:,}",
            f"{m['learning_rate']:g}",
            # On two lines, the table is no wider than the page.
            *(between(m["accuracy"][key]).replace(" ", "<br>") for key in LEARNED),
        ]
        for name, m in measured.items()
    ]
    header = ("network", "parameters", "multiply-adds", "learning rate", *LEARNED.values())
    links = " · ".join(f'<a href="#{name}">{name.replace("_", " ")}</a>' for name in QUESTIONS)
    steps = max(m["steps"] for m in measured.values())
    return f"""<h2 id="study">The study</h2>
<p>Small garments on darkened photographs, at places that are known. All networks get the same
pictures, {steps:,} steps and learning rates to try, of which the best on validation pictures is
taken. Test accuracy in percent; in brackets a 95% interval of the mean over trainings (seeds) and
test pictures. {backgrounds(measured)} Charts show their values under the pointer, and a click on a
name singles it out (with the shift key several; a click beside brings all back).</p>
{table(header, rows)}
{
        "<p>* Its objects are moved to another place each time they are shown.</p>"
        if any(m["moved"] for m in measured.values())
        else ""
    }
<p>{links}</p>"""


def backgrounds(measured: dict[str, Json]) -> str:
    """Return whether a background alone tells the class: it must not."""
    found = {
        name: m["accuracy"][f"{place}_shown_nowhere"]
        for name, m in measured.items()
        for place in ("corner", "uniform")
    }
    chance = next(iter(measured.values()))["chance"]
    above = [html.escape(name) for name, of in found.items() if of["low"] > chance]
    least, most = (pick(of["mean"] for of in found.values()) for pick in (min, max))
    return (
        f"Shown a background alone, they get {least:.1%} to {most:.1%}: "
        + (f"more than chance, {chance:.1%}, in {', '.join(above)}." if above
           else f"chance, {chance:.1%}, as it must be.")
    )  # fmt: skip


def question(reports: Path, name: str) -> str:
    """Return the chapter of one question of the study."""
    metrics = read_json(reports / "study" / name / "metrics.json")
    chapter: Chapter = import_module(f"convprior.report.chapters.{name}").chapter(metrics)
    first, *others = (
        f'<figure><div role="group" aria-label="{html.escape(figure.alt, quote=True)}">'
        f"{figure.picture}</div><figcaption>{figure.caption}</figcaption></figure>"
        for figure in chapter.figures
    )
    findings = f"<p>{chapter.findings}</p>" if chapter.findings else ""
    return f"""<section id="{name}"><h2>{chapter.title}</h2>
<p class="lead">{chapter.question}</p><p class="answer">{chapter.answer}</p>
{first}{findings}{"".join(others)}{chapter.table}
<p class="change">Ask otherwise: <code>{html.escape(chapter.change)}</code></p></section>"""


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
    sections.append(learned(args.reports, list(params.load(args.params, "learn", Named).networks)))
    sections += [question(args.reports, name) for name in QUESTIONS]
    sections += [restoration(args.reports, args.data, task) for task in TASKS]
    counts = {split: manifest[split]["pictures"] for split in ("train", "val")}
    body = f"""<h1>What a convolutional network knows</h1>
<p class="lead">Before it has seen any data, a convolutional network already prefers pictures to
noise. Trained, it knows what it was shown, and where. This page measures both:
{counts["train"]:,} training and {counts["val"]:,} validation pictures of
{len(manifest["train"]["per_class"])} classes for the baselines; untrained networks, each fitted to
one damaged picture, for the restoration.</p>
{"".join(sections)}
<p class="lead">Every figure comes from the JSON and CSV files beside this page. <code>dvc
repro</code> makes them, <code>dvc metrics diff</code> compares two versions, <code>make ui</code>
shows the restored pictures step by step.</p>"""
    with tracking.run("report", "report") as run:
        atomic.write_text(args.page, document("convprior: what came out", body))
        with atomic.file(args.strip) as strip:
            decoding.to_pillow(lay_out(args.reports, args.data)).save(strip)
        run.metrics({"sections": len(sections)})


if __name__ == "__main__":
    start(main)
