//! Clients of the API that never read. This file has one test: it needs the memory and the
//! processor that others would share.

mod support;

use std::io::Write as _;
use std::time::Duration;
use support::Controller;
use test_support::{wait_some_within, wait_until};

/// Longer than the controller waits for a client that does not read, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn clients_that_never_read_do_not_hold_memory_for_ever() {
    const CLIENTS: usize = 60;
    let controller = Controller::start(&[]);
    let mut agent = controller.agent("host-1");
    let data = "x".repeat(20 << 20);
    agent.send(&format!(
        "{{\"method\":\"async.result\",\"id\":\"big\",\"resp\":\"success\",\"retcode\":0,\"data\":\"{data}\"}}"
    ));
    assert_eq!(agent.receive().unwrap()["method"], "async.ack");
    let before = controller.resident();
    let connections = || {
        let fds = std::fs::read_dir(format!("/proc/{}/fd", controller.child.id())).unwrap();
        let links = fds.filter_map(|fd| std::fs::read_link(fd.ok()?.path()).ok());
        links.filter(|link| link.to_string_lossy().starts_with("socket:")).count()
    };
    let none = connections();
    let silent: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let mut client = controller.connect_http();
            let request = format!(
                "GET /api/v1/hosts/host-1/results/big HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n\r\n",
                controller.bearer()
            );
            client.write_all(request.as_bytes()).unwrap();
            client
        })
        .collect();
    wait_until("all connections", || connections() >= none + CLIENTS);
    let mut most = 0;
    // A few are served at a time, and each of those is disconnected.
    wait_some_within(PATIENCE, "their end", || {
        most = most.max(controller.resident());
        (connections() <= none + CLIENTS - 10).then_some(())
    });
    let held = most.saturating_sub(before) >> 10;
    assert!(held < 500, "{held} MiB were held for {CLIENTS} clients of 20 MiB");
    assert_eq!(controller.get("/hosts").0, 200);
    drop(silent);
}
