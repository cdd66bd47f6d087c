use invdet_core::{ImageSize, Track, TrackState};
use mavlink::dialects::common::{
    CAMERA_TRACKING_IMAGE_STATUS_DATA, COMMAND_INT_DATA, COMMAND_LONG_DATA, MavCmd, MavState,
    MavType,
};
use mavlink::{MavlinkVersion, error::ParserError};

use super::*;
use crate::decode;

const MS: u64 = 1_000_000;
const NAN: f32 = f32::NAN;

fn at(ms: u64) -> MonoTime {
    MonoTime::from_nanos(ms * MS)
}

fn config() -> ComponentConfig {
    ComponentConfig {
        focal_mm: 14.0,
        pitch_um: 12.0,
        ..ComponentConfig::new(1, "boson640", ImageSize::new(640, 512))
    }
}

fn camera() -> CameraComponent {
    CameraComponent::new(config()).unwrap()
}

fn track(id: u32, state: TrackState, x: f32, y: f32) -> Track {
    Track {
        id: TrackId(id),
        state,
        x,
        y,
        w: 8.0,
        h: 6.0,
        vx: 0.0,
        vy: 0.0,
        score: 0.9,
        sigma_px: 0.3,
        age: 20,
        misses: 0,
    }
}

fn tracks(list: &[Track]) -> Tracks {
    Tracks::from_slice(list).unwrap()
}

/// A payload of a command as it stands on the wire: the crate's own structs cannot hold unknown commands.
struct Raw<const ID: u32, const EXTRA: u8, const LENGTH: usize>([u8; LENGTH]);

impl<const ID: u32, const EXTRA: u8, const LENGTH: usize> MessageData for Raw<ID, EXTRA, LENGTH> {
    type Message = MavMessage;
    const ID: u32 = ID;
    const NAME: &'static str = "RAW";
    const EXTRA_CRC: u8 = EXTRA;
    const ENCODED_LEN: usize = LENGTH;
    fn ser(&self, _: MavlinkVersion, payload: &mut [u8]) -> usize {
        payload[..LENGTH].copy_from_slice(&self.0);
        self.0
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(1, |last| last + 1)
    }
    fn deser(_: MavlinkVersion, _: &[u8]) -> Result<Self, ParserError> {
        unreachable!("only sent")
    }
}

const STATION: MavHeader = MavHeader {
    system_id: 255,
    component_id: 190,
    sequence: 7,
};

fn frame(message: &impl MessageData<Message = MavMessage>) -> Vec<u8> {
    let mut raw = MAVLinkV2MessageRaw::new();
    raw.serialize_message_data(STATION, message);
    raw.raw_bytes().to_vec()
}

#[derive(Clone, Copy)]
struct Long {
    command: u16,
    params: [f32; 7],
    to: (u8, u8),
    confirmation: u8,
}

impl Long {
    fn new(command: u16, params: &[f32]) -> Self {
        let mut all = [0.0; 7];
        all[..params.len()].copy_from_slice(params);
        Self {
            command,
            params: all,
            to: (1, 100),
            confirmation: 0,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut payload = [0; 33];
        for (index, param) in self.params.iter().enumerate() {
            payload[4 * index..4 * index + 4].copy_from_slice(&param.to_le_bytes());
        }
        payload[28..30].copy_from_slice(&self.command.to_le_bytes());
        payload[30..].copy_from_slice(&[self.to.0, self.to.1, self.confirmation]);
        frame(&Raw::<
            { COMMAND_LONG_DATA::ID },
            { COMMAND_LONG_DATA::EXTRA_CRC },
            33,
        >(payload))
    }

    fn say(&self, camera: &mut CameraComponent, now: MonoTime) -> Outbox {
        let mut out = Outbox::new();
        camera.on_message(now, RawFrame::parse(&self.bytes()).unwrap(), &mut out);
        out
    }
}

fn acks(out: &Outbox) -> Vec<CommandAck> {
    out.iter()
        .filter_map(|(_, bytes)| CommandAck::parse(&RawFrame::parse(bytes).unwrap()))
        .collect()
}

fn messages(out: &Outbox) -> Vec<MavMessage> {
    out.iter()
        .filter_map(|(_, bytes)| decode(bytes).ok())
        .map(|(_, message)| message)
        .collect()
}

fn statuses(out: &Outbox) -> Vec<CAMERA_TRACKING_IMAGE_STATUS_DATA> {
    let only = |message| match message {
        MavMessage::CAMERA_TRACKING_IMAGE_STATUS(status) => Some(status),
        _ => None,
    };
    messages(out).into_iter().filter_map(only).collect()
}

/// Asks for the status once.
fn status(camera: &mut CameraComponent) -> CAMERA_TRACKING_IMAGE_STATUS_DATA {
    statuses(&Long::new(512, &[275.0]).say(camera, at(0)))
        .pop()
        .unwrap()
}

fn close(found: f32, wanted: f32) -> bool {
    (found - wanted).abs() < 1e-6
}

const ACCEPTED: u8 = 0;
const REJECTED: u8 = 1;
const DENIED: u8 = 2;
const UNSUPPORTED: u8 = 3;

#[test]
fn every_command_is_acknowledged_once_to_its_sender_with_the_right_result() {
    struct Case(u16, &'static [f32], u8, &'static [u32]);
    let cases = [
        Case(512, &[259.0], ACCEPTED, &[259]),
        Case(
            512,
            &[259.0, NAN, NAN, NAN, NAN, NAN, NAN],
            ACCEPTED,
            &[259],
        ),
        Case(512, &[260.0], ACCEPTED, &[260]),
        Case(512, &[262.0], ACCEPTED, &[262]),
        Case(512, &[271.0], ACCEPTED, &[271]),
        Case(512, &[275.0], ACCEPTED, &[275]),
        Case(512, &[0.0], ACCEPTED, &[0]),
        Case(512, &[261.0], UNSUPPORTED, &[]),
        Case(512, &[269.0], UNSUPPORTED, &[]),
        Case(512, &[NAN], DENIED, &[]),
        Case(512, &[-1.0], DENIED, &[]),
        Case(512, &[259.5], DENIED, &[]),
        Case(512, &[f32::INFINITY], DENIED, &[]),
        Case(521, &[1.0], ACCEPTED, &[259]),
        Case(521, &[NAN], ACCEPTED, &[259]),
        Case(521, &[0.0], ACCEPTED, &[]),
        Case(521, &[2.0], DENIED, &[]),
        Case(522, &[1.0], ACCEPTED, &[260]),
        Case(527, &[1.0], ACCEPTED, &[262]),
        Case(511, &[275.0, 500_000.0], ACCEPTED, &[]),
        Case(511, &[275.0, -1.0], ACCEPTED, &[]),
        Case(511, &[275.0, 0.0], ACCEPTED, &[]),
        Case(511, &[275.0, NAN], ACCEPTED, &[]),
        Case(511, &[275.0, -2.0], DENIED, &[]),
        Case(511, &[275.0, f32::INFINITY], DENIED, &[]),
        Case(511, &[NAN, 500_000.0], DENIED, &[]),
        Case(511, &[259.0, 500_000.0], UNSUPPORTED, &[]),
        Case(2004, &[0.5, 0.5, 0.1], ACCEPTED, &[]),
        Case(2004, &[0.5, 0.5, NAN, NAN, NAN, NAN, NAN], ACCEPTED, &[]),
        Case(2004, &[0.5, 0.5, 0.0, 100.0], ACCEPTED, &[]),
        Case(2004, &[0.9, 0.9, 0.01], REJECTED, &[]),
        Case(2004, &[0.5, 0.5, 0.1, 101.0], DENIED, &[]),
        Case(2004, &[0.5, 0.5, -0.1], DENIED, &[]),
        Case(2004, &[1.1, 0.5, 0.1], DENIED, &[]),
        Case(2004, &[NAN, 0.5, 0.1], DENIED, &[]),
        Case(2004, &[0.5, f32::INFINITY], DENIED, &[]),
        Case(2005, &[0.4, 0.4, 0.6, 0.6], ACCEPTED, &[]),
        Case(2005, &[0.4, 0.4, 0.6, 0.6, NAN, NAN, NAN], ACCEPTED, &[]),
        Case(2005, &[0.7, 0.7, 0.9, 0.9], REJECTED, &[]),
        Case(2005, &[0.6, 0.4, 0.4, 0.6], DENIED, &[]),
        Case(2005, &[0.4, NAN, 0.6, 0.6], DENIED, &[]),
        Case(2005, &[0.4, -0.1, 0.6, 0.6], DENIED, &[]),
        Case(2010, &[], ACCEPTED, &[]),
        Case(2010, &[NAN, NAN], ACCEPTED, &[]),
        Case(999, &[], UNSUPPORTED, &[]),
        Case(65_535, &[1.0], UNSUPPORTED, &[]),
        Case(400, &[1.0], UNSUPPORTED, &[]),
    ];
    for Case(command, params, result, answers) in cases {
        let mut camera = camera();
        camera.on_tracks(
            at(0),
            &tracks(&[track(3, TrackState::Confirmed, 320.0, 256.0)]),
            &mut Outbox::new(),
        );
        let out = Long::new(command, params).say(&mut camera, at(10));
        let ack = CommandAck {
            command,
            result,
            target_system: 255,
            target_component: 190,
            ..CommandAck::default()
        };
        assert_eq!(acks(&out), [ack], "{command} {params:?}");
        // The ACK comes first, then the message asked for, and nothing else.
        let ids: Vec<u32> = out
            .iter()
            .map(|(_, bytes)| RawFrame::parse(bytes).unwrap().message_id())
            .collect();
        assert_eq!(ids[0], 77);
        assert_eq!(&ids[1..], answers, "{command} {params:?}");
    }
}

#[test]
fn broadcasts_are_ours_and_commands_to_others_are_ignored_without_an_ack() {
    for (to, wanted) in [
        ((1, 100), 1),
        ((1, 0), 1),
        ((0, 0), 1),
        ((0, 100), 1),
        ((1, 101), 0),
        ((2, 100), 0),
    ] {
        let out = Long {
            to,
            ..Long::new(512, &[259.0])
        }
        .say(&mut camera(), at(0));
        assert_eq!(acks(&out).len(), wanted, "to {to:?}");
    }
    // To all components, but for another camera.
    let out = Long {
        to: (1, 0),
        ..Long::new(2010, &[101.0])
    }
    .say(&mut camera(), at(0));
    assert!(out.is_empty());
}

#[test]
fn our_own_frames_that_come_back_are_ignored() {
    let mut raw = MAVLinkV2MessageRaw::new();
    let header = MavHeader {
        system_id: 1,
        component_id: 100,
        sequence: 0,
    };
    let command = COMMAND_LONG_DATA {
        command: MavCmd::MAV_CMD_CAMERA_STOP_TRACKING,
        ..Default::default()
    };
    raw.serialize_message_data(header, &command);
    let mut out = Outbox::new();
    camera().on_message(at(0), RawFrame::parse(raw.raw_bytes()).unwrap(), &mut out);
    assert!(out.is_empty());
}

#[test]
fn a_retry_is_acknowledged_again_but_carried_out_once() {
    let mut camera = camera();
    camera.on_tracks(
        at(0),
        &tracks(&[track(3, TrackState::Confirmed, 320.0, 256.0)]),
        &mut Outbox::new(),
    );
    let point = Long::new(2004, &[0.5, 0.5, 0.1]);
    assert_eq!(acks(&point.say(&mut camera, at(10)))[0].result, ACCEPTED);

    // Track 3 moves off and 4 comes to the point: the retry must not jump to it.
    let moved = [
        track(3, TrackState::Confirmed, 420.0, 256.0),
        track(4, TrackState::Confirmed, 320.0, 256.0),
    ];
    camera.on_tracks(at(33), &tracks(&moved), &mut Outbox::new());
    let retry = Long {
        confirmation: 1,
        ..point
    };
    assert_eq!(acks(&retry.say(&mut camera, at(500))).len(), 1);
    assert_eq!(camera.selected(), Some(TrackId(3)));

    // The same point said anew is a new command, and so is a "retry" of something never heard.
    assert_eq!(acks(&point.say(&mut camera, at(600)))[0].result, ACCEPTED);
    assert_eq!(camera.selected(), Some(TrackId(4)));
    let unheard = Long {
        confirmation: 2,
        ..Long::new(2010, &[])
    };
    assert_eq!(acks(&unheard.say(&mut camera, at(700)))[0].result, ACCEPTED);
    assert_eq!(camera.selected(), None);
}

#[test]
fn command_int_is_read_like_command_long() {
    let mut camera = camera();
    camera.on_tracks(
        at(0),
        &tracks(&[track(3, TrackState::Confirmed, 320.0, 256.0)]),
        &mut Outbox::new(),
    );
    let int = COMMAND_INT_DATA {
        param1: 0.4,
        param2: 0.4,
        param3: 0.6,
        param4: 0.6,
        x: i32::MAX,
        command: MavCmd::MAV_CMD_CAMERA_TRACK_RECTANGLE,
        target_system: 1,
        target_component: 100,
        ..Default::default()
    };
    let mut out = Outbox::new();
    camera.on_message(at(0), RawFrame::parse(&frame(&int)).unwrap(), &mut out);
    assert_eq!(acks(&out)[0].result, ACCEPTED);
    assert_eq!(camera.selected(), Some(TrackId(3)));
}

#[test]
fn the_status_follows_the_selected_track_through_coasting_and_loss() {
    let mut camera = camera();
    let mut out = Outbox::new();
    let idle = status(&mut camera);
    assert_eq!(
        (
            idle.tracking_status.bits(),
            idle.tracking_mode as u8,
            idle.target_data.bits()
        ),
        (0, 0, 0)
    );
    assert!(idle.point_x.is_nan() && idle.rec_top_x.is_nan());

    let seen = track(3, TrackState::Confirmed, 160.0, 128.0);
    let other = track(2, TrackState::Confirmed, 400.0, 300.0);
    camera.on_tracks(at(0), &tracks(&[other, seen]), &mut out);
    Long::new(2004, &[0.25, 0.26, NAN]).say(&mut camera, at(1));
    let active = status(&mut camera);
    assert_eq!(
        (
            active.tracking_status.bits(),
            active.tracking_mode as u8,
            active.target_data.bits()
        ),
        (1, 1, 4)
    );
    assert!(
        close(active.point_x, 0.25)
            && close(active.point_y, 0.25)
            && close(active.radius, 4.0 / 640.0)
    );
    assert!(
        [
            active.rec_top_x,
            active.rec_top_y,
            active.rec_bottom_x,
            active.rec_bottom_y
        ]
        .iter()
        .all(|c| c.is_nan())
    );

    // Predicted beyond the edge: coasting always with active, coordinates on the edge.
    let gone = track(3, TrackState::Coasting, -2.0, 128.0);
    camera.on_tracks(at(33), &tracks(&[other, gone]), &mut out);
    let coasting = status(&mut camera);
    assert_eq!(
        (coasting.tracking_status.bits(), coasting.point_x),
        (9, 0.0)
    );

    camera.on_tracks(at(66), &tracks(&[other]), &mut out);
    let lost = status(&mut camera);
    assert_eq!(
        (
            lost.tracking_status.bits(),
            lost.tracking_mode as u8,
            lost.target_data.bits()
        ),
        (2, 1, 0)
    );
    assert!(lost.point_x.is_nan());

    Long::new(2010, &[]).say(&mut camera, at(70));
    assert_eq!(status(&mut camera).tracking_status.bits(), 0);
}

#[test]
fn a_rectangle_reports_the_box_and_ignores_tentative_tracks() {
    let mut camera = camera();
    let list = [
        track(1, TrackState::Tentative, 320.0, 256.0),
        track(2, TrackState::Coasting, 330.0, 260.0),
    ];
    camera.on_tracks(at(0), &tracks(&list), &mut Outbox::new());
    Long::new(2005, &[0.4, 0.4, 0.6, 0.6]).say(&mut camera, at(1));
    assert_eq!(camera.selected(), Some(TrackId(2)));
    let found = status(&mut camera);
    assert_eq!(
        (found.tracking_status.bits(), found.tracking_mode as u8),
        (9, 2)
    );
    assert!(close(found.rec_top_x, 326.0 / 640.0) && close(found.rec_top_y, 257.0 / 512.0));
    assert!(close(found.rec_bottom_x, 334.0 / 640.0) && close(found.rec_bottom_y, 263.0 / 512.0));
    assert!(found.point_x.is_nan() && found.point_y.is_nan() && found.radius.is_nan());
}

#[test]
fn mti_is_added_to_every_status_and_announced() {
    let mut camera = CameraComponent::new(ComponentConfig {
        mti: Mti::On,
        ..config()
    })
    .unwrap();
    assert_eq!(status(&mut camera).tracking_status.bits(), 4);
    camera.on_tracks(
        at(0),
        &tracks(&[track(3, TrackState::Coasting, 320.0, 256.0)]),
        &mut Outbox::new(),
    );
    Long::new(2004, &[0.5, 0.5]).say(&mut camera, at(1));
    assert_eq!(status(&mut camera).tracking_status.bits(), 13);
    let messages = messages(&Long::new(512, &[259.0]).say(&mut camera, at(2)));
    assert!(
        messages
            .iter()
            .any(|m| matches!(m, MavMessage::CAMERA_INFORMATION(i) if i.flags.bits() == 0x2600))
    );
}

#[test]
fn a_lost_camera_is_an_error_until_the_next_frame() {
    let mut camera = camera();
    let mut out = Outbox::new();
    let list = tracks(&[track(3, TrackState::Confirmed, 320.0, 256.0)]);
    camera.on_tracks(at(0), &list, &mut out);
    Long::new(2004, &[0.5, 0.5]).say(&mut camera, at(1));
    camera.set_condition(Condition::CameraLost);
    assert_eq!(status(&mut camera).tracking_status.bits(), 2);
    camera.on_tracks(at(33), &list, &mut out);
    assert_eq!(camera.condition(), Condition::Running);
    assert_eq!(status(&mut camera).tracking_status.bits(), 1);
}

#[test]
fn automatic_selection_takes_the_oldest_confirmed_and_yields_to_the_operator() {
    let mut camera = CameraComponent::new(ComponentConfig {
        auto_select: AutoSelect::OldestConfirmed,
        ..config()
    })
    .unwrap();
    let mut out = Outbox::new();
    let young = track(5, TrackState::Confirmed, 100.0, 100.0);
    camera.on_tracks(
        at(0),
        &tracks(&[track(1, TrackState::Tentative, 9.0, 9.0), young]),
        &mut out,
    );
    assert_eq!(camera.selected(), Some(TrackId(5)));
    camera.on_tracks(
        at(33),
        &tracks(&[track(1, TrackState::Confirmed, 9.0, 9.0), young]),
        &mut out,
    );
    assert_eq!(camera.selected(), Some(TrackId(5)));
    camera.on_tracks(
        at(66),
        &tracks(&[track(1, TrackState::Confirmed, 9.0, 9.0)]),
        &mut out,
    );
    assert_eq!(camera.selected(), Some(TrackId(1)));
    Long::new(2010, &[]).say(&mut camera, at(70));
    camera.on_tracks(at(99), &tracks(&[young]), &mut out);
    assert_eq!(camera.selected(), None);
}

#[test]
fn status_is_streamed_at_the_interval_asked_for_and_no_longer_than_asked() {
    let mut camera = camera();
    let frames = |camera: &mut CameraComponent, from: u64, count: u64| -> usize {
        let mut found = 0;
        for frame in from..from + count {
            let mut out = Outbox::new();
            camera.on_tracks(
                MonoTime::from_nanos(frame * 33_333_333),
                &Tracks::new(),
                &mut out,
            );
            camera.tick(MonoTime::from_nanos(frame * 33_333_333 + 5 * MS), &mut out);
            found += statuses(&out).len();
        }
        found
    };
    // (microseconds asked for, statuses in 10 s of 30 Hz)
    for (round, (interval, wanted)) in [
        (-1.0, 0),
        (500_000.0, 20),
        (0.0, 50),
        (NAN, 50),
        (100_000.0, 100),
        (1.0, 300),
    ]
    .into_iter()
    .enumerate()
    {
        let from = 1000 * (round as u64 + 1);
        Long::new(511, &[275.0, interval])
            .say(&mut camera, MonoTime::from_nanos(from * 33_333_333));
        let found = frames(&mut camera, from, 300);
        assert!(
            found.abs_diff(wanted) <= 1,
            "{interval} us: {found} statuses, wanted {wanted}"
        );
    }
}

#[test]
fn status_goes_on_when_frames_stop() {
    let mut camera = camera();
    Long::new(511, &[275.0, 100_000.0]).say(&mut camera, at(0));
    let mut times = Vec::new();
    for ms in (0..3000).step_by(10) {
        let mut out = Outbox::new();
        camera.tick(at(ms), &mut out);
        times.extend(statuses(&out).iter().map(|_| ms));
    }
    // Each comes 250 ms after it was due, and is due 100 ms after the one before.
    assert_eq!(times, [250, 600, 950, 1300, 1650, 2000, 2350, 2700]);
}

#[test]
fn tick_gives_a_heartbeat_a_second_whatever_its_own_rhythm() {
    for step_ms in [7, 33, 100, 999] {
        let mut camera = camera();
        let mut times = Vec::new();
        let mut out = Outbox::new();
        for ms in (0..60_000).step_by(step_ms) {
            out.clear();
            camera.tick(at(ms), &mut out);
            times.extend(out.iter().map(|_| ms));
        }
        assert!(
            (60..=61).contains(&times.len()),
            "every {step_ms} ms: {} heartbeats",
            times.len()
        );
        assert!(
            times
                .windows(2)
                .all(|pair| pair[1] - pair[0] <= 1000 + step_ms as u64),
            "every {step_ms} ms"
        );
    }
}

#[test]
fn the_heartbeat_tells_the_condition() {
    let mut camera = camera();
    let mut state = |act: &dyn Fn(&mut CameraComponent), ms| {
        let mut out = Outbox::new();
        act(&mut camera);
        camera.tick(at(ms), &mut out);
        let (header, message) = decode(out.front().unwrap()).unwrap();
        assert_eq!((header.system_id, header.component_id), (1, 100));
        match message {
            MavMessage::HEARTBEAT(heartbeat) => {
                assert_eq!(
                    (heartbeat.mavtype, heartbeat.autopilot as u8),
                    (MavType::MAV_TYPE_CAMERA, 8)
                );
                assert_eq!(heartbeat.mavlink_version, 3);
                heartbeat.system_status
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(state(&|_| {}, 0), MavState::MAV_STATE_BOOT);
    // A change is told at once, not a second later.
    assert_eq!(
        state(
            &|c| c.on_tracks(at(1), &Tracks::new(), &mut Outbox::new()),
            1
        ),
        MavState::MAV_STATE_ACTIVE
    );
    assert_eq!(
        state(&|c| c.set_condition(Condition::CameraLost), 2),
        MavState::MAV_STATE_CRITICAL
    );
    assert_eq!(
        state(&|c| c.set_condition(Condition::Stopping), 3),
        MavState::MAV_STATE_POWEROFF
    );
}

#[test]
fn heartbeats_of_others_are_noted_even_with_unknown_values() {
    let mut camera = camera();
    // custom_mode, type 6 (GCS), autopilot 200 (unknown), base mode, state 99 (unknown), version
    let payload = [0, 0, 0, 0, 6, 200, 0, 99, 3];
    let bytes = frame(&Raw::<0, 50, 9>(payload));
    camera.on_message(at(40), RawFrame::parse(&bytes).unwrap(), &mut Outbox::new());
    assert_eq!(
        camera.heard(),
        Heard {
            ground_station: Some(at(40)),
            autopilot: None
        }
    );
}

#[test]
fn every_message_survives_the_wire_field_by_field() {
    let config = ComponentConfig {
        firmware: FirmwareVersion {
            major: 1,
            minor: 2,
            patch: 3,
            dev: 4,
        },
        ..config()
    };
    let mut camera = CameraComponent::new(config.clone()).unwrap();
    let mut out = Outbox::new();
    for id in [0.0, 259.0, 260.0, 262.0, 271.0] {
        for (priority, bytes) in Long::new(512, &[id]).say(&mut camera, at(1234)).iter() {
            if priority != Priority::Ack {
                out.push(priority, bytes);
            }
        }
    }
    let found = messages(&out);
    assert_eq!(found.len(), 5);
    assert_eq!(
        found[0],
        MavMessage::HEARTBEAT(encode::heartbeat(Condition::Starting))
    );
    let MavMessage::CAMERA_INFORMATION(information) = &found[1] else {
        panic!("{found:?}")
    };
    assert_eq!(*information, encode::information(&config, at(1234)));
    assert_eq!(information.firmware_version, 4 << 24 | 3 << 16 | 2 << 8 | 1);
    assert_eq!(
        (
            information.resolution_h,
            information.resolution_v,
            information.flags.bits()
        ),
        (640, 512, 0x600)
    );
    assert!(close(information.sensor_size_h, 7.68) && close(information.sensor_size_v, 6.144));
    assert_eq!(&information.vendor_name[..7], b"InvDet\0");
    assert_eq!(&information.model_name[..9], b"boson640\0");
    let MavMessage::CAMERA_SETTINGS(settings) = &found[2] else {
        panic!("{found:?}")
    };
    assert!(
        settings.zoomLevel.is_nan()
            && settings.focusLevel.is_nan()
            && settings.time_boot_ms == 1234
    );
    assert_eq!(
        found[3],
        MavMessage::CAMERA_CAPTURE_STATUS(encode::capture_status(at(1234)))
    );
    let MavMessage::CAMERA_FOV_STATUS(fov) = &found[4] else {
        panic!("{found:?}")
    };
    // 2 atan(3.84 / 14) = 30.67 degrees.
    assert!(
        (fov.hfov - 30.674).abs() < 1e-2 && fov.q[0].is_nan() && fov.lat_camera == i32::MAX,
        "{fov:?}"
    );
}

#[test]
fn sequence_numbers_count_every_frame_and_wrap() {
    let mut camera = camera();
    for wanted in 0..600_u32 {
        let out = Long::new(999, &[]).say(&mut camera, at(wanted.into()));
        let frame = RawFrame::parse(out.front().unwrap()).unwrap();
        assert_eq!(u32::from(frame.sequence()), wanted % 256);
    }
}

#[test]
fn all_problems_of_a_config_are_told_at_once() {
    let bad = ComponentConfig {
        system_id: 0,
        component_id: 1,
        model: "x".repeat(33),
        image: ImageSize::new(0, 512),
        focal_mm: -1.0,
        ..config()
    };
    let problems = CameraComponent::new(bad).unwrap_err().problems;
    assert_eq!(problems.len(), 5, "{problems:?}");
}
