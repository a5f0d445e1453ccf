"""params.yaml: what is in it is known, and what is not known is refused."""

import shutil
from pathlib import Path

import pytest
import yaml
from dvc.utils.hydra import apply_overrides

from convprior.ground import params
from convprior.ground.params import ParamsError
from convprior.restoration import recipes
from convprior.stages import compose, degrade, evaluate, prepare, study, train
from convprior.study.trials.plan import Plan
from tests.conftest import QUESTIONS

OWNERS = {
    "prepare": prepare.Prepare, "train": train.Train, "evaluate": evaluate.Evaluate,
    "degrade": degrade.Degrade, "restore": recipes.Recipes, "compose": compose.Compose,
    "learn": Plan,
    **{f"study.{name}": study.settings_of(study.question(name)) for name in QUESTIONS},
}  # fmt: skip


@pytest.mark.parametrize("section", sorted(OWNERS))
def test_every_section_has_an_owner_that_knows_all_of_it(section: str) -> None:
    content = yaml.safe_load(params.PACKAGED.read_text())
    assert set(content) == {name.partition(".")[0] for name in OWNERS}
    params.load(params.PACKAGED, section, OWNERS[section])


def changed(tmp_path: Path, keys: str, value: object) -> Path:
    content = yaml.safe_load(params.PACKAGED.read_text())
    *way, last = keys.split(".")
    place = content
    for key in way:
        place = place[key]
    place[last] = value
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        ("prepare.size", "large", r"prepare\.size: .*valid integer.*came 'large'"),
        ("prepare.positions", "middle", r"prepare\.positions: .*'corner' or 'uniform'"),
        ("train.epochs", 0, r"train\.epochs: .*greater than or equal to 1"),
        ("train.learning_rat", 1, r"train\.learning_rat: Extra inputs are not permitted"),
        ("evaluate.shifts", [], r"evaluate\.shifts: .*at least 1 item"),
        ("degrade.denoise.sigma", -1, r"degrade\.denoise\.sigma: .*greater than or equal to 0"),
        ("compose.side", 20, r"compose\.side: .*14 or 28.*came 20"),
        ("learn.seeds", [], r"learn\.seeds: .*at least 1 item"),
        ("learn.networks.mlp.augmentation.shift", 2, r"augmentation\.shift: .*less than 1"),
        (
            "restore.denoise",
            "magic",
            r"restore: .*no recipe 'magic'; there are: default, exact, ulya",
        ),
        (
            "restore.recipes.exact.like",
            "magic",
            r"recipes: .*'exact' is like 'magic', which",
        ),
        ("restore.recipes.default.jitter", -1, r"jitter: .*greater than or equal to 0.*came -1"),
        ("restore.recipes.default.upsampling", "cubic", r"upsampling: .*'nearest' or 'bilinear'"),
        ("restore.recipes.default.speed", 9, r"recipes\.default\.speed: .*came 9"),
    ],
)
def test_a_wrong_value_says_where_what_and_why(
    tmp_path: Path, keys: str, value: object, message: str
) -> None:
    path = changed(tmp_path, keys, value)
    section = keys.split(".")[0]
    with pytest.raises(ParamsError, match=message):
        params.load(path, section, OWNERS[section])


def test_a_part_of_a_section_is_named_in_its_errors(tmp_path: Path) -> None:
    path = changed(tmp_path, "study.position.step", 0)
    with pytest.raises(ParamsError, match=r"study\.position\.step: .*came 0"):
        params.load(path, "study.position", OWNERS["study.position"])
    with pytest.raises(ParamsError, match=r"no section `study\.taste`"):
        params.load(path, "study.taste", OWNERS["study.position"])


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    with pytest.raises(ParamsError, match="cannot be read"):
        params.load(path, "train", train.Train)
    path.write_text("train: [")
    with pytest.raises(ParamsError, match="not valid YAML"):
        params.load(path, "train", train.Train)
    path.write_text("other: 1")
    with pytest.raises(ParamsError, match="no section `train`"):
        params.load(path, "train", train.Train)


@pytest.mark.parametrize("section", ["learn", "train"])
def test_a_change_of_one_network_changes_that_one_alone(section: str, tmp_path: Path) -> None:
    """As `dvc exp run -S` writes it: an anchor would carry it on, or swallow it."""
    path = tmp_path / "params.yaml"
    before = yaml.safe_load(params.PACKAGED.read_text())[section]["networks"]
    for name, network in before.items():
        shutil.copy(params.PACKAGED, path)
        argument = next(iter(network["arguments"]))
        apply_overrides(path, [f"{section}.networks.{name}.arguments.{argument}=[77]"])
        after = yaml.safe_load(path.read_text())[section]["networks"]
        assert after[name]["arguments"][argument] == [77]
        assert {n for n in before if after[n] != before[n]} == {name}
