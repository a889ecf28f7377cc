"""Costs in closed form: products against torch's own counter, activations against what autograd keeps."""

import pytest
import torch
from helpers import draw, redraw
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from thesis_lib import ARMS, NETWORKS, build
from thesis_lib.blocks.se_self import SESelf
from thesis_lib.blocks.self_attention import MultiHeadSelfAttention
from thesis_lib.cost import cost
from thesis_lib.networks import Slot, make, stages


def counted(run) -> int:
    with FlopCounterMode(display=False) as counter:
        run()
    assert counter.get_total_flops() % 2 == 0
    return counter.get_total_flops() // 2


@pytest.fixture
def visible_products(monkeypatch):
    """Attention as explicit matrix products: the fused kernel hides its own from the counter."""

    def explicit(self, x):
        query, key, value = self.heads(x)
        weights = (query @ key.transpose(2, 3) / query.shape[3] ** 0.5).softmax(dim=3)
        return self.out((weights @ value).transpose(1, 2).flatten(2))

    x = draw(1, 6, 8)
    attention = redraw(MultiHeadSelfAttention(8, 2))
    torch.testing.assert_close(explicit(attention, x), attention(x))
    for name in ("forward", "written_out"):  # the second projects twice, which is no part of the method
        monkeypatch.setattr(MultiHeadSelfAttention, name, explicit)


def check(model: nn.Module, size: int) -> None:
    price = cost(model, size)
    assert price.exact
    assert price.macs == counted(lambda: model.eval()(torch.zeros(1, 3, size, size)))
    assert price.parameters == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("arm", list(ARMS))
@pytest.mark.parametrize("network", ["resnet8", "resnet20", "resnet18"])
def test_every_arm_equals_the_counter(network, arm, visible_products):
    check(build(arm, network, image_size=16), 16)


@pytest.mark.parametrize("network", sorted(NETWORKS))
def test_every_network_equals_the_counter(network, visible_products):
    size = 32 if network.startswith(("vgg", "inception")) else 16  # these pool five times
    check(build("senet_self", network, image_size=size), size)


def test_options_and_odd_sizes_equal_the_counter(visible_products):
    check(build("senet_self", "resnet8", image_size=11, attention_stages=[1, 3], num_heads=8, reduction=5), 11)
    check(build("senet", "resnet8", image_size=9, at="pre", stages=[2, 3], reduction=4), 9)


@pytest.mark.parametrize(("channels", "tokens"), [(64, 1024), (16, 12)])
def test_attention_equals_torch_multihead_attention_with_its_weights(channels, tokens):
    twin, x = nn.MultiheadAttention(channels, 4, batch_first=True), torch.zeros(1, tokens, channels)
    own = SESelf.macs(channels, 1, tokens, reduction=4) - 2 * channels * (channels // 4)
    assert own == counted(lambda: twin(x, x, x, need_weights=True))


def test_golden_costs():
    assert SESelf.macs(64, 32, 32, reduction=16) - 2 * 64 * 4 == 150_994_944  # 151.0 MMAC
    assert SESelf.macs(64, 32, 32, reading="gate") == 2 * 64 * 4 + 4 * 64**2 + 2 * 64
    assert cost(build("resnet", "resnet20")).macs == 40_813_184


def test_counting_leaves_the_network_as_it_was():
    model = build("senet_self", "resnet8").train()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    cost(model)
    assert model.training and not any(m._forward_hooks for m in model.modules())
    torch.testing.assert_close(dict(model.state_dict()), before, rtol=0, atol=0)


def kept_bytes(model: nn.Module, x: torch.Tensor) -> int:
    """What a forward pass keeps for the backward pass, each storage once, the network's own weights apart."""
    kept: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        result = model(x)
    assert result.requires_grad  # until here what is kept stays alive, so no storage's place is used twice
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    return sum(tensor.untyped_storage().nbytes() for place, tensor in kept.items() if place not in own)


@pytest.mark.parametrize("size", [16, 32])
@pytest.mark.parametrize(
    "name", ["resnet8", "preresnet8", "densenet16", "xception", "shufflenet_half", "nasnet_a_small"]
)
def test_attentions_memory_grows_with_the_tokens_and_not_with_their_square(name, size):
    """Of every token: x, LN(x), Q, K, V and the heads' values, C numbers each, two of the norm, one a head."""
    plain, senet, ours = (
        make(name, image_size=size),
        *(build(a, name, image_size=size) for a in ("senet", "senet_self")),
    )
    attending = [
        (slot.height * slot.width, slot.channels)
        for slot in plain.modules()
        if isinstance(slot, Slot) and slot.position == "standard" and slot.in_stage == max(stages(plain))
    ]
    assert attending
    numbers = sum(tokens * (6 * channels + 2 + 4) for tokens, channels in attending)
    for batch in (2, 5):
        x = draw(batch, 3, size, size)
        assert kept_bytes(ours, x) - kept_bytes(senet, x) == 4 * batch * numbers
