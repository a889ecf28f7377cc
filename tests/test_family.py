"""The attention family against timm, and where timm has none, against loops written from the equations.

All parameters are drawn anew. Where an oracle differs from the paper, the paper is followed: the test says so.
"""

import math

import pytest
import torch
from helpers import draw, korean_sentence, redraw
from timm.layers import EcaModule, GatherExcite, GlobalContext, NonLocalAttn
from timm.layers.bottleneck_attn import BottleneckAttn
from timm.layers.cbam import CbamModule
from torch import nn
from torch.nn import functional as F

from thesis_lib import BLOCKS, ThesisError, build
from thesis_lib.blocks.eca import kernel_for
from thesis_lib.blocks.self_attention import map_of, tokens_of


def block(name, channels=16, **options):
    return redraw(BLOCKS[name](channels, **options)).eval()


def copy(ours, theirs, **names):
    """Our weights into theirs: theirs = the parameter's name there, by ours with dots as `__`."""
    state, mine = theirs.state_dict(), ours.state_dict()
    for key, value in names.items():
        source = mine[key.replace("__", ".")]
        state[value] = source.reshape(state[value].shape)
    theirs.load_state_dict(state)
    return theirs.eval()


def test_cbam_equals_timms_without_the_norm_that_the_paper_lacks():
    ours, theirs = block("cbam", reduction=4), CbamModule(16, rd_ratio=1 / 4, rd_divisor=1)
    theirs.spatial.conv.bn = nn.Identity()
    copy(ours, theirs, fc1__weight="channel.fc1.weight", fc2__weight="channel.fc2.weight",
         conv__weight="spatial.conv.conv.weight")  # fmt: skip
    x = draw(2, 16, 9, 7)
    torch.testing.assert_close(ours(x), theirs(x))


@pytest.mark.parametrize("channels", [16, 64, 256])
def test_eca_equals_timms(channels):
    ours = block("eca", channels)
    theirs = copy(ours, EcaModule(channels), conv__weight="conv.weight")
    x = draw(2, channels, 5, 6)
    torch.testing.assert_close(ours(x), theirs(x))


def test_ecas_kernels_are_those_of_the_papers_code():
    assert {c: kernel_for(c) for c in (16, 32, 64, 128, 256, 512, 1024, 2048)} == {
        16: 3, 32: 3, 64: 3, 128: 5, 256: 5, 512: 5, 1024: 5, 2048: 7,
    }  # fmt: skip


@pytest.mark.parametrize("extent", [0, 2, 4])
def test_gather_excite_without_parameters_equals_timms(extent):
    theirs = GatherExcite(16, extra_params=False, extent=extent, use_mlp=False)
    for x in (draw(2, 16, 8, 8), draw(2, 16, 7, 9)):
        torch.testing.assert_close(block("gather_excite", form="minus", extent=extent)(x), theirs(x))


@pytest.mark.parametrize("extent", [2, 8])
@pytest.mark.parametrize("form", ["theta", "plus"])
def test_gather_excite_with_parameters_step_by_step(form, extent):
    """timm 1.0.31 cannot build its own with parameters (it spreads a dict into positional arguments)."""
    ours, x = block("gather_excite", form=form, extent=extent, reduction=4), draw(2, 16, 8, 8)
    convs, norms = ([m for m in ours.gather if isinstance(m, kind)] for kind in (nn.Conv2d, nn.BatchNorm2d))
    assert len(convs) == len(norms) == math.log2(extent)
    y = x
    for number, (conv, norm) in enumerate(zip(convs, norms, strict=True)):
        padded = F.pad(y.relu() if number else y, (1, 1, 1, 1))
        y = torch.zeros(2, 16, y.shape[2] // 2, y.shape[3] // 2)
        for i in range(y.shape[2]):
            for j in range(y.shape[3]):
                y[:, :, i, j] = (padded[:, :, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3] * conv.weight[:, 0]).sum((2, 3))
        y = F.batch_norm(y, norm.running_mean, norm.running_var, norm.weight, norm.bias)
    if form == "plus":
        first, _, second = ours.excite
        y = second(first(y).relu())
    gate = y.sigmoid().repeat_interleave(extent, 2).repeat_interleave(extent, 3)
    torch.testing.assert_close(ours(x), x * gate)


def test_gather_excite_over_the_whole_map_is_one_convolution_of_its_size():
    ours, x = block("gather_excite", size=(5, 3)), draw(2, 16, 5, 3)
    conv, norm = ours.gather
    gathered = torch.einsum("bchw,chw->bc", x, conv.weight[:, 0])
    gathered = (gathered - norm.running_mean) / (norm.running_var + norm.eps).sqrt() * norm.weight + norm.bias
    torch.testing.assert_close(ours(x), x * gathered.sigmoid()[:, :, None, None])


def test_non_local_equals_timms_without_the_scale_that_the_paper_lacks():
    ours = block("non_local")
    theirs = NonLocalAttn(16, use_scale=False, rd_ratio=0.5, rd_divisor=1)
    names = {f"{part}__{kind}": f"{there}.{kind}" for part, there in
             (("theta", "t"), ("phi", "p"), ("g", "g"), ("out", "z"), ("norm", "norm"))
             for kind in ("weight", "bias")}  # fmt: skip
    names |= {f"norm__running_{kind}": f"norm.running_{kind}" for kind in ("mean", "var")}
    x = draw(2, 16, 5, 6)
    torch.testing.assert_close(ours(x), copy(ours, theirs, **names)(x))


@pytest.mark.parametrize("subsample", [False, True])
def test_non_local_with_dot_products_position_by_position(subsample):
    ours, x = block("non_local", 4, form="dot", subsample=subsample), draw(1, 4, 3, 4)
    theta, seen = ours.theta(x)[0].flatten(1), F.max_pool2d(x, 2, ceil_mode=True) if subsample else x
    phi, g = ours.phi(seen)[0].flatten(1), ours.g(seen)[0].flatten(1)
    y = torch.zeros(2, 12)
    for i in range(12):
        for j in range(phi.shape[1]):
            y[:, i] += (theta[:, i] @ phi[:, j]) / phi.shape[1] * g[:, j]
    expected = x + ours.norm(ours.out(y.view(1, 2, 3, 4)))
    torch.testing.assert_close(ours(x), expected)


def test_global_context_equals_timms_where_it_adds():
    ours = block("global_context", reduction=4)
    theirs = GlobalContext(16, fuse_add=True, fuse_scale=False, rd_ratio=1 / 4, rd_divisor=1)
    names = {f"{part}__{kind}": f"{there}.{kind}" for part, there in
             (("key", "conv_attn"), ("fc1", "mlp_add.fc1"), ("norm", "mlp_add.norm"), ("fc2", "mlp_add.fc2"))
             for kind in ("weight", "bias")}  # fmt: skip
    theirs.mlp_add.norm.eps = ours.norm.eps
    x = draw(2, 16, 5, 6)
    torch.testing.assert_close(ours(x), copy(ours, theirs, **names)(x))


def test_bot_attention_equals_timms_where_that_scales_the_positions_too():
    ours = block("bot_mhsa", num_heads=4, size=(4, 6))
    theirs = BottleneckAttn(16, feat_size=(4, 6), num_heads=4, qkv_bias=False, scale_pos_embed=True)
    names = {"qkv__weight": "qkv.weight", "relative__rows": "pos_embed.height_rel",
             "relative__columns": "pos_embed.width_rel"}  # fmt: skip
    copy(ours, theirs, **names)
    x = draw(2, 16, 4, 6)
    torch.testing.assert_close(ours(x), theirs(x))
    theirs.scale_pos_embed = False  # its default scales q k^T alone
    assert not torch.allclose(ours(x), theirs(x), atol=1e-3)


def test_augmented_convolution_position_by_position():
    ours, x = block("augmented_conv", 8, num_heads=2, keys=0.5, values=0.5, size=(2, 3)), draw(1, 8, 2, 3)
    q, k, v = ours.qkv(x)[0].flatten(1).split([4, 4, 4])
    attended = torch.zeros(4, 6)
    for h in range(2):
        own = slice(2 * h, 2 * h + 2)
        for i in range(6):
            scores = []
            for j in range(6):
                r = ours.relative.rows[j // 3 - i // 3 + 1] + ours.relative.columns[j % 3 - i % 3 + 2]
                scores.append(q[own, i] / math.sqrt(2) @ (k[own, j] + r))
            attended[own, i] = v[own] @ torch.stack(scores).softmax(0)
    expected = torch.cat([ours.conv(x), ours.out(attended.view(1, 4, 2, 3))], 1)
    torch.testing.assert_close(ours(x), expected)


@pytest.mark.parametrize("reduction", [2, 8])  # 8: one channel is left, which has its ReLUs too
def test_bam_adds_its_branches_as_the_paper_does(reduction):
    ours, x = block("bam", 8, reduction=reduction), draw(2, 8, 9, 7)
    first, _, second, norm = ours.channel
    channel = norm(second(first(x.mean((2, 3))).relu()))
    a, b, c, d, last = ours.spatial
    spatial = last(d(c(b(a(x).relu()).relu()).relu()))
    weights = (channel[:, :, None, None] + spatial).sigmoid()
    torch.testing.assert_close(ours(x), x + x * weights)
    assert not torch.allclose(ours(x), x + x * (channel[:, :, None, None] * spatial).sigmoid())  # the official code
    assert b.dilation == c.dilation == (4, 4)
    wide = BLOCKS["bam"](8, reduction=2, dilation=2).spatial
    assert wide[1].dilation == wide[2].dilation == (2, 2)


def test_covariance_of_gsop_is_torchs():
    ours, x = block("gsop", dim=5), draw(2, 5, 4, 6)
    for picture in range(2):
        expected = torch.cov(x[picture].flatten(1), correction=0)
        torch.testing.assert_close(ours.covariance(x)[picture], expected)


def test_gsop_convolves_each_row_of_the_covariance_by_itself():
    ours, x = block("gsop", 6, dim=3), draw(2, 6, 4, 5)
    sigma = ours.covariance(ours.norm(ours.reduce(x)).relu())
    norm, rows = ours.row_norm, ours.rows
    sigma = (sigma - norm.running_mean[:, None]) / (norm.running_var[:, None] + norm.eps).sqrt()
    sigma = sigma * norm.weight[:, None] + norm.bias[:, None]
    out = torch.stack([rows.weight[i, 0, :, 0] @ sigma[:, i // 4].T + rows.bias[i] for i in range(12)], 1)
    gate = (out @ ours.expand.weight[:, :, 0, 0].T + ours.expand.bias).sigmoid()
    torch.testing.assert_close(ours(x), x * gate[:, :, None, None])


@pytest.mark.parametrize("name", ["light_conv", "dynamic_conv"])
def test_light_and_dynamic_convolution_position_by_position(name):
    ours, x = block(name, 4, num_heads=2, kernel=3), draw(1, 4, 2, 5)
    rows = F.glu(ours.open(x.permute(0, 2, 3, 1)))
    mixed = torch.zeros(1, 2, 5, 4)
    for row in range(2):
        for i in range(5):
            for c in range(4):
                head = c // 2
                if name == "light_conv":
                    weights = ours.weight[head].softmax(0)
                else:
                    weights = ours.predict(rows[0, row, i]).view(2, 3)[head].softmax(0)
                for j in range(3):
                    if 0 <= i + j - 1 < 5:
                        mixed[0, row, i, c] += weights[j] * rows[0, row, i + j - 1, c]
    torch.testing.assert_close(ours(x), x + ours.close(mixed).permute(0, 3, 1, 2))


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("se", {"squeeze": "median"}, "average"),
        ("se", {"excitation": "softmax"}, "tanh"),
        ("se", {"reduction": 17}, "16"),
        ("cbam", {"kernel": 4}, "홀수"),
        ("cbam", {"reduction": 32}, "16"),
        ("bam", {"dilation": 0}, "1 이상"),
        ("eca", {"kernel": -3}, "홀수"),
        ("eca", {"kernel": 2}, "홀수"),
        ("gsop", {"dim": 0}, "1 이상"),
        ("gather_excite", {"form": "pair", "size": (4, 4)}, "theta"),
        ("gather_excite", {"extent": 3, "size": (4, 4)}, "거듭제곱"),
        ("gather_excite", {"extent": 1, "size": (4, 4)}, "거듭제곱"),
        ("gather_excite", {"extent": 8, "size": (4, 4)}, "4"),
        ("gather_excite", {"extent": 4, "size": (2, 4)}, "2"),
        ("gather_excite", {"extent": -2, "size": (4, 4)}, "거듭제곱"),
        ("gather_excite", {}, "size"),
        ("non_local", {"form": "concatenation"}, "gaussian"),
        ("global_context", {"reduction": 0}, "16"),
        ("global_context", {"reduction": 16}, "8"),
        ("bot_mhsa", {"num_heads": 3, "size": (4, 4)}, "나누는"),
        ("augmented_conv", {"keys": 0, "size": (4, 4)}, "0보다"),
        ("augmented_conv", {"keys": True, "size": (4, 4)}, "0보다"),
        ("augmented_conv", {"keys": 1.5, "size": (4, 4)}, "0보다"),
        ("augmented_conv", {"num_heads": 17, "size": (4, 4)}, "16"),
        ("augmented_conv", {"num_heads": 3, "size": (4, 4)}, "나누는"),
        ("augmented_conv", {}, "size"),
        ("bot_mhsa", {}, "size"),
        ("light_conv", {"kernel": 2}, "홀수"),
        ("dynamic_conv", {"num_heads": 5}, "나누는"),
        ("self_attention", {"num_heads": 3}, "나누는"),
        ("self_attention", {"position": "relative"}, "size"),
        ("se_self", {"position": "sine", "size": (4, 4)}, "learned"),
        ("se_self", {"position": "learned", "reading": "gate", "size": (4, 4)}, "reading"),
        ("se_self", {"position": "learned", "mixing": "uniform", "size": (4, 4)}, "mixing"),
        ("se_self", {"position": "learned", "mixing": "identity", "size": (4, 4)}, "mixing"),
    ],
)
def test_bad_options_get_one_sentence(name, options, expected):
    with pytest.raises(ThesisError) as caught:
        BLOCKS[name](16, **options)
    assert expected in korean_sentence(caught.value)


@pytest.mark.parametrize("form", ["minus", "theta", "plus"])
def test_an_extent_beyond_the_map_is_refused_by_a_block_for_every_size(form):
    ours = block("gather_excite", form=form, extent=8)
    assert ours(draw(1, 16, 8, 9)).shape == (1, 16, 8, 9)
    with pytest.raises(ThesisError, match="맵의 변\\(7\\) 이하"):
        ours(draw(1, 16, 8, 7))


def test_the_ends_of_what_is_allowed_are_allowed():
    made = BLOCKS["augmented_conv"]
    assert made(16, num_heads=16, size=(4, 4)).dk == 16 and made(16, values=0.01, size=(4, 4)).dv == 4
    gsop = BLOCKS["gsop"]
    assert gsop(8, dim=1).rows.in_channels == 1 and gsop(192).rows.in_channels == 128
    assert gsop.macs(192, 2, 1) == 2 * (192 * 128 + 128**2) + 4 * 128**2 + 4 * 128 * 192
    assert block("non_local", 1)(draw(1, 1, 3, 3)).shape == (1, 1, 3, 3)


def test_attention_that_is_shown_is_what_forward_uses():
    x = draw(2, 16, 2, 3)

    def mixed(weights, values):
        return map_of((weights @ values).transpose(1, 2).flatten(2), x)

    bot, local = block("bot_mhsa", size=(2, 3)), block("non_local")
    torch.testing.assert_close(mixed(bot.attention(x), bot.heads(tokens_of(x))[2]), bot(x))
    augmented = block("augmented_conv", values=0.5, size=(2, 3))
    attended = augmented.out(mixed(augmented.attention(x), augmented.heads(x)[2]))
    torch.testing.assert_close(attended, augmented(x)[:, -augmented.dv :])
    looked = map_of(local.attention(x)[:, 0] @ tokens_of(local.g(x)), x)
    torch.testing.assert_close(x + local.norm(local.out(looked)), local(x))


@pytest.mark.parametrize("name", ["bot_mhsa", "augmented_conv"])
def test_relative_positions_hold_no_map_of_all_pairs(name):
    module, sizes = block(name, channels=8, size=(16, 16)), []

    def measured(kept):
        sizes.append(kept.numel())
        return kept

    with torch.autograd.graph.saved_tensors_hooks(measured, lambda kept: kept):
        module(draw(2, 8, 16, 16))
    all_pairs = 2 * module.num_heads * (16 * 16) ** 2
    assert 0 < max(sizes) < all_pairs / 4


def test_starts():
    x = draw(2, 8, 3, 4)
    assert torch.equal(BLOCKS["non_local"](8)(x), x)
    assert BLOCKS["light_conv"](64).weight.std() > 0.1


def test_blocks_that_know_their_maps_size_get_it_from_the_slot():
    model = build("gather_excite", "resnet8", image_size=16)
    sizes = [m.gather[0].kernel_size for m in model.modules() if isinstance(m, BLOCKS["gather_excite"])]
    assert sizes == [(16, 16), (8, 8), (4, 4)]
    with pytest.raises(ThesisError) as caught:
        build("gather_excite", "resnet8", size=(4, 4))
    assert "size" in korean_sentence(caught.value)
