//! Checks of any bytes that a plugin or its host sends: a function for each fuzz target
//! (tests/fuzz) of the same name, which panics where a rule does not hold.

mod c_plugin;
mod describe;
mod elf;
mod reply;
mod request;

pub use describe::describe;
pub use elf::elf;
pub use reply::reply;
pub use request::request;

#[cfg(test)]
mod tests {
    use test_support::check_corpus;

    #[test]
    fn kept_inputs_pass() {
        check_corpus("describe", 11, super::describe);
        check_corpus("elf", 11, super::elf);
        check_corpus("reply", 11, super::reply);
        check_corpus("request", 11, super::request);
    }
}
