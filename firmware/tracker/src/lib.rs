//! Detections to tracks.
