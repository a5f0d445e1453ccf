"""Derive every random stream from a name, so that no result depends on the order of the work.

``seed("restore", "denoise", "coffee", 0)`` is the same number in any process, on any rank, and in
whatever order the pictures come.
"""

import hashlib

import torch


def seed(*names: str | int) -> int:
    """Return a seed in [0, 2**63) that depends on the names and on nothing else."""
    text = "\x1f".join(str(name) for name in names)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(*names: str | int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a torch generator on ``device``, seeded from the names."""
    return torch.Generator(device).manual_seed(seed(*names))
