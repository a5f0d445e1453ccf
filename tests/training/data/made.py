"""The same made-up pictures, in each form in which ImageNet comes."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from scipy.io import savemat

from convprior.training.data import archives
from tests.conftest import colourful, encode

CLASSES = ("n01751748", "n02105855", "n09193705")  # sorted, as everywhere
IDS = {"n01751748": 490, "n09193705": 361, "n02105855": 171}  # as the published devkit has them
PER_CLASS = {"train": 4, "val": 2}

Files = dict[str, bytes]  # by <split>/<class>/<name>


def files() -> Files:
    """Return pictures of three classes; among them are those that ImageNet is known for."""
    found = {}
    exif = Image.Exif()
    exif[0x0112] = 6
    odd = {
        0: lambda image: encode(image, "PNG"),  # whatever it is called
        1: lambda image: encode(image.convert("CMYK"), "JPEG"),
        2: lambda image: encode(image, "JPEG", exif=exif.tobytes()[:-9] + b"\xff" * 9),
    }
    number = 0
    for split, count in PER_CLASS.items():
        for name in CLASSES:
            for n in range(count):
                image = Image.fromarray(np.roll(np.asarray(colourful(48, 36)), 7 * number, 1))
                number += 1
                made = odd.get(n, lambda image: encode(image, "JPEG"))(image)
                file = f"{name}_{n}.JPEG" if split == "train" else f"{number:05}.JPEG"
                found[f"{split}/{name}/{file}"] = made
    return found


def tree(root: Path, content: Files) -> Path:
    for name, data in content.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def tar(content: Files) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def devkit(truth: list[int]) -> bytes:
    kinds = [("ILSVRC2012_ID", float), ("WNID", object), ("words", object), ("num_children", float)]
    rows = [(IDS[name], name, f"what {name} is", 0) for name in reversed(CLASSES)]
    rows.append((1001, "n00001740", "entity", 3))
    table = np.array(rows, dtype=kinds)[:, None]
    written = io.BytesIO()
    savemat(written, {"synsets": table})
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, data in {
            archives.META: written.getvalue(),
            archives.TRUTH: "".join(f"{number}\n" for number in truth).encode(),
        }.items():
            member = tarfile.TarInfo(f"ILSVRC2012_devkit_t12/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def ilsvrc(root: Path, content: Files) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    inner: dict[str, Files] = {name: {} for name in reversed(CLASSES)}
    val: list[tuple[str, bytes]] = []
    for name, data in content.items():
        split, kind, file = name.split("/")
        if split == "train":
            inner[kind][file] = data
        else:
            val.append((kind, data))
    # In turns: the classes of neighbours differ, and the order of classes within one stays.
    order = sorted(range(len(val)), key=lambda number: number % PER_CLASS["val"])
    named = {
        f"ILSVRC2012_val_{place + 1:08}.JPEG": val[number][1] for place, number in enumerate(order)
    }
    (root / archives.TRAIN).write_bytes(tar({f"{k}.tar": tar(of) for k, of in inner.items()}))
    (root / archives.VAL).write_bytes(tar(named))
    (root / archives.DEVKIT).write_bytes(devkit([IDS[val[number][0]] for number in order]))
    return root


def shards(root: Path, content: Files, per_shard: int = 5) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for split in PER_CLASS:
        samples = []
        for name, data in content.items():
            if name.startswith(split):
                _, kind, file = name.split("/")
                key = file.removesuffix(".JPEG")
                label = str(CLASSES.index(kind)).encode()
                samples.append({f"{key}.jpg": data, f"{key}.cls": label, f"{key}.json": b"{}"})
        for number, start in enumerate(range(0, len(samples), per_shard)):
            members = {
                k: v for sample in samples[start : start + per_shard] for k, v in sample.items()
            }
            (root / f"{split}-{number:06}.tar").write_bytes(tar(members))
    return root


def parquet(root: Path, content: Files, *, names: bool = True, **columns: object) -> Path:
    (root / "data").mkdir(parents=True, exist_ok=True)
    for split, called in (("train", "train"), ("val", "validation")):
        chosen = {name: data for name, data in content.items() if name.startswith(split)}
        images = [{"bytes": data, "path": name} for name, data in chosen.items()]
        labels = [CLASSES.index(name.split("/")[1]) for name in chosen]
        label = {"names": list(CLASSES), "_type": "ClassLabel"}
        said = {"info": {"features": {"image": {"_type": "Image"}, "label": label}}}
        table = pa.table({"image": images, "label": labels} | columns)
        if names:
            table = table.replace_schema_metadata({"huggingface": json.dumps(said)})
        target = root / f"data/{called}-00000-of-00001.parquet"
        pq.write_table(table, target, row_group_size=5)
    return root


MAKERS = {"tree": tree, "archives": ilsvrc, "shards": shards, "parquet": parquet}
