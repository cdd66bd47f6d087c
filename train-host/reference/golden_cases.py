"""The golden cases of the network and of the detection loss: random inputs and the values that follow from them.

In:  the seeds and architectures below. Out: named float32 tensors.
Parameters and inputs are rounded to float32 first; everything is then computed in float64 and stored as float32.
"""

import torch
from torch import nn

from architecture import PROFILES, Architecture
from losses import Targets, detection_loss, encode
from network import Network

SMALL = {
    "s_rev": 2, "n_block": (1, 1, 1, 1), "hidden": (4, 6, 6, 4), "conv_channels": (0, 0, 8, 12),
    "neck": (8, 8, 12, 12), "trunk": 8, "mask_channels": 4,
}  # fmt: skip
CASES = {
    "default-s-small": SMALL,
    "two-blocks": SMALL | {"n_block": (2, 2, 2, 2), "clamp": 0.5},
    "dense-subnet": SMALL | {"subnet": "dense", "conv_channels": (0, 0, 6, 8), "neck": (8, 8, 8, 8)},
    "irn-haar-irn-split": SMALL | {"haar": "irn", "split": "irn"},
    "s-rev-1": SMALL | {"s_rev": 1, "conv_channels": (0, 6, 8, 12)},
    "s-rev-4": SMALL | {"s_rev": 4, "conv_channels": (0, 0, 0, 0)},
    "decoder-p": SMALL | {"decoder_recursion": "P"},
    "mmfb-sum": SMALL | {"mmfb": "sum"},
    "mask-detail": SMALL | {"mask_head": "detail"},
    "profile-s": PROFILES["s"].as_dict(),
}
INPUT_SHAPE = (2, 1, 32, 48)
# No rectifier input of a case lies nearer to its kink than this: float32 rounding must not flip a gradient.
KINK_MARGIN = 5e-6


def random_parameters(network, generator):
    """Fills every parameter and running statistic with values that keep activations near unit variance."""

    def draw(tensor):
        return torch.randn(tensor.shape, generator=generator)

    def uniform(tensor):
        return 0.5 + torch.rand(tensor.shape, generator=generator)

    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            # A stride-2 2x2 transposed convolution sums over its input channels only.
            fan_in = module.weight.shape[0] if module.transposed else module.weight[0].numel()
            module.weight.data = draw(module.weight) / fan_in**0.5
            if module.bias is not None:
                module.bias.data = 0.1 * draw(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            module.weight.data, module.bias.data = uniform(module.weight), 0.2 * draw(module.bias)
            module.running_mean, module.running_var = 0.3 * draw(module.bias), uniform(module.bias)


def record_kinks(network):
    """A list that collects the smallest |input| of every later rectifier call."""
    found = []
    for module in network.modules():
        if isinstance(module, (nn.ReLU, nn.LeakyReLU)):
            module.register_forward_pre_hook(lambda _, x: found.append(x[0].abs().min().item()))
    return found


def weighted_sum(outputs, cotangents):
    """sum(output * cotangent) over the four outputs, a scalar."""
    return sum((outputs[name] * cotangents[name]).sum() for name in outputs)


def try_network_case(arch, seed, dtype=torch.float64):
    """(tensors of the case, smallest |rectifier input|) for one seed, computed in `dtype`."""
    generator = torch.Generator().manual_seed(seed)
    network = Network(arch)
    random_parameters(network, generator)
    x = torch.randn(INPUT_SHAPE, generator=generator)
    tensors = {"input": x}
    tensors |= {
        f"param/{name}": value.clone()
        for name, value in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    network, x = network.to(dtype), x.to(dtype).requires_grad_()

    network.eval()
    with torch.no_grad():
        evaluated = network(x)
    cotangents = {name: torch.randn(value.shape, generator=generator) for name, value in evaluated.items()}
    tensors |= {f"eval/{name}": value for name, value in evaluated.items()}
    tensors |= {f"cotangent/{name}": value for name, value in cotangents.items()}

    network.train()
    kinks = record_kinks(network)
    outputs = network(x)
    weighted_sum(outputs, {name: value.to(dtype) for name, value in cotangents.items()}).backward()
    tensors |= {f"output/{name}": value.detach() for name, value in outputs.items()}
    tensors["grad_input"] = x.grad
    unused = []
    for name, parameter in network.named_parameters():
        if parameter.grad is None:
            unused.append(name)
        tensors[f"grad/{name}"] = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
    tensors |= {f"stats/{name}": value for name, value in network.named_buffers() if "running" in name}
    return to_float32(tensors), min(kinks), unused


def network_case(keys):
    """(tensors, notes) of one case: the first seed whose rectifier inputs keep the margin.

    notes: architecture, seed, the difference of a float32 run by group, parameters that reach no output.
    """
    arch = Architecture(**keys)
    for seed in range(1000):
        tensors, kink, unused = try_network_case(arch, seed)
        if kink >= KINK_MARGIN:
            break
    else:
        raise RuntimeError(f"no seed below 1000 keeps rectifier inputs {KINK_MARGIN} away from zero")
    single, _, _ = try_network_case(arch, seed, torch.float32)
    gap = {}
    for name, value in tensors.items():
        group = name.split("/")[0]
        gap[group] = max(gap.get(group, 0.0), difference(single[name], value))
    return tensors, {"architecture": arch, "seed": seed, "gap": gap, "unused": unused}


def loss_case():
    """Tensors of the loss file: 3 targets in image 0, none in image 1."""
    generator = torch.Generator().manual_seed(0)
    boxes = torch.tensor([[0, 5, 4, 7, 7], [0, 20, 12, 29, 18], [0, 47, 30, 48, 31]], dtype=torch.float32)
    batch, _, height, width = INPUT_SHAPE
    targets = encode(boxes, batch, height, width)
    shapes = {
        "heat": (batch, 1, height // 2, width // 2), "off": (batch, 2, height // 2, width // 2),
        "size": (batch, 2, height // 2, width // 2), "mask": (batch, 1, height, width),
    }  # fmt: skip
    given = {name: torch.randn(shape, generator=generator) * 2 for name, shape in shapes.items()}
    # Logits far out, where a loss written with ln(sigmoid) would overflow.
    given["heat"][1, 0, 0, :2] = torch.tensor([40.0, -40.0])
    given["mask"][1, 0, 0, :2] = torch.tensor([40.0, -40.0])
    outputs = {name: value.double().requires_grad_() for name, value in given.items()}
    exact = Targets(
        heat=targets.heat.double(), image=targets.image, row=targets.row, col=targets.col,
        off=targets.off.double(), size=targets.size.double(), mask=targets.mask.double(),
    )  # fmt: skip
    parts = detection_loss(outputs, exact)
    parts["total"].backward()
    tensors = {f"output/{name}": value for name, value in given.items()}
    tensors |= {"boxes": boxes, "target/heat": targets.heat, "target/mask": targets.mask}
    tensors |= {"target/image": targets.image, "target/row": targets.row, "target/col": targets.col}
    tensors |= {"target/off": targets.off, "target/size": targets.size}
    tensors |= {f"loss/{name}": value.detach().reshape(1) for name, value in parts.items()}
    tensors |= {f"grad/{name}": value.grad for name, value in outputs.items()}
    return to_float32(tensors)


def to_float32(tensors):
    """Contiguous float32 copies, as stored."""
    return {name: value.detach().to(torch.float32).contiguous() for name, value in tensors.items()}


def difference(found, wanted):
    """Largest absolute difference over the largest |wanted| (at least 0.1).

    The floor is there for gradients that vanish by symmetry (a bias in front of batch normalisation).
    """
    return ((found.double() - wanted.double()).abs().max() / wanted.double().abs().max().clamp_min(0.1)).item()
