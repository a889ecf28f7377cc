"""The training loop against a slow one written from the protocol, and the parts of its recipe."""

import json
import math

import pytest
import torch
from helpers import korean_sentence, tiny
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

from thesis_lib import ThesisError
from thesis_lib.augment import PAD, Pictures
from thesis_lib.data import load
from thesis_lib.recipe import learning_rate, make_optimizer

CPU = torch.device("cpu")


def slow_training(experiment, data):
    """Nesterov SGD by its formulas (Sutskever et al. 2013, as torch writes them), one parameter at a time."""
    model = experiment.build(len(data.classes)).train()
    pictures = Pictures(data.train, data, CPU, PAD)
    steps = len(data.train) // experiment.batch_size
    total, warmup = steps * experiment.epochs, round(steps * experiment.warmup_epochs)
    velocity, losses = {}, []
    for now in range(total):
        if now % steps == 0:
            pictures.epoch(experiment.seed, now // steps)
        first = now % steps * experiment.batch_size
        x, labels = pictures.batch(pictures.order[first : first + experiment.batch_size])
        loss = -F.log_softmax(model(x), 1)[range(len(labels)), labels].mean()
        losses.append(loss.item())
        model.zero_grad()
        loss.backward()
        if now < warmup:
            rate = experiment.learning_rate * (now + 1) / warmup
        else:
            rate = experiment.learning_rate * 0.5 * (1 + math.cos(math.pi * (now - warmup) / (total - warmup)))
        with torch.no_grad():
            for name, p in model.named_parameters():
                decay = experiment.weight_decay if name.endswith("weight") and p.ndim > 1 else 0
                gradient = p.grad + decay * p
                velocity[name] = (
                    experiment.momentum * velocity[name] + gradient if name in velocity else gradient.clone()
                )
                p -= rate * (gradient + experiment.momentum * velocity[name])
    return model, [sum(losses[e * steps : (e + 1) * steps]) / steps for e in range(experiment.epochs)]


@pytest.mark.parametrize("arm", ["resnet", "senet_self"])
def test_equals_a_slow_training_loop(arm, train_tiny, pictures, tmp_path):
    experiment = tiny(arm=arm, weight_decay=0.05, warmup_epochs=0.75)
    record = train_tiny(experiment, tmp_path)
    model, losses = slow_training(experiment, load("tiny", pictures, 8))
    assert [epoch["train_loss"] for epoch in record.data["history"]] == pytest.approx(losses, rel=1e-3)
    ours = load_file(record.folder / "weights.safetensors")
    theirs = model.state_dict()
    assert ours.keys() == theirs.keys()
    for key in ours:
        torch.testing.assert_close(ours[key], theirs[key], rtol=1e-2, atol=1e-4)


def test_it_learns(train_tiny, tmp_path):
    record = train_tiny(tiny(epochs=6, learning_rate=0.1), tmp_path)
    first, last = record.data["history"][0], record.data["history"][-1]
    assert last["train_loss"] < 0.7 * first["train_loss"] and record.test_accuracy > 80


def test_two_runs_are_equal_to_the_bit_and_two_seeds_are_not(train_tiny, tmp_path):
    first, again = (train_tiny(tiny(), tmp_path / name) for name in "ab")
    other = train_tiny(tiny(seed=1), tmp_path / "a")
    assert first.data["weights_sha256"] == again.data["weights_sha256"] != other.data["weights_sha256"]
    assert (first.folder / "predictions.npz").read_bytes() == (again.folder / "predictions.npz").read_bytes()


def test_a_finished_run_is_not_run_again(train_tiny, tmp_path, monkeypatch):
    first = train_tiny(tiny(), tmp_path)
    monkeypatch.setattr("thesis_lib.trainer.Run", None)  # whoever trains now fails
    assert train_tiny(tiny(), tmp_path).data == first.data
    assert not list((tmp_path / "checkpoints").glob("*/step-*"))


def test_learning_rate_endpoints():
    rates = [learning_rate(step, 100, 10, 0.4) for step in range(101)]
    assert rates[0] == pytest.approx(0.04) and rates[9] == rates[10] == 0.4
    assert rates[55] == pytest.approx(0.2) and rates[100] == 0
    assert rates[99] == pytest.approx(0.2 * (1 + math.cos(math.pi * 89 / 90)))
    assert rates[:10] == sorted(set(rates[:10]))
    assert rates[10:] == sorted(set(rates[10:]), reverse=True)
    assert learning_rate(0, 100, 0, 0.4) == 0.4


@pytest.mark.parametrize("arm", ["resnet", "senet_self"])
def test_weight_decay_is_on_kernels_and_matrices_only(arm):
    experiment = tiny(arm=arm, weight_decay=0.01, momentum=0.8)
    model = experiment.build(2)
    decayed, others = make_optimizer(model, experiment).param_groups
    assert decayed["weight_decay"] == 0.01 and others["weight_decay"] == 0
    assert all(g["momentum"] == 0.8 and g["nesterov"] for g in (decayed, others))
    expected = {id(m.weight) for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))}
    assert {id(p) for p in decayed["params"]} == expected
    groups = [*decayed["params"], *others["params"]]
    assert len(groups) == len({id(p) for p in groups}) == len(list(model.parameters()))


def test_label_smoothing_and_bf16_change_the_run(train_tiny, tmp_path):
    plain, smooth, bf16 = (
        train_tiny(tiny(epochs=1, **c), tmp_path) for c in ({}, {"label_smoothing": 0.2}, {"precision": "bf16"})
    )
    assert len({r.data["weights_sha256"] for r in (plain, smooth, bf16)}) == 3
    loss = [r.data["history"][0]["train_loss"] for r in (plain, bf16)]
    assert loss[0] == pytest.approx(loss[1], rel=0.05)


def test_a_batch_larger_than_the_data_is_refused(train_tiny, tmp_path):
    with pytest.raises(ThesisError, match="batch_size") as caught:
        train_tiny(tiny(batch_size=64), tmp_path)
    korean_sentence(caught.value)


def poisoned(step, *rest):
    """Spoils the weights at the fifth step, and so the loss of the sixth."""
    return math.inf if step >= 4 else learning_rate(step, *rest)


def test_an_infinite_loss_is_never_saved(train_tiny, tmp_path, stop_at, monkeypatch):
    monkeypatch.setattr("thesis_lib.trainer.learning_rate", poisoned)
    stop_at(6)
    with pytest.raises(ThesisError, match="2번째 에폭의 2번째 걸음"):
        train_tiny(tiny(), tmp_path)
    assert not list(tmp_path.rglob("step-*"))


def test_an_infinite_loss_is_named_and_the_checkpoint_before_it_kept(train_tiny, tmp_path, stop_at, monkeypatch):
    whole = train_tiny(tiny(), tmp_path / "whole")
    stop_at(3)
    with pytest.raises(ThesisError):
        train_tiny(tiny(), tmp_path / "spoilt")
    stop_at.never()

    with monkeypatch.context() as patch:
        patch.setattr("thesis_lib.trainer.learning_rate", poisoned)
        with pytest.raises(ThesisError, match="2번째 에폭의 2번째 걸음") as caught:
            train_tiny(tiny(), tmp_path / "spoilt")
    korean_sentence(caught.value)
    kept = [path.name for path in (tmp_path / "spoilt").rglob("step-*.json")]
    assert kept == ["step-000000003.json"]
    assert not list((tmp_path / "spoilt").rglob("record.json"))
    mended = train_tiny(tiny(), tmp_path / "spoilt")
    assert json.dumps(mended.data["history"]) == json.dumps(whole.data["history"])
    assert mended.data["weights_sha256"] == whole.data["weights_sha256"]
