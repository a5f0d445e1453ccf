"""The default photographs: those of the scikit-image wheel that anyone may use for anything.

Each comes with its author and terms, as scikit-image's ``skimage.data`` documents them.
"""

from dataclasses import dataclass
from pathlib import Path

import skimage.data
from PIL import Image

from convprior.pictures import decoding


@dataclass(frozen=True)
class Photograph:
    """A photograph in the scikit-image wheel."""

    file: str
    author: str
    terms: str

    def load(self) -> Image.Image:
        """Return it as 8-bit RGB, at its own size."""
        path = Path(skimage.data.__file__).with_name(self.file)
        return decoding.decode_rgb(path.read_bytes(), str(path))


PHOTOGRAPHS = {
    "astronaut": Photograph("astronaut.png", "NASA", "public domain"),
    "brick": Photograph("brick.png", "CC0 Textures", "CC0"),
    "chelsea": Photograph("chelsea.png", "Stefan van der Walt", "CC0"),
    "coffee": Photograph("coffee.png", "Rachel Michetti", "CC0"),
    "hubble": Photograph("hubble_deep_field.jpg", "NASA", "public domain"),
    "retina": Photograph("retina.jpg", "Mikael Häggström", "CC0"),
    "rocket": Photograph("rocket.jpg", "SpaceX", "public domain"),
}
