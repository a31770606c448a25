"""A fleet is upgraded in stages: a stage goes on only when the hosts of the one before are back with the new version.

The hosts are containers in one guest, each with a systemd, packages and an identity of its own.
"""

import json
import re

from packages import BUILT, CRASHES, CTL, GOOD, TOKEN, join_line, start_controller

PACKAGES = True
MINUTES = 4

HOSTS = ("one", "two")
# The longest wait for a host that loses power, boots, and puts a version in place, in seconds.
SLOW = 480
INSTALLED = "dpkg-query -W -f '${Version}' basicagent"


def run(guest):
    guest.sh("apt-get install -qy basicagent-controller basicagent-ctl", must=True, wait=300)
    start_controller(guest)
    begin(guest)
    first = installed(guest)
    guest.check(len(set(first.values())) == 1 and GOOD not in first.values(), "the hosts join", first)

    output = upgrade(guest, CRASHES, "--stages 1,100%")
    targets = reached(guest, output)
    guest.check("status 4" in output and targets.count("failed") == 1 and len(targets) == len(HOSTS),
                "an agent that crashes fails on the one host of the first stage", [output, targets])
    guest.check(upgraded(guest) == 1, "the other hosts were not touched", [output, upgraded(guest)])
    guest.check(installed(guest) == first, "every host has the old version", installed(guest))
    guest.check(online(guest), "every host is online")

    after_a_cut(guest, first)

    output = upgrade(guest, GOOD, "--stages 1,100%")
    guest.check("status 0" in output, "a good upgrade goes through all stages", output)
    guest.check(set(installed(guest).values()) == {GOOD}, "every host has the new version", installed(guest))
    guest.check(online(guest), "every host is online")
    rows = rows_of(guest, output)
    ended = [row["ended_at"] for row in rows if row["stage"] == min(row["stage"] for row in rows)]
    sent = [row["sent_at"] for row in rows if row["stage"] == max(row["stage"] for row in rows)]
    guest.check(len(ended) == 1 and len(sent) == len(HOSTS) - 1 and max(ended) <= min(sent),
                "the second stage is sent when the first host has reported that its new agent is connected", rows)


def after_a_cut(guest, first):
    """Checks that a host which loses power in the middle of its upgrade ends the run at its stage."""
    guest.sh(f"({CTL} run -l '' --upgrade basicagent={GOOD} --window 30s --yes --stages 1,100% >/root/cut 2>&1; echo status $? >>/root/cut) &")
    busy = guest.wait(lambda output: output.strip(), "\n".join(
        f"test -e /hosts/{host}/root/var/lib/basicagent-upgrade/tried && echo {host}" for host in HOSTS)).split()
    guest.check(len(busy) == 1, "one host is being upgraded", busy)
    guest.sh(f"systemctl kill -s KILL host-{busy[0]}; systemctl stop host-{busy[0]}")
    start(guest, busy[0])
    output = guest.wait(lambda output: "status" in output, "cat /root/cut", wait=SLOW)
    guest.check("status 4" in output, "a host that loses power in the middle makes the run fail", output)
    now = guest.wait(lambda output: output in (GOOD, first[busy[0]]), inside(busy[0], INSTALLED))
    guest.check(now in (GOOD, first[busy[0]]), "it comes back with one of the two versions", now)
    guest.wait(lambda output: "order" not in output, f"ls /hosts/{busy[0]}/root/var/lib/basicagent-upgrade")
    others = {host: version for host, version in installed(guest).items() if host != busy[0]}
    guest.check(set(others.values()) == set(first.values()), "the other hosts were not touched", others)
    guest.check(online(guest), "every host is online")


def begin(guest):
    """Makes a system for each host of the guest's own, in memory, and lets it join."""
    line = join_line(guest)
    guest.sh("mkdir /hosts && mount -t tmpfs -o size=500M tmpfs /hosts", must=True)
    for host in HOSTS:
        guest.sh(f"""set -e
            mkdir -p /hosts/{host}/upper /hosts/{host}/work /hosts/{host}/root
            mount -t overlay -o lowerdir=/,upperdir=/hosts/{host}/upper,workdir=/hosts/{host}/work overlay /hosts/{host}/root
            cd /hosts/{host}/root
            rm -f etc/fstab etc/machine-id etc/systemd/system/*.wants/scripts.service
            rm -f etc/systemd/system/multi-user.target.wants/basicagent-controller.service
            dbus-uuidgen >etc/machine-id; echo {host} >etc/hostname; rm -rf var/lib/basicagent-controller var/log/journal""", must=True)
        start(guest, host)
    for host in HOSTS:
        guest.sh(inside(host, f"apt-get install -qy basicagent=$({BUILT}) && {line} && systemctl enable --now basicagent"),
                 must=True, wait=300)
    guest.check(online(guest), "the hosts are online", guest.sh(f"{CTL} hosts"))


def start(guest, host):
    """Boots a host, with the guest's network, and waits until it runs commands."""
    guest.sh(f"""systemctl reset-failed host-{host} 2>/dev/null
        systemd-run -q --unit host-{host} -p Delegate=yes -p KillMode=mixed systemd-nspawn -bq --register=no --keep-unit \\
            -M {host} -D /hosts/{host}/root --capability=all""", must=True)
    is_up = guest.wait(lambda output: "up" in output, inside(host, "systemctl is-system-running | grep -q 'running\\|degraded' && echo up"))
    if "up" not in is_up:
        raise RuntimeError(guest.sh(f"systemctl status host-{host}; journalctl -u host-{host} -n 30 --no-pager"))


def inside(host, script):
    """Returns the script that runs a script in a host."""
    # 0 is the parent of the guest's own init.
    leader = f"pgrep -P $(systemctl show -P MainPID host-{host} | sed 's/^0$/none/') | head -1"
    return f"nsenter -t $({leader}) -a bash -c {quoted(script)} </dev/null"


def quoted(script):
    return "'" + script.replace("'", "'\\''") + "'"


def installed(guest):
    return {host: guest.sh(inside(host, INSTALLED)).strip() for host in HOSTS}


def upgraded(guest):
    """Returns how many hosts have ever begun an upgrade."""
    return len(guest.sh("ls -d /hosts/*/root/var/lib/basicagent-upgrade 2>/dev/null").split())


def online(guest):
    """Waits until all hosts are online; returns whether they are."""
    names = guest.wait(lambda output: len(output.split()) == len(HOSTS), f"{CTL} hosts --online -o name 2>/dev/null")
    return len(names.split()) == len(HOSTS)


def upgrade(guest, version, more):
    return guest.sh(f"{CTL} run -l '' --upgrade basicagent={version} --window 30s --yes {more} 2>&1; echo status $?", wait=600)


def rows_of(guest, output):
    run = re.search(r"^run (\S+) ", output, re.M)
    if not run:
        return []
    page = guest.sh(f"python3 - <<'END'\nimport urllib.request\n"
                    f"request = urllib.request.Request('http://127.0.0.1:7480/api/v1/runs/{run[1]}/targets',"
                    f" headers={{'Authorization': 'Bearer ' + open('{TOKEN}').read().strip()}})\n"
                    "print(urllib.request.urlopen(request).read().decode())\nEND", must=True)
    return json.loads(page)["targets"]


def reached(guest, output):
    return [row["state"] for row in rows_of(guest, output)]
