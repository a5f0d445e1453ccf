"""The study's stages and measurements: what they choose, what they count, and what they refuse."""

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch
import yaml
from pydantic import ValidationError
from safetensors.torch import load_file

from convprior.ground import params
from convprior.networks.cnn import CNN
from convprior.networks.hourglass import Hourglass
from convprior.stages import StageError, compose, learn, study
from convprior.study import dense, position, sharing, sight, untrained
from convprior.study.lessons.equivariance import equivariance, told_by_padding
from convprior.study.position import alterations, moved_and_not
from convprior.study.sharing import fitted
from convprior.study.sight import effective_field, gradient
from convprior.study.trials import loop
from convprior.study.trials.loop import Budget
from convprior.study.trials.material import Material, photograph, pictures
from convprior.study.trials.plan import Plan, StudyError
from convprior.study.trials.runs import Run, best, permuted, trained, training_pictures, try_rates
from convprior.training import cost, judging
from convprior.training.augmentation import Normalise
from convprior.training.blueprint import Blueprint, NetworkError
from convprior.training.data.card import Card
from convprior.training.data.scenes import load
from tests.conftest import QUESTIONS, REPOSITORY, tiny_params

PATHS = ("data/scenes", "models/learn", "reports/learn")


@pytest.fixture
def composed(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CONVPRIOR_PROCESSES", "1")
    compose.main(["data/garments", "data/scenes", "reports/compose", "--params", "params.yaml"])
    return project


def material_of(project: Path, **rates: float) -> Material:
    plan = params.load(project / "params.yaml", "learn", Plan)
    return Material(
        project / "data/scenes", project / "models/learn", project / "tried", plan, rates
    )


def learn_one(name: str) -> dict:
    learn.main(
        [name, "data/scenes", f"models/learn/{name}", f"reports/learn/{name}",
         "--params", "params.yaml"]
    )  # fmt: skip
    found: dict = json.loads(Path(f"reports/learn/{name}/metrics.json").read_text())
    return found


def ask(question: str) -> dict:
    report = f"reports/study/{question}"
    study.main([question, *PATHS, report, "--params", "params.yaml"])
    found: dict = json.loads(Path(f"{report}/metrics.json").read_text())
    return found


def test_scenes_are_the_same_again_and_balanced(composed: Path) -> None:
    first = Card.read(composed / "data/scenes").content
    train = load(composed / "data/scenes/train.safetensors")
    assert len(train) == 40
    assert torch.bincount(train.labels).tolist() == [4] * 10
    assert train.objects.shape[1:] == (4, 14, 14)
    compose.main(["data/garments", "data/scenes", "reports/compose", "--params", "params.yaml"])
    assert Card.read(composed / "data/scenes").content == first


def test_what_cannot_be_composed_is_said(project: Path) -> None:
    content = tiny_params()
    for changes, message in (({"side": 14, "size": 14}, None), ({"train": 20_000}, "ask for fewer"),
                             ({"side": 28, "size": 28}, "need more")):  # fmt: skip
        content["compose"] = tiny_params()["compose"] | changes
        Path("params.yaml").write_text(yaml.safe_dump(content))
        with pytest.raises((StageError, params.ParamsError), match=message or "size"):
            compose.main(["data/garments", "a", "b", "--params", "params.yaml"])


def test_the_best_learning_rate_is_taken_and_every_network_kept(composed: Path) -> None:
    metrics = learn_one("cnn_pool")
    tried = metrics["validation_accuracy"]
    assert tried[f"{metrics['learning_rate']:g}"] == max(tried.values())
    assert set(tried) == {"0.001", "0.003"}
    kept = sorted(path.name for path in (composed / "models/learn/cnn_pool").iterdir())
    assert kept == ["corner-0", "corner-1", "uniform-0", "uniform-1"]
    weights = load_file(composed / "models/learn/cnn_pool/corner-0/weights.safetensors")
    learn_one("cnn_pool")
    again = load_file(composed / "models/learn/cnn_pool/corner-0/weights.safetensors")
    assert all(torch.equal(weights[name], again[name]) for name in weights)


def test_what_learn_has_trained_is_not_trained_again(
    composed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rate = learn_one("cnn_pool")["learning_rate"]
    material = material_of(composed, cnn_pool=rate)
    run = Run.of(material, "learn", "cnn_pool", "uniform", 1)
    again = trained(material, run).state_dict()
    monkeypatch.delattr(loop, "learn")
    taken = trained(material, replace(run, question="locality")).state_dict()
    assert all(torch.equal(again[name], taken[name]) for name in again)
    for change in ({"permuted": True}, {"pictures": 20}, {"learning_rate": 2 * rate}):
        with pytest.raises(AttributeError):
            trained(material, replace(run, question="locality", **change))


def test_what_cannot_be_learned_or_asked_is_said(composed: Path) -> None:
    with pytest.raises(NetworkError, match=r"no network 'vgg' in learn.networks; there are: "):
        learn_one("vgg")
    with pytest.raises(StageError, match="no question 'taste'"):
        ask("taste")
    with pytest.raises(StageError, match="run `learn` first"):
        ask("locality")


@pytest.mark.fitted
def test_a_network_learns_what_a_few_pictures_show() -> None:
    bright = torch.arange(64) % 2
    labels = 1 - bright  # of this seed, the untrained network tells them apart the other way round
    shown = torch.where(bright[:, None, None, None] == 1, 200, 50).to(torch.uint8)
    shown = shown.expand(64, 3, 8, 8).contiguous()
    data = Card(8, ["a", "b"], ["a", "b"], [0.5] * 3, [0.3] * 3, "")
    blueprint = Blueprint("mlp", "MLP", {"hidden": [], "batch_norm": False, "dropout": 0.0},
                          (3, 8, 8), data.classes)  # fmt: skip
    found = []
    for _ in range(2):
        torch.manual_seed(0)
        network = blueprint.build()
        untrained = network(Normalise(data)(shown))
        assert not (untrained.argmax(1) == labels).any()
        trained = loop.learn(
            network, data, shown, labels, Budget(steps=60, batch_size=16),
            learning_rate=0.01, weight_decay=0.0, seed=1, device=torch.device("cpu"),
        )  # fmt: skip
        # The right score is ahead by 20 or more, of twenty seeds.
        assert judging.right(trained, shown, labels, torch.device("cpu")).all()
        found.append(judging.scores(trained, shown, torch.device("cpu")))
    assert torch.equal(*found)  # the same seed, the same bits


def test_moved_objects_lie_elsewhere_each_time_and_the_same_again(composed: Path) -> None:
    material = material_of(composed)
    known = load(composed / "data/scenes/train.safetensors")
    run = replace(Run.of(material, "learn", "mlp", "corner", 0), moved=True)
    batch = torch.arange(8)
    shown, again = training_pictures(known, run), training_pictures(known, run)
    assert callable(shown)
    assert callable(again)
    first = shown(batch)
    assert torch.equal(first, again(batch))
    assert not torch.equal(first, shown(batch))
    mixed = training_pictures(known, replace(run, permuted=True))
    assert callable(mixed)
    assert torch.equal(mixed(batch), permuted(first))
    still = training_pictures(known, replace(run, moved=False))
    assert isinstance(still, torch.Tensor)
    assert torch.equal(still, pictures(known, "corner", "train 0"))
    moved, fixed = (
        trained(material, replace(run, moved=moved)).state_dict() for moved in (True, False)
    )
    assert any(not torch.equal(moved[name], fixed[name]) for name in moved)


def test_a_network_whose_objects_are_moved_finds_its_like() -> None:
    plan = params.load(params.PACKAGED, "learn", Plan)
    assert moved_and_not(plan.networks) == {"mlp_shifted": "mlp"}
    alone = {name: of for name, of in plan.networks.items() if name != "mlp"}
    assert moved_and_not(alone) == {"mlp_shifted": None}


def test_a_permutation_loses_no_pixel_and_is_the_same_for_all(composed: Path) -> None:
    shown = pictures(load(composed / "data/scenes/test.safetensors"), "corner", "test")
    mixed = permuted(shown)
    assert not torch.equal(mixed, shown)
    assert torch.equal(mixed.flatten(2).sort(2).values, shown.flatten(2).sort(2).values)
    assert torch.equal(permuted(shown[3:5]), mixed[3:5])


@pytest.mark.parametrize("what", ["parameters", "multiply_adds"])
def test_a_family_is_brought_to_a_cost(what: str) -> None:
    arguments = {"channels": [8, 16], "head": "pool", "hidden": 64, "batch_norm": True,
                 "dropout": 0.0}  # fmt: skip
    blueprint = Blueprint("cnn", "CNN", arguments, (3, 16, 16), ["a", "b"])
    for wanted in (20_000, 100_000):
        assert cost.total(fitted(blueprint, what, wanted))[what] == pytest.approx(wanted, rel=0.1)


def test_what_has_no_width_is_not_widened_for_ever() -> None:
    linear = Blueprint("mlp", "MLP", {"hidden": [], "batch_norm": False, "dropout": 0.0},
                       (3, 16, 16), ["a", "b"])  # fmt: skip
    with pytest.raises(StudyError, match="no width to change"):
        fitted(linear, "parameters", 40_000)


def test_what_the_study_names_and_nobody_knows_is_said(composed: Path) -> None:
    material = material_of(composed)
    message = (
        "no network 'vgg' in learn.networks, though `study` names it; there are: cnn_pool, mlp"
    )
    with pytest.raises(NetworkError, match=message):
        Run.of(material, "locality", "vgg", "uniform", 0)
    with pytest.raises(StudyError, match="no photograph 'cat'; there are: astronaut"):
        photograph("cat", 16)
    settings = yaml.safe_load(params.PACKAGED.read_text())["study"]
    with pytest.raises(StudyError, match=r"study.sight.network: 'mlp' is not a CNN"):
        sight.measure(material, sight.Sight(**settings["sight"] | {"network": "mlp"}))
    with pytest.raises(ValidationError, match="needs a `size` of 2, 3, … times 8"):
        untrained.Untrained(**settings["untrained"] | {"size": 50})


@pytest.mark.parametrize(
    ("question", "changes", "message"),
    [
        (
            position,
            {"step": 3},
            r"study\.position\.step is 3: objects of 14 pixels can be moved by 2 in pictures of 16 "
            r"\(compose\.side, compose\.size\): give 2 or less, or larger pictures",
        ),
        (
            position,
            {"moves": [1, 17]},
            r"study\.position\.moves has 17, in a circle of 16 pixels \(compose\.size\) the same "
            r"as 1: give less than 16, or larger pictures",
        ),
        (
            sharing,
            {"parameters": 700},
            r"study\.sharing\.parameters is 700: MLP .* has 790 at its narrowest: give that "
            r"or more, or leave it out of study\.sharing\.families",
        ),
        (
            sharing,
            {"multiply_adds": 700},
            r"study\.sharing\.multiply_adds is 700: MLP .* has 778 at its narrowest",
        ),
    ],
)
def test_what_is_wrong_only_beside_other_parameters_is_said_before_the_work(
    composed: Path, question: ModuleType, changes: dict, message: str
) -> None:
    name = question.__name__.rpartition(".")[2]
    settings = params.load(Path("params.yaml"), f"study.{name}", study.settings_of(question))
    with pytest.raises(StudyError, match=message):
        question.measure(material_of(composed), settings.model_copy(update=changes))


def test_the_least_that_a_family_can_cost_can_be_asked_for() -> None:
    blueprint = Blueprint("mlp", "MLP", {"hidden": [8], "batch_norm": False, "dropout": 0.0},
                          (3, 16, 16), ["a", "b"])  # fmt: skip
    least = cost.total(blueprint.with_arguments({"hidden": [1]}))
    for what, wanted in least.items():
        assert cost.total(fitted(blueprint, what, wanted)) == least


def test_dense_is_asked_at_other_places_than_it_is_trained_at(composed: Path) -> None:
    scenes = load(composed / "data/scenes/test.safetensors")
    solid = torch.full_like(scenes.objects, 255)
    scenes = replace(scenes, objects=solid)
    seen, new = (dense.placed(scenes, place, "test")[:, 3] > 127 for place in dense.PLACES)
    firsts = [place.any(2).int().argmax(1) for place in (seen, new)]
    assert firsts[0].max() < firsts[1].min()


def test_rates_are_tried_for_each_run_and_the_best_is_taken(
    composed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    material = material_of(composed)
    plan = material.plan
    runs = [Run.of(material, "learn", name, "uniform", 0) for name in plan.networks]
    found = try_rates(material, runs)
    assert [list(tried) for tried in found] == [plan.learning_rates] * len(runs)
    assert best({0.1: 0.3, 0.2: 0.5, 0.3: 0.4}) == 0.2
    run = replace(runs[0], learning_rate=plan.learning_rates[0])
    tried = trained(material, run).state_dict()
    again = trained(replace(material, tried=composed / "elsewhere"), run).state_dict()
    assert all(torch.equal(tried[name], again[name]) for name in again)
    monkeypatch.delattr(loop, "learn")
    trained(material, run)  # is not trained again
    with pytest.raises(AttributeError):
        trained(material, replace(run, seed=7))


def test_equivariance_is_exact_where_it_should_be() -> None:
    torch.manual_seed(0)
    plan = {"channels": [4, 8], "hidden": 8, "batch_norm": True, "dropout": 0.0}
    exact = CNN((3, 16, 16), 4, head="pool", padding="circular", pooling="blur", **plan).eval()
    flat = CNN((3, 16, 16), 4, head="flatten", **plan).eval()
    noise = torch.randn(4, 3, 16, 16)
    assert equivariance(exact, noise, [4])["what the head sees"]["4"] < 1e-5
    assert equivariance(exact, noise, [1])["what the head sees"]["1"] > 1e-3
    assert equivariance(flat, noise, [4])["what the head sees"]["4"] > 0.1
    told, silent = (
        torch.tensor(told_by_padding(network, (3, 16, 16))) for network in (flat, exact)
    )
    assert silent.max() < 1e-5
    assert told.max() > 0.01
    assert told[2, 2] == 0  # the middle of 4×4


def test_the_effective_field_of_equal_weights_is_most_of_the_kernel() -> None:
    layer = torch.nn.Conv2d(1, 1, 5, padding=2)
    torch.nn.init.ones_(layer.weight)
    assert effective_field(*gradient(layer, torch.rand(1, 1, 17, 17))) == 5
    assert effective_field(torch.ones(4, 4), 1.5) == 4


def test_overlap_is_intersection_over_union() -> None:
    found, wanted = torch.zeros(3, 4, 4, dtype=torch.bool), torch.zeros(3, 4, 4, dtype=torch.bool)
    found[0, :2], wanted[0, 1:3] = True, True  # one row of three in both
    found[1, :2], wanted[1, :2] = True, True
    assert dense.overlap(found, wanted) == pytest.approx([1 / 3, 1, 1])


def test_bands_hold_all_of_the_power_and_a_wave_is_in_its_own() -> None:
    wave = torch.cos(torch.arange(32) * torch.pi / 2).expand(1, 32, 32)  # half of Nyquist's
    powers = untrained.band_powers(wave, 4)
    assert powers.argmax() == 2
    assert float(powers.sum()) == pytest.approx(float(torch.fft.fft2(wave).abs().square().sum()))
    brighter = untrained.band_powers(wave + 0.5, 4)  # the mean is no frequency
    torch.testing.assert_close(brighter, powers, atol=1e-3, rtol=1e-3)


def test_taking_a_part_away_takes_that_part_away() -> None:
    settings = params.load(params.PACKAGED, "study.untrained", untrained.Untrained)
    built = {name: build((3, 32, 32)) for name, build in settings.networks().items()}
    kinds = {name: {type(m) for m in network.modules()} for name, network in built.items()}
    assert torch.nn.BatchNorm2d in kinds["hourglass"]
    assert torch.nn.BatchNorm2d not in kinds["no normalisation"]
    assert torch.nn.ConvTranspose2d in kinds["transposed convolutions"]
    assert torch.nn.Upsample not in kinds["transposed convolutions"]
    assert {m.kernel_size for m in built["1×1 kernels"].modules()
            if isinstance(m, torch.nn.Conv2d)} == {(1, 1)}  # fmt: skip
    latent = torch.rand(1, settings.latent_channels, 32, 32)
    assert {tuple(network(latent).shape) for network in built.values()} == {(1, 3, 32, 32)}
    weights = {n: sum(p.numel() for p in network.parameters()) for n, network in built.items()}
    assert weights["mlp"] == pytest.approx(weights["hourglass"], rel=0.1)
    assert isinstance(built["hourglass"], Hourglass)


def test_every_question_of_params_is_asked_with_settings_that_hold() -> None:
    modules = (REPOSITORY / "src/convprior/study").glob("*.py")
    assert {path.stem for path in modules} == {"__init__", *QUESTIONS}
    for question in QUESTIONS:
        kind = study.settings_of(study.question(question))
        params.load(params.PACKAGED, f"study.{question}", kind)


def test_the_full_parameters_are_parameters_and_hold() -> None:
    content = yaml.safe_load(params.PACKAGED.read_text())
    for line in (REPOSITORY / "study/full.params").read_text().splitlines():
        name, value = line.removeprefix("-S ").split("=", 1)
        *path, last = name.split(".")
        section = content
        for key in path:
            section = section[key]
        assert last in section, name
        section[last] = yaml.safe_load(value)
    compose.Compose.model_validate(content["compose"])
    plan = Plan.model_validate(content["learn"])
    shape = (3, content["compose"]["size"], content["compose"]["size"])
    for network in plan.networks.values():
        cost.total(Blueprint(network.module, network.class_, network.arguments, shape, ["a", "b"]))


def test_no_network_knows_an_object_by_its_background() -> None:
    """The committed results: pictures without an object are at chance, ten classes, for all."""
    found = sorted((REPOSITORY / "reports/learn").glob("*/metrics.json"))
    assert len(found) == len(yaml.safe_load(params.PACKAGED.read_text())["learn"]["networks"])
    for path in found:
        accuracy = json.loads(path.read_text())["accuracy"]
        for place in ("corner", "uniform"):
            assert accuracy[f"{place}_shown_nowhere"]["mean"] == pytest.approx(0.1, abs=0.02), path


def test_what_is_altered_is_told_from_the_arguments_alone() -> None:
    plan = params.load(params.PACKAGED, "learn", Plan)
    found = alterations(plan.networks)
    assert found == {
        (): "cnn_pool",
        ("padding",): "cnn_circular",
        ("pooling",): "cnn_blur",
        ("padding", "pooling"): "cnn_circular_blur",
    }
    for name in found.values():
        assert alterations({n: of for n, of in plan.networks.items() if n != name}) == {}
    wider = plan.networks["cnn_blur"].model_copy(deep=True)
    wider.arguments["hidden"] *= 2
    assert alterations(plan.networks | {"cnn_blur": wider}) == {}
