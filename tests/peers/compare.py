"""Compares what was sent with what a peer received, field by field.

In: two files of JSON lines, {"type", "fields", "srcSystem", "srcComponent", "seq"} each. Out: counts by type; exit 1 if
a received message of the sender was never sent, differs in a field, or if too many are missing. Messages are paired in
order by sequence number and type, so that a loss on the way shifts nothing.
"""

import argparse
import json
import sys
from collections import Counter


def load(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sent", help="written by the sender")
    parser.add_argument("received", help="written by the peer")
    parser.add_argument("--allow-lost", type=int, default=0, help="messages that may be missing between first and last")
    parser.add_argument("--require", nargs="*", default=["HEARTBEAT", "COMMAND_ACK"], help="types that must be there")
    options = parser.parse_args()

    sent = load(options.sent)
    if not sent:
        print(f"{options.sent} holds no message, wanted some", file=sys.stderr)
        return 1
    source = (sent[0]["srcSystem"], sent[0]["srcComponent"])
    received = [m for m in load(options.received) if (m["srcSystem"], m["srcComponent"]) == source]

    failures = []
    at = 0
    first = None
    pairs = 0
    for message in received:
        # A sequence number comes back after 256 messages: a pair is never further away.
        window = range(at, min(at + 256, len(sent)) if first is not None else len(sent))
        match = next((i for i in window if (sent[i]["seq"], sent[i]["type"]) == (message["seq"], message["type"])), None)
        if match is None:
            failures.append(f"received {message['type']} with sequence {message['seq']} that was not sent here")
            continue
        first = match if first is None else first
        at = match + 1
        pairs += 1
        for name in sorted(sent[match]["fields"].keys() | message["fields"].keys()):
            ours = sent[match]["fields"].get(name, "missing")
            theirs = message["fields"].get(name, "missing")
            if ours != theirs:
                failures.append(f"{message['type']} {message['seq']}: {name} was sent as {ours!r}, received as {theirs!r}")
    lost = at - (first or 0) - pairs
    if lost > options.allow_lost:
        failures.append(f"{lost} messages were lost between the first and the last received, wanted at most {options.allow_lost}")
    counts = Counter(m["type"] for m in received)
    failures += [f"no {kind} was received" for kind in options.require if not counts[kind]]

    print(json.dumps({"sent": len(sent), "received": len(received), "equal": pairs, "lost": lost, "types": counts}))
    for failure in failures[:20]:
        print(failure, file=sys.stderr)
    if len(failures) > 20:
        print(f"and {len(failures) - 20} more", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
