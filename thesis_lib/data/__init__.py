"""Data sets: a name becomes uint8 pictures in memory, split, counted and checked."""

from .dataset import Dataset, Split
from .load import DATASETS, load, may_change

__all__ = ["DATASETS", "Dataset", "Split", "load", "may_change"]
