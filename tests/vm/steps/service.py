"""Tasks go on through stop, restart and reload of the unit; time-outs end trees; the journal has severities."""

import json

from packages import CTL, join_line, online, start_controller

SUITES = ["bookworm", "trixie"]

# A task that runs until the test lets it go.
TASK = "echo $$ >/root/pid; while [ ! -e /root/go ]; do sleep 0.2; done; echo finished"
# A tree that its group and session do not hold together, and that ignores SIGTERM.
TREE = 'trap "" TERM; (setsid bash -c "trap \\"\\" TERM; sleep 7777 & sleep 7777" &); sleep 7777'


def run(guest):
    guest.sh("systemd-sysusers", must=True)
    start_controller(guest)
    guest.sh(join_line(guest), must=True)
    guest.sh("systemctl enable --now basicagent", must=True)
    host = online(guest)
    guest.check(host != "", "the host is online", guest.sh("journalctl -u basicagent --no-pager"))
    for what, script in (
        ("reload", "systemctl reload basicagent"),
        ("restart", "systemctl restart basicagent"),
        ("stop and start", "systemctl stop basicagent && kill -0 $(cat /root/pid) && systemctl start basicagent"),
        ("kill -9", "systemctl kill -s KILL --kill-who=main basicagent; sleep 2"),
    ):
        goes_on(guest, host, what, script)
    a_stop_ends_commands(guest)
    time_outs(guest)
    severities(guest)


def state(guest, task):
    return guest.ask({"method": "async.status", "task": task}).get("data") or {}


def answers(guest):
    ping = '{"id":"ping","method":"agent.ping"}'
    return guest.wait(lambda output: "success" in output, f"ask '{ping}'")


def goes_on(guest, host, what, script):
    """Checks that a task runs through what the script does, and that its result is delivered."""
    task = f"during-{what.replace(' ', '-')}"
    guest.sh("rm -f /root/go /root/pid")
    guest.ask({"method": "async.bash", "id": task, "cmd": TASK})
    guest.wait(lambda output: output.strip(), "cat /root/pid")
    output = guest.sh(f"{script}; echo status $?")
    guest.check("status 0" in output, f"{what}: systemd does it, and the task runs meanwhile", output)
    answers(guest)
    alive = guest.sh("kill -0 $(cat /root/pid) && echo alive")
    guest.check("alive" in alive, f"{what}: the task runs on", alive)
    now = state(guest, task)
    guest.check(now.get("state") == "running", f"{what}: the agent knows that it runs", now)
    guest.sh("touch /root/go")
    result = guest.sh(f"{CTL} --host {host} task result {task} --wait 60; echo status $?")
    guest.check(result == "finished\nstatus 0\n", f"{what}: the task ends by itself, and its result is delivered", result)


def a_stop_ends_commands(guest):
    """Checks that a stop ends commands that a client waits for, and is over soon."""
    guest.sh("""systemd-run -q --unit waits ask '{"id":"w","method":"sync.bash","cmd":"sleep 5555"}'""")
    guest.wait(lambda output: output.strip(), "pgrep -xf 'sleep 5555'")
    left = guest.sh("systemctl stop basicagent; pgrep -xf 'sleep 5555'")
    unit = guest.unit()
    stopped = [left, unit["ActiveState"], unit["Result"]]
    guest.check(stopped == ["", "inactive", "success"], "a stop ends the commands that run, and succeeds", stopped)
    guest.sh("systemctl start basicagent", must=True)
    answers(guest)


def time_outs(guest):
    reply = guest.ask({"method": "sync.bash", "cmd": TREE, "timeout": 2})
    guest.check(reply["retcode"] == 3031, "a command ends at its time-out", reply)
    left = guest.sh("pgrep -xf 'sleep 7777'")
    guest.check(left == "", "its whole tree ends with it", left)
    guest.ask({"method": "async.bash", "id": "limited", "cmd": TREE, "timeout": 8})
    guest.wait(lambda output: output.strip(), "pgrep -xf 'sleep 7777'")
    guest.sh("systemctl restart basicagent", must=True)
    ended = guest.wait(lambda output: "3031" in output, "ask '" + json.dumps(
        {"id": "s", "method": "async.status", "task": "limited"}) + "'")
    guest.check("3031" in ended, "a task ends at its time-out, also after a restart of the agent", ended)
    left = guest.sh("pgrep -xf 'sleep 7777'")
    guest.check(left == "", "its whole tree ends with it", left)


def severities(guest):
    """Checks that journalctl can tell what is serious, and that a start that no restart mends is not repeated."""
    guest.sh("systemctl stop basicagent-controller; sleep 3; systemctl start basicagent-controller")
    online(guest)
    guest.sh("cp /etc/basicagent/agent.toml /root/; echo 'prot = 1' >>/etc/basicagent/agent.toml")
    guest.sh("systemctl restart basicagent; sleep 3")
    failed = guest.failed_for_good()
    guest.check(failed is True, "an agent with a wrong setting ends with status 2 and is not started again", failed)
    lines = guest.sh("journalctl -u basicagent -t BasicAgent -o json --no-pager")
    levels = {}
    for line in map(json.loads, lines.splitlines()):
        levels.setdefault(line["PRIORITY"], line["MESSAGE"])
    guest.check({"3", "4", "6"} <= set(levels), "the journal has errors, warnings and notes by severity", levels)
    errors = guest.sh("journalctl -u basicagent -t BasicAgent -p err -o cat --no-pager -n 1")
    guest.check("agent.toml:" in errors, "the last error names the file and line", errors)
    guest.sh("mv /root/agent.toml /etc/basicagent/; systemctl start basicagent", must=True)
    answers(guest)
