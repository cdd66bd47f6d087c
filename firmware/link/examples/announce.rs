//! Announces a camera on the links given and plays three moving targets at 30 Hz.
//!
//! ```text
//! cargo run -p invdet-link --example announce -- --seconds 10 udpout:127.0.0.1:14550 file:out.tlog
//! ```
//!
//! `--sent FILE` writes each frame sent as a line of JSON, in the form of `tests/peers/pymavlink_peer.py`.

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use invdet_core::{ImageSize, MonoTime, Track, TrackId, TrackState, Tracks};
use invdet_link::{
    CameraComponent, CommandAck, ComponentConfig, Endpoint, Links, Outbox, RawFrame,
};
use mavlink::dialects::common::MavMessage;
use serde_json::{Value, json};

const SIZE: ImageSize = ImageSize::new(640, 512);

fn main() -> Result<(), Box<dyn Error>> {
    let mut seconds = 10.0;
    let mut sent: Option<BufWriter<File>> = None;
    let mut endpoints = Vec::new();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--seconds" => seconds = words.next().ok_or("--seconds wants a number")?.parse()?,
            "--sent" => {
                sent = Some(BufWriter::new(File::create(
                    words.next().ok_or("--sent wants a file")?,
                )?))
            }
            link => endpoints.push(link.parse::<Endpoint>()?),
        }
    }

    let config = ComponentConfig {
        focal_mm: 14.0,
        pitch_um: 12.0,
        ..ComponentConfig::new(1, "synthetic", SIZE)
    };
    let mut camera = CameraComponent::new(config)?;
    let mut links = Links::open(&endpoints)?;
    let mut out = Outbox::new();
    let begin = Instant::now();
    for frame in 0_u32.. {
        // Between frames commands are answered and heartbeats go on: 10 turns a frame.
        for turn in 0..10 {
            let now = MonoTime::from_nanos(u64::try_from(begin.elapsed().as_nanos())?);
            let unix_us = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros())?;
            links.poll(unix_us, |frame, _| camera.on_message(now, frame, &mut out));
            if turn == 0 {
                camera.on_tracks(now, &targets(frame), &mut out);
            }
            camera.tick(now, &mut out);
            if let Some(file) = &mut sent {
                for (_, bytes) in out.iter() {
                    writeln!(file, "{}", line(&RawFrame::parse(bytes)?)?)?;
                }
            }
            links.publish(&mut out, unix_us);
            std::thread::sleep(Duration::from_micros(3_333));
        }
        if begin.elapsed().as_secs_f64() > seconds {
            break;
        }
    }
    if let Some(file) = &mut sent {
        file.flush()?;
    }
    for (name, counters) in links.counters() {
        println!("{name}: {counters:?}");
    }
    Ok(())
}

/// Three targets on circles; the third is hidden for the last of every 3 s.
fn targets(frame: u32) -> Tracks {
    let angle = frame as f32 / 30.0;
    let one = |id: u32| {
        let (x, y) = (160.0 * id as f32, 128.0 * id as f32);
        let is_hidden = id == 3 && frame % 90 >= 60;
        Track {
            id: TrackId(id),
            state: if is_hidden {
                TrackState::Coasting
            } else {
                TrackState::Confirmed
            },
            x: x + 20.0 * angle.cos(),
            y: y + 20.0 * angle.sin(),
            w: 6.0,
            h: 4.0,
            vx: -20.0 * angle.sin(),
            vy: 20.0 * angle.cos(),
            score: 0.9,
            sigma_px: 0.4,
            age: frame,
            misses: if is_hidden { frame % 90 - 59 } else { 0 },
        }
    };
    [1, 2, 3].into_iter().map(one).collect()
}

/// One frame as JSON, with pymavlink's names.
fn line(frame: &RawFrame<'_>) -> Result<Value, Box<dyn Error>> {
    let (kind, fields) = if let Some(ack) = CommandAck::parse(frame) {
        let fields = json!({
            "command": ack.command, "result": ack.result, "progress": ack.progress,
            "result_param2": ack.result_param2, "target_system": ack.target_system,
            "target_component": ack.target_component,
        });
        ("COMMAND_ACK", fields)
    } else {
        match frame.decode()?.1 {
            MavMessage::HEARTBEAT(m) => {
                let fields = json!({
                    "type": m.mavtype as u8, "autopilot": m.autopilot as u8, "base_mode": m.base_mode.bits(),
                    "custom_mode": m.custom_mode, "system_status": m.system_status as u8,
                    "mavlink_version": m.mavlink_version,
                });
                ("HEARTBEAT", fields)
            }
            MavMessage::CAMERA_INFORMATION(m) => {
                let fields = json!({
                    "time_boot_ms": m.time_boot_ms, "vendor_name": m.vendor_name, "model_name": m.model_name,
                    "firmware_version": m.firmware_version, "focal_length": number(m.focal_length),
                    "sensor_size_h": number(m.sensor_size_h), "sensor_size_v": number(m.sensor_size_v),
                    "resolution_h": m.resolution_h, "resolution_v": m.resolution_v, "lens_id": m.lens_id,
                    "flags": m.flags.bits(), "cam_definition_version": m.cam_definition_version,
                    "cam_definition_uri": m.cam_definition_uri.to_str()?, "gimbal_device_id": m.gimbal_device_id,
                    "camera_device_id": m.camera_device_id,
                });
                ("CAMERA_INFORMATION", fields)
            }
            MavMessage::CAMERA_TRACKING_IMAGE_STATUS(m) => {
                let fields = json!({
                    "tracking_status": m.tracking_status.bits(), "tracking_mode": m.tracking_mode as u8,
                    "target_data": m.target_data.bits(), "point_x": number(m.point_x), "point_y": number(m.point_y),
                    "radius": number(m.radius), "rec_top_x": number(m.rec_top_x), "rec_top_y": number(m.rec_top_y),
                    "rec_bottom_x": number(m.rec_bottom_x), "rec_bottom_y": number(m.rec_bottom_y),
                    "camera_device_id": m.camera_device_id,
                });
                ("CAMERA_TRACKING_IMAGE_STATUS", fields)
            }
            other => return Err(format!("no names for {other:?}").into()),
        }
    };
    Ok(json!({
        "type": kind, "fields": fields, "srcSystem": frame.system_id(), "srcComponent": frame.component_id(),
        "seq": frame.sequence(),
    }))
}

/// A number, or "NaN", which JSON lacks.
fn number(value: f32) -> Value {
    if value.is_nan() {
        json!("NaN")
    } else {
        json!(f64::from(value))
    }
}
