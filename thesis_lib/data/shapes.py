"""`shapes`: coloured shapes among grey distractors, with the true mask of the target. Made, not stored."""

import numpy as np

SHAPES = ("원", "사각형", "삼각형", "마름모", "십자", "고리", "별", "막대")
SIZE, DISTRACTORS = 32, 3
COLOURS = np.array(
    [[213, 94, 0], [0, 114, 178], [0, 158, 115], [204, 121, 167], [230, 159, 0], [86, 180, 233]]
)  # Okabe and Ito

INSIDE = (  # which points (u, v), centred, lie in each shape of half-width 1
    lambda u, v: np.hypot(u, v) < 0.95,
    lambda u, v: np.maximum(abs(u), abs(v)) < 0.82,
    lambda u, v: (v < 0.75) & (v > 1.8 * abs(u) - 0.95),
    lambda u, v: abs(u) + abs(v) < 1.05,
    lambda u, v: (np.minimum(abs(u), abs(v)) < 0.3) & (np.maximum(abs(u), abs(v)) < 0.95),
    lambda u, v: (np.hypot(u, v) < 0.98) & (np.hypot(u, v) > 0.55),
    lambda u, v: np.hypot(u, v) < 0.62 + 0.36 * np.cos(5 * (np.arctan2(v, u) + np.pi / 2)),
    lambda u, v: (abs(u) < 0.98) & (abs(v) < 0.36),
)


def masks_of(kinds: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Which points lie in the shape of each picture. kinds: (N,); u, v: (N, H, W)."""
    found = np.empty(u.shape, dtype=bool)
    for kind, inside in enumerate(INSIDE):
        own = kinds == kind
        found[own] = inside(u[own], v[own])
    return found


def draw(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`count` pictures (N, 32, 32, 3) uint8, labels (N,) int64, target masks (N, 32, 32) bool. A picture holds
    one coloured shape, the target, on top of three grey ones of other kinds and sizes, on a noisy ground."""
    random = np.random.Generator(np.random.PCG64(seed)).random
    ground = 90 + 50 * random((count, 1, 1, 1)) + 24 * (random((count, SIZE, SIZE, 1)) - 0.5)
    pictures = np.repeat(ground, 3, axis=3)
    labels = (random(count) * len(SHAPES)).astype(np.int64)
    y, x = np.mgrid[:SIZE, :SIZE]
    for layer in range(DISTRACTORS + 1):
        target = layer == DISTRACTORS
        other = (labels + 1 + (random(count) * (len(SHAPES) - 1)).astype(np.int64)) % len(SHAPES)
        half = (4.0 + 3.5 * random(count))[:, None, None]
        cx, cy = (half + (SIZE - 2 * half) * random((count, 1, 1)) for _ in range(2))
        mask = masks_of(labels if target else other, (x - cx) / half, (y - cy) / half)
        grey = np.repeat(40 + 175 * random((count, 1)), 3, axis=1)
        shade = 0.75 + 0.5 * random((count, 1))
        colour = COLOURS[(random(count) * len(COLOURS)).astype(int)] * shade if target else grey
        pictures = np.where(mask[..., None], colour[:, None, None], pictures)
    pictures += 16 * (random(pictures.shape) - 0.5)
    return pictures.clip(0, 255).astype(np.uint8), labels, mask
