"""The tools that are measured: how each starts, and how it runs `true`."""

import http.client
import json
import os
import random
import shutil
import socket
import subprocess
import sys

import zabbix
from processes import Family, until

HOSTS = 20


def free_port():
    """Returns a port that nobody uses at the moment; a Zabbix agent takes none above 32767."""
    while True:
        port = random.randrange(20000, 32768)
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def write(path, text):
    """Writes a file and the directories above it."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def run(command):
    """Runs a command of a client and returns its output; it must succeed."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{command}: {done.stdout.decode()} {done.stderr.decode()}")
    return done.stdout.decode()


def families(directory):
    """Returns a family for the controller and one for the agents of a tool."""
    name = os.path.basename(directory)
    return Family(f"{name}.controller"), Family(f"{name}.agents")


class Ours:
    """BasicAgentController and agents."""

    name = "BasicAgent"

    def __init__(self, binaries, directory, hosts):
        self.binaries, self.directory, self.hosts = binaries, directory, hosts
        self.controller, self.agents = families(directory)
        self.ids = [f"host-{number}" for number in range(hosts)]

    def start(self):
        os.makedirs(self.directory)
        ready = f"{self.directory}/ready.json"
        self.controller.start(
            [f"{self.binaries}/BasicAgentController", "--dev", f"{self.directory}/controller"]
            + ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--ready-file", ready]
            + ["--enroll-rate-per-address", "1000"],
            f"{self.directory}/controller.log",
        )
        until("the controller listens", lambda: os.path.exists(ready))
        with open(ready, encoding="utf-8") as file:
            ports = json.load(file)
        self.http = ports["http"]
        self.token_file = f"{self.directory}/controller/token"
        self.remote = [f"{self.binaries}/BasicAgentCtl", "--controller", f"http://{self.http}"]
        self.remote += ["--token-file", self.token_file]
        with open(self.token_file, encoding="utf-8") as file:
            self.token = file.read().strip()
        made = self.call("POST", "/api/v1/tokens", {"max_uses": self.hosts})
        for host in self.ids:
            home = f"{self.directory}/{host}"
            config = write(
                f"{home}/agent.toml",
                f'server = "{ports["listen"][0]}"\nhost_id = "{host}"\nstate_dir = "{home}/state"\n'
                f'run_dir = "{home}/run"\nplugin_dirs = ["{self.binaries}"]\n'
                f'[tls]\nserver_name = "localhost"\n'
                f'[enroll]\ntoken = "{made["secret"]}"\nca = "{made["ca"]}"\n',
            )
            self.agents.start([f"{self.binaries}/BasicAgent", "--config", config], f"{home}/log")
        until("every agent is connected", lambda: self.connected() == self.hosts)

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection(self.http, timeout=60)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        connection.request(method, path, json.dumps(body) if body else None, headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {text.decode()}")
        return json.loads(text)

    def connected(self):
        return sum(host["connected"] for host in self.call("GET", "/api/v1/hosts")["hosts"])

    def on_all(self):
        """Runs `true` on all hosts, as an operator does."""
        run(self.remote + ["run", "--yes", "-l", "", "--concurrency", "100%", "--", "true"])

    def on_one(self):
        """Runs `true` on one host, as an operator does."""
        run(self.remote + ["--host", self.ids[0], "exec", "--", "true"])

    def stop(self):
        self.agents.stop()
        self.controller.stop()


class Salt:
    """salt-master and salt-minions."""

    name = "Salt"

    def __init__(self, programs, directory, hosts):
        self.programs, self.directory, self.hosts = programs, directory, hosts
        self.controller, self.agents = families(directory)

    def start(self):
        publish, back = free_port(), free_port()
        common = f"publish_port: {publish}\nuser: root\nlog_level: error\n"
        home = f"{self.directory}/master"
        write(
            f"{home}/master",
            common + f"interface: 127.0.0.1\nret_port: {back}\nauto_accept: True\n"
            f"root_dir: {home}\npki_dir: {home}/pki\nsock_dir: {home}/sock\n",
        )
        self.config = home
        self.controller.start([f"{self.programs}/salt-master", "-c", home], f"{home}/log")
        for number in range(self.hosts):
            home = f"{self.directory}/minion-{number}"
            write(
                f"{home}/minion",
                common + f"id: minion-{number}\nmaster: 127.0.0.1\nmaster_port: {back}\n"
                f"root_dir: {home}\npki_dir: {home}/pki\nsock_dir: {home}/sock\n",
            )
            self.agents.start([f"{self.programs}/salt-minion", "-c", home], f"{home}/log")
        until("every minion answers", lambda: self.answering() == self.hosts, 300)

    def salt(self, target, function, *arguments):
        command = [f"{self.programs}/salt", "-c", self.config, "--out", "json", "--static"]
        return run(command + [target, function, *arguments])

    def answering(self):
        try:
            return self.salt("*", "test.ping").count("true")
        except RuntimeError:
            return 0

    def on_all(self):
        """Runs `true` on all minions, as an operator does."""
        if len(json.loads(self.salt("*", "cmd.run_all", "true"))) != self.hosts:
            raise RuntimeError("a minion did not answer")

    def on_one(self):
        """Runs `true` on one minion, as an operator does."""
        self.salt("minion-0", "cmd.run_all", "true")

    def stop(self):
        self.agents.stop()
        self.controller.stop()


class Single:
    """An agent without a controller, of a Debian package unpacked in `root`."""

    def __init__(self, root, directory):
        self.root, self.directory = root, directory
        self.agents = Family(os.path.basename(directory))

    def stop(self):
        self.agents.stop()


class Zabbix(Single):
    """zabbix_agent2; its server's question comes from here, without TLS."""

    name = "Zabbix agent 2"

    def start(self):
        self.port = free_port()
        config = write(
            f"{self.directory}/agent2.conf",
            f"Server=127.0.0.1\nListenPort={self.port}\nListenIP=127.0.0.1\nLogType=console\n"
            f"AllowKey=system.run[*]\nControlSocket={self.directory}/socket\n"
            f"PluginSocket={self.directory}/plugins.socket\n",
        )
        program = f"{self.root}/usr/sbin/zabbix_agent2"
        self.agents.start([program, "-c", config, "-f"], f"{self.directory}/log")
        until("the agent listens", self.listens)

    def listens(self):
        try:
            return zabbix.ask(self.port, "agent.ping") == "1"
        except OSError:
            return False

    def on_one(self):
        """Runs `true`."""
        if zabbix.ask(self.port, "system.run[true]").startswith("ZBX_"):
            raise RuntimeError("system.run is refused")


class Nrpe(Single):
    """nrpe, asked by check_nrpe."""

    name = "NRPE"

    def start(self):
        self.port = free_port()
        config = write(
            f"{self.directory}/nrpe.cfg",
            f"server_port={self.port}\nserver_address=127.0.0.1\nallowed_hosts=127.0.0.1\n"
            f"nrpe_user=nobody\nnrpe_group=nogroup\npid_file={self.directory}/pid\n"
            "command[ok]=/bin/echo\n",
        )
        folders = [f"{self.root}/{folder}/x86_64-linux-gnu" for folder in ("lib", "usr/lib")]
        libraries = {"LD_LIBRARY_PATH": ":".join(folders)}
        program = f"{self.root}/usr/sbin/nrpe"
        self.agents.start([program, "-c", config, "-f"], f"{self.directory}/log", libraries)
        until("nrpe listens", self.listens)

    def listens(self):
        try:
            self.on_one()
        except RuntimeError:
            return False
        return True

    def on_one(self):
        """Runs `echo`: check_nrpe takes a command without output for a failure."""
        program = f"{self.root}/usr/lib/nagios/plugins/check_nrpe"
        run([program, "-H", "127.0.0.1", "-p", str(self.port), "-c", "ok"])


class Collectd(Single):
    """collectd with the plugins cpu, memory, load, df and interface; it runs no commands."""

    name = "collectd"
    on_one = None

    def start(self):
        names = ("cpu", "memory", "load", "df", "interface")
        plugins = "".join(f"LoadPlugin {name}\n" for name in names)
        config = write(
            f"{self.directory}/collectd.conf",
            f'BaseDir "{self.directory}"\nPIDFile "{self.directory}/pid"\n'
            f'PluginDir "{self.root}/usr/lib/collectd"\n'
            f'TypesDB "{self.root}/usr/share/collectd/types.db"\n'
            f"Interval 10\n{plugins}",
        )
        program = f"{self.root}/usr/sbin/collectd"
        self.agents.start([program, "-C", config, "-f"], f"{self.directory}/log")
        until("collectd runs", lambda: self.agents.ids())


def available(binaries, peers, directory):
    """Returns the fleets and the single agents whose programs are here."""
    salt, debian = f"{peers}/salt/bin", f"{peers}/debian"
    fleets = [Ours(binaries, f"{directory}/ours", HOSTS)]
    singles = [Ours(binaries, f"{directory}/ours-1", 1)]
    if os.path.exists(f"{salt}/salt-minion"):
        fleets.append(Salt(salt, f"{directory}/salt", HOSTS))
        singles.append(Salt(salt, f"{directory}/salt-1", 1))
    for program, tool in (("zabbix_agent2", Zabbix), ("nrpe", Nrpe), ("collectd", Collectd)):
        if os.path.exists(f"{debian}/usr/sbin/{program}"):
            singles.append(tool(debian, f"{directory}/{program}"))
        else:
            print(f"{tool.name} is not here: its row is left out", file=sys.stderr)
    return fleets, singles


def remove(directory):
    """Removes the files of a measurement."""
    shutil.rmtree(directory, ignore_errors=True)
