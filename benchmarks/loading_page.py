"""The page of benchmarks/loading.py: pictures a second, and how they grow with the processes."""

import html
from pathlib import Path
from typing import Any

from convprior.ground import atomic
from convprior.report import chart
from convprior.report.page import document, table

NAMES = {"ours": "our tables", "folder": "a folder of JPEGs"}


def write(path: Path, result: dict[str, Any], *, appetite: int, cores: int) -> None:
    """Write the page of a result of benchmarks/loading.py.

    ``appetite`` is how many pictures a second a GPU takes, ``cores`` how many a node has.
    """
    counts = [float(count) for count in result["workers"]]
    speeds: dict[str, chart.Curve] = {}
    growth: dict[str, chart.Curve] = {}
    for name, shown in NAMES.items():
        measured = [found[name] for found in result["workers"].values()]
        speeds[shown] = list(zip(counts, measured, strict=True))
        growth[shown] = [(n, speed / measured[0]) for n, speed in speeds[shown]]
    growth["each process as much as the first"] = [(n, n / counts[0]) for n in counts]
    x = "processes that load"
    times = chart.lines(growth, x, "times as many as at first", dots=True, logarithmic=True)
    levels = {f"one GPU that takes {appetite:,}": float(appetite)}
    fed = result["gpus_fed_by_a_node"]
    waits = result["resnet18_step"]["share_of_the_time_waiting"]
    rows = [
        ["one core’s time, pictures a second", *_row(result["one_core"])],
        *(
            [f"processes beside: {count}, pictures a second", *_row(found)]
            for count, found in result["workers"].items()
        ),
        ["steps of ResNet-18 here, pictures a second", *_row(result["resnet18_step"])],
        ["of that time spent waiting for pictures", *(f"{waits[name]:.1%}" for name in NAMES), "–"],
        [f"GPUs that {cores} such cores would feed", *(f"{fed[n]:,}" for n in NAMES), "–"],
    ]
    body = f"""<h1>How fast pictures come</h1>
<p class="lead">{result["pictures"]} pictures of 500×375, from memory, to batches of 224×224. Ours
lie decoded, the shorter side 256, and are cropped by the device; those of the folder are decoded,
cropped and resized by Pillow one by one, in torchvision’s manner.</p>
<p><code>python benchmarks/loading.py</code><br>{html.escape(result["machine"])}; medians of
{result["rounds"]} rounds in turns, load {result["load"]:.1f} before</p>
{chart.lines(speeds, x, "pictures a second", dots=True, logarithmic=True, levels=levels)}
<p>What a GPU takes is what others report of ResNet-50 on an H100: none was at hand.</p>
<h2>How it grows</h2>
{times}
<p>Between processes pictures are copied, which costs more than to read decoded ones: loading that
is hardly any work grows less than loading that keeps a core busy.</p>
<h2>The numbers</h2>
{table(["", *NAMES.values(), "ratio (of the rounds)"], rows)}
<p>To normalise, crop and flip a picture takes {result["crop_on_this_cpu_ms"]} ms of this CPU, which
is the device here; on a GPU it was not measured. What a node’s cores would feed is one core’s
speed times their number: arithmetic, not a run.</p>"""
    atomic.write_text(path, document("convprior: how fast pictures come", body))


def _row(found: dict[str, Any]) -> list[str]:
    """Return the speeds of both loaders, and their ratio with its least and its most."""
    ratios = found["ratios"]
    ratio = f"{found['ratio']:g} ({min(ratios):g} to {max(ratios):g})"
    return [*(f"{found[name]:,.{0 if found[name] > 100 else 1}f}" for name in NAMES), ratio]
