//! What Rust and the kernels' text must say alike.

use super::shim::Shim;
use crate::launcher::{Arg, Grid};
use crate::ops::{BLOCK, conv, sums};
use crate::{device, sources};
use std::collections::BTreeSet;

fn defined(name: &str) -> usize {
    let program = sources::program();
    let line = program
        .lines()
        .find_map(|l| l.strip_prefix(&format!("#define {name} ")));
    line.unwrap().parse().unwrap()
}

#[test]
fn constants_are_those_of_the_kernels() {
    assert_eq!(defined("BLOCK"), BLOCK as usize);
    assert_eq!(defined("FOLDED"), sums::FOLDED);
    assert_eq!(defined("TILE"), conv::TILE);
    assert_eq!(defined("WEIGHT_TILE"), conv::WEIGHT_TILE);
}

#[test]
fn every_file_and_every_kernel_is_in_the_lists() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels");
    let files: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".cu"))
        .collect();
    assert_eq!(files, sources::FILE_NAMES.map(String::from).into());

    let program = sources::program();
    let named: BTreeSet<&str> = program
        .lines()
        .filter_map(|l| l.strip_prefix("KERNEL ").or(l.strip_prefix("CONVOLVE(")))
        .filter_map(|l| l.split(['(', ',']).next())
        .collect();
    assert_eq!(named, sources::KERNELS.into());
}

#[test]
fn shim_refuses_unknown_kernels_and_other_arguments() {
    let shim = Shim::new();
    let grid = Grid {
        blocks: [1, 1],
        threads: 1,
    };
    assert_eq!(shim.status("no_such_kernel", grid, &[]), 1);
    assert_eq!(shim.status("clear", grid, &[Arg::Int(1)]), 2);
    assert_eq!(shim.status("clear", grid, &[]), 2);
}

/// NVRTC needs no driver, so this runs wherever the library is.
#[test]
#[ignore = "needs libnvrtc: not run"]
fn nvrtc_compiles_the_program() {
    for capability in [87, 90, 110] {
        let ptx = device::compile(capability).unwrap().to_src();
        assert!(ptx.contains(&format!(".target sm_{capability}")));
        for kernel in sources::KERNELS {
            assert!(ptx.contains(&format!(".entry {kernel}(")), "{kernel}");
        }
    }
}
