#!/bin/bash
# Installs BasicAgent from this folder, for hosts without a package manager's packages:
#
#   ./install.sh [WINDOW]
#
# The files go to /opt/basicagent/VERSION; /opt/basicagent/current leads to the version in use. Where another
# version is in use, this is an upgrade: if the new agent is not connected within WINDOW seconds (120), the old one
# comes back. Nothing is started on a host that has not joined. ./install.sh --remove takes everything away but
# /etc/basicagent and the state in /var/lib.
set -eu

here=$(dirname "$(readlink -f "$0")")
opt=/opt/basicagent
links="BasicAgent boot BasicAgentCtl BasicAgentController"
units="basicagent.service basicagent-commands.service basicagent-upgrade.service basicagent-controller.service"

say() { echo "install: $*"; }

remove() {
    systemctl disable --now basicagent.service basicagent-controller.service 2>/dev/null || true
    systemctl stop basicagent-commands.service 2>/dev/null || true
    for unit in $units; do rm -f "/etc/systemd/system/$unit"; done
    for name in $links; do
        case $(readlink "/usr/local/bin/$name" || true) in "$opt"/*) rm "/usr/local/bin/$name" ;; esac
    done
    for link in /usr/local/lib/basicagent /usr/lib/basicagent; do if [ -L "$link" ]; then rm "$link"; fi; done
    rm -rf "$opt" /etc/sysusers.d/basicagent-controller.conf
    systemctl daemon-reload 2>/dev/null || true
    say "removed; /etc/basicagent and /var/lib/basicagent are left"
}

main() {
    [ "$(id -u)" = 0 ] || { say "must be root"; exit 1; }
    if [ "${1:-}" = --remove ]; then remove; return; fi
    if [ -e /usr/bin/BasicAgent ]; then
        say "a package of BasicAgent is installed; upgrade or remove it by the package manager"
        exit 1
    fi
    local version window=${1:-120} unit name
    version=$("$here/bin/BasicAgent" --version | sed 's/.* //')

    # As a whole or not at all.
    rm -rf "$opt/$version.new"
    mkdir -p "$opt/$version.new"
    cp -a "$here/." "$opt/$version.new/"
    chown -R root:root "$opt/$version.new"
    sync
    if [ -e "$opt/$version" ] && [ "$(readlink "$opt/current" || true)" != "$version" ]; then rm -rf "${opt:?}/$version"; fi
    if [ ! -e "$opt/$version" ]; then mv "$opt/$version.new" "$opt/$version"; else rm -rf "$opt/$version.new"; fi

    if [ -L "$opt/current" ]; then
        exec "$opt/$version/lib/basicagent/upgrade" "$version" "$window"
    fi
    ln -sfn "$version" "$opt/current"
    mkdir -p /usr/local/bin /usr/local/lib /etc/basicagent/cron.d
    for name in $links; do ln -sfn "$opt/current/bin/$name" "/usr/local/bin/$name"; done
    ln -sfn "$opt/current/lib/basicagent" /usr/local/lib/basicagent
    # Where BasicAgentCtl run --upgrade looks for it.
    ln -sfn "$opt/current/lib/basicagent" /usr/lib/basicagent
    [ -e /etc/basicagent/agent.toml ] || install -m 600 "$here/config/agent.toml" /etc/basicagent/agent.toml
    if [ -d /run/systemd/system ]; then
        for unit in $units; do
            sed "s|/usr/bin/|$opt/current/bin/|; s|/usr/lib/basicagent/|$opt/current/lib/basicagent/|" \
                "$here/systemd/$unit" >"/etc/systemd/system/$unit"
        done
        if command -v systemd-sysusers >/dev/null; then
            mkdir -p /etc/sysusers.d
            cp "$here/config/sysusers.conf" /etc/sysusers.d/basicagent-controller.conf
            systemd-sysusers basicagent-controller.conf
        fi
        systemctl daemon-reload
        systemctl -q enable basicagent-upgrade.service
    fi
    say "version $version is in $opt/$version; let this host join (BasicAgent enroll ...), then: systemctl enable --now basicagent"
}

main "$@"
