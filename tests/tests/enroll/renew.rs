//! Renewal in the channel, recovery after the certificate's end, and what a crash leaves.

use crate::issuer::{Issuer, csr, key_of, public};
use agent_wire::message::{EnrollReply, EnrollRequest, Recover};
use e2e::{Agent, AgentConfig, Channel, Pki, Scratch, eventually};
use ring::digest::{SHA256, digest};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use serde_json::{Value, json};

/// Seconds after which a certificate of 7 days is renewed at once.
const OLD: i64 = 5 * 24 * 3600;

/// Starts an agent that joins by itself and whose certificate came some time ago.
async fn joined(issuer: &Issuer, age: i64) -> (Agent, EnrollRequest) {
    let enroll = format!("ca = \"{}\"\ntoken = \"bat1.a.b\"", issuer.pin());
    let config = AgentConfig { enroll: Some(enroll), ..AgentConfig::new(issuer.server.address()) };
    let mut agent = Agent::start_in(Scratch::new("agent"), config);
    let request = issuer.lets_join_from("host-1", age).await;
    if age > 0 {
        // Kept until the agent is gone: it would connect again.
        let open = issuer.server.plain_init().await;
        agent.kill();
        drop(open);
        let path = agent.scratch().file("state/identity/identity.json");
        let text = std::fs::read_to_string(&path).expect("the record");
        let mut record: Value = serde_json::from_str(&text).expect("JSON");
        record["received"] = (record["received"].as_i64().expect("a time") - age).into();
        std::fs::write(&path, record.to_string()).expect("it is ours");
        agent.restart();
    }
    (agent, request)
}

/// Returns the agent's next message with this method.
async fn message(channel: &mut Channel, method: &str) -> Value {
    loop {
        let message = channel.next().await.expect("a message");
        if message["method"] == method {
            return message;
        }
    }
}

fn asked_key(asked: &Value) -> Vec<u8> {
    use base64::Engine as _;
    let csr = base64::engine::general_purpose::STANDARD
        .decode(asked["csr"].as_str().expect("base64 text"));
    public(&csr.expect("base64 text"))
}

fn identity_files(agent: &Agent) -> Vec<String> {
    let entries =
        std::fs::read_dir(agent.scratch().file("state/identity")).expect("the folder is there");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("base64 text").file_name().into_string().expect("base64 text"))
        .collect();
    names.sort();
    names
}

const WHOLE: [&str; 5] = ["ca.pem", "cert.pem", "identity.json", "key.pem", "lock"];

#[tokio::test]
async fn a_certificate_past_its_half_is_renewed_with_a_new_key_that_opens_the_next_channel() {
    let issuer = Issuer::start().await;
    let (agent, first) = joined(&issuer, OLD).await;
    let mut channel = issuer.server.channel().await;
    assert_eq!(key_of(&channel), public(csr(&first)));
    let asked = message(&mut channel, "cert.renew").await;
    let key = asked_key(&asked);
    assert_ne!(key, public(csr(&first)), "each renewal has a new key");
    // A request that runs is answered before the channel is opened again.
    channel.send(&json!({"id": "slow", "method": "sync.bash", "cmd": "sleep 1; echo done"})).await;
    channel.send(&issuer.renewed("host-1", &asked, 2)).await;
    assert_eq!(channel.next().await.expect("the reply")["id"], "slow");
    assert!(channel.next().await.is_none(), "the agent closes at a quiet moment");
    let mut channel = issuer.server.channel().await;
    assert_eq!(key_of(&channel), key);
    eventually("only the new pair is left", || identity_files(&agent) == WHOLE).await;
    let info = channel.ask_past(&json!({"id": "i", "method": "agent.info"})).await;
    assert_eq!(info["data"]["generation"], 2);
}

#[tokio::test]
async fn a_renewal_without_an_answer_is_asked_for_again_with_the_same_id_and_key() {
    let issuer = Issuer::start().await;
    let (mut agent, _) = joined(&issuer, OLD).await;
    let mut channel = issuer.server.channel().await;
    let asked = message(&mut channel, "cert.renew").await;
    channel.close().await;
    let mut channel = issuer.server.channel().await;
    let again = message(&mut channel, "cert.renew").await;
    assert_eq!(again["renewal_id"], asked["renewal_id"]);
    assert_eq!(asked_key(&again), asked_key(&asked));
    agent.restart();
    let mut channel = issuer.server.channel().await;
    let again = message(&mut channel, "cert.renew").await;
    assert_eq!(again["renewal_id"], asked["renewal_id"]);
}

#[tokio::test]
async fn a_renewed_pair_that_the_server_rejects_gives_way_to_the_old_one() {
    let issuer = Issuer::start().await;
    let (agent, first) = joined(&issuer, OLD).await;
    let mut channel = issuer.server.channel().await;
    let asked = message(&mut channel, "cert.renew").await;
    channel.send(&issuer.renewed("host-1", &asked, 2)).await;
    assert!(channel.next().await.is_none());
    // The database was restored: the server does not know the new key.
    let (mut stream, _) = issuer.server.plain_init().await;
    use tokio::io::AsyncWriteExt as _;
    stream.write_all(b"{\"method\":\"accept\"}\n").await.unwrap();
    let mut channel = issuer.server.tls(stream).await.unwrap();
    channel.send(&json!({"resp": "failed", "retcode": 3066, "message": "Identity refused"})).await;
    channel.close().await;
    let mut channel = issuer.server.channel().await;
    assert_eq!(key_of(&channel), public(csr(&first)), "the old pair was kept");
    let again = message(&mut channel, "cert.renew").await;
    assert_eq!(again["renewal_id"], asked["renewal_id"]);
    agent.logged("3066").await;
}

/// When the agent is killed during a renewal.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Moment {
    Asked,
    Answered,
    Stored,
    Left,
    Opened,
}

#[tokio::test]
async fn a_killed_agent_ends_up_with_one_usable_identity_wherever_its_renewal_was() {
    let issuer = Issuer::start().await;
    let (mut agent, first) = joined(&issuer, OLD).await;
    let mut keys = vec![public(csr(&first))];
    let moments = [Moment::Asked, Moment::Answered, Moment::Stored, Moment::Left, Moment::Opened];
    for (round, moment) in moments.into_iter().enumerate() {
        // The agent may have been killed while it connected.
        let mut channel = issuer.server.channel_of_survivor().await;
        assert!(keys.contains(&key_of(&channel)), "{moment:?}");
        channel.send(&json!({"id": "now", "method": "cert.renew_now"})).await;
        let asked = message(&mut channel, "cert.renew").await;
        keys.push(asked_key(&asked));
        if moment != Moment::Asked {
            channel.send(&issuer.renewed("host-1", &asked, round as u64 + 2)).await;
        }
        let renewed = agent.scratch().file("state/identity/next-cert.pem");
        match moment {
            Moment::Asked | Moment::Answered => {}
            Moment::Stored => eventually("it is stored", || renewed.exists()).await,
            Moment::Left => while channel.next().await.is_some() {},
            Moment::Opened => {
                while channel.next().await.is_some() {}
                issuer.server.channel().await;
            }
        }
        agent.restart();
    }
    let channel = issuer.server.channel_of_survivor().await;
    assert_eq!(keys.last(), Some(&key_of(&channel)), "the last renewal was answered");
    eventually("one pair is left", || identity_files(&agent) == WHOLE).await;
}

#[tokio::test]
async fn a_host_whose_certificate_has_expired_recovers_by_its_key() {
    let issuer = Issuer::start().await;
    let (agent, first) = joined(&issuer, 8 * 24 * 3600).await;
    let asked = issuer.asked().await;
    let EnrollRequest::Recover(recover) = &asked.request else { panic!("{:?}", asked.request) };
    assert_eq!(recover.hostname, "host-1");
    assert_eq!(recover.key, public(csr(&first)));
    assert_ne!(public(&recover.csr), recover.key, "with a new key");
    let mut sum = [0; 32];
    sum.copy_from_slice(digest(&SHA256, &recover.csr).as_ref());
    let signed = Recover::signed(&asked.exporter, &sum);
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &recover.key[recover.key.len() - 65..])
        .verify(&signed, &recover.signature)
        .expect("the bound key has signed this connection");
    let key = public(&recover.csr);
    let issued = issuer.issue("host-1", &recover.csr, 0, 2);
    asked.answer(&EnrollReply::Enrolled(issued)).await;
    assert_eq!(key_of(&issuer.server.channel().await), key);
    eventually("only the new pair is left", || identity_files(&agent) == WHOLE).await;
}

#[tokio::test]
async fn new_cas_are_stored_and_older_ones_are_ignored() {
    let issuer = Issuer::start().await;
    let (agent, _) = joined(&issuer, 0).await;
    let mut channel = issuer.server.channel().await;
    let both = issuer.pki.ca() + &Pki::new().ca();
    let trust = |version: u64, bundle: &str| json!({"id": "t", "method": "cert.trust", "bundle": bundle, "version": version});
    let reply = channel.ask_past(&trust(7, &both)).await;
    assert_eq!(reply["resp"], "success", "{reply}");
    let path = agent.scratch().file("state/identity/ca.pem");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), both);
    let reply = channel.ask_past(&trust(6, &issuer.pki.ca())).await;
    assert!(reply["message"].as_str().unwrap().contains("ignored"), "{reply}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), both);
    let reply = channel.ask_past(&trust(8, "no certificates")).await;
    assert_eq!(reply["retcode"], 3021, "{reply}");
    channel.close().await;
    assert_eq!(issuer.server.channel().await.init["ca_version"], 7);
}

#[tokio::test]
async fn a_reset_host_sets_its_key_aside_and_joins_anew_or_stops() {
    let issuer = Issuer::start().await;
    let (mut agent, first) = joined(&issuer, 0).await;
    let reset = json!({"id": "r", "method": "cert.reset", "reason": "a clone"});
    let mut channel = issuer.server.channel().await;
    assert_eq!(channel.ask_past(&reset).await["resp"], "success");
    let second = issuer.lets_join("host-2").await;
    assert_ne!(public(csr(&second)), public(csr(&first)));
    // Kept open: the agent does not connect while it is killed.
    let second = issuer.server.channel().await;
    assert_eq!(second.init["hostname"], "host-2");

    agent.rewrite(|config| config.enroll = Some(String::new()));
    agent.restart();
    let mut channel = issuer.server.channel().await;
    assert_eq!(channel.ask_past(&reset).await["resp"], "success");
    assert_eq!(agent.wait().await.code(), Some(2));
    assert!(agent.log().contains("has reset this host's identity"));
    assert!(agent.scratch().file("state/identity/key.set-aside-2").exists());
}

#[tokio::test]
async fn a_host_of_the_operators_own_pki_rejects_what_is_for_hosts_that_joined() {
    let (_server, _agent, mut channel) = e2e::connected().await;
    for method in ["cert.renew_now", "cert.reset"] {
        let reply = channel.ask_past(&json!({"id": "c", "method": method})).await;
        assert_eq!(reply["retcode"], 3023, "{method}: {reply}");
    }
    let reply = channel
        .ask_past(
            &json!({"id": "t", "method": "cert.trust", "bundle": Pki::new().ca(), "version": 1}),
        )
        .await;
    assert_eq!(reply["retcode"], 3023, "{reply}");
    let info = channel.ask_past(&json!({"id": "i", "method": "agent.info"})).await;
    assert_eq!(info["data"]["identity"], "files");
}
