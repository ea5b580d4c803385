//! What the rounds of all peers say: ratios to the reference, round by round, and their medians.

use serde::Serialize;

use super::recipe::Shape;
use crate::proof::Faults;
use crate::stats::{Interval, mean_of_medians, median, median_interval, ratios};

/// What one round measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figures {
    /// Server CPU by deliveries, microseconds.
    pub cpu_us: f64,
    /// Deliveries a second.
    pub deliveries_per_s: f64,
    /// Latency; `None` when the client was too slow to tell.
    pub p50_us: Option<f64>,
    #[allow(missing_docs)]
    pub p99_us: Option<f64>,
}

/// All rounds of one peer in one shape.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Cell {
    /// The peer.
    pub peer: String,
    /// The shape.
    pub shape: String,
    /// Round by round; `None`: dropped, or the peer was gone.
    pub rounds: Vec<Option<Figures>>,
    /// Rounds that mean nothing.
    pub dropped: u32,
    /// Rounds in which the client was saturated: their latencies are not counted.
    pub saturated: u32,
    /// Why, the first time.
    pub why: Option<String>,
    /// What went wrong with deliveries, over all rounds.
    pub faults: Faults,
    /// Deliveries that it left out and said so, over all rounds.
    pub skipped: u64,
    /// Why the peer was there no longer.
    pub ended: Option<String>,
}

impl Cell {
    /// Whether every delivery was right, to the end.
    pub fn is_right(&self) -> bool {
        !self.faults.any() && self.ended.is_none()
    }

    fn figures(&self, of: fn(&Figures) -> Option<f64>) -> Vec<f64> {
        self.rounds
            .iter()
            .map(|r| r.as_ref().and_then(of).unwrap_or(f64::NAN))
            .collect()
    }

    fn median(&self, of: fn(&Figures) -> Option<f64>) -> Option<f64> {
        let mut values = self.figures(of);
        values.retain(|v| v.is_finite());
        median(&values)
    }

    fn ratios(&self, to: &Cell, of: fn(&Figures) -> Option<f64>) -> Vec<f64> {
        ratios(&self.figures(of), &to.figures(of))
    }
}

/// One peer in one shape, by the reference.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// The rounds themselves.
    #[serde(flatten)]
    pub cell: Cell,
    /// Server CPU per delivery, microseconds: the median.
    pub cpu_us: Option<f64>,
    /// Deliveries a second: the median.
    pub deliveries_per_s: Option<f64>,
    /// Server CPU per delivery by the reference's.
    pub cpu: Option<Interval>,
    /// Latency by the reference's.
    pub p50: Option<Interval>,
    #[allow(missing_docs)]
    pub p99: Option<Interval>,
}

/// One shape: its lines in the order of the peers.
#[derive(Debug, Clone, Serialize)]
pub struct Board {
    /// The shape.
    pub shape: String,
    /// Connections that listen.
    pub subscribers: u32,
    /// Bytes of a message, as the recipe has them.
    pub size: String,
    /// Messages under way at once.
    pub outstanding: u32,
    /// Whom the others are measured by.
    pub reference: String,
    /// A line for each peer.
    pub lines: Vec<Line>,
}

impl Board {
    /// Measures all cells of a shape by that of the reference.
    pub fn new(shape: &Shape, reference: String, cells: Vec<Cell>, seed: u64) -> Board {
        let by = cells
            .iter()
            .find(|c| c.peer == reference)
            .cloned()
            .unwrap_or_default();
        let lines = cells.into_iter().map(|cell| {
            let interval = |of| median_interval(&cell.ratios(&by, of), seed);
            Line {
                cpu_us: cell.median(|f| Some(f.cpu_us)),
                deliveries_per_s: cell.median(|f| Some(f.deliveries_per_s)),
                cpu: interval(|f| Some(f.cpu_us)),
                p50: interval(|f| f.p50_us),
                p99: interval(|f| f.p99_us),
                cell,
            }
        });
        Board {
            lines: lines.collect(),
            shape: shape.name.clone(),
            subscribers: shape.subscribers,
            size: shape.size.to_string(),
            outstanding: shape.outstanding,
            reference,
        }
    }

    /// A peer's line.
    pub fn line(&self, peer: &str) -> Option<&Line> {
        self.lines.iter().find(|l| l.cell.peer == peer)
    }

    fn cpu_ratios(&self, peer: &str) -> Option<Vec<f64>> {
        let by = self.line(&self.reference)?;
        let ratios = self.line(peer)?.cell.ratios(&by.cell, |f| Some(f.cpu_us));
        (!ratios.is_empty()).then_some(ratios)
    }
}

/// The geometric mean of a peer's medians; `None` unless it has one in every shape.
pub fn mean_over(boards: &[Board], peer: &str, seed: u64) -> Option<Interval> {
    let samples: Option<Vec<Vec<f64>>> = boards.iter().map(|b| b.cpu_ratios(peer)).collect();
    mean_of_medians(&samples?, seed)
}

/// A peer's CPU per delivery in one shape by that in another, round by round.
pub fn quotient(of: &Board, by: &Board, peer: &str, seed: u64) -> Option<Interval> {
    let (of, by) = (of.line(peer)?, by.line(peer)?);
    median_interval(&of.cell.ratios(&by.cell, |f| Some(f.cpu_us)), seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(peer: &str, cpu: &[Option<f64>]) -> Cell {
        let figures = |cpu_us: f64| Figures {
            cpu_us,
            deliveries_per_s: 1.0,
            p50_us: (cpu_us < 9.0).then_some(cpu_us * 10.0),
            p99_us: None,
        };
        Cell {
            peer: peer.to_owned(),
            rounds: cpu.iter().map(|c| c.map(figures)).collect(),
            ..Cell::default()
        }
    }

    fn board(cells: Vec<Cell>) -> Board {
        let mut shape: Shape = toml::from_str("size = 128").unwrap();
        shape.name = "128x1".to_owned();
        Board::new(&shape, "bare".to_owned(), cells, 1)
    }

    #[test]
    fn ratios_are_of_the_same_round_and_dropped_rounds_count_for_nobody() {
        let bare = cell("bare", &[Some(1.0), Some(10.0), None, Some(4.0)]);
        let peer = cell("peer", &[Some(2.0), Some(20.0), Some(7.0), Some(12.0)]);
        let board = board(vec![peer, bare]);
        let line = board.line("peer").unwrap();
        assert_eq!(
            line.cpu.unwrap(),
            Interval {
                low: 2.0,
                mid: 2.0,
                high: 3.0
            }
        );
        assert_eq!(line.cpu_us, Some(9.5));
        // Latencies are there in one round only of both.
        assert_eq!(line.p50.unwrap().mid, 2.0);
        assert_eq!(line.p99, None);
        assert_eq!(board.line("bare").unwrap().cpu.unwrap().mid, 1.0);
    }

    #[test]
    fn a_mean_is_over_all_shapes_or_not_at_all() {
        let bare = || cell("bare", &[Some(1.0); 8]);
        let boards = [
            board(vec![
                bare(),
                cell("a", &[Some(2.0); 8]),
                cell("b", &[Some(5.0); 8]),
            ]),
            board(vec![bare(), cell("a", &[Some(8.0); 8])]),
        ];
        assert!((mean_over(&boards, "a", 1).unwrap().mid - 4.0).abs() < 1e-12);
        assert_eq!(mean_over(&boards, "b", 1), None);
        assert_eq!(quotient(&boards[1], &boards[0], "a", 1).unwrap().mid, 4.0);
        assert_eq!(quotient(&boards[1], &boards[0], "b", 1), None);
    }

    #[test]
    fn one_fault_or_an_end_is_not_right() {
        let mut cell = Cell::default();
        assert!(cell.is_right());
        cell.faults.lost = 1;
        assert!(!cell.is_right());
        let ended = Some("closed".to_owned());
        assert!(
            !Cell {
                ended,
                ..Cell::default()
            }
            .is_right()
        );
    }
}
