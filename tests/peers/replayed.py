"""Compares the CAMERA_TRACKING_IMAGE_STATUS messages a peer received with the replay's own track file.

In: `tracks.jsonl` of the replay and the peer's lines. Out: counts; exit 1 unless every status that reports a target
gives the position of one believed track of some frame, in order, to the last bit of a 32-bit float.
"""

import argparse
import json
import struct
import sys


def f32(value):
    """The nearest 32-bit float, as the link carries it."""
    return struct.unpack("<f", struct.pack("<f", value))[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tracks")
    parser.add_argument("received")
    parser.add_argument("--size", type=int, nargs=2, required=True, metavar=("W", "H"))
    parser.add_argument("--least", type=int, default=20, help="statuses with a target that must have arrived")
    options = parser.parse_args()
    width, height = options.size
    with open(options.tracks, encoding="utf-8") as file:
        frames = [json.loads(line)["tracks"] for line in file]
    with open(options.received, encoding="utf-8") as file:
        messages = [json.loads(line) for line in file]
    statuses = [m["fields"] for m in messages if m["type"] == "CAMERA_TRACKING_IMAGE_STATUS"]
    targets = [s for s in statuses if s["tracking_status"] & 1]
    heartbeats = sum(m["type"] == "HEARTBEAT" for m in messages)

    def same(track, status):
        # The file has the shortest decimals of a float, so both sides are exact but for one division.
        close = lambda a, b: abs(f32(a) - b) <= 2e-7 * max(abs(a), 1)  # noqa: E731
        believed = track["state"] in ("confirmed", "coasting")
        return believed and close(track["x"] / width, status["point_x"]) and close(track["y"] / height, status["point_y"])

    at, unknown = 0, []
    for status in targets:
        match = next((i for i in range(at, len(frames)) if any(same(t, status) for t in frames[i])), None)
        if match is None:
            unknown.append((status["point_x"] * width, status["point_y"] * height))
        else:
            at = match
    print(json.dumps({"statuses": len(statuses), "with target": len(targets), "unknown": len(unknown), "heartbeats": heartbeats}))
    if unknown:
        print(f"{len(unknown)} positions are in no frame of the track file, the first {unknown[0]}", file=sys.stderr)
    if len(targets) < options.least:
        print(f"{len(targets)} statuses with a target, wanted at least {options.least}", file=sys.stderr)
    if heartbeats < 5:
        print(f"{heartbeats} heartbeats, wanted at least 5", file=sys.stderr)
    return 1 if unknown or len(targets) < options.least or heartbeats < 5 else 0


if __name__ == "__main__":
    sys.exit(main())
