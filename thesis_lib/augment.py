"""Augmentation as batched tensor work on the device: one gather crops, flips and shuffles at once."""

import torch
from torch import Tensor

from .data import Dataset, Split
from .randomness import generator

PAD = 4


class Pictures:
    """A split on a device, padded once, from which augmented and normalised batches are gathered. Crop offsets and
    flips of image i in an epoch are functions of (seed, epoch, i); so is the order."""

    def __init__(self, split: Split, data: Dataset, device: torch.device, pad: int = 0):
        count, self.height, self.width, _ = split.images.shape
        padded = torch.zeros((count, self.height + 2 * pad, self.width + 2 * pad, 4), dtype=torch.uint8, device=device)
        padded[:, pad : pad + self.height, pad : pad + self.width, :3] = split.images.to(device)
        self.pad, self.row = pad, padded.shape[2]
        self.pixels = padded.view(torch.int32).view(count, -1)  # one number a pixel: one gather for RGB
        self.labels = split.labels.to(device)
        self.flips = data.flip
        mean, std = (torch.tensor(values, device=device) for values in (data.mean, data.std))
        self.scale, self.shift = 1 / (255 * std), -mean / std
        across = torch.arange(self.width, device=device)
        self.window = torch.arange(self.height, device=device)[:, None] * self.row + across
        self.mirrored = self.window.flip(1)

    def epoch(self, seed: int, epoch: int) -> None:
        """Draw this epoch's order, crops and flips."""
        device, count = self.labels.device, len(self.labels)
        self.order = torch.randperm(count, generator=generator(seed, "order", epoch)).to(device)
        draw = generator(seed, "augment", epoch)
        corner = torch.randint(0, 2 * self.pad + 1, (count, 2), generator=draw)
        flip = torch.rand(count, generator=draw) < (0.5 if self.flips else 0.0)
        self.start = (corner[:, 0] * self.row + corner[:, 1]).to(device)
        self.flip = flip.to(device)

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Augmented pictures (B, 3, H, W), float32 in channels_last, and labels (B,), of these rows."""
        window = torch.where(self.flip[rows, None, None], self.mirrored, self.window)
        places = (self.start[rows, None, None] + window).flatten(1)
        return self.normalised(self.pixels[rows].gather(1, places)), self.labels[rows]

    def plain(self, rows: slice) -> tuple[Tensor, Tensor]:
        """Pictures as they are (of an unpadded split), normalised, and labels."""
        return self.normalised(self.pixels[rows]), self.labels[rows]

    def normalised(self, pixels: Tensor) -> Tensor:
        nhwc = pixels.contiguous().view(torch.uint8).view(len(pixels), self.height, self.width, 4)
        return torch.addcmul(self.shift, nhwc[..., :3], self.scale).permute(0, 3, 1, 2)
