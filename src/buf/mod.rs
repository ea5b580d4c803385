//! Bytes at rest: the frame log and its segments, the gathered message, private output.
