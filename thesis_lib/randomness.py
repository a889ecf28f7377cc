"""Every random draw is a function of named parts; no hidden state has to survive a restart."""

import hashlib
from contextlib import contextmanager

import torch


def seed_of(*parts: object) -> int:
    """A 63-bit seed from any parts, for example `seed_of(seed, "order", epoch)`."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def generator(*parts: object) -> torch.Generator:
    """A CPU generator seeded by the parts (CPU draws are the same on every device)."""
    return torch.Generator().manual_seed(seed_of(*parts))


@contextmanager
def seeded(*parts: object):
    """Draws from torch's global generator inside depend on the parts alone; the CPU's is put back after."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(*parts))
        yield
