//! longwave on a seeded simulated network.
