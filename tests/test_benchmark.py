"""The benchmark on tiny pictures: what it writes, what it keeps, and what it refuses."""

import json
import sys
from pathlib import Path

import pytest
import torch
import yaml

from convprior.ground import seeds
from convprior.pictures import decoding, files
from tests.conftest import REPOSITORY, colourful, tiny_params
from tests.report.test_chart import specifications

sys.path.insert(0, str(REPOSITORY / "benchmarks"))

import cases
import damages
import loading
import preparing
import prior as benchmark
import yardstick


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cases, "SIZE", 32)
    for folder in ("denoise", "inpaint"):
        (tmp_path / "pictures" / folder).mkdir(parents=True)
    colourful(64, 48).save(tmp_path / "pictures/denoise/house_64.png")
    colourful(40, 24).convert("L").save(tmp_path / "pictures/inpaint/house.png")
    known = (torch.rand(1, 24, 40, generator=torch.Generator().manual_seed(0)) < 0.5).float()
    files.write(tmp_path / "pictures/inpaint/house_known.png", files.Picture(known))
    content = tiny_params()
    content["restore"]["recipes"]["ulyanov2018"] |= {"channels": [8, 8], "latent_channels": 4}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    return tmp_path / "pictures"


def run(monkeypatch: pytest.MonkeyPatch, script: object, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["script", *map(str, arguments), "--params", "params.yaml"])
    script.main()  # type: ignore[attr-defined]


def test_everything_is_measured_beside_the_yardstick_and_nothing_twice(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, yardstick, pictures, "denoise-25", "--steps", 100)
    capsys.readouterr()
    run(monkeypatch, benchmark, pictures, "denoise-25", "inpaint", "--seeds", 2)
    assert capsys.readouterr().out.count(" dB at step ") == 4
    result = json.loads(Path("reports/benchmarks/prior.json").read_text())
    assert set(result["each"]) == {"denoise-25/house", "inpaint/house"}
    ours = result["each"]["denoise-25/house"]["recipes"]["default"]
    yard = result["each"]["denoise-25/house"]["yardstick"]
    assert yard["peak"]["psnr"] == max(point["psnr"] for point in yard["curve"])
    assert ours["gain_db"] == pytest.approx(ours["runs"][0]["psnr"] - yard["peak"]["psnr"])
    assert ours["cpu_ratio"] > 0
    assert len(result["each"]["denoise-25/house"]["classical"]) == 4
    run_of_ours = ours["runs"][0]
    assert run_of_ours["stop_gap"] == run_of_ours["peak"]["psnr"] - run_of_ours["psnr_network"] >= 0
    assert ours["psnr_of_mean"][0] == pytest.approx(ours["runs"][0]["psnr"], abs=1e-4)
    inpainted = result["each"]["inpaint/house"]["recipes"]["exact"]
    assert inpainted["gain_db"] == pytest.approx(inpainted["runs"][0]["psnr"] - 39.16)
    assert len(inpainted["gain_of_mean_db"]) == 2
    page = Path("reports/benchmarks/prior.html").read_text()
    assert page.count('<div class="chart">') == 4

    run(monkeypatch, benchmark, pictures, "denoise-25", "inpaint", "--seeds", 2)
    assert " dB at step " not in capsys.readouterr().out


def test_an_interrupted_yardstick_goes_on_to_the_same_curve(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Path("reports/benchmarks/ulyanov2018/denoise-50/house.float32.json")
    run(monkeypatch, yardstick, pictures, "denoise-50", "--steps", 200)
    whole = json.loads(kept.read_text())["curve"]
    kept.unlink()
    (yardstick.STATE / "denoise-50-house.float32.ulyanov2018.pt").unlink()
    run(monkeypatch, yardstick, pictures, "denoise-50", "--steps", 100)
    assert json.loads(kept.read_text())["curve"] == whole[:4]
    run(monkeypatch, yardstick, pictures, "denoise-50", "--steps", 200)
    assert json.loads(kept.read_text())["curve"] == whole


def test_of_larger_pictures_to_inpaint_the_centre_is_taken(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = files.read(pictures / "inpaint/house.png").pixels
    monkeypatch.setattr(cases, "CENTRE", 30)  # the picture is 40 wide and 24 high
    (case,) = cases.read(pictures, ["inpaint/house"])
    assert torch.equal(case.reference, whole[:, :, 5:35])
    assert case.observation.known.shape == (24, 30)


def test_a_case_that_does_not_exist_is_refused(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit, match=r"no case matches derain; in .*denoise-15/house"):
        run(monkeypatch, benchmark, pictures, "derain")


def test_the_page_of_loading_is_made_of_what_was_measured_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    loading.OUT.parent.mkdir(parents=True)
    speeds = {"ours": 9000.4, "folder": 300.0, "ratio": 30.0, "ratios": [28.5, 31.5]}
    grown = {"ours": 13500.0, "folder": 600.0, "ratio": 22.5, "ratios": [22.5]}
    measured = {
        "machine": "<a machine>", "load": 0.25, "pictures": 64, "rounds": 2, "one_core": speeds,
        "workers": {"1": speeds, "4": grown}, "crop_on_this_cpu_ms": 1.25,
        "resnet18_step": speeds | {"share_of_the_time_waiting": {"ours": 0.012, "folder": 0.5}},
        "gpus_fed_by_a_node": {"ours": 57.6, "folder": 1.9},
    }  # fmt: skip
    loading.OUT.write_text(json.dumps(measured))
    monkeypatch.setattr(sys, "argv", ["loading.py", "--page"])
    loading.main()
    page = loading.OUT.with_suffix(".html").read_text()
    speed, growth = (found["data"]["values"] for found in specifications(page))
    assert [(row["x"], row["y"]) for row in speed] == [(1, 9000.4), (4, 13500), (1, 300), (4, 600)]
    assert [(row["x"], row["y"]) for row in growth[::2]] == [(1, 1)] * 3
    assert [(row["x"], row["y"]) for row in growth[1::2]] == [(4, 13500 / 9000.4), (4, 2), (4, 4)]
    for said in ("&lt;a machine&gt;", ">9,000<", "30 (28.5 to 31.5)", "1.2%", "57.6"):
        assert said in page
    assert json.loads(loading.OUT.read_text()) == measured


@pytest.mark.parametrize("name", damages.DAMAGES)
def test_a_damage_is_named_by_its_seed_and_keeps_the_range(name: str) -> None:
    picture = decoding.from_pillow(colourful(48, 40))
    first, again, other = (
        damages.DAMAGES[name](picture, seeds.generator("damage", seed)) for seed in (0, 0, 1)
    )
    assert first.observed.shape == picture.shape
    assert torch.equal(first.observed, again.observed)
    assert ((first.observed >= 0) & (first.observed <= 1)).all()
    assert torch.equal(first.observed, other.observed) == (name in ("jpeg", "clean"))
    assert torch.equal(first.observed, picture) == (name == "clean")


def test_preparing_is_measured_in_each_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["preparing.py", "--pictures", "4", "--rounds", "1"])
    preparing.main()
    found = json.loads(preparing.OUT.read_text())
    assert found["pictures"] == 4
    assert found["only_decoded"] > 0
    assert len(found["forms"]) == 4
    bytes_of = {name: form["bytes_a_picture"] for name, form in found["forms"].items()}
    assert bytes_of["square, pixels"] >= 3 * 224**2 > bytes_of["square, jpeg"]
