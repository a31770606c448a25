//! The connection between agent and controller, which can be cut.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

/// A TCP relay that the agent connects to.
pub(crate) struct Cable {
    listener: TcpListener,
    target: Arc<Mutex<Option<SocketAddr>>>,
    open: Arc<Mutex<Vec<TcpStream>>>,
    over: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Cable {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let target: Arc<Mutex<Option<SocketAddr>>> = Arc::default();
        let open: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
        let over: Arc<AtomicBool> = Arc::default();
        let (port, to, streams, ended) = (
            listener.try_clone().expect("a descriptor"),
            target.clone(),
            open.clone(),
            over.clone(),
        );
        let accepting = thread::spawn(move || {
            for near in port.incoming() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let target = *to.lock().expect("no panic holds it");
                let far = target.and_then(|target| TcpStream::connect(target).ok());
                let (Ok(near), Some(far)) = (near, far) else { continue };
                let _ = (near.set_nodelay(true), far.set_nodelay(true));
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) else { continue };
                    // Ends when either side is shut down, by `cut` or `drop`.
                    thread::spawn(move || relay(from, to));
                }
                let mut streams = streams.lock().expect("no panic holds it");
                streams.clear();
                streams.extend([near, far]);
            }
        });
        Self { listener, target, open, over, accepting: Some(accepting) }
    }

    pub(crate) fn port(&self) -> u16 {
        self.listener.local_addr().expect("bound").port()
    }

    pub(crate) fn lay_to(&self, target: SocketAddr) {
        *self.target.lock().expect("no panic holds it") = Some(target);
    }

    pub(crate) fn cut(&self) {
        for stream in self.open.lock().expect("no panic holds it").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        self.cut();
        // Wakes the accepting thread, which then ends.
        let _ = TcpStream::connect(self.listener.local_addr().expect("bound"));
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

fn relay(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}
