#!/usr/bin/env bash
# pymavlink, an independent MAVLink implementation, receives what we send: over UDP and over a pty pair, every field
# equal; commands are answered exactly once; and the image status of a replay equals the replay's own track file.
# TensorBoard's own reader opens the event files of a resumed training run, every value equal.
set -euo pipefail
cd "$(dirname "$0")/../.."
tests/rigs/need.sh cc:gcc socat
python3 -c 'import ensurepip' 2>/dev/null || tests/rigs/need.sh no-such-program:python3-venv
cargo build --release -p invdet-runtime
cargo build --release -p invdet-link --example announce
cargo build --release -p invdet-train --example events

venv=.cache/venv-peers
if [ ! -e $venv/ready ]; then
    rm -rf $venv
    python3 -m venv $venv
    $venv/bin/pip install -q --disable-pip-version-check -r tests/peers/requirements.txt
    touch $venv/ready
fi
python=$venv/bin/python
tensorboard=.cache/venv-tensorboard
if [ ! -e $tensorboard/ready ]; then
    rm -rf $tensorboard
    python3 -m venv $tensorboard
    $tensorboard/bin/pip install -q --disable-pip-version-check -r tests/peers/requirements-tensorboard.txt
    touch $tensorboard/ready
fi
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
passed=0
ok() { passed=$((passed + 1)); echo "ok: $1"; }
free_port() { $python -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# The camera component alone: every message it sends, field by field.
port=$(free_port)
$python tests/peers/pymavlink_peer.py --udp "$port" --seconds 10 --out "$work/udp.jsonl" & peer=$!
sleep 1
target/release/examples/announce --seconds 11 --sent "$work/udp-sent.jsonl" "udpout:127.0.0.1:$port"
wait $peer
$python tests/peers/compare.py "$work/udp-sent.jsonl" "$work/udp.jsonl" \
    --require HEARTBEAT COMMAND_ACK CAMERA_INFORMATION CAMERA_TRACKING_IMAGE_STATUS
ok "UDP: fields equal, each command acknowledged once"

socat "pty,raw,echo=0,link=$work/a" "pty,raw,echo=0,link=$work/b" &
for _ in $(seq 50); do [ -e "$work/b" ] && break; sleep 0.1; done
$python tests/peers/pymavlink_peer.py --serial "$work/b" --seconds 10 --out "$work/serial.jsonl" & peer=$!
sleep 1
target/release/examples/announce --seconds 11 --sent "$work/serial-sent.jsonl" "serial:$work/a:921600"
wait $peer
$python tests/peers/compare.py "$work/serial-sent.jsonl" "$work/serial.jsonl" \
    --require HEARTBEAT COMMAND_ACK CAMERA_INFORMATION CAMERA_TRACKING_IMAGE_STATUS
ok "serial: fields equal, each command acknowledged once"

# The whole product: frames in, tracks out, over both links.
scene=synthetic:seed=1,seconds=8,size=320x256
replay() { # link
    target/release/invdet replay --model models/invdet-s --source "$scene" --realtime --link "$1" --tracks "$work/tracks.jsonl"
}
port=$(free_port)
$python tests/peers/listen.py --udp "$port" --seconds 11 --out "$work/replay.jsonl" & peer=$!
sleep 1
replay "udpout:127.0.0.1:$port"
wait $peer
$python tests/peers/replayed.py "$work/tracks.jsonl" "$work/replay.jsonl" --size 320 256
ok "replay over UDP: the image status is that of the track file"
$python tests/peers/listen.py --serial "$work/b" --seconds 11 --out "$work/replay-serial.jsonl" & peer=$!
sleep 1
replay "serial:$work/a:921600"
wait $peer
$python tests/peers/replayed.py "$work/tracks.jsonl" "$work/replay-serial.jsonl" --size 320 256
ok "replay over serial: the image status is that of the track file"

# What a training run writes for people to watch.
target/release/examples/events "$work/events" > "$work/events.json"
$tensorboard/bin/python tests/peers/tensorboard_peer.py "$work/events" "$work/events.json"
ok "TensorBoard: every scalar of a resumed run equal, none twice"

echo "$passed passed, 0 failed"
