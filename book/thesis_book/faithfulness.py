"""Whether a map tells what a network uses: measures of faithfulness, each beside maps that know nothing of it."""

import copy
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.stats import rankdata
from torch import Tensor, nn
from torch.nn import functional as F

from thesis_lib import maps
from thesis_lib.checkpoint import write_atomically
from thesis_lib.progress import progress
from thesis_lib.randomness import generator
from thesis_lib.records import Record, predictions_bytes

from .map_methods import GRID, methods_for, over_positions, saliency
from .trained import arrays_of, data_of, kept

FILE = "maps.npz"
STEP = 4  # cells that go away or come at a time
PICTURES, SHUFFLED = 200, 50  # test pictures for the measures, and for the randomisation test
MEASURES = {
    "deletion": "삭제 면적",
    "insertion": "삽입 면적",
    "pointing": "포인팅 게임 (%)",
    "energy": "마스크 안 몫 (%)",
}
LEAST = {"deletion"}  # where less is better
LEFT = 0.5  # rank correlation below which a map counts as another
AGREEMENT = "grad_cam"  # the map that all arms have: by it they are compared


@torch.no_grad()
def curves(model: nn.Module, pictures: Tensor, cells: Tensor) -> dict[str, Tensor]:
    """Probability of the predicted class while cells go away or come, the most salient first.

    deletion: from the whole picture to none; insertion: from none to the whole. An empty cell has the
    training data's mean colour; equal cells go in one random order. pictures: (B, 3, H, W), H and W
    multiples of GRID. Each answer is (B, GRID**2 / STEP + 1). Petsiuk et al. 2018.
    """
    order = torch.randperm(GRID**2, generator=generator("order of equal cells"))
    rank = torch.empty(cells.flatten(1).shape, dtype=torch.long)
    falling = order[cells.flatten(1)[:, order].argsort(dim=1, descending=True, stable=True)]
    rank.scatter_(1, falling, torch.arange(GRID**2).expand_as(rank))
    predicted = model(pictures).argmax(1, keepdim=True)
    found: dict[str, list[Tensor]] = {"deletion": [], "insertion": []}
    for count in range(0, GRID**2 + 1, STEP):
        first = (rank < count).unflatten(1, (GRID, GRID))[:, None].float()
        first = F.interpolate(first, pictures.shape[2:], mode="nearest")
        for name, shown in (("deletion", 1 - first), ("insertion", first)):
            found[name].append(model(pictures * shown).softmax(1).gather(1, predicted)[:, 0])
    return {name: torch.stack(values, 1) for name, values in found.items()}


def area(curve: Tensor) -> Tensor:
    """Area under curves over [0, 1]: (B, steps) -> (B,)."""
    return torch.trapezoid(curve, dx=1 / (curve.shape[1] - 1), dim=1)


def on_pixels(cells: Tensor, size) -> Tensor:
    """(B, GRID, GRID) -> (B, H, W), bilinear. A map that is zero everywhere says nothing: it becomes uniform."""
    full = F.interpolate(cells[:, None], tuple(size), mode="bilinear")[:, 0]
    return torch.where(full.sum((1, 2), keepdim=True) == 0, 1, full)


def pointing(cells: Tensor, masks: Tensor) -> Tensor:
    """Share of a map's highest pixels that lie on the target, (B,); 1 or 0 where there is one highest.

    Zhang et al. 2018 (the pointing game, without its tolerance). masks: (B, H, W) bool.
    """
    full = on_pixels(cells, masks.shape[1:])
    highest = full == full.amax((1, 2), keepdim=True)
    return (highest & masks).sum((1, 2)) / highest.sum((1, 2))


def energy(cells: Tensor, masks: Tensor) -> Tensor:
    """Share of a map's sum that lies on the target, (B,) (Wang et al. 2020, the energy-based pointing game)."""
    full = on_pixels(cells, masks.shape[1:])
    return (full * masks).sum((1, 2)) / full.sum((1, 2))


def entropy(attention: np.ndarray) -> np.ndarray:
    """Mean over queries of each row's entropy over log N: (B, heads, N, N) -> (B, heads), 1 for uniform rows."""
    logarithm = np.log(attention, where=attention > 0, out=np.zeros_like(attention))
    return -(attention * logarithm).sum(3).mean(2) / np.log(attention.shape[3])


def distance(attention: np.ndarray) -> np.ndarray:
    """Mean distance between a query and where it looks, in sides of the map: (B, heads, N, N) -> (B, heads).

    Dosovitskiy et al. 2021, figure 7 (there in pixels).
    """
    side = int(attention.shape[3] ** 0.5)
    row, column = np.divmod(np.arange(side**2), side)
    apart = np.hypot(row[:, None] - row, column[:, None] - column) / side
    return (attention * apart).sum(3).mean(2)


def correlation(first: Tensor, second: Tensor) -> np.ndarray:
    """Spearman's rank correlation of two maps of each picture, (B,); 0 where one of them is constant."""
    a, b = (rankdata(cells.flatten(1).numpy(), axis=1) for cells in (first, second))
    a, b = a - a.mean(1, keepdims=True), b - b.mean(1, keepdims=True)
    below = np.sqrt((a**2).sum(1) * (b**2).sum(1))
    return np.divide((a * b).sum(1), below, out=np.zeros(len(a)), where=below > 0)


def randomisation(model: nn.Module, pictures: Tensor, look) -> dict[str, np.ndarray]:
    """What is left of a map as weights are shuffled, layer by layer from the output on: {layer: (B,)}.

    look(model, pictures) -> (B, GRID, GRID). Each answer is the rank correlation with the map of the trained
    network; the layers above stay shuffled. Adebayo et al. 2018 (cascading randomization).
    """
    trained, shuffled, found = look(model, pictures), copy.deepcopy(model), {}
    layers = [(place, list(m.parameters(recurse=False))) for place, m in shuffled.named_modules()]
    for place, own in reversed([(place, own) for place, own in layers if own]):
        for index, parameter in enumerate(own):
            mixed = torch.randperm(parameter.numel(), generator=generator("shuffle", place, index))
            parameter.data = parameter.data.flatten()[mixed].view_as(parameter)
        found[place] = correlation(trained, look(shuffled, pictures))
    return found


def depends_on_weights(left: np.ndarray) -> bool:
    """The verdict on what is left at the end, (pictures,): its mean size is below `LEFT` with 95 % confidence."""
    size = np.abs(left)
    return bool(size.mean() + 1.645 * size.std(ddof=1) / len(size) ** 0.5 < LEFT)


def measures(model: nn.Module, pictures: Tensor, masks: Tensor | None, show: bool = True) -> dict[str, np.ndarray]:
    """All measures of a network: `name/method`, an array over the pictures (curves: the mean over them).

    masks: (B, H, W) bool, where the data set has them. entropy, distance: `name/place`, (B, heads).
    left: (layers, pictures), see `randomisation`. cells: the maps themselves, for `agreement`.
    """
    found: dict[str, np.ndarray] = {}
    predicted = model(pictures).argmax(1).detach()
    for method in progress(methods_for(model, pictures), "지도 재기", "지도", show=show):
        cells = saliency(model, pictures, method, predicted)
        for name, curve in curves(model, pictures, cells).items():
            found[f"{name}/{method}"] = area(curve).numpy()
            found[f"{name}_curve/{method}"] = curve.mean(0).numpy()
        if masks is not None:
            found[f"pointing/{method}"] = 100 * pointing(cells, masks).numpy()
            found[f"energy/{method}"] = 100 * energy(cells, masks).numpy()
        if method == AGREEMENT:
            found["cells"] = cells.numpy().astype(np.float16)
        look = partial(saliency, method=method, classes=predicted[:SHUFFLED])
        left = randomisation(model, pictures[:SHUFFLED], look)
        found[f"left/{method}"] = np.stack(list(left.values())).astype(np.float16)
    found["layers"] = np.array(list(left))
    for place, layer in maps.attention_of(model, pictures).items():
        if over_positions(layer):
            found |= {f"entropy/{place}": entropy(layer), f"distance/{place}": distance(layer)}
    return found


def measure(record: Record, root: str | Path = "data", show: bool = True) -> None:
    """Measure a record that has weights and write the figures beside it; what is measured is left alone."""
    if read(record) is not None:
        return
    data = data_of(record, root)
    pictures = maps.inputs_of(data.test, data)[:PICTURES]
    masks = None if data.test.masks is None else data.test.masks[:PICTURES]
    found = measures(maps.network_of(record), pictures, masks, show)
    found["weights_sha256"] = np.array(record.data["weights_sha256"])
    write_atomically(record.folder / FILE, predictions_bytes(found))


def read(record: Record) -> dict[str, np.ndarray] | None:
    """What was measured on a record's own weights, or None."""
    return kept(record, FILE, arrays_of)


def values(found: pd.DataFrame, arm: str, key: str) -> np.ndarray:
    """What was measured under a key on every run of an arm, (runs, ...)."""
    return np.stack([run[key] for run in found.loc[found["arm"] == arm, "found"]])


def measured(records: list[Record]) -> pd.DataFrame:
    """A row a run: id, arm, seed, and in `found` what `measure` wrote."""
    rows = [(r.id, r.data["experiment"]["arm"], r.data["experiment"]["seed"], read(r)) for r in records]
    return pd.DataFrame([row for row in rows if row[3]], columns=["id", "arm", "seed", "found"])
