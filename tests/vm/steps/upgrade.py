"""A fleet's upgrade as a run: the new agent connects, or the old one comes back, also after a power cut."""

import re

from packages import BUILT, CRASHES, CTL, GOOD, MUTE, join_line, online, start_controller

PACKAGES = True
MINUTES = 5

INSTALLED = "dpkg-query -W -f '${Version}' basicagent"


def run(guest):
    guest.sh(f"apt-get install -qy basicagent-controller basicagent-ctl basicagent=$({BUILT})", must=True)
    start_controller(guest)
    guest.sh(join_line(guest), must=True)
    guest.sh("systemctl enable --now basicagent", must=True)
    online(guest)
    first = guest.sh(INSTALLED)

    for version, what in ((CRASHES, "crashes at its start"), (MUTE, "finds no controller")):
        output = upgrade(guest, version)
        guest.check("status 4" in output and f"{first} is back" in whole(guest, output), f"an agent that {what} makes the run fail", output)
        guest.check(guest.sh(INSTALLED) == first, f"the old version is installed after one that {what}")
        guest.check(online(guest) != "", f"the host is online again after an agent that {what}")

    output = upgrade(guest, GOOD)
    guest.check("status 0" in output, "a good upgrade succeeds as a run", output)
    guest.check(guest.sh(INSTALLED) == GOOD and online(guest) != "", "the new version is installed and online")

    for seconds in (2, 6, 12):
        guest.sh(f"({CTL} run -l '' --upgrade basicagent={MUTE} --window 30s --yes >/dev/null 2>&1 &) ; sleep {seconds}")
        guest.cut_power()
        guest.start()
        guest.check(online(guest) != "", f"after a power cut {seconds} s into an upgrade the host comes back",
                    guest.sh("cat /var/lib/basicagent-upgrade/log; journalctl -b -u basicagent -u basicagent-upgrade --no-pager | tail -40"))
        guest.check(guest.wait(lambda output: output == GOOD, INSTALLED) == GOOD, "with the version of before")
        guest.wait(lambda output: "yes" not in output, "test -e /var/lib/basicagent-upgrade/order && echo yes")


def upgrade(guest, version):
    return guest.sh(f"{CTL} run -l '' --upgrade basicagent={version} --window 30s --yes 2>&1; echo status $?", wait=300)


def whole(guest, output):
    """Returns the whole output of the host in a run that printed this."""
    run = re.search(r"^run (\S+) ", output, re.M)
    host = online(guest)
    return guest.sh(f"{CTL} run output {run[1]} --host {host}") if run else ""
