"""Arms: one backbone for all, weights that depend on (seed, place) alone, blocks where they were asked for."""

import pytest
import torch
from helpers import korean_sentence

from thesis_lib import ARMS, ThesisError, build, plug
from thesis_lib.arms import WIDTHS, arm_options
from thesis_lib.blocks.se import SE
from thesis_lib.blocks.se_self import SESelf
from thesis_lib.networks import POSITIONS, Slot, make

PAIRED = [name for name in ARMS if name != "resnet_wide"]  # other widths: its weights cannot be paired


def blocks_of(model) -> dict[str, torch.nn.Module]:
    return {path: m for path, m in model.named_modules() if isinstance(m, SE)}


@pytest.mark.parametrize("seed", [0, 7])
@pytest.mark.parametrize("network", ["resnet8", "resnet18"])
def test_all_arms_share_the_backbone_to_the_bit(network, seed):
    base = make(network, 10, 32, seed).state_dict()
    for arm in PAIRED:
        state = build(arm, network, seed=seed).state_dict()
        for key, value in base.items():
            assert torch.equal(state[key], value), (arm, key)


def test_a_shared_block_is_the_same_in_every_arm():
    senet = build("senet", "resnet20", seed=5).state_dict()
    assert any("fc1" in key for key in senet)
    for arm in ("senet_self", "senet_self_plain", "senet_self_gate"):
        for stages in (None, [1], [1, 2, 3]):
            state = build(arm, "resnet20", seed=5, attention_stages=stages).state_dict()
            assert all(torch.equal(state[key], value) for key, value in senet.items()), (arm, stages)


@pytest.mark.parametrize("network", WIDTHS)
def test_resnet_wide_has_the_parameters_of_senet_self_and_the_form_of_resnet(network):
    def count(arm):
        return sum(p.numel() for p in build(arm, network).parameters())

    assert abs(count("resnet_wide") / count("senet_self") - 1) < 0.003
    wide, plain = build("resnet_wide", network), build("resnet", network)
    assert [name for name, _ in wide.named_modules()] == [name for name, _ in plain.named_modules()]
    assert build("resnet_wide", network, widths=WIDTHS[network]).state_dict().keys() == plain.state_dict().keys()


def test_seeds_give_other_weights_and_places_too():
    first, other = (build("senet_self", "resnet20", attention_stages=[2, 3], seed=seed).state_dict() for seed in (0, 1))
    drawn = [key for key in first if first[key].ndim > 1 and first[key].any()]
    assert drawn and not any(torch.equal(first[key], other[key]) for key in drawn)
    weights = [first[key] for key in drawn]
    same = [(a, b) for i, a in enumerate(weights) for b in weights[:i] if a.shape == b.shape and torch.equal(a, b)]
    assert not same


def test_weights_do_not_depend_on_the_global_generator():
    torch.manual_seed(1)
    first = build("senet_self", "resnet8").state_dict()
    torch.manual_seed(2)
    torch.testing.assert_close(dict(build("senet_self", "resnet8").state_dict()), dict(first), rtol=0, atol=0)


def test_attention_is_in_the_last_stage_unless_asked_elsewhere():
    def attended(**options):
        model = build("senet_self", "resnet20", **options)
        assert len(blocks_of(model)) == 9  # SE everywhere
        return {int(path.split(".")[1]) + 1 for path, m in blocks_of(model).items() if isinstance(m, SESelf)}

    assert attended() == {3}
    assert attended(attention_stages=[1, 2]) == {1, 2}
    assert attended(attention_stages=[1, 2, 3]) == {1, 2, 3}


@pytest.mark.parametrize(("network", "hidden"), [("resnet20", [2, 4, 8]), ("resnet18", [4, 8, 16, 32])])
def test_reduction_is_8_in_narrow_networks_and_16_else(network, hidden):
    for arm in ("senet", "senet_self"):
        found = {m.fc1.out_features for m in blocks_of(build(arm, network)).values()}
        assert sorted(found) == hidden


@pytest.mark.parametrize("at", POSITIONS)
@pytest.mark.parametrize("stages", [None, [2], [1, 3]])
def test_plug_fills_the_asked_slots_and_no_other(at, stages):
    model = plug(make("resnet20"), "se", at=at, stages=stages, reduction=8)
    filled = blocks_of(model)
    assert {path.rsplit(".", 1)[1] for path in filled} == {at}
    assert {int(path.split(".")[1]) + 1 for path in filled} == set(stages or [1, 2, 3])
    assert len(filled) == 3 * len(stages or [1, 2, 3])
    slots = [m for m in model.modules() if isinstance(m, Slot)]
    assert len(slots) == 5 * 9 - len(filled)


@pytest.mark.parametrize(
    "wrong",
    [
        {"arm": "senett"},
        {"arm": "senet", "network": "resnet21"},
        {"arm": "senet", "reduction": 17, "network": "resnet20"},
        {"arm": "senet", "reduction": True},
        {"arm": "senet", "bias": "no"},
        {"arm": "senet", "heads": 4},
        {"arm": "senet", "at": "middle"},
        {"arm": "senet", "stages": [4]},
        {"arm": "senet", "stages": 3},
        {"arm": "senet", "stages": []},
        {"arm": "resnet", "reduction": 8},
        {"arm": "senet_self", "num_heads": 3},
        {"arm": "senet_self", "attention_stages": [5]},
        {"arm": "senet_self", "attention_stages": []},
        {"arm": "senet_self", "attention_stages": 0},
        {"arm": "senet_self", "attention_stages": [[1]]},
        {"arm": "senet_self", "reading": "other"},
        {"arm": "senet_self_plain", "residual": False},
        {"arm": "senet_self_plain", "zero_start": False},
        {"arm": "senet_self_gate", "mixing": "uniform"},
        {"arm": "senet_linear", "mixing": "uniform"},
        {"arm": "senet_self", "mixing": "other"},
        {"arm": "senet_channel", "num_heads": 4},
        {"arm": "resnet_wide", "network": "resnet50"},
        {"arm": "resnet_wide", "network": "resnet9"},
        *({"arm": "resnet_wide", "widths": widths} for widths in ([16, 32], [16, 32, 0], [16, 32, 6.5], "wide", 16)),
    ],
    ids=str,
)
def test_what_cannot_be_built_is_refused_in_korean(wrong):
    with pytest.raises(ThesisError) as caught:
        build(**wrong)
    korean_sentence(caught.value)


def test_a_refusal_leaves_the_network_as_it_was():
    model = make("resnet8")
    with pytest.raises(ThesisError):
        plug(model, "gather_excite", extent=16)  # the last stage's map is 8 x 8
    assert all(type(module) is Slot for name, module in model.named_modules() if name.endswith(".standard"))


def test_only_options_that_the_arms_block_takes_are_offered():
    assert {"reduction", "num_heads"} <= set(arm_options("senet_self")) and "squeeze" in arm_options("senet")
    assert not {"squeeze", "excitation"} & set(arm_options("senet_self"))


def test_a_slot_is_filled_once():
    model = plug(make("resnet8"), "se", reduction=8)
    with pytest.raises(ThesisError, match=r"빈자리가 없다\. 빈자리가 있는 자리: "):
        plug(model, "se", reduction=8)


def test_a_slot_gives_height_before_width_and_blocks_are_drawn_from_seed_0():
    made = plug(torch.nn.Sequential(Slot("standard", 1, 16, 2, 3)), "gather_excite")[0]
    assert made.gather[0].kernel_size == (2, 3)
    usual, first = (plug(make("resnet8"), "se", reduction=8, **seed).state_dict() for seed in ({}, {"seed": 0}))
    assert all(torch.equal(usual[key], first[key]) for key in first)
