"""ImageNet as it comes: the same tables of each form, by any number of processes, after any end."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import datasets
import numpy as np
import pytest
import yaml
from PIL import Image

from convprior.stages import StageError, prepare
from convprior.training.data import storing, tables
from convprior.training.data.card import Card
from convprior.training.data.storing import Form
from convprior.training.prepared import Pictures
from tests.conftest import clean_environment, run_stage, tiny_params
from tests.training.data import made

Bytes = dict[str, bytes]


def settings(project: Path, source: Path, **others: object) -> None:
    content = tiny_params()
    content["prepare"] |= {"source": str(source), "size": 16, "most_per_class": None} | others
    (project / "params.yaml").write_text(yaml.safe_dump(content))


def outcome(project: Path) -> tuple[Bytes, dict]:
    prepared = project / "data/prepared"
    content = {
        str(path.relative_to(prepared)): path.read_bytes()
        for path in sorted(prepared.rglob("*"))
        if path.is_file()
    }
    return content, json.loads((project / "reports/prepare/manifest.json").read_text())


def run(project: Path, source: Path, **others: object) -> tuple[Bytes, dict]:
    settings(project, source, **others)
    prepare.main(["data/prepared", "reports/prepare", "--params", "params.yaml"])
    return outcome(project)


def test_each_form_of_the_same_pictures_becomes_the_same_tables(project: Path) -> None:
    found = {
        kind: run(project, make(project / kind, made.files())) for kind, make in made.MAKERS.items()
    }
    expected, manifest = found["tree"]
    assert manifest["train"]["pictures"] == 12
    assert manifest["train"]["formats"] == {"PNG": 3, "JPEG": 9}
    assert manifest["train"]["modes"] == {"RGB": 9, "CMYK": 3}
    assert "train/data-00000-of-00001.arrow" in expected
    for kind, (content, said) in found.items():
        assert said["content"] == manifest["content"]
        assert said["train"]["found_sizes"] == {"48×36": 12}
        for name in content:
            if name != "description.json":
                assert content[name] == expected[name], (kind, name)
    assert found["parquet"][0]["description.json"] == expected["description.json"]


@pytest.mark.parametrize("kind", made.MAKERS)
def test_a_broken_picture_is_named_in_each_form(kind: str, project: Path) -> None:
    files = made.files()
    broken = [name for name in files if name.startswith("train/n01751748")][3]
    files[broken] = files[broken][:-200]
    _, manifest = run(project, made.MAKERS[kind](project / kind, files))
    ((name, why),) = manifest["train"]["refused"].items()
    assert name.startswith("train/")
    assert f"{name}: broken or truncated picture" in why
    assert manifest["train"]["pictures"] == 11


def test_processes_change_no_bit(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "PART", 5)
    found = []
    for processes in ("1", "2"):
        monkeypatch.setenv("CONVPRIOR_PROCESSES", processes)
        found.append(run(project, made.shards(project / "shards", made.files())))
    assert found[0] == found[1]
    assert "train/data-00002-of-00003.arrow" in found[0][0]


# Slow enough to be killed between two parts, which have two pictures each.
SCRIPT = """
import sys, time
from convprior.stages import StageError, prepare
from convprior.training.data import tables
read_row = tables.read_row
def slow(*given):
    time.sleep(0.15)
    print(given[0].name, flush=True)
    return read_row(*given)
tables.PART, tables.read_row = 2, slow
prepare.main(sys.argv[1:])
"""
COMMAND = ["data/prepared", "reports/prepare", "--params", "params.yaml"]


def start(project: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *COMMAND], cwd=project, text=True, stdout=subprocess.PIPE,
        env=clean_environment() | {"CONVPRIOR_PROCESSES": "1"},
    )  # fmt: skip


@pytest.mark.slow  # on a busy machine all may be done before the signal comes
def test_killed_it_goes_on_where_it_was(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "PART", 2)
    source = made.ilsvrc(project / "archives", made.files())
    undisturbed = run(project, source)
    process = start(project)
    state = project / prepare.STATE
    for _ in range(1200):
        if len(list(state.glob("*/*.json"))) >= 2:
            break
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    done = len(list(state.glob("*/*.json")))
    assert 2 <= done < 9
    again = start(project)
    said, _ = again.communicate(timeout=120)
    assert again.returncode == 0
    assert len(said.splitlines()) == 18 - 2 * done  # the others were not read again
    assert outcome(project) == undisturbed
    assert list(state.iterdir()) == []


def test_half_a_part_is_made_again_and_other_settings_start_afresh(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = made.tree(project / "tree", made.files())
    expected = run(project, source)
    settings(project, source, size=12)
    stale = prepare.STATE / "0123456789abcdef"
    stale.mkdir(parents=True)
    (stale / "train-00000000.arrow").write_bytes(b"half")
    assert run(project, source) == expected
    assert "settings or inputs have changed: starting afresh" in caplog.text


@pytest.mark.parametrize("store", ["pixels", "jpeg"])
def test_whole_pictures_are_cut_when_they_are_loaded(store: str, project: Path) -> None:
    source = made.tree(project / "tree", made.files())
    run(project, source, shape="whole", store=store)
    card = Card.read(project / "data/prepared")
    assert card.form == Form(16, "whole", store)
    table = datasets.load_from_disk(str(project / "data/prepared/train"))
    if store == "pixels":
        assert (table["height"][0], table["width"][0]) == (16, 21)
        assert len(table["pixels"][0]) == 16 * 21 * 3
    else:
        assert storing.decode(table["pixels"][0]).size == (21, 16)
    pictures, labels = Pictures(project / "data/prepared", "train", card.form).__getitems__([0, 11])
    assert pictures.shape == (2, 3, 16, 16)
    assert labels.tolist() == [0, 2]
    name = sorted(name for name in made.files() if name.startswith("train"))[0]
    with Image.open(project / "tree" / name) as image:
        expected = np.asarray(image.convert("RGB").resize((21, 16), Image.Resampling.BILINEAR))
    difference = pictures[0].permute(1, 2, 0).numpy() - expected[:, 2:18].astype(int)
    assert np.abs(difference).mean() < (1e-9 if store == "pixels" else 12)


def test_a_square_jpeg_is_nearly_its_pixels(project: Path) -> None:
    source = made.tree(project / "tree", made.files())
    found = {}
    for store in ("pixels", "jpeg"):
        run(project, source, size=36, store=store)
        card = Card.read(project / "data/prepared")
        found[store], _ = Pictures(project / "data/prepared", "val", card.form)[0]
    assert found["jpeg"].shape == found["pixels"].shape == (1, 3, 36, 36)
    assert (found["jpeg"].int() - found["pixels"].int()).abs().float().mean() < 12


def test_a_broken_archive_ends_in_one_line(project: Path) -> None:
    source = made.ilsvrc(project / "archives", made.files())
    path = source / "ILSVRC2012_img_train.tar"
    path.write_bytes(path.read_bytes()[:9000])
    settings(project, source)
    ended = run_stage(project, "prepare", *COMMAND[:2], check=False)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("error: ")
    assert "broken or truncated archive" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (project / "data/prepared").exists()


def test_pictures_are_not_read_again_to_leave_a_bad_one_out(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = made.files() | {"val/n01751748/bad.JPEG": b"no picture"}
    source = made.tree(project / "tree", files)
    with pytest.raises(StageError, match=r"1 of the validation pictures cannot be read"):
        run(project, source)

    def read_again(job: tables.Job) -> None:
        raise AssertionError(job)

    monkeypatch.setattr(tables, "prepare_part", read_again)
    _, manifest = run(project, source, allow_bad_val=True)
    assert manifest["val"]["pictures"] == 6
