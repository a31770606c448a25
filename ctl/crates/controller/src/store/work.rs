//! The changes that measurements of a store make, of any store. They assert nothing about time.

use super::conformance::hosts::{NOW, Newcomer, key, terms, token};
use super::{ChannelProof, NewChannel, Store};
use fleet::audit::{Event, Outcome};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Runs `work` for each number below `count`, `width` at a time; prints the rate.
pub(in crate::store) async fn rate<F>(
    what: &str,
    count: u32,
    width: usize,
    work: impl Fn(u32) -> F + Clone + Send + 'static,
) where
    F: Future<Output = ()> + Send,
{
    let (next, begun, cpu) = (Arc::new(AtomicU32::new(0)), Instant::now(), processor_time());
    let running: Vec<_> = (0..width)
        .map(|_| {
            let (next, work) = (Arc::clone(&next), work.clone());
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    work(number).await;
                }
            })
        })
        .collect();
    for one in running {
        one.await.unwrap();
    }
    let took = begun.elapsed().as_secs_f64();
    println!(
        "{what}, {width} in flight: {:.0}/s ({count} in {took:.2} s, {:.0} µs of CPU each)",
        f64::from(count) / took,
        (processor_time() - cpu).as_secs_f64() * 1e6 / f64::from(count)
    );
}

/// Returns the processor time of this process: it says more than the rate where others run, too.
fn processor_time() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    [usage.user_time(), usage.system_time()]
        .map(|time| Duration::from_micros(time.num_microseconds().try_into().unwrap()))
        .iter()
        .sum()
}

/// Adds `count` hosts by tokens of 10,000 uses.
pub(in crate::store) async fn enroll<S: Store + 'static>(
    name: &str,
    store: &Arc<S>,
    count: u32,
    width: usize,
) {
    for number in 0..count.div_ceil(10_000) {
        let mut many = terms();
        many.max_uses = 10_000;
        store.create_token(token(number, many)).await.unwrap();
    }
    let to = Arc::clone(store);
    rate(&format!("{name}: enrollments"), count, width, move |number| {
        let store = Arc::clone(&to);
        async move {
            let id = format!("host-{number:06}");
            let newcomer = Newcomer::by(number / 10_000, number).wanting(&id);
            newcomer.enroll(&*store).await.unwrap();
        }
    })
    .await;
}

/// Opens a channel of each of the first `count` hosts.
pub(in crate::store) async fn connect<S: Store + 'static>(name: &str, store: &Arc<S>, count: u32) {
    let to = Arc::clone(store);
    rate(&format!("{name}: channels opened"), count, 2048, move |number| {
        let store = Arc::clone(&to);
        async move {
            let channel = NewChannel {
                host: format!("host-{number:06}"),
                proof: ChannelProof::Own { key: key(number), not_before: NOW },
                address: "192.0.2.7:4711".parse().unwrap(),
                version: Some("0.2.0".to_owned()),
                boot: Some("boot-2".to_owned()),
                ca_version: Some(3),
                now: NOW,
            };
            store.connected(channel).await.unwrap().unwrap();
        }
    })
    .await;
}

/// Begins and ends 4,000 audited actions.
pub(in crate::store) async fn audit<S: Store + 'static>(name: &str, store: &Arc<S>, width: usize) {
    let to = Arc::clone(store);
    rate(&format!("{name}: audited actions, begun and ended"), 4000, width, move |_| {
        let store = Arc::clone(&to);
        async move {
            let event = Event {
                actor: "anna".to_owned(),
                action: "hosts.label".to_owned(),
                hosts: vec!["host-000001".to_owned()],
                ..Default::default()
            };
            let begun = store.begin(event, NOW).await.unwrap();
            store.complete(begun, Outcome::Succeeded, None, NOW).await.unwrap();
        }
    })
    .await;
}
