//! `getinfo.sockets` as a host sees it, compared with ss(8) and with sockets of the test's own.
#![expect(clippy::disallowed_methods, reason = "ss has the answers to compare with")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test helpers, outside of test functions"
)]

use std::io::Write as _;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::process::Command;

use plugin_api::testing::{call, load};
use serde_json::Value;
use test_support::{Scratch, is_inside, wait_until};

fn sockets(answer: &Value) -> &Vec<Value> {
    answer["sockets"].as_array().unwrap()
}

fn of_port(answer: &Value, port: u16) -> Vec<&Value> {
    sockets(answer).iter().filter(|socket| socket["local_port"] == port).collect()
}

/// Returns whether the test runs in a network of its own: sockets of others, which come and go by
/// the thousand, are not in it.
fn is_alone(test: &str) -> bool {
    let script = "ip link set lo up && exec \"$@\"";
    is_inside(test, &["unshare", "-n", "sh", "-c", script, "sh"].map(str::to_owned))
}

fn own_name() -> String {
    std::fs::read_to_string("/proc/self/comm").unwrap().trim_end().to_owned()
}

#[test]
fn listening_sockets_are_found_with_their_process() {
    if !is_alone("listening_sockets_are_found_with_their_process") {
        return;
    }
    let Some(provider) = load("getinfo-sockets") else { return };
    let v4 = TcpListener::bind("127.0.0.1:0").unwrap();
    let v6 = TcpListener::bind("[::1]:0").unwrap();
    let udp = UdpSocket::bind("0.0.0.0:0").unwrap();
    let answer = call(&provider, "").unwrap();
    for (address, protocol, family, state) in [
        (v4.local_addr().unwrap(), "tcp", "inet", "listen"),
        (v6.local_addr().unwrap(), "tcp", "inet6", "listen"),
        (udp.local_addr().unwrap(), "udp", "inet", "unconnected"),
    ] {
        let found: Vec<&Value> = of_port(&answer, address.port())
            .into_iter()
            .filter(|socket| socket["protocol"] == protocol)
            .collect();
        assert_eq!(found.len(), 1, "{address}");
        let socket = found[0];
        assert_eq!(
            (&socket["family"], &socket["state"]),
            (&Value::from(family), &Value::from(state))
        );
        assert_eq!(socket["local_address"], address.ip().to_string());
        assert_eq!(
            (&socket["remote_address"], &socket["remote_port"]),
            (&Value::Null, &Value::Null)
        );
        assert_eq!(socket["pid"], std::process::id());
        assert_eq!(socket["process"], own_name());
        assert!(socket["inode"].as_u64() > Some(0));
        let one = call(&provider, &format!("-l {} -p {protocol}", address.port())).unwrap();
        assert_eq!((one["matched"].as_u64(), &one["sockets"][0]), (Some(1), socket));
    }
    let port = udp.local_addr().unwrap().port();
    assert_eq!(call(&provider, &format!("-l {port} -p tcp")).unwrap()["matched"], 0);
}

#[test]
fn connections_and_their_queues_are_shown() {
    if !is_alone("connections_and_their_queues_are_shown") {
        return;
    }
    let Some(provider) = load("getinfo-sockets") else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    // A connection not yet accepted is in the listener's queue.
    wait_until("the connection is in the queue", || {
        let waiting = call(&provider, &format!("-l {port}")).unwrap();
        waiting["sockets"][0]["receive_queue_bytes"] == 1
    });
    let (server, _) = listener.accept().unwrap();
    client.write_all(b"hello").unwrap();
    let ask = || call(&provider, &format!("-a -p tcp -l {port}")).unwrap();
    wait_until("the bytes have arrived", || {
        sockets(&ask()).iter().any(|socket| socket["receive_queue_bytes"] == 5)
    });
    let answer = ask();
    let connected: Vec<&Value> =
        sockets(&answer).iter().filter(|socket| socket["state"] == "established").collect();
    assert_eq!(connected.len(), 1);
    assert_eq!(connected[0]["remote_port"], client.local_addr().unwrap().port());
    assert_eq!(connected[0]["remote_address"], "127.0.0.1");
    assert_eq!(
        (connected[0]["receive_queue_bytes"].as_u64(), connected[0]["send_queue_bytes"].as_u64()),
        (Some(5), Some(0))
    );
    drop(server);
}

#[test]
fn unix_domain_sockets_are_listed_on_request() {
    if !is_alone("unix_domain_sockets_are_listed_on_request") {
        return;
    }
    let Some(provider) = load("getinfo-sockets") else { return };
    let folder = std::env::temp_dir().join(format!("getinfo-sockets-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("with a blank");
    let listener = UnixListener::bind(&path).unwrap();
    let name = format!("getinfo-sockets-{}", std::process::id());
    let hidden = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let datagram_path = folder.join("datagrams");
    let datagram = UnixDatagram::bind(&datagram_path).unwrap();
    let find = |args: &str, path: &str| {
        let answer = call(&provider, args).unwrap();
        sockets(&answer).iter().find(|socket| socket["path"] == path).cloned()
    };
    let path = path.to_str().unwrap();
    assert!(find("", path).is_none());
    let socket = find("-x", path).unwrap();
    assert_eq!(
        (&socket["state"], &socket["unix_type"]),
        (&Value::from("listen"), &Value::from("stream"))
    );
    assert_eq!(socket["pid"], std::process::id());
    assert!(find("-p unix", &format!("@{name}")).is_some());
    let datagrams = datagram_path.to_str().unwrap();
    assert!(find("-x", datagrams).is_none());
    assert_eq!(find("-x -a", datagrams).unwrap()["unix_type"], "dgram");
    drop((listener, hidden, datagram));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_unix_socket_is_one_row_whatever_its_name() {
    if !is_alone("a_unix_socket_is_one_row_whatever_its_name") {
        return;
    }
    let Some(provider) = load("getinfo-sockets") else { return };
    let folder = Scratch::new("sockets-names");
    // Lines as /proc/net/unix has them, for sockets that don't exist.
    let row = "\n0000000000000000: 00000002 00000000 00010000 0001 01 424242 /run/forged.sock";
    let id = std::process::id();
    let abstract_names: [(Vec<u8>, String); 3] = [
        (format!("{id}{row}").into(), format!("@{id}{}", row.replace('\n', "\\x0a"))),
        (format!("{id}\0\r\x1b[2J\\").into(), format!("@{id}\\x00\\x0d\\x1b[2J\\x5c")),
        ([id.to_string().as_bytes(), b" \xff"].concat(), format!("@{id} \\xff")),
    ];
    let mut held = Vec::new();
    let mut wanted = Vec::new();
    for (name, shown) in abstract_names {
        held.push(UnixListener::bind_addr(&SocketAddr::from_abstract_name(name).unwrap()).unwrap());
        wanted.push(shown);
    }
    // A name may hold slashes too, if the folders are there.
    folder.write("x\n0: 2 0 10000 0001 01 424243 /run/placeholder", "");
    let path = folder.file("x\n0: 2 0 10000 0001 01 424243 /run/forged.sock");
    held.push(UnixListener::bind(&path).unwrap());
    wanted.push(path.to_str().unwrap().replace('\n', "\\x0a"));
    let answer = call(&provider, "-x").unwrap();
    let paths: Vec<&str> =
        sockets(&answer).iter().filter_map(|socket| socket["path"].as_str()).collect();
    for shown in &wanted {
        assert_eq!(paths.iter().filter(|path| *path == shown).count(), 1, "{shown} {paths:?}");
    }
    assert!(
        !paths
            .iter()
            .any(|path| path.ends_with("forged.sock") && !wanted.iter().any(|w| w == path))
    );
    assert!(
        !sockets(&answer)
            .iter()
            .any(|socket| { socket["inode"] == 424_242 || socket["inode"] == 424_243 })
    );
    let mut inodes: Vec<u64> = sockets(&answer)
        .iter()
        .filter(|socket| socket["protocol"] == "unix")
        .map(|socket| socket["inode"].as_u64().unwrap())
        .collect();
    let count = inodes.len();
    inodes.sort_unstable();
    inodes.dedup();
    assert_eq!(inodes.len(), count, "a socket has two rows");
}

/// Runs in a folder of its own: a relative path is a name that begins with any letter.
#[test]
fn a_path_does_not_pass_for_an_abstract_name() {
    let inside = "GETINFO_SOCKETS_INSIDE";
    let Some(name) = std::env::var_os(inside) else {
        let folder = Scratch::new("sockets-relative");
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_path_does_not_pass_for_an_abstract_name", "--nocapture"])
            .env(inside, format!("@relative-{}", std::process::id()))
            .current_dir(folder.path())
            .status();
        assert!(status.unwrap().success());
        return;
    };
    let _held = UnixListener::bind(&name).unwrap();
    // Loading builds the library, which needs the workspace.
    std::env::set_current_dir(env!("CARGO_MANIFEST_DIR")).unwrap();
    let Some(provider) = load("getinfo-sockets") else { return };
    let answer = call(&provider, "-x").unwrap();
    let has = |path: &str| sockets(&answer).iter().any(|socket| socket["path"] == path);
    let name = name.to_str().unwrap();
    assert!(has(&name.replace('@', "\\x40")) && !has(name), "{answer}");
}

/// `tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* …` as (protocol, address, port, inode).
fn ss(args: &[&str]) -> Option<Vec<(String, String, u16, u64)>> {
    let Ok(output) = Command::new("ss").args(args).output() else {
        println!("SKIPPED (needs ss, of iproute2)");
        return None;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    let mut rows: Vec<_> = text
        .lines()
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            // ss leaves the protocol's column out if only one protocol is requested.
            let column = if args.contains(&"-tane") { 3 } else { 4 };
            let (address, port) = words[column].rsplit_once(':').unwrap();
            let address = address.trim_matches(['[', ']']);
            let address = if address == "*" { "::" } else { address.split('%').next().unwrap() };
            let inode = words.iter().find_map(|word| word.strip_prefix("ino:")).unwrap_or("0");
            (words[0].to_owned(), address.to_owned(), port.parse().unwrap(), inode.parse().unwrap())
        })
        .collect();
    rows.sort_unstable();
    Some(rows)
}

#[test]
fn the_lists_match_those_of_ss() {
    if !is_alone("the_lists_match_those_of_ss") {
        return;
    }
    let Some(provider) = load("getinfo-sockets") else { return };
    let _held = [TcpListener::bind("[::]:0").unwrap(), TcpListener::bind("127.0.0.2:0").unwrap()];
    for (args, ss_args) in [("", ["-H", "-tulne"]), ("-a -p tcp", ["-H", "-tane"])] {
        let protocol = |row: &(String, String, u16, u64)| row.0.clone();
        let Some(before) = ss(&ss_args).or_else(|| ss(&ss_args)) else { return };
        let answer = call(&provider, args).unwrap();
        let after = ss(&ss_args).unwrap();
        let ours: Vec<(String, String, u16, u64)> = sockets(&answer)
            .iter()
            .map(|socket| {
                (
                    socket["protocol"].as_str().unwrap().to_owned(),
                    socket["local_address"].as_str().unwrap().to_owned(),
                    u16::try_from(socket["local_port"].as_u64().unwrap()).unwrap(),
                    socket["inode"].as_u64().unwrap_or(0),
                )
            })
            .collect();
        // A socket seen before and after existed in between; the host's other sockets come and go.
        let one = ss_args[1] == "-tane";
        let is_ours = |row: &(String, String, u16, u64)| {
            ours.iter().any(|our| {
                our.1 == row.1
                    && our.2 == row.2
                    && our.3 == row.3
                    && (one || our.0 == protocol(row))
            })
        };
        let mut compared = 0;
        for row in before.iter().filter(|row| row.3 != 0 && after.contains(row)) {
            assert!(is_ours(row), "{row:?} is missing from {ours:?}");
            compared += 1;
        }
        assert!(compared >= 2);
    }
}

/// Read by hand: the 10th word of lines in state 0A. ss uses sock_diag, as the provider does.
#[test]
fn listening_sockets_match_those_of_proc() {
    if !is_alone("listening_sockets_match_those_of_proc") {
        return;
    }
    let Some(provider) = load("getinfo-sockets") else { return };
    let held = [TcpListener::bind("[::]:0").unwrap(), TcpListener::bind("127.0.0.3:0").unwrap()];
    let table = || -> Vec<String> {
        let files = ["/proc/net/tcp", "/proc/net/tcp6"]
            .map(|file| std::fs::read_to_string(file).unwrap_or_default());
        let lines = files.iter().flat_map(|file| file.lines().skip(1));
        let words = lines.map(|line| line.split_whitespace().collect::<Vec<_>>());
        words.filter(|words| words[3] == "0A").map(|words| words[9].to_owned()).collect()
    };
    let before = table();
    let answer = call(&provider, "-p tcp").unwrap();
    let after = table();
    let ours: Vec<String> =
        sockets(&answer).iter().map(|socket| socket["inode"].to_string()).collect();
    let stayed: Vec<&String> = before.iter().filter(|inode| after.contains(inode)).collect();
    assert!(stayed.len() >= held.len());
    assert!(stayed.iter().all(|inode| ours.contains(inode)), "{stayed:?} {ours:?}");
    assert!(
        ours.iter().all(|inode| before.contains(inode) || after.contains(inode)),
        "{before:?} {ours:?}"
    );
}

#[test]
fn wrong_calls_have_error_codes() {
    let Some(provider) = load("getinfo-sockets") else { return };
    for args in ["-l", "-l 70000", "-p sctp", "-p", "all"] {
        assert_eq!(call(&provider, args).unwrap_err().code(), "usage", "{args}");
    }
}
