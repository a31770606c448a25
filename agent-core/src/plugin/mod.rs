//! Plugin worker processes and the calls to them.
