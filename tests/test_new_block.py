"""A reader's own attention block: one class, and nothing else."""

import pytest
import torch
from helpers import draw, korean_sentence, tiny
from torch import nn

from thesis_lib import BLOCKS, Experiment, ThesisError, block, experiment, load_records
from thesis_lib.cost import cost
from thesis_lib.errors import Stopped
from thesis_lib.networks import POSITIONS


@pytest.fixture
def toy():
    """The whole of what a reader writes; afterwards the registry is as it was."""
    before = dict(BLOCKS)

    @block
    class ToyGate(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.mix = nn.Linear(channels, channels)

        def forward(self, x):
            return x * self.mix(x.mean((2, 3))).sigmoid()[:, :, None, None]

    yield ToyGate
    BLOCKS.clear()
    BLOCKS.update(before)
    experiment._try_build.cache_clear()


def test_it_is_registered_under_its_own_name(toy):
    assert BLOCKS["toy_gate"] is toy


@pytest.mark.parametrize("at", POSITIONS)
def test_it_goes_to_every_position(toy, at):
    model = tiny(arm="toy_gate", options={"at": at}).build(2).eval()
    places = {path for path, m in model.named_modules() if isinstance(m, toy)}
    assert places == {f"stages.{stage}.0.{at}" for stage in range(3)}
    without = tiny(arm="resnet").build(2).eval()
    x = draw(2, 3, 8, 8)
    assert model(x).shape == (2, 2) and not torch.allclose(model(x), without(x))


def test_it_trains_and_is_recorded_with_a_counted_cost(toy, train_tiny, tmp_path):
    asked = tiny(arm="toy_gate", options={"at": "inside"}, epochs=1)
    record = train_tiny(asked, tmp_path)
    table = load_records(tmp_path)
    row = table.set_index("id").loc[asked.id]
    assert len(table) == 1 and table.attrs["problems"] == []
    assert row["arm"] == "toy_gate" and row["options"] == '{"at": "inside"}'
    assert not row["exact"]
    plain = cost(tiny(arm="resnet").build(2), 8)
    assert row["parameters"] - plain.parameters == sum(c * c + c for c in (16, 32, 64))
    assert row["macs"] - plain.macs == sum(c * c for c in (16, 32, 64))
    assert record.data["experiment"]["arm"] == "toy_gate"


def test_its_options_are_checked(toy):
    with pytest.raises(ThesisError, match=r"arm toy_gate에 없는 선택 사항: reduction.*at, stages"):
        tiny(arm="toy_gate", options={"reduction": 2})


def test_attention_of_a_users_block_is_counted_too(toy):
    @block
    class ToyAttention(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.msa = nn.MultiheadAttention(channels, 2, batch_first=True)

        def forward(self, x):
            tokens = x.flatten(2).transpose(1, 2)
            return self.msa(tokens, tokens, tokens)[0].transpose(1, 2).reshape(x.shape)

    extra = cost(tiny(arm="toy_attention").build(2), 8).macs - cost(tiny(arm="resnet").build(2), 8).macs
    sizes = ((16, 64), (32, 16), (64, 4))
    assert extra == sum(4 * n * c * c + 2 * n * n * c for c, n in sizes)


def test_a_cost_that_does_not_know_the_blocks_options_is_refused_before_training(toy):
    @block
    class ToyPower(nn.Module):
        def __init__(self, channels, *, power=2):
            super().__init__()
            self.power = power

        def forward(self, x):
            return x * x.mean((2, 3), keepdim=True).abs() ** self.power

        @staticmethod
        def macs(channels, height, width):
            return 0

    with pytest.raises(ThesisError, match=r"macs가 선택 사항 .'power'"):
        tiny(arm="toy_power", options={"power": 3})
    assert tiny(arm="toy_power").build(2)


def test_a_name_that_an_arm_has_is_refused(toy):
    @block
    class Senet(nn.Identity):
        def __init__(self, channels):
            super().__init__()

    with pytest.raises(ThesisError, match="'senet'은 비교군의 이름"):
        tiny(arm="senet")


def test_a_class_that_cannot_be_made_from_its_channels_is_refused(toy):
    @block
    class ToyStranger(nn.Identity):
        def __init__(self, *, channels):
            super().__init__()

    with pytest.raises(ThesisError, match="블록 toy_stranger"):
        tiny(arm="toy_stranger")


def test_two_classes_cannot_have_one_name(toy):
    class SE(nn.Module):
        def __init__(self, channels):
            super().__init__()

    known = BLOCKS["se"]
    with pytest.raises(ThesisError, match="'se'은"):
        block(SE)
    assert BLOCKS["se"] is known


def test_an_edited_block_is_another_experiment(tmp_path, monkeypatch):
    """A record made by yesterday's `forward` must not pass for today's."""
    import importlib

    source = """
from torch import nn
from thesis_lib import block

@block
class Edited(nn.Module):
    def __init__(self, channels, *, bias=True):
        super().__init__()
        self.mix = nn.Conv2d(channels, channels, 1, bias=bias)

    def forward(self, x):
        return x * self.mix(x).sigmoid()
"""
    monkeypatch.syspath_prepend(tmp_path)
    try:
        (tmp_path / "edited_one.py").write_text(source)
        importlib.import_module("edited_one")
        first = Experiment(arm="edited").id
        assert Experiment(arm="edited").id == first
        del BLOCKS["edited"]
        (tmp_path / "edited_two.py").write_text(source.replace("sigmoid", "tanh"))
        importlib.import_module("edited_two")
        assert Experiment(arm="edited").id != first
    finally:
        BLOCKS.pop("edited", None)


def test_a_block_that_changes_the_maps_shape_is_refused_before_training(toy, train_tiny, tmp_path):
    @block
    class ToyForgetful(toy):  # gives its gate alone: adding it to the shortcut would go through unseen
        def forward(self, x):
            return self.mix(x.mean((2, 3))).sigmoid()[:, :, None, None]

    with pytest.raises(ThesisError, match=r"ToyForgetful.*\(1, 16, 8, 8\) → \(1, 16, 1, 1\)"):
        train_tiny(tiny(arm="toy_forgetful"), tmp_path)
    assert not list(tmp_path.rglob("step-*"))


def test_its_parts_may_have_any_name(toy):
    @block
    class ToyNames(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.stage, self.options = nn.Conv2d(channels, channels, 1), nn.ReLU()

        def forward(self, x):
            return self.options(self.stage(x))

    assert cost(tiny(arm="toy_names").build(2), 8).parameters > 0


def test_its_dropout_is_drawn_from_the_seed_and_the_step(toy, train_tiny, tmp_path, stop_at):
    @block
    class ToyDropout(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.drop = nn.Dropout(0.5)

        def forward(self, x):
            return self.drop(x)

    asked = tiny(arm="toy_dropout")
    straight = train_tiny(asked, tmp_path / "straight")
    stop_at(3)
    with pytest.raises(Stopped):
        train_tiny(asked, tmp_path / "broken")
    stop_at.never()
    torch.rand(5)  # what others draw meanwhile does not matter
    resumed = train_tiny(asked, tmp_path / "broken")
    assert resumed.data["weights_sha256"] == straight.data["weights_sha256"]
    assert straight.data["weights_sha256"] != train_tiny(tiny(arm="resnet"), tmp_path).data["weights_sha256"]


@pytest.mark.parametrize("wrong", [lambda channels: nn.Identity(), nn.Identity(), dict])
def test_only_a_class_of_modules_is_a_block(toy, wrong):
    with pytest.raises(ThesisError) as caught:
        block(wrong)
    assert "nn.Module" in korean_sentence(caught.value)
