"""What reading maps costs a network once it is over: nothing, or hooks were left behind."""

import time

import torch

from thesis_book.map_methods import grad_cam
from thesis_lib import build, maps

from .timing import Comparison, interleaved

BATCH = 32


def measure(repeats: int) -> dict[str, object]:
    """Forward passes per second of one network after maps were read from it, and of its twin that never was."""
    read, untouched = build("senet_self", "resnet20").eval(), build("senet_self", "resnet20").eval()
    x = torch.randn(BATCH, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    for reading in (maps.attention_of, maps.gates_of, grad_cam):
        reading(read, x)
    with torch.no_grad():
        assert torch.equal(read(x), untouched(x))

    def speed(model):
        def forward() -> float:
            began = time.perf_counter()
            with torch.no_grad():
                for _ in range(5):
                    model(x)
            return 5 * BATCH / (time.perf_counter() - began)

        return forward

    after, before = interleaved(speed(read), speed(untouched), repeats=repeats)
    found = Comparison("지도를 읽은 뒤의 망: 속도", "지도를 읽지 않은 같은 망", "영상/초", after, before, 0.95)
    return {"comparisons": [found.row()]}
