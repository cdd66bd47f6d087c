//! Assignment of least total cost.
//!
//! In: a cost matrix of up to [`MAX_SIDE`] rows and columns, some pairs forbidden. Out: for each row its column. As many
//! pairs as possible are made, and among those choices the cheapest is taken. Refused: nothing; forbidden pairs are
//! never given.
//!
//! Shortest augmenting paths with potentials, O(rows^2 columns): Jonker and Volgenant, "A shortest augmenting path
//! algorithm for dense and sparse linear assignment problems", Computing 38, 1987. The search of row `i` grows a tree of
//! alternating paths; `slack[j] = min over the tree of cost - row potential - column potential`.

/// Most rows, and most columns.
pub(crate) const MAX_SIDE: usize = 64;

/// Stands for a forbidden pair: far above any sum of [`MAX_SIDE`] real costs (below 100 each), small enough that a sum
/// keeps nine digits behind the point.
const FORBIDDEN: f64 = 1e5;

/// Costs and the working memory of the assignment; about 33 KiB, made once.
#[derive(Debug, Clone)]
pub(crate) struct Assignment {
    rows: usize,
    columns: usize,
    cost: [[f64; MAX_SIDE]; MAX_SIDE],
    column_of_row: [Option<usize>; MAX_SIDE],
}

impl Assignment {
    pub(crate) fn new() -> Self {
        Self {
            rows: 0,
            columns: 0,
            cost: [[FORBIDDEN; MAX_SIDE]; MAX_SIDE],
            column_of_row: [None; MAX_SIDE],
        }
    }

    /// Starts a new problem in which every pair is forbidden; sides beyond [`MAX_SIDE`] are cut.
    pub(crate) fn clear(&mut self, rows: usize, columns: usize) {
        self.rows = rows.min(MAX_SIDE);
        self.columns = columns.min(MAX_SIDE);
        for row in &mut self.cost[..self.rows] {
            row[..self.columns].fill(FORBIDDEN);
        }
        self.column_of_row.fill(None);
    }

    /// Allows the pair at this cost; costs that are not finite or not below the forbidden one leave it forbidden.
    pub(crate) fn allow(&mut self, row: usize, column: usize, cost: f64) {
        if row < self.rows && column < self.columns && cost.abs() < FORBIDDEN / MAX_SIDE as f64 {
            self.cost[row][column] = cost;
        }
    }

    /// Column of each row, `None` where nothing allowed was left.
    pub(crate) fn solve(&mut self) -> &[Option<usize>] {
        // The method wants at least as many columns as rows.
        let turned = self.rows > self.columns;
        let (short, long) = if turned {
            (self.columns, self.rows)
        } else {
            (self.rows, self.columns)
        };
        // Entry `long` of the arrays over the long side is the root of the tree being grown.
        let mut short_potential = [0.0; MAX_SIDE];
        let mut long_potential = [0.0; MAX_SIDE + 1];
        let mut owner: [Option<usize>; MAX_SIDE + 1] = [None; MAX_SIDE + 1];
        for root in 0..short {
            let mut slack = [f64::INFINITY; MAX_SIDE];
            let mut before = [long; MAX_SIDE];
            let mut in_tree = [false; MAX_SIDE + 1];
            owner[long] = Some(root);
            let mut at = long;
            // Each turn adds one element of the long side to the tree, so that `long` turns are enough.
            while let Some(i) = owner[at] {
                in_tree[at] = true;
                let mut least = f64::INFINITY;
                let mut next = None;
                for j in (0..long).filter(|&j| !in_tree[j]) {
                    let cost = if turned {
                        self.cost[j][i]
                    } else {
                        self.cost[i][j]
                    };
                    let reduced = cost - short_potential[i] - long_potential[j];
                    if reduced < slack[j] {
                        slack[j] = reduced;
                        before[j] = at;
                    }
                    if slack[j] < least {
                        least = slack[j];
                        next = Some(j);
                    }
                }
                let Some(next) = next else { break };
                for j in 0..=long {
                    if in_tree[j] {
                        if let Some(i) = owner[j] {
                            short_potential[i] += least;
                        }
                        long_potential[j] -= least;
                    } else if j < long {
                        slack[j] -= least;
                    }
                }
                at = next;
            }
            // Shift the owners along the path back to the root.
            while at != long {
                owner[at] = owner[before[at]];
                at = before[at];
            }
        }
        for (j, owner) in owner.iter().enumerate().take(long) {
            let Some(i) = *owner else { continue };
            let (row, column) = if turned { (j, i) } else { (i, j) };
            if self.cost[row][column] < FORBIDDEN {
                self.column_of_row[row] = Some(column);
            }
        }
        &self.column_of_row[..self.rows]
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _};
    use rand_pcg::Pcg64Mcg;

    use super::*;

    /// Most pairs, then least cost, by trying everything.
    fn best(costs: &[Vec<Option<i32>>], row: usize, taken: u32) -> (usize, i32) {
        let Some(options) = costs.get(row) else {
            return (0, 0);
        };
        let mut found = best(costs, row + 1, taken);
        for (j, cost) in options.iter().enumerate() {
            if let Some(cost) = cost
                && taken & (1 << j) == 0
            {
                let (pairs, total) = best(costs, row + 1, taken | 1 << j);
                let option = (pairs + 1, total + cost);
                if option.0 > found.0 || option.0 == found.0 && option.1 < found.1 {
                    found = option;
                }
            }
        }
        found
    }

    #[test]
    fn assignment_equals_trying_everything() {
        let mut random = Pcg64Mcg::seed_from_u64(11);
        let mut assignment = Assignment::new();
        for round in 0..3000 {
            let rows = random.random_range(0..=6);
            let columns = random.random_range(0..=6);
            let costs: Vec<Vec<Option<i32>>> = (0..rows)
                .map(|_| {
                    let cost = |_| {
                        random
                            .random_bool(0.6)
                            .then(|| random.random_range(-20..50))
                    };
                    (0..columns).map(cost).collect()
                })
                .collect();
            assignment.clear(rows, columns);
            for (i, row) in costs.iter().enumerate() {
                for (j, cost) in row.iter().enumerate() {
                    if let Some(cost) = cost {
                        assignment.allow(i, j, f64::from(*cost));
                    }
                }
            }
            let got = assignment.solve();
            let mut used = 0_u32;
            let (mut pairs, mut total) = (0, 0);
            for (i, column) in got.iter().enumerate() {
                if let Some(j) = *column {
                    assert_eq!(
                        used & (1 << j),
                        0,
                        "column {j} given twice in round {round}"
                    );
                    used |= 1 << j;
                    pairs += 1;
                    total += costs[i][j].expect("a forbidden pair was given");
                }
            }
            assert_eq!(
                (pairs, total),
                best(&costs, 0, 0),
                "round {round}: {costs:?}"
            );
        }
    }

    #[test]
    fn full_matrix_finds_the_hidden_permutation() {
        let mut assignment = Assignment::new();
        assignment.clear(MAX_SIDE, MAX_SIDE);
        for i in 0..MAX_SIDE {
            for j in 0..MAX_SIDE {
                let hidden = (i * 27 + 5) % MAX_SIDE == j;
                assignment.allow(i, j, if hidden { 1.0 } else { 2.0 });
            }
        }
        for (i, column) in assignment.solve().iter().enumerate() {
            assert_eq!(*column, Some((i * 27 + 5) % MAX_SIDE));
        }
    }

    #[test]
    fn costs_that_are_not_finite_are_forbidden() {
        let mut assignment = Assignment::new();
        assignment.clear(1, 2);
        assignment.allow(0, 0, f64::NAN);
        assignment.allow(0, 1, f64::NEG_INFINITY);
        assignment.allow(9, 9, 1.0);
        assert_eq!(assignment.solve(), [None]);
    }
}
