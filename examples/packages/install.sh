#!/bin/bash
# Installs BasicAgent from this folder, for hosts without a package manager's packages:
#
#   ./install.sh [WINDOW]     install, or upgrade: the new agent has WINDOW seconds (120) to connect
#   ./install.sh --remove     take everything away but /etc/basicagent and the state in /var/lib
#
# The files go to /opt/basicagent/VERSION; /opt/basicagent/current leads to the version in use. An upgrade keeps the
# version before it: if the new agent is not connected within WINDOW seconds, the old one comes back (under systemd;
# elsewhere, restart the agent yourself). Nothing is started on a host where no agent runs.
set -eu

here=$(dirname "$(readlink -f "$0")")
opt=/opt/basicagent
programs="BasicAgent boot BasicAgentCtl BasicAgentController"
units="basicagent.service basicagent-commands.service basicagent-upgrade.service basicagent-controller.service"

say() { echo "install: $*"; }
fail() { say "$*" >&2; exit 1; }
systemd() { [ -d /run/systemd/system ]; }

# Removes the links below a folder that lead to what is in $opt, or only those that lead nowhere any more.
unlink_all() { find "$1" -lname "$opt/*" -delete 2>/dev/null || true; }
unlink_dead() { find "$1" -lname "$opt/*" -xtype l -delete 2>/dev/null || true; }

# Copies the plugins, and the script of BasicAgentCtl run --upgrade: the agent loads no plugin through a link. The
# plugins of another version go; files of others stay.
place_library() {
    local list=/usr/lib/basicagent/.installed file
    mkdir -p /usr/lib/basicagent/plugins
    remove_library
    (cd "$here/lib/basicagent" && find . -type f) >"$list.new"
    mv "$list.new" "$list"
    while read -r file; do
        cp -p "$here/lib/basicagent/$file" "/usr/lib/basicagent/$file.new"
        mv "/usr/lib/basicagent/$file.new" "/usr/lib/basicagent/$file"
    done <"$list"
    sync /usr/lib/basicagent/plugins /usr/lib/basicagent
}

remove_library() {
    local list=/usr/lib/basicagent/.installed file
    [ -e "$list" ] || return 0
    while read -r file; do
        if [ ! -e "$here/lib/basicagent/$file" ] || [ "${1:-}" = all ]; then rm -f "/usr/lib/basicagent/$file"; fi
    done <"$list"
}

# Puts the links, units and configuration of the version in $here where the system looks for them. An upgrade, and
# its way back, call this for the version that they have put in place.
place() {
    local name file
    mkdir -p /usr/local/bin /etc/basicagent/cron.d
    for name in $programs; do ln -sfn "$opt/current/bin/$name" "/usr/local/bin/$name"; done
    place_library
    (cd "$here/share" && find . -type f) | while read -r file; do
        mkdir -p "/usr/local/share/${file%/*}"
        ln -sfn "$opt/current/share/${file#./}" "/usr/local/share/${file#./}"
    done
    unlink_dead /usr/local/share
    [ -e /etc/basicagent/agent.toml ] || install -m 600 "$here/config/agent.toml" /etc/basicagent/agent.toml
    if [ -d /etc/logrotate.d ] && [ ! -e /etc/logrotate.d/basicagent ]; then
        install -m 644 "$here/config/logrotate" /etc/logrotate.d/basicagent
    fi
    if [ -d /etc/systemd/system ]; then
        mkdir -p /etc/default
        [ -e /etc/default/basicagent-controller ] || install -m 644 "$here/config/default" /etc/default/basicagent-controller
        for name in $units; do
            sed "s|/usr/bin/|$opt/current/bin/|" "$here/systemd/$name" >"/etc/systemd/system/$name"
        done
        if command -v systemd-sysusers >/dev/null; then
            mkdir -p /etc/sysusers.d
            install -m 644 "$here/config/sysusers.conf" /etc/sysusers.d/basicagent-controller.conf
            systemd-sysusers basicagent-controller.conf
        fi
        if systemd; then systemctl daemon-reload; fi
        systemctl -q enable basicagent-upgrade.service
    fi
}

remove() {
    local name
    if systemd; then
        systemctl -q disable --now basicagent.service basicagent-controller.service basicagent-upgrade.service 2>/dev/null || true
        systemctl stop basicagent-commands.service 2>/dev/null || true
    fi
    for name in $units; do rm -f "/etc/systemd/system/$name" "/etc/systemd/system/multi-user.target.wants/$name"; done
    unlink_all /usr/local/bin
    unlink_all /usr/local/share
    remove_library all
    rm -f /usr/lib/basicagent/.installed
    rmdir --ignore-fail-on-non-empty /usr/lib/basicagent/plugins /usr/lib/basicagent 2>/dev/null || true
    rm -rf "$opt" /etc/sysusers.d/basicagent-controller.conf /etc/logrotate.d/basicagent /var/lib/basicagent-upgrade
    if systemd; then systemctl daemon-reload; fi
    say "removed; left are /etc/basicagent, /etc/default/basicagent-controller, /var/lib/basicagent (the host's identity," \
        "its tasks and its audit log) and /var/lib/basicagent-controller"
}

# Copies $here to $opt/$1, as a whole or not at all; the version in use stays as it is.
copy() {
    local version=$1
    if [ "$(readlink "$opt/current" || true)" = "$version" ]; then return; fi
    rm -rf "${opt:?}/$version.new"
    cp -a "$here/." "$opt/$version.new"
    chown -R root:root "$opt/$version.new"
    sync
    rm -rf "${opt:?}/$version"
    mv "$opt/$version.new" "$opt/$version"
}

# Removes all versions but the one in use and the one given, which is the way back.
tidy() {
    local folder
    for folder in "$opt"/*/; do
        case $(basename "$folder") in "$(readlink "$opt/current")" | "$1" | current) ;; *) rm -rf "$folder" ;; esac
    done
}

switch() { ln -sfn "$1" "$opt/next" && mv -T "$opt/next" "$opt/current" && sync "$opt"; }

main() {
    [ "$(id -u)" = 0 ] || fail "must be root"
    case ${1:-} in
        --remove) remove; return ;;
        --place) place; return ;;
        *[!0-9]*) sed -n '4,5s/^# *//p' "$0"; exit 2 ;;
    esac
    if [ -e /usr/bin/BasicAgent ]; then
        fail "/usr/bin/BasicAgent is installed: upgrade or remove that as it was installed, by the package manager or make"
    fi
    local version old
    version=$("$here/bin/BasicAgent" --version | sed 's/.* //') && [ -n "$version" ] ||
        fail "$here/bin/BasicAgent does not start here: this build is for $(uname -m) with glibc 2.28 or later"
    mkdir -p "$opt"
    exec 8>"$opt/lock"
    flock -n 8 || fail "another install.sh is at work"
    old=$(readlink "$opt/current" || true)
    copy "$version"
    if [ -n "$old" ] && systemd && systemctl -q is-active basicagent.service; then
        local status=0
        "$opt/$version/lib/basicagent/upgrade" "$version" "${1:-120}" 8>&- || status=$?
        tidy "$old"
        return "$status" # 1: the old version is back
    else
        switch "$version"
        "$opt/$version/install.sh" --place
        tidy "$old"
        say "version $version is in $opt/$version"
        if [ -z "$old" ]; then
            say "let this host join with the line that BasicAgentCtl token create prints (BasicAgent enroll ...), then:" \
                "systemctl enable --now basicagent"
        else
            say "it is in use from the agent's next start on"
        fi
    fi
}

# The file is read as a whole before it runs: the way back may replace it.
main "$@"
exit
