//! The messages that the `mavlink` crate cannot carry.
//!
//! Its enums are closed: a COMMAND_LONG with a command outside the dialect is lost as a whole, and such a command
//! cannot be put into a COMMAND_ACK either (mavlink/rust-mavlink#112), so that nobody would hear `UNSUPPORTED`. These
//! four are read and written by offset, as <https://mavlink.io/en/messages/common.html> lays them out.

use mavlink::dialects::common::{
    COMMAND_ACK_DATA, COMMAND_INT_DATA, COMMAND_LONG_DATA, HEARTBEAT_DATA, MavMessage,
};
use mavlink::error::ParserError;
use mavlink::{MavlinkVersion, MessageData};

use crate::frame::RawFrame;

/// The message a command came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandForm {
    /// COMMAND_LONG (76).
    Long,
    /// COMMAND_INT (75).
    Int,
}

/// A command of any number, known to the dialect or not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Command {
    /// The message it came in.
    pub form: CommandForm,
    /// `MAV_CMD`.
    pub command: u16,
    /// System it is for; 0 is all.
    pub target_system: u8,
    /// Component it is for; 0 is all.
    pub target_component: u8,
    /// 0 for the first try, then counted up (COMMAND_LONG only).
    pub confirmation: u8,
    /// `param1` to `param7`, NaN where not given. COMMAND_INT's `x` and `y` are plain integers here, their
    /// `INT32_MAX` ("not given") is NaN.
    pub params: [f32; 7],
}

fn byte(payload: &[u8], at: usize) -> u8 {
    payload.get(at).copied().unwrap_or(0)
}

fn word(payload: &[u8], at: usize) -> [u8; 4] {
    [
        byte(payload, at),
        byte(payload, at + 1),
        byte(payload, at + 2),
        byte(payload, at + 3),
    ]
}

impl Command {
    /// Reads COMMAND_LONG or COMMAND_INT; `None` for any other message.
    pub fn parse(frame: &RawFrame<'_>) -> Option<Self> {
        let form = match frame.message_id() {
            COMMAND_LONG_DATA::ID => CommandForm::Long,
            COMMAND_INT_DATA::ID => CommandForm::Int,
            _ => return None,
        };
        let payload = frame.payload();
        let mut params = [0.0; 7];
        for (index, param) in params.iter_mut().enumerate() {
            let raw = word(payload, 4 * index);
            *param = match (form, index) {
                (CommandForm::Int, 4 | 5) => match i32::from_le_bytes(raw) {
                    i32::MAX => f32::NAN,
                    value => value as f32,
                },
                _ => f32::from_le_bytes(raw),
            };
        }
        Some(Self {
            form,
            command: u16::from_le_bytes([byte(payload, 28), byte(payload, 29)]),
            target_system: byte(payload, 30),
            target_component: byte(payload, 31),
            confirmation: match form {
                CommandForm::Long => byte(payload, 32),
                CommandForm::Int => 0,
            },
            params,
        })
    }
}

/// COMMAND_ACK (77) for a command of any number.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct CommandAck {
    /// `MAV_CMD` that is answered.
    pub command: u16,
    /// `MAV_RESULT`.
    pub result: u8,
    /// Percent, 0 when not used.
    pub progress: u8,
    /// More about the result, 0 when not used.
    pub result_param2: i32,
    /// System that sent the command.
    pub target_system: u8,
    /// Component that sent the command.
    pub target_component: u8,
}

impl CommandAck {
    /// Reads COMMAND_ACK; `None` for any other message.
    pub fn parse(frame: &RawFrame<'_>) -> Option<Self> {
        (frame.message_id() == Self::ID).then(|| Self::of_payload(frame.payload()))
    }

    fn of_payload(payload: &[u8]) -> Self {
        Self {
            command: u16::from_le_bytes([byte(payload, 0), byte(payload, 1)]),
            result: byte(payload, 2),
            progress: byte(payload, 3),
            result_param2: i32::from_le_bytes(word(payload, 4)),
            target_system: byte(payload, 8),
            target_component: byte(payload, 9),
        }
    }
}

impl MessageData for CommandAck {
    type Message = MavMessage;

    const ID: u32 = COMMAND_ACK_DATA::ID;
    const NAME: &'static str = COMMAND_ACK_DATA::NAME;
    const EXTRA_CRC: u8 = COMMAND_ACK_DATA::EXTRA_CRC;
    const ENCODED_LEN: usize = COMMAND_ACK_DATA::ENCODED_LEN;

    fn ser(&self, version: MavlinkVersion, payload: &mut [u8]) -> usize {
        let [command_low, command_high] = self.command.to_le_bytes();
        let [a, b, c, d] = self.result_param2.to_le_bytes();
        let fields = [
            command_low,
            command_high,
            self.result,
            self.progress,
            a,
            b,
            c,
            d,
            self.target_system,
            self.target_component,
        ];
        for (place, field) in payload.iter_mut().zip(fields) {
            *place = field;
        }
        match version {
            // Without extensions, which MAVLink 1 does not have.
            MavlinkVersion::V1 => 3,
            // Zeros at the end are not sent, except for the first byte.
            MavlinkVersion::V2 => fields
                .iter()
                .rposition(|field| *field != 0)
                .map_or(1, |last| last + 1),
        }
    }

    fn deser(_version: MavlinkVersion, payload: &[u8]) -> Result<Self, ParserError> {
        Ok(Self::of_payload(payload))
    }
}

/// What a HEARTBEAT (0) says, with values the dialect may not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    /// `MAV_TYPE`.
    pub kind: u8,
    /// `MAV_AUTOPILOT`; 8 for what is no autopilot.
    pub autopilot: u8,
    /// `MAV_STATE`.
    pub system_status: u8,
}

impl Heartbeat {
    /// Reads HEARTBEAT; `None` for any other message.
    pub fn parse(frame: &RawFrame<'_>) -> Option<Self> {
        let payload = frame.payload();
        (frame.message_id() == HEARTBEAT_DATA::ID).then(|| Self {
            kind: byte(payload, 4),
            autopilot: byte(payload, 5),
            system_status: byte(payload, 7),
        })
    }
}
