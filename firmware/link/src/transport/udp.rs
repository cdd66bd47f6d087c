//! UDP, both ways round.
//!
//! In and out: datagrams of whole frames. Refused: datagrams from other hosts than the one asked for (`udpout`), and
//! peers that do not speak MAVLink (`udpin`). That nobody listens is harmless: the next datagram may be heard.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _, UdpSocket};
use std::time::{Duration, Instant};

use super::{Delivery, Sent, Transport, TransportError};
use crate::endpoint::{Endpoint, bracketed};
use crate::frame::is_start;

/// Most ground stations that one `udpin` answers; the one not heard for longest gives way.
const MAX_PEERS: usize = 8;

/// A `udpin` peer that has been silent for so long is not sent to any more.
const FORGOTTEN: Duration = Duration::from_secs(60);

#[derive(Debug)]
enum Peers {
    /// Send there; hear only this host, or anyone if it is a broadcast or multicast address.
    Fixed(SocketAddr),
    /// Whoever spoke to us, and when.
    Learned(Box<heapless::Vec<(SocketAddr, Instant), MAX_PEERS>>),
}

/// A UDP socket and whom it talks to.
#[derive(Debug)]
pub struct UdpTransport {
    name: String,
    socket: UdpSocket,
    peers: Peers,
    unreachable: bool,
}

impl UdpTransport {
    /// `udpout`: sends to `host:port` from a port that the system chooses.
    ///
    /// # Errors
    /// [`TransportError::Resolve`] if `host` has no address, [`TransportError::Bind`] if there is no socket.
    pub fn to(host: &str, port: u16) -> Result<Self, TransportError> {
        let name = Endpoint::UdpOut {
            host: host.into(),
            port,
        }
        .to_string();
        let target = resolve(&name, host, port)?;
        let any: IpAddr = if target.is_ipv4() {
            Ipv4Addr::UNSPECIFIED.into()
        } else {
            Ipv6Addr::UNSPECIFIED.into()
        };
        Self::bind(name, SocketAddr::new(any, 0), Peers::Fixed(target))
    }

    /// `udpin`: listens on the local `host:port`.
    ///
    /// # Errors
    /// As [`UdpTransport::to`].
    pub fn listen(host: &str, port: u16) -> Result<Self, TransportError> {
        let name = Endpoint::UdpIn {
            host: host.into(),
            port,
        }
        .to_string();
        let local = resolve(&name, host, port)?;
        Self::bind(name, local, Peers::Learned(Box::default()))
    }

    fn bind(name: String, local: SocketAddr, peers: Peers) -> Result<Self, TransportError> {
        let bound = UdpSocket::bind(local).and_then(|socket| {
            socket.set_nonblocking(true)?;
            if local.is_ipv4() {
                socket.set_broadcast(true)?;
            }
            Ok(socket)
        });
        match bound {
            Ok(socket) => Ok(Self {
                name,
                socket,
                peers,
                unreachable: false,
            }),
            Err(source) => Err(TransportError::Bind { link: name, source }),
        }
    }

    /// The local address, for `udpin` with port 0.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_address(&self) -> std::io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn send_to(&mut self, frame: &[u8], peer: SocketAddr) -> Sent {
        match self.socket.send_to(frame, peer) {
            Ok(_) => {
                if std::mem::take(&mut self.unreachable) {
                    log::info!("{}: {peer} can be reached again", self.name);
                }
                Sent::Taken
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Sent::Busy,
            // Linux reports with this the fate of an earlier datagram: nobody listens yet.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => Sent::Absent,
            Err(error) => {
                if !std::mem::replace(&mut self.unreachable, true) {
                    log::warn!(
                        "{}: cannot send to {peer} ({error}); goes on trying",
                        self.name
                    );
                }
                Sent::Absent
            }
        }
    }
}

fn resolve(link: &str, host: &str, port: u16) -> Result<SocketAddr, TransportError> {
    let failed = |source| TransportError::Resolve {
        link: link.into(),
        host: host.into(),
        source,
    };
    let mut found = format!("{}:{port}", bracketed(host))
        .to_socket_addrs()
        .map_err(failed)?;
    found
        .next()
        .ok_or_else(|| failed(ErrorKind::NotFound.into()))
}

fn is_one_host(address: IpAddr) -> bool {
    match address {
        // A subnet's broadcast address cannot be told without its mask: .255 is taken for one.
        IpAddr::V4(v4) => !(v4.is_broadcast() || v4.is_multicast() || v4.octets()[3] == 255),
        IpAddr::V6(v6) => !v6.is_multicast(),
    }
}

impl Transport for UdpTransport {
    fn name(&self) -> &str {
        &self.name
    }

    fn delivery(&self) -> Delivery {
        Delivery::Datagrams
    }

    fn send(&mut self, frame: &[u8], _at_unix_us: u64) -> Sent {
        let targets = match &mut self.peers {
            Peers::Fixed(target) => {
                let target = *target;
                return self.send_to(frame, target);
            }
            Peers::Learned(peers) => {
                peers.retain(|(_, heard)| heard.elapsed() < FORGOTTEN);
                heapless::Vec::clone(peers)
            }
        };
        // A datagram that does not fit for one peer must not be sent twice to the others: it is lost for that one.
        let mut sent = Sent::Absent;
        for (peer, _) in targets {
            if self.send_to(frame, peer) == Sent::Taken {
                sent = Sent::Taken;
            }
        }
        sent
    }

    fn receive(&mut self, buffer: &mut [u8]) -> usize {
        // Bounded, so that a flood from a stranger cannot hold the caller.
        for _ in 0..64 {
            let (count, from) = match self.socket.recv_from(buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return 0,
                Err(_) => continue,
            };
            match &mut self.peers {
                Peers::Fixed(target) if is_one_host(target.ip()) && target.ip() != from.ip() => {
                    continue;
                }
                Peers::Fixed(_) => {}
                Peers::Learned(peers) => {
                    if !buffer
                        .first()
                        .is_some_and(|first| count > 0 && is_start(*first))
                    {
                        continue;
                    }
                    learn(&self.name, peers, from);
                }
            }
            if count > 0 {
                return count;
            }
        }
        0
    }
}

fn learn(
    link: &str,
    peers: &mut heapless::Vec<(SocketAddr, Instant), MAX_PEERS>,
    from: SocketAddr,
) {
    let now = Instant::now();
    if let Some((_, heard)) = peers.iter_mut().find(|(peer, _)| *peer == from) {
        *heard = now;
        return;
    }
    log::info!("{link}: heard {from}, answers it from now on");
    if let Err(newcomer) = peers.push((from, now))
        && let Some(silent) = peers.iter_mut().min_by_key(|(_, heard)| *heard)
    {
        log::info!(
            "{link}: more than {MAX_PEERS} peers, {} is answered no more",
            silent.0
        );
        *silent = newcomer;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait_for(transport: &mut UdpTransport, buffer: &mut [u8]) -> usize {
        for _ in 0..200 {
            match transport.receive(buffer) {
                0 => std::thread::sleep(Duration::from_millis(5)),
                count => return count,
            }
        }
        0
    }

    #[test]
    fn udpin_answers_whoever_spoke_mavlink_to_it_and_nobody_else() {
        let mut station = UdpTransport::listen("127.0.0.1", 0).unwrap();
        let port = station.local_address().unwrap().port();
        assert_eq!(station.send(b"nobody", 0), Sent::Absent);

        let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
        stranger
            .send_to(b"GET / HTTP/1.0", ("127.0.0.1", port))
            .unwrap();
        let mut payload = UdpTransport::to("127.0.0.1", port).unwrap();
        assert_eq!(payload.send(&[0xfd, 1, 2], 0), Sent::Taken);

        let mut buffer = [0xa5; 64];
        assert_eq!(wait_for(&mut station, &mut buffer), 3);
        assert_eq!(buffer[..3], [0xfd, 1, 2]);
        assert_eq!(station.send(b"answer", 0), Sent::Taken);
        assert_eq!(wait_for(&mut payload, &mut buffer), 6);
        stranger.set_nonblocking(true).unwrap();
        assert!(stranger.recv(&mut buffer).is_err());
    }

    #[test]
    fn nobody_listening_is_harmless() {
        let free = UdpSocket::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut payload = UdpTransport::to("127.0.0.1", free).unwrap();
        let mut buffer = [0; 64];
        for _ in 0..5 {
            assert_ne!(payload.send(b"x", 0), Sent::Busy);
            assert_eq!(payload.receive(&mut buffer), 0);
        }
    }

    #[test]
    fn a_port_in_use_is_named() {
        let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let message = UdpTransport::listen("127.0.0.1", port)
            .unwrap_err()
            .to_string();
        assert!(
            message.starts_with(&format!("udpin:127.0.0.1:{port}: cannot bind")),
            "{message}"
        );
    }
}
