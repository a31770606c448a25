"""A Debian guest under qemu, driven by scripts over its second serial port."""

import base64
import glob
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time

# The longest start of a guest, and the longest script unless the step says otherwise, in seconds.
BOOT = 600
SCRIPT = 120
# A guest whose console is silent for so long before it is up hangs: at times a kernel does under qemu without KVM.
SILENT = 150
# The longest wait for a condition unless the step says otherwise, in seconds: a busy host makes a guest slow.
PATIENCE = 240

# TCG: /dev/kvm may be there and not work.
MACHINE = ["-accel", os.environ.get("VM_ACCEL", "tcg"), "-machine", "pc", "-cpu", "max", "-nodefaults",
           "-m", "1024", "-smp", "2", "-display", "none", "-no-reboot", "-device", "virtio-rng-pci"]
KERNEL = " ".join([
    "root=/dev/vda rw console=ttyS0 net.ifnames=0 panic=1 systemd.getty_auto=no",
    # A busy host lets the kernel's check of its timer fail, and it panics.
    "no_timer_check",
    # Modules that take the guest seconds to load and are of no use in it.
    "modprobe.blacklist=kvm_amd,kvm_intel,kvm,psmouse,floppy,parport_pc,pcspkr,powernow_k8,acpi_cpufreq,i2c_piix4,ata_piix,ata_generic",
])

# Sends each request of its input, a line each, to the agent of the guest, and prints the replies. Python without its
# site and its socket module starts in a fourth of the time.
ASK = """\
#!/usr/bin/python3 -IS
import _socket, sys
agent = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
agent.settimeout(100)
agent.connect("/run/basicagent/agent.sock")
for request in [sys.argv[1]] if len(sys.argv) > 1 else sys.stdin:
    agent.sendall(request.strip().encode() + b"\\n")
    reply = b""
    while not reply.endswith(b"\\n"):
        more = agent.recv(65536)
        if not more:
            break
        reply += more
    print(reply.decode().strip())
"""


class Hangs(Exception):
    """The guest's console is silent, and it is not up."""


class Guest:
    """A guest with the product installed, and its disk, which a power cut does not undo.

    It goes on where the guest that `save` booted stood: a boot takes most of a minute.
    """

    def __init__(self, qemu, image, product, work, is_bare=False):
        self.qemu, self.image, self.product, self.work = qemu, image, product, work
        self.is_bare = is_bare
        self.failed = []
        self.began = time.monotonic()
        self.process = self.serial = None

    @property
    def disk(self):
        return os.path.join(self.work, "disk.img")

    @property
    def saved(self):
        """The folder with the state of a booted guest; another machine or image has another one."""
        image = str(os.stat(os.path.join(self.image, "disk.img")).st_mtime_ns)
        made_of = hashlib.sha256(" ".join([self.qemu, *MACHINE, KERNEL, ASK, image]).encode()).hexdigest()[:12]
        return os.path.join(self.image, f"booted-{made_of}")

    def save(self):
        """Boots a guest without the product, and saves its state in the place of older ones, unless there is one."""
        if os.path.exists(self.saved):
            return
        for old in glob.glob(os.path.join(self.image, "booted-*")):
            shutil.rmtree(old)
        copy(os.path.join(self.image, "disk.img"), self.disk)
        self.start()
        self.sh("systemctl is-system-running --wait")
        self.put("/usr/local/sbin/ask", ASK)
        self.sh("chmod 755 /usr/local/sbin/ask; sync", must=True)
        self.manage("stop")
        self.manage("migrate", uri="exec:cat >state")
        while (status := self.manage("query-migrate")["status"]) != "completed":
            if status == "failed":
                raise RuntimeError(f"the state is not saved, see {self.work}/qemu.log")
            time.sleep(0.1)
        with open(os.path.join(self.work, "seconds"), "w") as file:
            file.write(str(self.boot_seconds))
        self.cut_power()
        folder = f"{self.saved}.new"
        os.makedirs(folder)
        for name in ("disk.img", "state", "seconds"):
            shutil.move(os.path.join(self.work, name), folder)
        os.rename(folder, self.saved)

    def __enter__(self):
        try:
            copy(os.path.join(self.saved, "disk.img"), self.disk)
            with open(os.path.join(self.saved, "seconds")) as file:
                self.boot_seconds = float(file.read())
            self.launch("-incoming", f"exec:cat {os.path.join(self.saved, 'state')}")
            while (status := self.manage("query-status")["status"]) == "inmigrate":
                time.sleep(0.1)
            if status != "paused":
                raise RuntimeError(f"the saved guest is {status}, see {self.work}/qemu.log")
            self.manage("cont")
            # The disk of the product was another one; and the clock stood still.
            self.sh(f"blockdev --flushbufs /dev/vdb; date -s @{time.time():.0f}", must=True)
            if self.is_bare:
                self.sh("""set -e
                    mount -o ro /dev/vdb /product
                    mkdir /repository; cp /product/*.deb /product/Packages /repository/; umount /product
                    rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*
                    echo 'deb [trusted=yes] file:/repository ./' >/etc/apt/sources.list.d/repository.list
                    apt-get -qq update""", must=True)
                return self
            # /lib and the like are links into /usr: the folders are copied into, not replaced.
            self.sh("""set -e
                mount -o ro /dev/vdb /product
                for folder in /product/*/; do cp -a "$folder." "/$(basename "$folder")/"; done
                umount /product; rmdir /lost+found 2>/dev/null || true
                cp /etc/basicagent/agent.toml.example /etc/basicagent/agent.toml
                systemctl daemon-reload""", must=True)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.cut_power()
        if os.path.exists(self.disk):
            os.unlink(self.disk)

    @property
    def console(self):
        return os.path.join(self.work, "console.log")

    @property
    def events(self):
        """The file with what the guest wrote to /dev/hvc0, which no power cut takes back."""
        return os.path.join(self.work, "events")

    def start(self):
        """Boots the guest, again if its kernel hangs; returns when it accepts scripts."""
        while True:
            began = time.monotonic()
            self.launch()
            try:
                self._until(b"READY\n", began + BOOT, is_booting=True)
                break
            except Hangs:
                print(f"        the guest hung while it booted, see {self.work}/hung.log; it boots again", flush=True)
                self.cut_power()
                shutil.copyfile(self.console, os.path.join(self.work, "hung.log"))
        self.boot_seconds = time.monotonic() - began

    def launch(self, *more):
        """Begins to boot the guest; `more` are arguments of qemu's."""
        path = os.path.join(self.work, "serial")
        if os.path.exists(path):
            os.unlink(path)
        # Its time tells when the console said something last.
        open(self.console, "wb").close()
        at = lambda name: os.path.join(self.image, name)
        # A flush of the guest's need not reach the host's disk: only qemu is killed, not the host, whose kernel has
        # what qemu has written. What the guest has not written is gone all the same.
        drive = lambda file, more="": ["-drive", f"file={file},if=virtio,format=raw,cache=unsafe{more}"]
        log = open(os.path.join(self.work, "qemu.log"), "ab")
        self.process = subprocess.Popen(
            [self.qemu, *MACHINE, "-kernel", at("vmlinuz"), "-initrd", at("initrd"), "-append", KERNEL,
             *drive(self.disk), *drive(self.product, ",readonly=on"),
             "-serial", f"file:{self.console}",
             "-chardev", f"socket,id=scripts,path={path},server=on,wait=off",
             "-serial", "chardev:scripts",
             "-device", "virtio-serial-pci", "-device", "virtconsole,chardev=events",
             "-chardev", f"file,id=events,path={self.events},append=on",
             "-qmp", "unix:manage,server=on,wait=off", *more],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.work)
        self.buffer, end = b"", time.monotonic() + BOOT
        self._connect("manage", end).close()
        self.serial = self._connect("serial", end)

    def _connect(self, name, end):
        """Connects to a socket of qemu's, which may not be there yet."""
        while True:
            line = socket.socket(socket.AF_UNIX)
            try:
                line.connect(os.path.join(self.work, name))
                return line
            except OSError:
                line.close()
                self._alive(end)
                time.sleep(0.05)

    def manage(self, command, **arguments):
        """Runs a command of qemu's own (QMP); returns what it answers."""
        with self._connect("manage", time.monotonic() + SCRIPT) as line:
            file = line.makefile("rw")
            file.readline()
            for request in ({"execute": "qmp_capabilities"}, {"execute": command, "arguments": arguments}):
                file.write(json.dumps(request) + "\n")
                file.flush()
                answer = {}
                while not {"return", "error"} & set(answer):
                    answer = json.loads(file.readline())
        if "error" in answer:
            raise RuntimeError(f"{command}: {answer['error']['desc']}")
        return answer["return"]

    def cut_power(self):
        """Ends the guest as a power cut does; `start` boots it again."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        if self.serial:
            self.serial.close()

    def sh(self, script, wait=SCRIPT, must=False):
        """Runs a bash script as root in the guest; returns its output, standard error included."""
        end = time.monotonic() + wait
        self.serial.sendall(base64.b64encode(script.encode()) + b"\n")
        self._until(b"BEGIN\n", end)
        output = base64.b64decode(self._until(b"END ", end)).decode(errors="replace")
        status = int(self._until(b"\n", end))
        if must and status != 0:
            raise RuntimeError(f"exit status {status}: {script}\n{output}")
        return output

    def put(self, path, text):
        """Writes a file in the guest, to its disk."""
        self.sh(f"cat >{path} <<'END OF FILE'\n{text}\nEND OF FILE\nsync", must=True)

    def ask(self, request):
        """Sends a request to the guest's agent over its local socket; returns the reply."""
        return self.ask_all([request])[0]

    def ask_all(self, requests):
        """Sends requests one after the other; returns the replies."""
        lines = "\n".join(json.dumps({"id": "ask", **request}) for request in requests)
        text = self.sh(f"ask <<'END OF REQUESTS'\n{lines}\nEND OF REQUESTS")
        replies = text.splitlines()
        if len(replies) != len(requests):
            return [{"retcode": None, "no reply": text}] * len(requests)
        return [reply_of(text) for text in replies]

    def unit(self, name="basicagent"):
        """Returns the properties of a unit."""
        lines = self.sh(f"systemctl show {name}").splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def failed_for_good(self):
        """Returns whether the agent ended with status 2 and was not started again; else what it did."""
        unit = self.unit()
        seen = [unit["ActiveState"], unit["ExecMainStatus"], unit["NRestarts"]]
        return seen == ["failed", "2", "0"] or seen

    def wait(self, condition, script, wait=PATIENCE):
        """Runs a script once a second until `condition` of its output holds; returns the output."""
        end = time.monotonic() + wait
        while True:
            output = self.sh(script)
            if condition(output) or time.monotonic() > end:
                return output
            time.sleep(1)

    def check(self, holds, sentence, seen=""):
        """Prints whether the sentence holds, and when it was checked; if not, with whatever was seen, and the run fails."""
        elapsed = f"{time.monotonic() - self.began:4.0f} s"
        print("ok     " if holds else "FAILED ", elapsed, "", sentence, "" if holds else f"\n        saw: {seen}", flush=True)
        if not holds:
            self.failed.append(sentence)

    def _alive(self, end):
        if self.process.poll() is not None:
            raise RuntimeError(f"qemu ended, see {self.work}/qemu.log")
        if time.monotonic() > end:
            raise TimeoutError(f"the guest does not answer, see {self.work}/console.log; got {self.buffer[-300:]!r}")

    def _until(self, mark, end, is_booting=False):
        while mark not in self.buffer:
            self._alive(end)
            if is_booting and time.time() - os.stat(self.console).st_mtime > SILENT:
                raise Hangs
            self.serial.settimeout(1)
            try:
                more = self.serial.recv(65536)
            except TimeoutError:
                continue
            if not more:
                raise RuntimeError("the guest's serial port closed")
            self.buffer += more.replace(b"\r", b"")
        before, _, self.buffer = self.buffer.partition(mark)
        return before


def reply_of(text):
    """Reads a reply; one that is none is shown where the step expects a retcode."""
    try:
        return json.loads(text)
    except ValueError:
        return {"retcode": None, "no reply": text}


def copy(source, target):
    """Copies a disk, whose holes stay holes."""
    subprocess.run(["cp", "--sparse=always", source, target], check=True)
