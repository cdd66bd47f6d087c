//! What a command asks for.
//!
//! In: a [`Command`] of any number. Out: an [`Action`], or the `MAV_RESULT` that refuses it. Refused: commands we do
//! not have (`UNSUPPORTED`), values out of range or missing where one is needed (`DENIED`). NaN in an optional
//! parameter means the default: MAVSDK sends it.

use std::time::Duration;

use crate::wire::Command;

/// `MAV_RESULT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Accepted = 0,
    TemporarilyRejected = 1,
    Denied = 2,
    Unsupported = 3,
}

/// Messages that we send on request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reply {
    Heartbeat,
    Information,
    Settings,
    CaptureStatus,
    FovStatus,
    TrackingStatus,
}

/// What is to be done; coordinates are 0..1 from the top left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Action {
    /// Send a message.
    Send(Reply),
    /// Nothing.
    Nothing,
    /// Stream CAMERA_TRACKING_IMAGE_STATUS: `None` stops.
    Stream(Option<Duration>),
    /// Select near a point; no radius means the default.
    Point { x: f32, y: f32, radius: Option<f32> },
    /// Select in a rectangle.
    Rectangle {
        left: f32,
        top: f32,
        right: f32,
        bottom: f32,
    },
    /// Select nothing.
    Stop,
}

impl Action {
    /// Whether a repeated command is to be carried out again: an answer may have been lost together with its ACK, but a
    /// selection must not jump to what has come near since.
    pub(super) const fn is_repeatable(&self) -> bool {
        matches!(self, Action::Send(_) | Action::Nothing)
    }
}

const REQUEST_MESSAGE: u16 = 512;
const SET_MESSAGE_INTERVAL: u16 = 511;
const REQUEST_CAMERA_INFORMATION: u16 = 521;
const REQUEST_CAMERA_SETTINGS: u16 = 522;
const REQUEST_CAMERA_CAPTURE_STATUS: u16 = 527;
const CAMERA_TRACK_POINT: u16 = 2004;
const CAMERA_TRACK_RECTANGLE: u16 = 2005;
const CAMERA_STOP_TRACKING: u16 = 2010;

const HEARTBEAT: u32 = 0;
const CAMERA_INFORMATION: u32 = 259;
const CAMERA_SETTINGS: u32 = 260;
const CAMERA_CAPTURE_STATUS: u32 = 262;
const CAMERA_FOV_STATUS: u32 = 271;
const CAMERA_TRACKING_IMAGE_STATUS: u32 = 275;

/// Rate of CAMERA_TRACKING_IMAGE_STATUS when a ground station asks for "the default": 5 Hz, which with everything else
/// we send takes less than half of 57 600 baud.
const DEFAULT_INTERVAL: Duration = Duration::from_millis(200);

/// Longest interval taken, an hour: longer ones are mistakes in the unit.
const LONGEST_INTERVAL_US: f32 = 3.6e9;

/// The camera that `command` names in a parameter; `None` is all, or not given.
pub(super) fn target_camera(command: &Command) -> Result<Option<u8>, Outcome> {
    let index = match command.command {
        CAMERA_TRACK_POINT => 3,
        CAMERA_TRACK_RECTANGLE => 4,
        CAMERA_STOP_TRACKING => 0,
        _ => return Ok(None),
    };
    match command.params.get(index).copied().unwrap_or(f32::NAN) {
        value if value.is_nan() || value == 0.0 => Ok(None),
        value => whole(value, 255).map(|id| Some(id as u8)),
    }
}

/// Reads what `command` asks for.
pub(super) fn read(command: &Command) -> Result<Action, Outcome> {
    let [a, b, c, d, ..] = command.params;
    match command.command {
        REQUEST_MESSAGE => reply(whole(a, 0xFF_FFFF)?).map(Action::Send),
        REQUEST_CAMERA_INFORMATION => request(a, Reply::Information),
        REQUEST_CAMERA_SETTINGS => request(a, Reply::Settings),
        REQUEST_CAMERA_CAPTURE_STATUS => request(a, Reply::CaptureStatus),
        SET_MESSAGE_INTERVAL => match whole(a, 0xFF_FFFF)? {
            CAMERA_TRACKING_IMAGE_STATUS => interval(b).map(Action::Stream),
            _ => Err(Outcome::Unsupported),
        },
        CAMERA_TRACK_POINT => {
            let radius = if c.is_nan() || c == 0.0 {
                None
            } else {
                Some(share(c)?)
            };
            Ok(Action::Point {
                x: share(a)?,
                y: share(b)?,
                radius,
            })
        }
        CAMERA_TRACK_RECTANGLE => {
            let (left, top, right, bottom) = (share(a)?, share(b)?, share(c)?, share(d)?);
            if left < right && top < bottom {
                Ok(Action::Rectangle {
                    left,
                    top,
                    right,
                    bottom,
                })
            } else {
                Err(Outcome::Denied)
            }
        }
        CAMERA_STOP_TRACKING => Ok(Action::Stop),
        _ => Err(Outcome::Unsupported),
    }
}

fn reply(message: u32) -> Result<Reply, Outcome> {
    match message {
        HEARTBEAT => Ok(Reply::Heartbeat),
        CAMERA_INFORMATION => Ok(Reply::Information),
        CAMERA_SETTINGS => Ok(Reply::Settings),
        CAMERA_CAPTURE_STATUS => Ok(Reply::CaptureStatus),
        CAMERA_FOV_STATUS => Ok(Reply::FovStatus),
        CAMERA_TRACKING_IMAGE_STATUS => Ok(Reply::TrackingStatus),
        _ => Err(Outcome::Unsupported),
    }
}

/// The old request commands: 0 asks for nothing, 1 for the message.
fn request(flag: f32, reply: Reply) -> Result<Action, Outcome> {
    if flag.is_nan() || flag == 1.0 {
        Ok(Action::Send(reply))
    } else if flag == 0.0 {
        Ok(Action::Nothing)
    } else {
        Err(Outcome::Denied)
    }
}

/// MAV_CMD_SET_MESSAGE_INTERVAL's `param2`, microseconds: -1 stops, 0 is the default.
fn interval(microseconds: f32) -> Result<Option<Duration>, Outcome> {
    if microseconds == -1.0 {
        Ok(None)
    } else if microseconds.is_nan() || microseconds == 0.0 {
        Ok(Some(DEFAULT_INTERVAL))
    } else if (1.0..=LONGEST_INTERVAL_US).contains(&microseconds) {
        Ok(Some(Duration::from_micros(microseconds as u64)))
    } else {
        Err(Outcome::Denied)
    }
}

/// A whole number up to `most`.
fn whole(value: f32, most: u32) -> Result<u32, Outcome> {
    if value.fract() == 0.0 && value >= 0.0 && value <= most as f32 {
        Ok(value as u32)
    } else {
        Err(Outcome::Denied)
    }
}

/// A number in 0..=1.
fn share(value: f32) -> Result<f32, Outcome> {
    if (0.0..=1.0).contains(&value) {
        Ok(value)
    } else {
        Err(Outcome::Denied)
    }
}
