//! Once warm, a frame's worth of link work allocates nothing.
#![allow(
    unsafe_code,
    reason = "counting allocations needs an allocator of our own"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::UdpSocket;
use std::time::Duration;

use invdet_core::{ImageSize, MonoTime, Tracks};
use invdet_link::{CameraComponent, ComponentConfig, Endpoint, Links, Outbox};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; the counter is thread-local and never allocates.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn a_thousand_frames_over_udp_and_tlog_allocate_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let station = UdpSocket::bind("127.0.0.1:0").unwrap();
    station.set_nonblocking(true).unwrap();
    let port = station.local_addr().unwrap().port();
    let endpoints = [
        Endpoint::UdpOut {
            host: "127.0.0.1".into(),
            port,
        },
        Endpoint::Tlog {
            path: folder.path().join("a.tlog"),
        },
    ];
    let mut links = Links::open(&endpoints).unwrap();
    let config = ComponentConfig {
        status_interval: Some(Duration::ZERO),
        ..ComponentConfig::new(1, "test", ImageSize::new(640, 512))
    };
    let mut camera = CameraComponent::new(config).unwrap();
    let mut out = Outbox::new();
    let mut buffer = [0; 2048];
    let (_, from) = loop {
        camera.tick(MonoTime::from_nanos(0), &mut out);
        links.publish(&mut out, 0);
        if let Ok(heard) = station.recv_from(&mut buffer) {
            break heard;
        }
    };
    // PING of 255/190, to have something to receive.
    let mut ping = vec![0xfd, 1, 0, 0, 0, 255, 190, 4, 0, 0, 9];
    let crc = mavlink::calculate_crc(&ping[1..], 237);
    ping.extend_from_slice(&crc.to_le_bytes());

    let mut received = 0;
    let mut one = |frame: u64| {
        let now = MonoTime::from_nanos(frame * 33_333_334);
        let _ = station.send_to(&ping, from);
        links.poll(now.as_nanos() / 1000, |frame, _| {
            received += 1;
            camera.on_message(now, frame, &mut out);
        });
        camera.on_tracks(now, &Tracks::new(), &mut out);
        camera.tick(now, &mut out);
        links.publish(&mut out, now.as_nanos() / 1000);
        while station.recv(&mut buffer).is_ok() {}
    };
    (1..10).for_each(&mut one);
    let before = ALLOCATIONS.get();
    (10..1010).for_each(&mut one);
    assert_eq!(ALLOCATIONS.get() - before, 0);
    assert!(received > 900, "{received}");
}
