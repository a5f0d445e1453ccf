"""Tell on one self-contained page what the baselines know and what was restored.

    python -m convprior.stages.report reports data reports/index.html reports/strip.png

Reads only what the other stages wrote; every figure on the page is one of theirs. The strip is for
the README: the first picture of each task. The study has a page of its own: the stage `chapters`.
"""

from collections.abc import Sequence

from convprior.ground import atomic, tracking
from convprior.pictures import decoding
from convprior.report import record, sections
from convprior.report.page import document
from convprior.stages import arguments, start


def main(argv: Sequence[str]) -> None:
    """Run the stage."""
    args = arguments(__doc__, argv, "reports", "data", "page", "strip")
    networks = record.names(args.params, "train.networks")
    told = [
        sections.baselines(args.reports, networks),
        *(sections.restoration(args.reports, args.data, task) for task in sections.TASKS),
    ]
    body = sections.opening(args.reports) + "".join(told) + sections.CLOSING
    about = f"The page {args.page}: what the baselines know, and what was restored."
    with tracking.run("report", "report", about=about) as run:
        atomic.write_text(args.page, document("convprior: what came out", body))
        with atomic.file(args.strip) as strip:
            decoding.to_pillow(sections.lay_out(args.reports, args.data)).save(strip)
        run.metrics({"sections": len(told)})


if __name__ == "__main__":
    start(main)
