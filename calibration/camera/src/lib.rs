//! Camera model: pixels to directions.
