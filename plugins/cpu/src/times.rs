//! Processor times since boot: /proc/stat (proc(5)), and the load averages.

use readers::decimal::Decimal;
use serde::Serialize;

/// Seconds in each state, of one processor or summed over all. A field is null if the kernel does
/// not know the state.
#[derive(Serialize, Debug, Default)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Times {
    /// Seconds in user mode, without `nice_seconds` and guests.
    pub(crate) user_seconds: Option<Decimal>,
    /// Seconds in user mode at low priority, without guests.
    pub(crate) nice_seconds: Option<Decimal>,
    /// Seconds in the kernel.
    pub(crate) system_seconds: Option<Decimal>,
    /// Seconds idle.
    pub(crate) idle_seconds: Option<Decimal>,
    /// Seconds idle while a disk request was pending; not reliable.
    pub(crate) iowait_seconds: Option<Decimal>,
    /// Seconds serving hardware interrupts.
    pub(crate) irq_seconds: Option<Decimal>,
    /// Seconds serving soft interrupts.
    pub(crate) softirq_seconds: Option<Decimal>,
    /// Seconds taken by the hypervisor for other guests.
    pub(crate) steal_seconds: Option<Decimal>,
    /// Seconds running guests.
    pub(crate) guest_seconds: Option<Decimal>,
    /// Seconds running guests at low priority.
    pub(crate) guest_nice_seconds: Option<Decimal>,
}

/// Counters since boot.
#[derive(Serialize, Debug, Default, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Counters {
    /// Context switches.
    pub(crate) context_switches: Option<u64>,
    /// Hardware interrupts served.
    pub(crate) interrupts: Option<u64>,
    /// Soft interrupts served.
    pub(crate) softirqs: Option<u64>,
    /// Processes and threads created.
    pub(crate) forks: Option<u64>,
}

/// The content of /proc/stat.
#[derive(Default)]
pub(crate) struct Stat {
    pub(crate) times: Option<Times>,
    pub(crate) by_processor: Vec<(u32, Times)>,
    pub(crate) counters: Counters,
    /// Tasks that are waiting for a disk.
    pub(crate) blocked: Option<u64>,
}

/// The `load` object of the answer (/proc/loadavg): the average number of tasks that were running
/// or waiting for a disk.
#[derive(Serialize, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Load {
    /// Average over the last minute.
    pub(crate) one_minute: Decimal,
    /// Average over the last five minutes.
    pub(crate) five_minutes: Decimal,
    /// Average over the last fifteen minutes.
    pub(crate) fifteen_minutes: Decimal,
    /// Threads that are running or ready to run now.
    pub(crate) running: u64,
    /// All threads on the host.
    pub(crate) threads: u64,
}

/// Parses /proc/stat, whose times are counted in `ticks` per second.
pub(crate) fn stat(text: &str, ticks: u64) -> Stat {
    let mut stat = Stat::default();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let name = words.next().unwrap_or_default();
        if let Some(cpu) = name.strip_prefix("cpu") {
            let times = times(words, ticks);
            match cpu.parse() {
                Ok(number) => stat.by_processor.push((number, times)),
                Err(_) => stat.times = Some(times),
            }
            continue;
        }
        let field = match name {
            "ctxt" => &mut stat.counters.context_switches,
            "intr" => &mut stat.counters.interrupts,
            "softirq" => &mut stat.counters.softirqs,
            "processes" => &mut stat.counters.forks,
            "procs_blocked" => &mut stat.blocked,
            _ => continue,
        };
        *field = words.next().and_then(|word| word.parse().ok());
    }
    stat
}

fn times<'a>(words: impl Iterator<Item = &'a str>, ticks: u64) -> Times {
    let mut counts = words.map(|word| word.parse::<u64>().ok());
    let mut next = || counts.next().flatten();
    let (user, nice) = (next(), next());
    let others = [next(), next(), next(), next(), next(), next()];
    let (guest, guest_nice) = (next(), next());
    // The kernel counts guest time as user time too.
    let without =
        |all: Option<u64>, part: Option<u64>| all.map(|all| all.saturating_sub(part.unwrap_or(0)));
    let seconds = |count: Option<u64>| Decimal::fraction(count?, ticks);
    let [system, idle, iowait, irq, softirq, steal] = others.map(seconds);
    Times {
        user_seconds: seconds(without(user, guest)),
        nice_seconds: seconds(without(nice, guest_nice)),
        system_seconds: system,
        idle_seconds: idle,
        iowait_seconds: iowait,
        irq_seconds: irq,
        softirq_seconds: softirq,
        steal_seconds: steal,
        guest_seconds: seconds(guest),
        guest_nice_seconds: seconds(guest_nice),
    }
}

/// Parses a line such as `0.20 0.18 0.12 1/80 11206`.
pub(crate) fn load(text: &str) -> Option<Load> {
    let mut words = text.split_ascii_whitespace();
    let mut average = || words.next().and_then(Decimal::parse);
    let (one_minute, five_minutes, fifteen_minutes) = (average()?, average()?, average()?);
    let (running, threads) = words.next()?.split_once('/')?;
    let (running, threads) = (running.parse().ok()?, threads.parse().ok()?);
    Some(Load { one_minute, five_minutes, fifteen_minutes, running, threads })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(number: &Option<Decimal>) -> Option<&str> {
        number.as_ref().map(Decimal::text)
    }

    #[test]
    fn old_and_new_kernels_are_read() {
        let new = stat(
            "cpu  1000 200 300 400 50 6 7 8 100 20\ncpu3 1 2 3 4 5 6 7 8 9 10\nintr 99 1 2\nctxt 5\nbtime 1\n\
             processes 6\nprocs_running 1\nprocs_blocked 2\nsoftirq 7 1 1\n",
            100,
        );
        let times = new.times.unwrap();
        assert_eq!(
            (text(&times.user_seconds), text(&times.nice_seconds)),
            (Some("9"), Some("1.8"))
        );
        assert_eq!(
            (text(&times.guest_nice_seconds), text(&times.steal_seconds)),
            (Some("0.2"), Some("0.08"))
        );
        assert_eq!(
            (new.by_processor[0].0, text(&new.by_processor[0].1.idle_seconds)),
            (3, Some("0.04"))
        );
        assert_eq!(
            (new.counters.interrupts, new.counters.forks, new.blocked),
            (Some(99), Some(6), Some(2))
        );
        let old = stat("cpu 1 2 3 4\n", 100).times.unwrap();
        assert_eq!((text(&old.idle_seconds), text(&old.iowait_seconds)), (Some("0.04"), None));
        assert!(stat("", 100).times.is_none());
        let bad = stat("cpu x\nctxt\nintr 99999999999999999999\n", 100);
        assert_eq!((text(&bad.times.unwrap().user_seconds), bad.counters.interrupts), (None, None));
        assert!(stat("cpu 18446744073709551615 0 0 0\n", 1).times.is_some());
    }

    #[test]
    fn load_averages_are_read() {
        let average = load("0.20 0.18 12.12 1/80 11206\n").unwrap();
        assert_eq!((average.one_minute.text(), average.fifteen_minutes.text()), ("0.20", "12.12"));
        assert_eq!((average.running, average.threads), (1, 80));
        for bad in ["", "0.1", "0.1 0.1 0.1", "0.1 0.1 0.1 1", "a b c 1/1", "NaN 1 1 1/1"] {
            assert!(load(bad).is_none(), "{bad:?}");
        }
    }
}
