"""A reader's own attention block: one class, and nothing else."""

import importlib.util
import sys
import types

import numpy as np
import pytest
import torch
from helpers import draw, korean_sentence, tiny
from torch import nn

from thesis_lib import BLOCKS, Experiment, ThesisError, block, experiment, load_records
from thesis_lib.blocks.own_code import code_of
from thesis_lib.blocks.se import SE
from thesis_lib.cost import cost
from thesis_lib.errors import Stopped
from thesis_lib.networks import POSITIONS
from thesis_lib.profiles import read_profile


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


def test_an_option_before_the_star_is_refused():
    class Loose(nn.Module):
        def __init__(self, channels, ratio=4):
            super().__init__()

    with pytest.raises(ThesisError, match=r"\* 뒤에 적으라: ratio") as caught:
        block(Loose)
    korean_sentence(caught.value)
    assert "loose" not in BLOCKS


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


def test_a_cost_that_does_not_know_the_blocks_options_is_refused_before_training(toy, train_tiny, tmp_path):
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

    with pytest.raises(ThesisError, match=r"ToyPower의 macs는 @staticmethod .*'power'"):
        train_tiny(tiny(arm="toy_power", options={"power": 3}), tmp_path)
    assert not list(tmp_path.rglob("step-*"))
    assert cost(tiny(arm="toy_power").build(2), 8).exact


@pytest.mark.parametrize("said", [-5, 1.5, float("nan"), None, "many", 10**400, torch.tensor(5)])
def test_a_cost_that_is_no_count_is_refused(toy, said):
    toy.macs = staticmethod(lambda channels, height, width: said)
    with pytest.raises(ThesisError) as caught:
        cost(tiny(arm="toy_gate").build(2), 8)
    assert "0 이상의 정수" in korean_sentence(caught.value)


def test_a_cost_may_be_numpys_and_has_to_be_static(toy):
    bare = cost(tiny(arm="resnet").build(2), 8).macs
    toy.macs = staticmethod(lambda channels, height, width: np.prod((channels, height, width)))
    price = cost(tiny(arm="toy_gate").build(2), 8)
    assert price.exact and price.macs - bare == 16 * 64 + 32 * 16 + 64 * 4 and type(price.macs) is int
    toy.macs = lambda self, channels, height, width: 0
    with pytest.raises(ThesisError, match="@staticmethod"):
        cost(tiny(arm="toy_gate").build(2), 8)


def test_a_block_that_extends_another_is_counted_anew(toy):
    @block
    class ToyPlus(SE):
        def __init__(self, channels, *, reduction=4):
            super().__init__(channels, reduction=reduction)
            self.more = nn.Conv2d(channels, channels, 3, padding=1)

        def forward(self, x):
            return super().forward(self.more(x))

    price, bare = (cost(tiny(arm=arm).build(2), 8) for arm in ("toy_plus", "resnet"))
    sizes = ((16, 64), (32, 16), (64, 4))
    assert not price.exact
    assert price.macs - bare.macs == sum(9 * c * c * n + 2 * c * c // 8 for c, n in sizes)  # reduction is 8 here


@pytest.mark.parametrize("wrong", ["seed", "at", "stages", "image_size", "power"])
def test_options_need_a_default_and_a_name_that_is_free(toy, wrong):
    default = "" if wrong == "power" else "=1"
    made: dict = {"nn": nn}
    exec(f"class Wrong(nn.Identity):\n def __init__(self, channels, *, {wrong}{default}): super().__init__()", made)
    with pytest.raises(ThesisError) as caught:
        block(made["Wrong"])
    assert f"고치라: {wrong}." in korean_sentence(caught.value)
    assert "wrong" not in BLOCKS


def test_numbers_among_its_options_have_a_bound(toy):
    @block
    class ToyBound(nn.Identity):
        def __init__(self, channels, *, power=2):
            super().__init__()

    assert tiny(arm="toy_bound", options={"power": 4096}).build(2)
    for power in (-4097, 4096.5):
        with pytest.raises(ThesisError, match="4096 이하"):
            tiny(arm="toy_bound", options={"power": power})


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
        def __init__(self):
            super().__init__()

    with pytest.raises(ThesisError, match="블록 toy_stranger"):
        tiny(arm="toy_stranger")


@pytest.mark.parametrize(
    "made",
    [
        lambda channels: nn.MultiheadAttention(channels, 3),  # AssertionError
        lambda channels: nn.GroupNorm(3, channels),  # ValueError
        lambda channels: nn.Conv2d(channels, channels // 0, 1),  # ZeroDivisionError
        lambda channels: nn.Linear(channels, channels - 32),  # RuntimeError
    ],
)
def test_what_its_own_layers_refuse_gets_one_sentence(toy, made):
    @block
    class ToyNarrow(nn.Identity):
        def __init__(self, channels):
            super().__init__()
            self.inner = made(channels)

    with pytest.raises(ThesisError, match=r"블록 toy_narrow을\(를\) 채널 16개") as caught:
        tiny(arm="toy_narrow").build(2)
    korean_sentence(caught.value)


def test_two_classes_cannot_have_one_name(toy):
    class SE(nn.Module):
        def __init__(self, channels):
            super().__init__()

    known, SE.__qualname__ = BLOCKS["se"], "SE"  # as if it stood at the top of its file
    with pytest.raises(ThesisError, match="'se'은"):
        block(SE)
    assert BLOCKS["se"] is known


def test_an_edited_block_is_another_experiment(tmp_path, monkeypatch):
    """A record made by yesterday's `forward` must not pass for today's."""
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


@pytest.mark.parametrize("name", ["thesis_lib.blocks.edited", "edited"])
def test_what_it_computes_makes_it_another_experiment_wherever_its_file_lies(tmp_path, toy, name):
    def identity(computed):
        file = tmp_path / f"{len(list(tmp_path.iterdir()))}.py"
        file.write_text(f"""
from thesis_lib.blocks.se import SE
from thesis_lib import block

@block
class Edited(SE):
    def forward(self, x):
        {computed}
""")
        spec = importlib.util.spec_from_file_location(name, file)
        BLOCKS.pop("edited", None)
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
        return Experiment(arm="edited").id

    first = identity("return 2 * super().forward(x)")
    assert identity("return 2*super().forward(x)  # twice") == first
    assert identity("return 3 * super().forward(x)") != first


def test_the_thesis_own_blocks_are_known_by_their_settings_alone():
    """Else an edited comment would orphan the committed records."""
    shipped = {name for name in BLOCKS if not code_of(BLOCKS[name])}
    assert {e.arm for e in read_profile("profiles/family.yaml")} | {"se", "se_self", "se_channel"} <= shipped


CELL = """
from functools import cached_property, partial
import torch
from torch import nn
from thesis_lib import Experiment, block

class Parent(nn.Module):
    scale = 1
    dilations = [1, 2]
    act = staticmethod(torch.sin)
    acts = {"ReLU": torch.relu, "SiLU": nn.functional.silu}
    gate = nn.ReLU
    least = partial(torch.clamp, min=0)
    kinds = {"one", "two"}

    @property
    def twice(self):
        return 2 * self.scale

    @cached_property
    def thrice(self):
        return 30 * self.scale

    def forward(self, x):
        return x.sigmoid()

@block
class Celled(Parent):
    def __init__(self, channels):
        super().__init__()

made = Experiment(arm="celled").id
"""


def test_a_cell_that_is_edited_is_another_experiment(monkeypatch):
    """Where Python has the source of no class: in a notebook's cell, and at a prompt."""
    from IPython.core.interactiveshell import InteractiveShell

    shell, main = InteractiveShell(), types.ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)
    edits = [("", ""), ("sigmoid", "tanh"), ("scale = 1", "scale = 2"), ("[1, 2]", "[4, 8]"), ("2 * self", "3 * self")]
    edits += [("torch.sin", "torch.cos"), ("torch.relu", "torch.selu"), ("nn.ReLU", "nn.SiLU"), ("min=0", "min=1")]
    edits += [('"one", ', ""), ("30 * self", "31 * self")]
    try:
        for run in (lambda cell: shell.run_cell(cell).raise_error(), lambda cell: exec(cell, shell.user_ns)):
            found = []
            for old, new in (*edits, ("", "")):
                shell.user_ns["__name__"] = "__main__"
                run(CELL.replace(old, new))
                found.append(shell.user_ns["made"])
                assert " at 0x" not in code_of(BLOCKS["celled"])  # an address: another one in the next process
                BLOCKS.pop("celled")
            assert len(set(found)) == len(edits) and found[0] == found[-1]
    finally:
        BLOCKS.pop("celled", None)


def test_an_edited_parent_in_a_file_is_another_experiment(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    found = []
    for name, text in (("parent_one", CELL), ("parent_two", CELL.replace("sigmoid", "tanh"))):
        (tmp_path / f"{name}.py").write_text(text)
        found.append(importlib.import_module(name).made)
        BLOCKS.pop("celled")
    assert found[0] != found[1]


@pytest.mark.parametrize(("given", "told"), [("x.mean(1, keepdim=True)", r"\(1, 1, 8, 8\)"), ("(x, x)", "tuple")])
def test_what_is_no_map_or_one_of_fewer_channels_is_refused(toy, monkeypatch, given, told):
    monkeypatch.setattr(toy, "forward", eval(f"lambda self, x: {given}"))
    with pytest.raises(ThesisError, match=rf"\(1, 16, 8, 8\) → .*{told}"):
        cost(tiny(arm="toy_gate").build(2), 8)


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


def test_a_layer_with_two_names_is_saved_and_resumed(toy, train_tiny, tmp_path, stop_at):
    @block
    class ToyTwice(toy):
        def __init__(self, channels):
            super().__init__(channels)
            self.again = self.mix

        def forward(self, x):
            return super().forward(x) + self.again(x.mean((2, 3)))[:, :, None, None]

    stop_at(3)
    with pytest.raises(Stopped):
        train_tiny(tiny(arm="toy_twice"), tmp_path)
    stop_at.never()
    resumed, whole = (train_tiny(tiny(arm="toy_twice"), tmp_path / part) for part in ("", "whole"))
    assert resumed.data["weights_sha256"] == whole.data["weights_sha256"]


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
