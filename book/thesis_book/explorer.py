"""What the attention explorer shows, computed from the committed weights.

Maps are kept in 255 steps of the highest value of their row, which a reader cannot tell from the exact numbers.
"""

import base64
import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from thesis_lib import maps
from thesis_lib.arms import label
from thesis_lib.data import load
from thesis_lib.profiles import read_profile
from thesis_lib.records import find_record

from .map_methods import grad_cam

SETS = {"shapes": ("도형 (shapes)", 24), "digits": ("숫자 (digits)", 16)}  # the first test pictures of each


def text_of(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def steps(rows: np.ndarray) -> dict[str, str]:
    """(..., N) not below zero, as bytes in 255 steps of each row's maximum, and the maxima as float32."""
    highest = rows.max(-1, keepdims=True).astype(np.float32)
    scaled = np.divide(rows, highest, out=np.zeros_like(rows, dtype=np.float32), where=highest > 0)
    return {"values": text_of((255 * scaled).round().astype(np.uint8)), "highest": text_of(highest)}


def picture(pixels: np.ndarray) -> str:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def layer(model, x, stage: int, place: str, gates: dict, attention: dict) -> dict:
    """One stage of a network: Grad-CAM where it ends, and gate and attention of its last block."""
    cam = grad_cam(model, x, place).numpy()
    shown = {"name": f"{stage}단계", "cam": {"side": cam.shape[1], **steps(cam.reshape(len(x), -1))}}
    for block, gate in gates.items():
        if block.startswith(f"{place}."):
            shown["gates"] = {"channels": gate.shape[1], "values": text_of(gate.astype(np.float32))}
    for block, weights in attention.items():
        if block.startswith(f"{place}.") and weights.shape[2] > 1:
            shown["attention"] = {"heads": weights.shape[1], "side": int(weights.shape[2] ** 0.5), **steps(weights)}
    return shown


def network(record, x) -> dict:
    model = maps.network_of(record)
    gates, attention = maps.gates_of(model, x), maps.attention_of(model, x)
    with torch.no_grad():
        probabilities = model(x).softmax(1).numpy().astype(np.float32)
    ends = maps.stage_ends(model).items()
    layers = [layer(model, x, stage, place, gates, attention) for stage, place in ends]
    arm = record.data["experiment"]["arm"]
    return {"label": label(arm), "run": record.id, "probabilities": text_of(probabilities), "layers": layers}


def records(root: Path) -> dict[str, list]:
    """The records of seed 0 with weights, by data set, in the profile's order."""
    wanted = [e for e in read_profile(root / "profiles" / "maps.yaml") if e.seed == 0]
    found = [find_record(root / "results", experiment.id) for experiment in wanted]
    able = [record for record in found if record and record.has_weights]
    return {name: [r for r in able if r.data["experiment"]["dataset"] == name] for name in SETS}


def contents(chosen: dict[str, list]) -> list[dict]:
    shown = []
    for name, (title, count) in SETS.items():
        if not chosen[name]:
            continue
        data = load(name)
        x, images = maps.inputs_of(data.test, data)[:count], data.test.images[:count].numpy()
        shown.append(
            {
                "title": title,
                "classes": list(map(str, data.classes)),
                "labels": data.test.labels[:count].tolist(),
                "pictures": [picture(pixels) for pixels in images],
                "networks": [network(record, x) for record in chosen[name]],
            }
        )
    return shown
