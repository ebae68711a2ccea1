"""The recipes' networks and their training in PyTorch, as a peer of `recipe_step.py`."""

import time
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch as t
from torch import Tensor, nn
from torch.nn import functional as f
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

BATCH, CLASSES, BANDS = 32, 8, 64
FILTERS, KERNEL, DROPOUT = (32, 32, 48), 5, 0.2


class ConvNorm(nn.Sequential):
    def __init__(self, inputs: int, filters: int, size: int) -> None:
        norm = nn.BatchNorm1d(filters, eps=1e-3)
        super().__init__(nn.Conv1d(inputs, filters, size, padding="same", bias=False), norm)


class Block(nn.Module):
    def __init__(self, inputs: int, filters: int) -> None:
        super().__init__()
        self.one, self.two = ConvNorm(inputs, filters, KERNEL), ConvNorm(filters, filters, KERNEL)
        self.short = ConvNorm(inputs, filters, 1) if inputs != filters else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        x = f.max_pool1d(x, 2)
        return f.relu(self.short(x) + self.two(f.relu(self.one(x))))


class Stem(nn.Module):
    def __init__(self, filters: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, filters, (7, 5), stride=(4, 1), padding=(2, 2), bias=False)
        self.norm = nn.BatchNorm2d(filters, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        return f.max_pool1d(f.relu(self.norm(self.conv(x[:, None]))).flatten(1, 2), 2)


class AttentivePooling(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.score = nn.Linear(channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = x.transpose(1, 2)
        weights = self.score(x).transpose(1, 2).softmax(-1)
        mean = weights @ x
        return t.cat([mean, weights @ (x - mean).abs()], dim=2).squeeze(1)


class Member(nn.Sequential):
    """`TCResNet` on f32[batch, bands, frames], the layout of PyTorch's convolutions."""

    def __init__(self, bands: int) -> None:
        stem = [Stem(bands)] if bands else []
        first = [ConvNorm(bands * BANDS // 4 if bands else BANDS, FILTERS[0], KERNEL), nn.ReLU()]
        blocks = [Block(inputs, filters) for inputs, filters in pairwise(FILTERS)]
        head = [AttentivePooling(FILTERS[-1]), nn.Dropout(DROPOUT), nn.Linear(2 * FILTERS[-1], CLASSES)]
        super().__init__(*stem, *first, *blocks, *head)


class Network(nn.Module):
    def __init__(self, members: Sequence[int]) -> None:
        super().__init__()
        self.members = nn.ModuleList(Member(bands) for bands in members)

    def forward(self, x: Tensor) -> Tensor:
        """Logits, f32[members, batch, classes]."""
        return t.stack([member(x) for member in self.members])


def augmented(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """`equalize`, `spec_augment`, `mel_warp` and `mixup` of the recipes, over a batch."""
    batch, bands, frames = x.shape
    x = x + f.interpolate(3 * t.randn(batch, 1, 5), bands, mode="linear", align_corners=True).transpose(1, 2)
    mask = masked(batch, frames, 12)[:, None] | masked(batch, bands, 8)[:, :, None]
    x = t.where(mask, x.mean(2, keepdim=True), x)
    stretch = t.empty(batch).uniform_(0.9, 1.1)
    shift, tempo = t.empty(batch).uniform_(-1, 1), t.empty(batch).uniform_(0.85, 1.15)
    over_bands = interpolation((t.arange(bands) - shift[:, None]) / stretch[:, None], bands)
    over_frames = interpolation(t.arange(frames) * tempo[:, None], frames)
    x = over_bands @ x @ over_frames.transpose(1, 2)
    other, weight = t.randperm(batch), t.distributions.Beta(1.0, 1.0, validate_args=False).sample((batch,))
    x = t.lerp(x, x[other], weight[:, None, None])
    return x, t.lerp(y, y[other], weight[:, None])


def masked(batch: int, size: int, widest: int) -> Tensor:
    widths = t.randint(0, widest + 1, (batch, 1))
    begins = (t.rand(batch, 1) * (size - widths + 1)).floor()
    indices = t.arange(size)
    return (indices >= begins) & (indices < begins + widths)


def interpolation(positions: Tensor, size: int) -> Tensor:
    """Matrices of linear interpolation."""
    inside = positions.clamp(0, size - 1)
    return (1 - (inside[:, :, None] - t.arange(size)).abs()).clamp(min=0)


def seconds_per_epoch(
    members: Sequence[int], features: np.ndarray, labels: np.ndarray, epochs: int, compiled: bool
) -> tuple[list[float], int]:
    """The seconds of each epoch of training, and the number of trainable parameters.

    Args:
        members: filters of the convolution over frames and bands of each network; 0 omits it.
        features: f32[clips, frames, bands].
        labels: i32[clips].
        compiled: network and loss with `torch.compile`, which fails for `x[torch.randperm(n)]` in version 2.13.
    """
    network = Network(members)
    x = t.from_numpy(features).transpose(1, 2).contiguous()
    y = f.one_hot(t.from_numpy(labels).long(), CLASSES).float()
    mean, deviation = x.mean((0, 2))[:, None], x.std((0, 2))[:, None]
    steps = len(x) // BATCH
    optimizer = t.optim.AdamW(network.parameters(), 2e-3, weight_decay=0.02, fused=True)
    warm = round(0.05 * steps * epochs)
    schedule = t.optim.lr_scheduler.SequentialLR(
        optimizer,
        [
            t.optim.lr_scheduler.LinearLR(optimizer, 1e-3, total_iters=warm),
            t.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps * epochs - warm),
        ],
        [warm],
    )
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(0.99))

    def loss_of(x: Tensor, y: Tensor) -> Tensor:
        logits = network((x - mean) / deviation)
        targets = y.repeat(len(members), 1)
        return f.cross_entropy(logits.flatten(0, 1), targets, label_smoothing=0.1)

    loss = t.compile(loss_of) if compiled else loss_of

    def epoch() -> float:
        begin = time.perf_counter()
        losses = list(epoch_steps())
        float(t.stack(losses).mean())
        return time.perf_counter() - begin

    def epoch_steps() -> Iterator[Tensor]:
        network.train()
        for batch in t.randperm(len(x))[: steps * BATCH].split(BATCH):
            optimizer.zero_grad(set_to_none=True)
            value = loss(*augmented(x[batch], y[batch]))
            value.backward()
            optimizer.step()
            schedule.step()
            average.update_parameters(network)
            yield value.detach()

    return [epoch() for _ in range(epochs)], sum(one.numel() for one in network.parameters())
