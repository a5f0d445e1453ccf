"""The page of benchmarks/prior.py: PSNR of the average against CPU time and against steps."""

import html
from pathlib import Path
from typing import Any

from convprior.ground import atomic
from convprior.report import chart
from convprior.report.page import document, table


def write(path: Path, result: dict[str, Any]) -> None:
    """Write the page of a result of benchmarks/prior.py."""
    sections = [_case(name, measured) for name, measured in result["each"].items()]
    summary = result["summary"]
    header = ["damage, recipe", *(key.replace("_", " ") for key in next(iter(summary.values())))]
    rows = [
        [html.escape(name), *(_number(value) for value in row.values())]
        for name, row in summary.items()
    ]
    atomic.write_text(
        path,
        document(
            "convprior: the prior measured",
            f"""<h1>The prior, measured</h1>
<p><code>{html.escape(result["command"])}</code><br>{html.escape(result["machine"])}, our recipes in
{result["precision"]}</p>
{table(header, rows)}
{"".join(sections)}""",
        ),
    )


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    if isinstance(value, int):
        return str(value)
    return f"{value:.3g}" if abs(value) < 1 else f"{value:.2f}"


def _case(name: str, measured: dict[str, Any]) -> str:
    """Return the section of one case: two charts, the stop and the peak of each run marked."""
    by_step: dict[str, chart.Curve] = {}
    by_time: dict[str, chart.Curve] = {}
    stops: dict[str, tuple[float, float]] = {}
    stops_by_time: dict[str, tuple[float, float]] = {}
    pace = measured.get("seconds_per_step", {})
    for recipe, ours in measured["recipes"].items():
        run = ours["runs"][0]
        seconds = pace.get(recipe, run["cpu_seconds"] / run["steps"])
        by_step[recipe] = [(p["step"], p["psnr"]) for p in run["curve"]]
        by_time[recipe] = [(p["step"] * seconds, p["psnr"]) for p in run["curve"]]
        stops[recipe] = (run["stop_step"], run["psnr"])
        stops_by_time[recipe] = (run["stop_step"] * seconds, run["psnr"])
    if "yardstick" in measured:
        curve = measured["yardstick"]["curve"]
        by_step["ulyanov2018"] = [(p["step"], p["psnr"]) for p in curve]
        by_time["ulyanov2018"] = [(p["step"] * pace["ulyanov2018"], p["psnr"]) for p in curve]
    levels = {key: row["psnr"] for key, row in measured["classical"].items()}
    if "published" in measured:
        levels["published"] = measured["published"]
    y_label = "PSNR of the average, dB"
    return (
        f"<h2>{html.escape(name)}</h2>"
        + chart.lines(by_time, "seconds of CPU time", y_label, stops=stops_by_time, levels=levels)
        + chart.lines(by_step, "steps", y_label, stops=stops, levels=levels)
        + "<p>Curves: the network alone. Triangle: its peak, as the reference shows it; circle: "
        "what was returned, of patches and network together (the patches' time is not counted).</p>"
    )
