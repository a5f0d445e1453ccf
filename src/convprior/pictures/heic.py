"""HEIC, as phones save it: libheif decodes, with pi-heif, which the extra [heic] brings."""

import numpy as np

from convprior.pictures import exif as exif_in_place
from convprior.pictures.decoding import check_size
from convprior.pictures.picture import ImageError, Metadata, Picture, from_values, upright_xmp
from convprior.pictures.pillow import cicp


def read(data: bytes, where: str, most_pixels: int) -> Picture:
    """Return the main picture of a HEIC file, with all its bits. Raises ImageError.

    The file itself says how to turn it, and libheif has done so: EXIF's word is not asked for.
    """
    import pi_heif

    try:
        file = pi_heif.open_heif(data, convert_hdr_to_8bit=False, hdr_to_16bit=False)
        image = file[file.primary_index]
        width, height = image.size
        check_size(width, height, where, most_pixels)
        values = np.asarray(image)
    except ImageError:
        raise
    except Exception as error:  # libheif's, and those of pi-heif, which reads EXIF too
        why = " ".join(str(error).split())
        raise ImageError(f"{where}: broken or truncated picture ({why})") from None
    if image.premultiplied_alpha:
        raise ImageError(
            f"{where}: its colours are multiplied by the transparency: save it as PNG with the "
            "program that made it"
        )
    info, notes = image.info, list[str]()
    if len(file) > 1:
        notes.append(f"only the main one of its {len(file)} pictures is kept")
    if info["aux"] or info["depth_images"]:
        notes.append("its further parts, as a depth or a gain map, are not kept")
    if info.get("pixel_aspect_ratio", (1, 1)) != (1, 1):
        notes.append("that its pixels are not square is not kept")
    exif, xmp = info["exif"], info.get("xmp", b"").rstrip(b"\0")
    if exif:
        exif, said = exif_in_place.kept(exif)
        notes += said
    colours = info.get("nclx_profile")
    coded = (
        cicp(colours["color_primaries"], colours["transfer_characteristics"]) if colours else None
    )
    bits = info["bit_depth"]
    pixels = from_values(values if bits == 8 else values.astype(np.float32) / (2**bits - 1))
    alpha = pixels[-1] if image.has_alpha else None
    return Picture(
        pixels if alpha is None else pixels[:-1],
        alpha,
        8 if bits == 8 else 16,
        metadata=Metadata(
            "HEIC", info.get("icc_profile"), exif, upright_xmp(xmp) or None, own={"cicp": coded}
        ),
        notes=tuple(notes),
    )
