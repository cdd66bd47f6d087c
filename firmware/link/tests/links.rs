//! Several links at once: each at its own pace, with its own losses.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, UdpSocket};
use std::time::{Duration, Instant};

use invdet_core::{ImageSize, MonoTime, Tracks};
use invdet_link::transport::{MemoryTransport, Transport};
use invdet_link::{CameraComponent, ComponentConfig, Endpoint, Framer, Links, Outbox};

const HEARTBEAT: u32 = 0;
const TRACKING: u32 = 275;

fn chatty() -> CameraComponent {
    let config = ComponentConfig {
        status_interval: Some(Duration::ZERO),
        ..ComponentConfig::new(1, "test", ImageSize::new(640, 512))
    };
    CameraComponent::new(config).unwrap()
}

fn ids(bytes: &[u8]) -> Vec<u32> {
    let mut found = Vec::new();
    let mut framer = Framer::new();
    framer.feed(bytes, |frame| found.push(frame.message_id()));
    framer.finish(|frame| found.push(frame.message_id()));
    found
}

fn count(ids: &[u32], id: u32) -> usize {
    ids.iter().filter(|found| **found == id).count()
}

/// COMMAND_LONG of ground station 255/190: STOP_TRACKING, to 1/100.
fn stop_command() -> Vec<u8> {
    let mut frame = vec![0xfd, 33, 0, 0, 0, 255, 190, 76, 0, 0];
    let mut payload = [0; 33];
    payload[28..30].copy_from_slice(&2010_u16.to_le_bytes());
    payload[30..32].copy_from_slice(&[1, 100]);
    frame.extend_from_slice(&payload);
    let crc = mavlink::calculate_crc(&frame[1..], 152);
    frame.extend_from_slice(&crc.to_le_bytes());
    frame
}

/// Plays `seconds` of 30 Hz without waiting.
fn play(camera: &mut CameraComponent, links: &mut Links, seconds: u64) {
    let mut out = Outbox::new();
    for frame in 0..30 * seconds {
        let now = MonoTime::from_nanos(frame * 33_333_334);
        let unix_us = 1_790_000_000_000_000 + now.as_nanos() / 1000;
        links.poll(unix_us, |frame, _| camera.on_message(now, frame, &mut out));
        camera.on_tracks(now, &Tracks::new(), &mut out);
        camera.tick(now, &mut out);
        links.publish(&mut out, unix_us);
        assert!(out.is_empty());
    }
}

#[test]
fn a_link_that_takes_nothing_keeps_ack_and_heartbeat_and_delays_no_other() {
    let (stuck, stuck_peer) = MemoryTransport::pair("stuck", 0);
    let (free, free_peer) = MemoryTransport::pair("free", 1 << 20);
    let (narrow, narrow_peer) = MemoryTransport::pair("narrow", 60);
    let mut links = Links::of(vec![Box::new(stuck), Box::new(free), Box::new(narrow)]);
    stuck_peer.put(&stop_command());
    play(&mut chatty(), &mut links, 10);

    let free = ids(&free_peer.take());
    assert_eq!(
        (
            count(&free, HEARTBEAT),
            count(&free, TRACKING),
            count(&free, 77)
        ),
        (10, 300, 1)
    );
    // Before the first frame there is an ACK; the outbox is 32 long: the rest of the status is dropped.
    let counters: Vec<_> = links
        .counters()
        .map(|(name, counters)| (name.to_owned(), counters))
        .collect();
    assert_eq!(
        (
            counters[0].1.sent,
            counters[0].1.dropped,
            counters[0].1.received
        ),
        (0, 311 - 32, 1)
    );
    assert_eq!((counters[1].1.sent, counters[1].1.dropped), (311, 0));
    // What waits on the narrow link comes out when its peer reads: the ACK and the newest heartbeat are there.
    let mut late = narrow_peer.take();
    for _ in 0..100 {
        links.poll(0, |_, _| {});
        late.extend(narrow_peer.take());
    }
    let late = ids(&late);
    assert_eq!(count(&late, 77), 1);
    assert!(count(&late, HEARTBEAT) >= 1 && late.len() >= 32, "{late:?}");
}

#[test]
fn heartbeats_on_udp_are_unaffected_by_a_tcp_peer_that_reads_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let station = UdpSocket::bind("127.0.0.1:0").unwrap();
    station.set_nonblocking(true).unwrap();
    let tcp = Endpoint::TcpOut {
        host: "127.0.0.1".into(),
        port: listener.local_addr().unwrap().port(),
    };
    let udp = Endpoint::UdpOut {
        host: "127.0.0.1".into(),
        port: station.local_addr().unwrap().port(),
    };
    let mut links = Links::open(&[tcp, udp]).unwrap();
    let mut camera = chatty();

    let mut out = Outbox::new();
    let begin = Instant::now();
    let mut peer = None;
    listener.set_nonblocking(true).unwrap();
    while peer.is_none() {
        assert!(begin.elapsed() < Duration::from_secs(10));
        links.poll(0, |_, _| {});
        peer = listener.accept().ok();
        std::thread::sleep(Duration::from_millis(5));
    }
    // The peer never reads; enough is sent to fill the kernel's buffers on both sides many times over.
    let mut slowest = Duration::ZERO;
    let mut heartbeats = 0;
    let mut buffer = [0; 2048];
    let mut now_ns = 0;
    while links.counters().next().unwrap().1.dropped < 2000 {
        assert!(begin.elapsed() < Duration::from_secs(60));
        now_ns += 33_333_334;
        let now = MonoTime::from_nanos(now_ns);
        let start = Instant::now();
        camera.on_tracks(now, &Tracks::new(), &mut out);
        camera.tick(now, &mut out);
        links.publish(&mut out, now_ns / 1000);
        links.poll(now_ns / 1000, |_, _| {});
        slowest = slowest.max(start.elapsed());
        while let Ok(length) = station.recv(&mut buffer) {
            heartbeats += count(&ids(&buffer[..length]), HEARTBEAT);
        }
    }
    let seconds = now_ns / 1_000_000_000;
    println!("{heartbeats} heartbeats in {seconds} s of video, slowest call {slowest:?}");
    assert!(
        heartbeats.abs_diff(seconds as usize) <= 1,
        "{heartbeats} heartbeats in {seconds} s"
    );
    assert!(slowest < Duration::from_millis(250), "{slowest:?}");
}

#[test]
fn a_tcp_peer_that_goes_away_is_connected_to_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut links = Links::open(&[format!("tcpout:127.0.0.1:{port}").parse().unwrap()]).unwrap();
    let mut camera = chatty();
    let mut out = Outbox::new();
    for round in 0..3 {
        let begin = Instant::now();
        let mut heard = Vec::new();
        let mut peer = None;
        let mut acknowledged = 0;
        while acknowledged == 0 {
            assert!(begin.elapsed() < Duration::from_secs(20), "round {round}");
            let now = MonoTime::from_nanos(begin.elapsed().as_nanos() as u64);
            links.poll(0, |frame, _| camera.on_message(now, frame, &mut out));
            camera.tick(now, &mut out);
            links.publish(&mut out, 0);
            if peer.is_none()
                && let Ok((mut stream, _)) = listener.accept()
            {
                stream.write_all(&stop_command()).unwrap();
                stream.set_nonblocking(true).unwrap();
                peer = Some(stream);
            }
            if let Some(stream) = &mut peer {
                let mut buffer = [0; 512];
                if let Ok(length) = stream.read(&mut buffer) {
                    heard.extend_from_slice(&buffer[..length]);
                }
            }
            acknowledged = count(&ids(&heard), 77);
            std::thread::sleep(Duration::from_millis(2));
        }
        assert_eq!(acknowledged, 1);
    }
}

#[test]
fn a_tlog_holds_what_was_sent_and_what_was_received() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flight.tlog");
    let (memory, peer) = MemoryTransport::pair("radio", 1 << 20);
    let log = invdet_link::transport::open(&Endpoint::Tlog { path: path.clone() }).unwrap();
    let mut links = Links::of(vec![log, Box::new(memory) as Box<dyn Transport>]);
    peer.put(&stop_command());
    play(&mut chatty(), &mut links, 2);
    drop(links);

    let bytes = std::fs::read(&path).unwrap();
    let mut rest = bytes.as_slice();
    let mut records = Vec::new();
    while !rest.is_empty() {
        let stamp = u64::from_be_bytes(rest[..8].try_into().unwrap());
        let length = 12 + usize::from(rest[9]);
        let frame = invdet_link::RawFrame::parse(&rest[8..8 + length]).unwrap();
        records.push((stamp, frame.system_id(), frame.message_id()));
        rest = &rest[8 + length..];
    }
    assert_eq!(records[0], (1_790_000_000_000_000, 255, 76));
    assert_eq!(records[1], (1_790_000_000_000_000, 1, 77));
    assert_eq!(records.len(), 1 + 1 + 2 + 60);
    assert!(records.windows(2).all(|pair| pair[0].0 <= pair[1].0));
    assert_eq!(
        records.last().unwrap().0,
        1_790_000_000_000_000 + 59 * 33_333_334 / 1000
    );
}
