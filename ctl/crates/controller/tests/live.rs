//! The stream that tells an open page what changes: events arrive, roles count at once, a client
//! that was cut off comes back, and there are so many streams and no more.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod support;

use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read};
use support::{Controller, http};

/// A stream of server-sent events.
struct Stream(Box<dyn std::io::BufRead>);

impl Stream {
    /// Follows changes, as an operator with a token.
    fn open(controller: &Controller, token: &str, kinds: &str) -> Result<Self, (u16, Value)> {
        let url = format!("{}/live?kinds={kinds}", controller.api);
        let response =
            http().get(url).header("Authorization", format!("Bearer {token}")).call().unwrap();
        if response.status() != 200 {
            assert!(response.headers().contains_key("retry-after"), "{response:?}");
            return Err(support::read(Ok(response)));
        }
        let reader: Box<dyn Read> = Box::new(response.into_body().into_reader());
        let mut stream = Self(Box::new(BufReader::new(reader)));
        assert_eq!(stream.line().as_deref(), Some("retry: 1000"));
        assert_eq!(stream.line().as_deref(), Some(""));
        Ok(stream)
    }

    /// Returns the next line; `None` at the end.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.0.read_line(&mut line) {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(line.trim_end().to_owned()),
        }
    }

    /// Returns the next event's name and data; `None` at the end.
    fn event(&mut self) -> Option<(String, Value)> {
        loop {
            let line = self.line()?;
            let Some(name) = line.strip_prefix("event: ") else { continue };
            let data = self.line()?;
            let data = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            return Some((name.to_owned(), data));
        }
    }

    fn changed(&mut self) -> Value {
        let (name, mut data) = self.event().expect("an event");
        assert_eq!(name, "changed", "{data}");
        data["kinds"].take()
    }
}

/// Makes an operator with a role; returns an API token.
fn operator(controller: &Controller, name: &str, role: &str) -> String {
    let made = controller.post("/operators", &json!({ "name": name, "roles": [role] }));
    assert_eq!(made.0, 201, "{made:?}");
    let (status, token) =
        controller.post(&format!("/operators/{name}/tokens"), &json!({ "name": "live" }));
    assert_eq!(status, 201, "{token}");
    token["secret"].as_str().unwrap().to_owned()
}

fn send(controller: &Controller, method: &str, path: &str, body: &Value) {
    let request = ureq::http::Request::builder()
        .method(method)
        .uri(format!("{}{path}", controller.api))
        .header("Authorization", controller.bearer())
        .body(body.to_string())
        .unwrap();
    let (status, body) = support::read(http().run(request));
    assert_eq!(status, 200, "{body}");
}

/// Changes a label of `host-1`.
fn label(controller: &Controller, value: &str) {
    send(controller, "PUT", "/hosts/host-1/labels", &json!({ "set": { "rack": value } }));
}

#[test]
fn a_stream_tells_of_changes_while_its_operators_roles_allow_it_and_goes_on_after_a_restart() {
    let mut controller = Controller::start(&[]);
    let agent = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
    let vic = operator(&controller, "vic", "viewer");
    let other = operator(&controller, "other", "viewer");
    let mut stream = Stream::open(&controller, &vic, "hosts").unwrap();
    label(&controller, "a");
    assert_eq!(stream.changed(), json!(["hosts"]));
    // Taking a role away counts as a change of everything; afterwards the stream stays silent.
    let mut still = Stream::open(&controller, &other, "hosts").unwrap();
    send(&controller, "PATCH", "/operators/vic", &json!({ "roles": [] }));
    assert_eq!(stream.changed(), json!(["hosts"]));
    label(&controller, "b");
    assert_eq!(still.changed(), json!(["hosts"]), "another operator's stream");
    send(&controller, "PATCH", "/operators/vic", &json!({ "roles": ["viewer"] }));
    assert_eq!(stream.changed(), json!(["hosts"]));
    send(&controller, "PATCH", "/operators/vic", &json!({ "disabled": true }));
    let (name, problem) = stream.event().unwrap();
    assert_eq!((&*name, &problem["status"]), ("problem", &json!(401)));
    assert_eq!(stream.event(), None);
    // A client that was cut off comes back to the next controller.
    drop(agent);
    controller.kill();
    while still.event().is_some() {}
    controller.restart();
    let mut again = Stream::open(&controller, &other, "hosts").unwrap();
    label(&controller, "c");
    assert_eq!(again.changed(), json!(["hosts"]));
}

#[test]
fn a_stream_beyond_an_operators_bound_is_refused_until_one_ends() {
    let controller = Controller::start(&[]);
    let vic = operator(&controller, "vic", "viewer");
    let other = operator(&controller, "other", "viewer");
    let mut open = Vec::new();
    let refused = loop {
        match Stream::open(&controller, &vic, "hosts") {
            Ok(stream) => open.push(stream),
            Err(refused) => break refused,
        }
        assert!(open.len() <= 32);
    };
    assert_eq!((open.len(), refused.0), (32, 429), "{}", refused.1);
    assert_eq!(refused.1["type"], "urn:basicagent:problem:too-many-streams");
    Stream::open(&controller, &other, "hosts").expect("another operator has places");
    open.pop();
    test_support::wait_some("the place that is free", || {
        Stream::open(&controller, &vic, "hosts").ok()
    });
}
