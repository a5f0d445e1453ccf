"""Any ImageNet-style tree, read right, or refused with a reason."""

import json
from pathlib import Path

import datasets
import numpy as np
import pytest
import yaml
from PIL import Image

from convprior.stages import StageError, prepare
from convprior.training.data.listing import SourceError
from tests.conftest import colourful, encode, tiny_params


def make_tree(root: Path) -> Path:
    colour = colourful(40, 30)
    files = {
        "train/n01/a.JPEG": encode(colour, "JPEG"),
        "train/n01/png_in_disguise.JPEG": encode(colour, "PNG"),
        "train/n01/ink.jpg": encode(colour.convert("CMYK"), "JPEG"),
        "train/n02/grey.png": encode(colour.convert("L"), "PNG"),
        "train/n02/palette.png": encode(colour.convert("P"), "PNG", transparency=3),
        "train/n02/broken.png": encode(colour, "PNG")[:-60],
        "train/n02/notes.txt": b"not counted",
        "val/n01/a.webp": encode(colour, "WEBP"),
        "val/n02/b.tif": encode(colour, "TIFF"),
    }
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    (root / "classes.json").write_text(json.dumps({"n01": "first class"}))
    return root


def run(project: Path, **settings: object) -> dict:
    content = tiny_params()
    content["prepare"] |= {"source": str(project / "tree"), "size": 16} | settings
    (project / "params.yaml").write_text(yaml.safe_dump(content))
    prepare.main(["data/prepared", "reports/prepare", "--params", "params.yaml"])
    return json.loads((project / "reports/prepare/manifest.json").read_text())


def test_an_imagenet_style_tree_becomes_tables_and_a_manifest(project: Path) -> None:
    make_tree(project / "tree")
    manifest = run(project)
    train = manifest["train"]
    assert train["pictures"] == 5
    assert train["per_class"] == {"n01": 3, "n02": 2}
    assert train["formats"] == {"JPEG": 2, "PNG": 3}
    assert train["modes"] == {"RGB": 2, "CMYK": 1, "L": 1, "P": 1}
    assert train["found_sizes"] == {"40×30": 5}
    assert list(train["refused"]) == ["train/n02/broken.png"]
    assert "broken or truncated" in train["refused"]["train/n02/broken.png"]
    assert manifest["val"]["refused"] == {}

    description = json.loads((project / "data/prepared/description.json").read_text())
    assert description["classes"] == ["n01", "n02"]
    assert description["names"] == ["first class", "n02"]
    table = datasets.load_from_disk(str(project / "data/prepared/train"))
    pixels = np.stack([np.frombuffer(p, np.uint8).reshape(-1, 3) for p in table["pixels"]]) / 255
    assert pixels.shape == (5, 256, 3)
    assert manifest["mean"] == pytest.approx(pixels.mean((0, 1)))
    assert manifest["deviation"] == pytest.approx(pixels.std((0, 1)))


def test_the_same_pictures_in_another_place_become_the_same_bytes(project: Path) -> None:
    made = []
    for place in ("tree", "elsewhere"):
        make_tree(project / place)
        run(project, source=str(project / place))
        made.append({
            path.relative_to(project): path.read_bytes()
            for path in sorted((project / "data/prepared").rglob("*"))
            if path.is_file()
        })  # fmt: skip
    assert made[0] == made[1]


def test_an_unreadable_validation_picture_stops_unless_allowed(project: Path) -> None:
    make_tree(project / "tree")
    (project / "tree/val/n01/bad.jpg").write_bytes(b"no picture")
    with pytest.raises(StageError, match=r"1 of the validation.*bad\.jpg.*allow_bad_val"):
        run(project)
    assert not (project / "data/prepared").exists()
    manifest = run(project, allow_bad_val=True)
    assert list(manifest["val"]["refused"]) == ["val/n01/bad.jpg"]
    assert manifest["val"]["pictures"] == 2


def test_trees_that_cannot_be_meant_are_refused(project: Path) -> None:
    with pytest.raises(
        SourceError, match=r"tree: holds no pictures to train on; expected {train,val}"
    ):
        run(project)
    make_tree(project / "tree")
    (project / "tree/val/n03").mkdir()
    Image.new("RGB", (9, 9)).save(project / "tree/val/n03/new.png")
    with pytest.raises(SourceError, match="classes that train lacks: n03"):
        run(project)


def test_garments_take_the_same_path_and_keep_their_parts(prepared_once: Path) -> None:
    manifest = json.loads((prepared_once / "reports/prepare/manifest.json").read_text())
    assert manifest["train"]["pictures"] == manifest["val"]["pictures"] == 120
    parts = datasets.load_from_disk(str(prepared_once / "data/prepared/parts"))
    val = datasets.load_from_disk(str(prepared_once / "data/prepared/val"))
    assert parts["label"] == val["label"]
    first = parts[0]
    ground = np.frombuffer(first["background"], np.uint8).reshape(32, 32, 3)
    cutout = np.frombuffer(first["cutout"], np.uint8).reshape(28, 28, 4)
    shown = np.frombuffer(val[0]["pixels"], np.uint8).reshape(32, 32, 3)
    inside = np.zeros((32, 32), bool)
    inside[:28, :28] = cutout[..., 3] > 0
    assert np.array_equal(shown[~inside], ground[~inside])
    assert np.array_equal(shown[inside], cutout[..., :3][cutout[..., 3] > 0])


def test_nothing_of_a_tree_is_left_out_in_silence(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = make_tree(project / "tree")
    (root / "train/.ipynb_checkpoints").mkdir()
    (root / "train/n01/._a.png").write_bytes(b"of macOS")
    (root / "train/n01/deeper").mkdir()
    Image.new("RGB", (9, 9)).save(root / "train/n01/old.bmp")
    (root / "train/readme.txt").touch()
    manifest = run(project)
    assert manifest["train"]["left_out"] == [
        "train/n01/deeper", "train/n01/old.bmp", "train/n02/notes.txt", "train/readme.txt"
    ]  # fmt: skip
    assert "train: 4 are left out: train/n01/deeper" in caplog.text
    assert list(manifest["train"]["per_class"]) == ["n01", "n02"]
    (root / "train/n03").mkdir()
    with pytest.raises(
        SourceError, match=r"train/n03: holds no picture .*fill it, or move it away"
    ):
        run(project)


@pytest.mark.parametrize("written", [b"\xff{}", b"[1]", b"{", b'{"n01": 1}'])
def test_names_of_classes_that_cannot_be_used_are_refused(written: bytes, project: Path) -> None:
    (make_tree(project / "tree") / "classes.json").write_bytes(written)
    with pytest.raises(SourceError, match=r"classes\.json: cannot be used"):
        run(project)
