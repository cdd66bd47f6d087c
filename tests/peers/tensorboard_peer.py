"""Opens event files with TensorBoard's own reader and compares what it shows with what was written.

In: the folder, and a file with one JSON object, {tag: {step: value}}. Out: a line of counts; exit 1 if a tag or a step is
missing or was not written, or a value differs (by more than the rounding to 32 bits, which is the format's). The files
are those of an interrupted and resumed run: what the resumed session did again must be there once, as it last was.
"""

import argparse
import json
import struct
import sys

from tensorboard.backend.event_processing import event_accumulator


def single(value):
    """The nearest 32-bit float."""
    return struct.unpack("<f", struct.pack("<f", value))[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("written")
    options = parser.parse_args()
    with open(options.written, encoding="utf-8") as file:
        written = json.load(file)

    # 0: keep every value, where a picture would need a sample alone.
    reader = event_accumulator.EventAccumulator(options.folder, size_guidance={event_accumulator.SCALARS: 0})
    reader.Reload()
    failures = []
    shown = set(reader.Tags()[event_accumulator.SCALARS])
    for tag in sorted(shown ^ written.keys()):
        failures.append(f"{tag} is {'shown but was not written' if tag in shown else 'not shown'}")
    values = 0
    for tag in sorted(shown & written.keys()):
        events = reader.Scalars(tag)
        steps = [event.step for event in events]
        wanted = {int(step): single(value) for step, value in written[tag].items()}
        if steps != sorted(wanted):
            first = next((s for s in sorted(wanted) + steps if (s in wanted) != (steps.count(s) == 1)), "the order")
            failures.append(f"{tag}: {len(steps)} steps are shown, wanted {len(wanted)}; first that differs: {first}")
            continue
        for event in events:
            values += 1
            if event.value != wanted[event.step]:
                failures.append(f"{tag} at step {event.step} is {event.value!r}, wanted {wanted[event.step]!r}")
        times = [event.wall_time for event in events]
        if times != sorted(times) or not all(1.6e9 < time < 2e9 for time in times):
            failures.append(f"{tag}: the times {times[:3]}.. are not rising seconds since 1970")

    print(json.dumps({"tags": len(shown), "values": values, "file_version": reader.file_version}))
    if reader.file_version != 2.0:
        failures.append(f"file version {reader.file_version}, wanted 2")
    for failure in failures[:20]:
        print(failure, file=sys.stderr)
    return 1 if failures or not values else 0


if __name__ == "__main__":
    sys.exit(main())
