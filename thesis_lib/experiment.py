"""An experiment is a value: it says all that the numbers depend on, refuses nonsense, and has an id."""

import hashlib
import json
import re
import sys
from dataclasses import asdict, dataclass, field, fields
from functools import lru_cache

from .arms import arm_options, build, own_source
from .blocks.slots import refuse_unknown
from .environment import torch_explained
from .errors import ThesisError, choose

NUMERICS = 1  # raised whenever a change alters results, so that an old record never passes for a new one
PRECISIONS = ("fp32", "bf16")
DISTILLATIONS: dict[str, dict[str, object]] = {  # the settings of each method, as its authors' code has them
    "soft_labels": {"temperature": 4.0, "alpha": 0.9},
    "attention_transfer": {"beta": 1000.0, "at": "stages"},
}


def whole(value: object, low: int, high: int = 2**63 - 1) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def real(value: object, low: float, high: float = sys.float_info.max) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high


@dataclass(frozen=True)
class Experiment:
    """One training run. `options` go to the arm's block (see `build`); the rest is the recipe.
    distillation: empty, or a teacher's record and how it teaches, for example {"method": "soft_labels",
    "teacher": "<id>"} with the settings of `DISTILLATIONS`. learning_rate: the peak after `warmup_epochs` of linear
    warm-up, before a cosine to 0. precision: "fp32" or "bf16" (autocast). Raises ThesisError for what cannot be run."""

    dataset: str = "shapes"
    network: str = "resnet8"
    arm: str = "senet_self"
    seed: int = 0
    epochs: int = 5
    batch_size: int = 128
    learning_rate: float = 0.2
    momentum: float = 0.9
    weight_decay: float = 5e-4
    warmup_epochs: float = 0.5
    label_smoothing: float = 0.0
    image_size: int = 32
    precision: str = "fp32"
    options: dict[str, object] = field(default_factory=dict)
    distillation: dict[str, object] = field(default_factory=dict)

    def __post_init__(self):
        name_like = isinstance(self.dataset, str) and re.fullmatch(r"\w[\w.-]*", self.dataset)
        epochs = self.epochs if whole(self.epochs, 1) else 0
        for ok, name, allowed in (
            (name_like, "dataset", "폴더 이름으로 쓸 수 있는 글자"),
            (isinstance(self.network, str), "network", "망의 이름"),
            (isinstance(self.arm, str), "arm", "비교군의 이름"),
            (whole(self.seed, 0), "seed", "0 이상의 정수"),
            (whole(self.epochs, 1), "epochs", "1 이상의 정수"),
            (whole(self.batch_size, 2), "batch_size", "2 이상의 정수"),
            (real(self.learning_rate, 0) and self.learning_rate > 0, "learning_rate", "0보다 큰 수"),
            (real(self.momentum, 0) and self.momentum < 1, "momentum", "0 이상 1 미만의 수"),
            (real(self.weight_decay, 0), "weight_decay", "0 이상의 수"),
            (real(self.warmup_epochs, 0) and self.warmup_epochs < epochs, "warmup_epochs", "0 이상 epochs 미만의 수"),
            (real(self.label_smoothing, 0) and self.label_smoothing < 1, "label_smoothing", "0 이상 1 미만의 수"),
            (whole(self.image_size, 8, 4096), "image_size", "8 이상 4096 이하의 정수"),
            (isinstance(self.options, dict), "options", "이름과 값의 모음(dict)"),
            (isinstance(self.distillation, dict), "distillation", "이름과 값의 모음(dict)"),
        ):
            if not ok:
                raise ThesisError(f"{name}에 쓸 수 없는 값: {getattr(self, name)!r}. {allowed}만 쓸 수 있다.")
        choose("precision", self.precision, PRECISIONS)
        for name in ("learning_rate", "momentum", "weight_decay", "warmup_epochs", "label_smoothing"):
            object.__setattr__(self, name, float(getattr(self, name)))
        if self.distillation:
            object.__setattr__(self, "distillation", complete(self.distillation))
        object.__setattr__(self, "options", json.loads(options := _canonical(self.options)))  # the caller's may change
        _try_build(self.arm, self.network, self.image_size, options)

    @classmethod
    def of(cls, values: dict) -> "Experiment":
        """An experiment from names and values. Raises ThesisError for an unknown name."""
        names = [f.name for f in fields(cls)]
        for name in values:
            choose("설정", name, names)
        return cls(**values)

    def config(self) -> dict[str, object]:
        """All settings; distillation is named only where there is one, as in records older than it."""
        return {key: value for key, value in asdict(self).items() if value or key != "distillation"}

    @property
    def id(self) -> str:
        """Readable names and a hash over every setting, `NUMERICS`, and the source of a reader's own block."""
        text = _canonical({"numerics": NUMERICS, **self.config(), **own_source(self.arm)})
        code = hashlib.sha256(text.encode()).hexdigest()[:10]
        return f"{self.dataset}-{self.network}-{self.arm}-s{self.seed}-{code}"

    def build(self, num_classes: int):
        """The network of this experiment."""
        return build(self.arm, self.network, num_classes, self.seed, image_size=self.image_size, **self.options)


def complete(given: dict) -> dict[str, object]:
    """A distillation with its method's own settings filled in. Raises ThesisError for what cannot be run."""
    choose("distillation의 method", given.get("method"), DISTILLATIONS)
    settings = DISTILLATIONS[given["method"]]
    refuse_unknown("distillation", given, ["method", "teacher", *settings])
    asked, teacher = settings | given, given.get("teacher")
    for ok, name, allowed in (
        (isinstance(teacher, str) and re.fullmatch(r"\w[\w.-]*", teacher), "teacher", "교사로 쓸 실행의 이름(id)"),
        (real(asked.get("temperature", 1), 0.01, 1000), "temperature", "0.01 이상 1000 이하의 수"),
        (real(asked.get("alpha", 0), 0, 1), "alpha", "0 이상 1 이하의 수"),
        (real(asked.get("beta", 0), 0, 1e6), "beta", "0 이상 1000000 이하의 수"),
        (asked.get("at", "units") in ("stages", "units"), "at", "stages, units"),
    ):
        if not ok:
            raise ThesisError(f"distillation의 {name}에 쓸 수 없는 값: {asked.get(name)!r}. {allowed}만 쓸 수 있다.")
    return {key: float(value) if isinstance(settings.get(key), float) else value for key, value in asked.items()}


def _canonical(values: dict) -> str:
    try:
        return json.dumps(values, sort_keys=True, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError):
        raise ThesisError(f"options에는 유한한 수·글자·목록만 쓸 수 있다(받은 값: {values!r}).") from None


@lru_cache(maxsize=256)
def _try_build(arm: str, network: str, image_size: int, options: str) -> None:
    """Whether it can be built is answered by building it: one place knows what is allowed."""
    given = json.loads(options)
    refuse_unknown(f"arm {arm}", given, arm_options(arm))  # before they meet build's own arguments
    with torch_explained():
        build(arm, network, 2, image_size=image_size, **given)
