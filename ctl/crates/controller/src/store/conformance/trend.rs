//! The trend: samples, and the failures between them.

use super::Database;
use super::runs::{NOW, applied, ended, go};
use crate::store::{KeptSample, SAMPLE_EVERY, Sample, TREND_KEPT};
use fleet::UnixMillis;
use fleet::run::EndState;

fn sample(at: UnixMillis, online: u64) -> Sample {
    Sample { at, online, away: 2, pending: 1, quarantined: 3 }
}

pub(in crate::store) async fn samples_are_kept_with_the_failures_between_them_and_leave_gaps<
    D: Database,
>() {
    let database = D::create().await;
    let store = database.open().await;
    let run = applied(&*store, "r1", &["a", "b", "c", "d"]).await;
    assert!(go(&*store, &run, 0, ended(EndState::Failed)).await);
    let (first, second) = (NOW, NOW + SAMPLE_EVERY);
    store.add_sample(sample(first, 5)).await.unwrap();
    for (position, state) in
        [(1, EndState::Refused), (2, EndState::TimedOut), (3, EndState::Succeeded)]
    {
        assert!(go(&*store, &run, position, ended(state)).await);
    }
    store.add_sample(sample(second, 6)).await.unwrap();
    store.add_sample(sample(second, 7)).await.unwrap();
    store.close().await;
    // The controller is down for an hour.
    let store = database.open().await;
    let third = NOW + 12 * SAMPLE_EVERY;
    store.add_sample(sample(third, 4)).await.unwrap();
    let kept = |at, online, failures| KeptSample { sample: sample(at, online), failures };
    let all = [kept(first, 5, 0), kept(second, 6, 2), kept(third, 4, 0)];
    assert_eq!(store.samples(0, i64::MAX).await.unwrap(), all);
    assert_eq!(store.samples(second, third - 1).await.unwrap(), all[1..2]);
    let late = third + TREND_KEPT - SAMPLE_EVERY;
    store.add_sample(sample(late, 4)).await.unwrap();
    assert_eq!(store.samples(0, i64::MAX).await.unwrap(), [all[2], kept(late, 4, 0)]);
    store.close().await;
}
