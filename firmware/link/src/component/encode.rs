//! Our side of the camera protocol, message by message (<https://mavlink.io/en/messages/common.html>).
//!
//! In: the configuration and what is true now. Out: messages. Refused: inventing values: what is not known is NaN,
//! `INT32_MAX` or zero, as each field has it.

use invdet_core::{MonoTime, Track};
use mavlink::dialects::common::{
    CAMERA_CAPTURE_STATUS_DATA, CAMERA_FOV_STATUS_DATA, CAMERA_INFORMATION_DATA,
    CAMERA_SETTINGS_DATA, CAMERA_TRACKING_IMAGE_STATUS_DATA, CameraCapFlags, CameraMode,
    CameraTrackingMode, CameraTrackingStatusFlags, CameraTrackingTargetData, HEARTBEAT_DATA,
    MavAutopilot, MavModeFlag, MavState, MavType,
};

use super::Condition;
use super::config::{ComponentConfig, Mti};
use super::selection::{Mark, Report};

/// HEARTBEAT (0).
pub(super) fn heartbeat(condition: Condition) -> HEARTBEAT_DATA {
    HEARTBEAT_DATA {
        custom_mode: 0,
        mavtype: MavType::MAV_TYPE_CAMERA,
        autopilot: MavAutopilot::MAV_AUTOPILOT_INVALID,
        base_mode: MavModeFlag::empty(),
        system_status: match condition {
            Condition::Starting => MavState::MAV_STATE_BOOT,
            Condition::Running => MavState::MAV_STATE_ACTIVE,
            Condition::CameraLost => MavState::MAV_STATE_CRITICAL,
            Condition::Stopping => MavState::MAV_STATE_POWEROFF,
        },
        mavlink_version: 3,
    }
}

/// CAMERA_INFORMATION (259).
pub(super) fn information(config: &ComponentConfig, now: MonoTime) -> CAMERA_INFORMATION_DATA {
    let mut flags = CameraCapFlags::CAMERA_CAP_FLAGS_HAS_TRACKING_POINT
        | CameraCapFlags::CAMERA_CAP_FLAGS_HAS_TRACKING_RECTANGLE;
    if config.mti == Mti::On {
        flags |= CameraCapFlags::CAMERA_CAP_FLAGS_HAS_MTI;
    }
    let side_mm = |pixels: u32| pixels as f32 * config.pitch_um / 1000.0;
    CAMERA_INFORMATION_DATA {
        time_boot_ms: now.as_boot_millis(),
        firmware_version: config.firmware.packed(),
        focal_length: config.focal_mm,
        sensor_size_h: side_mm(config.image.width),
        sensor_size_v: side_mm(config.image.height),
        flags,
        resolution_h: u16::try_from(config.image.width).unwrap_or(u16::MAX),
        resolution_v: u16::try_from(config.image.height).unwrap_or(u16::MAX),
        cam_definition_version: 0,
        vendor_name: padded(&config.vendor),
        model_name: padded(&config.model),
        lens_id: 0,
        cam_definition_uri: [0; 140].into(),
        gimbal_device_id: 0,
        camera_device_id: 0,
    }
}

fn padded(name: &str) -> [u8; 32] {
    let mut field = [0; 32];
    for (place, byte) in field.iter_mut().zip(name.bytes()) {
        *place = byte;
    }
    field
}

/// CAMERA_SETTINGS (260): a camera without modes, zoom or focus.
pub(super) fn settings(now: MonoTime) -> CAMERA_SETTINGS_DATA {
    CAMERA_SETTINGS_DATA {
        time_boot_ms: now.as_boot_millis(),
        mode_id: CameraMode::CAMERA_MODE_VIDEO,
        zoomLevel: f32::NAN,
        focusLevel: f32::NAN,
        camera_device_id: 0,
    }
}

/// CAMERA_CAPTURE_STATUS (262): nothing is captured through the camera protocol.
pub(super) fn capture_status(now: MonoTime) -> CAMERA_CAPTURE_STATUS_DATA {
    CAMERA_CAPTURE_STATUS_DATA {
        time_boot_ms: now.as_boot_millis(),
        ..CAMERA_CAPTURE_STATUS_DATA::DEFAULT
    }
}

/// CAMERA_FOV_STATUS (271): field of view in degrees; position and attitude are not known here.
pub(super) fn fov_status(config: &ComponentConfig, now: MonoTime) -> CAMERA_FOV_STATUS_DATA {
    let degrees = |pixels: u32| {
        let half_mm = pixels as f32 * config.pitch_um / 2000.0;
        2.0 * (half_mm / config.focal_mm).atan().to_degrees()
    };
    CAMERA_FOV_STATUS_DATA {
        time_boot_ms: now.as_boot_millis(),
        lat_camera: i32::MAX,
        lon_camera: i32::MAX,
        alt_camera: i32::MAX,
        lat_image: i32::MAX,
        lon_image: i32::MAX,
        alt_image: i32::MAX,
        q: [f32::NAN; 4],
        hfov: degrees(config.image.width),
        vfov: degrees(config.image.height),
        camera_device_id: 0,
    }
}

/// CAMERA_TRACKING_IMAGE_STATUS (275). Coordinates are 0..1 from the top left; a target beyond the edge is reported on
/// the edge. COASTING never comes without ACTIVE: ground stations draw by the latter.
pub(super) fn tracking_status(
    config: &ComponentConfig,
    condition: Condition,
    report: Report,
) -> CAMERA_TRACKING_IMAGE_STATUS_DATA {
    type Flags = CameraTrackingStatusFlags;
    let mut status = CAMERA_TRACKING_IMAGE_STATUS_DATA {
        point_x: f32::NAN,
        point_y: f32::NAN,
        radius: f32::NAN,
        rec_top_x: f32::NAN,
        rec_top_y: f32::NAN,
        rec_bottom_x: f32::NAN,
        rec_bottom_y: f32::NAN,
        tracking_status: Flags::empty(),
        tracking_mode: CameraTrackingMode::CAMERA_TRACKING_MODE_NONE,
        target_data: CameraTrackingTargetData::empty(),
        camera_device_id: 0,
    };
    let (flags, target, mark) = match report {
        Report::Idle => (Flags::empty(), None, None),
        Report::Seen(_, mark) | Report::Predicted(_, mark)
            if condition == Condition::CameraLost =>
        {
            (Flags::CAMERA_TRACKING_STATUS_FLAGS_ERROR, None, Some(mark))
        }
        Report::Seen(track, mark) => (
            Flags::CAMERA_TRACKING_STATUS_FLAGS_ACTIVE,
            Some(track),
            Some(mark),
        ),
        Report::Predicted(track, mark) => (
            Flags::CAMERA_TRACKING_STATUS_FLAGS_ACTIVE
                | Flags::CAMERA_TRACKING_STATUS_FLAGS_COASTING,
            Some(track),
            Some(mark),
        ),
        Report::Lost(mark) => (Flags::CAMERA_TRACKING_STATUS_FLAGS_ERROR, None, Some(mark)),
    };
    status.tracking_status = flags;
    if config.mti == Mti::On {
        status.tracking_status |= Flags::CAMERA_TRACKING_STATUS_FLAGS_MTI;
    }
    if let Some(mark) = mark {
        status.tracking_mode = match mark {
            Mark::Point => CameraTrackingMode::CAMERA_TRACKING_MODE_POINT,
            Mark::Rectangle => CameraTrackingMode::CAMERA_TRACKING_MODE_RECTANGLE,
        };
        if let Some(track) = target {
            status.target_data = CameraTrackingTargetData::CAMERA_TRACKING_TARGET_DATA_IN_STATUS;
            place(&mut status, config, &track, mark);
        }
    }
    status
}

fn place(
    status: &mut CAMERA_TRACKING_IMAGE_STATUS_DATA,
    config: &ComponentConfig,
    track: &Track,
    mark: Mark,
) {
    let across = |pixels: f32| (pixels / config.image.width as f32).clamp(0.0, 1.0);
    let down = |pixels: f32| (pixels / config.image.height as f32).clamp(0.0, 1.0);
    match mark {
        Mark::Point => {
            status.point_x = across(track.x);
            status.point_y = down(track.y);
            status.radius = across(track.w.max(track.h) / 2.0);
        }
        Mark::Rectangle => {
            status.rec_top_x = across(track.x - track.w / 2.0);
            status.rec_top_y = down(track.y - track.h / 2.0);
            status.rec_bottom_x = across(track.x + track.w / 2.0);
            status.rec_bottom_y = down(track.y + track.h / 2.0);
        }
    }
}
