"""What holds for every registered block, found through `BLOCKS`: a new block is tested by being there."""

import inspect

import pytest
import torch
from helpers import EXACT, draw, korean_sentence, redraw

from thesis_lib import BLOCKS, NETWORKS, ThesisError, build
from thesis_lib.blocks import plug
from thesis_lib.blocks.gather_excite import FORMS
from thesis_lib.blocks.se import EXCITATIONS, SQUEEZES
from thesis_lib.blocks.se_self import MIXINGS, READINGS
from thesis_lib.blocks.self_attention import POSITIONS as ENCODINGS
from thesis_lib.blocks.self_attention import RelativePosition
from thesis_lib.blocks.slots import block_options, macs_of
from thesis_lib.catalogue import source_of
from thesis_lib.cost import cost, counted_macs
from thesis_lib.data import load
from thesis_lib.maps import inputs_of
from thesis_lib.networks import POSITIONS
from thesis_lib.profiles import read_profile

CHANNELS = 8
SMALL = {"reduction": 4, "num_heads": 2, "keys": 0.5}
VARIANTS = [
    *((name, {}) for name in sorted(BLOCKS)),
    *(("se_self", {"reading": reading}) for reading in READINGS[1:]),
    *(("se_self", {"mixing": mixing}) for mixing in MIXINGS[1:]),
    ("se_self", {"residual": False}),
    ("se_self", {"zero_start": False, "bias": False}),
    *(("se_self", {"position": position}) for position in ENCODINGS[1:]),
    *(("self_attention", {"position": position}) for position in ENCODINGS[1:]),
    ("se", {"bias": False}),
    *(("se", {"squeeze": squeeze}) for squeeze in SQUEEZES[1:]),
    *(("se", {"excitation": excitation}) for excitation in EXCITATIONS[1:]),
    *(("gather_excite", {"form": form}) for form in FORMS),
    *(("gather_excite", {"form": form, "extent": 2}) for form in FORMS),
    ("eca", {"kernel": 5}),
    ("gsop", {"dim": 3}),
    ("cbam", {"kernel": 3}),
    ("bam", {"dilation": 1}),
    ("non_local", {"form": "dot"}),
    ("non_local", {"subsample": True}),
    ("augmented_conv", {"keys": 0.5, "values": 1.0}),
    ("light_conv", {"kernel": 7}),
    ("dynamic_conv", {"kernel": 1}),
]
every_block = pytest.mark.parametrize(("name", "options"), VARIANTS, ids=lambda v: v if isinstance(v, str) else None)


def make(name: str, options: dict, size=(4, 4), seed: int = 0) -> torch.nn.Module:
    """A small block for maps of a size (an extent no larger), in evaluation mode, its parameters drawn anew."""
    options = options | ({"extent": 0} if options.get("extent", 0) > min(size) else {})
    small = {key: value for key, value in SMALL.items() if key in block_options(name)}
    sized = {"size": size} if "size" in inspect.signature(BLOCKS[name]).parameters else {}
    return redraw(BLOCKS[name](CHANNELS, **small | options | sized), seed).eval()


GOLDEN = [  # at 64 channels and 8 x 8, by hand from the papers' equations and defaults
    ("augmented_conv", 35_048, 2_347_008),
    ("bam", 580 + 128 + 260 + 2 * 148 + 5 + 2, 512 + 64 * (256 + 288 + 4)),
    ("bot_mhsa", 3 * 64**2 + 2 * 15 * 16, 64 * 3 * 64**2 + 2 * 64**2 * 64 + 64 * 16 * 64),
    ("cbam", 2 * 64 * 4 + 2 * 49, 4 * 64 * 4 + 2 * 49 * 64),
    ("dynamic_conv", 13_248, 847_872),
    ("eca", 3, 3 * 64),
    ("gather_excite", 64 * 64 + 128, 64 * 64),
    ("global_context", 65 + 260 + 8 + 320, 2 * 64 * 64 + 2 * 64 * 4),
    ("gsop", 64**2 + 2 * 128 + 256 * 65 + 257 * 64, 64 * 2 * 64**2 + 4 * 64**2 + 4 * 64**2),
    ("light_conv", 12_492, 798_720),
    ("non_local", 3 * 65 * 32 + 33 * 64 + 128, 4 * 64 * 64 * 32 + 2 * 64**2 * 32),
    ("se", 580, 512),
    ("se_channel", 580 + 1, 512 + 2 * 64**2 * 64),
    ("self_attention", 4 * 64 * 65 + 128, 4 * 64 * 64**2 + 2 * 64**2 * 64),
    ("se_self", 580 + 4 * 64 * 65 + 128, 512 + 4 * 64 * 64**2 + 2 * 64**2 * 64),
]


@pytest.mark.parametrize(("name", "parameters", "macs"), GOLDEN)
def test_golden_counts_of_the_defaults(name, parameters, macs):
    sized = {"size": (8, 8)} if "size" in inspect.signature(BLOCKS[name]).parameters else {}
    assert sum(p.numel() for p in BLOCKS[name](64, **sized).parameters()) == parameters
    assert BLOCKS[name].macs(64, 8, 8) == macs


def test_every_block_that_the_thesis_compares_has_golden_counts():
    """A reader's own block needs none."""
    planned = [e for name in ("cpu", "ablations", "family", "controls") for e in read_profile(f"profiles/{name}.yaml")]
    assert {e.arm for e in planned} & set(BLOCKS) <= {name for name, *_ in GOLDEN}


def test_golden_counts_of_gather_excites_two_layers():
    plus = BLOCKS["gather_excite"](64, form="plus", size=(8, 8))
    assert sum(p.numel() for p in plus.parameters()) == 64 * 64 + 128 + 580
    assert plus.macs(64, 8, 8, form="plus") == 64 * 64 + 512


def test_the_thesis_own_blocks_are_registered():
    assert {"se", "se_self"} <= set(BLOCKS)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("augmented_conv", {}),
        ("bot_mhsa", {}),
        ("gather_excite", {}),
        ("self_attention", {"position": "learned"}),
        ("se_self", {"position": "relative"}),
    ],
)
def test_a_map_of_another_size_is_refused(name, options):
    block = make(name, options, (4, 6))
    assert block(draw(1, CHANNELS, 4, 6)).shape == (1, CHANNELS, 4, 6)
    for size in ((6, 4), (5, 5), (2, 12)):
        with pytest.raises(ThesisError, match=f"4 × 6 맵에 맞춘 블록에 {size[0]} × {size[1]} 맵") as caught:
            block(draw(1, CHANNELS, *size))
        korean_sentence(caught.value)
        if hasattr(block, "attention"):
            with pytest.raises(ThesisError, match="맵에 맞춘 블록에"):
                block.attention(draw(1, CHANNELS, *size))


@every_block
def test_gradients_are_right(name, options):
    block = make(name, options, (2, 3)).double()
    names = [name for name, _ in block.named_parameters()]
    values = [p.detach().clone().requires_grad_() for p in block.parameters()]

    def function(x, *weights):
        return torch.func.functional_call(block, dict(zip(names, weights, strict=True)), (x,))

    x = draw(1, CHANNELS, 2, 3, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(function, (x, *values))


@every_block
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 7, 5), (3, 5, 9), (2, 1, 6)], ids=str)
def test_shape_is_kept_forward_and_backward(name, options, shape):
    batch, *size = shape
    block, x = make(name, options, size), draw(batch, CHANNELS, *size).requires_grad_()
    y = block(x)
    y.square().sum().backward()
    assert y.shape == x.shape and y.isfinite().all()
    assert x.grad.shape == x.shape and x.grad.isfinite().all() and x.grad.abs().sum() > 0


@every_block
@pytest.mark.parametrize("shape", [(2, 7, 5), (3, 5, 9), (2, 2, 6)], ids=str)
def test_training_keeps_the_shape_and_stays_finite(name, options, shape):
    batch, *size = shape
    block, x = make(name, options, size).train(), draw(batch, CHANNELS, *size).requires_grad_()
    y = block(x)
    y.square().sum().backward()
    assert y.shape == x.shape and y.isfinite().all() and x.grad.isfinite().all()
    assert all(p.grad.isfinite().all() for p in block.parameters())


@every_block
def test_every_parameter_is_used(name, options):
    block = make(name, options)
    block(draw(2, CHANNELS, 4, 4).requires_grad_()).square().sum().backward()
    assert all(p.grad is not None for p in block.parameters())


@every_block
def test_channels_last_agrees(name, options):
    block, x = make(name, options, (5, 3)), draw(2, CHANNELS, 5, 3)
    last = x.contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(block(last), block(x))


@every_block
def test_images_of_a_batch_do_not_mix(name, options):
    block, x = make(name, options, (4, 5)), draw(3, CHANNELS, 4, 5)
    other = x.clone()
    other[1:] = draw(2, CHANNELS, 4, 5, seed=9)
    torch.testing.assert_close(block(other)[0], block(x)[0], **EXACT)
    assert not torch.allclose(block(other)[1], block(x)[1])
    torch.testing.assert_close(block(x[:1])[0], block(x)[0])


@every_block
def test_input_is_left_alone_and_state_too(name, options):
    block, x = make(name, options), draw(2, CHANNELS, 4, 4)
    before, state = x.clone(), {k: v.clone() for k, v in block.state_dict().items()}
    first = block(x)
    torch.testing.assert_close(block(x), first, **EXACT)
    torch.testing.assert_close(x, before, **EXACT)
    torch.testing.assert_close(dict(block.state_dict()), state, **EXACT)


@every_block
def test_training_mode_computes_the_same_but_for_norms(name, options):
    block, x = make(name, options), draw(4, CHANNELS, 4, 4)
    evaluated, trained = block(x), block.train()(x)
    has_norm = any(isinstance(module, torch.nn.modules.batchnorm._BatchNorm) for module in block.modules())
    assert torch.equal(evaluated, trained) != has_norm


@every_block
def test_half_precision_agrees(name, options):
    block, x = make(name, options), draw(2, CHANNELS, 4, 4)
    with torch.autocast("cpu", torch.bfloat16):
        halved = block(x).float()
    expected = block(x)
    assert (halved - expected).norm() < 0.05 * expected.norm()


# what torch's counter does not see: weights that are multiplied and summed by hand
UNSEEN = {"light_conv": lambda options: 20 * 8 * options.get("kernel", 3)}
UNSEEN["dynamic_conv"] = UNSEEN["light_conv"]


def lengthened(block) -> int:
    """What it counts beyond the equations: with relative positions query, key and value are 16 long, d + 4 + 5 and
    then up to a multiple of 8."""
    if not any(isinstance(module, RelativePosition) for module in block.modules()):
        return 0
    own = block.dk + block.dv if isinstance(block, BLOCKS["augmented_conv"]) else 2 * CHANNELS
    return 20**2 * (2 * 16 * SMALL["num_heads"] - own)


@every_block
def test_macs_in_closed_form_are_those_that_torch_counts(name, options):
    block = make(name, options, (4, 5))
    if macs_of(BLOCKS[name]) is None:  # a reader's own may leave it out
        assert not cost(build(name, "resnet8")).exact
        return
    given = {key: value for key, value in SMALL.items() if key in block_options(name)} | options
    unseen = UNSEEN.get(name, lambda _: 0)(options)
    assert block.macs(CHANNELS, 4, 5, **given) == counted_macs(block, (CHANNELS, 4, 5)) + unseen - lengthened(block)


@pytest.fixture(scope="module")
def digits():
    data = load("digits", image_size=8)
    return inputs_of(data.train, data)[:256], data.train.labels[:256]


@pytest.mark.parametrize("at", POSITIONS)
@pytest.mark.parametrize("name", sorted(BLOCKS))
def test_every_block_learns_from_every_position(name, at, digits):
    x, labels = digits
    small = {key: value for key, value in SMALL.items() if key in block_options(name)}
    model = plug(build("resnet", "resnet8", image_size=8), name, at=at, **small)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True)
    losses = []
    for step in range(30):
        rows = slice(32 * (step % 8), 32 * (step % 8) + 32)
        loss = torch.nn.functional.cross_entropy(model(x[rows]), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert all(loss == loss for loss in losses)
    assert sum(losses[-8:]) < 0.9 * sum(losses[:8])


@pytest.mark.parametrize("name", sorted(BLOCKS))
def test_every_block_names_its_source_and_its_shapes(name):
    text = BLOCKS[name].__doc__
    assert text and "(B, C, H, W)" in text and source_of(BLOCKS[name])


def test_names_in_the_registries_are_words():
    assert all(name.isidentifier() and name == name.lower() for name in [*BLOCKS, *NETWORKS])
