use super::*;
use proptest::prelude::*;

fn after(start: Instant, millis: u64) -> Instant {
    start + Duration::from_millis(millis)
}

#[test]
fn a_bucket_gives_its_burst_at_once_and_its_rate_from_then_on() {
    let (start, rate) = (Instant::now(), Rate { per_second: 10, burst: 3 });
    let mut bucket = Bucket::FULL;
    for (at, wanted) in [
        (0, Ok(())),
        (0, Ok(())),
        (0, Ok(())),
        (0, Err(100)),
        (60, Err(40)),
        (100, Ok(())),
        (100, Err(100)),
        (10_000, Ok(())),
        (10_000, Ok(())),
        (10_000, Ok(())),
        (10_000, Err(100)),
    ] {
        let taken = bucket.take(rate, after(start, at)).map_err(|wait| wait.as_millis());
        assert_eq!(taken, wanted, "{at} ms");
    }
}

#[test]
fn time_that_goes_back_gives_nothing_away() {
    let (start, rate) = (Instant::now(), Rate::per_second(1));
    let mut bucket = Bucket::FULL;
    assert_eq!(bucket.take(rate, after(start, 5_000)), Ok(()));
    assert_eq!(bucket.take(rate, start), Err(Duration::from_secs(6)));
}

#[test]
fn an_ipv6_host_has_one_bucket_for_all_its_addresses() {
    let source = |text: &str| Source::of(text.parse().unwrap());
    assert_eq!(source("2001:db8:0:1::1"), source("2001:db8:0:1:ffff::9"));
    assert_ne!(source("2001:db8:0:1::1"), source("2001:db8:0:2::1"));
    assert_eq!(source("10.0.0.1"), source("::ffff:10.0.0.1"));
    assert_ne!(source("10.0.0.1"), source("10.0.0.2"));
    assert_ne!(source("10.0.0.1"), source("a00:1::"));
}

#[test]
fn one_source_does_not_spend_the_tokens_of_another() {
    let (now, rate) = (Instant::now(), Rate { per_second: 1, burst: 2 });
    let mut sources = Sources::new(100);
    let (one, other) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
    assert!(sources.take(one, rate, now).is_ok() && sources.take(one, rate, now).is_ok());
    assert!(sources.take(one, rate, now).is_err());
    assert!(sources.take(other, rate, now).is_ok());
}

#[test]
fn the_table_is_bounded_and_a_source_that_keeps_asking_is_not_forgotten() {
    let (now, rate) = (Instant::now(), Rate { per_second: 1, burst: 1 });
    let mut sources = Sources::new(100);
    let busy: IpAddr = "10.0.0.1".parse().unwrap();
    sources.take(busy, rate, now).unwrap();
    for number in 0..10_000_u32 {
        let passing = std::net::Ipv4Addr::from_bits(0xc000_0000 + number);
        sources.take(passing.into(), rate, now).unwrap();
        if number % 20 == 0 {
            assert!(sources.take(busy, rate, now).is_err(), "after {number} others");
        }
        assert!(sources.len() <= 100);
    }
}

proptest! {
    #[test]
    fn a_bucket_never_gives_more_than_burst_and_rate(
        per_second in 1..50_u32, burst in 1..20_u32, steps in prop::collection::vec(0..300_u64, 1..200),
    ) {
        let (start, rate) = (Instant::now(), Rate { per_second, burst });
        let (mut bucket, mut at, mut given) = (Bucket::FULL, 0, 0_u64);
        for step in steps {
            at += step;
            match bucket.take(rate, after(start, at)) {
                Ok(()) => given += 1,
                Err(wait) => {
                    let mut later = bucket;
                    prop_assert!(later.take(rate, after(start, at) + wait).is_ok(), "the wait suffices");
                }
            }
            prop_assert!(given <= u64::from(burst) + at * u64::from(per_second) / 1000 + 1);
        }
    }
}
