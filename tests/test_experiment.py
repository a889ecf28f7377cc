"""An experiment refuses nonsense in Korean, whatever it is, and has an id that says all of it."""

import math
from dataclasses import FrozenInstanceError, fields, replace

import pytest
from helpers import korean_sentence
from hypothesis import given
from hypothesis import strategies as st

from thesis_lib import ARMS, NETWORKS, Experiment, ThesisError
from thesis_lib.experiment import DISTILLATIONS
from thesis_lib.records import SETTINGS

GOLDEN = "shapes-resnet8-senet_self-s0-948b46f82c"
NAMES = [f.name for f in fields(Experiment)]
OTHER = {
    "distillation": {"method": "soft_labels", "teacher": "x"},
    "dataset": "digits",
    "network": "resnet20",
    "arm": "senet",
    "seed": 1,
    "epochs": 6,
    "batch_size": 64,
    "learning_rate": 0.1,
    "momentum": 0.8,
    "weight_decay": 1e-4,
    "warmup_epochs": 1.0,
    "label_smoothing": 0.1,
    "image_size": 16,
    "precision": "bf16",
    "options": {"num_heads": 2},
}
OPTION_NAMES = [
    *("reduction", "bias", "num_heads", "reading", "residual", "zero_start", "attention_stages", "at", "stages"),
    *("arm", "network", "seed", "num_classes", "image_size", "model", "name", "channels", "self"),
]
scalar = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary(max_size=4)
huge = st.sampled_from([10**400, -(10**400), 2**63, -1, 0, math.inf, -math.inf, math.nan, "1", "0.1", 1e308])
nested = st.recursive(
    scalar | huge, lambda s: st.lists(s, max_size=3) | st.dictionaries(st.text(max_size=5), s, max_size=3)
)
option_names = st.sampled_from(OPTION_NAMES)


def made_or_refused(values: dict) -> Experiment | None:
    """Any exception but ThesisError fails the test, and so does a sentence that is not Korean."""
    try:
        experiment = Experiment.of(values)
    except ThesisError as error:
        korean_sentence(repr(str(error))[1:-1])
        return None
    experiment.build(2)
    assert experiment.id == Experiment.of(experiment.config()).id
    return experiment


@given(name=st.sampled_from(NAMES), value=nested)
def test_any_value_for_any_setting(name, value):
    made_or_refused({name: value})


@given(options=st.dictionaries(option_names, nested, min_size=1, max_size=3), arm=st.sampled_from(list(ARMS)))
def test_any_options(options, arm):
    made_or_refused({"arm": arm, "options": options})


taught = st.sampled_from(["method", "teacher", "alpha", "temperature", "beta", "at"]) | st.integers()


@given(given=st.dictionaries(taught, nested | st.sampled_from(list(DISTILLATIONS)), min_size=1, max_size=4))
def test_any_distillation(given):
    made_or_refused({"distillation": given})


def test_runs_are_compared_only_where_every_setting_is_the_same():
    assert {f.name for f in fields(Experiment)} == {*SETTINGS, "arm", "seed", "options", "distillation"} - {
        "numerics",
        "data_checksum",
    }


@given(values=st.dictionaries(st.text(max_size=8), scalar, min_size=1))
def test_unknown_settings(values):
    if not set(values) <= set(NAMES):
        with pytest.raises(ThesisError, match="알 수 없는 설정"):
            Experiment.of(values)


@given(
    arm=st.sampled_from(list(ARMS)),
    network=st.sampled_from([n for n in NETWORKS if n in ("resnet8", "resnet20")]),
    seed=st.integers(0, 2**31),
    epochs=st.integers(1, 500),
    rate=st.floats(1e-6, 10),
)
def test_sense_is_accepted(arm, network, seed, epochs, rate):
    experiment = Experiment(arm=arm, network=network, seed=seed, epochs=epochs, learning_rate=rate)
    assert experiment.id.startswith(f"shapes-{network}-{arm}-s{seed}-")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0), ("epochs", 1.5), ("epochs", True), ("batch_size", 1), ("seed", -1), ("seed", "0"),
        ("seed", 2**64), ("epochs", None), ("epochs", "5"), ("learning_rate", 10**400), ("options", {"bias": "no"}),
        ("learning_rate", 0), ("learning_rate", -0.1), ("learning_rate", math.nan), ("learning_rate", math.inf),
        ("momentum", 1), ("weight_decay", -1e-9), ("warmup_epochs", 5), ("label_smoothing", 1.0), ("image_size", 7),
        ("precision", "fp16"), ("dataset", "../data"), ("dataset", ""), ("dataset", "a/b"), ("network", "resnet9"),
        ("arm", "senet2"), ("options", [1]), ("options", {"x": 1}), ("options", {"num_heads": 3}),
        ("options", {"seed": 1}), ("options", {"image_size": 8}), ("options", {"attention_stages": [9]}),
    ],
)  # fmt: skip
def test_nonsense_is_refused_by_name(name, value):
    with pytest.raises(ThesisError) as caught:
        Experiment(**{name: value})
    korean_sentence(caught.value)


@pytest.mark.parametrize(
    ("arm", "options", "expected"),
    [
        ("gather_excite", {"reduction": 0}, "reduction"), ("gather_excite", {"reduction": "x"}, "reduction"),
        ("gather_excite", {"reduction": 1000}, "reduction"), ("gsop", {"dim": 300_000}, "4096"),
        ("gsop", {"dim": 10**23}, "4096"), ("cbam", {"kernel": 1_000_000_001}, "4096"),
        ("bam", {"dilation": 10**21}, "4096"), ("eca", {"kernel": 1_000_001}, "4096"),
        ("senet", {"stages": [True]}, "stages"), ("senet", {"stages": [1.0]}, "stages"),
        ("senet", {"stages": [1, 1]}, "stages"), ("senet", {"stages": [2, 1]}, "stages"),
        ("senet_self", {"attention_stages": [True]}, "stages"),
    ],
)  # fmt: skip
def test_options_that_would_fail_late_or_have_two_names_are_refused_at_once(arm, options, expected):
    with pytest.raises(ThesisError) as caught:
        Experiment(arm=arm, options=options)
    assert expected in korean_sentence(caught.value)


@pytest.mark.parametrize("network", ["densenet40", "stn_resnet8", "vgg16"])
def test_widths_are_for_networks_that_take_them(network):
    with pytest.raises(ThesisError, match=r"망\(.*resnet_wide\)"):
        Experiment(arm="resnet_wide", network=network, options={"widths": [16, 32, 64]})


def test_the_sentence_says_what_was_wrong_and_what_is_allowed():
    with pytest.raises(ThesisError, match=r"learning_rate에 쓸 수 없는 값: -1\. 0보다 큰 수만 쓸 수 있다\."):
        Experiment(learning_rate=-1)
    with pytest.raises(ThesisError, match=r"알 수 없는 비교군: 'x'\. 쓸 수 있는 값: resnet, senet, senet_self"):
        Experiment(arm="x")


def test_golden_id():
    """Changes only together with `NUMERICS`, or all published records lose their names."""
    assert Experiment().id == GOLDEN


def test_every_setting_is_in_the_id():
    assert set(OTHER) == set(NAMES)
    ids = {Experiment().id} | {replace(Experiment(), **{name: value}).id for name, value in OTHER.items()}
    assert len(ids) == len(NAMES) + 1


def test_numerics_are_in_the_id(monkeypatch):
    monkeypatch.setattr("thesis_lib.experiment.NUMERICS", 10**6)
    assert Experiment().id != GOLDEN


def test_equal_experiments_have_one_id():
    assert Experiment(learning_rate=1, options={"num_heads": 2, "reduction": 8}) == Experiment(
        learning_rate=1.0, options={"reduction": 8, "num_heads": 2}
    )
    one, other = Experiment(weight_decay=0), Experiment(weight_decay=0.0)
    assert one.id == other.id
    assert (
        Experiment(options={"num_heads": 2, "reduction": 8}).id
        == Experiment(options={"reduction": 8, "num_heads": 2}).id
    )
    assert Experiment.of(Experiment().config()) == Experiment()


def test_it_is_frozen():
    with pytest.raises(FrozenInstanceError):
        Experiment().seed = 3


def test_options_that_the_caller_changes_later_change_nothing():
    given = {"reduction": 4}
    experiment = Experiment(arm="senet", options=given)
    before = experiment.id
    given["reduction"] = 8
    assert experiment.id == before == Experiment(arm="senet", options={"reduction": 4}).id
    assert Experiment(arm="senet", options={"stages": (1, 2)}) == Experiment(arm="senet", options={"stages": [1, 2]})
