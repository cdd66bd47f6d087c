"""A ground station (255/190) made of pymavlink: listens, commands the camera, writes down what it hears.

In: UDP datagrams to a port, or a serial device. Out: one line of JSON for each message received, with every field,
NaN as "NaN". It says what a camera component must answer and exits 1 if an acknowledgement is missing, wrong or given
twice. The commands: REQUEST_MESSAGE CAMERA_INFORMATION, SET_MESSAGE_INTERVAL CAMERA_TRACKING_IMAGE_STATUS,
CAMERA_TRACK_POINT, 999 (which nobody has), CAMERA_STOP_TRACKING.
"""

import argparse
import json
import math
import os
import sys
import time

os.environ["MAVLINK20"] = "1"

from pymavlink import mavutil  # noqa: E402  (the variable must be set before the dialect is loaded)

ACCEPTED, TEMPORARILY_REJECTED, UNSUPPORTED = 0, 1, 3
NAN = math.nan


def plain(value):
    """What JSON can hold: NaN as a word, bytes as text, lists item by item."""
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    if isinstance(value, (bytes, bytearray)):
        return value.decode("ascii", "replace")
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def as_line(message):
    fields = {name: plain(getattr(message, name)) for name in message.get_fieldnames()}
    return {
        "type": message.get_type(),
        "fields": fields,
        "srcSystem": message.get_srcSystem(),
        "srcComponent": message.get_srcComponent(),
        "seq": message.get_seq(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--udp", type=int, metavar="PORT", help="listen on this UDP port of all interfaces")
    where.add_argument("--serial", metavar="PATH", help="open this serial device")
    parser.add_argument("--baud", type=int, default=921600, help="bits per second of the serial device")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long to listen; commands take the first half")
    parser.add_argument("--out", required=True, metavar="FILE.jsonl", help="where to write what is received")
    parser.add_argument("--system", type=int, default=1, help="system id of the camera")
    parser.add_argument("--component", type=int, default=100, help="component id of the camera")
    parser.add_argument("--point", type=float, nargs=2, default=(0.75, 0.75), metavar=("X", "Y"), help="where to track")
    parser.add_argument("--point-result", type=int, default=ACCEPTED, help="MAV_RESULT wanted for CAMERA_TRACK_POINT")
    parser.add_argument("--interval-us", type=float, default=100_000.0, help="interval to ask for, microseconds")
    options = parser.parse_args()

    device = f"udpin:0.0.0.0:{options.udp}" if options.udp else options.serial
    link = mavutil.mavlink_connection(
        device, baud=options.baud, source_system=255, source_component=190, dialect="common"
    )
    # (share of the time at which it is said, command, parameters, result wanted)
    script = [
        (0.10, 512, (259, NAN, NAN, NAN, NAN, NAN, NAN), ACCEPTED),
        (0.15, 511, (275, options.interval_us, 0, 0, 0, 0, 0), ACCEPTED),
        (0.20, 2004, (*options.point, 0.1, NAN, NAN, NAN, NAN), options.point_result),
        (0.25, 999, (1, 2, 3, 4, 5, 6, 7), UNSUPPORTED),
        (0.80, 2010, (NAN, NAN, NAN, NAN, NAN, NAN, NAN), ACCEPTED),
    ]
    acks = {command: [] for _, command, _, _ in script}
    counts = {}
    waiting = list(script)
    heard_camera = False
    begin = time.monotonic()
    next_heartbeat = begin
    with open(options.out, "w", encoding="utf-8") as out:
        while (now := time.monotonic()) < begin + options.seconds:
            # Over UDP there is nobody to talk to before the camera has been heard.
            if heard_camera and now >= next_heartbeat:
                link.mav.heartbeat_send(6, 8, 0, 0, 4)
                next_heartbeat = now + 1.0
            if heard_camera and waiting and now >= begin + waiting[0][0] * options.seconds:
                _, command, parameters, _ = waiting.pop(0)
                link.mav.command_long_send(options.system, options.component, command, 0, *parameters)
            message = link.recv_match(blocking=True, timeout=0.01)
            if message is None:
                continue
            line = as_line(message)
            out.write(json.dumps(line, allow_nan=False) + "\n")
            counts[line["type"]] = counts.get(line["type"], 0) + 1
            if (line["srcSystem"], line["srcComponent"]) != (options.system, options.component):
                continue
            heard_camera = True
            if line["type"] == "COMMAND_ACK":
                fields = line["fields"]
                if (fields["target_system"], fields["target_component"]) == (255, 190):
                    acks.setdefault(fields["command"], []).append(fields["result"])

    print(json.dumps({"received": counts, "bad_bytes": counts.get("BAD_DATA", 0), "acks": acks}))
    failures = [f"command {command} was not said: the camera was not heard" for _, command, _, _ in waiting]
    wanted = {command: [result] for _, command, _, result in script}
    for command, results in acks.items():
        if results != wanted.get(command):
            failures.append(f"command {command}: acknowledged {results}, wanted {wanted.get(command)}")
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
