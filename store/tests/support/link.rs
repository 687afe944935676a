//! A network link that a test breaks: a TCP proxy that holds, slows, cuts and refuses.
#![allow(clippy::unwrap_used, dead_code)] // a test may; each uses its own part

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// What a link does with bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// Passes them on.
    #[default]
    Flows,
    /// Passes them on, each piece after a pause.
    Slow(Duration),
    /// Keeps them until it flows again: nobody is told that anything is wrong.
    Held,
    /// Ends every connection, and refuses new ones.
    Cut,
}

/// A proxy from a port of its own to one target on loopback. Dropping it cuts it.
pub(crate) struct Link {
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    target: u16,
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Default)]
struct Inner {
    traffic: Traffic,
    is_closed: bool,
    ends: Vec<TcpStream>,
}

impl Link {
    pub(crate) fn to(target: u16) -> Link {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            target,
            inner: Mutex::default(),
            changed: Condvar::new(),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if accepting.inner.lock().is_closed {
                    return;
                }
                if let Ok(stream) = stream {
                    accepting.connect(stream);
                }
            }
        });
        Link { port, shared }
    }

    pub(crate) fn set(&self, traffic: Traffic) {
        let mut inner = self.shared.inner.lock();
        inner.traffic = traffic;
        if traffic == Traffic::Cut {
            for end in inner.ends.drain(..) {
                let _ = end.shutdown(Shutdown::Both);
            }
        }
        self.shared.changed.notify_all();
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.shared.inner.lock().is_closed = true;
        self.set(Traffic::Cut);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Shared {
    /// Joins a caller with the target. Without a target the caller is hung up on, as it would be
    /// by the target's machine.
    fn connect(self: &Arc<Shared>, caller: TcpStream) {
        let mut inner = self.inner.lock();
        if inner.traffic == Traffic::Cut {
            return;
        }
        let Ok(target) = TcpStream::connect(("127.0.0.1", self.target)) else {
            return;
        };
        let both = [caller, target];
        for end in &both {
            end.set_nodelay(true).unwrap();
            inner.ends.push(end.try_clone().unwrap());
        }
        let [caller, target] = both;
        for (from, to) in [
            (caller.try_clone().unwrap(), target.try_clone().unwrap()),
            (target, caller),
        ] {
            let shared = Arc::clone(self);
            thread::spawn(move || shared.pump(from, to));
        }
    }

    fn pump(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut bytes = vec![0; 1 << 14];
        loop {
            let length = match from.read(&mut bytes) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            if !self.may_pass() || to.write_all(&bytes[..length]).is_err() {
                break;
            }
        }
        for end in [from, to] {
            let _ = end.shutdown(Shutdown::Both);
        }
    }

    /// Waits as the traffic asks; whether the connection goes on.
    fn may_pass(&self) -> bool {
        let mut inner = self.inner.lock();
        if let Traffic::Slow(pause) = inner.traffic {
            self.changed.wait_for(&mut inner, pause);
        }
        while inner.traffic == Traffic::Held && !inner.is_closed {
            self.changed.wait(&mut inner);
        }
        inner.traffic != Traffic::Cut
    }
}
