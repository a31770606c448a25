#!/usr/bin/env bash
# Runs a site of several nodes on loopback: PostgreSQL, NATS, three controllers, and AGENTS (100) real
# agents. Shows that any node answers for every host, that a run goes on when the node that drives it is
# killed, and that a drained node hands its hosts on. Exits with 1 if something is not as it should be.
#
#   examples/cluster/cluster.sh [DIRECTORY OF THE BINARIES]
#
# With CLUSTER_STAY=1 it stays up until Ctrl-C. It needs PostgreSQL's programs (Debian: postgresql) and
# nats-server (in PATH, or `tests/tools/nats target/tools`); as root, PostgreSQL runs as postgres or nobody.
set -uo pipefail

bin=$(cd "${1:-target/release}" && pwd) || exit 2
tree=$(cd "$(dirname "$0")/../.." && pwd)
agents=${AGENTS:-100}
here=$(mktemp -d "${TMPDIR:-/tmp}/basicagent-cluster.XXXXXX") || exit 2
declare -A node
started=()
wrong=0

finish() {
    local pid
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null; done
    for pid in "${started[@]}"; do wait "$pid" 2>/dev/null; done
    [ -z "${postgres:-}" ] || { kill -INT "$postgres" 2>/dev/null; wait "$postgres" 2>/dev/null; }
    if [ "$wrong" -ne 0 ]; then
        echo "$wrong wrong. The logs:"
        tail -n 15 "$here"/*.log
    fi
    rm -rf "$here"
}
trap finish EXIT
trap 'exit 130' INT TERM

say() { printf '\n%s\n' "$*"; }

# check WHAT COMMAND…: says whether the command succeeds.
check() {
    local what=$1
    shift
    if "$@"; then echo "ok: $what"; else echo "WRONG: $what" && wrong=$((wrong + 1)); fi
}

# await SECONDS WHAT COMMAND…: waits until the command succeeds, and says how long that took.
await() {
    local most=$1 what=$2 since=$EPOCHREALTIME
    shift 2
    until "$@" >/dev/null 2>&1; do
        if [ "$(since "$since" | cut -d. -f1)" -ge "$most" ]; then
            echo "WRONG: not within $most s: $what"
            wrong=$((wrong + 1))
            exit 1
        fi
        sleep 0.05
    done
    echo "ok: $what ($(since "$since") s)"
}

since() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'; }

# port FILE LIST: prints the first port of a list in a ready file.
port() { sed -n "s/.*\"$2\": *\[\{0,1\}\"[^\"]*:\([0-9]*\)\".*/\1/p" "$1"; }

# ctl NUMBER …: runs BasicAgentCtl at a node.
ctl() {
    local at=$1
    shift
    "$bin/BasicAgentCtl" --controller "http://127.0.0.1:${node[http$at]}" --token-file "$here/token" "$@"
}

# start NUMBER: starts a controller, on the ports that it had before, if any.
start() {
    local number=$1
    rm -f "$here/node-$number.ready"
    "$bin/BasicAgentController" --database "$database" --bus "$bus" --node-name "node-$number" \
        --name 127.0.0.1 --listen "127.0.0.1:${node[listen$number]:-0}" --http "127.0.0.1:${node[http$number]:-0}" \
        --advertise "127.0.0.1:${node[listen$number]:-7443}" --state-dir "$here/node-$number" \
        --token-file "$here/token" --ready-file "$here/node-$number.ready" 2>>"$here/node-$number.log" &
    node[pid$number]=$!
    started+=($!)
    await 60 "node-$number is ready" test -s "$here/node-$number.ready"
    node[listen$number]=$(port "$here/node-$number.ready" listen)
    node[http$number]=$(port "$here/node-$number.ready" http)
}

online() { [ "$(ctl "$1" hosts --online -o name 2>/dev/null | wc -l)" -eq "$agents" ]; }

# hosts_at NODE NUMBER: prints how many hosts a node has, as another one says; leader: the number of the one that leads.
hosts_at() { ctl "$1" node list 2>/dev/null | awk -v n="node-$2" '$2 == n { for (i = 1; i <= NF; i++) if ($i ~ /^127/) { print $(i - 1); exit } }'; }
leader() { ctl "$1" node list 2>/dev/null | sed -n 's/.*node-\([0-9]\) .*leads.*/\1/p'; }
leads_another() { local now; now=$(leader "$1"); [ -n "$now" ] && [ "$now" != "$2" ]; }

umask 077
chmod 755 "$here"
say "1. PostgreSQL and NATS"
programs=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
[ -n "$programs" ] || programs=$(dirname "$(command -v initdb || echo /none/initdb)")
nats=$(PATH=$tree/target/tools:$PATH command -v nats-server)
if [ ! -x "$programs/initdb" ] || [ -z "$nats" ]; then
    echo "needs PostgreSQL's programs and nats-server; see the first lines of this script" >&2
    exit 2
fi
as=()
mkdir "$here/postgres"
if [ "$(id -u)" = 0 ]; then
    user=nobody
    id -u postgres >/dev/null 2>&1 && user=postgres
    as=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --clear-groups)
    chown "$user" "$here/postgres"
fi
# A free port, as the kernel gives one out.
free() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
sql_port=$(free)
(cd "$here/postgres" && "${as[@]}" "$programs/initdb" -D data -U basicagent -A trust -E UTF8 --locale=C) >"$here/postgres.log" 2>&1 || exit 1
(cd "$here/postgres" && exec "${as[@]}" "$programs/postgres" -D data -k "$here/postgres" -h 127.0.0.1 -p "$sql_port" -c max_connections=200) >>"$here/postgres.log" 2>&1 &
postgres=$!
await 60 "PostgreSQL answers" "$programs/pg_isready" -q -h 127.0.0.1 -p "$sql_port"
"$programs/createdb" -h 127.0.0.1 -p "$sql_port" -U basicagent basicagent
database=postgres://basicagent@127.0.0.1:$sql_port/basicagent
nats_port=$(free)
"$nats" --addr 127.0.0.1 --port "$nats_port" >"$here/nats.log" 2>&1 &
started+=($!)
bus=nats://127.0.0.1:$nats_port
for number in 1 2 3; do node[listen$number]=$(free); done

say "2. Three controllers with one database and one bus; the first makes the CA"
for number in 1 2 3; do start $number; done
await 15 "one node leads" leader 1

say "3. $agents agents join by any of the three"
mkdir -m 755 "$here/plugins" && install -m 644 "$bin"/libgetinfo_*.so "$here/plugins/"
line=$(ctl 1 token create --uses "$agents" 2>/dev/null | grep -o 'BasicAgent enroll.*')
pin=$(sed -n 's/.*--ca \(sha256:[0-9a-f]*\).*/\1/p' <<<"$line")
token=$(sed -n 's/.*--token \([^ ]*\).*/\1/p' <<<"$line")
servers="\"127.0.0.1:${node[listen1]}\", \"127.0.0.1:${node[listen2]}\", \"127.0.0.1:${node[listen3]}\""
for ((number = 1; number <= agents; number++)); do
    dir=$here/agents/$number
    mkdir -p "$dir"
    # Each begins with another node.
    servers="${servers#*, }, ${servers%%, *}"
    cat >"$dir/agent.toml" <<EOF
server = [$servers]
host_id = "host-$number"
state_dir = "$dir/state"
run_dir = "$dir/run"
plugin_dirs = ["$here/plugins"]
[cron]
dir = "$dir/cron.d"
EOF
    "$bin/BasicAgent" enroll --config "$dir/agent.toml" --ca "$pin" --token "$token" >>"$here/agents.log" 2>&1 ||
        { echo "WRONG: host-$number does not join" && wrong=$((wrong + 1)); }
    "$bin/BasicAgent" --config "$dir/agent.toml" >>"$here/agents.log" 2>&1 &
    started+=($!)
done
for number in 1 2 3; do await 60 "node-$number knows that all $agents are online" online $number; done
ctl 1 node list

say "4. A run over all hosts, from any node"
check 'all hosts answer at node-2' ctl 2 run -l '' --yes -- true

say "5. The node that drives a run is killed with kill -9"
leading=$(leader 1)
left=$((leading % 3 + 1))
# In up to twenty parts, one after the other.
ctl $left run -l '' --yes --concurrency $(((agents + 19) / 20)) -- 'sleep 0.5' >"$here/run.out" 2>"$here/run.err" &
running=$!
sleep 2
kill -9 "${node[pid$leading]}"
await 12 "another node leads" leads_another $left "$leading"
wait $running
check 'the run has succeeded on every host' test $? = 0
tail -n 3 "$here/run.out"
await 90 "its hosts are at the other nodes" online $left

say "6. It comes back, and another one is drained"
start "$leading"
drained=$(ctl $left node list 2>/dev/null | sed -n "s/^ *\([0-9]*\) *node-$left .*/\1/p")
ctl "$leading" node drain "$drained"
none_at() { [ "$(hosts_at "$1" "$2")" = 0 ]; }
await 90 "node-$left has no host" none_at "$leading" "$left"
await 60 "all hosts are online" online "$leading"
ctl "$leading" node resume "$drained"
ctl "$leading" node list

say "The console: http://127.0.0.1:${node[http$leading]}/ — log in with the token in $here/token"
if [ "$wrong" -eq 0 ] && [ "${CLUSTER_STAY:-0}" = 1 ]; then
    trap 'echo; exit 0' INT TERM
    echo "It stays up until Ctrl-C."
    wait "$postgres"
fi
exit "$((wrong > 0))"
