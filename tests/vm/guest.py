"""A Debian guest under qemu, driven by scripts over its second serial port."""

import base64
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


class Hangs(Exception):
    """The guest's console is silent, and it is not up."""


class Guest:
    """A guest with the product installed, and its disk, which a power cut does not undo."""

    def __init__(self, qemu, image, product, work, is_bare=False):
        self.qemu, self.image, self.product, self.work = qemu, image, product, work
        self.is_bare = is_bare
        self.failed = []
        self.process = self.serial = None
        shutil.copyfile(os.path.join(image, "disk.img"), self.disk)

    @property
    def disk(self):
        return os.path.join(self.work, "disk.img")

    def __enter__(self):
        try:
            self.start()
            self.sh("systemctl is-system-running --wait")
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

    def launch(self):
        """Begins to boot the guest."""
        path = os.path.join(self.work, "serial")
        if os.path.exists(path):
            os.unlink(path)
        # Its time tells when the console said something last.
        open(self.console, "wb").close()
        at = lambda name: os.path.join(self.image, name)
        drive = lambda file, more="": ["-drive", f"file={file},if=virtio,format=raw{more}"]
        log = open(os.path.join(self.work, "qemu.log"), "ab")
        # TCG: /dev/kvm may be there and not work.
        self.process = subprocess.Popen(
            [self.qemu, "-accel", os.environ.get("VM_ACCEL", "tcg"), "-machine", "pc",
             "-cpu", "max", "-nodefaults",
             "-m", "1024", "-smp", "2", "-display", "none", "-no-reboot", "-device", "virtio-rng-pci",
             "-kernel", at("vmlinuz"), "-initrd", at("initrd"),
             "-append", "root=/dev/vda rw console=ttyS0 net.ifnames=0 panic=1 systemd.getty_auto=no "
             # A busy host lets the kernel's check of its timer fail, and it panics.
             "no_timer_check "
             # Modules that take the guest seconds to load and are of no use in it.
             "modprobe.blacklist=kvm_amd,kvm_intel,kvm,psmouse,floppy,parport_pc,pcspkr,powernow_k8,acpi_cpufreq,i2c_piix4,ata_piix,ata_generic",
             *drive(self.disk), *drive(self.product, ",readonly=on"),
             "-serial", f"file:{self.console}",
             "-chardev", f"socket,id=scripts,path={path},server=on,wait=off",
             "-serial", "chardev:scripts",
             "-device", "virtio-serial-pci", "-device", "virtconsole,chardev=events",
             "-chardev", f"file,id=events,path={self.events},append=on"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.buffer, end = b"", time.monotonic() + BOOT
        while True:
            self.serial = socket.socket(socket.AF_UNIX)
            try:
                self.serial.connect(path)
                break
            except OSError:
                self.serial.close()
                self._alive(end)
                time.sleep(0.05)

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

    def ask(self, request):
        """Sends a request to the guest's agent over its local socket; returns the reply."""
        request = {"id": "ask", **request}
        text = self.sh(f"ask '{json.dumps(request)}'")
        try:
            return json.loads(text)
        except ValueError:
            return {"retcode": None, "no reply": text}

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
        """Prints whether the sentence holds; if not, with whatever was seen, and the run fails."""
        print("ok     " if holds else "FAILED ", sentence, "" if holds else f"\n        saw: {seen}", flush=True)
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
