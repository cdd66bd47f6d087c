//! Derivatives by central differences, in doubles.

/// Largest difference that counts as equal, relative to the largest value.
const TOLERANCE: f64 = 1e-7;

/// Checks that `gradient` is that of `cotangent * f(x)` at `x`.
pub(super) fn assert_gradient(
    x: &[f64],
    cotangent: &[f64],
    gradient: &[f64],
    f: impl Fn(&[f64]) -> Vec<f64>,
    what: &str,
) {
    assert_eq!(x.len(), gradient.len(), "{what}: length");
    let step = 1e-5;
    let scale = gradient.iter().fold(1.0f64, |m, g| m.max(g.abs()));
    let mut moved = x.to_vec();
    let mut value = |i: usize, by: f64| -> f64 {
        moved[i] = x[i] + by;
        let sum = f(&moved).iter().zip(cotangent).map(|(y, c)| y * c).sum();
        moved[i] = x[i];
        sum
    };
    for (i, g) in gradient.iter().enumerate() {
        let numeric = (value(i, step) - value(i, -step)) / (2.0 * step);
        assert!(
            (numeric - g).abs() <= TOLERANCE * scale,
            "{what}: {g} against {numeric} by differences at {i}"
        );
    }
}
