"""Durations, bytes and numbers of pixels as people write them."""

import re

import typer


def seconds(text: str) -> float:
    """Return seconds from ``90``, ``90s``, ``2m`` or ``1h30m``. Raises typer.BadParameter."""
    match = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?", text.strip())
    if not text.strip() or match is None:
        raise typer.BadParameter(f"'{text}' is no duration: write 90, 90s, 2m or 1h30m")
    hours, minutes, rest = (int(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + rest


def number_of_bytes(text: str) -> int:
    """Return bytes from ``500MB``, ``2GB`` or ``1.5GiB``. Raises typer.BadParameter."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([MG])(i?)B?", text.strip(), re.IGNORECASE)
    if match is None or not float(match[1]):
        raise typer.BadParameter(f"'{text}' is no amount of memory: write 500MB or 2GB")
    base = 1024 if match[3] else 1000
    return int(float(match[1]) * base ** (2 if match[2].upper() == "M" else 3))
