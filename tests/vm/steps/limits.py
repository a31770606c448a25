"""A request with limits is enforced or rejected, and spoils no cgroup for what comes after it.

With cpu or pids enabled in a cgroup that has processes, no cgroup below takes a process any more (the
kernel's admin-guide/cgroup-v2, "Threads"): neither a command of the agent nor a reload by systemd. The
agent's own cgroup has processes under systemd before 254 (there basicagent-commands.service has the
cgroups), without Delegate, in a scope, and at the root of a container's cgroup namespace.
"""

MINUTES = 2
SUITES = ["bookworm", "trixie"]

LIMITS = {"memory": 64 << 20, "cpu": 50, "pids": 40}
# The cgroup of the agent, and what enabling a controller in it would change.
STATE = """d=/sys/fs/cgroup$(cut -d: -f3 /proc/$(pgrep -ox BasicAgent)/cgroup)
for f in cgroup.type cgroup.subtree_control; do echo "$f: $(cat $d/$f)"; done"""
# The limits of the command that runs this.
OWN_LIMITS = """d=/sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)
cat $d/memory.max $d/cpu.max $d/pids.max"""


def run(guest):
    guest.sh("systemctl start basicagent", must=True)
    commands_go_on(guest, "the shipped unit", is_enforced=True)
    guest.check(guest.sh("systemctl reload basicagent; echo $?") == "0\n", "the unit reloads after limits")
    long = {"method": "async.bash", "id": "long", "cmd": f"while sleep 1; do {OWN_LIMITS} >/root/limits; done", "limits": LIMITS}
    guest.check(guest.ask(long)["retcode"] == 0, "a task with limits is accepted after the reload")
    still_limited(guest, "the shipped unit")
    guest.sh("systemctl kill -s KILL --kill-who=main basicagent")
    answers(guest)
    still_limited(guest, "the shipped unit after kill -9")
    commands_go_on(guest, "the shipped unit after kill -9, with a task from before", is_enforced=True)
    guest.check(guest.sh("systemctl restart basicagent; echo $?") == "0\n", "the unit restarts after limits")
    answers(guest)
    still_limited(guest, "the shipped unit after a restart")
    commands_go_on(guest, "the shipped unit after a restart", is_enforced=True)
    guest.sh("systemctl stop basicagent", must=True)
    still_limited(guest, "the stopped unit")
    guest.sh("systemctl start basicagent", must=True)
    answers(guest)
    guest.ask({"method": "async.cancel", "task": "long"})
    guest.wait(lambda output: '"ended"' in output, """ask '{"id":"s","method":"async.status","task":"long"}'""")
    bounded(guest)
    guest.sh("systemctl stop basicagent basicagent-commands", must=True)

    guest.sh("mkdir -p /run/basicagent; systemd-run -q --unit=plain BasicAgent", must=True)
    commands_go_on(guest, "a unit without Delegate", is_enforced=False)
    guest.sh("systemctl stop plain; (systemd-run -q --scope BasicAgent >/dev/null 2>&1 &)")
    commands_go_on(guest, "a scope", is_enforced=False)
    guest.sh("pkill -x BasicAgent; while pgrep -x BasicAgent; do sleep 0.1; done")
    guest.sh("""systemd-run -q --unit=container -p Delegate=yes unshare -C -m bash -c '
        mount --make-rprivate /; umount -l /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup
        exec BasicAgent'""", must=True)
    commands_go_on(guest, "the root of a cgroup namespace, as in a container", is_enforced=False)
    guest.sh("systemctl stop container", must=True)


def still_limited(guest, place):
    """Checks that the task from before runs on within its limits."""
    guest.sh("rm -f /root/limits")
    limits = guest.wait(lambda output: output.count("\n") == 3, "cat /root/limits")
    guest.check(limits == "67108864\n50000 100000\n40\n", f"{place}: the task's limits are kept", limits)


def bounded(guest):
    """Checks that the kernel holds a command to each limit."""
    fill = "python3 -c 'x = bytearray(200 << 20)'; echo survived"
    reply = guest.ask({"method": "sync.bash", "cmd": fill, "limits": {"memory": 64 << 20}})
    guest.check("survived" not in str(reply.get("data")) and "memory" in str(reply), "memory beyond the limit ends the command", reply)
    forks = "for n in $(seq 60); do sleep 5 & done 2>/dev/null; jobs -p | wc -l"
    reply = guest.ask({"method": "sync.bash", "cmd": forks, "limits": {"pids": 20}})
    guest.check(reply["retcode"] != 0 or int(reply["data"].split()[-1]) < 20, "no more processes than the limit are there", reply)
    busy = "end=$((SECONDS + 4)); while [ $SECONDS -lt $end ]; do :; done; grep nr_throttled /sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)/cpu.stat"
    reply = guest.ask({"method": "sync.bash", "cmd": busy, "limits": {"cpu": 20}})
    guest.check(int((str(reply.get("data")).split() or [0])[-1]) > 0, "processor time beyond the limit is withheld", reply)


def answers(guest):
    ping = '{"id":"ping","method":"agent.ping"}'
    guest.wait(lambda output: "success" in output, f"ask '{ping}'")


def commands_go_on(guest, place, is_enforced):
    """Asks for each limit in turn, and for commands, a task and a job in between."""
    answers(guest)
    state = guest.sh(STATE)
    guest.check("cgroup.type: domain\n" in state, f"{place}: the cgroup of the agent takes processes", state)
    all_three = guest.ask({"method": "sync.bash", "cmd": OWN_LIMITS, "limits": LIMITS})
    if is_enforced:
        guest.check(all_three.get("data") == "67108864\n50000 100000\n40\n", f"{place}: limits are enforced", all_three)
    else:
        guest.check(all_three["retcode"] == 3033, f"{place}: limits are rejected", all_three)
    for name, limit in LIMITS.items():
        request = {"method": "sync.bash", "cmd": "echo limited", "limits": {name: limit}}
        limited = guest.ask(request)
        guest.check(limited["retcode"] == (0 if is_enforced else 3033), f"{place}: {name} alone", limited)
        plain = guest.ask({"method": "sync.bash", "cmd": "cat /proc/self/cgroup"})
        guest.check("/basicagent." in str(plain.get("data")),
                    f"{place}: after {name}, a command runs in a cgroup of its own", plain)
    task = f"task in {place}"
    guest.ask({"method": "async.bash", "id": task, "cmd": "exit 7"})
    status = guest.wait(lambda output: '"ended"' in output,
                        f"""ask '{{"id":"status","method":"async.status","task":"{task}"}}'""")
    guest.check('"retcode":7' in status, f"{place}: a task runs after limits", status)
    guest.check(guest.sh(STATE) == state, f"{place}: the cgroup of the agent is as before", guest.sh(STATE))
