"""The study's opening: every network, what it costs, what it knows where, and the questions."""

import html
from collections.abc import Mapping, Sequence

from convprior.report.chapters.chapter import between
from convprior.report.page import table
from convprior.report.record import Json

LEARNED = {  # where trained and where shown, of reports/learn
    "corner_shown_corner": "trained in the corner: shown there",
    "corner_shown_uniform": "trained in the corner: shown anywhere",
    "uniform_shown_corner": "trained anywhere: shown in the corner",
    "uniform_shown_uniform": "trained anywhere: shown anywhere",
    "uniform_shown_nowhere": "trained anywhere: shown a background alone",
}
CLOSING = """<p class="lead">Every figure comes from the JSON and CSV files beside this page.
<code>make study</code> makes them, <code>dvc metrics diff</code> compares two versions.</p>"""


def opening(measured: Mapping[str, Json], questions: Sequence[str]) -> str:
    """Return the opening, of the metrics of every network of reports/learn and of the questions."""
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
    links = " · ".join(f'<a href="#{name}">{name.replace("_", " ")}</a>' for name in questions)
    steps = max(m["steps"] for m in measured.values())
    return f"""<h1>What a convolutional network knows: the study</h1>
<p class="lead">{len(questions)} questions about what is known where; to each an answer, its figures
and the command that asks it otherwise. The baselines and the restored photographs have
<a href="index.html">a page of their own</a>.</p>
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


def backgrounds(measured: Mapping[str, Json]) -> str:
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
