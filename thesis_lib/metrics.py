"""What is measured on a set of predictions; every number can be computed again from what is stored."""

import numpy as np
from torch import Tensor

BINS = 15


def accuracy(label: np.ndarray, predicted: np.ndarray) -> float:
    """Share of right predictions, in percent."""
    return 100 * float((label == predicted).mean())


def accuracy_per_class(label: np.ndarray, predicted: np.ndarray, classes: int) -> list[float]:
    """Percent right among the images of each class (nan where a class has none)."""
    right = np.bincount(label[label == predicted], minlength=classes)
    count = np.bincount(label, minlength=classes)
    return [100 * float(r) / n if n else float("nan") for r, n in zip(right, count, strict=True)]


def bins_of(confidence: np.ndarray) -> np.ndarray:
    """The confidence bin of each image, 0 to `BINS` - 1."""
    return np.minimum((confidence.astype(np.float64) * BINS).astype(int), BINS - 1)


def calibration_error(label: np.ndarray, predicted: np.ndarray, confidence: np.ndarray) -> float:
    """Expected calibration error in percent, 15 equal bins (Guo et al. 2017, equation 3)."""
    right = (label == predicted).astype(np.float64)
    gap = np.bincount(bins_of(confidence), right - confidence, minlength=BINS)
    return 100 * float(np.abs(gap).sum() / len(label))


def predictions_of(logits: Tensor, labels: Tensor) -> dict[str, np.ndarray]:
    """What is stored of each test image, from its logits (N, classes) and label (N,)."""
    classes = logits.shape[1]
    confidence, predicted = logits.softmax(1).max(1)
    top = logits.topk(min(5, classes)).indices
    small = np.uint8 if classes <= 256 else np.uint16
    return {
        "label": labels.numpy().astype(small),
        "predicted": predicted.numpy().astype(small),
        "confidence": confidence.numpy().astype(np.float16),
        "top5": (top == labels[:, None]).any(1).numpy(),
    }


def measure(predictions: dict[str, np.ndarray], classes: int) -> dict[str, object]:
    """Accuracy, top-5, per-class accuracy and calibration from stored predictions."""
    label, predicted = predictions["label"], predictions["predicted"]
    return {
        "test_accuracy": accuracy(label, predicted),
        "test_top5": 100 * float(predictions["top5"].mean()),
        "per_class_accuracy": accuracy_per_class(label, predicted, classes),
        "calibration_error": calibration_error(label, predicted, predictions["confidence"]),
    }
