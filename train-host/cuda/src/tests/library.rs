//! The executor with a library for convolutions: plain code in the place of cuDNN, on the host shim alone.

use super::conv;
use super::network;
use super::shim::Shim;
use crate::CudaError;
use crate::launcher::{ConvLibrary, Map, Put};
use invdet_cpu::reference::{self, Dense};
use invdet_net::graph::ConvKind;

/// Convolutions by `invdet_cpu::reference`.
struct Plain;

/// The tensor behind a map.
unsafe fn read(map: Map) -> Dense {
    let shape = map.shape().map(|n| n as usize);
    let image = shape[1] * map.pixels();
    let mut data = Vec::with_capacity(map.values());
    for n in 0..shape[0] {
        // SAFETY: the caller's map lies in host memory.
        let from = unsafe { (map.at as *const f32).add(n * map.image as usize) };
        // SAFETY: an image of the view is contiguous.
        data.extend_from_slice(unsafe { std::slice::from_raw_parts(from, image) });
    }
    Dense { shape, data }
}

unsafe fn write(map: Map, values: &[f32], put: Put) {
    let image = map.channels as usize * map.pixels();
    for (n, values) in values.chunks_exact(image).enumerate() {
        // SAFETY: as in `read`, and nothing else refers to it while it is written.
        let to = unsafe {
            let at = (map.at as *mut f32).add(n * map.image as usize);
            std::slice::from_raw_parts_mut(at, image)
        };
        for (to, value) in to.iter_mut().zip(values) {
            *to = if put == Put::Add { *to + value } else { *value };
        }
    }
}

unsafe fn weights(at: u64, kind: ConvKind, a: Map, b: Map) -> Vec<f32> {
    let len = kind.taps() * a.channels as usize * b.channels as usize;
    // SAFETY: the caller's weights.
    unsafe { std::slice::from_raw_parts(at as *const f32, len) }.to_vec()
}

impl ConvLibrary for Plain {
    unsafe fn forward(
        &self,
        kind: ConvKind,
        input: Map,
        weight: u64,
        output: Map,
        put: Put,
    ) -> Result<(), CudaError> {
        assert_ne!(kind, ConvKind::Unfold2, "never asked for");
        // SAFETY: the trait's contract.
        unsafe {
            let weight = weights(weight, kind, input, output);
            let y = reference::conv(kind, &read(input), &weight, output.channels as usize);
            write(output, &y.data, put);
        }
        Ok(())
    }

    unsafe fn input_gradient(
        &self,
        kind: ConvKind,
        d_output: Map,
        weight: u64,
        d_input: Map,
        put: Put,
    ) -> Result<(), CudaError> {
        assert_ne!(kind, ConvKind::Unfold2, "never asked for");
        // SAFETY: the trait's contract.
        unsafe {
            let weight = weights(weight, kind, d_input, d_output);
            let (d_x, _) =
                reference::conv_gradients(kind, &read(d_input), &weight, &read(d_output));
            write(d_input, &d_x.data, put);
        }
        Ok(())
    }

    unsafe fn weight_gradient(
        &self,
        kind: ConvKind,
        input: Map,
        d_output: Map,
        d_weight: u64,
    ) -> Result<(), CudaError> {
        assert_ne!(kind, ConvKind::Unfold2, "never asked for");
        // SAFETY: the trait's contract.
        unsafe {
            let weight = weights(d_weight, kind, input, d_output);
            let (_, d_w) = reference::conv_gradients(kind, &read(input), &weight, &read(d_output));
            let to = std::slice::from_raw_parts_mut(d_weight as *mut f32, d_w.len());
            to.iter_mut().zip(d_w).for_each(|(to, g)| *to += g);
        }
        Ok(())
    }
}

#[test]
fn convolutions_by_a_library_equal_the_reference() {
    let shim = Shim::with_library(Plain);
    for kind in conv::KINDS {
        conv::equals_the_reference(&shim, kind, (6, 10), (3, 5));
    }
    conv::epilogue_comes_before_the_activation(&shim);
}

#[test]
fn network_with_a_library_equals_the_cpu() {
    network::s_equals_the_cpu(&Shim::with_library(Plain));
}

/// The same with cuDNN itself.
#[test]
#[ignore = "needs a CUDA device with cuDNN: not run"]
fn network_with_cudnn_equals_the_cpu() {
    use crate::launcher::Launcher as _;
    let device = crate::Device::open(0).unwrap();
    assert!(device.convolutions().is_some(), "libcudnn is not found");
    for kind in conv::KINDS {
        conv::equals_the_reference(&device, kind, (6, 10), (3, 5));
    }
    network::s_equals_the_cpu(&device);
}
