//! The camera component of the MAVLink camera protocol (<https://mavlink.io/en/services/camera.html>).
//!
//! In: frames from ground stations, tracks once a frame of the camera, and the time. Out: frames in an [`Outbox`].
//! Refused: commands for others (ignored), unknown ones (`UNSUPPORTED`), malformed ones (`DENIED`), a place without a
//! track (`TEMPORARILY_REJECTED`). It reads no clock and opens nothing: the same calls give the same bytes.
//!
//! What is sent when the selected track is...
//!
//! | | status | mode | target data | coordinates |
//! | --- | --- | --- | --- | --- |
//! | none | 0 idle | 0 | 0 | NaN |
//! | seen | 1 active | 1 point or 2 rectangle | 4 in status | 0..1 |
//! | predicted | 9 active and coasting | as commanded | 4 in status | 0..1 |
//! | lost, or the camera is | 2 error | as commanded | 0 | NaN |
//!
//! and 4 (MTI) is added to the status if [`Mti::On`].

mod commands;
mod config;
mod encode;
mod selection;

use std::time::Duration;

use invdet_core::{MonoTime, PixelPoint, TrackId, Tracks};
use mavlink::dialects::common::MavMessage;
use mavlink::{MAVLinkV2MessageRaw, MavHeader, MessageData};

pub use config::{AutoSelect, ComponentConfig, ConfigError, FirmwareVersion, Mti};

use crate::frame::RawFrame;
use crate::outbox::{Outbox, Priority};
use crate::wire::{Command, CommandAck, Heartbeat};
use commands::{Action, Outcome, Reply};
use selection::{Region, Selection};

const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);

/// If frames stop, the status goes on this late, so that the operator is told.
const FRAMES_STALLED: Duration = Duration::from_millis(250);

/// Radius of a TRACK_POINT that names none, as a share of the image's width: a fingertip on a tablet's video.
const DEFAULT_RADIUS: f32 = 0.05;

/// A command repeated later than this is a new one. Ground stations repeat within 3 s.
const RETRY_WINDOW: Duration = Duration::from_secs(5);

/// Commands remembered to recognise repeats.
const REMEMBERED: usize = 8;

/// How the component is; HEARTBEAT's `system_status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Before the first frame (`MAV_STATE_BOOT`).
    Starting,
    /// Frames come (`MAV_STATE_ACTIVE`).
    Running,
    /// Frames have stopped (`MAV_STATE_CRITICAL`); ends with the next frame.
    CameraLost,
    /// The program ends (`MAV_STATE_POWEROFF`).
    Stopping,
}

/// When others were last heard.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// HEARTBEAT of the autopilot of our system.
    pub autopilot: Option<MonoTime>,
    /// HEARTBEAT of any ground station.
    pub ground_station: Option<MonoTime>,
}

#[derive(Debug, Clone, Copy)]
struct Carried {
    sender: (u8, u8),
    command: Command,
    at: MonoTime,
}

/// The component's state.
#[derive(Debug, Clone)]
pub struct CameraComponent {
    config: ComponentConfig,
    condition: Condition,
    selection: Selection,
    sequence: u8,
    heartbeat_due: Option<MonoTime>,
    stream: Option<Duration>,
    status_due: Option<MonoTime>,
    carried: heapless::HistoryBuf<Carried, REMEMBERED>,
    heard: Heard,
}

impl CameraComponent {
    /// A component that has seen no frame and no ground station.
    ///
    /// # Errors
    /// [`ConfigError`] names every field that cannot be announced.
    pub fn new(config: ComponentConfig) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self {
            condition: Condition::Starting,
            selection: Selection::new(config.auto_select),
            sequence: 0,
            heartbeat_due: None,
            stream: config.status_interval,
            status_due: None,
            carried: heapless::HistoryBuf::new(),
            heard: Heard::default(),
            config,
        })
    }

    /// The track that is reported.
    pub const fn selected(&self) -> Option<TrackId> {
        self.selection.selected()
    }

    /// How the component is.
    pub const fn condition(&self) -> Condition {
        self.condition
    }

    /// When others were last heard.
    pub const fn heard(&self) -> Heard {
        self.heard
    }

    /// Tells that the camera is lost, or that the program ends; the next [`CameraComponent::tick`] says so at once.
    pub fn set_condition(&mut self, condition: Condition) {
        if self.condition != condition {
            self.condition = condition;
            self.heartbeat_due = None;
        }
    }

    /// Takes the tracks of one frame, true at `at` (mid-exposure), and reports if a report is due.
    pub fn on_tracks(&mut self, at: MonoTime, tracks: &Tracks, out: &mut Outbox) {
        match self.condition {
            Condition::Starting | Condition::CameraLost => self.set_condition(Condition::Running),
            Condition::Running | Condition::Stopping => {}
        }
        self.selection.update(tracks);
        self.stream(at, Duration::ZERO, out);
    }

    /// Sends what is due at `now`. Call it at least every 0.1 s, also while no frames come.
    pub fn tick(&mut self, now: MonoTime, out: &mut Outbox) {
        if self.heartbeat_due.is_none_or(|due| now >= due) {
            self.heartbeat_due = Some(next_due(self.heartbeat_due, HEARTBEAT_INTERVAL, now));
            self.send(&encode::heartbeat(self.condition), Priority::Heartbeat, out);
        }
        self.stream(now, FRAMES_STALLED, out);
    }

    /// Takes a frame from a link. Each command for us is acknowledged once, to its sender.
    pub fn on_message(&mut self, now: MonoTime, frame: RawFrame<'_>, out: &mut Outbox) {
        let sender = (frame.system_id(), frame.component_id());
        if sender == (self.config.system_id, self.config.component_id) {
            // Our own words, come back through a router.
            return;
        }
        if let Some(command) = Command::parse(&frame) {
            self.on_command(now, sender, command, out);
        } else if let Some(heartbeat) = Heartbeat::parse(&frame) {
            self.on_heartbeat(now, sender, heartbeat);
        }
    }

    fn on_heartbeat(&mut self, now: MonoTime, (system, component): (u8, u8), heartbeat: Heartbeat) {
        const GROUND_STATION: u8 = 6;
        const AUTOPILOT: u8 = 1;
        if heartbeat.kind == GROUND_STATION {
            self.heard.ground_station = Some(now);
        } else if system == self.config.system_id && component == AUTOPILOT {
            self.heard.autopilot = Some(now);
        }
    }

    fn on_command(&mut self, now: MonoTime, sender: (u8, u8), command: Command, out: &mut Outbox) {
        let ours = |target, own| target == 0 || target == own;
        if !ours(command.target_system, self.config.system_id)
            || !ours(command.target_component, self.config.component_id)
        {
            return;
        }
        let action = match commands::target_camera(&command) {
            // Said to all components, meant for another camera.
            Ok(Some(camera))
                if camera != self.config.component_id && command.target_component == 0 =>
            {
                return;
            }
            Ok(Some(camera)) if camera != self.config.component_id => Err(Outcome::Denied),
            Ok(_) => commands::read(&command),
            Err(refused) => Err(refused),
        };
        let outcome = match action {
            Err(refused) => refused,
            Ok(action) if !action.is_repeatable() && self.is_retry(now, sender, &command) => {
                Outcome::Accepted
            }
            Ok(action) => {
                let outcome = self.carry_out(now, action);
                // What was refused may be tried again.
                if outcome == Outcome::Accepted {
                    self.carried.write(Carried {
                        sender,
                        command,
                        at: now,
                    });
                }
                outcome
            }
        };
        let ack = CommandAck {
            command: command.command,
            result: outcome as u8,
            target_system: sender.0,
            target_component: sender.1,
            ..CommandAck::default()
        };
        self.send(&ack, Priority::Ack, out);
        // The message follows its ACK.
        if let Ok(Action::Send(reply)) = action {
            self.reply(now, reply, out);
        }
    }

    /// Whether the same command was carried out, and this is its sender asking again because the ACK was lost.
    fn is_retry(&self, now: MonoTime, sender: (u8, u8), command: &Command) -> bool {
        let is_same = |carried: &Carried| {
            carried.sender == sender
                && carried.command.command == command.command
                && carried.command.params.map(f32::to_bits) == command.params.map(f32::to_bits)
                && now.since(carried.at) <= RETRY_WINDOW
        };
        command.confirmation > 0 && self.carried.iter().any(is_same)
    }

    fn carry_out(&mut self, now: MonoTime, action: Action) -> Outcome {
        let (width, height) = (
            self.config.image.width as f32,
            self.config.image.height as f32,
        );
        let region = match action {
            Action::Send(_) | Action::Nothing => return Outcome::Accepted,
            Action::Stream(interval) => {
                self.stream = interval;
                self.status_due = interval.map(|_| now);
                return Outcome::Accepted;
            }
            Action::Stop => {
                self.selection.stop();
                return Outcome::Accepted;
            }
            Action::Point { x, y, radius } => Region::Disc {
                centre: PixelPoint::new(x * width, y * height),
                radius: radius.unwrap_or(DEFAULT_RADIUS) * width,
            },
            Action::Rectangle {
                left,
                top,
                right,
                bottom,
            } => Region::Box {
                top_left: PixelPoint::new(left * width, top * height),
                bottom_right: PixelPoint::new(right * width, bottom * height),
            },
        };
        match self.selection.pick(region) {
            Some(_) => Outcome::Accepted,
            None => Outcome::TemporarilyRejected,
        }
    }

    fn reply(&mut self, now: MonoTime, reply: Reply, out: &mut Outbox) {
        let status = Priority::Status;
        match reply {
            Reply::Heartbeat => {
                self.send(&encode::heartbeat(self.condition), Priority::Heartbeat, out)
            }
            Reply::Information => self.send(&encode::information(&self.config, now), status, out),
            Reply::Settings => self.send(&encode::settings(now), status, out),
            Reply::CaptureStatus => self.send(&encode::capture_status(now), status, out),
            Reply::FovStatus => self.send(&encode::fov_status(&self.config, now), status, out),
            Reply::TrackingStatus => self.send_tracking_status(out),
        }
    }

    /// Sends CAMERA_TRACKING_IMAGE_STATUS if it has been due for `late`.
    fn stream(&mut self, now: MonoTime, late: Duration, out: &mut Outbox) {
        let Some(interval) = self.stream else { return };
        let due = *self.status_due.get_or_insert(now);
        if now >= due + late {
            // With an interval of zero each frame is due.
            self.status_due = Some(if interval.is_zero() {
                now
            } else {
                next_due(Some(due), interval, now)
            });
            self.send_tracking_status(out);
        }
    }

    fn send_tracking_status(&mut self, out: &mut Outbox) {
        let status = encode::tracking_status(&self.config, self.condition, self.selection.report());
        self.send(&status, Priority::Status, out);
    }

    fn send<D: MessageData<Message = MavMessage>>(
        &mut self,
        message: &D,
        priority: Priority,
        out: &mut Outbox,
    ) {
        let header = MavHeader {
            system_id: self.config.system_id.into(),
            component_id: self.config.component_id,
            sequence: self.sequence,
        };
        self.sequence = self.sequence.wrapping_add(1);
        let mut raw = MAVLinkV2MessageRaw::new();
        raw.serialize_message_data(header, message);
        out.push(priority, raw.raw_bytes());
    }
}

/// One interval after `due`, so that the rate is kept; after a pause, one interval after `now`.
fn next_due(due: Option<MonoTime>, interval: Duration, now: MonoTime) -> MonoTime {
    let next = due.unwrap_or(now) + interval;
    if next > now { next } else { now + interval }
}

#[cfg(test)]
mod tests;
