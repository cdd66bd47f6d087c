use super::*;
use invdet_cpu::planes::Geometry;

fn target(x: f32, y: f32, w: f32, h: f32) -> Target {
    Target {
        x,
        y,
        w,
        h,
        area: (w * h) as u32,
    }
}

fn same(t: &Target) -> Prediction {
    moved(t, 0.0)
}

fn moved(t: &Target, by: f32) -> Prediction {
    Prediction {
        x: t.x + by,
        y: t.y,
        w: t.w,
        h: t.h,
    }
}

/// Grey levels as they are: the normalisation is the identity.
fn truth() -> Truth {
    Truth {
        grey: [1.0, 0.0],
        ..Truth::default()
    }
}

fn planes(w: usize, h: usize, value: impl Fn(usize, usize) -> f32) -> Planes {
    let mut p = Planes::zeros(1, 1, Geometry::new(h, w));
    let values: Vec<f32> = (0..w * h).map(|i| value(i % w, i / w)).collect();
    p.fill_from(&values);
    p
}

fn close(got: f32, want: f64) {
    assert!(
        (f64::from(got) - want).abs() < 1e-4 * want.abs().max(1.0),
        "{got} against {want}"
    );
}

/// Squares of 2, 3, 5 and 9 pixels, 1 to 3 pixels off: `exp(-d^2 / 2 w^2)`.
#[test]
fn s_geo_has_the_values_of_its_formula() {
    for (w, wanted) in [
        (2.0, [0.8825, 0.6065, 0.3247]),
        (3.0, [0.9460, 0.8007, 0.6065]),
        (5.0, [0.9802, 0.9231, 0.8353]),
        (9.0, [0.9938, 0.9756, 0.9460]),
    ] {
        let t = target(20.0, 20.0, w, w);
        for (d, want) in (1u8..).zip(wanted) {
            close(s_geo(&t, &moved(&t, f32::from(d))), want);
        }
    }
    let t = target(20.0, 20.0, 4.0, 4.0);
    let twice = Prediction { h: 8.0, ..same(&t) };
    close(s_geo(&t, &twice), (-1.0f64).exp());
    close(s_geo(&t, &same(&t)), 1.0);
    // Half a pixel counts as a pixel, its diagonal as sqrt(2).
    let dot = target(5.0, 5.0, 0.5, 0.5);
    let one = Prediction {
        w: 1.0,
        h: 1.0,
        ..moved(&dot, 1.0)
    };
    close(s_geo(&dot, &one), (-0.5f64).exp());
}

/// On a flat image content says 1, so GCTM = lambda S_geo + (1 - lambda).
#[test]
fn lambda_weighs_geometry_against_content() {
    let p = planes(32, 32, |_, _| 7.0);
    let truth = truth();
    let frame = Frame::of(&p, 0, &truth);
    let t = target(16.0, 16.0, 2.0, 2.0);
    for (tau, lambda) in [(0.25, 0.9820), (0.5, 0.8808), (1.0, 0.7311)] {
        let config = GctmConfig {
            tau,
            ..GctmConfig::default()
        };
        close(config.score(&frame, &t, &same(&t), &[t]), 1.0);
        let far = config.score(&frame, &t, &moved(&t, 14.0), &[t]);
        // S_geo = exp(-24.5) = 0: lambda = 1/2.
        close(far, 0.5);
        let near = config.score(&frame, &t, &moved(&t, 1.0), &[t]);
        let s = (-0.125f64).exp();
        let l = 1.0 / (1.0 + (-s / f64::from(tau)).exp());
        close(near, l * s + 1.0 - l);
        assert!(f64::from(near) <= lambda + 0.27);
    }
}

#[test]
fn bhattacharyya_of_equal_patches_is_one_and_of_patches_without_a_common_bin_zero() {
    let p = planes(32, 32, |x, _| if x < 16 { 0.0 } else { 150.0 });
    let truth = truth();
    let frame = Frame::of(&p, 0, &truth);
    let (dark, bright) = (
        Area::patch(6.0, 10.0, 3.0, 3.0),
        Area::patch(25.0, 10.0, 3.0, 3.0),
    );
    close(frame.bhattacharyya(dark, dark, 16), 1.0);
    close(frame.bhattacharyya(dark, bright, 16), 0.0);
    // Seven columns over the step: four dark, three bright, against all dark: sqrt(4/7).
    let mixed = Area::patch(15.5, 10.0, 5.0, 5.0);
    close(frame.bhattacharyya(dark, mixed, 16), (4.0f64 / 7.0).sqrt());
}

/// A level half way between two of 16 bins is shared by both: against a patch in the lower bin, `sqrt(1/2)`.
#[test]
fn histograms_share_a_pixel_between_its_bins() {
    let p = planes(64, 32, |x, y| match (x / 16, y) {
        (0, _) => 0.0,
        (1, _) => 0.5,
        (2, _) => 1.0,
        _ => 15.0,
    });
    let truth = truth();
    let frame = Frame::of(&p, 0, &truth);
    assert_eq!(frame.range, [0.0, 15.0]);
    let at = |x| Area::patch(x, 16.0, 3.0, 3.0);
    close(frame.bhattacharyya(at(8.0), at(24.0), 16), 0.5f64.sqrt());
    close(frame.bhattacharyya(at(8.0), at(40.0), 16), 0.0);
}

/// A target of 100 on rows that alternate 40 and 60: mean 50, deviation 10, entropy 1 bit.
#[test]
fn signal_to_noise_and_entropy_by_hand() {
    let t = target(16.0, 16.0, 4.0, 4.0);
    let p = planes(32, 32, |x, y| {
        if (14..18).contains(&x) && (14..18).contains(&y) {
            100.0
        } else if y % 2 == 0 {
            40.0
        } else {
            60.0
        }
    });
    let truth = truth();
    let frame = Frame::of(&p, 0, &truth);
    let config = GctmConfig::default();
    let ring = config.ring(&frame, &t, &[t]);
    assert_eq!(ring.len(), 20 * 20 - 16);
    close(config.lsnr(&frame, &t, &ring), 50.0 / 11.0);
    close(frame.entropy(&ring), 1.0);
    let ratio = GctmConfig {
        lsnr: Lsnr::Ratio,
        ..config
    };
    close(ratio.lsnr(&frame, &t, &ring), 100.0 / 60.0);
    // t_gray = (50 / 11) / 2 > 1: content is BC / t_gray = 22 / 50.
    let l = 1.0 / (1.0 + (-2.0f64).exp());
    close(
        config.score(&frame, &t, &same(&t), &[t]),
        l + (1.0 - l) * 22.0 / 50.0,
    );
}

#[test]
fn the_ring_leaves_other_targets_out_and_falls_back_to_the_image() {
    let p = planes(32, 32, |x, _| x as f32);
    let truth = truth();
    let frame = Frame::of(&p, 0, &truth);
    let config = GctmConfig::default();
    let (a, b) = (target(16.0, 16.0, 2.0, 2.0), target(20.0, 16.0, 2.0, 2.0));
    assert_eq!(config.ring(&frame, &a, &[a, b]).len(), 18 * 18 - 8);
    let everywhere = target(16.0, 16.0, 32.0, 32.0);
    assert_eq!(config.ring(&frame, &everywhere, &[everywhere]).len(), 1024);
}

#[test]
fn scores_stay_in_range_whatever_is_predicted() {
    let p = planes(20, 17, |x, y| ((x * 7 + y * 13) % 29) as f32 * 9.0);
    let truth = truth();
    let frame = Frame::of(&p, 0, &truth);
    let config = GctmConfig::default();
    let numbers = [
        f32::NAN,
        f32::INFINITY,
        -1e9,
        -3.0,
        0.0,
        0.5,
        19.5,
        40.0,
        1e9,
    ];
    for x in numbers {
        for w in numbers {
            for t in [
                target(0.5, 0.5, 1.0, 1.0),
                target(19.5, 16.5, 1.0, 1.0),
                target(10.0, 8.0, 60.0, 60.0),
            ] {
                let prediction = Prediction {
                    x,
                    y: 8.0,
                    w,
                    h: 3.0,
                };
                let score = config.score(&frame, &t, &prediction, &[t]);
                assert!((0.0..=1.0).contains(&score), "{score} for {prediction:?}");
            }
        }
    }
}

#[test]
fn a_range_of_less_than_a_level_says_nothing_of_content() {
    let p = planes(32, 32, |x, _| x as f32 * 1e-3);
    let truth = truth();
    let frame = Frame::of(&p, 0, &truth);
    let (a, b) = (
        Area::patch(4.0, 9.0, 3.0, 3.0),
        Area::patch(28.0, 9.0, 3.0, 3.0),
    );
    close(frame.bhattacharyya(a, b, 16), 1.0);
}

#[test]
fn the_floor_falls_from_the_first_to_the_second_value() {
    let config = GctmConfig::default();
    close(config.floor_at(0.0, 0.25), 1.0);
    close(config.floor_at(0.125, 0.25), 0.75);
    close(config.floor_at(0.25, 0.25), 0.5);
    close(config.floor_at(1.0, 0.25), 0.5);
    close(config.floor_at(0.0, 0.0), 0.5);
}
