//! Frames are found in any stream of bytes, however it is cut and whatever is in between.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use invdet_core::{ImageSize, MonoTime, Tracks};
use invdet_link::{CameraComponent, ComponentConfig, Framer, Outbox, RawFrame, decode};
use mavlink::MavlinkVersion;
use mavlink::dialects::common::{MavMessage, TIMESYNC_DATA};
use rand::RngExt as _;

fn sync(number: u32) -> MavMessage {
    MavMessage::TIMESYNC(TIMESYNC_DATA {
        tc1: number.into(),
        ts1: i64::from(number) << 20,
        ..Default::default()
    })
}

fn encoded(number: u32, version: MavlinkVersion) -> Vec<u8> {
    let header = mavlink::MavHeader {
        system_id: 255,
        component_id: 190,
        sequence: number as u8,
    };
    let mut bytes = Vec::new();
    mavlink::write_versioned_msg(&mut bytes, version, header, &sync(number)).unwrap();
    bytes
}

/// Number in a frame of ours.
fn number(frame: RawFrame<'_>) -> Option<u32> {
    match decode(frame.bytes()) {
        Ok((_, MavMessage::TIMESYNC(sync))) => u32::try_from(sync.tc1).ok(),
        _ => None,
    }
}

#[test]
fn all_frames_are_found_in_a_megabyte_of_noise() {
    let mut random = rand_pcg::Pcg64::new(7, 11);
    let mut stream = Vec::new();
    let mut noise = 0;
    let mut written = 0;
    while noise < 1 << 20 {
        let length = random.random_range(0..1200);
        noise += length;
        stream.extend((0..length).map(|_| random.random::<u8>()));
        let version = if written % 2 == 0 {
            MavlinkVersion::V2
        } else {
            MavlinkVersion::V1
        };
        let frame = encoded(written, version);
        // Now and then only the beginning of a frame, or one with a flipped bit, stands before it.
        match written % 5 {
            3 => stream.extend_from_slice(&frame[..frame.len() / 2]),
            4 => stream.extend(
                frame
                    .iter()
                    .enumerate()
                    .map(|(i, byte)| if i == 9 { byte ^ 4 } else { *byte }),
            ),
            _ => {}
        }
        stream.extend_from_slice(&frame);
        written += 1;
    }
    let mut framer = Framer::new();
    let mut found = Vec::new();
    let mut other = 0;
    let mut take = |frame: RawFrame<'_>| match number(frame) {
        Some(number) => found.push(number),
        None => other += 1,
    };
    let mut rest = stream.as_slice();
    while !rest.is_empty() {
        let (chunk, later) = rest.split_at(random.random_range(1..=rest.len().min(3000)));
        framer.feed(chunk, &mut take);
        rest = later;
    }
    framer.finish(&mut take);
    assert_eq!(found, (0..written).collect::<Vec<_>>());
    // With 16 bits of checksum noise may pass for a short message, but not often.
    assert!(other <= 1, "{other} frames out of noise");
    let counters = framer.counters();
    assert_eq!(counters.frames, u64::from(written) + other);
    assert!(
        counters.bad_checksum > u64::from(written) / 5 && counters.unknown_id > 0,
        "{counters:?}"
    );
    assert_eq!(framer.pending(), 0);
    println!("{written} frames in {} bytes, {counters:?}", stream.len());
}

#[test]
fn one_byte_at_a_time_gives_the_same_frames() {
    let stream: Vec<u8> = (0..50)
        .flat_map(|number| encoded(number, MavlinkVersion::V2))
        .collect();
    let mut framer = Framer::new();
    let mut found = Vec::new();
    for byte in &stream {
        framer.feed(std::slice::from_ref(byte), |frame| {
            found.extend(number(frame))
        });
    }
    assert_eq!(found, (0..50).collect::<Vec<_>>());
    assert_eq!(framer.counters().skipped_bytes, 0);
}

#[test]
fn a_signed_frame_is_taken_whole() {
    let mut signed = encoded(1, MavlinkVersion::V2);
    signed[2] |= 1;
    let end = signed.len() - 2;
    let crc = mavlink::calculate_crc(
        &signed[1..end],
        <MavMessage as mavlink::Message>::extra_crc(111),
    );
    signed[end..].copy_from_slice(&crc.to_le_bytes());
    signed.extend_from_slice(&[0xfd; 13]);
    let mut found = Vec::new();
    let mut framer = Framer::new();
    let stream = [signed, encoded(2, MavlinkVersion::V2)].concat();
    framer.feed(&stream, |frame| found.extend(number(frame)));
    assert_eq!((found, framer.counters().skipped_bytes), (vec![1, 2], 0));
}

#[test]
fn a_false_start_does_not_hold_back_the_frame_behind_it_for_ever() {
    let mut framer = Framer::new();
    let mut found = Vec::new();
    // A start mark of MAVLink 1 that promises 255 bytes of a known message.
    framer.feed(&[0xfe, 255, 0, 1, 1, 0], |frame| {
        found.extend(number(frame))
    });
    framer.feed(&encoded(5, MavlinkVersion::V2), |frame| {
        found.extend(number(frame))
    });
    assert_eq!(found, []);
    framer.finish(|frame| found.extend(number(frame)));
    assert_eq!(found, [5]);
}

#[test]
fn noise_never_panics_the_component_nor_makes_it_answer_much() {
    let mut random = rand_pcg::Pcg64::new(3, 5);
    let config = ComponentConfig::new(1, "test", ImageSize::new(640, 512));
    let mut camera = CameraComponent::new(config).unwrap();
    let mut out = Outbox::new();
    camera.on_tracks(MonoTime::from_nanos(0), &Tracks::new(), &mut out);
    // Commands with a right checksum and random insides: each for us is acknowledged, none does harm.
    let mut acknowledged = 0;
    for _ in 0..20_000 {
        let mut payload: Vec<u8> = (0..33).map(|_| random.random()).collect();
        payload[30] = random.random_range(0..3);
        payload[31] = random.random_range(99..102);
        let command: u16 = *[512, 511, 521, 2004, 2005, 2010, 999]
            .get(random.random_range(0..7))
            .unwrap();
        payload[28..30].copy_from_slice(&command.to_le_bytes());
        let mut frame = vec![0xfd, 33, 0, 0, 0, 255, 190, 76, 0, 0];
        frame.extend_from_slice(&payload);
        let crc =
            mavlink::calculate_crc(&frame[1..], <MavMessage as mavlink::Message>::extra_crc(76));
        frame.extend_from_slice(&crc.to_le_bytes());
        out.clear();
        camera.on_message(
            MonoTime::from_nanos(1),
            RawFrame::parse(&frame).unwrap(),
            &mut out,
        );
        let is_ours = payload[30] < 2 && payload[31] == 100;
        assert_eq!(out.is_empty(), !is_ours);
        acknowledged += usize::from(is_ours);
    }
    assert!(acknowledged > 1000);
}
