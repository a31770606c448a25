//! Checks of bytes that come from a disk, a host's owner or a worker: a function for each fuzz
//! target (tests/fuzz) of the same name, which panics where a rule does not hold.

pub use crate::enroll::fuzzing::identity;
pub use crate::plugin::fuzzing::worker;
pub use crate::policy::fuzzing::policy;
pub use crate::task::fuzzing::{journal, tasks};

#[cfg(test)]
mod tests {
    use test_support::check_corpus;

    #[test]
    fn kept_inputs_pass() {
        check_corpus("identity", 4, super::identity);
        check_corpus("journal", 4, super::journal);
        check_corpus("policy", 2, super::policy);
        check_corpus("tasks", 2, super::tasks);
        check_corpus("worker", 11, super::worker);
    }
}
