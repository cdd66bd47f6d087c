use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

use super::*;

const PERIOD: Duration = Duration::from_millis(20);
const CLEAR: FrameFlags = FrameFlags { ffc: false };
const FFC: FrameFlags = FrameFlags { ffc: true };

/// A tracker and the time of the next frame.
struct Bench {
    tracker: Tracker,
    at: MonoTime,
    tracks: Tracks,
}

impl Bench {
    fn new() -> Self {
        Self::with(TrackerConfig::default())
    }

    fn with(config: TrackerConfig) -> Self {
        Self {
            tracker: Tracker::new(config, PERIOD).unwrap(),
            at: MonoTime::from_nanos(1_000_000_000),
            tracks: Tracks::new(),
        }
    }

    fn frame(&mut self, flags: FrameFlags, detections: &[Detection]) -> &Tracks {
        let detections = detections.iter().copied().collect();
        self.tracker
            .step(self.at, flags, &detections, &mut self.tracks);
        self.at = self.at + PERIOD;
        &self.tracks
    }

    fn believed(&self) -> Vec<u32> {
        self.tracks
            .iter()
            .filter(|t| t.is_believed())
            .map(|t| t.id.0)
            .collect()
    }
}

fn spot(x: f32, y: f32) -> Detection {
    Detection {
        x,
        y,
        w: 3.0,
        h: 3.0,
        score: 0.9,
    }
}

/// A target flying from (100, 100) at 2 px/frame to the right.
fn flying(k: u16) -> Detection {
    spot(100.0 + 2.0 * f32::from(k), 100.0)
}

fn jitter(random: &mut Pcg64Mcg, detection: Detection, px: f32) -> Detection {
    Detection {
        x: detection.x + random.random_range(-px..px),
        y: detection.y + random.random_range(-px..px),
        ..detection
    }
}

#[test]
fn straight_target_is_confirmed_with_place_speed_and_size() {
    let mut bench = Bench::new();
    for k in 0..60 {
        let state = bench.frame(CLEAR, &[flying(k)])[0].state;
        let want = if k < 2 {
            TrackState::Tentative
        } else {
            TrackState::Confirmed
        };
        assert_eq!(state, want, "frame {k}");
    }
    let track = bench.tracks[0];
    assert_eq!((track.id, track.age, track.misses), (TrackId(1), 59, 0));
    assert!(
        (track.x - 218.0).abs() < 0.05 && (track.y - 100.0).abs() < 0.05,
        "{track:?}"
    );
    // 2 px a frame of 20 ms.
    assert!(
        (track.vx - 100.0).abs() < 1.0 && track.vy.abs() < 1.0,
        "{track:?}"
    );
    assert!((track.w - 3.0).abs() < 1e-6 && track.score == 0.9);
    assert!(track.sigma_px > 0.1 && track.sigma_px < 1.06, "{track:?}");
}

#[test]
fn stated_uncertainty_covers_the_true_error() {
    let mut random = Pcg64Mcg::seed_from_u64(21);
    let mut bench = Bench::new();
    let (mut squares, mut variance, mut frames) = (0.0, 0.0, 0.0);
    for k in 0..500 {
        // Uniform within +-1.73 px: variance 1, as the score of 1 says.
        let seen = Detection {
            score: 1.0,
            ..jitter(&mut random, flying(k), 1.73)
        };
        let track = bench.frame(CLEAR, &[seen])[0];
        if k > 20 {
            squares += (f64::from(track.x - flying(k).x).powi(2)
                + f64::from(track.y - 100.0).powi(2))
                / 2.0;
            variance += f64::from(track.sigma_px).powi(2);
            frames += 1.0;
        }
    }
    assert_eq!(bench.believed(), [1]);
    let (error, sigma) = ((squares / frames).sqrt(), (variance / frames).sqrt());
    // Better than the raw detection, and no better than it says.
    assert!(
        error < 0.85 && error < sigma * 1.1,
        "error {error} sigma {sigma}"
    );
}

#[test]
fn crossing_targets_keep_their_identity() {
    let mut random = Pcg64Mcg::seed_from_u64(2);
    for round in 0..20 {
        let mut bench = Bench::new();
        for k in 0..80_u16 {
            let t = f32::from(k);
            let a = jitter(&mut random, spot(100.0 + 2.0 * t, 100.0 + t), 0.4);
            let b = jitter(&mut random, spot(100.0 + 2.0 * t, 180.0 - t), 0.4);
            // Closer than two pixels the network sees one spot.
            if (a.y - b.y).abs() < 2.0 {
                bench.frame(
                    CLEAR,
                    &[spot(f32::midpoint(a.x, b.x), f32::midpoint(a.y, b.y))],
                );
            } else if k % 2 == 0 {
                bench.frame(CLEAR, &[a, b]);
            } else {
                bench.frame(CLEAR, &[b, a]);
            }
        }
        assert_eq!(bench.believed(), [1, 2], "round {round}");
        let (a, b) = (bench.tracks[0], bench.tracks[1]);
        assert!(a.y > 170.0 && b.y < 110.0, "round {round}: {a:?} {b:?}");
    }
}

#[test]
fn gap_of_ten_frames_without_detections_keeps_the_identity() {
    let mut random = Pcg64Mcg::seed_from_u64(4);
    let (mut kept, rounds) = (0, 50);
    for _ in 0..rounds {
        let mut bench = Bench::new();
        for k in 0..45 {
            if (25..35).contains(&k) {
                let track = bench.frame(CLEAR, &[])[0];
                assert_eq!(track.state, TrackState::Coasting);
                assert_eq!(track.misses, u32::from(k) - 24);
            } else {
                bench.frame(CLEAR, &[jitter(&mut random, flying(k), 0.5)]);
            }
        }
        kept += u32::from(bench.believed() == [1] && bench.tracks.len() == 1);
    }
    assert_eq!(kept, rounds);
}

#[test]
fn ten_lost_frames_keep_the_identity() {
    let mut bench = Bench::new();
    for k in (0..25).chain(35..45) {
        bench.at = MonoTime::from_nanos(1_000_000_000) + PERIOD * u32::from(k);
        bench.frame(CLEAR, &[flying(k)]);
    }
    assert_eq!((bench.believed(), bench.tracks.len()), (vec![1], 1));
    assert!(
        (bench.tracks[0].x - 188.0).abs() < 0.2,
        "{:?}",
        bench.tracks[0]
    );
}

#[test]
fn speed_after_a_gap_follows_the_line_between_both_ends() {
    let mut bench = Bench::new();
    for k in 0..25 {
        bench.frame(CLEAR, &[flying(k)]);
    }
    // Unseen for ten frames, it slows to 1.5 px/frame.
    for _ in 0..10 {
        bench.frame(CLEAR, &[]);
    }
    let track = bench.frame(CLEAR, &[spot(148.0 + 11.0 * 1.5, 100.0)])[0];
    assert_eq!(track.id, TrackId(1));
    assert!((track.vx - 75.0).abs() < 6.0, "{track:?}");
}

#[test]
fn noise_alone_confirms_less_than_a_track_in_a_thousand_frames() {
    let mut random = Pcg64Mcg::seed_from_u64(8);
    let mut bench = Bench::new();
    let mut confirmed = std::collections::BTreeSet::new();
    for _ in 0..20_000 {
        let clutter: Vec<Detection> = (0..4)
            .map(|_| Detection {
                score: random.random_range(0.1..0.8),
                ..spot(
                    random.random_range(0.0..640.0),
                    random.random_range(0.0..512.0),
                )
            })
            .collect();
        bench.frame(CLEAR, &clutter);
        confirmed.extend(bench.believed());
    }
    // 10 with this seed, of 33 837 births.
    assert!(confirmed.len() < 20, "{confirmed:?}");
}

#[test]
fn weak_target_seen_in_four_of_five_frames_is_confirmed_soon() {
    let mut random = Pcg64Mcg::seed_from_u64(14);
    let mut frames = 0;
    for _ in 0..200 {
        let mut bench = Bench::new();
        for k in 0..100 {
            let score = random.random_range(0.2..0.7);
            let seen = Detection {
                score,
                ..jitter(&mut random, flying(k), 1.0)
            };
            let shown = random.random_bool(0.8);
            bench.frame(
                CLEAR,
                if shown {
                    std::slice::from_ref(&seen)
                } else {
                    &[]
                },
            );
            frames += 1;
            if !bench.believed().is_empty() {
                break;
            }
        }
        assert_eq!(bench.believed().len(), 1);
    }
    assert!(frames < 200 * 7, "{frames} frames for 200 targets");
}

#[test]
fn weak_detections_continue_tracks_but_start_none() {
    let mut bench = Bench::new();
    let weak = |k| Detection {
        score: 0.2,
        ..flying(k)
    };
    for k in 0..10 {
        assert!(bench.frame(CLEAR, &[weak(k)]).is_empty());
    }
    for k in 10..15 {
        bench.frame(CLEAR, &[flying(k)]);
    }
    for k in 15..60 {
        bench.frame(CLEAR, &[weak(k)]);
        assert_eq!(bench.tracks[0].state, TrackState::Confirmed);
    }
    assert_eq!(bench.tracks.len(), 1);
    for k in 60..70 {
        bench.frame(
            CLEAR,
            &[Detection {
                score: 0.09,
                ..flying(k)
            }],
        );
        assert_eq!(bench.tracks[0].state, TrackState::Coasting);
    }
}

#[test]
fn flat_field_correction_keeps_identities_and_counts_no_misses() {
    let mut random = Pcg64Mcg::seed_from_u64(6);
    for round in 0..20 {
        let mut bench = Bench::new();
        for k in 0..40 {
            bench.frame(CLEAR, &[jitter(&mut random, flying(k), 0.5)]);
        }
        for k in 40..70 {
            // The frozen picture still shows the target where it was.
            let track = bench.frame(FFC, &[flying(39)])[0];
            assert_eq!(
                (track.state, track.misses),
                (TrackState::Coasting, 0),
                "frame {k}"
            );
        }
        for k in 70..80 {
            bench.frame(CLEAR, &[jitter(&mut random, flying(k), 0.5)]);
            assert_eq!(
                (bench.believed(), bench.tracks.len()),
                (vec![1], 1),
                "round {round} frame {k}"
            );
        }
        assert!((bench.tracks[0].x - 258.0).abs() < 2.0);
    }
}

#[test]
fn endless_flat_field_correction_drops_the_tracks_in_the_end() {
    let mut bench = Bench::new();
    for k in 0..10 {
        bench.frame(CLEAR, &[flying(k)]);
    }
    let alive = (0..500)
        .take_while(|_| !bench.frame(FFC, &[]).is_empty())
        .count();
    assert_eq!(alive, 90 + 14);
}

#[test]
fn no_track_is_born_during_a_flat_field_correction_or_while_it_settles() {
    let mut bench = Bench::new();
    for _ in 0..5 {
        assert!(bench.frame(FFC, &[flying(0)]).is_empty());
    }
    for _ in 0..10 {
        assert!(bench.frame(CLEAR, &[flying(0)]).is_empty());
    }
    assert_eq!(bench.frame(CLEAR, &[flying(0)]).len(), 1);
}

#[test]
fn impossible_detections_are_ignored() {
    let good = flying(0);
    let bad = [
        Detection {
            x: f32::NAN,
            ..good
        },
        Detection {
            y: f32::NEG_INFINITY,
            ..good
        },
        Detection {
            x: f32::MAX,
            ..good
        },
        Detection { w: 0.0, ..good },
        Detection {
            h: f32::NAN,
            ..good
        },
        Detection {
            score: f32::NAN,
            ..good
        },
        Detection { score: 2.0, ..good },
        Detection {
            score: -1.0,
            ..good
        },
    ];
    let mut bench = Bench::new();
    for k in 0..30 {
        let mut all = bad.to_vec();
        all.push(flying(k));
        bench.frame(CLEAR, &all);
        assert_eq!(bench.tracks.len(), 1);
    }
    assert_eq!(bench.believed(), [1]);
    for _ in 0..30 {
        bench.frame(CLEAR, &bad);
    }
    assert!(bench.tracks.is_empty());
}

#[test]
fn more_targets_than_room_are_safe() {
    let mut random = Pcg64Mcg::seed_from_u64(9);
    let mut bench = Bench::new();
    let mut seen_full = false;
    for _ in 0..200 {
        let many: Vec<Detection> = (0..MAX_DETECTIONS)
            .map(|_| {
                spot(
                    random.random_range(0.0..640.0),
                    random.random_range(0.0..512.0),
                )
            })
            .collect();
        seen_full |= bench.frame(CLEAR, &many).len() == MAX_TRACKS;
        assert!(
            bench
                .tracks
                .iter()
                .all(|t| t.x.is_finite() && t.sigma_px.is_finite())
        );
        assert!(
            bench.tracks.windows(2).all(|pair| pair[0].id < pair[1].id),
            "oldest first"
        );
    }
    assert!(seen_full);
}

#[test]
fn grid_of_as_many_targets_as_fit_keeps_every_identity() {
    let mut random = Pcg64Mcg::seed_from_u64(10);
    let mut bench = Bench::new();
    for k in 0..100_u8 {
        let grid: Vec<Detection> = (0..64_u8)
            .map(|i| {
                spot(
                    20.0 * f32::from(i % 8) + f32::from(k),
                    20.0 * f32::from(i / 8),
                )
            })
            .map(|d| jitter(&mut random, d, 0.5))
            .collect();
        bench.frame(CLEAR, &grid);
    }
    assert_eq!(bench.believed(), (1..=64).collect::<Vec<u32>>());
}

#[test]
fn time_going_backwards_starts_over_with_new_identities() {
    let mut bench = Bench::new();
    for k in 0..10 {
        bench.frame(CLEAR, &[flying(k)]);
    }
    bench.at = MonoTime::from_nanos(5);
    let track = bench.frame(CLEAR, &[flying(0)])[0];
    assert_eq!(
        (track.id, track.state, bench.tracks.len()),
        (TrackId(2), TrackState::Tentative, 1)
    );
    assert_eq!((track.x, track.vx), (100.0, 0.0));
}

#[test]
fn long_gap_of_time_starts_over() {
    for (frames, want) in [(15, 1), (17, 2)] {
        let mut bench = Bench::new();
        for _ in 0..10 {
            bench.frame(CLEAR, &[spot(50.0, 50.0)]);
        }
        bench.at = bench.at + PERIOD * (frames - 1);
        assert_eq!(
            bench.frame(CLEAR, &[spot(50.0, 50.0)])[0].id,
            TrackId(want),
            "{frames}"
        );
    }
    let mut bench = Bench::new();
    bench.frame(CLEAR, &[spot(50.0, 50.0)]);
    bench.at = MonoTime::from_nanos(u64::MAX);
    assert!(bench.frame(CLEAR, &[]).is_empty());
}

#[test]
fn source_silent_during_a_flat_field_correction_does_not_start_over() {
    let mut bench = Bench::new();
    for _ in 0..10 {
        bench.frame(CLEAR, &[spot(50.0, 50.0)]);
    }
    bench.frame(FFC, &[]);
    bench.at = bench.at + PERIOD * 40;
    assert_eq!(bench.frame(CLEAR, &[spot(50.0, 50.0)])[0].id, TrackId(1));
}

#[test]
fn repeated_frame_changes_nothing() {
    let mut bench = Bench::new();
    for k in 0..10 {
        bench.frame(CLEAR, &[flying(k)]);
    }
    let before = bench.tracks.clone();
    for _ in 0..50 {
        bench.at = bench.at - PERIOD;
        bench.frame(CLEAR, &[]);
    }
    assert_eq!(bench.tracks, before);
}

#[test]
fn two_tracks_on_one_target_become_the_older_one() {
    let mut bench = Bench::new();
    // Two spots 6 px apart close in and stay one spot.
    for k in 0..20_u8 {
        bench.frame(
            CLEAR,
            &[spot(100.0, 100.0), spot(106.0 - 0.2 * f32::from(k), 100.0)],
        );
    }
    assert_eq!(bench.believed(), [1, 2]);
    for _ in 0..14 {
        bench.frame(CLEAR, &[spot(100.0, 100.0), spot(100.5, 100.0)]);
    }
    assert_eq!(bench.believed(), [1]);
}

#[test]
fn lost_track_does_not_take_the_detection_of_the_followed_one() {
    let mut bench = Bench::new();
    for _ in 0..20 {
        bench.frame(CLEAR, &[spot(100.0, 100.0), spot(106.0, 100.0)]);
    }
    for _ in 0..12 {
        // The followed one hops by a pixel towards the lost one.
        bench.frame(CLEAR, &[spot(107.0, 100.0)]);
        let states: Vec<TrackState> = bench.tracks.iter().map(|t| t.state).collect();
        assert_eq!(states, [TrackState::Coasting, TrackState::Confirmed]);
    }
}

#[test]
fn same_input_gives_the_same_tracks() {
    let run = || {
        let mut random = Pcg64Mcg::seed_from_u64(12);
        let mut bench = Bench::new();
        let mut all = Vec::new();
        for k in 0..200 {
            let d = jitter(&mut random, flying(k), 1.0);
            all.push(bench.frame(FrameFlags { ffc: k % 50 == 49 }, &[d]).clone());
        }
        all
    };
    assert_eq!(run(), run());
}

#[test]
fn broken_settings_make_no_tracker() {
    let config = TrackerConfig {
        confirm_hits: 0,
        ..TrackerConfig::default()
    };
    assert!(matches!(
        Tracker::new(config, PERIOD),
        Err(TrackerError::Config { .. })
    ));
}

#[test]
fn reset_forgets_tracks_and_time_but_not_identities() {
    let mut bench = Bench::new();
    for k in 0..10 {
        bench.frame(CLEAR, &[flying(k)]);
    }
    bench.frame(FFC, &[]);
    bench.tracker.reset();
    bench.at = MonoTime::from_nanos(7);
    assert_eq!(bench.frame(CLEAR, &[flying(0)])[0].id, TrackId(2));
}
