//! The checks of the fuzz targets (tests/fuzz) on the controller's decoders. Their unit tests run
//! them on every stored input.

/// Checks the first bytes of a connection from a load balancer.
pub fn proxy(bytes: &[u8]) {
    crate::proxy::fuzzing(bytes);
}
