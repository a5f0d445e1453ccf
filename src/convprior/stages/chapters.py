"""Tell on one self-contained page what the study found: a chapter for each of its questions.

    python -m convprior.stages.chapters reports reports/study.html reports/study.png

Reads only what the stages `learn` and `study` wrote. The questions and their order are those of
params.yaml's section `study`. The picture is for the README: the first chart of the last chapter.
"""

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from convprior.ground import atomic, tracking
from convprior.report import record, vega
from convprior.report.chapters import opening
from convprior.report.chapters.chapter import Chapter, section
from convprior.report.page import document
from convprior.stages import StageError, arguments, start


def answered(reports: Path, question: str) -> Chapter:
    """Return the chapter of one question. Raises StageError, RecordError."""
    module = f"convprior.report.chapters.{question}"
    if find_spec(module) is None:
        raise StageError(f"no chapter answers `study.{question}`: see convprior/report/chapters")
    metrics = record.metrics(reports / "study" / question / "metrics.json")
    chapter: Chapter = import_module(module).chapter(metrics)
    return chapter


def main(argv: Sequence[str]) -> None:
    """Run the stage."""
    args = arguments(__doc__, argv, "reports", "page", "picture")
    questions = record.names(args.params, "study")
    learned = {
        name: record.metrics(args.reports / "learn" / name / "metrics.json")
        for name in record.names(args.params, "learn.networks")
    }
    chapters = {question: answered(args.reports, question) for question in questions}
    told = [section(question, chapter) for question, chapter in chapters.items()]
    body = opening.opening(learned, questions) + "".join(told) + opening.CLOSING
    charts = (figure.picture for figure in chapters[questions[-1]].figures)
    about = f"The page {args.page}: what the study asks, and its answers."
    with tracking.run("chapters", "chapters", about=about) as run:
        atomic.write_text(args.page, document("convprior: the study", body))
        with atomic.file(args.picture) as picture:
            picture.write_bytes(vega.png(next(chart for chart in charts if "<svg" in chart)))
        run.metrics({"chapters": len(chapters)})


if __name__ == "__main__":
    start(main)
