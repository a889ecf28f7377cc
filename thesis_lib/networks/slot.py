"""An empty place in a network, where a block may go."""

from torch import nn

POSITIONS = ("standard", "pre", "post", "identity", "inside")


class Slot(nn.Identity):
    """Passes its input on, and knows where it is: a backbone has slots and knows no attention.

    position: one of `POSITIONS`, the places of the SENet paper (Hu et al., Fig. 5 and Table 15).
    stage: 1-based stage of the network. channels, height, width: the shape of the map here.
    """

    def __init__(self, position: str, stage: int, channels: int, height: int, width: int):
        super().__init__()
        self.position, self.stage = position, stage
        self.channels, self.height, self.width = channels, height, width

    def extra_repr(self) -> str:
        return f"{self.position}, stage={self.stage}, {self.channels}x{self.height}x{self.width}"
