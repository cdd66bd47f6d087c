"""Writes down every message that arrives, one line of JSON each; says nothing itself.

In: UDP datagrams to a port, or a serial device. Out: lines as `pymavlink_peer.py` writes them.
"""

import argparse
import json
import sys
import time

from pymavlink_peer import as_line, mavutil


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--udp", type=int, metavar="PORT")
    where.add_argument("--serial", metavar="PATH")
    parser.add_argument("--baud", type=int, default=921600)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--out", required=True, metavar="FILE.jsonl")
    options = parser.parse_args()
    device = f"udpin:0.0.0.0:{options.udp}" if options.udp else options.serial
    link = mavutil.mavlink_connection(device, baud=options.baud, dialect="common")
    end = time.monotonic() + options.seconds
    with open(options.out, "w", encoding="utf-8") as out:
        while time.monotonic() < end:
            message = link.recv_match(blocking=True, timeout=0.05)
            if message is not None:
                out.write(json.dumps(as_line(message), allow_nan=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
