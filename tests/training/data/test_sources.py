"""Each form in which ImageNet comes holds the same pictures, and one that is broken is named."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from convprior.training.data import archives, sources
from convprior.training.data.listing import SourceError
from tests.training.data import made


def content(root: Path, split: str) -> list[tuple[int, bytes]]:
    source = sources.find(root)
    return [(read.label, read.data) for read in source.reader(source.entries(split))]


@pytest.mark.parametrize("kind", ["archives", "shards", "parquet"])
def test_each_kind_holds_the_pictures_of_the_tree(kind: str, tmp_path: Path) -> None:
    tree = made.tree(tmp_path / "tree", made.files())
    other = made.MAKERS[kind](tmp_path / kind, made.files())
    for split, count in made.PER_CLASS.items():
        assert len(content(tree, split)) == 3 * count
        assert content(other, split) == content(tree, split)
    classes = sources.find(other).classes
    assert classes == (["0", "1", "2"] if kind == "shards" else list(made.CLASSES))


def test_validation_labels_go_through_the_devkit(tmp_path: Path) -> None:
    made.ilsvrc(tmp_path, made.files())
    (tmp_path / archives.DEVKIT).write_bytes(made.devkit([490, 361, 171]))
    devkit = archives.Devkit(tmp_path / archives.DEVKIT)
    names = [f"ILSVRC2012_val_{number:08}.JPEG" for number in (1, 2, 3)]
    found = [devkit.label(name, tmp_path) for name in names]
    assert found == ["n01751748", "n09193705", "n02105855"]  # as published
    assert devkit.names["n09193705"] == "what n09193705 is"
    with pytest.raises(
        SourceError, match=r"val_9\.JPEG: expected a name with a number from 1 to 3"
    ):
        devkit.label("val_9.JPEG", tmp_path)


def test_a_name_never_becomes_a_path(tmp_path: Path) -> None:
    made.ilsvrc(tmp_path, made.files())
    files = {"../../../etc/n_1.JPEG": b"1", "/n_2.JPEG": b"2"}
    inner = {f"{name}.tar": made.tar(files) for name in made.CLASSES}
    (tmp_path / archives.TRAIN).write_bytes(made.tar(inner))
    found = sources.find(tmp_path).entries("train")
    assert [entry.name for entry in found[:2]] == [
        "train/n01751748/n_1.JPEG", "train/n01751748/n_2.JPEG"
    ]  # fmt: skip


def test_other_files_have_another_identity(tmp_path: Path) -> None:
    for kind, make in made.MAKERS.items():
        root = make(tmp_path / kind, made.files())
        before = sources.find(root).identity
        assert sources.find(root).identity == before
        path = next(path for path in sorted(root.rglob("*")) if path.is_file())
        path.touch()
        assert sources.find(root).identity != before


def without_devkit(root: Path) -> None:
    (made.ilsvrc(root, made.files()) / archives.DEVKIT).unlink()


def empty_devkit(root: Path) -> None:
    made.ilsvrc(root, made.files())
    (root / archives.DEVKIT).write_bytes(b"no gzip")


def unknown_id(root: Path) -> None:
    made.ilsvrc(root, made.files())
    (root / archives.DEVKIT).write_bytes(made.devkit([490, 1001, 171, 171, 171, 171]))


def too_few_truths(root: Path) -> None:
    made.ilsvrc(root, made.files())
    (root / archives.DEVKIT).write_bytes(made.devkit([490]))


def truncated_train(root: Path) -> None:
    path = made.ilsvrc(root, made.files()) / archives.TRAIN
    path.write_bytes(path.read_bytes()[:20_000])


def class_missing(root: Path) -> None:
    made.ilsvrc(root, made.files())
    inner = {f"{name}.tar": made.tar({"n_1.JPEG": b"1"}) for name in made.CLASSES[1:]}
    (root / archives.TRAIN).write_bytes(made.tar(inner))


def shard_of(root: Path, members: dict[str, bytes]) -> None:
    made.shards(root, made.files())
    (root / "train-000000.tar").write_bytes(made.tar(members))


def truncated_shard(root: Path) -> None:
    path = made.shards(root, made.files()) / "train-000001.tar"
    path.write_bytes(path.read_bytes()[:5000])


def no_validation_shard(root: Path) -> None:
    for path in made.shards(root, made.files()).glob("val*"):
        path.unlink()


def broken_parquet(root: Path) -> None:
    made.parquet(root, made.files())
    (root / "data/train-00000-of-00001.parquet").write_bytes(b"PAR1 and no more")


def other_columns(root: Path) -> None:
    made.parquet(root, made.files())
    table = pa.table({"picture": [b"1"], "label": [0]})
    pq.write_table(table, root / "data/train-00000-of-00001.parquet")


def other_pictures(root: Path) -> None:
    made.parquet(root, made.files())
    table = pa.table({"image": [b"1"], "label": [0]})
    pq.write_table(table, root / "data/train-00000-of-00001.parquet")


def unlabelled(root: Path) -> None:
    made.parquet(root, made.files())
    table = pa.table({"image": [{"bytes": b"1", "path": "x"}], "label": [-1]})
    pq.write_table(table, root / "data/train-00000-of-00001.parquet")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda root: None, r"holds no pictures to train on; expected .*ILSVRC.*shards.*parquet"),
        (without_devkit, r"devkit_t12\.tar\.gz: missing: .* belong into one folder"),
        (empty_devkit, r"devkit_t12\.tar\.gz: cannot be read \(.*\): fetch it again"),
        (unknown_id, r"picture 2 has the class 1001, and meta\.mat has no such leaf"),
        (too_few_truths, r"00000002\.JPEG: expected a name with a number from 1 to 1"),
        (truncated_train, r"img_train\.tar.*broken or truncated archive"),
        (class_missing, r"img_train\.tar: the devkit has the class n01751748, and it does not"),
        (truncated_shard, r"train-000001\.tar: broken or truncated archive"),
        (no_validation_shard, r"no shards of val; expected val-000000\.tar"),
        (lambda root: shard_of(root, {"a.jpg": b"1"}), r"000\.tar: a has a picture and no \.cls"),
        (
            lambda root: shard_of(root, {"a.jpg": b"1", "a.cls": b"cat"}),
            r"a\.cls is b'cat': expect",
        ),
        (
            lambda root: shard_of(root, {"a.jpg": b"1", "a.cls": b"9"}),
            r"train has the label 9, and",
        ),
        (broken_parquet, r"00001\.parquet: cannot be read \(.*\): fetch it again"),
        (other_columns, r"has no column 'image', but picture, label: expected 'image' and 'label'"),
        (other_pictures, r"'image' is binary: expected a struct of bytes and path"),
        (unlabelled, r"row 0 has the label -1: expected one from 0 on"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(
    spoil: Callable[[Path], None], message: str, tmp_path: Path
) -> None:
    spoil(tmp_path)
    with pytest.raises(SourceError, match=message) as said:
        sources.find(tmp_path)
    assert "\n" not in str(said.value)


def test_archives_are_compared_with_the_published_sums(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.ilsvrc(tmp_path, made.files())
    right = {n: hashlib.md5((tmp_path / n).read_bytes()).hexdigest() for n in archives.PUBLISHED}
    with monkeypatch.context() as patched:
        patched.setattr(archives, "PUBLISHED", right)
        assert len(sources.find(tmp_path, checked=True).entries("train")) == 12
    with pytest.raises(SourceError, match=r"img_train\.tar: its MD5 is [0-9a-f]{32}, not 1d675b47"):
        sources.find(tmp_path, checked=True)
    with pytest.raises(SourceError, match=r"prepare\.check is for the archives"):
        sources.find(made.tree(tmp_path / "tree", made.files()), checked=True)


def test_two_classes_of_one_name_are_told_apart(tmp_path: Path) -> None:
    root = made.parquet(tmp_path / "a", made.files(), names=False)
    assert sources.find(root).classes == ["0", "1", "2"]
    (root / "classes.json").write_text('{"1": "crane"}')
    assert sources.find(root).names == ["0", "crane", "2"]


def test_what_shards_hold_besides_is_counted(tmp_path: Path) -> None:
    members = {}
    for label in range(3):
        members |= {f"{label}.jpg": b"1", f"{label}.cls": str(label).encode(), f"{label}.txt": b""}
    shard_of(tmp_path, members)
    assert sources.find(tmp_path).left_out("train") == ["*.txt (3)"]
    assert sources.find(tmp_path).left_out("val") == []


def test_tars_that_were_left_in_a_tree_make_no_shards_of_it(tmp_path: Path) -> None:
    made.tree(tmp_path, made.files())
    (tmp_path / "train/n01751748.tar").touch()
    source = sources.find(tmp_path)
    assert source.classes == list(made.CLASSES)
    assert source.left_out("train") == ["train/n01751748.tar"]


def broken_pages(root: Path) -> Path:
    path = made.parquet(root, made.files()) / "data/train-00000-of-00001.parquet"
    start = pq.ParquetFile(path).metadata.row_group(1).column(0).data_page_offset
    content = bytearray(path.read_bytes())
    content[start : start + 200] = b"\xff" * 200
    path.write_bytes(content)
    return root


def test_parquet_that_is_broken_inside_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"00001\.parquet: broken in row group 1 \(.*fetch it"):
        content(broken_pages(tmp_path), "train")
