#!/usr/bin/env bash
# The figures of the README: our training step beside PyTorch's, our forward pass beside ONNX Runtime's, and what a frame
# costs outside the network. Pairs are measured one after the other in the same run; keep the machine quiet.
set -euo pipefail
cd "$(dirname "$0")/../.."
torch=.cache/venv-torch
[ -e $torch/ready ] || { rm -rf $torch && train-host/reference/venv.sh $torch && touch $torch/ready; }
cargo build --release -q -p invdet-train -p invdet-runtime
cargo build --release -q -p invdet-cpu --example profile
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
runs=${RUNS:-20}

echo "== training step, batch 8 at 256x256"
for network in s b; do
    for threads in 1 2; do
        for mode in det_only dual; do
            target/release/invdet-train bench --network $network --mode $mode --batch 8 --size 256 --threads $threads --runs "$runs" --json
        done
        $torch/bin/python train-host/reference/step_bench.py --config $network --batch 8 --size 256 --threads $threads --runs "$runs"
    done
done
echo "== forward pass, f32, batch 1"
for network in s b; do
    for size in 256x256 640x512; do
        $torch/bin/python train-host/reference/export_onnx.py --config $network --size $size --out "$work/net.onnx" >/dev/null
        for threads in 1 2; do
            target/release/examples/profile $network "${size#*x}" "${size%x*}" $threads --json
            $torch/bin/python train-host/reference/ort_bench.py --onnx "$work/net.onnx" --threads $threads --runs 60
        done
    done
done
echo "== a whole frame"
for threads in 1 2; do
    target/release/invdet bench --model models/invdet-s --size 640x512 --threads $threads --json
done
