"""What is measured against: the training loop that people copy, and the attention as the draft writes it."""

import numpy as np
import torch
from PIL import Image
from timm.layers import SEModule
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torchvision import transforms

from thesis_lib import build
from thesis_lib.data import Dataset
from thesis_lib.networks.slot import Slot

WORKERS = 2


class DraftAttention(nn.Module):
    """The draft's lines with the batch axis put right: the map as tokens, `nn.MultiheadAttention(x, x, x)[0]`."""

    def __init__(self, channels: int, num_heads: int = 4):
        super().__init__()
        self.mha = nn.MultiheadAttention(channels, num_heads, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        tokens = x.view(batch, channels, height * width).permute(0, 2, 1)
        return self.mha(tokens, tokens, tokens)[0].permute(0, 2, 1).view(batch, channels, height, width)


class DraftSESelf(nn.Module):
    """timm's SE block, then the draft's attention, with the residual path and norm of our default reading."""

    def __init__(self, channels: int, reduction: int, num_heads: int = 4):
        super().__init__()
        self.se = SEModule(channels, rd_channels=channels // reduction)
        self.norm = nn.LayerNorm(channels)
        self.attention = DraftAttention(channels, num_heads)

    def forward(self, x: Tensor) -> Tensor:
        x = self.se(x)
        normed = self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2).contiguous()
        return x + self.attention(normed)


def network(arm: str, name: str) -> nn.Module:
    """The backbone of ours in torch's default layout (NCHW), its blocks replaced by the peers'."""
    model = build("resnet", name)
    reduction = 8 if name == "resnet20" else 16
    last = len(model.stages)
    for path, slot in [(p, m) for p, m in model.named_modules() if isinstance(m, Slot) and m.position == "standard"]:
        if arm == "resnet":
            continue
        kind = DraftSESelf(slot.channels, reduction) if arm == "senet_self" and slot.in_stage == last else None
        parent, _, attribute = path.rpartition(".")
        filled = kind or SEModule(slot.channels, rd_channels=slot.channels // reduction)
        setattr(model.get_submodule(parent), attribute, filled)
    return model


class Pillow(torch.utils.data.Dataset):
    """As torchvision's CIFAR10: an array in memory, a Pillow image and its transforms at every access."""

    def __init__(self, data: Dataset):
        self.images, self.labels = data.train.images.numpy(), data.train.labels.tolist()
        steps = [transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip()]
        self.transform = transforms.Compose([*steps, transforms.ToTensor(), transforms.Normalize(data.mean, data.std)])

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int):
        return self.transform(Image.fromarray(np.asarray(self.images[index]))), self.labels[index]


def loader(data: Dataset, batch_size: int) -> DataLoader:
    return DataLoader(Pillow(data), batch_size, shuffle=True, num_workers=WORKERS)


def copied_loop(model: nn.Module, batches, optimizer, device: torch.device) -> None:
    """The loop of the tutorials: move, predict, differentiate, step, and `item()` for the running loss."""
    running, right = 0.0, 0
    for pictures, labels in batches:
        pictures, labels = pictures.to(device), labels.to(device)
        optimizer.zero_grad()
        logits = model(pictures)
        loss = F.cross_entropy(logits, labels)
        loss.backward()
        optimizer.step()
        running += loss.item()
        right += logits.max(1)[1].eq(labels).sum().item()
