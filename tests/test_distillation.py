"""What a teacher adds to the loss, against hand-computed values, the authors' formulas and a run that learns."""

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from helpers import draw, korean_sentence, redraw, tiny
from torch.nn import functional as F

from thesis_lib import Experiment, ThesisError, load_records
from thesis_lib.distillation import Teacher, attention_map, attention_transfer_loss, soft_label_loss
from thesis_lib.maps import network_of, stage_ends, unit_ends
from thesis_lib.records import sealed
from thesis_lib.verification import verify

HARD = torch.tensor(0.7)


def test_soft_labels_by_hand():
    """T = 2: p_T = (e / (1 + e), 1 / (1 + e)) from logits (2, 0), p_S = (1/2, 1/2)."""
    p = math.e / (1 + math.e)
    divergence = p * math.log(2 * p) + (1 - p) * math.log(2 * (1 - p))
    loss = soft_label_loss(torch.zeros(1, 2), torch.tensor([[2.0, 0.0]]), HARD, temperature=2, alpha=0.9)
    assert loss.item() == pytest.approx(0.9 * 4 * divergence + 0.1 * 0.7, rel=1e-6)


def test_soft_labels_as_the_authors_write_them():
    student, teacher, labels = draw(6, 5), draw(6, 5, seed=1), torch.tensor([0, 1, 2, 3, 4, 0])
    soft = F.kl_div(F.log_softmax(student / 4, 1), F.softmax(teacher / 4, 1), reduction="sum") * 16 / 6
    expected = 0.9 * soft + 0.1 * F.cross_entropy(student, labels)
    found = soft_label_loss(student, teacher, F.cross_entropy(student, labels), 4.0, 0.9)
    torch.testing.assert_close(found, expected)


def test_a_teacher_that_agrees_adds_nothing():
    logits, maps = draw(4, 5), [draw(4, 8, 3, 3)]
    assert soft_label_loss(logits, logits, HARD, 4.0, 0.9).item() == pytest.approx(0.07)
    assert attention_transfer_loss(maps, [2.5 * maps[0]], HARD, 1000.0).item() == pytest.approx(0.7)


def test_attention_maps_are_unit_vectors_over_positions():
    activation = draw(2, 3, 4, 5)
    found = attention_map(activation)
    assert found.shape == (2, 20)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(2))
    energy = sum(activation[:, c] ** 2 for c in range(3)).flatten(1)
    torch.testing.assert_close(found, energy / energy.norm(dim=1, keepdim=True))


def test_attention_transfer_by_hand():
    """Q_S = (1, 0), Q_T = (0, 1): mean square 1; a second place adds (1 - 0.6)^2 / 2 + 0.8^2 / 2 = 0.4."""
    student = [torch.tensor([[[[1.0, 0.0]]]]), torch.tensor([[[[1.0, 0.0]]]])]
    teacher = [torch.tensor([[[[0.0, 3.0]]]]), torch.tensor([[[[0.6, 0.8]]]]).sqrt()]
    loss = attention_transfer_loss(student, teacher, HARD, beta=10.0)
    assert loss.item() == pytest.approx(0.7 + 10 * (1 + 0.4), rel=1e-6)


def teach(teacher, **settings):
    return tiny(arm="resnet", network="resnet8", distillation={"teacher": teacher, **settings})


@pytest.mark.parametrize(
    "settings",
    [{"method": "soft_labels"}, {"method": "attention_transfer"}, {"method": "attention_transfer", "at": "units"}],
)
def test_a_student_learns_from_a_teacher(settings, train_tiny, pictures, tmp_path):
    teacher = train_tiny(tiny(arm="senet", seed=5), tmp_path)
    student = teach(teacher.id, **settings)
    record = train_tiny(student, tmp_path)
    alone = train_tiny(replace(student, distillation={}), tmp_path)
    assert record.data["weights_sha256"] != alone.data["weights_sha256"]
    assert record.data["cost"] == alone.data["cost"]
    assert record.data["experiment"]["distillation"]["teacher"] == teacher.id
    table = load_records(tmp_path).set_index("id")
    assert table.loc[alone.id, "distillation"] == "{}" and teacher.id in table.loc[record.id, "distillation"]
    assert verify(record.id, tmp_path, root=pictures, device="cpu", show=False)[0]


@pytest.mark.parametrize(
    "settings",
    [
        {"method": "soft_labels", "temperature": 3.0, "alpha": 0.4},
        {"method": "attention_transfer", "beta": 7.0},
        {"method": "attention_transfer", "beta": 7.0, "at": "units"},
    ],
)
def test_the_loss_is_the_one_that_the_settings_ask_for(settings, train_tiny, tmp_path):
    """By the teacher in evaluation mode, its maps and the student's taken where stages or units end."""
    record = train_tiny(tiny(arm="senet", network="resnet14", epochs=1), tmp_path)
    experiment = tiny(arm="resnet", network="resnet14", distillation={"teacher": record.id, **settings})
    student, x = redraw(experiment.build(2)), draw(4, 3, 8, 8)
    data = SimpleNamespace(checksum=record.data["data"]["checksum"])
    teacher = Teacher(experiment, tmp_path, student, data, torch.device("cpu"))
    network, seen = network_of(record), {"student": [], "teacher": []}
    at = (unit_ends if settings.get("at") == "units" else lambda model: stage_ends(model).values())(network)
    for name, model in (("student", student), ("teacher", network)):
        for place in at:
            model.get_submodule(place).register_forward_hook(lambda _, __, y, name=name: seen[name].append(y))
    logits = student(x)
    with torch.no_grad():
        taught = network(x)
    if settings["method"] == "soft_labels":
        expected = soft_label_loss(logits, taught, HARD, 3.0, 0.4)
    else:
        assert len(seen["student"]) == len(seen["teacher"]) == (6 if "at" in settings else 3)
        expected = attention_transfer_loss(seen["student"], seen["teacher"], HARD, 7.0)
    loss = teacher.loss(x, logits, HARD)
    torch.testing.assert_close(loss, expected)
    if settings["method"] == "soft_labels":
        loss.backward()
        assert all(p.grad is None for p in teacher.network.parameters())


def test_maps_that_differ_in_one_place_are_not_spread_over_each_other():
    teacher, same = Teacher.__new__(Teacher), draw(2, 3, 4, 4)
    teacher.given, teacher.network = {"method": "attention_transfer", "beta": 1.0}, torch.nn.Identity()
    teacher.maps = {"a": same, "b": draw(2, 3, 1, 1)}, {"a": same, "b": draw(2, 3, 2, 2)}
    with pytest.raises(ThesisError, match="맵 크기"):
        teacher.loss(same, same, HARD)


def test_maps_of_other_sizes_and_pictures_of_other_sizes_are_refused(train_tiny, tmp_path):
    teacher = train_tiny(tiny(arm="senet", epochs=1), tmp_path)
    for student, expected in (
        (replace(teach(teacher.id, method="attention_transfer"), network="shufflenet_half"), "맵 크기"),
        (replace(teach(teacher.id, method="soft_labels"), image_size=16), "image_size"),
    ):
        with pytest.raises(ThesisError) as caught:
            train_tiny(student, tmp_path)
        assert expected in korean_sentence(caught.value)


def test_a_stopped_student_goes_on_to_the_bit(train_tiny, stop_at, tmp_path):
    from thesis_lib.errors import Stopped

    teacher = train_tiny(tiny(arm="senet", seed=5), tmp_path / "a")
    train_tiny(tiny(arm="senet", seed=5), tmp_path / "b")
    student = teach(teacher.id, method="attention_transfer")
    whole = train_tiny(student, tmp_path / "a")
    stop_at(5)
    with pytest.raises(Stopped):
        train_tiny(student, tmp_path / "b")
    stop_at.never()
    assert train_tiny(student, tmp_path / "b").data["weights_sha256"] == whole.data["weights_sha256"]


def test_teacher_and_student_may_differ_in_depth_by_stages(train_tiny, tmp_path):
    teacher = train_tiny(tiny(arm="senet", network="resnet14", epochs=1), tmp_path)
    train_tiny(teach(teacher.id, method="attention_transfer"), tmp_path)
    with pytest.raises(ThesisError) as caught:
        train_tiny(teach(teacher.id, method="attention_transfer", at="units"), tmp_path)
    assert "3, 6" in korean_sentence(caught.value)


def test_a_teacher_has_to_be_there_and_to_know_the_data(train_tiny, tmp_path):
    with pytest.raises(ThesisError) as caught:
        train_tiny(teach("nobody", method="soft_labels"), tmp_path)
    assert "nobody" in korean_sentence(caught.value)
    stranger = train_tiny(tiny(arm="senet"), tmp_path)
    others = stranger.data | {"data": stranger.data["data"] | {"checksum": 64 * "0"}}
    (stranger.folder / "record.json").write_bytes(sealed({k: v for k, v in others.items() if k != "seal"}))
    student = teach(stranger.id, method="soft_labels")
    with pytest.raises(ThesisError) as caught:
        train_tiny(student, tmp_path)
    assert "자료" in korean_sentence(caught.value)
    assert not (tmp_path / "runs" / student.id).exists()


def test_defaults_are_part_of_the_experiment_and_none_leaves_the_id_alone():
    plain = Experiment("shapes", "resnet8", "resnet", epochs=5)
    assert "distillation" not in plain.config()
    taught = replace(plain, distillation={"method": "soft_labels", "teacher": "x"})
    assert taught.config()["distillation"] == {
        "temperature": 4.0, "alpha": 0.9, "method": "soft_labels", "teacher": "x",
    }  # fmt: skip
    assert taught.id != plain.id
    assert taught.id == replace(plain, distillation={"method": "soft_labels", "teacher": "x", "alpha": 0.9}).id
    assert taught.id == replace(plain, distillation={"method": "soft_labels", "teacher": "x", "temperature": 4}).id


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"teacher": "x"}, "soft_labels"),
        ({"method": "soft_labels"}, "teacher"),
        ({"method": "soft_labels", "teacher": ""}, "teacher"),
        ({"method": "soft_labels", "teacher": "x/"}, "teacher"),
        ({"method": "hints", "teacher": "x"}, "attention_transfer"),
        ({"method": "soft_labels", "teacher": "x", "beta": 1}, "beta"),
        ({"method": "soft_labels", "teacher": "x", "temperature": 0}, "temperature"),
        ({"method": "soft_labels", "teacher": "x", "alpha": 1.5}, "alpha"),
        ({"method": "attention_transfer", "teacher": "x", "beta": -1}, "beta"),
        ({"method": "attention_transfer", "teacher": "x", "at": "layers"}, "units"),
        ([1], "distillation"),
    ],
)
def test_nonsense_is_refused_when_the_experiment_is_made(given, expected):
    with pytest.raises(ThesisError) as caught:
        Experiment(distillation=given)
    assert expected in korean_sentence(caught.value)
