"""Jobs follow a clock that is set as cron(8) of Vixie and Debian does (docs/schedules.md rule 31).

The wall clock of this guest is set by date(1), as NTP does at boot where the RTC is wrong.
"""

# The times at which a job ran, one line a run, by the guest's clock.
EVERY_SECOND, FIXED = "/root/every-second", "/root/fixed"


def run(guest):
    set_clock(guest, "10:00:00")
    guest.sh("systemctl start basicagent", must=True)
    guest.wait(lambda output: "success" in output, """ask '{"id":"ping","method":"agent.ping"}'""")
    job(guest, "wild", "* * * * * *", EVERY_SECOND)
    job(guest, "fixed", "0 30 10 * * *", FIXED)
    ran_since(guest, "10:00:00", "a job of every second runs")

    set_clock(guest, "10:29:57")
    ran(guest, 1, "a fixed time that comes runs")
    set_clock(guest, "10:10:00")
    ran_since(guest, "10:10:00", "a job of every second follows a step back of 20 min at once")
    set_clock(guest, "10:29:57")
    guest.wait(lambda now: now.strip() > "10:30:10", "date +%T")
    ran(guest, 1, "a fixed time is not repeated after a step back")

    job(guest, "fixed", "0 0 11 * * *", FIXED)
    set_clock(guest, "12:15:00")
    ran(guest, 2, "a fixed time that a step forward of under 3 h skips runs at once")
    ran_since(guest, "12:15:00", "a job of every second follows the step forward")

    set_clock(guest, "06:00:00")
    ran_since(guest, "06:00:00", "a job of every second follows a step back of 6 h")
    set_clock(guest, "10:59:57")
    ran(guest, 3, "a fixed time comes again after a correction of 3 h or more")
    guest.sh("systemctl stop basicagent", must=True)


def set_clock(guest, time):
    guest.sh(f"date -s '2026-03-10 {time}'", must=True)


def job(guest, name, schedule, file):
    request = {"method": "cron.set", "name": name, "schedule": schedule, "cmd": f"date +%T >> {file}"}
    reply = guest.ask(request)
    guest.check(reply["retcode"] == 0, f"the job {name} is set: {schedule}", reply)


def ran_since(guest, time, sentence):
    """Checks that the job of every second runs in this minute."""
    hours, minutes, _ = time.split(":")
    expected = f"{hours}:{minutes}:"
    seen = guest.wait(lambda lines: lines.startswith(expected), f"tail -n 1 {EVERY_SECOND}")
    guest.check(seen.startswith(expected), sentence, seen)


def ran(guest, count, sentence):
    """Checks how often the fixed job has run."""
    seen = guest.wait(lambda lines: len(lines.split()) >= count, f"cat {FIXED} 2>/dev/null")
    guest.check(len(seen.split()) == count, sentence, seen)
