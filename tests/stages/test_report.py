"""The experiment's page: the numbers of the files that it is given, and of no others."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from convprior.pictures import files
from convprior.report.record import RecordError
from convprior.stages import report
from tests.conftest import QUESTIONS, colourful

ARGUMENTS = ["reports", "data", "reports/index.html", "reports/strip.png",
             "--params", "params.yaml"]  # fmt: skip
MEASURED = {
    "psnr_observed": 20.25, "psnr_classical": 31.5, "psnr_last": 22.75, "psnr_network": 27.25,
    "psnr_restored": 29.125, "stop_gap": 0.375, "ssim_classical": 0.625, "ssim_restored": 0.875,
    "stop_step": 345, "steps": 360, "seconds": 21.0,
}  # fmt: skip


def write_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


@pytest.fixture
def made_up(project: Path) -> Path:
    """A reports/ and a data/ folder that no stage made: two tasks, one picture each."""
    reports, data = project / "reports", project / "data"
    split = {"pictures": 4711, "per_class": {"a": 1, "b": 2, "c": 3}}
    write_json(reports / "prepare/manifest.json", {"train": split, "val": {"pictures": 1234},
                                                   "objects_apart": True})  # fmt: skip
    for name in ("mlp", "cnn_flatten", "cnn_pool"):
        write_json(
            reports / f"train/{name}/metrics.json",
            {"parameters": 98765, "multiply_adds": 43210, "train_accuracy": 0.987,
             "val_accuracy": 0.654, "seconds": 77},
        )  # fmt: skip
        write_json(
            reports / f"evaluate/{name}/metrics.json",
            {"accuracy_in_place": 0.321, "accuracy_moved": None},
        )
        (reports / f"evaluate/{name}/curve.csv").write_text("shift,accuracy\n0,0.5\n16,0.25\n")
    for task in ("denoise", "inpaint"):
        write_json(reports / f"restore/{task}/metrics.json", {"<cat>": MEASURED})
        degraded, restored = data / "degraded" / task, data / "restored" / task
        for path in ("observed", "reference"):
            (degraded / path).mkdir(parents=True)
        files.write_float(degraded / "observed/<cat>.tiff", torch.full((3, 10, 12), 0.5))
        for folder in (restored / "classical", restored / "restored", degraded / "reference"):
            folder.mkdir(exist_ok=True, parents=True)
            colourful(12, 10).save(folder / "<cat>.png")
    return project


def test_the_page_and_the_strip_tell_of_the_files_and_of_no_others(made_up: Path) -> None:
    report.main(ARGUMENTS)
    page = (made_up / "reports/index.html").read_text()
    assert "4,711 training and 1,234 validation pictures of\n3 classes" in page
    row = ("98,765", "43,210", "98.7%", "65.4%", "32.1%", "–", "77")
    for name in ("mlp", "cnn_flatten", "cnn_pool"):
        assert f"<tr><td>{name}</td>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" in page
    assert '{"name":"mlp","x":16.0,"y":0.25}' in page
    assert page.count('<span class="best">31.50</span>') == 2  # the classical one is better here
    assert page.count('<span class="">29.12</span>') == 2
    assert page.count("<td>345 of 360</td>") == 2
    assert page.count('<div class="strip"') == 2
    assert "<cat>" not in page
    assert page.count('alt="&lt;cat&gt;, restored"') == 2
    assert "The same validation objects on the same backgrounds" in page
    # Nothing of the study was there; its page is linked to.
    assert '<a href="study.html">' in page
    assert f"{ {9: 'nine'}[len(QUESTIONS)] } questions" in page
    # The strip has a row for each task.
    with Image.open(made_up / "reports/strip.png") as strip:
        assert strip.size == (2 * 4 * (12 + 4), 2 * 2 * (10 + 4))
        assert strip.getpixel((0, 0)) == (255, 255, 255)  # a margin
        assert strip.getpixel((16, 14)) == (128, 128, 128)  # what was observed


@pytest.mark.parametrize(
    "missing",
    ["reports/prepare/manifest.json", "reports/train/cnn_pool/metrics.json",
     "reports/evaluate/mlp/curve.csv", "reports/restore/inpaint/metrics.json",
     "data/degraded/denoise/observed/<cat>.tiff", "data/restored/inpaint/restored/<cat>.png"],
)  # fmt: skip
def test_what_is_missing_is_named_with_who_makes_it(made_up: Path, missing: str) -> None:
    (made_up / missing).unlink()
    with pytest.raises(RecordError, match=f"{missing}: .*`make repro` makes"):
        report.main(ARGUMENTS)
    assert not (made_up / "reports/index.html").exists()


def test_a_curve_without_its_column_or_with_words_is_refused(made_up: Path) -> None:
    curve = made_up / "reports/evaluate/mlp/curve.csv"
    curve.write_text("shift,loss\n0,0.5\n")
    with pytest.raises(RecordError, match=r"mlp/curve\.csv: there is no column 'accuracy'"):
        report.main(ARGUMENTS)
    curve.write_text("shift,accuracy\n0,high\n")
    with pytest.raises(RecordError, match=r"mlp/curve\.csv: cannot be read \(could not convert"):
        report.main(ARGUMENTS)


def test_a_tree_of_one_s_own_and_a_perfect_restoration_are_told_of(made_up: Path) -> None:
    manifest = json.loads((made_up / "reports/prepare/manifest.json").read_text())
    write_json(made_up / "reports/prepare/manifest.json", manifest | {"objects_apart": False})
    perfect = MEASURED | {"psnr_restored": None}  # JSON has no infinity
    write_json(made_up / "reports/restore/denoise/metrics.json", {"<cat>": perfect})
    report.main(ARGUMENTS)
    page = (made_up / "reports/index.html").read_text()
    assert "The same validation pictures, moved right, down and both as a whole" in page
    assert '<span class="best">inf</span>' in page
