"""Times ONNX Runtime on the CPU, batch 1.

In:  an ONNX file with static shapes, threads, runs.
Out: one JSON object: median, p99, min in milliseconds, peak memory.
The inputs are built before the clock starts; thread spinning is ONNX Runtime's default.
"""

import argparse
import json
import resource
import time

import numpy as np
import onnxruntime


def main():
    """Times one file and prints JSON."""
    parser = argparse.ArgumentParser(description="ONNX Runtime inference time")
    parser.add_argument("--onnx", required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--warm-up", type=int, default=5)
    options = parser.parse_args()
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    settings.inter_op_num_threads = 1
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(options.onnx, settings, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    names = [output.name for output in session.get_outputs()]
    feed = {given.name: np.random.default_rng(0).standard_normal(given.shape).astype(np.float32)}
    times = []
    for run in range(options.warm_up + options.runs):
        start = time.perf_counter()
        session.run(names, feed)
        if run >= options.warm_up:
            times.append(1e3 * (time.perf_counter() - start))
    result = {
        "onnx": options.onnx, "shape": given.shape, "threads": options.threads, "runs": options.runs,
        "onnxruntime": onnxruntime.__version__, "median_ms": round(float(np.median(times)), 3),
        "p99_ms": round(float(np.percentile(times, 99)), 3), "min_ms": round(min(times), 3),
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }  # fmt: skip
    print(json.dumps(result))


if __name__ == "__main__":
    main()
