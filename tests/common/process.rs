//! The program as its user runs it: real processes, their output and exit codes.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::sync::OnceLock;

use serde_json::Value;

use super::idx_files::write_dataset;
use super::{data_dir, fashion_mnist, first};

/// The shortest training there is.
pub const TRAIN: [&str; 11] = [
    "train",
    "--backend",
    "cpu",
    "--model",
    "dense",
    "--hidden",
    "8",
    "--samples",
    "100",
    "--epochs",
    "1",
];

/// Where Mesa keeps what it has compiled, for all tests: software Vulkan takes seconds to compile the CNN's shaders.
const SHADER_CACHE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/shader-cache");

/// `fmnist ARGS`, run in the folder `cwd` with the real data at hand.
pub fn fmnist(cwd: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fmnist"));
    command
        .args(args)
        .current_dir(cwd)
        .env("FMNIST_DATA_DIR", data_dir())
        .env("XDG_CACHE_HOME", cwd.join("cache"))
        .env("MESA_SHADER_CACHE_DIR", SHADER_CACHE)
        .env_remove("CLICOLOR_FORCE");
    command
}

pub fn output(mut command: Command) -> Output {
    command.output().expect("the program can be started")
}

/// Sends a signal such as `-INT`.
pub fn signal(child: &Child, name: &str) {
    let mut kill = Command::new("sh"); // every shell has a kill, not every system a program
    kill.args(["-c", "kill \"$0\" \"$1\"", name, &child.id().to_string()]);
    assert!(kill.status().expect("there is kill").success());
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("stdout is UTF-8")
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("stderr is UTF-8")
}

pub fn assert_success(output: &Output) {
    assert!(output.status.success(), "{output:?}");
}

/// The program failed with `code`, one `error:` line with every one of `parts`, and no panic.
pub fn assert_failure(output: &Output, code: i32, parts: &[&str]) {
    let stderr = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    assert!(stderr.contains("error: "), "{stderr}");
    for part in parts {
        assert!(stderr.contains(part), "{part:?} is missing in: {stderr}");
    }
}

pub fn json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).expect("the file is there");
    serde_json::from_str(&text).expect("the file is JSON")
}

pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder can be made")
}

/// A folder with a few images. Those of the whole test set take the most of a short run.
pub fn few_images() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("few-images");
        let all = fashion_mnist();
        write_dataset(&folder, &first(&all.train, 1000), &first(&all.test, 200));
        folder
    })
}

/// Makes a run one of an earlier version, in which datasets had the names of their last folders.
pub fn forget_digest(run: &Path, name: &str) {
    let path = run.join("config.json");
    let mut config = json(&path);
    config["dataset"] = name.into();
    drop(
        config
            .as_object_mut()
            .expect("an object")
            .remove("dataset_digest"),
    );
    std::fs::write(&path, config.to_string()).expect("a file");
}

/// Copies a folder with all that is in it.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).expect("a folder can be made");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        match entry.file_type().expect("it has one").is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(std::fs::copy(entry.path(), to).expect("it can be copied")),
        }
    }
}

/// `tests/faults/file_system.c`, compiled, to be preloaded into the program.
#[cfg(target_os = "linux")]
pub fn file_system_faults() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| compiled("file_system"))
}

/// `tests/faults/device.c`, likewise.
#[cfg(target_os = "linux")]
pub fn device_faults() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| compiled("device"))
}

#[cfg(target_os = "linux")]
fn compiled(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let library = folder.join(format!("{name}.so"));
    // Another test may be loading the library of this name.
    let unfinished = folder.join(format!("{name}-{}.so", std::process::id()));
    let mut compiler = Command::new("cc");
    compiler
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&unfinished)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/faults/{name}.c")))
        .arg("-ldl");
    assert!(compiler.status().expect("there is a C compiler").success());
    std::fs::rename(&unfinished, &library).expect("the library can be renamed");
    library
}
