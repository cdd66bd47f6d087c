//! The host shim: the kernels' own files compiled by the machine's C++ compiler, run serially.
//!
//! `INVDET_SHIM_FLAGS` adds compiler flags (`make rig-cuda` asks for the address sanitizer, which then sees every read and
//! write outside of a buffer, as each buffer is a piece of the heap of its own).

use crate::CudaError;
use crate::launcher::{Arg, ConvLibrary, Grid, Launcher, Map};
use crate::sources;
use std::cell::UnsafeCell;
use std::ffi::{CString, c_char, c_int, c_uint, c_void};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

type Launch = unsafe extern "C" fn(
    *const c_char,
    c_uint,
    c_uint,
    c_uint,
    *const c_char,
    *mut *mut c_void,
) -> c_int;

/// The library, loaded until the process ends.
struct Loaded {
    launch: Launch,
    map_size: usize,
}

static LOADED: OnceLock<Loaded> = OnceLock::new();

fn load() -> Loaded {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let mut list = String::new();
    for file in sources::FILE_NAMES {
        writeln!(list, "#include \"{file}\"").unwrap();
    }
    list.push_str("#define ENTRIES");
    for kernel in sources::KERNELS {
        write!(list, " ENTRY({kernel})").unwrap();
    }
    list.push('\n');
    std::fs::write(folder.path().join("kernels.inc"), list).unwrap();
    let library = folder.path().join("libshim.so");
    let flags = std::env::var("INVDET_SHIM_FLAGS").unwrap_or_default();
    let made = Command::new("c++")
        // A sanitizer preloaded for us is not meant for the compiler.
        .env_remove("LD_PRELOAD")
        .args(["-std=c++17", "-O2", "-g", "-Wall", "-Wextra", "-Werror"])
        // Pragmas of nvcc; products are contracted as on the device only where the text says fmaf.
        .args([
            "-Wno-unknown-pragmas",
            "-ffp-contract=off",
            "-shared",
            "-fPIC",
        ])
        .args(flags.split_whitespace())
        .arg("-I")
        .arg(folder.path())
        .arg("-I")
        .arg(root.join("kernels"))
        .arg(root.join("tests/shim/shim.cpp"))
        .arg("-o")
        .arg(&library)
        .output()
        .unwrap_or_else(|e| panic!("c++: {e}; install a C++ compiler: tests/rigs/need.sh c++:g++"));
    assert!(
        made.status.success(),
        "the shim does not compile:\n{}",
        String::from_utf8_lossy(&made.stderr)
    );
    // SAFETY: our own library without constructors; it stays loaded, as it is never dropped.
    let library =
        std::mem::ManuallyDrop::new(unsafe { libloading::Library::new(library) }.unwrap());
    // SAFETY: the signatures of `shim.cpp`.
    unsafe {
        let launch = *library.get::<Launch>(b"shim_launch").unwrap();
        let map_size = library
            .get::<unsafe extern "C" fn() -> usize>(b"shim_map_size")
            .unwrap()();
        Loaded { launch, map_size }
    }
}

/// Four floats, so that vectors of a kernel are aligned.
#[repr(C, align(16))]
#[derive(Clone, Copy)]
struct Chunk([f32; 4]);

/// Memory of the "device".
pub(super) struct HostBuffer {
    chunks: Box<[UnsafeCell<Chunk>]>,
    floats: usize,
}

/// Runs kernels on the host.
pub(super) struct Shim {
    library: Option<Box<dyn ConvLibrary>>,
}

impl Shim {
    pub(super) fn new() -> Self {
        let loaded = LOADED.get_or_init(load);
        assert_eq!(
            loaded.map_size,
            size_of::<Map>(),
            "Map and its twin in map.cuh"
        );
        Self { library: None }
    }

    /// With a library for convolutions.
    pub(super) fn with_library(library: impl ConvLibrary + 'static) -> Self {
        Self {
            library: Some(Box::new(library)),
        }
    }

    /// The status of a launch, for arguments that are wrong too.
    pub(super) fn status(&self, kernel: &str, grid: Grid, args: &[Arg]) -> c_int {
        let name = CString::new(kernel).unwrap();
        let letters: String = args
            .iter()
            .map(|a| match a {
                Arg::Map(_) => 'm',
                Arg::Address(_) => 'p',
                Arg::Int(_) => 'i',
                Arg::Float(_) => 'f',
            })
            .collect();
        let letters = CString::new(letters).unwrap();
        let mut pointers: Vec<*mut c_void> = args
            .iter()
            .map(|a| match a {
                Arg::Map(v) => std::ptr::from_ref(v).cast_mut().cast(),
                Arg::Address(v) => std::ptr::from_ref(v).cast_mut().cast(),
                Arg::Int(v) => std::ptr::from_ref(v).cast_mut().cast(),
                Arg::Float(v) => std::ptr::from_ref(v).cast_mut().cast(),
            })
            .collect();
        let [x, y] = grid.blocks;
        let launch = LOADED.get_or_init(load).launch;
        // SAFETY: kinds are compared with the kernel's; what addresses point to is the contract of `Launcher::launch`.
        unsafe {
            launch(
                name.as_ptr(),
                x,
                y,
                grid.threads,
                letters.as_ptr(),
                pointers.as_mut_ptr(),
            )
        }
    }
}

impl Launcher for Shim {
    type Buffer = HostBuffer;

    fn zeros(&self, floats: usize) -> Result<HostBuffer, CudaError> {
        let chunks = (0..floats.div_ceil(4)).map(|_| UnsafeCell::new(Chunk([0.0; 4])));
        Ok(HostBuffer {
            chunks: chunks.collect(),
            floats,
        })
    }

    fn address(&self, buffer: &HostBuffer) -> u64 {
        buffer.chunks.as_ptr() as u64
    }

    fn upload(&self, values: &[f32], to: &mut HostBuffer) -> Result<(), CudaError> {
        assert!(values.len() <= to.floats, "more values than memory");
        // SAFETY: as many floats are behind the address, and nothing else runs.
        unsafe {
            std::ptr::copy_nonoverlapping(
                values.as_ptr(),
                to.chunks.as_mut_ptr().cast(),
                values.len(),
            );
        }
        Ok(())
    }

    fn download(&self, from: &HostBuffer, to: &mut [f32]) -> Result<(), CudaError> {
        assert!(to.len() <= from.floats, "more values than memory");
        // SAFETY: as in `upload`.
        unsafe {
            std::ptr::copy_nonoverlapping(from.chunks.as_ptr().cast(), to.as_mut_ptr(), to.len());
        }
        Ok(())
    }

    unsafe fn launch(
        &self,
        kernel: &'static str,
        grid: Grid,
        args: &[Arg],
    ) -> Result<(), CudaError> {
        // What a device of compute capability 7.5 or later can start.
        assert!(
            grid.threads > 0 && grid.threads <= crate::ops::BLOCK,
            "{kernel}: {grid:?}"
        );
        assert!(
            grid.blocks[0] > 0 && (1..=65535).contains(&grid.blocks[1]),
            "{kernel}: {grid:?}"
        );
        match self.status(kernel, grid, args) {
            0 => Ok(()),
            1 => panic!("no kernel is called {kernel}"),
            _ => panic!("{kernel} takes other arguments than {args:?}"),
        }
    }

    fn convolutions(&self) -> Option<&dyn ConvLibrary> {
        self.library.as_deref()
    }
}
