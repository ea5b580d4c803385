//! Faults planted in the server, one at a time, to show that the simulation would notice them.

use longwave::mark::plant;

use crate::world;

/// Names asked for with `longwave::mark::planted`, and what is then wrong.
pub const PLANTED: &[(&str, &str)] = &[
    (
        "compressed_not_said",
        "a compressed message is not marked as such",
    ),
    (
        "plain_said_compressed",
        "a message that did not shrink is marked as compressed",
    ),
    (
        "window_kept",
        "the compressor's window is kept from one message to the next",
    ),
    (
        "flush_tail_left",
        "a compressed message ends with what has to be left out",
    ),
    (
        "bomb_passes",
        "a compressed message may inflate to a byte more than a message may have",
    ),
    (
        "inflated_text_unchecked",
        "text that was compressed is not checked",
    ),
    (
        "bad_text_committed",
        "text that is not UTF-8 stays in the log",
    ),
    (
        "control_inside_frame",
        "a control frame goes out inside a data frame",
    ),
    (
        "cursor_off_by_frame",
        "a short send moves the cursor to the end of its frame",
    ),
    (
        "cut_one_too_far",
        "the log is cut a byte beyond the slowest cursor",
    ),
    (
        "batch_forgotten",
        "messages that were gathered never go out",
    ),
    ("double_close", "a connection is freed twice"),
    (
        "emfile_waits_for_edge",
        "after EMFILE only a new connection makes it accept again",
    ),
    (
        "form_without_check",
        "text that is not UTF-8 is encoded where there are several forms",
    ),
    (
        "forget_channel_in_use",
        "a channel with members is forgotten",
    ),
    (
        "forgotten_readable",
        "a connection whose part of the turn is spent is not read on",
    ),
    (
        "gap_after_wrong",
        "a gap is told to begin a message too early",
    ),
    ("gap_count_wrong", "a gap is told to be longer than it is"),
    ("gap_not_announced", "a gap is not told"),
    (
        "gap_on_resume_hidden",
        "whoever resumes is not told what it missed",
    ),
    (
        "history_never_ages",
        "messages are kept however old they are",
    ),
    (
        "hole_not_moved",
        "a member that leaves during a sweep moves another past its turn",
    ),
    (
        "lost_partial_write",
        "a short send is sent again from its beginning",
    ),
    (
        "packets_sent_twice",
        "packets for one session alone come with two polls",
    ),
    (
        "probe_never_given_up",
        "a WebSocket that does not take over a session may stay",
    ),
    (
        "publisher_never_resumed",
        "publishers that were paused stay so",
    ),
    (
        "recovery_forgets_missed",
        "whoever comes back to a namespace begins with what is new",
    ),
    (
        "resume_forgets_form",
        "publishers resume only when the plain form has been offered",
    ),
    (
        "reused_slot",
        "an event for the last user of a slot is taken for the present one's",
    ),
    ("seat_leaks", "a session that ends stays in its channels"),
    (
        "second_poll_forgiven",
        "a second poll takes the place of the first",
    ),
    ("sender_not_excluded", "a sender gets its own messages"),
    (
        "session_never_silent",
        "a session that answers no ping stays",
    ),
    (
        "stale_id_valid",
        "an id is good however old it is, and of whatever run",
    ),
    (
        "unit_split",
        "packets for one session alone go out inside a message of a channel",
    ),
    (
        "upgrade_loses_leftover",
        "what waits for the next poll when a WebSocket takes over is lost",
    ),
];

/// Runs seeds with one fault planted until it is noticed: which seed, and how.
pub fn notice(name: &str, start: u64, seeds: u64, operations: u32) -> Option<(u64, String)> {
    plant(Some(name));
    let found = (start..start + seeds).find_map(|seed| {
        let failure = world::run(seed, operations, false).failure;
        failure.map(|(what, _)| (seed, what))
    });
    plant(None);
    found
}
