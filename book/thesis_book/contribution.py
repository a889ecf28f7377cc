"""What self-attention adds to the recalibrated map, taken apart, and what a network loses without a part of it.

The added term is MSA(LN(x_se)), (C, H, W) for each picture. Its energy splits into that of one vector for
all pictures and positions, of what each picture adds to it at all positions alike, and of what differs
between positions. A bias can do the first and pooling the second; of attention, the third needs weights
that differ between queries.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor, nn

from thesis_lib.arms import label
from thesis_lib.blocks.se import SE
from thesis_lib.blocks.se_self import SESelf
from thesis_lib.checkpoint import write_atomically
from thesis_lib.maps import inputs_of, network_of
from thesis_lib.networks import observed
from thesis_lib.records import Record

from .map_tables import mean_interval, unit_of
from .tables import by_arm, called
from .trained import data_of, kept

BATCH = 500
FILE = "contribution.json"
PARTS = {"constant": "모두의 평균", "picture": "영상의 평균", "position": "위치마다의 차이"}
REPLACED = {"picture": "영상마다 위치의 평균으로", "constant": "모든 영상과 위치의 평균 하나로"}


def places_of(model: nn.Module) -> list[str]:
    """Where blocks add something to the recalibrated map."""
    blocks = [(place, m) for place, m in model.named_modules() if isinstance(m, SESelf)]
    return [place for place, block in blocks if block.reading == "map" and block.residual]


@torch.no_grad()
def logits_with(model: nn.Module, pictures: Tensor, change: Callable[[str, Tensor], Tensor]) -> Tensor:
    """Logits where each block's added term, (B, C, H, W), is what `change(place, term)` makes of it."""

    def hook(place: str):
        def changed(block, given, output):
            recalibrated = SE.forward(block, given[0])
            return recalibrated + change(place, output - recalibrated)

        return changed

    with observed(model, {place: hook(place) for place in places_of(model)}):
        return torch.cat([model(part) for part in pictures.split(BATCH)])


def taken_apart(model: nn.Module, pictures: Tensor) -> tuple[dict[str, Tensor], dict[str, dict[str, float]]]:
    """Of each block: the mean added vector, (C, 1, 1), and the parts of the added term's energy in percent."""
    means: dict[str, list[Tensor]] = {place: [] for place in places_of(model)}
    squares: dict[str, list[Tensor]] = {place: [] for place in means}

    def add(place: str, term: Tensor) -> Tensor:
        means[place].append(term.double().mean((2, 3)))
        squares[place].append(term.double().square().mean((2, 3)))
        return term

    logits_with(model, pictures, add)
    constants, parts = {}, {}
    for place in means:
        mean, energy = torch.cat(means[place]), float(torch.cat(squares[place]).sum())
        constant = mean.mean(0)
        of_constant, of_means = len(mean) * float(constant.square().sum()), float(mean.square().sum())
        found = {"constant": of_constant, "picture": of_means - of_constant, "position": energy - of_means}
        parts[place] = {name: 100 * part / energy for name, part in found.items()}
        constants[place] = constant.float()[:, None, None]
    return constants, parts


def measure(record: Record, root: str | Path = "data") -> None:
    """Measure a record that has weights and such blocks, and write the figures beside it; once.

    Means and energies are those of the validation split, accuracies (percent) of the test split.
    """
    if read(record) is not None or not places_of(model := network_of(record)):
        return
    data = data_of(record, root)
    constants, parts = taken_apart(model, inputs_of(data.validation, data))
    changes: dict[str, Callable[[str, Tensor], Tensor]] = {
        "whole": lambda place, term: term,
        "picture": lambda place, term: term.mean((2, 3), keepdim=True).expand_as(term),
        "constant": lambda place, term: constants[place].expand_as(term),
    }
    pictures, labels = inputs_of(data.test, data), data.test.labels
    accuracy = {
        name: 100 * float((logits_with(model, pictures, change).argmax(1) == labels).double().mean())
        for name, change in changes.items()
    }
    found = {"weights_sha256": record.data["weights_sha256"], "parts": parts, "accuracy": accuracy}
    write_atomically(record.folder / FILE, json.dumps(found, indent=1).encode())


def read(record: Record) -> dict | None:
    """What was measured on a record's own weights, or None."""
    return kept(record, FILE)


def measured(records: list[Record]) -> pd.DataFrame:
    """A row a run: network, arm, seed, and in `found` what `measure` wrote."""
    rows = [(*(r.data["experiment"][key] for key in ("network", "arm", "seed")), read(r)) for r in records]
    return pd.DataFrame([row for row in rows if row[3]], columns=["network", "arm", "seed", "found"])


def spread(values: list[float]) -> str:
    """`mean (least~most)`."""
    return f"{sum(values) / len(values):.1f} ({min(values):.1f}~{max(values):.1f})"


def energies(found: pd.DataFrame) -> pd.DataFrame:
    """Of each network, arm and layer the parts of the added term's energy: mean over seeds, least and most."""
    rows = []
    for network, runs in found.groupby("network", sort=False):
        for arm, own in by_arm(runs):
            for place in own["found"].iloc[0]["parts"]:
                parts = [run["parts"][place] for run in own["found"]]
                cells = {f"{text} (%)": spread([part[name] for part in parts]) for name, text in PARTS.items()}
                rows.append(
                    {"망": f"{called(network)}, {label(arm)}", "층": unit_of(place), "시드 수": len(own)} | cells
                )
    return pd.DataFrame(rows)


def without(found: pd.DataFrame, network: str, arm: str) -> str:
    """What is left of a network's accuracy when only a part of the added term stays, in a sentence."""
    runs = found[(found["network"] == network) & (found["arm"] == arm)]
    if len(runs) < 2:
        return "더하는 값을 바꾸어 잰 실행이 아직 모자란다."
    told = []
    for left, text in REPLACED.items():
        lost = pd.Series([run["accuracy"][left] - run["accuracy"]["whole"] for run in runs["found"]])
        mean, half = mean_interval(lost.to_numpy())
        told.append(f"{text} 바꾸었을 때 {mean:+z.2f}%p([{mean - half:+z.2f}, {mean + half:+z.2f}])")
    return (
        f"{called(network)}의 {label(arm)}에서 MSA가 더하는 값을 학습이 끝난 뒤에 바꾸어 보았다. 시험 정확도의 변화는 "
        f"{', '.join(told)}이다(시드 {len(runs)}개, 95% 신뢰구간)."
    )
