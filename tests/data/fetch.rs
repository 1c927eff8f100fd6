//! Downloads against HTTP servers on loopback: what arrives is the published file or an error.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::idx_files::fingerprint;
use fmnist::dataset::Event;
use fmnist::dataset::fetch::fetch;
use fmnist::dataset::manifest::{Manifest, ManifestFile, State, missing, verify};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(3);

/// What a server does with a request.
#[derive(Clone)]
enum Answer {
    /// Sends these bytes, or the range asked for.
    File(Vec<u8>),
    /// Sends these bytes, whatever range is asked for.
    NoRanges(Vec<u8>),
    /// Announces all of these bytes, sends the first few, and closes the connection.
    CutOff(Vec<u8>, usize),
    /// Sends these bytes without having announced how many they are.
    Endless(Vec<u8>),
    Status(u16),
    Redirect(String),
    /// Takes the connection and never answers.
    Silence,
    /// Sends these bytes in pieces with pauses between them.
    Slow(Vec<u8>, Duration),
}

/// The requests a server has had: path and `Range` header.
type Log = Mutex<Vec<(String, Option<String>)>>;

/// A web server in this process, and what it was asked for.
struct Server {
    url: String,
    requests: Arc<Log>,
}

impl Server {
    fn new(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/mirror/", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (answer, log) = (answer.clone(), Arc::clone(&log));
                // A client that hangs up is part of several tests.
                thread::spawn(move || respond(stream.unwrap(), &answer, &log).ok());
            }
        });
        Self { url, requests }
    }

    fn host(&self) -> &str {
        self.url.split('/').nth(2).unwrap()
    }

    fn ranges(&self) -> Vec<Option<String>> {
        self.requests
            .lock()
            .unwrap()
            .iter()
            .map(|(_, range)| range.clone())
            .collect()
    }
}

fn respond(mut stream: TcpStream, answer: &Answer, log: &Log) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let path = lines.next().unwrap()?.split(' ').nth(1).unwrap().to_owned();
    let mut range = None;
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("range")
        {
            range = Some(value.to_owned());
        }
    }
    log.lock().unwrap().push((path, range.clone()));
    let start = range.map(|range| {
        range["bytes=".len()..]
            .trim_end_matches('-')
            .parse::<usize>()
            .unwrap()
    });
    let close = "Connection: close\r\n\r\n";
    match answer {
        Answer::File(bytes) => match start {
            Some(start) if start < bytes.len() => {
                let (last, total) = (bytes.len() - 1, bytes.len());
                write!(
                    stream,
                    "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {start}-{last}/{total}\r\n"
                )?;
                write!(stream, "Content-Length: {}\r\n{close}", total - start)?;
                stream.write_all(&bytes[start..])
            }
            Some(_) => write!(
                stream,
                "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n{close}"
            ),
            None => {
                write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{close}",
                    bytes.len()
                )?;
                stream.write_all(bytes)
            }
        },
        Answer::NoRanges(bytes) => {
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{close}",
                bytes.len()
            )?;
            stream.write_all(bytes)
        }
        Answer::CutOff(bytes, sent) => {
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{close}",
                bytes.len()
            )?;
            stream.write_all(&bytes[..*sent])
        }
        Answer::Endless(bytes) => {
            write!(stream, "HTTP/1.1 200 OK\r\n{close}")?;
            stream.write_all(bytes)
        }
        Answer::Status(status) => write!(
            stream,
            "HTTP/1.1 {status} No\r\nContent-Length: 0\r\n{close}"
        ),
        Answer::Redirect(to) => {
            write!(
                stream,
                "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n{close}"
            )
        }
        Answer::Silence => {
            thread::sleep(Duration::from_secs(60));
            Ok(())
        }
        Answer::Slow(bytes, pause) => {
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{close}",
                bytes.len()
            )?;
            for piece in bytes.chunks(bytes.len().div_ceil(6)) {
                stream.write_all(piece)?;
                thread::sleep(*pause);
            }
            Ok(())
        }
    }
}

fn content() -> Vec<u8> {
    (0..200_000_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

/// A dataset of one file, `data.gz`, at these mirrors.
fn manifest(servers: &[&Server]) -> Manifest {
    Manifest {
        name: "Test".to_owned(),
        mirrors: servers.iter().map(|server| server.url.clone()).collect(),
        files: vec![ManifestFile {
            name: "data".to_owned(),
            gz: fingerprint(&content()),
            raw: fingerprint(b"unpacked"),
        }],
    }
}

struct Target {
    _root: TempDir,
    dir: PathBuf,
}

impl Target {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        Self {
            dir: root.path().join("not").join("yet"),
            _root: root,
        }
    }

    fn fetch(&self, servers: &[&Server]) -> Result<(), String> {
        fetch(&self.dir, &manifest(servers), PATIENCE, &mut |_| {})
            .map_err(|error| error.to_string())
    }

    fn file(&self) -> Vec<u8> {
        fs::read(self.dir.join("data.gz")).unwrap()
    }

    fn part(&self) -> PathBuf {
        self.dir.join("data.gz.part")
    }

    fn leave_part(&self, bytes: &[u8]) {
        fs::create_dir_all(&self.dir).unwrap();
        fs::write(self.part(), bytes).unwrap();
    }

    #[track_caller]
    fn assert_complete(&self) {
        assert_eq!(self.file(), content());
        assert!(!self.part().exists());
    }

    #[track_caller]
    fn assert_absent(&self) {
        assert!(!self.dir.join("data.gz").exists());
    }
}

fn names(dir: &Path) -> Vec<String> {
    fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn a_good_file_arrives_with_progress_and_once() {
    let (server, target) = (Server::new(Answer::File(content())), Target::new());
    let mut progress = Vec::new();
    fetch(&target.dir, &manifest(&[&server]), PATIENCE, &mut |event| {
        if let Event::Download { file, done, total } = event {
            assert_eq!((file, total), ("data.gz", 200_000));
            progress.push(done);
        }
    })
    .unwrap();
    target.assert_complete();
    assert_eq!(
        (progress.first(), progress.last()),
        (Some(&0), Some(&200_000))
    );
    assert!(progress.is_sorted());
    // What is there already is not asked for again.
    target.fetch(&[&server]).unwrap();
    let requests = server.requests.lock().unwrap();
    assert_eq!(*requests, [("/mirror/data.gz".to_owned(), None)]);
}

#[test]
fn a_file_with_another_hash_is_refused_and_the_next_mirror_asked() {
    let mut other = content();
    other[1000] ^= 1;
    let (bad, good, target) = (
        Server::new(Answer::File(other)),
        Server::new(Answer::File(content())),
        Target::new(),
    );
    let message = target.fetch(&[&bad]).unwrap_err();
    assert!(
        message.contains("SHA-256") && message.contains(bad.host()),
        "{message}"
    );
    target.assert_absent();
    target.fetch(&[&bad, &good]).unwrap();
    target.assert_complete();
    assert_eq!(good.ranges(), [None], "nothing of the wrong file is kept");
}

#[test]
fn a_download_that_is_cut_off_is_continued_at_the_next_mirror() {
    let cut = Server::new(Answer::CutOff(content(), 90_000));
    let (good, target) = (Server::new(Answer::File(content())), Target::new());
    target.fetch(&[&cut, &good]).unwrap();
    target.assert_complete();
    assert_eq!(good.ranges(), [Some("bytes=90000-".to_owned())]);
}

#[test]
fn a_download_that_is_cut_off_is_continued_by_the_next_run() {
    let cut = Server::new(Answer::CutOff(content(), 90_000));
    let (good, target) = (Server::new(Answer::File(content())), Target::new());
    target.fetch(&[&cut]).unwrap_err();
    target.assert_absent();
    assert_eq!(fs::read(target.part()).unwrap(), content()[..90_000]);
    target.fetch(&[&good]).unwrap();
    target.assert_complete();
    assert_eq!(good.ranges(), [Some("bytes=90000-".to_owned())]);
}

#[test]
fn a_server_without_ranges_sends_everything_again() {
    let (server, target) = (Server::new(Answer::NoRanges(content())), Target::new());
    target.leave_part(&content()[..50_000]);
    target.fetch(&[&server]).unwrap();
    target.assert_complete();
    assert_eq!(server.ranges(), [Some("bytes=50000-".to_owned())]);
}

#[test]
fn leftovers_of_something_else_are_dropped_and_the_file_loaded_from_its_beginning() {
    for leftover in [vec![7; 50_000], vec![7; 200_000], vec![7; 300_000]] {
        let (server, target) = (Server::new(Answer::File(content())), Target::new());
        target.leave_part(&leftover);
        target.fetch(&[&server]).unwrap();
        target.assert_complete();
        assert_eq!(server.ranges().last(), Some(&None));
    }
}

#[test]
fn a_complete_part_needs_no_request() {
    let (server, target) = (Server::new(Answer::Status(500)), Target::new());
    target.leave_part(&content());
    target.fetch(&[&server]).unwrap();
    target.assert_complete();
    assert_eq!(server.ranges(), []);
}

#[test]
fn after_a_404_the_next_mirror_is_asked() {
    let missing = Server::new(Answer::Status(404));
    let (good, target) = (Server::new(Answer::File(content())), Target::new());
    let message = target.fetch(&[&missing]).unwrap_err();
    assert!(message.contains("404"), "{message}");
    target.fetch(&[&missing, &good]).unwrap();
    target.assert_complete();
}

#[test]
fn a_mirror_without_https_is_refused() {
    let (good, target) = (Server::new(Answer::File(content())), Target::new());
    // The same server by another address than the one that tests may use.
    let named = good.url.replace("127.0.0.1", "localhost");
    let mut manifest = manifest(&[&good]);
    manifest.mirrors = vec![named.clone()];
    let error = fetch(&target.dir, &manifest, PATIENCE, &mut |_| {}).unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains(&format!("{named}data.gz is not HTTPS")),
        "{message}"
    );
    target.assert_absent();
    assert_eq!(good.ranges(), []);
}

#[test]
fn redirects_are_followed_but_not_for_ever() {
    let good = Server::new(Answer::File(content()));
    let (moved, target) = (
        Server::new(Answer::Redirect(format!("{}else/data.gz", good.url))),
        Target::new(),
    );
    target.fetch(&[&moved]).unwrap();
    target.assert_complete();
    assert_eq!(good.requests.lock().unwrap()[0].0, "/mirror/else/data.gz");

    let (circle, target) = (
        Server::new(Answer::Redirect("/mirror/data.gz".to_owned())),
        Target::new(),
    );
    target.fetch(&[&circle]).unwrap_err();
    target.assert_absent();
    assert!(circle.ranges().len() < 20);
}

#[test]
fn more_bytes_than_the_manifest_says_are_refused() {
    let longer = [content(), vec![0; 5_000_000]].concat();
    for answer in [Answer::File(longer.clone()), Answer::Endless(longer)] {
        let (server, target) = (Server::new(answer), Target::new());
        let message = target.fetch(&[&server]).unwrap_err();
        assert!(message.contains("more than the 200000 bytes"), "{message}");
        target.assert_absent();
        assert_eq!(fs::metadata(target.part()).unwrap().len(), 0);
    }
}

#[test]
fn fewer_bytes_than_the_manifest_says_are_refused() {
    for answer in [
        Answer::File(content()[..9_000].to_vec()),
        Answer::Endless(content()[..9_000].to_vec()),
    ] {
        let (server, target) = (Server::new(answer), Target::new());
        let message = target.fetch(&[&server]).unwrap_err();
        assert!(message.contains("9000 of 200000 bytes"), "{message}");
        target.assert_absent();
    }
}

#[test]
fn silent_mirrors_are_given_up_in_the_time_they_share() {
    let silent = [(); 3].map(|()| Server::new(Answer::Silence));
    let (good, target) = (Server::new(Answer::File(content())), Target::new());
    let start = Instant::now();
    target
        .fetch(&[&silent[0], &silent[1], &silent[2]])
        .unwrap_err();
    let elapsed = start.elapsed();
    // Each its own would be three times as much.
    assert!(elapsed < 2 * PATIENCE, "{elapsed:?}");
    target.fetch(&[&silent[0], &silent[1], &good]).unwrap();
    target.assert_complete();
}

#[test]
fn a_slow_download_is_not_cut_off() {
    let pause = PATIENCE / 4;
    let (slow, target) = (Server::new(Answer::Slow(content(), pause)), Target::new());
    let start = Instant::now();
    target.fetch(&[&slow]).unwrap();
    target.assert_complete();
    assert!(
        start.elapsed() > PATIENCE,
        "the test must outlast the patience: {:?}",
        start.elapsed()
    );
}

#[test]
fn a_file_of_the_same_name_is_never_overwritten() {
    let (server, target) = (Server::new(Answer::File(content())), Target::new());
    fs::create_dir_all(&target.dir).unwrap();
    fs::write(target.dir.join("data.gz"), b"digits").unwrap();
    let message = target.fetch(&[&server]).unwrap_err();
    assert!(
        message.contains("another dataset under the same name?"),
        "{message}"
    );
    assert_eq!(target.file(), b"digits");
    assert_eq!(server.ranges(), []);
}

#[test]
fn two_downloads_into_one_folder_wait_for_each_other() {
    let (slow, target) = (
        Server::new(Answer::Slow(content(), Duration::from_millis(100))),
        Target::new(),
    );
    thread::scope(|scope| {
        let both = [(); 2].map(|()| scope.spawn(|| target.fetch(&[&slow])));
        for fetch in both {
            fetch.join().unwrap().unwrap();
        }
    });
    target.assert_complete();
    assert_eq!(
        slow.ranges(),
        [None],
        "the second finds what the first has loaded"
    );
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    fs::write(&file, b"").unwrap();
    let server = Server::new(Answer::File(content()));
    let error = fetch(
        &file.join("below"),
        &manifest(&[&server]),
        PATIENCE,
        &mut |_| {},
    )
    .unwrap_err();
    assert!(error.to_string().contains("below"), "{error}");
}

#[test]
fn verify_tells_good_wrong_and_missing_files_apart() {
    let root = tempfile::tempdir().unwrap();
    let (packed, unpacked) = (root.path().join("data.gz"), root.path().join("data"));
    let manifest = manifest(&[]);
    let state = || verify(root.path(), &manifest).unwrap().remove(0);
    assert_eq!(state(), State::Missing);
    assert_eq!(missing(root.path(), &manifest).unwrap().len(), 1);
    fs::write(&unpacked, b"unpacked").unwrap();
    assert_eq!(state(), State::Good(unpacked.clone()));
    fs::write(&unpacked, b"unpackeD").unwrap();
    assert_eq!(state(), State::Wrong(unpacked.clone()));
    missing(root.path(), &manifest).unwrap_err();
    // The one beside it is what was published, but which is meant?
    fs::write(&packed, content()).unwrap();
    assert_eq!(state(), State::Wrong(unpacked.clone()));
    assert_eq!(names(root.path()).len(), 2, "verify writes nothing");
    fs::remove_file(unpacked).unwrap();
    assert_eq!(state(), State::Good(packed));
}

#[test]
fn the_built_in_manifest_is_sound() {
    let manifest = Manifest::fashion_mnist();
    assert_eq!(manifest.name, "Fashion-MNIST");
    assert!(!manifest.mirrors.is_empty());
    for mirror in &manifest.mirrors {
        assert!(mirror.starts_with("https://") && mirror.ends_with('/'));
    }
    let sizes: Vec<(u64, u64)> = manifest
        .files
        .iter()
        .map(|file| (file.gz.bytes, file.raw.bytes))
        .collect();
    let published = [
        (26_421_880, 47_040_016),
        (29_515, 60_008),
        (4_422_102, 7_840_016),
        (5_148, 10_008),
    ];
    assert_eq!(sizes, published);
    for print in manifest.files.iter().flat_map(|file| [&file.gz, &file.raw]) {
        assert_eq!(print.sha256.len(), 64);
        assert!(
            print
                .sha256
                .bytes()
                .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
        );
    }
}
