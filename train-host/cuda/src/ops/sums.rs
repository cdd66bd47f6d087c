//! Sums over the pixels of a batch, in a fixed order: parts, folded parts, rows.

use super::{DOUBLE, Done, Ops};
use crate::CudaError;
use crate::launcher::{Arg, Launcher, Map};

/// `FOLDED` of `kernels/sums.cu`.
pub(crate) const FOLDED: usize = 32;

/// Threads that fill a large device.
const WANTED_THREADS: usize = 1 << 16;

/// Into how many parts to cut each of `rows` sums over the batch of planes of `pixels`: a multiple of 32, so many that the
/// device is full, and not so many that a part is shorter than 8 pixels of an image.
pub(super) fn parts_of(rows: usize, pixels: usize) -> usize {
    let wanted = WANTED_THREADS / rows.max(1);
    wanted.min(pixels / 8).clamp(32, 8192) / 32 * 32
}

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    F32,
    F64,
}

impl Part {
    const fn bytes(self) -> u64 {
        match self {
            Part::F32 => 4,
            Part::F64 => 8,
        }
    }
}

/// Rows of parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts {
    pub(super) at: u64,
    pub(super) part: Part,
    pub(super) rows: usize,
    pub(super) length: usize,
}

impl Parts {
    /// Just behind them, aligned for doubles.
    fn end(&self) -> u64 {
        (self.at + self.part.bytes() * (self.rows * self.length) as u64).next_multiple_of(DOUBLE)
    }

    /// Floats of scratch for these parts, folded ones, and a double for each row.
    pub(super) fn scratch_floats(rows: usize, length: usize, part: Part) -> usize {
        let bytes = rows * length * part.bytes() as usize + rows * (FOLDED + 1) * DOUBLE as usize;
        bytes / 4 + 4
    }
}

/// Floats of scratch for [`Ops::channel_sums`] of `channels` and three more of each channel.
pub(crate) fn scratch_floats(channels: usize, pixels: usize) -> usize {
    Parts::scratch_floats(2 * channels, parts_of(channels, pixels), Part::F64) + 3 * channels
}

impl<L: Launcher> Ops<'_, L> {
    /// Address of the sums of `p` by channel and, behind them, those of `p * q`, as doubles; also of free scratch
    /// behind them.
    pub(super) fn channel_sums(&self, p: Map, q: Map) -> Result<[u64; 2], CudaError> {
        let parts = self.fold(self.channel_parts(p, q)?)?;
        let sums = parts.end();
        let args = [
            Arg::Address(parts.at),
            Arg::Address(sums),
            Arg::Int(parts.rows as i32),
            Arg::Int(parts.length as i32),
        ];
        self.for_each("row_sums", parts.rows, &args)?;
        Ok([sums, sums + DOUBLE * parts.rows as u64])
    }

    /// Adds the sums of `d_output` by channel to the gradient of a bias.
    pub(crate) fn bias_gradient(&self, d_output: Map, gradient: u64) -> Done {
        self.add_rows(self.channel_parts(d_output, Map::NONE)?, gradient)
    }

    fn channel_parts(&self, p: Map, q: Map) -> Result<Parts, CudaError> {
        let with_products = q.at != 0;
        assert!(
            !with_products || p.shape() == q.shape(),
            "factors of one shape"
        );
        let channels = p.channels as usize;
        let parts = Parts {
            at: self.scratch,
            part: Part::F64,
            rows: channels * (1 + usize::from(with_products)),
            length: parts_of(channels, p.pixels()),
        };
        let args = [
            Arg::Map(p),
            Arg::Map(q),
            Arg::Address(parts.at),
            Arg::Int(parts.length as i32),
        ];
        self.for_parts("channel_parts", channels, parts.length, &args)?;
        Ok(parts)
    }

    /// Long rows become rows of [`FOLDED`] doubles, written behind them.
    fn fold(&self, parts: Parts) -> Result<Parts, CudaError> {
        if parts.length <= 2 * FOLDED {
            return Ok(parts);
        }
        let folded = Parts {
            at: parts.end(),
            part: Part::F64,
            rows: parts.rows,
            length: FOLDED,
        };
        let kernel = match parts.part {
            Part::F32 => "fold_f32",
            Part::F64 => "fold_f64",
        };
        let args = [
            Arg::Address(parts.at),
            Arg::Address(folded.at),
            Arg::Int(parts.rows as i32),
            Arg::Int(parts.length as i32),
        ];
        self.for_each(kernel, parts.rows * FOLDED, &args)?;
        Ok(folded)
    }

    /// Adds the sum of each row to the gradient of a parameter.
    pub(super) fn add_rows(&self, parts: Parts, gradient: u64) -> Done {
        let parts = self.fold(parts)?;
        let kernel = match parts.part {
            Part::F32 => "add_rows_f32",
            Part::F64 => "add_rows_f64",
        };
        let args = [
            Arg::Address(parts.at),
            Arg::Address(gradient),
            Arg::Int(parts.rows as i32),
            Arg::Int(parts.length as i32),
        ];
        self.for_each(kernel, parts.rows, &args)
    }
}
