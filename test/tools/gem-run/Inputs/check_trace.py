# Checks a file of gem-run --trace: what Chrome's trace format wants of each event, that
# events nest, and that commands lie in order within the run they are of. Prints what the
# file holds.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import json
import sys


def fail(message, event=None):
    sys.exit(f"{sys.argv[1]}: {message}{'' if event is None else f': {event}'}")


def end(event):
    return event["ts"] + event["dur"]


with open(sys.argv[1], encoding="utf-8") as file:
    document = json.load(file)
if not document["otherData"]["producer"].startswith("gem-run "):
    fail("no producer")
if document["displayTimeUnit"] not in ("ns", "ms"):
    fail("viewers know ns and ms only")
events = document["traceEvents"]
metadata = [event for event in events if event["ph"] == "M"]
spans = [event for event in events if event["ph"] == "X"]
if len(metadata) + len(spans) != len(events):
    fail("an event that is neither a span nor metadata")
if sorted(event["name"] for event in metadata) != ["process_name", "thread_name"]:
    fail("expected the names of a process and a thread")
tracks = {(event["pid"], event["tid"]) for event in events}
if len(tracks) != 1:
    fail(f"expected one track, got {tracks}")
for event in spans:
    if not event["name"] or event["cat"] not in ("open", "text", "run", "command"):
        fail("name or category", event)
    if event["ts"] < 0 or event["dur"] < 0:
        fail("time", event)

# Any two are apart or one lies within the other. Times have three decimals.
TOLERANCE = 1e-4
stack = []
for event in sorted(spans, key=lambda event: (event["ts"], -event["dur"])):
    while stack and end(stack[-1]) <= event["ts"] + TOLERANCE:
        stack.pop()
    if stack and end(event) > end(stack[-1]) + TOLERANCE:
        fail("overlaps the one before it", event)
    if event["cat"] == "command" and (not stack or stack[-1]["cat"] != "run"):
        fail("a command outside of a run", event)
    if event["cat"] != "command" and stack:
        fail(f"lies within '{stack[-1]['name']}'", event)
    stack.append(event)

commands = [event for event in spans if event["cat"] == "command"]


def commands_of(run):
    return [e for e in commands if run["ts"] <= e["ts"] + TOLERANCE and e["ts"] < end(run)]


for run in [event for event in spans if event["cat"] == "run"]:
    own = commands_of(run)
    if [event["args"]["command"] for event in own] != list(range(len(own))):
        fail("commands out of order", run)
    for event in own:
        kernel = event["args"]["kernel"]
        if event["name"].split(" ")[0] != kernel:
            fail("its name does not begin with its kernel", event)
        if kernel.startswith("LINEAR") and (event["args"]["macs"] <= 0
                                            or event["args"]["weight_bytes"] <= 0
                                            or not event["args"]["format"]):
            fail("no work", event)

for event in spans:
    if event["cat"] == "open":
        print(f"{event['name']}: {event['args']['status']}: {event['args']['message']}")
    elif event["cat"] == "text":
        print(f"tokenize: {event['args']['bytes']} bytes, {event['args']['tokens']} tokens")
    elif event["cat"] == "run":
        print(f"{event['name']}: {event['args']['status']}: {event['args']['tokens']} tokens, "
              f"{len(commands_of(event))} commands")
    elif event["args"]["command"] == 0:
        print(f"first command: {event['name']}")
