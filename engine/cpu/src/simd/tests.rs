use super::{Isa, LANES, Simd};

pub(crate) struct Args {
    input: *const f32,
    output: *mut f32,
    which: usize,
}

#[inline(always)]
unsafe fn apply<S: Simd>(a: &Args) {
    // SAFETY: the tests pass 32 readable and 32 writable floats.
    unsafe {
        let x = S::load(a.input);
        let y = S::load(a.input.add(LANES));
        let v = match a.which {
            0 => S::exp(x),
            1 => S::tanh_half(x),
            2 => S::load_even(a.input),
            3 => S::where_positive(x, y, x),
            4 => S::splat(S::sum(x)),
            5 => {
                let (low, high) = S::interleave(x, y);
                S::store(a.output.add(LANES), high);
                low
            }
            6 => S::max(S::sub(x, y), S::div(x, S::fma(x, x, S::splat(1.0)))),
            _ => {
                S::store_first(a.output, S::min(x, y), 5);
                return;
            }
        };
        S::store(a.output, v);
    }
}
super::kernel!(run(Args) = apply);

fn outputs(isa: Isa, which: usize, input: &[f32; 32]) -> [f32; 32] {
    let mut output = [f32::from_bits(0x7f7f_7f7f); 32];
    // SAFETY: both arrays hold 32 floats and `isa` was detected.
    unsafe {
        run(
            isa,
            &Args {
                input: input.as_ptr(),
                output: output.as_mut_ptr(),
                which,
            },
        )
    };
    output
}

#[test]
fn every_instruction_set_agrees_with_plain_rust() {
    let input: [f32; 32] = std::array::from_fn(|i| (i as f32 - 13.3) * 0.77);
    for isa in Isa::available() {
        for which in 0..8 {
            let (got, want) = (
                outputs(isa, which, &input),
                outputs(Isa::Portable, which, &input),
            );
            for (g, w) in got.iter().zip(want) {
                assert!(
                    (g - w).abs() <= 1e-5 * w.abs().max(1.0),
                    "{} op {which}: {g} against {w}",
                    isa.name()
                );
            }
        }
    }
}

#[test]
fn exp_and_tanh_match_the_standard_library() {
    for isa in Isa::available() {
        for start in -60..60 {
            let input: [f32; 32] = std::array::from_fn(|i| start as f32 + i as f32 / 16.0);
            let (exp, tanh) = (outputs(isa, 0, &input), outputs(isa, 1, &input));
            for i in 0..LANES {
                let want = f64::from(input[i]).exp();
                assert!(
                    (f64::from(exp[i]) - want).abs() < 4e-7 * want,
                    "{} exp({})",
                    isa.name(),
                    input[i]
                );
                let want = (f64::from(input[i]) / 2.0).tanh();
                assert!(
                    (f64::from(tanh[i]) - want).abs() < 4e-7,
                    "{} tanh({}/2)",
                    isa.name(),
                    input[i]
                );
            }
        }
    }
}
