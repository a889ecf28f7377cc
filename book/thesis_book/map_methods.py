"""Gates by class, and maps of what matters in a picture: from the network, or knowing nothing of it."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from thesis_lib import maps
from thesis_lib.errors import choose
from thesis_lib.networks import observed
from thesis_lib.randomness import generator

GRID = 8  # a picture is taken apart in 8 x 8 cells
METHODS = {
    "grad_cam": "Grad-CAM",
    "grad_cam_plus_plus": "Grad-CAM++",
    "received": "받은 어텐션",
    "rollout": "롤아웃",
    "random": "무작위 지도",
    "centre": "가운데 지도",
    "contrast": "영상의 대비",
}
BASELINES = ("random", "centre", "contrast")  # they know nothing of the network


def centre_gaussian(side: int) -> Tensor:
    """(side, side), standard deviation a quarter of the side."""
    place = (torch.arange(side) - (side - 1) / 2) / (side / 4)
    return torch.exp(-(place[:, None] ** 2 + place**2) / 2)


def blind(method: str, count: int) -> Tensor:
    """Fixed maps, (count, GRID, GRID): `random` draws every picture's anew, `centre` is one for all."""
    if method == "random":
        return torch.rand(count, GRID, GRID, generator=generator("random map"))
    return centre_gaussian(GRID).expand(count, GRID, GRID)


def over_positions(attention: np.ndarray) -> bool:
    """Whether (B, heads, N, M) is between the positions of a map: not where keys are pooled, or one token is all."""
    return attention.shape[2] == attention.shape[3] > 1


def attention_layers(model: nn.Module, pictures: Tensor) -> list[np.ndarray]:
    """Attention over positions of the layers on the last grid, (B, heads, N, N) each; empty where there is none."""
    layers = [layer for layer in maps.attention_of(model, pictures).values() if over_positions(layer)]
    return [layer for layer in layers if layer.shape == layers[-1].shape]


def methods_for(model: nn.Module, pictures: Tensor) -> list[str]:
    """The kinds of maps that a network has."""
    attends = bool(attention_layers(model, pictures[:1]))
    return [name for name in METHODS if attends or name not in ("received", "rollout")]


def gate_statistics(model: nn.Module, pictures: Tensor, labels: Tensor) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Mean and standard deviation of every gate over the pictures of each class: {place: two (classes, C)}.

    Hu et al. 2020, section 7.2. Classes are counted up to the last label; one without a picture has nan.
    """
    members = [(labels == label).numpy() for label in range(int(labels.max()) + 1)]
    found = {}
    for place, gate in maps.gates_of(model, pictures).items():
        gate = gate.reshape(len(gate), -1, gate.shape[-1]).mean(1)  # without a squeeze there is one at every position
        none = np.full((1, gate.shape[1]), np.nan, gate.dtype)
        own = [gate[m] if m.any() else none for m in members]
        found[place] = np.stack([gates.mean(0) for gates in own]), np.stack([gates.std(0) for gates in own])
    return found


def between_classes(means: np.ndarray) -> float:
    """Standard deviation of mean gates (classes, C) over the classes, averaged over the channels."""
    return float(np.nanstd(means, 0).mean())


def rollout(layers: list[np.ndarray]) -> np.ndarray:
    """Attention through layers of one grid, first to last: (B, heads, N, N) each -> (B, N, N), rows sum to 1.

    R = A_L ... A_1 with A = (mean over heads + I) / 2 (Abnar and Zuidema 2020). The identity
    stands for the residual path; what convolutions mix between the layers is not seen.
    """
    mixed = [(layer.mean(1) + np.eye(layer.shape[2], dtype=layer.dtype)) / 2 for layer in layers]
    total = mixed[0]
    for layer in mixed[1:]:
        total = layer @ total
    return total


def grad_cam(model: nn.Module, pictures: Tensor, place: str = "", classes: Tensor | None = None) -> Tensor:
    """ReLU(sum_k a_k A^k), (B, h, w): a_k is the mean over positions of the class score's gradient at A^k.

    Selvaraju et al. 2017, equations 1 and 2. place: the module whose output is A (default: where the last
    stage ends). classes: (B,), default: those that are predicted. Raises ThesisError for an unknown place.
    """
    found, gradient = map_and_gradient(model, pictures, place, classes)
    return (gradient.mean((2, 3), keepdim=True) * found).sum(1).relu()


def map_and_gradient(model: nn.Module, pictures: Tensor, place: str, classes: Tensor | None) -> tuple[Tensor, Tensor]:
    """A module's output and the gradient of the classes' scores there, both (B, K, h, w)."""
    place = place or list(maps.stage_ends(model).values())[-1]
    choose("자리", place, [name for name, _ in model.named_modules()])
    kept: list[Tensor] = []

    def keep(module, inputs, output):
        kept.append(output)
        return output.clone()  # what follows may write into it

    with observed(model, {place: keep}), torch.enable_grad():
        scores = model(pictures.detach().requires_grad_())
        chosen = scores.argmax(1) if classes is None else classes
        (gradient,) = torch.autograd.grad(scores.gather(1, chosen[:, None]).sum(), kept[0])
    return kept[0].detach(), gradient


def grad_cam_plus_plus(model: nn.Module, pictures: Tensor, place: str = "", classes: Tensor | None = None) -> Tensor:
    """ReLU(sum_k w_k A^k), (B, h, w), w_k = sum_ij alpha_ij ReLU(g_ij), alpha = g^2 / (2 g^2 + g^3 sum_ab A_ab).

    Chattopadhay et al. 2018, for the exponential of the class score; its factor
    exp(score) is one number for a picture and is left out. Arguments as in `grad_cam`.
    """
    found, gradient = map_and_gradient(model, pictures, place, classes)
    below = 2 * gradient**2 + gradient**3 * found.sum((2, 3), keepdim=True)
    alpha = torch.where(below == 0, 0, gradient**2 / torch.where(below == 0, 1, below))
    return ((alpha * gradient.relu()).sum((2, 3), keepdim=True) * found).sum(1).relu()


def saliency(model: nn.Module, pictures: Tensor, method: str, classes: Tensor | None = None) -> Tensor:
    """How much each cell of each picture matters according to a method, (B, GRID, GRID), not below zero.

    received: the attention that a position gets in the last layer, mean over heads and queries. rollout:
    the same through all layers of that grid. The mean over queries is what global pooling reads.
    random, centre: see `blind`. contrast: how far a cell's pixels are from the picture's mean colour.
    """
    choose("지도", method, METHODS)
    if method in ("random", "centre"):
        return blind(method, len(pictures))
    if method == "contrast":
        found = (pictures - pictures.mean((2, 3), keepdim=True)).abs().mean(1)
    elif method in ("received", "rollout"):
        layers = attention_layers(model, pictures)
        weights = rollout(layers) if method == "rollout" else layers[-1].mean(1)
        found = torch.from_numpy(weights.mean(1))
        found = found.unflatten(1, (int(found.shape[1] ** 0.5), -1))
    else:
        found = (grad_cam if method == "grad_cam" else grad_cam_plus_plus)(model, pictures, classes=classes)
    return F.interpolate(found[:, None], (GRID, GRID), mode="area")[:, 0]
