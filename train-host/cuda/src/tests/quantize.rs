//! Eight-bit quantization against its scalar twin, bit by bit.

use super::dense::random;
use super::tensor::{Bench, Tensor};
use crate::launcher::Launcher;
use crate::ops::quantize::SCRATCH_FLOATS;

/// Plain code: one scale for all values.
pub(super) fn plain(values: &[f32]) -> Vec<f32> {
    let most = values.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    if most == 0.0 || !most.is_finite() {
        return values.iter().map(|v| v.round_ties_even()).collect();
    }
    let (scale, inverse) = (most / 127.0, 127.0 / most);
    let level = |v: &f32| (v * inverse).round_ties_even();
    values.iter().map(|v| scale * level(v)).collect()
}

pub(super) fn equals_plain_code<L: Launcher>(l: &L) {
    let bench = Bench::new(l, SCRATCH_FLOATS);
    // From one value to more than all parts take at once; the largest magnitude first, inside and last.
    for (shape, largest) in [
        ([1, 1, 1, 1], 0),
        ([2, 3, 5, 7], 0),
        ([2, 3, 5, 7], 209),
        ([2, 12, 33, 31], 12_277),
    ] {
        let what = format!("{shape:?}, largest at {largest}");
        let mut x = random(shape, 5);
        x.data[largest] = -3.0;
        let y = run(&bench, l, &x);
        assert_eq!(y, plain(&x.data), "{what}");
        // To within the device's rounding, the largest stays.
        assert!((y[largest] + 3.0).abs() < 1e-6, "{what}");
    }
}

pub(super) fn rounds_half_to_even<L: Launcher>(l: &L) {
    let bench = Bench::new(l, SCRATCH_FLOATS);
    let mut x = random([1, 1, 2, 4], 1);
    // The scale is 1.
    x.data = vec![127.0, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 3.2];
    let want = [127.0, 0.0, 2.0, 2.0, 0.0, -2.0, -2.0, 3.0];
    assert_eq!(run(&bench, l, &x), want);
    // No scale at all.
    x.data.fill(0.0);
    assert_eq!(run(&bench, l, &x), [0.0; 8]);
    x.data = vec![f32::INFINITY, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 3.2];
    let want = [f32::INFINITY, 0.0, 2.0, 2.0, 0.0, -2.0, -2.0, 3.0];
    assert_eq!(run(&bench, l, &x), want);
}

fn run<L: Launcher>(bench: &Bench<'_, L>, l: &L, x: &invdet_cpu::reference::Dense) -> Vec<f32> {
    let (from, to) = (Tensor::of(l, x), Tensor::filled(l, x.shape, 9.0));
    bench.ops().quantize(from.map(), to.map()).unwrap();
    to.values()
}
