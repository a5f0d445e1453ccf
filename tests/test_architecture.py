"""The tree is the architecture: floors, the code that stages depend on, and what is left out."""

import ast
import importlib.util
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

from tests.conftest import REPOSITORY

SOURCE = REPOSITORY / "src"

# A module imports from its own folder and from those of the floors below it.
ORDER = [
    {"ground", "networks", "problem"},
    {"pictures", "prior"},
    {"training", "restoration", "report"},
    {"study"},
    {"stages", "web", ""},
    {"cli"},
]


def name_of(path: Path) -> str:
    parts = path.relative_to(SOURCE / "convprior").with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {name_of(path): path for path in sorted((SOURCE / "convprior").rglob("*.py"))}


def _of_ours(node: ast.AST) -> set[str]:
    """Return the names of our modules that a statement imports."""
    if not isinstance(node, ast.ImportFrom) or (node.module or "").split(".")[0] != "convprior":
        return set()
    base = (node.module or "").removeprefix("convprior").removeprefix(".")
    names = {f"{base}.{alias.name}".strip(".") for alias in node.names}
    return {name for name in names if name in MODULES} or {base}


def imports(path: Path) -> set[str]:
    """Return the names of our modules that the file at ``path`` imports when it is imported."""
    return set().union(*(_of_ours(node) for node in ast.parse(path.read_text()).body))


def closure(path: Path) -> set[Path]:
    """Return the files that importing the file at ``path`` runs."""
    seen: set[Path] = set()
    left = [path]
    while left:
        path = left.pop()
        if path not in seen:
            seen.add(path)
            left += [MODULES[name] for name in imports(path)]
            left += [p / "__init__.py" for p in path.parents if (p / "__init__.py").exists()]
    return seen


def folder_of(name: str) -> str:
    return name.partition(".")[0]


def test_every_folder_has_its_floor() -> None:
    assert set().union(*ORDER) == {folder_of(name) for name in MODULES}


def every_import(path: Path) -> set[str]:
    """Return the names of our modules that the file imports at any time, in functions too."""
    return set().union(*(_of_ours(node) for node in ast.walk(ast.parse(path.read_text()))))


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_module_imports_only_from_floors_below(name: str) -> None:
    own = folder_of(name)
    floor = next(number for number, floor in enumerate(ORDER) if own in floor)
    below = set().union(*ORDER[:floor], {own})
    if name == "":  # the one call: it imports what it needs when it is called
        below |= {"restoration"}
    assert {folder_of(imported) for imported in every_import(MODULES[name])} <= below


def test_no_module_imports_itself_by_a_circle() -> None:
    done: set[str] = set()

    def follow(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " → ".join((*way, name))
        if name not in done:
            for imported in imports(MODULES[name]):
                if imported != name:
                    follow(imported, (*way, name))
            done.add(name)

    for name in MODULES:
        follow(name, ())


def test_the_ground_knows_neither_picture_nor_network() -> None:
    for name in MODULES:
        if folder_of(name) == "ground":
            assert {folder_of(imported) for imported in every_import(MODULES[name])} <= {"ground"}


PIPELINES = ("dvc.yaml", "study/dvc.yaml")
WITHOUT_NUMBERS = {"report", "chapters"}  # they show what others measured
NO_STAGE = {"sync"}


def described(pipeline: str) -> dict[str, dict]:
    content = yaml.safe_load((REPOSITORY / pipeline).read_text())["stages"]
    return {name: stage.get("do", stage) for name, stage in content.items()}


STAGES = {name: stage for pipeline in PIPELINES for name, stage in described(pipeline).items()}
PARAMS = yaml.safe_load((REPOSITORY / "params.yaml").read_text())


def runs(stage: str) -> list[tuple[str, str]]:
    """Return what stands for ${…} in a stage's dependencies, and the module it loads by name."""
    if stage in ("train", "evaluate", "learn"):
        networks = PARAMS["learn" if stage == "learn" else "train"]["networks"].values()
        return [(name, f"networks.{name}") for name in {network["module"] for network in networks}]
    if stage == "study":
        return [(question, f"study.{question}") for question in PARAMS["study"]]
    return [("", "")]


def code_of(stage: str, word: str) -> set[Path]:
    """Return the files and folders of code that a stage is said to depend on."""
    filled = {re.sub(r"\$\{[^}]*\}", word, path) for path in STAGES[stage]["deps"]}
    return {REPOSITORY / path for path in filled if path.startswith("src/")}


def imported_by(stage: str, loaded: str) -> set[Path]:
    found = closure(MODULES[f"stages.{stage}"])
    names = [loaded] if loaded else []
    if stage == "chapters":
        names = [name for name in MODULES if name.startswith("report.chapters.")]
    if stage == "study":  # what the study asks of: by name, and of some questions by import
        names += [f"networks.{of['module']}" for of in PARAMS["learn"]["networks"].values()]
        for question in PARAMS["study"]:
            names += [n for n in imports(MODULES[f"study.{question}"]) if n.startswith("networks.")]
    return found.union(*(closure(MODULES[name]) for name in names))


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_a_stage_depends_on_the_code_that_it_imports_and_on_little_else(stage: str) -> None:
    used: set[Path] = set()
    for word, loaded in runs(stage):
        listed, imported = code_of(stage, word), imported_by(stage, loaded)
        assert all(path.exists() for path in listed)
        assert not {p for p in imported if not any(p.is_relative_to(path) for path in listed)}
        covered = {p for path in listed for p in (path.rglob("*.py") if path.is_dir() else [path])}
        idle = {path for path in covered - imported if path.name != "__init__.py"}
        assert len(idle) <= MOST_COVERED
        used |= {path for path in listed if any(p.is_relative_to(path) for p in imported)}
    assert used == {path for word, _ in runs(stage) for path in code_of(stage, word)}


MOST_COVERED = 33  # files in a listed folder that a stage does not import: the rest of training/


def test_a_pipeline_stays_short_enough_to_read() -> None:
    entries = [dep for stage in STAGES.values() for dep in stage["deps"]]
    assert len(entries) <= 130


def test_stages_of_a_network_depend_on_that_network_only() -> None:
    for stage in ("train", "evaluate"):
        assert "src/convprior/networks/${item.module}.py" in STAGES[stage]["deps"]
        assert not {MODULES["networks.mlp"], MODULES["networks.cnn"]} & closure(
            MODULES[f"stages.{stage}"]
        )


def test_one_word_in_five_places() -> None:
    modules = {name.split(".")[1] for name in MODULES if name.startswith("stages.")} - NO_STAGE
    assert set(STAGES) == modules
    assert set(PARAMS) == modules - WITHOUT_NUMBERS
    for stage in modules:
        assert f'tracking.run("{stage}"' in re.sub(
            r"\(\s+", "(", MODULES[f"stages.{stage}"].read_text()
        )
        assert f"python -m convprior.stages.{stage} " in STAGES[stage]["cmd"]


def test_the_prior_has_never_heard_of_files_yaml_or_lightning() -> None:
    outside = {
        path.relative_to(SOURCE).as_posix(): {
            (node.module or "").split(".")[0] if isinstance(node, ast.ImportFrom) else alias.name
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        for path in closure(MODULES["prior.restore"])
    }
    for path, modules in outside.items():
        unwanted = {"yaml", "mlflow", "dvc", "pytorch_lightning", "PIL", "pathlib"}
        assert not modules & unwanted, path


def test_half_a_fit_made_by_other_code_is_not_gone_on_with() -> None:
    from convprior.stages.restore import METHOD

    made_by = {p for p in closure(MODULES["prior.restore"]) if p.name != "__init__.py"}
    assert made_by <= set(METHOD)
    assert all(path.is_file() for path in METHOD)


def test_it_works_without_torchvision() -> None:
    # Beside some builds of torch `import torchvision` fails, and takes Lightning with it. All
    # tests are run without it.
    assert importlib.util.find_spec("torchvision") is None


def test_import_convprior_is_instant() -> None:
    script = "import sys, convprior; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_no_module_is_named_after_everything() -> None:
    everything = {"utils", "helpers", "common", "base", "misc"}
    assert not everything & {name.split(".")[-1] for name in MODULES}


def declared() -> set[str]:
    """Return the packages that pyproject.toml names, in the base and in the extras."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    everything = sum(extras, project["dependencies"])
    named = {re.split(r"[^A-Za-z0-9_-]", line)[0].lower() for line in everything}
    return named - {"convprior"}


def test_every_dependency_is_pinned() -> None:
    pins = (REPOSITORY / "constraints.txt").read_text().lower().replace("_", "-")
    assert len(declared()) > 20
    for name in declared():
        assert f"\n{name}==" in pins
    assert "@" not in pins


def test_every_package_that_is_imported_is_declared() -> None:
    distributions = packages_distributions()
    for path in MODULES.values():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            elif isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            else:
                continue
            for module in {name.split(".")[0] for name in modules} - sys.stdlib_module_names:
                owners = {name.lower().replace("_", "-") for name in distributions.get(module, [])}
                assert module == "convprior" or owners & declared(), (path, module)
