"""Prints what BasicAgent and its peers cost, as the tables of README.md and BENCHMARKS.md.

    measure.py DIRECTORY_OF_THE_BINARIES DIRECTORY_OF_THE_PEERS
"""

import statistics
import sys
import tempfile
import time

from tools import HOSTS, available, remove

ROUNDS = 20
IDLE_SECONDS = 60
# Until what a start needs is over: a worker that answered for facts ends after 30 s.
SETTLE_SECONDS = 45


def timed(tool, what):
    """Returns the milliseconds of each of the rounds, after one that is not counted."""
    what()
    times = []
    for _ in range(ROUNDS):
        begin = time.monotonic()
        what()
        times.append((time.monotonic() - begin) * 1000)
    return times


def fleet(tool):
    """Prints the row of a controller with its hosts."""
    tool.start()
    try:
        time.sleep(SETTLE_SECONDS)
        used = tool.controller.cpu(), tool.agents.cpu()
        times = timed(tool, tool.on_all)
        spent = tool.controller.cpu() - used[0], tool.agents.cpu() - used[1]
        rounds = ROUNDS + 1
        print(
            f"| {tool.name} | {statistics.median(times):.0f} ms | {max(times):.0f} ms "
            f"| {spent[0] / rounds * 1000:.0f} ms | {spent[1] / rounds / HOSTS * 1000:.1f} ms "
            f"| {tool.controller.memory():.0f} MiB | {tool.agents.memory() / HOSTS:.1f} MiB |",
            flush=True,
        )
    finally:
        tool.stop()


def single(tool):
    """Prints the row of one agent."""
    tool.start()
    try:
        time.sleep(SETTLE_SECONDS)
        used, slept = tool.agents.cpu(), tool.agents.switches()
        time.sleep(IDLE_SECONDS)
        idle, wakes = tool.agents.cpu() - used, tool.agents.switches() - slept
        memory = tool.agents.memory()
        command = "| – | – |"
        if tool.on_one:
            used = tool.agents.cpu()
            times = timed(tool, tool.on_one)
            spent = (tool.agents.cpu() - used) / (ROUNDS + 1) * 1000
            command = f"| {statistics.median(times):.1f} ms | {spent:.1f} ms |"
        print(
            f"| {tool.name} | {memory:.1f} MiB | {wakes * 60 / IDLE_SECONDS:.0f} "
            f"| {idle * 60000 / IDLE_SECONDS:.0f} ms {command}",
            flush=True,
        )
    finally:
        tool.stop()


def main():
    directory = tempfile.mkdtemp(prefix="peers.")
    fleets, singles = available(sys.argv[1], sys.argv[2], directory)
    try:
        print(f"\n`true` on {HOSTS} hosts, {ROUNDS} times, by the tool's own command:\n")
        print("| | median | slowest | CPU: controller | CPU: an agent ", end="")
        print("| memory (PSS): controller | memory: an agent |")
        print("|---|---|---|---|---|---|---|", flush=True)
        for tool in fleets:
            fleet(tool)
        print(f"\nOne agent: at rest for {IDLE_SECONDS} s, and `true` {ROUNDS} times:\n")
        print("| | memory (PSS) | wake-ups/min | CPU/min | one command | its CPU |")
        print("|---|---|---|---|---|---|", flush=True)
        for tool in singles:
            single(tool)
    finally:
        remove(directory)


if __name__ == "__main__":
    main()
