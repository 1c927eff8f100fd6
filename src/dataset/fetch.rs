//! The download of Fashion-MNIST.
//!
//! A file arrives under a `.part` name beside its target, is bounded by the size in the manifest,
//! and gets its name only once its SHA-256 is right. A `.part` that was cut off is continued with
//! a `Range` request, at the same mirror or another. Mirrors are tried in turn; one that failed is
//! asked last for the files that follow. How they are reached is up to the machine's environment.

use std::collections::VecDeque;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, anyhow, bail, ensure};

use super::Event;
use super::connection::Connection;
use super::manifest::{Manifest, ManifestFile, missing};
use super::partial_file::{OnDisk, PartialFile};
use crate::util::folder_lock::FolderLock;
use crate::util::text;

/// How long [`fetch`] may wait in all for mirrors that send nothing when a training run needs the
/// data: less than the ten seconds after which a run without network must go on.
pub const PATIENCE: Duration = Duration::from_secs(8);

const CHUNK: usize = 64 * 1024;

/// Downloads the files of `manifest` that `dir` lacks; makes the folder if need be.
///
/// `patience` bounds the time spent in all on waiting while no byte arrives: the mirrors share it,
/// and every byte that arrives renews it, so a slow download is not cut off and a missing network
/// is noticed in this time.
///
/// # Errors
///
/// If a file of the same name is there but another one (nothing is ever overwritten), if no mirror
/// gave a file with the right hash by HTTPS, if the environment names a proxy or certificates that
/// are of no use, or if the folder cannot be written.
pub fn fetch(
    dir: &Path,
    manifest: &Manifest,
    patience: Duration,
    notify: &mut dyn FnMut(Event<'_>),
) -> Result<()> {
    // Of a folder that has all of them nothing more is asked: it may be one to read only.
    if missing(dir, manifest)?.is_empty() {
        return Ok(());
    }
    let _lock = lock(dir, notify)?;
    let mut mirrors: VecDeque<&str> = manifest.mirrors.iter().map(String::as_str).collect();
    let missing = missing(dir, manifest)?;
    if missing.is_empty() {
        return Ok(());
    }
    let connection = Arc::new(Connection::from_env()?);
    let mut wait = Wait::new(patience);
    for file in missing {
        let target = dir.join(file.gz_name());
        let mut failures = Vec::new();
        while failures.len() < mirrors.len() {
            let mirror = mirrors[0];
            wait.mirrors_left = mirrors.len() - failures.len();
            match download(&connection, mirror, file, &target, &mut wait, notify) {
                Ok(()) => break,
                // No other mirror would mend that.
                Err(error) if error.is::<OnDisk>() => return Err(error),
                Err(error) => failures.push((mirror, error)),
            }
            mirrors.rotate_left(1);
        }
        if failures.len() == mirrors.len() {
            let proxy = connection.proxy_to(mirrors);
            bail!(
                "{} of {} could not be downloaded{} — {} — {}, and run `fmnist data fetch \
                 --data-dir {}` again, put the four files into {} by hand, or name a folder that has \
                 them with --data-dir",
                file.gz_name(),
                manifest.name,
                proxy.map_or(String::new(), |proxy| format!(" by the proxy {proxy}")),
                summary(&failures),
                connection.advice(failures.iter().map(|(_, error)| error), proxy),
                text::quoted(dir),
                text::shown(dir),
            );
        }
        notify(Event::Note(&format!(
            "{} is there, SHA-256 checked",
            target.display()
        )));
    }
    Ok(())
}

/// The host of a URL, which is enough for an error.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

/// What went wrong at each host, said once where it is the same everywhere.
fn summary(failures: &[(&str, Error)]) -> String {
    let hosts: Vec<&str> = failures.iter().map(|(mirror, _)| host(mirror)).collect();
    let reasons: Vec<String> = failures
        .iter()
        .map(|(_, error)| format!("{error:#}"))
        .collect();
    match &reasons[..] {
        [] => "its manifest names no mirror".to_owned(),
        [first, others @ ..] if others.iter().all(|reason| reason == first) => {
            format!("{}: {first}", hosts.join(", "))
        }
        _ => {
            let each = hosts.iter().zip(&reasons);
            let each: Vec<String> = each.map(|(host, why)| format!("{host}: {why}")).collect();
            each.join("; ")
        }
    }
}

/// Keeps a second process from downloading into `dir`, which is made if need be.
fn lock(dir: &Path, notify: &mut dyn FnMut(Event<'_>)) -> Result<FolderLock> {
    let waits = || {
        notify(Event::Note(&format!(
            "waiting for another download into {}",
            dir.display()
        )));
        Ok(())
    };
    let made = fs::create_dir_all(dir).map_err(anyhow::Error::from);
    let lock = made
        .and_then(|()| FolderLock::take(dir, waits))
        .with_context(|| {
            format!(
                "{} cannot hold the download — set XDG_CACHE_HOME to a folder that can be \
                 written, or run `fmnist data fetch --data-dir DIR` and name that folder to the \
                 other commands by --data-dir or FMNIST_DATA_DIR",
                dir.display()
            )
        })?;
    if let Some(warning) = &lock.warning {
        notify(Event::Warning(warning));
    }
    Ok(lock)
}

/// The time that may still pass without a byte.
struct Wait {
    patience: Duration,
    until: Instant,
    mirrors_left: usize,
}

impl Wait {
    fn new(patience: Duration) -> Self {
        Self {
            patience,
            until: Instant::now() + patience,
            mirrors_left: 1,
        }
    }

    /// The share of the mirror that is being tried.
    fn share(&self) -> Duration {
        let left = self.until.saturating_duration_since(Instant::now());
        left / u32::try_from(self.mirrors_left).unwrap_or(u32::MAX).max(1)
    }

    fn renew(&mut self) {
        self.until = Instant::now() + self.patience;
    }
}

/// Downloads `file` from one mirror to `target`.
fn download(
    connection: &Arc<Connection>,
    mirror: &str,
    file: &ManifestFile,
    target: &Path,
    wait: &mut Wait,
    notify: &mut dyn FnMut(Event<'_>),
) -> Result<()> {
    let mut part = PartialFile::open(target.with_extension("gz.part"))?;
    let url = format!("{mirror}{}", file.gz_name());
    let resumed = part.len()? > 0;
    // What was kept of an earlier attempt may be of no use: then once more from the beginning.
    let mut transfer = || transfer(connection, &url, file, &mut part, wait, notify);
    if !(transfer()? || resumed && transfer()?) {
        bail!("the file there has another SHA-256 than the manifest");
    }
    part.finish(target)
}

/// Completes `part` from `url`. False if what it then holds is not the file: `part` is emptied.
fn transfer(
    connection: &Arc<Connection>,
    url: &str,
    file: &ManifestFile,
    part: &mut PartialFile,
    wait: &mut Wait,
    notify: &mut dyn FnMut(Event<'_>),
) -> Result<bool> {
    let total = file.gz.bytes;
    let mut done = part.len()?;
    if done < total {
        let Some((mut body, start)) = request(connection, url, done, wait.share())? else {
            part.keep(0)?;
            return Ok(false);
        };
        done = start;
        part.keep(done)?;
        let name = file.gz_name();
        let mut buffer = vec![0; CHUNK];
        notify(Event::Download {
            file: &name,
            done,
            total,
        });
        loop {
            let read = body.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            wait.renew();
            done += read as u64;
            if done > total {
                part.keep(0)?;
                bail!("the file there has more than the {total} bytes of the manifest");
            }
            part.on_disk(|file| file.write_all(&buffer[..read]))?;
            notify(Event::Download {
                file: &name,
                done,
                total,
            });
        }
        ensure!(
            done == total,
            "the connection ended after {done} of {total} bytes"
        );
    }
    let good = done == total && part.sha256()? == file.gz.sha256;
    if !good {
        part.keep(0)?;
    }
    Ok(good)
}

/// Asks for the bytes of `url` from `start` on. Returns the answer's body and where in the file it
/// begins: at `start`, or at 0 if the server does not do ranges. None if there is no such range.
fn request(
    connection: &Arc<Connection>,
    url: &str,
    start: u64,
    allowed: Duration,
) -> Result<Option<(impl Read + use<>, u64)>> {
    let range = (start > 0).then(|| format!("bytes={start}-"));
    // The client bounds each phase of each redirect; the sum is bounded here. A thread that is left
    // behind ends by the client's own limits.
    let (sender, receiver) = mpsc::channel();
    let (connection, url) = (Arc::clone(connection), url.to_owned());
    thread::Builder::new()
        .spawn(move || drop(sender.send(connection.get(&url, range.as_deref(), allowed))))
        .context("the thread that waits for an answer cannot be started")?;
    let response = receiver
        .recv_timeout(allowed)
        .map_err(|_| anyhow!("no answer within {:.1} s", allowed.as_secs_f64()))??;
    let range = response
        .headers()
        .get("Content-Range")
        .and_then(|value| value.to_str().ok());
    let begins = match response.status().as_u16() {
        200 => 0,
        206 if range.is_some_and(|range| range.starts_with(&format!("bytes {start}-"))) => start,
        206 | 416 if start > 0 => return Ok(None),
        status => bail!("HTTP status {status}"),
    };
    Ok(Some((response.into_body().into_reader(), begins)))
}
