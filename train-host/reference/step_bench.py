"""Times the PyTorch training step: forward, L_det, backward, AdamW, float32 on the CPU.

In:  architecture, batch, image size, threads, runs. Out: one JSON object with median milliseconds per memory layout.
The peak resident memory is the process's, so each layout runs in a process of its own.
Inputs and targets are built before the clock starts; warm-up steps are not counted.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

import torch

import architecture
from losses import detection_loss, encode
from network import Network, start_training_weights

LAYOUTS = {"nchw": torch.contiguous_format, "channels_last": torch.channels_last}
WARM_UP_STEPS = 3


def optimizer_of(network):
    """AdamW as in 5.5: 1e-3, decay 1e-2 on convolution weights only."""
    decayed = [p for p in network.parameters() if p.dim() == 4]
    others = [p for p in network.parameters() if p.dim() != 4]
    groups = [{"params": decayed, "weight_decay": 1e-2}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.999))


def time_layout(options, layout):
    """{"median_ms", "min_ms", "max_ms", "peak_rss_mib", "last_loss"} of one layout, in this process."""
    torch.manual_seed(0)
    torch.set_num_threads(options.threads)
    memory_format = LAYOUTS[layout]
    network = Network(architecture.load(options.config)).train()
    start_training_weights(network)
    network = network.to(memory_format=memory_format)
    optimizer = optimizer_of(network)
    x = torch.randn(options.batch, 1, options.size, options.size).contiguous(memory_format=memory_format)
    # One 6x4 px target in every image.
    boxes = [(i, 20 + 2 * i, 30, 26 + 2 * i, 34) for i in range(options.batch)]
    targets = encode(boxes, options.batch, options.size, options.size)
    times = []
    for run in range(WARM_UP_STEPS + options.runs):
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        loss = detection_loss(network(x), targets)["total"]
        loss.backward()
        optimizer.step()
        if run >= WARM_UP_STEPS:
            times.append(1e3 * (time.perf_counter() - start))
    return {
        "median_ms": round(statistics.median(times), 2),
        "min_ms": round(min(times), 2),
        "max_ms": round(max(times), 2),
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "last_loss": loss.item(),
    }


def main():
    """Runs both layouts, or the one named, and prints JSON."""
    parser = argparse.ArgumentParser(description="PyTorch training step time")
    parser.add_argument("--config", default="s", help="s, b or a .json/.toml file")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--size", type=int, default=256, help="height and width, a multiple of 16")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--layout", choices=LAYOUTS, help="time this layout only, in this process")
    options = parser.parse_args()
    if options.layout:
        print(json.dumps(time_layout(options, options.layout)))
        return
    layouts = {}
    for layout in LAYOUTS:
        done = subprocess.run(
            [sys.executable, __file__, *sys.argv[1:], "--layout", layout], check=True, stdout=subprocess.PIPE, text=True
        )
        layouts[layout] = json.loads(done.stdout)
    settings = {key: getattr(options, key) for key in ("config", "batch", "size", "threads", "runs")}
    print(json.dumps(settings | {"torch": torch.__version__, "layouts": layouts}, indent=1))


if __name__ == "__main__":
    main()
