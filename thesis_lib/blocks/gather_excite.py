"""Gather-Excite: collect over a neighbourhood, hand back to it (Hu et al. 2018, NeurIPS; arXiv 1810.12348)."""

import math

from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import ThesisError, choose
from .se import refuse_reduction
from .slots import block, refuse_size

FORMS = ("minus", "theta", "plus")


def refuse_beyond(extent: int, size) -> None:
    if extent > min(size):
        raise ThesisError(f"extent는 맵의 변({min(size)}) 이하여야 한다(받은 값: {extent}).")


@block
class GatherExcite(nn.Module):
    """y = x sigma(interp(xi_G(x))): xi_G gathers over an extent e, interpolation to the map's size excites.

    form: "minus" (GE-theta-) gathers by the mean and has no parameters; "theta" by depth-wise 3 x 3 convolutions of
    stride 2 with batch norm, log2(e) of them, or where e is the whole map by one depth-wise convolution of its size;
    "plus" puts SE's two layers behind theta's gathering. extent: e, a power of two up to the map's sides, or 0 for the
    whole map. size: (H, W), given by `plug`. With the mean over the whole map and SE's layers behind it this would be
    SE itself. Shapes: (B, C, H, W) -> (B, C, H, W). Raises ThesisError for options out of range."""

    def __init__(self, channels: int, *, form: str = "theta", extent: int = 0, reduction: int = 16, size=None):
        super().__init__()
        choose("form", form, FORMS)
        refuse_reduction(reduction, channels)
        if type(extent) is not int or extent == 1 or extent & (extent - 1):
            raise ThesisError(f"extent는 0(맵 전체) 또는 2의 거듭제곱이어야 한다(받은 값: {extent!r}).")
        refuse_beyond(extent, size or [extent])
        self.form, self.extent, self.size = form, extent, None if form == "minus" or extent else size
        self.gather = nn.Sequential()
        if form != "minus" and extent == 0:
            if size is None:
                raise ThesisError(f"form={form!r}의 맵 전체 모으기에는 크기가 있어야 한다. size=(높이, 너비)를 주라.")
            conv = nn.Conv2d(channels, channels, size, groups=channels, bias=False)
            self.gather.extend([conv, nn.BatchNorm2d(channels)])
        elif form != "minus":
            for step in range(int(math.log2(extent))):
                if step > 0:
                    self.gather.append(nn.ReLU())
                conv = nn.Conv2d(channels, channels, 3, stride=2, padding=1, groups=channels, bias=False)
                self.gather.extend([conv, nn.BatchNorm2d(channels)])
        if form == "plus":
            small = channels // reduction
            self.excite = nn.Sequential(nn.Conv2d(channels, small, 1), nn.ReLU(), nn.Conv2d(small, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        refuse_size(x, self.size)
        refuse_beyond(self.extent, x.shape[2:])
        if self.form != "minus":
            gathered = self.gather(x)
        elif self.extent == 0:
            gathered = x.mean((2, 3), keepdim=True)
        else:
            kernel = 2 * self.extent - 1
            gathered = F.avg_pool2d(x, kernel, self.extent, padding=kernel // 2, count_include_pad=False)
        if self.form == "plus":
            gathered = self.excite(gathered)
        return x * F.interpolate(gathered, x.shape[2:], mode="nearest").sigmoid()

    @staticmethod
    def macs(channels: int, height: int, width: int, *, form="theta", extent=0, reduction=16) -> int:
        if form == "minus":
            return 0
        small, total = channels // reduction, 0
        if extent == 0:
            total, height, width = height * width * channels, 1, 1
        for _ in range(int(math.log2(extent)) if extent else 0):
            height, width = -(-height // 2), -(-width // 2)
            total += 9 * channels * height * width
        return total + (2 * channels * small * height * width if form == "plus" else 0)
