//! Flags, variables and the configuration file.
