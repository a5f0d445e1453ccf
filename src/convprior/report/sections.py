"""The sections of the experiment's page: the baselines, and what was restored."""

import html
import math
from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from convprior.pictures import decoding, files
from convprior.report import chart, record
from convprior.report.page import table

KINDS = ("observed", "classical", "patches", "last", "network", "restored")
STRIP = ("observed", "classical", "restored", "reference")
TASKS = {
    "denoise": ("Denoising", "non-local means"),
    "inpaint": ("Inpainting", "biharmonic inpainting"),
}
MOVED = {  # whether the prepared pictures keep objects and backgrounds apart
    True: """The same validation objects on the same backgrounds, moved right, down and both from
the corner, where the training pictures show them (unless <code>prepare.positions</code> says
otherwise).""",
    False: """The same validation pictures, moved right, down and both as a whole; what is uncovered
is filled by reflection.""",
}
CLOSING = """<h2>The study</h2>
<p>The study asks nine questions about what is known where: <a href="study.html">its page</a>
(<code>make study</code> makes it).</p>
<p class="lead">Every figure comes from the JSON and CSV files beside this page. <code>dvc
repro</code> makes them, <code>dvc metrics diff</code> compares two versions, <code>make ui</code>
shows the restored pictures step by step.</p>"""


def opening(reports: Path) -> str:
    """Return what the page is about, with the numbers of pictures."""
    manifest = record.metrics(reports / "prepare" / "manifest.json")
    counts = {split: manifest[split]["pictures"] for split in ("train", "val")}
    return f"""<h1>What a convolutional network knows</h1>
<p class="lead">Before it has seen any data, a convolutional network already prefers pictures to
noise. Trained, it knows what it was shown, and where. This page measures both:
{counts["train"]:,} training and {counts["val"]:,} validation pictures of
{len(manifest["train"]["per_class"])} classes for the baselines; untrained networks, each fitted to
one damaged picture, for the restoration.</p>
"""


def baselines(reports: Path, names: Sequence[str]) -> str:
    """Return the section on position: the shift curves and the cost of each baseline."""
    rows, curves = [], {}
    for name in names:
        trained = record.metrics(reports / "train" / name / "metrics.json")
        evaluated = record.metrics(reports / "evaluate" / name / "metrics.json")
        curves[name] = record.curve(reports / "evaluate" / name / "curve.csv", "shift", "accuracy")
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
    apart = record.metrics(reports / "prepare" / "manifest.json")["objects_apart"]
    figure = chart.lines(
        curves, "shift from the trained place, pixels", "accuracy", percent=True, dots=True
    )
    return f"""<h2>What sharing and pooling buy</h2>
<p>{MOVED[apart]} A
convolution shares its weights over position; whether the <em>class</em> survives a move is decided
by what comes after it.</p>
<figure>{figure}<figcaption>Accuracy by shift, mean of the three directions. The convolutional
networks halve the size four times: at shifts that are multiples of 16 the object lies on the same
grid again.</figcaption></figure>{table(header, rows)}"""


def restoration(reports: Path, data: Path, task: str) -> str:
    """Return the section on one task: its table and a strip for each picture."""
    measured = record.metrics(reports / "restore" / task / "metrics.json")
    rows, strips = [], []
    for name, m in measured.items():
        m = {key: math.inf if value is None else value for key, value in m.items()}
        psnr = {kind: m[f"psnr_{kind}"] for kind in KINDS if f"psnr_{kind}" in m}
        best = max(psnr, key=lambda kind: psnr[kind])
        rows.append([
            html.escape(name),
            *(f'<span class="{"best" if kind == best else ""}">{psnr[kind]:.2f}</span>'
              if kind in psnr else "–" for kind in KINDS),
            f"{m['stop_gap']:.2f}" if "stop_gap" in m else "–",
            f"{m['ssim_classical']:.3f}",
            f"{m['ssim_restored']:.3f}",
            f"{m['stop_step']} of {m['steps']}",
            f"{m['seconds']:.0f}",
        ])  # fmt: skip
        pictures = zip(STRIP, strip(data, task, name), strict=True)
        cells = "".join(
            f'<div><img src="{decoding.data_uri(picture, optimize=True)}" '
            f'alt="{html.escape(name)}, {kind}">{kind}'
            + ("" if kind == "reference" else f", {m[f'psnr_{kind}']:.2f} dB")
            + "</div>"
            for kind, picture in pictures
        )
        strips.append(f'<figure><div class="strip" data-slider>{cells}</div></figure>')
    header = ("picture", "observed", "classical", "patches alone", "last iterate", "network alone",
              "both: restored", "stop gap", "SSIM classical", "SSIM restored", "step returned",
              "seconds")  # fmt: skip
    title, classical = TASKS[task]
    return f"""<h2>{title}</h2>
<p>PSNR in dB. Classical: {classical}. Two things are known of a picture before any data is seen,
and they are shown apart. <em>Patches alone</em> is repetition: patches that look alike, wherever
they lie, estimated together; no network has a part in it. <em>Network alone</em> is the prior of
the architecture: an untrained network fitted to the one picture, the running average that the
held-out pixels chose; its <em>last iterate</em> has begun to learn the damage. The <em>stop
gap</em> is what choosing without the reference cost: by so much the best average of the run is
better than the one chosen. <em>Both</em> is what comes back, each with the weight that the held-out
pixels give it.</p>
{table(header, rows)}{"".join(strips)}"""


def strip(data: Path, task: str, name: str) -> list[Float[Tensor, "c h w"]]:
    """Return observed, classical, restored and reference of one picture. Raises RecordError."""
    degraded, restored = data / "degraded" / task, data / "restored" / task
    paths = (
        degraded / "observed" / f"{name}.tiff",
        restored / "classical" / f"{name}.png",
        restored / "restored" / f"{name}.png",
        degraded / "reference" / f"{name}.png",
    )
    for path in paths:
        if not path.is_file():
            raise record.RecordError(f"{path}: missing: {record.MAKERS}")
    observed, *others = paths
    return [files.read_float(observed), *(files.read(path).pixels for path in others)]


def lay_out(reports: Path, data: Path) -> Float[Tensor, "3 h w"]:
    """Return one picture: for each task a row of observed, classical, restored and reference."""
    rows = []
    for task in TASKS:
        name = next(iter(record.metrics(reports / "restore" / task / "metrics.json")))
        pictures = [F.pad(p, (2, 2, 2, 2), value=1.0) for p in strip(data, task, name)]
        rows.append(torch.cat(pictures, dim=2))
    return F.interpolate(torch.cat(rows, dim=1)[None], scale_factor=2)[0]
