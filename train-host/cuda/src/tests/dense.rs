//! Random tensors and their comparison.

use invdet_cpu::reference::Dense;

/// Values in [-1, 1).
pub(super) fn random(shape: [usize; 4], seed: u64) -> Dense {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    let data = (0..shape.iter().product()).map(|_| next()).collect();
    Dense { shape, data }
}

/// Random values by themselves.
pub(super) fn numbers(count: usize, seed: u64) -> Vec<f32> {
    random([1, 1, 1, count], seed).data
}

/// Largest difference over the largest value (at least 0.1).
pub(super) fn assert_close(got: &[f32], want: &[f32], what: &str) {
    assert_within(got, want, 3e-5, what);
}

pub(super) fn assert_within(got: &[f32], want: &[f32], tolerance: f32, what: &str) {
    assert_eq!(got.len(), want.len(), "{what}: length");
    let scale = want.iter().fold(0.1f32, |m, x| m.max(x.abs()));
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        assert!(
            (g - w).abs() <= tolerance * scale,
            "{what}: {g} against {w} at {i}"
        );
    }
}

/// Doubles, for plain code and its derivatives.
pub(super) fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|v| f64::from(*v)).collect()
}

pub(super) fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|v| *v as f32).collect()
}
