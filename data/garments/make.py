"""Make the sheets of garments in this folder from Fashion-MNIST.

    apt-get install dataset-fashion-mnist
    python data/garments/make.py /usr/share/datasets/fashion-mnist

Takes, of each class, the first 1,320 pictures of the training file and the first 200 of the test
file that are not among them, and lays them on one grey PNG a class and split: 28×28 pixels each,
40 a row, in the order of the files.
"""

import gzip
import sys
from pathlib import Path

import numpy as np
from PIL import Image

# Fashion-MNIST's labels 0 to 9 as WordNet 3.0 ids.
CLASSES = (
    *("n03595614", "n04489008", "n04021028", "n03236735", "n03057021"),
    *("n04133789", "n04197391", "n03472535", "n02774152", "n02872752"),
)
SIDE, PER_ROW = 28, 40


def read_idx(path: Path, header: int) -> np.ndarray:
    """Read the bytes of an IDX file behind its header (16 bytes for pictures, 8 for labels)."""
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=header)


def main(source: Path, target: Path) -> None:
    """Write ``target``/{train,val}/<class>.png."""
    taken: set[bytes] = set()
    for split, prefix, count in (("train", "train", 1320), ("val", "t10k", 200)):
        pictures = read_idx(source / f"{prefix}-images-idx3-ubyte.gz", 16).reshape(-1, SIDE, SIDE)
        labels = read_idx(source / f"{prefix}-labels-idx1-ubyte.gz", 8)
        for label, name in enumerate(CLASSES):
            chosen: list[np.ndarray] = []
            for picture in pictures[labels == label]:
                if len(chosen) == count:
                    break
                if picture.tobytes() not in taken:  # no garment twice, in neither split
                    taken.add(picture.tobytes())
                    chosen.append(picture)
            rows = np.stack(chosen).reshape(-1, PER_ROW, SIDE, SIDE).swapaxes(1, 2)
            sheet = rows.reshape(-1, PER_ROW * SIDE)
            (target / split).mkdir(parents=True, exist_ok=True)
            Image.fromarray(sheet).save(target / split / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(__file__).parent)
