"""Data sets: a name becomes uint8 pictures in memory, split, counted and checked."""

from .dataset import Dataset, Split
from .load import DATASETS, load

__all__ = ["DATASETS", "Dataset", "Split", "load"]
