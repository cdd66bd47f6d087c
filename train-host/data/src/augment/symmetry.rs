//! Mirror images and transposes of a square crop, image, mask and boxes alike.

use rand_pcg::Pcg64Mcg;

use super::boxes;
use super::settings::Augment;
use crate::Target;

/// Draws one of the eight symmetries of the square.
pub(super) fn draw(
    image: &mut [f32],
    mask: &mut [u8],
    targets: &mut [Target],
    settings: &Augment,
    rng: &mut Pcg64Mcg,
) {
    let side = settings.crop as usize;
    if super::chance(rng, settings.flip_prob) {
        flip_columns(image, side);
        flip_columns(mask, side);
        boxes::flip_columns(targets, side as f32);
    }
    if super::chance(rng, settings.flip_prob) {
        flip_rows(image, side);
        flip_rows(mask, side);
        boxes::flip_rows(targets, side as f32);
    }
    if super::chance(rng, settings.transpose_prob) {
        transpose(image, side);
        transpose(mask, side);
        boxes::transpose(targets);
    }
}

/// Left becomes right.
pub(super) fn flip_columns<T>(pixels: &mut [T], side: usize) {
    for row in pixels.chunks_exact_mut(side) {
        row.reverse();
    }
}

/// Top becomes bottom.
pub(super) fn flip_rows<T>(pixels: &mut [T], side: usize) {
    let half = pixels.len() / side / 2 * side;
    let (upper, lower) = pixels.split_at_mut(half);
    for (above, below) in upper
        .chunks_exact_mut(side)
        .zip(lower.rchunks_exact_mut(side))
    {
        above.swap_with_slice(below);
    }
}

/// Rows become columns.
pub(super) fn transpose<T>(pixels: &mut [T], side: usize) {
    // Square tiles keep both sides of the swap in the cache.
    const TILE: usize = 16;
    if pixels.len() < side * side {
        return;
    }
    for tile_y in (0..side).step_by(TILE) {
        for tile_x in (tile_y..side).step_by(TILE) {
            for y in tile_y..(tile_y + TILE).min(side) {
                for x in tile_x.max(y + 1)..(tile_x + TILE).min(side) {
                    pixels.swap(y * side + x, x * side + y);
                }
            }
        }
    }
}
