//! Floods of output and crowds of commands stay within their bounds.

use crate::roles;
use crate::support::{BOTH, Marker, eventually, executors, is_root, run, spec};
use agent_core::exec::{CommandEnd, ExecSettings, StartError, Trees};

#[tokio::test]
async fn a_command_beyond_the_queue_is_rejected_at_once() {
    for (trees, executor) in
        executors(&ExecSettings { max_running: 1, max_queued: 1, ..ExecSettings::default() })
    {
        let marker = Marker::new();
        let script = marker.script("sleep MARK");
        let (mut first, mut second) =
            (Box::pin(run(&executor, spec(&script))), Box::pin(run(&executor, spec("true"))));
        tokio::select! {
            biased;
            _ = &mut first => panic!("it sleeps"),
            _ = &mut second => panic!("it waits"),
            () = eventually("the first runs", || marker.sleepers().len() == 1) => {}
        }
        let third = run(&executor, spec("true")).await;
        assert!(
            matches!(third, Err(StartError::Busy { running: 1, queued: 1 })),
            "{trees:?} {third:?}"
        );
        marker.kill();
        assert!(matches!(
            first.await.unwrap().end,
            CommandEnd::Signaled { signal: 9, .. } | CommandEnd::Exited(137)
        ));
        assert_eq!(second.await.unwrap().end, CommandEnd::Exited(0), "{trees:?}");
        executor.shutdown().await;
    }
}

fn ways() -> impl Iterator<Item = Trees> {
    BOTH.into_iter().filter(|trees| is_root() || *trees == Trees::Keeper)
}

#[test]
fn a_flood_of_output_stays_within_memory() {
    for trees in ways() {
        let grown: u64 = roles::play("flood", trees).trim().parse().unwrap();
        assert!(grown < 4 * 1024, "{trees:?}: {grown} KiB for a bound of 64 KiB");
    }
}

#[test]
fn two_hundred_commands_at_once_cost_little_memory() {
    for trees in ways() {
        let each: u64 = roles::play("crowd", trees).trim().parse().unwrap();
        assert!(each < 25, "{trees:?}: {each} KiB a command");
    }
}

/// `cargo test -p agent-core --test exec -- --ignored --nocapture figures_of_a_crowd`
#[test]
#[ignore = "a measurement, not a test"]
fn figures_of_a_crowd() {
    for trees in ways() {
        print!("{trees:?}: {}", roles::play("crowd-figures", trees));
    }
}

#[test]
fn no_zombie_is_left() {
    for trees in ways() {
        assert_eq!(roles::play("zombies", trees), "basicagent-zyg S\nnone\n", "{trees:?}");
    }
}
