#!/usr/bin/env bash
# clips.sh DATA: detection and tracking on labelled infrared video that no model was trained on.
# DATA holds drone-ir-video/{videos,labels} and sequences/{seq-cloud30,seq-ground26}. Prints a Markdown table.
set -euo pipefail
cd "$(dirname "$0")/../.."
data=${1:?usage: make clips DATA=folder with drone-ir-video/ and sequences/}
model=${MODEL:-models/invdet-s}
tests/rigs/need.sh cc:gcc ffmpeg
cargo build --release -q -p invdet-runtime
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "| clip | frames | labelled | with a confirmed track within 6 px | false confirmed tracks | per minute | ids on the target |"
echo "|---|---|---|---|---|---|---|"
for sequence in seq-cloud30 seq-ground26; do
    target/release/invdet replay --model "$model" --source "$data/sequences/$sequence/images" \
        --tracks "$work/t.jsonl" > "$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
    python3 tests/rigs/clip_table.py --name "$sequence" --tracks "$work/t.jsonl" \
        --points "$data/sequences/$sequence/derived_centroids.csv"
done
for clip in IR_DRONE_020 IR_DRONE_059 IR_DRONE_064 IR_DRONE_141 IR_AIRPLANE_006 IR_AIRPLANE_025 IR_BIRD_004 \
    IR_HELICOPTER_045; do
    target/release/invdet replay --model "$model" --source "$data/drone-ir-video/videos/$clip.mp4" \
        --tracks "$work/t.jsonl" > "$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
    python3 tests/rigs/clip_table.py --name $clip --tracks "$work/t.jsonl" \
        --boxes "$data/drone-ir-video/labels/$clip.csv"
done
