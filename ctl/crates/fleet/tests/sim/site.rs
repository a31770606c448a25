//! What a seed decides before the first event: hosts, runs, budgets, and how bad the weather is.

use crate::bug::Bug;
use crate::rng::Rng;
use fleet::run::{NotAfter, Options, Request, Share, Tolerance};
use serde_json::json;

/// Milliseconds of the world's clock when a simulation begins.
pub(crate) const BEGIN: i64 = 1_800_000_000_000;

/// How long a silent host is waited for after `not_after`.
pub(crate) const LOST_AFTER: u64 = 60_000;

/// The longest way of a message, in milliseconds.
pub(crate) const WAY: u64 = 200;

/// Values of the one label that hosts have, by which budgets and roles select them.
pub(crate) const LABELS: usize = 4;

/// A budget: how many of the hosts with one of these labels may be busy.
pub(crate) struct Budget {
    pub(crate) name: String,
    /// The limit when the simulation begins.
    pub(crate) limit: u32,
    pub(crate) selects: [bool; LABELS],
}

/// What is fixed for one simulation.
pub(crate) struct Site {
    pub(crate) bug: Option<Bug>,
    /// The nodes of the controller.
    pub(crate) nodes: usize,
    pub(crate) hosts: usize,
    pub(crate) runs: Vec<Plan>,
    pub(crate) budgets: Vec<Budget>,
    /// Until when faults happen; then everything heals.
    pub(crate) faults_until: u64,
    /// Whether clocks jump.
    pub(crate) clocks_jump: bool,
    /// Whether some policies refuse questions about tasks: then a command may run whose target is
    /// believed to be refused.
    pub(crate) questions_refused: bool,
    /// Milliseconds between two faults, on average.
    pub(crate) fault_every: u64,
}

/// A run as it was planned.
pub(crate) struct Plan {
    pub(crate) apply_at: u64,
    pub(crate) options: Options,
    pub(crate) request: Request,
    /// The host of each target.
    pub(crate) targets: Vec<usize>,
    /// The target of each host.
    pub(crate) of_host: Vec<Option<u32>>,
    /// The labels by which the operator's roles select hosts.
    pub(crate) reach: [bool; LABELS],
    /// The label of each target when the run was planned.
    pub(crate) labels: Vec<usize>,
    /// The budgets that each target counts for since then, as places in [`Site::budgets`].
    pub(crate) budgets: Vec<Vec<usize>>,
    /// The time of the world until which hosts may accept it.
    pub(crate) not_after: i64,
}

impl Site {
    /// Draws a site. Each 50th seed has 1,000 hosts, of the others one half has up to 20 and the
    /// other up to 150.
    pub(crate) fn new(seed: u64, bug: Option<Bug>) -> (Self, Rng) {
        let mut rng = Rng::new(seed);
        let hosts = match seed % 50 {
            0 if bug.is_none() => 1000,
            n if n % 2 == 0 => rng.of(1..20),
            _ => rng.of(20..150),
        };
        let hosts = usize::try_from(hosts).unwrap();
        let count = rng.index(3);
        let budgets: Vec<_> = (0..count)
            .map(|n| {
                let often = rng.of(0..1000);
                Budget {
                    name: format!("budget-{n}"),
                    limit: u32::try_from(rng.of(1..6)).unwrap(),
                    selects: std::array::from_fn(|_| rng.chance(often)),
                }
            })
            .collect();
        let count = 1 + rng.index(3);
        let runs = (0..count).map(|_| Plan::new(&mut rng, hosts, bug)).collect();
        let faults_until = rng.of(5_000..180_000);
        let nodes = match bug {
            Some(Bug::LeaseIgnored | Bug::NewsLost) => 3,
            // A takeover takes longer than a restart: fewer happen.
            Some(_) => 1,
            None if seed.is_multiple_of(3) => 1,
            None => 3,
        };
        let site = Self {
            bug,
            nodes,
            hosts,
            runs,
            budgets,
            faults_until,
            clocks_jump: bug.is_none() && rng.chance(200),
            questions_refused: bug.is_none() && rng.chance(100),
            fault_every: rng.of(50..5_000),
        };
        (site, rng)
    }

    /// Returns the budgets that a host with this label counts for.
    pub(crate) fn budgets_of(&self, label: usize) -> Vec<usize> {
        (0..self.budgets.len()).filter(|place| self.budgets[*place].selects[label]).collect()
    }

    /// Plans a run: from now on its hosts count for the budgets of their present labels.
    pub(crate) fn plan(&mut self, run: usize, labels: &[usize]) {
        let of: Vec<usize> = self.runs[run].targets.iter().map(|host| labels[*host]).collect();
        self.runs[run].budgets = of.iter().map(|label| self.budgets_of(*label)).collect();
        self.runs[run].labels = of;
    }
}

impl Plan {
    fn new(rng: &mut Rng, hosts: usize, bug: Option<Bug>) -> Self {
        let part = [1000, 1000, 500][rng.index(3)];
        let mut targets: Vec<usize> = (0..hosts).filter(|_| rng.chance(part)).collect();
        if targets.is_empty() {
            targets.push(0);
        }
        let mut of_host = vec![None; hosts];
        for (position, host) in (0..).zip(&targets) {
            of_host[*host] = Some(position);
        }
        let everywhere = rng.chance(800);
        let reach = std::array::from_fn(|_| everywhere || rng.chance(700));
        let share = |text: &str| text.parse::<Share>().unwrap();
        let stages = [&["100%"][..], &["1", "10%"], &["25%", "50%"], &["2", "3", "90%"]];
        let tolerances = ["0", "3", "10%", "none", "none"];
        let tolerance = |rng: &mut Rng| tolerances[rng.index(5)].parse::<Tolerance>().unwrap();
        let not_after = u32::try_from(rng.of(5..200)).unwrap();
        let apply_at = rng.of(0..10_000);
        let options = Options {
            stages: stages[rng.index(4)].iter().map(|stage| share(stage)).collect(),
            soak: u32::try_from(rng.of(0..4)).unwrap(),
            max_failed: rng.chance(300).then(|| tolerance(rng)),
            concurrency: share(["1", "2", "7", "50%", "500"][rng.index(5)]),
            ramp: rng.chance(500),
            stop_after: tolerance(rng),
            not_after: NotAfter::After(not_after),
            no_wait: false,
        };
        let command = bug.is_some() || rng.chance(850);
        let request = if command {
            json!({"method": "sync.bash", "cmd": "true"})
        } else {
            json!({"method": "getinfo.os"})
        };
        let request = Request::parse(request.as_object().unwrap().clone()).unwrap();
        let not_after = options.not_after.time(BEGIN + i64::try_from(apply_at).unwrap());
        let (labels, budgets) = (Vec::new(), Vec::new());
        Self { apply_at, options, request, targets, of_host, reach, labels, budgets, not_after }
    }

    pub(crate) fn total(&self) -> u32 {
        u32::try_from(self.targets.len()).unwrap()
    }
}
