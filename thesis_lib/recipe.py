"""The recipe every arm is trained by: the learning rate's schedule, and the optimizer."""

import math

import torch
from torch import nn

from .experiment import Experiment


def learning_rate(step: int, total: int, warmup: int, peak: float) -> float:
    """Linear from 0 to the peak, then half a cosine to 0 (Loshchilov and Hutter 2017, equation 5)."""
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak / 2 * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))


def make_optimizer(model: nn.Module, experiment: Experiment) -> torch.optim.SGD:
    """SGD with Nesterov momentum; weight decay on matrices and kernels only."""
    decayed = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": experiment.weight_decay}, {"params": others, "weight_decay": 0.0}]
    nesterov = experiment.momentum > 0
    return torch.optim.SGD(groups, lr=0.0, momentum=experiment.momentum, nesterov=nesterov, fused=True)
