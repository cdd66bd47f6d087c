//! Frame to detections: pre-processing, network, decoding.
