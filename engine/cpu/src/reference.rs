//! The same arithmetic written plainly on dense `[N, C, H, W]` arrays: the truth the kernels are tested against.
//!
//! Nothing here is fast. Sums are in `f64`.

use invdet_net::graph::ConvKind;

/// A dense tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Dense {
    /// `[images, channels, height, width]`
    pub shape: [usize; 4],
    /// Row-major.
    pub data: Vec<f32>,
}

impl Dense {
    /// All zeros.
    pub fn zeros(shape: [usize; 4]) -> Self {
        Self {
            shape,
            data: vec![0.0; shape.iter().product()],
        }
    }

    /// Value at signed coordinates; zero outside the picture.
    pub fn get(&self, n: usize, c: usize, y: isize, x: isize) -> f32 {
        let [_, channels, h, w] = self.shape;
        if y < 0 || x < 0 || y >= h as isize || x >= w as isize {
            return 0.0;
        }
        self.data[((n * channels + c) * h + y as usize) * w + x as usize]
    }

    fn index(&self, n: usize, c: usize, y: usize, x: usize) -> usize {
        let [_, channels, h, w] = self.shape;
        ((n * channels + c) * h + y) * w + x
    }
}

/// Input pixel that tap `(ky, kx)` reads for output pixel `(y, x)`.
fn tap(kind: ConvKind, y: usize, x: usize, k: usize) -> (isize, isize) {
    let (y, x, k) = (y as isize, x as isize, k as isize);
    match kind {
        ConvKind::Pointwise => (y, x),
        ConvKind::Same3 => (y + k / 3 - 1, x + k % 3 - 1),
        ConvKind::Down3 => (2 * y + k / 3 - 1, 2 * x + k % 3 - 1),
        ConvKind::Fold2 => (2 * y + k / 2, 2 * x + k % 2),
        ConvKind::Unfold2 => (y / 2, x / 2),
    }
}

/// Every product of a convolution: `(output index, input position, weight index)`.
fn each_product(
    kind: ConvKind,
    input: &Dense,
    output: &Dense,
    mut visit: impl FnMut(usize, (usize, usize, isize, isize), usize),
) {
    let [images, outputs, h, w] = output.shape;
    let inputs = input.shape[1];
    for n in 0..images {
        for o in 0..outputs {
            for (y, x) in (0..h * w).map(|i| (i / w, i % w)) {
                let at = output.index(n, o, y, x);
                for i in 0..inputs {
                    if kind == ConvKind::Unfold2 {
                        let (iy, ix) = tap(kind, y, x, 0);
                        visit(
                            at,
                            (n, i, iy, ix),
                            (i * outputs + o) * 4 + y % 2 * 2 + x % 2,
                        );
                        continue;
                    }
                    for k in 0..kind.taps() {
                        let (iy, ix) = tap(kind, y, x, k);
                        visit(at, (n, i, iy, ix), (o * inputs + i) * kind.taps() + k);
                    }
                }
            }
        }
    }
}

/// Shape of the output of a convolution.
pub fn output_shape(kind: ConvKind, input: [usize; 4], outputs: usize) -> [usize; 4] {
    let [n, _, h, w] = input;
    match kind {
        ConvKind::Pointwise | ConvKind::Same3 => [n, outputs, h, w],
        ConvKind::Down3 | ConvKind::Fold2 => [n, outputs, h / 2, w / 2],
        ConvKind::Unfold2 => [n, outputs, 2 * h, 2 * w],
    }
}

/// `output = conv(input)`, no bias.
pub fn conv(kind: ConvKind, input: &Dense, weight: &[f32], outputs: usize) -> Dense {
    let mut output = Dense::zeros(output_shape(kind, input.shape, outputs));
    let mut sums = vec![0.0f64; output.data.len()];
    each_product(kind, input, &output, |at, (n, i, y, x), k| {
        sums[at] += f64::from(weight[k]) * f64::from(input.get(n, i, y, x));
    });
    output.data = sums.into_iter().map(|s| s as f32).collect();
    output
}

/// Gradients of input and weight from the output gradient.
pub fn conv_gradients(
    kind: ConvKind,
    input: &Dense,
    weight: &[f32],
    d_output: &Dense,
) -> (Dense, Vec<f32>) {
    let mut d_input = vec![0.0f64; input.data.len()];
    let mut d_weight = vec![0.0f64; weight.len()];
    let [_, _, h, w] = input.shape;
    each_product(kind, input, d_output, |at, (n, i, y, x), k| {
        if y < 0 || x < 0 || y >= h as isize || x >= w as isize {
            return;
        }
        let from = input.index(n, i, y as usize, x as usize);
        d_input[from] += f64::from(weight[k]) * f64::from(d_output.data[at]);
        d_weight[k] += f64::from(input.data[from]) * f64::from(d_output.data[at]);
    });
    let d_input = Dense {
        shape: input.shape,
        data: d_input.into_iter().map(|s| s as f32).collect(),
    };
    (d_input, d_weight.into_iter().map(|s| s as f32).collect())
}

/// Each channel with its own `size x size` kernel, zero padding.
pub fn depthwise(input: &Dense, weight: &[f32], size: usize) -> Dense {
    let mut output = Dense::zeros(input.shape);
    let [images, channels, h, w] = input.shape;
    let half = (size / 2) as isize;
    for (n, c) in (0..images * channels).map(|i| (i / channels, i % channels)) {
        for (y, x) in (0..h * w).map(|i| (i / w, i % w)) {
            let sum: f64 = (0..size * size)
                .map(|k| {
                    let (dy, dx) = ((k / size) as isize - half, (k % size) as isize - half);
                    let pixel = input.get(n, c, y as isize + dy, x as isize + dx);
                    f64::from(weight[c * size * size + k]) * f64::from(pixel)
                })
                .sum();
            let at = output.index(n, c, y, x);
            output.data[at] = sum as f32;
        }
    }
    output
}

/// Haar analysis, band-major: output channel = band * channels + channel.
pub fn haar(input: &Dense, gain: f32) -> Dense {
    let [images, channels, h, w] = input.shape;
    let mut output = Dense::zeros([images, 4 * channels, h / 2, w / 2]);
    const SIGNS: [[f32; 4]; 4] = [
        [1.0, 1.0, 1.0, 1.0],
        [1.0, -1.0, 1.0, -1.0],
        [1.0, 1.0, -1.0, -1.0],
        [1.0, -1.0, -1.0, 1.0],
    ];
    for (n, c) in (0..images * channels).map(|i| (i / channels, i % channels)) {
        for (y, x) in (0..h / 2 * (w / 2)).map(|i| (i / (w / 2), i % (w / 2))) {
            for (band, signs) in SIGNS.iter().enumerate() {
                let pixel =
                    |k: usize| input.get(n, c, (2 * y + k / 2) as isize, (2 * x + k % 2) as isize);
                let at = output.index(n, band * channels + c, y, x);
                output.data[at] = gain * (0..4).map(|k| signs[k] * pixel(k)).sum::<f32>();
            }
        }
    }
    output
}
