"""The rules between the settings: each is said once, in the words of the command."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from convprior.pictures import files
from convprior.restoration.settings import Settings


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"invert_mask": True}, "--invert-mask needs --mask: it repairs what the mask does not"),
        ({"task": "deblur"}, "--task deblur needs --kernel: a file, or gaussian:σ with σ in pix"),
        ({"kernel": "gaussian:1"}, "--kernel needs --task deblur: it is the blur that is undone"),
        ({"scale": 2}, "--scale needs --task superresolve: nothing else enlarges"),
        ({"task": "deblur", "kernel": "gaussian:x"}, "'gaussian:x' is no kernel: write gaussian:1"),
        ({"task": "deblur", "kernel": "gaussian"}, "'gaussian' is no kernel: write gaussian:1.5"),
        ({"sensitivity": 2, "mask": "m.png"}, "--sensitivity needs --mask auto: it says how much"),
        ({"sensitivity": 9, "mask": "auto"}, "sensitivity\n.*less than or equal to 4"),
        (
            {"noise": 9, "task": "inpaint"},
            "--noise and --strength: --task inpaint takes away no noi",
        ),
        ({"noise": 0}, "noise\n.*greater than 0"),
        ({"strength": 5}, "strength\n.*less than or equal to 4"),
        ({"task": "paint"}, "task\n.*should be 'auto', 'denoise', 'inpaint', 'dejpeg', 'superres"),
        ({"precision": "int8"}, "precision\n.*should be 'float32' or 'bfloat16'"),
        ({"scale": 5, "task": "superresolve"}, "scale\n.*less than or equal to 4"),
        ({"runs": 0}, "runs\n.*greater than or equal to 1"),
        ({"max_steps": 0}, "max_steps\n.*greater than or equal to 1"),
        ({"time_limit": -1}, "time_limit\n.*greater than or equal to 0"),
        ({"quality": 101}, "quality\n.*less than or equal to 100"),
        ({"most_pixels": 0}, "most_pixels\n.*greater than or equal to 1"),
        ({"memory": "lots"}, "'lots' is no amount of memory: write 500MB or 2GB"),
        ({"memory": "0GB"}, "'0GB' is no amount of memory: write 500MB or 2GB"),
        ({"memory": "-2GB"}, "'-2GB' is no amount of memory: write 500MB or 2GB"),
        ({"colour": "blue"}, "colour\n.*not permitted"),
    ],
)
def test_what_cannot_be_meant_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Settings.model_validate(given)


@pytest.mark.parametrize(
    "given",
    [
        {"task": "inpaint", "mask": "holes.png"},
        {"task": "inpaint", "accept_truncated": True},
        {"mask": "holes.png", "invert_mask": True},
        {"task": "deblur", "kernel": "gaussian:.5"},
        {"task": "deblur", "kernel": "gaussian.png"},
        {"task": "superresolve", "scale": 3},
    ],
)
def test_what_belongs_together_is_taken(given: dict[str, object]) -> None:
    assert Settings.model_validate(given).model_dump(include=set(given)) == given


@pytest.mark.parametrize(
    ("text", "size"),
    [("500MB", 500_000_000), ("2GB", 2_000_000_000), ("2 g", 2_000_000_000), ("1.5GiB", 3 * 2**29)],
)
def test_memory_is_read_as_people_write_it(text: str, size: int) -> None:
    assert Settings.model_validate({"memory": text}).memory == size


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().seed = 1  # type: ignore[misc]


def test_settings_need_no_torch_and_repeat_a_number_for_it() -> None:
    script = (
        "import sys\nfrom convprior.restoration import settings\nassert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    assert Settings().most_pixels == files.MOST_PIXELS
