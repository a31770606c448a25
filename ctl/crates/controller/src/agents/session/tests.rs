use super::*;

pub(in super::super) fn session() -> Arc<Session> {
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    let peer = Peer {
        host: "host-1".to_owned(),
        address,
        version: None,
        boot: None,
        key: Digest::of(b"key"),
        issuer: Issuer::Own,
        ca_version: None,
    };
    Arc::new(Session::new(peer, SystemTime::UNIX_EPOCH))
}

fn request(id: &str, line: &[u8]) -> AgentRequest {
    AgentRequest { id: id.to_owned(), client_chose_id: false, line: line.to_owned() }
}

#[tokio::test]
async fn a_wait_ends_with_the_reply_the_session_or_the_time() {
    let session = session();
    let long = Duration::from_secs(60);
    let answered = session.ask(request("1", b"{}\n")).unwrap();
    let late = session.ask(request("2", b"{}\n")).unwrap();
    let lost = session.ask(request("3", b"{}\n")).unwrap();
    assert!(session.reply("1", || "yes".to_owned()));
    assert!(!session.reply("1", || "again".to_owned()));
    assert_eq!(answered.within(long).await, Ok("yes".to_owned()));
    assert_eq!(late.within(Duration::ZERO).await, Err(NoReply::TimedOut));
    assert_eq!(session.pending(), 1);
    session.close();
    assert_eq!(lost.within(long).await, Err(NoReply::Disconnected));
    assert_eq!(session.ask(request("4", b"{}\n")).unwrap_err(), NoReply::Disconnected);
}

#[tokio::test]
async fn waiting_requests_are_bounded_and_leave_together() {
    let session = session();
    let pending: Vec<_> = (0..MAX_PENDING)
        .map(|id| session.ask(request(&id.to_string(), b"{}\n")).unwrap())
        .collect();
    assert_eq!(session.ask(request("x", b"{}\n")).unwrap_err(), NoReply::Busy);
    let Fetched::Lines(lines) = session.fetch(true).await else { panic!("nothing to write") };
    assert_eq!(lines.len(), MAX_PENDING * 3);
    drop(pending);
    assert_eq!(session.pending(), 0);
    let big = vec![b'x'; MAX_OUTGOING];
    let _reply = session.ask(request("y", &big)).unwrap();
    assert_eq!(session.ask(request("z", b"{}\n")).unwrap_err(), NoReply::Busy);
}
