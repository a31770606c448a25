"""The agent on Linux 5.10, which has no cgroup.kill; and its sentence on a kernel without what it needs.

Debian 11 has the oldest kernel in Debian's archive; the rest of this guest is Debian 12's, for its glibc.
Older ones are this kernel with a filter that makes their missing system calls fail, as on them.
"""

SUITES = ["bookworm+bullseye"]

# A tree that its group and session do not hold together.
TREE = '(setsid bash -c "sleep 7777 & sleep 7777" &); sleep 7777'


def run(guest):
    print("        " + guest.sh("uname -r; systemctl --version | head -1").replace("\n", ", "))
    guest.check(guest.sh("ls /sys/fs/cgroup/*/cgroup.kill 2>/dev/null") == "", "this kernel has no cgroup.kill")
    started = guest.sh("systemctl start basicagent; systemctl is-active basicagent")
    guest.check(started == "active\n", "the agent starts", guest.sh("journalctl -u basicagent --no-pager"))
    reply = guest.ask({"method": "sync.bash", "cmd": "echo well"})
    guest.check(reply.get("data") == "well\n", "a command runs", reply)
    reply = guest.ask({"method": "sync.bash", "cmd": TREE, "timeout": 2})
    left = guest.sh("pgrep -xf 'sleep 7777'")
    guest.check(reply["retcode"] == 3031 and left == "", "a time-out ends a whole tree", [reply, left])
    guest.ask({"method": "async.bash", "id": "task", "cmd": "while [ ! -e /root/go ]; do sleep 0.2; done; exit 7"})
    guest.sh("systemctl restart basicagent; touch /root/go", must=True)
    status = """ask '{"id":"s","method":"async.status","task":"task"}'"""
    ended = guest.wait(lambda output: '"ended"' in output, status)
    guest.check('"retcode":7' in ended, "a task runs through a restart of the agent", ended)
    reply = guest.ask({"method": "sync.bash", "cmd": "true", "limits": {"pids": 9}})
    guest.check(reply["retcode"] == 3033, "limits are rejected, not ignored", reply)

    for calls in ("clone3", "pidfd_open", "clone3 pidfd_open pidfd_send_signal close_range openat2"):
        guest.sh(f"""mkdir -p /etc/systemd/system/basicagent.service.d
            printf '[Service]\\nSystemCallFilter=~{calls}\\nSystemCallErrorNumber=ENOSYS\\n' >/etc/systemd/system/basicagent.service.d/old.conf
            systemctl daemon-reload; systemctl stop basicagent; systemctl reset-failed basicagent""")
        guest.sh("systemctl start basicagent; sleep 3")
        failed = guest.failed_for_good()
        said = guest.sh("journalctl -u basicagent -t BasicAgent -n 1 -o cat --no-pager")
        guest.check(failed is True and "needs Linux 5.4 or later" in said,
                    f"without {calls} the agent says what it needs, and is not started again and again", [failed, said])
