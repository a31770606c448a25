use super::*;
use Event::{Cancelled, CommandEnded, OutputEnded, TerminateFailed, TimeUp, TreeGone};
use proptest::prelude::*;

const GRACE: Duration = Duration::from_secs(2);
const TERM: Step = Step::Terminate { within: GRACE };
const KILL: Step = Step::Kill { within: KILL_AGAIN };
const READ: Step = Step::Drain { within: DRAIN };

/// Feeds events and returns the steps, and why the tree was stopped.
fn steps(events: &[Event]) -> (Vec<Step>, Option<StopReason>) {
    let mut ending = Ending::new(GRACE);
    (events.iter().map(|event| ending.on(*event)).collect(), ending.stopped())
}

#[test]
fn each_way_to_end_takes_its_steps() {
    use StopReason::TimedOut;
    let table: [(&[Event], &[Step], Option<StopReason>); 8] = [
        (&[CommandEnded, OutputEnded], &[READ, Step::Finish], None),
        (&[CommandEnded, TimeUp], &[READ, Step::Finish], None),
        (&[TimeUp, TreeGone, OutputEnded], &[TERM, READ, Step::Finish], Some(TimedOut)),
        (&[Cancelled, TreeGone, TimeUp], &[TERM, READ, Step::Finish], Some(StopReason::Cancelled)),
        (
            &[TimeUp, TimeUp, TreeGone, OutputEnded],
            &[TERM, KILL, READ, Step::Finish],
            Some(TimedOut),
        ),
        (&[TimeUp, TerminateFailed, TreeGone], &[TERM, KILL, READ], Some(TimedOut)),
        // The command's own end does not stop the ending of the rest of its tree.
        (&[TimeUp, CommandEnded, TimeUp], &[TERM, Step::Wait, KILL], Some(TimedOut)),
        // A cancellation or a time-out that crosses the command's own end changes nothing.
        (&[CommandEnded, Cancelled, OutputEnded], &[READ, Step::Wait, Step::Finish], None),
    ];
    for (events, expected, stopped) in table {
        assert_eq!(steps(events), (expected.to_vec(), stopped), "{events:?}");
    }
}

#[test]
fn a_tree_that_cannot_be_killed_is_given_up_after_the_bound() {
    let (steps, stopped) = steps(&[TimeUp; 53]);
    let kills = steps.iter().filter(|step| **step == KILL).count();
    assert_eq!(kills, usize::try_from(MAX_KILLS).unwrap());
    assert_eq!((steps[0], steps[51], steps[52]), (TERM, READ, Step::Finish));
    assert_eq!(stopped, Some(StopReason::TimedOut));
    assert_eq!(KILL_BOUND, Duration::from_secs(5));
}

fn any_event() -> impl Strategy<Value = Event> {
    prop::sample::select(vec![
        CommandEnded,
        Cancelled,
        TimeUp,
        TerminateFailed,
        TreeGone,
        OutputEnded,
    ])
}

proptest! {
    #[test]
    fn in_any_order_of_events_the_steps_keep_their_order(
        events in prop::collection::vec(any_event(), 0..80),
    ) {
        let mut ending = Ending::new(GRACE);
        let (mut terminated, mut kills, mut drained, mut finished) = (0, 0, 0, 0);
        for event in events {
            let before = ending;
            match ending.on(event) {
                Step::Wait => prop_assert_eq!(ending, before),
                Step::Terminate { within } => {
                    prop_assert_eq!((within, kills, drained), (GRACE, 0, 0));
                    terminated += 1;
                }
                Step::Kill { .. } => {
                    prop_assert_eq!((terminated, drained), (1, 0), "SIGTERM comes first");
                    kills += 1;
                }
                Step::Drain { .. } => drained += 1,
                Step::Finish => {
                    prop_assert_eq!(drained, 1, "output is read before the end");
                    finished += 1;
                }
            }
        }
        prop_assert!(terminated <= 1 && kills <= MAX_KILLS && drained <= 1 && finished <= 1);
        // By force exactly when a reason stands.
        prop_assert_eq!(ending.stopped().is_some(), terminated == 1);
    }

    #[test]
    fn from_anywhere_time_alone_leads_to_the_finish(
        events in prop::collection::vec(any_event(), 0..80),
    ) {
        let mut ending = Ending::new(GRACE);
        for event in events {
            ending.on(event);
        }
        for _ in 0..MAX_KILLS + 4 {
            ending.on(TimeUp);
        }
        prop_assert_eq!(ending.phase, Phase::Finished);
    }
}
