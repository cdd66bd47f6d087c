//! Memory layout of activations and gradients: planar, rows padded with zeros.
//!
//! A tensor `[N, C, H, W]` is `N x C` planes. A plane has [`PAD`] zero rows above and below, and each row is followed by
//! at least [`PAD`] zero columns (they are the left border of the next row too), so a 5x5 window needs no special case
//! at the edges. Lanes of a vector are neighbouring pixels: every layer of the network, from the one-channel coupling
//! convolutions to the 128-channel stage, fills all lanes without padding channels, and slices and concatenations of
//! channels are views.
//!
//! Invariant: the padding is zero. Kernels write interiors only, or map zero to zero.

use invdet_net::graph::View;

/// Zero rows above and below, and least zero columns right of a plane.
pub const PAD: usize = 2;

/// Floats before the first and after the last plane, so that windows and whole vectors may overrun.
const SLACK: usize = 64;

/// Shape of one plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Geometry {
    /// Rows.
    pub h: usize,
    /// Columns.
    pub w: usize,
    /// Floats from a row to the next.
    pub row: usize,
    /// Floats from a plane to the next.
    pub plane: usize,
}

impl Geometry {
    /// The padded plane of `h` rows and `w` columns.
    pub const fn new(h: usize, w: usize) -> Self {
        let row = (w + PAD).next_multiple_of(16);
        Self {
            h,
            w,
            row,
            plane: (h + 2 * PAD) * row,
        }
    }

    /// Vectors of 16 pixels that cover a row.
    pub const fn vectors(&self) -> usize {
        self.w.div_ceil(16)
    }

    /// Floats from the start of a plane to its first pixel.
    pub const fn origin(&self) -> usize {
        PAD * self.row
    }
}

/// A tensor `[images, channels, h, w]`.
#[derive(Debug, Clone)]
pub struct Planes {
    geometry: Geometry,
    images: usize,
    channels: usize,
    data: Vec<f32>,
}

impl Planes {
    /// All zeros.
    pub fn zeros(images: usize, channels: usize, geometry: Geometry) -> Self {
        Self {
            geometry,
            images,
            channels,
            data: vec![0.0; 2 * SLACK + images * channels * geometry.plane],
        }
    }

    /// Shape of a plane.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Number of images.
    pub fn images(&self) -> usize {
        self.images
    }

    /// Number of channels.
    pub fn channels(&self) -> usize {
        self.channels
    }

    fn row_start(&self, image: usize, channel: usize, y: usize) -> usize {
        let g = self.geometry;
        assert!(
            image < self.images && channel < self.channels && y < g.h,
            "row outside the tensor"
        );
        SLACK + (image * self.channels + channel) * g.plane + g.origin() + y * g.row
    }

    /// The `w` pixels of a row.
    pub fn row(&self, image: usize, channel: usize, y: usize) -> &[f32] {
        let start = self.row_start(image, channel, y);
        &self.data[start..start + self.geometry.w]
    }

    /// The `w` pixels of a row.
    pub fn row_mut(&mut self, image: usize, channel: usize, y: usize) -> &mut [f32] {
        let start = self.row_start(image, channel, y);
        &mut self.data[start..start + self.geometry.w]
    }

    /// Everything from the first pixel of a channel of the first image on.
    pub(crate) fn tail(&self, channel: usize) -> &[f32] {
        &self.data[self.row_start(0, channel, 0)..]
    }

    /// Copies `[N, C, H, W]` values in.
    pub fn fill_from(&mut self, dense: &[f32]) {
        let (c, h, w) = (self.channels, self.geometry.h, self.geometry.w);
        assert_eq!(
            dense.len(),
            self.images * c * h * w,
            "values of another shape"
        );
        for (i, row) in dense.chunks_exact(w).enumerate() {
            self.row_mut(i / (c * h), i / h % c, i % h)
                .copy_from_slice(row);
        }
    }

    /// The values as `[N, C, H, W]`.
    pub fn to_dense(&self) -> Vec<f32> {
        let (c, h) = (self.channels, self.geometry.h);
        (0..self.images * c * h)
            .flat_map(|i| self.row(i / (c * h), i / h % c, i % h))
            .copied()
            .collect()
    }

    /// Sets everything to zero.
    pub fn clear(&mut self) {
        self.data.fill(0.0);
    }

    /// Whether the padding is all zero (the invariant of this module; for tests).
    pub fn padding_is_zero(&self) -> bool {
        let mut copy = self.data.clone();
        for i in 0..self.images * self.channels * self.geometry.h {
            let h = self.geometry.h;
            let start = self.row_start(i / (self.channels * h), i / h % self.channels, i % h);
            copy[start..start + self.geometry.w].fill(0.0);
        }
        copy.iter().all(|x| *x == 0.0)
    }

    /// A raw view of the channels that `view` names, for kernels.
    pub(crate) fn map(&mut self, view: View) -> Map {
        assert!(
            view.first + view.channels <= self.channels,
            "view outside the tensor"
        );
        let start = SLACK + view.first * self.geometry.plane;
        Map {
            // SAFETY: within `data`, since every plane is.
            start: unsafe { self.data.as_mut_ptr().add(start) },
            geometry: self.geometry,
            image: self.channels * self.geometry.plane,
            images: self.images,
            channels: view.channels,
        }
    }
}

/// Raw view of some channels of a [`Planes`]; what kernels work on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Map {
    /// Start of the first plane, padding included.
    pub(crate) start: *mut f32,
    pub(crate) geometry: Geometry,
    /// Floats from an image to the next.
    pub(crate) image: usize,
    pub(crate) images: usize,
    pub(crate) channels: usize,
}

// SAFETY: a `Map` is a plain address; the executor hands disjoint regions to threads.
unsafe impl Send for Map {}
// SAFETY: as above.
unsafe impl Sync for Map {}

impl Map {
    /// Start of a plane, padding included.
    pub(crate) unsafe fn plane(&self, image: usize, channel: usize) -> *mut f32 {
        // SAFETY: the caller keeps `image` and `channel` in range.
        unsafe {
            self.start
                .add(image * self.image + channel * self.geometry.plane)
        }
    }

    /// First pixel of a plane.
    pub(crate) unsafe fn at(&self, image: usize, channel: usize) -> *mut f32 {
        // SAFETY: the caller keeps `image` and `channel` in range.
        unsafe { self.plane(image, channel).add(self.geometry.origin()) }
    }

    /// All floats of the channels of one image, padding included.
    pub(crate) unsafe fn flat(&self, image: usize) -> (*mut f32, usize) {
        // SAFETY: the caller keeps `image` in range.
        (
            unsafe { self.start.add(image * self.image) },
            self.channels * self.geometry.plane,
        )
    }
}
