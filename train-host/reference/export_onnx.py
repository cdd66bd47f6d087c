"""Writes the network in eval mode as ONNX, opset 17, static shapes, batch normalisation folded.

In:  an architecture and, optionally, trained weights (safetensors, names of `network.py`; a prefix `param/` is
     accepted, so a golden file serves too). Without weights: PyTorch's random initial ones.
Out: an ONNX file with input `x` (1, 1, H, W) and outputs `heat`, `off`, `size`, `mask`; one JSON line with the
     largest difference between PyTorch and ONNX Runtime on a random input.
Refuses: missing or left-over weights; a difference above 1e-4 of the output's largest value.
"""

import argparse
import json
import sys
import warnings

import numpy as np
import onnx
import onnxruntime
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

import architecture
from network import Network, Node

OUTPUTS = ("heat", "off", "size", "mask")
# (convolution, batch normalisation) attribute pairs, wherever both are children of one module.
FOLDED = (("conv", "bn"), ("conv0", "bn0"), ("conv1", "bn1"), ("merge", "merge_bn"), ("project", "project_bn"))
PARITY = 1e-4


class OrderedOutputs(nn.Module):
    """The network with its outputs as a tuple in the order of `OUTPUTS`."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        outputs = self.network(x)
        return tuple(outputs[name] for name in OUTPUTS)


def load_weights(network, path):
    """Fills `network` from a safetensors file; every parameter and running statistic must be there."""
    stored = load_file(path)
    if any(name.startswith("param/") for name in stored):
        stored = {name.removeprefix("param/"): value for name, value in stored.items() if name.startswith("param/")}
    fault = network.load_state_dict(stored, strict=False)
    missing = [name for name in fault.missing_keys if not name.endswith("num_batches_tracked")]
    if missing or fault.unexpected_keys:
        sys.exit(f"{path}: missing {missing[:3]}, unknown {fault.unexpected_keys[:3]}: wrong --config?")


def fold_sum_norm(node):
    """Folds the normalisation of a neck node with `mmfb = "sum"` into its summed convolutions."""
    norm = node.merge_bn
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    for name in ("above", "same", "below"):
        if hasattr(node, name):
            conv = getattr(node, name)
            conv.weight = nn.Parameter(conv.weight * scale[:, None, None, None])
    node.same.bias = nn.Parameter(norm.bias - norm.running_mean * scale)
    node.merge_bn = nn.Identity()


def fold_batch_norm(network):
    """Folds each batch normalisation into the convolutions before it (eval mode only)."""
    for module in list(network.modules()):
        if isinstance(module, Node) and module.mmfb == "sum":
            fold_sum_norm(module)
        for conv, norm in FOLDED:
            if hasattr(module, conv) and hasattr(module, norm):
                setattr(module, conv, fuse_conv_bn_eval(getattr(module, conv), getattr(module, norm)))
                setattr(module, norm, nn.Identity())


def export(network, width, height, path):
    """Writes `path` and returns the largest relative difference to ONNX Runtime over the outputs."""
    x = torch.randn(1, 1, height, width, generator=torch.Generator().manual_seed(0))
    with torch.no_grad(), warnings.catch_warnings():
        wanted = network(x)
        fold_batch_norm(network)
        # The TorchScript exporter: the newer one needs a package more and starts at opset 18.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            OrderedOutputs(network), (x,), path, input_names=["x"], output_names=list(OUTPUTS),
            opset_version=17, do_constant_folding=True, dynamo=False,
        )  # fmt: skip
    onnx.checker.check_model(onnx.load(path), full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found = session.run(list(OUTPUTS), {"x": x.numpy()})
    gaps = []
    for name, value in zip(OUTPUTS, found, strict=True):
        reference = wanted[name].numpy()
        gaps.append(float(np.abs(value - reference).max() / max(np.abs(reference).max(), 1e-6)))
    return max(gaps)


def main():
    """Exports one network and prints what was written."""
    parser = argparse.ArgumentParser(description="ONNX export of the InvDet network")
    parser.add_argument("--config", default="s", help="s, b or a .json/.toml file")
    parser.add_argument("--weights", help="safetensors file")
    parser.add_argument("--size", default="640x512", help="WxH, multiples of 16")
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    torch.manual_seed(0)
    network = Network(architecture.load(options.config)).eval()
    if options.weights:
        load_weights(network, options.weights)
    gap = export(network, width, height, options.out)
    nodes = [node.op_type for node in onnx.load(options.out).graph.node]
    if "BatchNormalization" in nodes:
        sys.exit(f"{options.out}: a BatchNormalization is left, wanted all folded: extend FOLDED")
    kinds = {kind: nodes.count(kind) for kind in sorted(set(nodes))}
    print(json.dumps({"out": options.out, "size": options.size, "largest_relative_gap": gap, "nodes": kinds}))
    if gap > PARITY:
        sys.exit(f"{options.out}: ONNX Runtime differs by {gap:.1e} of the output range, allowed {PARITY}")


if __name__ == "__main__":
    main()
