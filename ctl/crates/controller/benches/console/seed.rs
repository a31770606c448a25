//! A small fleet by the controller's own ways: hosts that join and tell their facts, schedules,
//! people, tokens, and the audit log of all that. `fill` makes many of it.

use crate::client::Client;
use crate::support::{Agent, Controller};
use serde_json::{Map, Value, json};
use std::path::Path;
use test_support::Scratch;

/// The operator who looks at the pages, and one who reaches the hosts of two selectors: 40 in 100.
pub(crate) const OPERATOR: &str = "ann";
pub(crate) const LIMITED: &str = "tom";
pub(crate) const PASSWORD: &str = "correct horse battery";

/// Hosts whose facts the others share.
pub(crate) const IMAGES: usize = 20;

/// Schedules of the fleet.
pub(crate) const SCHEDULES: usize = 20;

/// The providers that a host is asked for.
const PROVIDERS: [&str; 12] = [
    "os",
    "kernel",
    "cpu",
    "memory",
    "disks",
    "mounts",
    "network",
    "hardware",
    "time",
    "services",
    "packages",
    "certificates",
];

/// Makes a state directory at `dir/state`.
pub(crate) fn make(dir: &Path) {
    let facts = Facts::read();
    let mut controller =
        Controller::start_own_in(&["--facts-hours", "6"], Scratch::new("bench-console"));
    let body = json!({ "name": OPERATOR, "roles": ["admin"], "password": PASSWORD });
    assert_eq!(controller.post("/operators", &body).0, 201);
    let roles = json!({ "name": "bench-token-owner", "roles": ["admin"] });
    assert_eq!(controller.post("/operators", &roles).0, 201);
    let terms = json!({ "note": "images", "max_uses": 1000, "expires_in": 86_400 });
    let (_, token) = controller.join_token(&terms);
    for number in 0..50 {
        let body = json!({ "name": format!("operator-{number:02}"), "roles": ["viewer"] });
        assert_eq!(controller.post("/operators", &body).0, 201);
        controller.join_token(&json!({ "note": format!("rack {number}") }));
    }
    for number in 0..IMAGES {
        let host = controller.enroll(&token);
        let mut agent = controller.channel(&host);
        for age in 0..2 {
            refresh(&controller, &host.id, &mut agent, &facts.of(number, age));
        }
        for change in 0..20 {
            let path = format!("/hosts/{}/labels", host.id);
            let set =
                json!({ "set": { "image": number.to_string(), "change": change.to_string() } });
            assert_eq!(controller.put(&path, &set).0, 200);
        }
    }
    let schedules: Vec<Value> = (0..SCHEDULES)
        .map(|number| {
            json!({ "name": format!("job-{number:02}"), "user": "root", "cmd": "true",
                "selector": if number < 5 { "".to_owned() } else { format!("rack=r{number}") },
                "schedule": format!("*/{} * * * *", number + 5) })
        })
        .collect();
    let body = json!({ "name": "author" });
    let (_, token) = controller.post("/operators/bench-token-owner/tokens", &body);
    let secret = token["secret"].as_str().unwrap().to_owned();
    let (status, body) =
        controller.post_as(&secret, "/schedules/apply", &json!({ "schedules": schedules }));
    assert_eq!(status, 200, "{body}");
    controller.signal("-TERM");
    controller.wait();
    std::fs::create_dir_all(dir).unwrap();
    let to = dir.join("state");
    test_support::run(&["cp", "-a", controller.state().to_str().unwrap(), to.to_str().unwrap()]);
}

/// Creates the operator whose role is two selectors, unless it exists.
pub(crate) fn make_limited(client: &mut Client) {
    let actions =
        ["hosts.read", "hosts.label", "facts.read", "results.read", "commands.run", "runs.read"];
    let grants = ["role=web", "site=sin1"]
        .map(|selector| json!({ "actions": actions, "selector": selector }));
    let role = json!({ "description": "web, and all of Singapore", "grants": grants });
    let (status, body) = client.send("PUT", "/api/v1/roles/two-selectors", &role);
    assert!(status < 300, "{body}");
    let operator = json!({ "name": LIMITED, "roles": ["two-selectors"], "password": PASSWORD });
    let (status, body) = client.send("POST", "/api/v1/operators", &operator);
    assert!(status == 201 || status == 409, "{body}");
}

impl Controller {
    fn put(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = crate::support::http()
            .put(format!("{}{path}", self.api))
            .header("Authorization", self.bearer());
        crate::support::read(request.send(body.to_string()))
    }

    fn post_as(&self, token: &str, path: &str, body: &Value) -> (u16, Value) {
        let request = crate::support::http()
            .post(format!("{}{path}", self.api))
            .header("Authorization", format!("Bearer {token}"));
        crate::support::read(request.send(body.to_string()))
    }
}

/// A real machine's answers.
struct Facts(Vec<(String, Value)>);

impl Facts {
    fn read() -> Self {
        let dir = std::env::var("FACTS_DIR").expect("FACTS_DIR; make bench-console sets it");
        let answer = |name: &&str| {
            let text = std::fs::read_to_string(format!("{dir}/{name}.json")).unwrap();
            (format!("getinfo.{name}"), serde_json::from_str(&text).unwrap())
        };
        Self(PROVIDERS.iter().map(answer).collect())
    }

    /// Returns the answers of an image: its packages are other versions, and so they were before.
    fn of(&self, image: usize, age: usize) -> Vec<Value> {
        let answer = |(method, data): &(String, Value)| {
            let mut data = data.clone();
            if let Some(packages) = data["packages"].as_array_mut() {
                for package in packages.iter_mut().skip(image).step_by(IMAGES) {
                    package["version"] = json!(format!("{image}.{age}.0"));
                }
            }
            if method == "getinfo.os" {
                data["release"]["version_id"] = json!((image % 4 + 10).to_string());
            }
            json!({ "method": method, "resp": "success", "retcode": 0, "message": "", "data": data })
        };
        self.0.iter().map(answer).collect()
    }
}

/// Has a host asked for its facts, and answers as the host.
fn refresh(controller: &Controller, host: &str, agent: &mut Agent, answers: &[Value]) {
    let path = format!("/hosts/{host}/facts/refresh");
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| controller.post(&path, &json!({})));
        while !asking.is_finished() {
            let Some(request) = next(agent) else { continue };
            let reply = json!({ "id": request["id"], "resp": "success", "retcode": 0,
                "message": "", "data": answers });
            agent.send(&format!("{reply}\n"));
        }
        let (status, body) = asking.join().unwrap();
        assert!(status < 300, "{body}");
    });
}

/// Returns the next request, if one comes within a moment.
fn next(agent: &mut Agent) -> Option<Map<String, Value>> {
    let moment = std::time::Duration::from_millis(100);
    agent.stream.sock.set_read_timeout(Some(moment)).unwrap();
    agent.try_receive().ok().flatten()
}
