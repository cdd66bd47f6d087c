//! Tracks to MAVLink, and commands back: the only crate that knows wire formats.
//!
//! In come `Tracks` (once a frame) and bytes from ground stations; out go MAVLink 2 frames on any number of links.
//!
//! * [`CameraComponent`] is the camera component of the MAVLink camera protocol as a state machine: no clock, no I/O.
//! * [`Outbox`] takes the frames it wants sent; it is bounded and knows what may be dropped.
//! * [`Links`] fans an outbox out to the [`Endpoint`]s a user named, and hands back the frames that arrive.
//! * [`Framer`] finds frames in any byte stream; [`decode`] turns one into a message of the `common` dialect.
//!
//! The crate refuses by design to steer the vehicle: it sends no set-points, and a track is reported only when an
//! operator selected it (or the caller asked for [`AutoSelect::OldestConfirmed`]).
//!
//! ```
//! use invdet_core::{ImageSize, MonoTime, Tracks};
//! use invdet_link::{CameraComponent, ComponentConfig, Endpoint, Links, Outbox};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut camera = CameraComponent::new(ComponentConfig::new(1, "Desk replay", ImageSize::new(640, 512)))?;
//! let mut links = Links::open(&["udpout:127.0.0.1:14550".parse::<Endpoint>()?])?;
//! let mut out = Outbox::new();
//!
//! // For each frame:
//! let now = MonoTime::from_nanos(33_000_000);
//! let unix_us = 1_790_000_000_000_000;
//! links.poll(unix_us, |frame, _link| camera.on_message(now, frame, &mut out));
//! camera.on_tracks(now, &Tracks::new(), &mut out);
//! camera.tick(now, &mut out);
//! links.publish(&mut out, unix_us);
//! # Ok(())
//! # }
//! ```

mod component;
mod endpoint;
mod frame;
mod framer;
mod links;
mod outbox;
pub mod transport;
mod wire;

pub use component::{
    AutoSelect, CameraComponent, ComponentConfig, Condition, ConfigError, FirmwareVersion, Heard,
    Mti,
};
pub use endpoint::{Endpoint, EndpointError};
pub use frame::{DecodeError, FrameError, MAX_FRAME, RawFrame, decode};
pub use framer::{Framer, FramerCounters};
pub use links::{LinkCounters, Links};
pub use outbox::{OUTBOX_FRAMES, Outbox, Priority};
pub use transport::TransportError;
pub use wire::{Command, CommandAck, CommandForm, Heartbeat};
