//! The kernels' text and names.

/// What every kernel starts from.
const HEADER: &str = include_str!("../kernels/map.cuh");

/// One operation each.
const FILES: [&str; 11] = [
    include_str!("../kernels/batch_norm.cu"),
    include_str!("../kernels/conv.cu"),
    include_str!("../kernels/couple.cu"),
    include_str!("../kernels/depthwise.cu"),
    include_str!("../kernels/elementwise.cu"),
    include_str!("../kernels/haar.cu"),
    include_str!("../kernels/modulate.cu"),
    include_str!("../kernels/quantize.cu"),
    include_str!("../kernels/sums.cu"),
    include_str!("../kernels/uncouple.cu"),
    include_str!("../kernels/upsample.cu"),
];

/// Names of [`FILES`], for those who compile them where they lie.
#[cfg(test)]
pub(crate) const FILE_NAMES: [&str; FILES.len()] = [
    "batch_norm.cu",
    "conv.cu",
    "couple.cu",
    "depthwise.cu",
    "elementwise.cu",
    "haar.cu",
    "modulate.cu",
    "quantize.cu",
    "sums.cu",
    "uncouple.cu",
    "upsample.cu",
];

/// All kernels by name.
pub(crate) const KERNELS: [&str; 48] = [
    "batch_norm_statistics",
    "batch_norm_frozen",
    "batch_norm",
    "batch_norm_coefficients",
    "batch_norm_gradient",
    "conv_pack",
    "conv_pointwise",
    "conv_same3",
    "conv_same3_turned",
    "conv_down3",
    "conv_down3_turned",
    "conv_fold2",
    "conv_unfold2",
    "conv_epilogue",
    "conv_pointwise_weight",
    "conv_same3_weight",
    "conv_down3_weight",
    "conv_fold2_weight",
    "couple",
    "couple_gradient",
    "depthwise3",
    "depthwise5",
    "depthwise3_weight",
    "depthwise5_weight",
    "clear",
    "scaled_copy",
    "subtract",
    "activation_gradient",
    "haar_analysis",
    "haar_synthesis",
    "modulate_plain",
    "modulate3",
    "modulate5",
    "modulate3_gradient",
    "modulate5_gradient",
    "magnitude_parts",
    "largest_magnitude",
    "quantize",
    "channel_parts",
    "fold_f32",
    "fold_f64",
    "row_sums",
    "add_rows_f32",
    "add_rows_f64",
    "uncouple",
    "uncouple_gradient",
    "upsample",
    "upsample_gradient",
];

/// All kernels as one program: NVRTC is given no folder to include from.
pub(crate) fn program() -> String {
    std::iter::once(&HEADER)
        .chain(&FILES)
        .flat_map(|text| text.lines())
        .filter(|line| !line.starts_with("#include") && !line.starts_with("#pragma once"))
        .flat_map(|line| [line, "\n"])
        .collect()
}
