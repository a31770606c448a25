#!/usr/bin/env bash
# Runs the whole system on loopback: two controllers (the first redirects to the second), and an agent
# under its launcher, whose host joins by a token. Prints each command and its output, and exits with 1
# if an output is wrong.
#
#   examples/quickstart/demo.sh [DIRECTORY OF THE BINARIES]
#
# With DEMO_STAY=1 it stays up until Ctrl-C, for a look at the web console.
set -uo pipefail

bin=$(cd "${1:-target/release}" && pwd) || exit 2
here=$(mktemp -d "${TMPDIR:-/tmp}/basicagent-demo.XXXXXX") || exit 2
started=()
wrong=0

if [ -t 1 ]; then bold=$'\e[1m' green=$'\e[32m' red=$'\e[31m' dim=$'\e[2m' plain=$'\e[0m'; else bold='' green='' red='' dim='' plain=''; fi

finish() {
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null; done
    for pid in "${started[@]}"; do wait "$pid" 2>/dev/null; done
    if [ "$wrong" -ne 0 ]; then
        echo "${red}$wrong wrong.${plain} The logs:"
        tail -n 20 "$here"/*.log
    fi
    rm -rf "$here"
}
trap finish EXIT
trap 'exit 130' INT TERM

say() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }

# await WHAT COMMAND…: waits until the command succeeds, at most 60 s.
await() {
    local what=$1 end=$((SECONDS + 60))
    shift
    until "$@" >/dev/null 2>&1; do
        if [ "$SECONDS" -ge "$end" ]; then
            echo "${red}not within 60 s: $what${plain}"
            wrong=$((wrong + 1))
            exit 1
        fi
        sleep 0.02
    done
}

# ask WANTED_STATUS WANTED_TEXT COMMAND…: runs the command, prints its output and checks both.
ask() {
    local wanted_status=$1 wanted_text=$2 output status
    shift 2
    printf '\n%s$ %s%s\n' "$dim" "$(shown "$@")" "$plain"
    output=$("$@" 2>&1)
    status=$?
    legible "$output"
    if [ "$status" -eq "$wanted_status" ] && [[ $output == *"$wanted_text"* ]]; then
        if [ "$status" -eq 0 ]; then
            echo "${green}ok${plain}"
        else
            echo "${green}as expected: exit status $status${plain}"
        fi
    else
        echo "${red}WRONG${plain}: exit status $status, expected $wanted_status and \"$wanted_text\""
        wrong=$((wrong + 1))
    fi
}

# Prints the first lines of an output, JSON formatted if python3 is installed. Says what it leaves out.
legible() {
    [ -n "$1" ] || return 0
    { printf '%s\n' "$1" | python3 -m json.tool 2>/dev/null || printf '%s\n' "$1"; } | awk -v wide="${COLUMNS:-140}" '
        NR > 14 { next }
        length($0) > wide {
            line = substr($0, 1, wide - 2)
            sub(/ [^ ]*$/, "", line)
            $0 = line " …"
        }
        { print }
        END { if (NR > 14) print "… (" NR - 14 " more lines)" }'
}

# Prints the command so that it can be pasted into a shell that has $ctl, $remote and $plugins.
shown() {
    local word quoted=()
    if [ "${remote[*]:-}" = "${*:1:${#remote[@]}}" ]; then
        quoted=('$remote')
        shift "${#remote[@]}"
    fi
    for word in "$@"; do
        case $word in
            "$ctl") quoted+=('$ctl') ;;
            "$here/plugins"*) quoted+=("\$plugins${word#"$here/plugins"}") ;;
            '' | *[!A-Za-z0-9_./:=@%+,-]*) quoted+=("'${word//\'/\'\\\'\'}'") ;;
            *) quoted+=("$word") ;;
        esac
    done
    printf '%s' "${quoted[*]}"
}

# port FILE LIST: prints the first port of a list in a ready file.
port() { sed -n "s/.*\"$2\": *\[\{0,1\}\"[^\"]*:\([0-9]*\)\".*/\1/p" "$1"; }

# Prints the process id of the launcher's child.
agent_pid() {
    local launcher
    launcher=$(cat "$here/agent.pid") && awk '{ print $1 }' "/proc/$launcher/task/$launcher/children"
}

umask 077
# Readable by all, as in an installation: an agent that runs as root loads plugins as nobody.
mkdir -m 755 "$here/plugins" && install -m 644 "$bin"/libgetinfo_*.so "$here/plugins/"

say "1. A controller, which creates a CA, an API token and a join token"
"$bin/BasicAgentController" --dev "$here/second" --listen 127.0.0.1:0 --http 127.0.0.1:0 \
    --ready-file "$here/second.ready" 2>"$here/second.log" &
started+=($!)
await "the second controller listens" test -s "$here/second.ready"
second=127.0.0.1:$(port "$here/second.ready" listen)
api=http://127.0.0.1:$(port "$here/second.ready" http)
echo "agents at $second, API at $api"

say "2. A second controller, which redirects every agent to the first"
"$bin/BasicAgentController" --token-file "$here/second/token" --state-dir "$here/first.state" --listen 127.0.0.1:0 --http 127.0.0.1:0 \
    --ready-file "$here/first.ready" --redirect-to "$second" 2>"$here/first.log" &
started+=($!)
await "the first controller listens" test -s "$here/first.ready"
first=$(port "$here/first.ready" listen)
echo "agents at 127.0.0.1:$first"

say "3. The host joins by the line that the controller has printed; the key never leaves the host"
await "the line that a host joins by" grep -q 'next: BasicAgent enroll' "$here/second.log"
join=$(sed -n 's/.*next: \(BasicAgent enroll .*\)/\1/p' "$here/second.log")
printf '\n%s$ %s%s\n' "$dim" "$join" "$plain"
if PATH=$bin:$PATH bash -c "$join" 2>&1; then echo "${green}ok${plain}"; else wrong=$((wrong + 1)); fi
host=$(sed -n 's/.*"host_id": *"\([^"]*\)".*/\1/p' "$here/second/agent.state/identity/identity.json")

say "4. The agent under its launcher: init, redirect, init, TLS"
"$bin/boot" -L "$here/agent.log" -P "$here/agent.pid" -f -- --config "$here/second/agent.toml" --port "$first" \
    --plugin-dir "$here/plugins" &
started+=($!)
ctl=$bin/BasicAgentCtl
remote=("$ctl" --controller "$api" --token-file "$here/second/token" --host "$host")
connected() { "$ctl" --controller "$api" --token-file "$here/second/token" hosts --online | grep -q "$host"; }
await "the agent is connected" connected
sed -n 's/^[^ ]* *//p' "$here/agent.log"
printf '\nThe commands below can be pasted into another shell while this runs, after:\n'
printf '%s' "$dim"
printf '$ %s\n' "ctl=$ctl" "plugins=$here/plugins" "remote=\"${remote[*]}\""
printf '%s' "$plain"
ask 0 "$host" "$ctl" --controller "$api" --token-file "$here/second/token" hosts

say "5. Commands (sync.bash): a success, a failure, and a command that never ends"
ask 0 "agent.toml" "${remote[@]}" exec -- "ls $here/second"
ask 3 "no such thing" "${remote[@]}" exec -- "echo no such thing; exit 3"
ask 255 "3031" "${remote[@]}" exec --timeout 1 -- "setsid sleep 100 & exec >&- 2>&-; sleep 100"

say "6. Facts (getinfo.*), from the agent and from this machine"
ask 0 "$(uname -r)" "${remote[@]}" -c getinfo.kernel
if [ "$(id -u)" = 0 ]; then
    ask 0 '"uid":0' "${remote[@]}" -c getinfo.users -a "-U root"
    ask 0 '"name":"root"' "$ctl" --plugin-dir "$here/plugins" -c getinfo.users -a "-A"
else
    ask 1 "root" "${remote[@]}" -c getinfo.users -a "-U root"
fi
ask 0 "$(uname -r)" "$ctl" --plugin-dir "$here/plugins" -c getinfo.kernel
ask 0 "getinfo.users" "$ctl" --plugin-dir "$here/plugins" list
ask 0 '"method":"getinfo.memory","resp":"success"' "${remote[@]}" -c getinfo.all -a "os memory 'processes -t 3 -s rss'"
ask 0 "verdict: fit" "$ctl" check "$here/plugins/libgetinfo_processes.so"

say "7. Tasks (async.bash): a task survives kill -9 of the agent"
task=("${remote[@]}" task)
ask 0 "backup-1" "${task[@]}" submit --id backup-1 -- "echo begun >>$here/starts; sleep 10; echo finished under process \$PPID"
await "the task runs" test -s "$here/starts"
agent=$(agent_pid)
printf '\n%s$ kill -9 %s   # the agent; its launcher restarts it%s\n' "$dim" "$agent" "$plain"
kill -9 "$agent"
another() { [ -n "$(agent_pid)" ] && [ "$(agent_pid)" != "$agent" ]; }
await "the restarted agent runs" another
await "the agent is connected again" "${remote[@]}" -c getinfo.kernel
ask 0 "running" "${task[@]}" status backup-1
ask 0 "finished" "${task[@]}" result backup-1 --wait 60
ask 0 "1" grep -c begun "$here/starts"
ask 0 "Known" "${task[@]}" submit --id backup-1 --json -- "echo begun >>$here/starts; sleep 10; echo finished under process \$PPID"

say "8. Schedules (cron.*): expressions in words, and a job that runs every second"
for schedule in "0 0 * * * *" "*/10 * * * * *" "0 0 8-10 * * *" "0 0/30 8-10 * * *" "0 0 9-17 * * MON-FRI" "0 0 0 25 12 ?" \
    "*/10 * * * *" "0 6 * * *" "0 */2 * * *" "45 4 1,10,22 * *" "0 23-7/2,8 * * *" "0 11 4 * 1-3" "45 11 * * 0,6" \
    "0 9 * * 1-5" "2 8-16/3 * * *" "0,30 18-23 * * *"; do
    printf '  %-24s %s\n' "$schedule" "$("$ctl" cron explain "$schedule" | head -n 1)"
done
ask 0 "Friday" "$ctl" cron explain "0 0 8 LW * FRI#2"
ask 1 "minute must be 0" "$ctl" cron next "0 61 * * * *"
ask 0 "2028-02-29" "$ctl" cron next "0 0 0 29 2 ?" --tz UTC --from 2026-01-01T00:00:00Z -n 2
ask 0 "" "${remote[@]}" cron set tick "* * * * * *" -- "date +%T >>$here/ticks"
ticked() { [ "$(wc -l <"$here/ticks")" -ge 3 ]; }
await "three runs" ticked
ask 0 ":" tail -n 3 "$here/ticks"
ask 0 "tick" "${remote[@]}" cron list
ask 0 "cron:tick:" "${remote[@]}" cron history tick -n 2
ask 0 "" "${remote[@]}" cron remove tick

say "9. The web console"
control=("$ctl" --controller "$api" --token-file "$here/second/token")
ask 0 "admin" "${control[@]}" operator create demo --role admin --no-password
printf '\n  console: %s/\n' "$api"
if link=$("${control[@]}" operator link demo 2>/dev/null) && [[ $link == "$api/login?as=demo#"* ]]; then
    printf '  log in once, within 10 minutes: %s\n' "$link"
else
    echo "${red}WRONG${plain}: there is no log-in link"
    wrong=$((wrong + 1))
fi

if [ "$wrong" -eq 0 ]; then say "Everything works as expected."; fi
if [ "$wrong" -eq 0 ] && [ "${DEMO_STAY:-0}" = 1 ]; then
    trap 'echo; exit 0' INT TERM
    printf '\nIt stays up until Ctrl-C. A new link: %s operator link demo\n' "${control[*]}"
    wait "${started[@]}"
fi
exit "$((wrong > 0))"
