//! One host, no copy of it: whatever is lost, the host gets back in and is never suspected.

use super::agent::{Agent, Line, Server};
use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Enroll(Line),
    Connect(Line),
    Renew {
        line: Line,
        anew: bool,
    },
    Recover(Line),
    Disconnect,
    Wait(UnixMillis),
    /// The server makes a backup of its database, or goes on with the last one.
    BackUp,
    Restore,
}

fn line() -> impl Strategy<Value = Line> {
    prop_oneof![
        3 => Just(Line::Works),
        1 => Just(Line::LosesTheQuestion),
        2 => Just(Line::LosesTheAnswer),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => line().prop_map(Step::Enroll),
        4 => line().prop_map(Step::Connect),
        4 => (line(), any::<bool>()).prop_map(|(line, anew)| Step::Renew { line, anew }),
        2 => line().prop_map(Step::Recover),
        1 => Just(Step::Disconnect),
        2 => (1..2 * LIFE).prop_map(Step::Wait),
        1 => Just(Step::BackUp),
        1 => Just(Step::Restore),
    ]
}

/// Takes one step, and returns whether the host was refused or suspected.
fn take(
    step: &Step,
    agent: &mut Agent,
    server: &mut Server,
    backup: &mut Option<HostRecord>,
) -> bool {
    server.now += 1;
    match *step {
        Step::Enroll(line) => agent.enroll(server, line).is_err(),
        Step::Connect(line) => agent
            .connect(server, line)
            .is_some_and(|o| o.is_err() || o.is_ok_and(|o| o.standing != Standing::Active)),
        Step::Renew { line, anew } => agent.renew(server, line, anew).is_some_and(|r| r.is_err()),
        Step::Recover(line) => agent.recover(server, line).is_some_and(|r| r.is_err()),
        Step::Disconnect => {
            agent.channel = None;
            false
        }
        Step::Wait(time) => {
            server.now += time;
            // The server closes a channel at its certificate's end.
            agent.channel = None;
            false
        }
        Step::BackUp => {
            backup.clone_from(&server.record);
            false
        }
        Step::Restore => {
            if let Some(backup) = backup {
                server.record = Some(backup.clone());
                // What the server signed since is unknown to it, and so are those generations.
                server.signed.clear();
                agent.channel = None;
            }
            false
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_lost_message_never_locks_a_host_out(
        steps in prop::collection::vec(step(), 0..60)
            .prop_map(|mut steps| { steps.retain(|step| !matches!(step, Step::Restore)); steps })
    ) {
        let (mut agent, mut server) = (Agent::new(), Server::new());
        agent.enroll(&mut server, Line::LosesTheAnswer).unwrap();
        for step in &steps {
            prop_assert!(!take(step, &mut agent, &mut server, &mut None), "{step:?}");
        }
        agent.enroll(&mut server, Line::Works).unwrap();
        if !matches!(agent.connect(&mut server, Line::Works), Some(Ok(_))) {
            agent.recover(&mut server, Line::Works);
            agent.connect(&mut server, Line::Works);
        }
        prop_assert_eq!(&server.record().state, &HostState::Active);
        prop_assert!(agent.channel.is_some(), "the host is connected at the end");
    }

    #[test]
    fn a_database_that_is_restored_never_suspects_a_host(
        steps in prop::collection::vec(step(), 0..60)
            .prop_map(|mut steps| { steps.retain(|step| !matches!(step, Step::Wait(_))); steps })
    ) {
        let (mut agent, mut server, mut backup) = (Agent::new(), Server::new(), None);
        agent.enroll(&mut server, Line::Works).unwrap();
        for step in &steps {
            prop_assert!(!take(step, &mut agent, &mut server, &mut backup), "{step:?}");
        }
        agent.connect(&mut server, Line::Works);
        prop_assert!(agent.channel.is_some(), "the host is connected at the end");
        prop_assert_eq!(&server.record().state, &HostState::Active);
    }
}
