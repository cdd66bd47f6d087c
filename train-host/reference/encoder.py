"""Encoder: Haar analysis, invertible blocks and convolution stages (algorithm.md 1.1-1.5, 2.1).

In:  X (B, 1, H, W), H and W multiples of 16.
Out: [Y_1, .., Y_4], Y_s (B, C_s, H/2^s, W/2^s).
Only the forward direction: the inverse serves training of the encoder and is no part of the oracle.
"""

import torch
from torch import nn


def haar_analysis(x, scaling):
    """(B, C, H, W) -> (B, 4C, H/2, W/2), output channel = band*C + c (1.1)."""
    gain = {"orthonormal": 0.5, "irn": 0.25}[scaling]
    a, b = x[..., 0::2, 0::2], x[..., 0::2, 1::2]
    c, d = x[..., 1::2, 0::2], x[..., 1::2, 1::2]
    top, bottom, top_step, bottom_step = a + b, c + d, a - b, c - d
    bands = (top + bottom, top_step + bottom_step, top - bottom, top_step - bottom_step)
    return gain * torch.cat(bands, dim=1)


class LightSubnet(nn.Module):
    """Conv3x3 - ReLU - Conv3x3, bias, zero padding (1.3)."""

    def __init__(self, inputs, outputs, hidden):
        super().__init__()
        self.conv0 = nn.Conv2d(inputs, hidden, 3, padding=1)
        self.conv1 = nn.Conv2d(hidden, outputs, 3, padding=1)
        self.act = nn.ReLU()

    def forward(self, x):
        return self.conv1(self.act(self.conv0(x)))

    def last(self):
        """The convolution that is zero at the start of training."""
        return self.conv1


class DenseSubnet(nn.Module):
    """Five Conv3x3 on [x, c0, c1, ..], growth 16, LeakyReLU 0.2 after all but the last (1.3, IRN `DenseBlock`)."""

    GROWTH = 16

    def __init__(self, inputs, outputs):
        super().__init__()
        for i in range(5):
            width = outputs if i == 4 else self.GROWTH
            self.add_module(f"conv{i}", nn.Conv2d(inputs + i * self.GROWTH, width, 3, padding=1))
        self.act = nn.LeakyReLU(0.2)

    def forward(self, x):
        parts = [x]
        for conv in (self.conv0, self.conv1, self.conv2, self.conv3):
            parts.append(self.act(conv(torch.cat(parts, dim=1))))
        return self.conv4(torch.cat(parts, dim=1))

    def last(self):
        """The convolution that is zero at the start of training."""
        return self.conv4


class InvBlock(nn.Module):
    """Affine coupling of the low and high parts (1.3); the shape of the input is kept."""

    def __init__(self, arch, stage):
        super().__init__()
        low = arch.low_channels(stage)
        high = arch.channels(stage) - low

        def subnet(inputs, outputs):
            if arch.subnet == "dense":
                return DenseSubnet(inputs, outputs)
            return LightSubnet(inputs, outputs, arch.hidden[stage - 1])

        self.phi, self.rho, self.eta = subnet(high, low), subnet(low, high), subnet(low, high)
        self.low, self.clamp = low, arch.clamp

    def forward(self, x):
        low, high = x[:, : self.low], x[:, self.low :]
        low = low + self.phi(high)
        psi = self.clamp * torch.tanh(self.eta(low) / 2)
        return torch.cat((low, high * torch.exp(psi) + self.rho(low)), dim=1)


class ConvDownsample(nn.Module):
    """Conv3x3 stride 2, BN, ReLU: (B, C, H, W) -> (B, C', H/2, W/2) (2.1)."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(outputs)
        self.act = nn.ReLU()

    def forward(self, x):
        return self.act(self.bn(self.conv(x)))


class ConvBlock(nn.Module):
    """y = ReLU(x + BN(conv(ReLU(BN(conv x))))) (2.1)."""

    def __init__(self, channels):
        super().__init__()
        self.conv0 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn0 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.act0, self.act1 = nn.ReLU(), nn.ReLU()

    def forward(self, x):
        inner = self.act0(self.bn0(self.conv0(x)))
        return self.act1(x + self.bn1(self.conv1(inner)))


class Stage(nn.Module):
    """Y_{s-1} -> Y_s: halves the resolution, then n_s blocks (1.4)."""

    def __init__(self, arch, stage):
        super().__init__()
        self.haar = arch.haar if stage <= arch.s_rev else None
        if self.haar is None:
            self.down = ConvDownsample(arch.channels(stage - 1), arch.channels(stage))
        self.blocks = []
        for n in range(arch.n_block[stage - 1]):
            block = InvBlock(arch, stage) if self.haar else ConvBlock(arch.channels(stage))
            self.add_module(f"block{n}", block)
            self.blocks.append(f"block{n}")

    def forward(self, x):
        x = haar_analysis(x, self.haar) if self.haar else self.down(x)
        for name in self.blocks:
            x = getattr(self, name)(x)
        return x


class Encoder(nn.Module):
    """X -> [Y_1, .., Y_4]."""

    def __init__(self, arch):
        super().__init__()
        for s in range(1, 5):
            self.add_module(f"stage{s}", Stage(arch, s))

    def forward(self, x):
        outputs = []
        for stage in (self.stage1, self.stage2, self.stage3, self.stage4):
            x = stage(x)
            outputs.append(x)
        return outputs
