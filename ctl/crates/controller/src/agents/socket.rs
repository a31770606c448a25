//! The TCP connection itself: its options, and an end that loses no bytes.

use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::mem::MaybeUninit;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A silent peer is probed after this long…
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
/// …then this often…
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
/// …and given up when it acknowledged nothing for this long: within 30 s in all (PROTOCOL §3).
const USER_TIMEOUT: Duration = Duration::from_secs(20);

/// The time for the peer to end its side of the connection.
pub(super) const GOODBYE: Duration = Duration::from_secs(2);

/// Bytes that are read from the peer, and discarded, in that time.
const MAX_DISCARDED: usize = 64 << 10;

/// Sets the options of a fresh connection: short messages leave at once, and a vanished peer is
/// noticed, even with bytes on their way to it.
pub(super) fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_IDLE)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(3);
    socket.set_tcp_keepalive(&keepalive)?;
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))
}

/// Returns whether bytes of the peer wait to be read. Asks the kernel, unlike the stream, which
/// learns of them a moment later.
pub(super) fn has_bytes(stream: &TcpStream) -> bool {
    let mut byte = [MaybeUninit::uninit()];
    matches!(SockRef::from(stream).peek(&mut byte), Ok(1..))
}

/// Ends our direction and waits, at most [`GOODBYE`], until the peer ends its own. Closing over
/// unread bytes would send a reset, and the peer might lose our last words to it.
pub(super) async fn close_gracefully(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    let closing = async {
        if stream.shutdown().await.is_err() {
            return;
        }
        let mut left = MAX_DISCARDED;
        let mut chunk = [0; 1024];
        while let Ok(count @ 1..) = stream.read(&mut chunk).await {
            left = left.saturating_sub(count);
            if left == 0 {
                return;
            }
        }
    };
    // Too slow is as good as closed: the connection is dropped either way.
    let _ = timeout(GOODBYE, closing).await;
}
