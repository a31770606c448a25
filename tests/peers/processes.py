"""Starts processes, and reads from /proc what they cost."""

import os
import subprocess
import time


def cgroups():
    """Returns where version 2 of the cgroups is mounted."""
    with open("/proc/mounts", encoding="utf-8") as file:
        for line in file:
            fields = line.split()
            if fields[2] == "cgroup2":
                return fields[1]
    raise RuntimeError("this needs cgroups of version 2: they count the processor")


class Family:
    """Processes that belong together, in a cgroup of their own."""

    def __init__(self, name):
        self.started = []
        self.cgroup = f"{cgroups()}/peers.{os.getpid()}.{name}"

    def start(self, command, log, environment=None):
        """Starts a command whose output goes to the file `log`."""
        os.makedirs(self.cgroup, exist_ok=True)
        enter = ["sh", "-c", f'echo $$ >{self.cgroup}/cgroup.procs && exec "$@"', "sh"]
        with open(log, "ab") as output:
            self.started.append(
                subprocess.Popen(
                    enter + command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env={**os.environ, **(environment or {})},
                )
            )

    def ids(self):
        """Returns the ids of all its living processes."""
        found = []
        for directory, _, _ in os.walk(self.cgroup):
            with open(f"{directory}/cgroup.procs", encoding="utf-8") as file:
                found.extend(int(line) for line in file)
        return found

    def cpu(self):
        """Returns the seconds of processor that its processes have used, also those that ended."""
        with open(f"{self.cgroup}/cpu.stat", encoding="utf-8") as file:
            usage = next(line for line in file if line.startswith("usage_usec"))
        return int(usage.split()[1]) / 1e6

    def memory(self):
        """Returns the proportional set size of all processes, in MiB."""
        total = 0
        for process in self.ids():
            try:
                with open(f"/proc/{process}/smaps_rollup", encoding="utf-8") as file:
                    lines = file.read().splitlines()
            except OSError:
                continue
            total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        return total / 1024

    def switches(self):
        """Returns how often its threads have gone to sleep, each of which is a wake-up later."""
        total = 0
        for process in self.ids():
            try:
                threads = os.listdir(f"/proc/{process}/task")
            except OSError:
                continue
            for thread in threads:
                try:
                    with open(f"/proc/{process}/task/{thread}/status", encoding="utf-8") as file:
                        lines = file.read().splitlines()
                except OSError:
                    continue
                total += sum(
                    int(line.split()[1])
                    for line in lines
                    if line.startswith("voluntary_ctxt_switches")
                )
        return total

    def stop(self):
        """Ends what was started, and waits for it."""
        for process in self.started:
            if process.poll() is None:
                process.terminate()
        for process in self.started:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for directory, _, _ in os.walk(self.cgroup, topdown=False):
            until(f"{directory} is empty", lambda: removed(directory), 30)


def removed(directory):
    """Removes a cgroup, and returns whether that worked."""
    try:
        os.rmdir(directory)
    except OSError:
        return not os.path.exists(directory)
    return True


def until(what, condition, seconds=120):
    """Waits until the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(0.1)
