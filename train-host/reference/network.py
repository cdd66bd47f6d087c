"""The InvDet forward network: encoder, MMFB neck, decoder and heads (algorithm.md 1 and 2).

In:  X (B, 1, H, W), H and W multiples of 16, normalised (1.6).
Out: `heat` (B, 1, H/2, W/2) logits, `off` (B, 2, H/2, W/2) in cells (dx, dy), `size` (B, 2, H/2, W/2) as
     (ln(w/2), ln(h/2)) with w, h in input pixels, `mask` (B, 1, H, W) logits.
The names of the parameters are the contract with the other implementations; the shapes are PyTorch's.
BatchNorm: eps 1e-5, momentum 0.1, both PyTorch's defaults.
"""

import torch
from torch import nn

from encoder import Encoder, InvBlock


class Node(nn.Module):
    """MMFB node s: (Y_{s-1}, Y_s, Y_{s+1}) -> P_s (B, D_s, H/2^s, W/2^s) (2.2)."""

    def __init__(self, arch, stage):
        super().__init__()
        width = arch.neck[stage - 1]
        terms = 1
        # A 2x2 stride-2 convolution is Conv1x1(SpaceToDepth2(.)).
        if stage > 1:
            self.above = nn.Conv2d(arch.channels(stage - 1), width, 2, stride=2, bias=False)
            terms += 1
        self.same = nn.Conv2d(arch.channels(stage), width, 1, bias=False)
        if stage < 4:
            self.below = nn.Conv2d(arch.channels(stage + 1), width, 1, bias=False)
            self.up = nn.Upsample(scale_factor=2, mode="nearest")
            terms += 1
        if arch.mmfb == "node":
            self.merge = nn.Conv2d(terms * width, width, 1, bias=False)
        self.merge_bn = nn.BatchNorm2d(width)
        self.dw3 = nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False)
        self.dw5 = nn.Conv2d(width, width, 5, padding=2, groups=width, bias=False)
        self.project = nn.Conv2d(2 * width, width, 1, bias=False)
        self.project_bn = nn.BatchNorm2d(width)
        self.act0, self.act1 = nn.ReLU(), nn.ReLU()
        self.stage, self.mmfb = stage, arch.mmfb

    def forward(self, y):
        s = self.stage
        terms = [self.above(y[s - 2])] if s > 1 else []
        terms.append(self.same(y[s - 1]))
        if s < 4:
            terms.append(self.up(self.below(y[s])))
        fused = self.merge(torch.cat(terms, dim=1)) if self.mmfb == "node" else sum(terms[1:], terms[0])
        m = self.act0(self.merge_bn(fused))
        scales = torch.cat((self.dw3(m), self.dw5(m)), dim=1)
        return self.act1(m + self.project_bn(self.project(scales)))


class Neck(nn.Module):
    """[Y_1, .., Y_4] -> [P_1, .., P_4]."""

    def __init__(self, arch):
        super().__init__()
        for s in range(1, 5):
            self.add_module(f"node{s}", Node(arch, s))

    def forward(self, y):
        return [node(y) for node in (self.node1, self.node2, self.node3, self.node4)]


class DecoderStage(nn.Module):
    """F_s = ReLU(BN(Conv3x3(P_s + ConvT2x2s2(deeper)))) (2.3)."""

    def __init__(self, arch, stage):
        super().__init__()
        width = arch.neck[stage - 1]
        self.up = nn.ConvTranspose2d(arch.neck[stage], width, 2, stride=2, bias=False)
        self.conv = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(width)
        self.act = nn.ReLU()

    def forward(self, p, deeper):
        return self.act(self.bn(self.conv(p + self.up(deeper))))


class Decoder(nn.Module):
    """[P_1, ..] -> F_1 (B, D_1, H/2, W/2); recursion "P" uses P_2 in the place of F_2 (2.3)."""

    def __init__(self, arch):
        super().__init__()
        self.order = (3, 2, 1) if arch.decoder_recursion == "F" else (1,)
        for s in self.order:
            self.add_module(f"stage{s}", DecoderStage(arch, s))

    def forward(self, p):
        deeper = p[self.order[0]]
        for s in self.order:
            deeper = getattr(self, f"stage{s}")(p[s - 1], deeper)
        return deeper


class Head(nn.Module):
    """F_1 -> heat, off, size at stride 2 and mask at stride 1 (2.4); mask head "detail" reads Y_1 beside F_1."""

    def __init__(self, arch):
        super().__init__()
        width = arch.neck[0]
        self.trunk = nn.Conv2d(width, arch.trunk, 3, padding=1)
        self.heat = nn.Conv2d(arch.trunk, 1, 1)
        self.off = nn.Conv2d(arch.trunk, 2, 1)
        self.size = nn.Conv2d(arch.trunk, 2, 1)
        self.detail = arch.mask_head == "detail"
        channels = arch.mask_channels
        if self.detail:
            self.mask0 = nn.Conv2d(width + arch.channels(1), channels, 3, padding=1)
            self.mask1 = nn.Conv2d(channels, channels, 3, padding=1)
            self.mask_up = nn.ConvTranspose2d(channels, 1, 2, stride=2)
        else:
            self.mask_up = nn.ConvTranspose2d(width, channels, 2, stride=2)
            self.mask = nn.Conv2d(channels, 1, 3, padding=1)
        self.act0, self.act1, self.act2 = nn.ReLU(), nn.ReLU(), nn.ReLU()

    def forward(self, f, y1):
        trunk = self.act0(self.trunk(f))
        if self.detail:
            hidden = self.act1(self.mask0(torch.cat((f, y1), dim=1)))
            mask = self.mask_up(self.act2(self.mask1(hidden)))
        else:
            mask = self.mask(self.act1(self.mask_up(f)))
        return {"heat": self.heat(trunk), "off": self.off(trunk), "size": self.size(trunk), "mask": mask}


class Network(nn.Module):
    """X -> {heat, off, size, mask}."""

    def __init__(self, arch):
        super().__init__()
        self.encoder = Encoder(arch)
        self.neck = Neck(arch)
        self.decoder = Decoder(arch)
        self.head = Head(arch)

    def forward(self, x):
        if x.shape[-1] % 16 or x.shape[-2] % 16:
            raise ValueError(f"input is {tuple(x.shape)}, wanted height and width in multiples of 16")
        y = self.encoder(x)
        return self.head(self.decoder(self.neck(y)), y[0])


def start_training_weights(network):
    """The start of training: every InvBlock the identity, prior 0.01 of heat and mask (1.3, 2.4). Other layers: PyTorch's."""
    with torch.no_grad():
        for block in network.modules():
            if isinstance(block, InvBlock):
                for subnet in (block.phi, block.rho, block.eta):
                    subnet.last().weight.zero_()
                    subnet.last().bias.zero_()
        network.head.heat.bias.fill_(-4.6)
        last = network.head.mask_up if network.head.detail else network.head.mask
        last.bias.fill_(-4.6)
