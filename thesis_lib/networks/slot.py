"""An empty place in a network, where a block may go."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from torch import nn

POSITIONS = ("standard", "pre", "post", "identity", "inside")


class Slot(nn.Identity):
    """Passes its input on, and knows where it is: a backbone has slots and knows no attention.

    position: one of `POSITIONS`, the places of the SENet paper (Hu et al., Fig. 5 and Table 15).
    in_stage: 1-based stage of the network. channels, height, width: the shape of the map here."""

    def __init__(self, position: str, stage: int, channels: int, height: int, width: int):
        super().__init__()
        self.position, self.in_stage = position, stage
        self.channels, self.height, self.width = channels, height, width


@contextmanager
def observed(model: nn.Module, hooks: Mapping[str, Callable]) -> Iterator[nn.Module]:
    """The network in evaluation mode, a forward hook at each place; afterwards it is as it was."""
    modes = {module: module.training for module in model.modules()}
    handles = [model.get_submodule(place).register_forward_hook(hook) for place, hook in hooks.items()]
    try:
        yield model.eval()
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in modes.items():
            module.training = mode
