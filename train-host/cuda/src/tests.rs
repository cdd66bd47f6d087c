//! Every kernel, and whole networks, against plain code. One text for two back ends: the host shim, which runs here, and a
//! CUDA device, whose tests are named in the list as ignored until they are asked for (`make rig-cuda` asks where there is
//! a device).

mod batch_norm;
mod constants;
mod conv;
mod coupling;
mod dense;
mod depthwise;
mod elementwise;
mod haar;
mod library;
mod modulate;
mod network;
mod numeric;
mod quantize;
mod reconstruction;
mod shim;
mod tensor;

/// A test for each back end from one body, `fn(&impl Launcher)`.
macro_rules! on_both {
    ($($name:ident: $module:ident::$body:ident;)*) => {
        mod on_host_shim {
            $(#[test] fn $name() { super::$module::$body(&super::shim::Shim::new()); })*
        }
        mod on_device {
            $(
                #[test]
                #[ignore = "needs a CUDA device: not run"]
                fn $name() { super::$module::$body(&crate::Device::open_without_cudnn(0).unwrap()); }
            )*
        }
    };
}

on_both! {
    haar_has_the_published_vector: haar::has_the_published_vector;
    haar_and_its_inverse: haar::equals_the_reference;
    convolutions: conv::equal_the_reference;
    convolution_epilogue: conv::epilogue_comes_before_the_activation;
    depthwise: depthwise::equals_the_reference;
    batch_norm_forward: batch_norm::forward_equals_plain_code;
    batch_norm_gradients: batch_norm::gradients_equal_plain_code;
    coupling: coupling::couple_equals_plain_code;
    uncoupling: coupling::uncouple_equals_plain_code;
    uncoupling_undoes_coupling: coupling::uncouple_undoes_couple;
    modulation: modulate::equals_plain_code;
    quantization: quantize::equals_plain_code;
    quantization_of_ties: quantize::rounds_half_to_even;
    upsampling: elementwise::upsampling_repeats_and_sums;
    copies_and_differences: elementwise::copies_and_differences;
    activation_gradient: elementwise::activation_gradient;
    network_s_equals_the_cpu: network::s_equals_the_cpu;
    network_b_equals_the_cpu: network::b_equals_the_cpu;
    frozen_statistics_equal_the_cpu: network::frozen_statistics;
    network_s_with_its_backward_path: reconstruction::equals_the_cpu;
    network_s_with_quantized_latents: reconstruction::with_quantization;
    detection_ends_at_the_latents: reconstruction::ends_at_the_latents;
    operations_of_the_way_back: network::way_back_has_the_numeric_gradient;
    the_same_twice: network::is_the_same_twice;
}
