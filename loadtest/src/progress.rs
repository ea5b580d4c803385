//! A line of progress on a terminal; nothing at all when the output is piped.

use std::fmt::Write;
use std::io::{IsTerminal, stderr};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressState, ProgressStyle};

/// How often a second the line is drawn: seldom enough to cost the run nothing.
const DRAWS_PER_SECOND: u8 = 5;

/// Says in words how far a line is.
type Words = fn(&ProgressState, &mut dyn Write);

/// A line of `total` steps; it goes when it is dropped, whatever became of the run.
fn line(what: &'static str, total: u64, words: Words) -> ProgressBar {
    let target = match stderr().is_terminal() {
        true => ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND),
        false => ProgressDrawTarget::hidden(),
    };
    let style = ProgressStyle::with_template("{prefix:>9} {wide_bar} {words}");
    let style = style
        .expect("the template is valid")
        .with_key("words", words);
    let bar = ProgressBar::with_draw_target(Some(total), target)
        .with_finish(ProgressFinish::AndClear)
        .with_style(style.progress_chars("━╸ "))
        .with_prefix(what);
    bar.tick();
    bar
}

/// Counts things.
pub fn bar(what: &'static str, total: u64) -> ProgressBar {
    line(what, total, |state, out| {
        let _ = write!(out, "{} of {}", state.pos(), state.len().unwrap_or(0));
    })
}

/// Follows a phase that takes this long; positions are milliseconds.
pub fn time(what: &'static str, takes: Duration) -> ProgressBar {
    line(what, takes.as_millis() as u64, |state, out| {
        let seconds = |ms: u64| ms as f64 / 1e3;
        let (at, all) = (seconds(state.pos()), seconds(state.len().unwrap_or(0)));
        let _ = write!(out, "{at:.1} of {all:.1} s");
    })
}
