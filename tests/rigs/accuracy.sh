#!/usr/bin/env bash
# accuracy.sh DATA: the metric tables of a model on the official test splits, as Markdown.
# DATA holds NUAA-SIRST, NUDT-SIRST and IRSTD-1K. MODEL is the model folder.
set -euo pipefail
cd "$(dirname "$0")/../.."
data=${1:?usage: make accuracy DATA=folder with NUAA-SIRST, NUDT-SIRST and IRSTD-1K}
model=${MODEL:-models/invdet-s}
cargo build --release -q -p invdet-train
for mode in strict basic dnanet acm; do
    for set in NUAA-SIRST NUDT-SIRST IRSTD-1K; do
        target/release/invdet-train eval --model "$model" --data "$data/$set" --split test --mode $mode --json |
            sed "s/^{/{\"mode\":\"$mode\",/"
    done
done | python3 tests/rigs/accuracy_table.py
