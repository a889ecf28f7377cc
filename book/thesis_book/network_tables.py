"""The networks of the registry, and the SENet paper's Table 1 read off the network itself."""

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional as F

from thesis_lib import build
from thesis_lib.catalogue import networks
from thesis_lib.maps import inputs_of, network_of
from thesis_lib.networks import Slot, make, observed
from thesis_lib.networks.slot import POSITIONS
from thesis_lib.networks.spatial_transformer import sampled
from thesis_lib.stats import Difference, paired, pairs

from .ablations import outside
from .tables import change, mean_sd, records_of
from .trained import data_of

SOURCES = {  # of the networks that the appendix lists
    "resnet20": "he2016deep",
    "resnet110": "he2016deep",
    "resnet11": "he2016deep",
    "resnet18": "he2016deep",
    "resnet50_224": "he2016deep",
    "preresnet8": "he2016identity",
    "preresnet20": "he2016identity",
    "wrn16_4": "zagoruyko2016wide",
    "resnext29": "xie2017aggregated",
    "senet154_224": "hu2020squeeze",
    "vgg16": "simonyan2015very",
    "densenet16": "huang2017densely",
    "densenet40": "huang2017densely",
    "googlenet": "szegedy2015going",
    "inception_v3": "szegedy2016rethinking",
    "shufflenet": "ma2018shufflenet",
    "shufflenet_half": "ma2018shufflenet",
    "xception": "chollet2017xception",
    "nasnet_a": "zoph2018learning",
    "nasnet_a_small": "zoph2018learning",
    "residual_attention": "wang2017residual",
    "stn_resnet8": "jaderberg2015spatial",
}


def depth(model: nn.Module) -> int:
    """Layers with weights on the longest way from a picture to the logits, as papers count a network's depth."""
    last = model.eval()(torch.zeros(1, 3, 32, 32)).grad_fn  # the same at any size
    longest: dict[Any, int] = {}
    waiting = [last]
    while waiting:
        before = [node for node, _ in waiting[-1].next_functions if node]
        if missing := [node for node in before if node not in longest]:
            waiting += missing
            continue
        node = waiting.pop()
        layer = node.name() in ("ConvolutionBackward0", "AddmmBackward0")
        longest[node] = layer + max((longest[other] for other in before), default=0)
    return longest[last]


def slots_of(model: nn.Module, position: str) -> list[Slot]:
    return [module for module in model.modules() if isinstance(module, Slot) and module.position == position]


def places(model: nn.Module) -> str:
    """How many units of each stage end in a slot, and whether their other places have slots too."""
    ends = Counter(slot.in_stage for slot in slots_of(model, "standard"))
    where = "다섯 자리" if all(slots_of(model, position) for position in POSITIONS) else "끝"
    return f"{' + '.join(str(ends[stage]) for stage in sorted(ends))}, {where}"


def listed() -> pd.DataFrame:
    """What each network is, what it costs without a block, and where its units have slots."""
    rows = []
    for found in networks(list(SOURCES)).itertuples():
        model = make(found.name, image_size=found.pixels)
        counts = (str(depth(model)), f"{found.parameters:,}", f"{found.macs / 1e6:,.1f}")
        rows.append((f"`{found.name}` {{cite}}`{SOURCES[found.name]}`", *counts, places(model)))
    return pd.DataFrame(rows, columns=["망", "깊이", "매개변수", "MMAC", "빈자리"])


def convolutions(unit: Any) -> str:
    """The convolutions of a unit's branch and the widths of its SE block, as the paper's table writes them."""
    parts = [unit.reduce, unit.conv1, unit.conv2]
    told = [f"{c.kernel_size[0]} × {c.kernel_size[1]}, {c.out_channels}" for c in parts]
    return ", ".join([*told, f"fc [{unit.standard.fc1.out_features}, {unit.standard.fc2.out_features}]"])


def table_1() -> pd.DataFrame:
    """SE-ResNet-50 at 224 x 224, row by row (Hu et al. 2020, Table 1, the column in the middle)."""
    model = build("senet", "resnet50_224", 1000, image_size=224)
    sizes: dict[str, tuple] = {}
    places = ["stem", *(f"stages.{stage}" for stage in range(4))]
    hooks = {p: lambda _, __, out, p=p: sizes.update({p: tuple(out.shape[2:])}) for p in places}
    with observed(model, hooks), torch.no_grad():
        model(torch.zeros(1, 3, 224, 224))
    stem = model.stem
    rows = [
        (sizes["stem"], f"{stem.kernel_size[0]} × {stem.kernel_size[1]}, {stem.out_channels}, 보폭 {stem.stride[0]}")
    ]
    rows.append((sizes["stages.0"], "3 × 3 최대 풀링, 보폭 2"))
    rows += [
        (sizes[f"stages.{i}"], f"[{convolutions(stage[-1])}] × {len(stage)}") for i, stage in enumerate(model.stages)
    ]
    rows.append(((1, 1), f"전역 평균 풀링, {model.classifier.out_features} 완전 연결, 소프트맥스"))
    return pd.DataFrame([(f"{h} × {w}", text) for (h, w), text in rows], columns=["출력 크기", "SE-ResNet-50"])


def positions(network: str) -> int:
    """Positions of the map on which the last stage's units end."""
    last = slots_of(make(network), "standard")[-1]
    return last.height * last.width


def attended(runs: pd.DataFrame) -> pd.DataFrame:
    """SENet and SENet_self in each network of a profile on the seeds that both have, and what the attention changes."""
    rows = []
    for network, own in runs.groupby("network", sort=False):
        both = pairs(own, "senet_self", "senet")
        d = paired(own, "senet_self", "senet")
        rows.append(
            {
                "망": f"`{network}`",
                "시드 수": d.n,
                "SENet (%)": mean_sd(both["senet"]) if d.n else "—",
                "SENet_self (%)": mean_sd(both["senet_self"]) if d.n else "—",
            }
            | change(d)
            | {"위치 수": str(positions(network))}
            | {
                "SENet_self의 MMAC": "".join(
                    f"{macs / 1e6:.1f}" for macs in own["macs"][own["arm"] == "senet_self"][:1]
                )
            }
        )
    return pd.DataFrame(rows)


def evidence(runs: pd.DataFrame) -> str:
    """In which networks SENet_self and SENet differ by more than their interval, in a sentence."""
    by_network = runs.groupby("network", sort=False)
    named = [(name, paired(own, "senet_self", "senet")) for name, own in by_network]
    return outside(named, "SENet_self가 더")


def straightened(runs: pd.DataFrame) -> tuple[pd.DataFrame, Difference]:
    """The network with the Spatial Transformer beside the one without, and their paired difference."""
    by_network = runs.assign(arm=runs["network"])
    d = paired(by_network, "stn_resnet8", "resnet8")
    rows = [
        {
            "망": f"`{network}`",
            "시드 수": len(own),
            "시험 정확도 (%)": mean_sd(own["test_accuracy"]),
            "매개변수": f"{own['parameters'].iloc[0]:,}",
            "MMAC": f"{own['macs'].iloc[0] / 1e6:.1f}",
        }
        | change(d if network == d.first else None)
        for network, own in by_network.groupby("network", sort=False)
    ]
    return pd.DataFrame(rows), d


def off_centre(pictures: np.ndarray) -> float:
    """Mean distance in pixels from the middle to the centre of mass of pictures (N, H, W) on black."""
    _, height, width = pictures.shape
    total = pictures.sum((1, 2))
    y = (pictures.sum(2) @ np.arange(height)) / total - (height - 1) / 2
    x = (pictures.sum(1) @ np.arange(width)) / total - (width - 1) / 2
    return float(np.hypot(x, y).mean())


def before_and_after(
    runs: pd.DataFrame, results: str = "results"
) -> tuple[float, float, tuple[np.ndarray, np.ndarray] | None]:
    """What the Spatial Transformer of seed 0 does to the test pictures: how far off the centre they are before and
    after, and the first picture of each class before and after. nan and None without its weights.
    """
    own = runs[(runs["network"] == "stn_resnet8") & (runs["seed"] == 0)]
    records = [r for r in records_of(own, results) if r.has_weights] if len(own) else []
    if not records:
        return np.nan, np.nan, None
    data = data_of(records[0])
    model: Any = network_of(records[0])
    before = data.test.images[..., 0].float() / 255
    with torch.no_grad():
        grid = F.affine_grid(model.localiser(inputs_of(data.test, data)), [len(before), 1, *before.shape[1:]], False)
        after = sampled(before[:, None], grid)[:, 0]
    first = [int((data.test.labels == label).nonzero()[0, 0]) for label in range(len(data.classes))]
    seen, shown = before.numpy(), after.numpy()
    return off_centre(seen), off_centre(shown), (seen[first], shown[first])
