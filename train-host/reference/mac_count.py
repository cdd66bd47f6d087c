"""Multiply-accumulate operations and parameters of an architecture.

In:  `--config`, `--size WxH`. Out: one JSON object on standard output.
Counts convolutions only (Haar, batch normalisation and element-wise work are left out), one image, by part.
"""

import argparse
import json

import torch
from torch import nn

import architecture
from network import Network


def count_macs(network, height, width):
    """{"encoder", "neck", "decoder", "head", "total"} -> MAC for one (1, 1, height, width) input."""
    counts = dict.fromkeys(("encoder", "neck", "decoder", "head"), 0)

    def counter(part):
        def hook(module, inputs, output):
            per_output = module.weight[0].numel()
            positions = output.numel()
            if module.transposed:
                # Kernel and stride are both 2: each input value meets the whole kernel of its channel once.
                positions = inputs[0].numel()
            counts[part] += per_output * positions

        return hook

    hooks = [
        module.register_forward_hook(counter(name.split(".")[0]))
        for name, module in network.named_modules()
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d))
    ]
    with torch.no_grad():
        network.eval()(torch.zeros(1, 1, height, width))
    for hook in hooks:
        hook.remove()
    return counts | {"total": sum(counts.values())}


def main():
    """Prints the counts of one architecture."""
    parser = argparse.ArgumentParser(description="MAC and parameter count of the InvDet network")
    parser.add_argument("--config", default="s", help="s, b or a .json/.toml file")
    parser.add_argument("--size", default="256x256", help="WxH, multiples of 16")
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    network = Network(architecture.load(options.config))
    macs = count_macs(network, height, width)
    parameters = sum(p.numel() for p in network.parameters())
    print(json.dumps({"config": options.config, "size": options.size, "parameters": parameters, "macs": macs}))


if __name__ == "__main__":
    main()
