//! The examples in the help, for each subcommand without subcommands of its own. A test parses them
//! all.

/// Returns the examples of the subcommand at `path`. The subcommands of `cron` that print examples
/// with more explanation have them in `cron`.
pub(super) fn of(path: &[&str]) -> &'static [&'static str] {
    match path {
        ["login"] => &[
            "BasicAgentCtl login https://c.example:7480 --ca sha256:0123456789abcdef0123456789abcdef\
             0123456789abcdef0123456789abcdef",
            "BasicAgentCtl login https://c.example:7480 --name alice --password-file pw --context prod",
            "BasicAgentCtl login http://127.0.0.1:7480 --token-file /root/try/token",
        ],
        ["logout"] => &["BasicAgentCtl logout", "BasicAgentCtl logout --context prod"],
        ["setup"] => &["BasicAgentCtl setup https://c.example:7480/setup#SECRET --name alice"],
        ["context", verb] => context(verb),
        ["whoami"] => &["BasicAgentCtl whoami"],
        ["hosts"] => &[
            "BasicAgentCtl hosts -l 'env=prod,role in (web,db)' --online",
            "BasicAgentCtl hosts --state quarantined -o wide",
            "BasicAgentCtl hosts -o name | wc -l",
            "BasicAgentCtl hosts --watch",
        ],
        ["host", verb] => host(verb),
        ["facts", verb] => facts(verb),
        ["token", verb] => token(verb),
        ["ca", "status"] => &["BasicAgentCtl ca status"],
        ["ca", "rotate"] => &[
            "BasicAgentCtl ca rotate init",
            "BasicAgentCtl ca status",
            "BasicAgentCtl ca rotate issue --yes",
            "BasicAgentCtl ca rotate retire",
        ],
        ["operator", verb] => operator(verb),
        ["operator", "token", verb] => api_token(verb),
        ["role", verb] => role(verb),
        ["schedule", verb] => schedule(verb),
        ["audit"] => &[
            "BasicAgentCtl audit --since 2h --actor alice",
            "BasicAgentCtl audit --host web-1 --action commands.run -o json",
            "BasicAgentCtl audit --follow",
        ],
        ["audit", "verify"] => &["BasicAgentCtl audit verify"],
        ["run"] => &[
            "BasicAgentCtl run -l env=prod --stages 1,10%,100% --stop-after 3 --user app -- \
             'systemctl restart app'",
            "BasicAgentCtl run --host web-1,web-2 --yes -- uptime",
            "BasicAgentCtl run -l role=db --method getinfo.kernel --plan",
            "BasicAgentCtl run -l env=prod --upgrade basicagent=1.2.3-1 --stages 1,10%,100%",
        ],
        ["run", verb] => run(verb),
        ["node", "list"] => &["BasicAgentCtl node list -o wide"],
        ["node", "drain"] => &["BasicAgentCtl node drain 2"],
        ["node", "resume"] => &["BasicAgentCtl node resume 2"],
        ["node", "remove"] => &["BasicAgentCtl node remove 2"],
        ["budget", verb] => budget(verb),
        ["history"] => &[
            "BasicAgentCtl history --host web-1 --since 7d",
            "BasicAgentCtl history --operator alice --state failed -o wide",
        ],
        ["history", "export"] => {
            &["BasicAgentCtl history export --jsonl --since 2026-01-01 --results | gzip"]
        }
        ["exec"] => &[
            "BasicAgentCtl exec --check --user app --as-controller c.example -- true",
            "BasicAgentCtl --host web-1 exec --user nobody -- ls -l /tmp",
            "BasicAgentCtl --host web-1 exec --stream --timeout 600 'apt-get update | tail -3'",
        ],
        ["status"] => &["BasicAgentCtl status", "BasicAgentCtl --host web-1 status"],
        ["task", verb] => task(verb),
        ["cron", verb] => cron(verb),
        ["list"] => &["BasicAgentCtl list", "BasicAgentCtl list --json"],
        ["describe"] => &["BasicAgentCtl describe network"],
        ["new"] => &[
            "BasicAgentCtl new getinfo.disk.smart smart",
            "BasicAgentCtl new getinfo.disk.smart smart --language c",
        ],
        ["check"] => &["BasicAgentCtl check target/release/libgetinfo_disk_smart.so"],
        _ => &[],
    }
}

fn context(verb: &str) -> &'static [&'static str] {
    match verb {
        "list" => &["BasicAgentCtl context list"],
        "use" => &["BasicAgentCtl context use prod"],
        "remove" => &["BasicAgentCtl context remove prod"],
        _ => &[],
    }
}

fn host(verb: &str) -> &'static [&'static str] {
    match verb {
        "show" => &["BasicAgentCtl host show web-1", "BasicAgentCtl host show web-1 -o yaml"],
        "label" => &["BasicAgentCtl host label web-1 env=prod role=web legacy-"],
        "approve" => &[
            "BasicAgentCtl host approve web-1",
            "BasicAgentCtl hosts --state pending -o name | xargs BasicAgentCtl host approve",
        ],
        "remove" => &["BasicAgentCtl host remove web-1"],
        "ban" => &["BasicAgentCtl host ban web-1 --reason 'stolen laptop' --yes"],
        "quarantine" => &["BasicAgentCtl host quarantine web-1 --reason 'looks odd'"],
        "settle" => &[
            "BasicAgentCtl host settle web-1 keep",
            "BasicAgentCtl host settle web-1 restored",
            "BasicAgentCtl host settle web-1 enroll-again",
        ],
        _ => &[],
    }
}

fn facts(verb: &str) -> &'static [&'static str] {
    match verb {
        "show" => &[
            "BasicAgentCtl facts show web-1",
            "BasicAgentCtl facts show web-1 os --at 7d",
            "BasicAgentCtl facts show web-1 memory --live",
        ],
        "changes" => &["BasicAgentCtl facts changes web-1 packages"],
        "diff" => &[
            "BasicAgentCtl facts diff web-1@7d web-1 packages",
            "BasicAgentCtl facts diff web-1 web-2",
        ],
        "where" => &[
            "BasicAgentCtl facts where '$.packages[?@.name==\"openssl\"].version' -l env=prod",
            "BasicAgentCtl facts where 'network.interfaces[?@.mtu<1500].name' -o name",
        ],
        "package" => &[
            "BasicAgentCtl facts package openssl --below 3.0.14",
            "BasicAgentCtl facts package openssl -l role=web -o json",
        ],
        "service" => &["BasicAgentCtl facts service ssh.service --state enabled -l env=prod"],
        "certificates" => &["BasicAgentCtl facts certificates --within 14d --valid"],
        "count" => &[
            "BasicAgentCtl facts count os.version_id",
            "BasicAgentCtl facts count cpu.model -l env=prod",
        ],
        "refresh" => {
            &["BasicAgentCtl facts refresh web-1 web-2", "BasicAgentCtl facts refresh -l role=web"]
        }
        _ => &[],
    }
}

fn token(verb: &str) -> &'static [&'static str] {
    match verb {
        "create" => &[
            "BasicAgentCtl token create --expires 24h --uses 20 --label env=prod",
            "BasicAgentCtl token create --network 10.0.0.0/8 --approval -o json",
        ],
        "list" => &["BasicAgentCtl token list -o wide"],
        "show" => &["BasicAgentCtl token show 0123456789ab"],
        "revoke" => &["BasicAgentCtl token revoke 0123456789ab --with-hosts"],
        _ => &[],
    }
}

fn operator(verb: &str) -> &'static [&'static str] {
    match verb {
        "list" => &["BasicAgentCtl operator list"],
        "create" => &[
            "BasicAgentCtl operator create bob --role operator",
            "BasicAgentCtl operator create backup --role viewer --no-password",
        ],
        "show" => &["BasicAgentCtl operator show bob"],
        "roles" => &["BasicAgentCtl operator roles bob viewer web-team"],
        "disable" => {
            &["BasicAgentCtl operator disable bob", "BasicAgentCtl operator disable bob --undo"]
        }
        "remove" => &["BasicAgentCtl operator remove bob"],
        "password" => &["BasicAgentCtl operator password bob"],
        "link" => &["BasicAgentCtl operator link bob", "BasicAgentCtl operator link bob -o json"],
        _ => &[],
    }
}

fn schedule(verb: &str) -> &'static [&'static str] {
    match verb {
        "apply" => &[
            "BasicAgentCtl schedule apply -f schedules.toml",
            "BasicAgentCtl schedule apply -f schedules.d --prune --dry-run",
        ],
        "diff" => &["BasicAgentCtl schedule diff -f schedules.d --prune"],
        "list" => &["BasicAgentCtl schedule list -o wide"],
        "show" => &["BasicAgentCtl schedule show backup"],
        "hosts" => &[
            "BasicAgentCtl schedule hosts backup",
            "BasicAgentCtl schedule hosts backup --state refused",
        ],
        "history" => &["BasicAgentCtl schedule history backup"],
        "results" => &["BasicAgentCtl schedule results backup -o json"],
        "check" => &["BasicAgentCtl schedule check -l role=db"],
        "forecast" => &[
            "BasicAgentCtl schedule forecast",
            "BasicAgentCtl schedule forecast --hours 48 -l env=prod -o json",
        ],
        "remove" => &["BasicAgentCtl schedule remove backup"],
        _ => &[],
    }
}

fn api_token(verb: &str) -> &'static [&'static str] {
    match verb {
        "create" => &["BasicAgentCtl operator token create backup --name nightly --days 90"],
        "list" => &["BasicAgentCtl operator token list backup"],
        "revoke" => &["BasicAgentCtl operator token revoke backup 0123456789ab"],
        _ => &[],
    }
}

fn role(verb: &str) -> &'static [&'static str] {
    match verb {
        "list" => &["BasicAgentCtl role list"],
        "show" => &["BasicAgentCtl role show operator"],
        "set" => &[
            "BasicAgentCtl role show operator -o json",
            "BasicAgentCtl role set web-team -f web-team.json",
        ],
        "remove" => &["BasicAgentCtl role remove web-team"],
        _ => &[],
    }
}

fn run(verb: &str) -> &'static [&'static str] {
    match verb {
        "list" => &["BasicAgentCtl run list", "BasicAgentCtl run list --state running"],
        "show" => &["BasicAgentCtl run show 0195f3a2c7b070008a4e5d1c2b3a4f60"],
        "targets" => &["BasicAgentCtl run targets 0195f3a2c7b070008a4e5d1c2b3a4f60 --state failed"],
        "output" => &[
            "BasicAgentCtl run output 0195f3a2c7b070008a4e5d1c2b3a4f60",
            "BasicAgentCtl run output 0195f3a2c7b070008a4e5d1c2b3a4f60 --host web-1",
        ],
        "apply" => &[
            "BasicAgentCtl run apply 0195f3a2c7b070008a4e5d1c2b3a4f60",
            "BasicAgentCtl run apply 0195f3a2c7b070008a4e5d1c2b3a4f60 --signature anna.sig",
        ],
        "cancel" => &["BasicAgentCtl run cancel 0195f3a2c7b070008a4e5d1c2b3a4f60"],
        "again" => {
            &["BasicAgentCtl run again 0195f3a2c7b070008a4e5d1c2b3a4f60 --state failed,expired"]
        }
        "watch" => &["BasicAgentCtl run watch 0195f3a2c7b070008a4e5d1c2b3a4f60"],
        _ => &[],
    }
}

fn budget(verb: &str) -> &'static [&'static str] {
    match verb {
        "list" => &["BasicAgentCtl budget list"],
        "set" => &["BasicAgentCtl budget set databases -l role=db --limit 2"],
        "remove" => &["BasicAgentCtl budget remove databases"],
        _ => &[],
    }
}

fn task(verb: &str) -> &'static [&'static str] {
    match verb {
        "submit" => {
            &["BasicAgentCtl --host web-1 task submit --id backup-7 -- tar cf /var/b.tar /home"]
        }
        "status" => &["BasicAgentCtl --host web-1 task status backup-7"],
        "list" => &["BasicAgentCtl task list"],
        "output" => &["BasicAgentCtl --host web-1 task output backup-7 --follow"],
        "result" => &["BasicAgentCtl --host web-1 task result backup-7 --wait 600"],
        "cancel" => &["BasicAgentCtl --host web-1 task cancel backup-7"],
        _ => &[],
    }
}

fn cron(verb: &str) -> &'static [&'static str] {
    match verb {
        "list" => &["BasicAgentCtl cron list", "BasicAgentCtl --host web-1 cron list --json"],
        "remove" => &["BasicAgentCtl cron remove tick"],
        "run" => &["BasicAgentCtl cron run tick"],
        "history" => &["BasicAgentCtl cron history tick -n 3"],
        _ => &[],
    }
}
