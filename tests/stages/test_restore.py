"""Degrade and restore as stages: every rank its share, the same bits, and nothing done twice."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import torch
import yaml

import convprior
from convprior.ground import resume, seeds
from convprior.ground.machine import MachineError
from convprior.pictures import decoding, files
from convprior.prior.fit import Fit
from convprior.prior.where import Where
from convprior.problem import classical, damage, metrics
from convprior.problem.observation import Observation
from convprior.restoration import measured, recipes
from convprior.stages import StageError, degrade, restore
from tests.conftest import clean_environment, colourful, run_stage, tiny_params

NAMES = ("astronaut", "chelsea", "coffee", "rocket")


def degrade_all(project: Path) -> None:
    for task in ("denoise", "inpaint"):
        paths = [f"data/degraded/{task}", f"reports/degrade/{task}"]
        degrade.main([task, *paths, "--params", "params.yaml"])


def command(task: str) -> list[str]:
    return [task, f"data/degraded/{task}", f"data/restored/{task}", f"reports/restore/{task}"]


def restored_bytes(project: Path, task: str) -> dict[str, bytes]:
    folder = project / "data/restored" / task / "restored"
    return {path.stem: path.read_bytes() for path in sorted(folder.iterdir())}


def test_noise_has_its_sigma_and_clips_only_if_asked() -> None:
    grey = torch.full((3, 64, 64), 0.5)
    free = damage.add_gaussian_noise(grey, 25, False, seeds.generator("n"))
    assert float((free.observed - grey).std()) * 255 == pytest.approx(25, rel=0.03)
    white = damage.add_gaussian_noise(torch.ones(3, 8, 8), 50, True, seeds.generator("n"))
    assert white.observed.max() == 1
    assert not free.exact


def test_lost_pixels_lose_all_their_channels() -> None:
    picture = torch.rand(3, 100, 100, generator=seeds.generator("p"))
    lost = damage.lose_pixels(picture, 0.7, seeds.generator("l"))
    assert float((~lost.known).float().mean()) == pytest.approx(0.7, abs=0.02)
    assert torch.equal(lost.observed[:, lost.known], picture[:, lost.known])
    assert (lost.observed[:, ~lost.known] == 0.5).all()
    assert lost.exact


def test_classical_baselines_help_and_never_read_unknown_pixels() -> None:
    reference = decoding.from_pillow(colourful(48, 48).resize((24, 24)))
    noisy = damage.add_gaussian_noise(reference, 40, True, seeds.generator("n"))
    gained = metrics.psnr(reference, classical.baseline(noisy))
    assert gained > metrics.psnr(reference, noisy.observed)
    lost = damage.lose_pixels(reference, 0.5, seeds.generator("l"))
    poisoned = Observation(torch.where(lost.known, reference, torch.nan), lost.known, exact=True)
    filled = classical.baseline(poisoned)
    assert torch.equal(filled, classical.baseline(lost))
    assert metrics.psnr(reference, filled) > metrics.psnr(reference, lost.observed) + 5


def half_done(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Restore two of four pictures and end there."""
    with monkeypatch.context() as patch:
        patch.setattr(measured, "restore_case", cut_off_after(2, []))
        with pytest.raises(RuntimeError, match="power cut"):
            restore.main([*command("denoise"), "--params", "params.yaml"])


def cut_off_after(most: int, restored: list[str]) -> Callable[..., None]:
    """Return `restore_case` with a power cut when so many are done; their names are noted."""
    original = measured.restore_case

    def counted(case: measured.Case, *rest: object) -> None:
        if len(restored) == most:
            raise RuntimeError("power cut")
        restored.append(case.name)
        original(case, *rest)  # type: ignore[arg-type]

    return counted


def test_several_processes_restore_the_same_pictures_bit_for_bit(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    degrade_all(project)
    restore.main([*command("denoise"), "--params", "params.yaml"])
    one = restored_bytes(project, "denoise")
    assert tuple(one) == NAMES
    metrics_of_one = json.loads((project / "reports/restore/denoise/metrics.json").read_text())
    # Half of them were done when it was interrupted: one of three processes has nothing to do.
    half_done(project, monkeypatch)
    run_stage(
        project, "restore", *command("denoise"), CONVPRIOR_DEVICES="3", CONVPRIOR_STRATEGY="ddp"
    )
    assert restored_bytes(project, "denoise") == one
    metrics_of_two = json.loads((project / "reports/restore/denoise/metrics.json").read_text())
    for row in (*metrics_of_one.values(), *metrics_of_two.values()):
        del row["seconds"]
    assert metrics_of_one == metrics_of_two


@pytest.mark.slow
def test_a_rank_that_is_killed_ends_the_others_and_the_next_start_goes_on(project: Path) -> None:
    content = tiny_params()
    content["restore"]["recipes"]["default"] |= {"max_steps": 400, "least_patience": 400}
    (project / "params.yaml").write_text(yaml.safe_dump(content))
    degrade_all(project)
    several = {"CONVPRIOR_DEVICES": "2", "CONVPRIOR_STRATEGY": "ddp"}
    main = subprocess.Popen(
        [sys.executable, "-m", "convprior.stages.restore", *command("denoise")], cwd=project,
        env=clean_environment() | several, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    state = project / ".convprior/state/restore/denoise"
    while not list(state.glob("*/[!.]*/metrics.json")):  # until a picture is done
        assert main.poll() is None
        time.sleep(0.05)
    (other,) = [
        child
        for child in psutil.Process(main.pid).children(recursive=True)
        if "convprior.stages.restore" in child.cmdline()
    ]
    other.kill()
    said = main.communicate(timeout=120)[1]
    assert main.returncode, said
    assert not (project / "data/restored").exists()
    done = len(list(state.glob("*/[!.]*/metrics.json")))
    assert done < len(NAMES)
    run_stage(project, "restore", *command("denoise"), **several)
    assert tuple(restored_bytes(project, "denoise")) == NAMES


def test_the_tool_and_the_experiment_give_the_same_picture(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = recipes.load
    monkeypatch.setattr(recipes, "load", lambda path=project / "params.yaml": load(path))
    degrade_all(project)
    restore.main([*command("inpaint"), "--params", "params.yaml"])
    observed = files.read_float(project / "data/degraded/inpaint/observed/coffee.tiff")
    repair = files.read_mask(project / "data/degraded/inpaint/repair/coffee.png")
    picture = convprior.restore(observed, ~repair, device="cpu")
    files.write(project / "tool.png", files.Picture(picture))
    assert (project / "tool.png").read_bytes() == restored_bytes(project, "inpaint")["coffee"]


def test_a_restart_skips_what_is_done_and_unchanged(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    degrade_all(project)
    restored: list[str] = []
    original = measured.restore_case
    monkeypatch.setattr(measured, "restore_case", cut_off_after(2, restored))
    with pytest.raises(RuntimeError, match="power cut"):
        restore.main([*command("denoise"), "--params", "params.yaml"])
    assert restored == ["astronaut", "chelsea"]
    assert not (project / "data/restored").exists()

    # One of the finished pictures changes meanwhile: it alone is restored anew.
    path = project / "data/degraded/denoise/observed/chelsea.tiff"
    files.write_float(path, files.read_float(path) * 0.9)
    restored.clear()
    monkeypatch.setattr(
        measured, "restore_case",
        lambda case, *rest: (restored.append(case.name), original(case, *rest))[1],
    )  # fmt: skip
    restore.main([*command("denoise"), "--params", "params.yaml"])
    assert restored == ["chelsea", "coffee", "rocket"]
    assert tuple(restored_bytes(project, "denoise")) == NAMES
    assert not (project / ".convprior/state/restore/denoise").exists()


def saved_state(project: Path) -> Path:
    (path,) = (project / ".convprior/state/restore/denoise").rglob("*.pt")
    return path


def test_a_fit_that_was_cut_off_goes_on_where_it_was(
    project: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    content = tiny_params()
    content["restore"]["recipes"]["default"] |= {"max_steps": 60, "least_patience": 200}
    (project / "params.yaml").write_text(yaml.safe_dump(content))
    degrade_all(project)
    restore.main([*command("denoise"), "--params", "params.yaml"])
    whole = restored_bytes(project, "denoise")
    curve = project / "reports/restore/denoise/curves/astronaut.csv"
    rows = curve.read_text()

    monkeypatch.setattr(measured, "SAVE_EVERY", 0)
    original = metrics.psnr
    calls = iter(range(1_000_000))

    def power_cut(*args: torch.Tensor) -> float:
        if next(calls) == 2 * 55 / 5:  # two a look, five steps apart
            raise RuntimeError("power cut")
        return original(*args)

    monkeypatch.setattr(metrics, "psnr", power_cut)
    with pytest.raises(RuntimeError, match="power cut"):
        restore.main([*command("denoise"), "--params", "params.yaml"])
    whole_state = saved_state(project).read_bytes()
    steps: list[int] = []
    step = Fit.step
    monkeypatch.setattr(Fit, "step", lambda self: (steps.append(1), step(self))[1])
    restore.main([*command("denoise"), "--params", "params.yaml"])
    assert len(steps) == 4 * 60 - 50
    assert restored_bytes(project, "denoise") == whole
    assert curve.read_text() == rows
    # Half a state is no state: set aside, said, and the fit begun anew.
    half = project / "half.pt"
    half.write_bytes(whole_state[: len(whole_state) // 2])
    assert resume.load(half) is None
    assert "half.pt.broken: cannot be gone on with" in caplog.text
    assert not half.exists()
    assert resume.load(half) is None


def test_a_mistyped_precision_is_said(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    degrade_all(project)
    monkeypatch.setenv("CONVPRIOR_PRECISION", "bf61-mixed")
    with pytest.raises(MachineError, match="CONVPRIOR_PRECISION is 'bf61-mixed': expected"):
        restore.main([*command("denoise"), "--params", "params.yaml"])


def test_lightning_does_not_lower_the_precision_of_the_method(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    degrade_all(project)
    monkeypatch.setenv("CONVPRIOR_PRECISION", "bf16-mixed")
    computed_in: list[tuple[bool, torch.dtype]] = []
    original = measured.restore_case

    def spied(*given: object) -> None:
        where = next(each for each in given if isinstance(each, Where))
        computed_in.append((torch.is_autocast_enabled("cpu"), where.precision))
        original(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(measured, "restore_case", spied)
    restore.main([*command("denoise"), "--params", "params.yaml"])
    assert computed_in == [(False, torch.bfloat16)] * 4


def test_the_metrics_are_those_of_the_files(project: Path) -> None:
    degrade_all(project)
    restore.main([*command("inpaint"), "--params", "params.yaml"])
    measured = json.loads((project / "reports/restore/inpaint/metrics.json").read_text())
    for name in NAMES:
        m = measured[name]
        reference = files.read(project / f"data/degraded/inpaint/reference/{name}.png").pixels
        written = files.read(project / f"data/restored/inpaint/restored/{name}.png").pixels
        # The file has eight bits; the metric is of the unrounded picture.
        assert metrics.psnr(reference, written) == pytest.approx(m["psnr_restored"], abs=0.1)
        assert m["stop_gap"] == pytest.approx(m["psnr_peak"] - m["psnr_network"])
        assert m["stop_gap"] >= 0
        rows = (project / f"reports/restore/inpaint/curves/{name}.csv").read_text().splitlines()
        assert rows[0] == "step,misfit,held_out,psnr,psnr_average"
        assert len(rows) == 1 + m["steps"] / 5


def test_the_reference_reaches_nothing_but_the_metrics(project: Path) -> None:
    degrade_all(project)
    restore.main([*command("denoise"), "--params", "params.yaml"])
    before = restored_bytes(project, "denoise")
    for name in NAMES:
        path = project / f"data/degraded/denoise/reference/{name}.png"
        files.write(path, files.Picture(1 - files.read(path).pixels))
    restore.main([*command("denoise"), "--params", "params.yaml"])
    assert restored_bytes(project, "denoise") == before


def set_degrade(project: Path, **settings: object) -> None:
    content = tiny_params()
    content["degrade"] |= settings
    (project / "params.yaml").write_text(yaml.safe_dump(content))


def test_a_folder_of_ones_own_and_a_mask_for_one_of_its_pictures(project: Path) -> None:
    (project / "mine").mkdir()
    colourful(40, 24).save(project / "mine/wide.png")
    mask = torch.zeros(1, 24, 40)
    mask[:, 5:9, 10:20] = 1
    colourful(40, 24).save(project / "mine/other.png")
    (project / "masks").mkdir()
    files.write(project / "masks/wide.png", files.Picture(mask))
    inpaint = {"missing": 0.5, "masks": "masks"}
    set_degrade(project, source="mine", size=None, inpaint=inpaint)
    degrade.main(["inpaint", "data/degraded/inpaint", "reports/degrade/inpaint",
                  "--params", "params.yaml"])  # fmt: skip
    repair = files.read_mask(project / "data/degraded/inpaint/repair/wide.png")
    assert torch.equal(repair, mask[0] > 0)
    by_chance = files.read_mask(project / "data/degraded/inpaint/repair/other.png")
    assert float(by_chance.float().mean()) == pytest.approx(0.5, abs=0.1)


def test_only_pictures_are_degraded_and_none_takes_another_s_name(project: Path) -> None:
    (project / "mine/folder.png").mkdir(parents=True)
    colourful(20, 20).save(project / "mine/a.png")
    (project / "mine/._a.png").write_bytes(b"of macOS")
    assert list(degrade.read_references("mine", None)) == ["a"]
    colourful(20, 20).save(project / "mine/A.jpg")
    with pytest.raises(StageError, match="the same name but for the ending or case"):
        degrade.read_references("mine", None)
    (project / "list.txt").write_text("coffee\nlena\n")
    with pytest.raises(StageError, match=r"list\.txt: no photograph 'lena': a line each of"):
        degrade.read_references("list.txt", 32)
    (project / "list.txt").write_text("coffee\n")
    assert list(degrade.read_references("list.txt", 32)) == ["coffee"]


@pytest.mark.parametrize("task", ["denoise", "inpaint"])
def test_the_number_of_threads_changes_no_metric(project: Path, task: str) -> None:
    set_degrade(project, size=128)  # smaller pictures are summed by one thread in any case
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            degrade.main([task, "data/degraded", "reports/degrade", "--params", "params.yaml"])
            found.append((project / "reports/degrade/metrics.json").read_text())
    finally:
        torch.set_num_threads(before)
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"source": "nowhere"}, "degrade.source is 'nowhere'"),
        ({"inpaint": {"missing": 0.5, "masks": "small"}}, r"coffee\.png is \(5, 5\), the picture"),
        ({"inpaint": {"missing": 0.5, "masks": "other"}}, r"lena\.png: no picture has this name"),
        (
            {"inpaint": {"missing": 0.5, "masks": "nowhere"}},
            "masks is 'nowhere': expected a folder",
        ),
        ({"inpaint": {"missing": 0.0, "masks": "none"}}, r"nothing is degraded.*degrade\.inpaint"),
    ],
)
def test_what_cannot_be_degraded_is_refused(project: Path, settings: dict, message: str) -> None:
    for folder, name in (("small", "coffee"), ("other", "lena")):
        (project / folder).mkdir()
        files.write(project / folder / f"{name}.png", files.Picture(torch.zeros(1, 5, 5)))
    (project / "none").mkdir()
    set_degrade(project, **settings)
    with pytest.raises(StageError, match=message):
        degrade.main(["inpaint", "out", "reports", "--params", "params.yaml"])
    assert not (project / "out").exists()


def test_restoring_nothing_is_refused(project: Path) -> None:
    with pytest.raises(StageError, match="no pictures; run the stage `degrade` first"):
        restore.main([*command("denoise"), "--params", "params.yaml"])
