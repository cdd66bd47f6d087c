//! Tracks to MAVLink, and commands back.
