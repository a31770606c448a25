use super::*;

const RATE: u32 = 100;

fn address(number: u32) -> IpAddr {
    std::net::Ipv4Addr::from_bits(0x0a00_0000 + number).into()
}

fn after(start: Instant, millis: u64) -> Instant {
    start + Duration::from_millis(millis)
}

/// A herd comes at once, each agent by these addresses; returns the time of each one's handshake
/// and the most tries that one needed.
fn herd(admission: &Admission, agents: u32, of: impl Fn(u32) -> IpAddr) -> (Vec<Instant>, u32) {
    let start = Instant::now();
    let mut coming: Vec<(Instant, u32, u32)> =
        (0..agents).map(|agent| (after(start, u64::from(agent) / 10), agent, 1)).collect();
    let (mut started, mut tries) = (Vec::new(), 0);
    while let Some(next) = coming.iter().enumerate().min_by_key(|(_, (at, ..))| *at) {
        let (now, agent, tried) = coming.swap_remove(next.0);
        tries = tries.max(tried);
        match admission.announced(&format!("host-{agent}"), of(agent), false, now) {
            Turn::At(turn) => started.push(turn),
            Turn::Later(seconds) => {
                // An agent's wait, as PROTOCOL §2 spreads it: within a tenth.
                let spread = 900 + u64::from(agent) * 37 % 200;
                coming.push((after(now, seconds * spread), agent, tried + 1));
            }
        }
    }
    started.sort_unstable();
    (started, tries)
}

#[test]
fn a_herd_gets_its_handshakes_at_the_rate_and_nobody_tries_three_times() {
    let admission = Admission::new(RATE, 5_000);
    let start = Instant::now();
    let (started, tries) = herd(&admission, 3_000, address);
    assert_eq!((started.len(), tries), (3_000, 2));
    let took = *started.last().unwrap() - start;
    assert!((29..40).contains(&took.as_secs()), "{took:?}");
    for window in started.windows(RATE as usize + 2) {
        let took = window[window.len() - 1] - window[0];
        assert!(took >= Duration::from_secs(1), "{} in {took:?}", window.len());
    }
}

#[test]
fn a_herd_behind_one_address_gets_half_of_the_turns_and_leaves_the_rest_to_others() {
    let admission = Admission::new(RATE, 5_000);
    let start = Instant::now();
    let (started, tries) = herd(&admission, 1_000, |_| address(1));
    assert_eq!((started.len(), tries), (1_000, 2));
    let took = *started.last().unwrap() - start;
    assert!((19..27).contains(&took.as_secs()), "{took:?}");
}

#[test]
fn an_address_that_asks_without_end_delays_no_other() {
    let admission = Admission::new(RATE, 1_000);
    let start = Instant::now();
    for number in 0..20_000 {
        let now = after(start, number / 4);
        admission.announced(&format!("flood-{number}"), address(1), false, now);
        admission.unannounced(address(2), now);
    }
    let now = after(start, 5_000);
    let Turn::At(turn) = admission.announced("host-1", address(3), false, now) else {
        panic!("sent away")
    };
    assert!(turn - now <= PATIENCE, "{:?}", turn - now);
    let state = admission.state.lock();
    assert!(state.expected.len() <= 2_000 && state.sources.len() <= 3);
}

#[test]
fn where_places_are_short_only_an_expected_agent_waits() {
    let admission = Admission::new(RATE, 1_000);
    let now = Instant::now();
    assert_eq!(admission.announced("host-1", address(1), true, now), Turn::At(now));
    assert_eq!(admission.announced("host-2", address(2), true, now), Turn::Later(1));
    assert!(matches!(admission.announced("host-2", address(2), true, now), Turn::At(_)));
}

#[test]
fn what_has_passed_is_forgotten() {
    let admission = Admission::new(RATE, 1_000);
    let start = Instant::now();
    for number in 0..500 {
        admission.announced(&format!("host-{number}"), address(number), false, start);
    }
    let late = after(start, 3_600_000);
    admission.announced("host-0", address(0), false, late);
    let state = admission.state.lock();
    assert_eq!((state.expected.len(), state.sources.len()), (0, 1));
}

#[test]
fn a_silent_peer_of_tls_waits_some_seconds_at_most() {
    let admission = Admission::new(RATE, 1_000);
    let now = Instant::now();
    let turns: Vec<_> =
        (0..2_000).map(|number| admission.unannounced(address(number), now)).collect();
    let waiting: Vec<_> = turns.iter().flatten().collect();
    assert!(waiting.iter().all(|turn| **turn - now <= MAX_WAIT));
    assert!((700..=702).contains(&waiting.len()), "{}", waiting.len());
}

#[test]
fn agents_are_spread_over_a_longer_time_while_handshakes_start_late() {
    let admission = Admission::new(RATE, 5_000);
    let start = Instant::now();
    let spread = |from: u32, at: Instant| {
        let turns = (from..from + 1_000).map(|agent| {
            match admission.announced(&format!("host-{agent}"), address(agent), true, at) {
                Turn::Later(seconds) => seconds,
                Turn::At(turn) => (turn - at).as_secs(),
            }
        });
        turns.max().unwrap()
    };
    assert!((9..=11).contains(&spread(0, start)));
    // For two seconds, handshakes start 600 ms late.
    let mut now = after(start, 20_000);
    for _ in 0..80 {
        admission.started(now, after(now, 600));
        now = after(now, 25);
    }
    let slow = spread(1_000, now);
    assert!(slow >= 30, "{slow}");
    // For some seconds, they start in time.
    now = after(now, 600_000);
    for _ in 0..400 {
        admission.started(now, after(now, 1));
        now = after(now, 25);
    }
    assert!((9..=11).contains(&spread(2_000, now)));
}
