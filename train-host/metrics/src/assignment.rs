//! Minimum-cost assignment of a rectangular matrix.
//!
//! In: costs, row by row. Out: for every row its column, with `min(rows, cols)` rows assigned and the least total
//! cost. Refused: a buffer of the wrong length and costs that are not finite; forbid a pair by a large finite cost.
//!
//! Method: shortest augmenting paths with dual variables (Jonker and Volgenant 1987, in the rectangular form of
//! Crouse, "On implementing 2D rectangular assignment algorithms", IEEE TAES 2016), `O(n^2 m)` for `n <= m`. Columns
//! are scanned from the last to the first and a free column wins a tie, as in SciPy's `linear_sum_assignment`, so
//! that ties resolve as they do in metrics written on top of it.

use thiserror::Error;

/// Why a cost matrix was refused.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum AssignmentError {
    /// The buffer does not hold `rows * cols` costs.
    #[error(
        "cost matrix holds {found} values, {rows} rows of {cols} are wanted; pass it row by row without gaps"
    )]
    Shape {
        /// Values found.
        found: usize,
        /// Rows.
        rows: usize,
        /// Columns.
        cols: usize,
    },
    /// A cost is NaN or infinite.
    #[error(
        "cost at row {row} column {col} is {value}, a finite number is wanted; forbid a pair by a large cost"
    )]
    NotFinite {
        /// Row of the cost.
        row: usize,
        /// Column of the cost.
        col: usize,
        /// The cost.
        value: f64,
    },
}

/// Column of each row (`None` when there are more rows than columns and the row went empty).
pub fn assign(
    cost: &[f64],
    rows: usize,
    cols: usize,
) -> Result<Vec<Option<usize>>, AssignmentError> {
    if rows.checked_mul(cols) != Some(cost.len()) {
        return Err(AssignmentError::Shape {
            found: cost.len(),
            rows,
            cols,
        });
    }
    if let Some(at) = cost.iter().position(|c| !c.is_finite()) {
        let (row, col, value) = (
            at / cols,
            at % cols,
            cost.get(at).copied().unwrap_or(f64::NAN),
        );
        return Err(AssignmentError::NotFinite { row, col, value });
    }
    Ok(assign_by(rows, cols, |r, c| {
        cost.get(r * cols + c).copied().unwrap_or(f64::MAX)
    }))
}

/// As [`assign`], for costs that are finite by construction.
pub(crate) fn assign_by(
    rows: usize,
    cols: usize,
    cost: impl Fn(usize, usize) -> f64,
) -> Vec<Option<usize>> {
    if rows <= cols {
        let matrix: Vec<f64> = (0..rows)
            .flat_map(|r| (0..cols).map(move |c| (r, c)))
            .map(|(r, c)| cost(r, c))
            .collect();
        return Solver::new(rows, cols).solve(&matrix);
    }
    let matrix: Vec<f64> = (0..cols)
        .flat_map(|c| (0..rows).map(move |r| (r, c)))
        .map(|(r, c)| cost(r, c))
        .collect();
    let row_of_col = Solver::new(cols, rows).solve(&matrix);
    let mut result = vec![None; rows];
    for (col, row) in row_of_col.into_iter().enumerate() {
        if let Some(slot) = row.and_then(|r| result.get_mut(r)) {
            *slot = Some(col);
        }
    }
    result
}

/// State of the search; `rows <= cols`.
struct Solver {
    row_dual: Vec<f64>,
    col_dual: Vec<f64>,
    col_of_row: Vec<Option<usize>>,
    row_of_col: Vec<Option<usize>>,
    /// Length of the shortest path found to each column in the current search.
    reach: Vec<f64>,
    /// Row from which that path enters the column.
    from_row: Vec<usize>,
    unsettled: Vec<usize>,
    settled: Vec<usize>,
}

impl Solver {
    fn new(rows: usize, cols: usize) -> Self {
        Self {
            row_dual: vec![0.0; rows],
            col_dual: vec![0.0; cols],
            col_of_row: vec![None; rows],
            row_of_col: vec![None; cols],
            reach: vec![f64::INFINITY; cols],
            from_row: vec![0; cols],
            unsettled: Vec::with_capacity(cols),
            settled: Vec::with_capacity(cols),
        }
    }

    #[allow(
        clippy::indexing_slicing,
        reason = "all indices are rows < rows and columns < cols by construction"
    )]
    fn solve(mut self, cost: &[f64]) -> Vec<Option<usize>> {
        for row in 0..self.row_dual.len() {
            let Some((sink, length)) = self.shortest_path(cost, row) else {
                continue;
            };
            // Duals first: they need the assignment the search ran on.
            self.row_dual[row] += length;
            for &col in &self.settled {
                let slack = length - self.reach[col];
                self.col_dual[col] -= slack;
                if let Some(owner) = self.row_of_col[col] {
                    self.row_dual[owner] += slack;
                }
            }
            let mut col = sink;
            loop {
                let owner = self.from_row[col];
                self.row_of_col[col] = Some(owner);
                let Some(previous) = self.col_of_row[owner].replace(col) else {
                    break;
                };
                col = previous;
            }
        }
        self.col_of_row
    }

    /// Dijkstra over columns from `start` to the nearest free column; `None` only when costs overflow.
    #[allow(
        clippy::indexing_slicing,
        reason = "all indices are rows < rows and columns < cols by construction"
    )]
    fn shortest_path(&mut self, cost: &[f64], start: usize) -> Option<(usize, f64)> {
        let cols = self.col_dual.len();
        self.reach.fill(f64::INFINITY);
        self.settled.clear();
        self.unsettled.clear();
        self.unsettled.extend((0..cols).rev());
        let (mut row, mut length) = (start, 0.0);
        loop {
            let mut nearest: Option<(usize, f64)> = None;
            for (at, &col) in self.unsettled.iter().enumerate() {
                let through =
                    length + cost[row * cols + col] - self.row_dual[row] - self.col_dual[col];
                if through < self.reach[col] {
                    self.reach[col] = through;
                    self.from_row[col] = row;
                }
                let reach = self.reach[col];
                let lowest = nearest.map_or(f64::INFINITY, |(_, lowest)| lowest);
                if reach < lowest || (reach == lowest && self.row_of_col[col].is_none()) {
                    nearest = Some((at, reach));
                }
            }
            let (at, lowest) = nearest.filter(|(_, lowest)| lowest.is_finite())?;
            length = lowest;
            let col = self.unsettled.swap_remove(at);
            self.settled.push(col);
            match self.row_of_col[col] {
                None => return Some((col, length)),
                Some(owner) => row = owner,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(cost: &[f64], cols: usize, assigned: &[Option<usize>]) -> f64 {
        assigned
            .iter()
            .enumerate()
            .filter_map(|(r, c)| c.map(|c| cost[r * cols + c]))
            .sum()
    }

    /// Least total over all ways to give `min(rows, cols)` rows distinct columns.
    fn brute(
        cost: &[f64],
        rows: usize,
        cols: usize,
        row: usize,
        used: &mut Vec<bool>,
        left: usize,
    ) -> f64 {
        if left == 0 {
            return 0.0;
        }
        if rows - row < left {
            return f64::INFINITY;
        }
        let mut best = brute(cost, rows, cols, row + 1, used, left);
        for col in 0..cols {
            if !used[col] {
                used[col] = true;
                best = best
                    .min(cost[row * cols + col] + brute(cost, rows, cols, row + 1, used, left - 1));
                used[col] = false;
            }
        }
        best
    }

    #[test]
    fn total_cost_is_the_least_of_all_assignments() {
        let mut state = 3_u64;
        for case in 0..400 {
            let (rows, cols) = (1 + case % 5, 1 + (case / 5) % 6);
            let cost: Vec<f64> = (0..rows * cols)
                .map(|_| {
                    state = state
                        .wrapping_mul(6364136223846793005)
                        .wrapping_add(1442695040888963407);
                    ((state >> 33) % 9) as f64
                })
                .collect();
            let got = assign(&cost, rows, cols).unwrap();
            let mut columns: Vec<_> = got.iter().flatten().collect();
            assert_eq!(columns.len(), rows.min(cols));
            columns.sort();
            columns.dedup();
            assert_eq!(columns.len(), rows.min(cols), "a column was given twice");
            let least = brute(&cost, rows, cols, 0, &mut vec![false; cols], rows.min(cols));
            assert_eq!(total(&cost, cols, &got), least, "case {case} {cost:?}");
        }
    }

    #[test]
    fn constant_costs_give_the_identity() {
        assert_eq!(
            assign(&[1.0; 9], 3, 3).unwrap(),
            [Some(0), Some(1), Some(2)]
        );
    }

    #[test]
    fn an_empty_matrix_assigns_nothing() {
        assert_eq!(assign(&[], 0, 5).unwrap(), []);
        assert_eq!(assign(&[], 2, 0).unwrap(), [None, None]);
    }

    #[test]
    fn wrong_shapes_and_infinite_costs_are_refused() {
        assert!(matches!(
            assign(&[1.0], 2, 2),
            Err(AssignmentError::Shape { found: 1, .. })
        ));
        assert!(matches!(
            assign(&[1.0, f64::INFINITY], 1, 2),
            Err(AssignmentError::NotFinite { row: 0, col: 1, .. })
        ));
    }

    #[test]
    fn huge_costs_do_not_hang() {
        assert_eq!(
            assign(&[f64::MAX, -f64::MAX, -f64::MAX, f64::MAX], 2, 2)
                .unwrap()
                .len(),
            2
        );
    }
}
