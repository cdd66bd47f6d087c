//! A TCP connection to a listening peer.
//!
//! In and out: a byte stream. Refused: waiting. Looking up the name and connecting can take seconds, so a thread of its
//! own does that and ends; the caller only ever sees "absent" or a connection.

use std::io::{self, Read as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::time::Duration;

use super::stream::{STALLED, Tail, is_not_now};
use super::{Backoff, Delivery, Sent, Transport};
use crate::endpoint::{Endpoint, bracketed};

const CONNECT_LIMIT: Duration = Duration::from_secs(3);

#[derive(Debug)]
enum State {
    Down,
    Connecting(Receiver<io::Result<TcpStream>>),
    Up(TcpStream),
}

/// A connection that comes back.
#[derive(Debug)]
pub struct TcpTransport {
    name: String,
    address: String,
    state: State,
    tail: Tail,
    backoff: Backoff,
    complained: bool,
}

impl TcpTransport {
    /// `tcpout`: will connect to `host:port` as soon as somebody listens there.
    pub fn to(host: &str, port: u16) -> Self {
        Self {
            name: Endpoint::TcpOut {
                host: host.into(),
                port,
            }
            .to_string(),
            address: format!("{}:{port}", bracketed(host)),
            state: State::Down,
            tail: Tail::default(),
            backoff: Backoff::new(),
            complained: false,
        }
    }

    fn lose(&mut self, why: &dyn std::fmt::Display) {
        // Once per outage: a peer that is away for an hour is one line.
        if !std::mem::replace(&mut self.complained, true) {
            log::warn!("{}: no connection ({why}); goes on trying", self.name);
        }
        self.state = State::Down;
        self.tail.clear();
    }

    /// Moves towards a connection; gives it if there is one.
    fn connect(&mut self) -> Option<(&mut TcpStream, &mut Tail)> {
        if let State::Down = self.state
            && self.backoff.is_due()
        {
            let (done, outcome) = sync_channel(1);
            let address = self.address.clone();
            let started = std::thread::Builder::new()
                .name("link-connect".into())
                .spawn(move || {
                    // If nobody waits for the outcome any more, it is closed with this thread.
                    let _ = done.send(connect(&address));
                });
            match started {
                Ok(_) => self.state = State::Connecting(outcome),
                Err(error) => self.lose(&error),
            }
        }
        if let State::Connecting(outcome) = &self.state {
            match outcome.try_recv() {
                Ok(Ok(stream)) => {
                    log::info!("{}: connected", self.name);
                    self.backoff.reset();
                    self.complained = false;
                    self.tail.clear();
                    self.state = State::Up(stream);
                }
                Ok(Err(error)) => self.lose(&error),
                Err(TryRecvError::Disconnected) => self.lose(&"connecting was cut off"),
                Err(TryRecvError::Empty) => {}
            }
        }
        match &mut self.state {
            State::Up(stream) => Some((stream, &mut self.tail)),
            State::Down | State::Connecting(_) => None,
        }
    }
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for found in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&found, CONNECT_LIMIT) {
            Ok(stream) => {
                stream.set_nonblocking(true)?;
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

impl Transport for TcpTransport {
    fn name(&self) -> &str {
        &self.name
    }

    fn delivery(&self) -> Delivery {
        Delivery::Stream
    }

    fn send(&mut self, frame: &[u8], _at_unix_us: u64) -> Sent {
        let Some((stream, tail)) = self.connect() else {
            return Sent::Absent;
        };
        match tail.send(stream, frame) {
            Ok(Sent::Busy) if tail.is_stalled() => {
                self.lose(&format_args!("it took nothing for {} s", STALLED.as_secs()));
                Sent::Absent
            }
            Ok(sent) => sent,
            Err(error) => {
                self.lose(&error);
                Sent::Absent
            }
        }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> usize {
        let Some((stream, tail)) = self.connect() else {
            return 0;
        };
        let outcome = tail.flush(stream).and_then(|_| stream.read(buffer));
        match outcome {
            Ok(0) => {
                self.lose(&"the peer closed it");
                0
            }
            Ok(count) => count,
            Err(error) if is_not_now(&error) => 0,
            Err(error) => {
                self.lose(&error);
                0
            }
        }
    }
}
