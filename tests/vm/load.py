"""Runs in the guest: sends tasks to its agent until the power goes, load.py ROUND SEED MOST.

What it sees goes to /dev/hvc0, a line an event, where no power cut takes it back. /root/again has the
requests of rounds before that were not repeated yet: they come first, as of a client that got no answer.
"""

import json
import os
import random
import socket
import sys
import time

# Tasks of a round that run until the power goes, and how many others one of them follows.
LONG, OTHERS = 4, 8
# The longest of the other tasks, and the longest pause between two requests, in seconds.
SHORT, PAUSE = 2.0, 0.2
# The longest wait for the agent after a boot, in seconds.
START = 120


def main():
    number, seed, most = sys.argv[1:4]
    chance, agent = random.Random(seed), connect()
    say("begun", number)
    with open("/root/again") as requests:
        for line in requests:
            reply = ask(agent, json.loads(line))
            say("again", json.loads(line)["id"], str(reply["retcode"]), reply["message"])
    for count in range(int(most)):
        name = f"{number}.{count}"
        is_long = count % OTHERS == 0 and count < LONG * OTHERS
        seconds = 100000 if is_long else round(chance.random() * SHORT, 2)
        request = {"id": name, "method": "async.bash",
                   "cmd": f"echo started {name} >/dev/hvc0; sleep {seconds}; echo ended {name} >/dev/hvc0"}
        say("sent", json.dumps(request))
        reply = ask(agent, request)
        say("accepted" if reply["retcode"] == 0 else "rejected", name, reply["message"])
        time.sleep(chance.random() * PAUSE)


def say(*words):
    console = os.open("/dev/hvc0", os.O_WRONLY | os.O_NOCTTY)
    os.write(console, " ".join(words).encode() + b"\n")
    os.close(console)


def connect():
    end = time.monotonic() + START
    while True:
        agent = socket.socket(socket.AF_UNIX)
        try:
            agent.connect("/run/basicagent/agent.sock")
            return agent.makefile("rw")
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def ask(agent, request):
    agent.write(json.dumps(request) + "\n")
    agent.flush()
    return json.loads(agent.readline())


main()
