"""Tell on one self-contained page what the study found: a chapter for each of its questions.

    python -m convprior.stages.chapters reports reports/study.html

Reads only what the stages `learn` and `study` wrote. The questions and their order are those of
params.yaml's section `study`.
"""

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from convprior.ground import atomic, tracking
from convprior.report import record
from convprior.report.chapters import opening
from convprior.report.chapters.chapter import section
from convprior.report.page import document
from convprior.stages import StageError, arguments, start


def answered(reports: Path, question: str) -> str:
    """Return the chapter of one question as HTML. Raises StageError, RecordError."""
    module = f"convprior.report.chapters.{question}"
    if find_spec(module) is None:
        raise StageError(f"no chapter answers `study.{question}`: see convprior/report/chapters")
    metrics = record.metrics(reports / "study" / question / "metrics.json")
    return section(question, import_module(module).chapter(metrics))


def main(argv: Sequence[str]) -> None:
    """Run the stage."""
    args = arguments(__doc__, argv, "reports", "page")
    questions = record.names(args.params, "study")
    learned = {
        name: record.metrics(args.reports / "learn" / name / "metrics.json")
        for name in record.names(args.params, "learn.networks")
    }
    chapters = [answered(args.reports, question) for question in questions]
    body = opening.opening(learned, questions) + "".join(chapters) + opening.CLOSING
    with tracking.run("chapters", "chapters") as run:
        atomic.write_text(args.page, document("convprior: the study", body))
        run.metrics({"chapters": len(chapters)})


if __name__ == "__main__":
    start(main)
