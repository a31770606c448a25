//! A way to the server that is cut when a commit passes.

use parking_lot::Mutex;
use std::sync::Arc;
use test_support::PostgresServer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// The message that commits a transaction, as PostgreSQL's protocol has it.
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";

/// Where the connection of the next commit is cut.
pub(super) enum Cut {
    /// Before the server gets it.
    Before,
    /// After the server has answered, before the answer arrives.
    After,
    /// As [`Cut::Before`], but the server gets it later.
    Late(Gate),
    /// As [`Cut::After`], later.
    AfterGate(Gate),
}

/// Tells that the commit is here, and waits until it may go on.
pub(super) struct Gate {
    here: oneshot::Sender<()>,
    go: oneshot::Receiver<()>,
}

impl Gate {
    /// Returns a gate, what it tells, and what opens it.
    pub(super) fn new() -> (Self, oneshot::Receiver<()>, oneshot::Sender<()>) {
        let ((here, is_here), (open, go)) = (oneshot::channel(), oneshot::channel());
        (Self { here, go }, is_here, open)
    }

    async fn pass(self) {
        self.here.send(()).unwrap();
        self.go.await.unwrap();
    }
}

/// The way, open until the runtime ends.
pub(super) struct Proxy {
    port: u16,
    cut: Arc<Mutex<Option<Cut>>>,
}

impl Proxy {
    pub(super) async fn to(server: &PostgresServer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let cut: Arc<Mutex<Option<Cut>>> = Arc::default();
        let (cuts, server) = (Arc::clone(&cut), server.port());
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                tokio::spawn(relay(client, server, Arc::clone(&cuts)));
            }
        });
        Self { port, cut }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Cuts the connection of the next commit.
    pub(super) fn cut(&self, cut: Cut) {
        *self.cut.lock() = Some(cut);
    }

    /// Returns whether the last [`Proxy::cut`] has happened.
    pub(super) fn has_cut(&self) -> bool {
        self.cut.lock().is_none()
    }
}

async fn relay(mut client: TcpStream, mut server: TcpStream, cuts: Arc<Mutex<Option<Cut>>>) {
    let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(1..) = read else { return };
                let message = &asked[..read.unwrap()];
                let is_commit = message.windows(COMMIT.len()).any(|part| part == COMMIT);
                let cut = is_commit.then(|| cuts.lock().take()).flatten();
                let gate = match cut {
                    None => {
                        server.write_all(message).await.unwrap();
                        continue;
                    }
                    Some(Cut::Before) => return,
                    Some(Cut::After) => None,
                    Some(Cut::Late(gate)) => {
                        drop(client);
                        gate.pass().await;
                        server.write_all(message).await.unwrap();
                        assert_ne!(server.read(&mut answered).await.unwrap(), 0);
                        return;
                    }
                    Some(Cut::AfterGate(gate)) => Some(gate),
                };
                server.write_all(message).await.unwrap();
                assert_ne!(server.read(&mut answered).await.unwrap(), 0);
                if let Some(gate) = gate {
                    gate.pass().await;
                }
                return;
            }
            read = server.read(&mut answered) => {
                let Ok(1..) = read else { return };
                if client.write_all(&answered[..read.unwrap()]).await.is_err() {
                    return;
                }
            }
        }
    }
}
