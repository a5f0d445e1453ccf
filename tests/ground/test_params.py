"""params.yaml: what is in it is known, and what is not known is refused."""

import copy
import math
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from dvc.utils.hydra import apply_overrides

from convprior.ground import machine, params
from convprior.ground.errors import InputError
from convprior.ground.machine import MachineError
from convprior.ground.params import ParamsError
from convprior.networks.hourglass import Hourglass
from convprior.restoration import recipes
from convprior.stages import compose, degrade, evaluate, prepare, study, train
from convprior.study.trials.plan import Plan
from convprior.training import trainer
from convprior.training.blueprint import Blueprint
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


# What a slip of the finger, a spreadsheet or a joke leaves in the place of a value.
NONSENSE = (
    None, True, False, 0, 1, -1, -3, 2**70, -(2**70), 10**9, 1e-30, 1e30, -1e30, 0.5, 99, math.inf,
    -math.inf, math.nan, "", "maybe", "1e9", "nan", "../..", [], [0], [0, 0], [-3], [1e30], ["a"],
    [[]], {}, {"a": 1}, [None], [999] * 3,
)  # fmt: skip


def places(content: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the way to every value of a section, also to those that hold others."""
    yield path
    items = content.items() if isinstance(content, dict) else ()
    items = enumerate(content) if isinstance(content, list) else items
    for key, value in items:
        yield from places(value, (*path, key))


def spoiled(content: Any, draw: random.Random) -> Any:
    """Return a copy of a section with one or two values replaced by nonsense, or a key renamed."""
    content = copy.deepcopy(content)
    for _ in range(draw.choice((1, 1, 2))):
        *way, last = draw.choice([path for path in places(content) if path])
        place = content
        for key in way:
            place = place[key]
        if isinstance(place, dict) and draw.random() < 0.1:
            place[f"{last}s"] = place.pop(last)
        else:
            place[last] = copy.deepcopy(draw.choice(NONSENSE))
    return content


def build(section: str, loaded: Any) -> None:
    """Build what the stages build of a section at their start."""
    if section in ("train", "learn"):
        for network in loaded.networks.values():
            arguments = network.arguments
            Blueprint(network.module, network.class_, arguments, (3, 24, 24), ["a", "b"]).build()
    if hasattr(loaded, "augmentation"):
        loaded.augmentation.build()
    for recipe in loaded.recipes.values() if section == "restore" else ():
        with torch.device("meta"):
            Hourglass(
                recipe.latent_channels, 3, channels=recipe.channels,
                skip_channels=recipe.skip_channels, upsampling=recipe.upsampling,
                padding=recipe.padding, join_norm=recipe.join_norm, dropout=recipe.dropout,
            )  # fmt: skip


def fuzz(section: str, number: int, folder: Path) -> None:
    whole = yaml.safe_load(params.PACKAGED.read_text())
    path = folder / "params.yaml"
    refused = 0
    for draw in map(random.Random, range(number)):
        content = copy.deepcopy(whole)
        first, _, second = section.partition(".")
        if second:
            content[first][second] = spoiled(content[first][second], draw)
        else:
            content[first] = spoiled(content[first], draw)
        path.write_text(yaml.safe_dump({first: content[first]}))
        try:
            build(section, params.load(path, section, OWNERS[section]))
        except InputError:
            refused += 1
    assert refused > number / 3


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("section", sorted(OWNERS))
def test_nonsense_gives_one_clear_error(section: str, tmp_path: Path) -> None:
    fuzz(section, 40, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("section", sorted(OWNERS))
def test_thousands_of_nonsense(section: str, tmp_path: Path) -> None:
    fuzz(section, 3000, tmp_path)


VARIABLES = ("ACCELERATOR", "DEVICES", "NODES", "STRATEGY", "PRECISION", "WORKERS", "PROCESSES")


def test_nonsense_in_variables_gives_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    said = 0
    for number in range(200):
        draw = random.Random(number)
        with monkeypatch.context() as patch:
            for name in draw.sample(VARIABLES, 2):
                value = draw.choice(
                    ("", "0", "-1", "1", "two", "1e9", "cpu", "tpu", "é", " 2", "2;")
                )
                patch.setenv(f"CONVPRIOR_{name}", value)
            for call in (machine.devices_of_runs, machine.loader_workers, trainer.make):
                try:
                    call()
                except MachineError:
                    said += 1
    assert said > 200


def test_seeds_that_repeat_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"learn\.seeds: .*the same twice"):
        params.load(changed(tmp_path, "learn.seeds", [0, 0]), "learn", Plan)
