//! What the processors did since the kernel was started: /proc/stat (proc(5)), and its load averages.

use readers::decimal::Decimal;
use serde::Serialize;

/// Seconds in each state, summed over the processors, or of one. Fields are null on kernels that do not know the state.
#[derive(Serialize, Debug, Default)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Times {
    /// In user mode, `nice_seconds` and guests left out.
    pub(crate) user_seconds: Option<Decimal>,
    /// In user mode at low priority, guests left out.
    pub(crate) nice_seconds: Option<Decimal>,
    /// In the kernel.
    pub(crate) system_seconds: Option<Decimal>,
    /// Doing nothing.
    pub(crate) idle_seconds: Option<Decimal>,
    /// Doing nothing while a request to a disk was pending; not reliable.
    pub(crate) iowait_seconds: Option<Decimal>,
    /// Serving interrupts.
    pub(crate) irq_seconds: Option<Decimal>,
    /// Serving soft interrupts.
    pub(crate) softirq_seconds: Option<Decimal>,
    /// Taken by the hypervisor for others.
    pub(crate) steal_seconds: Option<Decimal>,
    /// Running guests.
    pub(crate) guest_seconds: Option<Decimal>,
    /// Running guests at low priority.
    pub(crate) guest_nice_seconds: Option<Decimal>,
}

/// Counts since the kernel was started.
#[derive(Serialize, Debug, Default, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Counters {
    /// Switches from one task to another.
    pub(crate) context_switches: Option<u64>,
    /// Interrupts served.
    pub(crate) interrupts: Option<u64>,
    /// Soft interrupts served.
    pub(crate) softirqs: Option<u64>,
    /// Tasks created.
    pub(crate) forks: Option<u64>,
}

/// /proc/stat.
#[derive(Default)]
pub(crate) struct Stat {
    pub(crate) times: Option<Times>,
    pub(crate) by_processor: Vec<(u32, Times)>,
    pub(crate) counters: Counters,
    /// Tasks that wait for a disk.
    pub(crate) blocked: Option<u64>,
}

/// The `load` object of the answer (/proc/loadavg): tasks that ran or waited for a disk, averaged.
#[derive(Serialize, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Load {
    /// Over the last minute.
    pub(crate) one_minute: Decimal,
    /// Over the last five minutes.
    pub(crate) five_minutes: Decimal,
    /// Over the last fifteen minutes.
    pub(crate) fifteen_minutes: Decimal,
    /// Threads that run or could run now.
    pub(crate) running: u64,
    /// All threads.
    pub(crate) threads: u64,
}

/// `ticks` a second are the unit of the file's times.
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
    // The kernel counts a guest's time as user time too.
    let without = |all: Option<u64>, part: Option<u64>| all.map(|all| all.saturating_sub(part.unwrap_or(0)));
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

/// `0.20 0.18 0.12 1/80 11206`.
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
        assert_eq!((text(&times.user_seconds), text(&times.nice_seconds)), (Some("9"), Some("1.8")));
        assert_eq!(
            (text(&times.guest_nice_seconds), text(&times.steal_seconds)),
            (Some("0.2"), Some("0.08"))
        );
        assert_eq!((new.by_processor[0].0, text(&new.by_processor[0].1.idle_seconds)), (3, Some("0.04")));
        assert_eq!((new.counters.interrupts, new.counters.forks, new.blocked), (Some(99), Some(6), Some(2)));
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
