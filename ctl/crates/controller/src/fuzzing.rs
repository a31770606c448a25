//! The checks of the fuzz targets (tests/fuzz) on the controller's decoders. Their unit tests run
//! them on every stored input.

/// Checks the first bytes of a connection from a load balancer.
pub fn proxy(bytes: &[u8]) {
    crate::proxy::fuzzing(bytes);
}

/// Checks bytes that a host sends before it is known: a certificate request, a key, a certificate.
pub fn csr(bytes: &[u8]) {
    crate::identity::fuzzing(bytes);
}
