//! Reads the directory of `--static` into memory.
//!
//! Rules:
//! - What can be seen is served, or the start is refused with the reason: a file that cannot be
//!   read, a link that leads out of the directory, a name that no path can have or that is the
//!   relay's own would otherwise be found out in production. Of the path of Socket.IO only what that
//!   path itself leads to is: its client's file may lie below.
//! - Names that begin with a dot are left out, with all that is below them; only `.well-known` at
//!   the top is served (RFC 8615).
//! - Once: who changes a file starts the relay again.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use sha1::{Digest, Sha1};

use super::Config;
use super::media::media_type;
use crate::files::{File, Files, INDEX, OWN};
use crate::http::is_file_name;
use crate::limits::{STATIC_DEPTH_MAX, STATIC_FILES_MAX};
use crate::settings::SocketIo;

/// The files of the directory that the configuration names, if it names one. An error is one line.
pub fn load(config: &Config) -> Result<Option<Files>, String> {
    let Some(directory) = &config.static_dir else {
        return Ok(None);
    };
    let refuse = |problem| format!("static {directory:?} {problem}");
    let bytes_max = config.settings.limits.static_bytes_max;
    let all = read(directory, bytes_max, STATIC_FILES_MAX).map_err(refuse)?;
    let names = || all.iter().map(|(name, _)| name.as_str());
    if let Some(name) = names().find(|name| hidden(&config.settings.socketio, name)) {
        let problem = "lies where Socket.IO is spoken (socketio_path)";
        return Err(refuse(self::refuse(name, problem)));
    }
    let bytes: usize = all.iter().map(|(_, file)| file.body.len()).sum();
    tracing::info!(files = all.len(), bytes, "serving the files of {directory}");
    Ok(Some(Files::new(all)))
}

/// Whether nobody could get the file of this name, since its path is that of sessions.
fn hidden(socketio: &SocketIo, name: &str) -> bool {
    let paths = [&socketio.path, &socketio.engine_path];
    paths.into_iter().any(|path| {
        let own = path.trim_matches('/');
        let below = name.strip_prefix(own);
        !own.is_empty()
            && below.is_some_and(|rest| rest.is_empty() || rest.strip_prefix('/') == Some(INDEX))
    })
}

/// What is in a directory, by path. An error says what is wrong with the directory.
fn read(
    directory: &str,
    bytes_max: usize,
    entries_max: usize,
) -> Result<Vec<(String, File)>, String> {
    let top = fs::canonicalize(directory).map_err(|e| format!("cannot be read: {e}"))?;
    if !top.is_dir() {
        return Err("is not a directory".to_owned());
    }
    let mut reader = Reader {
        top: top.clone(),
        bytes_max: bytes_max as u64,
        bytes: 0,
        entries_max,
        entries: 0,
        all: Vec::new(),
    };
    reader.directory(&top, "", 0)?;
    Ok(reader.all)
}

struct Reader {
    /// The directory itself, without links.
    top: PathBuf,
    bytes_max: u64,
    /// Of all files so far.
    bytes: u64,
    entries_max: usize,
    /// Files, directories and what is left out, so far.
    entries: usize,
    all: Vec<(String, File)>,
}

/// The sentence about one thing in the directory.
fn refuse(path: &str, problem: impl std::fmt::Display) -> String {
    format!("has {path:?}, which {problem}")
}

impl Reader {
    /// Reads what is in a directory; `before` is its path as it is served, with its slash.
    fn directory(&mut self, directory: &Path, before: &str, depth: usize) -> Result<(), String> {
        let cannot = |e| refuse(before, format!("cannot be read: {e}"));
        if depth > STATIC_DEPTH_MAX {
            let problem = format!(
                "is more than {STATIC_DEPTH_MAX} directories deep: a link may lead back to where it is"
            );
            return Err(refuse(before, problem));
        }
        let entries = fs::read_dir(directory).map_err(cannot)?;
        let names = entries
            .take(self.entries_max + 1)
            .map(|entry| entry.map(|e| e.file_name()));
        let mut names = names.collect::<Result<Vec<_>, _>>().map_err(cannot)?;
        // In the same order on every machine, and so with the same error.
        names.sort();
        for name in names {
            self.entries += 1;
            if self.entries > self.entries_max {
                return Err(format!(
                    "has more than {} files and directories",
                    self.entries_max
                ));
            }
            let path = format!("{before}{}", name.to_string_lossy());
            let Some(name) = name.to_str().filter(|name| is_file_name(name)) else {
                return Err(refuse(&path, "is a name that nobody can ask for"));
            };
            if !name.starts_with('.') || path == ".well-known" {
                self.entry(&directory.join(name), path, depth)?;
            }
        }
        Ok(())
    }

    fn entry(&mut self, place: &Path, path: String, depth: usize) -> Result<(), String> {
        if OWN.contains(&path.as_str()) {
            return Err(refuse(&path, "is a path of the relay's own"));
        }
        let cannot = |e| refuse(&path, format!("cannot be read: {e}"));
        let real = fs::canonicalize(place).map_err(cannot)?;
        if !real.starts_with(&self.top) {
            return Err(refuse(&path, "is a link that leads out of it"));
        }
        let kind = fs::metadata(&real).map_err(cannot)?.file_type();
        if kind.is_dir() {
            return self.directory(&real, &format!("{path}/"), depth + 1);
        }
        if !kind.is_file() {
            return Err(refuse(&path, "is neither a file nor a directory"));
        }
        let body = self.contents(&real).map_err(cannot)?;
        if self.bytes > self.bytes_max {
            return Err(format!(
                "has more than static_bytes_max ({}) in its files, with {path:?}",
                self.bytes_max
            ));
        }
        let file = File {
            content_type: media_type(&path, &body),
            etag: etag(&body),
            body: body.into(),
        };
        self.all.push((path, file));
        Ok(())
    }

    /// All of a file, or one byte more than there may be.
    fn contents(&mut self, real: &Path) -> std::io::Result<Vec<u8>> {
        let left = self.bytes_max.saturating_sub(self.bytes);
        let mut body = Vec::new();
        let file = fs::File::open(real)?;
        self.bytes += file.take(left + 1).read_to_end(&mut body)? as u64;
        Ok(body)
    }
}

/// A strong entity tag: the same bytes have the same one, after a restart and on another machine too.
fn etag(body: &[u8]) -> String {
    let digest = Sha1::digest(body);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

#[cfg(test)]
mod tests;
