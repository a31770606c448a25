//! Several copies of a host, made at any time: at most one of them is active in the end.

use super::agent::{Agent, Line, Server};
use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

#[derive(Clone, Debug)]
enum Step {
    /// The files of one agent take the place of another's, or make a third.
    Copy {
        from: usize,
        to: usize,
    },
    Connect {
        agent: usize,
        line: Line,
    },
    Renew {
        agent: usize,
        line: Line,
        anew: bool,
    },
    Recover {
        agent: usize,
        line: Line,
    },
    Wait,
    Settle(Choice),
}

const MAX_AGENTS: usize = 3;

fn line() -> impl Strategy<Value = Line> {
    prop_oneof![3 => Just(Line::Works), 1 => Just(Line::LosesTheAnswer)]
}

fn step() -> impl Strategy<Value = Step> {
    let agent = 0..MAX_AGENTS;
    prop_oneof![
        2 => (agent.clone(), agent.clone()).prop_map(|(from, to)| Step::Copy { from, to }),
        6 => (agent.clone(), line()).prop_map(|(agent, line)| Step::Connect { agent, line }),
        6 => (agent.clone(), line(), any::<bool>())
            .prop_map(|(agent, line, anew)| Step::Renew { agent, line, anew }),
        1 => (agent, line()).prop_map(|(agent, line)| Step::Recover { agent, line }),
        1 => Just(Step::Wait),
        1 => prop_oneof![
            Just(Choice::Keep),
            Just(Choice::Restored),
            Just(Choice::EnrollAgain)
        ].prop_map(Step::Settle),
    ]
}

fn take(step: &Step, agents: &mut Vec<Agent>, server: &mut Server) {
    server.now += 1;
    let count = agents.len();
    match *step {
        Step::Copy { from, to } => {
            let mut copy = agents[from % count].clone();
            copy.channel = None;
            match agents.get_mut(to) {
                Some(agent) => *agent = copy,
                None => agents.push(copy),
            }
        }
        Step::Connect { agent, line } => {
            agents[agent % count].connect(server, line);
        }
        Step::Renew { agent, line, anew } => {
            let agent = &mut agents[agent % count];
            let key = agent.channel;
            let keys = server.record().keys.clone().unwrap();
            if let Some(Ok(_)) = agent.renew(server, line, anew) {
                // Neither an older key nor one that lost a dispute renews.
                let place = keys.place(super::key(key.unwrap()));
                assert!(matches!(place, KeyPlace::Current | KeyPlace::Previous), "{place:?}");
            }
        }
        Step::Recover { agent, line } => {
            agents[agent % count].recover(server, line);
        }
        Step::Wait => {
            server.now += LIFE + 1;
            agents.iter_mut().for_each(|agent| agent.channel = None);
        }
        Step::Settle(choice) => {
            let now = server.now;
            // Refused if nothing is to be settled.
            let _ = settle(server.record(), choice, now);
        }
    }
}

/// Returns the keys that are active after every agent has connected twice with what it has.
fn active_keys(agents: &mut [Agent], server: &mut Server) -> BTreeSet<u32> {
    for _ in 0..2 {
        for agent in agents.iter_mut() {
            agent.connect(server, Line::Works);
        }
    }
    let keys = agents.iter().filter_map(|agent| agent.channel);
    keys.filter(|key| server.is_active(*key)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn at_most_one_key_is_active_in_the_end(steps in prop::collection::vec(step(), 0..60)) {
        let (mut agents, mut server) = (vec![Agent::new()], Server::new());
        agents[0].enroll(&mut server, Line::Works).unwrap();
        for step in &steps {
            take(step, &mut agents, &mut server);
        }
        let active = active_keys(&mut agents, &mut server);
        prop_assert!(active.len() <= 1, "{active:?} of {agents:?}");
    }

    #[test]
    fn after_an_operator_settled_it_one_key_is_active_and_the_others_are_refused(
        steps in prop::collection::vec(step(), 0..60),
        choice in prop_oneof![Just(Choice::Keep), Just(Choice::EnrollAgain)],
    ) {
        let (mut agents, mut server) = (vec![Agent::new()], Server::new());
        agents[0].enroll(&mut server, Line::Works).unwrap();
        for step in &steps {
            take(step, &mut agents, &mut server);
        }
        active_keys(&mut agents, &mut server);
        let now = server.now;
        if settle(server.record(), choice, now).is_ok() {
            let kept = active_keys(&mut agents, &mut server);
            prop_assert_eq!(&server.record().state, &HostState::Active);
            prop_assert!(kept.len() <= 1);
            let open: BTreeSet<u32> = agents.iter().filter_map(|agent| agent.channel).collect();
            prop_assert_eq!(open, kept, "the others are refused");
        }
    }

    #[test]
    fn the_same_question_has_the_same_answer_and_changes_nothing(
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let (mut agents, mut server) = (vec![Agent::new()], Server::new());
        agents[0].enroll(&mut server, Line::Works).unwrap();
        for step in &steps {
            take(step, &mut agents, &mut server);
            for agent in &mut agents.clone() {
                let mut copy = server.clone();
                ask_twice(agent, &mut copy);
            }
        }
    }
}

fn ask_twice(agent: &mut Agent, server: &mut Server) {
    let first = agent.renew(server, Line::LosesTheAnswer, false);
    let after = server.record.clone();
    server.now += 1;
    assert_eq!(agent.renew(server, Line::LosesTheAnswer, false), first);
    assert_eq!(server.record, after);
    let first = agent.recover(server, Line::LosesTheAnswer);
    let after = server.record.clone();
    server.now += 1;
    assert_eq!(agent.recover(server, Line::LosesTheAnswer), first);
    assert_eq!(server.record, after);
}
