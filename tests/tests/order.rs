//! Requests about one task or job take effect in the order in which the real agent received them,
//! also when looking up an account takes long; all others do not wait for them.

#![expect(clippy::unwrap_used, reason = "a failing test panics")]
#![expect(clippy::disallowed_methods, reason = "a test compiles a slow account database")]

use e2e::{
    Agent, AgentConfig, Channel, Local, Pki, Scratch, Server, connected, in_mount_namespace,
    needs_root,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::Command;

/// Requests that are sent before the first reply is read.
const ROUNDS: usize = 40;

fn task(id: &str, cmd: &str) -> Value {
    json!({"id": id, "method": "async.bash", "cmd": cmd})
}

fn job(id: &str, name: &str, cmd: &str) -> Value {
    // On the first of January at midnight.
    json!({"id": id, "method": "cron.set", "name": name, "schedule": "0 0 0 1 1 *", "cmd": cmd})
}

fn about(id: &str, method: &str, task: &str) -> Value {
    json!({"id": id, "method": method, "task": task})
}

fn named(id: &str, method: &str, name: &str) -> Value {
    json!({"id": id, "method": method, "name": name})
}

/// Returns requests as one text, which goes out in one write.
fn together(requests: &[Value]) -> String {
    requests.iter().map(|request| format!("{request}\n")).collect()
}

/// Returns the next `count` replies by their ids; discards events.
async fn replies(channel: &mut Channel, count: usize) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    while found.len() < count {
        let message = channel.next().await.unwrap();
        if message["method"].is_null() {
            found.insert(message["id"].as_str().unwrap().to_owned(), message);
        }
    }
    found
}

async fn jobs(channel: &mut Channel) -> Vec<Value> {
    let list = channel.ask_past(&json!({"id": "list", "method": "cron.list"})).await;
    list["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_task_that_is_submitted_and_canceled_in_one_write_is_canceled() {
    let (_server, _agent, mut channel) = connected().await;
    for round in 0..ROUNDS {
        let (id, cancel) = (format!("task-{round}"), format!("cancel-{round}"));
        let requests = [task(&id, "sleep 60"), about(&cancel, "async.cancel", &id)];
        channel.send_text(&together(&requests)).await;
        let mut result = None;
        let mut answers = BTreeMap::new();
        while answers.len() < 2 || result.is_none() {
            let message = channel.next().await.unwrap();
            if message["method"] == "async.result" && message["id"] == id {
                result = Some(message);
            } else {
                answers.insert(message["id"].as_str().unwrap().to_owned(), message);
            }
        }
        assert_eq!(answers[&id]["message"], "Accepted", "{answers:?}");
        assert_eq!(answers[&cancel]["resp"], "success", "{answers:?}");
        assert_eq!(result.unwrap()["retcode"], 3034);
        channel.send(&json!({"method": "async.ack", "id": id})).await;
    }
}

#[tokio::test]
async fn requests_that_name_a_task_or_a_run_find_it_in_the_write_that_makes_it() {
    let (_server, _agent, mut channel) = connected().await;
    let run = "cron:job:run:run";
    let requests = [
        task("task", "echo out"),
        about("status", "async.status", "task"),
        about("output", "async.output", "task"),
        json!({"id": "list", "method": "async.list", "after": "task"}),
        about("ack", "async.ack", "task"),
        job("set", "job", "sleep 60"),
        named("run", "cron.run", "job"),
        about("run status", "async.status", run),
        about("run cancel", "async.cancel", run),
        named("history", "cron.history", "job"),
    ];
    channel.send_text(&together(&requests)).await;
    let mut canceled = None;
    let mut answers = BTreeMap::new();
    while answers.len() < requests.len() || canceled.is_none() {
        let message = channel.next().await.unwrap();
        if message["method"].is_null() {
            answers.insert(message["id"].as_str().unwrap().to_owned(), message);
        } else if message["id"] == run {
            canceled = Some(message);
        }
    }
    for (id, answer) in &answers {
        // The task may have ended by then, or not; it is never unknown.
        let is_right = answer["resp"] == "success"
            || id == "ack" && answer["message"].as_str().unwrap().contains("has not ended");
        assert!(is_right, "{answer}");
    }
    assert_eq!(answers["history"]["data"][0]["task"], run, "{answers:?}");
    assert_eq!(canceled.unwrap()["retcode"], 3034);
}

#[tokio::test]
async fn of_several_settings_of_a_job_in_one_write_the_last_wins() {
    let (_server, agent, mut channel) = connected().await;
    let mut local = Local::connect(&agent).await;
    let users = ["root", "nobody", "daemon", "bin", "sys", "root"];
    for round in 0..ROUNDS / 4 {
        let (kept, removed) = (format!("kept-{round}"), format!("removed-{round}"));
        let mut requests = Vec::new();
        for (at, user) in users.iter().enumerate() {
            let mut set = job(&format!("kept-{at}"), &kept, &format!("echo {at}"));
            set["user"] = json!(user);
            requests.push(set);
            requests.push(job(&format!("removed-{at}"), &removed, &format!("echo {at}")));
        }
        requests.push(named("remove", "cron.remove", &removed));
        // In turn over the channel and over the local socket.
        if round % 2 == 0 {
            channel.send_text(&together(&requests)).await;
            replies(&mut channel, requests.len()).await;
        } else {
            local.send_text(&together(&requests)).await;
            for _ in &requests {
                assert_eq!(local.next().await.unwrap()["resp"], "success");
            }
        }
        let jobs = jobs(&mut channel).await;
        let cmd = jobs.iter().find(|job| job["name"] == kept).map(|job| &job["cmd"]);
        assert_eq!(cmd, Some(&json!("echo 5")));
        assert!(!jobs.iter().any(|job| job["name"] == removed), "{jobs:?}");
    }
}

/// An agent on a host where looking up the user `slow` waits for [`SlowAccounts::answer`].
struct SlowAccounts {
    scratch: Scratch,
}

impl SlowAccounts {
    fn new() -> Self {
        let scratch = Scratch::new("slow-accounts");
        let source = scratch.write(
            "nss.c",
            r#"
#include <fcntl.h>
#include <nss.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>
/* Opening the pipe waits until somebody opens it for writing. */
enum nss_status _nss_slow_getpwnam_r(const char *name, struct passwd *user, char *buffer,
                                     size_t length, int *error) {
    (void)buffer; (void)length; (void)error;
    if (strcmp(name, "slow") != 0) return NSS_STATUS_NOTFOUND;
    close(open(GATE, O_RDONLY | O_CLOEXEC));
    *user = (struct passwd){.pw_name = "slow", .pw_passwd = "x", .pw_uid = 4711, .pw_gid = 4711,
                            .pw_gecos = "", .pw_dir = "/", .pw_shell = "/bin/sh"};
    return NSS_STATUS_SUCCESS;
}
"#,
        );
        let gate = scratch.file("gate");
        nix::unistd::mkfifo(&gate, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-Wall", "-Werror", "-o"])
            .arg(scratch.file("libnss_slow.so.2"))
            .arg(format!("-DGATE=\"{}\"", gate.display()))
            .arg(source)
            .status();
        assert!(built.unwrap().success());
        scratch.write("nsswitch.conf", "passwd: files slow\ngroup: files\nhosts: files dns\n");
        Self { scratch }
    }

    fn config(&self, server: &Server) -> AgentConfig {
        let mut config = AgentConfig::new(server.address());
        let file = self.scratch.file("nsswitch.conf");
        config.wrapper = in_mount_namespace(&[(file.as_path(), "/etc/nsswitch.conf")]);
        let path = format!("LD_LIBRARY_PATH={}", self.scratch.path().display());
        config.wrapper.extend(["env".to_owned(), path]);
        config
    }

    /// Lets every look-up go on, for as long as the result is kept.
    fn answer(&self) -> std::fs::File {
        // Also for reading, so that it does not wait for a look-up.
        std::fs::File::options().read(true).write(true).open(self.scratch.file("gate")).unwrap()
    }
}

#[tokio::test]
async fn a_slow_account_look_up_delays_only_requests_about_the_same_task_or_job() {
    let name = "a_slow_account_look_up_delays_only_requests_about_the_same_task_or_job";
    if !needs_root(name) {
        return;
    }
    // With a policy that has to know the account, and without.
    for policy in
        [None, Some("[[rule]]\nname = \"none\"\naction = \"deny\"\nusers = [\"daemon\"]\n")]
    {
        let accounts = SlowAccounts::new();
        let pki = Pki::new();
        let server = Server::start(&pki).await;
        let mut config = accounts.config(&server);
        if let Some(policy) = policy {
            let text = format!("default = \"allow\"\n{policy}");
            let file = accounts.scratch.write("policy.toml", text);
            config.top = format!("policy = \"{}\"", file.display());
        }
        let _agent = Agent::start(&pki, config);
        let mut channel = server.channel().await;
        let slow = |mut request: Value| {
            request["user"] = json!("slow");
            request
        };
        let waiting = [
            slow(task("task", "sleep 60")),
            about("cancel", "async.cancel", "task"),
            slow(job("set", "job", "true")),
            named("remove", "cron.remove", "job"),
            slow(job("first", "other", "echo first")),
            job("last", "other", "echo last"),
            named("history", "cron.history", "other"),
        ];
        channel.send_text(&together(&waiting)).await;
        // These have replies before any of the others, which wait for the look-up.
        for independent in [
            task("quick", "true"),
            job("quick job", "quick", "true"),
            about("quick status", "async.status", "quick"),
        ] {
            let id = independent["id"].as_str().unwrap().to_owned();
            channel.send(&independent).await;
            let answers = replies(&mut channel, 1).await;
            assert_eq!(answers.get(&id).map(|answer| &answer["resp"]), Some(&json!("success")));
        }
        let _open = accounts.answer();
        let mut canceled = None;
        let mut answers = BTreeMap::new();
        while answers.len() < waiting.len() || canceled.is_none() {
            let message = channel.next().await.unwrap();
            if message["method"].is_null() {
                answers.insert(message["id"].as_str().unwrap().to_owned(), message);
            } else if message["id"] == "task" {
                canceled = Some(message);
            }
        }
        for answer in answers.values() {
            assert_eq!(answer["resp"], "success", "{answer}");
        }
        assert_eq!(canceled.unwrap()["retcode"], 3034);
        let jobs = jobs(&mut channel).await;
        let found: Vec<_> = jobs.iter().map(|job| (&job["name"], &job["cmd"])).collect();
        let wanted = [("other", "echo last"), ("quick", "true")].map(|(a, b)| (json!(a), json!(b)));
        assert_eq!(found, wanted.iter().map(|(a, b)| (a, b)).collect::<Vec<_>>());
    }
}
