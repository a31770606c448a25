"""Packages: three commands join a bare system; an upgrade under 100 tasks loses none; purge leaves nothing.

`apt-get install`, the line of a join token, `systemctl enable --now`: no more. The controller runs as a
user of its own, with what systemd-analyze counts as little exposure.
"""

import re
import time

from packages import BUILT, GOOD, join_line, online, start_controller

PACKAGES = True
MINUTES = 3
SUITES = ["bookworm", "trixie"]

TASKS = 100
# Longer than the upgrade takes, in seconds.
LASTS = 90


def run(guest):
    controller(guest)
    joined(guest)
    readable(guest)
    upgraded_under_tasks(guest)
    purged(guest)


def controller(guest):
    guest.sh("apt-get install -qy basicagent-controller basicagent-ctl", must=True, wait=300)
    guest.check(guest.sh("systemctl is-active basicagent-controller; systemctl is-enabled basicagent-controller")
                == "inactive\ndisabled\n", "the installed controller is neither started nor enabled")
    start_controller(guest)
    guest.check("basicagent-controller" in guest.sh("ps -o user:32= -C BasicAgentController; ps -o user:32= -p $(pgrep -o BasicAgentCo)"),
                "the controller has a user of its own")
    level = guest.sh("systemd-analyze security basicagent-controller --no-pager | tail -1")
    exposure = re.search(r": ([0-9.]+) ", level)
    guest.check(exposure and float(exposure[1]) <= 2.0, "systemd counts an exposure of at most 2.0", level)


def joined(guest):
    line = join_line(guest)
    began = time.monotonic()
    guest.sh(f"apt-get install -qy basicagent=$({BUILT})", must=True, wait=300)
    guest.check(guest.sh("systemctl is-active basicagent; systemctl is-enabled basicagent") == "inactive\ndisabled\n",
                "the installed agent is neither started nor enabled")
    guest.sh(line, must=True)
    guest.sh("systemctl enable --now basicagent", must=True)
    guest.check(online(guest) != "", "three commands join a bare system", guest.sh("journalctl -u basicagent --no-pager"))
    print(f"        {time.monotonic() - began:.0f} s for the three commands")


def readable(guest):
    levels = guest.sh("""systemctl stop basicagent-controller; sleep 3; systemctl start basicagent-controller
        journalctl -u basicagent -o json --no-pager | python3 -c '
import json, sys
print(sorted({json.loads(line)["PRIORITY"] for line in sys.stdin}))'""")
    guest.check("'6'" in levels and "'4'" in levels, "the journal has the agent's lines by severity", levels)
    online(guest)


def upgraded_under_tasks(guest):
    guest.sh("echo '# ours' >>/etc/basicagent/agent.toml")
    tasks = [{"method": "async.bash", "id": f"task-{number}",
              "cmd": f"echo {number} >>/root/began; sleep {LASTS}; echo {number} >>/root/ended"} for number in range(TASKS)]
    rejected = [reply for reply in guest.ask_all(tasks) if reply.get("retcode") != 0]
    guest.check(not rejected, f"{TASKS} tasks are accepted", rejected[:3])
    guest.wait(lambda output: int(output or 0) == TASKS, "cat /root/began 2>/dev/null | wc -l")
    guest.sh(f"apt-get install -qy basicagent={GOOD}", must=True, wait=300)
    guest.check(guest.sh("cat /root/ended 2>/dev/null") == "", "all of them still run after the upgrade")
    version = guest.wait(lambda output: GOOD.split("-")[0] in output, "ask '{\"id\": \"a\", \"method\": \"agent.info\"}'")
    guest.check(GOOD.split("-")[0] in version, "the new version runs after the upgrade", version)
    guest.check("# ours" in guest.sh("cat /etc/basicagent/agent.toml"), "the operator's configuration is kept")
    ended = guest.wait(lambda output: int(output or 0) == TASKS, "cat /root/ended 2>/dev/null | wc -l")
    guest.check(int(ended) == TASKS, f"all {TASKS} tasks end in spite of the upgrade", ended)
    guest.check(guest.sh("sort /root/began | uniq -d") == "", "no task starts twice")


def purged(guest):
    guest.sh("apt-get purge -qy basicagent basicagent-controller basicagent-ctl", must=True, wait=300)
    left = guest.sh("""ls -d /var/lib/basicagent* /etc/basicagent* /etc/default/basicagent* /run/basicagent* /usr/lib/basicagent* \\
        /usr/bin/BasicAgent* /usr/bin/boot /usr/share/doc/basicagent* 2>/dev/null
        find /etc/systemd /usr/lib/systemd /lib/systemd -name 'basicagent*'
        ls -d /sys/fs/cgroup/system.slice/basicagent* 2>/dev/null
        pgrep -l BasicAgent""")
    guest.check(left == "", "purge leaves nothing", left)
