"""Which kind of source a path is."""

from pathlib import Path

from convprior.training.data import archives
from convprior.training.data.archives import Ilsvrc
from convprior.training.data.hub import Hub
from convprior.training.data.listing import SPLITS, Source, SourceError, files_of
from convprior.training.data.shards import Shards
from convprior.training.data.tree import Tree


def find(root: Path, *, checked: bool = False) -> Source:
    """Return the source that a folder is. Raises SourceError.

    ``checked`` compares archives with their published MD5 sums.
    """
    if archives.are_there(root):
        return Ilsvrc(root, checked=checked)
    if checked:
        raise SourceError(
            f"{root}: prepare.check is for the archives of ILSVRC 2012, and here are none"
        )
    if any(path.is_dir() for path in (root / "train").glob("[!.]*")):
        return Tree(root)
    if any(files_of(root, split, ".tar") for split in SPLITS):
        return Shards(root)
    if any(files_of(root, split, ".parquet") for split in SPLITS):
        return Hub(root)
    raise SourceError(
        f"{root}: holds no pictures to train on; expected {{train,val}}/<class>/<picture>, the "
        f"archives {', '.join(archives.PUBLISHED)}, WebDataset shards as train-000000.tar, or "
        "parquet files as train-*.parquet: set prepare.source to such a folder"
    )
