//! Facts of played hosts.

use super::{Agent, Controller};
use serde_json::{Map, Value, json};

/// Returns a text of hexadecimal digits that is another one for each `seed`, and that compresses to
/// half.
pub(crate) fn noise(seed: u64, bytes: usize) -> String {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut text = String::with_capacity(bytes + 16);
    while text.len() < bytes {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.push_str(&format!("{state:016x}"));
    }
    text.truncate(bytes);
    text
}

/// Answers a request for facts.
pub(crate) fn send_facts(agent: &mut Agent, request: &Map<String, Value>, packages: &Value) {
    assert_eq!(request["method"], "getinfo.all", "{request:?}");
    let answer = json!({
        "method": "getinfo.packages", "resp": "success", "retcode": 0, "message": "",
        "data": packages
    });
    let reply = json!({
        "id": request["id"], "resp": "success", "retcode": 0, "message": "", "data": [answer]
    });
    agent.send(&format!("{reply}\n"));
}

/// Has a host asked for its facts, which answers with these packages if it is asked; returns the
/// status and the body.
pub(crate) fn refresh(
    controller: &Controller,
    host: &str,
    agent: &mut Agent,
    packages: &Value,
) -> (u16, Value) {
    let path = format!("/hosts/{host}/facts/refresh");
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| controller.post(&path, &json!({})));
        // An answer may come without a request to the host: its event cannot be written.
        let socket = agent.stream.sock.try_clone().unwrap();
        let second = std::time::Duration::from_millis(100);
        socket.set_read_timeout(Some(second)).unwrap();
        while !asking.is_finished() {
            match agent.try_receive() {
                Ok(Some(request)) => send_facts(agent, &request, packages),
                Ok(None) => panic!("the controller closed the channel"),
                Err(error) => assert!(
                    matches!(
                        error.kind(),
                        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                    ),
                    "{error}"
                ),
            }
        }
        socket.set_read_timeout(Some(super::DEADLINE)).unwrap();
        asking.join().unwrap()
    })
}
