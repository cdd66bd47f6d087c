//! Haar analysis and synthesis.

use super::dense::{assert_close, random};
use super::tensor::{Bench, Tensor};
use crate::launcher::{Launcher, Put};
use invdet_cpu::reference::{self, Dense};

pub(super) fn has_the_published_vector<L: Launcher>(l: &L) {
    let one = Dense {
        shape: [1, 1, 2, 2],
        data: vec![1.0, 2.0, 3.0, 4.0],
    };
    let (x, y) = (Tensor::of(l, &one), Tensor::filled(l, [1, 4, 1, 1], 9.0));
    let bench = Bench::new(l, 0);
    bench
        .ops()
        .haar_analysis(x.map(), y.map(), 0.5, Put::Set)
        .unwrap();
    assert_eq!(y.values(), [5.0, -1.0, -2.0, 0.0]);
}

pub(super) fn equals_the_reference<L: Launcher>(l: &L) {
    let bench = Bench::new(l, 0);
    let ops = bench.ops();
    for (h, w, c) in [(2, 2, 1), (6, 10, 3), (14, 4, 5), (34, 22, 2)] {
        for gain in [0.5, 1.0, 0.25] {
            let what = format!("haar {c} channels {h}x{w} gain {gain}");
            let image = random([2, c, h, w], 9);
            let bands = [2, 4 * c, h / 2, w / 2];
            let want = reference::haar(&image, gain).data;
            let x = Tensor::of(l, &image);
            let y = Tensor::filled(l, bands, 9.0);
            ops.haar_analysis(x.map(), y.map(), gain, Put::Set).unwrap();
            assert_close(&y.values(), &want, &what);
            ops.haar_analysis(x.map(), y.map(), gain, Put::Add).unwrap();
            let twice: Vec<f32> = want.iter().map(|v| 2.0 * v).collect();
            assert_close(&y.values(), &twice, &what);

            // Synthesis with gain g undoes analysis with 1 / 4g, and is the transpose of analysis with g.
            let y = Tensor::of(
                l,
                &Dense {
                    shape: bands,
                    data: want,
                },
            );
            let back = Tensor::filled(l, image.shape, 1.0);
            ops.haar_synthesis(y.map(), back.map(), 0.25 / gain, Put::Add)
                .unwrap();
            let plus_one: Vec<f32> = image.data.iter().map(|v| v + 1.0).collect();
            assert_close(&back.values(), &plus_one, &format!("{what} inverse"));

            let cotangent = random(bands, 4);
            let d_bands = Tensor::of(l, &cotangent);
            let d_image = Tensor::filled(l, image.shape, 9.0);
            ops.haar_synthesis(d_bands.map(), d_image.map(), gain, Put::Set)
                .unwrap();
            let product = |a: &[f32], b: &[f32]| -> f64 {
                a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum()
            };
            let forward = product(&reference::haar(&image, gain).data, &cotangent.data);
            let backward = product(&image.data, &d_image.values());
            assert!((forward - backward).abs() < 1e-4, "{what} transpose");
        }
    }
}
