"""Power cuts at random while tasks are accepted, run and delivered lose no task and start none twice.

CUTS says how many (5; `make power-cuts CUTS=100`), WITHIN how many seconds at most, SEED which. qemu is
killed: what the guest has not synced is gone. What a task or its client saw is written to a console of the
guest, outside of its disk. The control, the same agent without fsync(2), must lose tasks: so the cuts are
real.
"""

import json
import os
import random
import subprocess
import time

from packages import TOKEN, join_line, online, start_controller

MINUTES = 4
CUTS = int(os.environ.get("CUTS", "5"))
WITHIN = float(os.environ.get("WITHIN", "inf"))
SEED = int(os.environ.get("SEED", str(time.time_ns() % 1000000)))
# The end of a line during which the power went.
CUT = "POWER CUT"
# A cut comes after so many events of a round, or so many seconds, at the latest.
EVENTS, LATEST = 150, 30.0
# One cut in so many comes while the guest still boots, within so many seconds.
BOOTS, WHILE_BOOTING = 5, 25.0
# The most cuts until the control has lost a task.
CONTROL = 6
# How long the controller may take to have every result, in seconds.
DELIVERED = 300

NO_SYNC = """
int fsync(int fd) { return 0; }
int fdatasync(int fd) { return 0; }
int sync_file_range(int fd, long offset, long length, unsigned flags) { return 0; }
"""

# Prints "TASK RETCODE" for each result that the controller has of the host.
RESULTS = """
import json, sys, urllib.request
host, token, after = sys.argv[1], open(sys.argv[2]).read().strip(), 0
while True:
    url = f"http://127.0.0.1:7480/api/v1/hosts/{host}/results?limit=1000&after={after}"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    page = json.load(urllib.request.urlopen(request))
    for row in page["results"]:
        print(row["task"], row["result"]["retcode"])
    if "next" not in page:
        break
    after = page["next"]
"""


def run(guest):
    chance = random.Random(SEED)
    print(f"        CUTS={CUTS} SEED={SEED}")
    host = prepare(guest)
    cuts, end = 0, time.monotonic() + WITHIN
    while cuts < CUTS and time.monotonic() < end:
        one_cut(guest, chance, cuts)
        cuts += 1
    judge(guest, host, cuts)

    without_sync(guest)
    # The judge's own round is the one that follows the last cut.
    for cut in range(cuts + 1, cuts + 1 + CONTROL):
        one_cut(guest, chance, cut)
        if forgotten(read(guest)):
            break
    guest.check(forgotten(read(guest)), "the control, an agent without fsync, forgets tasks that it accepted")


def prepare(guest):
    """Lets the host join, and lets both start at every boot; returns the host's id."""
    # No task begins before the console is there.
    guest.sh("""systemd-sysusers; echo virtio_console >/etc/modules-load.d/console.conf
        mkdir -p /etc/systemd/system/basicagent.service.d
        printf '[Unit]\\nRequires=dev-hvc0.device\\nAfter=dev-hvc0.device\\n' >/etc/systemd/system/basicagent.service.d/console.conf
        systemctl daemon-reload""", must=True)
    start_controller(guest)
    guest.sh(join_line(guest), must=True)
    guest.sh("systemctl enable --now basicagent", must=True)
    host = online(guest)
    with open(os.path.join(os.path.dirname(os.path.dirname(__file__)), "load.py")) as program:
        guest.put("/root/load.py", program.read())
    guest.put("/root/results.py", RESULTS)
    return host


def one_cut(guest, chance, cut):
    """Loads the agent, cuts the power at a random moment, and boots again."""
    load(guest, cut, chance.random())
    wait = time.monotonic() + 180
    while f"begun {cut}\n" not in text(guest):
        if time.monotonic() > wait:
            raise TimeoutError(guest.sh("systemctl status load basicagent --no-pager"))
        time.sleep(0.1)
    before, events, latest = text(guest).count("\n"), chance.randint(0, EVENTS), time.monotonic() + LATEST
    while text(guest).count("\n") < before + events and time.monotonic() < latest:
        time.sleep(0.02)
    cut_off(guest)
    if chance.random() < 1 / BOOTS:
        guest.launch()
        time.sleep(chance.uniform(0, WHILE_BOOTING))
        cut_off(guest)
    guest.start()


def cut_off(guest):
    guest.cut_power()
    # Marks a line that was cut off, too.
    with open(guest.events, "a") as file:
        file.write(f" {CUT}\n")


def load(guest, cut, seed, most=10000):
    """Starts the load, which first repeats what was sent and not repeated yet, and then sends so many tasks at most."""
    seen = read(guest)
    requests = [line for task, line in seen["sent"].items() if task not in seen["again"]]
    guest.put("/root/again", "\n".join(json.dumps(line) for line in requests))
    guest.sh(f"sed -i /^$/d /root/again; systemd-run -q --unit load python3 /root/load.py {cut} {seed} {most}", must=True)


def text(guest):
    try:
        with open(guest.events, errors="replace") as file:
            return file.read().replace("\r", "")
    except FileNotFoundError:
        return ""


def read(guest):
    """Returns what was seen: each request sent, and the tasks in each event."""
    seen = {"sent": {}, "accepted": [], "rejected": [], "again": {}, "started": [], "ended": []}
    for line in text(guest).split("\n")[:-1]:
        if line.endswith(CUT):
            continue
        event, _, rest = line.partition(" ")
        if event == "sent":
            request = json.loads(rest)
            seen["sent"][request["id"]] = request
        elif event == "again":
            task, retcode, message = rest.split(" ", 2)
            seen["again"][task] = (int(retcode), message)
        elif event in seen:
            seen[event].append(rest.split()[0])
    return seen


def forgotten(seen):
    """Returns the tasks that the agent accepted and did not know after the power cut."""
    accepted = set(seen["accepted"])
    return [task for task, answer in seen["again"].items() if task in accepted and answer != (0, "Known")]


def judge(guest, host, cuts):
    """Checks that every task has the one result that its own story allows."""
    repeated = set(read(guest)["again"])
    load(guest, cuts, 0, most=0)
    last = max(read(guest)["sent"], key=lambda task: [int(part) for part in task.split(".")])
    end = time.monotonic() + DELIVERED
    while last not in read(guest)["again"] and time.monotonic() < end:
        time.sleep(0.5)
    guest.check(last in read(guest)["again"], "what was under way at the last cut is sent again in time")
    # Tasks that are new to the agent end here; those of 100000 s have met no cut.
    seen = read(guest)
    new = {task for task, answer in seen["again"].items() if answer == (0, "Accepted") and task not in repeated}
    for task in new:
        guest.ask({"method": "async.cancel", "task": task})
    accepted = set(seen["accepted"]) | {task for task, answer in seen["again"].items() if answer[0] == 0}
    command = f"python3 /root/results.py {host} {TOKEN}"
    results, end = {}, time.monotonic() + DELIVERED
    while time.monotonic() < end:
        rows = [line.split() for line in guest.sh(command, wait=300).splitlines()]
        results = {task: int(retcode) for task, retcode in rows}
        if accepted <= set(results):
            break
        time.sleep(1)
    before, seen = accepted - new, read(guest)
    started, ended = set(seen["started"]), set(seen["ended"])
    interrupted = [task for task in before if results.get(task) == 3035]
    print(f"        {text(guest).count(CUT)} cuts: {len(before)} tasks accepted, {len(interrupted)} of them interrupted (3035), "
          f"{len(set(seen['sent']) - set(seen['accepted']))} under way at a cut")
    guest.check(before, "tasks are accepted")
    guest.check(not seen["rejected"], "no task is rejected", seen["rejected"][:5])
    guest.check(accepted <= set(results), "no accepted task is lost", sorted(accepted - set(results))[:5])
    guest.check(not forgotten(seen), "the agent knows every accepted task after a cut", forgotten(seen)[:5])
    twice = sorted(task for task in started if seen["started"].count(task) > 1)
    guest.check(not twice, "no task starts twice", twice[:5])
    several = sorted(task for task in results if sum(row[0] == task for row in rows) > 1)
    guest.check(not several, "no task has two results", several[:5])
    running = sorted(task for task in before & started - ended)
    wrong = [(task, results.get(task)) for task in running if results.get(task) != 3035]
    guest.check(running and not wrong, "tasks that ran at a cut are reported as 3035", wrong[:5] or running)
    wrong = [(task, results[task]) for task in before & set(results)
             if results[task] not in (0, 3035) or results[task] == 0 and task not in ended]
    guest.check(not wrong, "every other task is reported as it ended", wrong[:5])
    errors = guest.sh("journalctl -p err -u basicagent -u basicagent-controller -o cat --no-pager; systemctl --failed --no-legend")
    guest.check(errors == "", "the stores of agent and controller are readable after every cut", errors)


def without_sync(guest):
    """Puts a library before the agent in which fsync(2) does nothing."""
    library = os.path.join(guest.work, "nosync.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, "-x", "c", "-"], input=NO_SYNC, text=True, check=True)
    encoded = subprocess.run(["base64", library], check=True, capture_output=True, text=True).stdout
    guest.put("/root/nosync.b64", encoded)
    guest.sh("""base64 -d /root/nosync.b64 >/usr/local/lib/nosync.so
        mkdir -p /etc/systemd/system/basicagent.service.d
        printf '[Service]\\nEnvironment=LD_PRELOAD=/usr/local/lib/nosync.so\\n' >/etc/systemd/system/basicagent.service.d/nosync.conf
        systemctl daemon-reload; systemctl restart basicagent; sync""", must=True)
    guest.check("nosync" in guest.sh("cat /proc/$(pgrep -ox BasicAgent)/maps"), "the control's agent runs without fsync")
