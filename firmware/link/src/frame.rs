//! One MAVLink frame as bytes.
//!
//! In: bytes. Out: [`RawFrame`], whose start mark, length and checksum have been checked, or a message of the `common`
//! dialect. Refused: unknown message ids (their checksum cannot be computed), incompatibility flags other than
//! "signed" (<https://mavlink.io/en/guide/serialization.html>), anything short or damaged. Signatures are carried but
//! not verified.

use mavlink::dialects::common::MavMessage;
use mavlink::{MavHeader, MavlinkVersion, Message as _};

/// Longest frame: MAVLink 2 header 10, payload 255, checksum 2, signature 13 bytes.
pub const MAX_FRAME: usize = 280;

const STX_V1: u8 = 0xFE;
const STX_V2: u8 = 0xFD;
const HEADER_V1: usize = 6;
const HEADER_V2: usize = 10;
const CHECKSUM: usize = 2;
const SIGNATURE: usize = 13;
const FLAG_SIGNED: u8 = 0x01;
/// COMPONENT_INFORMATION is the one message whose CRC_EXTRA is 0, which otherwise says "not in the dialect".
const WITH_ZERO_EXTRA: u32 = 395;

/// What stands at the beginning of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scan {
    /// A whole, undamaged frame of this many bytes.
    Whole(usize),
    /// The beginning of what may be a frame.
    Partial,
    /// No frame begins here.
    Noise,
    /// Like a frame, but of a message that the dialect does not know.
    UnknownId(u32),
    /// Like a frame, but its checksum is wrong.
    BadChecksum,
}

/// Whether `byte` is a start mark of MAVLink 1 or 2.
pub(crate) const fn is_start(byte: u8) -> bool {
    matches!(byte, STX_V1 | STX_V2)
}

/// Looks at the beginning of `bytes`.
pub(crate) fn scan(bytes: &[u8]) -> Scan {
    let (header, id, tail) = match *bytes {
        [] => return Scan::Partial,
        [STX_V1, _, _, _, _, id, ..] => (HEADER_V1, u32::from(id), 0),
        [STX_V2, _, flags, ..] if flags & !FLAG_SIGNED != 0 => return Scan::Noise,
        [STX_V2, _, flags, _, _, _, _, a, b, c, ..] => {
            let tail = if flags & FLAG_SIGNED == 0 {
                0
            } else {
                SIGNATURE
            };
            (HEADER_V2, u32::from_le_bytes([a, b, c, 0]), tail)
        }
        [STX_V1 | STX_V2, ..] => return Scan::Partial,
        _ => return Scan::Noise,
    };
    let extra = MavMessage::extra_crc(id);
    if extra == 0 && id != WITH_ZERO_EXTRA {
        return Scan::UnknownId(id);
    }
    let payload = bytes.get(1).map_or(0, |length| usize::from(*length));
    let end = header + payload;
    let (Some(covered), Some(&[low, high])) = (bytes.get(1..end), bytes.get(end..end + CHECKSUM))
    else {
        return Scan::Partial;
    };
    if mavlink::calculate_crc(covered, extra) != u16::from_le_bytes([low, high]) {
        return Scan::BadChecksum;
    }
    let whole = end + CHECKSUM + tail;
    if bytes.len() < whole {
        Scan::Partial
    } else {
        Scan::Whole(whole)
    }
}

/// A frame whose checksum is right, MAVLink 1 or 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawFrame<'a>(&'a [u8]);

/// Why some bytes are not a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The first byte is no start mark, or the frame needs a feature we do not have.
    #[error(
        "{found} bytes do not begin with a mavlink frame, wanted a start mark fd or fe and no unknown flags"
    )]
    NoStart {
        /// Bytes given.
        found: usize,
    },
    /// The frame goes on behind the last byte.
    #[error("mavlink frame ends after {found} bytes, wanted all of it")]
    Short {
        /// Bytes given.
        found: usize,
    },
    /// The frame ends before the last byte.
    #[error("mavlink frame of {frame} bytes is followed by {extra} more, wanted one frame")]
    Long {
        /// Length of the frame.
        frame: usize,
        /// Bytes behind it.
        extra: usize,
    },
    /// Not in the `common` dialect.
    #[error("mavlink message id {id} is not in the common dialect")]
    UnknownId {
        /// The message id.
        id: u32,
    },
    /// Damaged.
    #[error("mavlink frame has a wrong checksum")]
    Checksum,
}

/// Why a frame is not a message.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The bytes are no frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The payload holds a value that the dialect's enums lack; [`crate::Command`] and [`crate::CommandAck`] read such.
    #[error("payload of mavlink message {id} holds a value outside the common dialect")]
    Payload {
        /// The message id.
        id: u32,
        /// What the dialect says.
        #[source]
        source: mavlink::error::ParserError,
    },
}

impl<'a> RawFrame<'a> {
    /// Checks that `bytes` are exactly one frame.
    ///
    /// # Errors
    /// [`FrameError`] says which check failed.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FrameError> {
        let found = bytes.len();
        match scan(bytes) {
            Scan::Whole(frame) if frame == found => Ok(Self(bytes)),
            Scan::Whole(frame) => Err(FrameError::Long {
                frame,
                extra: found - frame,
            }),
            Scan::Partial => Err(FrameError::Short { found }),
            Scan::Noise => Err(FrameError::NoStart { found }),
            Scan::UnknownId(id) => Err(FrameError::UnknownId { id }),
            Scan::BadChecksum => Err(FrameError::Checksum),
        }
    }

    /// For bytes that [`scan`] called whole.
    pub(crate) const fn of_whole(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The whole frame, start mark to checksum or signature.
    pub const fn bytes(&self) -> &'a [u8] {
        self.0
    }

    fn at(&self, index: usize) -> u8 {
        self.0.get(index).copied().unwrap_or(0)
    }

    /// Protocol version.
    pub fn version(&self) -> MavlinkVersion {
        if self.at(0) == STX_V1 {
            MavlinkVersion::V1
        } else {
            MavlinkVersion::V2
        }
    }

    const fn offset(version: MavlinkVersion, v1: usize, v2: usize) -> usize {
        match version {
            MavlinkVersion::V1 => v1,
            MavlinkVersion::V2 => v2,
        }
    }

    /// Sequence number of the sender, wraps at 256.
    pub fn sequence(&self) -> u8 {
        self.at(Self::offset(self.version(), 2, 4))
    }

    /// System that sent the frame.
    pub fn system_id(&self) -> u8 {
        self.at(Self::offset(self.version(), 3, 5))
    }

    /// Component that sent the frame.
    pub fn component_id(&self) -> u8 {
        self.at(Self::offset(self.version(), 4, 6))
    }

    /// Message id.
    pub fn message_id(&self) -> u32 {
        match self.version() {
            MavlinkVersion::V1 => u32::from(self.at(5)),
            MavlinkVersion::V2 => u32::from_le_bytes([self.at(7), self.at(8), self.at(9), 0]),
        }
    }

    /// Payload as sent; MAVLink 2 cuts zeros off its end, so that a missing byte reads as zero.
    pub fn payload(&self) -> &'a [u8] {
        let start = Self::offset(self.version(), HEADER_V1, HEADER_V2);
        self.0
            .get(start..start + usize::from(self.at(1)))
            .unwrap_or(&[])
    }

    /// The message in the frame.
    ///
    /// # Errors
    /// [`DecodeError::Payload`] if a field holds a value outside the dialect's enums.
    pub fn decode(&self) -> Result<(MavHeader, MavMessage), DecodeError> {
        let id = self.message_id();
        let message = MavMessage::parse(self.version(), id, self.payload())
            .map_err(|source| DecodeError::Payload { id, source })?;
        let header = MavHeader {
            system_id: self.system_id().into(),
            component_id: self.component_id(),
            sequence: self.sequence(),
        };
        Ok((header, message))
    }
}

/// Decodes exactly one frame, MAVLink 1 or 2, as a receiver would.
///
/// # Errors
/// [`DecodeError`] if the bytes are not one undamaged frame of the `common` dialect.
pub fn decode(bytes: &[u8]) -> Result<(MavHeader, MavMessage), DecodeError> {
    RawFrame::parse(bytes)?.decode()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_message_of_the_dialect_has_zero_for_its_crc_extra() {
        let zero: Vec<_> = MavMessage::all_ids()
            .iter()
            .filter(|id| MavMessage::extra_crc(**id) == 0)
            .collect();
        assert_eq!(zero, [&WITH_ZERO_EXTRA]);
    }

    /// HEARTBEAT of a ground station as pymavlink 2.4.50 packs it (MAVLink 2, sequence 0, 255/190).
    const HEARTBEAT: [u8; 21] = [
        0xfd, 0x09, 0x00, 0x00, 0x00, 0xff, 0xbe, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x06,
        0x08, 0x00, 0x04, 0x03, 0x3d, 0x48,
    ];

    #[test]
    fn a_golden_heartbeat_is_read() {
        let frame = RawFrame::parse(&HEARTBEAT).unwrap();
        assert_eq!(
            (frame.system_id(), frame.component_id(), frame.message_id()),
            (255, 190, 0)
        );
        let (_, message) = frame.decode().unwrap();
        assert!(
            matches!(message, MavMessage::HEARTBEAT(heartbeat) if heartbeat.mavlink_version == 3)
        );
    }

    #[test]
    fn each_damage_is_named() {
        for cut in 0..HEARTBEAT.len() {
            assert_eq!(
                RawFrame::parse(&HEARTBEAT[..cut]),
                Err(FrameError::Short { found: cut })
            );
        }
        let mut bad = HEARTBEAT;
        bad[12] ^= 1;
        assert_eq!(RawFrame::parse(&bad), Err(FrameError::Checksum));
        bad = HEARTBEAT;
        bad[2] = 0x80;
        assert_eq!(
            RawFrame::parse(&bad),
            Err(FrameError::NoStart { found: 21 })
        );
        bad = HEARTBEAT;
        bad[9] = 0xee;
        assert_eq!(
            RawFrame::parse(&bad),
            Err(FrameError::UnknownId { id: 0xee_0000 })
        );
        let mut long = HEARTBEAT.to_vec();
        long.push(0);
        assert_eq!(
            RawFrame::parse(&long),
            Err(FrameError::Long {
                frame: 21,
                extra: 1
            })
        );
    }
}
