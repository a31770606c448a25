"""A repository of the packages for guests, with versions of the agent that go wrong."""

import hashlib
import os
import re
import shutil
import subprocess

# The versions beside the built one: what is changed in the package, and by which bytes.
GOOD, CRASHES, MUTE = "9.9.1-1", "9.9.2-1", "9.9.3-1"


# Prints the version that was built: apt would choose the highest, which goes wrong.
BUILT = "apt-cache madison basicagent | awk '{print $3}' | sort -V | head -n 1"


TOKEN = "/var/lib/basicagent-controller/token"

# The command line of the controller in the guest.
CTL = f"BasicAgentCtl --controller http://127.0.0.1:7480 --token-file {TOKEN}"


def start_controller(guest):
    """Starts the installed controller."""
    guest.sh(f"""echo 'ARGS="--name guest --token-file {TOKEN}"' >/etc/default/basicagent-controller
        systemctl enable --now basicagent-controller""", must=True)


def join_line(guest):
    """Makes a join token; returns the line by which the guest joins."""
    line = guest.sh(f"{CTL} token create --uses 10 2>/dev/null | grep -o 'BasicAgent enroll.*'", must=True).strip()
    return re.sub(r"--server \S+", "--server guest:7443", line)


def online(guest):
    """Waits until the host is online; returns its id, or nothing."""
    return guest.wait(lambda output: output.strip(), f"{CTL} hosts --online -o name 2>/dev/null").strip()


def repository(packages, folder):
    """Writes a flat repository of the .deb files in `packages` into `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for name in sorted(os.listdir(packages)):
        if name.endswith(".deb"):
            shutil.copy(os.path.join(packages, name), folder)
    agent = next(name for name in os.listdir(folder) if name.startswith("basicagent_"))
    agent = os.path.join(folder, agent)
    version = field(agent, "Version").rsplit("-", 1)[0]
    for other in (GOOD, CRASHES, MUTE):
        variant(agent, version, other, folder)
    with open(os.path.join(folder, "Packages"), "w") as index:
        for name in sorted(os.listdir(folder)):
            if name.endswith(".deb"):
                path = os.path.join(folder, name)
                data = open(path, "rb").read()
                control = subprocess.run(["dpkg-deb", "-f", path], check=True, capture_output=True, text=True).stdout
                index.write(f"{control.rstrip()}\nFilename: ./{name}\nSize: {len(data)}\n"
                            f"SHA256: {hashlib.sha256(data).hexdigest()}\n\n")


def field(package, name):
    return subprocess.run(["dpkg-deb", "-f", package, name], check=True, capture_output=True, text=True).stdout.strip()


def variant(package, version, other, folder):
    """Makes the package again as another version, whose agent works, crashes at its start, or looks for
    its server where nobody answers. The same build under another number: its version is patched."""
    tree = os.path.join(folder, "tree")
    subprocess.run(["dpkg-deb", "-R", package, tree], check=True)
    number = other.rsplit("-", 1)[0]
    program = os.path.join(tree, "usr/bin/BasicAgent")
    data = open(program, "rb").read()
    if len(number) != len(version):
        raise ValueError(f"{number} is not as long as {version}")
    with open(program, "wb") as file:
        file.write(data.replace(version.encode(), number.encode()))
    if other != GOOD:
        os.rename(program, os.path.join(tree, "usr/lib/basicagent/program"))
        act = "exit 1" if other == CRASHES else 'exec /usr/lib/basicagent/program "$@" --server 192.0.2.1'
        with open(program, "w") as file:
            file.write(f'#!/bin/sh\n[ "$1" != --version ] || exec /usr/lib/basicagent/program --version\n{act}\n')
        os.chmod(program, 0o755)
    control = os.path.join(tree, "DEBIAN/control")
    text = open(control).read()
    with open(control, "w") as file:
        file.write("".join(f"Version: {other}\n" if line.startswith("Version:") else line
                           for line in text.splitlines(keepends=True)))
    sums = os.path.join(tree, "DEBIAN/md5sums")
    if os.path.exists(sums):
        os.unlink(sums)
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "-b", tree,
                    os.path.join(folder, f"basicagent_{other}_{field(package, 'Architecture')}.deb")],
                   check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(tree)
