//! Marks on rare branches and planted faults, for the simulation only.
//!
//! `mark("name")` counts that a branch was taken, so that a simulated run can show that it got
//! there. `planted("name")` is true when the run was asked to break the code at that place, so
//! that the simulation can show that it would notice. Without the feature `sim` both are empty.

#[cfg(feature = "sim")]
mod on {
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    thread_local! {
        static MARKS: RefCell<BTreeMap<&'static str, u64>> = const { RefCell::new(BTreeMap::new()) };
        static PLANTED: RefCell<Option<String>> = const { RefCell::new(None) };
    }

    /// Counts that this branch was taken.
    pub fn mark(name: &'static str) {
        MARKS.with_borrow_mut(|m| *m.entry(name).or_default() += 1);
    }

    /// Whether the fault of this name is planted.
    pub fn planted(name: &str) -> bool {
        PLANTED.with_borrow(|p| p.as_deref() == Some(name))
    }

    /// Plants one fault, or none, on this thread.
    pub fn plant(name: Option<&str>) {
        PLANTED.with_borrow_mut(|p| *p = name.map(str::to_owned));
    }

    /// Takes the counts of this thread and starts again from zero.
    pub fn take_marks() -> BTreeMap<&'static str, u64> {
        MARKS.with_borrow_mut(std::mem::take)
    }
}

#[cfg(feature = "sim")]
pub use on::{mark, plant, planted, take_marks};

/// Counts that this branch was taken (in a simulation only).
#[cfg(not(feature = "sim"))]
#[inline(always)]
pub fn mark(_name: &'static str) {}

/// Whether the fault of this name is planted (never, outside a simulation).
#[cfg(not(feature = "sim"))]
#[inline(always)]
pub fn planted(_name: &str) -> bool {
    false
}
