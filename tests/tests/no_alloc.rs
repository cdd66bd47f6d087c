//! The runtime path allocates nothing: frame to detections to tracks to MAVLink bytes, counted over 300 frames.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(
    unsafe_code,
    reason = "a global allocator is unsafe to implement; this one only counts"
)]

#[allow(
    unreachable_pub,
    reason = "shared with the tests of other crates by path"
)]
#[path = "../../engine/detector/tests/made_model/mod.rs"]
mod made_model;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use invdet_capture::{FrameSource, Next, SourceSpec};
use invdet_core::{Detections, Frame, Tracks};
use invdet_detector::{Detector, DetectorOptions};
use invdet_link::{AutoSelect, CameraComponent, ComponentConfig, Outbox};
use invdet_tracker::{Tracker, TrackerConfig};

/// The system's allocator, counted on all threads.
struct Counting;

static CALLS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on unchanged to `System`, which upholds the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise is the one `System` wants.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        CALLS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const WARM_UP: u64 = 30;
const COUNTED: u64 = 300;

#[test]
fn no_frame_after_warm_up_allocates() {
    // The shutter closes once in between, and tracks come and go.
    let spec: SourceSpec = "synthetic:seed=2,seconds=11,size=128x96,targets=4,ffc=4"
        .parse()
        .unwrap();
    let mut source: Box<dyn FrameSource> = spec.open().unwrap();
    let size = source.size();
    let options = DetectorOptions {
        threads: 2,
        threshold: Some(0.1),
    };
    let mut detector = Detector::new(&made_model::made_model(), size, options).unwrap();
    let mut tracker = Tracker::new(TrackerConfig::default(), source.frame_period()).unwrap();
    let mut config = ComponentConfig::new(1, "test", size);
    config.auto_select = AutoSelect::OldestConfirmed;
    config.status_interval = Some(Duration::ZERO);
    let mut component = CameraComponent::new(config).unwrap();
    let (mut frame, mut detections, mut tracks, mut outbox) = (
        Frame::default(),
        Detections::new(),
        Tracks::new(),
        Outbox::new(),
    );

    let (mut before, mut bytes, mut believed) = (0, 0, 0);
    for n in 0..WARM_UP + COUNTED {
        if n == WARM_UP {
            before = CALLS.load(Ordering::Relaxed);
        }
        assert_eq!(source.next(&mut frame).unwrap(), Next::Frame);
        detector.detect(&frame, &mut detections).unwrap();
        tracker.step(frame.at, frame.flags, &detections, &mut tracks);
        component.on_tracks(frame.at, &tracks, &mut outbox);
        component.tick(frame.at, &mut outbox);
        bytes += outbox.iter().map(|(_, frame)| frame.len()).sum::<usize>();
        believed += tracks.iter().filter(|track| track.is_believed()).count();
        outbox.clear();
    }
    let calls = CALLS.load(Ordering::Relaxed) - before;
    assert!(before > 0, "the allocator counts nothing");
    assert!(
        bytes > 300 * 20 && believed > 300,
        "the path was not walked: {bytes} bytes, {believed} believed tracks"
    );
    assert_eq!(calls, 0, "allocations in {COUNTED} frames");
}
