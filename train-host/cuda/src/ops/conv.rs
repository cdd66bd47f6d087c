//! Dense convolutions: our kernels, or a library's where there is one.

use super::sums::{Part, Parts, parts_of};
use super::{Done, Ops, columns};
use crate::launcher::{Arg, ConvLibrary, Launcher, Map, Put};
use invdet_net::graph::ConvKind;

/// `TILE` of `kernels/conv.cu`.
pub(crate) const TILE: usize = 8;

/// `WEIGHT_TILE` of `kernels/conv.cu`.
pub(crate) const WEIGHT_TILE: usize = 2;

/// What follows the sums of products: `act(sum + bias + residual)`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Epilogue {
    /// Address, or 0.
    pub(crate) bias: u64,
    pub(crate) residual: Map,
    pub(crate) slope: f32,
}

impl Epilogue {
    pub(crate) const NONE: Epilogue = Epilogue {
        bias: 0,
        residual: Map::NONE,
        slope: 1.0,
    };
}

/// How a kernel gathers, and how it finds its weights: that of destination channel o, source channel i and tap k is at
/// `o * w_out + i * w_in + k`.
struct Gather {
    kernel: &'static str,
    w_out: usize,
    w_in: usize,
}

impl Gather {
    /// With weights `[out, in, k]` (of the transposed convolution `[in, out, k]`).
    fn forward(kind: ConvKind, inputs: usize, outputs: usize) -> Self {
        let taps = kind.taps();
        let (kernel, w_out, w_in) = match kind {
            ConvKind::Pointwise => ("conv_pointwise", inputs, 1),
            ConvKind::Same3 => ("conv_same3", inputs * taps, taps),
            ConvKind::Down3 => ("conv_down3", inputs * taps, taps),
            ConvKind::Fold2 => ("conv_fold2", inputs * taps, taps),
            ConvKind::Unfold2 => ("conv_unfold2", taps, outputs * taps),
        };
        Self {
            kernel,
            w_out,
            w_in,
        }
    }

    /// From the output's gradient to the input's; destination channels are those of the input.
    fn input_gradient(kind: ConvKind, inputs: usize, outputs: usize) -> Self {
        let forward = Self::forward(kind, inputs, outputs);
        let kernel = match kind {
            ConvKind::Pointwise => "conv_pointwise",
            ConvKind::Same3 => "conv_same3_turned",
            ConvKind::Down3 => "conv_down3_turned",
            ConvKind::Fold2 => "conv_unfold2",
            ConvKind::Unfold2 => "conv_fold2",
        };
        Self {
            kernel,
            w_out: forward.w_in,
            w_in: forward.w_out,
        }
    }
}

/// Checks the shapes of a convolution.
fn check(kind: ConvKind, input: Map, output: Map) {
    let [n, _, h, w] = input.shape();
    let (oh, ow) = match kind {
        ConvKind::Pointwise | ConvKind::Same3 => (h, w),
        ConvKind::Down3 | ConvKind::Fold2 => (h / 2, w / 2),
        ConvKind::Unfold2 => (2 * h, 2 * w),
    };
    assert!(
        !matches!(kind, ConvKind::Down3 | ConvKind::Fold2) || (h % 2 == 0 && w % 2 == 0),
        "even sizes where they are halved"
    );
    assert_eq!(
        [output.images, output.h, output.w],
        [n, oh, ow],
        "the output's size"
    );
}

impl<L: Launcher> Ops<'_, L> {
    /// `output = act(conv(input) + bias + residual)`
    pub(crate) fn conv(
        &self,
        kind: ConvKind,
        (input, output): (Map, Map),
        weight: u64,
        end: &Epilogue,
    ) -> Done {
        check(kind, input, output);
        assert!(
            end.residual.at == 0 || end.residual.shape() == output.shape(),
            "a residual of the output's shape"
        );
        let Some(library) = self.launcher.convolutions() else {
            let (i, o) = (input.channels as usize, output.channels as usize);
            let gather = Gather::forward(kind, i, o);
            return self.gather(&gather, kind.taps(), (input, output), weight, end);
        };
        forward_by(library, kind, input, weight, output, Put::Set)?;
        if end.bias == 0 && end.residual.at == 0 && end.slope == 1.0 {
            return Ok(());
        }
        let args = [
            Arg::Map(output),
            Arg::Address(end.bias),
            Arg::Map(end.residual),
            Arg::Float(end.slope),
        ];
        self.for_each("conv_epilogue", output.values(), &args)
    }

    /// The gradient of the input.
    pub(crate) fn conv_input_gradient(
        &self,
        kind: ConvKind,
        (d_output, d_input): (Map, Map),
        weight: u64,
        put: Put,
    ) -> Done {
        check(kind, d_input, d_output);
        if let Some(library) = self.launcher.convolutions() {
            return input_gradient_by(library, kind, d_output, weight, d_input, put);
        }
        let (i, o) = (d_input.channels as usize, d_output.channels as usize);
        let gather = Gather::input_gradient(kind, i, o);
        let end = Epilogue {
            residual: match put {
                Put::Set => Map::NONE,
                Put::Add => d_input,
            },
            ..Epilogue::NONE
        };
        self.gather(&gather, kind.taps(), (d_output, d_input), weight, &end)
    }

    fn gather(
        &self,
        gather: &Gather,
        taps: usize,
        (from, to): (Map, Map),
        weight: u64,
        end: &Epilogue,
    ) -> Done {
        let (sources, tiles) = (
            from.channels as usize,
            (to.channels as usize).div_ceil(TILE),
        );
        let args = [
            Arg::Address(weight),
            Arg::Address(self.scratch),
            Arg::Int(to.channels),
            Arg::Int(from.channels),
            Arg::Int(taps as i32),
            Arg::Int(gather.w_out as i32),
            Arg::Int(gather.w_in as i32),
        ];
        self.for_each("conv_pack", tiles * sources * taps * TILE, &args)?;
        let args = [
            Arg::Map(from),
            Arg::Map(to),
            Arg::Address(self.scratch),
            Arg::Int(taps as i32),
            Arg::Address(end.bias),
            Arg::Map(end.residual),
            Arg::Float(end.slope),
        ];
        let sites = to.images as usize * to.pixels();
        self.launch(gather.kernel, columns(sites, tiles), &args)
    }

    /// Adds the gradient of the weight to `gradient`.
    pub(crate) fn conv_weight_gradient(
        &self,
        kind: ConvKind,
        input: Map,
        d_output: Map,
        gradient: u64,
    ) -> Done {
        check(kind, input, d_output);
        // The transposed convolution is the folding with input and output exchanged.
        let (kind, input, d_output) = match kind {
            ConvKind::Unfold2 => (ConvKind::Fold2, d_output, input),
            kind => (kind, input, d_output),
        };
        if let Some(library) = self.launcher.convolutions() {
            // SAFETY: the module's contract, shapes checked above.
            return unsafe { library.weight_gradient(kind, input, d_output, gradient) };
        }
        let kernel = match kind {
            ConvKind::Pointwise => "conv_pointwise_weight",
            ConvKind::Same3 => "conv_same3_weight",
            ConvKind::Down3 => "conv_down3_weight",
            ConvKind::Fold2 | ConvKind::Unfold2 => "conv_fold2_weight",
        };
        let (i, o) = (input.channels as usize, d_output.channels as usize);
        let pairs = o.div_ceil(WEIGHT_TILE) * i;
        let parts = Parts {
            at: self.scratch,
            part: Part::F32,
            rows: i * o * kind.taps(),
            length: parts_of(pairs, d_output.pixels()),
        };
        let args = [
            Arg::Map(input),
            Arg::Map(d_output),
            Arg::Address(parts.at),
            Arg::Int(parts.length as i32),
        ];
        self.for_parts(kernel, pairs, parts.length, &args)?;
        self.add_rows(parts, gradient)
    }
}

/// The library knows no transposed convolution: its forward pass is the input gradient of the folding.
fn forward_by(
    library: &dyn ConvLibrary,
    kind: ConvKind,
    input: Map,
    weight: u64,
    output: Map,
    put: Put,
) -> Done {
    // SAFETY: the module's contract, shapes checked by the callers.
    unsafe {
        match kind {
            ConvKind::Unfold2 => {
                library.input_gradient(ConvKind::Fold2, input, weight, output, put)
            }
            kind => library.forward(kind, input, weight, output, put),
        }
    }
}

fn input_gradient_by(
    library: &dyn ConvLibrary,
    kind: ConvKind,
    d_output: Map,
    weight: u64,
    d_input: Map,
    put: Put,
) -> Done {
    // SAFETY: the module's contract, shapes checked by the callers.
    unsafe {
        match kind {
            ConvKind::Unfold2 => library.forward(ConvKind::Fold2, d_output, weight, d_input, put),
            kind => library.input_gradient(kind, d_output, weight, d_input, put),
        }
    }
}

/// Floats of scratch for a convolution, forward and back, whose input has `inputs` channels and output `outputs`;
/// `pixels` those of the smaller of their planes.
pub(crate) fn scratch_floats(
    kind: ConvKind,
    inputs: usize,
    outputs: usize,
    pixels: usize,
) -> usize {
    let packed = |to: usize, from: usize| to.next_multiple_of(TILE) * from * kind.taps();
    let (i, o) = match kind {
        ConvKind::Unfold2 => (outputs, inputs),
        _ => (inputs, outputs),
    };
    let length = parts_of(o.div_ceil(WEIGHT_TILE) * i, pixels);
    packed(outputs, inputs)
        .max(packed(inputs, outputs))
        .max(Parts::scratch_floats(
            i * o * kind.taps(),
            length,
            Part::F32,
        ))
}
