"""What holds for every registered block, found through `BLOCKS`: a new block is tested by being there."""

import pytest
import torch
from helpers import EXACT, draw, redraw

from thesis_lib import BLOCKS, NETWORKS
from thesis_lib.blocks.se_self import MIXINGS, READINGS
from thesis_lib.blocks.slots import block_options

CHANNELS = 8
SMALL = {"reduction": 4, "num_heads": 2}
VARIANTS = [
    *((name, {}) for name in sorted(BLOCKS)),
    *(("se_self", {"reading": reading}) for reading in READINGS[1:]),
    *(("se_self", {"mixing": mixing}) for mixing in MIXINGS[1:]),
    ("se_self", {"residual": False}),
    ("se_self", {"zero_start": False, "bias": False}),
    ("se", {"bias": False}),
]
every_block = pytest.mark.parametrize(("name", "options"), VARIANTS, ids=lambda v: v if isinstance(v, str) else None)


def make(name: str, options: dict, seed: int = 0) -> torch.nn.Module:
    """A small block in evaluation mode, its parameters drawn anew."""
    small = {key: value for key, value in SMALL.items() if key in block_options(name)}
    return redraw(BLOCKS[name](CHANNELS, **small | options), seed).eval()


def test_the_thesis_own_blocks_are_registered():
    assert {"se", "se_self"} <= set(BLOCKS)


@every_block
def test_gradients_are_right(name, options):
    block = make(name, options).double()
    names, parameters = zip(*block.named_parameters(), strict=True)
    values = [p.detach().clone().requires_grad_() for p in parameters]

    def function(x, *weights):
        return torch.func.functional_call(block, dict(zip(names, weights, strict=True)), (x,))

    x = draw(1, CHANNELS, 2, 3, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(function, (x, *values))


@every_block
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 7, 5), (3, 5, 9), (2, 1, 6)], ids=str)
def test_shape_is_kept_forward_and_backward(name, options, shape):
    batch, *size = shape
    block, x = make(name, options), draw(batch, CHANNELS, *size).requires_grad_()
    y = block(x)
    y.square().sum().backward()
    assert y.shape == x.shape and y.isfinite().all()
    assert x.grad.shape == x.shape and x.grad.isfinite().all() and x.grad.abs().sum() > 0


@every_block
def test_every_parameter_is_used(name, options):
    block = make(name, options)
    block(draw(2, CHANNELS, 4, 4)).square().sum().backward()
    assert all(p.grad is not None for p in block.parameters())


@every_block
def test_channels_last_agrees(name, options):
    block, x = make(name, options), draw(2, CHANNELS, 5, 3)
    last = x.contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(block(last), block(x))


@every_block
def test_images_of_a_batch_do_not_mix(name, options):
    block, x = make(name, options), draw(3, CHANNELS, 4, 5)
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


@pytest.mark.parametrize("name", sorted(BLOCKS))
def test_every_block_names_its_source_and_its_shapes(name):
    text = BLOCKS[name].__doc__
    assert text and "(B, C, H, W)" in text


def test_names_in_the_registries_are_words():
    assert all(name.isidentifier() and name == name.lower() for name in [*BLOCKS, *NETWORKS])
