"""A chapter of the report: the question, the figures, the answer, and how to ask otherwise."""

from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Figure:
    """An SVG or HTML picture; ``alt`` tells what it shows to those who cannot see it."""

    picture: str
    caption: str
    alt: str


@dataclass(frozen=True)
class Chapter:
    """One question; ``change`` is the command that asks it otherwise.

    ``answer`` is one sentence and ``findings`` are some more, all of numbers.
    """

    title: str
    question: str
    answer: str
    findings: str
    figures: tuple[Figure, ...]
    change: str
    table: str = ""


def section(name: str, chapter: Chapter) -> str:
    """Return a chapter as HTML, to be linked to by ``name``; its first figure comes first."""
    first, *others = (
        f'<figure><div role="group" aria-label="{escape(figure.alt, quote=True)}">'
        f"{figure.picture}</div><figcaption>{figure.caption}</figcaption></figure>"
        for figure in chapter.figures
    )
    findings = f"<p>{chapter.findings}</p>" if chapter.findings else ""
    return f"""<section id="{name}"><h2>{chapter.title}</h2>
<p class="lead">{chapter.question}</p><p class="answer">{chapter.answer}</p>
{first}{findings}{"".join(others)}{chapter.table}
<p class="change">Ask otherwise: <code>{escape(chapter.change)}</code></p></section>"""


def percent(share: float) -> str:
    """Return a share of one in words of the report."""
    return f"{100 * share:.1f}%"


def between(interval: dict[str, float]) -> str:
    """Return a share with its interval."""
    low, high = 100 * interval["low"], 100 * interval["high"]
    return f"{percent(interval['mean'])} ({low:.1f}–{high:.1f})"


def points(difference: dict[str, float]) -> str:
    """Return the difference of two shares with its interval, in percentage points."""
    mean, low, high = (signed(100 * difference[key], 1) for key in ("mean", "low", "high"))
    return f"{mean} points ({low} to {high})"


def signed(value: float, digits: int) -> str:
    """Return a number with its sign, a minus as long as a plus."""
    return f"{value:+.{digits}f}".replace("-", "−")


def clear(difference: dict[str, float]) -> bool:
    """Return whether a difference's interval leaves out zero."""
    return difference["low"] > 0 or difference["high"] < 0


def code(name: str) -> str:
    """Return a name of params.yaml as the page shows it."""
    return f"<code>{escape(name)}</code>"


def listed(names: list[str]) -> str:
    """Return names as a sentence lists them."""
    quoted = [code(name) for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"
