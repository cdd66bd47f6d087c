//! Random fields with a 1/f amplitude spectrum, the spectrum of natural clutter.
//!
//! In: a seed and the side of a square (a power of two). Out: two independent fields of mean 0 and variance 1 that
//! wrap round at the edges: real and imaginary part of one inverse transform of white complex noise times 1/f.

use std::f64::consts::TAU;

use super::exact::{Random, cos, sin};

/// A complex number.
#[derive(Debug, Default, Clone, Copy)]
struct Complex {
    re: f32,
    im: f32,
}

/// Two independent fields of `side` x `side`, row by row.
pub(super) fn pink_fields(seed: u64, stream: u64, side: usize) -> [Vec<f32>; 2] {
    let mut random = Random::new(seed, stream);
    let mut plane = Vec::with_capacity(side * side);
    for row in 0..side {
        for column in 0..side {
            let (u, v) = (frequency(column, side), frequency(row, side));
            let radius = (u * u + v * v).sqrt();
            let gain = if radius > 0.0 {
                (1.0 / radius) as f32
            } else {
                0.0
            };
            plane.push(Complex {
                re: random.normal() * gain,
                im: random.normal() * gain,
            });
        }
    }
    transform_plane(&mut plane, side);
    let mut fields = [
        plane.iter().map(|c| c.re).collect::<Vec<_>>(),
        plane.iter().map(|c| c.im).collect(),
    ];
    for field in &mut fields {
        let energy: f64 = field.iter().map(|v| f64::from(*v) * f64::from(*v)).sum();
        let scale = (1.0 / (energy / field.len() as f64).sqrt().max(1e-30)) as f32;
        field.iter_mut().for_each(|value| *value *= scale);
    }
    fields
}

/// Signed cycles per `side` of bin `index`.
fn frequency(index: usize, side: usize) -> f64 {
    if index <= side / 2 {
        index as f64
    } else {
        index as f64 - side as f64
    }
}

/// Transforms rows, then columns; the order of axes is kept.
fn transform_plane(plane: &mut [Complex], side: usize) {
    let twiddles: Vec<Complex> = (0..side / 2)
        .map(|k| TAU * k as f64 / side as f64)
        .map(|angle| Complex {
            re: cos(angle) as f32,
            im: sin(angle) as f32,
        })
        .collect();
    for _ in 0..2 {
        for row in plane.chunks_exact_mut(side) {
            transform(row, &twiddles);
        }
        for row in 0..side {
            for column in row + 1..side {
                plane.swap(row * side + column, column * side + row);
            }
        }
    }
}

/// Inverse transform of a power of two, without the factor 1/n (Cooley and Tukey 1965, radix 2, in place).
fn transform(values: &mut [Complex], twiddles: &[Complex]) {
    let n = values.len();
    let shift = usize::BITS - n.trailing_zeros();
    for index in 0..n {
        let mirrored = if n > 1 {
            index.reverse_bits() >> shift
        } else {
            0
        };
        if mirrored > index {
            values.swap(index, mirrored);
        }
    }
    let mut half = 1;
    while half < n {
        let stride = n / (2 * half);
        for block in values.chunks_exact_mut(2 * half) {
            let (low, high) = block.split_at_mut(half);
            for ((a, b), w) in low
                .iter_mut()
                .zip(high)
                .zip(twiddles.iter().step_by(stride))
            {
                let turned = Complex {
                    re: b.re * w.re - b.im * w.im,
                    im: b.re * w.im + b.im * w.re,
                };
                *b = Complex {
                    re: a.re - turned.re,
                    im: a.im - turned.im,
                };
                *a = Complex {
                    re: a.re + turned.re,
                    im: a.im + turned.im,
                };
            }
        }
        half *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Power of the 2-D transform at a frequency, straight from the definition.
    fn power_at(field: &[f32], side: usize, u: usize, v: usize) -> f64 {
        let (mut re, mut im) = (0.0, 0.0);
        for (index, value) in field.iter().enumerate() {
            let phase = TAU * ((index % side) * u + (index / side) * v) as f64 / side as f64;
            re += f64::from(*value) * phase.cos();
            im += f64::from(*value) * phase.sin();
        }
        re * re + im * im
    }

    #[test]
    fn transform_of_an_impulse_is_its_wave() {
        let side = 8;
        let mut plane = vec![Complex::default(); side * side];
        plane[2 * side + 3].re = 1.0;
        transform_plane(&mut plane, side);
        for (index, value) in plane.iter().enumerate() {
            let phase = TAU * ((index % side) * 3 + (index / side) * 2) as f64 / side as f64;
            assert!((f64::from(value.re) - phase.cos()).abs() < 1e-5, "{index}");
            assert!((f64::from(value.im) - phase.sin()).abs() < 1e-5, "{index}");
        }
    }

    #[test]
    fn amplitude_falls_as_one_over_f() {
        let side = 128;
        let fields = pink_fields(5, 1, side);
        // Mean power on rings; the slope of log power over log frequency must be -2.
        let rings = [4.0, 8.0, 16.0, 32.0];
        for field in &fields {
            let points: Vec<(f64, f64)> = rings
                .iter()
                .map(|radius: &f64| {
                    let powers: Vec<f64> = (0..24)
                        .map(|k| std::f64::consts::PI * f64::from(k) / 48.0)
                        .map(|a| {
                            power_at(
                                field,
                                side,
                                (radius * a.cos()).round() as usize,
                                (radius * a.sin()).round() as usize,
                            )
                        })
                        .collect();
                    (
                        radius.ln(),
                        (powers.iter().sum::<f64>() / powers.len() as f64).ln(),
                    )
                })
                .collect();
            let n = points.len() as f64;
            let (mx, my) = (
                points.iter().map(|p| p.0).sum::<f64>() / n,
                points.iter().map(|p| p.1).sum::<f64>() / n,
            );
            let slope = points.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum::<f64>()
                / points.iter().map(|p| (p.0 - mx) * (p.0 - mx)).sum::<f64>();
            assert!(
                (slope + 2.0).abs() < 0.35,
                "slope of power {slope}, wanted -2"
            );
        }
    }

    #[test]
    fn the_two_fields_are_independent_and_of_unit_variance() {
        let [a, b] = pink_fields(9, 1, 64);
        let n = a.len() as f64;
        let product: f64 = a.iter().zip(&b).map(|(x, y)| f64::from(x * y)).sum::<f64>() / n;
        let variance: f64 = a.iter().map(|x| f64::from(x * x)).sum::<f64>() / n;
        assert!(product.abs() < 0.35, "{product}");
        assert!((variance - 1.0).abs() < 1e-3, "{variance}");
    }
}
