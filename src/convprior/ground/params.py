"""Read a section of params.yaml into its owner's type, and refuse what the type does not know.

The file beside this module is the repository's params.yaml (a link; a copy in the wheel), so that
the tool and the experiment restore with the same recipe.
"""

from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from convprior.ground.errors import InputError

PACKAGED = Path(__file__).with_name("params.yaml")

Share = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1, le=10**9)]
Rate = Annotated[float, Field(gt=0, le=10)]  # of learning
Seed = Annotated[int, Field(ge=0, lt=2**63)]


def _distinct(given: list[Any]) -> list[Any]:
    if len(set(given)) < len(given):
        raise ValueError("the same twice: a repetition tells nothing")
    return given


Name = TypeVar("Name")
# At least one, none of them twice.
Distinct = Annotated[list[Name], Field(min_length=1), AfterValidator(_distinct)]


class ParamsError(InputError):
    """params.yaml cannot be used."""


class Section(BaseModel):
    """A section's type: unknown keys, NaN and infinity are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


SectionType = TypeVar("SectionType", bound=Section)


def load(path: Path, name: str, kind: type[SectionType]) -> SectionType:
    """Return the section ``name`` of the file at ``path``, or a part of one: ``section.part``.

    Raises ParamsError for a missing file or section, broken YAML, an unknown key, or a value out of
    range.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path}: cannot be read ({error})") from None
    except yaml.YAMLError as error:
        raise ParamsError(f"{path}: not valid YAML: {error}") from None
    keys = name.split(".")
    for key in keys:
        if not isinstance(content, dict) or key not in content:
            raise ParamsError(
                f"{path}: there is no section `{name}`: compare with the repository's"
            )
        content = content[key]
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        wrong = "\n".join(
            f"  {'.'.join(map(str, (*keys, *e['loc'])))}: {e['msg']} (came {e['input']!r:.80})"
            for e in error.errors()
        )
        raise ParamsError(f"{path}: cannot use\n{wrong}") from None
