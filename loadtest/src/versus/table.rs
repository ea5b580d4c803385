//! How it is shown: a board for each shape, then all in one table (Markdown, to be kept).

use std::fmt;

use super::score::{Board, Line};
use super::{Standings, Summary};
use crate::report::units;
use crate::stats::Interval;

impl fmt::Display for Standings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "versus: {} of {} s for each peer and shape, in turn, seed {}",
            rounds(self.rounds),
            self.seconds,
            self.seed
        )?;
        for name in &self.missing {
            writeln!(f, "left out, not installed: {name}")?;
        }
        for board in &self.boards {
            writeln!(f, "\n{board}")?;
        }
        writeln!(f)?;
        self.summary(f)
    }
}

impl fmt::Display for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.shape, self.title())?;
        let by = format!("CPU ÷ {} (95 %)", self.reference);
        write!(
            f,
            "  {:<12} {:>9} {by:<22} {:>6} {:>6} {:>12} {:>6}  deliveries",
            "", "CPU, µs", "p50 ÷", "p99 ÷", "deliveries/s", "rounds"
        )?;
        self.lines.iter().try_for_each(|line| write!(f, "\n{line}"))
    }
}

impl Board {
    /// What was asked, in words.
    fn title(&self) -> String {
        let size = match self.size.bytes().all(|b| b.is_ascii_digit()) {
            true => format!("{} B", self.size),
            false => self.size.replace("KiB", " KiB").replace("MiB", " MiB"),
        };
        let subscribers = units::count(u64::from(self.subscribers));
        format!("{subscribers} subscribers × {size} × {}", self.outstanding)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |value: Option<f64>| value.map_or("-".to_owned(), |v| format!("{v:.3}"));
        let ratio = |i: &Option<Interval>| i.map_or("-".to_owned(), |i| format!("{:.2}", i.mid));
        let per_s = self.deliveries_per_s.map(|n| units::count(n as u64));
        let cell = &self.cell;
        let counted = cell.rounds.iter().flatten().count();
        write!(
            f,
            "  {:<12} {:>9} {:<22} {:>6} {:>6} {:>12} {:>6}  {}",
            cell.peer,
            number(self.cpu_us),
            with_ends(&self.cpu),
            ratio(&self.p50),
            ratio(&self.p99),
            per_s.unwrap_or("-".to_owned()),
            counted,
            self.verdict()
        )?;
        if let Some(why) = cell.why.as_ref().filter(|_| cell.dropped > 0) {
            let dropped = rounds(cell.dropped);
            write!(f, "\n      INVALID: {dropped} dropped: {why}")?;
        }
        if cell.saturated > 0 {
            write!(
                f,
                "\n      in {} the client was saturated: the latencies of these are left out",
                rounds(cell.saturated)
            )?;
        }
        match &cell.ended {
            Some(why) => write!(f, "\n      {why}"),
            None => Ok(()),
        }
    }
}

impl Line {
    /// A word for what became of its deliveries.
    fn verdict(&self) -> String {
        let x = &self.cell.faults;
        let kinds = [
            (x.lost, "lost"),
            (x.duplicated, "doubled"),
            (x.reordered + x.order_differs, "out of order"),
            (x.corrupted, "corrupted"),
            (x.phantom, "never sent"),
        ];
        let wrong: Vec<String> = kinds
            .iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, what)| format!("{} {what}", units::count(*n)))
            .collect();
        match (wrong.is_empty(), &self.cell.ended) {
            (true, None) if self.cell.skipped > 0 => {
                let skipped = units::count(self.cell.skipped);
                format!("right but for {skipped} in announced gaps")
            }
            (true, None) => "all right".to_owned(),
            (true, Some(_)) => "ENDED".to_owned(),
            (false, _) => format!("WRONG: {}", wrong.join(", ")),
        }
    }
}

fn rounds(n: u32) -> String {
    units::some(u64::from(n), "round")
}

/// A ratio with where it may as well lie.
fn with_ends(interval: &Option<Interval>) -> String {
    let one = |i: &Interval| match i.low == 1.0 && i.high == 1.0 {
        true => "1".to_owned(),
        false => format!("{:.3} ({:.3} to {:.3})", i.mid, i.low, i.high),
    };
    interval.as_ref().map_or("-".to_owned(), one)
}

impl Standings {
    /// Peers to the right, shapes downwards.
    fn summary(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.peers.iter().map(|p| p.peer.clone());
        row(f, "CPU per delivery ÷ the reference's", names)?;
        writeln!(f, "|---|{}", "---|".repeat(self.peers.len()))?;
        for board in &self.boards {
            let by = match self.boards.iter().all(|b| b.reference == board.reference) {
                true => String::new(),
                false => format!(" ÷ {}", board.reference),
            };
            let title = board.title() + &by;
            let cells = self.peers.iter().map(|p| short_line(board.line(&p.peer)));
            row(f, &title, cells)?;
        }
        if self.boards.len() > 1 {
            let means = self.peers.iter().map(|p| short(&p.mean));
            row(f, "geometric mean", means)?;
        }
        let quotients = self.peers.first().map_or(&[][..], |p| &p.quotients);
        for (i, q) in quotients.iter().enumerate() {
            let each = self.peers.iter().map(|p| short(&p.quotients[i].ratio));
            row(f, &format!("{} ÷ {}", q.of, q.by), each)?;
        }
        if self.peers.iter().any(|p| p.memory.is_some()) {
            row(
                f,
                "RSS per idle connection, bytes",
                self.peers.iter().map(memory),
            )?;
        }
        let idle = self
            .peers
            .iter()
            .map(|p| format!("{:.2} %", p.idle_cpu_share * 100.0));
        row(f, "CPU while others had their turn", idle)?;
        let right = self
            .peers
            .iter()
            .map(|p| if p.right { "all right" } else { "WRONG" }.to_owned());
        row(f, "deliveries", right)
    }
}

fn row(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    cells: impl Iterator<Item = String>,
) -> fmt::Result {
    write!(f, "| {title} |")?;
    for cell in cells {
        write!(f, " {cell} |")?;
    }
    writeln!(f)
}

fn short_line(line: Option<&Line>) -> String {
    let Some(line) = line else {
        return String::new();
    };
    let mark = if line.cell.is_right() { "" } else { " WRONG" };
    short(&line.cpu) + mark
}

fn short(interval: &Option<Interval>) -> String {
    let one = |i: &Interval| match i.low == 1.0 && i.high == 1.0 {
        true => "1".to_owned(),
        false => format!("{:.2} ({:.2}–{:.2})", i.mid, i.low, i.high),
    };
    interval.as_ref().map_or(String::new(), one)
}

fn memory(peer: &Summary) -> String {
    let Some(memory) = &peer.memory else {
        return String::new();
    };
    let mark = if memory.right { "" } else { " WRONG" };
    let bytes = memory
        .connection_bytes
        .map(|n| units::count(n.max(0.0) as u64));
    bytes.unwrap_or("-".to_owned()) + mark
}
